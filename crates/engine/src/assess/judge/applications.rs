//! Applications beside the package manager: is a newer version offered?
//!
//! winget's manifests say what can be installed, not what is vulnerable. A newer version than the
//! installed one is `missing` under the advisory `ID@VERSION`; an id that no document names is
//! unknown. Versions are ordered as winget orders them.

use std::cmp::Ordering;
use std::collections::HashMap;

use domain::advisory::ApplicationVersion;
use domain::definitions::{Definitions, Sourced};
use domain::finding::FindingState;
use domain::judgement::{JudgedApplication, Judgement};
use domain::package::Ecosystem;

use super::compare::order;

/// The newest version of each application.
#[derive(Debug, Default)]
pub(super) struct Applications<'d> {
    newest: HashMap<String, &'d Sourced<ApplicationVersion>>,
}

impl<'d> Applications<'d> {
    /// Reads what can be installed. Ids are the same in upper and lower case, as winget has it.
    pub fn new(definitions: &'d Definitions) -> Self {
        let mut newest: HashMap<String, &'d Sourced<ApplicationVersion>> = HashMap::new();
        for sourced in &definitions.applications {
            let known = newest
                .entry(sourced.value.id.as_str().to_ascii_lowercase())
                .or_insert(sourced);
            let (version, old) = (&sourced.value.version, &known.value.version);
            if order(Ecosystem::Winget, version.as_str(), old.as_str()) == Ok(Ordering::Greater) {
                *known = sourced;
            }
        }
        Self { newest }
    }

    /// Judges one application.
    pub fn judge(&self, application: &JudgedApplication) -> Judgement {
        let installed = application.version.as_str();
        let id = &application.id;
        let mut judgement = Judgement {
            package: id.to_string(),
            installed: Some(installed.to_owned()),
            architecture: None,
            advisory: None,
            cves: Vec::new(),
            fixed: None,
            state: FindingState::Unknown,
            rating: None,
            because: format!("no document at hand names the application {id}"),
            document: None,
            exploited: None,
            epss_millionths: None,
        };
        let Some(sourced) = self.newest.get(&id.as_str().to_ascii_lowercase()) else {
            return judgement;
        };
        let newest = &sourced.value.version;
        judgement.advisory = Some(format!("{}@{newest}", sourced.value.id));
        judgement.fixed = Some(newest.to_string());
        judgement.document = Some(sourced.document);
        (judgement.state, judgement.because) =
            match order(Ecosystem::Winget, installed, newest.as_str()) {
                Ok(Ordering::Less) => (
                    FindingState::Missing,
                    format!("{installed} is installed, and {newest} is offered"),
                ),
                Ok(Ordering::Equal) => (
                    FindingState::Fixed,
                    format!("{installed} is the newest version that is offered"),
                ),
                Ok(Ordering::Greater) => (
                    FindingState::Fixed,
                    format!("{installed} is newer than {newest}, the newest that a document names"),
                ),
                Err(why) => (FindingState::Unknown, why),
            };
        judgement
    }
}
