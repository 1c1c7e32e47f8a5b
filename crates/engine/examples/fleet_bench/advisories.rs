//! Generated advisories, in the shape of real ones.
//!
//! - Debian, Ubuntu, Alpine: an advisory is a CVE of a source, with one statement per release of the
//!   family's distribution (Debian's tracker). Of its statements 55 % name a fixed version, 30 % offer no
//!   fix, 10 % say "not affected", 5 % are undecided.
//! - Red Hat and its rebuilds, SUSE: an advisory is an erratum of one release that names the binaries of
//!   one source (AlmaLinux OSV: median 6 names), with architectures.
//! - Sources are drawn so that those which are released often have most advisories; of a source's fixed
//!   versions the later ones have more CVEs.
//! - Ratings: critical 5 %, important 30 %, moderate 45 %, low 10 %, none 10 %. Of the CVEs 0.6 % are
//!   known to be exploited (KEV: 1,404 of 240,000).

use std::collections::BTreeMap;

use domain::advisory::{Advisory, NoFixReason, Rating, Says, Statement, Target};
use domain::cve::{Catalogues, CveId, Document, KevCatalogue};
use domain::package::Ecosystem;
use domain::severity::{Severity, SeveritySource};

use crate::dice::Dice;
use crate::universe::{Source, System, Universe};

/// Advisories by key.
pub type Advisories = BTreeMap<String, Advisory>;

/// Draws advisories until they state at least so many rows.
pub fn draw(universe: &Universe, rows: usize, seed: u64) -> Advisories {
    let mut dice = Dice::new(seed);
    let mut advisories = Advisories::new();
    let mut stated = 0;
    let mut number = 0;
    while stated < rows {
        let (key, advisory) = one(&mut dice, universe, number);
        number += 1;
        stated += advisory.statements.len();
        advisories.insert(key, advisory);
    }
    advisories
}

/// Every 160th CVE is known to be exploited.
pub fn catalogues() -> Catalogues {
    let day = "2026-01-01".parse().expect("a date");
    let listed = (0..2_000).filter_map(|n| Some((cve(n * 160)?, day)));
    let document = Document {
        name: "generated".to_owned(),
        dated: day,
    };
    Catalogues {
        kev: Some(KevCatalogue::new(document, listed.collect())),
        epss: None,
    }
}

fn cve(number: usize) -> Option<CveId> {
    format!(
        "CVE-{}-{:05}",
        2015 + number / 50_000,
        10_000 + number % 50_000
    )
    .parse()
    .ok()
}

/// One advisory.
pub fn one(dice: &mut Dice, universe: &Universe, number: usize) -> (String, Advisory) {
    let system = dice.below(universe.systems.len());
    let own = &universe.systems[system];
    let sources = &universe.families[own.family];
    // The best of three: often released is often patched.
    let source = (0..3)
        .map(|_| dice.below(sources.len()))
        .max_by_key(|&at| sources[at].releases)
        .unwrap_or(0);
    let key = format!("{}/{number}", own.id.distribution());
    let mut advisory = Advisory::new(key.clone());
    advisory.cves = cve(number).into_iter().collect();
    let severity = match dice.below(100) {
        0..5 => Some(Severity::Critical),
        5..35 => Some(Severity::Important),
        35..80 => Some(Severity::Moderate),
        80..90 => Some(Severity::Low),
        _ => None,
    };
    advisory.rating = severity.map(|severity| Rating {
        severity,
        source: SeveritySource::Vendor,
        word: severity.word().to_owned(),
        cvss_tenths: None,
    });
    let named = &sources[source];
    if own.ecosystem == Ecosystem::Rpm {
        advisory.statements = erratum(dice, own, source, named);
    } else {
        let distribution = own.id.distribution();
        let releases = universe
            .systems
            .iter()
            .filter(|s| s.id.distribution() == distribution);
        advisory.statements = releases.map(|s| tracked(dice, s, source, named)).collect();
    }
    (key, advisory)
}

fn erratum(dice: &mut Dice, system: &System, source: usize, named: &Source) -> Vec<Statement> {
    let fixed = later(dice, &system.built[source].versions);
    let architectures = ["aarch64", "ppc64le", "s390x", "x86_64"];
    let statement = |name: &String| Statement {
        system: system.id.clone(),
        target: Target::Binary(name.parse().expect("generated names are names")),
        architectures: architectures
            .iter()
            .filter_map(|a| a.parse().ok())
            .collect(),
        module: None,
        cves: None,
        subscription: None,
        says: Says::FixedIn {
            introduced: None,
            fixed: fixed.parse().expect("generated versions are versions"),
        },
    };
    named.binaries.iter().map(statement).collect()
}

fn tracked(dice: &mut Dice, system: &System, source: usize, named: &Source) -> Statement {
    let fixed = later(dice, &system.built[source].versions);
    Statement {
        system: system.id.clone(),
        target: Target::Source(named.name.parse().expect("generated names are names")),
        architectures: Vec::new(),
        module: None,
        cves: None,
        subscription: None,
        says: match dice.below(100) {
            0..55 => Says::FixedIn {
                introduced: None,
                fixed: fixed.parse().expect("generated versions are versions"),
            },
            55..85 => Says::NoFix {
                reason: NoFixReason::Postponed,
                word: "postponed".to_owned(),
            },
            85..95 => Says::NotAffected {
                why: "vulnerable code not present".to_owned(),
            },
            _ => Says::Undetermined {
                word: "undetermined".to_owned(),
            },
        },
    }
}

/// One of the versions, the later ones more often.
fn later<'a>(dice: &mut Dice, versions: &'a [String]) -> &'a str {
    let at = dice.below(versions.len()).max(dice.below(versions.len()));
    &versions[at]
}
