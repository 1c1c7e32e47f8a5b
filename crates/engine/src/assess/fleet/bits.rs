//! A dense set of devices: one bit a device, for sets that are made, counted and thrown away.
//!
//! A million devices are 125 kB, which stays in the processor's cache: setting half a million bits
//! one by one is faster than keeping a compressed set sorted.

use roaring::RoaringBitmap;

/// A set of device indices below a bound that is given when it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    /// The empty set of indices below `bound`.
    pub(super) fn new(bound: usize) -> Self {
        Self {
            words: vec![0; bound.div_ceil(64)],
        }
    }

    /// Puts one in.
    #[inline]
    pub(super) fn set(&mut self, index: u32) {
        self.words[index as usize / 64] |= 1 << (index % 64);
    }

    /// Takes one out.
    #[inline]
    pub(super) fn clear(&mut self, index: u32) {
        self.words[index as usize / 64] &= !(1 << (index % 64));
    }

    /// Whether it is in.
    #[inline]
    pub(super) fn has(&self, index: u32) -> bool {
        let word = self.words.get(index as usize / 64);
        word.is_some_and(|word| word & (1 << (index % 64)) != 0)
    }

    /// Puts all of a compressed set in.
    pub(super) fn set_all(&mut self, set: &RoaringBitmap) {
        for index in set {
            self.set(index);
        }
    }

    /// How many are in.
    pub(super) fn count(&self) -> u64 {
        self.words
            .iter()
            .map(|word| u64::from(word.count_ones()))
            .sum()
    }

    /// Those that are in, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().enumerate().flat_map(|(at, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                (left != 0).then(|| {
                    let bit = left.trailing_zeros();
                    left &= left - 1;
                    at as u32 * 64 + bit
                })
            })
        })
    }

    /// Puts the members of `other`, of the same bound, in.
    pub(super) fn union(&mut self, other: &Self) {
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            *word |= more;
        }
    }

    /// Keeps only the members of `other`, of the same bound.
    pub(super) fn intersect(&mut self, other: &Self) {
        for (word, mask) in self.words.iter_mut().zip(&other.words) {
            *word &= mask;
        }
    }

    /// Takes the members of `other`, of the same bound, out.
    pub(super) fn subtract(&mut self, other: &Self) {
        for (word, mask) in self.words.iter_mut().zip(&other.words) {
            *word &= !mask;
        }
    }

    /// The same set, compressed.
    pub(super) fn compressed(&self) -> RoaringBitmap {
        let bytes: Vec<u8> = self
            .words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        RoaringBitmap::from_lsb0_bytes(0, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dense_set_is_the_compressed_set() {
        let members = [0_u32, 1, 63, 64, 65, 127, 199];
        let mut bits = Bits::new(200);
        for index in members {
            bits.set(index);
        }
        assert_eq!(bits.iter().collect::<Vec<_>>(), members);
        assert_eq!(bits.count(), 7);
        assert_eq!(bits.compressed().iter().collect::<Vec<_>>(), members);
        let mut back = Bits::new(200);
        back.set_all(&bits.compressed());
        assert_eq!(back, bits);
        bits.clear(64);
        assert!(!bits.has(64) && bits.has(65) && !bits.has(1_000_000));
    }
}
