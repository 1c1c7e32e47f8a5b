//! TLS of the two listeners: rustls with ring, and no HTTP/2 (its reset attacks would buy nothing
//! here: agents hold one stream each).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why a TLS listener cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read as PEM.
    #[error("cannot read {what} from {}: {reason}", path.display())]
    File {
        /// `certificates` or `a private key`.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// What was said.
        reason: String,
    },
    /// Certificate and key cannot be used.
    #[error("the certificate and key cannot be used")]
    Unusable(#[from] rustls::Error),
}

/// The agents' listener: TLS 1.3 only, with the server's own certificate, whose key agents pin.
pub fn for_agents(
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    Ok(finished(config))
}

/// The console's listener: TLS 1.2 and 1.3, with the owner's certificate.
pub fn for_console(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let failed = |what, path: &Path, reason: String| TlsError::File {
        what,
        path: path.to_owned(),
        reason,
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| failed("certificates", certificate, error.to_string()))?;
    if chain.is_empty() {
        let reason = "there is no certificate in it".to_owned();
        return Err(failed("certificates", certificate, reason));
    }
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| failed("a private key", key, error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, private)?;
    Ok(finished(config))
}

fn finished(mut config: ServerConfig) -> Arc<ServerConfig> {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}
