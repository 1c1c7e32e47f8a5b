//! NVD API 2.0: facts of CVEs.

use crate::format::Format;

/// The forms read here.
pub const FORMATS: &[Format] = &[];
