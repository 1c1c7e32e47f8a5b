//! The list of all forms of document, in the order in which they are tried.
//!
//! Each module gives its own list; the first whose recogniser says yes reads the document, so the
//! particular stand before the general.

use crate::format::{Format, Probe};

/// All forms.
pub fn all() -> impl Iterator<Item = &'static Format> {
    let lists: [&'static [Format]; 18] = [
        crate::microsoft::FORMATS,
        crate::openvex::FORMATS,
        crate::csaf::FORMATS,
        crate::cvrf::FORMATS,
        crate::kev::FORMATS,
        crate::epss::FORMATS,
        crate::nvd::FORMATS,
        crate::debian::FORMATS,
        crate::ubuntu::FORMATS,
        crate::rpm::FORMATS,
        crate::oval::FORMATS,
        crate::secdb::FORMATS,
        crate::arch::FORMATS,
        crate::osv::FORMATS,
        crate::applications::FORMATS,
        crate::endoflife::FORMATS,
        crate::deb_changelog::FORMATS,
        crate::notice::FORMATS,
    ];
    lists.into_iter().flatten()
}

/// The form of a document, by its content; `None`: no form knows it.
pub fn recognise(bytes: &[u8]) -> Option<&'static Format> {
    let probe = Probe::new(bytes);
    all().find(|format| (format.recognise)(&probe))
}
