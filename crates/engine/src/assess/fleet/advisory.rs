//! Advisories as the index keeps them, and the counters that a hit adds to.

use std::collections::HashMap;

use domain::advisory::Advisory;
use domain::cve::{Catalogues, CveId};
use domain::severity::Severity;

use super::statement::Open;

/// The number of an advisory in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AdvisoryIndex(pub u32);

/// How many counters a device has.
pub(super) const SLOTS: usize = 9;
/// Counter of missing advisories that nobody's document rates.
pub(super) const SLOT_NOT_RATED: usize = 5;
/// Counter of missing advisories with a CVE that is known to be exploited.
pub(super) const SLOT_EXPLOITED: usize = 6;
pub(super) const SLOT_NO_FIX: usize = 7;
pub(super) const SLOT_UNKNOWN: usize = 8;

/// What a hit adds to each counter.
pub(super) type Weight = [u32; SLOTS];

/// One advisory.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: Box<str>,
    pub(super) severity: Option<Severity>,
    /// Whether one of its CVEs is known to be exploited; `None`: no catalogue is at hand.
    pub(super) exploited: Option<bool>,
    pub(super) cves: Box<[CveId]>,
    pub(super) statements: Box<[u32]>,
    /// Where it is open: system and class.
    pub(super) classes: Vec<(u16, u32)>,
}

impl Entry {
    pub(super) fn new(key: &str, advisory: &Advisory, catalogues: &Catalogues) -> Self {
        let kev = catalogues.kev.as_ref();
        Self {
            key: key.into(),
            severity: advisory.rating.as_ref().map(|rating| rating.severity),
            exploited: match kev {
                Some(kev) => Some(advisory.cves.iter().any(|cve| kev.added(*cve).is_some())),
                None => advisory.cves.is_empty().then_some(false),
            },
            cves: advisory.cves.as_slice().into(),
            statements: Box::default(),
            classes: Vec::new(),
        }
    }

    /// What a hit of this advisory adds.
    pub(super) fn weight(&self, open: Open) -> Weight {
        let mut weight = [0; SLOTS];
        match open {
            Open::Missing => {
                weight[self.severity.map_or(SLOT_NOT_RATED, |s| s as usize)] = 1;
                weight[SLOT_EXPLOITED] = u32::from(self.exploited == Some(true));
            }
            Open::NoFix => weight[SLOT_NO_FIX] = 1,
            Open::Unknown => weight[SLOT_UNKNOWN] = 1,
        }
        weight
    }
}

/// All advisories, by the key that the caller gives them.
#[derive(Debug, Clone, Default)]
pub(super) struct Advisories {
    ids: HashMap<Box<str>, u32>,
    all: Vec<Option<Entry>>,
}

impl Advisories {
    /// The number of a key, which is kept from now on.
    pub(super) fn number(&mut self, key: &str) -> u32 {
        if let Some(id) = self.ids.get(key) {
            return *id;
        }
        let id = u32::try_from(self.all.len()).expect("fewer than 2^32 advisories fit");
        self.ids.insert(key.into(), id);
        self.all.push(None);
        id
    }

    pub(super) fn find(&self, key: &str) -> Option<u32> {
        let id = *self.ids.get(key)?;
        self.get(id).map(|_| id)
    }

    pub(super) fn get(&self, id: u32) -> Option<&Entry> {
        self.all.get(id as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut Entry> {
        self.all.get_mut(id as usize)?.as_mut()
    }

    pub(super) fn put(&mut self, id: u32, entry: Option<Entry>) -> Option<Entry> {
        std::mem::replace(&mut self.all[id as usize], entry)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Entry)> {
        let all = self.all.iter().enumerate();
        all.filter_map(|(id, entry)| Some((id as u32, entry.as_ref()?)))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut Entry)> {
        let all = self.all.iter_mut().enumerate();
        all.filter_map(|(id, entry)| Some((id as u32, entry.as_mut()?)))
    }
}

/// How many advisories are open on a device, or on all devices of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Missing, by severity.
    pub unrated: u64,
    /// Missing and low.
    pub low: u64,
    /// Missing and moderate.
    pub moderate: u64,
    /// Missing and important.
    pub important: u64,
    /// Missing and critical.
    pub critical: u64,
    /// Missing, and no document says how bad.
    pub not_rated: u64,
    /// Missing, with a CVE that is known to be exploited; counted above too.
    pub exploited: u64,
    /// Affected, and no fix is published.
    pub no_fix: u64,
    /// Cannot be said.
    pub unknown: u64,
}

impl Counts {
    /// All that is missing.
    pub fn missing(&self) -> u64 {
        self.unrated + self.low + self.moderate + self.important + self.critical + self.not_rated
    }

    pub(super) fn of(slots: [u64; SLOTS]) -> Self {
        let [
            unrated,
            low,
            moderate,
            important,
            critical,
            not_rated,
            exploited,
            no_fix,
            unknown,
        ] = slots;
        Self {
            unrated,
            low,
            moderate,
            important,
            critical,
            not_rated,
            exploited,
            no_fix,
            unknown,
        }
    }
}
