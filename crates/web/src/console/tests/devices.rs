//! Devices: lists, one device, its mode.

use domain::policy::PolicyKind;
use domain::window::OpensFor;
use service::policy::{
    EffectiveFreeze, EffectivePart, EffectivePolicy, EffectiveReboot, EffectiveWindow,
};

use super::*;

#[test]
fn devices_are_listed_and_their_names_escaped() {
    let found = Page {
        items: devices(),
        next: Some("c2".into()),
    };
    let page = device::DevicesPage::new(&owner(), &asked("os:debian>=12"), found, now());
    let html = page.render().unwrap();
    assert!(!html.contains("till-<7>") && html.contains("till-&#60;7&#62;"));
    assert!(html.contains("/devices?q=os%3Adebian%3E%3D12&#38;cursor=c2"));
    look("devices", &page);
}

#[test]
fn a_filter_that_cannot_be_read_is_shown_with_its_place() {
    look(
        "devices_refused",
        &device::DevicesPage::new(
            &owner(),
            &asked("tag:web clint:acme"),
            page_of(Vec::new()),
            now(),
        ),
    );
}

fn part(kind: PolicyKind, name: &str, says: &str) -> EffectivePart {
    EffectivePart {
        kind,
        id: "pol_1".into(),
        name: name.into(),
        level: Level::Client,
        devices: "client:\"Acme GmbH\"".into(),
        client: Some("Acme GmbH".into()),
        file: Some("acme.toml".into()),
        says: vec![says.into()],
        certain: kind != PolicyKind::Exclude,
    }
}

fn policy() -> EffectivePolicy {
    let opening = |opens: &str, closes: &str| OpeningItem {
        opens_at: at(opens),
        closes_at: at(closes),
        zone: "Europe/Berlin".into(),
    };
    EffectivePolicy {
        device: "web-1".into(),
        device_id: DeviceId::from_bytes([1; 16]),
        client: "Acme GmbH".into(),
        site: "Berlin".into(),
        zone: "Europe/Berlin".into(),
        at: now(),
        groups: Vec::new(),
        groups_complete: true,
        windows: vec![
            EffectiveWindow {
                part: part(PolicyKind::Window, "nightly", "opens every night"),
                openings: vec![opening("2026-03-02T21:00:00Z", "2026-03-02T23:00:00Z")],
                closed: None,
                opens_for: OpensFor::Reboots,
            },
            EffectiveWindow {
                part: part(PolicyKind::Window, "odd", "opens on Mars"),
                openings: Vec::new(),
                closed: Some("`Mars/Olympus` is not a known time zone".into()),
                opens_for: OpensFor::Changes,
            },
        ],
        next: Some(opening("2026-03-02T21:00:00Z", "2026-03-02T23:00:00Z")),
        freezes: vec![EffectiveFreeze {
            part: part(
                PolicyKind::Freeze,
                "Stocktaking",
                "the shop counts; for an exception ask Ada",
            ),
            on: true,
            opens_at: Some(at("2026-03-02T06:00:00Z")),
            closes_at: Some(at("2026-03-02T19:00:00Z")),
        }],
        exclusions: vec![part(
            PolicyKind::Exclude,
            "tills",
            "kept as they are until 1 April",
        )],
        decisions: Vec::new(),
        rules: Vec::new(),
        rings: Vec::new(),
        reboot: Some(EffectiveReboot {
            part: part(
                PolicyKind::Reboot,
                "servers",
                "no later than 7 days after it is due",
            ),
            when: domain::policy::RebootWhen::Needed,
            next: Some(opening("2026-03-02T21:00:00Z", "2026-03-02T23:00:00Z")),
        }),
        reboot_losers: Vec::new(),
        unreadable: vec!["the rule `broken` cannot be read: it has no action".into()],
    }
}

#[test]
fn a_device_shows_the_worst_first_and_why() {
    look(
        "device",
        &device::DevicePage::new(
            &owner(),
            &device::DeviceAsked::default(),
            detail(),
            Some(&policy()),
            page_of(findings()),
            now(),
        ),
    );
}

#[test]
fn a_device_says_to_a_reader_why_its_mode_cannot_be_changed() {
    let mut detail = detail();
    (detail.reboot, detail.old_code, detail.agent) = (None, None, None);
    (detail.kernel, detail.lists_fetched_at) = (None, None);
    detail.standing = Standing::Ahead;
    detail.orders.clear();
    detail.decisions.clear();
    let past = device::DeviceAsked {
        at: Some(now()),
        ..Default::default()
    };
    let page = device::DevicePage::new(&reader(), &past, detail, None, page_of(Vec::new()), now());
    let html = page.render().unwrap();
    assert!(html.contains("Rita may not manage devices: an owner can give the right."));
    assert!(!html.contains("action=\"/devices"));
    look("device_reader", &page);
}

#[test]
fn a_mode_is_asked_before_it_is_set() {
    for (name, to) in [
        ("mode_managed", Mode::Managed),
        ("mode_observe", Mode::Observe),
    ] {
        look(
            name,
            &device::mode::ModePage::new(&owner(), &devices()[0], to, now()),
        );
    }
}

#[test]
fn the_devices_of_a_patch_lead_to_why() {
    let asked = patch::devices::PatchAsked {
        patch: "deb:bookworm/openssl@3.0.22-1~deb12u2".into(),
        cursor: String::new(),
    };
    let found = Page {
        items: findings(),
        next: Some("c2".into()),
    };
    let page = patch::devices::PatchDevicesPage::new(&owner(), &asked, &found, now());
    assert_eq!(page.render().unwrap().matches("/why?patch=").count(), 2);
    look("patch_devices", &page);
}
