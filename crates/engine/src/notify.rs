//! Events when an advisory is new or changes: whom it hits, once per advisory.
//!
//! | advisory | event |
//! | --- | --- |
//! | new, hits devices, exploited or critical | now |
//! | new, hits devices | with the digest, or now where no digest is wanted |
//! | hits nobody | quiet: written down, nobody is called |
//! | known, and a CVE came, the severity rose, it became exploited, or a client is hit that was not told | changed, as above |
//! | known, anything else (a date, a word, fewer devices) | none |
//!
//! The key of an event is the feed, the advisory and what was told, so a second run tells nothing
//! again. A client's text counts that client's devices only and names no other client.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use domain::cve::CveId;
use domain::event::{Audience, Event, EventKind, EventText, Told, Urgency};
use domain::feed::Feed;
use domain::id::ClientId;
use domain::severity::Severity;
use jiff::Timestamp;

/// Most CVEs that a text names.
const CVES_NAMED_MAX: usize = 10;
/// Most clients that a text names.
const CLIENTS_NAMED_MAX: usize = 20;

/// An advisory with whom it hits now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdvisoryHit {
    /// Whose.
    pub feed: Feed,
    /// Its id there.
    pub advisory: String,
    /// One line.
    pub title: String,
    /// Its CVEs, sorted.
    pub cves: Vec<CveId>,
    /// How bad; `None`: no document rates it.
    pub severity: Option<Severity>,
    /// Whether one of its CVEs is known to be exploited; `None`: no catalogue at hand.
    pub exploited: Option<bool>,
    /// The clients whose devices are affected. Those with no affected device do not stand here.
    pub clients: Vec<ClientHit>,
}

/// How one client is hit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientHit {
    /// The client.
    pub client: ClientId,
    /// Its name.
    pub name: String,
    /// Affected devices.
    pub devices: u64,
    /// Those among them that are exposed.
    pub exposed: u64,
}

/// How events are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manner {
    /// Who has to act.
    pub owner: String,
    /// Whether what is neither critical nor exploited waits for the digest.
    pub digest: bool,
}

/// The event for an advisory, and what is told from then on. `None`: nothing new to tell.
pub fn event(
    hit: &AdvisoryHit,
    before: Option<&Told>,
    manner: &Manner,
    now: Timestamp,
) -> Option<(Event, Told)> {
    let news = match before {
        None => Vec::new(),
        Some(before) => {
            let news = changes(hit, before);
            if news.is_empty() {
                return None;
            }
            news
        }
    };
    let told = told(hit, before);
    let kind = match before {
        None => EventKind::AdvisoryNew,
        Some(_) => EventKind::AdvisoryChanged,
    };
    let event = Event {
        key: key(hit, &told),
        kind,
        urgency: urgency(hit, manner),
        owner: manner.owner.clone(),
        texts: texts(hit, &news),
        at: now,
    };
    Some((event, told))
}

/// What is new against what was told, one phrase each.
fn changes(hit: &AdvisoryHit, before: &Told) -> Vec<String> {
    let mut news = Vec::new();
    let cves: Vec<&CveId> = hit
        .cves
        .iter()
        .filter(|cve| !before.cves.contains(cve))
        .collect();
    if !cves.is_empty() {
        news.push(format!("{} more", counted(cves.len() as u64, "CVE")));
    }
    if hit.severity > before.severity {
        news.push(format!("now rated {}", severity(hit.severity)));
    }
    if hit.exploited == Some(true) && !before.exploited {
        news.push("now known to be exploited".to_owned());
    }
    let clients = hit
        .clients
        .iter()
        .filter(|client| !before.clients.contains(&client.client))
        .count();
    if clients > 0 {
        news.push(format!("{} more", counted(clients as u64, "client")));
    }
    news
}

fn told(hit: &AdvisoryHit, before: Option<&Told>) -> Told {
    // What was told stays told: a document that shrinks and grows again tells nothing twice.
    let mut told = before.cloned().unwrap_or_default();
    told.cves.extend(&hit.cves);
    told.severity = told.severity.max(hit.severity);
    told.exploited |= hit.exploited == Some(true);
    told.clients
        .extend(hit.clients.iter().map(|hit| hit.client));
    told
}

/// Grows with what was told, so every event of an advisory has a key of its own.
fn key(hit: &AdvisoryHit, told: &Told) -> String {
    format!(
        "advisory/{}/{}/{}-{}-{}-{}",
        hit.feed,
        hit.advisory,
        told.cves.len(),
        told.severity.map_or("none", Severity::word),
        u8::from(told.exploited),
        told.clients.len()
    )
}

fn urgency(hit: &AdvisoryHit, manner: &Manner) -> Urgency {
    if hit.clients.is_empty() {
        Urgency::Quiet
    } else if hit.exploited == Some(true)
        || hit.severity == Some(Severity::Critical)
        || !manner.digest
    {
        Urgency::Now
    } else {
        Urgency::Digest
    }
}

fn severity(severity: Option<Severity>) -> &'static str {
    severity.map_or("not rated by any document", Severity::word)
}

/// `1 device`, `212 devices`.
fn counted(count: u64, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}

fn texts(hit: &AdvisoryHit, news: &[String]) -> Vec<EventText> {
    let devices: u64 = hit.clients.iter().map(|client| client.devices).sum();
    let exposed: u64 = hit.clients.iter().map(|client| client.exposed).sum();
    let mut texts = Vec::with_capacity(hit.clients.len() + 1);
    let subject = if hit.clients.is_empty() {
        format!("{}: hits no device", hit.advisory)
    } else {
        format!(
            "{}: {}, {}, {exposed} exposed",
            hit.advisory,
            counted(hit.clients.len() as u64, "client"),
            counted(devices, "device")
        )
    };
    let mut body = facts(hit, news);
    for client in hit.clients.iter().take(CLIENTS_NAMED_MAX) {
        let _ = writeln!(
            body,
            "- {}: {}, {} exposed",
            client.name,
            counted(client.devices, "device"),
            client.exposed
        );
    }
    let more = hit.clients.len().saturating_sub(CLIENTS_NAMED_MAX);
    if more > 0 {
        let _ = writeln!(body, "- and {}", counted(more as u64, "more client"));
    }
    texts.push(EventText {
        audience: Audience::Provider,
        subject,
        body,
    });
    for client in &hit.clients {
        // What changed for others is not for this client.
        let mut body = facts(hit, &[]);
        let _ = writeln!(
            body,
            "Affected: {}, {} exposed.",
            counted(client.devices, "device"),
            client.exposed
        );
        texts.push(EventText {
            audience: Audience::Client(client.client),
            subject: format!("{}: {}", hit.advisory, counted(client.devices, "device")),
            body,
        });
    }
    texts
}

fn facts(hit: &AdvisoryHit, news: &[String]) -> String {
    let mut body = String::new();
    if !hit.title.is_empty() {
        let _ = writeln!(body, "{}", hit.title);
    }
    if !news.is_empty() {
        let _ = writeln!(body, "Changed: {}.", news.join(", "));
    }
    let exploited = match hit.exploited {
        Some(true) => "known to be exploited",
        Some(false) => "not known to be exploited",
        None => "not known whether it is exploited: no catalogue at hand",
    };
    let _ = writeln!(body, "Severity: {}; {exploited}.", severity(hit.severity));
    if hit.cves.is_empty() {
        let _ = writeln!(body, "CVEs: none named.");
    } else {
        let named: Vec<String> = hit
            .cves
            .iter()
            .take(CVES_NAMED_MAX)
            .map(CveId::to_string)
            .collect();
        let more = hit.cves.len().saturating_sub(CVES_NAMED_MAX);
        let rest = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let _ = writeln!(body, "CVEs: {}{rest}.", named.join(", "));
    }
    body
}

/// One digest for each audience: the texts of all events that wait for it, in their order.
pub fn digest<'a>(events: impl IntoIterator<Item = &'a Event>) -> BTreeMap<Audience, EventText> {
    let mut by_audience: BTreeMap<Audience, Vec<&EventText>> = BTreeMap::new();
    for event in events {
        if event.urgency == Urgency::Digest {
            for text in &event.texts {
                by_audience.entry(text.audience).or_default().push(text);
            }
        }
    }
    by_audience
        .into_iter()
        .map(|(audience, texts)| {
            let mut body = String::new();
            for text in &texts {
                let _ = writeln!(body, "{}\n{}", text.subject, text.body);
            }
            let subject = format!("Digest: {}", counted(texts.len() as u64, "advisory event"));
            let text = EventText {
                audience,
                subject,
                body,
            };
            (audience, text)
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests;
