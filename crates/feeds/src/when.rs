//! Points in time as documents spell them.
//!
//! What names no zone is UTC. What cannot be read is `None`: a date never decides.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Reads seconds since 1970, `2022-06-08`, `2022-06-08 18:49`, `2022-06-08 18:49:00 UTC`,
/// `2022-06-08T18:49:00Z` and the like.
pub fn timestamp(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    // Eight digits are a day without hyphens; seconds of any real advisory have more.
    if text.len() >= 9 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Timestamp::from_second(text.parse().ok()?).ok();
    }
    if let Ok(timestamp) = text.parse() {
        return Some(timestamp);
    }
    let text = text.strip_suffix("UTC").unwrap_or(text).trim_end();
    let civil: DateTime = text.parse().ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_instant_are_one() {
        let of = |text: &str| timestamp(text).map(|timestamp| timestamp.to_string());
        let expected = Some("2018-02-07T18:49:00Z".to_owned());
        for text in [
            "1518029340",
            "2018-02-07 18:49",
            "2018-02-07 18:49:00",
            "2018-02-07 18:49:00 UTC",
            "2018-02-07T18:49:00Z",
            "2018-02-07T18:49:00+0000",
            "2018-02-07T20:49:00+02:00",
            "2018-02-07T18:49:00",
        ] {
            assert_eq!(of(text), expected, "{text}");
        }
        assert_eq!(of("2018-02-07").as_deref(), Some("2018-02-07T00:00:00Z"));
        for text in ["15mangled2", "", "2018", "99999999999999999999"] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
