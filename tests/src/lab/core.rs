//! What all parts of one lab share: its name, folders, ledger and the processes it started.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, ensure};

use super::ledger::{Ending, Entry, Ledger, ProcessId, ledger_folder};
use super::names::LabName;

/// Names a folder in which the logs of each lab are kept, for a look after a failed test.
const KEEP_LOGS: &str = "PATCHLOOP_LAB_LOGS";

/// Shared by a lab and its devices.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) name: LabName,
    /// Sockets and keys: short paths, because a unix socket's may have 107 bytes at most.
    pub(crate) sockets: PathBuf,
    /// Disks of the devices, logs, the proxy's cache.
    pub(crate) folder: PathBuf,
    ledger: Mutex<Ledger>,
    children: Mutex<Vec<Child>>,
}

impl Core {
    /// Makes the lab's folders; `parent` is the caller's and stays.
    pub(crate) fn new(parent: &Path) -> Result<Arc<Self>> {
        let name = LabName::next();
        let sockets = ledger_folder().join(name.as_str());
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        let folder = parent.canonicalize()?.join(name.as_str());
        let mut ledger = Ledger::new(name.as_str())?;
        ledger.folders = vec![sockets.clone(), folder.clone()];
        ledger.save(&ledger_folder())?;
        for path in [&sockets, &folder] {
            fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        }
        let (ledger, children) = (Mutex::new(ledger), Mutex::default());
        Ok(Arc::new(Self {
            name,
            sockets,
            folder,
            ledger,
            children,
        }))
    }

    /// Changes the ledger and writes it down before returning.
    pub(crate) fn record(&self, change: impl FnOnce(&mut Ledger)) -> Result<()> {
        let mut ledger = held(&self.ledger);
        change(&mut ledger);
        ledger.save(&ledger_folder())
    }

    /// Starts a helper that lives on, in its own group, with its talk in `logs/LOG`.
    pub(crate) fn start(&self, log: &str, command: &mut Command) -> Result<ProcessId> {
        self.start_ended_by(Ending::Group, log, command)
    }

    /// Starts a process and writes down how it ends.
    pub(crate) fn start_ended_by(
        &self,
        ending: Ending,
        log: &str,
        command: &mut Command,
    ) -> Result<ProcessId> {
        let file = self.log(log)?;
        command
            .process_group(0)
            .stdout(file.try_clone()?)
            .stderr(file)
            .stdin(Stdio::null());
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        let pid = child.id();
        let process = ProcessId::of(pid);
        let mut children = held(&self.children);
        children.retain_mut(|child| !matches!(child.try_wait(), Ok(Some(_))));
        children.push(child);
        drop(children);
        let process = process.context("a process that was just started is not in /proc")?;
        let entry = Entry {
            process,
            ending,
            what: log.to_owned(),
        };
        self.record(|ledger| ledger.processes.push(entry))?;
        Ok(process)
    }

    /// Runs a command to its end that may take minutes: it ends with the lab if need be.
    pub(crate) fn run_to_end(&self, log: &str, command: &mut Command) -> Result<()> {
        let file = self.log(log)?;
        command
            .process_group(0)
            .stdout(file.try_clone()?)
            .stderr(file)
            .stdin(Stdio::null());
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        if let Some(process) = ProcessId::of(child.id()) {
            let entry = Entry {
                process,
                ending: Ending::Group,
                what: log.to_owned(),
            };
            self.record(|ledger| ledger.processes.push(entry))?;
        }
        let status = child.wait()?;
        ensure!(
            status.success(),
            "{command:?}: {status}\n{}",
            self.log_tail(log)
        );
        Ok(())
    }

    /// Copies the logs to where a person asked for them, before they vanish with the lab.
    fn keep_logs(&self) {
        let Some(kept) = std::env::var_os(KEEP_LOGS) else {
            return;
        };
        let kept = Path::new(&kept).join(self.name.as_str());
        let Ok(logs) = fs::read_dir(self.folder.join("logs")) else {
            return;
        };
        let _ = fs::create_dir_all(&kept);
        for log in logs.flatten() {
            if let Err(error) = fs::copy(log.path(), kept.join(log.file_name())) {
                eprintln!("lab: cannot keep {}: {error}", log.path().display());
            }
        }
        eprintln!("lab: logs kept in {}", kept.display());
    }

    /// Opens a log file of the lab for appending.
    pub(crate) fn log(&self, name: &str) -> Result<File> {
        let path = self.log_path(name);
        fs::create_dir_all(path.parent().expect("log_path has a folder"))?;
        let file = fs::OpenOptions::new().create(true).append(true).open(&path);
        file.with_context(|| format!("cannot write {}", path.display()))
    }

    pub(crate) fn log_path(&self, name: &str) -> PathBuf {
        self.folder.join("logs").join(format!("{name}.log"))
    }

    /// The end of a log, for error messages.
    pub(crate) fn log_tail(&self, name: &str) -> String {
        let text = fs::read(self.log_path(name)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }

    /// Like [`Core::tear_down`], when the process ends without the caller's own clearing away.
    pub(crate) fn tear_down_for_good(&self) {
        self.tear_down();
        held(&self.ledger).remove_empty_temporary_folder();
    }

    /// Ends and removes all that the ledger names. May be called again.
    pub(crate) fn tear_down(&self) {
        self.keep_logs();
        let ledger = held(&self.ledger).clone();
        for line in ledger.clean_up() {
            eprintln!("lab: could not clear away: {line}");
        }
        for mut child in held(&self.children).drain(..) {
            // Buries the ended process; one that would not end was reported above.
            let _ = child.try_wait();
        }
    }
}

/// The lock's content, also after a panic elsewhere: teardown must work then too.
pub(crate) fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tears the lab down when it goes out of scope, whichever way.
#[derive(Debug)]
pub(crate) struct TearDown(pub(crate) Arc<Core>);

impl Drop for TearDown {
    fn drop(&mut self) {
        self.0.tear_down();
    }
}

/// Writes `bytes` to `path` below `root`, with folders that all may enter.
pub(crate) fn place(root: &Path, path: &str, bytes: &[u8], mode: u32) -> Result<()> {
    let file = root.join(path.trim_start_matches('/'));
    let mut folder = root.to_path_buf();
    fs::create_dir_all(root)?;
    let parent = file.parent().context("a file needs a folder")?;
    for part in parent.strip_prefix(root)?.components() {
        folder.push(part);
        if !folder.exists() {
            fs::create_dir(&folder)?;
            fs::set_permissions(&folder, Permissions::from_mode(0o755))?;
        }
    }
    fs::write(&file, bytes).with_context(|| format!("cannot write {}", file.display()))?;
    fs::set_permissions(&file, Permissions::from_mode(mode))?;
    Ok(())
}
