//! `patchloop compare SCHEME [A B]`: orders versions without a server.
//!
//! With a pair one line is answered; without, pairs are read from standard input, one a line, split
//! at TABs only: blanks inside a field are kept and columns after the second are ignored. Empty lines
//! and lines that begin with `#` get no answer. A line may end in LF or CR LF; a field need not be
//! UTF-8, since package databases hold such versions and dpkg, rpm and apk order bytes.
//!
//! Each pair gets one line: `-1`, `0`, `1`, or `invalid: WHICH: WHY` for a version that the
//! ecosystem's own tool refuses to order. That is an answer too: exit code 0 means that every pair
//! was answered. Exit code 2 means wrong use or lines with fewer than two fields, which are named
//! with their numbers; the other lines are answered all the same.

use std::io::{self, BufRead, BufWriter, ErrorKind, Write};

use versions::{Scheme, Unorderable, order_bytes};

/// Exit code when every pair was answered.
const DONE: u8 = 0;
/// Exit code for wrong use and for lines that hold no pair.
const WRONG_USE: u8 = 2;
/// Longest line that is read, in bytes; a longer one is not a list of pairs.
const LINE_BYTES_MAX: usize = 1024 * 1024;
/// Lines without a pair that are named one by one; the others are only counted.
const FAULTS_NAMED_MAX: u64 = 10;
/// Characters of a faulty line that are shown.
const SHOWN_CHARACTERS_MAX: usize = 60;
/// Size of the buffer for answers, in bytes.
const ANSWERS_BYTES: usize = 64 * 1024;

/// Answers one pair, or every pair on `input`, and returns the exit code.
///
/// # Errors
/// When `input` cannot be read, or `output` or `errors` cannot be written.
pub fn run(
    scheme: &str,
    pair: Option<(String, String)>,
    input: &mut dyn BufRead,
    output: &mut dyn Write,
    errors: &mut dyn Write,
) -> io::Result<u8> {
    let Ok(scheme) = scheme.parse::<Scheme>() else {
        writeln!(
            errors,
            "error: compare: `{}` is not a version scheme",
            shown(scheme.as_bytes())
        )?;
        let names = Scheme::ALL.map(Scheme::name);
        writeln!(errors, "hint: use one of {}", names.join(", "))?;
        return Ok(WRONG_USE);
    };
    match pair {
        Some((a, b)) => {
            write_answer(scheme, a.as_bytes(), b.as_bytes(), output)?;
            output.flush()?;
            Ok(DONE)
        }
        None => {
            let answers = BufWriter::with_capacity(ANSWERS_BYTES, output);
            Run {
                scheme,
                answers,
                errors,
                line_number: 0,
                faults: 0,
            }
            .all(input)
        }
    }
}

/// One run over standard input.
struct Run<'o, 'e> {
    scheme: Scheme,
    answers: BufWriter<&'o mut dyn Write>,
    errors: &'e mut dyn Write,
    line_number: u64,
    faults: u64,
}

impl Run<'_, '_> {
    /// Reads to the end. Answers are flushed whenever the input has to be waited for, so that another
    /// program can ask pair by pair.
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
                if begun.is_empty() {
                    self.line(&rest[..end])?;
                } else {
                    begun.extend_from_slice(&rest[..end]);
                    self.line(&begun)?;
                    begun.clear();
                }
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
        if line.is_empty() || line.starts_with(b"#") {
            return Ok(());
        }
        let mut fields = line.split(|&byte| byte == b'\t');
        match (fields.next(), fields.next()) {
            (Some(a), Some(b)) => write_answer(self.scheme, a, b, &mut self.answers),
            (_, None) | (None, _) => self.fault(line),
        }
    }

    fn fault(&mut self, line: &[u8]) -> io::Result<()> {
        self.faults += 1;
        if self.faults <= FAULTS_NAMED_MAX {
            // Answers so far come first, so that both streams read in order on a terminal.
            self.answers.flush()?;
            writeln!(
                self.errors,
                "error: compare: line {} of standard input has 1 field instead of 2: `{}`",
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
            "error: compare: line {} of standard input is longer than {LINE_BYTES_MAX} bytes",
            self.line_number + 1
        )?;
        writeln!(
            self.errors,
            "hint: give one pair of versions a line, with a TAB between them"
        )?;
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
                "error: compare: {more} more lines have 1 field instead of 2"
            )?;
        }
        writeln!(
            self.errors,
            "hint: put a TAB between both versions; blanks do not split"
        )?;
        Ok(WRONG_USE)
    }
}

fn write_answer(scheme: Scheme, a: &[u8], b: &[u8], output: &mut dyn Write) -> io::Result<()> {
    match order_bytes(scheme, a, b) {
        Ok(order) => output.write_all(match order {
            std::cmp::Ordering::Less => b"-1\n",
            std::cmp::Ordering::Equal => b"0\n",
            std::cmp::Ordering::Greater => b"1\n",
        }),
        Err(Unorderable { version, fault }) => {
            writeln!(output, "invalid: {}: {fault}", without_controls(&version))
        }
    }
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

#[cfg(test)]
mod tests;
