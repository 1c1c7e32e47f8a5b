//! One whole run through the console as a browser makes it: the sign-in link, a decision previewed,
//! saved and ended, signed out. What comes from another site changes nothing.

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

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_is_made_and_ended_by_somebody_who_signed_in_with_a_link() {
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
    tokio::task::spawn_blocking(move || run(&service, &console))
        .await
        .unwrap();
    running.stop().await;
}
