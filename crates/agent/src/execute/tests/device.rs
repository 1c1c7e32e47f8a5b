//! A device for tests: a state folder, a clock that is set, and a package manager of two packages.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use backends::{
    Backend, BackendError, ChangelogError, Command, Holder, InstallTerms, InventoryRead,
    NotOffered, PackageKey, Refreshed, Repaired, Room, SetAside, SimulatedInstall, Simulation,
    VerifiedFiles, WantedChangelog,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::clock::FixedClock;
use domain::device::Mode;
use domain::id::{DeviceId, OrderId};
use domain::inventory::Inventory;
use domain::name::PackageName;
use domain::offer::{Lists, OfferReport, OldCode, RebootNeed, System};
use domain::order::Refusal;
use domain::package::{Ecosystem, Item, Package, PackageState};
use ed25519_dalek::SigningKey;
use jiff::SignedDuration;
use protocol::{Envelope, MessageType, SignerKind};

use super::super::intake::Report;
use super::super::job::Job;
use super::super::transaction::{self, Hands};
use super::super::*;
use crate::identity::key_text;

mod fake;

use fake::FakeHands;
pub use fake::{Fake, Fate};

/// When the window opens, in seconds after the tests' first instant.
pub const OPENS: i64 = 10_000;
/// When it closes.
pub const CLOSES: i64 = 17_200;
/// Two packages installed and two checked, old code, one service, unfinished, boot.
pub const FACTS_OF_A_LOOK: usize = 2 + 2 + 1 + 1 + 1 + 1;

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn server_key() -> SigningKey {
    SigningKey::from_bytes(&[42; 32])
}

fn item(name: &str) -> OrderItem {
    OrderItem {
        ecosystem: Ecosystem::Deb,
        name: name.parse().unwrap(),
        architecture: "amd64".parse().unwrap(),
        from: Some("1".parse().unwrap()),
        to: "2".parse().unwrap(),
        patch: format!("deb:bookworm/{name}@2").parse().unwrap(),
    }
}

/// An order for both packages.
pub fn order(generation: u32, sequence: u64) -> Order {
    order_of(1, generation, sequence)
}

pub fn order_of(id: u8, generation: u32, sequence: u64) -> Order {
    Order {
        v: 1,
        device: DeviceId::from_bytes([5; 16]),
        order: OrderId::from_bytes([id; 16]),
        generation,
        sequence,
        action: Action::Install {
            items: vec![item("lib"), item("web")],
            restart_services: Switch::On,
        },
        opens_at: at(OPENS),
        closes_at: at(CLOSES),
        deadline: at(CLOSES + 3600),
        contact_within_seconds: 3600,
        made_at: at(0),
    }
}

/// Runs each step at once, in this process; a step that dies leaves what a dead process leaves.
struct InProcess {
    fake: Arc<Fake>,
    clock: Arc<FixedClock>,
}

impl Transactions for InProcess {
    fn start(&mut self, folder: &JobFolder, _name: &str) -> io::Result<()> {
        let (fake, clock, folder) = (self.fake.clone(), self.clock.clone(), folder.clone());
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let mut hands = FakeHands(fake.clone());
            transaction::run(&folder, fake.as_ref(), clock.as_ref(), &mut hands).unwrap();
        }));
        Ok(())
    }
    fn may_live(&mut self, _folder: &JobFolder) -> bool {
        false
    }
}

/// The device.
pub struct Device {
    _home: tempfile::TempDir,
    pub folder: StateFolder,
    pub fake: Arc<Fake>,
    pub clock: Arc<FixedClock>,
    nudges: Arc<AtomicUsize>,
    told: Arc<Mutex<Vec<Step>>>,
    keep_contact: AtomicBool,
}

impl Device {
    pub fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(home.path());
        folder.make().unwrap();
        let identity = Identity {
            device: DeviceId::from_bytes([5; 16]),
            name: "web1".parse().unwrap(),
            client: "Acme".into(),
            site: "Berlin".into(),
            server: "https://patch.example".parse().unwrap(),
            pin: "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
                .parse()
                .unwrap(),
            order_key: key_text(&server_key().verifying_key()),
            enrolled_at: at(0),
        };
        files::write_json(&folder.identity(), &identity).unwrap();
        let fake = Arc::new(Fake::default());
        for name in ["lib", "web", "other"] {
            fake.set(name, "1", true);
        }
        let device = Self {
            _home: home,
            folder,
            fake,
            clock: Arc::new(FixedClock::at(at(0))),
            nudges: Arc::default(),
            told: Arc::default(),
            keep_contact: AtomicBool::new(true),
        };
        device.contact_at(0);
        device
    }

    pub fn open(&self) -> Executor {
        let nudges = self.nudges.clone();
        let (told, progress) = (self.told.clone(), self.folder.progress());
        Executor::open(Parts {
            folder: self.folder.clone(),
            identity: Identity::need(&self.folder).unwrap(),
            backend: self.fake.clone(),
            clock: self.clock.clone(),
            transactions: Box::new(InProcess {
                fake: self.fake.clone(),
                clock: self.clock.clone(),
            }),
            nudge: Box::new(move || {
                nudges.fetch_add(1, Ordering::SeqCst);
                // What the network half would say, were it to look now.
                let standing: Option<Standing> = files::read_json(&progress).unwrap();
                let steps = standing
                    .map(|standing| standing.progress)
                    .unwrap_or_default();
                let mut told = told.lock().unwrap();
                told.extend(steps.iter().map(|progress| progress.step));
                told.dedup();
            }),
        })
        .unwrap()
    }

    /// Opens the executing half anew and lets time pass until `seconds`.
    pub fn run_until(&self, seconds: i64) {
        let mut executor = self.open();
        executor.resume().unwrap();
        self.drive(&mut executor, seconds).unwrap();
    }

    /// The same, killed after so many records; whether it came to the end all the same.
    pub fn run_killed_after(&self, records: usize, seconds: i64) -> bool {
        let mut executor = self.open();
        executor.records_left = Some(records);
        executor
            .resume()
            .and_then(|()| self.drive(&mut executor, seconds))
            .is_ok()
    }

    fn drive(&self, executor: &mut Executor, seconds: i64) -> Result<(), Failure> {
        loop {
            // Several turns in one instant: a step ends, the next begins.
            for _ in 0..4 {
                executor.turn()?;
            }
            let now = self.clock.now();
            if now >= at(seconds) {
                return Ok(());
            }
            let next = now
                .checked_add(SignedDuration::from_secs(60))
                .unwrap()
                .min(at(seconds));
            self.clock.set(next);
            if self.keep_contact.load(Ordering::SeqCst) {
                self.contact_at(next.as_second() - 1_800_000_000);
            }
        }
    }

    pub fn send(&self, order: &Order) {
        self.lay(order, &server_key());
    }

    /// Lays an order that the server signed into the spool, with its JSON changed before that.
    pub fn send_changed(&self, order: &Order, change: impl FnOnce(&mut serde_json::Value)) {
        let mut payload = serde_json::to_value(order).unwrap();
        change(&mut payload);
        let payload = serde_json::to_vec(&payload).unwrap();
        let text = sign_bytes(payload, &server_key());
        let name = format!("{}-{}.order", order.sequence, order.generation);
        files::write(&self.folder.spool_in().join(name), text.as_bytes()).unwrap();
    }

    pub fn send_signed_by_another(&self, order: &Order) {
        self.lay(order, &SigningKey::from_bytes(&[43; 32]));
    }

    fn lay(&self, order: &Order, key: &SigningKey) {
        let text = sign(order, key);
        let name = format!("{}-{}.order", order.sequence, order.generation);
        files::write(&self.folder.spool_in().join(name), text.as_bytes()).unwrap();
    }

    pub fn contact_at(&self, seconds: i64) {
        let contact = Contact {
            at: at(seconds),
            mode: Mode::Managed,
        };
        files::write_json(&self.folder.contact(), &contact).unwrap();
    }

    pub fn keep_contact(&self, keep: bool) {
        self.keep_contact.store(keep, Ordering::SeqCst);
    }

    pub fn guardrails(&self, text: &str) {
        files::write(&self.folder.root().join("guardrails.toml"), text.as_bytes()).unwrap();
    }

    pub fn plan(&self, fates: impl IntoIterator<Item = Fate>) {
        self.fake.fates.lock().unwrap().extend(fates);
    }

    pub fn lock(&self, locked: bool) {
        self.fake.locked.store(locked, Ordering::SeqCst);
    }

    pub fn break_package(&self, name: &str) {
        self.fake.set(name, "1", false);
    }

    pub fn reports(&self) -> Vec<Report> {
        files::list(&self.folder.spool_out(), ".report")
            .unwrap()
            .iter()
            .map(|path| files::read_json(path).unwrap().unwrap())
            .collect()
    }

    pub fn only_report(&self) -> Report {
        let mut reports = self.reports();
        assert_eq!(reports.len(), 1, "{reports:#?}");
        reports.remove(0)
    }

    pub fn refusal_of(&self, id: u8) -> Option<Refusal> {
        let order = OrderId::from_bytes([id; 16]);
        self.reports()
            .into_iter()
            .find(|report| report.outcome.outcome.order == order)?
            .outcome
            .outcome
            .refusal
    }

    pub fn installs(&self) -> usize {
        self.fake.installs.load(Ordering::SeqCst)
    }

    pub fn at_once_max(&self) -> usize {
        self.fake.working_max.load(Ordering::SeqCst)
    }

    pub fn nudges(&self) -> usize {
        self.nudges.load(Ordering::SeqCst)
    }

    /// The steps that the server could hear of, without repetition.
    pub fn told(&self) -> Vec<Step> {
        self.told.lock().unwrap().clone()
    }

    pub fn unfinished(&self) -> Vec<PackageName> {
        self.fake.unfinished().unwrap()
    }

    /// The versions of `lib` and `web`.
    pub fn versions(&self) -> Vec<String> {
        let packages = self.fake.packages.lock().unwrap();
        ["lib", "web"].map(|name| packages[name].0.clone()).to_vec()
    }

    pub fn lone_step(&self, kind: JobKind, order: &Order) -> JobFolder {
        self.step(kind, sign(order, &server_key()))
    }

    pub fn lone_step_signed_by_another(&self, order: &Order) -> JobFolder {
        let text = sign(order, &SigningKey::from_bytes(&[43; 32]));
        self.step(
            JobKind::Recover {
                attempt: 1,
                round: 1,
            },
            text,
        )
    }

    fn step(&self, kind: JobKind, order: String) -> JobFolder {
        let folder = JobFolder::at(self.folder.orders().join(kind.name()));
        folder
            .make(&Job {
                kind,
                order,
                state: self.folder.root().to_owned(),
            })
            .unwrap();
        folder
    }

    pub fn run_step(&self, folder: &JobFolder) {
        let mut hands = FakeHands(self.fake.clone());
        transaction::run(folder, self.fake.as_ref(), self.clock.as_ref(), &mut hands).unwrap();
    }
}

fn sign(order: &Order, key: &SigningKey) -> String {
    sign_bytes(serde_json::to_vec(order).unwrap(), key)
}

fn sign_bytes(payload: Vec<u8>, key: &SigningKey) -> String {
    let envelope = Envelope::sign(MessageType::Order, payload, SignerKind::Server, key);
    URL_SAFE_NO_PAD.encode(envelope.to_bytes())
}
