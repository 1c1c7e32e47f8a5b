//! What is installed in the generated fleet: systems, sources, their binaries and their versions.
//!
//! The shape is measured, the rest is drawn from a fixed seed:
//!
//! - Binaries of a source: on a Debian 12 system with 848 packages, 343 of 490 sources have one
//!   package installed, 69 two, 27 three, 20 four, 31 five or more.
//! - Systems: the releases of eight distributions that are in support or lately were, weighted by
//!   guess; names are shared within a family, as Debian's and Red Hat's are, versions are not.
//! - A source is released one to thirteen times within twelve months, most of them seldom (DSA list: the
//!   median source has 2 advisories in all, the highest one hundreds).
//! - A device is of one of ten roles of its system (the roles share most sources), was last patched in
//!   one of the twelve months (the later the likelier), lacks 3 % of its role's packages, has 6 % in
//!   another version, and 2 % more that the role does not have: as the simulated devices of the bench
//!   of storage.

use domain::judgement::JudgedPackage;
use domain::package::Ecosystem;
use domain::release::SystemId;
use engine::assess::fleet::{FleetIndex, PackageId, pack};

use crate::dice::Dice;

/// Months of the fleet's past.
const MONTHS: usize = 12;
const ROLES: usize = 10;
/// Sources of a family; a system has all of them.
const SOURCES: usize = 1_600;
/// Sources of a role: about 800 packages.
const ROLE_SOURCES: usize = 500;
/// Weights of one, two, ... binaries of a source.
const BINARIES: &[usize] = &[343, 69, 27, 20, 8, 5, 4, 4, 0, 1, 2, 0, 1, 1];

/// Systems: distribution, releases, ecosystem, family, weight in the fleet.
const SYSTEMS: &[(&str, &[&str], Ecosystem, usize, usize)] = &[
    (
        "debian",
        &["bullseye", "bookworm", "trixie"],
        Ecosystem::Deb,
        0,
        60,
    ),
    (
        "ubuntu",
        &["20.04", "22.04", "24.04"],
        Ecosystem::Deb,
        1,
        80,
    ),
    ("rhel", &["7", "8", "9", "10"], Ecosystem::Rpm, 2, 50),
    ("almalinux", &["8", "9", "10"], Ecosystem::Rpm, 2, 25),
    ("rocky", &["8", "9", "10"], Ecosystem::Rpm, 2, 25),
    ("ol", &["7", "8", "9"], Ecosystem::Rpm, 2, 12),
    (
        "sles",
        &["12.5", "15.5", "15.6", "15.7"],
        Ecosystem::Rpm,
        3,
        15,
    ),
    ("alpine", &["3.19", "3.20", "3.21"], Ecosystem::Apk, 4, 6),
];
const FAMILIES: usize = 5;

/// A source of a family: its binaries, and how often it is released in a year.
pub struct Source {
    pub name: String,
    pub binaries: Vec<String>,
    pub releases: usize,
}

/// A source in one system.
pub struct Built {
    /// Its versions, oldest first.
    pub versions: Vec<String>,
    /// The month in which each came; the first was there before.
    months: Vec<usize>,
    /// Package rows: by binary, then version.
    packages: Vec<Vec<PackageId>>,
}

/// One system.
pub struct System {
    pub id: SystemId,
    pub ecosystem: Ecosystem,
    pub family: usize,
    pub architecture: &'static str,
    pub built: Vec<Built>,
    roles: Vec<Vec<(u32, u8)>>,
}

/// All systems.
pub struct Universe {
    pub families: Vec<Vec<Source>>,
    pub systems: Vec<System>,
    weights: Vec<usize>,
}

impl Universe {
    /// Draws the universe and puts its package rows into the index.
    pub fn draw(index: &mut FleetIndex, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let families: Vec<Vec<Source>> = (0..FAMILIES)
            .map(|family| {
                (0..SOURCES)
                    .map(|at| source(&mut dice, family, at))
                    .collect()
            })
            .collect();
        let (mut systems, mut weights) = (Vec::new(), Vec::new());
        for &(distribution, releases, ecosystem, family, weight) in SYSTEMS {
            for (at, release) in releases.iter().enumerate() {
                let architecture = if ecosystem == Ecosystem::Deb {
                    "amd64"
                } else {
                    "x86_64"
                };
                let mut system = System {
                    id: SystemId::new(distribution, release),
                    ecosystem,
                    family,
                    architecture,
                    built: Vec::new(),
                    roles: Vec::new(),
                };
                for source in &families[family] {
                    system
                        .built
                        .push(build(&mut dice, index, source, &system, at));
                }
                system.roles = roles(&mut dice, &families[family]);
                weights.push(weight / releases.len() + at);
                systems.push(system);
            }
        }
        Self {
            families,
            systems,
            weights,
        }
    }

    /// The system of a device and its packed packages; the same for the same number.
    pub fn device(&self, seed: u64, number: usize) -> (usize, Vec<u8>) {
        let mut dice = Dice::new(seed ^ (number as u64).wrapping_mul(0xd6e8_feb8_6659_fd93));
        let at = dice.weighted(&self.weights);
        let system = &self.systems[at];
        let role = dice.of(&system.roles).as_slice();
        let month = dice
            .below(MONTHS)
            .max(dice.below(MONTHS))
            .max(dice.below(MONTHS));
        let mut ids = Vec::with_capacity(role.len() + 16);
        for &(source, binary) in role {
            let built = &system.built[source as usize];
            let roll = dice.below(1000);
            let version = match roll {
                0..30 => continue,
                30..90 => dice.below(built.versions.len()),
                90..110 => {
                    let extra = &system.built[dice.below(system.built.len())];
                    ids.push(extra.packages[0][extra.at(month)].0);
                    built.at(month)
                }
                _ => built.at(month),
            };
            ids.push(built.packages[binary as usize][version].0);
        }
        ids.sort_unstable();
        ids.dedup();
        let mut packed = Vec::with_capacity(ids.len() + 64);
        pack::pack(&ids, &mut packed);
        (at, packed)
    }
}

impl Built {
    /// The version that was current in a month.
    fn at(&self, month: usize) -> usize {
        self.months
            .iter()
            .filter(|&&came| came <= month)
            .count()
            .max(1)
            - 1
    }
}

fn source(dice: &mut Dice, family: usize, at: usize) -> Source {
    let count = dice.weighted(BINARIES) + 1;
    let name = format!("source{family}-{at}");
    let binaries = (0..count).map(|n| match n {
        0 => name.clone(),
        n => format!("lib{family}-{at}-{n}"),
    });
    Source {
        binaries: binaries.collect(),
        releases: match dice.below(100) {
            0..45 => 1,
            45..80 => 2 + dice.below(2),
            80..96 => 4 + dice.below(3),
            _ => 7 + dice.below(7),
        },
        name,
    }
}

fn build(
    dice: &mut Dice,
    index: &mut FleetIndex,
    source: &Source,
    system: &System,
    release: usize,
) -> Built {
    let base = (1 + dice.below(6), dice.below(30), dice.below(20));
    let versions: Vec<String> = (0..source.releases)
        .map(|n| version(system.ecosystem, base, release, n))
        .collect();
    let mut months: Vec<usize> = (1..source.releases)
        .map(|_| 1 + dice.below(MONTHS))
        .collect();
    months.sort_unstable();
    months.insert(0, 0);
    let text = |text: &str| text.parse().expect("generated names are names");
    let packages = source.binaries.iter().map(|binary| {
        let rows = versions.iter().map(|version| {
            index.package(&JudgedPackage {
                ecosystem: system.ecosystem,
                name: text(binary),
                version: version.parse().expect("generated versions are versions"),
                architecture: system.architecture.parse().ok(),
                source: Some(text(&source.name)),
                source_version: None,
                module: None,
            })
        });
        rows.collect()
    });
    Built {
        packages: packages.collect(),
        versions,
        months,
    }
}

/// Versions as the ecosystems write them; every one is later than the one before.
fn version(ecosystem: Ecosystem, base: (usize, usize, usize), release: usize, n: usize) -> String {
    let (major, minor, patch) = base;
    match ecosystem {
        Ecosystem::Deb if n == 0 => format!("{major}.{minor}.{patch}-1"),
        Ecosystem::Deb => format!("{major}.{minor}.{patch}-1+deb{}u{n}", 11 + release),
        Ecosystem::Apk => format!("{major}.{minor}.{}-r{}", patch + n / 4, n % 4),
        _ => format!(
            "0:{major}.{minor}.{patch}-{}.el{}_{n}",
            3 * n + 1,
            7 + release
        ),
    }
}

/// Roles: two thirds of each are the system's base, the rest is drawn.
fn roles(dice: &mut Dice, sources: &[Source]) -> Vec<Vec<(u32, u8)>> {
    let base = ROLE_SOURCES * 2 / 3;
    (0..ROLES)
        .map(|_| {
            let mut chosen: Vec<usize> = (0..base).collect();
            while chosen.len() < ROLE_SOURCES {
                chosen.push(base + dice.below(sources.len() - base));
            }
            chosen.sort_unstable();
            chosen.dedup();
            let binaries = |source: &usize| {
                let count = sources[*source].binaries.len() as u8;
                let source = *source as u32;
                (0..count).map(move |binary| (source, binary))
            };
            chosen.iter().flat_map(binaries).collect()
        })
        .collect()
}
