//! Events when an advisory is new or changes: whom it hits, once per advisory.
