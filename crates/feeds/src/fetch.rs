//! Fetching documents: one request at a time, conditional, bounded, streamed.
//!
//! Only https, apart from this computer itself (loopback) and files named by an absolute path or
//! `file://`. Redirects are followed a few times, never from https to http and never from elsewhere
//! to this computer. The environment's proxy is used (`HTTPS_PROXY`, `NO_PROXY`). Bodies go to a
//! writer as they come and are hashed on the way; one byte too many, or too few, is an error.
//! Which addresses to ask is [`plan`]'s business.

pub mod plan;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests;

use std::io::{Read, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use ureq::http::{StatusCode, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Body};

/// Most bytes of one body.
pub const BODY_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Most redirects of one request.
pub const REDIRECTS_MAX: u32 = 5;
/// Most bytes of an `ETag` or `Last-Modified` that is kept.
const VALIDATOR_BYTES_MAX: usize = 1024;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Where.
    pub address: String,
    /// The `ETag` that the last answer had.
    pub etag: Option<String>,
    /// The `Last-Modified` that the last answer had.
    pub last_modified: Option<String>,
    /// Most bytes that are taken.
    pub bytes_max: u64,
}

impl Request {
    /// A request without conditions.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            etag: None,
            last_modified: None,
            bytes_max: BODY_BYTES_MAX,
        }
    }
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The same as last time.
    NotModified,
    /// A body, now in the writer.
    Body {
        /// How many bytes.
        bytes: u64,
        /// Their SHA-256.
        sha256: [u8; 32],
        /// Its `ETag`.
        etag: Option<String>,
        /// Its `Last-Modified`.
        last_modified: Option<String>,
    },
}

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// An address that is never asked.
    #[error("`{address}` is not asked: {why}")]
    Address {
        /// Which.
        address: String,
        /// Why not.
        why: String,
    },
    /// No answer.
    #[error("{address} does not answer: {why}")]
    Unreachable {
        /// Where.
        address: String,
        /// What was said.
        why: String,
    },
    /// An answer that is no success.
    #[error("{address} answered with status {status}")]
    Status {
        /// Where.
        address: String,
        /// The HTTP status.
        status: u16,
    },
    /// More bytes than are taken.
    #[error("{address} sent more than {bytes_max} bytes")]
    TooLarge {
        /// Where.
        address: String,
        /// The limit.
        bytes_max: u64,
    },
    /// The body ended early, or never.
    #[error("{address} sent {got} bytes and then no more: {why}")]
    Truncated {
        /// Where.
        address: String,
        /// Bytes that came.
        got: u64,
        /// What was said.
        why: String,
    },
    /// It could not be written down.
    #[error("the document could not be written down")]
    Write(#[source] std::io::Error),
    /// Its checksum stands beside it and is another.
    #[error("{address} does not have the checksum that its publisher states")]
    Checksum {
        /// Where.
        address: String,
    },
    /// A list that cannot be read.
    #[error("the list {address} cannot be read: {why}")]
    List {
        /// Where.
        address: String,
        /// Why not.
        why: String,
    },
}

impl FetchError {
    /// Whether the address answered that it has no such thing.
    pub fn is_absent(&self) -> bool {
        matches!(
            self,
            Self::Status {
                status: 404 | 410,
                ..
            }
        )
    }
}

/// What makes requests.
pub trait Transport: Send + Sync {
    /// Makes one request; a body goes to `into`.
    fn get(&self, request: &Request, into: &mut dyn Write) -> Result<Answer, FetchError>;
}

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Until a connection stands.
    pub connect: Duration,
    /// Between two parts of an answer.
    pub read: Duration,
    /// One request in all.
    pub whole: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            read: Duration::from_secs(60),
            whole: Duration::from_secs(30 * 60),
        }
    }
}

/// Requests over HTTP.
pub struct Http {
    outside: Agent,
    here: Agent,
}

impl Http {
    /// Prepares requests. Errors: the system has no trusted certificates.
    pub fn new(patience: Patience) -> Result<Self, String> {
        let found = rustls_native_certs::load_native_certs();
        let roots: Vec<Certificate<'static>> = found
            .certs
            .iter()
            .map(|der| Certificate::from_der(der).to_owned())
            .collect();
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .build();
        let common = || {
            Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .timeout_connect(Some(patience.connect))
                .timeout_recv_response(Some(patience.read))
                .timeout_per_read(Some(patience.read))
                .timeout_global(Some(patience.whole))
                .user_agent(concat!("patchloop/", env!("CARGO_PKG_VERSION")))
                .tls_config(tls.clone())
        };
        Ok(Self {
            outside: common().build().new_agent(),
            here: common().proxy(None).build().new_agent(),
        })
    }

    fn ask(&self, address: &str, request: &Request) -> Result<ureq::http::Response<Body>, String> {
        let agent = if is_loopback(address) {
            &self.here
        } else {
            &self.outside
        };
        let mut asked = agent.get(address);
        if let Some(etag) = &request.etag {
            asked = asked.header(header::IF_NONE_MATCH, etag);
        }
        if let Some(modified) = &request.last_modified {
            asked = asked.header(header::IF_MODIFIED_SINCE, modified);
        }
        asked.call().map_err(|error| error.to_string())
    }
}

impl Transport for Http {
    fn get(&self, request: &Request, into: &mut dyn Write) -> Result<Answer, FetchError> {
        if let Some(path) = file_path(&request.address) {
            return of_file(&path, request, into);
        }
        let mut address = request.address.clone();
        check_address(&address)?;
        for _ in 0..=REDIRECTS_MAX {
            let answer = self
                .ask(&address, request)
                .map_err(|why| FetchError::Unreachable {
                    address: address.clone(),
                    why,
                })?;
            match answer.status() {
                StatusCode::NOT_MODIFIED => return Ok(Answer::NotModified),
                StatusCode::OK => return take(answer, &address, request.bytes_max, into),
                status if status.is_redirection() => {
                    address = redirected(&address, &answer)?;
                }
                status => {
                    return Err(FetchError::Status {
                        address,
                        status: status.as_u16(),
                    });
                }
            }
        }
        Err(FetchError::Address {
            address: request.address.clone(),
            why: format!("it redirects more than {REDIRECTS_MAX} times"),
        })
    }
}

/// Refuses what is neither https nor this computer.
fn check_address(address: &str) -> Result<(), FetchError> {
    let refuse = |why: &str| FetchError::Address {
        address: address.chars().take(200).collect(),
        why: why.to_owned(),
    };
    let uri: ureq::http::Uri = address.parse().map_err(|_| refuse("it is no address"))?;
    if uri.authority().is_none_or(|a| a.as_str().contains('@')) {
        return Err(refuse("it names no server, or a user"));
    }
    match uri.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if is_loopback(address) => Ok(()),
        Some("http") => Err(refuse(
            "anybody on the way could change what plain HTTP brings",
        )),
        _ => Err(refuse("expected https://")),
    }
}

fn is_loopback(address: &str) -> bool {
    let uri: Option<ureq::http::Uri> = address.parse().ok();
    let host = uri.as_ref().and_then(ureq::http::Uri::host).unwrap_or("");
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The address that a redirect names, if it may be followed.
fn redirected(from: &str, answer: &ureq::http::Response<Body>) -> Result<String, FetchError> {
    let refuse = |why: String| FetchError::Address {
        address: from.to_owned(),
        why,
    };
    let location = answer
        .headers()
        .get(header::LOCATION)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| refuse("it redirects to nowhere".to_owned()))?;
    let to = plan::joined(from, location)
        .ok_or_else(|| refuse("it redirects to what is no address".to_owned()))?;
    let shown: String = to.chars().take(200).collect();
    if from.starts_with("https://") && !to.starts_with("https://") {
        return Err(refuse(format!("it redirects out of https, to {shown}")));
    }
    if is_loopback(&to) && !is_loopback(from) {
        return Err(refuse(format!("it redirects to this computer, {shown}")));
    }
    check_address(&to)?;
    Ok(to)
}

fn take(
    mut answer: ureq::http::Response<Body>,
    address: &str,
    bytes_max: u64,
    into: &mut dyn Write,
) -> Result<Answer, FetchError> {
    let text = |name: header::HeaderName| {
        answer
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .filter(|value| value.len() <= VALIDATOR_BYTES_MAX)
            .map(str::to_owned)
    };
    let (etag, last_modified) = (text(header::ETAG), text(header::LAST_MODIFIED));
    let stated: Option<u64> = text(header::CONTENT_LENGTH).and_then(|text| text.parse().ok());
    if stated.is_some_and(|bytes| bytes > bytes_max) {
        return Err(FetchError::TooLarge {
            address: address.to_owned(),
            bytes_max,
        });
    }
    // One byte more than is taken, so that too much is seen.
    let mut body = answer
        .body_mut()
        .with_config()
        .limit(bytes_max.saturating_add(2))
        .reader();
    let (bytes, sha256) = copied(&mut body, address, bytes_max, into)?;
    if stated.is_some_and(|stated| stated != bytes) {
        return Err(FetchError::Truncated {
            address: address.to_owned(),
            got: bytes,
            why: format!("{} were announced", stated.unwrap_or_default()),
        });
    }
    Ok(Answer::Body {
        bytes,
        sha256,
        etag,
        last_modified,
    })
}

fn copied(
    body: &mut dyn Read,
    address: &str,
    bytes_max: u64,
    into: &mut dyn Write,
) -> Result<(u64, [u8; 32]), FetchError> {
    let (mut bytes, mut hash) = (0_u64, Sha256::new());
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = match body.read(&mut buffer) {
            Ok(0) => return Ok((bytes, hash.finalize().into())),
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(FetchError::Truncated {
                    address: address.to_owned(),
                    got: bytes,
                    why: error.to_string(),
                });
            }
        };
        bytes = bytes.saturating_add(read as u64);
        if bytes > bytes_max {
            return Err(FetchError::TooLarge {
                address: address.to_owned(),
                bytes_max,
            });
        }
        hash.update(&buffer[..read]);
        into.write_all(&buffer[..read]).map_err(FetchError::Write)?;
    }
}

/// The path of an address that names a file of this computer.
fn file_path(address: &str) -> Option<PathBuf> {
    let path = address.strip_prefix("file://").unwrap_or(address);
    path.starts_with('/').then(|| PathBuf::from(path))
}

fn of_file(path: &Path, request: &Request, into: &mut dyn Write) -> Result<Answer, FetchError> {
    let failed = |error: &std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => FetchError::Status {
            address: request.address.clone(),
            status: StatusCode::NOT_FOUND.as_u16(),
        },
        _ => FetchError::Unreachable {
            address: request.address.clone(),
            why: error.to_string(),
        },
    };
    let mut file = std::fs::File::open(path).map_err(|error| failed(&error))?;
    let about = file.metadata().map_err(|error| failed(&error))?;
    if !about.is_file() {
        return Err(FetchError::Address {
            address: request.address.clone(),
            why: "it is no file".to_owned(),
        });
    }
    let (bytes, sha256) = copied(&mut file, &request.address, request.bytes_max, into)?;
    // Files have no validators of their own: their content is.
    let etag: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    if request.etag.as_ref() == Some(&etag) {
        return Ok(Answer::NotModified);
    }
    Ok(Answer::Body {
        bytes,
        sha256,
        etag: Some(etag),
        last_modified: None,
    })
}

/// Whether a document has the SHA-256 that a checksum file beside it states: `HEX  NAME`.
pub fn checksum_agrees(file: &[u8], sha256: &[u8; 32]) -> bool {
    let text = String::from_utf8_lossy(&file[..file.len().min(4096)]);
    let stated = text.split_whitespace().next().unwrap_or_default();
    let own: String = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
    stated.eq_ignore_ascii_case(&own)
}
