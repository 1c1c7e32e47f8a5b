//! Six devices at two sites, a server and a person: what the lab's story is told with.
//!
//! Times of the story are moved by one offset that the server and every device read; nothing waits
//! for a clock.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::operator::{Operator, program};
use crate::{Device, DeviceKind, Lab, Site, Spawned, wait_until};

/// The port at which a site's gateway leads to the server.
pub const GATEWAY_PORT: u16 = 8443;
const CLOCK_IN_DEVICE: &str = "/etc/patchloop-lab-clock";
const AGENT_IN_DEVICE: &str = "/usr/local/bin/patchloop-agent";

/// A device with its agent.
pub struct Managed {
    /// The device.
    pub device: Device,
    agent: Option<Spawned>,
}

/// The lab, its server, its devices and the story's clock.
pub struct Story {
    /// The person at the command line.
    pub operator: Operator,
    /// The devices by name.
    pub devices: BTreeMap<String, Managed>,
    /// The lab.
    pub lab: Lab,
    offset: SignedDuration,
    started: Instant,
}

impl Story {
    /// Brings up server and lab below `folder`, with links from both sites to the server.
    pub fn begin(folder: &Path) -> Result<Self> {
        let lab = Lab::new(folder)?;
        let operator = Operator::start(folder)?;
        for site in Site::ALL {
            lab.forward(
                site,
                GATEWAY_PORT,
                &format!("127.0.0.1:{}", operator.agents_port()),
            )?;
        }
        Ok(Self {
            operator,
            devices: BTreeMap::new(),
            lab,
            offset: SignedDuration::ZERO,
            started: Instant::now(),
        })
    }

    /// Says where the story is.
    pub fn tell(&self, what: &str) {
        eprintln!(
            "story {:>5.1} s: {what}",
            self.started.elapsed().as_secs_f32()
        );
    }

    /// The story's time.
    pub fn now(&self) -> Timestamp {
        #[expect(
            clippy::disallowed_methods,
            reason = "the lab reads the clock that it moves"
        )]
        let real = Timestamp::now();
        real + self.offset
    }

    /// Moves the story's time to `to`, for the server and every device.
    pub fn move_to(&mut self, to: Timestamp) -> Result<()> {
        let offset = self.offset + to.duration_since(self.now());
        // Whole seconds, as the file has them: the story must not be ahead of its server.
        self.offset = SignedDuration::from_secs(offset.as_secs());
        let text = format!("{}\n", self.offset.as_secs());
        for managed in self.devices.values() {
            managed.device.write(CLOCK_IN_DEVICE, &text)?;
        }
        // A rename, so that nobody reads half a number.
        let file = self.operator.clock_file();
        let new = file.with_extension("new");
        std::fs::write(&new, &text)?;
        std::fs::rename(&new, file)?;
        Ok(())
    }

    /// Adds a device and puts the agent's program and the clock into it.
    pub fn add(&mut self, site: Site, name: &str, kind: DeviceKind) -> Result<Device> {
        let device = self.lab.device(site, name, kind)?;
        device.copy_in(&program("patchloop-agent")?, AGENT_IN_DEVICE, 0o755)?;
        device.write(CLOCK_IN_DEVICE, format!("{}\n", self.offset.as_secs()))?;
        self.devices.insert(
            name.to_owned(),
            Managed {
                device: device.clone(),
                agent: None,
            },
        );
        Ok(device)
    }

    /// A device by name.
    pub fn device(&self, name: &str) -> &Device {
        &self.devices[name].device
    }

    /// Enrols a device with a token, through its site's gateway.
    pub fn enrol(&self, name: &str, token: &str) -> Result<()> {
        self.enrol_below(name, token, "/var/lib/patchloop-agent")
    }

    /// Enrols with another state folder, as a second agent of that device would.
    pub fn enrol_below(&self, name: &str, token: &str, state: &str) -> Result<()> {
        let device = self.device(name);
        let url = format!("https://{}:{GATEWAY_PORT}", self.lab.gateway(device.site()));
        let clock = format!("PATCHLOOP_TEST_CLOCK={CLOCK_IN_DEVICE}");
        let output = device.exec(&[
            "env",
            &clock,
            AGENT_IN_DEVICE,
            "enrol",
            "--url",
            &url,
            "--pin",
            &self.operator.pin,
            "--token",
            token,
            "--name",
            name,
            "--state",
            state,
        ])?;
        ensure!(
            output.status.success(),
            "{name} does not enrol: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// Starts a device's agent: as a service where systemd runs, else as a process of its own.
    pub fn start_agent(&mut self, name: &str) -> Result<()> {
        let clock = format!("PATCHLOOP_TEST_CLOCK={CLOCK_IN_DEVICE}");
        let managed = self.devices.get_mut(name).context("no such device")?;
        match managed.device.kind() {
            DeviceKind::Plain => {
                managed.agent =
                    Some(
                        managed
                            .device
                            .spawn(&["env", &clock, AGENT_IN_DEVICE, "run"])?,
                    );
            }
            DeviceKind::Systemd => {
                managed.device.run(&[
                    "systemd-run",
                    "--collect",
                    "--unit=patchloop-agent",
                    &format!("--setenv={clock}"),
                    AGENT_IN_DEVICE,
                    "run",
                ])?;
            }
        }
        Ok(())
    }

    /// Kills a device's agent with SIGKILL, and nothing else.
    pub fn kill_agent(&mut self, name: &str) -> Result<()> {
        let managed = self.devices.get_mut(name).context("no such device")?;
        match managed.device.kind() {
            DeviceKind::Plain => managed.agent.take().context("no agent runs")?.kill(),
            DeviceKind::Systemd => {
                managed.device.run(&[
                    "systemctl",
                    "kill",
                    "--kill-who=main",
                    "--signal=KILL",
                    "patchloop-agent",
                ])?;
                let device = managed.device.clone();
                wait_until(
                    Duration::from_secs(20),
                    "the agent's unit to be gone",
                    || {
                        device
                            .exec(&["systemctl", "is-active", "patchloop-agent"])
                            .is_ok_and(|output| !output.stdout.starts_with(b"active"))
                    },
                )
            }
        }
    }

    /// What a device's agent said, for a look after a failure.
    pub fn agent_log(&self, name: &str) -> String {
        let managed = &self.devices[name];
        match (&managed.agent, managed.device.kind()) {
            (Some(agent), _) => agent.output(),
            (None, DeviceKind::Systemd) => managed
                .device
                .run(&[
                    "journalctl",
                    "--no-pager",
                    "-u",
                    "patchloop-agent",
                    "-n",
                    "80",
                ])
                .unwrap_or_default(),
            (None, DeviceKind::Plain) => String::new(),
        }
    }

    /// Waits until a question to the server has the wanted answer; after the limit says what it was.
    pub fn until(
        &self,
        seconds: u64,
        what: &str,
        arguments: &[&str],
        wanted: impl Fn(&[Value]) -> bool,
    ) -> Result<Vec<Value>> {
        let mut last = Vec::new();
        let mut fault = None;
        let waited = wait_until(Duration::from_secs(seconds), what, || {
            match self.operator.items(arguments) {
                Ok(items) => last = items,
                Err(error) => fault = Some(error),
            }
            wanted(&last)
        });
        if let Err(error) = waited {
            let logs: String = self
                .devices
                .keys()
                .map(|name| format!("--- {name}\n{}\n", tail(&self.agent_log(name))))
                .collect();
            let server = std::fs::read_to_string(self.operator.state().with_extension("log"))
                .unwrap_or_default();
            let last = serde_json::to_string_pretty(&last).unwrap_or_default();
            return Err(error.context(format!(
                "{what}: last answer {last:.4000}\nfault: {fault:?}\nagents:\n{logs}server:\n{}",
                tail(&server)
            )));
        }
        Ok(last)
    }

    /// A folder below the lab's for whatever the story writes.
    pub fn folder(&self) -> PathBuf {
        self.lab.folder().to_owned()
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(25)..].join("\n")
}

/// The versions that differ between two looks at a device: name, before, after.
pub fn differences(
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> BTreeMap<String, (Option<String>, Option<String>)> {
    before
        .keys()
        .chain(after.keys())
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| {
            (
                name.clone(),
                (before.get(name).cloned(), after.get(name).cloned()),
            )
        })
        .collect()
}
