//! CSAF 2.0 of any provider: advisories and VEX, provider metadata, ROLIE, lists of changes.

use crate::format::Format;

/// The forms read here.
pub const FORMATS: &[Format] = &[];
