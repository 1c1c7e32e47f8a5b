//! Settings and keys of this server, by name.

use domain::Timestamp;

use crate::connection::Tx;
use crate::error::StoreError;
use crate::statement::statements;
use crate::value::binds;

statements! {
    SETTING_GET = "setting.get", Unscoped("the server's own"),
        "SELECT value FROM setting WHERE name = $1";
    SETTING_PUT = "setting.put", Unscoped("the server's own"),
        "INSERT INTO setting (name, value, changed_at) VALUES ($1, $2, $3)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value, changed_at = excluded.changed_at";
    SETTING_ADD = "setting.add", Unscoped("the server's own"),
        "INSERT INTO setting (name, value, changed_at) VALUES ($1, $2, $3)
         ON CONFLICT (name) DO NOTHING";
}

impl Tx<'_> {
    /// Reads a setting.
    pub fn setting_get(&mut self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.rows(&SETTING_GET, binds![name])?
            .into_iter()
            .next()
            .map(|row| row.columns("setting").blob())
            .transpose()
    }

    /// Writes a setting.
    pub fn setting_put(
        &mut self,
        name: &str,
        value: &[u8],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.execute(&SETTING_PUT, binds![name, value, now])?;
        Ok(())
    }

    /// Writes a setting unless it is there, and returns the one that stands: for keys that are made
    /// once.
    pub fn setting_get_or_add(
        &mut self,
        name: &str,
        value: &[u8],
        now: Timestamp,
    ) -> Result<Vec<u8>, StoreError> {
        self.execute(&SETTING_ADD, binds![name, value, now])?;
        self.setting_get(name)?
            .ok_or(StoreError::Missing { what: "setting" })
    }
}
