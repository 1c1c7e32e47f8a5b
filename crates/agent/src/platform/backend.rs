//! Which package manager lives on this device.

use std::path::Path;
use std::sync::Arc;

use backends::{Apt, Backend, Places, SystemRunner};

use crate::failure::Failure;

/// The package managers' own programs, in the order in which they are looked for.
const APT: &str = "/usr/bin/apt-get";

/// The package manager of this device; its caches lie below `state`.
///
/// # Errors
/// When none lives here that this agent knows.
pub fn backend(state: &Path) -> Result<Box<dyn Backend>, Failure> {
    if Path::new(APT).is_file() {
        let cache = state.join("cache");
        return Ok(Box::new(Apt::new(
            Arc::new(SystemRunner),
            Places::system(),
            cache,
        )));
    }
    Err(
        Failure::refused("no package manager that this agent knows was found on this device")
            .hint("this version knows apt"),
    )
}
