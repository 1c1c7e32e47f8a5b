//! The index against the judge of single devices, where the row alone decides.
//!
//! Left out are streams of modules, which the judge also learns from lists and other advisories. Of one
//! advisory and package the gravest state is compared: the judge has a line per fixed version.

use domain::definitions::{Definitions, Sourced};
use domain::finding::FindingState;
use domain::judgement::JudgedDevice;

use super::*;
use crate::assess::judge::Judge;

type Graver = BTreeMap<(JudgedKey, String), Open>;
type JudgedKey = (String, String, Option<String>);

fn keep(found: &mut Graver, package: JudgedKey, advisory: &str, open: Open) {
    let known = found.entry((package, advisory.to_owned())).or_insert(open);
    *known = (*known).min(open);
}

fn judged(judge: &Judge<'_>, known: &Known) -> Graver {
    let device = JudgedDevice {
        name: "device".into(),
        systems: known.systems.clone(),
        packages: known
            .packages
            .iter()
            .flatten()
            .map(|(_, package)| package.clone())
            .collect(),
        ..JudgedDevice::default()
    };
    let mut found = Graver::new();
    for line in judge.device(&device, at("2024-05-01T00:00:00Z")) {
        let open = match line.state {
            FindingState::Missing => Open::Missing,
            FindingState::NoFix => Open::NoFix,
            FindingState::Unknown => Open::Unknown,
            FindingState::OldCodeRunning | FindingState::Fixed | FindingState::NotAffected => {
                continue;
            }
        };
        let architecture = line.architecture.map(|a| a.to_string());
        let package = (
            line.package,
            line.installed.unwrap_or_default(),
            architecture,
        );
        if let Some(advisory) = line.advisory {
            keep(&mut found, package, &advisory, open);
        }
    }
    found
}

impl World {
    /// Leaves modules out of what is written down and of the index.
    fn without_modules(seed: u64) -> Self {
        let mut world = Self::new(seed);
        let of_module = |text: &str| text.contains(".module");
        for known in world.devices.values_mut() {
            if let Some(packages) = &mut known.packages {
                packages.retain(|_, p| p.module.is_none() && !of_module(p.version.as_str()));
            }
            let packed = packed(known);
            world.index.put(&record(known, packed.as_deref())).unwrap();
        }
        for advisory in world.advisories.values_mut() {
            advisory
                .statements
                .retain(|s| s.module.is_none() && !of_module(&format!("{:?}", s.says)));
        }
        let changes: Vec<Change<'_>> = world
            .advisories
            .iter()
            .map(|(key, advisory)| Change::Put(key, advisory))
            .collect();
        world
            .index
            .apply_definitions(&changes, &world.catalogues, 1);

        world
    }

    fn check_judge(&self) {
        let advisories = self.advisories.values().cloned();
        let definitions = Definitions {
            advisories: advisories
                .map(|value| Sourced { document: 0, value })
                .collect(),
            ..Definitions::default()
        };
        let judge = Judge::new(&definitions);
        for known in self.devices.values() {
            let device = self.index.device(known.id).unwrap();
            let mut found = Graver::new();
            for row in self.index.open_rows_of(device) {
                let package = &known.packages.as_ref().unwrap()[&row.package];
                let architecture = package.architecture.as_ref().map(ToString::to_string);
                let package = (
                    package.name.to_string(),
                    package.version.to_string(),
                    architecture,
                );
                keep(
                    &mut found,
                    package,
                    self.index.key(row.advisory).unwrap(),
                    row.open,
                );
            }
            assert_eq!(found, judged(&judge, known), "{:?}", known.systems);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn the_index_agrees_with_the_judge_of_single_devices(seed in any::<u64>()) {
        World::without_modules(seed).check_judge();
    }
}
