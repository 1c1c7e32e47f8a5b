//! Groups as sets of devices: each group's query is answered once for the whole fleet.

use domain::policy::Policy;
use domain::query::{Query, Term, Truth};
use jiff::Timestamp;
use roaring::RoaringBitmap;

use super::FleetIndex;
use super::bits::Bits;
use super::query::{Sets, Unanswerable, Value};
use crate::decide::{group_rounds, has_unreadable_group};

/// The groups of a policy as sets, for queries that ask for them.
///
/// Good for one state of the index at one instant: worked out again after either moves on.
#[derive(Debug, Clone)]
pub struct FleetGroups {
    /// Each group with the devices that are certainly in it.
    certain: Vec<(String, Bits)>,
    /// Devices of which it is not known whether they are in one of the groups.
    open: Bits,
}

impl FleetIndex {
    /// Works out who is in which group.
    ///
    /// # Errors
    /// [`Unanswerable`], where a group's query asks for a field that the index does not hold.
    pub fn groups(&self, policy: &Policy, now: Timestamp) -> Result<FleetGroups, Unanswerable> {
        let mut groups = FleetGroups {
            certain: Vec::with_capacity(policy.groups.len()),
            open: if has_unreadable_group(policy) {
                self.alive()
            } else {
                Bits::new(self.devices.bound())
            },
        };
        let (rounds, circle) = group_rounds(policy);
        for round in &rounds {
            self.round(policy, round, &mut groups, now)?;
        }
        if !circle.is_empty() {
            // Groups that name each other cannot be told apart.
            groups.open = self.alive();
            self.round(policy, &circle, &mut groups, now)?;
        }
        Ok(groups)
    }

    /// Adds groups that name only those that are there already.
    fn round(
        &self,
        policy: &Policy,
        round: &[usize],
        groups: &mut FleetGroups,
        now: Timestamp,
    ) -> Result<(), Unanswerable> {
        let mut answers = Vec::with_capacity(round.len());
        for index in round {
            let group = &policy.groups[*index];
            let mut sets = self.evaluate(group.devices.expr(), Some(groups), now)?;
            if let Some(client) = group.client {
                let all = &self.devices.clients.all;
                let own = |device: usize| all[self.devices.client[device] as usize] == client;
                sets.and(&self.by(|device| own(device).into()));
            }
            answers.push((group.name.as_str().to_owned(), sets));
        }
        for (name, sets) in answers {
            groups.certain.push((name, sets.yes));
            groups.open.union(&sets.unknown);
        }
        Ok(())
    }

    /// The devices that a query certainly matches, where it may ask for `group`.
    ///
    /// # Errors
    /// [`Unanswerable`], for a field that the index does not hold.
    pub fn select_grouped(
        &self,
        query: &Query,
        groups: &FleetGroups,
        now: Timestamp,
    ) -> Result<RoaringBitmap, Unanswerable> {
        let sets = self.evaluate(query.expr(), Some(groups), now)?;
        Ok(sets.yes.compressed())
    }
}

impl FleetGroups {
    /// The sets of a term about groups.
    pub(super) fn term(&self, term: &Term, bound: usize, now: Timestamp) -> Sets {
        let mut yes = Bits::new(bound);
        for (name, devices) in &self.certain {
            if term.evaluate(&Value::texts(vec![name], true), now) == Truth::Yes {
                yes.union(devices);
            }
        }
        let mut unknown = self.open.clone();
        unknown.subtract(&yes);
        Sets { yes, unknown }
    }
}
