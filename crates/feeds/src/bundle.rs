//! Signed bundles of documents, for places without internet: one tar file.
//!
//! ```text
//! manifest.json    what is inside: feed, name, SHA-256, bytes and time of each document
//! signature.json   the signer's public key and its Ed25519 signature over the manifest's exact bytes
//! documents/HEX    each document, by the hexadecimal digits of its SHA-256
//! ```
//!
//! [`open`] verifies everything before the caller writes anything: the signature by a key that is
//! trusted, then every hash, size and limit, and that nothing is missing, doubled or beside it.
//! Signatures are over `patchloop bundle, 1`, a null byte and the manifest, so that they are good for
//! nothing else. Documents are copied as they were given, packed or not; the bundle is not packed.

use std::collections::BTreeSet;
use std::io::{self, Read, Seek, SeekFrom, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::feed::Feed;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Most bytes of a bundle.
pub const BUNDLE_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// Most documents of a bundle.
pub const DOCUMENTS_MAX: usize = 200_000;
/// Most bytes of the manifest.
const MANIFEST_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// Most bytes of the signature's file.
const SIGNATURE_BYTES_MAX: u64 = 4096;
/// What a signature is good for.
const PURPOSE: &[u8] = b"patchloop bundle, 1\0";

const MANIFEST: &str = "manifest.json";
const SIGNATURE: &str = "signature.json";
const FOLDER: &str = "documents/";

/// One document as the manifest names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Whose.
    pub feed: Feed,
    /// The name it came under.
    pub document: String,
    /// SHA-256 in hexadecimal digits.
    pub sha256: String,
    /// How many bytes.
    pub bytes: u64,
    /// When it was fetched; `None`: it lay in a folder.
    pub fetched_at: Option<Timestamp>,
}

/// What a bundle says it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The form: 1.
    pub v: u32,
    /// When it was made.
    pub made_at: Timestamp,
    /// The documents.
    pub documents: Vec<Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    key: String,
    signature: String,
}

/// Why a bundle is refused. Nothing of it was taken.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// It cannot be read or written.
    #[error("the bundle cannot be read or written: {0}")]
    Io(#[from] io::Error),
    /// It is not what it should be.
    #[error("the bundle is damaged: {why}")]
    Damaged {
        /// What is wrong.
        why: String,
    },
    /// Its signer is not trusted.
    #[error("the bundle is signed by the key {fingerprint}, which is not trusted here")]
    Untrusted {
        /// The signer's fingerprint.
        fingerprint: String,
    },
    /// Its signature is wrong.
    #[error("the bundle's signature is not that of its manifest")]
    Signature,
}

fn damaged(why: impl Into<String>) -> BundleError {
    BundleError::Damaged { why: why.into() }
}

/// A public key as people compare it: `SHA256:` and base64 of its hash.
pub fn fingerprint(key: &VerifyingKey) -> String {
    format!("SHA256:{}", STANDARD.encode(Sha256::digest(key.as_bytes())))
}

/// A public key from its base64.
pub fn public_key(text: &str) -> Option<VerifyingKey> {
    let bytes: [u8; 32] = STANDARD.decode(text.trim()).ok()?.try_into().ok()?;
    let key = VerifyingKey::from_bytes(&bytes).ok()?;
    (!key.is_weak()).then_some(key)
}

/// A public key as base64.
pub fn public_text(key: &VerifyingKey) -> String {
    STANDARD.encode(key.as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a String takes every write");
    }
    text
}

fn signed_bytes(manifest: &[u8]) -> Vec<u8> {
    [PURPOSE, manifest].concat()
}

/// Writes a bundle. `open` gives the bytes of each document; each is kept once however often it is
/// named. Errors: a document is not the bytes that its entry says.
pub fn write<R: Read>(
    manifest: &Manifest,
    key: &SigningKey,
    mut open: impl FnMut(&Entry) -> io::Result<R>,
    into: impl Write,
) -> Result<(), BundleError> {
    let body = serde_json::to_vec_pretty(manifest).map_err(|error| damaged(error.to_string()))?;
    let signed = Signed {
        key: public_text(&key.verifying_key()),
        signature: STANDARD.encode(key.sign(&signed_bytes(&body)).to_bytes()),
    };
    let signed = serde_json::to_vec(&signed).map_err(|error| damaged(error.to_string()))?;
    let mut tar = tar::Builder::new(into);
    for (name, bytes) in [(MANIFEST, body.as_slice()), (SIGNATURE, signed.as_slice())] {
        let mut header = header(bytes.len() as u64);
        tar.append_data(&mut header, name, bytes)?;
    }
    let mut written = BTreeSet::new();
    for entry in &manifest.documents {
        if !written.insert(entry.sha256.as_str()) {
            continue;
        }
        let mut source = Hashed::new(open(entry)?.take(entry.bytes));
        let mut header = header(entry.bytes);
        tar.append_data(
            &mut header,
            format!("{FOLDER}{}", entry.sha256),
            &mut source,
        )?;
        if (source.bytes, source.hex()) != (entry.bytes, entry.sha256.clone()) {
            return Err(damaged(format!("{} changed meanwhile", entry.document)));
        }
    }
    tar.into_inner()?.flush()?;
    Ok(())
}

fn header(bytes: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_cksum();
    header
}

/// Reads and hashes.
struct Hashed<R> {
    inner: R,
    hash: Sha256,
    bytes: u64,
}

impl<R: Read> Hashed<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            hash: Sha256::new(),
            bytes: 0,
        }
    }

    fn hex(&self) -> String {
        hex(&self.hash.clone().finalize())
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(&buffer[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}

/// A bundle whose every byte was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What it holds.
    pub manifest: Manifest,
    /// Who signed it.
    pub signer: VerifyingKey,
}

/// Verifies a bundle from its first to its last byte.
pub fn open(
    file: &mut (impl Read + Seek),
    is_trusted: impl Fn(&VerifyingKey) -> bool,
) -> Result<Verified, BundleError> {
    let length = file.seek(SeekFrom::End(0))?;
    if length > BUNDLE_BYTES_MAX {
        return Err(damaged(format!(
            "it has more than {BUNDLE_BYTES_MAX} bytes"
        )));
    }
    file.seek(SeekFrom::Start(0))?;
    let mut archive = tar::Archive::new(file);
    let mut entries = archive.entries()?;
    let body = member(&mut entries, MANIFEST, MANIFEST_BYTES_MAX)?;
    let signed = member(&mut entries, SIGNATURE, SIGNATURE_BYTES_MAX)?;
    let signer = signer(&body, &signed)?;
    if !is_trusted(&signer) {
        return Err(BundleError::Untrusted {
            fingerprint: fingerprint(&signer),
        });
    }
    let manifest: Manifest = serde_json::from_slice(&body)
        .map_err(|error| damaged(format!("its manifest cannot be read: {error}")))?;
    check(&manifest)?;
    let mut left: BTreeSet<(&str, u64)> = manifest
        .documents
        .iter()
        .map(|entry| (entry.sha256.as_str(), entry.bytes))
        .collect();
    for entry in entries {
        let entry = entry?;
        let path = entry.path()?.to_string_lossy().into_owned();
        let name = path.strip_prefix(FOLDER).unwrap_or_default().to_owned();
        if !entry.header().entry_type().is_file() {
            return Err(damaged(format!("`{path}` is no file")));
        }
        let mut source = Hashed::new(entry);
        io::copy(&mut source, &mut io::sink())?;
        let known = left
            .iter()
            .find(|(sha256, _)| *sha256 == name)
            .copied()
            .ok_or_else(|| damaged(format!("`{path}` is not in its manifest, or twice")))?;
        if (source.hex(), source.bytes) != (name, known.1) {
            return Err(damaged(format!("{path} is not the bytes that were signed")));
        }
        left.remove(&known);
    }
    if let Some((sha256, _)) = left.first() {
        return Err(damaged(format!("the document {sha256} is missing")));
    }
    Ok(Verified { manifest, signer })
}

/// Hands over each document of a verified bundle: by its SHA-256 in hexadecimal digits.
pub fn documents(
    file: &mut (impl Read + Seek),
    mut take: impl FnMut(&str, &mut dyn Read) -> io::Result<()>,
) -> Result<(), BundleError> {
    file.seek(SeekFrom::Start(0))?;
    let mut archive = tar::Archive::new(file);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.to_string_lossy().into_owned();
        if let Some(sha256) = path.strip_prefix(FOLDER) {
            take(sha256, &mut entry)?;
        }
    }
    Ok(())
}

fn member<R: Read>(
    entries: &mut tar::Entries<'_, R>,
    name: &str,
    bytes_max: u64,
) -> Result<Vec<u8>, BundleError> {
    let entry = entries
        .next()
        .ok_or_else(|| damaged(format!("{name} is missing")))?
        .map_err(|_| damaged("it is no bundle of Patchloop"))?;
    if entry.path()?.to_string_lossy() != name || entry.size() > bytes_max {
        return Err(damaged(format!("{name} is missing or too large")));
    }
    let (size, mut bytes) = (entry.size(), Vec::new());
    entry.take(bytes_max).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != size {
        return Err(damaged(format!("it ends in the middle of {name}")));
    }
    Ok(bytes)
}

fn signer(manifest: &[u8], signed: &[u8]) -> Result<VerifyingKey, BundleError> {
    let signed: Signed = serde_json::from_slice(signed)
        .map_err(|error| damaged(format!("its signature cannot be read: {error}")))?;
    let key = public_key(&signed.key).ok_or_else(|| damaged("its key is no key"))?;
    let bytes: [u8; 64] = STANDARD
        .decode(&signed.signature)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| damaged("its signature is no signature"))?;
    key.verify_strict(&signed_bytes(manifest), &Signature::from_bytes(&bytes))
        .map_err(|_| BundleError::Signature)?;
    Ok(key)
}

fn check(manifest: &Manifest) -> Result<(), BundleError> {
    if manifest.v != 1 {
        return Err(damaged(format!("its form is {}, 1 is read", manifest.v)));
    }
    if manifest.documents.len() > DOCUMENTS_MAX {
        return Err(damaged(format!(
            "it has more than {DOCUMENTS_MAX} documents"
        )));
    }
    for entry in &manifest.documents {
        let is_hash = entry.sha256.len() == 64
            && entry
                .sha256
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let is_name = (1..=200).contains(&entry.document.chars().count())
            && entry.document.chars().all(domain::name::printable)
            && !entry.document.contains('/');
        if !is_hash || !is_name {
            return Err(damaged("its manifest names a document as none is named"));
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn manifest(bodies: &[&str]) -> Manifest {
        Manifest {
            v: 1,
            made_at: "2026-03-02T12:00:00Z".parse().unwrap(),
            documents: bodies
                .iter()
                .enumerate()
                .map(|(at, body)| Entry {
                    feed: Feed::Kev,
                    document: format!("{at}.json"),
                    sha256: hex(&Sha256::digest(body.as_bytes())),
                    bytes: body.len() as u64,
                    fetched_at: None,
                })
                .collect(),
        }
    }

    fn bundle(bodies: &[&str]) -> Vec<u8> {
        let mut file = Vec::new();
        let of = |entry: &Entry| {
            let at: usize = entry.document.trim_end_matches(".json").parse().unwrap();
            Ok(Cursor::new(bodies[at].as_bytes().to_vec()))
        };
        write(&manifest(bodies), &key(1), of, &mut file).unwrap();
        file
    }

    fn opened(file: &[u8]) -> Result<Verified, BundleError> {
        open(&mut Cursor::new(file), |signer| {
            *signer == key(1).verifying_key()
        })
    }

    #[test]
    fn what_is_written_is_read_again() {
        let file = bundle(&["one", "two", "one"]);
        let verified = opened(&file).unwrap();
        assert_eq!(verified.manifest, manifest(&["one", "two", "one"]));
        let mut found = Vec::new();
        documents(&mut Cursor::new(&file), |_, body| {
            let mut text = String::new();
            body.read_to_string(&mut text)?;
            found.push(text);
            Ok(())
        })
        .unwrap();
        assert_eq!(found, ["one", "two"]);
    }

    #[test]
    fn another_signer_is_not_trusted_and_is_named() {
        let file = bundle(&["one"]);
        let refused = open(&mut Cursor::new(&file), |_| false).unwrap_err();
        let expected = fingerprint(&key(1).verifying_key());
        assert!(
            matches!(&refused, BundleError::Untrusted { fingerprint } if *fingerprint == expected),
            "{refused}"
        );
    }

    #[test]
    fn any_changed_byte_of_content_and_any_cut_is_refused() {
        let file = bundle(&["first document", "second document"]);
        let whole = opened(&file).unwrap();
        let (mut refused, mut same) = (0, 0);
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 0x01;
            match opened(&changed) {
                Err(_) => refused += 1,
                // Padding and unused fields of tar headers mean nothing.
                Ok(verified) => {
                    assert_eq!(verified, whole, "byte {at}");
                    same += 1;
                }
            }
        }
        assert!(refused > 500, "{refused} refused, {same} the same");
        let content = [
            "first document",
            "second document",
            "made_at",
            "\"signature\"",
        ];
        for text in content {
            let at = file
                .windows(text.len())
                .position(|window| window == text.as_bytes())
                .unwrap();
            let mut changed = file.clone();
            changed[at + 1] ^= 0x01;
            assert!(opened(&changed).is_err(), "{text}");
        }
        // The last 1,024 bytes are the end mark of the tar.
        for length in 0..file.len() - 1024 {
            assert!(opened(&file[..length]).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn what_stands_beside_the_manifest_is_refused() {
        let mut with_more = Vec::new();
        let of = |_: &Entry| Ok(Cursor::new(b"one".to_vec()));
        write(&manifest(&["one"]), &key(1), of, &mut with_more).unwrap();
        let end = with_more.len() - 1024;
        let mut more = tar::Builder::new(with_more[..end].to_vec());
        let mut head = header(3);
        more.append_data(&mut head, "documents/../../etc", b"bad".as_slice())
            .unwrap_or_default();
        let mut head = header(3);
        more.append_data(&mut head, "documents/00", b"bad".as_slice())
            .unwrap();
        let file = more.into_inner().unwrap();
        assert!(matches!(opened(&file), Err(BundleError::Damaged { .. })));
        let changed = |_: &Entry| Ok(Cursor::new(b"two".to_vec()));
        assert!(write(&manifest(&["one"]), &key(1), changed, Vec::new()).is_err());
    }
}
