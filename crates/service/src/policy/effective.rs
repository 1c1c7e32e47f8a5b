//! The policy of one device, put together: every part that covers it with where it comes from, what
//! goes before what, and what did not count.
//!
//! What covers the device is asked of the evaluator, so this is what the planner does.

use std::collections::{BTreeMap, BTreeSet};

use domain::access::{self, ClientScope, Permission, Principal};
use domain::decision::{Level, Word};
use domain::device::Device;
use domain::finding::FindingState;
use domain::id::DeviceId;
use domain::policy::{PolicyKind, RebootWhen, RuleAction};
use domain::query::Query;
use domain::window::{ChangeWindow, Opening, OpensFor};
use engine::calendar::{CompiledWindow, Frozen, freeze_span};
use engine::decide::{Effective, Evaluator};
use engine::view::DeviceView;
use engine::written::{self, Entry};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::Tx;
use utoipa::ToSchema;

use super::standing::{self, StandingPolicy, Stands};
use crate::view::{self, Packages};
use crate::window::OpeningItem;
use crate::{Result, Service, naming};

/// How many openings of each window are told.
const OPENINGS_TOLD: usize = 3;
/// The most openings that are looked through for those that are not frozen.
const OPENINGS_LOOKED_MAX: usize = 1_000;

/// One object that covers the device, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EffectivePart {
    /// `group`, `window`, `freeze`, `rule`, `decision`, `reboot`, `rings` or `exclude`.
    #[schema(value_type = String)]
    pub kind: PolicyKind,
    /// Its id.
    pub id: String,
    /// Its name; of a decision without one, its id.
    pub name: String,
    /// How close it is: `provider`, `client`, `site`, `group` or `device`.
    #[schema(value_type = String)]
    pub level: Level,
    /// Which devices, as a query.
    #[serde(rename = "for")]
    pub devices: String,
    /// The one client it is limited to, by name; `None`: the whole provider's.
    pub client: Option<String>,
    /// Its file; `None`: it was made by hand.
    pub file: Option<String>,
    /// What it says, in sentences.
    pub says: Vec<String>,
    /// Whether it certainly covers the device; what holds back counts also where that is not known.
    pub certain: bool,
}

/// A window of the device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EffectiveWindow {
    /// The window.
    pub part: EffectivePart,
    /// Its next openings for this device, one that is open now first, without what is frozen.
    pub openings: Vec<OpeningItem>,
    /// Why it never opens, where its zone is not known.
    pub closed: Option<String>,
    /// What may happen in it: `changes`, or `reboots` alone.
    #[schema(value_type = String)]
    pub opens_for: OpensFor,
}

/// A freeze that is on or to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EffectiveFreeze {
    /// The freeze.
    pub part: EffectivePart,
    /// Whether it is on now.
    pub on: bool,
    /// The first instant that is frozen; `None`: it cannot be read, and everything is frozen.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub opens_at: Option<Timestamp>,
    /// The first instant that is not frozen any more.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub closes_at: Option<Timestamp>,
}

/// A decision that is in force for some patches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EffectiveDecision {
    /// The decision.
    pub part: EffectivePart,
    /// What was decided.
    #[schema(value_type = String)]
    pub word: Word,
    /// Which patches, as a query.
    pub patches: String,
    /// Who decided.
    pub decided_by: String,
    /// Until when it holds.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}

/// A rule that may match patches on the device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EffectiveRule {
    /// The rule.
    pub part: EffectivePart,
    /// As which one of all rules it is asked, from 1; the first that matches a patch counts.
    pub order: u32,
    /// What it does.
    #[schema(value_type = String)]
    pub action: RuleAction,
    /// Which patches, as a query.
    pub patches: String,
    /// Who answers for it.
    pub owner: String,
}

/// A ring set of the device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EffectiveRings {
    /// The set.
    pub part: EffectivePart,
    /// Whether it counts where a rule names no set: the first that covers the device does.
    pub counts: bool,
    /// The device's ring; `None`: it fits none, and waits for whoever keeps the set.
    pub ring: Option<String>,
    /// Which one that is, from 1.
    pub place: Option<u32>,
    /// How many rings there are.
    pub of: u32,
}

/// The reboot rule that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EffectiveReboot {
    /// The rule.
    pub part: EffectivePart,
    /// `never`, `needed` or `always`.
    #[schema(value_type = String)]
    pub when: RebootWhen,
    /// In which opening the device may be rebooted now or next; `None`: it is not.
    pub next: Option<OpeningItem>,
}

/// The policy of one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EffectivePolicy {
    /// The device's name.
    pub device: String,
    /// Its id.
    #[schema(value_type = String)]
    pub device_id: DeviceId,
    /// Its client.
    pub client: String,
    /// Its site.
    pub site: String,
    /// Its zone.
    pub zone: String,
    /// As of when.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The groups that it is in.
    pub groups: Vec<EffectivePart>,
    /// Whether these are all; not so where the query of a group cannot be answered.
    pub groups_complete: bool,
    /// Its windows: any of them opens it, where a rule names none.
    pub windows: Vec<EffectiveWindow>,
    /// When something may begin on it now or next in any of them.
    pub next: Option<OpeningItem>,
    /// Freezes that are on or to come.
    pub freezes: Vec<EffectiveFreeze>,
    /// Exclusions in force: they go before everything.
    pub exclusions: Vec<EffectivePart>,
    /// Decisions in force, the first goes before the others where they match the same patch.
    pub decisions: Vec<EffectiveDecision>,
    /// Rules in their order: the first that matches a patch counts, where no decision does.
    pub rules: Vec<EffectiveRule>,
    /// Ring sets in their order.
    pub rings: Vec<EffectiveRings>,
    /// The reboot rule that counts. Reboots are not carried out yet.
    pub reboot: Option<EffectiveReboot>,
    /// Reboot rules that cover the device and do not count.
    pub reboot_losers: Vec<EffectivePart>,
    /// What covers the device and cannot be read: until it is repaired, what it covers is closed.
    pub unreadable: Vec<String>,
}

/// What is known of the objects beside what they say.
struct Sources<'s> {
    standing: &'s StandingPolicy,
    by_id: BTreeMap<&'s str, &'s Stands>,
    clients: BTreeMap<String, String>,
    device: &'s Device,
    now: Timestamp,
}

impl<'s> Sources<'s> {
    fn part(&self, id: &str, entry: Entry, devices: &Query, certain: bool) -> EffectivePart {
        let stands = self.by_id.get(id);
        let client = stands.and_then(|stands| stands.client);
        EffectivePart {
            kind: entry.kind,
            name: stands
                .and_then(|stands| stands.name.clone())
                .unwrap_or_else(|| id.to_owned()),
            id: id.to_owned(),
            level: Level::of_query(devices),
            devices: devices.to_string(),
            client: client.map(|client| {
                let name = self.clients.get(&client.to_string());
                name.cloned().unwrap_or_else(|| client.to_string())
            }),
            file: stands.and_then(|stands| stands.place.file.clone()),
            says: entry.sentences,
            certain,
        }
    }

    fn opening(&self, opening: Opening) -> OpeningItem {
        OpeningItem {
            opens_at: opening.opens_at,
            closes_at: opening.closes_at,
            zone: self.device.zone.clone(),
        }
    }

    fn window(
        &self,
        window: &ChangeWindow,
        frozen: &Frozen,
        releases: &[Timestamp],
    ) -> EffectiveWindow {
        let entry = written::window(window);
        let compiled = CompiledWindow::after_releases(window, &self.device.zone, releases);
        let part = self.part(&window.id.to_string(), entry, &window.devices, true);
        let opens_for = window.opens_for;
        match compiled {
            Ok(compiled) => EffectiveWindow {
                part,
                openings: compiled
                    .stretches(self.now)
                    .take(OPENINGS_LOOKED_MAX)
                    .flat_map(|opening| frozen.without(opening))
                    .filter(|opening| opening.closes_at > self.now)
                    .take(OPENINGS_TOLD)
                    .map(|opening| self.opening(opening))
                    .collect(),
                closed: None,
                opens_for,
            },
            Err(error) => EffectiveWindow {
                part,
                openings: Vec::new(),
                closed: Some(error.to_string()),
                opens_for,
            },
        }
    }

    fn freezes(&self, effective: &Effective<'_, '_>) -> Vec<EffectiveFreeze> {
        let each = effective.freezes.iter().filter_map(|covering| {
            let freeze = covering.object;
            let span = freeze_span(freeze, &self.device.zone).ok();
            if span.is_some_and(|span| span.closes_at <= self.now) {
                return None;
            }
            let entry = written::freeze(freeze);
            let id = freeze.id.to_string();
            Some(EffectiveFreeze {
                part: self.part(&id, entry, &freeze.devices, covering.certain),
                on: span.is_none_or(|span| span.opens_at <= self.now),
                opens_at: span.map(|span| span.opens_at),
                closes_at: span.map(|span| span.closes_at),
            })
        });
        let mut freezes: Vec<EffectiveFreeze> = each.collect();
        freezes.sort_by_key(|freeze| freeze.opens_at);
        freezes
    }

    fn decisions(&self, effective: &Effective<'_, '_>) -> Vec<EffectiveDecision> {
        let each = effective.decisions.iter().map(|covering| {
            let decision = covering.object;
            let entry = written::decision(decision);
            let id = decision.id.to_string();
            EffectiveDecision {
                part: EffectivePart {
                    level: decision.level,
                    ..self.part(&id, entry, &decision.devices, covering.certain)
                },
                word: decision.word,
                patches: decision.patches.to_string(),
                decided_by: decision.decided_by_name.clone(),
                until: decision.until,
            }
        });
        each.collect()
    }

    fn rules(&self, effective: &Effective<'_, '_>) -> Vec<EffectiveRule> {
        let each = effective.rules.iter().map(|covering| {
            let rule = covering.object;
            let entry = written::rule(rule, &self.standing.policy);
            let id = rule.id.to_string();
            EffectiveRule {
                part: self.part(&id, entry, &rule.devices, covering.certain),
                order: super::number(covering.index.saturating_add(1)),
                action: rule.action,
                patches: rule.patches.to_string(),
                owner: rule.owner.clone(),
            }
        });
        each.collect()
    }

    fn rings(&self, effective: &Effective<'_, '_>) -> Vec<EffectiveRings> {
        let each = effective.rings.iter().enumerate().map(|(at, placed)| {
            let set = placed.set;
            let entry = written::rings(set);
            let ring = placed.ring.and_then(|ring| set.rings.get(ring));
            EffectiveRings {
                part: self.part(&set.id.to_string(), entry, &set.devices, placed.certain),
                counts: at == 0,
                ring: ring.map(|ring| ring.name.to_string()),
                place: placed
                    .ring
                    .map(|ring| super::number(ring.saturating_add(1))),
                of: super::number(set.rings.len()),
            }
        });
        each.collect()
    }

    fn reboot(
        &self,
        effective: &Effective<'_, '_>,
    ) -> (Option<EffectiveReboot>, Vec<EffectivePart>) {
        let policy = &self.standing.policy;
        let part = |rule: &domain::policy::RebootRule, certain| {
            let entry = written::reboot(rule, policy);
            self.part(&rule.id.to_string(), entry, &rule.devices, certain)
        };
        let lost = effective.reboot_losers.iter();
        let lost = lost.map(|lost| part(lost.rule, lost.certain)).collect();
        let counts = effective.reboot.map(|reboot| EffectiveReboot {
            part: part(reboot.rule, true),
            when: reboot.rule.when,
            next: reboot.opening.map(|opening| self.opening(opening)),
        });
        (counts, lost)
    }

    fn groups(&self, effective: &Effective<'_, '_>) -> Vec<EffectivePart> {
        let certain: BTreeSet<&str> = effective
            .groups
            .certain
            .iter()
            .map(String::as_str)
            .collect();
        let groups = self.standing.policy.groups.iter();
        groups
            .filter(|group| certain.contains(group.name.as_str()))
            .map(|group| {
                let entry = written::group(group);
                self.part(&group.id.to_string(), entry, &group.devices, true)
            })
            .collect()
    }

    fn whole(&self, view: &DeviceView) -> EffectivePolicy {
        let evaluator = Evaluator::new(view, &self.standing.policy, self.now);
        let effective = evaluator.effective();
        let (reboot, reboot_losers) = self.reboot(&effective);
        let releases = releases(view);
        let device = self.device;
        let windows = effective.windows.iter();
        let excluded = effective.exclusions.iter();
        EffectivePolicy {
            device: device.name.to_string(),
            device_id: device.id,
            client: device.client_name.to_string(),
            site: device.site_name.to_string(),
            zone: device.zone.clone(),
            at: self.now,
            groups: self.groups(&effective),
            groups_complete: effective.groups.complete,
            windows: windows
                .map(|window| self.window(window, effective.frozen, &releases))
                .collect(),
            next: match effective.closed_by() {
                None => evaluator.opening().map(|opening| self.opening(opening)),
                Some(_) => None,
            },
            freezes: self.freezes(&effective),
            exclusions: excluded
                .map(|covering| {
                    let exclusion = covering.object;
                    let (id, entry) = (exclusion.id.to_string(), written::exclusion(exclusion));
                    self.part(&id, entry, &exclusion.devices, covering.certain)
                })
                .collect(),
            decisions: self.decisions(&effective),
            rules: self.rules(&effective),
            rings: self.rings(&effective),
            reboot,
            reboot_losers,
            unreadable: effective
                .unreadable
                .iter()
                .map(|object| format!("the {} `{}`: {}", object.kind, object.name, object.why))
                .collect(),
        }
    }
}

/// The releases that windows may follow.
fn releases(view: &DeviceView) -> Vec<Timestamp> {
    let missing = view
        .findings
        .iter()
        .filter(|dated| dated.finding.state == FindingState::Missing);
    let releases: BTreeSet<Timestamp> = missing
        .map(|dated| dated.finding.facts.released_at.unwrap_or(dated.first_seen))
        .collect();
    releases.into_iter().collect()
}

/// The names of the clients that objects are limited to.
fn clients(
    tx: &mut Tx<'_>,
    scope: &ClientScope,
    standing: &StandingPolicy,
) -> Result<BTreeMap<String, String>> {
    let ids: BTreeSet<_> = standing
        .objects
        .iter()
        .filter_map(|one| one.client)
        .collect();
    let mut names = BTreeMap::new();
    for id in ids {
        if let Some(client) = tx.client_get(scope, id)? {
            names.insert(id.to_string(), client.name.to_string());
        }
    }
    Ok(names)
}

impl Service {
    /// The policy of one device (id, name or `CLIENT/NAME`), put together.
    pub fn policy_effective(&self, who: &Principal, device: &str) -> Result<EffectivePolicy> {
        let scope = access::check(who, Permission::Read)?;
        let (now, name) = (self.now(), device.to_owned());
        self.read(move |tx| {
            let device = naming::device(tx, &scope, &name)?;
            let standing = standing::load(tx, &scope, now)?;
            let view = view::of_device(tx, &scope, device, Packages::Loaded, now)?;
            let sources = Sources {
                by_id: standing
                    .objects
                    .iter()
                    .map(|one| (one.id.as_str(), one))
                    .collect(),
                clients: clients(tx, &scope, &standing)?,
                standing: &standing,
                device: &view.device,
                now,
            };
            Ok(sources.whole(&view))
        })
    }
}
