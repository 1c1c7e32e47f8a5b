//! The fleet index in the server: whom an advisory hits, at any moment.
//!
//! Built from the store when it is first asked for, then kept: a device that reports is read anew
//! before the next answer, changed definitions are taken over at the next turn. It holds nothing that
//! the store does not hold; throwing it away costs only the time to build it again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use domain::access;
use domain::advisory::Advisory;
use domain::definitions::Definitions;
use domain::device::Device;
use domain::feed::Feed;
use domain::id::{ClientId, DeviceId};
use domain::inventory::Inventory;
use domain::judgement::JudgedPackage;
use domain::name::Tag;
use domain::offer::System;
use domain::package::{Item, PackageState};
use domain::page::{PAGE_ITEMS_MAX, PageRequest};
use domain::release::SystemId;
use engine::assess::fleet::{DeviceRecord, FleetIndex, OsRecord, pack};
use store::{DeviceFilter, Tx};

use crate::{Result, Service, ServiceError};

/// The tag of devices that can be reached from outside.
pub(crate) const EXPOSED_TAG: &str = "exposed";

/// Advisories by key: several documents of one feed that say the same id are one.
pub(crate) type Merged = BTreeMap<String, Sourced>;

/// An advisory with where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sourced {
    /// Whose.
    pub feed: Feed,
    /// The newest document that says it: index into the definitions.
    pub document: u32,
    /// What all documents say of it together.
    pub advisory: Advisory,
}

/// The index and what it has to take over.
#[derive(Default)]
pub(crate) struct Fleet {
    index: RwLock<Built>,
    changes: Mutex<Changes>,
}

#[derive(Default)]
struct Built {
    index: FleetIndex,
    merged: Arc<Merged>,
    /// The definitions that are in it; `None`: nothing was built yet.
    of: Option<Arc<Definitions>>,
}

#[derive(Default)]
struct Changes {
    devices: BTreeSet<DeviceId>,
}

impl Fleet {
    /// A device reported or was changed: what is known of it is read anew.
    pub fn touched(&self, device: DeviceId) {
        self.changes().devices.insert(device);
    }

    fn changes(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> RwLockReadGuard<'_, Built> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is asked of the index while it is held.
pub(crate) struct FleetView<'a>(RwLockReadGuard<'a, Built>);

impl FleetView<'_> {
    /// The index.
    pub fn index(&self) -> &FleetIndex {
        &self.0.index
    }

    /// The advisories in it.
    pub fn merged(&self) -> Arc<Merged> {
        Arc::clone(&self.0.merged)
    }
}

/// `debian-dsa/DSA-5020-1`.
pub(crate) fn key(feed: Feed, advisory: &str) -> String {
    format!("{feed}/{advisory}")
}

/// Puts together what several documents say of one advisory: nothing that one of them leaves out is
/// lost; of rating, title and dates the later document's count.
pub(crate) fn merged(definitions: &Definitions) -> Merged {
    let mut merged = Merged::new();
    for sourced in &definitions.advisories {
        let Some(document) = definitions.documents.get(sourced.document as usize) else {
            continue;
        };
        let key = key(document.feed, &sourced.value.id);
        match merged.get_mut(&key) {
            None => {
                let new = Sourced {
                    feed: document.feed,
                    document: sourced.document,
                    advisory: sourced.value.clone(),
                };
                merged.insert(key, new);
            }
            Some(known) => {
                known.document = sourced.document;
                add(&mut known.advisory, &sourced.value);
            }
        }
    }
    merged
}

fn add(known: &mut Advisory, later: &Advisory) {
    known.cves.extend(&later.cves);
    known.cves.sort_unstable();
    known.cves.dedup();
    for statement in &later.statements {
        if !known.statements.contains(statement) {
            known.statements.push(statement.clone());
        }
    }
    for remedy in &later.remedies {
        if !known.remedies.contains(remedy) {
            known.remedies.push(remedy.clone());
        }
    }
    if !later.title.is_empty() {
        known.title.clone_from(&later.title);
    }
    if later.rating.is_some() {
        known.rating.clone_from(&later.rating);
    }
    known.modified = known.modified.max(later.modified);
    known.withdrawn = later.withdrawn;
}

/// An installed package as an assessment sees it; `None` for what is not really there.
fn judged(item: &Item) -> Option<JudgedPackage> {
    let Item::Package(package) = item else {
        return None;
    };
    if package.state == PackageState::ConfigFiles {
        return None;
    }
    Some(JudgedPackage {
        ecosystem: package.ecosystem,
        name: package.name.clone(),
        version: package.version.clone(),
        architecture: Some(package.architecture.clone()),
        source: package.source.as_ref().map(|source| source.name.clone()),
        source_version: package.source.as_ref().map(|source| source.version.clone()),
        module: None,
    })
}

/// A device with what the index wants of it.
struct Known {
    device: Device,
    system: Option<System>,
    inventory: Option<Inventory>,
}

fn load(tx: &mut Tx<'_>, device: Device) -> Result<Known> {
    let scope = access::of_loops();
    let system = tx.facts_systems(&scope, &[device.id])?.remove(&device.id);
    let inventory = tx.inventory_get(&scope, device.id)?;
    Ok(Known {
        device,
        system,
        inventory: inventory.map(|known| known.inventory),
    })
}

fn put(index: &mut FleetIndex, known: &Known) -> Result<()> {
    let os = known.system.as_ref().map(|system| OsRecord {
        id: system.id.clone(),
        version: (!system.version.is_empty()).then(|| system.version.clone()),
        codename: system
            .codename
            .as_ref()
            .map(|name| name.as_str().to_owned()),
    });
    let systems = os.as_ref().map_or_else(Vec::new, |os| {
        let version = os.version.as_deref().unwrap_or_default();
        SystemId::of_os_release(&os.id, version, os.codename.as_deref())
    });
    let packed = known.inventory.as_ref().map(|inventory| {
        let rows: BTreeSet<u32> = inventory
            .items()
            .iter()
            .filter_map(judged)
            .map(|package| index.package(&package).0)
            .collect();
        let rows: Vec<u32> = rows.into_iter().collect();
        let mut packed = Vec::new();
        pack::pack(&rows, &mut packed);
        packed
    });
    let device = &known.device;
    let record = DeviceRecord {
        id: device.id,
        client: (device.client, &device.client_name),
        site: (device.site, &device.site_name),
        tags: &device.tags,
        zone: &device.zone,
        mode: device.mode,
        os: os.as_ref(),
        systems: &systems,
        seen: device.last_seen,
        packages: packed.as_deref(),
    };
    index.put(&record).map_err(|error| ServiceError::Internal {
        what: error.to_string(),
    })?;
    Ok(())
}

impl Service {
    /// The index, with everything that changed since it was last asked.
    pub(crate) fn fleet(&self) -> Result<FleetView<'_>> {
        let definitions = Arc::clone(&self.feeds.in_force().definitions);
        let touched: BTreeSet<DeviceId> = std::mem::take(&mut self.fleet.changes().devices);
        let fresh = {
            let built = self.fleet.read();
            let same = |of: &Arc<Definitions>| Arc::ptr_eq(of, &definitions);
            touched.is_empty() && built.of.as_ref().is_some_and(same)
        };
        if !fresh && let Err(error) = self.fleet_update(&definitions, &touched) {
            // Nothing that was not taken over is forgotten.
            self.fleet.changes().devices.extend(touched);
            return Err(error);
        }
        Ok(FleetView(self.fleet.read()))
    }

    fn fleet_update(
        &self,
        definitions: &Arc<Definitions>,
        touched: &BTreeSet<DeviceId>,
    ) -> Result<()> {
        let mut built = self
            .fleet
            .index
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let Built { index, merged, of } = &mut *built;
        if of.is_none() {
            self.fleet_devices(index)?;
        } else {
            for device in touched {
                let id = *device;
                let known = self.read(move |tx| {
                    let device = tx.device_get(&access::of_loops(), id)?;
                    device.map(|device| load(tx, device)).transpose()
                })?;
                match known {
                    Some(known) => put(index, &known)?,
                    None => {
                        index.retire(id);
                    }
                }
            }
        }
        if !of.as_ref().is_some_and(|of| Arc::ptr_eq(of, definitions)) {
            *merged = Arc::new(self::merged(definitions));
            index.clear_definitions();
            let advisories = merged
                .iter()
                .map(|(key, sourced)| (key.as_str(), &sourced.advisory));
            index.load_definitions(advisories, &definitions.catalogues);
            index.assess(1);
            *of = Some(Arc::clone(definitions));
        }
        Ok(())
    }

    /// Puts every device of the store into the index.
    fn fleet_devices(&self, index: &mut FleetIndex) -> Result<()> {
        let mut request = PageRequest {
            cursor: None,
            limit: PAGE_ITEMS_MAX,
        };
        loop {
            let page = request.clone();
            let (known, next) = self.read(move |tx| {
                let found = tx.device_list(&access::of_loops(), DeviceFilter::default(), &page)?;
                let known = found
                    .items
                    .into_iter()
                    .map(|device| load(tx, device))
                    .collect::<Result<Vec<_>>>()?;
                Ok((known, found.next))
            })?;
            for one in &known {
                put(index, one)?;
            }
            match next {
                Some(cursor) => request.cursor = Some(cursor),
                None => return Ok(()),
            }
        }
    }
}

/// How the clients in reach are hit by an advisory: devices and exposed devices, most devices first.
pub(crate) fn clients_hit(
    view: &FleetView<'_>,
    key: &str,
    reach: impl Fn(ClientId) -> bool,
) -> Vec<(ClientId, Vec<DeviceId>, u64)> {
    let index = view.index();
    let Some(advisory) = index.advisory(key) else {
        return Vec::new();
    };
    let tag: Option<Tag> = EXPOSED_TAG.parse().ok();
    let hit = index.hit_by(advisory, tag.as_ref());
    let query = format!("tag:{EXPOSED_TAG}").parse();
    let exposed = query.ok().and_then(|query| {
        // The tag's term does not ask for the present.
        index.select(&query, jiff::Timestamp::UNIX_EPOCH).ok()
    });
    let mut by_client: BTreeMap<ClientId, (Vec<DeviceId>, u64)> = BTreeMap::new();
    for device in &hit.devices {
        let number = engine::assess::fleet::DeviceIndex(device);
        let Some((id, client)) = index.device_id(number).filter(|(_, client)| reach(*client))
        else {
            continue;
        };
        let entry = by_client.entry(client).or_default();
        entry.0.push(id);
        entry.1 += u64::from(exposed.as_ref().is_some_and(|set| set.contains(device)));
    }
    let mut clients: Vec<_> = by_client
        .into_iter()
        .map(|(client, (devices, exposed))| (client, devices, exposed))
        .collect();
    clients.sort_by_key(|(client, devices, _)| (std::cmp::Reverse(devices.len()), *client));
    clients
}
