//! A policy for the simulated fleet: general rules at the end, rules of single clients before them.

use domain::id::Id;
use domain::name::Label;
use domain::policy::{
    ApprovalRule, Delay, Exclusion, Freeze, Policy, RebootRule, RebootWhen, Ring, RingSet,
    RuleAction,
};
use domain::query::Query;
use domain::window::{ChangeWindow, OpensFor, Recurrence, WindowZone, start_from_text};
use jiff::Timestamp;

/// The rules that hold for everybody: name, patches, devices, action, delay.
const GENERAL: [(&str, &str, &str, RuleAction, &str); 6] = [
    (
        "drivers wait",
        "product:graphics-driver",
        "",
        RuleAction::Hold,
        "0d",
    ),
    (
        "definitions at once",
        "product:scanner",
        "",
        RuleAction::Approve,
        "0d",
    ),
    (
        "severe on servers",
        "severity>=important",
        "tag:server",
        RuleAction::Approve,
        "7d",
    ),
    (
        "severe on workstations",
        "severity>=important",
        "tag:workstation",
        RuleAction::Approve,
        "3d",
    ),
    (
        "the rest of servers",
        "severity<important",
        "tag:server",
        RuleAction::Approve,
        "21d",
    ),
    ("the rest", "", "", RuleAction::Approve, "14d"),
];
/// What the rules of single clients are about: patches, devices, action, delay.
const OWN: [(&str, &str, RuleAction, &str); 6] = [
    ("product:sql-server", "tag:database", RuleAction::Hold, "0d"),
    (
        "product:browser severity>=important",
        "tag:workstation",
        RuleAction::Approve,
        "1d",
    ),
    (
        "product:graphics-driver",
        "tag:workstation",
        RuleAction::Deny,
        "0d",
    ),
    (
        "severity:critical kev:yes",
        "tag:server",
        RuleAction::Approve,
        "2d",
    ),
    (
        "product:openssl,openssh",
        "os:debian>=12",
        RuleAction::Approve,
        "5d",
    ),
    ("product:office", "-tag:pilot", RuleAction::Approve, "10d"),
];

/// A policy with this many rules (at least the six general ones) for a fleet of this many clients.
/// `None` never happens: every text in it is tested to be one.
pub fn policy(rules: usize, clients: usize) -> Option<Policy> {
    let own = rules.saturating_sub(GENERAL.len());
    let mut policy = Policy::default();
    for number in 0..own {
        let (patches, devices, action, after) = OWN.get(number % OWN.len())?;
        let client = number % clients.max(1);
        let devices = format!("client:client-{client:04} {devices}");
        let name = format!("own {number:04}");
        policy
            .rules
            .push(rule(&name, patches, &devices, *action, after)?);
    }
    for (name, patches, devices, action, after) in GENERAL {
        policy
            .rules
            .push(rule(name, patches, devices, action, after)?);
    }
    windows(&mut policy)?;
    policy.freezes.push(Freeze {
        id: Id::unsaved(),
        client: None,
        name: "year's end".parse().ok()?,
        devices: query("client:client-0000,client-0001 tag:server")?,
        zone: WindowZone::Device,
        from: "2026-12-18T00:00:00".parse().ok()?,
        until: "2027-01-05T00:00:00".parse().ok()?,
        reason: "closing of the books".into(),
        exception: None,
    });
    policy.exclusions.push(Exclusion {
        id: Id::unsaved(),
        client: None,
        name: "terminals of client 2".parse().ok()?,
        devices: query("client:client-0002 tag:terminal")?,
        until: None,
        reason: "they are replaced".into(),
    });
    Some(policy)
}

fn query(text: &str) -> Option<Query> {
    Query::parse(text).ok()
}

fn rule(
    name: &str,
    patches: &str,
    devices: &str,
    action: RuleAction,
    after: &str,
) -> Option<ApprovalRule> {
    Some(ApprovalRule {
        id: Id::unsaved(),
        client: None,
        name: name.parse().ok()?,
        owner: "operations".into(),
        patches: query(patches)?,
        devices: query(devices)?,
        action,
        after: after.parse().ok()?,
        kev_after: Some(Delay::NONE),
        windows: Vec::new(),
        rings: None,
        study: None,
        why: "agreed with the client".into(),
    })
}

fn window(name: &str, devices: &str, days: &str, start: &str, hours: &str) -> Option<ChangeWindow> {
    Some(ChangeWindow {
        id: Id::unsaved(),
        client: None,
        name: name.parse().ok()?,
        devices: query(devices)?,
        recurrence: days.parse::<Recurrence>().ok()?,
        start: start_from_text(start).ok()?,
        duration: hours.parse().ok()?,
        zone: WindowZone::Device,
        from: None,
        until: None,
        reserve: None,
        opens_for: OpensFor::Changes,
        catch_up: None,
        valid_from: Timestamp::MIN,
        ended_at: None,
    })
}

fn windows(policy: &mut Policy) -> Option<()> {
    let label = |text: &str| text.parse::<Label>().ok();
    policy.windows = vec![
        window("servers", "tag:server", "2 tuesday + 4 days", "22:00", "6h")?,
        window(
            "servers weekly",
            "tag:server -tag:database",
            "sun",
            "02:00",
            "3h",
        )?,
        window(
            "workstations",
            "tag:workstation",
            "mon,tue,wed,thu,fri",
            "12:00",
            "2h",
        )?,
        window(
            "large clients",
            "client:client-0000,client-0003 tag:server",
            "wed",
            "23:00",
            "2h",
        )?,
    ];
    policy.rings.push(RingSet {
        id: Id::unsaved(),
        client: None,
        name: label("pilot first")?,
        devices: query("tag:server")?,
        rings: vec![
            Ring {
                name: label("pilot")?,
                devices: query("tag:pilot")?,
                soak: "2d".parse().ok()?,
            },
            Ring {
                name: label("others")?,
                devices: Query::everything(),
                soak: Delay::NONE,
            },
        ],
    });
    for (name, devices, when) in [
        ("servers reboot", "tag:server", RebootWhen::Needed),
        (
            "domain controllers by hand",
            "tag:domain-controller",
            RebootWhen::Never,
        ),
        ("workstations reboot", "tag:workstation", RebootWhen::Needed),
    ] {
        policy.reboots.push(RebootRule {
            id: Id::unsaved(),
            client: None,
            name: label(name)?,
            devices: query(devices)?,
            when,
            window: None,
            deadline: None,
            user_present: None,
        });
    }
    Some(())
}
