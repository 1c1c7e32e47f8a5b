//! The facts of a device's last look. What only the device has is kept compressed; its offers are
//! shared texts, because many devices are offered the same.

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::access::ClientScope;
use domain::id::DeviceId;
use domain::offer::{
    Facts, Lists, Needs, Offer, OfferReport, OldCode, RebootNeed, System, Unknown, Withheld,
};
use serde::{Deserialize, Serialize};

use crate::connection::Tx;
use crate::error::StoreError;
use crate::pack::{Unpacker, push_varint, zigzag};
use crate::statement::{in_scope, statements};
use crate::value::{Value, binds, to_json};

statements! {
    FACTS_PUT = "facts.put", Scoped,
        concat!("INSERT INTO device_facts (device, own, packed, looked_at)
            SELECT d.key, $4, $5, $6 FROM device d WHERE d.id = $3 AND ", in_scope!("d.client"),
            " ON CONFLICT (device) DO UPDATE SET own = excluded.own, packed = excluded.packed,
                looked_at = excluded.looked_at");
    FACTS_GET = "facts.get", Scoped,
        concat!("SELECT f.own, f.packed, f.looked_at FROM device_facts f
            JOIN device d ON d.key = f.device WHERE d.id = $3 AND ", in_scope!("d.client"));
    FACTS_SYSTEMS = "facts.systems", Scoped,
        concat!("SELECT d.id, f.own FROM device_facts f JOIN device d ON d.key = f.device
            WHERE d.id IN (SELECT value FROM json_each(CAST($3 AS TEXT))) AND ",
            in_scope!("d.client"));
}

const WHAT: &str = "facts";
/// Most bytes of one device's own facts after unpacking; the link admits no more.
const OWN_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What no other device shares.
#[derive(Serialize, Deserialize)]
struct Own {
    system: System,
    lists: Lists,
    failed: Option<String>,
    old_code: Option<Vec<OldCode>>,
    reboot: RebootNeed,
    unknown: Vec<Unknown>,
}

impl Tx<'_> {
    /// Keeps a device's facts in place of the former ones, with the mark that detects a change.
    pub fn facts_put(
        &mut self,
        scope: &ClientScope,
        device: DeviceId,
        facts: &Facts,
        mark: &str,
        looked_at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut packed = Vec::new();
        self.contents_pack(&facts.offers.offers, &mut packed)?;
        self.contents_pack(&facts.offers.withheld, &mut packed)?;
        self.contents_pack(&facts.offers.needs, &mut packed)?;
        let own = to_json(&Own {
            system: facts.system.clone(),
            lists: facts.offers.lists.clone(),
            failed: facts.offers.failed.clone(),
            old_code: facts.old_code.clone(),
            reboot: facts.reboot.clone(),
            unknown: facts.unknown.clone(),
        });
        let own = zstd::bulk::compress(own.as_bytes(), 3).map_err(broken)?;
        let binds = binds![device, own, packed, looked_at];
        self.scoped_change("device", &FACTS_PUT, scope, binds)?;
        self.link_set_facts(scope, device, mark)
    }

    /// Reads a device's facts and when they were seen.
    pub fn facts_get(
        &mut self,
        scope: &ClientScope,
        device: DeviceId,
    ) -> Result<Option<(Facts, Timestamp)>, StoreError> {
        let rows = self.scoped_rows(&FACTS_GET, scope, binds![device])?;
        let Some(row) = rows.into_iter().next() else {
            return Ok(None);
        };
        let mut c = row.columns(WHAT);
        let own = unpack_own(&c.blob()?)?;
        let packed = c.blob()?;
        let mut unpacker = Unpacker::new(WHAT, &packed);
        let lists = [
            list(&mut unpacker)?,
            list(&mut unpacker)?,
            list(&mut unpacker)?,
        ];
        let [offers, withheld, needs] = lists;
        let offers = OfferReport {
            lists: own.lists,
            offers: self.contents::<Offer>(WHAT, &offers)?,
            withheld: self.contents::<Withheld>(WHAT, &withheld)?,
            needs: self.contents::<Needs>(WHAT, &needs)?,
            failed: own.failed,
        };
        let facts = Facts {
            system: own.system,
            offers,
            old_code: own.old_code,
            reboot: own.reboot,
            unknown: own.unknown,
        };
        Ok(Some((facts, c.time()?)))
    }

    /// What these devices say of their systems; devices that never reported are left out.
    pub fn facts_systems(
        &mut self,
        scope: &ClientScope,
        devices: &[DeviceId],
    ) -> Result<BTreeMap<DeviceId, System>, StoreError> {
        self.scoped_rows(&FACTS_SYSTEMS, scope, &[Value::Text(to_json(&devices))])?
            .into_iter()
            .map(|row| {
                let mut c = row.columns(WHAT);
                Ok((c.parsed()?, unpack_own(&c.blob()?)?.system))
            })
            .collect()
    }

    fn contents_pack<T: Serialize>(
        &mut self,
        items: &[T],
        packed: &mut Vec<u8>,
    ) -> Result<(), StoreError> {
        push_varint(items.len() as u64, packed);
        let mut before = 0;
        for item in items {
            let id = self.content_intern(&to_json(item))?;
            push_varint(zigzag(id - before), packed);
            before = id;
        }
        Ok(())
    }
}

fn unpack_own(packed: &[u8]) -> Result<Own, StoreError> {
    let own = zstd::bulk::decompress(packed, OWN_BYTES_MAX).map_err(broken)?;
    serde_json::from_slice(&own).map_err(broken)
}

fn list(unpacker: &mut Unpacker<'_>) -> Result<Vec<i64>, StoreError> {
    let count = unpacker.varint()?;
    let mut before = 0_i64;
    (0..count)
        .map(|_| {
            before = before
                .checked_add(unpacker.signed()?)
                .ok_or_else(|| broken("an id is out of range"))?;
            Ok(before)
        })
        .collect()
}

fn broken(reason: impl std::fmt::Display) -> StoreError {
    StoreError::Unreadable {
        what: WHAT,
        reason: reason.to_string(),
    }
}
