//! Labels that people set on the results of scanners, for whole container images.
//!
//! A label names a binary package, its version and a CVE, and neither the system nor the source. So a
//! row counts only where its version says its system, and where a document at hand for that system
//! names the package (as a binary, or as a source, which is then the package's own) and the CVE. All
//! other rows are unknown, with what is missing, or left out because no system can be read at all.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::cve::CveId;
use domain::definitions::Definitions;
use domain::finding::FindingState;
use domain::judgement::Judgement;
use domain::release::SystemId;
use engine::assess::judge::Judge;

use super::{Installed, definitions, judged, rows};

/// The documents of the systems whose names stand in versions.
const FOLDERS: &[&str] = &[
    "alma",
    "alpine",
    "debian",
    "msrc/csaf",
    "msrc/cvrf",
    "msrc/vex",
    "oracle",
    "redhat",
    "rocky",
    "suse",
    "ubuntu",
    "updateinfo",
    "wolfi",
];

/// What came of the rows.
#[derive(Debug, Default)]
struct Sums {
    agree: usize,
    disagree: Vec<String>,
    unknown: BTreeMap<String, usize>,
    left_out: usize,
}

#[test]
fn labels_agree_where_documents_are_at_hand() {
    let Some(rows) = rows("scanner-labels.tsv") else {
        return;
    };
    let definitions = definitions(FOLDERS);
    let judge = Judge::new(&definitions);
    let said = Said::of(&definitions);
    let mut sums = Sums::default();
    for row in &rows {
        look(row, &judge, &said, &mut sums);
    }
    let unknown: usize = sums.unknown.values().sum();
    let judged = sums.agree + sums.disagree.len();
    eprintln!(
        "labels: {judged} judged ({} agree), {unknown} unknown, {} left out",
        sums.agree, sums.left_out
    );
    for (why, count) in &sums.unknown {
        eprintln!("{count:5} {why}");
    }
    assert_eq!(judged + unknown + sums.left_out, rows.len());
    // A change for the worse: a label that is contradicted, or one that is not judged any more.
    assert_eq!(sums.disagree, Vec::<String>::new());
    assert!(sums.agree >= AGREE_AT_LEAST, "{} agree", sums.agree);
    assert_eq!(sums.left_out, LEFT_OUT);
}

/// The rows that agreed when the figures of `docs/matching.md` were taken.
const AGREE_AT_LEAST: usize = 93;
/// The rows whose version says nothing of a system: packages of languages, mostly.
const LEFT_OUT: usize = 5_437;

/// Which systems' documents name a package with a CVE.
struct Said {
    names: HashMap<(String, CveId), BTreeSet<SystemId>>,
    systems: BTreeSet<SystemId>,
}

impl Said {
    fn of(definitions: &Definitions) -> Self {
        let mut said = Self {
            names: HashMap::new(),
            systems: BTreeSet::new(),
        };
        for advisory in &definitions.advisories {
            for statement in &advisory.value.statements {
                said.systems.insert(statement.system.clone());
                for cve in statement.cves.as_ref().unwrap_or(&advisory.value.cves) {
                    let name = statement.target.name().to_string();
                    let systems = said.names.entry((name, *cve)).or_default();
                    systems.insert(statement.system.clone());
                }
            }
        }
        said
    }
}

/// What a version says of its system: `os-release` id and version, the latter unknown for Alpine,
/// whose branch stands in no version.
fn system(version: &str) -> Option<(&'static str, Option<String>, &'static str)> {
    let digits_behind = |mark: &str| {
        let at = version.find(mark)? + mark.len();
        let digits: String = version[at..]
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        (!digits.is_empty()).then_some(digits)
    };
    let el = [".el", "+el", "_el"]
        .iter()
        .find_map(|mark| digits_behind(mark));
    if let Some(major) = el {
        return Some(("rhel", Some(major), "rpm"));
    }
    let deb = ["+deb", "~deb"].iter().find_map(|mark| digits_behind(mark));
    if let Some(major) = deb.filter(|major| version.contains(&format!("deb{major}u"))) {
        return Some(("debian", Some(major), "deb"));
    }
    for (mark, id) in [(".amzn", "amzn"), (".fc", "fedora"), (".cm", "mariner")] {
        if let Some(release) = digits_behind(mark) {
            return Some((id, Some(release), "rpm"));
        }
    }
    let release = version.find("ubuntu0.").and_then(|at| {
        let release = version.get(at + "ubuntu0.".len()..)?.get(..5)?;
        let (year, month) = release.split_once('.')?;
        let digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        (digits(year) && digits(month)).then(|| release.to_owned())
    });
    if let Some(release) = release {
        return Some(("ubuntu", Some(release), "deb"));
    }
    let (_, build) = version.rsplit_once("-r")?;
    let is_build = !build.is_empty() && build.bytes().all(|byte| byte.is_ascii_digit());
    is_build.then_some(("alpine", None, "apk"))
}

fn look(row: &[String], judge: &Judge<'_>, said: &Said, sums: &mut Sums) {
    let [_, package, version, _, cve, label] = row else {
        panic!("{row:?}");
    };
    let Some((id, release, ecosystem)) = system(version) else {
        sums.left_out += 1;
        return;
    };
    let mut unknown = |why: String| *sums.unknown.entry(why).or_default() += 1;
    let Ok(cve) = cve.parse::<CveId>() else {
        return unknown(format!("{id}: no CVE, and no document names the id"));
    };
    // An Alpine version fits every branch: only what all branches at hand say alike is said.
    let systems: Vec<SystemId> = match &release {
        Some(release) => SystemId::of_os_release(id, release, None),
        None => said
            .systems
            .iter()
            .filter(|system| system.distribution() == id)
            .cloned()
            .collect(),
    };
    let named = said.names.get(&(package.clone(), cve));
    let named: Vec<&SystemId> = systems
        .iter()
        .filter(|system| named.is_some_and(|named| named.contains(*system)))
        .collect();
    if named.is_empty() {
        let release = release.unwrap_or_else(|| "any branch".to_owned());
        let is_covered = systems.iter().any(|system| said.systems.contains(system));
        return unknown(if is_covered {
            format!("{id} {release}: no document at hand names the package with the CVE")
        } else {
            format!("{id} {release}: no document at hand")
        });
    }
    let mut answers: Vec<Option<bool>> = named
        .iter()
        .map(|system| {
            let installed = Installed {
                os: (id, system.release()),
                ecosystem,
                name: package,
                version,
                architecture: None,
                source: None,
                module: None,
            };
            is_affected(&judged(judge, &installed), cve)
        })
        .collect();
    answers.dedup();
    match answers[..] {
        [Some(affected)] if affected == (label == "1") => sums.agree += 1,
        [Some(affected)] => sums.disagree.push(format!("{row:?}: affected {affected}")),
        [None] => unknown(format!(
            "{id}: the package is of a module stream that cannot be told, or that no document names"
        )),
        _ => unknown(format!("{id}: the branches at hand differ")),
    }
}

/// Whether the lines about a CVE make the package affected; `None`: they do not tell.
fn is_affected(judgements: &[Judgement], cve: CveId) -> Option<bool> {
    let states: BTreeSet<FindingState> = judgements
        .iter()
        .filter(|judgement| judgement.cves.contains(&cve))
        .map(|judgement| judgement.state)
        .collect();
    let has = |state| states.contains(&state);
    if has(FindingState::Missing) || has(FindingState::NoFix) {
        Some(true)
    } else if has(FindingState::Unknown) {
        None
    } else if has(FindingState::Fixed) || has(FindingState::NotAffected) {
        Some(false)
    } else {
        None
    }
}
