//! Whose document it is: told from the publisher's name space, the tracking id and the category.

use domain::feed::Feed;

use super::model::Document;

/// The feed of a document.
pub fn feed(document: &Document) -> Feed {
    let host = host(&document.publisher.namespace);
    let of = |domain: &str| {
        host == domain
            || host
                .strip_suffix(domain)
                .is_some_and(|rest| rest.ends_with('.'))
    };
    let vex = document.category.eq_ignore_ascii_case("csaf_vex");
    if of("redhat.com") {
        // Newly made advisories have the category of VEX too; their ids tell them apart.
        let advisory = is_redhat_advisory(&document.tracking.id);
        if vex && !advisory {
            Feed::RedhatVex
        } else {
            Feed::RedhatCsaf
        }
    } else if of("suse.com") || of("opensuse.org") {
        Feed::SuseCsaf
    } else if of("microsoft.com") {
        if vex { Feed::MsrcVex } else { Feed::MsrcCsaf }
    } else if of("oracle.com") {
        Feed::OracleCsaf
    } else {
        Feed::Csaf
    }
}

/// Whether the id is one of Red Hat's advisories: security, bug fix or enhancement.
pub fn is_redhat_advisory(id: &str) -> bool {
    ["RHSA-", "RHBA-", "RHEA-"]
        .iter()
        .any(|prefix| id.starts_with(prefix))
}

fn host(address: &str) -> String {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    host.split(':')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hosts_own_domain_counts() {
        assert_eq!(host("https://www.redhat.com/a"), "www.redhat.com");
        assert_eq!(host("https://redhat.com@evil.example:80/"), "evil.example");
        assert!(is_redhat_advisory("RHBA-2024:1440"));
        assert!(!is_redhat_advisory("CVE-2024-1440"));
    }
}
