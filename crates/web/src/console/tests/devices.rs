//! Devices: lists, one device, its mode.

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

#[test]
fn a_device_shows_the_worst_first_and_why() {
    look(
        "device",
        &device::DevicePage::new(
            &owner(),
            &device::DeviceAsked::default(),
            detail(),
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
    let page = device::DevicePage::new(&reader(), &past, detail, page_of(Vec::new()), now());
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
            &device::ModePage::new(&owner(), &devices()[0], to, now()),
        );
    }
}
