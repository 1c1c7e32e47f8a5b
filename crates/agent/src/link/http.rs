//! A small HTTP/1.1 client over one TLS connection: no more headers than needed, everything bounded.
//!
//! Limits: 16 KiB of headers, `protocol::limits::BODY_BYTES_MAX` of body, a time for the whole
//! exchange, so that a server that answers a byte a minute cannot hold the agent.
//! Source: RFC 9112 for the framing of bodies.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::limits::BODY_BYTES_MAX;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::LinkError;
use super::url::ServerUrl;

const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 64;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
const CHUNK_LINE_BYTES_MAX: usize = 256;

/// What a request asks for.
#[derive(Debug, Clone, Copy)]
pub enum Request<'a> {
    /// `GET` this path.
    Get(&'a str),
    /// `POST` this body to this path.
    Post(&'a str, &'a [u8]),
}

/// An answer, headers apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Seconds of `Retry-After`, where it was given as a number.
    pub retry_after_seconds: Option<u64>,
    /// The body.
    pub body: Vec<u8>,
}

/// A connection to the server.
pub struct Connection {
    stream: StreamOwned<ClientConnection, TcpStream>,
    authority: String,
    /// Bytes read and not yet used.
    buffer: Vec<u8>,
    /// Whether the server will answer a further request here.
    reusable: bool,
    /// Whether it already answered one.
    used: bool,
}

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
    Close,
}

struct Head {
    status: u16,
    retry_after_seconds: Option<u64>,
    framing: Framing,
}

impl Connection {
    /// Connects, and shakes hands.
    ///
    /// # Errors
    /// [`LinkError::Unreachable`], or [`LinkError::Untrusted`] when the server's key is not the one
    /// that is pinned.
    pub fn open(url: &ServerUrl, config: Arc<ClientConfig>) -> Result<Self, LinkError> {
        let name = ServerName::try_from(url.host().to_owned()).map_err(|_| LinkError::Answer {
            reason: format!("{} is not a name that TLS can ask for", url.host()),
        })?;
        let socket = connect(url)?;
        let _ = socket.set_nodelay(true);
        socket
            .set_read_timeout(Some(CONNECT_TIMEOUT))
            .and_then(|()| socket.set_write_timeout(Some(CONNECT_TIMEOUT)))
            .map_err(|problem| LinkError::io(url, problem))?;
        let session = ClientConnection::new(config, name).map_err(|problem| LinkError::Answer {
            reason: problem.to_string(),
        })?;
        let mut stream = StreamOwned::new(session, socket);
        while stream.conn.is_handshaking() {
            stream
                .conn
                .complete_io(&mut stream.sock)
                .map_err(|problem| LinkError::io(url, problem))?;
        }
        Ok(Self {
            stream,
            authority: url.authority(),
            buffer: Vec::new(),
            reusable: true,
            used: false,
        })
    }

    /// Whether a further request can be tried here.
    pub fn is_reusable(&self) -> bool {
        self.reusable
    }

    /// Whether it answered before: then a first failure may only mean that it went stale.
    pub fn was_used(&self) -> bool {
        self.used
    }

    /// Asks, and reads the whole answer.
    pub fn exchange(&mut self, request: Request<'_>, limit: Duration) -> io::Result<Response> {
        let deadline = Instant::now() + limit;
        self.reusable = false;
        self.send(request, deadline)?;
        let head = self.read_head(deadline)?;
        let mut body = Vec::new();
        let mut reader = BodyReader::new(head.framing);
        while let Some(part) = reader.next(self, deadline)? {
            body.extend_from_slice(&part);
            if body.len() > BODY_BYTES_MAX {
                return Err(malformed("the answer is too long"));
            }
        }
        self.reusable = head.framing != Framing::Close;
        self.used = true;
        Ok(Response {
            status: head.status,
            retry_after_seconds: head.retry_after_seconds,
            body,
        })
    }

    /// Asks, and hands over the answer's body as it comes, until `part` says stop or nothing came for
    /// `silence`. Of an answer other than 200 only the head is read. The body of what is returned is
    /// empty.
    pub fn stream(
        &mut self,
        request: Request<'_>,
        silence: Duration,
        part: &mut dyn FnMut(&[u8]) -> bool,
    ) -> io::Result<Response> {
        self.reusable = false;
        self.send(request, Instant::now() + CONNECT_TIMEOUT)?;
        let head = self.read_head(Instant::now() + CONNECT_TIMEOUT)?;
        let response = Response {
            status: head.status,
            retry_after_seconds: head.retry_after_seconds,
            body: vec![],
        };
        if head.status != 200 {
            return Ok(response);
        }
        let mut reader = BodyReader::new(head.framing);
        while let Some(bytes) = reader.next(self, Instant::now() + silence)? {
            if !part(&bytes) {
                break;
            }
        }
        Ok(response)
    }

    fn send(&mut self, request: Request<'_>, deadline: Instant) -> io::Result<()> {
        let mut bytes = request_head(request, &self.authority).into_bytes();
        if let Request::Post(_, body) = request {
            bytes.extend_from_slice(body);
        }
        self.stream.sock.set_write_timeout(Some(left(deadline)?))?;
        self.stream.write_all(&bytes)?;
        self.stream.flush()
    }

    fn read_head(&mut self, deadline: Instant) -> io::Result<Head> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
            let mut response = httparse::Response::new(&mut headers);
            match response.parse(&self.buffer) {
                Ok(httparse::Status::Complete(length)) => {
                    let head = head_of(&response)?;
                    self.buffer.drain(..length);
                    // 1xx answers come before the real one.
                    if !(100..200).contains(&head.status) {
                        return Ok(head);
                    }
                }
                Ok(httparse::Status::Partial) if self.buffer.len() < HEAD_BYTES_MAX => {
                    if !self.fill(deadline)? {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Ok(httparse::Status::Partial) => return Err(malformed("its headers are too long")),
                Err(_) => return Err(malformed("its headers cannot be read")),
            }
        }
    }

    /// Reads some more; `false` at the end.
    fn fill(&mut self, deadline: Instant) -> io::Result<bool> {
        self.stream.sock.set_read_timeout(Some(left(deadline)?))?;
        let mut bytes = [0; 8192];
        let count = self.stream.read(&mut bytes)?;
        self.buffer.extend_from_slice(&bytes[..count]);
        Ok(count > 0)
    }

    fn line(&mut self, deadline: Instant) -> io::Result<String> {
        loop {
            if let Some(at) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line = String::from_utf8_lossy(&self.buffer[..at]).into_owned();
                self.buffer.drain(..at + 2);
                return Ok(line);
            }
            if self.buffer.len() > CHUNK_LINE_BYTES_MAX {
                return Err(malformed("a line of its framing is too long"));
            }
            if !self.fill(deadline)? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

struct BodyReader {
    framing: Framing,
    /// Bytes left of the body, or of the present chunk.
    left: usize,
    /// Whether a chunk was begun, so that its end is due.
    inside: bool,
}

impl BodyReader {
    fn new(framing: Framing) -> Self {
        let left = match framing {
            Framing::Length(length) => length,
            Framing::Chunked => 0,
            Framing::Close => usize::MAX,
        };
        Self {
            framing,
            left,
            inside: false,
        }
    }

    /// The next bytes; `None` at the end of the body.
    fn next(&mut self, from: &mut Connection, deadline: Instant) -> io::Result<Option<Vec<u8>>> {
        if self.framing == Framing::Chunked && self.left == 0 && !self.next_chunk(from, deadline)? {
            return Ok(None);
        }
        if self.left == 0 {
            return Ok(None);
        }
        if from.buffer.is_empty() && !from.fill(deadline)? {
            return match self.framing {
                Framing::Close => Ok(None),
                Framing::Length(_) | Framing::Chunked => Err(io::ErrorKind::UnexpectedEof.into()),
            };
        }
        let count = from.buffer.len().min(self.left);
        if self.framing != Framing::Close {
            self.left -= count;
        }
        Ok(Some(from.buffer.drain(..count).collect()))
    }

    /// Reads the head of the next chunk; `false` after the last.
    fn next_chunk(&mut self, from: &mut Connection, deadline: Instant) -> io::Result<bool> {
        if self.inside && !from.line(deadline)?.is_empty() {
            return Err(malformed("a part of it is longer than it says"));
        }
        let line = from.line(deadline)?;
        let size = line.split(';').next().unwrap_or("").trim();
        self.left = usize::from_str_radix(size, 16)
            .ok()
            .filter(|&size| size <= BODY_BYTES_MAX)
            .ok_or_else(|| malformed("a part of it has no length"))?;
        self.inside = true;
        if self.left == 0 {
            // Trailers, up to the empty line.
            while !from.line(deadline)?.is_empty() {}
            return Ok(false);
        }
        Ok(true)
    }
}

/// The head of a request: these three lines and no more, because an unchanged check-in is small.
fn request_head(request: Request<'_>, authority: &str) -> String {
    match request {
        Request::Get(path) => format!("GET {path} HTTP/1.1\r\nhost: {authority}\r\n\r\n"),
        Request::Post(path, body) => format!(
            "POST {path} HTTP/1.1\r\nhost: {authority}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        ),
    }
}

fn head_of(response: &httparse::Response<'_, '_>) -> io::Result<Head> {
    let status = response.code.ok_or_else(|| malformed("it has no status"))?;
    let header = |name: &str| {
        response
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))
            .and_then(|header| std::str::from_utf8(header.value).ok())
            .map(str::trim)
    };
    let framing = if matches!(status, 100..=199 | 204 | 304) {
        Framing::Length(0)
    } else if header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
    {
        Framing::Chunked
    } else if let Some(length) = header("content-length") {
        let length = length
            .parse()
            .ok()
            .filter(|&length| length <= BODY_BYTES_MAX)
            .ok_or_else(|| malformed("the answer is too long"))?;
        Framing::Length(length)
    } else {
        Framing::Close
    };
    Ok(Head {
        status,
        retry_after_seconds: header("retry-after").and_then(|value| value.parse().ok()),
        framing,
    })
}

fn connect(url: &ServerUrl) -> Result<TcpStream, LinkError> {
    let addresses = (url.host(), url.port())
        .to_socket_addrs()
        .map_err(|problem| LinkError::io(url, problem))?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(socket) => return Ok(socket),
            Err(problem) => last = problem,
        }
    }
    Err(LinkError::io(url, last))
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Ok(left)
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}
