//! The lab: real devices on one machine.
