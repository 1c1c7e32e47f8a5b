//! What files would change for which devices and patches, and when: the policy as it stands and as it
//! would be, both asked about the whole fleet.

use std::collections::BTreeMap;

use domain::access::{self, Permission, Principal};
use domain::id::ClientId;
use domain::page::{PAGE_ITEMS_MAX, PageRequest};
use domain::policy::{Policy, PolicyKind};
use domain::query::{Field, Query};
use domain::snapshot::Snapshot;
use engine::plan::{PolicyDifference, difference};
use engine::policy_file::PolicyFiles;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::compare::{Comparison, Step};
use super::standing::StandingPolicy;
use super::{PolicyApplied, PolicySent, apply};
use crate::{Result, Service, ServiceError};

/// What files would change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PolicyPlan {
    /// The objects.
    pub objects: PolicyApplied,
    /// What it was planned against; applying with it is refused once anything was changed.
    pub against: String,
    /// The verdicts: counts, and per client what changes for which devices and patches, and when.
    #[schema(value_type = Object)]
    pub difference: PolicyDifference,
}

/// Calls a macro with each list of a policy whose objects have `client` and `devices`.
macro_rules! each_list {
    ($with:ident) => {
        $with!(
            groups, windows, freezes, rules, decisions, reboots, rings, exclusions, unreadable
        )
    };
}

/// The policy as it would be: what the files say, beside what they leave standing.
pub(super) fn afterwards(
    files: &PolicyFiles,
    compared: &Comparison,
    clients: &BTreeMap<usize, Option<ClientId>>,
    standing: &StandingPolicy,
    now: Timestamp,
) -> Policy {
    let mut gone: Vec<&str> = Vec::new();
    let mut after = files.policy.clone();
    for decision in &mut after.decisions {
        decision.decided_at = now;
    }
    // Nobody missed an opening of a window that was not there yet.
    for window in &mut after.windows {
        window.valid_from = now;
    }
    for step in &compared.steps {
        match step {
            Step::Make(at) => bind(&mut after, files, *at, clients.get(at).copied().flatten()),
            Step::Replace(at, stands) => {
                gone.push(&stands.id);
                bind(&mut after, files, *at, clients.get(at).copied().flatten());
            }
            // It is in the files; what stands is left out so that it does not count twice.
            Step::Move(at, stands) | Step::Leave(at, stands) => {
                gone.push(&stands.id);
                bind(&mut after, files, *at, stands.client);
                keep_age(&mut after, files, *at, standing, &stands.id);
            }
            Step::End(stands) => gone.push(&stands.id),
        }
    }
    after
        .decisions
        .retain(|decision| decision.until.is_none_or(|until| now < until));
    let stays = |id: String| !gone.contains(&id.as_str());
    macro_rules! others {
        ($($list:ident),*) => {$(
            let kept = standing.policy.$list.iter().filter(|object| stays(object.id.to_string()));
            after.$list.extend(kept.cloned());
        )*};
    }
    others!(
        groups, windows, freezes, rules, decisions, reboots, rings, exclusions
    );
    let broken = standing
        .objects
        .iter()
        .filter(|object| object.says.is_err());
    for (object, unreadable) in broken.zip(&standing.policy.unreadable) {
        if stays(object.id.clone()) {
            after.unreadable.push(unreadable.clone());
        }
    }
    after
}

fn bind(after: &mut Policy, files: &PolicyFiles, at: usize, client: Option<ClientId>) {
    let Some(object) = files.objects().get(at) else {
        return;
    };
    macro_rules! to {
        ($list:ident) => {
            if let Some(found) = after.$list.get_mut(object.index) {
                found.client = client;
            }
        };
    }
    match object.kind {
        PolicyKind::Group => to!(groups),
        PolicyKind::Window => to!(windows),
        PolicyKind::Freeze => to!(freezes),
        PolicyKind::Rule => to!(rules),
        PolicyKind::Decision => to!(decisions),
        PolicyKind::Reboot => to!(reboots),
        PolicyKind::Rings => to!(rings),
        PolicyKind::Exclude => to!(exclusions),
    }
}

/// A decision or window that stays is as old as it is.
fn keep_age(
    after: &mut Policy,
    files: &PolicyFiles,
    at: usize,
    standing: &StandingPolicy,
    id: &str,
) {
    let Some(object) = files.objects().get(at) else {
        return;
    };
    let known = standing
        .policy
        .decisions
        .iter()
        .find(|one| one.id.to_string() == id);
    if let (PolicyKind::Decision, Some(known)) = (object.kind, known)
        && let Some(decision) = after.decisions.get_mut(object.index)
    {
        decision.decided_at = known.decided_at;
        decision.decided_by = known.decided_by;
        decision.decided_by_name.clone_from(&known.decided_by_name);
    }
    let windows = &standing.policy.windows;
    if let (PolicyKind::Window, Some(known)) = (
        object.kind,
        windows.iter().find(|one| one.id.to_string() == id),
    ) && let Some(window) = after.windows.get_mut(object.index)
    {
        window.valid_from = known.valid_from;
    }
}

/// In a snapshot clients have names alone: what is limited to one says so in its query.
pub(super) fn by_name(mut policy: Policy, names: &BTreeMap<ClientId, String>) -> Policy {
    macro_rules! named {
        ($($list:ident),*) => {$(
            for object in &mut policy.$list {
                limit(&mut object.devices, object.client.take(), names);
            }
        )*};
    }
    each_list!(named);
    policy
}

fn limit(devices: &mut Query, client: Option<ClientId>, names: &BTreeMap<ClientId, String>) {
    if let Some(name) = client.and_then(|client| names.get(&client))
        && devices.required(Field::Client) != Some(name)
        && let Ok(limited) = Query::of(Field::Client, name).and_then(|own| own.and(devices))
    {
        *devices = limited;
    }
}

impl Service {
    /// Says what files would change, without changing it.
    pub fn policy_plan(&self, who: &Principal, sent: &PolicySent) -> Result<PolicyPlan> {
        self.policy_plan_within(who, sent, None)
    }

    /// The same, refused where there are more devices than that.
    pub fn policy_plan_within(
        &self,
        who: &Principal,
        sent: &PolicySent,
        devices_max: Option<u64>,
    ) -> Result<PolicyPlan> {
        let sent = PolicySent {
            dry_run: true,
            ..sent.clone()
        };
        let (versus, names) = self.policy_versus(who, &sent)?;
        let now = self.now();
        let fleet = self.whole_snapshot(who, devices_max)?;
        let before = by_name(versus.before, &names);
        let after = by_name(versus.after, &names);
        Ok(PolicyPlan {
            objects: versus.objects,
            against: versus.against,
            difference: difference(&fleet, &before, &after, now),
        })
    }

    /// What files would change, with the policy before and after and the names of the clients.
    pub(super) fn policy_versus(
        &self,
        who: &Principal,
        sent: &PolicySent,
    ) -> Result<(apply::Versus, BTreeMap<ClientId, String>)> {
        let applying = apply::Applying::new(who, sent, self.now())?;
        self.read(move |tx| {
            let versus = applying.versus(tx)?;
            let mut names = BTreeMap::new();
            let mut page = PageRequest {
                cursor: None,
                limit: PAGE_ITEMS_MAX,
            };
            loop {
                let found = tx.client_list(applying.scope(), &page)?;
                names.extend(
                    found
                        .items
                        .into_iter()
                        .map(|one| (one.id, one.name.to_string())),
                );
                match found.next {
                    Some(next) => page.cursor = Some(next),
                    None => return Ok((versus, names)),
                }
            }
        })
    }

    /// The whole fleet in reach as one snapshot; refused where it has more devices than that.
    pub(super) fn whole_snapshot(
        &self,
        who: &Principal,
        devices_max: Option<u64>,
    ) -> Result<Snapshot> {
        access::check(who, Permission::WholeProvider)?;
        let too_many = |devices: u64| devices_max.is_some_and(|max| devices > max);
        let devices = match devices_max {
            Some(_) => u64::from(self.overview(who)?.devices),
            None => 0,
        };
        if too_many(devices) {
            return Err(ServiceError::Conflict {
                reason: format!(
                    "there are {devices} devices, more than the {} that a page can answer for in \
                     time",
                    devices_max.unwrap_or_default()
                ),
            });
        }
        let mut page = PageRequest {
            cursor: None,
            limit: PAGE_ITEMS_MAX,
        };
        let mut whole: Option<Snapshot> = None;
        loop {
            let (part, next) = self.snapshot(who, None, &page)?;
            match whole.as_mut() {
                Some(whole) => whole.devices.extend(part.devices),
                None => whole = Some(part),
            }
            match next {
                Some(next) => page.cursor = Some(next),
                None => return Ok(whole.unwrap_or_default()),
            }
        }
    }
}
