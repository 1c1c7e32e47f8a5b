//! `patchloop supersedes --feeds DIR`: which Windows updates replace which, without a server.
//!
//! Questions are read from standard input, one a line: product id, KB and another KB with TABs
//! between them; a KB may begin with the letters `KB`, columns after the third are ignored. Empty
//! lines and lines that begin with `#` get no answer. A line may end in LF or CR LF.
//!
//! Each question gets one line: `1` when the KB replaces the other for that product, directly or in
//! steps, `0` when it does not (also for a KB and itself, and for two that replace each other), or
//! `unknown: WHY` when a document that would tell is not at hand. That is an answer too: exit code 0
//! means that every question was answered, 1 that the folder cannot be read. Exit code 2 means wrong
//! use or lines that are no question, which are named with their numbers; the other lines are answered
//! all the same. Documents that could not be read are named on standard error.

use std::io::{self, BufRead, BufWriter, ErrorKind, Write};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use domain::package::Kb;
use engine::assess::windows::{Answer, KbGraph};

use crate::failure::{Failure, Outcome};

/// Exit code when every question was answered.
const DONE: u8 = 0;
/// Exit code for wrong use and for lines that are no question.
const WRONG_USE: u8 = 2;
/// Longest line that is read, in bytes; a longer one is not a list of questions.
const LINE_BYTES_MAX: usize = 1024 * 1024;
/// Faulty lines, and documents, that are named one by one; the others are only counted.
const FAULTS_NAMED_MAX: u64 = 10;
/// Characters of a faulty line that are shown.
const SHOWN_CHARACTERS_MAX: usize = 60;
/// Longest product id, in bytes.
const PRODUCT_BYTES_MAX: usize = 128;
/// Size of the buffer for answers, in bytes.
const ANSWERS_BYTES: usize = 64 * 1024;

/// `patchloop supersedes`.
#[derive(Debug, Args)]
pub struct SupersedesArgs {
    /// Folder with feed documents, recognised by their content
    #[arg(long, value_name = "DIR")]
    pub feeds: PathBuf,
}

/// Runs the command.
pub fn run(args: &SupersedesArgs) -> Result<Outcome, Failure> {
    std::fs::read_dir(&args.feeds)
        .with_context(|| {
            format!(
                "supersedes: cannot read the folder {}",
                args.feeds.display()
            )
        })
        .map_err(|error| Failure::failed(error).hint("give a folder with feed documents"))?;
    let loaded = feeds::definitions::load(&args.feeds);
    let mut errors = io::stderr().lock();
    tell_problems(&loaded.problems, &mut errors)?;
    let graph = KbGraph::build(&loaded.definitions);
    let code = answer_all(
        &graph,
        &mut io::stdin().lock(),
        &mut io::stdout().lock(),
        &mut errors,
    )?;
    Ok(Outcome::Code(code))
}

fn tell_problems(
    problems: &[feeds::definitions::Problem],
    errors: &mut dyn Write,
) -> io::Result<()> {
    for problem in problems.iter().take(FAULTS_NAMED_MAX as usize) {
        writeln!(
            errors,
            "note: {}: {}",
            without_controls(&problem.path.display().to_string()),
            without_controls(&problem.why)
        )?;
    }
    let more = problems.len().saturating_sub(FAULTS_NAMED_MAX as usize);
    if more > 0 {
        writeln!(
            errors,
            "note: {more} more documents are not read, or not whole"
        )?;
    }
    Ok(())
}

/// Answers every question on `input` and returns the exit code.
fn answer_all(
    graph: &KbGraph,
    input: &mut dyn BufRead,
    output: &mut dyn Write,
    errors: &mut dyn Write,
) -> io::Result<u8> {
    Run {
        graph,
        answers: BufWriter::with_capacity(ANSWERS_BYTES, output),
        errors,
        line_number: 0,
        faults: 0,
    }
    .all(input)
}

/// One run over standard input.
struct Run<'o, 'e> {
    graph: &'o KbGraph,
    answers: BufWriter<&'o mut dyn Write>,
    errors: &'e mut dyn Write,
    line_number: u64,
    faults: u64,
}

impl Run<'_, '_> {
    /// Reads to the end. Answers are flushed whenever the input has to be waited for, so that another
    /// program can ask question by question.
    fn all(mut self, input: &mut dyn BufRead) -> io::Result<u8> {
        // The beginning of a line whose end has not come yet.
        let mut begun: Vec<u8> = Vec::new();
        loop {
            let chunk = match input.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if chunk.is_empty() {
                break;
            }
            let chunk_bytes = chunk.len();
            let mut rest = chunk;
            while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
                begun.extend_from_slice(&rest[..end]);
                self.line(&begun)?;
                begun.clear();
                rest = &rest[end + 1..];
            }
            begun.extend_from_slice(rest);
            input.consume(chunk_bytes);
            if begun.len() > LINE_BYTES_MAX {
                return self.stop_at_a_long_line();
            }
            self.answers.flush()?;
        }
        if !begun.is_empty() {
            self.line(&begun)?;
        }
        self.finish()
    }

    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        self.line_number += 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.trim_ascii().is_empty() || line.starts_with(b"#") {
            return Ok(());
        }
        match question(line) {
            Ok((product_id, kb, other)) => match self.graph.supersedes(product_id, kb, other) {
                Answer::Yes => writeln!(self.answers, "1"),
                Answer::No => writeln!(self.answers, "0"),
                Answer::Unknown(why) => {
                    writeln!(
                        self.answers,
                        "unknown: {}",
                        without_controls(&why.to_string())
                    )
                }
            },
            Err(why) => self.fault(line, &why),
        }
    }

    fn fault(&mut self, line: &[u8], why: &str) -> io::Result<()> {
        self.faults += 1;
        if self.faults <= FAULTS_NAMED_MAX {
            // Answers so far come first, so that both streams read in order on a terminal.
            self.answers.flush()?;
            writeln!(
                self.errors,
                "error: supersedes: line {} of standard input {why}: `{}`",
                self.line_number,
                shown(line)
            )?;
        }
        Ok(())
    }

    fn stop_at_a_long_line(mut self) -> io::Result<u8> {
        self.answers.flush()?;
        writeln!(
            self.errors,
            "error: supersedes: line {} of standard input is longer than {LINE_BYTES_MAX} bytes",
            self.line_number + 1
        )?;
        self.hint()?;
        Ok(WRONG_USE)
    }

    fn finish(mut self) -> io::Result<u8> {
        self.answers.flush()?;
        if self.faults == 0 {
            return Ok(DONE);
        }
        if self.faults > FAULTS_NAMED_MAX {
            let more = self.faults - FAULTS_NAMED_MAX;
            writeln!(
                self.errors,
                "error: supersedes: {more} more lines are no questions"
            )?;
        }
        self.hint()?;
        Ok(WRONG_USE)
    }

    fn hint(&mut self) -> io::Result<()> {
        writeln!(
            self.errors,
            "hint: give product id, KB and other KB with TABs between them, one question a line"
        )
    }
}

/// Product id, KB and other KB. Errors: what the line is not.
fn question(line: &[u8]) -> Result<(&str, Kb, Kb), String> {
    let line = std::str::from_utf8(line).map_err(|_| "is not UTF-8".to_owned())?;
    let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
    let [product_id, kb, other, ..] = fields[..] else {
        return Err(format!("has {} of 3 fields", fields.len()));
    };
    if product_id.is_empty() || product_id.len() > PRODUCT_BYTES_MAX {
        return Err("has no product id".to_owned());
    }
    let number = |text: &str| {
        let digits = match text.get(..2) {
            Some(letters) if letters.eq_ignore_ascii_case("kb") => &text[2..],
            _ => text,
        };
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number
            .then(|| digits.parse().ok())
            .flatten()
            .map(Kb)
            .ok_or_else(|| format!("holds `{}` in the place of a KB", shown(text.as_bytes())))
    };
    Ok((product_id, number(kb)?, number(other)?))
}

/// Returns the beginning of a faulty text, fit for a terminal.
fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut characters = text.chars();
    let mut beginning: String = characters.by_ref().take(SHOWN_CHARACTERS_MAX).collect();
    if characters.next().is_some() {
        beginning.push('…');
    }
    without_controls(&beginning)
}

/// Writes control characters as escapes: an answer is one line, and no text may steer a terminal.
fn without_controls(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            safe.extend(character.escape_default());
        } else {
            safe.push(character);
        }
    }
    safe
}
