//! CVRF 1.1 and 1.2 of any provider but Microsoft.

use crate::format::Format;

/// The forms read here.
pub const FORMATS: &[Format] = &[];
