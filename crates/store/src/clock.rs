//! When fixes were released and first seen on any device: where delays begin to count.

use domain::Timestamp;

use crate::connection::Tx;
use crate::error::StoreError;
use crate::statement::statements;
use crate::value::binds;

statements! {
    CLOCK_PUT = "clock.put", Unscoped("of the vendor's fix; no device and no client is named"),
        "INSERT INTO fix_clock (fix, released_at, first_seen_at) VALUES ($1, $2, $3)
         ON CONFLICT (fix) DO UPDATE SET
            released_at = CASE WHEN fix_clock.released_at IS NULL
                OR excluded.released_at < fix_clock.released_at
                THEN excluded.released_at ELSE fix_clock.released_at END,
            first_seen_at = CASE WHEN excluded.first_seen_at < fix_clock.first_seen_at
                THEN excluded.first_seen_at ELSE fix_clock.first_seen_at END
         WHERE excluded.first_seen_at < fix_clock.first_seen_at
            OR (excluded.released_at IS NOT NULL AND (fix_clock.released_at IS NULL
                OR excluded.released_at < fix_clock.released_at))";
    CLOCK_LIST = "clock.list", Unscoped("of the vendor's fix; no device and no client is named"),
        "SELECT k.fix, k.released_at, k.first_seen_at FROM fix_clock k ORDER BY k.fix";
}

/// When a fix was released and first seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixClock {
    /// A CVE, or the id of a patch that names none.
    pub fix: String,
    /// The earliest time at which a patch with it was released, where one says so.
    pub released_at: Option<Timestamp>,
    /// When it was first seen on any device.
    pub first_seen_at: Timestamp,
}

impl Tx<'_> {
    /// Keeps a clock; an earlier time than the known one takes its place, a later one does not.
    /// Says whether anything changed.
    pub fn clock_put(&mut self, clock: &FixClock) -> Result<bool, StoreError> {
        let binds = binds![&clock.fix, clock.released_at, clock.first_seen_at];
        Ok(self.execute(&CLOCK_PUT, binds)? > 0)
    }

    /// All clocks. Bounded by the CVEs and patches that devices ever had.
    pub fn clock_list(&mut self) -> Result<Vec<FixClock>, StoreError> {
        self.rows(&CLOCK_LIST, binds![])?
            .into_iter()
            .map(|row| {
                let mut c = row.columns("fix clock");
                Ok(FixClock {
                    fix: c.text()?,
                    released_at: c.maybe_time()?,
                    first_seen_at: c.time()?,
                })
            })
            .collect()
    }
}
