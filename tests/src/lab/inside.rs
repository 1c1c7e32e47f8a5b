//! Finding a device's processes from outside, by their namespaces and numbers.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::device::DeviceKind;
use super::ledger::ProcessId;

/// Finds the process that is number 1 in a pid namespace and lives in the network `name`.
///
/// Before systemd takes its place, nspawn's helper is number 1, still with the machine's root.
pub(crate) fn first_process(name: &str, kind: DeviceKind) -> Option<ProcessId> {
    let network = fs::metadata(Path::new("/run/netns").join(name)).ok()?;
    all_pids().find_map(|pid| {
        let own = fs::metadata(format!("/proc/{pid}/ns/net")).ok()?;
        if (own.dev(), own.ino()) != (network.dev(), network.ino()) {
            return None;
        }
        let program = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        if kind == DeviceKind::Systemd && program.trim() != "systemd" {
            return None;
        }
        let numbers = numbers_inside(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?);
        // The last number is the innermost; a process of the root namespace has only one.
        (numbers.len() > 1 && numbers.last() == Some(&1)).then(|| ProcessId::of(pid))?
    })
}

/// The only child of a process, with its number in its own namespace.
pub(crate) fn child_of(parent: u32) -> Option<(ProcessId, u32)> {
    all_pids().find_map(|pid| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
        if line.trim().parse() != Ok(parent) {
            return None;
        }
        Some((ProcessId::of(pid)?, *numbers_inside(&status).last()?))
    })
}

fn all_pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The numbers of a process from the outermost namespace to its own (`NSpid`, proc(5)).
fn numbers_inside(status: &str) -> Vec<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    line.unwrap_or_default()
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_number_comes_last() {
        // Form of proc(5), /proc/PID/status.
        let status = "Name:\tbash\nPPid:\t4000\nNSpid:\t4711\t1\nNSpgid:\t4711\t1\n";
        assert_eq!(numbers_inside(status), [4711, 1]);
        assert!(numbers_inside("Name:\tbash\n").is_empty());
    }
}
