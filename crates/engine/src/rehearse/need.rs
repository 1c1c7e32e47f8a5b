//! Whether a patch needs a reboot, as far as its product and classification tell.

use domain::severity::Classification;
use domain::snapshot::SnapshotFinding;

/// Products whose new code runs only after a reboot.
const KERNELS: [&str; 8] = [
    "linux",
    "kernel",
    "kernel-core",
    "kernel-default",
    "kernel-rt",
    "intel-microcode",
    "amd64-microcode",
    "microcode_ctl",
];
/// Products that most programs run, so that a reboot may be the shorter way.
const EVERYWHERE: [&str; 6] = ["glibc", "systemd", "dbus", "openssl", "gnutls28", "pam"];

/// `Some(true)`: it needs one. `Some(false)`: restarting programs is enough. `None`: not known.
///
/// Kernels, firmware of processors, roll-ups and service packs need one; definitions do not, nor does
/// a package of a Linux system that is neither a kernel nor used by nearly every program. Anything
/// else is not known.
pub fn needs_reboot(finding: &SnapshotFinding) -> Option<bool> {
    let product = finding.product.as_deref().unwrap_or(&finding.patch);
    let product = product.to_ascii_lowercase();
    let kernel = KERNELS.contains(&product.as_str())
        || ["linux-image", "linux-signed", "kernel-"]
            .iter()
            .any(|name| product.starts_with(name));
    if kernel {
        return Some(true);
    }
    match finding.classification {
        Some(Classification::RollUp | Classification::ServicePack) => Some(true),
        Some(Classification::Definition) => Some(false),
        Some(Classification::Driver | Classification::ThirdParty | Classification::Feature) => None,
        Some(Classification::Security | Classification::Hotfix) | None => {
            let linux = ["deb:", "rpm:", "apt:", "dnf:", "debian:", "ubuntu:"]
                .iter()
                .any(|prefix| finding.patch.starts_with(prefix));
            (linux && !EVERYWHERE.contains(&product.as_str())).then_some(false)
        }
    }
}
