//! Microsoft's documents, real and by hand. Real ones are counted against the sample's manifest.
#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod by_hand;
mod json_as_xml;
mod real;

use crate::format::{Collect, Parsed};
use crate::formats::recognise;
use crate::refusal::Refusal;

/// What a document gives, by the form that recognises it.
fn read(bytes: &[u8]) -> (Result<Parsed, Refusal>, Collect) {
    let format = recognise(bytes).unwrap_or_else(|| panic!("no form knows this document"));
    let mut sink = Collect::default();
    let parsed = (format.parse)(bytes, &mut sink);
    (parsed, sink)
}
