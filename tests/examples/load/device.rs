//! One simulated device: what it has installed, what it would be offered, and its messages.
//!
//! The fleet overlaps as a real one does: everybody has about the packages of one real device; each
//! lacks some, and has some in one of a few other versions.

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Timestamp;
use domain::device::AgentAbilities;
use domain::id::DeviceId;
use domain::inventory::Inventory;
use domain::name::Version;
use domain::offer::{
    Facts, Lists, Needs, NeedsOutcome, Offer, OfferReport, OldCode, Origin, Publisher, RebootNeed,
    System,
};
use domain::order::Verb;
use domain::package::{Item, Package, SourcePackage};
use ed25519_dalek::SigningKey;
use protocol::enrol::{Enrol, Enrolled};
use protocol::packing::pack;
use protocol::sync::{
    Changelog, ChangelogText, Counters, FactsPart, InventoryPart, ShortDigest, Sync,
    WantedChangelog, facts_mark,
};
use protocol::{Envelope, MessageType, SignerKind};

use crate::link::Server;

/// Packages of one device before it varies.
const PACKAGES: usize = 850;
/// Of a thousand packages, how many a device lacks.
const LACKS_PERMILLE: u64 = 30;
/// Of a thousand, how many it has in another version.
const VARIES_PERMILLE: u64 = 60;
/// Other versions of one package in the fleet.
const VARIANTS: u64 = 4;
/// Every how manieth package has an update pending.
const OFFERED_EVERY: u64 = 20;
/// Every how manieth gets one when the lists are fetched anew.
const OFFERED_LATER_EVERY: u64 = 400;
/// Packages that a full report has changed since the one before.
const CHANGED_PACKAGES: usize = 3;
/// Packages of one day on which updates are installed.
pub const PATCHED_PACKAGES: usize = 25;

/// What a message carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Inventory, facts and abilities in full.
    First,
    /// Nothing new.
    Unchanged,
    /// The inventory in full, a few packages changed.
    Full,
    /// The facts in full: the lists were fetched anew, one more offer.
    NewLists,
    /// A difference: updates were installed.
    Patched,
    /// The changelogs that the server asked for.
    Changelogs,
}

/// A simulated device.
pub struct Device {
    key: SigningKey,
    id: DeviceId,
    number: usize,
    inventory: Inventory,
    offers_more: usize,
    mark: String,
    /// Changelogs that the server asked this device for.
    pub asked: Vec<WantedChangelog>,
    /// The counter of the last message made.
    pub counter: u64,
    /// The highest counter that the server acknowledged.
    pub acknowledged: u64,
}

impl Device {
    /// Makes a device and enrols it.
    pub fn enrol(server: &Server, token: &str, number: usize, base: &Inventory) -> Result<Self> {
        let mut seed = [0; 32];
        let parts = seed.chunks_exact_mut(8).enumerate();
        parts.for_each(|(at, part)| {
            part.copy_from_slice(&chance(number as u64, at as u64).to_be_bytes());
        });
        let key = SigningKey::from_bytes(&seed);
        let inventory = varied(base, number as u64);
        let message = Enrol {
            token: token.to_owned(),
            key: URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes()),
            name: format!("bench-{number:06}").parse()?,
            system: system(number),
            agent: abilities(),
        };
        let body = Envelope::sign(
            MessageType::Enrol,
            serde_json::to_vec(&message)?,
            SignerKind::Device,
            &key,
        );
        let mut connection = server.connect()?;
        connection.send(&server.post("/agent/v1/enrol", &body.to_bytes()))?;
        let answer = connection.receive()?;
        ensure!(
            answer.status == 200,
            "enrolment: {} {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        );
        let enrolled: Enrolled = serde_json::from_slice(&answer.body)?;
        Ok(Self {
            key,
            id: enrolled.device,
            number,
            inventory,
            offers_more: 0,
            mark: String::new(),
            asked: vec![],
            counter: 0,
            acknowledged: 0,
        })
    }

    /// How many packages it has.
    pub fn packages(&self) -> usize {
        self.inventory.items().len()
    }

    /// Makes the next message, signed, as the body of a request.
    pub fn message(&mut self, kind: Kind, now: Timestamp) -> Result<Vec<u8>> {
        let mut facts = FactsPart::Same(self.mark.clone());
        let inventory = match kind {
            Kind::Unchanged | Kind::Changelogs => {
                InventoryPart::Same(ShortDigest(self.inventory.digest()))
            }
            Kind::First => {
                facts = self.facts_in_full(now)?;
                self.in_full()
            }
            Kind::Full => {
                self.change(CHANGED_PACKAGES)?;
                self.in_full()
            }
            Kind::NewLists => {
                self.offers_more += 1;
                facts = self.facts_in_full(now)?;
                InventoryPart::Same(ShortDigest(self.inventory.digest()))
            }
            Kind::Patched => {
                let before = self.inventory.clone();
                self.change(PATCHED_PACKAGES)?;
                InventoryPart::Delta(before.delta_to(&self.inventory))
            }
        };
        let acknowledged = self.counter;
        self.counter += 1;
        let sync = Sync {
            device: self.id,
            at: now.as_second(),
            counters: Counters(self.counter, acknowledged, 0),
            inventory,
            facts,
            agent: (kind == Kind::First).then(abilities),
            progress: vec![],
            outcomes: vec![],
            looks: vec![],
            changelogs: if kind == Kind::Changelogs {
                std::mem::take(&mut self.asked)
                    .iter()
                    .map(changelog)
                    .collect()
            } else {
                vec![]
            },
        };
        let payload = serde_json::to_vec(&sync)?;
        let (message, payload) = match kind {
            Kind::Unchanged => (MessageType::Sync, payload),
            Kind::First | Kind::Full | Kind::NewLists | Kind::Patched | Kind::Changelogs => {
                (MessageType::SyncPacked, pack(&payload))
            }
        };
        Ok(Envelope::sign(message, payload, SignerKind::Device, &self.key).to_bytes())
    }

    /// A message that the server must refuse: it names a counter that was used. The refusal tells the
    /// highest counter that the server knows.
    pub fn stale(&self, now: Timestamp) -> Result<Vec<u8>> {
        // Counter 0 is below all that were used; the message itself is whole and signed.
        let sync = Sync {
            device: self.id,
            at: now.as_second(),
            counters: Counters(0, 0, 0),
            inventory: InventoryPart::Same(ShortDigest(self.inventory.digest())),
            facts: FactsPart::Same(self.mark.clone()),
            agent: None,
            progress: vec![],
            outcomes: vec![],
            looks: vec![],
            changelogs: vec![],
        };
        let payload = serde_json::to_vec(&sync)?;
        let envelope = Envelope::sign(MessageType::Sync, payload, SignerKind::Device, &self.key);
        Ok(envelope.to_bytes())
    }

    fn in_full(&self) -> InventoryPart {
        InventoryPart::Full {
            full: self.inventory.to_text(),
        }
    }

    fn facts_in_full(&mut self, now: Timestamp) -> Result<FactsPart> {
        let facts = self.facts(now)?;
        self.mark = facts_mark(&facts);
        Ok(FactsPart::Full(Box::new(facts)))
    }

    /// Gives some packages, others for each device and each time, the next version.
    fn change(&mut self, count: usize) -> Result<()> {
        let mut items = self.inventory.items().to_vec();
        let length = items.len();
        for at in 0..count {
            let drawn = chance(self.number as u64 + 7 * self.counter, at as u64) as usize;
            if let Item::Package(package) = &mut items[drawn % length] {
                package.version = next_version(&package.version)?;
            }
        }
        self.inventory = Inventory::new(items);
        Ok(())
    }

    fn facts(&self, now: Timestamp) -> Result<Facts> {
        // By name, so that the whole fleet is offered the same.
        let drawn = |package: &&Package| package.name.as_str().bytes().fold(7, name_mix);
        let offered = self.inventory.packages().filter(|package| {
            let drawn = drawn(package);
            drawn % OFFERED_EVERY == 0 || (self.offers_more > 0 && drawn % OFFERED_LATER_EVERY == 1)
        });
        let mut offers = offered.map(offer).collect::<Result<Vec<Offer>>>()?;
        offers.sort_by(|a, b| (&a.name, &a.architecture).cmp(&(&b.name, &b.architecture)));
        let mut sources: Vec<SourcePackage> =
            offers.iter().map(|offer| offer.source.clone()).collect();
        sources.sort();
        sources.dedup();
        Ok(Facts {
            system: system(self.number),
            offers: OfferReport {
                lists: Lists::Present {
                    fetched_at: now,
                    failed: vec![],
                },
                needs: sources
                    .into_iter()
                    .map(|source| Needs {
                        source,
                        outcome: NeedsOutcome::With { sources: vec![] },
                    })
                    .collect(),
                offers,
                withheld: vec![],
                failed: None,
            },
            old_code: Some(vec![OldCode {
                service: Some("cron.service".to_owned()),
                program: "/usr/sbin/cron".to_owned(),
                process: 400 + u32::try_from(self.number % 30_000)?,
                files: vec!["/usr/lib/x86_64-linux-gnu/libc.so.6".to_owned()],
                packages: vec!["libc6".parse()?],
            }]),
            reboot: RebootNeed::No,
            unknown: vec![],
        })
    }
}

/// A changelog of one entry that fixes one CVE, as the patch's source would have it.
fn changelog(wanted: &WantedChangelog) -> Changelog {
    let number = wanted.source.as_str().bytes().map(u32::from).sum::<u32>();
    Changelog {
        source: wanted.source.clone(),
        version: wanted.version.clone(),
        text: ChangelogText::Found(format!(
            "{} ({}) bookworm-security; urgency=medium\n\n  * Fix CVE-2026-{}.\n\n \
             -- A Maintainer <maintainer@mirror.example>  Mon, 02 Nov 2026 10:00:00 +0000\n",
            wanted.source,
            wanted.version,
            10_000 + number
        )),
    }
}

fn offer(package: &Package) -> Result<Offer> {
    let source = package.source.as_ref().context("a package has a source")?;
    // One fixed version for all devices, whichever they have: the fleet is offered the same.
    let newer = |version: &Version| -> Result<Version> {
        let text = version.as_str();
        let base = text.split("+bench").next().unwrap_or(text);
        Ok(format!("{base}+bench99").parse()?)
    };
    Ok(Offer {
        name: package.name.clone(),
        architecture: package.architecture.clone(),
        installed: Some(package.version.clone()),
        candidate: newer(&package.version)?,
        source: SourcePackage {
            name: source.name.clone(),
            version: newer(&source.version)?,
        },
        origin: Origin {
            label: "Debian-Security".to_owned(),
            codename: "bookworm-security".to_owned(),
            security: true,
            publisher: Publisher::System,
        },
        size_bytes: Some(100_000),
    })
}

fn system(number: usize) -> System {
    System {
        id: "debian".to_owned(),
        version: "12".to_owned(),
        codename: "bookworm".parse().ok(),
        architecture: "amd64".parse().expect("amd64 is an architecture"),
        kernel: "6.1.0-37-amd64".to_owned(),
        hostname: format!("bench-{number:06}"),
        boot_id: format!(
            "{:016x}{:016x}",
            chance(number as u64, 100),
            chance(number as u64, 101)
        ),
        zone: "Europe/Berlin".to_owned(),
    }
}

fn abilities() -> AgentAbilities {
    AgentAbilities {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol: protocol::PROTOCOL,
        verbs: vec![Verb::RefreshIndex, Verb::CollectInventory],
        privileged: false,
        guardrails: vec![],
    }
}

fn varied(base: &Inventory, device: u64) -> Inventory {
    let mut items = Vec::with_capacity(PACKAGES);
    for (at, item) in base.items().iter().take(PACKAGES).enumerate() {
        let drawn = chance(device, 1_000 + at as u64);
        if drawn % 1_000 < LACKS_PERMILLE {
            continue;
        }
        let mut item = item.clone();
        if let Item::Package(package) = &mut item
            && (drawn >> 20) % 1_000 < VARIES_PERMILLE
        {
            let variant = (drawn >> 40) % VARIANTS;
            let version = format!("{}+bench{variant}", package.version.as_str());
            package.version = version.parse().expect("a version with a suffix is one");
        }
        items.push(item);
    }
    Inventory::new(items)
}

/// Counts the suffix up, and begins anew after a few: a fleet meets the same versions again.
fn next_version(version: &Version) -> Result<Version> {
    let text = version.as_str();
    let (base, number) = match text.rsplit_once("+bench") {
        Some((base, number)) => (base, number.parse::<u64>()?),
        None => (text, VARIANTS - 1),
    };
    Ok(format!("{base}+bench{}", (number + 1) % (2 * VARIANTS)).parse()?)
}

fn name_mix(sum: u64, byte: u8) -> u64 {
    chance(sum, u64::from(byte))
}

/// A fixed number that looks drawn (SplitMix64), the same in every run.
fn chance(device: u64, at: u64) -> u64 {
    let mut z = (device << 32)
        .wrapping_add(at)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
