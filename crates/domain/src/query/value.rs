//! The values of terms: patterns, comparisons, durations, operating systems.

use std::{borrow::Cow, cmp::Ordering, str::FromStr};

use jiff::SignedDuration;

use super::LetterCase;

/// A text with `*` for any run of characters.
///
/// Kept as the pieces between the stars: `linux*` is `linux` and an empty piece. No piece but the
/// first and the last is empty, so that equal patterns are the same pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    pieces: Vec<String>,
    folded: Vec<String>,
}

impl Pattern {
    /// Builds the pattern from the pieces between stars; at least one.
    pub(super) fn from_pieces(pieces: Vec<String>) -> Self {
        let last = pieces.len() - 1;
        let pieces: Vec<String> = pieces
            .into_iter()
            .enumerate()
            .filter(|(index, piece)| *index == 0 || *index == last || !piece.is_empty())
            .map(|(_, piece)| piece)
            .collect();
        let folded = pieces.iter().map(|piece| piece.to_lowercase()).collect();
        Self { pieces, folded }
    }

    /// Returns the pieces between the stars, as written.
    pub fn pieces(&self) -> &[String] {
        &self.pieces
    }

    /// Returns the text if the pattern has no star.
    pub fn exact(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Tells whether the pattern is `*` alone.
    pub fn is_any(&self) -> bool {
        self.pieces.len() == 2 && self.pieces.iter().all(String::is_empty)
    }

    /// Tells whether the whole of `text` fits.
    pub fn fits(&self, text: &str, letter_case: LetterCase) -> bool {
        match letter_case {
            LetterCase::Kept => fits(&self.pieces, text),
            LetterCase::Ignored => fits(&self.folded, &folded(text)),
        }
    }

    /// Tells whether `name` fits a word alone: without a star, a part of the name is enough.
    pub fn fits_name(&self, name: &str) -> bool {
        match self.folded.as_slice() {
            [only] => folded(name).contains(only.as_str()),
            _ => self.fits(name, LetterCase::Ignored),
        }
    }
}

fn fits(pieces: &[String], text: &str) -> bool {
    let [first, middle @ .., last] = pieces else {
        return pieces.iter().all(|only| only == text);
    };
    let Some(mut rest) = text.strip_prefix(first.as_str()) else {
        return false;
    };
    // The leftmost place is always good enough: it leaves the most for the pieces that follow.
    for piece in middle {
        let Some(at) = rest.find(piece.as_str()) else {
            return false;
        };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last.as_str())
}

fn folded(text: &str) -> Cow<'_, str> {
    if text
        .bytes()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
    {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.to_lowercase())
    }
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// Returns the sign.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// Tells whether a subject's value that stands so to the query's value satisfies the sign.
    pub const fn allows(self, ordering: Ordering) -> bool {
        match self {
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// The unit of a duration. A day is 24 hours, a week seven days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElapsedUnit {
    /// `m`
    Minutes,
    /// `h`
    Hours,
    /// `d`
    Days,
    /// `w`
    Weeks,
}

/// A duration as it was written: `14d` stays `14d`, and is as long as `2w`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed {
    count: u32,
    unit: ElapsedUnit,
}

/// The longest duration, in minutes: a hundred years.
const MINUTES_MAX: u64 = 36_525 * 24 * 60;

impl ElapsedUnit {
    /// Returns the letter.
    pub const fn letter(self) -> char {
        match self {
            Self::Minutes => 'm',
            Self::Hours => 'h',
            Self::Days => 'd',
            Self::Weeks => 'w',
        }
    }

    const fn minutes(self) -> u64 {
        match self {
            Self::Minutes => 1,
            Self::Hours => 60,
            Self::Days => 24 * 60,
            Self::Weeks => 7 * 24 * 60,
        }
    }
}

impl Elapsed {
    /// Returns the number before the unit.
    pub const fn count(self) -> u32 {
        self.count
    }

    /// Returns the unit.
    pub const fn unit(self) -> ElapsedUnit {
        self.unit
    }

    /// Returns how long it is.
    pub fn duration(self) -> SignedDuration {
        let minutes = u64::from(self.count) * self.unit.minutes();
        SignedDuration::from_mins(minutes.min(MINUTES_MAX) as i64)
    }

    /// Reads `7d`; `None` for anything else and for more than a hundred years.
    pub(super) fn read(text: &str) -> Option<Self> {
        let unit = match text.chars().next_back()?.to_ascii_lowercase() {
            'm' => ElapsedUnit::Minutes,
            'h' => ElapsedUnit::Hours,
            'd' => ElapsedUnit::Days,
            'w' => ElapsedUnit::Weeks,
            _ => return None,
        };
        let count: u32 = digits(&text[..text.len() - 1])?;
        (u64::from(count) * unit.minutes() <= MINUTES_MAX).then_some(Self { count, unit })
    }
}

/// An operating system's version: numbers with dots between them, compared part by part.
///
/// Prints as it was written: `22.04`, although that is no other version than `22.4`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OsVersion {
    text: String,
    parts: Vec<u32>,
}

impl OsVersion {
    /// Returns the text as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Reads `12`, `22.04`, `10.0.19045`; `None` for anything else.
    pub fn read(text: &str) -> Option<Self> {
        let mut parts: Vec<u32> = text.split('.').map(digits).collect::<Option<_>>()?;
        // 12 is 12.0.
        while parts.len() > 1 && parts.last() == Some(&0) {
            parts.pop();
        }
        Some(Self {
            text: text.to_owned(),
            parts,
        })
    }

    /// Compares part by part: 12 < 12.5 < 13.
    pub fn compare(&self, other: &Self) -> Ordering {
        self.parts.cmp(&other.parts)
    }
}

/// Reads digits alone: `parse` would take a sign as well.
fn digits<T: FromStr>(text: &str) -> Option<T> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}

/// An operating system, and perhaps a bound on its version: `debian`, `bookworm`, `debian>=12`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OsPattern {
    /// Fits the id or the codename.
    pub name: Pattern,
    /// How the version must stand to which.
    pub bound: Option<(Comparison, OsVersion)>,
}

/// A package, and perhaps a bound on its version: `openssl`, `openssl<3.0.17-1~deb12u2`.
///
/// The bound is text: how it is ordered depends on the package that it meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackagePattern {
    /// Fits the name.
    pub name: Pattern,
    /// How the version must stand to which.
    pub bound: Option<(Comparison, String)>,
}
