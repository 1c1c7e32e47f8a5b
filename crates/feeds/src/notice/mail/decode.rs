//! Encodings of mail: quoted-printable, base64, encoded words and character sets.
//!
//! Output is never longer than a small multiple of the input. Sources: RFC 2045, 6.7 and 6.8;
//! RFC 2047. Character sets: UTF-8 and ISO 8859-1 with the letters of Windows-1252; of others what is
//! ASCII is kept.

/// Bytes as UTF-8 where they are, else as ISO 8859-1.
pub fn latin(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}

/// Text of a character set.
pub fn charset(bytes: &[u8], name: &str) -> String {
    match name.to_ascii_lowercase().as_str() {
        "iso-8859-1" | "iso-8859-15" | "windows-1252" | "latin1" => {
            bytes.iter().map(|&byte| char::from(byte)).collect()
        }
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

/// Decodes quoted-printable; what breaks its rules stays as it is, as RFC 2045 allows.
pub fn quoted_printable(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        if byte != b'=' {
            out.push(byte);
            continue;
        }
        match bytes.get(at..) {
            Some([b'\r', b'\n', ..]) => at += 2,
            Some([b'\n', ..]) => at += 1,
            Some([high, low, ..]) => match hex(*high, *low) {
                Some(value) => {
                    out.push(value);
                    at += 2;
                }
                None => out.push(byte),
            },
            _ => out.push(byte),
        }
    }
    out
}

/// Decodes base64; `None`: a character of no meaning, or it ends in the middle.
pub fn base64(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len() / 4 * 3);
    let mut held = 0_u32;
    let mut count = 0_u8;
    let mut padding = 0_u8;
    for &byte in bytes {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => {
                padding += 1;
                if padding > 2 {
                    return None;
                }
                continue;
            }
            b'\r' | b'\n' | b' ' | b'\t' => continue,
            _ => return None,
        };
        if padding > 0 {
            return None;
        }
        held = held << 6 | u32::from(value);
        count += 1;
        if count == 4 {
            out.extend_from_slice(&held.to_be_bytes()[1..]);
            (held, count) = (0, 0);
        }
    }
    match (count, padding) {
        (0, 0) => {}
        (2, 2) => out.push((held >> 4).to_be_bytes()[3]),
        (3, 1) => out.extend_from_slice(&(held >> 2).to_be_bytes()[2..]),
        _ => return None,
    }
    Some(out)
}

/// Decodes words such as `=?utf-8?B?w6Q=?=` in a header; blanks between two of them vanish.
pub fn words(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    let mut after_word = false;
    while let Some(at) = rest.find("=?") {
        let before = &rest[..at];
        match word(&rest[at..]) {
            Some((decoded, length)) => {
                if !(after_word && before.trim().is_empty()) {
                    out.push_str(before);
                }
                out.push_str(&decoded);
                rest = &rest[at + length..];
                after_word = true;
            }
            None => {
                out.push_str(&rest[..at + 2]);
                rest = &rest[at + 2..];
                after_word = false;
            }
        }
    }
    out.push_str(rest);
    out
}

/// One encoded word at the start of the text, and its length.
fn word(text: &str) -> Option<(String, usize)> {
    let body = text.strip_prefix("=?")?;
    let (name, rest) = body.split_once('?')?;
    let (encoding, rest) = rest.split_once('?')?;
    let (content, _) = rest.split_once("?=")?;
    let length = 2 + name.len() + 1 + encoding.len() + 1 + content.len() + 2;
    let bytes = match encoding {
        "B" | "b" => base64(content.as_bytes())?,
        "Q" | "q" => quoted_printable(content.replace('_', " ").as_bytes()),
        _ => return None,
    };
    Some((charset(&bytes, name), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_decoded_as_rfc_4648_shows() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9v\r\nYg=="),
        ] {
            assert_eq!(
                base64(encoded.as_bytes()).as_deref(),
                Some(plain.as_bytes())
            );
        }
        for damaged in ["Z", "Zg", "Zg=", "Zm9v!", "Zg==Zg==", "===="] {
            assert_eq!(base64(damaged.as_bytes()), None, "{damaged}");
        }
    }

    #[test]
    fn quoted_printable_joins_soft_lines() {
        assert_eq!(
            quoted_printable(b"a=3D=\r\nb=\nc=C3=A4 =zz="),
            "a=bcä =zz=".as_bytes()
        );
    }

    #[test]
    fn words_in_headers_are_decoded() {
        assert_eq!(words("=?utf-8?B?w6Q=?= =?iso-8859-1?Q?=FC_b?= c"), "äü b c");
        assert_eq!(words("a =? b =?x?y?z?="), "a =? b =?x?y?z?=");
    }
}
