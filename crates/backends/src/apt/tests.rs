//! The whole backend on a system below a folder, with recorded answers in place of programs.

use std::sync::Mutex;

use domain::offer::{NeedsOutcome, WithheldReason};
use domain::package::Ecosystem;

use super::*;
use crate::command::RunError;

/// Answers by what the command's line contains; the first that fits.
struct Answers {
    answers: Vec<(&'static str, i32, String)>,
    asked: Mutex<Vec<String>>,
}

impl Runner for Answers {
    fn run(&self, command: &Command) -> Result<Finished, RunError> {
        let line = command.shown();
        self.asked.lock().unwrap().push(line.clone());
        let (_, code, text) = self
            .answers
            .iter()
            .find(|(part, ..)| line.contains(part))
            .unwrap_or_else(|| panic!("no answer for {line}"));
        Ok(Finished {
            code: Some(*code),
            stdout: text.clone().into_bytes(),
            stderr: Vec::new(),
        })
    }
}

struct Bench {
    folder: tempfile::TempDir,
    runner: Arc<Answers>,
    apt: Apt,
}

fn bench(status: &str, answers: &[(&'static str, i32, &str)]) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for path in ["var/lib/dpkg/updates", "var/lib/apt/lists", "proc", "boot"] {
        std::fs::create_dir_all(root.join(path)).unwrap();
    }
    std::fs::write(root.join("var/lib/dpkg/status"), status).unwrap();
    std::fs::write(root.join("var/lib/apt/lists/x_Packages"), "").unwrap();
    let mut all = vec![("--print-architecture", 0, "amd64\n".to_owned())];
    all.extend(
        answers
            .iter()
            .map(|(part, code, text)| (*part, *code, (*text).to_owned())),
    );
    let runner = Arc::new(Answers {
        answers: all,
        asked: Mutex::new(Vec::new()),
    });
    let apt = Apt::new(runner.clone(), Places::below(root), root.join("cache"));
    Bench {
        folder,
        runner,
        apt,
    }
}

fn stanza(name: &str, status: &str, version: &str, rest: &str) -> String {
    format!(
        "Package: {name}\nStatus: {status}\nArchitecture: amd64\nVersion: {version}\n{rest}\n\n"
    )
}

const ARCHIVES: &str = include_str!("../../tests/samples/apt-cache-policy.archives.bookworm.txt");
const PACKAGES: &str = include_str!("../../tests/samples/apt-cache-policy.packages.bookworm.txt");
const UPGRADE: &str = "The following packages have been kept back:\n  zip\nInst bash [5.2.15-2+b8] (5.2.15-2+b13 Debian:12.15/oldstable [amd64])\nInst openssl [3.0.19-1~deb12u2] (3.0.22-1~deb12u2 Debian-Security:12/oldstable-security [amd64])\n";

fn show() -> String {
    let mut text = include_str!("../../tests/samples/apt-cache-show.bookworm.txt").to_owned();
    // Of the same archive, on the same day.
    text.push_str("\nPackage: zip\nVersion: 3.0-13+deb12u1\nArchitecture: amd64\nDepends: libbz2-1.0, libc6 (>= 2.34)\nSize: 230300\n");
    text
}

fn device() -> String {
    stanza(
        "bash",
        "install ok installed",
        "5.2.15-2+b8",
        "Source: bash (5.2.15-2)\nRecommends: bash-completion (>= 20060301-0)",
    ) + &stanza("libc6", "install ok installed", "2.36-9", "")
        + &stanza("libtinfo6", "install ok installed", "6.4-4", "")
        + &stanza("base-files", "install ok installed", "12.4", "")
        + &stanza("debianutils", "install ok installed", "5.7-0.5", "")
        + &stanza("openssl", "install ok installed", "3.0.19-1~deb12u2", "")
        + &stanza("libssl3", "install ok installed", "3.0.8-1", "")
        + &stanza("zip", "hold ok installed", "3.0-13", "")
}

#[test]
fn offers_say_origin_source_size_holds_and_needs() {
    let needs = "Inst libssl3 [3.0.8-1] (3.0.22-1~deb12u2 Debian-Security:12/oldstable-security [amd64])\nInst openssl [3.0.19-1~deb12u2] (3.0.22-1~deb12u2 Debian-Security:12/oldstable-security [amd64])\n";
    let libssl = "Package: libssl3\nSource: openssl-lib (9)\nVersion: 3.0.22-1~deb12u2\nArchitecture: amd64\n";
    let answers = [
        ("dist-upgrade", 0, UPGRADE),
        ("install -- openssl:amd64=", 0, needs),
        ("show -- libssl3", 0, libssl),
        ("policy --", 0, PACKAGES),
        ("policy", 0, ARCHIVES),
        ("show", 0, &show()),
    ];
    let bench = bench(&device(), &answers);
    let report = bench.apt.offers(&mut |_| {}).unwrap();
    let lines: Vec<String> = report
        .offers
        .iter()
        .map(|o| {
            format!(
                "{} {:?} -> {} from {}@{} in {}:{} security={} {:?}",
                o.name,
                o.installed.as_ref().map(|v| v.as_str()),
                o.candidate,
                o.source.name,
                o.source.version,
                o.origin.label,
                o.origin.codename,
                o.origin.security,
                o.size_bytes
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    bash Some("5.2.15-2+b8") -> 5.2.15-2+b13 from bash@5.2.15-2 in Debian:bookworm security=false Some(1490652)
    openssl Some("3.0.19-1~deb12u2") -> 3.0.22-1~deb12u2 from openssl@3.0.22-1~deb12u2 in Debian-Security:bookworm-security security=true Some(1441784)
    "#);
    assert_eq!(report.withheld.len(), 1);
    assert_eq!(report.withheld[0].name.as_str(), "zip");
    assert_eq!(report.withheld[0].candidate.as_str(), "3.0-13+deb12u1");
    assert_eq!(report.withheld[0].reason, WithheldReason::Held);
    assert_eq!(report.failed, None);
    // bash is alone by its records; openssl lacks libssl3 (>= 3.0.9), so apt was asked.
    let of = |name: &str| {
        &report
            .needs
            .iter()
            .find(|n| n.source.name.as_str() == name)
            .unwrap()
            .outcome
    };
    assert_eq!(of("bash"), &NeedsOutcome::With { sources: vec![] });
    let NeedsOutcome::With { sources } = of("openssl") else {
        panic!()
    };
    assert_eq!(sources[0].name.as_str(), "openssl-lib");
    let asked = bench.runner.asked.lock().unwrap();
    assert_eq!(
        asked
            .iter()
            .filter(|line| line.contains(" install "))
            .count(),
        1,
        "{asked:?}"
    );
}

#[test]
fn a_source_that_would_remove_something_is_refused_with_its_name() {
    let removes = "Remv web [1]\nInst openssl [3.0.19-1~deb12u2] (3.0.22-1~deb12u2 Debian-Security:12/oldstable-security [amd64])\n";
    let answers = [
        ("dist-upgrade", 0, UPGRADE),
        ("install -- openssl:amd64=", 0, removes),
        ("policy --", 0, PACKAGES),
        ("policy", 0, ARCHIVES),
        ("show", 0, &show()),
    ];
    let bench = bench(&device(), &answers);
    let report = bench.apt.offers(&mut |_| {}).unwrap();
    let refused = report
        .needs
        .iter()
        .find(|n| n.source.name.as_str() == "openssl")
        .unwrap();
    assert_eq!(
        refused.outcome,
        NeedsOutcome::Refused {
            reason: "it would remove web".to_owned()
        }
    );
}

#[test]
fn without_lists_nothing_is_said_and_nothing_is_run() {
    let bench = bench(&device(), &[]);
    std::fs::remove_file(bench.folder.path().join("var/lib/apt/lists/x_Packages")).unwrap();
    let report = bench.apt.offers(&mut |_| {}).unwrap();
    assert_eq!(report, offers::nothing(Lists::Absent, None));
    assert!(bench.runner.asked.lock().unwrap().is_empty());
}

#[test]
fn broken_dependencies_are_an_answer_with_a_next_step_and_an_interrupted_dpkg_is_no_obstacle() {
    let broken = "You might want to run 'apt --fix-broken install' to correct these.\nThe following packages have unmet dependencies:\n web : Depends: lib (>= 2) but it is not installed\nE: Unmet dependencies. Try using -f.\n";
    let bench = bench(&device(), &[("dist-upgrade", 100, broken)]);
    let failed = bench.apt.offers(&mut |_| {}).unwrap().failed.unwrap();
    assert!(
        failed.contains("web : Depends: lib (>= 2)") && failed.contains("next:"),
        "{failed}"
    );
    std::fs::write(
        bench.folder.path().join("var/lib/dpkg/updates/0001"),
        "Package: bash\n",
    )
    .unwrap();
    // What dpkg left unfinished keeps nobody from asking apt: an order repairs it first.
    assert!(bench.apt.interrupted());
    let asked = bench.apt.offers(&mut |_| {}).unwrap().failed.unwrap();
    assert_eq!(asked, failed);
}

fn item(name: &str, to: &str) -> OrderItem {
    OrderItem {
        ecosystem: Ecosystem::Deb,
        name: name.parse().unwrap(),
        architecture: "amd64".parse().unwrap(),
        from: None,
        to: to.parse().unwrap(),
        patch: "deb:bookworm/x@1".parse().unwrap(),
    }
}

#[test]
fn a_version_that_is_gone_is_named_with_its_successor() {
    let answers = [
        (
            "install --",
            100,
            "E: Version '3.0.21-1' for 'openssl' was not found\n",
        ),
        ("policy --", 0, PACKAGES),
    ];
    let bench = bench(&device(), &answers);
    let simulation = bench.apt.simulate(&[item("openssl", "3.0.21-1")]).unwrap();
    assert_eq!(
        simulation.refused.unwrap(),
        "Version '3.0.21-1' for 'openssl' was not found"
    );
    assert_eq!(
        simulation.not_offered[0].offered.as_ref().unwrap().as_str(),
        "3.0.22-1~deb12u2"
    );
}

#[test]
fn arguments_that_apt_would_read_otherwise_never_reach_it() {
    let bench = bench(&device(), &[]);
    for (name, to) in [
        ("bash*", "1"),
        ("-f", "1"),
        ("bash", "1 2"),
        ("bash", "-1"),
        ("./x.deb", "1"),
    ] {
        let items = [item(name, to)];
        assert!(
            matches!(
                bench.apt.simulate(&items),
                Err(BackendError::BadArgument { .. })
            ),
            "{name}"
        );
        assert!(
            bench
                .apt
                .install_command(&items, &InstallTerms::default())
                .is_err(),
            "{name}"
        );
    }
    assert!(
        bench
            .apt
            .install_command(&[], &InstallTerms::default())
            .is_err()
    );
    assert!(bench.runner.asked.lock().unwrap().is_empty());
}

#[test]
fn a_repair_finishes_what_was_begun_and_never_removes() {
    let half = stanza("labdb", "install ok half-configured", "2.0", "");
    let removes = "Remv web [1]\n";
    let answers = [
        (
            "--configure -a",
            1,
            "dpkg: error processing package labdb (--configure):\n installed labdb package post-installation script subprocess returned error exit status 1\n",
        ),
        (
            "-s -o APT::Get::Show-User-Simulation-Note=false -f install",
            0,
            removes,
        ),
    ];
    let bench = bench(&half, &answers);
    // Without the check of rights, which the folder cannot give.
    let repaired = repair::repair(&bench.apt, &InstallTerms::default()).unwrap();
    assert!(repaired.done.is_empty());
    assert_eq!(repaired.unfinished[0].as_str(), "labdb");
    assert!(repaired.problem.unwrap().contains("would remove web"));
    let asked = bench.runner.asked.lock().unwrap();
    assert!(!asked.iter().any(|line| line.contains("-y")), "{asked:?}");
}

#[test]
fn what_is_half_unpacked_is_unpacked_again_alone() {
    // The status that dpkg 1.21 leaves when it is killed in a preinst, and apt 2.6's simulation.
    let torn = stanza("labdb", "install reinstreq half-installed", "1.0", "");
    let alone = "Inst labdb [1.0] (1.0 Lab:1/all [amd64])\nConf labdb (1.0 Lab:1/all [amd64])\n";
    let more = format!("Inst labextra (1.0 Lab:1/all [amd64])\n{alone}");
    for (simulated, wanted) in [(alone, true), (more.as_str(), false)] {
        let answers = [
            ("--configure -a", 0, ""),
            ("-f install", 0, ""),
            ("--reinstall install -- labdb", 0, simulated),
        ];
        let bench = bench(&torn, &answers);
        let repaired = repair::repair(&bench.apt, &InstallTerms::default()).unwrap();
        let told = repaired.done.iter().any(|what| what.contains("labdb 1.0"));
        assert_eq!(told, wanted, "{repaired:?}");
        let asked = bench.runner.asked.lock().unwrap();
        let done = asked.iter().any(|line| {
            line.contains(" -y ") && line.ends_with("--reinstall install -- labdb:amd64=1.0")
        });
        assert_eq!(done, wanted, "{asked:?}");
    }
}

#[test]
fn what_is_put_back_is_exactly_what_the_order_found() {
    let bench = bench(&device(), &[]);
    let item = |name: &str, from: Option<&str>| OrderItem {
        ecosystem: Ecosystem::Deb,
        name: name.parse().unwrap(),
        architecture: "amd64".parse().unwrap(),
        from: from.map(|version| version.parse().unwrap()),
        to: "9".parse().unwrap(),
        patch: format!("deb:bookworm/{name}@9").parse().unwrap(),
    };
    let terms = InstallTerms::default();
    let old = [
        item("bash", Some("5.2.15-2+b8")),
        item("zip", Some("3.0-13")),
    ];
    let command = bench.apt.restore_command(&old, &terms).unwrap();
    let end = command.args.iter().position(|arg| arg == "--").unwrap();
    assert_eq!(
        command.args[end + 1..],
        ["bash:amd64=5.2.15-2+b8", "zip:amd64=3.0-13"]
    );
    // One that was not there before cannot be put back, and an odd version is no version.
    let new = [item("bash", Some("5.2.15-2+b8")), item("hello", None)];
    assert_eq!(bench.apt.restore_command(&new, &terms), None);
    let odd = [item("bash", Some("5.2/oldstable"))];
    assert_eq!(bench.apt.restore_command(&odd, &terms), None);
}
