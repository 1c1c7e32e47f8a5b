//! Commands that need no server: they read what they are given and answer.

pub mod compare;
