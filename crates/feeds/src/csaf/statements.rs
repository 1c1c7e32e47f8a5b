//! What a vulnerability says of products, made into statements and merged.
//!
//! Products that differ in architecture only become one statement, and so do vulnerabilities that
//! say the same. A source package is left out where its binaries are listed beside it. A product
//! with statuses that contradict each other says nothing: it is reported as broken, not guessed.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use domain::advisory::{NoFixReason, Says, Statement, SystemId, Target};
use domain::cve::CveId;
use domain::name::Architecture;

use super::component::Component;
use super::model::{RemediationCategory, ThreatCategory, Vulnerability};
use super::tree::{Tree, short};
use crate::words::severity;

/// Longest reason or word that is kept, in characters.
const WORDS_MAX: usize = 200;

/// What a status says of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// `fixed`, `first_fixed`, `recommended`: the product is the version with the fix.
    Fixed,
    /// `known_affected`, `first_affected`.
    Affected,
    /// `last_affected`.
    LastAffected,
    /// `known_not_affected`.
    NotAffected,
    /// `under_investigation`.
    UnderInvestigation,
}

/// The groups of statuses that exclude each other. Source: CSAF 2.0, test 6.1.6; `recommended`
/// stands in none of its groups.
fn group(list: &str) -> Option<(Status, &'static str)> {
    Some(match list {
        "first_affected" | "known_affected" => (Status::Affected, "affected"),
        "last_affected" => (Status::LastAffected, "affected"),
        "first_fixed" | "fixed" => (Status::Fixed, "fixed"),
        "known_not_affected" => (Status::NotAffected, "not affected"),
        "under_investigation" => (Status::UnderInvestigation, "under investigation"),
        _ => return None,
    })
}

/// The statuses of a vulnerability's products, sorted, and the products with several that
/// contradict each other.
pub fn statuses(vulnerability: &Vulnerability) -> (Vec<(&str, Status)>, BTreeSet<&str>) {
    let mut groups: HashMap<&str, &'static str> = HashMap::new();
    let mut contradicting = BTreeSet::new();
    let mut all = Vec::new();
    let Some(status) = &vulnerability.product_status else {
        return (all, contradicting);
    };
    let lists = [
        ("first_affected", &status.first_affected),
        ("known_affected", &status.known_affected),
        ("last_affected", &status.last_affected),
        ("first_fixed", &status.first_fixed),
        ("fixed", &status.fixed),
        ("known_not_affected", &status.known_not_affected),
        ("under_investigation", &status.under_investigation),
    ];
    for (list, products) in lists {
        let Some((means, group)) = group(list) else {
            continue;
        };
        for id in products {
            if *groups.entry(id).or_insert(group) != group {
                contradicting.insert(id.as_str());
            }
            all.push((id.as_str(), means));
        }
    }
    // A recommended product has the fix, unless another list says what it is.
    let recommended = status.recommended.iter().map(String::as_str);
    all.extend(
        recommended
            .filter(|id| !groups.contains_key(id))
            .map(|id| (id, Status::Fixed)),
    );
    all.retain(|(id, _)| !contradicting.contains(id));
    all.sort_unstable();
    all.dedup();
    (all, contradicting)
}

/// Why products are affected without a fix, or not affected, by product.
pub struct Reasons<'v> {
    no_fix: HashMap<&'v str, (NoFixReason, String)>,
    workaround_only: HashSet<&'v str>,
    fixable: HashSet<&'v str>,
    not_affected: HashMap<&'v str, String>,
}

impl<'v> Reasons<'v> {
    /// Reads flags, remediations and impact statements.
    pub fn of<'t: 'v>(vulnerability: &'v Vulnerability, tree: &Tree<'t>) -> Self {
        let mut reasons = Self {
            no_fix: HashMap::new(),
            workaround_only: HashSet::new(),
            fixable: HashSet::new(),
            not_affected: HashMap::new(),
        };
        for remediation in &vulnerability.remediations {
            let products = tree.named(&remediation.product_ids, &remediation.group_ids);
            match remediation.category {
                RemediationCategory::VendorFix => reasons.fixable.extend(products),
                RemediationCategory::Workaround | RemediationCategory::Mitigation => {
                    reasons.workaround_only.extend(products);
                }
                RemediationCategory::NoFixPlanned | RemediationCategory::NoneAvailable => {
                    let planned = remediation.category == RemediationCategory::NoneAvailable;
                    let reason = no_fix_reason(planned, &remediation.details);
                    let word = words(&remediation.details);
                    for id in products {
                        reasons
                            .no_fix
                            .entry(id)
                            .or_insert_with(|| (reason, word.clone()));
                    }
                }
            }
        }
        for flag in &vulnerability.flags {
            for id in tree.named(&flag.product_ids, &flag.group_ids) {
                let label = flag.label.word().to_owned();
                reasons.not_affected.entry(id).or_insert(label);
            }
        }
        for threat in &vulnerability.threats {
            // An impact is either the vendor's word for severity or a statement in sentences.
            let sentence =
                threat.category == ThreatCategory::Impact && severity(&threat.details).is_none();
            if !sentence {
                continue;
            }
            for id in tree.named(&threat.product_ids, &threat.group_ids) {
                let why = words(&threat.details);
                reasons.not_affected.entry(id).or_insert(why);
            }
        }
        reasons
    }

    /// What a status says of a package; `None`: nothing that can be stated.
    pub fn says(&self, id: &str, status: Status, component: &Component) -> Option<Says> {
        let version = component.version.clone();
        Some(match (status, version) {
            (Status::Fixed, Some(fixed)) => Says::FixedIn {
                introduced: None,
                fixed,
            },
            (Status::Fixed, None) => Says::Undetermined {
                word: "fixed, without a version".to_owned(),
            },
            (Status::Affected, Some(version)) => Says::AffectedExactly {
                versions: vec![version],
                fixed: None,
            },
            (Status::LastAffected, Some(last)) => Says::AffectedUpTo {
                introduced: None,
                last,
            },
            (Status::Affected | Status::LastAffected, None) => self.without_version(id),
            (Status::NotAffected, _) => Says::NotAffected {
                why: self
                    .not_affected
                    .get(id)
                    .cloned()
                    .unwrap_or_else(|| "known_not_affected".to_owned()),
            },
            (Status::UnderInvestigation, _) => Says::Undetermined {
                word: "under_investigation".to_owned(),
            },
        })
    }

    fn without_version(&self, id: &str) -> Says {
        if let Some((reason, word)) = self.no_fix.get(id) {
            return Says::NoFix {
                reason: *reason,
                word: word.clone(),
            };
        }
        if self.fixable.contains(id) {
            // Affected, and fixed in a version that is not named: neither can be told of a device.
            return Says::Undetermined {
                word: "affected, fixed in a version that is not named".to_owned(),
            };
        }
        let word = if self.workaround_only.contains(id) {
            "known_affected, workaround"
        } else {
            "known_affected"
        };
        Says::NoFix {
            reason: NoFixReason::NotYet,
            word: word.to_owned(),
        }
    }
}

/// Why there is no fix, from the category and the vendor's words.
fn no_fix_reason(may_come: bool, details: &str) -> NoFixReason {
    let details = details.to_ascii_lowercase();
    let ended = [
        "out of support",
        "end of life",
        "end-of-life",
        "no longer supported",
    ];
    if ended.iter().any(|words| details.contains(words)) {
        NoFixReason::EndOfLife
    } else if !may_come || details.contains("will not fix") {
        NoFixReason::WillNotFix
    } else if details.contains("deferred") || details.contains("postponed") {
        NoFixReason::Postponed
    } else {
        NoFixReason::NotYet
    }
}

/// A vendor's words on one line, cut short.
pub fn words(text: &str) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if line.len() + word.len() >= WORDS_MAX {
            line.push('…');
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word.chars().filter(|c| domain::name::printable(*c)));
    }
    line
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    system: SystemId,
    target: Target,
    module: Option<String>,
    subscription: Option<String>,
    says: Says,
}

/// Which architectures a statement covers, by CVE.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Covered {
    all: bool,
    only: BTreeSet<Architecture>,
}

/// Statements being gathered over the vulnerabilities of a document.
#[derive(Debug, Default)]
pub struct Gathered {
    keys: BTreeMap<Key, BTreeMap<Option<CveId>, Covered>>,
}

impl Gathered {
    /// Adds what is said of a package.
    pub fn add(&mut self, cve: Option<CveId>, component: &Component, says: &Says) {
        for system in &component.systems {
            let name = component.name.clone();
            let key = Key {
                system: system.clone(),
                target: if component.source {
                    Target::Source(name)
                } else {
                    Target::Binary(name)
                },
                module: component.module.clone(),
                subscription: component.subscription.clone(),
                says: says.clone(),
            };
            let covered = self.keys.entry(key).or_default().entry(cve).or_default();
            match &component.architecture {
                None => covered.all = true,
                Some(architecture) if covered.only.contains(architecture) => {}
                Some(architecture) => {
                    covered.only.insert(architecture.clone());
                }
            }
        }
    }

    /// The statements; those about every one of `cves` say so by naming none.
    pub fn into_statements(mut self, cves: &[CveId]) -> Vec<Statement> {
        self.drop_covered_sources();
        let mut statements = Vec::with_capacity(self.keys.len());
        for (key, by_cve) in self.keys {
            let mut same: Vec<(Covered, Vec<CveId>)> = Vec::new();
            for (cve, covered) in by_cve {
                match same.iter_mut().find(|(other, _)| *other == covered) {
                    Some((_, list)) => list.extend(cve),
                    None => same.push((covered, cve.into_iter().collect())),
                }
            }
            for (covered, list) in same {
                let architectures = if covered.all {
                    Vec::new()
                } else {
                    covered.only.into_iter().collect()
                };
                statements.push(Statement {
                    system: key.system.clone(),
                    target: key.target.clone(),
                    architectures,
                    module: key.module.clone(),
                    cves: (list.len() < cves.len()).then_some(list),
                    subscription: key.subscription.clone(),
                    says: key.says.clone(),
                });
            }
        }
        statements
    }

    /// Leaves out source packages whose binaries are listed: with a version those of the same
    /// version and release, without one those whose names begin as the source's.
    fn drop_covered_sources(&mut self) {
        let mut versions: HashSet<(SystemId, String)> = HashSet::new();
        let mut names: BTreeSet<(SystemId, String)> = BTreeSet::new();
        for key in self.keys.keys() {
            if let Target::Binary(name) = &key.target {
                if let Some(version) = version_of(&key.says) {
                    versions.insert((key.system.clone(), version));
                }
                names.insert((key.system.clone(), name.as_str().to_owned()));
            }
        }
        self.keys.retain(|key, _| {
            let Target::Source(name) = &key.target else {
                return true;
            };
            match version_of(&key.says) {
                Some(version) => !versions.contains(&(key.system.clone(), version)),
                None => {
                    let begins = |prefix: String| {
                        let from = (key.system.clone(), prefix.clone());
                        names.range(from..).next().is_some_and(|(system, binary)| {
                            *system == key.system && binary.starts_with(&prefix)
                        })
                    };
                    let own = (key.system.clone(), name.as_str().to_owned());
                    !(names.contains(&own)
                        || begins(format!("{name}-"))
                        || begins(format!("lib{name}")))
                }
            }
        });
    }
}

/// The version that a statement turns on, without its epoch: that differs between packages.
fn version_of(says: &Says) -> Option<String> {
    let version = match says {
        Says::FixedIn { fixed, .. } => fixed,
        Says::AffectedUpTo { last, .. } => last,
        Says::AffectedExactly { versions, .. } => versions.first()?,
        Says::NoFix { .. } | Says::NotAffected { .. } | Says::Undetermined { .. } => return None,
    };
    let text = version.as_str();
    Some(
        text.split_once(':')
            .map_or(text, |(_, rest)| rest)
            .to_owned(),
    )
}

/// Describes a product with contradicting statuses.
pub fn contradiction(id: &str) -> String {
    format!(
        "`{}` has statuses that exclude each other (6.1.6)",
        short(id)
    )
}
