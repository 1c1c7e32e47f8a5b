//! Whose decisions and windows a person may make, and how close they are to a device.
//!
//! One that names a client (or a site or device of one) with a term that must hold is bound to that
//! client; one that names none is for the whole provider, which needs its own permission.

use domain::access::{self, ClientScope, Permission, Principal, Reach};
use domain::decision::Level;
use domain::id::ClientId;
use domain::query::{Field, Query};
use store::Tx;

use crate::{Result, ServiceError, naming};

/// What a query for devices is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound {
    /// The one client; `None`: the whole provider.
    pub client: Option<ClientId>,
    /// How close it is, by what it names.
    pub level: Level,
}

/// Finds what a query is bound to, and refuses what `who` may not reach.
pub(crate) fn bound(
    tx: &mut Tx<'_>,
    who: &Principal,
    scope: &ClientScope,
    devices: &Query,
) -> Result<Bound> {
    let bound = named(tx, scope, devices)?;
    if bound.client.is_some() {
        return Ok(bound);
    }
    match &who.reach {
        Reach::Provider => {
            access::check(who, Permission::WholeProvider)?;
            Ok(bound)
        }
        // Who has one client only means that one.
        Reach::Clients(clients) => match clients.as_slice() {
            [only] => Ok(Bound {
                client: Some(*only),
                level: bound.level.max(Level::Client),
            }),
            _ => Err(ServiceError::Invalid {
                field: "for",
                reason: "name one of your clients: `client:NAME`".to_owned(),
            }),
        },
    }
}

fn named(tx: &mut Tx<'_>, scope: &ClientScope, devices: &Query) -> Result<Bound> {
    if let Some(name) = devices.required(Field::Device) {
        // The client beside it says which of two devices of that name is meant.
        let device = match devices.required(Field::Client) {
            Some(client) if !name.contains('/') => {
                let client = naming::client(tx, scope, client)?;
                let narrowed = scope.narrowed(client.id).ok_or(ServiceError::NotFound {
                    what: "client",
                    name: client.name.to_string(),
                })?;
                naming::device(tx, &narrowed, name)?
            }
            Some(_) | None => naming::device(tx, scope, name)?,
        };
        return Ok(Bound {
            client: Some(device.client),
            level: Level::Device,
        });
    }
    let site = devices.required(Field::Site);
    let client = match (devices.required(Field::Client), site) {
        (Some(name), _) => Some(naming::client(tx, scope, name)?.id),
        (None, Some(name)) if name.contains('/') => Some(naming::site(tx, scope, name)?.0.id),
        (None, _) => None,
    };
    let level = match (site, client) {
        (Some(_), Some(_)) => Level::Site,
        (None, Some(_)) => Level::Client,
        (_, None) => Level::Provider,
    };
    Ok(Bound { client, level })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_term_that_must_hold_with_one_exact_value_binds() {
        let client = |text: &str| {
            let query: Query = text.parse().unwrap();
            query.required(Field::Client).map(str::to_owned)
        };
        assert_eq!(client("client:acme tag:server").as_deref(), Some("acme"));
        assert_eq!(client("client:\"Acme GmbH\"").as_deref(), Some("Acme GmbH"));
        for free in [
            "",
            "tag:server",
            "-client:acme",
            "client:acme,beta",
            "client:ac*",
            "acme",
        ] {
            assert_eq!(client(free), None, "{free}");
        }
    }
}
