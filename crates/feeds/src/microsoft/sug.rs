//! Pages of the Security Update Guide API: vulnerabilities, affected products, deployments,
//! advisories, release notes.
//!
//! The page says in `@odata.context` what its rows are. Rows of affected products and deployments
//! become remedies where they name a KB; a deployment names no CVE, so its advisory is the KB itself.
//! A row that is removed (`isRemoved`) is withdrawn. Errors: no `value`; a row without its number, with
//! the `id` of a row already read, or with a score out of its range is broken.

use std::collections::HashSet;

use domain::advisory::{Advisory, Rating, Remedy};
use domain::feed::Feed;
use domain::severity::{Classification, SeveritySource};
use serde::Deserialize;
use serde_json::Value;

use crate::format::{Parsed, Probe, Record, Sink};
use crate::json::why;
use crate::refusal::Refusal;

use super::index::each_row;
use super::words;

/// What the rows of a page are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rows {
    Vulnerabilities,
    AffectedProducts,
    Deployments,
    Advisories,
    ReleaseNotes,
}

/// Whether it is a page of the API: by its context, or by keys that only its rows have.
pub fn recognise(probe: &Probe<'_>) -> bool {
    probe.is_json() && probe.has_key("value") && rows(&probe.head).is_some()
}

fn rows(head: &str) -> Option<Rows> {
    let context = [
        ("$metadata#vulnerability\"", Rows::Vulnerabilities),
        ("$metadata#affectedProduct\"", Rows::AffectedProducts),
        ("$metadata#deployment\"", Rows::Deployments),
        ("$metadata#advisory\"", Rows::Advisories),
        ("$metadata#releaseNote\"", Rows::ReleaseNotes),
    ];
    context
        .into_iter()
        .find(|(end, _)| head.contains("/sug/") && head.contains(end))
        .map(|(_, rows)| rows)
}

/// Reads a page.
pub fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let rows = rows(&Probe::new(bytes).head).ok_or_else(|| Refusal::Missing {
        place: "@odata.context".to_owned(),
        what: "the name of the rows".to_owned(),
    })?;
    let mut parsed = Parsed::new(Feed::MsrcSug);
    let mut seen = HashSet::new();
    let mut products = HashSet::new();
    each_row(bytes, |place, raw| {
        let row = match serde_json::from_slice::<Row>(raw) {
            Ok(row) => row,
            Err(error) => {
                sink.broken(place, &why(&error));
                return Ok(());
            }
        };
        if let Some(id) = &row.id
            && !seen.insert(id.clone())
        {
            sink.broken(
                place,
                &format!("the row {} was read already", words::line(id)),
            );
            return Ok(());
        }
        match advisory(rows, &row) {
            Ok(advisory) => {
                parsed.records += 1;
                if let Some((id, name)) = row.product()
                    && products.insert(id.clone())
                {
                    sink.record(Record::Product { id, name });
                }
                if let Some(advisory) = advisory {
                    sink.record(Record::Advisory(Box::new(advisory)));
                }
            }
            Err(why) => sink.broken(place, &why),
        }
        Ok(())
    })?;
    Ok(parsed)
}

fn advisory(rows: Rows, row: &Row) -> Result<Option<Advisory>, String> {
    let rating = row.rating()?;
    let id = match rows {
        Rows::Vulnerabilities | Rows::AffectedProducts => {
            words::id("cveNumber", row.cve.as_deref().unwrap_or_default())?
        }
        Rows::Advisories => words::id(
            "advisoryNumber",
            row.advisory_number.as_deref().unwrap_or_default(),
        )?,
        Rows::Deployments => match row.article_name.as_deref().and_then(words::kb) {
            Some(kb) => kb.to_string(),
            // Click-to-Run and the like: a row, and nothing that could be installed by its number.
            None => return Ok(None),
        },
        Rows::ReleaseNotes => return Ok(None),
    };
    let mut advisory = Advisory::new(id.clone());
    match id.parse() {
        Ok(cve) => advisory.cves.push(cve),
        Err(_) if rows == Rows::Deployments => {}
        Err(_) => advisory.aliases.push(id),
    }
    let title = row.title.as_deref().or(row.cve_title.as_deref());
    advisory.title = words::line(title.unwrap_or_default());
    advisory.classification = Some(Classification::Security);
    advisory.rating = rating.clone();
    let instant = |text: &Option<String>| text.as_deref().and_then(words::instant);
    advisory.published = instant(&row.publish_date).or_else(|| instant(&row.release_date));
    advisory.modified = instant(&row.modified_on).or_else(|| instant(&row.latest_revision_date));
    advisory.withdrawn = row.is_removed == Some(true);
    match rows {
        Rows::AffectedProducts => {
            let articles = row.kb_articles.iter().flatten();
            advisory.remedies = articles
                .filter_map(|article| row.remedy(article, rating.clone()))
                .collect();
        }
        Rows::Deployments => {
            let article = Article {
                article_name: row.article_name.clone(),
                download_name: row.download_name.clone(),
                supercedence: row.supercedence.clone(),
                reboot_required: row.reboot_required.clone(),
                fixed_build_number: row.fixed_build_number.clone(),
            };
            advisory.remedies = row.remedy(&article, rating).into_iter().collect();
        }
        Rows::Vulnerabilities | Rows::Advisories | Rows::ReleaseNotes => {}
    }
    if let Some(after) = advisory.remedies.iter().map(|remedy| remedy.after).max() {
        advisory.after = after;
    }
    Ok(Some(advisory))
}

/// A row of any kind; what the others do not have is absent.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: Option<String>,
    #[serde(rename = "cveNumber")]
    cve: Option<String>,
    cve_title: Option<String>,
    advisory_number: Option<String>,
    title: Option<String>,
    base_score: Option<Value>,
    temporal_score: Option<Value>,
    severity: Option<String>,
    publish_date: Option<String>,
    release_date: Option<String>,
    modified_on: Option<String>,
    latest_revision_date: Option<String>,
    is_removed: Option<bool>,
    product: Option<String>,
    product_id: Option<Value>,
    kb_articles: Option<Vec<Article>>,
    article_name: Option<String>,
    download_name: Option<String>,
    supercedence: Option<String>,
    reboot_required: Option<String>,
    fixed_build_number: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Article {
    article_name: Option<String>,
    download_name: Option<String>,
    supercedence: Option<String>,
    reboot_required: Option<String>,
    fixed_build_number: Option<String>,
}

impl Row {
    fn product(&self) -> Option<(String, String)> {
        let id = text_of(self.product_id.as_ref());
        let id = words::id("product id", &id).ok()?;
        let name = words::line(self.product.as_deref()?);
        (!name.is_empty()).then_some((id, name))
    }

    fn remedy(&self, article: &Article, rating: Option<Rating>) -> Option<Remedy> {
        let kb = words::kb(article.article_name.as_deref()?)?;
        let (product_id, product) = self.product()?;
        let sub_type = article.download_name.as_deref().unwrap_or_default();
        let build = article.fixed_build_number.as_deref().unwrap_or_default();
        let supersedes = article.supercedence.as_deref().unwrap_or_default();
        Some(Remedy {
            kb,
            kind: words::kind(sub_type, &product, build),
            sub_type: words::line(sub_type),
            fixed_build: words::build(build),
            replaces: words::replaced(supersedes).0,
            after: words::after(article.reboot_required.as_deref().unwrap_or_default()),
            rating,
            product_id,
            product,
        })
    }

    fn rating(&self) -> Result<Option<Rating>, String> {
        words::score(&text_of(self.temporal_score.as_ref()))?;
        let tenths = words::score(&text_of(self.base_score.as_ref()))?;
        let word = self.severity.as_deref().unwrap_or_default();
        let rating = match (words::severity(word), tenths) {
            (Some(severity), cvss_tenths) => Some(Rating {
                severity,
                source: SeveritySource::Vendor,
                word: words::line(word),
                cvss_tenths,
            }),
            (None, Some(tenths)) => Some(Rating {
                severity: words::derived(tenths),
                source: SeveritySource::Derived,
                word: format!("CVSS {}.{}", tenths / 10, tenths % 10),
                cvss_tenths: Some(tenths),
            }),
            (None, None) => None,
        };
        Ok(rating)
    }
}

/// A number or a text; anything else is given as it stands, and is then no number.
fn text_of(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) if text == "N/A" => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
