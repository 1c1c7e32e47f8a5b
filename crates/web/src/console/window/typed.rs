//! The form of a change window as it was typed: from an address, from a window, to the use case.

use service::window::{NewCatchUp, NewWindow};

use crate::console::form::Mistakes;

/// The form, as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::console) struct WindowForm {
    pub name: String,
    pub devices: String,
    pub zone: String,
    pub rule: String,
    pub days: Vec<String>,
    pub every_weeks: String,
    pub nth_count: String,
    pub nth_day: String,
    pub plus_days: String,
    pub month_day: String,
    pub dates: String,
    pub after_release: String,
    pub start: String,
    pub duration: String,
    pub from: String,
    pub until: String,
    pub reserve: String,
    pub within: String,
    pub not: String,
    pub expires: String,
    pub opens_for: String,
}

impl WindowForm {
    /// Reads the form from an address or a body; says whether the openings are asked for.
    pub fn from_pairs(pairs: Vec<(String, String)>) -> (Self, bool) {
        let (mut form, mut preview) = (Self::default(), false);
        for (name, value) in pairs {
            let value = value.trim().to_owned();
            if name == "day" {
                form.days.push(value);
            } else if name == "preview" {
                preview = true;
            } else if let Some((_, field)) = form.texts().into_iter().find(|(own, _)| *own == name)
            {
                *field = value;
            }
        }
        (form, preview)
    }

    fn texts(&mut self) -> [(&'static str, &mut String); 20] {
        [
            ("name", &mut self.name),
            ("for", &mut self.devices),
            ("zone", &mut self.zone),
            ("rule", &mut self.rule),
            ("every_weeks", &mut self.every_weeks),
            ("nth_count", &mut self.nth_count),
            ("nth_day", &mut self.nth_day),
            ("plus_days", &mut self.plus_days),
            ("month_day", &mut self.month_day),
            ("dates", &mut self.dates),
            ("after_release", &mut self.after_release),
            ("start", &mut self.start),
            ("duration", &mut self.duration),
            ("from", &mut self.from),
            ("until", &mut self.until),
            ("reserve", &mut self.reserve),
            ("within", &mut self.within),
            ("not", &mut self.not),
            ("expires", &mut self.expires),
            ("opens_for", &mut self.opens_for),
        ]
    }

    /// What the form of the second step sends again.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut own = self.clone();
        let texts = own.texts().map(|(name, value)| (name, value.clone()));
        let days = self.days.iter().map(|day| ("day", day.clone()));
        texts
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .chain(days)
            .collect()
    }

    /// A form for something new.
    pub fn fresh() -> Self {
        Self {
            zone: "device".to_owned(),
            rule: "weekly".to_owned(),
            nth_count: "2".to_owned(),
            nth_day: "tuesday".to_owned(),
            start: "22:00".to_owned(),
            duration: "2h".to_owned(),
            ..Self::default()
        }
    }

    /// The form of a window that stands.
    pub fn of(window: &NewWindow) -> Self {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let number =
            |value: Option<i64>| value.map(|number| number.to_string()).unwrap_or_default();
        let catch_up = window.catch_up.clone().unwrap_or_default();
        let nth = text(&window.nth);
        let (nth_count, nth_day) = nth.split_once(' ').unwrap_or(("2", "tuesday"));
        Self {
            name: window.name.clone(),
            devices: window.devices.clone(),
            zone: window.zone.clone(),
            rule: if window.nth.is_some() {
                "nth"
            } else if window.month_day.is_some() {
                "month_day"
            } else if !window.dates.is_empty() {
                "dates"
            } else if window.after_release.is_some() {
                "after_release"
            } else {
                "weekly"
            }
            .to_owned(),
            days: window
                .days
                .split(',')
                .filter(|day| !day.is_empty())
                .map(str::to_owned)
                .collect(),
            every_weeks: number(window.every_weeks),
            nth_count: nth_count.to_owned(),
            nth_day: nth_day.to_owned(),
            plus_days: number(window.plus_days),
            month_day: text(&window.month_day),
            dates: window.dates.join(", "),
            after_release: text(&window.after_release),
            start: window.start.clone(),
            duration: window.duration.clone(),
            from: text(&window.from),
            until: text(&window.until),
            reserve: text(&window.reserve),
            within: catch_up.within,
            not: text(&catch_up.not),
            expires: text(&catch_up.expires),
            opens_for: text(&window.opens_for),
        }
    }

    /// The use case's input as far as it can be read, and what is wrong with the form itself.
    pub fn read(&self) -> (NewWindow, Mistakes) {
        let mut mistakes = Mistakes::default();
        let text = |value: &str| (!value.is_empty()).then(|| value.to_owned());
        let mut number = |field: &'static str, value: &str| {
            let read = value.trim_start_matches('+').parse::<i64>();
            if read.is_err() && !value.is_empty() {
                let what = format!("“{value}” is not a whole number");
                mistakes.tell(field, &what, "write such as 2");
            }
            read.ok()
        };
        let mut window = NewWindow {
            name: self.name.clone(),
            devices: self.devices.clone(),
            start: self.start.clone(),
            duration: self.duration.clone(),
            zone: self.zone.clone(),
            from: text(&self.from),
            until: text(&self.until),
            reserve: text(&self.reserve),
            catch_up: (!self.within.is_empty() || !self.not.is_empty() || !self.expires.is_empty())
                .then(|| NewCatchUp {
                    within: self.within.clone(),
                    not: text(&self.not),
                    expires: text(&self.expires),
                }),
            opens_for: text(&self.opens_for),
            ..NewWindow::default()
        };
        match self.rule.as_str() {
            "nth" => {
                window.nth = Some(format!("{} {}", self.nth_count, self.nth_day));
                window.plus_days = number("plus_days", &self.plus_days);
            }
            "month_day" => window.month_day = Some(self.month_day.clone()),
            "dates" => {
                let dates = self.dates.split([',', ' ', '\n']);
                window.dates = dates
                    .filter(|date| !date.is_empty())
                    .map(str::to_owned)
                    .collect();
                if window.dates.is_empty() {
                    mistakes.tell("dates", "no date is named", "write such as 2026-12-24");
                }
            }
            "after_release" => window.after_release = Some(self.after_release.clone()),
            _ => {
                window.days = self.days.join(",");
                window.every_weeks = number("every_weeks", &self.every_weeks);
                if self.days.is_empty() {
                    mistakes.tell("days", "no day is picked", "pick at least one weekday");
                }
            }
        }
        if window.month_day.as_deref() == Some("") {
            mistakes.tell("month_day", "no day is named", "write 1 to 31, or last");
        }
        if window.after_release.as_deref() == Some("") {
            mistakes.tell(
                "after_release",
                "it does not say how many days",
                "write such as 2d",
            );
        }
        (window, mistakes)
    }
}
