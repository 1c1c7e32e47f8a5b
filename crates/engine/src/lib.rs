//! What should happen, and why not.
