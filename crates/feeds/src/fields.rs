//! Fields that many forms share: one line of text, an id, a date, a version, a set of ids.
//!
//! Texts of documents are untrusted: they are cut to a length, and what could hide or break a line is
//! taken out. Limits in characters or bytes as their names say. Errors: sentences for `broken`.

use std::collections::BTreeSet;

use domain::cve::CveId;
use domain::name::{PackageName, Version, printable};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use versions::Scheme;

use crate::seen::SeenIds;

/// Longest title that is kept, in characters.
pub const TITLE_CHARACTERS_MAX: usize = 300;
/// Longest id, in bytes.
pub const ID_BYTES_MAX: usize = 255;
/// Most CVEs and other ids of one record.
pub const IDS_MAX: usize = 20_000;

/// One line of text: blanks run together, nothing that is not printable, cut at the limit.
pub fn line(text: &str, characters_max: usize) -> String {
    let mut kept = String::new();
    let mut count = 0;
    let mut blank = false;
    for character in text.chars() {
        if character.is_whitespace() {
            blank = !kept.is_empty();
            continue;
        }
        if !printable(character) {
            continue;
        }
        if blank && count < characters_max {
            kept.push(' ');
            count += 1;
        }
        blank = false;
        if count >= characters_max {
            break;
        }
        kept.push(character);
        count += 1;
    }
    kept
}

/// A title.
pub fn title(text: &str) -> String {
    line(text, TITLE_CHARACTERS_MAX)
}

/// A vendor's word, short.
pub fn word(text: &str) -> String {
    line(text, 120)
}

/// An id: not empty, printable, at most [`ID_BYTES_MAX`] bytes.
pub fn id(text: &str) -> Result<&str, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("the id is empty".to_owned());
    }
    if text.len() > ID_BYTES_MAX {
        return Err(format!("the id is longer than {ID_BYTES_MAX} bytes"));
    }
    if !text.chars().all(printable) {
        return Err("the id holds characters that cannot be shown".to_owned());
    }
    Ok(text)
}

/// A package's name.
pub fn package(text: &str) -> Result<PackageName, String> {
    text.trim()
        .parse()
        .map_err(|error: domain::name::InvalidName| error.to_string())
}

/// A version of a package; kept as written when the ecosystem's tool can order it.
pub fn version(scheme: Option<Scheme>, text: &str) -> Result<Version, String> {
    let text = text.trim();
    let version: Version = text
        .parse()
        .map_err(|error: domain::name::InvalidName| error.to_string())?;
    if text.contains(char::is_whitespace) {
        return Err(format!("the version `{}` holds a blank", word(text)));
    }
    if let Some(scheme) = scheme {
        versions::order(scheme, text, text).map_err(|error| error.to_string())?;
    }
    Ok(version)
}

/// A point in time: RFC 3339, the same without a zone (then UTC), or a day (then its start in UTC).
pub fn timestamp(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp);
    }
    if let Ok(date) = text.parse::<Date>()
        && text.len() == 10
    {
        return day_start(date);
    }
    let date_time: DateTime = text.parse().ok()?;
    Some(date_time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// The start of a day in UTC.
pub fn day_start(date: Date) -> Option<Timestamp> {
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// Ids of one record, sorted and each once: CVEs apart from all others.
#[derive(Debug, Default, Clone)]
pub struct Ids {
    /// The CVEs.
    pub cves: BTreeSet<CveId>,
    /// The others.
    pub aliases: BTreeSet<String>,
}

impl Ids {
    /// Takes an id; what is no CVE id is an alias, what cannot be shown is left out.
    pub fn take(&mut self, text: &str) {
        if self.cves.len() + self.aliases.len() >= IDS_MAX {
            return;
        }
        let text = text.trim();
        if let Ok(cve) = text.parse::<CveId>() {
            self.cves.insert(cve);
        } else if let Ok(id) = id(text) {
            self.aliases.insert(id.to_owned());
        }
    }

    /// The CVEs as a list.
    pub fn cve_list(&self) -> Vec<CveId> {
        self.cves.iter().copied().collect()
    }

    /// The other ids as a list.
    pub fn alias_list(&self) -> Vec<String> {
        self.aliases.iter().cloned().collect()
    }
}

/// Knows which ids were read, so that a second one is broken and never counted twice.
#[derive(Debug, Default)]
pub struct Seen(SeenIds);

impl Seen {
    /// Takes note of an id; an error is the reason why the record is broken.
    pub fn first(&mut self, id: &str) -> Result<(), String> {
        if self.0.first(&[id]) {
            Ok(())
        } else {
            Err(format!("`{}` was read already", word(id)))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_nothing_that_could_hide_or_break_it() {
        assert_eq!(line("  a\n\tb\u{202e}c \u{0}d ", 100), "a bc d");
        assert_eq!(line("a b c", 3), "a b");
        assert_eq!(line("", 3), "");
    }

    #[test]
    fn times_without_a_zone_are_utc() {
        let noon: Timestamp = "2024-06-14T12:00:00Z".parse().unwrap();
        assert_eq!(timestamp("2024-06-14T12:00:00"), Some(noon));
        assert_eq!(timestamp("2024-06-14T14:00:00+02:00"), Some(noon));
        assert_eq!(
            timestamp("2024-06-14").unwrap().to_string(),
            "2024-06-14T00:00:00Z"
        );
        assert_eq!(timestamp("2024-13-14"), None);
        assert_eq!(timestamp("soon"), None);
    }

    #[test]
    fn a_version_that_cannot_be_ordered_is_refused() {
        assert!(version(Some(Scheme::Deb), "1:2.0-1+deb12u1").is_ok());
        // Policy forbids the underscore; dpkg orders it all the same, so it is kept as written.
        assert!(versions::parse(Scheme::Deb, "2.0_rc1-1").is_err());
        assert!(version(Some(Scheme::Deb), "2.0_rc1-1").is_ok());
        assert!(version(Some(Scheme::Deb), "x:1").is_err());
        assert!(version(Some(Scheme::Deb), "").is_err());
        assert!(version(Some(Scheme::Rpm), "1 2").is_err());
    }

    #[test]
    fn ids_that_are_no_cve_ids_are_aliases() {
        let mut ids = Ids::default();
        for text in [
            "CVE-2024-1234",
            "CVE-2023-XXXX",
            "GHSA-x",
            "CVE-2024-1234",
            "\u{7}",
        ] {
            ids.take(text);
        }
        assert_eq!(ids.cve_list(), ["CVE-2024-1234".parse().unwrap()]);
        assert_eq!(ids.alias_list(), ["CVE-2023-XXXX", "GHSA-x"]);
    }
}
