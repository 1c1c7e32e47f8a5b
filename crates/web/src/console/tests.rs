//! The pages on fixed data and at a fixed time, as snapshots: review sees every change in them.
//!
//! With `PATCHLOOP_PAGES=FOLDER` the pages are also written there, style inside, to be looked at in a
//! browser.

use askama::Template;
use domain::access::{Reach, Role};
use domain::decision::{Level, Word};
use domain::device::{AgentAbilities, Mode, Standing};
use domain::feed::Feed;
use domain::finding::FindingState;
use domain::id::{ClientId, DecisionId, DeviceId, OrderId, PrincipalId, TicketId};
use domain::offer::Unknown;
use domain::order::{OrderState, Verb};
use domain::page::Page;
use domain::proof::ProofState;
use domain::report::{ClientReport, DeviceLine, MissingCount, NotCounted, ProvenLine};
use domain::severity::{Classification, Severity};
use domain::ticket::TicketState;
use domain::verdict::{Answer, Gate, GateName, Loser, Verdict};
use jiff::Timestamp;
use service::decision::{DecisionItem, DecisionMade};
use service::device::{DeviceDetail, DeviceItem, ModeChange};
use service::evidence::{EvidenceItem, FindingEvidence};
use service::finding::{FindingItem, FindingPackageItem};
use service::order::{OrderPackageItem, OrderView, ProofItem};
use service::overview::Overview;
use service::patch::PatchItem;
use service::ticket::TicketItem;
use service::window::OpeningItem;

use super::*;

mod calendars;
mod decisions;
mod devices;
mod events;
mod feeds;
mod frame;
mod freezes;
mod overviews;
mod policies;
mod reasons;
mod reports;
mod windows;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    at("2026-03-02T09:00:00Z")
}

fn owner() -> Principal {
    Principal {
        id: PrincipalId::from_bytes([1; 16]),
        name: "Ada Berg".into(),
        role: Role::Owner,
        reach: Reach::Provider,
    }
}

fn reader() -> Principal {
    Principal {
        id: PrincipalId::from_bytes([2; 16]),
        name: "Rita".into(),
        role: Role::Reader,
        reach: Reach::Clients(vec![ClientId::from_bytes([1; 16])]),
    }
}

fn device(number: u8, name: &str, mode: Mode) -> DeviceItem {
    DeviceItem {
        id: DeviceId::from_bytes([number; 16]),
        name: name.into(),
        client: "Acme GmbH".into(),
        site: "Berlin".into(),
        zone: "Europe/Berlin".into(),
        os: Some("debian 12 (bookworm)".into()),
        mode,
        last_seen: Some(at("2026-03-02T08:57:30Z")),
        inventory_at: Some(at("2026-03-02T08:42:00Z")),
        packages: Some(412),
    }
}

fn devices() -> Vec<DeviceItem> {
    let mut silent = device(3, "backup-1", Mode::Observe);
    silent.last_seen = Some(at("2026-02-20T08:00:00Z"));
    silent.inventory_at = Some(at("2026-02-20T08:00:00Z"));
    let mut new = device(4, "till-<7>", Mode::Observe);
    (new.os, new.packages, new.inventory_at, new.last_seen) = (None, None, None, None);
    new.client = "Bäckerei & Söhne".into();
    new.site = "Zürich".into();
    new.zone = "Europe/Zurich".into();
    vec![
        device(1, "web-1", Mode::Managed),
        device(2, "db-1", Mode::Managed),
        silent,
        new,
    ]
}

fn package(name: &str, from: Option<&str>, to: Option<&str>) -> FindingPackageItem {
    FindingPackageItem {
        name: name.into(),
        architecture: "amd64".into(),
        installed: from.map(Into::into),
        candidate: to.map(Into::into),
    }
}

fn finding(patch: &str, state: FindingState, why: &str) -> FindingItem {
    FindingItem {
        device: "web-1".into(),
        device_id: DeviceId::from_bytes([1; 16]),
        client: "Acme GmbH".into(),
        patch: patch.parse().unwrap(),
        packages: Vec::new(),
        severity: None,
        derived: false,
        cves: None,
        kev: None,
        epss: None,
        classification: Classification::Security,
        origin: Some("Debian-Security:bookworm-security".into()),
        needs: Vec::new(),
        state,
        why: why.into(),
        first_seen: at("2026-02-27T04:10:00Z"),
        since: at("2026-02-27T04:10:00Z"),
    }
}

fn findings() -> Vec<FindingItem> {
    let mut openssl = finding(
        "deb:bookworm/openssl@3.0.22-1~deb12u2",
        FindingState::Missing,
        "3.0.22-1~deb12u2 is offered by Debian-Security:bookworm-security",
    );
    openssl.packages = ["libssl3", "openssl"]
        .map(|name| package(name, Some("3.0.15-1~deb12u1"), Some("3.0.22-1~deb12u2")))
        .to_vec();
    (openssl.severity, openssl.derived) = (Some(Severity::Important), true);
    openssl.cves = Some(
        [
            "CVE-2025-15467",
            "CVE-2025-68160",
            "CVE-2025-69418",
            "CVE-2025-69419",
            "CVE-2025-69420",
            "CVE-2026-22795",
        ]
        .map(str::to_owned)
        .to_vec(),
    );
    openssl.kev = Some(false);
    openssl.epss = Some(0.024);
    let mut linux = finding(
        "deb:bookworm/linux@6.1.170-1",
        FindingState::Missing,
        "6.1.170-1 is offered; it also needs linux-signed-amd64",
    );
    linux.packages = vec![
        package("linux-image-6.1.0-50-amd64", None, Some("6.1.170-1")),
        package("linux-image-amd64", Some("6.1.158-1"), Some("6.1.170-1")),
        package("linux-libc-dev", Some("6.1.158-1"), Some("6.1.170-1")),
        package("linux-headers-amd64", Some("6.1.158-1"), Some("6.1.170-1")),
    ];
    linux.needs = vec!["deb:bookworm/linux-signed-amd64@6.1.170+1".parse().unwrap()];
    (linux.severity, linux.cves, linux.kev) = (
        Some(Severity::Critical),
        Some(vec!["CVE-2026-0001".into()]),
        Some(true),
    );
    let mut curl = finding(
        "deb:bookworm/curl@7.88.1-10+deb12u14",
        FindingState::OldCodeRunning,
        "installed; cron (pid 411) still runs the old libcurl",
    );
    curl.packages = vec![package("libcurl4", Some("7.88.1-10+deb12u14"), None)];
    (curl.severity, curl.cves) = (Some(Severity::Unrated), Some(Vec::new()));
    let tzdata = finding(
        "deb:bookworm/tzdata@2026a-0+deb12u1",
        FindingState::Unknown,
        "its changelog was not read yet",
    );
    vec![curl, tzdata, openssl, linux]
}

fn order(state: OrderState, proof: ProofState) -> OrderView {
    OrderView {
        id: OrderId::from_bytes([state as u8 + 1; 16]),
        device: "web-1".into(),
        device_id: DeviceId::from_bytes([1; 16]),
        client: "Acme GmbH".into(),
        made_at: at("2026-03-01T15:00:10Z"),
        items: vec![
            OrderPackageItem {
                name: "libssl3".into(),
                architecture: "amd64".into(),
                from: Some("3.0.15-1~deb12u1".into()),
                to: "3.0.22-1~deb12u2".into(),
            },
            OrderPackageItem {
                name: "openssl".into(),
                architecture: "amd64".into(),
                from: None,
                to: "3.0.22-1~deb12u2".into(),
            },
        ],
        patches: vec!["deb:bookworm/openssl@3.0.22-1~deb12u2".parse().unwrap()],
        state,
        state_since: at("2026-03-01T21:14:00Z"),
        opens_at: at("2026-03-01T21:00:00Z"),
        closes_at: at("2026-03-01T23:00:00Z"),
        reason: match state {
            OrderState::Failed => {
                "postinst of openssl failed with exit code 1; dpkg was repaired".into()
            }
            _ => String::new(),
        },
        proof: ProofItem {
            state: proof,
            checked_at: (proof != ProofState::Pending).then(|| at("2026-03-01T21:16:00Z")),
            facts: match proof {
                ProofState::Pending => Vec::new(),
                _ => vec![
                    "libssl3 amd64 is installed in version 3.0.22-1~deb12u2".into(),
                    "nginx was asked and runs".into(),
                ],
            },
        },
        outcome: None,
    }
}

fn decision(word: Word, in_force: bool) -> DecisionItem {
    DecisionItem {
        id: DecisionId::from_bytes([word as u8 + 1; 16]),
        word,
        name: None,
        version: None,
        patches: "product:openssl,nginx".into(),
        devices: match word {
            Word::Approve => "site:Berlin".into(),
            _ => String::new(),
        },
        level: match word {
            Word::Approve => Level::Site,
            _ => Level::Provider,
        },
        client: (word == Word::Approve).then(|| "Acme GmbH".into()),
        reason: "security, no known problems after three days in the test bed".into(),
        decided_by: "Ada Berg".into(),
        decided_at: at("2026-03-01T15:00:00Z"),
        until: (word == Word::Hold).then(|| at("2026-03-14T00:00:00Z")),
        ended_at: (!in_force).then(|| at("2026-03-02T07:00:00Z")),
        in_force,
    }
}

fn detail() -> DeviceDetail {
    DeviceDetail {
        device: device(1, "web-1", Mode::Managed),
        at: now(),
        tags: vec!["server".into(), "web".into()],
        groups: vec!["Web servers".into()],
        standing: Standing::Level,
        enrolled_at: at("2026-01-11T10:00:00Z"),
        agent: Some(AgentAbilities {
            version: "0.1.0".into(),
            protocol: 1,
            verbs: vec![Verb::RefreshIndex, Verb::CollectInventory, Verb::Install],
            privileged: true,
            guardrails: vec!["at most 200 packages in one order".into()],
        }),
        kernel: Some("6.1.0-41-amd64".into()),
        reboot: Some(vec![
            "linux-image-amd64 is newer than the running kernel".into(),
        ]),
        old_code: Some(vec!["cron.service runs the old libcurl4".into()]),
        lists_fetched_at: Some(at("2026-03-02T04:30:00Z")),
        pending: Some(6),
        unknown: vec![Unknown {
            what: "CVEs of tzdata".into(),
            why: "its changelog was not read yet".into(),
            since: Some(at("2026-03-02T04:31:00Z")),
        }],
        modes: vec![
            ModeChange {
                mode: Mode::Managed,
                since: at("2026-01-12T08:00:00Z"),
                by: "Ada Berg".into(),
            },
            ModeChange {
                mode: Mode::Observe,
                since: at("2026-01-11T10:00:00Z"),
                by: "enrolment".into(),
            },
        ],
        orders: vec![
            order(OrderState::Delivered, ProofState::Pending),
            order(OrderState::Succeeded, ProofState::Proven),
        ],
        decisions: vec![decision(Word::Approve, true), decision(Word::Deny, false)],
    }
}

fn missing() -> Vec<MissingCount> {
    [
        (Some(Severity::Moderate), 9, 14),
        (Some(Severity::Critical), 1, 2),
        (None, 4, 4),
        (Some(Severity::Important), 3, 6),
        (Some(Severity::Unrated), 0, 0),
    ]
    .map(|(severity, patches, findings)| MissingCount {
        severity,
        patches,
        findings,
    })
    .to_vec()
}

fn not_counted() -> Vec<NotCounted> {
    vec![
        NotCounted {
            what: "backup-1".into(),
            why: "its last report is older than 7 days".into(),
            since: Some(at("2026-02-27T08:00:00Z")),
        },
        NotCounted {
            what: "till-<7>".into(),
            why: "it has not reported yet".into(),
            since: None,
        },
    ]
}

fn ticket(state: TicketState) -> TicketItem {
    let open = state == TicketState::Open;
    TicketItem {
        id: TicketId::from_bytes([state as u8 + 1; 16]),
        subject: if open {
            "openssl could not be installed on db-1: its postinst failed".into()
        } else {
            "openssl is installed and proven on web-1".into()
        },
        client: "Acme GmbH".into(),
        device: if open { "db-1" } else { "web-1" }.into(),
        device_id: Some(DeviceId::from_bytes([if open { 2 } else { 1 }; 16])),
        order: Some(OrderId::from_bytes([3; 16])),
        patches: vec!["deb:bookworm/openssl@3.0.22-1~deb12u2".parse().unwrap()],
        evidence: vec![
            "libssl3 amd64 is installed in version 3.0.22-1~deb12u2".into(),
            "dpkg has no unfinished work".into(),
        ],
        state,
        cause: "order:ord_1".into(),
        made_at: at("2026-03-01T21:16:10Z"),
        changed_at: at("2026-03-01T21:16:10Z"),
        owner: None,
        due_at: None,
        overdue: false,
        rule: None,
        devices: None,
    }
}

/// A ticket that asks for a study, due at `due`.
fn study(number: u8, due: &str) -> TicketItem {
    let due = at(due);
    TicketItem {
        id: TicketId::from_bytes([10 + number; 16]),
        subject: format!("study linux, held by the rule Kernels & <drivers> {number}"),
        device: String::new(),
        device_id: None,
        order: None,
        evidence: vec!["The rule holds it for <Anna> to decide.".into()],
        owner: Some("<Anna> of the Linux team".into()),
        due_at: Some(due),
        overdue: due <= now(),
        rule: Some("Kernels & <drivers>".into()),
        devices: Some(u32::from(number)),
        ..ticket(TicketState::Open)
    }
}

fn page_of<T>(items: Vec<T>) -> Page<T> {
    Page { items, next: None }
}

fn asked(q: &str) -> ListAsked {
    ListAsked {
        q: Some(q.to_owned()),
        ..ListAsked::default()
    }
}

fn overview() -> overview::Seen {
    overview::Seen {
        unreadable: 1,
        overview: Overview {
            devices: 4,
            managed: 2,
            counted: 2,
            missing: missing(),
            findings: vec![("missing".into(), 26), ("fixed".into(), 812)],
            orders: vec![("delivered".into(), 1), ("needs-hands".into(), 0)],
            tickets_open: 7,
            studies_overdue: 2,
            latest: vec![
                order(OrderState::Delivered, ProofState::Pending),
                order(OrderState::Failed, ProofState::NotProven),
            ],
            not_counted: not_counted(),
        },
        openings: vec![overview::Opening {
            window: "nightly".into(),
            opening: OpeningItem {
                opens_at: at("2026-03-02T21:00:00Z"),
                closes_at: at("2026-03-02T23:00:00Z"),
                zone: "Europe/Berlin".into(),
            },
        }],
        tickets: vec![
            study(3, "2026-02-27T12:00:00Z"),
            ticket(TicketState::Open),
            ticket(TicketState::Closed),
        ],
    }
}

fn patches() -> Vec<PatchItem> {
    let patch = |id: &str, severity, cves, devices, kev, epss| PatchItem {
        patch: id.parse().unwrap(),
        severity,
        classification: Classification::Security,
        cves,
        devices,
        kev,
        epss,
    };
    vec![
        patch(
            "deb:bookworm/linux@6.1.170-1",
            Some(Severity::Critical),
            Some(vec!["CVE-2026-0001".into()]),
            2,
            Some(true),
            Some(0.91),
        ),
        patch(
            "deb:bookworm/openssl@3.0.22-1~deb12u2",
            Some(Severity::Important),
            findings()[2].cves.clone(),
            2,
            Some(false),
            Some(0.0004),
        ),
        patch(
            "deb:bookworm/tzdata@2026a-0+deb12u1",
            None,
            None,
            1,
            None,
            None,
        ),
    ]
}

fn verdict() -> Verdict {
    let gate = |gate, open, reason: &str, owner: Option<&str>, opens_at| Gate {
        gate,
        open,
        reason: reason.into(),
        owner: owner.map(Into::into),
        opens_at,
        losers: None,
    };
    let opens = Some(at("2026-03-02T21:00:00Z"));
    Verdict {
        verdict: Answer::Later,
        at: opens,
        gate: Some(GateName::Frozen),
        sentence: "held: frozen until 2 March 2026 at 20:00 (Europe/Berlin) by Stocktaking; for an exception ask Ada Berg".into(),
        gates: vec![
            gate(
                GateName::Known,
                Some(true),
                "its last report is 18 minutes old",
                None,
                None,
            ),
            gate(
                GateName::Applicable,
                Some(true),
                "it is missing and offered",
                None,
                None,
            ),
            Gate {
                losers: Some(vec![Loser {
                    object: "the rule <everything late>".into(),
                    level: Level::Provider,
                    verdict: Word::Hold,
                }]),
                ..gate(
                    GateName::Decided,
                    Some(true),
                    "approved by Ada Berg for site:Berlin",
                    None,
                    None,
                )
            },
            gate(GateName::Delay, Some(true), "a person decided it", None, None),
            gate(GateName::Ring, Some(true), "no ring set covers the device", None, None),
            gate(
                GateName::Frozen,
                Some(false),
                "frozen until 2 March 2026 at 20:00 (Europe/Berlin) by Stocktaking; for an exception ask Ada Berg",
                Some("Ada Berg"),
                Some(at("2026-03-02T19:00:00Z")),
            ),
            gate(
                GateName::Window,
                Some(false),
                "the window nightly is closed",
                Some("who may set windows"),
                opens,
            ),
            gate(GateName::Budget, Some(true), "no budget is configured", None, None),
            gate(GateName::Reachable, None, "", None, None),
            gate(GateName::Guardrails, Some(true), "the device is managed", None, None),
        ],
    }
}

/// A link to a filtered list must not lead to "this filter cannot be read".
fn links_lead_to_filters_that_can_be_read(name: &str, html: &str) {
    use domain::query::{Query, SubjectKind};
    for (list, kind) in [
        ("/devices?q=", SubjectKind::Device),
        ("/patches?q=", SubjectKind::Finding),
    ] {
        for (start, found) in html.match_indices(list) {
            let rest = &html[start + found.len()..];
            let escaped = &rest[..rest.find(['"', '&']).unwrap()];
            let mut bytes = Vec::new();
            let mut left = escaped.bytes();
            while let Some(byte) = left.next() {
                bytes.push(if byte == b'%' {
                    let pair = [left.next().unwrap(), left.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&pair).unwrap(), 16).unwrap()
                } else {
                    byte
                });
            }
            let q = String::from_utf8(bytes).unwrap();
            Query::parse_for(&q, kind)
                .unwrap_or_else(|mistake| panic!("{name}: {list}{q}: {mistake}"));
        }
    }
}

/// Compares a page with its snapshot and checks what holds for every page.
fn look(name: &str, page: &impl Template) {
    let html = page.render().unwrap();
    for (start, _) in html.match_indices('<') {
        let tag: String = html[start..].chars().take_while(|c| *c != '>').collect();
        // Only the names of the attributes, not what they say.
        let tag: String = tag.split('"').step_by(2).collect();
        assert!(
            !tag.contains(" style="),
            "inline style, which the policy forbids: {tag}"
        );
        assert!(
            !tag.contains(" on"),
            "inline script, which the policy forbids: {tag}"
        );
        assert!(!tag.starts_with("<script"), "script: {tag}");
    }
    assert_eq!(
        html.matches("<h1").count(),
        1,
        "{name}: one heading of the first rank"
    );
    assert_eq!(html.matches("<main").count(), 1, "{name}: one main part");
    for id in html.match_indices(" for=\"").map(|(at, _)| &html[at + 6..]) {
        let id = &id[..id.find('"').unwrap()];
        assert!(
            html.contains(&format!(" id=\"{id}\"")),
            "{name}: a label for nothing: {id}"
        );
    }
    for tag in html.match_indices("<input").map(|(at, _)| &html[at..]) {
        let tag = &tag[..tag.find('>').unwrap()];
        let hidden = tag.contains("type=\"hidden\"");
        let wrapped = tag.contains("type=\"radio\"");
        let labelled = tag.contains("aria-label=")
            || tag
                .split_once(" id=\"")
                .and_then(|(_, rest)| rest.split_once('"'))
                .is_some_and(|(id, _)| html.contains(&format!("for=\"{id}\"")));
        assert!(
            hidden || wrapped || labelled,
            "{name}: an input without a label: {tag}"
        );
    }
    links_lead_to_filters_that_can_be_read(name, &html);
    if let Some(folder) = std::env::var_os("PATCHLOOP_PAGES") {
        let link = format!("<link rel=\"stylesheet\" href=\"{}\">", assets::style());
        let whole = html.replace(&link, &format!("<style>{}</style>", assets::STYLE));
        std::fs::write(
            std::path::Path::new(&folder).join(format!("{name}.html")),
            whole,
        )
        .unwrap();
    }
    // The address of the style sheet changes with each of its letters; the page does not.
    let html = html
        .replace(assets::style(), "STYLE")
        .replace(assets::icon(), "ICON");
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!(name.to_owned(), html);
    });
}
