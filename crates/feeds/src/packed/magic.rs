//! What a packing is, by its first bytes.

use super::tar;

/// A packing that can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    Gzip,
    Xz,
    Bzip2,
    Zstd,
    Tar,
    Zip,
    Cab,
}

impl Packing {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
            Self::Zstd => "zstd",
            Self::Tar => "tar",
            Self::Zip => "zip",
            Self::Cab => "cab",
        }
    }
}

/// Where the magic of a tar stands.
const TAR_MAGIC_AT: usize = 257;

/// The packing; `None`: a document.
pub fn recognise(head: &[u8]) -> Option<Packing> {
    match head {
        [0x1f, 0x8b, ..] => Some(Packing::Gzip),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Packing::Xz),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Packing::Bzip2),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Packing::Zstd),
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Packing::Zip),
        [b'M', b'S', b'C', b'F', 0, 0, 0, 0, ..] => Some(Packing::Cab),
        _ if head.get(TAR_MAGIC_AT..TAR_MAGIC_AT + 5) == Some(b"ustar") => Some(Packing::Tar),
        // The oldest tars have no magic, but a checksum.
        _ if tar::is_header(head) => Some(Packing::Tar),
        _ => None,
    }
}
