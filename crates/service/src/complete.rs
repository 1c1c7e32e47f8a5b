//! What could be typed next in a query: fields, closed lists, and the values that are there.
//!
//! Values are those of the clients in reach: nobody is offered the name of another client's device,
//! site, tag, group or patch.

use std::cell::RefCell;
use std::collections::BTreeSet;

use domain::access::{self, ClientScope, Permission, Principal};
use domain::page::{PAGE_ITEMS_MAX, Page, PageRequest};
use domain::query::{Completion, Field, KnownValues, OFFERED_MAX, SubjectKind, completions_with};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{DeviceFilter, Tx};
use utoipa::ToSchema;

use crate::policy::standing;
use crate::{Result, Service, ServiceError};

/// The longest query that is completed, in bytes.
const QUERY_BYTES_MAX: usize = 10_000;
/// How many parts of a list are looked through for values.
const PARTS_MAX: usize = 20;

/// One thing that could be typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CompletionItem {
    /// The first byte of the query that it replaces.
    pub from: u32,
    /// The first byte behind what it replaces.
    pub to: u32,
    /// What to put there.
    pub insert: String,
    /// One line that explains it.
    pub help: String,
}

impl From<Completion> for CompletionItem {
    fn from(completion: Completion) -> Self {
        let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self {
            from: number(completion.replaces.start),
            to: number(completion.replaces.end),
            insert: completion.insert,
            help: completion.help.to_owned(),
        }
    }
}

/// Notes which values are asked for and knows none.
#[derive(Default)]
struct Asked(RefCell<Option<(Field, String)>>);

impl KnownValues for Asked {
    fn values(&self, field: Field, typed: &str) -> Vec<String> {
        *self.0.borrow_mut() = Some((field, typed.to_owned()));
        Vec::new()
    }
}

/// The values of one field.
struct Known(BTreeSet<String>);

impl KnownValues for Known {
    fn values(&self, _: Field, _: &str) -> Vec<String> {
        self.0.iter().cloned().collect()
    }
}

/// Values that begin with what was typed, as many as are offered.
struct Found {
    begins: String,
    values: BTreeSet<String>,
}

impl Found {
    fn take(&mut self, value: &str) {
        if value.to_lowercase().starts_with(&self.begins) && self.values.len() < OFFERED_MAX {
            self.values.insert(value.to_owned());
        }
    }

    /// Looks through a list until there is enough.
    fn each<T>(
        &mut self,
        mut part: impl FnMut(&PageRequest) -> Result<Page<T>>,
        mut take: impl FnMut(&mut Self, T),
    ) -> Result<()> {
        let mut request = PageRequest {
            cursor: None,
            limit: PAGE_ITEMS_MAX,
        };
        for _ in 0..PARTS_MAX {
            let page = part(&request)?;
            for item in page.items {
                take(self, item);
            }
            match page.next {
                Some(next) if self.values.len() < OFFERED_MAX => request.cursor = Some(next),
                Some(_) | None => return Ok(()),
            }
        }
        Ok(())
    }

    fn read(
        &mut self,
        tx: &mut Tx<'_>,
        scope: &ClientScope,
        (field, of): (Field, SubjectKind),
        now: Timestamp,
    ) -> Result<()> {
        match field {
            Field::Client => self.each(
                |request| Ok(tx.client_list(scope, request)?),
                |all, client| all.take(client.name.as_str()),
            ),
            Field::Site => self.each(
                |request| Ok(tx.site_list(scope, request)?),
                |all, site| all.take(site.name.as_str()),
            ),
            Field::Group => {
                for group in standing::load(tx, scope, now)?.policy.groups {
                    self.take(group.name.as_str());
                }
                Ok(())
            }
            Field::Device | Field::Tag | Field::Zone => self.each(
                |request| Ok(tx.device_list(scope, DeviceFilter::default(), request)?),
                |all, device| match field {
                    Field::Device => all.take(device.name.as_str()),
                    Field::Zone => all.take(&device.zone),
                    _ => device.tags.iter().for_each(|tag| all.take(tag.as_str())),
                },
            ),
            Field::Os => self.systems(tx, scope),
            Field::Product | Field::Patch | Field::Origin | Field::Cve | Field::Fix => self.each(
                |request| Ok(tx.patch_list(scope, request)?),
                |all, patch| match field {
                    Field::Product => all.take(&patch.patch.product()),
                    Field::Patch => all.take(&patch.patch.to_string()),
                    Field::Origin => {
                        if let Some(origin) = &patch.newest.origin {
                            all.take(&origin.label);
                        }
                    }
                    _ => {
                        let cves = patch.newest.facts.cves.iter().flatten();
                        cves.for_each(|cve| all.take(cve));
                    }
                },
            ),
            Field::Package if of != SubjectKind::Device => self.each(
                |request| Ok(tx.patch_list(scope, request)?),
                |all, patch| {
                    let packages = patch.newest.packages.iter();
                    packages.for_each(|package| all.take(package.name.as_str()));
                },
            ),
            // Too many to be looked through, or a closed list.
            Field::Package
            | Field::Mode
            | Field::Seen
            | Field::Missing
            | Field::Kev
            | Field::Severity
            | Field::Class
            | Field::State
            | Field::Age
            | Field::Released => Ok(()),
        }
    }

    fn systems(&mut self, tx: &mut Tx<'_>, scope: &ClientScope) -> Result<()> {
        let mut request = PageRequest {
            cursor: None,
            limit: PAGE_ITEMS_MAX,
        };
        for _ in 0..PARTS_MAX {
            let page = tx.device_list(scope, DeviceFilter::default(), &request)?;
            let ids: Vec<_> = page.items.iter().map(|device| device.id).collect();
            for system in tx.facts_systems(scope, &ids)?.values() {
                self.take(&system.id);
                if let Some(codename) = &system.codename {
                    self.take(codename.as_str());
                }
            }
            match page.next {
                Some(next) if self.values.len() < OFFERED_MAX => request.cursor = Some(next),
                Some(_) | None => break,
            }
        }
        Ok(())
    }
}

impl Service {
    /// What could be typed at byte `at` of a query over `of`; by default at its end.
    pub fn query_complete(
        &self,
        who: &Principal,
        q: &str,
        at: Option<u32>,
        of: SubjectKind,
    ) -> Result<Vec<CompletionItem>> {
        let scope = access::check(who, Permission::Read)?;
        if q.len() > QUERY_BYTES_MAX {
            return Err(ServiceError::Invalid {
                field: "q",
                reason: format!("a query of at most {QUERY_BYTES_MAX} bytes can be completed"),
            });
        }
        let cursor = at.map_or(q.len(), |at| (at as usize).min(q.len()));
        let asked = Asked::default();
        let plain = completions_with(q, cursor, of, &asked);
        let Some((field, typed)) = asked.0.into_inner() else {
            return Ok(plain.into_iter().map(CompletionItem::from).collect());
        };
        let now = self.now();
        let known = self.read(move |tx| {
            let mut found = Found {
                begins: typed.to_lowercase(),
                values: BTreeSet::new(),
            };
            found.read(tx, &scope, (field, of), now)?;
            Ok(Known(found.values))
        })?;
        let completions = completions_with(q, cursor, of, &known);
        Ok(completions.into_iter().map(CompletionItem::from).collect())
    }
}
