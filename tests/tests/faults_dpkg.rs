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

fn packages_of_1_0(repository: &OwnRepo) -> Result<()> {
    for short in ["unpack", "app", "lib", "held", "kept", "changing", "big"] {
        repository.add(&ExtraPackage::new(&full_name(short), "1.0"))?;
    }
    let conf = ExtraPackage::new("patchloop-lab-conf", "1.0");
    repository.add(&conf.conffile(CONFIGURATION, "listen = 80\n"))?;
    let flaky = ExtraPackage::new("patchloop-lab-flaky", "1.0");
    let fails = format!("! test -e {STAYS_BROKEN} || {{ echo 'the disk is away' >&2; exit 1; }}\n");
    repository.add(&flaky.script("postinst", &fails))
}

fn packages_of_2_0(repository: &OwnRepo) -> Result<()> {
    let new = |short: &str| ExtraPackage::new(&full_name(short), "2.0");
    let slow = format!("[ \"$1\" != upgrade ] || sleep {}\n", SLOW_SECONDS / 2);
    for package in [
        new("unpack").script("preinst", &slow),
        new("app").field("Depends", "patchloop-lab-lib (>= 2.0)"),
        new("lib"),
        new("held"),
        new("kept").field("Depends", "patchloop-lab-nowhere"),
        new("changing"),
        new("big").file(&format!("{SMALL_DISK}/data"), vec![b'x'; 6 << 20]),
        new("conf").conffile(CONFIGURATION, "listen = 8080\n"),
    ] {
        repository.add(&package)?;
    }
    Ok(())
}

/// Devices with the packages at 1.0 and nothing else pending.
fn set_the_stage(story: &mut Story, repository: &Arc<OwnRepo>) -> Result<()> {
    for cast in &SITE_A {
        story.add(Site::A, cast.name, DeviceKind::Plain)?;
    }
    for cast in &SITE_B {
        story.add(Site::B, cast.name, DeviceKind::Plain)?;
    }
    for cast in SITE_A.iter().chain(&SITE_B) {
        let device = story.device(cast.name);
        // What is offered is decided here alone; dozens of updates of the release would only take time.
        device.run(&["rm", "/etc/apt/sources.list.d/debian.sources"])?;
        repository.add_to(device)?;
        update(device)?;
        let names: Vec<String> = cast
            .installed
            .iter()
            .map(|short| full_name(short))
            .collect();
        let mut install = vec!["apt-get", "install", "-y", "-q"];
        install.extend(names.iter().map(String::as_str));
        device.run(&install)?;
    }
    story.tell("fourteen devices are up");
    Ok(())
}

fn update(device: &Device) -> Result<()> {
    device.run(&["apt-get", "update", "-q"])?;
    Ok(())
}

fn prepare_the_faults(story: &Story) -> Result<()> {
    let leftover = story.device("leftover");
    leftover.write(CONFIGURATION, "listen = 443\n")?;
    leftover.write(STAYS_BROKEN, "")?;
    let broken = leftover.exec(&["apt-get", "install", "-y", "-q", "patchloop-lab-flaky"])?;
    ensure!(!broken.status.success(), "the flaky package did not fail");
    ensure!(
        status(leftover, "patchloop-lab-flaky")?.starts_with("iF"),
        "the flaky package is not half configured"
    );
    leftover.run(&["rm", STAYS_BROKEN])?;

    let rails = story.device("rails");
    rails.write(GUARDRAILS, "protected = [\"patchloop-lab-good\"]\n")?;
    let switch = format!("kill_switch = \"{KILL_SWITCH}\"\n");
    story.device("switch").write(GUARDRAILS, switch)?;
    story.device("switch").write(KILL_SWITCH, "")?;
    story
        .device("unread")
        .write(GUARDRAILS, "protected = [\n")?;
    let needs = story.device("needs");
    needs.run(&["apt-mark", "hold", "patchloop-lab-held"])?;
    small_disk(story.device("full"), "/var/cache/apt/archives", "2m")?;
    small_disk(story.device("small"), SMALL_DISK, "1m")?;
    for cast in SITE_A.iter().chain(&SITE_B) {
        update(story.device(cast.name))?;
    }
    let torn = story.device("torn");
    let _ends_with_the_power = torn.spawn(&["apt-get", "install", "-y", "patchloop-lab-unpack"])?;
    wait_for_a_script(torn, "unpack", "iH")?;
    lose_power(torn)?;
    // dpkg's journal is left as the loss of power left it: the order has to repair that too.
    let journal = torn.run(&["ls", "/var/lib/dpkg/updates"])?;
    ensure!(!journal.is_empty(), "dpkg left no unfinished journal");
    let left = status(torn, "patchloop-lab-unpack")?;
    ensure!(left.starts_with("iH"), "it is not half unpacked: {left}");
    Ok(())
}

fn small_disk(device: &Device, place: &str, size: &str) -> Result<()> {
    device.run(&["mkdir", "-p", place])?;
    let size = format!("size={size}");
    device.run(&["mount", "-t", "tmpfs", "-o", &size, "tmpfs", place])?;
    Ok(())
}

fn enrol(story: &mut Story) -> Result<()> {
    let operator = &story.operator;
    operator.ask(&["client", "add", "Acme"])?;
    let mut tokens = BTreeMap::new();
    for (site, name) in [(Site::A, "Berlin"), (Site::B, "Lisbon")] {
        operator.ask(&["site", "add", "Acme", name, "--zone", "UTC"])?;
        let place = format!("Acme/{name}");
        let create = ["enrolment", "create", "--site", &place, "--uses", "20"];
        let made = operator.ask(&create)?;
        let token = made["token"].as_str().context("no token")?.to_owned();
        tokens.insert(site.to_string(), token);
    }
    let names: Vec<String> = story.devices.keys().cloned().collect();
    for name in &names {
        let token = &tokens[&story.device(name).site().to_string()];
        story.enrol(name, token)?;
        story.start_agent(name)?;
    }
    let all = names.len();
    let missing = ["finding", "list", "-q", "state:missing"];
    story.until(90, "findings of every device", &missing, |items| {
        let mut devices: Vec<&str> = items.iter().filter_map(|i| i["device"].as_str()).collect();
        devices.sort_unstable();
        devices.dedup();
        devices.len() == all
    })?;
    story.tell("all enrolled and assessed");
    Ok(())
}

fn decide(story: &Story, device: &str, products: &[&str]) -> Result<()> {
    let names: Vec<String> = products.iter().map(|short| full_name(short)).collect();
    let patches = format!("product:{}", names.join(","));
    let devices = format!("device:{device}");
    let words = ["decision", "add", "approve", "--patches", &patches];
    let rest = ["--for", &devices, "--reason", "the lab's faults"];
    story.operator.ask(&[&words[..], &rest[..]].concat())?;
    Ok(())
}

/// Opens the window soon, so that the last word with the server is young enough, and approves.
fn approve(story: &Story) -> Result<Value> {
    let start = story.now().to_zoned(jiff::tz::TimeZone::UTC) + 40.minutes();
    let start = format!("{:02}:{:02}", start.hour(), start.minute());
    let operator = &story.operator;
    let days = "mon,tue,wed,thu,fri,sat,sun";
    let window = ["window", "add", "soon", "--for", "client:Acme"];
    let rest = ["--days", days, "--start", &start];
    let length = ["--duration", "2h", "--zone", "UTC"];
    operator.ask(&[&window[..], &rest[..], &length[..]].concat())?;
    for cast in SITE_A.iter().chain(&SITE_B) {
        operator.ask(&["device", "mode", cast.name, "managed"])?;
        decide(story, cast.name, cast.approved)?;
    }
    let openings = operator.items(&["window", "openings", "soon", "--count", "1"])?;
    openings.first().cloned().context("the window never opens")
}

fn finding(story: &Story, device: &str, short: &str) -> Result<Value> {
    let query = format!("device:{device} product:{}", full_name(short));
    let found = story.operator.items(&["finding", "list", "-q", &query])?;
    match found.as_slice() {
        [only] => Ok(only.clone()),
        several => bail!("{query} finds {several:?}"),
    }
}

fn why(story: &Story, device: &str, short: &str) -> Result<Value> {
    story.operator.ask(&["why", device, &full_name(short)])
}

fn held_and_kept_back(story: &Story) -> Result<()> {
    for (short, word) in [("held", "held"), ("kept", "kept back")] {
        let finding = finding(story, "needs", short)?;
        ensure!(
            finding["state"] != "missing" && text(&finding["why"]).contains(word),
            "{short}: {finding}"
        );
        let packages = finding["packages"].as_array().context("no packages")?;
        ensure!(
            packages.len() == 1 && packages[0]["candidate"].is_null(),
            "{short}: {packages:?}"
        );
        let why = why(story, "needs", short)?;
        ensure!(
            why["verdict"] == "never" && text(&why["sentence"]).contains(word),
            "{short}: {why}"
        );
    }
    Ok(())
}

fn one_patch_needs_another(story: &Story) -> Result<()> {
    let app = finding(story, "needs", "app")?;
    let lib = finding(story, "needs", "lib")?;
    ensure!(
        app["needs"] == json!([lib["patch"]]) && lib["needs"] == json!([]),
        "app: {app}, lib: {lib}"
    );
    // Decided later than the needing one, so that the planner had its turn.
    story.until(60, "other orders", &["order", "list"], |items| {
        items.len() == ORDERS - 1
    })?;
    let orders = orders_of(story, "needs")?;
    ensure!(orders.is_empty(), "half of what is needed: {orders:?}");
    let why = why(story, "needs", "app")?;
    ensure!(
        why["verdict"] == "never"
            && why["gate"] == "decided"
            && text(&why["sentence"]).contains(text(&lib["patch"])),
        "app: {why}"
    );
    story.tell(&format!("why: {}", text(&why["sentence"])));
    decide(story, "needs", &["lib"])
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

/// Waits until the device's only order has ended, and gives it with what the device said.
fn ended(story: &Story, device: &str, state: &str) -> Result<Value> {
    let query = format!("device:{device}");
    let of = ["order", "list", "-q", &query];
    let wants_proof = ["succeeded", "failed", "needs-hands"].contains(&state);
    let orders = story.until(120, &format!("{device}'s order"), &of, |items| {
        items.last().is_some_and(|order| {
            let open = ["waiting", "delivered", "running"].contains(&text(&order["state"]));
            let proof_is_due = wants_proof && order["proof"]["state"] == "pending";
            !(open || proof_is_due)
        })
    })?;
    // Newest first: a later window may have its own by now.
    let first = orders.last().context("no order")?;
    let mut of_window = orders.iter().filter(|o| o["opens_at"] == first["opens_at"]);
    ensure!(
        of_window.next().is_some() && of_window.next().is_none(),
        "{device} got several orders: {orders:?}"
    );
    let id = text(&first["id"]);
    let order = story.operator.ask(&["order", "show", id])?;
    ensure!(order["state"] == state, "{device}: {order:#}");
    story.tell(&format!("{device}: {state} {}", text(&order["reason"])));
    Ok(order)
}

fn proven(story: &Story, device: &str) -> Result<Value> {
    let order = ended(story, device, "succeeded")?;
    ensure!(order["proof"]["state"] == "proven", "{device}: {order:#}");
    Ok(order)
}

fn dpkg_is_in_order(device: &Device) -> Result<()> {
    let audit = device.run(&["dpkg", "--audit"])?;
    ensure!(audit.is_empty(), "{}: {audit}", device.name());
    Ok(())
}

/// How often dpkg did this: `upgrade patchloop-lab-slow`.
fn times(device: &Device, what: &str) -> Result<usize> {
    let log = device.read("/var/log/dpkg.log")?;
    let wanted = format!(" {what}:");
    Ok(String::from_utf8_lossy(&log)
        .lines()
        .filter(|line| line.contains(&wanted))
        .count())
}

fn upgrades(device: &Device, short: &str) -> Result<usize> {
    times(device, &format!("upgrade {}", full_name(short)))
}

fn evidence(story: &Story, order: &Value) -> Result<String> {
    let tickets = story.operator.items(&["ticket", "list"])?;
    let of: Vec<&Value> = tickets
        .iter()
        .filter(|ticket| ticket["order"] == order["id"])
        .collect();
    match of.as_slice() {
        [only] => Ok(only["evidence"].to_string()),
        several => bail!("{} tickets for {}", several.len(), order["id"]),
    }
}

fn finished_in_spite_of_kills(story: &Story) -> Result<()> {
    for (device, short) in [("power", "slow"), ("unpack", "unpack"), ("kills", "slow")] {
        let order = proven(story, device)?;
        let device = story.device(device);
        dpkg_is_in_order(device)?;
        ensure!(status(device, &full_name(short))? == "ii 2.0", "{order:#}");
        let said = evidence(story, &order)?;
        let repaired = said.contains("Repaired: ");
        match device.name() {
            "kills" => ensure!(!repaired, "nothing was to be repaired: {said}"),
            _ => ensure!(repaired, "the repair is not told: {said}"),
        }
        if short == "slow" {
            let upgraded = upgrades(device, short)?;
            ensure!(upgraded == 1, "{}: {upgraded} upgrades", device.name());
        }
    }
    // By 1.0's own installation; by the order, twice without an end; and by the repair.
    for (device, wanted) in [("power", 4), ("kills", 2)] {
        let configured = times(story.device(device), "configure patchloop-lab-slow")?;
        ensure!(
            configured == wanted,
            "{device}: configured {configured} times"
        );
    }
    Ok(())
}

fn leftovers_were_repaired_first(story: &Story) -> Result<()> {
    let order = proven(story, "torn")?;
    let torn = story.device("torn");
    dpkg_is_in_order(torn)?;
    ensure!(
        status(torn, "patchloop-lab-unpack")? == "ii 1.0",
        "{order:#}"
    );
    ensure!(status(torn, "patchloop-lab-good")? == "ii 2.0", "{order:#}");
    let said = evidence(story, &order)?;
    ensure!(
        said.contains("patchloop-lab-unpack 1.0"),
        "no repair in {said}"
    );

    let order = proven(story, "leftover")?;
    let device = story.device("leftover");
    dpkg_is_in_order(device)?;
    ensure!(status(device, "patchloop-lab-flaky")? == "ii 1.0");
    ensure!(status(device, "patchloop-lab-conf")? == "ii 2.0");
    let log = String::from_utf8_lossy(&device.read("/var/log/dpkg.log")?).into_owned();
    let line = |what: &str| log.rfind(what);
    ensure!(
        line("status installed patchloop-lab-flaky:all") < line(" upgrade patchloop-lab-conf:all"),
        "the leftovers were not repaired first:\n{log}"
    );
    let said = evidence(story, &order)?;
    ensure!(said.contains("patchloop-lab-flaky"), "no repair in {said}");
    ensure!(
        device.read(CONFIGURATION)? == b"listen = 443\n",
        "what was changed by hand is gone"
    );
    ensure!(
        device.read(&format!("{CONFIGURATION}.dpkg-dist"))? == b"listen = 8080\n",
        "the new file is not beside the old one"
    );
    ensure!(
        said.contains(CONFIGURATION),
        "the file is not named: {said}"
    );
    ensure!(
        order["outcome"]["kept_files"]
            .as_array()
            .is_some_and(|files| files.len() == 1),
        "{order:#}"
    );
    Ok(())
}

fn refused_by_the_device(story: &Story) -> Result<()> {
    for (device, short, refusal, rule) in [
        (
            "rails",
            "good",
            "guardrail",
            "patchloop-lab-good is protected",
        ),
        ("late", "good", "guardrail", "cannot be read"),
        ("full", "good", "no-space", "free_bytes"),
        (
            "differs",
            "changing",
            "difference",
            "patchloop-lab-newcomer",
        ),
    ] {
        let order = ended(story, device, "refused")?;
        let said = &order["outcome"]["refusal"];
        ensure!(
            said["code"] == refusal && said.to_string().contains(rule),
            "{device}: {order:#}"
        );
        evidence(story, &order)?;
        let why = why(story, device, short)?;
        story.tell(&format!("{device}: {}", text(&why["sentence"])));
        ensure!(order["outcome"]["started_at"].is_null(), "{order:#}");
        let device = story.device(device);
        ensure!(upgrades(device, short)? == 0, "{device:?} was changed");
        ensure!(status(device, &full_name(short))? == "ii 1.0");
    }
    let differs = story.device("differs");
    ensure!(
        !differs.packages()?.contains_key("patchloop-lab-newcomer"),
        "what nobody ordered came along"
    );
    Ok(())
}

/// Room that runs out while dpkg unpacks, where nobody could know before.
fn no_room(story: &Story) -> Result<()> {
    let order = ended(story, "small", "failed")?;
    let device = story.device("small");
    ensure!(
        text(&order["reason"]).contains("patchloop-lab-big"),
        "{order:#}"
    );
    dpkg_is_in_order(device)?;
    ensure!(
        status(device, "patchloop-lab-big")? == "ii 1.0",
        "{order:#}"
    );
    Ok(())
}

fn needs_are_met(story: &Story) -> Result<()> {
    let order = proven(story, "needs")?;
    let device = story.device("needs");
    for (short, wanted) in [
        ("app", "ii 2.0"),
        ("lib", "ii 2.0"),
        ("held", "hi 1.0"),
        ("kept", "ii 1.0"),
    ] {
        let seen = status(device, &full_name(short))?;
        ensure!(seen == wanted, "{short}: {seen}, {order:#}");
    }
    Ok(())
}

fn the_kill_switch_holds_until_the_end(story: &mut Story, opening: &Value) -> Result<()> {
    let waits = orders_of(story, "switch")?;
    ensure!(
        waits.len() == 1 && waits[0]["state"] == "delivered",
        "the switch did not hold it: {waits:?}"
    );
    story.move_to(time(opening, "closes_at")? + SignedDuration::from_secs(5))?;
    let order = ended(story, "switch", "refused")?;
    ensure!(
        order["outcome"]["refusal"]["rule"] == format!("{KILL_SWITCH} exists"),
        "{order:#}"
    );
    Ok(())
}

fn nothing_else_was_changed(story: &Story) -> Result<()> {
    ensure!(
        orders_of(story, "unread")?.is_empty(),
        "an order for a device that forbids everything"
    );
    for name in ["switch", "watched", "unread"] {
        let device = story.device(name);
        ensure!(upgrades(device, "good")? == 0, "{name} was changed");
    }
    let watched = orders_of(story, "watched")?;
    ensure!(watched[0]["state"] == "cancelled", "{watched:?}");
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

fn time(opening: &Value, field: &str) -> Result<Timestamp> {
    let text = opening[field].as_str().context("no time")?;
    Ok(text.parse()?)
}
