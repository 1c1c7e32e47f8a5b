//! Third-party applications: winget manifests, winget's index, Chocolatey packages.
//!
//! They say what can be installed, and nothing of what is vulnerable. A manifest file is one record
//! (of the three files of one version the installer's tells how an installed copy is recognised, the
//! locale's its name); in the index each row is one. Versions without any digit (`Unknown`, `latest`)
//! are kept and noted: they cannot be ordered. Errors: a record without a usable id or version is
//! broken; a manifest without type or form version is cut short or something else, and refused.
//! Sources: the winget manifest schemas 1.0 to 1.12, the nuspec reference.

mod chocolatey;
mod index;
mod winget;

use domain::advisory::ApplicationVersion;
use domain::name::{PackageName, Version};

use crate::format::Format;
use crate::rpm::first_element;
use crate::words;

/// The forms read here.
pub const FORMATS: &[Format] = &[
    Format {
        name: "winget-manifest",
        recognise: |probe| {
            let mut lines = probe.head.lines();
            !probe.is_json() && lines.any(|line| line.starts_with("PackageIdentifier:"))
        },
        parse: winget::parse,
    },
    Format {
        name: "winget-index",
        recognise: index::recognise,
        parse: index::parse,
    },
    Format {
        name: "chocolatey-nuspec",
        recognise: |probe| {
            first_element(&probe.head) == Some("package") && probe.head.contains("<metadata")
        },
        parse: chocolatey::parse,
    },
];

/// An application version by checked id and version, with nothing else said; why not.
fn application(id: &str, version: &str) -> Result<ApplicationVersion, String> {
    let id: PackageName = id.trim().parse().map_err(|error| format!("{error}"))?;
    let version: Version = version
        .trim()
        .parse()
        .map_err(|error| format!("{id}: {error}"))?;
    Ok(ApplicationVersion {
        id,
        version,
        name: None,
        publisher: None,
        installed_as: Vec::new(),
        released: None,
    })
}

/// A text for people; empty is none.
fn some_line(text: &str) -> Option<String> {
    let line = words::line(text);
    (!line.is_empty()).then_some(line)
}

/// Whether a version is a word that names no version, such as `latest`.
fn is_no_version(version: &Version) -> bool {
    !version.as_str().bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests;
