//! `cargo xtask tidy`: the rules of the house that a compiler does not check.
//!
//! Arrows between crates, module headers, sizes of files, SQL outside the store, clock reads outside
//! the clock, I/O in pure crates, and one operating system's words outside their place. Each rule is
//! a function from a file's path and text to complaints, tested on planted mistakes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::build::root;

/// Lines of a file, tests apart.
const LINES_MAX: usize = 600;

/// Which crate may use which. `versions` and `clock` stand at the bottom.
const ARROWS: &[(&str, &[&str])] = &[
    ("versions", &[]),
    ("domain", &["versions"]),
    ("engine", &["domain", "versions"]),
    ("protocol", &["domain"]),
    ("feeds", &["domain", "versions"]),
    ("store", &["domain"]),
    ("backends", &["domain", "versions"]),
    ("clock", &["domain"]),
    (
        "service",
        &["engine", "store", "feeds", "protocol", "domain"],
    ),
    ("web", &["service", "protocol", "domain"]),
    (
        "server",
        &[
            "web", "service", "store", "feeds", "engine", "versions", "domain", "clock",
        ],
    ),
    (
        "agent",
        &["backends", "protocol", "engine", "domain", "clock"],
    ),
];

/// Crates without async, clock, randomness, file, socket or process.
const PURE: &[&str] = &["versions", "domain", "engine", "protocol"];

/// A complaint: where, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Complaint {
    path: PathBuf,
    line: usize,
    what: String,
}

/// Runs all rules over the workspace.
pub fn run() -> Result<ExitCode> {
    let complaints = check(&root())?;
    for complaint in &complaints {
        eprintln!(
            "{}:{}: {}",
            complaint.path.display(),
            complaint.line,
            complaint.what
        );
    }
    if complaints.is_empty() {
        eprintln!("tidy: the house is in order");
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("tidy: {} complaints", complaints.len());
    Ok(ExitCode::FAILURE)
}

fn check(root: &Path) -> Result<Vec<Complaint>> {
    let mut complaints = Vec::new();
    let crates = fs::read_dir(root.join("crates")).context("cannot read crates/")?;
    for entry in crates {
        let dir = entry?.path();
        let name = dir
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let manifest = dir.join("Cargo.toml");
        let text = fs::read_to_string(&manifest)
            .with_context(|| format!("cannot read {}", manifest.display()))?;
        complaints.extend(arrows(&manifest, &name, &text));
    }
    for path in files(root)? {
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let short = path.strip_prefix(root).unwrap_or(&path).to_owned();
        if path.extension().is_some_and(|e| e == "html") {
            complaints.extend(templates(&short, &text));
            continue;
        }
        let code = Source::new(&short, &text);
        for rule in [header, size, sql, clock, purity, systems] {
            complaints.extend(rule(&code));
        }
    }
    complaints.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    Ok(complaints)
}

fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = ["crates", "xtask", "tests"]
        .iter()
        .map(|name| root.join(name))
        .collect();
    while let Some(folder) = folders.pop() {
        for entry in
            fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?
        {
            let path = entry?.path();
            if path.is_dir() {
                if path
                    .file_name()
                    .is_none_or(|name| name != "target" && name != "node_modules")
                {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|e| e == "rs" || e == "html") {
                found.push(path);
            }
        }
    }
    Ok(found)
}

/// One file of code, split once for all rules.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
    /// The crate under `crates/`, or `xtask`, or `tests`.
    owner: String,
    is_test: bool,
}

impl<'a> Source<'a> {
    fn new(path: &'a Path, text: &'a str) -> Self {
        let parts: Vec<String> = path
            .components()
            .map(|part| part.as_os_str().to_string_lossy().into_owned())
            .collect();
        let owner = match parts.first().map(String::as_str) {
            Some("crates") => parts.get(1).cloned().unwrap_or_default(),
            Some(other) => other.to_owned(),
            None => String::new(),
        };
        let is_test = parts
            .iter()
            .any(|part| part == "tests" || part == "tests.rs" || part == "examples");
        Self {
            path,
            text,
            owner,
            is_test,
        }
    }

    /// Lines of code before the unit tests, without comments, numbered from 1.
    fn code_lines(&self) -> impl Iterator<Item = (usize, &'a str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(at, line)| (at + 1, line))
            .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    fn complain(&self, line: usize, what: impl Into<String>) -> Complaint {
        Complaint {
            path: self.path.to_owned(),
            line,
            what: what.into(),
        }
    }

    /// Complains about each line that holds one of `words`.
    fn forbid(&self, words: &[&str], why: &str) -> Vec<Complaint> {
        self.code_lines()
            .filter_map(|(line, text)| {
                let word = words.iter().find(|word| text.contains(**word))?;
                Some(self.complain(line, format!("`{word}`: {why}")))
            })
            .collect()
    }
}

fn arrows(manifest: &Path, name: &str, text: &str) -> Vec<Complaint> {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let Some(allowed_here) = allowed.get(name) else {
        return vec![Complaint {
            path: manifest.to_owned(),
            line: 1,
            what: format!("crate `{name}` is not in the list of arrows (xtask/src/tidy.rs)"),
        }];
    };
    let mut section = "";
    let mut complaints = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.starts_with('[') {
            section = line.trim();
        }
        let used = line.split(['.', ' ', '=']).next().unwrap_or("");
        let forbidden = section == "[dependencies]"
            && (allowed.contains_key(used) || matches!(used, "xtask" | "lab" | "simulator"))
            && !allowed_here.contains(&used);
        if forbidden {
            complaints.push(Complaint {
                path: manifest.to_owned(),
                line: at + 1,
                what: format!("arrow {name} → {used} is not allowed (ARCHITECTURE.md, arrows)"),
            });
        }
    }
    complaints
}

fn header(source: &Source) -> Vec<Complaint> {
    let first = source.text.lines().find(|line| !line.trim().is_empty());
    if first.is_some_and(|line| line.starts_with("//!")) || source.text.trim().is_empty() {
        return Vec::new();
    }
    let is_unit_test = source
        .path
        .file_name()
        .is_some_and(|name| name == "tests.rs")
        || source
            .path
            .parent()
            .is_some_and(|dir| dir.ends_with("tests"));
    if is_unit_test {
        return Vec::new();
    }
    vec![source.complain(1, "a module opens with `//!` and what it is for")]
}

fn size(source: &Source) -> Vec<Complaint> {
    let lines = source
        .text
        .lines()
        .take_while(|line| line.trim() != "#[cfg(test)]")
        .count();
    if source.is_test || lines <= LINES_MAX {
        return Vec::new();
    }
    vec![source.complain(
        LINES_MAX,
        format!("{lines} lines; split by meaning, at most {LINES_MAX}"),
    )]
}

fn sql(source: &Source) -> Vec<Complaint> {
    if source.owner == "store" || source.owner == "xtask" || source.is_test {
        return Vec::new();
    }
    source.forbid(
        &[
            "SELECT ",
            "INSERT INTO",
            "DELETE FROM",
            "CREATE TABLE",
            "UPDATE SET",
            "PRAGMA ",
        ],
        "SQL lives in crates/store",
    )
}

fn clock(source: &Source) -> Vec<Complaint> {
    if source.owner == "clock" || source.owner == "xtask" || source.is_test {
        return Vec::new();
    }
    source.forbid(
        &[
            "Timestamp::now",
            "SystemTime::now",
            "Zoned::now",
            "UtcDateTime::now",
        ],
        "only crates/clock reads the wall clock; take `now` or an `Arc<dyn Clock>`",
    )
}

fn purity(source: &Source) -> Vec<Complaint> {
    if !PURE.contains(&source.owner.as_str()) || source.is_test {
        return Vec::new();
    }
    source.forbid(
        &[
            "std::fs",
            "std::net",
            "std::process",
            "thread::spawn",
            "thread::sleep",
            "std::thread::Builder",
            "std::env",
            "tokio",
            "async fn",
            "Instant::now",
            "rand::",
            "getrandom",
        ],
        "a pure crate has no async, clock, randomness, file, socket or process",
    )
}

fn systems(source: &Source) -> Vec<Complaint> {
    let allowed = matches!(source.owner.as_str(), "backends" | "xtask" | "tests")
        || source.path.starts_with("crates/agent/src/platform")
        || source.path == Path::new("crates/agent/src/platform.rs");
    if allowed || source.is_test {
        return Vec::new();
    }
    source.forbid(
        &[
            "std::os::unix",
            "std::os::linux",
            "\"/var/",
            "\"/etc/",
            "\"/proc/",
            "\"/usr/",
            "\"/run/",
        ],
        "one system's words belong to crates/backends or the agent's platform module",
    )
}

fn templates(path: &Path, text: &str) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (at, line) in text.lines().enumerate() {
        for (word, why) in [
            ("|safe", "output is always escaped"),
            ("<script", "pages have no script of our own"),
            ("style=\"", "the content policy forbids styles in elements"),
        ] {
            if line.contains(word) {
                complaints.push(Complaint {
                    path: path.to_owned(),
                    line: at + 1,
                    what: format!("`{word}`: {why}"),
                });
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, text: &str) -> Vec<String> {
        let source = Source::new(Path::new(path), text);
        [header, size, sql, clock, purity, systems]
            .iter()
            .flat_map(|rule| rule(&source))
            .map(|complaint| complaint.what)
            .collect()
    }

    #[test]
    fn planted_mistakes_are_found() {
        for (path, text) in [
            ("crates/engine/src/a.rs", "use std::fs;\n"),
            (
                "crates/engine/src/a.rs",
                "//! A.\nfn f() { std::fs::read(\"x\"); }\n",
            ),
            (
                "crates/service/src/a.rs",
                "//! A.\nconst Q: &str = \"SELECT 1\";\n",
            ),
            (
                "crates/service/src/a.rs",
                "//! A.\nlet now = Timestamp::now();\n",
            ),
            (
                "crates/web/src/a.rs",
                "//! A.\nuse std::os::unix::fs::PermissionsExt;\n",
            ),
            (
                "crates/agent/src/link.rs",
                "//! A.\nlet p = \"/var/lib/x\";\n",
            ),
            (
                "crates/web/src/a.rs",
                &format!("//! A.\n{}", "// x\n".repeat(LINES_MAX + 1)),
            ),
        ] {
            assert!(!complaints(path, text).is_empty(), "{path}: {text:.60}");
        }
    }

    #[test]
    fn what_is_allowed_is_not_complained_about() {
        for (path, text) in [
            (
                "crates/store/src/a.rs",
                "//! A.\nconst Q: &str = \"SELECT 1\";\n",
            ),
            (
                "crates/clock/src/lib.rs",
                "//! A.\nlet now = Timestamp::now();\n",
            ),
            (
                "crates/backends/src/a.rs",
                "//! A.\nlet p = \"/var/lib/dpkg\";\n",
            ),
            (
                "crates/agent/src/platform/unix.rs",
                "//! A.\nlet p = \"/var/lib/x\";\n",
            ),
            (
                "crates/engine/src/a.rs",
                "//! A.\n// std::fs is not used here\n#[cfg(test)]\nuse std::fs;\n",
            ),
            ("crates/engine/src/a/tests.rs", "use std::fs;\n"),
        ] {
            assert_eq!(complaints(path, text), Vec::<String>::new(), "{path}");
        }
    }

    #[test]
    fn a_forbidden_arrow_and_an_unlisted_crate_are_found() {
        let manifest = Path::new("Cargo.toml");
        let text =
            "[dependencies]\nstore.workspace = true\n[dev-dependencies]\nstore.workspace = true\n";
        assert_eq!(arrows(manifest, "engine", text).len(), 1);
        assert_eq!(arrows(manifest, "service", text).len(), 0);
        assert_eq!(arrows(manifest, "novelty", text).len(), 1);
    }

    #[test]
    fn the_house_is_in_order() {
        assert_eq!(check(&root()).unwrap(), Vec::new());
    }
}
