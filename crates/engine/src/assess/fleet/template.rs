//! Templates: sets of package rows that many devices have nearly all of.
//!
//! A device that resembles no template founds one. Those that are alike are found by a signature of
//! eight minima over a hash of their rows; two inventories that share four fifths of their rows agree
//! in most of the minima. When a batch is loaded, a new template is what the majority of its first
//! devices have, so that one odd founder does not shape it.

use std::collections::HashMap;

use roaring::RoaringBitmap;

/// Templates of one system; beyond these, devices take the nearest there is.
const TEMPLATES_MAX: usize = 8_192;
/// A device may differ from its template by a fifth of the rows of both.
const DIFFERENCE_SHARE: usize = 5;
/// A template that differs by so small a part of the rows is taken without looking at others.
const NEAR_SHARE: usize = 5;
/// Devices whose rows are counted for a majority.
pub(super) const MAJORITY_OF: usize = 32;
const MINIMA: usize = 8;
/// Templates that one pair of minima leads to.
const CANDIDATES: usize = 16;

/// The minima of a set of rows, hashed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signature([u32; MINIMA]);

impl Signature {
    pub(super) fn new() -> Self {
        Self([u32::MAX; MINIMA])
    }

    /// Adds a row.
    #[inline]
    pub(super) fn add(&mut self, row: u32) {
        let hash = u64::from(row + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let least = &mut self.0[(hash >> 61) as usize];
        *least = (*least).min((hash >> 24) as u32);
    }

    pub(super) fn of(rows: &[u32]) -> Self {
        let mut signature = Self::new();
        rows.iter().for_each(|&row| signature.add(row));
        signature
    }

    /// Pairs of minima, each with its place.
    fn keys(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.chunks(2).enumerate().map(|(at, pair)| {
            (u64::from(pair[0]) << 32 | u64::from(pair[1])).rotate_left(at as u32 * 7) ^ (at as u64)
        })
    }
}

#[derive(Debug, Clone, Default)]
struct Template {
    /// Ascending.
    rows: Vec<u32>,
    bits: Vec<u64>,
    members: RoaringBitmap,
}

/// The templates of one system. Number 0 has no rows.
#[derive(Debug, Clone)]
pub(super) struct Templates {
    all: Vec<Template>,
    keys: HashMap<u64, Vec<u32>>,
}

impl Default for Templates {
    fn default() -> Self {
        Self {
            all: vec![Template::default()],
            keys: HashMap::new(),
        }
    }
}

impl Templates {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn rows(&self, template: u32) -> &[u32] {
        &self.all[template as usize].rows
    }

    pub(super) fn members(&self, template: u32) -> &RoaringBitmap {
        &self.all[template as usize].members
    }

    pub(super) fn members_mut(&mut self, template: u32) -> &mut RoaringBitmap {
        &mut self.all[template as usize].members
    }

    #[inline]
    fn holds(bits: &[u64], row: u32) -> bool {
        bits.get(row as usize / 64)
            .is_some_and(|word| word & (1 << (row % 64)) != 0)
    }

    /// The template that these rows differ least from, if it is near enough.
    pub(super) fn nearest(&self, rows: &[u32], signature: &Signature) -> Option<u32> {
        let mut best: Option<(usize, u32)> = None;
        let mut candidates: Vec<u32> = Vec::with_capacity(CANDIDATES);
        for key in signature.keys() {
            candidates.extend(self.keys.get(&key).into_iter().flatten());
        }
        // Those that several pairs lead to are the likelier.
        candidates.sort_unstable();
        let mut likely: Vec<(usize, u32)> = candidates
            .chunk_by(|a, b| a == b)
            .map(|same| (same.len(), same[0]))
            .collect();
        likely.sort_unstable_by_key(|(pairs, _)| std::cmp::Reverse(*pairs));
        for (_, template) in likely.into_iter().take(CANDIDATES) {
            let known = &self.all[template as usize];
            let both = rows
                .iter()
                .filter(|&&r| Self::holds(&known.bits, r))
                .count();
            let difference = rows.len() + known.rows.len() - 2 * both;
            if best.is_none_or(|(least, _)| difference < least) {
                best = Some((difference, template));
            }
            if difference <= rows.len() / NEAR_SHARE {
                break;
            }
        }
        let full = self.all.len() >= TEMPLATES_MAX;
        match best {
            Some((difference, template)) => {
                let both = rows.len() + self.rows(template).len();
                (full || difference <= both / DIFFERENCE_SHARE).then_some(template)
            }
            None => (full || rows.is_empty()).then_some(0),
        }
    }

    /// Founds a template.
    pub(super) fn found(&mut self, rows: &[u32], signature: &Signature) -> u32 {
        let id = self.all.len() as u32;
        self.all.push(Template::default());
        self.shape(id, rows.to_vec());
        self.register(id, signature);
        id
    }

    /// Makes a template findable by a signature.
    pub(super) fn register(&mut self, template: u32, signature: &Signature) {
        for key in signature.keys() {
            let known = self.keys.entry(key).or_default();
            if known.len() < CANDIDATES && !known.contains(&template) {
                known.push(template);
            }
        }
    }

    /// Gives a template other rows. It must have no members yet.
    pub(super) fn shape(&mut self, template: u32, mut rows: Vec<u32>) {
        rows.sort_unstable();
        rows.dedup();
        let known = &mut self.all[template as usize];
        known.bits = vec![0; rows.last().map_or(0, |&last| last as usize / 64 + 1)];
        for &row in &rows {
            known.bits[row as usize / 64] |= 1 << (row % 64);
        }
        known.rows = rows;
    }

    /// What a device with these rows lacks of a template, and has beyond it; both ascending.
    /// `scratch` is all zero before and after.
    pub(super) fn difference(
        &self,
        template: u32,
        rows: &[u32],
        scratch: &mut Vec<u64>,
        (less, more): (&mut Vec<u32>, &mut Vec<u32>),
    ) {
        let bits = &self.all[template as usize].bits;
        let top = rows.iter().max().map_or(0, |&row| row as usize / 64 + 1);
        let words = top.max(bits.len());
        if scratch.len() < words {
            scratch.resize(words, 0);
        }
        for &row in rows {
            scratch[row as usize / 64] |= 1 << (row % 64);
        }
        for (at, word) in scratch[..words].iter_mut().enumerate() {
            let held = bits.get(at).copied().unwrap_or(0);
            let mut differs = *word ^ held;
            *word = 0;
            while differs != 0 {
                let bit = differs.trailing_zeros();
                differs &= differs - 1;
                let row = at as u32 * 64 + bit;
                if held & (1 << bit) != 0 {
                    less.push(row);
                } else {
                    more.push(row);
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;

    fn difference(templates: &Templates, template: u32, rows: &[u32]) -> (Vec<u32>, Vec<u32>) {
        let (mut less, mut more) = (Vec::new(), Vec::new());
        let mut scratch = Vec::new();
        templates.difference(template, rows, &mut scratch, (&mut less, &mut more));
        assert!(scratch.iter().all(|&word| word == 0));
        (less, more)
    }

    #[test]
    fn what_is_alike_is_found_again_and_what_is_not_is_not() {
        let mut templates = Templates::default();
        let rows: Vec<u32> = (0..800).map(|n| n * 3).collect();
        let id = templates.found(&rows, &Signature::of(&rows));
        let mut alike = rows.clone();
        alike.drain(10..30);
        alike.push(9_000);
        assert_eq!(templates.nearest(&alike, &Signature::of(&alike)), Some(id));
        let other: Vec<u32> = (0..800).map(|n| n * 3 + 1).collect();
        assert_eq!(templates.nearest(&other, &Signature::of(&other)), None);
        assert_eq!(templates.nearest(&[], &Signature::of(&[])), Some(0));
        let (less, more) = difference(&templates, id, &alike);
        assert_eq!(less, rows[10..30]);
        assert_eq!(more, [9_000]);
    }
}
