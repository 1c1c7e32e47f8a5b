//! `patchloop feed inspect FILE...`: recognises, reads and counts documents without a server.
//!
//! One JSON object a line, a line for every file; exit code 1 when one was refused.

use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;
use domain::feed::Feed;

use crate::failure::{Failure, Outcome};

/// Exit code when a document was refused.
const REFUSED: u8 = 1;

/// `patchloop feed inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// Take the documents for this feed's [default: by their content]
    #[arg(long, value_name = "NAME")]
    pub feed: Option<String>,
    /// Documents; packed ones are opened
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Runs the command.
pub fn run(args: &InspectArgs) -> Result<Outcome, Failure> {
    let expected: Option<Feed> = match &args.feed {
        None => None,
        Some(name) => Some(name.parse().map_err(|_| {
            Failure::wrong_use(anyhow!("`{name}` is not the name of a feed"))
                .hint("`patchloop feed list` names the feeds; without --feed the content decides")
        })?),
    };
    let mut output = io::stdout().lock();
    let mut all_accepted = true;
    for path in &args.files {
        let seen = feeds::inspect::file(path, expected);
        all_accepted &= seen.accepted;
        // Flushed line by line, so that another program can read on.
        writeln!(output, "{}", seen.to_json(&path.to_string_lossy()))?;
        output.flush()?;
    }
    Ok(if all_accepted {
        Outcome::Done
    } else {
        Outcome::Code(REFUSED)
    })
}
