use super::*;

fn at() -> Timestamp {
    "2026-11-23T08:00:00Z".parse().unwrap()
}

fn client(number: u8, name: &str, devices: u64, exposed: u64) -> ClientHit {
    ClientHit {
        client: ClientId::from_bytes([number; 16]),
        name: name.into(),
        devices,
        exposed,
    }
}

fn hit() -> AdvisoryHit {
    AdvisoryHit {
        feed: Feed::DebianDsa,
        advisory: "DSA-5500-1".into(),
        title: "libwebp - security update".into(),
        cves: vec!["CVE-2023-4863".parse().unwrap()],
        severity: Some(Severity::Important),
        exploited: Some(false),
        clients: vec![client(1, "Acme", 200, 2), client(2, "Borg", 12, 1)],
    }
}

fn manner() -> Manner {
    Manner {
        owner: "petra".into(),
        digest: true,
    }
}

#[test]
fn a_new_advisory_is_told_once() {
    let (event, told) = event(&hit(), None, &manner(), at()).unwrap();
    assert_eq!(event.kind, EventKind::AdvisoryNew);
    assert_eq!(event.urgency, Urgency::Digest);
    assert_eq!(event.owner, "petra");
    insta::assert_snapshot!(format!("{}\n{}", event.texts[0].subject, event.texts[0].body), @r"
    DSA-5500-1: 2 clients, 212 devices, 3 exposed
    libwebp - security update
    Severity: important; not known to be exploited.
    CVEs: CVE-2023-4863.
    - Acme: 200 devices, 2 exposed
    - Borg: 12 devices, 1 exposed
    ");
    assert_eq!(super::event(&hit(), Some(&told), &manner(), at()), None);
}

#[test]
fn a_clients_text_names_no_other_client() {
    let (event, _) = event(&hit(), None, &manner(), at()).unwrap();
    let acme = &event.texts[1];
    assert_eq!(
        acme.audience,
        Audience::Client(ClientId::from_bytes([1; 16]))
    );
    assert_eq!(acme.subject, "DSA-5500-1: 200 devices");
    let whole = format!("{}{}", acme.subject, acme.body);
    assert!(!whole.contains("Borg") && !whole.contains("212"), "{whole}");
}

#[test]
fn what_hits_nobody_is_quiet_and_what_is_exploited_or_critical_is_told_now() {
    let urgency = |change: &dyn Fn(&mut AdvisoryHit), digest: bool| {
        let mut hit = hit();
        change(&mut hit);
        let manner = Manner { digest, ..manner() };
        event(&hit, None, &manner, at()).unwrap().0.urgency
    };
    assert_eq!(urgency(&|hit| hit.clients.clear(), false), Urgency::Quiet);
    assert_eq!(urgency(&|_| {}, true), Urgency::Digest);
    assert_eq!(urgency(&|_| {}, false), Urgency::Now);
    assert_eq!(
        urgency(&|hit| hit.exploited = Some(true), true),
        Urgency::Now
    );
    assert_eq!(
        urgency(&|hit| hit.severity = Some(Severity::Critical), true),
        Urgency::Now
    );
    // Not known is not told as harmless, and no alarm either.
    assert_eq!(urgency(&|hit| hit.exploited = None, true), Urgency::Digest);
}

#[test]
fn only_what_matters_is_a_change() {
    let (_, told) = event(&hit(), None, &manner(), at()).unwrap();
    let change = |change: &dyn Fn(&mut AdvisoryHit)| {
        let mut hit = hit();
        change(&mut hit);
        event(&hit, Some(&told), &manner(), at()).map(|(event, _)| event.texts[0].body.clone())
    };
    assert_eq!(change(&|hit| hit.title = "another word".into()), None);
    assert_eq!(change(&|hit| hit.clients[0].devices = 100), None);
    assert_eq!(change(&|hit| hit.cves.clear()), None);
    assert_eq!(change(&|hit| hit.severity = Some(Severity::Low)), None);
    let said = change(&|hit| {
        hit.cves.push("CVE-2023-5129".parse().unwrap());
        hit.severity = Some(Severity::Critical);
        hit.exploited = Some(true);
        hit.clients.push(client(3, "Cobalt", 1, 0));
    })
    .unwrap();
    assert!(
        said.contains(
            "Changed: 1 CVE more, now rated critical, now known to be exploited, 1 client more."
        ),
        "{said}"
    );
}

#[test]
fn a_document_that_shrinks_and_grows_again_tells_nothing_twice() {
    let (first, told) = event(&hit(), None, &manner(), at()).unwrap();
    let mut short = hit();
    short.clients.truncate(1);
    short.cves.clear();
    assert_eq!(event(&short, Some(&told), &manner(), at()), None);
    assert_eq!(event(&hit(), Some(&told), &manner(), at()), None);
    let mut more = hit();
    more.clients.push(client(3, "Cobalt", 1, 0));
    let (second, _) = event(&more, Some(&told), &manner(), at()).unwrap();
    assert_ne!(first.key, second.key);
}

#[test]
fn a_digest_gathers_what_waits_for_each_audience() {
    let (waiting, _) = event(&hit(), None, &manner(), at()).unwrap();
    let mut urgent = hit();
    urgent.exploited = Some(true);
    let (now, _) = event(&urgent, None, &manner(), at()).unwrap();
    let digests = digest([&waiting, &now]);
    assert_eq!(digests.len(), 3);
    assert_eq!(
        digests[&Audience::Provider].subject,
        "Digest: 1 advisory event"
    );
}
