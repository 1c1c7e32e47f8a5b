//! Ascending numbers as few bytes: differences as base-128 varints, lowest group first.
//!
//! The same format as the store's packed inventories. Errors: a list that ends early, or leaves the
//! range of `u32`, is refused.

/// Appends ascending numbers, each once.
pub fn pack(numbers: &[u32], out: &mut Vec<u8>) {
    let mut before = 0;
    for &number in numbers {
        push(number - before, out);
        before = number;
    }
}

/// Appends one number.
pub(super) fn push(mut number: u32, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number as u8 & 0x7f) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Takes one number off the front.
#[inline]
pub(super) fn take(bytes: &mut &[u8]) -> Option<u32> {
    let (&first, rest) = bytes.split_first()?;
    *bytes = rest;
    if first < 0x80 {
        return Some(u32::from(first));
    }
    let mut number = u64::from(first & 0x7f);
    for shift in (7..35).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return u32::try_from(number).ok();
        }
    }
    None
}

/// Appends the numbers of a packed list to `out`; `None` when it is no such list.
pub fn unpack(mut bytes: &[u8], out: &mut Vec<u32>) -> Option<()> {
    let mut before = 0_u32;
    while !bytes.is_empty() {
        before = before.checked_add(take(&mut bytes)?)?;
        out.push(before);
    }
    Some(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_take_the_bytes_that_leb128_says() {
        // Example of the DWARF standard, section 7.6: 12857 is b9 64.
        let mut out = Vec::new();
        pack(&[12_857, 12_859], &mut out);
        assert_eq!(out, [0xb9, 0x64, 2]);
        for broken in [&[0x80][..], &[0xff; 10], &[0xff, 0xff, 0xff, 0xff, 0x0f, 1]] {
            assert_eq!(unpack(broken, &mut Vec::new()), None);
        }
    }

    proptest! {
        #[test]
        fn lists_survive_packing(numbers in proptest::collection::btree_set(any::<u32>(), 0..200)) {
            let numbers: Vec<u32> = numbers.into_iter().collect();
            let (mut packed, mut back) = (Vec::new(), Vec::new());
            pack(&numbers, &mut packed);
            unpack(&packed, &mut back).unwrap();
            prop_assert_eq!(back, numbers);
        }
    }
}
