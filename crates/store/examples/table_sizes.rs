//! Bytes of each table and index of a database, whole pages: `table_sizes FILE`.
//!
//! Prints one JSON object, `{"table": bytes, ...}`. For a database that nobody writes to.

use std::collections::BTreeMap;

use rusqlite::{Connection, OpenFlags};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("which database?")?;
    let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    // Cells apart from the free room of their pages, which later rows fill.
    let mut statement = database
        .prepare("SELECT name, SUM(pgsize), SUM(pgsize - unused) FROM dbstat GROUP BY name")?;
    let sizes: BTreeMap<String, [i64; 2]> = statement
        .query_map([], |row| Ok((row.get(0)?, [row.get(1)?, row.get(2)?])))?
        .collect::<Result<_, _>>()?;
    println!("{}", serde_json::to_string(&sizes)?);
    Ok(())
}
