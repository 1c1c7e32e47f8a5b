//! What of the policy holds for one device: when it may be changed, what keeps it from that, and when
//! it is rebooted.

use askama::Template;
use askama::filters::HtmlSafe;
use domain::policy::RebootWhen;
use domain::window::OpensFor;
use jiff::Timestamp;
use service::policy::{EffectivePart, EffectivePolicy};
use service::window::OpeningItem;

use crate::console::local::LocalMoment;
use crate::console::problem::sentence;

/// One stretch of time.
struct Stretch {
    from: LocalMoment,
    until: LocalMoment,
}

struct WindowLine {
    name: String,
    devices: String,
    next: Option<Stretch>,
    closed: Option<String>,
}

struct FreezeLine {
    name: String,
    on: bool,
    says: Vec<String>,
    stretch: Option<Stretch>,
}

struct Line {
    name: String,
    says: Vec<String>,
}

struct RebootLine {
    name: String,
    when: &'static str,
    says: Vec<String>,
    next: Option<Stretch>,
}

/// The part of a device's page that says what holds for it.
#[derive(Template)]
#[template(path = "parts/holds.html")]
pub(in crate::console) struct Holds {
    next: Option<Stretch>,
    windows: Vec<WindowLine>,
    freezes: Vec<FreezeLine>,
    exclusions: Vec<Line>,
    rings: Vec<String>,
    reboot: Option<RebootLine>,
    unreadable: Vec<String>,
    new_freeze: String,
    new_window: String,
}
// A template of its own, that escapes what it shows.
impl HtmlSafe for Holds {}

impl Holds {
    /// Shows the policy of a device, whose page links to forms for it alone.
    pub fn new(policy: &EffectivePolicy, device_query: &str, now: Timestamp) -> Self {
        let moment = |at: Timestamp| LocalMoment::new(at, &policy.zone, now);
        let stretch = |opening: &OpeningItem| Stretch {
            from: moment(opening.opens_at),
            until: moment(opening.closes_at),
        };
        let form = |path: &str| crate::console::address(path, &[("for", device_query)]);
        Self {
            next: policy.next.as_ref().map(stretch),
            windows: policy
                .windows
                .iter()
                .map(|window| WindowLine {
                    name: match window.opens_for {
                        OpensFor::Reboots => format!("{}, for reboots alone", window.part.name),
                        OpensFor::Changes => window.part.name.clone(),
                    },
                    devices: super::query_shown(&window.part.devices),
                    next: window.openings.first().map(stretch),
                    closed: window.closed.as_deref().map(sentence),
                })
                .collect(),
            freezes: policy
                .freezes
                .iter()
                .map(|freeze| FreezeLine {
                    name: name(&freeze.part),
                    on: freeze.on,
                    says: freeze.part.says.iter().map(|text| sentence(text)).collect(),
                    stretch: freeze
                        .opens_at
                        .zip(freeze.closes_at)
                        .map(|(from, until)| Stretch {
                            from: moment(from),
                            until: moment(until),
                        }),
                })
                .collect(),
            exclusions: policy.exclusions.iter().map(line).collect(),
            rings: policy
                .rings
                .iter()
                .filter(|rings| rings.counts)
                .map(|rings| match (&rings.ring, rings.place) {
                    (Some(ring), Some(place)) => {
                        format!(
                            "{ring}, number {place} of {} in {}",
                            rings.of, rings.part.name
                        )
                    }
                    _ => format!("none of {}: no ring is ever reached", rings.part.name),
                })
                .collect(),
            reboot: policy.reboot.as_ref().map(|reboot| RebootLine {
                name: name(&reboot.part),
                when: match reboot.when {
                    RebootWhen::Never => "never",
                    RebootWhen::Needed => "when one is due",
                    RebootWhen::Always => "after every installation",
                },
                says: reboot.part.says.iter().map(|text| sentence(text)).collect(),
                next: reboot.next.as_ref().map(stretch),
            }),
            unreadable: policy
                .unreadable
                .iter()
                .map(|text| sentence(text))
                .collect(),
            new_freeze: form("/freezes/new"),
            new_window: form("/windows/new"),
        }
    }
}

/// The name of what perhaps covers the device only says so.
fn name(part: &EffectivePart) -> String {
    if part.certain {
        part.name.clone()
    } else {
        format!(
            "{} (perhaps: its query asks for something that is not known)",
            part.name
        )
    }
}

fn line(part: &EffectivePart) -> Line {
    Line {
        name: name(part),
        says: part.says.iter().map(|text| sentence(text)).collect(),
    }
}
