//! Reads what `apt-get -s` says it would do. Pure.
//!
//! Source: apt's own output (samples in `tests/samples`): `Inst NAME [INSTALLED] (CANDIDATE ORIGIN, …
//! [ARCHITECTURE]) [WAITING FOR]`, `Remv NAME [INSTALLED]`, `Conf …`, and the lists above them.

use domain::name::{Architecture, PackageName};

use crate::backend::{BackendError, SimulatedInstall, SimulatedRemoval, Simulation};
use crate::command::Finished;

/// Most characters of a reason in the package manager's words.
const REASON_CHARS_MAX: usize = 500;

/// Reads a simulation; `native` is the system's own architecture.
pub(crate) fn read(finished: &Finished, native: &Architecture) -> Result<Simulation, BackendError> {
    let text = finished.text();
    let mut simulation = Simulation::default();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("Inst ") {
            simulation
                .installs
                .push(install(rest).ok_or_else(|| unreadable(line))?);
        } else if let Some(rest) = line
            .strip_prefix("Remv ")
            .or_else(|| line.strip_prefix("Purg "))
        {
            simulation
                .removals
                .push(removal(rest, native).ok_or_else(|| unreadable(line))?);
        }
    }
    simulation.kept_back = listed(&text, "The following packages have been kept back:");
    simulation.kept_back.extend(listed(
        &text,
        "The following upgrades have been deferred due to phasing:",
    ));
    let held = listed(&text, "The following held packages will be changed:");
    if !finished.succeeded() {
        simulation.refused = Some(refusal(finished));
    } else if !held.is_empty() {
        simulation.refused = Some(format!(
            "the device's administrator holds {}",
            held.join(", ")
        ));
    }
    Ok(simulation)
}

fn unreadable(line: &str) -> BackendError {
    BackendError::Unreadable {
        place: "apt-get -s".to_owned(),
        text: line.chars().take(200).collect(),
        expected: "`Inst NAME [INSTALLED] (CANDIDATE ORIGIN [ARCHITECTURE])` or `Remv NAME [INSTALLED]`",
    }
}

fn install(rest: &str) -> Option<SimulatedInstall> {
    let (name, rest) = rest.split_once(' ')?;
    let (from, rest) = match rest.strip_prefix('[') {
        Some(rest) => {
            let (from, rest) = rest.split_once("] ")?;
            (Some(from.parse().ok()?), rest)
        }
        None => (None, rest),
    };
    let (to, rest) = rest.strip_prefix('(')?.split_once(' ')?;
    // The origins may hold blanks and brackets of their own; the architecture is the last thing
    // before the closing parenthesis.
    let inside = &rest[..rest.find("])")?];
    let architecture = inside.rsplit_once('[')?.1;
    Some(SimulatedInstall {
        name: bare(name).parse().ok()?,
        architecture: architecture.parse().ok()?,
        from,
        to: to.parse().ok()?,
    })
}

fn removal(rest: &str, native: &Architecture) -> Option<SimulatedRemoval> {
    let name = rest.split(' ').next()?;
    let (name, architecture) = split_name(name, native)?;
    Some(SimulatedRemoval { name, architecture })
}

fn bare(name: &str) -> &str {
    name.split_once(':').map_or(name, |(bare, _)| bare)
}

/// Reads `name` or `name:architecture`.
pub(crate) fn split_name(text: &str, native: &Architecture) -> Option<(PackageName, Architecture)> {
    match text.split_once(':') {
        Some((name, architecture)) => Some((name.parse().ok()?, architecture.parse().ok()?)),
        None => Some((text.parse().ok()?, native.clone())),
    }
}

/// The names below a heading: indented lines until one that is not.
fn listed(text: &str, heading: &str) -> Vec<String> {
    text.lines()
        .skip_while(|line| *line != heading)
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .flat_map(str::split_ascii_whitespace)
        .map(str::to_owned)
        .collect()
}

/// Why apt refused, in its own words: its errors, and the dependencies that it could not meet.
pub(crate) fn refusal(finished: &Finished) -> String {
    let complaints = finished.complaints();
    let text = finished.text();
    let errors = complaints
        .lines()
        .chain(text.lines())
        .filter_map(|line| line.strip_prefix("E: "));
    let unmet = text
        .lines()
        .skip_while(|line| !line.starts_with("The following packages have unmet dependencies"))
        .skip(1)
        .take_while(|line| line.starts_with(' '));
    let mut parts: Vec<String> = errors.map(|line| line.trim().to_owned()).collect();
    parts.extend(
        unmet
            .take(4)
            .map(|line| line.split_ascii_whitespace().collect::<Vec<_>>().join(" ")),
    );
    if parts.is_empty() {
        parts.push(match finished.code {
            Some(code) => format!(
                "exit code {code}: {}",
                complaints
                    .lines()
                    .last()
                    .unwrap_or("nothing was said")
                    .trim()
            ),
            None => "ended by a signal".to_owned(),
        });
    }
    one_line(&parts.join("; "))
}

/// One printable line of limited length.
pub(crate) fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if domain::name::printable(c) { c } else { ' ' })
        .take(REASON_CHARS_MAX)
        .collect()
}

#[cfg(test)]
mod tests;
