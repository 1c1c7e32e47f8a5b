//! Whole runs through the console as a browser makes them: the sign-in link, a decision previewed,
//! saved and ended, signed out; a policy planned and applied. What comes from another site changes
//! nothing.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]

use std::sync::Arc;

use domain::clock::FixedClock;
use server::{StartOptions, start};
use service::Service;
use ureq::Agent;

/// A browser: keeps its cookie, follows nothing by itself.
struct Browser {
    agent: Agent,
    console: String,
    cookie: Option<String>,
}

struct Page {
    status: u16,
    location: String,
    cookie: Option<String>,
    body: String,
}

impl Browser {
    fn new(console: &str) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            // A refused form is not read to its end, and then the connection ends: a new one each time.
            .max_idle_connections(0)
            .build()
            .new_agent();
        Self {
            agent,
            console: console.to_owned(),
            cookie: None,
        }
    }

    /// Sends one request; `site` is what a browser says of where a form came from.
    fn send(&self, method: &str, path: &str, form: &str, site: &str) -> Page {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.console))
            .header("Accept", "text/html")
            .header("Sec-Fetch-Site", site);
        if let Some(cookie) = &self.cookie {
            request = request.header("Cookie", cookie);
        }
        let mut answer = if method == "GET" {
            self.agent.run(request.body(()).unwrap()).unwrap()
        } else {
            let kind = "application/x-www-form-urlencoded";
            let request = request.header("Content-Type", kind);
            self.agent
                .run(request.body(form.to_owned()).unwrap())
                .unwrap()
        };
        let text = |name: &str| {
            let value = answer.headers().get(name)?;
            Some(value.to_str().unwrap().to_owned())
        };
        let (location, cookie) = (text("location").unwrap_or_default(), text("set-cookie"));
        Page {
            status: answer.status().as_u16(),
            location,
            cookie,
            body: answer.body_mut().read_to_string().unwrap(),
        }
    }

    fn get(&self, path: &str) -> Page {
        self.send("GET", path, "", "none")
    }

    fn post(&self, path: &str, form: &str) -> Page {
        self.send("POST", path, form, "same-origin")
    }

    fn sign_in(&mut self, secret: &str) -> Page {
        let page = self.post("/sign-in", &format!("token={secret}"));
        if let Some(cookie) = &page.cookie {
            assert!(
                cookie.contains("HttpOnly") && cookie.contains("SameSite"),
                "{cookie}"
            );
            self.cookie = Some(cookie.split(';').next().unwrap().to_owned());
        }
        page
    }
}

/// The hidden fields of the form that saves, as a browser would send them.
fn hidden_fields(html: &str) -> String {
    let form = html.split("action=\"/decisions\"").nth(1).unwrap();
    let form = form.split("</form>").next().unwrap();
    let mut pairs = Vec::new();
    for input in form.split("type=\"hidden\" name=\"").skip(1) {
        let (name, rest) = input.split_once("\" value=\"").unwrap();
        let value = rest.split_once('"').unwrap().0;
        let mut encoded = String::new();
        for byte in value.bytes() {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        pairs.push(format!("{name}={encoded}"));
    }
    pairs.join("&")
}

fn decisions(service: &Service, token: &str) -> Vec<service::decision::DecisionItem> {
    let who = service
        .token_principal(token, "127.0.0.1".parse().unwrap())
        .unwrap();
    service
        .decision_list(&who, &domain::page::PageRequest::default())
        .unwrap()
        .items
}

fn run(service: &Service, console: &str) {
    let made = service.owner_create("Olga").unwrap();
    service.client_add(&made.owner, "Acme").unwrap();
    let mut browser = Browser::new(console);

    // Nobody: sent to the sign-in page, which says nothing.
    let nobody = browser.get("/devices");
    assert_eq!((nobody.status, nobody.location.as_str()), (303, "/sign-in"));

    // Opening the link signs nobody in and does not use it up, as often as programs look at it.
    for _ in 0..2 {
        let link = browser.get(&format!("/sign-in/{}", made.sign_in));
        assert_eq!((link.status, link.cookie), (200, None));
    }
    let elsewhere = browser.send(
        "POST",
        "/sign-in",
        &format!("token={}", made.sign_in),
        "cross-site",
    );
    assert_eq!((elsewhere.status, elsewhere.cookie), (403, None));
    assert_eq!(browser.sign_in(&made.sign_in).status, 303);
    let mut second = Browser::new(console);
    let used = second.sign_in(&made.sign_in);
    assert_eq!((used.status, used.cookie), (403, None), "a link works once");

    for path in [
        "/",
        "/devices",
        "/patches",
        "/tickets",
        "/reports/clients/Acme",
    ] {
        let page = browser.get(path);
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        // The report is made to be handed on: nobody's name is in it.
        assert_eq!(
            page.body.contains("Olga"),
            !path.starts_with("/reports"),
            "{path}"
        );
        assert!(!page.body.contains("<script"), "{path}");
    }

    // A preview saves nothing; the form that it shows does.
    let asked = "word=approve&patches=product%3Aopenssl&for=client%3AAcme&reason=it+is+%3Cold%3E+%26+bad&until=&level=";
    let preview = browser.get(&format!("/decisions/new?{asked}&preview=1"));
    assert_eq!(preview.status, 200, "{}", preview.body);
    assert!(preview.body.contains("it is &#60;old&#62; &#38; bad"));
    assert!(decisions(service, &made.token).is_empty());
    let fields = hidden_fields(&preview.body)
        .replace("%26%23%36%30%3B", "%3C")
        .replace("%26%23%36%32%3B", "%3E")
        .replace("%26%23%33%38%3B", "%26");
    let crossed = browser.send("POST", "/decisions", &fields, "cross-site");
    assert_eq!(crossed.status, 403);
    assert!(decisions(service, &made.token).is_empty());
    let saved = browser.post("/decisions", &fields);
    assert_eq!(saved.status, 303, "{}", saved.body);
    let kept = decisions(service, &made.token);
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].reason, "it is <old> & bad");
    assert_eq!(kept[0].client.as_deref(), Some("Acme"));
    assert!(kept[0].in_force);

    // Ending asks first.
    let end = format!("/decisions/{}/end", kept[0].id);
    assert_eq!(browser.get(&end).status, 200);
    assert!(decisions(service, &made.token)[0].in_force);
    assert_eq!(browser.post(&end, "").status, 303);
    let ended = decisions(service, &made.token);
    assert_eq!(ended.len(), 1, "it stays on record");
    assert!(!ended[0].in_force);

    // A mistake keeps the form and saves nothing.
    let wrong = browser.post(
        "/decisions",
        "word=approve&patches=sevrity%3Alow&for=&reason=x&until=&level=",
    );
    assert!((400..500).contains(&wrong.status), "{}", wrong.status);
    assert!(wrong.body.contains("sevrity:low"));
    assert_eq!(decisions(service, &made.token).len(), 1);

    // Signed out, the cookie opens nothing any more.
    assert_eq!(browser.post("/sign-out", "").status, 303);
    assert_eq!(browser.get("/devices").status, 303);
}

/// A text as a browser sends it in a form: its lines end in their own way.
fn typed(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.replace('\n', "\r\n").bytes() {
        encoded.push_str(&format!("%{byte:02X}"));
    }
    encoded
}

const POLICY: &str = "[[window]]
name = \"Nights\"
for = \"client:Acme\"
zone = \"Europe/Berlin\"
days = [\"mon\"]
start = \"22:00\"
duration = \"2h\"
";

fn plan_and_apply(service: &Service, console: &str) {
    let made = service.owner_create("Olga").unwrap();
    service.client_add(&made.owner, "Acme").unwrap();
    let mut browser = Browser::new(console);
    assert_eq!(browser.sign_in(&made.sign_in).status, 303);
    let exported = || service.policy_export(&made.owner).unwrap().files;

    // A mistake is told at its line, and the text kept.
    let wrong = typed(&POLICY.replace("start", "strat"));
    let page = browser.post("/policy/plan", &format!("file=&text={wrong}"));
    assert_eq!(page.status, 422, "{}", page.body);
    assert!(page.body.contains("policy.toml, line 6, column 1") && page.body.contains("strat"));

    // A plan shows what changes, and changes nothing.
    let form = format!("file=acme.toml&text={}", typed(POLICY));
    let plan = browser.post("/policy/plan", &form);
    assert_eq!(plan.status, 200, "{}", plan.body);
    assert!(plan.body.contains("window Nights") && plan.body.contains("Apply this policy"));
    assert!(exported().is_empty());

    // Nothing is applied without its plan, nor with one that is not of today.
    for against in ["", "&against=", "&against=x"] {
        let refused = browser.post("/policy/apply", &format!("{form}{against}"));
        assert_eq!(refused.status, 409, "{against}: {}", refused.body);
    }
    let crossed = browser.send("POST", "/policy/apply", &form, "cross-site");
    assert_eq!(crossed.status, 403);
    assert!(exported().is_empty());
    let (_, rest) = plan.body.split_once("name=\"against\" value=\"").unwrap();
    let against = rest.split_once('"').unwrap().0;
    let applied = browser.post(
        "/policy/apply",
        &format!("{form}&against={against}&note=as+agreed"),
    );
    assert_eq!(
        (applied.status, applied.location.as_str()),
        (303, "/policy?done=applied"),
        "{}",
        applied.body
    );
    let files = exported();
    assert_eq!(files.len(), 1);
    assert_eq!(
        (files[0].file.as_str(), files[0].text.as_str()),
        ("acme.toml", POLICY)
    );

    // Every page shows it.
    for (path, holds) in [
        ("/policy", "Nights"),
        ("/policy?kind=window&client=Acme&q=night", "Nights"),
        ("/policy/history", "as agreed"),
        ("/policy/history/1", "Nights"),
        ("/policy/plan?start=file%3Aacme.toml", "Nights"),
        ("/policy/rehearse", "technicians-week"),
        ("/policy/document", "Nights"),
        ("/policy/document/file?client=Acme", "Nights"),
        ("/calendar?month=2026-03", "March 2026"),
    ] {
        let page = browser.get(path);
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        assert!(page.body.contains(holds), "{path}");
        assert!(!page.body.contains("<script"), "{path}");
    }
    for path in [
        "/policy?kind=windws",
        "/policy?client=Nobody",
        "/policy/objects/x",
        "/policy/history/9",
        "/policy/history/x",
        "/policy/document?client=Nobody",
        "/calendar?month=soon",
        "/calendar?zone=Mars",
    ] {
        let page = browser.get(path);
        assert!((400..500).contains(&page.status), "{path}: {}", page.status);
    }
    let run = browser.post("/policy/rehearse", &format!("{form}&months=6"));
    assert_eq!(run.status, 200, "{}", run.body);
    let run = browser.post("/policy/rehearse", &format!("{form}&months=600"));
    assert_eq!(run.status, 422, "{}", run.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_planned_looked_at_and_applied() {
    in_a_server(plan_and_apply).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_made_and_ended_by_somebody_who_signed_in_with_a_link() {
    in_a_server(run).await;
}

async fn in_a_server(test: fn(&Service, &str)) {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(FixedClock::at("2026-03-02T12:00:00Z".parse().unwrap()));
    let options = StartOptions {
        state: dir.path().to_owned(),
        console: "127.0.0.1:0".parse().unwrap(),
        agents: "127.0.0.1:0".parse().unwrap(),
        definitions: None,
        refresh: false,
        tell_at_once: false,
        tls: None,
    };
    let running = start(&options, clock).await.unwrap();
    let (service, console) = (Arc::clone(&running.service), running.console_url.clone());
    tokio::task::spawn_blocking(move || test(&service, &console))
        .await
        .unwrap();
    running.stop().await;
}
