//! Feeds: whose documents definitions come from, and what every fact knows of its document.
//!
//! A feed is named by who publishes it and in which form, because trust, rhythm and rules differ by
//! form. Hashes are SHA-256 of the bytes that were parsed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::package::words;

/// A feed: one publisher's documents of one form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Feed {
    /// Debian security tracker, `data/json`.
    DebianTracker,
    /// Debian security tracker, `data/CVE/list` text.
    DebianCveList,
    /// Debian security advisories, the list.
    DebianDsa,
    /// Debian LTS advisories, the list.
    DebianDla,
    /// Debian advisories as OSV (DSA, DLA, ELA, CVE).
    DebianOsv,
    /// Debian as OVAL.
    DebianOval,
    /// Debian: packages whose security support ended or is limited.
    DebianSupport,
    /// Support dates of Debian's and Ubuntu's releases.
    DistroInfo,
    /// A package index of a Debian repository, and its signed release file.
    DebianRepository,
    /// Debian tracker's smaller work lists (dsa-needed, next point update, tags).
    DebianWorkList,
    /// Ubuntu as OSV.
    UbuntuOsv,
    /// Ubuntu security notices.
    UbuntuUsn,
    /// Ubuntu as OpenVEX.
    UbuntuVex,
    /// Ubuntu as OVAL.
    UbuntuOval,
    /// Ubuntu's CVE tracker, text.
    UbuntuCveTracker,
    /// Red Hat advisories as CSAF.
    RedhatCsaf,
    /// Red Hat statements per CVE as CSAF VEX.
    RedhatVex,
    /// Red Hat as OVAL.
    RedhatOval,
    /// Red Hat's repositories and the platforms they belong to.
    RedhatRepositories,
    /// Red Hat's security data API, one CVE.
    RedhatApi,
    /// Lists of changed, deleted or archived documents of a CSAF provider.
    CsafChanges,
    /// `updateinfo.xml` of an rpm repository.
    Updateinfo,
    /// `modules.yaml` of an rpm repository.
    RpmModules,
    /// `repomd.xml` of an rpm repository.
    Repomd,
    /// AlmaLinux errata.
    AlmaErrata,
    /// AlmaLinux as OSV.
    AlmaOsv,
    /// AlmaLinux as OVAL.
    AlmaOval,
    /// Rocky Linux errata.
    RockyErrata,
    /// Rocky Linux as OSV.
    RockyOsv,
    /// Oracle Linux as OVAL.
    OracleOval,
    /// Oracle's critical patch updates as CSAF.
    OracleCsaf,
    /// SUSE as CSAF.
    SuseCsaf,
    /// SUSE as CVRF.
    SuseCvrf,
    /// SUSE as OVAL.
    SuseOval,
    /// SUSE as OSV.
    SuseOsv,
    /// Alpine's secdb (also Wolfi and Chainguard).
    AlpineSecdb,
    /// Alpine as OSV.
    AlpineOsv,
    /// Arch Linux.
    Arch,
    /// Microsoft's month documents, CVRF in XML or JSON.
    MsrcCvrf,
    /// Microsoft's index of month documents.
    MsrcIndex,
    /// Microsoft's advisories as CSAF.
    MsrcCsaf,
    /// Microsoft's statements as CSAF VEX.
    MsrcVex,
    /// Microsoft's Security Update Guide API.
    MsrcSug,
    /// Microsoft's offline scan catalogue.
    Wsusscn2,
    /// CVEs known to be exploited.
    Kev,
    /// Probabilities of exploitation.
    Epss,
    /// Any other OSV.
    Osv,
    /// Any other CSAF.
    Csaf,
    /// Metadata of a CSAF provider, aggregator or ROLIE feed.
    CsafProvider,
    /// Any other CVRF.
    Cvrf,
    /// NVD's API.
    Nvd,
    /// winget manifests.
    Winget,
    /// winget's index of package ids.
    WingetIndex,
    /// Chocolatey packages.
    Chocolatey,
    /// endoflife.date.
    Endoflife,
    /// News that no machine can match exactly: RSS, Atom, mail.
    Notice,
    /// Changelogs of pending packages.
    DebChangelog,
    /// An archive that holds documents of several feeds.
    Archive,
}

words!(Feed "feed" "a name that `patchloop feed list` shows" {
    DebianTracker "debian-tracker", DebianCveList "debian-cve-list", DebianDsa "debian-dsa",
    DebianDla "debian-dla", DebianOsv "debian-osv", DebianOval "debian-oval",
    DebianSupport "debian-support", DistroInfo "distro-info",
    DebianRepository "debian-repository", DebianWorkList "debian-work-list",
    UbuntuOsv "ubuntu-osv", UbuntuUsn "ubuntu-usn", UbuntuVex "ubuntu-vex",
    UbuntuOval "ubuntu-oval", UbuntuCveTracker "ubuntu-cve-tracker",
    RedhatCsaf "redhat-csaf", RedhatVex "redhat-vex", RedhatOval "redhat-oval",
    RedhatRepositories "redhat-repositories", RedhatApi "redhat-api",
    CsafChanges "csaf-changes", Updateinfo "updateinfo", RpmModules "rpm-modules",
    Repomd "repomd", AlmaErrata "alma-errata", AlmaOsv "alma-osv", AlmaOval "alma-oval",
    RockyErrata "rocky-errata", RockyOsv "rocky-osv", OracleOval "oracle-oval",
    OracleCsaf "oracle-csaf", SuseCsaf "suse-csaf", SuseCvrf "suse-cvrf", SuseOval "suse-oval",
    SuseOsv "suse-osv", AlpineSecdb "alpine-secdb", AlpineOsv "alpine-osv", Arch "arch",
    MsrcCvrf "msrc-cvrf", MsrcIndex "msrc-index", MsrcCsaf "msrc-csaf", MsrcVex "msrc-vex",
    MsrcSug "msrc-sug", Wsusscn2 "wsusscn2", Kev "kev", Epss "epss", Osv "osv", Csaf "csaf",
    CsafProvider "csaf-provider", Cvrf "cvrf", Nvd "nvd", Winget "winget",
    WingetIndex "winget-index", Chocolatey "chocolatey", Endoflife "endoflife",
    Notice "notice", DebChangelog "deb-changelog", Archive "archive",
});

/// The document that a fact was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// Whose.
    pub feed: Feed,
    /// The id that the document gives itself; else its file's name.
    pub document: String,
    /// The file, or the member of an archive, that it was read from.
    pub file: String,
    /// When the document was made, as it says itself.
    pub dated: Option<Timestamp>,
    /// When it was fetched; `None`: read from a file.
    pub fetched_at: Option<Timestamp>,
    /// SHA-256 of its bytes, packed as given.
    pub sha256: [u8; 32],
}
