//! Studies: the tickets that ask somebody to decide about a patch that a rule holds, and which devices wait
//! for the answer. A device's studies are one packed list; how many devices wait is counted as lists change.

use domain::Timestamp;
use domain::access::ClientScope;
use domain::id::{ClientId, DeviceId, TicketId};
use domain::patch::PatchId;
use domain::ticket::{Ticket, TicketState};

use crate::connection::Tx;
use crate::error::StoreError;
use crate::intern::id_list;
use crate::pack::{difference, pack_ids, unpack_ids};
use crate::statement::{in_scope, statements};
use crate::ticket::{ticket, ticket_columns};
use crate::value::{binds, to_json};

macro_rules! study_select {
    () => {
        concat!(
            "SELECT s.key, ",
            ticket_columns!(),
            " FROM study s JOIN ticket t ON t.id = s.ticket WHERE "
        )
    };
}

statements! {
    STUDY_TICKET_ADD = "study.ticket-add", Scoped,
        concat!("INSERT INTO ticket (id, cause, subject, client, device, device_name, order_id, patches,
            evidence, state, made_at, changed_at, owner, due_at)
            SELECT $3, $4, $5, $6, '', '', '', $7, $8, 'open', $9, $9, $10, $11 WHERE ",
            in_scope!("CAST($6 AS TEXT)"));
    STUDY_ADD = "study.add", Scoped,
        concat!("INSERT INTO study (ticket, rule, asked_at, devices)
            SELECT t.id, $4, $5, 0 FROM ticket t WHERE t.id = $3 AND ", in_scope!("t.client"));
    STUDY_TICKET_SET = "study.ticket-set", Scoped,
        concat!("UPDATE ticket SET subject = $4, evidence = $5, state = $6, owner = $7, due_at = $8,
            changed_at = $9 WHERE id = $3 AND ", in_scope!("ticket.client"));
    STUDY_ASKED_SET = "study.asked-set", Scoped,
        concat!("UPDATE study SET asked_at = $4 WHERE ticket = (SELECT t.id FROM ticket t
            WHERE t.id = $3 AND ", in_scope!("t.client"), ")");
    STUDY_BY_CAUSES = "study.by-causes", Scoped,
        concat!(study_select!(), "t.cause IN (SELECT value FROM json_each(CAST($3 AS TEXT)))
            AND ", in_scope!("t.client"), " ORDER BY s.key");
    STUDY_BY_KEYS = "study.by-keys", Scoped,
        concat!(study_select!(), "s.key IN (SELECT CAST(value AS BIGINT)
            FROM json_each(CAST($3 AS TEXT))) AND ", in_scope!("t.client"), " ORDER BY s.key");
    STUDY_LIST_GET = "study.list-get", Scoped,
        concat!("SELECT l.packed FROM study_list l JOIN device d ON d.key = l.device
            WHERE d.id = $3 AND ", in_scope!("d.client"));
    STUDY_LIST_PUT = "study.list-put", Scoped,
        concat!("INSERT INTO study_list (device, packed) SELECT d.key, $4 FROM device d
            WHERE d.id = $3 AND ", in_scope!("d.client"), "
            ON CONFLICT (device) DO UPDATE SET packed = excluded.packed");
    STUDY_COUNT = "study.count", Scoped,
        concat!("UPDATE study SET devices = devices + $4
            WHERE key IN (SELECT CAST(value AS BIGINT) FROM json_each(CAST($3 AS TEXT)))
              AND EXISTS (SELECT 1 FROM ticket t WHERE t.id = study.ticket AND ",
            in_scope!("t.client"), ")");
}

/// A ticket for a study, with the key by which devices wait for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Study {
    /// The key.
    pub key: i64,
    /// The ticket.
    pub ticket: Ticket,
}

/// A study as it is to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewStudy {
    /// The id of its ticket, if it is new.
    pub id: TicketId,
    /// What it is about; no two tickets have the same.
    pub cause: String,
    /// One line.
    pub subject: String,
    /// Whose.
    pub client: ClientId,
    /// The rule that holds the patch.
    pub rule: String,
    /// The patch.
    pub patch: PatchId,
    /// Who is asked.
    pub owner: String,
    /// When they were asked.
    pub asked_at: Timestamp,
    /// When the answer is due.
    pub due_at: Timestamp,
    /// What is to be said, one sentence each.
    pub evidence: Vec<String>,
    /// The present instant.
    pub now: Timestamp,
}

impl Tx<'_> {
    /// Asks for a study: makes its ticket, or has the ticket with the same cause ask (again) what is given.
    pub fn study_ask(&mut self, scope: &ClientScope, new: &NewStudy) -> Result<Study, StoreError> {
        let known = self.study_by_causes(scope, std::slice::from_ref(&new.cause))?;
        let id = match known.first() {
            Some(known) => {
                let state = TicketState::Open.word();
                let binds = binds![
                    known.ticket.id,
                    &new.subject,
                    to_json(&new.evidence),
                    state,
                    &new.owner,
                    new.due_at,
                    new.now,
                ];
                self.scoped_change("ticket", &STUDY_TICKET_SET, scope, binds)?;
                let binds = binds![known.ticket.id, new.asked_at];
                self.scoped_change("study", &STUDY_ASKED_SET, scope, binds)?;
                known.ticket.id
            }
            None => {
                let binds = binds![
                    new.id,
                    &new.cause,
                    &new.subject,
                    new.client,
                    to_json(&[&new.patch]),
                    to_json(&new.evidence),
                    new.now,
                    &new.owner,
                    new.due_at,
                ];
                self.scoped_change("client", &STUDY_TICKET_ADD, scope, binds)?;
                let binds = binds![new.id, &new.rule, new.asked_at];
                self.scoped_change("client", &STUDY_ADD, scope, binds)?;
                new.id
            }
        };
        self.ticket_change_add(scope, &new.cause, new.now)?;
        let known = self.study_by_causes(scope, std::slice::from_ref(&new.cause))?;
        let asked = known.into_iter().find(|study| study.ticket.id == id);
        asked.ok_or(StoreError::Missing { what: "ticket" })
    }

    /// Closes the ticket of a study, and adds what answered it; one that is closed stays as it is.
    pub fn study_close(
        &mut self,
        scope: &ClientScope,
        ticket: &Ticket,
        why: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if ticket.state == TicketState::Closed {
            return Ok(());
        }
        let mut evidence = ticket.evidence.clone();
        evidence.push(why.to_owned());
        let study = ticket.study.as_ref();
        let binds = binds![
            ticket.id,
            &ticket.subject,
            to_json(&evidence),
            TicketState::Closed.word(),
            study.map(|study| study.owner.clone()),
            study.map(|study| study.due_at),
            now,
        ];
        self.scoped_change("ticket", &STUDY_TICKET_SET, scope, binds)?;
        self.ticket_change_add(scope, &ticket.cause, now)
    }

    /// Finds studies by the causes of their tickets.
    pub fn study_by_causes(
        &mut self,
        scope: &ClientScope,
        causes: &[String],
    ) -> Result<Vec<Study>, StoreError> {
        self.studies(&STUDY_BY_CAUSES, scope, to_json(&causes).into())
    }

    /// Finds studies by their keys.
    pub fn study_by_keys(
        &mut self,
        scope: &ClientScope,
        keys: &[i64],
    ) -> Result<Vec<Study>, StoreError> {
        self.studies(&STUDY_BY_KEYS, scope, id_list(keys))
    }

    /// The studies that a device waits for, by key.
    pub fn study_of_device(
        &mut self,
        scope: &ClientScope,
        device: DeviceId,
    ) -> Result<Vec<Study>, StoreError> {
        let keys = self.study_keys(scope, device)?;
        match keys.is_empty() {
            true => Ok(Vec::new()),
            false => self.study_by_keys(scope, &keys),
        }
    }

    /// Says which studies a device waits for now, and counts it for each.
    pub fn study_wait(
        &mut self,
        scope: &ClientScope,
        device: DeviceId,
        keys: &[i64],
    ) -> Result<(), StoreError> {
        let mut keys = keys.to_vec();
        keys.sort_unstable();
        keys.dedup();
        let before = self.study_keys(scope, device)?;
        let (removed, added) = difference(&before, &keys);
        if removed.is_empty() && added.is_empty() {
            return Ok(());
        }
        let binds = binds![device, pack_ids(&keys)];
        self.scoped_change("device", &STUDY_LIST_PUT, scope, binds)?;
        for (keys, step) in [(&removed, -1_i64), (&added, 1)] {
            if !keys.is_empty() {
                self.scoped_execute(&STUDY_COUNT, scope, binds![id_list(keys), step])?;
            }
        }
        Ok(())
    }

    fn study_keys(
        &mut self,
        scope: &ClientScope,
        device: DeviceId,
    ) -> Result<Vec<i64>, StoreError> {
        let rows = self.scoped_rows(&STUDY_LIST_GET, scope, binds![device])?;
        match rows.into_iter().next() {
            Some(row) => unpack_ids("study", &row.columns("study").blob()?),
            None => Ok(Vec::new()),
        }
    }

    fn studies(
        &mut self,
        statement: &'static crate::Statement,
        scope: &ClientScope,
        asked: crate::Value,
    ) -> Result<Vec<Study>, StoreError> {
        self.scoped_rows(statement, scope, &[asked])?
            .into_iter()
            .map(|row| {
                let key = row.clone().columns("study").int()?;
                Ok(Study {
                    key,
                    ticket: ticket(row.from(1))?,
                })
            })
            .collect()
    }
}
