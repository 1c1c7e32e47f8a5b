//! The agent: looks at its device, tells the server, and carries out signed orders in their windows.
//!
//! Two halves that meet in the spool folder. The network half ([`checkin`], [`link`]) talks and has no
//! say; the executing half ([`execute`], [`machine`]) takes nothing but signed files, checks them
//! itself, and works outside the agent's own process. At most three threads, no async runtime.

mod backoff;
pub mod checkin;
pub mod cli;
pub mod enrol;
pub mod execute;
pub mod failure;
pub mod files;
pub mod folder;
pub mod guardrails;
pub mod identity;
pub mod journal;
pub mod link;
pub mod machine;
pub mod platform;
pub mod run;
pub mod status;
pub mod words;

use domain::device::AgentAbilities;
use domain::order::Verb;

/// Talks to whoever started the agent, on stderr. Nothing that a server said is printed unfiltered.
pub fn say(line: &str) {
    let line: String = line
        .chars()
        .filter(|c| domain::name::printable(*c))
        .collect();
    eprintln!("patchloop-agent: {line}");
}

/// What this agent can do here.
pub fn abilities(privileged: bool, rails: &guardrails::Guardrails) -> AgentAbilities {
    let mut verbs = vec![Verb::CollectInventory];
    if privileged && rails.refresh_hours().is_some() {
        verbs.push(Verb::RefreshIndex);
    }
    if privileged && !rails.forbids_changes() {
        verbs.extend([
            Verb::Download,
            Verb::Install,
            Verb::Repair,
            Verb::RestartServices,
        ]);
    }
    verbs.sort();
    AgentAbilities {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol: protocol::PROTOCOL,
        verbs,
        privileged,
        guardrails: rails.sentences(),
    }
}
