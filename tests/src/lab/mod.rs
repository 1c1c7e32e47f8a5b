//! Sites, devices, the mirror's proxy and an own repository, from real system tools.
//!
//! ```text
//!  root namespace                        site namespace (no route out)
//!  mirror ◀── nginx (cache, /own/) ◀── unix socket ◀── socat gateway:3142 ◀── apt in a device
//!  server ◀── socat ◀────────────────── unix socket ◀── socat gateway:PORT ◀── agent in a device
//! ```
//!
//! Unix sockets are found by path in every network namespace, so a site needs no route to be served.
//! What a lab starts or makes is first written to its ledger ([`ledger`]); the same cleanup reads it
//! on drop, on Ctrl-C and, after a kill, at the next start.

mod base;
mod command;
mod core;
mod device;
mod extra;
mod inside;
pub mod ledger;
mod names;
mod pending;
mod proxy;
mod repository;
pub mod requirements;
mod signals;
mod site;
pub mod sources;
mod whole;

pub use base::Base;
pub use command::wait_until;
pub use device::{Device, DeviceKind, HttpAnswer, Spawned};
pub use extra::ExtraPackage;
pub use pending::Pending;
pub use repository::{OwnRepo, SLOW_SECONDS_DEFAULT};
pub use site::Site;
pub use whole::Lab;
