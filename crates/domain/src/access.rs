//! Who may do what, and on whose data.
//!
//! Only `check` makes a `ClientScope`, and every read and write of client data asks for one, so no
//! query can be written that forgets the scope. Errors: a refusal says what was asked for and which
//! right is missing; it never tells whether the thing exists.

use serde::{Deserialize, Serialize};

use crate::id::{ClientId, PrincipalId};
use crate::package::words;

/// What a principal may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Everything.
    Owner,
    /// Everything within its clients, apart from adding clients and principals.
    Technician,
    /// Looks only.
    Reader,
}

words!(Role "role" "owner, technician, reader" {
    Owner "owner", Technician "technician", Reader "reader",
});

/// Whose data a principal may reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// All clients of the provider.
    Provider,
    /// These clients only.
    Clients(Vec<ClientId>),
}

/// Somebody who has signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Its id.
    pub id: PrincipalId,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whose data it may reach.
    pub reach: Reach,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    /// Read data of clients.
    Read,
    /// Approve, hold, deny, and end decisions.
    Decide,
    /// Change windows.
    SetWindow,
    /// Change devices' modes and tags, enrol devices.
    ManageDevice,
    /// Add clients and sites.
    ManageClient,
    /// Decide or set windows for the whole provider.
    WholeProvider,
    /// Choose feeds, take bundles, release documents from quarantine.
    ManageFeed,
}

impl Permission {
    /// What it lets one do, for a refusal's sentence.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Read => "read this",
            Self::Decide => "decide about patches",
            Self::SetWindow => "change windows",
            Self::ManageDevice => "manage devices",
            Self::ManageClient => "add clients and sites",
            Self::WholeProvider => "decide for the whole provider",
            Self::ManageFeed => "change feeds",
        }
    }
}

/// The clients whose data an access check opened. Cannot be made elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientScope {
    clients: Option<Vec<ClientId>>,
}

impl ClientScope {
    /// The clients, or `None` for all of the provider's.
    pub fn clients(&self) -> Option<&[ClientId]> {
        self.clients.as_deref()
    }

    /// Whether `client` is inside.
    pub fn contains(&self, client: ClientId) -> bool {
        self.clients
            .as_ref()
            .is_none_or(|clients| clients.contains(&client))
    }

    /// The scope of one client inside this one; `None` when it is outside.
    pub fn narrowed(&self, client: ClientId) -> Option<Self> {
        self.contains(client).then(|| Self {
            clients: Some(vec![client]),
        })
    }
}

/// A right that is missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{who} may not {what}: an owner can give the right")]
pub struct AccessDenied {
    /// Who asked.
    pub who: String,
    /// What for.
    pub what: &'static str,
}

/// Opens the principal's clients for `permission`, or refuses.
pub fn check(principal: &Principal, permission: Permission) -> Result<ClientScope, AccessDenied> {
    use {Permission as P, Role as R};
    let allowed = match (principal.role, permission) {
        (R::Owner, _) | (_, P::Read) => true,
        (R::Technician, P::Decide | P::SetWindow | P::ManageDevice) => true,
        (R::Technician, P::WholeProvider) => principal.reach == Reach::Provider,
        (R::Technician, P::ManageClient | P::ManageFeed)
        | (
            R::Reader,
            P::Decide
            | P::SetWindow
            | P::ManageDevice
            | P::ManageClient
            | P::WholeProvider
            | P::ManageFeed,
        ) => false,
    };
    if !allowed {
        return Err(AccessDenied {
            who: principal.name.clone(),
            what: permission.describe(),
        });
    }
    Ok(ClientScope {
        clients: match &principal.reach {
            Reach::Provider => None,
            Reach::Clients(clients) => Some(clients.clone()),
        },
    })
}

/// The scope of one device's own link: its client and nothing else. Made from a device whose
/// signature was checked.
pub fn of_device(device: &crate::device::Device) -> ClientScope {
    ClientScope {
        clients: Some(vec![device.client]),
    }
}

/// The scope of the server's own loops, which serve all clients and answer to nobody outside.
pub fn of_loops() -> ClientScope {
    ClientScope { clients: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(role: Role, reach: Reach) -> Principal {
        Principal {
            id: PrincipalId::from_bytes([1; 16]),
            name: "Ada".into(),
            role,
            reach,
        }
    }

    #[test]
    fn a_reader_changes_nothing_and_a_client_stays_inside() {
        let (mine, other) = (ClientId::from_bytes([1; 16]), ClientId::from_bytes([2; 16]));
        let reader = principal(Role::Reader, Reach::Clients(vec![mine]));
        for permission in [
            Permission::Decide,
            Permission::SetWindow,
            Permission::ManageDevice,
            Permission::ManageClient,
            Permission::WholeProvider,
            Permission::ManageFeed,
        ] {
            assert!(check(&reader, permission).is_err(), "{permission:?}");
        }
        let scope = check(&reader, Permission::Read).unwrap();
        assert!(scope.contains(mine) && !scope.contains(other));
        assert_eq!(scope.narrowed(other), None);
        let technician = principal(Role::Technician, Reach::Clients(vec![mine]));
        assert!(check(&technician, Permission::Decide).is_ok());
        assert!(check(&technician, Permission::WholeProvider).is_err());
    }
}
