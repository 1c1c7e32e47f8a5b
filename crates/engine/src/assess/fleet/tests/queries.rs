//! Queries on the index against the evaluator of the language, device by device.

use std::borrow::Cow;

use domain::policy::{Group, PolicyKind, Unreadable};
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
            Field::Zone => Values::one(self.known.zone),
            Field::Mode => Values::one(self.known.mode.word()),
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
    "zone:Europe/*",
    "zone:asia/kathmandu",
    "zone:*",
    "mode:managed",
    "mode:observe,managed",
    "tag:dmz,nothing",
    "group:servers",
    "group:servers,risky",
    "group:r*",
    "group:*",
    "group:round",
    "group:nothing",
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

    /// Groups by tag, by what may be unknown, by other groups, of one client, and now and then two that
    /// name each other.
    fn policy(&mut self) -> domain::policy::Policy {
        let mut groups = vec![
            ("servers", None, "tag:server"),
            ("risky", None, "-(-missing>=important -kev:yes)"),
            ("own", Some(ClientId::from_bytes(client_id(1))), "os:debian"),
            ("both", None, "group:servers group:risky"),
            ("rest", None, "-group:servers,both"),
        ];
        if self.dice.below(4) == 0 {
            groups.extend([
                ("round", None, "group:trip"),
                ("trip", None, "-group:round"),
            ]);
        }
        let group = |(index, (name, client, query)): (usize, (&str, _, &str))| Group {
            id: domain::id::PolicyId::from_bytes([index as u8; 16]),
            client,
            name: name.parse().unwrap(),
            devices: query.parse().unwrap(),
        };
        domain::policy::Policy {
            groups: groups.into_iter().enumerate().map(group).collect(),
            unreadable: (self.dice.below(6) == 0)
                .then(|| Unreadable {
                    kind: PolicyKind::Group,
                    name: "broken".to_owned(),
                    devices: Query::everything(),
                    client: None,
                    why: "the query ends too early".to_owned(),
                })
                .into_iter()
                .collect(),
            ..Default::default()
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
        let policy = self.policy();
        let expected = self.expected();
        let groups = self.index.groups(&policy, now).unwrap();
        for text in texts {
            let query = Query::parse(&text).unwrap();
            let wanted: BTreeSet<DeviceId> = self
                .devices
                .values()
                .filter(|known| {
                    let card = self.card(known, &expected[&known.id]);
                    crate::decide::matches_grouped(&query, &policy, &card, known.client.0, now)
                })
                .map(|known| known.id)
                .collect();
            let found = self.index.select_grouped(&query, &groups, now).unwrap();
            let found: BTreeSet<DeviceId> = found
                .iter()
                .map(|device| self.index.device_id(DeviceIndex(device)).unwrap().0)
                .collect();
            assert_eq!(found, wanted, "{text}");
        }
    }
}

/// The bytes of a client's id, as the fleet numbers its clients.
fn client_id(number: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes
}

#[test]
fn what_the_index_does_not_hold_is_said_and_never_guessed() {
    let world = World::new(7);
    let now = at("2024-05-01T00:00:00Z");
    for row in domain::query::FIELDS {
        let query: Query = format!("{}:*", row.name).parse().unwrap();
        let answer = world.index.select(&query, now);
        if row.of_devices && !matches!(row.field, Field::Device | Field::Group) {
            assert!(answer.is_ok(), "{}", row.name);
        } else {
            let unanswerable = Unanswerable::Field(row.field);
            assert_eq!(answer.unwrap_err(), unanswerable, "{}", row.name);
        }
    }
    let names: Query = "tag:server web".parse().unwrap();
    assert_eq!(
        world.index.select(&names, now).unwrap_err(),
        Unanswerable::Names
    );
    // A group that asks for what is not held is not taken for an empty one.
    let policy = domain::policy::Policy {
        groups: vec![Group {
            id: domain::id::PolicyId::from_bytes([0; 16]),
            client: None,
            name: "kiosks".parse().unwrap(),
            devices: "device:kiosk*".parse().unwrap(),
        }],
        ..Default::default()
    };
    let refused = world.index.groups(&policy, now).unwrap_err();
    assert_eq!(refused, Unanswerable::Field(Field::Device));
}
