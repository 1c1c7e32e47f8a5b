//! Inventories: the present one as a packed list of shared rows, and every change as what went and
//! what came. An earlier one is the present one with the later changes undone.
//!
//! A change never begins before the one that came before it: a later look cannot rewrite what an
//! earlier report said.

use std::collections::HashMap;
use std::fmt::Write as _;

use domain::Timestamp;
use domain::access::ClientScope;
use domain::id::DeviceId;
use domain::inventory::{Digest, Inventory};

use crate::connection::Tx;
use crate::error::StoreError;
use crate::intern::{added_id, id_list};
use crate::pack::{applied, difference, pack_ids, unpack_ids};
use crate::statement::{in_scope, statements};
use crate::value::{Value, binds, recorded_after};

statements! {
    PACKAGE_FIND = "package.find", Unscoped("package rows carry no client"),
        "SELECT id FROM package_row WHERE ecosystem = $1 AND name = $2 AND architecture = $3
           AND version = $4 AND state = $5 AND source = $6 AND source_version = $7 AND origin = $8";
    PACKAGE_ADD = "package.add", Unscoped("package rows carry no client"),
        "INSERT INTO package_row
            (ecosystem, name, architecture, version, state, source, source_version, origin)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id";
    PACKAGE_LINES = "package.lines", Unscoped("package rows carry no client"),
        "SELECT ecosystem, name, architecture, version, state, source, source_version, origin
         FROM package_row
         WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(CAST($1 AS TEXT)))";
    INVENTORY_GET = "inventory.get", Scoped,
        concat!("SELECT i.packed, i.changes, i.valid_from FROM inventory i
            JOIN device d ON d.key = i.device WHERE d.id = $3 AND ", in_scope!("d.client"));
    INVENTORY_ADD = "inventory.add", Scoped,
        concat!("INSERT INTO inventory (device, packed, packages, changes, valid_from)
            SELECT d.key, $4, $5, 1, $6 FROM device d WHERE d.id = $3 AND ", in_scope!("d.client"));
    INVENTORY_SET = "inventory.set", Scoped,
        concat!("UPDATE inventory SET packed = $4, packages = $5, changes = changes + 1, valid_from = $6
            WHERE device = (SELECT d.key FROM device d WHERE d.id = $3 AND ",
            in_scope!("d.client"), ")");
    INVENTORY_CHANGE_ADD = "inventory.change-add", Scoped,
        concat!("INSERT INTO inventory_change
            (device, change, valid_from, recorded_after, removed, added, packages)
            SELECT d.key, $4, $5, $6, $7, $8, $9 FROM device d WHERE d.id = $3 AND ",
            in_scope!("d.client"));
    INVENTORY_CHANGES = "inventory.changes-after", Scoped,
        concat!("SELECT h.removed, h.added FROM inventory_change h
            JOIN device d ON d.key = h.device
            WHERE d.id = $3 AND h.valid_from > $4 AND ", in_scope!("d.client"),
            " ORDER BY h.change DESC");
    INVENTORY_COUNT = "inventory.count-at", Scoped,
        concat!("SELECT h.packages FROM inventory_change h
            JOIN device d ON d.key = h.device
            WHERE d.id = $3 AND h.valid_from <= $4 AND ", in_scope!("d.client"),
            " ORDER BY h.change DESC LIMIT 1");
}

const WHAT: &str = "inventory";

/// An inventory that a device reported.
#[derive(Debug, Clone, Copy)]
pub struct InventoryWrite<'a> {
    /// What is installed.
    pub inventory: &'a Inventory,
    /// Its digest, which the caller has computed already.
    pub digest: Digest,
    /// From when it is so: when it was seen.
    pub valid_from: Timestamp,
    /// When it is written down.
    pub recorded_at: Timestamp,
}

/// An inventory as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownInventory {
    /// What is installed.
    pub inventory: Inventory,
    /// Since when it is so; `None` for an inventory of the past.
    pub valid_from: Option<Timestamp>,
}

struct Packed {
    ids: Vec<i64>,
    changes: i64,
    valid_from: Timestamp,
}

impl Tx<'_> {
    /// Keeps a device's inventory; says whether it differs from the one that was kept.
    pub fn inventory_put(
        &mut self,
        scope: &ClientScope,
        device: DeviceId,
        write: InventoryWrite<'_>,
    ) -> Result<bool, StoreError> {
        let ids = self.package_ids(write.inventory)?;
        let old = self.inventory_packed(scope, device)?;
        self.link_set_inventory(scope, device, write.digest, write.valid_from)?;
        let packages = u32::try_from(write.inventory.installed_count()).unwrap_or(u32::MAX);
        let (removed, added, change, valid_from) = match &old {
            // Before the first change there is nothing to go back to, so it need not say what came.
            None => (Vec::new(), Vec::new(), 1, write.valid_from),
            Some(old) if old.ids == ids => return Ok(false),
            Some(old) => {
                let (removed, added) = difference(&old.ids, &ids);
                let valid_from = write.valid_from.max(old.valid_from);
                (removed, added, old.changes + 1, valid_from)
            }
        };
        let statement = if old.is_some() {
            &INVENTORY_SET
        } else {
            &INVENTORY_ADD
        };
        let binds = binds![device, pack_ids(&ids), packages, valid_from];
        self.scoped_change("device", statement, scope, binds)?;
        let binds = binds![
            device,
            change,
            valid_from,
            recorded_after(valid_from, write.recorded_at),
            pack_ids(&removed),
            pack_ids(&added),
            packages,
        ];
        self.scoped_change("device", &INVENTORY_CHANGE_ADD, scope, binds)?;
        Ok(true)
    }

    /// Reads a device's present inventory.
    pub fn inventory_get(
        &mut self,
        scope: &ClientScope,
        device: DeviceId,
    ) -> Result<Option<KnownInventory>, StoreError> {
        let Some(packed) = self.inventory_packed(scope, device)? else {
            return Ok(None);
        };
        Ok(Some(KnownInventory {
            inventory: self.package_lines(&packed.ids)?,
            valid_from: Some(packed.valid_from),
        }))
    }

    /// Reads a device's inventory as it was at `at`; `None` before the first report.
    pub fn inventory_at(
        &mut self,
        scope: &ClientScope,
        device: DeviceId,
        at: Timestamp,
    ) -> Result<Option<KnownInventory>, StoreError> {
        let Some(packed) = self.inventory_packed(scope, device)? else {
            return Ok(None);
        };
        let mut ids = packed.ids;
        let later = self.scoped_rows(&INVENTORY_CHANGES, scope, binds![device, at])?;
        if later.len() as i64 == packed.changes {
            return Ok(None);
        }
        let valid_from = later.is_empty().then_some(packed.valid_from);
        for row in later {
            let mut c = row.columns(WHAT);
            let removed = unpack_ids(WHAT, &c.blob()?)?;
            let added = unpack_ids(WHAT, &c.blob()?)?;
            ids = applied(&ids, &added, &removed);
        }
        Ok(Some(KnownInventory {
            inventory: self.package_lines(&ids)?,
            valid_from,
        }))
    }

    pub(crate) fn inventory_count_at(
        &mut self,
        scope: &ClientScope,
        device: DeviceId,
        at: Timestamp,
    ) -> Result<Option<u32>, StoreError> {
        self.scoped_rows(&INVENTORY_COUNT, scope, binds![device, at])?
            .into_iter()
            .next()
            .map(|row| row.columns(WHAT).number())
            .transpose()
    }

    fn inventory_packed(
        &mut self,
        scope: &ClientScope,
        device: DeviceId,
    ) -> Result<Option<Packed>, StoreError> {
        let rows = self.scoped_rows(&INVENTORY_GET, scope, binds![device])?;
        let Some(row) = rows.into_iter().next() else {
            return Ok(None);
        };
        let mut c = row.columns(WHAT);
        Ok(Some(Packed {
            ids: unpack_ids(WHAT, &c.blob()?)?,
            changes: c.int()?,
            valid_from: c.time()?,
        }))
    }

    /// The rows of an inventory's lines, ascending; lines that are new are added.
    fn package_ids(&mut self, inventory: &Inventory) -> Result<Vec<i64>, StoreError> {
        let text = inventory.to_text();
        let mut ids = Vec::with_capacity(inventory.items().len());
        for line in text.split_terminator('\n') {
            let id = match self.interned.line(line) {
                Some(id) => id,
                None => self.package_id(line)?,
            };
            ids.push(id);
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    fn package_id(&mut self, line: &str) -> Result<i64, StoreError> {
        let columns: Vec<Value> = line.split('\t').map(Value::from).collect();
        let found = self.rows(&PACKAGE_FIND, &columns)?;
        let id = match found.into_iter().next() {
            Some(row) => row.columns("package row").int()?,
            None => added_id(self.rows(&PACKAGE_ADD, &columns)?)?,
        };
        self.interned.remember_line(line, id);
        Ok(id)
    }

    fn package_lines(&mut self, ids: &[i64]) -> Result<Inventory, StoreError> {
        let rows = self.rows(&PACKAGE_LINES, &[id_list(ids)])?;
        if rows.len() != ids.len() {
            return Err(StoreError::Unreadable {
                what: WHAT,
                reason: format!("{} of {} rows are there", rows.len(), ids.len()),
            });
        }
        let mut lines = HashMap::with_capacity(rows.len());
        for row in rows {
            let mut c = row.columns("package row");
            let mut line = String::with_capacity(96);
            for at in 0..8 {
                let tab = if at > 0 { "\t" } else { "" };
                write!(line, "{tab}{}", c.text()?).expect("a String takes all text");
            }
            // The order is that of the first five columns, as `domain::inventory` has it.
            let key = line.splitn(6, '\t').take(5).collect::<Vec<_>>().join("\t");
            lines.insert(key, line);
        }
        let mut sorted: Vec<(String, String)> = lines.into_iter().collect();
        sorted.sort();
        let mut text = String::with_capacity(sorted.len() * 96);
        for (_, line) in sorted {
            text.push_str(&line);
            text.push('\n');
        }
        Inventory::from_text(&text).map_err(|error| StoreError::Unreadable {
            what: WHAT,
            reason: error.to_string(),
        })
    }
}
