//! Builds what is needed and hands over to it.

use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};

/// The workspace's root: of the clone that cargo runs this task from, which is not always the one
/// that it was built in where clones share a target directory.
pub fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from)
        .parent()
        .expect("xtask stands in the workspace")
        .to_owned()
}

/// The cargo that runs this task.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    // What cargo set for this task must not reach the cargo that it starts.
    for name in [
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "CARGO_PKG_NAME",
        "CARGO_PKG_VERSION",
    ] {
        command.env_remove(name);
    }
    command
}

/// Where cargo puts what it builds.
pub fn target_dir() -> Result<PathBuf> {
    let output = cargo()
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .context("cannot run cargo metadata")?;
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).context("cargo metadata gave no JSON")?;
    let dir = metadata["target_directory"]
        .as_str()
        .context("cargo metadata names no target")?;
    Ok(PathBuf::from(dir))
}

/// Runs a command, its standard output sent to stderr, and fails with a sentence.
pub fn must(command: &mut Command, what: &str) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status()
        .with_context(|| format!("cannot start: {what}"))?;
    if !status.success() {
        bail!("{what} failed ({status})");
    }
    Ok(())
}

/// The folder of real data, where there is one.
pub fn data_dir() -> Option<PathBuf> {
    let dir = match std::env::var_os("PATCHLOOP_DATA") {
        Some(dir) => PathBuf::from(dir),
        None => root().parent()?.join("shared/data"),
    };
    dir.is_dir().then_some(dir)
}

/// `cargo xtask up`: builds server and agent, then becomes `patchloop up`.
pub fn up(arguments: &[String]) -> Result<ExitCode> {
    eprintln!("building server and agent (release); the first time takes some minutes");
    must(
        cargo()
            .args([
                "build",
                "--release",
                "--locked",
                "--package",
                "patchloop-server",
            ])
            .args(["--package", "patchloop-agent"]),
        "building server and agent",
    )?;
    let program = target_dir()?.join("release/patchloop");
    let mut command = Command::new(&program);
    command.arg("up").args(arguments);
    if let Some(data) = data_dir()
        && !arguments
            .iter()
            .any(|a| a == "--definitions" || a.starts_with("--definitions="))
    {
        command.arg("--definitions").arg(data);
    }
    let status = command
        .status()
        .with_context(|| format!("cannot start {}", program.display()))?;
    Ok(match status.code() {
        Some(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        None => ExitCode::FAILURE,
    })
}
