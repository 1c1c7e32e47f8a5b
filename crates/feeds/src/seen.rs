//! Which ids a document has used already, in little memory.
//!
//! Keeps 128 bits of each id instead of the id, so that two million long ids stay small. Two ids that
//! fall together by chance are less likely than a fault of the memory that holds them.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The ids so far.
#[derive(Debug, Default)]
pub struct SeenIds(HashSet<u128>);

impl SeenIds {
    /// Whether an id, in one part or more, comes for the first time.
    pub fn first(&mut self, parts: &[&str]) -> bool {
        let half = |salt: u8| {
            let mut hasher = DefaultHasher::new();
            (salt, parts).hash(&mut hasher);
            u128::from(hasher.finish())
        };
        self.0.insert(half(0) << 64 | half(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_of_an_id_is_told_and_parts_are_kept_apart() {
        let mut seen = SeenIds::default();
        assert!(seen.first(&["a", "bc"]));
        assert!(!seen.first(&["a", "bc"]));
        assert!(seen.first(&["ab", "c"]));
        assert!(seen.first(&["abc"]));
    }
}
