//! Debian: tracker JSON and text, DSA and DLA lists, support, repositories.
//!
//! Statements are about source packages, in releases by code name. One file a form.

mod blocks;
mod cve_list;
mod distro_info;
mod lines;
mod lists;
mod packages;
mod release;
mod support;
mod tracker;
mod work;

use crate::format::Format;

/// The forms read here.
pub const FORMATS: &[Format] = &[
    lists::FORMAT,
    tracker::FORMAT,
    cve_list::FORMAT,
    support::ENDED,
    support::LIMITED,
    support::TAGS,
    distro_info::FORMAT,
    work::NEEDED,
    work::POINT_UPDATE,
    release::FORMAT,
    packages::FORMAT,
];

/// What is said of an entry that is longer than any can be.
const TOO_LONG: &str = "the entry has more lines than are read";
/// What is said of the last line of a text without a line end.
const CUT: &str = "the text ends in the middle of this line: it may be truncated";
