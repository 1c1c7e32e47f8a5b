//! The words of Patchloop: ids, names, states, legal transitions, the query language.
//!
//! Pure: no clock, no randomness, no I/O; time is a parameter. `domain` says what may happen,
//! `engine` says what should happen. One word for one thing: the glossary is in `ARCHITECTURE.md`.

pub mod access;
pub mod advisory;
pub mod changelog;
pub mod client;
pub mod clock;
pub mod coverage;
pub mod cve;
pub mod decision;
pub mod definitions;
pub mod device;
pub mod document;
pub mod enrolment;
pub mod event;
pub mod feed;
pub mod finding;
pub mod id;
pub mod inventory;
pub mod judgement;
pub mod name;
pub mod offer;
pub mod order;
pub mod package;
pub mod page;
pub mod patch;
pub mod policy;
pub mod proof;
pub mod query;
pub mod release;
pub mod report;
pub mod severity;
pub mod snapshot;
pub mod ticket;
pub mod verdict;
pub mod window;

pub use jiff::Timestamp;
