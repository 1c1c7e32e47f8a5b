//! Which systems' statements count for a device.
//!
//! The systems come from `os-release`. A Red Hat device whose repositories are known may be on
//! another stream: each repository's platforms (CPE, from Red Hat's repository-to-CPE list) are turned
//! into systems, and where they name any, they decide alone; an extended stream (EUS, AUS, TUS, E4S)
//! has lower fixed versions for the same CVE, and the main stream's say nothing there. Unknown
//! repositories: the main stream.
//!
//! Source: security.access.redhat.com, `repository-to-cpe.json`; CPE names of Red Hat's products.

use std::collections::BTreeSet;

use domain::advisory::SystemId;
use domain::definitions::Definitions;
use domain::judgement::JudgedDevice;

/// The systems, sorted as the device names them.
pub(super) fn of(device: &JudgedDevice, definitions: &Definitions) -> Vec<SystemId> {
    let red_hat = device
        .systems
        .iter()
        .any(|system| system.distribution() == "rhel");
    let Some(repositories) = device.repositories.as_ref().filter(|_| red_hat) else {
        return device.systems.clone();
    };
    let said: BTreeSet<SystemId> = definitions
        .repositories
        .iter()
        .filter(|known| repositories.contains(&known.value.id))
        .flat_map(|known| &known.value.cpes)
        .filter_map(|cpe| of_cpe(cpe))
        .collect();
    if said.is_empty() {
        return device.systems.clone();
    }
    let others = device
        .systems
        .iter()
        .filter(|system| system.distribution() != "rhel");
    others.cloned().chain(said).collect()
}

/// `rhel-eus:9.2` of `cpe:/o:redhat:rhel_eus:9.2::baseos`.
fn of_cpe(cpe: &str) -> Option<SystemId> {
    let rest = cpe
        .strip_prefix("cpe:/o:redhat:")
        .or_else(|| cpe.strip_prefix("cpe:/a:redhat:"))?;
    let mut parts = rest.split(':');
    let (product, release) = (parts.next()?, parts.next()?);
    match product {
        "enterprise_linux" => {
            let major = release.split('.').next().unwrap_or(release);
            Some(SystemId::new("rhel", major))
        }
        "rhel_eus" | "rhel_aus" | "rhel_tus" | "rhel_e4s" => {
            Some(SystemId::new(&product.replace('_', "-"), release))
        }
        _ => None,
    }
}

/// Whether a subscription's packages can be had by this device: one of its repositories is of it.
///
/// Ubuntu Pro's archives are `esm.ubuntu.com`; their names hold `esm`.
pub(super) fn is_subscribed(device: &JudgedDevice) -> bool {
    device.repositories.as_ref().is_some_and(|repositories| {
        repositories.iter().any(|repository| {
            repository.contains("esm.ubuntu.com")
                || repository.contains("-infra-security")
                || repository.contains("-apps-security")
        })
    })
}
