//! Typed ids: `dev_01j9…`, `cli_01j9…`. Passing one for another does not compile.
//!
//! Sixteen bytes in the layout of UUID version 7 (48 bits of Unix milliseconds, then random bits),
//! so that ids sort by the time they were made. The random part is handed in. Text: prefix, `_`, and
//! 26 characters of Crockford's base 32 in lower case. Errors: any other text is refused.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const TEXT_LENGTH: usize = 26;

/// What an id names; gives its prefix.
pub trait Kind {
    /// Three letters before the underscore.
    const PREFIX: &'static str;
    /// The word of the glossary, for messages.
    const WORD: &'static str;
}

/// An id of one kind of thing.
pub struct Id<K> {
    bytes: [u8; 16],
    kind: PhantomData<fn() -> K>,
}

/// A text that is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not the id of a {word}: expected `{prefix}_` and 26 letters and digits")]
pub struct InvalidId {
    /// What was given.
    pub text: String,
    /// The kind that was wanted.
    pub word: &'static str,
    /// The prefix that was wanted.
    pub prefix: &'static str,
}

impl<K: Kind> Id<K> {
    /// Makes an id from the time and ten random bytes.
    pub fn from_parts(now: Timestamp, random: [u8; 10]) -> Self {
        let millis = u64::try_from(now.as_millisecond())
            .unwrap_or(0)
            .to_be_bytes();
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&millis[2..]);
        bytes[6..].copy_from_slice(&random);
        bytes[6] = (bytes[6] & 0x0f) | 0x70;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self::from_bytes(bytes)
    }

    /// Takes the bytes as the store keeps them.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self {
            bytes,
            kind: PhantomData,
        }
    }

    /// The id of something that is not kept anywhere, such as a rule in a file that was only read.
    pub const fn unsaved() -> Self {
        Self {
            bytes: [0; 16],
            kind: PhantomData,
        }
    }

    /// The bytes as the store keeps them.
    pub fn bytes(&self) -> &[u8; 16] {
        &self.bytes
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = u128::from_be_bytes(self.bytes);
        let mut text = [0_u8; TEXT_LENGTH];
        for (at, digit) in text.iter_mut().enumerate() {
            let shift = 5 * (TEXT_LENGTH - 1 - at);
            *digit = ALPHABET[((number >> shift) & 31) as usize];
        }
        write!(
            f,
            "{}_{}",
            K::PREFIX,
            std::str::from_utf8(&text).expect("the alphabet is ASCII")
        )
    }
}

impl<K: Kind> FromStr for Id<K> {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let refuse = || InvalidId {
            text: shorten(text),
            word: K::WORD,
            prefix: K::PREFIX,
        };
        let digits = text
            .strip_prefix(K::PREFIX)
            .and_then(|rest| rest.strip_prefix('_'))
            .filter(|digits| digits.len() == TEXT_LENGTH)
            .ok_or_else(refuse)?;
        let mut number = 0_u128;
        for (at, byte) in digits.bytes().enumerate() {
            let value = ALPHABET
                .iter()
                .position(|&a| a == byte)
                .ok_or_else(refuse)? as u128;
            if at == 0 && value > 7 {
                return Err(refuse());
            }
            number = (number << 5) | value;
        }
        Ok(Self::from_bytes(number.to_be_bytes()))
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(64).collect()
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.bytes.cmp(&other.bytes)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.bytes.hash(state);
    }
}
impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

macro_rules! kinds {
    ($($kind:ident $alias:ident $prefix:literal $word:literal;)*) => {$(
        #[doc = concat!("Marks the id of a ", $word, ".")]
        pub enum $kind {}
        impl Kind for $kind {
            const PREFIX: &'static str = $prefix;
            const WORD: &'static str = $word;
        }
        #[doc = concat!("The id of a ", $word, ".")]
        pub type $alias = Id<$kind>;
    )*};
}

kinds! {
    ClientKind ClientId "cli" "client";
    SiteKind SiteId "sit" "site";
    DeviceKind DeviceId "dev" "device";
    EnrolmentKind EnrolmentId "enr" "enrolment";
    DecisionKind DecisionId "dec" "decision";
    WindowKind WindowId "win" "change window";
    PolicyKind PolicyId "pol" "policy object";
    OrderKind OrderId "ord" "order";
    TicketKind TicketId "tic" "ticket";
    PrincipalKind PrincipalId "pri" "principal";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text_and_refuses_the_wrong_kind() {
        let now: Timestamp = "2026-03-02T09:00:00Z".parse().unwrap();
        let id = DeviceId::from_parts(now, [0xff; 10]);
        let text = id.to_string();
        assert_eq!(text.len(), 30);
        assert!(text.starts_with("dev_01"), "{text}");
        assert_eq!(text.parse::<DeviceId>().unwrap(), id);
        assert!(text.parse::<ClientId>().is_err());
        assert!(text.to_uppercase().parse::<DeviceId>().is_err());
        assert!("dev_".parse::<DeviceId>().is_err());
        assert!(
            "dev_8zzzzzzzzzzzzzzzzzzzzzzzzz"
                .parse::<DeviceId>()
                .is_err()
        );
    }

    #[test]
    fn ids_sort_by_the_time_they_were_made() {
        let early = OrderId::from_parts("2026-03-02T09:00:00Z".parse().unwrap(), [0xff; 10]);
        let late = OrderId::from_parts("2026-03-02T09:00:01Z".parse().unwrap(), [0; 10]);
        assert!(early < late && early.to_string() < late.to_string());
    }
}
