//! When devices spoke with the server: one row a stretch without a longer silence. The end of the
//! present stretch is when the device was last seen, so that a usual check-in writes nothing here.

use domain::Timestamp;
use domain::access::ClientScope;
use domain::id::DeviceId;
use domain::snapshot::Contact;

use crate::connection::Tx;
use crate::error::StoreError;
use crate::statement::{in_scope, statements};
use crate::value::binds;

statements! {
    CONTACT_END = "contact.end", Scoped,
        concat!("UPDATE device_contact SET until_at = $4 WHERE until_at IS NULL
            AND device = (SELECT d.key FROM device d WHERE d.id = $3 AND ",
            in_scope!("d.client"), ")");
    CONTACT_BEGIN = "contact.begin", Scoped,
        concat!("INSERT INTO device_contact (device, from_at) SELECT d.key, $4 FROM device d
            WHERE d.id = $3 AND ", in_scope!("d.client"), "
            ON CONFLICT (device, from_at) DO NOTHING");
    CONTACT_FORGET = "contact.forget", Scoped,
        concat!("DELETE FROM device_contact WHERE until_at < $4
            AND device = (SELECT d.key FROM device d WHERE d.id = $3 AND ",
            in_scope!("d.client"), ")");
    CONTACT_LIST = "contact.list", Scoped,
        concat!("SELECT c.from_at, c.until_at FROM device d JOIN device_contact c ON c.device = d.key
            WHERE d.id = $3 AND ", in_scope!("d.client"), " ORDER BY c.from_at");
}

impl Tx<'_> {
    /// Begins a contact: what stands ends at `ended_at`, and what ended before `forget_before` goes.
    pub fn contact_begin(
        &mut self,
        scope: &ClientScope,
        device: DeviceId,
        from: Timestamp,
        ended_at: Option<Timestamp>,
        forget_before: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some(ended_at) = ended_at {
            self.scoped_execute(&CONTACT_END, scope, binds![device, ended_at])?;
        }
        self.scoped_execute(&CONTACT_FORGET, scope, binds![device, forget_before])?;
        self.scoped_execute(&CONTACT_BEGIN, scope, binds![device, from])?;
        Ok(())
    }

    /// The contacts of a device, oldest first; that of the present has no end.
    pub fn contact_list(
        &mut self,
        scope: &ClientScope,
        device: DeviceId,
    ) -> Result<Vec<Contact>, StoreError> {
        self.scoped_rows(&CONTACT_LIST, scope, binds![device])?
            .into_iter()
            .map(|row| {
                let mut c = row.columns("contact");
                Ok(Contact {
                    from: c.time()?,
                    until: c.maybe_time()?,
                })
            })
            .collect()
    }
}
