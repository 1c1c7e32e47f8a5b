//! Sites: a network of their own each, without a route out.
//!
//! A site is a network namespace with a bridge. What its devices may reach is what a relay on the
//! gateway's address offers: the proxy, and the links that [`Relay`]s make.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;

use super::command::{command, run, wait_until};
use super::core::Core;
use super::ledger::ProcessId;

/// Name of the bridge inside a site.
const BRIDGE: &str = "lan";
/// How long a relay may take to listen or to end.
const RELAY_LIMIT: Duration = Duration::from_secs(5);

/// One of the lab's two sites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Site {
    /// 10.77.1.0/24
    A,
    /// 10.77.2.0/24
    B,
}

impl Site {
    /// Both, in order.
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    /// Address of the site's gateway, where the proxy and the links are offered.
    pub fn gateway(self) -> Ipv4Addr {
        self.address(1)
    }

    pub(crate) fn address(self, last: u8) -> Ipv4Addr {
        match self {
            Self::A => Ipv4Addr::new(10, 77, 1, last),
            Self::B => Ipv4Addr::new(10, 77, 2, last),
        }
    }

    fn letter(self) -> char {
        match self {
            Self::A => 'a',
            Self::B => 'b',
        }
    }

    pub(crate) fn namespace(self, core: &Core) -> String {
        core.name.site_namespace(self.letter())
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "site-{}", self.letter())
    }
}

/// Makes a site's network: a namespace, and in it a bridge that has the gateway's address.
pub(crate) fn make(core: &Core, site: Site) -> Result<()> {
    let namespace = site.namespace(core);
    make_namespace(core, &namespace)?;
    let ip = |rest: &[&str]| run(&[&["ip", "-n", namespace.as_str()], rest].concat());
    ip(&["link", "set", "lo", "up"])?;
    ip(&[
        "link",
        "add",
        BRIDGE,
        "type",
        "bridge",
        "forward_delay",
        "0",
    ])?;
    ip(&[
        "addr",
        "add",
        &format!("{}/24", site.gateway()),
        "dev",
        BRIDGE,
    ])?;
    ip(&["link", "set", BRIDGE, "up"])?;
    Ok(())
}

/// Makes a device's network and plugs it into its site's bridge.
pub(crate) fn make_device_network(
    core: &Core,
    site: Site,
    namespace: &str,
    cable: &str,
    address: Ipv4Addr,
) -> Result<()> {
    make_namespace(core, namespace)?;
    let (of_site, of_device) = (site.namespace(core), namespace);
    let add = [
        "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", of_device,
    ];
    run(&[&["ip", "-n", &of_site], add.as_slice()].concat())?;
    run(&[
        "ip", "-n", &of_site, "link", "set", cable, "master", BRIDGE, "up",
    ])?;
    run(&["ip", "-n", of_device, "link", "set", "lo", "up"])?;
    run(&[
        "ip",
        "-n",
        of_device,
        "addr",
        "add",
        &format!("{address}/24"),
        "dev",
        "eth0",
    ])?;
    run(&["ip", "-n", of_device, "link", "set", "eth0", "up"])?;
    Ok(())
}

fn make_namespace(core: &Core, name: &str) -> Result<()> {
    core.record(|ledger| ledger.namespaces.push(name.to_owned()))?;
    run(&["ip", "netns", "add", name])?;
    Ok(())
}

/// `nsenter` into a named network namespace, to be followed by a command.
pub(crate) fn in_network(namespace: &str) -> Vec<String> {
    vec![
        "nsenter".to_owned(),
        format!("--net=/run/netns/{namespace}"),
    ]
}

/// Offers a unix socket of the root namespace as a TCP port on a site's gateway.
pub(crate) fn offer(core: &Core, site: Site, port: u16, socket: &Path) -> Result<ProcessId> {
    let gateway = site.gateway();
    let mut argv = in_network(&site.namespace(core));
    argv.extend([
        "socat".to_owned(),
        format!("TCP-LISTEN:{port},bind={gateway},fork,reuseaddr"),
        format!("UNIX-CONNECT:{}", socket.display()),
    ]);
    let log = format!("relay-{site}-{port}");
    let process = core.start(&log, &mut command(&argv))?;
    wait_until(
        RELAY_LIMIT,
        &format!("the relay on {gateway}:{port}"),
        || listens_on(process, port) || !process.is_alive(),
    )?;
    anyhow::ensure!(
        process.is_alive(),
        "no relay on {gateway}:{port}: {}",
        core.log_tail(&log)
    );
    Ok(process)
}

/// Whether a process' network has a TCP listener on `port` (`/proc/PID/net/tcp`, proc(5)).
fn listens_on(process: ProcessId, port: u16) -> bool {
    let table = std::fs::read_to_string(format!("/proc/{}/net/tcp", process.pid));
    let wanted = format!(":{port:04X}");
    table.unwrap_or_default().lines().any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next().unwrap_or_default();
        local.ends_with(&wanted) && fields.nth(1) == Some("0A")
    })
}

/// A link from a port on a site's gateway to a TCP address in the root namespace.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) site: Site,
    pub(crate) port: u16,
    target: String,
    /// The end in the root namespace; `None` while the link is cut.
    outside: Option<ProcessId>,
    inside: Option<ProcessId>,
}

impl Relay {
    /// Makes the link.
    pub(crate) fn new(core: &Core, site: Site, port: u16, target: &str) -> Result<Self> {
        let mut relay = Self {
            site,
            port,
            target: target.to_owned(),
            outside: None,
            inside: None,
        };
        relay.heal(core)?;
        Ok(relay)
    }

    /// Breaks the link: open connections end, new ones are refused.
    pub(crate) fn cut(&mut self) -> Result<()> {
        for process in [self.inside.take(), self.outside.take()]
            .into_iter()
            .flatten()
        {
            process.signal_group(Signal::KILL);
            wait_until(RELAY_LIMIT, "a relay to end", || !process.is_alive())?;
        }
        Ok(())
    }

    /// Makes the link again, if it is cut.
    pub(crate) fn heal(&mut self, core: &Core) -> Result<()> {
        if self.outside.is_some() {
            return Ok(());
        }
        let socket = core
            .sockets
            .join(format!("{}-{}.sock", self.site, self.port));
        // What a killed relay left behind would look as if the new one listened already.
        let _ = std::fs::remove_file(&socket);
        let listen = format!("UNIX-LISTEN:{},fork", socket.display());
        let log = format!("link-{}-{}", self.site, self.port);
        let target = format!("TCP:{}", self.target);
        let outside = core.start(&log, &mut command(&["socat", &listen, &target]))?;
        wait_until(RELAY_LIMIT, "a link's outer end", || {
            socket.exists() || !outside.is_alive()
        })?;
        anyhow::ensure!(
            outside.is_alive(),
            "no link to {}: {}",
            self.target,
            core.log_tail(&log)
        );
        self.outside = Some(outside);
        let inside = offer(core, self.site, self.port, &socket);
        self.inside = Some(inside.with_context(|| format!("the link to {}", self.target))?);
        Ok(())
    }
}
