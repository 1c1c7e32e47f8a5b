//! The standard's mandatory tests (section 6.1), as far as one document alone decides them.
//!
//! A test whose failure means that product data is lacking makes a vulnerability, or the document,
//! unusable ([`Fault`]); any other is a note. The tree's own tests (6.1.1 to 6.1.5) are in `tree`.
//! Not checked: 6.1.11 (needs the list of all CWE names). Of 6.1.12 only the language itself is
//! checked, against ISO 639-1. One note a test: the first place, and how many more.

mod revisions;
mod scores;
mod vulnerability;

use std::collections::{BTreeMap, BTreeSet};

use super::model::{BranchCategory, Document, NoteCategory, PublisherCategory, ReferenceCategory};
use super::purl::Purl;
use super::tree::{Fault, Tree, short};

pub use vulnerability::{references, vulnerability};

/// What the tests found, one note a test.
#[derive(Debug, Default)]
pub struct Notes(BTreeMap<&'static str, (String, u64)>);

impl Notes {
    /// Takes note of a failed test.
    pub fn note(&mut self, test: &'static str, place: &str, why: impl FnOnce() -> String) {
        self.0
            .entry(test)
            .and_modify(|(_, more)| *more += 1)
            .or_insert_with(|| (format!("{place}: {}", why()), 0));
    }

    /// One sentence a test: its number, the first place and why.
    pub fn sentences(self) -> Vec<String> {
        self.0
            .into_iter()
            .map(|(test, (text, more))| match more {
                0 => format!("{test} {text}"),
                _ => format!("{test} {text} (and {more} more)"),
            })
            .collect()
    }
}

/// The profiles that have tests of their own. Source: CSAF 2.0, section 4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Any other category.
    Base,
    /// `csaf_security_incident_response`.
    SecurityIncidentResponse,
    /// `csaf_informational_advisory`.
    InformationalAdvisory,
    /// `csaf_security_advisory`.
    SecurityAdvisory,
    /// `csaf_vex`.
    Vex,
}

/// The profile of a document's category.
pub fn profile(category: &str) -> Profile {
    match category {
        "csaf_security_incident_response" => Profile::SecurityIncidentResponse,
        "csaf_informational_advisory" => Profile::InformationalAdvisory,
        "csaf_security_advisory" => Profile::SecurityAdvisory,
        "csaf_vex" => Profile::Vex,
        _ => Profile::Base,
    }
}

/// What a document has beside its own properties.
#[derive(Debug, Clone, Copy)]
pub struct Has {
    /// Whether there is a product tree.
    pub product_tree: bool,
    /// Whether there are vulnerabilities.
    pub vulnerabilities: bool,
}

/// Tests of the document's properties. Errors: it lacks product data that its profile requires.
pub fn document(document: &Document, has: Has, notes: &mut Notes) -> Result<(), Fault> {
    let profile = profile(&document.category);
    let advises = matches!(profile, Profile::SecurityAdvisory | Profile::Vex);
    let lacks = |test, why: &str| {
        Err(Fault {
            test,
            place: "the document".to_owned(),
            why: format!("{why} is missing in a {}", document.category),
        })
    };
    if advises && !has.product_tree {
        return lacks("6.1.27.4", "the product tree");
    }
    if advises && !has.vulnerabilities {
        return lacks("6.1.27.11", "the list of vulnerabilities");
    }
    let informs = matches!(
        profile,
        Profile::InformationalAdvisory | Profile::SecurityIncidentResponse
    );
    let tells = |category: NoteCategory| match category {
        NoteCategory::Description
        | NoteCategory::Details
        | NoteCategory::General
        | NoteCategory::Summary => true,
        NoteCategory::Faq | NoteCategory::LegalDisclaimer | NoteCategory::Other => false,
    };
    if informs && !document.notes.iter().any(|note| tells(note.category)) {
        notes.note("6.1.27.1", "document/notes", || {
            "no note describes the document".to_owned()
        });
    }
    let external =
        |reference: &super::model::Reference| reference.category == ReferenceCategory::External;
    if informs && !document.references.iter().any(external) {
        notes.note("6.1.27.2", "document/references", || {
            "there is no external reference".to_owned()
        });
    }
    if profile == Profile::InformationalAdvisory && has.vulnerabilities {
        notes.note("6.1.27.3", "vulnerabilities", || {
            "an informational advisory has none".to_owned()
        });
    }
    category(&document.category, notes);
    languages(document, notes);
    revisions::check(&document.tracking, notes);
    Ok(())
}

/// Test 6.1.26: a category that is almost a profile's name.
fn category(category: &str, notes: &mut Notes) {
    const RESERVED: &[&str] = &[
        "csafbase",
        "csafsecurityincidentresponse",
        "csafinformationaladvisory",
        "csafsecurityadvisory",
        "csafvex",
        "securityincidentresponse",
        "informationaladvisory",
        "securityadvisory",
        "vex",
    ];
    if profile(category) != Profile::Base || category == "csaf_base" {
        return;
    }
    let plain: String = category
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_' | '.'))
        .collect::<String>()
        .to_ascii_lowercase();
    if RESERVED.contains(&plain.as_str()) {
        notes.note("6.1.26", "document/category", || {
            format!("`{}` is too like a profile's name", short(category))
        });
    }
}

/// ISO 639-1, all codes.
const LANGUAGES: &str = "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch \
    co cr cs cu cv cy da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he \
    hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv \
    kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny \
    oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su \
    sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu";

/// Tests 6.1.12, 6.1.15 and 6.1.28: languages.
fn languages(document: &Document, notes: &mut Notes) {
    for (place, language) in [
        ("document/lang", &document.lang),
        ("document/source_lang", &document.source_lang),
    ] {
        let Some(language) = language else { continue };
        let first = language
            .split('-')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        if first.len() == 2 && !LANGUAGES.split_whitespace().any(|code| code == first) {
            notes.note("6.1.12", place, || {
                format!("`{}` is no language", short(language))
            });
        }
    }
    let translated = document.publisher.category == PublisherCategory::Translator;
    if translated && document.source_lang.is_none() {
        notes.note("6.1.15", "document/source_lang", || {
            "a translator names the language translated from".to_owned()
        });
    }
    if document.source_lang.is_some() && document.source_lang == document.lang {
        notes.note("6.1.28", "document/source_lang", || {
            "translated into the same language".to_owned()
        });
    }
}

/// Tests of the products: 6.1.13, 6.1.25 and 6.1.31; and definitions that repeat each other.
pub fn products(tree: &Tree<'_>, notes: &mut Notes) {
    if tree.repeated > 0 {
        notes.note("6.1.2", "product_tree", || {
            format!("{} definitions of products are there twice", tree.repeated)
        });
    }
    // In the order of their ids, so that the same document always gives the same notes.
    let mut products: Vec<_> = tree.products().collect();
    products.sort_unstable_by_key(|product| &product.is.product_id);
    for product in products {
        let place = || format!("product `{}`", short(&product.is.product_id));
        let helper = product.is.product_identification_helper.as_ref();
        if let Some(purl) = helper.and_then(|helper| helper.purl.as_deref())
            && Purl::read(purl).is_none()
        {
            notes.note("6.1.13", &place(), || {
                format!("`{}` is no package URL", short(purl))
            });
        }
        for hashes in helper.into_iter().flat_map(|helper| &helper.hashes) {
            let mut seen = BTreeSet::new();
            let twice = hashes
                .file_hashes
                .iter()
                .find(|hash| !seen.insert(&hash.algorithm));
            if let Some(hash) = twice {
                notes.note("6.1.25", &place(), || {
                    format!("two hashes by `{}`", short(&hash.algorithm))
                });
            }
        }
        if let Some((BranchCategory::ProductVersion, name)) = product.branch
            && is_range(name)
        {
            notes.note("6.1.31", &place(), || {
                format!("`{}` is a range and no version", short(name))
            });
        }
    }
}

/// Whether the name of a version says a range. Source: CSAF 2.0, 6.1.31.
fn is_range(name: &str) -> bool {
    const WORDS: &[&str] = &[
        "<", "<=", ">", ">=", "after", "all", "before", "earlier", "later", "prior", "versions",
    ];
    name.starts_with(['<', '>'])
        || name
            .split_whitespace()
            .any(|word| WORDS.contains(&word.to_ascii_lowercase().as_str()))
}
