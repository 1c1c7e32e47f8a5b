//! Brings the package manager back in order, and says why a transaction failed.
//!
//! First what dpkg began is finished; then broken dependencies are repaired, but only when apt would
//! remove nothing for it; last, what is only half unpacked is unpacked again, at the version it had.

use domain::name::PackageName;

use super::{Apt, commands, simulation, status};
use crate::backend::{BackendError, InstallTerms, Repaired, Simulation};

/// Repairs; the caller has seen to the right and the lock.
pub(super) fn repair(apt: &Apt, terms: &InstallTerms) -> Result<Repaired, BackendError> {
    let mut repaired = Repaired::default();
    let mut problem = None;
    let before = apt.database()?.unfinished();
    if !before.is_empty() || !status::unmerged(&apt.places.dpkg()).is_empty() {
        let finished = apt.run(&commands::configure_all())?;
        if finished.succeeded() {
            let after = apt.database()?.unfinished();
            // What dpkg cannot configure, because it is not wholly unpacked, it passes over in silence.
            let done: Vec<PackageName> = before
                .iter()
                .filter(|name| !after.contains(name))
                .cloned()
                .collect();
            if before.is_empty() {
                let what = "dpkg --configure -a: finished what was interrupted";
                repaired.done.push(what.to_owned());
            } else if !done.is_empty() {
                let what = format!("dpkg --configure -a: finished {}", joined(&done));
                repaired.done.push(what);
            }
        } else {
            let said = format!("{}\n{}", finished.text(), finished.complaints());
            problem = Some(format!(
                "dpkg --configure -a failed: {}; next: look at the package's own error with `dpkg --configure PACKAGE`",
                failure_reason(&said).unwrap_or_else(|| simulation::refusal(&finished))
            ));
        }
    }
    let simulation = apt.simulated(&commands::simulate_fix(apt.package_cache().as_deref()))?;
    match plan(&simulation) {
        Plan::Nothing => {}
        Plan::Fix(what) => {
            let finished = apt.run(&commands::fix(terms))?;
            if finished.succeeded() {
                repaired.done.push(what);
                problem = None;
            } else {
                let said = format!("{}\n{}", finished.text(), finished.complaints());
                let reason =
                    failure_reason(&said).unwrap_or_else(|| simulation::refusal(&finished));
                problem = Some(format!(
                    "apt-get -f install failed: {reason}; next: repair it by hand"
                ));
            }
        }
        Plan::Hands(reason) => problem = Some(reason),
    }
    if unpack_again(apt, terms, &mut repaired)? {
        problem = None;
    }
    repaired.unfinished = apt.database()?.unfinished();
    if !repaired.unfinished.is_empty() && problem.is_none() {
        problem = Some(format!(
            "{} could not be finished; next: look at `dpkg --audit`",
            joined(&repaired.unfinished)
        ));
    }
    repaired.problem = problem;
    Ok(repaired)
}

/// Unpacks again what is only half unpacked, where nothing else would come along; whether it did.
fn unpack_again(
    apt: &Apt,
    terms: &InstallTerms,
    repaired: &mut Repaired,
) -> Result<bool, BackendError> {
    let mut any = false;
    for (name, architecture, version) in apt.database()?.half_unpacked() {
        let package = (&name, &architecture, &version);
        let cache = apt.package_cache();
        let command = commands::simulate_unpack_again(cache.as_deref(), package);
        let simulation = apt.simulated(&command)?;
        let mut installs = simulation.installs.iter();
        let alone = installs.all(|install| install.name == name && install.to == version);
        if simulation.refused.is_some() || !simulation.removals.is_empty() || !alone {
            continue;
        }
        if apt
            .run(&commands::unpack_again(package, terms))?
            .succeeded()
        {
            let what = format!("apt-get --reinstall install: unpacked {name} {version} again");
            repaired.done.push(what);
            any = true;
        }
    }
    Ok(any)
}

fn joined(names: &[PackageName]) -> String {
    names
        .iter()
        .map(PackageName::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

#[derive(Debug, PartialEq, Eq)]
enum Plan {
    Nothing,
    Fix(String),
    Hands(String),
}

/// What to do about dependencies, by what apt would do.
fn plan(simulation: &Simulation) -> Plan {
    if let Some(reason) = &simulation.refused {
        return Plan::Hands(format!(
            "apt cannot repair the dependencies: {reason}; next: repair them by hand"
        ));
    }
    if !simulation.removals.is_empty() {
        let names: Vec<&str> = simulation
            .removals
            .iter()
            .map(|r| r.name.as_str())
            .collect();
        return Plan::Hands(format!(
            "apt would remove {} to repair the dependencies; next: decide by hand with `apt-get -f install`",
            names.join(", ")
        ));
    }
    if simulation.installs.is_empty() {
        return Plan::Nothing;
    }
    let names: Vec<String> = simulation
        .installs
        .iter()
        .map(|install| format!("{} {}", install.name, install.to))
        .collect();
    Plan::Fix(format!(
        "apt-get -f install: installed {}",
        names.join(", ")
    ))
}

/// Finds in the output of apt or dpkg why a transaction failed.
///
/// dpkg names the package in one line and the reason in the next; apt's own errors begin with `E:`.
pub(super) fn failure_reason(output: &str) -> Option<String> {
    let mut lines = output.lines().peekable();
    let mut errors = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(rest) = line.strip_prefix("dpkg: error processing ") {
            let what = rest
                .trim_start_matches("package ")
                .trim_start_matches("archive ")
                .trim_end_matches(':');
            let why = lines.peek().map_or("", |next| next.trim());
            errors.push(format!("{what}: {why}"));
        } else if let Some(rest) = line.strip_prefix("dpkg: error: ") {
            errors.push(rest.trim().to_owned());
        }
    }
    if errors.is_empty() {
        errors.extend(
            output
                .lines()
                .filter_map(|line| line.strip_prefix("E: "))
                .map(|line| line.trim().to_owned()),
        );
    }
    errors.dedup();
    (!errors.is_empty()).then(|| simulation::one_line(&errors.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::{SimulatedInstall, SimulatedRemoval};

    #[test]
    fn the_reason_of_a_failed_script_names_package_and_script() {
        // From a lab device (23 November 2026), apt 2.6.1.
        let output = "Setting up labdb (2.0) ...\npostinst: migration failed\ndpkg: error processing package labdb (--configure):\n installed labdb package post-installation script subprocess returned error exit status 1\nErrors were encountered while processing:\n labdb\nE: Sub-process /usr/bin/dpkg returned an error code (1)\n";
        assert_eq!(
            failure_reason(output).unwrap(),
            "labdb (--configure): installed labdb package post-installation script subprocess returned error exit status 1"
        );
        assert_eq!(
            failure_reason("E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem. \n").unwrap(),
            "dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem."
        );
        assert_eq!(failure_reason("Setting up labdb (1.0) ...\n"), None);
    }

    #[test]
    fn a_repair_never_removes() {
        let amd64 = "amd64".parse().unwrap();
        let mut simulation = Simulation::default();
        assert_eq!(plan(&simulation), Plan::Nothing);
        simulation.installs.push(SimulatedInstall {
            name: "libx".parse().unwrap(),
            architecture: "amd64".parse().unwrap(),
            from: None,
            to: "1".parse().unwrap(),
        });
        assert_eq!(
            plan(&simulation),
            Plan::Fix("apt-get -f install: installed libx 1".to_owned())
        );
        simulation.removals.push(SimulatedRemoval {
            name: "web".parse().unwrap(),
            architecture: amd64,
        });
        assert!(
            matches!(plan(&simulation), Plan::Hands(reason) if reason.contains("would remove web"))
        );
    }
}
