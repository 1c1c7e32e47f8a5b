//! Debian: tracker JSON and text, DSA and DLA lists, support, repositories.
//!
//! Statements are about source packages, in releases by code name. One file a form.

mod lines;
mod lists;
mod tracker;

use crate::format::Format;

/// The forms read here.
pub const FORMATS: &[Format] = &[lists::FORMAT, tracker::FORMAT];
