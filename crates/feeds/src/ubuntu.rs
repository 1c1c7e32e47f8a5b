//! Ubuntu: the notices' database and pages, and the CVE tracker's text.
//!
//! Statements are about source packages, in releases by version. What is published only in a paid
//! pocket (`esm-infra`, `esm-apps`, …) is marked with its subscription. One file a form.

mod notices;
pub(crate) mod releases;
mod tracker;
mod usn;

use crate::format::Format;

/// The forms read here.
pub const FORMATS: &[Format] = &[usn::FORMAT, notices::FORMAT, tracker::FORMAT];
