//! Clients and their sites.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{ClientId, SiteId};
use crate::name::Label;

/// A company that the provider looks after; the unit of isolation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Its id.
    pub id: ClientId,
    /// Its name, unique.
    pub name: Label,
    /// When it was added.
    pub added_at: Timestamp,
}

/// A place of a client, with a time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// Its id.
    pub id: SiteId,
    /// Whose it is.
    pub client: ClientId,
    /// Its name, unique within the client.
    pub name: Label,
    /// IANA name of its zone.
    pub zone: String,
    /// When it was added.
    pub added_at: Timestamp,
}
