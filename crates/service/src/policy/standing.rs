//! The objects of the policy as they stand in the database, read into the words of the engine.
//!
//! Each row is read by itself: one that cannot be read spoils no other, and stands on as unreadable,
//! so that what it covers is closed. What an object says is compared by its printed text.

use std::collections::{BTreeMap, BTreeSet};

use domain::access::ClientScope;
use domain::decision::Decision;
use domain::id::{ClientId, PolicyId};
use domain::policy::{Policy, PolicyKind, Unreadable};
use domain::query::Query;
use domain::window::ChangeWindow;
use engine::policy_file::{self, Object, PolicyFiles};
use jiff::Timestamp;
use store::{Place, PolicyRow, Standing, Tx};

use crate::Result;

/// An object that stands.
#[derive(Debug, Clone)]
pub(crate) struct Stands {
    /// Of which kind it is.
    pub kind: PolicyKind,
    /// Its id.
    pub id: String,
    /// Its name; only a decision may have none.
    pub name: Option<String>,
    /// The one client it is limited to.
    pub client: Option<ClientId>,
    /// Which devices, as kept.
    pub devices: String,
    /// Where it was written.
    pub place: Place,
    /// What it says, printed in one form; or why it cannot be read.
    pub says: Result<String, String>,
}

/// What stands at one instant.
#[derive(Debug, Default)]
pub(crate) struct StandingPolicy {
    /// As the evaluator takes it.
    pub policy: Policy,
    /// One by one.
    pub objects: Vec<Stands>,
}

/// Reads what stands at `at`.
pub(crate) fn load(tx: &mut Tx<'_>, scope: &ClientScope, at: Timestamp) -> Result<StandingPolicy> {
    let mut standing = StandingPolicy::default();
    standing.windows(tx.window_standing(scope, at)?);
    standing.decisions(tx.decision_standing(scope, at)?);
    standing.texts(tx.policy_standing(scope, at)?);
    let unreadable = standing.objects.iter().filter_map(unreadable).collect();
    standing.policy.unreadable = unreadable;
    Ok(standing)
}

fn unreadable(object: &Stands) -> Option<Unreadable> {
    let why = object.says.as_ref().err()?.clone();
    Some(Unreadable {
        kind: object.kind,
        name: object.name.clone().unwrap_or_else(|| object.id.clone()),
        // Where that cannot be read either, everything is covered.
        devices: Query::parse(&object.devices).unwrap_or_else(|_| Query::everything()),
        client: object.client,
        why,
    })
}

impl StandingPolicy {
    fn windows(&mut self, rows: Vec<Standing<ChangeWindow>>) {
        for row in rows {
            let says = row.object.map(|window| {
                let text = policy_file::to_toml(Object::Window(&window));
                self.policy.windows.push(window);
                text
            });
            self.objects.push(Stands {
                kind: PolicyKind::Window,
                id: row.id,
                name: row.name,
                client: row.client,
                devices: row.devices,
                place: row.place,
                says,
            });
        }
    }

    fn decisions(&mut self, rows: Vec<Standing<Decision>>) {
        for row in rows {
            let says = row.object.map(|decision| {
                let text = policy_file::to_toml(Object::Decision(&decision));
                self.policy.decisions.push(decision);
                text
            });
            self.objects.push(Stands {
                kind: PolicyKind::Decision,
                id: row.id,
                name: row.name,
                client: row.client,
                devices: row.devices,
                place: row.place,
                says,
            });
        }
    }

    fn texts(&mut self, rows: Vec<PolicyRow>) {
        // Rules and reboot rules name windows, so these have to be at hand where they are read.
        let windows: Vec<(String, String)> = self
            .objects
            .iter()
            .filter_map(|object| Some((object.id.clone(), object.says.as_ref().ok()?.clone())))
            .filter(|(_, text)| text.starts_with("[[window]]"))
            .collect();
        let mut files = windows.clone();
        files.extend(rows.iter().map(|row| {
            let text = row.place.source.clone().unwrap_or_default();
            (row.id.to_string(), text)
        }));
        let (read, mut broken) = read_each(files);
        let own: BTreeMap<String, &PolicyRow> =
            rows.iter().map(|row| (row.id.to_string(), row)).collect();
        let mut says: BTreeMap<String, String> = BTreeMap::new();
        let mut policy = read.policy.clone();
        for object in read.objects() {
            let Some(row) = own.get(&object.place.file) else {
                continue;
            };
            let file = object.place.file.clone();
            if object.kind != row.kind || says.contains_key(&file) {
                let why = format!("its text is not one {}", row.kind);
                broken.insert(file, why);
                continue;
            }
            if let Some(found) = Object::of(&read.policy, object.kind, object.index) {
                says.insert(file, policy_file::to_toml(found));
            }
            give_identity(&mut policy, object.kind, object.index, row.id, row.client);
        }
        let spoiled: BTreeSet<PolicyId> = rows
            .iter()
            .filter(|row| broken.contains_key(&row.id.to_string()))
            .map(|row| row.id)
            .collect();
        self.take(policy, &spoiled);
        for row in rows {
            let key = row.id.to_string();
            let says = match (broken.remove(&key), says.remove(&key)) {
                (Some(why), _) => Err(why),
                (None, Some(text)) => Ok(text),
                (None, None) => Err("its text holds no object".to_owned()),
            };
            self.objects.push(Stands {
                kind: row.kind,
                id: key,
                name: Some(row.name),
                client: row.client,
                devices: row.devices,
                place: row.place,
                says,
            });
        }
    }

    /// Takes what was read of texts; windows and decisions have tables of their own.
    fn take(&mut self, policy: Policy, spoiled: &BTreeSet<PolicyId>) {
        let sound = |id: PolicyId| !spoiled.contains(&id) && id != PolicyId::unsaved();
        macro_rules! taken {
            ($($list:ident),*) => {$(
                self.policy.$list = policy.$list;
                self.policy.$list.retain(|object| sound(object.id));
            )*};
        }
        taken!(groups, freezes, rules, reboots, rings, exclusions);
    }
}

/// Gives an object that was read the id and client of its row.
fn give_identity(
    policy: &mut Policy,
    kind: PolicyKind,
    index: usize,
    row_id: PolicyId,
    row_client: Option<ClientId>,
) {
    macro_rules! give {
        ($list:ident) => {
            if let Some(object) = policy.$list.get_mut(index) {
                object.id = row_id;
                object.client = row_client;
            }
        };
    }
    match kind {
        PolicyKind::Group => give!(groups),
        PolicyKind::Freeze => give!(freezes),
        PolicyKind::Rule => give!(rules),
        PolicyKind::Reboot => give!(reboots),
        PolicyKind::Rings => give!(rings),
        PolicyKind::Exclude => give!(exclusions),
        PolicyKind::Window | PolicyKind::Decision => {}
    }
}

/// Reads texts together, and leaves out those that cannot be read: gives what was read and, for each
/// of the others, what is wrong.
fn read_each(mut files: Vec<(String, String)>) -> (PolicyFiles, BTreeMap<String, String>) {
    let mut broken: BTreeMap<String, String> = BTreeMap::new();
    loop {
        let problems = match policy_file::read(&files) {
            Ok(read) => return (read, broken),
            Err(problems) => problems,
        };
        let before = files.len();
        for problem in problems.into_iter().filter(|problem| problem.is_error()) {
            let why = match &problem.suggestion {
                Some(hint) => format!("{} ({hint})", problem.what),
                None => problem.what.clone(),
            };
            broken.entry(problem.place.file).or_insert(why);
        }
        files.retain(|(file, _)| !broken.contains_key(file));
        // Without this a fault that names no file would be looked for without end.
        if files.len() == before {
            for (file, _) in files.drain(..) {
                let why = "it cannot be read together with the rest".to_owned();
                broken.insert(file, why);
            }
        }
    }
}
