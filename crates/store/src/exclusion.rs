//! Devices that a person took out of the coverage ledger. What was said is kept when it ends.

use domain::Timestamp;
use domain::access::ClientScope;
use domain::coverage::Exclusion;
use domain::id::DeviceId;

use crate::audit::Actor;
use crate::connection::Tx;
use crate::error::StoreError;
use crate::statement::{in_scope, statements};
use crate::value::{Row, binds};

statements! {
    EXCLUSION_ADD = "exclusion.add", Scoped,
        concat!("INSERT INTO exclusion (client, device, by_name, actor, at, reason, until_at)
            SELECT d.client, d.id, $4, $5, $6, $7, $8 FROM device d WHERE d.id = $3 AND ",
            in_scope!("d.client"));
    EXCLUSION_END = "exclusion.end", Scoped,
        concat!("UPDATE exclusion SET ended_at = $4, ended_by = $5
            WHERE device = $3 AND ended_at IS NULL AND until_at > $4 AND ",
            in_scope!("exclusion.client"));
    EXCLUSION_IN_FORCE = "exclusion.in-force", Scoped,
        concat!("SELECT e.device, e.by_name, e.at, e.reason, e.until_at FROM exclusion e
            WHERE e.ended_at IS NULL AND e.until_at > $3 AND ", in_scope!("e.client"),
            " ORDER BY e.id");
}

fn exclusion(row: Row) -> Result<Exclusion, StoreError> {
    let mut c = row.columns("exclusion");
    Ok(Exclusion {
        device: c.parsed()?,
        by: c.text()?,
        at: c.time()?,
        reason: c.text()?,
        until: c.time()?,
    })
}

impl Tx<'_> {
    /// Keeps an exclusion; one that stands for the device ends with it.
    pub fn exclusion_add(
        &mut self,
        scope: &ClientScope,
        exclusion: &Exclusion,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        self.exclusion_end(scope, exclusion.device, exclusion.at, actor)?;
        let binds = binds![
            exclusion.device,
            &exclusion.by,
            actor.text(),
            exclusion.at,
            &exclusion.reason,
            exclusion.until,
        ];
        self.scoped_change("device", &EXCLUSION_ADD, scope, binds)
    }

    /// Ends the exclusion of a device; says whether one stood.
    pub fn exclusion_end(
        &mut self,
        scope: &ClientScope,
        device: DeviceId,
        at: Timestamp,
        actor: &Actor,
    ) -> Result<bool, StoreError> {
        let binds = binds![device, at, actor.text()];
        Ok(self.scoped_execute(&EXCLUSION_END, scope, binds)? > 0)
    }

    /// The exclusions that hold at `at`, at most one a device. Bounded by the devices in scope.
    pub fn exclusion_in_force(
        &mut self,
        scope: &ClientScope,
        at: Timestamp,
    ) -> Result<Vec<Exclusion>, StoreError> {
        self.scoped_rows(&EXCLUSION_IN_FORCE, scope, binds![at])?
            .into_iter()
            .map(exclusion)
            .collect()
    }
}
