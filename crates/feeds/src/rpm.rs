//! Repositories of rpm packages: updateinfo, modules, repomd, errata of rebuilds.

use crate::format::Format;

/// The forms read here.
pub const FORMATS: &[Format] = &[];
