//! The policy of one device put together, and back to an earlier version, over a real store.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod support;

use domain::access::{Principal, Reach, Role};
use domain::decision::Level;
use domain::page::PageRequest;
use domain::policy::PolicyKind;
use service::ServiceError;
use service::policy::{PolicyFile, PolicySent, PolicyStepKind, RevertAsked};
use support::*;

const POLICY: &str = r#"# the policy of Acme
[[group]]
name = "webs"
for = "device:web1"

[[window]]
name = "nights"
for = "client:Acme"
zone = "Europe/Berlin"
start = "22:00"
duration = "2h"
days = ["mon"]

[[freeze]]
name = "spring"
for = "group:webs"
zone = "Europe/Berlin"
from = "2026-03-09T00:00"
until = "2026-03-10T00:00"
reason = "fair"

[[rule]]
name = "first"
owner = "Ada"
patches = "severity>=important"
for = ""
action = "approve"
why = "tested"

[[rule]]
name = "elsewhere"
owner = "Ada"
patches = ""
for = "client:Secretco"
action = "deny"
why = "secret"

[[rule]]
name = "second"
owner = "Bea"
patches = ""
for = "client:Acme"
action = "hold"
why = "looked at"

[[rings]]
name = "steps"
for = "client:Acme"
ring = [{ name = "pilot", devices = "tag:pilot", soak = "2d" }, { name = "rest" }]

[[reboot]]
name = "everywhere"
for = ""
when = "always"

[[reboot]]
name = "here"
for = "client:Acme"
when = "needed"
window = "nights"
"#;

fn file(name: &str, text: &str) -> PolicyFile {
    PolicyFile {
        file: name.into(),
        text: text.into(),
    }
}

fn apply(server: &Server, files: Vec<PolicyFile>) -> Option<u64> {
    let sent = PolicySent {
        files,
        ..PolicySent::default()
    };
    let applied = server.service.policy_apply(&server.owner, &sent);
    applied.unwrap().version
}

async fn server() -> Server {
    let server = Server::new();
    server
        .service
        .client_add(&server.owner, "Secretco")
        .unwrap();
    Agent::enrol(&server, "web1", &server.token(1), 1)
        .await
        .unwrap()
        .sync(&server)
        .await;
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_of_a_device_says_what_holds_where_it_comes_from_and_what_lost() {
    let server = server().await;
    apply(&server, vec![file("acme.toml", POLICY)]);
    server.decide("hold", "product:bash", false);
    server.decide("deny", "product:bash", false);
    let service = &server.service;
    let policy = service
        .policy_effective(&server.owner, "Acme/web1")
        .unwrap();
    assert_eq!(policy.zone, "Europe/Berlin");
    let groups: Vec<&str> = policy.groups.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(groups, ["webs"]);
    let nights = &policy.windows[0];
    assert_eq!(nights.part.client.as_deref(), Some("Acme"));
    assert_eq!(nights.part.file.as_deref(), Some("acme.toml"));
    assert_eq!(nights.part.level, Level::Client);
    // The Monday of the freeze is not among the openings.
    let opens: Vec<String> = nights
        .openings
        .iter()
        .map(|one| one.opens_at.to_string())
        .collect();
    assert_eq!(
        opens,
        [
            "2026-03-02T21:00:00Z",
            "2026-03-16T21:00:00Z",
            "2026-03-23T21:00:00Z"
        ]
    );
    assert_eq!(policy.next.as_ref().unwrap(), &nights.openings[0]);
    let spring = &policy.freezes[0];
    assert_eq!((spring.on, spring.part.level), (false, Level::Group));
    let words: Vec<String> = policy
        .decisions
        .iter()
        .map(|one| one.word.to_string())
        .collect();
    assert_eq!(words, ["deny", "hold"]);
    assert_eq!(policy.decisions[0].part.file, None);
    let rules: Vec<(u32, &str)> = policy
        .rules
        .iter()
        .map(|rule| (rule.order, rule.part.name.as_str()))
        .collect();
    assert_eq!(rules, [(1, "first"), (3, "second")]);
    let rings = &policy.rings[0];
    assert_eq!(
        (rings.ring.as_deref(), rings.place, rings.of),
        (Some("rest"), Some(2), 2)
    );
    let reboot = policy.reboot.as_ref().unwrap();
    assert_eq!(reboot.part.name, "here");
    assert_eq!(
        reboot.next.as_ref().unwrap().opens_at,
        at("2026-03-02T21:00:00Z")
    );
    let lost: Vec<&str> = policy
        .reboot_losers
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(lost, ["everywhere"]);
    // The same as the evaluator says of every patch.
    let why = service.why(&server.owner, "web1", "openssl").unwrap();
    assert_eq!(why.gate, Some(domain::verdict::GateName::Decided));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_clients_device_has_no_policy_that_can_be_seen() {
    let server = server().await;
    apply(&server, vec![file("acme.toml", POLICY)]);
    let page = PageRequest::default();
    let clients = server.service.client_list(&server.owner, &page).unwrap();
    let other = clients
        .items
        .iter()
        .find(|client| client.name == "Secretco")
        .unwrap();
    let theo = Principal {
        id: domain::id::PrincipalId::from_bytes([9; 16]),
        name: "Theo".into(),
        role: Role::Technician,
        reach: Reach::Clients(vec![other.id]),
    };
    for name in ["web1", "Acme/web1", "nobody"] {
        let refused = server.service.policy_effective(&theo, name).unwrap_err();
        assert!(matches!(refused, ServiceError::NotFound { .. }), "{name}");
    }
    assert!(server.service.policy_version_files(&theo, 1).is_err());
    let asked = RevertAsked::default();
    assert!(server.service.policy_revert(&theo, 1, &asked).is_err());
}

const TWO_RULES: &str = r#"
[[rule]]
name = "a"
owner = "Ada"
patches = "severity>=important"
action = "approve"
why = "tested"

# the rest waits
[[rule]]
name = "b"
owner = "Ada"
patches = ""
action = "hold"
why = "looked at"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_version_is_applied_again_with_its_order_and_what_is_made_by_hand_stays() {
    let server = server().await;
    let service = &server.service;
    let owner = &server.owner;
    let first = vec![
        file(
            "z-windows.toml",
            "[[freeze]]\nname = \"old\"\nfor = \"\"\nzone = \"UTC\"\nfrom = \"2026-05-01T00:00\"\nuntil = \"2026-05-02T00:00\"\nreason = \"fair\"\n",
        ),
        file("rules.toml", TWO_RULES),
    ];
    let one = apply(&server, first.clone()).unwrap();
    // The other order of the same rules, and one file of the first is not there any more.
    server.set("2026-03-02T13:00:00Z");
    let (a, b) = TWO_RULES.split_once("# the rest waits\n").unwrap();
    let turned = format!("{b}\n{a}");
    let sent = PolicySent {
        files: vec![file("rules.toml", &turned)],
        prune: true,
        ..PolicySent::default()
    };
    let two = service.policy_apply(owner, &sent).unwrap().version.unwrap();
    server.set("2026-03-02T14:00:00Z");
    server.decide("deny", "product:bash", false);
    let order = || -> Vec<String> {
        let rules = service.policy_list(owner, Some(PolicyKind::Rule)).unwrap();
        rules
            .items
            .into_iter()
            .map(|rule| rule.name.unwrap())
            .collect()
    };
    assert_eq!(order(), ["b", "a"]);
    // First what it would change, and nothing changes.
    let look = RevertAsked {
        dry_run: true,
        ..RevertAsked::default()
    };
    let shown = service.policy_revert(owner, one, &look).unwrap();
    assert_eq!(shown.applied.version, None);
    let made: Vec<&str> = shown
        .applied
        .steps
        .iter()
        .filter(|step| step.change == PolicyStepKind::Made)
        .map(|step| step.name.as_str())
        .collect();
    assert_eq!(made, ["old"]);
    assert_eq!(order(), ["b", "a"]);
    let done = service
        .policy_revert(owner, one, &RevertAsked::default())
        .unwrap();
    let three = done.applied.version.unwrap();
    assert!(three > two);
    assert_eq!((done.decisions_by_hand, done.others_by_hand), (1, 0));
    assert_eq!(order(), ["a", "b"]);
    let export = service.policy_export(owner).unwrap();
    let texts: Vec<&PolicyFile> = export
        .files
        .iter()
        .filter(|file| file.file != service::policy::BY_HAND)
        .collect();
    let mut expected: Vec<&PolicyFile> = first.iter().collect();
    expected.sort_by(|a, b| a.file.cmp(&b.file));
    assert_eq!(texts, expected, "byte for byte as in the first version");
    let history = service
        .policy_history(owner, &PageRequest::default())
        .unwrap();
    assert_eq!(history.items[0].note, format!("back to version {one}"));
    // Again: nothing changes any more, and no version is made.
    let again = service
        .policy_revert(owner, three, &RevertAsked::default())
        .unwrap();
    assert_eq!(
        (again.applied.version, again.applied.steps.len()),
        (None, 0)
    );
    let refused = service.policy_revert(owner, 99, &look).unwrap_err();
    assert!(matches!(refused, ServiceError::NotFound { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_had_been_ended_by_hand_stays_ended_and_what_was_not_kept_is_said() {
    let server = server().await;
    let service = &server.service;
    let owner = &server.owner;
    let window = "[[window]]\nname = \"nights\"\nfor = \"client:Acme\"\nzone = \"Europe/Berlin\"\nstart = \"22:00\"\nduration = \"2h\"\ndays = [\"mon\"]\n";
    let freeze = "[[freeze]]\nname = \"fair\"\nfor = \"\"\nzone = \"UTC\"\nfrom = \"2026-05-01T00:00\"\nuntil = \"2026-05-02T00:00\"\nreason = \"fair\"\n";
    let both = format!("{window}\n{freeze}");
    apply(&server, vec![file("calendar.toml", &both)]).unwrap();
    server.set("2026-03-02T13:00:00Z");
    service.window_end(owner, "nights").unwrap();
    server.set("2026-03-02T14:00:00Z");
    let two = apply(&server, vec![file("rules.toml", TWO_RULES)]).unwrap();
    server.set("2026-03-02T15:00:00Z");
    apply(&server, vec![file("rules.toml", "# none any more\n")]).unwrap();
    server.set("2026-03-02T16:00:00Z");
    let done = service
        .policy_revert(owner, two, &RevertAsked::default())
        .unwrap();
    assert_eq!(done.left_out.len(), 1, "{:?}", done.left_out);
    assert!(done.left_out[0].contains("`nights`"), "{:?}", done.left_out);
    let names: Vec<String> = service
        .policy_list(owner, None)
        .unwrap()
        .items
        .into_iter()
        .filter_map(|item| item.name)
        .collect();
    assert!(!names.contains(&"nights".to_owned()), "{names:?}");
    assert!(names.contains(&"a".to_owned()) && names.contains(&"fair".to_owned()));
    // A version from before texts were kept is refused with what is missing.
    let raw = rusqlite::Connection::open(server.dir.path().join("patchloop.db")).unwrap();
    raw.execute("UPDATE policy_version SET texts = NULL WHERE id = 1", [])
        .unwrap();
    let refused = service
        .policy_revert(owner, 1, &RevertAsked::default())
        .unwrap_err();
    let said = refused.to_string();
    assert!(
        said.contains("`calendar.toml`") && said.contains("not kept"),
        "{said}"
    );
}
