//! "Why not patched?": the evaluator's answer for one patch on one device.

use domain::access::{self, Permission, Principal};
use domain::finding::{DatedFinding, FindingState};
use domain::patch::PatchId;
use domain::verdict::Verdict;
use engine::decide::Evaluator;
use engine::view::DeviceView;

use crate::view::{self, Packages};
use crate::{Result, Service, ServiceError, naming, study};

/// What was asked about.
enum Asked<'v> {
    Found(&'v DatedFinding),
    Absent(PatchId),
}

impl Service {
    /// Says whether a patch may be installed on a device now, later or never, with every gate.
    ///
    /// `device` is an id, a name or `CLIENT/NAME`; `patch` an id, or a product's name when only one
    /// patch of it concerns the device.
    pub fn why(&self, who: &Principal, device: &str, patch: &str) -> Result<Verdict> {
        let scope = access::check(who, Permission::Read)?;
        let now = self.now();
        let rules = self.rules()?;
        let name = device.to_owned();
        let (mut view, studies) = self.read(move |tx| {
            let device = naming::device(tx, &scope, &name)?;
            let studies = tx.study_of_device(&scope, device.id)?;
            let view = view::of_device(tx, &scope, device, Packages::Loaded, now)?;
            Ok((view, study::answers_due(&studies)))
        })?;
        view::wind(&mut view, &*self.clocks()?);
        let evaluator = Evaluator::new(&view, &rules, now).knowing(&studies);
        match asked(&view, patch)? {
            Asked::Found(finding) => Ok(evaluator.verdict(finding)),
            Asked::Absent(patch) => Ok(evaluator.absent(&patch)),
        }
    }
}

fn asked<'v>(view: &'v DeviceView, text: &str) -> Result<Asked<'v>> {
    if let Ok(id) = text.parse::<PatchId>() {
        let found = view.findings.iter().find(|dated| dated.finding.patch == id);
        return Ok(found.map_or(Asked::Absent(id), Asked::Found));
    }
    let of_product: Vec<&DatedFinding> = view
        .findings
        .iter()
        .filter(|dated| dated.finding.patch.product() == text)
        .collect();
    let missing: Vec<&DatedFinding> = of_product
        .iter()
        .filter(|dated| dated.finding.state == FindingState::Missing)
        .copied()
        .collect();
    match (missing.as_slice(), of_product.as_slice()) {
        ([only], _) | ([], [only]) => Ok(Asked::Found(only)),
        (_, []) => Err(ServiceError::NotFound {
            what: "patch",
            name: text.chars().take(200).collect(),
        }),
        (_, several) => Err(ServiceError::Ambiguous {
            what: "patch",
            name: text.to_owned(),
            candidates: several
                .iter()
                .map(|dated| dated.finding.patch.to_string())
                .collect(),
        }),
    }
}
