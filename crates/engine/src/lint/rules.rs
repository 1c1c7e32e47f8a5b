//! Rules that nothing can reach or that no window serves, and ring sets that are both first.

use std::collections::BTreeSet;

use domain::name::Label;
use domain::policy::{ApprovalRule, PolicyKind, RuleAction};
use domain::query::{Condition, Expr, Field, Query};
use domain::window::{ChangeWindow, OpensFor, Recurrence};

use super::{Lint, times};
use crate::policy_file::{OWNER_OF_NO_NAME, Weight};

/// How many pairs of objects are compared at most.
const PAIRS_MAX: usize = 2_000_000;

/// Whether everything that `inner` covers is covered by `outer`.
fn within(inner: &Query, outer: &Query) -> bool {
    outer.is_everything() || inner == outer || inner.implies(outer)
}

/// Whether no device can match both: both ask for one client, site or device, and not for the same.
fn apart(one: &Query, other: &Query) -> bool {
    [Field::Client, Field::Site, Field::Device]
        .into_iter()
        .any(|field| match (asked(one, field), asked(other, field)) {
            (Some(one), Some(other)) => one.is_disjoint(&other),
            _ => false,
        })
}

/// The values of which a device must have one to match, in small letters; `None`: any.
fn asked(query: &Query, field: Field) -> Option<BTreeSet<String>> {
    let parts = match query.expr() {
        Expr::All(parts) => parts.as_slice(),
        only => std::slice::from_ref(only),
    };
    parts.iter().find_map(|part| match part {
        Expr::Term(term) if term.field() == Some(field) => match term.condition() {
            Condition::Text(patterns) => patterns
                .iter()
                .map(|pattern| pattern.exact().map(str::to_lowercase))
                .collect(),
            _ => None,
        },
        Expr::Term(_) | Expr::All(_) | Expr::Not(_) => None,
    })
}

/// Rules whose patches an earlier rule takes, all of them on all of their devices.
pub(super) fn unreachable(lint: &mut Lint<'_>) {
    let rules = &lint.policy.rules;
    let mut pairs = 0;
    for (index, rule) in rules.iter().enumerate() {
        pairs += index;
        if pairs > PAIRS_MAX {
            return;
        }
        let before = rules[..index].iter().position(|earlier| {
            within(&rule.patches, &earlier.patches) && within(&rule.devices, &earlier.devices)
        });
        if let Some(before) = before {
            let what = format!(
                "nothing reaches the rule `{}`: the rule `{}` before it, at {}, takes all of its \
                 patches on all of its devices",
                rule.name,
                rules[before].name,
                lint.line_of(PolicyKind::Rule, before)
            );
            let hint = "write the narrower rule first";
            lint.tell(Weight::Warning, (PolicyKind::Rule, index), what, hint);
        }
    }
}

/// The windows that a rule uses, as far as the queries tell: those for patches that may cover its
/// devices.
fn windows_of<'p>(windows: &'p [ChangeWindow], rule: &ApprovalRule) -> Vec<&'p ChangeWindow> {
    let named = |name: &Label| rule.windows.is_empty() || rule.windows.contains(name);
    windows
        .iter()
        .filter(|window| window.opens_for == OpensFor::Changes)
        .filter(|window| named(&window.name) && !apart(&window.devices, &rule.devices))
        .collect()
}

/// Approving rules whose patches no window lets through.
pub(super) fn without_windows(lint: &mut Lint<'_>) {
    if lint.policy.rules.len() * lint.policy.windows.len() > PAIRS_MAX {
        return;
    }
    for (index, rule) in lint.policy.rules.iter().enumerate() {
        if rule.action != RuleAction::Approve {
            continue;
        }
        let of_rule = windows_of(&lint.policy.windows, rule);
        let at = (PolicyKind::Rule, index);
        let for_reboots = lint.policy.windows.iter().find(|window| {
            window.opens_for == OpensFor::Reboots && rule.windows.contains(&window.name)
        });
        if let Some(window) = for_reboots {
            let what = format!(
                "the rule `{}` names the window `{}`, which is for reboots alone: nothing is \
                 installed in it",
                rule.name, window.name
            );
            let hint = "leave the window out, or take `opens_for` out of it";
            lint.tell(Weight::Warning, at, what, hint);
        }
        if of_rule.is_empty() {
            let what = if lint.policy.windows.is_empty() {
                "there is no change window, so a server never installs what it approves"
            } else {
                "none of its windows covers its devices, so nothing that it approves is ever \
                 installed"
            };
            lint.tell(
                Weight::Warning,
                at,
                format!("the rule `{}`: {what}", rule.name),
                "add a [[window]] for its devices",
            );
            continue;
        }
        if of_rule.iter().all(|window| !times::opens(window, lint.now)) {
            let what = format!(
                "the rule `{}`: none of its windows opens any more",
                rule.name
            );
            lint.tell(Weight::Warning, at, what, "add a window that opens");
            continue;
        }
        if let Some(what) = too_early(rule, &of_rule) {
            let hint = "make `after` shorter, or `after_release` longer";
            lint.tell(Weight::Warning, at, what, hint);
        }
    }
}

/// All windows of a rule close before its delay is over: they open once for each patch, on a day
/// counted from its release.
fn too_early(rule: &ApprovalRule, windows: &[&ChangeWindow]) -> Option<String> {
    const DAY: u32 = 24 * 60;
    // Counted from the release, whenever on its day that was.
    let closes = |window: &&ChangeWindow| match window.recurrence {
        Recurrence::AfterRelease { days } => {
            let start = u32::try_from(window.start.hour()).ok()? * 60
                + u32::try_from(window.start.minute()).ok()?;
            Some(u32::from(days) * DAY + start + window.duration.minutes())
        }
        _ => None,
    };
    let last = windows
        .iter()
        .map(closes)
        .collect::<Option<Vec<u32>>>()?
        .into_iter()
        .max()?;
    let after = rule.kev_after.map_or(rule.after, |kev| kev.min(rule.after));
    (last <= after.minutes()).then(|| {
        format!(
            "the rule `{}` waits {} after a release, and its windows close before that: no patch \
             fits in",
            rule.name, rule.after
        )
    })
}

/// Ring sets and rings of which an earlier one takes all devices.
pub(super) fn rings(lint: &mut Lint<'_>) {
    let sets = &lint.policy.rings;
    let mut pairs = 0;
    for (index, set) in sets.iter().enumerate() {
        for (at, ring) in set.rings.iter().enumerate() {
            let before = set.rings[..at]
                .iter()
                .find(|earlier| within(&ring.devices, &earlier.devices));
            if let Some(before) = before {
                let what = format!(
                    "the rings `{}` and `{}` of the ring set `{}` are both first for the same \
                     devices, so `{}` has none",
                    before.name, ring.name, set.name, ring.name
                );
                let hint = "a device is in the first ring that it fits: put the narrower one first";
                lint.tell(Weight::Warning, (PolicyKind::Rings, index), what, hint);
            }
        }
        pairs += index;
        // A set that a rule names is used, whichever comes first.
        let named = |rule: &ApprovalRule| rule.rings.as_ref() == Some(&set.name);
        if pairs > PAIRS_MAX || lint.policy.rules.iter().any(named) {
            continue;
        }
        let before = sets[..index]
            .iter()
            .position(|earlier| within(&set.devices, &earlier.devices));
        if let Some(before) = before {
            let what = format!(
                "the ring sets `{}`, at {}, and `{}` are both first for the same devices, so `{}` \
                 is never used",
                sets[before].name,
                lint.line_of(PolicyKind::Rings, before),
                set.name,
                set.name
            );
            let hint = "put the narrower one first, or name it in a rule with `rings`";
            lint.tell(Weight::Warning, (PolicyKind::Rings, index), what, hint);
        }
    }
}

/// Who and why, where nobody said.
pub(super) fn unsaid(lint: &mut Lint<'_>) {
    for (index, rule) in lint.policy.rules.iter().enumerate() {
        let at = (PolicyKind::Rule, index);
        if rule.owner == OWNER_OF_NO_NAME {
            let what = format!("the rule `{}` does not say who answers for it", rule.name);
            lint.tell(Weight::Warning, at, what, "add `owner`");
        }
        if rule.why.is_empty() {
            let what = format!("the rule `{}` does not say why", rule.name);
            lint.tell(Weight::Warning, at, what, "add `why`");
        }
        if rule.kev_after.is_some_and(|kev| kev > rule.after) {
            let what = format!(
                "the rule `{}` lets patches wait longer when their fault is exploited",
                rule.name
            );
            lint.tell(
                Weight::Warning,
                at,
                what,
                "make `kev_after` shorter than `after`",
            );
        }
    }
    for (index, freeze) in lint.policy.freezes.iter().enumerate() {
        if freeze.reason.is_empty() {
            let what = format!("the freeze `{}` does not say why", freeze.name);
            let at = (PolicyKind::Freeze, index);
            lint.tell(Weight::Warning, at, what, "add `reason`");
        }
    }
    for (index, exclusion) in lint.policy.exclusions.iter().enumerate() {
        let at = (PolicyKind::Exclude, index);
        if exclusion.reason.is_empty() {
            let what = format!("the exclusion `{}` does not say why", exclusion.name);
            lint.tell(Weight::Warning, at, what, "add `reason`");
        }
        if exclusion.devices.is_everything() {
            let what = format!("the exclusion `{}` keeps out every device", exclusion.name);
            lint.tell(Weight::Warning, at, what, "say in `for` which devices");
        }
    }
}
