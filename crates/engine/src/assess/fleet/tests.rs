//! The index against the reference, on small random fleets through random changes.

mod judge;
#[path = "../../../examples/fleet_bench/naive.rs"]
mod naive;
mod queries;
mod windows;

use std::collections::{BTreeMap, BTreeSet};

use domain::advisory::{NoFixReason, Rating, Says, Statement, Target};
use domain::cve::{Document, KevCatalogue};
use domain::device::Mode;
use domain::id::{ClientId, DeviceId, SiteId};
use domain::judgement::JudgedPackage;
use domain::name::{Label, Tag};
use domain::package::Ecosystem;
use domain::query::Query;
use domain::severity::{Severity, SeveritySource};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::assess::scheme;
use naive::Reference;

/// Numbers from a seed: splitmix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len() as u64) as usize]
    }
}

const SYSTEMS: &[(&[&str], Ecosystem)] = &[
    (&["debian:bookworm"], Ecosystem::Deb),
    (&["rhel:9"], Ecosystem::Rpm),
    (&["centos:7", "rhel:7"], Ecosystem::Rpm),
    (&["alpine:3.20"], Ecosystem::Apk),
    (&["arch"], Ecosystem::Pacman),
];
/// The last two have no place in dpkg's order.
const VERSIONS: &[&str] = &[
    "1.0-1",
    "1.0-2",
    "0:1.0-2",
    "1:0.5-1",
    "2.0~rc1-1",
    "2.0-1",
    "2.0-1+b1",
    "3.1-r2",
    "2.0-1.module+el8.1.0+123+abc",
    "(none):2.0-1",
    "a:1-1",
    "1:",
];
const NAMES: &[&str] = &["alpha", "beta", "gamma", "libalpha"];

fn name<T: std::str::FromStr>(text: impl AsRef<str>) -> T
where
    T::Err: std::fmt::Debug,
{
    text.as_ref().parse().unwrap()
}

fn package(dice: &mut Dice, ecosystem: Ecosystem) -> JudgedPackage {
    JudgedPackage {
        ecosystem,
        name: name(dice.of(NAMES)),
        version: name(dice.of(VERSIONS)),
        architecture: dice
            .of(&[None, Some("amd64"), Some("arm64"), Some("all")])
            .map(name),
        source: dice
            .of(&[None, None, Some("alpha"), Some("beta")])
            .map(name),
        source_version: dice
            .of(&[None, None, Some("1.0-2"), Some("2.0-1")])
            .map(name),
        module: dice
            .of(&[
                None,
                None,
                None,
                Some("beta:1"),
                Some("beta:1:2024:x"),
                Some("beta:2"),
            ])
            .map(str::to_owned),
    }
}

fn statement(dice: &mut Dice) -> Statement {
    let (systems, _) = *dice.of(SYSTEMS);
    let about = name(dice.of(NAMES));
    let introduced = dice
        .of(&[None, None, Some("1.0-2"), Some("a:1-1"), Some("0")])
        .map(name);
    let version: domain::name::Version = name(dice.of(VERSIONS));
    let (distribution, release) = dice.of(systems).split_once(':').unwrap_or(("arch", ""));
    Statement {
        system: SystemId::new(distribution, release),
        target: if dice.below(2) == 0 {
            Target::Source(about)
        } else {
            Target::Binary(about)
        },
        architectures: dice
            .of(&[&[][..], &[], &["amd64"], &["amd64", "arm64"], &["noarch"]])
            .iter()
            .map(name)
            .collect(),
        module: dice
            .of(&[
                None,
                None,
                None,
                Some("beta:1"),
                Some("beta:1:2024:x"),
                Some("beta:2"),
            ])
            .map(str::to_owned),
        cves: None,
        subscription: (dice.below(6) == 0).then(|| "Pro".to_owned()),
        says: match dice.below(7) {
            0..=2 => Says::FixedIn {
                introduced,
                fixed: version,
            },
            3 => Says::AffectedUpTo {
                introduced,
                last: version,
            },
            4 => Says::AffectedExactly {
                versions: vec![name("1.0-2"), version.clone()],
                fixed: (dice.below(2) == 0).then_some(version),
            },
            5 => Says::NoFix {
                reason: NoFixReason::NotYet,
                word: "open".into(),
            },
            _ => match dice.below(2) {
                0 => Says::NotAffected {
                    why: "code not present".into(),
                },
                _ => Says::Undetermined {
                    word: "undetermined".into(),
                },
            },
        },
    }
}

fn advisory(dice: &mut Dice, id: &str) -> Advisory {
    let mut advisory = Advisory::new(id);
    advisory.withdrawn = dice.below(12) == 0;
    advisory.cves = vec![name(format!("CVE-2024-{:04}", dice.below(6)))];
    advisory.rating = (dice.below(4) > 0).then(|| Rating {
        severity: *dice.of(Severity::ALL),
        source: SeveritySource::Vendor,
        word: String::new(),
        cvss_tenths: None,
    });
    for _ in 0..=dice.below(3) {
        advisory.statements.push(statement(dice));
    }
    advisory
}

const ZONES: &[&str] = &["Europe/Berlin", "Asia/Kathmandu"];

/// A device written down beside the index.
#[derive(Clone)]
struct Known {
    id: DeviceId,
    client: (ClientId, Label),
    site: (SiteId, Label),
    tags: Vec<Tag>,
    zone: &'static str,
    mode: Mode,
    os: Option<OsRecord>,
    systems: Vec<SystemId>,
    ecosystem: Ecosystem,
    seen: Option<Timestamp>,
    packages: Option<BTreeMap<PackageId, JudgedPackage>>,
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A fleet, its definitions, and the index that should agree with them.
struct World {
    dice: Dice,
    index: FleetIndex,
    devices: BTreeMap<DeviceId, Known>,
    advisories: BTreeMap<String, Advisory>,
    catalogues: Catalogues,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let document = Document {
            name: "kev".into(),
            dated: "2024-01-01".parse().unwrap(),
        };
        let listed = vec![(name("CVE-2024-0001"), "2024-01-01".parse().unwrap())];
        let catalogues = Catalogues {
            kev: Some(KevCatalogue::new(document, listed)),
            epss: None,
        };
        let mut index = FleetIndex::new();
        let devices: Vec<Known> = (0..dice.below(30))
            .map(|n| device(&mut dice, &mut index, n))
            .collect();
        let advisories: BTreeMap<String, Advisory> = (0..dice.below(25))
            .map(|n| (format!("A-{n}"), advisory(&mut dice, &format!("A-{n}"))))
            .collect();
        index.load_definitions(
            advisories.iter().map(|(key, a)| (key.as_str(), a)),
            &catalogues,
        );
        let packed: Vec<_> = devices.iter().map(packed).collect();
        let records = devices
            .iter()
            .zip(&packed)
            .map(|(known, packed)| record(known, packed.as_deref()));
        index.enrol(records, 2).unwrap();
        index.assess(2);
        let devices = devices.into_iter().map(|known| (known.id, known)).collect();
        Self {
            dice,
            index,
            devices,
            advisories,
            catalogues,
        }
    }

    /// One random change, to the index and to what is written down.
    fn change(&mut self) {
        let dice = &mut self.dice;
        let ids: Vec<DeviceId> = self.devices.keys().copied().collect();
        match dice.below(6) {
            0 | 1 if !ids.is_empty() => {
                let known = self.devices.get_mut(dice.of(&ids)).unwrap();
                if known.systems.is_empty() {
                    return assert!(self.index.check_in(known.id, &[], &[]).is_err());
                }
                let Some(packages) = &mut known.packages else {
                    return;
                };
                let mut removed = Vec::new();
                for id in packages.keys().copied().collect::<Vec<_>>() {
                    if dice.below(3) == 0 {
                        packages.remove(&id);
                        removed.push(id);
                    }
                }
                let mut added = Vec::new();
                for _ in 0..dice.below(4) {
                    let package = package(dice, known.ecosystem);
                    let id = self.index.package(&package);
                    packages.insert(id, package);
                    added.push(id);
                }
                removed.retain(|id| !packages.contains_key(id));
                self.index.check_in(known.id, &added, &removed).unwrap();
            }
            2 if !ids.is_empty() => {
                let id = *dice.of(&ids);
                self.devices.remove(&id);
                assert!(self.index.retire(id) && !self.index.retire(id));
            }
            3 => {
                let number = dice.below(40);
                let known = device(dice, &mut self.index, number);
                let packed = packed(&known);
                self.index.put(&record(&known, packed.as_deref())).unwrap();
                self.devices.insert(known.id, known);
            }
            _ => {
                let mut changes = BTreeMap::new();
                for _ in 0..=dice.below(3) {
                    let key = format!("A-{}", dice.below(30));
                    let put = (dice.below(4) > 0).then(|| advisory(dice, &key));
                    changes.insert(key, put);
                }
                let list: Vec<Change<'_>> = changes
                    .iter()
                    .map(|(key, put)| match put {
                        Some(advisory) => Change::Put(key, advisory),
                        None => Change::Remove(key),
                    })
                    .collect();
                self.index.apply_definitions(&list, &self.catalogues, 2);
                for (key, put) in changes {
                    match put {
                        Some(advisory) => {
                            self.advisories.insert(key, advisory);
                        }
                        None => {
                            self.advisories.remove(&key);
                        }
                    }
                }
            }
        }
    }

    /// What the reference says is open on each device: package, key, what.
    fn expected(&self) -> BTreeMap<DeviceId, BTreeSet<(PackageId, &str, Open)>> {
        let reference = Reference::new(self.advisories.iter().map(|(key, a)| (key.as_str(), a)));
        let open = |known: &Known| {
            let packages: Vec<_> = known.packages.iter().flatten().collect();
            let only: Vec<&JudgedPackage> = packages.iter().map(|(_, package)| *package).collect();
            let open = reference.open(&known.systems, &only);
            open.into_iter()
                .map(|(at, key, what)| (*packages[at].0, key, what))
                .collect()
        };
        self.devices
            .values()
            .map(|known| (known.id, open(known)))
            .collect()
    }

    fn counts(&self, open: &BTreeSet<(PackageId, &str, Open)>) -> Counts {
        let mut counts = Counts::default();
        let distinct: BTreeSet<(&str, Open)> =
            open.iter().map(|(_, key, what)| (*key, *what)).collect();
        for (key, what) in distinct {
            let advisory = &self.advisories[key];
            match what {
                Open::Unknown => counts.unknown += 1,
                Open::NoFix => counts.no_fix += 1,
                Open::Missing => {
                    let slot = match advisory.rating.as_ref().map(|rating| rating.severity) {
                        None => &mut counts.not_rated,
                        Some(Severity::Unrated) => &mut counts.unrated,
                        Some(Severity::Low) => &mut counts.low,
                        Some(Severity::Moderate) => &mut counts.moderate,
                        Some(Severity::Important) => &mut counts.important,
                        Some(Severity::Critical) => &mut counts.critical,
                    };
                    *slot += 1;
                    counts.exploited += u64::from(advisory.cves[0].to_string() == "CVE-2024-0001");
                }
            }
        }
        counts
    }

    /// Holds everything that the index says against the reference.
    fn check(&self) {
        let expected = self.expected();
        assert_eq!(self.index.device_count(), self.devices.len() as u64);
        let mut hit: BTreeMap<(&str, Open), BTreeSet<DeviceId>> = BTreeMap::new();
        for (id, open) in &expected {
            let device = self.index.device(*id).unwrap();
            let found: BTreeSet<(PackageId, &str, Open)> = self
                .index
                .open_rows_of(device)
                .iter()
                .map(|row| (row.package, self.index.key(row.advisory).unwrap(), row.open))
                .collect();
            assert_eq!(&found, open);
            assert_eq!(self.index.counts(device).unwrap(), self.counts(open));
            for (_, key, what) in open {
                hit.entry((key, *what)).or_default().insert(*id);
            }
        }
        for key in self.advisories.keys() {
            let advisory = self.index.advisory(key).unwrap();
            for what in Open::ALL {
                let devices = self.index.affected(advisory, what);
                let ids: BTreeSet<DeviceId> = devices
                    .iter()
                    .map(|d| self.index.device_id(DeviceIndex(d)).unwrap().0)
                    .collect();
                let expected = hit.remove(&(key.as_str(), what)).unwrap_or_default();
                assert_eq!(ids, expected, "{key} {what:?}");
                assert_eq!(
                    self.index.affected_count(advisory, what),
                    expected.len() as u64
                );
            }
        }
        let sum: u64 = expected
            .values()
            .map(|open| self.counts(open).missing())
            .sum();
        assert_eq!(self.index.totals().1.missing(), sum);
        let mut clients = BTreeMap::new();
        for known in self.devices.values() {
            let own = self.counts(&expected[&known.id]);
            let sums: &mut (u64, u64, u64) = clients.entry(known.client.0).or_default();
            *sums = (
                sums.0 + 1,
                sums.1 + own.missing(),
                sums.2 + u64::from(own.critical > 0),
            );
        }
        let found: BTreeMap<_, _> = self
            .index
            .clients()
            .filter(|client| client.devices > 0)
            .map(|c| (c.client, (c.devices, c.open.missing(), c.with.critical)))
            .collect();
        assert_eq!(found, clients);
    }
}

fn device(dice: &mut Dice, index: &mut FleetIndex, number: u64) -> Known {
    let now = at("2024-05-01T00:00:00Z");
    let (systems, ecosystem) = *dice.of(SYSTEMS);
    let client = dice.below(3);
    let site = client * 2 + dice.below(2);
    let id = |n: u64| {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        bytes
    };
    let split = |text: &&str| {
        let (a, b) = text.split_once(':').unwrap_or(("arch", ""));
        SystemId::new(a, b)
    };
    let mut packages = BTreeMap::new();
    for _ in 0..dice.below(8) {
        let package = package(dice, ecosystem);
        packages.insert(index.package(&package), package);
    }
    Known {
        id: DeviceId::from_bytes(id(number)),
        client: (
            ClientId::from_bytes(id(client)),
            name(format!("Client{client}")),
        ),
        site: (
            SiteId::from_bytes(id(site)),
            name(["Berlin", "Bonn"][site as usize % 2]),
        ),
        tags: dice
            .of(&[&[][..], &["server"], &["dmz", "server"]])
            .iter()
            .map(name)
            .collect(),
        zone: ZONES[dice.below(2) as usize],
        mode: *dice.of(&[Mode::Observe, Mode::Managed]),
        os: (dice.below(5) > 0).then(|| OsRecord {
            id: dice.of(&["debian", "rhel"]).to_string(),
            version: dice.of(&[None, Some("12"), Some("9.2")]).map(str::to_owned),
            codename: dice.of(&[None, Some("bookworm")]).map(str::to_owned),
        }),
        systems: if dice.below(8) == 0 {
            Vec::new()
        } else {
            systems.iter().map(split).collect()
        },
        ecosystem,
        seen: (dice.below(5) > 0).then(|| now - SignedDuration::from_hours(dice.below(400) as i64)),
        packages: (dice.below(8) > 0).then_some(packages),
    }
}

fn packed(known: &Known) -> Option<Vec<u8>> {
    let packages = known.packages.as_ref()?;
    let mut packed = Vec::new();
    pack::pack(
        &packages.keys().map(|id| id.0).collect::<Vec<_>>(),
        &mut packed,
    );
    Some(packed)
}

fn record<'a>(known: &'a Known, packages: Option<&'a [u8]>) -> DeviceRecord<'a> {
    DeviceRecord {
        id: known.id,
        client: (known.client.0, &known.client.1),
        site: (known.site.0, &known.site.1),
        tags: &known.tags,
        zone: known.zone,
        mode: known.mode,
        os: known.os.as_ref(),
        systems: &known.systems,
        seen: known.seen,
        packages,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn the_index_says_what_comparing_strings_says_through_all_changes(seed in any::<u64>()) {
        let mut world = World::new(seed);
        world.check();
        for _ in 0..12 {
            world.change();
            world.check();
        }
        let totals = world.index.totals();
        world.index.assess(1);
        prop_assert_eq!(world.index.totals(), totals);
        world.check();
    }

    #[test]
    fn queries_select_the_devices_that_the_language_matches(seed in any::<u64>()) {
        let mut world = World::new(seed);
        for _ in 0..4 {
            world.change();
        }
        world.check_queries();
    }
}

#[test]
fn what_the_index_does_not_hold_is_named() {
    let index = FleetIndex::new();
    let ask = |text: &str| {
        let query = Query::parse(text).unwrap();
        index
            .select(&query, at("2024-05-01T00:00:00Z"))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        ask("tag:a device:web1"),
        "the fleet index does not hold `device`"
    );
    assert_eq!(
        ask("web1"),
        "the fleet index does not hold the names of devices"
    );
    assert_eq!(ask("-(age<3d)"), "the fleet index does not hold `age`");
}

#[test]
fn numbers_that_were_not_given_are_refused_and_change_nothing() {
    let mut world = World::new(7);
    let before = world.index.totals();
    let stranger = DeviceId::from_bytes([0xee; 16]);
    assert!(world.index.check_in(stranger, &[], &[]).is_err());
    assert!(world.index.counts(DeviceIndex(9_999)).is_err());
    let known = world
        .devices
        .values()
        .find(|known| known.packages.is_some())
        .unwrap();
    assert!(
        world
            .index
            .check_in(known.id, &[PackageId(9_999)], &[])
            .is_err()
    );
    assert!(
        world
            .index
            .put(&record(known, Some(&[0xff, 0xff, 0x7f])))
            .is_err()
    );
    assert!(world.index.put(&record(known, Some(&[0x80]))).is_err());
    assert_eq!(world.index.totals(), before);
}

#[test]
fn the_worst_devices_come_first_and_pages_join() {
    let world = (0..)
        .map(World::new)
        .find(|world| world.devices.len() > 20)
        .unwrap();
    let all = world.index.worst_devices(1_000, None);
    assert!(all.len() > 10);
    let mut paged = Vec::new();
    let mut after = None;
    loop {
        let page = world.index.worst_devices(3, after);
        let Some(last) = page.last() else { break };
        after = Some(last.index);
        paged.extend(page);
    }
    assert_eq!(paged, all);
    for pair in all.windows(2) {
        let [a, b] = [pair[0].counts, pair[1].counts];
        assert!((a.exploited, a.critical, a.important) >= (b.exploited, b.critical, b.important));
    }
}
