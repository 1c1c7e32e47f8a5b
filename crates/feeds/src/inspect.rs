//! Looks at a file as `patchloop feed inspect` does: what it is, what it holds, what is broken in it.
//!
//! Recognised by content alone. Nothing of the records is kept, so memory is bounded by one document
//! and its parser, whatever is given. `records` is in the feed's own unit and 0 when the file is
//! refused; of an archive it is the sum over its members. An archive is refused when nothing in it
//! could be read or its packing is damaged; else what could not be read is among `broken`.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use domain::feed::Feed;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::format::{Parsed, Record, Sink};
use crate::formats::{self, Unread};
use crate::packed::{self, Opened};
use crate::refusal::Refusal;

/// How many broken records are listed one by one; one more entry counts the others.
pub const BROKEN_LISTED_MAX: usize = 1_000;
/// How many notes are told.
const NOTES_TOLD_MAX: usize = 20;
/// Longest place, reason, note or document id that is shown, in characters.
const SHOWN_CHARACTERS_MAX: usize = 400;

/// A record, or a member of an archive, that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// Where: an id, a line, a path.
    #[serde(rename = "where")]
    pub place: String,
    /// Why.
    pub why: String,
}

/// What was seen of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Whose it is; `None`: no feed's, or nobody can say.
    pub feed: Option<Feed>,
    /// The id that the document gives itself.
    pub document: Option<String>,
    /// Records read.
    pub records: u64,
    /// What could not be read.
    pub broken: Vec<Broken>,
    /// Whether it can be imported.
    pub accepted: bool,
    /// Why it is refused, or notes on what was accepted.
    pub why: Option<String>,
    /// SHA-256 of the bytes as given; `None`: they could not be read.
    pub sha256: Option<[u8; 32]>,
}

#[derive(Serialize)]
struct Line<'a> {
    file: &'a str,
    feed: Option<Feed>,
    document: Option<&'a str>,
    records: u64,
    broken: &'a [Broken],
    accepted: bool,
    why: Option<&'a str>,
    sha256: Option<String>,
}

impl Inspection {
    /// One JSON object on one line, without the line feed.
    pub fn to_json(&self, file: &str) -> String {
        let line = Line {
            file,
            feed: self.feed,
            document: self.document.as_deref(),
            records: self.records,
            broken: &self.broken,
            accepted: self.accepted,
            why: self.why.as_deref(),
            sha256: self.sha256.map(|bytes| hex(&bytes)),
        };
        // Only maps with keys that are no text could fail here, and there are none.
        serde_json::to_string(&line).unwrap_or_default()
    }

    fn refused(why: impl Into<String>) -> Self {
        Self {
            feed: None,
            document: None,
            records: 0,
            broken: Vec::new(),
            accepted: false,
            why: Some(why.into()),
            sha256: None,
        }
    }
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Looks at a file; with `expected`, a document of another feed is refused.
pub fn file(path: &Path, expected: Option<Feed>) -> Inspection {
    let opened = File::open(path).and_then(|file| {
        let kind = file.metadata()?.file_type();
        if kind.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        if !kind.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        Ok(file)
    });
    let hashed = opened.and_then(|mut file| {
        let sha256 = sha256_of(&mut file)?;
        file.seek(SeekFrom::Start(0))?;
        Ok((file, sha256))
    });
    match hashed {
        Err(error) => Inspection::refused(format!("the file cannot be read: {error}")),
        Ok((mut file, sha256)) => {
            let mut seen = Seen::new(expected);
            let result = packed::open_file(&mut file, &mut |path, bytes| seen.take(path, bytes));
            Inspection {
                sha256: Some(sha256),
                ..seen.finish(result)
            }
        }
    }
}

/// What is said of a file whose reading ended the process that read it.
pub fn given_up(path: &Path, why: &str) -> Inspection {
    let sha256 = File::open(path).and_then(|mut file| sha256_of(&mut file));
    Inspection {
        sha256: sha256.ok(),
        ..Inspection::refused(why)
    }
}

/// Looks at bytes as if they were a file.
pub fn bytes(bytes: &[u8], expected: Option<Feed>) -> Inspection {
    let mut seen = Seen::new(expected);
    let result = packed::open_bytes(bytes, &mut |path, bytes| seen.take(path, bytes));
    Inspection {
        sha256: Some(Sha256::digest(bytes).into()),
        ..seen.finish(result)
    }
}

/// SHA-256 of everything that a reader gives, in one pass.
pub fn sha256_of(reader: &mut dyn Read) -> io::Result<[u8; 32]> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(digest.finalize().into()),
            Ok(read) => digest.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Keeps what is broken, and nothing of the records.
#[derive(Default)]
struct BrokenOnly {
    listed: Vec<Broken>,
    more: u64,
}

impl BrokenOnly {
    fn push(&mut self, place: &str, why: &str) {
        if self.listed.len() < BROKEN_LISTED_MAX {
            self.listed.push(Broken {
                place: shown(place),
                why: shown(why),
            });
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    fn into_list(mut self) -> Vec<Broken> {
        if self.more > 0 {
            self.listed.push(Broken {
                place: "the rest".to_owned(),
                why: format!("{} more entries are broken", self.more),
            });
        }
        self.listed
    }
}

impl Sink for BrokenOnly {
    fn record(&mut self, _: Record) {}

    fn broken(&mut self, place: &str, why: &str) {
        self.push(place, why);
    }
}

fn shown(text: &str) -> String {
    let mut characters = text.chars();
    let mut shown: String = characters.by_ref().take(SHOWN_CHARACTERS_MAX).collect();
    if characters.next().is_some() {
        shown.push('…');
    }
    shown
}

/// What was seen so far of one file.
struct Seen {
    expected: Option<Feed>,
    members: u64,
    read: Vec<Feed>,
    documents_read: u64,
    document: Option<String>,
    records: u64,
    broken: BrokenOnly,
    notes: Vec<String>,
    notes_more: u64,
    bystanders: u64,
    /// Members that only list documents, set aside: they count when there is nothing else.
    lists: Vec<Parsed>,
    /// The first refusal, for a file in which nothing can be read.
    refused: Option<Unread>,
    /// A part that only spreadsheets and other Office documents have.
    office: bool,
    ids: HashSet<(Feed, String)>,
}

/// The part that every Office Open XML package has.
const OFFICE_PART: &str = "[Content_Types].xml";

impl Seen {
    fn new(expected: Option<Feed>) -> Self {
        Self {
            expected,
            members: 0,
            read: Vec::new(),
            documents_read: 0,
            document: None,
            records: 0,
            broken: BrokenOnly::default(),
            notes: Vec::new(),
            notes_more: 0,
            bystanders: 0,
            lists: Vec::new(),
            refused: None,
            office: false,
            ids: HashSet::new(),
        }
    }

    /// Takes a document or member, or the reason why it could not be opened.
    fn take(&mut self, path: &str, bytes: Result<&[u8], Refusal>) {
        self.members += 1;
        self.office |= path == OFFICE_PART;
        let mut broken = BrokenOnly::default();
        let read = match bytes {
            Ok(bytes) => formats::read(bytes, &mut broken).and_then(|parsed| self.wanted(parsed)),
            Err(refusal) => Err(Unread {
                feed: None,
                refusal,
                bystander: false,
            }),
        };
        match read {
            Ok(parsed) => self.parsed(path, parsed, broken),
            Err(unread) => self.unread(path, unread, broken),
        }
    }

    fn wanted(&self, parsed: Parsed) -> Result<Parsed, Unread> {
        match self.expected {
            Some(expected) if expected != parsed.feed => Err(Unread {
                feed: Some(parsed.feed),
                refusal: Refusal::Invalid {
                    place: "feed".to_owned(),
                    why: format!("the document is of {}, not of {expected}", parsed.feed),
                },
                bystander: false,
            }),
            _ => Ok(parsed),
        }
    }

    fn parsed(&mut self, path: &str, parsed: Parsed, broken: BrokenOnly) {
        if let Some(id) = parsed
            .document
            .as_ref()
            .filter(|_| is_one_record(parsed.feed))
            && !path.is_empty()
            && !self.ids.insert((parsed.feed, id.clone()))
        {
            let why = format!("a second document with the id {id}");
            return self.broken.push(path, &why);
        }
        for entry in broken.listed {
            self.broken.push(&inside(path, &entry.place), &entry.why);
        }
        self.broken.more = self.broken.more.saturating_add(broken.more);
        for note in &parsed.notes {
            self.note(inside(path, note));
        }
        if !path.is_empty() && is_list(parsed.feed) {
            self.lists.push(parsed);
        } else {
            self.count(parsed);
        }
    }

    fn count(&mut self, parsed: Parsed) {
        self.documents_read += 1;
        if !self.read.contains(&parsed.feed) {
            self.read.push(parsed.feed);
        }
        self.records = self.records.saturating_add(parsed.records);
        self.document = parsed.document;
    }

    fn unread(&mut self, path: &str, unread: Unread, broken: BrokenOnly) {
        if path.is_empty() {
            self.broken = broken;
        } else if unread.bystander {
            self.bystanders += 1;
        } else {
            self.broken.push(path, &unread.refusal.to_string());
        }
        // A reason that names a feed says more than one that names none.
        let better = |old: &Unread| old.feed.is_none() && unread.feed.is_some();
        if self.refused.as_ref().is_none_or(better) {
            self.refused = Some(unread);
        }
    }

    fn note(&mut self, note: String) {
        if self.notes.len() < NOTES_TOLD_MAX {
            self.notes.push(shown(&note));
        } else {
            self.notes_more += 1;
        }
    }

    fn finish(mut self, result: Result<Opened, Refusal>) -> Inspection {
        let archive = match result {
            Ok(opened) => opened == Opened::Archive,
            Err(refusal) => {
                let feed = self.expected.filter(|_| self.documents_read > 0);
                return Inspection {
                    feed: feed.or_else(|| self.feed()),
                    broken: self.broken.into_list(),
                    ..Inspection::refused(refusal.to_string())
                };
            }
        };
        let lists = std::mem::take(&mut self.lists);
        if self.documents_read == 0 {
            lists.into_iter().for_each(|list| self.count(list));
        } else if !lists.is_empty() {
            self.note(format!(
                "{} members list other documents and are not counted",
                lists.len()
            ));
        }
        if self.documents_read == 0 {
            return self.nothing_read(archive);
        }
        if self.bystanders > 0 {
            let count = self.bystanders;
            self.note(format!(
                "{count} members are no feed documents and were passed over"
            ));
        }
        if self.notes_more > 0 {
            self.notes
                .push(format!("and {} more notes", self.notes_more));
        }
        Inspection {
            feed: self.feed(),
            document: self
                .document
                .take()
                .filter(|_| !archive || self.documents_read == 1)
                .map(|id| shown(&id)),
            records: self.records,
            accepted: true,
            why: (!self.notes.is_empty()).then(|| self.notes.join("; ")),
            broken: self.broken.into_list(),
            sha256: None,
        }
    }

    /// The feed of all that was read.
    fn feed(&self) -> Option<Feed> {
        match self.read.as_slice() {
            [] => None,
            [feed] => Some(*feed),
            _ => Some(Feed::Archive),
        }
    }

    fn nothing_read(self, archive: bool) -> Inspection {
        let first = self.refused;
        let feed = first.as_ref().and_then(|unread| unread.feed);
        let first = first.map(|unread| unread.refusal.to_string());
        let why = match first {
            _ if self.office => {
                "no feed document: it looks like a spreadsheet or another Office document"
                    .to_owned()
            }
            None => "the archive is empty".to_owned(),
            Some(why) if !archive => why,
            Some(why) => format!(
                "none of the archive's {} members could be read, the first because: {why}",
                self.members
            ),
        };
        Inspection {
            feed,
            broken: if self.office {
                Vec::new()
            } else {
                self.broken.into_list()
            },
            ..Inspection::refused(why)
        }
    }
}

/// A place within a member; the file itself has no path.
fn inside(path: &str, place: &str) -> String {
    if path.is_empty() {
        place.to_owned()
    } else {
        format!("{path}: {place}")
    }
}

/// Whether documents of this feed list others: their lines are no records of the archive they lie in.
fn is_list(feed: Feed) -> bool {
    matches!(
        feed,
        Feed::CsafChanges | Feed::CsafProvider | Feed::MsrcIndex
    )
}

/// Whether a document of this feed is one record, so that its id may stand only once in an archive.
fn is_one_record(feed: Feed) -> bool {
    matches!(
        feed,
        Feed::DebianOsv
            | Feed::UbuntuOsv
            | Feed::AlmaOsv
            | Feed::RockyOsv
            | Feed::SuseOsv
            | Feed::AlpineOsv
            | Feed::Osv
            | Feed::UbuntuVex
            | Feed::RedhatCsaf
            | Feed::RedhatVex
            | Feed::SuseCsaf
            | Feed::OracleCsaf
            | Feed::MsrcCsaf
            | Feed::MsrcVex
            | Feed::Csaf
    )
}

#[cfg(test)]
mod tests;
