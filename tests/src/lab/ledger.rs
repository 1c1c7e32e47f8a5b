//! The ledger of one lab: everything that has to end or vanish, written before it is made.
//!
//! A file per lab in [`ledger_folder`]. [`Ledger::clean_up`] is the only teardown: drop, Ctrl-C and
//! the sweep at the next start all go through it. A process is ended only if its start time is the
//! recorded one, so that a number that was given away again is left alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde::{Deserialize, Serialize};

use super::command::{run, wait_until};

/// How long what started a device gets to end after it.
const STARTER_LIMIT: Duration = Duration::from_secs(2);
/// How long a helper gets to end by itself before it is killed.
const POLITE_LIMIT: Duration = Duration::from_secs(3);
/// How long the kernel may take to end killed processes.
const KILL_LIMIT: Duration = Duration::from_secs(15);

/// A process by number and start time: the pair is never given away twice between two boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// Number in the root namespace.
    pub pid: u32,
    /// Start, in clock ticks since boot, as `/proc/PID/stat` says.
    pub started_ticks: u64,
}

impl ProcessId {
    /// Reads the start time of a running process; `None` when it is gone.
    pub fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, started_ticks) = state_and_start(&stat)?;
        Some(Self { pid, started_ticks })
    }

    /// Whether exactly this process still runs; one that only waits to be buried does not.
    pub fn is_alive(self) -> bool {
        fs::read_to_string(format!("/proc/{}/stat", self.pid))
            .ok()
            .and_then(|stat| state_and_start(&stat))
            .is_some_and(|(state, start)| {
                start == self.started_ticks && !matches!(state, 'Z' | 'X')
            })
    }

    fn pid(self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.pid).ok()?)
    }

    /// Sends a signal to this process, if it is still the same one.
    pub fn signal(self, signal: Signal) {
        if let Some(pid) = self.pid()
            && self.is_alive()
        {
            // It may end between the look and the call: then there is nothing left to do.
            let _ = kill_process(pid, signal);
        }
    }

    /// Sends a signal to the group this process leads, if it is still the same one.
    pub(crate) fn signal_group(self, signal: Signal) {
        if let Some(pid) = self.pid()
            && self.is_alive()
        {
            let _ = kill_process_group(pid, signal);
        }
    }
}

/// Takes state and start time out of a line of `/proc/PID/stat` (proc(5), fields 3 and 22).
fn state_and_start(stat: &str) -> Option<(char, u64)> {
    // The command in parentheses may hold blanks and parentheses: count from the last one.
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let start = fields.nth(18)?.parse().ok()?;
    Some((state, start))
}

/// How a process of the lab is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// A helper with children in its own process group: asked first, then killed.
    Group,
    /// The first process of a device: killed, and the kernel takes all others with it.
    Device,
    /// What started a device: ends by itself after it, and buries its own children; else a helper.
    Starter,
}

/// One line of the ledger about a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Which process.
    pub process: ProcessId,
    /// How it is ended.
    pub ending: Ending,
    /// What it is, for people.
    pub what: String,
}

/// What one lab has made and started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Name of the lab.
    pub lab: String,
    /// The process the lab belongs to: while it lives, nobody else cleans up.
    pub owner: ProcessId,
    /// The base its devices stand on.
    pub base: Option<PathBuf>,
    /// Started processes.
    pub processes: Vec<Entry>,
    /// Named network namespaces.
    pub namespaces: Vec<String>,
    /// Folders to be removed with all they hold.
    pub folders: Vec<PathBuf>,
}

/// Folder of all ledgers on this machine.
pub fn ledger_folder() -> PathBuf {
    PathBuf::from("/run/patchloop-lab")
}

impl Ledger {
    /// An empty ledger that belongs to this process.
    pub fn new(lab: &str) -> Result<Self> {
        Ok(Self {
            lab: lab.to_owned(),
            owner: ProcessId::of(std::process::id()).context("/proc is not readable")?,
            base: None,
            processes: Vec::new(),
            namespaces: Vec::new(),
            folders: Vec::new(),
        })
    }

    /// Where the ledger of the lab of this name is kept.
    pub fn path_of(lab: &str) -> PathBuf {
        ledger_folder().join(format!("{lab}.json"))
    }

    /// Writes the ledger in one step: a reader sees the old or the new one, never half of it.
    pub fn save(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        let path = folder.join(format!("{}.json", self.lab));
        let new = path.with_extension("new");
        fs::write(&new, serde_json::to_vec_pretty(self)?)?;
        fs::rename(&new, &path).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Reads every ledger in `folder`; one that cannot be understood is reported and left alone.
    pub fn read_all(folder: &Path) -> Vec<Self> {
        let Ok(entries) = fs::read_dir(folder) else {
            return Vec::new();
        };
        let mut ledgers = Vec::new();
        for path in entries.flatten().map(|entry| entry.path()) {
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                match fs::read(&path).map(|bytes| serde_json::from_slice(&bytes)) {
                    Ok(Ok(ledger)) => ledgers.push(ledger),
                    Ok(Err(error)) => eprintln!("lab: {}: {error}", path.display()),
                    // Another lab may have cleaned up in between.
                    Err(_) => {}
                }
            }
        }
        ledgers
    }

    /// Ends and removes what the ledger names. May be called twice; says what would not go.
    pub fn clean_up(&self) -> Vec<String> {
        let mut left = Vec::new();
        let of = |ending| {
            self.processes
                .iter()
                .filter(move |entry| entry.ending == ending)
        };
        of(Ending::Device).for_each(|entry| entry.process.signal(Signal::KILL));
        // Not yet an error: a starter whose device is between two boots needs to be asked.
        let _ = wait_until(STARTER_LIMIT, "starters", || {
            of(Ending::Starter).all(|entry| !entry.process.is_alive())
        });
        for entry in of(Ending::Starter).chain(of(Ending::Group)) {
            entry.process.signal_group(Signal::TERM);
        }
        let all_gone = || self.processes.iter().all(|entry| !entry.process.is_alive());
        if wait_until(POLITE_LIMIT, "helpers", all_gone).is_err() {
            for entry in &self.processes {
                entry.process.signal_group(Signal::KILL);
            }
            if wait_until(KILL_LIMIT, "killed processes", all_gone).is_err() {
                let alive = self
                    .processes
                    .iter()
                    .filter(|entry| entry.process.is_alive());
                left.extend(alive.map(|entry| format!("{} still runs", entry.what)));
            }
        }
        for name in &self.namespaces {
            if Path::new("/run/netns").join(name).exists()
                && let Err(error) = run(&["ip", "netns", "del", name])
            {
                left.push(error.to_string());
            }
        }
        left.extend(remove_cgroups(&self.lab));
        for folder in &self.folders {
            if let Err(error) = fs::remove_dir_all(folder)
                && folder.exists()
            {
                left.push(format!("{}: {error}", folder.display()));
            }
        }
        if left.is_empty() {
            let _ = fs::remove_file(Self::path_of(&self.lab));
        }
        left
    }
}

impl Ledger {
    /// Removes the temporary folder around the lab's own, which its maker can no longer do.
    pub(crate) fn remove_empty_temporary_folder(&self) {
        let temporary = std::env::temp_dir();
        let parents = self.folders.iter().filter_map(|folder| folder.parent());
        for parent in parents.filter(|parent| parent.parent() == Some(&temporary)) {
            // Refused by the kernel unless it is empty.
            let _ = fs::remove_dir(parent);
        }
    }
}

/// Cleans up after labs whose process is gone, for example because it was killed.
pub fn sweep() {
    for ledger in Ledger::read_all(&ledger_folder()) {
        if !ledger.owner.is_alive() {
            eprintln!("lab: clearing away what {} has left behind", ledger.lab);
            for line in ledger.clean_up() {
                eprintln!("lab: {line}");
            }
            ledger.remove_empty_temporary_folder();
        }
    }
}

/// Hierarchies in which systemd makes groups: one of version 2, or those of version 1 and hybrid.
const CGROUP_ROOTS: [&str; 3] = [
    "/sys/fs/cgroup",
    "/sys/fs/cgroup/systemd",
    "/sys/fs/cgroup/unified",
];

/// Removes the lab's control groups, innermost first: the guest's manager leaves its own behind.
fn remove_cgroups(lab: &str) -> Vec<String> {
    let mut left = Vec::new();
    for root in CGROUP_ROOTS {
        let top = Path::new(root).join(lab);
        if top.is_dir()
            && let Err(error) = wait_until(POLITE_LIMIT, "empty control groups", || {
                remove_cgroup(&top);
                !top.exists()
            })
        {
            left.push(format!("{}: {error}", top.display()));
        }
    }
    left
}

/// One pass over a control group: kills what is still in it (only the lab puts anything there) and
/// removes what is empty.
fn remove_cgroup(group: &Path) {
    for line in fs::read_to_string(group.join("cgroup.procs"))
        .unwrap_or_default()
        .lines()
    {
        if let Some(process) = line.parse().ok().and_then(ProcessId::of) {
            process.signal(Signal::KILL);
        }
    }
    let Ok(entries) = fs::read_dir(group) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_cgroup(&entry.path());
        }
    }
    // A control group goes by rmdir, its files go with it. Busy ones are tried again.
    let _ = fs::remove_dir(group);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_and_start_are_found_behind_an_odd_command_name() {
        // Form of proc(5); the name is one that a process may give itself.
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 1 2 3";
        assert_eq!(state_and_start(stat), Some(('S', 98765)));
        assert_eq!(state_and_start("42 (cut"), None);
        assert_eq!(state_and_start("42 (short) S 1 2"), None);
    }

    #[test]
    fn a_process_with_another_start_is_another_process() {
        let own = ProcessId::of(std::process::id()).unwrap();
        assert!(own.is_alive());
        assert!(
            !ProcessId {
                started_ticks: own.started_ticks + 1,
                ..own
            }
            .is_alive()
        );
    }

    #[test]
    fn a_recycled_number_is_never_signalled() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let real = ProcessId::of(child.id()).unwrap();
        ProcessId {
            started_ticks: real.started_ticks + 1,
            ..real
        }
        .signal(Signal::KILL);
        assert!(real.is_alive());
        real.signal(Signal::KILL);
        assert!(!child.wait().unwrap().success());
        assert!(!real.is_alive());
    }

    #[test]
    fn a_ledger_comes_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::new("pl1a").unwrap();
        ledger.namespaces.push("pl1a-site-a".to_owned());
        ledger.processes.push(Entry {
            process: ledger.owner,
            ending: Ending::Group,
            what: "proxy".to_owned(),
        });
        ledger.save(folder.path()).unwrap();
        assert_eq!(Ledger::read_all(folder.path()), vec![ledger]);
    }

    #[test]
    fn a_broken_ledger_does_not_hide_the_others() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("pl0a.json"), "{\"lab\":").unwrap();
        let ledger = Ledger::new("pl1a").unwrap();
        ledger.save(folder.path()).unwrap();
        assert_eq!(Ledger::read_all(folder.path()), vec![ledger]);
    }

    #[test]
    fn cleaning_up_ends_the_group_and_removes_the_folder_and_can_be_repeated() {
        use std::os::unix::process::CommandExt;
        let folder = tempfile::tempdir().unwrap();
        let kept = folder.path().join("made");
        fs::create_dir_all(kept.join("inside")).unwrap();
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .process_group(0)
            .spawn()
            .unwrap();
        let process = ProcessId::of(child.id()).unwrap();
        let mut ledger = Ledger::new("pl-ledger-test").unwrap();
        ledger.processes.push(Entry {
            process,
            ending: Ending::Group,
            what: "sleep".to_owned(),
        });
        ledger.folders.push(kept.clone());
        assert_eq!(ledger.clean_up(), Vec::<String>::new());
        assert!(!child.wait().unwrap().success());
        assert!(!kept.exists());
        assert_eq!(ledger.clean_up(), Vec::<String>::new());
    }
}
