//! Queries as people type them, and which parts of a device a query asks about.

use domain::query::{Field, Query, SubjectKind};

use crate::{Result, ServiceError};

/// Reads a query; none, or an empty one, matches everything. `place` names it in an error.
pub(crate) fn parse(place: &'static str, text: Option<&str>, kind: SubjectKind) -> Result<Query> {
    let text = text.unwrap_or("").trim();
    Query::parse_for(text, kind).map_err(|mistake| ServiceError::Query {
        place,
        text: text.to_owned(),
        mistake,
    })
}

/// Whether a query asks about a field, so that what answers it has to be loaded.
pub(crate) fn asks(query: &Query, field: Field) -> bool {
    query.terms().iter().any(|term| term.field() == Some(field))
}
