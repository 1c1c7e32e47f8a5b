//! The network half: says what the device is like, hears what is wanted, and carries orders to the
//! spool. It has no say over what is done to the device.
//!
//! Every message may be lost or come twice: the server knows it by its counter, and whatever was not
//! acknowledged is said again.

pub mod changelogs;
pub mod collect;
pub mod memory;

use std::sync::Arc;

use backends::Backend;
use domain::clock::Clock;
use domain::device::AgentAbilities;
use domain::id::OrderId;
use ed25519_dalek::SigningKey;
use jiff::{SignedDuration, Timestamp};
use protocol::limits::{BODY_BYTES_MAX, ORDERS_MAX, OUTCOMES_MAX};
use protocol::sync::{
    Changelog, FactsPart, InventoryPart, ShortDigest, Sync, SyncReply, Want, WantedChangelog,
};
use protocol::{Envelope, MessageType, SignerKind};
use sha2::{Digest as _, Sha256};

use self::changelogs::Budget;
use self::collect::Snapshot;
use self::memory::Memory;
use crate::execute::intake::{Contact, Report, Standing};
use crate::failure::Failure;
use crate::files;
use crate::folder::StateFolder;
use crate::guardrails::Guardrails;
use crate::identity::{self, Identity};
use crate::link::{Link, LinkError};
use crate::platform;

/// Payloads from this size on are packed.
const PACKED_FROM_BYTES: usize = 1024;
/// How often the server may ask for more in one cycle; then the rest waits for the next.
const ROUNDS_MAX: usize = 64;
/// What was settled is kept so long, for a server that lost its memory.
const KEPT_DAYS: i64 = 30;
/// A connection is not kept open for longer waits: the server has many devices.
const KEEP_ALIVE_SECONDS: u32 = 60;
/// A look is made anew after this time also when nothing seems to have changed.
const LOOK_HOURS: i64 = 4;

/// What carries a message to the server and its answer back: the seam for tests.
type Line = Box<dyn FnMut(&Envelope) -> Result<SyncReply, LinkError> + Send>;

/// The network half.
pub struct Checkin {
    folder: StateFolder,
    identity: Identity,
    key: SigningKey,
    line: Line,
    memory: Memory,
    backend: Arc<dyn Backend>,
    clock: Arc<dyn Clock>,
    snapshot: Option<Snapshot>,
    looked: Option<Looked>,
    /// What the server was told that this agent can do.
    abilities: Option<AgentAbilities>,
}

/// What stood when the device was last looked at.
#[derive(Debug, PartialEq)]
struct Looked {
    mark: platform::ChangeMark,
    /// Reports of orders: after each the device is another, also where no package changed.
    reports: usize,
    at: Timestamp,
}

/// What the server wants in the next message.
#[derive(Debug, Default)]
struct Wanted {
    inventory: bool,
    facts: bool,
    agent: bool,
    outcomes: bool,
    changelogs: Vec<Changelog>,
}

/// What came of a cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle {
    /// When to come again, in seconds.
    pub next_seconds: u32,
    /// Opens the wake stream.
    pub wake: String,
    /// Changelogs that are still wanted.
    pub changelogs_left: usize,
    /// Whether an order came.
    pub orders: usize,
}

impl Checkin {
    /// Makes the network half of an enrolled device.
    ///
    /// # Errors
    /// When the device is not enrolled or its files cannot be used.
    pub fn open(
        folder: StateFolder,
        backend: Arc<dyn Backend>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Failure> {
        let identity = Identity::need(&folder)?;
        let key = identity::load_key(&folder)?;
        let memory = Memory::load(&folder)?;
        let mut link = Link::new(identity.server.clone(), identity.pin);
        Ok(Self {
            line: Box::new(move |envelope| {
                let reply = link.sync(envelope)?;
                let more = !reply.wants.is_empty() || !reply.changelogs.is_empty();
                if !more && reply.next_seconds > KEEP_ALIVE_SECONDS {
                    link.rest();
                }
                Ok(reply)
            }),
            folder,
            identity,
            key,
            memory,
            backend,
            clock,
            snapshot: None,
            looked: None,
            abilities: None,
        })
    }

    /// What it remembers.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// What the last look saw.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }

    /// What stood when the device was last looked at, for noticing that it changed.
    pub fn looked_mark(&self) -> Option<&platform::ChangeMark> {
        self.looked.as_ref().map(|looked| &looked.mark)
    }

    /// Forgets the last look, so that the next cycle looks anew.
    pub fn look_anew(&mut self) {
        self.looked = None;
    }

    /// Notes that the package lists were fetched.
    pub fn note_refresh(&mut self) -> Result<(), Failure> {
        self.memory.refreshed_at = Some(self.clock.now());
        self.looked = None;
        self.memory.save(&self.folder)
    }

    /// Looks where a look is due, checks in, and answers what the server wants at once.
    ///
    /// # Errors
    /// When the server gave no usable answer or files of the agent cannot be used.
    pub fn cycle(
        &mut self,
        budget: &mut Budget,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Cycle, Failure> {
        self.look_if_due(progress)?;
        let mut wanted = Wanted::default();
        let mut orders = 0;
        for round in 1.. {
            let reply = self.exchange(&wanted)?;
            orders += self.lay_orders_down(&reply.orders)?;
            self.settle(&reply.settled)?;
            self.prune()?;
            wanted = self.wanted(&reply.wants);
            if !budget.is_used_up() && !reply.changelogs.is_empty() {
                wanted.changelogs = self.changelogs(&reply.changelogs, budget, progress);
            }
            if wanted.is_empty() || round >= ROUNDS_MAX {
                return Ok(Cycle {
                    next_seconds: reply.next_seconds,
                    wake: reply.wake,
                    changelogs_left: reply.changelogs.len(),
                    orders,
                });
            }
        }
        unreachable!("the loop counts up to its limit and returns there")
    }

    fn look_if_due(&mut self, progress: &mut dyn FnMut(&str)) -> Result<(), Failure> {
        let standing: Standing = files::read_json(&self.folder.progress())?.unwrap_or_default();
        if self.snapshot.is_some() && standing.is_working() {
            // What is half done is nothing to report; the look after it tells.
            return Ok(());
        }
        let now = self.clock.now();
        let stands = Looked {
            mark: platform::change_mark(),
            reports: files::list(&self.folder.spool_out(), ".report")?.len()
                + files::list(&self.folder.spool_kept(), ".report")?.len(),
            at: now,
        };
        let due = self.looked.as_ref().is_none_or(|before| {
            let age = now.duration_since(before.at);
            before.mark != stands.mark
                || before.reports != stands.reports
                || age < SignedDuration::ZERO
                || age.as_hours() >= LOOK_HOURS
        });
        if due {
            self.snapshot = Some(collect::collect(self.backend.as_ref(), now, progress)?);
            // Looking itself may write caches: what counts is what stood there before it.
            self.looked = Some(stands);
        }
        Ok(())
    }

    /// One message and its answer; a counter that the server has seen is passed over.
    fn exchange(&mut self, wanted: &Wanted) -> Result<SyncReply, Failure> {
        for _ in 0..3 {
            let sync = self.compose(wanted)?;
            let sent_at = self.clock.now();
            let envelope = self.seal(&sync)?;
            match (self.line)(&envelope) {
                Ok(reply) => {
                    self.heard(&sync, &reply, sent_at)?;
                    return Ok(reply);
                }
                Err(LinkError::CounterBehind { counter }) if counter >= self.memory.counter => {
                    self.memory.counter = counter;
                    self.memory.save(&self.folder)?;
                }
                Err(problem) => return Err(problem.into()),
            }
        }
        Err(
            Failure::refused("the server has seen every counter that this device tried").hint(
                "does another device use a copy of this state folder? Enrol one of them again",
            ),
        )
    }

    fn compose(&mut self, wanted: &Wanted) -> Result<Sync, Failure> {
        let standing: Standing = files::read_json(&self.folder.progress())?.unwrap_or_default();
        let counters = self.memory.next_counters(&self.folder, standing.sequence)?;
        let snapshot = self.snapshot.as_ref().ok_or_else(|| {
            Failure::refused("nothing was looked at yet, so there is nothing to say")
        })?;
        let rails = Guardrails::read(self.folder.root());
        let abilities = crate::abilities(self.backend.privileged(), &rails);
        let agent =
            (wanted.agent || self.abilities.as_ref() != Some(&abilities)).then_some(abilities);
        let facts = if !wanted.facts && self.memory.facts.as_ref() == Some(&snapshot.mark) {
            FactsPart::Same(snapshot.mark.clone())
        } else {
            FactsPart::Full(Box::new(snapshot.facts.clone()))
        };
        let (outcomes, looks) = self.reports(wanted.outcomes)?;
        Ok(Sync {
            device: self.identity.device,
            at: self.clock.now().as_second(),
            counters,
            inventory: self.inventory_part(snapshot, wanted.inventory),
            facts,
            agent,
            progress: standing.progress,
            outcomes,
            looks,
            changelogs: wanted.changelogs.clone(),
        })
    }

    fn inventory_part(&self, snapshot: &Snapshot, full: bool) -> InventoryPart {
        let now = &snapshot.inventory;
        let everything = || InventoryPart::Full {
            full: now.to_text(),
        };
        if full {
            return everything();
        }
        if self.memory.inventory == Some(now.digest()) {
            return InventoryPart::Same(ShortDigest(now.digest()));
        }
        match self.memory.base(&self.folder) {
            Some(base) => InventoryPart::Delta(base.delta_to(now)),
            None => everything(),
        }
    }

    /// Reports that wait to be settled; with those that were, when the server lost its memory.
    fn reports(
        &self,
        all: bool,
    ) -> Result<
        (
            Vec<protocol::sync::OutcomeReport>,
            Vec<domain::proof::SecondLook>,
        ),
        Failure,
    > {
        let mut paths = files::list(&self.folder.spool_out(), ".report")?;
        if all {
            paths.extend(files::list(&self.folder.spool_kept(), ".report")?);
        }
        let mut bytes_left = BODY_BYTES_MAX / 2;
        let (mut outcomes, mut looks) = (vec![], vec![]);
        for path in paths.into_iter().take(OUTCOMES_MAX) {
            let Some(bytes) = files::read(&path)? else {
                continue;
            };
            let Ok(report) = serde_json::from_slice::<Report>(&bytes) else {
                crate::say(&format!(
                    "{} cannot be read and is left out",
                    path.display()
                ));
                continue;
            };
            if bytes.len() > bytes_left {
                break;
            }
            bytes_left -= bytes.len();
            outcomes.push(report.outcome);
            looks.extend(report.look);
        }
        Ok((outcomes, looks))
    }

    fn seal(&self, sync: &Sync) -> Result<Envelope, Failure> {
        let payload = serde_json::to_vec(sync).expect("a message is plain data");
        let (message, payload) = if payload.len() > PACKED_FROM_BYTES {
            (MessageType::SyncPacked, protocol::packing::pack(&payload))
        } else {
            (MessageType::Sync, payload)
        };
        if payload.len() > BODY_BYTES_MAX {
            return Err(Failure::refused(format!(
                "the report has {} bytes, more than the {BODY_BYTES_MAX} that a server takes",
                payload.len()
            )));
        }
        Ok(Envelope::sign(
            message,
            payload,
            SignerKind::Device,
            &self.key,
        ))
    }

    /// Takes down what the server acknowledged with its answer.
    fn heard(&mut self, sync: &Sync, reply: &SyncReply, at: Timestamp) -> Result<(), Failure> {
        if reply.counter != sync.counters.0 {
            return Err(Failure::refused(format!(
                "the server answered message {} instead of {}",
                reply.counter, sync.counters.0
            )));
        }
        self.memory.answered = self.memory.answered.max(reply.counter);
        if let Some(snapshot) = &self.snapshot {
            if !reply.wants.contains(&Want::Inventory) {
                self.memory.acknowledge(&self.folder, &snapshot.inventory)?;
            }
            self.memory.facts =
                (!reply.wants.contains(&Want::Facts)).then(|| snapshot.mark.clone());
        }
        if sync.agent.is_some() {
            self.abilities = sync.agent.clone();
        }
        self.memory.contact_at = Some(at);
        self.memory.mode = Some(reply.mode);
        self.memory.save(&self.folder)?;
        let contact = Contact {
            at,
            mode: reply.mode,
        };
        Ok(files::write_json(&self.folder.contact(), &contact)?)
    }

    fn wanted(&self, wants: &[Want]) -> Wanted {
        Wanted {
            inventory: wants.contains(&Want::Inventory),
            facts: wants.contains(&Want::Facts),
            agent: wants.contains(&Want::Agent),
            outcomes: wants.contains(&Want::Outcomes),
            changelogs: vec![],
        }
    }

    fn changelogs(
        &self,
        wanted: &[WantedChangelog],
        budget: &mut Budget,
        progress: &mut dyn FnMut(&str),
    ) -> Vec<Changelog> {
        let Some(snapshot) = &self.snapshot else {
            return vec![];
        };
        let mut found = changelogs::read(
            self.backend.as_ref(),
            &self.folder,
            snapshot,
            wanted,
            budget,
            progress,
        );
        let mut bytes_left = protocol::limits::UNPACKED_BYTES_MAX / 4;
        found.retain(|changelog| {
            let size = serde_json::to_vec(changelog).map_or(usize::MAX, |text| text.len());
            let fits = size <= bytes_left;
            bytes_left -= if fits { size } else { 0 };
            fits
        });
        found
    }

    /// Lays orders into the spool as they came. The executing half judges them, not this one.
    fn lay_orders_down(&self, orders: &[String]) -> Result<usize, Failure> {
        for order in orders.iter().take(ORDERS_MAX) {
            let name: String = Sha256::digest(order.as_bytes())
                .iter()
                .take(16)
                .map(|byte| format!("{byte:02x}"))
                .collect();
            let path = self.folder.spool_in().join(format!("{name}.order"));
            if !path.exists() {
                files::write(&path, order.as_bytes())?;
            }
        }
        Ok(orders.len())
    }

    /// Puts away reports that are durable at the server.
    fn settle(&self, settled: &[OrderId]) -> Result<(), Failure> {
        if settled.is_empty() {
            return Ok(());
        }
        for path in files::list(&self.folder.spool_out(), ".report")? {
            let name = file_name(&path);
            let is_settled = settled
                .iter()
                .any(|order| name.starts_with(&format!("{order}-")));
            if is_settled {
                let kept = self.folder.spool_kept().join(&name);
                std::fs::rename(&path, &kept).map_err(files::write_error(&kept))?;
            }
        }
        Ok(())
    }

    /// Removes what was kept long enough, with the folders of its steps.
    fn prune(&self) -> Result<(), Failure> {
        let oldest = self
            .clock
            .now()
            .checked_sub(SignedDuration::from_hours(24 * KEPT_DAYS))
            .unwrap_or(Timestamp::UNIX_EPOCH);
        for path in files::list(&self.folder.spool_kept(), ".report")? {
            let report: Option<Report> = files::read_json(&path).ok().flatten();
            let old = report.is_none_or(|report| report.outcome.outcome.ended_at < oldest);
            if old {
                files::remove(&path)?;
                let steps = file_name(&path);
                let steps = steps.strip_suffix(".report").unwrap_or(&steps);
                let _ = std::fs::remove_dir_all(self.folder.orders().join(steps));
            }
        }
        Ok(())
    }
}

impl Wanted {
    fn is_empty(&self) -> bool {
        !self.inventory
            && !self.facts
            && !self.agent
            && !self.outcomes
            && self.changelogs.is_empty()
    }
}

fn file_name(path: &std::path::Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
