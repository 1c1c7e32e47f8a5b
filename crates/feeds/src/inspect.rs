//! One file looked at: recognised, read, counted.
