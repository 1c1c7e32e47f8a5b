//! CVRF 1.1 and 1.2 of any provider but Microsoft.
//!
//! CVRF is the ancestor of CSAF: a document is put into CSAF's words and read by the same rules, so
//! that its products, statuses and contradictions mean the same. SUSE's products are packages of a
//! service pack without an architecture, Red Hat's are source packages; of other providers no
//! statements are made. Records are vulnerabilities. Errors: a document without id, dates or
//! defined products is refused; a vulnerability with a score out of its range is broken.
//! Sources: CVRF 1.1, ICASI; CSAF CVRF 1.2, OASIS.

mod node;

use domain::feed::Feed;

use crate::csaf::Reading;
use crate::csaf::model::{
    AggregateSeverity, BaseSeverity, Branch, BranchCategory, CvssV2, CvssV3, Document,
    FullProductName, Helper, Metrics, OtherId, ProductGroup, ProductStatus, ProductTree, Publisher,
    PublisherCategory, Relationship, RelationshipCategory, Remediation, RemediationCategory, Score,
    Threat, ThreatCategory, Tracking, TrackingStatus, Vulnerability,
};
use crate::csaf::rating::tenths;
use crate::csaf::tree::{Tree, short};
use crate::csaf::{refused, rules};
use crate::format::{Format, Parsed, Probe, RECORDS_MAX, Sink};
use crate::refusal::Refusal;
use crate::xml::{Event, Xml};
use node::Node;

/// The forms read here.
pub const FORMATS: &[Format] = &[Format {
    name: "cvrf",
    recognise,
    parse,
}];

fn recognise(probe: &Probe<'_>) -> bool {
    let root = |mark: &str| probe.head.contains(mark);
    probe.is_xml() && (root("<cvrfdoc") || root(":cvrfdoc")) && !root("<xs:schema")
}

/// The parts of a document, in CSAF's words.
struct Read {
    document: Document,
    tree: ProductTree,
    vulnerabilities: Vec<Result<Vulnerability, (String, String)>>,
    feed: Feed,
}

fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let read = read(bytes)?;
    let tree = Tree::new(&read.tree).map_err(|fault| refused(&fault))?;
    let notes = rules::Notes::default();
    let mut reading = Reading::new(&read.document, &tree, read.feed, notes)?;
    for (number, vulnerability) in read.vulnerabilities.iter().enumerate() {
        match vulnerability {
            Ok(vulnerability) => {
                let id = vulnerability.cve.as_deref().unwrap_or_default();
                let place = format!("Vulnerability {} {}", number + 1, short(id));
                let place = place.trim_end();
                let tested = rules::references(vulnerability, &tree, place);
                reading.judge(vulnerability, tested, place);
            }
            Err((place, why)) => reading.broken(place.clone(), why.clone()),
        }
    }
    reading.finish(sink)
}

fn read(bytes: &[u8]) -> Result<Read, Refusal> {
    let mut xml = Xml::new(bytes)?;
    let mut document = Node::default();
    let mut tree = ProductTree::default();
    let mut vulnerabilities = Vec::new();
    let mut root = false;
    loop {
        match xml.next()? {
            Event::Start(element) if !root => {
                if element.name() != "cvrfdoc" {
                    return Err(Refusal::Invalid {
                        place: xml.place(),
                        why: "the document is no `cvrfdoc`".to_owned(),
                    });
                }
                root = true;
            }
            Event::Start(element) => match element.name() {
                "ProductTree" => product_tree(&Node::read(&element, &mut xml)?, &mut tree)?,
                "Vulnerability" => {
                    if vulnerabilities.len() as u64 >= RECORDS_MAX {
                        return Err(Refusal::TooMany {
                            what: "vulnerabilities",
                            limit: RECORDS_MAX,
                        });
                    }
                    let node = Node::read(&element, &mut xml)?;
                    let place = format!("Vulnerability {}", vulnerabilities.len() + 1);
                    vulnerabilities.push(vulnerability(&node).map_err(|why| (place, why)));
                }
                "DocumentTitle" | "DocumentPublisher" | "DocumentTracking"
                | "AggregateSeverity" | "DocumentType" => {
                    document.children.push(Node::read(&element, &mut xml)?);
                }
                _ => xml.skip()?,
            },
            Event::End | Event::Text(_) => {}
            Event::Done => break,
        }
    }
    let feed = feed(&document);
    Ok(Read {
        document: head(&document)?,
        tree,
        vulnerabilities,
        feed,
    })
}

/// Whose: told from the publisher's own words.
fn feed(document: &Node) -> Feed {
    let publisher = document.child("DocumentPublisher");
    let says = |name| publisher.and_then(|p| p.text_of(name)).unwrap_or_default();
    let suse =
        says("ContactDetails").contains("@suse.") || says("IssuingAuthority").contains("SUSE");
    if suse { Feed::SuseCvrf } else { Feed::Cvrf }
}

/// The document's own properties. Errors: tracking data that is missing.
fn head(document: &Node) -> Result<Document, Refusal> {
    let missing = |what: &str| Refusal::Missing {
        place: "DocumentTracking".to_owned(),
        what: format!("`{what}`"),
    };
    let tracking = document.child("DocumentTracking");
    let tracking = tracking.ok_or_else(|| missing("DocumentTracking"))?;
    let required = |name: &str| {
        let text = tracking.text_of(name).ok_or_else(|| missing(name))?;
        Ok::<_, Refusal>(text.to_owned())
    };
    let identification = tracking.child("Identification");
    let id = identification.and_then(|node| node.text_of("ID"));
    let aliases = identification
        .into_iter()
        .flat_map(|node| node.all("Alias"));
    let status = match tracking.text_of("Status") {
        Some("Draft") => TrackingStatus::Draft,
        Some("Interim") => TrackingStatus::Interim,
        _ => TrackingStatus::Final,
    };
    let severity = document.text_of("AggregateSeverity");
    Ok(Document {
        category: "cvrf".to_owned(),
        csaf_version: String::new(),
        title: document
            .text_of("DocumentTitle")
            .unwrap_or_default()
            .to_owned(),
        publisher: Publisher {
            category: PublisherCategory::Vendor,
            name: String::new(),
            namespace: String::new(),
        },
        tracking: Tracking {
            id: id.ok_or_else(|| missing("ID"))?.to_owned(),
            current_release_date: required("CurrentReleaseDate")?,
            initial_release_date: required("InitialReleaseDate")?,
            revision_history: Vec::new(),
            status,
            version: required("Version")?,
            aliases: aliases.map(|alias| alias.text.clone()).collect(),
        },
        aggregate_severity: severity.map(|text| AggregateSeverity {
            text: text.to_owned(),
        }),
        lang: None,
        source_lang: None,
        notes: Vec::new(),
        references: Vec::new(),
    })
}

fn product_tree(node: &Node, tree: &mut ProductTree) -> Result<(), Refusal> {
    for child in &node.children {
        match child.name.as_str() {
            "Branch" => tree.branches.push(branch(child)?),
            "FullProductName" => tree.full_product_names.push(full_product_name(child)?),
            "Relationship" => {
                let name = child.child("FullProductName").ok_or_else(|| lacks(child))?;
                let reference = |name| child.attribute(name).ok_or_else(|| lacks(child));
                tree.relationships.push(Relationship {
                    category: RelationshipCategory::DefaultComponentOf,
                    full_product_name: full_product_name(name)?,
                    product_reference: reference("ProductReference")?.to_owned(),
                    relates_to_product_reference: reference("RelatesToProductReference")?
                        .to_owned(),
                });
            }
            "ProductGroups" => {
                for group in child.all("Group") {
                    let id = group.attribute("GroupID").ok_or_else(|| lacks(group))?;
                    tree.product_groups.push(ProductGroup {
                        group_id: id.to_owned(),
                        product_ids: product_ids(group),
                    });
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn lacks(node: &Node) -> Refusal {
    Refusal::Missing {
        place: "ProductTree".to_owned(),
        what: format!("a reference or id of a `{}`", short(&node.name)),
    }
}

/// Nesting is bounded by the reader of the XML.
fn branch(node: &Node) -> Result<Branch, Refusal> {
    let category = match node.attribute("Type").unwrap_or_default() {
        "Vendor" => BranchCategory::Vendor,
        "Product Family" => BranchCategory::ProductFamily,
        "Product Name" => BranchCategory::ProductName,
        "Product Version" => BranchCategory::ProductVersion,
        "Patch Level" => BranchCategory::PatchLevel,
        "Service Pack" => BranchCategory::ServicePack,
        "Architecture" => BranchCategory::Architecture,
        "Language" => BranchCategory::Language,
        "Specification" => BranchCategory::Specification,
        _ => BranchCategory::Legacy,
    };
    let mut branches = Vec::new();
    for inner in node.all("Branch") {
        branches.push(branch(inner)?);
    }
    let mut names = node.all("FullProductName");
    let product = names.next().map(full_product_name).transpose()?;
    for name in names {
        // A branch of CSAF has one product; further ones get branches of their own.
        branches.push(Branch {
            category,
            name: name.text.clone(),
            branches: Vec::new(),
            product: Some(full_product_name(name)?),
        });
    }
    Ok(Branch {
        category,
        name: node.attribute("Name").unwrap_or_default().to_owned(),
        branches,
        product,
    })
}

fn full_product_name(node: &Node) -> Result<FullProductName, Refusal> {
    let id = node.attribute("ProductID").ok_or_else(|| lacks(node))?;
    let cpe = node.attribute("CPE").map(str::to_owned);
    Ok(FullProductName {
        name: node.text.clone(),
        product_id: id.to_owned(),
        product_identification_helper: cpe.map(|cpe| Helper {
            cpe: Some(cpe),
            ..Helper::default()
        }),
    })
}

fn product_ids(node: &Node) -> Vec<String> {
    node.all("ProductID").map(|id| id.text.clone()).collect()
}

fn group_ids(node: &Node) -> Vec<String> {
    node.all("GroupID").map(|id| id.text.clone()).collect()
}

/// One vulnerability in CSAF's words. Errors: why it is broken.
fn vulnerability(node: &Node) -> Result<Vulnerability, String> {
    let mut read = Vulnerability {
        cve: node.text_of("CVE").map(str::to_owned),
        title: node.text_of("Title").map(str::to_owned),
        release_date: node.text_of("ReleaseDate").map(str::to_owned),
        product_status: node.child("ProductStatuses").map(statuses).transpose()?,
        ..Vulnerability::default()
    };
    if let Some(id) = node.text_of("ID") {
        read.ids.push(OtherId {
            system_name: String::new(),
            text: id.to_owned(),
        });
    }
    for threat in node
        .child("Threats")
        .into_iter()
        .flat_map(|t| t.all("Threat"))
    {
        let category = match threat.attribute("Type") {
            Some("Impact") => ThreatCategory::Impact,
            Some("Exploit Status") => ThreatCategory::ExploitStatus,
            _ => ThreatCategory::TargetSet,
        };
        read.threats.push(Threat {
            category,
            details: threat.text_of("Description").unwrap_or_default().to_owned(),
            date: None,
            group_ids: group_ids(threat),
            product_ids: product_ids(threat),
        });
    }
    let remediations = node.child("Remediations").into_iter();
    for remediation in remediations.flat_map(|r| r.all("Remediation")) {
        let category = match remediation.attribute("Type") {
            Some("Vendor Fix") => RemediationCategory::VendorFix,
            Some("None Available") => RemediationCategory::NoneAvailable,
            Some("Will Not Fix") => RemediationCategory::NoFixPlanned,
            Some("Mitigation") => RemediationCategory::Mitigation,
            _ => RemediationCategory::Workaround,
        };
        read.remediations.push(Remediation {
            category,
            details: remediation
                .text_of("Description")
                .unwrap_or_default()
                .to_owned(),
            date: None,
            group_ids: group_ids(remediation),
            product_ids: product_ids(remediation),
            restart_required: None,
            url: remediation.text_of("URL").map(str::to_owned),
        });
    }
    for set in node
        .child("CVSSScoreSets")
        .into_iter()
        .flat_map(|s| &s.children)
    {
        read.scores.extend(score(set)?);
    }
    Ok(read)
}

fn statuses(node: &Node) -> Result<ProductStatus, String> {
    let mut status = ProductStatus::default();
    for list in node.all("Status") {
        let ids = product_ids(list);
        match list.attribute("Type").unwrap_or_default() {
            "First Affected" => status.first_affected.extend(ids),
            "Known Affected" => status.known_affected.extend(ids),
            "Known Not Affected" => status.known_not_affected.extend(ids),
            "First Fixed" => status.first_fixed.extend(ids),
            "Fixed" => status.fixed.extend(ids),
            "Recommended" => status.recommended.extend(ids),
            "Last Affected" => status.last_affected.extend(ids),
            other => return Err(format!("`{}` is no status of products", short(other))),
        }
    }
    Ok(status)
}

/// One set of scores; 1.1 has one form for all versions, 1.2 one for each. Empty sets are none.
fn score(set: &Node) -> Result<Option<Score>, String> {
    let base = ["BaseScore", "BaseScoreV2", "BaseScoreV3"];
    let Some(base) = base.iter().find_map(|name| set.text_of(name)) else {
        return Ok(None);
    };
    let vector = ["Vector", "VectorV2", "VectorV3"];
    let vector = vector.iter().find_map(|name| set.text_of(name));
    let vector_string = vector.unwrap_or_default().to_owned();
    let base_score: f64 = base
        .parse()
        .map_err(|_| format!("`{}` is no base score", short(base)))?;
    if tenths(base_score).is_none() {
        return Err(format!("the base score {base_score} is not 0 to 10"));
    }
    let third = set.name == "ScoreSetV3" || vector_string.starts_with("CVSS:3");
    let mut score = Score {
        products: product_ids(set),
        cvss_v2: None,
        cvss_v3: None,
    };
    if third {
        score.cvss_v3 = Some(CvssV3 {
            version: "3".to_owned(),
            vector_string,
            base_score,
            // CVRF does not say it, and nothing asks for it.
            base_severity: BaseSeverity::None,
            metrics: Metrics::default(),
        });
    } else {
        score.cvss_v2 = Some(CvssV2 {
            version: "2".to_owned(),
            vector_string,
            base_score,
        });
    }
    Ok(Some(score))
}

#[cfg(test)]
mod tests;
