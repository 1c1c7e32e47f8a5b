//! Arch Linux: groups of issues, `all.json` and the file of one group.
//!
//! A group names binary packages with one affected and one fixed version. Arch is rolling: of a
//! group without a fix only the versions up to the affected one are known to be so, later ones are
//! left open. Records: groups. A group with a part that cannot be read is broken and not counted.
//! Source: the documents; wiki.archlinux.org, "Arch Security Team" (the states of a group).

use domain::advisory::{Advisory, NoFixReason, Says, Statement, SystemId, Target};
use domain::feed::Feed;
use domain::severity::Classification;
use serde::Deserialize;
use versions::Scheme;

use crate::fields::{self, Ids, Seen};
use crate::format::{Format, Parsed, Probe, RECORDS_MAX, Record, Sink, without_mark};
use crate::json;
use crate::refusal::Refusal;
use crate::words;

/// The forms read here.
pub const FORMATS: &[Format] = &[Format {
    name: "arch",
    recognise,
    parse,
}];

/// Most packages of one group.
const PACKAGES_MAX: usize = 1_000;

fn recognise(probe: &Probe<'_>) -> bool {
    probe.is_json()
        && probe.head.contains("\"AVG-")
        && ["name", "packages", "affected", "status"]
            .into_iter()
            .all(|key| probe.has_key(key))
}

#[derive(Deserialize)]
struct Group {
    name: String,
    packages: Vec<String>,
    status: String,
    severity: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    affected: Option<String>,
    fixed: Option<String>,
    issues: Option<Vec<String>>,
    advisories: Option<Vec<String>>,
}

fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let mut parsed = Parsed::new(Feed::Arch);
    let mut seen = Seen::default();
    let bytes = without_mark(bytes).trim_ascii_start();
    if bytes.starts_with(b"{") {
        for member in json::members(bytes) {
            member?;
        }
        let advisory = group(bytes, &mut seen).map_err(|why| Refusal::Invalid {
            place: "the group".to_owned(),
            why,
        })?;
        parsed.records = 1;
        parsed.document = Some(advisory.id.clone());
        sink.record(Record::Advisory(Box::new(advisory)));
        return Ok(parsed);
    }
    for (at, member) in json::members(bytes).enumerate() {
        if at as u64 >= RECORDS_MAX {
            return Err(Refusal::TooMany {
                what: "groups",
                limit: RECORDS_MAX,
            });
        }
        match group(member?.value, &mut seen) {
            Ok(advisory) => {
                parsed.records += 1;
                sink.record(Record::Advisory(Box::new(advisory)));
            }
            Err(why) => sink.broken(&format!("entry {}", at + 1), &why),
        }
    }
    Ok(parsed)
}

fn group(bytes: &[u8], seen: &mut Seen) -> Result<Advisory, String> {
    let group: Group = json::record(bytes)?;
    let id = fields::id(&group.name)?;
    let number = id.strip_prefix("AVG-").unwrap_or_default();
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("`{}` is no id of a group", fields::word(id)));
    }
    let says = group.says().map_err(|why| format!("{id}: {why}"))?;
    if group.packages.is_empty() || group.packages.len() > PACKAGES_MAX {
        return Err(format!("{id}: no packages, or more than {PACKAGES_MAX}"));
    }
    let mut advisory = Advisory::new(id);
    for name in &group.packages {
        let name = fields::package(name).map_err(|why| format!("{id}: {why}"))?;
        advisory.statements.push(Statement {
            system: SystemId::new("arch", ""),
            target: Target::Binary(name),
            architectures: Vec::new(),
            module: None,
            cves: None,
            subscription: None,
            says: says.clone(),
        });
    }
    seen.first(id)?;
    let kind = group.kind.as_deref().unwrap_or_default();
    advisory.title = fields::title(&format!("{}: {kind}", group.packages.join(", ")));
    let mut ids = Ids::default();
    for other in group.issues.iter().chain(&group.advisories).flatten() {
        ids.take(other);
    }
    advisory.cves = ids.cve_list();
    advisory.aliases = ids.alias_list();
    advisory.rating = words::rating(group.severity.as_deref().unwrap_or_default(), None);
    advisory.classification = Some(Classification::Security);
    Ok(advisory)
}

impl Group {
    fn says(&self) -> Result<Says, String> {
        let version = |text: &Option<String>| {
            let text = text.as_deref().filter(|text| !text.trim().is_empty());
            text.map(|text| fields::version(Some(Scheme::Pacman), text))
                .transpose()
        };
        let affected = version(&self.affected)?;
        let fixed = version(&self.fixed)?;
        let status = self.status.trim();
        match (status.to_ascii_lowercase().as_str(), fixed, affected) {
            ("not affected", ..) => Ok(Says::NotAffected {
                why: status.to_owned(),
            }),
            ("unknown", ..) => Ok(Says::Undetermined {
                word: status.to_owned(),
            }),
            // Testing: the fix is built and not in the stable repositories yet.
            ("fixed" | "testing" | "vulnerable", Some(fixed), _) => Ok(Says::FixedIn {
                introduced: None,
                fixed,
            }),
            ("vulnerable" | "testing", None, Some(last)) => Ok(Says::AffectedUpTo {
                introduced: None,
                last,
            }),
            ("vulnerable" | "testing", None, None) => Ok(Says::NoFix {
                reason: NoFixReason::NotYet,
                word: status.to_owned(),
            }),
            ("fixed", None, _) => Err("fixed, and no fixed version".to_owned()),
            _ => Err(format!("`{}` is no status", fields::word(status))),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;
    use crate::format::Collect;
    use crate::formats;
    use crate::samples;
    use domain::severity::Severity;

    const GROUP: &str = r#"{"name":"AVG-9999","packages":["pam","lib32-pam"],
        "affected":"1.7.0-2","fixed":null,"severity":"Medium","status":"Vulnerable",
        "type":"arbitrary filesystem access","issues":["CVE-2025-6020"],"advisories":[]}"#;

    fn read(text: &str) -> (Parsed, Collect) {
        let mut sink = Collect::default();
        let parsed = parse(text.as_bytes(), &mut sink).unwrap();
        (parsed, sink)
    }

    fn says(from: &str, to: &str) -> Says {
        let (_, sink) = read(&GROUP.replace(from, to));
        sink.advisories().next().unwrap().statements[0].says.clone()
    }

    #[test]
    fn a_group_without_a_fix_knows_nothing_of_later_versions() {
        let (parsed, sink) = read(GROUP);
        assert_eq!(
            (parsed.records, parsed.document.as_deref()),
            (1, Some("AVG-9999"))
        );
        let advisory = sink.advisories().next().unwrap();
        assert_eq!(advisory.statements.len(), 2);
        assert_eq!(
            advisory.rating.clone().unwrap().severity,
            Severity::Moderate
        );
        assert_eq!(
            advisory.statements[0].says,
            Says::AffectedUpTo {
                introduced: None,
                last: "1.7.0-2".parse().unwrap()
            }
        );
    }

    #[test]
    fn the_states_of_a_group() {
        let fixed = says(
            "null,\"severity\":\"Medium\",\"status\":\"Vulnerable\"",
            "\"1.7.1-1\",\"status\":\"Testing\"",
        );
        assert!(matches!(fixed, Says::FixedIn { .. }));
        assert!(matches!(
            says("Vulnerable", "Not affected"),
            Says::NotAffected { .. }
        ));
        assert!(matches!(
            says("Vulnerable", "Unknown"),
            Says::Undetermined { .. }
        ));
        assert!(matches!(says("\"1.7.0-2\"", "null"), Says::NoFix { .. }));
    }

    #[test]
    fn broken_and_repeated_groups_are_counted_and_the_rest_is_read() {
        let other = GROUP.replace("AVG-9999", "AVG-1");
        let text = format!(
            "[{GROUP},{GROUP},{},{},{},{other}]",
            other.replace("Vulnerable", "Fixed"),
            other.replace("AVG-1", "AVG-x"),
            other.replace("1.7.0-2", "1 7"),
        );
        let (parsed, sink) = read(&text);
        assert_eq!((parsed.records, sink.broken.len()), (2, 4));
        let cut = parse(&text.as_bytes()[..text.len() - 1], &mut Collect::default());
        assert!(matches!(cut, Err(Refusal::Truncated { .. })));
    }

    #[test]
    fn the_real_cut_out_is_read() {
        let Some(bytes) = samples::read("arch/all.json") else {
            return;
        };
        assert_eq!(formats::recognise(&bytes).unwrap().name, "arch");
        let mut sink = Collect::default();
        // The manifest: 5 entries.
        assert_eq!(parse(&bytes, &mut sink).unwrap().records, 5);
        assert_eq!(sink.broken, []);
    }
}
