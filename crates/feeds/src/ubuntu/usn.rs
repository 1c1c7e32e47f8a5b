//! Ubuntu's notices as one database, `database-all.json`: an object by number, `4011-1`.
//!
//! A notice names fixed versions of source packages per release. Its binary packages say by their
//! pocket whether the fix must be paid for. Records: notices. A notice with a part that cannot be
//! read is broken; what it says otherwise is handed over. Source: the document.

use domain::advisory::{Advisory, AfterInstall, Says, Statement, Target};
use domain::feed::Feed;
use domain::severity::Classification;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};
use versions::Scheme;

use super::releases;
use crate::fields::{self, Ids, Seen};
use crate::format::{Format, Parsed, Probe, RECORDS_MAX, Record, Sink};
use crate::json;
use crate::refusal::Refusal;

/// The database.
pub const FORMAT: Format = Format {
    name: "ubuntu-usn-database",
    recognise,
    parse,
};

/// An object whose first key is the number of a notice, with the keys of a notice behind it.
fn recognise(probe: &Probe<'_>) -> bool {
    let Some(rest) = probe.head.strip_prefix('{') else {
        return false;
    };
    let key = rest.trim_start().strip_prefix('"');
    let key = key.and_then(|rest| rest.split_once('"'));
    let named = key.is_some_and(|(key, _)| is_number(key));
    let speaks = ["releases", "isummary", "cves", "action"]
        .into_iter()
        .filter(|key| probe.has_key(key))
        .count();
    speaks >= 3 || named && speaks >= 1
}

/// `4011-1`.
fn is_number(text: &str) -> bool {
    let digits = |part: &str| {
        (1..=6).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    text.split_once('-')
        .is_some_and(|(number, revision)| digits(number) && digits(revision))
}

#[derive(Deserialize)]
struct Notice {
    id: Option<String>,
    title: Option<String>,
    summary: Option<String>,
    action: Option<String>,
    timestamp: Option<f64>,
    cves: Option<Vec<String>>,
    releases: Option<Map<String, Value>>,
}

fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let mut parsed = Parsed::new(Feed::UbuntuUsn);
    let mut seen = Seen::default();
    let mut walked = 0_u64;
    for member in json::members(bytes) {
        let member = member?;
        walked += 1;
        if walked > RECORDS_MAX {
            return Err(Refusal::TooMany {
                what: "notices",
                limit: RECORDS_MAX,
            });
        }
        let key = member.key();
        let place = format!("USN-{}", fields::word(&key));
        let read = seen.first(&key).and_then(|()| notice(&key, member.value));
        match read {
            Ok((advisory, fault)) => {
                match fault {
                    None => parsed.records += 1,
                    Some(why) => sink.broken(&place, &why),
                }
                sink.record(Record::Advisory(Box::new(advisory)));
            }
            Err(why) => sink.broken(&place, &why),
        }
    }
    Ok(parsed)
}

fn notice(key: &str, value: &[u8]) -> Result<(Advisory, Option<String>), String> {
    if !is_number(key) {
        return Err("not the number of a notice".to_owned());
    }
    let notice: Notice = json::record(value)?;
    if notice
        .id
        .as_deref()
        .is_some_and(|id| id.trim_start_matches("USN-") != key)
    {
        return Err("the notice gives itself another number".to_owned());
    }
    let mut advisory = Advisory::new(format!("USN-{key}"));
    let title = notice.title.or(notice.summary).unwrap_or_default();
    advisory.title = fields::title(&title);
    advisory.published = notice.timestamp.and_then(timestamp);
    advisory.after = after(notice.action.as_deref().unwrap_or_default());
    advisory.classification = Some(Classification::Security);
    let mut ids = Ids::default();
    for id in notice.cves.iter().flatten() {
        take(&mut ids, id);
    }
    advisory.cves = ids.cve_list();
    advisory.aliases = ids.alias_list();
    let mut fault = None;
    for (codename, release) in notice.releases.iter().flatten() {
        if let Err(why) = statements(codename, release, &mut advisory.statements) {
            fault.get_or_insert(format!("{}: {why}", fields::word(codename)));
        }
    }
    Ok((advisory, fault))
}

/// Addresses of bugs stand among the ids; they are no other names of the notice.
pub fn take(ids: &mut Ids, id: &str) {
    if !id.contains("://") {
        ids.take(id);
    }
}

/// Seconds since 1970, with a fraction.
fn timestamp(seconds: f64) -> Option<Timestamp> {
    if !(0.0..253_402_300_800.0).contains(&seconds) {
        return None;
    }
    #[allow(clippy::cast_possible_truncation, reason = "bounded above")]
    let whole = seconds as i64;
    Timestamp::from_second(whole).ok()
}

/// What the notice's instructions ask for, in the sentences that Ubuntu uses.
pub fn after(instructions: &str) -> AfterInstall {
    let text = instructions
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&[
        "reboot your computer",
        "reboot your system",
        "restart your computer",
    ]) {
        AfterInstall::Reboot
    } else if has(&["restart your session", "log out"]) {
        AfterInstall::Relogin
    } else if has(&["need to restart"]) {
        AfterInstall::Restart
    } else if has(&["update will make all the necessary changes"]) {
        AfterInstall::Nothing
    } else {
        AfterInstall::Unknown
    }
}

fn statements(codename: &str, release: &Value, into: &mut Vec<Statement>) -> Result<(), String> {
    let codename = fields::id(codename)?;
    let release = release.as_object().ok_or("a release that is no object")?;
    let Some(sources) = release.get("sources").and_then(Value::as_object) else {
        return Ok(());
    };
    let alone = sources.len() == 1;
    for (name, source) in sources {
        let version = source
            .get("version")
            .and_then(Value::as_str)
            .ok_or_else(|| format!("{}: no version", fields::word(name)))?;
        let fixed = fields::version(Some(Scheme::Deb), version)?;
        into.push(Statement {
            system: releases::system(codename),
            target: Target::Source(fields::package(name)?),
            architectures: Vec::new(),
            module: None,
            cves: None,
            subscription: subscription(release, name, alone, version),
            says: Says::FixedIn {
                introduced: None,
                fixed,
            },
        });
    }
    Ok(())
}

fn subscription(
    release: &Map<String, Value>,
    source: &str,
    alone: bool,
    version: &str,
) -> Option<String> {
    let binaries = ["allbinaries", "binaries"]
        .into_iter()
        .filter_map(|key| release.get(key)?.as_object())
        .flatten();
    let pocket = binaries
        .filter(
            |(_, binary)| match binary.get("source").and_then(Value::as_str) {
                Some(of) => of == source,
                None => alone,
            },
        )
        .find_map(|(_, binary)| binary.get("pocket")?.as_str());
    match pocket {
        Some(pocket) => releases::subscription(pocket),
        None => releases::is_paid_build(version).then(|| "Ubuntu Pro".to_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;
    use crate::format::Collect;
    use crate::formats;

    const NOTICE: &str = r#"{"id":"6342-1","title":"Linux kernel vulnerabilities",
        "timestamp":1693960302.5,"cves":["CVE-2023-20593","https://launchpad.net/bugs/1"],
        "action":"After a standard system update you need to reboot your computer to make\nall",
        "releases":{"bionic":{"sources":{"linux":{"version":"4.15.0-216.227"}},
          "allbinaries":{"linux-image-x":{"pocket":"esm-infra","version":"4.15.0-216.227"}}},
         "jammy":{"sources":{"linux":{"version":"5.15.0-1.1"}},
          "allbinaries":{"linux-image-x":{"pocket":"security","version":"5.15.0-1.1"}}}}}"#;

    fn read(text: &str) -> (Parsed, Collect) {
        let mut sink = Collect::default();
        let parsed = parse(text.as_bytes(), &mut sink).unwrap();
        (parsed, sink)
    }

    #[test]
    fn a_notice_states_sources_per_release_and_who_must_pay() {
        let (parsed, sink) = read(&format!("{{\"6342-1\":{NOTICE}}}"));
        assert_eq!((parsed.records, sink.broken.len()), (1, 0));
        let advisory = sink.advisories().next().unwrap();
        assert_eq!(advisory.id, "USN-6342-1");
        assert_eq!(advisory.cves, ["CVE-2023-20593".parse().unwrap()]);
        assert!(advisory.aliases.is_empty());
        assert_eq!(advisory.after, AfterInstall::Reboot);
        // `date -u -d @1693960302`.
        assert_eq!(
            advisory.published.unwrap().to_string(),
            "2023-09-06T00:31:42Z"
        );
        let found: Vec<_> = advisory
            .statements
            .iter()
            .map(|statement| (statement.system.as_str(), statement.subscription.as_deref()))
            .collect();
        assert_eq!(
            found,
            [("ubuntu:18.04", Some("Ubuntu Pro")), ("ubuntu:22.04", None)]
        );
    }

    #[test]
    fn broken_notices_are_counted_and_hide_nothing() {
        let bad = NOTICE.replace("5.15.0-1.1", "x:5");
        let text = format!(
            r#"{{"6342-1":{NOTICE},"6342-1":{NOTICE},"6342-2":{NOTICE},"a":{NOTICE},"1-1":NaN,
            "6343-1":{}}}"#,
            bad.replace("6342-1", "6343-1")
        );
        let (parsed, sink) = read(&text);
        assert_eq!((parsed.records, sink.broken.len()), (1, 5));
        assert_eq!(sink.advisories().last().unwrap().statements.len(), 1);
        let cut = parse(&text.as_bytes()[..100], &mut Collect::default());
        assert!(matches!(cut, Err(Refusal::Truncated { .. })));
        let known = formats::recognise(&text.as_bytes()[..200]);
        assert_eq!(known.unwrap().name, FORMAT.name);
    }

    #[test]
    fn instructions_say_what_must_follow() {
        // Sentences of the notices 4011-1, 2274-1 and of desktop notices.
        let general = "In general, a standard system update will make all the necessary changes.\n";
        assert_eq!(after(general), AfterInstall::Nothing);
        let firefox =
            "After a standard system update you need to restart Firefox to make\nall the changes.";
        assert_eq!(after(firefox), AfterInstall::Restart);
        assert_eq!(after(""), AfterInstall::Unknown);
    }
}
