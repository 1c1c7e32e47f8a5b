//! Which groups of a policy a device is in, for those who answer queries device by device.

use domain::id::ClientId;
use domain::policy::{Group, Policy};
use domain::query::Subject;
use jiff::Timestamp;

use super::covered::Compiled;
use crate::subject::Membership;

/// The groups of a policy, put in the order in which they name each other.
pub struct GroupLookup<'a>(Compiled<'a>);

impl<'a> GroupLookup<'a> {
    /// Prepares the groups of a policy; once for many devices.
    pub fn of(policy: &'a Policy) -> Self {
        Self(Compiled::new(policy))
    }

    /// The groups: what their queries ask for has to be loaded of a device.
    pub fn groups(&self) -> &'a [Group] {
        &self.0.policy.groups
    }

    /// The groups that a device is in; goes into [`crate::subject::DeviceSubject::groups`].
    pub fn membership(&self, device: &dyn Subject, client: ClientId, now: Timestamp) -> Membership {
        self.0.groups_of(device, &[], Some(client), now)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;
    use crate::subject::DeviceSubject;
    use domain::query::{Query, Truth};

    fn group(name: &str, client: Option<ClientId>, devices: &str) -> Group {
        Group {
            id: domain::id::PolicyId::from_bytes([1; 16]),
            client,
            name: name.parse().unwrap(),
            devices: devices.parse().unwrap(),
        }
    }

    #[test]
    fn a_device_is_asked_for_by_the_groups_that_it_is_in() {
        let view = crate::testing::view();
        let (client, now) = (view.device.client, "2026-03-02T09:00:00Z".parse().unwrap());
        let other = ClientId::from_bytes([9; 16]);
        let mut policy = Policy {
            groups: vec![
                group("inner", None, "group:debians site:berlin"),
                group("debians", None, "os:debian"),
                group("theirs", Some(other), "os:debian"),
                group("kiosks", None, "tag:kiosk"),
            ],
            ..Policy::default()
        };
        let truth = |policy: &Policy, text: &str| {
            let lookup = GroupLookup::of(policy);
            let membership = lookup.membership(&DeviceSubject::of(&view), client, now);
            let subject = DeviceSubject {
                groups: Some(&membership),
                ..DeviceSubject::of(&view)
            };
            let query: Query = text.parse().unwrap();
            query.evaluate(&subject, now)
        };
        for (text, expected) in [
            ("group:inner", Truth::Yes),
            ("group:Debians", Truth::Yes),
            ("group:theirs", Truth::No),
            ("-group:kiosks", Truth::Yes),
            ("group:nothing", Truth::No),
        ] {
            assert_eq!(truth(&policy, text), expected, "{text}");
        }
        // Whether one group holds cannot be told: neither can that the device is in no other.
        policy.groups.push(group("odd", None, "severity:low"));
        assert_eq!(truth(&policy, "group:inner"), Truth::Yes);
        assert_eq!(truth(&policy, "-group:kiosks"), Truth::Unknown);
    }

    #[test]
    fn groups_come_after_those_that_they_name_also_where_there_are_very_many() {
        let policy = |groups: &[(&str, &str)]| Policy {
            groups: groups
                .iter()
                .map(|(name, devices)| group(name, None, devices))
                .collect(),
            ..Policy::default()
        };
        let some = policy(&[
            ("top", "group:SUB*"),
            ("sub1", "tag:a"),
            ("sub2", "-group:sub1"),
            ("self", "group:self"),
            ("beside", "group:self tag:a"),
            ("any", "tag:b"),
        ]);
        let (rounds, circle) = super::super::group_rounds(&some);
        assert_eq!(rounds, [vec![1, 5], vec![2], vec![0]]);
        assert_eq!(circle, [3, 4]);
        let mut many = Policy::default();
        let last = 9_999;
        for at in 0..=last {
            let devices = match at == last {
                true => "tag:a".to_owned(),
                false => format!("group:g{}", at + 1),
            };
            many.groups.push(group(&format!("g{at}"), None, &devices));
        }
        let (rounds, circle) = super::super::group_rounds(&many);
        assert_eq!((rounds.len(), circle.len()), (10_000, 0));
        assert_eq!(rounds[0], [last]);
    }
}
