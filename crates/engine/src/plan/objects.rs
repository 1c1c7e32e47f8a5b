//! Which objects of a policy a change adds, changes and removes.
//!
//! Objects are told apart by kind and name. What a file does not say does not count: ids, and when
//! and by whom a decision was made.

use std::collections::{BTreeMap, BTreeSet};

use domain::decision::Decision;
use domain::id::Id;
use domain::policy::{
    ApprovalRule, Exclusion, Freeze, Group, Policy, PolicyKind, RebootRule, RingSet,
};
use domain::window::ChangeWindow;
use jiff::Timestamp;

use super::{Change, ObjectChange};

/// What changes, sorted by kind and name.
pub fn object_changes(before: &Policy, after: &Policy) -> Vec<ObjectChange> {
    let mut found = Found::default();
    found.compare(PolicyKind::Group, &before.groups, &after.groups);
    found.compare(PolicyKind::Window, &before.windows, &after.windows);
    found.compare(PolicyKind::Freeze, &before.freezes, &after.freezes);
    found.compare(PolicyKind::Rule, &before.rules, &after.rules);
    found.compare(PolicyKind::Decision, &before.decisions, &after.decisions);
    found.compare(PolicyKind::Reboot, &before.reboots, &after.reboots);
    found.compare(PolicyKind::Rings, &before.rings, &after.rings);
    found.compare(PolicyKind::Exclude, &before.exclusions, &after.exclusions);
    found.order(PolicyKind::Rule, &before.rules, &after.rules);
    found.order(PolicyKind::Rings, &before.rings, &after.rings);
    let broken = |policy: &Policy| -> BTreeSet<(PolicyKind, String)> {
        let names = policy.unreadable.iter();
        names.map(|one| (one.kind, one.name.clone())).collect()
    };
    let (was, is) = (broken(before), broken(after));
    found.all.extend(
        was.difference(&is)
            .map(|key| (key.clone(), Change::Removed)),
    );
    found
        .all
        .extend(is.difference(&was).map(|key| (key.clone(), Change::Added)));
    let changes = found.all.into_iter();
    changes
        .map(|((kind, name), change)| ObjectChange { kind, name, change })
        .collect()
}

/// An object with a name that can be compared with what a file says.
trait Named: Clone + PartialEq {
    fn name(&self) -> String;
    /// The same without what does not count.
    fn bare(&self) -> Self;
}

macro_rules! named {
    ($($object:ident)*) => {$(
        impl Named for $object {
            fn name(&self) -> String {
                self.name.to_string()
            }
            fn bare(&self) -> Self {
                Self { id: Id::unsaved(), ..self.clone() }
            }
        }
    )*};
}
named!(Group Freeze ApprovalRule RebootRule RingSet Exclusion);

impl Named for ChangeWindow {
    fn name(&self) -> String {
        self.name.to_string()
    }
    fn bare(&self) -> Self {
        Self {
            id: Id::unsaved(),
            valid_from: Timestamp::MIN,
            ..self.clone()
        }
    }
}

impl Named for Decision {
    fn name(&self) -> String {
        match &self.name {
            Some(name) => name.to_string(),
            None => format!("{} {} on {}", self.word, self.patches, self.devices),
        }
    }
    fn bare(&self) -> Self {
        Self {
            id: Id::unsaved(),
            decided_by: Id::unsaved(),
            decided_by_name: String::new(),
            decided_at: Timestamp::MIN,
            ..self.clone()
        }
    }
}

#[derive(Default)]
struct Found {
    all: BTreeMap<(PolicyKind, String), Change>,
}

impl Found {
    fn compare<T: Named>(&mut self, kind: PolicyKind, before: &[T], after: &[T]) {
        let (before, after) = (by_name(before), by_name(after));
        for (name, was) in &before {
            match after.get(name) {
                None => self.add(kind, name, Change::Removed),
                Some(is) if is != was => self.add(kind, name, Change::Changed),
                Some(_) => {}
            }
        }
        for name in after.keys().filter(|name| !before.contains_key(*name)) {
            self.add(kind, name, Change::Added);
        }
    }

    /// Where the first that matches counts, another order is another policy.
    fn order<T: Named>(&mut self, kind: PolicyKind, before: &[T], after: &[T]) {
        let names = |of: &[T], other: &[T]| -> Vec<String> {
            let there: BTreeSet<String> = other.iter().map(Named::name).collect();
            let own = of.iter().map(Named::name);
            own.filter(|name| there.contains(name)).collect()
        };
        let (was, is) = (names(before, after), names(after, before));
        for (name, _) in was.iter().zip(&is).filter(|(was, is)| was != is) {
            self.add(kind, name, Change::Changed);
        }
    }

    fn add(&mut self, kind: PolicyKind, name: &str, change: Change) {
        self.all.insert((kind, name.to_owned()), change);
    }
}

fn by_name<T: Named>(objects: &[T]) -> BTreeMap<String, Vec<T>> {
    let mut all: BTreeMap<String, Vec<T>> = BTreeMap::new();
    for object in objects {
        all.entry(object.name()).or_default().push(object.bare());
    }
    all
}
