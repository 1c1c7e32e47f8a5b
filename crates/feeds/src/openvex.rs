//! OpenVEX statements (Ubuntu).

use crate::format::Format;

/// The forms read here.
pub const FORMATS: &[Format] = &[];
