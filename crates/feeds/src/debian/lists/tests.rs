use super::*;
use crate::format::Collect;
use crate::formats;
use crate::samples;
use domain::advisory::{NoFixReason, Says};

fn read(text: &str) -> (Parsed, Collect) {
    let mut sink = Collect::default();
    let parsed = parse(text.as_bytes(), &mut sink).unwrap();
    (parsed, sink)
}

const TWO: &str = "\
[29 Mar 2023] DSA-5380-1 xorg-server - security update
\t{CVE-2023-1393 CVE-2023-1394}
\t[bullseye] - xorg-server 2:1.20.11-1+deb11u6
\tNOTE: a remark
[17 Mar 2023] DSA-5356-2 sox - regression update
        [bullseye] - sox 14.4.2+git20190427-2+deb11u2
";

#[test]
fn an_entry_is_an_advisory_with_or_without_cves() {
    let (parsed, sink) = read(TWO);
    assert_eq!((parsed.records, parsed.feed), (2, Feed::DebianDsa));
    assert_eq!(sink.broken, []);
    let advisories: Vec<_> = sink.advisories().collect();
    let first = advisories[0];
    assert_eq!(first.id, "DSA-5380-1");
    assert_eq!(first.title, "xorg-server - security update");
    assert_eq!(first.cves.len(), 2);
    assert_eq!(first.published.unwrap().to_string(), "2023-03-29T00:00:00Z");
    assert_eq!(first.statements[0].system.as_str(), "debian:bullseye");
    assert!(first.statements[0].target.is_source_of("xorg-server"));
    assert!(advisories[1].cves.is_empty() && advisories[1].statements.len() == 1);
}

trait OfSource {
    fn is_source_of(&self, name: &str) -> bool;
}

impl OfSource for domain::advisory::Target {
    fn is_source_of(&self, name: &str) -> bool {
        matches!(self, Self::Source(source) if source.as_str() == name)
    }
}

#[test]
fn a_broken_line_breaks_its_entry_only_and_hides_nothing() {
    let text = TWO.replace("sox 14.4.2+git", "sox x:14.4.2+git");
    let (parsed, sink) = read(&text);
    assert_eq!((parsed.records, sink.broken.len()), (1, 1));
    assert!(
        sink.broken[0].0.starts_with("DSA-5356-2"),
        "{:?}",
        sink.broken
    );
    // What the entry says otherwise is handed over.
    assert_eq!(sink.advisories().count(), 2);

    for (from, to) in [
        ("29 Mar 2023", "29 Mrz 2023"),
        ("29 Mar 2023", "31 Feb 2023"),
        ("DSA-5380-1", "DSA-x-1"),
        ("CVE-2023-1394}", "CVE-2023-1394"),
        ("NOTE: a remark", "who knows"),
        (
            "[bullseye] - xorg-server 2:1",
            "[bull seye] - xorg-server 2:1",
        ),
    ] {
        let (parsed, sink) = read(&TWO.replace(from, to));
        assert_eq!((parsed.records, sink.broken.len()), (1, 1), "{to}");
    }
}

#[test]
fn a_second_entry_with_an_id_already_read_is_broken() {
    let (parsed, sink) = read(&format!("{TWO}{TWO}"));
    assert_eq!((parsed.records, sink.broken.len()), (2, 2));
    assert_eq!(sink.advisories().count(), 2);
}

#[test]
fn a_list_cut_in_the_middle_of_a_version_does_not_state_that_version() {
    let cut = &TWO[..TWO.len() - 6];
    let (parsed, sink) = read(cut);
    assert_eq!((parsed.records, sink.broken.len()), (1, 1));
    let last = sink.advisories().last().unwrap();
    assert!(last.statements.is_empty());
}

#[test]
fn lines_without_an_entry_and_wrong_encodings_are_told() {
    let (parsed, sink) = read(&format!("[29 Mar 2023] GSA-1 x\n\tlost\n{TWO}"));
    assert_eq!((parsed.records, sink.broken.len()), (2, 1));
    let mut bytes = TWO.as_bytes().to_vec();
    bytes[60] = 0xff;
    let refused = parse(&bytes, &mut Collect::default());
    assert_eq!(refused, Err(Refusal::Encoding { at: 60 }));
}

#[test]
fn old_dates_are_read() {
    let date = |text: &str| day(text).map(|day| day.to_string());
    assert_eq!(date("August 26th, 2005").as_deref(), Some("2005-08-26"));
    assert_eq!(date("01 Aug 2002").as_deref(), Some("2002-08-01"));
    assert_eq!(date("1 2 3"), None);
    assert_eq!(date(""), None);
}

#[test]
fn the_whole_real_list_is_read() {
    let Some(bytes) = samples::read("debian/DSA-list.txt") else {
        return;
    };
    assert_eq!(formats::recognise(&bytes).unwrap().name, FORMAT.name);
    let mut sink = Collect::default();
    let parsed = parse(&bytes, &mut sink).unwrap();
    // The manifest counts 5,406 advisories.
    assert_eq!(sink.broken, []);
    assert_eq!(parsed.records, 5406);
    let says: Vec<&Says> = sink
        .advisories()
        .flat_map(|advisory| &advisory.statements)
        .map(|statement| &statement.says)
        .collect();
    // Counted with grep: lines about packages, those that ended, those not affected.
    assert_eq!(says.len(), 6988);
    let ended = |says: &&&Says| {
        matches!(
            says,
            Says::NoFix {
                reason: NoFixReason::EndOfLife,
                ..
            }
        )
    };
    assert_eq!(says.iter().filter(ended).count(), 4);
    let not_affected = |says: &&&Says| matches!(says, Says::NotAffected { .. });
    assert_eq!(says.iter().filter(not_affected).count(), 55);
}

#[test]
fn the_small_real_list_is_read() {
    let Some(bytes) = samples::read("debian/DSA-fixture.txt") else {
        return;
    };
    let mut sink = Collect::default();
    // The manifest counts 10 advisories.
    assert_eq!(parse(&bytes, &mut sink).unwrap().records, 10);
    assert_eq!(sink.broken, []);
}
