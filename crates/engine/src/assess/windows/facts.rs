//! What all documents together say of one update for one product.

use std::collections::HashMap;

use domain::advisory::{Rating, RemedyKind};
use domain::cve::CveId;
use domain::name::Version;
use domain::package::Kb;
use domain::severity::Severity;

/// A build in its four numbers.
pub type Build = [u32; 4];
/// The first three numbers of a build: builds are compared within one line only.
pub type Line = [u32; 3];

/// How many updates with one CVE are looked at as the same month's other form.
const CANDIDATES_MAX: usize = 512;

/// An update of one product.
#[derive(Debug, Clone)]
pub struct Update {
    /// Its number.
    pub kb: Kb,
    /// What kind.
    pub kind: RemedyKind,
    /// The builds that it brings, as documents name them, sorted.
    pub builds: Vec<Build>,
    /// The CVEs that it fixes for the product, sorted.
    pub cves: Vec<CveId>,
    /// The highest rating.
    pub rating: Option<Rating>,
    /// The newest document that names it, as an index.
    pub document: u32,
    /// The first and the last month whose document names it, counted from year 0.
    pub months: Option<(u32, u32)>,
    /// The cumulative update that fixes the same, of which this one is another form.
    pub twin: Option<usize>,
}

impl Update {
    /// The highest build that it brings in a line.
    pub fn build_in(&self, line: Line) -> Option<Build> {
        self.builds
            .iter()
            .rev()
            .find(|build| build[..3] == line)
            .copied()
    }

    /// Whether it came later than another by number and by month, both: for cumulative updates of
    /// which documents give neither builds nor links. In the 54 sample documents, of 29,043 pairs of
    /// cumulative updates whose builds are known this disagrees with the builds in 10.
    pub fn is_later_than(&self, other: &Self) -> bool {
        let later = match (self.months, other.months) {
            (Some((first, _)), Some((_, last))) => first > last,
            _ => false,
        };
        later && self.kb > other.kb
    }
}

/// Four numbers; `None`: something else.
pub fn build(version: &Version) -> Option<Build> {
    let mut parts = version.as_str().split('.');
    let mut number = || {
        let part = parts.next()?;
        part.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| part.parse().ok())
            .flatten()
    };
    let build = [number()?, number()?, number()?, number()?];
    parts.next().is_none().then_some(build)
}

/// `10.0.20348.2700`.
pub fn spelled(build: Build) -> String {
    build.map(|number| number.to_string()).join(".")
}

/// The month of a document's id, `2021-Jan`, `2018-FEB`, `2017-May-B`; counted from year 0.
pub fn month(document: &str) -> Option<u32> {
    let (year, rest) = document.split_once('-')?;
    let month = rest.split('-').next()?.to_ascii_lowercase();
    let names = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let month = u32::try_from(names.iter().position(|name| *name == month)?).ok()?;
    let year: u32 = (year.len() == 4).then(|| year.parse().ok()).flatten()?;
    Some(year * 12 + month)
}

/// The kind that says more, where documents disagree.
pub fn more_telling(a: RemedyKind, b: RemedyKind) -> RemedyKind {
    let rank = |kind| match kind {
        RemedyKind::Update => 0,
        RemedyKind::Cumulative => 1,
        RemedyKind::ServicingStack => 2,
        RemedyKind::BrowserCumulative => 3,
        RemedyKind::SecurityOnly => 4,
        RemedyKind::Hotpatch => 5,
    };
    if rank(b) > rank(a) { b } else { a }
}

/// The higher of two ratings; an unrated one is lower than any step.
pub fn higher(a: Option<Rating>, b: Option<&Rating>) -> Option<Rating> {
    let key = |rating: &Rating| -> (Severity, Option<u8>) { (rating.severity, rating.cvss_tenths) };
    match (a, b) {
        (Some(a), Some(b)) if key(b) > key(&a) => Some(b.clone()),
        (Some(a), _) => Some(a),
        (None, b) => b.cloned(),
    }
}

/// Finds for each security-only update, hotpatch and browser update the cumulative update of the same
/// month: the one with the same CVEs, because months of documents are not those of releases. At least
/// half of the CVEs of both are common; for a browser, whose updates are contained in roll-ups, all of
/// its own. Of several the nearest by number.
pub fn find_twins(updates: &mut [Update]) {
    let is_other_form = |kind| match kind {
        RemedyKind::SecurityOnly | RemedyKind::Hotpatch | RemedyKind::BrowserCumulative => true,
        RemedyKind::Cumulative | RemedyKind::ServicingStack | RemedyKind::Update => false,
    };
    if !updates.iter().any(|update| is_other_form(update.kind)) {
        return;
    }
    let mut with_cve: HashMap<CveId, Vec<usize>> = HashMap::new();
    for (at, update) in updates.iter().enumerate() {
        if update.kind != RemedyKind::Cumulative {
            continue;
        }
        for cve in &update.cves {
            let list = with_cve.entry(*cve).or_default();
            if list.len() < CANDIDATES_MAX {
                list.push(at);
            }
        }
    }
    for at in 0..updates.len() {
        if is_other_form(updates[at].kind) {
            updates[at].twin = twin(updates, at, &with_cve);
        }
    }
}

fn twin(updates: &[Update], at: usize, with_cve: &HashMap<CveId, Vec<usize>>) -> Option<usize> {
    let own = &updates[at];
    let mut common: HashMap<usize, usize> = HashMap::new();
    for cve in &own.cves {
        for candidate in with_cve.get(cve).into_iter().flatten() {
            *common.entry(*candidate).or_default() += 1;
        }
    }
    let fits = |candidate: usize, common: usize| match own.kind {
        RemedyKind::BrowserCumulative => common == own.cves.len(),
        _ => common * 2 >= own.cves.len() + updates[candidate].cves.len() - common,
    };
    common
        .into_iter()
        .filter(|&(candidate, common)| fits(candidate, common))
        .min_by(|&(a, common_a), &(b, common_b)| {
            // Share of what both have together, compared crosswise as fractions.
            let all = |candidate: usize, common: usize| {
                own.cves.len() + updates[candidate].cves.len() - common
            };
            let distance = |candidate: usize| updates[candidate].kb.0.abs_diff(own.kb.0);
            let share_a = common_a * all(b, common_b);
            let share_b = common_b * all(a, common_a);
            let by_share = match own.kind {
                RemedyKind::BrowserCumulative => std::cmp::Ordering::Equal,
                _ => share_b.cmp(&share_a),
            };
            by_share.then(distance(a).cmp(&distance(b))).then(a.cmp(&b))
        })
        .map(|(candidate, _)| candidate)
}
