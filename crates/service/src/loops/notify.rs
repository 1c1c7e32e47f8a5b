//! The notifying loop: advance notices of release days, and events of advisories, each once.

use std::sync::Mutex;

use domain::access::Role;
use jiff::{SignedDuration, Timestamp};

use crate::{Result, Service};

/// How long the server waits between two looks at what is to be told, by its own clock.
const EVERY_MINUTES: i64 = 10;

/// When the next look is due.
#[derive(Debug, Default)]
pub(crate) struct Notifying(Mutex<Option<Timestamp>>);

impl Notifying {
    /// Whether a look is due now; if so, the next one is set.
    fn due(&self, now: Timestamp) -> bool {
        let mut next = self.0.lock().expect("no holder of the time can panic");
        let due = next.is_none_or(|next| now >= next);
        if due {
            let wait = SignedDuration::from_mins(EVERY_MINUTES);
            *next = now.checked_add(wait).ok();
        }
        due
    }
}

impl Service {
    /// One turn: writes the events that are due.
    pub fn notify_turn(&self) -> Result<()> {
        if !self.notifying.due(self.now()) {
            return Ok(());
        }
        let owner = self.owner_name()?;
        self.release_notices(&owner)?;
        self.advisory_events(&owner)
    }

    /// The name of the first owner: who has to act where no rule names somebody.
    pub(crate) fn owner_name(&self) -> Result<String> {
        self.read(|tx| {
            let owner = tx
                .principal_list()?
                .into_iter()
                .find(|row| row.principal.role == Role::Owner && row.ended_at.is_none());
            Ok(owner.map_or_else(|| "nobody yet".to_owned(), |row| row.principal.name))
        })
    }
}
