//! Before the window opens: packages, devices with their faults, decisions, what is said of them.

use super::*;

pub(super) fn packages_of_1_0(repository: &OwnRepo) -> Result<()> {
    for short in ["unpack", "app", "lib", "held", "kept", "changing", "big"] {
        repository.add(&ExtraPackage::new(&full_name(short), "1.0"))?;
    }
    let conf = ExtraPackage::new("patchloop-lab-conf", "1.0");
    repository.add(&conf.conffile(CONFIGURATION, "listen = 80\n"))?;
    let flaky = ExtraPackage::new("patchloop-lab-flaky", "1.0");
    let fails = format!("! test -e {STAYS_BROKEN} || {{ echo 'the disk is away' >&2; exit 1; }}\n");
    repository.add(&flaky.script("postinst", &fails))
}

pub(super) fn packages_of_2_0(repository: &OwnRepo) -> Result<()> {
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
pub(super) fn set_the_stage(story: &mut Story, repository: &Arc<OwnRepo>) -> Result<()> {
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

pub(super) fn update(device: &Device) -> Result<()> {
    device.run(&["apt-get", "update", "-q"])?;
    Ok(())
}

pub(super) fn prepare_the_faults(story: &Story) -> Result<()> {
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

pub(super) fn small_disk(device: &Device, place: &str, size: &str) -> Result<()> {
    device.run(&["mkdir", "-p", place])?;
    let size = format!("size={size}");
    device.run(&["mount", "-t", "tmpfs", "-o", &size, "tmpfs", place])?;
    Ok(())
}

pub(super) fn enrol(story: &mut Story) -> Result<()> {
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

pub(super) fn decide(story: &Story, device: &str, products: &[&str]) -> Result<()> {
    let names: Vec<String> = products.iter().map(|short| full_name(short)).collect();
    let patches = format!("product:{}", names.join(","));
    let devices = format!("device:{device}");
    let words = ["decision", "add", "approve", "--patches", &patches];
    let rest = ["--for", &devices, "--reason", "the lab's faults"];
    story.operator.ask(&[&words[..], &rest[..]].concat())?;
    Ok(())
}

/// Opens the window soon, so that the last word with the server is young enough, and approves.
pub(super) fn approve(story: &Story) -> Result<Value> {
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

pub(super) fn finding(story: &Story, device: &str, short: &str) -> Result<Value> {
    let query = format!("device:{device} product:{}", full_name(short));
    let found = story.operator.items(&["finding", "list", "-q", &query])?;
    match found.as_slice() {
        [only] => Ok(only.clone()),
        several => bail!("{query} finds {several:?}"),
    }
}

pub(super) fn why(story: &Story, device: &str, short: &str) -> Result<Value> {
    story.operator.ask(&["why", device, &full_name(short)])
}

pub(super) fn held_and_kept_back(story: &Story) -> Result<()> {
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

pub(super) fn one_patch_needs_another(story: &Story) -> Result<()> {
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
