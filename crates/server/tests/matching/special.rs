//! Cases that other tools found hard. Their documents are not here, so each row's own facts make the
//! statement, through the same types that the parsers fill.

use domain::advisory::{Advisory, NoFixReason, Says, Statement, SystemId, Target};
use domain::definitions::{Definitions, Sourced};
use engine::assess::judge::Judge;

use super::{Installed, agrees, judged, rows, states};

#[test]
fn every_special_case_agrees() {
    let Some(rows) = rows("special-cases.tsv") else {
        return;
    };
    assert_eq!(rows.len(), 18);
    let mut wrong = Vec::new();
    for row in &rows {
        let [
            distro,
            release,
            architecture,
            package,
            source,
            installed,
            fixed,
            advisory,
            vulnerable,
            _,
        ] = &row[..]
        else {
            panic!("{row:?}");
        };
        let (id, release, ecosystem) = system(distro, release);
        let module = source.contains(':').then_some(source.as_str());
        let architecture = Some(architecture.as_str()).filter(|architecture| *architecture != "-");
        let definitions = stated(&Stated {
            system: SystemId::of_os_release(id, release, None).remove(0),
            by_source: ecosystem != "rpm",
            package,
            source,
            architecture,
            module,
            fixed,
            advisory,
        });
        let judgements = judged(
            &Judge::new(&definitions),
            &Installed {
                os: (id, release),
                ecosystem,
                name: package,
                version: installed,
                architecture,
                source: module.is_none().then_some(source),
                module,
            },
        );
        let states = states(&judgements, advisory, fixed);
        if !agrees(&states, vulnerable) {
            wrong.push(format!("{row:?}: {judgements:#?}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// The `os-release` id and version, and the packages, of the table's word for a distribution.
fn system<'r>(distro: &'r str, release: &'r str) -> (&'r str, &'r str, &'static str) {
    match distro {
        "alpine" => (distro, release, "apk"),
        "debian" | "ubuntu" => (distro, release, "deb"),
        "oracle" => ("ol", release, "rpm"),
        "redhat" => ("rhel", release, "rpm"),
        "alma" => ("almalinux", release, "rpm"),
        "rocky" => (distro, release, "rpm"),
        "suse" => match release.strip_prefix("micro-") {
            Some(release) => ("sle-micro", release, "rpm"),
            None => ("opensuse-leap", release, "rpm"),
        },
        other => panic!("{other}"),
    }
}

struct Stated<'r> {
    system: SystemId,
    by_source: bool,
    package: &'r str,
    source: &'r str,
    architecture: Option<&'r str>,
    module: Option<&'r str>,
    fixed: &'r str,
    advisory: &'r str,
}

/// What the vendor stated: a fix for this release and architecture, or that there is none.
fn stated(stated: &Stated<'_>) -> Definitions {
    let statement = Statement {
        system: stated.system.clone(),
        target: if stated.by_source {
            Target::Source(stated.source.parse().unwrap())
        } else {
            Target::Binary(stated.package.parse().unwrap())
        },
        architectures: stated
            .architecture
            .iter()
            .map(|architecture| architecture.parse().unwrap())
            .collect(),
        module: stated.module.map(str::to_owned),
        cves: None,
        subscription: None,
        says: if stated.fixed.is_empty() {
            Says::NoFix {
                reason: NoFixReason::NotYet,
                word: String::new(),
            }
        } else {
            Says::FixedIn {
                introduced: None,
                fixed: stated.fixed.parse().unwrap(),
            }
        },
    };
    let advisory = Advisory {
        statements: vec![statement],
        ..Advisory::new(stated.advisory)
    };
    Definitions {
        advisories: vec![Sourced {
            document: 0,
            value: advisory,
        }],
        ..Definitions::default()
    }
}
