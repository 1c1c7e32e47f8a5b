//! Numbers of any length, as they stand in versions: a run of ASCII digits.
//!
//! Dates, commit counts and hashes make runs that no machine word holds, and a wrapped number would
//! order wrongly in silence. So numbers stay text: without their leading zeros the longer is larger.

use std::cmp::Ordering;

/// Returns `digits` without its leading zeros; zero becomes empty.
#[inline]
pub(crate) fn significant(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    &digits[zeros..]
}

/// Orders two runs of digits by value. An empty run is zero.
#[inline]
pub(crate) fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let (a, b) = (significant(a), significant(b));
    if a.is_empty() && b.is_empty() {
        // Most epochs are absent. `memcmp` over nothing at an address that is not mapped, where empty
        // slices may lie, costs ten times the rest of a comparison on processors with masked loads.
        return Ordering::Equal;
    }
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// Splits `text` after its leading bytes that `wanted` accepts.
#[inline]
pub(crate) fn split_run(text: &[u8], wanted: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    let length = text.iter().take_while(|byte| wanted(byte)).count();
    text.split_at(length)
}

/// Tells whether `text` is one or more ASCII digits.
#[inline]
pub(crate) fn is_number(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}
