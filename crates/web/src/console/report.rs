//! The report for one client as a page that prints well.
//!
//! In the console it loads the style sheet like every page; as a file it carries the style inside,
//! so that it can be mailed and opened anywhere.

use askama::Template;
use askama::filters::HtmlSafe;
use axum::Extension;
use axum::extract::State;
use domain::report::ClientReport;
use jiff::Timestamp;
use service::Principal;

use super::parts::{Mark, Moment};
use super::{Rendered, assets, page};
use crate::ask::Named;
use crate::problem::Problem;
use crate::state::AppState;

/// The style sheet inside a page. A constant of ours that holds no `<`: not escaped, because
/// browsers do not undo escapes inside `style`.
#[derive(Template)]
#[template(path = "parts/embedded_style.html", escape = "none")]
pub(super) struct EmbeddedStyle {
    css: &'static str,
}
impl HtmlSafe for EmbeddedStyle {}

/// A number with what stands beside it.
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) figure: String,
    pub(super) beside: String,
    pub(super) href: Option<String>,
}

impl Figure {
    pub(super) fn new(
        name: &'static str,
        figure: impl ToString,
        beside: impl Into<String>,
    ) -> Self {
        Self {
            name,
            figure: figure.to_string(),
            beside: beside.into(),
            href: None,
        }
    }

    pub(super) fn to(mut self, href: impl Into<String>) -> Self {
        self.href = Some(href.into());
        self
    }
}

/// Something that is not in the numbers.
pub(super) struct UncountedLine {
    pub(super) what: String,
    pub(super) why: String,
    pub(super) since: Option<Moment>,
}

impl UncountedLine {
    pub(super) fn of(lines: &[domain::report::NotCounted], now: Timestamp) -> Vec<Self> {
        lines
            .iter()
            .map(|line| Self {
                what: line.what.clone(),
                why: line.why.clone(),
                since: line.since.map(|since| Moment::new(since, now)),
            })
            .collect()
    }
}

/// Missing patches of one severity.
pub(super) struct MissingRow {
    pub(super) severity: Mark,
    pub(super) patches: u32,
    pub(super) findings: u32,
    pub(super) of: u32,
    pub(super) href: Option<String>,
}

impl MissingRow {
    /// The rows that have anything, the most severe first, what was not looked up last.
    pub(super) fn of(counts: &[domain::report::MissingCount]) -> Vec<Self> {
        let of = counts.iter().map(|count| count.findings).sum();
        let mut counts: Vec<_> = counts.iter().filter(|count| count.findings > 0).collect();
        counts.sort_by_key(|count| std::cmp::Reverse(count.severity));
        counts
            .into_iter()
            .map(|count| Self {
                severity: Mark::severity(count.severity, false),
                patches: count.patches,
                findings: count.findings,
                of,
                href: count.severity.map(|severity| {
                    super::address(
                        "/patches",
                        &[("q", &format!("state:missing severity:{severity}"))],
                    )
                }),
            })
            .collect()
    }
}

struct LineRow {
    name: String,
    site: String,
    os: String,
    missing: String,
    proven: u32,
    seen: Option<Moment>,
}

struct ProvenRow {
    patch: String,
    device: String,
    at: Moment,
}

#[derive(Template)]
#[template(path = "pages/report/client.html")]
pub(super) struct ReportPage {
    title: String,
    style: Option<&'static str>,
    embedded: EmbeddedStyle,
    client: String,
    at: Moment,
    numbers: Vec<Figure>,
    missing: Vec<MissingRow>,
    missing_empty: String,
    not_counted: Vec<UncountedLine>,
    not_counted_empty: &'static str,
    lines: Vec<LineRow>,
    proven: Vec<ProvenRow>,
    version: &'static str,
}

/// Where the page's style comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Loaded from this server.
    Linked,
    /// Inside the page.
    Embedded,
}

impl ReportPage {
    pub(super) fn new(report: ClientReport, style: Style) -> Self {
        let now = report.at;
        let missing: u32 = report.missing.iter().map(|count| count.findings).sum();
        let not_counted = report.devices.saturating_sub(report.counted);
        let numbers = vec![
            Figure::new(
                "Devices",
                report.devices,
                format!("{} counted, {not_counted} not", report.counted),
            ),
            Figure::new(
                "Missing",
                missing_figure(report.counted, missing),
                "patches on devices, over the counted devices",
            ),
            Figure::new(
                "Installed and proven",
                report.proven.len(),
                "by a second look at the device",
            ),
            Figure::new("Failed", report.failed, "orders that failed or need hands"),
        ];
        Self {
            title: format!("{}: patch report", report.client),
            style: (style == Style::Linked).then(assets::style),
            embedded: EmbeddedStyle { css: assets::STYLE },
            at: Moment::new(report.at, now),
            numbers,
            missing: MissingRow::of(&report.missing),
            missing_empty: missing_empty(report.counted),
            not_counted: UncountedLine::of(&report.not_counted, now),
            not_counted_empty: "Every device is in the numbers.",
            lines: report
                .lines
                .into_iter()
                .map(|line| LineRow {
                    name: line.name,
                    site: line.site,
                    os: line.os,
                    missing: line
                        .missing
                        .map_or_else(|| "not known".to_owned(), |n| n.to_string()),
                    proven: line.proven,
                    seen: line.last_seen.map(|at| Moment::new(at, now)),
                })
                .collect(),
            proven: report
                .proven
                .into_iter()
                .map(|line| ProvenRow {
                    patch: line.patch,
                    device: line.device,
                    at: Moment::new(line.proven_at, now),
                })
                .collect(),
            client: report.client,
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// A number of missing patches; over no device it is not zero but unknown.
pub(super) fn missing_figure(counted: u32, missing: u32) -> String {
    if counted == 0 {
        "unknown".to_owned()
    } else {
        missing.to_string()
    }
}

/// What stands where nothing is missing.
pub(super) fn missing_empty(counted: u32) -> String {
    match counted {
        0 => "No device is counted, so nothing can be said.".to_owned(),
        1 => "Nothing is missing on the one counted device.".to_owned(),
        _ => format!("Nothing is missing on the {counted} counted devices."),
    }
}

/// `GET /reports/clients/{client}`
pub async fn show(
    State(state): State<AppState>,
    Extension(who): Extension<Principal>,
    Named(client): Named,
) -> Rendered {
    let report = state
        .run(move |service| service.report_client(&who, &client))
        .await?;
    page(&ReportPage::new(report, Style::Linked))
}

/// The report as one file of HTML that needs nothing beside it.
pub fn report_file(report: ClientReport) -> Result<String, Problem> {
    ReportPage::new(report, Style::Embedded)
        .render()
        .map_err(|defect| Problem::internal(&defect))
}
