//! Change windows: list, form with every rule for days, twelve openings, ending one.

use service::window::{NewCatchUp, NewWindow, WindowItem, WindowShown};

use super::kept::{Kept, KeptAsked};
use super::*;
use crate::console::form::Mistakes;
use crate::console::window::{EndPage, FormPage, Seen, WindowForm, WindowsPage};

fn item(name: &str, file: Option<&str>) -> WindowItem {
    WindowItem {
        id: domain::id::WindowId::from_bytes([name.len() as u8; 16]),
        name: name.into(),
        devices: "client:\"Acme GmbH\" tag:server".into(),
        days: "2 tuesday + 2 days".into(),
        start: "22:00".into(),
        duration: "2h".into(),
        zone: "Europe/Berlin".into(),
        limits: vec!["from 2026-01-05".into()],
        catch_up: Some("within 2h, not 09:00-17:00".into()),
        client: Some("Acme GmbH".into()),
        file: file.map(Into::into),
        opens_next: Some("Thu 2026-03-12 22:00".into()),
        unreadable: None,
        valid_from: at("2026-01-05T10:00:00Z"),
        ended_at: None,
    }
}

fn windows() -> Vec<WindowItem> {
    let mut broken = item("odd <one>", None);
    broken.unreadable = Some("`Mars/Olympus` is not a time zone".into());
    let mut ended = item("old", None);
    ended.ended_at = Some(at("2026-02-01T10:00:00Z"));
    ended.zone = "device".into();
    vec![
        item("nightly", None),
        item("of a file", Some("acme.toml")),
        broken,
        ended,
    ]
}

fn every_rule() -> NewWindow {
    NewWindow {
        name: "Servers at night".into(),
        devices: "tag:server".into(),
        days: "tue,thu".into(),
        every_weeks: Some(2),
        start: "02:30".into(),
        duration: "2h".into(),
        zone: "Europe/Berlin".into(),
        from: Some("2026-03-02".into()),
        reserve: Some("30m".into()),
        catch_up: Some(NewCatchUp {
            within: "2h".into(),
            not: Some("09:00-17:00".into()),
            expires: Some("7d".into()),
        }),
        ..NewWindow::default()
    }
}

#[test]
fn windows_are_listed_with_their_next_opening_and_where_they_are_written() {
    let asked = KeptAsked {
        show: "all".into(),
        done: Some(Done::Window),
        ..KeptAsked::default()
    };
    let found = Kept {
        items: windows(),
        next: Some("win_x".into()),
    };
    look("windows", &WindowsPage::new(&owner(), &asked, found, now()));
}

#[test]
fn a_reader_sees_windows_and_can_change_none() {
    let found = Kept {
        items: windows(),
        next: None,
    };
    let page = WindowsPage::new(&reader(), &KeptAsked::default(), found, now());
    let html = page.render().unwrap();
    assert!(!html.contains("/edit") && !html.contains("/end\"") && !html.contains("/windows/new"));
}

#[test]
fn a_form_of_every_rule_says_the_same_as_the_window() {
    let wanted = every_rule();
    assert_eq!(
        WindowForm::of(&wanted).read(),
        (wanted.clone(), Mistakes::default())
    );
    let monthly = NewWindow {
        days: String::new(),
        every_weeks: None,
        nth: Some("last friday".into()),
        plus_days: Some(-2),
        ..every_rule()
    };
    assert_eq!(
        WindowForm::of(&monthly).read(),
        (monthly.clone(), Mistakes::default())
    );
    for change in [
        (|window| window.month_day = Some("last".into())) as fn(&mut NewWindow),
        |window| window.dates = vec!["2026-12-24".into(), "2026-12-31".into()],
        |window| window.after_release = Some("2d".into()),
    ] {
        let mut wanted = NewWindow {
            days: String::new(),
            every_weeks: None,
            ..every_rule()
        };
        change(&mut wanted);
        assert_eq!(
            WindowForm::of(&wanted).read(),
            (wanted.clone(), Mistakes::default())
        );
    }
    let page = FormPage::new(
        &owner(),
        Some(("win_1".into(), "Servers at night".into())),
        WindowForm::of(&wanted),
        Seen::Asked,
        vec!["Europe/Berlin".into()],
        now(),
    );
    look("window_edit", &page);
}

#[test]
fn what_was_typed_goes_through_the_form_and_is_not_lost() {
    let form = WindowForm::of(&every_rule());
    let opening = |day: &str, closes: &str| OpeningItem {
        opens_at: at(day),
        closes_at: at(closes),
        zone: "Europe/Berlin".into(),
    };
    // The clocks go forward on 29 March: 02:30 does not exist on that day.
    let openings = vec![
        opening("2026-03-26T01:30:00Z", "2026-03-26T03:30:00Z"),
        opening("2026-03-29T01:00:00Z", "2026-03-29T03:00:00Z"),
        opening("2026-04-09T00:30:00Z", "2026-04-09T02:30:00Z"),
        opening("2026-10-24T23:30:00Z", "2026-10-25T01:30:00Z"),
    ];
    let page = FormPage::new(
        &owner(),
        None,
        form.clone(),
        Seen::Previewed(openings),
        vec!["Europe/Berlin".into()],
        now(),
    );
    let html = page.render().unwrap();
    for sentence in [
        "02:30 does not exist on that day",
        "the clocks change during it",
        "Save this window",
    ] {
        assert!(html.contains(sentence), "{sentence}");
    }
    look("window_preview", &page);
    // The second step sends the same form.
    let pairs: Vec<(String, String)> = html
        .split("<form class=\"bar\"")
        .nth(1)
        .unwrap()
        .split("<input type=\"hidden\" name=\"")
        .skip(1)
        .map(|rest| {
            let mut parts = rest.split('"');
            let name = parts.next().unwrap().to_owned();
            (name, parts.nth(1).unwrap().to_owned())
        })
        .collect();
    assert_eq!(WindowForm::from_pairs(pairs).0, form);
}

#[test]
fn mistakes_stand_at_their_fields_and_saving_is_not_offered() {
    let (form, preview) = WindowForm::from_pairs(
        [
            ("preview", "1"),
            ("name", "x"),
            ("for", "clint:acme"),
            ("rule", "weekly"),
            ("every_weeks", "two"),
            ("zone", "Europe/Berlim"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec(),
    );
    assert!(preview);
    let (_, mut mistakes) = form.read();
    mistakes.tell(
        "zone",
        "`Europe/Berlim` is not a time zone",
        "expected device or a zone's name, such as Europe/Berlin",
    );
    mistakes.query("for", "clint:acme");
    mistakes.tell("name", "there is already a window `x`", "");
    let page = FormPage::new(
        &owner(),
        None,
        form,
        Seen::Refused(mistakes),
        Vec::new(),
        now(),
    );
    let html = page.render().unwrap();
    assert!(!html.contains("Save this window"));
    assert!(html.contains("value=\"Europe/Berlim\"") && html.contains("value=\"two\""));
    look("window_refused", &page);
}

#[test]
fn a_problem_of_the_use_case_becomes_mistakes_at_fields() {
    let problem = Problem::from(service::ServiceError::Fields {
        problems: vec![service::by_hand::FieldProblem {
            field: "start".into(),
            what: "`25:00` is not a time of day".into(),
            hint: Some("expected a time of day, such as 22:00".into()),
        }],
    });
    let mistakes = Mistakes::of(problem).unwrap();
    assert_eq!(mistakes.at("start").len(), 1);
    // What follows from a mistake that is known already is not told again.
    let mut known = Mistakes::default();
    known.tell("days", "no day is picked", "pick at least one weekday");
    let mut others = Mistakes::default();
    others.tell("", "this window does not say on which days it opens", "");
    others.tell("zone", "it is no zone", "");
    let all = known.and(others);
    assert_eq!((all.count(), all.at("zone").len()), (2, 1));
    let conflict = Problem::from(service::ServiceError::Conflict {
        reason: "there is already a window `x`".into(),
    });
    let elsewhere = Mistakes::of(conflict).unwrap().elsewhere(&["name"]);
    assert_eq!(elsewhere[0].what, "There is already a window `x`.");
    let broken = Problem::internal(&std::io::Error::other("disk on fire"));
    assert!(Mistakes::of(broken).is_err());
}

#[test]
fn ending_a_window_says_who_names_it() {
    let shown = WindowShown {
        item: item("of a file", Some("acme.toml")),
        written: None,
        named_by: vec!["the rule all".into()],
    };
    look("window_end", &EndPage::new(&owner(), &shown, now()));
}
