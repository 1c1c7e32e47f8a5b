//! Faults between the server and its devices, with real apt: a server that is away when the window
//! opens, a silence that is too long, a locked package manager, a version that its vendor withdraws,
//! an approval that is taken back, and a database that is put back to an older copy.
//!
//! Five devices live through two nights at once. The clock is moved, nothing waits for it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use jiff::{SignedDuration, Timestamp, ToSpan};
use lab::story::Story;
use lab::{DeviceKind, Site, Spawned, requirements, wait_until};
use serde_json::Value;

const GOOD: &str = "patchloop-lab-good";
const BAD: &str = "patchloop-lab-badpost";
const SLOW: &str = "patchloop-lab-slow";
const AGENT: &str = "/usr/local/bin/patchloop-agent";
const AGENT_STATE: &str = "/var/lib/patchloop-agent";
/// How long one step of the story may take on a slow machine, in seconds.
const PATIENCE: u64 = 40;

/// Who is where, and which packages of the lab it has at 1.0.
const DEVICES: [(Site, &str, &[&str]); 5] = [
    // Installs while the server is away; its order is what the restored database never heard of.
    (Site::A, "a1", &[GOOD, SLOW]),
    // Its package manager is locked for a whole window.
    (Site::A, "a2", &[GOOD]),
    // Its approval is taken back; then its approved version is withdrawn before the window.
    (Site::A, "a3", &[GOOD, BAD]),
    // Its approved version is withdrawn, and only the device can know.
    (Site::A, "a4", &[BAD]),
    // Hears nothing for too long; the next night its package manager is locked for a while.
    (Site::B, "b1", &[GOOD]),
];

/// Holds dpkg's lock as another package manager would (fcntl, `struct flock` of 64-bit Linux).
const HOLD_THE_LOCK: &str = r#"
use Fcntl;
open(my $lock, "+>>", "/var/lib/dpkg/lock-frontend") or die "open: $!";
my $whole = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0);
fcntl($lock, F_SETLKW, $whole) or die "lock: $!";
$| = 1;
print "locked\n";
sleep 3600;
"#;

#[test]
fn faults_of_the_link() -> Result<()> {
    if !rustix::process::geteuid().is_root() && std::env::var_os("CI").is_none() {
        eprintln!("SKIPPED lab: it makes network namespaces and mounts, run it as root");
        return Ok(());
    }
    requirements::ensure()?;
    let folder = tempfile::tempdir()?;
    let mut story = Story::begin(folder.path())?;
    let result = tell(&mut story, folder.path());
    if let Err(error) = &result {
        story.tell(&format!("FAILED: {error:#}"));
    }
    result
}

fn tell(story: &mut Story, folder: &Path) -> Result<()> {
    devices(story)?;
    enrol(story)?;
    let [first, second] = windows(story)?;
    story.lab.publish("2.0")?;
    for (_, name, _) in DEVICES {
        story.device(name).run(&["apt-get", "update", "-q"])?;
    }
    story.until(
        PATIENCE,
        "the new versions to be missing",
        &["finding", "list", "-q", "state:missing"],
        |items| items.len() == 7,
    )?;
    story.tell("five devices, seven findings");

    approve(story, "product:patchloop-lab-good", "device:a2,b1")?;
    approve(story, "product:patchloop-lab-badpost", "device:a4")?;
    taken_back(story)?;
    approve(story, &format!("patch:{}", bad_two(story)?), "device:a3")?;
    delivered(story, &["a2", "a3", "a4", "b1"])?;

    let copy = folder.join("copy");
    story.operator.stop()?;
    copy_database(story.operator.state(), &copy)?;
    story.operator.serve()?;
    approve(story, "product:patchloop-lab-good", "device:a1")?;
    delivered(story, &["a1", "a2", "a3", "a4", "b1"])?;
    let lonely = order_of(story, "a1", "delivered")?;

    withdrawn_before_the_window(story)?;
    let locks = nobody_answers(story, &first)?;
    heard_again(story, &lonely)?;
    locks.kill()?;
    put_back(story, &copy, &lonely)?;
    second_night(story, &second)?;
    for (_, name, _) in DEVICES {
        let audit = story.device(name).run(&["dpkg", "--audit"])?;
        ensure!(audit.is_empty(), "{name}: dpkg is not in order: {audit}");
    }
    story.tell("done");
    Ok(())
}

fn devices(story: &mut Story) -> Result<()> {
    let own = story.lab.own_repo_with(1)?;
    for (site, name, packages) in DEVICES {
        let device = story.add(site, name, DeviceKind::Plain)?;
        // Only the lab's own repository: the distribution's updates are another test's story.
        device.run(&[
            "sh",
            "-c",
            "rm -f /etc/apt/sources.list /etc/apt/sources.list.d/* && rm -rf /var/lib/apt/lists/*",
        ])?;
        own.add_to(&device)?;
        device.run(&["apt-get", "update", "-q"])?;
        let mut install = vec!["apt-get", "install", "-y", "-q"];
        install.extend(packages);
        device.run(&install)?;
    }
    Ok(())
}

fn enrol(story: &mut Story) -> Result<()> {
    story.operator.ask(&["client", "add", "Acme"])?;
    for (site, place) in [(Site::A, "Acme/Berlin"), (Site::B, "Acme/Lisbon")] {
        let (client, name) = place.split_once('/').context("no site")?;
        let operator = &story.operator;
        operator.ask(&["site", "add", client, name, "--zone", "UTC"])?;
        let made = operator.ask(&["enrolment", "create", "--site", place, "--uses", "5"])?;
        let token = made["token"].as_str().context("no token")?.to_owned();
        for (_, device, _) in DEVICES.iter().filter(|(of, _, _)| *of == site) {
            story.enrol(device, &token)?;
            if *device == "a4" {
                // Its lists stay as they are until somebody fetches them by hand.
                let rails = format!("{AGENT_STATE}/guardrails.toml");
                story
                    .device(device)
                    .write(&rails, "refresh_index = false\n")?;
            }
            story.start_agent(device)?;
            story.operator.ask(&["device", "mode", device, "managed"])?;
        }
    }
    Ok(())
}

/// A window that opens in between three and four hours, and again a day later: their openings.
fn windows(story: &Story) -> Result<[(Timestamp, Timestamp); 2]> {
    let start = story.now().to_zoned(jiff::tz::TimeZone::UTC) + 4.hours();
    let start = format!("{:02}:00", start.hour());
    let days = "mon,tue,wed,thu,fri,sat,sun";
    story.operator.ask(&[
        "window",
        "add",
        "nightly",
        "--for",
        "client:Acme",
        "--days",
        days,
        "--start",
        &start,
        "--duration",
        "2h",
        "--zone",
        "UTC",
    ])?;
    let openings = story
        .operator
        .items(&["window", "openings", "nightly", "--count", "2"])?;
    let time = |opening: &Value, field: &str| -> Result<Timestamp> {
        Ok(opening[field].as_str().context("no time")?.parse()?)
    };
    let [first, second] = openings.as_slice() else {
        bail!("expected two openings: {openings:?}")
    };
    Ok([
        (time(first, "opens_at")?, time(first, "closes_at")?),
        (time(second, "opens_at")?, time(second, "closes_at")?),
    ])
}

fn approve(story: &Story, patches: &str, devices: &str) -> Result<String> {
    let made = story.operator.ask(&[
        "decision",
        "add",
        "approve",
        "--patches",
        patches,
        "--for",
        devices,
        "--reason",
        "the lab's faults",
    ])?;
    Ok(made["id"].as_str().context("no id")?.to_owned())
}

fn delivered(story: &Story, devices: &[&str]) -> Result<Vec<Value>> {
    story.until(
        PATIENCE,
        "orders to be delivered",
        &["order", "list"],
        |orders| {
            devices.iter().all(|name| {
                orders
                    .iter()
                    .filter(|order| order["device"] == *name && order["state"] == "delivered")
                    .count()
                    == 1
            })
        },
    )
}

fn orders_of(story: &Story, device: &str) -> Result<Vec<Value>> {
    story
        .operator
        .items(&["order", "list", "-q", &format!("device:{device}")])
}

/// The id of the only order of a device in that state.
fn order_of(story: &Story, device: &str, state: &str) -> Result<String> {
    let orders = orders_of(story, device)?;
    let fits: Vec<&Value> = orders.iter().filter(|o| o["state"] == state).collect();
    let [order] = fits.as_slice() else {
        bail!("{device}: not one order is {state}: {orders:?}")
    };
    Ok(order["id"].as_str().context("no id")?.to_owned())
}

/// Waits until an order of a device has ended so, and gives its reason.
fn ended(story: &Story, device: &str, state: &str) -> Result<String> {
    let query = format!("device:{device}");
    let orders = story.until(
        PATIENCE,
        &format!("{device}'s order to end {state}"),
        &["order", "list", "-q", &query],
        |orders| orders.iter().any(|order| order["state"] == state),
    )?;
    let order = orders.iter().find(|order| order["state"] == state);
    Ok(order.context("no order")?["reason"]
        .as_str()
        .unwrap_or("")
        .to_owned())
}

/// Waits until the only order of a device for a package at a version is proven.
fn proven(story: &Story, device: &str, package: &str, version: &str) -> Result<()> {
    let query = format!("device:{device}");
    let of =
        |order: &Value| order["items"][0]["name"] == package && order["items"][0]["to"] == version;
    let orders = story.until(
        PATIENCE,
        &format!("{package} {version} to be proven on {device}"),
        &["order", "list", "-q", &query],
        |orders| {
            orders.iter().any(|order| {
                of(order) && order["state"] == "succeeded" && order["proof"]["state"] == "proven"
            })
        },
    )?;
    let succeeded = orders.iter().filter(|o| of(o) && o["state"] == "succeeded");
    ensure!(
        succeeded.count() == 1,
        "{device}: two orders did the same: {orders:?}"
    );
    ensure!(
        version_of(story, device, package)? == version,
        "{device}: proven, and not installed"
    );
    ensure!(
        upgrades(story, device, package)? == 1,
        "{device}: {package} was not installed exactly once"
    );
    Ok(())
}

fn version_of(story: &Story, device: &str, package: &str) -> Result<String> {
    let packages = story.device(device).packages()?;
    Ok(packages.get(package).cloned().unwrap_or_default())
}

/// How often dpkg upgraded a package, by its own log.
fn upgrades(story: &Story, device: &str, package: &str) -> Result<usize> {
    let log = story.device(device).read("/var/log/dpkg.log")?;
    let log = String::from_utf8_lossy(&log);
    let wanted = format!(" upgrade {package}:");
    Ok(log.lines().filter(|line| line.contains(&wanted)).count())
}

fn bad_two(story: &Story) -> Result<String> {
    let query = format!("device:a3 product:{BAD} state:missing");
    let findings = story.operator.items(&["finding", "list", "-q", &query])?;
    let patch = findings[0]["patch"].as_str().context("no patch")?;
    ensure!(patch.ends_with("@2.0"), "not the second version: {patch}");
    Ok(patch.to_owned())
}

/// An approval ends after its order was delivered: the device forgets it again.
fn taken_back(story: &Story) -> Result<()> {
    let decision = approve(story, "product:patchloop-lab-good", "device:a3")?;
    delivered(story, &["a3"])?;
    story.operator.ask(&["decision", "end", &decision])?;
    let reason = ended(story, "a3", "cancelled")?;
    ensure!(!reason.is_empty(), "cancelled without a reason");
    wait_until(
        Duration::from_secs(PATIENCE),
        "a3 to let go of its order",
        || held(story, "a3").is_ok_and(|held| held.is_empty()),
    )?;
    story.tell(&format!("a3: cancelled after its delivery: {reason}"));
    Ok(())
}

/// What a device's agent knows.
fn status(story: &Story, device: &str) -> Result<Value> {
    let text = story.device(device).run(&[AGENT, "status", "--json"])?;
    Ok(serde_json::from_str(&text)?)
}

/// The orders that have not ended, in the agent's own words.
fn held(story: &Story, device: &str) -> Result<Vec<Value>> {
    let status = status(story, device)?;
    Ok(status["orders"].as_array().context("no orders")?.clone())
}

/// The vendor withdraws a version and offers another, which a3 learns before its window.
fn withdrawn_before_the_window(story: &Story) -> Result<()> {
    story.lab.publish("3.0")?;
    story.device("a3").run(&["apt-get", "update", "-q"])?;
    let reason = ended(story, "a3", "superseded")?;
    ensure!(
        reason.contains("@3.0"),
        "the successor is not named: {reason}"
    );
    let query = format!("device:a3 product:{BAD} state:missing");
    let findings = story.operator.items(&["finding", "list", "-q", &query])?;
    let [finding] = findings.as_slice() else {
        bail!("not one finding: {findings:?}")
    };
    let patch = finding["patch"].as_str().context("no patch")?;
    ensure!(patch.ends_with("@3.0"), "the finding shows {patch}");
    let why = story.operator.ask(&["why", "a3", patch])?;
    ensure!(
        why["verdict"] == "never" && why["gate"] == "decided",
        "an approval of one version covers another: {why}"
    );
    story.tell(&format!("a3: {reason}; why: {}", why["sentence"]));
    Ok(())
}

/// The first night: site B is cut hours before it, site A minutes before it.
fn nobody_answers(story: &mut Story, opening: &(Timestamp, Timestamp)) -> Result<Spawned> {
    story.lab.cut(Site::B)?;
    spoken_with(
        story,
        opening.0 - SignedDuration::from_mins(10),
        &["a1", "a2", "a3", "a4"],
    )?;
    story.lab.cut(Site::A)?;
    let lock = hold_the_lock(story, "a2")?;
    story.device("a4").run(&["apt-get", "update", "-q"])?;
    story.move_to(opening.0 + SignedDuration::from_secs(5))?;
    story.tell("the first window opens, and nobody can reach the server");
    on_device(story, "a1 to install by itself", || {
        Ok(version_of(story, "a1", GOOD)? == "2.0" && held(story, "a1")?.is_empty())
    })?;
    on_device(story, "a2 to find its package manager locked", || {
        journal_says(story, "a2", "\"locked\"")
    })?;
    on_device(story, "a4 to see that its version is gone", || {
        journal_says(story, "a4", "\"superseded\"")
    })?;
    on_device(story, "b1 to ask for a word", || {
        journal_says(story, "b1", "\"silent_seconds\":1")
    })?;
    story.move_to(opening.1 + SignedDuration::from_secs(5))?;
    for name in ["a2", "b1"] {
        on_device(story, &format!("{name} to give up"), || {
            Ok(held(story, name)?.is_empty())
        })?;
    }
    for (name, package) in [
        ("a2", GOOD),
        ("a3", GOOD),
        ("a3", BAD),
        ("a4", BAD),
        ("b1", GOOD),
    ] {
        let version = version_of(story, name, package)?;
        ensure!(version == "1.0", "{name}: {package} became {version}");
    }
    story.tell("the first window is closed");
    Ok(lock)
}

fn on_device(story: &Story, what: &str, mut done: impl FnMut() -> Result<bool>) -> Result<()> {
    let mut last = None;
    wait_until(Duration::from_secs(PATIENCE), what, || {
        let answer = done();
        let is_done = matches!(answer, Ok(true));
        last = Some(answer);
        is_done
    })
    .with_context(|| {
        let of = |name: &String| {
            let journal = journal(story, name).unwrap_or_default();
            let from = journal
                .char_indices()
                .rev()
                .nth(800)
                .map_or(0, |(at, _)| at);
            format!(
                "--- {name}\n{}\n{}\n",
                story.agent_log(name),
                &journal[from..]
            )
        };
        let devices: String = story.devices.keys().map(of).collect();
        format!("{what}: last answer {last:?}\n{devices}")
    })
}

/// The journal of a device's executing half, as far as it is text.
fn journal(story: &Story, device: &str) -> Result<String> {
    let journal = story
        .device(device)
        .read(&format!("{AGENT_STATE}/executor/journal"))?;
    Ok(String::from_utf8_lossy(&journal).into_owned())
}

fn journal_says(story: &Story, device: &str, word: &str) -> Result<bool> {
    Ok(journal(story, device)?.contains(word))
}

/// Moves the time and waits until these devices have had a word with the server after it.
fn spoken_with(story: &mut Story, to: Timestamp, devices: &[&str]) -> Result<()> {
    story.move_to(to)?;
    // The clock is moved by whole seconds.
    let to = to - SignedDuration::from_secs(1);
    for name in devices {
        on_device(story, &format!("{name} to have a word"), || {
            let last = status(story, name)?;
            let last = last["last_contact"].as_str().context("never")?;
            Ok(last.parse::<Timestamp>()? >= to)
        })?;
    }
    Ok(())
}

fn hold_the_lock(story: &Story, device: &str) -> Result<Spawned> {
    let lock = story.device(device).spawn(&["perl", "-e", HOLD_THE_LOCK])?;
    wait_until(Duration::from_secs(10), "the lock to be held", || {
        lock.output().contains("locked")
    })
    .with_context(|| lock.output())?;
    Ok(lock)
}

/// The links are healed: every end of the first night is told, with its reason.
fn heard_again(story: &Story, lonely: &str) -> Result<()> {
    for site in Site::ALL {
        story.lab.heal(site)?;
    }
    proven(story, "a1", GOOD, "2.0")?;
    ensure!(
        order_of(story, "a1", "succeeded")? == lonely,
        "another order did it"
    );
    story.tell("a1: installed alone, proven after the link was healed");
    first_night_is_known(story)?;
    let patch = story
        .operator
        .items(&["finding", "list", "-q", "device:b1 state:missing"])?;
    let patch = patch[0]["patch"].as_str().context("no patch")?;
    let why = story.operator.ask(&["why", "b1", patch])?;
    ensure!(
        why["verdict"] == "later" && why["gate"] == "window",
        "b1: {why}"
    );
    story.tell(&format!("b1: why says {}", why["sentence"]));
    let findings = story
        .operator
        .items(&["finding", "list", "-q", "device:a4 state:missing"])?;
    ensure!(
        findings.len() == 1 && findings[0]["patch"].to_string().contains("@3.0"),
        "a4 does not show the successor: {findings:?}"
    );
    // The next night's orders are there; the restored database will not know them.
    delivered(story, &["a2", "a4", "b1"])?;
    Ok(())
}

/// What the devices other than a1 told of the first night, in words for people.
fn first_night_is_known(story: &Story) -> Result<()> {
    let locked = ended(story, "a2", "refused")?;
    ensure!(
        locked.contains("perl") && locked.contains("locked"),
        "the holder is not named: {locked}"
    );
    let silent = ended(story, "b1", "refused")?;
    ensure!(
        silent.contains("last word with the server"),
        "the silence is not named: {silent}"
    );
    let gone = ended(story, "a4", "superseded")?;
    ensure!(gone.contains("not offered"), "a4: {gone}");
    story.tell(&format!("a2: {locked}; b1: {silent}; a4: {gone}"));
    Ok(())
}

/// The server is put back to a database that is older than the first night.
fn put_back(story: &mut Story, copy: &Path, lonely: &str) -> Result<()> {
    for site in Site::ALL {
        story.lab.cut(site)?;
    }
    story.operator.stop()?;
    copy_database(copy, story.operator.state())?;
    story.operator.serve()?;
    ensure!(
        orders_of(story, "a1")?.is_empty(),
        "the copy is not older than a1's order"
    );
    approve(story, "product:patchloop-lab-slow", "device:a1")?;
    story.until(
        PATIENCE,
        "an order to wait for a1",
        &["order", "list", "-q", "device:a1"],
        |orders| orders.len() == 1 && orders[0]["state"] == "waiting",
    )?;
    for site in Site::ALL {
        story.lab.heal(site)?;
    }
    // Nobody is called after a restore: every device comes by its own clock.
    let next = story.now() + SignedDuration::from_mins(20);
    spoken_with(story, next, &["a1", "a2", "a3", "a4", "b1"])?;
    proven(story, "a1", GOOD, "2.0")?;
    ensure!(
        order_of(story, "a1", "succeeded")? == lonely,
        "it came back as another order"
    );
    first_night_is_known(story)?;
    delivered(story, &["a1", "a2", "a4", "b1"])?;
    no_order_before_the_server_knew(story)?;
    for name in ["a1", "a2", "a4", "b1"] {
        on_device(story, &format!("{name} to hold one order only"), || {
            Ok(held(story, name)?.len() == 1)
        })?;
        let known = order_of(story, name, "delivered")?;
        ensure!(
            held(story, name)?[0]["order"] == known.as_str(),
            "{name} holds another order"
        );
    }
    story.tell("the older copy learned everything again, and then gave its orders");
    Ok(())
}

/// By the audit: every device was found ahead, became level, and took its next order after that.
fn no_order_before_the_server_knew(story: &Story) -> Result<()> {
    let audit = get(story, "/api/v1/audit?limit=500")?;
    let rows = audit["items"].as_array().context("no audit rows")?;
    let devices = story.operator.items(&["device", "list"])?;
    for (_, name, _) in DEVICES {
        let device = devices.iter().find(|device| device["name"] == name);
        let id = &device.context("no such device")?["id"];
        let at = |word: &str| -> Option<Timestamp> {
            let row = rows.iter().find(|row| {
                row["action"] == "device.standing"
                    && row["object"]
                        .to_string()
                        .contains(id.as_str().unwrap_or("?"))
                    && row["detail"]
                        .as_str()
                        .is_some_and(|text| text.starts_with(word))
            })?;
            row["at"].as_str()?.parse().ok()
        };
        let (Some(ahead), Some(level)) = (at("ahead"), at("level")) else {
            bail!("{name} was not found ahead, or never became level: {rows:?}")
        };
        ensure!(ahead <= level, "{name}: level before it was ahead");
        for order in orders_of(story, name)?
            .iter()
            .filter(|o| o["state"] == "delivered")
        {
            let since: Timestamp = order["state_since"].as_str().context("no time")?.parse()?;
            ensure!(
                since >= level,
                "{name}: an order was taken before the device was level"
            );
        }
    }
    Ok(())
}

/// The second night: the links are up, and a package manager is locked for a while only.
fn second_night(story: &mut Story, opening: &(Timestamp, Timestamp)) -> Result<()> {
    let all: Vec<&str> = DEVICES.iter().map(|(_, name, _)| *name).collect();
    spoken_with(story, opening.0 - SignedDuration::from_mins(10), &all)?;
    let lock = hold_the_lock(story, "b1")?;
    story.move_to(opening.0 + SignedDuration::from_secs(5))?;
    story.tell("the second window opens");
    on_device(story, "b1 to find its package manager locked", || {
        journal_says(story, "b1", "\"locked\"")
    })?;
    proven(story, "a1", SLOW, "2.0")?;
    proven(story, "a1", GOOD, "2.0")?;
    proven(story, "a2", GOOD, "2.0")?;
    proven(story, "a4", BAD, "3.0")?;
    ensure!(
        version_of(story, "b1", GOOD)? == "1.0",
        "b1 did not wait for the lock"
    );
    lock.kill()?;
    story.move_to(story.now() + SignedDuration::from_secs(20))?;
    proven(story, "b1", GOOD, "2.0")?;
    story.tell("b1: waited for the lock, then installed");
    for package in [GOOD, BAD] {
        let version = version_of(story, "a3", package)?;
        ensure!(
            version == "1.0",
            "a3: {package} became {version} without an approval"
        );
    }
    Ok(())
}

/// Puts the files of a database into another folder, in place of those that are there.
fn copy_database(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    let files = |folder: &Path| -> Result<Vec<std::path::PathBuf>> {
        let entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
        let paths = entries.into_iter().map(|entry| entry.path());
        Ok(paths
            .filter(|path| path.to_string_lossy().contains("patchloop.db"))
            .collect())
    };
    for old in files(to)? {
        std::fs::remove_file(old)?;
    }
    let found = files(from)?;
    ensure!(!found.is_empty(), "no database in {}", from.display());
    for file in found {
        std::fs::copy(&file, to.join(file.file_name().context("no name")?))?;
    }
    Ok(())
}

/// Asks the API for what no command prints.
fn get(story: &Story, path: &str) -> Result<Value> {
    let address = story.operator.console().trim_start_matches("http://");
    let address = address.trim_end_matches('/');
    let mut stream = TcpStream::connect(address)?;
    let token = story.operator.token();
    write!(
        stream,
        "GET {path} HTTP/1.0\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no body")?;
    ensure!(
        head.starts_with("HTTP/1.0 200") || head.starts_with("HTTP/1.1 200"),
        "{answer}"
    );
    Ok(serde_json::from_str(body)?)
}
