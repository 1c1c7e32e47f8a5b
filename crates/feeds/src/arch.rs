//! Arch Linux: vulnerability groups.

use crate::format::Format;

/// The forms read here.
pub const FORMATS: &[Format] = &[];
