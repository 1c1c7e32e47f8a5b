//! The same devices and advisories for debsecan: `DIR/GENERIC`-like files per release and status files.
//!
//! debsecan reads `SOURCE/SUITE`: zlib-compressed text, `VERSION 1`, names of vulnerabilities, an empty
//! line, `package,number,flags,version,` (flags: `S` for a source, urgency, remote, `F` where a fix is
//! there), an empty line, sources with their binaries. Its findings are `CVE package` pairs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use domain::advisory::Says;
use engine::assess::fleet::Open;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde_json::{Value, json};

use crate::fleet::{self, Places};
use crate::{SEED, Step, THREADS, World, stream, world};

/// Devices that debsecan is shown.
const SHOWN: usize = 12;

/// Writes the files; gives what the index says, and its processor time per device.
pub fn write(devices: usize, folder: &str) -> Result<Value, String> {
    let mut world = world();
    let places = Places::new(&world.universe, devices, SEED + 3);
    stream(&mut world, &places, devices)?;
    let step = Step::begin();
    world.index.assess(THREADS);
    let (_, processor) = step.end("assessing the fleet");
    let folder = Path::new(folder);
    let io = |error: std::io::Error| error.to_string();
    for system in world
        .universe
        .systems
        .iter()
        .filter(|s| s.id.distribution() == "debian")
    {
        let text = vulnerabilities(&world, system.id.as_str());
        let mut file = ZlibEncoder::new(Vec::new(), Compression::default());
        file.write_all(text.as_bytes()).map_err(io)?;
        let packed = file.finish().map_err(io)?;
        std::fs::write(folder.join(system.id.release()), packed).map_err(io)?;
    }
    let mut shown = Vec::new();
    for number in 0..devices {
        let (system, _) = world.universe.device(SEED + 2, number);
        let system = &world.universe.systems[system];
        if system.id.distribution() != "debian" {
            continue;
        }
        let (status, findings) = device(&world, number)?;
        let name = format!("status-{number}");
        std::fs::write(folder.join(&name), status).map_err(io)?;
        shown.push(json!({
            "status": name,
            "suite": system.id.release(),
            "findings": findings.into_iter().collect::<Vec<_>>(),
        }));
        if shown.len() == SHOWN {
            break;
        }
    }
    Ok(json!({"devices": devices, "processor_seconds": processor, "shown": shown}))
}

fn vulnerabilities(world: &World, system: &str) -> String {
    let (mut names, mut rows) = (String::new(), String::new());
    let mut sources: BTreeMap<&str, &[String]> = BTreeMap::new();
    for (at, advisory) in world.advisories.values().enumerate() {
        let cve = advisory
            .cves
            .first()
            .map_or(String::new(), ToString::to_string);
        let _ = writeln!(names, "{cve},,");
        for statement in &advisory.statements {
            let name = statement.target.name().as_str();
            if statement.system.as_str() != system {
                continue;
            }
            let _ = match &statement.says {
                Says::FixedIn { fixed, .. } => writeln!(rows, "{name},{at},S  F,{fixed},"),
                Says::NoFix { .. } => writeln!(rows, "{name},{at},S   ,,"),
                _ => Ok(()),
            };
        }
    }
    for source in &world.universe.families[0] {
        sources.insert(&source.name, &source.binaries);
    }
    let mut text = format!("VERSION 1\n{names}\n{rows}\n");
    for (source, binaries) in sources {
        let _ = writeln!(text, "{source},{}", binaries.join(" "));
    }
    text.push('\n');
    text
}

/// The status file of a device, and the `CVE package` pairs that the index finds.
fn device(world: &World, number: usize) -> Result<(String, BTreeSet<String>), String> {
    let index = &world.index;
    let device = index
        .device(fleet::device(number))
        .ok_or("no such device")?;
    let mut status = String::new();
    for id in index.packages_of(device) {
        let package = index.package_row(id).ok_or("no such package")?;
        let source = package.source.as_ref().unwrap_or(&package.name);
        let _ = write!(
            status,
            "Package: {}\nStatus: install ok installed\nArchitecture: amd64\nSource: {source}\nVersion: {}\n\n",
            package.name, package.version
        );
    }
    let mut findings = BTreeSet::new();
    for row in index.open_rows_of(device) {
        if row.open == Open::Unknown {
            continue;
        }
        let package = index.package_row(row.package).ok_or("no such package")?;
        let key = index.key(row.advisory).ok_or("no such advisory")?;
        for cve in &world.advisories[key].cves {
            findings.insert(format!("{cve} {}", package.name));
        }
    }
    Ok((status, findings))
}
