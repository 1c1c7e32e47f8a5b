//! The look before the start: guardrails, leftovers, locks, room, and what the package manager would do.

use std::path::Path;

use backends::BackendError;
use domain::device::Mode;
use domain::id::OrderId;
use domain::order::{Difference, Refusal};
use jiff::tz::TimeZone;

use super::job::JobKind;
use super::{Executor, Origin};
use crate::failure::{Failure, chain};
use crate::guardrails::{Allowed, Guardrails};
use crate::machine::{Ended, Event, Preflight};
use crate::platform;

/// Bytes that must stay free where packages are kept and where they are installed, beside what the
/// order needs.
const FREE_BYTES_MIN: u64 = 128 * 1024 * 1024;

/// So many parts of the look are quick and may hold an order up for long, up to its window's close:
/// only after them it has begun.
const HELD_UP_BY: usize = 2;

/// What a part of the look says.
enum Part {
    /// Nothing against it.
    Fine,
    /// This ends the look.
    Says(Preflight),
    /// Leftovers have to be repaired first.
    Leftovers,
}

impl Executor {
    /// Looks; the answer is an event, at once or when leftovers are repaired.
    pub(super) fn look_before(&mut self, id: OrderId) -> Result<(), Failure> {
        let checks: [fn(&Self, OrderId) -> Part; 5] = [
            Self::limits,
            Self::package_manager,
            Self::leftovers,
            Self::simulation,
            Self::room,
        ];
        for (number, check) in checks.into_iter().enumerate() {
            if number == HELD_UP_BY {
                self.tell_begun(id)?;
            }
            match check(self, id) {
                Part::Fine => {}
                Part::Says(found) => return self.apply(id, Event::Looked(found)),
                Part::Leftovers => return self.begin(id, JobKind::Repair, Origin::Live),
            }
        }
        self.apply(id, Event::Looked(Preflight::Clear))
    }

    /// Lets the server know at once: what follows takes its time.
    fn tell_begun(&mut self, id: OrderId) -> Result<(), Failure> {
        if let Some(held) = self.held.get_mut(&id) {
            held.looking = true;
        }
        self.publish()
    }

    /// Goes on after leftovers were repaired, or not.
    pub(super) fn leftovers_repaired(&mut self, id: OrderId, ended: Ended) -> Result<(), Failure> {
        match ended {
            Ended::Done => {
                if let Some(held) = self.held.get_mut(&id) {
                    held.repaired = true;
                }
                self.look_before(id)
            }
            Ended::Failed { reason } => self.apply(
                id,
                Event::Looked(Preflight::NotYet(Refusal::Other { reason })),
            ),
            Ended::Broken { reason } => self.apply(
                id,
                Event::Looked(Preflight::Refused(Refusal::Other { reason })),
            ),
        }
    }

    fn limits(&self, id: OrderId) -> Part {
        let items = self.held[&id].items();
        let observes = self
            .contact()
            .is_some_and(|contact| contact.mode == Mode::Observe);
        if observes {
            return refuse(Refusal::ObserveOnly);
        }
        let rails = Guardrails::read(self.folder.root());
        match rails.allow(items, self.clock.now(), &TimeZone::system()) {
            Allowed::Yes => {}
            Allowed::Later(refusal) => return Part::Says(Preflight::NotYet(refusal)),
            Allowed::No(refusal) => return refuse(refusal),
        }
        if !self.backend.privileged() {
            return refuse(Refusal::Other {
                reason: "the agent does not run as root".to_owned(),
            });
        }
        if !rails.limits_origins() {
            return Part::Fine;
        }
        let report = match self.backend.offers(&mut |_| ()) {
            Ok(report) => report,
            Err(problem) => return not_yet(&problem),
        };
        for item in items {
            let origin = report
                .offers
                .iter()
                .find(|offer| offer.name == item.name && offer.candidate == item.to)
                .map(|offer| format!("{}:{}", offer.origin.label, offer.origin.codename));
            if !origin
                .as_ref()
                .is_some_and(|origin| rails.allows_origin(origin))
            {
                let from = origin.as_deref().unwrap_or("an unknown archive");
                return refuse(Refusal::Guardrail {
                    rule: format!("{} would come from {from}", item.name),
                });
            }
        }
        Part::Fine
    }

    fn package_manager(&self, _id: OrderId) -> Part {
        match self.backend.unsafe_sources() {
            Ok(settings) => {
                if let Some(setting) = settings.first() {
                    return refuse(Refusal::Other {
                        reason: format!("signatures of packages are not checked here: {setting}"),
                    });
                }
            }
            Err(problem) => return not_yet(&problem),
        }
        match self.backend.lock_holder() {
            Some(holder) => Part::Says(Preflight::NotYet(Refusal::Locked {
                holder: holder.to_string(),
            })),
            None => Part::Fine,
        }
    }

    fn leftovers(&self, id: OrderId) -> Part {
        match self.backend.unfinished() {
            Ok(left) if left.is_empty() && !self.backend.interrupted() => Part::Fine,
            Ok(left) if self.held[&id].repaired => refuse(Refusal::Other {
                reason: format!(
                    "{} is unfinished and could not be repaired",
                    left.first()
                        .map_or("the package manager's own journal", |name| name.as_str())
                ),
            }),
            Ok(_) => Part::Leftovers,
            Err(problem) => not_yet(&problem),
        }
    }

    fn simulation(&self, id: OrderId) -> Part {
        let items = self.held[&id].items();
        let inventory = match self.backend.inventory() {
            Ok(read) => read.inventory,
            Err(problem) => return not_yet(&problem),
        };
        let simulation = match self.backend.simulate(items) {
            Ok(simulation) => simulation,
            Err(problem) => return not_yet(&problem),
        };
        let differences = backends::differences(items, &simulation, &inventory);
        let gone = differences
            .iter()
            .any(|difference| matches!(difference, Difference::NotOffered { .. }));
        if gone {
            return Part::Says(Preflight::Superseded(Refusal::Difference { differences }));
        }
        if !differences.is_empty() {
            return refuse(Refusal::Difference { differences });
        }
        match simulation.refused {
            Some(reason) => refuse(Refusal::Other {
                reason: format!("the package manager refuses: {reason}"),
            }),
            None => Part::Fine,
        }
    }

    /// What the package manager says that it needs, and a reserve beside it: a new version is unpacked
    /// beside the old one, and the system goes on writing meanwhile.
    fn room(&self, id: OrderId) -> Part {
        let needed = match self.backend.room(self.held[&id].items()) {
            Ok(needed) => needed.unwrap_or_default(),
            Err(problem) => return not_yet(&problem),
        };
        let (downloads, root) = (Path::new(platform::DOWNLOADS), Path::new(platform::ROOT));
        let places = if platform::share_room(downloads, root) {
            let both = needed.download_bytes.saturating_add(needed.growth_bytes);
            vec![(root, both)]
        } else {
            vec![
                (downloads, needed.download_bytes),
                (root, needed.growth_bytes),
            ]
        };
        for (place, bytes) in places {
            let needed_bytes = bytes.saturating_add(FREE_BYTES_MIN);
            if let Ok(free_bytes) = platform::free_bytes(place)
                && free_bytes < needed_bytes
            {
                return refuse(Refusal::NoSpace {
                    needed_bytes,
                    free_bytes,
                });
            }
        }
        Part::Fine
    }
}

fn refuse(refusal: Refusal) -> Part {
    Part::Says(Preflight::Refused(refusal))
}

/// The package manager did not answer: another try may find it better.
fn not_yet(problem: &BackendError) -> Part {
    let refusal = match problem {
        BackendError::Locked { holder, .. } => Refusal::Locked {
            holder: holder.to_string(),
        },
        other => Refusal::Other {
            reason: chain(other),
        },
    };
    Part::Says(Preflight::NotYet(refusal))
}
