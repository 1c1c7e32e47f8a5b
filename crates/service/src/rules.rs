//! The policy in force, kept in memory until somebody changes it: every plan and every answer to
//! "why" needs all of it.

use std::sync::{Arc, Mutex};

use domain::access;
use domain::event::{Audience, Event, EventKind, EventText, Urgency};
use domain::inventory::Digest;
use domain::policy::{Policy, Unreadable};
use domain::query::Field;
use domain::window::ChangeWindow;
use jiff::Timestamp;
use store::Tx;

use crate::policy::standing;
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
            let standing = standing::load(tx, &access::of_loops(), now)?;
            Ok(Arc::new(standing.policy))
        })?;
        self.tell_unreadable(&rules, now)?;
        *lock() = Some(Arc::clone(&rules));
        Ok(rules)
    }

    /// Raises the alarm about what cannot be read, once for each object.
    fn tell_unreadable(&self, rules: &Policy, now: Timestamp) -> Result<()> {
        if rules.unreadable.is_empty() {
            return Ok(());
        }
        let events: Vec<Event> = rules
            .unreadable
            .iter()
            .map(|broken| unreadable_event(broken, now))
            .collect();
        self.write(move |tx| {
            for event in &events {
                if tx.event_add(&access::of_loops(), event)? {
                    let what = event.texts.first().map(|text| text.subject.as_str());
                    tracing::error!(what, "an object of the policy cannot be read");
                }
            }
            Ok(())
        })
    }

    /// Forgets the rules after a change, and has every device planned anew.
    pub(crate) fn rules_changed(&self) {
        *self
            .rules
            .0
            .lock()
            .expect("no holder of the rules can panic") = None;
        self.calendars.forget();
        self.due.everything(crate::loops::Look::Plan);
        self.planner.ring();
    }
}

fn unreadable_event(broken: &Unreadable, now: Timestamp) -> Event {
    let subject = format!("the {} `{}` cannot be read", broken.kind, broken.name);
    let text = EventText {
        audience: Audience::Provider,
        body: format!(
            "{subject}: {}.\nNothing is changed on the devices that it covers ({}) until it is \
             repaired: apply the policy again, or end it.\n",
            broken.why,
            match broken.devices.to_string() {
                all if all.is_empty() => "all of them".to_owned(),
                some => some,
            }
        ),
        subject,
    };
    // The same fault is told once; another one is news.
    let why = Digest::of(broken.why.as_bytes());
    Event {
        key: format!("policy/{}/{}/{why}", broken.kind, broken.name),
        kind: EventKind::PolicyTrouble,
        urgency: Urgency::Now,
        owner: "whoever keeps the policy".to_owned(),
        texts: vec![text],
        at: now,
    }
}

/// Whether a query for devices asks which packages are installed.
pub(crate) fn ask_for_packages(rules: &Policy) -> bool {
    ask_for(rules, &[Field::Package])
}

/// Whether a query for devices asks where they stand with patches, or a window follows releases.
pub(crate) fn ask_for_findings(rules: &Policy) -> bool {
    let follows = |window: &ChangeWindow| window.recurrence.follows_release();
    rules.windows.iter().any(follows) || ask_for(rules, &[Field::Missing, Field::Cve, Field::Kev])
}

fn ask_for(rules: &Policy, fields: &[Field]) -> bool {
    rules
        .decisions
        .iter()
        .map(|decision| &decision.devices)
        .chain(rules.windows.iter().map(|window| &window.devices))
        .chain(rules.groups.iter().map(|group| &group.devices))
        .chain(rules.freezes.iter().map(|freeze| &freeze.devices))
        .chain(rules.rules.iter().map(|rule| &rule.devices))
        .chain(rules.reboots.iter().map(|reboot| &reboot.devices))
        .chain(rules.rings.iter().map(|rings| &rings.devices))
        .chain(
            rules
                .rings
                .iter()
                .flat_map(|set| set.rings.iter().map(|ring| &ring.devices)),
        )
        .chain(rules.exclusions.iter().map(|exclusion| &exclusion.devices))
        .chain(rules.unreadable.iter().map(|broken| &broken.devices))
        .any(|devices| fields.iter().any(|field| query::asks(devices, *field)))
}
