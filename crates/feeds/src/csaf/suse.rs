//! SUSE's products: which package of which service pack.
//!
//! The system is read from the product's name, because names are there in every document and CPEs
//! are not. A service pack is a release of its own (`sles:15.5`); what is sold beside it (LTSS,
//! ESPOS, …) is the same system with a subscription. Modules and the package hub of SLE 12 without
//! a service pack serve all of its service packs. Products that are no such system keep their own
//! name, so that they never match one.

use domain::advisory::SystemId;

use super::component::{Component, architecture, nevra, nvr, with_epoch};
use super::tree::Product;

/// The last service pack of each version. Source: SUSE, product lifecycle.
const SERVICE_PACKS: &[(&str, u8)] = &[("11", 4), ("12", 5), ("15", 7)];

/// The package that a product is, given its parts from component to platform.
pub fn component(parts: &[&Product<'_>]) -> Option<Component> {
    let [first, .., platform] = parts else {
        return None;
    };
    let (systems, subscription) = systems(&platform.is.name);
    let package = nevra(&first.is.name).or_else(|| nevra(&first.is.product_id));
    // CVRF names packages without their architecture.
    let package = package.or_else(|| nvr(&first.is.product_id))?;
    Some(Component {
        systems,
        name: package.name.parse().ok()?,
        source: matches!(package.architecture, "src" | "nosrc"),
        architecture: architecture(package.architecture),
        version: Some(with_epoch(package.epoch, package.version)?),
        module: None,
        subscription,
    })
}

/// The systems of a product's name, and the subscription that it needs.
pub fn systems(name: &str) -> (Vec<SystemId>, Option<String>) {
    let name = name.trim();
    let one =
        |distribution: &str, release: &str| (vec![SystemId::new(distribution, release)], None);
    let last = name.rsplit(' ').next().unwrap_or_default();
    for (prefix, distribution) in [
        ("openSUSE Leap Micro ", "opensuse-leap-micro"),
        ("openSUSE Leap ", "opensuse-leap"),
        ("SUSE Linux Enterprise Micro ", "sle-micro"),
        ("SUSE Linux Micro ", "sle-micro"),
    ] {
        if let Some(rest) = name.strip_prefix(prefix) {
            let release = rest.split([' ', '-']).next().unwrap_or_default();
            if is_release(release) {
                return one(distribution, release);
            }
        }
    }
    if name == "openSUSE Tumbleweed" || name == "openSUSE Factory" {
        return one("opensuse-tumbleweed", "");
    }
    let enterprise = name.starts_with("SUSE Linux Enterprise ")
        || name.starts_with("SUSE Package Hub ")
        || name.starts_with("SLES ");
    if enterprise && let Some(found) = service_pack(name) {
        return found;
    }
    let plain = name.strip_suffix(last).unwrap_or_default().trim();
    if is_release(last) && !plain.is_empty() {
        return one(&slug(plain), last);
    }
    one(&slug(name), "")
}

fn is_release(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// Reads `… 15 SP5`, `… 12 SP1-LTSS`, `… 12`, `… 12-LTSS`.
fn service_pack(name: &str) -> Option<(Vec<SystemId>, Option<String>)> {
    let mut words = name.split(' ').rev();
    let last = words.next()?;
    let (last, subscription) = match last.split_once('-') {
        Some((last, subscription)) => (last, Some(subscription)),
        None => (last, None),
    };
    let subscription = subscription.map(|text| text.to_ascii_uppercase());
    let subscription = subscription.or_else(|| {
        let paid = ["LTSS", "ESPOS"];
        let word = paid
            .iter()
            .find(|word| name.split(' ').any(|w| w == **word))?;
        Some((*word).to_owned())
    });
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let systems = if let Some(pack) = last.strip_prefix("SP").filter(|pack| number(pack)) {
        let major = words.next().filter(|major| number(major))?;
        vec![SystemId::new("sles", &format!("{major}.{pack}"))]
    } else if number(last) {
        let shared = name.contains(" Module ") || name.starts_with("SUSE Package Hub ");
        let packs = SERVICE_PACKS.iter().find(|(major, _)| *major == last);
        let packs = packs.filter(|_| shared).map_or(0, |(_, packs)| *packs);
        let mut systems = vec![SystemId::new("sles", last)];
        systems.extend((1..=packs).map(|pack| SystemId::new("sles", &format!("{last}.{pack}"))));
        systems
    } else if is_release(last) {
        vec![SystemId::new("sles", last)]
    } else {
        return None;
    };
    Some((systems, subscription))
}

/// A name in lower case with dashes.
fn slug(name: &str) -> String {
    let words: Vec<String> = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(12)
        .map(str::to_ascii_lowercase)
        .collect();
    words.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_products_name_gives_system_and_subscription() {
        for (name, expected, paid) in [
            ("SUSE Linux Enterprise Server 15 SP5", "sles:15.5", None),
            (
                "SUSE Linux Enterprise Module for Basesystem 15 SP5",
                "sles:15.5",
                None,
            ),
            (
                "SUSE Linux Enterprise Server 12 SP1-LTSS",
                "sles:12.1",
                Some("LTSS"),
            ),
            (
                "SUSE Linux Enterprise Server 15 SP2-LTSS-EXTENDED",
                "sles:15.2",
                Some("LTSS-EXTENDED"),
            ),
            (
                "SUSE Linux Enterprise High Performance Computing 15 SP3-ESPOS",
                "sles:15.3",
                Some("ESPOS"),
            ),
            (
                "SUSE Linux Enterprise Server LTSS 15 SP3",
                "sles:15.3",
                Some("LTSS"),
            ),
            (
                "SUSE Linux Enterprise Server for SAP Applications 12",
                "sles:12",
                None,
            ),
            ("SUSE Linux Enterprise Micro 5.3", "sle-micro:5.3", None),
            ("SUSE Linux Micro 6.0", "sle-micro:6.0", None),
            ("openSUSE Leap 15.5", "opensuse-leap:15.5", None),
            ("openSUSE Leap Micro 5.3", "opensuse-leap-micro:5.3", None),
            ("openSUSE Tumbleweed", "opensuse-tumbleweed", None),
            ("SUSE Manager Server 4.3", "suse-manager-server:4.3", None),
            ("Image SLES15-SP4-BYOS", "image-sles15-sp4-byos", None),
        ] {
            let (systems, subscription) = systems(name);
            let systems: Vec<_> = systems.iter().map(SystemId::as_str).collect();
            assert_eq!(
                (systems.join(" ").as_str(), subscription.as_deref()),
                (expected, paid)
            );
        }
    }

    #[test]
    fn a_module_without_service_pack_serves_all_of_its_version() {
        let (systems, _) = systems("SUSE Linux Enterprise Module for Web Scripting 12");
        assert_eq!(systems.len(), 6);
        assert_eq!(systems[5].as_str(), "sles:12.5");
    }
}
