//! Queries in words: `servers of the client acme`, `security updates rated critical or important`.
//!
//! The words say what the query says, no more; the query itself always stands beside them. A field
//! without words of its own is shown as it is written.

use domain::query::{
    Comparison, Condition, Elapsed, ElapsedUnit, Expr, Field, OsPattern, PackagePattern, Pattern,
    Query, Term,
};

/// What is selected.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Noun {
    Devices,
    Patches,
}

/// What a query over devices selects.
pub fn devices(query: &Query) -> String {
    selected(query, Noun::Devices)
}

/// What a query over patches selects.
pub fn patches(query: &Query) -> String {
    selected(query, Noun::Patches)
}

/// `one`, `one and two`, `one, two and three`.
pub(super) fn listed(words: &[String], last: &str) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., end] => format!("{} {last} {end}", first.join(", ")),
    }
}

fn selected(query: &Query, noun: Noun) -> String {
    let parts = match query.expr() {
        Expr::All(parts) => parts.as_slice(),
        one => std::slice::from_ref(one),
    };
    if parts.is_empty() {
        return match noun {
            Noun::Devices => "all devices".to_owned(),
            Noun::Patches => "all patches".to_owned(),
        };
    }
    // The first part that has a noun of its own gives it: `servers` for `tag:server`.
    let named = parts
        .iter()
        .enumerate()
        .find_map(|(at, part)| own_noun(part, noun).map(|words| (at, words)));
    let head = match (&named, noun) {
        (Some((_, words)), _) => words.clone(),
        (None, Noun::Devices) => "devices".to_owned(),
        (None, Noun::Patches) => "patches".to_owned(),
    };
    let rest: Vec<String> = parts
        .iter()
        .enumerate()
        .filter(|(at, _)| named.as_ref().is_none_or(|(taken, _)| taken != at))
        .map(|(_, part)| clause(part, true, noun))
        .collect();
    if rest.is_empty() {
        return head;
    }
    format!("{head} {}", listed(&rest, "and"))
}

/// `servers` for `tag:server`, `security updates` for `class:security`.
fn own_noun(part: &Expr, noun: Noun) -> Option<String> {
    let Expr::Term(term) = part else { return None };
    let field = term.field()?.name();
    match (noun, field) {
        (Noun::Devices, "tag") => {
            let Condition::Text(patterns) = term.condition() else {
                return None;
            };
            let [only] = patterns.as_slice() else {
                return None;
            };
            let plural = match only.exact()?.to_lowercase().as_str() {
                "server" => "servers",
                "workstation" => "workstations",
                "laptop" => "laptops",
                "host" => "hosts",
                "vm" => "virtual machines",
                _ => return None,
            };
            Some(plural.to_owned())
        }
        (Noun::Patches, "class") => classes(term),
        _ => None,
    }
}

fn classes(term: &Term) -> Option<String> {
    let words: Vec<String> = match term.condition() {
        Condition::Choice(choices) => choices.iter().map(|one| class(one.name)).collect(),
        Condition::Text(patterns) => patterns
            .iter()
            .map(|one| one.exact().map(|name| class(&name.to_lowercase())))
            .collect::<Option<_>>()?,
        _ => return None,
    };
    Some(listed(&words, "and"))
}

/// The plural of a classification.
fn class(name: &str) -> String {
    match name {
        "security" => "security updates".to_owned(),
        "hotfix" => "hotfixes".to_owned(),
        "roll-up" => "roll-ups".to_owned(),
        "service-pack" => "service packs".to_owned(),
        "unknown" => "patches of an unknown class".to_owned(),
        other => format!("{other} updates"),
    }
}

/// One part of a query as words behind the noun; `holds` is false below a negation.
fn clause(expr: &Expr, holds: bool, noun: Noun) -> String {
    match expr {
        Expr::Term(term) => self::term(term, holds, noun),
        Expr::Not(part) => clause(part, !holds, noun),
        Expr::All(parts) if parts.is_empty() => {
            if holds { "of any kind" } else { "of no kind" }.to_owned()
        }
        Expr::All(parts) => {
            let words: Vec<String> = parts.iter().map(|part| clause(part, holds, noun)).collect();
            if holds {
                format!("both {}", words.join(" and "))
            } else {
                format!("either {}", words.join(" or "))
            }
        }
    }
}

fn term(term: &Term, holds: bool, noun: Noun) -> String {
    let Some(field) = term.field() else {
        let words = values(term);
        return if holds {
            format!("with {words} in their name")
        } else {
            format!("without {words} in their name")
        };
    };
    known(field, term, holds, noun).unwrap_or_else(|| as_written(field, term, holds))
}

/// Words for the fields that people use most; `None` for all others.
fn known(field: Field, term: &Term, holds: bool, noun: Noun) -> Option<String> {
    let (yes, no) = match (field.name(), noun) {
        ("client", _) => ("of the client", "of another client than"),
        ("site", _) => ("at the site", "at another site than"),
        ("device", _) => ("named", "not named"),
        ("group", _) => ("in the group", "outside the group"),
        ("tag", _) => ("tagged", "not tagged"),
        ("os", _) => ("running", "not running"),
        ("product", _) => ("for", "for anything but"),
        ("patch", _) => ("that are exactly", "that are not"),
        ("origin", _) => ("from", "not from"),
        ("vendor", _) => ("by the vendor", "by another vendor than"),
        ("title", _) => ("titled", "not titled"),
        ("package", Noun::Devices) => ("that have the package", "that do not have the package"),
        ("package", Noun::Patches) => ("that change the package", "that do not change the package"),
        ("cve", Noun::Devices) => ("that are open to", "that are not open to"),
        ("cve", Noun::Patches) => ("that fix", "that do not fix"),
        ("severity", _) => return Some(severity(term, holds)),
        ("missing", _) => return Some(missing(term, holds)),
        ("class", _) => {
            let yes = if holds { "that are" } else { "that are no" };
            return classes(term).map(|words| format!("{yes} {}", words.replace(" and ", " or ")));
        }
        ("kev", _) => return kev(term, holds, noun),
        ("seen" | "age" | "released", _) => return elapsed(field, term, holds),
        _ => return None,
    };
    if matches!(term.condition(), Condition::Present) {
        return None;
    }
    Some(format!("{} {}", if holds { yes } else { no }, values(term)))
}

/// `whose mode is managed`; the words of the field and its values as they are written.
fn as_written(field: Field, term: &Term, holds: bool) -> String {
    let name = field.name();
    match (term.condition(), holds) {
        (Condition::Present, true) => format!("with any {name}"),
        (Condition::Present, false) => format!("without any {name}"),
        (_, true) => format!("whose {name} is {}", values(term)),
        (_, false) => format!("whose {name} is not {}", values(term)),
    }
}

fn severity(term: &Term, holds: bool) -> String {
    let words = match term.condition() {
        Condition::Order(comparison, choice) => ordered(*comparison, choice.name),
        Condition::Choice(choices) => {
            let names: Vec<String> = choices
                .iter()
                .map(|choice| match choice.name {
                    "unrated" => "by nobody".to_owned(),
                    name => name.to_owned(),
                })
                .collect();
            listed(&names, "or")
        }
        _ => values(term),
    };
    if holds {
        format!("rated {words}")
    } else {
        format!("not rated {words}")
    }
}

/// `important or higher`.
fn ordered(comparison: Comparison, name: &str) -> String {
    match comparison {
        Comparison::GreaterOrEqual => format!("{name} or higher"),
        Comparison::Greater => format!("higher than {name}"),
        Comparison::LessOrEqual => format!("{name} or lower"),
        Comparison::Less => format!("lower than {name}"),
    }
}

fn missing(term: &Term, holds: bool) -> String {
    let rated = match term.condition() {
        Condition::Order(comparison, choice) => ordered(*comparison, choice.name),
        _ => values(term),
    };
    let verb = if holds {
        "that miss"
    } else {
        "that do not miss"
    };
    match term.condition() {
        Condition::Present => format!("{verb} any patch"),
        _ => format!("{verb} a patch rated {rated}"),
    }
}

fn kev(term: &Term, holds: bool, noun: Noun) -> Option<String> {
    let Condition::Choice(choices) = term.condition() else {
        return None;
    };
    let [only] = choices.as_slice() else {
        return None;
    };
    let exploited = (only.name == "yes") == holds;
    Some(
        match (noun, exploited) {
            (Noun::Devices, true) => "that are open to a CVE known to be exploited",
            (Noun::Devices, false) => "that are open to no CVE known to be exploited",
            (Noun::Patches, true) => "for a fault known to be exploited",
            (Noun::Patches, false) => "for faults not known to be exploited",
        }
        .to_owned(),
    )
}

fn elapsed(field: Field, term: &Term, holds: bool) -> Option<String> {
    let Condition::Elapsed(comparison, elapsed) = term.condition() else {
        return None;
    };
    let what = match field.name() {
        "seen" => "last seen",
        "released" => "released",
        _ => "released or first seen",
    };
    let how = match comparison {
        Comparison::Less => "less than",
        Comparison::LessOrEqual => "at most",
        Comparison::Greater => "more than",
        Comparison::GreaterOrEqual => "at least",
    };
    let not = if holds { "" } else { "not " };
    Some(format!("{not}{what} {how} {} ago", span(*elapsed)))
}

fn span(elapsed: Elapsed) -> String {
    let unit = match elapsed.unit() {
        ElapsedUnit::Minutes => "minute",
        ElapsedUnit::Hours => "hour",
        ElapsedUnit::Days => "day",
        ElapsedUnit::Weeks => "week",
    };
    match elapsed.count() {
        1 => format!("1 {unit}"),
        count => format!("{count} {unit}s"),
    }
}

/// The values of a term, as an alternative.
fn values(term: &Term) -> String {
    let words: Vec<String> = match term.condition() {
        Condition::Present => vec!["anything".to_owned()],
        Condition::Text(patterns) => patterns.iter().map(pattern).collect(),
        Condition::Choice(choices) => choices.iter().map(|one| one.name.to_owned()).collect(),
        Condition::Order(comparison, choice) => vec![ordered(*comparison, choice.name)],
        Condition::Elapsed(comparison, elapsed) => {
            vec![format!("{}{}", comparison.sign(), span(*elapsed))]
        }
        Condition::Os(systems) => systems
            .iter()
            .map(|OsPattern { name, bound }| {
                let bound = bound.as_ref();
                versioned(
                    &pattern(name),
                    bound.map(|(how, version)| (*how, version.text())),
                )
            })
            .collect(),
        Condition::Packages(packages) => packages
            .iter()
            .map(|PackagePattern { name, bound }| {
                let bound = bound.as_ref();
                versioned(
                    &pattern(name),
                    bound.map(|(how, version)| (*how, version.as_str())),
                )
            })
            .collect(),
    };
    listed(&words, "or")
}

fn versioned(name: &str, bound: Option<(Comparison, &str)>) -> String {
    match bound {
        None => name.to_owned(),
        Some((Comparison::GreaterOrEqual, version)) => format!("{name} {version} or newer"),
        Some((Comparison::Greater, version)) => format!("{name} newer than {version}"),
        Some((Comparison::LessOrEqual, version)) => format!("{name} {version} or older"),
        Some((Comparison::Less, version)) => format!("{name} older than {version}"),
    }
}

fn pattern(pattern: &Pattern) -> String {
    if pattern.is_any() {
        return "anything".to_owned();
    }
    let text = pattern.pieces().join("*");
    if text.contains(char::is_whitespace) || text.contains('*') {
        format!("“{text}”")
    } else {
        text
    }
}
