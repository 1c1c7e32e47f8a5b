//! Cuts a Debian changelog to what is new for a device. Pure.
//!
//! Source: Debian Policy, section 4.4: an entry begins with `NAME (VERSION) DISTRIBUTIONS; urgency=…` at
//! the start of a line, the newest entry stands first.

use std::cmp::Ordering;

/// Bytes of a changelog that are kept.
pub(crate) const TEXT_BYTES_MAX: usize = 128 * 1024;

/// The version that the first line of an entry names; `None` for any other line.
fn header_version(line: &str) -> Option<&str> {
    if line.starts_with(|c: char| !c.is_ascii_alphanumeric()) {
        return None;
    }
    let (name, rest) = line.split_once(" (")?;
    let (version, rest) = rest.split_once(')')?;
    let plain = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
    (plain(name) && plain(version) && rest.contains(';')).then_some(version)
}

/// Whether the text is a changelog of Debian's form at all.
pub(crate) fn is_changelog(text: &str) -> bool {
    text.lines().any(|line| header_version(line).is_some())
}

/// Returns the entries above the first one that is not newer than `installed`.
///
/// At most [`TEXT_BYTES_MAX`] bytes; a text that is cut there ends with a whole line.
pub(crate) fn newer_than<'a>(text: &'a str, installed: Option<&str>) -> &'a str {
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        let known = header_version(line)
            .zip(installed)
            .is_some_and(|(version, installed)| {
                version == installed
                    || versions::order(versions::Scheme::Deb, version, installed)
                        .is_ok_and(|order| order != Ordering::Greater)
            });
        if known || end + line.len() > TEXT_BYTES_MAX {
            break;
        }
        end += line.len();
    }
    text[..end].trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    // The beginnings of entries of Debian's openssl, bookworm.
    const TEXT: &str = "openssl (3.0.22-1~deb12u2) bookworm-security; urgency=medium\n\n  * One (1.0) two; three\n\n -- A <a@example.test>  Tue, 01 Sep 2026 00:00:00 +0000\n\nopenssl (3.0.20-1~deb12u1) bookworm; urgency=medium\n\n  * Two\n\nopenssl (3.0.17-1~deb12u2) bookworm; urgency=low\n\n  * Three\n";

    #[test]
    fn what_the_device_has_is_cut_off() {
        assert!(newer_than(TEXT, Some("3.0.20-1~deb12u1")).ends_with("+0000"));
        assert!(newer_than(TEXT, Some("3.0.17-1~deb12u2")).ends_with("* Two"));
        // The installed version is not named, a lower one is.
        assert!(newer_than(TEXT, Some("3.0.19-1~deb12u2")).ends_with("* Two"));
        assert_eq!(newer_than(TEXT, Some("3.0.22-1~deb12u2")), "");
        assert_eq!(newer_than(TEXT, None), TEXT.trim_end());
        assert_eq!(newer_than(TEXT, Some("1.0")), TEXT.trim_end());
    }

    #[test]
    fn a_long_text_ends_with_a_whole_line() {
        let long = format!("a (2) x; urgency=low\n{}", "  line with ü\n".repeat(20_000));
        let cut = newer_than(&long, Some("1"));
        assert!(cut.len() <= TEXT_BYTES_MAX && cut.len() > TEXT_BYTES_MAX - 100);
        assert!(cut.ends_with('ü'));
    }

    #[test]
    fn other_texts_are_no_changelogs() {
        assert!(is_changelog(TEXT));
        for other in [
            "",
            "Version 1.2 (2020)\n",
            "* fix (1) a; b\n",
            "2020-01-01 A <a@b>\n\n\tfix\n",
        ] {
            assert!(!is_changelog(other), "{other}");
        }
    }
}
