//! Stories about policies that a person can read: `tests/stories/*.story`.
//!
//! Parts begin with `--- policy` (a policy file), `--- fleet` (a snapshot) or `--- story`; a later
//! policy or fleet takes the place of the one before it. A line of the story is one of
//!
//! ```text
//! at TIME                                    the present
//! DEVICE PATCH: now                          what the evaluator answers
//! DEVICE PATCH: later TIME gate GATE
//! DEVICE PATCH: never gate GATE
//!     says WORDS                             of its sentence
//! DEVICE reboots by RULE at TIME             or `... by RULE never`
//! DEVICE is warned at TIME, TIME and reboots at TIME      if a reboot is due now
//! WINDOW opens TIME, TIME, ...               every opening from the present on, for DEVICE-less zones
//! the freeze NAME is broken: WHY             as if the store held one that nobody can read
//! refused: WORDS                             the policy is not accepted, and says so
//! ```
#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use std::path::Path;

use domain::policy::{Policy, PolicyKind, Unreadable};
use domain::query::Query;
use domain::snapshot::Snapshot;
use domain::verdict::Answer;
use engine::calendar::{Frozen, freeze_span, openings_between};
use engine::decide::SnapshotWorld;
use jiff::{SignedDuration, Timestamp};

#[derive(Default)]
struct Story {
    policy: Policy,
    /// What was wrong with the policy.
    problems: String,
    fleet: Snapshot,
    now: Timestamp,
    sentence: String,
}

impl Story {
    fn part(&mut self, kind: &str, text: &str, name: &str) {
        match kind {
            "policy" => {
                match engine::policy_file::read(&[("policy".to_owned(), text.to_owned())]) {
                    Ok(files) => (self.policy, self.problems) = (files.policy, String::new()),
                    Err(problems) => {
                        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
                        (self.policy, self.problems) = (Policy::default(), lines.join("\n"));
                    }
                }
            }
            "fleet" => self.fleet = serde_json::from_str(text).unwrap(),
            "story" => {
                for line in text.lines().map(str::trim) {
                    if !line.is_empty() && !line.starts_with('#') {
                        let told = self.step(line);
                        assert!(told.is_ok(), "{name}: `{line}`: {}", told.unwrap_err());
                    }
                }
            }
            other => panic!("{name}: no part is called {other}"),
        }
    }

    fn step(&mut self, line: &str) -> Result<(), String> {
        if let Some(words) = line.strip_prefix("refused: ") {
            return says(&self.problems, words);
        }
        if !self.problems.is_empty() {
            return Err(format!("the policy is refused: {}", self.problems));
        }
        if let Some(time) = line.strip_prefix("at ") {
            self.now = time.parse().map_err(|e| format!("{e}"))?;
            return Ok(());
        }
        if let Some(words) = line.strip_prefix("says ") {
            return says(&self.sentence, words);
        }
        if let Some((window, times)) = line.split_once(" opens ") {
            return equal(&self.openings(window, times.split(", ").count()), times);
        }
        if let Some(broken) = line.strip_prefix("the freeze ") {
            let (name, why) = broken.split_once(" is broken: ").ok_or("no such step")?;
            self.policy.unreadable.push(Unreadable {
                kind: PolicyKind::Freeze,
                name: name.to_owned(),
                devices: Query::everything(),
                client: None,
                why: why.to_owned(),
            });
            return Ok(());
        }
        if let Some((device, expected)) = line.split_once(" is warned at ") {
            return equal(&self.warnings(device), expected);
        }
        if let Some((device, expected)) = line.split_once(" reboots by ") {
            return equal(&self.reboot(device), expected);
        }
        let (who, expected) = line.split_once(": ").ok_or("no such step")?;
        let (device, patch) = who.split_once(' ').ok_or("no such step")?;
        let answer = self.verdict(device, patch)?;
        equal(&answer, expected).map_err(|why| format!("{why}\n  {}", self.sentence))
    }

    fn verdict(&mut self, device: &str, patch: &str) -> Result<String, String> {
        let world = SnapshotWorld::new(&self.fleet, &self.policy);
        let device = self.fleet.devices.iter().find(|d| d.id == device);
        let device = device.ok_or("no such device")?;
        let finding = device.findings.iter().find(|f| f.patch == patch);
        let verdict = world.verdict(device, finding.ok_or("no such patch")?, self.now);
        assert_eq!(verdict.gates.len(), 10);
        let gate = verdict.gate.map_or("-", domain::verdict::GateName::word);
        let answer = match (verdict.verdict, verdict.at) {
            (Answer::Now, _) => "now".to_owned(),
            (Answer::Later, Some(at)) => format!("later {at} gate {gate}"),
            (Answer::Later, None) => return Err("later without a time".into()),
            (Answer::Never, _) => format!("never gate {gate}"),
        };
        self.sentence = verdict.sentence;
        Ok(answer)
    }

    fn reboot(&self, device: &str) -> String {
        let world = SnapshotWorld::new(&self.fleet, &self.policy);
        let device = self.fleet.devices.iter().find(|d| d.id == device).unwrap();
        match world.device(device, self.now).reboot() {
            None => "nothing".to_owned(),
            Some(reboot) => match reboot.opening {
                Some(opening) => format!("{} at {}", reboot.rule.name, opening.opens_at),
                None => format!("{} never", reboot.rule.name),
            },
        }
    }

    fn warnings(&self, device: &str) -> String {
        let world = SnapshotWorld::new(&self.fleet, &self.policy);
        let device = self.fleet.devices.iter().find(|d| d.id == device).unwrap();
        let reboot = world.device(device, self.now).reboot();
        let Some(notice) = reboot.and_then(|reboot| reboot.notice(self.now)) else {
            return "never".to_owned();
        };
        let times: Vec<String> = notice.warnings.iter().map(ToString::to_string).collect();
        let times = match times.is_empty() {
            true => "no time".to_owned(),
            false => times.join(", "),
        };
        format!("{times} and reboots at {}", notice.reboot_at)
    }

    /// The first openings, without the freezes of the same devices.
    fn openings(&self, window: &str, count: usize) -> String {
        let mut windows = self.policy.windows.iter();
        let window = windows.find(|w| w.name.as_str() == window).unwrap();
        let freezes = self
            .policy
            .freezes
            .iter()
            .filter(|f| f.devices == window.devices);
        let spans = freezes.map(|freeze| freeze_span(freeze, "UTC").unwrap());
        let until = self.now + SignedDuration::from_hours(24 * 3660);
        let all = openings_between(window, "UTC", &[], &Frozen::new(spans), self.now, until);
        let times: Vec<String> = all
            .unwrap()
            .iter()
            .take(count)
            .map(|opening| opening.opens_at.to_string())
            .collect();
        times.join(", ")
    }
}

fn says(text: &str, words: &str) -> Result<(), String> {
    match text.contains(words) {
        true => Ok(()),
        false => Err(format!("it says: {text}")),
    }
}

fn equal(answer: &str, expected: &str) -> Result<(), String> {
    match answer == expected {
        true => Ok(()),
        false => Err(format!("it is: {answer}")),
    }
}

fn tell(path: &Path) {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let text = std::fs::read_to_string(path).unwrap();
    let mut story = Story::default();
    let mut parts = 0;
    for part in text.split("\n--- ").skip(1) {
        let (kind, rest) = part.split_once('\n').unwrap();
        story.part(kind.trim(), rest, &name);
        parts += usize::from(kind.trim() == "story");
    }
    assert!(parts > 0, "{name} tells nothing");
}

#[test]
fn every_story_comes_true() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "story"))
        .collect();
    paths.sort();
    assert!(paths.len() >= 15, "stories are missing");
    // All are told, so that a broken rule shows every story that it breaks.
    let broken: Vec<_> = paths
        .iter()
        .filter(|path| std::panic::catch_unwind(|| tell(path)).is_err())
        .filter_map(|path| path.file_name())
        .collect();
    assert!(broken.is_empty(), "not true any more: {broken:?}");
}
