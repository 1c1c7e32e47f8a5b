//! `patchloop policy`, the verbs that need no server: they read policy files and a fleet's snapshot.

pub mod check;
pub mod evaluate;
pub mod files;
pub mod fleet;
pub mod import_freezes;
pub mod openings;
pub mod plan;
pub mod rehearse;
pub mod snapshot;
pub mod write;
