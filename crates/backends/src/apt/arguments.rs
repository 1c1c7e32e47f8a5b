//! What may be given to apt and dpkg as a name, version or architecture. Pure.
//!
//! apt reads `name*` as a pattern, `name-` as a removal and `name/suite` as a choice: none of these can
//! be written with the characters and places allowed here. Source: Debian Policy, 5.6.7 and 5.6.12.

use domain::order::OrderItem;
use domain::package::Ecosystem;

use crate::backend::{BackendError, PackageKey};

/// Letters, digits, `+`, `-` and `.`, beginning with a letter or digit.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

fn is_version(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.' | b'~' | b':'))
}

fn is_architecture(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn bad(what: &'static str, text: &str) -> BackendError {
    BackendError::BadArgument {
        what,
        text: text.chars().take(100).collect(),
    }
}

/// Refuses an item that is not one exact version of one deb package.
pub(super) fn check(items: &[OrderItem]) -> Result<(), BackendError> {
    if items.is_empty() {
        return Err(bad("list of packages", ""));
    }
    for item in items {
        if item.ecosystem != Ecosystem::Deb {
            return Err(bad("deb package", item.ecosystem.word()));
        }
        check_key(&PackageKey::from(item))?;
        if !is_version(item.to.as_str()) {
            return Err(bad("version", item.to.as_str()));
        }
    }
    Ok(())
}

/// Refuses what is not the name and architecture of a package.
pub(super) fn check_key(package: &PackageKey) -> Result<(), BackendError> {
    if !is_name(package.name.as_str()) {
        return Err(bad("package name", package.name.as_str()));
    }
    if !is_architecture(package.architecture.as_str()) {
        return Err(bad("architecture", package.architecture.as_str()));
    }
    Ok(())
}

/// Whether a name, architecture and version may be joined and given to apt.
pub(super) fn is_pin(name: &str, architecture: &str, version: &str) -> bool {
    is_name(name) && is_architecture(architecture) && is_version(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_apt_would_read_otherwise_is_refused() {
        for good in ["libstdc++6", "g++", "0ad", "python3.11", "a"] {
            assert!(is_name(good), "{good}");
        }
        for bad in [
            "",
            "-f",
            "bash*",
            "bash/sid",
            "^a",
            "a b",
            "a=1",
            "a:b",
            "?installed",
            "./x.deb",
            "ä",
        ] {
            assert!(!is_name(bad), "{bad}");
        }
        for good in ["1:2.0~rc1-3+b1", "8:6.9.11.60+dfsg-1.6+deb12u11"] {
            assert!(is_version(good), "{good}");
        }
        for bad in ["", "-1", "1 2", "1*", "1/2", "1;2", "1_2"] {
            assert!(!is_version(bad), "{bad}");
        }
        assert!(
            is_architecture("kfreebsd-amd64") && !is_architecture("-a") && !is_architecture("A")
        );
    }
}
