use domain::package::PackageState as S;

use super::*;

fn database(status: &[u8], updates: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("status"), status).unwrap();
    std::fs::create_dir(folder.path().join("updates")).unwrap();
    for (name, bytes) in updates {
        std::fs::write(folder.path().join("updates").join(name), bytes).unwrap();
    }
    folder
}

fn stanza(name: &str, status: &str, version: &str) -> String {
    format!("Package: {name}\nStatus: {status}\nArchitecture: amd64\nVersion: {version}\n\n")
}

/// The words of `dpkg-query -W -f '${db:Status-Abbrev}'`, from dpkg-query(1), against our states.
#[test]
fn every_state_of_dpkg_has_its_word() {
    let table = [
        ("install ok installed", Some(S::Installed)),
        ("hold ok installed", Some(S::Held)),
        ("deinstall ok installed", Some(S::Broken)),
        ("unknown ok installed", Some(S::Broken)),
        ("install reinstreq installed", Some(S::Broken)),
        ("install reinstreq half-installed", Some(S::Broken)),
        ("install ok half-installed", Some(S::HalfInstalled)),
        ("install ok unpacked", Some(S::Unpacked)),
        ("install ok half-configured", Some(S::HalfConfigured)),
        ("hold ok half-configured", Some(S::HalfConfigured)),
        ("install ok triggers-awaited", Some(S::TriggersAwaited)),
        ("install ok triggers-pending", Some(S::TriggersPending)),
        ("deinstall ok config-files", Some(S::ConfigFiles)),
        ("purge ok not-installed", None),
        ("unknown ok not-installed", None),
    ];
    for (words, expected) in table {
        assert_eq!(state(words), Ok(expected), "{words}");
    }
    assert!(state("install ok").is_err());
    assert!(state("install ok gone").is_err());
}

#[test]
fn sources_are_read_with_and_without_a_version() {
    let name: PackageName = "bash".parse().unwrap();
    let version = "5.2.15-2+b8".parse().unwrap();
    let read = |field: &str| {
        let source = source(field, &name, &version).unwrap();
        format!("{} {}", source.name, source.version)
    };
    assert_eq!(read(""), "bash 5.2.15-2+b8");
    assert_eq!(read("bash (5.2.15-2)"), "bash 5.2.15-2");
    assert_eq!(read("gcc-12"), "gcc-12 5.2.15-2+b8");
    assert_eq!(read("x (1:2.0~rc1-3)"), "x 1:2.0~rc1-3");
}

#[test]
fn one_bad_record_hides_no_other() {
    let mut text = stanza("good", "install ok installed", "1").into_bytes();
    text.extend_from_slice(
        b"Package: b\xff\xfed\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n",
    );
    text.extend_from_slice(
        b"Package: e\x1b[2Jvil\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n",
    );
    text.extend_from_slice(
        b"Package: odd\nStatus: install ok strange\nArchitecture: amd64\nVersion: 1\n\n",
    );
    text.extend_from_slice(
        b"Package: none\nStatus: install ok half-installed\nArchitecture: amd64\n\n",
    );
    text.extend_from_slice(b"Package: m\nMaintainer: \xc3\x28\nStatus: install ok installed\nArchitecture: all\nVersion: 2\n");
    let folder = database(&text, &[]);
    let read = Database::read(folder.path()).unwrap().inventory();
    let names: Vec<&str> = read.inventory.packages().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["good", "m"]);
    assert_eq!(read.unreadable.len(), 4, "{:?}", read.unreadable);
    assert!(
        read.unreadable.iter().all(|line| !line.contains('\u{1b}')),
        "{:?}",
        read.unreadable
    );
}

#[test]
fn unmerged_updates_win_in_their_order() {
    let status =
        stanza("a", "install ok installed", "1") + &stanza("b", "install ok installed", "1");
    let folder = database(
        status.as_bytes(),
        &[
            (
                "0001",
                stanza("a", "install ok half-configured", "2").as_bytes(),
            ),
            ("0000", stanza("a", "install ok unpacked", "2").as_bytes()),
            ("tmp.i", b"Package: half"),
            ("0002", stanza("new", "install ok unpacked", "3").as_bytes()),
        ],
    );
    let read = Database::read(folder.path()).unwrap();
    let states: Vec<(String, S)> = read
        .inventory()
        .inventory
        .packages()
        .map(|p| (format!("{} {}", p.name, p.version), p.state))
        .collect();
    assert_eq!(
        states,
        [
            ("a 2".to_owned(), S::HalfConfigured),
            ("b 1".to_owned(), S::Installed),
            ("new 3".to_owned(), S::Unpacked),
        ]
    );
    let names: Vec<String> = read.unfinished().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["a", "new"]);
}

#[test]
fn a_missing_database_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let error = Database::read(folder.path()).err().unwrap().to_string();
    assert!(error.contains("status"), "{error}");
}
