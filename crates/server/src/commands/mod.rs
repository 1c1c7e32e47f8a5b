//! The commands, one file a noun. All but `serve` and `owner` speak `/api/v1` only.

pub mod advisory;
pub mod bundle;
pub mod calendar;
pub mod client;
pub mod coverage;
pub mod decision;
pub mod device;
pub mod enrolment;
pub mod feed;
pub mod finding;
pub mod freeze;
pub mod order;
pub mod owner;
pub mod patch;
pub mod policy;
pub mod policy_device;
pub mod policy_server;
pub mod query;
pub mod report;
pub mod serve;
pub mod site;
pub mod ticket;
pub mod why;
pub mod window;

use anyhow::anyhow;
use clap::Args;
use domain::page::Page;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cli::Global;
use crate::client::{Api, list_json, typed};
use crate::failure::{Failure, Outcome};
use crate::table;

/// How much of a list.
#[derive(Debug, Clone, Args)]
pub struct Limit {
    /// At most this many items [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

/// Which items of a list.
#[derive(Debug, Clone, Args)]
pub struct Filter {
    /// Only what matches, such as 'client:acme severity>=important'
    #[arg(
        short,
        long = "query",
        value_name = "QUERY",
        allow_hyphen_values = true
    )]
    q: Option<String>,
    #[command(flatten)]
    limit: Limit,
}

/// A past instant.
#[derive(Debug, Clone, Args)]
pub struct At {
    /// As it was at this time, such as 2026-11-01 or 2026-11-01T06:00Z
    #[arg(long, value_name = "TIME", value_parser = instant)]
    at: Option<Timestamp>,
}

/// Reads an instant with its zone, or a day (its first instant in UTC).
pub fn instant(text: &str) -> Result<Timestamp, String> {
    let day = || {
        Some(
            text.parse::<Date>()
                .ok()?
                .to_zoned(TimeZone::UTC)
                .ok()?
                .timestamp(),
        )
    };
    text.parse::<Timestamp>().ok().or_else(day).ok_or_else(|| {
        "expected a day such as 2026-12-24 or a time with its zone such as 2026-12-24T06:00Z"
            .to_owned()
    })
}

/// A list that a command shows.
struct Shown<'a> {
    path: &'a str,
    query: Vec<(&'a str, String)>,
    limit: Option<u32>,
    headings: &'a [&'a str],
    none: &'a str,
}

/// Fetches a list and prints it, as a table of `row`s or as JSON.
fn show_list<T: DeserializeOwned>(
    global: &Global,
    shown: &Shown<'_>,
    row: impl Fn(T) -> Vec<String>,
) -> Result<Outcome, Failure> {
    let query: Vec<(&str, &str)> = shown
        .query
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let found = Api::new(global)?.list(shown.path, &query, shown.limit)?;
    if global.json {
        table::json(&list_json(&found))?;
        return Ok(Outcome::Done);
    }
    let Page { items, next } = found;
    let items = items
        .into_iter()
        .map(typed::<T>)
        .collect::<Result<Vec<T>, Failure>>()?;
    table::rows(shown.headings, items.into_iter().map(row), shown.none)?;
    if next.is_some() {
        eprintln!("There is more: leave --limit out to see all.");
    }
    Ok(Outcome::Done)
}

/// The pairs of a query string that are there.
fn asked<'a>(pairs: &[(&'a str, Option<String>)]) -> Vec<(&'a str, String)> {
    pairs
        .iter()
        .filter_map(|(name, value)| Some((*name, value.clone()?)))
        .collect()
}

/// Prints an answer as JSON, or what `people` print.
fn show_one<T: DeserializeOwned>(
    global: &Global,
    answer: Value,
    people: impl FnOnce(T) -> Result<(), Failure>,
) -> Result<Outcome, Failure> {
    if global.json {
        table::json(&answer)?;
    } else {
        people(typed(answer)?)?;
    }
    Ok(Outcome::Done)
}

/// A refusal of what was typed.
fn wrong(message: impl std::fmt::Display, hint: &str) -> Failure {
    Failure::wrong_use(anyhow!("{message}")).hint(hint)
}
pub mod up;
