//! Whether one query certainly matches wherever another does, told from the two texts alone.
//!
//! Sound, not complete: a yes is a promise for every subject at every instant, also where things
//! are not known of it; a no promises nothing. Terms are compared pointwise (a term that is yes
//! makes the other yes, a term that is perhaps makes the other at least perhaps), because only that
//! may be turned round below a `-`.

use std::collections::HashMap;

use super::{Comparison, Condition, Expr, Field, LetterCase, Pattern, Query, Term, Truth};

/// Steps taken before giving up; two queries at their limits need about half of it.
const STEPS_MAX: usize = 1 << 20;

impl Query {
    /// Tells whether every subject that certainly matches this query certainly matches `other`,
    /// at the same instant. A no only says that it could not be shown.
    pub fn implies(&self, other: &Self) -> bool {
        let mut proof = Proof::default();
        proof.holds((&self.expr, Truth::Yes), (&other.expr, Truth::Yes))
    }
}

/// A part of a query and what it comes to: yes or no, never unknown.
type Claim<'q> = (&'q Expr, Truth);

/// The claims that were compared. A part of a query stands below the same signs whichever way it
/// is reached, so that its address is enough.
#[derive(Default)]
struct Proof {
    known: HashMap<(*const Expr, *const Expr), bool>,
}

impl Proof {
    /// Whether `goal` comes true wherever `given` does.
    fn holds(&mut self, given: Claim<'_>, goal: Claim<'_>) -> bool {
        let (given, goal) = (stripped(given), stripped(goal));
        let key = (std::ptr::from_ref(given.0), std::ptr::from_ref(goal.0));
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        if self.known.len() >= STEPS_MAX {
            return false;
        }
        let holds = self.compare(given, goal);
        self.known.insert(key, holds);
        holds
    }

    fn compare(&mut self, given: Claim<'_>, goal: Claim<'_>) -> bool {
        match (given, goal) {
            // All parts of the goal, for any part of what may be given.
            (_, (Expr::All(parts), Truth::Yes)) => parts
                .iter()
                .all(|part| self.holds(given, (part, Truth::Yes))),
            ((Expr::All(parts), Truth::No), _) => {
                parts.iter().all(|part| self.holds((part, Truth::No), goal))
            }
            ((Expr::Term(given), one), (Expr::Term(goal), other)) => terms(given, one, goal, other),
            _ => self.by_a_part_given(given, goal) || self.by_a_part_wanted(given, goal),
        }
    }

    fn by_a_part_given(&mut self, given: Claim<'_>, goal: Claim<'_>) -> bool {
        match given {
            (Expr::All(parts), Truth::Yes) => parts
                .iter()
                .any(|part| self.holds((part, Truth::Yes), goal)),
            (Expr::All(_) | Expr::Not(_) | Expr::Term(_), _) => false,
        }
    }

    fn by_a_part_wanted(&mut self, given: Claim<'_>, goal: Claim<'_>) -> bool {
        match goal {
            (Expr::All(parts), Truth::No) => parts
                .iter()
                .any(|part| self.holds(given, (part, Truth::No))),
            (Expr::All(_) | Expr::Not(_) | Expr::Term(_), _) => false,
        }
    }
}

/// Takes the signs off: that `-a` is yes is that `a` is no.
fn stripped((mut expr, mut truth): Claim<'_>) -> Claim<'_> {
    while let Expr::Not(part) = expr {
        (expr, truth) = (part, !truth);
    }
    (expr, truth)
}

fn terms(given: &Term, one: Truth, goal: &Term, other: Truth) -> bool {
    if given.field != goal.field {
        return false;
    }
    match (one, other) {
        (Truth::Yes, Truth::Yes) => is_within(given, goal),
        (Truth::No, Truth::No) => is_within(goal, given),
        (Truth::Yes, Truth::No) => is_apart(given, goal),
        // That it is not this never says what it is: there may be nothing at all.
        (Truth::No, Truth::Yes) | (Truth::Unknown, _) | (_, Truth::Unknown) => false,
    }
}

/// Whether the truth of `narrow` is never above that of `wide`.
fn is_within(narrow: &Term, wide: &Term) -> bool {
    use Condition as C;
    if narrow.condition == wide.condition {
        return true;
    }
    match (&narrow.condition, &wide.condition) {
        (C::Present, _) => false,
        (C::Text(patterns), C::Present) => {
            let field = narrow.field;
            // An id is found without a name.
            !patterns.iter().any(|pattern| may_be_id(field, pattern))
        }
        (C::Choice(_) | C::Order(..) | C::Elapsed(..) | C::Os(_), C::Present) => true,
        (C::Text(narrow_ones), C::Text(wide_ones)) => narrow_ones.iter().all(|one| {
            wide_ones
                .iter()
                .any(|other| is_pattern_within(narrow.field, one, other))
        }),
        (C::Choice(_) | C::Order(..), C::Choice(_) | C::Order(..)) => {
            let choices = narrow.field.map_or(&[][..], Field::choices);
            choices
                .iter()
                .all(|choice| !picks(&narrow.condition, choice) || picks(&wide.condition, choice))
        }
        (C::Elapsed(one, bound), C::Elapsed(other, wider)) => {
            is_range_within(*one, *other, bound.duration().cmp(&wider.duration()))
        }
        (C::Os(narrow_ones), C::Os(wide_ones)) => narrow_ones.iter().all(|one| {
            wide_ones.iter().any(|other| {
                within(&one.name, &other.name, LetterCase::Ignored)
                    && match (&one.bound, &other.bound) {
                        (_, None) => true,
                        (None, Some(_)) => false,
                        (Some((sign, version)), Some((wider, than))) => {
                            is_range_within(*sign, *wider, version.compare(than))
                        }
                    }
            })
        }),
        (C::Packages(narrow_ones), C::Packages(wide_ones)) => narrow_ones.iter().all(|one| {
            wide_ones.iter().any(|other| {
                within(&one.name, &other.name, LetterCase::Ignored)
                    && match (&one.bound, &other.bound) {
                        (_, None) => true,
                        (None, Some(_)) => false,
                        // How two versions stand depends on the package, unless they are one.
                        (Some((sign, version)), Some((wider, than))) => {
                            version == than && is_range_within(*sign, *wider, version.cmp(than))
                        }
                    }
            })
        }),
        (
            C::Text(_) | C::Choice(_) | C::Order(..) | C::Elapsed(..) | C::Os(_) | C::Packages(_),
            _,
        ) => false,
    }
}

/// Whether `one` being yes makes `other` no: there is one value only, and it cannot be in both.
fn is_apart(one: &Term, other: &Term) -> bool {
    use Condition as C;
    match (&one.condition, &other.condition) {
        (C::Elapsed(sign, bound), C::Elapsed(against, wall)) => {
            let ordering = bound.duration().cmp(&wall.duration());
            is_range_within(*sign, opposite(*against), ordering)
        }
        // There is one version; what is beyond the bound is refused whatever the system's name.
        (C::Os(systems), C::Os(refused)) => systems.iter().all(|system| {
            refused
                .iter()
                .all(|refused| match (&system.bound, &refused.bound) {
                    (Some((sign, version)), Some((against, wall))) => {
                        is_range_within(*sign, opposite(*against), version.compare(wall))
                    }
                    (None, _) | (_, None) => false,
                })
        }),
        (
            C::Present
            | C::Text(_)
            | C::Choice(_)
            | C::Order(..)
            | C::Elapsed(..)
            | C::Os(_)
            | C::Packages(_),
            _,
        ) => false,
    }
}

/// Whether everything that stands by `sign` to a bound stands by `wider` to another, where the
/// first bound stands by `bounds` to the other.
fn is_range_within(sign: Comparison, wider: Comparison, bounds: std::cmp::Ordering) -> bool {
    use Comparison::{Greater, GreaterOrEqual, Less, LessOrEqual};
    match (sign, wider) {
        (LessOrEqual, Less) => bounds.is_lt(),
        (Less | LessOrEqual, Less | LessOrEqual) => bounds.is_le(),
        (GreaterOrEqual, Greater) => bounds.is_gt(),
        (Greater | GreaterOrEqual, Greater | GreaterOrEqual) => bounds.is_ge(),
        (Less | LessOrEqual, Greater | GreaterOrEqual)
        | (Greater | GreaterOrEqual, Less | LessOrEqual) => false,
    }
}

const fn opposite(sign: Comparison) -> Comparison {
    match sign {
        Comparison::Less => Comparison::GreaterOrEqual,
        Comparison::LessOrEqual => Comparison::Greater,
        Comparison::Greater => Comparison::LessOrEqual,
        Comparison::GreaterOrEqual => Comparison::Less,
    }
}

/// Whether a term with a closed list of values picks this one.
fn picks(condition: &Condition, choice: &super::Choice) -> bool {
    match condition {
        Condition::Choice(wanted) => wanted.contains(&choice),
        Condition::Order(sign, bound) => choice
            .rank
            .zip(bound.rank)
            .is_some_and(|(has, bound)| sign.allows(has.cmp(&bound))),
        Condition::Present
        | Condition::Text(_)
        | Condition::Elapsed(..)
        | Condition::Os(_)
        | Condition::Packages(_) => false,
    }
}

/// Whether the pattern may be the id of a client, site or device, which is found whole only and in
/// its own letters.
fn may_be_id(field: Option<Field>, pattern: &Pattern) -> bool {
    let has_id = matches!(field, Some(Field::Client | Field::Site | Field::Device));
    has_id
        && pattern.exact().is_some_and(|text| {
            let start = text.get(..4).unwrap_or("");
            ["cli_", "sit_", "dev_"].contains(&start)
        })
}

fn is_pattern_within(field: Option<Field>, narrow: &Pattern, wide: &Pattern) -> bool {
    let Some(field) = field else {
        return is_word_within(narrow, wide);
    };
    if may_be_id(Some(field), narrow) {
        return narrow == wide;
    }
    // With a slash a name is looked for below its client, without one it is not.
    let below = |pattern: &Pattern| pattern.pieces().iter().any(|piece| piece.contains('/'));
    within(narrow, wide, field.letter_case()) && (!below(narrow) || below(wide))
}

/// Compares two words alone: without a star, a word fits as a part of a name.
fn is_word_within(narrow: &Pattern, wide: &Pattern) -> bool {
    fn somewhere(pattern: &Pattern) -> Pattern {
        match pattern.exact() {
            Some(word) => Pattern::from_pieces(vec![String::new(), word.to_owned(), String::new()]),
            None => pattern.clone(),
        }
    }
    within(&somewhere(narrow), &somewhere(wide), LetterCase::Ignored)
}

/// Whether every text that fits `narrow` fits `wide`: whether its pieces do, with something between
/// them that no piece holds.
fn within(narrow: &Pattern, wide: &Pattern, letter_case: LetterCase) -> bool {
    // The parser takes no control characters.
    const ANYTHING: &str = "\u{1}";
    wide.fits(&narrow.pieces().join(ANYTHING), letter_case)
}
