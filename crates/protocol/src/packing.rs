//! Packing of large payloads with Zstandard, and unpacking within a limit.
//!
//! The limit holds while unpacking, not after, so that a small body cannot become a large memory.

use std::io::Read;

use crate::limits::UNPACKED_BYTES_MAX;

/// Why bytes could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// More than the limit.
    #[error("unpacks to more than {UNPACKED_BYTES_MAX} bytes")]
    TooLarge,
    /// Not Zstandard, or cut off.
    #[error("cannot be unpacked")]
    Damaged(#[source] std::io::Error),
}

/// Packs bytes.
pub fn pack(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, 3).expect("compressing memory to memory cannot fail")
}

/// Unpacks bytes, up to the limit.
pub fn unpack(bytes: &[u8]) -> Result<Vec<u8>, UnpackError> {
    let decoder = zstd::stream::read::Decoder::new(bytes).map_err(UnpackError::Damaged)?;
    let mut out = Vec::new();
    decoder
        .take(UNPACKED_BYTES_MAX as u64 + 1)
        .read_to_end(&mut out)
        .map_err(UnpackError::Damaged)?;
    if out.len() > UNPACKED_BYTES_MAX {
        Err(UnpackError::TooLarge)
    } else {
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bomb_is_refused_at_the_limit() {
        let bomb = pack(&vec![0; UNPACKED_BYTES_MAX + 1]);
        assert!(bomb.len() < 10_000);
        assert!(matches!(unpack(&bomb), Err(UnpackError::TooLarge)));
    }

    #[test]
    fn what_is_damaged_is_refused_and_what_is_whole_comes_back() {
        let packed = pack(b"deb\topenssl");
        assert_eq!(unpack(&packed).unwrap(), b"deb\topenssl");
        assert!(unpack(&packed[..packed.len() - 3]).is_err());
        assert!(unpack(b"not packed").is_err());
    }
}
