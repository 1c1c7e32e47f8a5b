//! Windows: the graph of updates that replace each other, and where a device stands.
//!
//! [`KbGraph`] is built from all remedies of all documents and answers for one product at a time, as
//! Microsoft states supersedence per KB and product. What a document leaves out is not taken away.
//! [`judge`] says of each update of a device's product whether the device has it, has something that
//! contains it, or misses it. Only the product that the device reports as its system is judged:
//! remedies of applications (Office, SQL Server, .NET as a product of its own) are not part of it.
//! Builds are compared as numbers, and only within the same first three.

mod facts;
mod graph;
mod judge;
mod order;
mod standing;

#[cfg(test)]
mod tests;

pub use graph::{Answer, KbGraph, NotKnown};
pub use judge::judge;
