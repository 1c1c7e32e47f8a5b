//! One device: what becomes of the patches that came for it, and when it reboots.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::snapshot::SnapshotFinding;
use domain::verdict::GateName;
use jiff::Timestamp;

/// A patch that came, apart from any device.
#[derive(Debug, Clone)]
pub(super) struct Patch {
    /// As the evaluator is asked about it: missing, not replaced.
    pub finding: SnapshotFinding,
    /// When it came.
    pub came_at: Timestamp,
    /// The patch that replaces it, as the snapshot says.
    pub replaced_by: Option<String>,
    /// Whether it needs a reboot.
    pub reboot: Option<bool>,
}

impl Patch {
    /// Patches of one product are one stream.
    pub fn product(&self) -> &str {
        let finding = &self.finding;
        finding.product.as_deref().unwrap_or(&finding.patch)
    }
}

/// What the evaluator says about a patch at the moment it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    /// When it will be installed, if nothing replaces it.
    pub at: Option<Timestamp>,
    /// The first closed gate.
    pub gate: Option<GateName>,
}

impl Asked {
    /// Whether somebody or something approves it, whatever else keeps it.
    fn is_approved(&self) -> bool {
        self.at.is_some() || self.gate.is_some_and(|gate| gate > GateName::Decided)
    }
}

/// How a patch ended on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It was installed.
    Installed,
    /// A newer one was installed in its place.
    Replaced,
    /// Its time lies after the end.
    Waiting,
    /// Its time had come, and neither it nor a newer one was ever installed.
    Starved {
        /// By how many newer patches it was replaced before their time.
        replaced: u32,
    },
    /// Nothing approves it.
    NotApproved,
}

/// A patch on a device, replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Replayed {
    /// Its number.
    pub patch: u32,
    pub end: End,
    /// When it or its replacement was installed.
    pub fixed_at: Option<Timestamp>,
    /// When it was installed itself.
    pub installed_at: Option<Timestamp>,
}

/// Replays the patches `own` of a device. `asked` has an answer for each of them.
pub(super) fn replay(
    own: &[u32],
    patches: &[Patch],
    asked: &HashMap<u32, Asked>,
    until: Timestamp,
) -> Vec<Replayed> {
    let mut streams: BTreeMap<&str, Vec<(u32, &Patch)>> = BTreeMap::new();
    for number in own {
        if let Some(patch) = patches.get(*number as usize) {
            streams
                .entry(patch.product())
                .or_default()
                .push((*number, patch));
        }
    }
    let mut all = Vec::with_capacity(own.len());
    for (_, mut stream) in streams {
        stream.sort_by_key(|(number, patch)| (patch.came_at, *number));
        stream.dedup_by(|a, b| a.1.finding.patch == b.1.finding.patch);
        replay_stream(&stream, asked, until, &mut all);
    }
    all
}

/// Which patch of the stream replaces each: the one that it names and, where none of the stream names
/// any, the next.
fn replacements(stream: &[(u32, &Patch)]) -> Vec<Option<usize>> {
    let named = stream.iter().any(|(_, patch)| patch.replaced_by.is_some());
    stream
        .iter()
        .enumerate()
        .map(|(at, (_, patch))| {
            let later = stream.iter().enumerate().skip(at + 1);
            match &patch.replaced_by {
                Some(name) => later
                    .filter(|(_, (_, other))| other.finding.patch == *name)
                    .map(|(at, _)| at)
                    .next(),
                None if named => None,
                None => (at + 1 < stream.len()).then_some(at + 1),
            }
        })
        .collect()
}

fn replay_stream(
    stream: &[(u32, &Patch)],
    asked: &HashMap<u32, Asked>,
    until: Timestamp,
    all: &mut Vec<Replayed>,
) {
    let replaced_by = replacements(stream);
    let first = all.len();
    for (number, _) in stream {
        all.push(Replayed {
            patch: *number,
            end: End::NotApproved,
            fixed_at: None,
            installed_at: None,
        });
    }
    // From the last to the first: a replacement comes later in the stream.
    for at in (0..stream.len()).rev() {
        let Some(answer) = stream.get(at).and_then(|(number, _)| asked.get(number)) else {
            continue;
        };
        let next = replaced_by.get(at).copied().flatten();
        let gone_at = next
            .and_then(|next| stream.get(next))
            .map(|(_, patch)| patch.came_at);
        let in_time = |time: &Timestamp| *time < until && gone_at.is_none_or(|gone| *time < gone);
        let installed_at = answer.at.filter(in_time);
        let after = next.and_then(|next| all.get(first + next)).copied();
        let fixed_at = installed_at.or_else(|| after.and_then(|after| after.fixed_at));
        let end = match (installed_at, fixed_at) {
            (Some(_), _) => End::Installed,
            (None, Some(_)) => End::Replaced,
            (None, None) => unfixed(answer, after, until),
        };
        if let Some(one) = all.get_mut(first + at) {
            *one = Replayed {
                end,
                fixed_at,
                installed_at,
                ..*one
            };
        }
    }
}

/// How a patch ended that nothing fixed.
fn unfixed(answer: &Asked, after: Option<Replayed>, until: Timestamp) -> End {
    if !answer.is_approved() {
        return End::NotApproved;
    }
    match answer.at {
        Some(at) if at >= until => End::Waiting,
        // Its time had come, or nothing but a person lets it through.
        _ => End::Starved {
            replaced: match after.map(|after| after.end) {
                None => 0,
                Some(End::Starved { replaced }) => replaced.saturating_add(1),
                Some(End::Installed | End::Replaced | End::Waiting | End::NotApproved) => 1,
            },
        },
    }
}

/// The reboots of a device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reboots {
    /// Those that the policy makes, each once.
    pub made: BTreeSet<Timestamp>,
    /// Times after which a person has to.
    pub by_hand: BTreeSet<Timestamp>,
    /// Installations of which nobody knows.
    pub unknown: u64,
}

/// How a device is rebooted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RebootPlan {
    /// By a person: the rule says never, or there is none.
    ByHand,
    /// After patches that need one.
    Needed,
    /// After every patch.
    Always,
}

/// The reboots that installations ask for. `reboot_at` gives the time of the reboot for an
/// installation, so that installations with the same time share it.
pub(super) fn reboots(
    replayed: &[Replayed],
    patches: &[Patch],
    plan: RebootPlan,
    until: Timestamp,
    mut reboot_at: impl FnMut(Timestamp) -> Option<Timestamp>,
) -> Reboots {
    let mut reboots = Reboots::default();
    for one in replayed {
        let Some(at) = one.installed_at else { continue };
        let need = patches
            .get(one.patch as usize)
            .and_then(|patch| patch.reboot);
        match (plan, need) {
            (RebootPlan::Always, _) | (RebootPlan::Needed, Some(true)) => {
                match reboot_at(at) {
                    Some(at) if at < until => drop(reboots.made.insert(at)),
                    // Its time lies after the end.
                    Some(_) => {}
                    None => drop(reboots.by_hand.insert(at)),
                }
            }
            (RebootPlan::ByHand, Some(true)) => drop(reboots.by_hand.insert(at)),
            (RebootPlan::ByHand | RebootPlan::Needed, None) => reboots.unknown += 1,
            (RebootPlan::ByHand | RebootPlan::Needed, Some(false)) => {}
        }
    }
    reboots
}
