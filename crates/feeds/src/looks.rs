//! What a document looks like that no feed knows, so that a refusal can say so.
//!
//! Only for the sentence that a person reads, and to tell what lies beside feeds everywhere
//! (licences, signatures, checksums, schemas, pages, notes) from what may be a feed and is damaged.

use crate::format::{Probe, holds};
use crate::json;

/// How many keys of an unknown document are named.
const KEYS_NAMED_MAX: usize = 5;
/// How long a name in the sentence may be, in characters.
const NAME_CHARACTERS_MAX: usize = 40;

/// What a document looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looks {
    /// For people: `an HTML page`.
    pub what: String,
    /// Whether it lies beside feeds and is none.
    pub bystander: bool,
}

/// First bytes of what is neither text nor a packing that is opened.
const BINARIES: &[(&[u8], &str)] = &[
    (b"SQLite format 3\0", "a SQLite database"),
    (b"%PDF", "a PDF"),
    (b"\xd0\xcf\x11\xe0", "an Office document"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive, which is not opened"),
    (
        b"!<arch>\n",
        "a Debian package or library archive, which is not opened",
    ),
    (b"\xed\xab\xee\xdb", "an rpm package, which is not opened"),
    (b"\x89PNG", "an image"),
    (b"GIF8", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"RIFF", "a media file"),
];

/// Says what a document looks like.
pub fn like(bytes: &[u8]) -> Looks {
    if let Some((_, what)) = BINARIES.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return bystander(what);
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return suspect("text in UTF-16, while feeds are in UTF-8");
    }
    let probe = Probe::new(bytes);
    if probe.bytes.iter().take(512).any(|&byte| byte == 0) {
        return suspect("it looks like binary data of no known kind");
    }
    let lower = probe.head.to_ascii_lowercase();
    if lower.is_empty() {
        return suspect("it holds only blanks");
    }
    if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        return bystander("an HTML page");
    }
    if lower.starts_with("-----begin pgp") {
        return bystander("an OpenPGP signature, key or message");
    }
    if lower.starts_with("-----begin ") {
        return bystander("a key, certificate or signature in PEM");
    }
    if probe.is_xml() {
        return xml(&probe, &lower);
    }
    if probe.is_json() {
        return json(&probe);
    }
    text(&probe, &lower)
}

fn bystander(what: &str) -> Looks {
    Looks {
        what: format!("it looks like {what}"),
        bystander: true,
    }
}

fn suspect(what: &str) -> Looks {
    Looks {
        what: what.to_owned(),
        bystander: false,
    }
}

fn short(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control())
        .take(NAME_CHARACTERS_MAX)
        .collect()
}

/// The name of the first element, by its letters.
fn root(head: &str) -> Option<String> {
    let mut rest = head;
    loop {
        let at = rest.find('<')?;
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix("!--") {
            rest = &after[after.find("-->")?..];
        } else if !rest.starts_with(['?', '!']) {
            let end = rest.find(|character: char| {
                character.is_whitespace() || character == '>' || character == '/'
            });
            return Some(short(&rest[..end.unwrap_or(rest.len())]));
        }
    }
}

fn xml(probe: &Probe<'_>, lower: &str) -> Looks {
    let Some(root) = root(&probe.head) else {
        return suspect("it begins as XML and has no element");
    };
    let name = root.rsplit(':').next().unwrap_or(&root);
    match name.to_ascii_lowercase().as_str() {
        "html" => bystander("an HTML page"),
        "schema" if lower.contains("xmlschema") => bystander("an XML schema"),
        _ => suspect(&format!(
            "XML with the root element {root}, which no feed has"
        )),
    }
}

fn json(probe: &Probe<'_>) -> Looks {
    let mut keys = Vec::new();
    for member in json::members(probe.bytes) {
        match member {
            Ok(member) if member.raw_key.is_empty() => break,
            Ok(member) => keys.push(short(&member.key())),
            Err(refusal) => return suspect(&format!("it begins as JSON, but {refusal}")),
        }
        if keys.len() > KEYS_NAMED_MAX {
            break;
        }
    }
    let schema = |text: &str| holds(probe.bytes, text.as_bytes());
    if keys.iter().any(|key| key == "$schema") && schema("json-schema.org") {
        return bystander("a JSON schema");
    }
    if keys.is_empty() {
        return suspect("JSON that no feed has");
    }
    keys.truncate(KEYS_NAMED_MAX);
    suspect(&format!(
        "JSON with the keys {}, which no feed has",
        keys.join(", ")
    ))
}

fn text(probe: &Probe<'_>, lower: &str) -> Looks {
    let mut lines = probe.head.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or_default();
    if is_checksum(first)
        && probe
            .head
            .lines()
            .take(20)
            .all(|line| line.is_empty() || is_checksum(line))
    {
        return bystander("a list of checksums");
    }
    let licence = [
        "permission is hereby granted",
        "redistribution and use",
        "terms and conditions",
        "creative commons",
        "public license",
    ];
    if licence.iter().any(|words| lower.contains(words)) {
        return bystander("a licence text");
    }
    if first.starts_with("# ") && !first.contains('\t') && lower.contains("\n\n") {
        return bystander("notes in Markdown");
    }
    if first.contains('\t') {
        return bystander("a table with TABs between its columns");
    }
    if first.contains(',') || first.contains(';') {
        return suspect(&format!(
            "a table or text that begins with `{}`, which no feed does",
            short(first)
        ));
    }
    suspect(&format!(
        "text that begins with `{}`, which no feed does",
        short(first)
    ))
}

/// A digest in hexadecimal, alone or with a file's name.
fn is_checksum(line: &str) -> bool {
    let digest = line.split_whitespace().next().unwrap_or_default();
    matches!(digest.len(), 32 | 40 | 64 | 96 | 128)
        && digest.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_beside_feeds_is_told_from_what_may_be_one() {
        for (text, what, bystander) in [
            ("<!DOCTYPE html><html>", "an HTML page", true),
            (
                "<?xml version='1.0'?>\n<!-- x --><html xmlns='x'/>",
                "an HTML page",
                true,
            ),
            (
                "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema'/>",
                "an XML schema",
                true,
            ),
            ("<foo:bar a='1'>", "root element foo:bar", false),
            (
                "{\"$schema\": \"https://json-schema.org/draft/2020-12/schema\"}",
                "a JSON schema",
                true,
            ),
            ("{\"a\": 1, \"b\": 2}", "keys a, b", false),
            ("{\"a\": 1, \"b", "truncated", false),
            ("[1, 2]", "JSON", false),
            (
                "-----BEGIN PGP SIGNATURE-----\n",
                "an OpenPGP signature",
                true,
            ),
            (
                "d41d8cd98f00b204e9800998ecf8427e  a.json\n",
                "checksums",
                true,
            ),
            (
                "MIT License\n\nPermission is hereby granted, free of charge",
                "a licence text",
                true,
            ),
            ("# Read me\n\nThis folder", "Markdown", true),
            ("a\tb\n1\t2\n", "a table", true),
            ("%PDF-1.7", "a PDF", true),
            ("\0\0\0", "binary", false),
            ("  \n ", "only blanks", false),
            (
                "what is this",
                "text that begins with `what is this`",
                false,
            ),
        ] {
            let seen = like(text.as_bytes());
            assert!(seen.what.contains(what), "{text}: {}", seen.what);
            assert_eq!(seen.bystander, bystander, "{text}: {}", seen.what);
        }
    }

    #[test]
    fn no_control_character_reaches_the_sentence() {
        let seen = like(b"\x1b[31mred");
        assert!(!seen.what.contains('\x1b'), "{}", seen.what);
    }
}
