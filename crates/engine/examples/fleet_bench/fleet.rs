//! The generated devices: clients, sites, tags, and their packed packages.

use domain::id::{ClientId, DeviceId, SiteId};
use domain::name::{Label, Tag};
use domain::release::SystemId;
use engine::assess::fleet::{DeviceRecord, OsRecord};
use jiff::Timestamp;

use crate::dice::Dice;
use crate::universe::Universe;

/// Devices of one client, on average.
const CLIENT_DEVICES: usize = 200;

/// Where devices stand and what they are called.
pub struct Places {
    clients: Vec<(ClientId, Label)>,
    sites: Vec<(SiteId, Label)>,
    tags: Vec<Vec<Tag>>,
    os: Vec<OsRecord>,
    systems: Vec<Vec<SystemId>>,
    now: Timestamp,
    seed: u64,
}

/// The id of the n-th thing of a kind.
fn id(n: usize) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&(n as u64 + 1).to_be_bytes());
    bytes
}

impl Places {
    /// Places for so many devices.
    pub fn new(universe: &Universe, devices: usize, seed: u64) -> Self {
        let count = (devices / CLIENT_DEVICES).max(1);
        let label = |text: String| text.parse().expect("a generated name is a name");
        let tags = [&[][..], &["server"], &["desktop"], &["dmz", "server"]];
        Self {
            clients: (0..count)
                .map(|n| (ClientId::from_bytes(id(n)), label(format!("client{n}"))))
                .collect(),
            sites: (0..count * 2)
                .map(|n| (SiteId::from_bytes(id(n)), label(format!("site{}", n % 2))))
                .collect(),
            tags: tags
                .iter()
                .map(|set| set.iter().filter_map(|tag| tag.parse().ok()).collect())
                .collect(),
            os: universe
                .systems
                .iter()
                .map(|system| OsRecord {
                    id: system.id.distribution().to_owned(),
                    version: Some(system.id.release().to_owned()),
                    codename: None,
                })
                .collect(),
            systems: universe
                .systems
                .iter()
                .map(|s| vec![s.id.clone()])
                .collect(),
            now: now(),
            seed,
        }
    }

    /// The record of a device.
    pub fn record<'a>(
        &'a self,
        number: usize,
        system: usize,
        packed: &'a [u8],
    ) -> DeviceRecord<'a> {
        let mut dice = Dice::new(self.seed ^ number as u64);
        // Small and large clients: the lower of two draws.
        let count = self.clients.len();
        let client = dice.below(count).min(dice.below(count));
        let site = client * 2 + dice.below(2);
        let minutes = dice.below(30 * 24 * 60) as i64;
        DeviceRecord {
            id: device(number),
            client: (self.clients[client].0, &self.clients[client].1),
            site: (self.sites[site].0, &self.sites[site].1),
            tags: dice.of(self.tags.as_slice()).as_slice(),
            zone: ["Europe/Berlin", "America/New_York"][client % 2],
            mode: domain::device::Mode::Managed,
            os: Some(&self.os[system]),
            systems: &self.systems[system],
            seen: Some(self.now - jiff::SignedDuration::from_mins(minutes)),
            packages: Some(packed),
        }
    }
}

/// The id of a device.
pub fn device(number: usize) -> DeviceId {
    DeviceId::from_bytes(id(number))
}

/// The present of the generated fleet.
pub fn now() -> Timestamp {
    Timestamp::from_second(1_790_000_000).expect("a time in 2026")
}

/// Packed inventories of a range of devices, one behind the other.
#[derive(Default)]
pub struct Inventories {
    systems: Vec<u8>,
    packed: Vec<u8>,
    ends: Vec<usize>,
}

impl Inventories {
    /// Draws them, with two threads.
    pub fn draw(universe: &Universe, seed: u64, range: std::ops::Range<usize>) -> Self {
        let half = range.start + range.len() / 2;
        let draw = |range: std::ops::Range<usize>| {
            let mut own = Self::default();
            for number in range {
                let (system, packed) = universe.device(seed, number);
                own.systems.push(system as u8);
                own.packed.extend_from_slice(&packed);
                own.ends.push(own.packed.len());
            }
            own
        };
        let (mut first, second) = std::thread::scope(|scope| {
            let other = scope.spawn(|| draw(half..range.end));
            (
                draw(range.start..half),
                other.join().expect("drawing does not fail"),
            )
        });
        let before = first.packed.len();
        first.systems.extend(second.systems);
        first.packed.extend(second.packed);
        first
            .ends
            .extend(second.ends.iter().map(|end| end + before));
        first
    }

    /// System and packed packages of the n-th of them.
    pub fn get(&self, at: usize) -> (usize, &[u8]) {
        let begin = if at == 0 { 0 } else { self.ends[at - 1] };
        (
            self.systems[at] as usize,
            &self.packed[begin..self.ends[at]],
        )
    }

    /// Bytes of all packed inventories.
    pub fn bytes(&self) -> usize {
        self.packed.len()
    }
}
