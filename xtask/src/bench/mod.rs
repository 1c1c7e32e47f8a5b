//! `cargo xtask bench`: speed and memory as ratios within one run.
//!
//! Each bench measures our side and a peer or a limit in turn, round by round, and gives medians.
//! The table goes to stdout, talk to stderr; nothing is written unless `--write` asks for it. A
//! missed goal is shown, it does not fail: a bench is no test.

mod checkins;
mod figure;
mod fleet;
mod fleet_index;
mod idle;
mod import;
mod inventory;
mod machine;
mod policy;
mod programs;
mod server;
mod start;
mod storage;
mod versions;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::build::root;
use figure::Figure;

/// A bench: its name, what it does, and the function that measures.
type Bench = (&'static str, fn() -> Result<Vec<Figure>>);

const BENCHES: &[Bench] = &[
    ("versions", versions::measure),
    ("inventory", inventory::measure),
    ("checkins", checkins::measure),
    ("storage", storage::measure),
    ("agent-idle", idle::measure),
    ("start", start::measure),
    ("fleet", fleet_index::measure),
    ("import", import::measure),
    ("policy", policy::measure),
];

/// The document with the generated table.
const DOCUMENT: &str = "docs/performance.md";
const TABLE_BEGINS: &str = "<!-- table: written by `cargo xtask bench --write` -->";
const TABLE_ENDS: &str = "<!-- end of table -->";

/// Runs all benches, or those that are named. `--json` prints JSON, `--write` renews the document.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let (mut as_json, mut write, mut names) = (false, false, Vec::new());
    for argument in arguments {
        match argument.as_str() {
            "--json" => as_json = true,
            "--write" => write = true,
            name if BENCHES.iter().any(|(known, _)| *known == name) => names.push(name),
            other => {
                let known: Vec<&str> = BENCHES.iter().map(|(name, _)| *name).collect();
                eprintln!(
                    "error: unknown bench or option `{other}`\n\nhint: bench [--json] [--write] [{}]",
                    known.join("|")
                );
                return Ok(ExitCode::from(2));
            }
        }
    }
    if write && !names.is_empty() {
        bail!("--write renews the whole table: run it without naming a bench");
    }
    let machine = machine::describe()?;
    let mut figures = Vec::new();
    let mut failed = Vec::new();
    for (name, measure) in BENCHES {
        if !names.is_empty() && !names.contains(name) {
            continue;
        }
        eprintln!("bench {name}");
        match measure() {
            Ok(found) => figures.extend(found),
            Err(error) => {
                eprintln!("bench {name}: {error:#}");
                failed.push(*name);
            }
        }
    }
    if as_json {
        let figures: Vec<_> = figures.iter().map(Figure::json).collect();
        println!(
            "{}",
            json!({"machine": machine, "figures": figures, "failed": failed})
        );
    } else {
        println!("{machine}\n");
        print!("{}", figure::table(&figures));
    }
    if !failed.is_empty() {
        bail!("could not be measured: {}", failed.join(", "));
    }
    if write {
        renew(&machine, &figures)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Puts the table into the document, between its two marks.
fn renew(machine: &str, figures: &[Figure]) -> Result<()> {
    let path = root().join(DOCUMENT);
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {DOCUMENT}"))?;
    let table = format!("{machine}\n\n{}", figure::table(figures));
    let text = with_table(&text, &table)
        .with_context(|| format!("{DOCUMENT} has no place for the table"))?;
    std::fs::write(&path, text).with_context(|| format!("cannot write {DOCUMENT}"))?;
    eprintln!("{DOCUMENT} is renewed; read the text around its table too");
    Ok(())
}

fn with_table(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(TABLE_BEGINS)?;
    let (_, after) = rest.split_once(TABLE_ENDS)?;
    Some(format!(
        "{before}{TABLE_BEGINS}\n\n{table}\n{TABLE_ENDS}{after}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_table_is_renewed() {
        let text = format!("# Speed\n\n{TABLE_BEGINS}\nold\n{TABLE_ENDS}\n\nWhy.\n");
        let renewed = with_table(&text, "new\n").unwrap();
        assert!(renewed.starts_with("# Speed\n\n<!-- table"));
        assert!(renewed.contains("\nnew\n") && !renewed.contains("old"));
        assert!(renewed.ends_with("-->\n\nWhy.\n"));
        assert_eq!(with_table("no marks", "new"), None);
    }

    #[test]
    fn the_document_has_a_place_for_the_table() {
        let text = std::fs::read_to_string(root().join(DOCUMENT)).unwrap();
        assert!(with_table(&text, "").is_some());
    }
}
