//! Everything about the devices of one system: their package rows, what is open on each, and the
//! patterns ("templates") that most of them differ little from.
//!
//! A device is its template, less some rows and with some more. Per row there are the templates that
//! hold it, and two compressed sets of devices: those that lack it although their template has it, and
//! those that have it although their template lacks it.

use std::collections::HashMap;

use roaring::RoaringBitmap;

use super::bits::Bits;
use super::classes::Classes;
use super::package::Packages;
use super::template::Templates;
use super::text::NONE;

/// The devices of one system (or of one set of systems whose statements count together).
#[derive(Debug, Clone, Default)]
pub(super) struct Shard {
    /// The systems as numbers of texts.
    pub(super) system_texts: Vec<u32>,
    /// Row to package.
    pub(super) rows: Vec<u32>,
    /// Package to row; [`NONE`] where the system has no such row.
    row_of: Vec<u32>,
    pub(super) by_source: HashMap<u32, Vec<u32>>,
    pub(super) by_name: HashMap<u32, Vec<u32>>,
    pub(super) templates: Templates,
    /// Per row: the templates that hold it.
    pub(super) held_by: Vec<Vec<u32>>,
    /// Per row: devices that lack it although their template holds it.
    pub(super) less: Vec<RoaringBitmap>,
    /// Per row: devices that have it although their template does not hold it.
    pub(super) more: Vec<RoaringBitmap>,
    pub(super) classes: Classes,
}

impl Shard {
    pub(super) fn new(system_texts: Vec<u32>) -> Self {
        Self {
            system_texts,
            ..Self::default()
        }
    }

    /// The row of a package, where this system has it.
    #[inline]
    pub(super) fn row(&self, package: u32) -> Option<u32> {
        let row = self.row_of.get(package as usize).copied();
        row.filter(|&row| row != NONE)
    }

    /// The row of a package, and whether it is new.
    pub(super) fn intern(&mut self, packages: &Packages, package: u32) -> (u32, bool) {
        if let Some(row) = self.row(package) {
            return (row, false);
        }
        let row = u32::try_from(self.rows.len()).expect("fewer than 2^32 rows fit into memory");
        self.rows.push(package);
        if self.row_of.len() <= package as usize {
            self.row_of.resize(package as usize + 1, NONE);
        }
        self.row_of[package as usize] = row;
        let seen = packages.get(package);
        if packages.level(package).is_none() {
            self.by_source.entry(seen.source).or_default().push(row);
            self.by_name.entry(seen.name).or_default().push(row);
        }
        self.held_by.push(Vec::new());
        self.less.push(RoaringBitmap::new());
        self.more.push(RoaringBitmap::new());
        self.classes.add_row();
        (row, true)
    }

    /// Puts the devices that have at least one of `rows` into `found`. `template_of` says what
    /// template each device has.
    pub(super) fn devices(&self, rows: &[u32], template_of: &[u32], found: &mut Bits) {
        let mut held = vec![0_u32; self.templates.len()];
        let mut touched = Vec::new();
        for &row in rows {
            for &template in &self.held_by[row as usize] {
                if held[template as usize] == 0 {
                    touched.push(template);
                }
                held[template as usize] += 1;
            }
        }
        for &template in &touched {
            found.set_all(self.templates.members(template));
        }
        // A device lost them all when it lacks as many of them as its template holds.
        let mut lacking: Vec<u8> = Vec::new();
        let mut wide: HashMap<u32, u32> = HashMap::new();
        for &row in rows {
            for device in &self.less[row as usize] {
                let holds = held[template_of[device as usize] as usize];
                if holds == 1 {
                    found.clear(device);
                } else if holds <= u32::from(u8::MAX) {
                    if lacking.is_empty() {
                        lacking = vec![0; template_of.len()];
                    }
                    let lacks = &mut lacking[device as usize];
                    *lacks += 1;
                    if u32::from(*lacks) == holds {
                        found.clear(device);
                    }
                } else {
                    let lacks = wide.entry(device).or_default();
                    *lacks += 1;
                    if *lacks == holds {
                        found.clear(device);
                    }
                }
            }
        }
        for &row in rows {
            found.set_all(&self.more[row as usize]);
        }
    }
}
