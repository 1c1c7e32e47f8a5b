//! The decisions and windows in force, kept in memory until somebody changes them: every plan and
//! every answer to "why" needs all of them.

use std::sync::{Arc, Mutex};

use domain::access;
use domain::policy::Policy;
use domain::query::Field;
use store::Tx;

use crate::{Result, Service, query};

/// The rules as they were last read; `None` after a change.
#[derive(Default)]
pub(crate) struct RulesCache(Mutex<Option<Arc<Policy>>>);

impl Service {
    /// The decisions and windows that hold now, of all clients; those of others never match.
    pub(crate) fn rules(&self) -> Result<Arc<Policy>> {
        let now = self.now();
        let lock = || {
            self.rules
                .0
                .lock()
                .expect("no holder of the rules can panic")
        };
        if let Some(rules) = lock().as_ref() {
            return Ok(Arc::clone(rules));
        }
        let rules = self.read(move |tx: &mut Tx<'_>| {
            let scope = access::of_loops();
            Ok(Arc::new(Policy {
                decisions: tx.decision_in_force(&scope, now)?,
                windows: tx.window_in_force(&scope, now)?,
                ..Policy::default()
            }))
        })?;
        *lock() = Some(Arc::clone(&rules));
        Ok(rules)
    }

    /// Forgets the rules after a change, and has every device planned anew.
    pub(crate) fn rules_changed(&self) {
        *self
            .rules
            .0
            .lock()
            .expect("no holder of the rules can panic") = None;
        self.due.everything(crate::loops::Look::Plan);
        self.planner.ring();
    }
}

/// Whether a rule's query for devices asks which packages are installed.
pub(crate) fn ask_for_packages(rules: &Policy) -> bool {
    rules
        .decisions
        .iter()
        .map(|decision| &decision.devices)
        .chain(rules.windows.iter().map(|window| &window.devices))
        .any(|devices| query::asks(devices, Field::Package))
}
