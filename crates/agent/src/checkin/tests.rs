//! The network half against a server in the same process that says what the test wants.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use domain::inventory::Inventory;
use protocol::sync::{Counters, OutcomeReport};

use super::*;
use crate::execute::tests::device::{Device, at};

/// A server that keeps what it hears, as a server does, and answers.
#[derive(Default)]
struct Server {
    inventory: Option<Inventory>,
    facts: Option<String>,
    counter: u64,
    outcomes: BTreeMap<String, OutcomeReport>,
    heard: Vec<Sync>,
    orders: Vec<String>,
    settles: bool,
    wants_outcomes: bool,
}

impl Server {
    fn answer(&mut self, sync: &Sync) -> Result<SyncReply, u64> {
        if sync.counters.0 <= self.counter {
            return Err(self.counter);
        }
        self.counter = sync.counters.0;
        self.heard.push(sync.clone());
        let mut wants = vec![];
        match &sync.inventory {
            InventoryPart::Same(digest) => {
                let same = self.inventory.as_ref().map(Inventory::digest) == Some(digest.0);
                if !same {
                    wants.push(Want::Inventory);
                }
            }
            InventoryPart::Delta(delta) => {
                match self.inventory.as_ref().map(|held| held.apply(delta)) {
                    Some(Ok(after)) => self.inventory = Some(after),
                    Some(Err(_)) | None => wants.push(Want::Inventory),
                }
            }
            InventoryPart::Full { full } => {
                self.inventory = Some(Inventory::from_text(full).unwrap())
            }
        }
        match &sync.facts {
            FactsPart::Same(mark) if self.facts.as_ref() != Some(mark) => wants.push(Want::Facts),
            FactsPart::Same(_) => {}
            FactsPart::Full(facts) => self.facts = Some(protocol::sync::facts_mark(facts)),
        }
        if std::mem::take(&mut self.wants_outcomes) {
            wants.push(Want::Outcomes);
        }
        let mut settled = vec![];
        for report in &sync.outcomes {
            self.outcomes
                .insert(report.outcome.order.to_string(), report.clone());
            if self.settles {
                settled.push(report.outcome.order);
            }
        }
        Ok(SyncReply {
            counter: sync.counters.0,
            at: sync.at,
            mode: domain::device::Mode::Managed,
            next_seconds: 900,
            wake: "w".into(),
            wants,
            orders: std::mem::take(&mut self.orders),
            settled,
            changelogs: vec![],
        })
    }
}

/// An agent whose link leads to that server without a network between.
struct Pair {
    device: Device,
    server: Arc<Mutex<Server>>,
}

impl Pair {
    fn new() -> Self {
        let device = Device::new();
        identity::save_key(&device.folder, &SigningKey::from_bytes(&[8; 32])).unwrap();
        Self {
            device,
            server: Arc::default(),
        }
    }

    /// A freshly started agent, as after a kill.
    fn agent(&self) -> Checkin {
        let mut checkin = Checkin::open(
            self.device.folder.clone(),
            self.device.fake.clone(),
            self.device.clock.clone(),
        )
        .unwrap();
        let server = self.server.clone();
        let key = SigningKey::from_bytes(&[8; 32]).verifying_key();
        checkin.line = Box::new(move |envelope| {
            let trusted = [protocol::TrustedKey {
                kind: SignerKind::Device,
                key,
            }];
            let sync: Sync = Envelope::from_bytes(&envelope.to_bytes())
                .unwrap()
                .open(&[MessageType::Sync, MessageType::SyncPacked], &trusted)
                .unwrap()
                .into_inner();
            server
                .lock()
                .unwrap()
                .answer(&sync)
                .map_err(|counter| LinkError::CounterBehind { counter })
        });
        checkin
    }

    fn cycle(&self, agent: &mut Checkin) -> Cycle {
        let mut budget = Budget::new(Duration::from_secs(1), 1);
        agent.cycle(&mut budget, &mut |_| ()).unwrap()
    }

    fn heard(&self) -> Vec<Sync> {
        std::mem::take(&mut self.server.lock().unwrap().heard)
    }
}

#[test]
fn first_everything_then_nothing_then_the_difference() {
    let pair = Pair::new();
    let mut agent = pair.agent();
    pair.cycle(&mut agent);
    let heard = pair.heard();
    assert!(matches!(heard[0].inventory, InventoryPart::Full { .. }));
    assert!(heard[0].agent.is_some());
    pair.cycle(&mut agent);
    let heard = pair.heard();
    assert_eq!(heard.len(), 1);
    assert!(matches!(heard[0].inventory, InventoryPart::Same(_)));
    assert!(matches!(heard[0].facts, FactsPart::Same(_)));
    assert!(heard[0].agent.is_none());
    pair.device.break_package("other");
    agent.look_anew();
    pair.cycle(&mut agent);
    assert!(matches!(pair.heard()[0].inventory, InventoryPart::Delta(_)));
    let held = pair.server.lock().unwrap().inventory.clone();
    assert_eq!(
        held.unwrap().digest(),
        agent.snapshot().unwrap().inventory.digest()
    );
}

#[test]
fn a_server_that_forgot_gets_everything_in_one_more_round() {
    let pair = Pair::new();
    let mut agent = pair.agent();
    pair.cycle(&mut agent);
    {
        let mut server = pair.server.lock().unwrap();
        server.inventory = None;
        server.facts = None;
        server.heard.clear();
    }
    pair.cycle(&mut agent);
    let heard = pair.heard();
    assert_eq!(heard.len(), 2);
    assert!(matches!(heard[1].inventory, InventoryPart::Full { .. }));
    assert!(matches!(heard[1].facts, FactsPart::Full(_)));
}

#[test]
fn a_server_that_is_ahead_is_overtaken() {
    let pair = Pair::new();
    pair.server.lock().unwrap().counter = 500;
    pair.cycle(&mut pair.agent());
    let Counters(counter, _, _) = pair.heard()[0].counters;
    assert_eq!(counter, 501);
    // Also by an agent that was started anew.
    pair.cycle(&mut pair.agent());
    assert!(pair.heard()[0].counters.0 > 501);
}

#[test]
fn outcomes_are_said_until_they_are_settled_and_again_when_they_are_wanted() {
    use crate::execute::tests::device::{OPENS, order};
    let pair = Pair::new();
    pair.device.send(&order(1, 1));
    pair.device.run_until(OPENS + 60);
    let mut agent = pair.agent();
    for _ in 0..2 {
        pair.cycle(&mut agent);
        assert_eq!(pair.heard()[0].outcomes.len(), 1);
    }
    pair.server.lock().unwrap().settles = true;
    pair.cycle(&mut agent);
    assert_eq!(pair.heard()[0].looks.len(), 1);
    pair.cycle(&mut agent);
    assert!(pair.heard()[0].outcomes.is_empty());
    pair.server.lock().unwrap().wants_outcomes = true;
    pair.cycle(&mut agent);
    let heard = pair.heard();
    assert_eq!(heard.last().unwrap().outcomes.len(), 1);
    assert!(!heard.last().unwrap().outcomes[0].order.is_empty());
    // After thirty days it is gone, with the folders of its steps.
    pair.device.clock.set(at(OPENS + 31 * 86_400));
    pair.cycle(&mut agent);
    pair.server.lock().unwrap().wants_outcomes = true;
    pair.heard();
    pair.cycle(&mut agent);
    assert!(pair.heard().last().unwrap().outcomes.is_empty());
    assert_eq!(
        files::list(&pair.device.folder.orders(), "").unwrap().len(),
        0
    );
}

#[test]
fn orders_are_laid_into_the_spool_as_they_came() {
    let pair = Pair::new();
    pair.server.lock().unwrap().orders = vec!["one".into(), "two".into(), "one".into()];
    let cycle = pair.cycle(&mut pair.agent());
    assert_eq!(cycle.orders, 3);
    let files = files::list(&pair.device.folder.spool_in(), ".order").unwrap();
    let mut texts: Vec<String> = files
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    texts.sort();
    assert_eq!(texts, ["one", "two"]);
}
