//! The backend of Debian and Ubuntu: apt and dpkg.
//!
//! [`Apt`] only joins the parts: `commands` builds what is run, the other modules read what comes back.
//! Everything that is read from files lies below one root, so that tests can build one.

mod arguments;
mod commands;
mod fetch;
mod lists;
mod needs;
mod offers;
mod policy;
mod record;
mod relations;
mod repair;
mod room;
mod settings;
mod simulation;
mod stanza;
mod status;
mod verify;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use domain::inventory::Inventory;
use domain::name::{Architecture, PackageName};
use domain::offer::{Lists, OfferReport, OldCode, RebootNeed, System};
use domain::order::OrderItem;
use domain::package::Item;

use crate::backend::{
    Backend, BackendError, ChangelogError, Holder, InstallTerms, InventoryRead, NotOffered,
    PackageKey, Refreshed, Repaired, Room, SetAside, Simulation, VerifiedFiles, WantedChangelog,
};
use crate::command::{Command, Finished, Runner};
use crate::linux::{kernel, locks, processes, services, system};
use status::Database;

/// Most names given to one run of apt, so that a command line never grows too long.
const NAMES_PER_RUN: usize = 400;

/// Where the system's files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    root: PathBuf,
}

impl Places {
    /// The running system.
    pub fn system() -> Self {
        Self {
            root: PathBuf::from("/"),
        }
    }

    /// A system below a folder; commands still run on the running one. For tests.
    pub fn below(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn dpkg(&self) -> PathBuf {
        self.root.join("var/lib/dpkg")
    }
    fn lists(&self) -> PathBuf {
        self.root.join("var/lib/apt/lists")
    }
    fn refresh_stamp(&self) -> PathBuf {
        self.root.join("var/lib/apt/periodic/update-success-stamp")
    }
    fn apt_cache(&self) -> PathBuf {
        self.root.join("var/cache/apt")
    }
    fn proc(&self) -> PathBuf {
        self.root.join("proc")
    }
    /// The locks that a transaction needs.
    fn lock_files(&self) -> Vec<PathBuf> {
        vec![
            self.dpkg().join("lock-frontend"),
            self.dpkg().join("lock"),
            self.apt_cache().join("archives/lock"),
        ]
    }
}

/// apt and dpkg of this device.
pub struct Apt {
    runner: Arc<dyn Runner>,
    places: Places,
    /// A folder of ours: what may be kept between runs.
    cache: PathBuf,
    native: OnceLock<Architecture>,
}

impl Apt {
    /// Makes the backend. `cache` is a folder of ours that is made when it is needed.
    pub fn new(runner: Arc<dyn Runner>, places: Places, cache: impl Into<PathBuf>) -> Self {
        Self {
            runner,
            places,
            cache: cache.into(),
            native: OnceLock::new(),
        }
    }

    fn run(&self, command: &Command) -> Result<Finished, BackendError> {
        Ok(self.runner.run(command)?)
    }

    /// The system's own architecture; asked once.
    fn native(&self) -> Result<&Architecture, BackendError> {
        if let Some(native) = self.native.get() {
            return Ok(native);
        }
        let finished = self.run(&commands::architecture())?;
        let text = finished.text();
        let native = text.trim().parse().map_err(|_| BackendError::Unreadable {
            place: "dpkg --print-architecture".to_owned(),
            text: simulation::one_line(&text),
            expected: "an architecture",
        })?;
        Ok(self.native.get_or_init(|| native))
    }

    /// apt's digest of the lists: apt's own where it is fresh, else one in our folder.
    fn package_cache(&self) -> Option<PathBuf> {
        let own = lists::changed_at(&self.places.apt_cache().join("pkgcache.bin"));
        let newest = lists::changed_at(&self.places.dpkg().join("status"))
            .max(lists::changed_at(&self.places.lists()));
        if own.is_some() && own >= newest {
            return None;
        }
        std::fs::create_dir_all(&self.cache).ok()?;
        Some(self.cache.join("pkgcache.bin"))
    }

    fn database(&self) -> Result<Database, BackendError> {
        Database::read(&self.places.dpkg())
    }

    /// `name` of a package of the system's own architecture, else `name:architecture`.
    fn full_name(
        &self,
        name: &PackageName,
        architecture: &Architecture,
    ) -> Result<String, BackendError> {
        let native = self.native()?;
        Ok(
            if architecture == native || architecture.as_str() == "all" {
                name.to_string()
            } else {
                format!("{name}:{architecture}")
            },
        )
    }

    fn archives(&self, cache: Option<&Path>) -> Result<policy::Archives, BackendError> {
        Ok(policy::archives(
            &self.run(&commands::archives(cache))?.text(),
        ))
    }

    /// What apt knows of these packages, by the names that it prints.
    fn policies(
        &self,
        names: &[String],
        cache: Option<&Path>,
    ) -> Result<BTreeMap<String, policy::Entry>, BackendError> {
        let mut found = BTreeMap::new();
        for names in names.chunks(NAMES_PER_RUN) {
            let finished = self.run(&commands::policy(cache, names.to_vec()))?;
            for entry in policy::entries(&finished.text()) {
                found.insert(entry.name.clone(), entry);
            }
        }
        Ok(found)
    }

    fn records(
        &self,
        pins: &[String],
        cache: Option<&Path>,
    ) -> Result<Vec<record::Record>, BackendError> {
        let mut found = Vec::new();
        for pins in pins.chunks(NAMES_PER_RUN) {
            let finished = self.run(&commands::show(cache, pins.to_vec()))?;
            found.extend(record::records(&finished.stdout));
        }
        Ok(found)
    }

    fn simulated(&self, command: &Command) -> Result<Simulation, BackendError> {
        simulation::read(&self.run(command)?, self.native()?)
    }

    /// Which of the ordered versions no list names any more.
    fn not_offered(
        &self,
        items: &[OrderItem],
        cache: Option<&Path>,
    ) -> Result<Vec<NotOffered>, BackendError> {
        let names = items
            .iter()
            .map(|item| self.full_name(&item.name, &item.architecture))
            .collect::<Result<Vec<_>, _>>()?;
        let known = self.policies(&names, cache)?;
        Ok(items
            .iter()
            .zip(&names)
            .filter_map(|(item, name)| {
                let entry = known.get(name);
                let there = entry.is_some_and(|entry| {
                    entry
                        .versions
                        .iter()
                        .any(|(version, _)| version == item.to.as_str())
                });
                (!there).then(|| NotOffered {
                    name: item.name.clone(),
                    architecture: item.architecture.clone(),
                    ordered: item.to.clone(),
                    offered: entry
                        .filter(|entry| entry.candidate != entry.installed)
                        .and_then(|entry| entry.candidate.as_deref()?.parse().ok()),
                })
            })
            .collect())
    }

    fn permitted(&self, what: &str) -> Result<(), BackendError> {
        if self.privileged() {
            Ok(())
        } else {
            Err(BackendError::NotPermitted {
                what: what.to_owned(),
            })
        }
    }

    fn not_locked(&self, what: &str) -> Result<(), BackendError> {
        match self.lock_holder() {
            None => Ok(()),
            Some(holder) => Err(BackendError::Locked {
                what: what.to_owned(),
                holder,
            }),
        }
    }

    /// The error of a step that failed: who holds the lock, where that was the reason.
    fn failure(&self, what: &str, finished: &Finished, next: &str) -> BackendError {
        let complaints = finished.complaints();
        let mut files = self.places.lock_files();
        files.push(self.places.lists().join("lock"));
        match locks::holder(&files, &self.places.proc()) {
            Some(holder) if complaints.contains("Could not get lock") => BackendError::Locked {
                what: what.to_owned(),
                holder,
            },
            Some(_) | None => BackendError::Failed {
                what: what.to_owned(),
                reason: simulation::refusal(finished),
                next: next.to_owned(),
            },
        }
    }

    fn service_name(name: &str) -> Result<(), BackendError> {
        if services::is_service_name(name) {
            Ok(())
        } else {
            Err(BackendError::BadService {
                name: name.chars().take(100).collect(),
            })
        }
    }
}

impl Backend for Apt {
    fn inventory(&self) -> Result<InventoryRead, BackendError> {
        Ok(self.database()?.inventory())
    }

    fn fill_origins(&self, inventory: &Inventory) -> Result<Inventory, BackendError> {
        let cache = self.package_cache();
        let archives = self.archives(cache.as_deref())?;
        let names = inventory
            .packages()
            .filter(|package| arguments::is_name(package.name.as_str()))
            .map(|package| self.full_name(&package.name, &package.architecture))
            .collect::<Result<Vec<_>, _>>()?;
        let known = self.policies(&names, cache.as_deref())?;
        let mut items = Vec::with_capacity(inventory.items().len());
        for item in inventory.items() {
            let mut item = item.clone();
            if let Item::Package(package) = &mut item {
                let name = self.full_name(&package.name, &package.architecture)?;
                package.origin = known
                    .get(&name)
                    .and_then(|entry| entry.origin_of(package.version.as_str(), &archives))
                    .map(|origin| format!("{}:{}", origin.label, origin.codename));
            }
            items.push(item);
        }
        Ok(Inventory::new(items))
    }

    fn offers(&self, progress: &mut dyn FnMut(&str)) -> Result<OfferReport, BackendError> {
        let lists = lists::state(
            &self.places.lists(),
            &self.places.refresh_stamp(),
            &self.cache,
        )?;
        if lists == Lists::Absent {
            return Ok(offers::nothing(lists, None));
        }
        offers::report(self, lists, progress)
    }

    fn refresh_index(&self) -> Result<Refreshed, BackendError> {
        self.permitted("fetching the package lists")?;
        let finished = self.run(&commands::update(&InstallTerms::default()))?;
        if finished.complaints().contains("Could not get lock") {
            return Err(self.failure("fetching the package lists", &finished, "try again later"));
        }
        let refreshed = lists::refreshed(&finished);
        lists::remember(&refreshed, &self.cache)?;
        Ok(refreshed)
    }

    fn system(&self) -> Result<System, BackendError> {
        system::read(&self.places.root, self.native()?.clone())
    }

    fn old_code(&self, inventory: &Inventory) -> Result<Option<Vec<OldCode>>, BackendError> {
        if !self.privileged() {
            return Ok(None);
        }
        let proc = self.places.proc();
        let found = processes::with_old_files(&proc)
            .map_err(|source| BackendError::Read { path: proc, source })?;
        if found.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let files: BTreeSet<String> = found.iter().flat_map(|p| p.files.iter().cloned()).collect();
        let owners = processes::owners(&files, verify::file_lists(&self.places.dpkg()));
        let scripts = services::scripts(&self.places.root);
        let installed: BTreeSet<&str> = inventory.packages().map(|p| p.name.as_str()).collect();
        Ok(Some(
            found
                .into_iter()
                .map(|process| {
                    let mut packages: Vec<PackageName> = process
                        .files
                        .iter()
                        .filter_map(|file| owners.get(file))
                        .flatten()
                        .filter(|name| installed.contains(name.as_str()))
                        .filter_map(|name| name.parse().ok())
                        .collect();
                    packages.sort();
                    packages.dedup();
                    OldCode {
                        service: services::service_of(&self.places.root, process.id, &scripts),
                        program: process.program,
                        process: process.id,
                        files: process.files,
                        packages,
                    }
                })
                .collect(),
        ))
    }

    fn reboot_need(&self, inventory: &Inventory) -> RebootNeed {
        kernel::reboot_need(&self.places.root, inventory)
    }

    fn simulate(&self, items: &[OrderItem]) -> Result<Simulation, BackendError> {
        arguments::check(items)?;
        if !status::unmerged(&self.places.dpkg()).is_empty() {
            return Ok(Simulation {
                refused: Some(offers::INTERRUPTED.to_owned()),
                ..Simulation::default()
            });
        }
        let cache = self.package_cache();
        let pins = commands::pins(items);
        let mut simulation = self.simulated(&commands::simulate_install(cache.as_deref(), pins))?;
        if simulation.refused.is_some() {
            simulation.not_offered = self.not_offered(items, cache.as_deref())?;
        }
        Ok(simulation)
    }

    fn room(&self, items: &[OrderItem]) -> Result<Option<Room>, BackendError> {
        arguments::check(items)?;
        let cache = self.package_cache();
        let command = commands::plan_download(cache.as_deref(), commands::pins(items));
        Ok(room::read(&self.run(&command)?))
    }

    fn download(&self, items: &[OrderItem], terms: &InstallTerms) -> Result<(), BackendError> {
        arguments::check(items)?;
        self.permitted("downloading packages")?;
        let finished = self.run(&commands::download(commands::pins(items), terms))?;
        if finished.succeeded() {
            return Ok(());
        }
        let next = "fetch the package lists anew and look at the device's connection to its mirror";
        Err(self.failure("downloading packages", &finished, next))
    }

    fn install_command(
        &self,
        items: &[OrderItem],
        terms: &InstallTerms,
    ) -> Result<Command, BackendError> {
        arguments::check(items)?;
        Ok(commands::install(commands::pins(items), terms))
    }

    fn restore_command(&self, items: &[OrderItem], terms: &InstallTerms) -> Option<Command> {
        let back: Option<Vec<OrderItem>> = items
            .iter()
            .map(|item| {
                let mut back = item.clone();
                back.to = item.from.clone()?;
                Some(back)
            })
            .collect();
        let back = back?;
        arguments::check(&back).ok()?;
        Some(commands::restore(commands::pins(&back), terms))
    }

    fn failure_reason(&self, output: &str) -> Option<String> {
        repair::failure_reason(output)
    }

    fn set_aside(&self, items: &[OrderItem]) -> Result<Vec<SetAside>, BackendError> {
        Ok(verify::set_aside(
            &self.places.root,
            &self.database()?,
            items,
        ))
    }

    fn repair(&self, terms: &InstallTerms) -> Result<Repaired, BackendError> {
        self.permitted("repairing the package manager")?;
        self.not_locked("repairing the package manager")?;
        repair::repair(self, terms)
    }

    fn unfinished(&self) -> Result<Vec<PackageName>, BackendError> {
        Ok(self.database()?.unfinished())
    }

    fn interrupted(&self) -> bool {
        !status::unmerged(&self.places.dpkg()).is_empty()
    }

    fn verify_files(&self, packages: &[PackageKey]) -> Result<Vec<VerifiedFiles>, BackendError> {
        let excluded = verify::Excluded::read(&self.places.root);
        packages
            .iter()
            .map(|package| {
                arguments::check_key(package)?;
                let finished = self.run(&commands::verify(package))?;
                Ok(VerifiedFiles {
                    package: package.clone(),
                    differing: verify::differing(&finished, &excluded),
                })
            })
            .collect()
    }

    fn restart_service(&self, name: &str) -> Result<(), BackendError> {
        Self::service_name(name)?;
        let what = format!("restarting the service {name}");
        self.permitted(&what)?;
        if let Some(policy) = services::policy(&self.places.root, name)
            && self.run(&policy)?.code == Some(101)
        {
            return Err(BackendError::Failed {
                what,
                reason: "the administrator's policy for services (policy-rc.d) forbids it"
                    .to_owned(),
                next: "restart it by hand, or change the policy".to_owned(),
            });
        }
        let finished = self.run(&services::restart(&self.places.root, name))?;
        if finished.succeeded() {
            return Ok(());
        }
        let said = format!("{}{}", finished.text(), finished.complaints());
        let last = said.lines().rev().find(|line| !line.trim().is_empty());
        Err(BackendError::Failed {
            what,
            reason: simulation::one_line(last.unwrap_or("the service manager gave no reason")),
            next: "look at the service's own log".to_owned(),
        })
    }

    fn service_running(&self, name: &str) -> Result<bool, BackendError> {
        Self::service_name(name)?;
        Ok(self
            .run(&services::status(&self.places.root, name))?
            .succeeded())
    }

    fn lock_holder(&self) -> Option<Holder> {
        locks::holder(&self.places.lock_files(), &self.places.proc())
    }

    fn changelog(&self, wanted: &WantedChangelog, cache: &Path) -> Result<String, ChangelogError> {
        fetch::changelog(self, wanted, cache)
    }

    fn unsafe_sources(&self) -> Result<Vec<String>, BackendError> {
        let mut found = settings::unsafe_settings(&self.run(&commands::settings())?.text());
        found.extend(settings::unsafe_lists(&self.places.root.join("etc/apt")));
        Ok(found)
    }

    fn privileged(&self) -> bool {
        rustix::process::geteuid().is_root()
    }
}

#[cfg(test)]
mod tests;
