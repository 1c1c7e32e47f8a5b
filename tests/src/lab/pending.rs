//! What apt would do on a device, read from its simulation.

use std::collections::BTreeMap;

/// One package that apt would upgrade or newly install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Binary package.
    pub package: String,
    /// Version now; `None` when it would be new.
    pub installed: Option<String>,
    /// Version after.
    pub candidate: String,
    /// Source package of what is installed; the binary's name when it would be new.
    pub source: String,
    /// `Label:version/suite` of every place that offers it, as apt prints it.
    pub origin: String,
    /// Such as `amd64` or `all`.
    pub architecture: String,
}

impl Pending {
    /// Whether a security archive offers it.
    pub fn is_security(&self) -> bool {
        self.origin.contains("-Security:")
    }
}

/// Reads the `Inst` lines of `apt-get -s dist-upgrade`.
///
/// `sources` gives the source package of each installed binary.
pub(crate) fn parse(simulation: &str, sources: &BTreeMap<String, String>) -> Vec<Pending> {
    simulation
        .lines()
        .filter_map(|line| parse_line(line, sources))
        .collect()
}

/// `Inst NAME [OLD] (NEW ORIGIN, ORIGIN [ARCH]) [...]`; `[OLD]` is absent for a new package.
fn parse_line(line: &str, sources: &BTreeMap<String, String>) -> Option<Pending> {
    let rest = line.strip_prefix("Inst ")?;
    let (before, rest) = rest.split_once(" (")?;
    let (inside, _) = rest.split_once(')')?;
    let (package, installed) = match before.split_once(" [") {
        Some((package, old)) => (package, Some(old.trim_end_matches(']').to_owned())),
        None => (before, None),
    };
    let (candidate, rest) = inside.split_once(' ')?;
    let (origin, architecture) = rest.rsplit_once(" [")?;
    Some(Pending {
        package: package.to_owned(),
        installed,
        candidate: candidate.to_owned(),
        source: sources
            .get(package)
            .map_or(package, String::as_str)
            .to_owned(),
        origin: origin.to_owned(),
        architecture: architecture.trim_end_matches(']').to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines that apt 2.6.1 printed on bookworm in November 2026: on a device of the lab, and for
    /// packages with several origins or that would be new, on another machine.
    const SIMULATION: &str = "\
NOTE: This is only a simulation!
The following packages will be upgraded:
  libssl3 openssl
Inst libssl3 [3.0.20-1~deb12u2] (3.0.22-1~deb12u2 Debian-Security:12/oldstable-security [amd64])
Inst libwebpmux3 (1.2.4-0.2+deb12u1 Debian:12.15/oldstable, Debian-Security:12/oldstable-security [amd64])
Inst libext2fs2 [1.47.0-2] (1.47.0-2+b2 Debian:12.15/oldstable [amd64]) [e2fsprogs:amd64 on libext2fs2:amd64] [e2fsprogs:amd64 ]
Inst postgresql-common [248+deb12u1] (248+deb12u2 Debian-Security:12/oldstable-security [all]) []
Conf libssl3 (3.0.22-1~deb12u2 Debian-Security:12/oldstable-security [amd64])
";

    #[test]
    fn upgrades_and_new_packages_are_read_and_nothing_else() {
        let sources = BTreeMap::from([("libssl3".to_owned(), "openssl".to_owned())]);
        let pending = parse(SIMULATION, &sources);
        assert_eq!(pending.len(), 4);
        assert_eq!(pending[0].source, "openssl");
        assert_eq!(pending[0].installed.as_deref(), Some("3.0.20-1~deb12u2"));
        assert_eq!(pending[0].candidate, "3.0.22-1~deb12u2");
        assert_eq!(pending[0].architecture, "amd64");
        assert!(pending[0].is_security());
        assert_eq!(pending[1].installed, None);
        assert_eq!(
            pending[1].origin,
            "Debian:12.15/oldstable, Debian-Security:12/oldstable-security"
        );
        assert!(pending[1].is_security());
        assert_eq!(pending[2].candidate, "1.47.0-2+b2");
        assert!(!pending[2].is_security());
        assert_eq!(pending[3].architecture, "all");
        assert_eq!(pending[3].source, "postgresql-common");
    }
}
