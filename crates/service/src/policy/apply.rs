//! Applies files: compares them with what stands, and carries the steps out in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use domain::access::{self, ClientScope, Permission, Principal};
use domain::id::{ClientId, DecisionId, PolicyId, WindowId};
use domain::inventory::Digest;
use domain::page::PageRequest;
use domain::policy::{Policy, PolicyKind};
use domain::query::Query;
use engine::policy_file::{self, Object, PolicyFiles, Problem};
use jiff::Timestamp;
use store::{Actor, Place, PolicyRow, PolicyVersion, Tx};

use super::compare::{Comparison, Places, Step, compare};
use super::plan::afterwards;
use super::standing::{self, Stands};
use super::{
    FILES_MAX, PolicyApplied, PolicyDrift, PolicyFile, PolicySent, PolicyStep, PolicyStepKind,
    number, warning,
};
use crate::{Result, Service, ServiceError, audit, chance, reach};

/// Most bytes of the note of a version.
const NOTE_BYTES_MAX: usize = 1000;

/// The rights that files need: they speak for the whole provider.
fn check(who: &Principal) -> Result<ClientScope> {
    access::check(who, Permission::Decide)?;
    access::check(who, Permission::SetWindow)?;
    Ok(access::check(who, Permission::WholeProvider)?)
}

/// Reads files; a mistake refuses them all.
pub(super) fn read(sent: &PolicySent) -> Result<PolicyFiles> {
    let refuse = |field, reason: String| Err(ServiceError::Invalid { field, reason });
    if sent.files.is_empty() || sent.files.len() > FILES_MAX {
        return refuse("files", format!("expected 1 to {FILES_MAX} files"));
    }
    let mut names = BTreeSet::new();
    for file in &sent.files {
        let plain = !file.file.is_empty() && file.file.chars().all(domain::name::printable);
        if !plain || file.file.len() > 500 || !names.insert(file.file.as_str()) {
            let name: String = file.file.chars().take(60).collect();
            return refuse(
                "files",
                format!("`{name}` is no name of a file, or comes twice"),
            );
        }
    }
    let files: Vec<(String, String)> = sent
        .files
        .iter()
        .map(|file| (file.file.clone(), file.text.clone()))
        .collect();
    policy_file::read(&files).map_err(|problems| ServiceError::Policy {
        problems: problems.into_iter().map(Into::into).collect(),
    })
}

fn given(sent: &PolicySent) -> BTreeSet<String> {
    sent.files.iter().map(|file| file.file.clone()).collect()
}

/// An object of the files that is to be made.
struct Made<'f> {
    object: Object<'f>,
    client: Option<ClientId>,
    place: Place,
    at: usize,
}

/// The client of each object that is to be made, by its index in the files.
type Clients = BTreeMap<usize, Option<ClientId>>;

/// The policy before and after.
pub(super) struct Versus {
    /// What changes.
    pub objects: PolicyApplied,
    /// As it stands.
    pub before: Policy,
    /// As it would be.
    pub after: Policy,
    /// The fingerprint of what stands.
    pub against: String,
}

/// Tells whether anything of what stands was changed: every object with its text and its place.
fn fingerprint(stands: &[Stands]) -> String {
    let mut texts: Vec<String> = stands
        .iter()
        .map(|one| format!("{}\0{:?}\0{:?}", one.id, one.place, one.says))
        .collect();
    texts.sort_unstable();
    Digest::of(texts.join("\0").as_bytes()).to_string()
}

/// Everything that an application needs inside its transaction.
pub(super) struct Applying {
    who: Principal,
    scope: ClientScope,
    files: PolicyFiles,
    sent: PolicySent,
    now: Timestamp,
}

impl Applying {
    /// Reads the files for somebody who may apply them.
    pub fn new(who: &Principal, sent: &PolicySent, now: Timestamp) -> Result<Self> {
        Ok(Self {
            who: who.clone(),
            scope: check(who)?,
            files: read(sent)?,
            sent: sent.clone(),
            now,
        })
    }

    /// Whose data it looks at.
    pub fn scope(&self) -> &ClientScope {
        &self.scope
    }

    /// What would change, and the policy before and after; and what it is that this holds against.
    pub fn versus(&self, tx: &mut Tx<'_>) -> Result<Versus> {
        let standing = standing::load(tx, &self.scope, self.now)?;
        let against = fingerprint(&standing.objects);
        let (compared, clients, warnings) = self.compared(tx, standing.objects.clone())?;
        let after = afterwards(&self.files, &compared, &clients, &standing, self.now);
        Ok(Versus {
            objects: self.shown(&compared, warnings),
            before: standing.policy,
            after,
            against,
        })
    }

    /// What would change, and the client of each object that is to be made; refused with every
    /// reason.
    fn compared(
        &self,
        tx: &mut Tx<'_>,
        stands: Vec<Stands>,
    ) -> Result<(Comparison, Clients, Vec<Problem>)> {
        let given = given(&self.sent);
        let mut compared = compare(&self.files, &given, stands, self.sent.prune, self.now);
        let mut warnings = self.files.warnings.clone();
        let mut clients = BTreeMap::new();
        for step in &compared.steps {
            let (Step::Make(at) | Step::Replace(at, _)) = step else {
                continue;
            };
            match self.client(tx, *at)? {
                Bound::To(client) => {
                    clients.insert(*at, client);
                }
                Bound::Warned(problem) => {
                    warnings.push(problem);
                    clients.insert(*at, None);
                }
                Bound::Refused(problem) => compared.problems.push(problem),
            }
        }
        if !compared.problems.is_empty() {
            let mut problems = compared.problems;
            problems.extend(warnings);
            return Err(ServiceError::Policy {
                problems: problems.into_iter().map(Into::into).collect(),
            });
        }
        Ok((compared, clients, warnings))
    }

    /// The one client that an object of the files is limited to, by what its query must match.
    fn client(&self, tx: &mut Tx<'_>, at: usize) -> Result<Bound> {
        let Some(object) = self.files.objects().get(at) else {
            return Ok(Bound::To(None));
        };
        let found = Object::of(&self.files.policy, object.kind, object.index);
        let Some(devices) = found.map(devices) else {
            return Ok(Bound::To(None));
        };
        let told = |what: &str, name: &str| {
            let hint = format!("write the {what}'s name as `patchloop {what} list` shows it");
            let what = format!("`for` names the {what} `{name}`, and there is none of that name");
            warning(object.place.clone(), what, &hint)
        };
        match reach::bound(tx, &self.who, &self.scope, devices) {
            Ok(bound) => Ok(Bound::To(bound.client)),
            // A freeze for a client that is misspelled would freeze nothing.
            Err(ServiceError::NotFound {
                what: what @ "client",
                name,
            }) => Ok(Bound::Refused(Problem {
                weight: policy_file::Weight::Error,
                ..told(what, &name)
            })),
            Err(ServiceError::NotFound { what, name }) => Ok(Bound::Warned(told(what, &name))),
            Err(ServiceError::Ambiguous { .. }) => Ok(Bound::To(None)),
            Err(other) => Err(other),
        }
    }

    fn shown(&self, compared: &Comparison, warnings: Vec<Problem>) -> PolicyApplied {
        let unchanged = compared
            .steps
            .iter()
            .filter(|step| matches!(step, Step::Leave(..)))
            .count();
        PolicyApplied {
            version: None,
            steps: steps(&self.files, compared),
            unchanged: number(unchanged),
            over: compared.over,
            elsewhere: number(compared.elsewhere.len()),
            warnings: warnings.into_iter().map(Into::into).collect(),
        }
    }

    fn run(&self, tx: &mut Tx<'_>) -> Result<PolicyApplied> {
        let stands = standing::load(tx, &self.scope, self.now)?.objects;
        if let Some(against) = &self.sent.against
            && *against != fingerprint(&stands)
        {
            return Err(ServiceError::Conflict {
                reason: "the policy was changed since this was planned: plan it again and look at \
                         what it changes now"
                    .to_owned(),
            });
        }
        let (compared, clients, warnings) = self.compared(tx, stands)?;
        let mut applied = self.shown(&compared, warnings);
        if self.sent.dry_run || applied.steps.is_empty() {
            return Ok(applied);
        }
        // What ends goes first: a name is free only then.
        for step in &compared.steps {
            if let Step::End(stands) | Step::Replace(_, stands) = step {
                self.end(tx, stands)?;
            }
        }
        for step in &compared.steps {
            match step {
                Step::Make(at) | Step::Replace(at, _) => {
                    self.make(tx, *at, &clients, &compared.places)?;
                }
                Step::Move(at, stands) => {
                    self.set_place(tx, stands, &compared.places.of(&self.files, *at))?;
                }
                Step::Leave(..) | Step::End(_) => {}
            }
        }
        let counts = counts(&applied);
        let version = self.version(tx, &compared, counts.clone())?;
        applied.version = Some(version);
        let entry = audit::by(&self.who, self.now, "policy.apply", version)
            .saying(format_args!("{counts}; {}", self.sent.note));
        tx.audit_add(&entry.0)?;
        Ok(applied)
    }

    fn end(&self, tx: &mut Tx<'_>, stands: &Stands) -> Result<()> {
        let (scope, now) = (&self.scope, self.now);
        let actor = Actor::Principal(self.who.id);
        match stands.kind {
            PolicyKind::Window => {
                tx.window_end(scope, id::<WindowId>(&stands.id)?, now, now, &actor)?
            }
            PolicyKind::Decision => {
                tx.decision_end(scope, id::<DecisionId>(&stands.id)?, now, now, &actor)?
            }
            _ => tx.policy_end(scope, id::<PolicyId>(&stands.id)?, now, now, &actor)?,
        };
        Ok(())
    }

    fn set_place(&self, tx: &mut Tx<'_>, stands: &Stands, place: &Place) -> Result<()> {
        let scope = &self.scope;
        match stands.kind {
            PolicyKind::Window => tx.window_place(scope, id::<WindowId>(&stands.id)?, place)?,
            PolicyKind::Decision => {
                tx.decision_place(scope, id::<DecisionId>(&stands.id)?, place)?;
            }
            _ => tx.policy_place(scope, id::<PolicyId>(&stands.id)?, place)?,
        }
        Ok(())
    }

    fn make(&self, tx: &mut Tx<'_>, at: usize, clients: &Clients, places: &Places) -> Result<()> {
        let Some(file_object) = self.files.objects().get(at) else {
            return Ok(());
        };
        let found = Object::of(&self.files.policy, file_object.kind, file_object.index);
        let Some(object) = found else {
            return Ok(());
        };
        self.make_object(
            tx,
            Made {
                object,
                client: clients.get(&at).copied().flatten(),
                place: places.of(&self.files, at),
                at,
            },
        )
    }

    fn make_object(&self, tx: &mut Tx<'_>, made: Made<'_>) -> Result<()> {
        let (scope, now) = (&self.scope, self.now);
        match made.object {
            Object::Window(window) => {
                let mut window = window.clone();
                window.id = chance::id(now)?;
                window.client = made.client;
                window.valid_from = now;
                window.ended_at = None;
                tx.window_add_from(scope, &window, &made.place, now)?;
            }
            Object::Decision(decision) => {
                let mut decision = decision.clone();
                decision.id = chance::id(now)?;
                decision.client = made.client;
                decision.decided_by = self.who.id;
                decision.decided_by_name = self.who.name.clone();
                decision.decided_at = now;
                tx.decision_add_from(scope, &decision, &made.place, None, now)?;
            }
            object => {
                let name = self
                    .files
                    .objects()
                    .get(made.at)
                    .map(|one| one.name.clone());
                let row = PolicyRow {
                    id: chance::id(now)?,
                    kind: object.kind(),
                    client: made.client,
                    name: name.unwrap_or_default(),
                    devices: devices(object).to_string(),
                    made_by: self.who.id,
                    made_by_name: self.who.name.clone(),
                    valid_from: now,
                    ended_at: None,
                    place: made.place,
                };
                tx.policy_add(scope, &row, now)?;
            }
        }
        Ok(())
    }

    /// Writes down that the files were applied, with the text above the first object of each.
    fn version(&self, tx: &mut Tx<'_>, compared: &Comparison, counts: String) -> Result<u64> {
        let last = PageRequest {
            cursor: None,
            limit: 1,
        };
        let before = tx.policy_version_list(&last)?.items.into_iter().next();
        let elsewhere: BTreeSet<&String> = compared
            .elsewhere
            .iter()
            .filter_map(|stands| stands.place.file.as_ref())
            .collect();
        let mut texts = match &before {
            Some(before) => tx.policy_version_texts(before.number)?.unwrap_or_default(),
            None => Vec::new(),
        };
        texts.retain(|(file, _)| elsewhere.contains(file));
        let sent = self.sent.files.iter();
        texts.extend(sent.map(|file| (file.file.clone(), file.text.clone())));
        let mut files = before.map(|version| version.files).unwrap_or_default();
        files.retain(|file, _| elsewhere.contains(file));
        for file in &self.sent.files {
            files.insert(file.file.clone(), beside_objects(&self.files, file));
        }
        let mut bytes = Vec::new();
        for file in &self.sent.files {
            bytes.extend_from_slice(file.file.as_bytes());
            bytes.push(0);
            bytes.extend_from_slice(file.text.as_bytes());
            bytes.push(0);
        }
        let note = self.sent.note.trim();
        if note.len() > NOTE_BYTES_MAX || !note.chars().all(domain::name::printable) {
            return Err(ServiceError::Invalid {
                field: "note",
                reason: format!("one line of at most {NOTE_BYTES_MAX} bytes"),
            });
        }
        let version = PolicyVersion {
            number: 0,
            applied_at: self.now,
            applied_by_name: self.who.name.clone(),
            note: note.to_owned(),
            files,
            counts,
        };
        Ok(tx.policy_version_add(self.who.id, &version, &texts, Digest::of(&bytes))?)
    }
}

/// Which client an object is limited to.
enum Bound {
    To(Option<ClientId>),
    Warned(Problem),
    Refused(Problem),
}

/// What stands in a file beside its objects: its beginning, and the table `[policy]`.
fn beside_objects(files: &PolicyFiles, file: &PolicyFile) -> String {
    let (mut beside, mut rest) = (String::new(), file.text.as_str());
    let own = |place: &policy_file::Place| place.file == file.file;
    for object in files.objects().iter().filter(|object| own(&object.place)) {
        // An object that was written inside a list has a printed text, which is not found.
        if let Some((before, after)) = rest.split_once(object.source.as_str()) {
            beside.push_str(before);
            rest = after;
        }
    }
    beside.push_str(rest);
    beside
}

fn id<T: std::str::FromStr>(text: &str) -> Result<T> {
    text.parse().map_err(|_| ServiceError::Internal {
        what: "an object of the policy has an id that cannot be read".to_owned(),
    })
}

/// Which devices an object is for.
pub(super) fn devices(object: Object<'_>) -> &Query {
    match object {
        Object::Group(object) => &object.devices,
        Object::Window(object) => &object.devices,
        Object::Freeze(object) => &object.devices,
        Object::Rule(object) => &object.devices,
        Object::Decision(object) => &object.devices,
        Object::Reboot(object) => &object.devices,
        Object::Rings(object) => &object.devices,
        Object::Exclude(object) => &object.devices,
    }
}

fn counts(applied: &PolicyApplied) -> String {
    let mut parts: Vec<String> = Vec::new();
    for kind in [
        PolicyStepKind::Made,
        PolicyStepKind::Changed,
        PolicyStepKind::Moved,
        PolicyStepKind::Adopted,
        PolicyStepKind::Ended,
    ] {
        let count = applied.steps.iter().filter(|step| step.change == kind);
        match count.count() {
            0 => {}
            count => parts.push(format!("{count} {}", kind.word())),
        }
    }
    parts.join(", ")
}

/// The name of an object that stands, for people.
fn called(stands: &Stands) -> String {
    stands.name.clone().unwrap_or_else(|| stands.id.clone())
}

fn of_standing(change: PolicyStepKind, stands: &Stands) -> PolicyStep {
    PolicyStep {
        change,
        kind: stands.kind,
        name: called(stands),
        file: stands.place.file.clone(),
        line: None,
        before: stands.says.as_ref().ok().cloned(),
        after: None,
    }
}

fn of_files(change: PolicyStepKind, files: &PolicyFiles, at: usize) -> Option<PolicyStep> {
    let object = files.objects().get(at)?;
    let found = Object::of(&files.policy, object.kind, object.index)?;
    Some(PolicyStep {
        change,
        kind: object.kind,
        name: object.name.clone(),
        file: Some(object.place.file.clone()),
        line: Some(number(object.place.line)),
        before: None,
        after: Some(policy_file::to_toml(found)),
    })
}

/// What people are shown of the steps.
fn steps(files: &PolicyFiles, compared: &Comparison) -> Vec<PolicyStep> {
    let shown = compared.steps.iter().filter_map(|step| match step {
        Step::Make(at) => of_files(PolicyStepKind::Made, files, *at),
        Step::Replace(at, stands) => {
            let step = of_files(PolicyStepKind::Changed, files, *at)?;
            Some(PolicyStep {
                before: stands.says.as_ref().ok().cloned(),
                ..step
            })
        }
        Step::Move(at, stands) => {
            let change = match stands.place.file {
                Some(_) => PolicyStepKind::Moved,
                None => PolicyStepKind::Adopted,
            };
            of_files(change, files, *at)
        }
        Step::Leave(..) => None,
        Step::End(stands) => Some(of_standing(PolicyStepKind::Ended, stands)),
    });
    shown.collect()
}

impl Service {
    /// Makes files the policy, or says what that would change (`dry_run`). Nothing is applied where
    /// anything is wrong, and every mistake is told.
    pub fn policy_apply(&self, who: &Principal, sent: &PolicySent) -> Result<PolicyApplied> {
        let applying = Applying::new(who, sent, self.now())?;
        if sent.dry_run {
            return self.read(move |tx| applying.run(tx));
        }
        let applied = self.write(move |tx| applying.run(tx))?;
        if applied.version.is_some() {
            self.rules_changed();
        }
        Ok(applied)
    }

    /// How what stands differs from files.
    pub fn policy_drift(&self, who: &Principal, sent: &PolicySent) -> Result<PolicyDrift> {
        let applying = Applying::new(who, sent, self.now())?;
        self.read(move |tx| {
            let stands = standing::load(tx, &applying.scope, applying.now)?.objects;
            let by_hand: Vec<Stands> = stands
                .iter()
                .filter(|stands| stands.place.file.is_none())
                .cloned()
                .collect();
            let (files, given) = (&applying.files, given(&applying.sent));
            let compared = compare(files, &given, stands, false, applying.now);
            let mut differences = steps(files, &compared);
            // What was made by hand and stands in a file says the same.
            differences.retain(|step| step.change != PolicyStepKind::Adopted);
            let elsewhere = compared.elsewhere.iter();
            differences.extend(elsewhere.map(|one| of_standing(PolicyStepKind::Elsewhere, one)));
            let is_decision = |stands: &&Stands| stands.kind == PolicyKind::Decision;
            let decisions = by_hand.iter().filter(is_decision).count();
            let adopted: BTreeSet<&str> = compared
                .steps
                .iter()
                .filter_map(|step| match step {
                    Step::Move(_, stands) => Some(stands.id.as_str()),
                    _ => None,
                })
                .collect();
            let others = by_hand
                .iter()
                .filter(|stands| !is_decision(stands) && !adopted.contains(stands.id.as_str()));
            differences.extend(others.map(|one| of_standing(PolicyStepKind::ByHand, one)));
            Ok(PolicyDrift {
                same: differences.is_empty(),
                differences,
                decisions_by_hand: number(decisions),
            })
        })
    }
}
