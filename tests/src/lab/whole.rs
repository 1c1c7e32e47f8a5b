//! The whole lab: two sites, the proxy, the links, the devices and the own repository.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::base::Base;
use super::core::{Core, TearDown, held};
use super::device::{Device, DeviceKind, Plan};
use super::names::check_device_name;
use super::pending::Pending;
use super::proxy::{PROXY_PORT, Proxy};
use super::repository::{OwnRepo, SLOW_SECONDS_DEFAULT};
use super::site::{Relay, Site, make, offer};
use super::sources::Mirror;
use super::{ledger, requirements, signals};

/// Devices one lab may have: the rest of a site's addresses is for what tests add.
const DEVICES_MAX: u8 = 200;

/// A running lab. Everything ends and vanishes when it is dropped.
#[derive(Debug)]
pub struct Lab {
    // First field: dropped first, so that nothing is taken apart under a running device.
    _tear_down: TearDown,
    core: Arc<Core>,
    proxy: Proxy,
    base: Base,
    links: Mutex<Vec<Relay>>,
    devices: Mutex<Vec<Device>>,
    made: Mutex<u8>,
    own: Mutex<Option<Arc<OwnRepo>>>,
}

impl Lab {
    /// Brings up two sites and their proxy, and makes sure that there is a base.
    ///
    /// `folder` gets the devices' disks and the logs in a folder of the lab's own, which is removed
    /// at the end. The base is built when this week's is not in the cache: about a minute.
    pub fn new(folder: &Path) -> Result<Self> {
        requirements::ensure()?;
        ledger::sweep();
        let mirror = Mirror::of_this_machine()?;
        let core = Core::new(folder)?;
        let tear_down = TearDown(Arc::clone(&core));
        signals::watch(&core);
        let proxy = Proxy::start(&core, mirror)?;
        let mut links = Vec::new();
        for site in Site::ALL {
            make(&core, site).with_context(|| format!("cannot make {site}"))?;
            offer(&core, site, proxy.own_port(), &proxy.socket)?;
            if let Some(address) = proxy.apt_proxy_address() {
                links.push(Relay::new(&core, site, PROXY_PORT, &address?)?);
            }
        }
        let base = Base::ensure(&core, &proxy)?;
        Ok(Self {
            _tear_down: tear_down,
            core,
            proxy,
            base,
            links: Mutex::new(links),
            devices: Mutex::default(),
            made: Mutex::new(0),
            own: Mutex::default(),
        })
    }

    /// The root file system under all devices.
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// The lab's own folder, with `logs/`; it vanishes with the lab.
    pub fn folder(&self) -> &Path {
        &self.core.folder
    }

    /// Address under which a site's devices reach what [`Lab::forward`] offers.
    pub fn gateway(&self, site: Site) -> Ipv4Addr {
        site.gateway()
    }

    /// Starts a device and waits until it can be used.
    pub fn device(&self, site: Site, name: &str, kind: DeviceKind) -> Result<Device> {
        check_device_name(name)?;
        let number = {
            let mut made = held(&self.made);
            ensure!(
                *made < DEVICES_MAX,
                "a lab has at most {DEVICES_MAX} devices"
            );
            *made += 1;
            *made
        };
        let start = Instant::now();
        let plan = Plan {
            site,
            name,
            kind,
            number,
            base: self.base.folder(),
        };
        let device = Device::start(&self.core, &plan)
            .with_context(|| format!("cannot start the device {name}"))?;
        eprintln!(
            "lab: {name} at {site} is up after {:.1} s",
            start.elapsed().as_secs_f32()
        );
        held(&self.devices).push(device.clone());
        Ok(device)
    }

    /// All devices, in the order they were started.
    pub fn devices(&self) -> Vec<Device> {
        held(&self.devices).clone()
    }

    /// Makes `target` (`127.0.0.1:PORT` in the root namespace) reachable for a site's devices at
    /// `http(s)://GATEWAY:port`.
    pub fn forward(&self, site: Site, port: u16, target: &str) -> Result<()> {
        let mut links = held(&self.links);
        let taken = links
            .iter()
            .any(|link| link.site == site && link.port == port);
        ensure!(
            !taken && port != self.proxy.own_port(),
            "{site}'s port {port} is taken"
        );
        links.push(Relay::new(&self.core, site, port, target)?);
        Ok(())
    }

    /// Breaks the links of a site that [`Lab::forward`] made: open connections end, new ones are
    /// refused. Packages stay reachable.
    pub fn cut(&self, site: Site) -> Result<()> {
        held(&self.links)
            .iter_mut()
            .filter(|link| is_cuttable(link, site))
            .try_for_each(Relay::cut)
    }

    /// Makes the links of a site again.
    pub fn heal(&self, site: Site) -> Result<()> {
        let mut links = held(&self.links);
        links
            .iter_mut()
            .filter(|link| is_cuttable(link, site))
            .try_for_each(|link| link.heal(&self.core))
    }

    /// The lab's own signed repository; built at the first call, and then offers version 1.0.
    pub fn own_repo(&self) -> Result<Arc<OwnRepo>> {
        self.own_repo_with(SLOW_SECONDS_DEFAULT)
    }

    /// Like [`Lab::own_repo`]; the first call sets how long `patchloop-lab-slow` takes.
    pub fn own_repo_with(&self, slow_seconds: u32) -> Result<Arc<OwnRepo>> {
        let mut own = held(&self.own);
        if let Some(repo) = own.as_ref() {
            return Ok(Arc::clone(repo));
        }
        let start = Instant::now();
        let (folder, port) = (&self.proxy.own, self.proxy.own_port());
        let repo = Arc::new(OwnRepo::build(&self.core, folder, port, slow_seconds)?);
        eprintln!(
            "lab: own repository built in {:.1} s",
            start.elapsed().as_secs_f32()
        );
        *own = Some(Arc::clone(&repo));
        Ok(repo)
    }

    /// Offers the own repository's packages up to `version`: `1.0`, `2.0` or `3.0`.
    pub fn publish(&self, version: &str) -> Result<()> {
        self.own_repo()?.publish(version)
    }

    /// What apt would do on a device now.
    pub fn pending(&self, device: &Device) -> Result<Vec<Pending>> {
        device.pending()
    }
}

/// The way to this machine's apt proxy is not a link of the tests.
fn is_cuttable(link: &Relay, site: Site) -> bool {
    link.site == site && link.port != PROXY_PORT
}
