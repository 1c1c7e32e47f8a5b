//! What a step does once it runs outside the agent: it checks the order again, works with the package
//! manager, and leaves the package manager in order or says that it is not.
//!
//! Packages are touched here only as the order names them: to the ordered version, or, when that
//! leaves a package half installed, back to the exact version that the order found.

use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use backends::{Backend, InstallTerms};
use domain::clock::Clock;
use domain::name::PackageName;
use domain::order::{Action, ItemOutcome, ItemResult, Order, OrderItem};
use domain::package::PackageState;
use jiff::Timestamp;
use protocol::{Envelope, MessageType};

use super::job::{JobEnd, JobFolder, JobKind, JobResult, LOG_BYTES_MAX, open_lock, tail};
use crate::failure::{Failure, chain};
use crate::files::{self, write_error};
use crate::folder::StateFolder;
use crate::identity::Identity;
use crate::platform;

/// How long a lost install's own programs may go on working before the repair is tried all the same.
const SURVIVORS_PATIENCE: Duration = Duration::from_secs(2 * 3600);

/// How a command of the package manager is run: the seam for tests.
pub trait Hands {
    /// Runs it to its end, however long that takes, its output going to `output`; the text says how
    /// it ended when that was not well.
    ///
    /// # Errors
    /// When it could not be started.
    fn run(
        &mut self,
        command: &backends::Command,
        output: &Path,
    ) -> std::io::Result<Result<(), String>>;
}

/// Runs commands for real. There is no time limit: ending a package manager breaks more than waiting.
#[derive(Debug, Default)]
pub struct RealHands;

impl Hands for RealHands {
    fn run(
        &mut self,
        command: &backends::Command,
        output: &Path,
    ) -> std::io::Result<Result<(), String>> {
        let log = OpenOptions::new().append(true).create(true).open(output)?;
        let status = Command::new(&command.program)
            .args(&command.args)
            .env_clear()
            .envs(
                command
                    .environment
                    .iter()
                    .map(|(name, value)| (name, value)),
            )
            .current_dir(
                command
                    .directory
                    .as_deref()
                    .unwrap_or(Path::new(platform::ROOT)),
            )
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .status()?;
        Ok(if status.success() {
            Ok(())
        } else {
            Err(platform::describe_exit(status))
        })
    }
}

/// Runs the step in `folder` to its end.
///
/// # Errors
/// When the folder cannot be used. What goes wrong with the order itself is in the result.
pub fn run(
    folder: &JobFolder,
    backend: &dyn Backend,
    clock: &dyn Clock,
    hands: &mut dyn Hands,
) -> Result<(), Failure> {
    let job = folder.job()?.ok_or_else(|| {
        Failure::usage(format!(
            "{} holds no step of an order",
            folder.path().display()
        ))
    })?;
    let state = StateFolder::at(&job.state);
    // One life for each folder, and one step at a time on the device.
    let own = folder.lock_file()?;
    own.lock().map_err(write_error(folder.path()))?;
    let path = state.transactions_lock();
    let all = open_lock(&path)?;
    all.lock().map_err(write_error(&path))?;
    if folder.is_abandoned() || folder.result()?.is_some() {
        return Ok(());
    }
    folder.note_process()?;
    let started_at = clock.now();
    let mut work = Work {
        backend,
        hands,
        folder,
        items: vec![],
        repaired: vec![],
        failed: vec![],
        kept_files: vec![],
        clock,
    };
    let end = match verified(&state, &job.order) {
        Ok(order) => work.order(job.kind, order),
        Err(reason) => JobEnd::Failed { reason },
    };
    let items = work.outcomes(&end);
    let log = std::fs::read(folder.output()).unwrap_or_default();
    folder.finish(&JobResult {
        end,
        items,
        kept_files: work.kept_files,
        repaired: work.repaired,
        log: tail(&String::from_utf8_lossy(&log), LOG_BYTES_MAX),
        started_at,
        ended_at: clock.now(),
    })?;
    Ok(())
}

/// Checks the order as if nobody had before.
fn verified(state: &StateFolder, order: &str) -> Result<Order, String> {
    let identity = Identity::need(state).map_err(|problem| problem.to_string())?;
    let trusted = identity.trusted().map_err(|problem| problem.to_string())?;
    let bytes = super::intake::decode(order).ok_or("the order is not base64")?;
    let order: Order = Envelope::from_bytes(&bytes)
        .and_then(|envelope| envelope.open(&[MessageType::Order], &trusted))
        .map_err(|problem| chain(&problem))?
        .into_inner();
    if order.device != identity.device {
        return Err("the order is for another device".to_owned());
    }
    Ok(order)
}

struct Work<'a> {
    backend: &'a dyn Backend,
    hands: &'a mut dyn Hands,
    folder: &'a JobFolder,
    clock: &'a dyn Clock,
    items: Vec<OrderItem>,
    repaired: Vec<String>,
    /// Packages that did not get in, with the reason.
    failed: Vec<(PackageName, String)>,
    kept_files: Vec<String>,
}

impl Work<'_> {
    fn order(&mut self, kind: JobKind, order: Order) -> JobEnd {
        let window = order.opens_at..order.closes_at;
        match order.action {
            Action::Install { items, .. } => self.items = items,
            Action::Cancel => {
                return JobEnd::Failed {
                    reason: "the order withdraws another".to_owned(),
                };
            }
        }
        let before = self.backend.set_aside(&self.items).unwrap_or_default();
        let end = match kind {
            JobKind::Download => self.download(),
            JobKind::Repair => match self.repair() {
                Ok(left) if left.is_empty() => JobEnd::Done,
                Ok(left) => unfinished(&left),
                Err(reason) => JobEnd::Failed { reason },
            },
            JobKind::Install { .. } if !window.contains(&self.clock.now()) => JobEnd::Failed {
                reason: "the window is not open".to_owned(),
            },
            JobKind::Install { .. } => self.install(),
            JobKind::Recover { .. } => self.recover(),
        };
        let after = self.backend.set_aside(&self.items).unwrap_or_default();
        self.kept_files = after
            .into_iter()
            .filter(|file| !before.contains(file))
            .map(|file| file.path)
            .collect();
        end
    }

    fn download(&mut self) -> JobEnd {
        match self.backend.download(&self.items, &InstallTerms::default()) {
            Ok(()) => JobEnd::Done,
            Err(problem) => JobEnd::Failed {
                reason: chain(&problem),
            },
        }
    }

    fn install(&mut self) -> JobEnd {
        let ended = self.install_items(&self.items.clone());
        let reason = match ended {
            Ok(()) => match self.missing() {
                Ok(missing) if missing.is_empty() && self.is_clean() => return JobEnd::Done,
                Ok(missing) => format!(
                    "the package manager said nothing, but {} is not as ordered",
                    missing
                        .first()
                        .map_or("a package", |item| item.name.as_str())
                ),
                Err(reason) => reason,
            },
            Err(reason) => reason,
        };
        self.mend(&reason)
    }

    fn install_items(&mut self, items: &[OrderItem]) -> Result<(), String> {
        let command = self
            .backend
            .install_command(items, &InstallTerms::default())
            .map_err(|problem| chain(&problem))?;
        self.command(&command)
    }

    /// Repairs after a lost install; `Done` when everything is as ordered all the same.
    fn recover(&mut self) -> JobEnd {
        self.wait_for_survivors();
        let reason = self
            .go_on()
            .err()
            .unwrap_or_else(|| "it was interrupted".to_owned());
        match self.mend(&reason) {
            JobEnd::Failed { reason } => match self.missing() {
                Ok(missing) if missing.is_empty() => JobEnd::Done,
                Ok(_) | Err(_) => JobEnd::Failed { reason },
            },
            end @ (JobEnd::Done | JobEnd::Broken { .. }) => end,
        }
    }

    /// Goes on with packages of the order that a lost install left half unpacked: finishing what was
    /// begun passes them over, and the version before may not be offered any more. As every repair
    /// this is not bound to the window: leaving them so would be worse.
    fn go_on(&mut self) -> Result<(), String> {
        let torn = self.half_unpacked()?;
        if torn.is_empty() {
            return Ok(());
        }
        self.install_items(&torn)?;
        for item in &torn {
            let what = format!("{} was half unpacked: unpacked again", item.name);
            self.repaired.push(what);
        }
        Ok(())
    }

    fn half_unpacked(&self) -> Result<Vec<OrderItem>, String> {
        let read = self
            .backend
            .inventory()
            .map_err(|problem| chain(&problem))?;
        let torn: Vec<&PackageName> = read
            .inventory
            .packages()
            .filter(|package| {
                let state = package.state;
                state == PackageState::HalfInstalled || state == PackageState::Broken
            })
            .map(|package| &package.name)
            .collect();
        Ok(self
            .items
            .iter()
            .filter(|item| torn.contains(&&item.name))
            .cloned()
            .collect())
    }

    /// The package manager's own programs may have outlived the step that began them: they are left to
    /// end by themselves.
    fn wait_for_survivors(&self) {
        let (_never, nothing) = std::sync::mpsc::channel::<()>();
        let began = Instant::now();
        while let Some(holder) = self.backend.lock_holder() {
            if began.elapsed() >= SURVIVORS_PATIENCE {
                self.note(&format!("{holder} still works after the wait for it"));
                return;
            }
            let _ = nothing.recv_timeout(Duration::from_secs(1));
        }
    }

    /// Brings the package manager in order after `reason`: once more what it was about to do, and
    /// then, for packages of the order that still stand half installed, back to where they were.
    fn mend(&mut self, reason: &str) -> JobEnd {
        let stuck = self.backend.unfinished().unwrap_or_default();
        for name in &stuck {
            self.failed.push((name.clone(), reason.to_owned()));
        }
        let left = match self.repair() {
            Ok(left) => left,
            Err(problem) => {
                return JobEnd::Broken {
                    reason: format!("{reason}; the repair failed too: {problem}"),
                };
            }
        };
        if left.is_empty() {
            return JobEnd::Failed {
                reason: reason.to_owned(),
            };
        }
        match self.take_back(&left) {
            Ok(left) if left.is_empty() => JobEnd::Failed {
                reason: reason.to_owned(),
            },
            Ok(left) => JobEnd::Broken {
                reason: format!("{reason}; {} stay unfinished", names(&left)),
            },
            Err(problem) => JobEnd::Broken {
                reason: format!("{reason}; {} stay unfinished: {problem}", names(&left)),
            },
        }
    }

    /// Lets the package manager finish what is unfinished; returns what still is.
    fn repair(&mut self) -> Result<Vec<PackageName>, String> {
        let repaired = self
            .backend
            .repair(&InstallTerms::default())
            .map_err(|problem| chain(&problem))?;
        self.repaired.extend(repaired.done);
        if let Some(problem) = repaired.problem {
            self.note(&problem);
        }
        self.backend.unfinished().map_err(|problem| chain(&problem))
    }

    /// Puts those packages of the order that are unfinished back to the version they had.
    fn take_back(&mut self, stuck: &[PackageName]) -> Result<Vec<PackageName>, String> {
        let items: Vec<OrderItem> = self
            .items
            .iter()
            .filter(|item| item.from.is_some() && stuck.contains(&item.name))
            .cloned()
            .collect();
        if items.is_empty() {
            return Ok(stuck.to_vec());
        }
        let Some(command) = self
            .backend
            .restore_command(&items, &InstallTerms::default())
        else {
            return Ok(stuck.to_vec());
        };
        let ended = self.command(&command);
        let left = self.repair()?;
        for item in &items {
            if !left.contains(&item.name)
                && let Some(from) = &item.from
            {
                self.repaired
                    .push(format!("{} was put back to {from}", item.name));
            }
        }
        match ended {
            Err(problem) if !left.is_empty() => Err(problem),
            Ok(()) | Err(_) => Ok(left),
        }
    }

    /// Runs a command; the reason names what the package manager said.
    fn command(&mut self, command: &backends::Command) -> Result<(), String> {
        let output = self.folder.output();
        let before = std::fs::metadata(&output).map_or(0, |found| found.len());
        let ended = self
            .hands
            .run(command, &output)
            .map_err(|problem| format!("cannot start {}: {problem}", command.shown()))?;
        ended.map_err(|exit| {
            let bytes = std::fs::read(&output).unwrap_or_default();
            let from = usize::try_from(before).unwrap_or(0).min(bytes.len());
            let said = String::from_utf8_lossy(&bytes[from..]).into_owned();
            self.backend
                .failure_reason(&said)
                .unwrap_or_else(|| format!("the package manager ended with {exit}"))
        })
    }

    fn note(&self, line: &str) {
        use std::io::Write as _;
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.folder.output());
        if let Ok(mut file) = file {
            let _ = writeln!(file, "{line}");
        }
    }

    fn is_clean(&self) -> bool {
        self.backend.unfinished().is_ok_and(|left| left.is_empty())
    }

    /// Items that are not installed and in order at the ordered version.
    fn missing(&self) -> Result<Vec<OrderItem>, String> {
        let read = self
            .backend
            .inventory()
            .map_err(|problem| chain(&problem))?;
        Ok(self
            .items
            .iter()
            .filter(|item| super::look::installed(&read.inventory, item) != Some((&item.to, true)))
            .cloned()
            .collect())
    }

    /// How each package stands at the end.
    fn outcomes(&self, end: &JobEnd) -> Vec<ItemOutcome> {
        let Ok(missing) = self.missing() else {
            return vec![];
        };
        let why = match end {
            JobEnd::Done => "it is not as ordered",
            JobEnd::Failed { reason } | JobEnd::Broken { reason } => reason,
        };
        let inventory = self.backend.inventory().map(|read| read.inventory);
        let result = |item: &OrderItem| {
            if !missing.contains(item) {
                return ItemResult::Installed;
            }
            if let Some((_, reason)) = self.failed.iter().find(|(name, _)| name == &item.name) {
                return ItemResult::Failed {
                    reason: reason.clone(),
                };
            }
            let now = inventory
                .as_ref()
                .ok()
                .and_then(|inventory| super::look::installed(inventory, item))
                .map(|(version, _)| version);
            if now == item.from.as_ref() {
                ItemResult::Untouched
            } else {
                ItemResult::Failed {
                    reason: why.to_owned(),
                }
            }
        };
        self.items
            .iter()
            .map(|item| ItemOutcome {
                name: item.name.clone(),
                architecture: item.architecture.clone(),
                result: result(item),
            })
            .collect()
    }
}

fn unfinished(left: &[PackageName]) -> JobEnd {
    JobEnd::Broken {
        reason: format!("{} are unfinished and could not be repaired", names(left)),
    }
}

fn names(packages: &[PackageName]) -> String {
    packages
        .iter()
        .map(PackageName::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

/// Writes a result for a step that could not even begin, so that the agent is told why.
pub fn give_up(folder: &JobFolder, reason: String, now: Timestamp) -> Result<(), files::FileError> {
    folder.finish(&JobResult {
        end: JobEnd::Failed { reason },
        items: vec![],
        kept_files: vec![],
        repaired: vec![],
        log: String::new(),
        started_at: now,
        ended_at: now,
    })
}
