//! Where a device stands with each patch: loads, has the engine assess, writes what it found.

use std::collections::{BTreeMap, BTreeSet};

use domain::access::{self, ClientScope};
use domain::changelog::ChangelogFacts;
use domain::finding::DatedFinding;
use domain::id::DeviceId;
use domain::inventory::Inventory;
use domain::offer::Facts;
use domain::package::SourcePackage;
use engine::assess::{AssessInput, Assessment, findings};
use jiff::Timestamp;
use store::{FindingsWrite, FixClock, Tx};

use crate::{Result, Service, clocks};

/// Everything that an assessment of one device looks at.
#[derive(Debug)]
pub(crate) struct Material {
    pub inventory: Inventory,
    pub facts: Facts,
    pub changelogs: BTreeMap<SourcePackage, ChangelogFacts>,
    pub previous: Vec<DatedFinding>,
}

/// All sources that a device is offered or that are withheld.
pub(crate) fn sources(facts: &Facts) -> BTreeSet<SourcePackage> {
    let offered = facts.offers.offers.iter().map(|offer| &offer.source);
    let withheld = facts.offers.withheld.iter().map(|held| &held.source);
    offered.chain(withheld).cloned().collect()
}

/// Loads the changelogs of sources, where they were read.
pub(crate) fn changelogs(
    tx: &mut Tx<'_>,
    sources: BTreeSet<SourcePackage>,
) -> Result<BTreeMap<SourcePackage, ChangelogFacts>> {
    let mut found = BTreeMap::new();
    for source in sources {
        if let Some(facts) = tx.changelog_get(&source.name, &source.version)? {
            found.insert(source, facts);
        }
    }
    Ok(found)
}

/// Loads what an assessment of a device looks at; `None`: not everything was reported yet.
pub(crate) fn material(
    tx: &mut Tx<'_>,
    scope: &ClientScope,
    device: DeviceId,
) -> Result<Option<Material>> {
    let Some(inventory) = tx.inventory_get(scope, device)? else {
        return Ok(None);
    };
    let Some((facts, _)) = tx.facts_get(scope, device)? else {
        return Ok(None);
    };
    Ok(Some(Material {
        changelogs: changelogs(tx, sources(&facts))?,
        previous: tx.finding_of_device(scope, device)?.unwrap_or_default(),
        inventory: inventory.inventory,
        facts,
    }))
}

/// Writes an assessment's findings, and what it says of the clocks of fixes.
pub(crate) fn write(
    tx: &mut Tx<'_>,
    scope: &ClientScope,
    device: DeviceId,
    assessment: &Assessment,
    clocks: &[FixClock],
    now: Timestamp,
) -> Result<()> {
    for clock in clocks {
        tx.clock_put(clock)?;
    }
    tx.finding_apply(
        scope,
        device,
        FindingsWrite {
            findings: &assessment.findings,
            valid_from: now,
            recorded_at: now,
        },
    )?;
    Ok(())
}

impl Service {
    /// Has the engine assess what was loaded.
    pub(crate) fn assessed(&self, material: &Material, now: Timestamp) -> Assessment {
        let force = self.feeds.in_force();
        let judgements = force.judgements(&material.inventory, &material.facts, now);
        findings(AssessInput {
            inventory: &material.inventory,
            facts: &material.facts,
            changelogs: &material.changelogs,
            catalogues: &force.definitions.catalogues,
            judgements: &judgements,
            previous: &material.previous,
            now,
        })
    }

    /// Assesses one device anew, because something that its findings rest on changed elsewhere.
    pub(crate) fn assess_device(&self, device: DeviceId) -> Result<()> {
        let _held = self.locks.hold(device);
        let now = self.now();
        let loaded = self.read(move |tx| material(tx, &access::of_loops(), device))?;
        let Some(material) = loaded else {
            return Ok(());
        };
        let assessment = self.assessed(&material, now);
        self.wanted
            .set(device, assessment.changelogs_wanted.clone());
        self.quiet.forget(device);
        let known = self.clocks()?;
        let news = clocks::news(&known, &assessment.findings, &material.previous, now);
        let said = news.clone();
        self.write(move |tx| write(tx, &access::of_loops(), device, &assessment, &said, now))?;
        self.clocks_learned(news);
        Ok(())
    }
}
