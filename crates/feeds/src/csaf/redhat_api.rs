//! Red Hat beside CSAF: one CVE of its security data API, and its repositories with their CPEs.
//!
//! The API's `package_state` says where no fix is out; `affected_release` names advisories, whose own
//! documents say more and are not repeated here. Errors: a document without an id of a CVE is
//! refused; a state that cannot be read is broken.
//! Source: Red Hat Security Data API documentation; `repository-to-cpe.json`.

use std::collections::BTreeSet;

use domain::advisory::{Advisory, NoFixReason, Rating, Says, Statement, Target};
use domain::cve::CveId;
use domain::definitions::RepositoryPlatforms;
use domain::feed::Feed;
use serde::Deserialize;

use super::{rating, redhat};
use crate::fields::{self, Seen};
use crate::format::{Format, Parsed, RECORDS_MAX, Record, Sink};
use crate::refusal::Refusal;
use crate::{json, words};

/// One CVE of the API.
pub const API: Format = Format {
    name: "redhat-api",
    recognise: |probe| {
        let states = ["package_state", "affected_release", "threat_severity"];
        probe.is_json()
            && probe.head.starts_with('{')
            && states.iter().any(|key| probe.has_key_anywhere(key))
            && probe.has_key_anywhere("name")
            && probe.has_key_anywhere("bugzilla")
            && !probe.has_key("document")
    },
    parse: api,
};

/// The repositories and their platforms.
pub const REPOSITORIES: Format = Format {
    name: "redhat-repositories",
    recognise: |probe| {
        probe.is_json() && probe.has_key("data") && probe.has_key("cpes") && !probe.has_key("cve")
    },
    parse: repositories,
};

#[derive(Deserialize)]
struct Cve {
    name: String,
    threat_severity: Option<String>,
    public_date: Option<String>,
    bugzilla: Option<Bugzilla>,
    cvss3: Option<Cvss3>,
}

#[derive(Deserialize)]
struct Bugzilla {
    description: Option<String>,
}

#[derive(Deserialize)]
struct Cvss3 {
    cvss3_base_score: Option<String>,
    cvss3_scoring_vector: Option<String>,
}

#[derive(Deserialize)]
struct State {
    fix_state: String,
    package_name: String,
    cpe: String,
}

fn api(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let invalid = |place: &str, why: String| Refusal::Invalid {
        place: place.to_owned(),
        why,
    };
    let mut states = None;
    for member in json::members(bytes) {
        let member = member?;
        if member.raw_key == b"package_state" {
            states = Some(member.value);
        }
    }
    let read: Cve = serde_json::from_slice(bytes)
        .map_err(|error| invalid("the document", json::why(&error)))?;
    let cve: CveId = read
        .name
        .parse()
        .map_err(|error: domain::cve::InvalidCveId| invalid("name", error.to_string()))?;
    let mut parsed = Parsed::new(Feed::RedhatApi);
    parsed.document = Some(read.name.clone());
    parsed.dated = read.public_date.as_deref().and_then(fields::timestamp);
    let mut facts = Advisory::new(read.name.clone());
    let title = read.bugzilla.and_then(|bug| bug.description);
    facts.title = title.as_deref().map(fields::title).unwrap_or_default();
    facts.cves = vec![cve];
    facts.published = parsed.dated;
    match rate(read.threat_severity.as_deref(), read.cvss3.as_ref()) {
        Ok(rating) => facts.rating = rating,
        Err(why) => {
            sink.broken(&read.name, &why);
            return Ok(parsed);
        }
    }
    let mut statements: BTreeSet<(String, String)> = BTreeSet::new();
    for (number, member) in states.into_iter().flat_map(json::members).enumerate() {
        let state = serde_json::from_slice::<State>(member?.value);
        let stated = state.map_err(|error| json::why(&error)).and_then(|s| {
            let twice = (s.cpe.clone(), s.package_name.clone());
            Ok((statements.insert(twice), state_statement(&s)?))
        });
        match stated {
            Ok((true, Some(statement))) => facts.statements.push(statement),
            Ok((_, None)) => {}
            Ok((false, _)) => sink.broken(&format!("package_state/{number}"), "it is there twice"),
            Err(why) => sink.broken(&format!("package_state/{number}"), &why),
        }
    }
    parsed.records = 1;
    sink.record(Record::Cve(Box::new(facts)));
    Ok(parsed)
}

fn rate(word: Option<&str>, cvss: Option<&Cvss3>) -> Result<Option<Rating>, String> {
    let score = cvss.and_then(|cvss| cvss.cvss3_base_score.as_deref());
    let tenths = match score {
        None => None,
        Some(text) => {
            let score: f64 = text
                .trim()
                .parse()
                .map_err(|_| format!("`{}` is no base score", fields::word(text)))?;
            let tenths = rating::tenths(score);
            Some(tenths.ok_or_else(|| format!("the base score {score} is not 0 to 10"))?)
        }
    };
    if let Some(rating) = word.and_then(|word| words::rating(word, tenths)) {
        return Ok(Some(rating));
    }
    let vector = cvss.and_then(|cvss| cvss.cvss3_scoring_vector.as_deref());
    Ok(tenths.map(|tenths| rating::derived(tenths, vector.unwrap_or_default())))
}

/// What a state says; `Ok(None)`: of something that is no package of a system.
fn state_statement(state: &State) -> Result<Option<Statement>, String> {
    let Some(system) = redhat::system(&state.cpe) else {
        return Err(format!(
            "`{}` is no platform of Red Hat",
            fields::word(&state.cpe)
        ));
    };
    // `php:7.2/php`: module and source; containers and flatpaks have a slash too and are no rpm.
    let (module, name) = match state.package_name.split_once('/') {
        None => (None, state.package_name.as_str()),
        Some((module, name)) => match redhat::stream(module) {
            Some(module) if !module.ends_with(":flatpak") => (Some(module), name),
            _ => return Ok(None),
        },
    };
    let word = fields::word(&state.fix_state);
    let no_fix = |reason| Says::NoFix {
        reason,
        word: word.clone(),
    };
    let says = match word.to_ascii_lowercase().as_str() {
        "not affected" => Says::NotAffected { why: word },
        "affected" => no_fix(NoFixReason::NotYet),
        "fix deferred" => no_fix(NoFixReason::Postponed),
        "will not fix" => no_fix(NoFixReason::WillNotFix),
        "out of support scope" => no_fix(NoFixReason::EndOfLife),
        _ => Says::Undetermined { word },
    };
    Ok(Some(Statement {
        system,
        target: Target::Source(fields::package(name)?),
        architectures: Vec::new(),
        module,
        cves: None,
        subscription: None,
        says,
    }))
}

#[derive(Deserialize)]
struct Repository {
    cpes: Vec<String>,
}

fn repositories(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let mut data = None;
    for member in json::members(bytes) {
        let member = member?;
        if member.raw_key == b"data" {
            data = Some(member.value);
        }
    }
    let data = data.ok_or_else(|| Refusal::Missing {
        place: "the document".to_owned(),
        what: "`data`".to_owned(),
    })?;
    let mut parsed = Parsed::new(Feed::RedhatRepositories);
    let mut seen = Seen::default();
    for member in json::members(data) {
        if parsed.records >= RECORDS_MAX {
            return Err(Refusal::TooMany {
                what: "repositories",
                limit: RECORDS_MAX,
            });
        }
        let member = member?;
        let id = member.key();
        let read = serde_json::from_slice::<Repository>(member.value);
        let read = read
            .map_err(|error| json::why(&error))
            .and_then(|repository| {
                let id = fields::id(&id)?.to_owned();
                // Some platforms are misspelt by Red Hat itself; they are kept as they are.
                let odd = |cpe: &&String| !cpe.starts_with("cpe:") || fields::id(cpe).is_err();
                if let Some(cpe) = repository.cpes.iter().find(odd) {
                    return Err(format!("`{}` is no platform", fields::word(cpe)));
                }
                seen.first(&id)?;
                Ok(RepositoryPlatforms {
                    id,
                    cpes: repository.cpes,
                })
            });
        match read {
            Ok(repository) => {
                parsed.records += 1;
                sink.record(Record::Repository(repository));
            }
            Err(why) => sink.broken(&fields::word(&id), &why),
        }
    }
    Ok(parsed)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;
    use crate::format::{Collect, Probe};
    use crate::samples;
    use std::io::Read;

    #[test]
    fn the_states_of_one_cve_are_statements_of_source_packages() {
        let Some(bytes) = samples::read("redhat/securitydata-api/CVE-2023-48161.json") else {
            return;
        };
        assert!((API.recognise)(&Probe::new(&bytes)));
        let mut collect = Collect::default();
        let parsed = api(&bytes, &mut collect).unwrap();
        assert_eq!((parsed.records, collect.broken.len()), (1, 0));
        let Record::Cve(facts) = &collect.records[0] else {
            panic!()
        };
        assert_eq!(facts.rating.as_ref().unwrap().cvss_tenths, Some(55));
        let giflib: Vec<_> = facts
            .statements
            .iter()
            .filter(|s| s.target.name().as_str() == "giflib")
            .map(|s| s.system.as_str())
            .collect();
        assert_eq!(giflib, ["rhel:6", "rhel:7", "rhel:8", "rhel:9"]);
        let word = "Under investigation".to_owned();
        assert_eq!(facts.statements[0].says, Says::Undetermined { word });
        // A flatpak is no package of the system.
        let flatpak = |s: &&Statement| s.module.is_some() || s.target.name().as_str().contains('/');
        assert_eq!(facts.statements.iter().filter(flatpak).count(), 0);
    }

    #[test]
    fn each_repository_is_a_record_and_a_repeated_one_is_broken() {
        let Some(packed) = samples::read("redhat/repository-to-cpe.json.gz") else {
            return;
        };
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(packed.as_slice())
            .read_to_end(&mut bytes)
            .unwrap();
        assert!((REPOSITORIES.recognise)(&Probe::new(&bytes)));
        let mut collect = Collect::default();
        let parsed = repositories(&bytes, &mut collect).unwrap();
        assert_eq!(collect.broken, []);
        // Counted with another JSON reader.
        assert_eq!(parsed.records, REPOSITORY_COUNT);
        let twice =
            br#"{"data":{"a":{"cpes":["cpe:/a:redhat:x:1"]},"a":{"cpes":[]},"b":{"cpes":"x"}}}"#;
        let mut collect = Collect::default();
        let parsed = repositories(twice, &mut collect).unwrap();
        assert_eq!((parsed.records, collect.broken.len()), (1, 2));
    }

    const REPOSITORY_COUNT: u64 = 8564;
}
