//! What packages' own changelogs say, by source and version, and which were asked for.
//!
//! They are the vendor's words about public packages and belong to no client.

use domain::Timestamp;
use domain::changelog::ChangelogFacts;
use domain::name::{PackageName, Version};

use crate::connection::Tx;
use crate::error::StoreError;
use crate::statement::statements;
use crate::value::binds;

statements! {
    CHANGELOG_PUT = "changelog.put", Unscoped("public facts about packages"),
        "INSERT INTO changelog (source, version, body, read_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (source, version) DO UPDATE SET body = excluded.body, read_at = excluded.read_at";
    CHANGELOG_GET = "changelog.get", Unscoped("public facts about packages"),
        "SELECT body FROM changelog WHERE source = $1 AND version = $2";
    CHANGELOG_COUNT = "changelog.count", Unscoped("public facts about packages"),
        "SELECT COUNT(*), MAX(read_at) FROM changelog";
    CHANGELOG_ASK = "changelog.ask", Unscoped("public facts about packages"),
        "INSERT INTO changelog_asked (source, version, asked_at) VALUES ($1, $2, $3)
         ON CONFLICT (source, version) DO UPDATE SET asked_at = excluded.asked_at";
    CHANGELOG_ASKED = "changelog.asked", Unscoped("public facts about packages"),
        "SELECT asked_at FROM changelog_asked WHERE source = $1 AND version = $2";
}

impl Tx<'_> {
    /// Keeps what a changelog says; a newer reading takes the place of an older one.
    pub fn changelog_put(&mut self, facts: &ChangelogFacts) -> Result<(), StoreError> {
        let (source, version) = (facts.source.as_str(), facts.version.as_str());
        let body = crate::value::to_json(facts);
        self.execute(&CHANGELOG_PUT, binds![source, version, body, facts.read_at])?;
        Ok(())
    }

    /// Reads what the changelog of a source version says.
    pub fn changelog_get(
        &mut self,
        source: &PackageName,
        version: &Version,
    ) -> Result<Option<ChangelogFacts>, StoreError> {
        self.rows(&CHANGELOG_GET, binds![source.as_str(), version.as_str()])?
            .into_iter()
            .next()
            .map(|row| row.columns("changelog").json())
            .transpose()
    }

    /// How many changelogs were read, and when the newest was.
    pub fn changelog_count(&mut self) -> Result<(u64, Option<Timestamp>), StoreError> {
        let rows = self.rows(&CHANGELOG_COUNT, binds![])?;
        let row = rows.into_iter().next();
        let mut columns = row
            .ok_or(StoreError::Missing { what: "changelog" })?
            .columns("changelog");
        Ok((columns.number()?, columns.maybe_time()?))
    }

    /// Notes that a device was asked for a changelog, so that not every device is.
    pub fn changelog_ask(
        &mut self,
        source: &PackageName,
        version: &Version,
        asked_at: Timestamp,
    ) -> Result<(), StoreError> {
        let binds = binds![source.as_str(), version.as_str(), asked_at];
        self.execute(&CHANGELOG_ASK, binds)?;
        Ok(())
    }

    /// When a device was last asked for this changelog.
    pub fn changelog_asked_at(
        &mut self,
        source: &PackageName,
        version: &Version,
    ) -> Result<Option<Timestamp>, StoreError> {
        self.rows(&CHANGELOG_ASKED, binds![source.as_str(), version.as_str()])?
            .into_iter()
            .next()
            .map(|row| row.columns("changelog").time())
            .transpose()
    }
}
