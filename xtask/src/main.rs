//! The project's own tasks: `cargo xtask <task>`.
//!
//! `up` and `test` are the two commands of the README; the others are for those who work on the
//! house. Talk goes to stderr. Exit codes: 0 done, 1 failed, 2 wrong use.

mod bench;
mod build;
mod deny;
mod packages;
mod test;
mod tidy;

use std::process::ExitCode;

const HELP: &str = "cargo xtask <task>

  up [--once] [--json] [...]   build server and agent, start them, enrol and scan this machine
  test [FILTER]                run every test; installs the system packages it needs when it may
  lab story                    run and watch the lab's whole story (root)
  lab up                       six devices and a server, left standing to be tried (root)
  tidy                         check the house: arrows, headers, sizes, SQL, clocks, systems
  bench [NAME]                 measure, as ratios within one run
  deny                         licences, bans and sources of all dependencies
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rest = arguments.get(1..).unwrap_or_default();
    let done = match arguments.first().map(String::as_str) {
        Some("up") => build::up(rest),
        Some("test") => test::run(rest),
        Some("lab") => test::lab(rest),
        Some("tidy") => tidy::run(),
        Some("bench") => bench::run(rest),
        Some("deny") => deny::run(),
        Some("help" | "--help" | "-h") => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        other => {
            eprintln!("error: unknown task `{}`\n\n{HELP}", other.unwrap_or(""));
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
