//! `patchloop feed bundle`: documents carried to places without internet, in one signed file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Subcommand;
use domain::clock::Clock;
use domain::feed::Feed;
use feeds::bundle::{self, Entry, Manifest};
use serde_json::json;
use service::feed::bundle::{BundleImported, signing_key};

use super::show_one;
use crate::cli::{Global, StateArgs};
use crate::client::Api;
use crate::failure::{Failure, Outcome};
use crate::table;

/// How deep a folder of documents is read.
const FOLDER_DEPTH_MAX: usize = 6;
/// The file of the state folder with the key that signs bundles.
const KEY_FILE: &str = "bundle.key";

/// `patchloop feed bundle …`.
#[derive(Debug, Subcommand)]
pub enum BundleCommand {
    /// Show the key that signs bundles; make it where there is none
    Key {
        /// The key's file [default: bundle.key in the state folder]
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// Where the key is by default
        #[command(flatten)]
        state: StateArgs,
    },
    /// Write a bundle: of a folder without a server, or of what is in force on the server
    Create {
        /// Where it is written
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Folder with feed documents [default: the server's, signed with the server's key]
        #[arg(long, value_name = "DIR")]
        feeds: Option<PathBuf>,
        /// The key that signs, for --feeds [default: bundle.key in the state folder]
        #[arg(long, value_name = "FILE", requires = "feeds")]
        key: Option<PathBuf>,
        /// Where the key is by default
        #[command(flatten)]
        state: StateArgs,
    },
    /// Have the server take a bundle: verified as a whole, then each document like a fetched one
    Import {
        /// The bundle
        file: PathBuf,
        /// Fingerprint of its signer, to be trusted from now on
        #[arg(long, value_name = "FINGERPRINT", conflicts_with = "trust_key")]
        trust: Option<String>,
        /// Public key of its signer in base64, to be trusted from now on
        #[arg(long, value_name = "BASE64")]
        trust_key: Option<String>,
        /// Only verify, and say what it holds
        #[arg(long)]
        dry_run: bool,
    },
}

/// Runs the command.
pub fn run(
    command: &BundleCommand,
    global: &Global,
    clock: &dyn Clock,
) -> Result<Outcome, Failure> {
    match command {
        BundleCommand::Key { key, state } => show_key(&key_path(key.as_deref(), state)?, global),
        BundleCommand::Create {
            out, feeds: None, ..
        } => of_server(out, global),
        BundleCommand::Create {
            out,
            feeds: Some(folder),
            key,
            state,
        } => of_folder(
            out,
            folder,
            &key_path(key.as_deref(), state)?,
            global,
            clock,
        ),
        BundleCommand::Import {
            file,
            trust,
            trust_key,
            dry_run,
        } => import(file, signer(trust, trust_key)?.as_deref(), *dry_run, global),
    }
}

fn key_path(key: Option<&Path>, state: &StateArgs) -> Result<PathBuf, Failure> {
    if let Some(path) = key {
        return Ok(path.to_owned());
    }
    let folder = state.folder()?;
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder.join(KEY_FILE))
}

fn show_key(path: &Path, global: &Global) -> Result<Outcome, Failure> {
    let public = signing_key(path).map_err(Failure::failed)?.verifying_key();
    let (fingerprint, text) = (bundle::fingerprint(&public), bundle::public_text(&public));
    if global.json {
        let file = path.to_string_lossy();
        table::json(&json!({ "file": file, "fingerprint": fingerprint, "public_key": text }))?;
    } else {
        table::facts(&[
            ("file", path.display().to_string()),
            ("fingerprint", fingerprint),
            ("public key", text),
        ])?;
    }
    Ok(Outcome::Done)
}

/// Writes beside the place and moves there: never half a bundle.
fn written(
    out: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let cannot = || format!("cannot write {}", out.display());
    let beside = out.with_extension("part");
    let mut writer = BufWriter::new(File::create(&beside).with_context(cannot)?);
    let done = write(&mut writer).and_then(|()| {
        writer.flush().with_context(cannot)?;
        writer.get_ref().sync_all().with_context(cannot)?;
        std::fs::rename(&beside, out).with_context(cannot)?;
        Ok(())
    });
    if done.is_err() {
        // Best effort: what is left is named as unfinished.
        let _ = std::fs::remove_file(&beside);
    }
    done
}

fn of_folder(
    out: &Path,
    folder: &Path,
    key: &Path,
    global: &Global,
    clock: &dyn Clock,
) -> Result<Outcome, Failure> {
    let key = signing_key(key).map_err(Failure::failed)?;
    let mut files = Vec::new();
    collect(folder, 0, &mut files)?;
    let (mut documents, mut paths, mut names) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    for path in files {
        let looked = feeds::inspect::file(&path, None);
        let Some(feed) = looked.feed.filter(|_| looked.accepted) else {
            eprintln!("left out, no feed document: {}", path.display());
            continue;
        };
        let mut entry = entry(&path, feed)?;
        // Two files of one name in different folders must not follow one another.
        let count: &mut u32 = names.entry((feed, entry.document.clone())).or_insert(0);
        *count += 1;
        if *count > 1 {
            entry.document = format!("{count}-{}", entry.document);
        }
        paths.insert(entry.sha256.clone(), path);
        documents.push(entry);
    }
    if documents.is_empty() {
        let none = anyhow!("{} holds no feed document", folder.display());
        return Err(
            Failure::failed(none).hint("`patchloop feed inspect FILE...` says why each is none")
        );
    }
    let count = documents.len();
    let manifest = Manifest {
        v: 1,
        made_at: clock.now(),
        documents,
    };
    written(out, |writer| {
        let open = |entry: &Entry| File::open(&paths[&entry.sha256]);
        bundle::write(&manifest, &key, open, writer).map_err(Failure::failed)
    })?;
    tell(
        out,
        count,
        &bundle::fingerprint(&key.verifying_key()),
        global,
    )
}

fn entry(path: &Path, feed: Feed) -> Result<Entry, Failure> {
    let cannot = || format!("cannot read {}", path.display());
    let mut file = File::open(path).with_context(cannot)?;
    let bytes = file.metadata().with_context(cannot)?.len();
    let sha256 = feeds::inspect::sha256_of(&mut file).with_context(cannot)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let printable = name.chars().filter(|c| domain::name::printable(*c));
    Ok(Entry {
        feed,
        document: printable.take(150).collect(),
        sha256: feeds::inspect::hex(&sha256),
        bytes,
        fetched_at: None,
    })
}

fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let cannot = || format!("cannot read the folder {}", folder.display());
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .with_context(cannot)?
        .flatten()
        .collect();
    entries.sort_by_key(std::fs::DirEntry::path);
    for entry in entries {
        let kind = entry.file_type().with_context(cannot)?;
        if kind.is_dir() && depth < FOLDER_DEPTH_MAX {
            collect(&entry.path(), depth + 1, files)?;
        } else if kind.is_file() && files.len() < bundle::DOCUMENTS_MAX {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn of_server(out: &Path, global: &Global) -> Result<Outcome, Failure> {
    let api = Api::new(global)?;
    written(out, |writer| api.get_bytes("feeds/bundle", writer))?;
    let mut file = File::open(out).context("cannot read the bundle")?;
    let verified = bundle::open(&mut file, |_| true).map_err(Failure::failed)?;
    let signer = bundle::fingerprint(&verified.signer);
    tell(out, verified.manifest.documents.len(), &signer, global)
}

fn tell(out: &Path, documents: usize, signer: &str, global: &Global) -> Result<Outcome, Failure> {
    if global.json {
        let file = out.to_string_lossy();
        table::json(&json!({ "file": file, "documents": documents, "signer": signer }))?;
    } else {
        table::facts(&[
            ("file", out.display().to_string()),
            ("documents", documents.to_string()),
            ("signer", signer.to_owned()),
        ])?;
    }
    Ok(Outcome::Done)
}

/// The fingerprint of a signer that is named by it or by its whole key.
fn signer(trust: &Option<String>, key: &Option<String>) -> Result<Option<String>, Failure> {
    match (trust, key) {
        (Some(fingerprint), _) => Ok(Some(fingerprint.clone())),
        (None, None) => Ok(None),
        (None, Some(text)) => {
            let key = bundle::public_key(text).ok_or_else(|| {
                Failure::wrong_use(anyhow!("`{text}` is no public key"))
                    .hint("`patchloop feed bundle key` on the maker's computer prints it")
            })?;
            Ok(Some(bundle::fingerprint(&key)))
        }
    }
}

fn import(
    path: &Path,
    trust: Option<&str>,
    dry_run: bool,
    global: &Global,
) -> Result<Outcome, Failure> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut query: Vec<(&str, &str)> = trust.map(|trust| ("trust", trust)).into_iter().collect();
    if dry_run {
        query.push(("dry_run", "true"));
    }
    let answer = Api::new(global)?.send_file("feeds/bundle", &query, file)?;
    show_one(global, answer, |imported: BundleImported| {
        let taken = if imported.done {
            "yes"
        } else {
            "no, only verified"
        };
        table::facts(&[
            ("made", table::minute(imported.made_at)),
            ("signer", imported.signer),
            ("taken", taken.to_owned()),
        ])?;
        let rows = imported.documents.into_iter().map(|one| {
            let why = one.why.unwrap_or_default();
            vec![one.feed.to_string(), one.document, one.outcome, why]
        });
        table::rows(
            &["feed", "document", "outcome", "why"],
            rows,
            "It holds no document.",
        )
    })
}
