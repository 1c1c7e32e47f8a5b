//! What all pages share: style, problems, signing in, times, escaping.

use super::*;

#[test]
fn the_style_can_stand_inside_a_page() {
    // The one text that is put into a page without being escaped.
    assert!(!assets::STYLE.contains('<'));
}

#[test]
fn problems_are_pages() {
    for (name, problem) in [
        ("problem_404", Problem::no_such_address()),
        ("problem_403", Problem::cross_site()),
        (
            "problem_500",
            Problem::internal(&std::io::Error::other("disk on fire")),
        ),
    ] {
        let page = problem::ProblemPage::new(&problem, None, now());
        assert!(!page.render().unwrap().contains("disk on fire"));
        look(name, &page);
    }
}

#[test]
fn signing_in_takes_a_press_of_a_button() {
    for (name, secret, problem) in [
        ("sign_in", Some("pls_\"quoted".to_owned()), None),
        (
            "sign_in_without_link",
            None,
            Some("The link was used already.".to_owned()),
        ),
    ] {
        look(
            name,
            &session::SignInPage {
                shell: Shell::new("Sign in", Area::None, None, now()),
                heading: "Sign in to Patchloop",
                problem,
                secret,
                button: "Sign in".into(),
            },
        );
    }
}

#[test]
fn distances_are_in_the_largest_unit_that_fits() {
    let shown: Vec<String> = [
        "2026-03-02T08:59:30Z",
        "2026-03-02T08:57:00Z",
        "2026-03-02T07:31:00Z",
        "2026-03-02T07:20:00Z",
        "2026-02-28T09:01:00Z",
        "2026-02-28T09:00:00Z",
        "2026-03-02T09:00:20Z",
        "2026-03-02T21:00:00Z",
    ]
    .into_iter()
    .map(|text| parts::distance(at(text), now()))
    .collect();
    assert_eq!(
        shown,
        [
            "just now",
            "3 min ago",
            "89 min ago",
            "2 h ago",
            "48 h ago",
            "2 days ago",
            "in less than a minute",
            "in 12 h"
        ]
    );
}

#[test]
fn no_template_switches_escaping_off() {
    fn templates(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                templates(&path, found);
            } else {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    templates(
        std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/templates")),
        &mut found,
    );
    assert!(
        found.len() > 15,
        "the folder of templates was looked for in the wrong place"
    );
    for path in found {
        let text = std::fs::read_to_string(&path).unwrap();
        let squeezed: String = text.split_whitespace().collect();
        for banned in [
            "|safe",
            "|escape(\"none\")",
            "|e(\"none\")",
            "{%autoescape",
            "<script",
        ] {
            assert!(
                !squeezed.contains(banned),
                "{} holds {banned}",
                path.display()
            );
        }
    }
}
