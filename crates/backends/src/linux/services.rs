//! Which service a process belongs to, and how services are restarted and asked.
//!
//! Where systemd is the first process, the control group names the unit. Elsewhere the init scripts are
//! read: a process belongs to the one whose pid file names it or an ancestor that runs the same program,
//! or whose daemon it runs.

use std::path::Path;

use crate::command::Command;

use super::processes::program;

/// Most generations from a process up to the one that the pid file names.
const ANCESTORS_MAX: usize = 16;

/// Whether systemd manages this system; the test that sd_booted(3) makes.
pub(crate) fn has_systemd(root: &Path) -> bool {
    root.join("run/systemd/system").is_dir()
}

/// Whether `name` can be given to the service manager.
pub(crate) fn is_service_name(name: &str) -> bool {
    (1..=200).contains(&name.len())
        && name.bytes().all(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'@' | b'.' | b'_' | b'-' | b':' | b'\\')
        })
        && name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && !name.contains("..")
}

/// The name under which systemd's own first process is restarted: in place, keeping all it knows.
const SERVICE_MANAGER: &str = "systemd";

fn unit(name: &str) -> String {
    if name.ends_with(".service") {
        name.to_owned()
    } else {
        format!("{name}.service")
    }
}

/// Restarts a service.
pub(crate) fn restart(root: &Path, name: &str) -> Command {
    if has_systemd(root) && name == SERVICE_MANAGER {
        Command::new("/usr/bin/systemctl", ["daemon-reexec"])
    } else if has_systemd(root) {
        Command::new(
            "/usr/bin/systemctl",
            ["restart".to_owned(), "--".to_owned(), unit(name)],
        )
    } else {
        Command::new("/usr/sbin/service", [name, "restart"])
    }
    .timeout(std::time::Duration::from_secs(300))
}

/// Asks whether a service runs: exit code 0 means that it does.
pub(crate) fn status(root: &Path, name: &str) -> Command {
    if has_systemd(root) && name == SERVICE_MANAGER {
        Command::new("/usr/bin/systemctl", ["show", "--property=Version"])
    } else if has_systemd(root) {
        Command::new(
            "/usr/bin/systemctl",
            [
                "is-active".to_owned(),
                "--quiet".to_owned(),
                "--".to_owned(),
                unit(name),
            ],
        )
    } else {
        Command::new("/usr/sbin/service", [name, "status"])
    }
    .timeout(std::time::Duration::from_secs(60))
}

/// Asks the administrator's policy for init scripts; exit code 101 forbids. `None`: there is none.
pub(crate) fn policy(root: &Path, name: &str) -> Option<Command> {
    let script = "usr/sbin/policy-rc.d";
    (!has_systemd(root) && root.join(script).exists())
        .then(|| Command::new("/usr/sbin/policy-rc.d", [name, "restart"]))
}

/// The service of a process, where one is found.
pub(crate) fn service_of(root: &Path, id: u32, scripts: &[Script]) -> Option<String> {
    if has_systemd(root) && id == 1 {
        Some(SERVICE_MANAGER.to_owned())
    } else if has_systemd(root) {
        let groups = std::fs::read_to_string(root.join(format!("proc/{id}/cgroup"))).ok()?;
        unit_of(&groups)
    } else {
        script_of(root, id, scripts)
    }
}

/// Reads `/proc/PID/cgroup`: the last `NAME.service` of a path that is not a user's own session.
fn unit_of(groups: &str) -> Option<String> {
    groups
        .lines()
        .filter_map(|line| {
            let mut parts = line.splitn(3, ':');
            let (number, controller, path) = (parts.next()?, parts.next()?, parts.next()?);
            (controller == "name=systemd" || (number == "0" && controller.is_empty()))
                .then_some(path)
        })
        .filter(|path| {
            !path
                .split('/')
                .any(|part| part == "user.slice" || part.starts_with("user@"))
        })
        .find_map(|path| {
            path.rsplit('/')
                .find_map(|part| part.strip_suffix(".service"))
        })
        .map(str::to_owned)
}

/// What an init script says of its service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Script {
    name: String,
    pid_files: Vec<String>,
    daemons: Vec<String>,
}

/// Reads all init scripts below `root`, sorted by name.
pub(crate) fn scripts(root: &Path) -> Vec<Script> {
    let Ok(entries) = std::fs::read_dir(root.join("etc/init.d")) else {
        return Vec::new();
    };
    let mut found: Vec<Script> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let text = std::fs::read(entry.path()).ok()?;
            is_service_name(&name).then(|| script(name, &String::from_utf8_lossy(&text)))
        })
        .collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

fn script(name: String, text: &str) -> Script {
    let mut pid_files = vec![
        format!("/run/{name}.pid"),
        format!("/run/{name}/{name}.pid"),
    ];
    let mut daemons = Vec::new();
    for line in text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
    {
        let words = line
            .split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '=' | ';' | '`' | ')'));
        for word in words {
            let word = word.replace("$NAME", &name).replace("${NAME}", &name);
            if let Some(path) = word
                .strip_prefix("/var/run/")
                .map(|rest| format!("/run/{rest}"))
                .or_else(|| word.starts_with("/run/").then(|| word.clone()))
                && path.ends_with(".pid")
                && !path.contains('$')
            {
                pid_files.push(path);
            }
        }
        let daemon = line
            .strip_prefix("DAEMON=")
            .or_else(|| line.strip_prefix("daemon="))
            .map(|path| path.trim_matches(|c| c == '"' || c == '\''));
        if let Some(path) = daemon.filter(|path| path.starts_with('/') && !path.contains('$')) {
            daemons.push(path.to_owned());
        }
    }
    pid_files.sort();
    pid_files.dedup();
    Script {
        name,
        pid_files,
        daemons,
    }
}

fn script_of(root: &Path, id: u32, scripts: &[Script]) -> Option<String> {
    let proc = root.join("proc");
    let own = program(&proc, id)?.0;
    let family = ancestors(&proc, id, &own);
    let by_pid_file = scripts.iter().find(|script| {
        script.pid_files.iter().any(|path| {
            let text = std::fs::read_to_string(root.join(path.trim_start_matches('/')))
                .unwrap_or_default();
            // PostgreSQL and others write more lines below the number.
            text.lines()
                .next()
                .and_then(|line| line.trim().parse().ok())
                .is_some_and(|named: u32| family.contains(&named))
        })
    });
    by_pid_file
        .or_else(|| scripts.iter().find(|script| script.daemons.contains(&own)))
        .map(|script| script.name.clone())
}

/// The process and those above it that run the same program.
///
/// Only these: a shell below sshd is a child of the service, and is not the service.
fn ancestors(proc: &Path, id: u32, own: &str) -> Vec<u32> {
    let mut family = vec![id];
    let mut at = id;
    while family.len() < ANCESTORS_MAX {
        let Some(parent) = parent(proc, at) else {
            break;
        };
        if program(proc, parent).is_none_or(|(program, _)| program != own) {
            break;
        }
        family.push(parent);
        at = parent;
    }
    family
}

fn parent(proc: &Path, id: u32) -> Option<u32> {
    let status = std::fs::read_to_string(proc.join(format!("{id}/status"))).ok()?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("PPid:"))?
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn units_are_read_from_control_groups() {
        for (groups, unit) in [
            ("0::/system.slice/nginx.service\n", Some("nginx")),
            (
                "5:memory:/x.service\n1:name=systemd:/system.slice/ssh.service\n0::/\n",
                Some("ssh"),
            ),
            (
                "0::/system.slice/system-getty.slice/getty@tty1.service\n",
                Some("getty@tty1"),
            ),
            (
                "0::/system.slice/docker.service/init.scope\n",
                Some("docker"),
            ),
            ("0::/user.slice/user-0.slice/session-3.scope\n", None),
            (
                "0::/user.slice/user-1000.slice/user@1000.service/app.slice/a.service\n",
                None,
            ),
            ("0::/init.scope\n", None),
            ("garbage", None),
        ] {
            assert_eq!(unit_of(groups).as_deref(), unit, "{groups}");
        }
    }

    fn process(root: &Path, id: u32, parent: u32, exe: &str) {
        let own = root.join(format!("proc/{id}"));
        std::fs::create_dir_all(&own).unwrap();
        symlink(exe, own.join("exe")).unwrap();
        std::fs::write(own.join("status"), format!("Name:\tx\nPPid:\t{parent}\n")).unwrap();
    }

    #[test]
    fn init_scripts_are_found_by_pid_file_ancestor_and_daemon() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("etc/init.d")).unwrap();
        std::fs::create_dir_all(root.join("run")).unwrap();
        // Lines as they stand in Debian's scripts.
        std::fs::write(
            root.join("etc/init.d/ssh"),
            "#!/bin/sh\n\tif start-stop-daemon --start --quiet --pidfile /run/sshd.pid --exec /usr/sbin/sshd; then\n",
        )
        .unwrap();
        std::fs::write(
            root.join("etc/init.d/nginx"),
            "NAME=nginx\nDAEMON=/usr/sbin/nginx\n",
        )
        .unwrap();
        std::fs::write(
            root.join("etc/init.d/cron"),
            "PIDFILE=/var/run/crond.pid\nDAEMON=/usr/sbin/cron\n",
        )
        .unwrap();
        std::fs::write(root.join("run/sshd.pid"), "100\n").unwrap();
        std::fs::write(root.join("run/crond.pid"), "300").unwrap();
        process(root, 100, 1, "/usr/sbin/sshd");
        process(root, 101, 100, "/usr/sbin/sshd (deleted)");
        process(root, 102, 101, "/bin/bash");
        process(root, 200, 1, "/usr/sbin/nginx (deleted)");
        process(root, 300, 1, "/usr/sbin/cron");
        process(root, 400, 1, "/usr/bin/editor");
        let scripts = scripts(root);
        let of = |id| service_of(root, id, &scripts);
        assert_eq!(of(100).as_deref(), Some("ssh"));
        assert_eq!(of(101).as_deref(), Some("ssh"));
        assert_eq!(of(102), None);
        assert_eq!(of(200).as_deref(), Some("nginx"));
        assert_eq!(of(300).as_deref(), Some("cron"));
        assert_eq!(of(400), None);
    }

    #[test]
    fn only_names_of_services_are_taken() {
        for good in [
            "nginx",
            "postgresql@15-main",
            "php8.2-fpm",
            "systemd-journald",
        ] {
            assert!(is_service_name(good), "{good}");
        }
        for bad in ["", "-f", "--now", "a b", "a;b", "../x", "a/b", "ü"] {
            assert!(!is_service_name(bad), "{bad}");
        }
    }
}
