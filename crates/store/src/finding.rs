//! Findings: per device a packed list of shared rows with two times each, and every change as the
//! entries that went and came. How many devices have a finding is counted as changes come.

use std::collections::{HashMap, HashSet};

use domain::Timestamp;
use domain::access::ClientScope;
use domain::finding::{DatedFinding, Finding, FindingState};
use domain::id::DeviceId;
use domain::page::{Page, PageRequest};
use domain::patch::PatchId;

use crate::connection::{Tx, page, page_limit};
use crate::error::StoreError;
use crate::intern::{added_id, id_list};
use crate::pack::{Unpacker, push_varint, zigzag};
use crate::statement::{in_scope, statements};
use crate::value::{binds, recorded_after, time, to_json};

statements! {
    FINDING_ROW_FIND = "finding.row-find", Unscoped("finding rows carry no client"),
        "SELECT id FROM finding_row WHERE digest = $1";
    FINDING_ROW_ADD = "finding.row-add", Unscoped("finding rows carry no client"),
        "INSERT INTO finding_row (digest, patch, state, body) VALUES ($1, $2, $3, $4) RETURNING id";
    FINDING_ROWS = "finding.rows", Unscoped("finding rows carry no client"),
        "SELECT id, body FROM finding_row
         WHERE id IN (SELECT CAST(value AS BIGINT) FROM json_each(CAST($1 AS TEXT)))";
    FINDING_LIST_GET = "finding.get", Scoped,
        concat!("SELECT f.packed, f.changes, f.valid_from FROM finding_list f
            JOIN device d ON d.key = f.device WHERE d.id = $3 AND ", in_scope!("d.client"));
    FINDING_LIST_ADD = "finding.add", Scoped,
        concat!("INSERT INTO finding_list (device, packed, changes, valid_from)
            SELECT d.key, $4, 1, $5 FROM device d WHERE d.id = $3 AND ", in_scope!("d.client"));
    FINDING_LIST_SET = "finding.set", Scoped,
        concat!("UPDATE finding_list SET packed = $4, changes = changes + 1, valid_from = $5
            WHERE device = (SELECT d.key FROM device d WHERE d.id = $3 AND ",
            in_scope!("d.client"), ")");
    FINDING_CHANGE_ADD = "finding.change-add", Scoped,
        concat!("INSERT INTO finding_change (device, change, valid_from, recorded_after, removed, added)
            SELECT d.key, $4, $5, $6, $7, $8 FROM device d WHERE d.id = $3 AND ",
            in_scope!("d.client"));
    FINDING_CHANGES = "finding.changes-after", Scoped,
        concat!("SELECT h.removed, h.added FROM finding_change h JOIN device d ON d.key = h.device
            WHERE d.id = $3 AND h.valid_from > $4 AND ", in_scope!("d.client"),
            " ORDER BY h.change DESC");
    FINDING_COUNT_ADD = "finding.count-add", Scoped,
        concat!("INSERT INTO finding_count (client, finding, devices)
            SELECT d.client, CAST(j.value AS BIGINT), 1
            FROM device d CROSS JOIN json_each(CAST($4 AS TEXT)) j
            WHERE d.id = $3 AND ", in_scope!("d.client"),
            " ON CONFLICT (client, finding)
              DO UPDATE SET devices = finding_count.devices + excluded.devices");
    FINDING_COUNT_SUB = "finding.count-subtract", Scoped,
        concat!("UPDATE finding_count SET devices = devices - 1
            WHERE client = (SELECT d.client FROM device d WHERE d.id = $3 AND ",
            in_scope!("d.client"), ")
              AND finding IN (SELECT CAST(value AS BIGINT) FROM json_each(CAST($4 AS TEXT)))");
    FINDING_COUNT_DROP = "finding.count-drop", Scoped,
        concat!("DELETE FROM finding_count
            WHERE client = (SELECT d.client FROM device d WHERE d.id = $3 AND ",
            in_scope!("d.client"), ") AND devices = 0
              AND finding IN (SELECT CAST(value AS BIGINT) FROM json_each(CAST($4 AS TEXT)))");
    FINDING_WALK = "finding.walk", Scoped,
        concat!("SELECT d.id, f.packed FROM device d JOIN finding_list f ON f.device = d.key
            WHERE d.id >= $3 AND ", in_scope!("d.client"), " ORDER BY d.id LIMIT $4");
    FINDING_ROWS_OF_PATCH = "finding.rows-of-patch", Scoped,
        concat!("SELECT DISTINCT n.finding FROM finding_count n
            JOIN finding_row r ON r.id = n.finding
            WHERE r.patch = $3 AND n.devices > 0 AND ", in_scope!("n.client"));
}

const WHAT: &str = "finding";
/// Devices read at once when a list walks over many.
const WALK_DEVICES: u32 = 100;

/// All findings of a device as an assessment gave them.
#[derive(Debug, Clone, Copy)]
pub struct FindingsWrite<'a> {
    /// Every finding that holds now, at most one a patch; what is not here is over.
    pub findings: &'a [Finding],
    /// From when they hold.
    pub valid_from: Timestamp,
    /// When they are written down.
    pub recorded_at: Timestamp,
}

/// A finding with its device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceFinding {
    /// The device.
    pub device: DeviceId,
    /// The finding.
    pub found: DatedFinding,
}

/// One entry of a packed list; times in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    row: i64,
    first_seen: i64,
    since: i64,
}

fn pack(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::with_capacity(8 + entries.len() * 4);
    let (mut row, mut first_seen) = (0, 0);
    for entry in entries {
        push_varint((entry.row - row) as u64, &mut out);
        push_varint(zigzag(entry.first_seen - first_seen), &mut out);
        push_varint(zigzag(entry.since - entry.first_seen), &mut out);
        (row, first_seen) = (entry.row, entry.first_seen);
    }
    out
}

fn unpack(bytes: &[u8]) -> Result<Vec<Entry>, StoreError> {
    let range = || StoreError::Unreadable {
        what: WHAT,
        reason: "a number of the packed list is out of range".to_owned(),
    };
    let mut unpacker = Unpacker::new(WHAT, bytes);
    let (mut row, mut first_seen) = (0_i64, 0_i64);
    let mut entries = Vec::with_capacity(bytes.len() / 3);
    while !unpacker.is_empty() {
        let step = i64::try_from(unpacker.varint()?).map_err(|_| range())?;
        row = row.checked_add(step).ok_or_else(range)?;
        first_seen = first_seen
            .checked_add(unpacker.signed()?)
            .ok_or_else(range)?;
        let since = first_seen
            .checked_add(unpacker.signed()?)
            .ok_or_else(range)?;
        entries.push(Entry {
            row,
            first_seen,
            since,
        });
    }
    Ok(entries)
}

struct Packed {
    entries: Vec<Entry>,
    changes: i64,
    valid_from: Timestamp,
}

impl Tx<'_> {
    /// Replaces a device's findings. When a patch was first seen is kept, and since when, as long as
    /// the state is the same. Returns the patches whose state changed, with the new state; `None`
    /// for those that are over.
    pub fn finding_apply(
        &mut self,
        scope: &ClientScope,
        device: DeviceId,
        write: FindingsWrite<'_>,
    ) -> Result<Vec<(PatchId, Option<FindingState>)>, StoreError> {
        let old = self.finding_packed(scope, device)?;
        let valid_from = match &old {
            Some(old) => write.valid_from.max(old.valid_from),
            None => write.valid_from,
        };
        let now = valid_from.as_microsecond();
        let old_entries = old.as_ref().map_or(&[][..], |old| &old.entries);
        let rows: Vec<i64> = write
            .findings
            .iter()
            .map(|finding| self.finding_intern(finding))
            .collect::<Result<_, _>>()?;
        // A row says everything but the times: where it stays, they stay, and it need not be read.
        let (same, gone): (Vec<Entry>, Vec<Entry>) = {
            let still: HashSet<i64> = rows.iter().copied().collect();
            let stays = |entry: &Entry| still.contains(&entry.row);
            old_entries.iter().copied().partition(stays)
        };
        let same: HashMap<i64, Entry> = same.into_iter().map(|entry| (entry.row, entry)).collect();
        let bodies = self.finding_bodies(&gone)?;
        let mut before: HashMap<PatchId, (Entry, FindingState)> = HashMap::new();
        for entry in gone {
            let finding = body(bodies, entry.row)?;
            before.insert(finding.patch.clone(), (entry, finding.state));
        }
        let (mut entries, mut changed) = (Vec::with_capacity(rows.len()), Vec::new());
        for (finding, row) in write.findings.iter().zip(rows) {
            if let Some(entry) = same.get(&row) {
                entries.push(*entry);
                continue;
            }
            let known = before.remove(&finding.patch);
            let first_seen = known.map_or(now, |(entry, _)| entry.first_seen);
            let since = match known {
                Some((entry, state)) if state == finding.state => entry.since,
                Some(_) | None => {
                    changed.push((finding.patch.clone(), Some(finding.state)));
                    now
                }
            };
            entries.push(Entry {
                row,
                first_seen,
                since,
            });
        }
        changed.extend(before.into_keys().map(|patch| (patch, None)));
        changed.sort();
        entries.sort_unstable();
        entries.dedup_by_key(|entry| entry.row);
        self.finding_write(
            scope,
            device,
            old.as_ref(),
            &entries,
            (valid_from, write.recorded_at),
        )?;
        Ok(changed)
    }

    fn finding_write(
        &mut self,
        scope: &ClientScope,
        device: DeviceId,
        old: Option<&Packed>,
        entries: &[Entry],
        (valid_from, recorded_at): (Timestamp, Timestamp),
    ) -> Result<(), StoreError> {
        let before = old.map_or(&[][..], |old| &old.entries);
        let only = |a: &[Entry], b: &[Entry]| -> Vec<Entry> {
            let missing = |entry: &&Entry| b.binary_search(entry).is_err();
            a.iter().filter(missing).copied().collect()
        };
        let (removed, added) = (only(before, entries), only(entries, before));
        let statement = match old {
            Some(_) if removed.is_empty() && added.is_empty() => return Ok(()),
            Some(_) => &FINDING_LIST_SET,
            None => &FINDING_LIST_ADD,
        };
        let binds = binds![device, pack(entries), valid_from];
        self.scoped_change("device", statement, scope, binds)?;
        let change = old.map_or(1, |old| old.changes + 1);
        // Before the first change there is nothing to go back to, so it need not say what came.
        let came = if old.is_some() { &added[..] } else { &[] };
        let (gone, came) = (pack(&removed), pack(came));
        let after = recorded_after(valid_from, recorded_at);
        let binds = binds![device, change, valid_from, after, gone, came];
        self.scoped_change("device", &FINDING_CHANGE_ADD, scope, binds)?;
        let rows = |entries: &[Entry]| -> Vec<i64> { entries.iter().map(|e| e.row).collect() };
        if !removed.is_empty() {
            let list = id_list(&rows(&removed));
            self.scoped_execute(&FINDING_COUNT_SUB, scope, binds![device, list])?;
        }
        if !added.is_empty() {
            let list = id_list(&rows(&added));
            self.scoped_execute(&FINDING_COUNT_ADD, scope, binds![device, list])?;
        }
        if !removed.is_empty() {
            let list = id_list(&rows(&removed));
            self.scoped_execute(&FINDING_COUNT_DROP, scope, binds![device, list])?;
        }
        Ok(())
    }

    /// Reads a device's findings, sorted by patch; `None` when it was never assessed.
    pub fn finding_of_device(
        &mut self,
        scope: &ClientScope,
        device: DeviceId,
    ) -> Result<Option<Vec<DatedFinding>>, StoreError> {
        let packed = self.finding_packed(scope, device)?;
        packed
            .map(|packed| self.finding_dated(&packed.entries))
            .transpose()
    }

    /// Reads one finding of a device.
    pub fn finding_get(
        &mut self,
        scope: &ClientScope,
        device: DeviceId,
        patch: &PatchId,
    ) -> Result<Option<DatedFinding>, StoreError> {
        let found = self.finding_of_device(scope, device)?.unwrap_or_default();
        Ok(found.into_iter().find(|f| f.finding.patch == *patch))
    }

    /// Reads a device's findings as they were at `at`; `None` before the first assessment.
    pub fn finding_at(
        &mut self,
        scope: &ClientScope,
        device: DeviceId,
        at: Timestamp,
    ) -> Result<Option<Vec<DatedFinding>>, StoreError> {
        let Some(packed) = self.finding_packed(scope, device)? else {
            return Ok(None);
        };
        let later = self.scoped_rows(&FINDING_CHANGES, scope, binds![device, at])?;
        if later.len() as i64 == packed.changes {
            return Ok(None);
        }
        let mut entries = packed.entries;
        for row in later {
            let mut c = row.columns(WHAT);
            let removed = unpack(&c.blob()?)?;
            let added = unpack(&c.blob()?)?;
            entries.retain(|entry| added.binary_search(entry).is_err());
            entries.extend(removed);
            entries.sort_unstable();
        }
        self.finding_dated(&entries).map(Some)
    }

    /// Lists findings by device, then by patch.
    pub fn finding_list(
        &mut self,
        scope: &ClientScope,
        request: &PageRequest,
    ) -> Result<Page<DeviceFinding>, StoreError> {
        self.finding_walk(scope, request, None)
    }

    /// Lists the devices that have a finding of one patch.
    pub fn finding_of_patch(
        &mut self,
        scope: &ClientScope,
        patch: &PatchId,
        request: &PageRequest,
    ) -> Result<Page<DeviceFinding>, StoreError> {
        let rows: Vec<i64> = self
            .scoped_rows(&FINDING_ROWS_OF_PATCH, scope, binds![patch.to_string()])?
            .into_iter()
            .map(|row| row.columns(WHAT).int())
            .collect::<Result<_, _>>()?;
        if rows.is_empty() {
            return Ok(page(Vec::new(), 1, cursor));
        }
        self.finding_walk(scope, request, Some(&rows))
    }

    fn finding_walk(
        &mut self,
        scope: &ClientScope,
        request: &PageRequest,
        rows: Option<&[i64]>,
    ) -> Result<Page<DeviceFinding>, StoreError> {
        let limit = page_limit(request);
        let after = match &request.cursor {
            None => None,
            Some(text) => Some(read_cursor(text)?),
        };
        let mut from = after
            .as_ref()
            .map_or_else(String::new, |(device, _)| device.to_string());
        let mut items: Vec<DeviceFinding> = Vec::new();
        loop {
            let batch = self.scoped_rows(&FINDING_WALK, scope, binds![&from, WALK_DEVICES])?;
            let full = batch.len() == WALK_DEVICES as usize;
            for row in batch {
                let mut c = row.columns(WHAT);
                let device: DeviceId = c.parsed()?;
                let mut entries = unpack(&c.blob()?)?;
                if let Some(rows) = rows {
                    entries.retain(|entry| rows.contains(&entry.row));
                }
                for found in self.finding_dated(&entries)? {
                    let seen = after.as_ref().is_some_and(|(last, patch)| {
                        *last == device && found.finding.patch <= *patch
                    });
                    if !seen {
                        items.push(DeviceFinding { device, found });
                    }
                }
                if items.len() > limit as usize {
                    return Ok(page(items, limit, cursor));
                }
                // The smallest text above this id.
                from = format!("{device}!");
            }
            if !full {
                return Ok(page(items, limit, cursor));
            }
        }
    }

    fn finding_packed(
        &mut self,
        scope: &ClientScope,
        device: DeviceId,
    ) -> Result<Option<Packed>, StoreError> {
        let rows = self.scoped_rows(&FINDING_LIST_GET, scope, binds![device])?;
        let Some(row) = rows.into_iter().next() else {
            return Ok(None);
        };
        let mut c = row.columns(WHAT);
        Ok(Some(Packed {
            entries: unpack(&c.blob()?)?,
            changes: c.int()?,
            valid_from: c.time()?,
        }))
    }

    fn finding_intern(&mut self, finding: &Finding) -> Result<i64, StoreError> {
        let text = to_json(finding);
        self.intern("finding", &text, &FINDING_ROW_FIND, |tx, digest| {
            let (patch, state) = (finding.patch.to_string(), finding.state.word());
            added_id(tx.rows(&FINDING_ROW_ADD, binds![digest, patch, state, &text])?)
        })
    }

    fn finding_bodies(&mut self, entries: &[Entry]) -> Result<&HashMap<i64, Finding>, StoreError> {
        self.shared(WHAT, &FINDING_ROWS, entries.iter().map(|entry| entry.row))
    }

    fn finding_dated(&mut self, entries: &[Entry]) -> Result<Vec<DatedFinding>, StoreError> {
        let bodies = self.finding_bodies(entries)?;
        let mut found = entries
            .iter()
            .map(|entry| {
                Ok(DatedFinding {
                    finding: body(bodies, entry.row)?.clone(),
                    first_seen: time(WHAT, entry.first_seen)?,
                    since: time(WHAT, entry.since)?,
                })
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        found.sort_by(|a, b| a.finding.patch.cmp(&b.finding.patch));
        Ok(found)
    }
}

fn body(bodies: &HashMap<i64, Finding>, row: i64) -> Result<&Finding, StoreError> {
    bodies.get(&row).ok_or_else(|| StoreError::Unreadable {
        what: WHAT,
        reason: format!("row {row} is missing"),
    })
}

fn cursor(item: &DeviceFinding) -> String {
    format!("{} {}", item.device, item.found.finding.patch)
}

fn read_cursor(text: &str) -> Result<(DeviceId, PatchId), StoreError> {
    text.split_once(' ')
        .and_then(|(device, patch)| Some((device.parse().ok()?, patch.parse().ok()?)))
        .ok_or_else(|| StoreError::BadCursor {
            cursor: text.chars().take(200).collect(),
        })
}
