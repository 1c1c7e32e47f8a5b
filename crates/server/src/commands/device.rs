//! `patchloop device`: list, show, and change what may be done to devices.

use std::io::Write as _;

use clap::Subcommand;
use domain::device::Mode;
use domain::name::{InvalidName, Tag};
use serde_json::{Value, json};
use service::device::{DeviceDetail, DeviceItem};

use super::{At, Filter, Shown, asked, order, show_list, show_one, wrong};
use crate::cli::Global;
use crate::client::{Api, escaped};
use crate::failure::{Failure, Outcome};
use crate::table;

/// `patchloop device`.
#[derive(Debug, Subcommand)]
pub enum DeviceCommand {
    /// List devices
    List {
        /// Which of them
        #[command(flatten)]
        filter: Filter,
        /// As of when
        #[command(flatten)]
        at: At,
    },
    /// Show one device with its history
    Show {
        /// Name, CLIENT/NAME or id
        device: String,
        /// As of when
        #[command(flatten)]
        at: At,
    },
    /// Print the devices with their findings as a snapshot, for `policy evaluate` and others
    Export {
        /// With their findings
        #[arg(long, required = true)]
        findings: bool,
        /// Only devices that match, such as 'client:acme tag:server'
        #[arg(
            short,
            long = "query",
            value_name = "QUERY",
            allow_hyphen_values = true
        )]
        q: Option<String>,
    },
    /// Set what may be done to a device: observe (look only) or managed (install what is approved)
    Mode {
        /// Name, CLIENT/NAME or id
        device: String,
        /// observe or managed
        mode: Mode,
    },
    /// Add and remove tags: +web -old (options stand before the device)
    Tag {
        /// Name, CLIENT/NAME or id
        device: String,
        /// +TAG adds, -TAG removes
        #[arg(required = true, allow_hyphen_values = true, value_name = "+TAG|-TAG")]
        changes: Vec<String>,
    },
}

/// Runs the command.
pub fn run(command: &DeviceCommand, global: &Global) -> Result<Outcome, Failure> {
    match command {
        DeviceCommand::List { filter, at } => show_list(
            global,
            &Shown {
                path: "devices",
                query: asked(&[
                    ("q", filter.q.clone()),
                    ("at", at.at.map(|at| at.to_string())),
                ]),
                limit: filter.limit.limit,
                headings: &[
                    "device",
                    "client/site",
                    "os",
                    "mode",
                    "packages",
                    "inventory",
                    "last seen",
                ],
                none: "No device matches.",
            },
            |device: DeviceItem| {
                vec![
                    device.name,
                    format!("{}/{}", device.client, device.site),
                    table::maybe(device.os),
                    device.mode.to_string(),
                    table::maybe(device.packages),
                    table::maybe_minute(device.inventory_at),
                    table::maybe_minute(device.last_seen),
                ]
            },
        ),
        DeviceCommand::Show { device, at } => {
            let at = at.at.map(|at| at.to_string());
            let query: Vec<(&str, &str)> = at.iter().map(|at| ("at", at.as_str())).collect();
            let answer = Api::new(global)?.get(&format!("devices/{}", escaped(device)), &query)?;
            show_one(global, answer, |detail: DeviceDetail| show(&detail))
        }
        DeviceCommand::Export { findings: _, q } => export(q.as_deref(), global),
        DeviceCommand::Mode { device, mode } => {
            let path = format!("devices/{}/mode", escaped(device));
            let answer = Api::new(global)?.put(&path, &json!({ "mode": mode }))?;
            show_one(global, answer, |device: DeviceItem| {
                table::facts(&[
                    ("device", format!("{}/{}", device.client, device.name)),
                    ("mode", device.mode.to_string()),
                ])
            })
        }
        DeviceCommand::Tag { device, changes } => {
            // Behind the device everything is a change, because changes may begin with a hyphen; but
            // people and scripts put this one option last.
            let (json, changes): (Vec<_>, Vec<_>) =
                changes.iter().cloned().partition(|word| word == "--json");
            let global = &Global {
                json: global.json || !json.is_empty(),
                ..global.clone()
            };
            let body = tag_change(&changes)?;
            let path = format!("devices/{}/tags", escaped(device));
            let answer = Api::new(global)?.post(&path, &body)?;
            show_one(global, answer, |tags: Value| {
                let tags: Vec<&str> = tags["tags"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .collect();
                table::facts(&[("tags", tags.join(", "))])
            })
        }
    }
}

/// Writes the snapshot part by part: a fleet need not fit into memory.
fn export(q: Option<&str>, global: &Global) -> Result<Outcome, Failure> {
    let api = Api::new(global)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let (mut cursor, mut written): (Option<String>, u64) = (None, 0);
    loop {
        let mut query = vec![("limit", "200")];
        query.extend(q.map(|q| ("q", q)));
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let part = api.get("snapshot", &query)?;
        if written == 0 {
            write!(
                out,
                "{{\"v\":{},\"feeds\":{},\"devices\":[",
                part["v"], part["feeds"]
            )?;
        }
        for device in part["devices"].as_array().into_iter().flatten() {
            let comma = if written == 0 { "\n" } else { ",\n" };
            write!(out, "{comma}{device}")?;
            written += 1;
        }
        match part["next"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    writeln!(out, "\n]}}")?;
    out.flush()?;
    eprintln!("{written} devices");
    Ok(Outcome::Done)
}

fn read_tag(text: &str) -> Result<Tag, Failure> {
    text.parse().map_err(|error: InvalidName| {
        wrong(format!("`{text}`: {error}"), "a tag is one word: +web")
    })
}

/// Reads `+web -old`.
fn tag_change(changes: &[String]) -> Result<Value, Failure> {
    let (mut add, mut remove) = (Vec::new(), Vec::new());
    for change in changes {
        match (change.strip_prefix('+'), change.strip_prefix('-')) {
            (Some(tag), _) if !tag.is_empty() => add.push(read_tag(tag)?),
            (_, Some(tag)) if !tag.is_empty() && !tag.starts_with('-') => {
                remove.push(read_tag(tag)?);
            }
            _ => {
                return Err(wrong(
                    format!("`{change}` is not a change of tags"),
                    "write +TAG to add and -TAG to remove; options stand before the device: patchloop device tag --json DEVICE +web",
                ));
            }
        }
    }
    Ok(json!({ "add": add, "remove": remove }))
}

fn known(list: Option<&[String]>, none: &str) -> String {
    match list {
        None => "not known".to_owned(),
        Some([]) => none.to_owned(),
        Some(list) => list.join("; "),
    }
}

fn show(detail: &DeviceDetail) -> Result<(), Failure> {
    let device = &detail.device;
    table::facts(&[
        ("device", format!("{}/{}", device.client, device.name)),
        ("id", device.id.to_string()),
        ("as of", table::minute(detail.at)),
        ("site", format!("{} ({})", device.site, device.zone)),
        ("os", table::maybe(device.os.as_deref())),
        ("kernel", table::maybe(detail.kernel.as_deref())),
        ("mode", device.mode.to_string()),
        ("standing", detail.standing.to_string()),
        ("tags", detail.tags.join(", ")),
        ("packages", table::maybe(device.packages)),
        ("would be updated", table::maybe(detail.pending)),
        ("inventory", table::maybe_minute(device.inventory_at)),
        (
            "package lists",
            table::maybe_minute(detail.lists_fetched_at),
        ),
        ("last seen", table::maybe_minute(device.last_seen)),
        ("enrolled", table::minute(detail.enrolled_at)),
        ("reboot", known(detail.reboot.as_deref(), "not due")),
        (
            "old code",
            known(detail.old_code.as_deref(), "none running"),
        ),
    ])?;
    if !detail.unknown.is_empty() {
        table::heading("Not known")?;
        table::rows(
            &["what", "why", "since"],
            detail.unknown.iter().map(|line| {
                vec![
                    line.what.clone(),
                    line.why.clone(),
                    table::maybe_minute(line.since),
                ]
            }),
            "",
        )?;
    }
    table::heading("Modes")?;
    table::rows(
        &["mode", "since", "by"],
        detail.modes.iter().map(|change| {
            vec![
                change.mode.to_string(),
                table::minute(change.since),
                change.by.clone(),
            ]
        }),
        "none",
    )?;
    table::heading("Orders")?;
    table::rows(
        order::HEADINGS,
        detail.orders.iter().map(order::row),
        "No order yet.",
    )?;
    table::heading("Decisions that touch it")?;
    table::rows(
        super::decision::HEADINGS,
        detail.decisions.iter().map(super::decision::row),
        "None: nothing is installed without one.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_added_and_removed_by_their_sign() {
        let changes = ["+web", "-old", "+a-b"].map(str::to_owned);
        assert_eq!(
            tag_change(&changes).unwrap(),
            json!({ "add": ["web", "a-b"], "remove": ["old"] })
        );
        for bad in ["web", "+", "-", "--json", "", "+two words", "-two\nlines"] {
            assert_eq!(
                tag_change(&[bad.to_owned()]).unwrap_err().code(),
                2,
                "{bad}"
            );
        }
    }
}
