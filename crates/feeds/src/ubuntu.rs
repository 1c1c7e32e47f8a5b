//! Ubuntu: notices, CVE tracker.

use crate::format::Format;

/// The forms read here.
pub const FORMATS: &[Format] = &[];
