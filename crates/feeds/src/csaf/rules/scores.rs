//! Tests of CVSS: 6.1.7, 6.1.9 and 6.1.10.

use std::collections::HashSet;

use super::Notes;
use crate::csaf::model::{BaseSeverity, CvssV3, Vulnerability};
use crate::csaf::rating::tenths;
use crate::csaf::tree::short;
use crate::cvss;

/// Runs the tests.
pub fn check(vulnerability: &Vulnerability, place: &str, notes: &mut Notes) {
    let mut rated: HashSet<(&str, &str)> = HashSet::new();
    for (number, score) in vulnerability.scores.iter().enumerate() {
        let place = format!("{place}/scores/{number}");
        let versions = [
            score.cvss_v2.as_ref().map(|v| v.version.as_str()),
            score.cvss_v3.as_ref().map(|v| v.version.as_str()),
        ];
        for version in versions.into_iter().flatten() {
            for product in &score.products {
                if !rated.insert((product, version)) {
                    notes.note("6.1.7", &place, || {
                        format!("`{}` is rated twice by CVSS {version}", short(product))
                    });
                }
            }
        }
        if let Some(v2) = &score.cvss_v2 {
            computed(&v2.vector_string, v2.base_score, &place, notes);
        }
        if let Some(v3) = &score.cvss_v3 {
            computed(&v3.vector_string, v3.base_score, &place, notes);
            if tenths(v3.base_score).is_some_and(|tenths| step(tenths) != v3.base_severity) {
                notes.note("6.1.9", &place, || {
                    format!("{} is not {:?}", v3.base_score, v3.base_severity)
                });
            }
            consistent(v3, &place, notes);
        }
    }
}

/// Whether the score is what the vector gives.
fn computed(vector: &str, score: f64, place: &str, notes: &mut Notes) {
    let given = tenths(score);
    match cvss::base_tenths(vector) {
        Some(of_vector) if Some(of_vector) != given => notes.note("6.1.9", place, || {
            let (whole, tenth) = (of_vector / 10, of_vector % 10);
            format!("the score is {score}, its vector gives {whole}.{tenth}")
        }),
        _ => {}
    }
}

fn step(tenths: u8) -> BaseSeverity {
    match tenths {
        0 => BaseSeverity::None,
        1..=39 => BaseSeverity::Low,
        40..=69 => BaseSeverity::Medium,
        70..=89 => BaseSeverity::High,
        _ => BaseSeverity::Critical,
    }
}

/// Whether the metrics beside the vector say the same as the vector.
fn consistent(v3: &CvssV3, place: &str, notes: &mut Notes) {
    let given = [
        ("AV", &v3.metrics.attack_vector),
        ("AC", &v3.metrics.attack_complexity),
        ("PR", &v3.metrics.privileges_required),
        ("UI", &v3.metrics.user_interaction),
        ("S", &v3.metrics.scope),
        ("C", &v3.metrics.confidentiality_impact),
        ("I", &v3.metrics.integrity_impact),
        ("A", &v3.metrics.availability_impact),
    ];
    for (metric, word) in given {
        let Some(word) = word else { continue };
        let in_vector = v3
            .vector_string
            .split('/')
            .find_map(|part| part.split_once(':').filter(|(name, _)| *name == metric));
        // The letter of each value is the first of its word.
        let same = in_vector.is_none_or(|(_, letter)| word.starts_with(letter));
        if !same {
            notes.note("6.1.10", place, || {
                format!("{metric} is `{}`, the vector says otherwise", short(word))
            });
        }
    }
}
