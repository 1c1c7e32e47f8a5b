//! When the windows of a device let something begin: openings without freezes and without the last
//! part in which nothing new begins, of several windows as a union.
//!
//! Worked out piece by piece as far as somebody asks, never further than [`YEARS_MAX`] years.

use std::cell::RefCell;

use domain::policy::Freeze;
use domain::snapshot::Contact;
use domain::window::{ChangeWindow, Opening};
use jiff::{SignedDuration, Timestamp};

use crate::calendar::{self, UnknownZone};

/// How far ahead an opening is looked for, in years.
pub const YEARS_MAX: i64 = 10;
/// How far back one looks, in days, so that a stretch that began earlier is seen whole.
const LOOK_BACK_DAYS: i64 = 15;
/// How much is worked out at a time, in days.
const STEP_DAYS: i64 = 45;
/// A stretch that is longer is cut at Mondays, 00:00 UTC, so that each opening has an end.
const OPENING_DAYS_MAX: i64 = calendar::OPENING_DAYS_MAX;

fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * count)
}

fn after(at: Timestamp, elapsed: SignedDuration) -> Timestamp {
    at.checked_add(elapsed).unwrap_or(Timestamp::MAX)
}

fn before(at: Timestamp, elapsed: SignedDuration) -> Timestamp {
    at.checked_sub(elapsed).unwrap_or(Timestamp::MIN)
}

/// The freezes of a device as instants: in order, those that overlap or touch are one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Frozen {
    pub spans: Vec<Opening>,
    /// A freeze whose times cannot be told, with the reason.
    pub refused: Option<(String, String)>,
}

impl Frozen {
    pub fn of<'f>(freezes: impl IntoIterator<Item = &'f Freeze>, device_zone: &str) -> Self {
        let (mut spans, mut refused) = (Vec::new(), None);
        for freeze in freezes {
            match freeze_span(freeze, device_zone) {
                Ok(span) => spans.push(span),
                Err(error) => {
                    refused.get_or_insert((freeze.name.to_string(), error.to_string()));
                }
            }
        }
        Self {
            spans: merged(spans),
            refused,
        }
    }

    /// The freeze at `at`, as one stretch with those that it touches.
    pub fn at(&self, at: Timestamp) -> Option<Opening> {
        let next = self.spans.partition_point(|span| span.closes_at <= at);
        self.spans
            .get(next)
            .copied()
            .filter(|span| span.opens_at <= at)
    }

    /// What is left of an opening.
    fn cut(&self, opening: Opening, into: &mut Vec<Opening>) {
        let mut from = opening.opens_at;
        let first = self.spans.partition_point(|span| span.closes_at <= from);
        for span in &self.spans[first..] {
            if span.opens_at >= opening.closes_at {
                break;
            }
            if span.opens_at > from {
                into.push(Opening {
                    opens_at: from,
                    closes_at: span.opens_at,
                });
            }
            from = from.max(span.closes_at);
        }
        if from < opening.closes_at {
            into.push(Opening {
                opens_at: from,
                closes_at: opening.closes_at,
            });
        }
    }
}

/// In order; those that overlap or touch are one, empty ones are none.
fn merged(mut spans: Vec<Opening>) -> Vec<Opening> {
    spans.retain(|span| span.opens_at < span.closes_at);
    spans.sort_unstable();
    let mut all: Vec<Opening> = Vec::with_capacity(spans.len());
    for span in spans {
        match all.last_mut() {
            Some(last) if span.opens_at <= last.closes_at => {
                last.closes_at = last.closes_at.max(span.closes_at);
            }
            _ => all.push(span),
        }
    }
    all
}

/// Openings of windows that recur by themselves.
struct Source {
    openings: std::iter::Peekable<calendar::Openings>,
    reserve: SignedDuration,
}

/// When something may begin.
pub(super) struct Timetable {
    now: Timestamp,
    frozen: Frozen,
    /// Windows whose days depend on the release of a patch.
    after_release: Vec<ChangeWindow>,
    device_zone: String,
    /// Windows whose zone is not known.
    pub refused: Vec<(String, UnknownZone)>,
    inner: RefCell<Inner>,
}

struct Inner {
    sources: Vec<Source>,
    /// Stretches in which something may begin, in order, without touching each other.
    usable: Vec<Opening>,
    /// Openings as the windows say around now, whatever is frozen.
    at_now: Vec<Opening>,
    covered_until: Timestamp,
    ended: bool,
}

impl Timetable {
    /// For questions about `now` and later.
    pub fn new(
        windows: &[&ChangeWindow],
        frozen: Frozen,
        device_zone: &str,
        contacts: Option<&[Contact]>,
        now: Timestamp,
    ) -> Self {
        let from = before(now, days(LOOK_BACK_DAYS));
        let (mut sources, mut refused, mut after_release) = (Vec::new(), Vec::new(), Vec::new());
        let mut usable = Vec::new();
        for window in windows {
            if window.recurrence.follows_release() {
                after_release.push((*window).clone());
                continue;
            }
            match calendar::openings(window, device_zone, from) {
                Ok(openings) => sources.push(Source {
                    openings: openings.peekable(),
                    reserve: reserve(window),
                }),
                Err(error) => refused.push((window.name.to_string(), error)),
            }
        }
        let _ = contacts;
        usable.retain(|stretch: &Opening| stretch.closes_at > now);
        Self {
            now,
            frozen,
            after_release,
            device_zone: device_zone.to_owned(),
            refused,
            inner: RefCell::new(Inner {
                sources,
                usable,
                at_now: Vec::new(),
                covered_until: from,
                ended: false,
            }),
        }
    }

    /// The opening in which something may begin at `at`, or the next one. `release`: when the patch
    /// was released, or else first seen.
    pub fn opening(&self, at: Timestamp, release: Option<Timestamp>) -> Option<Opening> {
        let regular = self.regular(at);
        let mut released = Vec::new();
        for window in &self.after_release {
            let opening = release
                .and_then(|release| after_release_opening(window, &self.device_zone, release));
            if let Some(opening) = opening {
                self.usable_of(opening, reserve(window), &mut released);
            }
        }
        released.retain(|stretch| stretch.closes_at > at);
        if released.is_empty() {
            return regular;
        }
        released.extend(regular);
        let first = merged(released).into_iter().next()?;
        // What touches it later on belongs to it.
        let next = self.regular(first.closes_at);
        let closes_at = next
            .filter(|next| next.opens_at <= first.closes_at)
            .map_or(first.closes_at, |next| next.closes_at);
        Some(Opening { closes_at, ..first })
    }

    /// Whether the windows alone are open at the present, whatever is frozen; and until when.
    pub fn open_now(&self, release: Option<Timestamp>) -> Option<Timestamp> {
        self.regular(self.now);
        let released = self.after_release.iter().filter_map(|window| {
            let opening = after_release_opening(window, &self.device_zone, release?)?;
            shortened(opening, reserve(window))
        });
        let inner = self.inner.borrow();
        inner
            .at_now
            .iter()
            .copied()
            .chain(released)
            .filter(|opening| opening.opens_at <= self.now && self.now < opening.closes_at)
            .map(|opening| opening.closes_at)
            .max()
    }

    fn regular(&self, at: Timestamp) -> Option<Opening> {
        let limit = after(self.now, days(366 * YEARS_MAX));
        let mut inner = self.inner.borrow_mut();
        loop {
            let found = inner
                .usable
                .partition_point(|stretch| stretch.closes_at <= at);
            if let Some(stretch) = inner.usable.get(found).copied() {
                let enough = after(at.max(stretch.opens_at), days(3 * OPENING_DAYS_MAX));
                if inner.ended
                    || stretch.closes_at < inner.covered_until
                    || inner.covered_until > enough
                {
                    return Some(piece(stretch, at));
                }
            } else if inner.ended || inner.covered_until >= limit {
                return None;
            }
            self.work_out(&mut inner);
        }
    }

    /// Works out the next piece of the calendar.
    fn work_out(&self, inner: &mut Inner) {
        let until = after(inner.covered_until, days(STEP_DAYS));
        let mut more = Vec::new();
        let mut ended = true;
        for source in &mut inner.sources {
            while let Some(opening) = source.next_before(until) {
                if opening.opens_at <= self.now && self.now < opening.closes_at {
                    inner.at_now.extend(shortened(opening, source.reserve));
                }
                self.usable_of(opening, source.reserve, &mut more);
            }
            ended &= source.openings.peek().is_none();
        }
        more.retain(|stretch| stretch.closes_at > self.now);
        if !more.is_empty() {
            more.append(&mut inner.usable);
            inner.usable = merged(more);
        }
        inner.covered_until = until;
        inner.ended = ended || until == Timestamp::MAX;
    }

    /// The parts of an opening in which something may begin.
    fn usable_of(&self, opening: Opening, reserve: SignedDuration, into: &mut Vec<Opening>) {
        let first = into.len();
        self.frozen.cut(opening, into);
        if !reserve.is_zero() {
            let parts = into.split_off(first);
            into.extend(
                parts
                    .into_iter()
                    .filter_map(|part| shortened(part, reserve)),
            );
        }
    }
}

fn reserve(window: &ChangeWindow) -> SignedDuration {
    window
        .reserve
        .map_or(SignedDuration::ZERO, |reserve| reserve.elapsed())
}

fn shortened(opening: Opening, reserve: SignedDuration) -> Option<Opening> {
    let closes_at = before(opening.closes_at, reserve);
    (opening.opens_at < closes_at).then_some(Opening {
        closes_at,
        ..opening
    })
}

/// The part of a long stretch that holds `at`, or its first.
fn piece(stretch: Opening, at: Timestamp) -> Opening {
    if stretch.closes_at.duration_since(stretch.opens_at) <= days(OPENING_DAYS_MAX) {
        return stretch;
    }
    let at = at.max(stretch.opens_at);
    let end = monday_after(at);
    Opening {
        opens_at: stretch.opens_at.max(before(end, days(7))),
        closes_at: stretch.closes_at.min(end),
    }
}

impl Source {
    /// The next opening that begins before `until`. Those that touch are one, unless the whole is
    /// longer than an opening may be.
    fn next_before(&mut self, until: Timestamp) -> Option<Opening> {
        let next = self.openings.next_if(|next| next.opens_at < until)?;
        if self.reserve.is_zero() {
            return Some(next);
        }
        // A cut at a Monday is no end before which nothing new may begin.
        let touches = self
            .openings
            .peek()
            .is_some_and(|after| after.opens_at <= next.closes_at);
        if touches {
            return Some(Opening {
                closes_at: after(next.closes_at, self.reserve),
                ..next
            });
        }
        Some(next)
    }
}

/// The instants of a freeze.
pub(super) fn freeze_span(freeze: &Freeze, device_zone: &str) -> Result<Opening, UnknownZone> {
    let name = match &freeze.zone {
        domain::window::WindowZone::Device => device_zone,
        domain::window::WindowZone::Named(name) => name,
    };
    let unknown = || UnknownZone {
        zone: name.chars().take(64).collect(),
    };
    let zone = jiff::tz::TimeZone::get(name).map_err(|_| unknown())?;
    let instant = |at| zone.to_timestamp(at).map_err(|_| unknown());
    Ok(Opening {
        opens_at: instant(freeze.from)?,
        closes_at: instant(freeze.until)?,
    })
}

fn after_release_opening(window: &ChangeWindow, zone: &str, release: Timestamp) -> Option<Opening> {
    let domain::window::Recurrence::AfterRelease { days } = &window.recurrence else {
        return None;
    };
    let name = match &window.zone {
        domain::window::WindowZone::Device => zone,
        domain::window::WindowZone::Named(name) => name,
    };
    let zone = jiff::tz::TimeZone::get(name).ok()?;
    let day = zone.to_datetime(release).date();
    let day = day
        .checked_add(jiff::Span::new().days(i64::from(*days)))
        .ok()?;
    let opens_at = zone.to_timestamp(day.to_datetime(window.start)).ok()?;
    Some(Opening {
        opens_at,
        closes_at: after(opens_at, window.duration.elapsed()),
    })
}

fn monday_after(at: Timestamp) -> Timestamp {
    let week = 7 * 24 * 3600;
    let since = (at.as_second() - 4 * 24 * 3600).rem_euclid(week);
    Timestamp::from_second(at.as_second() - since + week).unwrap_or(Timestamp::MAX)
}
