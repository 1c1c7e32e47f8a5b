//! What the agent needs from one operating system: places, rights, processes. Nothing else in this
//! crate knows which system it runs on.

mod backend;
#[cfg(unix)]
mod unix;

pub use backend::backend;
#[cfg(unix)]
pub use unix::*;
