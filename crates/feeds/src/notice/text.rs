//! What a text names: CVEs, KBs, and products under known headings.

use std::collections::BTreeSet;

use domain::cve::CveId;
use domain::package::Kb;

use crate::fields;

/// Most ids of each kind in one text.
const FOUND_MAX: usize = 5_000;
/// Most products of one text.
const PRODUCTS_MAX: usize = 100;
/// Longest name of a product, in characters.
const PRODUCT_CHARACTERS_MAX: usize = 160;

/// What was found, sorted and each once; products in their order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub cves: Vec<CveId>,
    pub kbs: Vec<Kb>,
    pub products: Vec<String>,
}

/// Reads a text.
pub fn find(text: &str) -> Found {
    let plain = without_tags(text);
    Found {
        cves: cves(&plain).into_iter().collect(),
        kbs: kbs(&plain).into_iter().collect(),
        products: products(&plain),
    }
}

fn digits(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|b| !b.is_ascii_digit());
    &bytes[..end.unwrap_or(bytes.len())]
}

fn word_before(bytes: &[u8], at: usize) -> bool {
    at.checked_sub(1)
        .is_some_and(|at| bytes[at].is_ascii_alphanumeric())
}

fn cves(text: &str) -> BTreeSet<CveId> {
    let bytes = text.as_bytes();
    let mut found = BTreeSet::new();
    for at in starts(bytes, b"cve-") {
        let year = digits(&bytes[at + 4..]);
        let rest = at + 4 + year.len();
        if year.len() != 4 || bytes.get(rest) != Some(&b'-') || found.len() >= FOUND_MAX {
            continue;
        }
        let number = digits(&bytes[rest + 1..]);
        let id = [b"CVE-", year, b"-", number].concat();
        let id = std::str::from_utf8(&id)
            .ok()
            .and_then(|id| id.parse::<CveId>().ok());
        found.extend(id);
    }
    found
}

fn kbs(text: &str) -> BTreeSet<Kb> {
    let bytes = text.as_bytes();
    let mut found = BTreeSet::new();
    for at in starts(bytes, b"kb") {
        if word_before(bytes, at) || found.len() >= FOUND_MAX {
            continue;
        }
        let rest = &bytes[at + 2..];
        let rest = rest.strip_prefix(b" ").unwrap_or(rest);
        let number = digits(rest);
        let follows = rest.get(number.len());
        let ends = follows.is_none_or(|b| !b.is_ascii_alphanumeric());
        if !(6..=7).contains(&number.len()) || !ends {
            continue;
        }
        let number = std::str::from_utf8(number)
            .ok()
            .and_then(|n| n.parse::<Kb>().ok());
        found.extend(number);
    }
    found
}

/// Where a word begins, in any case.
fn starts<'a>(bytes: &'a [u8], word: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    bytes
        .windows(word.len())
        .enumerate()
        .filter(move |(_, window)| window.eq_ignore_ascii_case(word))
        .map(|(at, _)| at)
}

/// Headings behind which products stand: of Debian's, SUSE's, Ubuntu's and Microsoft's mails.
const HEADINGS: &[&str] = &[
    "package",
    "packages",
    "product",
    "products",
    "affected product",
    "affected products",
    "affected software",
    "affected package",
    "affected packages",
    "affected releases",
    "products affected",
    "product family",
];

/// Products: what follows a heading on its line, or the lines below it up to an empty one.
fn products(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some((heading, rest)) = line.split_once(':') else {
            continue;
        };
        let heading = heading
            .trim()
            .trim_matches(['*', '#', ' '])
            .to_ascii_lowercase();
        if !HEADINGS.contains(&heading.as_str()) {
            continue;
        }
        if !rest.trim().is_empty() {
            rest.split(',').for_each(|name| keep(&mut found, name));
            continue;
        }
        // One empty line may stand between a heading and its list.
        if lines.peek().is_some_and(|line| line.trim().is_empty()) {
            lines.next();
        }
        while let Some(line) = lines.peek() {
            if line.trim().is_empty() || line.trim_end().ends_with(':') {
                break;
            }
            keep(&mut found, line);
            lines.next();
        }
    }
    found
}

fn keep(found: &mut Vec<String>, name: &str) {
    let name = name.trim().trim_start_matches(['-', '*', '•', ' ']);
    let name = fields::line(name, PRODUCT_CHARACTERS_MAX);
    if !name.is_empty() && found.len() < PRODUCTS_MAX && !found.contains(&name) {
        found.push(name);
    }
}

/// The text without HTML tags; blocks and line breaks become lines, entities stay but the common.
pub fn without_tags(text: &str) -> String {
    if !text.contains('<') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        let tag = &rest[at..];
        let named =
            tag[1..].starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!'));
        let end = tag.find('>').filter(|_| named);
        let Some(end) = end else {
            // A lone sign of comparison.
            out.push('<');
            rest = &tag[1..];
            continue;
        };
        let name = tag[1..end].trim_start_matches('/').to_ascii_lowercase();
        let block = [
            "br", "p", "div", "li", "tr", "td", "h1", "h2", "h3", "h4", "table", "ul",
        ];
        let name = name.split(|c: char| !c.is_ascii_alphanumeric()).next();
        if name.is_some_and(|name| block.contains(&name)) {
            out.push('\n');
        }
        rest = &tag[end + 1..];
    }
    out.push_str(rest);
    out.replace("&nbsp;", " ")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;

    #[test]
    fn cves_and_kbs_are_found_in_any_spelling_and_nothing_else() {
        let found = find(
            "Fixes CVE-2024-3094, cve-2023-0001 (CVE-2024-3094) and KB5044281; KB 5044285.\
             Not: CVE-24-1, CVE-2024-1, KB123, KB50442810, xKB5044999, KB5044998a.",
        );
        let cves: Vec<_> = found.cves.iter().map(ToString::to_string).collect();
        assert_eq!(cves, ["CVE-2023-0001", "CVE-2024-3094"]);
        let kbs: Vec<_> = found.kbs.iter().map(ToString::to_string).collect();
        assert_eq!(kbs, ["KB5044281", "KB5044285"]);
    }

    #[test]
    fn products_stand_under_known_headings() {
        let text = "Package        : xz-utils\n\nAffected Products:\n\n  * SUSE Linux 15\n  * Leap 15.5\n\
                    \nOther: no\nAffected Software: A, B\n";
        assert_eq!(
            find(text).products,
            ["xz-utils", "SUSE Linux 15", "Leap 15.5", "A", "B"]
        );
        assert_eq!(find("<p>Product: <b>X</b></p><p>y</p>").products, ["X"]);
    }

    #[test]
    fn tags_are_taken_out_and_signs_stay() {
        assert_eq!(
            without_tags("a<br>b 1 < 2 &amp; <i>c</i>"),
            "a\nb 1 < 2 & c"
        );
        assert_eq!(without_tags("<unclosed"), "<unclosed");
    }
}
