//! What holds for every policy: precedence, that taking out never hastens, that times come true.
//!
//! Policies are put together from few words, so that their objects meet often.
#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use domain::policy::Policy;
use domain::snapshot::Snapshot;
use domain::verdict::{Answer, GateName, Verdict};
use engine::decide::{Outcome, SnapshotWorld};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

const DEVICES: [&str; 4] = ["", "client:acme", "tag:server", "device:web1"];
const PATCHES: [&str; 4] = ["", "product:openssl", "severity>=important", "kev:yes"];
const VERDICTS: [&str; 4] = ["approve", "hold", "deny", "accept-risk"];
const UNTIL: [&str; 3] = ["", "2026-03-20T00:00:00Z", "2026-04-10T12:00:00Z"];

fn fleet() -> Snapshot {
    serde_json::from_str(
        r#"{"v": 1, "devices": [
        {"id": "web1", "client": "acme", "zone": "Europe/Berlin", "tags": ["server"],
         "contacts": [["2026-02-01T00:00:00Z", "2026-03-07T00:00:00Z"], ["2026-03-14T09:30:00Z", null]],
         "findings": [
          {"patch": "openssl-1", "product": "openssl", "severity": "important", "kev": true, "fix": "a", "released_at": "2026-03-01T00:00:00Z"},
          {"patch": "bash-1", "product": "bash", "severity": "low", "kev": false, "first_seen_at": "2026-03-03T00:00:00Z"},
          {"patch": "undated", "product": "openssl"}]},
        {"id": "pc1", "client": "bolt", "zone": "America/New_York", "tags": [], "findings": [
          {"patch": "openssl-2", "product": "openssl", "severity": "critical", "fix": "a", "released_at": "2026-03-12T00:00:00Z"}]}]}"#,
    )
    .unwrap()
}

fn decision() -> impl Strategy<Value = String> {
    (0..4_usize, 0..4_usize, 0..4_usize, 0..3_usize).prop_map(|(verdict, patches, devices, until)| {
        // A risk is accepted until a day.
        let until = match (VERDICTS[verdict], UNTIL[until]) {
            ("accept-risk", "") => UNTIL[1],
            (_, until) => until,
        };
        let until = match until {
            "" => String::new(),
            until => format!("until = \"{until}\"\n"),
        };
        format!(
            "[[decision]]\nverdict = \"{}\"\npatches = \"{}\"\nfor = \"{}\"\n{until}reason = \"r\"\n",
            VERDICTS[verdict], PATCHES[patches], DEVICES[devices]
        )
    })
}

fn rule() -> impl Strategy<Value = String> {
    (0..3_usize, 0..4_usize, 0..4_usize, 0..20_u8, any::<bool>()).prop_map(
        |(action, patches, devices, days, named)| {
            let action = ["approve", "hold", "deny"][action];
            let windows = if named { "windows = [\"nightly\"]\n" } else { "" };
            format!(
                "patches = \"{}\"\nfor = \"{}\"\naction = \"{action}\"\nafter = \"{days}d\"\n{windows}owner = \"Ada\"\nwhy = \"w\"\n",
                PATCHES[patches], DEVICES[devices]
            )
        },
    )
}

fn freeze() -> impl Strategy<Value = String> {
    (0..4_usize, 1..25_u8, 1..6_u8, any::<bool>()).prop_map(|(devices, day, days, own)| {
        let zone = if own { "device" } else { "Asia/Kathmandu" };
        let until = day + days;
        format!(
            "for = \"{}\"\nzone = \"{zone}\"\nfrom = \"2026-03-{day:02}T06:00\"\nuntil = \"2026-03-{until:02}T18:00\"\nreason = \"f\"\n",
            DEVICES[devices]
        )
    })
}

/// Parts of a policy, to be put together in any order.
#[derive(Debug, Clone)]
struct Parts {
    decisions: Vec<String>,
    rules: Vec<String>,
    freezes: Vec<String>,
    rings: bool,
    reserve: bool,
}

fn parts() -> impl Strategy<Value = Parts> {
    (
        proptest::collection::vec(decision(), 0..4),
        proptest::collection::vec(rule(), 0..4),
        proptest::collection::vec(freeze(), 0..3),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(decisions, rules, freezes, rings, reserve)| Parts {
            decisions,
            rules,
            freezes,
            rings,
            reserve,
        })
}

impl Parts {
    fn text(&self, more: &str) -> String {
        let reserve = if self.reserve {
            "reserve = \"30m\"\n"
        } else {
            ""
        };
        let mut text = format!(
            "[[window]]\nname = \"nightly\"\nstart = \"22:00\"\nduration = \"3h\"\ndays = [\"tue\", \"fri\"]\n{reserve}\
             catch_up = {{ within = \"3h\", not = \"11:00-12:00\", expires = \"9d\" }}\n\
             [[window]]\nname = \"after\"\nfor = \"tag:server\"\nzone = \"UTC\"\nstart = \"05:00\"\nduration = \"1h\"\nafter_release = \"9d\"\n"
        );
        if self.rings {
            text.push_str("[[rings]]\nname = \"set\"\nring = [{ name = \"one\", devices = \"client:bolt\", soak = \"3d\" }, { name = \"two\", devices = \"client:acme\" }]\n");
        }
        for (at, rule) in self.rules.iter().enumerate() {
            text.push_str(&format!("[[rule]]\nname = \"rule {at}\"\n{rule}"));
        }
        for (at, freeze) in self.freezes.iter().enumerate() {
            text.push_str(&format!("[[freeze]]\nname = \"freeze {at}\"\n{freeze}"));
        }
        self.decisions.iter().for_each(|one| text.push_str(one));
        text + more
    }
}

fn policy(text: &str) -> Policy {
    match engine::policy_file::read(&[("policy.toml".to_owned(), text.to_owned())]) {
        Ok(files) => files.policy,
        Err(problems) => panic!("{text}\n{problems:?}"),
    }
}

fn now(hours: i64) -> Timestamp {
    "2026-03-01T00:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hours)
}

/// Every verdict of the fleet.
fn verdicts(text: &str, at: Timestamp) -> Vec<Verdict> {
    let (fleet, policy) = (fleet(), policy(text));
    let world = SnapshotWorld::new(&fleet, &policy);
    let devices = fleet.devices.iter();
    devices
        .flat_map(|device| device.findings.iter().map(move |finding| (device, finding)))
        .map(|(device, finding)| world.verdict(device, finding, at))
        .collect()
}

fn due(verdict: &Verdict) -> Option<Timestamp> {
    verdict.at
}

/// Whether the second is as early as the first, or later, or never.
fn no_earlier(before: &Verdict, after: &Verdict) -> bool {
    match (due(before), due(after)) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(before), Some(after)) => after >= before,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_later_comes_true_or_names_another_gate(parts in parts(), hours in 0_i64..1200) {
        let text = parts.text("");
        for (place, verdict) in verdicts(&text, now(hours)).iter().enumerate() {
            prop_assert_eq!(verdict.gates.len(), 10);
            let first = verdict.gates.iter().find(|gate| gate.open == Some(false));
            prop_assert_eq!(verdict.gate, first.map(|gate| gate.gate));
            prop_assert_eq!(verdict.at.is_none(), verdict.verdict == Answer::Never);
            prop_assert!(verdict.gates[2].losers.is_some());
            if verdict.verdict == Answer::Later {
                let at = verdict.at.unwrap();
                prop_assert!(at > now(hours));
                let then = &verdicts(&text, at)[place];
                // The device may be off by then; nothing else keeps it.
                let alone = then.gate == Some(GateName::Reachable);
                prop_assert!(then.verdict == Answer::Now || alone, "{:?}\n{:?}", verdict, then);
                // And it is the first such time: a second before it is not open.
                let before = &verdicts(&text, at - SignedDuration::from_secs(1))[place];
                prop_assert!(before.verdict != Answer::Now, "{:?}", before);
            }
        }
    }

    #[test]
    fn excluding_denying_and_freezing_never_hasten(parts in parts(), hours in 0_i64..900, what in 0..4_usize) {
        let more = [
            "[[exclude]]\nname = \"x\"\nfor = \"client:acme\"\nreason = \"r\"\n",
            "[[exclude]]\nname = \"x\"\nfor = \"tag:server\"\nuntil = \"2026-03-25T00:00:00Z\"\nreason = \"r\"\n",
            "[[decision]]\nverdict = \"deny\"\nfor = \"device:web1\"\npatches = \"\"\nreason = \"r\"\n",
            "[[freeze]]\nname = \"more\"\nfrom = \"2026-03-09T00:00\"\nuntil = \"2026-03-12T00:00\"\nreason = \"r\"\n",
        ][what];
        let before = verdicts(&parts.text(""), now(hours));
        let after = verdicts(&parts.text(more), now(hours));
        for (place, (before, after)) in before.iter().zip(&after).enumerate() {
            // A freeze may make the device that was off miss another opening, and catch up on that
            // one instead.
            let catches_up = what == 3 && place < 3;
            // Only contact was wanting, and nobody knows when that comes: it may be any moment, so a
            // later day by which the freeze is over is no earlier one. It must not be now.
            let any_moment = what == 3
                && before.gate == Some(GateName::Reachable)
                && after.verdict != Answer::Now;
            prop_assert!(
                no_earlier(before, after) || catches_up || any_moment,
                "{:?}\n{:?}",
                before,
                after
            );
        }
    }

    #[test]
    fn what_is_farther_changes_nothing_nearer(parts in parts(), farther in decision(), hours in 0_i64..900) {
        let nearest = "[[decision]]\nverdict = \"approve\"\npatches = \"\"\nfor = \"device:web1\"\nreason = \"nearest\"\n";
        let farther = farther.replace("device:web1", "client:acme");
        let mut parts = parts;
        parts.decisions.retain(|decision| !decision.contains("device:web1"));
        let before = verdicts(&parts.text(nearest), now(hours));
        let after = verdicts(&parts.text(&format!("{nearest}{farther}")), now(hours));
        for (before, after) in before.iter().zip(&after).take(3) {
            prop_assert_eq!((before.verdict, before.at, before.gate), (after.verdict, after.at, after.gate));
            // It is named among the losers, or does not match.
            let losers = |verdict: &Verdict| verdict.gates[2].losers.as_ref().unwrap().len();
            prop_assert!(losers(after) == losers(before) || losers(after) == losers(before) + 1);
        }
    }

    #[test]
    fn deny_wins_within_a_level(words in proptest::collection::vec(0..3_usize, 1..6)) {
        let mut text = String::new();
        for word in &words {
            text.push_str(&format!("[[decision]]\nverdict = \"{}\"\nfor = \"client:acme\"\npatches = \"\"\nreason = \"r\"\n", VERDICTS[*word]));
        }
        let strictest = words.iter().map(|word| VERDICTS[*word]).max_by_key(|word| match *word {
            "deny" => 2,
            "hold" => 1,
            _ => 0,
        });
        let verdict = &verdicts(&text, now(0))[0];
        let gate = &verdict.gates[2];
        let begins = match strictest {
            Some("deny") => "denied",
            Some("hold") => "put on hold",
            _ => "approved",
        };
        prop_assert!(gate.reason.starts_with(begins), "{}", gate.reason);
        prop_assert_eq!(gate.losers.as_ref().unwrap().len(), words.len() - 1);
    }

    #[test]
    fn the_order_of_decisions_and_of_files_does_not_matter(parts in parts(), hours in 0_i64..900) {
        let mut turned = parts.clone();
        turned.decisions.reverse();
        turned.freezes.reverse();
        let short = |verdicts: Vec<Verdict>| -> Vec<_> {
            verdicts.iter().map(|v| (v.verdict, v.at, v.gate)).collect()
        };
        prop_assert_eq!(
            short(verdicts(&parts.text(""), now(hours))),
            short(verdicts(&turned.text(""), now(hours)))
        );
    }

    #[test]
    fn a_fleet_is_answered_like_its_devices(parts in parts(), hours in 0_i64..900, threads in 1..4_usize) {
        let (fleet, policy) = (fleet(), policy(&parts.text("")));
        let world = SnapshotWorld::new(&fleet, &policy);
        let all = world.fleet(threads).outcomes(now(hours), threads);
        let alone: Vec<Outcome> = verdicts(&parts.text(""), now(hours)).iter().map(Outcome::of).collect();
        prop_assert_eq!(all, alone);
    }
}
