//! Patches that no rule takes, and groups that no file names.

use std::collections::BTreeSet;

use domain::policy::PolicyKind;
use domain::query::{Condition, Field, Query};
use domain::severity::{Classification, Severity};
use domain::snapshot::SnapshotFinding;

use super::Lint;
use crate::decide::{SnapshotPatchSubject, group_rounds};
use crate::policy_file::Weight;

/// Groups whose queries ask for each other: whether a device is in them cannot be told.
pub(super) fn circles(lint: &mut Lint<'_>) {
    let (_, circle) = group_rounds(lint.policy);
    let names: Vec<String> = circle
        .iter()
        .filter_map(|index| lint.policy.groups.get(*index))
        .map(|group| format!("`{}`", group.name))
        .collect();
    for index in circle {
        let Some(group) = lint.policy.groups.get(index) else {
            continue;
        };
        let what = format!(
            "the group `{}` cannot be told: {} ask for each other in a circle, or for one that does",
            group.name,
            names.join(" and ")
        );
        let hint = "what lets things happen covers no device of it; ask for something else";
        lint.tell(Weight::Warning, (PolicyKind::Group, index), what, hint);
    }
}

/// A patch of a kind, with everything else as plain as can be.
fn kinds() -> [(&'static str, SnapshotFinding); 5] {
    let plain = || SnapshotFinding {
        patch: "any".to_owned(),
        product: Some("any".to_owned()),
        severity: Some(Severity::Critical),
        classification: Some(Classification::Security),
        cves: Some(Vec::new()),
        kev: Some(false),
        released_at: Some(jiff::Timestamp::UNIX_EPOCH),
        first_seen_at: Some(jiff::Timestamp::UNIX_EPOCH),
        ..SnapshotFinding::default()
    };
    [
        (
            "whose fault is known to be exploited",
            SnapshotFinding {
                kev: Some(true),
                ..plain()
            },
        ),
        (
            "that nobody rated",
            SnapshotFinding {
                severity: Some(Severity::Unrated),
                ..plain()
            },
        ),
        (
            "whose release date is not known",
            SnapshotFinding {
                released_at: None,
                first_seen_at: None,
                ..plain()
            },
        ),
        (
            "of definitions",
            SnapshotFinding {
                classification: Some(Classification::Definition),
                severity: Some(Severity::Unrated),
                ..plain()
            },
        ),
        (
            "of drivers",
            SnapshotFinding {
                classification: Some(Classification::Driver),
                severity: Some(Severity::Unrated),
                ..plain()
            },
        ),
    ]
}

/// Kinds of patches that wait for a person because no rule takes them.
pub(super) fn patches(lint: &mut Lint<'_>) {
    if lint.policy.rules.is_empty() {
        return;
    }
    for (kind, finding) in kinds() {
        let subject = SnapshotPatchSubject::of(&finding);
        let taken = |query: &Query| query.matches(&subject, lint.now);
        if !lint.policy.rules.iter().any(|rule| taken(&rule.patches)) {
            lint.tell(
                Weight::Note,
                (PolicyKind::Rule, lint.policy.rules.len() - 1),
                format!("no rule takes every patch {kind}: they wait for a person"),
                "add a [[rule]] for them, if they shall not wait",
            );
        }
    }
}

/// `group:NAME` where no file has that group.
pub(super) fn groups(lint: &mut Lint<'_>) {
    let known: BTreeSet<String> = lint
        .policy
        .groups
        .iter()
        .map(|group| group.name.as_str().to_lowercase())
        .collect();
    let mut missing: Vec<(PolicyKind, usize, String)> = Vec::new();
    {
        let mut look = |kind: PolicyKind, index: usize, query: &Query| {
            for term in query.terms() {
                let (Some(Field::Group), Condition::Text(patterns)) =
                    (term.field(), term.condition())
                else {
                    continue;
                };
                for name in patterns.iter().filter_map(|pattern| pattern.exact()) {
                    if !known.contains(&name.to_lowercase()) {
                        missing.push((kind, index, name.to_owned()));
                    }
                }
            }
        };
        let policy = lint.policy;
        let devices = [
            (PolicyKind::Group, queries(&policy.groups, |o| &o.devices)),
            (PolicyKind::Window, queries(&policy.windows, |o| &o.devices)),
            (PolicyKind::Freeze, queries(&policy.freezes, |o| &o.devices)),
            (PolicyKind::Rule, queries(&policy.rules, |o| &o.devices)),
            (
                PolicyKind::Decision,
                queries(&policy.decisions, |o| &o.devices),
            ),
            (PolicyKind::Reboot, queries(&policy.reboots, |o| &o.devices)),
            (PolicyKind::Rings, queries(&policy.rings, |o| &o.devices)),
            (
                PolicyKind::Exclude,
                queries(&policy.exclusions, |o| &o.devices),
            ),
        ];
        for (kind, queries) in devices {
            for (index, query) in queries.into_iter().enumerate() {
                look(kind, index, query);
            }
        }
        for (index, set) in policy.rings.iter().enumerate() {
            for ring in &set.rings {
                look(PolicyKind::Rings, index, &ring.devices);
            }
        }
    }
    missing.dedup();
    for (kind, index, name) in missing {
        lint.tell(
            Weight::Note,
            (kind, index),
            format!("no file has the group `{name}`"),
            "add a [[group]], unless devices are in it without one",
        );
    }
}

fn queries<T>(objects: &[T], devices: impl Fn(&T) -> &Query) -> Vec<&Query> {
    objects.iter().map(devices).collect()
}
