//! `patchloop`: makes the one clock and hands over.

use std::process::ExitCode;
use std::sync::Arc;

use clock::SystemClock;

fn main() -> ExitCode {
    if let Some(banner) = clock::banner() {
        eprintln!("{banner}");
    }
    server::cli::main(Arc::new(SystemClock))
}
