//! The loop on six real devices: enrol, find, approve, wait, install, prove, report; with kills, a bad
//! package and a server that dies. Watch it with `cargo xtask lab story`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use jiff::{SignedDuration, ToSpan};
use lab::story::{Story, differences};
use lab::{Device, DeviceKind, Pending, Site, requirements, wait_until};
use serde_json::Value;

/// Seconds that the slow package's installation takes, so that something can be killed meanwhile.
const SLOW_SECONDS: u32 = 8;

#[test]
fn story() -> Result<()> {
    if !rustix::process::geteuid().is_root() && std::env::var_os("CI").is_none() {
        eprintln!("SKIPPED lab: it makes network namespaces and mounts, run it as root");
        return Ok(());
    }
    requirements::ensure()?;
    let folder = tempfile::tempdir()?;
    let mut story = Story::begin(folder.path())?;
    let result = tell(&mut story);
    if let Err(error) = &result {
        story.tell(&format!("FAILED: {error:#}"));
    }
    result
}

fn tell(story: &mut Story) -> Result<()> {
    let repository = story.lab.own_repo_with(SLOW_SECONDS)?;
    for (site, name, kind) in [
        (Site::A, "a1", DeviceKind::Plain),
        (Site::A, "a2", DeviceKind::Systemd),
        (Site::A, "a3", DeviceKind::Plain),
        (Site::B, "b1", DeviceKind::Plain),
        (Site::B, "b2", DeviceKind::Plain),
        (Site::B, "b3", DeviceKind::Plain),
    ] {
        let device = story.add(site, name, kind)?;
        if kind == DeviceKind::Plain {
            device.run(&["service", "nginx", "start"])?;
        }
    }
    for (name, package) in [
        ("a1", "patchloop-lab-slow"),
        ("a2", "patchloop-lab-slow"),
        ("a3", "patchloop-lab-badpost"),
    ] {
        let device = story.device(name);
        repository.add_to(device)?;
        device.run(&["apt-get", "update", "-q"])?;
        device.run(&["apt-get", "install", "-y", "-q", package])?;
    }
    story.tell("six devices at two sites are up");

    enrol_all(story)?;
    let sources = two_pending_sources(story)?;
    let (first, second) = approve_for_site_a(story, &sources)?;
    nothing_happens_before_the_window(story, &sources)?;
    in_the_window(story, &sources, &first)?;
    story.lab.publish("2.0")?;
    kills_and_a_bad_package(story, &second)?;
    report(story)?;
    story.tell("done");
    Ok(())
}

fn enrol_all(story: &mut Story) -> Result<()> {
    let operator = &story.operator;
    operator.ask(&["client", "add", "Acme"])?;
    let mut tokens = BTreeMap::new();
    for (site, name, zone) in [
        (Site::A, "Berlin", "Europe/Berlin"),
        (Site::B, "Lisbon", "Europe/Lisbon"),
    ] {
        operator.ask(&["site", "add", "Acme", name, "--zone", zone])?;
        let made = operator.ask(&[
            "enrolment",
            "create",
            "--site",
            &format!("Acme/{name}"),
            "--uses",
            "3",
        ])?;
        tokens.insert(
            name,
            (site, made["token"].as_str().context("no token")?.to_owned()),
        );
    }
    let names: Vec<String> = story.devices.keys().cloned().collect();
    for name in &names {
        let site = story.device(name).site();
        let (_, token) = tokens
            .values()
            .find(|(of, _)| *of == site)
            .context("no token for the site")?;
        story.enrol(name, token)?;
        story.start_agent(name)?;
    }
    // A used-up token is refused, and says so.
    let (_, token) = &tokens["Berlin"];
    let refused = story
        .enrol_below("b1", token, "/tmp/second-agent")
        .err()
        .map(|error| error.to_string())
        .unwrap_or_default();
    ensure!(
        refused.contains("used up"),
        "a used-up token was not refused clearly: {refused}"
    );
    story.until(
        90,
        "all devices to report packages",
        &["device", "list"],
        |items| items.len() == 6 && items.iter().all(|device| device["packages"].is_u64()),
    )?;
    for name in &names {
        let reported = story.operator.ask(&["device", "show", name])?;
        let counted = story.device(name).packages()?.len() as u64;
        let packages = find(&reported, "packages").context("device show names no packages")?;
        ensure!(
            packages == &Value::from(counted),
            "{name}: {packages} packages, dpkg counts {counted}"
        );
    }
    story.tell("six devices enrolled and scanned");
    Ok(())
}

/// The value of the first field of that name, wherever it stands.
fn find<'a>(value: &'a Value, field: &str) -> Option<&'a Value> {
    match value {
        Value::Object(fields) => fields
            .get(field)
            .or_else(|| fields.values().find_map(|inner| find(inner, field))),
        _ => None,
    }
}

/// Two sources that are really pending on a device, nginx and openssl first.
fn two_pending_sources(story: &Story) -> Result<Vec<String>> {
    let pending = story.lab.pending(story.device("a1"))?;
    let sources: BTreeSet<String> = pending
        .iter()
        .filter(|p| p.is_security())
        .map(|p| p.source.clone())
        .collect();
    let mut wanted: Vec<String> = ["openssl", "nginx"]
        .iter()
        .filter(|name| sources.contains(**name))
        .map(|name| (*name).to_owned())
        .collect();
    wanted.extend(
        sources
            .iter()
            .filter(|name| !["openssl", "nginx", "perl", "apt"].contains(&name.as_str()))
            .cloned(),
    );
    wanted.truncate(2);
    ensure!(
        wanted.len() == 2,
        "fewer than two sources are pending: {sources:?}"
    );
    story.tell(&format!(
        "approving {wanted:?} of {} pending sources",
        sources.len()
    ));
    for source in &wanted {
        let query = format!("state:missing product:{source}");
        story.until(
            120,
            "findings of every device",
            &["finding", "list", "-q", &query],
            |items| {
                let devices: BTreeSet<&str> = items
                    .iter()
                    .filter_map(|item| item["device"].as_str())
                    .collect();
                devices.len() == 6
            },
        )?;
    }
    let findings = story.until(
        120,
        "CVEs from the changelogs",
        &[
            "finding",
            "list",
            "-q",
            &format!("device:a1 product:{}", wanted[0]),
        ],
        |items| {
            items
                .iter()
                .any(|item| item["cves"].is_array() && !item["severity"].is_null())
        },
    )?;
    story.tell(&format!(
        "{}: severity {}, CVEs {}",
        findings[0]["patch"], findings[0]["severity"], findings[0]["cves"]
    ));
    Ok(wanted)
}

/// Approves the sources and the lab's own packages for site A only; gives two openings to come.
fn approve_for_site_a(story: &Story, sources: &[String]) -> Result<(Value, Value)> {
    let start = story.now().to_zoned(jiff::tz::TimeZone::UTC) + 3.hours();
    let start = format!("{:02}:00", start.hour());
    let operator = &story.operator;
    let days = "mon,tue,wed,thu,fri,sat,sun";
    operator.ask(&[
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
    let openings = operator.items(&["window", "openings", "nightly", "--count", "12"])?;
    ensure!(
        openings.len() == 12,
        "expected twelve openings, got {}",
        openings.len()
    );
    let patches = format!("product:{},{}", sources[0], sources[1]);
    let arguments = [
        "decision",
        "add",
        "approve",
        "--patches",
        &patches,
        "--for",
        "site:Berlin",
        "--reason",
        "the lab's story",
    ];
    let mut dry = arguments.to_vec();
    dry.push("--dry-run");
    let touched = operator.ask(&dry)?;
    ensure!(
        count(&touched["devices"]) == 3,
        "the dry run touches {}",
        touched["devices"]
    );
    ensure!(
        operator.items(&["order", "list"])?.is_empty(),
        "a dry run made orders"
    );
    operator.ask(&arguments)?;
    operator.ask(&[
        "decision",
        "add",
        "approve",
        "--patches",
        "product:patchloop-lab-slow,patchloop-lab-badpost",
        "--for",
        "site:Berlin",
        "--reason",
        "the lab's story",
    ])?;
    for name in story.devices.keys() {
        operator.ask(&["device", "mode", name, "managed"])?;
    }
    Ok((openings[0].clone(), openings[1].clone()))
}

fn count(value: &Value) -> usize {
    value
        .as_array()
        .map_or_else(|| value.as_u64().unwrap_or(0) as usize, Vec::len)
}

fn nothing_happens_before_the_window(story: &Story, sources: &[String]) -> Result<()> {
    let orders = story.until(
        60,
        "site A's orders to be delivered",
        &["order", "list"],
        |items| items.len() == 3 && items.iter().all(|order| order["state"] == "delivered"),
    )?;
    for order in &orders {
        let device = order["device"].as_str().unwrap_or("");
        ensure!(
            device.starts_with('a'),
            "an order for {device}, which is not at site A"
        );
    }
    let finding = story.operator.items(&[
        "finding",
        "list",
        "-q",
        &format!("device:a1 product:{}", sources[0]),
    ])?;
    let patch = finding[0]["patch"]
        .as_str()
        .context("a finding without a patch")?
        .to_owned();
    let why = story.operator.ask(&["why", "a1", &patch])?;
    ensure!(
        why["verdict"] == "later" && why["gate"] == "window",
        "why says {why}"
    );
    ensure!(
        why["at"] == orders[0]["opens_at"],
        "why says {}, the order {}",
        why["at"],
        orders[0]["opens_at"]
    );
    ensure!(
        why["gates"]
            .as_array()
            .is_some_and(|gates| gates.len() == 10),
        "not ten gates: {why}"
    );
    story.tell(&format!("why: {}", why["sentence"]));
    let other = story.operator.ask(&["why", "b1", &patch])?;
    ensure!(
        other["verdict"] == "never" && other["gate"] == "decided",
        "b1: {other}"
    );
    Ok(())
}

fn expected_of(pending: &[Pending], sources: &[String]) -> BTreeMap<String, String> {
    pending
        .iter()
        .filter(|p| p.installed.is_some() && sources.contains(&p.source))
        .map(|p| (p.package.clone(), p.candidate.clone()))
        .collect()
}

/// Processes that map a library that is not on disk any more.
fn old_code(device: &Device) -> Result<String> {
    let script =
        "grep -l -E 'lib(ssl|crypto)[^ ]* \\(deleted\\)' /proc/[0-9]*/maps 2>/dev/null || true";
    device.run(&["sh", "-c", script])
}

fn in_the_window(story: &mut Story, sources: &[String], opening: &Value) -> Result<()> {
    let names: Vec<String> = story.devices.keys().cloned().collect();
    let mut before = BTreeMap::new();
    let mut expected = BTreeMap::new();
    for name in &names {
        before.insert(name.clone(), story.device(name).packages()?);
        let pending = story.lab.pending(story.device(name))?;
        expected.insert(name.clone(), expected_of(&pending, sources));
    }
    let opens_at: jiff::Timestamp = opening["opens_at"]
        .as_str()
        .context("no opening")?
        .parse()?;
    story.move_to(opens_at + SignedDuration::from_secs(5))?;
    story.tell("the window opens");
    story.until(60, "a device to begin", &["order", "list"], |items| {
        items.iter().any(|order| order["state"] != "delivered")
    })?;
    story.operator.kill()?;
    story.tell("the server is killed in the middle");
    story.operator.serve()?;
    let orders = story.until(180, "three orders proven", &["order", "list"], |items| {
        items.len() == 3
            && items
                .iter()
                .all(|order| order["state"] == "succeeded" && order["proof"]["state"] == "proven")
    })?;
    story.tell("three orders proven");
    for name in &names {
        let device = story.device(name);
        let changed = differences(&before[name], &device.packages()?);
        let wanted: BTreeMap<String, (Option<String>, Option<String>)> = if name.starts_with('a') {
            expected[name]
                .iter()
                .map(|(package, to)| {
                    (
                        package.clone(),
                        (before[name].get(package).cloned(), Some(to.clone())),
                    )
                })
                .collect()
        } else {
            BTreeMap::new()
        };
        ensure!(
            changed == wanted,
            "{name}: changed {changed:?}, wanted {wanted:?}"
        );
        ensure!(
            device.http_get("/")?.status == 200,
            "{name}: nginx does not answer"
        );
        if name.starts_with('a') {
            ensure!(
                !wanted.is_empty(),
                "{name}: nothing was expected, so nothing was shown"
            );
            let old = old_code(device)?;
            ensure!(old.is_empty(), "{name}: old code still runs: {old}");
        }
    }
    for order in &orders {
        let facts = order["proof"]["facts"].to_string();
        ensure!(facts.contains("nginx"), "no fact about nginx: {facts}");
    }
    let tickets = story.operator.items(&["ticket", "list"])?;
    ensure!(
        tickets.len() == 3,
        "{} tickets for three orders",
        tickets.len()
    );
    ensure!(
        tickets.iter().all(|ticket| ticket["state"] == "closed"),
        "open tickets: {tickets:?}"
    );
    story.tell(
        "exactly the approved packages on site A, nothing on site B, nginx answers everywhere",
    );
    Ok(())
}

fn kills_and_a_bad_package(story: &mut Story, opening: &Value) -> Result<()> {
    for name in ["a1", "a2", "a3"] {
        story.device(name).run(&["apt-get", "update", "-q"])?;
    }
    let opens_at: jiff::Timestamp = opening["opens_at"]
        .as_str()
        .context("no opening")?
        .parse()?;
    story.move_to(opens_at - SignedDuration::from_hours(2))?;
    story.until(
        90,
        "the lab's packages to be pending",
        &[
            "finding",
            "list",
            "-q",
            "state:missing product:patchloop-lab*",
        ],
        |items| items.len() == 3,
    )?;
    story.until(
        90,
        "the second orders to be delivered",
        &["order", "list"],
        |items| {
            items
                .iter()
                .filter(|order| order["state"] == "delivered")
                .count()
                == 3
        },
    )?;
    story.move_to(opens_at + SignedDuration::from_secs(5))?;
    story.tell("the second window opens");
    for name in ["a1", "a2"] {
        let device = story.device(name).clone();
        wait_until(
            Duration::from_secs(60),
            "the slow package to be configured",
            || {
                device
                    .exec(&[
                        "dpkg-query",
                        "-W",
                        "-f",
                        "${db:Status-Abbrev}${Version}",
                        "patchloop-lab-slow",
                    ])
                    .is_ok_and(|output| {
                        output.stdout.starts_with(b"iF 2.0") || output.stdout.starts_with(b"iU 2.0")
                    })
            },
        )?;
        story.kill_agent(name)?;
        story.tell(&format!(
            "{name}: the agent is killed during the installation"
        ));
        story.start_agent(name)?;
    }
    let ended = |state: &'static str| {
        move |order: &Value| {
            order["state"] == state && order["items"].to_string().contains("patchloop-lab")
        }
    };
    let orders = story.until(
        150,
        "killed orders proven, the bad one failed",
        &["order", "list"],
        |items| {
            items
                .iter()
                .filter(|order| ended("succeeded")(order) && order["proof"]["state"] == "proven")
                .count()
                == 2
                && items.iter().any(ended("failed"))
        },
    )?;
    ensure!(
        orders.len() == 6,
        "{} orders instead of six: something ran twice",
        orders.len()
    );
    for name in ["a1", "a2"] {
        let log = story.device(name).read("/var/log/dpkg.log")?;
        let log = String::from_utf8_lossy(&log);
        let runs = log
            .lines()
            .filter(|line| line.contains(" upgrade patchloop-lab-slow"))
            .count();
        ensure!(
            runs == 1,
            "{name}: the slow package was unpacked {runs} times"
        );
    }
    let failed = orders
        .iter()
        .find(|order| ended("failed")(order))
        .context("no failed order")?;
    let reason = failed["reason"].as_str().unwrap_or("");
    ensure!(
        reason.contains("patchloop-lab-badpost"),
        "the reason does not name the package: {reason}"
    );
    story.tell(&format!("failed as it should: {reason}"));
    let device = story.device("a3");
    let audit = device.run(&["dpkg", "--audit"])?;
    ensure!(audit.is_empty(), "dpkg is not repaired: {audit}");
    ensure!(
        device.packages()?.contains_key("patchloop-lab-badpost"),
        "the bad package is gone instead of being back at its old version"
    );
    let tickets = story.operator.items(&["ticket", "list"])?;
    ensure!(
        tickets.len() == 6,
        "{} tickets for six orders",
        tickets.len()
    );
    let open: Vec<&Value> = tickets
        .iter()
        .filter(|ticket| ticket["state"] == "open")
        .collect();
    let [open] = open.as_slice() else {
        bail!("one ticket should be open: {tickets:?}")
    };
    ensure!(
        open.to_string().contains("badpost"),
        "the open ticket is another: {open}"
    );
    Ok(())
}

fn report(story: &mut Story) -> Result<()> {
    let path = story.folder().join("acme.html");
    let path = path.to_string_lossy().into_owned();
    story
        .operator
        .ask(&["report", "client", "Acme", "--html", &path])?;
    let report = story.operator.ask(&["report", "client", "Acme"])?;
    ensure!(
        report["devices"] == 6,
        "the report counts {} devices",
        report["devices"]
    );
    ensure!(
        count(&report["proven"]) >= 6,
        "too few proven patches: {}",
        report["proven"]
    );
    let html = std::fs::read_to_string(&path)?;
    ensure!(
        html.contains("Acme") && html.contains("nginx@"),
        "an empty report"
    );
    let past = story.operator.items(&[
        "finding",
        "list",
        "-q",
        "device:a1 state:missing",
        "--at",
        &story.now().to_string(),
    ])?;
    let now = story
        .operator
        .items(&["finding", "list", "-q", "device:a1 state:missing"])?;
    ensure!(
        past.len() == now.len(),
        "the present by its time: {} findings, by now: {}",
        past.len(),
        now.len()
    );
    let code = story.operator.stop()?;
    ensure!(code == Some(0), "SIGTERM ended the server with {code:?}");
    Ok(())
}
