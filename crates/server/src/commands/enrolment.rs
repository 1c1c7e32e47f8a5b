//! `patchloop enrolment`: tokens that let devices in.

use clap::Subcommand;
use serde_json::json;
use service::enrolment::EnrolmentMade;

use super::show_one;
use crate::cli::Global;
use crate::client::Api;
use crate::failure::{Failure, Outcome};
use crate::table;

/// `patchloop enrolment`.
#[derive(Debug, Subcommand)]
pub enum EnrolmentCommand {
    /// Make a token that enrols devices at a site; it is shown this once
    Create {
        /// Where the devices stand
        #[arg(long, value_name = "CLIENT/SITE")]
        site: String,
        /// How many devices it enrols
        #[arg(long, value_name = "N", default_value_t = 1)]
        uses: u32,
        /// How long it is valid, such as 30m, 24h or 7d
        #[arg(long, value_name = "DURATION", default_value = "24h")]
        expires: String,
    },
}

/// Runs the command.
pub fn run(command: &EnrolmentCommand, global: &Global) -> Result<Outcome, Failure> {
    match command {
        EnrolmentCommand::Create {
            site,
            uses,
            expires,
        } => {
            let body = json!({ "site": site, "uses": uses, "expires": expires });
            let answer = Api::new(global)?.post("enrolments", &body)?;
            show_one(global, answer, |made: EnrolmentMade| {
                table::facts(&[
                    ("token", made.token.clone()),
                    ("expires", table::minute(made.expires_at)),
                    ("id", made.id.to_string()),
                ])?;
                eprintln!(
                    "It is shown this once. On the device: patchloop-agent enrol --url AGENTS_URL --pin PIN --token {}",
                    made.token
                );
                Ok(())
            })
        }
    }
}
