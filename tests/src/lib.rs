//! The lab: real devices, real package managers and real links on one machine.
//!
//! The end-to-end tests bring up a [`Lab`], put agents into its [`Device`]s and look at what really
//! happened. Linux only, needs root, and changes nothing on the machine outside its own folders,
//! except for installing the tools that [`requirements::ensure`] finds missing.

mod lab;
pub mod operator;
pub mod story;

pub use lab::*;
