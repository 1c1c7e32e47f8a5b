//! News that no machine can match exactly: RSS, Atom, mail, lists of critical patch updates.

use crate::format::Format;

/// The forms read here.
pub const FORMATS: &[Format] = &[];
