//! Waiting, with news and changes made by hand. The clock stands still, so only elapsed time and news
//! end a wait.

use std::cell::Cell;
use std::sync::mpsc;

use domain::clock::FixedClock;

use super::*;

fn mark(number: u64) -> ChangeMark {
    vec![(number, 0, 0)]
}

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

/// Long enough that a wait which nothing shortens is told from one that news ended.
const LONG: Duration = Duration::from_secs(600);

/// Waits with a device whose mark is always `stands`; how long that took.
fn waited(pace: &mut Pace, heard: &Receiver<News>, working: bool, stands: u64) -> Duration {
    let began = Instant::now();
    let clock = FixedClock::at(now());
    pace.wait(
        heard,
        &Surroundings {
            clock: &clock,
            looked: Some(&mark(1)),
            mark: &|| mark(stands),
            works: &|| working,
        },
    );
    began.elapsed()
}

#[test]
fn a_change_by_hand_is_seen_once_it_has_come_to_rest() {
    let mut watch = Watch::default();
    let looked = mark(1);
    for (stands, settled) in [
        (1, false),
        (1, false),
        (2, false),
        (3, false),
        (3, true),
        (1, false),
        (1, false),
    ] {
        assert_eq!(
            watch.settled(Some(&looked), mark(stands)),
            settled,
            "{stands}"
        );
    }
    let mut never_looked = Watch::default();
    assert!(!never_looked.settled(None, mark(1)));
    assert!(!never_looked.settled(None, mark(1)));
}

#[test]
fn news_end_a_wait_at_once() {
    for news in [News::Nudge, News::Wake] {
        let (tell, heard) = mpsc::channel();
        let mut pace = Pace::new();
        pace.sleep_for(LONG, now());
        tell.send(news).unwrap();
        assert!(waited(&mut pace, &heard, false, 1) < Duration::from_secs(60));
    }
}

#[test]
fn nothing_shortens_what_a_busy_server_asked_for() {
    let asked = Duration::from_millis(300);
    for news in [News::Nudge, News::Wake] {
        let (tell, heard) = mpsc::channel();
        let mut pace = Pace::new();
        pace.obey(asked, now());
        tell.send(news).unwrap();
        assert!(waited(&mut pace, &heard, false, 2) >= asked);
    }
}

#[test]
fn a_wait_looks_at_the_files_rarely() {
    let (_tell, heard) = mpsc::channel();
    let mut pace = Pace::new();
    pace.sleep_for(Duration::from_millis(200), now());
    let glances = Cell::new(0);
    let clock = FixedClock::at(now());
    pace.wait(
        &heard,
        &Surroundings {
            clock: &clock,
            looked: Some(&mark(1)),
            mark: &|| {
                glances.set(glances.get() + 1);
                mark(1)
            },
            works: &|| false,
        },
    );
    assert_eq!(glances.get(), 1, "once, when the time was over");
}

/// Built for tests, glances are short enough to wait for.
#[cfg(feature = "test-clock")]
#[test]
fn a_change_ends_a_wait_unless_an_order_is_at_work_or_the_server_away() {
    let (_tell, heard) = mpsc::channel();
    let mut pace = Pace::new();
    pace.sleep_for(LONG, now());
    assert!(waited(&mut pace, &heard, false, 2) < Duration::from_secs(60));
    let short = Duration::from_millis(1700);
    pace.sleep_for(short, now());
    assert!(waited(&mut pace, &heard, true, 2) >= short);
    pace.sleep_for(short, now());
    pace.backoff_began = Some(Instant::now());
    assert!(waited(&mut pace, &heard, false, 2) >= short);
}
