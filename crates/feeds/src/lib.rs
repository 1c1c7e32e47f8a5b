//! Advisory feeds.
