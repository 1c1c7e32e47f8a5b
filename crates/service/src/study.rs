//! Studies: the tickets for patches that a rule holds for somebody to decide.
//!
//! Driven by the planner, device by device: what a device waits for is compared with what is kept of it, and
//! only differences are written. A ticket is asked by the first device that waits for it and closes with the
//! last one, so that restarts, and looking twice, change nothing.

use std::collections::{BTreeMap, BTreeSet};

use domain::access;
use domain::id::{ClientId, DeviceId};
use domain::patch::PatchId;
use domain::policy::Policy;
use domain::ticket::{Ticket, TicketState};
use engine::decide::{AnswerDue, Evaluator, HeldForStudy};
use engine::view::DeviceView;
use jiff::Timestamp;
use store::{NewStudy, Study, Tx};

use crate::{Result, Service, audit, chance};

/// What a study is about: two with the same cause are one ticket.
fn cause(client: ClientId, rule: &str, patch: &PatchId) -> String {
    format!("study/{client}/{rule}/{patch}")
}

/// What is to be asked about one patch.
struct Asked {
    cause: String,
    subject: String,
    evidence: String,
    rule: String,
    patch: PatchId,
    owner: String,
    due: jiff::SignedDuration,
}

impl Asked {
    fn of(client: ClientId, held: &HeldForStudy<'_>) -> Self {
        let (rule, owner) = (held.rule.name.as_str(), held.study.owner.trim());
        let why = match held.rule.why.trim() {
            "" => String::new(),
            why => format!(" ({why})"),
        };
        Self {
            cause: cause(client, rule, held.patch),
            subject: format!("study {}, held by the rule {rule}", held.patch),
            evidence: format!("The rule {rule} holds it for {owner} to decide{why}."),
            rule: rule.to_owned(),
            patch: held.patch.clone(),
            owner: owner.to_owned(),
            due: held.study.due.elapsed(),
        }
    }

    fn due_at(&self, asked_at: Timestamp) -> Timestamp {
        asked_at.checked_add(self.due).unwrap_or(Timestamp::MAX)
    }

    /// Since when the ticket asks; `None`: it asks nothing now.
    fn since(ticket: &Ticket) -> Option<Timestamp> {
        let study = ticket.study.as_ref();
        let open = ticket.state == TicketState::Open;
        study.filter(|_| open).map(|study| study.asked_at)
    }

    /// Whether the ticket asks exactly this.
    fn stands(&self, ticket: &Ticket) -> bool {
        let (Some(study), Some(since)) = (&ticket.study, Self::since(ticket)) else {
            return false;
        };
        study.owner == self.owner
            && study.due_at == self.due_at(since)
            && ticket.subject == self.subject
            && ticket.evidence.first() == Some(&self.evidence)
    }
}

/// What is different about the studies that a device waits for.
struct Difference {
    device: DeviceId,
    client: ClientId,
    /// All that it waits for now.
    asked: Vec<Asked>,
    /// What it waited for and does not any more, with the reason.
    ended: Vec<(i64, String)>,
}

impl Service {
    /// Asks for what the rules hold on a device, and closes what nobody waits for any more. `known` is what
    /// the device waited for so far. Gives back when this is to be looked at again.
    pub(crate) fn study_device(
        &self,
        view: &DeviceView,
        rules: &Policy,
        known: &[Study],
        now: Timestamp,
    ) -> Result<Option<Timestamp>> {
        let may_ask = rules.rules.iter().any(|rule| rule.study.is_some());
        if !may_ask && known.is_empty() {
            return Ok(None);
        }
        let evaluator = Evaluator::new(view, rules, now);
        let studies = evaluator.studies();
        if studies.unreadable {
            // Who decides is not known: what was asked stays asked.
            return Ok(studies.look_again_at);
        }
        let client = view.device.client;
        let known: BTreeMap<&str, &Study> = known
            .iter()
            .map(|study| (study.ticket.cause.as_str(), study))
            .collect();
        let mut asked: Vec<Asked> = Vec::new();
        for held in &studies.held {
            let one = Asked::of(client, held);
            if held.missing || known.contains_key(one.cause.as_str()) {
                asked.push(one);
            }
        }
        let causes: BTreeSet<&str> = asked.iter().map(|one| one.cause.as_str()).collect();
        let mut ended = Vec::new();
        for study in known.values() {
            if causes.contains(study.ticket.cause.as_str()) {
                continue;
            }
            if let (Some(patch), Some(about)) = (study.ticket.patches.first(), &study.ticket.study)
            {
                ended.push((study.key, evaluator.answered(patch, &about.rule)));
            }
        }
        let stand = |one: &Asked| {
            let study = known.get(one.cause.as_str());
            study.is_some_and(|study| one.stands(&study.ticket))
        };
        if ended.is_empty() && asked.iter().all(stand) {
            return Ok(studies.look_again_at);
        }
        let difference = Difference {
            device: view.device.id,
            client,
            asked,
            ended,
        };
        self.write(move |tx| write(tx, &difference, now))?;
        Ok(studies.look_again_at)
    }
}

fn write(tx: &mut Tx<'_>, difference: &Difference, now: Timestamp) -> Result<()> {
    let scope = access::of_loops();
    let causes: Vec<String> = difference
        .asked
        .iter()
        .map(|one| one.cause.clone())
        .collect();
    let found = match causes.is_empty() {
        true => Vec::new(),
        false => tx.study_by_causes(&scope, &causes)?,
    };
    let found: BTreeMap<&str, &Study> = found
        .iter()
        .map(|study| (study.ticket.cause.as_str(), study))
        .collect();
    let mut keys = Vec::with_capacity(difference.asked.len());
    for one in &difference.asked {
        let standing = found.get(one.cause.as_str());
        if let Some(study) = standing.filter(|study| one.stands(&study.ticket)) {
            keys.push(study.key);
            continue;
        }
        let since = standing.and_then(|study| Asked::since(&study.ticket));
        let asked_at = since.unwrap_or(now);
        let study = tx.study_ask(
            &scope,
            &NewStudy {
                id: chance::id(now)?,
                cause: one.cause.clone(),
                subject: one.subject.clone(),
                client: difference.client,
                rule: one.rule.clone(),
                patch: one.patch.clone(),
                owner: one.owner.clone(),
                asked_at,
                due_at: one.due_at(asked_at),
                evidence: vec![one.evidence.clone()],
                now,
            },
        )?;
        keys.push(study.key);
        let entry = audit::by_server(now, "study.ask", study.ticket.id)
            .of(difference.client)
            .saying(format_args!("{}, by {}", one.subject, one.owner));
        tx.audit_add(&entry.0)?;
    }
    tx.study_wait(&scope, difference.device, &keys)?;
    close(tx, difference, now)
}

/// Closes the tickets that no device waits for any more.
fn close(tx: &mut Tx<'_>, difference: &Difference, now: Timestamp) -> Result<()> {
    if difference.ended.is_empty() {
        return Ok(());
    }
    let scope = access::of_loops();
    let why: BTreeMap<i64, &str> = difference
        .ended
        .iter()
        .map(|(key, why)| (*key, why.as_str()))
        .collect();
    let keys: Vec<i64> = why.keys().copied().collect();
    for study in tx.study_by_keys(&scope, &keys)? {
        let waits = study
            .ticket
            .study
            .as_ref()
            .is_some_and(|about| about.devices > 0);
        let Some(why) = why.get(&study.key).filter(|_| !waits) else {
            continue;
        };
        if study.ticket.state == TicketState::Closed {
            continue;
        }
        tx.study_close(&scope, &study.ticket, why, now)?;
        let entry = audit::by_server(now, "study.close", study.ticket.id)
            .of(difference.client)
            .saying(format_args!("{}: {why}", study.ticket.subject));
        tx.audit_add(&entry.0)?;
    }
    Ok(())
}

/// When the answers are due that a device waits for.
pub(crate) fn answers_due(known: &[Study]) -> Vec<AnswerDue> {
    known
        .iter()
        .filter(|study| study.ticket.state == TicketState::Open)
        .filter_map(|study| {
            let about = study.ticket.study.as_ref()?;
            Some(AnswerDue {
                rule: about.rule.clone(),
                patch: study.ticket.patches.first()?.clone(),
                due_at: about.due_at,
            })
        })
        .collect()
}
