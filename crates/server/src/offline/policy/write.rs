//! `patchloop policy write FILES...`: the written policy as a page to print and sign, and
//! `patchloop policy new`: a policy to start from. Neither needs a server.

use std::path::PathBuf;

use anyhow::{Context as _, anyhow};
use clap::Args;
use domain::clock::Clock;
use engine::written::{self, Asked, ClientAsked};
use jiff::Timestamp;

use super::files::FileArgs;
use crate::cli::Global;
use crate::commands::instant;
use crate::failure::{Failure, Outcome};
use crate::table;

/// `patchloop policy write`.
#[derive(Debug, Args)]
pub struct WriteArgs {
    #[command(flatten)]
    files: FileArgs,
    /// Only what can concern this client
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
    /// As of this time, such as 2026-12-24T06:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = instant)]
    at: Option<Timestamp>,
    /// Write the page to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// `patchloop policy new`.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// Print this one
    #[arg(long, value_name = "NAME", required_unless_present = "list")]
    template: Option<String>,
    /// List what there is to start from
    #[arg(long, conflicts_with = "template")]
    list: bool,
}

/// Runs `policy write`.
pub fn run(args: &WriteArgs, global: &Global, clock: &dyn Clock) -> Result<Outcome, Failure> {
    let files = args.files.policy()?;
    let name = args.client.clone().or_else(|| files.head.client.clone());
    let document = written::write(
        &files.policy,
        &Asked {
            provider: files.head.provider.clone(),
            client: name.map(|name| ClientAsked { name, id: None }),
            version: files.head.version.clone(),
            at: args.at.unwrap_or_else(|| clock.now()),
            device_zone: files.head.zone.clone(),
        },
    );
    if global.json {
        table::json(&serde_json::to_value(&document)?)?;
        return Ok(Outcome::Done);
    }
    let page = written::html(&document);
    match &args.out {
        Some(path) => std::fs::write(path, page)
            .with_context(|| format!("cannot write {}", path.display()))?,
        None => table::say(&page)?,
    }
    Ok(Outcome::Done)
}

/// Runs `policy new`.
pub fn new(args: &NewArgs) -> Result<Outcome, Failure> {
    let Some(name) = &args.template else {
        for template in written::TEMPLATES {
            table::say(&format!("{:<18}{}", template.name, template.summary))?;
        }
        return Ok(Outcome::Done);
    };
    let template = written::template(name).ok_or_else(|| {
        Failure::wrong_use(anyhow!("there is no template `{name}`"))
            .hint("patchloop policy new --list")
    })?;
    table::say(template.text.trim_end())?;
    Ok(Outcome::Done)
}
