//! OVAL definitions of Linux distributions.

use crate::format::Format;

/// The forms read here.
pub const FORMATS: &[Format] = &[];
