//! Devices, and what they were: mode, tags, standing, abilities and system are dated.

use domain::Timestamp;
use domain::access::ClientScope;
use domain::device::{AgentAbilities, Device, Mode, Standing};
use domain::id::{ClientId, DeviceId, SiteId};
use domain::name::{Label, Tag};
use domain::offer::System;
use domain::page::{Page, PageRequest};

use crate::audit::Actor;
use crate::connection::{Tx, page, page_limit};
use crate::error::StoreError;
use crate::statement::{Statement, in_scope, statements};
use crate::value::{Row, Value, binds, from_json, to_json};

macro_rules! device_columns {
    () => {
        "SELECT d.id, d.client, c.name, d.site, s.name, s.zone, d.name, d.tags, d.mode, d.standing,
            d.enrolled_at, l.last_seen, l.inventory_at, i.packages, a.body
         FROM device d
         JOIN client c ON c.id = d.client
         JOIN site s ON s.id = d.site
         JOIN device_link l ON l.device = d.key
         LEFT JOIN inventory i ON i.device = d.key
         LEFT JOIN content a ON a.id = d.agent
         WHERE "
    };
}

statements! {
    DEVICE_ADD = "device.add", Scoped,
        concat!("INSERT INTO device (id, client, site, name, tags, mode, standing, enrolled_at)
            SELECT $3, s.client, s.id, $5, '[]', $6, $7, $8 FROM site s
            WHERE s.id = $4 AND ", in_scope!("s.client"), " RETURNING key");
    DEVICE_LINK_ADD = "device.link-add", Scoped,
        concat!("INSERT INTO device_link (device, public_key, counter, acknowledged, last_sequence)
            SELECT d.key, $4, 0, 0, 0 FROM device d WHERE d.id = $3 AND ", in_scope!("d.client"));
    DEVICE_LIST = "device.list", Scoped,
        concat!(device_columns!(), in_scope!("d.client"),
            " AND ($3 = '' OR d.client = $3) AND d.id > $4 ORDER BY d.id LIMIT $5");
    DEVICE_FIND = "device.find", Scoped,
        concat!(device_columns!(), in_scope!("d.client"),
            " AND (d.id = $3 OR d.name = $3) ORDER BY d.id LIMIT 2");
    DEVICE_GET = "device.get", Scoped,
        concat!(device_columns!(), in_scope!("d.client"), " AND d.id = $3");
    DEVICE_COUNT = "device.count", Scoped,
        concat!("SELECT COUNT(*) FROM device d WHERE ", in_scope!("d.client"));
    DEVICE_MODE = "device.mode", Scoped,
        concat!("UPDATE device SET mode = $4 WHERE id = $3 AND ", in_scope!("device.client"));
    DEVICE_TAGS = "device.tags", Scoped,
        concat!("UPDATE device SET tags = $4 WHERE id = $3 AND ", in_scope!("device.client"));
    DEVICE_STANDING = "device.standing", Scoped,
        concat!("UPDATE device SET standing = $4 WHERE id = $3 AND ", in_scope!("device.client"));
    DEVICE_AGENT = "device.agent", Scoped,
        concat!("UPDATE device SET agent = $4 WHERE id = $3 AND ", in_scope!("device.client"));
    DEVICE_CHANGE_ADD = "device.change-add", Scoped,
        concat!("INSERT INTO device_change (device, what, value, valid_from, recorded_at, actor)
            SELECT d.key, $4, $5, $6, $7, $8 FROM device d
            WHERE d.id = $3 AND ", in_scope!("d.client"));
    DEVICE_CHANGES = "device.changes", Scoped,
        concat!("SELECT h.what, h.value, h.valid_from, h.actor FROM device_change h
            JOIN device d ON d.key = h.device
            WHERE d.id = $3 AND h.valid_from <= $4 AND ", in_scope!("d.client"), " ORDER BY h.id");
}

/// A mode that a device had from some time on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceMode {
    /// The mode.
    pub mode: Mode,
    /// From when.
    pub valid_from: Timestamp,
    /// Who set it: the id of a principal or device, or `server`.
    pub by: String,
}

/// A device as it is enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDevice {
    /// Its id.
    pub id: DeviceId,
    /// Its site; gives the client.
    pub site: SiteId,
    /// Its name.
    pub name: Label,
    /// Its Ed25519 public key.
    pub public_key: [u8; 32],
    /// What its agent can do.
    pub agent: AgentAbilities,
    /// When it is enrolled.
    pub enrolled_at: Timestamp,
}

/// Which devices a list holds, beyond the scope. Queries are the caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeviceFilter {
    /// Of this client only.
    pub client: Option<ClientId>,
}

fn device(row: Row) -> Result<Device, StoreError> {
    let mut c = row.columns("device");
    Ok(Device {
        id: c.parsed()?,
        client: c.parsed()?,
        client_name: c.parsed()?,
        site: c.parsed()?,
        site_name: c.parsed()?,
        zone: c.text()?,
        name: c.parsed()?,
        tags: c.json()?,
        mode: c.parsed()?,
        standing: c.parsed()?,
        enrolled_at: c.time()?,
        last_seen: c.maybe_time()?,
        inventory_at: c.maybe_time()?,
        packages: c.maybe_number()?,
        agent: c.maybe_json()?,
    })
}

impl Tx<'_> {
    /// Enrols a device: observe only, no tags. A name that is taken within the client is a
    /// `Conflict`, a site out of scope is `Missing`.
    pub fn device_add(&mut self, scope: &ClientScope, new: &NewDevice) -> Result<(), StoreError> {
        let binds = binds![
            new.id,
            new.site,
            new.name.as_str(),
            Mode::Observe.word(),
            Standing::Level.word(),
            new.enrolled_at,
        ];
        if self.scoped_rows(&DEVICE_ADD, scope, binds)?.is_empty() {
            return Err(StoreError::Missing { what: "site" });
        }
        let key = &new.public_key[..];
        self.scoped_change("device", &DEVICE_LINK_ADD, scope, binds![new.id, key])?;
        // Tags and standing begin the same for all, so their beginning is not dated.
        let (at, actor) = (new.enrolled_at, &Actor::Device(new.id));
        self.device_change(scope, new.id, "mode", Mode::Observe.word(), (at, at), actor)?;
        self.device_set_agent(scope, new.id, &new.agent, new.enrolled_at)
    }

    /// Lists devices by the time they were enrolled.
    pub fn device_list(
        &mut self,
        scope: &ClientScope,
        filter: DeviceFilter,
        request: &PageRequest,
    ) -> Result<Page<Device>, StoreError> {
        let (limit, after) = (page_limit(request), request.cursor.as_deref().unwrap_or(""));
        let client = filter.client.map(|id| id.to_string()).unwrap_or_default();
        let rows = self.scoped_rows(&DEVICE_LIST, scope, binds![client, after, limit + 1])?;
        let items = rows.into_iter().map(device).collect::<Result<_, _>>()?;
        Ok(page(items, limit, |device: &Device| device.id.to_string()))
    }

    /// Finds devices by id or name; two when the name stands at more than one client.
    pub fn device_find(
        &mut self,
        scope: &ClientScope,
        id_or_name: &str,
    ) -> Result<Vec<Device>, StoreError> {
        self.scoped_rows(&DEVICE_FIND, scope, binds![id_or_name])?
            .into_iter()
            .map(device)
            .collect()
    }

    /// Finds a device by its id.
    pub fn device_get(
        &mut self,
        scope: &ClientScope,
        id: DeviceId,
    ) -> Result<Option<Device>, StoreError> {
        self.scoped_rows(&DEVICE_GET, scope, binds![id])?
            .into_iter()
            .next()
            .map(device)
            .transpose()
    }

    /// Counts the devices in scope.
    pub fn device_count(&mut self, scope: &ClientScope) -> Result<u64, StoreError> {
        let rows = self.scoped_rows(&DEVICE_COUNT, scope, &[])?;
        rows.into_iter()
            .next()
            .map_or(Ok(0), |row| row.columns("count").number())
    }

    /// Says what may be done to a device, from `valid_from` on.
    pub fn device_set_mode(
        &mut self,
        scope: &ClientScope,
        id: DeviceId,
        mode: Mode,
        valid_from: Timestamp,
        recorded_at: Timestamp,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        self.device_set(scope, id, &DEVICE_MODE, mode.word().into())?;
        let times = (valid_from, recorded_at);
        self.device_change(scope, id, "mode", mode.word(), times, actor)
    }

    /// Replaces a device's tags; they are kept sorted, each once.
    pub fn device_set_tags(
        &mut self,
        scope: &ClientScope,
        id: DeviceId,
        tags: &[Tag],
        valid_from: Timestamp,
        recorded_at: Timestamp,
        actor: &Actor,
    ) -> Result<(), StoreError> {
        let mut tags = tags.to_vec();
        tags.sort();
        tags.dedup();
        let tags = to_json(&tags);
        self.device_set(scope, id, &DEVICE_TAGS, (&tags).into())?;
        self.device_change(scope, id, "tags", &tags, (valid_from, recorded_at), actor)
    }

    /// Says whether a device's memory and the server's agree.
    pub fn device_set_standing(
        &mut self,
        scope: &ClientScope,
        id: DeviceId,
        standing: Standing,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.device_set(scope, id, &DEVICE_STANDING, standing.word().into())?;
        let word = standing.word();
        self.device_change(scope, id, "standing", word, (now, now), &Actor::Server)
    }

    /// Keeps what a device's agent can do.
    pub fn device_set_agent(
        &mut self,
        scope: &ClientScope,
        id: DeviceId,
        agent: &AgentAbilities,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let content = self.content_intern(&to_json(agent))?;
        self.device_set(scope, id, &DEVICE_AGENT, content.into())?;
        let actor = Actor::Device(id);
        self.device_change(scope, id, "agent", &content.to_string(), (now, now), &actor)
    }

    /// Notes what a device says of its system from now on; what it said before stays on record.
    pub fn device_set_system(
        &mut self,
        scope: &ClientScope,
        id: DeviceId,
        system: &System,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let content = self.content_intern(&to_json(system))?;
        let actor = Actor::Device(id);
        self.device_change(
            scope,
            id,
            "system",
            &content.to_string(),
            (now, now),
            &actor,
        )
    }

    /// What a device said of its system at a past instant; `None`: nothing yet.
    pub fn device_system_at(
        &mut self,
        scope: &ClientScope,
        id: DeviceId,
        at: Timestamp,
    ) -> Result<Option<System>, StoreError> {
        let mut last: Option<i64> = None;
        for row in self.scoped_rows(&DEVICE_CHANGES, scope, binds![id, at])? {
            let mut c = row.columns("device change");
            if c.text()? == "system" {
                last = Some(c.parsed()?);
            }
        }
        let Some(content) = last else {
            return Ok(None);
        };
        let body = self.content_bodies(&[content])?.remove(&content);
        body.map(|body| from_json("system", &body)).transpose()
    }

    fn device_set(
        &mut self,
        scope: &ClientScope,
        id: DeviceId,
        statement: &'static Statement,
        value: Value,
    ) -> Result<(), StoreError> {
        self.scoped_change("device", statement, scope, &[id.into(), value])
    }

    fn device_change(
        &mut self,
        scope: &ClientScope,
        id: DeviceId,
        what: &str,
        value: &str,
        (valid_from, recorded_at): (Timestamp, Timestamp),
        actor: &Actor,
    ) -> Result<(), StoreError> {
        let actor = actor.text();
        let binds = binds![id, what, value, valid_from, recorded_at, actor];
        self.scoped_change("device", &DEVICE_CHANGE_ADD, scope, binds)
    }

    /// The modes that a device had, newest first.
    pub fn device_modes(
        &mut self,
        scope: &ClientScope,
        id: DeviceId,
    ) -> Result<Vec<DeviceMode>, StoreError> {
        let mut modes = Vec::new();
        for row in self.scoped_rows(&DEVICE_CHANGES, scope, binds![id, Timestamp::MAX])? {
            let mut c = row.columns("device change");
            if c.text()? == "mode" {
                modes.push(DeviceMode {
                    mode: c.parsed()?,
                    valid_from: c.time()?,
                    by: c.text()?,
                });
            }
        }
        modes.reverse();
        Ok(modes)
    }

    /// The device as it was at `at`; `None` before it was enrolled or out of scope.
    ///
    /// `last_seen` and `inventory_at` are kept for the present only: they are `None` when the device
    /// spoke again since. `packages` is the count of the inventory of that time.
    pub fn device_at(
        &mut self,
        scope: &ClientScope,
        id: DeviceId,
        at: Timestamp,
    ) -> Result<Option<Device>, StoreError> {
        let Some(mut device) = self.device_get(scope, id)? else {
            return Ok(None);
        };
        if device.enrolled_at > at {
            return Ok(None);
        }
        (device.mode, device.standing) = (Mode::Observe, Standing::Level);
        device.tags.clear();
        for row in self.scoped_rows(&DEVICE_CHANGES, scope, binds![id, at])? {
            let mut c = row.columns("device change");
            let what = c.text()?;
            match what.as_str() {
                "mode" => device.mode = c.parsed()?,
                "tags" => device.tags = c.json()?,
                "standing" => device.standing = c.parsed()?,
                "agent" => {
                    let id: i64 = c.parsed()?;
                    let body = self.content_bodies(&[id])?.remove(&id);
                    device.agent = body.map(|body| from_json("agent", &body)).transpose()?;
                }
                // Read by `device_system_at`.
                "system" => {}
                other => {
                    return Err(StoreError::Unreadable {
                        what: "device change",
                        reason: format!("`{other}` is not known"),
                    });
                }
            }
        }
        device.last_seen = device.last_seen.filter(|seen| *seen <= at);
        device.inventory_at = device.inventory_at.filter(|seen| *seen <= at);
        device.packages = self.inventory_count_at(scope, id, at)?;
        Ok(Some(device))
    }
}
