//! The known feeds: who publishes them, where, how often they change, and what may be done with them.
//!
//! Rhythm is how often a feed is asked, in minutes; stale is the age without a success at which its
//! facts are called old. Addresses of one feed are all fetched; a mirror stands in for the first
//! address only. `enabled` is what a new server starts with: small documents that concern every
//! client; a person enables the rest for the systems that are looked after. Licences are the
//! publishers' own words where they have any. Source of addresses and sizes: the vendors' pages.

use domain::feed::Feed;

/// How a feed's addresses are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Each address is a document.
    Documents,
    /// A CSAF provider's folder: `changes.csv` names the documents below it, `deletions.csv` those
    /// that are gone.
    CsafFolder,
    /// The index of months; each entry names a document.
    MonthIndex,
    /// An OSV ecosystem: `all.zip` at first, then what `modified_id.csv` names.
    OsvEcosystem,
    /// Nothing is fetched: documents come from devices, folders or bundles.
    Given,
}

/// A feed that this program knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// Its name.
    pub feed: Feed,
    /// Who publishes it.
    pub publisher: &'static str,
    /// What it holds, in a few words.
    pub what: &'static str,
    /// Where.
    pub addresses: &'static [&'static str],
    /// A second place for the first address, tried when that does not answer.
    pub mirror: Option<&'static str>,
    /// How the addresses are read.
    pub form: Form,
    /// Minutes between two looks.
    pub rhythm_minutes: u32,
    /// Hours without a success after which what it says is called old.
    pub stale_hours: u32,
    /// The publisher's terms.
    pub licence: &'static str,
    /// Whether a new server fetches it.
    pub enabled: bool,
    /// Whether `ADDRESS.sha256` stands beside each document.
    pub checksums: bool,
}

const HOUR: u32 = 60;
const DAY: u32 = 24 * HOUR;

/// A feed with the usual values; the table changes what differs.
const fn source(feed: Feed, publisher: &'static str, what: &'static str) -> Source {
    Source {
        feed,
        publisher,
        what,
        addresses: &[],
        mirror: None,
        form: Form::Documents,
        rhythm_minutes: DAY,
        stale_hours: 72,
        licence: "none stated",
        enabled: false,
        checksums: false,
    }
}

/// All known feeds, in the order in which lists show them.
pub const SOURCES: &[Source] = &[
    Source {
        addresses: &[
            "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json",
        ],
        mirror: Some(
            "https://raw.githubusercontent.com/cisagov/kev-data/develop/known_exploited_vulnerabilities.json",
        ),
        rhythm_minutes: 6 * HOUR,
        // Working days only: a long weekend is no fault.
        stale_hours: 120,
        licence: "CC0-1.0",
        enabled: true,
        ..source(Feed::Kev, "CISA", "CVEs known to be exploited")
    },
    Source {
        addresses: &["https://epss.empiricalsecurity.com/epss_scores-current.csv.gz"],
        rhythm_minutes: 12 * HOUR,
        licence: "free of charge, citation asked (FIRST)",
        enabled: true,
        ..source(Feed::Epss, "FIRST", "probabilities of exploitation")
    },
    Source {
        addresses: &["https://security-tracker.debian.org/tracker/data/json"],
        rhythm_minutes: 2 * HOUR,
        stale_hours: 24,
        licence: "none stated (Debian web content: MIT)",
        enabled: true,
        ..source(
            Feed::DebianTracker,
            "Debian",
            "every CVE by source package and release",
        )
    },
    Source {
        addresses: &[
            "https://salsa.debian.org/security-tracker-team/security-tracker/-/raw/master/data/DSA/list",
        ],
        rhythm_minutes: 4 * HOUR,
        stale_hours: 48,
        licence: "none stated (Debian web content: MIT)",
        enabled: true,
        ..source(Feed::DebianDsa, "Debian", "security advisories (DSA)")
    },
    Source {
        addresses: &[
            "https://salsa.debian.org/security-tracker-team/security-tracker/-/raw/master/data/DLA/list",
        ],
        rhythm_minutes: 4 * HOUR,
        stale_hours: 48,
        licence: "none stated (Debian web content: MIT)",
        enabled: true,
        ..source(
            Feed::DebianDla,
            "Debian LTS",
            "long-term support advisories (DLA)",
        )
    },
    Source {
        addresses: &["https://osv-vulnerabilities.storage.googleapis.com/Debian/"],
        form: Form::OsvEcosystem,
        rhythm_minutes: 4 * HOUR,
        stale_hours: 48,
        licence: "per record; Debian: none stated",
        ..source(Feed::DebianOsv, "Debian through OSV", "advisories as OSV")
    },
    Source {
        addresses: &["https://security-metadata.canonical.com/osv/osv-all.tar.xz"],
        rhythm_minutes: 6 * HOUR,
        stale_hours: 48,
        licence: "CC-BY-SA-4.0",
        ..source(
            Feed::UbuntuOsv,
            "Canonical",
            "Ubuntu advisories and CVEs as OSV",
        )
    },
    Source {
        addresses: &["https://usn.ubuntu.com/usn-db/database-all.json.bz2"],
        stale_hours: 72,
        licence: "CC-BY-SA-4.0",
        ..source(Feed::UbuntuUsn, "Canonical", "Ubuntu security notices")
    },
    Source {
        addresses: &["https://security-metadata.canonical.com/vex/vex-all.tar.xz"],
        licence: "CC-BY-SA-4.0",
        ..source(
            Feed::UbuntuVex,
            "Canonical",
            "Ubuntu's statements per CVE as OpenVEX",
        )
    },
    Source {
        addresses: &["https://security.access.redhat.com/data/csaf/v2/advisories/"],
        form: Form::CsafFolder,
        rhythm_minutes: 4 * HOUR,
        stale_hours: 48,
        licence: "CC-BY-4.0",
        checksums: true,
        ..source(Feed::RedhatCsaf, "Red Hat", "advisories as CSAF")
    },
    Source {
        addresses: &["https://security.access.redhat.com/data/csaf/v2/vex/"],
        form: Form::CsafFolder,
        rhythm_minutes: 4 * HOUR,
        stale_hours: 48,
        licence: "CC-BY-4.0",
        checksums: true,
        ..source(Feed::RedhatVex, "Red Hat", "statements per CVE as CSAF VEX")
    },
    Source {
        addresses: &["https://security.access.redhat.com/data/meta/v1/repository-to-cpe.json"],
        licence: "CC-BY-4.0",
        stale_hours: 7 * 24,
        ..source(
            Feed::RedhatRepositories,
            "Red Hat",
            "repositories and their platforms",
        )
    },
    Source {
        addresses: &[
            "https://errata.almalinux.org/8/errata.full.json",
            "https://errata.almalinux.org/9/errata.full.json",
            "https://errata.almalinux.org/10/errata.full.json",
        ],
        licence: "MIT",
        ..source(Feed::AlmaErrata, "AlmaLinux", "errata of 8, 9 and 10")
    },
    Source {
        addresses: &["https://osv-vulnerabilities.storage.googleapis.com/Rocky%20Linux/"],
        form: Form::OsvEcosystem,
        licence: "BSD-3-Clause",
        ..source(
            Feed::RockyOsv,
            "Rocky Linux through OSV",
            "advisories as OSV",
        )
    },
    Source {
        addresses: &["https://linux.oracle.com/security/oval/com.oracle.elsa-all.xml.bz2"],
        licence: "copyright Oracle",
        ..source(
            Feed::OracleOval,
            "Oracle",
            "Oracle Linux advisories as OVAL",
        )
    },
    Source {
        addresses: &["https://ftp.suse.com/pub/projects/security/csaf.tar.bz2"],
        licence: "CC-BY-4.0",
        ..source(Feed::SuseCsaf, "SUSE", "advisories as CSAF")
    },
    Source {
        addresses: &[
            "https://secdb.alpinelinux.org/v3.21/main.json",
            "https://secdb.alpinelinux.org/v3.21/community.json",
            "https://secdb.alpinelinux.org/v3.22/main.json",
            "https://secdb.alpinelinux.org/v3.22/community.json",
            "https://secdb.alpinelinux.org/v3.23/main.json",
            "https://secdb.alpinelinux.org/v3.23/community.json",
        ],
        rhythm_minutes: 6 * HOUR,
        ..source(
            Feed::AlpineSecdb,
            "Alpine Linux",
            "fixed CVEs by source package",
        )
    },
    Source {
        addresses: &["https://security.archlinux.org/all.json"],
        rhythm_minutes: 6 * HOUR,
        ..source(Feed::Arch, "Arch Linux", "vulnerability groups")
    },
    Source {
        addresses: &["https://api.msrc.microsoft.com/cvrf/v3.0/updates"],
        form: Form::MonthIndex,
        rhythm_minutes: 4 * HOUR,
        stale_hours: 48,
        licence: "Microsoft terms of use",
        ..source(
            Feed::MsrcCvrf,
            "Microsoft",
            "month documents (CVRF) by the index of months",
        )
    },
    Source {
        addresses: &["https://msrc.microsoft.com/csaf/advisories/"],
        form: Form::CsafFolder,
        stale_hours: 72,
        licence: "Microsoft terms of use",
        ..source(Feed::MsrcCsaf, "Microsoft", "advisories as CSAF")
    },
    Source {
        addresses: &["https://endoflife.date/api/v1/products/full"],
        stale_hours: 14 * 24,
        licence: "MIT",
        enabled: true,
        ..source(
            Feed::Endoflife,
            "endoflife.date",
            "support dates of systems and applications",
        )
    },
    Source {
        form: Form::Given,
        stale_hours: 14 * 24,
        licence: "MIT",
        ..source(
            Feed::Winget,
            "Microsoft, winget community",
            "manifests of applications, from a folder or bundle",
        )
    },
    Source {
        form: Form::Given,
        licence: "per repository",
        ..source(
            Feed::Updateinfo,
            "rpm repositories",
            "errata of a repository, from a folder or bundle",
        )
    },
    Source {
        form: Form::Given,
        rhythm_minutes: DAY,
        // Changelogs come with offers; a quiet month brings none.
        stale_hours: 31 * 24,
        licence: "of each package",
        enabled: true,
        ..source(
            Feed::DebChangelog,
            "the packages themselves",
            "changelogs of pending packages, read by devices",
        )
    },
];

/// What is known of a feed; `None`: it is in no table and comes by folder or bundle only.
pub fn of(feed: Feed) -> Option<&'static Source> {
    SOURCES.iter().find(|source| source.feed == feed)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_feed_stands_once_and_is_fetched_over_tls_only() {
        let mut seen = BTreeSet::new();
        for source in SOURCES {
            assert!(seen.insert(source.feed), "{} twice", source.feed);
            let all = source.addresses.iter().chain(source.mirror.as_ref());
            for address in all {
                assert!(address.starts_with("https://"), "{address}");
            }
            assert_eq!(
                source.form == Form::Given,
                source.addresses.is_empty(),
                "{}",
                source.feed
            );
            let folder = matches!(source.form, Form::CsafFolder | Form::OsvEcosystem);
            assert!(!folder || source.addresses.iter().all(|a| a.ends_with('/')));
            assert!(source.stale_hours * 60 >= source.rhythm_minutes * 2);
        }
        assert!(SOURCES.iter().any(|source| source.enabled));
    }
}
