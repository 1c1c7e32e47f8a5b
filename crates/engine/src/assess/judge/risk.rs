//! What to fix first: a score that explains itself.
//!
//! The score is a sum of at most 1000 points:
//!
//! | what | points |
//! | --- | --- |
//! | one of the CVEs is known to be exploited (KEV) | 450 |
//! | probability of exploitation (EPSS), 0 to 1 | 0 to 200, in proportion |
//! | severity critical, important, moderate, low | 200, 140, 70, 20 |
//! | not rated, or `unrated` | 70, as moderate: unknown is not harmless |
//! | tag `exposed`: reachable from the internet | 75 |
//! | tag `critical`: the client's business stands on it | 50 |
//! | tag `server` | 25 |
//!
//! What is fixed or not affected has no risk: 0, whatever its severity. What is unknown counts half.
//! The weights keep the order KEV, then EPSS and severity, then exposure: the three tags together
//! (150) never lift an unexploited fault over an exploited one of the same severity.

use std::cmp::Reverse;

use domain::finding::FindingState;
use domain::judgement::Judgement;
use domain::severity::Severity;

/// What a device's role adds to a risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exposure {
    /// Reachable from the internet (tag `exposed`).
    pub internet: bool,
    /// Serves others (tag `server`).
    pub server: bool,
    /// The client's business stands on it (tag `critical`).
    pub critical: bool,
}

impl Exposure {
    /// The exposure that a device's tags say.
    pub fn of_tags<'a>(tags: impl IntoIterator<Item = &'a str>) -> Self {
        let mut exposure = Self::default();
        for tag in tags {
            match tag {
                "exposed" => exposure.internet = true,
                "server" => exposure.server = true,
                "critical" => exposure.critical = true,
                _ => {}
            }
        }
        exposure
    }
}

/// A score and what it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Risk {
    /// 0 to 1000.
    pub score: u16,
    /// Each part with its points, in the order of the table.
    pub because: Vec<String>,
}

/// How urgent a judgement is on a device with this exposure.
pub fn risk(judgement: &Judgement, exposure: Exposure) -> Risk {
    let halved = match judgement.state {
        FindingState::Fixed | FindingState::NotAffected => {
            return Risk {
                score: 0,
                because: vec![format!("{}: no risk", judgement.state)],
            };
        }
        FindingState::Unknown => true,
        FindingState::Missing | FindingState::NoFix | FindingState::OldCodeRunning => false,
    };
    let mut sum = 0_u32;
    let mut because = Vec::new();
    let mut add = |points: u32, what: String| {
        sum += points;
        because.push(format!("{what}: {points}"));
    };
    if let Some(since) = judgement.exploited {
        add(450, format!("known to be exploited since {since}"));
    }
    if let Some(millionths) = judgement.epss_millionths {
        let millionths = millionths.min(1_000_000);
        let tenths = millionths / 1_000;
        add(
            millionths / 5_000,
            format!(
                "probability of exploitation {}.{} %",
                tenths / 10,
                tenths % 10
            ),
        );
    }
    let severity = judgement.rating.as_ref().map(|rating| rating.severity);
    let (points, word) = match severity {
        Some(Severity::Critical) => (200, "severity critical"),
        Some(Severity::Important) => (140, "severity important"),
        Some(Severity::Moderate) => (70, "severity moderate"),
        Some(Severity::Low) => (20, "severity low"),
        Some(Severity::Unrated) => (70, "unrated, counted as moderate"),
        None => (70, "severity not known, counted as moderate"),
    };
    add(points, word.to_owned());
    if exposure.internet {
        add(75, "reachable from the internet".to_owned());
    }
    if exposure.critical {
        add(50, "the client's business stands on it".to_owned());
    }
    if exposure.server {
        add(25, "a server".to_owned());
    }
    if halved {
        sum /= 2;
        because.push("unknown whether affected: half".to_owned());
    }
    Risk {
        score: u16::try_from(sum.min(1000)).unwrap_or(1000),
        because,
    }
}

/// A key that puts judgements into the order in which people should read them: what can be fixed
/// first, then known exploited, likelier exploited (in whole per cent: finer says nothing), more
/// severe, and by package and advisory at last.
pub fn reading_order(judgement: &Judgement) -> impl Ord + use<> {
    (
        match judgement.state {
            FindingState::Missing => 0_u8,
            FindingState::OldCodeRunning => 1,
            FindingState::NoFix => 2,
            FindingState::Unknown => 3,
            FindingState::Fixed => 4,
            FindingState::NotAffected => 5,
        },
        Reverse(judgement.exploited.is_some()),
        Reverse(judgement.epss_millionths.unwrap_or(0) / 10_000),
        Reverse(
            judgement
                .rating
                .as_ref()
                .map_or(Severity::Unrated, |rating| rating.severity),
        ),
        judgement.package.clone(),
        judgement.advisory.clone(),
    )
}
