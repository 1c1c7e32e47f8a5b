//! The listings of package managers.
//!
//! | listing | fields |
//! | --- | --- |
//! | `dpkg-query -W -f '${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n'` | five, split at TABs |
//! | `rpm -qa --qf '%{NAME}\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\t%{ARCH}\t%{SOURCERPM}\t%{MODULARITYLABEL}\n'` | five, split at TABs; `(none)` for what is not there |
//! | `apk list -I` | `name-version architecture {origin} (licence) [installed]` |
//!
//! An rpm listing shows itself by its fourth field: a source rpm's file name, or `(none)`. An epoch of
//! 0 or `(none)` is left out of the version. dpkg knows packages without a version: they are not
//! installed and passed over. Empty lines are passed over, every other line is read or refused.

use domain::judgement::JudgedPackage;
use domain::name::{Architecture, InvalidName, PackageName};
use domain::package::Ecosystem;

use super::{PACKAGES_MAX, Refused};

/// What rpm writes for what is not there.
const NONE: &str = "(none)";
/// Characters of a faulty line that are shown.
const SHOWN_CHARACTERS_MAX: usize = 60;

/// Reads a listing.
pub fn read(text: &str) -> Result<Vec<JudgedPackage>, Refused> {
    let lines = || {
        text.lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
    };
    let Some((first_at, first)) = lines().next() else {
        return Err(Refused::whole("it is empty: it lists no package"));
    };
    let reader = kind(first, lines().map(|(_, line)| line)).ok_or_else(|| {
        Refused::at(
            format!("line {}", first_at + 1),
            format!(
                "`{}` is of no known listing; expected our JSON, or the lines of dpkg-query, rpm or apk",
                shown(first)
            ),
        )
    })?;
    let mut packages = Vec::new();
    for (at, line) in lines() {
        let refused = |why: String| {
            Refused::at(
                format!("line {}", at + 1),
                format!("`{}`: {why}", shown(line)),
            )
        };
        if packages.len() >= PACKAGES_MAX {
            return Err(refused(format!("more than {PACKAGES_MAX} packages")));
        }
        packages.extend(reader(line).map_err(refused)?);
    }
    Ok(packages)
}

type Reader = fn(&str) -> Result<Option<JudgedPackage>, String>;

/// How the lines are read, by their content.
fn kind<'a>(first: &str, lines: impl Iterator<Item = &'a str>) -> Option<Reader> {
    if !first.contains('\t') {
        let is_apk = first.contains(" {") && first.contains('}');
        return is_apk.then_some(apk as Reader);
    }
    for line in lines {
        let source = line.split('\t').nth(3).unwrap_or_default();
        if source.ends_with(".src.rpm") || source.ends_with(".nosrc.rpm") || source == NONE {
            return Some(rpm);
        }
    }
    Some(dpkg)
}

fn fields(line: &str) -> Result<[&str; 5], String> {
    let fields: Vec<&str> = line.split('\t').map(str::trim).collect();
    let count = fields.len();
    <[&str; 5]>::try_from(fields)
        .map_err(|_| format!("it has {count} fields between TABs instead of 5"))
}

fn text(error: InvalidName) -> String {
    error.to_string()
}

fn dpkg(line: &str) -> Result<Option<JudgedPackage>, String> {
    let [name, version, architecture, source, source_version] = fields(line)?;
    let name: PackageName = name.parse().map_err(text)?;
    if version.is_empty() {
        return Ok(None);
    }
    Ok(Some(JudgedPackage {
        ecosystem: Ecosystem::Deb,
        name,
        version: version.parse().map_err(text)?,
        architecture: given(architecture)
            .map(str::parse)
            .transpose()
            .map_err(text)?,
        source: given(source).map(str::parse).transpose().map_err(text)?,
        source_version: given(source_version)
            .map(str::parse)
            .transpose()
            .map_err(text)?,
        module: None,
    }))
}

fn rpm(line: &str) -> Result<Option<JudgedPackage>, String> {
    let [name, version, architecture, source, module] = fields(line)?;
    let without_epoch = version
        .strip_prefix("(none):")
        .or_else(|| version.strip_prefix("0:"))
        .unwrap_or(version);
    let (source, source_version) = match given(source) {
        Some(file) => {
            let (name, version) = source_rpm(file)?;
            (Some(name), Some(version))
        }
        None => (None, None),
    };
    Ok(Some(JudgedPackage {
        ecosystem: Ecosystem::Rpm,
        name: name.parse().map_err(text)?,
        version: without_epoch.parse().map_err(text)?,
        architecture: given(architecture)
            .map(str::parse)
            .transpose()
            .map_err(text)?,
        source: source.map(str::parse).transpose().map_err(text)?,
        source_version: source_version
            .map(|version| version.parse())
            .transpose()
            .map_err(text)?,
        module: given(module).map(stream),
    }))
}

/// `openssl` and `1.1.1k-7.el8` of `openssl-1.1.1k-7.el8.src.rpm`.
fn source_rpm(file: &str) -> Result<(&str, &str), String> {
    let fault = || format!("`{}` is no source rpm's file name", shown(file));
    let stem = file
        .strip_suffix(".src.rpm")
        .or_else(|| file.strip_suffix(".nosrc.rpm"))
        .ok_or_else(fault)?;
    let (rest, _release) = stem.rsplit_once('-').ok_or_else(fault)?;
    let (name, _version) = rest.rsplit_once('-').ok_or_else(fault)?;
    if name.is_empty() {
        return Err(fault());
    }
    Ok((name, &stem[name.len() + 1..]))
}

/// `php:7.2` of the label `php:7.2:8010020190528:abc`.
pub(super) fn stream(label: &str) -> String {
    label.split(':').take(2).collect::<Vec<_>>().join(":")
}

fn apk(line: &str) -> Result<Option<JudgedPackage>, String> {
    let mut words = line.split_whitespace();
    let (Some(full), Some(architecture), Some(origin)) = (words.next(), words.next(), words.next())
    else {
        return Err("expected `name-version architecture {origin}`".to_owned());
    };
    let origin = origin
        .strip_prefix('{')
        .and_then(|origin| origin.strip_suffix('}'))
        .ok_or("the third word is not `{origin}`")?;
    // A version begins behind the last but one hyphen: `-rN` belongs to it.
    let release_at = full.rfind('-').ok_or("there is no version")?;
    let version_at = full[..release_at].rfind('-').ok_or("there is no version")?;
    Ok(Some(JudgedPackage {
        ecosystem: Ecosystem::Apk,
        name: full[..version_at].parse().map_err(text)?,
        version: full[version_at + 1..].parse().map_err(text)?,
        architecture: Some(architecture.parse::<Architecture>().map_err(text)?),
        source: given(origin).map(str::parse).transpose().map_err(text)?,
        source_version: None,
        module: None,
    }))
}

fn given(field: &str) -> Option<&str> {
    Some(field).filter(|field| !field.is_empty() && *field != NONE)
}

fn shown(line: &str) -> String {
    let short: String = line.chars().take(SHOWN_CHARACTERS_MAX).collect();
    crate::table::clean(&short)
}
