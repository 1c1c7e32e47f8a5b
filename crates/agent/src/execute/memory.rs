//! What the executing half writes into its journal, and what it makes of it after a restart.

use domain::id::OrderId;
use domain::order::{Action, Order};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Executor, Held, REMEMBERED_DAYS};
use crate::failure::Failure;
use crate::machine::{Closing, State};

/// One record of the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Record {
    /// The highest sequence seen.
    Seen { sequence: u64 },
    /// An order was taken, with its state.
    Taken { envelope: String, order: Order },
    /// An order's state changed.
    Moved {
        order: OrderId,
        state: State,
        closing: Option<Closing>,
    },
    /// Its end lies in the spool.
    Told { order: OrderId, at: Timestamp },
}

impl Executor {
    pub(super) fn replay(&mut self, record: Record) {
        match record {
            Record::Seen { sequence } => self.last_seen = self.last_seen.max(sequence),
            Record::Taken { envelope, order } => {
                self.last_seen = self.last_seen.max(order.sequence);
                self.adopt(order, envelope);
            }
            Record::Moved {
                order,
                state,
                closing,
            } => {
                if let Some(held) = self.held.get_mut(&order) {
                    held.state = state;
                    held.closing = closing;
                    held.told_at = None;
                }
            }
            Record::Told { order, at } => {
                if let Some(held) = self.held.get_mut(&order) {
                    held.told_at = Some(at);
                }
            }
        }
    }

    pub(super) fn adopt(&mut self, order: Order, envelope: String) {
        let id = order.order;
        match self.held.get_mut(&id) {
            Some(held) => {
                // A cancel keeps the packages of what it withdraws, for the report.
                if matches!(order.action, Action::Install { .. }) {
                    held.order = order;
                } else {
                    held.order.generation = order.generation;
                    held.order.sequence = order.sequence;
                }
                held.envelope = envelope;
                held.running = None;
                held.repaired = false;
                held.looking = false;
            }
            None => {
                self.held.insert(id, Held::new(order, envelope));
            }
        }
    }

    pub(super) fn record(&mut self, record: &Record) -> Result<(), Failure> {
        #[cfg(test)]
        if let Some(left) = &mut self.records_left {
            if *left == 0 {
                return Err(Failure::refused("killed by the test"));
            }
            *left -= 1;
        }
        Ok(self.journal.append(record)?)
    }

    /// Writes the journal anew without what ended long ago.
    pub(super) fn compact(&mut self) -> Result<(), Failure> {
        let oldest = self
            .clock
            .now()
            .checked_sub(SignedDuration::from_hours(24 * REMEMBERED_DAYS))
            .unwrap_or(Timestamp::UNIX_EPOCH);
        let gone =
            |held: &Held| held.state.is_final() && held.told_at.is_some_and(|at| at < oldest);
        let mut records = vec![Record::Seen {
            sequence: self.last_seen,
        }];
        for (id, held) in &self.held {
            if gone(held) {
                continue;
            }
            records.push(Record::Taken {
                envelope: held.envelope.clone(),
                order: held.order.clone(),
            });
            records.push(Record::Moved {
                order: *id,
                state: held.state.clone(),
                closing: held.closing.clone(),
            });
            if let Some(at) = held.told_at {
                records.push(Record::Told { order: *id, at });
            }
        }
        self.journal.compact(&records)?;
        self.held.retain(|_, held| !gone(held));
        Ok(())
    }
}
