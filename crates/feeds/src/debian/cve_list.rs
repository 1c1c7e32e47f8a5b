//! The tracker's text, `data/CVE/list`: every CVE with what is known of Debian's packages.
//!
//! A line without a release is about unstable. Releases without a line of their own are not named
//! here at all: the tracker works their state out from the versions they carry, so nothing is stated
//! of them. `CVE-2023-XXXX [description]` stands for an issue without an id; the line is its id then.
//! Records: entries, also those that are rejected or not for Debian. An entry with a line that cannot
//! be read is broken; what it says otherwise is handed over.
//! Source: the tracker's introduction, "The CVE list".

use domain::advisory::Advisory;
use domain::cve::CveId;
use domain::feed::Feed;
use domain::severity::Classification;

use super::blocks::{self, Block};
use super::lines::{self, Line};
use super::{CUT, TOO_LONG};
use crate::fields::{self, Seen};
use crate::format::{Format, Parsed, Probe, RECORDS_MAX, Record, Sink};
use crate::refusal::Refusal;

/// The list.
pub const FORMAT: Format = Format {
    name: "debian-cve-list",
    recognise,
    parse,
};

const REMARKS: [&str; 4] = ["REJECTED", "RESERVED", "NOT-FOR-US", "TODO: check"];

/// CVE ids at the margin with descriptions or the tracker's remarks.
fn recognise(probe: &Probe<'_>) -> bool {
    if !probe.head.starts_with("CVE-") {
        return false;
    }
    let described = |line: &str| {
        line.strip_prefix("CVE-")
            .and_then(|rest| rest.split_once(' '))
            .is_some_and(|(id, rest)| id.contains('-') && rest.trim_start().starts_with(['(', '[']))
    };
    let mut margin = probe.head.lines().filter(|line| line.starts_with("CVE-"));
    let remarked = |line: &str| {
        line.starts_with([' ', '\t'])
            && REMARKS.iter().any(|remark| line.trim().starts_with(remark))
    };
    margin.any(described) || probe.head.lines().any(remarked)
}

fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let mut parsed = Parsed::new(Feed::DebianCveList);
    let mut seen = Seen::default();
    let mut walked = 0_u64;
    blocks::each(blocks::text(bytes)?, &mut |block| {
        walked += 1;
        if walked > RECORDS_MAX {
            return Err(Refusal::TooMany {
                what: "entries",
                limit: RECORDS_MAX,
            });
        }
        let place = format!("line {}", block.number);
        let read = head(&block).and_then(|advisory| {
            seen.first(&advisory.id)?;
            Ok(advisory)
        });
        match read {
            Ok(mut advisory) => {
                let fault = below(&block, &mut advisory);
                match fault {
                    None => parsed.records += 1,
                    Some(why) => sink.broken(&format!("{}, {place}", advisory.id), &why),
                }
                sink.record(Record::Advisory(Box::new(advisory)));
            }
            Err(why) => sink.broken(&place, &why),
        }
        Ok(())
    })?;
    Ok(parsed)
}

fn head(block: &Block<'_>) -> Result<Advisory, String> {
    if block.cut == Some(block.number) {
        return Err(CUT.to_owned());
    }
    let (id, rest) = block.head.split_once(' ').unwrap_or((block.head, ""));
    let rest = rest.trim();
    let mut advisory = match id.parse::<CveId>() {
        Ok(cve) => {
            let mut advisory = Advisory::new(id);
            advisory.cves.push(cve);
            advisory
        }
        Err(_) if is_placeholder(id) => {
            let id = fields::line(block.head, 200);
            let mut advisory = Advisory::new(id.as_str());
            advisory.aliases.push(id);
            advisory
        }
        Err(error) => return Err(error.to_string()),
    };
    advisory.title = fields::title(rest.trim_matches(['(', ')', '[', ']']));
    advisory.classification = Some(Classification::Security);
    Ok(advisory)
}

/// `CVE-2023-XXXX`: no id was given yet.
fn is_placeholder(id: &str) -> bool {
    id.strip_prefix("CVE-")
        .and_then(|rest| rest.split_once('-'))
        .is_some_and(|(year, rest)| {
            year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit()) && rest == "XXXX"
        })
}

fn below(block: &Block<'_>, advisory: &mut Advisory) -> Option<String> {
    let mut fault = None;
    let mut note = |number: usize, why: &str| {
        fault.get_or_insert_with(|| format!("line {number}: {why}"));
    };
    if block.long {
        note(block.number, TOO_LONG);
    }
    for (number, line) in &block.below {
        if block.cut == Some(*number) {
            note(*number, CUT);
            continue;
        }
        match lines::read(line) {
            Some(Ok(Line::Statement(statement))) => advisory.statements.push(*statement),
            Some(Ok(Line::Nothing)) => {}
            Some(Err(why)) => note(*number, &why),
            None if *line == "REJECTED" => advisory.withdrawn = true,
            // References to advisories stand in braces.
            None if line.starts_with('{') && line.ends_with('}') => {}
            None if is_remark(line) => {}
            None => note(*number, "a line that cannot be read"),
        }
    }
    fault
}

/// `NOTE: …`, `TODO: …`, `NOT-FOR-US: …`, `RESERVED`, `STOP`.
fn is_remark(line: &str) -> bool {
    let word = line.split_once(':').map_or(line, |(word, _)| word);
    word.len() >= 4
        && word
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'-' | b' '))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;
    use crate::format::Collect;
    use crate::formats;

    // The cut-out of April to November 2023, shortened.
    const LIST: &str = "\
CVE-2023-5088 (A bug in QEMU could cause a guest I/O operation otherwise addressed to ...)
\t- qemu 1:8.1.1+ds-2
\tNOTE: https://bugzilla.redhat.com/show_bug.cgi?id=2247283
CVE-2023-46517
\tREJECTED
CVE-2023-XXXX [VLC: OOW in MMS URL parsing]
\t- vlc 3.0.20-1
\t[bookworm] - vlc 3.0.20-0+deb12u1
CVE-2023-XXXX [Other security issues from wordpress 6.3.2]
\t- wordpress <unfixed>
CVE-2023-5849 (Integer overflow in USB in Google Chrome prior to 119.0.6045.105 allow ...)
\t{DSA-5546-1}
\t[buster] - chromium <end-of-life> (see DSA 5046)
";

    fn read(text: &str) -> (Parsed, Collect) {
        let mut sink = Collect::default();
        let parsed = parse(text.as_bytes(), &mut sink).unwrap();
        (parsed, sink)
    }

    #[test]
    fn every_entry_is_a_record() {
        assert_eq!(
            formats::recognise(LIST.as_bytes()).unwrap().name,
            FORMAT.name
        );
        let (parsed, sink) = read(LIST);
        assert_eq!(
            (parsed.records, sink.broken.len()),
            (5, 0),
            "{:?}",
            sink.broken
        );
        let advisories: Vec<_> = sink.advisories().collect();
        assert_eq!(advisories[0].statements[0].system.as_str(), "debian:sid");
        assert!(advisories[1].withdrawn);
        assert_eq!(
            advisories[2].id,
            "CVE-2023-XXXX [VLC: OOW in MMS URL parsing]"
        );
        assert_eq!(advisories[2].statements.len(), 2);
        assert!(advisories[2].cves.is_empty());
    }

    #[test]
    fn faults_are_counted_and_hide_nothing() {
        for (from, to) in [
            ("CVE-2023-5088 ", "CVE-2023-50 "),
            ("qemu 1:8.1.1+ds-2", "qemu"),
            ("NOTE: https", "note https"),
            ("<unfixed>", "<maybe>"),
            ("CVE-2023-46517", "CVE-2023-5088"),
            ("(see DSA 5046)\n", "(see"),
        ] {
            let (parsed, sink) = read(&LIST.replace(from, to));
            assert_eq!((parsed.records, sink.broken.len()), (4, 1), "{to}");
        }
    }
}
