//! A month document's vulnerability as both forms give it, and the advisory that becomes of it.
//!
//! XML and JSON differ in names and enumerations only; both fill [`Vulnerability`], so that the rules
//! stand once. A vulnerability without an id, with an id already read, or with a score out of its
//! range is broken. What the vendor leaves empty stays unknown. That something is exploited or was
//! disclosed is said by other catalogues and not taken from here.

use std::collections::{BTreeMap, HashSet};

use domain::advisory::{Advisory, AfterInstall, Rating, Remedy};
use domain::feed::Feed;
use domain::severity::{Classification, Severity, SeveritySource};

use crate::format::{Parsed, RECORDS_MAX, Record, Sink};
use crate::refusal::Refusal;

use super::{azure_linux, words};

/// Most products of one document; the largest sample has 705.
const PRODUCTS_MAX: usize = 100_000;

/// A vulnerability as the document spells it; absent fields are empty.
#[derive(Debug, Default)]
pub struct Vulnerability {
    pub title: String,
    pub id: String,
    pub severities: Vec<Severities>,
    pub scores: Vec<Score>,
    pub fixes: Vec<Fix>,
    /// Dates of its revisions.
    pub revised: Vec<String>,
}

/// The vendor's word for some products; no products: for all.
#[derive(Debug, Default)]
pub struct Severities {
    pub word: String,
    pub products: Vec<String>,
}

/// A CVSS score set.
#[derive(Debug, Default)]
pub struct Score {
    pub base: String,
    pub temporal: String,
    pub products: Vec<String>,
}

/// A remediation of the type "Vendor Fix".
#[derive(Debug, Default)]
pub struct Fix {
    pub description: String,
    pub supersedes: String,
    pub restart: String,
    pub sub_type: String,
    pub fixed_build: String,
    pub products: Vec<String>,
}

/// One document while it is read.
pub struct Month<'s> {
    sink: &'s mut dyn Sink,
    parsed: Parsed,
    products: BTreeMap<String, Product>,
    seen: HashSet<String>,
    entries: u64,
    odd_builds: u64,
    odd_replaced: u64,
    unnamed_products: u64,
}

struct Product {
    name: String,
    azure_linux: Option<azure_linux::Product>,
}

impl<'s> Month<'s> {
    pub fn new(sink: &'s mut dyn Sink) -> Self {
        Self {
            sink,
            parsed: Parsed::new(Feed::MsrcCvrf),
            products: BTreeMap::new(),
            seen: HashSet::new(),
            entries: 0,
            odd_builds: 0,
            odd_replaced: 0,
            unnamed_products: 0,
        }
    }

    /// Takes the document's own id and date.
    pub fn tracking(&mut self, id: &str, current: &str) -> Result<(), Refusal> {
        let invalid = |why| Refusal::Invalid {
            place: "DocumentTracking".to_owned(),
            why,
        };
        if !id.trim().is_empty() {
            self.parsed.document = Some(words::id("document's id", id).map_err(invalid)?);
        }
        self.parsed.dated = words::instant(current);
        Ok(())
    }

    /// Takes a product's name; the same product may come again, the first name counts.
    pub fn product(&mut self, id: &str, name: &str) -> Result<(), Refusal> {
        let id = match words::id("product id", id) {
            Ok(id) => id,
            Err(why) => {
                self.sink.broken("ProductTree", &why);
                return Ok(());
            }
        };
        let name = words::line(name);
        if name.is_empty() || self.products.contains_key(&id) {
            return Ok(());
        }
        if self.products.len() >= PRODUCTS_MAX {
            return Err(Refusal::TooMany {
                what: "products",
                limit: PRODUCTS_MAX as u64,
            });
        }
        self.sink.record(Record::Product {
            id: id.clone(),
            name: name.clone(),
        });
        let azure_linux = azure_linux::product(&name);
        self.products.insert(id, Product { name, azure_linux });
        Ok(())
    }

    /// Takes one vulnerability; `place` says where it stands for one without an id.
    pub fn vulnerability(&mut self, place: &str, found: &Vulnerability) -> Result<(), Refusal> {
        self.count()?;
        match self.advisory(found) {
            Ok(advisory) => {
                self.parsed.records += 1;
                self.sink.record(Record::Advisory(Box::new(advisory)));
            }
            Err(why) => {
                let id = words::line(&found.id);
                let place = if id.is_empty() { place } else { &id };
                self.sink.broken(place, &why);
            }
        }
        Ok(())
    }

    /// Takes note of a vulnerability that could not be decoded at all.
    pub fn broken(&mut self, place: &str, why: &str) -> Result<(), Refusal> {
        self.count()?;
        self.sink.broken(place, why);
        Ok(())
    }

    fn count(&mut self) -> Result<(), Refusal> {
        self.entries += 1;
        if self.entries > RECORDS_MAX {
            return Err(Refusal::TooMany {
                what: "vulnerabilities",
                limit: RECORDS_MAX,
            });
        }
        Ok(())
    }

    /// The whole document was read.
    pub fn finish(mut self) -> Result<Parsed, Refusal> {
        if self.parsed.document.is_none() {
            return Err(Refusal::Missing {
                place: "DocumentTracking".to_owned(),
                what: "the document's id".to_owned(),
            });
        }
        let mut note = |count: u64, what: &str| {
            if count > 0 {
                self.parsed.notes.push(format!("{count} {what}"));
            }
        };
        note(
            self.odd_builds,
            "fixed builds are not four numbers and are taken as absent",
        );
        note(
            self.odd_replaced,
            "superseded updates are named by something else than a KB and are left out",
        );
        note(
            self.unnamed_products,
            "remedies are for products that the document does not name",
        );
        Ok(self.parsed)
    }

    fn advisory(&mut self, found: &Vulnerability) -> Result<Advisory, String> {
        let id = words::id("CVE field", &found.id)?;
        if !self.seen.insert(id.clone()) {
            return Err("this id was read already in this document".to_owned());
        }
        let ratings = Ratings::of(found)?;
        let mut advisory = Advisory::new(id.clone());
        match id.parse() {
            Ok(cve) => advisory.cves.push(cve),
            // ADV220002, CVE-2022-2601-M: ids of Microsoft's own.
            Err(_) => advisory.aliases.push(id),
        }
        advisory.title = words::line(&found.title);
        advisory.classification = Some(Classification::Security);
        advisory.rating = ratings.highest();
        let dates = || found.revised.iter().filter_map(|date| words::instant(date));
        advisory.published = dates().min();
        advisory.modified = dates().max();
        for fix in &found.fixes {
            self.fix(fix, &ratings, &mut advisory);
        }
        advisory.after = advisory
            .remedies
            .iter()
            .map(|remedy| remedy.after)
            .max()
            .unwrap_or(AfterInstall::Unknown);
        Ok(advisory)
    }

    fn fix(&mut self, fix: &Fix, ratings: &Ratings, advisory: &mut Advisory) {
        let Some(kb) = words::kb(&fix.description) else {
            self.azure_linux(fix, advisory);
            return;
        };
        let fixed_build = words::build(&fix.fixed_build);
        if fixed_build.is_none() && !fix.fixed_build.trim().is_empty() {
            self.odd_builds += 1;
        }
        let (replaces, odd) = words::replaced(&fix.supersedes);
        self.odd_replaced += odd;
        for product_id in &fix.products {
            let Ok(product_id) = words::id("product id", product_id) else {
                self.unnamed_products += 1;
                continue;
            };
            let product = match self.products.get(&product_id) {
                Some(product) => product.name.clone(),
                None => {
                    self.unnamed_products += 1;
                    format!("product {product_id}")
                }
            };
            let remedy = Remedy {
                kb,
                kind: words::kind(&fix.sub_type, &product, &fix.fixed_build),
                sub_type: words::line(&fix.sub_type),
                fixed_build: fixed_build.clone(),
                replaces: replaces.clone(),
                after: words::after(&fix.restart),
                rating: ratings.of_product(&product_id),
                product_id,
                product,
            };
            // Documents repeat a remediation for each of its addresses.
            if !advisory.remedies.contains(&remedy) {
                advisory.remedies.push(remedy);
            }
        }
    }

    fn azure_linux(&mut self, fix: &Fix, advisory: &mut Advisory) {
        for product_id in &fix.products {
            let product = self.products.get(product_id.trim());
            let Some(product) = product.and_then(|product| product.azure_linux.as_ref()) else {
                continue;
            };
            let statement = azure_linux::statement(product, &fix.description, &fix.fixed_build);
            if let Some(statement) = statement
                && !advisory.statements.contains(&statement)
            {
                advisory.statements.push(statement);
            }
        }
    }
}

/// What one vulnerability's ratings are, for all products and for each.
#[derive(Default)]
struct Ratings {
    for_all: Rated,
    of_product: BTreeMap<String, Rated>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Rated {
    severity: Option<Severity>,
    tenths: Option<u8>,
}

impl Rated {
    fn with(self, other: Self) -> Self {
        Self {
            severity: self.severity.max(other.severity),
            tenths: self.tenths.max(other.tenths),
        }
    }

    /// The vendor's step, else the one of the score, marked as derived.
    fn rating(self) -> Option<Rating> {
        if let Some(severity) = self.severity {
            let mut word = severity.word().to_owned();
            if let Some(first) = word.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            return Some(Rating {
                severity,
                source: SeveritySource::Vendor,
                word,
                cvss_tenths: self.tenths,
            });
        }
        self.tenths.map(|tenths| Rating {
            severity: words::derived(tenths),
            source: SeveritySource::Derived,
            word: format!("CVSS {}.{}", tenths / 10, tenths % 10),
            cvss_tenths: Some(tenths),
        })
    }
}

impl Ratings {
    /// Checks every score and collects the highest. Errors: a score out of its range.
    fn of(found: &Vulnerability) -> Result<Self, String> {
        let mut ratings = Self::default();
        for severities in &found.severities {
            let rated = Rated {
                severity: words::severity(&severities.word),
                tenths: None,
            };
            ratings.add(rated, &severities.products);
        }
        for score in &found.scores {
            words::score(&score.temporal)?;
            let rated = Rated {
                severity: None,
                tenths: words::score(&score.base)?,
            };
            ratings.add(rated, &score.products);
        }
        Ok(ratings)
    }

    fn add(&mut self, rated: Rated, products: &[String]) {
        if products.is_empty() {
            self.for_all = self.for_all.with(rated);
        }
        for product in products {
            let entry = self
                .of_product
                .entry(product.trim().to_owned())
                .or_default();
            *entry = entry.with(rated);
        }
    }

    fn of_product(&self, product_id: &str) -> Option<Rating> {
        let own = self.of_product.get(product_id).copied().unwrap_or_default();
        own.with(self.for_all).rating()
    }

    fn highest(&self) -> Option<Rating> {
        self.of_product
            .values()
            .fold(self.for_all, |highest, rated| highest.with(*rated))
            .rating()
    }
}
