//! Names of members: none that leads out of its archive, none that steers a terminal.

use crate::refusal::Refusal;

/// Longest name of a member, in bytes.
const NAME_BYTES_MAX: usize = 1024;
/// How much of a bad name is shown, in characters.
const SHOWN_CHARACTERS_MAX: usize = 80;

/// A member's name, and the refusal if it may not be followed.
pub struct Named {
    /// Fit to be shown; bytes that are no text are replaced.
    pub shown: String,
    /// Why it is not opened.
    pub refusal: Option<Refusal>,
}

/// Looks at the name of a member.
pub fn look(raw: &[u8]) -> Named {
    let text = String::from_utf8_lossy(&raw[..raw.len().min(NAME_BYTES_MAX)]);
    let why = if raw.is_empty() {
        Some("the member has no name")
    } else if raw.len() > NAME_BYTES_MAX {
        Some("the member's name is too long")
    } else if text.chars().any(char::is_control) {
        Some("the member's name holds control characters")
    } else if text.starts_with(['/', '\\']) || text.get(1..2) == Some(":") {
        Some("the member's name is absolute")
    } else if text.split(['/', '\\']).any(|part| part == "..") {
        Some("the member's name leads out of the archive")
    } else {
        None
    };
    let Some(why) = why else {
        return Named {
            shown: text.strip_prefix("./").unwrap_or(&text).to_owned(),
            refusal: None,
        };
    };
    let shown: String = text
        .chars()
        .take(SHOWN_CHARACTERS_MAX)
        .map(|character| {
            if character.is_control() {
                '?'
            } else {
                character
            }
        })
        .collect();
    Named {
        refusal: Some(Refusal::Invalid {
            place: "name".to_owned(),
            why: why.to_owned(),
        }),
        shown,
    }
}
