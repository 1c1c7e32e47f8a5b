use domain::advisory::{AfterInstall, Says, Target};
use domain::severity::{Severity, SeveritySource};

use super::read;
use crate::format::{Collect, Record};
use crate::formats::recognise;
use crate::microsoft::words;
use crate::refusal::Refusal;
use domain::advisory::RemedyKind as Kind;

const PRODUCTS: &str = r#"<prod:ProductTree>
<prod:FullProductName ProductID="1">Windows Server 2022</prod:FullProductName>
<prod:FullProductName ProductID="2">Windows Server 2012 R2</prod:FullProductName>
<prod:FullProductName ProductID="3-4">azl3 vim 9.1.1-1 on Azure Linux 3.0</prod:FullProductName>
<prod:FullProductName ProductID="5">CBL Mariner 2.0 x64</prod:FullProductName>
</prod:ProductTree>"#;

fn month(id: &str, vulnerabilities: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><cvrf:cvrfdoc xmlns:cvrf=\"http://www.icasi.org/CVRF/schema/cvrf/1.1\">\
         <cvrf:DocumentPublisher Type=\"Vendor\"><cvrf:ContactDetails>secure@microsoft.com</cvrf:ContactDetails>\
         </cvrf:DocumentPublisher><cvrf:DocumentTracking><cvrf:Identification><cvrf:ID>{id}</cvrf:ID>\
         </cvrf:Identification><cvrf:CurrentReleaseDate>2026-06-28T01:56:08</cvrf:CurrentReleaseDate>\
         </cvrf:DocumentTracking>{PRODUCTS}{vulnerabilities}</cvrf:cvrfdoc>"
    )
}

fn vulnerability(cve: &str, inside: &str) -> String {
    format!(
        "<vuln:Vulnerability Ordinal=\"7\"><vuln:CVE>{cve}</vuln:CVE>{inside}</vuln:Vulnerability>"
    )
}

fn fix(kb: &str, product: &str, more: &str) -> String {
    format!(
        "<vuln:Remediation Type=\"Vendor Fix\"><vuln:Description>{kb}</vuln:Description>\
         <vuln:ProductID>{product}</vuln:ProductID>{more}</vuln:Remediation>"
    )
}

fn remediations(all: &[String]) -> String {
    format!("<vuln:Remediations>{}</vuln:Remediations>", all.concat())
}

#[test]
fn only_vendor_fixes_with_a_kb_are_remedies() {
    let inside = remediations(&[
        fix(
            "5094128",
            "1",
            "<vuln:Supercedence>KB5087545; 10.0.1, 508754, 50875</vuln:Supercedence>\
             <vuln:RestartRequired>Yes</vuln:RestartRequired><vuln:SubType>Security Update</vuln:SubType>\
             <vuln:FixedBuild>10.0.20348.5256\u{200b}</vuln:FixedBuild>",
        ),
        fix("Release Notes", "1", ""),
        fix("50941281", "1", ""),
        "<vuln:Remediation Type=\"Known Issue\"><vuln:Description>5094129</vuln:Description>\
         <vuln:ProductID>1</vuln:ProductID><vuln:SubType>5094130</vuln:SubType></vuln:Remediation>"
            .to_owned(),
    ]);
    let text = month("2026-Jun", &vulnerability("CVE-2026-1234", &inside));
    let (parsed, sink) = read(text.as_bytes());
    let parsed = parsed.unwrap();
    assert_eq!(parsed.records, 1);
    assert_eq!(
        parsed.notes,
        ["2 superseded updates are named by something else than a KB and are left out"]
    );
    let advisory = sink.advisories().next().unwrap();
    let [remedy] = &advisory.remedies[..] else {
        panic!("{:?}", advisory.remedies);
    };
    assert_eq!(remedy.kb.0, 5_094_128);
    assert_eq!(remedy.product, "Windows Server 2022");
    assert_eq!(remedy.kind, Kind::Cumulative);
    let replaces: Vec<u32> = remedy.replaces.iter().map(|kb| kb.0).collect();
    assert_eq!(replaces, [5_087_545, 508_754]);
    let build = remedy.fixed_build.as_ref().map(ToString::to_string);
    assert_eq!(build.as_deref(), Some("10.0.20348.5256"));
    assert_eq!(remedy.after, AfterInstall::Reboot);
    assert_eq!(advisory.after, AfterInstall::Reboot);
}

#[test]
fn ratings_are_per_product_and_the_highest_for_the_advisory() {
    let inside = "<vuln:Threats>\
        <vuln:Threat Type=\"Severity\"><vuln:Description>Important</vuln:Description><vuln:ProductID>1</vuln:ProductID></vuln:Threat>\
        <vuln:Threat Type=\"Severity\"><vuln:Description>Critical</vuln:Description><vuln:ProductID>2</vuln:ProductID></vuln:Threat>\
        <vuln:Threat Type=\"Severity\"><vuln:Description/><vuln:ProductID>5</vuln:ProductID></vuln:Threat></vuln:Threats>\
        <vuln:CVSSScoreSets><vuln:ScoreSet><vuln:BaseScore>7.8</vuln:BaseScore><vuln:ProductID>1</vuln:ProductID></vuln:ScoreSet>\
        <vuln:ScoreSet><vuln:BaseScore>5.5</vuln:BaseScore><vuln:ProductID>5</vuln:ProductID></vuln:ScoreSet></vuln:CVSSScoreSets>"
        .to_owned()
        + &remediations(&[
            fix("5094128", "1", ""),
            fix("5094128", "2", ""),
            fix("5094129", "5", ""),
            fix("5094129", "9", ""),
        ]);
    let text = month("2026-Jun", &vulnerability("CVE-2026-1234", &inside));
    let (parsed, sink) = read(text.as_bytes());
    assert_eq!(
        parsed.unwrap().notes,
        ["1 remedies are for products that the document does not name"]
    );
    let advisory = sink.advisories().next().unwrap();
    let rated: Vec<_> = advisory
        .remedies
        .iter()
        .map(|remedy| {
            let rating = remedy.rating.as_ref();
            rating.map(|r| (r.severity, r.source, r.cvss_tenths, r.word.clone()))
        })
        .collect();
    assert_eq!(
        rated,
        [
            Some((
                Severity::Important,
                SeveritySource::Vendor,
                Some(78),
                "Important".to_owned()
            )),
            Some((
                Severity::Critical,
                SeveritySource::Vendor,
                None,
                "Critical".to_owned()
            )),
            Some((
                Severity::Moderate,
                SeveritySource::Derived,
                Some(55),
                "CVSS 5.5".to_owned()
            )),
            None,
        ]
    );
    assert_eq!(
        advisory.rating.as_ref().unwrap().severity,
        Severity::Critical
    );
}

#[test]
fn ids_that_are_no_cve_ids_are_kept_as_they_stand() {
    let text = month(
        "2018-FEB",
        &[
            vulnerability("CVE-2022-2601", ""),
            vulnerability("CVE-2022-2601-M", ""),
            vulnerability("CVE-2023-32002 - M", ""),
            vulnerability("ADV220002", ""),
        ]
        .concat(),
    );
    let (parsed, sink) = read(text.as_bytes());
    let parsed = parsed.unwrap();
    assert_eq!(
        (parsed.records, parsed.document.as_deref()),
        (4, Some("2018-FEB"))
    );
    let ids: Vec<_> = sink
        .advisories()
        .map(|advisory| {
            (
                advisory.id.as_str(),
                advisory.cves.len(),
                advisory.aliases.len(),
            )
        })
        .collect();
    assert_eq!(
        ids,
        [
            ("CVE-2022-2601", 1, 0),
            ("CVE-2022-2601-M", 0, 1),
            ("CVE-2023-32002 - M", 0, 1),
            ("ADV220002", 0, 1),
        ]
    );
}

#[test]
fn broken_vulnerabilities_are_counted_and_the_rest_is_read() {
    let score = |score: &str| {
        format!(
            "<vuln:CVSSScoreSets><vuln:ScoreSet><vuln:BaseScore>{score}</vuln:BaseScore></vuln:ScoreSet></vuln:CVSSScoreSets>"
        )
    };
    let text = month(
        "2026-Jun",
        &[
            vulnerability("CVE-2026-1000", &score("10.0")),
            vulnerability("CVE-2026-1000", ""),
            vulnerability("", ""),
            vulnerability("CVE-2026-1001", &score("10.1")),
            vulnerability("CVE-2026-1002", &score("NaN")),
            vulnerability("CVE-2026-1003", &score("-inf")),
            vulnerability("CVE-2026-1004", &score("")),
        ]
        .concat(),
    );
    let (parsed, sink) = read(text.as_bytes());
    assert_eq!(parsed.unwrap().records, 2);
    let places: Vec<&str> = sink
        .broken
        .iter()
        .map(|(place, _)| place.as_str())
        .collect();
    assert_eq!(
        places,
        [
            "CVE-2026-1000",
            "Vulnerability with Ordinal 7",
            "CVE-2026-1001",
            "CVE-2026-1002",
            "CVE-2026-1003",
        ]
    );
    assert_eq!(
        sink.broken[2].1,
        "the score `10.1` is no number from 0.0 to 10.0"
    );
}

#[test]
fn azure_linux_is_stated_only_with_a_fixed_version() {
    let inside = remediations(&[
        fix(
            "CBL-Mariner Releases",
            "3-4",
            "<vuln:FixedBuild>9.1.0791-1</vuln:FixedBuild>",
        ),
        fix("CBL-Mariner Releases", "3-4", ""),
        fix("vim", "5", "<vuln:FixedBuild>9.0.2121-4</vuln:FixedBuild>"),
        fix(
            "CBL-Mariner Releases",
            "5",
            "<vuln:FixedBuild>9.0.2121-4</vuln:FixedBuild>",
        ),
        fix("curl", "5", "<vuln:FixedBuild>see notes</vuln:FixedBuild>"),
        fix("curl", "1", "<vuln:FixedBuild>8.0-1</vuln:FixedBuild>"),
    ]);
    let text = month("2026-Jun", &vulnerability("CVE-2026-1234", &inside));
    let (_, sink) = read(text.as_bytes());
    let advisory = sink.advisories().next().unwrap();
    let stated: Vec<_> = advisory
        .statements
        .iter()
        .map(|statement| {
            let Says::FixedIn { fixed, .. } = &statement.says else {
                panic!("{statement:?}");
            };
            let Target::Source(name) = &statement.target else {
                panic!("{statement:?}");
            };
            let architectures: Vec<_> = statement
                .architectures
                .iter()
                .map(ToString::to_string)
                .collect();
            format!(
                "{} {name} {fixed} {}",
                statement.system,
                architectures.join(" ")
            )
        })
        .collect();
    assert_eq!(
        stated,
        [
            "azurelinux:3 vim 9.1.0791-1 ",
            "mariner:2 vim 9.0.2121-4 x86_64",
        ]
    );
    assert!(advisory.remedies.is_empty());
}

#[test]
fn kinds_follow_the_table() {
    for (sub_type, product, build, kind) in [
        (
            "Monthly Rollup",
            "Windows Server 2012 R2",
            "6.3.9600.22318",
            Kind::Cumulative,
        ),
        (
            "Security Only",
            "Windows Server 2012 R2",
            "",
            Kind::SecurityOnly,
        ),
        (
            "Security Update",
            "Windows Server 2012 R2",
            "",
            Kind::Update,
        ),
        (
            "Security Update",
            "Windows Server 2016",
            "",
            Kind::Cumulative,
        ),
        (
            "Security Update",
            "Windows Server 2022, 23H2 Edition (Server Core installation)",
            "10.0.25398.1",
            Kind::Cumulative,
        ),
        (
            "Security Update",
            "Windows Server, version 20H2 (Server Core Installation)",
            "",
            Kind::Cumulative,
        ),
        (
            "Security Update",
            "Windows 11 Version 24H2 for x64-based Systems",
            "10.0.26100.8655",
            Kind::Cumulative,
        ),
        (
            "Security Update",
            "Windows 10 for 32-bit Systems",
            "V1.003",
            Kind::Update,
        ),
        (
            "Security Update",
            "Windows 7 for 32-bit Systems Service Pack 1",
            "",
            Kind::Update,
        ),
        ("Security Update", "Windows Admin Center", "", Kind::Update),
        (
            "Security Update",
            "Microsoft Office 2019 for 32-bit editions",
            "",
            Kind::Update,
        ),
        (
            "SecurityHotpatchUpdate",
            "Windows Server 2022",
            "10.0.20348.2908",
            Kind::Hotpatch,
        ),
        (
            "Security HotPatch Update",
            "Windows Server 2022",
            "",
            Kind::Hotpatch,
        ),
        ("AzureHotpatch", "Windows Server 2022", "", Kind::Hotpatch),
        (
            "IE Cumulative",
            "Windows Server 2012",
            "1.001",
            Kind::BrowserCumulative,
        ),
        (
            "Cumulative Update",
            "Internet Explorer 11 on Windows 10",
            "",
            Kind::BrowserCumulative,
        ),
        (
            "ServicingStackUpdate",
            "Windows Server 2022",
            "",
            Kind::ServicingStack,
        ),
        ("Update", "Windows Server 2016", "", Kind::Update),
        ("", "Windows Server 2016", "", Kind::Update),
    ] {
        assert_eq!(
            words::kind(sub_type, product, build),
            kind,
            "{sub_type} of {product} {build}"
        );
    }
}

#[test]
fn a_build_is_four_numbers_and_nothing_else() {
    for good in ["10.0.20348.2700", "6.3.9600.22318", "0.0.0.0"] {
        assert_eq!(
            words::build(good).map(|b| b.to_string()).as_deref(),
            Some(good)
        );
    }
    for bad in [
        "",
        "-",
        "1.001",
        "10.0.20348",
        "10.0.20348.2700.1",
        "10.0.20348.x",
        "10.0.20348.",
        "10.0.20348.99999999999",
        "3.0.6920.8954; 2.0.50727.8970",
        "https://example.org/1.2.3.4",
        "V1.2.3.4",
        "10.0.-1.2",
    ] {
        assert_eq!(words::build(bad), None, "{bad}");
    }
}

#[test]
fn truncated_and_damaged_months_are_refused() {
    let whole = month("2026-Jun", &vulnerability("CVE-2026-1234", ""));
    for length in [whole.len() - 3, whole.len() - 40, whole.len() / 2 + 200] {
        let (parsed, _) = read(&whole.as_bytes()[..length]);
        assert!(
            matches!(parsed, Err(Refusal::Truncated { .. })),
            "{length}: {parsed:?}"
        );
    }
    let (parsed, _) = read(month("", "").as_bytes());
    assert!(matches!(parsed, Err(Refusal::Missing { .. })), "{parsed:?}");
    let entity = whole.replace("CVE-2026-1234", "&bomb;");
    assert!(matches!(
        read(entity.as_bytes()).0,
        Err(Refusal::Entities { .. })
    ));
}

const JSON: &str = r#"{"DocumentTitle":{"Value":"x"},"DocumentTracking":{"Identification":{"ID":{"Value":"2026-Jun"}}},
"Vulnerability":[
 {"CVE":"CVE-2026-1000","CVSSScoreSets":[{"BaseScore":NaN,"ProductID":["1"]}]},
 {"CVE":"CVE-2026-1001","CVSSScoreSets":[{"BaseScore":11,"ProductID":["1"]}]},
 {"CVE":"CVE-2026-1002","Threats":null},
 {"CVE":"CVE-2026-1002"},
 7,
 {"CVE":"CVE-2026-1003","Remediations":[{"Type":2,"Description":{"Value":"5094128"},"ProductID":["1"]},
   {"Type":5,"Description":{"Value":"5094129"},"ProductID":["1"]}]}],
"ProductTree":{"FullProductName":[{"ProductID":"1","Value":"Windows Server 2022"}]}}"#;

#[test]
fn json_that_is_broken_in_places_is_read_around_them() {
    let (parsed, sink) = read(JSON.as_bytes());
    assert_eq!(parsed.unwrap().records, 2);
    let places: Vec<&str> = sink
        .broken
        .iter()
        .map(|(place, _)| place.as_str())
        .collect();
    assert_eq!(
        places,
        [
            "Vulnerability[0]",
            "CVE-2026-1001",
            "CVE-2026-1002",
            "Vulnerability[4]"
        ]
    );
    let last = sink.advisories().last().unwrap();
    assert_eq!(last.remedies.len(), 1);
    assert_eq!(last.remedies[0].product, "Windows Server 2022");
    let (parsed, sink) = read(&JSON.as_bytes()[..JSON.len() - 1]);
    assert!(matches!(parsed, Err(Refusal::Truncated { .. })));
    assert!(
        sink.records.is_empty(),
        "nothing comes of a document that ends early"
    );
}

#[test]
fn other_publishers_documents_are_not_taken() {
    let other = month("2026-Jun", "").replace("secure@microsoft.com", "psirt@example.org");
    let form = recognise(other.as_bytes()).map(|format| format.name);
    assert_ne!(form, Some("msrc-cvrf-xml"));
}

#[test]
fn an_index_names_each_document_once() {
    let text = r#"{"@odata.context":"https://api.msrc.microsoft.com/$metadata#Updates","value":[
        {"ID":"2017-May-B","CurrentReleaseDate":"2026-07-01T14:41:34Z","CvrfUrl":"https://mirror.example/2017-May-B"},
        {"ID":"2017-May-B"},{"ID":""},{"Alias":"2018-FEB"},[1]]}"#;
    let (parsed, sink) = read(text.as_bytes());
    assert_eq!(parsed.unwrap().records, 1);
    assert_eq!(sink.broken.len(), 4);
    let [
        Record::Listed {
            document,
            address,
            changed,
        },
    ] = &sink.records[..]
    else {
        panic!("{:?}", sink.records);
    };
    assert_eq!(document, "2017-May-B");
    assert_eq!(
        address.as_deref(),
        Some("https://mirror.example/2017-May-B")
    );
    assert_eq!(changed.unwrap().to_string(), "2026-07-01T14:41:34Z");
}

#[test]
fn the_list_of_the_offline_catalogue_is_counted() {
    let guid = "0a51549b-4e86-4a26-97d4-9e3567f24ea1";
    let text = format!(
        "<OfflineSyncPackage PackageId=\"p1\" CreationDate=\"2026-06-09T00:00:00Z\"><Updates>\
         <Update UpdateId=\"{guid}\" RevisionId=\"1\"><SupersededBy><Revision Id=\"2\"/><Revision Id=\"9\"/></SupersededBy></Update>\
         <Update UpdateId=\"{guid}\" RevisionId=\"2\"/><Update UpdateId=\"{guid}\" RevisionId=\"2\"/>\
         <Update UpdateId=\"x\" RevisionId=\"3\"/><Update UpdateId=\"{guid}\" RevisionId=\"-4\"/></Updates></OfflineSyncPackage>"
    );
    let (parsed, sink) = read(text.as_bytes());
    let parsed = parsed.unwrap();
    assert_eq!(
        (parsed.records, parsed.document.as_deref()),
        (2, Some("p1"))
    );
    assert_eq!(sink.broken.len(), 3);
    assert!(
        parsed.notes[0].starts_with("1 updates are replaced by"),
        "{:?}",
        parsed.notes
    );
}

#[test]
fn no_bytes_make_a_reader_panic() {
    let seeds = [
        month("2026-Jun", &vulnerability("CVE-2026-1234", "")),
        JSON.to_owned(),
    ];
    for seed in seeds {
        for at in 0..seed.len() {
            for with in [b'<', b'"', 0xff, b'{', b'0'] {
                let mut bytes = seed.clone().into_bytes();
                bytes[at] = with;
                for format in crate::microsoft::FORMATS {
                    let _ = (format.parse)(&bytes, &mut Collect::default());
                }
            }
        }
    }
}
