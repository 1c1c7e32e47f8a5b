//! One judgement for each update of a device's product.
//!
//! - There, or contained in what is there: `fixed`, naming what.
//! - Not there and the newest of its line: `missing`. Its CVEs are its own and those of all open
//!   updates that it takes the place of, so that every open CVE stands on a missing line; without
//!   those that an installed form of the same month (security-only, browser) has fixed already.
//! - Not there and replaced by a missing one: `not-affected`, naming it.
//! - Not to be said from what the device reported: `unknown`, with the reason.

use domain::advisory::{Rating, RemedyKind};
use domain::cve::{Catalogues, CveId};
use domain::definitions::Definitions;
use domain::finding::FindingState;
use domain::judgement::{JudgedDevice, Judgement, WindowsState};
use domain::package::Kb;

use super::facts::{self, Update, spelled};
use super::graph::{KbGraph, Product};
use super::standing::{Standing, Standings};

/// How many updates are named in one sentence.
const NAMED_MAX: usize = 3;

/// Judges a Windows device by the updates of its product; sorted by KB. Empty for a device of which no
/// Windows system was reported.
pub fn judge(device: &JudgedDevice, definitions: &Definitions, graph: &KbGraph) -> Vec<Judgement> {
    let Some(windows) = &device.windows else {
        return Vec::new();
    };
    let installed = windows.build.as_ref().map(ToString::to_string);
    let Some(product_id) = &windows.product_id else {
        let why = "no product id was reported, so it cannot be said which updates are meant";
        return vec![unknown(system_of(device), installed, why.to_owned())];
    };
    let Some(product) = graph.product(product_id) else {
        let name = definitions
            .products
            .iter()
            .find(|named| named.value.0 == *product_id)
            .map_or_else(|| system_of(device), |named| named.value.1.clone());
        let why = format!("no document at hand holds an update for product {product_id}");
        return vec![unknown(name, installed, why)];
    };
    let standings = Standings::of(product, windows);
    let demanded = standings.demanded();
    let mut judgements: Vec<Judgement> = (0..product.updates.len())
        .map(|at| {
            let line = Judged {
                windows,
                standings: &standings,
                demanded: &demanded,
                at,
            };
            line.judgement(installed.clone())
        })
        .collect();
    for judgement in &mut judgements {
        add_catalogues(judgement, &definitions.catalogues);
    }
    judgements
}

fn system_of(device: &JudgedDevice) -> String {
    if device.system_words.is_empty() {
        "Windows".to_owned()
    } else {
        device.system_words.clone()
    }
}

fn unknown(package: String, installed: Option<String>, because: String) -> Judgement {
    Judgement {
        package,
        installed,
        architecture: None,
        advisory: None,
        cves: Vec::new(),
        fixed: None,
        state: FindingState::Unknown,
        rating: None,
        because,
        document: None,
        exploited: None,
        epss_millionths: None,
    }
}

fn add_catalogues(judgement: &mut Judgement, catalogues: &Catalogues) {
    let cves = || judgement.cves.iter();
    let exploited = catalogues
        .kev
        .as_ref()
        .and_then(|kev| cves().filter_map(|cve| kev.added(*cve)).min());
    let probability = catalogues
        .epss
        .as_ref()
        .and_then(|epss| cves().filter_map(|cve| epss.millionths(*cve)).max());
    judgement.exploited = exploited;
    judgement.epss_millionths = probability;
}

/// One update of one device.
struct Judged<'a> {
    windows: &'a WindowsState,
    standings: &'a Standings<'a>,
    demanded: &'a [Option<usize>],
    at: usize,
}

impl Judged<'_> {
    fn product(&self) -> &Product {
        self.standings.product
    }

    fn update(&self) -> &Update {
        &self.product().updates[self.at]
    }

    fn judgement(&self, installed: Option<String>) -> Judgement {
        let update = self.update();
        let build = self.standings.build_of(self.at);
        let build = build.or_else(|| update.builds.last().copied());
        let mut judgement = Judgement {
            advisory: Some(update.kb.to_string()),
            cves: update.cves.clone(),
            fixed: build.map(spelled),
            rating: update.rating.clone(),
            document: Some(update.document),
            ..unknown(self.product().name.clone(), installed, String::new())
        };
        let standing = self.standings.standing[self.at];
        (judgement.state, judgement.because) = if standing.is_there() {
            (FindingState::Fixed, self.why_there(standing))
        } else {
            match self.demanded[self.at] {
                Some(newest) if newest == self.at => {
                    let (cves, rating) = self.all_open();
                    judgement.cves = cves;
                    judgement.rating = rating;
                    (FindingState::Missing, self.why_missing(standing))
                }
                Some(newest) => (FindingState::NotAffected, self.why_not_demanded(newest)),
                None => (FindingState::Unknown, self.why_unknown(standing)),
            }
        };
        judgement
    }

    fn kb(&self, at: usize) -> Kb {
        self.product().updates[at].kb
    }

    fn why_there(&self, standing: Standing) -> String {
        let own = self.standings.build_of(self.at);
        match standing {
            Standing::Recorded => match (own, self.standings.build) {
                (Some(own), Some(build)) if build < own => format!(
                    "{} is recorded as installed; build {} is still lower than {}, so a reboot may be due",
                    self.update().kb,
                    spelled(build),
                    spelled(own)
                ),
                _ => format!("{} is recorded as installed", self.update().kb),
            },
            Standing::Built(proven) => {
                let reached = own.map(spelled).unwrap_or_default();
                let newer = self.newer_there();
                format!("{newer}build {} is {reached} or later", spelled(proven))
            }
            Standing::Contained(newer) => match self.standings.newer_there[self.at] {
                Some(stated) => format!("replaced by {stated}, which is installed"),
                None => format!(
                    "contained in {}, which is installed and brings build {}",
                    self.kb(newer),
                    self.standings
                        .build_of(newer)
                        .map(spelled)
                        .unwrap_or_default()
                ),
            },
            Standing::Replaced(newer) => format!("replaced by {newer}, which is installed"),
            Standing::Later(newer) => format!(
                "contained in {}, a later cumulative update, which is installed",
                self.kb(newer)
            ),
            Standing::OtherForm(other) => {
                let form = form_of(self.product().updates[other].kind);
                format!(
                    "{}, the {form} of the same month, is installed and fixes the same",
                    self.kb(other)
                )
            }
            _ => String::new(),
        }
    }

    /// What is there and replaces or contains this update, as the beginning of a sentence.
    fn newer_there(&self) -> String {
        match self.standings.newer_there[self.at] {
            Some(newer) => format!("replaced by {newer}, which is installed; "),
            None => match self.standings.contained_in(self.at) {
                Some(newer) => format!("contained in {newer}, which is installed; "),
                None => String::new(),
            },
        }
    }

    /// The open updates whose place this one takes.
    fn in_its_place(&self) -> Vec<usize> {
        (0..self.demanded.len())
            .filter(|&at| at != self.at && self.demanded[at] == Some(self.at))
            .collect()
    }

    fn all_open(&self) -> (Vec<CveId>, Option<Rating>) {
        let product = self.product();
        let mut cves = self.update().cves.clone();
        let mut rating = self.update().rating.clone();
        for form in self.installed_forms() {
            let fixed = &product.updates[form].cves;
            cves.retain(|cve| fixed.binary_search(cve).is_err());
        }
        for at in self.in_its_place() {
            let update = &product.updates[at];
            cves.extend_from_slice(&update.cves);
            rating = facts::higher(rating, update.rating.as_ref());
        }
        cves.sort_unstable();
        cves.dedup();
        (cves, rating)
    }

    /// Other forms of this update that are installed, though it is not.
    fn installed_forms(&self) -> Vec<usize> {
        let updates = self.product().updates.iter().enumerate();
        updates
            .filter(|(at, update)| {
                update.twin == Some(self.at)
                    && update.kind != RemedyKind::Hotpatch
                    && self.standings.standing[*at].is_there()
            })
            .map(|(at, _)| at)
            .collect()
    }

    fn why_missing(&self, standing: Standing) -> String {
        let mut why = match (standing, self.standings.build) {
            (Standing::Lower(own), Some(build)) => {
                format!("build {} is lower than {}", spelled(build), spelled(own))
            }
            _ => format!(
                "not among the {} updates that the device records, and none of them replaces it",
                self.windows.kbs.len()
            ),
        };
        if let Some(&form) = self.installed_forms().first() {
            why.push_str(&format!(
                "; {}, the {} of the same month, is installed and fixes a part of it",
                self.kb(form),
                form_of(self.product().updates[form].kind)
            ));
        }
        let place = self.in_its_place();
        let (forms, older): (Vec<usize>, Vec<usize>) = place
            .into_iter()
            .partition(|&at| self.product().updates[at].twin == Some(self.at));
        if !older.is_empty() {
            why.push_str(&format!("; it takes the place of {}", self.named(&older)));
        }
        for at in forms.into_iter().take(NAMED_MAX) {
            let form = form_of(self.product().updates[at].kind);
            why.push_str(&format!(
                "; {} is the {form} of the same month",
                self.kb(at)
            ));
        }
        why
    }

    /// The newest few, and how many more.
    fn named(&self, all: &[usize]) -> String {
        let newest = all.iter().rev().take(NAMED_MAX);
        let mut names: Vec<String> = newest.map(|&at| self.kb(at).to_string()).collect();
        if all.len() > NAMED_MAX {
            names.push(format!(
                "{} more that are missing too",
                all.len() - NAMED_MAX
            ));
        } else if let Some(last) = names.last_mut() {
            let verb = if all.len() == 1 { "is" } else { "are" };
            last.push_str(&format!(", which {verb} missing too"));
        }
        names.join(", ")
    }

    fn why_not_demanded(&self, newest: usize) -> String {
        let newest = self.kb(newest);
        let update = self.update();
        match (update.kind, update.twin) {
            (
                RemedyKind::SecurityOnly | RemedyKind::Hotpatch | RemedyKind::BrowserCumulative,
                Some(whole),
            ) => {
                let form = form_of(self.product().updates[whole].kind);
                let whole = self.kb(whole);
                if whole == newest {
                    format!("{newest}, the {form} of the same month, is missing and fixes the same")
                } else {
                    format!(
                        "{whole}, the {form} of the same month, fixes the same and is superseded by \
                         {newest}, which is missing"
                    )
                }
            }
            _ => format!("superseded by {newest}, which is missing"),
        }
    }

    fn why_unknown(&self, standing: Standing) -> String {
        match standing {
            Standing::OtherLine(own) => {
                let build = self.standings.build.map(spelled).unwrap_or_default();
                format!(
                    "its build {} is of another line than the device's {build}, and such builds cannot \
                     be compared",
                    spelled(own)
                )
            }
            Standing::NoBuild => "no document at hand names its build, and the device reported no \
                                  installed updates"
                .to_owned(),
            _ if self.windows.build.is_some() => {
                "the build that was reported is not four numbers, and no installed updates were \
                 reported"
                    .to_owned()
            }
            _ => "neither a build nor installed updates were reported".to_owned(),
        }
    }
}

/// What a kind is called beside another of the same month.
fn form_of(kind: RemedyKind) -> &'static str {
    match kind {
        RemedyKind::Cumulative => "cumulative update",
        RemedyKind::SecurityOnly => "security-only update",
        RemedyKind::Hotpatch => "hotpatch",
        RemedyKind::BrowserCumulative => "browser update",
        RemedyKind::ServicingStack => "servicing stack",
        RemedyKind::Update => "update",
    }
}
