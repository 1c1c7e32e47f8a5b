//! The fleet as a snapshot: what the evaluator needs to know, for commands that ask no server.

use domain::access::{self, Permission, Principal};
use domain::finding::{DatedFinding, FindingState};
use domain::page::{Page, PageRequest};
use domain::policy::Policy;
use domain::query::SubjectKind;
use domain::snapshot::{
    SNAPSHOT_VERSION, Snapshot, SnapshotDevice, SnapshotFeed, SnapshotFinding, SnapshotState,
};
use engine::subject::DeviceSubject;
use engine::view::DeviceView;
use jiff::Timestamp;

use crate::clocks::{self, Clocks};
use crate::feed::Freshness;
use crate::rules::ask_for_packages;
use crate::scan::Walk;
use crate::view::{self, Packages};
use crate::{Result, Service, query};

/// What becomes of devices in a snapshot.
struct Writing<'p> {
    policy: &'p Policy,
    clocks: &'p Clocks,
    now: Timestamp,
}

impl Writing<'_> {
    fn device(&self, view: &DeviceView) -> SnapshotDevice {
        let device = &view.device;
        let subject = DeviceSubject::of(view);
        let groups = self.policy.groups.iter().filter(|group| {
            group.client.is_none_or(|client| client == device.client)
                && group.devices.matches(&subject, self.now)
        });
        let system = view.facts.as_ref().map(|facts| &facts.system);
        SnapshotDevice {
            id: device.id.to_string(),
            name: Some(device.name.to_string()),
            client: device.client_name.to_string(),
            site: device.site_name.to_string(),
            zone: device.zone.clone(),
            groups: groups.map(|group| group.name.to_string()).collect(),
            tags: device.tags.iter().map(ToString::to_string).collect(),
            os: system.map_or_else(String::new, |system| {
                format!("{} {}", system.id, system.version)
                    .trim()
                    .to_owned()
            }),
            last_seen: device.last_seen,
            contacts: view.contacts.clone(),
            findings: view.findings.iter().map(|one| self.finding(one)).collect(),
            ..SnapshotDevice::default()
        }
    }

    fn finding(&self, dated: &DatedFinding) -> SnapshotFinding {
        let (finding, facts) = (&dated.finding, &dated.finding.facts);
        let clock = clocks::of_finding(self.clocks, finding);
        let began = clock.as_ref().map(|(_, clock)| *clock);
        SnapshotFinding {
            patch: finding.patch.to_string(),
            product: Some(finding.patch.product()),
            severity: facts.severity,
            classification: Some(finding.classification),
            cves: facts.cves.clone(),
            kev: facts.kev,
            fix: Some(clock.map_or_else(|| finding.patch.to_string(), |(fix, _)| fix)),
            released_at: facts
                .released_at
                .or(began.and_then(|clock| clock.released_at)),
            first_seen_at: Some(began.map_or(dated.first_seen, |clock| {
                clock.first_seen_at.min(dated.first_seen)
            })),
            state: match finding.state {
                FindingState::Missing => SnapshotState::Missing,
                FindingState::NoFix => SnapshotState::NoFix,
                FindingState::OldCodeRunning => SnapshotState::OldCodeRunning,
                FindingState::Fixed => SnapshotState::Fixed,
                FindingState::NotAffected => SnapshotState::NotAffected,
                FindingState::Unknown => SnapshotState::Unknown,
            },
            why: Some(finding.why.clone()).filter(|why| !why.is_empty()),
            ..SnapshotFinding::default()
        }
    }
}

impl Service {
    /// One part of the fleet as a snapshot: the feeds, and the devices that match `q`.
    pub fn snapshot(
        &self,
        who: &Principal,
        q: Option<&str>,
        page: &PageRequest,
    ) -> Result<(Snapshot, Option<String>)> {
        let scope = access::check(who, Permission::Read)?;
        let q = query::parse("q", q, SubjectKind::Device)?;
        let feeds = self.snapshot_feeds(who)?;
        let (policy, clocks, now, page) = (self.rules()?, self.clocks()?, self.now(), page.clone());
        let found = self.read(move |tx| {
            let walk = Walk {
                scope: scope.clone(),
                query: q,
                at: None,
                now,
            };
            let packages = if ask_for_packages(&policy) {
                Packages::Loaded
            } else {
                Packages::Left
            };
            let writing = Writing {
                policy: &policy,
                clocks: &clocks,
                now,
            };
            let seen = walk.devices(tx, &page)?;
            let mut items = Vec::with_capacity(seen.items.len());
            for one in seen.items {
                let view = view::of_device(tx, &scope, one.device, packages, now)?;
                items.push(writing.device(&view));
            }
            Ok(Page {
                items,
                next: seen.next,
            })
        })?;
        let snapshot = Snapshot {
            v: SNAPSHOT_VERSION,
            feeds,
            devices: found.items,
            ..Snapshot::default()
        };
        Ok((snapshot, found.next))
    }

    /// The feeds of which anything is at hand. What devices' own package managers say is no feed
    /// that can grow old by itself.
    fn snapshot_feeds(&self, who: &Principal) -> Result<Vec<SnapshotFeed>> {
        let status = self.feed_status(who)?;
        Ok(status
            .feeds
            .into_iter()
            .filter(|feed| feed.enabled && feed.feed != domain::feed::Feed::DebChangelog)
            .filter(|feed| feed.freshness != Freshness::Never)
            .map(|feed| SnapshotFeed {
                name: feed.feed.to_string(),
                fresh: feed.freshness == Freshness::Fresh,
                since: feed.as_of,
                unknown: Default::default(),
            })
            .collect())
    }
}
