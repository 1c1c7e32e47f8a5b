//! Why a document is not taken as a whole.

/// Why a document, or a packing, is refused. Each says what a person can act on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// More bytes than are read.
    #[error("{what} is larger than {limit_bytes} bytes, more is not read")]
    TooLarge {
        /// The document, or a member of an archive.
        what: String,
        /// The limit.
        limit_bytes: u64,
    },
    /// More records or members than are read.
    #[error("more than {limit} {what}, the rest is not read")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// Nested too deeply.
    #[error("nested deeper than {limit} levels at {place}")]
    TooDeep {
        /// Where.
        place: String,
        /// The limit.
        limit: usize,
    },
    /// Neither UTF-8 nor declared otherwise.
    #[error("the text is not UTF-8 at byte {at}")]
    Encoding {
        /// Offset in bytes.
        at: usize,
    },
    /// The document ends before it is whole.
    #[error("the document ends in the middle at {place}: it is truncated")]
    Truncated {
        /// Where.
        place: String,
    },
    /// Not the syntax that it should be.
    #[error("not readable {syntax} at {place}: {why}")]
    Syntax {
        /// `JSON`, `XML`, …
        syntax: &'static str,
        /// Where.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// The document declares entities or includes others.
    #[error("the XML declares entities at {place}; they are never expanded")]
    Entities {
        /// Where.
        place: String,
    },
    /// Without something that it must have.
    #[error("{place}: {what} is missing")]
    Missing {
        /// Where in the document.
        place: String,
        /// What.
        what: String,
    },
    /// With something that it may not have.
    #[error("{place}: {why}")]
    Invalid {
        /// Where in the document.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// A packing that cannot be opened or whose checksum is wrong.
    #[error("the {packing} packing is damaged: {why}")]
    Packing {
        /// `gzip`, `zip`, …
        packing: &'static str,
        /// What is wrong.
        why: String,
    },
    /// No parser knows it.
    #[error("no feed document: {why}")]
    Unrecognised {
        /// What it is instead, as far as can be said.
        why: String,
    },
    /// Nothing inside.
    #[error("the document is empty")]
    Empty,
}
