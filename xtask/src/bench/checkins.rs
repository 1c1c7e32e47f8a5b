//! Check-ins a second of a real server over real TLS, every signature verified, acknowledged only
//! when durable: shown by killing it in the middle and asking what it still knows.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::figure::{Figure, Goal, median};
use super::fleet::Fleet;
use super::machine::{memory_kib, process_seconds, settle, wait};
use super::programs::{binary, number};
use super::server::{Folder, Server};

const BENCH: &str = "checkins";
const DEVICES: usize = 500;
const ROUNDS: usize = 5;
/// Check-ins of each device in one round.
const UNCHANGED: usize = 50;
const FULL: usize = 1;
/// How long the last run goes before the server is killed.
const UNTIL_KILL: Duration = Duration::from_millis(500);

/// What the rounds gave, one value a round.
struct Rounds {
    per_second: Vec<f64>,
    server_us: Vec<f64>,
    fleet_us: Vec<f64>,
    bytes_up: f64,
}

impl Rounds {
    const fn new() -> Self {
        Self {
            per_second: Vec::new(),
            server_us: Vec::new(),
            fleet_us: Vec::new(),
            bytes_up: 0.0,
        }
    }
}

/// Measures.
pub fn measure() -> Result<Vec<Figure>> {
    let program = binary("patchloop-server", "patchloop")?;
    let folder = Folder::make()?;
    let server = Server::start(&program, folder.path())?;
    let token = server.furnish()?;
    let mut fleet = Fleet::start(&server, folder.path())?;
    let packages = fleet.enrol(&server, &token, DEVICES)?;
    let before = process_seconds(server.pid())?;
    let first = fleet.ask("first")?;
    settle(server.pid())?;
    let first_ms = (process_seconds(server.pid())? - before) * 1e3 / DEVICES as f64;
    let [mut settled, mut unchanged, mut full] = [const { Rounds::new() }; 3];
    let (mut verify, mut fdatasync) = (vec![], vec![]);
    for _ in 0..ROUNDS {
        // The first check-in after a change takes the whole way: counted apart.
        round(&mut fleet, &server, "unchanged 1", &mut settled)?;
        round(
            &mut fleet,
            &server,
            &format!("unchanged {UNCHANGED}"),
            &mut unchanged,
        )?;
        round(&mut fleet, &server, &format!("full {FULL}"), &mut full)?;
        // Plans that follow from a change are made behind the answers.
        settle(server.pid())?;
        let limits = fleet.ask("limits")?;
        verify.push(number(&limits, "verify_per_second")?);
        fdatasync.push(number(&limits, "fdatasync_per_second")?);
    }
    let resident = memory_kib(server.pid())?.0 / 1024.0;
    let lost = killed(server, &mut fleet)?;
    let mut figures = vec![
        Figure::rounds(BENCH, "unchanged check-ins", &unchanged.per_second, "/s")
            .against("signatures that one core verifies", median(&verify))
            .goal(Goal::AtLeast(10_000.0)),
        Figure::rounds(
            BENCH,
            format!("full check-ins, {packages} packages, 3 of them changed"),
            &full.per_second,
            "/s",
        )
        .against("fdatasync of this disk", median(&fdatasync))
        .goal(Goal::AtLeast(2_000.0)),
        Figure::one(
            BENCH,
            "unchanged, bytes up with HTTP headers",
            unchanged.bytes_up,
            "B",
        )
        .goal(Goal::AtMost(300.0)),
        Figure::one(
            BENCH,
            "full, bytes up with HTTP headers",
            full.bytes_up,
            "B",
        ),
        Figure::rounds(
            BENCH,
            "unchanged check-ins, each device's first after a change",
            &settled.per_second,
            "/s",
        ),
        Figure::one(
            BENCH,
            format!("first check-ins of {DEVICES} devices, inventory and offers in full"),
            number(&first, "per_second")?,
            "/s",
        ),
        Figure::one(
            BENCH,
            "first check-in, processor time of the server until it rests, changelogs included",
            first_ms,
            "ms",
        ),
    ];
    for (name, rounds) in [("unchanged", &unchanged), ("full", &full)] {
        figures.push(Figure::rounds(
            BENCH,
            format!("{name}, processor time of the server"),
            &rounds.server_us,
            "µs",
        ));
        figures.push(Figure::rounds(
            BENCH,
            format!("{name}, processor time of the simulated devices"),
            &rounds.fleet_us,
            "µs",
        ));
    }
    figures.push(Figure::one(
        BENCH,
        "server resident after the rounds",
        resident,
        "MiB",
    ));
    figures.push(
        Figure::one(
            BENCH,
            "acknowledged and lost after SIGKILL in the middle",
            lost,
            "devices",
        )
        .goal(Goal::AtMost(0.0)),
    );
    Ok(figures)
}

fn round(fleet: &mut Fleet, server: &Server, command: &str, into: &mut Rounds) -> Result<()> {
    let before = process_seconds(server.pid())?;
    let ran = fleet.ask(command)?;
    let answered = number(&ran, "answered")?;
    ensure!(
        number(&ran, "asked_for_more")? == 0.0,
        "the server asked for more in `{command}`: {ran}"
    );
    into.per_second.push(number(&ran, "per_second")?);
    into.server_us
        .push((process_seconds(server.pid())? - before) * 1e6 / answered);
    into.fleet_us
        .push(number(&ran, "own_seconds")? * 1e6 / answered);
    into.bytes_up = number(&ran, "bytes_up_each")?;
    Ok(())
}

/// Kills the server while check-ins run, starts it again on the same folder, and counts the devices
/// of which it forgot an acknowledged counter.
fn killed(server: Server, fleet: &mut Fleet) -> Result<f64> {
    // Most devices are quiet then, so that many answers are under way when it happens.
    fleet.ask("unchanged 1")?;
    fleet.ask("until-cut")?;
    wait(UNTIL_KILL);
    let server = server.kill()?.start()?;
    let ran = fleet.answer()?;
    ensure!(
        number(&ran, "answered")? > 0.0,
        "the server was killed before it answered anything"
    );
    let checked = fleet.ask("check")?;
    eprintln!("killed after {} answers; {checked}", ran["answered"]);
    server.stop()?;
    number(&checked, "lost")
}
