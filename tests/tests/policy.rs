//! A policy in the lab, with real apt: planned, applied from files, and carried out. A freeze is
//! added while the window is open and stops the device that has not begun; a device that was off
//! for the whole opening catches up as written; "why" is asked at every step.
//!
//! Four devices, one night and the morning after. The clock is moved, nothing waits for it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use lab::story::Story;
use lab::{DeviceKind, Site, requirements};
use serde_json::Value;

const GOOD: &str = "patchloop-lab-good";
/// How long one step of the story may take on a slow machine, in seconds.
const PATIENCE: u64 = 40;

/// Who is where.
const DEVICES: [(Site, &str); 4] = [
    // There the whole night.
    (Site::A, "early"),
    // Comes in the middle of the opening, after the freeze was added.
    (Site::A, "late"),
    // Off for the whole opening, on the next morning.
    (Site::A, "off"),
    // Of a site that no rule and no window covers.
    (Site::B, "other"),
];

#[test]
fn a_policy_is_carried_out_as_written() -> Result<()> {
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
    story.lab.publish("2.0")?;
    for (_, name) in DEVICES {
        story.device(name).run(&["apt-get", "update", "-q"])?;
    }
    story.until(
        PATIENCE,
        "the new version to be missing everywhere",
        &["finding", "list", "-q", "state:missing"],
        |items| items.len() == DEVICES.len(),
    )?;
    let opening = night(story);
    let policy = Policy::new(folder, opening.0)?;
    refused(story, &policy)?;
    planned(story, &policy)?;
    // Away before the rule is there, so that no order reaches them.
    for name in ["late", "off"] {
        story.kill_agent(name)?;
    }
    let opening = applied(story, &policy, opening)?;
    rehearsed(story, &policy, opening)?;
    written(story, &policy)?;
    the_window_opens(story, opening)?;
    frozen(story, &policy, opening)?;
    thawed(story, &policy, opening)?;
    caught_up(story, opening)?;
    story.tell("done");
    Ok(())
}

/// The files of the policy, as a provider keeps them.
struct Policy {
    base: PathBuf,
    freeze: PathBuf,
    opens_at: Timestamp,
}

impl Policy {
    fn new(folder: &Path, opens_at: Timestamp) -> Result<Self> {
        let (base, freeze) = (folder.join("policy.toml"), folder.join("freeze.toml"));
        let start = opens_at.to_zoned(TimeZone::UTC);
        // Nobody is at work in the hour before the opening: `off` comes back long before that.
        let before = (start.hour() + 23) % 24;
        let text = format!(
            r#"# The lab's own policy.
[[window]]
name = "night"
for = "site:Berlin"
zone = "UTC"
start = "{:02}:00"
duration = "2h"
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
# Laptops are often off.
catch_up = {{ within = "2h", not = "{before:02}:00-{:02}:00", expires = "7d" }}

[[rule]]
name = "own packages"
owner = "Ada"
patches = "product:{GOOD}"
for = "site:Berlin"
action = "approve"
after = "0d"
windows = ["night"]
why = "we build and test them ourselves"
"#,
            start.hour(),
            start.hour(),
        );
        std::fs::write(&base, text)?;
        Ok(Self {
            base,
            freeze,
            opens_at,
        })
    }

    fn base(&self) -> Result<&str> {
        self.base.to_str().context("a path that is no text")
    }

    fn freeze(&self) -> Result<&str> {
        self.freeze.to_str().context("a path that is no text")
    }

    /// A freeze for the rest of the opening and an hour more.
    fn write_freeze(&self, from: Timestamp) -> Result<Timestamp> {
        let until = self.opens_at + SignedDuration::from_mins(90);
        let local = |at: Timestamp| at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M");
        let text = format!(
            "[[freeze]]\nname = \"till roll\"\nfor = \"client:Acme\"\nzone = \"UTC\"\n\
             from = \"{}\"\nuntil = \"{}\"\nreason = \"the tills are counted\"\n",
            local(from),
            local(until),
        );
        std::fs::write(&self.freeze, text)?;
        Ok(until)
    }
}

fn devices(story: &mut Story) -> Result<()> {
    let own = story.lab.own_repo_with(1)?;
    for (site, name) in DEVICES {
        let device = story.add(site, name, DeviceKind::Plain)?;
        // Only the lab's own repository: the distribution's updates are another test's story.
        device.run(&[
            "sh",
            "-c",
            "rm -f /etc/apt/sources.list /etc/apt/sources.list.d/* && rm -rf /var/lib/apt/lists/*",
        ])?;
        own.add_to(&device)?;
        device.run(&["apt-get", "update", "-q"])?;
        device.run(&["apt-get", "install", "-y", "-q", GOOD])?;
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
        for (_, device) in DEVICES.iter().filter(|(of, _)| *of == site) {
            story.enrol(device, &token)?;
            story.start_agent(device)?;
            story.operator.ask(&["device", "mode", device, "managed"])?;
        }
    }
    Ok(())
}

/// Two hours that begin with the full hour in three to four hours.
fn night(story: &Story) -> (Timestamp, Timestamp) {
    let hour = SignedDuration::from_hours(1).as_secs();
    let second = (story.now().as_second() / hour + 4) * hour;
    let opens_at = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
    (opens_at, opens_at + SignedDuration::from_hours(2))
}

fn why(story: &Story, device: &str) -> Result<Value> {
    let why = story.operator.ask(&["why", device, GOOD])?;
    story.tell(&format!(
        "why {device}: {}: {}",
        why["verdict"].as_str().unwrap_or("?"),
        why["sentence"].as_str().unwrap_or("?")
    ));
    Ok(why)
}

fn says(why: &Value, verdict: &str, gate: Option<&str>) -> Result<()> {
    ensure!(
        why["verdict"] == verdict && why["gate"].as_str() == gate,
        "expected {verdict} at {gate:?}: {why}"
    );
    Ok(())
}

fn time(value: &Value) -> Result<Timestamp> {
    Ok(value.as_str().context("no time")?.parse()?)
}

fn version_of(story: &Story, device: &str) -> Result<String> {
    let packages = story.device(device).packages()?;
    Ok(packages.get(GOOD).cloned().unwrap_or_default())
}

/// A file with an error is refused whole, with its place.
fn refused(story: &Story, policy: &Policy) -> Result<()> {
    let good = std::fs::read_to_string(&policy.base)?;
    std::fs::write(
        &policy.base,
        good.replace("zone = \"UTC\"", "zone = \"Mars/Base\""),
    )?;
    let (code, _, talk) = story.operator.run(&["policy", "apply", policy.base()?])?;
    ensure!(code == 1, "a bad zone was taken: {code} {talk}");
    ensure!(
        talk.contains("policy.toml:5") && talk.contains("Mars/Base"),
        "the error does not say where and what: {talk}"
    );
    std::fs::write(&policy.base, good)?;
    says(&why(story, "early")?, "never", Some("decided"))
}

/// The plan says whom it would touch, and changes nothing.
fn planned(story: &Story, policy: &Policy) -> Result<()> {
    let (code, output, talk) = story.operator.run(&["policy", "plan", policy.base()?])?;
    ensure!(code == 0, "no plan: {code} {talk}");
    story.tell(&format!("plan:\n{output}"));
    ensure!(
        output.contains("Acme") && output.contains("early") && output.contains("later"),
        "the plan names neither client nor device, or not when: {output}"
    );
    says(&why(story, "early")?, "never", Some("decided"))
}

fn applied(
    story: &Story,
    policy: &Policy,
    wanted: (Timestamp, Timestamp),
) -> Result<(Timestamp, Timestamp)> {
    story.operator.ask(&["policy", "apply", policy.base()?])?;
    let openings = story
        .operator
        .items(&["window", "openings", "night", "--count", "1"])?;
    let [opening] = openings.as_slice() else {
        bail!("expected one opening: {openings:?}")
    };
    let opening = (time(&opening["opens_at"])?, time(&opening["closes_at"])?);
    ensure!(opening == wanted, "{opening:?} is not {wanted:?}");
    let (code, _, talk) = story.operator.run(&["policy", "drift", policy.base()?])?;
    ensure!(code == 0, "what was just applied differs: {talk}");
    let answer = why(story, "early")?;
    says(&answer, "later", Some("window"))?;
    ensure!(
        time(&answer["at"])? == opening.0,
        "not at the opening: {answer}"
    );
    says(&why(story, "other")?, "never", Some("decided"))?;
    Ok(opening)
}

/// The fleet and the policy in force come from the server; the draft is the same policy.
fn rehearsed(story: &Story, policy: &Policy, opening: (Timestamp, Timestamp)) -> Result<()> {
    let until = (opening.1 + SignedDuration::from_hours(24)).to_string();
    let asked = [
        "policy",
        "rehearse",
        policy.base()?,
        "--months",
        "1",
        "--until",
        &until,
    ];
    let (code, output, talk) = story.operator.run(&asked)?;
    ensure!(code == 0, "no rehearsal: {code} {talk}");
    story.tell(&format!("rehearsal:\n{output}"));
    let answer = story.operator.ask(&asked)?;
    ensure!(answer["devices"] == DEVICES.len(), "{answer}");
    ensure!(
        answer["draft"]["tally"]["installed"] == 3,
        "not the three devices that the rule covers: {answer}"
    );
    ensure!(
        answer["draft"]["tally"] == answer["in_force"]["tally"],
        "the same policy gives different months: {answer}"
    );
    Ok(())
}

fn written(story: &Story, policy: &Policy) -> Result<()> {
    let (code, page, talk) = story.operator.run(&["policy", "write", policy.base()?])?;
    ensure!(code == 0, "nothing was written: {code} {talk}");
    for word in ["<html", "night", "Signature"] {
        ensure!(page.contains(word), "the written policy lacks {word}");
    }
    Ok(())
}

fn the_window_opens(story: &mut Story, opening: (Timestamp, Timestamp)) -> Result<()> {
    // A word with the server shortly before, so that the order may begin.
    story.move_to(opening.0 - SignedDuration::from_mins(10))?;
    story.until(
        PATIENCE,
        "early to have its order",
        &["order", "list", "-q", "device:early"],
        |orders| orders.iter().any(|order| order["state"] == "delivered"),
    )?;
    story.move_to(opening.0 + SignedDuration::from_secs(5))?;
    story.until(
        PATIENCE,
        "early to be proven",
        &["order", "list", "-q", "device:early"],
        |orders| {
            orders
                .iter()
                .any(|order| order["state"] == "succeeded" && order["proof"]["state"] == "proven")
        },
    )?;
    ensure!(
        version_of(story, "early")? == "2.0",
        "early is not installed"
    );
    story.until(
        PATIENCE,
        "early to miss nothing",
        &["finding", "list", "-q", "state:missing device:early"],
        <[Value]>::is_empty,
    )?;
    says(&why(story, "early")?, "never", Some("applicable"))
}

/// A freeze while the window is open: who comes now gets nothing.
fn frozen(story: &mut Story, policy: &Policy, opening: (Timestamp, Timestamp)) -> Result<()> {
    let until = policy.write_freeze(opening.0)?;
    let (base, freeze) = (policy.base()?, policy.freeze()?);
    let (code, _, talk) = story.operator.run(&["policy", "drift", base, freeze])?;
    ensure!(
        code == 4,
        "drift says nothing of a new freeze: {code} {talk}"
    );
    story.operator.ask(&["policy", "apply", base, freeze])?;
    story.move_to(opening.0 + SignedDuration::from_mins(30))?;
    story.start_agent("late")?;
    seen(story, "late")?;
    let answer = why(story, "late")?;
    says(&answer, "later", Some("frozen"))?;
    ensure!(
        time(&answer["at"])? == until,
        "not at the freeze's end: {answer}"
    );
    story.move_to(opening.0 + SignedDuration::from_mins(60))?;
    seen(story, "late")?;
    let orders = story
        .operator
        .items(&["order", "list", "-q", "device:late"])?;
    ensure!(
        !orders.iter().any(|order| order["state"] == "succeeded"
            || order["state"] == "running"
            || order["state"] == "failed"),
        "an order ran in the freeze: {orders:?}"
    );
    ensure!(
        version_of(story, "late")? == "1.0",
        "installed in the freeze"
    );
    Ok(())
}

/// The server heard the device at the story's present hour.
fn seen(story: &Story, device: &str) -> Result<()> {
    let since = story.now() - SignedDuration::from_mins(10);
    let query = format!("device:{device}");
    story.until(
        PATIENCE,
        &format!("{device} to be heard"),
        &["device", "list", "-q", &query],
        |devices| {
            devices
                .iter()
                .any(|device| time(&device["last_seen"]).is_ok_and(|seen| seen >= since))
        },
    )?;
    Ok(())
}

/// The freeze ends before the window does: the rest of the opening is used.
fn thawed(story: &mut Story, policy: &Policy, opening: (Timestamp, Timestamp)) -> Result<()> {
    let until = policy.opens_at + SignedDuration::from_mins(90);
    ensure!(until < opening.1, "the freeze outlasts the opening");
    story.move_to(until + SignedDuration::from_secs(5))?;
    story.until(
        PATIENCE,
        "late to be proven after the freeze",
        &["order", "list", "-q", "device:late"],
        |orders| {
            orders
                .iter()
                .any(|order| order["state"] == "succeeded" && order["proof"]["state"] == "proven")
        },
    )?;
    ensure!(version_of(story, "late")? == "2.0", "late is not installed");
    Ok(())
}

/// A device that was off for the whole opening is changed after its next contact.
fn caught_up(story: &mut Story, opening: (Timestamp, Timestamp)) -> Result<()> {
    let morning = opening.1.to_zoned(TimeZone::UTC) + 8.hours();
    story.move_to(morning.timestamp())?;
    let answer = why(story, "off")?;
    says(&answer, "later", Some("window"))?;
    ensure!(
        time(&answer["at"])? > morning.timestamp(),
        "a device that is off may be changed: {answer}"
    );
    ensure!(
        version_of(story, "off")? == "1.0",
        "installed while it was off"
    );
    story.start_agent("off")?;
    story.until(
        PATIENCE,
        "off to catch up",
        &["order", "list", "-q", "device:off"],
        |orders| {
            orders
                .iter()
                .any(|order| order["state"] == "succeeded" && order["proof"]["state"] == "proven")
        },
    )?;
    ensure!(version_of(story, "off")? == "2.0", "off did not catch up");
    ensure!(
        version_of(story, "other")? == "1.0",
        "a device without a policy was changed"
    );
    says(&why(story, "other")?, "never", Some("decided"))
}
