//! The server as a library function, so that `serve`, `up` and tests run it alike.
//!
//! `start` opens the state folder and the database, binds both listeners, starts the loops, and gives
//! a handle that stops it all. Errors say what, where and why, with a hint.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use domain::clock::Clock;
use feeds::fetch::{Http, Patience};
use service::feed::Feeds;
use service::keys::{KeyError, Keys};
use service::loops::Refreshing;
use service::state_folder::{StateFolder, StateFolderError, StateLock};
use service::{Service, ServiceError};
use store::{Store, StoreError};
use tokio::task::JoinHandle;
use web::state::{AppState, Transport};

use crate::failure::Failure;

/// How long requests that are under way may take when the server stops, in seconds.
const STOP_SECONDS: u64 = 10;
/// How long a new connection may take to its first request, in seconds.
const FIRST_REQUEST_SECONDS: u64 = 20;
/// The file that tells local commands where the console is.
const CONSOLE_URL_FILE: &str = "console.url";

/// How a server is started.
#[derive(Debug, Clone)]
pub struct StartOptions {
    /// The state folder.
    pub state: PathBuf,
    /// Where people reach it; port 0 takes a free one.
    pub console: SocketAddr,
    /// Where agents reach it; port 0 takes a free one.
    pub agents: SocketAddr,
    /// A folder with feed documents, beside those that are kept.
    pub definitions: Option<PathBuf>,
    /// Whether feeds are fetched by themselves; a person may ask for them in any case.
    pub refresh: bool,
    /// Whether everything that hits somebody is told at once.
    pub tell_at_once: bool,
    /// Certificate chain and private key of the console, PEM.
    pub tls: Option<(PathBuf, PathBuf)>,
}

/// A server that runs.
pub struct Running {
    /// The console and the API.
    pub console_url: String,
    /// What agents enrol at.
    pub agents_url: String,
    /// What agents pin.
    pub pin: String,
    /// The use cases, for whoever runs it in the same process.
    pub service: Arc<Service>,
    handles: [Handle<SocketAddr>; 2],
    listeners: Vec<JoinHandle<std::io::Result<()>>>,
    loops: service::loops::Loops,
    console_url_file: PathBuf,
    _lock: StateLock,
}

impl Running {
    /// Stops: no new requests, those under way are answered, then the loops and the database end.
    pub async fn stop(self) {
        self.service.stop_wakes();
        for handle in &self.handles {
            handle.graceful_shutdown(Some(Duration::from_secs(STOP_SECONDS)));
        }
        for listener in self.listeners {
            if let Ok(Err(error)) = listener.await {
                tracing::warn!(%error, "a listener ended with an error");
            }
        }
        self.loops.stop().await;
        // Best effort: a stale address only makes a link that nobody answers.
        let _ = std::fs::remove_file(&self.console_url_file);
    }
}

/// Starts a server.
pub async fn start(options: &StartOptions, clock: Arc<dyn Clock>) -> Result<Running, Failure> {
    let transport = transport(options)?;
    let folder = StateFolder::open(&options.state).map_err(explain_folder)?;
    let lock = folder.lock().map_err(explain_folder)?;
    let console = bind("console", "--console", options.console)?;
    let agents = bind("agents' link", "--agents", options.agents)?;
    let service = open_service(&options.state, options.definitions.as_deref(), clock)?;
    load_definitions(&service, options.definitions.as_deref()).await?;
    let console_address = console.local_addr().context("cannot read the address")?;
    let agents_address = agents.local_addr().context("cannot read the address")?;

    let state = AppState::new(Arc::clone(&service), transport);
    let handles = [Handle::new(), Handle::new()];
    let people =
        web::router::for_people(state.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let people = match &options.tls {
        None => {
            let server = axum_server::from_tcp(console)
                .context("cannot serve the console")?
                .handle(handles[0].clone())
                .http1_only()
                .first_request_timeout(Duration::from_secs(FIRST_REQUEST_SECONDS));
            tokio::spawn(server.serve(people))
        }
        Some((certificate, key)) => {
            let config = web::tls::for_console(certificate, key).map_err(|error| {
                Failure::failed(error).hint("--tls-cert takes a PEM chain, --tls-key its PEM key")
            })?;
            let server = axum_server::from_tcp_rustls(console, RustlsConfig::from_config(config))
                .context("cannot serve the console")?
                .handle(handles[0].clone())
                .http1_only()
                .first_request_timeout(Duration::from_secs(FIRST_REQUEST_SECONDS));
            tokio::spawn(server.serve(people))
        }
    };
    let config = web::tls::for_agents(service.keys().certificate(), service.keys().tls_key())?;
    let server = axum_server::from_tcp_rustls(agents, RustlsConfig::from_config(config))
        .context("cannot serve the agents' link")?
        .handle(handles[1].clone())
        .http1_only()
        .first_request_timeout(Duration::from_secs(FIRST_REQUEST_SECONDS));
    let devices =
        tokio::spawn(server.serve(
            web::router::for_agents(state).into_make_service_with_connect_info::<SocketAddr>(),
        ));
    service.tell_at_once(options.tell_at_once);
    let loops = service::loops::start(&service, refreshing(options.refresh));

    let scheme = match transport {
        Transport::Plain => "http",
        Transport::Tls => "https",
    };
    let console_url = format!("{scheme}://{console_address}");
    let console_url_file = options.state.join(CONSOLE_URL_FILE);
    std::fs::write(&console_url_file, &console_url)
        .with_context(|| format!("cannot write {}", console_url_file.display()))?;
    Ok(Running {
        console_url,
        agents_url: format!("https://{agents_address}"),
        pin: service.keys().pin().to_owned(),
        service,
        handles,
        listeners: vec![people, devices],
        loops,
        console_url_file,
        _lock: lock,
    })
}

/// The address that a running server wrote into its state folder.
pub fn console_url_of(state: &Path) -> Option<String> {
    let text = std::fs::read_to_string(state.join(CONSOLE_URL_FILE)).ok()?;
    let text = text.trim();
    text.starts_with("http").then(|| text.to_owned())
}

/// Opens keys and database of a state folder. Works beside a running server.
pub fn open_service(
    state: &Path,
    definitions: Option<&Path>,
    clock: Arc<dyn Clock>,
) -> Result<Arc<Service>, Failure> {
    let folder = StateFolder::open(state).map_err(explain_folder)?;
    let keys = Keys::load_or_make(folder.path()).map_err(explain_keys)?;
    let store = Store::open(&folder.database(), store::OpenOptions::default())
        .map_err(|error| explain(ServiceError::Store(error)))?;
    let feeds = Feeds::open(folder.path(), definitions)
        .with_context(|| format!("cannot keep definitions in {}", state.display()))
        .map_err(|error| {
            Failure::failed(error).hint("check who owns the state folder and its permissions")
        })?;
    Service::new(store, clock, keys, feeds).map_err(explain)
}

/// How feeds are fetched; without trusted certificates they cannot be.
fn refreshing(automatic: bool) -> Option<Refreshing> {
    match Http::new(Patience::default()) {
        Ok(http) => Some(Refreshing {
            transport: Arc::new(http),
            automatic,
        }),
        Err(why) => {
            tracing::warn!(why, "feeds cannot be fetched");
            None
        }
    }
}

/// Reads the definitions that are kept and those of the folder; a damaged document is reported by
/// `feed status` and stops nothing.
async fn load_definitions(service: &Arc<Service>, folder: Option<&Path>) -> Result<(), Failure> {
    if let Some(folder) = folder {
        std::fs::read_dir(folder)
            .with_context(|| format!("cannot read the definitions in {}", folder.display()))
            .map_err(|error| {
                Failure::failed(error).hint("--definitions takes a folder with feed documents")
            })?;
    }
    let service = Arc::clone(service);
    tokio::task::spawn_blocking(move || service.feeds_start())
        .await
        .context("the definitions were not read")?
        .map_err(explain)
}

/// Plain HTTP on loopback only.
fn transport(options: &StartOptions) -> Result<Transport, Failure> {
    match (&options.tls, options.console.ip().is_loopback()) {
        (Some(_), _) => Ok(Transport::Tls),
        (None, true) => Ok(Transport::Plain),
        (None, false) => Err(Failure::wrong_use(anyhow!(
            "the console on {} would send passwords and tokens in the clear",
            options.console
        ))
        .hint("give it a certificate: --tls-cert FILE --tls-key FILE; or keep it on 127.0.0.1 behind a proxy with TLS")),
    }
}

fn bind(what: &str, option: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    let failed = |error: std::io::Error| {
        let in_use = error.kind() == std::io::ErrorKind::AddrInUse;
        let failure = Failure::failed(
            anyhow::Error::new(error).context(format!("cannot listen on {address} for the {what}")),
        );
        if in_use {
            failure.hint(format!(
                "another program has this port: stop it, or choose another: {option} {}:0 takes a free one",
                address.ip()
            ))
        } else {
            failure.hint(format!("choose another address: {option} ADDR"))
        }
    };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

/// Adds a hint to an error of the use cases.
pub fn explain(error: ServiceError) -> Failure {
    let hint = match &error {
        ServiceError::Store(StoreError::Newer { .. }) => {
            Some("start the newer version, or restore a backup made before the upgrade")
        }
        ServiceError::Store(StoreError::Open { .. }) => {
            Some("check who owns the state folder, or choose another: --state DIR")
        }
        ServiceError::Conflict { .. } => Some("`patchloop owner sign-in` makes a new sign-in link"),
        _ => None,
    };
    let failure = Failure::failed(error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn explain_folder(error: StateFolderError) -> Failure {
    let hint = match &error {
        StateFolderError::Locked { .. } => {
            "stop the other server, or choose another folder: --state DIR"
        }
        StateFolderError::Make { .. } | StateFolderError::Use { .. } => {
            "check who owns it and its permissions, or choose another: --state DIR"
        }
    };
    Failure::failed(error).hint(hint)
}

fn explain_keys(error: KeyError) -> Failure {
    let hint = match &error {
        KeyError::File { .. } => "check who owns the state folder and its permissions",
        KeyError::NotAKey { .. } => {
            "put a backup in its place; a new key would lock out every enrolled device"
        }
        KeyError::Exposed { .. } => {
            "chmod 600 the file if nobody else has read it; else enrol all devices again with a new key"
        }
        KeyError::Make { .. } => "try again",
    };
    Failure::failed(error).hint(hint)
}
