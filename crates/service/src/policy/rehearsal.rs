//! A rehearsal: the patches of past months that the fleet knows of, played through a draft and
//! through the policy in force.

use domain::access::{self, Permission, Principal};
use engine::rehearse::{MONTHS_MAX, Promise, Rehearsal, Span, rehearse};
use jiff::Timestamp;

use super::{PolicySent, plan};
use crate::{Result, Service, ServiceError};

impl Service {
    /// Plays past months through files, beside the policy in force; refused where there are more
    /// devices than that.
    pub fn policy_rehearse(
        &self,
        who: &Principal,
        sent: &PolicySent,
        months: u32,
        devices_max: u64,
    ) -> Result<Rehearsal> {
        access::check(who, Permission::WholeProvider)?;
        if months == 0 || months > MONTHS_MAX {
            return Err(ServiceError::Invalid {
                field: "months",
                reason: format!("expected 1 to {MONTHS_MAX}"),
            });
        }
        let sent = PolicySent {
            dry_run: true,
            ..sent.clone()
        };
        let (versus, names) = self.policy_versus(who, &sent)?;
        let fleet = self.whole_snapshot(who, Some(devices_max))?;
        let mut draft = plan::by_name(versus.after, &names);
        let mut in_force = plan::by_name(versus.before, &names);
        // A rehearsal asks what would have been, had the policy been in force all the time.
        for policy in [&mut draft, &mut in_force] {
            for window in &mut policy.windows {
                window.valid_from = Timestamp::MIN;
            }
            for decision in &mut policy.decisions {
                decision.decided_at = Timestamp::MIN;
            }
        }
        let span = Span {
            months,
            until: self.now(),
            promise: Promise::default(),
        };
        Ok(rehearse(&fleet, &draft, Some(&in_force), &span, &|_, _| {}))
    }
}
