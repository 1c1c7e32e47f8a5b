//! System packages that the tests need, installed when this machine lets us.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::build::must;

/// What tests need, with the file that shows that it is there.
const NEEDED: [(&str, &str); 4] = [
    ("g++", "/usr/bin/g++"),
    ("libapt-pkg-dev", "/usr/include/apt-pkg/debversion.h"),
    ("postgresql", "/usr/lib/postgresql"),
    ("dpkg-dev", "/usr/bin/dpkg-deb"),
];

/// Whether this process is root on a system with apt.
pub fn may_install() -> bool {
    is_root() && Path::new("/usr/bin/apt-get").exists()
}

/// Whether this process is root.
pub fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout == b"0\n")
}

/// Whether apt has package lists, without which nothing can be said about what is pending.
fn lists_are_there() -> bool {
    std::fs::read_dir("/var/lib/apt/lists").is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().contains("_Packages"))
    })
}

/// Installs what is missing; says loudly what it could not install.
pub fn ensure() -> Result<()> {
    let missing: Vec<&str> = NEEDED
        .iter()
        .filter(|(_, file)| !Path::new(file).exists())
        .map(|(name, _)| *name)
        .collect();
    if missing.is_empty() && lists_are_there() {
        return Ok(());
    }
    if !may_install() {
        eprintln!("NOT INSTALLED (needs root and apt): {}", missing.join(" "));
        return Ok(());
    }
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .env("DEBIAN_FRONTEND", "noninteractive")
            .args(["-y", "-q", "-o", "DPkg::Lock::Timeout=300"])
            .args(arguments);
        command
    };
    eprintln!("fetching the package lists");
    must(&mut apt(&["update"]), "apt-get update")?;
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("installing system packages: {}", missing.join(" "));
    must(
        apt(&["install", "--no-install-recommends"]).args(&missing),
        "apt-get install",
    )
}
