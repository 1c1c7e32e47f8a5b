//! A PostgreSQL of our own for the tests, and the store's `Connection` over it.
//!
//! The cluster lives in a temporary folder, listens on a Unix socket only, and runs as `nobody` when
//! the tests run as root. Without PostgreSQL the tests fail where skipping is not allowed.

#![allow(dead_code, reason = "each test binary uses its part")]

pub mod sample;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;

use postgres::error::SqlState;
use postgres::types::private::BytesMut;
use postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use store::{
    Connection, POSTGRES_FUNCTIONS, POSTGRES_MIGRATIONS, Row, Statement, StoreError, Value,
};

/// A running cluster; it ends with the value.
pub struct Cluster {
    folder: PathBuf,
    binaries: PathBuf,
}

impl Cluster {
    /// Starts a cluster, or says why there is none and returns `None` where that is allowed.
    pub fn start() -> Option<Self> {
        let Some(binaries) = binaries() else {
            let message = "PostgreSQL is not installed: `apt-get install postgresql`";
            assert!(
                std::env::var_os("CI").is_none() && !is_root(),
                "{message}; this test may not be skipped here"
            );
            eprintln!("SKIPPED: {message}");
            return None;
        };
        let folder = tempfile::Builder::new()
            .prefix("patchloop-pg-")
            .tempdir()
            .unwrap()
            .keep();
        let cluster = Self { folder, binaries };
        if is_root() {
            run(Command::new("chown").arg("nobody").arg(&cluster.folder));
        }
        let data = cluster.folder.join("data");
        run(cluster
            .command("initdb")
            .args(["--auth=trust", "--username=patchloop", "--encoding=UTF8"])
            .args(["--locale=C", "--no-sync", "-D"])
            .arg(&data));
        let options = format!(
            "-F -c full_page_writes=off -c listen_addresses= -c unix_socket_directories={}",
            cluster.folder.display()
        );
        run(cluster
            .command("pg_ctl")
            .args(["start", "-w", "-s", "-l"])
            .arg(cluster.folder.join("log"))
            .arg("-o")
            .arg(options)
            .arg("-D")
            .arg(&data));
        Some(cluster)
    }

    /// A connection to an empty database with the store's tables.
    pub fn connect(&self, database: &str) -> PostgresConnection {
        let client = |name: &str| {
            postgres::Config::new()
                .user("patchloop")
                .dbname(name)
                .host_path(&self.folder)
                .connect(postgres::NoTls)
                .unwrap()
        };
        client("postgres")
            .batch_execute(&format!("CREATE DATABASE {database}"))
            .unwrap();
        let mut client = client(database);
        client.batch_execute(POSTGRES_FUNCTIONS).unwrap();
        for migration in POSTGRES_MIGRATIONS {
            client.batch_execute(migration.text).unwrap();
        }
        client.batch_execute("BEGIN").unwrap();
        PostgresConnection {
            client,
            prepared: HashMap::new(),
            used: BTreeSet::new(),
        }
    }

    fn command(&self, name: &str) -> Command {
        let program = self.binaries.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"])
                .arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(&self.folder);
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self
            .command("pg_ctl")
            .args(["stop", "-s", "-m", "immediate", "-D"])
            .arg(self.folder.join("data"))
            .status();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn is_root() -> bool {
    let said = Command::new("id").arg("-u").output().unwrap();
    said.stdout.trim_ascii() == b"0"
}

fn binaries() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        folders.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    let whole = |folder: &Path| {
        ["initdb", "pg_ctl", "postgres"]
            .iter()
            .all(|name| folder.join(name).is_file())
    };
    folders.into_iter().rev().find(|folder| whole(folder))
}

fn run(command: &mut Command) {
    let said = command.output().unwrap();
    assert!(
        said.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&said.stderr)
    );
}

/// The store's statements on PostgreSQL. Each runs in a savepoint, because a failed one would end
/// the transaction there, and does not in SQLite.
pub struct PostgresConnection {
    pub client: postgres::Client,
    prepared: HashMap<&'static str, postgres::Statement>,
    /// The names of all statements that were run.
    pub used: BTreeSet<&'static str>,
}

impl PostgresConnection {
    fn attempt<T>(
        &mut self,
        statement: &'static Statement,
        binds: &[Value],
        work: impl FnOnce(
            &mut postgres::Client,
            &postgres::Statement,
            &[&(dyn ToSql + Sync)],
        ) -> Result<T, postgres::Error>,
    ) -> Result<T, StoreError> {
        self.used.insert(statement.name());
        let name = statement.name();
        if !self.prepared.contains_key(name) {
            let prepared = self
                .client
                .prepare(statement.text())
                .unwrap_or_else(|error| panic!("{name}: {error:?}"));
            self.prepared.insert(name, prepared);
        }
        let binds: Vec<Bind<'_>> = binds.iter().map(Bind).collect();
        let binds: Vec<&(dyn ToSql + Sync)> = binds.iter().map(|bind| bind as _).collect();
        self.client.batch_execute("SAVEPOINT one").unwrap();
        let result = work(&mut self.client, &self.prepared[name], &binds);
        let end = match result {
            Ok(_) => "RELEASE one",
            Err(_) => "ROLLBACK TO one; RELEASE one",
        };
        self.client.batch_execute(end).unwrap();
        result.map_err(|error| {
            let reason = format!("{error:?}");
            match error.code() {
                Some(
                    &SqlState::UNIQUE_VIOLATION
                    | &SqlState::FOREIGN_KEY_VIOLATION
                    | &SqlState::NOT_NULL_VIOLATION,
                ) => StoreError::Conflict {
                    statement: name,
                    reason,
                },
                _ => StoreError::Statement {
                    statement: name,
                    reason,
                },
            }
        })
    }
}

impl Connection for PostgresConnection {
    fn rows(
        &mut self,
        statement: &'static Statement,
        binds: &[Value],
    ) -> Result<Vec<Row>, StoreError> {
        let rows = self.attempt(statement, binds, |client, prepared, binds| {
            client.query(prepared, binds)
        })?;
        Ok(rows.iter().map(row).collect())
    }

    fn execute(
        &mut self,
        statement: &'static Statement,
        binds: &[Value],
    ) -> Result<u64, StoreError> {
        self.attempt(statement, binds, |client, prepared, binds| {
            client.execute(prepared, binds)
        })
    }
}

fn row(row: &postgres::Row) -> Row {
    let value = |at: usize| match *row.columns()[at].type_() {
        Type::INT8 => row.get::<_, Option<i64>>(at).map(Value::Int),
        Type::INT4 => row
            .get::<_, Option<i32>>(at)
            .map(|value| Value::Int(value.into())),
        Type::TEXT => row.get::<_, Option<String>>(at).map(Value::Text),
        Type::BYTEA => row.get::<_, Option<Vec<u8>>>(at).map(Value::Blob),
        ref other => panic!("a column of type {other} has no value of the store"),
    };
    let values = (0..row.len()).map(|at| value(at).unwrap_or(Value::Null));
    Row(values.collect())
}

#[derive(Debug)]
struct Bind<'a>(&'a Value);

impl ToSql for Bind<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match (self.0, ty) {
            (Value::Null, _) => Ok(IsNull::Yes),
            (Value::Int(value), &Type::INT4) => i32::try_from(*value)?.to_sql(ty, out),
            (Value::Int(value), &Type::INT8) => value.to_sql(ty, out),
            (Value::Text(value), &Type::TEXT) => value.to_sql(ty, out),
            (Value::Blob(value), &Type::BYTEA) => value.to_sql(ty, out),
            (value, ty) => Err(format!("{value:?} was given where {ty} is wanted").into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
