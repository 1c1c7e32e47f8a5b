//! `cargo xtask test`: every test there is, and one line that counts them.
//!
//! The last line is `N passed, N failed, N skipped`. With `CI` set or as root a skipped lab,
//! PostgreSQL run or real apt is a failure. What was skipped is said at the end, with the reason.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result, bail};

use crate::build::{cargo, must, target_dir};
use crate::{deny, packages, tidy};

/// What was counted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    passed: u32,
    failed: u32,
    skipped: Vec<String>,
}

/// Words of skips that are failures where the machine could have done them.
const NEVER_SKIPPED: &[&str] = &["lab", "postgresql", "real apt", "libapt"];

/// Runs everything, or only the tests whose names contain the filter.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    let strict = std::env::var_os("CI").is_some() || packages::is_root();
    let mut count = Count::default();
    packages::ensure()?;
    if arguments.is_empty() {
        for (what, check) in [
            ("tidy", tidy::run as fn() -> Result<ExitCode>),
            ("format", format),
            ("clippy", clippy),
            ("deny", deny::run),
        ] {
            eprintln!("== {what}");
            match check() {
                Ok(code) if code == ExitCode::SUCCESS => count.passed += 1,
                Ok(_) => count.failed += 1,
                Err(error) => {
                    eprintln!("{what}: {error:#}");
                    count.failed += 1;
                }
            }
        }
    }
    let lab = lab_binaries()?;
    eprintln!("== tests");
    libtest(arguments, &lab, &mut count)?;
    for skip in &count.skipped {
        eprintln!("SKIPPED {skip}");
        let word = skip.to_lowercase();
        if strict && NEVER_SKIPPED.iter().any(|never| word.starts_with(never)) {
            eprintln!("  that may not be skipped as root or in CI: counted as a failure");
            count.failed += 1;
        }
    }
    println!(
        "{} passed, {} failed, {} skipped",
        count.passed,
        count.failed,
        count.skipped.len()
    );
    Ok(if count.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn format() -> Result<ExitCode> {
    must(
        cargo().args(["fmt", "--all", "--check"]),
        "cargo fmt --check",
    )?;
    Ok(ExitCode::SUCCESS)
}

fn clippy() -> Result<ExitCode> {
    must(
        cargo()
            .args([
                "clippy",
                "--workspace",
                "--all-targets",
                "--locked",
                "--quiet",
                "--",
            ])
            .args(["-D", "warnings"]),
        "cargo clippy",
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Builds server and agent with the clock that the lab moves, and puts them apart from what other
/// builds would overwrite.
fn lab_binaries() -> Result<PathBuf> {
    eprintln!("== building server and agent for the lab");
    must(
        cargo()
            .args([
                "build",
                "--locked",
                "--package",
                "patchloop-server",
                "--package",
                "patchloop-agent",
            ])
            .args([
                "--features",
                "patchloop-server/test-clock,patchloop-agent/test-clock",
            ]),
        "building for the lab",
    )?;
    let target = target_dir()?;
    let folder = target.join("lab-bin");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    for name in ["patchloop", "patchloop-agent"] {
        let (from, to) = (target.join("debug").join(name), folder.join(name));
        // A new file, so that a program that still runs from the old one is not disturbed.
        let _ = std::fs::remove_file(&to);
        std::fs::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    Ok(folder)
}

fn libtest(filters: &[String], lab: &std::path::Path, count: &mut Count) -> Result<()> {
    let log_path = target_dir()?.join("test-log.txt");
    let mut log = std::fs::File::create(&log_path)
        .with_context(|| format!("cannot write {}", log_path.display()))?;
    let mut child = cargo()
        .args(["test", "--workspace", "--locked", "--no-fail-fast"])
        .arg("--")
        .args(filters)
        .arg("--show-output")
        .env("PATCHLOOP_LAB_BIN", lab)
        .env("INSTA_UPDATE", "no")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(std::io::stderr())
        .spawn()
        .context("cannot start cargo test")?;
    let output = child.stdout.take().expect("the output was asked for");
    for line in BufReader::new(output).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        writeln!(log, "{line}")?;
        if count_line(&line, count) {
            eprintln!("{line}");
        }
    }
    let status = child.wait()?;
    if !status.success() && count.failed == 0 {
        count.failed += 1;
        eprintln!("cargo test ended with {status}");
    }
    eprintln!("the whole output: {}", log_path.display());
    Ok(())
}

/// Counts one line of libtest's output; true when a person should see it.
fn count_line(line: &str, count: &mut Count) -> bool {
    if let Some(rest) = line.strip_prefix("test result: ") {
        let number = |word: &str| -> u32 {
            rest.split([';', '.'])
                .find_map(|part| part.trim().strip_suffix(word)?.trim().parse().ok())
                .unwrap_or(0)
        };
        count.passed += number("passed");
        count.failed += number("failed");
        for _ in 0..number("ignored") {
            count
                .skipped
                .push("a test that is marked as ignored".into());
        }
        return false;
    }
    if let Some((_, reason)) = line.split_once("SKIPPED") {
        // The test itself counts as passed for libtest; it did not run.
        count.passed = count.passed.saturating_sub(1);
        count
            .skipped
            .push(reason.trim_start_matches([':', ' ']).to_owned());
        return false;
    }
    line.ends_with("FAILED")
        || line.contains("panicked at")
        || line.starts_with("test ") && line.contains("FAILED")
}

/// `cargo xtask lab story`: the lab's whole story, to be watched; `lab up`: a lab to play with.
pub fn lab(arguments: &[String]) -> Result<ExitCode> {
    let what = match arguments {
        [what] if what == "story" || what == "up" => what.as_str(),
        _ => bail!("expected `cargo xtask lab story` or `cargo xtask lab up`"),
    };
    if !packages::is_root() {
        bail!("the lab makes network namespaces and mounts: run it as root");
    }
    let lab = lab_binaries()?;
    let mut command = cargo();
    command.env("PATCHLOOP_LAB_BIN", &lab);
    if what == "story" {
        command.args([
            "test",
            "--locked",
            "--package",
            "patchloop-tests",
            "--test",
            "lab",
        ]);
        command.args(["--", "story", "--nocapture"]);
        must(&mut command, "the lab's story")?;
        return Ok(ExitCode::SUCCESS);
    }
    command.args(["run", "--locked", "--quiet", "--package", "patchloop-tests"]);
    let status = command
        .args(["--example", "lab_up"])
        .status()
        .context("cannot start the lab")?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_summed_and_skips_are_not_passes() {
        let mut count = Count::default();
        for line in [
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s",
            "SKIPPED data: no folder of real data",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
        ] {
            count_line(line, &mut count);
        }
        assert_eq!(
            (count.passed, count.failed, count.skipped.len()),
            (14, 2, 2)
        );
    }
}
