//! Counters of many devices at once: per class its devices, per device and client what is open.
//!
//! Work is done once per template. A device then costs only the rows in which it differs: for each the
//! classes that hold it, and whether the device gained its first row of a class or lost its last. The
//! same walk serves to count everything anew and to bring in what a change of the definitions adds.

use std::collections::BTreeMap;

use super::advisory::SLOTS;
use super::devices::{Devices, unpack_changes};
use super::shard::Shard;
use super::{FleetIndex, in_parallel};

/// Templates that one task takes, at least so many devices together.
const TASK_DEVICES: u64 = 8_192;

/// By how much counters change.
pub(super) type Shift = [i64; SLOTS];

/// Classes that are asked about, with what a hit of each adds, laid out by row.
struct Asked {
    /// The classes, and what a hit adds.
    classes: Vec<(u32, Shift)>,
    /// Where the classes of each row begin; one more than there are rows.
    begins: Vec<u32>,
    /// Numbers of `classes`, row by row.
    of_rows: Vec<u32>,
}

impl Asked {
    fn of(shard: &Shard, classes: Vec<(u32, Shift)>) -> Self {
        let rows = |class: u32| shard.classes.get(class).rows.iter();
        let mut begins = vec![0_u32; shard.rows.len() + 1];
        for (class, _) in &classes {
            for &row in rows(*class) {
                begins[row as usize + 1] += 1;
            }
        }
        for at in 1..begins.len() {
            begins[at] += begins[at - 1];
        }
        let mut places = begins.clone();
        let mut of_rows = vec![0; begins.last().map_or(0, |&end| end as usize)];
        for (number, (class, _)) in classes.iter().enumerate() {
            for &row in rows(*class) {
                let place = &mut places[row as usize];
                of_rows[*place as usize] = number as u32;
                *place += 1;
            }
        }
        Self {
            classes,
            begins,
            of_rows,
        }
    }

    #[inline]
    fn of_row(&self, row: u32) -> &[u32] {
        let row = row as usize;
        &self.of_rows[self.begins[row] as usize..self.begins[row + 1] as usize]
    }
}

/// What one task found.
struct Counted {
    shard: usize,
    devices: Vec<(u32, Shift)>,
    /// Class and how many devices it hits.
    classes: Vec<(u32, i64)>,
}

impl FleetIndex {
    /// Counts everything anew, from the classes as they are.
    pub(super) fn count(&mut self, threads: usize) {
        self.devices.clear_counts();
        let asked = self.shards.iter_mut().map(|shard| {
            let all = 0..shard.classes.len() as u32;
            let classes = all
                .map(|class| {
                    let known = shard.classes.get_mut(class);
                    known.devices = 0;
                    (class, known.weight.map(i64::from))
                })
                .collect();
            Asked::of(shard, classes)
        });
        let asked: Vec<Asked> = asked.collect();
        for task in self.walk(&asked, threads) {
            let classes = &mut self.shards[task.shard].classes;
            for (class, devices) in task.classes {
                let known = &mut classes.get_mut(class).devices;
                *known = known.saturating_add_signed(devices as i32);
            }
            for (device, counts) in task.devices {
                self.devices
                    .set_counts(device, &counts.map(|count| count as u32));
            }
        }
    }

    /// Brings what hits of some classes add into all counters.
    pub(super) fn count_shifts(&mut self, shifts: &BTreeMap<(u16, u32), Shift>, threads: usize) {
        let mut by_shard: Vec<Vec<(u32, Shift)>> = vec![Vec::new(); self.shards.len()];
        for ((shard, class), shift) in shifts {
            if shift.iter().any(|by| *by != 0) {
                by_shard[*shard as usize].push((*class, *shift));
            }
        }
        let asked = self.shards.iter().zip(by_shard);
        let asked: Vec<Asked> = asked
            .map(|(shard, classes)| Asked::of(shard, classes))
            .collect();
        for task in self.walk(&asked, threads) {
            for (device, shift) in task.devices {
                for (slot, by) in shift.into_iter().enumerate() {
                    if by != 0 {
                        let amount = by.unsigned_abs() as u32;
                        self.devices.shift(device, slot, amount, by > 0);
                    }
                }
            }
        }
    }

    /// Asks every device which of the classes hit it.
    fn walk(&self, asked: &[Asked], threads: usize) -> Vec<Counted> {
        let mut tasks: Vec<(usize, Vec<u32>)> = Vec::new();
        for (at, shard) in self.shards.iter().enumerate() {
            if asked[at].classes.is_empty() {
                continue;
            }
            let (mut templates, mut devices) = (Vec::new(), 0);
            for template in 0..shard.templates.len() as u32 {
                templates.push(template);
                devices += shard.templates.members(template).len();
                if devices >= TASK_DEVICES {
                    tasks.push((at, std::mem::take(&mut templates)));
                    devices = 0;
                }
            }
            tasks.push((at, templates));
        }
        in_parallel(threads, tasks, |(at, templates)| {
            walk(
                &self.shards[at],
                &asked[at],
                &self.devices,
                (at, &templates),
            )
        })
    }
}

fn walk(
    shard: &Shard,
    asked: &Asked,
    devices: &Devices,
    (at, templates): (usize, &[u32]),
) -> Counted {
    let mut held = vec![0_i32; asked.classes.len()];
    let mut change = vec![0_i32; asked.classes.len()];
    let mut hits = vec![0_i64; asked.classes.len()];
    let (mut touched, mut by_template) = (Vec::new(), Vec::new());
    let mut counted = Counted {
        shard: at,
        devices: Vec::new(),
        classes: Vec::new(),
    };
    let (mut less, mut more) = (Vec::new(), Vec::new());
    for &template in templates {
        let members = shard.templates.members(template);
        if members.is_empty() {
            continue;
        }
        let mut base = [0_i64; SLOTS];
        for &row in shard.templates.rows(template) {
            for &class in asked.of_row(row) {
                let count = &mut held[class as usize];
                if *count == 0 {
                    by_template.push(class);
                    hits[class as usize] += members.len() as i64;
                    add(&mut base, &asked.classes[class as usize].1, 1);
                }
                *count += 1;
            }
        }
        for device in members {
            unpack_changes(devices.packed(device), &mut less, &mut more);
            for (rows, by) in [(&less, -1), (&more, 1)] {
                for &row in rows {
                    for &class in asked.of_row(row) {
                        change[class as usize] += by;
                        touched.push(class);
                    }
                }
            }
            let mut own = base;
            for class in touched.drain(..) {
                let changed = std::mem::take(&mut change[class as usize]);
                let before = held[class as usize];
                let by = i64::from(before + changed > 0) - i64::from(before > 0);
                if by != 0 {
                    hits[class as usize] += by;
                    add(&mut own, &asked.classes[class as usize].1, by);
                }
            }
            if own != [0; SLOTS] {
                counted.devices.push((device, own));
            }
        }
        for class in by_template.drain(..) {
            held[class as usize] = 0;
        }
    }
    counted.classes = asked
        .classes
        .iter()
        .zip(hits)
        .filter(|(_, hits)| *hits != 0)
        .map(|((class, _), hits)| (*class, hits))
        .collect();
    counted
}

fn add(sum: &mut Shift, one: &Shift, times: i64) {
    sum.iter_mut()
        .zip(one)
        .for_each(|(sum, one)| *sum += one * times);
}
