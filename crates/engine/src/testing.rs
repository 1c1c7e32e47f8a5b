//! A small world for tests: one device, Debian 12, managed, with one window and some patches.
#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use domain::decision::{Decision, Level, Word};
use domain::device::{AgentAbilities, Device, Mode, Standing};
use domain::finding::{DatedFinding, Finding, FindingPackage, FindingState, PatchFacts};
use domain::id::{ClientId, DecisionId, DeviceId, OrderId, PrincipalId, SiteId, WindowId};
use domain::inventory::Inventory;
use domain::offer::{Facts, Lists, Offer, OfferReport, Origin, Publisher, RebootNeed, System};
use domain::order::Verb;
use domain::package::{Ecosystem, Item, Package, PackageState, SourcePackage};
use domain::patch::PatchId;
use domain::query::Query;
use domain::severity::{Classification, Severity, SeveritySource};
use domain::window::ChangeWindow;
use jiff::Timestamp;

use crate::view::DeviceView;
use domain::policy::Policy;

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Monday, 2 March 2026, 10:00 in Berlin.
pub fn monday() -> Timestamp {
    at("2026-03-02T09:00:00Z")
}

pub fn order_id(number: u8) -> OrderId {
    OrderId::from_bytes([number; 16])
}

pub fn device() -> Device {
    Device {
        id: DeviceId::from_bytes([3; 16]),
        client: ClientId::from_bytes([1; 16]),
        client_name: "Acme".parse().unwrap(),
        site: SiteId::from_bytes([2; 16]),
        site_name: "Berlin".parse().unwrap(),
        zone: "Europe/Berlin".into(),
        name: "web1".parse().unwrap(),
        tags: vec!["server".parse().unwrap()],
        mode: Mode::Managed,
        standing: Standing::Level,
        enrolled_at: at("2026-02-01T00:00:00Z"),
        last_seen: Some(at("2026-03-02T08:55:00Z")),
        inventory_at: Some(at("2026-03-02T08:55:00Z")),
        packages: Some(2),
        agent: Some(AgentAbilities {
            version: "0.1.0".into(),
            protocol: 1,
            verbs: vec![Verb::RefreshIndex, Verb::CollectInventory, Verb::Install],
            privileged: true,
            guardrails: vec![],
        }),
    }
}

pub fn security() -> Origin {
    Origin {
        label: "Debian-Security".into(),
        codename: "bookworm-security".into(),
        security: true,
        publisher: Publisher::System,
    }
}

pub fn source(name: &str, version: &str) -> SourcePackage {
    SourcePackage {
        name: name.parse().unwrap(),
        version: version.parse().unwrap(),
    }
}

pub fn package(name: &str, version: &str) -> Package {
    Package {
        ecosystem: Ecosystem::Deb,
        name: name.parse().unwrap(),
        architecture: "amd64".parse().unwrap(),
        version: version.parse().unwrap(),
        state: PackageState::Installed,
        source: None,
        origin: None,
    }
}

pub fn inventory(packages: &[Package]) -> Inventory {
    Inventory::new(packages.iter().cloned().map(Item::Package).collect())
}

pub fn offer(name: &str, installed: Option<&str>, candidate: &str) -> Offer {
    Offer {
        name: name.parse().unwrap(),
        architecture: "amd64".parse().unwrap(),
        installed: installed.map(|version| version.parse().unwrap()),
        candidate: candidate.parse().unwrap(),
        source: source(name, candidate),
        origin: security(),
        size_bytes: Some(1000),
    }
}

pub fn facts() -> Facts {
    Facts {
        system: System {
            id: "debian".into(),
            version: "12".into(),
            codename: Some("bookworm".parse().unwrap()),
            architecture: "amd64".parse().unwrap(),
            kernel: "6.1.0-31-amd64".into(),
            hostname: "web1".into(),
            boot_id: "b1".into(),
            zone: "Europe/Berlin".into(),
        },
        offers: OfferReport {
            lists: Lists::Present {
                fetched_at: at("2026-03-02T06:00:00Z"),
                failed: vec![],
            },
            offers: vec![],
            withheld: vec![],
            needs: vec![],
            failed: None,
        },
        old_code: Some(vec![]),
        reboot: RebootNeed::No,
        unknown: vec![],
    }
}

pub fn patch(name: &str, version: &str) -> PatchId {
    format!("deb:bookworm/{name}@{version}").parse().unwrap()
}

pub fn missing(name: &str, version: &str) -> DatedFinding {
    DatedFinding {
        finding: Finding {
            patch: patch(name, version),
            packages: vec![FindingPackage {
                name: name.parse().unwrap(),
                architecture: "amd64".parse().unwrap(),
                installed: Some("1.0-1".parse().unwrap()),
                candidate: Some(version.parse().unwrap()),
            }],
            state: FindingState::Missing,
            why: "a fix is offered".into(),
            facts: PatchFacts {
                severity: Some(Severity::Important),
                severity_source: Some(SeveritySource::Derived),
                cves: Some(vec!["CVE-2026-0001".into()]),
                kev: Some(false),
                epss_millionths: None,
                released_at: None,
            },
            classification: Classification::Security,
            origin: Some(security()),
            needs: vec![],
            refused: None,
        },
        first_seen: at("2026-02-20T00:00:00Z"),
        since: at("2026-02-20T00:00:00Z"),
    }
}

pub fn view() -> DeviceView {
    DeviceView {
        device: device(),
        facts: Some(facts()),
        inventory: Some(inventory(&[
            package("openssl", "1.0-1"),
            package("bash", "5.2-1"),
        ])),
        findings: vec![missing("openssl", "3.0.17-1~deb12u2")],
        orders: vec![],
        contacts: None,
        clocks: std::collections::BTreeMap::new(),
        sequence: 0,
    }
}

/// Mondays, 22:00 to 24:00 in the device's zone.
pub fn window() -> ChangeWindow {
    ChangeWindow {
        id: WindowId::from_bytes([5; 16]),
        client: None,
        name: "Monday night".parse().unwrap(),
        devices: Query::everything(),
        recurrence: "mon".parse().unwrap(),
        start: domain::window::start_from_text("22:00").unwrap(),
        duration: "2h".parse().unwrap(),
        zone: "device".parse().unwrap(),
        from: None,
        until: None,
        reserve: None,
        catch_up: None,
        opens_for: domain::window::OpensFor::Changes,
        valid_from: at("2026-01-01T00:00:00Z"),
        ended_at: None,
    }
}

pub fn decision(number: u8, word: Word, level: Level, patches: &str) -> Decision {
    Decision {
        id: DecisionId::from_bytes([number; 16]),
        client: None,
        word,
        name: None,
        patches: patches.parse().unwrap(),
        version: None,
        devices: Query::everything(),
        level,
        reason: "tested on the bench".into(),
        decided_by: PrincipalId::from_bytes([9; 16]),
        decided_by_name: "Ada".into(),
        decided_at: at("2026-03-01T12:00:00Z"),
        until: None,
        ended_at: None,
    }
}

pub fn rules() -> Policy {
    Policy {
        decisions: vec![decision(1, Word::Approve, Level::Client, "product:openssl")],
        windows: vec![window()],
        ..Policy::default()
    }
}
