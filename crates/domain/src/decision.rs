//! A person's or rule's word about patches, for a scope.
//!
//! A decision is one record on (patches, scope), never a column of a device: devices are evaluated
//! against it. Precedence: the closest level wins; within a level deny beats hold beats pin beats
//! an accepted risk beats approve.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{ClientId, DecisionId, PrincipalId};
use crate::name::{Label, Version};
use crate::package::words;
use crate::query::{Field, Query};

/// What was decided. The order is the order of precedence within a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// May be installed.
    Approve,
    /// Is left open knowingly, until a day; then it is open again by itself.
    AcceptRisk,
    /// The product stays at the version it has, or at one that is named.
    Pin,
    /// Not now.
    Hold,
    /// Not at all.
    Deny,
}

words!(Word "decision" "approve, accept-risk, pin, hold, deny" {
    Approve "approve", AcceptRisk "accept-risk", Pin "pin", Hold "hold", Deny "deny",
});

/// How close a decision is to a device. The order is the order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// The whole provider.
    Provider,
    /// One client.
    Client,
    /// One site.
    Site,
    /// A group.
    Group,
    /// One device.
    Device,
}

words!(Level "level" "provider, client, site, group, device" {
    Provider "provider", Client "client", Site "site", Group "group", Device "device",
});

impl Level {
    /// How close a query over devices is, by the closest thing that it names with a term that must
    /// hold and one exact value; a tag counts as a group.
    pub fn of_query(devices: &Query) -> Self {
        let names = |field| devices.required(field).is_some();
        if names(Field::Device) {
            Self::Device
        } else if names(Field::Group) || names(Field::Tag) {
            Self::Group
        } else if names(Field::Site) {
            Self::Site
        } else if names(Field::Client) {
            Self::Client
        } else {
            Self::Provider
        }
    }
}

/// A decision as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Its id.
    pub id: DecisionId,
    /// The one client it is limited to; `None` is the whole provider.
    pub client: Option<ClientId>,
    /// What was decided.
    pub word: Word,
    /// Its name in a policy file; `None`: it was made by hand.
    pub name: Option<Label>,
    /// Which patches.
    pub patches: Query,
    /// For `pin`: the newest version that may be installed; `None`: none at all.
    pub version: Option<Version>,
    /// Which devices.
    pub devices: Query,
    /// How close it is.
    pub level: Level,
    /// Why.
    pub reason: String,
    /// Who decided.
    pub decided_by: PrincipalId,
    /// That person's name, for sentences.
    pub decided_by_name: String,
    /// When.
    pub decided_at: Timestamp,
    /// Until when it is valid; `None` is until it is ended.
    pub until: Option<Timestamp>,
    /// When it was ended.
    pub ended_at: Option<Timestamp>,
}

impl Decision {
    /// Whether the decision holds at `now`.
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.decided_at <= now
            && self.until.is_none_or(|until| now < until)
            && self.ended_at.is_none_or(|ended| now < ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_thing_that_must_hold_gives_the_level() -> Result<(), crate::query::QueryError> {
        for (text, level) in [
            ("", Level::Provider),
            ("os:debian seen<7d", Level::Provider),
            ("client:acme", Level::Client),
            ("client:acme site:berlin", Level::Site),
            ("site:acme/berlin", Level::Site),
            ("tag:server", Level::Group),
            ("client:acme group:databases", Level::Group),
            ("site:berlin tag:server", Level::Group),
            ("client:acme device:web1 tag:server", Level::Device),
            ("(client:acme (site:berlin))", Level::Site),
            ("-client:acme", Level::Provider),
            ("client:acme,beta", Level::Provider),
            ("client:ac*", Level::Provider),
            ("device:web*", Level::Provider),
            ("-(-tag:a -tag:b)", Level::Provider),
            ("web1", Level::Provider),
        ] {
            assert_eq!(Level::of_query(&text.parse()?), level, "{text}");
        }
        Ok(())
    }
}
