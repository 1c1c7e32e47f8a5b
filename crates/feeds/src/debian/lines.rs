//! The tracker's line about a package: `[bookworm] - qemu 1:8.1.1+ds-2 (low; bug #1234)`.
//!
//! The same in the advisory lists, in `data/CVE/list` and in the list of the next point update.
//! Without a release it is about unstable. In place of a version a word in angle brackets may stand.
//! Source: the tracker's introduction (`doc/security-team.d.o/security_tracker` in its repository).

use domain::advisory::{NoFixReason, Says, Statement, SystemId, Target};
use versions::Scheme;

use crate::fields;

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// Something of a package.
    Statement(Box<Statement>),
    /// Nothing that could be judged: the package is not in Debian.
    Nothing,
}

/// A line whose blanks at both ends are taken off; `None`: it is no line about a package.
pub fn read(line: &str) -> Option<Result<Line, String>> {
    let (release, rest) = match line.strip_prefix('[') {
        Some(rest) => {
            let (release, rest) = rest.split_once(']')?;
            (Some(release.trim()), rest.trim_start())
        }
        None => (None, line),
    };
    let rest = rest.strip_prefix('-')?;
    if !rest.starts_with([' ', '\t']) {
        return None;
    }
    Some(statement(release, rest.trim()))
}

fn statement(release: Option<&str>, rest: &str) -> Result<Line, String> {
    let system = match release {
        None => SystemId::debian("sid"),
        Some(release) if is_release(release) => SystemId::debian(release),
        Some(release) => return Err(format!("`{}` is no release", fields::word(release))),
    };
    let (name, rest) = rest
        .split_once([' ', '\t'])
        .ok_or("a package without a version")?;
    let name = fields::package(name)?;
    let rest = rest.trim_start();
    let (value, remark) = match rest.strip_prefix('<') {
        Some(rest) => rest
            .split_once('>')
            .ok_or("a word in angle brackets is not closed")?,
        None => rest.split_once([' ', '\t']).unwrap_or((rest, "")),
    };
    let says = if rest.starts_with('<') {
        match tag(value.trim(), remark)? {
            Some(says) => says,
            None => return Ok(Line::Nothing),
        }
    } else {
        fixed_in(value)?
    };
    Ok(Line::Statement(Box::new(Statement {
        system,
        target: Target::Source(name),
        architectures: Vec::new(),
        module: None,
        cves: None,
        subscription: None,
        says,
    })))
}

/// A version with the fix; `0` says that no version was ever affected.
pub fn fixed_in(text: &str) -> Result<Says, String> {
    if text == "0" {
        return Ok(Says::NotAffected {
            why: "no version of this release is affected".to_owned(),
        });
    }
    let fixed = fields::version(Some(Scheme::Deb), text)?;
    if !text.contains(|c: char| c.is_ascii_digit()) {
        return Err(format!("`{}` is not a version", fields::word(text)));
    }
    Ok(Says::FixedIn {
        introduced: None,
        fixed,
    })
}

fn is_release(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

/// What a word in angle brackets says; `None`: nothing that could be judged.
fn tag(tag: &str, remark: &str) -> Result<Option<Says>, String> {
    let no_fix = |reason| Says::NoFix {
        reason,
        word: tag.to_owned(),
    };
    Ok(Some(match tag {
        "not-affected" => Says::NotAffected {
            why: why(tag, remark),
        },
        "unfixed" => no_fix(NoFixReason::NotYet),
        // Minor: no advisory; perhaps with a point release.
        "no-dsa" | "postponed" => no_fix(NoFixReason::Postponed),
        "ignored" => no_fix(NoFixReason::WillNotFix),
        // Left the archive with the fault in it.
        "removed" | "end-of-life" => no_fix(NoFixReason::EndOfLife),
        "undetermined" => Says::Undetermined {
            word: tag.to_owned(),
        },
        // Somebody intends to package it.
        "itp" => return Ok(None),
        _ => return Err(format!("`<{}>` is not a known word", fields::word(tag))),
    }))
}

fn why(tag: &str, remark: &str) -> String {
    let remark = remark.trim();
    let inner = remark
        .strip_prefix('(')
        .map_or(remark, |inner| inner.strip_suffix(')').unwrap_or(inner));
    let text = fields::title(inner);
    if text.is_empty() {
        tag.to_owned()
    } else {
        text
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;

    fn statement_of(line: &str) -> Statement {
        match read(line).unwrap().unwrap() {
            Line::Statement(statement) => *statement,
            Line::Nothing => panic!("{line} says nothing"),
        }
    }

    #[test]
    fn a_version_is_the_fix_of_that_release() {
        let statement = statement_of("[bookworm] - qemu  1:8.1.1+ds-2 (low; bug #1)");
        assert_eq!(statement.system.as_str(), "debian:bookworm");
        assert_eq!(statement.target.name().as_str(), "qemu");
        let fixed = "1:8.1.1+ds-2".parse().unwrap();
        let introduced = None;
        assert_eq!(statement.says, Says::FixedIn { introduced, fixed });
        assert_eq!(statement_of("- vlc 3.0.20-1").system.as_str(), "debian:sid");
    }

    #[test]
    fn words_in_brackets_are_the_trackers() {
        let says = |word: &str| statement_of(&format!("[etch] - squid {word}")).says;
        assert_eq!(
            says("<not-affected> (Vulnerable code introduced in 3.x)"),
            Says::NotAffected {
                why: "Vulnerable code introduced in 3.x".to_owned()
            }
        );
        let reason = |word: &str| match says(word) {
            Says::NoFix { reason, .. } => Some(reason),
            _ => None,
        };
        assert_eq!(reason("<unfixed>"), Some(NoFixReason::NotYet));
        assert_eq!(reason("<no-dsa> (Minor)"), Some(NoFixReason::Postponed));
        assert_eq!(reason("<ignored>"), Some(NoFixReason::WillNotFix));
        assert_eq!(reason("<end-of-life>"), Some(NoFixReason::EndOfLife));
        assert!(matches!(says("<undetermined>"), Says::Undetermined { .. }));
        assert_eq!(read("- thing <itp> (bug #1)"), Some(Ok(Line::Nothing)));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for line in [
            "[etch] - squid",
            "[etch] - squid <unknown-word>",
            "[etch] - squid <not-affected",
            "[et ch] - squid 1",
            "[etch] - squid x:1",
            "[etch] - squid unknown",
        ] {
            assert!(read(line).unwrap().is_err(), "{line}");
        }
        for line in [
            "NOTE: x",
            "{CVE-2024-1234}",
            "[etch] squid 1",
            "TODO: check",
        ] {
            assert!(read(line).is_none(), "{line}");
        }
    }
}
