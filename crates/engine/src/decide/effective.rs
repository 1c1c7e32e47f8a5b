//! All of a policy that covers a device, for people who ask what holds there: by precedence, with
//! what covers it only perhaps, and what did not count.

use domain::decision::{Decision, Level};
use domain::policy::{
    ApprovalRule, Exclusion, Freeze, PolicyKind, RebootRule, RingSet, Unreadable,
};
use domain::query::Truth;
use domain::window::ChangeWindow;

use super::Reboot;
use super::covered::Covering;
use super::pair::Side;
use crate::calendar::Frozen;
use crate::subject::Membership;

/// An object that covers a device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Covers<'a, T> {
    /// Which.
    pub object: &'a T,
    /// Its place among the objects of its kind in the policy.
    pub index: usize,
    /// Whether it certainly covers it; what holds back counts also where that is not known.
    pub certain: bool,
}

/// A ring set that covers a device, and where the device is in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InRing<'a> {
    /// The set.
    pub set: &'a RingSet,
    /// Whether it certainly covers the device; where that is not known, no ring is reached.
    pub certain: bool,
    /// The first ring that the device fits; `None`: none, so that no ring is ever reached.
    pub ring: Option<usize>,
}

/// A reboot rule that covers a device and does not count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RebootLoser<'a> {
    /// The rule.
    pub rule: &'a RebootRule,
    /// Its level.
    pub level: Level,
    /// Whether it certainly covers the device.
    pub certain: bool,
}

/// All of a policy that covers a device.
pub struct Effective<'s, 'a> {
    /// The groups that the device is in.
    pub groups: &'s Membership,
    /// Change windows: any of them opens the device, where no rule names some.
    pub windows: &'s [&'a ChangeWindow],
    /// Freezes, past ones and ones to come too.
    pub freezes: Vec<Covers<'a, Freeze>>,
    /// Exclusions that are in force.
    pub exclusions: Vec<Covers<'a, Exclusion>>,
    /// Decisions that are in force, the first goes before all others.
    pub decisions: Vec<Covers<'a, Decision>>,
    /// Rules in their order: the first that matches a patch counts.
    pub rules: Vec<Covers<'a, ApprovalRule>>,
    /// Ring sets in their order: the first counts, where a rule names none.
    pub rings: Vec<InRing<'a>>,
    /// What cannot be read; it closes what it covers.
    pub unreadable: &'s [&'a Unreadable],
    /// The reboot rule that counts.
    pub reboot: Option<Reboot<'a>>,
    /// Reboot rules that cover the device and do not count.
    pub reboot_losers: Vec<RebootLoser<'a>>,
    /// What is frozen, put together.
    pub frozen: &'s Frozen,
}

fn covers<'a, T>(covering: &Covering<'a, T>) -> Covers<'a, T> {
    Covers {
        object: covering.object,
        index: covering.index,
        certain: covering.devices == Truth::Yes,
    }
}

impl<'s, 'a> Effective<'s, 'a> {
    pub(super) fn of(groups: &'s Membership, side: &'s Side<'a>) -> Self {
        let (coverage, now) = (&side.coverage, side.now);
        let reboot = side.reboot();
        let counts = |rule: &RebootRule| reboot.is_some_and(|r| std::ptr::eq(r.rule, rule));
        let lost = coverage
            .reboots
            .iter()
            .filter(|covering| !counts(covering.object));
        Self {
            groups,
            windows: &coverage.windows,
            freezes: coverage.freezes.iter().map(covers).collect(),
            exclusions: coverage
                .exclusions
                .iter()
                .filter(|covering| covering.object.is_in_force(now))
                .map(covers)
                .collect(),
            decisions: coverage
                .decisions
                .iter()
                .filter(|covering| covering.object.is_in_force(now))
                .map(covers)
                .collect(),
            rules: coverage.rules.iter().map(covers).collect(),
            rings: coverage
                .rings
                .iter()
                .filter(|placed| placed.covers != Truth::No)
                .map(|placed| InRing {
                    set: placed.set,
                    certain: placed.covers == Truth::Yes,
                    ring: placed.ring,
                })
                .collect(),
            unreadable: &coverage.unreadable,
            reboot_losers: lost
                .map(|covering| RebootLoser {
                    rule: covering.object,
                    level: Level::of_query(&covering.object.devices),
                    certain: covering.devices == Truth::Yes,
                })
                .collect(),
            reboot,
            frozen: &side.freezes.spans,
        }
    }

    /// What keeps every window and freeze from being told, where one of them cannot be read.
    pub fn closed_by(&self) -> Option<&'a Unreadable> {
        let calendar = |kind| matches!(kind, PolicyKind::Window | PolicyKind::Freeze);
        let mut unreadable = self.unreadable.iter();
        unreadable.find(|object| calendar(object.kind)).copied()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::super::Evaluator;
    use domain::policy::{Policy, RebootWhen};

    use super::*;

    fn reboot(name: &str, devices: &str, when: RebootWhen) -> RebootRule {
        RebootRule {
            id: domain::id::PolicyId::unsaved(),
            client: None,
            name: name.parse().unwrap(),
            devices: devices.parse().unwrap(),
            when,
            window: None,
            deadline: None,
            user_present: None,
        }
    }

    #[test]
    fn what_covers_a_device_is_listed_with_what_lost() {
        let view = crate::testing::view();
        let policy = Policy {
            reboots: vec![
                reboot("everywhere", "", RebootWhen::Always),
                reboot("here", "client:acme", RebootWhen::Never),
                reboot("elsewhere", "client:nobody", RebootWhen::Never),
            ],
            ..Policy::default()
        };
        let now = "2026-03-02T09:00:00Z".parse().unwrap();
        let evaluator = Evaluator::new(&view, &policy, now);
        let effective = evaluator.effective();
        assert_eq!(effective.reboot.unwrap().rule.name.as_str(), "here");
        let losers: Vec<(&str, Level)> = effective
            .reboot_losers
            .iter()
            .map(|lost| (lost.rule.name.as_str(), lost.level))
            .collect();
        assert_eq!(losers, [("everywhere", Level::Provider)]);
        assert!(effective.rings.is_empty() && effective.closed_by().is_none());
    }
}
