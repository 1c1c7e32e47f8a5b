//! `patchloop feed`: the server's feeds, and documents looked at without a server.

use std::sync::Arc;

use clap::{Args, Subcommand};
use domain::clock::Clock;
use domain::feed::Feed;
use jiff::Timestamp;
use serde_json::json;
use service::feed::document::{DocumentChanged, DocumentItem};
use service::feed::refresh::FeedsAsked;
use service::feed::{FeedItem, FeedStatus};

use super::{Limit, Shown, asked, show_list, show_one};
use crate::cli::Global;
use crate::client::{Api, escaped};
use crate::failure::{Failure, Outcome};
use crate::offline;
use crate::table;

/// `patchloop feed …`.
#[derive(Debug, Subcommand)]
pub enum FeedCommand {
    /// List the known feeds, and which of them the server fetches
    List,
    /// Say how old each feed is against its own rhythm, and what is in quarantine
    Status,
    /// Fetch a feed from now on
    Enable {
        /// The feed
        feed: Feed,
    },
    /// Fetch a feed no more; what is at hand stays in force
    Disable {
        /// The feed
        feed: Feed,
    },
    /// Have feeds fetched at once
    Refresh {
        /// Which [default: all that are enabled]
        feeds: Vec<Feed>,
    },
    /// List kept documents
    Documents {
        /// Only those of this feed
        #[arg(long)]
        feed: Option<Feed>,
        /// Only those that stand so: good, beside, replaced, quarantined, deleted
        #[arg(long)]
        standing: Option<String>,
        /// How much of the list
        #[command(flatten)]
        limit: Limit,
    },
    /// Put a quarantined document in force
    Release(ChangeArgs),
    /// Take a document out of force for good; a tombstone stays
    Delete(ChangeArgs),
    /// Signed bundles of documents, for places without internet
    #[command(subcommand)]
    Bundle(super::bundle::BundleCommand),
    /// Look at documents without a server: one JSON object a file
    Inspect(offline::inspect::InspectArgs),
}

/// Which document, and why.
#[derive(Debug, Args)]
pub struct ChangeArgs {
    /// The feed
    feed: Feed,
    /// The name it came under, or the first characters of its hash (at least 8)
    document: String,
    /// Why; written down
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Only say what would change
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub fn run(
    command: &FeedCommand,
    global: &Global,
    clock: Arc<dyn Clock>,
) -> Result<Outcome, Failure> {
    match command {
        FeedCommand::List => list(global),
        FeedCommand::Status => status(global),
        FeedCommand::Enable { feed } => enable(global, *feed, true, clock.now()),
        FeedCommand::Disable { feed } => enable(global, *feed, false, clock.now()),
        FeedCommand::Refresh { feeds } => refresh(global, feeds),
        FeedCommand::Documents {
            feed,
            standing,
            limit,
        } => documents(global, *feed, standing.as_deref(), limit),
        FeedCommand::Release(args) => change(global, args, "release"),
        FeedCommand::Delete(args) => change(global, args, "delete"),
        FeedCommand::Bundle(command) => super::bundle::run(command, global, clock.as_ref()),
        FeedCommand::Inspect(args) => offline::inspect::run(args),
    }
}

fn list(global: &Global) -> Result<Outcome, Failure> {
    let answer = Api::new(global)?.get("feeds", &[])?;
    show_one(global, answer, |status: FeedStatus| {
        table::rows(
            &["feed", "fetched", "every", "publisher", "what", "licence"],
            status.feeds.into_iter().map(|feed| {
                vec![
                    feed.feed.to_string(),
                    fetched(&feed).to_owned(),
                    rhythm(feed.rhythm_minutes),
                    feed.publisher,
                    feed.what,
                    feed.licence,
                ]
            }),
            "No feed is known.",
        )
    })
}

fn fetched(feed: &FeedItem) -> &'static str {
    match (feed.addresses.is_empty(), feed.enabled) {
        (true, _) => "given",
        (false, true) => "yes",
        (false, false) => "no",
    }
}

fn rhythm(minutes: u32) -> String {
    if minutes.is_multiple_of(24 * 60) {
        format!("{} d", minutes / (24 * 60))
    } else {
        format!("{} h", minutes / 60)
    }
}

fn status(global: &Global) -> Result<Outcome, Failure> {
    let answer = Api::new(global)?.get("feeds", &[])?;
    show_one(global, answer, |status: FeedStatus| {
        table::rows(
            &[
                "feed",
                "age",
                "as of",
                "documents",
                "records",
                "broken",
                "quarantined",
                "last error",
            ],
            status.feeds.iter().map(|feed| row(feed, status.at)),
            "No feed is known.",
        )?;
        table::say(&format!("\n{}", table::clean(&status.sentence)))?;
        if !status.quarantined.is_empty() {
            table::heading("Quarantine")?;
            table::rows(
                &["feed", "document", "sha256", "since", "why"],
                status.quarantined.into_iter().map(|document| {
                    vec![
                        document.feed.to_string(),
                        document.document,
                        document.sha256.chars().take(16).collect(),
                        table::minute(document.since),
                        document.why,
                    ]
                }),
                "",
            )?;
        }
        if !status.problems.is_empty() {
            table::heading("Not read, or not whole")?;
            for problem in status.problems {
                table::say(&table::clean(&format!(
                    "  {}: {}",
                    problem.document, problem.why
                )))?;
            }
        }
        Ok(())
    })
}

fn row(feed: &FeedItem, now: Timestamp) -> Vec<String> {
    let age = match feed.as_of {
        Some(as_of) => format!("{} ({})", feed.freshness.word(), age(as_of, now)),
        None => feed.freshness.word().to_owned(),
    };
    vec![
        feed.feed.to_string(),
        age,
        table::maybe_minute(feed.as_of),
        known(feed.documents),
        known(feed.records),
        feed.broken.to_string(),
        feed.quarantined.to_string(),
        feed.error.clone().unwrap_or_else(|| "-".to_owned()),
    ]
}

/// A count; without documents it is unknown and never 0.
fn known(count: Option<u64>) -> String {
    count.map_or_else(|| "unknown".to_owned(), |count| count.to_string())
}

/// How old something is, in the unit that tells most.
pub(super) fn age(at: Timestamp, now: Timestamp) -> String {
    let minutes = now.duration_since(at).as_mins().max(0);
    match minutes {
        0..=119 => format!("{minutes} min"),
        120..=2879 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / (24 * 60)),
    }
}

fn enable(global: &Global, feed: Feed, enabled: bool, now: Timestamp) -> Result<Outcome, Failure> {
    let path = format!("feeds/{feed}/enabled");
    let answer = Api::new(global)?.put(&path, &json!({ "enabled": enabled }))?;
    show_one(global, answer, |item: FeedItem| {
        table::facts(&[
            ("feed", item.feed.to_string()),
            ("fetched", fetched(&item).to_owned()),
            ("age", row(&item, now)[1].clone()),
        ])
    })
}

fn refresh(global: &Global, feeds: &[Feed]) -> Result<Outcome, Failure> {
    let answer = Api::new(global)?.post("feeds/refresh", &json!({ "feeds": feeds }))?;
    show_one(global, answer, |asked: FeedsAsked| {
        let words: Vec<&str> = asked.feeds.iter().map(|feed| feed.word()).collect();
        match words.as_slice() {
            [] => table::say("No feed is enabled: `patchloop feed enable FEED`."),
            words => table::say(&format!(
                "Being fetched: {}. `patchloop feed status` says what came of it.",
                words.join(", ")
            )),
        }
    })
}

fn documents(
    global: &Global,
    feed: Option<Feed>,
    standing: Option<&str>,
    limit: &Limit,
) -> Result<Outcome, Failure> {
    show_list(
        global,
        &Shown {
            path: "feeds/documents",
            query: asked(&[
                ("feed", feed.map(|feed| feed.to_string())),
                ("standing", standing.map(str::to_owned)),
            ]),
            limit: limit.limit,
            headings: &[
                "feed", "document", "stands", "records", "broken", "dated", "fetched", "sha256",
                "why",
            ],
            none: "No document is kept.",
        },
        |document: DocumentItem| {
            vec![
                document.feed.to_string(),
                document.document,
                document.standing.to_string(),
                document.records.to_string(),
                document.broken.to_string(),
                table::maybe_minute(document.dated),
                table::minute(document.fetched_at),
                document.sha256.chars().take(16).collect(),
                document.why,
            ]
        },
    )
}

fn change(global: &Global, args: &ChangeArgs, verb: &str) -> Result<Outcome, Failure> {
    let path = format!("feeds/{}/{}", escaped(args.feed.word()), verb);
    let body = json!({
        "document": args.document,
        "reason": args.reason,
        "dry_run": args.dry_run,
    });
    let answer = Api::new(global)?.post(&path, &body)?;
    show_one(global, answer, |changed: DocumentChanged| {
        table::facts(&[
            ("document", changed.document.document),
            ("sha256", changed.document.sha256),
            ("advisories that come", changed.comes.to_string()),
            ("advisories that go", changed.goes.to_string()),
            (
                "done",
                if changed.done {
                    "yes"
                } else {
                    "no, only tried"
                }
                .to_owned(),
            ),
        ])
    })
}
