//! How close a query over devices is to them, where nobody said.

use domain::decision::Level;
use domain::query::{Condition, Expr, Query};

/// The closest level that every device of the query must share.
pub(super) fn of_query(query: &Query) -> Level {
    let parts = match query.expr() {
        Expr::All(parts) => parts.as_slice(),
        only => std::slice::from_ref(only),
    };
    parts
        .iter()
        .filter_map(|part| match part {
            Expr::Term(term) if matches!(term.condition(), Condition::Text(_)) => term.field(),
            Expr::Term(_) | Expr::All(_) | Expr::Not(_) => None,
        })
        .filter_map(|field| match field.name() {
            "device" => Some(Level::Device),
            "group" | "tag" => Some(Level::Group),
            "site" => Some(Level::Site),
            "client" => Some(Level::Client),
            _ => None,
        })
        .max()
        .unwrap_or(Level::Provider)
}
