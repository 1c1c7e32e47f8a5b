//! Which addresses of a feed to ask, and what to ask after a list of changes was read. Pure.
//!
//! Lists stamp their documents; a document is fetched when its stamp is another than the one kept
//! from last time, because stamps are not trusted to rise. What a list leaves out is not deleted by
//! that; what a list of deletions names is. Addresses come from outside: a list can only name what
//! lies below its own folder, or on its own server for an index that gives whole addresses.

use std::collections::BTreeMap;

use crate::sources::{Form, Source};

/// Most bytes of a list.
pub const LIST_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Most documents that are fetched in one turn; the rest comes in the next.
pub const DOCUMENTS_MAX: usize = 500;
/// The file that names a CSAF folder's archive.
const ARCHIVE_NAME: &str = "archive_latest.txt";
/// Most lines of a list.
const LINES_MAX: usize = 2_000_000;

/// What is known before a turn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// The stamp that each address had when it was fetched.
    pub stamps: BTreeMap<String, String>,
    /// Whether everything is to be read, not only what changed: at first, and from time to time,
    /// because lists of changes miss things.
    pub whole: bool,
}

/// What an address is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A document, to be kept.
    Document,
    /// A list of documents: [`after`] says what follows.
    List,
    /// A list of documents that are gone.
    Deletions,
    /// The name of an archive that holds everything.
    ArchiveName,
}

/// One address to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Where.
    pub address: String,
    /// A second place, tried when the first does not answer.
    pub mirror: Option<String>,
    /// The name under which it is kept.
    pub name: String,
    /// What for.
    pub purpose: Purpose,
    /// The stamp to keep once it is fetched.
    pub stamp: Option<String>,
    /// Whether `ADDRESS.sha256` stands beside it.
    pub checksum: bool,
    /// Whether it does no harm that it is not there.
    pub optional: bool,
}

/// What follows from a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Next {
    /// What to ask now.
    pub wanted: Vec<Wanted>,
    /// Documents, by path below the folder, that their publisher declares gone.
    pub deleted: Vec<String>,
    /// Documents that are left for the next turn.
    pub left: usize,
    /// Lines that could not be read.
    pub broken: usize,
    /// The stamp of the list itself, to be kept once all that it names is fetched.
    pub stamp: Option<String>,
}

fn wanted(address: String, purpose: Purpose) -> Wanted {
    Wanted {
        name: name_of(&address),
        address,
        mirror: None,
        purpose,
        stamp: None,
        checksum: false,
        optional: false,
    }
}

/// The end of an address, without its query.
fn name_of(address: &str) -> String {
    let path = address.split(['?', '#']).next().unwrap_or_default();
    let name = path.trim_end_matches('/').rsplit('/').next();
    let name: String = name
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_ascii_graphic())
        .take(200)
        .collect();
    if name.is_empty() {
        "document".to_owned()
    } else {
        name
    }
}

/// What a turn begins with.
pub fn first(source: &Source, state: &State) -> Vec<Wanted> {
    let mut all = Vec::new();
    for (at, address) in source.addresses.iter().enumerate() {
        let below = |name: &str| format!("{address}{name}");
        match source.form {
            Form::Given => {}
            Form::Documents => all.push(Wanted {
                mirror: source.mirror.filter(|_| at == 0).map(str::to_owned),
                name: documents_name(source, address),
                checksum: source.checksums,
                ..wanted((*address).to_owned(), Purpose::Document)
            }),
            Form::MonthIndex => all.push(wanted((*address).to_owned(), Purpose::List)),
            Form::OsvEcosystem => all.push(wanted(below("modified_id.csv"), Purpose::List)),
            Form::CsafFolder => {
                if state.whole {
                    all.push(Wanted {
                        optional: true,
                        ..wanted(below(ARCHIVE_NAME), Purpose::ArchiveName)
                    });
                }
                all.push(wanted(below("changes.csv"), Purpose::List));
                all.push(Wanted {
                    optional: true,
                    ..wanted(below("deletions.csv"), Purpose::Deletions)
                });
            }
        }
    }
    all
}

/// Names of one feed's documents must differ, also where the addresses end alike.
fn documents_name(source: &Source, address: &str) -> String {
    let name = name_of(address);
    let alike = source
        .addresses
        .iter()
        .filter(|other| name_of(other) == name)
        .count();
    if alike <= 1 {
        return name;
    }
    let folder = address
        .rsplit('/')
        .find(|part| *part != name && !part.is_empty());
    match folder {
        Some(folder) => format!("{folder}-{name}"),
        None => name,
    }
}

/// What follows after a list was fetched. `folder` is the address that the list belongs to.
pub fn after(source: &Source, state: &State, list: &Wanted, body: &[u8]) -> Result<Next, String> {
    let folder = source
        .addresses
        .iter()
        .find(|address| list.address.starts_with(*address))
        .ok_or("it belongs to no address of the feed")?;
    match (list.purpose, source.form) {
        (Purpose::Document, _) | (_, Form::Documents | Form::Given) => Ok(Next::default()),
        (Purpose::ArchiveName, _) => archive(folder, body),
        (Purpose::Deletions, _) => deletions(body),
        (Purpose::List, Form::CsafFolder) => changes(source, state, folder, body),
        (Purpose::List, Form::OsvEcosystem) => modified(state, folder, list, body),
        (Purpose::List, Form::MonthIndex) => months(state, folder, body),
    }
}

fn text(body: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(crate::format::without_mark(body))
        .map_err(|error| format!("the text is not UTF-8 at byte {}", error.valid_up_to()))
}

/// A path below a folder: no way out of it, nothing that an address could read otherwise.
fn safe_path(path: &str) -> bool {
    !path.is_empty()
        && path.len() <= 300
        && !path.starts_with('/')
        && path
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._/~+:".contains(&b))
        && path
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != "..")
        && !path.contains("://")
}

fn archive(folder: &str, body: &[u8]) -> Result<Next, String> {
    let name = text(body)?.trim();
    if !safe_path(name) || name.contains('/') {
        return Err("it names no archive".to_owned());
    }
    Ok(Next {
        wanted: vec![Wanted {
            name: format!("archive-{}", ending(name)),
            checksum: true,
            ..wanted(format!("{folder}{name}"), Purpose::Document)
        }],
        stamp: day_of(name).map(str::to_owned),
        ..Next::default()
    })
}

/// The day in a name such as `csaf_advisories_2026-01-02.tar.zst`.
fn day_of(name: &str) -> Option<&str> {
    let is_day = |text: &str| {
        text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
    };
    (0..name.len().saturating_sub(9))
        .filter_map(|at| name.get(at..at + 10))
        .find(|text| is_day(text))
}

/// One name for all archives of a folder, whatever day they are of.
fn ending(name: &str) -> &str {
    name.find(".tar").map_or("latest", |at| &name[at + 1..])
}

/// `"2024/rhsa-2024_1234.json","2024-05-01T10:00:00+00:00"`, newest first.
fn changes(source: &Source, state: &State, folder: &str, body: &[u8]) -> Result<Next, String> {
    let mut next = Next::default();
    // What changed before the day of the archive is in the archive.
    let archived = state.stamps.get(&format!("{folder}{ARCHIVE_NAME}"));
    for line in text(body)?.lines().take(LINES_MAX) {
        let Some((path, stamp)) = two_fields(line) else {
            next.broken += usize::from(!line.trim().is_empty());
            continue;
        };
        if !safe_path(path) || !path.ends_with(".json") {
            next.broken += 1;
            continue;
        }
        let address = format!("{folder}{path}");
        let known = state.stamps.get(&address).map(String::as_str);
        let in_archive = known.is_none() && archived.is_some_and(|day| stamp < day.as_str());
        if known == Some(stamp) || in_archive {
            continue;
        }
        next.add(Wanted {
            stamp: Some(stamp.to_owned()),
            checksum: source.checksums,
            ..wanted(address, Purpose::Document)
        });
    }
    Ok(next)
}

fn deletions(body: &[u8]) -> Result<Next, String> {
    let mut next = Next::default();
    for line in text(body)?.lines().take(LINES_MAX) {
        match two_fields(line) {
            Some((path, _)) if safe_path(path) => next.deleted.push(path.to_owned()),
            _ => next.broken += usize::from(!line.trim().is_empty()),
        }
    }
    Ok(next)
}

fn two_fields(line: &str) -> Option<(&str, &str)> {
    let (path, stamp) = line.trim().split_once(',')?;
    let bare = |field: &'_ str| -> Option<(usize, usize)> {
        let trimmed = field.trim().trim_matches('"');
        let at = field.find(trimmed)?;
        Some((at, at + trimmed.len()))
    };
    let ((from, to), (since, until)) = (bare(path)?, bare(stamp)?);
    let (path, stamp) = (&path[from..to], &stamp[since..until]);
    (!path.is_empty() && !stamp.is_empty() && stamp.len() <= 64).then_some((path, stamp))
}

/// `2026-01-02T10:00:00Z,DSA-1234-1`, newest first: read until a time already seen.
fn modified(state: &State, folder: &str, list: &Wanted, body: &[u8]) -> Result<Next, String> {
    let text = text(body)?;
    let newest = text.lines().find_map(two_fields).map(|(stamp, _)| stamp);
    let Some(newest) = newest else {
        return Err("it names nothing".to_owned());
    };
    let seen = state.stamps.get(&list.address);
    let (Some(seen), false) = (seen, state.whole) else {
        // The list was read before the whole: what changes in between is named by the next list.
        let whole = wanted(format!("{folder}all.zip"), Purpose::Document);
        return Ok(Next {
            wanted: vec![whole],
            stamp: Some(newest.to_owned()),
            ..Next::default()
        });
    };
    let mut next = Next {
        stamp: Some(newest.to_owned()),
        ..Next::default()
    };
    for line in text.lines().take(LINES_MAX) {
        let Some((stamp, id)) = two_fields(line) else {
            next.broken += usize::from(!line.trim().is_empty());
            continue;
        };
        if stamp <= seen.as_str() {
            break;
        }
        // `modified_id.csv` of a group of ecosystems names `ECOSYSTEM/ID`.
        let id = id.rsplit('/').next().unwrap_or(id);
        if !safe_path(id) {
            next.broken += 1;
            continue;
        }
        next.add(Wanted {
            stamp: Some(stamp.to_owned()),
            ..wanted(format!("{folder}{id}.json"), Purpose::Document)
        });
    }
    Ok(next)
}

/// The index of months: each with an address on the same server.
fn months(state: &State, index: &str, body: &[u8]) -> Result<Next, String> {
    let value: serde_json::Value =
        serde_json::from_slice(crate::format::without_mark(body)).map_err(|e| e.to_string())?;
    let entries = value.get("value").and_then(serde_json::Value::as_array);
    let entries = entries.ok_or("it has no `value`")?;
    let server = server_of(index).ok_or("it has no server")?;
    let mut next = Next::default();
    for entry in entries.iter().take(LINES_MAX) {
        let word = |name: &str| entry.get(name).and_then(serde_json::Value::as_str);
        let (Some(id), Some(stamp)) = (word("ID"), word("CurrentReleaseDate")) else {
            next.broken += 1;
            continue;
        };
        let address = match word("CvrfUrl") {
            Some(address) => address.to_owned(),
            None => format!("{}/cvrf/{id}", index.trim_end_matches("/updates")),
        };
        if !safe_path(id) || id.contains('/') || server_of(&address) != Some(server) {
            next.broken += 1;
            continue;
        }
        if state.stamps.get(&address).map(String::as_str) == Some(stamp) {
            continue;
        }
        next.add(Wanted {
            stamp: Some(stamp.chars().take(64).collect()),
            name: format!("{id}.xml"),
            ..wanted(address, Purpose::Document)
        });
    }
    Ok(next)
}

impl Next {
    fn add(&mut self, wanted: Wanted) {
        if self.wanted.len() < DOCUMENTS_MAX {
            self.wanted.push(wanted);
        } else {
            self.left += 1;
        }
    }
}

/// Scheme and server of an address.
fn server_of(address: &str) -> Option<&str> {
    let at = address.find("://")? + 3;
    let end = address[at..]
        .find('/')
        .map_or(address.len(), |end| at + end);
    Some(&address[..end])
}

/// An address as another one names it (RFC 3986, without `..`).
pub fn joined(from: &str, to: &str) -> Option<String> {
    if to.contains("://") {
        return Some(to.to_owned());
    }
    let server = server_of(from)?;
    if let Some(rest) = to.strip_prefix("//") {
        let scheme = &from[..from.find("://")?];
        return Some(format!("{scheme}://{rest}"));
    }
    if to.starts_with('/') {
        return Some(format!("{server}{to}"));
    }
    if to.is_empty() || to.split('/').any(|part| part == "..") {
        return None;
    }
    let path = from.split(['?', '#']).next()?;
    let folder = &path[..path
        .rfind('/')
        .filter(|at| *at >= server.len())
        .unwrap_or(path.len())];
    Some(format!("{folder}/{to}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use domain::feed::Feed;

    use super::*;
    use crate::sources;

    fn addresses(next: &[Wanted]) -> Vec<&str> {
        next.iter().map(|wanted| wanted.address.as_str()).collect()
    }

    fn fetched(state: &mut State, next: &Next) {
        for wanted in &next.wanted {
            let stamp = wanted.stamp.clone().unwrap();
            state.stamps.insert(wanted.address.clone(), stamp);
        }
    }

    #[test]
    fn a_csaf_folder_is_read_by_its_list_of_changes() {
        let source = sources::of(Feed::RedhatCsaf).unwrap();
        let folder = source.addresses[0];
        let mut state = State {
            whole: true,
            ..State::default()
        };
        let asked = first(source, &state);
        let names: Vec<_> = asked.iter().map(|wanted| wanted.name.as_str()).collect();
        assert_eq!(
            names,
            ["archive_latest.txt", "changes.csv", "deletions.csv"]
        );
        let archive = after(
            source,
            &state,
            &asked[0],
            b"csaf_advisories_2026-01-02.tar.zst\n",
        );
        let archive = archive.unwrap();
        assert_eq!(archive.wanted[0].name, "archive-tar.zst");
        assert_eq!(archive.stamp.as_deref(), Some("2026-01-02"));
        state.whole = false;
        let list = "\"2024/rhsa-2024_1.json\",\"2026-01-03T00:00:00+00:00\"\n\
                    \"../../etc/passwd.json\",\"2026\"\n\
                    \"https://elsewhere.example/x.json\",\"2026\"\n\
                    \"2024/rhsa-2024_2.json\",\"2026-01-02T00:00:00+00:00\"\n";
        let next = after(source, &state, &asked[1], list.as_bytes()).unwrap();
        assert_eq!(
            addresses(&next.wanted),
            [
                format!("{folder}2024/rhsa-2024_1.json"),
                format!("{folder}2024/rhsa-2024_2.json")
            ]
        );
        assert_eq!(next.broken, 2);
        fetched(&mut state, &next);
        // An older stamp is another stamp: dates are not trusted to rise.
        let list = list.replace("2026-01-02", "2025-12-31");
        let next = after(source, &state, &asked[1], list.as_bytes()).unwrap();
        assert_eq!(
            addresses(&next.wanted),
            [format!("{folder}2024/rhsa-2024_2.json")]
        );
        let mut archived = State::default();
        let stamp = "2026-01-01".to_owned();
        archived.stamps.insert(asked[0].address.clone(), stamp);
        let next = after(source, &archived, &asked[1], list.as_bytes()).unwrap();
        assert_eq!(
            addresses(&next.wanted),
            [format!("{folder}2024/rhsa-2024_1.json")]
        );
        let gone = after(
            source,
            &state,
            &asked[2],
            b"\"2024/rhsa-2024_2.json\",\"2026\"\n",
        );
        assert_eq!(gone.unwrap().deleted, ["2024/rhsa-2024_2.json"]);
    }

    #[test]
    fn an_osv_ecosystem_is_read_whole_at_first_and_by_its_changes_later() {
        let source = sources::of(Feed::DebianOsv).unwrap();
        let folder = source.addresses[0];
        let mut state = State::default();
        let asked = first(source, &state);
        let list = b"2026-01-03T00:00:00Z,DSA-3-1\n2026-01-02T00:00:00Z,DSA-2-1\n";
        let next = after(source, &state, &asked[0], list).unwrap();
        assert_eq!(addresses(&next.wanted), [format!("{folder}all.zip")]);
        let stamp = "2026-01-02T00:00:00Z".to_owned();
        state.stamps.insert(asked[0].address.clone(), stamp);
        let next = after(source, &state, &asked[0], list).unwrap();
        assert_eq!(addresses(&next.wanted), [format!("{folder}DSA-3-1.json")]);
        assert!(after(source, &state, &asked[0], b"<html>").is_err());
    }

    #[test]
    fn an_index_of_months_names_documents_of_its_own_server_only() {
        let source = sources::of(Feed::MsrcCvrf).unwrap();
        let mut state = State::default();
        let asked = first(source, &state);
        let month = "https://api.msrc.microsoft.com/cvrf/v3.0/cvrf/2026-Jun";
        let index = format!(
            r#"{{"value":[{{"ID":"2026-Jun","CurrentReleaseDate":"2026-07-02","CvrfUrl":"{month}"}},
                {{"ID":"2026-Jul","CurrentReleaseDate":"2026-07-02","CvrfUrl":"https://evil.example/x"}},
                {{"ID":7}}]}}"#
        );
        let next = after(source, &state, &asked[0], index.as_bytes()).unwrap();
        assert_eq!((addresses(&next.wanted), next.broken), (vec![month], 2));
        assert_eq!(next.wanted[0].name, "2026-Jun.xml");
        fetched(&mut state, &next);
        let next = after(source, &state, &asked[0], index.as_bytes()).unwrap();
        assert!(next.wanted.is_empty());
        assert!(after(source, &state, &asked[0], b"{").is_err());
    }

    #[test]
    fn one_turn_is_bounded_and_says_what_is_left() {
        let source = sources::of(Feed::RedhatVex).unwrap();
        let asked = first(source, &State::default());
        let list: String = (0..DOCUMENTS_MAX + 7)
            .map(|at| format!("\"2024/cve-{at}.json\",\"2026\"\n"))
            .collect();
        let next = after(source, &State::default(), &asked[0], list.as_bytes()).unwrap();
        assert_eq!((next.wanted.len(), next.left), (DOCUMENTS_MAX, 7));
    }

    #[test]
    fn documents_of_one_feed_have_names_that_differ() {
        let source = sources::of(Feed::AlmaErrata).unwrap();
        let names: Vec<_> = first(source, &State::default())
            .into_iter()
            .map(|wanted| wanted.name)
            .collect();
        assert_eq!(
            names,
            [
                "8-errata.full.json",
                "9-errata.full.json",
                "10-errata.full.json"
            ]
        );
    }

    #[test]
    fn addresses_join_as_browsers_join_them() {
        let from = "https://a.example/x/y.json?q";
        assert_eq!(joined(from, "/z").unwrap(), "https://a.example/z");
        assert_eq!(joined(from, "z").unwrap(), "https://a.example/x/z");
        assert_eq!(
            joined(from, "//b.example/z").unwrap(),
            "https://b.example/z"
        );
        assert_eq!(joined(from, "http://c/").unwrap(), "http://c/");
        assert_eq!(joined(from, "../z"), None);
        assert_eq!(
            joined("https://a.example", "z").unwrap(),
            "https://a.example/z"
        );
    }
}
