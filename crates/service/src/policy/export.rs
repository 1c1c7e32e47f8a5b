//! The policy as it stands, as files: byte for byte as they were applied, where nothing changed.

use std::collections::BTreeMap;

use domain::access::{self, Permission, Principal};
use domain::page::{Page, PageRequest};
use jiff::Timestamp;
use store::Tx;

use super::standing::{self, Stands};
use super::{BY_HAND, PolicyExport, PolicyFile, PolicyVersionItem};
use crate::{Result, Service};

/// What an object says: its own text, else the printed one.
fn text(stands: &Stands) -> String {
    match (&stands.place.source, &stands.says) {
        (Some(source), _) => source.clone(),
        (None, Ok(text)) => text.clone(),
        (None, Err(why)) => format!(
            "# the {} {} cannot be read: {}\n",
            stands.kind,
            stands.id,
            why.replace(['\n', '\r'], " ")
        ),
    }
}

/// Puts the objects of each file together.
pub(super) fn files(
    mut stands: Vec<Stands>,
    preambles: BTreeMap<String, String>,
) -> Vec<PolicyFile> {
    stands.sort_by(|a, b| (a.place.position, &a.id).cmp(&(b.place.position, &b.id)));
    let mut files = preambles;
    for object in &stands {
        let file = object.place.file.as_deref().unwrap_or(BY_HAND);
        let whole = files.entry(file.to_owned()).or_default();
        let by_hand = object.place.file.is_none();
        if !whole.is_empty() && (by_hand || !whole.ends_with('\n')) {
            whole.push('\n');
        }
        whole.push_str(&text(object));
    }
    files
        .into_iter()
        .map(|(file, text)| PolicyFile { file, text })
        .collect()
}

/// The text above the first object of each file that stands.
pub(super) fn preambles(tx: &mut Tx<'_>) -> Result<BTreeMap<String, String>> {
    let last = PageRequest {
        cursor: None,
        limit: 1,
    };
    let version = tx.policy_version_list(&last)?.items.into_iter().next();
    Ok(version.map(|version| version.files).unwrap_or_default())
}

fn exported(tx: &mut Tx<'_>, scope: &access::ClientScope, now: Timestamp) -> Result<PolicyExport> {
    let stands = standing::load(tx, scope, now)?.objects;
    let preambles = preambles(tx)?;
    let unreadable = stands
        .iter()
        .filter_map(|stands| {
            let why = stands.says.as_ref().err()?;
            let name = stands.name.as_ref().unwrap_or(&stands.id);
            Some(format!("the {} `{name}`: {why}", stands.kind))
        })
        .collect();
    Ok(PolicyExport {
        files: files(stands, preambles),
        unreadable,
    })
}

impl Service {
    /// The policy as it stands, as files.
    pub fn policy_export(&self, who: &Principal) -> Result<PolicyExport> {
        let scope = access::check(who, Permission::WholeProvider)?;
        let now = self.now();
        self.read(move |tx| exported(tx, &scope, now))
    }

    /// The times that files were applied, newest first.
    pub fn policy_history(
        &self,
        who: &Principal,
        page: &PageRequest,
    ) -> Result<Page<PolicyVersionItem>> {
        access::check(who, Permission::WholeProvider)?;
        let page = page.clone();
        self.read(move |tx| {
            let found = tx.policy_version_list(&page)?;
            Ok(Page {
                items: found.items.into_iter().map(Into::into).collect(),
                next: found.next,
            })
        })
    }
}
