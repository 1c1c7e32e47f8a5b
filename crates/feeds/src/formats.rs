//! The list of all forms of document, in the order in which they are tried.
//!
//! Each module gives its own list; the first whose recogniser says yes reads the document, so the
//! particular stand before the general.

use domain::feed::Feed;

use crate::format::{Format, Parsed, Probe, Sink};
use crate::looks;
use crate::refusal::Refusal;

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

/// A document that no parser read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Whose it seems to be; `None`: no form knows it.
    pub feed: Option<Feed>,
    /// Why it was not read.
    pub refusal: Refusal,
    /// Whether it is something that lies beside feeds and says nothing of patches: a licence, a
    /// signature, a schema.
    pub bystander: bool,
}

/// Recognises a document and reads it whole.
pub fn read(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Unread> {
    let unread = |feed, refusal, bystander| Unread {
        feed,
        refusal,
        bystander,
    };
    if bytes.is_empty() {
        return Err(unread(None, Refusal::Empty, false));
    }
    let Some(format) = recognise(bytes) else {
        let seen = looks::like(bytes);
        let refusal = Refusal::Unrecognised { why: seen.what };
        return Err(unread(None, refusal, seen.bystander));
    };
    (format.parse)(bytes, sink).map_err(|refusal| match refusal {
        // A parser may find that the head has misled its recogniser.
        Refusal::Unrecognised { .. } => {
            let bystander = looks::like(bytes).bystander;
            unread(None, refusal, bystander)
        }
        _ => unread(feed_of(format.name), refusal, false),
    })
}

/// The feed that a form is named after, as far as its name says: `msrc-cvrf-xml` is `msrc-cvrf`.
fn feed_of(name: &str) -> Option<Feed> {
    let parts: Vec<&str> = name.split('-').collect();
    (1..=parts.len())
        .rev()
        .flat_map(|length| parts.windows(length))
        .find_map(|window| window.join("-").parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_has_a_name_of_its_own_that_says_its_feed() {
        let mut names = std::collections::BTreeSet::new();
        for format in all() {
            assert!(names.insert(format.name), "{} is there twice", format.name);
        }
        assert_eq!(feed_of("msrc-cvrf-xml"), Some(Feed::MsrcCvrf));
        assert_eq!(feed_of("rpm-updateinfo"), Some(Feed::Updateinfo));
        assert_eq!(feed_of("osv-yaml"), Some(Feed::Osv));
        assert_eq!(feed_of("unheard-of"), None);
    }
}
