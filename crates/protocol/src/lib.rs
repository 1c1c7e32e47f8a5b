//! What agent and server say to each other.
