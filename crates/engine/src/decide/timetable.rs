//! When the windows of a device let something begin: openings without freezes and without the last
//! part in which nothing new begins, of several windows as a union.
//!
//! Worked out piece by piece as far as somebody asks, never further than [`YEARS_MAX`] years.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use domain::policy::Freeze;
use domain::snapshot::Contact;
use domain::window::{ChangeWindow, Opening};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::calendar::{self, CompiledWindow, Frozen, UnknownZone};

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

/// The freezes of a device as instants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Freezes {
    pub spans: Frozen,
    /// A freeze whose times cannot be told, with the reason.
    pub refused: Option<(String, String)>,
}

impl Freezes {
    pub fn of<'f>(freezes: impl IntoIterator<Item = &'f Freeze>, device_zone: &str) -> Self {
        let (mut spans, mut refused) = (Vec::new(), None);
        for freeze in freezes {
            match calendar::freeze_span(freeze, device_zone) {
                Ok(span) => spans.push(span),
                Err(error) => {
                    refused.get_or_insert((freeze.name.to_string(), error.to_string()));
                }
            }
        }
        Self {
            spans: Frozen::new(spans),
            refused,
        }
    }
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
    device_zone: Option<TimeZone>,
    contacts: Vec<Contact>,
    /// Windows whose days depend on the release of a patch, with their zones.
    after_release: Vec<(ChangeWindow, TimeZone)>,
    /// Windows whose zone is not known.
    pub refused: Vec<(String, UnknownZone)>,
    inner: RefCell<Inner>,
    released: RefCell<HashMap<Timestamp, Rc<Released>>>,
}

#[derive(Default)]
struct Inner {
    sources: Vec<Source>,
    /// Stretches in which something may begin, in order, without touching each other.
    usable: Vec<Opening>,
    /// Openings as the windows say around now, whatever is frozen.
    at_now: Vec<Opening>,
    covered_until: Timestamp,
    ended: bool,
}

/// The openings of windows that follow a release, for one release.
#[derive(Default)]
struct Released {
    usable: Vec<Opening>,
    at_now: Vec<Opening>,
}

impl Timetable {
    /// For questions about `now` and later.
    pub fn new(
        windows: &[&ChangeWindow],
        frozen: &Frozen,
        device_zone: &str,
        contacts: Option<&[Contact]>,
        now: Timestamp,
    ) -> Self {
        let from = before(now, days(LOOK_BACK_DAYS));
        let mut table = Self {
            now,
            frozen: frozen.clone(),
            device_zone: calendar::zone(device_zone).ok(),
            contacts: contacts.unwrap_or_default().to_vec(),
            after_release: Vec::new(),
            refused: Vec::new(),
            inner: RefCell::default(),
            released: RefCell::default(),
        };
        let mut inner = Inner {
            covered_until: from,
            ..Inner::default()
        };
        for window in windows {
            let zone = match calendar::zone_of(&window.zone, device_zone) {
                Ok(zone) => zone,
                Err(error) => {
                    table.refused.push((window.name.to_string(), error));
                    continue;
                }
            };
            if window.recurrence.follows_release() {
                table.after_release.push(((*window).clone(), zone));
                continue;
            }
            let compiled = CompiledWindow::in_zone(window, zone, &[]);
            inner.usable.extend(table.caught_up(&compiled));
            inner.sources.push(Source {
                openings: compiled.openings(from).peekable(),
                reserve: reserve(&compiled),
            });
        }
        inner.usable = merged(inner.usable);
        table.inner = RefCell::new(inner);
        table
    }

    /// Where windows do not count: any time that is not frozen.
    pub fn any_time(frozen: &Frozen, now: Timestamp) -> Self {
        let table = Self::new(&[], frozen, "UTC", None, now);
        let always = Opening {
            opens_at: now,
            closes_at: Timestamp::MAX,
        };
        let inner = Inner {
            usable: table.frozen.without(always).collect(),
            at_now: vec![always],
            covered_until: Timestamp::MAX,
            ended: true,
            ..Inner::default()
        };
        table.inner.replace(inner);
        table
    }

    /// The stretches in which a device may be changed that missed an opening of a window.
    fn caught_up(&self, window: &CompiledWindow) -> Vec<Opening> {
        match &self.device_zone {
            Some(zone) if !self.contacts.is_empty() => {
                calendar::catch_up(window, &self.frozen, &self.contacts, zone, self.now)
            }
            Some(_) | None => Vec::new(),
        }
    }

    /// The openings after a release.
    fn after(&self, release: Option<Timestamp>) -> Rc<Released> {
        let Some(release) = release.filter(|_| !self.after_release.is_empty()) else {
            return Rc::default();
        };
        let mut known = self.released.borrow_mut();
        let found = known.entry(release).or_insert_with(|| {
            let mut released = Released::default();
            for (window, zone) in &self.after_release {
                let window = CompiledWindow::in_zone(window, zone.clone(), &[release]);
                released.usable.extend(self.caught_up(&window));
                for opening in window.openings(self.now) {
                    if opening.opens_at <= self.now {
                        released.at_now.extend(shortened(opening, reserve(&window)));
                    }
                    self.usable_of(opening, reserve(&window), &mut released.usable);
                }
            }
            released.usable = merged(std::mem::take(&mut released.usable));
            Rc::new(released)
        });
        Rc::clone(found)
    }

    /// The opening in which something may begin at `at`, or the next one. `release`: when the patch
    /// was released, or else first seen.
    pub fn opening(&self, at: Timestamp, release: Option<Timestamp>) -> Option<Opening> {
        let regular = self.regular(at);
        let released = self.after(release);
        let still = released
            .usable
            .iter()
            .filter(|stretch| stretch.closes_at > at);
        let mut all: Vec<Opening> = still.copied().collect();
        if all.is_empty() {
            return regular;
        }
        all.extend(regular);
        let first = merged(all).into_iter().next()?;
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
        let released = self.after(release);
        let inner = self.inner.borrow();
        inner
            .at_now
            .iter()
            .chain(&released.at_now)
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
        if !more.is_empty() {
            more.append(&mut inner.usable);
            // Put together before what is over is left out: it may belong to what is open.
            inner.usable = merged(more);
        }
        if until >= self.now {
            inner.usable.retain(|stretch| stretch.closes_at > self.now);
        }
        inner.covered_until = until;
        inner.ended = ended || until == Timestamp::MAX;
    }

    /// The parts of an opening in which something may begin.
    fn usable_of(&self, opening: Opening, reserve: SignedDuration, into: &mut Vec<Opening>) {
        let first = into.len();
        into.extend(self.frozen.without(opening));
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

fn reserve(window: &CompiledWindow) -> SignedDuration {
    window.reserve().unwrap_or(SignedDuration::ZERO)
}

/// In order; those that overlap or touch are one, empty ones are none.
fn merged(stretches: Vec<Opening>) -> Vec<Opening> {
    Frozen::new(stretches).spans().to_vec()
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

fn monday_after(at: Timestamp) -> Timestamp {
    let week = 7 * 24 * 3600;
    let since = (at.as_second() - 4 * 24 * 3600).rem_euclid(week);
    Timestamp::from_second(at.as_second() - since + week).unwrap_or(Timestamp::MAX)
}
