//! Settings that switch off the check of signatures. Pure, apart from reading the files.

use std::path::Path;

use super::stanza::stanzas;

/// Settings that must not be on, in lower case.
const UNSAFE: [&str; 5] = [
    "apt::get::allowunauthenticated",
    "acquire::allowinsecurerepositories",
    "acquire::allowweakrepositories",
    "acquire::allowdowngradetoinsecurerepositories",
    "apt::get::force-yes",
];

fn is_on(value: &str) -> bool {
    matches!(
        value.to_ascii_lowercase().as_str(),
        "1" | "true" | "yes" | "on" | "with" | "enable"
    )
}

/// Reads `apt-config dump`.
pub(super) fn unsafe_settings(dump: &str) -> Vec<String> {
    dump.lines()
        .filter_map(|line| {
            let (name, value) = line.trim_end_matches(';').split_once(' ')?;
            (UNSAFE.contains(&name.to_ascii_lowercase().as_str()) && is_on(value.trim_matches('"')))
                .then(|| format!("apt's configuration sets {name}: signatures are not checked"))
        })
        .collect()
}

/// Reads `sources.list` and `sources.list.d` below apt's folder.
pub(super) fn unsafe_lists(apt: &Path) -> Vec<String> {
    let mut files = vec![apt.join("sources.list")];
    if let Ok(entries) = std::fs::read_dir(apt.join("sources.list.d")) {
        files.extend(entries.flatten().map(|entry| entry.path()));
    }
    files.sort();
    let mut found = Vec::new();
    for file in files {
        let Ok(bytes) = std::fs::read(&file) else {
            continue;
        };
        let reasons = match file.extension().and_then(|end| end.to_str()) {
            Some("list") => one_line_form(&String::from_utf8_lossy(&bytes)),
            Some("sources") => paragraph_form(&bytes),
            _ => Vec::new(),
        };
        found.extend(
            reasons
                .into_iter()
                .map(|why| format!("{}: {why}", file.display())),
        );
    }
    found
}

const OPTIONS: [&str; 3] = ["trusted", "allow-insecure", "allow-weak"];

fn one_line_form(text: &str) -> Vec<String> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| line.trim_start().starts_with("deb"))
        .filter_map(|(at, line)| {
            let options = line.split_once('[')?.1.split_once(']')?.0;
            let option = options.split_ascii_whitespace().find(|option| {
                option.split_once('=').is_some_and(|(name, value)| {
                    OPTIONS.contains(&name.to_ascii_lowercase().as_str()) && is_on(value)
                })
            })?;
            Some(format!(
                "line {} sets {option}: signatures are not checked",
                at + 1
            ))
        })
        .collect()
}

fn paragraph_form(bytes: &[u8]) -> Vec<String> {
    stanzas(bytes)
        .filter(|stanza| stanza.field("Enabled").is_none_or(|value| value != b"no"))
        .filter_map(|stanza| {
            let option = OPTIONS.iter().find(|option| is_on(stanza.text(option)))?;
            Some(format!(
                "a source sets {option}: signatures are not checked"
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_switch_off_the_check_are_named() {
        let dump = "APT::Get \"\";\nAPT::Get::AllowUnauthenticated \"true\";\nAcquire::AllowInsecureRepositories \"0\";\nAcquire::AllowWeakRepositories \"1\";\n";
        assert_eq!(unsafe_settings(dump).len(), 2);
        assert!(unsafe_settings(dump)[0].contains("APT::Get::AllowUnauthenticated"));
    }

    #[test]
    fn trusted_sources_are_named_with_their_file() {
        let folder = tempfile::tempdir().unwrap();
        let parts = folder.path().join("sources.list.d");
        std::fs::create_dir(&parts).unwrap();
        std::fs::write(
            folder.path().join("sources.list"),
            "# deb [trusted=yes] http://mirror.example x main\ndeb [arch=amd64 Trusted=yes] http://mirror.example y main\ndeb [signed-by=/a trusted=no] http://mirror.example z main\n",
        )
        .unwrap();
        std::fs::write(
            parts.join("a.sources"),
            "Types: deb\nURIs: file:/srv\nTrusted: yes\n\nTypes: deb\nEnabled: no\nTrusted: yes\n",
        )
        .unwrap();
        std::fs::write(
            parts.join("b.list.bak"),
            "deb [trusted=yes] http://mirror.example x main\n",
        )
        .unwrap();
        let found = unsafe_lists(folder.path());
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("sources.list: line 2"), "{found:?}");
        assert!(found[1].contains("a.sources"), "{found:?}");
    }
}
