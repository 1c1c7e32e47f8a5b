//! The link against a small TLS server in the same process.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use domain::device::Mode;
use domain::id::DeviceId;
use domain::inventory::Digest;
use ed25519_dalek::SigningKey;
use protocol::sync::{Counters, FactsPart, InventoryPart, ShortDigest, Sync};
use protocol::{MessageType, SignerKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};

use super::*;

type Stream = StreamOwned<ServerConnection, TcpStream>;

/// A server that answers the connections one after the other, each with its script.
pub(crate) struct Peer {
    pub url: ServerUrl,
    pub pin: Pin,
    pub requests: Receiver<Vec<u8>>,
}

pub(crate) fn peer(
    versions: &[&'static SupportedProtocolVersion],
    scripts: Vec<Vec<&'static str>>,
) -> Peer {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["elsewhere.example".into()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let pin = Pin::of(certificate.der()).unwrap();
    let config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from(certificate.der().to_vec())],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, requests) = mpsc::channel();
    thread::spawn(move || {
        for script in scripts {
            let Ok((socket, _)) = listener.accept() else {
                return;
            };
            let connection = ServerConnection::new(config.clone()).unwrap();
            let mut stream = StreamOwned::new(connection, socket);
            for answer in script {
                let Some(request) = request(&mut stream) else {
                    break;
                };
                let _ = told.send(request);
                let _ = stream.write_all(answer.as_bytes());
                let _ = stream.flush();
            }
        }
    });
    Peer {
        url: format!("https://127.0.0.1:{port}").parse().unwrap(),
        pin,
        requests,
    }
}

/// Reads one request, head and body.
fn request(stream: &mut Stream) -> Option<Vec<u8>> {
    let mut bytes = vec![];
    let mut part = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if bytes.len() >= end + 4 + length {
                return Some(bytes);
            }
        }
        match stream.read(&mut part) {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&part[..count]),
        }
    }
}

fn unchanged() -> Envelope {
    let sync = Sync {
        device: DeviceId::from_bytes([7; 16]),
        at: 1_795_422_000,
        counters: Counters(123_456, 123_455, 17),
        inventory: InventoryPart::Same(ShortDigest(Digest::of(b"x"))),
        facts: FactsPart::Same("abcdefghijk".into()),
        agent: None,
        progress: vec![],
        outcomes: vec![],
        looks: vec![],
        changelogs: vec![],
    };
    Envelope::sign(
        MessageType::Sync,
        serde_json::to_vec(&sync).unwrap(),
        SignerKind::Device,
        &SigningKey::from_bytes(&[3; 32]),
    )
}

const REPLY: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 72\r\n\r\n{\"counter\":1,\"at\":1795422001,\"mode\":\"observe\",\"next_seconds\":9,\"wake\":\"\"}";

fn reply_with_right_length() -> &'static str {
    let body = REPLY.split("\r\n\r\n").nth(1).unwrap();
    let text = REPLY.replace("72", &body.len().to_string());
    Box::leak(text.into_boxed_str())
}

#[test]
fn an_unchanged_check_in_fits_into_300_bytes_and_is_answered() {
    let peer = peer(
        &[&rustls::version::TLS13],
        vec![vec![reply_with_right_length(), reply_with_right_length()]],
    );
    let mut link = Link::new(peer.url, peer.pin);
    let reply = link.sync(&unchanged()).unwrap();
    assert_eq!((reply.counter, reply.mode), (1, Mode::Observe));
    let sent = peer.requests.recv().unwrap();
    assert!(sent.len() <= 300, "{} bytes", sent.len());
    assert!(sent.starts_with(b"POST /agent/v1/sync HTTP/1.1\r\n"));
    assert!(sent.ends_with(&unchanged().to_bytes()));
    // The second goes over the same connection: there is only one script.
    link.sync(&unchanged()).unwrap();
}

#[test]
fn another_key_than_the_pinned_one_gets_nothing() {
    let peer = peer(&[&rustls::version::TLS13], vec![vec!["unused"]]);
    let other: Pin = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        .parse()
        .unwrap();
    let refused = Link::new(peer.url, other).sync(&unchanged());
    assert!(
        matches!(refused, Err(LinkError::Untrusted { .. })),
        "{refused:?}"
    );
    assert!(peer.requests.try_recv().is_err(), "nothing was sent");
}

#[test]
fn tls_1_2_is_refused() {
    let peer = peer(&[&rustls::version::TLS12], vec![vec!["unused"]]);
    let refused = Link::new(peer.url, peer.pin).sync(&unchanged());
    assert!(
        matches!(refused, Err(LinkError::Answer { .. })),
        "{refused:?}"
    );
    assert!(peer.requests.try_recv().is_err(), "nothing was sent");
}

#[test]
fn a_connection_that_went_stale_is_opened_anew_with_the_same_message() {
    let peer = peer(
        &[&rustls::version::TLS13],
        vec![
            vec![reply_with_right_length()],
            vec![reply_with_right_length()],
        ],
    );
    let mut link = Link::new(peer.url, peer.pin);
    link.sync(&unchanged()).unwrap();
    link.sync(&unchanged()).unwrap();
    let both: Vec<Vec<u8>> = peer.requests.iter().take(2).collect();
    assert_eq!(both[0], both[1]);
}

/// An answer in parts, framed as RFC 9112 section 7.1 says.
fn chunked(status: &str, parts: &[&str]) -> &'static str {
    let mut text = format!("HTTP/1.1 {status}\r\ntransfer-encoding: chunked\r\n\r\n");
    for part in parts {
        text.push_str(&format!("{:x}\r\n{part}\r\n", part.len()));
    }
    text.push_str("0\r\n\r\n");
    Box::leak(text.into_boxed_str())
}

#[test]
fn refusals_are_told_with_the_servers_words_and_bodies_in_parts_are_read() {
    let problem = chunked(
        "403 Forbidden",
        &["{\"title\":\"used up", "\",\"detail\":\"make a new one\"}"],
    );
    let behind = "HTTP/1.1 409 Conflict\r\ncontent-length: 14\r\n\r\n{\"counter\":41}";
    let busy = "HTTP/1.1 503 Busy\r\nretry-after: 17\r\ncontent-length: 0\r\n\r\n";
    let peer = peer(
        &[&rustls::version::TLS13],
        vec![vec![problem, behind, busy]],
    );
    let mut link = Link::new(peer.url, peer.pin);
    match link.sync(&unchanged()) {
        Err(LinkError::Refused {
            status,
            title,
            detail,
        }) => assert_eq!(
            (status, &title[..], &detail[..]),
            (403, "used up", "make a new one")
        ),
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        link.sync(&unchanged()),
        Err(LinkError::CounterBehind { counter: 41 })
    ));
    assert!(matches!(
        link.sync(&unchanged()),
        Err(LinkError::Busy {
            retry_after_seconds: Some(17)
        })
    ));
}

#[test]
fn an_answer_without_end_is_cut_at_the_limit() {
    let endless = "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n";
    let headers: &str =
        Box::leak(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(20_000)).into_boxed_str());
    for answer in [endless, headers, "garbage\r\n\r\n"] {
        let peer = peer(&[&rustls::version::TLS13], vec![vec![answer]]);
        let refused = Link::new(peer.url, peer.pin).sync(&unchanged());
        assert!(
            matches!(refused, Err(LinkError::Answer { .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn nobody_there_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url: ServerUrl = format!("https://127.0.0.1:{port}").parse().unwrap();
    let pin = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        .parse()
        .unwrap();
    assert!(matches!(
        Link::new(url, pin).sync(&unchanged()),
        Err(LinkError::Unreachable { .. })
    ));
}

#[test]
fn the_wake_stream_says_only_sync_and_ping() {
    let stream = chunked(
        "200 OK",
        &[
            "event: ping\ndata",
            ": \n\nevent: sync\ndata:\n\n",
            "event: order\n",
        ],
    );
    let peer = peer(&[&rustls::version::TLS13], vec![vec![stream]]);
    let mut heard = vec![];
    Link::new(peer.url, peer.pin)
        .listen("a b/&", &mut |wake| {
            heard.push(wake);
            true
        })
        .unwrap();
    assert_eq!(heard, [Wake::Ping, Wake::Sync]);
    let asked = String::from_utf8(peer.requests.recv().unwrap()).unwrap();
    assert!(asked.starts_with("GET /agent/v1/wake?token=a%20b%2F%26 HTTP/1.1\r\n"));
}

#[test]
fn a_busy_server_says_when_to_listen_again() {
    let busy = "HTTP/1.1 429 Slow\r\nretry-after: 40\r\ncontent-length: 0\r\n\r\n";
    let peer = peer(&[&rustls::version::TLS13], vec![vec![busy]]);
    let refused = Link::new(peer.url, peer.pin).listen("t", &mut |_| true);
    assert!(
        matches!(
            refused,
            Err(LinkError::Busy {
                retry_after_seconds: Some(40)
            })
        ),
        "{refused:?}"
    );
}

#[test]
fn events_survive_being_cut_anywhere() {
    let whole = b"event: ping\r\n\r\nevent: sync\r\n\r\n";
    for cut in 0..=whole.len() {
        let mut line = vec![];
        let mut heard = wakes(&mut line, &whole[..cut]);
        heard.extend(wakes(&mut line, &whole[cut..]));
        assert_eq!(heard, [Wake::Ping, Wake::Sync], "cut at {cut}");
    }
}
