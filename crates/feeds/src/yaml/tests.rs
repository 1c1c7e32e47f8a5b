#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use serde_json::json;

use super::*;

#[test]
fn texts_numbers_and_lists_become_json() {
    let text = "\u{feff}# a comment\r\na: 1.10\r\nb: 127\r\nc:\r\n- true\r\n- ~\r\n- 'true'\r\n- 007\r\nd: {e: f, g: []}\r\nh: |\r\n  two\r\n  lines\r\n2024: x\r\ni: 2024-01-02\r\n";
    let expected = json!({
        "a": "1.10", "b": 127, "c": [true, null, "true", "007"], "d": {"e": "f", "g": []},
        "h": "two\nlines\n", "2024": "x", "i": "2024-01-02",
    });
    assert_eq!(value(text.as_bytes()).unwrap(), expected);
    assert_eq!(value(b"v: !!str 12").unwrap(), json!({"v": "12"}));
}

#[test]
fn documents_of_one_text_come_one_after_the_other() {
    let text = b"---\na: 1\n...\n---\n- b\n---\n";
    assert_eq!(
        values(text).unwrap(),
        [json!({"a": 1}), json!(["b"]), json!(null)]
    );
    assert!(matches!(value(text), Err(Refusal::Invalid { .. })));
    assert!(matches!(value(b""), Err(Refusal::Empty)));
    assert!(matches!(value(b"# nothing\n"), Err(Refusal::Empty)));
}

#[test]
fn aliases_double_keys_and_keys_that_are_no_texts_are_refused() {
    for text in [
        "a: &x [1]\nb: *x\n",
        "a: 1\na: 2\n",
        "? [1, 2]\n: 3\n",
        "a: {b: 1, b: 2}",
        "a: &x {b: 1}\nc:\n  <<: *x\n",
    ] {
        let refused = value(text.as_bytes());
        assert!(
            matches!(refused, Err(Refusal::Invalid { .. })),
            "{text}: {refused:?}"
        );
    }
}

#[test]
fn depth_and_encoding_are_bounded_and_what_ends_early_is_truncated() {
    let deep = "[".repeat(DEPTH_MAX + 1);
    assert!(matches!(
        value(deep.as_bytes()),
        Err(Refusal::TooDeep { .. })
    ));
    let fits = format!("{}{}", "[".repeat(DEPTH_MAX), "]".repeat(DEPTH_MAX));
    assert!(value(fits.as_bytes()).is_ok());
    assert!(matches!(
        value(b"a: \xff"),
        Err(Refusal::Encoding { at: 3 })
    ));
    for text in ["a: \"x", "a: 'x", "a: [1", "a: {b: 1"] {
        let refused = value(text.as_bytes());
        assert!(
            matches!(refused, Err(Refusal::Truncated { .. })),
            "{text}: {refused:?}"
        );
    }
    assert!(matches!(value(b"a: b: c"), Err(Refusal::Syntax { .. })));
}
