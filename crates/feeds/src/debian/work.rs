//! The tracker's smaller work lists: packages that need an advisory, and the next point update.
//!
//! Nothing in them is published: they are read, checked and counted, and state nothing. Records:
//! entries. Source: `data/dsa-needed.txt`, `data/dla-needed.txt` and `data/next-point-update.txt` of
//! the tracker.

use domain::cve::CveId;
use domain::feed::Feed;

use super::blocks;
use super::lines;
use super::{CUT, TOO_LONG};
use crate::fields::{self, Seen};
use crate::format::{Format, Parsed, Probe, Sink};
use crate::refusal::Refusal;

/// Packages that need an advisory.
pub const NEEDED: Format = Format {
    name: "debian-work-list-needed",
    recognise: recognise_needed,
    parse: parse_needed,
};

/// What the next point update will hold.
pub const POINT_UPDATE: Format = Format {
    name: "debian-work-list-point-update",
    recognise: recognise_point_update,
    parse: parse_point_update,
};

fn recognise_needed(probe: &Probe<'_>) -> bool {
    let first = probe.head.lines().next().unwrap_or_default();
    first.contains("needed for the following source packages")
        && probe.head.lines().any(|line| line.trim_end() == "--")
}

fn parse_needed(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let mut parsed = Parsed::new(Feed::DebianWorkList);
    let mut seen = Seen::default();
    // Before the first rule stands an explanation; behind each rule a package.
    let mut wanted = false;
    for (number, line, cut) in blocks::lines(blocks::text(bytes)?) {
        if line == "--" {
            wanted = true;
            continue;
        }
        if !wanted || line.starts_with([' ', '\t']) {
            continue;
        }
        wanted = false;
        let name = line.split([' ', '\t', '(']).next().unwrap_or_default();
        let read = if cut {
            Err(CUT.to_owned())
        } else {
            fields::package(name).and_then(|_| seen.first(name))
        };
        match read {
            Ok(()) => parsed.records += 1,
            Err(why) => sink.broken(&format!("line {number}"), &why),
        }
    }
    Ok(parsed)
}

/// CVE ids alone at the margin, and below them lines about packages of releases.
fn recognise_point_update(probe: &Probe<'_>) -> bool {
    let mut lines = probe.head.lines().map(str::trim_end);
    let first = lines.next().unwrap_or_default();
    let second = lines.next().unwrap_or_default();
    first.parse::<CveId>().is_ok()
        && second.starts_with([' ', '\t'])
        && second.trim_start().starts_with('[')
}

fn parse_point_update(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let mut parsed = Parsed::new(Feed::DebianWorkList);
    blocks::each(blocks::text(bytes)?, &mut |block| {
        let place = format!("line {}", block.number);
        let head = block
            .head
            .parse::<CveId>()
            .map_err(|error| error.to_string());
        let below = block.below.iter().try_for_each(|(number, line)| {
            let place = |why: String| format!("line {number}: {why}");
            match lines::read(line) {
                Some(Ok(_)) => Ok(()),
                Some(Err(why)) => Err(place(why)),
                None if line.contains(':') => Ok(()),
                None => Err(place("a line that cannot be read".to_owned())),
            }
        });
        let whole = match block.cut {
            None => Ok(()),
            Some(_) => Err(CUT.to_owned()),
        };
        let whole = if block.long {
            Err(TOO_LONG.to_owned())
        } else {
            whole
        };
        match head.and(below).and(whole) {
            Ok(()) => parsed.records += 1,
            Err(why) => sink.broken(&place, &why),
        }
        Ok(())
    })?;
    Ok(parsed)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;
    use crate::format::Collect;
    use crate::formats;
    use crate::samples;

    #[test]
    fn the_real_work_lists_are_counted_and_state_nothing() {
        // Counted with `grep -c`: entries behind `--`, CVE ids at the margin.
        for (path, name, records) in [
            ("debian/tracker-dsa-needed.txt", NEEDED.name, 22),
            (
                "debian/tracker-next-point-update.txt",
                POINT_UPDATE.name,
                83,
            ),
        ] {
            let Some(bytes) = samples::read(path) else {
                return;
            };
            let format = formats::recognise(&bytes).unwrap();
            assert_eq!(format.name, name);
            let mut sink = Collect::default();
            let parsed = (format.parse)(&bytes, &mut sink).unwrap();
            assert_eq!((parsed.records, sink.broken.len()), (records, 0), "{path}");
            assert!(sink.records.is_empty());
        }
    }

    #[test]
    fn entries_that_cannot_be_read_are_counted() {
        let text = "CVE-2024-1234\n\t[bookworm] - a 1-1\nCVE-2024-1235\n\t[bookworm] - b\nx\n";
        let mut sink = Collect::default();
        let parsed = parse_point_update(text.as_bytes(), &mut sink).unwrap();
        assert_eq!((parsed.records, sink.broken.len()), (1, 2));
        let text = "A DSA is needed for the following source packages\n--\na\n--\na (x)\n--\nb";
        let mut sink = Collect::default();
        let parsed = parse_needed(text.as_bytes(), &mut sink).unwrap();
        assert_eq!((parsed.records, sink.broken.len()), (1, 2));
    }
}
