//! endoflife.date: products and their cycles.

use crate::format::Format;

/// The forms read here.
pub const FORMATS: &[Format] = &[];
