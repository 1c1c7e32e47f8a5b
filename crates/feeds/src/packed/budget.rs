//! What one given file may use in all, counted over every level.

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind};

use super::{HELD_BYTES_MAX, MEMBERS_MAX, RATIO_FREE_BYTES, RATIO_MAX, TOTAL_BYTES_MAX};
use crate::refusal::Refusal;

/// Counters that all levels share.
pub struct Budget {
    packed_bytes: u64,
    unpacked_bytes: Cell<u64>,
    members: Cell<u64>,
    held_bytes: Cell<u64>,
    stop: RefCell<Option<Refusal>>,
}

impl Budget {
    /// For a file of this many bytes.
    pub fn new(packed_bytes: u64) -> Self {
        Self {
            packed_bytes,
            unpacked_bytes: Cell::new(0),
            members: Cell::new(0),
            held_bytes: Cell::new(0),
            stop: RefCell::new(None),
        }
    }

    /// Why the whole file is given up, if it is.
    pub fn stop(&self) -> Option<Refusal> {
        self.stop.borrow().clone()
    }

    fn give_up(&self, refusal: Refusal) -> Refusal {
        *self.stop.borrow_mut() = Some(refusal.clone());
        refusal
    }

    /// Counts bytes that came out of a decompressor.
    pub fn unpacked(&self, bytes: u64, packing: &'static str) -> Result<(), Refusal> {
        let total = self.unpacked_bytes.get().saturating_add(bytes);
        self.unpacked_bytes.set(total);
        if total > TOTAL_BYTES_MAX {
            return Err(self.give_up(Refusal::TooLarge {
                what: "everything unpacked".to_owned(),
                limit_bytes: TOTAL_BYTES_MAX,
            }));
        }
        if total > RATIO_FREE_BYTES && total / RATIO_MAX > self.packed_bytes {
            let why = format!(
                "it unpacks to more than {RATIO_MAX} times its {} bytes, as only a bomb does",
                self.packed_bytes
            );
            return Err(self.give_up(Refusal::Packing { packing, why }));
        }
        Ok(())
    }

    /// Counts a member of an archive.
    pub fn member(&self) -> Result<(), Refusal> {
        let members = self.members.get().saturating_add(1);
        self.members.set(members);
        if members > MEMBERS_MAX {
            return Err(self.give_up(Refusal::TooMany {
                what: "members of archives",
                limit: MEMBERS_MAX,
            }));
        }
        Ok(())
    }

    /// How many bytes of archives may still be held in memory.
    pub fn held_left(&self) -> u64 {
        HELD_BYTES_MAX.saturating_sub(self.held_bytes.get())
    }

    /// Counts bytes that are held.
    pub fn hold(&self, bytes: u64) {
        self.held_bytes
            .set(self.held_bytes.get().saturating_add(bytes));
    }

    /// Counts bytes that are held no more.
    pub fn let_go(&self, bytes: u64) {
        self.held_bytes
            .set(self.held_bytes.get().saturating_sub(bytes));
    }
}

/// A refusal on its way through readers.
pub fn as_error(refusal: Refusal) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, refusal)
}

/// The refusal that a reader's error stands for: its own, or that of the packing that it read.
pub fn refusal_of(error: io::Error, packing: &'static str) -> Refusal {
    let error = match error.downcast::<Refusal>() {
        Ok(refusal) => return refusal,
        Err(error) => error,
    };
    let why = match error.kind() {
        ErrorKind::UnexpectedEof => "it ends in the middle".to_owned(),
        _ if packing == "file" => format!("the file cannot be read: {error}"),
        _ => error.to_string(),
    };
    if packing == "file" {
        return Refusal::Invalid {
            place: "file".to_owned(),
            why,
        };
    }
    Refusal::Packing { packing, why }
}
