//! Definitions as a server keeps them: fetched, judged, kept, put in force, released, deleted.
//!
//! The transport is a table of the test; documents are OSV records written by hand for it.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

mod support;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use domain::access::{Permission, Principal, Reach, Role};
use domain::clock::FixedClock;
use domain::document::DocumentStanding;
use domain::feed::Feed;
use domain::id::PrincipalId;
use domain::page::PageRequest;
use feeds::fetch::{Answer, FetchError, Request, Transport};
use feeds::sources::{self, Form, Source};
use service::feed::bundle::BundleImport;
use service::feed::document::{DocumentChange, DocumentItem};
use service::feed::refresh::Refreshed;
use service::feed::{FeedItem, Feeds, Freshness};
use service::keys::Keys;
use service::{Service, ServiceError};
use store::{OpenOptions, Store};
use support::at;

const ADDRESS: &str = "https://feeds.example/osv.tar";
const FOLDER: &str = "https://csaf.example/";

/// What addresses answer: a body, or a status.
#[derive(Default)]
struct Table(Mutex<BTreeMap<String, Result<Vec<u8>, u16>>>);

impl Table {
    fn set(&self, address: &str, answer: Result<Vec<u8>, u16>) {
        self.0.lock().unwrap().insert(address.to_owned(), answer);
    }
}

impl Transport for Table {
    fn get(&self, request: &Request, into: &mut dyn Write) -> Result<Answer, FetchError> {
        let status = |status| FetchError::Status {
            address: request.address.clone(),
            status,
        };
        let table = self.0.lock().unwrap();
        let body = match table.get(&request.address) {
            None => return Err(status(404)),
            Some(Err(code)) => return Err(status(*code)),
            Some(Ok(body)) => body,
        };
        let sha256 = *domain::inventory::Digest::of(body).bytes();
        let etag = format!("{:?}", &sha256[..4]);
        if request.etag.as_ref() == Some(&etag) {
            return Ok(Answer::NotModified);
        }
        into.write_all(body).map_err(FetchError::Write)?;
        Ok(Answer::Body {
            bytes: body.len() as u64,
            sha256,
            etag: Some(etag),
            last_modified: None,
        })
    }
}

fn source(feed: Feed, address: &'static [&'static str], form: Form) -> Source {
    Source {
        addresses: address,
        form,
        mirror: None,
        checksums: true,
        ..*sources::of(feed).unwrap()
    }
}

static SOURCES: std::sync::LazyLock<Vec<Source>> = std::sync::LazyLock::new(|| {
    vec![
        source(Feed::DebianOsv, &[ADDRESS], Form::Documents),
        source(Feed::RedhatCsaf, &[FOLDER], Form::CsafFolder),
        *sources::of(Feed::DebChangelog).unwrap(),
    ]
});

struct World {
    service: Arc<Service>,
    clock: Arc<FixedClock>,
    owner: Principal,
    table: Table,
    dir: tempfile::TempDir,
}

fn open(dir: &Path, clock: &Arc<FixedClock>) -> Arc<Service> {
    let store = Store::open(&dir.join("patchloop.db"), OpenOptions::default()).unwrap();
    let keys = Keys::load_or_make(dir).unwrap();
    let feeds = Feeds::open(dir, None).unwrap().with_sources(&SOURCES);
    let service = Service::new(store, Arc::clone(clock) as _, keys, feeds).unwrap();
    service.feeds_start().unwrap();
    service
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock::at(at("2026-03-02T12:00:00Z")));
        let service = open(dir.path(), &clock);
        let owner = service.owner_create("Olga").unwrap().owner;
        Self {
            service,
            clock,
            owner,
            table: Table::default(),
            dir,
        }
    }

    fn refresh(&self, feed: Feed) -> Refreshed {
        let stop = AtomicBool::new(false);
        self.service.feed_refresh(feed, &self.table, &stop).unwrap()
    }

    fn item(&self, feed: Feed) -> FeedItem {
        let status = self.service.feed_status(&self.owner).unwrap();
        let item = status.feeds.into_iter().find(|item| item.feed == feed);
        item.unwrap()
    }

    fn advisories(&self) -> Vec<String> {
        let force = self.service.feeds().in_force();
        let all = force.definitions.advisories.iter();
        let mut ids: Vec<String> = all.map(|one| one.value.id.clone()).collect();
        ids.sort();
        ids.dedup();
        ids
    }

    fn documents(&self) -> Vec<DocumentItem> {
        let all = PageRequest {
            cursor: None,
            limit: 100,
        };
        let found = self.service.document_list(&self.owner, None, None, &all);
        found.unwrap().items
    }
}

/// An OSV record.
fn record(number: u32, ecosystem: &str) -> String {
    format!(
        r#"{{"schema_version":"1.6.0","id":"DSA-{number}-1","modified":"2026-03-01T00:00:00Z",
            "published":"2026-03-01T00:00:00Z","upstream":["CVE-2026-{number:04}"],
            "affected":[{{"package":{{"ecosystem":"{ecosystem}","name":"examplepkg"}},
            "ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"1.{number}-1"}}]}}]}}]}}"#
    )
}

/// A tar of OSV records, one a number.
fn osv(numbers: impl IntoIterator<Item = u32>) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for number in numbers {
        let record = record(number, "Debian:12");
        let mut header = tar::Header::new_ustar();
        header.set_size(record.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        let name = format!("DSA-{number}-1.json");
        builder
            .append_data(&mut header, name, record.as_bytes())
            .unwrap();
    }
    builder.into_inner().unwrap()
}

fn change(document: &str, dry_run: bool) -> DocumentChange {
    DocumentChange {
        document: document.to_owned(),
        reason: "looked at by hand".to_owned(),
        dry_run,
    }
}

#[test]
fn without_any_feed_nothing_is_said() {
    let world = World::new();
    let status = world.service.feed_status(&world.owner).unwrap();
    assert_eq!(status.advisories, None);
    assert!(status.sentence.starts_with("No advisories are at hand"));
    for item in status.feeds {
        assert_eq!((item.freshness, item.documents), (Freshness::Never, None));
    }
}

#[test]
fn a_document_is_fetched_kept_and_in_force_also_after_a_restart() {
    let world = World::new();
    world.table.set(ADDRESS, Ok(osv(1..=40)));
    let done = world.refresh(Feed::DebianOsv);
    assert_eq!((done.good, done.failures.len()), (1, 0));
    assert_eq!(world.advisories().len(), 40);
    let item = world.item(Feed::DebianOsv);
    assert_eq!((item.freshness, item.records), (Freshness::Fresh, Some(40)));
    // Nothing new is nothing fetched, and still a success.
    world.clock.set(at("2026-03-03T12:00:00Z"));
    assert_eq!(world.refresh(Feed::DebianOsv).good, 0);
    let item = world.item(Feed::DebianOsv);
    assert_eq!(item.succeeded_at, Some(at("2026-03-03T12:00:00Z")));
    world.clock.set(at("2026-03-09T12:00:00Z"));
    assert_eq!(world.item(Feed::DebianOsv).freshness, Freshness::Stale);
    let again = open(world.dir.path(), &world.clock);
    assert_eq!(again.feeds().in_force().definitions.advisories.len(), 40);
}

#[test]
fn what_a_newer_document_leaves_out_stays_and_a_sudden_fall_is_quarantined() {
    let world = World::new();
    world.table.set(ADDRESS, Ok(osv(1..=40)));
    world.refresh(Feed::DebianOsv);
    // One is left out, one is new: both editions count.
    world.table.set(ADDRESS, Ok(osv(2..=41)));
    world.refresh(Feed::DebianOsv);
    assert_eq!(world.advisories().len(), 41);
    // Half of it is gone, and it is the only one that knows number 99.
    world.table.set(ADDRESS, Ok(osv((2..=20).chain([99]))));
    let done = world.refresh(Feed::DebianOsv);
    assert_eq!((done.good, done.quarantined), (0, 1));
    assert_eq!(world.advisories().len(), 41);
    let item = world.item(Feed::DebianOsv);
    assert_eq!(item.quarantined, 1);
    assert!(
        item.error
            .unwrap()
            .contains("a sudden fall is not believed")
    );
    let stands: Vec<_> = world.documents().iter().map(|one| one.standing).collect();
    use DocumentStanding as S;
    assert_eq!(stands, [S::Beside, S::Good, S::Quarantined]);
    // It is told once, whenever the loop looks.
    for time in ["2026-03-10T12:00:00Z", "2026-03-10T13:00:00Z"] {
        world.clock.set(at(time));
        world.service.notify_turn().unwrap();
    }
    let page = domain::page::PageRequest::default();
    let told = world.service.event_list(&world.owner, &page).unwrap().items;
    let told: Vec<_> = told
        .iter()
        .filter(|event| event.kind.to_string() == "feed-trouble")
        .map(|event| event.subject.as_str())
        .collect();
    assert_eq!(told, ["debian-osv: osv.tar is in quarantine"]);

    // A person looks at it and puts it in force: nothing is lost by that either.
    let (service, owner) = (&world.service, &world.owner);
    let tried = service
        .document_release(owner, Feed::DebianOsv, &change("osv.tar", true))
        .unwrap();
    assert_eq!((tried.comes, tried.done), (1, false));
    assert_eq!(world.advisories().len(), 41);
    let done = service
        .document_release(owner, Feed::DebianOsv, &change("osv.tar", false))
        .unwrap();
    assert!(done.done);
    assert_eq!(world.advisories().len(), 42);

    // Only an explicit word deletes, and it leaves a tombstone.
    let hash = done.document.sha256;
    let gone = service
        .document_delete(owner, Feed::DebianOsv, &change(&hash[..12], false))
        .unwrap();
    assert_eq!(gone.goes, 1);
    assert_eq!(world.advisories().len(), 41);
    world.table.set(ADDRESS, Ok(osv((2..=20).chain([99]))));
    world.refresh(Feed::DebianOsv);
    assert_eq!(world.advisories().len(), 41);
    let page = PageRequest {
        cursor: None,
        limit: 100,
    };
    let audit = service.audit_list(owner, &page).unwrap().items;
    for action in ["feed.quarantine", "feed.release", "feed.delete"] {
        let rows = audit.iter().filter(|row| row.action == action).count();
        assert_eq!(rows, 1, "{action}");
    }
}

#[test]
fn a_server_that_fails_leaves_everything_in_force_and_is_told() {
    let world = World::new();
    world.table.set(ADDRESS, Ok(osv(1..=3)));
    world.refresh(Feed::DebianOsv);
    for answer in [Err(500), Ok(b"<html>sorry</html>".to_vec()), Ok(Vec::new())] {
        world.table.set(ADDRESS, answer);
        assert_eq!(world.refresh(Feed::DebianOsv).failures.len(), 1);
        assert!(world.item(Feed::DebianOsv).error.is_some());
        assert_eq!(world.advisories().len(), 3);
    }
    world.table.set(ADDRESS, Ok(osv(1..=4)));
    world.refresh(Feed::DebianOsv);
    assert_eq!(world.item(Feed::DebianOsv).error, None);
    assert_eq!(world.advisories().len(), 4);
}

#[test]
fn a_document_without_the_stated_checksum_is_not_taken() {
    let world = World::new();
    world.table.set(ADDRESS, Ok(osv(1..=3)));
    let checksum = format!("{ADDRESS}.sha256");
    world.table.set(&checksum, Ok(b"00ff  osv.tar".to_vec()));
    let done = world.refresh(Feed::DebianOsv);
    assert_eq!((done.good, done.failures.len()), (0, 1));
    assert!(world.documents().is_empty());
    world.table.set(&checksum, Err(404));
    assert_eq!(world.refresh(Feed::DebianOsv).good, 1);
}

#[test]
fn a_damaged_document_stops_no_start_and_is_fetched_again() {
    let world = World::new();
    world.table.set(ADDRESS, Ok(osv(1..=3)));
    world.refresh(Feed::DebianOsv);
    let hash = world.documents()[0].sha256.clone();
    let file = world.dir.path().join("definitions").join(&hash[..2]);
    std::fs::write(file.join(&hash), b"damaged").unwrap();
    let again = open(world.dir.path(), &world.clock);
    assert!(again.feeds().in_force().definitions.advisories.is_empty());
    let status = again.feed_status(&world.owner).unwrap();
    assert!(status.problems[0].why.contains("damaged"), "{status:?}");
    // The server would say that nothing is new; it is asked as if for the first time.
    let stop = AtomicBool::new(false);
    again
        .feed_refresh(Feed::DebianOsv, &world.table, &stop)
        .unwrap();
    again.feeds_reload().unwrap();
    assert_eq!(again.feeds().in_force().definitions.advisories.len(), 3);
}

#[test]
fn lists_of_deletions_are_believed_and_absence_is_not() {
    let world = World::new();
    let list = |names: &[&str]| -> Vec<u8> {
        let lines = names
            .iter()
            .map(|name| format!("\"2026/{name}.json\",\"2026-03-01T00:00:00+00:00\"\n"));
        lines.collect::<String>().into_bytes()
    };
    for (number, name) in [(1, "one"), (2, "two")] {
        // A general form counts for any feed.
        let record = record(number, "PyPI").into_bytes();
        world
            .table
            .set(&format!("{FOLDER}2026/{name}.json"), Ok(record));
    }
    let changes = format!("{FOLDER}changes.csv");
    world.table.set(&changes, Ok(list(&["one", "two"])));
    world.refresh(Feed::RedhatCsaf);
    assert_eq!(world.advisories(), ["DSA-1-1", "DSA-2-1"]);
    world.table.set(&changes, Ok(list(&["one"])));
    world.refresh(Feed::RedhatCsaf);
    assert_eq!(world.advisories(), ["DSA-1-1", "DSA-2-1"]);
    let deletions = format!("{FOLDER}deletions.csv");
    world.table.set(&deletions, Ok(list(&["two"])));
    let done = world.refresh(Feed::RedhatCsaf);
    assert_eq!((done.gone, done.failures), (1, Vec::new()));
    assert_eq!(world.advisories(), ["DSA-1-1"]);
    let gone = world.documents();
    let gone = gone.iter().find(|one| one.document == "two.json").unwrap();
    assert_eq!(gone.standing, DocumentStanding::Deleted);
}

#[test]
fn a_bundle_carries_definitions_to_a_server_that_trusts_its_maker() {
    let (maker, taker) = (World::new(), World::new());
    maker.table.set(ADDRESS, Ok(osv(1..=40)));
    maker.refresh(Feed::DebianOsv);
    let mut file = Vec::new();
    maker
        .service
        .bundle_export(&maker.owner, &mut file)
        .unwrap();
    let import = |file: &[u8], trust: Option<&str>, dry_run| {
        let how = BundleImport {
            trust: trust.map(str::to_owned),
            dry_run,
        };
        let mut file = std::io::Cursor::new(file.to_vec());
        taker.service.bundle_import(&taker.owner, &mut file, &how)
    };
    // Nobody is trusted at first; the refusal names the signer, whom a person then compares.
    let refused = import(&file, None, false).unwrap_err().to_string();
    let at = refused.find("SHA256:").unwrap();
    let signer = &refused[at..at + "SHA256:".len() + 44];
    assert!(import(&file, Some("SHA256:other"), false).is_err());
    let mut changed = file.clone();
    let middle = file.windows(5).position(|part| part == b"DSA-7").unwrap();
    changed[middle] = b'X';
    assert!(import(&changed, Some(signer), false).is_err());
    assert!(taker.documents().is_empty());

    let tried = import(&file, Some(signer), true).unwrap();
    assert_eq!((tried.documents.len(), tried.done), (1, false));
    assert!(taker.documents().is_empty());
    let done = import(&file, Some(signer), false).unwrap();
    assert_eq!(done.documents[0].outcome, "good");
    assert_eq!(taker.advisories().len(), 40);
    assert_eq!(taker.item(Feed::DebianOsv).freshness, Freshness::Fresh);

    // An older bundle is no step back, and the signer is known by now.
    taker.table.set(ADDRESS, Ok(osv(1..=41)));
    taker.refresh(Feed::DebianOsv);
    import(&file, None, false).unwrap();
    assert_eq!(taker.advisories().len(), 41);
}

/// A record of a flaw in openssl of bookworm, by hand.
fn bookworm(id: &str, cve: &str, fixed: &str) -> String {
    record(1, "Debian:12")
        .replace("DSA-1-1", id)
        .replace("CVE-2026-0001", cve)
        .replace("examplepkg", "openssl")
        .replace("1.1-1", fixed)
}

#[tokio::test(flavor = "multi_thread")]
async fn bookworm_records_change_what_a_device_shows_and_each_word_has_its_document() {
    let server = support::Server::new();
    let mut agent = support::Agent::enrol(&server, "web1", &server.token(1), 1)
        .await
        .unwrap();
    agent.sync(&server).await;
    let before = server.findings();
    assert_eq!((before.len(), before[0].cves.clone()), (1, None));
    let evidence = |patch: Option<&str>| {
        let found = server.service.device_evidence(&server.owner, "web1", patch);
        found.unwrap()
    };
    let asked = evidence(Some("openssl"));
    assert!(!asked.advisories);
    assert!(asked.findings[0].evidence.is_empty());
    assert!(asked.findings[0].unknown.is_some());

    // Three records: reached by the offer, reached already, and beyond the offer.
    let records = [
        ("DSA-9001-1", "CVE-2026-1001", "3.0.15-1~deb12u1"),
        ("DSA-9002-1", "CVE-2026-1002", "3.0.1-1"),
        ("DSA-9003-1", "CVE-2026-1003", "3.0.99-1~deb12u1"),
    ];
    let mut zip = tar::Builder::new(Vec::new());
    for (id, cve, fixed) in records {
        let record = bookworm(id, cve, fixed);
        let mut header = tar::Header::new_ustar();
        header.set_size(record.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        zip.append_data(&mut header, format!("{id}.json"), record.as_bytes())
            .unwrap();
    }
    let folder = sources::of(Feed::DebianOsv).unwrap().addresses[0];
    let table = Table::default();
    let list = b"2026-03-01T00:00:00Z,DSA-9001-1\n".to_vec();
    table.set(&format!("{folder}modified_id.csv"), Ok(list));
    table.set(&format!("{folder}all.zip"), Ok(zip.into_inner().unwrap()));
    let stop = AtomicBool::new(false);
    let done = server
        .service
        .feed_refresh(Feed::DebianOsv, &table, &stop)
        .unwrap();
    assert_eq!((done.good, done.failures), (1, Vec::new()));
    server.service.planner_turn().unwrap();

    let after = server.findings();
    let of = |version: &str| {
        let id = format!("deb:bookworm/openssl@{version}");
        let found = after.iter().find(|one| one.patch.to_string() == id);
        found.unwrap_or_else(|| panic!("{id} is not in {after:?}"))
    };
    let offered = of("3.0.15-1~deb12u1");
    assert_eq!(offered.cves, Some(vec!["CVE-2026-1001".to_owned()]));
    let beyond = of("3.0.99-1~deb12u1");
    assert_eq!(beyond.state, domain::finding::FindingState::NoFix);
    assert_eq!(
        beyond.why,
        "a fix exists in DSA-9003-1 (3.0.99-1~deb12u1), but this device's sources do not carry it"
    );
    assert_eq!(after.len(), 2);
    let asked = evidence(Some(&offered.patch.to_string()));
    assert!(asked.advisories);
    let [one] = asked.findings[0].evidence.as_slice() else {
        panic!("{asked:?}");
    };
    assert_eq!(
        (one.feed, one.says.as_str()),
        (Feed::DebianOsv, "DSA-9001-1")
    );
    assert_eq!(one.fixed.as_deref(), Some("3.0.15-1~deb12u1"));
    assert_eq!(one.fetched_at, Some(at("2026-03-02T12:00:00Z")));
    assert_eq!(one.sha256.as_ref().map(String::len), Some(64));
    assert_eq!(asked.findings[0].unknown, None);
}

#[test]
fn only_the_owner_changes_feeds() {
    let world = World::new();
    let technician = Principal {
        id: PrincipalId::from_bytes([9; 16]),
        name: "Tim".into(),
        role: Role::Technician,
        reach: Reach::Provider,
    };
    assert!(domain::access::check(&technician, Permission::ManageFeed).is_err());
    let service = &world.service;
    let denied = |result: Option<ServiceError>| {
        assert!(matches!(result, Some(ServiceError::Denied(_))));
    };
    denied(
        service
            .feed_enable(&technician, Feed::DebianOsv, true)
            .err(),
    );
    let wanted = change("x", false);
    denied(
        service
            .document_release(&technician, Feed::Kev, &wanted)
            .err(),
    );
    denied(
        service
            .document_delete(&technician, Feed::Kev, &wanted)
            .err(),
    );
    denied(service.feeds_ask(&technician, &Default::default()).err());
    assert!(service.feed_status(&technician).is_ok());
    let item = service.feed_enable(&world.owner, Feed::DebianOsv, true);
    assert!(item.unwrap().enabled);
}
