//! Order of Windows build and file versions: four numbers, `10.0.20348.2227`.
//!
//! [`parse`](crate::parse) wants exactly four numbers, each within 32 bits: resource blocks hold 16
//! bits a part, but revision numbers in update metadata go beyond, and Windows Update compares them as
//! numbers. Leading zeros are allowed (Exchange writes `15.01.2507.039`).
//! [`order`](crate::order) also takes one to three numbers, as files and registry keys in the field
//! have them; a missing part counts as 0, and numbers may have any length.
//!
//! Sources: VS_FIXEDFILEINFO; FixedBuild in the documents of the MSRC.

use std::cmp::Ordering;

use crate::fault::Fault;
use crate::number;

/// Largest number in one part.
pub const PART_MAX: u64 = u32::MAX as u64;

/// A version read for ordering.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Read<'a>([&'a [u8]; 4]);

impl Ord for Read<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0
            .iter()
            .zip(&other.0)
            .map(|(a, b)| a.len().cmp(&b.len()).then_with(|| a.cmp(b)))
            .find(|parts| parts.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for Read<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Reads one to four numbers.
pub(crate) fn read(version: &[u8]) -> Result<Read<'_>, Fault> {
    if std::str::from_utf8(version).is_err() {
        return Err(Fault::NotText);
    }
    let mut parts = [&b""[..]; 4];
    let mut found = 0;
    for part in version.split(|&byte| byte == b'.') {
        if !number::is_number(part) {
            return Err(match part {
                [] => Fault::Empty {
                    part: if version.is_empty() {
                        "version"
                    } else {
                        "part"
                    },
                },
                [..] => Fault::NotNumber { part: "part" },
            });
        }
        if let Some(place) = parts.get_mut(found) {
            *place = number::significant(part);
        }
        found += 1;
    }
    if found > parts.len() {
        return Err(Fault::Parts {
            wanted: "1 to 4",
            found,
        });
    }
    Ok(Read(parts))
}

/// Checks for exactly four numbers within [`PART_MAX`].
pub(crate) fn parse(version: &str) -> Result<(), Fault> {
    let Read(parts) = read(version.as_bytes())?;
    let found = version.split('.').count();
    if found != parts.len() {
        return Err(Fault::Parts { wanted: "4", found });
    }
    let max = PART_MAX.to_string();
    if parts
        .iter()
        .any(|part| number::compare(part, max.as_bytes()).is_gt())
    {
        return Err(Fault::TooBig {
            part: "part",
            max: PART_MAX,
        });
    }
    Ok(())
}
