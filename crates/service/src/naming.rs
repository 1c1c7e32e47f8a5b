//! How people name things: by id, by name, or by `CLIENT/NAME`.
//!
//! What is outside the scope is not found, like what never was.

use domain::access::ClientScope;
use domain::client::{Client, Site};
use domain::device::Device;
use domain::name::Label;
use store::Tx;

use crate::{Result, ServiceError};

/// Reads a name that a person gives to something new.
pub(crate) fn label(field: &'static str, text: &str) -> Result<Label> {
    text.trim()
        .parse()
        .map_err(|error: domain::name::InvalidName| ServiceError::Invalid {
            field,
            reason: error.to_string(),
        })
}

fn not_found(what: &'static str, name: &str) -> ServiceError {
    ServiceError::NotFound {
        what,
        name: name.chars().take(200).collect(),
    }
}

/// Finds a client by id or name.
pub(crate) fn client(tx: &mut Tx<'_>, scope: &ClientScope, name: &str) -> Result<Client> {
    tx.client_find(scope, name)?
        .ok_or_else(|| not_found("client", name))
}

/// Finds a site by `CLIENT/SITE`, each by id or name.
pub(crate) fn site(tx: &mut Tx<'_>, scope: &ClientScope, name: &str) -> Result<(Client, Site)> {
    let (client_name, site_name) = name.split_once('/').ok_or_else(|| ServiceError::Invalid {
        field: "site",
        reason: format!("`{name}` is not CLIENT/SITE"),
    })?;
    let client = client(tx, scope, client_name)?;
    let site = tx
        .site_find(scope, client.id, site_name)?
        .ok_or_else(|| not_found("site", name))?;
    Ok((client, site))
}

/// Finds a device by id, by name, or by `CLIENT/NAME`.
pub(crate) fn device(tx: &mut Tx<'_>, scope: &ClientScope, name: &str) -> Result<Device> {
    let mut found = match name.split_once('/') {
        None => tx.device_find(scope, name)?,
        Some((client_name, device_name)) => {
            let Some(client) = tx.client_find(scope, client_name)? else {
                return Err(not_found("device", name));
            };
            let narrowed = scope
                .narrowed(client.id)
                .ok_or_else(|| not_found("device", name))?;
            tx.device_find(&narrowed, device_name)?
        }
    };
    match found.len() {
        0 => Err(not_found("device", name)),
        1 => Ok(found.remove(0)),
        _ => Err(ServiceError::Ambiguous {
            what: "device",
            name: name.to_owned(),
            candidates: found
                .iter()
                .map(|device| format!("{}/{}", device.client_name, device.name))
                .collect(),
        }),
    }
}
