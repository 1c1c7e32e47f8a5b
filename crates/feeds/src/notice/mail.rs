//! Mail: one message, or an mbox of many.
//!
//! Read are subject, date, Message-ID and the text parts; attachments of other kinds are passed
//! over. Errors: a message whose parts do not end, or whose base64 is damaged, is broken; of a single
//! message that is a refusal, because it is the whole document.
//! Sources: RFC 5322, RFC 2045 to 2047, RFC 4155 (mbox).

mod decode;

use domain::feed::Feed;

use super::{Item, date, take};
use crate::fields::Seen;
use crate::format::{Format, Parsed, Probe, Sink, without_mark};
use crate::refusal::Refusal;

/// Many messages.
pub const MBOX: Format = Format {
    name: "notice-mbox",
    recognise: |probe| {
        let mut lines = probe.head.lines();
        let first = lines.next().unwrap_or_default();
        let header = lines.next().is_some_and(|line| header_name(line).is_some());
        first.starts_with("From ") && header
    },
    parse: mbox,
};

/// One message.
pub const MAIL: Format = Format {
    name: "notice-mail",
    recognise: is_message,
    parse: mail,
};

/// How deep parts are nested.
const PARTS_DEPTH_MAX: usize = 8;
/// Most parts of one message.
const PARTS_MAX: usize = 200;
/// Most text of one message that is looked through, in bytes.
const TEXT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The name of a header line.
fn header_name(line: &str) -> Option<&str> {
    let (name, _) = line.split_once(':')?;
    let plain = |b: u8| b.is_ascii_graphic() && b != b':';
    (!name.is_empty() && name.len() <= 76 && name.bytes().all(plain)).then_some(name)
}

/// A message begins with headers, and at least three of those that every message has.
fn is_message(probe: &Probe<'_>) -> bool {
    const KNOWN: &[&str] = &[
        "from",
        "to",
        "date",
        "subject",
        "message-id",
        "received",
        "return-path",
        "mime-version",
        "content-type",
        "delivered-to",
        "dkim-signature",
        "reply-to",
        "list-id",
    ];
    let mut found = Vec::new();
    for line in probe.head.lines() {
        if line.is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) {
            continue;
        }
        let Some(name) = header_name(line) else {
            return false;
        };
        let name = name.to_ascii_lowercase();
        if KNOWN.contains(&name.as_str()) && !found.contains(&name) {
            found.push(name);
        }
    }
    found.len() >= 3 && found.iter().any(|name| name == "from" || name == "subject")
}

fn mail(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let mut parsed = Parsed::new(Feed::Notice);
    let item = message(without_mark(bytes)).map_err(|why| match why {
        Fault::Truncated => Refusal::Truncated {
            place: "the last part of the message".to_owned(),
        },
        Fault::Damaged(why) => Refusal::Invalid {
            place: "the message".to_owned(),
            why,
        },
    })?;
    parsed.document = item.id.clone();
    parsed.dated = item.published;
    take(item, "the message", &mut Seen::default(), &mut parsed, sink)?;
    Ok(parsed)
}

fn mbox(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let bytes = without_mark(bytes);
    let mut parsed = Parsed::new(Feed::Notice);
    let mut seen = Seen::default();
    let mut start = 0;
    let mut number = 0_u64;
    while start < bytes.len() {
        let end = next_message(bytes, start).unwrap_or(bytes.len());
        let whole = &bytes[start..end];
        let line = whole
            .iter()
            .position(|b| *b == b'\n')
            .map_or(whole.len(), |at| at + 1);
        number += 1;
        let place = format!("message {number}");
        match message(&whole[line..]) {
            Ok(item) => {
                parsed.dated = parsed.dated.max(item.published);
                take(item, &place, &mut seen, &mut parsed, sink)?;
            }
            Err(Fault::Truncated) => sink.broken(&place, "its last part does not end"),
            Err(Fault::Damaged(why)) => sink.broken(&place, &why),
        }
        start = end;
    }
    Ok(parsed)
}

/// Where the next message begins: `From ` behind an empty line.
fn next_message(bytes: &[u8], start: usize) -> Option<usize> {
    let rest = bytes.get(start + 1..)?;
    let found = |mark: &[u8], skip: usize| {
        let at = rest.windows(mark.len()).position(|window| window == mark)?;
        Some(start + 1 + at + skip)
    };
    let unix = found(b"\n\nFrom ", 2);
    let network = found(b"\r\n\r\nFrom ", 4);
    match (unix, network) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Why a message cannot be read.
#[derive(Debug, PartialEq, Eq)]
enum Fault {
    Truncated,
    Damaged(String),
}

/// The headers of a message or part, unfolded, names in lower case.
struct Headers(Vec<(String, String)>);

impl Headers {
    /// Splits headers from the body.
    fn read(bytes: &[u8]) -> (Self, &[u8]) {
        let mut headers: Vec<(String, String)> = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let end = rest
                .iter()
                .position(|b| *b == b'\n')
                .map_or(rest.len(), |at| at + 1);
            let (line, after) = rest.split_at(end);
            rest = after;
            let line = decode::latin(line);
            let line = line.trim_end_matches(['\r', '\n']);
            if line.is_empty() {
                break;
            }
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = headers.last_mut() {
                    value.push(' ');
                    value.push_str(line.trim());
                }
            } else if let Some((name, value)) = line.split_once(':') {
                headers.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        (Self(headers), rest)
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name)?;
        Some(&found.1)
    }

    /// The type of the content, in lower case, without parameters.
    fn content_type(&self) -> String {
        let value = self.get("content-type").unwrap_or("text/plain");
        let kind = value.split(';').next().unwrap_or_default();
        kind.trim().to_ascii_lowercase()
    }

    /// A parameter of the content's type.
    fn parameter(&self, name: &str) -> Option<String> {
        let value = self.get("content-type")?;
        value.split(';').skip(1).find_map(|part| {
            let (key, value) = part.split_once('=')?;
            let value = value.trim().trim_matches('"');
            key.trim()
                .eq_ignore_ascii_case(name)
                .then(|| value.to_owned())
        })
    }
}

/// Reads one message.
fn message(bytes: &[u8]) -> Result<Item, Fault> {
    let (headers, body) = Headers::read(bytes);
    let id = headers.get("message-id");
    let mut item = Item {
        id: id.map(|id| id.trim_matches(['<', '>', ' ']).to_owned()),
        title: headers
            .get("subject")
            .map(decode::words)
            .unwrap_or_default(),
        published: headers.get("date").and_then(date),
        ..Item::default()
    };
    let mut parts = 0;
    part(&headers, body, 0, &mut parts, &mut item.text)?;
    Ok(item)
}

/// Reads a part and the parts in it.
fn part(
    headers: &Headers,
    body: &[u8],
    depth: usize,
    parts: &mut usize,
    text: &mut String,
) -> Result<(), Fault> {
    *parts += 1;
    if depth > PARTS_DEPTH_MAX || *parts > PARTS_MAX {
        let why = format!("more than {PARTS_MAX} parts, or deeper than {PARTS_DEPTH_MAX}");
        return Err(Fault::Damaged(why));
    }
    let kind = headers.content_type();
    if kind.starts_with("multipart/") {
        let boundary = headers.parameter("boundary").filter(|b| !b.is_empty());
        let boundary = boundary.ok_or_else(|| Fault::Damaged("it has no boundary".to_owned()))?;
        for inner in split(body, &boundary)? {
            let (headers, body) = Headers::read(inner);
            part(&headers, body, depth + 1, parts, text)?;
        }
        return Ok(());
    }
    if kind == "message/rfc822" {
        let (headers, body) = Headers::read(body);
        return part(&headers, body, depth + 1, parts, text);
    }
    if !kind.starts_with("text/") || text.len() >= TEXT_BYTES_MAX {
        return Ok(());
    }
    let encoding = headers.get("content-transfer-encoding").unwrap_or_default();
    let plain = match encoding.trim().to_ascii_lowercase().as_str() {
        "base64" => decode::base64(body)
            .ok_or_else(|| Fault::Damaged("its base64 is damaged".to_owned()))?,
        "quoted-printable" => decode::quoted_printable(body),
        _ => body.to_vec(),
    };
    let charset = headers.parameter("charset").unwrap_or_default();
    let read = decode::charset(&plain, &charset);
    let mut room = TEXT_BYTES_MAX.saturating_sub(text.len()).min(read.len());
    while !read.is_char_boundary(room) {
        room -= 1;
    }
    text.push('\n');
    text.push_str(&read[..room]);
    Ok(())
}

/// The parts between the lines of a boundary. Errors: the last line is missing.
fn split<'a>(body: &'a [u8], boundary: &str) -> Result<Vec<&'a [u8]>, Fault> {
    let mark = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut begun: Option<usize> = None;
    let mut at = 0;
    for line in body.split_inclusive(|b| *b == b'\n') {
        let rest = line.strip_prefix(mark.as_bytes());
        let rest = rest.map(|rest| rest.trim_ascii_end());
        if let Some(rest) = rest.filter(|rest| rest.is_empty() || *rest == b"--") {
            if let Some(from) = begun {
                parts.push(&body[from..at]);
            }
            if rest == b"--" {
                return Ok(parts);
            }
            if parts.len() > PARTS_MAX {
                return Err(Fault::Damaged(format!("more than {PARTS_MAX} parts")));
            }
            begun = Some(at + line.len());
        }
        at += line.len();
    }
    Err(Fault::Truncated)
}
