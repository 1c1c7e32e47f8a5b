//! What one object of a policy says, as sentences: one function a kind.

use domain::decision::{Decision, Word};
use domain::name::Label;
use domain::policy::{
    ApprovalRule, Exclusion, Freeze, Group, Policy, PolicyKind, RebootRule, RebootWhen, RingSet,
    RuleAction, Unreadable, UserPresent,
};
use domain::query::Query;
use domain::window::{ChangeWindow, OpensFor};
use jiff::Timestamp;

use super::query::{devices, listed, patches};
use super::times::{catch_up, date_time, delay, duration, instant, when_open, zone};
use super::{Entry, Selection};

/// Begins a sentence with a capital letter.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// Ends a text that a person wrote with a full stop, if it has no mark of its own.
pub(super) fn stopped(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '!', '?']) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}

pub(super) fn selection(of: impl Into<String>, query: &Query) -> Selection {
    Selection {
        of: of.into(),
        query: query.to_string(),
    }
}

fn why(text: &str) -> Option<String> {
    (!text.trim().is_empty()).then(|| format!("Why: {}", stopped(text)))
}

/// A named query over devices.
pub fn group(group: &Group) -> Entry {
    Entry {
        kind: PolicyKind::Group,
        name: group.name.to_string(),
        sentences: vec![format!(
            "The group “{}” means {}.",
            group.name,
            devices(&group.devices)
        )],
        queries: vec![selection("devices", &group.devices)],
    }
}

/// A change window.
pub fn window(window: &ChangeWindow) -> Entry {
    let what = match window.opens_for {
        OpensFor::Changes => "changed",
        OpensFor::Reboots => "rebooted",
    };
    let mut sentences = vec![format!(
        "{} may be {what}: {}.",
        capital(&devices(&window.devices)),
        when_open(window)
    )];
    let valid = match (window.from, window.until) {
        (Some(from), Some(until)) => Some(format!(
            "It opens from {} to {}.",
            super::times::date(from),
            super::times::date(until)
        )),
        (Some(from), None) => Some(format!(
            "It does not open before {}.",
            super::times::date(from)
        )),
        (None, Some(until)) => Some(format!(
            "It does not open after {}.",
            super::times::date(until)
        )),
        (None, None) => None,
    };
    sentences.extend(valid);
    sentences.extend(window.reserve.map(|reserve| {
        format!(
            "Nothing new begins in the last {} of an opening.",
            duration(reserve.minutes())
        )
    }));
    sentences.extend(window.catch_up.as_ref().map(catch_up));
    if window.opens_for == OpensFor::Reboots {
        sentences.push("It is for reboots alone: nothing is installed in it.".to_owned());
    }
    Entry {
        kind: PolicyKind::Window,
        name: window.name.to_string(),
        sentences,
        queries: vec![selection("devices", &window.devices)],
    }
}

/// A freeze.
pub fn freeze(freeze: &Freeze) -> Entry {
    let mut sentences = vec![format!(
        "From {} until {} ({}) nothing is changed on {}, whatever the windows say.",
        date_time(freeze.from),
        date_time(freeze.until),
        zone(&freeze.zone),
        devices(&freeze.devices)
    )];
    sentences.extend(
        freeze
            .exception
            .as_ref()
            .map(|whom| format!("For an exception ask {}", stopped(whom))),
    );
    sentences.extend(why(&freeze.reason));
    Entry {
        kind: PolicyKind::Freeze,
        name: freeze.name.to_string(),
        sentences,
        queries: vec![selection("devices", &freeze.devices)],
    }
}

/// `in the window “Tuesday night” (Tuesdays 22:00-24:00, Europe/Berlin)`.
fn in_windows(names: &[Label], policy: &Policy) -> String {
    let words: Vec<String> = names
        .iter()
        .map(|name| {
            let found = policy.windows.iter().find(|window| window.name == *name);
            match found {
                Some(window) => format!("“{name}” ({})", when_open(window)),
                None => format!("“{name}” (which is not defined, so it never opens)"),
            }
        })
        .collect();
    match words.as_slice() {
        [] => "in every window that covers the device".to_owned(),
        [only] => format!("in the window {only}"),
        several => format!("in the windows {}", listed(several, "and")),
    }
}

/// An approval rule. The policy is asked for the windows that it names.
pub fn rule(rule: &ApprovalRule, policy: &Policy) -> Entry {
    let subject = format!("{} on {}", patches(&rule.patches), devices(&rule.devices));
    let mut sentences = match rule.action {
        RuleAction::Approve => approves(rule, &subject, policy),
        RuleAction::Hold => holds(rule, &subject),
        RuleAction::Deny => vec![format!("{} are not installed.", capital(&subject))],
    };
    if !rule.owner.trim().is_empty() {
        sentences.push(format!("Owner: {}", stopped(&rule.owner)));
    }
    sentences.extend(why(&rule.why));
    Entry {
        kind: PolicyKind::Rule,
        name: rule.name.to_string(),
        sentences,
        queries: vec![
            selection("patches", &rule.patches),
            selection("devices", &rule.devices),
        ],
    }
}

fn approves(rule: &ApprovalRule, subject: &str, policy: &Policy) -> Vec<String> {
    let when = if rule.after.is_none() {
        "as soon as they are released".to_owned()
    } else {
        format!("{} after their release", delay(rule.after))
    };
    let mut sentences = vec![format!(
        "{} are installed {when}, {}.",
        capital(subject),
        in_windows(&rule.windows, policy)
    )];
    if let Some(kev_after) = rule.kev_after {
        let when = if kev_after.is_none() {
            "do not wait".to_owned()
        } else {
            format!("wait only {}", delay(kev_after))
        };
        sentences.push(format!(
            "Those for a fault known to be exploited {when}; freezes and windows hold for them too."
        ));
    }
    if let Some(rings) = &rule.rings {
        sentences.push(format!("They go through the rings of “{rings}”."));
    }
    sentences
}

fn holds(rule: &ApprovalRule, subject: &str) -> Vec<String> {
    let waits = match &rule.study {
        Some(study) => format!(
            "wait until {} has studied and decided them, due {}",
            study.owner,
            if study.due.is_none() {
                "at once".to_owned()
            } else {
                format!("within {} of being asked", delay(study.due))
            }
        ),
        None => "wait until a person decides".to_owned(),
    };
    vec![format!(
        "{} {waits}; nothing of them is installed before.",
        capital(subject)
    )]
}

/// A decision by a person.
pub fn decision(decision: &Decision) -> Entry {
    let subject = format!(
        "{} on {}",
        patches(&decision.patches),
        devices(&decision.devices)
    );
    let subject = capital(&subject);
    let until = decision.until.map(instant);
    let what = match decision.word {
        Word::Approve => {
            format!("{subject} may be installed, in every window that covers the device")
        }
        Word::AcceptRisk => format!("{subject} are left open knowingly: the risk is accepted"),
        Word::Pin => match &decision.version {
            Some(version) => {
                format!("{subject} are installed up to version {version} and no newer one")
            }
            None => format!("{subject} are not installed: the version in use stays"),
        },
        Word::Hold => format!("{subject} are held and not installed for now"),
        Word::Deny => format!("{subject} are not installed"),
    };
    let end = until.map_or_else(String::new, |until| format!(", until {until}"));
    let mut sentences = vec![format!("{what}{end}.")];
    if !decision.decided_by_name.trim().is_empty() {
        // A file does not say when something was decided.
        let when = if decision.decided_at == Timestamp::MIN {
            String::new()
        } else {
            format!(", {}", instant(decision.decided_at))
        };
        sentences.push(format!(
            "Decided by {}{when}.",
            decision.decided_by_name.trim()
        ));
    }
    sentences.extend(why(&decision.reason));
    let name = decision.name.as_ref().map_or_else(
        || format!("{} {}", decision.word, decision.patches),
        ToString::to_string,
    );
    Entry {
        kind: PolicyKind::Decision,
        name,
        sentences,
        queries: vec![
            selection("patches", &decision.patches),
            selection("devices", &decision.devices),
        ],
    }
}

/// A reboot rule. The policy is asked for the window that it names.
pub fn reboot(rule: &RebootRule, policy: &Policy) -> Entry {
    let subject = capital(&devices(&rule.devices));
    let mut sentences = Vec::new();
    match rule.when {
        RebootWhen::Never => sentences.push(format!(
            "{subject} are never rebooted by Patchloop: updates are installed, and a person reboots."
        )),
        RebootWhen::Needed | RebootWhen::Always => {
            let when = if rule.when == RebootWhen::Always {
                "after every change"
            } else {
                "when a change needs it"
            };
            let window = match &rule.window {
                Some(name) => in_windows(std::slice::from_ref(name), policy),
                None => "in the window of the installation".to_owned(),
            };
            sentences.push(format!("{subject} are rebooted {when}, {window}."));
            sentences.extend(rule.deadline.map(|deadline| {
                format!("At the latest {} after it became due.", delay(deadline))
            }));
            sentences.push(rule.user_present.as_ref().map_or_else(
                || "Nobody is waited for.".to_owned(),
                user_present,
            ));
        }
    }
    Entry {
        kind: PolicyKind::Reboot,
        name: rule.name.to_string(),
        sentences,
        queries: vec![selection("devices", &rule.devices)],
    }
}

fn user_present(user: &UserPresent) -> String {
    let warnings: Vec<String> = user.warn.iter().map(|before| delay(*before)).collect();
    let warned = format!(
        "A person who works on the device is warned {} before",
        listed(&warnings, "and")
    );
    match user.deferrals {
        0 => format!("{warned} and cannot put it off."),
        1 => format!("{warned} and can put it off once for {}.", delay(user.step)),
        times => format!(
            "{warned} and can put it off up to {times} times for {} each.",
            delay(user.step)
        ),
    }
}

/// A ring set.
pub fn rings(set: &RingSet) -> Entry {
    let mut queries = vec![selection("devices", &set.devices)];
    let mut sentences = vec![format!(
        "On {} a patch goes through {} in this order; a device is in the first ring that it fits, and \
         one that fits none is not changed.",
        devices(&set.devices),
        if set.rings.len() == 1 {
            "one ring".to_owned()
        } else {
            format!("{} rings", set.rings.len())
        }
    )];
    for (at, ring) in set.rings.iter().enumerate() {
        let last = at + 1 == set.rings.len();
        let stays = match (last, ring.soak.is_none()) {
            (true, _) => String::new(),
            (false, true) => "; the next ring follows at once".to_owned(),
            (false, false) => format!("; the next ring follows {} later", delay(ring.soak)),
        };
        sentences.push(format!(
            "Ring {}, “{}”: {}{stays}.",
            at + 1,
            ring.name,
            devices(&ring.devices)
        ));
        queries.push(selection(format!("ring {}", ring.name), &ring.devices));
    }
    Entry {
        kind: PolicyKind::Rings,
        name: set.name.to_string(),
        sentences,
        queries,
    }
}

/// An exclusion.
pub fn exclusion(exclusion: &Exclusion) -> Entry {
    let until = exclusion.until.map_or_else(
        || "until they are taken out of this list".to_owned(),
        |until| format!("until {}", instant(until)),
    );
    let mut sentences = vec![format!(
        "{} are kept as they are {until}, whatever else says.",
        capital(&devices(&exclusion.devices))
    )];
    sentences.extend(why(&exclusion.reason));
    Entry {
        kind: PolicyKind::Exclude,
        name: exclusion.name.to_string(),
        sentences,
        queries: vec![selection("devices", &exclusion.devices)],
    }
}

/// An object that cannot be read.
pub fn unreadable(broken: &Unreadable) -> Entry {
    Entry {
        kind: broken.kind,
        name: broken.name.clone(),
        sentences: vec![format!(
            "The {} “{}” cannot be read: {} Nothing is changed on {} until it is repaired.",
            broken.kind,
            broken.name,
            stopped(&broken.why),
            devices(&broken.devices)
        )],
        queries: vec![selection("devices", &broken.devices)],
    }
}
