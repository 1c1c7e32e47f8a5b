//! `patchloop-agent status`: what the agent knows, read from its files; it need not run.

use std::fmt::Write as _;

use domain::device::Mode;
use jiff::Timestamp;
use protocol::sync::Progress;
use serde::Serialize;

use crate::checkin::memory::Memory;
use crate::execute::intake::{Report, Standing};
use crate::failure::Failure;
use crate::files;
use crate::folder::StateFolder;
use crate::guardrails::Guardrails;
use crate::identity::Identity;

/// What the agent knows.
#[derive(Debug, Serialize)]
pub struct Status {
    /// Who this device is.
    pub device: String,
    /// How it is called.
    pub name: String,
    /// Its client.
    pub client: String,
    /// Its site.
    pub site: String,
    /// Its server.
    pub server: String,
    /// When the server last answered.
    pub last_contact: Option<Timestamp>,
    /// What may be done to this device.
    pub mode: Option<Mode>,
    /// Orders that have not ended.
    pub orders: Vec<HeldOrder>,
    /// Reports that the server has not settled yet.
    pub unsettled: usize,
    /// The device's own limits.
    pub guardrails: Vec<String>,
}

/// One order that has not ended.
#[derive(Debug, Serialize)]
pub struct HeldOrder {
    /// How far it is.
    #[serde(flatten)]
    pub progress: Progress,
    /// When it may begin.
    pub opens_at: Option<Timestamp>,
    /// Until when.
    pub closes_at: Option<Timestamp>,
}

/// Reads what the agent knows.
///
/// # Errors
/// When the device is not enrolled or its files cannot be read.
pub fn read(folder: &StateFolder) -> Result<Status, Failure> {
    let identity = Identity::need(folder)?;
    let memory = Memory::load(folder)?;
    let standing: Standing = files::read_json(&folder.progress())?.unwrap_or_default();
    let unsettled = files::list(&folder.spool_out(), ".report")?
        .iter()
        .filter(|path| matches!(files::read_json::<Report>(path), Ok(Some(_))))
        .count();
    let window = |progress: &Progress| {
        standing
            .windows
            .iter()
            .find(|(order, _, _)| *order == progress.order)
    };
    Ok(Status {
        device: identity.device.to_string(),
        name: identity.name.to_string(),
        client: identity.client,
        site: identity.site,
        server: identity.server.to_string(),
        last_contact: memory.contact_at,
        mode: memory.mode,
        orders: standing
            .progress
            .iter()
            .map(|progress| HeldOrder {
                progress: progress.clone(),
                opens_at: window(progress).map(|w| w.1),
                closes_at: window(progress).map(|w| w.2),
            })
            .collect(),
        unsettled,
        guardrails: Guardrails::read(folder.root()).sentences(),
    })
}

impl Status {
    /// For people.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(out, "{name:<14}{value}");
        };
        let time = |at: Option<Timestamp>| at.map_or("never".to_owned(), |at| at.to_string());
        line("device", &format!("{} ({})", self.name, self.device));
        line("client", &format!("{} / {}", self.client, self.site));
        line("server", &self.server);
        line("last contact", &time(self.last_contact));
        line("mode", self.mode.map_or("not told yet", Mode::word));
        line("unsettled", &self.unsettled.to_string());
        for order in &self.orders {
            let window = match (order.opens_at, order.closes_at) {
                (Some(opens), Some(closes)) => format!(", window {opens} to {closes}"),
                _ => String::new(),
            };
            let step = serde_json::to_string(&order.progress.step).unwrap_or_default();
            line(
                "order",
                &format!(
                    "{} {}{window}",
                    order.progress.order,
                    step.trim_matches('"')
                ),
            );
        }
        for rule in &self.guardrails {
            line("guardrail", rule);
        }
        out
    }
}
