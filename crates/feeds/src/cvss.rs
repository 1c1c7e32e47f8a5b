//! Base scores of CVSS vectors, versions 2, 3.0 and 3.1.
//!
//! In tenths, 0 to 100. Version 4 scores come from a table that is not kept here: `None`, except for
//! a vector without any impact, which is 0. A vector with an unknown, missing or repeated base metric
//! has no score. Sources: FIRST, "CVSS v2 Complete Documentation", 3.2.1; "CVSS v3.1 Specification",
//! 7.1, 7.4 and appendix A; "CVSS v4.0 Specification", 8.1.

use domain::advisory::Rating;
use domain::severity::{Severity, SeveritySource};

/// Most metrics of one vector: all of version 4 are fewer.
const METRICS_MAX: usize = 40;

/// The base score of a vector in tenths; `None`: not a vector, or one that is not computed here.
pub fn base_tenths(vector: &str) -> Option<u8> {
    let vector = vector.trim();
    if let Some(rest) = vector
        .strip_prefix("CVSS:3.0/")
        .or_else(|| vector.strip_prefix("CVSS:3.1/"))
    {
        return third(&Metrics::read(rest)?);
    }
    if let Some(rest) = vector.strip_prefix("CVSS:4.0/") {
        return without_impact(&Metrics::read(rest)?);
    }
    let bare = vector
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
        .unwrap_or(vector);
    second(&Metrics::read(bare)?)
}

/// The step of a base score.
///
/// Source: CVSS v3.1, table 14 (low to 3.9, medium to 6.9, high to 8.9, critical from 9.0). Version 2
/// names no steps; NVD used low, medium and high from 7.0, so version 2 never gives critical.
pub fn step(tenths: u8, second_version: bool) -> Severity {
    match tenths {
        0 => Severity::Unrated,
        1..=39 => Severity::Low,
        40..=69 => Severity::Moderate,
        70..=89 => Severity::Important,
        _ if second_version => Severity::Important,
        _ => Severity::Critical,
    }
}

/// A rating derived from a vector.
pub fn rating(vector: &str) -> Option<Rating> {
    let tenths = base_tenths(vector)?;
    let vector = vector.trim();
    Some(Rating {
        severity: step(tenths, !vector.starts_with("CVSS:")),
        source: SeveritySource::Derived,
        word: vector.to_owned(),
        cvss_tenths: Some(tenths),
    })
}

struct Metrics<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Metrics<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let mut metrics: Vec<(&str, &str)> = Vec::new();
        for part in text.split('/') {
            let (name, value) = part.split_once(':')?;
            let known = metrics.iter().any(|(known, _)| *known == name);
            if known || name.is_empty() || value.is_empty() || metrics.len() >= METRICS_MAX {
                return None;
            }
            metrics.push((name, value));
        }
        Some(Self(metrics))
    }

    fn value(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.0.iter().find(|(known, _)| *known == name)?;
        Some(value)
    }

    fn weight(&self, name: &str, weights: &[(&str, f64)]) -> Option<f64> {
        let value = self.value(name)?;
        let (_, weight) = weights.iter().find(|(known, _)| *known == value)?;
        Some(*weight)
    }
}

fn third(metrics: &Metrics<'_>) -> Option<u8> {
    let changed = match metrics.value("S")? {
        "U" => false,
        "C" => true,
        _ => return None,
    };
    let vector = [("N", 0.85), ("A", 0.62), ("L", 0.55), ("P", 0.2)];
    let privileges = if changed {
        [("N", 0.85), ("L", 0.68), ("H", 0.5)]
    } else {
        [("N", 0.85), ("L", 0.62), ("H", 0.27)]
    };
    let loss = [("H", 0.56), ("L", 0.22), ("N", 0.0)];
    let exploitability = 8.22
        * metrics.weight("AV", &vector)?
        * metrics.weight("AC", &[("L", 0.77), ("H", 0.44)])?
        * metrics.weight("PR", &privileges)?
        * metrics.weight("UI", &[("N", 0.85), ("R", 0.62)])?;
    let kept = (1.0 - metrics.weight("C", &loss)?)
        * (1.0 - metrics.weight("I", &loss)?)
        * (1.0 - metrics.weight("A", &loss)?);
    let lost = 1.0 - kept;
    let impact = if changed {
        7.52 * (lost - 0.029) - 3.25 * (lost - 0.02).powi(15)
    } else {
        6.42 * lost
    };
    if impact <= 0.0 {
        return Some(0);
    }
    let sum = impact + exploitability;
    let score = if changed { 1.08 * sum } else { sum };
    Some(round_up_tenths(score.min(10.0)))
}

/// The standard's own rounding up, free of errors of floating point.
fn round_up_tenths(score: f64) -> u8 {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a score lies between 0 and 10"
    )]
    let hundred_thousandths = (score * 100_000.0).round() as u32;
    u8::try_from(hundred_thousandths.div_ceil(10_000)).unwrap_or(100)
}

fn second(metrics: &Metrics<'_>) -> Option<u8> {
    let loss = [("N", 0.0), ("P", 0.275), ("C", 0.660)];
    let kept = (1.0 - metrics.weight("C", &loss)?)
        * (1.0 - metrics.weight("I", &loss)?)
        * (1.0 - metrics.weight("A", &loss)?);
    let impact = 10.41 * (1.0 - kept);
    let exploitability = 20.0
        * metrics.weight("AV", &[("L", 0.395), ("A", 0.646), ("N", 1.0)])?
        * metrics.weight("AC", &[("H", 0.35), ("M", 0.61), ("L", 0.71)])?
        * metrics.weight("Au", &[("M", 0.45), ("S", 0.56), ("N", 0.704)])?;
    let factor = if impact == 0.0 { 0.0 } else { 1.176 };
    let score = (0.6 * impact + 0.4 * exploitability - 1.5) * factor;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a score lies between 0 and 10"
    )]
    let tenths = (score * 10.0).round().clamp(0.0, 100.0) as u8;
    Some(tenths)
}

/// Version 4: nought when nothing is lost anywhere, else unknown.
fn without_impact(metrics: &Metrics<'_>) -> Option<u8> {
    ["VC", "VI", "VA", "SC", "SI", "SA"]
        .into_iter()
        .all(|name| metrics.value(name) == Some("N"))
        .then_some(0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_third_standard() {
        // CVSS v3.1 Examples, FIRST: phpMyAdmin, MySQL, POODLE, VMware, Tomcat, Cisco IOS, iWork,
        // Heartbleed, Shellshock, DNS, Sophos, Joomla, Juniper, DokuWiki, Bluetooth, iOS.
        for (vector, tenths) in [
            ("AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 61),
            ("AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 64),
            ("AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", 31),
            ("AV:N/AC:L/PR:L/UI:N/S:C/C:H/I:H/A:H", 99),
            ("AV:L/AC:L/PR:H/UI:N/S:U/C:L/I:L/A:L", 42),
            ("AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 88),
            ("AV:L/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", 78),
            ("AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", 75),
            ("AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 98),
            ("AV:N/AC:H/PR:N/UI:N/S:C/C:N/I:H/A:N", 68),
            ("AV:P/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 68),
            ("AV:N/AC:L/PR:N/UI:N/S:C/C:L/I:N/A:N", 58),
            ("AV:A/AC:L/PR:N/UI:N/S:C/C:H/I:N/A:H", 93),
            ("AV:N/AC:L/PR:L/UI:R/S:C/C:L/I:L/A:N", 54),
            ("AV:A/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 88),
            ("AV:P/AC:L/PR:N/UI:N/S:U/C:N/I:H/A:N", 46),
            ("AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0),
        ] {
            let found = base_tenths(&format!("CVSS:3.1/{vector}"));
            assert_eq!(found, Some(tenths), "{vector}");
        }
        let temporal = "CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H/E:P/RL:O/RC:C";
        assert_eq!(base_tenths(temporal), Some(100));
    }

    #[test]
    fn the_examples_of_the_second_standard() {
        // CVSS v2 Complete Documentation, 3.3: CVE-2002-0392, CVE-2003-0818, CVE-2003-0062.
        assert_eq!(base_tenths("AV:N/AC:L/Au:N/C:N/I:N/A:C"), Some(78));
        assert_eq!(base_tenths("(AV:N/AC:L/Au:N/C:C/I:C/A:C)"), Some(100));
        assert_eq!(base_tenths("AV:L/AC:H/Au:N/C:C/I:C/A:C"), Some(62));
        let rating = rating("AV:N/AC:L/Au:N/C:C/I:C/A:C").unwrap();
        assert_eq!(rating.severity, Severity::Important);
    }

    #[test]
    fn what_is_not_computed_has_no_score() {
        for vector in [
            "",
            "CVSS:3.1/AV:N",
            "CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "CVSS:3.1/AV:N/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
            "9.8",
        ] {
            assert_eq!(base_tenths(vector), None, "{vector}");
        }
        let nothing = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:N/SI:N/SA:N";
        assert_eq!(base_tenths(nothing), Some(0));
    }

    #[test]
    fn steps_begin_where_the_standard_says() {
        let steps = |tenths| step(tenths, false);
        assert_eq!(steps(0), Severity::Unrated);
        assert_eq!((steps(39), steps(40)), (Severity::Low, Severity::Moderate));
        assert_eq!(
            (steps(69), steps(70)),
            (Severity::Moderate, Severity::Important)
        );
        assert_eq!(
            (steps(89), steps(90)),
            (Severity::Important, Severity::Critical)
        );
    }
}
