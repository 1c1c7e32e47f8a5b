//! Steps that run outside the agent: beginning them, watching them, and what their end means.

use std::time::Instant;

use domain::id::OrderId;

use super::job::{self, Job, JobKind, Poll};
use super::{Executor, Origin, Running, START_PATIENCE, transaction};
use crate::failure::Failure;
use crate::files;
use crate::machine::{Ended, Event, State};

impl Executor {
    /// Begins a step, or goes on waiting for it where it was begun before.
    pub(super) fn begin(
        &mut self,
        id: OrderId,
        kind: JobKind,
        origin: Origin,
    ) -> Result<(), Failure> {
        let folder = self.job_folder(id, kind);
        let running = Running {
            kind,
            folder: folder.clone(),
            since: Instant::now(),
        };
        let found = folder.poll()?;
        let fresh = match (&found, origin) {
            (Poll::Alive, _) => false,
            (_, Origin::Live) => true,
            (Poll::Absent | Poll::Quiet | Poll::Ended(_), Origin::Resumed) => kind.is_repeatable(),
        };
        if !fresh {
            match found {
                Poll::Alive => {}
                Poll::Ended(result) => return self.ended(id, kind, *result),
                // Perhaps it never began, perhaps it died: looking after it tells.
                Poll::Absent | Poll::Quiet => return self.lost(id, kind),
            }
        }
        if fresh {
            let parent = folder.path().parent().map(std::path::Path::to_owned);
            if let Some(parent) = parent {
                crate::platform::private_folder(&parent).map_err(files::write_error(&parent))?;
            }
            folder.make(&Job {
                kind,
                order: self.held[&id].envelope.clone(),
                state: self.folder.root().to_owned(),
            })?;
            let name = format!("{id}-{}", kind.name());
            if let Err(problem) = self.transactions.start(&folder, &name) {
                let reason = format!("the step {} could not be started: {problem}", kind.name());
                transaction::give_up(&folder, reason, self.clock.now())?;
            }
        }
        if let Some(held) = self.held.get_mut(&id) {
            held.running = Some(running);
        }
        Ok(())
    }

    /// Looks how the running step of an order is.
    pub(super) fn watch(&mut self, id: OrderId) -> Result<(), Failure> {
        let Some(running) = self.held[&id].running.clone() else {
            return Ok(());
        };
        match running.folder.poll()? {
            Poll::Alive => Ok(()),
            Poll::Ended(result) => {
                self.forget_running(id);
                self.ended(id, running.kind, *result)
            }
            Poll::Quiet
                if running.since.elapsed() < START_PATIENCE
                    && self.transactions.may_live(&running.folder) =>
            {
                Ok(())
            }
            Poll::Quiet | Poll::Absent => {
                self.forget_running(id);
                self.lost(id, running.kind)
            }
        }
    }

    pub(super) fn forget_running(&mut self, id: OrderId) {
        if let Some(held) = self.held.get_mut(&id) {
            held.running = None;
        }
    }

    pub(super) fn ended(
        &mut self,
        id: OrderId,
        kind: JobKind,
        result: job::JobResult,
    ) -> Result<(), Failure> {
        let ended = match result.end {
            job::JobEnd::Done => Ended::Done,
            job::JobEnd::Failed { reason } => Ended::Failed { reason },
            job::JobEnd::Broken { reason } => Ended::Broken { reason },
        };
        let prefetching = matches!(self.held[&id].state, State::Received { .. });
        match kind {
            JobKind::Download if prefetching => self.apply(id, Event::Prefetched),
            JobKind::Download => match ended {
                Ended::Done => self.apply(id, Event::Downloaded),
                Ended::Failed { reason } | Ended::Broken { reason } => {
                    self.apply(id, Event::DownloadFailed { reason })
                }
            },
            JobKind::Repair => self.leftovers_repaired(id, ended),
            JobKind::Install { .. } => self.apply(id, Event::InstallEnded(ended)),
            JobKind::Recover { .. } => self.apply(id, Event::Recovered(ended)),
        }
    }

    pub(super) fn lost(&mut self, id: OrderId, kind: JobKind) -> Result<(), Failure> {
        // What was not heard of may still begin: from now on it must not.
        self.job_folder(id, kind).abandon()?;
        let prefetching = matches!(self.held[&id].state, State::Received { .. });
        match kind {
            JobKind::Download if prefetching => self.apply(id, Event::Prefetched),
            JobKind::Download => {
                let reason = "the download was interrupted".to_owned();
                self.apply(id, Event::DownloadFailed { reason })
            }
            JobKind::Repair => {
                let reason = "the repair was interrupted".to_owned();
                self.leftovers_repaired(id, Ended::Failed { reason })
            }
            JobKind::Install { .. } => self.apply(id, Event::InstallLost),
            JobKind::Recover { .. } => self.apply(id, Event::RecoveryLost),
        }
    }
}
