//! The parts of a CSAF 2.0 document that are read, in the standard's own names.
//!
//! Reading into these types is the check of the schema: what is required is no `Option`, words of
//! the standard are enums. Members that nothing here uses are passed over. Source: CSAF 2.0, OASIS,
//! section 3.

use serde::Deserialize;

/// The document's own properties.
#[derive(Debug, Deserialize)]
pub struct Document {
    pub category: String,
    pub csaf_version: String,
    pub title: String,
    pub publisher: Publisher,
    pub tracking: Tracking,
    pub aggregate_severity: Option<AggregateSeverity>,
    pub lang: Option<String>,
    pub source_lang: Option<String>,
    #[serde(default)]
    pub notes: Vec<Note>,
    #[serde(default)]
    pub references: Vec<Reference>,
}

#[derive(Debug, Deserialize)]
pub struct Publisher {
    pub category: PublisherCategory,
    pub name: String,
    pub namespace: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PublisherCategory {
    Coordinator,
    Discoverer,
    Other,
    Translator,
    User,
    Vendor,
}

#[derive(Debug, Deserialize)]
pub struct AggregateSeverity {
    pub text: String,
}

#[derive(Debug, Deserialize)]
pub struct Tracking {
    pub id: String,
    pub current_release_date: String,
    pub initial_release_date: String,
    pub revision_history: Vec<Revision>,
    pub status: TrackingStatus,
    pub version: String,
    #[serde(default)]
    pub aliases: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrackingStatus {
    Draft,
    Final,
    Interim,
}

#[derive(Debug, Deserialize)]
pub struct Revision {
    pub date: String,
    pub number: String,
    #[expect(dead_code, reason = "the schema requires it")]
    pub summary: String,
}

#[derive(Debug, Deserialize)]
pub struct Note {
    pub category: NoteCategory,
    #[expect(dead_code, reason = "the schema requires it")]
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteCategory {
    Description,
    Details,
    Faq,
    General,
    LegalDisclaimer,
    Other,
    Summary,
}

#[derive(Debug, Deserialize)]
pub struct Reference {
    #[serde(default)]
    pub category: ReferenceCategory,
    #[expect(dead_code, reason = "the schema requires it")]
    pub summary: String,
    #[expect(dead_code, reason = "the schema requires it")]
    pub url: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceCategory {
    #[default]
    External,
    #[serde(rename = "self")]
    Itself,
}

/// The tree of products.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ProductTree {
    pub branches: Vec<Branch>,
    pub full_product_names: Vec<FullProductName>,
    pub product_groups: Vec<ProductGroup>,
    pub relationships: Vec<Relationship>,
}

#[derive(Debug, Deserialize)]
pub struct Branch {
    pub category: BranchCategory,
    pub name: String,
    #[serde(default)]
    pub branches: Vec<Branch>,
    pub product: Option<FullProductName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BranchCategory {
    Architecture,
    HostName,
    Language,
    Legacy,
    PatchLevel,
    ProductFamily,
    ProductName,
    ProductVersion,
    ProductVersionRange,
    ServicePack,
    Specification,
    Vendor,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FullProductName {
    pub name: String,
    pub product_id: String,
    pub product_identification_helper: Option<Helper>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Helper {
    pub cpe: Option<String>,
    pub purl: Option<String>,
    pub hashes: Vec<Hashes>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Hashes {
    pub file_hashes: Vec<FileHash>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FileHash {
    pub algorithm: String,
}

#[derive(Debug, Deserialize)]
pub struct ProductGroup {
    pub group_id: String,
    pub product_ids: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub struct Relationship {
    #[expect(dead_code, reason = "the schema requires one of its words")]
    pub category: RelationshipCategory,
    pub full_product_name: FullProductName,
    pub product_reference: String,
    pub relates_to_product_reference: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelationshipCategory {
    DefaultComponentOf,
    ExternalComponentOf,
    InstalledOn,
    InstalledWith,
    OptionalComponentOf,
}

/// One vulnerability.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Vulnerability {
    pub cve: Option<String>,
    pub cwe: Option<Cwe>,
    pub ids: Vec<OtherId>,
    pub flags: Vec<Flag>,
    pub involvements: Vec<Involvement>,
    pub notes: Vec<Note>,
    pub product_status: Option<ProductStatus>,
    pub release_date: Option<String>,
    pub discovery_date: Option<String>,
    pub remediations: Vec<Remediation>,
    pub scores: Vec<Score>,
    pub threats: Vec<Threat>,
    pub title: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Cwe {
    pub id: String,
    #[expect(dead_code, reason = "the schema requires it")]
    pub name: String,
}

#[derive(Debug, Deserialize)]
pub struct OtherId {
    #[expect(dead_code, reason = "the schema requires it")]
    pub system_name: String,
    pub text: String,
}

#[derive(Debug, Deserialize)]
pub struct Flag {
    pub label: FlagLabel,
    pub date: Option<String>,
    #[serde(default)]
    pub group_ids: Vec<String>,
    #[serde(default)]
    pub product_ids: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlagLabel {
    ComponentNotPresent,
    InlineMitigationsAlreadyExist,
    VulnerableCodeCannotBeControlledByAdversary,
    VulnerableCodeNotInExecutePath,
    VulnerableCodeNotPresent,
}

impl FlagLabel {
    /// The standard's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::ComponentNotPresent => "component_not_present",
            Self::InlineMitigationsAlreadyExist => "inline_mitigations_already_exist",
            Self::VulnerableCodeCannotBeControlledByAdversary => {
                "vulnerable_code_cannot_be_controlled_by_adversary"
            }
            Self::VulnerableCodeNotInExecutePath => "vulnerable_code_not_in_execute_path",
            Self::VulnerableCodeNotPresent => "vulnerable_code_not_present",
        }
    }
}

#[derive(Debug, Deserialize)]
pub struct Involvement {
    pub party: PublisherLike,
    #[expect(dead_code, reason = "the schema requires it")]
    pub status: String,
    pub date: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PublisherLike {
    Coordinator,
    Discoverer,
    Other,
    User,
    Vendor,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ProductStatus {
    pub first_affected: Vec<String>,
    pub first_fixed: Vec<String>,
    pub fixed: Vec<String>,
    pub known_affected: Vec<String>,
    pub known_not_affected: Vec<String>,
    pub last_affected: Vec<String>,
    pub recommended: Vec<String>,
    pub under_investigation: Vec<String>,
}

impl ProductStatus {
    /// All references to products.
    pub fn all(&self) -> impl Iterator<Item = &String> {
        [
            &self.first_affected,
            &self.first_fixed,
            &self.fixed,
            &self.known_affected,
            &self.known_not_affected,
            &self.last_affected,
            &self.recommended,
            &self.under_investigation,
        ]
        .into_iter()
        .flatten()
    }
}

#[derive(Debug, Deserialize)]
pub struct Remediation {
    pub category: RemediationCategory,
    pub details: String,
    pub date: Option<String>,
    #[serde(default)]
    pub group_ids: Vec<String>,
    #[serde(default)]
    pub product_ids: Vec<String>,
    pub restart_required: Option<Restart>,
    pub url: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemediationCategory {
    Mitigation,
    NoFixPlanned,
    NoneAvailable,
    VendorFix,
    Workaround,
}

#[derive(Debug, Deserialize)]
pub struct Restart {
    pub category: RestartCategory,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestartCategory {
    Connected,
    Dependencies,
    Machine,
    None,
    Parent,
    Service,
    System,
    VulnerableComponent,
    Zone,
}

#[derive(Debug, Deserialize)]
pub struct Score {
    pub products: Vec<String>,
    pub cvss_v2: Option<CvssV2>,
    pub cvss_v3: Option<CvssV3>,
}

/// Required by FIRST's schema for CVSS 2.0.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CvssV2 {
    pub version: String,
    pub vector_string: String,
    pub base_score: f64,
}

/// Required by FIRST's schemas for CVSS 3.0 and 3.1.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CvssV3 {
    pub version: String,
    pub vector_string: String,
    pub base_score: f64,
    pub base_severity: BaseSeverity,
    #[serde(flatten)]
    pub metrics: Metrics,
}

/// The metrics beside the vector, where a document repeats them.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metrics {
    pub attack_vector: Option<String>,
    pub attack_complexity: Option<String>,
    pub privileges_required: Option<String>,
    pub user_interaction: Option<String>,
    pub scope: Option<String>,
    pub confidentiality_impact: Option<String>,
    pub integrity_impact: Option<String>,
    pub availability_impact: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum BaseSeverity {
    None,
    Low,
    Medium,
    High,
    Critical,
}

#[derive(Debug, Deserialize)]
pub struct Threat {
    pub category: ThreatCategory,
    pub details: String,
    pub date: Option<String>,
    #[serde(default)]
    pub group_ids: Vec<String>,
    #[serde(default)]
    pub product_ids: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThreatCategory {
    ExploitStatus,
    Impact,
    TargetSet,
}
