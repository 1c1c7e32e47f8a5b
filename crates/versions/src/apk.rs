//! Order of Alpine package versions: `number{.number}…{letter}{_suffix{number}}…{~hash}{-r#}`.
//!
//! The order is that of apk-tools 3. Both versions are read token by token; the first pair that
//! differs decides. Where the kinds of token differ, a pre-release suffix (`_alpha`, `_beta`, `_pre`,
//! `_rc`) is below everything, and otherwise the kind that may stand earlier in a version is above.
//!
//! What the grammar forbids is installed in the field all the same (`5.1p1-r0` came in with apk-tools
//! 2, which allowed digits after the letter), so [`order`](crate::order) takes every text. apk-tools 3
//! stops at the first token that it does not know and ranks the side that has one below the other;
//! here two things are added, because it would call many different versions equal:
//! - `-r` without a number is `-r0`, as apk-tools 2 reads it, and so is another text after a hyphen,
//!   which then counts as a version with something unknown behind `-r0`;
//! - when both sides stop at the same place, the rest is read as apk-tools 2 would (digits after the
//!   letter, empty numbers), so that `5.1p1-r0` is below `5.1p1-r1` and `5.1p2-r0`.
//!
//! Numbers have any length; apk-tools would let those above 64 bits wrap around.
//!
//! Sources: apk-package(5); the behaviour of apk-tools 2.14 and 3.0.

use std::cmp::Ordering;

use crate::fault::Fault;
use crate::number;

/// Suffixes from the lowest to the highest, each with its rank; no suffix at all is
/// [`SUFFIX_NONE`].
const SUFFIXES: [(&[u8], u8); 9] = [
    (b"alpha", 0),
    (b"beta", 1),
    (b"pre", 2),
    (b"rc", 3),
    (b"cvs", 5),
    (b"svn", 6),
    (b"git", 7),
    (b"hg", 8),
    (b"p", 9),
];

/// Suffixes ranked below this one announce a release that is still to come.
const SUFFIX_NONE: u8 = 4;

/// How much a reader accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// The grammar.
    Strict,
    /// The grammar, and a hyphen without a revision number.
    Field,
    /// What apk-tools 2 could still make sense of.
    Older,
}

/// A token of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    /// The first number.
    First(&'a [u8]),
    /// A further number, after a dot; or, to the older reading, after a letter.
    Number(&'a [u8]),
    Letter(u8),
    /// A suffix by its rank.
    Suffix(u8),
    SuffixNumber(&'a [u8]),
    Hash(&'a [u8]),
    Revision(&'a [u8]),
    End,
    Unknown,
}

impl Token<'_> {
    /// Returns the place in a version at which this kind of token may stand.
    const fn place(self) -> u8 {
        match self {
            Self::First(_) => 0,
            Self::Number(_) => 1,
            Self::Letter(_) => 2,
            Self::Suffix(_) => 3,
            Self::SuffixNumber(_) => 4,
            Self::Hash(_) => 5,
            Self::Revision(_) => 6,
            Self::End => 7,
            Self::Unknown => 8,
        }
    }

    /// Returns the rank among tokens of other kinds.
    const fn rank(self) -> u8 {
        match self {
            Self::Suffix(rank) if rank < SUFFIX_NONE => 0,
            other => 9 - other.place(),
        }
    }

    fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => compare_numbers(a, b),
            (Self::First(a), Self::First(b))
            | (Self::SuffixNumber(a), Self::SuffixNumber(b))
            | (Self::Revision(a), Self::Revision(b)) => number::compare(a, b),
            (Self::Letter(a), Self::Letter(b)) | (Self::Suffix(a), Self::Suffix(b)) => a.cmp(&b),
            (Self::Hash(a), Self::Hash(b)) => a.cmp(b),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }
}

/// Orders numbers after a dot: as text when one begins with a zero, like decimal fractions.
///
/// An empty number, which only the older reading knows, stands between the two sorts.
fn compare_numbers(a: &[u8], b: &[u8]) -> Ordering {
    let sort = |digits: &[u8]| match digits.first() {
        Some(b'0') => 0_u8,
        None => 1,
        Some(_) => 2,
    };
    match (sort(a), sort(b)) {
        (0, 0) => a.cmp(b),
        (2, 2) => number::compare(a, b),
        (a, b) => a.cmp(&b),
    }
}

/// Reads tokens from left to right.
#[derive(Debug, Clone, Copy)]
struct Reader<'a> {
    rest: &'a [u8],
    /// The token that was read last; none at the beginning.
    last: Option<Token<'a>>,
    reading: Reading,
}

impl<'a> Reader<'a> {
    const fn new(version: &'a [u8], reading: Reading) -> Self {
        Self {
            rest: version,
            last: None,
            reading,
        }
    }

    /// Returns the next token and steps over it. Over [`Token::Unknown`] it does not step, so that
    /// another reading can go on there.
    fn next(&mut self) -> Token<'a> {
        let before = *self;
        let Some(last) = self.last else {
            let digits = self.take(u8::is_ascii_digit);
            if digits.is_empty() && self.reading != Reading::Older {
                return Token::Unknown;
            }
            self.last = Some(Token::First(digits));
            return Token::First(digits);
        };
        let token = self.after(last);
        match token {
            Token::Unknown => *self = before,
            Token::End => {}
            Token::First(_)
            | Token::Number(_)
            | Token::Letter(_)
            | Token::Suffix(_)
            | Token::SuffixNumber(_)
            | Token::Hash(_)
            | Token::Revision(_) => self.last = Some(token),
        }
        token
    }

    fn after(&mut self, last: Token<'a>) -> Token<'a> {
        let place = last.place();
        let older = self.reading == Reading::Older;
        let Some((&first, behind)) = self.rest.split_first() else {
            return Token::End;
        };
        match first {
            b'a'..=b'z' if place <= 1 => {
                self.rest = behind;
                Token::Letter(first)
            }
            b'.' if place <= 1 => {
                self.rest = behind;
                match self.take(u8::is_ascii_digit) {
                    [] if !older => Token::Unknown,
                    digits => Token::Number(digits),
                }
            }
            b'0'..=b'9' if place == 3 => Token::SuffixNumber(self.take(u8::is_ascii_digit)),
            b'0'..=b'9' if place == 2 && older => Token::Number(self.take(u8::is_ascii_digit)),
            b'_' if place <= 4 => {
                self.rest = behind;
                let word = self.take(u8::is_ascii_lowercase);
                SUFFIXES
                    .iter()
                    .find(|(suffix, _)| *suffix == word)
                    .map_or(Token::Unknown, |&(_, rank)| Token::Suffix(rank))
            }
            b'~' if place < 5 => {
                self.rest = behind;
                match self.take(u8::is_ascii_hexdigit) {
                    [] => Token::Unknown,
                    hash => Token::Hash(hash),
                }
            }
            b'-' if place < 6 => self.revision(),
            _ => Token::Unknown,
        }
    }

    /// Reads what a hyphen begins. What is no revision leaves its text behind, to be met as unknown.
    fn revision(&mut self) -> Token<'a> {
        let rest = self.rest.strip_prefix(b"-r");
        let digits = match rest {
            Some(rest) => {
                self.rest = rest;
                self.take(u8::is_ascii_digit)
            }
            None => b"",
        };
        if digits.is_empty() && self.reading == Reading::Strict {
            return Token::Unknown;
        }
        Token::Revision(digits)
    }

    fn take(&mut self, wanted: impl Fn(&u8) -> bool) -> &'a [u8] {
        let (taken, rest) = number::split_run(self.rest, wanted);
        self.rest = rest;
        taken
    }
}

/// Orders two versions. Every text has a place.
#[must_use]
pub fn compare(a: &str, b: &str) -> Ordering {
    compare_bytes(a.as_bytes(), b.as_bytes())
}

/// Orders two versions that may not be UTF-8.
#[must_use]
pub fn compare_bytes(a: &[u8], b: &[u8]) -> Ordering {
    let mut a = Reader::new(a, Reading::Field);
    let mut b = Reader::new(b, Reading::Field);
    let order = compare_tokens(&mut a, &mut b);
    if order.is_ne() {
        return order;
    }
    // Equal up to here: both have ended, or both stopped at the same place.
    a.reading = Reading::Older;
    b.reading = Reading::Older;
    compare_tokens(&mut a, &mut b)
}

fn compare_tokens(a: &mut Reader<'_>, b: &mut Reader<'_>) -> Ordering {
    loop {
        let (token_a, token_b) = (a.next(), b.next());
        let tokens = token_a.compare(token_b);
        if tokens.is_ne() || matches!(token_a, Token::End | Token::Unknown) {
            return tokens;
        }
    }
}

/// Checks a version against the grammar of apk-tools 3.
pub(crate) fn parse(version: &str) -> Result<(), Fault> {
    if version.is_empty() {
        return Err(Fault::Empty { part: "version" });
    }
    let mut reader = Reader::new(version.as_bytes(), Reading::Strict);
    loop {
        let token = reader.next();
        if token == Token::End {
            return Ok(());
        }
        if token == Token::Unknown && reader.last.is_none() {
            return Err(Fault::NoLeadingDigit);
        }
        if token == Token::Unknown {
            let at = version.len() - reader.rest.len();
            // A token ends after ASCII only, so this is a boundary between characters.
            let rest = version.get(at..).unwrap_or_default().to_owned();
            return Err(Fault::Unexpected { at: at + 1, rest });
        }
    }
}
