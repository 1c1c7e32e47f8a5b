//! Microsoft: month documents, their index, the Security Update Guide API, wsusscn2.

use crate::format::Format;

/// The forms read here.
pub const FORMATS: &[Format] = &[];
