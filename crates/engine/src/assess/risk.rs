//! What to fix first, and why.

use std::cmp::Reverse;

use domain::finding::{Finding, FindingState};
use domain::severity::Severity;

/// The `missing` findings in the order in which to fix them, each with the reason in one sentence:
/// known exploited first, then the likelier exploited, the more severe, those of security origin,
/// and by name at last. Likelihoods are compared in whole per cent: finer than that they say
/// nothing, and the severity shall decide.
pub fn by_risk(findings: &[Finding]) -> Vec<(&Finding, String)> {
    let mut missing: Vec<&Finding> = findings
        .iter()
        .filter(|finding| finding.state == FindingState::Missing)
        .collect();
    missing.sort_by_cached_key(|finding| {
        let facts = &finding.facts;
        (
            Reverse(facts.kev == Some(true)),
            Reverse(facts.epss_millionths.unwrap_or(0) / 10_000),
            Reverse(facts.severity.unwrap_or(Severity::Unrated)),
            Reverse(is_security(finding)),
            finding.patch.clone(),
        )
    });
    missing
        .into_iter()
        .map(|finding| (finding, explain(finding)))
        .collect()
}

fn is_security(finding: &Finding) -> bool {
    finding
        .origin
        .as_ref()
        .is_some_and(|origin| origin.security)
}

fn explain(finding: &Finding) -> String {
    let facts = &finding.facts;
    let mut parts = Vec::new();
    if facts.kev == Some(true) {
        parts.push("a CVE of it is known to be exploited".to_owned());
    }
    if let Some(millionths) = facts.epss_millionths {
        let tenths = millionths / 1_000;
        parts.push(format!(
            "likelihood of exploitation {}.{} %",
            tenths / 10,
            tenths % 10
        ));
    }
    match facts.severity {
        Some(Severity::Unrated) => parts.push("unrated".to_owned()),
        Some(severity) => parts.push(format!("severity {severity}")),
        None => parts.push("severity not looked up".to_owned()),
    }
    if is_security(finding) {
        parts.push("from an archive for security".to_owned());
    }
    parts.join(", ")
}
