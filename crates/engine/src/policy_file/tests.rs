//! Policy files: good ones, bad ones, and what comes back from them.

use super::*;

fn one(text: &str) -> Result<PolicyFiles, Vec<Problem>> {
    read(&[("a.toml".to_owned(), text.to_owned())])
}
fn told(text: &str) -> String {
    match one(text) {
        Ok(files) => files.warnings,
        Err(problems) => problems,
    }
    .iter()
    .map(ToString::to_string)
    .collect::<Vec<_>>()
    .join("\n")
}

#[test]
fn a_whole_policy_is_read() {
    let files = one(include_str!("tests/whole.toml")).unwrap();
    assert!(files.warnings.is_empty(), "{:?}", files.warnings);
    assert_eq!(files.policy.windows.len(), 5);
}

#[test]
fn every_mistake_is_told_with_its_place() {
    insta::assert_snapshot!(told(include_str!("tests/mistakes.toml")));
}
