//! `patchloop-agent`: the library does everything.

use std::process::ExitCode;

fn main() -> ExitCode {
    agent::cli::main()
}
