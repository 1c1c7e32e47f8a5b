//! `patchloop policy`, the verbs that need no server: they read policy files and a fleet's snapshot.

pub mod check;
pub mod evaluate;
pub mod files;
pub mod openings;
pub mod snapshot;
