//! What `up` shows: one computer's packages, what is pending, what to fix first, what is not known.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use domain::access::Principal;
use domain::finding::FindingState;
use domain::page::{PAGE_ITEMS_MAX, PageRequest};
use domain::query::{Field, Query};
use domain::severity::Severity;
use serde_json::{Value, json};
use service::Service;
use service::device::DeviceDetail;
use service::finding::FindingItem;

use crate::failure::Failure;
use crate::running::explain;

/// Findings that the text shows.
const SHOWN: usize = 10;

/// One look at one computer.
pub struct Picture {
    device: DeviceDetail,
    findings: Vec<FindingItem>,
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
        findings.sort_by_key(urgency);
        Ok(Self {
            device: detail,
            findings,
        })
    }

    fn missing(&self) -> impl Iterator<Item = &FindingItem> {
        self.findings
            .iter()
            .filter(|finding| finding.state == FindingState::Missing)
    }

    /// Distinct packages that would be installed or upgraded; `None` without package lists.
    fn pending(&self) -> Option<usize> {
        self.device.lists_fetched_at?;
        let packages: BTreeSet<(&str, &str)> = self
            .missing()
            .flat_map(|finding| &finding.packages)
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
        if !self.device.unknown.is_empty() {
            writeln!(out, "\nNot known")?;
            for unknown in &self.device.unknown {
                writeln!(out, "  {}: {}", unknown.what, unknown.why)?;
            }
        }
        Ok(())
    }

    fn write_severities(&self, out: &mut String) -> std::fmt::Result {
        let counted =
            |severity: Option<Severity>| self.missing().filter(|f| f.severity == severity).count();
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
        let first: Vec<&FindingItem> = self.missing().take(SHOWN).collect();
        if first.is_empty() {
            return Ok(());
        }
        writeln!(out, "\nTo fix first")?;
        for finding in first {
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
                Some([]) => writeln!(out, "      no CVE in its changelog")?,
                Some(cves) if cves.len() > 6 => {
                    writeln!(
                        out,
                        "      {} and {} more",
                        cves[..6].join(" "),
                        cves.len() - 6
                    )?;
                }
                Some(cves) => writeln!(out, "      {}", cves.join(" "))?,
                None => writeln!(out, "      CVEs: not looked up")?,
            }
        }
        Ok(())
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

/// Most urgent first: exploited, likely exploited, severe, with CVEs; then by name.
fn urgency(
    finding: &FindingItem,
) -> (
    bool,
    bool,
    std::cmp::Reverse<u64>,
    std::cmp::Reverse<Option<Severity>>,
    String,
) {
    let likely = finding.epss.map_or(0, |share| (share * 1_000_000.0) as u64);
    (
        finding.state != FindingState::Missing,
        finding.kev != Some(true),
        std::cmp::Reverse(likely),
        std::cmp::Reverse(finding.severity),
        finding.patch.to_string(),
    )
}
