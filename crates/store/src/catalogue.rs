//! All statements, and the check that none of them reaches client data without the scope.

use crate::statement::{Statement, StatementKind};

/// The tables that hold client data. The catalogue test compares the list with the schema.
pub const CLIENT_TABLES: &[&str] = &[
    "audit",
    "calendar_feed",
    "change_window",
    "client",
    "decision",
    "device",
    "device_change",
    "device_contact",
    "device_facts",
    "device_link",
    "device_order",
    "enrolment",
    "event_text",
    "exclusion",
    "finding_change",
    "finding_count",
    "finding_list",
    "inventory",
    "inventory_change",
    "order_change",
    "policy_object",
    "site",
    "study",
    "study_list",
    "ticket",
    "ticket_change",
];

/// Every statement that the store can run, migrations and transaction control apart.
pub fn catalogue() -> Vec<&'static Statement> {
    [
        crate::audit::ALL,
        crate::calendar::ALL,
        crate::changelog::ALL,
        crate::client::ALL,
        crate::clock::ALL,
        crate::contact::ALL,
        crate::decision::ALL,
        crate::device::ALL,
        crate::enrolment::ALL,
        crate::event::ALL,
        crate::exclusion::ALL,
        crate::facts::ALL,
        crate::feed::ALL,
        crate::finding::ALL,
        crate::intern::ALL,
        crate::inventory::ALL,
        crate::link::ALL,
        crate::order::ALL,
        crate::patch::ALL,
        crate::policy::ALL,
        crate::principal::ALL,
        crate::setting::ALL,
        crate::site::ALL,
        crate::study::ALL,
        crate::ticket::ALL,
        crate::window::ALL,
    ]
    .concat()
}

/// Why a statement may not be in the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementFault {
    /// It touches a client's table and asks for no scope.
    #[error("touches {table}, which holds client data, without the scope's predicate")]
    NoPredicate {
        /// The table.
        table: String,
    },
    /// The predicate is there and can be evaded by an `OR` beside it.
    #[error("an OR stands beside the scope's predicate")]
    Evaded,
    /// The predicate is over something that is not the client of a table in the statement.
    #[error("the scope's predicate is over `{over}`, which is no client of a table in it")]
    WrongColumn {
        /// What it is over.
        over: String,
    },
    /// A table of client data is not tied to the one that the predicate is over.
    #[error("{alias} is not joined to anything")]
    Loose {
        /// Its alias.
        alias: String,
    },
    /// No reason is given for going without a scope.
    #[error("gives no reason for going without a scope")]
    NoReason,
}

const HEAD: &str = "($1 = 1 OR ";
const TAIL: &str = " IN (SELECT value FROM json_each(CAST($2 AS TEXT))))";
const MARK: &str = "@scope";

#[derive(Debug)]
struct Table {
    name: String,
    alias: String,
    /// Written to, so that it has no join of its own.
    target: bool,
}

/// Checks one statement's text against its kind.
pub fn check_statement(text: &str, kind: StatementKind) -> Result<(), StatementFault> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (stripped, over) = take_predicates(&text);
    let tables = tables(&stripped);
    let held: Vec<&Table> = tables
        .iter()
        .filter(|table| CLIENT_TABLES.contains(&table.name.as_str()))
        .collect();
    match kind {
        StatementKind::BeforeScope("") | StatementKind::Unscoped("") => {
            return Err(StatementFault::NoReason);
        }
        StatementKind::BeforeScope(_) => return Ok(()),
        StatementKind::Unscoped(_) | StatementKind::Scoped => {}
    }
    let Some(first) = held.first() else {
        return Ok(());
    };
    if kind != StatementKind::Scoped || over.is_empty() {
        return Err(StatementFault::NoPredicate {
            table: first.name.clone(),
        });
    }
    for column in &over {
        if !names_client(column, &held, text.starts_with("INSERT INTO ")) {
            return Err(StatementFault::WrongColumn {
                over: column.clone(),
            });
        }
    }
    if marker_beside_or(&stripped) {
        return Err(StatementFault::Evaded);
    }
    for table in held.iter().filter(|table| !table.target) {
        let alias = &table.alias;
        let scoped = over
            .iter()
            .any(|column| column.starts_with(&format!("{alias}.")));
        if !scoped && !joined(&stripped, alias) {
            return Err(StatementFault::Loose {
                alias: alias.clone(),
            });
        }
    }
    Ok(())
}

/// Replaces each predicate by a mark, and returns what the predicates are over. A row of the whole
/// provider (`client IS NULL`) may be read by all.
fn take_predicates(text: &str) -> (String, Vec<String>) {
    let (mut stripped, mut over) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some(at) = rest.find(HEAD) {
        stripped.push_str(&rest[..at]);
        rest = &rest[at + HEAD.len()..];
        let Some(end) = rest.find(TAIL) else {
            stripped.push_str(HEAD);
            continue;
        };
        let column = &rest[..end];
        rest = &rest[end + TAIL.len()..];
        let or_provider = format!("({column} IS NULL OR ");
        if stripped.ends_with(&or_provider) && rest.starts_with(')') {
            stripped.truncate(stripped.len() - or_provider.len());
            rest = &rest[1..];
        }
        stripped.push_str(MARK);
        over.push(column.to_owned());
    }
    stripped.push_str(rest);
    (stripped, over)
}

fn names_client(column: &str, held: &[&Table], insert: bool) -> bool {
    match column.split_once('.') {
        Some((alias, name)) => held.iter().any(|table| {
            table.alias == alias && (name == "client" || (name == "id" && table.name == "client"))
        }),
        None => insert && column.starts_with("CAST($") && column.ends_with(" AS TEXT)"),
    }
}

fn words(text: &str) -> Vec<&str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '$' | '@' | '(')))
        .flat_map(|word| word.split_inclusive('('))
        .flat_map(|word| match word.strip_suffix('(') {
            Some(name) => [name, "("],
            None => [word, ""],
        })
        .filter(|word| !word.is_empty())
        .collect()
}

fn tables(text: &str) -> Vec<Table> {
    const NO_ALIAS: &[&str] = &[
        "WHERE", "JOIN", "LEFT", "CROSS", "ON", "SET", "SELECT", "VALUES", "ORDER", "GROUP", "(",
        "LIMIT", "INNER",
    ];
    let words = words(text);
    let mut tables = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let after_do = at > 0 && words[at - 1] == "DO";
        let begins = matches!(*word, "FROM" | "JOIN" | "INTO") || (*word == "UPDATE" && !after_do);
        let Some(name) = words.get(at + 1).filter(|_| begins) else {
            continue;
        };
        let alias = words
            .get(at + 2)
            .filter(|next| !NO_ALIAS.contains(next))
            .unwrap_or(name);
        let deleted = at > 0 && words[at - 1] == "DELETE";
        tables.push(Table {
            name: (*name).to_owned(),
            alias: (*alias).to_owned(),
            target: matches!(*word, "INTO" | "UPDATE") || deleted,
        });
    }
    tables
}

fn joined(text: &str, alias: &str) -> bool {
    text.contains(&format!("= {alias}."))
        || text.match_indices(&format!("{alias}.")).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            let own = before.is_none_or(|c| !(c.is_ascii_alphanumeric() || c == '_'));
            let rest = text[at..].split_whitespace().nth(1);
            own && rest == Some("=")
        })
}

/// Whether an `OR` stands in the same parentheses as a predicate.
fn marker_beside_or(text: &str) -> bool {
    let (mut open, mut groups) = (vec![0_usize], 1);
    let (mut marked, mut ors) = (Vec::new(), Vec::new());
    for (at, c) in text.char_indices() {
        let group = *open.last().unwrap_or(&0);
        match c {
            '(' => {
                open.push(groups);
                groups += 1;
            }
            ')' => {
                open.pop();
            }
            '@' if text[at..].starts_with(MARK) => marked.push(group),
            ' ' if text[at..].starts_with(" OR ") => ors.push(group),
            _ => {}
        }
    }
    marked.iter().any(|group| ors.contains(group))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::in_scope;

    const SCOPED: StatementKind = StatementKind::Scoped;

    #[test]
    fn a_statement_without_the_predicate_is_refused() {
        for bad in [
            "SELECT d.id FROM device d WHERE d.id = $3",
            "SELECT p.id FROM package_row p JOIN inventory i ON i.device = p.id",
            "UPDATE device SET mode = $4 WHERE id = $3",
            "DELETE FROM decision WHERE id = $3",
            "INSERT INTO site (id) VALUES ($3)",
        ] {
            let fault = check_statement(bad, SCOPED).unwrap_err();
            assert!(
                matches!(fault, StatementFault::NoPredicate { .. }),
                "{bad}: {fault}"
            );
            let reason = StatementKind::Unscoped("because");
            assert!(check_statement(bad, reason).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_predicate_that_can_be_evaded_is_refused() {
        let or = concat!(
            "SELECT d.id FROM device d WHERE d.id = $3 OR ",
            in_scope!("d.client")
        );
        assert_eq!(check_statement(or, SCOPED), Err(StatementFault::Evaded));
        let other = concat!("SELECT d.id FROM device d WHERE ", in_scope!("d.site"));
        assert!(matches!(
            check_statement(other, SCOPED),
            Err(StatementFault::WrongColumn { .. })
        ));
        let own = concat!(
            "SELECT d.id FROM device d WHERE ",
            in_scope!("CAST($3 AS TEXT)")
        );
        assert!(matches!(
            check_statement(own, SCOPED),
            Err(StatementFault::WrongColumn { .. })
        ));
        let loose = concat!(
            "SELECT i.packed FROM device d CROSS JOIN inventory i WHERE ",
            in_scope!("d.client")
        );
        assert!(matches!(
            check_statement(loose, SCOPED),
            Err(StatementFault::Loose { .. })
        ));
    }

    #[test]
    fn sound_statements_pass() {
        for good in [
            concat!(
                "SELECT d.id FROM device d WHERE ",
                in_scope!("d.client"),
                " AND d.id = $3"
            ),
            concat!(
                "SELECT w.id FROM change_window w WHERE (w.client IS NULL OR ",
                in_scope!("w.client"),
                ") AND w.id = $3"
            ),
        ] {
            assert_eq!(check_statement(good, SCOPED), Ok(()), "{good}");
        }
        let reason = StatementKind::Unscoped("public");
        assert_eq!(check_statement("SELECT id FROM content", reason), Ok(()));
        let nothing = StatementKind::Unscoped("");
        assert_eq!(
            check_statement("SELECT id FROM content", nothing),
            Err(StatementFault::NoReason)
        );
    }
}
