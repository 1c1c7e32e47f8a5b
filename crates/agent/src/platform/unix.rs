//! Linux: places of files, rights of files, processes that live outside the agent.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// The state folder of an agent that runs with all rights.
const STATE_OF_ROOT: &str = "/var/lib/patchloop-agent";
/// The guardrails of an agent that runs with all rights: root writes them, nobody else.
const GUARDRAILS_OF_ROOT: &str = "/etc/patchloop/guardrails.toml";
/// There while systemd is the first process.
const SYSTEMD_RUNS: &str = "/run/systemd/system";
/// Starts a transient unit.
const SYSTEMD_RUN: &str = "/usr/bin/systemd-run";
/// Files and folders whose time changes when what is installed or offered may have changed.
const WATCHED: [&str; 6] = [
    "/var/lib/dpkg/status",
    "/var/lib/apt/lists",
    "/var/lib/apt/extended_states",
    "/etc/apt",
    "/etc/apt/preferences.d",
    "/etc/apt/sources.list.d",
];
/// Where the package manager keeps what it downloads.
pub const DOWNLOADS: &str = "/var/cache/apt/archives";
/// Where packages are installed.
pub const ROOT: &str = "/";

/// Whether this process may change the device.
pub fn is_privileged() -> bool {
    rustix::process::geteuid().is_root()
}

/// Where state is kept when nobody says otherwise; `None` without a home.
pub fn state_folder() -> Option<PathBuf> {
    if is_privileged() {
        return Some(PathBuf::from(STATE_OF_ROOT));
    }
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|p| p.is_absolute())
    };
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .map(|base| base.join("patchloop-agent"))
}

/// Where the guardrails may stand; all that exist hold.
pub fn guardrail_files(state: &Path) -> Vec<PathBuf> {
    let beside = state.join("guardrails.toml");
    if is_privileged() {
        vec![PathBuf::from(GUARDRAILS_OF_ROOT), beside]
    } else {
        vec![beside]
    }
}

/// Refuses a file that somebody else than its owner, root or we, could have written.
pub fn check_owner(file: &Path) -> io::Result<()> {
    let found = fs::metadata(file)?;
    let own = rustix::process::geteuid().as_raw();
    if found.uid() != 0 && found.uid() != own {
        return Err(io::Error::other("it belongs to another user"));
    }
    if found.mode() & 0o022 != 0 {
        return Err(io::Error::other("others may write it"));
    }
    Ok(())
}

/// Makes a folder that only its owner can enter; one that exists is closed to others.
pub fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    if fs::metadata(path)?.mode() & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Opens a file that only its owner can read, made anew and emptied.
pub fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

/// Makes names in a folder durable.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Bytes free for this process on the file system of `path`.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let found = rustix::fs::statvfs(path)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Whether two places share their room; no, where that cannot be found out.
pub fn share_room(one: &Path, other: &Path) -> bool {
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => one.dev() == other.dev(),
        (Ok(_) | Err(_), _) => false,
    }
}

/// Number, seconds and nanoseconds of each watched file.
pub type ChangeMark = Vec<(u64, i64, i64)>;

/// Something that changes when what is installed or offered may have changed.
pub fn change_mark() -> ChangeMark {
    WATCHED
        .iter()
        .map(|path| match fs::metadata(path) {
            Ok(found) => (found.ino(), found.mtime(), found.mtime_nsec()),
            Err(_) => (0, 0, 0),
        })
        .collect()
}

/// The present boot and this process, for the note that a transaction leaves: `pid start-time`.
pub fn own_process() -> String {
    let pid = std::process::id();
    // The 22nd field; the second may hold blanks and brackets, so count from its end.
    let started = fs::read_to_string("/proc/self/stat")
        .ok()
        .and_then(|stat| {
            let rest = stat.rsplit_once(')')?.1;
            rest.split_whitespace().nth(19).map(str::to_owned)
        })
        .unwrap_or_else(|| "-".to_owned());
    format!("{pid} {started}\n")
}

/// What makes glibc give back what was freed: left alone, it keeps twice its largest block, and one read
/// of a package database makes that megabytes for weeks. It reads these at the start of a process only.
const GIVE_BACK: [(&str, &str); 3] = [
    ("MALLOC_TRIM_THRESHOLD_", "131072"),
    ("MALLOC_MMAP_THRESHOLD_", "65536"),
    ("MALLOC_ARENA_MAX", "1"),
];

/// Starts this process anew in place, so that it gives memory back; once, and not where somebody chose
/// otherwise. Where that is not possible, it goes on as it is: it only uses more.
pub fn give_memory_back() {
    let chosen = GIVE_BACK
        .iter()
        .any(|(name, _)| std::env::var_os(name).is_some());
    if chosen {
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        let _problem = Command::new(program)
            .args(std::env::args_os().skip(1))
            .envs(GIVE_BACK)
            .exec();
    }
}

/// From now on a polite request to end (`SIGTERM`) ends this process at once, and well. Nothing has to be
/// put away first: whatever the agent writes survives a kill at any point, and the steps of orders are
/// processes of their own, which go on.
pub fn end_well_when_asked() -> io::Result<()> {
    let always = Arc::new(AtomicBool::new(true));
    signal_hook::flag::register_conditional_shutdown(signal_hook::consts::SIGTERM, 0, always)?;
    Ok(())
}

/// Leaves the session and process group of whoever started us. Fails harmlessly for a group leader.
pub fn leave_session() {
    let _ = rustix::process::setsid();
}

/// Starts `program transaction folder` so that neither the end of the agent nor of its service ends
/// it. It tells how it goes by the files in `folder` only; the child, where there is one, only has to
/// be waited for after its end.
pub fn start_transaction(program: &Path, folder: &Path, name: &str) -> io::Result<Option<Child>> {
    if is_privileged() && Path::new(SYSTEMD_RUNS).is_dir() && Path::new(SYSTEMD_RUN).is_file() {
        start_unit(program, folder, name)
    } else {
        start_detached(program, folder)
    }
}

fn start_unit(program: &Path, folder: &Path, name: &str) -> io::Result<Option<Child>> {
    let mut command = Command::new(SYSTEMD_RUN);
    command
        .args(["--quiet", "--collect", "--service-type=exec"])
        .arg(format!("--unit=patchloop-order-{name}"))
        .args([
            "--property=SendSIGKILL=no",
            "--property=TimeoutStopSec=infinity",
        ]);
    for variable in INHERITED {
        if let Some(value) = std::env::var_os(variable) {
            let mut pair = std::ffi::OsString::from("--setenv=");
            pair.push(variable);
            pair.push("=");
            pair.push(value);
            command.arg(pair);
        }
    }
    let done = command
        .arg("--")
        .arg(program)
        .arg("transaction")
        .arg(folder)
        .stdin(Stdio::null())
        .output()?;
    if done.status.success() {
        Ok(None)
    } else {
        Err(io::Error::other(format!(
            "systemd-run: {}",
            String::from_utf8_lossy(&done.stderr).trim()
        )))
    }
}

/// Variables that a transient unit must see, because it does not inherit them.
const INHERITED: [&str; 1] = [clock::OFFSET_VARIABLE];

fn start_detached(program: &Path, folder: &Path) -> io::Result<Option<Child>> {
    let talk = || {
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(folder.join("talk.log"))
    };
    let child = Command::new(program)
        .arg("transaction")
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(talk()?)
        .stderr(talk()?)
        .current_dir(ROOT)
        .spawn()?;
    Ok(Some(child))
}

/// An exit status in words.
pub fn describe_exit(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

/// The name of a service that is the agent itself, which must not restart itself in an order.
pub fn own_service() -> Option<String> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    groups
        .lines()
        .filter_map(|line| line.rsplit('/').next())
        .find(|name| name.ends_with(".service"))
        .map(str::to_owned)
}

/// Services whose restart takes sessions or the whole device down; they wait for a reboot. The
/// service manager itself is not among them: it can start itself anew in place.
const NEVER_RESTARTED: [&str; 8] = [
    "dbus",
    "dbus-broker",
    "gdm",
    "gdm3",
    "lightdm",
    "sddm",
    "display-manager",
    "init",
];

/// Where the session manager notes who is signed in.
const SESSIONS: &str = "/run/systemd/sessions";

/// Whether nobody is signed in on this device; a folder that cannot be read counts as somebody.
fn nobody_is_signed_in() -> bool {
    match fs::read_dir(SESSIONS) {
        Ok(mut entries) => entries.next().is_none(),
        Err(problem) => problem.kind() == std::io::ErrorKind::NotFound,
    }
}

/// Whether a service may be restarted by an order.
pub fn may_restart(service: &str) -> bool {
    let name = service.strip_suffix(".service").unwrap_or(service);
    !NEVER_RESTARTED.contains(&name)
        // A restart of the session manager is seen by whoever is signed in, and by nobody else.
        && (name != "systemd-logind" || nobody_is_signed_in())
        && ![
            "user@",
            "getty@",
            "serial-getty@",
            "session-",
            "patchloop-order-",
        ]
        .iter()
        .any(|start| name.starts_with(start))
}
