//! All counters from nothing: per class its devices, per device and client what is open.
//!
//! Work is done once per template. A device then costs only the rows in which it differs: for each the
//! classes that hold it, and whether the device gained its first row of a class or lost its last.

use super::advisory::{SLOTS, Weight};
use super::devices::{Devices, unpack_changes};
use super::shard::Shard;
use super::{FleetIndex, in_parallel};

/// Templates that one task takes, at least so many devices together.
const TASK_DEVICES: u64 = 4_096;

/// What one task found.
struct Counted {
    shard: usize,
    devices: Vec<(u32, Weight)>,
    /// Class and how many devices it hits.
    classes: Vec<(u32, i64)>,
}

impl FleetIndex {
    /// Counts everything anew, from the classes as they are.
    pub(super) fn count(&mut self, threads: usize) {
        self.devices.clear_counts();
        let mut tasks: Vec<(usize, Vec<u32>)> = Vec::new();
        for (at, shard) in self.shards.iter_mut().enumerate() {
            for class in 0..shard.classes.len() as u32 {
                shard.classes.get_mut(class).devices = 0;
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
        let (shards, devices) = (&self.shards, &self.devices);
        let counted = in_parallel(threads, tasks, |(at, templates)| {
            count(&shards[at], at, &templates, devices)
        });
        for task in counted {
            let classes = &mut self.shards[task.shard].classes;
            for (class, devices) in task.classes {
                let known = &mut classes.get_mut(class).devices;
                *known = known.saturating_add_signed(devices as i32);
            }
            for (device, counts) in task.devices {
                self.devices.set_counts(device, &counts);
            }
        }
    }
}

/// How often each class is held by a template, and by how much a device differs.
struct Multiplicity {
    held: Vec<i32>,
    change: Vec<i32>,
    touched: Vec<u32>,
}

impl Multiplicity {
    fn touch(&mut self, classes: &[u32], by: i32) {
        for &class in classes {
            self.change[class as usize] += by;
            self.touched.push(class);
        }
    }
}

fn count(shard: &Shard, at: usize, templates: &[u32], devices: &Devices) -> Counted {
    let classes = &shard.classes;
    let mut of = Multiplicity {
        held: vec![0; classes.len()],
        change: vec![0; classes.len()],
        touched: Vec::new(),
    };
    let mut hits = vec![0_i64; classes.len()];
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
        let mut base = [0_u32; SLOTS];
        let mut held = Vec::new();
        for &row in shard.templates.rows(template) {
            for &class in classes.of_row(row) {
                let count = &mut of.held[class as usize];
                if *count == 0 {
                    held.push(class);
                    hits[class as usize] += members.len() as i64;
                    add(&mut base, &classes.get(class).weight);
                }
                *count += 1;
            }
        }
        for device in members {
            unpack_changes(devices.packed(device), &mut less, &mut more);
            less.iter()
                .for_each(|&row| of.touch(classes.of_row(row), -1));
            more.iter()
                .for_each(|&row| of.touch(classes.of_row(row), 1));
            let mut own = base;
            for class in of.touched.drain(..) {
                let change = std::mem::take(&mut of.change[class as usize]);
                let before = of.held[class as usize];
                let (was, is) = (before > 0, before + change > 0);
                if was == is {
                    continue;
                }
                let weight = &classes.get(class).weight;
                if is {
                    hits[class as usize] += 1;
                    add(&mut own, weight);
                } else {
                    hits[class as usize] -= 1;
                    own.iter_mut()
                        .zip(weight)
                        .for_each(|(sum, one)| *sum -= one);
                }
            }
            counted.devices.push((device, own));
        }
        for class in held {
            of.held[class as usize] = 0;
        }
    }
    counted.classes = hits
        .into_iter()
        .enumerate()
        .filter(|(_, hits)| *hits != 0)
        .map(|(class, hits)| (class as u32, hits))
        .collect();
    counted
}

fn add(sum: &mut Weight, weight: &Weight) {
    sum.iter_mut()
        .zip(weight)
        .for_each(|(sum, one)| *sum += one);
}
