//! OSV of any ecosystem.

use crate::format::Format;

/// The forms read here.
pub const FORMATS: &[Format] = &[];
