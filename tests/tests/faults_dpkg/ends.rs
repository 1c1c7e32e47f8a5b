//! How the orders ended, and that nothing else was changed.

use super::*;

/// Waits until the device's only order has ended, and gives it with what the device said.
pub(super) fn ended(story: &Story, device: &str, state: &str) -> Result<Value> {
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

pub(super) fn proven(story: &Story, device: &str) -> Result<Value> {
    let order = ended(story, device, "succeeded")?;
    ensure!(order["proof"]["state"] == "proven", "{device}: {order:#}");
    Ok(order)
}

pub(super) fn dpkg_is_in_order(device: &Device) -> Result<()> {
    let audit = device.run(&["dpkg", "--audit"])?;
    ensure!(audit.is_empty(), "{}: {audit}", device.name());
    Ok(())
}

/// How often dpkg did this: `upgrade patchloop-lab-slow`.
pub(super) fn times(device: &Device, what: &str) -> Result<usize> {
    let log = device.read("/var/log/dpkg.log")?;
    let wanted = format!(" {what}:");
    Ok(String::from_utf8_lossy(&log)
        .lines()
        .filter(|line| line.contains(&wanted))
        .count())
}

pub(super) fn upgrades(device: &Device, short: &str) -> Result<usize> {
    times(device, &format!("upgrade {}", full_name(short)))
}

pub(super) fn evidence(story: &Story, order: &Value) -> Result<String> {
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

pub(super) fn finished_in_spite_of_kills(story: &Story) -> Result<()> {
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

pub(super) fn leftovers_were_repaired_first(story: &Story) -> Result<()> {
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

pub(super) fn refused_by_the_device(story: &Story) -> Result<()> {
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
pub(super) fn no_room(story: &Story) -> Result<()> {
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

pub(super) fn needs_are_met(story: &Story) -> Result<()> {
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

pub(super) fn the_kill_switch_holds_until_the_end(
    story: &mut Story,
    opening: &Value,
) -> Result<()> {
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

pub(super) fn nothing_else_was_changed(story: &Story) -> Result<()> {
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
