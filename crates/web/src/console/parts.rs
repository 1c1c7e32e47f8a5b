//! Small pieces of pages: an instant, a mark, a filter box, a pager, an order, a decision.
//!
//! Each is a template of its own that escapes what it shows; only therefore may it be put into a
//! page without being escaped again (`HtmlSafe`). Times are UTC. Nothing here reads a clock.

use askama::Template;
use askama::filters::HtmlSafe;
use domain::decision::Word;
use domain::device::Mode;
use domain::finding::FindingState;
use domain::order::OrderState;
use domain::proof::ProofState;
use domain::query::{FIELDS, FieldRow, QueryError, SubjectKind};
use domain::severity::Severity;
use domain::ticket::TicketState;
use jiff::{SignedDuration, Timestamp, Unit};
use service::decision::DecisionItem;
use service::feed::Freshness;
use service::freeze::FreezeState;
use service::order::OrderView;

macro_rules! parts {
    ($($part:ident),*) => {$( impl HtmlSafe for $part {} )*};
}
parts!(Moment, Mark, Filter, Pager, OrderPart, DecisionPart, Cves);

/// An instant: when, and how far from now.
#[derive(Debug, Clone, Template)]
#[template(path = "parts/moment.html")]
pub struct Moment {
    iso: String,
    text: String,
    distance: String,
}

impl Moment {
    /// Shows `at` as seen from `now`.
    pub fn new(at: Timestamp, now: Timestamp) -> Self {
        Self {
            iso: at.to_string(),
            text: minute(at),
            distance: distance(at, now),
        }
    }
}

/// A date and time to the minute, in UTC.
pub fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

/// How far `at` is from `now`, in the largest unit that fits: `3 h ago`, `in 2 days`.
pub fn distance(at: Timestamp, now: Timestamp) -> String {
    let elapsed = now.duration_since(at);
    let size = elapsed.abs();
    if size < SignedDuration::from_mins(1) {
        return if elapsed.is_negative() {
            "in less than a minute"
        } else {
            "just now"
        }
        .to_owned();
    }
    let hours = size.as_hours();
    let amount = match size.as_mins() {
        minutes @ 0..=89 => format!("{minutes} min"),
        _ if hours < 48 => {
            let rounded = size
                .round(Unit::Hour)
                .map_or(hours, |rounded| rounded.as_hours());
            format!("{rounded} h")
        }
        _ => format!("{} days", hours / 24),
    };
    if elapsed.is_negative() {
        format!("in {amount}")
    } else {
        format!("{amount} ago")
    }
}

/// A word in a coloured frame. The word says all; the colour only helps to find it.
#[derive(Debug, Clone, Template)]
#[template(path = "parts/mark.html")]
pub struct Mark {
    word: String,
    look: &'static str,
    hint: &'static str,
}

impl Mark {
    fn new(word: impl Into<String>, look: &'static str, hint: &'static str) -> Self {
        Self {
            word: word.into(),
            look,
            hint,
        }
    }

    /// How severe; `None` was not looked up. A derived one says so.
    pub fn severity(severity: Option<Severity>, derived: bool) -> Self {
        let Some(severity) = severity else {
            return Self::new(
                "not looked up",
                "unknown",
                "nobody looked this severity up yet",
            );
        };
        let look = match severity {
            Severity::Critical => "critical",
            Severity::Important => "important",
            Severity::Moderate => "moderate",
            Severity::Low => "low",
            Severity::Unrated => "unknown",
        };
        if derived {
            Self::new(
                format!("{severity}, derived"),
                look,
                "derived from the urgency in the package's changelog, not rated by the vendor",
            )
        } else {
            Self::new(severity.word(), look, "")
        }
    }

    /// Known to be exploited, where that is known.
    pub fn kev(kev: Option<bool>) -> Option<Self> {
        (kev == Some(true)).then(|| {
            Self::new(
                "exploited",
                "kev",
                "one of its CVEs is in the catalogue of known exploited vulnerabilities",
            )
        })
    }

    /// Where a device stands with a patch.
    pub fn finding(state: FindingState) -> Self {
        match state {
            FindingState::Missing => Self::new("missing", "important", "a fix can be installed"),
            FindingState::NoFix => Self::new("no fix", "warn", "no fix can be had"),
            FindingState::OldCodeRunning => Self::new(
                "old code running",
                "warn",
                "fixed on disk; the old code still runs",
            ),
            FindingState::Fixed => Self::new("fixed", "good", "a look at the device showed it"),
            FindingState::NotAffected => Self::new("not affected", "", ""),
            FindingState::Unknown => Self::new("unknown", "unknown", "it cannot be said"),
        }
    }

    /// How old a feed is against its own rhythm.
    pub fn freshness(freshness: Freshness) -> Self {
        match freshness {
            Freshness::Fresh => Self::new("fresh", "good", "younger than its rhythm demands"),
            Freshness::Stale => Self::new("stale", "warn", "older than its rhythm demands"),
            Freshness::Unknown => Self::new("age unknown", "unknown", "it does not say its age"),
            Freshness::Never => Self::new("never", "unknown", "nothing of it is at hand"),
        }
    }

    /// What may be done to a device.
    pub fn mode(mode: Mode) -> Self {
        match mode {
            Mode::Observe => Self::new("observe", "", "looks only, changes nothing"),
            Mode::Managed => Self::new(
                "managed",
                "active",
                "installs approved patches in its change windows",
            ),
        }
    }

    /// Where an order stands.
    pub fn order(state: OrderState) -> Self {
        use OrderState as S;
        let (look, hint) = match state {
            S::Waiting => ("", "made, not yet taken by the device"),
            S::Delivered => ("active", "the device has it and waits for its window"),
            S::Running => ("active", "the device works on it"),
            S::Succeeded => (
                "good",
                "the device says so; the proof says whether it is true",
            ),
            S::Failed => ("bad", "it failed, and the device stands repaired"),
            S::Refused => ("bad", "the device refused it"),
            S::Expired => ("warn", "its time passed"),
            S::Cancelled => ("", "withdrawn"),
            S::Superseded => ("warn", "the approved version is not offered any more"),
            S::Lost => ("bad", "the device did not report by the deadline"),
            S::NeedsHands => ("bad", "the device could not be repaired"),
        };
        Self::new(state.word().replace('-', " "), look, hint)
    }

    /// Whether a second look agreed; nothing to show while it is pending.
    pub fn proof(state: ProofState) -> Option<Self> {
        match state {
            ProofState::Pending => None,
            ProofState::Proven => Some(Self::new("proven", "good", "a second look found it so")),
            ProofState::NotProven => Some(Self::new(
                "not proven",
                "bad",
                "a second look did not find it so",
            )),
        }
    }

    /// Whether somebody has to look.
    pub fn ticket(state: TicketState) -> Self {
        match state {
            TicketState::Open => Self::new("open", "bad", "somebody has to look"),
            TicketState::Closed => Self::new("closed", "good", "nothing is left to do"),
        }
    }

    /// An answer that was due and that nobody gave.
    pub fn overdue() -> Self {
        Self::new("overdue", "bad", "the answer was due, and nobody gave it")
    }

    /// What was decided.
    pub fn word(word: Word) -> Self {
        match word {
            Word::Approve => Self::new("approve", "good", "may be installed"),
            Word::Hold => Self::new("hold", "warn", "not now"),
            Word::AcceptRisk => Self::new("accept-risk", "warn", "left open until a day"),
            Word::Pin => Self::new("pin", "warn", "stays at its version"),
            Word::Deny => Self::new("deny", "bad", "not at all"),
        }
    }

    /// A gate of the evaluator: open, closed, or not asked.
    pub fn gate(open: Option<bool>) -> Self {
        match open {
            Some(true) => Self::new("open", "good", ""),
            Some(false) => Self::new("closed", "bad", ""),
            None => Self::new("not evaluated", "unknown", "a gate before it is closed"),
        }
    }

    /// Where a freeze stands.
    pub fn freeze(state: FreezeState) -> Self {
        let (look, hint) = match state {
            FreezeState::Coming => ("active", "it has not begun"),
            FreezeState::InForce => ("warn", "nothing is changed on the devices it covers"),
            FreezeState::Over => ("", "its time has passed"),
            FreezeState::Ended => ("", "a person ended it, or no file says it any more"),
            FreezeState::Unreadable => ("bad", "everything it covers is closed"),
        };
        Self::new(state.word(), look, hint)
    }

    /// The evaluator's answer.
    pub fn answer(answer: domain::verdict::Answer) -> Self {
        use domain::verdict::Answer;
        match answer {
            Answer::Now => Self::new("now", "good", ""),
            Answer::Later => Self::new("later", "warn", ""),
            Answer::Never => Self::new("never, as things stand", "bad", ""),
        }
    }

    /// A word with its look, where a page knows better than this file.
    pub fn named(word: &'static str, look: &'static str, hint: &'static str) -> Self {
        Self::new(word, look, hint)
    }

    /// Something that asks for attention.
    pub fn warn(word: &str, hint: &'static str) -> Self {
        Self::new(word, "warn", hint)
    }
}

/// CVEs, folded when they are many; `None` was not looked up.
#[derive(Debug, Clone, Template)]
#[template(path = "parts/cves.html")]
pub struct Cves {
    cves: Option<Vec<String>>,
}

impl Cves {
    /// Shows what a patch has.
    pub fn new(cves: Option<Vec<String>>) -> Self {
        Self { cves }
    }
}

/// A filter that could not be read, with its place.
#[derive(Debug, Clone)]
pub struct Refused {
    /// What is wrong.
    pub message: String,
    /// The text and, below it, carets at the place.
    pub pointer: String,
    /// What to write instead.
    pub suggestion: Option<String>,
    /// What could stand there.
    pub expected: Vec<String>,
}

impl Refused {
    /// Explains a mistake in `text`.
    pub fn new(text: &str, mistake: &QueryError) -> Self {
        Self {
            message: format!("{} at column {}", mistake.message, mistake.column),
            pointer: mistake.pointer(text),
            suggestion: mistake.suggestion.as_deref().map(super::problem::sentence),
            expected: mistake.expected.clone(),
        }
    }
}

/// The filter box with the query language.
#[derive(Debug, Clone, Template)]
#[template(path = "parts/filter.html")]
pub struct Filter {
    action: &'static str,
    label: &'static str,
    example: &'static str,
    /// What was typed.
    pub text: String,
    refused: Option<Refused>,
    fields: Vec<&'static FieldRow>,
}

impl Filter {
    /// A box that filters `kind` at the address `action`.
    pub fn new(
        action: &'static str,
        label: &'static str,
        example: &'static str,
        kind: SubjectKind,
        text: &str,
    ) -> Self {
        Self {
            action,
            label,
            example,
            text: text.to_owned(),
            refused: None,
            fields: FIELDS
                .iter()
                .filter(|row| row.field.applies_to(kind))
                .collect(),
        }
    }

    /// Says why the text cannot be read.
    pub fn refuse(&mut self, mistake: &QueryError) {
        self.refused = Some(Refused::new(&self.text, mistake));
    }

    /// Whether the text cannot be read.
    pub fn is_refused(&self) -> bool {
        self.refused.is_some()
    }

    /// Whether nothing was typed.
    pub fn is_empty(&self) -> bool {
        self.text.trim().is_empty()
    }
}

/// Links to the other parts of a long list.
#[derive(Debug, Clone, Template)]
#[template(path = "parts/pager.html")]
pub struct Pager {
    first: Option<String>,
    next: Option<String>,
    size: u32,
    shown: usize,
}

impl Pager {
    /// Links below a list of `shown` items at `path`, that was asked with `asked` for one part.
    pub fn new(
        path: &str,
        q: &str,
        asked: &super::ListAsked,
        next: Option<&str>,
        shown: usize,
    ) -> Self {
        let filters = [("q", q)];
        Self::filtered(path, &filters, asked.cursor.is_some(), next, shown)
    }

    /// The same with other filters; empty ones are left out. `later`: this is not the first part.
    pub fn filtered(
        path: &str,
        filters: &[(&str, &str)],
        later: bool,
        next: Option<&str>,
        shown: usize,
    ) -> Self {
        let address = |cursor: Option<&str>| {
            let cursor = cursor.map(|cursor| ("cursor", cursor));
            let set = filters.iter().filter(|(_, value)| !value.is_empty());
            let pairs: Vec<(&str, &str)> = set.copied().chain(cursor).collect();
            super::address(path, &pairs)
        };
        Self {
            first: later.then(|| address(None)),
            next: next.map(|cursor| address(Some(cursor))),
            size: super::PAGE_ITEMS,
            shown,
        }
    }
}

/// A link to a device.
#[derive(Debug, Clone)]
pub struct DeviceLink {
    /// Where to.
    pub href: String,
    /// The device's name.
    pub name: String,
}

/// One package of an order.
#[derive(Debug, Clone)]
pub struct OrderPackage {
    name: String,
    architecture: String,
    from: String,
    to: String,
}

/// An order with what came of it.
#[derive(Debug, Clone, Template)]
#[template(path = "parts/order.html")]
pub struct OrderPart {
    id: String,
    device: Option<DeviceLink>,
    state: Mark,
    proof: Option<Mark>,
    summary: String,
    reason: String,
    opens: Moment,
    closes: String,
    packages: Vec<OrderPackage>,
    facts: Vec<String>,
    checked: Option<Moment>,
}

/// How many names a one-line summary gives before it counts the rest.
const SUMMARY_NAMES: usize = 3;

impl OrderPart {
    /// Shows an order, with a link to its device when that is not the page's own.
    pub fn new(order: &OrderView, with_device: bool, now: Timestamp) -> Self {
        let mut names: Vec<&str> = order.items.iter().map(|item| item.name.as_str()).collect();
        names.dedup();
        let mut summary = names
            .iter()
            .take(SUMMARY_NAMES)
            .copied()
            .collect::<Vec<_>>()
            .join(", ");
        if names.len() > SUMMARY_NAMES {
            summary.push_str(&format!(" and {} more", names.len() - SUMMARY_NAMES));
        }
        Self {
            id: order.id.to_string(),
            device: with_device.then(|| DeviceLink {
                href: super::address(&format!("/devices/{}", order.device_id), &[]),
                name: order.device.clone(),
            }),
            state: Mark::order(order.state),
            proof: Mark::proof(order.proof.state),
            summary,
            reason: order.reason.clone(),
            opens: Moment::new(order.opens_at, now),
            closes: minute(order.closes_at),
            packages: order
                .items
                .iter()
                .map(|item| OrderPackage {
                    name: item.name.clone(),
                    architecture: item.architecture.clone(),
                    from: item.from.clone().unwrap_or_else(|| "new".to_owned()),
                    to: item.to.clone(),
                })
                .collect(),
            facts: order.proof.facts.clone(),
            checked: order.proof.checked_at.map(|at| Moment::new(at, now)),
        }
    }
}

/// A decision as a row of a table.
#[derive(Debug, Clone, Template)]
#[template(path = "parts/decision.html")]
pub struct DecisionPart {
    /// What was decided.
    pub word: Mark,
    verb: &'static str,
    /// Which patches, as a query.
    pub patches: String,
    /// Which devices, as a query.
    pub devices: String,
    client: Option<String>,
    level: String,
    /// Why.
    pub reason: String,
    /// Who decided.
    pub by: String,
    /// When.
    pub decided: Moment,
    until: Option<Moment>,
    ended: Option<Moment>,
    name: Option<String>,
    version: Option<String>,
    edit: Option<String>,
    end: Option<String>,
}

/// How a query that matches everything is shown.
pub fn query_shown(query: &str) -> String {
    if query.trim().is_empty() {
        "everything".to_owned()
    } else {
        query.to_owned()
    }
}

impl DecisionPart {
    /// Shows a decision.
    pub fn new(decision: &DecisionItem, now: Timestamp) -> Self {
        Self {
            word: Mark::word(decision.word),
            verb: decision.word.word(),
            patches: query_shown(&decision.patches),
            devices: query_shown(&decision.devices),
            client: decision.client.clone(),
            level: decision.level.to_string(),
            reason: decision.reason.clone(),
            by: decision.decided_by.clone(),
            decided: Moment::new(decision.decided_at, now),
            until: decision.until.map(|at| Moment::new(at, now)),
            ended: decision.ended_at.map(|at| Moment::new(at, now)),
            name: decision.name.clone(),
            version: decision.version.clone(),
            // One with a name came from a file, and is changed there.
            edit: (decision.in_force && decision.name.is_none())
                .then(|| format!("/decisions/{}/edit", decision.id)),
            end: decision
                .in_force
                .then(|| format!("/decisions/{}/end", decision.id)),
        }
    }
}
