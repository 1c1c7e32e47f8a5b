//! When each fix was released and first seen on any device: where the delays of rules begin.
//!
//! A clock belongs to the fix, a CVE where the patch names some, so that a later revision of the
//! patch does not begin it anew. Kept in memory as it is in the database, because every plan asks.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use domain::finding::{DatedFinding, Finding, FindingState};
use jiff::Timestamp;
use store::FixClock;

use crate::{Result, Service};

/// When a fix was released, where that is known, and when it was first seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clock {
    /// The earliest time at which a patch with the fix was released.
    pub released_at: Option<Timestamp>,
    /// When it was first seen on any device.
    pub first_seen_at: Timestamp,
}

impl Clock {
    fn is_before(self, known: Self) -> bool {
        self.first_seen_at < known.first_seen_at
            || match (self.released_at, known.released_at) {
                (Some(new), Some(old)) => new < old,
                (Some(_), None) => true,
                (None, _) => false,
            }
    }

    fn earliest(self, other: Self) -> Self {
        Self {
            released_at: match (self.released_at, other.released_at) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            },
            first_seen_at: self.first_seen_at.min(other.first_seen_at),
        }
    }
}

/// The clocks of all fixes.
pub(crate) type Clocks = HashMap<String, Clock>;

/// The clocks as they are in the database; `None`: not read yet.
#[derive(Debug, Default)]
pub(crate) struct ClockCache(RwLock<Option<Arc<Clocks>>>);

/// The fixes that a patch carries: its CVEs, else the patch itself.
pub(crate) fn fixes(finding: &Finding) -> Vec<String> {
    match &finding.facts.cves {
        Some(cves) if !cves.is_empty() => cves.clone(),
        Some(_) | None => vec![finding.patch.to_string()],
    }
}

/// The fix of a finding whose clock began first, with that clock; `None`: none of them has one.
pub(crate) fn of_finding(clocks: &Clocks, finding: &Finding) -> Option<(String, Clock)> {
    let known = fixes(finding).into_iter().filter_map(|fix| {
        let clock = *clocks.get(&fix)?;
        Some((fix, clock))
    });
    // A known release goes before none; then the earliest, then the name.
    known.min_by_key(|(fix, clock)| {
        (
            clock.released_at.is_none(),
            clock.released_at.unwrap_or(clock.first_seen_at),
            fix.clone(),
        )
    })
}

/// What findings say of clocks that is not known yet, or earlier than what is known. A fix that
/// cannot be had has no clock.
pub(crate) fn news(
    clocks: &Clocks,
    findings: &[Finding],
    previous: &[DatedFinding],
    now: Timestamp,
) -> Vec<FixClock> {
    let mut news: HashMap<String, Clock> = HashMap::new();
    for finding in findings {
        match finding.state {
            FindingState::Missing | FindingState::OldCodeRunning | FindingState::Fixed => {}
            FindingState::NoFix | FindingState::NotAffected | FindingState::Unknown => continue,
        }
        let before = previous
            .binary_search_by(|dated| dated.finding.patch.cmp(&finding.patch))
            .ok()
            .and_then(|at| previous.get(at));
        let said = Clock {
            released_at: finding.facts.released_at,
            first_seen_at: before.map_or(now, |dated| dated.first_seen),
        };
        for fix in fixes(finding) {
            let known = news.get(&fix).or_else(|| clocks.get(&fix)).copied();
            match known {
                Some(known) if !said.is_before(known) => {}
                Some(known) => {
                    news.insert(fix, said.earliest(known));
                }
                None => {
                    news.insert(fix, said);
                }
            }
        }
    }
    let mut news: Vec<FixClock> = news
        .into_iter()
        .map(|(fix, clock)| FixClock {
            fix,
            released_at: clock.released_at,
            first_seen_at: clock.first_seen_at,
        })
        .collect();
    news.sort_by(|a, b| a.fix.cmp(&b.fix));
    news
}

impl Service {
    /// The clocks of all fixes.
    pub(crate) fn clocks(&self) -> Result<Arc<Clocks>> {
        let known = self
            .clocks
            .0
            .read()
            .expect("no holder of the clocks can panic")
            .clone();
        if let Some(clocks) = known {
            return Ok(clocks);
        }
        let rows = self.read(|tx| Ok(tx.clock_list()?))?;
        let mut clocks = self
            .clocks
            .0
            .write()
            .expect("no holder of the clocks can panic");
        // Whoever was faster also learned what was written meanwhile.
        let learned = clocks.get_or_insert_default();
        let held = Arc::make_mut(learned);
        for row in rows {
            learn(held, row);
        }
        Ok(Arc::clone(learned))
    }

    /// Remembers what was written.
    pub(crate) fn clocks_learned(&self, news: Vec<FixClock>) {
        if news.is_empty() {
            return;
        }
        let mut clocks = self
            .clocks
            .0
            .write()
            .expect("no holder of the clocks can panic");
        if let Some(clocks) = clocks.as_mut() {
            let held = Arc::make_mut(clocks);
            for row in news {
                learn(held, row);
            }
        }
    }
}

fn learn(clocks: &mut Clocks, row: FixClock) {
    let said = Clock {
        released_at: row.released_at,
        first_seen_at: row.first_seen_at,
    };
    clocks
        .entry(row.fix)
        .and_modify(|known| *known = known.earliest(said))
        .or_insert(said);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i8) -> Timestamp {
        jiff::civil::date(2026, 11, day)
            .to_zoned(jiff::tz::TimeZone::UTC)
            .unwrap()
            .timestamp()
    }

    fn finding(patch: &str, cves: &[&str], released: Option<i8>) -> Finding {
        Finding {
            patch: patch.parse().unwrap(),
            packages: Vec::new(),
            state: FindingState::Missing,
            why: String::new(),
            facts: domain::finding::PatchFacts {
                cves: Some(cves.iter().map(|&cve| cve.to_owned()).collect()),
                released_at: released.map(at),
                ..Default::default()
            },
            classification: domain::severity::Classification::Security,
            origin: None,
            needs: Vec::new(),
            refused: None,
        }
    }

    #[test]
    fn a_later_revision_does_not_begin_the_clock_anew() {
        let mut clocks = Clocks::new();
        let first = finding("deb:bookworm/openssl@1", &["CVE-2026-0001"], Some(1));
        for row in news(&clocks, &[first], &[], at(2)) {
            learn(&mut clocks, row);
        }
        let later = finding(
            "deb:bookworm/openssl@2",
            &["CVE-2026-0001", "CVE-2026-0002"],
            Some(9),
        );
        let said = news(&clocks, std::slice::from_ref(&later), &[], at(10));
        let fixes: Vec<&str> = said.iter().map(|row| row.fix.as_str()).collect();
        assert_eq!(fixes, ["CVE-2026-0002"]);
        for row in said {
            learn(&mut clocks, row);
        }
        let (fix, clock) = of_finding(&clocks, &later).unwrap();
        assert_eq!(
            (fix.as_str(), clock.released_at),
            ("CVE-2026-0001", Some(at(1)))
        );
    }

    #[test]
    fn what_names_no_cve_has_a_clock_by_its_own_id_and_a_release_goes_before_a_sight() {
        let mut clocks = Clocks::new();
        let patch = finding("kb:5044285", &[], None);
        for row in news(&clocks, std::slice::from_ref(&patch), &[], at(3)) {
            learn(&mut clocks, row);
        }
        let (fix, clock) = of_finding(&clocks, &patch).unwrap();
        assert_eq!((fix.as_str(), clock.first_seen_at), ("kb:5044285", at(3)));
        let mut no_fix = finding("kb:1", &[], None);
        no_fix.state = FindingState::NoFix;
        assert_eq!(news(&clocks, &[no_fix], &[], at(3)), []);
    }
}
