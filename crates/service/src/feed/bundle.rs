//! Bundles: documents carried in, or out, as one signed file.
//!
//! A bundle is verified to its last byte before anything is written; then each document goes the way
//! of a fetched one: judged, quarantined, kept beside or in force. An older document is no step back:
//! what stands in force and says more stays in force. Whose bundles are taken is a setting of the
//! server; the first import of a signer names the fingerprint of its key.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::access::{self, Permission, Principal};
use domain::feed::Feed;
use domain::inventory::Digest;
use ed25519_dalek::{SigningKey, VerifyingKey};
use feeds::bundle::{self, BundleError, Entry, Manifest, Verified};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shelf::hex;
use super::take::Taken;
use crate::keys::write_secret;
use crate::{Result, Service, ServiceError, audit};

/// Most bytes of a bundle that is sent to the server.
pub const IMPORT_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// The setting that holds the trusted signers, one base64 key a line.
const TRUSTED: &str = "bundle.trusted";
/// Most trusted signers.
const TRUSTED_MAX: usize = 100;

/// How a bundle is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BundleImport {
    /// The fingerprint of a signer to trust from now on; for the first bundle of a signer.
    pub trust: Option<String>,
    /// Only verify, and say what it holds.
    pub dry_run: bool,
}

/// What became of one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BundleDocument {
    /// Whose.
    #[schema(value_type = String)]
    pub feed: Feed,
    /// Its name.
    pub document: String,
    /// `good`, `known`, `quarantined`, or `verified` where nothing was written.
    pub outcome: String,
    /// Why, where it is quarantined.
    pub why: Option<String>,
}

/// What became of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BundleImported {
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub made_at: Timestamp,
    /// Who signed it.
    pub signer: String,
    /// Its documents.
    pub documents: Vec<BundleDocument>,
    /// Whether it was taken.
    pub done: bool,
}

fn refused(error: &BundleError) -> ServiceError {
    let hint = match error {
        BundleError::Untrusted { .. } => {
            "; compare it with what its maker says, then name it once: --trust FINGERPRINT"
        }
        BundleError::Io(_) | BundleError::Damaged { .. } | BundleError::Signature => "",
    };
    ServiceError::Invalid {
        field: "bundle",
        reason: format!("{error}{hint}"),
    }
}

/// Reads a signing key: 32 bytes in base64. Makes and keeps one (mode 600) where there is none.
pub fn signing_key(path: &Path) -> Result<SigningKey> {
    let fault = |what: String| ServiceError::Internal { what };
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let bytes = STANDARD.decode(text.trim()).ok();
            let bytes: Option<[u8; 32]> = bytes.and_then(|bytes| bytes.try_into().ok());
            let bytes = bytes.ok_or_else(|| fault(format!("{} is no key", path.display())))?;
            Ok(SigningKey::from_bytes(&bytes))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).map_err(|error| fault(error.to_string()))?;
            write_secret(path, format!("{}\n", STANDARD.encode(seed)).as_bytes())
                .map_err(|error| fault(error.to_string()))?;
            Ok(SigningKey::from_bytes(&seed))
        }
        Err(error) => Err(fault(format!("cannot read {}: {error}", path.display()))),
    }
}

impl Service {
    /// Takes a bundle that lies in a file.
    pub fn bundle_import(
        &self,
        who: &Principal,
        file: &mut (impl Read + Seek),
        how: &BundleImport,
    ) -> Result<BundleImported> {
        access::check(who, Permission::ManageFeed)?;
        let trusted = self.bundle_trusted()?;
        let verified = bundle::open(file, |signer| {
            trusted.contains(signer)
                || how.trust.as_deref() == Some(bundle::fingerprint(signer).as_str())
        })
        .map_err(|error| refused(&error))?;
        let mut imported = BundleImported {
            made_at: verified.manifest.made_at,
            signer: bundle::fingerprint(&verified.signer),
            documents: Vec::new(),
            done: !how.dry_run,
        };
        if how.dry_run {
            let all = verified.manifest.documents.iter();
            imported.documents = all.map(|entry| outcome(entry, "verified", None)).collect();
            return Ok(imported);
        }
        let _held = self.feeds.change();
        self.bundle_take(file, &verified, &mut imported)?;
        let (now, who) = (self.now(), who.clone());
        let told = format!(
            "{} documents, made {} by {}",
            imported.documents.len(),
            imported.made_at,
            imported.signer
        );
        let new = (!trusted.contains(&verified.signer)).then_some(verified.signer);
        self.write(move |tx| {
            if let Some(signer) = new {
                let all = trusted.iter().chain([&signer]).take(TRUSTED_MAX);
                let text: Vec<String> = all.map(bundle::public_text).collect();
                tx.setting_put(TRUSTED, text.join("\n").as_bytes(), now)?;
                let object = bundle::fingerprint(&signer);
                tx.audit_add(&audit::by(&who, now, "feed.bundle-trust", object).0)?;
            }
            let entry = audit::by(&who, now, "feed.bundle-import", "").saying(told);
            Ok(tx.audit_add(&entry.0)?)
        })?;
        self.feeds_reload()?;
        Ok(imported)
    }

    fn bundle_take(
        &self,
        file: &mut (impl Read + Seek),
        verified: &Verified,
        imported: &mut BundleImported,
    ) -> Result<()> {
        let now = self.now();
        let mut failed: Option<ServiceError> = None;
        let shelf = self.feeds.shelf()?;
        bundle::documents(file, |sha256, body| {
            let mut first = shelf.begin()?;
            io::copy(body, &mut first)?;
            let digest = first.sha256();
            // What was verified is what is taken, also if the file changed meanwhile.
            if hex(&digest) != sha256 {
                return Err(io::Error::other("the bundle changed while it was read"));
            }
            let mut next = Some(first);
            let entries = verified.manifest.documents.iter();
            for entry in entries.filter(|entry| entry.sha256 == sha256) {
                let unfinished = match next.take() {
                    Some(first) => first,
                    // The same bytes under another name: they stand on the shelf by now.
                    None => {
                        let mut again = shelf.begin()?;
                        io::copy(&mut File::open(shelf.path(digest))?, &mut again)?;
                        again
                    }
                };
                let fetched_at = entry.fetched_at.unwrap_or(now).min(now);
                match self.feed_take(entry.feed, &entry.document, unfinished, fetched_at) {
                    Ok(taken) => imported.documents.push(match taken {
                        Taken::Good => outcome(entry, "good", None),
                        Taken::Known => outcome(entry, "known", None),
                        Taken::Quarantined(why) => outcome(entry, "quarantined", Some(why)),
                    }),
                    Err(error) => {
                        failed = Some(error);
                        return Err(io::Error::other("a document could not be taken"));
                    }
                }
            }
            Ok(())
        })
        .map_err(|error| failed.take().unwrap_or_else(|| refused(&error)))
    }

    fn bundle_trusted(&self) -> Result<Vec<VerifyingKey>> {
        let text = self.read(|tx| Ok(tx.setting_get(TRUSTED)?))?;
        let text = String::from_utf8_lossy(text.as_deref().unwrap_or_default()).into_owned();
        Ok(text.lines().filter_map(bundle::public_key).collect())
    }

    /// Writes a bundle of everything in force, signed with this server's key.
    pub fn bundle_export(&self, who: &Principal, into: impl Write) -> Result<()> {
        access::check(who, Permission::ManageFeed)?;
        let key = signing_key(&self.store.path().with_file_name("bundle.key"))?;
        let _held = self.feeds.change();
        let shelf = self.feeds.shelf()?;
        let kept = self.documents_in_force()?;
        let documents = kept
            .iter()
            .filter(|kept| shelf.check(kept.sha256).is_ok())
            .map(|kept| Entry {
                feed: kept.feed,
                document: kept.document.clone(),
                sha256: hex(&kept.sha256),
                bytes: kept.size_bytes,
                fetched_at: Some(kept.fetched_at),
            })
            .collect();
        let manifest = Manifest {
            v: 1,
            made_at: self.now(),
            documents,
        };
        let open = |entry: &Entry| {
            let of = kept.iter().find(|kept| hex(&kept.sha256) == entry.sha256);
            let sha256 = of.map_or(Digest::from_bytes([0; 32]), |kept| kept.sha256);
            File::open(shelf.path(sha256))
        };
        bundle::write(&manifest, &key, open, into).map_err(|error| refused(&error))
    }
}

fn outcome(entry: &Entry, word: &str, why: Option<String>) -> BundleDocument {
    BundleDocument {
        feed: entry.feed,
        document: entry.document.clone(),
        outcome: word.to_owned(),
        why,
    }
}
