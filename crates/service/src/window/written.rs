//! What a person writes of a window, with the keys of policy files, and a window back as that.

use domain::policy::PolicyKind;
use domain::query::SubjectKind;
use domain::window::{ChangeWindow, MonthDay, OpensFor, Recurrence};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::by_hand::Written;
use crate::{Result, ServiceError, query};

/// A new change window, with the keys that it has in policy files. On which days it opens is said
/// in one of `days`, `nth`, `month_day`, `dates` and `after_release`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWindow {
    /// Its name, new.
    pub name: String,
    /// Which devices: a query over devices.
    #[serde(rename = "for", default)]
    pub devices: String,
    /// `mon,thu`; or another rule for days in words, such as `2 tuesday`.
    #[serde(default)]
    pub days: String,
    /// Only every so many weeks, counted from the week of `from`; with `days`.
    #[serde(default)]
    pub every_weeks: Option<i64>,
    /// `2 tuesday` or `last friday` of each month.
    #[serde(default)]
    pub nth: Option<String>,
    /// So many days after (before) the day that `nth` names.
    #[serde(default)]
    pub plus_days: Option<i64>,
    /// `31`, which months without it skip, or `last`.
    #[serde(default)]
    pub month_day: Option<String>,
    /// `2026-12-24`, each opened on once.
    #[serde(default)]
    pub dates: Vec<String>,
    /// `2d`: so many days after each patch's own release.
    #[serde(default)]
    pub after_release: Option<String>,
    /// `22:00`.
    pub start: String,
    /// `2h`.
    pub duration: String,
    /// An IANA name, or `device`.
    pub zone: String,
    /// The first local date on which it may open.
    #[serde(default)]
    pub from: Option<String>,
    /// The last local date on which it may open.
    #[serde(default)]
    pub until: Option<String>,
    /// Nothing new begins in the last part of an opening, so long: `30m`.
    #[serde(default)]
    pub reserve: Option<String>,
    /// What a device may that was off during a whole opening.
    #[serde(default)]
    pub catch_up: Option<NewCatchUp>,
    /// `changes`, as it is without, or `reboots`: for reboot rules that name it, and nothing else.
    #[serde(default)]
    pub opens_for: Option<String>,
}

/// What a device may that was out of contact during a whole opening.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCatchUp {
    /// `2h`: how long after its next contact it may be changed.
    pub within: String,
    /// `09:00-17:00`: at which local hours it may not.
    #[serde(default)]
    pub not: Option<String>,
    /// `7d`: how long after the missed opening this holds.
    #[serde(default)]
    pub expires: Option<String>,
}

impl NewWindow {
    /// What stands, as it would be written anew.
    pub(super) fn of(window: &ChangeWindow) -> Self {
        let date = |date: Option<jiff::civil::Date>| date.map(|date| date.to_string());
        let mut new = Self {
            name: window.name.to_string(),
            devices: window.devices.to_string(),
            start: super::hour_and_minute(window.start),
            duration: window.duration.to_string(),
            zone: window.zone.to_string(),
            from: date(window.from),
            until: date(window.until),
            reserve: window.reserve.map(|reserve| reserve.to_string()),
            catch_up: window.catch_up.map(|catch_up| NewCatchUp {
                within: catch_up.within.to_string(),
                not: catch_up.not.map(|not| not.to_string()),
                expires: catch_up.expires.map(|expires| expires.to_string()),
            }),
            opens_for: (window.opens_for != OpensFor::Changes)
                .then(|| window.opens_for.to_string()),
            ..Self::default()
        };
        new.recur(&window.recurrence);
        new
    }

    /// Says a rule for days in the keys of policy files.
    fn recur(&mut self, recurrence: &Recurrence) {
        self.days = String::new();
        match recurrence {
            Recurrence::Weekly { days, every_weeks } => {
                self.days = days.to_string();
                self.every_weeks = (*every_weeks != 1).then_some(i64::from(*every_weeks));
            }
            Recurrence::Nth {
                nth,
                weekday,
                plus_days,
            } => {
                let bare = Recurrence::Nth {
                    nth: *nth,
                    weekday: *weekday,
                    plus_days: 0,
                };
                self.nth = Some(bare.to_string());
                self.plus_days = (*plus_days != 0).then_some(i64::from(*plus_days));
            }
            Recurrence::MonthDay(MonthDay::Last) => self.month_day = Some("last".to_owned()),
            Recurrence::MonthDay(MonthDay::Number(day)) => self.month_day = Some(day.to_string()),
            Recurrence::Dates(dates) => {
                self.dates = dates.iter().map(ToString::to_string).collect();
            }
            Recurrence::AfterRelease { days } => self.after_release = Some(format!("{days}d")),
        }
    }

    /// The window, without id, client and times.
    pub(super) fn read(&self) -> Result<ChangeWindow> {
        let mut wanted = self.clone();
        // Lists show a rule for days in words; what they show is understood too.
        if let Ok(rule @ Recurrence::Weekly { .. }) = self.days.parse() {
            if self.every_weeks.is_none() {
                wanted.recur(&rule);
            }
        } else if let Ok(rule) = self.days.parse() {
            wanted.recur(&rule);
        }
        let files = match wanted.written().read() {
            Ok(files) => files,
            Err(ServiceError::Fields { problems }) => {
                // A query alone is told with its place in the query.
                if problems.iter().all(|one| one.field == "for") {
                    query::parse("for", Some(&self.devices), SubjectKind::Device)?;
                }
                return Err(ServiceError::Fields { problems });
            }
            Err(other) => return Err(other),
        };
        let window = files.policy.windows.into_iter().next();
        window.ok_or_else(|| ServiceError::Internal {
            what: "a window was read and is not there".to_owned(),
        })
    }

    fn written(&self) -> Written {
        let mut table = Written::new(PolicyKind::Window);
        table.text("name", &self.name);
        table.maybe("for", Some(&self.devices));
        table.texts("days", self.days.split(','));
        table.number("every_weeks", self.every_weeks);
        table.maybe("nth", self.nth.as_deref());
        table.number("plus_days", self.plus_days);
        table.maybe("month_day", self.month_day.as_deref());
        table.texts("dates", self.dates.iter().map(String::as_str));
        table.maybe("after_release", self.after_release.as_deref());
        table.text("start", &self.start);
        table.text("duration", &self.duration);
        table.text("zone", &self.zone);
        table.maybe("from", self.from.as_deref());
        table.maybe("until", self.until.as_deref());
        table.maybe("reserve", self.reserve.as_deref());
        table.maybe("opens_for", self.opens_for.as_deref());
        if let Some(catch_up) = &self.catch_up {
            table.inside("catch_up");
            table.text("within", &catch_up.within);
            table.maybe("not", catch_up.not.as_deref());
            table.maybe("expires", catch_up.expires.as_deref());
        }
        table
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;

    fn weekly() -> NewWindow {
        NewWindow {
            name: "Night".into(),
            devices: "client:Acme".into(),
            days: "tue".into(),
            start: "22:00".into(),
            duration: "2h".into(),
            zone: "Europe/Berlin".into(),
            ..NewWindow::default()
        }
    }

    fn without_days(change: impl FnOnce(&mut NewWindow)) -> NewWindow {
        let mut window = weekly();
        window.days = String::new();
        change(&mut window);
        window
    }

    #[test]
    fn every_rule_for_days_is_read_and_written_back_the_same() {
        let every_two = NewWindow {
            every_weeks: Some(2),
            from: Some("2026-01-05".into()),
            until: Some("2026-12-31".into()),
            reserve: Some("30m".into()),
            catch_up: Some(NewCatchUp {
                within: "2h".into(),
                not: Some("09:00-17:00".into()),
                expires: Some("7d".into()),
            }),
            ..weekly()
        };
        let all = [
            weekly(),
            every_two,
            without_days(|window| {
                window.nth = Some("2 tue".into());
                window.plus_days = Some(-3);
            }),
            without_days(|window| window.month_day = Some("31".into())),
            without_days(|window| window.month_day = Some("last".into())),
            without_days(|window| window.dates = vec!["2026-12-24".into(), "2026-12-31".into()]),
            without_days(|window| window.after_release = Some("2d".into())),
            NewWindow {
                opens_for: Some("reboots".into()),
                ..weekly()
            },
        ];
        for wanted in all {
            let read = wanted.read().unwrap();
            let back = NewWindow::of(&read);
            assert_eq!(back.read().unwrap(), read);
            if wanted.nth.is_none() {
                assert_eq!(back, wanted);
            }
        }
    }

    #[test]
    fn a_rule_in_the_words_of_lists_is_understood() {
        for words in [
            "2 tuesday + 3 days",
            "day 31",
            "2 days after release",
            "mon,thu",
        ] {
            let wanted = NewWindow {
                days: words.into(),
                ..weekly()
            };
            let read = wanted.read().unwrap();
            assert_eq!(read.recurrence, words.parse().unwrap(), "{words}");
        }
    }

    #[test]
    fn every_mistake_is_told_at_its_field() {
        let wanted = NewWindow {
            name: String::new(),
            devices: "clint:Acme".into(),
            days: "tus".into(),
            start: "25:00".into(),
            duration: "9d".into(),
            zone: "Europe/Berlim".into(),
            from: Some("2026-02-30".into()),
            catch_up: Some(NewCatchUp::default()),
            ..NewWindow::default()
        };
        let ServiceError::Fields { problems } = wanted.read().unwrap_err() else {
            panic!("not told field by field");
        };
        let told: Vec<String> = problems
            .iter()
            .map(|one| {
                format!(
                    "{}: {} | {}",
                    one.field,
                    one.what,
                    one.hint.as_deref().unwrap_or("-")
                )
            })
            .collect();
        insta::assert_snapshot!(told.join("\n"));
    }
}
