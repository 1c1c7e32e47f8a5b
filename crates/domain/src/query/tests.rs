//! Tests of the query language: grammar, errors, evaluation, completions.

mod errors;
mod evaluation;
mod every_field;
mod grammar;
mod implies;
mod page;
mod properties;

use std::borrow::Cow;

use jiff::Timestamp;

use super::{DevicePatch, Fact, Field, Os, Query, Subject, SubjectKind, Truth, Values};

/// A subject written down by hand; a field that is not listed is unknown.
#[derive(Debug, Clone)]
struct Card {
    kind: SubjectKind,
    texts: Vec<(Field, Vec<&'static str>, bool)>,
    ids: Vec<(Field, &'static str)>,
    instants: Vec<(Field, Fact<Timestamp>)>,
    os: Fact<Os<'static>>,
}

impl Card {
    fn new(kind: SubjectKind) -> Self {
        Self {
            kind,
            texts: vec![],
            ids: vec![],
            instants: vec![],
            os: Fact::Unknown,
        }
    }

    fn with(mut self, field: Field, values: &[&'static str]) -> Self {
        self.texts.push((field, values.to_vec(), true));
        self
    }

    fn with_at_least(mut self, field: Field, values: &[&'static str]) -> Self {
        self.texts.push((field, values.to_vec(), false));
        self
    }

    fn with_id(mut self, field: Field, id: &'static str) -> Self {
        self.ids.push((field, id));
        self
    }

    fn at(mut self, field: Field, instant: Fact<Timestamp>) -> Self {
        self.instants.push((field, instant));
        self
    }

    fn running(
        mut self,
        id: &'static str,
        version: Option<&'static str>,
        codename: Option<&'static str>,
    ) -> Self {
        self.os = Fact::Known(Os {
            id,
            version,
            codename,
        });
        self
    }
}

impl Subject for Card {
    fn kind(&self) -> SubjectKind {
        self.kind
    }

    fn text(&self, field: Field) -> Values<'_> {
        match self.texts.iter().find(|(has, ..)| *has == field) {
            Some((_, values, true)) => Values::of(values.iter().copied()),
            Some((_, values, false)) => Values::at_least(values.iter().copied()),
            None => Values::unknown(),
        }
    }

    fn id(&self, field: Field) -> Option<Cow<'_, str>> {
        self.ids
            .iter()
            .find(|(has, _)| *has == field)
            .map(|(_, id)| Cow::Borrowed(*id))
    }

    fn instant(&self, field: Field) -> Fact<Timestamp> {
        self.instants
            .iter()
            .find(|(has, _)| *has == field)
            .map_or(Fact::Unknown, |(_, at)| *at)
    }

    fn os(&self) -> Fact<Os<'_>> {
        self.os
    }
}

fn now() -> Timestamp {
    "2026-03-10T12:00:00Z".parse().unwrap()
}

fn at(instant: &str) -> Fact<Timestamp> {
    Fact::Known(instant.parse().unwrap())
}

fn query(text: &str) -> Query {
    Query::parse(text).unwrap_or_else(|error| panic!("{error}\n{}", error.pointer(text)))
}

fn truth(text: &str, subject: &dyn Subject) -> Truth {
    query(text).evaluate(subject, now())
}

/// A server of the client Acme in Berlin, running Debian 12.5.
fn web1() -> Card {
    Card::new(SubjectKind::Device)
        .with(Field::Client, &["Acme"])
        .with_id(Field::Client, "cli_01j9aaaa")
        .with(Field::Site, &["Berlin"])
        .with_id(Field::Site, "sit_01j9bbbb")
        .with(Field::Device, &["web1"])
        .with_id(Field::Device, "dev_01j9cccc")
        .with(Field::Tag, &["server", "dmz"])
        .with(Field::Package, &["openssl", "libssl3", "nginx"])
        .with(Field::Missing, &["moderate", "unrated"])
        .at(Field::Seen, at("2026-03-09T12:00:00Z"))
        .running("debian", Some("12.5"), Some("bookworm"))
}

/// A patch of openssl whose CVEs were looked up in one of its two packages only.
fn openssl() -> Card {
    Card::new(SubjectKind::Patch)
        .with(Field::Patch, &["deb:bookworm/openssl@3.0.15-1~deb12u1"])
        .with(Field::Product, &["openssl"])
        .with(Field::Package, &["libssl3", "openssl"])
        .with(Field::Severity, &["important"])
        .with_at_least(Field::Cve, &["CVE-2024-5535"])
        .with(Field::Kev, &["no"])
        .with(Field::Origin, &["Debian-Security"])
        .with(Field::State, &["missing"])
        .at(Field::Age, at("2026-02-24T12:00:00Z"))
}

fn finding<'a>(device: &'a Card, patch: &'a Card) -> DevicePatch<'a> {
    DevicePatch { device, patch }
}
