//! `patchloop policy apply | plan | drift | export | history | revert | list`: the policy of a server.
//!
//! Files are read and checked here first, so that mistakes are told with the paths that were typed.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Args;
use domain::policy::Policy;
use domain::snapshot::Snapshot;
use serde_json::{Value, json};
use service::policy::{
    PolicyApplied, PolicyDrift, PolicyExport, PolicyItem, PolicyPlan, PolicyProblem,
    PolicyReverted, PolicyStep, PolicyVersionFiles, PolicyVersionItem,
};

use super::{Limit, Shown, show_list};
use crate::cli::Global;
use crate::client::{Api, typed};
use crate::failure::{Failure, Outcome};
use crate::offline::policy::files::FileArgs;
use crate::table;

/// `patchloop policy apply`.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    #[command(flatten)]
    files: FileArgs,
    /// Only say what would change
    #[arg(long)]
    dry_run: bool,
    /// Also end what was applied from other files than these
    #[arg(long)]
    prune: bool,
    /// Why, for the history
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
}

/// `patchloop policy drift`.
#[derive(Debug, Args)]
pub struct DriftArgs {
    #[command(flatten)]
    files: FileArgs,
}

/// `patchloop policy export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// A folder to write the files into [default: print them]
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
}

/// `patchloop policy history`.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    #[command(flatten)]
    limit: Limit,
}

/// `patchloop policy list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only this kind: group, window, freeze, rule, decision, reboot, rings or exclude
    #[arg(long)]
    kind: Option<domain::policy::PolicyKind>,
    #[command(flatten)]
    limit: Limit,
}

/// `patchloop policy revert`.
#[derive(Debug, Args)]
pub struct RevertArgs {
    /// The number of the version, as `policy history` lists it
    version: u64,
    /// Apply it; without, only what would change is shown
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
    /// Only say what would change, without asking about the fleet
    #[arg(long)]
    dry_run: bool,
    /// Why, for the history
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
}

/// The files as they are sent: by their name alone, where no two have the same.
pub(super) fn sent(files: &FileArgs) -> Result<Value, Failure> {
    let texts = files.texts()?;
    files.policy()?;
    let alone = |path: &str| {
        let name = Path::new(path).file_name();
        name.map_or_else(
            || path.to_owned(),
            |name| name.to_string_lossy().into_owned(),
        )
    };
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for (path, _) in &texts {
        *count.entry(alone(path)).or_default() += 1;
    }
    let files: Vec<Value> = texts
        .into_iter()
        .map(|(path, text)| {
            let name = alone(&path);
            let file = if count.get(&name) == Some(&1) {
                name
            } else {
                path
            };
            json!({ "file": file, "text": text })
        })
        .collect();
    Ok(json!({ "files": files }))
}

fn headings() -> &'static [&'static str] {
    &["change", "kind", "name", "where"]
}

fn row(step: &PolicyStep) -> Vec<String> {
    let place = match (&step.file, step.line) {
        (Some(file), Some(line)) => format!("{file}:{line}"),
        (Some(file), None) => file.clone(),
        (None, _) => "made by hand".to_owned(),
    };
    vec![
        step.change.word().to_owned(),
        step.kind.to_string(),
        step.name.clone(),
        place,
    ]
}

/// Tells on standard error what is probably not meant.
pub(super) fn warn(warnings: &[PolicyProblem]) {
    for one in warnings {
        let text = format!(
            "{}:{}:{}: {}: {}",
            one.file, one.line, one.column, one.weight, one.what
        );
        eprintln!("{}", table::clean(&text));
        if let Some(hint) = &one.hint {
            eprintln!("  hint: {}", table::clean(hint));
        }
    }
}

/// Runs `policy apply`.
pub fn apply(args: &ApplyArgs, global: &Global) -> Result<Outcome, Failure> {
    let mut body = sent(&args.files)?;
    body["dry_run"] = json!(args.dry_run);
    body["prune"] = json!(args.prune);
    body["note"] = json!(args.note);
    let answer = Api::new(global)?.post("policy/apply", &body)?;
    let applied: PolicyApplied = typed(answer.clone())?;
    warn(&applied.warnings);
    if global.json {
        table::json(&answer)?;
        return Ok(Outcome::Done);
    }
    table::rows(
        headings(),
        applied.steps.iter().map(row),
        "Nothing changes.",
    )?;
    let mut said = vec![format!("{} objects stay as they are", applied.unchanged)];
    if applied.over > 0 {
        said.push(format!("{} decisions are over", applied.over));
    }
    if applied.elsewhere > 0 {
        said.push(format!(
            "{} stand from other files (--prune ends them)",
            applied.elsewhere
        ));
    }
    let end = match applied.version {
        Some(version) => format!("applied as version {version}"),
        None if args.dry_run => "nothing was applied: dry run".to_owned(),
        None => "nothing was applied".to_owned(),
    };
    eprintln!("{end}; {}", said.join(", "));
    Ok(Outcome::Done)
}

/// Runs `policy plan` against the policy and the fleet of the server.
pub fn plan(files: &FileArgs, global: &Global) -> Result<Outcome, Failure> {
    let body = sent(files)?;
    eprintln!("asking about every device and patch, before and after ...");
    let answer = Api::new(global)?.post("policy/plan", &body)?;
    let plan: PolicyPlan = typed(answer)?;
    warn(&plan.objects.warnings);
    crate::offline::policy::plan::show(&plan.difference, global)?;
    Ok(Outcome::Done)
}

/// Runs `policy revert`: the files of an earlier version, planned and then applied again.
pub fn revert(args: &RevertArgs, global: &Global) -> Result<Outcome, Failure> {
    let api = Api::new(global)?;
    let path = format!("policy/history/{}", args.version);
    if !args.yes && !args.dry_run && !global.json {
        let found: PolicyVersionFiles = typed(api.get(&path, &[])?)?;
        if found.lost.is_empty() {
            eprintln!("asking about every device and patch, before and after ...");
            let body = json!({ "files": found.files, "prune": true });
            let plan: PolicyPlan = typed(api.post("policy/plan", &body)?)?;
            crate::offline::policy::plan::show(&plan.difference, global)?;
        }
    }
    let body = json!({ "dry_run": !args.yes, "note": args.note });
    let answer = api.post(&format!("{path}/revert"), &body)?;
    let reverted: PolicyReverted = typed(answer.clone())?;
    warn(&reverted.applied.warnings);
    for sentence in &reverted.left_out {
        eprintln!("left out: {}", table::clean(sentence));
    }
    if global.json {
        table::json(&answer)?;
        return Ok(Outcome::Done);
    }
    let applied = &reverted.applied;
    table::rows(
        headings(),
        applied.steps.iter().map(row),
        "Nothing changes: what stands is what that version says.",
    )?;
    if reverted.decisions_by_hand + reverted.others_by_hand > 0 {
        eprintln!(
            "{} decisions and {} other objects were made by hand; they are in no version and stay",
            reverted.decisions_by_hand, reverted.others_by_hand
        );
    }
    match (applied.version, args.yes) {
        (Some(version), _) => eprintln!("applied as version {version}"),
        (None, true) => eprintln!("nothing was applied"),
        (None, false) => eprintln!("nothing was applied yet: `--yes` applies it"),
    }
    Ok(Outcome::Done)
}

/// Runs `policy drift`: exit code 4 where what stands differs.
pub fn drift(args: &DriftArgs, global: &Global) -> Result<Outcome, Failure> {
    let body = sent(&args.files)?;
    let answer = Api::new(global)?.post("policy/drift", &body)?;
    let drift: PolicyDrift = typed(answer.clone())?;
    if global.json {
        table::json(&answer)?;
    } else {
        let none = "What stands is what the files say.";
        table::rows(headings(), drift.differences.iter().map(row), none)?;
        if drift.decisions_by_hand > 0 {
            eprintln!(
                "{} decisions were made by hand; they are no drift",
                drift.decisions_by_hand
            );
        }
    }
    Ok(if drift.same {
        Outcome::Done
    } else {
        Outcome::Differences
    })
}

/// Runs `policy export`.
pub fn export(args: &ExportArgs, global: &Global) -> Result<Outcome, Failure> {
    let answer = Api::new(global)?.get("policy/export", &[])?;
    let export: PolicyExport = typed(answer.clone())?;
    for sentence in &export.unreadable {
        eprintln!("cannot be read: {}", table::clean(sentence));
    }
    let Some(folder) = &args.to else {
        if global.json {
            table::json(&answer)?;
            return Ok(Outcome::Done);
        }
        for file in &export.files {
            if export.files.len() > 1 {
                table::say(&format!("# file: {}", table::clean(&file.file)))?;
            }
            table::say(file.text.trim_end_matches('\n'))?;
        }
        return Ok(Outcome::Done);
    };
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    for file in &export.files {
        // What the server calls a file is no path here.
        let name = Path::new(&file.file).file_name().ok_or_else(|| {
            Failure::failed(anyhow!(
                "`{}` is no name of a file",
                table::clean(&file.file)
            ))
        })?;
        write_new(&folder.join(name), &file.text)?;
    }
    eprintln!(
        "{} files written to {}",
        export.files.len(),
        folder.display()
    );
    Ok(Outcome::Done)
}

/// The policy in force on the server and its fleet, for work that is done here.
pub fn world(global: &Global) -> Result<(Policy, Snapshot), Failure> {
    let api = Api::new(global)?;
    let export: PolicyExport = typed(api.get("policy/export", &[])?)?;
    if let Some(sentence) = export.unreadable.first() {
        return Err(Failure::failed(anyhow!(
            "a part of the policy in force cannot be read: {}",
            table::clean(sentence)
        ))
        .hint("repair it with `patchloop policy apply`, or name the files of the policy in force with --against and a fleet with --fleet"));
    }
    let texts: Vec<(String, String)> = export
        .files
        .into_iter()
        .map(|file| (file.file, file.text))
        .collect();
    let in_force = engine::policy_file::read(&texts).map_err(|problems| {
        let first = problems.first().map(ToString::to_string);
        Failure::failed(anyhow!(
            "the policy in force cannot be read: {}",
            table::clean(&first.unwrap_or_default())
        ))
    })?;
    let mut fleet = Snapshot::default();
    let mut cursor: Option<String> = None;
    loop {
        let mut query = vec![("limit", "200")];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let mut part = api.get("snapshot", &query)?;
        cursor = part["next"].as_str().map(str::to_owned);
        let mut part: Snapshot = typed(part.take())?;
        (fleet.v, fleet.feeds) = (part.v, part.feeds);
        fleet.devices.append(&mut part.devices);
        if cursor.is_none() {
            return Ok((in_force.policy, fleet));
        }
    }
}

fn write_new(path: &Path, text: &str) -> Result<(), Failure> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))
        .map_err(|error| {
            Failure::failed(error).hint("choose a new folder: nothing is overwritten")
        })?;
    file.write_all(text.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}

/// Runs `policy history`.
pub fn history(args: &HistoryArgs, global: &Global) -> Result<Outcome, Failure> {
    show_list(
        global,
        &Shown {
            path: "policy/history",
            query: Vec::new(),
            limit: args.limit.limit,
            headings: &["version", "applied", "by", "what changed", "note"],
            none: "No policy was applied from files yet.",
        },
        |version: PolicyVersionItem| {
            vec![
                version.number.to_string(),
                table::minute(version.applied_at),
                version.applied_by,
                version.counts,
                version.note,
            ]
        },
    )
}

/// Runs `policy list`.
pub fn list(args: &ListArgs, global: &Global) -> Result<Outcome, Failure> {
    let query = args.kind.map(|kind| ("kind", kind.to_string()));
    show_list(
        global,
        &Shown {
            path: "policy",
            query: query.into_iter().collect(),
            limit: args.limit.limit,
            headings: &["kind", "name", "for", "client", "from", "state"],
            none: "There is no policy yet: nothing is installed without one.",
        },
        |item: PolicyItem| {
            vec![
                item.kind.to_string(),
                item.name.unwrap_or(item.id),
                item.devices,
                table::maybe(item.client),
                item.file.unwrap_or_else(|| "made by hand".to_owned()),
                item.unreadable.unwrap_or_else(|| "stands".to_owned()),
            ]
        },
    )
}
