//! `patchloop policy import-freezes CALENDAR.ics`: a client's calendar of freezes as policy TOML.
//!
//! A calendar that is not understood whole is refused whole: a freeze that is left out would let
//! changes through.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::Args;
use domain::id::PolicyId;
use domain::name::Label;
use domain::policy::Freeze;
use domain::query::{Query, SubjectKind};
use domain::window::WindowZone;
use engine::calendar::ics::{CALENDAR_BYTES_MAX, ImportedFreeze, read_freezes};
use engine::policy_file::{Object, to_toml};

use crate::failure::{Failure, Outcome};
use crate::table;

/// The longest name that is taken from a calendar, in characters; a number may follow.
const NAME_CHARACTERS_MAX: usize = 80;

/// `patchloop policy import-freezes`.
#[derive(Debug, Args)]
pub struct ImportFreezesArgs {
    /// The calendar, an iCalendar file
    calendar: PathBuf,
    /// Which devices the freezes are for, such as client:Acme
    #[arg(long = "for", value_name = "QUERY")]
    devices: String,
    /// The zone of whole days and of times that name none: an IANA name, or device
    #[arg(long, value_name = "ZONE", default_value = "device")]
    zone: WindowZone,
}

/// Runs `policy import-freezes`.
pub fn run(args: &ImportFreezesArgs) -> Result<Outcome, Failure> {
    let devices = Query::parse_for(&args.devices, SubjectKind::Device)
        .map_err(|error| Failure::wrong_use(anyhow!("--for: {error}")))?;
    let text = read(args)?;
    let found = read_freezes(&text, &args.zone).map_err(|wrong| {
        for one in &wrong {
            eprintln!("{}: {}", args.calendar.display(), table::clean(&one.to_string()));
        }
        Failure::failed(anyhow!(
            "the calendar has {} lines that are not understood, so nothing was taken from it",
            wrong.len()
        ))
        .hint("write these freezes into a policy file by hand, or have the calendar exported without them")
    })?;
    let mut used = BTreeMap::new();
    for freeze in &found {
        let named = Freeze {
            id: PolicyId::unsaved(),
            client: None,
            name: name(freeze, &mut used)?,
            devices: devices.clone(),
            zone: freeze.zone.clone(),
            from: freeze.from,
            until: freeze.until,
            reason: freeze.reason.clone(),
            exception: None,
        };
        table::say(&to_toml(Object::Freeze(&named)))?;
    }
    eprintln!("{} freezes", found.len());
    Ok(Outcome::Done)
}

fn read(args: &ImportFreezesArgs) -> Result<String, Failure> {
    let path = &args.calendar;
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut bytes = Vec::new();
    file.take(CALENDAR_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {}", path.display()))?;
    String::from_utf8(bytes).map_err(|_| {
        Failure::failed(anyhow!("{} is not UTF-8 text", path.display()))
            .hint("export the calendar anew as iCalendar (.ics)")
    })
}

/// The event's summary as a name; one that is there already gets a number.
fn name(freeze: &ImportedFreeze, used: &mut BTreeMap<String, u32>) -> Result<Label, Failure> {
    let plain: String = freeze
        .name
        .chars()
        .map(|c| if c == '/' { '-' } else { c })
        .take(NAME_CHARACTERS_MAX)
        .collect();
    let plain = plain.trim().to_owned();
    let count = used.entry(plain.clone()).or_insert(0);
    *count += 1;
    let numbered = match *count {
        1 => plain,
        count => format!("{plain} ({count})"),
    };
    numbered.parse().map_err(|error| {
        Failure::failed(anyhow!("line {}: the event's name: {error}", freeze.line))
            .hint("give the event another summary")
    })
}
