//! Freezes as stretches of time, and openings without them.
//!
//! Freezes that overlap or touch count as one. Errors: a freeze with a zone that is not known, or
//! that ends before it begins, is an error value, and whoever asks treats what it covers as closed.

use domain::policy::Freeze;
use domain::window::{Opening, WindowZone};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::{UnknownZone, first_instant, zone_of};

/// Why a freeze cannot be understood. What it covers stays closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFreeze {
    /// Its zone is not known.
    #[error(transparent)]
    Zone(#[from] UnknownZone),
    /// It ends before it begins, or when it begins.
    #[error("its end, {until}, is not after its beginning, {from}")]
    Order {
        /// Its beginning.
        from: DateTime,
        /// Its end.
        until: DateTime,
    },
    /// Its times are beyond what can be counted.
    #[error("its times are beyond the year 9999")]
    Range,
}

/// From when to when a freeze lasts for devices of one zone. `closes_at` is not frozen any more. It
/// may be empty: both its times may lie in one gap of the clocks.
pub fn freeze_span(freeze: &Freeze, device_zone: &str) -> Result<Opening, InvalidFreeze> {
    span(&freeze.zone, device_zone, freeze.from, freeze.until)
}

/// The same for the times of a freeze that is not made yet.
pub fn span(
    zone: &WindowZone,
    device_zone: &str,
    from: DateTime,
    until: DateTime,
) -> Result<Opening, InvalidFreeze> {
    if from >= until {
        return Err(InvalidFreeze::Order { from, until });
    }
    span_in(&zone_of(zone, device_zone)?, from, until)
}

fn span_in(zone: &TimeZone, from: DateTime, until: DateTime) -> Result<Opening, InvalidFreeze> {
    let instant = |local| first_instant(zone, local).ok_or(InvalidFreeze::Range);
    Ok(Opening {
        opens_at: instant(from)?,
        closes_at: instant(until)?,
    })
}

/// Stretches of time in which nothing may be changed: in order, apart from each other, none empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frozen(Vec<Opening>);

impl Frozen {
    /// Nothing is frozen.
    pub const NOTHING: Self = Self(Vec::new());

    /// Puts spans together that overlap or touch.
    pub fn new(spans: impl IntoIterator<Item = Opening>) -> Self {
        let mut spans: Vec<Opening> = spans
            .into_iter()
            .filter(|span| span.opens_at < span.closes_at)
            .collect();
        spans.sort_unstable();
        let mut merged: Vec<Opening> = Vec::with_capacity(spans.len());
        for span in spans {
            match merged.last_mut() {
                Some(last) if span.opens_at <= last.closes_at => {
                    last.closes_at = last.closes_at.max(span.closes_at);
                }
                _ => merged.push(span),
            }
        }
        Self(merged)
    }

    /// The spans.
    pub fn spans(&self) -> &[Opening] {
        &self.0
    }

    /// Whether nothing is frozen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The span that holds at an instant.
    pub fn at(&self, at: Timestamp) -> Option<Opening> {
        let place = self.0.partition_point(|span| span.closes_at <= at);
        self.0
            .get(place)
            .copied()
            .filter(|span| span.opens_at <= at)
    }

    /// What remains of an opening, in order, none empty.
    pub fn without(&self, opening: Opening) -> impl Iterator<Item = Opening> + use<> {
        let first = self
            .0
            .partition_point(|span| span.closes_at <= opening.opens_at);
        let mut rests = Vec::new();
        let mut begin = opening.opens_at;
        for span in self.0.get(first..).unwrap_or_default() {
            if span.opens_at >= opening.closes_at {
                break;
            }
            if begin < span.opens_at {
                rests.push(Opening {
                    opens_at: begin,
                    closes_at: span.opens_at,
                });
            }
            begin = span.closes_at;
        }
        if begin < opening.closes_at {
            rests.push(Opening {
                opens_at: begin,
                closes_at: opening.closes_at,
            });
        }
        rests.into_iter()
    }
}
