//! What a package's record says that matters here: source, size, relations. Pure.

use domain::name::{Architecture, PackageName, Version};
use domain::package::SourcePackage;

use super::stanza::{Stanza, stanzas};
use super::status;

/// One version of one package, installed or offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) name: PackageName,
    pub(crate) architecture: Architecture,
    pub(crate) version: Version,
    pub(crate) source: SourcePackage,
    pub(crate) size_bytes: Option<u64>,
    pub(crate) multi_arch: String,
    pub(crate) provides: String,
    /// `Pre-Depends` and `Depends`, joined.
    pub(crate) depends: String,
    pub(crate) recommends: String,
    /// `Breaks` and `Conflicts`, joined.
    pub(crate) breaks: String,
}

/// Reads one record; `None` when it is not one of a package.
pub(crate) fn record(stanza: Stanza<'_>) -> Option<Record> {
    let name: PackageName = stanza.text("Package").parse().ok()?;
    let version: Version = stanza.text("Version").parse().ok()?;
    let joined = |a: &str, b: &str| match (stanza.text(a), stanza.text(b)) {
        ("", one) | (one, "") => one.to_owned(),
        (one, two) => format!("{one}, {two}"),
    };
    Some(Record {
        source: status::source(stanza.text("Source"), &name, &version).ok()?,
        architecture: stanza.text("Architecture").parse().ok()?,
        size_bytes: stanza.text("Size").parse().ok(),
        multi_arch: stanza.text("Multi-Arch").to_owned(),
        provides: stanza.text("Provides").to_owned(),
        depends: joined("Pre-Depends", "Depends"),
        recommends: stanza.text("Recommends").to_owned(),
        breaks: joined("Breaks", "Conflicts"),
        name,
        version,
    })
}

/// Reads what `apt-cache show` prints.
pub(crate) fn records(text: &[u8]) -> Vec<Record> {
    stanzas(text).filter_map(record).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_records_give_source_size_and_relations() {
        let read = records(include_bytes!(
            "../../tests/samples/apt-cache-show.bookworm.txt"
        ));
        let lines: Vec<String> = read
            .iter()
            .map(|r| {
                format!(
                    "{}:{} {} from {} {} {:?} [{}]",
                    r.name,
                    r.architecture,
                    r.version,
                    r.source.name,
                    r.source.version,
                    r.size_bytes,
                    r.depends
                )
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        bash:amd64 5.2.15-2+b13 from bash 5.2.15-2 Some(1490652) [libc6 (>= 2.36), libtinfo6 (>= 6), base-files (>= 2.1.12), debianutils (>= 5.6-0.1)]
        openssl:amd64 3.0.22-1~deb12u2 from openssl 3.0.22-1~deb12u2 Some(1441784) [libc6 (>= 2.34), libssl3 (>= 3.0.9)]
        tzdata:all 2026f-0+deb12u1 from tzdata 2026f-0+deb12u1 Some(307832) [debconf (>= 0.5) | debconf-2.0]
        ");
    }
}
