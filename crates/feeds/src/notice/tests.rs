//! News of every form, written by hand after the standards, and their faults.
#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use super::*;
use crate::format::{Collect, Probe};

fn read(bytes: &[u8]) -> (&'static str, Result<Parsed, Refusal>, Collect) {
    let probe = Probe::new(bytes);
    let format = FORMATS
        .iter()
        .find(|format| (format.recognise)(&probe))
        .unwrap();
    let mut collect = Collect::default();
    let parsed = (format.parse)(bytes, &mut collect);
    (format.name, parsed, collect)
}

fn notices(collect: &Collect) -> Vec<&Notice> {
    collect
        .records
        .iter()
        .filter_map(|record| match record {
            Record::Notice(notice) => Some(notice.as_ref()),
            _ => None,
        })
        .collect()
}

const RSS: &str = r#"<?xml version="1.0"?><rss version="2.0"><channel><title>News</title>
<link>https://news.example/</link><lastBuildDate>Tue, 08 Oct 2024 17:00:00 GMT</lastBuildDate>
<item><title>October updates</title><guid isPermaLink="false">n-1</guid>
<link>https://news.example/1</link><pubDate>Tue, 08 Oct 2024 10:00:00 -0700</pubDate>
<description>&lt;p&gt;Fixes CVE-2024-43572 by KB5044281&lt;/p&gt;</description></item>
<item><title>Again</title><guid>n-1</guid></item><item><description>x</description></item>
<item><title>No id</title></item></channel></rss>"#;

#[test]
fn rss_gives_its_items_and_the_faulty_are_broken() {
    let (name, parsed, collect) = read(RSS.as_bytes());
    let parsed = parsed.unwrap();
    assert_eq!((name, parsed.records), ("notice-rss", 2));
    assert_eq!(parsed.document.as_deref(), Some("https://news.example/"));
    assert_eq!(parsed.dated.unwrap().to_string(), "2024-10-08T17:00:00Z");
    let places: Vec<_> = collect
        .broken
        .iter()
        .map(|(place, _)| place.as_str())
        .collect();
    assert_eq!(places, ["item 2", "item 3"]);
    let first = notices(&collect)[0];
    assert_eq!(first.id, "n-1");
    assert_eq!(first.link.as_deref(), Some("https://news.example/1"));
    assert_eq!(first.published.unwrap().to_string(), "2024-10-08T17:00:00Z");
    assert_eq!(first.cves, ["CVE-2024-43572".parse().unwrap()]);
    assert_eq!(first.kbs, ["KB5044281".parse().unwrap()]);
    assert_eq!(notices(&collect)[1].id, "No id");
}

#[test]
fn atom_gives_its_entries() {
    let text = r#"<feed xmlns="http://www.w3.org/2005/Atom"><id>urn:x</id>
        <updated>2024-10-08T17:00:00Z</updated><entry><id>urn:x:1</id><title>A</title>
        <link rel="self" href="https://a.example/self"/><link href="https://a.example/1"/>
        <updated>2024-10-08T16:00:00Z</updated>
        <content type="xhtml"><div>CVE-2024-0001</div></content></entry></feed>"#;
    let (name, parsed, collect) = read(text.as_bytes());
    assert_eq!((name, parsed.unwrap().records), ("notice-atom", 1));
    let notice = notices(&collect)[0];
    assert_eq!(notice.link.as_deref(), Some("https://a.example/1"));
    assert_eq!(
        notice.published.unwrap().to_string(),
        "2024-10-08T16:00:00Z"
    );
    assert_eq!(notice.cves.len(), 1);
}

const MAIL: &str = "From: Security <security@vendor.example>\r\nDate: Tue, 8 Oct 2024 10:00:00 -0700\r\n\
Subject: =?utf-8?Q?Update_f=C3=BCr?=\r\n =?utf-8?Q?_openssl?=\r\nMessage-ID: <1@vendor.example>\r\n\
MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=\"b1\"\r\n\r\nfor old readers\r\n\
--b1\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
Package        : openssl\r\nfixes CVE-2024-=\r\n0001\r\n--b1\r\nContent-Type: text/html\r\n\
Content-Transfer-Encoding: base64\r\n\r\nPHA+S0I1MDQ0MjgxPC9wPg==\r\n--b1--\r\n";

#[test]
fn a_message_is_read_through_its_encodings() {
    let (name, parsed, collect) = read(MAIL.as_bytes());
    let parsed = parsed.unwrap();
    assert_eq!((name, parsed.records), ("notice-mail", 1));
    assert_eq!(parsed.document.as_deref(), Some("1@vendor.example"));
    let notice = notices(&collect)[0];
    assert_eq!(notice.title, "Update für openssl");
    assert_eq!(
        notice.published.unwrap().to_string(),
        "2024-10-08T17:00:00Z"
    );
    assert_eq!(notice.cves, ["CVE-2024-0001".parse().unwrap()]);
    assert_eq!(notice.kbs, ["KB5044281".parse().unwrap()]);
    assert_eq!(notice.products, ["openssl"]);
}

#[test]
fn a_message_that_does_not_end_or_is_damaged_is_refused() {
    let cut = &MAIL[..MAIL.len() - 8];
    assert!(matches!(
        read(cut.as_bytes()).1,
        Err(Refusal::Truncated { .. })
    ));
    let damaged = MAIL.replace("PHA+", "PH!+");
    assert!(matches!(
        read(damaged.as_bytes()).1,
        Err(Refusal::Invalid { .. })
    ));
}

#[test]
fn an_mbox_gives_each_message_and_the_faulty_are_broken() {
    let from = "From security@vendor.example Tue Oct  8 17:00:00 2024\r\n";
    let other = MAIL.replace("<1@", "<2@");
    let cut = other[..other.len() - 8].replace("<2@", "<3@");
    let all = format!("{from}{MAIL}\r\n{from}{other}\r\n{from}{MAIL}\r\n{from}{cut}\r\n");
    let (name, parsed, collect) = read(all.as_bytes());
    assert_eq!((name, parsed.unwrap().records), ("notice-mbox", 2));
    let places: Vec<_> = collect
        .broken
        .iter()
        .map(|(place, _)| place.as_str())
        .collect();
    assert_eq!(places, ["message 3", "message 4"]);
}

#[test]
fn oracles_list_gives_each_advisory_once() {
    let page = r#"<!DOCTYPE html><html><head><title>Critical Patch Updates, Security Alerts and
        Bulletins | Oracle</title></head><body><a href="/security-alerts/cpuoct2024.html">Menu</a>
        <table><tr><td><a href="/security-alerts/cpujul2024.html">Critical Patch Update - July 2024</a></td>
        <td>Rev 5, 18 November 2024</td></tr><tr><td><a href="/security-alerts/alert-cve-2024-21287.html">
        Alert CVE-2024-21287</a></td><td>Rev 1, 1 Smarch 2024</td></tr></table>
        <a href="/security-alerts/cpujul2024.html">again</a><a href="/other.html">x</a></body></html>"#;
    let (name, parsed, collect) = read(page.as_bytes());
    assert_eq!((name, parsed.unwrap().records), ("notice-oracle-list", 3));
    let all = notices(&collect);
    assert_eq!(all[1].title, "Critical Patch Update - July 2024");
    assert_eq!(
        all[1].published.unwrap().to_string(),
        "2024-11-18T00:00:00Z"
    );
    assert_eq!((all[0].published, all[2].published), (None, None));
    assert_eq!(all[2].cves, ["CVE-2024-21287".parse().unwrap()]);
    let cut = page.replace("</html>", "");
    assert!(matches!(
        read(cut.as_bytes()).1,
        Err(Refusal::Truncated { .. })
    ));
}

#[test]
fn other_pages_and_texts_are_no_news() {
    for text in [
        "<!DOCTYPE html><html><body>Critical Patch Update of Oracle</body></html>",
        "<html></html>",
        "From here on: nothing",
        "Package: openssl\nVersion: 3\nArchitecture: amd64\n",
        "a: b\nc: d\ne: f\n",
        "<feed xmlns='http://www.w3.org/2005/Atom' xmlns:m='http://schemas.microsoft.com/ado/2007/08/x'/>",
        "",
    ] {
        let probe = Probe::new(text.as_bytes());
        let known = FORMATS.iter().find(|format| (format.recognise)(&probe));
        assert!(known.is_none(), "{text}");
    }
}
