//! Words of vendors that several parsers read: how bad, and what kind.
//!
//! Each table names its source. A word that stands in no table is `None`: unknown, never a step.

use domain::advisory::Rating;
use domain::severity::{Classification, Severity, SeveritySource};

/// Most bytes of a vendor's word that are kept.
const WORD_BYTES_MAX: usize = 255;

/// Vendors' words for how bad, in lower case.
///
/// Sources: Red Hat, "Understanding Red Hat security ratings" (critical, important, moderate, low;
/// AlmaLinux, Rocky Linux, Oracle Linux, SUSE and Microsoft use the same words); Amazon Linux
/// Security Center (critical, important, medium, low); Fedora Bodhi (urgent, high, medium, low,
/// unspecified); Ubuntu CVE priorities (critical, high, medium, low, negligible, untriaged); Arch
/// security tracker (critical, high, medium, low, unknown); CVSS v3.1, table 14 (none, low, medium,
/// high, critical); GitHub advisories (low, moderate, high, critical).
/// High stands for important and medium for moderate, which is how Red Hat and Microsoft map the
/// words of CVSS to their own four.
const SEVERITIES: &[(&str, Severity)] = &[
    ("critical", Severity::Critical),
    ("urgent", Severity::Critical),
    ("important", Severity::Important),
    ("high", Severity::Important),
    ("moderate", Severity::Moderate),
    ("medium", Severity::Moderate),
    ("low", Severity::Low),
    ("minor", Severity::Low),
    ("negligible", Severity::Low),
    ("none", Severity::Unrated),
    ("unspecified", Severity::Unrated),
    ("unrated", Severity::Unrated),
    ("untriaged", Severity::Unrated),
    ("unknown", Severity::Unrated),
    ("n/a", Severity::Unrated),
];

/// The step of a vendor's word; case and blanks around it do not count. `None`: no known word.
pub fn severity(vendor_word: &str) -> Option<Severity> {
    let word = vendor_word.trim().to_ascii_lowercase();
    let found = SEVERITIES.iter().find(|(known, _)| *known == word)?;
    Some(found.1)
}

/// A vendor's rating by its word, with the CVSS base score where the document has one.
pub fn rating(vendor_word: &str, cvss_tenths: Option<u8>) -> Option<Rating> {
    let severity = severity(vendor_word)?;
    let word = vendor_word.trim();
    (word.len() <= WORD_BYTES_MAX).then(|| Rating {
        severity,
        source: SeveritySource::Vendor,
        word: word.to_owned(),
        cvss_tenths,
    })
}

/// What kind of patch an `updateinfo` type announces, and the same words elsewhere.
///
/// Sources: createrepo_c and dnf (`security`, `bugfix`, `enhancement`, `newpackage`); SUSE's
/// `updateinfo` (`recommended`, `optional`, `feature`); Rocky's errata API (`TYPE_SECURITY`, …).
const CLASSIFICATIONS: &[(&str, Classification)] = &[
    ("security", Classification::Security),
    ("bugfix", Classification::Hotfix),
    ("recommended", Classification::Hotfix),
    ("enhancement", Classification::Feature),
    ("newpackage", Classification::Feature),
    ("feature", Classification::Feature),
    ("optional", Classification::Feature),
];

/// The kind of patch behind a vendor's word; `None`: no known word.
pub fn classification(vendor_word: &str) -> Option<Classification> {
    let word = vendor_word.trim().to_ascii_lowercase();
    let word = word.strip_prefix("type_").unwrap_or(&word);
    let found = CLASSIFICATIONS.iter().find(|(known, _)| *known == word)?;
    Some(found.1)
}

/// A CVSS base score (`7.5`) in tenths; `None`: no number from 0 to 10.
pub fn tenths(score: &str) -> Option<u8> {
    let score: f64 = score.trim().parse().ok()?;
    // In range, so the rounded product is 0 to 100.
    (0.0..=10.0)
        .contains(&score)
        .then(|| (score * 10.0).round() as u8)
}

/// Most bytes of an id.
const ID_BYTES_MAX: usize = 255;
/// Most characters of a title.
const LINE_CHARACTERS_MAX: usize = 500;

/// An id as a document gives it: not empty, bounded, printable. Errors: why not, for people.
pub fn id(text: &str) -> Result<String, String> {
    let id = text.trim();
    if id.is_empty() {
        return Err("it has no id".to_owned());
    }
    if id.len() > ID_BYTES_MAX {
        return Err(format!("an id has at most {ID_BYTES_MAX} bytes"));
    }
    if !id.chars().all(domain::name::printable) {
        return Err("an id holds a character that cannot be printed".to_owned());
    }
    Ok(id.to_owned())
}

/// A title: one line, bounded, without what cannot be printed.
pub fn line(text: &str) -> String {
    let words = text.split_whitespace();
    let line = words.collect::<Vec<_>>().join(" ");
    line.chars()
        .filter(|&c| domain::name::printable(c))
        .take(LINE_CHARACTERS_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_vendors_are_known_in_any_case_and_others_stay_unknown() {
        assert_eq!(severity(" Important "), Some(Severity::Important));
        assert_eq!(severity("HIGH"), Some(Severity::Important));
        assert_eq!(severity("medium"), Some(Severity::Moderate));
        assert_eq!(severity("None"), Some(Severity::Unrated));
        assert_eq!(severity("not yet assigned"), None);
        assert_eq!(severity(""), None);
        assert_eq!(
            classification("TYPE_SECURITY"),
            Some(Classification::Security)
        );
        assert_eq!(classification("bugfix"), Some(Classification::Hotfix));
        assert_eq!(classification("unknown"), None);
    }
}
