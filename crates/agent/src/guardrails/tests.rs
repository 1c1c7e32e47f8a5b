//! The stricter file wins, and what cannot be read forbids.

use domain::name::{Architecture, Version};
use domain::package::Ecosystem;

use super::*;

fn item(name: &str) -> OrderItem {
    OrderItem {
        ecosystem: Ecosystem::Deb,
        name: name.parse().unwrap(),
        architecture: "amd64".parse::<Architecture>().unwrap(),
        from: Some("1".parse::<Version>().unwrap()),
        to: "2".parse().unwrap(),
        patch: "deb:bookworm/a@2".parse().unwrap(),
    }
}

fn rails(texts: &[&str]) -> Guardrails {
    let mut rails = Guardrails::none();
    for text in texts {
        rails.add(text).unwrap();
    }
    rails
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn allow(rails: &Guardrails, names: &[&str], now: &str) -> Allowed {
    let items: Vec<OrderItem> = names.iter().map(|name| item(name)).collect();
    rails.allow(&items, at(now), &TimeZone::UTC)
}

const NOON: &str = "2026-03-02T12:00:00Z"; // a Monday

#[test]
fn what_cannot_be_read_forbids_everything() {
    let folder = tempfile::tempdir().unwrap();
    for text in [
        "protected = 7",
        "unknown_word = true",
        "blackout = [{from = \"25:00\", to = \"1:00\"}]",
        "\u{0}",
    ] {
        std::fs::write(folder.path().join("guardrails.toml"), text).unwrap();
        let rails = Guardrails::read(folder.path());
        assert!(rails.forbids_changes(), "{text}");
        assert_eq!(rails.refresh_hours(), None);
        assert!(
            matches!(allow(&rails, &["a"], NOON), Allowed::No(_)),
            "{text}"
        );
    }
    std::fs::remove_file(folder.path().join("guardrails.toml")).unwrap();
    let rails = Guardrails::read(folder.path());
    assert_eq!(allow(&rails, &["a"], NOON), Allowed::Yes);
}

#[test]
fn a_file_that_others_can_write_forbids_everything() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("guardrails.toml");
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    assert!(Guardrails::read(folder.path()).forbids_changes());
}

#[test]
fn the_stricter_of_two_files_wins_in_either_order() {
    let (strict, loose) = (
        "packages_max = 1\nrefresh_index = false",
        "packages_max = 50\nrefresh_index = true",
    );
    for texts in [[strict, loose], [loose, strict]] {
        let rails = rails(&texts);
        assert_eq!(allow(&rails, &["a"], NOON), Allowed::Yes);
        assert!(matches!(allow(&rails, &["a", "b"], NOON), Allowed::No(_)));
        assert_eq!(rails.refresh_hours(), None);
    }
    // No file allows more than the default.
    assert!(rails(&["packages_max = 10000"]).packages_max == 200);
}

#[test]
fn protected_packages_and_observe_only_are_refused() {
    let protected = rails(&["protected = [\"openssh-server\"]"]);
    assert!(matches!(
        allow(&protected, &["a", "openssh-server"], NOON),
        Allowed::No(Refusal::Guardrail { .. })
    ));
    assert_eq!(
        allow(&rails(&["observe_only = true"]), &["a"], NOON),
        Allowed::No(Refusal::ObserveOnly)
    );
}

#[test]
fn a_blackout_over_midnight_belongs_to_the_day_it_begins() {
    let rails = rails(&["blackout = [{days = \"mon\", from = \"22:00\", to = \"02:00\"}]"]);
    for (now, held) in [
        ("2026-03-02T21:59:59Z", false),
        ("2026-03-02T22:00:00Z", true),
        ("2026-03-03T01:59:59Z", true),
        ("2026-03-03T02:00:00Z", false),
        ("2026-03-03T23:00:00Z", false),
        ("2026-03-02T01:00:00Z", false),
    ] {
        assert_eq!(
            matches!(allow(&rails, &["a"], now), Allowed::Later(_)),
            held,
            "{now}"
        );
    }
}

#[test]
fn a_kill_switch_holds_as_long_as_its_file_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stop");
    let rails = rails(&[&format!("kill_switch = {:?}", file.display().to_string())]);
    assert_eq!(allow(&rails, &["a"], NOON), Allowed::Yes);
    std::fs::write(&file, "").unwrap();
    assert!(matches!(allow(&rails, &["a"], NOON), Allowed::Later(_)));
}

#[test]
fn origins_are_limited_by_every_file_that_says_so() {
    let rails = rails(&[
        "allowed_origins = [\"Debian:bookworm\", \"Debian-Security:bookworm-security\"]",
        "allowed_origins = [\"Debian:bookworm\"]",
    ]);
    assert!(rails.limits_origins());
    assert!(rails.allows_origin("Debian:bookworm"));
    assert!(!rails.allows_origin("Debian-Security:bookworm-security"));
    assert!(!rails.allows_origin("Other:bookworm"));
}
