//! Decisions: written once, ended once, never changed.

use domain::Timestamp;
use domain::access::ClientScope;
use domain::decision::Decision;
use domain::id::DecisionId;
use domain::page::{Page, PageRequest};

use crate::audit::Actor;
use crate::connection::{Tx, page, page_limit};
use crate::error::StoreError;
use crate::place::{Place, Standing};
use crate::statement::{in_scope, statements};
use crate::value::{Row, binds};

macro_rules! decision_columns {
    () => {
        "SELECT d.id, d.client, d.word, d.patches, d.devices, d.level, d.reason, d.decided_by,
            d.decided_by_name, d.decided_at, d.until_at, d.ended_at, d.name, d.version, d.file,
            d.position, d.source FROM decision d WHERE "
    };
}

statements! {
    DECISION_ADD = "decision.add", Scoped,
        concat!("INSERT INTO decision (id, client, word, patches, devices, level, reason, decided_by,
            decided_by_name, decided_at, recorded_at, until_at, name, version, replaces, file, position,
            source)
            SELECT $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20
            WHERE ",
            in_scope!("CAST($4 AS TEXT)"));
    DECISION_END = "decision.end", Scoped,
        concat!("UPDATE decision SET ended_at = $4, end_recorded_at = $5, ended_by = $6
            WHERE id = $3 AND ended_at IS NULL AND ", in_scope!("decision.client"));
    DECISION_PLACE = "decision.place", Scoped,
        concat!("UPDATE decision SET file = $4, position = $5, source = $6
            WHERE id = $3 AND ended_at IS NULL AND ", in_scope!("decision.client"));
    DECISION_LIST = "decision.list", Scoped,
        concat!(decision_columns!(), "(d.client IS NULL OR ", in_scope!("d.client"),
            ") AND d.id < $3 ORDER BY d.id DESC LIMIT $4");
    DECISION_GET = "decision.get", Scoped,
        concat!(decision_columns!(), "(d.client IS NULL OR ", in_scope!("d.client"),
            ") AND d.id = $3");
    DECISION_IN_FORCE = "decision.in-force", Scoped,
        concat!(decision_columns!(), "(d.client IS NULL OR ", in_scope!("d.client"),
            ") AND d.decided_at <= $3 AND (d.until_at IS NULL OR d.until_at > $3)
              AND (d.ended_at IS NULL OR d.ended_at > $3) ORDER BY d.id");
    DECISION_REPLACES = "decision.replaces", Scoped,
        concat!("SELECT d.replaces FROM decision d WHERE (d.client IS NULL OR ",
            in_scope!("d.client"), ") AND d.id = $3");
}

/// Above every id.
pub(crate) const LAST: &str = "~";

/// How many columns come before the place.
const PLACE_AT: usize = 14;

fn standing(row: Row) -> Result<Standing<Decision>, StoreError> {
    let place = Place::read(&mut row.from(PLACE_AT).columns("decision"))?;
    let mut c = row.clone().columns("decision");
    let (id, client) = (c.text()?, c.maybe_parsed()?);
    let (_word, _patches, devices) = (c.text()?, c.text()?, c.text()?);
    let name = row.from(NAME_AT).columns("decision").maybe_text()?;
    Ok(Standing {
        id,
        client,
        name,
        devices,
        place,
        object: decision(row).map_err(|error| error.to_string()),
    })
}

/// The column of the name.
const NAME_AT: usize = 12;

fn decision(row: Row) -> Result<Decision, StoreError> {
    let mut c = row.columns("decision");
    let mut decision = Decision {
        id: c.parsed()?,
        client: c.maybe_parsed()?,
        word: c.parsed()?,
        name: None,
        patches: c.parsed()?,
        version: None,
        devices: c.parsed()?,
        level: c.parsed()?,
        reason: c.text()?,
        decided_by: c.parsed()?,
        decided_by_name: c.text()?,
        decided_at: c.time()?,
        until: c.maybe_time()?,
        ended_at: c.maybe_time()?,
    };
    decision.name = c.maybe_parsed()?;
    decision.version = c.maybe_parsed()?;
    Ok(decision)
}

impl Tx<'_> {
    /// Keeps a decision made by hand. One for the whole provider needs a scope of the whole provider.
    pub fn decision_add(
        &mut self,
        scope: &ClientScope,
        decision: &Decision,
        recorded_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.decision_add_from(scope, decision, &Place::default(), None, recorded_at)
    }

    /// Keeps a decision that was written at `place`, or made instead of another; as `decision_add`.
    pub fn decision_add_from(
        &mut self,
        scope: &ClientScope,
        decision: &Decision,
        place: &Place,
        replaces: Option<DecisionId>,
        recorded_at: Timestamp,
    ) -> Result<(), StoreError> {
        let binds = binds![
            decision.id,
            decision.client,
            decision.word.word(),
            decision.patches.to_string(),
            decision.devices.to_string(),
            decision.level.word(),
            &decision.reason,
            decision.decided_by,
            &decision.decided_by_name,
            decision.decided_at,
            recorded_at,
            decision.until,
            decision.name.as_ref().map(|name| name.as_str()),
            decision.version.as_ref().map(|version| version.as_str()),
            replaces,
            place.file.clone(),
            place.file.as_ref().map(|_| place.position),
            place.source.clone(),
        ];
        self.scoped_change("client", &DECISION_ADD, scope, binds)
    }

    /// Ends a decision; says whether it was still standing.
    pub fn decision_end(
        &mut self,
        scope: &ClientScope,
        id: DecisionId,
        ended_at: Timestamp,
        recorded_at: Timestamp,
        actor: &Actor,
    ) -> Result<bool, StoreError> {
        let binds = binds![id, ended_at, recorded_at, actor.text()];
        Ok(self.scoped_execute(&DECISION_END, scope, binds)? > 0)
    }

    /// Reads one decision; those of the whole provider are seen by all.
    pub fn decision_get(
        &mut self,
        scope: &ClientScope,
        id: DecisionId,
    ) -> Result<Option<Decision>, StoreError> {
        self.scoped_rows(&DECISION_GET, scope, binds![id])?
            .into_iter()
            .next()
            .map(decision)
            .transpose()
    }

    /// Lists decisions, newest first; those of the whole provider are seen by all.
    pub fn decision_list(
        &mut self,
        scope: &ClientScope,
        request: &PageRequest,
    ) -> Result<Page<Decision>, StoreError> {
        let (limit, before) = (
            page_limit(request),
            request.cursor.as_deref().unwrap_or(LAST),
        );
        let rows = self.scoped_rows(&DECISION_LIST, scope, binds![before, limit + 1])?;
        let items = rows.into_iter().map(decision).collect::<Result<_, _>>()?;
        Ok(page(items, limit, |item: &Decision| item.id.to_string()))
    }

    /// The decisions that hold at `at`, oldest first.
    pub fn decision_in_force(
        &mut self,
        scope: &ClientScope,
        at: Timestamp,
    ) -> Result<Vec<Decision>, StoreError> {
        self.scoped_rows(&DECISION_IN_FORCE, scope, binds![at])?
            .into_iter()
            .map(decision)
            .collect()
    }

    /// As `decision_in_force`, with where each was written; one that cannot be read spoils no other.
    pub fn decision_standing(
        &mut self,
        scope: &ClientScope,
        at: Timestamp,
    ) -> Result<Vec<Standing<Decision>>, StoreError> {
        self.scoped_rows(&DECISION_IN_FORCE, scope, binds![at])?
            .into_iter()
            .map(standing)
            .collect()
    }

    /// The decision that another was made instead of.
    pub fn decision_replaced(
        &mut self,
        scope: &ClientScope,
        id: DecisionId,
    ) -> Result<Option<DecisionId>, StoreError> {
        self.scoped_rows(&DECISION_REPLACES, scope, binds![id])?
            .into_iter()
            .next()
            .and_then(|row| row.columns("decision").maybe_parsed().transpose())
            .transpose()
    }

    /// Says where a decision that stands is written now; what it says must be the same.
    pub fn decision_place(
        &mut self,
        scope: &ClientScope,
        id: DecisionId,
        place: &Place,
    ) -> Result<(), StoreError> {
        let binds = binds![id, place.file.clone(), place.position, place.source.clone()];
        self.scoped_change("decision", &DECISION_PLACE, scope, binds)
    }
}
