//! The server and the operator's commands.
//!
//! `cli` has every command on one page, `commands/` one file a noun, `offline/` what needs no server,
//! `running` the server itself, `failure` turns errors into exit codes and hints.

pub mod cli;
pub mod client;
pub mod commands;
pub mod failure;
pub mod offline;
pub mod running;
pub mod table;

pub use failure::{Failure, Outcome};
pub use running::{Running, StartOptions, start};
