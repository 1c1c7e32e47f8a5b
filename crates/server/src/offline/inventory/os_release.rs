//! `os-release`: which system a device runs. Source: os-release(5).

use domain::judgement::JudgedDevice;
use domain::release::SystemId;

use super::Refused;

/// Which system it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OsRelease {
    /// `ID`.
    pub id: String,
    /// `VERSION_ID`; empty for rolling systems.
    pub version: String,
    /// `VERSION_CODENAME`.
    pub codename: Option<String>,
}

impl OsRelease {
    /// Reads the file's text. The last assignment of a name counts, as in a shell.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let mut release = Self::default();
        for line in text.lines() {
            let Some((key, value)) = line.trim().split_once('=') else {
                continue;
            };
            let value = unquoted(value);
            match key {
                "ID" => release.id = value,
                "VERSION_ID" => release.version = value,
                "VERSION_CODENAME" => {
                    release.codename = Some(value).filter(|name| !name.is_empty())
                }
                _ => {}
            }
        }
        if release.id.is_empty() {
            return Err(Refused::whole("it has no ID and is no os-release file"));
        }
        Ok(release)
    }

    /// Writes the system into a device.
    pub fn describe(&self, device: &mut JudgedDevice) {
        device.systems = SystemId::of_os_release(&self.id, &self.version, self.codename.as_deref());
        device.system_words = [self.id.as_str(), self.version.as_str()]
            .join(" ")
            .trim()
            .to_owned();
        device.os = Some((self.id.clone(), self.version.clone()));
    }
}

fn unquoted(value: &str) -> String {
    let value = value.trim();
    for quote in ['"', '\''] {
        let inner = value
            .strip_prefix(quote)
            .and_then(|value| value.strip_suffix(quote));
        if let Some(inner) = inner {
            return inner.to_owned();
        }
    }
    value.to_owned()
}
