//! Debian: tracker JSON and text, DSA and DLA lists, support, repositories.

use crate::format::Format;

/// The forms read here.
pub const FORMATS: &[Format] = &[];
