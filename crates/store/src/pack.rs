//! Sorted lists of numbers as few bytes: differences as base-128 varints, lowest group first.

use crate::StoreError;

fn broken(what: &'static str) -> StoreError {
    StoreError::Unreadable {
        what,
        reason: "the packed list ends early or is out of range".to_owned(),
    }
}

pub(crate) fn push_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number as u8 & 0x7f) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Folds the sign into the lowest bit, so that small negative numbers stay short.
pub(crate) fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn unzigzag(number: u64) -> i64 {
    ((number >> 1) as i64) ^ -((number & 1) as i64)
}

/// Reads what `push_varint` wrote.
pub(crate) struct Unpacker<'a> {
    what: &'static str,
    bytes: &'a [u8],
}

impl<'a> Unpacker<'a> {
    pub(crate) fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { what, bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn varint(&mut self) -> Result<u64, StoreError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.bytes.split_first().ok_or_else(|| broken(self.what))?;
            self.bytes = rest;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return Err(broken(self.what));
            }
            number |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(broken(self.what))
    }

    pub(crate) fn signed(&mut self) -> Result<i64, StoreError> {
        self.varint().map(unzigzag)
    }
}

/// Packs ascending ids, each once.
pub(crate) fn pack_ids(ids: &[i64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(ids.len() + ids.len() / 4);
    let mut before = 0;
    for &id in ids {
        push_varint((id - before) as u64, &mut out);
        before = id;
    }
    out
}

/// Unpacks what `pack_ids` packed.
pub(crate) fn unpack_ids(what: &'static str, bytes: &[u8]) -> Result<Vec<i64>, StoreError> {
    let mut unpacker = Unpacker::new(what, bytes);
    let mut ids = Vec::with_capacity(bytes.len());
    let mut before = 0_i64;
    while !unpacker.is_empty() {
        let step = i64::try_from(unpacker.varint()?).map_err(|_| broken(what))?;
        before = before.checked_add(step).ok_or_else(|| broken(what))?;
        ids.push(before);
    }
    Ok(ids)
}

/// What is only in the first, and what only in the second of two ascending lists.
pub(crate) fn difference(old: &[i64], new: &[i64]) -> (Vec<i64>, Vec<i64>) {
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    let (mut a, mut b) = (0, 0);
    while a < old.len() || b < new.len() {
        match (old.get(a), new.get(b)) {
            (Some(x), Some(y)) if x == y => {
                a += 1;
                b += 1;
            }
            (Some(x), Some(y)) if x < y => {
                removed.push(*x);
                a += 1;
            }
            (Some(x), None) => {
                removed.push(*x);
                a += 1;
            }
            (_, Some(y)) => {
                added.push(*y);
                b += 1;
            }
            (None, None) => break,
        }
    }
    (removed, added)
}

/// Takes `removed` away from an ascending list and puts `added` in.
pub(crate) fn applied(ids: &[i64], removed: &[i64], added: &[i64]) -> Vec<i64> {
    let mut result: Vec<i64> = ids
        .iter()
        .filter(|id| removed.binary_search(id).is_err())
        .copied()
        .collect();
    result.extend_from_slice(added);
    result.sort_unstable();
    result.dedup();
    result
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_take_the_bytes_that_leb128_says() {
        // Example of the DWARF standard, section 7.6: 12857 is b9 64.
        let mut out = Vec::new();
        push_varint(12_857, &mut out);
        push_varint(2, &mut out);
        assert_eq!(out, [0xb9, 0x64, 2]);
        assert!(Unpacker::new("test", &[0x80]).varint().is_err());
        assert!(Unpacker::new("test", &[0xff; 10]).varint().is_err());
    }

    proptest! {
        #[test]
        fn lists_survive_packing_and_a_change_can_be_undone(
            old in proptest::collection::btree_set(0_i64..5_000, 0..200),
            new in proptest::collection::btree_set(0_i64..5_000, 0..200),
            number in any::<i64>(),
        ) {
            let old: Vec<i64> = old.into_iter().collect();
            let new: Vec<i64> = new.into_iter().collect();
            prop_assert_eq!(unpack_ids("test", &pack_ids(&old)).unwrap(), old.clone());
            let (removed, added) = difference(&old, &new);
            prop_assert_eq!(applied(&old, &removed, &added), new.clone());
            prop_assert_eq!(applied(&new, &added, &removed), old);
            let mut out = Vec::new();
            push_varint(zigzag(number), &mut out);
            prop_assert_eq!(Unpacker::new("test", &out).signed().unwrap(), number);
        }
    }
}
