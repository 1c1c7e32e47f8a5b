//! Tests of the judgement: one claim a rule, with versions that vendors shipped.

mod kernels;
mod modules;
mod rules;
mod support;

use domain::advisory::{Advisory, Rating, Says, Statement, SystemId, Target};
use domain::cve::{Catalogues, CveId};
use domain::definitions::{Definitions, Sourced};
use domain::feed::{Feed, Provenance};
use domain::judgement::{JudgedDevice, JudgedPackage, Judgement};
use domain::package::Ecosystem;
use domain::severity::{Severity, SeveritySource};

use super::Judge;

/// The instant of all tests that do not turn on it.
pub(super) const AT: &str = "2026-06-01T00:00:00Z";

pub(super) fn document(id: &str) -> Provenance {
    Provenance {
        feed: Feed::Osv,
        document: id.to_owned(),
        file: format!("{id}.json"),
        dated: None,
        fetched_at: None,
        sha256: [7; 32],
    }
}

pub(super) fn system(text: &str) -> SystemId {
    let (distribution, release) = text.split_once(':').unwrap_or((text, ""));
    SystemId::new(distribution, release)
}

pub(super) fn source(system_id: &str, name: &str, says: Says) -> Statement {
    statement(system_id, Target::Source(name.parse().unwrap()), says)
}

pub(super) fn binary(system_id: &str, name: &str, says: Says) -> Statement {
    statement(system_id, Target::Binary(name.parse().unwrap()), says)
}

fn statement(system_id: &str, target: Target, says: Says) -> Statement {
    Statement {
        system: system(system_id),
        target,
        architectures: Vec::new(),
        module: None,
        cves: None,
        subscription: None,
        says,
    }
}

pub(super) fn fixed_in(version: &str) -> Says {
    Says::FixedIn {
        introduced: None,
        fixed: version.parse().unwrap(),
    }
}

pub(super) fn cve(id: &str) -> CveId {
    id.parse().unwrap()
}

pub(super) fn advisory(id: &str, cves: &[&str], statements: Vec<Statement>) -> Advisory {
    Advisory {
        cves: cves.iter().map(|id| cve(id)).collect(),
        statements,
        ..Advisory::new(id)
    }
}

pub(super) fn rating(severity: Severity) -> Rating {
    Rating {
        severity,
        source: SeveritySource::Vendor,
        word: severity.to_string(),
        cvss_tenths: None,
    }
}

/// Definitions of one document.
pub(super) fn definitions(advisories: Vec<Advisory>) -> Definitions {
    Definitions {
        documents: vec![document("doc")],
        advisories: sourced(advisories),
        catalogues: Catalogues::default(),
        ..Definitions::default()
    }
}

pub(super) fn sourced<T>(values: Vec<T>) -> Vec<Sourced<T>> {
    values
        .into_iter()
        .map(|value| Sourced { document: 0, value })
        .collect()
}

pub(super) fn device(system_id: &str, packages: Vec<JudgedPackage>) -> JudgedDevice {
    JudgedDevice {
        name: "web-1".to_owned(),
        systems: vec![system(system_id)],
        packages,
        ..JudgedDevice::default()
    }
}

pub(super) fn package(ecosystem: Ecosystem, name: &str, version: &str) -> JudgedPackage {
    JudgedPackage {
        ecosystem,
        name: name.parse().unwrap(),
        version: version.parse().unwrap(),
        architecture: Some("x86_64".parse().unwrap()),
        source: None,
        source_version: None,
        module: None,
    }
}

pub(super) fn deb(name: &str, version: &str, from: &str) -> JudgedPackage {
    let (source, source_version) = from.split_once('=').unwrap_or((from, ""));
    JudgedPackage {
        architecture: Some("amd64".parse().unwrap()),
        source: (!source.is_empty()).then(|| source.parse().unwrap()),
        source_version: (!source_version.is_empty()).then(|| source_version.parse().unwrap()),
        ..package(Ecosystem::Deb, name, version)
    }
}

pub(super) fn rpm(name: &str, version: &str) -> JudgedPackage {
    package(Ecosystem::Rpm, name, version)
}

pub(super) fn judged(definitions: &Definitions, device: &JudgedDevice) -> Vec<Judgement> {
    Judge::new(definitions).device(device, AT.parse().unwrap())
}

/// `package advisory fixed state` of each judgement.
pub(super) fn lines(judgements: &[Judgement]) -> Vec<String> {
    judgements
        .iter()
        .map(|judgement| {
            format!(
                "{} {} {} {}",
                judgement.package,
                judgement.advisory.as_deref().unwrap_or("-"),
                judgement.fixed.as_deref().unwrap_or("-"),
                judgement.state
            )
        })
        .collect()
}

/// The only judgement of one package under one statement.
pub(super) fn only(statement: Statement, package: JudgedPackage) -> Judgement {
    let device = device(statement.system.as_str(), vec![package]);
    let definitions = definitions(vec![advisory("ADV-1", &["CVE-2026-0001"], vec![statement])]);
    let mut judgements = judged(&definitions, &device);
    assert_eq!(judgements.len(), 1, "{judgements:#?}");
    judgements.remove(0)
}
