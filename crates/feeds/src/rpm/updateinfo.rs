//! `updateinfo.xml`: the updates of a repository.
//!
//! A CVE is taken from a reference whose id is one, whatever the reference's type says: Fedora marks
//! bug trackers as CVEs. An update's identity is its id with its version, because SUSE repeats ids
//! with rising versions. Source packages are passed over where binaries are listed.

use domain::advisory::{Advisory, AfterInstall, Target};
use domain::feed::Feed;
use domain::name::PackageName;
use domain::release::SystemId;

use super::fixes::{Fix, Fixes, full_version, short};
use crate::format::{Parsed, RECORDS_MAX, Record, Sink};
use crate::platform::{self, Platform};
use crate::refusal::Refusal;
use crate::seen::SeenIds;
use crate::xml::{Element, Event, Xml};
use crate::{when, words};

/// Most packages, and most references, of one update.
const LISTED_MAX: usize = 100_000;

/// The distribution of the system that stands for "which one cannot be said"; no device has it.
pub(super) const UNNAMED: (&str, &str) = ("rpm", "unnamed");

/// Reads a document.
pub(super) fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let mut xml = Xml::new(bytes)?;
    let mut parsed = Parsed::new(Feed::Updateinfo);
    let mut seen = SeenIds::default();
    let mut notes = Notes::default();
    let mut read = 0_u64;
    loop {
        match xml.next()? {
            Event::Start(element) if element.name() == "update" && xml.depth() == 2 => {
                read += 1;
                if read > RECORDS_MAX {
                    return Err(Refusal::TooMany {
                        what: "updates",
                        limit: RECORDS_MAX,
                    });
                }
                let place = format!("update {read}");
                let update = Update::read(&mut xml, &element)?;
                let place = match update.id.is_empty() {
                    true => place,
                    false => short(&update.id),
                };
                if !update.id.is_empty() && !seen.first(&[&update.id, &update.version]) {
                    sink.broken(
                        &place,
                        "an update with this id and version was read already",
                    );
                    continue;
                }
                match update.advisory(&mut notes) {
                    Ok(advisory) => {
                        parsed.records += 1;
                        sink.record(Record::Advisory(Box::new(advisory)));
                    }
                    Err(why) => sink.broken(&place, &why),
                }
            }
            Event::Start(_) | Event::End | Event::Text(_) => {}
            Event::Done => break,
        }
    }
    parsed.notes = notes.sentences();
    Ok(parsed)
}

/// What is worth a note, counted.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Updates whose system cannot be said.
    pub unnamed: u64,
    /// Updates whose severity is in no table.
    pub severity: u64,
    /// Packages of modules whose stream is not named.
    pub streams: u64,
}

impl Notes {
    pub(super) fn sentences(&self) -> Vec<String> {
        let mut all = Vec::new();
        let mut say = |count: u64, what: &str| {
            if count > 0 {
                all.push(format!("{count} {what}"));
            }
        };
        say(
            self.unnamed,
            "updates name no system for certain: they match no device",
        );
        say(
            self.severity,
            "updates have a severity word that is not known",
        );
        say(
            self.streams,
            "packages belong to a module whose stream is not named: nothing is said of them",
        );
        all
    }
}

/// An update as it is written.
#[derive(Debug, Default)]
struct Update {
    id: String,
    version: String,
    kind: String,
    status: String,
    title: String,
    severity: String,
    release: String,
    issued: String,
    updated: String,
    references: Vec<String>,
    after: AfterInstall,
    collections: Vec<Collection>,
    packages: usize,
}

/// A collection of packages: a repository or a module.
#[derive(Debug, Default)]
struct Collection {
    short: String,
    name: String,
    module: Option<String>,
    packages: Vec<Package>,
}

#[derive(Debug, Default)]
struct Package {
    name: String,
    epoch: Option<String>,
    version: String,
    release: String,
    architecture: String,
}

fn attribute(element: &Element<'_>, name: &str) -> String {
    element.attribute(name).unwrap_or_default()
}

impl Update {
    fn read(xml: &mut Xml<'_>, element: &Element<'_>) -> Result<Self, Refusal> {
        let mut update = Self {
            version: attribute(element, "version"),
            kind: attribute(element, "type"),
            status: attribute(element, "status"),
            ..Self::default()
        };
        let outside = xml.depth() - 1;
        while xml.depth() > outside {
            let Event::Start(element) = xml.next()? else {
                continue;
            };
            match element.name() {
                "id" => update.id = xml.text()?,
                "title" => update.title = xml.text()?,
                "severity" => update.severity = xml.text()?,
                "release" => update.release = xml.text()?,
                "issued" => update.issued = attribute(&element, "date"),
                "updated" => update.updated = attribute(&element, "date"),
                "reference" if update.references.len() < LISTED_MAX => {
                    update.references.extend(element.attribute("id"));
                }
                "collection" => {
                    let collection = update.collection(xml, &element)?;
                    update.collections.push(collection);
                }
                "references" | "reference" | "pkglist" => {}
                name => match after_install(name) {
                    Some(after) => update.follow(&xml.text()?, after),
                    None => xml.skip()?,
                },
            }
        }
        Ok(update)
    }

    fn collection(
        &mut self,
        xml: &mut Xml<'_>,
        element: &Element<'_>,
    ) -> Result<Collection, Refusal> {
        let mut collection = Collection {
            short: attribute(element, "short"),
            ..Collection::default()
        };
        let outside = xml.depth() - 1;
        while xml.depth() > outside {
            let Event::Start(element) = xml.next()? else {
                continue;
            };
            match element.name() {
                "name" => collection.name = xml.text()?,
                "module" => {
                    let name = attribute(&element, "name");
                    let stream = attribute(&element, "stream");
                    collection.module = Some(format!("{name}:{stream}"));
                }
                "package" if self.packages >= LISTED_MAX => {
                    self.packages += 1;
                    xml.skip()?;
                }
                "package" => {
                    self.packages += 1;
                    collection.packages.push(Package {
                        name: attribute(&element, "name"),
                        epoch: element.attribute("epoch"),
                        version: attribute(&element, "version"),
                        release: attribute(&element, "release"),
                        architecture: attribute(&element, "arch"),
                    });
                    self.flags_of_package(xml)?;
                }
                _ => xml.skip()?,
            }
        }
        Ok(collection)
    }

    fn flags_of_package(&mut self, xml: &mut Xml<'_>) -> Result<(), Refusal> {
        let outside = xml.depth() - 1;
        while xml.depth() > outside {
            let Event::Start(element) = xml.next()? else {
                continue;
            };
            match after_install(element.name()) {
                Some(after) => self.follow(&xml.text()?, after),
                None => xml.skip()?,
            }
        }
        Ok(())
    }

    /// Takes a flag: an empty element says yes, as libzypp and createrepo_c read it.
    fn follow(&mut self, value: &str, after: AfterInstall) {
        let no = ["0", "false", "no"];
        if !no.contains(&value.to_ascii_lowercase().as_str()) {
            self.after = self.after.max(after);
        }
    }

    fn advisory(&self, notes: &mut Notes) -> Result<Advisory, String> {
        if self.packages > LISTED_MAX {
            return Err(format!("it lists more than {LISTED_MAX} packages"));
        }
        let mut advisory = Advisory::new(words::id(&self.id)?);
        advisory.title = words::line(&self.title);
        let mut cves: Vec<_> = self.references.iter().flat_map(|id| id.parse()).collect();
        cves.sort_unstable();
        cves.dedup();
        advisory.cves = cves;
        advisory.rating = words::rating(&self.severity, None);
        if advisory.rating.is_none() && !self.severity.is_empty() {
            notes.severity += 1;
        }
        advisory.classification = words::classification(&self.kind);
        advisory.published = when::timestamp(&self.issued);
        advisory.modified = when::timestamp(&self.updated);
        // SUSE takes an update back so; it stays in the repository.
        advisory.withdrawn = self.status == "retracted";
        advisory.after = self.after;
        let mut fixes = Fixes::default();
        let mut unnamed = false;
        let mut packages = self.collections.iter().flat_map(|of| &of.packages);
        let only_sources = packages.all(Package::is_source);
        for collection in &self.collections {
            for package in &collection.packages {
                if package.is_source() && !only_sources {
                    continue;
                }
                let platform = self.platform(collection, package);
                unnamed |= platform.is_none();
                match package.fix(platform, self.module_of(collection, package))? {
                    Some((fix, architecture)) => fixes.add(fix, architecture),
                    None => notes.streams += 1,
                }
            }
        }
        notes.unnamed += u64::from(unnamed);
        advisory.statements = fixes.into_statements();
        Ok(advisory)
    }

    /// The system that a package of a collection is for; `None`: it cannot be said for certain.
    fn platform(&self, collection: &Collection, package: &Package) -> Option<Platform> {
        let publisher = platform::publisher(&self.id);
        let names = [&collection.short, &collection.name, &self.release];
        let named =
            names
                .iter()
                .find_map(|name| platform::named(name))
                .or_else(|| match publisher {
                    Some("sles" | "opensuse-leap") => platform::named(&self.id),
                    _ => None,
                });
        if let Some(named) = named {
            let fits = publisher.is_none_or(|publisher| fits(publisher, &named.system));
            return fits.then_some(named);
        }
        let system = platform::of_dist_tag(&package.release, publisher)?;
        let fits = publisher.is_none_or(|publisher| fits(publisher, &system));
        fits.then_some(Platform {
            system,
            subscription: None,
        })
    }

    fn module_of(&self, collection: &Collection, package: &Package) -> Module {
        let title = &self.title;
        match &collection.module {
            Some(module) => Module::Stream(module.clone()),
            None => module_by_title(&package.release, title),
        }
    }
}

/// Whether a publisher's mark and a system that is named go together.
fn fits(publisher: &str, system: &SystemId) -> bool {
    let distribution = system.distribution();
    match publisher {
        "rhel" => distribution.starts_with("rhel"),
        "sles" | "opensuse-leap" => {
            distribution.starts_with("sle") || distribution.starts_with("opensuse")
        }
        other => distribution == other,
    }
}

/// The module that a package belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Module {
    /// To none.
    No,
    /// To this stream.
    Stream(String),
    /// To one that is not named.
    Unnamed,
}

/// The module of a package whose document names it only in the title: Red Hat and its rebuilds begin
/// it with the stream (`Moderate: mariadb:10.3 security update`).
pub(crate) fn module_by_title(release: &str, title: &str) -> Module {
    // The mark that the build system gives to packages of modules, and to no others.
    if !release.contains("module+el") && !release.contains("module_el") {
        return Module::No;
    }
    let mut streams: Vec<&str> = title
        .split([' ', ',', ';', '(', ')'])
        .filter(|word| {
            word.split_once(':').is_some_and(|(name, stream)| {
                let of_stream = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
                !stream.is_empty()
                    && stream.chars().all(of_stream)
                    && name.chars().all(of_stream)
                    && name.starts_with(|c: char| c.is_ascii_alphabetic())
                    && platform::publisher(name).is_none()
            })
        })
        .collect();
    streams.sort_unstable();
    streams.dedup();
    match streams[..] {
        [stream] => Module::Stream(stream.to_owned()),
        _ => Module::Unnamed,
    }
}

impl Package {
    fn is_source(&self) -> bool {
        matches!(self.architecture.as_str(), "src" | "nosrc")
    }

    /// What it says; `None`: nothing, because its module's stream is not named.
    fn fix(
        &self,
        platform: Option<Platform>,
        module: Module,
    ) -> Result<Option<(Fix, Option<domain::name::Architecture>)>, String> {
        let name: PackageName = self.name.parse().map_err(|error| format!("{error}"))?;
        let epoch = self.epoch.as_deref();
        let fixed = full_version(epoch, &self.version, &self.release)
            .map_err(|why| format!("package {name}: {why}"))?;
        let architecture = match self.architecture.as_str() {
            "" | "src" | "nosrc" => None,
            text => Some(text.parse().map_err(|error| format!("{error}"))?),
        };
        let module = match module {
            Module::No => None,
            Module::Stream(stream) => Some(words::id(&stream)?),
            Module::Unnamed => return Ok(None),
        };
        let (system, subscription) = match platform {
            Some(platform) => (platform.system, platform.subscription),
            None => (SystemId::new(UNNAMED.0, UNNAMED.1), None),
        };
        let target = match self.is_source() {
            true => Target::Source(name),
            false => Target::Binary(name),
        };
        let fix = Fix {
            system,
            target,
            module,
            subscription,
            fixed,
        };
        Ok(Some((fix, architecture)))
    }
}

fn after_install(element: &str) -> Option<AfterInstall> {
    match element {
        "reboot_suggested" => Some(AfterInstall::Reboot),
        "restart_suggested" => Some(AfterInstall::Restart),
        "relogin_suggested" => Some(AfterInstall::Relogin),
        _ => None,
    }
}
