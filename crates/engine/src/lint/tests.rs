//! Each contradiction is found, and a policy without one is left alone.

use super::*;
use crate::policy_file;

const NOW: &str = "2026-03-02T09:00:00Z";

fn told(text: &str) -> String {
    let files = policy_file::read(&[("a.toml".to_owned(), text.to_owned())]);
    let files = files.unwrap_or_else(|problems| panic!("{problems:?}"));
    let told: Vec<String> = lint(&files, NOW.parse().unwrap())
        .iter()
        .map(|problem| {
            format!(
                "{}: {}: {}",
                problem.place.line, problem.weight, problem.what
            )
        })
        .collect();
    told.join("\n")
}

fn window(name: &str, extra: &str) -> String {
    let days = match extra.contains("dates") || extra.contains("after_release") {
        true => "",
        false => "days = [\"tue\"]\n",
    };
    format!(
        "[[window]]\nname = \"{name}\"\nzone = \"UTC\"\nstart = \"22:00\"\nduration = \"2h\"\n\
         {days}{extra}\n"
    )
}

fn rule(name: &str, patches: &str, devices: &str, extra: &str) -> String {
    format!(
        "[[rule]]\nname = \"{name}\"\nowner = \"Ada\"\nwhy = \"so\"\naction = \"approve\"\n\
         patches = '{patches}'\nfor = '{devices}'\n{extra}\n"
    )
}

#[test]
fn a_sound_policy_has_nothing_to_complain_about() {
    let text = window("w", "")
        + &rule(
            "careful",
            "severity>=important",
            "client:acme",
            "after = \"7d\"",
        )
        + &rule("rest", "", "", "after = \"14d\"\nkev_after = \"1d\"")
        + "[[rings]]\nname = \"acme\"\nfor = \"client:acme\"\nring = [{ name = \"a\", devices = \
           \"tag:first\" }, { name = \"b\" }]\n[[rings]]\nname = \"rest\"\nring = [{ name = \"a\" }]\n\
           [[freeze]]\nname = \"f\"\nfor = \"client:acme\"\nreason = \"r\"\nfrom = \
           \"2026-12-18T00:00\"\nuntil = \"2027-01-04T00:00\"\n";
    assert_eq!(told(&text), "");
}

#[test]
fn a_rule_that_an_earlier_one_takes_everything_from_is_found() {
    let text = window("w", "")
        + &rule("wide", "", "client:acme", "")
        + &rule("narrow", "kev:yes", "client:acme site:b", "")
        + &rule("other", "", "", "");
    assert_eq!(
        told(&text),
        "16: warning: nothing reaches the rule `narrow`: the rule `wide` before it, at a.toml:8, \
         takes all of its patches on all of its devices"
    );
}

#[test]
fn a_rule_without_a_window_that_opens_for_it_is_found() {
    let none = rule("r", "", "", "");
    assert_eq!(
        told(&none),
        "1: warning: the rule `r`: there is no change window, so a server never installs what it \
         approves"
    );
    let other = window("w", "for = \"client:beta\"") + &rule("r", "", "client:acme", "");
    assert_eq!(
        told(&other),
        "8: warning: the rule `r`: none of its windows covers its devices, so nothing that it \
         approves is ever installed"
    );
    let over = window("w", "dates = [\"2026-03-01\"]") + &rule("r", "", "", "");
    assert_eq!(
        told(&over),
        "1: note: the window `w` does not open any more\n\
         7: warning: the rule `r`: none of its windows opens any more"
    );
}

#[test]
fn windows_that_close_before_the_delay_is_over_are_found() {
    // Two days, 22 hours and two hours after the first moment of the day of the release.
    let text = |after: &str| {
        window("w", "after_release = \"2d\"")
            + &rule(
                "r",
                "",
                "",
                &format!("windows = [\"w\"]\nafter = \"{after}\""),
            )
    };
    assert_eq!(
        told(&text("3d")),
        "7: warning: the rule `r` waits 3d after a release, and its windows close before that: no \
         patch fits in"
    );
    assert_eq!(told(&text("71h")), "");
    assert_eq!(told(&(text("3d") + "kev_after = \"1d\"\n")), "");
    assert_eq!(
        told(&(text("3d").replace("windows", "# ") + &window("weekly", ""))),
        ""
    );
}

#[test]
fn two_device_sets_that_are_both_first_are_found() {
    let set = |name: &str, devices: &str, ring: &str| {
        format!("[[rings]]\nname = \"{name}\"\nfor = \"{devices}\"\nring = [{ring}]\n")
    };
    let one = "{ name = \"a\" }";
    assert_eq!(
        told(&(set("x", "client:acme", one) + &set("y", "client:acme tag:b", one))),
        "5: warning: the ring sets `x`, at a.toml:1, and `y` are both first for the same devices, \
         so `y` is never used"
    );
    assert_eq!(
        told(&(set("x", "client:acme tag:b", one) + &set("y", "client:acme", one))),
        ""
    );
    let named = set("x", "", one)
        + &set("y", "", one)
        + &window("w", "")
        + &rule("r", "", "", "rings = \"y\"");
    assert_eq!(told(&named), "");
    let twice = "{ name = \"a\", devices = \"tag:t\" }, { name = \"b\", devices = \"tag:t\" }";
    assert_eq!(
        told(&set("x", "", twice)),
        "1: warning: the rings `a` and `b` of the ring set `x` are both first for the same devices, \
         so `b` has none"
    );
}

#[test]
fn a_freeze_that_is_over_or_leaves_nothing_is_found() {
    let freeze = |from: &str, until: &str| {
        window("w", "for = \"client:acme\"")
            + &format!(
                "[[freeze]]\nname = \"f\"\nfor = \"client:acme\"\nzone = \"UTC\"\nreason = \"r\"\n\
                 from = \"{from}T00:00\"\nuntil = \"{until}T00:00\"\n"
            )
    };
    assert_eq!(
        told(&freeze("2026-02-01", "2026-03-02")),
        "8: note: the freeze `f` is over"
    );
    assert_eq!(
        told(&freeze("2026-02-01", "2027-06-01")),
        "1: warning: for a year the window `w` never opens, because all its openings are frozen by \
         `f`"
    );
    assert_eq!(told(&freeze("2026-04-01", "2027-06-01")), "");
    let elsewhere = freeze("2026-02-01", "2027-06-01").replacen("client:acme", "client:beta", 1);
    assert_eq!(told(&elsewhere), "");
}

#[test]
fn what_has_expired_or_never_opens_is_found() {
    let text = "[[decision]]\nverdict = \"deny\"\npatches = \"product:x\"\nreason = \"r\"\n\
                until = \"2026-03-02\"\n[[decision]]\nname = \"d\"\nverdict = \"deny\"\n\
                patches = \"product:x\"\nreason = \"r\"\nuntil = \"2026-03-03\"\n\
                [[exclude]]\nname = \"e\"\nfor = \"tag:x\"\nreason = \"r\"\nuntil = \"2026-01-01\"\n";
    assert_eq!(
        told(text),
        "1: note: this decision has expired, so its patches are open again\n\
         12: note: the exclusion `e` has expired"
    );
    let never = "[[window]]\nname = \"w\"\nzone = \"UTC\"\nstart = \"22:00\"\nduration = \"2h\"\n\
                 days = [\"tue\"]\nfrom = \"2026-03-04\"\nuntil = \"2026-03-05\"\n\
                 [[reboot]]\nname = \"b\"\nwhen = \"needed\"\nwindow = \"w\"\n";
    assert_eq!(
        told(never),
        "1: warning: the window `w` never opens\n\
         9: warning: the reboot rule `b` waits for the window `w`, which never opens"
    );
}

#[test]
fn kinds_of_patches_that_no_rule_takes_are_named() {
    let text = window("w", "") + &rule("r", "severity>=important age>2d", "", "");
    assert_eq!(
        told(&text),
        "8: note: no rule takes every patch of definitions: they wait for a person\n\
         8: note: no rule takes every patch of drivers: they wait for a person\n\
         8: note: no rule takes every patch that nobody rated: they wait for a person\n\
         8: note: no rule takes every patch whose release date is not known: they wait for a person"
    );
}

#[test]
fn who_why_and_groups_that_are_not_there_are_asked_for() {
    let text = window("w", "for = \"group:tills\"")
        + "[[rule]]\nname = \"r\"\naction = \"hold\"\n[[exclude]]\nname = \"e\"\n\
           [[freeze]]\nname = \"f\"\nfor = \"-tag:x\"\nfrom = \"2026-12-18T00:00\"\n\
           until = \"2027-01-04T00:00\"\n";
    assert_eq!(
        told(&text),
        "1: note: no file has the group `tills`\n\
         8: warning: the rule `r` does not say who answers for it\n\
         8: warning: the rule `r` does not say why\n\
         11: warning: the exclusion `e` does not say why\n\
         11: warning: the exclusion `e` keeps out every device\n\
         13: warning: the freeze `f` does not say why"
    );
}

#[test]
fn a_window_that_is_too_short_to_warn_anybody_is_found() {
    let reboot = |extra: &str| {
        format!("[[reboot]]\nname = \"r\"\nwhen = \"needed\"\n{extra}\n")
            + &window("w", "")
            + &rule("all", "", "", "")
    };
    let found = told(&reboot("warn = [\"3h\", \"2h\"]"));
    assert!(
        found.starts_with(
            "1: warning: the reboot rule `r`: `w` closes before the last warning is over, so what is \
             installed in it is rebooted in a later opening"
        ),
        "{found}"
    );
    for sound in [
        "warn = [\"3h\", \"5m\"]",
        "",
        "warn = [\"3h\"]\nwindow = \"w\"",
    ] {
        let found = told(&reboot(sound));
        assert!(!found.contains("last warning"), "{sound}: {found}");
    }
}

#[test]
fn groups_that_ask_for_each_other_are_found() {
    let group =
        |name: &str, devices: &str| format!("[[group]]\nname = \"{name}\"\nfor = \"{devices}\"\n");
    let text = group("a", "group:b") + &group("b", "group:a") + &group("c", "tag:x");
    assert_eq!(
        told(&text),
        "1: warning: the group `a` cannot be told: `a` and `b` ask for each other in a circle, or for \
         one that does\n4: warning: the group `b` cannot be told: `a` and `b` ask for each other in a \
         circle, or for one that does"
    );
    let sound = group("a", "group:b") + &group("b", "group:c") + &group("c", "tag:x");
    assert_eq!(told(&sound), "");
}
