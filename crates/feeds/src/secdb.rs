//! Alpine's secdb, also Wolfi and Chainguard, JSON and the old YAML.

use crate::format::Format;

/// The forms read here.
pub const FORMATS: &[Format] = &[];
