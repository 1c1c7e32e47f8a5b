//! What every Linux system shows of itself, whatever its package manager: processes, services, locks,
//! kernels. All of it reads files below a root that is handed in, so that tests can build one.

pub(crate) mod kernel;
pub(crate) mod locks;
pub(crate) mod processes;
pub(crate) mod services;
pub(crate) mod system;
