//! Microsoft's products in CSAF: updates of Windows and other products, packages of Azure Linux.
//!
//! A vendor fix names product, KB (in its address) and build (`10.0.20348.2700:Security Update:…`).
//! It is given for the product as it was before (`<10.0.20348.2700`), whose ids are made per
//! document; the id that stays the same over the years is that of the version with the fix, beside
//! it under the same product name.

use domain::advisory::{AfterInstall, Remedy, RemedyKind, SystemId};
use domain::name::Version;
use domain::package::Kb;

use super::component::{Component, with_epoch};
use super::model::{BranchCategory, RemediationCategory, RestartCategory, Vulnerability};
use super::tree::{Product, Tree};
use crate::fields;

/// Most remedies of one document.
const REMEDIES_MAX: usize = 20_000;

/// The package of Azure Linux that a product is, given its parts from component to platform.
pub fn component(parts: &[&Product<'_>]) -> Option<Component> {
    let [first, .., platform] = parts else {
        return None;
    };
    let (name, release) = platform.is.name.rsplit_once(' ')?;
    let major = release.split('.').next().unwrap_or_default();
    let distribution = match name.trim() {
        "Azure Linux" => "azurelinux",
        "CBL Mariner" | "CBL-Mariner" => "mariner",
        _ => return None,
    };
    // `<azl3 ruby 3.3.5-2`: system, source package, version with release.
    let text = first.is.name.trim_start_matches('<').trim();
    let mut words = text.split_whitespace();
    let (Some(_), Some(package), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return None;
    };
    Some(Component {
        systems: vec![SystemId::new(distribution, major)],
        name: package.parse().ok()?,
        source: true,
        architecture: None,
        version: Some(with_epoch(None, version)?),
        module: None,
        subscription: None,
    })
}

/// Whether a product stands for all versions before its own.
pub fn is_range(product: &Product<'_>) -> bool {
    product.is.name.trim_start().starts_with('<')
        || product
            .branch
            .is_some_and(|(category, _)| category == BranchCategory::ProductVersionRange)
}

/// The updates that a vulnerability's vendor fixes name.
pub fn remedies(vulnerability: &Vulnerability, tree: &Tree<'_>) -> Vec<Remedy> {
    let mut remedies = Vec::new();
    for fix in &vulnerability.remediations {
        if fix.category != RemediationCategory::VendorFix {
            continue;
        }
        let mut parts = fix.details.splitn(3, ':');
        let (build, sub_type, link) = (parts.next(), parts.next(), parts.next());
        let url = fix.url.as_deref().unwrap_or_default();
        let Some(kb) = kb(url).or_else(|| kb(link.unwrap_or_default())) else {
            continue;
        };
        let sub_type = fields::word(sub_type.unwrap_or_default());
        let fixed_build = build.and_then(four_numbers);
        let after = match fix.restart_required.as_ref().map(|r| r.category) {
            Some(RestartCategory::Machine | RestartCategory::System) => AfterInstall::Reboot,
            Some(RestartCategory::None) => AfterInstall::Nothing,
            Some(_) => AfterInstall::Restart,
            None => AfterInstall::Unknown,
        };
        let mut ids: Vec<&str> = tree
            .named(&fix.product_ids, &fix.group_ids)
            .into_iter()
            .collect();
        ids.sort_unstable();
        for id in ids {
            let Some((product_id, product)) = fixed_product(tree, id) else {
                continue;
            };
            if remedies.len() >= REMEDIES_MAX {
                return remedies;
            }
            remedies.push(Remedy {
                kind: kind(&sub_type, &product, fixed_build.as_ref()),
                product_id,
                product,
                kb,
                sub_type: sub_type.clone(),
                fixed_build: fixed_build.clone(),
                replaces: Vec::new(),
                after,
                rating: None,
            });
        }
    }
    remedies
}

/// The lasting id and the name of the product that a range of versions belongs to.
fn fixed_product(tree: &Tree<'_>, id: &str) -> Option<(String, String)> {
    let affected = tree.product(id)?;
    let Some(name) = affected.product_name.filter(|_| is_range(affected)) else {
        let name = affected.product_name.unwrap_or(&affected.is.name);
        return Some((fields::id(id).ok()?.to_owned(), fields::title(name)));
    };
    let range = affected.branch?.1;
    let version = range.trim_start_matches(['<', '=']).trim();
    let mut same: Vec<&str> = tree
        .products()
        .filter(|product| product.product_name == Some(name) && !is_range(product))
        .filter(|product| product.branch.is_some_and(|(_, branch)| branch == version))
        .map(|product| product.is.product_id.as_str())
        .collect();
    same.sort_unstable();
    let lasting = same.first()?;
    Some((fields::id(lasting).ok()?.to_owned(), fields::title(name)))
}

/// The KB of an address: `…?q=KB5044281`, `…/help/5044281`.
fn kb(address: &str) -> Option<Kb> {
    let lower = address.to_ascii_lowercase();
    let after = ["q=kb", "/help/", "/kb/", "/kb"]
        .iter()
        .find_map(|mark| lower.split_once(mark).map(|(_, rest)| rest))?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    if !(6..=7).contains(&digits.len()) {
        return None;
    }
    digits.parse().ok()
}

/// A build of four numbers.
fn four_numbers(text: &str) -> Option<Version> {
    let text = text.trim();
    let numbers = text
        .split('.')
        .filter(|part| part.parse::<u32>().is_ok())
        .count();
    (numbers == 4 && text.split('.').count() == 4).then(|| text.parse().ok())?
}

/// What kind of update: the vendor's word, and for Windows 10 and later (build `10.…`) that a
/// security update is the month's cumulative one.
fn kind(sub_type: &str, product: &str, build: Option<&Version>) -> RemedyKind {
    let word: String = sub_type
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let windows_ten = product.starts_with("Windows ")
        && build.is_some_and(|build| build.as_str().starts_with("10."));
    match word.as_str() {
        word if word.contains("hotpatch") => RemedyKind::Hotpatch,
        word if word.contains("rollup") => RemedyKind::Cumulative,
        word if word.contains("securityonly") => RemedyKind::SecurityOnly,
        word if word.contains("iecumulative") => RemedyKind::BrowserCumulative,
        word if word.contains("servicingstack") => RemedyKind::ServicingStack,
        "securityupdate" | "cumulativeupdate" if windows_ten => RemedyKind::Cumulative,
        _ => RemedyKind::Update,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;

    #[test]
    fn a_kb_is_read_from_each_address() {
        for address in [
            "https://catalog.update.microsoft.com/v7/site/Search.aspx?q=KB5044281",
            "https://support.microsoft.com/help/5044281",
            "https://support.microsoft.com/en-us/kb/5044281",
        ] {
            assert_eq!(kb(address), Some("5044281".parse().unwrap()), "{address}");
        }
        assert_eq!(kb("https://docs.microsoft.com/en-us/DeployEdge/x"), None);
    }

    #[test]
    fn a_build_has_four_numbers() {
        assert!(four_numbers("10.0.20348.2700").is_some());
        for other in ["1.3.195", "3.3.5-2", "a.b.c.d", "1.2.3.4.5", ""] {
            assert!(four_numbers(other).is_none(), "{other}");
        }
    }
}
