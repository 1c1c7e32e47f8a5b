//! Which objects can concern one client.
//!
//! Three values: a query that certainly leaves out every device of the client is dropped, one that
//! perhaps covers some stays. So a document for a client never hides what may happen to it.

use std::collections::BTreeMap;

use domain::id::ClientId;
use domain::policy::{Group, Policy};
use domain::query::{Condition, Expr, LetterCase, Pattern, Query, Term, Truth};

use super::ClientAsked;

/// How deep groups may name groups before the answer is "perhaps".
const GROUPS_DEEP_MAX: usize = 8;

struct Concern<'p> {
    client: &'p ClientAsked,
    groups: BTreeMap<String, &'p Group>,
}

/// The policy as it can concern one client: everything else is left out.
pub fn limited_to(policy: &Policy, client: &ClientAsked) -> Policy {
    let concern = Concern {
        client,
        groups: policy
            .groups
            .iter()
            .map(|group| (group.name.as_str().to_lowercase(), group))
            .collect(),
    };
    fn kept<T: Clone>(all: &[T], keep: impl Fn(&T) -> bool) -> Vec<T> {
        all.iter().filter(|one| keep(one)).cloned().collect()
    }
    let covers = |owner: Option<ClientId>, devices: &Query| concern.may_cover(owner, devices);
    Policy {
        without_windows: policy.without_windows,
        groups: kept(&policy.groups, |one| covers(one.client, &one.devices)),
        windows: kept(&policy.windows, |one| covers(one.client, &one.devices)),
        freezes: kept(&policy.freezes, |one| covers(one.client, &one.devices)),
        rules: kept(&policy.rules, |one| covers(one.client, &one.devices)),
        decisions: kept(&policy.decisions, |one| covers(one.client, &one.devices)),
        reboots: kept(&policy.reboots, |one| covers(one.client, &one.devices)),
        rings: kept(&policy.rings, |one| covers(one.client, &one.devices)),
        exclusions: kept(&policy.exclusions, |one| covers(one.client, &one.devices)),
        unreadable: kept(&policy.unreadable, |one| covers(one.client, &one.devices)),
    }
}

impl Concern<'_> {
    fn may_cover(&self, owner: Option<ClientId>, devices: &Query) -> bool {
        let of_another = match (owner, self.client.id) {
            (Some(owner), Some(asked)) => owner != asked,
            (Some(_) | None, _) => false,
        };
        !of_another && self.truth(devices.expr(), 0) != Truth::No
    }

    fn truth(&self, expr: &Expr, depth: usize) -> Truth {
        match expr {
            Expr::All(parts) => parts.iter().fold(Truth::Yes, |so_far, part| {
                so_far.and(self.truth(part, depth))
            }),
            Expr::Not(part) => !self.truth(part, depth),
            Expr::Term(term) => self.term(term, depth),
        }
    }

    fn term(&self, term: &Term, depth: usize) -> Truth {
        let Some(field) = term.field() else {
            return Truth::Unknown;
        };
        match (field.name(), term.condition()) {
            ("client", Condition::Present) => Truth::Yes,
            ("client", Condition::Text(patterns)) => {
                Truth::from(patterns.iter().any(|one| self.is_client(one)))
            }
            ("site", Condition::Text(patterns)) => patterns
                .iter()
                .fold(Truth::No, |so_far, one| so_far.or(self.at_site(one))),
            ("group", Condition::Text(patterns)) => {
                patterns.iter().fold(Truth::No, |so_far, one| {
                    so_far.or(self.in_group(one, depth))
                })
            }
            _ => Truth::Unknown,
        }
    }

    fn is_client(&self, pattern: &Pattern) -> bool {
        pattern.fits(&self.client.name, LetterCase::Ignored)
            || self
                .client
                .id
                .is_some_and(|id| pattern.fits(&id.to_string(), LetterCase::Ignored))
    }

    /// `CLIENT/SITE` names the client; a site alone may be anybody's.
    fn at_site(&self, pattern: &Pattern) -> Truth {
        match pattern.exact().and_then(|text| text.split_once('/')) {
            Some((client, _))
                if !client.eq_ignore_ascii_case(&self.client.name)
                    && client.to_lowercase() != self.client.name.to_lowercase() =>
            {
                Truth::No
            }
            _ => Truth::Unknown,
        }
    }

    fn in_group(&self, pattern: &Pattern, depth: usize) -> Truth {
        let known = pattern
            .exact()
            .and_then(|name| self.groups.get(&name.to_lowercase()));
        match known {
            Some(group) if depth < GROUPS_DEEP_MAX => self.truth(group.devices.expr(), depth + 1),
            Some(_) | None => Truth::Unknown,
        }
    }
}
