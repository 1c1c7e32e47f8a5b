//! What of a policy covers a device, and what of that fits a patch.
//!
//! A window or an approval covers only what it certainly covers. What holds something back (a
//! freeze, an exclusion, a hold) also covers what it perhaps covers: its query asks for something
//! that is not known yet.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;

use domain::decision::Decision;
use domain::id::ClientId;
use domain::policy::{
    ApprovalRule, Exclusion, Freeze, Policy, PolicyKind, RebootRule, RingSet, Unreadable,
};
use domain::query::{
    Comparison, Condition, Fact, Field, LetterCase, Os, Packages, Pattern, Query, Subject,
    SubjectKind, Truth, Values,
};
use domain::window::ChangeWindow;
use jiff::{SignedDuration, Timestamp};

use crate::subject::Membership;

/// A policy with what is asked of it again and again, worked out once.
pub(super) struct Compiled<'a> {
    pub policy: &'a Policy,
    /// Groups in rounds, each after those that its query names.
    groups: Vec<Vec<usize>>,
    /// Groups that name each other in a circle.
    circle: Vec<usize>,
    /// Decisions by precedence, the first goes before all others.
    decisions: Vec<usize>,
    /// Rules that ask for one client, by its name or id in lower case, and all others.
    rules_of_client: HashMap<String, Vec<usize>>,
    other_rules: Vec<usize>,
    /// Durations that queries for patches compare an age with: there, their answer changes.
    ages: Vec<SignedDuration>,
}

impl<'a> Compiled<'a> {
    pub fn new(policy: &'a Policy) -> Self {
        let mut decisions: Vec<usize> = (0..policy.decisions.len()).collect();
        decisions.sort_by_cached_key(|at| {
            let decision = &policy.decisions[*at];
            // Decisions of files have no time and no id: then their text says which is named first.
            let text = match &decision.name {
                Some(name) => name.to_string(),
                None => format!("{} {}", decision.patches, decision.devices),
            };
            let (decided_at, id) = (decision.decided_at, decision.id);
            Reverse((decision.level, decision.word, decided_at, id, text))
        });
        let (groups, circle) = group_order(policy);
        let mut rules_of_client: HashMap<String, Vec<usize>> = HashMap::new();
        let mut other_rules = Vec::new();
        for (at, rule) in policy.rules.iter().enumerate() {
            match rule.devices.required(Field::Client) {
                Some(client) => {
                    let client = client.to_lowercase();
                    rules_of_client.entry(client).or_default().push(at);
                }
                None => other_rules.push(at),
            }
        }
        Self {
            policy,
            rules_of_client,
            other_rules,
            groups,
            circle,
            decisions,
            ages: ages(policy),
        }
    }

    /// The rules that may cover a device, in their order: without those that ask for another client,
    /// which is most of a large policy.
    fn rules_for(&self, device: &dyn Subject) -> Vec<usize> {
        let mut clients: Vec<String> = Vec::new();
        let others = device.text(Field::Client).any(|client| {
            clients.push(client.to_lowercase());
            Truth::No
        });
        if others != Truth::No {
            // Its client is not known: every rule may cover it.
            return (0..self.policy.rules.len()).collect();
        }
        clients.extend(device.id(Field::Client).map(|id| id.to_lowercase()));
        let own = clients
            .iter()
            .filter_map(|client| self.rules_of_client.get(client));
        let mut rules = self.other_rules.clone();
        rules.extend(own.flatten());
        rules.sort_unstable();
        rules.dedup();
        rules
    }

    /// Whether answers about patches change as these grow older.
    pub fn ages(&self) -> &[SignedDuration] {
        &self.ages
    }

    /// The groups of a device: its own, and those of the policy.
    pub fn groups_of(
        &self,
        subject: &dyn Subject,
        own: &[&str],
        client: Option<ClientId>,
        now: Timestamp,
    ) -> Membership {
        let mut groups = Membership {
            certain: own.iter().map(|name| (*name).to_owned()).collect(),
            // Who is in a group that cannot be read is not known.
            complete: !has_unreadable_group(self.policy),
        };
        let asked = |index: &usize, groups: &Membership| {
            let group = &self.policy.groups[*index];
            let base = subject;
            let subject = Grouped { base, groups };
            let truth = of_client(group.client, client).and(group.devices.evaluate(&subject, now));
            (group.name.as_str(), truth)
        };
        for round in self.groups.iter().chain([&self.circle]) {
            if std::ptr::eq(round, &self.circle) && !round.is_empty() {
                groups.complete = false;
            }
            // All of a round see the same, so that their order does not matter.
            let answers: Vec<(&str, Truth)> =
                round.iter().map(|index| asked(index, &groups)).collect();
            for (name, truth) in answers {
                match truth {
                    Truth::Yes => groups.certain.push(name.to_owned()),
                    // Whether the device is in it is not known: then `group:` is not known either.
                    Truth::Unknown => groups.complete = false,
                    Truth::No => {}
                }
            }
        }
        groups
    }
}

/// Whether a group of the policy cannot be read.
pub(crate) fn has_unreadable_group(policy: &Policy) -> bool {
    let mut unreadable = policy.unreadable.iter();
    unreadable.any(|broken| broken.kind == PolicyKind::Group)
}

/// Whether a query matches a device of a policy's groups: what the fleet index must answer too.
#[cfg(test)]
pub(crate) fn matches_grouped(
    query: &Query,
    policy: &Policy,
    base: &dyn Subject,
    client: ClientId,
    now: Timestamp,
) -> bool {
    let groups = &Compiled::new(policy).groups_of(base, &[], Some(client), now);
    query.matches(&Grouped { base, groups }, now)
}

/// A device with its groups as a subject of queries.
pub struct Grouped<'a> {
    pub(super) base: &'a dyn Subject,
    pub(super) groups: &'a Membership,
}

impl Subject for Grouped<'_> {
    fn kind(&self) -> SubjectKind {
        self.base.kind()
    }
    fn text(&self, field: Field) -> Values<'_> {
        if field == Field::Group {
            self.groups.values()
        } else {
            self.base.text(field)
        }
    }
    fn id(&self, field: Field) -> Option<Cow<'_, str>> {
        self.base.id(field)
    }
    fn instant(&self, field: Field) -> Fact<Timestamp> {
        self.base.instant(field)
    }
    fn os(&self) -> Fact<Os<'_>> {
        self.base.os()
    }
    fn packages(&self) -> Packages<'_> {
        self.base.packages()
    }
}

/// Groups in rounds, each after those that its query names, and those that name each other in a
/// circle.
pub(crate) fn group_order(policy: &Policy) -> (Vec<Vec<usize>>, Vec<usize>) {
    let groups = &policy.groups;
    let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
    for (at, group) in groups.iter().enumerate() {
        by_name
            .entry(group.name.as_str().to_lowercase())
            .or_default()
            .push(at);
    }
    let named = |pattern: &Pattern| match pattern.exact() {
        Some(name) => by_name
            .get(&name.to_lowercase())
            .cloned()
            .unwrap_or_default(),
        None => {
            let fits = |at: &usize| pattern.fits(groups[*at].name.as_str(), LetterCase::Ignored);
            (0..groups.len()).filter(fits).collect()
        }
    };
    // Which groups each one waits for, and how many of them have no place yet.
    let mut waits: Vec<usize> = Vec::with_capacity(groups.len());
    let mut waited_for: Vec<Vec<usize>> = vec![Vec::new(); groups.len()];
    for (at, group) in groups.iter().enumerate() {
        let mut names = std::collections::BTreeSet::new();
        for term in group.devices.terms() {
            match term.condition() {
                Condition::Text(patterns) if term.field() == Some(Field::Group) => {
                    names.extend(patterns.iter().flat_map(named));
                }
                Condition::Present if term.field() == Some(Field::Group) => {
                    names.extend(0..groups.len());
                }
                Condition::Text(_)
                | Condition::Present
                | Condition::Choice(_)
                | Condition::Order(..)
                | Condition::Elapsed(..)
                | Condition::Os(_)
                | Condition::Packages(_) => {}
            }
        }
        waits.push(names.len());
        for other in names {
            waited_for[other].push(at);
        }
    }
    let mut rounds = Vec::new();
    let mut now: Vec<usize> = (0..groups.len()).filter(|at| waits[*at] == 0).collect();
    while !now.is_empty() {
        let mut next = Vec::new();
        for waiting in now.iter().flat_map(|at| &waited_for[*at]) {
            waits[*waiting] -= 1;
            if waits[*waiting] == 0 {
                next.push(*waiting);
            }
        }
        next.sort_unstable();
        rounds.push(std::mem::replace(&mut now, next));
    }
    let circle = (0..groups.len()).filter(|at| waits[*at] > 0).collect();
    (rounds, circle)
}

/// The durations that queries for patches compare an age with.
fn ages(policy: &Policy) -> Vec<SignedDuration> {
    let rules = policy.rules.iter().map(|rule| &rule.patches);
    let decisions = policy.decisions.iter().map(|decision| &decision.patches);
    let mut ages: Vec<SignedDuration> = rules
        .chain(decisions)
        .flat_map(Query::terms)
        .filter_map(|term| match term.condition() {
            Condition::Elapsed(comparison, bound) => Some(match comparison {
                // One nanosecond later the answer changes.
                Comparison::LessOrEqual | Comparison::Greater => {
                    bound.duration() + SignedDuration::from_nanos(1)
                }
                Comparison::Less | Comparison::GreaterOrEqual => bound.duration(),
            }),
            _ => None,
        })
        .collect();
    ages.sort_unstable();
    ages.dedup();
    ages
}

/// Whether an object that is limited to one client may cover a device of `client`.
pub(super) fn of_client(limited: Option<ClientId>, client: Option<ClientId>) -> Truth {
    match (limited, client) {
        (None, _) => Truth::Yes,
        (Some(limited), Some(client)) => (limited == client).into(),
        // A device in a file names its client by a name.
        (Some(_), None) => Truth::Unknown,
    }
}

/// An object that covers a device, certainly or perhaps.
pub(super) struct Covering<'a, T> {
    pub object: &'a T,
    /// Its place in the policy.
    pub index: usize,
    pub devices: Truth,
}

/// A ring set as a device stands in it.
#[derive(Clone, Copy)]
pub(super) struct Placed<'a> {
    pub set: &'a RingSet,
    /// Whether it covers the device.
    pub covers: Truth,
    /// The first ring that the device certainly fits.
    pub ring: Option<usize>,
}

/// All of a policy that covers a device.
pub(super) struct Coverage<'a> {
    pub windows: Vec<&'a ChangeWindow>,
    pub freezes: Vec<Covering<'a, Freeze>>,
    pub exclusions: Vec<Covering<'a, Exclusion>>,
    /// By precedence.
    pub decisions: Vec<Covering<'a, Decision>>,
    /// In their order.
    pub rules: Vec<Covering<'a, ApprovalRule>>,
    pub rings: Vec<Placed<'a>>,
    pub unreadable: Vec<&'a Unreadable>,
    pub reboots: Vec<Covering<'a, RebootRule>>,
}

impl<'a> Coverage<'a> {
    /// `subject` answers for the device with all its groups.
    pub fn of(
        compiled: &Compiled<'a>,
        subject: &dyn Subject,
        client: Option<ClientId>,
        now: Timestamp,
    ) -> Self {
        let policy = compiled.policy;
        let covers = |limited: Option<ClientId>, devices: &Query| match of_client(limited, client) {
            Truth::No => Truth::No,
            truth => truth.and(devices.evaluate(subject, now)),
        };
        let placed = |set: &'a RingSet| Placed {
            set,
            covers: covers(set.client, &set.devices),
            ring: set
                .rings
                .iter()
                .position(|ring| ring.devices.matches(subject, now)),
        };
        Self {
            windows: policy
                .windows
                .iter()
                .filter(|window| window.ended_at.is_none_or(|ended| now < ended))
                .filter(|window| covers(window.client, &window.devices) == Truth::Yes)
                .collect(),
            freezes: covering(policy.freezes.iter().enumerate(), |freeze| {
                covers(freeze.client, &freeze.devices)
            }),
            exclusions: covering(policy.exclusions.iter().enumerate(), |exclusion| {
                covers(exclusion.client, &exclusion.devices)
            }),
            decisions: covering(
                compiled
                    .decisions
                    .iter()
                    .map(|at| (*at, &policy.decisions[*at])),
                |decision| covers(decision.client, &decision.devices),
            ),
            rules: covering(
                compiled
                    .rules_for(subject)
                    .into_iter()
                    .map(|at| (at, &policy.rules[at])),
                |rule| covers(rule.client, &rule.devices),
            ),
            rings: policy.rings.iter().map(placed).collect(),
            unreadable: policy
                .unreadable
                .iter()
                .filter(|object| covers(object.client, &object.devices) != Truth::No)
                .collect(),
            reboots: covering(policy.reboots.iter().enumerate(), |rule| {
                covers(rule.client, &rule.devices)
            }),
        }
    }
}

fn covering<'a, T>(
    objects: impl Iterator<Item = (usize, &'a T)>,
    covers: impl Fn(&'a T) -> Truth,
) -> Vec<Covering<'a, T>> {
    objects
        .map(|(index, object)| Covering {
            object,
            index,
            devices: covers(object),
        })
        .filter(|covering| covering.devices != Truth::No)
        .collect()
}

/// How a patch stands to every rule and decision, each at its place in the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fit {
    pub rules: Vec<Truth>,
    pub decisions: Vec<Truth>,
}

impl Fit {
    /// Asks all of them.
    pub fn whole(policy: &Policy, patch: &dyn Subject, now: Timestamp) -> Self {
        let fits = |query: &Query| query.evaluate(patch, now);
        Self {
            rules: policy.rules.iter().map(|r| fits(&r.patches)).collect(),
            decisions: policy.decisions.iter().map(|d| fits(&d.patches)).collect(),
        }
    }

    /// Asks those that cover a device; the others do not matter.
    pub fn for_device(
        policy: &Policy,
        coverage: &Coverage<'_>,
        patch: &dyn Subject,
        now: Timestamp,
    ) -> Self {
        let mut fit = Self {
            rules: vec![Truth::No; policy.rules.len()],
            decisions: vec![Truth::No; policy.decisions.len()],
        };
        for rule in &coverage.rules {
            fit.rules[rule.index] = rule.object.patches.evaluate(patch, now);
        }
        for decision in &coverage.decisions {
            fit.decisions[decision.index] = decision.object.patches.evaluate(patch, now);
        }
        fit
    }
}
