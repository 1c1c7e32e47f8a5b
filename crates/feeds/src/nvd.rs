//! NVD API 2.0: facts of CVEs.
//!
//! Records are the entries of a page. Each gives ids, dates and a rating derived from CVSS; what NVD
//! says of products (CPE) is not made into statements, because its names are not those of packages
//! and its versions are upstream's, not those of a distribution. A rejected CVE is kept as withdrawn.
//! Errors: an entry that cannot be decoded, repeats an id or has a score out of its range is broken.
//! Source: nvd.nist.gov, developers, vulnerabilities API.

use domain::advisory::{Advisory, Rating};
use domain::cve::CveId;
use domain::feed::Feed;
use domain::severity::SeveritySource;
use serde::Deserialize;

use crate::fields::{self, Seen};
use crate::format::{Format, Parsed, Probe, RECORDS_MAX, Record, Sink};
use crate::refusal::Refusal;
use crate::{cvss, json};

/// The forms read here.
pub const FORMATS: &[Format] = &[Format {
    name: "nvd-api",
    recognise,
    parse,
}];

fn recognise(probe: &Probe<'_>) -> bool {
    let marked = probe.has_key("format") && probe.head.contains("\"NVD_CVE\"");
    let shaped = probe.has_key("resultsPerPage") && probe.has_key("vulnStatus");
    probe.is_json() && (marked || shaped)
}

#[derive(Deserialize)]
struct Entry {
    cve: Cve,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cve {
    id: String,
    published: Option<String>,
    last_modified: Option<String>,
    vuln_status: Option<String>,
    #[serde(default)]
    descriptions: Vec<Description>,
    #[serde(default)]
    metrics: Metrics,
}

#[derive(Deserialize)]
struct Description {
    lang: String,
    value: String,
}

/// The metrics of each version of CVSS.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metrics {
    cvss_metric_v40: Vec<Metric>,
    cvss_metric_v31: Vec<Metric>,
    cvss_metric_v30: Vec<Metric>,
    cvss_metric_v2: Vec<Metric>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metric {
    #[serde(rename = "type")]
    kind: Option<String>,
    cvss_data: CvssData,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CvssData {
    vector_string: String,
    base_score: f64,
}

fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let mut parsed = Parsed::new(Feed::Nvd);
    let mut entries = None;
    let mut first = None;
    for member in json::members(bytes) {
        let member = member?;
        let text = || serde_json::from_slice::<String>(member.value).ok();
        match member.raw_key {
            b"vulnerabilities" => entries = Some(member.value),
            b"startIndex" => first = serde_json::from_slice::<u64>(member.value).ok(),
            b"timestamp" => parsed.dated = text().as_deref().and_then(fields::timestamp),
            _ => {}
        }
    }
    let entries = entries.ok_or_else(|| Refusal::Missing {
        place: "the document".to_owned(),
        what: "`vulnerabilities`".to_owned(),
    })?;
    // A page has no id of its own; where it begins tells it from its neighbours.
    parsed.document = first.map(|first| format!("cves-2.0-from-{first}"));
    let mut seen = Seen::default();
    for (number, member) in json::members(entries).enumerate() {
        if parsed.records >= RECORDS_MAX {
            return Err(Refusal::TooMany {
                what: "vulnerabilities",
                limit: RECORDS_MAX,
            });
        }
        match entry(member?.value, &mut seen) {
            Ok(facts) => {
                parsed.records += 1;
                sink.record(Record::Cve(Box::new(facts)));
            }
            Err((id, why)) => {
                let place = format!("vulnerabilities/{number}");
                let place = id.map_or(place.clone(), |id| format!("{place} {}", fields::word(&id)));
                sink.broken(&place, &why);
            }
        }
    }
    Ok(parsed)
}

/// Reads one entry; an error is its id, where it could be read, and why.
fn entry(raw: &[u8], seen: &mut Seen) -> Result<Advisory, (Option<String>, String)> {
    let entry: Entry = serde_json::from_slice(raw).map_err(|e| (None, json::why(&e)))?;
    let cve = entry.cve;
    let broken = |why: String| (Some(cve.id.clone()), why);
    let id: CveId = cve
        .id
        .parse()
        .map_err(|error: domain::cve::InvalidCveId| broken(error.to_string()))?;
    let rating = rating(&cve.metrics).map_err(broken)?;
    seen.first(&cve.id).map_err(broken)?;
    let mut facts = Advisory::new(cve.id.clone());
    let english = cve.descriptions.iter().find(|d| d.lang.starts_with("en"));
    facts.title = english.map_or_else(String::new, |d| fields::title(&d.value));
    facts.cves = vec![id];
    facts.rating = rating;
    facts.published = cve.published.as_deref().and_then(fields::timestamp);
    facts.modified = cve.last_modified.as_deref().and_then(fields::timestamp);
    facts.withdrawn = cve.vuln_status.as_deref() == Some("Rejected");
    Ok(facts)
}

/// The rating of the newest version of CVSS, NVD's own before others'. Errors: any score that is
/// no number from 0 to 10.
fn rating(metrics: &Metrics) -> Result<Option<Rating>, String> {
    let versions = [
        (&metrics.cvss_metric_v31, false),
        (&metrics.cvss_metric_v30, false),
        (&metrics.cvss_metric_v40, false),
        (&metrics.cvss_metric_v2, true),
    ];
    let mut chosen = None;
    for (list, second_version) in versions {
        for metric in list {
            let score = metric.cvss_data.base_score;
            if !(0.0..=10.0).contains(&score) {
                return Err(format!("the base score {score} is not 0 to 10"));
            }
        }
        let primary = list.iter().find(|m| m.kind.as_deref() == Some("Primary"));
        if chosen.is_none() {
            chosen = primary
                .or(list.first())
                .map(|metric| (metric, second_version));
        }
    }
    Ok(chosen.map(|(metric, second_version)| {
        let tenths = tenths(metric.cvss_data.base_score);
        Rating {
            severity: cvss::step(tenths, second_version),
            source: SeveritySource::Derived,
            word: fields::word(&metric.cvss_data.vector_string),
            cvss_tenths: Some(tenths),
        }
    }))
}

/// A score in tenths; the range was checked.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "scores are 0 to 10"
)]
fn tenths(score: f64) -> u8 {
    (score * 10.0).round() as u8
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;
    use crate::format::Collect;
    use crate::samples;

    fn page(entries: &str) -> (Parsed, Collect) {
        let text = format!(
            "{{\"startIndex\":0,\"format\":\"NVD_CVE\",\"timestamp\":\"2023-10-18T18:04:18.493\",\
             \"vulnerabilities\":[{entries}]}}"
        );
        assert!(recognise(&Probe::new(text.as_bytes())));
        let mut collect = Collect::default();
        (parse(text.as_bytes(), &mut collect).unwrap(), collect)
    }

    fn scored(id: &str, score: &str) -> String {
        format!(
            "{{\"cve\":{{\"id\":\"{id}\",\"metrics\":{{\"cvssMetricV31\":[{{\"cvssData\":\
             {{\"vectorString\":\"CVSS:3.1/x\",\"baseScore\":{score}}}}}]}}}}}}"
        )
    }

    #[test]
    fn the_recorded_page_holds_as_many_entries_as_the_manifest_says() {
        let Some(bytes) = samples::read("nvd/cves-2.0-page.json") else {
            return;
        };
        let mut collect = Collect::default();
        let parsed = parse(&bytes, &mut collect).unwrap();
        assert_eq!((parsed.records, collect.broken.len()), (38, 0));
        assert_eq!(
            parsed.dated.unwrap().to_string(),
            "2023-10-18T18:04:18.493Z"
        );
        let Record::Cve(first) = &collect.records[0] else {
            panic!()
        };
        assert_eq!(first.id, "CVE-2023-27314");
        let rating = first.rating.as_ref().unwrap();
        assert_eq!(
            (rating.cvss_tenths, rating.source),
            (Some(75), SeveritySource::Derived)
        );
        assert!(first.statements.is_empty());
        // 25 of the 38 were analysed; counted by hand with `jq`.
        let rated = collect
            .records
            .iter()
            .filter(|record| matches!(record, Record::Cve(facts) if facts.rating.is_some()));
        assert_eq!(rated.count(), 35);
    }

    #[test]
    fn bad_scores_ids_and_repetitions_are_broken_and_the_rest_is_read() {
        let entries = [
            scored("CVE-2024-0001", "9.8"),
            scored("CVE-2024-0002", "10.1"),
            scored("CVE-2024-0003", "NaN"),
            scored("CVE-2024-0001", "5.0"),
            scored("CVE-24-1", "5.0"),
            scored("CVE-2024-0004", "0"),
        ];
        let (parsed, collect) = page(&entries.join(","));
        assert_eq!((parsed.records, collect.broken.len()), (2, 4));
        let places: Vec<_> = collect
            .broken
            .iter()
            .map(|(place, _)| place.as_str())
            .collect();
        assert_eq!(places[0], "vulnerabilities/1 CVE-2024-0002");
        assert_eq!(places[1], "vulnerabilities/2");
    }

    #[test]
    fn a_page_that_ends_early_is_refused() {
        let mut collect = Collect::default();
        let text =
            b"{\"format\":\"NVD_CVE\",\"vulnerabilities\":[{\"cve\":{\"id\":\"CVE-2024-0001\"}}";
        let refused = parse(text, &mut collect);
        assert!(matches!(refused, Err(Refusal::Truncated { .. })));
    }
}
