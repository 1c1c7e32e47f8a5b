//! A simulated fleet, and a policy for it: the same for the same seed, of any size.
//!
//! For rehearsals without a fleet at hand, for tests and for measurements. Clients are of very
//! different sizes, most devices are workstations with Windows, servers run four families of
//! systems, and patches come as they do: on the second Tuesday, in irregular streams, definitions and
//! drivers between them. Names are made up.

mod policy;
mod random;
mod streams;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests;

use domain::snapshot::{
    SNAPSHOT_VERSION, Snapshot, SnapshotDevice, SnapshotFinding, SnapshotState,
};
use jiff::{SignedDuration, Timestamp};

pub use policy::policy;
pub use random::Random;

/// The most devices that are simulated.
pub const DEVICES_MAX: u32 = 1_000_000;
/// The most months of patches.
pub const MONTHS_MAX: u32 = 60;

/// What is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Simulation {
    /// The seed: the same seed gives the same fleet.
    pub seed: u64,
    /// How many devices, at most [`DEVICES_MAX`].
    pub devices: u32,
    /// How many months of patches, at most [`MONTHS_MAX`].
    pub months: u32,
    /// The end of the time in which they came.
    pub until: Timestamp,
}

/// Zones of clients, and how many of a hundred clients are in them.
const ZONES: [(&str, u64); 6] = [
    ("Europe/Berlin", 55),
    ("Europe/London", 15),
    ("America/New_York", 15),
    ("Asia/Kolkata", 7),
    ("Australia/Sydney", 5),
    ("America/Santiago", 3),
];
/// Roles of servers; a client has those of its size.
const ROLES: [&str; 6] = [
    "web",
    "database",
    "domain-controller",
    "files",
    "mail",
    "terminal",
];
/// How many devices a client has, on average.
const DEVICES_PER_CLIENT: u32 = 250;

/// The fleet of a simulation.
pub fn fleet(simulation: &Simulation) -> Snapshot {
    let mut random = Random::new(simulation.seed);
    let months = simulation.months.clamp(1, MONTHS_MAX);
    let until = simulation.until;
    let catalogues = streams::catalogues(&mut random, months, until);
    let count = simulation.devices.min(DEVICES_MAX);
    let clients = u64::from(count.div_ceil(DEVICES_PER_CLIENT).max(1));
    let devices = (0..count)
        .map(|number| {
            // The product of two numbers makes few clients large and many small.
            let client = random.below(clients).saturating_mul(random.below(clients)) / clients;
            let mut device = place(number, client, &mut random);
            let family = family(&mut device, &mut random);
            device.last_seen = Some(seen(until, &mut random));
            let tenth = random.below(10);
            for product in catalogues.get(family).into_iter().flat_map(|c| &c.products) {
                findings(product, tenth, until, &mut device.findings);
            }
            device
        })
        .collect();
    Snapshot {
        v: SNAPSHOT_VERSION,
        feeds: Vec::new(),
        devices,
        unknown: Default::default(),
    }
}

/// Where a device is. Everything of a client follows from its number.
fn place(number: u32, client: u64, random: &mut Random) -> SnapshotDevice {
    let mut of_client = Random::new(client.wrapping_add(0x5eed));
    let dice = of_client.below(100);
    let mut below = 0;
    let zone = ZONES.iter().find(|(_, percent)| {
        below += percent;
        dice < below
    });
    let sites = 1 + of_client.below(3);
    SnapshotDevice {
        id: format!("device-{number:06}"),
        client: format!("client-{client:04}"),
        site: format!("site-{}", 1 + random.below(sites)),
        zone: zone.map_or("UTC", |(zone, _)| zone).to_owned(),
        ..SnapshotDevice::default()
    }
}

/// What a device is; returns the family of its system.
fn family(device: &mut SnapshotDevice, random: &mut Random) -> usize {
    let server = random.chance(30);
    let family = match (server, random.below(10)) {
        (false, 0..=8) => 0,
        (false, _) => 2,
        (true, 0..=5) => 1,
        (true, 6..=8) => 2,
        (true, _) => 3,
    };
    device
        .tags
        .push(if server { "server" } else { "workstation" }.to_owned());
    if server {
        device
            .tags
            .extend(random.one(&ROLES).map(|role| (*role).to_owned()));
    }
    if random.chance(5) {
        device.tags.push("pilot".to_owned());
    }
    let system = streams::FAMILIES
        .get(family)
        .and_then(|all| random.one(all));
    device.os = system.map_or("", |system| system).to_owned();
    family
}

fn seen(until: Timestamp, random: &mut Random) -> Timestamp {
    // Nine in ten spoke within the hour, the others within a month.
    let minutes = if random.chance(90) {
        random.below(55)
    } else {
        60 + random.below(30 * 24 * 60)
    };
    let back = SignedDuration::from_mins(i64::try_from(minutes).unwrap_or(0));
    until.checked_sub(back).unwrap_or(until)
}

/// What a device lacks of a product: the newest patch where it came lately, the others are replaced.
fn findings(
    product: &[SnapshotFinding],
    tenth: u64,
    until: Timestamp,
    to: &mut Vec<SnapshotFinding>,
) {
    for (at, patch) in product.iter().enumerate() {
        let newest = at + 1 == product.len();
        let age_days = patch
            .released_at
            .map_or(0, |released| until.duration_since(released).as_hours() / 24);
        // Devices are up to date at different times: a tenth of the fleet every three days.
        let behind = age_days < 30 || i64::try_from(tenth).unwrap_or(0) < 1;
        let mut finding = patch.clone();
        finding.state = match (newest, behind) {
            (true, true) => SnapshotState::Missing,
            (true, false) => SnapshotState::Fixed,
            (false, _) => SnapshotState::Superseded,
        };
        to.push(finding);
    }
}
