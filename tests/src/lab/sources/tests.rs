//! Forms of sources.list(5), as Debian's own tools and common vendors write them.

use super::*;

const STANZAS: &str = "\
# written by the installer
Types: deb deb-src
URIs: https://mirror.example/pub/debian/
Suites: bookworm
 bookworm-updates
Components: main
 contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm
Components: main
";

#[test]
fn stanzas_give_an_entry_each_unless_switched_off_or_source_only() {
    let entries = parse_stanzas(STANZAS);
    let uris: Vec<_> = entries.iter().map(|entry| entry.uri.as_str()).collect();
    assert_eq!(
        uris,
        [
            "https://mirror.example/pub/debian",
            "http://mirror.example/debian-security"
        ]
    );
    assert_eq!(entries[0].suites, ["bookworm", "bookworm-updates"]);
    assert_eq!(entries[0].components, ["main", "contrib"]);
}

#[test]
fn a_stanza_with_two_mirrors_gives_two_entries() {
    let entries = parse_stanzas(
        "Types: deb\nURIs: http://a.example/debian http://b.example/debian\nSuites: bookworm\nComponents: main",
    );
    assert_eq!(entries.len(), 2);
}

#[test]
fn lines_are_read_with_and_without_options() {
    let entries = parse_lines(
        "# deb http://comment.example/debian bookworm main\n\
         deb [arch=amd64 signed-by=/k.gpg] http://a.example/debian/ bookworm main contrib # why\n\
         deb-src http://a.example/debian bookworm main\n\
         deb\thttp://b.example/debian-security bookworm-security main\n\
         debris http://c.example/debian bookworm main\n",
    );
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0].uri, "http://a.example/debian");
    assert_eq!(entries[0].components, ["main", "contrib"]);
    assert_eq!(entries[0].signed_by, "/k.gpg");
    assert_eq!(entries[1].suites, ["bookworm-security"]);
}

#[test]
fn other_vendors_are_passed_over_whatever_their_suite() {
    let entries = parse_lines(
        "deb [signed-by=/k.gpg] https://vendor.example bookworm main\n\
         deb http://node.example/20.x nodistro main\n\
         deb http://db.example/pub bookworm-pgdg main\n\
         deb http://box.example/linux/debian bookworm stable\n\
         deb http://mirror.example:8080/x/debian bookworm main\n\
         deb http://mirror.example:8080/x/debian bookworm-updates main\n\
         deb http://mirror.example:8080/x/debian-security bookworm-security main\n\
         deb https://vendor.example bookworm main\n",
    );
    let mirror = Mirror::choose(&entries).unwrap();
    assert_eq!(mirror.main, "http://mirror.example:8080/x/debian");
    assert_eq!(
        mirror.security,
        "http://mirror.example:8080/x/debian-security"
    );
}

#[test]
fn what_is_missing_is_named() {
    let no_security = parse_lines("deb http://mirror.example/debian bookworm main");
    let error = Mirror::choose(&no_security).unwrap_err().to_string();
    assert!(error.contains("security"), "{error}");
    let only_disc = parse_lines("deb cdrom:[Debian]/ bookworm main");
    let error = Mirror::choose(&only_disc).unwrap_err().to_string();
    assert!(error.contains("Debian itself"), "{error}");
}

#[test]
fn both_forms_are_found_in_one_folder_and_other_files_are_not_read() {
    let etc = tempfile::tempdir().unwrap();
    let parts = etc.path().join("sources.list.d");
    fs::create_dir(&parts).unwrap();
    fs::write(
        etc.path().join("sources.list"),
        "deb http://a.example/debian bookworm main\n",
    )
    .unwrap();
    fs::write(parts.join("debian.sources"), STANZAS).unwrap();
    fs::write(
        parts.join("old.list.disabled"),
        "deb http://z.example/debian bookworm main\n",
    )
    .unwrap();
    assert_eq!(read_all(etc.path()).unwrap().len(), 3);
}

#[test]
fn an_empty_folder_is_an_error_that_says_where() {
    let etc = tempfile::tempdir().unwrap();
    let error = read_all(etc.path()).unwrap_err().to_string();
    assert!(error.contains(etc.path().to_str().unwrap()), "{error}");
}

#[test]
fn the_proxy_is_read_as_apt_does() {
    // Form of `apt-config dump`, apt 2.6.
    let settings = "Acquire::http \"\";\nAcquire::http::Proxy \"http://proxy.example:3128/\";\n\
                    Acquire::http::Proxy::near.example \"DIRECT\";\n";
    let proxy = Some("http://proxy.example:3128".to_owned());
    assert_eq!(
        proxy_setting(settings, "http://mirror.example/debian"),
        proxy
    );
    assert_eq!(
        proxy_setting(settings, "https://mirror.example/debian"),
        proxy
    );
    assert_eq!(
        proxy_setting(settings, "http://near.example:80/debian"),
        None
    );
    assert_eq!(
        proxy_setting("APT \"\";\n", "http://mirror.example/debian"),
        None
    );
}
