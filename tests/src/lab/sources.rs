//! Which mirror this machine's apt uses: read at run time, named nowhere.
//!
//! Reads both forms of sources.list(5): stanzas (`.sources`) and lines (`.list`). Of all entries the
//! one for the release itself and the one for its security updates are taken; other vendors'
//! repositories are passed over, also those that use the release's name as their suite.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::command::run;

/// The release that all devices of the lab run.
pub const RELEASE: &str = "bookworm";

/// One place apt fetches from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// As written, without a slash at the end.
    pub uri: String,
    /// Such as `bookworm` and `bookworm-updates`.
    pub suites: Vec<String>,
    /// Such as `main`.
    pub components: Vec<String>,
    /// The keyring it is checked with, empty when none is named.
    pub signed_by: String,
}

/// Where packages really come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// The release and its updates, `http://` or `https://`, without a slash at the end.
    pub main: String,
    /// The security updates, in the same form.
    pub security: String,
    /// `http://NAME:PORT` of a proxy that this machine's apt goes through.
    pub apt_proxy: Option<String>,
}

impl Mirror {
    /// Reads the mirror out of `/etc/apt` and apt's configuration.
    pub fn of_this_machine() -> Result<Self> {
        let entries = read_all(Path::new("/etc/apt"))?;
        let settings = run(&["apt-config", "dump"])?;
        let mirror = Self::choose(&entries)?;
        let environment = std::env::var("http_proxy").ok();
        let apt_proxy = proxy_setting(&settings, &mirror.main).or(environment);
        Ok(Self {
            apt_proxy: apt_proxy.filter(|proxy| !proxy.is_empty()),
            ..mirror
        })
    }

    /// Chooses among apt's entries; says which kind is missing.
    pub fn choose(entries: &[Entry]) -> Result<Self> {
        let reachable = |entry: &&Entry| {
            entry.components.iter().any(|component| component == "main")
                && (entry.uri.starts_with("http://") || entry.uri.starts_with("https://"))
        };
        let main = entries
            .iter()
            .filter(reachable)
            .filter(|entry| entry.suites.iter().any(|suite| is_release(suite)))
            .max_by_key(|entry| likeness_to_the_distribution(entry, entries))
            .context("apt's sources on this machine name no http mirror of Debian itself")?;
        let security = entries
            .iter()
            .filter(reachable)
            .filter(|entry| entry.suites.iter().any(|suite| is_security(suite)))
            .max_by_key(|entry| likeness_to_the_distribution(entry, entries))
            .context("apt's sources on this machine name no http mirror of Debian's security")?;
        Ok(Self {
            main: main.uri.clone(),
            security: security.uri.clone(),
            apt_proxy: None,
        })
    }
}

/// Suites under which a Debian release is served, by code name or by its place in the order.
fn is_release(suite: &str) -> bool {
    [
        "bullseye",
        "bookworm",
        "trixie",
        "forky",
        "stable",
        "oldstable",
        "testing",
    ]
    .contains(&suite)
}

fn is_security(suite: &str) -> bool {
    suite
        .strip_suffix("-security")
        .or_else(|| suite.strip_suffix("/updates"))
        .is_some_and(is_release)
}

/// More points for what only the distribution's own mirror has; other vendors use its suites too.
fn likeness_to_the_distribution(entry: &Entry, all: &[Entry]) -> u32 {
    let has_updates = all.iter().any(|other| {
        other.uri == entry.uri && other.suites.iter().any(|suite| suite.ends_with("-updates"))
    });
    let own_key = entry.signed_by.contains("debian-archive-keyring");
    let last = entry.uri.rsplit('/').next().unwrap_or_default();
    let usual_path = matches!(last, "debian" | "debian-security");
    u32::from(has_updates) * 4 + u32::from(own_key) * 2 + u32::from(usual_path)
}

/// Reads every source file below `etc_apt` in apt's order.
pub fn read_all(etc_apt: &Path) -> Result<Vec<Entry>> {
    let mut files = vec![etc_apt.join("sources.list")];
    let parts = etc_apt.join("sources.list.d");
    if parts.is_dir() {
        let listed = fs::read_dir(&parts)?.collect::<Result<Vec<_>, _>>()?;
        let mut listed: Vec<_> = listed.into_iter().map(|entry| entry.path()).collect();
        listed.sort();
        files.extend(listed);
    }
    let mut entries = Vec::new();
    for file in files.iter().filter(|file| file.is_file()) {
        let extension = file.extension().unwrap_or_default();
        let read =
            || fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()));
        if extension == "sources" {
            entries.extend(parse_stanzas(&read()?));
        } else if extension == "list" {
            entries.extend(parse_lines(&read()?));
        }
    }
    if entries.is_empty() {
        bail!("apt has no sources below {}", etc_apt.display());
    }
    Ok(entries)
}

/// Parses the one-line form: `deb [option=value ...] URI suite component...`.
pub fn parse_lines(text: &str) -> Vec<Entry> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Entry> {
    let line = line.split('#').next().unwrap_or_default().trim();
    let rest = line.strip_prefix("deb")?;
    let rest = rest.strip_prefix(char::is_whitespace)?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?,
        None => ("", rest),
    };
    let signed_by = options
        .split_whitespace()
        .find_map(|option| option.strip_prefix("signed-by="));
    let mut words = rest.split_whitespace();
    Some(Entry {
        uri: without_slash(words.next()?),
        suites: vec![words.next()?.to_owned()],
        components: words.map(str::to_owned).collect(),
        signed_by: signed_by.unwrap_or_default().to_owned(),
    })
}

/// Parses the stanza form; a stanza with several URIs gives an entry for each.
pub fn parse_stanzas(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut stanza: Vec<(String, String)> = Vec::new();
    for line in text.lines().chain([""]) {
        if line.trim().is_empty() {
            entries.extend(stanza_entries(&std::mem::take(&mut stanza)));
        } else if line.starts_with('#') {
            // A comment does not end a field.
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = stanza.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((field, value)) = line.split_once(':') {
            stanza.push((field.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    entries
}

fn stanza_entries(stanza: &[(String, String)]) -> Vec<Entry> {
    let words = |name: &str| -> Vec<String> {
        let values = stanza.iter().filter(|(field, _)| field == name);
        values
            .flat_map(|(_, value)| value.split_whitespace().map(str::to_owned))
            .collect()
    };
    let disabled = ["no", "false", "0", "off", "without", "disable"];
    if !words("types").iter().any(|kind| kind == "deb")
        || words("enabled")
            .iter()
            .any(|word| disabled.contains(&word.as_str()))
    {
        return Vec::new();
    }
    let entry = |uri: &String| Entry {
        uri: without_slash(uri),
        suites: words("suites"),
        components: words("components"),
        signed_by: words("signed-by").join(" "),
    };
    words("uris").iter().map(entry).collect()
}

fn without_slash(uri: &str) -> String {
    uri.trim_end_matches('/').to_owned()
}

/// Finds the proxy for `uri` in the output of `apt-config dump`.
///
/// A setting for the mirror's name goes before the general one; `DIRECT` means none.
pub fn proxy_setting(settings: &str, uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once("://")?;
    let name = rest.split(['/', ':']).next().unwrap_or_default();
    let find = |key: String| {
        let prefix = format!("{key} \"");
        let line = settings.lines().find(|line| line.starts_with(&prefix))?;
        Some(
            line[prefix.len()..]
                .trim_end_matches("\";")
                .trim_end_matches('/')
                .to_owned(),
        )
    };
    let schemes: &[&str] = if scheme == "https" {
        &["https", "http"]
    } else {
        &["http"]
    };
    let named = schemes
        .iter()
        .find_map(|scheme| find(format!("Acquire::{scheme}::Proxy::{name}")));
    let general = || {
        schemes
            .iter()
            .find_map(|scheme| find(format!("Acquire::{scheme}::Proxy")))
    };
    named
        .or_else(general)
        .filter(|proxy| proxy != "DIRECT" && !proxy.is_empty())
}

#[cfg(test)]
mod tests;
