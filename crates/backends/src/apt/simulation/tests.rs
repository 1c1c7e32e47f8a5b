use super::*;

fn sample(text: &str, code: i32) -> Finished {
    Finished {
        code: Some(code),
        stdout: text.as_bytes().to_vec(),
        stderr: Vec::new(),
    }
}

fn native() -> Architecture {
    "amd64".parse().unwrap()
}

fn read_sample(text: &str) -> Simulation {
    read(&sample(text, 0), &native()).unwrap()
}

#[test]
fn every_line_of_a_real_upgrade_is_read() {
    let text = include_str!("../../../tests/samples/apt-get-s-dist-upgrade.bookworm.txt");
    let simulation = read_sample(text);
    // apt's own count: "121 upgraded, 0 newly installed, 0 to remove".
    assert_eq!(simulation.installs.len(), 121);
    assert!(simulation.removals.is_empty() && simulation.kept_back.is_empty());
    let shown = |name: &str| {
        let found = simulation
            .installs
            .iter()
            .find(|i| i.name.as_str() == name)
            .unwrap();
        format!(
            "{} {} {}",
            found.architecture,
            found.from.as_ref().unwrap(),
            found.to
        )
    };
    assert_eq!(shown("perl"), "amd64 5.36.0-7+deb12u2 5.36.0-7+deb12u4");
    assert_eq!(shown("bash"), "amd64 5.2.15-2+b8 5.2.15-2+b13");
    assert_eq!(shown("tzdata"), "all 2025b-0+deb12u2 2026f-0+deb12u1");
    let text = include_str!("../../../tests/samples/apt-get-s-dist-upgrade.bookworm-security.txt");
    assert_eq!(read_sample(text).installs.len(), 50);
}

#[test]
fn kept_back_is_listed() {
    let text = include_str!("../../../tests/samples/apt-get-s-dist-upgrade.one-held.txt");
    let simulation = read_sample(text);
    assert_eq!(simulation.kept_back, ["zip"]);
    assert_eq!(simulation.installs.len(), 120);
}

#[test]
fn a_held_package_is_refused_with_its_name() {
    let text = include_str!("../../../tests/samples/apt-get-s-install.held.txt");
    let refused = read_sample(text).refused.unwrap();
    assert_eq!(refused, "the device's administrator holds zip");
}

#[test]
fn removals_new_packages_and_several_origins_are_read() {
    let text = include_str!("../../../tests/samples/apt-get-s-install.removal.txt");
    let simulation = read_sample(text);
    assert_eq!(simulation.removals.len(), 1);
    assert_eq!(simulation.removals[0].name.as_str(), "mawk");
    let exim = simulation
        .installs
        .iter()
        .find(|i| i.name.as_str() == "exim4")
        .unwrap();
    assert_eq!((exim.architecture.as_str(), &exim.from), ("all", &None));
    // apt's own count: "1 upgraded, 9 newly installed, 1 to remove".
    assert_eq!(simulation.installs.len(), 10);
}

#[test]
fn a_downgrade_shows_both_versions() {
    let text = include_str!("../../../tests/samples/apt-get-s-install.downgrade.txt");
    let simulation = read_sample(text);
    assert_eq!(
        simulation.installs[0].from.as_ref().unwrap().as_str(),
        "3.0.19-1~deb12u2"
    );
    assert_eq!(simulation.installs[0].to.as_str(), "3.0.17-1~deb12u2");
}

#[test]
fn unmet_dependencies_give_the_reason_in_one_line() {
    let text = include_str!("../../../tests/samples/apt-get-s-install.unmet.txt");
    let simulation = read(&sample(text, 100), &native()).unwrap();
    assert_eq!(
        simulation.refused.unwrap(),
        "Unable to correct problems, you have held broken packages.; libssl-dev : Depends: libssl3 (= 3.0.17-1~deb12u2) but 3.0.22-1~deb12u2 is to be installed"
    );
    let silent = read(&sample("", 7), &native()).unwrap();
    assert_eq!(silent.refused.unwrap(), "exit code 7: nothing was said");
}

#[test]
fn foreign_architectures_and_trailing_parts_are_read() {
    // The forms of apt's source (pkgSimulate::Describe): FullName(true), then what it waits for.
    let text = "Inst libc6:i386 [2.36-9] (2.36-9+deb12u14 Debian:12.15/oldstable, Debian-Security:12/oldstable-security [i386]) [libc6:amd64 on libc6:i386] [x]\nInst local (1.0 localhost [all])\nRemv gcc:i386 [4:12]\n";
    let simulation = read_sample(text);
    let first = &simulation.installs[0];
    assert_eq!(
        (
            first.name.as_str(),
            first.architecture.as_str(),
            first.to.as_str()
        ),
        ("libc6", "i386", "2.36-9+deb12u14")
    );
    assert_eq!(simulation.installs[1].name.as_str(), "local");
    assert_eq!(simulation.removals[0].architecture.as_str(), "i386");
}

#[test]
fn a_line_that_cannot_be_read_is_an_error_and_not_a_guess() {
    for line in [
        "Inst ",
        "Inst a",
        "Inst a [1] (",
        "Inst a (1 x)",
        "Inst a [1 (2 x [amd64])",
        "Remv ",
    ] {
        assert!(read(&sample(line, 0), &native()).is_err(), "{line}");
    }
}

proptest::proptest! {
    #[test]
    fn whatever_apt_prints_never_ends_us(text in "(Inst |Remv |E: |The following )?[ -~\\n\\[\\]()]{0,80}") {
        let _ = read(&sample(&text, 0), &native());
    }
}
