//! Files of packages: which differ from the vendor's, which were put aside, who owns them.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use domain::Timestamp;
use domain::order::OrderItem;

use super::status::Database;
use crate::backend::SetAside;
use crate::command::Finished;

/// Patterns of files that this system never unpacks (`path-exclude` of dpkg's settings).
#[derive(Debug, Default)]
pub(super) struct Excluded {
    patterns: Vec<(bool, String)>,
}

impl Excluded {
    /// Reads dpkg's settings below `root`.
    pub(super) fn read(root: &Path) -> Self {
        let folder = root.join("etc/dpkg");
        let mut files = vec![folder.join("dpkg.cfg")];
        if let Ok(entries) = std::fs::read_dir(folder.join("dpkg.cfg.d")) {
            let mut parts: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
            parts.sort();
            files.extend(parts);
        }
        let mut patterns = Vec::new();
        for text in files
            .iter()
            .filter_map(|file| std::fs::read_to_string(file).ok())
        {
            for line in text.lines() {
                let Some((name, value)) = line.trim().split_once(['=', ' ']) else {
                    continue;
                };
                match name.trim_start_matches("--") {
                    "path-exclude" => patterns.push((true, value.trim().to_owned())),
                    "path-include" => patterns.push((false, value.trim().to_owned())),
                    _ => {}
                }
            }
        }
        Self { patterns }
    }

    /// Whether dpkg leaves this file out: the last pattern that fits decides.
    fn has(&self, path: &str) -> bool {
        self.patterns
            .iter()
            .rev()
            .find(|(_, pattern)| fits(pattern.as_bytes(), path.as_bytes()))
            .is_some_and(|(out, _)| *out)
    }
}

/// Shell patterns in which `*` also fits slashes, as dpkg uses them; `[…]` is taken for any byte.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        let step = match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, t));
                p += 1;
                continue;
            }
            Some(b'[') => pattern[p..]
                .iter()
                .position(|&b| b == b']')
                .map(|end| end + 1),
            Some(b'?') => Some(1),
            Some(&byte) if text.get(t) == Some(&byte) => Some(1),
            Some(_) => None,
            None if t == text.len() => return true,
            None => None,
        };
        match (step, star) {
            (Some(step), _) if t < text.len() => {
                p += step;
                t += 1;
            }
            (_, Some((after, from))) if from < text.len() => {
                star = Some((after, from + 1));
                p = after;
                t = from + 1;
            }
            _ => return false,
        }
    }
}

/// Reads `dpkg --verify`: files that differ or are missing, configuration files apart.
///
/// `None` when the package is not installed or a file may not be read.
pub(super) fn differing(finished: &Finished, excluded: &Excluded) -> Option<Vec<String>> {
    let complaints = finished.complaints();
    if complaints.contains("is not installed") || finished.code.is_none_or(|code| code > 1) {
        return None;
    }
    let mut found = Vec::new();
    for line in finished.text().lines() {
        let Some(at) = line.find('/') else { continue };
        let (marks, path) = line.split_at(at);
        if path.ends_with("(Permission denied)") {
            return None;
        }
        let mut marks = marks.split_ascii_whitespace();
        let kind = marks.next().unwrap_or("");
        let is_configuration = marks.next() == Some("c");
        let left_out = kind == "missing" && excluded.has(path);
        if !is_configuration && !left_out {
            found.push(path.to_owned());
        }
    }
    Some(found)
}

/// Finds new versions of the items' configuration files that stand beside the old ones.
pub(super) fn set_aside(root: &Path, database: &Database, items: &[OrderItem]) -> Vec<SetAside> {
    let mut found = Vec::new();
    for stanza in database.stanzas() {
        let name = stanza.text("Package");
        if !items.iter().any(|item| item.name.as_str() == name) {
            continue;
        }
        for path in stanza
            .text("Conffiles")
            .lines()
            .filter_map(|line| line.split_ascii_whitespace().next())
        {
            let path = format!("{path}.dpkg-dist");
            let Ok(file) = std::fs::symlink_metadata(root.join(path.trim_start_matches('/')))
            else {
                continue;
            };
            let nanoseconds = i32::try_from(file.ctime_nsec()).unwrap_or(0);
            if let Ok(changed_at) = Timestamp::new(file.ctime(), nanoseconds) {
                found.push(SetAside { path, changed_at });
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

/// The name and file list of every package, read one after the other.
pub(super) fn file_lists(dpkg: &Path) -> impl Iterator<Item = (String, Vec<u8>)> {
    std::fs::read_dir(dpkg.join("info"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let name = name.strip_suffix(".list")?;
            let name = name.split_once(':').map_or(name, |(name, _)| name);
            Some((name.to_owned(), std::fs::read(entry.path()).ok()?))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(code: i32, stdout: &str, stderr: &str) -> Finished {
        Finished {
            code: Some(code),
            stdout: stdout.as_bytes().to_vec(),
            stderr: stderr.as_bytes().to_vec(),
        }
    }

    #[test]
    fn files_that_differ_are_named_and_configuration_files_are_not() {
        // The form of dpkg(1), --verify-format=rpm.
        let text = "??5??????   /usr/bin/tool\n??5?????? c /etc/tool.conf\nmissing     /usr/lib/x.so\nmissing   c /etc/gone\nmissing     /usr/share/doc/tool/README\n";
        let excluded = Excluded {
            patterns: vec![
                (true, "/usr/share/doc/*".to_owned()),
                (false, "/usr/share/doc/*/copyright".to_owned()),
            ],
        };
        assert_eq!(
            differing(&finished(1, text, ""), &excluded).unwrap(),
            ["/usr/bin/tool", "/usr/lib/x.so"]
        );
        let copyright = "missing     /usr/share/doc/tool/copyright\n";
        assert_eq!(
            differing(&finished(1, copyright, ""), &excluded)
                .unwrap()
                .len(),
            1
        );
        assert_eq!(differing(&finished(0, "", ""), &excluded), Some(vec![]));
    }

    #[test]
    fn what_could_not_be_checked_is_not_called_equal() {
        let none = Excluded::default();
        assert_eq!(
            differing(
                &finished(1, "", "dpkg: package 'x' is not installed\n"),
                &none
            ),
            None
        );
        assert_eq!(differing(&finished(2, "", "dpkg: error: x\n"), &none), None);
        let denied = "missing     /root/x (Permission denied)\n";
        assert_eq!(differing(&finished(1, denied, ""), &none), None);
    }

    #[test]
    fn patterns_fit_as_dpkgs_do() {
        for (pattern, path, yes) in [
            ("/usr/share/doc/*", "/usr/share/doc/a/b", true),
            (
                "/usr/share/locale/*/LC_MESSAGES/*.mo",
                "/usr/share/locale/de/LC_MESSAGES/x.mo",
                true,
            ),
            ("/usr/share/man/??/*", "/usr/share/man/de/x", true),
            ("/usr/share/man/??/*", "/usr/share/man/man1/x", false),
            ("/a[bc]d", "/abd", true),
            ("/a*", "/", false),
            ("", "/", false),
            ("*", "", true),
        ] {
            assert_eq!(
                fits(pattern.as_bytes(), path.as_bytes()),
                yes,
                "{pattern} {path}"
            );
        }
    }

    #[test]
    fn files_set_aside_are_found_by_the_packages_own_list() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("etc/tool")).unwrap();
        std::fs::create_dir_all(root.join("dpkg")).unwrap();
        std::fs::write(
            root.join("dpkg/status"),
            "Package: tool\nStatus: install ok installed\nVersion: 1\nConffiles:\n /etc/tool/a.conf 0123\n /etc/tool/b.conf 4567 obsolete\nArchitecture: all\n",
        )
        .unwrap();
        std::fs::write(root.join("etc/tool/b.conf.dpkg-dist"), "new").unwrap();
        let item = OrderItem {
            ecosystem: domain::package::Ecosystem::Deb,
            name: "tool".parse().unwrap(),
            architecture: "all".parse().unwrap(),
            from: None,
            to: "1".parse().unwrap(),
            patch: "deb:x/tool@1".parse().unwrap(),
        };
        let database = Database::read(&root.join("dpkg")).unwrap();
        let found = set_aside(root, &database, &[item]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, "/etc/tool/b.conf.dpkg-dist");
    }
}
