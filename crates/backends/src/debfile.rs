//! Reads changelogs out of a `.deb` file, without unpacking it.
//!
//! A `.deb` is an ar archive with `data.tar` inside, packed with xz, zstd, gzip or not at all. It was
//! fetched from a signed archive, and is still read with limits on everything: a damaged file gives an
//! error, never a large allocation. Source: deb(5), ar(5).

use std::collections::BTreeMap;
use std::io::{self, Read};

/// Bytes of all unpacked data that are looked at.
const UNPACKED_BYTES_MAX: u64 = 8 * 1024 * 1024 * 1024;
/// Memory that a decoder may take.
const DECODER_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Bytes of one changelog as it is packed inside.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Changelogs kept from one package.
const FILES_MAX: usize = 64;
/// Links followed before giving up.
const LINKS_MAX: usize = 8;
const DOC: &str = "usr/share/doc/";

/// Why a file is not a readable package.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadDeb {
    #[error("it is not an ar archive")]
    NotAr,
    #[error("its member at byte {at} has a damaged header")]
    Header { at: u64 },
    #[error("it holds no data.tar")]
    NoData,
    #[error("{name} is packed in a way that is not known")]
    UnknownPacking { name: String },
    #[error("its data cannot be read: {0}")]
    Data(#[from] io::Error),
}

/// What a package holds below `usr/share/doc`: changelogs and links.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    files: BTreeMap<String, Vec<u8>>,
    links: BTreeMap<String, String>,
}

/// Where a changelog is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In this package: the text as far as the limit reaches.
    Here(Vec<u8>),
    /// A link leads into the folder of another package.
    In(String),
    /// There is none.
    Nowhere,
}

/// Reads the documents of `package` out of a `.deb`.
pub(crate) fn documents(mut deb: impl Read, package: &str) -> Result<Documents, BadDeb> {
    let mut magic = [0; 8];
    deb.read_exact(&mut magic).map_err(|_| BadDeb::NotAr)?;
    if magic != *b"!<arch>\n" {
        return Err(BadDeb::NotAr);
    }
    let mut at = 8;
    loop {
        let mut header = [0; 60];
        match deb.read_exact(&mut header) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(BadDeb::NoData);
            }
            Err(error) => return Err(error.into()),
        }
        let (name, size) = member(&header).ok_or(BadDeb::Header { at })?;
        if name.starts_with("data.tar") {
            let data = (&mut deb).take(size);
            let unpacked: Box<dyn Read + '_> = match name.as_str() {
                "data.tar" => Box::new(data),
                "data.tar.gz" => Box::new(flate2::read::MultiGzDecoder::new(data)),
                "data.tar.xz" => {
                    let stream = liblzma::stream::Stream::new_stream_decoder(DECODER_BYTES_MAX, 0)
                        .map_err(io::Error::from)?;
                    Box::new(liblzma::read::XzDecoder::new_stream(data, stream))
                }
                "data.tar.zst" => {
                    let mut decoder = zstd::stream::read::Decoder::new(data)?;
                    decoder.window_log_max(28)?;
                    Box::new(decoder)
                }
                _ => return Err(BadDeb::UnknownPacking { name }),
            };
            return from_tar(unpacked, package);
        }
        // Members begin at even places.
        let skip = size.checked_add(size % 2).ok_or(BadDeb::Header { at })?;
        if io::copy(&mut (&mut deb).take(skip), &mut io::sink())? < size {
            return Err(BadDeb::NoData);
        }
        at = at.saturating_add(60).saturating_add(skip);
    }
}

fn member(header: &[u8; 60]) -> Option<(String, u64)> {
    if header[58..] != *b"`\n" {
        return None;
    }
    let name = std::str::from_utf8(&header[..16]).ok()?;
    let size = std::str::from_utf8(&header[48..58]).ok()?;
    Some((
        name.trim_end().trim_end_matches('/').to_owned(),
        size.trim_end().parse().ok()?,
    ))
}

fn from_tar(data: impl Read, package: &str) -> Result<Documents, BadDeb> {
    let own = format!("{DOC}{package}/");
    let mut found = Documents::default();
    let mut archive = tar::Archive::new(data.take(UNPACKED_BYTES_MAX));
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = path
            .trim_start_matches("./")
            .trim_end_matches('/')
            .to_owned();
        let kind = entry.header().entry_type();
        if !path.starts_with(&own) && found.is_complete(&own) {
            break;
        }
        if !path.starts_with(DOC) || found.files.len() + found.links.len() >= FILES_MAX {
            continue;
        }
        let name = path.rsplit('/').next().unwrap_or("");
        if kind.is_symlink() || kind.is_hard_link() {
            if let Some(target) = entry.link_name_bytes() {
                let target = String::from_utf8_lossy(&target).into_owned();
                let target = if kind.is_symlink() {
                    resolved(&path, &target)
                } else {
                    target.trim_start_matches("./").to_owned()
                };
                found.links.insert(path, target);
            }
        } else if kind.is_file() && name.to_ascii_lowercase().starts_with("changelog") {
            let mut bytes = Vec::new();
            (&mut entry).take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
            found.files.insert(path, bytes);
        }
    }
    Ok(found)
}

/// The path that a symbolic link at `path` leads to, without a leading slash.
fn resolved(path: &str, target: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    if !target.starts_with('/') {
        parts.extend(path.split('/'));
        parts.pop();
    }
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

impl Documents {
    /// Whether the changelog is there, so that the rest of the package need not be unpacked.
    fn is_complete(&self, own: &str) -> bool {
        [
            "changelog.Debian.gz",
            "changelog.Debian",
            "changelog.gz",
            "changelog",
        ]
        .iter()
        .any(|name| self.files.contains_key(&format!("{own}{name}")))
    }

    /// Finds the changelog of `package`, at most `limit` bytes of its text.
    ///
    /// A rebuild without a change of the source (`+b1`) brings a file of its own, which stands first.
    pub(crate) fn changelog(
        &self,
        package: &str,
        architecture: &str,
        limit: u64,
    ) -> Result<Place, BadDeb> {
        let mut text = Vec::new();
        if let Place::Here(rebuild) =
            self.file(package, &format!("changelog.Debian.{architecture}"), limit)?
        {
            text = rebuild;
            text.push(b'\n');
        }
        for name in ["changelog.Debian", "changelog"] {
            match self.file(package, name, limit)? {
                Place::Here(rest) => {
                    text.extend_from_slice(&rest);
                    return Ok(Place::Here(text));
                }
                // A folder of this very package that lacks the name: the next name may be there.
                Place::In(other) if self.has_folder(&other) => {}
                Place::In(other) => return Ok(Place::In(other)),
                Place::Nowhere => {}
            }
        }
        Ok(Place::Nowhere)
    }

    fn has_folder(&self, package: &str) -> bool {
        let folder = format!("{DOC}{package}/");
        self.files.keys().any(|path| path.starts_with(&folder))
    }

    fn file(&self, package: &str, name: &str, limit: u64) -> Result<Place, BadDeb> {
        for suffix in [".gz", ""] {
            let mut path = format!("{DOC}{package}/{name}{suffix}");
            for _ in 0..LINKS_MAX {
                if let Some(bytes) = self.files.get(&path) {
                    return Ok(Place::Here(unpacked(bytes, limit)?));
                }
                match self.follow(&path) {
                    Some(next) => path = next,
                    None => break,
                }
            }
            let folder = path
                .strip_prefix(DOC)
                .and_then(|rest| rest.split_once('/'))
                .map(|(folder, _)| folder);
            if let Some(other) = folder.filter(|folder| *folder != package) {
                return Ok(Place::In(other.to_owned()));
            }
        }
        Ok(Place::Nowhere)
    }

    /// One step along a link of the path itself or of a folder above it.
    fn follow(&self, path: &str) -> Option<String> {
        if let Some(target) = self.links.get(path) {
            return Some(target.clone());
        }
        path.match_indices('/').find_map(|(at, _)| {
            let target = self.links.get(&path[..at])?;
            Some(format!("{target}{}", &path[at..]))
        })
    }
}

fn unpacked(bytes: &[u8], limit: u64) -> Result<Vec<u8>, BadDeb> {
    let mut text = Vec::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        flate2::read::MultiGzDecoder::new(bytes)
            .take(limit)
            .read_to_end(&mut text)?;
    } else {
        bytes.take(limit).read_to_end(&mut text)?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
