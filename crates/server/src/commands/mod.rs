//! The commands, one file a noun.

pub mod owner;
pub mod serve;
