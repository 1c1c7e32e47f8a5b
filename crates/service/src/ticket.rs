//! Tickets: one per order that ended, and one per patch that a rule holds for somebody to study. The answer to
//! a study is a decision.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use domain::access::{self, Permission, Principal};
use domain::decision::{Level, Word};
use domain::id::{ClientId, DeviceId, OrderId, TicketId};
use domain::page::{Page, PageRequest};
use domain::patch::PatchId;
use domain::query::{Field, Query};
use domain::ticket::{Ticket, TicketState};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::TicketFilter;
use utoipa::ToSchema;

use crate::decision::{DecisionMade, Instead, NewDecision};
use crate::{Result, Service, ServiceError};

/// A ticket as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TicketItem {
    /// Its id.
    #[schema(value_type = String)]
    pub id: TicketId,
    /// One line.
    pub subject: String,
    /// The client's name.
    pub client: String,
    /// The device's name; empty where it is about no single one.
    pub device: String,
    /// The device; `None`: it is about no single one.
    #[schema(value_type = Option<String>)]
    pub device_id: Option<DeviceId>,
    /// The order it came from; `None`: it asks for a study.
    #[schema(value_type = Option<String>)]
    pub order: Option<OrderId>,
    /// Which patches.
    #[schema(value_type = Vec<String>)]
    pub patches: Vec<PatchId>,
    /// What was found, one sentence each.
    pub evidence: Vec<String>,
    /// `open`: somebody has to look; `closed`: nothing is left to do.
    #[schema(value_type = String)]
    pub state: TicketState,
    /// What it is about; no two tickets have the same.
    pub cause: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub made_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
    /// Who owes an answer; `None`: it came from an order.
    pub owner: Option<String>,
    /// When the answer is due.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub due_at: Option<Timestamp>,
    /// Whether the answer was due and nobody gave it.
    pub overdue: bool,
    /// The rule that holds the patch.
    pub rule: Option<String>,
    /// How many devices wait for the answer.
    pub devices: Option<u32>,
}

/// Which tickets are listed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TicketAsked {
    /// Only those that are open, or closed.
    pub state: Option<TicketState>,
    /// Only those that this person or team owes an answer to.
    pub owner: Option<String>,
    /// Only those whose answer is overdue.
    pub overdue: bool,
}

/// The answer to a ticket that asks for a study.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TicketAnswer {
    /// `approve`, `accept-risk` (needs `until`), `hold` or `deny`.
    #[schema(value_type = String)]
    pub word: Word,
    /// Why; not empty.
    pub reason: String,
    /// Until when it holds; without, until it is ended.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// Only say what it would touch.
    #[serde(default)]
    pub dry_run: bool,
}

impl Service {
    /// Lists tickets: first those whose answer is overdue, then newest first.
    pub fn ticket_list(
        &self,
        who: &Principal,
        asked: &TicketAsked,
        page: &PageRequest,
    ) -> Result<Page<TicketItem>> {
        let scope = access::check(who, Permission::Read)?;
        let (page, now) = (page.clone(), self.now());
        let filter = TicketFilter {
            client: None,
            state: asked.state,
            owner: asked.owner.clone().map(|owner| owner.trim().to_owned()),
            overdue: asked.overdue,
            now,
        };
        self.read(move |tx| {
            let found = tx.ticket_list(&scope, &filter, &page)?;
            let mut clients: BTreeMap<ClientId, String> = BTreeMap::new();
            let mut items = Vec::with_capacity(found.items.len());
            for ticket in found.items {
                let client = match clients.entry(ticket.client) {
                    Entry::Occupied(entry) => entry.into_mut(),
                    Entry::Vacant(entry) => {
                        let known = tx.client_get(&scope, ticket.client)?;
                        entry.insert(known.map_or_else(String::new, |c| c.name.to_string()))
                    }
                };
                let client = client.clone();
                items.push(item(ticket, client, now));
            }
            Ok(Page {
                items,
                next: found.next,
            })
        })
    }

    /// Answers a study: makes the decision about its patch for its client and closes the ticket, both or
    /// neither; or says what the decision would touch (`dry_run`).
    pub fn ticket_answer(
        &self,
        who: &Principal,
        id: &str,
        answer: &TicketAnswer,
    ) -> Result<DecisionMade> {
        let scope = access::check(who, Permission::Decide)?;
        if answer.word == Word::Pin {
            return Err(ServiceError::Invalid {
                field: "word",
                reason: "a study is answered by `approve`, `accept-risk`, `hold` or `deny`; \
                         pin the product with `patchloop decision add pin`"
                    .to_owned(),
            });
        }
        let not_found = || ServiceError::NotFound {
            what: "ticket",
            name: id.chars().take(200).collect(),
        };
        let ticket: TicketId = id.parse().map_err(|_| not_found())?;
        let found = self.read(move |tx| {
            let Some(ticket) = tx.ticket_get(&scope, ticket)? else {
                return Ok(None);
            };
            let client = tx.client_get(&scope, ticket.client)?;
            Ok(client.map(|client| (ticket, client.name.to_string())))
        })?;
        let (ticket, client) = found.ok_or_else(not_found)?;
        let patch = asks(&ticket)?;
        let query = |field: Field, value: &str| {
            Query::of(field, value).map_err(|error| ServiceError::Conflict {
                reason: format!(
                    "the ticket names `{value}`, which no decision can be about: {error}"
                ),
            })
        };
        let wanted = NewDecision {
            word: answer.word,
            patches: query(Field::Patch, &patch.to_string())?.to_string(),
            devices: query(Field::Client, &client)?.to_string(),
            level: Some(Level::Client),
            until: answer.until,
            version: None,
            reason: answer.reason.clone(),
            dry_run: answer.dry_run,
        };
        self.decision_put(who, &wanted, Instead::Answer(ticket.id))
    }
}

/// The patch that a ticket asks about; an error where it asks nothing (any more).
pub(crate) fn asks(ticket: &Ticket) -> Result<&PatchId> {
    let refuse = |reason: String| Err(ServiceError::Conflict { reason });
    let (Some(_), Some(patch)) = (&ticket.study, ticket.patches.first()) else {
        return refuse(
            "this ticket tells of an order and asks nothing: `patchloop decision add` decides about a patch"
                .to_owned(),
        );
    };
    match ticket.state {
        TicketState::Open => Ok(patch),
        TicketState::Closed => {
            let last = ticket.evidence.last().map_or("", String::as_str);
            refuse(format!(
                "this ticket is closed: {last} To decide otherwise: `patchloop decision add`"
            ))
        }
    }
}

fn item(ticket: Ticket, client: String, now: Timestamp) -> TicketItem {
    let overdue = ticket.is_overdue(now);
    let study = ticket.study;
    TicketItem {
        id: ticket.id,
        subject: ticket.subject,
        client,
        device: ticket.device_name,
        device_id: ticket.device,
        order: ticket.order,
        patches: ticket.patches,
        evidence: ticket.evidence,
        state: ticket.state,
        cause: ticket.cause,
        made_at: ticket.made_at,
        changed_at: ticket.changed_at,
        overdue,
        due_at: study.as_ref().map(|study| study.due_at),
        devices: study.as_ref().map(|study| study.devices),
        rule: study.as_ref().map(|study| study.rule.clone()),
        owner: study.map(|study| study.owner),
    }
}
