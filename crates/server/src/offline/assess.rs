//! `patchloop assess`: judges inventories by feed documents without a server.
//!
//! With `--json` one object a line, for every device, package and advisory that was considered; else
//! a table, the most urgent first, and a line that adds up. Documents that cannot be read, and parts
//! of them, are warnings on standard error: the rest counts. A refused inventory is an error, the
//! others are answered all the same. `--at` decides what is past its end of life and which CVEs were
//! known as exploited; documents count as they are.
//!
//! Exit codes: 0 answered, whatever was found; 1 an input was refused; 2 wrong use.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, ErrorKind, Read as _, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use domain::clock::Clock;
use domain::definitions::Definitions;
use domain::finding::FindingState;
use domain::judgement::Judgement;
use engine::assess::judge::{Exposure, Judge, reading_order, risk};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::cli::Global;
use crate::failure::{Failure, Outcome};
use crate::offline::inventory::{self, INVENTORY_BYTES_MAX, OsRelease};
use crate::table;

/// Exit code when an inventory was refused.
const REFUSED: u8 = 1;
/// Problems of documents that are named one by one; the others are counted.
const PROBLEMS_NAMED_MAX: usize = 200;

/// `patchloop assess`.
#[derive(Debug, Args)]
pub struct AssessArgs {
    /// Inventories: our JSON, or a listing of dpkg-query, rpm or apk
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub inventory: Vec<PathBuf>,
    /// The os-release file that belongs to all inventories of this call
    #[arg(long, value_name = "FILE")]
    pub os_release: Option<PathBuf>,
    /// Folder with feed documents, recognised by their content
    #[arg(long, value_name = "DIR")]
    pub feeds: PathBuf,
    /// Judge as of this day or instant [default: now]
    #[arg(long, value_name = "DATE")]
    pub at: Option<String>,
    /// Also what was considered and is not affected
    #[arg(long)]
    pub all: bool,
}

/// One line of the answer, in the order of its keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The device.
    pub device: String,
    /// The package; for Windows the product.
    pub package: String,
    /// What is installed.
    pub installed: Option<String>,
    /// Its architecture.
    pub architecture: Option<String>,
    /// The feed's own id.
    pub advisory: Option<String>,
    /// The CVEs.
    pub cves: Vec<String>,
    /// The first version with the fix.
    pub fixed: Option<String>,
    /// Where it stands.
    pub state: &'static str,
    /// How bad; `None`: no document rates it.
    pub severity: Option<&'static str>,
    /// Why.
    pub because: String,
    /// The document's own id.
    pub document: Option<String>,
}

impl Line {
    /// A judgement as a line.
    pub fn new(device: &str, judgement: &Judgement, definitions: &Definitions) -> Self {
        let document = judgement
            .document
            .and_then(|at| definitions.documents.get(usize::try_from(at).ok()?))
            .map(|document| document.document.clone());
        Self {
            device: device.to_owned(),
            package: judgement.package.clone(),
            installed: judgement.installed.clone(),
            architecture: judgement.architecture.as_ref().map(ToString::to_string),
            advisory: judgement.advisory.clone(),
            cves: judgement.cves.iter().map(ToString::to_string).collect(),
            fixed: judgement.fixed.clone(),
            state: judgement.state.word(),
            severity: judgement
                .rating
                .as_ref()
                .map(|rating| rating.severity.word()),
            because: judgement.because.clone(),
            document,
        }
    }
}

/// Runs the command.
pub fn run(args: &AssessArgs, global: &Global, clock: &dyn Clock) -> Result<Outcome, Failure> {
    let at = match &args.at {
        Some(text) => instant(text)?,
        None => clock.now(),
    };
    let os_release = args
        .os_release
        .as_deref()
        .map(read_os_release)
        .transpose()?;
    if !args.feeds.is_dir() {
        let folder = args.feeds.display();
        return Err(Failure::failed(anyhow::anyhow!("{folder} is no folder"))
            .hint("--feeds takes a folder with feed documents; it may be empty"));
    }
    let loaded = feeds::definitions::load(&args.feeds);
    tell_problems(&loaded.problems);
    let judge = Judge::new(&loaded.definitions);
    let mut answer = Answer::new(args, global, &loaded.definitions);
    let mut refused = false;
    for path in &args.inventory {
        match read_inventory(path, os_release.as_ref()) {
            Ok(device) => {
                let mut judgements = judge.device(&device, at);
                judgements
                    .retain(|judgement| args.all || judgement.state != FindingState::NotAffected);
                answer.device(&device.name, device.packages.len(), judgements)?;
            }
            Err(why) => {
                refused = true;
                eprintln!("error: assess: {}: {why:#}", path.display());
            }
        }
    }
    answer.finish()?;
    if refused {
        eprintln!(
            "hint: the other inventories were answered; correct the named place and try again"
        );
        return Ok(Outcome::Code(REFUSED));
    }
    Ok(Outcome::Done)
}

/// A day (its beginning, UTC) or an instant.
fn instant(text: &str) -> Result<Timestamp, Failure> {
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    text.parse::<Date>()
        .ok()
        .and_then(|day| day.to_zoned(TimeZone::UTC).ok())
        .map(|zoned| zoned.timestamp())
        .ok_or_else(|| {
            Failure::wrong_use(anyhow::anyhow!("`{text}` is neither a day nor an instant"))
                .hint("write --at 2026-06-30 or --at 2026-06-30T12:00:00Z")
        })
}

fn read_bounded(path: &Path) -> anyhow::Result<Vec<u8>> {
    let file = std::fs::File::open(path).context("it cannot be opened")?;
    let mut bytes = Vec::new();
    // One byte more than allowed, so that the reader sees that it is too long.
    file.take(INVENTORY_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .context("it cannot be read")?;
    Ok(bytes)
}

fn read_os_release(path: &Path) -> Result<OsRelease, Failure> {
    let read = || -> anyhow::Result<OsRelease> {
        let bytes = read_bounded(path)?;
        let text = String::from_utf8_lossy(&bytes);
        OsRelease::parse(&text).map_err(|refused| anyhow::anyhow!("{refused}"))
    };
    read().map_err(|error| Failure::failed(error.context(format!("assess: {}", path.display()))))
}

fn read_inventory(
    path: &Path,
    os_release: Option<&OsRelease>,
) -> anyhow::Result<domain::judgement::JudgedDevice> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let bytes = read_bounded(path)?;
    inventory::read(&name, &bytes, os_release).map_err(|refused| anyhow::anyhow!("{refused}"))
}

fn tell_problems(problems: &[feeds::definitions::Problem]) {
    for problem in problems.iter().take(PROBLEMS_NAMED_MAX) {
        let path = problem.path.display().to_string();
        eprintln!(
            "warning: {}: {}",
            table::clean(&path),
            table::clean(&problem.why)
        );
    }
    if problems.len() > PROBLEMS_NAMED_MAX {
        let more = problems.len() - PROBLEMS_NAMED_MAX;
        eprintln!("warning: {more} more; `patchloop feed inspect` says all of one document");
    }
}

/// Where the answer goes.
enum Answer<'d> {
    /// Object by object.
    Json {
        definitions: &'d Definitions,
        out: BufWriter<io::Stdout>,
    },
    /// A table at the end.
    People {
        rows: Vec<(String, Judgement)>,
        devices: usize,
        packages: usize,
        all: bool,
    },
}

impl<'d> Answer<'d> {
    fn new(args: &AssessArgs, global: &Global, definitions: &'d Definitions) -> Self {
        if global.json {
            Self::Json {
                definitions,
                out: BufWriter::new(io::stdout()),
            }
        } else {
            Self::People {
                rows: Vec::new(),
                devices: 0,
                packages: 0,
                all: args.all,
            }
        }
    }

    fn device(
        &mut self,
        name: &str,
        packages_of_device: usize,
        judgements: Vec<Judgement>,
    ) -> Result<(), Failure> {
        match self {
            Self::Json { definitions, out } => {
                for judgement in &judgements {
                    let line = Line::new(name, judgement, definitions);
                    let text = serde_json::to_string(&line).context("cannot write the result")?;
                    writable(writeln!(out, "{text}"))?;
                }
                Ok(())
            }
            Self::People {
                rows,
                devices,
                packages,
                ..
            } => {
                *devices += 1;
                *packages += packages_of_device;
                let named = judgements.into_iter();
                rows.extend(named.map(|judgement| (name.to_owned(), judgement)));
                Ok(())
            }
        }
    }

    fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Json { mut out, .. } => writable(out.flush()),
            Self::People {
                rows,
                devices,
                packages,
                all,
            } => table_of(rows, devices, packages, all),
        }
    }
}

/// A reader that left early (`| head`) is no failure.
fn writable(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::failed(
            anyhow::Error::new(error).context("cannot write the result"),
        )),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn table_of(
    mut rows: Vec<(String, Judgement)>,
    devices: usize,
    packages: usize,
    all: bool,
) -> Result<(), Failure> {
    rows.sort_by_cached_key(|(device, judgement)| (reading_order(judgement), device.clone()));
    let mut counts: BTreeMap<FindingState, usize> = BTreeMap::new();
    for (_, judgement) in &rows {
        *counts.entry(judgement.state).or_default() += 1;
    }
    let cells = rows.iter().map(|(device, judgement)| {
        let cves: Vec<String> = judgement.cves.iter().map(ToString::to_string).collect();
        vec![
            device.clone(),
            judgement.package.clone(),
            table::maybe(judgement.installed.as_ref()),
            table::maybe(judgement.advisory.as_ref()),
            table::first_of(&cves, 2),
            judgement.state.to_string(),
            table::maybe(judgement.rating.as_ref().map(|rating| rating.severity)),
            risk(judgement, Exposure::default()).score.to_string(),
            judgement.because.clone(),
        ]
    });
    let headings = [
        "device",
        "package",
        "installed",
        "advisory",
        "cves",
        "state",
        "severity",
        "risk",
        "because",
    ];
    table::rows(&headings, cells, "nothing was found")?;
    let states = FindingState::ALL
        .iter()
        .filter(|state| all || **state != FindingState::NotAffected)
        .map(|state| format!("{} {state}", counts.get(state).unwrap_or(&0)));
    table::say(&format!(
        "{}, {}: {}",
        counted(devices, "device"),
        counted(packages, "package"),
        states.collect::<Vec<_>>().join(", ")
    ))
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
