//! The coverage ledger: every known device in exactly one bucket.
