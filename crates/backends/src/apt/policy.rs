//! Reads `apt-cache policy`: the archives that lists come from, and the versions that they offer. Pure.
//!
//! Archives are known by label and codename. Suite words (`stable`, `oldstable-security`) change their
//! meaning with each release and are never looked at.

use std::collections::BTreeMap;

use domain::offer::{Origin, Publisher};

/// Who counts as the vendor of the system, by the `Origin` field of the release file.
const SYSTEM_ORIGINS: [&str; 6] = [
    "Debian",
    "Debian Backports",
    "Ubuntu",
    "UbuntuESM",
    "UbuntuESMApps",
    "Raspbian",
];

/// Archives by the words with which apt describes each of them.
pub(crate) type Archives = BTreeMap<String, Origin>;

/// Reads `apt-cache policy` without names.
pub(crate) fn archives(text: &str) -> Archives {
    let mut found = Archives::new();
    let mut current: Option<&str> = None;
    for line in text.lines() {
        let trimmed = line.trim_start();
        if line.starts_with("Pinned packages") {
            break;
        }
        if let Some(release) = trimmed.strip_prefix("release ") {
            // dpkg's own database is listed too; it is no archive.
            if let Some(place) = current.take()
                && release != "a=now"
            {
                found.insert(place.to_owned(), origin(release));
            }
        } else {
            current = without_priority(trimmed);
        }
    }
    found
}

/// `500 http://… bookworm/main amd64 Packages` without the number.
fn without_priority(line: &str) -> Option<&str> {
    let (number, rest) = line.split_once(' ')?;
    number
        .trim_start_matches('-')
        .parse::<u32>()
        .is_ok()
        .then_some(rest)
}

/// Reads `v=12,o=Debian,a=oldstable-security,n=bookworm-security,l=Debian-Security,c=main,b=amd64`.
fn origin(release: &str) -> Origin {
    let mut values: BTreeMap<char, String> = BTreeMap::new();
    let mut last = None;
    for part in release.split(',') {
        let mut chars = part.chars();
        match (chars.next(), chars.next()) {
            (Some(key), Some('=')) if key.is_ascii_lowercase() => {
                values.insert(key, part[2..].to_owned());
                last = Some(key);
            }
            // A comma inside a value.
            _ => {
                if let Some(value) = last.and_then(|key| values.get_mut(&key)) {
                    value.push(',');
                    value.push_str(part);
                }
            }
        }
    }
    let mut take = |key| values.remove(&key).filter(|value| !value.is_empty());
    let who = take('o');
    let label = take('l')
        .or_else(|| who.clone())
        .unwrap_or_else(|| "unlabelled".to_owned());
    let codename = take('n')
        .or_else(|| take('a'))
        .unwrap_or_else(|| "-".to_owned());
    Origin {
        security: is_security(&label, &codename),
        publisher: match who {
            Some(who) if SYSTEM_ORIGINS.contains(&who.as_str()) => Publisher::System,
            Some(_) | None => Publisher::ThirdParty,
        },
        label,
        codename,
    }
}

/// Debian says it with the label, Ubuntu with the codename.
fn is_security(label: &str, codename: &str) -> bool {
    label.ends_with("-Security") || codename.ends_with("-security")
}

/// One package in `apt-cache policy NAME…`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Entry {
    /// `name` or `name:architecture`, as apt prints it.
    pub(crate) name: String,
    /// What is installed.
    pub(crate) installed: Option<String>,
    /// What apt would take.
    pub(crate) candidate: Option<String>,
    /// Each version with the archives that have it.
    pub(crate) versions: Vec<(String, Vec<String>)>,
}

impl Entry {
    /// Where a version comes from: a security archive before any other, else the first that has it.
    pub(crate) fn origin_of(&self, version: &str, archives: &Archives) -> Option<Origin> {
        let (_, places) = self.versions.iter().find(|(own, _)| own == version)?;
        let mut origins = places.iter().filter_map(|place| archives.get(place));
        let first = origins.next()?;
        let secure = std::iter::once(first)
            .chain(origins)
            .find(|origin| origin.security);
        Some(secure.unwrap_or(first).clone())
    }
}

/// Reads `apt-cache policy NAME…`.
pub(crate) fn entries(text: &str) -> Vec<Entry> {
    let mut found: Vec<Entry> = Vec::new();
    let value = |text: &str| Some(text.trim().to_owned()).filter(|value| value != "(none)");
    for line in text.lines() {
        if !line.starts_with(' ') {
            if let Some(name) = line.strip_suffix(':') {
                found.push(Entry {
                    name: name.to_owned(),
                    ..Entry::default()
                });
            }
            continue;
        }
        let Some(entry) = found.last_mut() else {
            continue;
        };
        if let Some(rest) = line.strip_prefix("  Installed:") {
            entry.installed = value(rest);
        } else if let Some(rest) = line.strip_prefix("  Candidate:") {
            entry.candidate = value(rest);
        } else if let Some(rest) = line.strip_prefix("        ") {
            if let (Some(place), Some((_, places))) = (
                without_priority(rest.trim_start()),
                entry.versions.last_mut(),
            ) {
                places.push(place.to_owned());
            }
        } else if let Some(rest) = line
            .strip_prefix(" *** ")
            .or_else(|| line.strip_prefix("     "))
            && let Some(version) = rest.split(' ').next()
        {
            entry.versions.push((version.to_owned(), Vec::new()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARCHIVES: &str =
        include_str!("../../tests/samples/apt-cache-policy.archives.bookworm.txt");
    const PACKAGES: &str =
        include_str!("../../tests/samples/apt-cache-policy.packages.bookworm.txt");

    #[test]
    fn archives_are_known_by_label_and_codename() {
        let lines: Vec<String> = archives(ARCHIVES)
            .iter()
            .map(|(place, o)| {
                format!(
                    "{place} -> {}:{} security={} {:?}",
                    o.label, o.codename, o.security, o.publisher
                )
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        http://mirror.example/debian bookworm-updates/main amd64 Packages -> Debian:bookworm-updates security=false System
        http://mirror.example/debian bookworm/main amd64 Packages -> Debian:bookworm security=false System
        http://mirror.example/debian-security bookworm-security/main amd64 Packages -> Debian-Security:bookworm-security security=true System
        ");
    }

    #[test]
    fn versions_and_their_archives_are_read() {
        let archives = archives(ARCHIVES);
        let entries = entries(PACKAGES);
        let shown = |name: &str, version: &str| {
            entries
                .iter()
                .find(|entry| entry.name == name)
                .unwrap()
                .origin_of(version, &archives)
                .map(|o| format!("{}:{}", o.label, o.codename))
        };
        assert_eq!(entries.len(), 6);
        assert_eq!(entries[1].candidate.as_deref(), Some("3.0.22-1~deb12u2"));
        assert_eq!(
            shown("openssl", "3.0.22-1~deb12u2").unwrap(),
            "Debian-Security:bookworm-security"
        );
        assert_eq!(
            shown("openssl", "3.0.17-1~deb12u2").unwrap(),
            "Debian:bookworm-updates"
        );
        assert_eq!(shown("zip", "3.0-13").unwrap(), "Debian:bookworm");
        assert_eq!(shown("openssl", "0"), None);
    }

    #[test]
    fn suite_words_and_odd_values_decide_nothing() {
        let read = |text: &str| {
            let o = origin(text);
            (
                format!("{}:{}", o.label, o.codename),
                o.security,
                o.publisher,
            )
        };
        assert_eq!(
            read("v=1,o=Ubuntu,a=jammy-security,n=jammy,l=Ubuntu,c=main,b=amd64"),
            ("Ubuntu:jammy".to_owned(), false, Publisher::System)
        );
        assert_eq!(
            read("o=Ubuntu,n=jammy-security,l=Ubuntu"),
            ("Ubuntu:jammy-security".to_owned(), true, Publisher::System)
        );
        assert_eq!(
            read("o=Lab,n=all,l=Lab-Security"),
            ("Lab-Security:all".to_owned(), true, Publisher::ThirdParty)
        );
        assert_eq!(
            read("o=Docker, Inc.,a=stable,l=Docker, CE,c=x"),
            ("Docker, CE:stable".to_owned(), false, Publisher::ThirdParty)
        );
        assert_eq!(read("c=").0, "unlabelled:-");
    }

    #[test]
    fn a_security_archive_wins_over_an_equal_version_elsewhere() {
        let archives = archives(ARCHIVES);
        let both = "a:\n  Installed: (none)\n  Candidate: 2\n  Version table:\n     2 500\n        500 http://mirror.example/debian bookworm/main amd64 Packages\n        500 http://mirror.example/debian-security bookworm-security/main amd64 Packages\n";
        let entry = &entries(both)[0];
        assert_eq!(entry.installed, None);
        assert!(entry.origin_of("2", &archives).unwrap().security);
    }
}
