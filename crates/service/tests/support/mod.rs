//! A server in a folder of its own with a clock that stands, and agents that speak the real protocol.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::access::Principal;
use domain::clock::FixedClock;
use domain::device::AgentAbilities;
use domain::id::DeviceId;
use domain::inventory::Inventory;
use domain::name::PackageName;
use domain::offer::{
    Facts, Lists, Needs, NeedsOutcome, Offer, OfferReport, Origin, Publisher, RebootNeed, System,
};
use domain::order::{Action, End, ItemOutcome, ItemResult, Order, OrderItem, Outcome, Verb};
use domain::package::{Ecosystem, Item, Package, PackageState, SourcePackage};
use domain::proof::{Fact, SecondLook};
use ed25519_dalek::{SigningKey, VerifyingKey};
use jiff::{SignedDuration, Timestamp};
use protocol::enrol::{Enrol, Enrolled};
use protocol::sync::{
    Changelog, ChangelogText, Counters, FactsPart, InventoryPart, OutcomeReport, Progress,
    ShortDigest, Step, Sync, SyncReply, Want, facts_mark,
};
use protocol::{Envelope, MessageType, SignerKind, TrustedKey};
use service::decision::NewDecision;
use service::enrolment::NewEnrolment;
use service::keys::Keys;
use service::window::NewWindow;
use service::{LinkError, Service};
use store::{OpenOptions, Store};

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Where the tests' agents come from: an address kept for documentation (RFC 5737).
pub fn address() -> IpAddr {
    "192.0.2.7".parse().unwrap()
}

/// A server.
pub struct Server {
    pub service: Arc<Service>,
    pub clock: Arc<FixedClock>,
    pub owner: Principal,
    pub dir: tempfile::TempDir,
}

/// Opens the server of a folder.
pub fn open(dir: &Path, clock: &Arc<FixedClock>) -> Arc<Service> {
    let store = Store::open(&dir.join("patchloop.db"), OpenOptions::default()).unwrap();
    let keys = Keys::load_or_make(dir).unwrap();
    let clock: Arc<dyn domain::clock::Clock> = Arc::clone(clock) as _;
    let feeds = service::feed::Feeds::open(dir, None).unwrap();
    Service::new(store, clock, keys, feeds).unwrap()
}

impl Server {
    /// A server with an owner, a client `Acme` and its site `Berlin`. It is Monday noon, UTC.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::at(at("2026-03-02T12:00:00Z")));
        let service = open(dir.path(), &clock);
        let owner = service.owner_create("Olga").unwrap().owner;
        service.client_add(&owner, "Acme").unwrap();
        service
            .site_add(&owner, "Acme", "Berlin", "Europe/Berlin")
            .unwrap();
        Self {
            service,
            clock,
            owner,
            dir,
        }
    }

    pub fn set(&self, text: &str) {
        self.clock.set(at(text));
    }

    pub fn token(&self, uses: u32) -> String {
        let wanted = NewEnrolment {
            site: "Acme/Berlin".into(),
            uses,
            expires: "24h".into(),
        };
        self.service
            .enrolment_create(&self.owner, &wanted)
            .unwrap()
            .token
    }

    pub fn approve(&self, patches: &str) -> service::decision::DecisionMade {
        self.decide("approve", patches, false)
    }

    pub fn decide(
        &self,
        word: &str,
        patches: &str,
        dry_run: bool,
    ) -> service::decision::DecisionMade {
        let wanted = NewDecision {
            word: word.parse().unwrap(),
            patches: patches.into(),
            devices: "client:Acme".into(),
            level: None,
            until: None,
            version: None,
            reason: "tested".into(),
            dry_run,
        };
        self.service.decision_add(&self.owner, &wanted).unwrap()
    }

    /// Mondays and Thursdays from 22:00 to 24:00 in Berlin.
    pub fn add_window(&self) {
        let wanted = NewWindow {
            name: "nights".into(),
            devices: "client:Acme".into(),
            days: "mon,thu".into(),
            start: "22:00".into(),
            duration: "2h".into(),
            zone: "Europe/Berlin".into(),
            ..NewWindow::default()
        };
        self.service.window_add(&self.owner, &wanted).unwrap();
    }

    pub fn manage(&self, device: &str) {
        let mode = domain::device::Mode::Managed;
        self.service.device_mode(&self.owner, device, mode).unwrap();
    }

    pub fn orders(&self) -> Vec<service::order::OrderView> {
        let page = domain::page::PageRequest::default();
        self.service
            .order_list(&self.owner, None, &page)
            .unwrap()
            .items
    }

    pub fn audit_actions(&self) -> Vec<String> {
        let page = domain::page::PageRequest::default();
        let rows = self.service.audit_list(&self.owner, &page).unwrap().items;
        rows.into_iter().map(|row| row.action).collect()
    }

    pub fn findings(&self) -> Vec<service::finding::FindingItem> {
        let page = domain::page::PageRequest::default();
        self.service
            .finding_list(&self.owner, None, None, &page)
            .unwrap()
            .items
    }
}

/// A device with an agent.
pub struct Agent {
    pub key: SigningKey,
    pub device: DeviceId,
    pub server: VerifyingKey,
    pub counter: u64,
    pub acknowledged: u64,
    pub sequence: u64,
    pub inventory: Inventory,
    pub facts: Facts,
    pub acknowledged_inventory: Option<Inventory>,
    pub acknowledged_mark: Option<String>,
    pub progress: Vec<Progress>,
    pub outcomes: Vec<OutcomeReport>,
    pub looks: Vec<SecondLook>,
    pub changelogs: Vec<Changelog>,
    pub wants: Vec<Want>,
    pub last_body: Vec<u8>,
}

pub fn package(name: &str, source: &str, version: &str) -> Item {
    Item::Package(Package {
        ecosystem: Ecosystem::Deb,
        name: name.parse().unwrap(),
        architecture: "amd64".parse().unwrap(),
        version: version.parse().unwrap(),
        state: PackageState::Installed,
        source: Some(SourcePackage {
            name: source.parse().unwrap(),
            version: version.parse().unwrap(),
        }),
        origin: Some("Debian:bookworm".into()),
    })
}

pub fn offer(name: &str, source: &str, installed: &str, candidate: &str) -> Offer {
    Offer {
        name: name.parse().unwrap(),
        architecture: "amd64".parse().unwrap(),
        installed: Some(installed.parse().unwrap()),
        candidate: candidate.parse().unwrap(),
        source: SourcePackage {
            name: source.parse().unwrap(),
            version: candidate.parse().unwrap(),
        },
        origin: Origin {
            label: "Debian-Security".into(),
            codename: "bookworm-security".into(),
            security: true,
            publisher: Publisher::System,
        },
        size_bytes: Some(1000),
    }
}

fn system(name: &str) -> System {
    System {
        id: "debian".into(),
        version: "12".into(),
        codename: Some("bookworm".parse().unwrap()),
        architecture: "amd64".parse().unwrap(),
        kernel: "6.1.0-30-amd64".into(),
        hostname: name.into(),
        boot_id: "11111111-2222-3333-4444-555555555555".into(),
        zone: "Europe/Berlin".into(),
    }
}

fn abilities() -> AgentAbilities {
    AgentAbilities {
        version: "0.1.0".into(),
        protocol: 1,
        verbs: vec![
            Verb::RefreshIndex,
            Verb::CollectInventory,
            Verb::Download,
            Verb::Install,
            Verb::Repair,
            Verb::RestartServices,
        ],
        privileged: true,
        guardrails: vec![],
    }
}

/// The id of the patch that the tests approve.
pub const OPENSSL: &str = "deb:bookworm/openssl@3.0.15-1~deb12u1";

impl Agent {
    /// The bytes of an enrolment.
    pub fn enrolment(name: &str, token: &str, key: &SigningKey) -> Vec<u8> {
        let enrol = Enrol {
            token: token.into(),
            key: URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes()),
            name: name.parse().unwrap(),
            system: system(name),
            agent: abilities(),
        };
        let payload = serde_json::to_vec(&enrol).unwrap();
        Envelope::sign(MessageType::Enrol, payload, SignerKind::Device, key).to_bytes()
    }

    /// Enrols a device on which openssl and libssl3 are pending, as one patch.
    pub async fn enrol(
        server: &Server,
        name: &str,
        token: &str,
        seed: u8,
    ) -> Result<Self, LinkError> {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let body = Self::enrolment(name, token, &key);
        let answer = server.service.link_enrol(&body, address()).await?;
        let enrolled: Enrolled = serde_json::from_slice(&answer).unwrap();
        let order_key: [u8; 32] = URL_SAFE_NO_PAD
            .decode(&enrolled.order_key)
            .unwrap()
            .try_into()
            .unwrap();
        let old = "3.0.14-1~deb12u1";
        let new = "3.0.15-1~deb12u1";
        Ok(Self {
            key,
            device: enrolled.device,
            server: VerifyingKey::from_bytes(&order_key).unwrap(),
            counter: 0,
            acknowledged: 0,
            sequence: 0,
            inventory: Inventory::new(vec![
                package("openssl", "openssl", old),
                package("libssl3", "openssl", old),
                package("bash", "bash", "5.2.15-2"),
            ]),
            facts: Facts {
                system: system(name),
                offers: OfferReport {
                    lists: Lists::Present {
                        fetched_at: at("2026-03-02T11:00:00Z"),
                        failed: vec![],
                    },
                    offers: vec![
                        offer("libssl3", "openssl", old, new),
                        offer("openssl", "openssl", old, new),
                    ],
                    withheld: vec![],
                    needs: vec![Needs {
                        source: SourcePackage {
                            name: "openssl".parse().unwrap(),
                            version: new.parse().unwrap(),
                        },
                        outcome: NeedsOutcome::With { sources: vec![] },
                    }],
                    failed: None,
                },
                old_code: Some(vec![]),
                reboot: RebootNeed::No,
                unknown: vec![],
            },
            acknowledged_inventory: None,
            acknowledged_mark: None,
            progress: vec![],
            outcomes: vec![],
            looks: vec![],
            changelogs: vec![],
            wants: vec![Want::Agent],
            last_body: vec![],
        })
    }

    /// The next message. Takes a new counter.
    pub fn message(&mut self, server: &Server) -> Sync {
        self.counter += 1;
        let wants_inventory = self.wants.contains(&Want::Inventory);
        let inventory = match &self.acknowledged_inventory {
            _ if wants_inventory => InventoryPart::Full {
                full: self.inventory.to_text(),
            },
            Some(known) if *known == self.inventory => {
                InventoryPart::Same(ShortDigest(self.inventory.digest()))
            }
            Some(known) => InventoryPart::Delta(known.delta_to(&self.inventory)),
            None => InventoryPart::Full {
                full: self.inventory.to_text(),
            },
        };
        let mark = facts_mark(&self.facts);
        let facts = if self.acknowledged_mark.as_ref() == Some(&mark)
            && !self.wants.contains(&Want::Facts)
        {
            FactsPart::Same(mark)
        } else {
            FactsPart::Full(Box::new(self.facts.clone()))
        };
        Sync {
            device: self.device,
            at: server.service.now().as_second(),
            counters: Counters(self.counter, self.acknowledged, self.sequence),
            inventory,
            facts,
            agent: self.wants.contains(&Want::Agent).then(abilities),
            progress: self.progress.clone(),
            outcomes: self.outcomes.clone(),
            looks: self.looks.clone(),
            changelogs: std::mem::take(&mut self.changelogs),
        }
    }

    pub fn sealed(&self, sync: &Sync) -> Vec<u8> {
        let payload = serde_json::to_vec(sync).unwrap();
        let (kind, payload) = if payload.len() > 400 {
            (MessageType::SyncPacked, protocol::packing::pack(&payload))
        } else {
            (MessageType::Sync, payload)
        };
        Envelope::sign(kind, payload, SignerKind::Device, &self.key).to_bytes()
    }

    /// One check-in, and what it teaches the agent.
    pub async fn sync(&mut self, server: &Server) -> SyncReply {
        let message = self.message(server);
        self.send(server, &message).await.unwrap()
    }

    /// Sends a message as it is.
    pub async fn send(&mut self, server: &Server, message: &Sync) -> Result<SyncReply, LinkError> {
        self.last_body = self.sealed(message);
        let body = self.last_body.clone();
        let answer = server.service.link_sync(body, address()).await?;
        let reply: SyncReply = serde_json::from_slice(&answer).unwrap();
        assert_eq!(reply.counter, message.counters.0);
        self.acknowledged = reply.counter;
        self.acknowledged_inventory = Some(self.inventory.clone());
        self.acknowledged_mark = Some(facts_mark(&self.facts));
        self.wants = reply.wants.clone();
        self.outcomes
            .retain(|report| !reply.settled.contains(&report.outcome.order));
        self.looks
            .retain(|look| !reply.settled.contains(&look.order));
        for order in orders_in(&reply, &self.server) {
            assert!(order.sequence > self.sequence, "an order from the past");
            assert_eq!(order.device, self.device);
            self.sequence = order.sequence;
        }
        Ok(reply)
    }

    /// Takes an order, as the next message will say.
    pub fn take(&mut self, order: &Order) {
        self.progress = vec![Progress {
            order: order.order,
            generation: order.generation,
            step: Step::Taken,
        }];
    }

    /// Carries an order out for good: the packages are there afterwards.
    pub fn install(&mut self, order: &Order, now: Timestamp) {
        let items = items_of(order);
        let kept = self
            .inventory
            .items()
            .iter()
            .filter(|item| {
                let package = item.package().unwrap();
                !items.iter().any(|ordered| ordered.name == package.name)
            })
            .cloned();
        let new = items
            .iter()
            .map(|item| package(item.name.as_str(), "openssl", item.to.as_str()));
        self.inventory = Inventory::new(kept.chain(new).collect());
        self.facts.offers.offers.clear();
        self.facts.offers.needs.clear();
        self.end(order, End::Succeeded, now);
    }

    /// Says that an order ended, and looks again.
    pub fn end(&mut self, order: &Order, end: End, now: Timestamp) {
        let items = items_of(order);
        self.progress.clear();
        self.outcomes.push(OutcomeReport {
            outcome: Outcome {
                order: order.order,
                generation: order.generation,
                sequence: order.sequence,
                end,
                reason: String::new(),
                refusal: None,
                items: items
                    .iter()
                    .map(|item| ItemOutcome {
                        name: item.name.clone(),
                        architecture: item.architecture.clone(),
                        result: ItemResult::Installed,
                    })
                    .collect(),
                restarted: vec![],
                kept_files: vec![],
                repaired: vec![],
                started_at: Some(now),
                ended_at: now,
                log: String::new(),
            },
            order: String::new(),
        });
        let installed = |name: &PackageName| {
            self.inventory
                .packages()
                .find(|package| package.name == *name)
                .map(|package| package.version.clone())
        };
        let mut facts: Vec<Fact> = items
            .iter()
            .flat_map(|item| {
                [
                    Fact::Installed {
                        name: item.name.clone(),
                        architecture: item.architecture.clone(),
                        version: installed(&item.name),
                        usable: true,
                    },
                    Fact::Files {
                        name: item.name.clone(),
                        architecture: item.architecture.clone(),
                        differing: Some(vec![]),
                    },
                ]
            })
            .collect();
        facts.push(Fact::OldCode {
            running: Some(vec![]),
        });
        facts.push(Fact::Unfinished { packages: vec![] });
        self.looks.push(SecondLook {
            order: order.order,
            looked_at: now,
            inventory: self.inventory.digest(),
            facts,
        });
    }
}

pub fn items_of(order: &Order) -> Vec<OrderItem> {
    match &order.action {
        Action::Install { items, .. } => items.clone(),
        Action::Cancel => vec![],
    }
}

/// The orders of an answer; each must be signed by the server.
pub fn orders_in(reply: &SyncReply, server: &VerifyingKey) -> Vec<Order> {
    let trusted = TrustedKey {
        kind: SignerKind::Server,
        key: *server,
    };
    reply
        .orders
        .iter()
        .map(|text| {
            let bytes = URL_SAFE_NO_PAD.decode(text).unwrap();
            Envelope::from_bytes(&bytes)
                .unwrap()
                .open::<Order>(&[MessageType::Order], std::slice::from_ref(&trusted))
                .unwrap()
                .into_inner()
        })
        .collect()
}

/// A changelog of openssl that names two CVEs, as Debian writes them.
pub fn openssl_changelog() -> Changelog {
    Changelog {
        source: "openssl".parse().unwrap(),
        version: "3.0.15-1~deb12u1".parse().unwrap(),
        text: ChangelogText::Found(
            "openssl (3.0.15-1~deb12u1) bookworm-security; urgency=high\n\n  \
             * CVE-2024-5535 (SSL_select_next_proto buffer overread)\n  \
             * CVE-2024-9143 (Low-level invalid GF(2^m) parameters)\n\n \
             -- Sebastian Andrzej Siewior <sebastian@breakpoint.cc>  Sun, 27 Oct 2024 14:23:55 +0100\n"
                .into(),
        ),
    }
}

pub fn plus(time: Timestamp, seconds: i64) -> Timestamp {
    time + SignedDuration::from_secs(seconds)
}
