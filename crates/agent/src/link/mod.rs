//! The link to the server: signed messages over pinned TLS, by requests that the agent makes.
//!
//! Blocking, one request at a time. An answer that is not understood is an error with the reason;
//! the caller decides when to try again.

mod der;
mod http;
mod tls;
mod url;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use protocol::Envelope;
use protocol::enrol::Enrolled;
use protocol::sync::{CounterBehind, SyncReply};
use rustls::ClientConfig;
use serde::Deserialize;

use self::http::{Connection, Request, Response};
pub use self::tls::{InvalidPin, Pin};
pub use self::url::{InvalidUrl, ServerUrl};

/// How long one exchange may take.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the wake stream may be silent: the server pings at least every 55 seconds.
pub const WAKE_SILENCE: Duration = Duration::from_secs(130);
const ENROL: &str = "/agent/v1/enrol";
const SYNC: &str = "/agent/v1/sync";
const WAKE: &str = "/agent/v1/wake";

/// Why the server gave no answer that could be used.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// It was not reached, or broke off.
    #[error("cannot reach {url}")]
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        source: io::Error,
    },
    /// Somebody else answered.
    #[error("the server at {url} does not have the key that was pinned")]
    Untrusted {
        /// Where.
        url: String,
    },
    /// Its answer cannot be used.
    #[error("the answer of the server cannot be used: {reason}")]
    Answer {
        /// What is wrong.
        reason: String,
    },
    /// It refused.
    #[error("the server refused: {title} ({status}){}", if detail.is_empty() { String::new() } else { format!(": {detail}") })]
    Refused {
        /// The status.
        status: u16,
        /// In its words.
        title: String,
        /// In more of its words.
        detail: String,
    },
    /// It is too busy.
    #[error("the server is busy")]
    Busy {
        /// When to come again, in seconds.
        retry_after_seconds: Option<u64>,
    },
    /// It has seen a higher counter than this message has.
    #[error("the server has seen the counter {counter} already")]
    CounterBehind {
        /// The highest counter that it has seen.
        counter: u64,
    },
}

impl LinkError {
    fn io(url: &ServerUrl, problem: io::Error) -> Self {
        use rustls::{CertificateError, Error as TlsError};
        let url = url.to_string();
        let tls = problem
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<TlsError>());
        match tls {
            Some(TlsError::InvalidCertificate(
                CertificateError::ApplicationVerificationFailure,
            )) => Self::Untrusted { url },
            Some(other) => Self::Answer {
                reason: format!("no TLS 1.3 with it: {other}"),
            },
            None if problem.kind() == io::ErrorKind::InvalidData => Self::Answer {
                reason: problem.to_string(),
            },
            None => Self::Unreachable {
                url,
                source: problem,
            },
        }
    }
}

/// What the wake stream says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// Check in now.
    Sync,
    /// The stream is alive.
    Ping,
}

/// The link to one server.
pub struct Link {
    url: ServerUrl,
    config: Arc<ClientConfig>,
    connection: Option<Connection>,
}

impl Link {
    /// Makes a link; nothing is sent yet.
    pub fn new(url: ServerUrl, pin: Pin) -> Self {
        Self {
            url,
            config: tls::client_config(pin),
            connection: None,
        }
    }

    /// Enrols this device.
    pub fn enrol(&mut self, envelope: &Envelope) -> Result<Enrolled, LinkError> {
        let response = self.post(ENROL, &envelope.to_bytes())?;
        read(&accepted(response)?.body)
    }

    /// Checks in.
    pub fn sync(&mut self, envelope: &Envelope) -> Result<SyncReply, LinkError> {
        let response = self.post(SYNC, &envelope.to_bytes())?;
        if response.status == 409 {
            let behind: CounterBehind = read(&response.body)?;
            return Err(LinkError::CounterBehind {
                counter: behind.counter,
            });
        }
        read(&accepted(response)?.body)
    }

    /// Lets go of the connection until the next exchange.
    pub fn rest(&mut self) {
        self.connection = None;
    }

    /// Listens on the wake stream until `heard` says stop, the stream ends or falls silent.
    pub fn listen(
        &mut self,
        token: &str,
        heard: &mut dyn FnMut(Wake) -> bool,
    ) -> Result<(), LinkError> {
        let path = format!("{WAKE}?token={}", escape(token));
        let mut connection = Connection::open(&self.url, self.config.clone())?;
        let mut line = Vec::new();
        let response = connection
            .stream(Request::Get(&path), WAKE_SILENCE, &mut |bytes| {
                wakes(&mut line, bytes).into_iter().all(&mut *heard)
            })
            .map_err(|problem| LinkError::io(&self.url, problem))?;
        match response.status {
            200 => Ok(()),
            429 | 503 => Err(LinkError::Busy {
                retry_after_seconds: response.retry_after_seconds,
            }),
            status => Err(LinkError::Refused {
                status,
                title: "no wake stream".to_owned(),
                detail: String::new(),
            }),
        }
    }

    /// Posts over the connection that is open, or over a new one when that went stale meanwhile: every
    /// message may come twice, its counter tells.
    fn post(&mut self, path: &str, body: &[u8]) -> Result<Response, LinkError> {
        let kept = self.connection.take().filter(Connection::is_reusable);
        let mut connection = match kept {
            Some(connection) => connection,
            None => Connection::open(&self.url, self.config.clone())?,
        };
        let request = Request::Post(path, body);
        let mut response = connection.exchange(request, EXCHANGE_TIMEOUT);
        if response.is_err() && connection.was_used() {
            connection = Connection::open(&self.url, self.config.clone())?;
            response = connection.exchange(request, EXCHANGE_TIMEOUT);
        }
        let response = response.map_err(|problem| LinkError::io(&self.url, problem))?;
        self.connection = Some(connection);
        Ok(response)
    }
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
}

fn accepted(response: Response) -> Result<Response, LinkError> {
    match response.status {
        200 | 201 => Ok(response),
        429 | 503 => Err(LinkError::Busy {
            retry_after_seconds: response.retry_after_seconds,
        }),
        status => {
            let problem: Problem = serde_json::from_slice(&response.body).unwrap_or(Problem {
                title: "no reason given".to_owned(),
                detail: String::new(),
            });
            Err(LinkError::Refused {
                status,
                title: plain(&problem.title),
                detail: plain(&problem.detail),
            })
        }
    }
}

/// Keeps a server's words from steering a terminal.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| domain::name::printable(*c))
        .take(500)
        .collect()
}

fn read<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, LinkError> {
    serde_json::from_slice(body).map_err(|problem| LinkError::Answer {
        reason: problem.to_string(),
    })
}

/// Escapes what may not stand in a query as it is.
fn escape(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => write!(out, "%{byte:02X}").expect("writing to a text cannot fail"),
        }
        out
    })
}

/// Reads events out of a stream of bytes; `line` keeps what is not a whole line yet.
fn wakes(line: &mut Vec<u8>, bytes: &[u8]) -> Vec<Wake> {
    const LINE_BYTES_MAX: usize = 1024;
    let mut found = vec![];
    for &byte in bytes {
        if byte != b'\n' && byte != b'\r' {
            if line.len() < LINE_BYTES_MAX {
                line.push(byte);
            }
            continue;
        }
        // Only the event's name is read: no data, because the stream has no authority.
        if let Some(name) = line.strip_prefix(b"event:") {
            match name.trim_ascii() {
                b"sync" => found.push(Wake::Sync),
                b"ping" => found.push(Wake::Ping),
                _ => {}
            }
        } else if !line.is_empty() && line[0] == b':' {
            found.push(Wake::Ping);
        }
        line.clear();
    }
    found
}

#[cfg(test)]
pub(crate) mod tests;
