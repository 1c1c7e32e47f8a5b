//! For random histories: what the store says of any past instant is what was present then.

#![expect(clippy::unwrap_used, reason = "a test may end where it stands")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use domain::finding::FindingState;
use domain::id::DeviceId;
use proptest::prelude::*;
use store::{FindingsWrite, InventoryWrite, OpenOptions, Store, StoreError, Tx};
use support::sample::*;

fn store(folder: &tempfile::TempDir) -> Store {
    let store = Store::open(&folder.path().join("store.db"), OpenOptions { readers: 1 }).unwrap();
    store
        .write_blocking(|tx| {
            tx.client_add(&provider(), &client(1))?;
            tx.site_add(&provider(), &site(1))?;
            tx.device_add(&provider(), &device(1, id(1)))?;
            tx.device_add(&provider(), &device(2, id(1)))
        })
        .unwrap();
    store
}

type Packages = BTreeMap<u64, u64>;
type Findings = BTreeMap<u64, usize>;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_inventory_of_the_past_is_the_one_that_was_present(
        history in proptest::collection::vec(
            (1_i64..50, proptest::collection::btree_map(0_u64..30, 0_u64..3, 0..20)), 1..12),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let device: DeviceId = id(1);
        let mut present: Vec<(i64, Packages)> = Vec::new();
        let mut now = 0;
        for (pause, packages) in history {
            now += pause;
            let inventory = inventory(packages.clone());
            store.write_blocking(move |tx| {
                let write = InventoryWrite {
                    inventory: &inventory,
                    digest: inventory.digest(),
                    valid_from: at(now),
                    recorded_at: at(now + 1),
                };
                tx.inventory_put(&provider(), device, write)
            }).unwrap();
            present.push((now, packages));
        }
        let ask = |when: i64| store.read_blocking(move |tx| {
            let known = tx.inventory_at(&provider(), device, at(when))?;
            Ok::<_, StoreError>(known.map(|known| known.inventory))
        }).unwrap();
        for when in 0..=now + 1 {
            let then = present.iter().rev().find(|(since, _)| *since <= when);
            let want = then.map(|(_, packages)| inventory(packages.clone()));
            prop_assert_eq!(ask(when), want, "{}", when);
        }
    }

    #[test]
    fn findings_of_the_past_are_those_that_were_present_and_the_counts_are_right(
        history in proptest::collection::vec(
            (1_i64..50, 1_u64..3, proptest::collection::btree_map(0_u64..8, 0_usize..6, 0..8)), 1..16),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let mut present: Vec<(i64, u64, Findings)> = Vec::new();
        let mut now = 0;
        for (pause, device, states) in history {
            now += pause;
            let findings: Vec<_> = states
                .iter()
                .map(|(&number, &state)| finding(number, FindingState::ALL[state]))
                .collect();
            store.write_blocking(move |tx| {
                let write = FindingsWrite {
                    findings: &findings,
                    valid_from: at(now),
                    recorded_at: at(now),
                };
                tx.finding_apply(&provider(), id(device), write)
            }).unwrap();
            present.push((now, device, states));
        }
        for device in [1, 2] {
            for when in 0..=now + 1 {
                let own = present.iter().filter(|(_, of, _)| *of == device);
                let then = own.rev().find(|(since, _, _)| *since <= when);
                let want = then.map(|(_, _, states)| states.clone());
                let found = store
                    .read_blocking(move |tx| states_at(tx, device, when))
                    .unwrap();
                prop_assert_eq!(found, want, "device {} at {}", device, when);
            }
        }
        let mut want: BTreeMap<(String, FindingState), u32> = BTreeMap::new();
        for device in [1, 2] {
            if let Some((_, _, states)) = present.iter().rev().find(|(_, of, _)| *of == device) {
                for (&number, &state) in states {
                    let state = FindingState::ALL[state];
                    *want.entry((patch(number).to_string(), state)).or_default() += 1;
                }
            }
        }
        let list = store
            .read_blocking(|tx| tx.patch_list(&provider(), &Default::default()))
            .unwrap();
        let counted: BTreeMap<(String, FindingState), u32> = list
            .items
            .iter()
            .flat_map(|patch| {
                let name = patch.patch.to_string();
                patch.devices.iter().map(move |(&state, &count)| ((name.clone(), state), count))
            })
            .collect();
        prop_assert_eq!(counted, want);
    }
}

fn states_at(tx: &mut Tx<'_>, device: u64, when: i64) -> Result<Option<Findings>, StoreError> {
    let found = tx.finding_at(&provider(), id(device), at(when))?;
    let numbers: BTreeMap<String, u64> = (0..8).map(|n| (patch(n).to_string(), n)).collect();
    let state = |state: FindingState| {
        let place = FindingState::ALL.iter().position(|other| *other == state);
        place.unwrap()
    };
    Ok(found.map(|found| {
        let patches: BTreeSet<_> = found.iter().map(|f| f.finding.patch.clone()).collect();
        assert_eq!(patches.len(), found.len());
        found
            .iter()
            .map(|f| {
                (
                    numbers[&f.finding.patch.to_string()],
                    state(f.finding.state),
                )
            })
            .collect()
    }))
}

#[test]
fn what_a_failed_job_had_read_of_its_own_rows_is_not_taken_for_later_ones() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let device: DeviceId = id(1);
    let put = move |tx: &mut Tx<'_>, number: u64| {
        let findings = [finding(number, FindingState::Missing)];
        let write = FindingsWrite {
            findings: &findings,
            valid_from: at(0),
            recorded_at: at(0),
        };
        tx.finding_apply(&provider(), device, write)?;
        tx.facts_put(&provider(), device, &facts(number, number), "mark", at(0))?;
        let found = tx.finding_of_device(&provider(), device)?.unwrap();
        let known = tx.facts_get(&provider(), device)?.unwrap().0;
        Ok::<_, StoreError>((found[0].finding.clone(), known))
    };
    let failed = store.write_blocking(move |tx| {
        put(tx, 1)?;
        // A second client of the same id: the job fails, and gives its rows' ids back.
        tx.client_add(&provider(), &client(1))
    });
    assert!(failed.is_err());
    let (found, known) = store.write_blocking(move |tx| put(tx, 2)).unwrap();
    assert_eq!(found, finding(2, FindingState::Missing));
    assert_eq!(known, facts(2, 2));
}
