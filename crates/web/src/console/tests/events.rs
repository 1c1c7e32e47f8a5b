//! The pages of coverage and events.

use domain::coverage::Bucket;
use domain::event::{EventKind, TextState, Urgency};
use domain::id::WindowId;
use service::coverage::{CoverageView, LedgerItem};
use service::event::EventItem;
use service::release::{MetWindowItem, ReleaseItem};

use super::*;

fn line(number: u8, bucket: Bucket, why: &str, overdue: bool) -> LedgerItem {
    LedgerItem {
        id: DeviceId::from_bytes([number; 16]),
        device: format!("till-<{number}>"),
        client: "Acme GmbH".into(),
        site: "Berlin".into(),
        bucket,
        why: why.into(),
        scanned_at: Some(at("2026-02-28T09:00:00Z")),
        overdue_since: overdue.then(|| at("2026-03-01T09:00:00Z")),
    }
}

#[test]
fn the_ledger_shows_every_bucket_and_why_a_device_stands_there() {
    let sums = CoverageView {
        at: now(),
        deadline_hours: 24,
        devices: 9,
        current: 5,
        stale: 2,
        never_reported: 1,
        unsupported: 0,
        excluded: 1,
        overdue: 3,
    };
    let found = Page {
        items: vec![
            line(
                1,
                Bucket::Current,
                "scanned 2026-03-02 08:42 UTC, within 24 h",
                false,
            ),
            line(
                2,
                Bucket::Excluded,
                "excluded by Ada until 2026-04-01 00:00 UTC: <b>old</b>",
                true,
            ),
        ],
        next: Some("dev_2".into()),
    };
    let asked = coverage::LedgerAsked::default();
    look(
        "coverage",
        &coverage::CoveragePage::new(&owner(), &asked, &sums, found, now()),
    );
}

#[test]
fn events_stand_below_the_release_days_to_come() {
    let release = ReleaseItem {
        name: "Microsoft Patch Tuesday".into(),
        what: "cumulative updates".into(),
        at: at("2026-03-10T17:00:00Z"),
        notice_at: at("2026-03-05T08:00:00Z"),
        devices: 12,
        windows: vec![MetWindowItem {
            id: WindowId::from_bytes([1; 16]),
            window: "nights & days".into(),
            opens_at: at("2026-03-10T22:00:00Z"),
            devices: 11,
        }],
        without_window: 1,
    };
    let event = EventItem {
        number: 7,
        kind: EventKind::AdvisoryNew,
        urgency: Urgency::Now,
        owner: "Ada Berg".into(),
        subject: "DSA-5500-1: 2 clients, 212 devices, 3 exposed".into(),
        body: "libwebp - <script>\nSeverity: critical.\n".into(),
        state: TextState::ToDeliver,
        at: at("2026-03-02T08:00:00Z"),
    };
    let found = Page {
        items: vec![event],
        next: None,
    };
    let asked = ListAsked::default();
    look(
        "events",
        &event::EventsPage::new(&owner(), &asked, found, vec![release], now()),
    );
}
