//! Queries over devices as operations on sets: two sets a node, certainly true and not known.
//!
//! A term is asked once per distinct value (client, site, set of tags, system, set of severities), not
//! per device, by the evaluator of the language itself. Fields that the index does not hold are an
//! error that names the field; the caller then asks each device.

use std::borrow::Cow;
use std::collections::BTreeSet;

use domain::cve::CveId;
use domain::device::Mode;
use domain::query::{
    Condition, Elapsed, Expr, Fact, Field, LetterCase, Os, PackageVersion, Query, Subject,
    SubjectKind, Term, Truth, Values,
};
use domain::severity::Severity;
use jiff::{SignedDuration, Timestamp};
use roaring::RoaringBitmap;

use super::FleetIndex;
use super::advisory::{Entry, SLOT_NOT_RATED, SLOT_UNKNOWN};
use super::bits::Bits;
use super::groups::FleetGroups;
use super::statement::Open;
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
pub(super) struct Sets {
    pub(super) yes: Bits,
    pub(super) unknown: Bits,
}

impl FleetIndex {
    /// The devices that a query certainly matches.
    ///
    /// # Errors
    /// [`Unanswerable`], for a field that the index does not hold.
    pub fn select(&self, query: &Query, now: Timestamp) -> Result<RoaringBitmap, Unanswerable> {
        Ok(self.evaluate(query.expr(), None, now)?.yes.compressed())
    }

    /// The sets of a part of a query; without `groups`, who asks for one is refused.
    pub(super) fn evaluate(
        &self,
        expr: &Expr,
        groups: Option<&FleetGroups>,
        now: Timestamp,
    ) -> Result<Sets, Unanswerable> {
        match expr {
            Expr::All(parts) => {
                let mut sets = Sets {
                    yes: self.alive(),
                    unknown: Bits::new(self.devices.bound()),
                };
                for part in parts {
                    sets.and(&self.evaluate(part, groups, now)?);
                }
                Ok(sets)
            }
            Expr::Not(part) => {
                let sets = self.evaluate(part, groups, now)?;
                let mut yes = self.alive();
                yes.subtract(&sets.yes);
                yes.subtract(&sets.unknown);
                Ok(Sets {
                    yes,
                    unknown: sets.unknown,
                })
            }
            Expr::Term(term) => self.term(term, groups, now),
        }
    }

    pub(super) fn alive(&self) -> Bits {
        let mut alive = Bits::new(self.devices.bound());
        for (device, _) in self.devices.alive.iter().enumerate().filter(|(_, a)| **a) {
            alive.set(device as u32);
        }
        alive
    }

    fn term(
        &self,
        term: &Term,
        groups: Option<&FleetGroups>,
        now: Timestamp,
    ) -> Result<Sets, Unanswerable> {
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
            Field::Group => groups
                .map(|groups| groups.term(term, devices.bound(), now))
                .ok_or(Unanswerable::Field(field)),
            Field::Zone => {
                let zones = devices.zones.all.iter();
                let truths: Vec<Truth> = zones
                    .map(|zone| ask(&Value::texts(vec![zone.as_str()], true)))
                    .collect();
                Ok(self.by(|device| truths[devices.zone[device] as usize]))
            }
            Field::Mode => {
                let [observed, managed] = [Mode::Observe, Mode::Managed]
                    .map(|mode| ask(&Value::texts(vec![mode.word()], true)));
                Ok(self.by(|device| match devices.mode[device] {
                    Mode::Observe => observed,
                    Mode::Managed => managed,
                }))
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
            Field::Cve => Ok(self.cve_term(term, now)),
            Field::Kev => Ok(self.kev_term(term, now)),
            Field::Device
            | Field::Product
            | Field::Patch
            | Field::Severity
            | Field::Class
            | Field::Fix
            | Field::Origin
            | Field::State
            | Field::Age
            | Field::Released => Err(Unanswerable::Field(field)),
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
    pub(super) fn by(&self, truth: impl Fn(usize) -> Truth) -> Sets {
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
        let mut sets = Sets {
            yes: Bits::new(self.devices.bound()),
            unknown: self.unreported(),
        };
        for shard in &self.shards {
            let (mut yes, mut unknown) = (Vec::new(), Vec::new());
            for (&name, rows) in &shard.by_name {
                if !names(term, self.texts.get(name), now) {
                    continue;
                }
                for &row in rows {
                    match self.package_truth(term, shard.rows[row as usize], now) {
                        Truth::Yes => yes.push(row),
                        Truth::Unknown => unknown.push(row),
                        Truth::No => {}
                    }
                }
            }
            for (row, &package) in shard.rows.iter().enumerate() {
                if self.packages.level(package).is_some() {
                    match self.package_truth(term, package, now) {
                        Truth::Yes => yes.push(row as u32),
                        Truth::Unknown => unknown.push(row as u32),
                        Truth::No => {}
                    }
                }
            }
            let template_of = &self.devices.template;
            shard.devices(&yes, template_of, &mut sets.yes);
            shard.devices(&unknown, template_of, &mut sets.unknown);
        }
        sets.unknown.subtract(&sets.yes);
        sets
    }

    /// What a term about packages says of one package row; of a Windows level, of its updates.
    fn package_truth(&self, term: &Term, package: u32, now: Timestamp) -> Truth {
        let row = self.packages.get(package);
        let of = |name: &str, version: Option<&str>| match term.condition() {
            Condition::Packages(patterns) => {
                let package = PackageVersion {
                    ecosystem: row.ecosystem,
                    name: Cow::Borrowed(name),
                    version,
                };
                let truths = patterns.iter().map(|pattern| pattern.fits(&package));
                truths.max().unwrap_or(Truth::No)
            }
            Condition::Present
            | Condition::Text(_)
            | Condition::Choice(_)
            | Condition::Order(..)
            | Condition::Elapsed(..)
            | Condition::Os(_) => term.evaluate(&Value::texts(vec![name], true), now),
        };
        match self.packages.level(package) {
            Some(level) => {
                let truths = level.kbs.iter().map(|kb| of(&kb.to_string(), None));
                truths.max().unwrap_or(Truth::No)
            }
            None => of(self.texts.get(row.name), Some(self.texts.get(row.version))),
        }
    }

    /// Devices of which the packages are not known.
    fn unreported(&self) -> Bits {
        let mut unknown = Bits::new(self.devices.bound());
        for device in 0..self.devices.bound() {
            if self.devices.alive[device] && !self.devices.reported[device] {
                unknown.set(device as u32);
            }
        }
        unknown
    }

    /// Devices on which an advisory that `wanted` picks is missing or has no fix.
    fn open_on(&self, wanted: impl Fn(&Entry) -> bool) -> Bits {
        let mut rows: Vec<Vec<u32>> = vec![Vec::new(); self.shards.len()];
        for (_, entry) in self.advisories.iter() {
            if entry.classes.is_empty() || !wanted(entry) {
                continue;
            }
            for &(shard, class) in &entry.classes {
                let class = self.shards[shard as usize].classes.get(class);
                if class.open != Open::Unknown {
                    rows[shard as usize].extend(&class.rows);
                }
            }
        }
        let mut found = Bits::new(self.devices.bound());
        for (shard, mut rows) in self.shards.iter().zip(rows) {
            rows.sort_unstable();
            rows.dedup();
            shard.devices(&rows, &self.devices.template, &mut found);
        }
        found
    }

    fn cve_term(&self, term: &Term, now: Timestamp) -> Sets {
        let exact = exact_cves(term);
        let yes = self.open_on(|entry| match &exact {
            Some(wanted) => entry.cves.iter().any(|cve| wanted.contains(cve)),
            None => {
                let texts: Vec<String> = entry.cves.iter().map(ToString::to_string).collect();
                let texts = texts.iter().map(String::as_str).collect();
                term.evaluate(&Value::texts(texts, true), now) == Truth::Yes
            }
        });
        let mut unknown = self.by(|device| {
            let open = self.devices.counts[device][SLOT_UNKNOWN] > 0;
            (open || !self.devices.reported[device]).into()
        });
        unknown.yes.subtract(&yes);
        Sets {
            yes,
            unknown: unknown.yes,
        }
    }

    fn kev_term(&self, term: &Term, now: Timestamp) -> Sets {
        let [listed, none, open] = [(&["yes"][..], true), (&["no"], true), (&[], false)]
            .map(|(words, all)| term.evaluate(&Value::texts(words.to_vec(), all), now));
        let exploited = self.open_on(|entry| entry.exploited == Some(true));
        let untold = self.open_on(|entry| entry.exploited.is_none());
        self.by(|device| {
            let index = device as u32;
            if exploited.has(index) {
                listed
            } else if untold.has(index)
                || self.devices.counts[device][SLOT_UNKNOWN] > 0
                || !self.devices.reported[device]
            {
                open
            } else {
                none
            }
        })
    }
}

/// Whether a term about packages can be met by a package of this name.
fn names(term: &Term, name: &str, now: Timestamp) -> bool {
    match term.condition() {
        Condition::Packages(patterns) => patterns
            .iter()
            .any(|pattern| pattern.name.fits(name, LetterCase::Ignored)),
        Condition::Present
        | Condition::Text(_)
        | Condition::Choice(_)
        | Condition::Order(..)
        | Condition::Elapsed(..)
        | Condition::Os(_) => term.evaluate(&Value::texts(vec![name], true), now) == Truth::Yes,
    }
}

/// The CVEs that a term names; `None` where it names them by pattern.
fn exact_cves(term: &Term) -> Option<BTreeSet<CveId>> {
    let Condition::Text(patterns) = term.condition() else {
        return None;
    };
    patterns
        .iter()
        .map(|pattern| pattern.exact()?.to_ascii_uppercase().parse().ok())
        .collect()
}

impl Sets {
    pub(super) fn and(&mut self, other: &Self) {
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
pub(super) struct Value<'a> {
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
    pub(super) fn texts(texts: Vec<&'a str>, complete: bool) -> Self {
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
