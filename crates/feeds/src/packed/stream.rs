//! Decompressors that read one stream: gzip, xz, bzip2, zstd; several members after one another too.
//!
//! Noughts after the end are padding; anything else there is damage. An error stays: whoever reads
//! on after one gets it again.

use std::io::{self, BufRead, Read};

use liblzma::stream::{CONCATENATED, Stream};

use super::WINDOW_LOG_MAX;
use super::budget::{Budget, as_error, refusal_of};
use super::magic::Packing;
use crate::refusal::Refusal;

/// Beside its window an xz decoder needs less than this.
const XZ_EXTRA_BYTES: u64 = 1024 * 1024;

/// A packed stream being unpacked.
pub struct Unpacked<'a> {
    packing: Packing,
    level: usize,
    budget: &'a Budget,
    state: State<'a>,
}

type Packed<'a> = &'a mut dyn BufRead;

enum State<'a> {
    Gzip(flate2::bufread::GzDecoder<Packed<'a>>),
    Xz(Box<liblzma::bufread::XzDecoder<Packed<'a>>>),
    Bzip2(bzip2::bufread::BzDecoder<Packed<'a>>),
    Zstd(zstd::stream::read::Decoder<'static, Packed<'a>>),
    Ended,
    Failed(Refusal),
}

impl<'a> Unpacked<'a> {
    /// Begins; `level` is how many packings are around it.
    pub fn new(
        packed: Packed<'a>,
        packing: Packing,
        level: usize,
        budget: &'a Budget,
    ) -> Result<Self, Refusal> {
        let state =
            begin(packed, packing, level).map_err(|error| refusal_of(error, packing.name()))?;
        Ok(Self {
            packing,
            level,
            budget,
            state,
        })
    }

    fn step(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match &mut self.state {
                State::Gzip(decoder) => decoder.read(buffer)?,
                State::Xz(decoder) => decoder.read(buffer)?,
                State::Bzip2(decoder) => decoder.read(buffer)?,
                State::Zstd(decoder) => decoder.read(buffer)?,
                State::Ended => return Ok(0),
                State::Failed(refusal) => return Err(as_error(refusal.clone())),
            };
            if read > 0 {
                return Ok(read);
            }
            self.state = match std::mem::replace(&mut self.state, State::Ended) {
                State::Gzip(decoder) => self.after(decoder.into_inner())?,
                // The decoder of xz reads all members and their padding by itself.
                State::Xz(decoder) => ended(decoder.into_inner())?,
                State::Bzip2(decoder) => self.after(decoder.into_inner())?,
                State::Zstd(decoder) => self.after(decoder.finish())?,
                state @ (State::Ended | State::Failed(_)) => state,
            };
        }
    }

    /// What follows the end of a member: another one, padding, or what should not be there.
    fn after(&self, packed: Packed<'a>) -> io::Result<State<'a>> {
        let Some(&first) = packed.fill_buf()?.first() else {
            return Ok(State::Ended);
        };
        let again = match self.packing {
            Packing::Gzip => first == 0x1f,
            Packing::Bzip2 => first == b'B',
            Packing::Zstd => matches!(first, 0x28 | 0x50..=0x5f),
            Packing::Xz | Packing::Tar | Packing::Zip | Packing::Cab => false,
        };
        if again {
            return begin(packed, self.packing, self.level);
        }
        ended(packed)
    }
}

/// Only noughts may follow.
fn ended<'a>(packed: Packed<'a>) -> io::Result<State<'a>> {
    loop {
        let rest = packed.fill_buf()?;
        if rest.is_empty() {
            return Ok(State::Ended);
        }
        if rest.iter().any(|&byte| byte != 0) {
            return Err(io::Error::other(
                "something that is no padding follows its end",
            ));
        }
        let length = rest.len();
        packed.consume(length);
    }
}

fn begin<'a>(packed: Packed<'a>, packing: Packing, level: usize) -> io::Result<State<'a>> {
    let window_log = WINDOW_LOG_MAX.saturating_sub(u32::try_from(level).unwrap_or(u32::MAX));
    Ok(match packing {
        Packing::Gzip => State::Gzip(flate2::bufread::GzDecoder::new(packed)),
        Packing::Bzip2 => State::Bzip2(bzip2::bufread::BzDecoder::new(packed)),
        Packing::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(packed)?.single_frame();
            decoder.window_log_max(window_log)?;
            State::Zstd(decoder)
        }
        Packing::Xz => {
            let memory = (1_u64 << window_log) + XZ_EXTRA_BYTES;
            let stream = Stream::new_stream_decoder(memory, CONCATENATED)?;
            State::Xz(Box::new(liblzma::bufread::XzDecoder::new_stream(
                packed, stream,
            )))
        }
        Packing::Tar | Packing::Zip | Packing::Cab => State::Ended,
    })
}

impl Read for Unpacked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let refusal = match self.step(buffer) {
            Ok(read) => {
                let bytes = u64::try_from(read).unwrap_or(u64::MAX);
                match self.budget.unpacked(bytes, self.packing.name()) {
                    Ok(()) => return Ok(read),
                    Err(refusal) => refusal,
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => refusal_of(error, self.packing.name()),
        };
        self.state = State::Failed(refusal.clone());
        Err(as_error(refusal))
    }
}
