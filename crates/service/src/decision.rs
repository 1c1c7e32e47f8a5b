//! Decisions: approve, hold and deny by query; what one would touch; end one.

use domain::access::Principal;
use domain::decision::{Level, Word};
use domain::id::DecisionId;
use domain::page::{Page, PageRequest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Result, Service};

/// How many patches and devices a new decision's answer names, at most; the counts are whole.
pub const NAMED_MAX: usize = 1000;

/// What is to be decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDecision {
    /// `approve`, `hold` or `deny`.
    #[schema(value_type = String)]
    pub word: Word,
    /// Which patches: a query over patches.
    pub patches: String,
    /// Which devices: a query over devices.
    #[serde(rename = "for")]
    pub devices: String,
    /// How close it is; by default what the query for devices names: one device, one site, one
    /// client, else the provider.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub level: Option<Level>,
    /// Until when it holds; without, until it is ended.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// Why; not empty.
    pub reason: String,
    /// Only say what it would touch.
    #[serde(default)]
    pub dry_run: bool,
}

/// What a new decision touches today.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecisionMade {
    /// Its id; `None` after a dry run.
    #[schema(value_type = Option<String>)]
    pub id: Option<DecisionId>,
    /// The patches that are missing on those devices today, at most `NAMED_MAX`.
    pub patches: Vec<String>,
    /// The devices among the chosen ones on which such a patch is missing today, by name, at most
    /// `NAMED_MAX`.
    pub devices: Vec<String>,
    /// All those patches, counted.
    pub patches_count: u32,
    /// All those devices, counted.
    pub devices_count: u32,
    /// The first instant at which one of them may be installed; `None`: never as things stand.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub first_due_at: Option<Timestamp>,
}

/// A decision as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DecisionItem {
    /// Its id.
    #[schema(value_type = String)]
    pub id: DecisionId,
    /// What was decided.
    #[schema(value_type = String)]
    pub word: Word,
    /// Which patches, as a query.
    pub patches: String,
    /// Which devices, as a query.
    #[serde(rename = "for")]
    pub devices: String,
    /// How close it is.
    #[schema(value_type = String)]
    pub level: Level,
    /// The one client it is limited to, by name.
    pub client: Option<String>,
    /// Why.
    pub reason: String,
    /// Who decided.
    pub decided_by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub decided_at: Timestamp,
    /// Until when it holds.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// When it was ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// Whether it holds now.
    pub in_force: bool,
}

impl Service {
    /// Makes a decision, or says what it would touch (`dry_run`).
    pub fn decision_add(&self, who: &Principal, wanted: &NewDecision) -> Result<DecisionMade> {
        todo!()
    }

    /// Lists decisions, newest first, ended ones too.
    pub fn decision_list(&self, who: &Principal, page: &PageRequest) -> Result<Page<DecisionItem>> {
        todo!()
    }

    /// Ends a decision; one that has ended already stays as it is.
    pub fn decision_end(&self, who: &Principal, id: &str) -> Result<DecisionItem> {
        todo!()
    }
}
