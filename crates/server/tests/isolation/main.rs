//! A client never sees another client's data: every route, called with another client's names and
//! ids, answers as if that client did not exist.
//!
//! Two clients, a technician who may reach only one of them, and a real server. Each route of the
//! table of routes is called twice: about the other client's things, and about things that never
//! were. Both answers must be the same but for the names that were asked for, and neither may hold
//! anything of the other client. A route that has no case here fails the test. The owner's answers
//! show that the things are there to be seen.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use domain::access::{self, Permission, Principal, Reach, Role};
use domain::clock::FixedClock;
use domain::device::AgentAbilities;
use domain::finding::{Finding, FindingPackage, FindingState, PatchFacts};
use domain::id::{DeviceId, OrderId, PrincipalId, TicketId};
use domain::inventory::{Digest, Inventory};
use domain::order::record::OrderRecord;
use domain::order::{OrderItem, OrderState, Switch};
use domain::package::{Ecosystem, Item, Package, PackageState};
use domain::proof::Proof;
use domain::severity::{Classification, Severity, SeveritySource};
use domain::ticket::TicketState;
use jiff::Timestamp;
use server::{Running, StartOptions, start};
use service::client::ClientItem;
use service::decision::NewDecision;
use service::freeze::NewFreeze;
use service::window::NewWindow;
use store::{
    Credential, FindingsWrite, InventoryWrite, NewDevice, NewTicket, OpenOptions, Store, StoreError,
};
use ureq::Agent;
use web::router::{Gate, ROUTES};

mod fixture;

use fixture::*;

const TOKEN: &str = "plt_of-the-technician";
const OWNER_TOKEN: &str = "plt_of-the-owner";
const LINK: &str = "pls_of-the-technician";
const PATCH: &str = "deb:bookworm/otherpkg@1.2-3";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A name of the other client's, and one that nothing has.
type Names = BTreeMap<&'static str, (String, String)>;

struct Fixture {
    running: Running,
    names: Names,
    cookie: String,
    agent: Agent,
    _dir: tempfile::TempDir,
}

/// What is asked of a route: the path with its query string, and a body. `{NAME}` stands for a name
/// of the fixture.
type Case = (&'static str, &'static str);

/// How each route is asked about another client's things. No body: `""`.
#[rustfmt::skip]
fn cases(method: &str, path: &str) -> Option<Vec<Case>> {
    Some(match (method, path) {
        // Nothing of any client.
        ("GET", "/health" | "/api/v1/openapi.json" | "/api/v1/me" | "/sign-in") => vec![("", "")],
        ("GET", "/sign-in/{secret}") => vec![("/sign-in/x", "")],
        ("GET", "/assets/{file}") => vec![("/assets/x", "")],
        ("POST", "/sign-in") => vec![("", "token=x")],
        ("POST", "/sign-out") => vec![("", "")],
        // Definitions are public and hold nothing of any client; who reaches some may not change them.
        ("GET", "/api/v1/feeds" | "/api/v1/feeds/documents" | "/feeds") => vec![("", "")],
        ("GET" | "POST", "/api/v1/feeds/bundle") => vec![("", "")],
        ("POST", "/api/v1/feeds/refresh") => vec![("", r#"{"feeds":["kev"]}"#)],
        ("PUT", "/api/v1/feeds/{feed}/enabled") => vec![("/api/v1/feeds/kev/enabled", r#"{"enabled":true}"#)],
        ("POST", "/api/v1/feeds/{feed}/release") => vec![("/api/v1/feeds/kev/release", r#"{"document":"x","reason":"x"}"#)],
        ("POST", "/api/v1/feeds/{feed}/delete") => vec![("/api/v1/feeds/kev/delete", r#"{"document":"x","reason":"x"}"#)],
        // What is counted and listed over clients.
        ("GET", "/api/v1/advisories" | "/api/v1/coverage" | "/api/v1/coverage/devices" | "/api/v1/events" | "/api/v1/releases" | "/coverage" | "/events") => vec![("", "")],
        ("GET", "/api/v1/advisory") => vec![("?advisory=DSA-1-1", "")],
        ("PUT", "/api/v1/devices/{device}/exclusion") => vec![("/api/v1/devices/{DEVICE_ID}/exclusion", r#"{"reason":"x","until":"2026-03-09T12:00:00Z"}"#)],
        ("POST", "/api/v1/devices/{device}/exclusion/end") => vec![("/api/v1/devices/{DEVICE_ID}/exclusion/end", "{}")],
        // API: lists.
        ("GET", "/api/v1/overview" | "/api/v1/clients" | "/api/v1/audit" | "/api/v1/decisions" | "/api/v1/windows" | "/api/v1/tickets") => vec![("", "")],
        ("GET", "/api/v1/sites") => vec![("", ""), ("?client={CLIENT}", ""), ("?client={CLIENT_ID}", "")],
        ("GET", "/api/v1/devices") => vec![("", ""), ("?q=client:{CLIENT}", ""), ("?q=device:{DEVICE_ID}", ""), ("?at=2026-03-02T12:00:00Z", "")],
        ("GET", "/api/v1/findings") => vec![("", ""), ("?q=package:othersecretlib", ""), ("?q=kev:yes", ""), ("?q=client:{CLIENT}", ""), ("?q=site:{SITE}", ""), ("?at=2026-03-02T12:00:00Z", "")],
        ("GET", "/api/v1/patches") => vec![("", ""), ("?q=severity:critical", ""), ("?q=device:{DEVICE}", ""), ("?q=client:{CLIENT}", "")],
        ("GET", "/api/v1/orders") => vec![("", ""), ("?q=client:{CLIENT}", ""), ("?q=device:{DEVICE}", "")],
        // API: single things.
        ("GET", "/api/v1/devices/{device}") => vec![("/api/v1/devices/{DEVICE_ID}", ""), ("/api/v1/devices/{DEVICE}", ""), ("/api/v1/devices/{CLIENT}%2F{DEVICE}", ""), ("/api/v1/devices/{DEVICE_ID}?at=2026-03-02T12:00:00Z", "")],
        ("GET", "/api/v1/devices/{device}/evidence") => vec![("/api/v1/devices/{DEVICE_ID}/evidence", ""), ("/api/v1/devices/{DEVICE}/evidence?patch=otherpkg", "")],
        ("PUT", "/api/v1/devices/{device}/mode") => vec![("/api/v1/devices/{DEVICE_ID}/mode", r#"{"mode":"managed"}"#), ("/api/v1/devices/{DEVICE}/mode", r#"{"mode":"managed"}"#)],
        ("POST", "/api/v1/devices/{device}/tags") => vec![("/api/v1/devices/{DEVICE_ID}/tags", r#"{"add":["x"]}"#)],
        ("GET", "/api/v1/why") => vec![("?device={DEVICE_ID}&patch=otherpkg", ""), ("?device={DEVICE}&patch=deb:bookworm/otherpkg@1.2-3", "")],
        ("GET", "/api/v1/orders/{order}") => vec![("/api/v1/orders/{ORDER}", "")],
        ("GET", "/api/v1/reports/clients/{client}") => vec![("/api/v1/reports/clients/{CLIENT}", ""), ("/api/v1/reports/clients/{CLIENT_ID}?format=html", "")],
        ("GET", "/api/v1/windows/{window}/openings") => vec![("/api/v1/windows/{WINDOW}/openings", ""), ("/api/v1/windows/{WINDOW_ID}/openings", "")],
        ("POST", "/api/v1/windows/{window}/end") => vec![("/api/v1/windows/{WINDOW}/end", "{}"), ("/api/v1/windows/{WINDOW_ID}/end", "{}")],
        ("POST", "/api/v1/windows/{window}/edit") => vec![("/api/v1/windows/{WINDOW}/edit", r#"{"name":"x","days":"mon","start":"22:00","duration":"2h","zone":"device"}"#)],
        ("GET", "/api/v1/freezes") => vec![("", "")],
        ("POST", "/api/v1/freezes" | "/api/v1/freezes/preview") => vec![("", r#"{"name":"{FREEZE}","for":"client:{CLIENT}","from":"2026-12-18T00:00","until":"2026-12-19T00:00","zone":"device"}"#)],
        ("POST", "/api/v1/freezes/{freeze}/end") => vec![("/api/v1/freezes/{FREEZE}/end", "{}"), ("/api/v1/freezes/{FREEZE_ID}/end", "{}")],
        ("POST", "/api/v1/freezes/{freeze}/edit") => vec![("/api/v1/freezes/{FREEZE}/edit", r#"{"name":"x","from":"2026-12-18T00:00","until":"2026-12-19T00:00","zone":"device"}"#)],
        ("POST", "/api/v1/decisions/{decision}/end") => vec![("/api/v1/decisions/{DECISION}/end", "{}")],
        ("POST", "/api/v1/tickets/{ticket}/answer") => vec![("/api/v1/tickets/{TICKET}/answer", r#"{"word":"approve","reason":"x"}"#), ("/api/v1/tickets/{TICKET}/answer", r#"{"word":"hold","reason":"x","dry_run":true}"#)],
        ("POST", "/api/v1/decisions/{decision}/edit") => vec![("/api/v1/decisions/{DECISION}/edit", r#"{"reason":"x"}"#)],
        ("GET", "/api/v1/calendars") => vec![("", "")],
        ("POST", "/api/v1/calendars") => vec![("", r#"{"client":"{CLIENT}"}"#), ("", r#"{"client":"{CLIENT_ID}"}"#)],
        ("POST", "/api/v1/calendars/{calendar}/revoke") => vec![("/api/v1/calendars/{CALENDAR}/revoke", "{}")],
        ("GET", "/calendar/{file}") => vec![("/calendar/{CALENDAR}.ics", ""), ("/calendar/{CLIENT}.ics", "")],
        // API: the policy, and the fleet that it is tried on.
        ("GET", "/api/v1/policy") => vec![("", ""), ("?kind=window", "")],
        ("GET", "/api/v1/policy/history/{version}") => vec![("/api/v1/policy/history/1", "")],
        ("POST", "/api/v1/policy/history/{version}/revert") => vec![("/api/v1/policy/history/1/revert", "{}")],
        ("GET", "/api/v1/policy/effective") => vec![("?device={DEVICE_ID}", ""), ("?device={DEVICE}", ""), ("?device={CLIENT}%2F{DEVICE}", "")],
        ("GET", "/api/v1/policy/export" | "/api/v1/policy/history") => vec![("", "")],
        ("POST", "/api/v1/policy/apply" | "/api/v1/policy/plan" | "/api/v1/policy/drift") => vec![("", r##"{"files":[{"file":"a.toml","text":"[[group]]\nname = \"x\"\nfor = \"client:{CLIENT}\"\n"}],"dry_run":true}"##)],
        ("GET", "/api/v1/query/complete") => vec![("?q=client:", ""), ("?q=device:", ""), ("?q=site:", ""), ("?q=tag:", ""), ("?q=package:&of=patches", ""), ("?q=cve:&of=findings", ""), ("?q=device:other", "")],
        ("GET", "/api/v1/snapshot") => vec![("", ""), ("?q=client:{CLIENT}", ""), ("?q=device:{DEVICE_ID}", ""), ("?q=device:{DEVICE}", "")],
        // API: new things about others' things.
        ("POST", "/api/v1/clients") => vec![("", r#"{"name":"{CLIENT}"}"#)],
        ("POST", "/api/v1/sites") => vec![("", r#"{"client":"{CLIENT}","name":"x","zone":"Europe/Berlin"}"#)],
        ("POST", "/api/v1/enrolments") => vec![("", r#"{"site":"{CLIENT}/{SITE}"}"#), ("", r#"{"site":"{SITE_ID}"}"#)],
        ("POST", "/api/v1/decisions") => vec![("", r#"{"word":"approve","patches":"product:otherpkg","for":"client:{CLIENT}","reason":"x","dry_run":true}"#), ("", r#"{"word":"approve","patches":"product:otherpkg","for":"device:{DEVICE_ID}","reason":"x","dry_run":true}"#)],
        ("POST", "/api/v1/windows/preview") => vec![("", r#"{"name":"x","for":"client:{CLIENT}","days":"mon","start":"22:00","duration":"2h","zone":"device"}"#)],
        ("POST", "/api/v1/windows") => vec![("", r#"{"name":"{WINDOW}","for":"client:{CLIENT}","days":"mon","start":"22:00","duration":"2h","zone":"device"}"#)],
        // Console.
        ("GET", "/" | "/tickets") => vec![("", "")],
        ("GET", "/policy") => vec![("", ""), ("?kind=window", ""), ("?client={CLIENT}", ""), ("?q={CLIENT}", "")],
        ("GET", "/policy/objects/{object}") => vec![("/policy/objects/{WINDOW_ID}", ""), ("/policy/objects/{DECISION}", "")],
        ("GET", "/calendar") => vec![("", ""), ("?month=2026-03&day=2026-03-03", ""), ("?client={CLIENT}", ""), ("?client={CLIENT_ID}", "")],
        ("GET", "/policy/document") => vec![("", ""), ("?client={CLIENT}", ""), ("?client={CLIENT_ID}", "")],
        ("GET", "/policy/document/file") => vec![("/policy/document/file?client={CLIENT}", ""), ("/policy/document/file?client={CLIENT_ID}", "")],
        ("GET", "/policy/history" | "/policy/plan" | "/policy/rehearse") => vec![("", "")],
        ("POST", "/policy/plan" | "/policy/apply" | "/policy/rehearse") => vec![("", "months=6&file=a.toml&against=x&text=%5B%5Bgroup%5D%5D%0Aname+%3D+%22x%22%0Afor+%3D+%22client%3A{CLIENT}%22%0A")],
        ("GET", "/policy/history/{version}") => vec![("/policy/history/1", "")],
        ("GET", "/devices") => vec![("", ""), ("?q=client:{CLIENT}", "")],
        ("GET", "/patches") => vec![("", ""), ("?q=client:{CLIENT}", "")],
        ("GET", "/patches/devices") => vec![("?patch=deb:bookworm/otherpkg@1.2-3", ""), ("?patch=x", "")],
        ("GET", "/devices/{device}") => vec![("/devices/{DEVICE_ID}", ""), ("/devices/{DEVICE}", "")],
        ("GET", "/devices/{device}/why") => vec![("/devices/{DEVICE_ID}/why?patch=otherpkg", "")],
        ("GET", "/devices/{device}/mode") => vec![("/devices/{DEVICE_ID}/mode?to=managed", "")],
        ("POST", "/devices/{device}/mode") => vec![("/devices/{DEVICE_ID}/mode", "mode=managed")],
        ("GET", "/decisions/new") => vec![("?patches=product:otherpkg&for=client:{CLIENT}&reason=x&preview=1", "")],
        ("POST", "/decisions") => vec![("", "word=hold&patches=product:otherpkg&for=device:{DEVICE_ID}&reason=")],
        ("GET", "/windows" | "/freezes" | "/decisions") => vec![("", ""), ("?show=all&client={CLIENT}", "")],
        ("GET", "/windows/new") => vec![("?preview=1&name=x&for=client:{CLIENT}&rule=weekly&day=mon&start=22:00&duration=2h&zone=device", "")],
        ("POST", "/windows/new") => vec![("", "name={WINDOW}&for=client:{CLIENT}&rule=weekly&day=mon&start=22:00&duration=2h&zone=device")],
        ("GET", "/windows/{window}/edit") => vec![("/windows/{WINDOW_ID}/edit", "")],
        ("POST", "/windows/{window}/edit") => vec![("/windows/{WINDOW_ID}/edit", "name=x")],
        ("GET", "/windows/{window}/end") => vec![("/windows/{WINDOW}/end", "")],
        ("POST", "/windows/{window}/end") => vec![("/windows/{WINDOW_ID}/end", "x=y")],
        ("GET", "/freezes/new") => vec![("?preview=1&name=x&for=client:{CLIENT}&from=2026-12-18T00:00&until=2026-12-19T00:00&zone=device", "")],
        ("POST", "/freezes/new") => vec![("", "name={FREEZE}&for=client:{CLIENT}&from=2026-12-18T00:00&until=2026-12-19T00:00&zone=device")],
        ("GET", "/freezes/{freeze}/edit") => vec![("/freezes/{FREEZE_ID}/edit", "")],
        ("POST", "/freezes/{freeze}/edit") => vec![("/freezes/{FREEZE_ID}/edit", "name=x")],
        ("GET", "/freezes/{freeze}/end") => vec![("/freezes/{FREEZE}/end", "")],
        ("POST", "/freezes/{freeze}/end") => vec![("/freezes/{FREEZE_ID}/end", "x=y")],
        ("GET", "/decisions/{decision}/edit") => vec![("/decisions/{DECISION}/edit", ""), ("/decisions/{DECISION}/edit?preview=1&patches=product:otherpkg&reason=x", "")],
        ("POST", "/decisions/{decision}/edit") => vec![("/decisions/{DECISION}/edit", "patches=product:otherpkg&reason=x")],
        ("GET" , "/decisions/{decision}/end") => vec![("/decisions/{DECISION}/end", "")],
        ("POST", "/decisions/{decision}/end") => vec![("/decisions/{DECISION}/end", "x=y")],
        ("GET", "/reports/clients/{client}") => vec![("/reports/clients/{CLIENT}", ""), ("/reports/clients/{CLIENT_ID}", "")],
        _ => return None,
    })
}

impl Fixture {
    fn filled(&self, text: &str, other: bool) -> String {
        self.names
            .iter()
            .fold(text.to_owned(), |text, (name, (theirs, nobodys))| {
                text.replace(&format!("{{{name}}}"), if other { theirs } else { nobodys })
            })
    }

    /// Sends one request; gives the status and the body.
    fn ask(&self, method: &str, path: &str, body: &str, gate: Gate, token: &str) -> (u16, String) {
        let url = format!("{}{path}", self.running.console_url);
        let json = path.starts_with("/api/");
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(url)
            .header(
                "Accept",
                if json {
                    "application/json"
                } else {
                    "text/html"
                },
            );
        request = match gate {
            Gate::Api(_) => request.header("Authorization", format!("Bearer {token}")),
            Gate::Console(_) | Gate::Public => request
                .header("Cookie", &self.cookie)
                .header("Sec-Fetch-Site", "same-origin"),
        };
        let kind = if json {
            "application/json"
        } else {
            "application/x-www-form-urlencoded"
        };
        let mut answer = if body.is_empty() && method == "GET" {
            self.agent
                .run(request.body(()).unwrap())
                .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
        } else {
            let request = request
                .header("Content-Type", kind)
                .body(body.to_owned())
                .unwrap();
            self.agent
                .run(request)
                .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
        };
        (
            answer.status().as_u16(),
            answer.body_mut().read_to_string().unwrap(),
        )
    }

    /// The body with the names of this case, in all their spellings, taken out.
    fn without_names(&self, body: &str, case: Case, other: bool) -> String {
        let mut used: Vec<_> = self
            .names
            .iter()
            .filter(|(name, _)| {
                let placeholder = format!("{{{name}}}");
                case.0.contains(&placeholder) || case.1.contains(&placeholder)
            })
            .map(|(name, (theirs, nobodys))| (*name, if other { theirs } else { nobodys }))
            .collect();
        used.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        used.into_iter()
            .fold(body.to_owned(), |body, (name, value)| {
                body.replace(value, name)
            })
    }
}

/// What only the other client has.
const MARKS: &[&str] = &[
    "Otherco",
    "Othertown",
    "otherbox",
    "othertag",
    "otherreason",
    "othernights",
    "otherfreeze",
    "otherorder",
    "othercause",
    "othersubject",
    "otherevidence",
    "othersecretlib",
    "otherwhy",
    "CVE-2026-7777",
    "Paris",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_route_shows_or_changes_what_another_client_has() {
    let fixture = Arc::new(fixture().await);
    let asking = Arc::clone(&fixture);
    tokio::task::spawn_blocking(move || every_route(&asking))
        .await
        .unwrap();
    let fixture = Arc::into_inner(fixture).expect("nobody else holds it any more");
    fixture.running.stop().await;
}

fn every_route(fixture: &Fixture) {
    let mut seen_by_the_owner = 0;
    // Signing out comes last: it ends the session that the others use.
    let mut routes: Vec<_> = ROUTES.iter().collect();
    routes.sort_by_key(|(_, path, _)| *path == "/sign-out");
    for (method, path, gate) in routes {
        let cases =
            cases(method, path).unwrap_or_else(|| panic!("{method} {path} has no case: add one"));
        for case in cases {
            let whole = if case.0.starts_with('/') {
                case.0.to_owned()
            } else {
                format!("{path}{}", case.0)
            };
            let ask = |other: bool, token: &str| {
                let (path, body) = (fixture.filled(&whole, other), fixture.filled(case.1, other));
                fixture.ask(method, &path, &body, *gate, token)
            };
            let (status, theirs) = ask(true, TOKEN);
            let (status_of_nobodys, nobodys) = ask(false, TOKEN);
            let theirs = fixture.without_names(&theirs, case, true);
            let nobodys = fixture.without_names(&nobodys, case, false);
            let about = format!("{method} {whole} {}", case.1);
            assert_eq!(status, status_of_nobodys, "{about}\n{theirs}\n{nobodys}");
            assert_eq!(theirs, nobodys, "{about}");
            for mark in MARKS {
                assert!(!theirs.contains(mark), "{about} shows {mark}: {theirs}");
            }
            // Feeds and the policy's versions belong to no client: who may not change or read them is
            // told so.
            let of_provider = matches!(
                gate,
                Gate::Api(Permission::WholeProvider) | Gate::Console(Permission::WholeProvider)
            );
            let single = path.contains('{')
                && !of_provider
                && !matches!(gate, Gate::Public)
                && !path.starts_with("/api/v1/feeds/");
            if single {
                assert_eq!(status, 404, "{about}: {theirs}");
            } else {
                assert!(status < 500, "{about}: {theirs}");
            }
            if *method == "GET" && matches!(gate, Gate::Api(_)) {
                let (_, shown) = ask(true, OWNER_TOKEN);
                seen_by_the_owner += usize::from(MARKS.iter().any(|mark| shown.contains(mark)));
            }
        }
    }
    // Without this the test would also pass on an empty database.
    assert!(
        seen_by_the_owner >= 30,
        "the owner saw only {seen_by_the_owner} answers with marks"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_shown_to_somebody_without_a_token_or_session() {
    let fixture = Arc::new(fixture().await);
    let asking = Arc::clone(&fixture);
    tokio::task::spawn_blocking(move || {
        for (method, path, gate) in ROUTES {
            // The guard answers only for what is mounted: a row without a handler is a 404.
            let expected = match (gate, *method, *path) {
                (Gate::Api(_), ..) => 401,
                (Gate::Console(_), ..) => 303,
                (Gate::Public, "POST", "/sign-in") => 403,
                (Gate::Public, _, "/assets/{file}") => continue,
                (Gate::Public, _, "/calendar/{file}") => 404,
                (Gate::Public, ..) => 200,
            };
            let url = format!(
                "{}{}",
                asking.running.console_url,
                asking.filled(path, true)
            );
            let url = url.replace(['{', '}'], "");
            let request = ureq::http::Request::builder()
                .method(*method)
                .uri(url)
                .header("Sec-Fetch-Site", "same-origin")
                .header("Content-Type", "application/x-www-form-urlencoded")
                .body(String::new())
                .unwrap();
            let mut answer = asking.agent.run(request).unwrap();
            let body = answer.body_mut().read_to_string().unwrap();
            assert_eq!(
                answer.status().as_u16(),
                expected,
                "{method} {path}: {body}"
            );
            assert!(
                MARKS.iter().all(|mark| !body.contains(mark)),
                "{method} {path}: {body}"
            );
        }
    })
    .await
    .unwrap();
    Arc::into_inner(fixture)
        .expect("nobody else holds it any more")
        .running
        .stop()
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_calendar_is_read_by_its_address_alone_until_that_is_revoked() {
    let fixture = Arc::new(fixture().await);
    let asking = Arc::clone(&fixture);
    tokio::task::spawn_blocking(move || {
        let get = |path: &str| {
            let url = format!("{}{path}", asking.running.console_url);
            let mut answer = asking.agent.get(url).call().unwrap();
            let headers = answer.headers().clone();
            let header = move |name: &str| headers[name].to_str().unwrap().to_owned();
            let body = answer.body_mut().read_to_string().unwrap();
            (answer.status().as_u16(), header, body)
        };
        let (address, never) = &asking.names["ADDRESS"];
        let (status, header, body) = get(address);
        assert_eq!(status, 200, "{body}");
        assert_eq!(header("content-type"), "text/calendar; charset=utf-8");
        assert!(header("cache-control").starts_with("private"));
        assert!(body.starts_with("BEGIN:VCALENDAR\r\n"));
        assert!(body.contains("othernights"));
        let revoke = format!(
            "{}/api/v1/calendars/{}/revoke",
            asking.running.console_url, asking.names["CALENDAR"].0
        );
        let revoked = asking
            .agent
            .post(revoke)
            .header("Authorization", format!("Bearer {OWNER_TOKEN}"))
            .send_json(serde_json::json!({}))
            .unwrap();
        assert_eq!(revoked.status().as_u16(), 200);
        let (gone, nobodys) = (get(address), get(never));
        assert_eq!((gone.0, &gone.2), (404, &nobodys.2));
        assert_eq!(nobodys.0, 404);
    })
    .await
    .unwrap();
}
