//! An instant as a clock on the wall shows it in a zone, with UTC beside it.

use askama::Template;
use askama::filters::HtmlSafe;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::parts::distance;

/// An instant in a device's or a rule's own zone.
#[derive(Debug, Clone, Template)]
#[template(path = "parts/local.html")]
pub struct LocalMoment {
    iso: String,
    local: String,
    zone: String,
    utc: String,
    distance: String,
}
// A template of its own, that escapes what it shows.
impl HtmlSafe for LocalMoment {}

impl LocalMoment {
    /// Shows `at` in `zone` as seen from `now`; a zone that is not known gives UTC.
    pub fn new(at: Timestamp, zone: &str, now: Timestamp) -> Self {
        let (known, name) = match TimeZone::get(zone) {
            Ok(known) => (known, zone),
            Err(_) => (TimeZone::UTC, "UTC"),
        };
        let local = at.to_zoned(known);
        let utc = at.to_zoned(TimeZone::UTC);
        Self {
            iso: at.to_string(),
            local: local.strftime("%a %Y-%m-%d %H:%M").to_string(),
            zone: name.to_owned(),
            utc: if local.offset() == utc.offset() {
                String::new()
            } else if local.date() == utc.date() {
                utc.strftime("%H:%M UTC").to_string()
            } else {
                utc.strftime("%Y-%m-%d %H:%M UTC").to_string()
            },
            distance: distance(at, now),
        }
    }
}
