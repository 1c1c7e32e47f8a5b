//! Things to put into a store: made of numbers, so that two runs make the same.

#![allow(clippy::unwrap_used, reason = "the words in it are right")]

use domain::Timestamp;
use domain::access::{self, ClientScope, Permission, Principal, Reach, Role};
use domain::client::{Client, Site};
use domain::decision::{Decision, Level, Word};
use domain::device::AgentAbilities;
use domain::enrolment::Enrolment;
use domain::finding::{Finding, FindingPackage, FindingState, PatchFacts};
use domain::id::{ClientId, DeviceId, Id, Kind, OrderId, PrincipalId, SiteId};
use domain::inventory::{Digest, Inventory};
use domain::offer::{
    Facts, Lists, Needs, NeedsOutcome, Offer, OfferReport, Origin, Publisher, RebootNeed, System,
    Unknown, Withheld, WithheldReason,
};
use domain::order::record::OrderRecord;
use domain::order::{End, ItemOutcome, ItemResult, OrderItem, OrderState, Outcome, Switch, Verb};
use domain::package::{Ecosystem, Item, Package, PackageState, SourcePackage};
use domain::patch::PatchId;
use domain::proof::{Fact, Proof, SecondLook};
use domain::query::Query;
use domain::severity::{Classification, Severity, SeveritySource};
use domain::window::{ChangeWindow, start_from_text};
use store::NewDevice;

/// Seconds after the morning of 2 March 2026.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_772_442_000 + seconds).unwrap()
}

/// The id of the `number`th thing of a kind.
pub fn id<K: Kind>(number: u64) -> Id<K> {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    Id::from_parts(at(0), random)
}

pub fn provider() -> ClientScope {
    access::of_loops()
}

/// The scope of somebody who may reach one client only.
pub fn only(client: ClientId) -> ClientScope {
    let principal = Principal {
        id: id(99),
        name: "Ada".to_owned(),
        role: Role::Technician,
        reach: Reach::Clients(vec![client]),
    };
    access::check(&principal, Permission::Read).unwrap()
}

pub fn owner() -> Principal {
    Principal {
        id: id::<domain::id::PrincipalKind>(1),
        name: "Grace".to_owned(),
        role: Role::Owner,
        reach: Reach::Provider,
    }
}

pub fn client(number: u64) -> Client {
    Client {
        id: id(number),
        name: format!("Client {number}").parse().unwrap(),
        added_at: at(0),
    }
}

/// The site of the client with the same number.
pub fn site(number: u64) -> Site {
    Site {
        id: id(number),
        client: id(number),
        name: "Main".parse().unwrap(),
        zone: "Europe/Berlin".to_owned(),
        added_at: at(0),
    }
}

pub fn enrolment(number: u64, site: SiteId, client: ClientId, uses: u32) -> Enrolment {
    Enrolment {
        id: id(number),
        client,
        site,
        token_hash: Digest::of(format!("token {number}").as_bytes()),
        uses_left: uses,
        expires_at: at(86_400),
        made_at: at(1),
    }
}

pub fn agent(version: &str) -> AgentAbilities {
    AgentAbilities {
        version: version.to_owned(),
        protocol: 1,
        verbs: vec![Verb::RefreshIndex, Verb::CollectInventory, Verb::Install],
        privileged: true,
        guardrails: vec!["mode observe".to_owned()],
    }
}

pub fn device(number: u64, site: SiteId) -> NewDevice {
    let mut public_key = [7; 32];
    public_key[..8].copy_from_slice(&number.to_be_bytes());
    NewDevice {
        id: id(number),
        site,
        name: format!("device-{number}").parse().unwrap(),
        public_key,
        agent: agent("0.1.0"),
        enrolled_at: at(10),
    }
}

pub fn package(number: u64, version: u64) -> Item {
    let version = format!("1.{version}-{number}+deb12u1");
    Item::Package(Package {
        ecosystem: Ecosystem::Deb,
        name: format!("package-{number}").parse().unwrap(),
        architecture: "amd64".parse().unwrap(),
        version: version.parse().unwrap(),
        state: PackageState::Installed,
        source: (!number.is_multiple_of(3)).then(|| SourcePackage {
            name: format!("source-{}", number / 2).parse().unwrap(),
            version: version.parse().unwrap(),
        }),
        origin: (!number.is_multiple_of(5)).then(|| "Debian:bookworm".to_owned()),
    })
}

/// Packages by number and version.
pub fn inventory(packages: impl IntoIterator<Item = (u64, u64)>) -> Inventory {
    Inventory::new(packages.into_iter().map(|(n, v)| package(n, v)).collect())
}

pub fn origin() -> Origin {
    Origin {
        label: "Debian-Security".to_owned(),
        codename: "bookworm-security".to_owned(),
        security: true,
        publisher: Publisher::System,
    }
}

fn source(number: u64) -> SourcePackage {
    SourcePackage {
        name: format!("source-{number}").parse().unwrap(),
        version: format!("2.0-{number}").parse().unwrap(),
    }
}

/// What a device with `offers` pending packages says of itself.
pub fn facts(host: u64, offers: u64) -> Facts {
    let offer = |number: u64| Offer {
        name: format!("package-{number}").parse().unwrap(),
        architecture: "amd64".parse().unwrap(),
        installed: Some(format!("1.0-{number}").parse().unwrap()),
        candidate: format!("2.0-{number}").parse().unwrap(),
        source: source(number),
        origin: origin(),
        size_bytes: Some(10_000 + number),
    };
    let needs = |number: u64| Needs {
        source: source(number),
        outcome: NeedsOutcome::With {
            sources: vec![source(number + 1)],
        },
    };
    Facts {
        system: System {
            id: "debian".to_owned(),
            version: "12".to_owned(),
            codename: Some("bookworm".parse().unwrap()),
            architecture: "amd64".parse().unwrap(),
            kernel: "6.1.0-40-amd64".to_owned(),
            hostname: format!("host-{host}"),
            boot_id: format!("{host:08x}-5a2e-4b1c-9d3f-0123456789ab"),
            zone: "Europe/Berlin".to_owned(),
        },
        offers: OfferReport {
            lists: Lists::Present {
                fetched_at: at(host as i64),
                failed: vec![],
            },
            offers: (0..offers).map(offer).collect(),
            withheld: vec![Withheld {
                name: "held-back".parse().unwrap(),
                architecture: "amd64".parse().unwrap(),
                installed: "1".parse().unwrap(),
                candidate: "2".parse().unwrap(),
                source: source(1000),
                origin: origin(),
                reason: WithheldReason::Held,
            }],
            needs: (0..offers).map(needs).collect(),
            failed: None,
        },
        old_code: Some(vec![]),
        reboot: RebootNeed::No,
        unknown: vec![Unknown {
            what: "processes of other users".to_owned(),
            why: "the agent is not privileged".to_owned(),
            since: Some(at(0)),
        }],
    }
}

pub fn patch(number: u64) -> PatchId {
    format!("deb:bookworm/source-{number:03}@2.0-{number}")
        .parse()
        .unwrap()
}

pub fn finding(number: u64, state: FindingState) -> Finding {
    Finding {
        patch: patch(number),
        packages: vec![FindingPackage {
            name: format!("package-{number}").parse().unwrap(),
            architecture: "amd64".parse().unwrap(),
            installed: Some(format!("1.0-{number}").parse().unwrap()),
            candidate: (state == FindingState::Missing)
                .then(|| format!("2.0-{number}").parse().unwrap()),
        }],
        state,
        why: format!("the device is offered source-{number} 2.0"),
        facts: PatchFacts {
            severity: Some(Severity::Important),
            severity_source: Some(SeveritySource::Derived),
            cves: Some(vec![format!("CVE-2026-{number}")]),
            kev: Some(false),
            epss_millionths: None,
            released_at: None,
        },
        classification: Classification::Security,
        origin: Some(origin()),
        needs: vec![],
        refused: None,
    }
}

pub fn decision(number: u64, client: Option<ClientId>) -> Decision {
    Decision {
        id: id(number),
        client,
        word: Word::Approve,
        name: None,
        version: None,
        patches: Query::parse("product:openssl").unwrap(),
        devices: Query::everything(),
        level: if client.is_some() {
            Level::Client
        } else {
            Level::Provider
        },
        reason: "tested".to_owned(),
        decided_by: id::<domain::id::PrincipalKind>(1) as PrincipalId,
        decided_by_name: "Grace".to_owned(),
        decided_at: at(100),
        until: Some(at(100_000)),
        ended_at: None,
    }
}

pub fn window(number: u64, client: Option<ClientId>) -> ChangeWindow {
    ChangeWindow {
        id: id(number),
        client,
        name: format!("Night {number}").parse().unwrap(),
        devices: Query::everything(),
        recurrence: "mon,thu".parse().unwrap(),
        start: start_from_text("22:00").unwrap(),
        duration: "1h30m".parse().unwrap(),
        zone: "device".parse().unwrap(),
        from: None,
        until: None,
        reserve: None,
        catch_up: None,
        opens_for: domain::window::OpensFor::Changes,
        valid_from: at(50),
        ended_at: None,
    }
}

pub fn order(number: u64, device: DeviceId, client: ClientId) -> OrderRecord {
    OrderRecord {
        id: id(number),
        device,
        client,
        generation: 1,
        sequence: number,
        items: vec![OrderItem {
            ecosystem: Ecosystem::Deb,
            name: "package-1".parse().unwrap(),
            architecture: "amd64".parse().unwrap(),
            from: Some("1.0-1".parse().unwrap()),
            to: "2.0-1".parse().unwrap(),
            patch: patch(1),
        }],
        restart_services: Switch::On,
        opens_at: at(1_000),
        closes_at: at(2_000),
        deadline: at(3_000),
        contact_within_seconds: 3_600,
        made_at: at(200),
        state: OrderState::Waiting,
        state_since: at(200),
        reason: String::new(),
        outcome: None,
        look: None,
        proof: Proof::pending(),
    }
}

pub fn outcome(order: OrderId) -> Outcome {
    Outcome {
        order,
        generation: 1,
        sequence: 1,
        end: End::Succeeded,
        reason: String::new(),
        refusal: None,
        items: vec![ItemOutcome {
            name: "package-1".parse().unwrap(),
            architecture: "amd64".parse().unwrap(),
            result: ItemResult::Installed,
        }],
        restarted: vec!["nginx.service".to_owned()],
        kept_files: vec![],
        repaired: vec![],
        started_at: Some(at(1_010)),
        ended_at: at(1_060),
        log: "Setting up package-1 (2.0-1) ...".to_owned(),
    }
}

pub fn look(order: OrderId) -> SecondLook {
    SecondLook {
        order,
        looked_at: at(1_070),
        inventory: Digest::of(b"inventory"),
        facts: vec![Fact::Boot {
            boot_id: "5a2e".to_owned(),
        }],
    }
}
