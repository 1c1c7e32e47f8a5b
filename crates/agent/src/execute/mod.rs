//! The executing half: takes orders from the spool, drives each through the machine, and tells.
//!
//! It takes nothing but files in the spool folder, and checks them itself, also while both halves are
//! one process. Each state is in the journal before its effects are done. Whatever changes the device
//! runs outside the agent ([`job`]), so the end of the agent is never the end of a package manager.

pub mod intake;
pub mod job;
pub mod look;
mod memory;
mod preflight;
mod processes;
mod report;
mod steps;
pub mod transaction;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backends::Backend;
use domain::clock::Clock;
use domain::id::OrderId;
use domain::order::{Action, Order, OrderItem, Switch};
use jiff::Timestamp;
use protocol::TrustedKey;
use protocol::sync::Step;

use self::intake::{Contact, Standing, Verdict};
use self::job::{JobFolder, JobKind};
use self::memory::Record;
pub use self::processes::Processes;
use crate::failure::Failure;
use crate::files;
use crate::folder::StateFolder;
use crate::identity::Identity;
use crate::journal::Journal;
use crate::machine::{self, Closing, Effect, Event, State, Terms};

/// How long a step that was started may stay without a sign of life.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// How long what has ended is remembered, in days; then the sequence alone refuses a replay.
const REMEMBERED_DAYS: i64 = 40;
/// The journal is written anew above this size.
const JOURNAL_BYTES_COMPACT: u64 = 1024 * 1024;
/// Most bytes of one order in the spool.
const ORDER_BYTES_MAX: usize = 1024 * 1024;

/// Starts steps outside the agent.
pub trait Transactions: Send {
    /// Starts the step in this folder.
    ///
    /// # Errors
    /// When it could not be started at all.
    fn start(&mut self, folder: &JobFolder, name: &str) -> std::io::Result<()>;

    /// Whether a step that was started here can still come to life.
    fn may_live(&mut self, folder: &JobFolder) -> bool;
}

/// What the executing half tells the network half, without content.
pub type Nudge = Box<dyn Fn() + Send>;

/// An order on this device.
#[derive(Debug, Clone)]
pub struct Held {
    /// The order.
    pub order: Order,
    /// As it was signed, base64.
    pub envelope: String,
    /// Where it stands.
    pub state: State,
    closing: Option<Closing>,
    told_at: Option<Timestamp>,
    /// The step that runs for it.
    running: Option<Running>,
    /// Whether leftovers were repaired in this preflight.
    repaired: bool,
    /// Whether the look before the start is past what may only hold it up: the order has begun.
    looking: bool,
    look: Option<domain::proof::SecondLook>,
}

#[derive(Debug, Clone)]
struct Running {
    kind: JobKind,
    folder: JobFolder,
    since: Instant,
}

impl Held {
    fn new(order: Order, envelope: String) -> Self {
        Self {
            order,
            envelope,
            state: State::Idle,
            closing: None,
            told_at: None,
            running: None,
            repaired: false,
            looking: false,
            look: None,
        }
    }

    fn terms(&self) -> Terms {
        terms_of(&self.order)
    }

    fn items(&self) -> &[OrderItem] {
        match &self.order.action {
            Action::Install { items, .. } => items,
            Action::Cancel => &[],
        }
    }

    fn restarts(&self) -> Switch {
        match &self.order.action {
            Action::Install {
                restart_services, ..
            } => *restart_services,
            Action::Cancel => Switch::Off,
        }
    }

    /// How far it is, in the words of the link.
    pub fn step(&self) -> Step {
        match &self.state {
            State::Preflight { .. } if self.looking => Step::Downloading,
            State::Idle
            | State::Received { .. }
            | State::Waiting { .. }
            | State::Preflight { .. } => Step::Taken,
            State::Downloading { .. } => Step::Downloading,
            State::Installing { .. } | State::Recovering { .. } => Step::Installing,
            State::Checking { .. } | State::Restarting { .. } => Step::Restarting,
            State::Verifying { .. } | State::Reported { .. } => Step::Verifying,
        }
    }
}

fn terms_of(order: &Order) -> Terms {
    Terms {
        order: order.order,
        generation: order.generation,
        sequence: order.sequence,
        opens_at: order.opens_at,
        closes_at: order.closes_at,
        contact_within_seconds: order.contact_within_seconds,
    }
}

/// The executing half.
pub struct Executor {
    folder: StateFolder,
    identity: Identity,
    trusted: Vec<TrustedKey>,
    backend: Arc<dyn Backend>,
    clock: Arc<dyn Clock>,
    transactions: Box<dyn Transactions>,
    journal: Journal,
    held: BTreeMap<OrderId, Held>,
    last_seen: u64,
    nudge: Nudge,
    told: Option<Standing>,
    /// Stops after so many records, as if killed there: for tests.
    #[cfg(test)]
    pub(crate) records_left: Option<usize>,
}

/// What the executing half is made of.
pub struct Parts {
    /// The state folder.
    pub folder: StateFolder,
    /// Who this device is.
    pub identity: Identity,
    /// The package manager.
    pub backend: Arc<dyn Backend>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// What starts steps outside the agent.
    pub transactions: Box<dyn Transactions>,
    /// Called when there is news, or a word with the server is needed.
    pub nudge: Nudge,
}

impl Executor {
    /// Opens the journal and goes on where it ends.
    ///
    /// # Errors
    /// When the journal cannot be used.
    pub fn open(parts: Parts) -> Result<Self, Failure> {
        let opened = Journal::open::<Record>(&parts.folder.journal())?;
        if opened.cut_bytes > 0 {
            crate::say(&format!(
                "the journal's last record was torn ({} bytes); it was cut off",
                opened.cut_bytes
            ));
        }
        let mut executor = Self {
            trusted: parts.identity.trusted()?,
            folder: parts.folder,
            identity: parts.identity,
            backend: parts.backend,
            clock: parts.clock,
            transactions: parts.transactions,
            journal: opened.journal,
            held: BTreeMap::new(),
            last_seen: 0,
            nudge: parts.nudge,
            told: None,
            #[cfg(test)]
            records_left: None,
        };
        for record in opened.records {
            executor.replay(record);
        }
        Ok(executor)
    }

    /// Does again what the journal says was begun. Once, before the first turn.
    ///
    /// # Errors
    /// When files of the agent cannot be used.
    pub fn resume(&mut self) -> Result<(), Failure> {
        for id in self.ids() {
            let held = &self.held[&id];
            let known = held.state.terms().map(|terms| terms.generation);
            if known != Some(held.order.generation) {
                // Killed between taking the order and its first state.
                let event = if intake::is_cancel(&held.envelope) {
                    Event::Withdrawn(held.terms())
                } else {
                    first_event(&held.order)
                };
                self.apply(id, event)?;
                continue;
            }
            if let (Some(closing), None) = (held.closing.clone(), held.told_at) {
                self.tell(id, closing)?;
            }
            for effect in machine::resume(&self.held[&id].state) {
                self.perform(id, effect, Origin::Resumed)?;
            }
        }
        self.publish()
    }

    /// One turn: new orders, time, steps that ended. Returns how long it may wait for the next.
    ///
    /// # Errors
    /// When files of the agent cannot be used.
    pub fn turn(&mut self) -> Result<Duration, Failure> {
        self.take_orders()?;
        for id in self.ids() {
            self.watch(id)?;
        }
        let contact = self.contact();
        for id in self.ids() {
            self.tick(id, contact)?;
        }
        self.publish()?;
        if self.journal.length_bytes() > JOURNAL_BYTES_COMPACT {
            self.compact()?;
        }
        Ok(self.pause())
    }

    /// All orders that are held, oldest first.
    pub fn held(&self) -> impl Iterator<Item = &Held> {
        self.held.values()
    }

    fn ids(&self) -> Vec<OrderId> {
        let mut ids: Vec<OrderId> = self.held.keys().copied().collect();
        ids.sort_by_key(|id| {
            let order = &self.held[id].order;
            (order.opens_at, order.sequence)
        });
        ids
    }

    fn pause(&self) -> Duration {
        let running = self.held.values().any(|held| held.running.is_some());
        let open = self.held.values().any(|held| !held.state.is_final());
        match (running, open) {
            (true, _) => Duration::from_millis(200),
            (false, true) if clock::IS_TEST_CLOCK => Duration::from_millis(500),
            (false, true) => Duration::from_secs(5),
            (false, false) => Duration::from_secs(60),
        }
    }

    fn contact(&self) -> Option<Contact> {
        files::read_json(&self.folder.contact()).ok().flatten()
    }

    fn take_orders(&mut self) -> Result<(), Failure> {
        let mut orders = vec![];
        for path in files::list(&self.folder.spool_in(), ".order")? {
            let bytes = files::read(&path)?.unwrap_or_default();
            let text = if bytes.len() > ORDER_BYTES_MAX {
                String::new()
            } else {
                String::from_utf8_lossy(&bytes).into_owned()
            };
            orders.push((intake::claimed_sequence(&text), path, text));
        }
        // In the order in which they were given: taken the other way round, the later one would make
        // the earlier one a replay.
        orders.sort();
        for (_, path, text) in orders {
            let verdict = intake::judge(
                &text,
                self.identity.device,
                &self.trusted,
                self.last_seen,
                |id| {
                    let held = self.held.get(&id)?;
                    Some((held.order.generation, held.order.sequence))
                },
            );
            match verdict {
                Verdict::Known => {}
                Verdict::Good(order) => self.take(*order, text.trim().to_owned())?,
                Verdict::Bad(claim, refusal) => self.turn_down(claim, refusal, text.trim())?,
            }
            files::remove(&path)?;
        }
        Ok(())
    }

    fn take(&mut self, order: Order, envelope: String) -> Result<(), Failure> {
        let id = order.order;
        let event = first_event(&order);
        let too_late = self.held.get(&id).is_some_and(|held| {
            let (after, _) = machine::step(held.state.clone(), event.clone(), self.clock.now());
            after == held.state
        });
        self.last_seen = self.last_seen.max(order.sequence);
        if too_late {
            // The end of the generation that began will tell.
            let sequence = order.sequence;
            return self.record(&Record::Seen { sequence });
        }
        self.record(&Record::Taken {
            envelope: envelope.clone(),
            order: order.clone(),
        })?;
        self.adopt(order, envelope);
        self.apply(id, event)
    }

    fn tick(&mut self, id: OrderId, contact: Option<Contact>) -> Result<(), Failure> {
        let held = &self.held[&id];
        if held.state.is_final() {
            return Ok(());
        }
        let now = self.clock.now();
        let other_works = self
            .held
            .iter()
            .any(|(other, held)| *other != id && held.state.is_busy());
        let waits = matches!(held.state, State::Waiting { .. });
        if waits && other_works && held.terms().is_open(now) {
            return Ok(());
        }
        let contact = contact.map(|contact| contact.at);
        self.apply(id, Event::Tick { contact })
    }

    /// Lets an event happen: journal first, then effects.
    fn apply(&mut self, id: OrderId, event: Event) -> Result<(), Failure> {
        let Some(held) = self.held.get_mut(&id) else {
            return Ok(());
        };
        let before = held.state.clone();
        let (after, effects) = machine::step(before.clone(), event, self.clock.now());
        let closing = effects.iter().find_map(|effect| match effect {
            Effect::Report(closing) => Some(closing.clone()),
            _ => None,
        });
        if after != before {
            self.record(&Record::Moved {
                order: id,
                state: after.clone(),
                closing: closing.clone(),
            })?;
            let held = self.held.get_mut(&id).expect("it was there a moment ago");
            if !matches!(after, State::Preflight { .. }) {
                held.repaired = false;
            }
            held.looking = false;
            held.state = after;
            held.closing = closing;
            held.told_at = None;
        }
        for effect in effects {
            self.perform(id, effect, Origin::Live)?;
        }
        Ok(())
    }

    fn perform(&mut self, id: OrderId, effect: Effect, origin: Origin) -> Result<(), Failure> {
        match effect {
            Effect::Prefetch if !self.may_change(id) => self.apply(id, Event::Prefetched),
            Effect::Prefetch | Effect::Download => self.begin(id, JobKind::Download, origin),
            Effect::SeekContact => {
                (self.nudge)();
                Ok(())
            }
            Effect::LookBefore => self.look_before(id),
            Effect::Install { attempt } => self.begin(id, JobKind::Install { attempt }, origin),
            Effect::Recover { attempt, round } => {
                self.job_folder(id, JobKind::Install { attempt })
                    .abandon()?;
                self.begin(id, JobKind::Recover { attempt, round }, origin)
            }
            Effect::FindOldCode => {
                let services = self.old_services(id);
                self.apply(id, Event::OldCodeFound { services })
            }
            Effect::Restart { services } => {
                self.note_restarts(id, &services)?;
                for service in &services {
                    if let Err(problem) = self.backend.restart_service(service) {
                        crate::say(&format!(
                            "cannot restart {service}: {}",
                            crate::failure::chain(&problem)
                        ));
                    }
                }
                self.apply(id, Event::Restarted)
            }
            Effect::LookAgain => self.look_again(id),
            Effect::Report(closing) => self.tell(id, closing),
        }
    }

    fn may_change(&self, id: OrderId) -> bool {
        self.backend.privileged()
            && !crate::guardrails::Guardrails::read(self.folder.root()).forbids_changes()
            && !self.held[&id].items().is_empty()
    }

    fn job_folder(&self, id: OrderId, kind: JobKind) -> JobFolder {
        let generation = self.held[&id].order.generation;
        JobFolder::at(
            self.folder
                .orders()
                .join(format!("{id}-g{generation}"))
                .join(kind.name()),
        )
    }

    fn old_services(&self, id: OrderId) -> Vec<String> {
        let held = &self.held[&id];
        if held.restarts() == Switch::Off {
            return vec![];
        }
        let inventory = self.backend.inventory().map(|read| read.inventory);
        let old = inventory.and_then(|inventory| self.backend.old_code(&inventory));
        match old {
            Ok(old) => look::services_to_restart(&old.unwrap_or_default(), held.items()),
            Err(problem) => {
                crate::say(&format!(
                    "cannot find services that run old code: {}",
                    crate::failure::chain(&problem)
                ));
                vec![]
            }
        }
    }

    /// Tells the network half how far everything is, where that changed.
    fn publish(&mut self) -> Result<(), Failure> {
        let standing = intake::standing(self.last_seen, self.held.values());
        if self.told.as_ref() != Some(&standing) {
            files::write_json(&self.folder.progress(), &standing)?;
            self.told = Some(standing);
            (self.nudge)();
        }
        Ok(())
    }
}

/// Whether an effect follows from an event now, or from the journal after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Live,
    Resumed,
}

fn first_event(order: &Order) -> Event {
    match order.action {
        Action::Install { .. } => Event::Offered(terms_of(order)),
        Action::Cancel => Event::Withdrawn(terms_of(order)),
    }
}

#[cfg(test)]
pub(crate) mod tests;
