//! `cargo deny`: licences, bans and sources of all dependencies.
//!
//! The tool is installed once into the user's cache folder when it is not there.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::build::{cargo, must, root};

const VERSION: &str = "0.20.2";

/// The user's cache folder for this project.
pub fn cache_dir() -> Result<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME") {
        Some(dir) => PathBuf::from(dir),
        None => PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".cache"),
    };
    Ok(base.join("patchloop"))
}

fn tool() -> Result<PathBuf> {
    if let Ok(output) = Command::new("cargo-deny").arg("--version").output()
        && output.status.success()
    {
        return Ok("cargo-deny".into());
    }
    let home = cache_dir()?.join("tools");
    let program = home.join("bin/cargo-deny");
    if !program.exists() {
        eprintln!("installing cargo-deny {VERSION} (once)");
        must(
            cargo()
                .args([
                    "install",
                    "--locked",
                    "--quiet",
                    "--version",
                    VERSION,
                    "--root",
                ])
                .arg(&home)
                .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
                .env("CARGO_PROFILE_RELEASE_LTO", "off")
                .env("CARGO_TARGET_DIR", cache_dir()?.join("tools-target"))
                .arg("cargo-deny"),
            "installing cargo-deny",
        )?;
    }
    Ok(program)
}

/// Checks the whole workspace, then the agent's tree by its stricter list.
pub fn run() -> Result<ExitCode> {
    let tool = tool()?;
    for (arguments, config, what) in [
        (
            &["--workspace"][..],
            "deny.toml",
            "the rules for all dependencies",
        ),
        (
            &["--manifest-path", "crates/agent/Cargo.toml"][..],
            "deny-agent.toml",
            "the agent's rules",
        ),
    ] {
        must(
            Command::new(&tool)
                .current_dir(root())
                .args(["--locked", "--log-level", "error", "--config", config])
                .args(arguments)
                .args(["check", "bans", "licenses", "sources"]),
            what,
        )?;
    }
    eprintln!("deny: licences, bans and sources are as they should be");
    Ok(ExitCode::SUCCESS)
}
