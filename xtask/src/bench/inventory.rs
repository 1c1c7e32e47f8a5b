//! Processor time of the agent's inventory, against `dpkg-query -W` on the same database.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::figure::{Figure, Goal};
use super::machine::children_seconds;
use super::programs::{example, output};

const BENCH: &str = "inventory";
const ROUNDS: usize = 7;
/// Runs in a row of one round: a single one is too short for the kernel's hundredths.
const RUNS: u32 = 50;

/// Measures.
pub fn measure() -> Result<Vec<Figure>> {
    let ours = example("patchloop-backends", "inventory")?;
    let mut whole = Command::new(&ours);
    let counted = output(&mut whole, "")?;
    let listed = output(
        Command::new("dpkg-query").args(["-W", "-f", "${db:Status-Abbrev}\n"]),
        "",
    )?;
    let listed = listed
        .lines()
        .filter(|line| !line.starts_with("un"))
        .count();
    ensure!(
        counted.trim() == listed.to_string(),
        "the inventory has {} items, dpkg-query lists {listed}",
        counted.trim()
    );
    let (mut ours_ms, mut theirs_ms) = (vec![], vec![]);
    for _ in 0..ROUNDS {
        ours_ms.push(cpu_ms(&mut || Command::new(&ours))?);
        theirs_ms.push(cpu_ms(&mut || {
            let mut command = Command::new("dpkg-query");
            command.arg("-W");
            command
        })?);
    }
    Ok(vec![
        Figure::rounds(
            BENCH,
            format!("processor time of one inventory of {listed} packages, digest included"),
            &ours_ms,
            "ms",
        )
        .paired("dpkg-query -W", &ours_ms, &theirs_ms)
        .goal(Goal::RatioAtMost(2.0)),
    ])
}

/// Milliseconds of processor time, user and system, of one run.
fn cpu_ms(command: &mut dyn FnMut() -> Command) -> Result<f64> {
    let before = children_seconds()?;
    for _ in 0..RUNS {
        let mut command = command();
        let status = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .with_context(|| format!("cannot start {command:?}"))?;
        ensure!(status.success(), "{command:?} ended with {status}");
    }
    Ok((children_seconds()? - before) * 1000.0 / f64::from(RUNS))
}
