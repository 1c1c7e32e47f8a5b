//! Numbers for reports. Every number says what it did not count and why.

use std::collections::{BTreeMap, BTreeSet};

use domain::finding::FindingState;
use domain::offer::Lists;
use domain::order::OrderState;
use domain::patch::PatchId;
use domain::proof::ProofState;
use domain::report::{ClientReport, DeviceLine, MissingCount, NotCounted, ProvenLine};
use domain::severity::Severity;
use jiff::{SignedDuration, Timestamp};

use crate::decide::REPORT_FRESH_DAYS;
use crate::view::DeviceView;

/// The report for one client, as of `now`. `views` are all its devices; what was proven and failed
/// is counted over the orders in them that ended at or after `since`.
pub fn client_report(
    client: &str,
    views: &[DeviceView],
    since: Timestamp,
    now: Timestamp,
) -> ClientReport {
    let mut report = ClientReport {
        client: client.to_owned(),
        at: now,
        devices: count(views.len()),
        counted: 0,
        missing: Vec::new(),
        proven: Vec::new(),
        failed: 0,
        lines: Vec::new(),
        not_counted: Vec::new(),
    };
    let mut by_severity: BTreeMap<Option<Severity>, (BTreeSet<&PatchId>, u32)> = BTreeMap::new();
    for view in views {
        let not_counted = why_not_counted(view, now);
        if not_counted.is_none() {
            report.counted += 1;
            for finding in missing(view) {
                let entry = by_severity.entry(finding.facts.severity).or_default();
                entry.0.insert(&finding.patch);
                entry.1 += 1;
            }
            report.not_counted.extend(partly_unknown(view));
        }
        let proven = proven(view, since);
        report.failed += failed(view, since);
        report.lines.push(DeviceLine {
            name: view.device.name.to_string(),
            site: view.device.site_name.to_string(),
            os: view.facts.as_ref().map_or_else(String::new, |facts| {
                format!("{} {}", facts.system.id, facts.system.version)
            }),
            last_seen: view.device.last_seen,
            missing: not_counted.is_none().then(|| count(missing(view).count())),
            proven: count(proven.len()),
        });
        report.proven.extend(proven);
        report.not_counted.extend(not_counted);
    }
    // The worst first; what was not looked up last, and never among the unrated.
    report.missing = by_severity
        .into_iter()
        .rev()
        .map(|(severity, (patches, findings))| MissingCount {
            severity,
            patches: count(patches.len()),
            findings,
        })
        .collect();
    report.proven.sort_by(|a, b| {
        (a.proven_at, &a.device, &a.patch).cmp(&(b.proven_at, &b.device, &b.patch))
    });
    report.lines.sort_by(|a, b| a.name.cmp(&b.name));
    report
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn missing(view: &DeviceView) -> impl Iterator<Item = &domain::finding::Finding> {
    view.findings
        .iter()
        .map(|dated| &dated.finding)
        .filter(|finding| finding.state == FindingState::Missing)
}

/// Why a device is in no number, if it is not.
fn why_not_counted(view: &DeviceView, now: Timestamp) -> Option<NotCounted> {
    let no = |why: &str, since| {
        Some(NotCounted {
            what: view.device.name.to_string(),
            why: why.to_owned(),
            since,
        })
    };
    let (Some(facts), Some(reported)) = (&view.facts, view.device.inventory_at) else {
        return no("it has not reported yet", Some(view.device.enrolled_at));
    };
    if now.duration_since(reported) > SignedDuration::from_hours(24 * REPORT_FRESH_DAYS) {
        let why = format!("its last report is older than {REPORT_FRESH_DAYS} days");
        return no(&why, Some(reported));
    }
    match (&facts.offers.lists, &facts.offers.failed) {
        (Lists::Absent, _) => no("it has no package lists", None),
        (Lists::Present { fetched_at, .. }, Some(why)) => no(
            &format!("its package manager could not say what is missing: {why}"),
            Some(*fetched_at),
        ),
        (Lists::Present { .. }, None) => None,
    }
}

/// Findings of a counted device that could not be assessed.
fn partly_unknown(view: &DeviceView) -> impl Iterator<Item = NotCounted> + '_ {
    view.findings
        .iter()
        .filter(|dated| dated.finding.state == FindingState::Unknown)
        .map(|dated| NotCounted {
            what: format!("{} on {}", dated.finding.patch, view.device.name),
            why: dated.finding.why.clone(),
            since: Some(dated.since),
        })
}

fn proven(view: &DeviceView, since: Timestamp) -> Vec<ProvenLine> {
    let mut lines = Vec::new();
    for record in &view.orders {
        let Some(at) = record.proof.checked_at.filter(|at| *at >= since) else {
            continue;
        };
        if record.proof.state == ProofState::Proven {
            lines.extend(record.patches().into_iter().map(|patch| ProvenLine {
                patch: patch.to_string(),
                device: view.device.name.to_string(),
                proven_at: at,
            }));
        }
    }
    lines
}

fn failed(view: &DeviceView, since: Timestamp) -> u32 {
    let failed = view.orders.iter().filter(|record| {
        record.state_since >= since
            && match record.state {
                OrderState::Failed
                | OrderState::NeedsHands
                | OrderState::Lost
                | OrderState::Refused => true,
                OrderState::Succeeded => record.proof.state == ProofState::NotProven,
                OrderState::Waiting
                | OrderState::Delivered
                | OrderState::Running
                | OrderState::Expired
                | OrderState::Cancelled
                | OrderState::Superseded => false,
            }
    });
    count(failed.count())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;
    use crate::testing::{at, missing as finding, monday, view};

    #[test]
    fn a_number_never_hides_what_is_not_known() {
        let mut silent = view();
        silent.device.name = "silent".parse().unwrap();
        silent.facts = None;
        let mut old = view();
        old.device.name = "old".parse().unwrap();
        old.device.inventory_at = Some(at("2026-01-01T00:00:00Z"));
        let mut two = view();
        two.device.name = "web2".parse().unwrap();
        two.findings.push(finding("zlib", "2"));
        two.findings[1].finding.facts.severity = None;
        let since = at("2026-02-01T00:00:00Z");
        let report = client_report("Acme", &[view(), two, silent, old], since, monday());
        assert_eq!((report.devices, report.counted), (4, 2));
        let missing: Vec<_> = report
            .missing
            .iter()
            .map(|row| (row.severity, row.patches, row.findings))
            .collect();
        assert_eq!(missing, [(Some(Severity::Important), 1, 2), (None, 1, 1)]);
        let not_counted: Vec<_> = report
            .not_counted
            .iter()
            .map(|row| format!("{}: {}", row.what, row.why))
            .collect();
        assert_eq!(
            not_counted,
            [
                "silent: it has not reported yet",
                "old: its last report is older than 7 days"
            ]
        );
        let line = |name: &str| report.lines.iter().find(|line| line.name == name).unwrap();
        assert_eq!(
            (line("web2").missing, line("silent").missing),
            (Some(2), None)
        );
    }
}
