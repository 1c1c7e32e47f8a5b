//! Evaluation with three values (Kleene's strong logic).
//!
//! What is not known is neither true nor false: `severity:low` and `-severity:low` both leave out
//! a patch whose severity was not looked up. Only what is certainly true counts as matched.

use std::{borrow::Cow, ops::Not};

use jiff::{SignedDuration, Timestamp};

use super::{
    Choice, Condition, Expr, Field, LetterCase, OsPattern, OsVersion, PackagePattern, Pattern,
    Query, SubjectKind, Term,
};
use crate::package::Ecosystem;

/// Whether something holds; the order is that of the logic, No < Unknown < Yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Truth {
    /// It certainly does not.
    No,
    /// What would decide it is not known.
    Unknown,
    /// It certainly does.
    Yes,
}

impl Truth {
    /// Holds where both hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.min(other)
    }

    /// Holds where at least one holds.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.max(other)
    }
}

impl Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
            Self::Yes => Self::No,
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// The values that a subject has in a field: those that are known, and whether these are all.
///
/// Read lazily, up to the first that decides.
pub struct Values<'a> {
    known: Box<dyn Iterator<Item = Cow<'a, str>> + 'a>,
    complete: bool,
}

impl<'a> Values<'a> {
    /// These, and no others.
    pub fn of<I>(values: I) -> Self
    where
        I: IntoIterator<Item: Into<Cow<'a, str>> + 'a, IntoIter: 'a>,
    {
        Self {
            known: Box::new(values.into_iter().map(Into::into)),
            complete: true,
        }
    }

    /// This one, and no other.
    pub fn one(value: impl Into<Cow<'a, str>>) -> Self {
        Self {
            known: Box::new(std::iter::once(value.into())),
            complete: true,
        }
    }

    /// Certainly none.
    pub fn none() -> Self {
        Self {
            known: Box::new(std::iter::empty()),
            complete: true,
        }
    }

    /// These, and perhaps others: not everything was looked up.
    pub fn at_least<I>(values: I) -> Self
    where
        I: IntoIterator<Item: Into<Cow<'a, str>> + 'a, IntoIter: 'a>,
    {
        Self {
            complete: false,
            ..Self::of(values)
        }
    }

    /// Nothing is known.
    pub fn unknown() -> Self {
        Self {
            known: Box::new(std::iter::empty()),
            complete: false,
        }
    }

    /// `yes` or `no`, for fields with these two values.
    pub fn yes_no(yes: bool) -> Self {
        Self::one(if yes { "yes" } else { "no" })
    }

    /// Tells whether one of the values satisfies the test.
    pub fn any(self, mut test: impl FnMut(&str) -> Truth) -> Truth {
        let start = if self.complete {
            Truth::No
        } else {
            Truth::Unknown
        };
        let mut truth = start;
        for value in self.known {
            truth = truth.or(test(&value));
            if truth == Truth::Yes {
                break;
            }
        }
        truth
    }

    /// Puts two lists together.
    fn chain(self, other: Self) -> Self {
        Self {
            known: Box::new(self.known.chain(other.known)),
            complete: self.complete && other.complete,
        }
    }
}

/// One fact about a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact<T> {
    /// It is this.
    Known(T),
    /// There certainly is none: a device that was never seen.
    Absent,
    /// It is not known.
    Unknown,
}

/// An operating system, as a device reports it (`/etc/os-release`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Os<'a> {
    /// `ID`: `debian`.
    pub id: &'a str,
    /// `VERSION_ID`: `12`; `None` where it has none (a rolling or unreleased one).
    pub version: Option<&'a str>,
    /// `VERSION_CODENAME`: `bookworm`.
    pub codename: Option<&'a str>,
}

/// One package of a subject, with its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageVersion<'a> {
    /// Whose rules order its versions.
    pub ecosystem: Ecosystem,
    /// Its name.
    pub name: Cow<'a, str>,
    /// Its version; `None`: it has none (a Windows update), or none is installed.
    pub version: Option<&'a str>,
}

/// The packages of a subject: those that are known, and whether these are all.
pub struct Packages<'a> {
    known: Box<dyn Iterator<Item = PackageVersion<'a>> + 'a>,
    complete: bool,
}

impl<'a> Packages<'a> {
    /// These, and no others.
    pub fn of<I>(packages: I) -> Self
    where
        I: IntoIterator<Item = PackageVersion<'a>, IntoIter: 'a>,
    {
        Self {
            known: Box::new(packages.into_iter()),
            complete: true,
        }
    }

    /// Nothing is known.
    pub fn unknown() -> Self {
        Self {
            known: Box::new(std::iter::empty()),
            complete: false,
        }
    }
}

/// Something that a query may select.
///
/// Only the fields of its own kind are asked for ([`Field::applies_to`]).
pub trait Subject {
    /// What sort of subject it is.
    fn kind(&self) -> SubjectKind;

    /// Returns the values of a text field or of a field with a closed list, the latter spelled
    /// as in the table of fields.
    ///
    /// `Client`, `Site` and `Device` are names here, ids are in [`Subject::id`]; `CLIENT/SITE` is
    /// put together by the evaluator. A word that a closed list does not have counts as unknown.
    fn text(&self, field: Field) -> Values<'_>;

    /// Returns the id of the subject's client, site or device (`cli_...`, `sit_...`, `dev_...`).
    ///
    /// Ids are matched whole and never by `*`: `device:d*` shall not mean every `dev_...`.
    fn id(&self, field: Field) -> Option<Cow<'_, str>>;

    /// Returns when the subject was last seen (`Seen`), was released or else first seen (`Age`), or
    /// was released (`Released`).
    fn instant(&self, field: Field) -> Fact<Timestamp>;

    /// Returns the operating system (`Os`).
    fn os(&self) -> Fact<Os<'_>>;

    /// Returns the packages with their versions (`Package` with a bound).
    fn packages(&self) -> Packages<'_> {
        Packages::unknown()
    }
}

/// A finding as a subject: the device answers for its fields, the patch for its own, and for
/// `package`.
#[derive(Clone, Copy)]
pub struct DevicePatch<'a> {
    /// The device.
    pub device: &'a dyn Subject,
    /// The patch, with state and age as they are on this device.
    pub patch: &'a dyn Subject,
}

impl<'a> DevicePatch<'a> {
    fn side(&self, field: Field) -> &'a dyn Subject {
        if field.row().of_patches {
            self.patch
        } else {
            self.device
        }
    }
}

impl Subject for DevicePatch<'_> {
    fn kind(&self) -> SubjectKind {
        SubjectKind::Finding
    }

    fn text(&self, field: Field) -> Values<'_> {
        self.side(field).text(field)
    }

    fn id(&self, field: Field) -> Option<Cow<'_, str>> {
        self.side(field).id(field)
    }

    fn instant(&self, field: Field) -> Fact<Timestamp> {
        self.side(field).instant(field)
    }

    fn os(&self) -> Fact<Os<'_>> {
        self.device.os()
    }

    fn packages(&self) -> Packages<'_> {
        self.patch.packages()
    }
}

impl Query {
    /// Tells whether the query certainly matches the subject.
    pub fn matches(&self, subject: &dyn Subject, now: Timestamp) -> bool {
        self.evaluate(subject, now) == Truth::Yes
    }

    /// Evaluates the query; a term whose field the subject's kind does not have is unknown.
    pub fn evaluate(&self, subject: &dyn Subject, now: Timestamp) -> Truth {
        evaluate(self.expr(), subject, now)
    }
}

impl Term {
    /// Evaluates this term alone, for those who answer a query by the sets of its terms.
    pub fn evaluate(&self, subject: &dyn Subject, now: Timestamp) -> Truth {
        evaluate_term(self, subject, now)
    }
}

fn evaluate(expr: &Expr, subject: &dyn Subject, now: Timestamp) -> Truth {
    match expr {
        Expr::All(parts) => {
            let mut truth = Truth::Yes;
            for part in parts {
                truth = truth.and(evaluate(part, subject, now));
                if truth == Truth::No {
                    break;
                }
            }
            truth
        }
        Expr::Not(part) => !evaluate(part, subject, now),
        Expr::Term(term) => evaluate_term(term, subject, now),
    }
}

fn evaluate_term(term: &Term, subject: &dyn Subject, now: Timestamp) -> Truth {
    let Some(field) = term.field() else {
        return named(term.condition(), subject);
    };
    if !field.applies_to(subject.kind()) {
        return Truth::Unknown;
    }
    match term.condition() {
        Condition::Present => present(field, subject),
        Condition::Text(patterns) => text(field, patterns, subject),
        Condition::Choice(wanted) => subject.text(field).any(|word| {
            chosen(field, word).map_or(Truth::Unknown, |choice| wanted.contains(&choice).into())
        }),
        Condition::Order(comparison, bound) => subject.text(field).any(|word| {
            let Some(choice) = chosen(field, word) else {
                return Truth::Unknown;
            };
            let ordering = choice
                .rank
                .zip(bound.rank)
                .map(|(has, bound)| has.cmp(&bound));
            ordering
                .is_some_and(|ordering| comparison.allows(ordering))
                .into()
        }),
        Condition::Elapsed(comparison, bound) => match subject.instant(field) {
            Fact::Known(instant) => {
                // An instant in the future comes from a clock that was put back: no time passed.
                let elapsed = now.duration_since(instant).max(SignedDuration::ZERO);
                comparison.allows(elapsed.cmp(&bound.duration())).into()
            }
            Fact::Absent => Truth::No,
            Fact::Unknown => Truth::Unknown,
        },
        Condition::Os(systems) => match subject.os() {
            Fact::Known(os) => systems
                .iter()
                .map(|system| fits_os(system, os))
                .max()
                .unwrap_or(Truth::No),
            Fact::Absent => Truth::No,
            Fact::Unknown => Truth::Unknown,
        },
        Condition::Packages(patterns) => packages(patterns, subject.packages()),
    }
}

fn packages(patterns: &[PackagePattern], packages: Packages<'_>) -> Truth {
    let mut truth = if packages.complete {
        Truth::No
    } else {
        Truth::Unknown
    };
    for package in packages.known {
        for pattern in patterns {
            truth = truth.or(pattern.fits(&package));
        }
        if truth == Truth::Yes {
            break;
        }
    }
    truth
}

impl PackagePattern {
    /// Whether a package fits; a version that its ecosystem cannot order leaves it open.
    pub fn fits(&self, package: &PackageVersion<'_>) -> Truth {
        if !self.name.fits(&package.name, LetterCase::Ignored) {
            return Truth::No;
        }
        let Some((comparison, bound)) = &self.bound else {
            return Truth::Yes;
        };
        let Some(version) = package.version else {
            return Truth::Unknown;
        };
        // rpm's listings write a missing epoch so.
        let version = version.strip_prefix("(none):").unwrap_or(version);
        versions::order(package.ecosystem.scheme(), version, bound)
            .map_or(Truth::Unknown, |ordering| {
                comparison.allows(ordering).into()
            })
    }
}

/// Evaluates a word alone: it is looked for in the names that the subject has.
fn named(condition: &Condition, subject: &dyn Subject) -> Truth {
    const DEVICE: &[Field] = &[Field::Device];
    const PATCH: &[Field] = &[Field::Product, Field::Package, Field::Patch];
    const FINDING: &[Field] = &[Field::Device, Field::Product, Field::Package, Field::Patch];
    let fields = match subject.kind() {
        SubjectKind::Device => DEVICE,
        SubjectKind::Patch => PATCH,
        SubjectKind::Finding => FINDING,
    };
    let names = fields
        .iter()
        .map(|field| subject.text(*field))
        .fold(Values::none(), Values::chain);
    match condition {
        Condition::Present => names.any(|_| Truth::Yes),
        Condition::Text(patterns) => names.any(|name| {
            patterns
                .iter()
                .any(|pattern| pattern.fits_name(name))
                .into()
        }),
        // The parser makes none of these without a field.
        Condition::Choice(_)
        | Condition::Order(..)
        | Condition::Elapsed(..)
        | Condition::Os(_)
        | Condition::Packages(_) => Truth::Unknown,
    }
}

fn present(field: Field, subject: &dyn Subject) -> Truth {
    fn has<T>(fact: Fact<T>) -> Truth {
        match fact {
            Fact::Known(_) => Truth::Yes,
            Fact::Absent => Truth::No,
            Fact::Unknown => Truth::Unknown,
        }
    }
    match field {
        Field::Os => has(subject.os()),
        Field::Seen | Field::Age | Field::Released => has(subject.instant(field)),
        _ => subject.text(field).any(|_| Truth::Yes),
    }
}

fn text(field: Field, patterns: &[Pattern], subject: &dyn Subject) -> Truth {
    let letter_case = field.letter_case();
    let fits = |value: &str| {
        patterns
            .iter()
            .any(|pattern| pattern.fits(value, letter_case))
    };
    let is_id = |id: &str| patterns.iter().any(|pattern| pattern.exact() == Some(id));
    if subject.id(field).is_some_and(|id| is_id(&id)) {
        return Truth::Yes;
    }
    let truth = subject.text(field).any(|value| fits(value).into());
    if matches!(field, Field::Site | Field::Device) {
        truth.or(below_its_client(field, patterns, subject))
    } else {
        truth
    }
}

/// Matches `CLIENT/SITE` and `CLIENT/DEVICE`. Only patterns with a slash are tried: `site:ber*` shall not mean every
/// site of the client Bergmann.
fn below_its_client(field: Field, patterns: &[Pattern], subject: &dyn Subject) -> Truth {
    let mut patterns = patterns
        .iter()
        .filter(|pattern| pattern.pieces().iter().any(|piece| piece.contains('/')))
        .peekable();
    let nameless = subject.text(field).any(|_| Truth::Yes) == Truth::No;
    if patterns.peek().is_none() || nameless {
        return Truth::No;
    }
    let patterns: Vec<&Pattern> = patterns.collect();
    subject.text(Field::Client).any(|client| {
        subject.text(field).any(|name| {
            let path = format!("{client}/{name}");
            patterns
                .iter()
                .any(|pattern| pattern.fits(&path, LetterCase::Ignored))
                .into()
        })
    })
}

fn chosen(field: Field, word: &str) -> Option<&'static Choice> {
    field
        .choices()
        .iter()
        .find(|choice| choice.name.eq_ignore_ascii_case(word))
}

fn fits_os(system: &OsPattern, os: Os<'_>) -> Truth {
    let fits = |name: &str| system.name.fits(name, LetterCase::Ignored);
    let named = fits(os.id) || os.codename.is_some_and(fits);
    let bounded = match &system.bound {
        None => Truth::Yes,
        Some((comparison, bound)) => match os.version.and_then(OsVersion::read) {
            Some(version) => comparison.allows(version.compare(bound)).into(),
            None => Truth::Unknown,
        },
    };
    Truth::from(named).and(bounded)
}
