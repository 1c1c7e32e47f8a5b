//! Change windows: written once, ended once, never changed.

use domain::Timestamp;
use domain::access::ClientScope;
use domain::page::{Page, PageRequest};
use domain::window::{ChangeWindow, start_from_text};

use crate::audit::Actor;
use crate::connection::{Tx, page, page_limit};
use crate::decision::LAST;
use crate::error::StoreError;
use crate::place::{Place, Standing};
use crate::statement::{in_scope, statements};
use crate::value::{Columns, Row, binds, to_json};

macro_rules! window_columns {
    () => {
        "SELECT w.id, w.client, w.name, w.devices, w.recurrence, w.start_time, w.duration, w.zone,
            w.from_date, w.until_date, w.reserve, w.catch_up, w.opens_for, w.valid_from, w.ended_at,
            w.file, w.position, w.source FROM change_window w WHERE "
    };
}

statements! {
    WINDOW_ADD = "window.add", Scoped,
        concat!("INSERT INTO change_window (id, client, name, devices, recurrence, start_time, duration,
            zone, from_date, until_date, reserve, catch_up, opens_for, valid_from, recorded_at, file,
            position, source)
            SELECT $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20 WHERE ",
            in_scope!("CAST($4 AS TEXT)"));
    WINDOW_END = "window.end", Scoped,
        concat!("UPDATE change_window SET ended_at = $4, end_recorded_at = $5, ended_by = $6
            WHERE id = $3 AND ended_at IS NULL AND ", in_scope!("change_window.client"));
    WINDOW_PLACE = "window.place", Scoped,
        concat!("UPDATE change_window SET file = $4, position = $5, source = $6
            WHERE id = $3 AND ended_at IS NULL AND ", in_scope!("change_window.client"));
    WINDOW_LIST = "window.list", Scoped,
        concat!(window_columns!(), "(w.client IS NULL OR ", in_scope!("w.client"),
            ") AND w.id < $3 ORDER BY w.id DESC LIMIT $4");
    WINDOW_FIND = "window.find", Scoped,
        concat!(window_columns!(), "(w.client IS NULL OR ", in_scope!("w.client"),
            ") AND (w.id = $3 OR (w.name = $3 AND w.ended_at IS NULL))");
    WINDOW_IN_FORCE = "window.in-force", Scoped,
        concat!(window_columns!(), "(w.client IS NULL OR ", in_scope!("w.client"),
            ") AND w.valid_from <= $3 AND (w.ended_at IS NULL OR w.ended_at > $3) ORDER BY w.id");
}

fn window(row: Row) -> Result<ChangeWindow, StoreError> {
    read(&mut row.columns("change window"))
}

fn read(c: &mut Columns) -> Result<ChangeWindow, StoreError> {
    Ok(ChangeWindow {
        id: c.parsed()?,
        client: c.maybe_parsed()?,
        name: c.parsed()?,
        devices: c.parsed()?,
        recurrence: c.parsed()?,
        start: start_from_text(&c.text()?).map_err(|error| StoreError::Unreadable {
            what: "change window",
            reason: error.to_string(),
        })?,
        duration: c.parsed()?,
        zone: c.parsed()?,
        from: c.maybe_parsed()?,
        until: c.maybe_parsed()?,
        reserve: c.maybe_parsed()?,
        catch_up: c.maybe_json()?,
        opens_for: c.parsed()?,
        valid_from: c.time()?,
        ended_at: c.maybe_time()?,
    })
}

/// How many columns come before the place.
const PLACE_AT: usize = 15;

fn standing(row: Row) -> Result<Standing<ChangeWindow>, StoreError> {
    let place = Place::read(&mut row.from(PLACE_AT).columns("change window"))?;
    let mut c = row.clone().columns("change window");
    Ok(Standing {
        id: c.text()?,
        client: c.maybe_parsed()?,
        name: Some(c.text()?),
        devices: c.text()?,
        place,
        object: window(row).map_err(|error| error.to_string()),
    })
}

/// How many columns come before the times.
const TIMES_AT: usize = 13;

/// A change window as lists have it: one that cannot be read is in them too.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedWindow {
    /// The window with where it was written, or why it cannot be read.
    pub standing: Standing<ChangeWindow>,
    /// From when it is valid.
    pub valid_from: Timestamp,
    /// When it was ended.
    pub ended_at: Option<Timestamp>,
}

fn listed(row: Row) -> Result<ListedWindow, StoreError> {
    let mut times = row.from(TIMES_AT).columns("change window");
    Ok(ListedWindow {
        valid_from: times.time()?,
        ended_at: times.maybe_time()?,
        standing: standing(row)?,
    })
}

impl Tx<'_> {
    /// Keeps a change window made by hand. A name that stands is a `Conflict`; one for the whole provider needs a
    /// scope of the whole provider.
    pub fn window_add(
        &mut self,
        scope: &ClientScope,
        window: &ChangeWindow,
        recorded_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.window_add_from(scope, window, &Place::default(), recorded_at)
    }

    /// Keeps a change window that was written at `place`; as `window_add`.
    pub fn window_add_from(
        &mut self,
        scope: &ClientScope,
        window: &ChangeWindow,
        place: &Place,
        recorded_at: Timestamp,
    ) -> Result<(), StoreError> {
        let binds = binds![
            window.id,
            window.client,
            window.name.as_str(),
            window.devices.to_string(),
            window.recurrence.to_string(),
            format!("{:02}:{:02}", window.start.hour(), window.start.minute()),
            window.duration.to_string(),
            window.zone.to_string(),
            window.from.map(|date| date.to_string()),
            window.until.map(|date| date.to_string()),
            window.reserve.map(|reserve| reserve.to_string()),
            window.catch_up.map(|catch_up| to_json(&catch_up)),
            window.opens_for.word(),
            window.valid_from,
            recorded_at,
            place.file.clone(),
            place.file.as_ref().map(|_| place.position),
            place.source.clone(),
        ];
        self.scoped_change("client", &WINDOW_ADD, scope, binds)
    }

    /// Ends a change window; says whether it was still standing.
    pub fn window_end(
        &mut self,
        scope: &ClientScope,
        id: domain::id::WindowId,
        ended_at: Timestamp,
        recorded_at: Timestamp,
        actor: &Actor,
    ) -> Result<bool, StoreError> {
        let binds = binds![id, ended_at, recorded_at, actor.text()];
        Ok(self.scoped_execute(&WINDOW_END, scope, binds)? > 0)
    }

    /// Finds a change window by its id, or by its name while it stands.
    pub fn window_find(
        &mut self,
        scope: &ClientScope,
        id_or_name: &str,
    ) -> Result<Option<ChangeWindow>, StoreError> {
        self.scoped_rows(&WINDOW_FIND, scope, binds![id_or_name])?
            .into_iter()
            .next()
            .map(window)
            .transpose()
    }

    /// As `window_find`, with where it was written; also one that cannot be read.
    pub fn window_find_listed(
        &mut self,
        scope: &ClientScope,
        id_or_name: &str,
    ) -> Result<Option<ListedWindow>, StoreError> {
        self.scoped_rows(&WINDOW_FIND, scope, binds![id_or_name])?
            .into_iter()
            .next()
            .map(listed)
            .transpose()
    }

    /// As `window_list`, with where each was written; one that cannot be read spoils no other.
    pub fn window_list_listed(
        &mut self,
        scope: &ClientScope,
        request: &PageRequest,
    ) -> Result<Page<ListedWindow>, StoreError> {
        let (limit, before) = (
            page_limit(request),
            request.cursor.as_deref().unwrap_or(LAST),
        );
        let rows = self.scoped_rows(&WINDOW_LIST, scope, binds![before, limit + 1])?;
        let items = rows.into_iter().map(listed).collect::<Result<_, _>>()?;
        Ok(page(items, limit, |item: &ListedWindow| {
            item.standing.id.clone()
        }))
    }

    /// Lists change windows, newest first; those of the whole provider are seen by all.
    pub fn window_list(
        &mut self,
        scope: &ClientScope,
        request: &PageRequest,
    ) -> Result<Page<ChangeWindow>, StoreError> {
        let (limit, before) = (
            page_limit(request),
            request.cursor.as_deref().unwrap_or(LAST),
        );
        let rows = self.scoped_rows(&WINDOW_LIST, scope, binds![before, limit + 1])?;
        let items = rows.into_iter().map(window).collect::<Result<_, _>>()?;
        Ok(page(items, limit, |item: &ChangeWindow| {
            item.id.to_string()
        }))
    }

    /// The change windows whose rule is valid at `at`, oldest first.
    pub fn window_in_force(
        &mut self,
        scope: &ClientScope,
        at: Timestamp,
    ) -> Result<Vec<ChangeWindow>, StoreError> {
        self.scoped_rows(&WINDOW_IN_FORCE, scope, binds![at])?
            .into_iter()
            .map(window)
            .collect()
    }

    /// As `window_in_force`, with where each was written; one that cannot be read spoils no other.
    pub fn window_standing(
        &mut self,
        scope: &ClientScope,
        at: Timestamp,
    ) -> Result<Vec<Standing<ChangeWindow>>, StoreError> {
        self.scoped_rows(&WINDOW_IN_FORCE, scope, binds![at])?
            .into_iter()
            .map(standing)
            .collect()
    }

    /// Says where a change window that stands is written now; what it says must be the same.
    pub fn window_place(
        &mut self,
        scope: &ClientScope,
        id: domain::id::WindowId,
        place: &Place,
    ) -> Result<(), StoreError> {
        let binds = binds![id, place.file.clone(), place.position, place.source.clone()];
        self.scoped_change("change window", &WINDOW_PLACE, scope, binds)
    }
}
