//! `patchloop policy check FILES...` and `patchloop policy schema`.
//!
//! Every mistake goes to standard output with its file, line and column. Exit code 1 where there is
//! an error, 0 where there are warnings only.

use std::io;

use clap::Args;
use domain::clock::Clock;
use engine::policy_file::{self, Problem};
use jiff::Timestamp;
use serde_json::json;

use super::files::{FileArgs, print, refused};
use crate::cli::Global;
use crate::commands::instant;
use crate::failure::{Failure, Outcome};
use crate::table;

/// `patchloop policy check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    files: FileArgs,
    /// Check as of this time, such as 2026-12-24T06:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = instant)]
    at: Option<Timestamp>,
}

/// Runs `policy check`.
pub fn run(args: &CheckArgs, global: &Global, clock: &dyn Clock) -> Result<Outcome, Failure> {
    let texts = args.files.texts()?;
    let now = args.at.unwrap_or_else(|| clock.now());
    let read = policy_file::read(&texts);
    let (problems, objects) = match &read {
        Ok(files) => {
            let mut told = files.warnings.clone();
            told.extend(engine::lint::lint(files, now));
            (told, files.objects().len())
        }
        Err(problems) => (problems.clone(), 0),
    };
    if global.json {
        table::json(&document(&texts, &problems))?;
        let failed = problems.iter().any(Problem::is_error);
        return Ok(Outcome::Code(u8::from(failed)));
    }
    match print(&problems, &mut io::stdout().lock()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error.into()),
        Ok(()) | Err(_) => {}
    }
    if problems.iter().any(Problem::is_error) {
        return Err(refused(&problems));
    }
    match problems.len() {
        0 => eprintln!("{objects} objects, nothing to complain about"),
        told => eprintln!("{objects} objects, no errors, {told} remarks"),
    }
    Ok(Outcome::Done)
}

fn document(texts: &[(String, String)], problems: &[Problem]) -> serde_json::Value {
    let files: Vec<&str> = texts.iter().map(|(file, _)| file.as_str()).collect();
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    json!({ "files": files, "errors": errors, "problems": problems })
}

/// Runs `policy schema`.
pub fn schema() -> Result<Outcome, Failure> {
    let text = serde_json::to_string_pretty(&policy_file::schema())?;
    table::say(&text)?;
    Ok(Outcome::Done)
}
