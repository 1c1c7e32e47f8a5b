//! `patchloop policy effective`: the policy of one device, put together.

use clap::Args;
use service::policy::{EffectivePart, EffectivePolicy};
use service::window::OpeningItem;

use super::show_one;
use crate::cli::Global;
use crate::client::Api;
use crate::failure::{Failure, Outcome};
use crate::table;

/// `patchloop policy effective`.
#[derive(Debug, Args)]
pub struct EffectiveArgs {
    /// The device: name, CLIENT/NAME or id
    device: String,
}

/// Runs `policy effective`.
pub fn effective(args: &EffectiveArgs, global: &Global) -> Result<Outcome, Failure> {
    let query = [("device", args.device.as_str())];
    let answer = Api::new(global)?.get("policy/effective", &query)?;
    show_one(global, answer, |policy: EffectivePolicy| show(&policy))
}

/// The headings of [`source`].
const SOURCE: [&str; 4] = ["level", "for", "client", "from"];

/// Where a part comes from.
fn source(part: &EffectivePart) -> [String; 4] {
    [
        part.level.to_string(),
        match part.devices.as_str() {
            "" => "all".to_owned(),
            devices => devices.to_owned(),
        },
        part.client.clone().unwrap_or_else(|| "all".to_owned()),
        part.file
            .clone()
            .unwrap_or_else(|| "made by hand".to_owned()),
    ]
}

fn name(part: &EffectivePart) -> String {
    match part.certain {
        true => part.name.clone(),
        false => format!("{} (perhaps)", part.name),
    }
}

fn opening(opening: Option<&OpeningItem>) -> String {
    opening.map_or_else(
        || "-".to_owned(),
        |opening| {
            format!(
                "{} to {}",
                table::minute(opening.opens_at),
                table::minute(opening.closes_at)
            )
        },
    )
}

/// Prints a part of the policy: own columns, then where each object comes from.
fn section<'p, T: 'p>(
    heading: &str,
    columns: &[&str],
    items: impl IntoIterator<Item = &'p T>,
    row: impl Fn(&'p T) -> (Vec<String>, &'p EffectivePart),
    none: &str,
) -> Result<(), Failure> {
    table::heading(heading)?;
    let mut headings: Vec<&str> = columns.to_vec();
    headings.extend(SOURCE);
    let rows: Vec<Vec<String>> = items
        .into_iter()
        .map(|item| {
            let (mut cells, part) = row(item);
            cells.extend(source(part));
            cells
        })
        .collect();
    if rows.is_empty() {
        return table::say(none);
    }
    table::rows(&headings, rows, none)
}

fn show(policy: &EffectivePolicy) -> Result<(), Failure> {
    let mut groups: Vec<String> = policy.groups.iter().map(name).collect();
    if !policy.groups_complete {
        groups.push("perhaps others: what they ask is not known".to_owned());
    }
    table::facts(&[
        ("device", format!("{}/{}", policy.client, policy.device)),
        ("site", format!("{} ({})", policy.site, policy.zone)),
        ("as of", table::minute(policy.at)),
        ("groups", groups.join(", ")),
        ("next opening", opening(policy.next.as_ref())),
    ])?;
    for broken in &policy.unreadable {
        table::say(&format!(
            "cannot be read, and closes what it covers: {}",
            table::clean(broken)
        ))?;
    }
    show_calendar(policy)?;
    show_words(policy)?;
    section(
        "Ring sets",
        &["ring set", "ring", "place"],
        &policy.rings,
        |rings| {
            let place = rings.place.map_or_else(
                || "-".to_owned(),
                |place| format!("{place} of {}", rings.of),
            );
            let ring = rings
                .ring
                .clone()
                .unwrap_or_else(|| "none: waits".to_owned());
            (vec![name(&rings.part), ring, place], &rings.part)
        },
        "None.",
    )?;
    section(
        "Reboots (not carried out yet)",
        &["rule", "when", "next"],
        &policy.reboot,
        |reboot| {
            let cells = vec![
                name(&reboot.part),
                reboot.when.to_string(),
                opening(reboot.next.as_ref()),
            ];
            (cells, &reboot.part)
        },
        "No rule: nothing reboots it.",
    )?;
    if !policy.reboot_losers.is_empty() {
        section(
            "Reboot rules that do not count",
            &["rule"],
            &policy.reboot_losers,
            |part| (vec![name(part)], part),
            "",
        )?;
    }
    Ok(())
}

fn show_calendar(policy: &EffectivePolicy) -> Result<(), Failure> {
    section(
        "Windows: any of them opens it",
        &["window", "opens for", "next openings"],
        &policy.windows,
        |window| {
            let next: Vec<String> = window
                .openings
                .iter()
                .map(|one| opening(Some(one)))
                .collect();
            let next = match (&window.closed, next.is_empty()) {
                (Some(why), _) => format!("never: {why}"),
                (None, true) => "-".to_owned(),
                (None, false) => next.join(", "),
            };
            (
                vec![name(&window.part), window.opens_for.to_string(), next],
                &window.part,
            )
        },
        "None: it is never changed.",
    )?;
    section(
        "Freezes",
        &["freeze", "now", "begins", "ends"],
        &policy.freezes,
        |freeze| {
            let cells = vec![
                name(&freeze.part),
                if freeze.on { "frozen" } else { "-" }.to_owned(),
                table::maybe_minute(freeze.opens_at),
                table::maybe_minute(freeze.closes_at),
            ];
            (cells, &freeze.part)
        },
        "None.",
    )
}

fn show_words(policy: &EffectivePolicy) -> Result<(), Failure> {
    section(
        "Exclusions: they go before everything",
        &["exclusion"],
        &policy.exclusions,
        |part| (vec![name(part)], part),
        "None.",
    )?;
    section(
        "Decisions: the first that matches a patch counts",
        &["decision", "word", "patches", "by", "until"],
        &policy.decisions,
        |decision| {
            let cells = vec![
                name(&decision.part),
                decision.word.to_string(),
                decision.patches.clone(),
                decision.decided_by.clone(),
                table::maybe_minute(decision.until),
            ];
            (cells, &decision.part)
        },
        "None.",
    )?;
    section(
        "Rules: the first that matches a patch counts, where no decision does",
        &["order", "rule", "action", "patches", "owner"],
        &policy.rules,
        |rule| {
            let cells = vec![
                rule.order.to_string(),
                name(&rule.part),
                rule.action.to_string(),
                rule.patches.clone(),
                rule.owner.clone(),
            ];
            (cells, &rule.part)
        },
        "None.",
    )
}
