//! Ubuntu's CVE tracker: one text for each CVE, `active/CVE-2022-36879`.
//!
//! Fields stand as `Name: value` with indented lines below; a line `jammy_linux: needs-triage` is a
//! package's state in a release. `upstream`, `snap` and packages that do not exist there (`DNE`)
//! state nothing. Records: one a file; with a line that cannot be read it is broken, what it says
//! otherwise is handed over. Source: `README` of the ubuntu-cve-tracker, section on states.

use domain::advisory::{Advisory, NoFixReason, Says, Statement, Target};
use domain::cve::CveId;
use domain::feed::Feed;
use domain::severity::Classification;
use versions::Scheme;

use super::releases;
use crate::cvss;
use crate::fields;
use crate::format::{Format, Parsed, Probe, Record, Sink, without_mark};
use crate::refusal::Refusal;
use crate::words;

/// The text.
pub const FORMAT: Format = Format {
    name: "ubuntu-cve-tracker",
    recognise,
    parse,
};

/// Most states of one CVE: kernels reach some thousands.
const STATES_MAX: usize = 200_000;

fn recognise(probe: &Probe<'_>) -> bool {
    let has = |start: &str| probe.head.lines().any(|line| line.starts_with(start));
    has("Candidate:") && (has("PublicDate") || has("Priority:") || has("References:"))
}

fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let text = std::str::from_utf8(without_mark(bytes)).map_err(|error| Refusal::Encoding {
        at: error.valid_up_to(),
    })?;
    let mut parsed = Parsed::new(Feed::UbuntuCveTracker);
    let field = |name: &str| {
        text.lines().find_map(|line| {
            let value = line.strip_prefix(name)?.strip_prefix(':')?;
            Some(value.trim())
        })
    };
    let id = field("Candidate").unwrap_or_default();
    let Ok(cve) = id.parse::<CveId>() else {
        return Err(Refusal::Invalid {
            place: "Candidate".to_owned(),
            why: format!("`{}` is not the id of a CVE", fields::word(id)),
        });
    };
    let mut advisory = Advisory::new(id);
    advisory.cves.push(cve);
    advisory.classification = Some(Classification::Security);
    advisory.published = field("PublicDate").and_then(date);
    advisory.title = fields::title(
        &below(text, "Description:")
            .take(20)
            .collect::<Vec<_>>()
            .join(" "),
    );
    let vector = below(text, "CVSS:")
        .filter_map(|line| line.split_whitespace().find_map(cvss::rating))
        .max_by_key(|rating| rating.cvss_tenths);
    let tenths = vector.as_ref().and_then(|rating| rating.cvss_tenths);
    let word = field("Priority").and_then(|value| value.split_whitespace().next());
    advisory.rating = words::rating(word.unwrap_or_default(), tenths).or(vector);
    let fault = states(text, &mut advisory)?;
    match fault {
        None => parsed.records = 1,
        Some(why) => sink.broken(id, &why),
    }
    parsed.document = Some(id.to_owned());
    sink.record(Record::Advisory(Box::new(advisory)));
    Ok(parsed)
}

/// The indented lines below a field.
fn below<'a>(text: &'a str, field: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines()
        .skip_while(move |line| !line.starts_with(field))
        .skip(1)
        .take_while(|line| line.starts_with([' ', '\t']))
        .map(str::trim)
}

/// `2022-07-27 04:15:00 UTC`.
fn date(text: &str) -> Option<jiff::Timestamp> {
    let text = text.trim().trim_end_matches(" UTC");
    fields::timestamp(&text.replacen(' ', "T", 1))
}

fn states(text: &str, advisory: &mut Advisory) -> Result<Option<String>, Refusal> {
    let mut fault: Option<String> = None;
    let last = text.lines().count();
    for (at, line) in text.lines().enumerate() {
        let Some((release, rest)) = line.split_once('_') else {
            continue;
        };
        // Fields of a package (`Patches_linux:`) begin with a capital, releases never do.
        let is_release = release.starts_with(|c: char| c.is_ascii_lowercase())
            && release
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'.'));
        if !is_release || line.starts_with([' ', '\t']) {
            continue;
        }
        let mut note = |why: String| {
            fault.get_or_insert(format!("line {}: {why}", at + 1));
        };
        if at + 1 == last && !text.ends_with('\n') {
            note("the text ends in the middle of this line: it may be truncated".to_owned());
            continue;
        }
        let Some((package, state)) = rest.split_once(':') else {
            note("a package without a state".to_owned());
            continue;
        };
        if matches!(release, "upstream" | "snap") {
            continue;
        }
        if advisory.statements.len() >= STATES_MAX {
            return Err(Refusal::TooMany {
                what: "states",
                limit: STATES_MAX as u64,
            });
        }
        match statement(release, package, state.trim()) {
            Ok(statement) => advisory.statements.extend(statement),
            Err(why) => note(why),
        }
    }
    Ok(fault)
}

fn statement(release: &str, package: &str, text: &str) -> Result<Option<Statement>, String> {
    let (system, subscription) = releases::of_pocket(release);
    let package = fields::package(package)?;
    let (state, detail) = text.split_once('(').unwrap_or((text, ""));
    let (state, detail) = (state.trim(), detail.trim().trim_end_matches(')').trim());
    let no_fix = |reason| {
        Some(Says::NoFix {
            reason,
            word: fields::word(text),
        })
    };
    let says = match state {
        "DNE" => None,
        "needs-triage" | "undecided" => Some(Says::Undetermined {
            word: state.to_owned(),
        }),
        "needed" | "active" | "pending" | "in-progress" => no_fix(NoFixReason::NotYet),
        "deferred" => no_fix(NoFixReason::Postponed),
        "ignored" if is_end_of_life(detail) => no_fix(NoFixReason::EndOfLife),
        "ignored" => no_fix(NoFixReason::WillNotFix),
        "not-affected" => Some(Says::NotAffected {
            why: fields::title(text),
        }),
        "released" | "released-esm" if detail.is_empty() => Some(Says::Undetermined {
            word: "released, without a version".to_owned(),
        }),
        "released" | "released-esm" => {
            let version = detail.split([' ', ',']).next().unwrap_or_default();
            Some(Says::FixedIn {
                introduced: None,
                fixed: fields::version(Some(Scheme::Deb), version)?,
            })
        }
        _ => return Err(format!("`{}` is no state", fields::word(state))),
    };
    let subscription = match state {
        "released-esm" => Some("Ubuntu Pro".to_owned()),
        _ => subscription,
    };
    Ok(says.map(|says| Statement {
        system,
        target: Target::Source(package),
        architectures: Vec::new(),
        module: None,
        cves: None,
        subscription,
        says,
    }))
}

/// `out of standard support`, `end of life`, `was needed, now end-of-life`, `reached end-of-life`.
fn is_end_of_life(detail: &str) -> bool {
    let detail = detail.to_ascii_lowercase().replace('-', " ");
    [
        "end of life",
        "end of standard support",
        "out of standard support",
        "end of support",
    ]
    .into_iter()
    .any(|words| detail.contains(words))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;
    use crate::format::Collect;
    use crate::formats;
    use crate::samples;
    use domain::severity::Severity;

    const HEAD: &str = "Candidate: CVE-2022-36879\nPublicDate: 2022-07-27 04:15:00 UTC\n\
        Description:\n Two\n lines.\nPriority: medium\n a reason\nCVSS:\n \
        nvd: CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:N/I:N/A:H [5.5 MEDIUM]\n\nPatches_linux:\n";

    fn read(states: &str) -> (Parsed, Collect) {
        let mut sink = Collect::default();
        let parsed = parse(format!("{HEAD}{states}").as_bytes(), &mut sink).unwrap();
        (parsed, sink)
    }

    #[test]
    fn the_head_says_how_bad_and_when() {
        let (parsed, sink) = read("upstream_linux: needs-triage\n");
        assert_eq!(parsed.records, 1);
        let advisory = sink.advisories().next().unwrap();
        assert_eq!(advisory.title, "Two lines.");
        let rating = advisory.rating.clone().unwrap();
        assert_eq!(
            (rating.severity, rating.cvss_tenths),
            (Severity::Moderate, Some(55))
        );
        let published = advisory.published.unwrap().to_string();
        assert_eq!(published, "2022-07-27T04:15:00Z");
        assert!(advisory.statements.is_empty());
    }

    #[test]
    fn each_state_has_one_meaning() {
        let says = |state: &str| {
            let (parsed, sink) = read(&format!("jammy_linux: {state}\n"));
            assert_eq!(parsed.records, 1, "{state}");
            let advisory = sink.advisories().next().unwrap();
            advisory
                .statements
                .first()
                .map(|statement| statement.says.clone())
        };
        let reason = |state: &str| match says(state) {
            Some(Says::NoFix { reason, .. }) => Some(reason),
            _ => None,
        };
        assert_eq!(says("DNE"), None);
        assert!(matches!(
            says("needs-triage"),
            Some(Says::Undetermined { .. })
        ));
        assert_eq!(reason("needed"), Some(NoFixReason::NotYet));
        assert_eq!(reason("pending (5.15.0-48.54)"), Some(NoFixReason::NotYet));
        assert_eq!(
            reason("deferred (2022-09-01)"),
            Some(NoFixReason::Postponed)
        );
        assert_eq!(
            reason("ignored (superseded by x)"),
            Some(NoFixReason::WillNotFix)
        );
        assert_eq!(
            reason("ignored (end of standard support, was needed)"),
            Some(NoFixReason::EndOfLife)
        );
        assert!(matches!(
            says("not-affected (code not present)"),
            Some(Says::NotAffected { .. })
        ));
        assert_eq!(
            says("released (5.15.0-48.54)"),
            Some(Says::FixedIn {
                introduced: None,
                fixed: "5.15.0-48.54".parse().unwrap()
            })
        );
        assert!(matches!(says("released"), Some(Says::Undetermined { .. })));
    }

    #[test]
    fn a_line_that_cannot_be_read_breaks_the_record_and_hides_nothing() {
        for bad in [
            "focal_linux: who knows",
            "focal_linux",
            "focal_linux: released (x:1)",
        ] {
            let (parsed, sink) = read(&format!("{bad}\njammy_linux: needed\n"));
            assert_eq!((parsed.records, sink.broken.len()), (0, 1), "{bad}");
            assert_eq!(sink.advisories().next().unwrap().statements.len(), 1);
        }
        let (parsed, sink) = read("jammy_linux: released (5.15.0-4");
        assert_eq!((parsed.records, sink.broken.len()), (0, 1));
        let nameless = HEAD.replace("CVE-2022", "CVE-22");
        let refused = parse(nameless.as_bytes(), &mut Collect::default());
        assert!(matches!(refused, Err(Refusal::Invalid { .. })));
    }

    #[test]
    fn the_real_text_is_read() {
        let Some(bytes) = samples::read("ubuntu/ubuntu-cve-tracker-CVE-2022-36879.txt") else {
            return;
        };
        assert_eq!(formats::recognise(&bytes).unwrap().name, FORMAT.name);
        let mut sink = Collect::default();
        assert_eq!(parse(&bytes, &mut sink).unwrap().records, 1);
        assert_eq!(sink.broken, []);
        let advisory = sink.advisories().next().unwrap();
        // By hand: 17 lines, 2 of them upstream, 4 DNE.
        assert_eq!(advisory.statements.len(), 11);
        let paid = advisory
            .statements
            .iter()
            .filter(|statement| statement.subscription.is_some());
        assert_eq!(paid.count(), 2);
    }
}
