//! Claims about supersedence and about Windows devices, on small definitions made by hand.
#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod devices;
mod supersedence;

use domain::advisory::{Advisory, AfterInstall, Remedy, RemedyKind};
use domain::definitions::{Definitions, Sourced};
use domain::feed::{Feed, Provenance};
use domain::judgement::{JudgedDevice, Judgement, WindowsState};
use domain::package::Kb;

use super::{KbGraph, judge};

pub const SERVER_2022: &str = "11923";

/// Definitions made line by line.
#[derive(Default)]
pub struct Made {
    definitions: Definitions,
}

/// One update of one product in one month.
#[derive(Clone)]
pub struct Line {
    pub product_id: &'static str,
    pub product: &'static str,
    pub kb: u32,
    pub kind: RemedyKind,
    pub build: &'static str,
    pub replaces: &'static [u32],
    pub cves: &'static [u32],
}

/// A cumulative update of Windows Server 2022.
pub fn cumulative(
    kb: u32,
    build: &'static str,
    replaces: &'static [u32],
    cves: &'static [u32],
) -> Line {
    Line {
        product_id: SERVER_2022,
        product: "Windows Server 2022",
        kb,
        kind: RemedyKind::Cumulative,
        build,
        replaces,
        cves,
    }
}

impl Line {
    pub fn of(mut self, product_id: &'static str, product: &'static str) -> Self {
        self.product_id = product_id;
        self.product = product;
        self
    }

    pub fn kind(mut self, kind: RemedyKind) -> Self {
        self.kind = kind;
        self
    }
}

impl Made {
    /// Adds a month document with these updates; one advisory for each CVE.
    pub fn month(mut self, id: &str, dated: &str, lines: &[Line]) -> Self {
        let document = u32::try_from(self.definitions.documents.len()).unwrap();
        self.definitions.documents.push(Provenance {
            feed: Feed::MsrcCvrf,
            document: id.to_owned(),
            file: format!("{id}.xml"),
            dated: Some(format!("{dated}T00:00:00Z").parse().unwrap()),
            fetched_at: None,
            sha256: [0; 32],
        });
        let mut cves: Vec<u32> = lines.iter().flat_map(|line| line.cves).copied().collect();
        cves.sort_unstable();
        cves.dedup();
        for cve in cves {
            let id = format!("CVE-2026-{cve:04}");
            let mut advisory = Advisory::new(id.clone());
            advisory.cves = vec![id.parse().unwrap()];
            let lines = lines.iter().filter(|line| line.cves.contains(&cve));
            advisory.remedies = lines.map(remedy).collect();
            self.definitions.advisories.push(Sourced {
                document,
                value: advisory,
            });
        }
        self
    }

    pub fn graph(&self) -> KbGraph {
        KbGraph::build(&self.definitions)
    }

    /// One line for each judgement: KB, state, CVEs, reason.
    pub fn judged(
        &self,
        product_id: Option<&str>,
        build: Option<&str>,
        kbs: &[u32],
    ) -> Vec<String> {
        self.judgements(product_id, build, kbs)
            .iter()
            .map(|judgement| {
                let cves: Vec<String> = judgement
                    .cves
                    .iter()
                    .map(|cve| {
                        cve.to_string()
                            .replace("CVE-2026-", "")
                            .trim_start_matches('0')
                            .to_owned()
                    })
                    .collect();
                format!(
                    "{} {} [{}] {}",
                    judgement.advisory.as_deref().unwrap_or("-"),
                    judgement.state,
                    cves.join(" "),
                    judgement.because
                )
            })
            .collect()
    }

    pub fn judgements(
        &self,
        product_id: Option<&str>,
        build: Option<&str>,
        kbs: &[u32],
    ) -> Vec<Judgement> {
        let device = JudgedDevice {
            name: "srv01".to_owned(),
            windows: Some(WindowsState {
                product_id: product_id.map(str::to_owned),
                build: build.map(|build| build.parse().unwrap()),
                kbs: kbs.iter().map(|kb| Kb(*kb)).collect(),
            }),
            ..JudgedDevice::default()
        };
        judge(&device, &self.definitions, &self.graph())
    }

    /// KB and state of each judgement.
    pub fn states(&self, build: Option<&str>, kbs: &[u32]) -> Vec<String> {
        self.judgements(Some(SERVER_2022), build, kbs)
            .iter()
            .map(|judgement| {
                let kb = judgement.advisory.as_deref().unwrap_or("-");
                format!("{} {}", kb.trim_start_matches("KB"), judgement.state)
            })
            .collect()
    }
}

fn remedy(line: &Line) -> Remedy {
    Remedy {
        product_id: line.product_id.to_owned(),
        product: line.product.to_owned(),
        kb: Kb(line.kb),
        kind: line.kind,
        sub_type: String::new(),
        fixed_build: line.build.parse().ok(),
        replaces: line.replaces.iter().map(|kb| Kb(*kb)).collect(),
        after: AfterInstall::Unknown,
        rating: None,
    }
}
