//! The objects of the policy as they stand, for those whom they concern.

use domain::access::{self, Permission, Principal};
use domain::page::Page;
use domain::policy::PolicyKind;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::standing;
use crate::{Result, Service};

/// An object of the policy as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyItem {
    /// Its id.
    pub id: String,
    /// `group`, `window`, `freeze`, `rule`, `decision`, `reboot`, `rings` or `exclude`.
    #[schema(value_type = String)]
    pub kind: PolicyKind,
    /// Its name; only a decision may have none.
    pub name: Option<String>,
    /// Which devices, as a query.
    #[serde(rename = "for")]
    pub devices: String,
    /// The one client it is limited to, by name.
    pub client: Option<String>,
    /// Its file; `None`: it was made by hand.
    pub file: Option<String>,
    /// What it says, as TOML; its own text with comments where it came from a file.
    pub text: String,
    /// Why it cannot be read; then all that it covers is closed.
    pub unreadable: Option<String>,
}

impl Service {
    /// The objects that stand and concern those in reach, rules in the order in which they are asked.
    pub fn policy_list(
        &self,
        who: &Principal,
        kind: Option<PolicyKind>,
    ) -> Result<Page<PolicyItem>> {
        let scope = access::check(who, Permission::Read)?;
        let now = self.now();
        self.read(move |tx| {
            let mut items = Vec::new();
            for stands in standing::load(tx, &scope, now)?.objects {
                if kind.is_some_and(|kind| kind != stands.kind) {
                    continue;
                }
                let client = match stands.client {
                    Some(id) => tx.client_get(&scope, id)?.map(|one| one.name.to_string()),
                    None => None,
                };
                let (says, unreadable) = match stands.says {
                    Ok(text) => (text, None),
                    Err(why) => (String::new(), Some(why)),
                };
                items.push(PolicyItem {
                    id: stands.id,
                    kind: stands.kind,
                    name: stands.name,
                    devices: stands.devices,
                    client,
                    file: stands.place.file,
                    text: stands.place.source.unwrap_or(says),
                    unreadable,
                });
            }
            Ok(Page { items, next: None })
        })
    }
}
