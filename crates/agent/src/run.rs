//! `patchloop-agent run`: three threads at most, and what wakes them.
//!
//! The main thread is the network half, one thread the executing half, one listens on the wake stream.
//! They pass no content to each other, only "look again"; what is to be known lies in the spool.

mod pace;

use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use backends::Backend;
use domain::clock::Clock;
use domain::offer::Lists;
use jiff::SignedDuration;

use self::pace::{Pace, Surroundings};
use crate::backoff::{self, Backoff, random};
use crate::checkin::changelogs::Budget;
use crate::checkin::{Checkin, Cycle};
use crate::enrol::busy;
use crate::execute::{Executor, Parts, Processes};
use crate::failure::{Exit, Failure};
use crate::folder::StateFolder;
use crate::guardrails::Guardrails;
use crate::identity::Identity;
use crate::link::{Link, LinkError, Wake};
use crate::platform;

/// How long the executing half rests when its files could not be used.
const EXECUTOR_REST: Duration = Duration::from_secs(30);

/// What an agent runs with.
#[derive(Clone)]
pub struct Setup {
    /// The state folder.
    pub folder: StateFolder,
    /// The package manager.
    pub backend: Arc<dyn Backend>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The agent's own program, which runs the steps that change the device.
    pub program: PathBuf,
    /// Seconds for changelogs in one cycle.
    pub changelog_seconds: u64,
    /// Bytes for changelogs in one cycle.
    pub changelog_bytes: u64,
}

impl Setup {
    fn budget(&self) -> Budget {
        Budget::new(
            Duration::from_secs(self.changelog_seconds),
            self.changelog_bytes,
        )
    }

    fn checkin(&self) -> Result<Checkin, Failure> {
        Checkin::open(
            self.folder.clone(),
            self.backend.clone(),
            self.clock.clone(),
        )
    }
}

/// One whole cycle, and no more. Orders that come are laid down and not begun.
///
/// # Errors
/// When the server gave no usable answer or files of the agent cannot be used.
pub fn once(setup: &Setup) -> Result<Cycle, Failure> {
    Identity::need(&setup.folder)?;
    setup.folder.make()?;
    let _lock = setup.folder.lock()?.ok_or_else(|| busy(&setup.folder))?;
    let mut checkin = setup.checkin()?;
    let cycle = checkin.cycle(&mut setup.budget(), &mut |line| crate::say(line))?;
    if cycle.changelogs_left > 0 {
        crate::say(&format!(
            "{} changelogs are left for the next time: the budget is used up or they cannot be fetched",
            cycle.changelogs_left
        ));
    }
    Ok(cycle)
}

/// What one thread tells another: nothing but that there is a reason to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum News {
    /// The executing half has news, or needs a word with the server.
    Nudge,
    /// The server has news.
    Wake,
}

/// Runs until it is ended from outside; `SIGTERM` ends it with exit code 0.
///
/// # Errors
/// When it cannot even begin.
pub fn forever(setup: &Setup) -> Result<std::convert::Infallible, Failure> {
    platform::end_well_when_asked()
        .map_err(|problem| Failure::refused(format!("cannot listen for SIGTERM: {problem}")))?;
    Identity::need(&setup.folder)?;
    setup.folder.make()?;
    let _lock = setup.folder.lock()?.ok_or_else(|| busy(&setup.folder))?;
    let mut checkin = setup.checkin()?;
    let (news, heard) = mpsc::channel();
    let poke = start_executor(setup, news.clone())?;
    let token = start_listener(setup, news)?;
    let mut pace = Pace::new();
    loop {
        refresh_if_due(setup, &mut checkin, &mut pace);
        let before = Instant::now();
        match checkin.cycle(&mut setup.budget(), &mut |_| ()) {
            Ok(cycle) => {
                if pace.backoff_began.take().is_some() {
                    crate::say("the server answers again");
                }
                pace.backoff.reset();
                token.put(cycle.wake);
                pace.sleep_for(
                    Duration::from_secs(u64::from(cycle.next_seconds.clamp(1, 24 * 3600))),
                    setup.clock.now(),
                );
            }
            Err(problem) => {
                if pace.backoff_began.is_none() || problem.exit != Exit::Unreachable {
                    crate::say(&problem.to_string().replace('\n', "; "));
                }
                pace.backoff_began.get_or_insert(before);
                let own = pace.backoff.next(random());
                match problem.retry_after_seconds {
                    None => pace.sleep_for(own, setup.clock.now()),
                    Some(asked) => {
                        let asked = backoff::asked(asked, random());
                        pace.obey(asked.max(own), setup.clock.now());
                    }
                }
            }
        }
        // Also when the server was away: time passes for the executing half.
        let _ = poke.send(());
        let device = Surroundings {
            clock: setup.clock.as_ref(),
            looked: checkin.looked_mark(),
            mark: &platform::change_mark,
            works: &|| works(setup),
        };
        pace.wait(&heard, &device);
    }
}

/// Fetches the package lists where this agent may, and it is time.
fn refresh_if_due(setup: &Setup, checkin: &mut Checkin, pace: &mut Pace) {
    let Some(hours) = Guardrails::read(setup.folder.root()).refresh_hours() else {
        return;
    };
    if !setup.backend.privileged() || works(setup) {
        return;
    }
    let now = setup.clock.now();
    let every = SignedDuration::from_hours(i64::from(hours.max(1)));
    let absent = checkin
        .snapshot()
        .is_some_and(|seen| seen.facts.offers.lists == Lists::Absent);
    let at = *pace.refresh_at.get_or_insert_with(|| {
        let jitter = |seconds: i64| {
            let seconds = i64::try_from(random() % 4096).unwrap_or(0) % seconds;
            SignedDuration::from_secs(seconds)
        };
        match checkin.memory().refreshed_at {
            Some(last) => last.checked_add(every + jitter(3600)).unwrap_or(now),
            None => now.checked_add(jitter(600)).unwrap_or(now),
        }
    });
    let first = absent && checkin.memory().refreshed_at.is_none();
    let went_back = at.duration_since(now) > every * 2;
    if now < at && !first && !went_back {
        return;
    }
    match setup.backend.refresh_index() {
        Ok(refreshed) => {
            for source in refreshed.failed {
                crate::say(&format!("package lists: {source}"));
            }
        }
        Err(problem) => crate::say(&format!(
            "cannot fetch the package lists: {}",
            crate::failure::chain(&problem)
        )),
    }
    pace.refresh_at = None;
    if let Err(problem) = checkin.note_refresh() {
        crate::say(&problem.to_string());
    }
}

/// Whether the executing half works on an order.
fn works(setup: &Setup) -> bool {
    let standing: Option<crate::execute::intake::Standing> =
        crate::files::read_json(&setup.folder.progress())
            .ok()
            .flatten();
    standing.is_some_and(|standing| standing.is_working())
}

fn start_executor(setup: &Setup, news: Sender<News>) -> Result<Sender<()>, Failure> {
    let (poke, poked) = mpsc::channel::<()>();
    let setup = setup.clone();
    let identity = Identity::need(&setup.folder)?;
    let open = move || -> Result<Executor, Failure> {
        let news = news.clone();
        let mut executor = Executor::open(Parts {
            folder: setup.folder.clone(),
            identity: identity.clone(),
            backend: setup.backend.clone(),
            clock: setup.clock.clone(),
            transactions: Box::new(Processes::of(setup.program.clone())),
            nudge: Box::new(move || {
                let _ = news.send(News::Nudge);
            }),
        })?;
        executor.resume()?;
        Ok(executor)
    };
    let mut executor = Some(open()?);
    thread::Builder::new()
        .name("executor".to_owned())
        .spawn(move || {
            loop {
                let turned = match &mut executor {
                    Some(executor) => executor.turn(),
                    None => open().and_then(|mut opened| {
                        let pause = opened.turn();
                        executor = Some(opened);
                        pause
                    }),
                };
                let pause = turned.unwrap_or_else(|problem| {
                    crate::say(&problem.to_string().replace('\n', "; "));
                    // What it holds may not be what the journal says: begin anew from there.
                    executor = None;
                    EXECUTOR_REST
                });
                if poked.recv_timeout(pause) == Err(RecvTimeoutError::Disconnected) {
                    return;
                }
            }
        })
        .map_err(|problem| Failure::refused(format!("cannot start a thread: {problem}")))?;
    Ok(poke)
}

/// Where the network half leaves the newest token for the wake stream.
#[derive(Clone, Default)]
struct Token(Arc<(Mutex<Option<String>>, Condvar)>);

impl Token {
    fn put(&self, token: String) {
        let (slot, changed) = &*self.0;
        *slot.lock().expect("no holder of the token can panic") = Some(token);
        changed.notify_all();
    }

    /// Waits for a token, and leaves it there.
    fn get(&self) -> String {
        let (slot, changed) = &*self.0;
        let mut held = slot.lock().expect("no holder of the token can panic");
        loop {
            match held.as_ref() {
                Some(token) => return token.clone(),
                None => {
                    held = changed
                        .wait(held)
                        .expect("no holder of the token can panic")
                }
            }
        }
    }

    /// Gives up a token that was refused, unless there is a newer one.
    fn refuse(&self, token: &str) {
        let mut held = self.0.0.lock().expect("no holder of the token can panic");
        if held.as_deref() == Some(token) {
            *held = None;
        }
    }

    /// Rests, whatever comes.
    fn rest_fully(&self, time: Duration) {
        let (slot, changed) = &*self.0;
        let held = slot.lock().expect("no holder of the token can panic");
        let _ = changed.wait_timeout_while(held, time, |_| true);
    }

    /// Rests, or until a new token comes.
    fn rest(&self, time: Duration) {
        let (slot, changed) = &*self.0;
        let held = slot.lock().expect("no holder of the token can panic");
        let _ = changed.wait_timeout(held, time);
    }
}

fn start_listener(setup: &Setup, news: Sender<News>) -> Result<Token, Failure> {
    let identity = Identity::need(&setup.folder)?;
    let token = Token::default();
    let own = token.clone();
    thread::Builder::new()
        .name("wake".to_owned())
        .spawn(move || {
            let mut link = Link::new(identity.server, identity.pin);
            let mut backoff = Backoff::default();
            loop {
                let token = own.get();
                let heard = link.listen(&token, &mut |wake| {
                    backoff.reset();
                    match wake {
                        Wake::Sync => news.send(News::Wake).is_ok(),
                        Wake::Ping => true,
                    }
                });
                match heard {
                    Err(LinkError::Refused { .. }) => own.refuse(&token),
                    Err(LinkError::Busy {
                        retry_after_seconds: Some(asked),
                    }) => own.rest_fully(backoff::asked(asked, random())),
                    Ok(()) | Err(_) => {}
                }
                own.rest(backoff.next(random()).max(Duration::from_millis(200)));
            }
        })
        .map_err(|problem| Failure::refused(format!("cannot start a thread: {problem}")))?;
    Ok(token)
}
