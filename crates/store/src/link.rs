//! What the server remembers of its talk with a device: one read and one small update a check-in.

use domain::Timestamp;
use domain::access::ClientScope;
use domain::device::{Mode, Standing};
use domain::id::{ClientId, DeviceId};
use domain::inventory::Digest;

use crate::connection::Tx;
use crate::error::StoreError;
use crate::statement::{in_scope, statements};
use crate::value::binds;

statements! {
    LINK_GET = "link.get",
        BeforeScope("the key is needed to check who speaks; the scope is made from that check"),
        "SELECT d.id, d.client, d.mode, d.standing, l.public_key, l.counter, l.reply, l.acknowledged,
            l.last_sequence, l.last_seen, l.inventory_at, l.inventory_digest, l.facts_mark
         FROM device d JOIN device_link l ON l.device = d.key WHERE d.id = $1";
    LINK_UPDATE = "link.update", Scoped,
        concat!("UPDATE device_link SET counter = $4, reply = $5, acknowledged = $6,
            last_sequence = $7, last_seen = $8,
            inventory_at = CASE WHEN $9 = 1 THEN $8 ELSE inventory_at END
            WHERE device = (SELECT d.key FROM device d WHERE d.id = $3 AND ",
            in_scope!("d.client"), ")");
    LINK_INVENTORY = "link.inventory", Scoped,
        concat!("UPDATE device_link SET inventory_digest = $4, inventory_at = $5
            WHERE device = (SELECT d.key FROM device d WHERE d.id = $3 AND ",
            in_scope!("d.client"), ")");
    LINK_FACTS = "link.facts", Scoped,
        concat!("UPDATE device_link SET facts_mark = $4
            WHERE device = (SELECT d.key FROM device d WHERE d.id = $3 AND ",
            in_scope!("d.client"), ")");
    LINK_BY_KEY = "link.by-key",
        BeforeScope("an enrolment that is repeated is answered like the first; the token gave the client"),
        "SELECT d.id FROM device d JOIN device_link l ON l.device = d.key WHERE l.public_key = $1";
}

/// All that a check-in needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkState {
    /// The device.
    pub device: DeviceId,
    /// Its client.
    pub client: ClientId,
    /// What may be done to it.
    pub mode: Mode,
    /// Whether its memory and the server's agree.
    pub standing: Standing,
    /// Its Ed25519 public key.
    pub public_key: [u8; 32],
    /// The highest counter that was executed.
    pub counter: u64,
    /// The answer to that counter.
    pub reply: Option<Vec<u8>>,
    /// The highest counter whose answer the device has.
    pub acknowledged: u64,
    /// The highest order sequence that was given or that the device has seen.
    pub last_sequence: u64,
    /// When it last spoke with the server.
    pub last_seen: Option<Timestamp>,
    /// When its inventory was last confirmed.
    pub inventory_at: Option<Timestamp>,
    /// The digest of its inventory.
    pub inventory_digest: Option<Digest>,
    /// The mark of its facts.
    pub facts_mark: Option<String>,
}

/// What a check-in changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkUpdate {
    /// The counter that was executed.
    pub counter: u64,
    /// The answer to it.
    pub reply: Option<Vec<u8>>,
    /// The highest counter whose answer the device has.
    pub acknowledged: u64,
    /// The highest order sequence that was given or that the device has seen.
    pub last_sequence: u64,
    /// The server's time.
    pub seen_at: Timestamp,
    /// Whether the device confirmed the inventory that is kept.
    pub inventory_confirmed: bool,
}

impl Tx<'_> {
    /// Reads the link of a device whose signature is yet to be checked.
    pub fn link_get(&mut self, device: DeviceId) -> Result<Option<LinkState>, StoreError> {
        let rows = self.rows(&LINK_GET, binds![device])?;
        let Some(row) = rows.into_iter().next() else {
            return Ok(None);
        };
        let mut c = row.columns("device link");
        Ok(Some(LinkState {
            device: c.parsed()?,
            client: c.parsed()?,
            mode: c.parsed()?,
            standing: c.parsed()?,
            public_key: c.blob()?.try_into().map_err(|_| StoreError::Unreadable {
                what: "public key",
                reason: "a public key has 32 bytes".to_owned(),
            })?,
            counter: c.number()?,
            reply: c.maybe_blob()?,
            acknowledged: c.number()?,
            last_sequence: c.number()?,
            last_seen: c.maybe_time()?,
            inventory_at: c.maybe_time()?,
            inventory_digest: c.maybe_digest()?,
            facts_mark: c.maybe_text()?,
        }))
    }

    /// Writes what a check-in changes.
    pub fn link_update(
        &mut self,
        scope: &ClientScope,
        device: DeviceId,
        update: &LinkUpdate,
    ) -> Result<(), StoreError> {
        let binds = binds![
            device,
            update.counter,
            update.reply.as_deref(),
            update.acknowledged,
            update.last_sequence,
            update.seen_at,
            i64::from(update.inventory_confirmed),
        ];
        self.scoped_change("device", &LINK_UPDATE, scope, binds)
    }

    pub(crate) fn link_set_inventory(
        &mut self,
        scope: &ClientScope,
        device: DeviceId,
        digest: Digest,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let binds = binds![device, digest, at];
        self.scoped_change("device", &LINK_INVENTORY, scope, binds)
    }

    pub(crate) fn link_set_facts(
        &mut self,
        scope: &ClientScope,
        device: DeviceId,
        mark: &str,
    ) -> Result<(), StoreError> {
        self.scoped_change("device", &LINK_FACTS, scope, binds![device, mark])
    }

    /// The device that enrolled with this public key, if any.
    pub fn link_device_by_key(
        &mut self,
        public_key: &[u8; 32],
    ) -> Result<Option<DeviceId>, StoreError> {
        self.rows(&LINK_BY_KEY, binds![&public_key[..]])?
            .into_iter()
            .next()
            .map(|row| row.columns("device link").parsed())
            .transpose()
    }
}
