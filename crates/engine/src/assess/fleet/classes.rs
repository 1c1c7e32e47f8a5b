//! Classes: advisories that are open on exactly the same package rows count as one.
//!
//! Of hundreds of thousands of advisories only some thousand classes remain, because a threshold can
//! lie only between two versions that the fleet has. Whether a device is hit is asked once per class.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::advisory::{SLOTS, Weight};
use super::statement::Open;

/// Advisories that are open on the same rows.
#[derive(Debug, Clone)]
pub(super) struct Class {
    pub(super) open: Open,
    /// The rows, ascending.
    pub(super) rows: Vec<u32>,
    pub(super) advisories: Vec<u32>,
    /// What one hit adds to a device's counters.
    pub(super) weight: Weight,
    /// How many devices have at least one of the rows.
    pub(super) devices: u32,
}

/// The classes of one system.
#[derive(Debug, Clone, Default)]
pub(super) struct Classes {
    all: Vec<Class>,
    free: Vec<u32>,
    by_rows: HashMap<u64, u32>,
    /// Per row: the classes that hold it.
    of_row: Vec<Vec<u32>>,
}

impl Classes {
    pub(super) fn add_row(&mut self) {
        self.of_row.push(Vec::new());
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn get(&self, class: u32) -> &Class {
        &self.all[class as usize]
    }

    pub(super) fn get_mut(&mut self, class: u32) -> &mut Class {
        &mut self.all[class as usize]
    }

    /// The classes that hold a row.
    #[inline]
    pub(super) fn of_row(&self, row: u32) -> &[u32] {
        &self.of_row[row as usize]
    }

    /// Forgets all classes, not the rows.
    pub(super) fn clear(&mut self) {
        self.all.clear();
        self.free.clear();
        self.by_rows.clear();
        for classes in &mut self.of_row {
            classes.clear();
        }
    }

    /// The class of these rows; the second is whether it is new, and then without advisories.
    pub(super) fn intern(&mut self, open: Open, rows: Vec<u32>) -> (u32, bool) {
        let hash = hash(open, &rows);
        if let Some(&class) = self.by_rows.get(&hash) {
            let known = self.get(class);
            if known.open == open && known.rows == rows {
                return (class, false);
            }
        }
        let class = Class {
            open,
            rows,
            advisories: Vec::new(),
            weight: [0; SLOTS],
            devices: 0,
        };
        let id = match self.free.pop() {
            Some(id) => id,
            None => u32::try_from(self.all.len()).expect("fewer than 2^32 classes fit"),
        };
        for &row in &class.rows {
            self.of_row[row as usize].push(id);
        }
        if id as usize == self.all.len() {
            self.all.push(class);
        } else {
            self.all[id as usize] = class;
        }
        self.by_rows.insert(hash, id);
        (id, true)
    }

    /// Lets a class without advisories go.
    pub(super) fn release(&mut self, class: u32) {
        self.forget_hash(class);
        let rows = std::mem::take(&mut self.all[class as usize].rows);
        for row in rows {
            self.of_row[row as usize].retain(|&other| other != class);
        }
        self.free.push(class);
    }

    /// Puts one more row, which no device has yet, into a class.
    pub(super) fn grow(&mut self, class: u32, row: u32) {
        self.forget_hash(class);
        let known = &mut self.all[class as usize];
        if let Err(at) = known.rows.binary_search(&row) {
            known.rows.insert(at, row);
            self.of_row[row as usize].push(class);
        }
        let known = &self.all[class as usize];
        self.by_rows.insert(hash(known.open, &known.rows), class);
    }

    fn forget_hash(&mut self, class: u32) {
        let known = self.get(class);
        let hash = hash(known.open, &known.rows);
        if self.by_rows.get(&hash) == Some(&class) {
            self.by_rows.remove(&hash);
        }
    }
}

fn hash(open: Open, rows: &[u32]) -> u64 {
    let mut hasher = DefaultHasher::new();
    open.hash(&mut hasher);
    rows.hash(&mut hasher);
    hasher.finish()
}
