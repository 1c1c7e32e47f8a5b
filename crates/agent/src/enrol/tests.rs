//! Enrolment against a small TLS server that loses its answer, and with a kill at the end.

use domain::clock::FixedClock;
use protocol::Envelope;
use rustls::version::TLS13;

use super::*;
use crate::execute::tests::device::{Device, at};
use crate::link::tests::{Peer, peer};

/// As `protocol::enrol::Enrolled` travels; the order key is the base point of Ed25519 (RFC 8032,
/// section 5.1), a valid public key.
fn accepted() -> &'static str {
    let body = r#"{"device":"dev_0000000000000000000000002s","client":"Acme","site":"Berlin","order_key":"WGZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmY"}"#;
    Box::leak(
        format!(
            "HTTP/1.1 201 Created\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_boxed_str(),
    )
}

/// The server closes the connection where its answer should stand.
const LOST: &str = "";

fn invitation(peer: &Peer, token: &str, force: Force) -> Invitation {
    Invitation {
        url: peer.url.clone(),
        pin: peer.pin,
        token: token.to_owned(),
        name: None,
        force,
    }
}

struct Place {
    home: tempfile::TempDir,
    device: Device,
}

impl Place {
    fn new() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            device: Device::new(),
        }
    }

    fn folder(&self) -> StateFolder {
        StateFolder::at(self.home.path())
    }

    fn enrol(&self, invitation: Invitation) -> Result<Identity, Failure> {
        let clock = FixedClock::at(at(0));
        enrol(
            &self.folder(),
            self.device.fake.as_ref(),
            &clock,
            invitation,
        )
    }
}

fn asked(peer: &Peer) -> Enrol {
    let request = peer.requests.recv().unwrap();
    let head = request.windows(4).position(|four| four == b"\r\n\r\n");
    let envelope = Envelope::from_bytes(&request[head.unwrap() + 4..]).unwrap();
    serde_json::from_slice(envelope.unverified_payload()).unwrap()
}

#[test]
fn a_lost_answer_costs_no_token_because_the_same_key_asks_again() {
    let peer = peer(&[&TLS13], vec![vec![LOST], vec![accepted()]]);
    let place = Place::new();
    let lost = place.enrol(invitation(&peer, "tok", Force::No));
    assert_eq!(
        lost.unwrap_err().exit,
        crate::failure::Exit::Unreachable,
        "the answer was lost"
    );
    let first = asked(&peer);
    assert!(Identity::load(&place.folder()).unwrap().is_none());
    let identity = place.enrol(invitation(&peer, "tok", Force::No)).unwrap();
    let second = asked(&peer);
    assert_eq!(first.key, second.key);
    let kept = load_key(&place.folder()).unwrap();
    assert_eq!(key_text(&kept.verifying_key()), second.key);
    assert_eq!(Identity::need(&place.folder()).unwrap(), identity);
    let note = std::fs::read(place.folder().enrolling());
    assert!(note.is_err(), "nothing is left of the beginning");
}

#[test]
fn another_token_gets_another_key() {
    let peer = peer(&[&TLS13], vec![vec![LOST], vec![accepted()]]);
    let place = Place::new();
    place
        .enrol(invitation(&peer, "tok", Force::No))
        .unwrap_err();
    place.enrol(invitation(&peer, "tik", Force::No)).unwrap();
    assert_ne!(asked(&peer).key, asked(&peer).key);
}

#[test]
fn a_kill_before_the_last_removal_is_finished_without_the_server() {
    let peer = peer(&[&TLS13], vec![vec![LOST], vec![accepted()]]);
    let place = Place::new();
    let begun = place.folder().enrolling();
    place
        .enrol(invitation(&peer, "tok", Force::No))
        .unwrap_err();
    let note = std::fs::read(&begun).unwrap();
    let identity = place.enrol(invitation(&peer, "tok", Force::No)).unwrap();
    std::fs::write(&begun, note).unwrap();
    // No script is left: a question would fail.
    let again = place.enrol(invitation(&peer, "tok", Force::No)).unwrap();
    assert_eq!(again, identity);
    assert!(!begun.exists());
    // And now it is an enrolled device like any other.
    let refused = place.enrol(invitation(&peer, "tok", Force::No));
    assert_eq!(refused.unwrap_err().exit, crate::failure::Exit::Refused);
}

#[test]
fn a_failed_change_of_identity_keeps_the_old_one() {
    let peer = peer(&[&TLS13], vec![vec![accepted()], vec![LOST]]);
    let place = Place::new();
    let old = place.enrol(invitation(&peer, "tok", Force::No)).unwrap();
    let key = load_key(&place.folder()).unwrap();
    place
        .enrol(invitation(&peer, "tik", Force::Yes))
        .unwrap_err();
    assert_eq!(Identity::need(&place.folder()).unwrap(), old);
    assert_eq!(load_key(&place.folder()).unwrap(), key);
}
