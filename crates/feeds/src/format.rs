//! What every parser of a feed takes and gives.
//!
//! A parser is a pure function over the bytes of one document, already unpacked and bounded by
//! [`DOCUMENT_BYTES_MAX`]. It hands over record by record, so that memory does not grow with the
//! document's records. A record that cannot be read goes to [`Sink::broken`] and never stops the
//! rest; a document that cannot be trusted as a whole is a [`Refusal`].

use domain::advisory::{Advisory, ApplicationVersion, Lifecycle, Notice};
use domain::cve::CveId;
use domain::definitions::{ModuleStream, RepositoryPlatforms, SupportEnd};
use domain::feed::Feed;
use domain::name::{PackageName, Version};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::refusal::Refusal;

/// Most bytes of one document, unpacked.
pub const DOCUMENT_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Most records of one document.
pub const RECORDS_MAX: u64 = 2_000_000;
/// Deepest nesting of JSON, XML and YAML.
pub const DEPTH_MAX: usize = 100;

/// One form of document: how it is recognised, and how it is read.
#[derive(Clone, Copy)]
pub struct Format {
    /// Its name, for people and for the fuzz corpus: `msrc-cvrf-xml`.
    pub name: &'static str,
    /// Whether these bytes are of this form. Looks at content only, and never panics.
    pub recognise: fn(&Probe<'_>) -> bool,
    /// Reads the whole document.
    pub parse: fn(&[u8], &mut dyn Sink) -> Result<Parsed, Refusal>,
}

/// What a recogniser looks at.
pub struct Probe<'a> {
    /// The whole document, without a byte order mark.
    pub bytes: &'a [u8],
    /// The first bytes as text (at most [`PROBE_BYTES`]), blanks at the start taken off; bytes that
    /// are no UTF-8 are replaced.
    pub head: String,
}

/// How many bytes are shown as [`Probe::head`].
pub const PROBE_BYTES: usize = 16 * 1024;

impl<'a> Probe<'a> {
    /// Looks at a document.
    pub fn new(bytes: &'a [u8]) -> Self {
        let bytes = without_mark(bytes);
        let head = &bytes[..bytes.len().min(PROBE_BYTES)];
        let head = String::from_utf8_lossy(head).trim_start().to_owned();
        Self { bytes, head }
    }

    /// Whether the document begins as JSON: an object or an array.
    pub fn is_json(&self) -> bool {
        self.head.starts_with(['{', '['])
    }

    /// Whether the document begins as XML.
    pub fn is_xml(&self) -> bool {
        self.head.starts_with('<')
    }

    /// Whether the key stands in the head of a JSON document, at whatever depth.
    pub fn has_key(&self, key: &str) -> bool {
        self.head.contains(&format!("\"{key}\""))
    }

    /// Whether the key stands anywhere in the document; for keys that may come late.
    pub fn has_key_anywhere(&self, key: &str) -> bool {
        let needle = format!("\"{key}\"");
        self.has_key(key) || holds(self.bytes, needle.as_bytes())
    }
}

/// Whether the needle stands anywhere in the bytes.
pub(crate) fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(bytes, needle).is_some()
}

/// The bytes without a UTF-8 byte order mark.
pub fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// A document that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// Whose.
    pub feed: Feed,
    /// The id that the document gives itself; `None`: it gives none.
    pub document: Option<String>,
    /// When it was made, as it says itself.
    pub dated: Option<Timestamp>,
    /// Records read, in the feed's own unit; broken ones not counted.
    pub records: u64,
    /// What is not as the standard wants it and does no harm, one sentence each.
    pub notes: Vec<String>,
}

impl Parsed {
    /// A document of `feed` with nothing read yet.
    pub fn new(feed: Feed) -> Self {
        Self {
            feed,
            document: None,
            dated: None,
            records: 0,
            notes: Vec::new(),
        }
    }
}

/// Where a parser puts what it reads.
pub trait Sink {
    /// Takes one record.
    fn record(&mut self, record: Record);
    /// Takes note of a record that could not be read: where (an id, a line, a path) and why.
    fn broken(&mut self, place: &str, why: &str);
}

/// One thing that a document says.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// An advisory.
    Advisory(Box<Advisory>),
    /// A CVE known to be exploited.
    Exploited {
        /// Which.
        cve: CveId,
        /// When it was added.
        added: Date,
        /// Until when agencies must act.
        due: Option<Date>,
        /// Known to be used for ransom.
        ransomware: bool,
    },
    /// A CVE's probability of exploitation, in millionths.
    Score {
        /// Which.
        cve: CveId,
        /// 0 to 1,000,000.
        millionths: u32,
    },
    /// What is known of a CVE beside versions (NVD, vendor APIs).
    Cve(Box<Advisory>),
    /// A support date.
    Lifecycle(Lifecycle),
    /// A package whose security support in a system ended or is limited.
    Support(Box<SupportEnd>),
    /// An application version that can be installed.
    Application(Box<ApplicationVersion>),
    /// A product of a vendor, by the vendor's id.
    Product {
        /// The id.
        id: String,
        /// The name.
        name: String,
    },
    /// A document that an index names: what to fetch.
    Listed {
        /// Its id or path.
        document: String,
        /// Its address, where one is given.
        address: Option<String>,
        /// When it changed, as the index says.
        changed: Option<Timestamp>,
    },
    /// A document that the publisher says is gone: a tombstone.
    Deleted {
        /// Its id or path.
        document: String,
        /// When.
        at: Option<Timestamp>,
    },
    /// A repository and the platforms (CPE) whose packages it carries.
    Repository(RepositoryPlatforms),
    /// A module's stream and the packages that belong to it.
    Module(ModuleStream),
    /// A package that a repository offers.
    Offered {
        /// Its name.
        name: PackageName,
        /// Its version.
        version: Version,
        /// Its source.
        source: PackageName,
        /// The source's version.
        source_version: Version,
    },
    /// News.
    Notice(Box<Notice>),
}

/// A sink that keeps everything; for tests and small documents.
#[derive(Debug, Default)]
pub struct Collect {
    /// The records, in their order.
    pub records: Vec<Record>,
    /// What was broken: where and why.
    pub broken: Vec<(String, String)>,
}

impl Sink for Collect {
    fn record(&mut self, record: Record) {
        self.records.push(record);
    }
    fn broken(&mut self, place: &str, why: &str) {
        self.broken.push((place.to_owned(), why.to_owned()));
    }
}

impl Collect {
    /// The advisories among the records.
    pub fn advisories(&self) -> impl Iterator<Item = &Advisory> {
        self.records.iter().filter_map(|record| match record {
            Record::Advisory(advisory) => Some(advisory.as_ref()),
            _ => None,
        })
    }
}
