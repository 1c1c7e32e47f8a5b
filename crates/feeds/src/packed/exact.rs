//! A reader of exactly so many bytes: fewer are an error, not an end.

use std::io::{self, BufRead, Read};

use super::budget::as_error;
use crate::refusal::Refusal;

/// The bytes of one member, within the reader of its archive.
pub struct Exact<'r> {
    reader: &'r mut dyn BufRead,
    left: u64,
    packing: &'static str,
}

impl<'r> Exact<'r> {
    /// The next `bytes` of the reader.
    pub fn new(reader: &'r mut dyn BufRead, bytes: u64, packing: &'static str) -> Self {
        Self {
            reader,
            left: bytes,
            packing,
        }
    }

    /// How many were not read yet.
    pub fn left(&self) -> u64 {
        self.left
    }
}

impl BufRead for Exact<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            return Ok(&[]);
        }
        let buffer = self.reader.fill_buf()?;
        if buffer.is_empty() {
            return Err(as_error(Refusal::Packing {
                packing: self.packing,
                why: "it ends in the middle of a member".to_owned(),
            }));
        }
        let length = usize::try_from(self.left).unwrap_or(usize::MAX);
        Ok(&buffer[..buffer.len().min(length)])
    }

    fn consume(&mut self, length: usize) {
        self.left = self.left.saturating_sub(length as u64);
        self.reader.consume(length);
    }
}

impl Read for Exact<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let length = ready.len().min(buffer.len());
        buffer[..length].copy_from_slice(&ready[..length]);
        self.consume(length);
        Ok(length)
    }
}
