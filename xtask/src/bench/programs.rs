//! Builds what the benches run, and runs it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::build::{cargo, must, target_dir};

/// Builds a binary of a package (release) and gives its path.
pub fn binary(package: &str, name: &str) -> Result<PathBuf> {
    let mut command = cargo();
    command.args([
        "build",
        "--release",
        "--locked",
        "--quiet",
        "--package",
        package,
    ]);
    must(&mut command, &format!("building {name}"))?;
    Ok(target_dir()?.join("release").join(name))
}

/// Builds an example of a package (release) and gives its path.
pub fn example(package: &str, name: &str) -> Result<PathBuf> {
    let mut command = cargo();
    command.args([
        "build",
        "--release",
        "--locked",
        "--quiet",
        "--package",
        package,
    ]);
    must(
        command.args(["--example", name]),
        &format!("building {name}"),
    )?;
    Ok(target_dir()?.join("release/examples").join(name))
}

/// Runs a command with `input` on its standard input and gives its standard output.
pub fn output(command: &mut Command, input: &str) -> Result<String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {command:?}"))?;
    let mut pipe = child.stdin.take().context("no standard input")?;
    let input = input.to_owned();
    let writer = std::thread::spawn(move || pipe.write_all(input.as_bytes()));
    let finished = child.wait_with_output()?;
    // A program may end without reading everything; its exit code says whether that is fine.
    let _ = writer.join();
    ensure!(
        finished.status.success(),
        "{command:?} ended with {}",
        finished.status
    );
    Ok(String::from_utf8_lossy(&finished.stdout).into_owned())
}

/// As [`output`], for a command that prints JSON.
pub fn json(command: &mut Command, input: &str) -> Result<Value> {
    let text = output(command, input)?;
    serde_json::from_str(&text).with_context(|| format!("{command:?} printed no JSON: {text:.200}"))
}

/// A number of a JSON object.
pub fn number(value: &Value, name: &str) -> Result<f64> {
    value[name]
        .as_f64()
        .with_context(|| format!("no number `{name}` in {value}"))
}
