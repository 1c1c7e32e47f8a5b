//! Pieces of the byte keys that deb and rpm share.

use crate::number;

/// Lengths from here on need more than one byte.
const LONG: u8 = u8::MAX;

/// Appends a number so that `memcmp` orders it by value: its length, then its digits.
///
/// Leading zeros leave no trace; zero and a missing number are the same single byte.
#[inline]
pub(crate) fn push_number(key: &mut Vec<u8>, digits: &[u8]) {
    let digits = number::significant(digits);
    match u8::try_from(digits.len()) {
        Ok(length) if length < LONG => key.push(length),
        Ok(_) | Err(_) => {
            key.push(LONG);
            key.extend_from_slice(&(digits.len() as u64).to_be_bytes());
        }
    }
    key.extend_from_slice(digits);
}
