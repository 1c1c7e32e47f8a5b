//! One target for all parsers; `PATCHLOOP_FUZZ` names which of `feeds::fuzz::targets`.
#![no_main]

use std::sync::LazyLock;

use feeds::fuzz::{Target, targets};
use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("PATCHLOOP_FUZZ").unwrap_or_else(|_| "inspect".to_owned());
    let found = targets().into_iter().find(|(target, _)| *target == name);
    found.unwrap_or_else(|| panic!("no target is named {name}")).1
});

fuzz_target!(|bytes: &[u8]| (*TARGET)(bytes));
