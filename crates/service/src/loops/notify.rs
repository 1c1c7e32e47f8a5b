//! The notifying loop: advance notices of release days, and events of advisories, each once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::access::{self, Role};
use domain::document::{DocumentStanding, KeptDocument};
use domain::event::{Audience, Event, EventKind, EventText, Urgency};
use domain::page::{PAGE_ITEMS_MAX, PageRequest};
use engine::notify::Manner;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::{Result, Service};

/// How long the server waits between two looks at what is to be told, by its own clock.
const EVERY_MINUTES: i64 = 10;

/// How long the loop sleeps at most. Short, because a test clock may jump while it sleeps.
const SLEEP: Duration = Duration::from_secs(1);

/// When the next look is due, and how it is told.
#[derive(Debug, Default)]
pub(crate) struct Notifying {
    next: Mutex<Option<Timestamp>>,
    at_once: AtomicBool,
}

/// The loop, in a task of its own: what is told never keeps what is planned from being done.
pub(super) async fn run(service: Arc<Service>, mut stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        let own = Arc::clone(&service);
        match tokio::task::spawn_blocking(move || own.notify_turn()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let cause: &dyn std::error::Error = &error;
                tracing::error!(error = cause, "the notifier could not finish its turn");
            }
            Err(error) => tracing::error!(%error, "the notifier's turn ended by a defect"),
        }
        tokio::select! {
            () = tokio::time::sleep(SLEEP) => {}
            _ = stopped.changed() => {}
        }
    }
}

impl Notifying {
    /// Whether a look is due now; if so, the next one is set.
    fn due(&self, now: Timestamp) -> bool {
        let mut next = self.next.lock().expect("no holder of the time can panic");
        let due = next.is_none_or(|next| now >= next);
        if due {
            let wait = SignedDuration::from_mins(EVERY_MINUTES);
            *next = now.checked_add(wait).ok();
        }
        due
    }
}

impl Service {
    /// Whether everything that hits somebody is told at once, instead of with a digest what is
    /// neither exploited nor critical.
    pub fn tell_at_once(&self, at_once: bool) {
        self.notifying.at_once.store(at_once, Ordering::Relaxed);
    }

    /// How events are told now.
    pub(crate) fn manner(&self, owner: &str) -> Manner {
        Manner {
            owner: owner.to_owned(),
            digest: !self.notifying.at_once.load(Ordering::Relaxed),
        }
    }

    /// One turn: writes the events that are due.
    pub fn notify_turn(&self) -> Result<()> {
        if !self.notifying.due(self.now()) {
            return Ok(());
        }
        let owner = self.owner_name()?;
        self.release_notices(&owner)?;
        self.quarantine_events(&owner)?;
        self.advisory_events(&owner)
    }

    /// Writes an event for each document that is quarantined: a person has to look at it.
    fn quarantine_events(&self, owner: &str) -> Result<()> {
        let now = self.now();
        let page = PageRequest {
            cursor: None,
            limit: PAGE_ITEMS_MAX,
        };
        let quarantined = Some(DocumentStanding::Quarantined);
        let kept =
            self.read(move |tx| Ok(tx.feed_document_list(None, quarantined, &page)?.items))?;
        if kept.is_empty() {
            return Ok(());
        }
        let owner = owner.to_owned();
        self.write(move |tx| {
            for document in &kept {
                let event = quarantine_event(document, &owner, now);
                tx.event_add(&access::of_loops(), &event)?;
            }
            Ok(())
        })
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

/// The event of a quarantined document; its key holds the document's hash, so each is told once.
fn quarantine_event(document: &KeptDocument, owner: &str, now: Timestamp) -> Event {
    let (feed, name) = (document.feed, &document.document);
    Event {
        key: format!("feed/{feed}/{name}/{}", document.sha256),
        kind: EventKind::FeedTrouble,
        urgency: Urgency::Digest,
        owner: owner.to_owned(),
        texts: vec![EventText {
            audience: Audience::Provider,
            subject: format!("{feed}: {name} is in quarantine"),
            body: format!(
                "Why: {}.\nFetched: {}.\nWhat was in force stays in force.\n\
                 Next: look at it, then `patchloop feed release {feed} {name} --reason TEXT --dry-run`.\n",
                document.why, document.fetched_at
            ),
        }],
        at: now,
    }
}
