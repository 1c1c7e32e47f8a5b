//! Policy files: good ones, bad ones, and what comes back from them.

mod keys;
mod mutation;
mod pieces;
mod round_trip;

use domain::decision::{Level, Word};
use domain::window::{Recurrence, WindowZone};
use jiff::Timestamp;

use super::*;

const WHOLE: &str = include_str!("tests/whole.toml");

fn one(text: &str) -> Result<PolicyFiles, Vec<Problem>> {
    read(&[("a.toml".to_owned(), text.to_owned())])
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// What is told about a text: its warnings, or why it is refused.
fn told(text: &str) -> String {
    match one(text) {
        Ok(files) => lines(&files.warnings),
        Err(problems) => lines(&problems),
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_whole_policy_is_read() {
    let files = one(WHOLE).unwrap();
    assert!(files.warnings.is_empty(), "{}", lines(&files.warnings));
    let policy = &files.policy;
    let recurrences: Vec<String> = policy
        .windows
        .iter()
        .map(|window| window.recurrence.to_string())
        .collect();
    assert_eq!(
        recurrences,
        [
            "tue every 2 weeks",
            "2 tuesday + 4 days",
            "day 31",
            "2026-12-24,2026-12-31",
            "2 days after release"
        ]
    );
    let catch_up = policy.windows[1].catch_up.unwrap();
    assert_eq!(catch_up.within.minutes(), 120);
    assert_eq!(catch_up.not.unwrap().to_string(), "09:00-17:00");
    assert_eq!(policy.windows[1].zone, WindowZone::Device);
    assert_eq!(policy.freezes[0].until.to_string(), "2027-01-04T06:00:00");
    assert_eq!(policy.rules[0].kev_after.unwrap().minutes(), 0);
    let study = policy.rules[1].study.as_ref().unwrap();
    assert_eq!(
        (study.owner.as_str(), study.due.minutes()),
        ("team servers", 14 * 1440)
    );
    let present = policy.reboots[0].user_present.as_ref().unwrap();
    assert_eq!(present.warn[0].minutes(), 60, "the longest comes first");
    assert_eq!(policy.rings[0].rings.len(), 2);
    assert!(policy.rings[0].rings[1].devices.is_everything());
    assert_eq!(policy.exclusions[0].until, Some(at("2027-05-31T22:00:00Z")));
    assert_eq!(files.head.version.as_deref(), Some("3"));
}

#[test]
fn a_decision_of_a_file_is_in_force_from_the_beginning_and_as_close_as_its_query() {
    let policy = one(WHOLE).unwrap().policy;
    let [legacy, pin] = policy.decisions.as_slice() else {
        panic!("two decisions");
    };
    assert_eq!(
        (legacy.word, legacy.level),
        (Word::AcceptRisk, Level::Device)
    );
    assert_eq!(legacy.until, Some(at("2027-01-30T23:00:00Z")));
    assert_eq!((pin.word, pin.level), (Word::Pin, Level::Client));
    assert!(pin.is_in_force(at("1999-01-01T00:00:00Z")));
}

#[test]
fn every_mistake_is_told_with_its_place() {
    insta::assert_snapshot!(told(include_str!("tests/mistakes.toml")));
}

#[test]
fn what_is_no_toml_is_told_once_and_the_rest_is_still_checked() {
    let text = "[[window]]\nname = \"a\"\nstart = 22:00\nduration = \"2h\"\ndays = [\"tue\"]\n\
                [[rule]]\nname = \"r\"\naction = \"maybe\"\nwindows = [\"b\"]\n";
    insta::assert_snapshot!(told(text));
}

#[test]
fn names_are_looked_up_over_all_files() {
    let windows = "[[window]]\nname = \"night\"\ndays = [\"tue\"]\nstart = \"22:00\"\n\
                   duration = \"2h\"\n";
    let rules = "[[rule]]\nname = \"r\"\naction = \"approve\"\nwindows = [\"night\"]\n";
    let files = |texts: &[(&str, &str)]| {
        let texts: Vec<(String, String)> = texts
            .iter()
            .map(|(file, text)| ((*file).to_owned(), (*text).to_owned()))
            .collect();
        read(&texts)
    };
    assert!(files(&[("rules.toml", rules), ("windows.toml", windows)]).is_ok());
    let twice = files(&[("1.toml", windows), ("2.toml", windows)]).unwrap_err();
    assert_eq!(
        lines(&twice),
        "2.toml:2:8: error: there is a window `night` already, at 1.toml:2:8\n  \
         hint: give one of them another name"
    );
}

#[test]
fn a_time_that_does_not_exist_is_refused_and_one_in_a_gap_is_not() {
    let freeze = |from: &str| {
        told(&format!(
            "[[freeze]]\nname = \"f\"\nfor = \"\"\nzone = \"Europe/Berlin\"\nreason = \"r\"\n\
             from = {from}\nuntil = \"2027-12-31T00:00\"\n"
        ))
    };
    // The clocks of Berlin go from 02:00 to 03:00 on 28 March 2027.
    for good in [
        "\"2027-03-28T02:30\"",
        "\"2027-03-28T02:30:15\"",
        "2027-03-28T02:30:00",
    ] {
        assert_eq!(freeze(good), "", "{good}");
    }
    for bad in [
        "\"2027-02-29T00:00\"",
        "\"2027-03-28T24:00\"",
        "\"2027-03-28T00:60\"",
        "\"2027-03-28T00:00:60\"",
        "\"2027-03-28T00:00Z\"",
        "\"2027-03-28T00:00+02:00\"",
        "2027-03-28T00:00:00Z",
        // Whether the day is meant to be inside cannot be told.
        "2027-03-28",
        "\"2027-03-28\"",
        "\"28.03.2027\"",
        "\"\"",
        "7",
    ] {
        assert!(freeze(bad).contains("a.toml:6:8: error: "), "{bad}");
    }
}

#[test]
fn the_end_of_a_decision_in_a_gap_is_the_first_instant_after_it() {
    let until = |until: &str| {
        let text = format!(
            "[[decision]]\nverdict = \"hold\"\npatches = \"\"\nreason = \"r\"\n\
             zone = \"Europe/Berlin\"\nuntil = \"{until}\"\n"
        );
        one(&text).unwrap().policy.decisions[0].until.unwrap()
    };
    assert_eq!(until("2027-03-28T02:30"), at("2027-03-28T01:00:00Z"));
    assert_eq!(until("2027-10-31T02:30"), at("2027-10-31T00:30:00Z"));
    assert_eq!(until("2027-03-28"), at("2027-03-27T23:00:00Z"));
}

#[test]
fn a_file_or_a_policy_that_is_too_large_is_refused() {
    let large = "#".repeat(FILE_BYTES_MAX + 1);
    assert!(told(&large).contains("more than 4194304"));
    let groups = (0..OBJECTS_MAX + 5).map(|at| format!("[[group]]\nname = \"{at}\"\n"));
    let problems = one(&groups.collect::<String>()).unwrap_err();
    let too_many = problems
        .iter()
        .filter(|problem| problem.what.contains("more than 10000 objects"));
    assert_eq!(too_many.count(), 1);
    let nameless = "[[group]]\n".repeat(OBJECTS_MAX + 5);
    assert_eq!(one(&nameless).unwrap_err().len(), fields::PROBLEMS_MAX);
}

#[test]
fn the_empty_file_is_an_empty_policy() {
    let files = one("").unwrap();
    assert_eq!(files.policy, Policy::default());
    assert!(files.objects().is_empty());
    assert!(matches!(
        one(WHOLE).unwrap().policy.windows[2].recurrence,
        Recurrence::MonthDay(_)
    ));
}
