//! Texts as numbers: names, versions and architectures are kept once and compared as `u32`.

use std::collections::HashMap;
use std::sync::Arc;

/// Stands for "none" wherever a text is optional.
pub(super) const NONE: u32 = u32::MAX;

/// Every distinct text, once.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts {
    ids: HashMap<Arc<str>, u32>,
    all: Vec<Arc<str>>,
}

impl Texts {
    /// The number of a text, which is kept from now on.
    pub(super) fn intern(&mut self, text: &str) -> u32 {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        let id = u32::try_from(self.all.len()).expect("fewer than 2^32 texts fit into memory");
        let shared: Arc<str> = text.into();
        self.all.push(shared.clone());
        self.ids.insert(shared, id);
        id
    }

    /// As [`Texts::intern`]; nothing is [`NONE`].
    pub(super) fn intern_some(&mut self, text: Option<&str>) -> u32 {
        text.map_or(NONE, |text| self.intern(text))
    }

    /// The text of a number that `intern` gave; empty for [`NONE`].
    pub(super) fn get(&self, id: u32) -> &str {
        self.all.get(id as usize).map_or("", |text| text)
    }
}
