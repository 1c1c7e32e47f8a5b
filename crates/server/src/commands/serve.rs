//! `patchloop serve`: runs the server until it is told to stop.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use domain::clock::Clock;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{Global, StateArgs};
use crate::failure::{Failure, Outcome};
use crate::running::{StartOptions, start};

/// `patchloop serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    state: StateArgs,
    /// Where people reach the console and the API; plain HTTP on loopback only
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8480")]
    console: SocketAddr,
    /// Where agents reach the server; 0.0.0.0:8443 opens it to the network
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8443")]
    agents: SocketAddr,
    /// Folder with feed documents, recognised by their content
    #[arg(long, value_name = "DIR")]
    definitions: Option<PathBuf>,
    /// Fetch no feeds by itself
    #[arg(long)]
    no_refresh: bool,
    /// Tell every new advisory that hits a device at once; without it what is neither exploited nor
    /// critical waits for the digest
    #[arg(long)]
    tell_at_once: bool,
    /// Certificate chain for the console, PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key of that certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

/// Runs the server; returns after SIGTERM or SIGINT, when all requests have been answered.
pub fn run(args: &ServeArgs, global: &Global, clock: Arc<dyn Clock>) -> Result<Outcome, Failure> {
    let options = StartOptions {
        state: args.state.folder()?,
        console: args.console,
        agents: args.agents,
        definitions: args.definitions.clone(),
        refresh: !args.no_refresh,
        tell_at_once: args.tell_at_once,
        tls: args.tls_cert.clone().zip(args.tls_key.clone()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start threads")?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        let running = start(&options, clock).await?;
        tell(&running, global)?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        running.stop().await;
        Ok(Outcome::Done)
    })
}

fn tell(running: &crate::Running, global: &Global) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    if global.json {
        let line = json!({
            "console": running.console_url,
            "agents": running.agents_url,
            "pin": running.pin,
        });
        writeln!(out, "{line}").context("cannot write to standard output")?;
    } else {
        writeln!(
            out,
            "console  {}\nagents   {}\npin      {}",
            running.console_url, running.agents_url, running.pin
        )
        .context("cannot write to standard output")?;
    }
    out.flush().context("cannot write to standard output")?;
    Ok(())
}
