//! A verified check-in: the short way for a quiet device, the whole way for all others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::access::{self, ClientScope};
use domain::changelog::ChangelogFacts;
use domain::device::Standing;
use domain::id::{DeviceId, OrderId};
use domain::inventory::{Digest, Inventory};
use domain::order::Order;
use domain::package::SourcePackage;
use engine::assess::{AssessInput, Assessment, findings};
use engine::decide::REACHABLE_SECONDS;
use engine::link::{
    CHANGELOG_ASKED_MINUTES, CheckIn, Counted, Effect, InventoryReport, LinkView, Reaction,
    SKEW_SECONDS_MAX, Want, changelogs_to_ask, counted, on_check_in,
};
use jiff::{SignedDuration, Timestamp};
use protocol::sync::{self, FactsPart, InventoryPart, Sync, SyncReply, WantedChangelog};
use protocol::{Envelope, MessageType, SignerKind};
use store::{LinkState, LinkUpdate, Tx};

use super::intake;
use super::known_keys::KnownKey;
use super::quiet::Quiet;
use super::writes::Writes;
use crate::assess;
use crate::loops::Look;
use crate::view::{self, Packages};
use crate::{LinkError, Result, Service, chance, clocks};

/// What a message came to.
pub(super) enum Answer {
    /// The bytes to send.
    Bytes(Vec<u8>),
    /// Older than what was seen.
    Behind(u64),
    /// Not for this way: take the whole one.
    WholeWay,
}

impl Service {
    /// Verifies a message and answers it.
    pub(super) async fn answered(
        self: &Arc<Self>,
        envelope: Envelope,
        known: KnownKey,
    ) -> Result<Vec<u8>, LinkError> {
        if envelope.message() == MessageType::Sync {
            let sync = intake::open(&envelope, known.device, known.key)?;
            if let Some(quiet) = self.quiet.get(known.device)
                && says_nothing_new(&sync, quiet, self.now())
            {
                match self.quiet_answer(&sync, quiet, known).await? {
                    Answer::Bytes(bytes) => return Ok(bytes),
                    Answer::Behind(counter) => return Err(LinkError::CounterBehind { counter }),
                    Answer::WholeWay => {}
                }
            }
            return self
                .on_own_thread(move |service| service.whole_answer(sync, known))
                .await;
        }
        self.on_own_thread(move |service| {
            let sync = intake::open(&envelope, known.device, known.key)?;
            service.whole_answer(sync, known)
        })
        .await
    }

    async fn on_own_thread(
        self: &Arc<Self>,
        job: impl FnOnce(&Self) -> Result<Vec<u8>, LinkError> + Send + 'static,
    ) -> Result<Vec<u8>, LinkError> {
        let service = Arc::clone(self);
        tokio::task::spawn_blocking(move || job(&service))
            .await
            .map_err(|defect| LinkError::Internal {
                what: format!("a check-in ended by a defect: {defect}"),
            })?
    }

    /// The short way: one small transaction, nothing loaded but the link.
    async fn quiet_answer(
        &self,
        sync: &Sync,
        quiet: Quiet,
        known: KnownKey,
    ) -> Result<Answer, LinkError> {
        let (InventoryPart::Same(digest), FactsPart::Same(mark)) = (&sync.inventory, &sync.facts)
        else {
            return Ok(Answer::WholeWay);
        };
        let (digest, mark) = (digest.0, mark.clone());
        let now = self.now();
        let (device, counters) = (known.device, sync.counters);
        let scope = scope_of(known);
        let wake = self.wake.token(device, now);
        let done = self.store.write(move |tx| -> Result<Answer> {
            let Some(link) = tx.link_get(device)? else {
                return Ok(Answer::WholeWay);
            };
            if let Some(answer) = answered_before(&link, counters.0) {
                return Ok(answer);
            }
            let same = link.standing == Standing::Level
                && link.inventory_digest == Some(digest)
                && link.facts_mark.as_deref() == Some(mark.as_str())
                && link.last_sequence == quiet.sequence
                && counters.1 <= link.counter
                && !was_away(&link, now);
            if !same {
                return Ok(Answer::WholeWay);
            }
            let reply = reply_bytes(&SyncReply {
                counter: counters.0,
                at: now.as_second(),
                mode: link.mode,
                next_seconds: quiet.next_seconds,
                wake,
                wants: Vec::new(),
                orders: Vec::new(),
                settled: Vec::new(),
                changelogs: Vec::new(),
            });
            let update = LinkUpdate {
                counter: counters.0,
                reply: Some(reply.clone()),
                acknowledged: counters.1,
                last_sequence: link.last_sequence,
                seen_at: now,
                inventory_confirmed: true,
            };
            tx.link_update(&scope, device, &update)?;
            Ok(Answer::Bytes(reply))
        });
        Ok(done.await?)
    }

    /// The whole way. Blocks.
    fn whole_answer(&self, sync: Sync, known: KnownKey) -> Result<Vec<u8>, LinkError> {
        let _held = self.locks.hold(known.device);
        let now = self.now();
        let quiet_message = is_quiet_message(&sync);
        let server_key = self.keys.order().verifying_key();
        let check_in = intake::check_in(sync, &server_key, now)?;
        let looks: Vec<OrderId> = check_in.looks.iter().map(|look| look.order).collect();
        let counter = check_in.counter;
        let (device, scope) = (known.device, scope_of(known));
        let read_scope = scope.clone();
        let told = match &check_in.inventory {
            InventoryReport::Full(inventory) => Some(inventory.digest()),
            InventoryReport::Same(_) | InventoryReport::Delta(_) => None,
        };
        let (link, view) = self
            .read(move |tx| link_view(tx, &read_scope, device, told, &looks, now))?
            .ok_or(LinkError::Signature)?;
        match answered_before(&link, counter) {
            Some(Answer::Bytes(bytes)) => return Ok(bytes),
            Some(Answer::Behind(counter)) => return Err(LinkError::CounterBehind { counter }),
            Some(Answer::WholeWay) | None => {}
        }
        let (writes, outcome) = self.decided(&check_in, quiet_message, link, view, known, now)?;
        let bytes = writes.update.reply.clone().unwrap_or_default();
        let news = writes.clocks.clone();
        if let Some(answer) = self.write(move |tx| writes.write(tx))? {
            return match answer {
                Answer::Bytes(bytes) => Ok(bytes),
                Answer::Behind(counter) => Err(LinkError::CounterBehind { counter }),
                Answer::WholeWay => Err(LinkError::Internal {
                    what: "a check-in was answered twice".to_owned(),
                }),
            };
        }
        self.clocks_learned(news);
        self.afterwards(device, &outcome);
        self.tell_others(device, &check_in.changelogs);
        Ok(bytes)
    }

    /// Has the engine decide, assesses where that is due, and puts together what is to be written.
    fn decided(
        &self,
        check_in: &CheckIn,
        quiet_message: bool,
        link: LinkState,
        view: LinkView,
        known: KnownKey,
        now: Timestamp,
    ) -> Result<(Writes, Outcome)> {
        let device = known.device;
        let jitter = u16::from_be_bytes(chance::bytes()?) % 1000;
        let reaction = on_check_in(&view, check_in, jitter, now);
        let first_since_start = self.wanted.of(device).is_none();
        let assessment = if reaction.assess || first_since_start {
            self.assessed_after(&view, &reaction, now)?
        } else {
            None
        };
        if let Some(assessment) = &assessment {
            let wanted = assessment.changelogs_wanted.clone();
            self.wanted.set(device, wanted);
        }
        let clocks = match &assessment {
            None => Vec::new(),
            Some(assessment) => {
                let known = self.clocks()?;
                clocks::news(&known, &assessment.findings, &view.device.findings, now)
            }
        };
        let asked = self.changelogs_asked(device, now)?;
        let reply = self.reply(&reaction, check_in.counter, device, &asked, now);
        let wants_nothing = self
            .wanted
            .of(device)
            .is_some_and(|wanted| wanted.is_empty());
        let sequence = sequence_after(&reaction, link.last_sequence);
        let is_quiet = quiet_message
            && assessment.is_none()
            && wants_nothing
            && is_quiet(&reaction, &reply, &view);
        let new_contact = was_away(&link, now);
        let outcome = Outcome {
            quiet: is_quiet.then_some(Quiet {
                sequence,
                next_seconds: reaction.reply.next_seconds,
            }),
            plan: assessment.is_some() || touches_orders(&reaction) || new_contact,
        };
        let confirmed = |effect: &Effect| matches!(effect, Effect::InventoryConfirmed);
        let writes = Writes {
            device,
            scope: scope_of(known),
            link_counter: link.counter,
            update: LinkUpdate {
                counter: check_in.counter,
                reply: Some(reply_bytes(&reply)),
                acknowledged: check_in.acknowledged,
                last_sequence: sequence,
                seen_at: now,
                inventory_confirmed: reaction.effects.iter().any(confirmed),
            },
            reaction,
            view,
            assessment,
            clocks,
            asked,
            new_contact,
            now,
        };
        Ok((writes, outcome))
    }

    /// Has other devices assessed that waited for a changelog that was just read.
    fn tell_others(&self, device: DeviceId, read: &[ChangelogFacts]) {
        for changelog in read {
            self.wanted.was_read(changelog);
            for other in self.wanted.waiting_for(changelog, device) {
                self.due.at_once(other, Look::Assess);
                self.planner.ring();
            }
        }
    }

    /// Where the device stands after the effects; `None`: not everything was reported yet.
    fn assessed_after(
        &self,
        view: &LinkView,
        reaction: &Reaction,
        now: Timestamp,
    ) -> Result<Option<Assessment>> {
        let mut inventory = view.device.inventory.as_ref();
        let mut facts = view.device.facts.as_ref();
        let mut read = BTreeMap::new();
        for effect in &reaction.effects {
            match effect {
                Effect::Inventory(new) => inventory = Some(new),
                Effect::Facts { facts: new, .. } => facts = Some(new),
                Effect::Changelog(changelog) => {
                    let source = SourcePackage {
                        name: changelog.source.clone(),
                        version: changelog.version.clone(),
                    };
                    read.insert(source, changelog.clone());
                }
                Effect::Seen { .. }
                | Effect::InventoryConfirmed
                | Effect::Agent(_)
                | Effect::Standing { .. }
                | Effect::Order(_)
                | Effect::ClockSkew { .. }
                | Effect::Odd { .. } => {}
            }
        }
        let (Some(inventory), Some(facts)) = (inventory, facts) else {
            return Ok(None);
        };
        let sources = assess::sources(facts);
        let mut changelogs = self.read(move |tx| assess::changelogs(tx, sources))?;
        changelogs.extend(read);
        let force = self.feeds.in_force();
        let judgements = force.judgements(inventory, facts, now);
        Ok(Some(findings(AssessInput {
            inventory,
            facts,
            changelogs: &changelogs,
            catalogues: &force.definitions.catalogues,
            judgements: &judgements,
            previous: &view.device.findings,
            now,
        })))
    }

    /// Which changelogs to ask this device for now.
    fn changelogs_asked(&self, device: DeviceId, now: Timestamp) -> Result<Vec<WantedChangelog>> {
        let wanted = self.wanted.of(device).unwrap_or_default();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let since = now
            .checked_sub(SignedDuration::from_mins(CHANGELOG_ASKED_MINUTES))
            .unwrap_or(Timestamp::MIN);
        let own: BTreeSet<usize> = wanted
            .iter()
            .enumerate()
            .filter(|(_, one)| self.wanted.was_asked_of(device, &one.source, &one.version))
            .map(|(at, _)| at)
            .collect();
        let asked = self.read(move |tx| {
            let mut asked = BTreeSet::new();
            for (index, one) in wanted.iter().enumerate() {
                let at = tx.changelog_asked_at(&one.source, &one.version)?;
                if at.is_some_and(|at| at > since) && !own.contains(&index) {
                    asked.insert(SourcePackage {
                        name: one.source.clone(),
                        version: one.version.clone(),
                    });
                }
            }
            Ok(changelogs_to_ask(&wanted, &asked)
                .into_iter()
                .map(|wanted| WantedChangelog {
                    source: wanted.source,
                    version: wanted.version,
                    package: wanted.package,
                    architecture: wanted.architecture,
                    candidate: wanted.candidate,
                    installed: wanted.installed,
                })
                .collect::<Vec<_>>())
        })?;
        for one in &asked {
            self.wanted.ask(device, &one.source, &one.version);
        }
        Ok(asked)
    }

    fn reply(
        &self,
        reaction: &Reaction,
        counter: u64,
        device: DeviceId,
        asked: &[WantedChangelog],
        now: Timestamp,
    ) -> SyncReply {
        let parts = &reaction.reply;
        let next_seconds = if asked.is_empty() {
            parts.next_seconds
        } else {
            parts
                .next_seconds
                .min(engine::link::CHECK_IN_WANTED_SECONDS)
        };
        SyncReply {
            counter,
            at: now.as_second(),
            mode: parts.mode,
            next_seconds,
            wake: self.wake.token(device, now),
            wants: parts.wants.iter().map(|want| want_word(*want)).collect(),
            orders: parts.send.iter().map(|order| self.signed(order)).collect(),
            settled: parts.settled.clone(),
            changelogs: asked.to_vec(),
        }
    }

    /// An order as it travels: signed by the server's order key.
    fn signed(&self, order: &Order) -> String {
        let payload = serde_json::to_vec(order).expect("an order is plain data");
        let envelope = Envelope::sign(
            MessageType::Order,
            payload,
            SignerKind::Server,
            self.keys.order(),
        );
        URL_SAFE_NO_PAD.encode(envelope.to_bytes())
    }

    fn afterwards(&self, device: DeviceId, outcome: &Outcome) {
        match outcome.quiet {
            Some(quiet) => self.quiet.remember(device, quiet),
            None => self.quiet.forget(device),
        }
        if outcome.plan {
            self.fleet.touched(device);
            self.due.at_once(device, Look::Plan);
            self.planner.ring();
        }
    }
}

/// What follows from a check-in beside its answer.
struct Outcome {
    /// What an equal check-in may be answered with.
    quiet: Option<Quiet>,
    /// Whether the device is to be planned anew.
    plan: bool,
}

fn scope_of(known: KnownKey) -> ClientScope {
    access::of_loops()
        .narrowed(known.client)
        .expect("the scope of the loops holds every client")
}

/// The stored answer, or the counter to go on from; `None`: the message is new.
pub(super) fn answered_before(link: &LinkState, counter: u64) -> Option<Answer> {
    match counted(counter, link.counter) {
        Counted::New => None,
        Counted::Again => Some(match &link.reply {
            Some(reply) => Answer::Bytes(reply.clone()),
            None => Answer::Behind(link.counter),
        }),
        Counted::Behind { counter } => Some(Answer::Behind(counter)),
    }
}

/// Whether a message carries nothing but "as before".
fn is_quiet_message(sync: &Sync) -> bool {
    matches!(sync.inventory, InventoryPart::Same(_))
        && matches!(sync.facts, FactsPart::Same(_))
        && sync.agent.is_none()
        && sync.progress.is_empty()
        && sync.outcomes.is_empty()
        && sync.looks.is_empty()
        && sync.changelogs.is_empty()
}

/// As above, and its clock and sequence are as they were when the answer was remembered.
fn says_nothing_new(sync: &Sync, quiet: Quiet, now: Timestamp) -> bool {
    is_quiet_message(sync)
        && sync.counters.2 == quiet.sequence
        && (sync.at - now.as_second()).abs() <= SKEW_SECONDS_MAX
}

/// Whether an equal check-in would be answered equally, whatever the time.
fn is_quiet(reaction: &Reaction, reply: &SyncReply, view: &LinkView) -> bool {
    let nothing_changed = reaction
        .effects
        .iter()
        .all(|effect| matches!(effect, Effect::Seen { .. } | Effect::InventoryConfirmed));
    let nothing_said = reply.wants.is_empty()
        && reply.orders.is_empty()
        && reply.settled.is_empty()
        && reply.changelogs.is_empty();
    let nothing_open = view.device.orders.iter().all(|order| {
        order.state.is_final() && order.proof.state != domain::proof::ProofState::Pending
            || (order.state.is_final() && !order.state.wants_proof())
    });
    nothing_changed && nothing_said && nothing_open
}

/// Whether the device did not speak for so long that the evaluator took it for unreachable.
fn was_away(link: &LinkState, now: Timestamp) -> bool {
    let limit = SignedDuration::from_secs(REACHABLE_SECONDS);
    link.last_seen
        .is_none_or(|seen| now.duration_since(seen) > limit)
}

fn touches_orders(reaction: &Reaction) -> bool {
    reaction.effects.iter().any(|effect| {
        matches!(
            effect,
            Effect::Order(_) | Effect::Standing { .. } | Effect::Agent(_) | Effect::Facts { .. }
        )
    })
}

fn sequence_after(reaction: &Reaction, before: u64) -> u64 {
    reaction
        .effects
        .iter()
        .find_map(|effect| match effect {
            Effect::Seen { sequence, .. } => Some(*sequence),
            _ => None,
        })
        .unwrap_or(before)
        .max(before)
}

fn want_word(want: Want) -> sync::Want {
    match want {
        Want::Inventory => sync::Want::Inventory,
        Want::Facts => sync::Want::Facts,
        Want::Agent => sync::Want::Agent,
        Want::Outcomes => sync::Want::Outcomes,
    }
}

fn reply_bytes(reply: &SyncReply) -> Vec<u8> {
    serde_json::to_vec(reply).expect("an answer is plain data")
}

/// Loads what the engine looks at; `None`: the device is gone. `told` is the digest of an inventory
/// that came in full: where it differs from the known one, that one is replaced whatever it holds,
/// and reading it would be half of the work.
fn link_view(
    tx: &mut Tx<'_>,
    scope: &ClientScope,
    device: DeviceId,
    told: Option<Digest>,
    looks: &[OrderId],
    now: Timestamp,
) -> Result<Option<(LinkState, LinkView)>> {
    let Some(link) = tx.link_get(device)? else {
        return Ok(None);
    };
    let packages = if told.is_some() && told != link.inventory_digest {
        Packages::Left
    } else {
        Packages::Loaded
    };
    let Some(view) = view::load(tx, scope, device, packages, now)? else {
        return Ok(None);
    };
    let mut before: BTreeMap<OrderId, Inventory> = BTreeMap::new();
    for order in view.orders.iter().filter(|order| looks.contains(&order.id)) {
        if let Some(known) = tx.inventory_at(scope, device, order.made_at)? {
            before.insert(order.id, known.inventory);
        }
    }
    let view = LinkView {
        device: view,
        counter: link.counter,
        facts_mark: link.facts_mark.clone(),
        before,
    };
    Ok(Some((link, view)))
}
