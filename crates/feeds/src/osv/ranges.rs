//! OSV's ranges: events into what a statement says.
//!
//! Events are put into the order of their versions, where that order is known, else they stay as they
//! are written. A pair `introduced`, `fixed` (or `limit`) is one statement, `introduced`,
//! `last_affected` another. Ranges of git commits say nothing of package versions and are left out.
//! Source: the OSV schema, "Evaluation".

use std::cmp::Ordering;

use domain::advisory::{NoFixReason, Says};
use domain::name::Version;
use serde::Deserialize;
use versions::Scheme;

use super::record::Text;
use crate::fields;

/// Most events of one range.
const EVENTS_MAX: usize = 10_000;

/// A range as it stands in the record.
#[derive(Debug, Deserialize)]
pub struct Range {
    /// `ECOSYSTEM`, `SEMVER` or `GIT`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its events.
    #[serde(default)]
    pub events: Vec<Event>,
}

/// One event; exactly one of its fields is there.
#[derive(Debug, Default, Deserialize)]
pub struct Event {
    introduced: Option<Text>,
    fixed: Option<Text>,
    last_affected: Option<Text>,
    limit: Option<Text>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Point {
    /// `None`: from the first version on.
    Introduced(Option<Version>),
    Fixed(Version),
    Last(Version),
}

impl Point {
    fn version(&self) -> Option<&Version> {
        match self {
            Self::Introduced(version) => version.as_ref(),
            Self::Fixed(version) | Self::Last(version) => Some(version),
        }
    }

    /// Of events at one version: what ends a stretch before what begins one.
    fn rank(&self) -> u8 {
        match self {
            Self::Fixed(_) => 0,
            Self::Introduced(_) => 1,
            Self::Last(_) => 2,
        }
    }
}

impl Range {
    /// Whether it is about commits.
    pub fn is_git(&self) -> bool {
        self.kind == "GIT"
    }

    /// What the range says; empty: nothing that could be judged.
    pub fn says(&self, scheme: Option<Scheme>) -> Result<Vec<Says>, String> {
        let scheme = match self.kind.as_str() {
            "SEMVER" => Some(Scheme::Semver),
            "ECOSYSTEM" => scheme,
            other => return Err(format!("`{}` is no type of range", fields::word(other))),
        };
        if self.events.len() > EVENTS_MAX {
            return Err(format!("a range has more than {EVENTS_MAX} events"));
        }
        let mut points = Vec::new();
        for event in &self.events {
            points.extend(event.point(scheme)?);
        }
        if let Some(scheme) = scheme {
            sort(&mut points, scheme);
        }
        statements(points)
    }
}

impl Event {
    fn point(&self, scheme: Option<Scheme>) -> Result<Option<Point>, String> {
        // Versions of languages are often short of the standard's grammar (`1.0`): kept as written.
        let checked = scheme.filter(|scheme| *scheme != Scheme::Semver);
        let read = |text: &Text| fields::version(checked, &text.0);
        match (
            &self.introduced,
            &self.fixed,
            &self.last_affected,
            &self.limit,
        ) {
            (Some(text), None, None, None) if text.0.trim() == "0" => {
                Ok(Some(Point::Introduced(None)))
            }
            (Some(text), None, None, None) => Ok(Some(Point::Introduced(Some(read(text)?)))),
            (None, Some(text), None, None) => Ok(Some(Point::Fixed(read(text)?))),
            (None, None, Some(text), None) => Ok(Some(Point::Last(read(text)?))),
            (None, None, None, Some(text)) if text.0.trim() == "*" => Ok(None),
            // Behind the limit the range says nothing, as it says nothing behind a fix.
            (None, None, None, Some(text)) => Ok(Some(Point::Fixed(read(text)?))),
            _ => Err("an event names not exactly one version".to_owned()),
        }
    }
}

fn sort(points: &mut [Point], scheme: Scheme) {
    points.sort_by(|a, b| {
        let order = match (a.version(), b.version()) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => {
                versions::order(scheme, a.as_str(), b.as_str()).unwrap_or(Ordering::Equal)
            }
        };
        order.then(a.rank().cmp(&b.rank()))
    });
}

fn statements(points: Vec<Point>) -> Result<Vec<Says>, String> {
    let mut says = Vec::new();
    // What is open: `None` nothing, else the version from which on versions are affected.
    let mut open: Option<Option<Version>> = None;
    let begun = points
        .iter()
        .any(|point| matches!(point, Point::Introduced(_)));
    if !begun {
        return Err("a range without the event `introduced`".to_owned());
    }
    for point in points {
        match point {
            Point::Introduced(version) => {
                if open.is_none() {
                    open = Some(version);
                }
            }
            Point::Fixed(fixed) => {
                if let Some(introduced) = open.take() {
                    says.push(Says::FixedIn { introduced, fixed });
                }
            }
            Point::Last(last) => {
                if let Some(introduced) = open.take() {
                    says.push(Says::AffectedUpTo { introduced, last });
                }
            }
        }
    }
    match open {
        None => {}
        Some(None) => says.push(Says::NoFix {
            reason: NoFixReason::NotYet,
            word: "no fixed version".to_owned(),
        }),
        // Older versions are not affected and newer ones are: no word of ours says just that, and
        // calling all of them affected would be a guess.
        Some(Some(version)) => says.push(Says::Undetermined {
            word: fields::word(&format!("affected from {version} on, no fixed version")),
        }),
    }
    Ok(says)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;

    fn says(json: &str, scheme: Option<Scheme>) -> Result<Vec<Says>, String> {
        let range: Range = serde_json::from_str(json).unwrap();
        range.says(scheme)
    }

    fn fixed_in(introduced: Option<&str>, fixed: &str) -> Says {
        Says::FixedIn {
            introduced: introduced.map(|version| version.parse().unwrap()),
            fixed: fixed.parse().unwrap(),
        }
    }

    #[test]
    fn each_stretch_is_one_statement_whatever_the_order_of_events() {
        let text = r#"{"type":"SEMVER","events":[{"fixed":"2.3.0"},{"introduced":"2.0.0"},
            {"introduced":"0"},{"fixed":"1.10.0"},{"fixed":"1.9.0"}]}"#;
        // 1.10.0 is newer than 1.9.0, and behind the fix of 1.9.0 nothing is open.
        assert_eq!(
            says(text, None).unwrap(),
            [fixed_in(None, "1.9.0"), fixed_in(Some("2.0.0"), "2.3.0")]
        );
    }

    #[test]
    fn without_a_known_order_events_stay_as_written() {
        let text = r#"{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"2.0b1"},
            {"introduced":"2.1"},{"last_affected":"2.1.4"}]}"#;
        let found = says(text, None).unwrap();
        assert_eq!(found[0], fixed_in(None, "2.0b1"));
        assert_eq!(
            found[1],
            Says::AffectedUpTo {
                introduced: Some("2.1".parse().unwrap()),
                last: "2.1.4".parse().unwrap()
            }
        );
    }

    #[test]
    fn what_stays_open_has_no_fix_or_is_undetermined() {
        let all = r#"{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"limit":"*"}]}"#;
        let found = says(all, Some(Scheme::Deb)).unwrap();
        assert!(matches!(found.as_slice(), [Says::NoFix { .. }]));
        let later = r#"{"type":"ECOSYSTEM","events":[{"introduced":"1:2"}]}"#;
        let found = says(later, Some(Scheme::Deb)).unwrap();
        assert!(matches!(found.as_slice(), [Says::Undetermined { .. }]));
    }

    #[test]
    fn ranges_that_break_the_schema_say_why() {
        for text in [
            r#"{"type":"ECOSYSTEM","events":[{"fixed":"1"}]}"#,
            r#"{"type":"ECOSYSTEM","events":[]}"#,
            r#"{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1","introduced":"2"}]}"#,
            r#"{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"x:1"}]}"#,
            r#"{"type":"OTHER","events":[{"introduced":"0"}]}"#,
        ] {
            assert!(says(text, Some(Scheme::Deb)).is_err(), "{text}");
        }
    }
}
