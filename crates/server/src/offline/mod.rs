//! Commands that need no server: they read what they are given and answer.

pub mod assess;
pub mod compare;
pub mod inspect;
pub mod inventory;
pub mod policy;
pub mod supersedes;
