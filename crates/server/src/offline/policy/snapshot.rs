//! A fleet's snapshot from the disk, checked: what is wrong is told with its place, and keys that are
//! not known are named.
//!
//! Errors: no JSON, another version, a device without an id or with one that another has, a zone that
//! is not known, a contact that ends before it begins.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use anyhow::{Context as _, anyhow};
use domain::snapshot::{SNAPSHOT_VERSION, Snapshot, SnapshotDevice, UnknownKeys};
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::files::counted;
use crate::failure::Failure;
use crate::table::clean;

/// The largest snapshot that is read, in bytes.
const BYTES_MAX: u64 = 8 * 1024 * 1024 * 1024;
/// How many mistakes are named one by one.
const MISTAKES_NAMED_MAX: usize = 100;
/// The zone of a device that has none.
const ZONE_OF_NONE: &str = "UTC";

/// Reads a snapshot. Notes go to standard error.
pub fn read(path: &Path) -> Result<Snapshot, Failure> {
    let cannot = || format!("cannot read {}", path.display());
    let length = path.metadata().with_context(cannot)?.len();
    if length > BYTES_MAX {
        return Err(Failure::failed(anyhow!(
            "{} has more than {BYTES_MAX} bytes",
            path.display()
        )));
    }
    let bytes = std::fs::read(path).with_context(cannot)?;
    let (snapshot, notes) = parse(&bytes, &path.display().to_string())?;
    for note in notes {
        eprintln!("note: {}", clean(&note));
    }
    Ok(snapshot)
}

/// The version alone, for files whose form is another one.
#[derive(Deserialize)]
struct Version {
    v: Option<serde_json::Value>,
}

fn parse(bytes: &[u8], file: &str) -> Result<(Snapshot, Vec<String>), Failure> {
    let refused = |what: String| Failure::failed(anyhow!("{file}{what}"));
    let snapshot: Snapshot = match serde_json::from_slice(bytes) {
        Ok(snapshot) => snapshot,
        Err(error) => {
            let version = serde_json::from_slice::<Version>(bytes).map(|version| version.v);
            if let Ok(Some(version)) = version
                && version != SNAPSHOT_VERSION
            {
                return Err(other_version(file, &version.to_string()));
            }
            let (line, column) = (error.line(), error.column());
            let place = format!(" at line {line} column {column}");
            let what = error.to_string().replace(&place, "");
            return Err(refused(format!(":{line}:{column}: {what}"))
                .hint("a snapshot is what `patchloop device export --findings` writes"));
        }
    };
    if snapshot.v != SNAPSHOT_VERSION {
        return Err(other_version(file, &snapshot.v.to_string()));
    }
    checked(snapshot).map_err(|mistakes| {
        let more = mistakes.len().saturating_sub(MISTAKES_NAMED_MAX);
        for mistake in mistakes.iter().take(MISTAKES_NAMED_MAX) {
            eprintln!("{file}: error: {}", clean(mistake));
        }
        if more > 0 {
            eprintln!("{file}: {more} more mistakes");
        }
        refused(format!(" has {}", counted(mistakes.len(), "mistake")))
            .hint("each is named above with its device")
    })
}

fn other_version(file: &str, version: &str) -> Failure {
    Failure::failed(anyhow!(
        "{file}: a snapshot of version {version}, and this program reads version {SNAPSHOT_VERSION}"
    ))
    .hint("export it again with this version of Patchloop")
}

/// Keys that are not known: how often each was seen.
#[derive(Default)]
struct Unknown(BTreeMap<String, usize>);

impl Unknown {
    fn of(&mut self, place: &str, keys: &UnknownKeys) {
        for key in keys.keys() {
            let known = self.0.len();
            match self.0.get_mut(&format!("{place}{key}")) {
                Some(count) => *count += 1,
                // A file with endless different keys is told about by its first ones.
                None if known < MISTAKES_NAMED_MAX => {
                    self.0.insert(format!("{place}{key}"), 1);
                }
                None => {}
            }
        }
    }
}

fn checked(mut snapshot: Snapshot) -> Result<(Snapshot, Vec<String>), Vec<String>> {
    let mut mistakes = Vec::new();
    let mut unknown = Unknown::default();
    unknown.of("", &snapshot.unknown);
    for feed in &snapshot.feeds {
        unknown.of("feeds.", &feed.unknown);
    }
    let mut ids = HashSet::new();
    let mut zones: BTreeMap<String, bool> = BTreeMap::new();
    let mut without_zone = 0_usize;
    for (at, device) in snapshot.devices.iter_mut().enumerate() {
        if device.id.trim().is_empty() {
            mistakes.push(format!("device {} has no id", at + 1));
        } else if !ids.insert(device.id.clone()) {
            mistakes.push(format!("two devices have the id `{}`", device.id));
        }
        if device.zone.is_empty() {
            ZONE_OF_NONE.clone_into(&mut device.zone);
            without_zone += 1;
        } else if !*zones
            .entry(device.zone.clone())
            .or_insert_with(|| TimeZone::get(&device.zone).is_ok())
        {
            mistakes.push(format!(
                "the device `{}` is in the zone `{}`, which is not known: expected such as \
                 Europe/Berlin",
                device.id, device.zone
            ));
        }
        device_mistakes(device, &mut mistakes);
        unknown.of("devices.", &device.unknown);
        for finding in &device.findings {
            unknown.of("devices.findings.", &finding.unknown);
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let mut notes = Vec::new();
    if without_zone > 0 {
        notes.push(match without_zone {
            1 => format!("1 device has no zone, and counts as {ZONE_OF_NONE}"),
            many => format!("{many} devices have no zone, and count as {ZONE_OF_NONE}"),
        });
    }
    for (key, count) in unknown.0 {
        notes.push(format!(
            "the key `{key}` is not known and says nothing ({})",
            counted(count, "time")
        ));
    }
    Ok((snapshot, notes))
}

fn device_mistakes(device: &SnapshotDevice, mistakes: &mut Vec<String>) {
    for contact in device.contacts.iter().flatten() {
        if contact.until.is_some_and(|until| until < contact.from) {
            mistakes.push(format!(
                "a contact of the device `{}` ends before it begins, at {}",
                device.id, contact.from
            ));
        }
    }
    if device
        .findings
        .iter()
        .any(|finding| finding.patch.trim().is_empty())
    {
        mistakes.push(format!(
            "a finding of the device `{}` has no patch",
            device.id
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        parse(text.as_bytes(), "fleet.json")
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        assert_eq!(
            refused("{\"v\":1,\n\"devices\":[{\"id\":7}]}")
                .lines()
                .next(),
            Some("error: fleet.json:2:18: invalid type: integer `7`, expected a string")
        );
        assert!(refused("{\"v\":2,\"devices\":{}}").contains("of version 2"));
        assert!(refused("{\"v\":2}").contains("of version 2"));
        assert!(refused("{}").contains("missing field `v`"));
        assert!(refused("").contains("fleet.json:1:0: EOF"));
        for bad in [
            r#"[{"id":"a","zone":"UTC"},{"id":"a","zone":"UTC"}]"#,
            r#"[{"id":"a","zone":"Mars/Olympus"}]"#,
            r#"[{"id":" ","zone":"UTC"}]"#,
            r#"[{"id":"a","findings":[{"patch":""}]}]"#,
            r#"[{"id":"a","contacts":[["2026-01-02T00:00:00Z","2026-01-01T00:00:00Z"]]}]"#,
        ] {
            let text = format!("{{\"v\":1,\"devices\":{bad}}}");
            assert!(refused(&text).contains("has 1 mistake"), "{bad}");
        }
    }

    #[test]
    fn what_is_not_known_or_missing_is_noted() {
        let text = r#"{"v":1,"x":1,"devices":[
            {"id":"a","y":1,"findings":[{"patch":"p","z":[1]}]},{"id":"b","y":2}]}"#;
        let (snapshot, notes) = parse(text.as_bytes(), "fleet.json").unwrap();
        assert_eq!(snapshot.devices[0].zone, "UTC");
        assert_eq!(
            notes,
            [
                "2 devices have no zone, and count as UTC",
                "the key `devices.findings.z` is not known and says nothing (1 time)",
                "the key `devices.y` is not known and says nothing (2 times)",
                "the key `x` is not known and says nothing (1 time)",
            ]
        );
    }
}
