//! Judges devices by the definitions in force.
//!
//! The judge borrows the definitions, so both live in one thread of their own; jobs are handed in
//! and their answers waited for. A new set of definitions starts a new thread, the old one ends with
//! its last job. Without definitions nobody judges.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use domain::definitions::Definitions;
use domain::inventory::Inventory;
use domain::judgement::{JudgedDevice, JudgedPackage, Judgement};
use domain::offer::Facts;
use domain::package::PackageState;
use domain::release::SystemId;
use engine::assess::judge::Judge;
use jiff::Timestamp;

type Job = Box<dyn FnOnce(&Judge<'_>) + Send>;

/// A judge at work.
#[derive(Debug)]
pub(crate) struct Judging(Mutex<Sender<Job>>);

impl Judging {
    /// Starts a judge; `None`: there is nothing to judge by, or no thread can be had.
    pub fn start(definitions: &Arc<Definitions>) -> Option<Self> {
        if definitions.advisories.is_empty() {
            return None;
        }
        let (jobs, taken) = channel::<Job>();
        let definitions = Arc::clone(definitions);
        std::thread::Builder::new()
            .name("judge".to_owned())
            .spawn(move || {
                let judge = Judge::new(&definitions);
                for job in taken {
                    // One device's fault must not leave the others without a judge.
                    if catch_unwind(AssertUnwindSafe(|| job(&judge))).is_err() {
                        tracing::error!("a device's judgement ended by a defect");
                    }
                }
            })
            .map_err(|error| tracing::error!(%error, "no thread for the judge"))
            .ok()?;
        Some(Self(Mutex::new(jobs)))
    }

    /// Judges a device; `None`: the judgement ended by a defect.
    pub fn device(&self, device: JudgedDevice, at: Timestamp) -> Option<Vec<Judgement>> {
        let (tell, told) = channel();
        let job: Job = Box::new(move |judge| {
            // Nobody waits any more only when the caller has ended.
            let _ = tell.send(judge.device(&device, at));
        });
        let jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.send(job).ok()?;
        drop(jobs);
        told.recv().ok()
    }
}

/// A device as the judge sees it.
pub(crate) fn judged_device(inventory: &Inventory, facts: &Facts) -> JudgedDevice {
    let system = &facts.system;
    let codename = system.codename.as_ref().map(ToString::to_string);
    let packages = inventory
        .packages()
        .filter(|package| package.state != PackageState::ConfigFiles)
        .map(|package| JudgedPackage {
            ecosystem: package.ecosystem,
            name: package.name.clone(),
            version: package.version.clone(),
            architecture: Some(package.architecture.clone()),
            source: package.source.as_ref().map(|source| source.name.clone()),
            source_version: package.source.as_ref().map(|source| source.version.clone()),
            module: None,
        })
        .collect();
    JudgedDevice {
        name: system.hostname.clone(),
        systems: SystemId::of_os_release(&system.id, &system.version, codename.as_deref()),
        system_words: format!("{} {}", system.id, system.version),
        os: Some((system.id.clone(), system.version.clone())),
        kernel: Some(system.kernel.clone()),
        packages,
        windows: None,
        applications: Vec::new(),
        repositories: None,
    }
}
