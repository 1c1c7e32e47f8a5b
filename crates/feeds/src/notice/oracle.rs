//! Oracle's list of critical patch updates, security alerts and bulletins: an HTML page.
//!
//! HTML is no feed document in general; this page is known by its own marks, links to
//! `/security-alerts/cpu….html` and the words of its title. No copy of it could be had: this is
//! written from descriptions of the page. Each advisory's link is one notice, with the date of its
//! last revision (`Rev 5, 18 November 2024`) where one follows it. A link that comes again, as in a
//! menu, says nothing new and is passed over.

use domain::feed::Feed;
use jiff::Timestamp;
use jiff::civil::Date;

use super::{Item, take, text};
use crate::fields::{self, Seen};
use crate::format::{Format, Parsed, Probe, Sink};
use crate::refusal::Refusal;

/// The list.
pub const LIST: Format = Format {
    name: "notice-oracle-list",
    recognise,
    parse,
};

/// Where Oracle's advisories are.
const FOLDER: &str = "/security-alerts/";
/// How far behind a link its date may stand, in bytes.
const ROW_BYTES_MAX: usize = 600;

fn recognise(probe: &Probe<'_>) -> bool {
    let head = probe.head.to_ascii_lowercase();
    if !(head.starts_with("<!doctype html") || head.starts_with("<html")) {
        return false;
    }
    let mark = b"/security-alerts/cpu";
    let linked = probe.bytes.windows(mark.len()).any(|window| window == mark);
    linked && head.contains("oracle") && head.contains("critical patch update")
}

fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let page = std::str::from_utf8(bytes).map_err(|error| Refusal::Encoding {
        at: error.valid_up_to(),
    })?;
    if !page.to_ascii_lowercase().contains("</html>") {
        return Err(Refusal::Truncated {
            place: format!("byte {}", bytes.len()),
        });
    }
    let mut parsed = Parsed::new(Feed::Notice);
    parsed.document = Some("oracle-security-alerts".to_owned());
    let mut seen = Seen::default();
    let mut known = Seen::default();
    let mut rest = page;
    while let Some(at) = rest.find("href=\"") {
        rest = &rest[at + 6..];
        let Some((link, after)) = rest.split_once('"') else {
            break;
        };
        rest = after;
        let Some(name) = advisory(link) else { continue };
        let Some((_, row)) = after.split_once('>') else {
            break;
        };
        let title = row.split("</a>").next().unwrap_or_default();
        let title = fields::title(&text::without_tags(title));
        if title.is_empty() || known.first(name).is_err() {
            continue;
        }
        let published = revised(row);
        parsed.dated = parsed.dated.max(published);
        let item = Item {
            id: Some(name.to_owned()),
            link: Some(format!("https://www.oracle.com{FOLDER}{name}.html")),
            published,
            text: name.to_owned(),
            title,
        };
        take(item, name, &mut seen, &mut parsed, sink)?;
    }
    Ok(parsed)
}

/// The name of the advisory that a link leads to.
fn advisory(link: &str) -> Option<&str> {
    let link = link.strip_prefix("https://www.oracle.com").unwrap_or(link);
    let name = link.strip_prefix(FOLDER)?.strip_suffix(".html")?;
    let kind = [
        "cpu",
        "cspu",
        "alert-",
        "bulletin",
        "linuxbulletin",
        "ovmbulletin",
    ];
    let plain = name
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    (plain && name.len() <= 80 && kind.iter().any(|k| name.starts_with(k))).then_some(name)
}

/// The date in `Rev 5, 18 November 2024` behind a link and before the next.
fn revised(row: &str) -> Option<Timestamp> {
    let end = row
        .char_indices()
        .map(|(at, _)| at)
        .take_while(|at| *at < ROW_BYTES_MAX)
        .last()?;
    let row = row[..end].split("href=").next()?;
    let plain = text::without_tags(row);
    let (_, after) = plain.split_once("Rev ")?;
    let (_, date) = after.split_once(',')?;
    let mut words = date.split_whitespace();
    let (day, month, year) = (words.next()?, words.next()?, words.next()?);
    let months = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let month = month.to_ascii_lowercase();
    let month = months.iter().position(|name| *name == month)?;
    let month = i8::try_from(month + 1).ok()?;
    let year: String = year.chars().take_while(char::is_ascii_digit).collect();
    let date = Date::new(year.parse().ok()?, month, day.parse().ok()?).ok()?;
    fields::day_start(date)
}
