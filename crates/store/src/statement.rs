//! Declared statements: each has a name, a fixed text with `$1` binds, and a kind.
//!
//! A statement on client data takes the scope as its first two binds and asks for it with
//! `in_scope!`. The texts never change at run time, so no input can become SQL.

use std::sync::OnceLock;

/// What data a statement touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementKind {
    /// Client data: the text holds the scope's predicate over the binds `$1` and `$2`.
    Scoped,
    /// Client data before anybody's scope is known; the reason says what keeps it safe. The
    /// catalogue test holds the list of these.
    BeforeScope(&'static str),
    /// No client data; the reason says whose data it is.
    Unscoped(&'static str),
}

/// A statement of the catalogue.
#[derive(Debug)]
pub struct Statement {
    name: &'static str,
    text: &'static str,
    kind: StatementKind,
    sqlite: OnceLock<String>,
}

impl Statement {
    /// Declares a statement; use the macro `statements!`.
    pub const fn new(name: &'static str, kind: StatementKind, text: &'static str) -> Self {
        Self {
            name,
            text,
            kind,
            sqlite: OnceLock::new(),
        }
    }

    /// Its name, `area.what`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its text with `$1` binds, as PostgreSQL takes it.
    pub fn text(&self) -> &'static str {
        self.text
    }

    /// What data it touches.
    pub fn kind(&self) -> StatementKind {
        self.kind
    }

    /// Its text for SQLite, which numbers `?1` by the digit and `$1` by first appearance.
    pub fn sqlite_text(&self) -> &str {
        self.sqlite.get_or_init(|| self.text.replace('$', "?"))
    }
}

/// Declares the statements of one area and their list `ALL`.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $label:literal, $kind:expr, $text:expr;)*) => {
        $($(#[$doc])* static $name: $crate::statement::Statement = {
            #[allow(unused_imports)]
            use $crate::statement::StatementKind::{BeforeScope, Scoped, Unscoped};
            $crate::statement::Statement::new($label, $kind, $text)
        };)*
        /// The statements of this area.
        pub(crate) static ALL: &[&$crate::statement::Statement] = &[$(&$name),*];
    };
}
pub(crate) use statements;

/// The scope's predicate over a column or bind: open to all, or one of the clients listed.
macro_rules! in_scope {
    ($client:literal) => {
        concat!(
            "($1 = 1 OR ",
            $client,
            " IN (SELECT value FROM json_each(CAST($2 AS TEXT))))"
        )
    };
}
pub(crate) use in_scope;
