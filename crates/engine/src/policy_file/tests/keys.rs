//! Every key of the table is read, and checked: a key that the reader forgot would be a key that
//! editors offer and nothing heeds.

use super::super::keys::{HEAD, Row, Shape, row};
use super::*;

/// A value that the shape takes.
fn good(shape: Shape) -> String {
    match shape {
        Shape::Text | Shape::Name => "\"text\"".to_owned(),
        Shape::DeviceQuery => "\"tag:a\"".to_owned(),
        Shape::PatchQuery => "\"severity>=low\"".to_owned(),
        Shape::Zone | Shape::NamedZone => "\"Europe/Berlin\"".to_owned(),
        Shape::TimeOfDay => "\"22:00\"".to_owned(),
        Shape::Hours => "\"09:00-17:00\"".to_owned(),
        Shape::OpenFor | Shape::Delay => "\"2h\"".to_owned(),
        Shape::WholeDays => "\"2d\"".to_owned(),
        Shape::Weekdays => "[\"tue\"]".to_owned(),
        Shape::Nth => "\"2 tuesday\"".to_owned(),
        Shape::MonthDay => "31".to_owned(),
        Shape::Date => "\"2026-12-24\"".to_owned(),
        Shape::Dates => "[\"2026-12-24\"]".to_owned(),
        Shape::LocalDateTime => "\"2026-12-24T10:00\"".to_owned(),
        Shape::Instant => "\"2026-12-24T10:00:00Z\"".to_owned(),
        Shape::Integer(least, _) => least.to_string(),
        Shape::Choice(words) => format!("\"{}\"", words[0]),
        Shape::Names => "[]".to_owned(),
        Shape::Delays => "[\"2h\"]".to_owned(),
        Shape::Table(row) => inline(row, None),
        Shape::Tables(row) => format!("[{}]", inline(row, None)),
    }
}

/// The table of a row in one line; of the needed keys `without` is left out.
fn inline(row: &Row, without: Option<&str>) -> String {
    let keys: Vec<String> = row
        .keys
        .iter()
        .filter(|key| key.needed && Some(key.name) != without)
        .map(|key| format!("{} = {}", key.name, good(key.shape)))
        .collect();
    format!("{{ {} }}", keys.join(", "))
}

fn table(kind: PolicyKind, without: Option<&str>, extra: &str) -> String {
    let mut text = format!("[[{kind}]]\n");
    for key in row(kind).keys {
        if key.needed && Some(key.name) != without && !extra.starts_with(&format!("{} =", key.name))
        {
            text += &format!("{} = {}\n", key.name, good(key.shape));
        }
    }
    text + extra + "\n"
}

#[test]
fn every_key_refuses_a_value_of_another_type() {
    for kind in PolicyKind::ALL {
        for key in row(*kind).keys {
            let text = table(*kind, None, &format!("{} = true", key.name));
            let problems = one(&text).unwrap_err();
            assert!(
                problems
                    .iter()
                    .any(|problem| problem.what == format!("`{}` is true or false", key.name)),
                "{kind} {}: {}",
                key.name,
                lines(&problems)
            );
        }
    }
    for key in HEAD.keys {
        let problems = told(&format!("[policy]\n{} = true\n", key.name));
        assert!(problems.contains("is true or false"), "{}", key.name);
    }
}

#[test]
fn every_needed_key_is_missed() {
    for kind in PolicyKind::ALL {
        for key in row(*kind).keys.iter().filter(|key| key.needed) {
            let problems = told(&table(*kind, Some(key.name), ""));
            assert!(
                problems.contains(&format!("has no `{}`", key.name)),
                "{kind} {}: {problems}",
                key.name
            );
        }
    }
}

#[test]
fn every_key_takes_what_its_shape_says() {
    for kind in PolicyKind::ALL {
        for key in row(*kind).keys {
            let text = table(*kind, None, &format!("{} = {}", key.name, good(key.shape)));
            // The value may not fit what else stands there, but it is never what is wrong.
            let told = told(&text);
            assert!(
                !told.contains("unknown key")
                    && !told.contains(&format!("error: `{}`: ", key.name)),
                "{kind} {}: {told}",
                key.name
            );
        }
    }
}

#[test]
fn the_schema_has_every_key_and_no_other() {
    let schema = schema();
    for kind in PolicyKind::ALL {
        let items = &schema["properties"][kind.word()]["items"];
        let properties = items["properties"].as_object().unwrap();
        assert_eq!(properties.len(), row(*kind).keys.len(), "{kind}");
        for key in row(*kind).keys {
            let property = &properties[key.name];
            assert!(property["description"].as_str().unwrap().contains(key.help));
            let needed = items["required"].as_array().unwrap();
            assert_eq!(
                needed.iter().any(|name| name == key.name),
                key.needed,
                "{kind} {}",
                key.name
            );
        }
    }
}

#[test]
fn the_schema_is_the_one_that_was_reviewed() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&schema()).unwrap());
}

#[test]
fn every_key_is_in_the_manual() {
    const MANUAL: &str = include_str!("../../../../../docs/policy.md");
    let mut rows: Vec<&Row> = PolicyKind::ALL.iter().map(|kind| row(*kind)).collect();
    rows.push(&HEAD);
    while let Some(row) = rows.pop() {
        for key in row.keys {
            let named = [format!("`{}`", key.name), format!("{} = ", key.name)];
            let is_there = named.iter().any(|text| MANUAL.contains(text));
            assert!(is_there, "{} of {}", key.name, row.name);
            if let Shape::Table(below) | Shape::Tables(below) = key.shape {
                rows.push(below);
            }
        }
    }
}
