//! Feeds: documents from outside, parsed into words of the domain.
//!
//! Each form of document has one file (or folder) whose parser is pure; [`formats`] lists them all.
//! Broken records are counted, never guessed; a document that is not what it says is refused.

pub mod applications;
pub mod arch;
pub mod bundle;
pub mod csaf;
pub mod cvrf;
pub mod cvss;
pub mod deb_changelog;
pub mod debian;
pub mod definitions;
pub mod endoflife;
pub mod epss;
pub mod fetch;
mod fields;
pub mod format;
pub mod formats;
pub mod fuzz;
pub mod inspect;
pub mod json;
pub mod kev;
pub mod looks;
pub mod microsoft;
pub mod notice;
pub mod nvd;
pub mod openvex;
pub mod osv;
pub mod oval;
pub mod packed;
pub mod platform;
pub mod refusal;
pub mod rpm;
pub mod secdb;
pub mod seen;
pub mod sources;
pub mod ubuntu;
pub mod when;
pub mod words;
pub mod xml;
pub mod yaml;

#[cfg(test)]
mod samples;
