//! The gates that depend on the device alone.

use domain::device::{Mode, Standing};
use domain::offer::Lists;
use domain::order::Verb;
use domain::verdict::{Gate, GateName};
use jiff::{SignedDuration, Timestamp};

use super::words::{closed, open, when};
use super::{REACHABLE_SECONDS, REPORT_FRESH_DAYS};
use crate::view::DeviceView;

pub(super) fn known(view: &DeviceView, now: Timestamp) -> Gate {
    let gate = GateName::Known;
    let agent = Some("whoever looks after its agent");
    let (Some(facts), Some(at)) = (&view.facts, view.device.inventory_at) else {
        return closed(gate, "the device has not reported yet", agent);
    };
    if now.duration_since(at) > SignedDuration::from_hours(24 * REPORT_FRESH_DAYS) {
        let when = when(at, &view.device.zone);
        let reason = format!("its last report is of {when}, older than {REPORT_FRESH_DAYS} days");
        return closed(gate, reason, agent);
    }
    let administrator = Some("the device's administrator");
    if facts.offers.lists == Lists::Absent {
        let reason = "there are no package lists on the device, so what is missing is not known";
        return closed(gate, reason, administrator);
    }
    if let Some(why) = &facts.offers.failed {
        let reason = format!("its package manager could not say what is missing: {why}");
        return closed(gate, reason, administrator);
    }
    open(gate, format!("reported on {}", when(at, &view.device.zone)))
}

pub(super) fn reachable(view: &DeviceView, now: Timestamp) -> Gate {
    let gate = GateName::Reachable;
    let owner = Some("whoever looks after the device and its network");
    match view.device.last_seen {
        None => closed(gate, "the device was never seen", owner),
        Some(seen) => {
            let at = when(seen, &view.device.zone);
            if now.duration_since(seen) > SignedDuration::from_secs(REACHABLE_SECONDS) {
                closed(gate, format!("the device was last seen on {at}"), owner)
            } else {
                open(gate, format!("last seen on {at}"))
            }
        }
    }
}

pub(super) fn guardrails(view: &DeviceView) -> Gate {
    let gate = GateName::Guardrails;
    let device = &view.device;
    let administrator = Some("the device's administrator");
    match device.mode {
        Mode::Observe => {
            return closed(
                gate,
                "the device is only observed",
                Some("whoever may set the device to managed"),
            );
        }
        Mode::Managed => {}
    }
    match device.standing {
        Standing::Ahead => {
            return closed(
                gate,
                "the device remembers more than the server, and its outcomes are read again first",
                Some("the device's next report"),
            );
        }
        Standing::Level => {}
    }
    let Some(agent) = &device.agent else {
        return closed(
            gate,
            "its agent has not said what it can do",
            Some("the device's next report"),
        );
    };
    if !agent.privileged {
        let reason = "its agent may look at the device and not change it";
        return closed(gate, reason, administrator);
    }
    let rules = agent.guardrails.join("; ");
    if !agent.verbs.contains(&Verb::Install) {
        let mut reason = "its agent cannot install anything".to_owned();
        if !rules.is_empty() {
            // What forbids it is among them: observe only, or a file that cannot be read.
            reason = format!("{reason}: {rules}");
        }
        return closed(gate, reason, administrator);
    }
    if rules.is_empty() {
        open(gate, "the device is managed")
    } else {
        open(gate, format!("the device is managed, within: {rules}"))
    }
}
