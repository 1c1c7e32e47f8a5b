//! The policy: what is in force, one object, its versions.

use domain::policy::PolicyKind;
use policy::draft::{Draft, Refused, Starts};
use policy::plan::{PlanPage, Stage};
use service::policy::{
    ClientDifference, Counts, Example, PolicyApplied, PolicyCover, PolicyDetail, PolicyDevice,
    PolicyDifference, PolicyLine, PolicyMade, PolicyOverview, PolicyPast, PolicyPlan,
    PolicyProblem, PolicyStep, PolicyStepKind, PolicyVersionChange, PolicyVersionDetail,
    PolicyVersionItem, Standing as PlanStanding,
};

use super::*;

fn version() -> PolicyVersionItem {
    PolicyVersionItem {
        number: 3,
        applied_at: at("2026-02-20T10:00:00Z"),
        applied_by: "Ada Berg".into(),
        note: "servers later".into(),
        files: vec!["policy.toml".into()],
        counts: "2 made, 1 changed".into(),
    }
}

fn line(kind: PolicyKind, name: &str, says: &str) -> PolicyLine {
    PolicyLine {
        id: format!("pol_{name}"),
        kind,
        name: name.into(),
        order: (kind == PolicyKind::Rule).then_some(1),
        devices: "client:\"Acme GmbH\" tag:server".into(),
        client: Some("Acme GmbH".into()),
        level: Level::Client,
        sentences: vec![says.into(), "Why: <b>agreed</b>.".into()],
        queries: vec![("devices".into(), "client:\"Acme GmbH\" tag:server".into())],
        owner: Some("Ada Berg".into()),
        made: Some(PolicyMade {
            at: at("2026-02-20T10:00:00Z"),
            by: Some("Ada Berg".into()),
            version: Some(3),
        }),
        file: Some("policy.toml".into()),
        unreadable: None,
    }
}

fn broken() -> PolicyLine {
    PolicyLine {
        made: None,
        owner: None,
        file: None,
        unreadable: Some("`Mars/Olympus` is not a time zone".into()),
        ..line(
            PolicyKind::Freeze,
            "stock-taking",
            "The freeze “stock-taking” cannot be read: `Mars/Olympus` is not a time zone. Nothing is changed on every device until it is repaired.",
        )
    }
}

fn overview_of(lines: Vec<PolicyLine>) -> PolicyOverview {
    PolicyOverview {
        counts: vec![(PolicyKind::Rule, 1), (PolicyKind::Freeze, 1)],
        unreadable: lines
            .iter()
            .filter(|line| line.unreadable.is_some())
            .cloned()
            .collect(),
        lines,
        warnings: vec![PolicyProblem {
            weight: "warning".into(),
            file: "policy.toml".into(),
            line: 12,
            column: 1,
            what: "no patch ever reaches the rule `last`".into(),
            hint: Some("move it up".into()),
        }],
        version: Some(version()),
    }
}

fn filtered() -> policy::list::PolicyAsked {
    policy::list::PolicyAsked {
        client: "Acme GmbH".into(),
        ..policy::list::PolicyAsked::default()
    }
}

#[test]
fn everything_in_force_is_listed_and_what_cannot_be_read_raises_an_alarm() {
    let lines = vec![
        line(
            PolicyKind::Rule,
            "security",
            "Security patches on servers of Acme GmbH are installed 7 days after their release, in every window that covers the device.",
        ),
        broken(),
    ];
    let clients = vec!["Acme GmbH".into(), "Bäckerei & Söhne".into()];
    let page =
        policy::list::PolicyPage::new(&owner(), &filtered(), overview_of(lines), clients, now());
    look("policy", &page.unwrap_or_else(|_| panic!("it can be read")));
}

#[test]
fn a_long_policy_is_shown_in_parts_that_keep_the_filter() {
    let lines: Vec<PolicyLine> = (0..250)
        .map(|at| line(PolicyKind::Window, &format!("w{at}"), "It opens."))
        .collect();
    let mut asked = filtered();
    asked.cursor = "100".into();
    let page =
        policy::list::PolicyPage::new(&owner(), &asked, overview_of(lines), Vec::new(), now());
    let html = page
        .unwrap_or_else(|_| panic!("it can be read"))
        .render()
        .unwrap();
    assert!(html.contains(">w100</a>") && html.contains(">w199</a>"));
    assert!(!html.contains(">w99</a>") && !html.contains(">w200</a>"));
    assert!(html.contains("/policy?client=Acme%20GmbH&#38;cursor=200"));
    assert!(html.contains("100 of 250 shown"));
}

#[test]
fn a_wrong_kind_is_refused_with_what_is_expected() {
    let asked = policy::list::PolicyAsked {
        kind: "windws".into(),
        ..policy::list::PolicyAsked::default()
    };
    let refused = policy::list::PolicyPage::new(
        &owner(),
        &asked,
        PolicyOverview::default(),
        Vec::new(),
        now(),
    );
    let problem = refused.err().unwrap();
    assert!(
        problem.detail.contains("freeze") && problem.detail.contains("windws"),
        "{}",
        problem.detail
    );
}

#[test]
fn nothing_in_force_says_what_follows() {
    let seen = PolicyOverview::default();
    let asked = policy::list::PolicyAsked::default();
    let page = policy::list::PolicyPage::new(&reader(), &asked, seen, Vec::new(), now());
    let html = page
        .unwrap_or_else(|_| panic!("it can be read"))
        .render()
        .unwrap();
    assert!(html.contains("Nothing is in force, so nothing is installed anywhere."));
    assert!(
        !html.contains("/policy/history"),
        "who reaches some clients sees no versions"
    );
}

fn detail_of(line: PolicyLine) -> PolicyDetail {
    PolicyDetail {
        line,
        text: "# since the audit\n[[rule]]\nname = \"security\"".into(),
        cover: PolicyCover {
            certain: 2,
            perhaps: 1,
            looked_at: 40,
            all: true,
            named: vec![PolicyDevice {
                id: DeviceId::from_bytes([1; 16]).to_string(),
                name: "web-<1>".into(),
                client: "Acme GmbH".into(),
            }],
        },
        past: vec![
            PolicyPast {
                from: at("2026-02-20T10:00:00Z"),
                until: None,
                by: Some("Ada Berg".into()),
                text: "after = \"7d\"".into(),
            },
            PolicyPast {
                from: at("2026-01-20T10:00:00Z"),
                until: Some(at("2026-02-20T10:00:00Z")),
                by: None,
                text: "after = \"14d\"".into(),
            },
        ],
    }
}

#[test]
fn one_object_is_shown_with_its_devices_and_its_history() {
    let rule = line(
        PolicyKind::Rule,
        "security",
        "Security patches are installed.",
    );
    look(
        "policy_object",
        &policy::object::ObjectPage::new(&owner(), detail_of(rule), now()),
    );
    let page = policy::object::ObjectPage::new(&owner(), detail_of(broken()), now());
    let html = page.render().unwrap();
    assert!(html.contains("It cannot be read, and what it covers is closed."));
}

#[test]
fn versions_say_who_applied_them_and_what_they_changed() {
    look(
        "policy_history",
        &policy::history::HistoryPage::new(&owner(), &asked(""), page_of(vec![version()]), now()),
    );
    let change =
        |change, name: &str, before: Option<&str>, after: Option<&str>| PolicyVersionChange {
            change,
            kind: PolicyKind::Window,
            name: name.into(),
            before: before.map(Into::into),
            after: after.map(Into::into),
        };
    look(
        "policy_version",
        &policy::history::VersionPage::new(
            &owner(),
            PolicyVersionDetail {
                version: version(),
                changes: vec![
                    change(PolicyStepKind::Made, "night", None, Some("[[window]]\n")),
                    change(PolicyStepKind::Changed, "day", Some("a"), Some("b")),
                    change(PolicyStepKind::Ended, "noon", Some("c"), None),
                ],
                more: false,
            },
            now(),
        ),
    );
}

fn draft() -> Draft {
    Draft {
        file: String::new(),
        text: "[[window]]\r\nname = \"night\"\r\nstrat = \"22:00\"".into(),
        ..Draft::default()
    }
    .tidied()
}

fn stands(verdict: Answer, when: Option<&str>, sentence: &str) -> PlanStanding {
    PlanStanding {
        verdict,
        at: when.map(at),
        gate: None,
        sentence: sentence.into(),
    }
}

fn plan() -> PolicyPlan {
    let counts = Counts {
        pairs: 40,
        opens: 3,
        sooner: 2,
        released: 1,
        ..Counts::default()
    };
    let example = Example {
        device: "dev_1".into(),
        name: Some("web-<1>".into()),
        patch: "deb:bookworm/openssl@3.0.22-1~deb12u2".into(),
        effect: service::policy::Effect::Opens,
        released: Some("held by Ada Berg: \"not yet\"".into()),
        devices: 2,
        before: stands(Answer::Never, None, "never: it is held"),
        after: stands(
            Answer::Later,
            Some("2026-03-02T21:00:00Z"),
            "later: the window opens",
        ),
    };
    PolicyPlan {
        objects: PolicyApplied {
            version: None,
            steps: vec![PolicyStep {
                change: PolicyStepKind::Changed,
                kind: PolicyKind::Window,
                name: "night".into(),
                file: Some("policy.toml".into()),
                line: Some(1),
                before: Some("[[window]]\nstart = \"23:00\"\n".into()),
                after: Some("[[window]]\nstart = \"22:00\"\n".into()),
            }],
            unchanged: 4,
            over: 0,
            elsewhere: 1,
            warnings: vec![PolicyProblem {
                weight: "warning".into(),
                file: "policy.toml".into(),
                line: 1,
                column: 1,
                what: "nothing fits into it".into(),
                hint: None,
            }],
        },
        against: "sha256:abc".into(),
        difference: PolicyDifference {
            at: now(),
            objects: Vec::new(),
            objects_total: 1,
            counts,
            devices: 40,
            devices_changed: 5,
            patches_changed: 2,
            first_due_at: Some(at("2026-03-02T21:00:00Z")),
            clients: vec![ClientDifference {
                client: "Acme & Söhne".into(),
                counts,
                devices: 12,
                devices_changed: 5,
                patches_changed: 2,
                first_due_at: Some(at("2026-03-02T21:00:00Z")),
                examples: vec![example],
                examples_total: 3,
            }],
            clients_total: 1,
        },
    }
}

#[test]
fn a_draft_is_planned_before_it_can_be_applied() {
    let page = |stage| PlanPage::new(&owner(), draft(), Starts::default(), stage, now());
    let html = page(Stage::Asked).render().unwrap();
    assert!(
        !html.contains("/policy/apply"),
        "nothing to apply before a plan"
    );
    look("policy_plan", &page(Stage::Planned(Box::new(plan()))));
    let mut same = plan();
    same.objects.steps.clear();
    let html = page(Stage::Planned(Box::new(same))).render().unwrap();
    assert!(html.contains("Nothing changes") && !html.contains("/policy/apply"));
}

#[test]
fn every_mistake_of_a_draft_is_told_at_its_line() {
    let draft = draft();
    assert_eq!(draft.file, "policy.toml");
    let problems = vec![PolicyProblem {
        weight: "error".into(),
        file: "policy.toml".into(),
        line: 3,
        column: 1,
        what: "`strat` is not a key of a window".into(),
        hint: Some("did you mean `start`?".into()),
    }];
    let problem = Problem::from(service::ServiceError::Policy { problems });
    let Ok(refused) = Refused::of(problem, &draft.text) else {
        panic!("a person can correct it");
    };
    look(
        "policy_plan_mistakes",
        &PlanPage::new(
            &owner(),
            draft,
            Starts::default(),
            Stage::Refused(refused),
            now(),
        ),
    );
}

fn written() -> service::policy::Written {
    use service::policy::{Entry, Exception, Outcome, Section, Selection, Step, WindowPlan};
    let entry = Entry {
        kind: PolicyKind::Window,
        name: "Nights".into(),
        sentences: vec!["Servers may be changed: Tuesdays 22:00-24:00.".into()],
        queries: vec![Selection {
            of: "devices".into(),
            query: "tag:server".into(),
        }],
    };
    let section = |key, heading, entries| Section {
        key,
        heading,
        empty: "Nobody is named.",
        entries,
    };
    service::policy::Written {
        title: "Patch policy for Bäckerei & Söhne".into(),
        provider: None,
        client: Some("Bäckerei & Söhne".into()),
        version: Some("3, applied on 20 February 2026".into()),
        at: now(),
        preamble: vec!["This is what can concern the devices of Bäckerei & Söhne.".into()],
        sections: vec![
            section("who", "Who answers for what", Vec::new()),
            section("when", "When devices may be changed", vec![entry]),
        ],
        tree: vec![Step {
            number: 1,
            question: "Is it missing?".into(),
            yes: Outcome::Step(2),
            no: Outcome::End("nothing is done".into()),
        }],
        windows: vec![WindowPlan {
            name: "Nights".into(),
            when: "Tuesdays".into(),
            zone: Some("Europe/Zurich".into()),
            openings: Vec::new(),
            note: Some("It does not open any more.".into()),
        }],
        exceptions: vec![Exception {
            kind: PolicyKind::Exclude,
            what: "excluded",
            name: "old till".into(),
            sentence: "The till <7> is kept as it is.".into(),
            owner: None,
            until: None,
            why: "it goes in May".into(),
            queries: Vec::new(),
        }],
        unreadable: Vec::new(),
    }
}

#[test]
fn the_written_policy_is_a_page_to_print_and_sign() {
    let clients = vec!["Acme GmbH".into(), "Bäckerei & Söhne".into()];
    let page = policy::document::DocumentPage::new(&owner(), written(), clients, now());
    look("policy_document", &page);
    let name = policy::document::file_name(&written().title);
    assert_eq!(name, "patch-policy-for-b-ckerei-s-hne.html");
}

fn rehearsal() -> service::policy::Rehearsal {
    use service::policy::{ClientRun, Month, PolicyRun, Promise, RebootHour, Tally, Trouble};
    let tally = Tally {
        pairs: 40,
        installed: 30,
        starved: 2,
        hours: 30 * 24 * 5,
        kept: 9,
        missed: 1,
        reboots: 4,
        ..Tally::default()
    };
    let trouble = Trouble {
        patch: "deb:bookworm/linux@6.1.170-1".into(),
        client: "Acme & Söhne".into(),
        device: "web-<1>".into(),
        devices: 2,
        severity: Some(Severity::Critical),
        came_at: at("2026-01-10T00:00:00Z"),
        fixed_at: None,
        gate: None,
        why: "the change window never opens".into(),
    };
    let draft = PolicyRun {
        tally,
        months: vec![Month {
            month: "2026-01".into(),
            tally,
        }],
        clients: vec![ClientRun {
            client: "Acme & Söhne".into(),
            devices: 12,
            tally,
        }],
        clients_total: 25,
        reboot_hours: vec![RebootHour {
            weekday: "sun".into(),
            hour: 1,
            reboots: 4,
        }],
        starved: vec![trouble],
        starved_total: 2,
        empty_rings: vec!["pilot".into()],
        ..PolicyRun::default()
    };
    service::policy::Rehearsal {
        from: at("2025-09-03T09:00:00Z"),
        until: now(),
        promise: Promise::default(),
        devices: 12,
        patches: 20,
        undated: 3,
        not_replayed: 0,
        outside: 1,
        in_force: Some(PolicyRun {
            tally: Tally {
                installed: 12,
                ..tally
            },
            ..PolicyRun::default()
        }),
        draft,
    }
}

#[test]
fn a_rehearsal_holds_the_draft_against_what_is_in_force() {
    use policy::rehearse::{RehearseForm, RehearsePage, Stage};
    let form = RehearseForm {
        text: draft().text,
        months: "6".into(),
        ..RehearseForm::default()
    };
    let stage = Stage::Rehearsed(Box::new(rehearsal()));
    look(
        "policy_rehearse",
        &RehearsePage::new(&owner(), &form, Starts::default(), stage, now()),
    );
    for wrong in ["", "0", "7", "999999999999", "six"] {
        let form = RehearseForm {
            months: wrong.into(),
            ..RehearseForm::default()
        };
        assert_eq!(form.months(), None, "{wrong}");
    }
    let stage = Stage::Asked;
    let page = RehearsePage::new(&owner(), &form, Starts::default(), stage, now());
    let html = page.render().unwrap();
    assert!(html.contains("At most 10000 devices and a minute of work"));
}

#[test]
fn a_refusal_that_no_text_can_mend_points_to_the_command_line() {
    use policy::rehearse::{RehearseForm, RehearsePage, Stage};
    let problem = Problem::from(service::ServiceError::Conflict {
        reason: "there are 30000 devices, more than the 10000 that a page can answer for in time"
            .into(),
    });
    let Ok(refused) = Refused::of(problem, "") else {
        panic!("it is no failure of the server");
    };
    let form = RehearseForm::default();
    let stage = Stage::Refused(refused);
    let page = RehearsePage::new(&owner(), &form, Starts::default(), stage, now());
    let html = page.render().unwrap();
    assert!(html.contains("There are 30000 devices") && html.contains("patchloop policy rehearse"));
}

#[test]
fn an_object_is_changed_where_it_was_made() {
    let shown = |who: &Principal, kind, file: Option<&str>| {
        let mut object = line(kind, "one", "It holds.");
        object.file = file.map(Into::into);
        let page = policy::object::ObjectPage::new(who, detail_of(object), now());
        page.render().unwrap()
    };
    let by_hand = shown(&owner(), PolicyKind::Window, None);
    assert!(by_hand.contains("/windows/pol_one/edit") && by_hand.contains("/windows/pol_one/end"));
    let of_file = shown(&owner(), PolicyKind::Window, Some("acme.toml"));
    assert!(!of_file.contains("/windows/pol_one/"));
    assert!(of_file.contains("/policy/plan?start=file%3Aacme.toml"));
    for kind in [PolicyKind::Window, PolicyKind::Rule, PolicyKind::Decision] {
        let html = shown(&reader(), kind, None);
        assert!(!html.contains("pol_one/e"), "a reader changes nothing");
    }
}
