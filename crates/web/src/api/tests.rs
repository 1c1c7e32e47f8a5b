//! The OpenAPI document against the table of routes, against what was reviewed, and against the
//! types that know no OpenAPI.

use std::collections::BTreeSet;

use domain::decision::{Level, Word};
use domain::report::{ClientReport, DeviceLine, MissingCount, NotCounted, ProvenLine};
use domain::verdict::{Answer, Gate, GateName, Loser, Verdict};
use serde_json::Value;

use super::document;
use crate::router::ROUTES;

fn as_value() -> Value {
    serde_json::to_value(document()).unwrap()
}

/// Methods and paths of the document.
fn described() -> BTreeSet<(String, String)> {
    let document = as_value();
    let mut found = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            found.insert((method.to_uppercase(), path.clone()));
        }
    }
    found
}

#[test]
fn the_document_is_the_one_that_was_reviewed() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let mut text = serde_json::to_string_pretty(&as_value()).unwrap();
    text.push('\n');
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(file, &text).unwrap();
    }
    let reviewed = std::fs::read_to_string(file).unwrap();
    assert!(
        text == reviewed,
        "the API changed: run this test with UPDATE_OPENAPI=1 and look at the difference of openapi.json"
    );
}

#[test]
fn what_is_served_and_what_is_described_are_the_same() {
    let served: BTreeSet<(String, String)> = ROUTES
        .iter()
        .filter(|(_, path, _)| path.starts_with("/api/v1/") && *path != "/api/v1/openapi.json")
        .map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned()))
        .collect();
    assert_eq!(described(), served);
}

#[test]
fn every_operation_has_a_name_a_summary_and_says_how_it_fails() {
    let document = as_value();
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name} twice");
            assert!(operation["summary"].is_string(), "{method} {path}");
            assert_eq!(
                operation["responses"]["default"]["content"]["application/problem+json"]["schema"]
                    ["$ref"],
                "#/components/schemas/Problem",
                "{method} {path}"
            );
        }
    }
}

#[test]
fn every_list_has_items_and_next_and_can_be_read_in_parts() {
    let document = as_value();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut lists = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let schema = &item["get"]["responses"]["200"]["content"]["application/json"]["schema"];
        let Some(name) = schema["$ref"]
            .as_str()
            .and_then(|name| name.rsplit('/').next())
        else {
            continue;
        };
        if !name.starts_with("List") {
            continue;
        }
        lists += 1;
        let properties: Vec<&String> = schemas[name]["properties"]
            .as_object()
            .unwrap()
            .keys()
            .collect();
        assert_eq!(properties, ["items", "next"], "{path}");
        let asked: Vec<&str> = item["get"]["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|parameter| parameter["name"].as_str())
            .collect();
        let bounded =
            asked.contains(&"count") || (asked.contains(&"limit") && asked.contains(&"cursor"));
        assert!(bounded, "{path} has no limit: {asked:?}");
    }
    assert!(lists >= 9, "only {lists} lists were found");
}

/// Compares the keys of an object with the schema that describes it.
fn same_keys(schema: &str, object: &Value) {
    same_keys_but(schema, object, &[]);
}

/// The same; some of the keys are not always there.
fn same_keys_but(schema: &str, object: &Value, sometimes: &[&str]) {
    let document = as_value();
    let described = &document["components"]["schemas"][schema];
    let keys = |value: &Value| -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(keys(&described["properties"]), keys(object), "{schema}");
    let required: BTreeSet<String> = described["required"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap().to_owned())
        .collect();
    let mut always = keys(object);
    always.retain(|key| !sometimes.contains(&key.as_str()));
    assert_eq!(required, always, "{schema}: which keys are always there");
}

#[test]
fn what_knows_no_openapi_is_described_as_it_is_sent() {
    let at = "2026-03-02T09:00:00Z".parse().unwrap();
    let gate = Gate {
        gate: GateName::Window,
        open: None,
        reason: String::new(),
        owner: None,
        opens_at: None,
        losers: Some(vec![Loser {
            object: "Ada".into(),
            level: Level::Provider,
            verdict: Word::Approve,
        }]),
    };
    let value = serde_json::to_value(&gate).unwrap();
    same_keys_but("Gate", &value, &["losers"]);
    same_keys("Loser", &value["losers"][0]);
    let verdict = Verdict {
        verdict: Answer::Never,
        at: None,
        gate: None,
        sentence: String::new(),
        gates: vec![gate],
    };
    same_keys("Verdict", &serde_json::to_value(verdict).unwrap());
    let report = ClientReport {
        client: "Acme".into(),
        at,
        devices: 1,
        counted: 1,
        missing: vec![MissingCount {
            severity: None,
            patches: 1,
            findings: 1,
        }],
        proven: vec![ProvenLine {
            patch: String::new(),
            device: String::new(),
            proven_at: at,
        }],
        failed: 0,
        lines: vec![DeviceLine {
            name: String::new(),
            site: String::new(),
            os: String::new(),
            last_seen: None,
            missing: None,
            proven: 0,
        }],
        not_counted: vec![NotCounted {
            what: String::new(),
            why: String::new(),
            since: None,
        }],
    };
    let value = serde_json::to_value(report).unwrap();
    same_keys("ClientReport", &value);
    same_keys("MissingCount", &value["missing"][0]);
    same_keys("ProvenLine", &value["proven"][0]);
    same_keys("DeviceLine", &value["lines"][0]);
    same_keys("NotCounted", &value["not_counted"][0]);
}
