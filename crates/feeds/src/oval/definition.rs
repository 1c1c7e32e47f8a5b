//! One definition: its metadata, and the advisories that it becomes.
//!
//! A definition is one advisory, but for Ubuntu's package form, where a definition is a package and
//! each criterion a CVE: there every CVE is one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::advisory::{Advisory, NoFixReason, Says, Statement, Target};
use domain::cve::CveId;
use domain::feed::Feed;
use domain::name::{Architecture, Version};
use domain::severity::Classification;

use super::Notes;
use super::criteria::{Finding, Kind, Node};
use super::tests_of::{Library, each_child};
use crate::platform::{self, Platform};
use crate::refusal::Refusal;
use crate::rpm::{Module, module_by_title};
use crate::xml::{Element, Xml};
use crate::{when, words};

/// Most references, platforms, criteria and the like of one definition.
pub(super) const ITEMS_MAX: usize = 200_000;
/// Most statements that one definition may become.
const STATEMENTS_MAX: usize = 200_000;

/// A definition as it is written.
#[derive(Debug, Default)]
pub(super) struct Definition {
    pub id: String,
    class: String,
    title: String,
    platforms: Vec<String>,
    /// Source and id.
    references: Vec<(String, String)>,
    severity: String,
    issued: String,
    updated: String,
    cves: Vec<CveId>,
    cvss_tenths: Option<u8>,
    cpes: Vec<String>,
    /// What the vendor does, by component: `Will not fix`, `tar`.
    resolutions: Vec<(String, String)>,
    criteria: Option<Node>,
    items: usize,
}

impl Definition {
    /// Reads the `definition` element that just began.
    pub fn read(xml: &mut Xml<'_>, element: &Element<'_>) -> Result<Self, Refusal> {
        let mut definition = Self {
            id: element.attribute("id").unwrap_or_default(),
            class: element.attribute("class").unwrap_or_default(),
            ..Self::default()
        };
        each_child(xml, &mut |xml, element| match element.name() {
            "metadata" => definition.metadata(xml),
            "criteria" => {
                definition.criteria = Some(Node::read(xml, element, &mut definition.items)?);
                Ok(())
            }
            _ => xml.skip(),
        })?;
        Ok(definition)
    }

    fn metadata(&mut self, xml: &mut Xml<'_>) -> Result<(), Refusal> {
        each_child(xml, &mut |xml, element| {
            self.items += 1;
            match element.name() {
                _ if self.items > ITEMS_MAX => xml.skip()?,
                "title" => self.title = xml.text()?,
                "affected" => self.affected(xml)?,
                "reference" => {
                    let source = element.attribute("source").unwrap_or_default();
                    let id = element.attribute("ref_id").unwrap_or_default();
                    self.references.push((source, id));
                    xml.skip()?;
                }
                "advisory" | "debian" => self.advisory(xml)?,
                _ => xml.skip()?,
            }
            Ok(())
        })
    }

    fn affected(&mut self, xml: &mut Xml<'_>) -> Result<(), Refusal> {
        each_child(xml, &mut |xml, element| {
            self.items += 1;
            match element.name() {
                _ if self.items > ITEMS_MAX => xml.skip()?,
                "platform" => self.platforms.push(xml.text()?),
                _ => xml.skip()?,
            }
            Ok(())
        })
    }

    fn advisory(&mut self, xml: &mut Xml<'_>) -> Result<(), Refusal> {
        each_child(xml, &mut |xml, element| {
            self.items += 1;
            match element.name() {
                _ if self.items > ITEMS_MAX => xml.skip()?,
                "severity" => self.severity = xml.text()?,
                "issued" => {
                    self.issued = element.attribute("date").unwrap_or_default();
                    xml.skip()?;
                }
                "updated" => {
                    self.updated = element.attribute("date").unwrap_or_default();
                    xml.skip()?;
                }
                "date" => self.issued = xml.text()?,
                "cve" => {
                    let score = score(element);
                    self.cvss_tenths = self.cvss_tenths.max(score);
                    self.cves.extend(cve_in(&xml.text()?));
                }
                "affected_cpe_list" => each_child(xml, &mut |xml, _| {
                    self.items += 1;
                    match self.items > ITEMS_MAX {
                        true => xml.skip()?,
                        false => self.cpes.push(xml.text()?),
                    }
                    Ok(())
                })?,
                "affected" => each_child(xml, &mut |xml, element| {
                    let state = element.attribute("state").unwrap_or_default();
                    each_child(xml, &mut |xml, _| {
                        self.items += 1;
                        match self.items > ITEMS_MAX {
                            true => xml.skip()?,
                            false => self.resolutions.push((state.clone(), xml.text()?)),
                        }
                        Ok(())
                    })
                })?,
                _ => xml.skip()?,
            }
            Ok(())
        })
    }

    /// What it becomes.
    pub fn advisories(
        &self,
        feed: Feed,
        library: &Library,
        notes: &mut Notes,
    ) -> Result<Vec<Advisory>, String> {
        let outcome = match &self.criteria {
            Some(criteria) => criteria.findings(library),
            None => super::criteria::Outcome::default(),
        };
        if outcome.too_large || self.items > ITEMS_MAX {
            return Err("it says more of packages than is read".to_owned());
        }
        notes.platforms += u64::from(outcome.unknown_platform);
        notes.comments += u64::from(outcome.missing_test);
        let context = Context {
            definition: self,
            feed,
            platforms: self.all_platforms(),
            channel: self.red_hat_channel(feed),
        };
        let mut gathered: BTreeMap<Option<CveId>, Gathered> = BTreeMap::new();
        let by_package = self.is_by_package();
        for finding in &outcome.findings {
            let cve = by_package
                .then(|| in_brackets(&finding.comment))
                .flatten()
                .and_then(cve_in);
            let of = gathered.entry(cve).or_default();
            context.state(finding, of, notes)?;
        }
        if gathered.values().all(|of| of.statements.is_empty()) {
            notes.silent += 1;
        }
        if gathered.is_empty() {
            gathered.insert(None, Gathered::default());
        }
        let base = self.base(notes)?;
        let advisories = gathered.into_iter().map(|(cve, of)| {
            let mut advisory = base.clone();
            if let Some(cve) = cve {
                advisory.id = cve.to_string();
                advisory.cves = vec![cve];
            }
            advisory.statements = of.into_statements();
            advisory
        });
        Ok(advisories.collect())
    }

    /// The advisory without its statements.
    fn base(&self, notes: &mut Notes) -> Result<Advisory, String> {
        let mut cves = self.cves.clone();
        cves.extend(self.references.iter().flat_map(|(_, id)| cve_in(id)));
        cves.sort_unstable();
        cves.dedup();
        let mut advisory = Advisory::new(words::id(&self.advisory_id(&cves))?);
        advisory.title = words::line(&self.title);
        advisory.rating = words::rating(&self.severity, self.cvss_tenths);
        if advisory.rating.is_none() && !self.severity.is_empty() {
            notes.severity += 1;
        }
        let security = matches!(self.class.as_str(), "patch" | "vulnerability");
        advisory.classification = security.then_some(Classification::Security);
        advisory.published = when::timestamp(&self.issued);
        advisory.modified = when::timestamp(&self.updated);
        advisory.cves = cves;
        Ok(advisory)
    }

    /// The vendor's id of a patch; the CVE of a vulnerability; else the definition's id.
    fn advisory_id(&self, cves: &[CveId]) -> String {
        if self.class == "patch" {
            let of_vendor = self.references.iter().find(|(source, id)| {
                let other = ["cve", "bugzilla", "package", "mitre"];
                cve_in(id).is_none() && !other.contains(&source.to_ascii_lowercase().as_str())
            });
            if let Some((_, id)) = of_vendor {
                return id.clone();
            }
            let first = self.title.split_whitespace().next().unwrap_or_default();
            if ["DSA-", "DLA-"].iter().any(|mark| first.starts_with(mark)) {
                return first.to_owned();
            }
        }
        match cves {
            [cve] => cve.to_string(),
            _ => cve_in(&self.title).map_or_else(|| self.id.clone(), |cve| cve.to_string()),
        }
    }

    /// Whether it is about a package with all its CVEs.
    fn is_by_package(&self) -> bool {
        let mut sources = self.references.iter().map(|(source, _)| source.as_str());
        sources.any(|source| source == "Package")
    }

    fn all_platforms(&self) -> BTreeSet<Platform> {
        let names = self.platforms.iter();
        names.filter_map(|name| platform::named(name)).collect()
    }

    /// The extended channel that a definition of Red Hat is for, by its platforms (CPE).
    fn red_hat_channel(&self, feed: Feed) -> Option<Platform> {
        if feed != Feed::RedhatOval
            || self
                .cpes
                .iter()
                .any(|cpe| cpe.contains(":enterprise_linux:"))
        {
            return None;
        }
        self.cpes.iter().find_map(|cpe| {
            // `cpe:/o:redhat:rhel_eus:9.2::baseos`
            let mut parts = cpe.split(':').skip_while(|part| !part.starts_with("rhel_"));
            let channel = parts.next()?.strip_prefix("rhel_")?;
            let release = parts.next()?;
            platform::named(&format!("rhel {release} {channel} {release}"))
        })
    }

    /// The vendor's word for a package that is not fixed; `None`: none for certain.
    fn resolution(&self, package: &str) -> Option<&str> {
        let of_package = self.resolutions.iter().find(|(_, component)| {
            component.rsplit('/').next() == Some(package) || component == package
        });
        if let Some((state, _)) = of_package {
            return Some(state);
        }
        let (first, _) = self.resolutions.first()?;
        let same = self.resolutions.iter().all(|(state, _)| state == first);
        same.then_some(first)
    }
}

/// What findings of one definition are read with.
struct Context<'a> {
    definition: &'a Definition,
    feed: Feed,
    platforms: BTreeSet<Platform>,
    channel: Option<Platform>,
}

impl Context<'_> {
    fn state(
        &self,
        finding: &Finding,
        into: &mut Gathered,
        notes: &mut Notes,
    ) -> Result<(), String> {
        let package = &finding.package;
        let name = package.parse().map_err(|error| format!("{error}"))?;
        let Some(says) = self.says(finding)? else {
            return Ok(());
        };
        let module = match (&finding.scope.module, &finding.finding) {
            (Some(stream), _) => Module::Stream(stream.clone()),
            (None, Kind::Before(version)) => module_by_title(version, &self.definition.title),
            (None, _) => Module::No,
        };
        let module = match module {
            Module::No => None,
            Module::Stream(stream) => Some(words::id(&stream)?),
            Module::Unnamed => {
                notes.streams += 1;
                return Ok(());
            }
        };
        // Debian names source packages, although the test looks like one of binaries.
        let target = match self.feed {
            Feed::DebianOval => Target::Source(name),
            _ => Target::Binary(name),
        };
        let platforms = match (&self.channel, &finding.scope.platforms) {
            (Some(channel), _) => &BTreeSet::from([channel.clone()]),
            (None, Some(platforms)) => platforms,
            (None, None) => &self.platforms,
        };
        for platform in platforms {
            let statement = Statement {
                system: platform.system.clone(),
                target: target.clone(),
                architectures: Vec::new(),
                module: module.clone(),
                cves: None,
                subscription: platform.subscription.clone(),
                says: says.clone(),
            };
            into.add(statement, finding.scope.architectures.as_ref())?;
        }
        Ok(())
    }

    /// What is said of versions; `None`: nothing that can be told.
    fn says(&self, finding: &Finding) -> Result<Option<Says>, String> {
        let unaffected = self
            .definition
            .id
            .starts_with("oval:com.redhat.unaffected:");
        match &finding.finding {
            Kind::NotAffected => Ok(Some(not_affected())),
            Kind::Before(version) => self.before(version).map(Some),
            Kind::Installed if unaffected => Ok(Some(not_affected())),
            Kind::Installed => Ok(self.installed(finding)),
        }
    }

    fn before(&self, version: &str) -> Result<Says, String> {
        let of_deb = matches!(self.feed, Feed::DebianOval | Feed::UbuntuOval);
        let version = version.trim();
        let version = match version.strip_prefix("0:") {
            Some(rest) if of_deb => rest,
            _ => version,
        };
        // Debian's tracker writes the version 0 for "never affected in this release".
        if of_deb && version == "0" {
            return Ok(not_affected());
        }
        let fixed: Version = version.parse().map_err(|error| format!("{error}"))?;
        Ok(Says::FixedIn {
            introduced: None,
            fixed,
        })
    }

    /// What is said of a package that is affected without a version.
    fn installed(&self, finding: &Finding) -> Option<Says> {
        if self.definition.class != "vulnerability" {
            return None;
        }
        match self.feed {
            Feed::RedhatOval => {
                let word = self.definition.resolution(&finding.package)?;
                Some(by_resolution(word))
            }
            Feed::UbuntuOval => Some(by_sentence(&finding.comment)),
            Feed::SuseOval => Some(Says::NoFix {
                reason: NoFixReason::NotYet,
                word: "affected".to_owned(),
            }),
            // The others list only what is fixed.
            _ => None,
        }
    }
}

fn not_affected() -> Says {
    Says::NotAffected {
        why: "the vendor states that the package is not affected".to_owned(),
    }
}

/// Red Hat's words for what it does. Source: access.redhat.com, "affected packages state".
fn by_resolution(word: &str) -> Says {
    let reason = match word.trim().to_ascii_lowercase().as_str() {
        "affected" => NoFixReason::NotYet,
        "fix deferred" => NoFixReason::Postponed,
        "will not fix" => NoFixReason::WillNotFix,
        "out of support scope" => NoFixReason::EndOfLife,
        "not affected" => return not_affected(),
        _ => {
            return Says::Undetermined {
                word: words::line(word),
            };
        }
    };
    Says::NoFix {
        reason,
        word: words::line(word),
    }
}

/// Ubuntu's sentences for what is not fixed. Source: the comments of Canonical's own documents.
fn by_sentence(comment: &str) -> Says {
    let says = |reason: NoFixReason, word: &str| Says::NoFix {
        reason,
        word: word.to_owned(),
    };
    let comment = comment.to_ascii_lowercase();
    let has = |words: &str| comment.contains(words);
    if has("not affected") || has("not vulnerable") {
        not_affected()
    } else if has("might be affected") || has("needs to be evaluated") {
        Says::Undetermined {
            word: "needs-triage".to_owned(),
        }
    } else if has("end of life") || has("end-of-life") || has("no longer supported") {
        says(NoFixReason::EndOfLife, "end of life")
    } else if has("defer") {
        says(NoFixReason::Postponed, "deferred")
    } else if has("ignore") || has("will not") || has("won't") {
        says(NoFixReason::WillNotFix, "ignored")
    } else if has("pending") {
        says(NoFixReason::NotYet, "pending")
    } else if has("needs fixing") || has("is affected") {
        says(NoFixReason::NotYet, "needed")
    } else {
        Says::Undetermined {
            word: words::line(&comment),
        }
    }
}

/// Statements, each once, with their architectures.
#[derive(Debug, Default)]
struct Gathered {
    statements: Vec<(Statement, Option<BTreeSet<Architecture>>)>,
    places: HashMap<String, usize>,
}

impl Gathered {
    fn add(
        &mut self,
        statement: Statement,
        architectures: Option<&BTreeSet<Architecture>>,
    ) -> Result<(), String> {
        let key = format!("{statement:?}");
        if let Some(place) = self.places.get(&key) {
            let known = &mut self.statements[*place].1;
            match (known.as_mut(), architectures) {
                (Some(known), Some(more)) => known.extend(more.iter().cloned()),
                (Some(_), None) => *known = None,
                (None, _) => {}
            }
            return Ok(());
        }
        if self.statements.len() >= STATEMENTS_MAX {
            return Err(format!("it says more than {STATEMENTS_MAX} things"));
        }
        self.places.insert(key, self.statements.len());
        self.statements.push((statement, architectures.cloned()));
        Ok(())
    }

    fn into_statements(self) -> Vec<Statement> {
        let with = |(mut statement, architectures): (Statement, Option<BTreeSet<_>>)| {
            statement.architectures = architectures.into_iter().flatten().collect();
            statement
        };
        self.statements.into_iter().map(with).collect()
    }
}

/// The CVE's id that is a word of the text: `Mitre CVE-1999-0077`, `CVE-1999-0195 at NVD`.
fn cve_in(text: &str) -> Option<CveId> {
    text.split_whitespace().find_map(|word| word.parse().ok())
}

/// What stands in brackets at the beginning: `(CVE-2023-48795) libssh package …`.
fn in_brackets(comment: &str) -> Option<&str> {
    let (inside, _) = comment.trim().strip_prefix('(')?.split_once(')')?;
    Some(inside)
}

/// The score in `7.0/CVSS:3.1/AV:L/…` or of its own attribute.
fn score(element: &Element<'_>) -> Option<u8> {
    let of = |name: &str| {
        let text = element.attribute(name)?;
        words::tenths(text.split('/').next()?)
    };
    of("cvss3")
        .or_else(|| of("cvss_score"))
        .or_else(|| of("cvss2"))
}
