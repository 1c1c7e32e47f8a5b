//! `patchloop owner`: makes the first owner, and lets the owner in. Works on the state folder itself,
//! also while a server runs on it; nothing of this is reachable over HTTP.

use std::sync::Arc;

use clap::Subcommand;
use domain::clock::Clock;
use serde_json::json;

use crate::cli::{Global, StateArgs};
use crate::failure::{Failure, Outcome};
use crate::running::{self, open_service};

/// `patchloop owner`.
#[derive(Debug, Subcommand)]
pub enum OwnerCommand {
    /// Make the first owner, an API token and a sign-in link
    Create {
        /// The owner's name
        name: String,
        /// Where the server keeps its state
        #[command(flatten)]
        state: StateArgs,
    },
    /// Make a new sign-in link for the owner; it works once
    SignIn {
        /// Where the server keeps its state
        #[command(flatten)]
        state: StateArgs,
    },
}

/// Runs the command.
pub fn run(
    command: &OwnerCommand,
    global: &Global,
    clock: Arc<dyn Clock>,
) -> Result<Outcome, Failure> {
    match command {
        OwnerCommand::Create { name, state } => {
            let folder = state.folder()?;
            let service = open_service(&folder, None, clock)?;
            let made = service.owner_create(name).map_err(running::explain)?;
            let link = sign_in_link(&folder, global, &made.sign_in);
            if global.json {
                let line = json!({
                    "owner": made.owner.name, "token": made.token, "sign_in": link,
                });
                println!("{line}");
            } else {
                println!("owner    {}", made.owner.name);
                println!("token    {}", made.token);
                println!("sign in  {link}");
                eprintln!("Both are shown this once. The link works once, within 24 hours.");
            }
        }
        OwnerCommand::SignIn { state } => {
            let folder = state.folder()?;
            let service = open_service(&folder, None, clock)?;
            let secret = service.owner_sign_in().map_err(running::explain)?;
            let link = sign_in_link(&folder, global, &secret);
            if global.json {
                println!("{}", json!({ "sign_in": link }));
            } else {
                println!("{link}");
            }
        }
    }
    Ok(Outcome::Done)
}

/// The whole link: at the address that a running server wrote down, else at `--url`.
fn sign_in_link(folder: &std::path::Path, global: &Global, secret: &str) -> String {
    let base = running::console_url_of(folder).unwrap_or_else(|| global.url.clone());
    format!("{}/sign-in/{secret}", base.trim_end_matches('/'))
}
