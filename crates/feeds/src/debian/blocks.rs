//! Texts of blocks: a line at the margin, and indented lines that belong to it.

use crate::format::without_mark;
use crate::refusal::Refusal;

/// Most lines of one block.
pub const BELOW_MAX: usize = 20_000;

/// A block.
#[derive(Debug)]
pub struct Block<'a> {
    /// The line at the margin.
    pub head: &'a str,
    /// Its number, from 1.
    pub number: usize,
    /// The indented lines, without their blanks at both ends, with their numbers.
    pub below: Vec<(usize, &'a str)>,
    /// The number of its last line where that has no line end, so that it may be truncated.
    pub cut: Option<usize>,
    /// Whether it has more lines than are read.
    pub long: bool,
}

/// The text of a document.
pub fn text(bytes: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(without_mark(bytes)).map_err(|error| Refusal::Encoding {
        at: error.valid_up_to(),
    })
}

/// The lines that are neither empty nor a comment, with their numbers; the last one marked where it
/// has no line end.
pub fn lines(text: &str) -> impl Iterator<Item = (usize, &str, bool)> {
    let last = text.lines().count();
    let whole = text.ends_with('\n');
    text.lines()
        .enumerate()
        .map(move |(at, line)| (at + 1, line.trim_end(), at + 1 == last && !whole))
        .filter(|(_, line, _)| !line.trim_start().is_empty() && !line.starts_with('#'))
}

/// Walks the blocks; each is handed over when it is whole.
pub fn each<'a>(
    text: &'a str,
    take: &mut dyn FnMut(Block<'a>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut open: Option<Block<'a>> = None;
    for (number, line, cut) in lines(text) {
        if line.starts_with([' ', '\t'])
            && let Some(block) = &mut open
        {
            if block.below.len() < BELOW_MAX {
                block.below.push((number, line.trim_start()));
            } else {
                block.long = true;
            }
        } else {
            if let Some(block) = open.take() {
                take(block)?;
            }
            open = Some(Block {
                head: line,
                number,
                below: Vec::new(),
                cut: None,
                long: false,
            });
        }
        if cut && let Some(block) = &mut open {
            block.cut = Some(number);
        }
    }
    open.map_or(Ok(()), take)
}
