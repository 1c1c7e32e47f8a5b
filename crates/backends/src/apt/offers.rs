//! What apt would install now, what it would not, and what each source needs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use domain::name::{Architecture, PackageName, Version};
use domain::offer::{
    Lists, Needs, NeedsOutcome, Offer, OfferReport, Origin, Publisher, Withheld, WithheldReason,
};
use domain::package::{PackageState, SourcePackage};

use super::needs::Device;
use super::policy::{Archives, Entry};
use super::record::{self, Record};
use super::{Apt, arguments, commands, simulation, status};
use crate::backend::{BackendError, SimulatedInstall, Simulation};

/// What is said when dpkg has work that it did not finish.
pub(super) const INTERRUPTED: &str =
    "dpkg was interrupted; next: repair it (`dpkg --configure -a` as root)";

type Key = (PackageName, Architecture, Version);

/// A report without offers.
pub(super) fn nothing(lists: Lists, failed: Option<String>) -> OfferReport {
    OfferReport {
        lists,
        offers: Vec::new(),
        withheld: Vec::new(),
        needs: Vec::new(),
        failed,
    }
}

/// Makes the report of a device that has lists.
pub(super) fn report(
    apt: &Apt,
    lists: Lists,
    progress: &mut dyn FnMut(&str),
) -> Result<OfferReport, BackendError> {
    // apt tells what it would do also while dpkg has work that it did not finish; an order repairs
    // that first. Saying nothing here would mean that no order ever comes.
    progress("asking apt what it would upgrade");
    let cache = apt.package_cache();
    let cache = cache.as_deref();
    let simulation = apt.simulated(&commands::simulate_upgrade(cache))?;
    if let Some(reason) = &simulation.refused {
        let failed = format!(
            "apt cannot say what it would upgrade: {reason}; next: repair the package manager"
        );
        return Ok(nothing(lists, Some(failed)));
    }
    progress("reading the records of the candidates");
    let database = apt.database()?;
    let back = kept_back(apt, &simulation, &database)?;
    let known = Known::ask(apt, &simulation, back, cache)?;
    let offers = known.offers(apt, &simulation)?;
    let withheld = known.withheld(apt)?;
    let needs = needs(apt, &known, &offers, &database, cache, progress)?;
    Ok(OfferReport {
        lists,
        offers,
        withheld,
        needs,
        failed: None,
    })
}

/// An installed package that apt leaves as it is although something newer is known.
struct Back {
    name: PackageName,
    architecture: Architecture,
    installed: Version,
    reason: WithheldReason,
}

/// Held packages, and those that apt keeps back by itself.
fn kept_back(
    apt: &Apt,
    simulation: &Simulation,
    database: &status::Database,
) -> Result<Vec<Back>, BackendError> {
    let named: BTreeSet<&str> = simulation.kept_back.iter().map(String::as_str).collect();
    let upgraded: BTreeSet<(&PackageName, &Architecture)> = simulation
        .installs
        .iter()
        .map(|install| (&install.name, &install.architecture))
        .collect();
    let mut found = Vec::new();
    for package in database.inventory().inventory.packages() {
        let full = apt.full_name(&package.name, &package.architecture)?;
        let reason = match package.state {
            PackageState::Held => WithheldReason::Held,
            PackageState::Installed if named.contains(full.as_str()) => WithheldReason::KeptBack,
            PackageState::Installed
            | PackageState::HalfInstalled
            | PackageState::Unpacked
            | PackageState::HalfConfigured
            | PackageState::TriggersAwaited
            | PackageState::TriggersPending
            | PackageState::ConfigFiles
            | PackageState::Broken => continue,
        };
        if !upgraded.contains(&(&package.name, &package.architecture)) {
            found.push(Back {
                name: package.name.clone(),
                architecture: package.architecture.clone(),
                installed: package.version.clone(),
                reason,
            });
        }
    }
    Ok(found)
}

/// What apt knows of everything that is talked about.
struct Known {
    archives: Archives,
    policies: BTreeMap<String, Entry>,
    records: BTreeMap<Key, Record>,
    back: Vec<Back>,
}

impl Known {
    fn ask(
        apt: &Apt,
        simulation: &Simulation,
        back: Vec<Back>,
        cache: Option<&Path>,
    ) -> Result<Self, BackendError> {
        let archives = apt.archives(cache)?;
        let mut names = Vec::new();
        let mut pins = Vec::new();
        for install in &simulation.installs {
            names.push(apt.full_name(&install.name, &install.architecture)?);
            pins.push(pin(install));
        }
        for held in &back {
            names.push(apt.full_name(&held.name, &held.architecture)?);
        }
        let policies = apt.policies(&names, cache)?;
        for held in &back {
            let full = apt.full_name(&held.name, &held.architecture)?;
            let candidate = policies
                .get(&full)
                .and_then(|entry| entry.candidate.as_deref());
            if let Some(candidate) =
                candidate.filter(|candidate| *candidate != held.installed.as_str())
                && arguments::is_pin(held.name.as_str(), held.architecture.as_str(), candidate)
            {
                pins.push(format!("{full}={candidate}"));
            }
        }
        let records = apt
            .records(&pins, cache)?
            .into_iter()
            .map(|record| {
                let key = (
                    record.name.clone(),
                    record.architecture.clone(),
                    record.version.clone(),
                );
                (key, record)
            })
            .collect();
        Ok(Self {
            archives,
            policies,
            records,
            back,
        })
    }

    fn origin(&self, full: &str, version: &str) -> Origin {
        self.policies
            .get(full)
            .and_then(|entry| entry.origin_of(version, &self.archives))
            // No list describes itself: then nothing can be said of who publishes it.
            .unwrap_or_else(|| Origin {
                label: "unlabelled".to_owned(),
                codename: "-".to_owned(),
                security: false,
                publisher: Publisher::ThirdParty,
            })
    }

    fn record(&self, install: &SimulatedInstall) -> Option<&Record> {
        self.records.get(&(
            install.name.clone(),
            install.architecture.clone(),
            install.to.clone(),
        ))
    }

    fn offers(&self, apt: &Apt, simulation: &Simulation) -> Result<Vec<Offer>, BackendError> {
        let mut offers = Vec::with_capacity(simulation.installs.len());
        for install in &simulation.installs {
            let record = self
                .record(install)
                .ok_or_else(|| BackendError::Unreadable {
                    place: "apt-cache show".to_owned(),
                    text: pin(install),
                    expected: "the record of a version that apt would install",
                })?;
            let full = apt.full_name(&install.name, &install.architecture)?;
            offers.push(Offer {
                name: install.name.clone(),
                architecture: install.architecture.clone(),
                installed: install.from.clone(),
                candidate: install.to.clone(),
                source: record.source.clone(),
                origin: self.origin(&full, install.to.as_str()),
                size_bytes: record.size_bytes,
            });
        }
        offers.sort_by(|a, b| (&a.name, &a.architecture).cmp(&(&b.name, &b.architecture)));
        Ok(offers)
    }

    fn withheld(&self, apt: &Apt) -> Result<Vec<Withheld>, BackendError> {
        let mut found = Vec::new();
        for held in &self.back {
            let full = apt.full_name(&held.name, &held.architecture)?;
            let Some(newest) = self
                .policies
                .get(&full)
                .and_then(|entry| entry.candidate.as_deref())
            else {
                continue;
            };
            let Some(record) = self.records.values().find(|record| {
                record.name == held.name
                    && record.version.as_str() == newest
                    && crate::difference::same_place(&record.architecture, &held.architecture)
            }) else {
                continue;
            };
            if record.version == held.installed {
                continue;
            }
            found.push(Withheld {
                name: held.name.clone(),
                architecture: held.architecture.clone(),
                installed: held.installed.clone(),
                candidate: record.version.clone(),
                source: record.source.clone(),
                origin: self.origin(&full, newest),
                reason: held.reason.clone(),
            });
        }
        Ok(found)
    }
}

fn pin(install: &SimulatedInstall) -> String {
    format!("{}:{}={}", install.name, install.architecture, install.to)
}

/// Everything installed, as records with relations.
pub(super) fn installed_records(database: &status::Database) -> Vec<Record> {
    database
        .stanzas()
        .into_iter()
        .filter(|stanza| stanza.text("Status").ends_with(" installed"))
        .filter_map(record::record)
        .collect()
}

fn needs(
    apt: &Apt,
    known: &Known,
    offers: &[Offer],
    database: &status::Database,
    cache: Option<&Path>,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<Needs>, BackendError> {
    let installed = installed_records(database);
    let device = Device::new(&installed, apt.native()?.as_str());
    let mut by_source: BTreeMap<&SourcePackage, Vec<&Offer>> = BTreeMap::new();
    for offer in offers {
        by_source.entry(&offer.source).or_default().push(offer);
    }
    let mut found = Vec::with_capacity(by_source.len());
    let total = by_source.len();
    for (at, (source, own)) in by_source.into_iter().enumerate() {
        let candidates: Vec<&Record> = own
            .iter()
            .filter_map(|offer| {
                known.records.get(&(
                    offer.name.clone(),
                    offer.architecture.clone(),
                    offer.candidate.clone(),
                ))
            })
            .collect();
        let outcome = if candidates.len() == own.len() && device.is_alone(&candidates) {
            NeedsOutcome::With {
                sources: Vec::new(),
            }
        } else {
            progress(&format!(
                "asking apt what {} needs ({} of {total})",
                source.name,
                at + 1
            ));
            simulated_needs(apt, source, &own, offers, cache)?
        };
        found.push(Needs {
            source: source.clone(),
            outcome,
        });
    }
    Ok(found)
}

/// Asks apt what installing all offers of one source would take along.
pub(super) fn simulated_needs(
    apt: &Apt,
    source: &SourcePackage,
    own: &[&Offer],
    offers: &[Offer],
    cache: Option<&Path>,
) -> Result<NeedsOutcome, BackendError> {
    let pins = own
        .iter()
        .map(|offer| format!("{}:{}={}", offer.name, offer.architecture, offer.candidate))
        .collect();
    let simulation = apt.simulated(&commands::simulate_install(cache, pins))?;
    if let Some(reason) = simulation.refused {
        return Ok(NeedsOutcome::Refused { reason });
    }
    if !simulation.removals.is_empty() {
        let names: Vec<&str> = simulation
            .removals
            .iter()
            .map(|r| r.name.as_str())
            .collect();
        return Ok(NeedsOutcome::Refused {
            reason: simulation::one_line(&format!("it would remove {}", names.join(", "))),
        });
    }
    let mut sources = BTreeSet::new();
    let mut strange = Vec::new();
    for install in &simulation.installs {
        let offer = offers.iter().find(|offer| {
            offer.name == install.name
                && offer.architecture == install.architecture
                && offer.candidate == install.to
        });
        match offer {
            Some(offer) => {
                sources.insert(offer.source.clone());
            }
            // Taken along here and not by a full upgrade: its source must be asked for.
            None => strange.push(pin(install)),
        }
    }
    sources.extend(
        apt.records(&strange, cache)?
            .into_iter()
            .map(|record| record.source),
    );
    sources.remove(source);
    Ok(NeedsOutcome::With {
        sources: sources.into_iter().collect(),
    })
}
