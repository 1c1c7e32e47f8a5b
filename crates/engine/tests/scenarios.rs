//! Stories that a person can read: `tests/scenarios/*.txt`, one step a line.
//!
//! Each step goes through the same functions that the server calls: check-in, assessment, plan. The
//! snapshot beside this file is the story with what the server did after each step.
//!
//! Steps: `at TIME`, `offers NAME FROM TO`, `withdraws NAME`, `approve|hold|deny QUERY LEVEL`,
//! `end decisions`, `mode observe|managed`, `syncs`, `server plans`, `begins`, `installs`, `claims`
//! (success, and nothing done), `fails`, `why NAME`, `backup`, `restore`.
#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "a test may stop at what cannot be"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use domain::cve::Catalogues;
use domain::decision::Level;
use domain::device::Mode;
use domain::finding::{DatedFinding, FindingState};
use domain::inventory::Inventory;
use domain::offer::Facts;
use domain::order::{Action, End, Order, Outcome};
use domain::policy::Policy;
use domain::proof::{Fact, SecondLook};
use engine::assess::{AssessInput, after_changes, changes, findings};
use engine::link::{
    CheckIn, Effect, FactsReport, InventoryReport, LinkView, OutcomeReport, Progress, Stage,
    on_check_in,
};
use engine::orders::{OrderAction, OrderChange, carried_out, plan};
use jiff::Timestamp;

mod view {
    pub use engine::view::DeviceView;
}

#[path = "../src/testing.rs"]
mod testing;

/// The device's side.
struct DeviceModel {
    facts: Facts,
    installed: Inventory,
    counter: u64,
    acknowledged: u64,
    sequence: u64,
    held: Option<(Order, Stage)>,
    /// Kept until settled; `kept` are all that the device ever reported.
    outcomes: Vec<OutcomeReport>,
    looks: Vec<SecondLook>,
    kept: Vec<(OutcomeReport, Option<SecondLook>)>,
    tell_all: bool,
}

struct World {
    now: Timestamp,
    server: LinkView,
    rules: Policy,
    backup: Option<LinkView>,
    device: DeviceModel,
    orders: u8,
    story: String,
}

impl World {
    fn new() -> Self {
        let mut server = LinkView {
            device: testing::view(),
            counter: 0,
            facts_mark: None,
            before: BTreeMap::new(),
        };
        let installed = server.device.inventory.take().unwrap();
        server.device.findings.clear();
        server.device.facts = None;
        Self {
            now: testing::monday(),
            server,
            rules: Policy {
                decisions: vec![],
                windows: vec![testing::window()],
                ..Policy::default()
            },
            backup: None,
            device: DeviceModel {
                facts: testing::facts(),
                installed,
                counter: 0,
                acknowledged: 0,
                sequence: 0,
                held: None,
                outcomes: vec![],
                looks: vec![],
                kept: vec![],
                tell_all: false,
            },
            orders: 0,
            story: String::new(),
        }
    }

    fn say(&mut self, what: impl std::fmt::Display) {
        writeln!(self.story, "    {what}").unwrap();
    }

    fn step(&mut self, line: &str) {
        writeln!(self.story, "{line}").unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["at", time] => self.now = time.parse().unwrap(),
            ["offers", name, from, to] => {
                let offers = &mut self.device.facts.offers.offers;
                offers.retain(|offer| offer.name.as_str() != *name);
                offers.push(testing::offer(name, Some(from), to));
            }
            ["withdraws", name] => {
                let offers = &mut self.device.facts.offers.offers;
                offers.retain(|offer| offer.name.as_str() != *name);
            }
            [word @ ("approve" | "hold" | "deny"), query, level] => {
                let level: Level = level.parse().unwrap();
                let number = u8::try_from(self.rules.decisions.len()).unwrap();
                let mut decision = testing::decision(number, word.parse().unwrap(), level, query);
                decision.decided_at = self.now;
                self.rules.decisions.push(decision);
            }
            ["end", "decisions"] => self.rules.decisions.clear(),
            ["mode", mode] => self.server.device.device.mode = mode.parse::<Mode>().unwrap(),
            ["syncs"] => self.sync(),
            ["server", "plans"] => self.plan(),
            ["begins"] => self.device.held.as_mut().unwrap().1 = Stage::Begun,
            ["installs"] => self.ends(End::Succeeded, true),
            ["claims"] => self.ends(End::Succeeded, false),
            ["fails"] => self.ends(End::Failed, false),
            ["why", name] => self.why(name),
            ["backup"] => self.backup = Some(self.server.clone()),
            ["restore"] => self.server = self.backup.clone().unwrap(),
            other => panic!("no such step: {other:?}"),
        }
    }

    fn why(&mut self, name: &str) {
        let finding = self.server.device.findings.iter().find(|dated| {
            dated.finding.patch.product() == name && dated.finding.state == FindingState::Missing
        });
        let sentence = match finding {
            Some(finding) => {
                let verdict =
                    engine::decide::evaluate(&self.server.device, finding, &self.rules, self.now);
                format!("{}: {}", verdict.verdict, verdict.sentence)
            }
            None => "nothing is missing".into(),
        };
        self.say(sentence);
    }

    /// What the device does with the order that it holds; the second look tells the truth.
    fn ends(&mut self, end: End, does: bool) {
        let (order, _) = self.device.held.take().unwrap();
        assert!(
            self.now >= order.opens_at && self.now < order.closes_at,
            "outside the window"
        );
        let Action::Install { items, .. } = &order.action else {
            panic!("a cancel")
        };
        if does {
            let mut packages: Vec<_> = self.device.installed.packages().cloned().collect();
            for item in items {
                let package = packages
                    .iter_mut()
                    .find(|package| package.name == item.name);
                package.unwrap().version = item.to.clone();
                let offers = &mut self.device.facts.offers.offers;
                offers.retain(|offer| offer.name != item.name);
            }
            self.device.installed = testing::inventory(&packages);
        }
        let look = self.looks_again(&order);
        let outcome = Outcome {
            order: order.order,
            generation: order.generation,
            sequence: order.sequence,
            end,
            reason: match end {
                End::Failed => "the postinst of openssl failed".into(),
                _ => String::new(),
            },
            refusal: None,
            items: vec![],
            restarted: vec![],
            kept_files: vec![],
            repaired: vec![],
            started_at: Some(self.now),
            ended_at: self.now,
            log: String::new(),
        };
        let report = OutcomeReport {
            outcome,
            order: Some(order),
        };
        self.device.kept.push((report.clone(), Some(look.clone())));
        self.device.outcomes.push(report);
        self.device.looks.push(look);
    }

    /// The second look, which reads the device anew.
    fn looks_again(&self, order: &Order) -> SecondLook {
        let Action::Install { items, .. } = &order.action else {
            panic!("a cancel")
        };
        let mut facts = vec![
            Fact::OldCode {
                running: Some(vec![]),
            },
            Fact::Unfinished { packages: vec![] },
        ];
        for item in items {
            let installed = self
                .device
                .installed
                .packages()
                .find(|p| p.name == item.name);
            facts.push(Fact::Installed {
                name: item.name.clone(),
                architecture: item.architecture.clone(),
                version: installed.map(|package| package.version.clone()),
                usable: true,
            });
            facts.push(Fact::Files {
                name: item.name.clone(),
                architecture: item.architecture.clone(),
                differing: Some(vec![]),
            });
        }
        SecondLook {
            order: order.order,
            looked_at: self.now,
            inventory: self.device.installed.digest(),
            facts,
        }
    }

    fn message(&mut self) -> CheckIn {
        let device = &mut self.device;
        device.counter += 1;
        if std::mem::take(&mut device.tell_all) {
            device.outcomes = device
                .kept
                .iter()
                .map(|(report, _)| report.clone())
                .collect();
            device.looks = device
                .kept
                .iter()
                .filter_map(|(_, look)| look.clone())
                .collect();
        }
        let held = device.held.iter();
        CheckIn {
            at: self.now,
            counter: device.counter,
            acknowledged: device.acknowledged,
            sequence: device.sequence,
            inventory: InventoryReport::Full(device.installed.clone()),
            facts: FactsReport::Full {
                facts: Box::new(device.facts.clone()),
                mark: format!("{}", device.counter),
            },
            agent: self.server.device.device.agent.clone(),
            progress: held
                .map(|(order, stage)| Progress {
                    order: order.order,
                    generation: order.generation,
                    stage: *stage,
                })
                .collect(),
            outcomes: device.outcomes.clone(),
            looks: device.looks.clone(),
            changelogs: vec![],
        }
    }

    fn sync(&mut self) {
        let message = self.message();
        let reaction = on_check_in(&self.server, &message, 0, self.now);
        for effect in reaction.effects {
            self.write(effect);
        }
        if reaction.assess {
            self.assess();
        }
        self.device.acknowledged = message.counter;
        let wants = &reaction.reply.wants;
        if wants.contains(&engine::link::Want::Outcomes) {
            self.device.tell_all = true;
            self.say("server wants everything that the device keeps");
        }
        let settled = reaction.reply.settled;
        self.device
            .outcomes
            .retain(|report| !settled.contains(&report.outcome.order));
        self.device
            .looks
            .retain(|look| !settled.contains(&look.order));
        for order in reaction.reply.send {
            self.receives(order);
        }
    }

    fn receives(&mut self, order: Order) {
        let number = order.order.bytes()[0];
        if order.sequence <= self.device.sequence {
            return self.say(format!(
                "device refuses order {number}: sequence seen before"
            ));
        }
        self.device.sequence = order.sequence;
        match &order.action {
            Action::Install { items, .. } => {
                let items: Vec<String> = items
                    .iter()
                    .map(|item| format!("{} {}", item.name, item.to))
                    .collect();
                self.say(format!(
                    "device takes order {number}.{}: {} from {} to {}",
                    order.generation,
                    items.join(", "),
                    order.opens_at,
                    order.closes_at
                ));
                self.device.held = Some((order, Stage::Taken));
            }
            Action::Cancel => {
                self.say(format!("device drops order {number}"));
                self.device.held = None;
            }
        }
    }

    fn write(&mut self, effect: Effect) {
        let device = &mut self.server.device;
        match effect {
            Effect::Seen {
                at,
                counter,
                sequence,
            } => {
                self.server.counter = counter;
                device.sequence = sequence;
                device.device.last_seen = Some(at);
            }
            Effect::InventoryConfirmed => device.device.inventory_at = Some(self.now),
            Effect::Inventory(inventory) => {
                device.inventory = Some(inventory);
                device.device.inventory_at = Some(self.now);
            }
            Effect::Facts { facts, mark } => {
                device.facts = Some(*facts);
                self.server.facts_mark = Some(mark);
            }
            Effect::Agent(agent) => device.device.agent = Some(agent),
            Effect::Standing { standing, reason } => {
                device.device.standing = standing;
                self.say(format!("device is {standing}: {reason}"));
            }
            Effect::Order(change) => self.keep(*change),
            Effect::Changelog(_) | Effect::ClockSkew { .. } => {}
            Effect::Odd { what } => self.say(format!("odd: {what}")),
        }
    }

    fn keep(&mut self, change: OrderChange) {
        let record = change.record;
        let number = record.id.bytes()[0];
        self.say(format!(
            "order {number}.{} is {}, {} {}",
            record.generation, record.state, record.proof.state, record.reason
        ));
        if let Some(ticket) = change.ticket {
            self.say(format!("ticket {}: {}", ticket.state, ticket.subject));
        }
        let device = &mut self.server.device;
        device.sequence = device.sequence.max(record.sequence);
        device.orders.retain(|old| old.id != record.id);
        device.orders.push(record);
    }

    fn assess(&mut self) {
        let device = &self.server.device;
        let assessment = findings(AssessInput {
            inventory: device.inventory.as_ref().unwrap(),
            facts: device.facts.as_ref().unwrap(),
            changelogs: &BTreeMap::new(),
            catalogues: &Catalogues::default(),
            judgements: &[],
            previous: &device.findings,
            now: self.now,
        });
        let transitions = changes(&device.findings, &assessment.findings, self.now);
        let after: Vec<DatedFinding> = after_changes(&device.findings, &transitions);
        for transition in &transitions {
            let finding = &transition.to.finding;
            let from = transition.from.map_or("new", FindingState::word);
            self.say(format!(
                "{from} -> {} {}: {}",
                finding.state, finding.patch, finding.why
            ));
        }
        self.server.device.findings = after;
    }

    fn plan(&mut self) {
        let planned = plan(&self.server.device, &self.rules, self.now);
        for action in &planned.actions {
            if matches!(action, OrderAction::Make { .. }) {
                self.orders += 1;
            }
            let id = testing::order_id(self.orders);
            let change = carried_out(action, &self.server.device, id, self.now).unwrap();
            self.keep(change);
        }
        for waiting in &planned.waiting {
            self.say(format!(
                "waits {}: {}",
                waiting.patch,
                waiting.reason.sentence()
            ));
        }
        let again = plan(&self.server.device, &self.rules, self.now);
        assert_eq!(again.actions, [], "the plan does not come to rest");
    }
}

fn tell(name: &str) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let text = std::fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap();
    let mut world = World::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(title) = line.strip_prefix('#') {
            writeln!(world.story, "#{title}").unwrap();
        } else {
            world.step(line);
        }
    }
    insta::assert_snapshot!(name, world.story);
}

#[test]
fn the_loop_from_finding_to_proof() {
    tell("the_loop");
}

#[test]
fn people_change_their_minds() {
    tell("people_change_their_minds");
}

#[test]
fn a_claim_and_a_failure() {
    tell("a_claim_and_a_failure");
}

#[test]
fn a_database_from_yesterday() {
    tell("a_database_from_yesterday");
}
