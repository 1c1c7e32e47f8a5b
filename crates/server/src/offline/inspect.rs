//! `patchloop feed inspect FILE...`: recognises, reads and counts documents without a server.
//!
//! One JSON object a line, a line for every file; exit code 1 when one was refused. The work is done
//! by a second process of this program, so that a document that uses up the memory which this user
//! may have, or the stack, costs one refusal and not the answer: an allocation that fails ends a
//! process at once.

use std::io::{self, BufRead as _, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::anyhow;
use clap::Args;
use domain::feed::Feed;
use feeds::inspect::{self, Inspection};

use crate::failure::{Failure, Outcome};

/// Exit code when a document was refused.
const REFUSED: u8 = 1;
/// Files that one worker is given: a list of arguments has its limits.
const FILES_OF_A_WORKER: usize = 1_000;

/// `patchloop feed inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// Take the documents for this feed's [default: by their content]
    #[arg(long, value_name = "NAME")]
    pub feed: Option<String>,
    /// Do the work in this process
    #[arg(long, hide = true)]
    pub direct: bool,
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
    let mut lines = Lines {
        output: io::stdout().lock(),
        all_accepted: true,
    };
    if args.direct {
        for path in &args.files {
            lines.say(path, &inspect::file(path, expected))?;
        }
    } else {
        let mut rest = args.files.as_slice();
        while !rest.is_empty() {
            let count = rest.len().min(FILES_OF_A_WORKER);
            let done = by_worker(&rest[..count], expected, &mut lines)?;
            rest = &rest[done..];
        }
    }
    Ok(if lines.all_accepted {
        Outcome::Done
    } else {
        Outcome::Code(REFUSED)
    })
}

/// The answer, line by line.
struct Lines<W: Write> {
    output: W,
    all_accepted: bool,
}

impl<W: Write> Lines<W> {
    fn say(&mut self, path: &std::path::Path, seen: &Inspection) -> io::Result<()> {
        self.all_accepted &= seen.accepted;
        self.line(&seen.to_json(&path.to_string_lossy()))
    }

    /// Flushed at once, so that another program can read on.
    fn line(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.output, "{line}")?;
        self.output.flush()
    }
}

/// Has a worker look at files and says how many are done. A worker that dies costs the file that it
/// was looking at.
fn by_worker<W: Write>(
    files: &[PathBuf],
    expected: Option<Feed>,
    lines: &mut Lines<W>,
) -> Result<usize, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["feed", "inspect", "--direct"]);
    if let Some(feed) = expected {
        command.arg("--feed").arg(feed.to_string());
    }
    command.arg("--").args(files);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut worker = command.spawn()?;
    let mut done = 0;
    if let Some(output) = worker.stdout.take() {
        for line in BufReader::new(output).lines() {
            let line = line?;
            if done == files.len() || !line.ends_with('}') {
                break;
            }
            lines.line(&line)?;
            done += 1;
        }
    }
    let status = worker.wait()?;
    lines.all_accepted &= status.success();
    if let Some(path) = files.get(done) {
        let why = "it broke its reader, most likely for want of memory";
        lines.say(path, &inspect::given_up(path, why))?;
        done += 1;
    }
    Ok(done)
}
