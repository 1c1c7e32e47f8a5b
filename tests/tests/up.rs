//! `patchloop up --once --json` on this machine, against what dpkg and apt say of it.
//!
//! Runs the real server and the real agent, as whoever runs the test and as nobody; changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::operator::program;
use lab::wait_until;
use serde_json::Value;

/// Why this test cannot run here; as root or in CI that is a failure.
fn apt_is_missing() -> Option<&'static str> {
    let lists = std::fs::read_dir("/var/lib/apt/lists").is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().contains("_Packages"))
    });
    if !Path::new("/usr/bin/apt-get").exists() {
        Some("this is no Debian or Ubuntu")
    } else if !lists {
        Some("there are no package lists; `apt-get update` fetches them")
    } else {
        None
    }
}

fn skipped() -> Result<bool> {
    let Some(why) = apt_is_missing() else {
        return Ok(false);
    };
    ensure!(
        !rustix::process::geteuid().is_root() && std::env::var_os("CI").is_none(),
        "real apt: {why}"
    );
    eprintln!("SKIPPED real apt: {why}");
    Ok(true)
}

fn once(mut command: Command, state: &Path) -> Result<Output> {
    let output = command
        .env("XDG_STATE_HOME", state)
        .env_remove("PATCHLOOP_URL")
        .env_remove("PATCHLOOP_TOKEN")
        .stdin(Stdio::null())
        .output()
        .context("cannot start patchloop")?;
    Ok(output)
}

fn picture(output: &Output) -> Result<Value> {
    let talk = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.code() == Some(0),
        "up --once ended with {}: {talk}",
        output.status
    );
    serde_json::from_slice(&output.stdout).context("standard output is not one JSON document")
}

/// What apt would install or upgrade: name and version.
fn simulated() -> Result<BTreeSet<(String, String)>> {
    let output = Command::new("/usr/bin/apt-get")
        .args(["-s", "dist-upgrade"])
        .env("LC_ALL", "C")
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    Ok(text
        .lines()
        .filter_map(|line| {
            let mut words = line.strip_prefix("Inst ")?.split(' ');
            let name = words.next()?.split(':').next()?.to_owned();
            let version = words.find_map(|word| word.strip_prefix('('))?.to_owned();
            Some((name, version))
        })
        .collect())
}

/// Lines of `dpkg-query` that begin with `ii`.
fn installed() -> Result<u64> {
    let output = Command::new("/usr/bin/dpkg-query")
        .args(["-W", "-f", "${db:Status-Abbrev}\\n"])
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().filter(|line| line.starts_with("ii")).count() as u64)
}

fn agrees_with_apt(picture: &Value) -> Result<()> {
    ensure!(
        picture["packages"] == installed()?,
        "packages: {} and {}",
        picture["packages"],
        installed()?
    );
    let findings = picture["findings"].as_array().context("no findings")?;
    let mut shown = BTreeSet::new();
    let mut distinct = BTreeSet::new();
    for finding in findings {
        let missing = finding["state"] == "missing";
        for package in finding["packages"].as_array().context("no packages")? {
            ensure!(
                missing != package["candidate"].is_null(),
                "a candidate and a state disagree: {finding}"
            );
            if missing {
                let text = |name: &str| package[name].as_str().unwrap_or("").to_owned();
                shown.insert((text("name"), text("candidate")));
                distinct.insert((text("name"), text("architecture")));
            }
        }
        ensure!(
            finding["needs"].is_array() && finding["why"].is_string(),
            "a field is missing: {finding}"
        );
        ensure!(
            finding["derived"].is_boolean(),
            "a field is missing: {finding}"
        );
        if finding["cves"].is_null() && missing {
            let patch = finding["patch"].as_str().unwrap_or("");
            let explained = picture["unknown"].as_array().is_some_and(|list| {
                list.iter()
                    .any(|u| u["what"].as_str().is_some_and(|what| what.contains(patch)))
            });
            ensure!(explained, "{patch} was not looked up and nothing says why");
        }
    }
    ensure!(
        picture["pending"] == distinct.len(),
        "pending {} of {}",
        picture["pending"],
        distinct.len()
    );
    ensure!(
        shown == simulated()?,
        "findings and apt differ: {:?}",
        shown.symmetric_difference(&simulated()?)
    );
    Ok(())
}

/// Processes whose command line names a folder.
fn processes_below(folder: &Path) -> Result<Vec<String>> {
    let wanted = folder.to_string_lossy().into_owned();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")?.flatten() {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(&wanted) {
            found.push(line);
        }
    }
    Ok(found)
}

fn plain(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["up", "--once", "--json", "--changelog-seconds", "20"]);
    command
}

#[test]
fn what_it_shows_is_what_dpkg_and_apt_say() -> Result<()> {
    if skipped()? {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let output = once(plain(&program("patchloop")?), folder.path())?;
    let first = picture(&output)?;
    agrees_with_apt(&first)?;
    ensure!(
        first["device"]["mode"] == "observe",
        "this machine is not only observed: {}",
        first["device"]
    );
    // A second run is the same device, and remembers what it read.
    let second = picture(&once(plain(&program("patchloop")?), folder.path())?)?;
    agrees_with_apt(&second)?;
    ensure!(
        first["device"]["id"] == second["device"]["id"],
        "the second run is another device"
    );
    ensure!(
        processes_below(folder.path())?.is_empty(),
        "processes are left: {:?}",
        processes_below(folder.path())?
    );
    Ok(())
}

#[test]
fn nobody_without_a_network_sees_the_same() -> Result<()> {
    if skipped()? {
        return Ok(());
    }
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED becoming nobody: this test needs root");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777))?;
    let programs = copies(folder.path())?;
    let mut command = Command::new("/usr/bin/unshare");
    command.args([
        "--net",
        "sh",
        "-c",
        "ip link set lo up && exec \"$@\"",
        "sh",
    ]);
    command.args([
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--",
    ]);
    command.arg(&programs["patchloop"]).args([
        "up",
        "--once",
        "--json",
        "--changelog-seconds",
        "20",
    ]);
    command.env("HOME", folder.path());
    let output = once(command, &folder.path().join("state"))?;
    let shown = picture(&output)?;
    agrees_with_apt(&shown)?;
    Ok(())
}

/// Copies of the programs that everybody may run.
fn copies(folder: &Path) -> Result<BTreeMap<&'static str, PathBuf>> {
    let mut copies = BTreeMap::new();
    for name in ["patchloop", "patchloop-agent"] {
        let to = folder.join(name);
        std::fs::copy(program(name)?, &to)?;
        std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o755))?;
        copies.insert(name, to);
    }
    Ok(copies)
}

fn terminate(child: &mut Child) -> Result<Option<i32>> {
    rustix::process::kill_process(
        rustix::process::Pid::from_child(child),
        rustix::process::Signal::TERM,
    )?;
    let mut code = None;
    wait_until(Duration::from_secs(30), "up to end", || {
        match child.try_wait() {
            Ok(Some(status)) => {
                code = status.code();
                true
            }
            _ => false,
        }
    })?;
    Ok(code)
}

#[test]
fn once_works_beside_a_running_up_and_both_leave_nothing_behind() -> Result<()> {
    if skipped()? {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let talk = folder.path().join("talk");
    let mut running = Command::new(program("patchloop")?)
        .args([
            "up",
            "--console",
            "127.0.0.1:0",
            "--agents",
            "127.0.0.1:0",
            "--changelog-seconds",
            "1",
        ])
        .env("XDG_STATE_HOME", folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&talk)?)
        .spawn()?;
    let ready = wait_until(
        Duration::from_secs(120),
        "up to say where to sign in",
        || std::fs::read_to_string(&talk).is_ok_and(|text| text.contains("/sign-in")),
    );
    let beside = ready.and_then(|()| once(plain(&program("patchloop")?), folder.path()));
    let code = terminate(&mut running)?;
    agrees_with_apt(&picture(&beside?)?)?;
    ensure!(code == Some(0), "SIGTERM ended up with {code:?}");
    ensure!(
        processes_below(folder.path())?.is_empty(),
        "processes are left: {:?}",
        processes_below(folder.path())?
    );
    Ok(())
}
