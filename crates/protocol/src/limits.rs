//! Limits of the link, in bytes or counts. Both sides check them.

/// Most bytes of one request body as it travels.
pub const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most bytes of one payload after unpacking.
pub const UNPACKED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most orders in one answer.
pub const ORDERS_MAX: usize = 16;
/// Most outcomes or second looks in one message.
pub const OUTCOMES_MAX: usize = 64;
/// Most changelogs in one message.
pub const CHANGELOGS_MAX: usize = 32;
/// Most bytes of one changelog.
pub const CHANGELOG_BYTES_MAX: usize = 128 * 1024;
/// How far a device's clock may differ before the server says so, in seconds.
pub const SKEW_SECONDS_REPORTED: i64 = 300;
