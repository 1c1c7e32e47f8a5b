//! One feed's turn: ask, keep, follow lists, write how it went.
//!
//! Each document is kept before the next is asked for, and what an address answered is written down
//! only then: killed at any moment, the next turn goes on. A document that is not believed makes the
//! turn a failure that the feed's state tells; what was in force stays.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::access::{self, Permission, Principal};
use domain::document::{FeedState, Validators};
use domain::feed::Feed;
use feeds::fetch::plan::{self, LIST_BYTES_MAX, Next, Purpose, State, Wanted};
use feeds::fetch::{Answer, BODY_BYTES_MAX, FetchError, Request, Transport, checksum_agrees};
use feeds::sources::{Form, Source};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use store::Tx;
use utoipa::ToSchema;

use super::shelf::Unfinished;
use super::state_of;
use super::take::Taken;
use crate::{Result, Service, ServiceError, audit};

/// Failures after which a turn is given up.
const FAILURES_MAX: usize = 10;
/// Most bytes of a checksum file.
const CHECKSUM_BYTES_MAX: u64 = 4096;
/// Days after which a feed with a list of changes is read whole again.
const WHOLE_DAYS: i64 = 30;
/// The address under which it is kept when a feed was last read whole.
const WHOLE: &str = "whole";
/// Most characters of an error that is kept.
const ERROR_MAX: usize = 500;

/// What came of a turn.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refreshed {
    /// Documents that came into force.
    pub good: usize,
    /// Documents that were quarantined.
    pub quarantined: usize,
    /// Documents that went out of force, by their publisher's word.
    pub gone: usize,
    /// Documents that are left for the next turn.
    pub left: usize,
    /// What failed, the first few.
    pub failures: Vec<String>,
}

/// Feeds that are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedsAsked {
    /// Which; none: all that are enabled.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub feeds: Vec<Feed>,
}

/// A writer that ends a download when the server stops.
struct Stoppable<'a> {
    into: &'a mut dyn Write,
    stop: &'a AtomicBool,
}

impl Write for Stoppable<'_> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(std::io::Error::other("the server stops"));
        }
        self.into.write(buffer)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.into.flush()
    }
}

/// A turn under way.
struct Turn<'a> {
    service: &'a Service,
    source: &'static Source,
    transport: &'a dyn Transport,
    stop: &'a AtomicBool,
    state: State,
    done: Refreshed,
    changed: bool,
}

/// A list whose documents are being fetched.
struct OpenList {
    address: String,
    validators: Validators,
    left: usize,
    failed: bool,
}

impl Service {
    /// Asks for feeds to be fetched at once, whether they are due or not.
    pub fn feeds_ask(&self, who: &Principal, asked: &FeedsAsked) -> Result<FeedsAsked> {
        access::check(who, Permission::ManageFeed)?;
        let now = self.now();
        let mut feeds = asked.feeds.clone();
        for feed in &feeds {
            let source = self.feeds.source(*feed);
            if source.is_none_or(|source| source.form == Form::Given) {
                return Err(ServiceError::Invalid {
                    field: "feeds",
                    reason: format!("{feed} is not fetched: `patchloop feed list` shows which are"),
                });
            }
        }
        if feeds.is_empty() {
            let states = self.feed_states()?;
            let enabled = states.into_iter().filter(|(_, state)| state.enabled);
            feeds = enabled.map(|(source, _)| source.feed).collect();
        }
        let (told, who) = (feeds.clone(), who.clone());
        self.write(move |tx| {
            let words: Vec<&str> = told.iter().map(|feed| feed.word()).collect();
            let entry = audit::by(&who, now, "feed.refresh", "").saying(words.join(" "));
            Ok(tx.audit_add(&entry.0)?)
        })?;
        self.feeds.ask(&feeds);
        Ok(FeedsAsked { feeds })
    }

    /// How fetching goes, of every feed that can be fetched.
    pub(crate) fn feed_states(&self) -> Result<Vec<(&'static Source, FeedState)>> {
        let sources = self.feeds.sources();
        self.read(move |tx| {
            let fetched = sources.iter().filter(|source| source.form != Form::Given);
            fetched
                .map(|source| Ok((source, state_of(tx, source)?)))
                .collect()
        })
    }

    /// Fetches one feed. Errors: the disk or the database failed; what the network does is in
    /// the answer and in the feed's state.
    pub fn feed_refresh(
        &self,
        feed: Feed,
        transport: &dyn Transport,
        stop: &AtomicBool,
    ) -> Result<Refreshed> {
        let source = self
            .feeds
            .source(feed)
            .ok_or_else(|| ServiceError::NotFound {
                what: "feed",
                name: feed.to_string(),
            })?;
        let _held = self.feeds.change();
        let now = self.now();
        let mut turn = Turn {
            service: self,
            source,
            transport,
            stop,
            state: self.read(move |tx| plan_state(tx, feed, now))?,
            done: Refreshed::default(),
            changed: false,
        };
        turn.run()?;
        let (done, changed, whole) = (turn.done, turn.changed, turn.state.whole);
        let stopped = stop.load(Ordering::Relaxed);
        let after = done.clone();
        self.write(move |tx| {
            let mut state = state_of(tx, source)?;
            state.tried_at = Some(now);
            if let Some(first) = after.failures.first() {
                state.failures = state.failures.saturating_add(1);
                state.error = Some(first.chars().take(ERROR_MAX).collect());
            } else if !stopped {
                (state.failures, state.error) = (0, None);
                state.succeeded_at = Some(now);
                if whole {
                    let stamp = Validators {
                        listed: Some(now.to_string()),
                        ..Validators::default()
                    };
                    tx.feed_validators_put(feed, WHOLE, &stamp)?;
                }
            }
            Ok(tx.feed_put(&state)?)
        })?;
        if changed {
            self.feeds_reload()?;
        }
        Ok(done)
    }
}

/// What was fetched before, and whether everything is to be read.
fn plan_state(tx: &mut Tx<'_>, feed: Feed, now: Timestamp) -> Result<State> {
    let stamps: BTreeMap<String, String> = tx
        .feed_listed(feed)?
        .into_iter()
        .filter_map(|(address, validators)| Some((address, validators.listed?)))
        .collect();
    let last: Option<Timestamp> = stamps.get(WHOLE).and_then(|at| at.parse().ok());
    let old = SignedDuration::from_hours(24 * WHOLE_DAYS);
    Ok(State {
        whole: last.is_none_or(|last| now.duration_since(last) > old),
        stamps,
    })
}

impl Turn<'_> {
    fn run(&mut self) -> Result<()> {
        for first in plan::first(self.source, &self.state) {
            if self.is_over() {
                return Ok(());
            }
            match first.purpose {
                Purpose::Document => {
                    self.document(&first)?;
                }
                Purpose::List | Purpose::Deletions | Purpose::ArchiveName => self.list(&first)?,
            }
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.done.failures.len() >= FAILURES_MAX
    }

    fn failed(&mut self, error: &FetchError) {
        self.done.failures.push(chain(error));
    }

    /// Reads a list and fetches what it names.
    fn list(&mut self, list: &Wanted) -> Result<()> {
        let mut body = Vec::new();
        let asked = self.ask(list, LIST_BYTES_MAX, &mut body)?;
        let validators = match asked {
            Ok(Some(validators)) => validators,
            Ok(None) => return Ok(()),
            Err(error) if list.optional && error.is_absent() => return Ok(()),
            Err(error) => {
                self.failed(&error);
                return Ok(());
            }
        };
        let next = match plan::after(self.source, &self.state, list, &body) {
            Ok(next) => next,
            Err(why) => {
                let address = list.address.clone();
                self.failed(&FetchError::List { address, why });
                return Ok(());
            }
        };
        if list.purpose == Purpose::Deletions {
            self.deletions(&next)?;
        }
        self.follow(list, validators, next)
    }

    fn follow(&mut self, list: &Wanted, validators: Validators, next: Next) -> Result<()> {
        let mut open = OpenList {
            address: list.address.clone(),
            validators: Validators {
                listed: next.stamp,
                ..validators
            },
            left: next.left,
            failed: false,
        };
        let mut queue: VecDeque<Wanted> = next.wanted.into();
        while let Some(wanted) = queue.pop_front() {
            if self.is_over() {
                open.left += queue.len() + 1;
                break;
            }
            open.failed |= !self.document(&wanted)?;
        }
        self.done.left += open.left;
        // Only a list that was followed to its end need not be sent again.
        if open.left == 0 && !open.failed {
            self.remember(&open.address, open.validators)?;
        }
        Ok(())
    }

    /// Takes what the publisher declares gone out of force. Members of an archive stay until an
    /// archive comes without them and a person releases it.
    fn deletions(&mut self, next: &Next) -> Result<()> {
        let names: Vec<String> = next
            .deleted
            .iter()
            .filter_map(|path| path.rsplit('/').next().map(str::to_owned))
            .collect();
        let gone = self.service.feed_gone(self.source.feed, names)?;
        self.done.gone += gone;
        self.changed |= gone > 0;
        Ok(())
    }

    fn begin(&self) -> Result<Unfinished> {
        let shelf = self.service.feeds.shelf()?;
        shelf.begin().map_err(|error| disk(&error))
    }

    /// Fetches and keeps a document; says whether it need not be asked for again.
    fn document(&mut self, wanted: &Wanted) -> Result<bool> {
        let mut file = self.begin()?;
        let validators = match self.ask(wanted, BODY_BYTES_MAX, &mut file)? {
            Ok(Some(validators)) => validators,
            Ok(None) => return Ok(true),
            Err(error) if wanted.optional && error.is_absent() => return Ok(true),
            Err(error) => {
                self.failed(&error);
                return Ok(false);
            }
        };
        if wanted.checksum
            && let Err(error) = self.checksum(&wanted.address, &file)
        {
            self.failed(&error);
            return Ok(false);
        }
        self.take(wanted, file)?;
        self.remember(
            &wanted.address,
            Validators {
                listed: wanted.stamp.clone(),
                ..validators
            },
        )?;
        Ok(true)
    }

    fn take(&mut self, wanted: &Wanted, file: Unfinished) -> Result<()> {
        let now = self.service.now();
        let feed = self.source.feed;
        match self.service.feed_take(feed, &wanted.name, file, now)? {
            Taken::Good => {
                self.done.good += 1;
                self.changed = true;
            }
            Taken::Known => {}
            Taken::Quarantined(why) => {
                self.done.quarantined += 1;
                let told = format!("{} is quarantined: {why}", wanted.name);
                self.done.failures.push(told);
            }
        }
        Ok(())
    }

    /// Compares with the checksum file beside a document; where there is none, nothing is compared.
    fn checksum(&self, address: &str, file: &Unfinished) -> std::result::Result<(), FetchError> {
        let mut stated = Vec::new();
        let mut request = Request::new(format!("{address}.sha256"));
        request.bytes_max = CHECKSUM_BYTES_MAX;
        match self.transport.get(&request, &mut stated) {
            Ok(_) if checksum_agrees(&stated, file.sha256().bytes()) => Ok(()),
            Ok(_) => Err(FetchError::Checksum {
                address: address.to_owned(),
            }),
            Err(error) if error.is_absent() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Asks an address, else its mirror. `None`: the same as last time.
    fn ask(
        &mut self,
        wanted: &Wanted,
        bytes_max: u64,
        into: &mut dyn Write,
    ) -> Result<std::result::Result<Option<Validators>, FetchError>> {
        let (feed, address) = (self.source.feed, wanted.address.clone());
        let known = self
            .service
            .read(move |tx| Ok(tx.feed_validators(feed, &address)?))?
            .unwrap_or_default();
        let request = Request {
            address: wanted.address.clone(),
            etag: known.etag,
            last_modified: known.last_modified,
            bytes_max,
        };
        let mut into = Counted { into, bytes: 0 };
        let stop = self.stop;
        let get = |request: &Request, into: &mut dyn Write| {
            self.transport.get(request, &mut Stoppable { into, stop })
        };
        let mut answer = get(&request, &mut into);
        if let (Err(first), Some(mirror), 0) = (&answer, &wanted.mirror, into.bytes)
            && !self.stop.load(Ordering::Relaxed)
        {
            tracing::info!(error = %chain(first), mirror, "a feed's mirror is asked");
            let request = Request {
                bytes_max,
                ..Request::new(mirror.clone())
            };
            if let Ok(Answer::Body { .. }) = get(&request, &mut into) {
                // What the mirror says of its copy says nothing of the first place's.
                return Ok(Ok(Some(Validators::default())));
            }
        }
        Ok(match answer.as_mut() {
            Ok(Answer::NotModified) => Ok(None),
            Ok(Answer::Body {
                etag,
                last_modified,
                ..
            }) => Ok(Some(Validators {
                etag: etag.take(),
                last_modified: last_modified.take(),
                listed: None,
            })),
            Err(_) => Err(answer.expect_err("it was an error a line ago")),
        })
    }

    fn remember(&mut self, address: &str, validators: Validators) -> Result<()> {
        if let Some(stamp) = &validators.listed {
            let stamp = stamp.clone();
            self.state.stamps.insert(address.to_owned(), stamp);
        }
        let (feed, address) = (self.source.feed, address.to_owned());
        self.service
            .write(move |tx| Ok(tx.feed_validators_put(feed, &address, &validators)?))
    }
}

/// A writer that knows whether anything was written.
struct Counted<'a> {
    into: &'a mut dyn Write,
    bytes: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let written = self.into.write(buffer)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.into.flush()
    }
}

fn disk(error: &std::io::Error) -> ServiceError {
    ServiceError::Internal {
        what: format!("a document cannot be written: {error}"),
    }
}

/// An error and its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}
