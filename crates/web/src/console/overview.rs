//! The first page: a few numbers, each with what it does not count, and what needs a person.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use domain::access::Reach;
use domain::page::PageRequest;
use domain::ticket::TicketState;
use jiff::Timestamp;
use service::overview::Overview;
use service::ticket::{TicketAsked, TicketItem};
use service::window::OpeningItem;
use service::{Principal, Service};

use super::parts::{Moment, OrderPart, minute};
use super::report::{Figure, MissingRow, UncountedLine, missing_empty, missing_figure};
use super::{Area, Rendered, Shell, counted, page};
use crate::state::AppState;

/// How many windows the page asks for their openings.
const WINDOWS_ASKED: u32 = 50;
/// How many openings it shows.
const OPENINGS_SHOWN: usize = 6;
/// How many open tickets it names.
const TICKETS_NAMED: usize = 5;

/// An opening with the name of its window.
pub(super) struct Opening {
    pub(super) window: String,
    pub(super) opening: OpeningItem,
}

/// All that the page shows.
pub(super) struct Seen {
    pub(super) overview: Overview,
    pub(super) openings: Vec<Opening>,
    pub(super) tickets: Vec<TicketItem>,
    /// How many objects of the policy cannot be read.
    pub(super) unreadable: usize,
}

struct OpeningRow {
    window: String,
    zone: String,
    opens: Moment,
    closes: String,
}

struct NeedsPerson {
    href: String,
    text: String,
    more: String,
}

#[derive(Template)]
#[template(path = "pages/overview/show.html")]
pub(super) struct OverviewPage {
    shell: Shell,
    reach: String,
    numbers: Vec<Figure>,
    missing: Vec<MissingRow>,
    missing_empty: String,
    not_counted: Vec<UncountedLine>,
    not_counted_empty: &'static str,
    needs_person: Vec<NeedsPerson>,
    openings: Vec<OpeningRow>,
    openings_empty: &'static str,
    orders: Vec<OrderPart>,
    orders_sentence: String,
}

impl OverviewPage {
    pub(super) fn new(who: &Principal, seen: Seen, now: Timestamp) -> Self {
        let overview = &seen.overview;
        let reach = match &who.reach {
            Reach::Provider => "all clients".to_owned(),
            Reach::Clients(clients) => counted(clients.len(), "client", "clients"),
        };
        let missing: u32 = overview.missing.iter().map(|count| count.findings).sum();
        Self {
            shell: Shell::new("Overview", Area::Overview, Some(who), now),
            reach,
            numbers: numbers(overview, missing),
            missing: MissingRow::of(&overview.missing),
            missing_empty: missing_empty(overview.counted),
            not_counted: UncountedLine::of(&overview.not_counted, now),
            not_counted_empty: if overview.devices == 0 {
                "No device is enrolled yet."
            } else {
                "Every device is in the numbers."
            },
            needs_person: needs_person(&seen),
            openings: seen
                .openings
                .iter()
                .map(|opening| OpeningRow {
                    window: opening.window.clone(),
                    zone: opening.opening.zone.clone(),
                    opens: Moment::new(opening.opening.opens_at, now),
                    closes: minute(opening.opening.closes_at),
                })
                .collect(),
            openings_empty: "No change window is set, so no device may be changed at any time.",
            orders: overview
                .latest
                .iter()
                .map(|order| OrderPart::new(order, true, now))
                .collect(),
            orders_sentence: orders_sentence(&overview.orders),
        }
    }
}

fn numbers(overview: &Overview, missing: u32) -> Vec<Figure> {
    let not_counted = overview.devices.saturating_sub(overview.counted);
    let in_flight: u64 = overview.orders.iter().map(|(_, number)| number).sum();
    vec![
        Figure::new(
            "Devices",
            overview.devices,
            format!(
                "{} counted, {not_counted} not; {} managed",
                overview.counted, overview.managed
            ),
        )
        .to("/devices"),
        Figure::new(
            "Missing",
            missing_figure(overview.counted, missing),
            format!(
                "patches on devices, over {}",
                counted(
                    overview.counted as usize,
                    "counted device",
                    "counted devices"
                )
            ),
        )
        .to("/patches"),
        Figure::new("Orders in flight", in_flight, "made and not yet ended"),
        Figure::new(
            "Open tickets",
            overview.tickets_open,
            match overview.studies_overdue {
                0 => "somebody has to look".to_owned(),
                overdue => format!("somebody has to look; {overdue} overdue for an answer"),
            },
        )
        .to("/tickets"),
    ]
}

/// Whose a ticket is, and who owes an answer.
fn asked_of(ticket: &TicketItem) -> String {
    let Some(owner) = &ticket.owner else {
        return format!("{} / {}", ticket.client, ticket.device);
    };
    let overdue = if ticket.overdue { ", overdue" } else { "" };
    format!("{}: {owner} owes the answer{overdue}", ticket.client)
}

fn needs_person(seen: &Seen) -> Vec<NeedsPerson> {
    let open = seen
        .tickets
        .iter()
        .filter(|ticket| ticket.state == TicketState::Open);
    let mut lines: Vec<NeedsPerson> = open
        .take(TICKETS_NAMED)
        .map(|ticket| NeedsPerson {
            href: format!("/tickets#{}", ticket.id),
            text: ticket.subject.clone(),
            more: asked_of(ticket),
        })
        .collect();
    let rest = seen
        .overview
        .tickets_open
        .saturating_sub(lines.len() as u64);
    if rest > 0 {
        lines.push(NeedsPerson {
            href: "/tickets".to_owned(),
            text: format!(
                "{} more",
                counted(rest as usize, "open ticket", "open tickets")
            ),
            more: String::new(),
        });
    }
    if seen.unreadable > 0 {
        lines.insert(
            0,
            NeedsPerson {
                href: "/policy".to_owned(),
                text: format!(
                    "{} of the policy cannot be read",
                    counted(seen.unreadable, "object", "objects")
                ),
                more: "nothing is changed on the devices covered until it is repaired".to_owned(),
            },
        );
    }
    let not_counted = seen.overview.devices.saturating_sub(seen.overview.counted);
    if not_counted > 0 {
        lines.push(NeedsPerson {
            href: "#uncounted".to_owned(),
            text: format!(
                "{} not in the numbers",
                counted(not_counted as usize, "device is", "devices are")
            ),
            more: "the reasons stand beside this".to_owned(),
        });
    }
    lines
}

fn orders_sentence(orders: &[(String, u64)]) -> String {
    let parts: Vec<String> = orders
        .iter()
        .filter(|(_, number)| *number > 0)
        .map(|(state, number)| format!("{number} {}", state.replace('-', " ")))
        .collect();
    if parts.is_empty() {
        "No order is in flight.".to_owned()
    } else {
        format!("In flight: {}.", parts.join(", "))
    }
}

fn look(service: &Service, who: &Principal) -> service::Result<Seen> {
    let windows = service.window_list(
        who,
        &PageRequest {
            cursor: None,
            limit: WINDOWS_ASKED,
        },
    )?;
    let mut openings = Vec::new();
    for window in windows
        .items
        .iter()
        .filter(|window| window.ended_at.is_none())
    {
        // By id: several clients may each have a window of this name.
        let next = service.window_openings(who, &window.id.to_string(), 2)?;
        openings.extend(next.items.into_iter().map(|opening| Opening {
            window: window.name.clone(),
            opening,
        }));
    }
    openings.sort_by_key(|line| line.opening.opens_at);
    openings.truncate(OPENINGS_SHOWN);
    let open = TicketAsked {
        state: Some(TicketState::Open),
        ..TicketAsked::default()
    };
    Ok(Seen {
        overview: service.overview(who)?,
        unreadable: service.policy_unreadable(who)?,
        openings,
        tickets: service
            .ticket_list(who, &open, &PageRequest::default())?
            .items,
    })
}

/// `GET /`
pub async fn show(State(state): State<AppState>, Extension(who): Extension<Principal>) -> Rendered {
    let person = who.clone();
    let seen = state.run(move |service| look(service, &person)).await?;
    page(&OverviewPage::new(&who, seen, state.service().now()))
}
