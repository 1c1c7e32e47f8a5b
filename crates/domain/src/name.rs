//! Checked texts: names of packages, versions, architectures, and the names that people give.
//!
//! Text becomes a type at the edge, once. Lengths are in bytes. Errors say what is wrong and where.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not the name it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Nothing was given.
    #[error("a {what} may not be empty")]
    Empty {
        /// What was wanted.
        what: &'static str,
    },
    /// Too many bytes.
    #[error("a {what} has at most {limit_bytes} bytes, this one has {length_bytes}")]
    TooLong {
        /// What was wanted.
        what: &'static str,
        /// The limit in bytes.
        limit_bytes: usize,
        /// What was given, in bytes.
        length_bytes: usize,
    },
    /// A character that may not stand there.
    #[error("a {what} may not contain {character:?} (byte {position})")]
    Character {
        /// What was wanted.
        what: &'static str,
        /// The character.
        character: char,
        /// Offset in bytes.
        position: usize,
    },
}

fn checked(
    what: &'static str,
    limit_bytes: usize,
    text: &str,
    allowed: impl Fn(char) -> bool,
) -> Result<String, InvalidName> {
    match text.len() {
        0 => Err(InvalidName::Empty { what }),
        length_bytes if length_bytes > limit_bytes => Err(InvalidName::TooLong {
            what,
            limit_bytes,
            length_bytes,
        }),
        // Most names are plain ASCII; telling so needs no decoding.
        _ if text
            .bytes()
            .all(|byte| byte.is_ascii() && allowed(byte.into())) =>
        {
            Ok(text.to_owned())
        }
        _ => match text.char_indices().find(|&(_, c)| !allowed(c)) {
            Some((position, character)) => Err(InvalidName::Character {
                what,
                character,
                position,
            }),
            None => Ok(text.to_owned()),
        },
    }
}

/// Neither blank, nor control, nor one of the characters that reverse the writing direction.
fn visible(c: char) -> bool {
    !c.is_whitespace() && printable(c)
}

/// No control and no direction-changing character; blanks are allowed.
pub fn printable(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+')
}

fn label(c: char) -> bool {
    printable(c) && c != '/'
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident $what:literal $limit:literal $allowed:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                checked($what, $limit, text, $allowed).map(Self)
            }
        }
        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    )*};
}

names! {
    /// Name of a package as its ecosystem spells it: `openssl`, `KB5034441`. Case is kept.
    PackageName "package name" 255 visible;
    /// A version as installed in the field; order is the business of `versions`.
    Version "version" 255 printable;
    /// A processor architecture as the ecosystem spells it: `amd64`, `all`, `x86_64`.
    Architecture "architecture" 32 word;
    /// The release a patch belongs to, by codename: `bookworm`.
    Release "release" 64 word;
    /// A name that a person gave to a client, site, device or window: printable, no slash.
    Label "name" 120 label;
    /// A tag of a device.
    Tag "tag" 60 word;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_could_hide_or_break_a_line() {
        for bad in [
            "",
            "a b",
            "a\tb",
            "a\nb",
            "a\u{202e}b",
            "a\u{0}b",
            &"x".repeat(256),
        ] {
            assert!(bad.parse::<PackageName>().is_err(), "{bad:?}");
        }
        assert_eq!(
            "libstdc++6".parse::<PackageName>().unwrap().as_str(),
            "libstdc++6"
        );
        assert_eq!(
            "a\tb".parse::<PackageName>().unwrap_err(),
            InvalidName::Character {
                what: "package name",
                character: '\t',
                position: 1
            }
        );
    }

    #[test]
    fn serde_goes_through_the_same_check() {
        assert!(serde_json::from_str::<Label>("\"Acme GmbH\"").is_ok());
        assert!(serde_json::from_str::<Label>("\"a/b\"").is_err());
        assert!(serde_json::from_str::<Tag>("\"two words\"").is_err());
    }
}
