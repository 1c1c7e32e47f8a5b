//! An own signed repository with packages that behave well and badly on purpose.
//!
//! | package | 1.0 | 2.0 | 3.0 |
//! | --- | --- | --- | --- |
//! | `patchloop-lab-good` | installs | installs | |
//! | `patchloop-lab-badpost` | installs | its postinst fails: "migration failed" | installs |
//! | `patchloop-lab-sick` | a healthy service | installs, but its health script says no | |
//! | `patchloop-lab-slow` | installs | its postinst takes seconds, to be interrupted | |
//!
//! Served under `/own/` by the sites' proxy, signed by a key made for this lab. What is offered can
//! be changed while devices run; version 1.0 stays offered beside 2.0, so that one can go back. With
//! 3.0 the bad 2.0 is withdrawn, as a vendor would.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context, Result, ensure};

use super::command::{checked, command, run, run_in};
use super::core::{Core, held, place};
use super::device::Device;

/// How long the postinst of `patchloop-lab-slow` 2.0 takes, in seconds, unless asked otherwise.
pub const SLOW_SECONDS_DEFAULT: u32 = 20;

pub(super) const VERSIONS: [&str; 3] = ["1.0", "2.0", "3.0"];
/// The only package that has a 3.0, which takes the place of its 2.0.
const MENDED: &str = "patchloop-lab-badpost";
const KEYRING: &str = "/usr/share/keyrings/patchloop-lab.gpg";

/// The repository of one lab.
#[derive(Debug)]
pub struct OwnRepo {
    /// What nginx serves.
    folder: PathBuf,
    gpg_home: PathBuf,
    architecture: String,
    port: u16,
    published: Mutex<u32>,
}

/// A package's parts that differ.
struct Recipe {
    name: &'static str,
    cve: &'static str,
    urgency: &'static str,
    postinst: fn(version: &str, slow_seconds: u32) -> String,
}

const RECIPES: [Recipe; 4] = [
    Recipe {
        name: "patchloop-lab-good",
        cve: "CVE-2099-1001",
        urgency: "high",
        postinst: |_, _| "exit 0\n".to_owned(),
    },
    Recipe {
        name: "patchloop-lab-badpost",
        cve: "CVE-2099-1002",
        urgency: "medium",
        postinst: |version, _| match version {
            "2.0" => "echo 'migration failed' >&2\nexit 1\n".to_owned(),
            _ => "exit 0\n".to_owned(),
        },
    },
    Recipe {
        name: "patchloop-lab-sick",
        cve: "CVE-2099-1003",
        urgency: "critical",
        postinst: |_, _| SICK_POSTINST.to_owned(),
    },
    Recipe {
        name: "patchloop-lab-slow",
        cve: "CVE-2099-1004",
        urgency: "low",
        postinst: |version, slow_seconds| match version {
            "2.0" => format!("sleep {slow_seconds}\nexit 0\n"),
            _ => "exit 0\n".to_owned(),
        },
    },
];

const SICK_POSTINST: &str = "\
[ \"$1\" = configure ] || exit 0
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl enable --quiet patchloop-lab-sick.service
    systemctl restart patchloop-lab-sick.service
else
    service patchloop-lab-sick restart
fi
";

const SICK_UNIT: &str = "\
[Unit]
Description=Service of the lab

[Service]
ExecStart=/usr/lib/patchloop-lab-sick/serve

[Install]
WantedBy=multi-user.target
";

const SICK_INIT: &str = "\
#!/bin/sh
### BEGIN INIT INFO
# Provides: patchloop-lab-sick
# Required-Start: $local_fs
# Required-Stop: $local_fs
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
# Short-Description: Service of the lab
### END INIT INFO
pid=/run/patchloop-lab-sick.pid
run='start-stop-daemon --quiet --oknodo --pidfile'
case \"$1\" in
    start) $run $pid --start --background --make-pidfile --exec /usr/lib/patchloop-lab-sick/serve ;;
    stop) $run $pid --stop --retry 5 ;;
    restart | force-reload) \"$0\" stop; \"$0\" start ;;
    status) $run $pid --status ;;
    *) exit 2 ;;
esac
";

impl OwnRepo {
    /// Builds all versions of all packages and offers 1.0.
    pub(crate) fn build(core: &Core, folder: &Path, port: u16, slow_seconds: u32) -> Result<Self> {
        for recipe in &RECIPES {
            for version in versions_of(recipe.name) {
                build_package(core, folder, recipe, version, slow_seconds)?;
            }
        }
        let gpg_home = core.sockets.join("gpg");
        fs::create_dir_all(&gpg_home)?;
        fs::set_permissions(
            &gpg_home,
            std::os::unix::fs::PermissionsExt::from_mode(0o700),
        )?;
        let architecture = run(&["dpkg", "--print-architecture"])?.trim().to_owned();
        let (folder, published) = (folder.to_path_buf(), Mutex::new(0));
        let repo = Self {
            folder,
            gpg_home,
            architecture,
            port,
            published,
        };
        repo.gpg(&[
            "--quick-gen-key",
            "Patchloop lab <lab@patchloop.example>",
            "ed25519",
            "sign",
        ])?;
        let key = repo.folder.join("patchloop-lab.gpg");
        repo.gpg(&["--output", &key.display().to_string(), "--export"])?;
        repo.publish("1.0")?;
        Ok(repo)
    }

    /// What is served.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Names of its packages.
    pub fn packages(&self) -> Vec<&'static str> {
        RECIPES.iter().map(|recipe| recipe.name).collect()
    }

    /// Offers the packages up to this version, from now on and to all sites at once.
    pub(crate) fn publish(&self, version: &str) -> Result<()> {
        let newest = VERSIONS.iter().position(|known| *known == version);
        let newest = newest.with_context(|| format!("the own repository has no {version}"))?;
        let mut published = held(&self.published);
        *published += 1;
        let name = format!("offer-{}", *published);
        let suite = self.folder.join(&name).join("all");
        let binary = format!("binary-{}", self.architecture);
        let packages = suite.join("main").join(&binary);
        fs::create_dir_all(&packages)?;
        let mut index = String::new();
        for pool in pools(newest) {
            let pool = format!("pool/{pool}");
            index.push_str(&run_in(
                &self.folder,
                &["apt-ftparchive", "packages", &pool],
            )?);
        }
        fs::write(packages.join("Packages"), index)?;
        fs::write(suite.join("Release"), self.release(&suite)?)?;
        let path = |file| suite.join(file).display().to_string();
        self.gpg(&[
            "--clearsign",
            "--output",
            &path("InRelease"),
            &path("Release"),
        ])?;
        // Renaming a link over the old one changes the whole offer in one step.
        let new = self.folder.join("dists.new");
        std::os::unix::fs::symlink(&name, &new)?;
        fs::rename(&new, self.folder.join("dists"))?;
        Ok(())
    }

    fn release(&self, suite: &Path) -> Result<String> {
        let architectures = format!("{} all", self.architecture);
        let fields = [
            ("Origin", "Patchloop Lab"),
            ("Label", "Lab-Security"),
            ("Suite", "all"),
            ("Codename", "all"),
            ("Components", "main"),
            ("Architectures", &architectures),
        ];
        let mut ftparchive = command(&["apt-ftparchive"]);
        for (field, value) in fields {
            ftparchive.arg(format!("-oAPT::FTPArchive::Release::{field}={value}"));
        }
        checked(ftparchive.arg("release").arg(suite))
    }

    /// Runs gpg with the lab's own key ring, and ends the agent that it leaves behind.
    fn gpg(&self, arguments: &[&str]) -> Result<()> {
        let mut gpg = command(&["gpg", "--batch", "--yes", "--quiet", "--pinentry-mode"]);
        gpg.args(["loopback", "--passphrase", ""]).args(arguments);
        let outcome = checked(gpg.env("GNUPGHOME", &self.gpg_home));
        let mut end = command(&["gpgconf", "--kill", "gpg-agent"]);
        checked(end.env("GNUPGHOME", &self.gpg_home))?;
        outcome.context("cannot sign the own repository").map(drop)
    }

    /// Makes a device trust and use the repository. `apt-get update` is left to the caller.
    pub fn add_to(&self, device: &Device) -> Result<()> {
        device.copy_in(&self.folder.join("patchloop-lab.gpg"), KEYRING, 0o644)?;
        let (gateway, port) = (device.site().gateway(), self.port);
        let sources = format!(
            "Types: deb\nURIs: http://{gateway}:{port}/own/\nSuites: all\nComponents: main\n\
             Signed-By: {KEYRING}\n"
        );
        device.write("/etc/apt/sources.list.d/patchloop-lab.sources", sources)
    }
}

fn versions_of(package: &str) -> &'static [&'static str] {
    if package == MENDED {
        &VERSIONS
    } else {
        &VERSIONS[..2]
    }
}

/// The pool in which a package lies: apart where a later offer leaves it out.
fn pool_of(package: &str, version: &str) -> String {
    if package == MENDED && version == "2.0" {
        "2.0-withdrawn".to_owned()
    } else {
        version.to_owned()
    }
}

/// The pools that the offer of a version is made of, by its place in [`VERSIONS`].
fn pools(newest: usize) -> &'static [&'static str] {
    match newest {
        0 => &["1.0"],
        1 => &["1.0", "2.0", "2.0-withdrawn"],
        _ => &["1.0", "2.0", "3.0"],
    }
}

fn build_package(
    core: &Core,
    folder: &Path,
    recipe: &Recipe,
    version: &str,
    slow_seconds: u32,
) -> Result<()> {
    let name = recipe.name;
    let root = core
        .folder
        .join("packages")
        .join(format!("{name}-{version}"));
    let control = format!(
        "Package: {name}\nVersion: {version}\nArchitecture: all\nSection: misc\n\
         Priority: optional\nMaintainer: Patchloop lab <lab@patchloop.example>\n\
         Description: package of the lab\n"
    );
    place(&root, "/DEBIAN/control", control.as_bytes(), 0o644)?;
    let postinst = (recipe.postinst)(version, slow_seconds);
    let postinst = format!("#!/bin/sh\nset -e\n{postinst}");
    place(&root, "/DEBIAN/postinst", postinst.as_bytes(), 0o755)?;
    place(
        &root,
        &format!("/usr/share/{name}/version"),
        version.as_bytes(),
        0o644,
    )?;
    if name == "patchloop-lab-sick" {
        place_service(&root, version)?;
    }
    let documents = format!("/usr/share/doc/{name}");
    let log = format!("{documents}/changelog.Debian");
    place(&root, &log, changelog(recipe, version).as_bytes(), 0o644)?;
    run(&[
        "gzip",
        "-9n",
        &root.join(log.trim_start_matches('/')).display().to_string(),
    ])?;
    let pool = folder.join("pool").join(pool_of(name, version));
    fs::create_dir_all(&pool)?;
    let target = pool.join(format!("{name}_{version}_all.deb"));
    let mut build = command(&["dpkg-deb", "--root-owner-group", "-Zgzip", "-b"]);
    checked(build.arg(&root).arg(&target))?;
    ensure!(target.is_file(), "dpkg-deb made no {}", target.display());
    Ok(())
}

fn place_service(root: &Path, version: &str) -> Result<()> {
    let own = "/usr/lib/patchloop-lab-sick";
    let health = match version {
        "2.0" => "#!/bin/sh\necho 'sick: the database does not answer' >&2\nexit 1\n",
        _ => "#!/bin/sh\npgrep -f /usr/lib/patchloop-lab-sick/serve > /dev/null\n",
    };
    let serve = "#!/bin/sh\nwhile :; do sleep 3600; done\n";
    place(root, &format!("{own}/serve"), serve.as_bytes(), 0o755)?;
    place(root, &format!("{own}/health"), health.as_bytes(), 0o755)?;
    let unit = "/lib/systemd/system/patchloop-lab-sick.service";
    place(root, unit, SICK_UNIT.as_bytes(), 0o644)?;
    place(
        root,
        "/etc/init.d/patchloop-lab-sick",
        SICK_INIT.as_bytes(),
        0o755,
    )?;
    place(
        root,
        "/DEBIAN/conffiles",
        b"/etc/init.d/patchloop-lab-sick\n",
        0o644,
    )
}

/// Newest entry first, as Debian's changelogs are.
fn changelog(recipe: &Recipe, version: &str) -> String {
    let Recipe {
        name, cve, urgency, ..
    } = recipe;
    let mut text = String::new();
    if version == "3.0" {
        let _ = write!(
            text,
            "{name} (3.0) all; urgency={urgency}\n\n  * Mend the migration of 2.0.\n\n \
             -- Patchloop lab <lab@patchloop.example>  Tue, 10 Nov 2026 09:00:00 +0000\n\n"
        );
    }
    if version != "1.0" {
        let _ = write!(
            text,
            "{name} (2.0) all; urgency={urgency}\n\n  * Fix {cve}: a fault made up for the lab.\n\n \
             -- Patchloop lab <lab@patchloop.example>  Tue, 03 Nov 2026 09:00:00 +0000\n\n"
        );
    }
    let _ = write!(
        text,
        "{name} (1.0) all; urgency=medium\n\n  * First version.\n\n \
         -- Patchloop lab <lab@patchloop.example>  Mon, 05 Oct 2026 09:00:00 +0000\n"
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_new_version_names_its_cve() {
        let good = &RECIPES[0];
        assert!(!changelog(good, "1.0").contains("CVE-"));
        let text = changelog(good, "2.0");
        assert!(
            text.starts_with("patchloop-lab-good (2.0) all; urgency=high\n"),
            "{text}"
        );
        assert!(text.contains("  * Fix CVE-2099-1001:"), "{text}");
        assert!(text.contains("\n -- Patchloop lab <"), "{text}");
    }

    #[test]
    fn the_bad_version_is_withdrawn_with_its_successor() {
        let bad = pool_of("patchloop-lab-badpost", "2.0");
        assert!(pools(1).contains(&bad.as_str()));
        assert!(!pools(2).contains(&bad.as_str()));
        let good = pool_of("patchloop-lab-good", "2.0");
        assert!(pools(1).contains(&good.as_str()) && pools(2).contains(&good.as_str()));
        assert!(!versions_of("patchloop-lab-good").contains(&"3.0"));
    }

    #[test]
    fn every_package_has_its_own_cve() {
        let mut cves: Vec<_> = RECIPES.iter().map(|recipe| recipe.cve).collect();
        cves.dedup();
        assert_eq!(cves.len(), RECIPES.len());
    }
}
