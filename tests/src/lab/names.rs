//! Names of everything a lab makes: unique per run, short enough for the kernel.
//!
//! A lab is called after the process that made it and a letter, because one process may have
//! several: `pl4711a`. A network interface's name has at most 15 bytes.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Result, bail};

static LABS_MADE: AtomicU32 = AtomicU32::new(0);

/// Name of one lab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LabName(String);

impl LabName {
    /// The next name of this process.
    pub(crate) fn next() -> Self {
        Self::of(
            std::process::id(),
            LABS_MADE.fetch_add(1, Ordering::Relaxed),
        )
    }

    fn of(pid: u32, number: u32) -> Self {
        let mut letters = String::new();
        let mut rest = number;
        loop {
            letters.insert(
                0,
                char::from(b'a' + u8::try_from(rest % 26).expect("below 26")),
            );
            rest /= 26;
            if rest == 0 {
                break;
            }
        }
        Self(format!("pl{pid}{letters}"))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Network namespace of a site.
    pub(crate) fn site_namespace(&self, letter: char) -> String {
        format!("{}-site-{letter}", self.0)
    }

    /// Network namespace of a device.
    pub(crate) fn device_namespace(&self, number: u8) -> String {
        format!("{}-dev-{number}", self.0)
    }
}

/// The site's end of a device's cable; it lives in the site's namespace only.
pub(crate) fn cable(number: u8) -> String {
    format!("dev{number}")
}

/// Refuses a device name that could not be a hostname: 1 to 40 of `a-z`, `0-9` and inner `-`.
pub(crate) fn check_device_name(name: &str) -> Result<()> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty()
        || name.len() > 40
        || !name.chars().all(legal)
        || name.starts_with('-')
        || name.ends_with('-')
    {
        bail!("`{name}` cannot be the name of a device: it is its hostname too");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_labs_of_one_process_have_different_names() {
        assert_eq!(LabName::of(4711, 0).as_str(), "pl4711a");
        assert_eq!(LabName::of(4711, 25).as_str(), "pl4711z");
        assert_eq!(LabName::of(4711, 26).as_str(), "pl4711ba");
        assert_ne!(LabName::next(), LabName::next());
    }

    #[test]
    fn a_cable_fits_an_interface_name() {
        assert!(cable(u8::MAX).len() <= 15);
    }

    #[test]
    fn a_device_name_is_a_hostname() {
        for good in ["web1", "a", "db-2"] {
            assert!(check_device_name(good).is_ok(), "{good}");
        }
        for bad in ["", "Web1", "web_1", "-web", "web-", "a/b", "../x", "web 1"] {
            assert!(check_device_name(bad).is_err(), "{bad}");
        }
    }
}
