//! What `up` shows: one computer's packages, what is pending, what to fix first, what is not known.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use domain::access::Principal;
use domain::finding::FindingState;
use domain::page::{PAGE_ITEMS_MAX, PageRequest};
use domain::patch::PatchId;
use domain::query::{Field, Query};
use domain::severity::Severity;
use serde::Serialize;
use serde_json::{Value, json};
use service::Service;
use service::device::DeviceDetail;
use service::evidence::{EvidenceItem, FindingEvidence};
use service::feed::{FeedItem, FeedStatus};
use service::finding::FindingItem;

use super::super::feed::age;

use crate::failure::Failure;
use crate::running::explain;

/// Findings that the text shows.
const SHOWN: usize = 10;

/// One look at one computer.
pub struct Picture {
    device: DeviceDetail,
    /// Missing ones first, in the order in which to fix them.
    findings: Vec<Shown>,
    feeds: FeedStatus,
}

/// A finding with what it rests on.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    finding: FindingItem,
    /// Why it stands where it stands; null: it is not missing.
    risk: Option<String>,
    evidence: Vec<EvidenceItem>,
    /// Why severity and CVEs are not known; null: they are.
    cves_unknown: Option<String>,
}

impl Picture {
    /// Takes it from the server.
    pub fn take(service: &Service, owner: &Principal, device: &str) -> Result<Self, Failure> {
        let detail = service.device_show(owner, device, None).map_err(explain)?;
        let query = Query::of(Field::Device, &detail.device.id.to_string());
        let query = query
            .map_err(|error| Failure::failed(anyhow::anyhow!("{error}")))?
            .to_string();
        let mut findings = Vec::new();
        let mut page = PageRequest {
            cursor: None,
            limit: PAGE_ITEMS_MAX,
        };
        loop {
            let part = service
                .finding_list(owner, Some(&query), None, &page)
                .map_err(explain)?;
            findings.extend(part.items);
            match part.next {
                Some(next) => page.cursor = Some(next),
                None => break,
            }
        }
        let by_risk = service.findings_by_risk(owner, device).map_err(explain)?;
        let mut rank: BTreeMap<PatchId, (usize, String)> = by_risk
            .into_iter()
            .enumerate()
            .map(|(at, item)| (item.finding.patch, (at, item.risk)))
            .collect();
        findings.sort_by_cached_key(|finding| {
            let at = rank.get(&finding.patch).map_or(usize::MAX, |(at, _)| *at);
            (at, finding.patch.to_string())
        });
        let evidence = service
            .device_evidence(owner, device, None)
            .map_err(explain)?;
        let mut evidence: BTreeMap<PatchId, FindingEvidence> = evidence
            .findings
            .into_iter()
            .map(|one| (one.patch.clone(), one))
            .collect();
        let findings = findings
            .into_iter()
            .map(|finding| {
                let found = evidence.remove(&finding.patch);
                let (evidence, unknown) = found.map_or_else(
                    || (Vec::new(), None),
                    |found| (found.evidence, found.unknown),
                );
                Shown {
                    risk: rank.remove(&finding.patch).map(|(_, risk)| risk),
                    cves_unknown: unknown,
                    evidence,
                    finding,
                }
            })
            .collect();
        Ok(Self {
            device: detail,
            findings,
            feeds: service.feed_status(owner).map_err(explain)?,
        })
    }

    fn missing(&self) -> impl Iterator<Item = &Shown> {
        self.findings
            .iter()
            .filter(|shown| shown.finding.state == FindingState::Missing)
    }

    /// Feeds of which something is at hand.
    fn at_hand(&self) -> impl Iterator<Item = &FeedItem> {
        self.feeds
            .feeds
            .iter()
            .filter(|feed| feed.documents.is_some())
    }

    /// Distinct packages that would be installed or upgraded; `None` without package lists.
    fn pending(&self) -> Option<usize> {
        self.device.lists_fetched_at?;
        let packages: BTreeSet<(&str, &str)> = self
            .missing()
            .flat_map(|shown| &shown.finding.packages)
            .map(|package| (package.name.as_str(), package.architecture.as_str()))
            .collect();
        Some(packages.len())
    }

    /// The one document of `--once --json`.
    pub fn json(&self) -> Value {
        json!({
            "device": self.device.device,
            "packages": self.device.device.packages,
            "pending": self.pending(),
            "findings": self.findings,
            "unknown": self.device.unknown,
            "advisories": self.feeds.advisories,
            "feeds": self.at_hand().collect::<Vec<_>>(),
            "feeds_sentence": self.feeds.sentence,
        })
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let device = &self.device.device;
        writeln!(
            out,
            "\n{}   {}",
            device.name,
            device.os.as_deref().unwrap_or("system not known")
        )?;
        match device.packages {
            Some(count) => writeln!(out, "  {count} packages installed")?,
            None => writeln!(out, "  packages: not known")?,
        }
        match (self.pending(), self.device.lists_fetched_at) {
            (Some(pending), Some(fetched)) => writeln!(
                out,
                "  {pending} packages pending in {} patches, by lists of {fetched:.0}",
                self.missing().count()
            )?,
            _ => writeln!(
                out,
                "  pending: not known, there are no package lists (`apt-get update` as root fetches them)"
            )?,
        }
        self.write_severities(out)?;
        self.write_first(out)?;
        self.write_restarts(out)?;
        self.write_feeds(out)?;
        if !self.device.unknown.is_empty() {
            writeln!(out, "\nNot known")?;
            for unknown in &self.device.unknown {
                writeln!(out, "  {}: {}", unknown.what, unknown.why)?;
            }
        }
        Ok(())
    }

    fn write_severities(&self, out: &mut String) -> std::fmt::Result {
        let counted = |severity: Option<Severity>| {
            self.missing()
                .filter(|shown| shown.finding.severity == severity)
                .count()
        };
        let mut parts: Vec<String> = Severity::ALL
            .iter()
            .rev()
            .map(|&severity| (severity.word(), counted(Some(severity))))
            .chain([("not looked up", counted(None))])
            .filter(|(_, count)| *count > 0)
            .map(|(word, count)| format!("{count} {word}"))
            .collect();
        if parts.is_empty() {
            parts.push("nothing missing that is known".to_owned());
        }
        writeln!(out, "  patches by severity: {}", parts.join(", "))
    }

    fn write_first(&self, out: &mut String) -> std::fmt::Result {
        let first: Vec<&Shown> = self.missing().take(SHOWN).collect();
        if first.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nTo fix first")?;
        for shown in first {
            let finding = &shown.finding;
            let severity = match (finding.severity, finding.derived) {
                (Some(severity), true) => format!("{severity} (derived)"),
                (Some(severity), false) => severity.to_string(),
                (None, _) => "not looked up".to_owned(),
            };
            let known = match (finding.kev, finding.epss) {
                (Some(true), _) => "  known to be exploited".to_owned(),
                (_, Some(epss)) => format!("  EPSS {:.1} %", epss * 100.0),
                _ => String::new(),
            };
            writeln!(out, "  {}  {severity}{known}", finding.patch)?;
            match finding.cves.as_deref() {
                Some([]) => writeln!(out, "      no CVE is named")?,
                Some(cves) if cves.len() > 6 => {
                    writeln!(
                        out,
                        "      {} and {} more",
                        cves[..6].join(" "),
                        cves.len() - 6
                    )?;
                }
                Some(cves) => writeln!(out, "      {}", cves.join(" "))?,
                None => {
                    let why = shown
                        .cves_unknown
                        .as_deref()
                        .unwrap_or("nothing was read yet");
                    writeln!(out, "      CVEs: unknown, {why}")?;
                }
            }
            write_evidence(out, &shown.evidence)?;
        }
        Ok(())
    }

    fn write_feeds(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\nFeeds")?;
        for feed in self.at_hand() {
            match feed.as_of {
                Some(as_of) => writeln!(
                    out,
                    "  {}: {}, {} old",
                    feed.feed,
                    feed.freshness.word(),
                    age(as_of, self.feeds.at)
                )?,
                None => writeln!(out, "  {}: its age is not known", feed.feed)?,
            }
        }
        writeln!(out, "  {}", self.feeds.sentence)
    }

    fn write_restarts(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\nRestart")?;
        match self.device.old_code.as_deref() {
            Some([]) => writeln!(out, "  nothing runs old code")?,
            Some(lines) => lines
                .iter()
                .try_for_each(|line| writeln!(out, "  {line}"))?,
            None => writeln!(out, "  not known which programs run old code")?,
        }
        match self.device.reboot.as_deref() {
            Some([]) => writeln!(out, "  no reboot is due"),
            Some(reasons) => writeln!(out, "  a reboot is due: {}", reasons.join("; ")),
            None => writeln!(out, "  not known whether a reboot is due"),
        }
    }
}

/// Where a patch's CVEs and severity come from, the first of several.
fn write_evidence(out: &mut String, evidence: &[EvidenceItem]) -> std::fmt::Result {
    let Some(first) = evidence.first() else {
        return Ok(());
    };
    let dated = first.dated.or(first.fetched_at);
    let dated = dated.map_or_else(String::new, |at| format!(" of {}", at.strftime("%Y-%m-%d")));
    let more = match evidence.len() {
        1 => String::new(),
        count => format!(", and {} more", count - 1),
    };
    writeln!(
        out,
        "      by {} {} in {}{dated}{more}",
        first.feed, first.says, first.document
    )
}
