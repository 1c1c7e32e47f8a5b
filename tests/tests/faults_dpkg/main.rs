//! What a device's package manager, disk and administrator do to an order: power lost in the middle,
//! an agent that dies again and again, work left undone before, files changed by hand, limits of the
//! device, a repository that changes, no room, a change of mind. Real apt, packages made for it.
//!
//! Every device has its own fault, all have one window, so that one turn of the loop shows them all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use jiff::{SignedDuration, Timestamp, ToSpan};
use lab::story::Story;
use lab::{Device, DeviceKind, ExtraPackage, OwnRepo, Site, requirements, wait_until};
use serde_json::{Value, json};

mod ends;
mod stage;

use ends::*;
use stage::*;

/// Seconds that a slow script takes: long enough for six kills of an agent, a second apart.
const SLOW_SECONDS: u32 = 11;
/// How often the agent of `kills` is killed.
const KILLS: usize = 6;

const CONFIGURATION: &str = "/etc/patchloop-lab-conf.conf";
const STAYS_BROKEN: &str = "/etc/patchloop-lab-flaky.broken";
const GUARDRAILS: &str = "/etc/patchloop/guardrails.toml";
const KILL_SWITCH: &str = "/etc/patchloop-lab-stop";
/// Where `patchloop-lab-big` puts what does not fit.
const SMALL_DISK: &str = "/opt/patchloop-lab-big";

/// One device: its name, what is installed at 1.0, and what is approved to become 2.0.
struct Cast {
    name: &'static str,
    installed: &'static [&'static str],
    approved: &'static [&'static str],
}

const SITE_A: [Cast; 12] = [
    one("power", &["slow"]),
    one("unpack", &["unpack"]),
    one("kills", &["slow"]),
    Cast {
        name: "leftover",
        installed: &["conf"],
        approved: &["conf"],
    },
    Cast {
        name: "torn",
        installed: &["unpack", "good"],
        approved: &["good"],
    },
    one("rails", &["good"]),
    one("switch", &["good"]),
    one("unread", &["good"]),
    one("watched", &["good"]),
    Cast {
        name: "needs",
        installed: &["app", "lib", "held", "kept"],
        approved: &["app", "held", "kept"],
    },
    one("full", &["good"]),
    one("small", &["big"]),
];

/// Their link is cut, so that only the devices themselves can see what changed after delivery.
const SITE_B: [Cast; 2] = [one("differs", &["changing"]), one("late", &["good"])];

/// All but `unread` get an order: of that one the server knows that it forbids everything.
const ORDERS: usize = SITE_A.len() + SITE_B.len() - 1;

const fn one(name: &'static str, package: &'static [&'static str]) -> Cast {
    Cast {
        name,
        installed: package,
        approved: package,
    }
}

fn full_name(short: &str) -> String {
    format!("patchloop-lab-{short}")
}

#[test]
fn faults() -> Result<()> {
    if !rustix::process::geteuid().is_root() && std::env::var_os("CI").is_none() {
        eprintln!("SKIPPED lab: it makes network namespaces and mounts, run it as root");
        return Ok(());
    }
    requirements::ensure()?;
    let folder = tempfile::tempdir()?;
    let mut story = Story::begin(folder.path())?;
    let result = play(&mut story);
    if let Err(error) = &result {
        story.tell(&format!("FAILED: {error:#}"));
    }
    result
}

fn play(story: &mut Story) -> Result<()> {
    let repository = story.lab.own_repo_with(SLOW_SECONDS)?;
    packages_of_1_0(&repository)?;
    story.lab.publish("1.0")?;
    set_the_stage(story, &repository)?;
    packages_of_2_0(&repository)?;
    story.lab.publish("2.0")?;
    prepare_the_faults(story)?;
    enrol(story)?;
    let opening = approve(story)?;
    held_and_kept_back(story)?;
    one_patch_needs_another(story)?;
    orders_are_delivered(story)?;
    limits_are_said(story)?;
    a_device_is_only_observed_again(story)?;
    the_repository_changes_unseen(story, &repository, &opening)?;

    story.move_to(time(&opening, "opens_at")? + SignedDuration::from_secs(5))?;
    story.tell("the window opens");
    the_power_is_lost(story, "power", "slow", "iF")?;
    the_power_is_lost(story, "unpack", "unpack", "iH")?;
    story.tell("the power comes back, and is lost again during the repair");
    the_power_is_lost(story, "power", "slow", "iF")?;
    the_agent_dies_again_and_again(story)?;
    story.lab.heal(Site::B)?;
    finished_in_spite_of_kills(story)?;
    leftovers_were_repaired_first(story)?;
    refused_by_the_device(story)?;
    no_room(story)?;
    needs_are_met(story)?;
    the_kill_switch_holds_until_the_end(story, &opening)?;
    nothing_else_was_changed(story)?;
    story.tell("done");
    Ok(())
}

fn orders_of(story: &Story, device: &str) -> Result<Vec<Value>> {
    let query = format!("device:{device}");
    story.operator.items(&["order", "list", "-q", &query])
}

fn orders_are_delivered(story: &Story) -> Result<()> {
    let orders = story.until(60, "all orders delivered", &["order", "list"], |items| {
        items.len() == ORDERS && items.iter().all(|order| order["state"] == "delivered")
    })?;
    let needs = orders.iter().find(|order| order["device"] == "needs");
    let mut ordered: Vec<&str> = needs
        .and_then(|order| order["items"].as_array())
        .context("no order for needs")?
        .iter()
        .map(|item| text(&item["name"]))
        .collect();
    ordered.sort_unstable();
    ensure!(
        ordered == ["patchloop-lab-app", "patchloop-lab-lib"],
        "ordered: {ordered:?}"
    );
    story.tell("all orders are delivered");
    Ok(())
}

fn limits_are_said(story: &Story) -> Result<()> {
    for (device, rule) in [
        ("rails", "patchloop-lab-good is protected"),
        ("switch", KILL_SWITCH),
        ("unread", "the guardrails cannot be read"),
    ] {
        let why = why(story, device, "good")?;
        let gates = why["gates"].as_array().context("no gates")?;
        let rails = gates.iter().find(|gate| gate["gate"] == "guardrails");
        let said = rails.map_or("", |gate| text(&gate["reason"]));
        ensure!(said.contains(rule), "{device}: {why}");
        story.tell(&format!("{device}: {}", text(&why["sentence"])));
        // A file that forbids everything is known before; the other two are the device's to judge.
        let verdict = if device == "unread" { "never" } else { "later" };
        ensure!(why["verdict"] == verdict, "{device}: {why}");
    }
    Ok(())
}

fn a_device_is_only_observed_again(story: &Story) -> Result<()> {
    let operator = &story.operator;
    operator.ask(&["device", "mode", "watched", "observe"])?;
    let of = ["order", "list", "-q", "device:watched"];
    let orders = story.until(60, "the order to be withdrawn", &of, |items| {
        items.iter().all(|order| order["state"] == "cancelled")
    })?;
    ensure!(
        orders.len() == 1 && text(&orders[0]["reason"]).contains("observed"),
        "{orders:?}"
    );
    Ok(())
}

/// The ordered version stays the same and now wants another package: the server cannot know.
fn the_repository_changes_unseen(
    story: &mut Story,
    repository: &OwnRepo,
    opening: &Value,
) -> Result<()> {
    let soon = time(opening, "opens_at")? - SignedDuration::from_mins(10);
    story.move_to(soon)?;
    let of = ["device", "list", "-q", "site:Lisbon"];
    story.until(60, "a word with both devices", &of, |items| {
        let heard = |device: &Value| {
            let seen = text(&device["last_seen"]).parse::<Timestamp>();
            seen.is_ok_and(|seen| seen >= soon)
        };
        items.len() == SITE_B.len() && items.iter().all(heard)
    })?;
    story.lab.cut(Site::B)?;
    repository.add(&ExtraPackage::new("patchloop-lab-newcomer", "2.0"))?;
    let changing = ExtraPackage::new("patchloop-lab-changing", "2.0");
    repository.add(&changing.field("Depends", "patchloop-lab-newcomer"))?;
    story.lab.publish("2.0")?;
    update(story.device("differs"))?;
    story.device("late").write(GUARDRAILS, "protected = [\n")
}

/// The state and version of a package: `ii 1.0`.
fn status(device: &Device, package: &str) -> Result<String> {
    let format = "${db:Status-Abbrev}${Version}";
    device.run(&["dpkg-query", "-W", "-f", format, package])
}

/// Waits until a slow script of the package runs; gives what dpkg said then.
fn wait_for_a_script(device: &Device, short: &str, state: &str) -> Result<String> {
    let package = full_name(short);
    let mut seen = String::new();
    wait_until(Duration::from_secs(60), "a script to run", || {
        seen = status(device, &package).unwrap_or_default();
        // One sleep is the first process's own; what was killed may not be buried yet.
        let sleeps = device.exec(&["pgrep", "-x", "sleep", "-r", "S"]);
        let several = |output: std::process::Output| {
            output.stdout.iter().filter(|b| **b == b'\n').count() > 1
        };
        seen.starts_with(state) && sleeps.is_ok_and(several)
    })?;
    Ok(seen)
}

/// Ends every process of the device at once: the agent, its step, apt, dpkg and its scripts.
fn lose_power(device: &Device) -> Result<()> {
    // All that this may signal is in the device's own process namespace; its first process stays.
    let _ended_too = device.exec(&["sh", "-c", "kill -KILL -1"])?;
    wait_until(Duration::from_secs(10), "all to be gone", || {
        ["apt-get", "dpkg", "patchloop-agent"]
            .iter()
            .all(|program| {
                let left = device.exec(&["pgrep", "-x", "-r", "DRS", program]);
                left.is_ok_and(|output| output.stdout.is_empty())
            })
    })
}

fn the_power_is_lost(story: &mut Story, name: &str, short: &str, state: &str) -> Result<()> {
    let device = story.device(name).clone();
    let seen = wait_for_a_script(&device, short, state)?;
    lose_power(&device)?;
    story.kill_agent(name)?;
    let after = status(&device, &full_name(short))?;
    story.tell(&format!(
        "{name}: power lost at `{seen}`, `{after}` after it"
    ));
    ensure!(!after.starts_with("ii"), "{name}: it was not in the middle");
    story.start_agent(name)
}

fn the_agent_dies_again_and_again(story: &mut Story) -> Result<()> {
    let device = story.device("kills").clone();
    wait_until(Duration::from_secs(60), "the slow package", || {
        status(&device, "patchloop-lab-slow").is_ok_and(|seen| seen.ends_with("2.0"))
    })?;
    let mut during = 0;
    for _ in 0..KILLS {
        let began = Instant::now();
        story.kill_agent("kills")?;
        during += usize::from(!status(&device, "patchloop-lab-slow")?.starts_with("ii"));
        story.start_agent("kills")?;
        wait_until(Duration::from_secs(5), "a second to pass", || {
            began.elapsed() >= Duration::from_secs(1)
        })?;
    }
    story.tell(&format!(
        "kills: {during} of {KILLS} kills during the installation"
    ));
    ensure!(
        during >= KILLS - 1,
        "only {during} kills during the installation"
    );
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

fn time(opening: &Value, field: &str) -> Result<Timestamp> {
    let text = opening[field].as_str().context("no time")?;
    Ok(text.parse()?)
}
