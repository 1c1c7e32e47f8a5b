//! Advisories: which are at hand, whom each hits, and what news stands beside it.

use std::cmp::Reverse;

use domain::access::{self, Permission, Principal};
use domain::cve::CveId;
use domain::definitions::Definitions;
use domain::event::Told;
use domain::feed::Feed;
use domain::id::DeviceId;
use domain::package::Kb;
use domain::page::{PAGE_ITEMS_MAX, Page, PageRequest};
use domain::severity::Severity;
use engine::assess::fleet::Open;
use engine::notify::{AdvisoryHit, ClientHit, event};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::fleet::{FleetView, Sourced, clients_hit};
use crate::{Result, Service, ServiceError};

/// Most devices that an advisory's page names.
const DEVICES_NAMED_MAX: usize = 1000;
/// Most notices that are shown beside an advisory.
const NOTICES_MAX: usize = 50;
/// Advisories of which is written down at once that they are known.
const KNOWN_BATCH: usize = 2000;

/// An advisory that hits somebody, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdvisoryItem {
    /// `FEED/ID`.
    pub key: String,
    /// Whose.
    #[schema(value_type = String)]
    pub feed: Feed,
    /// The feed's own id.
    pub advisory: String,
    /// One line.
    pub title: String,
    /// Its CVEs.
    pub cves: Vec<String>,
    /// How bad; `None`: no document rates it.
    #[schema(value_type = Option<String>)]
    pub severity: Option<Severity>,
    /// Whether one of its CVEs is known to be exploited; `None`: no catalogue at hand.
    pub kev: Option<bool>,
    /// The highest probability of exploitation in millionths.
    pub epss_millionths: Option<u32>,
    /// Affected devices in reach.
    pub devices: u64,
    /// The clients that are hit.
    pub clients: u64,
    /// Of the devices, those that are exposed.
    pub exposed: u64,
}

/// How one client is hit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClientHitItem {
    /// The client's name.
    pub client: String,
    /// Affected devices.
    pub devices: u64,
    /// Of them, those that are exposed.
    pub exposed: u64,
    /// Their names, at most a thousand over all clients.
    pub names: Vec<String>,
}

/// News beside an advisory; it decides nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NoticeItem {
    /// One line.
    pub title: String,
    /// Where it can be read.
    pub link: Option<String>,
    /// When it was published.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub published: Option<Timestamp>,
    /// The document that it was read from.
    pub document: String,
}

/// An advisory with whom it hits and what it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdvisoryDetail {
    /// As in lists.
    #[serde(flatten)]
    pub advisory: AdvisoryItem,
    /// The document, by the id that it gives itself.
    pub document: String,
    /// When the document was made, as it says itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub dated: Option<Timestamp>,
    /// When it was fetched; `None`: read from a file.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub fetched_at: Option<Timestamp>,
    /// SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
    /// Whom it hits, most devices first.
    pub hit: Vec<ClientHitItem>,
    /// News that names one of its CVEs or KBs.
    pub notices: Vec<NoticeItem>,
}

fn item(
    key: &str,
    sourced: &Sourced,
    definitions: &Definitions,
    clients: &[(domain::id::ClientId, Vec<DeviceId>, u64)],
) -> AdvisoryItem {
    let advisory = &sourced.advisory;
    let catalogues = &definitions.catalogues;
    AdvisoryItem {
        key: key.to_owned(),
        feed: sourced.feed,
        advisory: advisory.id.clone(),
        title: advisory.title.clone(),
        cves: advisory.cves.iter().map(CveId::to_string).collect(),
        severity: advisory.rating.as_ref().map(|rating| rating.severity),
        kev: exploited(&advisory.cves, definitions),
        epss_millionths: catalogues.epss.as_ref().and_then(|epss| {
            let scores = advisory.cves.iter().filter_map(|cve| epss.millionths(*cve));
            scores.max()
        }),
        devices: clients
            .iter()
            .map(|(_, devices, _)| devices.len() as u64)
            .sum(),
        clients: clients.len() as u64,
        exposed: clients.iter().map(|(_, _, exposed)| exposed).sum(),
    }
}

fn exploited(cves: &[CveId], definitions: &Definitions) -> Option<bool> {
    let kev = definitions.catalogues.kev.as_ref()?;
    Some(cves.iter().any(|cve| kev.added(*cve).is_some()))
}

/// Whether an advisory is open on any device at all: counters only.
fn hits(view: &FleetView<'_>, key: &str) -> bool {
    let index = view.index();
    index.advisory(key).is_some_and(|advisory| {
        [Open::Missing, Open::NoFix]
            .into_iter()
            .any(|open| index.affected_count(advisory, open) > 0)
    })
}

impl Service {
    /// The advisories that hit devices in reach, worst first: exploited, severity, devices.
    pub fn advisory_list(&self, who: &Principal, page: &PageRequest) -> Result<Page<AdvisoryItem>> {
        let scope = access::check(who, Permission::Read)?;
        let definitions = self.feeds.in_force();
        let view = self.fleet()?;
        let merged = view.merged();
        let mut items: Vec<AdvisoryItem> = merged
            .iter()
            .filter(|(key, _)| hits(&view, key))
            .map(|(key, sourced)| {
                let clients = clients_hit(&view, key, |client| scope.contains(client));
                item(key, sourced, &definitions.definitions, &clients)
            })
            .filter(|item| item.devices > 0)
            .collect();
        items.sort_by_cached_key(|item| {
            (
                Reverse(item.kev == Some(true)),
                Reverse(item.severity),
                Reverse(item.devices),
                item.key.clone(),
            )
        });
        let from = match &page.cursor {
            None => 0,
            Some(cursor) => items
                .iter()
                .position(|item| item.key == *cursor)
                .map(|at| at + 1)
                .ok_or_else(|| ServiceError::Invalid {
                    field: "cursor",
                    reason: "what it names hits nobody any more: begin at the front".to_owned(),
                })?,
        };
        let limit = page.limit.clamp(1, PAGE_ITEMS_MAX) as usize;
        let rest = items.len().saturating_sub(from);
        let mut items: Vec<AdvisoryItem> = items.into_iter().skip(from).take(limit).collect();
        let next = (rest > limit)
            .then(|| items.last().map(|item| item.key.clone()))
            .flatten();
        items.shrink_to_fit();
        Ok(Page { items, next })
    }

    /// One advisory (`FEED/ID`, or the id alone where one feed has it), with whom it hits in reach.
    pub fn advisory_show(&self, who: &Principal, name: &str) -> Result<AdvisoryDetail> {
        let scope = access::check(who, Permission::Read)?;
        let force = self.feeds.in_force();
        let definitions = &force.definitions;
        let view = self.fleet()?;
        let merged = view.merged();
        let (key, sourced) = found(&merged, name)?;
        let clients = clients_hit(&view, key, |client| scope.contains(client));
        drop(view);
        let advisory = item(key, sourced, definitions, &clients);
        let document = definitions.documents.get(sourced.document as usize);
        let hit = self.read(move |tx| {
            let mut left = DEVICES_NAMED_MAX;
            let mut hit = Vec::with_capacity(clients.len());
            for (client, devices, exposed) in clients {
                let known = tx.client_get(&scope, client)?;
                let mut names = Vec::new();
                for device in devices.iter().take(left) {
                    if let Some(device) = tx.device_get(&scope, *device)? {
                        names.push(device.name.to_string());
                    }
                }
                left = left.saturating_sub(names.len());
                hit.push(ClientHitItem {
                    client: known.map_or_else(String::new, |client| client.name.to_string()),
                    devices: devices.len() as u64,
                    exposed,
                    names,
                });
            }
            Ok(hit)
        })?;
        Ok(AdvisoryDetail {
            advisory,
            document: document.map_or_else(String::new, |document| document.document.clone()),
            dated: document.and_then(|document| document.dated),
            fetched_at: document.and_then(|document| document.fetched_at),
            sha256: document.map_or_else(String::new, |document| hex(&document.sha256)),
            hit,
            notices: notices(sourced, definitions),
        })
    }
}

fn found<'m>(merged: &'m crate::fleet::Merged, name: &str) -> Result<(&'m str, &'m Sourced)> {
    if let Some((key, sourced)) = merged.get_key_value(name) {
        return Ok((key, sourced));
    }
    let all: Vec<(&String, &Sourced)> = merged
        .iter()
        .filter(|(_, sourced)| sourced.advisory.id == name)
        .collect();
    match all.as_slice() {
        [(key, sourced)] => Ok((key, sourced)),
        [] => Err(ServiceError::NotFound {
            what: "advisory",
            name: name.chars().take(200).collect(),
        }),
        several => Err(ServiceError::Ambiguous {
            what: "advisory",
            name: name.chars().take(200).collect(),
            candidates: several.iter().map(|(key, _)| (*key).clone()).collect(),
        }),
    }
}

/// The news that names one of an advisory's CVEs or KBs, newest first.
fn notices(sourced: &Sourced, definitions: &Definitions) -> Vec<NoticeItem> {
    let advisory = &sourced.advisory;
    let kbs: Vec<Kb> = advisory.remedies.iter().map(|remedy| remedy.kb).collect();
    let mut found: Vec<NoticeItem> = definitions
        .notices
        .iter()
        .filter(|notice| {
            let of_cve = |cve: &CveId| advisory.cves.contains(cve);
            notice.value.cves.iter().any(of_cve)
                || notice.value.kbs.iter().any(|kb| kbs.contains(kb))
        })
        .map(|notice| NoticeItem {
            title: notice.value.title.clone(),
            link: notice.value.link.clone(),
            published: notice.value.published,
            document: definitions
                .documents
                .get(notice.document as usize)
                .map_or_else(String::new, |document| document.document.clone()),
        })
        .collect();
    found.sort_by_key(|notice| Reverse(notice.published));
    found.truncate(NOTICES_MAX);
    found
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Service {
    /// Tells what is new or changed among the advisories in force, each once.
    ///
    /// With the first definitions of all, everything is new and nothing is news: that they are known
    /// is written down, and nobody is told.
    pub(crate) fn advisory_events(&self, owner: &str) -> Result<()> {
        let force = self.feeds.in_force();
        let view = self.fleet()?;
        let merged = view.merged();
        drop(view);
        if merged.is_empty() {
            return Ok(());
        }
        let first = self.read(|tx| Ok(tx.told_count()?))? == 0;
        let keys: Vec<String> = merged.keys().cloned().collect();
        for batch in keys.chunks(KNOWN_BATCH) {
            self.tell(batch, first, owner, &force.definitions)?;
        }
        Ok(())
    }

    fn tell(
        &self,
        keys: &[String],
        first: bool,
        owner: &str,
        definitions: &Definitions,
    ) -> Result<()> {
        let now = self.now();
        let names: Vec<(Feed, String)> = {
            let view = self.fleet()?;
            let merged = view.merged();
            let known = keys.iter().filter_map(|key| merged.get(key));
            known
                .map(|sourced| (sourced.feed, sourced.advisory.id.clone()))
                .collect()
        };
        let before: Vec<Option<Told>> = self.read(move |tx| {
            names
                .iter()
                .map(|(feed, advisory)| Ok(tx.told_get(*feed, advisory)?))
                .collect()
        })?;
        let mut writes: Vec<(Feed, String, Told, Option<domain::event::Event>)> = Vec::new();
        {
            let view = self.fleet()?;
            let merged = view.merged();
            let known = keys.iter().filter_map(|key| Some((key, merged.get(key)?)));
            for ((key, sourced), before) in known.zip(before) {
                let exploited = exploited(&sourced.advisory.cves, definitions);
                let mark = mark(sourced, exploited);
                if before.as_ref().is_some_and(|told| told.mark == mark) {
                    continue;
                }
                let hit = self.advisory_hit(&view, key, sourced, definitions)?;
                let manner = self.manner(owner);
                let told = event(&hit, before.as_ref(), &manner, now);
                let (event, mut told) = match told {
                    Some((event, told)) => (Some(event), told),
                    None => (None, before.unwrap_or_default()),
                };
                told.mark = mark;
                let event = event.filter(|_| !first);
                writes.push((sourced.feed, sourced.advisory.id.clone(), told, event));
            }
        }
        if writes.is_empty() {
            return Ok(());
        }
        self.write(move |tx| {
            let scope = access::of_loops();
            for (feed, advisory, told, event) in &writes {
                if let Some(event) = event {
                    tx.event_add(&scope, event)?;
                }
                tx.told_put(*feed, advisory, told, now)?;
            }
            Ok(())
        })
    }

    fn advisory_hit(
        &self,
        view: &FleetView<'_>,
        key: &str,
        sourced: &Sourced,
        definitions: &Definitions,
    ) -> Result<AdvisoryHit> {
        let found = if hits(view, key) {
            clients_hit(view, key, |_| true)
        } else {
            Vec::new()
        };
        let ids: Vec<domain::id::ClientId> = found.iter().map(|(client, _, _)| *client).collect();
        let names = if ids.is_empty() {
            Vec::new()
        } else {
            self.read(move |tx| {
                let scope = access::of_loops();
                ids.iter()
                    .map(|id| {
                        let client = tx.client_get(&scope, *id)?;
                        Ok(client.map_or_else(String::new, |client| client.name.to_string()))
                    })
                    .collect::<Result<Vec<String>>>()
            })?
        };
        let advisory = &sourced.advisory;
        Ok(AdvisoryHit {
            feed: sourced.feed,
            advisory: advisory.id.clone(),
            title: advisory.title.clone(),
            cves: advisory.cves.clone(),
            severity: advisory.rating.as_ref().map(|rating| rating.severity),
            exploited: exploited(&advisory.cves, definitions),
            clients: found
                .into_iter()
                .zip(names)
                .map(|((client, devices, exposed), name)| ClientHit {
                    client,
                    name,
                    devices: devices.len() as u64,
                    exposed,
                })
                .collect(),
        })
    }
}

/// A mark of what an advisory says that matters: when it stays, nothing has to be looked at again.
fn mark(sourced: &Sourced, exploited: Option<bool>) -> String {
    let advisory = &sourced.advisory;
    let severity = advisory.rating.as_ref().map(|rating| rating.severity);
    let said = format!(
        "{:?} {severity:?} {exploited:?} {} {:?} {:?}",
        advisory.cves, advisory.withdrawn, advisory.statements, advisory.remedies
    );
    let digest = domain::inventory::Digest::of(said.as_bytes());
    hex(&digest.bytes()[..8])
}
