//! `patchloop ticket`: one per order that ended, and one per patch that a rule holds for somebody to study.

use clap::{Args, Subcommand};
use domain::decision::Word;
use domain::ticket::TicketState;
use jiff::Timestamp;
use serde_json::json;
use service::decision::DecisionMade;
use service::ticket::TicketItem;

use super::{Limit, Shown, asked, decision, instant, show_list, show_one};
use crate::cli::Global;
use crate::client::{Api, escaped};
use crate::failure::{Failure, Outcome};
use crate::table;

/// `patchloop ticket`.
#[derive(Debug, Subcommand)]
pub enum TicketCommand {
    /// List tickets: first those whose answer is overdue, then newest first
    List {
        /// Only open or closed ones
        #[arg(long)]
        state: Option<TicketState>,
        /// Only those that this person or team owes an answer to
        #[arg(long, value_name = "NAME")]
        owner: Option<String>,
        /// Only those whose answer is overdue
        #[arg(long)]
        overdue: bool,
        /// How much of the list
        #[command(flatten)]
        limit: Limit,
    },
    /// Answer a ticket that asks for a study: a decision about its patch for its client
    Answer(AnswerArgs),
}

/// `patchloop ticket answer`.
#[derive(Debug, Args)]
pub struct AnswerArgs {
    /// The ticket's id
    ticket: String,
    /// approve (may be installed), accept-risk (left open until a day), hold (not now) or deny (not at
    /// all)
    word: Word,
    /// Why, in one sentence
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Until when it holds, such as 2026-12-24 or 2026-12-24T06:00Z [default: until it is ended]
    #[arg(long, value_name = "TIME", value_parser = instant)]
    until: Option<Timestamp>,
    /// Only say what it would touch
    #[arg(long)]
    dry_run: bool,
}

const HEADINGS: &[&str] = &[
    "ticket", "made", "state", "owner", "due", "client", "device", "subject", "patches",
];

/// Runs the command.
pub fn run(command: &TicketCommand, global: &Global) -> Result<Outcome, Failure> {
    match command {
        TicketCommand::List {
            state,
            owner,
            overdue,
            limit,
        } => {
            let some = state.is_some() || owner.is_some() || *overdue;
            show_list(
                global,
                &Shown {
                    path: "tickets",
                    query: asked(&[
                        ("state", state.map(|state| state.to_string())),
                        ("owner", owner.clone()),
                        ("overdue", overdue.then(|| "true".to_owned())),
                    ]),
                    limit: limit.limit,
                    headings: HEADINGS,
                    none: match some {
                        true => "There is no such ticket.",
                        false => {
                            "There is no ticket: no order has ended yet, and no rule holds a patch for a study."
                        }
                    },
                },
                row,
            )
        }
        TicketCommand::Answer(args) => {
            let body = json!({
                "word": args.word, "reason": args.reason, "until": args.until,
                "dry_run": args.dry_run,
            });
            let path = format!("tickets/{}/answer", escaped(&args.ticket));
            let answer = Api::new(global)?.post(&path, &body)?;
            show_one(global, answer, |made: DecisionMade| {
                decision::show(&made, args.word)
            })
        }
    }
}

/// One ticket as a row.
fn row(ticket: TicketItem) -> Vec<String> {
    let patches: Vec<String> = ticket.patches.iter().map(ToString::to_string).collect();
    let state = match ticket.overdue {
        true => "overdue".to_owned(),
        false => ticket.state.to_string(),
    };
    let device = match ticket.devices {
        Some(1) => "1 waits".to_owned(),
        Some(several) => format!("{several} wait"),
        None => ticket.device,
    };
    vec![
        ticket.id.to_string(),
        table::minute(ticket.made_at),
        state,
        table::maybe(ticket.owner),
        table::maybe_minute(ticket.due_at),
        ticket.client,
        device,
        ticket.subject,
        table::first_of(&patches, 2),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn study(overdue: bool, devices: u32) -> TicketItem {
        let at = |text: &str| -> Timestamp { text.parse().expect("a time") };
        TicketItem {
            id: domain::id::TicketId::from_bytes([7; 16]),
            subject: "study openssl, held by the rule Kernels".into(),
            client: "Acme".into(),
            device: String::new(),
            device_id: None,
            order: None,
            patches: vec!["deb:bookworm/openssl@3.0.15-1".parse().expect("a patch")],
            evidence: vec!["The rule Kernels holds it for the Linux team to decide.".into()],
            state: TicketState::Open,
            cause: "study".into(),
            made_at: at("2026-03-02T12:00:00Z"),
            changed_at: at("2026-03-02T12:00:00Z"),
            owner: Some("the Linux team".into()),
            due_at: Some(at("2026-03-07T12:00:00Z")),
            overdue,
            rule: Some("Kernels".into()),
            devices: Some(devices),
        }
    }

    #[test]
    fn a_study_shows_its_owner_when_it_is_due_and_how_many_wait() {
        let rows = [study(true, 1), study(false, 12)].map(|ticket| row(ticket).join(" | "));
        insta::assert_snapshot!(rows.join("\n"));
    }
}
