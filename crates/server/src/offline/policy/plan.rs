//! `patchloop policy plan FILES... --fleet SNAPSHOT|--simulated N [--against FILES...]`: what a draft
//! changes on a fleet, without a server. Without `--against` it is held against no policy at all.

use clap::Args;
use domain::clock::Clock;
use domain::policy::Policy;
use engine::plan::{ClientDifference, Example, PolicyDifference, Standing, difference};
use jiff::Timestamp;

use super::files::FileArgs;
use super::fleet::{AgainstArgs, ChoiceArgs, SIMULATED_MONTHS};
use crate::cli::Global;
use crate::commands::instant;
use crate::failure::{Failure, Outcome};
use crate::table;

/// Objects, and clients, that a table shows; `--json` has more.
const SHOWN_MAX: usize = 20;
/// Examples of each client that a table shows.
const EXAMPLES_SHOWN_MAX: usize = 3;

/// `patchloop policy plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    files: FileArgs,
    #[command(flatten)]
    fleet: ChoiceArgs,
    #[command(flatten)]
    against: AgainstArgs,
    /// As of this time, such as 2026-12-24T06:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = instant)]
    at: Option<Timestamp>,
}

impl PlanArgs {
    /// The files, where no fleet, policy or time is named: then it is the server's that is meant.
    pub fn for_the_server(&self) -> Option<&FileArgs> {
        let own = self.fleet.is_given() || self.against.is_given() || self.at.is_some();
        (!own).then_some(&self.files)
    }
}

/// Runs `policy plan` on a fleet from a file or a simulated one.
pub fn run(args: &PlanArgs, global: &Global, clock: &dyn Clock) -> Result<Outcome, Failure> {
    let now = args.at.unwrap_or_else(|| clock.now());
    let after = args.files.policy()?.policy;
    let before = args.against.policy()?.unwrap_or_else(Policy::default);
    let fleet = args.fleet.read(SIMULATED_MONTHS, now)?;
    show(&difference(&fleet, &before, &after, now), global)?;
    Ok(Outcome::Done)
}

/// Prints a difference.
pub fn show(difference: &PolicyDifference, global: &Global) -> Result<(), Failure> {
    if global.json {
        return table::json(&serde_json::to_value(difference)?);
    }
    if difference.is_nothing() {
        return table::say("Nothing changes.");
    }
    objects(difference)?;
    let counts = &difference.counts;
    table::heading("What changes")?;
    table::facts(&[
        (
            "devices",
            format!("{} of {}", difference.devices_changed, difference.devices),
        ),
        ("patches", difference.patches_changed.to_string()),
        (
            "first installed",
            table::maybe_minute(difference.first_due_at),
        ),
        ("of pairs of device and patch", counts.pairs.to_string()),
        ("  never before, now installed", counts.opens.to_string()),
        ("  sooner", counts.sooner.to_string()),
        ("  later", counts.later.to_string()),
        ("  not installed any more", counts.closes.to_string()),
        (
            "  for another reason, otherwise the same",
            counts.other_reason.to_string(),
        ),
    ])?;
    if counts.released > 0 {
        table::say(&format!(
            "\nATTENTION: this opens {} pairs that a denial, a hold, an exclusion or a freeze keeps \
             closed today.",
            counts.released
        ))?;
    }
    for client in difference.clients.iter().take(SHOWN_MAX) {
        client_rows(client)?;
    }
    let more = difference.clients_total.saturating_sub(SHOWN_MAX as u64);
    if more > 0 {
        table::say(&format!("\nand {more} more clients; --json names them"))?;
    }
    Ok(())
}

fn objects(difference: &PolicyDifference) -> Result<(), Failure> {
    table::heading("The policy")?;
    let rows = difference.objects.iter().take(SHOWN_MAX).map(|object| {
        vec![
            object.change.word().to_owned(),
            object.kind.to_string(),
            object.name.clone(),
        ]
    });
    table::rows(&["change", "object", "name"], rows, "No object changes.")?;
    let more = difference.objects_total.saturating_sub(SHOWN_MAX as u64);
    if more > 0 {
        table::say(&format!("and {more} more"))?;
    }
    Ok(())
}

fn client_rows(client: &ClientDifference) -> Result<(), Failure> {
    let counts = &client.counts;
    let name = if client.client.is_empty() {
        "no client"
    } else {
        client.client.as_str()
    };
    table::heading(&format!(
        "{name}: {} of {} devices, {} patches; opens {}, sooner {}, later {}, closes {}; first {}",
        client.devices_changed,
        client.devices,
        client.patches_changed,
        counts.opens,
        counts.sooner,
        counts.later,
        counts.closes,
        table::maybe_minute(client.first_due_at)
    ))?;
    let shown = client.examples.iter().take(EXAMPLES_SHOWN_MAX);
    table::rows(
        &["", "device", "patch", "devices", "before", "after", "why"],
        shown.map(row),
        "",
    )?;
    let more = client
        .examples_total
        .saturating_sub(EXAMPLES_SHOWN_MAX as u64);
    if more > 0 {
        table::say(&format!("and {more} more like these"))?;
    }
    Ok(())
}

fn row(example: &Example) -> Vec<String> {
    let why = match &example.released {
        Some(kept) => format!("kept closed today: {kept}"),
        None => example.after.sentence.clone(),
    };
    vec![
        if example.released.is_some() { "!" } else { "" }.to_owned(),
        example
            .name
            .clone()
            .unwrap_or_else(|| example.device.clone()),
        example.patch.clone(),
        example.devices.to_string(),
        standing(&example.before),
        standing(&example.after),
        why,
    ]
}

fn standing(standing: &Standing) -> String {
    match standing.at {
        Some(at) => format!("{} {}", standing.verdict, table::minute(at)),
        None => standing.verdict.to_string(),
    }
}
