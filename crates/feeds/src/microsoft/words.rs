//! Words and numbers of Microsoft's documents, read strictly.
//!
//! Kinds of update, by the vendor's word (`SubType`; case, blanks and hyphens do not count). Number of
//! uses in the 54 sample documents behind it:
//!
//! | word | kind |
//! | --- | --- |
//! | `Monthly Rollup` (7,455) | cumulative |
//! | `Security Only` (4,925) | security-only |
//! | any with `hotpatch`: `SecurityHotpatchUpdate`, `AzureHotpatch`, … (1,037) | hotpatch |
//! | `IE Cumulative` (104) | cumulative of a browser |
//! | `ServicingStackUpdate` (38) | servicing stack |
//! | `Cumulative Update` (19) | cumulative; of a browser where the product is one |
//! | `Security Update` (29,018) of Windows 10, Windows Server 2016 or later | cumulative |
//! | `Security Update` of an older Windows or of anything else, every other word, none | update |
//!
//! Windows 10 and Windows Server 2016 are the first with one cumulative update a month. A fixed build
//! that is given and is no build (`V1.003`, of boot manager lists) is not of that line.

use domain::advisory::{AfterInstall, RemedyKind};
use domain::name::{Version, printable};
use domain::package::Kb;
use domain::severity::Severity;
use jiff::Timestamp;

/// Most bytes of an id.
const ID_BYTES_MAX: usize = 128;
/// Most characters of a line for people.
pub const LINE_CHARACTERS_MAX: usize = 300;
/// Most KBs that one entry may replace; the longest seen has three.
const REPLACED_MAX: usize = 64;

/// The number of a KB: six or seven digits, nothing else.
pub fn kb(text: &str) -> Option<Kb> {
    let text = text.trim();
    let digits = matches!(text.len(), 6 | 7) && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits {
        return None;
    }
    text.parse().ok().map(Kb)
}

/// The KBs of `a; b`, `a, b, c` or `KB1234567`, each once; what is no KB (a version) is left out and
/// counted.
pub fn replaced(text: &str) -> (Vec<Kb>, u64) {
    let mut kbs = Vec::new();
    let mut others = 0;
    let parts = text.split(|c: char| c == ';' || c == ',' || c.is_whitespace());
    for part in parts.filter(|part| !part.is_empty()) {
        let number = match part.get(..2) {
            Some(letters) if letters.eq_ignore_ascii_case("kb") => &part[2..],
            _ => part,
        };
        match kb(number) {
            Some(kb) if kbs.len() < REPLACED_MAX => {
                if !kbs.contains(&kb) {
                    kbs.push(kb);
                }
            }
            Some(_) | None => others += 1,
        }
    }
    (kbs, others)
}

/// A build: exactly four numbers. Marks that take no room (the feed has them) are taken off; two
/// builds in one field are none, because nothing says which of them the product has.
pub fn build(text: &str) -> Option<Version> {
    let text: String = text.chars().filter(|&c| printable(c)).collect();
    let text = text.trim();
    let number = |part: &str| {
        (1..=9).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    (text.split('.').count() == 4 && text.split('.').all(number))
        .then(|| text.parse().ok())
        .flatten()
}

/// The kind of update, by the table above.
pub fn kind(sub_type: &str, product: &str, fixed_build: &str) -> RemedyKind {
    let word: String = sub_type
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    match word.as_str() {
        word if word.contains("hotpatch") => RemedyKind::Hotpatch,
        word if word.contains("rollup") => RemedyKind::Cumulative,
        "securityonly" | "securityonlyupdate" => RemedyKind::SecurityOnly,
        "iecumulative" | "iecumulativeupdate" => RemedyKind::BrowserCumulative,
        word if word.contains("servicingstack") => RemedyKind::ServicingStack,
        "cumulativeupdate" | "cumulative" if is_browser(product) => RemedyKind::BrowserCumulative,
        "cumulativeupdate" | "cumulative" => RemedyKind::Cumulative,
        "securityupdate" if is_cumulative_windows(product) => {
            if fixed_build.trim().is_empty() || build(fixed_build).is_some() {
                RemedyKind::Cumulative
            } else {
                RemedyKind::Update
            }
        }
        _ => RemedyKind::Update,
    }
}

fn is_browser(product: &str) -> bool {
    product.starts_with("Internet Explorer") || product.starts_with("Microsoft Edge")
}

/// Windows 10 and later, Windows Server 2016 and later: one cumulative update a month.
fn is_cumulative_windows(product: &str) -> bool {
    let number = |text: &str| -> Option<u32> {
        let end = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        text[..end].parse().ok()
    };
    if let Some(server) = product.strip_prefix("Windows Server") {
        // `Windows Server, version 20H2`: all of them came after 2016.
        return server.starts_with(", version")
            || number(server.trim_start()).is_some_and(|year| (2016..2200).contains(&year));
    }
    product
        .strip_prefix("Windows ")
        .and_then(number)
        .is_some_and(|version| (10..95).contains(&version))
}

/// What has to follow, by `RestartRequired`.
pub fn after(text: &str) -> AfterInstall {
    match text.trim().to_ascii_lowercase().as_str() {
        "yes" => AfterInstall::Reboot,
        "maybe" => AfterInstall::MaybeReboot,
        "no" => AfterInstall::Nothing,
        _ => AfterInstall::Unknown,
    }
}

/// Microsoft's own four steps; other words (`None`) and no word are not a rating.
pub fn severity(word: &str) -> Option<Severity> {
    match word.trim() {
        "Critical" => Some(Severity::Critical),
        "Important" => Some(Severity::Important),
        "Moderate" => Some(Severity::Moderate),
        "Low" => Some(Severity::Low),
        _ => None,
    }
}

/// The step of a CVSS base score, for what the vendor did not rate: 9.0 critical, 7.0 important,
/// 4.0 moderate, 0.1 low. Source: CVSS v3.1 specification, section 5, whose `high` is our `important`.
pub fn derived(tenths: u8) -> Severity {
    match tenths {
        90.. => Severity::Critical,
        70..=89 => Severity::Important,
        40..=69 => Severity::Moderate,
        1..=39 => Severity::Low,
        0 => Severity::Unrated,
    }
}

/// A CVSS score in tenths; empty is none. Errors: no number, or out of 0.0 to 10.0.
pub fn score(text: &str) -> Result<Option<u8>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let shown: String = text.chars().filter(|&c| printable(c)).take(40).collect();
    let wrong = || format!("the score `{shown}` is no number from 0.0 to 10.0");
    let score: f64 = text.parse().map_err(|_| wrong())?;
    if !(0.0..=10.0).contains(&score) {
        return Err(wrong());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 100 as checked above"
    )]
    Ok(Some((score * 10.0).round() as u8))
}

/// One printable line, cut at [`LINE_CHARACTERS_MAX`].
pub fn line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(LINE_CHARACTERS_MAX * 4));
    for word in text.split(|c: char| c.is_whitespace() || !printable(c)) {
        if word.is_empty() {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > LINE_CHARACTERS_MAX * 4 {
            break;
        }
    }
    if line.chars().count() > LINE_CHARACTERS_MAX {
        line = line.chars().take(LINE_CHARACTERS_MAX).collect();
        line.push('…');
    }
    line
}

/// An id as it stands: printable, not empty, bounded. Errors: what is wrong, in a sentence.
pub fn id(what: &str, text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err(format!("the {what} is empty"));
    }
    if text.len() > ID_BYTES_MAX {
        return Err(format!(
            "the {what} has {} bytes, at most {ID_BYTES_MAX} are taken",
            text.len()
        ));
    }
    if !text.chars().all(printable) {
        return Err(format!("the {what} holds characters that cannot be shown"));
    }
    Ok(text.to_owned())
}

/// An instant with or without a zone (`2026-06-28T01:56:08` is UTC); the feed's way to say "never",
/// the year 1, is none.
pub fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let instant = text.parse::<Timestamp>().ok().or_else(|| {
        let local: jiff::civil::DateTime = text.parse().ok()?;
        Some(local.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    })?;
    (instant.as_second() > 0).then_some(instant)
}
