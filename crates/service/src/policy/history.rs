//! What one version of the policy changed: the objects that began and ended with it.

use std::collections::BTreeMap;

use domain::access::{self, ClientScope, Permission, Principal};
use domain::page::{PAGE_ITEMS_MAX, Page, PageRequest};
use domain::policy::PolicyKind;
use engine::policy_file::{self, Object};
use jiff::Timestamp;
use store::{PolicyVersion, Tx};

use super::{PolicyStepKind, PolicyVersionItem};
use crate::{Result, Service, ServiceError};

/// The most objects that are listed of one version.
pub const CHANGES_SHOWN_MAX: usize = 1_000;
/// How many parts of each list of objects are looked through.
const PARTS_MAX: u32 = 20;

/// One object that began or ended with a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyVersionChange {
    /// Made, changed or ended.
    pub change: PolicyStepKind,
    /// Of which kind it is.
    pub kind: PolicyKind,
    /// Its name; of a decision without one, its id.
    pub name: String,
    /// What it said before, as TOML.
    pub before: Option<String>,
    /// What it says from then on, as TOML.
    pub after: Option<String>,
}

/// One version, with what it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyVersionDetail {
    /// The version.
    pub version: PolicyVersionItem,
    /// What changed, by kind and name.
    pub changes: Vec<PolicyVersionChange>,
    /// Whether there is more than is listed.
    pub more: bool,
}

impl From<PolicyVersion> for PolicyVersionItem {
    fn from(version: PolicyVersion) -> Self {
        Self {
            number: version.number,
            applied_at: version.applied_at,
            applied_by: version.applied_by_name,
            note: version.note,
            files: version.files.into_keys().collect(),
            counts: version.counts,
        }
    }
}

/// Texts before and after, by kind and name.
#[derive(Default)]
struct Changes {
    at: Timestamp,
    found: BTreeMap<(PolicyKind, String), (Option<String>, Option<String>)>,
    more: bool,
}

impl Changes {
    fn look(
        &mut self,
        (kind, name): (PolicyKind, String),
        from: Timestamp,
        until: Option<Timestamp>,
        text: impl FnOnce() -> String,
    ) {
        if from != self.at && until != Some(self.at) {
            return;
        }
        if self.found.len() >= CHANGES_SHOWN_MAX {
            self.more = true;
            return;
        }
        let (before, after) = self.found.entry((kind, name)).or_default();
        if from == self.at {
            *after = Some(text());
        } else {
            *before = Some(text());
        }
    }

    /// Reads a list part by part, newest first.
    fn each<T>(
        &mut self,
        mut part: impl FnMut(&PageRequest) -> Result<Page<T>>,
        mut look: impl FnMut(&mut Self, T),
    ) -> Result<()> {
        let mut request = PageRequest {
            cursor: None,
            limit: PAGE_ITEMS_MAX,
        };
        for _ in 0..PARTS_MAX {
            let page = part(&request)?;
            for item in page.items {
                look(self, item);
            }
            match page.next {
                Some(next) => request.cursor = Some(next),
                None => return Ok(()),
            }
        }
        self.more = true;
        Ok(())
    }

    fn read(&mut self, tx: &mut Tx<'_>, scope: &ClientScope) -> Result<()> {
        self.each(
            |request| Ok(tx.window_list(scope, request)?),
            |all, window| {
                let key = (PolicyKind::Window, window.name.to_string());
                all.look(key, window.valid_from, window.ended_at, || {
                    policy_file::to_toml(Object::Window(&window))
                });
            },
        )?;
        self.each(
            |request| Ok(tx.decision_list(scope, request)?),
            |all, decision| {
                let name = decision.name.as_ref();
                let name = name.map_or_else(|| decision.id.to_string(), ToString::to_string);
                let key = (PolicyKind::Decision, name);
                all.look(key, decision.decided_at, decision.ended_at, || {
                    policy_file::to_toml(Object::Decision(&decision))
                });
            },
        )?;
        self.each(
            |request| Ok(tx.policy_list(scope, None, request)?),
            |all, row| {
                all.look((row.kind, row.name), row.valid_from, row.ended_at, || {
                    row.place.source.unwrap_or_default()
                });
            },
        )
    }

    fn listed(self) -> Vec<PolicyVersionChange> {
        let found = self.found.into_iter();
        found
            .map(|((kind, name), (before, after))| PolicyVersionChange {
                change: match (&before, &after) {
                    (Some(_), Some(_)) => PolicyStepKind::Changed,
                    (None, _) => PolicyStepKind::Made,
                    (Some(_), None) => PolicyStepKind::Ended,
                },
                kind,
                name,
                before,
                after,
            })
            .collect()
    }
}

impl Service {
    /// What one version changed.
    pub fn policy_version_detail(
        &self,
        who: &Principal,
        number: u64,
    ) -> Result<PolicyVersionDetail> {
        let scope = access::check(who, Permission::WholeProvider)?;
        self.read(move |tx| {
            let version = tx
                .policy_version_get(number)?
                .ok_or_else(|| ServiceError::NotFound {
                    what: "version of the policy",
                    name: number.to_string(),
                })?;
            let mut changes = Changes {
                at: version.applied_at,
                ..Changes::default()
            };
            changes.read(tx, &scope)?;
            Ok(PolicyVersionDetail {
                version: version.into(),
                more: changes.more,
                changes: changes.listed(),
            })
        })
    }
}
