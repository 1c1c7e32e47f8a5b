//! The package manager of the tests, and what may happen to it.

use super::*;

/// What becomes of an install.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Its process dies after so many packages; the next one is left half installed.
    DiesAfter(usize),
    /// The script of this package fails.
    Fails(&'static str),
}

/// The package manager.
#[derive(Default)]
pub struct Fake {
    pub(super) packages: Mutex<BTreeMap<String, (String, bool)>>,
    pub(super) fates: Mutex<VecDeque<Fate>>,
    /// Packages whose script fails at version 2, whatever is tried.
    pub(super) sick: Mutex<Vec<String>>,
    pub(super) restarted: AtomicBool,
    pub(super) locked: AtomicBool,
    pub drags_along: AtomicBool,
    pub gone: AtomicBool,
    pub cannot_go_back: AtomicBool,
    pub room: Mutex<Option<Room>>,
    pub(super) installs: AtomicUsize,
    pub(super) working: AtomicUsize,
    pub(super) working_max: AtomicUsize,
}

/// Dies, as a process does.
pub(super) struct Dead;

impl Fake {
    pub(super) fn set(&self, name: &str, version: &str, whole: bool) {
        let mut packages = self.packages.lock().unwrap();
        packages.insert(name.into(), (version.into(), whole));
    }

    pub(super) fn is_sick(&self, name: &str, version: &str) -> bool {
        version == "2" && self.sick.lock().unwrap().iter().any(|sick| sick == name)
    }

    /// Installs as the command says, in its order.
    pub(super) fn install(&self, args: &[String], fate: Option<Fate>) -> Result<bool, Dead> {
        let mut well = true;
        for (done, pin) in args.iter().enumerate() {
            let (name, version) = pin.split_once('=').unwrap();
            if matches!(fate, Some(Fate::DiesAfter(most)) if done >= most) {
                self.set(name, version, false);
                return Err(Dead);
            }
            if let Some(Fate::Fails(sick)) = fate
                && sick == name
            {
                self.sick.lock().unwrap().push(name.into());
            }
            let whole = !self.is_sick(name, version);
            self.set(name, version, whole);
            well &= whole;
        }
        if matches!(fate, Some(Fate::DiesAfter(_))) {
            return Err(Dead);
        }
        Ok(well)
    }

    pub(super) fn command(&self, verb: &str, items: &[OrderItem], back: bool) -> Command {
        let pins = items.iter().map(|item| {
            let version = if back {
                item.from.as_ref().unwrap()
            } else {
                &item.to
            };
            format!("{}={version}", item.name)
        });
        Command::new("/fake", [verb.to_owned()].into_iter().chain(pins))
    }
}

impl Backend for Fake {
    fn inventory(&self) -> Result<InventoryRead, BackendError> {
        let packages = self.packages.lock().unwrap();
        let items = packages
            .iter()
            .map(|(name, (version, whole))| {
                Item::Package(Package {
                    ecosystem: Ecosystem::Deb,
                    name: name.parse().unwrap(),
                    architecture: "amd64".parse().unwrap(),
                    version: version.parse().unwrap(),
                    state: if *whole {
                        PackageState::Installed
                    } else {
                        PackageState::HalfConfigured
                    },
                    source: None,
                    origin: None,
                })
            })
            .collect();
        Ok(InventoryRead {
            inventory: Inventory::new(items),
            unreadable: vec![],
        })
    }
    fn fill_origins(&self, inventory: &Inventory) -> Result<Inventory, BackendError> {
        Ok(inventory.clone())
    }
    fn offers(&self, _progress: &mut dyn FnMut(&str)) -> Result<OfferReport, BackendError> {
        Ok(OfferReport {
            lists: Lists::Absent,
            offers: vec![],
            withheld: vec![],
            needs: vec![],
            failed: None,
        })
    }
    fn refresh_index(&self) -> Result<Refreshed, BackendError> {
        Ok(Refreshed::default())
    }
    fn system(&self) -> Result<System, BackendError> {
        Ok(System {
            id: "debian".into(),
            version: "12".into(),
            codename: None,
            architecture: "amd64".parse().unwrap(),
            kernel: "6.1".into(),
            hostname: "web1".into(),
            boot_id: "boot".into(),
            zone: "UTC".into(),
        })
    }
    fn old_code(&self, inventory: &Inventory) -> Result<Option<Vec<OldCode>>, BackendError> {
        let new = inventory
            .packages()
            .any(|p| p.name.as_str() == "lib" && p.version.as_str() == "2");
        let old = new && !self.restarted.load(Ordering::SeqCst);
        let code = |service: &str, package: &str| OldCode {
            service: Some(service.into()),
            program: "/usr/sbin/x".into(),
            process: 7,
            files: vec!["/usr/lib/lib.so".into()],
            packages: vec![package.parse().unwrap()],
        };
        Ok(Some(match old {
            true => vec![
                code("web.service", "lib"),
                // Not of this order, and one that would end all sessions.
                code("mail.service", "other"),
                code("dbus.service", "lib"),
            ],
            false => vec![],
        }))
    }
    fn reboot_need(&self, _inventory: &Inventory) -> RebootNeed {
        RebootNeed::No
    }
    fn simulate(&self, items: &[OrderItem]) -> Result<Simulation, BackendError> {
        let mut simulation = Simulation::default();
        for item in items {
            if self.gone.load(Ordering::SeqCst) {
                simulation.not_offered.push(NotOffered {
                    name: item.name.clone(),
                    architecture: item.architecture.clone(),
                    ordered: item.to.clone(),
                    offered: Some("3".parse().unwrap()),
                });
                continue;
            }
            simulation.installs.push(SimulatedInstall {
                name: item.name.clone(),
                architecture: item.architecture.clone(),
                from: item.from.clone(),
                to: item.to.clone(),
            });
        }
        if self.drags_along.load(Ordering::SeqCst) {
            simulation.installs.push(SimulatedInstall {
                name: "stowaway".parse().unwrap(),
                architecture: "amd64".parse().unwrap(),
                from: None,
                to: "1".parse().unwrap(),
            });
        }
        Ok(simulation)
    }
    fn room(&self, _items: &[OrderItem]) -> Result<Option<Room>, BackendError> {
        Ok(*self.room.lock().unwrap())
    }
    fn download(&self, _items: &[OrderItem], _terms: &InstallTerms) -> Result<(), BackendError> {
        Ok(())
    }
    fn install_command(
        &self,
        items: &[OrderItem],
        _terms: &InstallTerms,
    ) -> Result<Command, BackendError> {
        Ok(self.command("install", items, false))
    }
    fn restore_command(&self, items: &[OrderItem], _terms: &InstallTerms) -> Option<Command> {
        let can = !self.cannot_go_back.load(Ordering::SeqCst);
        can.then(|| self.command("restore", items, true))
    }
    fn failure_reason(&self, output: &str) -> Option<String> {
        output.lines().last().map(str::to_owned)
    }
    fn set_aside(&self, _items: &[OrderItem]) -> Result<Vec<SetAside>, BackendError> {
        Ok(vec![])
    }
    fn repair(&self, _terms: &InstallTerms) -> Result<Repaired, BackendError> {
        let mut done = vec![];
        for name in self.unfinished()? {
            let version = self.packages.lock().unwrap()[name.as_str()].0.clone();
            if !self.is_sick(name.as_str(), &version) {
                // Half installed with a new version and interrupted: it goes back to the old one
                // unless its configuring finishes, as dpkg does with what was never unpacked.
                let version = if version == "2" { "1" } else { &version };
                self.set(name.as_str(), version, true);
                done.push(format!("finished {name}"));
            }
        }
        let unfinished = self.unfinished()?;
        Ok(Repaired {
            done,
            problem: unfinished.first().map(|name| format!("{name} is sick")),
            unfinished,
        })
    }
    fn unfinished(&self) -> Result<Vec<PackageName>, BackendError> {
        let packages = self.packages.lock().unwrap();
        Ok(packages
            .iter()
            .filter(|(_, (_, whole))| !whole)
            .map(|(name, _)| name.parse().unwrap())
            .collect())
    }
    fn verify_files(&self, packages: &[PackageKey]) -> Result<Vec<VerifiedFiles>, BackendError> {
        Ok(packages
            .iter()
            .map(|package| VerifiedFiles {
                package: package.clone(),
                differing: Some(vec![]),
            })
            .collect())
    }
    fn restart_service(&self, name: &str) -> Result<(), BackendError> {
        assert_eq!(name, "web.service", "only what the order concerns");
        self.restarted.store(true, Ordering::SeqCst);
        Ok(())
    }
    fn service_running(&self, _name: &str) -> Result<bool, BackendError> {
        Ok(true)
    }
    fn lock_holder(&self) -> Option<Holder> {
        self.locked.load(Ordering::SeqCst).then(|| Holder {
            name: "unattended-upgr".into(),
            pid: 99,
        })
    }
    fn changelog(&self, wanted: &WantedChangelog, _: &Path) -> Result<String, ChangelogError> {
        Err(ChangelogError::None {
            name: wanted.name.clone(),
        })
    }
    fn unsafe_sources(&self) -> Result<Vec<String>, BackendError> {
        Ok(vec![])
    }
    fn privileged(&self) -> bool {
        true
    }
}

/// Runs the package manager's commands, and dies where it is planned.
pub(super) struct FakeHands(pub(super) Arc<Fake>);

impl Hands for FakeHands {
    fn run(&mut self, command: &Command, output: &Path) -> io::Result<Result<(), String>> {
        let fake = &self.0;
        let working = fake.working.fetch_add(1, Ordering::SeqCst) + 1;
        fake.working_max.fetch_max(working, Ordering::SeqCst);
        let fate = if command.args[0] == "install" {
            fake.installs.fetch_add(1, Ordering::SeqCst);
            fake.fates.lock().unwrap().pop_front()
        } else {
            None
        };
        let done = fake.install(&command.args[1..], fate);
        fake.working.fetch_sub(1, Ordering::SeqCst);
        match done {
            Ok(true) => Ok(Ok(())),
            Ok(false) => {
                std::fs::write(output, "the script of web failed\n")?;
                Ok(Err("exit 100".into()))
            }
            // Nothing after this line of the step runs any more.
            Err(Dead) => std::panic::resume_unwind(Box::new("died")),
        }
    }
}
