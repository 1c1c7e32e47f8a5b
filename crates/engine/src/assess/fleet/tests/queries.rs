//! Queries on the index against the evaluator of the language, device by device.

use std::borrow::Cow;

use domain::query::{Fact, Field, Os, PackageVersion, Packages, Subject, SubjectKind, Values};

use super::*;

/// A device as the query language sees it, with what the reference found.
struct Card<'a> {
    known: &'a Known,
    severities: Values0,
    /// CVEs of what is missing or has no fix, whether one is listed, and whether all is known.
    cves: Vec<String>,
    listed: bool,
    told: bool,
}

/// Severities of what is missing, and whether these are all.
struct Values0(Vec<&'static str>, bool);

impl Subject for Card<'_> {
    fn kind(&self) -> SubjectKind {
        SubjectKind::Device
    }

    fn text(&self, field: Field) -> Values<'_> {
        match field {
            Field::Client => Values::one(self.known.client.1.as_str()),
            Field::Site => Values::one(self.known.site.1.as_str()),
            Field::Tag => Values::of(self.known.tags.iter().map(|tag| tag.as_str())),
            Field::Package => match (&self.known.packages, self.known.systems.is_empty()) {
                (Some(packages), false) => Values::of(packages.values().map(|p| p.name.as_str())),
                _ => Values::unknown(),
            },
            Field::Missing if self.severities.1 => Values::of(self.severities.0.iter().copied()),
            Field::Missing => Values::at_least(self.severities.0.iter().copied()),
            Field::Cve if self.told => Values::of(self.cves.iter().map(String::as_str)),
            Field::Cve => Values::at_least(self.cves.iter().map(String::as_str)),
            Field::Kev if self.listed => Values::yes_no(true),
            Field::Kev if self.told => Values::yes_no(false),
            _ => Values::unknown(),
        }
    }

    fn packages(&self) -> Packages<'_> {
        match (&self.known.packages, self.known.systems.is_empty()) {
            (Some(packages), false) => {
                Packages::of(packages.values().map(|package| PackageVersion {
                    ecosystem: package.ecosystem,
                    name: package.name.as_str().into(),
                    version: Some(package.version.as_str()),
                }))
            }
            _ => Packages::unknown(),
        }
    }

    fn id(&self, field: Field) -> Option<Cow<'_, str>> {
        match field {
            Field::Client => Some(self.known.client.0.to_string().into()),
            Field::Site => Some(self.known.site.0.to_string().into()),
            _ => None,
        }
    }

    fn instant(&self, _: Field) -> Fact<Timestamp> {
        self.known.seen.map_or(Fact::Absent, Fact::Known)
    }

    fn os(&self) -> Fact<Os<'_>> {
        self.known.os.as_ref().map_or(Fact::Unknown, |os| {
            Fact::Known(Os {
                id: &os.id,
                version: os.version.as_deref(),
                codename: os.codename.as_deref(),
            })
        })
    }
}

const TERMS: &[&str] = &[
    "client:client1",
    "client:c*",
    "site:berlin",
    "site:client0/*",
    "site:Client2/Bonn",
    "tag:server",
    "tag:*",
    "tag:dmz,nothing",
    "os:debian>=12",
    "os:bookworm",
    "os:rhel<9.3",
    "os:*",
    "seen<7d",
    "seen>=100h",
    "seen:*",
    "missing:critical",
    "missing>=moderate",
    "missing:*",
    "missing:unrated,low",
    "package:alpha",
    "package:*alpha",
    "package:nothing",
    "package:*",
    "package:alpha<2.0-1",
    "package:alpha>=1.0-2,beta<1.0-2",
    "package:*<=1.0-2",
    "cve:CVE-2024-0002,cve-2024-0003",
    "cve:CVE-2024-000*",
    "cve:*",
    "kev:yes",
    "kev:no",
    "kev:*",
];

impl World {
    fn card<'a>(&self, known: &'a Known, open: &BTreeSet<(PackageId, &str, Open)>) -> Card<'a> {
        let mut severities = Vec::new();
        let mut all = known.packages.is_some() && !known.systems.is_empty();
        let told = all && open.iter().all(|(_, _, what)| *what != Open::Unknown);
        for (_, key, what) in open {
            match (what, &self.advisories[*key].rating) {
                (Open::Missing, Some(rating)) => severities.push(rating.severity.word()),
                (Open::Missing, None) | (Open::Unknown, _) => all = false,
                (Open::NoFix, _) => {}
            }
        }
        let open = open.iter().filter(|(_, _, what)| *what != Open::Unknown);
        let cves: Vec<String> = open
            .map(|(_, key, _)| self.advisories[*key].cves[0].to_string())
            .collect();
        Card {
            known,
            severities: Values0(severities, all),
            listed: cves.iter().any(|cve| cve == "CVE-2024-0001"),
            cves,
            told,
        }
    }

    pub(super) fn check_queries(&mut self) {
        let now = at("2024-05-01T00:00:00Z");
        let texts: Vec<String> = (0..12)
            .map(|_| {
                let mut pick = || {
                    let sign = *self.dice.of(&["", "-"]);
                    format!("{sign}{}", self.dice.of(TERMS))
                };
                format!("{} -({} {}) {}", pick(), pick(), pick(), pick())
            })
            .chain(TERMS.iter().map(|term| (*term).to_owned()))
            .collect();
        let expected = self.expected();
        for text in texts {
            let query = Query::parse(&text).unwrap();
            let wanted: BTreeSet<DeviceId> = self
                .devices
                .values()
                .filter(|known| query.matches(&self.card(known, &expected[&known.id]), now))
                .map(|known| known.id)
                .collect();
            let found = self.index.select(&query, now).unwrap();
            let found: BTreeSet<DeviceId> = found
                .iter()
                .map(|device| self.index.device_id(DeviceIndex(device)).unwrap().0)
                .collect();
            assert_eq!(found, wanted, "{text}");
        }
    }
}
