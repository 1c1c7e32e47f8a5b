//! Inventories as files: our JSON, or the listings of dpkg-query, rpm and apk.
//!
//! What a file is, is told by its content. A file is read whole or refused with the place and the
//! reason: half an inventory would look like a healthy device. A listing says nothing of its system;
//! without an `os-release` it stays unknown, since a guess by version strings would be one.

mod json;
mod listing;
mod os_release;

use std::fmt;

use domain::judgement::JudgedDevice;

pub use os_release::OsRelease;

/// Most bytes of one inventory.
pub const INVENTORY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Most packages of one inventory.
pub const PACKAGES_MAX: usize = 200_000;

/// Why an inventory is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Where: `line 3`, `packages[2].version`, or empty for the whole.
    pub place: String,
    /// Why.
    pub why: String,
}

impl Refused {
    fn at(place: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            why: why.into(),
        }
    }

    fn whole(why: impl Into<String>) -> Self {
        Self::at("", why)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_empty() {
            f.write_str(&self.why)
        } else {
            write!(f, "{}: {}", self.place, self.why)
        }
    }
}

/// Reads an inventory. `name` is the device's where the inventory does not say; `os_release` counts
/// where it does not say its system.
pub fn read(
    name: &str,
    bytes: &[u8],
    os_release: Option<&OsRelease>,
) -> Result<JudgedDevice, Refused> {
    if bytes.len() > INVENTORY_BYTES_MAX {
        return Err(Refused::whole(format!(
            "it is longer than {INVENTORY_BYTES_MAX} bytes"
        )));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Refused::at(format!("line {line}"), "it is not UTF-8")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('{') {
        return json::read(name, text, os_release);
    }
    let mut device = JudgedDevice {
        name: name.to_owned(),
        packages: listing::read(text)?,
        ..JudgedDevice::default()
    };
    if let Some(os_release) = os_release {
        os_release.describe(&mut device);
    }
    Ok(device)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests;
