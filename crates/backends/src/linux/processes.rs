//! Finds processes that run files which are no longer on disk.
//!
//! The kernel marks a mapped file that was replaced or removed with ` (deleted)` in
//! `/proc/PID/maps`. Only programs and shared libraries count; scratch files of all kinds do not.
//! Processes with another root than ours (containers) belong to other systems and are skipped; a mount
//! namespace of its own is not enough, because service managers give one to many ordinary services.
//! Source: proc(5).

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Where packages put their code. Everything else that is mapped and gone is somebody's scratch or own
/// build: `/memfd:…`, `/dev/zero`, `/SYSV…`, `/tmp`, a home.
const CODE: [&str; 6] = ["/usr/", "/lib", "/bin/", "/sbin/", "/opt/", "/srv/"];
/// Below [`CODE`], and never of a package.
const NO_CODE: &str = "/usr/local/";

/// One process that runs old files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) id: u32,
    /// Path of its program, without the kernel's mark.
    pub(crate) program: String,
    /// The old files, sorted.
    pub(crate) files: Vec<String>,
}

/// Looks at all processes below `proc` that share our root.
pub(crate) fn with_old_files(proc: &Path) -> std::io::Result<Vec<Process>> {
    let own_root = root_of(proc, "self");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(proc)?.flatten() {
        let name = entry.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // A process may end while we look; then there is nothing to say of it.
        let Ok(maps) = std::fs::read(entry.path().join("maps")) else {
            continue;
        };
        let Some((program, replaced)) = program(proc, id) else {
            continue;
        };
        let mut files = old_files(&String::from_utf8_lossy(&maps), &program);
        if replaced && is_code(&program) {
            files.insert(program.clone());
        }
        if !files.is_empty() && root_of(proc, &id.to_string()) == own_root {
            found.push(Process {
                id,
                program,
                files: files.into_iter().collect(),
            });
        }
    }
    found.sort_by_key(|process| process.id);
    Ok(found)
}

fn root_of(proc: &Path, name: &str) -> Option<(u64, u64)> {
    let root = std::fs::metadata(proc.join(name).join("root")).ok()?;
    Some((root.dev(), root.ino()))
}

/// The program of a process, and whether it is no longer on disk.
pub(crate) fn program(proc: &Path, id: u32) -> Option<(String, bool)> {
    let link = std::fs::read_link(proc.join(id.to_string()).join("exe")).ok()?;
    let link = link.to_string_lossy();
    Some(match link.strip_suffix(" (deleted)") {
        Some(path) => (path.to_owned(), true),
        None => (link.into_owned(), false),
    })
}

fn old_files(maps: &str, program: &str) -> BTreeSet<String> {
    maps.lines()
        .filter_map(|line| line.strip_suffix(" (deleted)"))
        .filter_map(|line| line.find('/').map(|at| &line[at..]))
        .filter(|path| is_code(path))
        .map(|path| path.strip_suffix(".dpkg-tmp").unwrap_or(path))
        .filter(|path| is_library(path) || *path == program)
        .map(str::to_owned)
        .collect()
}

fn is_code(path: &str) -> bool {
    CODE.iter().any(|folder| path.starts_with(folder)) && !path.starts_with(NO_CODE)
}

fn is_library(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.ends_with(".so") || name.contains(".so.")
}

/// A path in one spelling: `/lib/…` and `/usr/lib/…` are the same file on a merged system.
fn spelled(path: &str) -> &str {
    match path.strip_prefix("/usr/") {
        Some(rest) if !rest.is_empty() => &path[4..],
        Some(_) | None => path,
    }
}

/// `…/libxml2.so.2` of `…/libxml2.so.2.9.14`: what stays the same when an update renames the file.
fn stem(path: &str) -> Option<&str> {
    let at = path.rfind(".so.")? + 4;
    let digits = path[at..].bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0).then(|| &path[..at + digits])
}

/// Finds the packages that old files belong to.
///
/// `lists` gives the name of each package with the text of its file list. A file that no list names any
/// more is found by its stem.
pub(crate) fn owners(
    files: &BTreeSet<String>,
    lists: impl Iterator<Item = (String, Vec<u8>)>,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut wanted: BTreeMap<&[u8], Vec<&str>> = BTreeMap::new();
    let mut stems: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for file in files {
        wanted
            .entry(spelled(file).as_bytes())
            .or_default()
            .push(file);
        if let Some(stem) = stem(spelled(file)) {
            stems.entry(stem).or_default().push(file);
        }
    }
    let mut exact: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut near: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (package, list) in lists {
        for line in list.split(|&byte| byte == b'\n') {
            let line = match line.strip_prefix(b"/usr/") {
                Some(_) => &line[4..],
                None => line,
            };
            for file in wanted.get(line).into_iter().flatten() {
                exact
                    .entry((*file).to_owned())
                    .or_default()
                    .insert(package.clone());
            }
            let Some(stem) = std::str::from_utf8(line).ok().and_then(stem) else {
                continue;
            };
            for file in stems.get(stem).into_iter().flatten() {
                near.entry((*file).to_owned())
                    .or_default()
                    .insert(package.clone());
            }
        }
    }
    for (file, packages) in near {
        exact.entry(file).or_insert(packages);
    }
    exact
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    // From a lab device with nginx after libssl3 3.0.20 → 3.0.22 (23 November 2026), shortened.
    const MAPS: &str = "\
55d0c0a00000-55d0c0a2f000 r--p 00000000 00:1f 1311 /usr/sbin/nginx
7f3a10000000-7f3a10082000 r--p 00000000 00:1f 812 /usr/lib/x86_64-linux-gnu/libcrypto.so.3 (deleted)
7f3a10082000-7f3a10300000 r-xp 00082000 00:1f 812 /usr/lib/x86_64-linux-gnu/libcrypto.so.3 (deleted)
7f3a11000000-7f3a11001000 rw-s 00000000 00:01 1030 /dev/zero (deleted)
7f3a12000000-7f3a12001000 rw-s 00000000 00:01 7 /memfd:jit.so (deleted)
7f3a13000000-7f3a13001000 rw-s 00000000 00:01 8 /SYSV00000000 (deleted)
7f3a14000000-7f3a14001000 r--p 00000000 00:1f 9 /var/cache/data.bin (deleted)
7f3a15000000-7f3a15001000 r-xp 00000000 00:1f 9 /tmp/x.so (deleted)
7ffd1b000000-7ffd1b021000 rw-p 00000000 00:00 0 [stack]
";

    fn add(proc: &Path, id: &str, root: &Path, exe: &str, maps: &str) {
        let own = proc.join(id);
        std::fs::create_dir(&own).unwrap();
        symlink(root, own.join("root")).unwrap();
        symlink(exe, own.join("exe")).unwrap();
        std::fs::write(own.join("maps"), maps).unwrap();
    }

    #[test]
    fn only_code_that_was_replaced_counts_and_only_of_our_own_system() {
        let folder = tempfile::tempdir().unwrap();
        let other_root = tempfile::tempdir().unwrap();
        let proc = folder.path();
        add(proc, "self", proc, "/usr/bin/agent", "");
        add(proc, "10", proc, "/usr/sbin/nginx", MAPS);
        add(proc, "11", other_root.path(), "/usr/sbin/nginx", MAPS);
        add(proc, "12", proc, "/usr/bin/tool (deleted)", "");
        add(proc, "14", proc, "/memfd:sealed (deleted)", "");
        add(proc, "15", proc, "/home/x/target/tool (deleted)", "");
        add(proc, "16", proc, "/usr/local/bin/own (deleted)", "");
        add(
            proc,
            "13",
            proc,
            "/usr/bin/fresh",
            "7f-80 r-xp 0 00:1f 9 /usr/lib/libc.so.6\n",
        );
        assert_eq!(
            with_old_files(proc).unwrap(),
            [
                Process {
                    id: 10,
                    program: "/usr/sbin/nginx".to_owned(),
                    files: vec!["/usr/lib/x86_64-linux-gnu/libcrypto.so.3".to_owned()],
                },
                Process {
                    id: 12,
                    program: "/usr/bin/tool".to_owned(),
                    files: vec!["/usr/bin/tool".to_owned()],
                },
            ]
        );
    }

    #[test]
    fn owners_are_found_across_merged_folders_and_renamed_files() {
        let files: BTreeSet<String> = [
            "/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
            "/usr/lib/x86_64-linux-gnu/libxml2.so.2.9.14",
            "/opt/own.so",
        ]
        .map(str::to_owned)
        .into();
        let lists = [
            (
                "libssl3",
                "/.\n/lib\n/lib/x86_64-linux-gnu/libcrypto.so.3\n",
            ),
            ("libxml2", "/usr/lib/x86_64-linux-gnu/libxml2.so.2.9.15\n"),
            ("libxml", "/usr/lib/x86_64-linux-gnu/libxml2.so.20.1\n"),
        ]
        .map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
        let found: Vec<String> = owners(&files, lists.into_iter())
            .into_iter()
            .map(|(file, packages)| format!("{file} {packages:?}"))
            .collect();
        assert_eq!(
            found,
            [
                "/usr/lib/x86_64-linux-gnu/libcrypto.so.3 {\"libssl3\"}",
                "/usr/lib/x86_64-linux-gnu/libxml2.so.2.9.14 {\"libxml2\"}",
            ]
        );
    }
}
