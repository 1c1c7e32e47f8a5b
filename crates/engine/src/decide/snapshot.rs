//! The front end for files: devices and findings of a snapshot, and what only a snapshot can say
//! (fresh feeds, contacts).

use std::collections::{BTreeMap, HashMap};

use domain::id::ClientId;
use domain::patch::PatchId;
use domain::policy::{Policy, RebootRule, RingSet};
use domain::query::{Query, Truth};
use domain::snapshot::{Snapshot, SnapshotDevice, SnapshotFeed, SnapshotFinding, SnapshotState};
use domain::verdict::{Answer, Gate, GateName, Verdict};
use domain::window::Opening;
use jiff::{SignedDuration, Timestamp};

use super::covered::{Compiled, Coverage, Fit, Grouped};
use super::evaluator::{NO_BUDGET, turns, window_names};
use super::pair::Side;
use super::snapshot_subject::{
    SnapshotDeviceSubject, SnapshotPatchSubject, exploited, replaced_by,
};
use super::states::{Clock, Pair, Part};
use super::words::{self, closed, not_asked, open, when};
use super::{Outcome, REACHABLE_SECONDS, Reboot, gates};
use crate::subject::Membership;

/// A snapshot with a policy: the clocks of fixes over the whole fleet, and the feeds.
pub struct SnapshotWorld<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) compiled: Compiled<'a>,
    clocks: HashMap<&'a str, Clock>,
    clients: BTreeMap<String, ClientId>,
}

/// One device of a snapshot at an instant, for all its findings.
pub struct SnapshotEvaluator<'w, 'a> {
    world: &'w SnapshotWorld<'a>,
    device: &'a SnapshotDevice,
    groups: Membership,
    side: Side<'a>,
}

impl<'a> SnapshotWorld<'a> {
    /// Works out the clocks of all fixes.
    pub fn new(snapshot: &'a Snapshot, policy: &'a Policy) -> Self {
        Self {
            snapshot,
            compiled: Compiled::new(policy),
            clocks: clocks(snapshot),
            clients: BTreeMap::new(),
        }
    }

    /// Says which ids the clients of the snapshot have, for objects of a policy that are limited to
    /// one client. Without, only a device whose `client` is an id is known to be of that client.
    #[must_use]
    pub fn with_clients(mut self, clients: BTreeMap<String, ClientId>) -> Self {
        self.clients = clients;
        self
    }

    /// The policy.
    pub fn policy(&self) -> &'a Policy {
        self.compiled.policy
    }

    /// The verdict for one finding of a device.
    pub fn verdict(
        &self,
        device: &'a SnapshotDevice,
        finding: &SnapshotFinding,
        now: Timestamp,
    ) -> Verdict {
        self.device(device, now).verdict(finding)
    }

    /// A device at an instant, for all its findings.
    pub fn device(&self, device: &'a SnapshotDevice, now: Timestamp) -> SnapshotEvaluator<'_, 'a> {
        let (groups, coverage) = self.coverage(device, now);
        let contacts = device.contacts.as_deref();
        let policy = self.compiled.policy;
        SnapshotEvaluator {
            world: self,
            device,
            groups,
            side: Side::new(policy, coverage, &device.zone, contacts, now),
        }
    }

    /// Whether any of the queries may cover a device.
    pub fn may_cover(&self, device: &SnapshotDevice, queries: &[&Query], now: Timestamp) -> bool {
        let subject = SnapshotDeviceSubject::of(device);
        let groups = &self.groups(device, &subject, now);
        let subject = Grouped {
            base: &subject,
            groups,
        };
        let mut answers = queries.iter().map(|query| query.evaluate(&subject, now));
        answers.any(|truth| truth != Truth::No)
    }

    /// The groups of a device, and what covers it.
    pub(super) fn coverage(
        &self,
        device: &SnapshotDevice,
        now: Timestamp,
    ) -> (Membership, Coverage<'a>) {
        let subject = SnapshotDeviceSubject::of(device);
        let groups = self.groups(device, &subject, now);
        let coverage = {
            let subject = Grouped {
                base: &subject,
                groups: &groups,
            };
            Coverage::of(&self.compiled, &subject, self.client(device), now)
        };
        (groups, coverage)
    }

    pub(super) fn groups(
        &self,
        device: &SnapshotDevice,
        subject: &SnapshotDeviceSubject<'_>,
        now: Timestamp,
    ) -> Membership {
        let own: Vec<&str> = device.groups.iter().map(String::as_str).collect();
        let client = self.client(device);
        self.compiled.groups_of(subject, &own, client, now)
    }

    pub(super) fn client(&self, device: &SnapshotDevice) -> Option<ClientId> {
        let known = self.clients.get(&device.client).copied();
        known.or_else(|| device.client.parse().ok())
    }

    pub(super) fn clock(&self, finding: &SnapshotFinding) -> Clock {
        let known = self.clocks.get(finding.fix()).copied();
        // A finding that is not in the snapshot has its own clock.
        known.unwrap_or_else(|| own_clock(finding))
    }

    /// The feed that keeps the gate `known` closed for a finding, or its name where it is missing.
    pub(super) fn stale(
        &self,
        finding: &SnapshotFinding,
    ) -> Option<Result<&'a SnapshotFeed, String>> {
        let feeds = &self.snapshot.feeds;
        match &finding.feed {
            None => feeds.iter().find(|feed| !feed.fresh).map(Ok),
            Some(name) => {
                let mut named = feeds.iter().filter(|feed| feed.name == *name).peekable();
                match named.peek() {
                    None => Some(Err(name.clone())),
                    Some(_) => named.find(|feed| !feed.fresh).map(Ok),
                }
            }
        }
    }
}

fn own_clock(finding: &SnapshotFinding) -> Clock {
    let known = finding.released_at.or(finding.first_seen_at);
    Clock {
        began_at: finding.clock_at.or(known),
        released: finding.released_at.is_some(),
    }
}

/// Per fix the clock that a finding says it has; else the earliest release of any finding; where
/// there is none, the earliest first sight.
fn clocks(snapshot: &Snapshot) -> HashMap<&str, Clock> {
    // What is said goes before a release, and a release before a first sight; then the earliest.
    let rank = |finding: &SnapshotFinding, clock: Clock| {
        (
            clock.began_at.is_none(),
            finding.clock_at.is_none(),
            // Of two clocks that are said, the earliest counts, whatever it began with.
            finding.clock_at.is_none() && !clock.released,
            clock.began_at,
            !clock.released,
        )
    };
    let mut clocks = HashMap::new();
    for finding in snapshot.devices.iter().flat_map(|device| &device.findings) {
        let clock = own_clock(finding);
        let own = (rank(finding, clock), clock);
        let known = clocks.entry(finding.fix()).or_insert(own);
        if own.0 < known.0 {
            *known = own;
        }
    }
    let clocks = clocks.into_iter();
    clocks.map(|(fix, (_, clock))| (fix, clock)).collect()
}

/// Whether a device speaks with the server at `now`; `None`: not recorded.
pub(super) fn reaches(device: &SnapshotDevice, now: Timestamp) -> Option<bool> {
    match (&device.contacts, device.last_seen) {
        (Some(contacts), _) => {
            Some(contacts.iter().any(|contact| {
                contact.from <= now && contact.until.is_none_or(|until| now < until)
            }))
        }
        (None, Some(seen)) => {
            let limit = SignedDuration::from_secs(REACHABLE_SECONDS);
            Some(now.duration_since(seen) <= limit)
        }
        (None, None) => None,
    }
}

/// The version of a patch whose text is an id of ours.
pub(super) fn version(patch: &str) -> Option<(versions::Scheme, &str)> {
    let scheme = match patch.parse::<PatchId>().ok()? {
        PatchId::Source { ecosystem, .. } => ecosystem.scheme(),
        PatchId::Application { .. } => domain::package::Ecosystem::Winget.scheme(),
        PatchId::Update(_) => return None,
    };
    let at = match scheme {
        versions::Scheme::Winget => patch.rfind('@')?,
        _ => patch.find('@')?,
    };
    Some((scheme, &patch[at + 1..]))
}

impl<'a> SnapshotEvaluator<'_, 'a> {
    /// The names of the groups that the device is in, its own and those of the policy.
    pub fn groups(&self) -> &Membership {
        &self.groups
    }

    /// Where something may begin on the device now or next, in any of its windows that does not
    /// follow a patch.
    pub fn opening(&self) -> Option<Opening> {
        self.side.table(&[]).opening(self.side.now, None)
    }

    /// Whether a query covers the device, which is in its groups.
    pub fn covers(&self, query: &Query) -> Truth {
        let subject = SnapshotDeviceSubject::of(self.device);
        let subject = Grouped {
            base: &subject,
            groups: &self.groups,
        };
        query.evaluate(&subject, self.side.now)
    }

    /// The reboot rule of the device: see [`Self::reboot`].
    pub fn reboot_rule(&self) -> Option<&'a RebootRule> {
        self.side.reboot().map(|reboot| reboot.rule)
    }

    /// The ring sets that certainly cover the device, each with the ring that it is in.
    pub fn rings(&self) -> impl Iterator<Item = (&'a RingSet, Option<usize>)> {
        let placed = self.side.coverage.rings.iter();
        placed
            .filter(|placed| placed.covers == Truth::Yes)
            .map(|placed| (placed.set, placed.ring))
    }

    /// The reboot rule that counts for the device, and when it would be rebooted.
    pub fn reboot(&self) -> Option<Reboot<'a>> {
        self.side.reboot()
    }

    /// The verdict for one finding of the device.
    pub fn verdict(&self, finding: &SnapshotFinding) -> Verdict {
        self.ask(finding, |side, pair| {
            let standing = side.stand(pair);
            let windows = window_names(side, pair.parts);
            let client = match self.device.client.as_str() {
                "" => "the device",
                client => client,
            };
            let gates = vec![
                self.known(finding),
                applicable(finding),
                gates::decided(side, pair, &standing, &[], client, None),
                gates::delay(side, &standing),
                gates::ring(side, &standing),
                gates::frozen(side, &standing),
                gates::window(side, &standing, &windows),
                open(GateName::Budget, NO_BUDGET),
                self.reachable(),
                open(GateName::Guardrails, "no guardrails are recorded"),
            ];
            words::verdict(gates, side.first_open(pair), side.now)
        })
    }

    /// The verdict without its sentences, many times faster.
    pub fn outcome(&self, finding: &SnapshotFinding) -> Outcome {
        let never = |gate| Outcome {
            answer: Answer::Never,
            at: None,
            gate: Some(gate),
        };
        if finding.state == SnapshotState::Unknown || self.world.stale(finding).is_some() {
            return never(GateName::Known);
        }
        if finding.state != SnapshotState::Missing || replaced_by(finding).is_some() {
            return never(GateName::Applicable);
        }
        let reachable = reaches(self.device, self.side.now) != Some(false);
        self.ask(finding, |side, pair| side.outcome(pair, reachable))
    }

    /// When the patch would begin by itself, were the feeds fresh and the device there; unlike in the
    /// verdict, also behind an exclusion that ends.
    pub fn begins_by_itself(&self, finding: &SnapshotFinding) -> Option<Timestamp> {
        self.ask(finding, |side, pair| side.first_open(pair))
    }

    fn ask<T>(
        &self,
        finding: &SnapshotFinding,
        question: impl FnOnce(&Side<'a>, &Pair<'_>) -> T,
    ) -> T {
        let (policy, coverage, now) = (self.side.policy, &self.side.coverage, self.side.now);
        let subject = SnapshotPatchSubject::of(finding);
        let fit = |at| Fit::for_device(policy, coverage, &subject, at);
        let later: Vec<(Timestamp, Fit)> = turns(&self.world.compiled, &subject, now)
            .into_iter()
            .map(|at| (at, fit(at)))
            .collect();
        let part = Part {
            fit: &fit(now),
            later: &later,
            clock: self.world.clock(finding),
            kev: exploited(finding),
            version: version(&finding.patch),
        };
        let pair = Pair {
            parts: std::slice::from_ref(&part),
            broken: false,
            release: finding.released_at.or(finding.first_seen_at),
            not_before: None,
        };
        question(&self.side, &pair)
    }

    fn known(&self, finding: &SnapshotFinding) -> Gate {
        let gate = GateName::Known;
        let owner = Some("whoever looks after the feeds");
        match self.world.stale(finding) {
            Some(Ok(feed)) => {
                let since = match feed.since {
                    Some(since) => format!(" since {}", when(since, self.side.zone)),
                    None => String::new(),
                };
                let reason = format!(
                    "the feed {} is not fresh{since}, so whether the device needs the patch is not known",
                    feed.name
                );
                return closed(gate, reason, owner);
            }
            Some(Err(name)) => {
                let reason = format!("it rests on the feed {name}, which is missing");
                return closed(gate, reason, owner);
            }
            None => {}
        }
        if finding.state == SnapshotState::Unknown {
            let why = why(finding);
            let reason = format!("it could not be assessed{why}");
            return closed(gate, reason, Some("the device's next report"));
        }
        match finding.feed {
            Some(ref feed) => open(gate, format!("the feed {feed} is fresh")),
            None if self.world.snapshot.feeds.is_empty() => open(gate, "no feed is recorded"),
            None => open(gate, "all feeds are fresh"),
        }
    }

    fn reachable(&self) -> Gate {
        let gate = GateName::Reachable;
        let owner = Some("whoever looks after the device and its network");
        let seen = self.device.last_seen.map(|seen| when(seen, self.side.zone));
        match (reaches(self.device, self.side.now), seen) {
            (None, _) => open(gate, "when the device was last seen is not recorded"),
            (Some(true), _) if self.device.contacts.is_some() => {
                open(gate, "the device is in contact")
            }
            (Some(false), _) if self.device.contacts.is_some() => {
                closed(gate, "the device is out of contact", owner)
            }
            (Some(true), seen) => open(gate, format!("last seen on {}", seen.unwrap_or_default())),
            (Some(false), seen) => {
                let seen = seen.unwrap_or_default();
                closed(gate, format!("the device was last seen on {seen}"), owner)
            }
        }
    }
}

/// `: WHY`, or nothing.
fn why(finding: &SnapshotFinding) -> String {
    match finding.why.as_deref().map(str::trim) {
        None | Some("") => String::new(),
        Some(why) => format!(": {why}"),
    }
}

fn applicable(finding: &SnapshotFinding) -> Gate {
    let gate = GateName::Applicable;
    let why = why(finding);
    let no = |reason: &str, owner| closed(gate, format!("{reason}{why}"), Some(owner));
    match (finding.state, replaced_by(finding)) {
        (SnapshotState::Missing, None) => open(gate, "a fix can be installed"),
        (SnapshotState::Missing | SnapshotState::Superseded, Some(by)) => {
            no(&format!("{by} replaces it"), "nobody")
        }
        (SnapshotState::Superseded, None) => no("a newer patch replaces it", "nobody"),
        (SnapshotState::NoFix, _) => no(
            "no fix can be installed",
            "the vendor or the device's administrator",
        ),
        (SnapshotState::OldCodeRunning, _) => no(
            "it is fixed on disk, and a restart is due",
            "whoever may restart it",
        ),
        (SnapshotState::Fixed, _) => no("it is fixed", "nobody"),
        (SnapshotState::NotAffected, _) => no("it does not apply", "nobody"),
        (SnapshotState::Unknown, _) => not_asked(gate, format!("not known{why}")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_said_goes_before_releases_and_sights() {
        let text = |more: &str| {
            format!(
                r#"{{"v":1,"devices":[
                {{"id":"a","zone":"UTC","findings":[{{"patch":"p2","fix":"f",
                    "released_at":"2026-03-05T00:00:00Z"{more}}}]}},
                {{"id":"b","zone":"UTC","findings":[{{"patch":"p1","fix":"f",
                    "released_at":"2026-03-03T00:00:00Z"}}]}}]}}"#
            )
        };
        let policy = Policy::default();
        let began = |more: &str| {
            let snapshot: Snapshot = serde_json::from_str(&text(more)).unwrap();
            let world = SnapshotWorld::new(&snapshot, &policy);
            let clocks: Vec<Clock> = snapshot
                .devices
                .iter()
                .map(|device| world.clock(&device.findings[0]))
                .collect();
            assert_eq!(clocks[0].began_at, clocks[1].began_at, "one fix, one clock");
            clocks[0].began_at.unwrap().to_string()
        };
        assert_eq!(began(""), "2026-03-03T00:00:00Z");
        assert_eq!(
            began(r#","clock_at":"2026-02-01T00:00:00Z""#),
            "2026-02-01T00:00:00Z"
        );
        // Also where it is later than a release: whoever wrote the file knows better.
        assert_eq!(
            began(r#","clock_at":"2026-03-04T00:00:00Z""#),
            "2026-03-04T00:00:00Z"
        );
    }

    #[test]
    fn without_any_window_files_are_open_and_a_server_is_closed() {
        let snapshot: Snapshot = serde_json::from_str(
            r#"{"v":1,"devices":[{"id":"a","zone":"UTC","findings":[{"patch":"p",
                "released_at":"2026-03-01T00:00:00Z"}]}]}"#,
        )
        .unwrap();
        let files = crate::policy_file::read(&[(
            "a.toml".to_owned(),
            r#"
[[rule]]
name = "all"
action = "approve"
after = "7d"

[[freeze]]
name = "march"
zone = "UTC"
from = "2026-03-10T00:00"
until = "2026-03-12T00:00"
"#
            .to_owned(),
        )])
        .unwrap();
        let asked = |without_windows, now: &str| {
            let policy = Policy {
                without_windows,
                ..files.policy.clone()
            };
            let (world, now) = (SnapshotWorld::new(&snapshot, &policy), now.parse().unwrap());
            let (device, finding) = (&snapshot.devices[0], &snapshot.devices[0].findings[0]);
            let verdict = world.device(device, now).verdict(finding);
            assert_eq!(
                world.device(device, now).outcome(finding),
                Outcome::of(&verdict)
            );
            assert_eq!(world.fleet(1).outcomes(now, 1), [Outcome::of(&verdict)]);
            let at = verdict.at.map(|at| at.to_string()).unwrap_or_default();
            let gate = verdict
                .gate
                .map(|gate| gate.to_string())
                .unwrap_or_default();
            (verdict.gates[6].open, verdict.verdict, at, gate)
        };
        use domain::policy::WithoutWindows::{Closed, Open};
        use domain::verdict::Answer::{Later, Never, Now};
        let later = |at: &str, gate: &str| (Some(true), Later, at.to_owned(), gate.to_owned());
        let (early, frozen, after) = (
            "2026-03-05T00:00:00Z",
            "2026-03-11T00:00:00Z",
            "2026-03-12T00:00:00Z",
        );
        assert_eq!(asked(Open, early), later("2026-03-08T00:00:00Z", "delay"));
        assert_eq!(asked(Open, frozen), later(after, "frozen"));
        assert_eq!(
            asked(Open, after),
            (Some(true), Now, after.to_owned(), String::new())
        );
        for at in [early, frozen, after] {
            let (open, answer, _, _) = asked(Closed, at);
            assert_eq!((open, answer), (Some(false), Never));
        }
    }
}
