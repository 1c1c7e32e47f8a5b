//! Statements of advisories held against the packages of one device.
