//! Third-party applications: winget manifests and index, Chocolatey.

use crate::format::Format;

/// The forms read here.
pub const FORMATS: &[Format] = &[];
