//! Queries over devices as operations on sets: two sets a node, certainly true and not known.
//!
//! A term is asked once per distinct value (client, site, set of tags, system, set of severities), not
//! per device, by the evaluator of the language itself. Fields that the index does not hold are an
//! error that names the field; the caller then asks each device.

use std::borrow::Cow;

use domain::package::Ecosystem;
use domain::query::{
    Condition, Elapsed, Expr, Fact, Field, Os, PackagePattern, PackageVersion, Query, Subject,
    SubjectKind, Term, Truth, Values,
};
use domain::severity::Severity;
use jiff::{SignedDuration, Timestamp};
use roaring::RoaringBitmap;

use super::FleetIndex;
use super::advisory::{SLOT_NOT_RATED, SLOT_UNKNOWN};
use super::bits::Bits;
use super::text::NONE;

/// A query that the index cannot answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unanswerable {
    /// It asks for a field that the index does not hold.
    #[error("the fleet index does not hold `{}`", .0.name())]
    Field(Field),
    /// It looks for words in names, which the index does not hold.
    #[error("the fleet index does not hold the names of devices")]
    Names,
}

/// Where something certainly holds, and where it is not known.
struct Sets {
    yes: Bits,
    unknown: Bits,
}

impl FleetIndex {
    /// The devices that a query certainly matches.
    ///
    /// # Errors
    /// [`Unanswerable`], for a field that the index does not hold.
    pub fn select(&self, query: &Query, now: Timestamp) -> Result<RoaringBitmap, Unanswerable> {
        Ok(self.evaluate(query.expr(), now)?.yes.compressed())
    }

    fn evaluate(&self, expr: &Expr, now: Timestamp) -> Result<Sets, Unanswerable> {
        match expr {
            Expr::All(parts) => {
                let mut sets = Sets {
                    yes: self.alive(),
                    unknown: Bits::new(self.devices.bound()),
                };
                for part in parts {
                    sets.and(&self.evaluate(part, now)?);
                }
                Ok(sets)
            }
            Expr::Not(part) => {
                let sets = self.evaluate(part, now)?;
                let mut yes = self.alive();
                yes.subtract(&sets.yes);
                yes.subtract(&sets.unknown);
                Ok(Sets {
                    yes,
                    unknown: sets.unknown,
                })
            }
            Expr::Term(term) => self.term(term, now),
        }
    }

    fn alive(&self) -> Bits {
        let mut alive = Bits::new(self.devices.bound());
        for (device, _) in self.devices.alive.iter().enumerate().filter(|(_, a)| **a) {
            alive.set(device as u32);
        }
        alive
    }

    fn term(&self, term: &Term, now: Timestamp) -> Result<Sets, Unanswerable> {
        let Some(field) = term.field() else {
            return Err(Unanswerable::Names);
        };
        let devices = &self.devices;
        let ask = |value: &Value<'_>| term.evaluate(value, now);
        match field {
            Field::Client => {
                let all = 0..devices.clients.all.len() as u32;
                let truths: Vec<Truth> = all.map(|c| ask(&self.client_value(c))).collect();
                Ok(self.by(|device| truths[devices.client[device] as usize]))
            }
            Field::Site => {
                let sites = 0..devices.sites.all.len();
                let truths: Vec<Truth> = sites.map(|site| ask(&self.site_value(site))).collect();
                Ok(self.by(|device| truths[devices.site[device] as usize]))
            }
            Field::Tag => {
                let sets = devices.tag_sets.all.iter();
                let truths: Vec<Truth> = sets
                    .map(|tags| {
                        let texts = tags.iter().map(|tag| tag.as_str()).collect();
                        ask(&Value::texts(texts, true))
                    })
                    .collect();
                Ok(self.by(|device| truths[devices.tags[device] as usize]))
            }
            Field::Os => {
                let truths: Vec<Truth> = devices
                    .systems
                    .all
                    .iter()
                    .map(|os| {
                        let os = Os {
                            id: &os.id,
                            version: os.version.as_deref(),
                            codename: os.codename.as_deref(),
                        };
                        ask(&Value {
                            os: Fact::Known(os),
                            ..Value::default()
                        })
                    })
                    .collect();
                let none = ask(&Value::default());
                Ok(self.by(|device| match devices.os[device] {
                    NONE => none,
                    os => truths[os as usize],
                }))
            }
            Field::Seen => Ok(self.seen_term(term, now)),
            Field::Missing => Ok(self.missing_term(term, now)),
            Field::Package => Ok(self.package_term(term, now)),
            Field::Device
            | Field::Product
            | Field::Patch
            | Field::Severity
            | Field::Cve
            | Field::Kev
            | Field::Origin
            | Field::State
            | Field::Age => Err(Unanswerable::Field(field)),
        }
    }

    fn client_value(&self, client: u32) -> Value<'_> {
        let name = self.devices.client_names[client as usize].as_str();
        Value {
            client: name,
            id: Some(self.devices.clients.all[client as usize].to_string()),
            ..Value::texts(vec![name], true)
        }
    }

    fn site_value(&self, site: usize) -> Value<'_> {
        let client = self.devices.site_clients[site] as usize;
        Value {
            client: self.devices.client_names[client].as_str(),
            id: Some(self.devices.sites.all[site].to_string()),
            ..Value::texts(vec![self.devices.site_names[site].as_str()], true)
        }
    }

    /// The sets of a term whose truth is known per device.
    fn by(&self, truth: impl Fn(usize) -> Truth) -> Sets {
        let mut sets = Sets {
            yes: Bits::new(self.devices.bound()),
            unknown: Bits::new(self.devices.bound()),
        };
        for device in 0..self.devices.bound() {
            if !self.devices.alive[device] {
                continue;
            }
            match truth(device) {
                Truth::Yes => sets.yes.set(device as u32),
                Truth::Unknown => sets.unknown.set(device as u32),
                Truth::No => {}
            }
        }
        sets
    }

    fn seen_term(&self, term: &Term, now: Timestamp) -> Sets {
        let compared = match term.condition() {
            Condition::Elapsed(comparison, bound) => Some((*comparison, Elapsed::duration(*bound))),
            Condition::Present
            | Condition::Text(_)
            | Condition::Choice(_)
            | Condition::Order(..)
            | Condition::Os(_)
            | Condition::Packages(_) => None,
        };
        self.by(|device| match (self.devices.seen[device], compared) {
            (None, _) => Truth::No,
            (Some(_), None) => Truth::Yes,
            (Some(seen), Some((comparison, bound))) => {
                let elapsed = now.duration_since(seen).max(SignedDuration::ZERO);
                comparison.allows(elapsed.cmp(&bound)).into()
            }
        })
    }

    /// Devices by the severities that are missing on them: asked once per set of severities.
    fn missing_term(&self, term: &Term, now: Timestamp) -> Sets {
        const OPEN: usize = 1 << 5;
        let truths: Vec<Truth> = (0..OPEN * 2)
            .map(|mask| {
                let words = Severity::ALL
                    .iter()
                    .filter(|severity| mask & (1 << **severity as usize) != 0)
                    .map(|severity| severity.word())
                    .collect();
                term.evaluate(&Value::texts(words, mask & OPEN == 0), now)
            })
            .collect();
        self.by(|device| {
            if !self.devices.reported[device] {
                return truths[OPEN];
            }
            let counts = &self.devices.counts[device];
            let mut mask = 0;
            for severity in Severity::ALL {
                mask |= usize::from(counts[*severity as usize] > 0) << *severity as usize;
            }
            if counts[SLOT_NOT_RATED] > 0 || counts[SLOT_UNKNOWN] > 0 {
                mask |= OPEN;
            }
            truths[mask]
        })
    }

    fn package_term(&self, term: &Term, now: Timestamp) -> Sets {
        if let Condition::Packages(patterns) = term.condition() {
            return self.version_term(patterns);
        }
        let mut sets = Sets {
            yes: Bits::new(self.devices.bound()),
            unknown: Bits::new(self.devices.bound()),
        };
        for shard in &self.shards {
            let mut rows = Vec::new();
            for (&name, of_name) in &shard.by_name {
                let value = Value::texts(vec![self.texts.get(name)], true);
                if term.evaluate(&value, now) == Truth::Yes {
                    rows.extend_from_slice(of_name);
                }
            }
            for (row, &package) in shard.rows.iter().enumerate() {
                let kbs = self.packages.level(package).map(|level| {
                    level
                        .kbs
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                });
                let fits = kbs.is_some_and(|kbs| {
                    let texts = kbs.iter().map(String::as_str).collect();
                    term.evaluate(&Value::texts(texts, true), now) == Truth::Yes
                });
                if fits {
                    rows.push(row as u32);
                }
            }
            if !rows.is_empty() {
                shard.devices(&rows, &self.devices.template, &mut sets.yes);
            }
        }
        for device in 0..self.devices.bound() {
            if self.devices.alive[device] && !self.devices.reported[device] {
                sets.unknown.set(device as u32);
            }
        }
        sets
    }
}

impl FleetIndex {
    /// Devices with a package whose version stands so: asked once per distinct row.
    fn version_term(&self, patterns: &[PackagePattern]) -> Sets {
        let bound = self.devices.bound();
        let mut sets = Sets {
            yes: Bits::new(bound),
            unknown: Bits::new(bound),
        };
        for shard in &self.shards {
            let (mut yes, mut unknown) = (Vec::new(), Vec::new());
            for (row, &package) in shard.rows.iter().enumerate() {
                let truth = patterns
                    .iter()
                    .map(|pattern| self.fits(package, pattern))
                    .max();
                match truth {
                    Some(Truth::Yes) => yes.push(row as u32),
                    Some(Truth::Unknown) => unknown.push(row as u32),
                    Some(Truth::No) | None => {}
                }
            }
            if !yes.is_empty() {
                shard.devices(&yes, &self.devices.template, &mut sets.yes);
            }
            if !unknown.is_empty() {
                shard.devices(&unknown, &self.devices.template, &mut sets.unknown);
            }
        }
        for device in 0..bound {
            if self.devices.alive[device] && !self.devices.reported[device] {
                sets.unknown.set(device as u32);
            }
        }
        sets.unknown.subtract(&sets.yes);
        sets
    }

    fn fits(&self, package: u32, pattern: &PackagePattern) -> Truth {
        let ask = |ecosystem, name: &str, version| {
            pattern.fits(&PackageVersion {
                ecosystem,
                name: Cow::Borrowed(name),
                version,
            })
        };
        match self.packages.level(package) {
            // An update of Windows has no version of its own.
            Some(level) => {
                let kbs = level.kbs.iter();
                let truths = kbs.map(|kb| ask(Ecosystem::Windows, &kb.to_string(), None));
                truths.max().unwrap_or(Truth::No)
            }
            None => {
                let row = self.packages.get(package);
                let version = self.texts.get(row.version);
                ask(row.ecosystem, self.texts.get(row.name), Some(version))
            }
        }
    }
}

impl Sets {
    fn and(&mut self, other: &Self) {
        self.yes.union(&self.unknown);
        let mut both = other.yes.clone();
        both.union(&other.unknown);
        self.yes.intersect(&both);
        // What is true or unknown on both sides is true only where neither is unknown.
        self.unknown.union(&other.unknown);
        self.unknown.intersect(&self.yes);
        self.yes.subtract(&self.unknown);
    }
}

/// One distinct value, seen as a device that has nothing else.
struct Value<'a> {
    texts: Vec<&'a str>,
    complete: bool,
    client: &'a str,
    id: Option<String>,
    os: Fact<Os<'a>>,
}

impl Default for Value<'_> {
    fn default() -> Self {
        Self {
            texts: Vec::new(),
            complete: false,
            client: "",
            id: None,
            os: Fact::Unknown,
        }
    }
}

impl<'a> Value<'a> {
    fn texts(texts: Vec<&'a str>, complete: bool) -> Self {
        Self {
            texts,
            complete,
            ..Self::default()
        }
    }
}

impl Subject for Value<'_> {
    fn kind(&self) -> SubjectKind {
        SubjectKind::Device
    }

    fn text(&self, field: Field) -> Values<'_> {
        // A site is asked for the name of its client too.
        if field == Field::Client && !self.client.is_empty() {
            return Values::one(self.client);
        }
        let texts = self.texts.iter().map(|text| Cow::Borrowed(*text));
        if self.complete {
            Values::of(texts)
        } else {
            Values::at_least(texts)
        }
    }

    fn id(&self, _: Field) -> Option<Cow<'_, str>> {
        self.id.as_deref().map(Cow::Borrowed)
    }

    fn instant(&self, _: Field) -> Fact<Timestamp> {
        Fact::Unknown
    }

    fn os(&self) -> Fact<Os<'_>> {
        self.os
    }
}
