//! Devices: a root file system, a network and processes of their own, on the shared base.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::command::{checked, command, wait_until};
use super::core::{Core, held, place};
use super::inside::{child_of, first_process};
use super::ledger::{Ending, Entry, ProcessId};
use super::pending::{self, Pending};
use super::proxy::PROXY_PORT;
use super::requirements::TOOL_PATH;
use super::site::{Site, in_network, make_device_network};

/// How long a command inside a device may take, unless a test says otherwise.
const COMMAND_LIMIT: Duration = Duration::from_secs(600);
/// How long a plain device may take to be there.
const PLAIN_LIMIT: Duration = Duration::from_secs(20);
/// How long systemd may take to start its units.
const BOOT_LIMIT: Duration = Duration::from_secs(90);

const PLAIN_SCRIPT: &str = include_str!("../../assets/plain-device.sh");
const SYSTEMD_SCRIPT: &str = include_str!("../../assets/systemd-device.sh");

/// What the first process of a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// A small script; services are started by `service NAME start`.
    Plain,
    /// systemd, with the services that are enabled.
    Systemd,
}

/// A running device. Cheap to clone; all clones mean the same device.
#[derive(Debug, Clone)]
pub struct Device {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    core: Arc<Core>,
    site: Site,
    name: String,
    kind: DeviceKind,
    address: Ipv4Addr,
    /// Its network namespace: also the mark by which its first process is found.
    network: String,
    /// What starts it, in the root namespace; ends when the device does.
    starter: ProcessId,
    /// Its first process, as last seen; another one after a reboot.
    first: Mutex<ProcessId>,
    spawned: Mutex<u32>,
}

/// What a device needs to be started.
pub(crate) struct Plan<'a> {
    pub(crate) site: Site,
    pub(crate) name: &'a str,
    pub(crate) kind: DeviceKind,
    /// 1 to 200, once per lab.
    pub(crate) number: u8,
    pub(crate) base: &'a Path,
}

/// An answer over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// Such as 200.
    pub status: u16,
    /// As text; bytes that are none are replaced.
    pub body: String,
}

impl Device {
    /// Starts a device and waits until it can be used.
    pub(crate) fn start(core: &Arc<Core>, plan: &Plan<'_>) -> Result<Self> {
        let (name, site) = (plan.name, plan.site);
        let folder = core.folder.join("devices").join(name);
        ensure!(!folder.exists(), "this lab already has a device {name}");
        for part in ["upper", "work", "root"] {
            fs::create_dir_all(folder.join(part))?;
            let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            fs::set_permissions(folder.join(part), open)?;
        }
        let network = core.name.device_namespace(plan.number);
        let address = site.address(10 + plan.number);
        let cable = super::names::cable(plan.number);
        make_device_network(core, site, &network, &cable, address)?;
        personalise(&folder.join("upper"), name, site)?;
        let log = format!("console-{name}");
        let starter = start_first_process(core, plan, &folder, &network, &log)?;
        let mut found = None;
        wait_until(PLAIN_LIMIT, &format!("{name}'s first process"), || {
            found = first_process(&network, plan.kind);
            found.is_some() || !starter.is_alive()
        })?;
        let first = found.with_context(|| format!("{name} ended: {}", core.log_tail(&log)))?;
        let entry = Entry {
            process: first,
            ending: Ending::Device,
            what: name.to_owned(),
        };
        core.record(|ledger| ledger.processes.push(entry))?;
        let inner = Inner {
            core: Arc::clone(core),
            site,
            name: name.to_owned(),
            kind: plan.kind,
            address,
            network,
            starter,
            first: Mutex::new(first),
            spawned: Mutex::new(0),
        };
        let device = Self {
            inner: Arc::new(inner),
        };
        device
            .wait_ready()
            .with_context(|| format!("{name}: {}", core.log_tail(&log)))?;
        Ok(device)
    }

    /// Waits until the device is up: for systemd, until all units had their turn.
    pub fn wait_ready(&self) -> Result<()> {
        let mut state = String::new();
        let limit = match self.inner.kind {
            DeviceKind::Plain => PLAIN_LIMIT,
            DeviceKind::Systemd => BOOT_LIMIT,
        };
        let up = wait_until(
            limit,
            &format!("{} to be up", self.inner.name),
            || match self.inner.kind {
                DeviceKind::Plain => self.first_process().is_ok_and(|first| {
                    Path::new(&format!("/proc/{}/root/run/lab-ready", first.pid)).exists()
                }),
                DeviceKind::Systemd => {
                    let Ok(output) = self.exec(&["systemctl", "is-system-running"]) else {
                        return false;
                    };
                    state = String::from_utf8_lossy(&output.stdout).trim().to_owned();
                    matches!(state.as_str(), "running" | "degraded")
                }
            },
        );
        ensure!(self.inner.starter.is_alive(), "{} ended", self.inner.name);
        up.with_context(|| format!("last state: `{state}`"))
    }

    /// Name, also its hostname.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Where it stands.
    pub fn site(&self) -> Site {
        self.inner.site
    }

    /// What its first process is.
    pub fn kind(&self) -> DeviceKind {
        self.inner.kind
    }

    /// Address in its site's network.
    pub fn address(&self) -> Ipv4Addr {
        self.inner.address
    }

    /// Number of the device's first process in the root namespace.
    pub fn first_pid(&self) -> Result<u32> {
        Ok(self.first_process()?.pid)
    }

    fn first_process(&self) -> Result<ProcessId> {
        let mut first = held(&self.inner.first);
        if !first.is_alive() {
            let (name, starter) = (&self.inner.name, self.inner.starter);
            ensure!(starter.is_alive(), "{name} does not run any more");
            let found = first_process(&self.inner.network, self.inner.kind);
            *first = found.with_context(|| format!("{name} is between two boots"))?;
            let entry = Entry {
                process: *first,
                ending: Ending::Device,
                what: name.clone(),
            };
            self.inner
                .core
                .record(|ledger| ledger.processes.push(entry))?;
        }
        Ok(*first)
    }

    /// A command in all of the device's namespaces, with a clean environment.
    fn inside(&self, prefix: &[&str], argv: &[&str]) -> Result<Command> {
        ensure!(!argv.is_empty(), "no command to run on {}", self.inner.name);
        let pid = self.first_process()?.pid.to_string();
        let mut whole = vec![
            "nsenter", "-t", &pid, "-m", "-p", "-u", "-i", "-n", "-C", "-r", "-w",
        ];
        whole.push("--");
        whole.extend(prefix);
        whole.extend(argv);
        let mut inside = command(&whole);
        inside.env_clear().envs([
            ("PATH", TOOL_PATH),
            ("HOME", "/root"),
            ("LC_ALL", "C.UTF-8"),
            ("TERM", "dumb"),
            ("DEBIAN_FRONTEND", "noninteractive"),
        ]);
        Ok(inside)
    }

    /// Runs a command to its end, at most ten minutes; its exit status is the caller's to judge.
    pub fn exec(&self, argv: &[&str]) -> Result<Output> {
        self.exec_within(COMMAND_LIMIT, argv)
    }

    /// Like [`Device::exec`] with another limit; 124 is the exit status of a command cut short.
    pub fn exec_within(&self, limit: Duration, argv: &[&str]) -> Result<Output> {
        let seconds = limit.as_secs().max(1).to_string();
        let mut inside = self.inside(&["timeout", "-k", "5", &seconds], argv)?;
        inside
            .output()
            .with_context(|| format!("cannot start {argv:?} on {}", self.inner.name))
    }

    /// Runs a command that has to succeed and returns what it printed.
    pub fn run(&self, argv: &[&str]) -> Result<String> {
        let seconds = COMMAND_LIMIT.as_secs().to_string();
        let mut inside = self.inside(&["timeout", "-k", "5", &seconds], argv)?;
        checked(&mut inside).with_context(|| format!("on {}", self.inner.name))
    }

    /// Starts a command that lives on, in a session of its own, its talk in a log of the lab.
    pub fn spawn(&self, argv: &[&str]) -> Result<Spawned> {
        let number = {
            let mut spawned = held(&self.inner.spawned);
            *spawned += 1;
            *spawned
        };
        let log = format!("{}-{number}", self.inner.name);
        let file = self.inner.core.log(&log)?;
        let mut inside = self.inside(&["setsid"], argv)?;
        inside
            .process_group(0)
            .stdout(file.try_clone()?)
            .stderr(file);
        let child = inside
            .spawn()
            .with_context(|| format!("cannot start {argv:?}"))?;
        let parent = child.id();
        let enterer = ProcessId::of(parent).context("nsenter is not in /proc")?;
        let mut found = None;
        wait_until(PLAIN_LIMIT, &format!("{argv:?}"), || {
            found = child_of(parent);
            found.is_some() || !enterer.is_alive()
        })?;
        let log = self.inner.core.log_path(&log);
        let Some((outside, pid)) = found else {
            let text = fs::read_to_string(&log).unwrap_or_default();
            bail!("{argv:?} ended at once on {}: {text}", self.inner.name);
        };
        Ok(Spawned {
            device: self.clone(),
            child: Mutex::new(child),
            outside,
            pid,
            log,
        })
    }

    /// Kills a process by its number inside the device.
    pub fn kill(&self, pid: u32) -> Result<()> {
        self.run(&["kill", "-KILL", &pid.to_string()])?;
        Ok(())
    }

    /// Writes a file, with its folders, replacing an older one.
    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> Result<()> {
        let source = self
            .inner
            .core
            .folder
            .join(format!("to-{}", self.inner.name));
        fs::write(&source, bytes)?;
        let written = self.copy_in(&source, path, 0o644);
        fs::remove_file(&source)?;
        written
    }

    /// Copies a file of the machine into the device.
    ///
    /// Through a process inside: a path through `/proc` would follow the device's absolute links
    /// to files of the machine.
    pub fn copy_in(&self, source: &Path, path: &str, mode: u32) -> Result<()> {
        let file = File::open(source).with_context(|| format!("no {}", source.display()))?;
        let mode = format!("{mode:o}");
        let install = ["install", "-D", "-m", &mode, "/dev/stdin", path];
        let mut inside = self.inside(&[], &install)?;
        checked(inside.stdin(Stdio::from(file))).with_context(|| format!("cannot write {path}"))?;
        Ok(())
    }

    /// Reads a file.
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        let output = self.exec(&["cat", "--", path])?;
        let talk = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "cannot read {path} on {}: {talk}",
            self.inner.name
        );
        Ok(output.stdout)
    }

    /// Installed packages with their versions, those in state `ii` only.
    pub fn packages(&self) -> Result<BTreeMap<String, String>> {
        let format = "${db:Status-Abbrev}\t${Package}\t${Version}\n";
        let text = self.run(&["dpkg-query", "-W", "-f", format])?;
        let mut packages = BTreeMap::new();
        for line in text.lines() {
            let fields: Vec<_> = line.split('\t').collect();
            let [state, name, version] = fields[..] else {
                bail!("dpkg-query said `{line}`")
            };
            if state.trim_end() == "ii" {
                packages.insert(name.to_owned(), version.to_owned());
            }
        }
        Ok(packages)
    }

    /// What apt would upgrade or add now, by its own simulation of a full upgrade.
    pub fn pending(&self) -> Result<Vec<Pending>> {
        let text = self.run(&["dpkg-query", "-W", "-f", "${Package}\t${source:Package}\n"])?;
        let pairs = text.lines().filter_map(|line| line.split_once('\t'));
        let sources = pairs
            .map(|(name, source)| (name.to_owned(), source.to_owned()))
            .collect();
        let simulation = self.run(&["apt-get", "-s", "-q", "dist-upgrade"])?;
        Ok(pending::parse(&simulation, &sources))
    }

    /// Asks the device's own web server, on its address in the site, for `path`.
    pub fn http_get(&self, path: &str) -> Result<HttpAnswer> {
        let url = format!("http://{}{path}", self.inner.address);
        let curl = [
            "curl",
            "-sS",
            "--max-time",
            "10",
            "-w",
            "\n%{http_code}",
            &url,
        ];
        let text = self.run(&curl)?;
        let (body, status) = text.rsplit_once('\n').context("curl said nothing")?;
        Ok(HttpAnswer {
            status: status.trim().parse()?,
            body: body.to_owned(),
        })
    }

    /// Processes that ended and that nobody has buried: more than a passing few are a defect.
    pub fn zombies(&self) -> Result<usize> {
        let states = self.run(&["ps", "-eo", "stat="])?;
        Ok(states
            .lines()
            .filter(|state| state.starts_with('Z'))
            .count())
    }
}

/// A process that a test started on a device.
#[derive(Debug)]
pub struct Spawned {
    device: Device,
    child: Mutex<Child>,
    outside: ProcessId,
    pid: u32,
    log: PathBuf,
}

impl Spawned {
    /// Number inside the device.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Number in the root namespace.
    pub fn outside_pid(&self) -> u32 {
        self.outside.pid
    }

    /// Whether it still runs.
    pub fn is_alive(&self) -> bool {
        self.outside.is_alive()
    }

    /// Kills it as a crash would (SIGKILL), alone: its children live on. Waits until it is gone.
    pub fn kill(&self) -> Result<()> {
        self.outside.signal(rustix::process::Signal::KILL);
        self.gone()
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    pub fn stop(&self) -> Result<()> {
        self.outside.signal(rustix::process::Signal::TERM);
        self.gone()
    }

    fn gone(&self) -> Result<()> {
        let what = format!("process {} on {} to end", self.pid, self.device.name());
        wait_until(PLAIN_LIMIT, &what, || !self.outside.is_alive())?;
        // nsenter ends with it; this buries nsenter.
        held(&self.child).wait()?;
        Ok(())
    }

    /// Waits for its end and returns its exit code; `None` when a signal ended it.
    pub fn wait(&self, limit: Duration) -> Result<Option<i32>> {
        let start = Instant::now();
        let mut ended = None;
        wait_until(
            limit,
            &format!("process {} on {}", self.pid, self.device.name()),
            || {
                ended = held(&self.child).try_wait().ok().flatten();
                ended.is_some()
            },
        )
        .with_context(|| format!("after {:?}: {}", start.elapsed(), self.output()))?;
        Ok(ended.and_then(|status| status.code()))
    }

    /// What it has written so far, both streams.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

/// Gives a device what no other one has: name, identity and its site's proxy.
fn personalise(upper: &Path, name: &str, site: Site) -> Result<()> {
    let id = fs::read_to_string("/proc/sys/kernel/random/uuid")?
        .trim()
        .replace('-', "");
    place(
        upper,
        "/etc/machine-id",
        format!("{id}\n").as_bytes(),
        0o444,
    )?;
    place(
        upper,
        "/etc/hostname",
        format!("{name}\n").as_bytes(),
        0o644,
    )?;
    let hosts = format!("127.0.0.1 localhost {name}\n{} gateway\n", site.gateway());
    place(upper, "/etc/hosts", hosts.as_bytes(), 0o644)?;
    let gateway = site.gateway();
    let proxy = format!("http://{gateway}:{PROXY_PORT}");
    let apt = format!(
        "Acquire::http::Proxy \"{proxy}\";\nAcquire::https::Proxy \"{proxy}\";\n\
         Acquire::http::Proxy::{gateway} \"DIRECT\";\n"
    );
    place(
        upper,
        "/etc/apt/apt.conf.d/90lab-site",
        apt.as_bytes(),
        0o644,
    )
}

fn start_first_process(
    core: &Core,
    plan: &Plan<'_>,
    folder: &Path,
    network: &str,
    log: &str,
) -> Result<ProcessId> {
    let (script_name, script) = match plan.kind {
        DeviceKind::Plain => ("plain-device.sh", PLAIN_SCRIPT),
        DeviceKind::Systemd => ("systemd-device.sh", SYSTEMD_SCRIPT),
    };
    let script_file = core.folder.join(script_name);
    fs::write(&script_file, script)?;
    let mut unshare = match plan.kind {
        DeviceKind::Plain => {
            let mut argv = in_network(network);
            argv.extend(
                [
                    "unshare",
                    "--mount",
                    "--pid",
                    "--fork",
                    "--kill-child",
                    "--uts",
                    "--ipc",
                ]
                .map(str::to_owned),
            );
            command(&argv)
        }
        DeviceKind::Systemd => command(&["unshare", "--mount"]),
    };
    unshare
        .args(["--propagation", "private", "bash"])
        .arg(&script_file)
        .arg(plan.name);
    unshare.arg(folder).arg(plan.base);
    if plan.kind == DeviceKind::Systemd {
        let group = format!("{}/{}", core.name.as_str(), plan.name);
        unshare.args([OsStr::new(network), OsStr::new(&group)]);
    }
    core.start_ended_by(Ending::Starter, log, &mut unshare)
}
