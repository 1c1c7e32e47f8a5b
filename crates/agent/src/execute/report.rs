//! The end of an order: the second look, and the report that lies in the spool until it is settled.

use domain::id::OrderId;
use domain::order::{End, ItemOutcome, ItemResult, OrderItem, Outcome, Refusal};
use protocol::sync::OutcomeReport;

use super::intake::{Claim, Report};
use super::job::{JobFolder, JobResult, LOG_BYTES_MAX, tail};
use super::{Executor, Record, look};
use crate::failure::{Failure, chain};
use crate::files;
use crate::machine::{Closing, Event, State};
use crate::words;

impl Executor {
    /// Looks at the device anew.
    pub(super) fn look_again(&mut self, id: OrderId) -> Result<(), Failure> {
        let held = &self.held[&id];
        let now = self.clock.now();
        let services = self.restarted(id)?;
        let look = look::look(self.backend.as_ref(), id, held.items(), &services, now)
            .unwrap_or_else(|problem| {
                crate::say(&format!(
                    "cannot look at the device again: {}",
                    chain(&problem)
                ));
                look::blind(id, now)
            });
        if let Some(held) = self.held.get_mut(&id) {
            held.look = Some(look);
        }
        self.apply(id, Event::Verified)
    }

    /// Services that were restarted for an order: noted beside its steps, so that a restart of the
    /// agent in between does not forget them.
    fn restarted(&self, id: OrderId) -> Result<Vec<String>, Failure> {
        Ok(files::read_json(&self.restarted_file(id))?.unwrap_or_default())
    }

    fn restarted_file(&self, id: OrderId) -> std::path::PathBuf {
        let generation = self.held[&id].order.generation;
        let folder = self.folder.orders().join(format!("{id}-g{generation}"));
        folder.join("restarted.json")
    }

    /// Notes that services are about to be restarted.
    pub(super) fn note_restarts(&self, id: OrderId, services: &[String]) -> Result<(), Failure> {
        Ok(files::write_json(&self.restarted_file(id), &services)?)
    }

    /// Writes the report into the spool, then notes that it is there.
    pub(super) fn tell(&mut self, id: OrderId, closing: Closing) -> Result<(), Failure> {
        let held = &self.held[&id];
        let changed = closing.started_at.is_some();
        let results = if changed { self.results(id)? } else { vec![] };
        let now = self.clock.now();
        let look = match (&held.look, changed) {
            (Some(look), true) => Some(look.clone()),
            // Killed after the look and before the report: look once more.
            (None, true) => {
                let services = self.restarted(id)?;
                look::look(self.backend.as_ref(), id, held.items(), &services, now).ok()
            }
            (_, false) => None,
        };
        let outcome = Outcome {
            order: id,
            generation: held.order.generation,
            sequence: held.order.sequence,
            end: closing.end,
            reason: closing.reason,
            refusal: closing.refusal,
            items: items(held.items(), &results),
            restarted: if changed { self.restarted(id)? } else { vec![] },
            kept_files: results.iter().flat_map(|r| r.kept_files.clone()).collect(),
            repaired: results.iter().flat_map(|r| r.repaired.clone()).collect(),
            started_at: closing.started_at,
            ended_at: now,
            log: tail(
                &results
                    .iter()
                    .map(|r| r.log.as_str())
                    .collect::<Vec<_>>()
                    .join("\n"),
                LOG_BYTES_MAX,
            ),
        };
        let report = Report {
            outcome: OutcomeReport {
                outcome,
                order: held.envelope.clone(),
            },
            look,
        };
        self.lay_down(&report)?;
        self.record(&Record::Told { order: id, at: now })?;
        if let Some(held) = self.held.get_mut(&id) {
            held.told_at = Some(now);
            held.look = None;
        }
        (self.nudge)();
        Ok(())
    }

    /// Refuses an order that was never taken.
    pub(super) fn turn_down(
        &mut self,
        claim: Option<Box<Claim>>,
        refusal: Refusal,
        envelope: &str,
    ) -> Result<(), Failure> {
        let reason = words::refusal(&refusal);
        let Some(claim) = claim else {
            crate::say(&format!("an order in the spool is refused: {reason}"));
            return Ok(());
        };
        crate::say(&format!("order {} is refused: {reason}", claim.order));
        // What is known of an order that is held is worth more than a copy that came again.
        if self.held.contains_key(&claim.order) {
            return Ok(());
        }
        let report = Report {
            outcome: OutcomeReport {
                outcome: Outcome {
                    order: claim.order,
                    generation: claim.generation,
                    sequence: claim.sequence,
                    end: End::Refused,
                    reason,
                    refusal: Some(refusal),
                    items: items(&claim.items, &[]),
                    restarted: vec![],
                    kept_files: vec![],
                    repaired: vec![],
                    started_at: None,
                    ended_at: self.clock.now(),
                    log: String::new(),
                },
                order: envelope.to_owned(),
            },
            look: None,
        };
        let known = self.folder.spool_kept().join(report.file_name()).exists();
        if !known {
            self.lay_down(&report)?;
        }
        (self.nudge)();
        Ok(())
    }

    fn lay_down(&self, report: &Report) -> Result<(), Failure> {
        let path = self.folder.spool_out().join(report.file_name());
        Ok(files::write_json(&path, report)?)
    }

    /// The results that the order's steps left, in the order in which they began; downloads apart.
    fn results(&self, id: OrderId) -> Result<Vec<JobResult>, Failure> {
        let generation = self.held[&id].order.generation;
        let folder = self.folder.orders().join(format!("{id}-g{generation}"));
        let mut results = vec![];
        for path in files::list(&folder, "")? {
            if path.ends_with("download") || !path.is_dir() {
                continue;
            }
            results.extend(JobFolder::at(path).result()?);
        }
        results.sort_by_key(|result| result.started_at);
        Ok(results)
    }

    /// Whether the order may have changed something by now, for people.
    pub fn is_idle(&self) -> bool {
        self.held.values().all(|held| {
            matches!(
                held.state,
                State::Reported { .. } | State::Waiting { .. } | State::Received { .. }
            )
        })
    }
}

/// Per package what the last step that knows it says.
fn items(items: &[OrderItem], results: &[JobResult]) -> Vec<ItemOutcome> {
    items
        .iter()
        .map(|item| {
            let told = results.iter().rev().find_map(|result| {
                result
                    .items
                    .iter()
                    .find(|o| o.name == item.name && o.architecture == item.architecture)
            });
            ItemOutcome {
                name: item.name.clone(),
                architecture: item.architecture.clone(),
                result: told.map_or(ItemResult::Untouched, |o| o.result.clone()),
            }
        })
        .collect()
}
