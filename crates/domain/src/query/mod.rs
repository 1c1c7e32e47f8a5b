//! The query language: one small language that selects devices and patches everywhere.
//!
//! ```text
//! client:acme site:berlin tag:server os:debian>=12 seen<7d
//! severity>=important kev:yes product:openssl -origin:backports* age>14d
//! ```
//!
//! A blank means AND, a comma between values OR, `-` negates, parentheses group.
//!
//! - `field:a,b` has one of the values; `field:*` has any. `*` inside a value stands for any run
//!   of characters. Letter case matters in `patch` alone.
//! - `field<value`, `<=`, `>`, `>=` compare: severities, and elapsed time in `m`, `h`, `d`, `w`
//!   (`seen<7d`: seen less than seven times 24 hours ago).
//! - `os:debian>=12` is Debian of at least that version, part by part: 12 < 12.5 < 13.
//! - A word alone is looked for in names: of the device, of the patch's product, packages and id.
//! - A value runs to the next blank, comma or closing parenthesis, so ids of patches need no
//!   quotes. Anything else goes in `"..."`, where `\"`, `\\` and `\*` are a quote, a backslash and
//!   a star.
//!
//! A text is parsed once into a [`Query`], which prints itself in one canonical form that parses
//! to the same query. Evaluation has three values: what is not known satisfies neither a term nor
//! its negation. Errors carry their place: see [`QueryError`]. Limits: [`LENGTH_BYTES_MAX`],
//! [`DEPTH_MAX`], [`TERMS_MAX`].

mod complete;
mod error;
mod evaluate;
mod field;
mod implies;
mod parse;
mod print;
mod value;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests;

use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use complete::{Completion, KnownValues, OFFERED_MAX, completions, completions_with};
pub use error::{Mistake, QueryError, QueryErrorKind};
pub use evaluate::{DevicePatch, Fact, Os, PackageVersion, Packages, Subject, Truth, Values};
pub use field::{Choice, FIELDS, Field, FieldRow, LetterCase, SubjectKind, ValueKind};
pub use value::{Comparison, Elapsed, ElapsedUnit, OsPattern, OsVersion, PackagePattern, Pattern};

/// The longest text of a query, in bytes.
pub const LENGTH_BYTES_MAX: usize = 4_096;

/// How deep groups may be nested.
pub const DEPTH_MAX: usize = 32;

/// How many values a query may ask for, each value of a comma list counted.
pub const TERMS_MAX: usize = 256;

/// A query, parsed. Equal queries print the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Query {
    expr: Expr,
}

/// The tree of a query.
///
/// Always canonical: no `All` directly inside an `All`, none with exactly one part, no `Not`
/// directly inside a `Not`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// All parts hold; without parts, everything.
    All(Vec<Expr>),
    /// The part does not hold.
    Not(Box<Expr>),
    /// One term.
    Term(Term),
}

/// One term: a field (or, without one, names) and what is asked of it.
#[derive(Debug, Clone)]
pub struct Term {
    field: Option<Field>,
    condition: Condition,
    span: Span,
}

/// What a term asks of its field. The field's [`ValueKind`] decides which of these it can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// There is a value: `tag:*`.
    Present,
    /// One of the values fits one of these.
    Text(Vec<Pattern>),
    /// One of the values is one of these.
    Choice(Vec<&'static Choice>),
    /// One of the values stands so to this one; it has a rank.
    Order(Comparison, &'static Choice),
    /// The time that has passed stands so to this duration.
    Elapsed(Comparison, Elapsed),
    /// The operating system is one of these.
    Os(Vec<OsPattern>),
    /// One of the packages fits one of these; at least one has a bound on its version.
    Packages(Vec<PackagePattern>),
}

/// Where a term stands in the text it was parsed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub position: usize,
    /// Length in bytes.
    pub length: usize,
    /// Column of the first character, from 1.
    pub column: usize,
}

impl PartialEq for Term {
    /// Compares what is asked, not where it was written.
    fn eq(&self, other: &Self) -> bool {
        self.field == other.field && self.condition == other.condition
    }
}

impl Eq for Term {}

impl Term {
    /// Returns the field; `None` for words alone, which are looked for in names.
    pub fn field(&self) -> Option<Field> {
        self.field
    }

    /// Returns what is asked of the field.
    pub fn condition(&self) -> &Condition {
        &self.condition
    }

    /// Returns where the term stands in the text it was parsed from.
    pub fn span(&self) -> Span {
        self.span
    }
}

impl Query {
    /// Returns the query that everything matches; it prints as the empty text.
    pub fn everything() -> Self {
        Self {
            expr: Expr::All(Vec::new()),
        }
    }

    /// Tells whether this is [`Query::everything`].
    pub fn is_everything(&self) -> bool {
        matches!(&self.expr, Expr::All(parts) if parts.is_empty())
    }

    /// Parses a text. Refuses what breaks the grammar, with the place and what was expected.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        parse::parse(text).map(|expr| Self { expr })
    }

    /// Parses a text and checks it: see [`Query::check`].
    pub fn parse_for(text: &str, kind: SubjectKind) -> Result<Self, QueryError> {
        let query = Self::parse(text)?;
        match query.foreign_term(kind) {
            Some((term, field)) => Err(wrong_subject(text, term.span, field, kind)),
            None => Ok(query),
        }
    }

    /// Returns the query for one exact value of a field, whatever characters it holds:
    /// `Query::of(Field::Patch, id)`.
    ///
    /// Refuses a value that the field does not take, an empty one, one with control characters.
    pub fn of(field: Field, value: &str) -> Result<Self, QueryError> {
        Self::parse(&format!("{}:{}", field.name(), print::quoted(value)))
    }

    /// Returns the query that both match. Refuses what would break the limits.
    pub fn and(&self, other: &Self) -> Result<Self, QueryError> {
        Self::parse(&format!("{self} {other}"))
    }

    /// Returns the query that matches where this one certainly does not. Refuses what would
    /// break the limits; [`Query::everything`] has no negation in the language.
    pub fn negated(&self) -> Result<Self, QueryError> {
        Self::parse(&format!("-({self})"))
    }

    /// Returns the tree.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// Lists the terms, in the order of the text.
    pub fn terms(&self) -> Vec<&Term> {
        fn collect<'q>(expr: &'q Expr, terms: &mut Vec<&'q Term>) {
            match expr {
                Expr::All(parts) => parts.iter().for_each(|part| collect(part, terms)),
                Expr::Not(part) => collect(part, terms),
                Expr::Term(term) => terms.push(term),
            }
        }
        let mut terms = Vec::new();
        collect(&self.expr, &mut terms);
        terms
    }

    /// Returns the one exact value that a field must have for the query to match: `acme` for
    /// `client:acme tag:server`, none for `client:acme,beta`, `client:ac*` and `-client:acme`.
    pub fn required(&self, field: Field) -> Option<&str> {
        let parts = match &self.expr {
            Expr::All(parts) => parts.as_slice(),
            only @ (Expr::Term(_) | Expr::Not(_)) => std::slice::from_ref(only),
        };
        parts.iter().find_map(|part| match part {
            Expr::Term(term) if term.field == Some(field) => match &term.condition {
                Condition::Text(patterns) => match patterns.as_slice() {
                    [only] => only.exact(),
                    _ => None,
                },
                Condition::Choice(choices) => match choices.as_slice() {
                    [only] => Some(only.name),
                    _ => None,
                },
                Condition::Present
                | Condition::Order(..)
                | Condition::Elapsed(..)
                | Condition::Os(_)
                | Condition::Packages(_) => None,
            },
            Expr::Term(_) | Expr::Not(_) | Expr::All(_) => None,
        })
    }

    /// Refuses a query with a field that subjects of this kind do not have, such as `severity`
    /// in a query for devices.
    pub fn check(&self, kind: SubjectKind) -> Result<(), QueryError> {
        match self.foreign_term(kind) {
            Some((term, field)) => Err(wrong_subject("", term.span, field, kind)),
            None => Ok(()),
        }
    }

    fn foreign_term(&self, kind: SubjectKind) -> Option<(&Term, Field)> {
        self.terms().into_iter().find_map(|term| {
            term.field
                .filter(|field| !field.applies_to(kind))
                .map(|field| (term, field))
        })
    }
}

/// Builds the error about a field that the subjects do not have; it points at the field's name.
fn wrong_subject(text: &str, span: Span, field: Field, kind: SubjectKind) -> QueryError {
    let span = Span {
        length: field.name().len(),
        ..span
    };
    let message = format!("{} have no field `{}`", kind.plural(), field.name());
    QueryError::new(QueryErrorKind::WrongSubject, text, span, message)
        .finding(field.name())
        .expecting(Field::all_of(kind).map(Field::name))
}

impl FromStr for Query {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Query {
    type Error = QueryError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Query> for String {
    fn from(query: Query) -> Self {
        query.to_string()
    }
}
