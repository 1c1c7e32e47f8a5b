//! What should happen, and why not: every decision of Patchloop as a pure function.
//!
//! ```text
//! inventory, facts ─ assess ─▶ findings ─ decide ─▶ verdicts ─ orders ─▶ plan ─▶ records
//! messages of an agent ─ link ─▶ effects and reply ─ prove ─▶ proof, ticket      measure ─▶ report
//! ```
//!
//! Nothing here reads a clock, a file or a socket: time and chance are parameters. The same input
//! always gives the same output, so a simulator can drive exactly these functions.

pub mod assess;
pub mod calendar;
pub mod coverage;
pub mod decide;
pub mod link;
pub mod lint;
pub mod measure;
pub mod notify;
pub mod orders;
pub mod plan;
pub mod policy_file;
pub mod prove;
pub mod rehearse;
pub mod releases;
pub mod simulated;
pub mod subject;
mod tries;
pub mod view;
pub mod written;

#[cfg(test)]
mod testing;
