//! Debian's tracker as JSON, `data/json`: source package, issue, release.
//!
//! One advisory for each issue of each source package, walked one at a time: the whole document has
//! tens of megabytes. An open issue stays open whatever `nodsa` says, only the reason why no fix is
//! offered differs. `urgency` is mostly not assigned and never a severity; `unimportant` is kept in
//! the vendor's words, `end-of-life` is a reason. `fixed_version` `0` says that this release never had
//! the fault. Records: issues of source packages. An issue with a release that cannot be read is
//! broken; what it says of other releases is handed over all the same.
//! Source: the tracker's introduction, "Issue states", and its `lib/python/sectracker`.

use std::collections::BTreeSet;

use domain::advisory::{Advisory, NoFixReason, Says, Statement, SystemId, Target};
use domain::cve::CveId;
use domain::feed::Feed;
use domain::name::PackageName;
use domain::severity::Classification;
use serde::Deserialize;

use super::lines;
use crate::fields;
use crate::format::{Format, Parsed, Probe, RECORDS_MAX, Record, Sink};
use crate::json;
use crate::refusal::Refusal;

/// The document.
pub const FORMAT: Format = Format {
    name: "debian-tracker-json",
    recognise,
    parse,
};

/// Most source packages; Debian has some 40,000.
const PACKAGES_MAX: u64 = 500_000;
/// Most releases of one issue.
const RELEASES_MAX: usize = 1_000;

/// An object of objects of objects, that speaks of issues and releases.
fn recognise(probe: &Probe<'_>) -> bool {
    let names_issue = ["\"CVE-", "\"TEMP-"]
        .into_iter()
        .any(|start| probe.head.contains(start));
    names_issue && probe.has_key("releases") && opens_twice(&probe.head)
}

/// Whether the text begins `{"…": {"…": {`.
fn opens_twice(text: &str) -> bool {
    let key = |text: &str| -> Option<usize> {
        let rest = text.strip_prefix('{')?.trim_start().strip_prefix('"')?;
        let (_, rest) = rest.split_once('"')?;
        let rest = rest.trim_start().strip_prefix(':')?.trim_start();
        Some(text.len() - rest.len())
    };
    let Some(first) = key(text) else {
        return false;
    };
    let Some(second) = key(&text[first..]) else {
        return false;
    };
    text[first + second..].starts_with('{')
}

fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let mut reader = Reader {
        sink,
        parsed: Parsed::new(Feed::DebianTracker),
        walked: 0,
    };
    let mut names = BTreeSet::new();
    for member in json::members(bytes) {
        let member = member?;
        let key = member.key();
        if names.len() as u64 >= PACKAGES_MAX {
            return Err(Refusal::TooMany {
                what: "packages",
                limit: PACKAGES_MAX,
            });
        }
        if !names.insert(key.clone().into_owned()) {
            let place = fields::word(&key);
            reader.sink.broken(&place, "the package was read already");
            continue;
        }
        reader.package(&key, member.value)?;
    }
    Ok(reader.parsed)
}

struct Reader<'s> {
    sink: &'s mut dyn Sink,
    parsed: Parsed,
    walked: u64,
}

#[derive(Deserialize)]
struct Release {
    status: String,
    fixed_version: Option<String>,
    urgency: Option<String>,
    nodsa: Option<String>,
    nodsa_reason: Option<String>,
}

impl Reader<'_> {
    fn package(&mut self, name: &str, value: &[u8]) -> Result<(), Refusal> {
        let place = fields::word(name);
        let package = match fields::package(name) {
            Ok(package) if is_container(value) => package,
            Ok(_) => {
                self.sink.broken(&place, "the package holds no issues");
                return Ok(());
            }
            Err(why) => {
                self.sink.broken(&place, &why);
                return Ok(());
            }
        };
        let mut ids = BTreeSet::new();
        for member in json::members(value) {
            let member = member?;
            self.walked += 1;
            if self.walked > RECORDS_MAX {
                return Err(Refusal::TooMany {
                    what: "issues",
                    limit: RECORDS_MAX,
                });
            }
            let id = member.key();
            let place = format!("{place}, {}", fields::word(&id));
            if !ids.insert(id.clone().into_owned()) {
                self.sink.broken(&place, "the issue was read already");
                continue;
            }
            match issue(&package, &id, member.value)? {
                Ok((advisory, fault)) => {
                    match fault {
                        None => self.parsed.records += 1,
                        Some(why) => self.sink.broken(&place, &why),
                    }
                    self.sink.record(Record::Advisory(Box::new(advisory)));
                }
                Err(why) => self.sink.broken(&place, &why),
            }
        }
        Ok(())
    }
}

fn is_container(value: &[u8]) -> bool {
    matches!(value.first(), Some(b'{' | b'['))
}

/// The advisory and its first part that could not be read; or why there is none.
type Issue = Result<(Advisory, Option<String>), String>;

fn issue(package: &PackageName, id: &str, value: &[u8]) -> Result<Issue, Refusal> {
    let cve = id.parse::<CveId>().ok();
    let known = cve.is_some() || id.starts_with("TEMP-");
    let (true, Ok(id)) = (known, fields::id(id)) else {
        return Ok(Err("neither the id of a CVE nor a TEMP id".to_owned()));
    };
    let mut advisory = Advisory::new(id);
    match cve {
        Some(cve) => advisory.cves.push(cve),
        None => advisory.aliases.push(id.to_owned()),
    }
    advisory.classification = Some(Classification::Security);
    if !value.starts_with(b"{") {
        return Ok(Err("an issue that is no object".to_owned()));
    }
    let mut fault: Option<String> = None;
    for member in json::members(value) {
        let member = member?;
        match member.key().as_ref() {
            "description" => match json::record::<Option<String>>(member.value) {
                Ok(text) => advisory.title = fields::title(&text.unwrap_or_default()),
                Err(why) => {
                    fault.get_or_insert(format!("description: {why}"));
                }
            },
            // Without releases a list stands in place of the object.
            "releases" if is_container(member.value) => {
                releases(package, member.value, &mut advisory, &mut fault)?;
            }
            "releases" => {
                fault.get_or_insert("`releases` is no object".to_owned());
            }
            _ => {}
        }
    }
    Ok(Ok((advisory, fault)))
}

fn releases(
    package: &PackageName,
    value: &[u8],
    advisory: &mut Advisory,
    fault: &mut Option<String>,
) -> Result<(), Refusal> {
    for member in json::members(value) {
        let member = member?;
        let name = member.key();
        if advisory.statements.len() >= RELEASES_MAX {
            fault.get_or_insert(format!("more than {RELEASES_MAX} releases"));
            return Ok(());
        }
        let read = json::record::<Release>(member.value)
            .and_then(|release| release.says())
            .and_then(|says| {
                let named = !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic());
                named.then_some(says).ok_or("no release".to_owned())
            });
        match read {
            Ok(says) => advisory.statements.push(Statement {
                system: SystemId::debian(&name),
                target: Target::Source(package.clone()),
                architectures: Vec::new(),
                module: None,
                cves: None,
                subscription: None,
                says,
            }),
            Err(why) => {
                fault.get_or_insert(format!("{}: {why}", fields::word(&name)));
            }
        }
    }
    Ok(())
}

impl Release {
    fn says(&self) -> Result<Says, String> {
        match self.status.as_str() {
            "resolved" => {
                let version = self.fixed_version.as_deref();
                lines::fixed_in(version.ok_or("resolved without `fixed_version`")?)
            }
            "open" => Ok(self.open()),
            "undetermined" => Ok(Says::Undetermined {
                word: self.status.clone(),
            }),
            other => Err(format!("`{}` is no status", fields::word(other))),
        }
    }

    fn open(&self) -> Says {
        let urgency = self.urgency.as_deref().unwrap_or_default();
        let reason = self.nodsa_reason.as_deref().unwrap_or_default();
        let (reason, mut word) = if urgency == "end-of-life" {
            (NoFixReason::EndOfLife, urgency.to_owned())
        } else if self.nodsa.is_some() || !reason.is_empty() {
            match reason {
                "ignored" => (NoFixReason::WillNotFix, reason.to_owned()),
                "" => (NoFixReason::Postponed, "no-dsa".to_owned()),
                _ => (NoFixReason::Postponed, reason.to_owned()),
            }
        } else {
            (NoFixReason::NotYet, "open".to_owned())
        };
        if urgency == "unimportant" {
            word.push_str(", unimportant");
        }
        if let Some(text) = self.nodsa.as_deref().filter(|text| !text.is_empty()) {
            word = format!("{word} ({text})");
        }
        Says::NoFix {
            reason,
            word: fields::word(&word),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests;
