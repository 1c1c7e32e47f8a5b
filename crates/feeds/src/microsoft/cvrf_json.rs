//! Month documents as JSON: the same content under other names, with numbers for kinds.
//!
//! Kinds that are read: threat 3 (severity), remediation 2 (vendor fix). Texts are objects with
//! `Value`. A vulnerability that cannot be decoded is broken and the walk goes on. Errors: JSON that
//! is not whole, a document without an id.

use serde::Deserialize;
use serde_json::Value;

use crate::format::{Parsed, Probe, Sink};
use crate::json::{members, why};
use crate::refusal::Refusal;

use super::month::{Fix, Month, Score, Severities, Vulnerability};

/// The kind of a threat that is a severity.
const SEVERITY: u64 = 3;
/// The kind of a remediation that is a vendor fix.
const VENDOR_FIX: u64 = 2;
/// How deep branches of products are followed.
const BRANCHES_MAX: usize = 16;

/// Whether it is a month document: only Microsoft has this form.
pub fn recognise(probe: &Probe<'_>) -> bool {
    probe.is_json() && probe.has_key("DocumentTracking") && probe.has_key("DocumentTitle")
}

/// Reads a month document.
pub fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let mut month = Month::new(sink);
    let mut vulnerabilities: Vec<&[u8]> = Vec::new();
    let mut trees: Vec<&[u8]> = Vec::new();
    // All of the document before the first record: products may stand behind what uses them, and a
    // document that ends early is refused as a whole.
    for member in members(bytes) {
        let member = member?;
        match member.key().as_ref() {
            "DocumentTracking" => tracking(member.value, &mut month)?,
            "ProductTree" => trees.push(member.value),
            "Vulnerability" => vulnerabilities.push(member.value),
            _ => {}
        }
    }
    for tree in trees {
        products(tree, &mut month, 0)?;
    }
    for list in vulnerabilities {
        if is_null(list) {
            continue;
        }
        for (index, member) in members(list).enumerate() {
            let member = member?;
            let place = format!("Vulnerability[{index}]");
            match serde_json::from_slice::<JsonVulnerability>(member.value) {
                Ok(found) => month.vulnerability(&place, &found.into())?,
                Err(error) => month.broken(&place, &why(&error))?,
            }
        }
    }
    month.finish()
}

fn is_null(value: &[u8]) -> bool {
    value.trim_ascii() == b"null"
}

fn tracking(value: &[u8], month: &mut Month<'_>) -> Result<(), Refusal> {
    let tracking: Tracking = serde_json::from_slice(value).map_err(|error| Refusal::Invalid {
        place: "DocumentTracking".to_owned(),
        why: why(&error),
    })?;
    let id = tracking.identification.and_then(|found| found.id);
    month.tracking(
        &Text::of(id),
        &tracking.current_release_date.unwrap_or_default(),
    )
}

/// Products stand in `Branch` and once more in `FullProductName`; both are read.
fn products(tree: &[u8], month: &mut Month<'_>, depth: usize) -> Result<(), Refusal> {
    if depth > BRANCHES_MAX || !matches!(tree.trim_ascii().first(), Some(b'{' | b'[')) {
        return Ok(());
    }
    let mut product = JsonProduct::default();
    for member in members(tree) {
        let member = member?;
        match member.key().as_ref() {
            "ProductID" => product.id = serde_json::from_slice(member.value).unwrap_or_default(),
            "Value" => product.name = serde_json::from_slice(member.value).unwrap_or_default(),
            "" | "Branch" | "Items" | "FullProductName" => {
                products(member.value, month, depth + 1)?;
            }
            _ => {}
        }
    }
    match product.id {
        Some(id) => month.product(&id, &product.name.unwrap_or_default()),
        None => Ok(()),
    }
}

#[derive(Default)]
struct JsonProduct {
    id: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tracking {
    identification: Option<Identification>,
    current_release_date: Option<String>,
}

#[derive(Deserialize)]
struct Identification {
    #[serde(rename = "ID")]
    id: Option<Text>,
}

#[derive(Deserialize)]
struct Text {
    #[serde(rename = "Value")]
    value: Option<String>,
}

impl Text {
    fn of(text: Option<Self>) -> String {
        text.and_then(|text| text.value)
            .map(|text| text.trim().to_owned())
            .unwrap_or_default()
    }
}

#[derive(Deserialize)]
struct JsonVulnerability {
    #[serde(rename = "Title")]
    title: Option<Text>,
    #[serde(rename = "CVE")]
    cve: Option<String>,
    #[serde(rename = "Threats")]
    threats: Option<Vec<Threat>>,
    #[serde(rename = "CVSSScoreSets")]
    score_sets: Option<Vec<ScoreSet>>,
    #[serde(rename = "Remediations")]
    remediations: Option<Vec<Remediation>>,
    #[serde(rename = "RevisionHistory")]
    revisions: Option<Vec<Revision>>,
}

#[derive(Deserialize)]
struct Threat {
    #[serde(rename = "Type")]
    kind: Option<u64>,
    #[serde(rename = "Description")]
    description: Option<Text>,
    #[serde(rename = "ProductID")]
    products: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct ScoreSet {
    #[serde(rename = "BaseScore")]
    base: Option<Value>,
    #[serde(rename = "TemporalScore")]
    temporal: Option<Value>,
    #[serde(rename = "ProductID")]
    products: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Remediation {
    #[serde(rename = "Type")]
    kind: Option<u64>,
    #[serde(rename = "Description")]
    description: Option<Text>,
    #[serde(rename = "Supercedence")]
    supersedes: Option<String>,
    #[serde(rename = "RestartRequired")]
    restart: Option<Text>,
    #[serde(rename = "SubType")]
    sub_type: Option<String>,
    #[serde(rename = "FixedBuild")]
    fixed_build: Option<String>,
    #[serde(rename = "ProductID")]
    products: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Revision {
    #[serde(rename = "Date")]
    date: Option<String>,
}

/// A number or a text with a number; anything else is text that is no score.
fn number(value: Option<Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
    }
}

impl From<JsonVulnerability> for Vulnerability {
    fn from(found: JsonVulnerability) -> Self {
        let severities = found.threats.into_iter().flatten();
        let scores = found.score_sets.into_iter().flatten();
        let fixes = found.remediations.into_iter().flatten();
        let revisions = found.revisions.into_iter().flatten();
        Self {
            title: Text::of(found.title),
            id: found.cve.unwrap_or_default(),
            severities: severities
                .filter(|threat| threat.kind == Some(SEVERITY))
                .map(|threat| Severities {
                    word: Text::of(threat.description),
                    products: threat.products.unwrap_or_default(),
                })
                .collect(),
            scores: scores
                .map(|set| Score {
                    base: number(set.base),
                    temporal: number(set.temporal),
                    products: set.products.unwrap_or_default(),
                })
                .collect(),
            fixes: fixes
                .filter(|fix| fix.kind == Some(VENDOR_FIX))
                .map(|fix| Fix {
                    description: Text::of(fix.description),
                    supersedes: fix.supersedes.unwrap_or_default(),
                    restart: Text::of(fix.restart),
                    sub_type: fix.sub_type.unwrap_or_default(),
                    fixed_build: fix.fixed_build.unwrap_or_default(),
                    products: fix.products.unwrap_or_default(),
                })
                .collect(),
            revised: revisions.filter_map(|revision| revision.date).collect(),
        }
    }
}
