//! Every command on one page: `patchloop NOUN VERB`.
//!
//! To add a command: write its file in `commands/`, add its variant to [`Command`], and one arm to
//! [`run`]. Results go to stdout, talk to stderr; `--json` prints one JSON document.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use domain::clock::Clock;
use tracing_subscriber::EnvFilter;

use crate::commands;
use crate::failure::{Failure, Outcome, exit};
use crate::offline;

/// The environment variable that says what is logged, such as `info` or `service=debug`.
const LOG_VARIABLE: &str = "PATCHLOOP_LOG";

/// Patch management: find, approve, install, prove.
#[derive(Debug, Parser)]
#[command(name = "patchloop", version, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Print one JSON document instead of a table
    #[arg(long, global = true)]
    pub json: bool,
    /// Address of the server's console and API
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "PATCHLOOP_URL",
        hide_env_values = true,
        default_value = "http://127.0.0.1:8480"
    )]
    pub url: String,
    /// API token
    #[arg(
        long,
        global = true,
        value_name = "TOKEN",
        env = "PATCHLOOP_TOKEN",
        hide_env_values = true
    )]
    pub token: Option<String>,
    /// Certificates to trust instead of the system's, for https (PEM)
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "PATCHLOOP_CA",
        hide_env_values = true
    )]
    pub ca: Option<PathBuf>,
}

/// Where the server keeps its state; for the commands that work on the server's own computer.
#[derive(Debug, Clone, Args)]
pub struct StateArgs {
    /// State folder [default: $XDG_STATE_HOME/patchloop or ~/.local/state/patchloop]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

impl StateArgs {
    /// The folder: as given, else the user's own.
    pub fn folder(&self) -> Result<PathBuf, Failure> {
        if let Some(folder) = &self.state {
            return Ok(folder.clone());
        }
        let from = |name: &str| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        from("XDG_STATE_HOME")
            .or_else(|| from("HOME").map(|home| home.join(".local/state")))
            .map(|base| base.join("patchloop"))
            .ok_or_else(|| {
                Failure::wrong_use(anyhow::anyhow!(
                    "there is no state folder: neither XDG_STATE_HOME nor HOME is set"
                ))
                .hint("say where: --state DIR")
            })
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Server, console and this computer's own agent in one: looks, changes nothing
    Up(commands::up::UpArgs),
    /// Run the server
    Serve(commands::serve::ServeArgs),
    /// The owner: made and let in on the server's own computer only
    #[command(subcommand)]
    Owner(commands::owner::OwnerCommand),
    /// Clients: the companies you look after
    #[command(subcommand)]
    Client(commands::client::ClientCommand),
    /// Sites: places of clients, with their time zones
    #[command(subcommand)]
    Site(commands::site::SiteCommand),
    /// Tokens that enrol devices
    #[command(subcommand)]
    Enrolment(commands::enrolment::EnrolmentCommand),
    /// Devices: list, show, mode, tags
    #[command(subcommand)]
    Device(commands::device::DeviceCommand),
    /// Findings: where each device stands with each patch
    #[command(subcommand)]
    Finding(commands::finding::FindingCommand),
    /// Patches: what is missing somewhere
    #[command(subcommand)]
    Patch(commands::patch::PatchCommand),
    /// Decisions: approve, hold, deny
    #[command(subcommand)]
    Decision(commands::decision::DecisionCommand),
    /// Change windows: when devices may be changed
    #[command(subcommand)]
    Window(commands::window::WindowCommand),
    /// Calendars: a client's windows and freezes at a secret address
    #[command(subcommand)]
    Calendar(commands::calendar::CalendarCommand),
    /// Freezes: when nothing may be changed
    #[command(subcommand)]
    Freeze(commands::freeze::FreezeCommand),
    /// Policies as files: check, openings, evaluate
    #[command(subcommand)]
    Policy(commands::policy::PolicyCommand),
    /// Queries: what could be typed next
    #[command(subcommand)]
    Query(commands::query::QueryCommand),
    /// Say whether a patch may be installed on a device, and why not
    Why(commands::why::WhyArgs),
    /// Orders: what devices were told to do, and what came of it
    #[command(subcommand)]
    Order(commands::order::OrderCommand),
    /// Tickets: one per order that ended, and one per patch that is held for a study
    #[command(subcommand)]
    Ticket(commands::ticket::TicketCommand),
    /// Reports for clients
    #[command(subcommand)]
    Report(commands::report::ReportCommand),
    /// Advisories that hit devices, and whom each hits
    #[command(subcommand)]
    Advisory(commands::advisory::AdvisoryCommand),
    /// Coverage: every device in one bucket, and who took which out
    #[command(subcommand)]
    Coverage(commands::coverage::CoverageCommand),
    /// Events: new and changed advisories with whom they hit, release days
    #[command(subcommand)]
    Event(commands::coverage::EventCommand),
    /// Release days of vendors to come
    #[command(subcommand)]
    Release(commands::coverage::ReleaseCommand),
    /// Feeds: definitions from vendors, their age, and documents looked at offline
    #[command(subcommand)]
    Feed(commands::feed::FeedCommand),
    /// Judge inventories by feed documents, without a server
    Assess(offline::assess::AssessArgs),
    /// Say which Windows updates replace which, without a server
    Supersedes(offline::supersedes::SupersedesArgs),
    /// Order versions of packages, without a server
    Compare(CompareArgs),
}

/// `patchloop compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Whose rules: deb, rpm, apk, pacman, semver, windows or winget
    scheme: String,
    /// Two versions; without them, pairs are read from standard input, one a line, split by a tab
    #[arg(num_args = 2, value_names = ["A", "B"], allow_hyphen_values = true)]
    pair: Vec<String>,
}

/// Reads the command line, runs the command, gives the exit code.
pub fn main(clock: Arc<dyn Clock>) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(told) => return told_by_clap(&told),
    };
    let filter = EnvFilter::try_from_env(LOG_VARIABLE).unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(false)
        .init();
    exit(run(cli, clock))
}

/// Help and versions as they are; a wrong command line with a hint like every other error.
fn told_by_clap(told: &clap::Error) -> ExitCode {
    if !told.use_stderr() {
        told.exit();
    }
    let text = told.render().to_string();
    let said = text
        .trim_end()
        .trim_end_matches("For more information, try '--help'.")
        .trim_end();
    eprintln!("{said}\nhint: the same command with `--help` says what it takes");
    ExitCode::from(u8::try_from(told.exit_code()).unwrap_or(2))
}

fn run(cli: Cli, clock: Arc<dyn Clock>) -> Result<Outcome, Failure> {
    let global = &cli.global;
    match cli.command {
        Command::Up(args) => commands::up::run(&args, global, clock),
        Command::Serve(args) => commands::serve::run(&args, global, clock),
        Command::Owner(command) => commands::owner::run(&command, global, clock),
        Command::Client(command) => commands::client::run(&command, global),
        Command::Site(command) => commands::site::run(&command, global),
        Command::Enrolment(command) => commands::enrolment::run(&command, global),
        Command::Device(command) => commands::device::run(&command, global),
        Command::Finding(command) => commands::finding::run(&command, global),
        Command::Patch(command) => commands::patch::run(&command, global),
        Command::Decision(command) => commands::decision::run(&command, global),
        Command::Window(command) => commands::window::run(&command, global),
        Command::Calendar(command) => commands::calendar::run(&command, global),
        Command::Freeze(command) => commands::freeze::run(&command, global),
        Command::Policy(command) => commands::policy::run(&command, global, clock.as_ref()),
        Command::Query(command) => commands::query::run(&command, global),
        Command::Why(args) => commands::why::run(&args, global),
        Command::Order(command) => commands::order::run(&command, global),
        Command::Ticket(command) => commands::ticket::run(&command, global),
        Command::Report(command) => commands::report::run(&command, global),
        Command::Advisory(command) => commands::advisory::run(&command, global),
        Command::Coverage(command) => commands::coverage::run(&command, global),
        Command::Event(command) => commands::coverage::events(&command, global),
        Command::Release(command) => commands::coverage::releases(&command, global),
        Command::Feed(command) => commands::feed::run(&command, global, clock),
        Command::Assess(args) => offline::assess::run(&args, global, clock.as_ref()),
        Command::Supersedes(args) => offline::supersedes::run(&args),
        Command::Compare(args) => compare(args),
    }
}

fn compare(args: CompareArgs) -> Result<Outcome, Failure> {
    let mut pair = args.pair.into_iter();
    let pair = pair.next().zip(pair.next());
    let code = offline::compare::run(
        &args.scheme,
        pair,
        &mut io::stdin().lock(),
        &mut io::stdout().lock(),
        &mut io::stderr().lock(),
    )?;
    Ok(Outcome::Code(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_is_the_one_that_was_reviewed() {
        use clap::CommandFactory as _;
        use std::fmt::Write as _;

        fn pages(path: &str, command: &mut clap::Command, out: &mut String) {
            // A fixed width: the terminal's own must not change the snapshot.
            let help = command.clone().term_width(100).render_long_help();
            writeln!(out, "== {path} ==\n{help}").unwrap();
            for sub in command.get_subcommands_mut() {
                let path = format!("{path} {}", sub.get_name());
                if !path.ends_with(" help") {
                    pages(&path, sub, out);
                }
            }
        }
        let mut command = Cli::command();
        command.build();
        let mut out = String::new();
        pages("patchloop", &mut command, &mut out);
        insta::assert_snapshot!("help", out);
    }
}
