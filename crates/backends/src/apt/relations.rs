//! Reads relations between packages and says whether a set of packages meets them. Pure.
//!
//! Where it is not sure (architectures, qualifiers) it says that a dependency is not met and that a
//! conflict is there: then the package manager itself is asked. Source: Debian Policy, chapter 7;
//! Multi-Arch specification.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::record::Record;

/// `name:qualifier (operator version)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Relation<'a> {
    pub(crate) name: &'a str,
    pub(crate) qualifier: Option<&'a str>,
    pub(crate) version: Option<(&'a str, &'a str)>,
}

/// The alternatives of each clause.
pub(crate) fn clauses(field: &str) -> impl Iterator<Item = &str> {
    field
        .split(',')
        .map(str::trim)
        .filter(|clause| !clause.is_empty())
}

/// The alternatives of one clause.
pub(crate) fn alternatives(clause: &str) -> impl Iterator<Item = Relation<'_>> {
    clause.split('|').map(|text| {
        let text = text.trim();
        let (head, version) = match text.split_once('(') {
            Some((head, rest)) => {
                let rest = rest.split(')').next().unwrap_or(rest).trim();
                let at = rest
                    .find(|c: char| !matches!(c, '<' | '>' | '='))
                    .unwrap_or(rest.len());
                (head.trim(), Some((&rest[..at], rest[at..].trim())))
            }
            None => (text, None),
        };
        let (name, qualifier) = match head.split_once(':') {
            Some((name, qualifier)) => (name, Some(qualifier)),
            None => (head, None),
        };
        Relation {
            name,
            qualifier,
            version,
        }
    })
}

fn version_fits(own: &str, (operator, wanted): (&str, &str)) -> bool {
    let Ok(order) = versions::order(versions::Scheme::Deb, own, wanted) else {
        return false;
    };
    match operator {
        "<<" => order == Ordering::Less,
        "<=" | "<" => order != Ordering::Greater,
        "=" => order == Ordering::Equal,
        ">=" | ">" => order != Ordering::Less,
        ">>" => order == Ordering::Greater,
        _ => false,
    }
}

/// Something that can stand for a name: a package itself, or one that provides the name.
struct Provider<'a> {
    record: &'a Record,
    /// `None`: provided without a version, so no relation with a version fits.
    version: Option<&'a str>,
}

/// A set of packages, found by the names that they stand for.
pub(crate) struct Packages<'a> {
    by_name: BTreeMap<&'a str, Vec<Provider<'a>>>,
    native: &'a str,
}

/// Some installed packages replaced by others.
pub(crate) struct After<'a, 'b> {
    before: &'b Packages<'a>,
    replacing: Packages<'a>,
    replaced: &'b [&'a Record],
}

impl<'a> Packages<'a> {
    /// Takes the packages of a system whose own architecture is `native`.
    pub(crate) fn new(records: impl IntoIterator<Item = &'a Record>, native: &'a str) -> Self {
        let mut by_name: BTreeMap<&'a str, Vec<Provider<'a>>> = BTreeMap::new();
        for record in records {
            by_name
                .entry(record.name.as_str())
                .or_default()
                .push(Provider {
                    record,
                    version: Some(record.version.as_str()),
                });
            for provided in clauses(&record.provides).flat_map(alternatives) {
                by_name.entry(provided.name).or_default().push(Provider {
                    record,
                    version: provided.version.map(|(_, version)| version),
                });
            }
        }
        Self { by_name, native }
    }

    fn providers(&self, name: &str) -> &[Provider<'a>] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// The same packages, `replaced` by `replacing`.
    pub(crate) fn after<'b>(
        &'b self,
        replaced: &'b [&'a Record],
        replacing: impl IntoIterator<Item = &'a Record>,
    ) -> After<'a, 'b> {
        After {
            before: self,
            replacing: Self::new(replacing, self.native),
            replaced,
        }
    }
}

impl<'a> After<'a, '_> {
    fn providers<'c>(&'c self, name: &str) -> impl Iterator<Item = &'c Provider<'a>> {
        self.before
            .providers(name)
            .iter()
            .filter(|provider| {
                !self
                    .replaced
                    .iter()
                    .any(|gone| std::ptr::eq(*gone, provider.record))
            })
            .chain(self.replacing.providers(name))
    }

    /// Whether one of the clause's alternatives is there for `owner`.
    pub(crate) fn meets(&self, clause: &str, owner: &Record) -> bool {
        alternatives(clause).any(|relation| {
            self.providers(relation.name).any(|provider| {
                self.place_fits(provider, &relation, owner)
                    && relation.version.is_none_or(|wanted| {
                        provider
                            .version
                            .is_some_and(|own| version_fits(own, wanted))
                    })
            })
        })
    }

    fn place_fits(&self, provider: &Provider<'_>, relation: &Relation<'_>, owner: &Record) -> bool {
        let native = self.before.native;
        let place = |record: &Record| match record.architecture.as_str() {
            "all" => native.to_owned(),
            other => other.to_owned(),
        };
        let multi_arch = provider.record.multi_arch.as_str();
        match relation.qualifier {
            None => place(provider.record) == place(owner) || multi_arch == "foreign",
            Some("any") => {
                multi_arch == "allowed"
                    || (multi_arch == "foreign" && place(provider.record) == place(owner))
            }
            Some("native") => place(provider.record) == native,
            Some(architecture) => place(provider.record) == architecture,
        }
    }

    /// Whether something that is there is hit by a relation of `Breaks` or `Conflicts` of `owner`.
    pub(crate) fn hits(&self, clause: &str, owner: &Record) -> bool {
        alternatives(clause).any(|relation| {
            self.providers(relation.name).any(|provider| {
                provider.record.name != owner.name
                    && relation.version.is_none_or(|wanted| {
                        provider
                            .version
                            .is_some_and(|own| version_fits(own, wanted))
                    })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apt::record::records;

    #[test]
    fn relations_are_read() {
        let read: Vec<String> = clauses("a (>= 1:2~), b:any | c (<< 3) , d,")
            .map(|clause| {
                alternatives(clause)
                    .map(|r| format!("{}/{:?}/{:?}", r.name, r.qualifier, r.version))
                    .collect::<Vec<_>>()
                    .join(" or ")
            })
            .collect();
        assert_eq!(
            read,
            [
                "a/None/Some((\">=\", \"1:2~\"))",
                "b/Some(\"any\")/None or c/None/Some((\"<<\", \"3\"))",
                "d/None/None"
            ]
        );
    }

    /// The operators of Debian Policy 7.1.
    #[test]
    fn operators_are_those_of_the_policy() {
        for (own, operator, wanted, fits) in [
            ("1.0", "<<", "1.0", false),
            ("1.0~rc1", "<<", "1.0", true),
            ("1.0", "<=", "1.0", true),
            ("1.0", "=", "1.0", true),
            ("1.0-1", "=", "1.0", false),
            ("1.1", ">=", "1.0", true),
            ("1.0", ">>", "1.0", false),
            ("1:0", ">>", "9", true),
            ("1.0", "!!", "1.0", false),
        ] {
            assert_eq!(
                version_fits(own, (operator, wanted)),
                fits,
                "{own} {operator} {wanted}"
            );
        }
    }

    #[test]
    fn provided_names_versions_and_architectures_count_as_the_policy_says() {
        let all = records(
            b"Package: mta\nVersion: 4\nArchitecture: amd64\nProvides: mail-agent, smtp (= 2.0)\n\n\
              Package: libx\nVersion: 1\nArchitecture: i386\nMulti-Arch: same\n\n\
              Package: python\nVersion: 3.11\nArchitecture: amd64\nMulti-Arch: allowed\n\n\
              Package: tool\nVersion: 1\nArchitecture: i386\nMulti-Arch: foreign\n\n\
              Package: owner\nVersion: 1\nArchitecture: all\n",
        );
        let packages = Packages::new(&all, "amd64");
        let after = packages.after(&[], []);
        let owner = &all[4];
        for (clause, met) in [
            ("mail-agent", true),
            ("mail-agent (>= 1)", false),
            ("smtp (>= 2)", true),
            ("smtp (>> 2.0)", false),
            ("libx", false),
            ("libx:i386", true),
            ("python:any (>= 3)", true),
            ("tool", true),
            ("absent | mta (= 4)", true),
            ("absent", false),
        ] {
            assert_eq!(after.meets(clause, owner), met, "{clause}");
        }
        assert!(after.hits("mta (<< 5)", owner));
        assert!(!after.hits("mta (<< 4)", owner));
        assert!(!after.hits("owner", owner));
    }

    #[test]
    fn a_replaced_package_does_not_count_any_more() {
        let all = records(
            b"Package: libssl3\nVersion: 1\nArchitecture: amd64\nProvides: ssl\n\n\
              Package: libssl3\nVersion: 2\nArchitecture: amd64\n",
        );
        let packages = Packages::new(&all[..1], "amd64");
        let gone = [&all[0]];
        let after = packages.after(&gone, [&all[1]]);
        assert!(after.meets("libssl3 (>= 2)", &all[0]));
        assert!(!after.meets("libssl3 (= 1)", &all[0]));
        assert!(!after.meets("ssl", &all[0]));
    }
}
