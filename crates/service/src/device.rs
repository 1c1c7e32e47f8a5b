//! Devices: list, show with history, change the mode and the tags; and how people name them.

use domain::access::{self, ClientScope, Permission, Principal};
use domain::device::{AgentAbilities, Device, Mode, Standing};
use domain::id::DeviceId;
use domain::name::Tag;
use domain::offer::{Facts, Lists, OldCode, RebootNeed, System, Unknown};
use domain::page::{Page, PageRequest};
use domain::query::SubjectKind;
use engine::decide::GroupLookup;
use engine::subject::DeviceSubject;
use engine::view::DeviceView;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Actor, Tx};
use utoipa::ToSchema;

use crate::assess::{self, Material};
use crate::decision::{self, DecisionItem};
use crate::loops::Look;
use crate::order::{self, OrderView, Outcomes};
use crate::policy::standing;
use crate::scan::Walk;
use crate::view::{self, Packages};
use crate::{Result, Service, ServiceError, audit, naming, query, scan};

/// Most tags of one device.
const TAGS_MAX: usize = 100;

/// A device as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceItem {
    /// Its id.
    #[schema(value_type = String)]
    pub id: DeviceId,
    /// Its name, unique within the client.
    pub name: String,
    /// Its client's name.
    pub client: String,
    /// Its site's name.
    pub site: String,
    /// The site's zone, by IANA name.
    pub zone: String,
    /// Its system: `debian 12 (bookworm)`; `None`: not reported yet.
    pub os: Option<String>,
    /// What may be done to it: `observe` or `managed`.
    #[schema(value_type = String)]
    pub mode: Mode,
    /// When it last spoke with the server.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen: Option<Timestamp>,
    /// When its inventory was last confirmed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub inventory_at: Option<Timestamp>,
    /// Packages in order; `None`: not reported yet.
    pub packages: Option<u32>,
}

/// A mode and since when it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ModeChange {
    /// The mode.
    #[schema(value_type = String)]
    pub mode: Mode,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// Who set it, by name; `enrolment` for the first.
    pub by: String,
}

/// A device with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceDetail {
    /// As in lists.
    #[serde(flatten)]
    pub device: DeviceItem,
    /// As of when.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Its tags, sorted.
    pub tags: Vec<String>,
    /// The groups of the policy that it certainly is in, sorted.
    #[serde(default)]
    pub groups: Vec<String>,
    /// `level`, or `ahead` when the device remembers more than the server.
    #[schema(value_type = String)]
    pub standing: Standing,
    /// When it was enrolled.
    #[schema(value_type = String, format = DateTime)]
    pub enrolled_at: Timestamp,
    /// What its agent can do.
    #[schema(value_type = Option<Object>)]
    pub agent: Option<AgentAbilities>,
    /// The running kernel.
    pub kernel: Option<String>,
    /// Whether a reboot is due, with the reasons; `None`: not known.
    pub reboot: Option<Vec<String>>,
    /// Services and programs that run old code; `None`: could not be seen.
    pub old_code: Option<Vec<String>>,
    /// When the package lists were fetched.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub lists_fetched_at: Option<Timestamp>,
    /// Packages that the package manager would install or upgrade; `None`: not known.
    pub pending: Option<u32>,
    /// What is not known, and why; of the present only.
    #[schema(value_type = Vec<Object>)]
    pub unknown: Vec<Unknown>,
    /// The modes it had, newest first.
    pub modes: Vec<ModeChange>,
    /// Its orders, newest first.
    pub orders: Vec<OrderView>,
    /// The decisions that touch it.
    pub decisions: Vec<DecisionItem>,
}

/// A device as lists show it.
pub(crate) fn item(device: &Device, system: Option<&System>) -> DeviceItem {
    DeviceItem {
        id: device.id,
        name: device.name.to_string(),
        client: device.client_name.to_string(),
        site: device.site_name.to_string(),
        zone: device.zone.clone(),
        os: system.map(os),
        mode: device.mode,
        last_seen: device.last_seen,
        inventory_at: device.inventory_at,
        packages: device.packages,
    }
}

fn os(system: &System) -> String {
    let mut text = format!("{} {}", system.id, system.version);
    if let Some(codename) = &system.codename {
        text.push_str(&format!(" ({codename})"));
    }
    text
}

impl Service {
    /// Lists devices that match `q`, as they are now or were `at`.
    pub fn device_list(
        &self,
        who: &Principal,
        q: Option<&str>,
        at: Option<Timestamp>,
        page: &PageRequest,
    ) -> Result<Page<DeviceItem>> {
        let walk = Walk {
            scope: access::check(who, Permission::Read)?,
            query: query::parse("q", q, SubjectKind::Device)?,
            at: scan::past(at, self.now())?,
            now: self.now(),
        };
        let page = page.clone();
        self.read(move |tx| {
            let found = walk.devices(tx, &page)?;
            Ok(Page {
                items: found
                    .items
                    .iter()
                    .map(|seen| item(&seen.device, seen.system.as_ref()))
                    .collect(),
                next: found.next,
            })
        })
    }

    /// Shows one device (id, name or `CLIENT/NAME`), as it is now or was `at`.
    pub fn device_show(
        &self,
        who: &Principal,
        device: &str,
        at: Option<Timestamp>,
    ) -> Result<DeviceDetail> {
        let scope = access::check(who, Permission::Read)?;
        let now = self.now();
        let at = scan::past(at, now)?;
        let name = device.to_owned();
        let shown = self.read(move |tx| shown(tx, &scope, &name, at, now))?;
        let Shown {
            mut detail,
            material,
        } = shown;
        if let Some(material) = material {
            let assessment = self.assessed(&material, now);
            detail.pending = assessment.pending;
            detail.unknown = assessment.unknown;
        }
        Ok(detail)
    }

    /// Sets what may be done to a device.
    pub fn device_mode(&self, who: &Principal, device: &str, mode: Mode) -> Result<DeviceItem> {
        let scope = access::check(who, Permission::ManageDevice)?;
        let now = self.now();
        let (who, name) = (who.clone(), device.to_owned());
        let (id, item) = self.write(move |tx| {
            let device = naming::device(tx, &scope, &name)?;
            if device.mode != mode {
                let actor = Actor::Principal(who.id);
                tx.device_set_mode(&scope, device.id, mode, now, now, &actor)?;
                let entry = audit::by(&who, now, "device.mode", device.id)
                    .of(device.client)
                    .saying(format_args!("{}: {} to {mode}", device.name, device.mode));
                tx.audit_add(&entry.0)?;
            }
            let device = naming::device(tx, &scope, &device.id.to_string())?;
            let system = tx.facts_systems(&scope, &[device.id])?.remove(&device.id);
            Ok((device.id, item(&device, system.as_ref())))
        })?;
        self.device_changed(id);
        Ok(item)
    }

    /// Adds and removes tags; gives all the tags it then has, sorted.
    pub fn device_tag(
        &self,
        who: &Principal,
        device: &str,
        add: &[Tag],
        remove: &[Tag],
    ) -> Result<Vec<Tag>> {
        let scope = access::check(who, Permission::ManageDevice)?;
        let now = self.now();
        let (who, name) = (who.clone(), device.to_owned());
        let (add, remove) = (add.to_vec(), remove.to_vec());
        let (id, tags) = self.write(move |tx| {
            let device = naming::device(tx, &scope, &name)?;
            let mut tags: Vec<Tag> = device
                .tags
                .iter()
                .filter(|tag| !remove.contains(tag))
                .cloned()
                .chain(add)
                .collect();
            tags.sort();
            tags.dedup();
            if tags.len() > TAGS_MAX {
                return Err(ServiceError::Invalid {
                    field: "tags",
                    reason: format!("a device has at most {TAGS_MAX} tags"),
                });
            }
            if tags != device.tags {
                let actor = Actor::Principal(who.id);
                tx.device_set_tags(&scope, device.id, &tags, now, now, &actor)?;
                let words: Vec<&str> = tags.iter().map(Tag::as_str).collect();
                let entry = audit::by(&who, now, "device.tag", device.id)
                    .of(device.client)
                    .saying(format_args!("{}: {}", device.name, words.join(" ")));
                tx.audit_add(&entry.0)?;
            }
            Ok((device.id, tags))
        })?;
        self.device_changed(id);
        Ok(tags)
    }

    /// Has a device planned anew after a person changed it, and told so.
    fn device_changed(&self, device: DeviceId) {
        self.quiet.forget(device);
        self.fleet.touched(device);
        self.due.at_once(device, Look::Plan);
        self.planner.ring();
        self.wake.ring(device);
    }
}

/// What the database knows of one device; what is assessed is added afterwards.
struct Shown {
    detail: DeviceDetail,
    material: Option<Material>,
}

fn shown(
    tx: &mut Tx<'_>,
    scope: &ClientScope,
    name: &str,
    at: Option<Timestamp>,
    now: Timestamp,
) -> Result<Shown> {
    let present = naming::device(tx, scope, name)?;
    let device = match at {
        None => present,
        Some(at) => tx
            .device_at(scope, present.id, at)?
            .ok_or_else(|| ServiceError::Invalid {
                field: "at",
                reason: format!(
                    "{} was enrolled at {}: nothing is known of it before",
                    present.name, present.enrolled_at
                ),
            })?,
    };
    let mut view = view::of_device(tx, scope, device.clone(), Packages::Loaded, now)?;
    if let Some(at) = at {
        as_it_was(tx, scope, &mut view, at)?;
    }
    let system = match at {
        None => view.facts.as_ref().map(|facts| facts.system.clone()),
        Some(at) => tx.device_system_at(scope, device.id, at)?,
    };
    let subject = DeviceSubject {
        system: system.as_ref(),
        findings: match at {
            None => DeviceSubject::of(&view).findings,
            Some(_) => view.inventory.as_ref().map(|_| view.findings.as_slice()),
        },
        ..DeviceSubject::of(&view)
    };
    let policy = standing::load(tx, scope, at.unwrap_or(now))?.policy;
    let lookup = GroupLookup::of(&policy);
    let membership = lookup.membership(&subject, device.client, at.unwrap_or(now));
    let subject = DeviceSubject {
        groups: Some(&membership),
        ..subject
    };
    let mut groups = membership.certain.clone();
    groups.sort();
    let mut decisions = Vec::new();
    for decision in tx.decision_in_force(scope, at.unwrap_or(now))? {
        let own = decision.client.is_none_or(|client| client == device.client);
        if own && decision.devices.matches(&subject, at.unwrap_or(now)) {
            decisions.push(decision::item(tx, scope, &decision, now)?);
        }
    }
    let facts = view.facts.as_ref();
    let orders = view
        .orders
        .iter()
        .rev()
        .filter(|order| at.is_none_or(|at| order.made_at <= at))
        .map(|order| order::item(&device, order, Outcomes::Left))
        .collect();
    let detail = DeviceDetail {
        device: item(&device, system.as_ref()),
        at: at.unwrap_or(now),
        tags: device.tags.iter().map(ToString::to_string).collect(),
        groups,
        standing: device.standing,
        enrolled_at: device.enrolled_at,
        agent: device.agent.clone(),
        kernel: system.as_ref().map(|system| system.kernel.clone()),
        reboot: facts.and_then(reboot_reasons),
        old_code: facts.and_then(old_code),
        lists_fetched_at: facts.and_then(|facts| match &facts.offers.lists {
            Lists::Absent => None,
            Lists::Present { fetched_at, .. } => Some(*fetched_at),
        }),
        pending: None,
        unknown: Vec::new(),
        modes: modes(tx, scope, device.id, at.unwrap_or(now))?,
        orders,
        decisions,
    };
    // What the past did not know is not assessed with what is known now.
    let material = match at {
        None => assess::material(tx, scope, device.id)?,
        Some(_) => None,
    };
    Ok(Shown { detail, material })
}

/// Puts what was known at a past instant in the place of what is known now. Facts of a later look
/// are left out: what runs old code and why a reboot is due is kept of the last look only.
fn as_it_was(
    tx: &mut Tx<'_>,
    scope: &ClientScope,
    view: &mut DeviceView,
    at: Timestamp,
) -> Result<()> {
    let id = view.device.id;
    let facts = tx.facts_get(scope, id)?;
    view.facts = facts
        .filter(|(_, looked_at)| *looked_at <= at)
        .map(|(facts, _)| facts);
    view.inventory = tx.inventory_at(scope, id, at)?.map(|known| known.inventory);
    view.findings = tx.finding_at(scope, id, at)?.unwrap_or_default();
    Ok(())
}

/// Why a reboot is due, empty when it is not; `None`: not known.
fn reboot_reasons(facts: &Facts) -> Option<Vec<String>> {
    match &facts.reboot {
        RebootNeed::No => Some(Vec::new()),
        RebootNeed::Yes { reasons, .. } => Some(reasons.clone()),
        RebootNeed::Unknown { .. } => None,
    }
}

/// What runs old code, by service where it is one; `None`: could not be seen.
fn old_code(facts: &Facts) -> Option<Vec<String>> {
    let running = facts.old_code.as_ref()?;
    let name = |one: &OldCode| one.service.clone().unwrap_or_else(|| one.program.clone());
    Some(running.iter().map(name).collect())
}

/// The modes a device had, newest first.
fn modes(
    tx: &mut Tx<'_>,
    scope: &ClientScope,
    device: DeviceId,
    until: Timestamp,
) -> Result<Vec<ModeChange>> {
    let names = audit::principal_names(tx)?;
    let own = device.to_string();
    Ok(tx
        .device_modes(scope, device)?
        .into_iter()
        .filter(|change| change.valid_from <= until)
        .map(|change| ModeChange {
            mode: change.mode,
            since: change.valid_from,
            by: if change.by == own {
                "enrolment".to_owned()
            } else {
                names.get(&change.by).cloned().unwrap_or(change.by)
            },
        })
        .collect())
}
