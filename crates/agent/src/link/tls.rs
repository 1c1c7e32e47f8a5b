//! TLS 1.3 to the one server whose key is pinned, and to nobody else.
//!
//! A pin is `sha256/` and the base64 of the SHA-256 of the server's SubjectPublicKeyInfo. Names and
//! dates in the certificate say nothing here, authorities neither; the handshake's signature must be
//! made with the pinned key.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::der::public_key_of;

/// The key of the one server, as its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pin([u8; 32]);

/// A text that is not a pin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a pin: expected `sha256/` and 32 bytes in base64")]
pub struct InvalidPin {
    /// What was given, shortened.
    pub text: String,
}

impl Pin {
    /// The pin of a certificate; `None` when no key is found in it.
    pub fn of(certificate: &[u8]) -> Option<Self> {
        public_key_of(certificate).map(|key| Self(Sha256::digest(key).into()))
    }
}

impl FromStr for Pin {
    type Err = InvalidPin;
    fn from_str(text: &str) -> Result<Self, InvalidPin> {
        let refuse = || InvalidPin {
            text: text.chars().take(80).collect(),
        };
        let hash = text.strip_prefix("sha256/").ok_or_else(refuse)?;
        let bytes = STANDARD
            .decode(hash)
            .or_else(|_| STANDARD_NO_PAD.decode(hash))
            .or_else(|_| URL_SAFE_NO_PAD.decode(hash))
            .map_err(|_| refuse())?;
        bytes.try_into().map(Self).map_err(|_| refuse())
    }
}
impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256/{}", STANDARD.encode(self.0))
    }
}
impl TryFrom<String> for Pin {
    type Error = InvalidPin;
    fn try_from(text: String) -> Result<Self, InvalidPin> {
        text.parse()
    }
}
impl From<Pin> for String {
    fn from(pin: Pin) -> Self {
        pin.to_string()
    }
}

/// Settings for a link to the server with this pin.
pub fn client_config(pin: Pin) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(PinnedServer {
        pin,
        provider: provider.clone(),
    });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("ring speaks TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    // One server, at most two links: a few tickets are enough.
    config.resumption = rustls::client::Resumption::in_memory_sessions(2);
    Arc::new(config)
}

#[derive(Debug)]
struct PinnedServer {
    pin: Pin,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedServer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        match Pin::of(end_entity) {
            Some(found) if found == self.pin => Ok(ServerCertVerified::assertion()),
            Some(_) => Err(TlsError::InvalidCertificate(
                CertificateError::ApplicationVerificationFailure,
            )),
            None => Err(TlsError::InvalidCertificate(CertificateError::BadEncoding)),
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        Err(TlsError::General("TLS 1.2 is not spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_survives_its_text_in_both_alphabets() {
        // SHA-256 of nothing, from FIPS 180 test vectors, as base64.
        let text = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        let pin: Pin = text.parse().unwrap();
        assert_eq!(pin.to_string(), text);
        assert_eq!(
            "sha256/47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU".parse(),
            Ok(pin)
        );
        for bad in ["", "sha256/", "sha1/AAAA", "sha256/AAAA", "47DEQpj8"] {
            assert!(bad.parse::<Pin>().is_err(), "{bad}");
        }
    }
}
