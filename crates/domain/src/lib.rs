//! The words of Patchloop.
