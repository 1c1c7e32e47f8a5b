//! The server's own keys: one that signs orders, one for the agents' TLS listener.
//!
//! Both are made at the first start and kept in the state folder, readable by their owner only. The
//! certificate is made anew from the TLS key at each start: agents pin the key (SHA-256 of its
//! SubjectPublicKeyInfo, `sha256/` and standard base64, as HTTP public key pins are written), not the
//! certificate, whose dates mean nothing to them. Errors name the file and what to do.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::inventory::Digest;
use ed25519_dalek::SigningKey;
use rcgen::PublicKeyData as _;
use rustix::fs::{Mode, OFlags};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// The file with the order key's 32 secret bytes in base64.
const ORDER_KEY_FILE: &str = "order.key";
/// The file with the TLS key, PKCS #8 in PEM.
const TLS_KEY_FILE: &str = "tls.key";
/// The most bytes that a key file may have.
const KEY_FILE_BYTES_MAX: u64 = 16 * 1024;

/// Why the server's keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file cannot be read or written.
    #[error("cannot {doing} the key file {}", path.display())]
    File {
        /// `read` or `write`.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not a key.
    #[error("{} is not a key: {reason}", path.display())]
    NotAKey {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Others than the owner may read a key.
    #[error("{} can be read by others (mode {mode:03o})", path.display())]
    Exposed {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The system gives no randomness, or the certificate cannot be made.
    #[error("cannot make a key: {reason}")]
    Make {
        /// What was said.
        reason: String,
    },
}

/// The server's keys, in memory.
pub struct Keys {
    order: SigningKey,
    tls_key: Vec<u8>,
    certificate: CertificateDer<'static>,
    pin: String,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys {{ pin: {} }}", self.pin)
    }
}

impl Keys {
    /// Reads the keys from the state folder; makes those that are not there yet.
    pub fn load_or_make(state: &Path) -> Result<Self, KeyError> {
        let order = order_key(&state.join(ORDER_KEY_FILE))?;
        let path = state.join(TLS_KEY_FILE);
        let pem = match read_secret(&path)? {
            Some(pem) => pem,
            None => {
                let made = rcgen::KeyPair::generate().map_err(make_failed)?;
                let pem = made.serialize_pem();
                write_secret(&path, pem.as_bytes())?;
                pem
            }
        };
        let pair = rcgen::KeyPair::from_pem(&pem).map_err(|reason| KeyError::NotAKey {
            path,
            reason: reason.to_string(),
        })?;
        let mut params =
            rcgen::CertificateParams::new(vec!["patchloop".to_owned()]).map_err(make_failed)?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "patchloop");
        let certificate = params.self_signed(&pair).map_err(make_failed)?;
        let digest = Digest::of(&pair.subject_public_key_info());
        Ok(Self {
            order,
            tls_key: pair.serialize_der(),
            certificate: certificate.der().clone(),
            pin: format!("sha256/{}", STANDARD.encode(digest.bytes())),
        })
    }

    /// The key that signs orders.
    pub fn order(&self) -> &SigningKey {
        &self.order
    }

    /// The secret behind wake tokens: the same after a restart, so that devices that lost their stream
    /// with the server find it again without a check-in.
    pub fn wake_secret(&self) -> [u8; 32] {
        let mut bytes = b"patchloop wake tokens, 1\0".to_vec();
        bytes.extend_from_slice(self.order.as_bytes());
        *Digest::of(&bytes).bytes()
    }

    /// The public half of the order key as devices pin it: base64, URL alphabet, no padding.
    pub fn order_public(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.order.verifying_key().as_bytes())
    }

    /// The certificate of the agents' listener.
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.certificate.clone()
    }

    /// The private key of the agents' listener.
    pub fn tls_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.tls_key.clone()))
    }

    /// What agents pin: `sha256/` and base64.
    pub fn pin(&self) -> &str {
        &self.pin
    }
}

fn make_failed(error: impl std::fmt::Display) -> KeyError {
    KeyError::Make {
        reason: error.to_string(),
    }
}

fn order_key(path: &Path) -> Result<SigningKey, KeyError> {
    if let Some(text) = read_secret(path)? {
        let not = |reason: &str| KeyError::NotAKey {
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        let bytes = STANDARD
            .decode(text.trim())
            .map_err(|_| not("expected base64"))?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| not("expected 32 bytes"))?;
        return Ok(SigningKey::from_bytes(&bytes));
    }
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(make_failed)?;
    write_secret(path, format!("{}\n", STANDARD.encode(seed)).as_bytes())?;
    Ok(SigningKey::from_bytes(&seed))
}

/// Reads a secret file; `None` when it is not there. Refuses one that others may read.
fn read_secret(path: &Path) -> Result<Option<String>, KeyError> {
    let failed = |source: std::io::Error| KeyError::File {
        doing: "read",
        path: path.to_owned(),
        source,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mode = rustix::fs::fstat(&file)
        .map_err(|error| failed(error.into()))?
        .st_mode
        & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    let mut text = String::new();
    file.take(KEY_FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(failed)?;
    Ok(Some(text))
}

/// Writes a secret beside its place, makes it durable, then moves it there: never half a key.
pub fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), KeyError> {
    let failed = |source: std::io::Error| KeyError::File {
        doing: "write",
        path: path.to_owned(),
        source,
    };
    let beside = path.with_extension("key.new");
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
    let fd = rustix::fs::open(&beside, flags, Mode::RUSR | Mode::WUSR)
        .map_err(|error| failed(error.into()))?;
    let mut file = File::from(fd);
    file.write_all(bytes).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    std::fs::rename(&beside, path).map_err(failed)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_pin_are_the_same_after_a_restart_and_differ_between_servers() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = Keys::load_or_make(one.path()).unwrap();
        let again = Keys::load_or_make(one.path()).unwrap();
        let other = Keys::load_or_make(two.path()).unwrap();
        assert_eq!(first.pin(), again.pin());
        assert_eq!(first.order_public(), again.order_public());
        assert_ne!(first.pin(), other.pin());
        assert_ne!(first.order_public(), other.order_public());
        assert_eq!(first.pin().len(), "sha256/".len() + 44);
    }

    #[test]
    fn key_files_are_for_their_owner_only_and_exposed_ones_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        Keys::load_or_make(dir.path()).unwrap();
        for name in [ORDER_KEY_FILE, TLS_KEY_FILE] {
            let path = dir.path().join(name);
            assert_eq!(
                rustix::fs::stat(&path).unwrap().st_mode & 0o777,
                0o600,
                "{name}"
            );
            rustix::fs::chmod(&path, Mode::from_raw_mode(0o644)).unwrap();
            assert!(matches!(
                Keys::load_or_make(dir.path()),
                Err(KeyError::Exposed { mode: 0o644, .. })
            ));
            rustix::fs::chmod(&path, Mode::from_raw_mode(0o600)).unwrap();
        }
    }

    #[test]
    fn a_damaged_key_is_named_and_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        Keys::load_or_make(dir.path()).unwrap();
        let path = dir.path().join(ORDER_KEY_FILE);
        std::fs::write(&path, "not a key").unwrap();
        assert!(matches!(
            Keys::load_or_make(dir.path()),
            Err(KeyError::NotAKey { .. })
        ));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "not a key");
    }
}
