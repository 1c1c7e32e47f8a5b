//! News that no machine can match exactly: RSS, Atom, mail, lists of critical patch updates.
//!
//! A notice keeps what can be told for certain: its id, title, link, date, and the CVEs, KBs and
//! products that its text names. It is shown beside patches and decides nothing. Records are items of
//! a feed, messages, or entries of a list. Errors: an item without id and title, a message whose
//! encoding is damaged, an id that comes twice are broken.

mod mail;
mod oracle;
mod syndication;
mod text;

use domain::advisory::Notice;
use jiff::Timestamp;

use crate::fields::{self, Seen};
use crate::format::{Format, Parsed, RECORDS_MAX, Record, Sink};
use crate::refusal::Refusal;

/// The forms read here.
pub const FORMATS: &[Format] = &[
    syndication::RSS,
    syndication::ATOM,
    mail::MBOX,
    mail::MAIL,
    oracle::LIST,
];

/// Longest link that is kept, in bytes.
const LINK_BYTES_MAX: usize = 2048;

/// One piece of news as its form gives it.
#[derive(Debug, Default)]
struct Item {
    id: Option<String>,
    title: String,
    link: Option<String>,
    published: Option<Timestamp>,
    /// Everything that it says.
    text: String,
}

/// Takes one piece of news, or notes why it is broken. Errors: more than are read.
fn take(
    item: Item,
    place: &str,
    seen: &mut Seen,
    parsed: &mut Parsed,
    sink: &mut dyn Sink,
) -> Result<(), Refusal> {
    if parsed.records >= RECORDS_MAX {
        return Err(Refusal::TooMany {
            what: "notices",
            limit: RECORDS_MAX,
        });
    }
    match notice(item, seen) {
        Ok(notice) => {
            parsed.records += 1;
            sink.record(Record::Notice(Box::new(notice)));
        }
        Err(why) => sink.broken(place, &why),
    }
    Ok(())
}

fn notice(item: Item, seen: &mut Seen) -> Result<Notice, String> {
    let title = fields::title(&item.title);
    let id = item
        .id
        .as_deref()
        .map(str::trim)
        .filter(|id| !id.is_empty());
    let id = match id {
        // An id may be an address longer than others; what counts is that it is one line.
        Some(id) => fields::line(id, 500),
        None => title.clone(),
    };
    if id.is_empty() {
        return Err("it has neither id nor title".to_owned());
    }
    seen.first(&id)?;
    let found = text::find(&format!("{}\n{}", item.title, item.text));
    let web = |link: &String| link.starts_with("https://") || link.starts_with("http://");
    let one_line = |link: &String| link.chars().all(|c| domain::name::printable(c) && c != ' ');
    let link = item.link.map(|link| link.trim().to_owned());
    Ok(Notice {
        id,
        title,
        link: link.filter(|l| web(l) && one_line(l) && l.len() <= LINK_BYTES_MAX),
        published: item.published,
        cves: found.cves,
        kbs: found.kbs,
        products: found.products,
    })
}

/// A date as mail writes it (RFC 2822), or RFC 3339.
fn date(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let mail = jiff::fmt::rfc2822::parse(text).ok();
    mail.map(|zoned| zoned.timestamp())
        .or_else(|| fields::timestamp(text))
}

#[cfg(test)]
mod tests;
