//! Where an object of the policy was written, and objects as they stand: read, or not readable.

use domain::id::ClientId;

use crate::error::StoreError;
use crate::value::Columns;

/// Where an object was written; by default by hand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The file; `None`: it was made by hand.
    pub file: Option<String>,
    /// Its place among the objects of all files: the order in which rules are asked.
    pub position: u32,
    /// Its own text with the comments before it.
    pub source: Option<String>,
}

impl Place {
    pub(crate) fn read(c: &mut Columns) -> Result<Self, StoreError> {
        Ok(Self {
            file: c.maybe_text()?,
            position: c.maybe_number()?.unwrap_or(0),
            source: c.maybe_text()?,
        })
    }
}

/// An object that stands. One that cannot be read says why, and still what it covers.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing<T> {
    /// Its id, as kept.
    pub id: String,
    /// The one client it is limited to.
    pub client: Option<ClientId>,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// Which devices, as kept.
    pub devices: String,
    /// Where it was written.
    pub place: Place,
    /// The object, or what is wrong with it.
    pub object: Result<T, String>,
}
