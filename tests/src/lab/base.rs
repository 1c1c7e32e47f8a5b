//! The base: one root file system that all devices of all labs stand on, kept across runs.
//!
//! Packages come from the release's `main` suite only, while the package lists also know security
//! and updates: so dozens of real updates are pending. Kept for a calendar week, under a name made
//! of the recipe and the week. Built under another name and renamed when whole, so that half a base
//! is never used. A base is never written to: devices have an overlay above it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};

use super::command::{command, run};
use super::core::{Core, place};
use super::ledger::{Ledger, ledger_folder};
use super::proxy::{PROXY_PORT, Proxy};
use super::site::{Site, in_network};
use super::sources::RELEASE;

/// What is in the base beside the minimum: services that are patched often, and what tests look with.
const PACKAGES: [&str; 15] = [
    "apache2-utils",
    "ca-certificates",
    "curl",
    "dbus",
    "iproute2",
    "less",
    "nginx",
    "openssh-server",
    "openssl",
    "procps",
    "redis-server",
    "rsync",
    "sysvinit-utils",
    "systemd",
    "systemd-sysv",
];

/// apt's settings on every device. Lists stay packed: unpacked they take 80 MB per device.
const APT_SETTINGS: &str = "\
Acquire::GzipIndexes \"true\";
Acquire::Languages \"none\";
Acquire::Retries \"2\";
";

/// A base that is whole.
#[derive(Debug, Clone)]
pub struct Base {
    folder: PathBuf,
}

impl Base {
    /// Root of the file system. Only to be read.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes this week's base from the cache, or builds it through site A's proxy.
    pub(crate) fn ensure(core: &Core, proxy: &Proxy) -> Result<Self> {
        let cache = cache_folder()?;
        fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
        // Held while building: a second lab waits for the first one's base instead of building too.
        let lock = File::create(cache.join("lock"))?;
        lock.lock().context("cannot lock the lab's cache")?;
        let folder = cache.join(format!("base-{}", key(proxy)?));
        if !folder.is_dir() {
            let start = Instant::now();
            eprintln!("lab: building the base (takes about a minute)");
            build(core, proxy, &cache, &folder)?;
            eprintln!("lab: base built in {:.1} s", start.elapsed().as_secs_f32());
        }
        core.record(|ledger| ledger.base = Some(folder.clone()))?;
        remove_old(&cache, &folder);
        Ok(Self { folder })
    }
}

fn cache_folder() -> Result<PathBuf> {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    Ok(cache
        .context("neither XDG_CACHE_HOME nor HOME is set")?
        .join("patchloop")
        .join("lab"))
}

/// Names the recipe and the week: `1f0a2b3c4d5e6f70-2026-W48`.
fn key(proxy: &Proxy) -> Result<String> {
    use sha2::{Digest, Sha256};
    let packages = PACKAGES.join(",");
    let recipe = format!(
        "5\n{RELEASE}\n{packages}\n{APT_SETTINGS}\n{}",
        proxy.device_sources()
    );
    let digest = Sha256::digest(recipe.as_bytes());
    let short: String = digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let week = run(&["date", "-u", "+%G-W%V"])?;
    Ok(format!("{short}-{}", week.trim()))
}

fn build(core: &Core, proxy: &Proxy, cache: &Path, folder: &Path) -> Result<()> {
    let partial = cache.join(format!("partial-{}", core.name.as_str()));
    core.record(|ledger| ledger.folders.push(partial.clone()))?;
    let network = in_network(&Site::A.namespace(core));
    let gateway = format!("http://{}:{PROXY_PORT}", Site::A.gateway());
    let mut argv = network.clone();
    argv.extend(["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase"].map(str::to_owned));
    argv.extend([
        format!("--include={}", PACKAGES.join(",")),
        format!("--aptopt=Acquire::http::Proxy \"{gateway}\";"),
        format!("--aptopt=Acquire::https::Proxy \"{gateway}\";"),
        "--aptopt=Acquire::Languages \"none\";".to_owned(),
        // The base is built anew when it breaks: waiting for the disk after each file buys nothing.
        "--dpkgopt=force-unsafe-io".to_owned(),
        RELEASE.to_owned(),
        partial.display().to_string(),
        format!("deb {} {RELEASE} main", proxy.main_uri()),
    ]);
    core.run_to_end("base", &mut command(&argv))
        .context("cannot build the base")?;
    forget_the_building(&partial)?;
    place(
        &partial,
        "/etc/apt/apt.conf.d/80lab",
        APT_SETTINGS.as_bytes(),
        0o644,
    )?;
    let sources = proxy.device_sources();
    place(
        &partial,
        "/etc/apt/sources.list.d/debian.sources",
        sources.as_bytes(),
        0o644,
    )?;
    let mut argv = network;
    argv.extend(["chroot".to_owned(), partial.display().to_string()]);
    argv.extend([
        "apt-get".to_owned(),
        "-q".to_owned(),
        format!("-oAcquire::http::Proxy={gateway}"),
        format!("-oAcquire::https::Proxy={gateway}"),
        "-oAPT::Update::Error-Mode=any".to_owned(),
        "update".to_owned(),
    ]);
    core.run_to_end("base", &mut command(&argv))
        .context("cannot fetch the package lists")?;
    // apt makes it from its other cache in no time, and again after every installation anyway.
    fs::remove_file(partial.join("var/cache/apt/pkgcache.bin"))?;
    fs::rename(&partial, folder).context("cannot put the base into its place")?;
    Ok(())
}

/// Removes what belongs to the building: its settings, and names of the machine it was built on.
fn forget_the_building(root: &Path) -> Result<()> {
    for path in [
        "etc/apt/apt.conf.d/99mmdebstrap",
        "etc/dpkg/dpkg.cfg.d/99mmdebstrap",
        "etc/apt/sources.list",
        "usr/sbin/policy-rc.d",
    ] {
        let path = root.join(path);
        if path.exists() {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    for path in ["/etc/resolv.conf", "/etc/hostname", "/etc/machine-id"] {
        // A link would lead out of the base.
        let _ = fs::remove_file(root.join(path.trim_start_matches('/')));
        place(root, path, b"", 0o644)?;
    }
    Ok(())
}

/// Removes bases of other weeks and recipes, unless a lab that still runs stands on one.
fn remove_old(cache: &Path, current: &Path) {
    let in_use: Vec<_> = Ledger::read_all(&ledger_folder())
        .into_iter()
        .filter(|ledger| ledger.owner.is_alive())
        .filter_map(|ledger| ledger.base)
        .collect();
    let Ok(entries) = fs::read_dir(cache) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.starts_with("base-") && path != current && !in_use.contains(&path) {
            eprintln!("lab: removing the old {name}");
            let _ = fs::remove_dir_all(&path);
        }
    }
}
