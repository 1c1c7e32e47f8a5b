//! Why a text is not a version, or cannot be ordered.

use crate::Scheme;

/// What is wrong with a text, in words that follow "because".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A part that must hold something is empty.
    #[error("the {part} is empty")]
    Empty {
        /// Name of the part: `version`, `epoch`, `revision`.
        part: &'static str,
    },
    /// Blanks stand where the ecosystem's tool refuses them.
    #[error("it holds a blank")]
    Blank,
    /// A character that the grammar does not allow in this part.
    #[error("`{}` is not allowed in the {part}", .character.escape_debug())]
    Character {
        /// Name of the part.
        part: &'static str,
        /// The first character that is not allowed.
        character: char,
    },
    /// The bytes are not UTF-8, and the ecosystem's versions are text.
    #[error("it is not UTF-8 text")]
    NotText,
    /// A part that must be a number is not one.
    #[error("the {part} is not a number")]
    NotNumber {
        /// Name of the part.
        part: &'static str,
    },
    /// A number above what the ecosystem's tool can hold.
    #[error("the {part} is above {max}")]
    TooBig {
        /// Name of the part.
        part: &'static str,
        /// Largest number allowed.
        max: u64,
    },
    /// A number is written with a leading zero where that is forbidden.
    #[error("a number in the {part} begins with a zero")]
    LeadingZero {
        /// Name of the part.
        part: &'static str,
    },
    /// The version does not begin with a digit.
    #[error("it does not begin with a digit")]
    NoLeadingDigit,
    /// Another number of dotted parts than the grammar wants.
    #[error("it has {found} parts instead of {wanted}")]
    Parts {
        /// What is wanted, in words: `4`, `1 to 4`.
        wanted: &'static str,
        /// Parts found.
        found: usize,
    },
    /// The grammar does not allow what stands from this place on.
    #[error("`{rest}` is not expected at character {at}")]
    Unexpected {
        /// Place, counted in bytes from 1.
        at: usize,
        /// The text from there on.
        rest: String,
    },
    /// More bytes than the ecosystem allows.
    #[error("it is longer than {max} characters")]
    TooLong {
        /// Largest number of characters allowed.
        max: usize,
    },
    /// An approximate version (`< `, `> `) of an unknown one.
    #[error("`unknown` cannot be approximate")]
    ApproximateUnknown,
}

/// A text that the grammar of its ecosystem forbids.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{version}` is not a {scheme} version: {fault}")]
pub struct InvalidVersion {
    /// The ecosystem whose grammar was asked.
    pub scheme: Scheme,
    /// The text as it was given.
    pub version: String,
    /// What is wrong with it.
    pub fault: Fault,
}

/// One of two texts that the ecosystem's own tool would refuse to order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{version}` cannot be ordered: {fault}")]
pub struct Unorderable {
    /// The text that is refused; bytes that are not UTF-8 are replaced by U+FFFD.
    pub version: String,
    /// Why it is refused.
    pub fault: Fault,
}

/// Returns the fault for the first byte of `text` that `allowed` refuses, or nothing.
pub(crate) fn refuse_characters(
    text: &str,
    part: &'static str,
    allowed: impl Fn(char) -> bool,
) -> Result<(), Fault> {
    match text.chars().find(|&character| !allowed(character)) {
        Some(character) => Err(Fault::Character { part, character }),
        None => Ok(()),
    }
}
