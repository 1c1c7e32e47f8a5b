//! Ubuntu's releases by code name, and the pockets that must be paid for.
//!
//! Source: `ubuntu.csv` of distro-info-data; ubuntu.com/security/esm (the pockets).

use domain::advisory::SystemId;

/// Code name and version.
const RELEASES: &[(&str, &str)] = &[
    ("warty", "4.10"),
    ("hoary", "5.04"),
    ("breezy", "5.10"),
    ("dapper", "6.06"),
    ("edgy", "6.10"),
    ("feisty", "7.04"),
    ("gutsy", "7.10"),
    ("hardy", "8.04"),
    ("intrepid", "8.10"),
    ("jaunty", "9.04"),
    ("karmic", "9.10"),
    ("lucid", "10.04"),
    ("maverick", "10.10"),
    ("natty", "11.04"),
    ("oneiric", "11.10"),
    ("precise", "12.04"),
    ("quantal", "12.10"),
    ("raring", "13.04"),
    ("saucy", "13.10"),
    ("trusty", "14.04"),
    ("utopic", "14.10"),
    ("vivid", "15.04"),
    ("wily", "15.10"),
    ("xenial", "16.04"),
    ("yakkety", "16.10"),
    ("zesty", "17.04"),
    ("artful", "17.10"),
    ("bionic", "18.04"),
    ("cosmic", "18.10"),
    ("disco", "19.04"),
    ("eoan", "19.10"),
    ("focal", "20.04"),
    ("groovy", "20.10"),
    ("hirsute", "21.04"),
    ("impish", "21.10"),
    ("jammy", "22.04"),
    ("kinetic", "22.10"),
    ("lunar", "23.04"),
    ("mantic", "23.10"),
    ("noble", "24.04"),
    ("oracular", "24.10"),
    ("plucky", "25.04"),
    ("questing", "25.10"),
    ("resolute", "26.04"),
    ("stonking", "26.10"),
];

/// The system of a code name; one that is not known here keeps its name, so that nothing is guessed.
pub fn system(codename: &str) -> SystemId {
    let codename = codename.trim();
    let version = RELEASES
        .iter()
        .find(|(known, _)| *known == codename)
        .map_or(codename, |(_, version)| version);
    SystemId::new("ubuntu", version)
}

/// Whether a code name is one of Ubuntu's.
pub fn is_known(codename: &str) -> bool {
    RELEASES.iter().any(|(known, _)| *known == codename)
}

/// The subscription that a pocket needs: `esm-infra`, `esm-apps`, `fips-updates`, `realtime`, ….
pub fn subscription(pocket: &str) -> Option<String> {
    match pocket.trim() {
        "" | "security" | "updates" | "release" | "proposed" | "backports" => None,
        pocket if pocket.starts_with("esm") => Some("Ubuntu Pro".to_owned()),
        pocket => Some(format!("Ubuntu Pro {}", crate::fields::word(pocket))),
    }
}

/// Whether a version was built for the paid pockets: `2.7.6-8ubuntu0.6+esm25`.
pub fn is_paid_build(version: &str) -> bool {
    version.contains("+esm") || version.contains("~esm")
}

/// Reads `jammy`, `esm-infra/xenial`, `trusty/esm`: the system and its subscription.
pub fn of_pocket(text: &str) -> (SystemId, Option<String>) {
    match text.split_once('/') {
        None => (system(text), None),
        Some((release, pocket)) if pocket.starts_with("esm") => {
            (system(release), subscription(pocket))
        }
        Some((pocket, release)) => (system(release), subscription(pocket)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pockets_name_release_and_subscription() {
        for (text, system, subscription) in [
            ("jammy", "ubuntu:22.04", None),
            ("esm-infra/xenial", "ubuntu:16.04", Some("Ubuntu Pro")),
            ("trusty/esm", "ubuntu:14.04", Some("Ubuntu Pro")),
            (
                "fips-updates/focal",
                "ubuntu:20.04",
                Some("Ubuntu Pro fips-updates"),
            ),
            ("devel", "ubuntu:devel", None),
        ] {
            let found = of_pocket(text);
            assert_eq!(found.0.as_str(), system, "{text}");
            assert_eq!(found.1.as_deref(), subscription, "{text}");
        }
    }
}
