//! Events: the inbox of those who look, and the outbox of what waits to be delivered.

use domain::access::{self, Permission, Principal};
use domain::event::{EventKind, InboxText, TextState, Urgency};
use domain::page::{Page, PageRequest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Result, Service};

/// An event as its audience reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventItem {
    /// Its number; rises with time.
    pub number: u64,
    /// `advisory-new`, `advisory-changed`, `release-day`, `feed-trouble` or
    /// `policy-trouble`.
    #[schema(value_type = String)]
    pub kind: EventKind,
    /// `now`, `digest` or `quiet`.
    #[schema(value_type = String)]
    pub urgency: Urgency,
    /// Who has to act.
    pub owner: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub body: String,
    /// `quiet`, `for-digest`, `to-deliver` or `delivered`.
    #[schema(value_type = String)]
    pub state: TextState,
    /// When it was seen.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

fn item(text: InboxText) -> EventItem {
    EventItem {
        number: text.number,
        kind: text.kind,
        urgency: text.urgency,
        owner: text.owner,
        subject: text.text.subject,
        body: text.text.body,
        state: text.state,
        at: text.at,
    }
}

impl Service {
    /// The inbox, newest first: the provider's texts for those who see all clients, else those of
    /// the clients.
    pub fn event_list(&self, who: &Principal, page: &PageRequest) -> Result<Page<EventItem>> {
        let scope = access::check(who, Permission::Read)?;
        let page = page.clone();
        self.read(move |tx| {
            let found = tx.event_inbox(&scope, &page)?;
            Ok(Page {
                items: found.items.into_iter().map(item).collect(),
                next: found.next,
            })
        })
    }
}
