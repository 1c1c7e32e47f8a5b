//! The fleet as a snapshot: what the evaluator needs to know, for commands that ask no server.
//!
//! What the server calls missing rests on what the device itself reports of its package manager, so
//! a feed that is old closes nothing: each finding names the report as its feed. A device whose
//! report the server does not believe (too old, without package lists) has findings that rest on a
//! feed that is not fresh, and they are closed as they are on the server.

use domain::access::{self, Permission, Principal};
use domain::finding::{DatedFinding, FindingState};
use domain::offer::System;
use domain::page::{Page, PageRequest};
use domain::query::SubjectKind;
use domain::snapshot::{
    SNAPSHOT_VERSION, Snapshot, SnapshotDevice, SnapshotFeed, SnapshotFinding, SnapshotState,
};
use engine::decide::{GroupLookup, report_is_believed};
use engine::subject::DeviceSubject;
use engine::view::DeviceView;
use jiff::Timestamp;

use crate::clocks::{self, Clocks};
use crate::feed::Freshness;
use crate::rules::ask_for_packages;
use crate::scan::Walk;
use crate::view::{self, Packages};
use crate::{Result, Service, query};

/// What findings rest on: their device's own report.
const REPORT: &str = "device-report";
/// What findings rest on where that report is not believed.
const REPORT_LACKING: &str = "lacking-device-report";

/// What becomes of devices in a snapshot.
struct Writing<'p> {
    groups: GroupLookup<'p>,
    clocks: &'p Clocks,
    now: Timestamp,
}

impl Writing<'_> {
    fn device(&self, view: &DeviceView) -> SnapshotDevice {
        let device = &view.device;
        let subject = DeviceSubject::of(view);
        let groups = self.groups.membership(&subject, device.client, self.now);
        let feed = if report_is_believed(view, self.now) {
            REPORT
        } else {
            REPORT_LACKING
        };
        let system = view.facts.as_ref().map(|facts| &facts.system);
        SnapshotDevice {
            id: device.id.to_string(),
            name: Some(device.name.to_string()),
            client: device.client_name.to_string(),
            site: device.site_name.to_string(),
            zone: device.zone.clone(),
            groups: groups.certain,
            tags: device.tags.iter().map(ToString::to_string).collect(),
            os: system.map_or_else(String::new, os),
            last_seen: device.last_seen,
            contacts: view.contacts.clone(),
            findings: view
                .findings
                .iter()
                .map(|one| self.finding(one, feed))
                .collect(),
            ..SnapshotDevice::default()
        }
    }

    fn finding(&self, dated: &DatedFinding, feed: &str) -> SnapshotFinding {
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
            released_at: facts.released_at,
            first_seen_at: Some(dated.first_seen),
            clock_at: began.map(|clock| clock.released_at.unwrap_or(clock.first_seen_at)),
            feed: Some(feed.to_owned()),
            state: match finding.state {
                // The device's package manager will not install it: as good as none.
                FindingState::Missing if finding.refused.is_some() => SnapshotState::NoFix,
                FindingState::Missing => SnapshotState::Missing,
                FindingState::NoFix => SnapshotState::NoFix,
                FindingState::OldCodeRunning => SnapshotState::OldCodeRunning,
                FindingState::Fixed => SnapshotState::Fixed,
                FindingState::NotAffected => SnapshotState::NotAffected,
                FindingState::Unknown => SnapshotState::Unknown,
            },
            why: Some(finding.refused.as_ref().map_or_else(
                || finding.why.clone(),
                |why| format!("the device's package manager refuses it: {why}"),
            ))
            .filter(|why| !why.is_empty()),
            ..SnapshotFinding::default()
        }
    }
}

/// `debian 12 (bookworm)`.
fn os(system: &System) -> String {
    let mut text = format!("{} {}", system.id, system.version);
    if let Some(codename) = &system.codename {
        text = format!("{} ({codename})", text.trim());
    }
    text.trim().to_owned()
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
                groups: GroupLookup::of(&policy),
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

    /// The devices' own reports, and the feeds of which anything is at hand: those say how bad a
    /// fault is, and no finding rests on them alone.
    fn snapshot_feeds(&self, who: &Principal) -> Result<Vec<SnapshotFeed>> {
        let status = self.feed_status(who)?;
        let reports = [(REPORT, true), (REPORT_LACKING, false)].map(|(name, fresh)| SnapshotFeed {
            name: name.to_owned(),
            fresh,
            since: None,
            unknown: Default::default(),
        });
        let feeds = status
            .feeds
            .into_iter()
            .filter(|feed| feed.enabled && feed.feed != domain::feed::Feed::DebChangelog)
            .filter(|feed| feed.freshness != Freshness::Never)
            .map(|feed| SnapshotFeed {
                name: feed.feed.to_string(),
                fresh: feed.freshness == Freshness::Fresh,
                since: feed.as_of,
                unknown: Default::default(),
            });
        Ok(reports.into_iter().chain(feeds).collect())
    }
}
