//! The console: server-rendered pages without script, for people with a browser.
//!
//! One file an area. A handler reads its input, calls one use case, and renders a template from
//! `templates/`; the page's struct stands beside it and holds what the template shows, ready to
//! print. Reading is GET and may be bookmarked, what changes something is a POST whose page before
//! says what it does. Errors are pages too (`problem_pages`).

mod assets;
mod calendar;
mod coverage;
mod decision;
mod device;
mod event;
mod feed;
mod form;
mod freeze;
mod kept;
mod local;
mod overview;
mod parts;
mod patch;
mod policy;
mod problem;
mod report;
mod session;
mod ticket;
mod why;
mod window;

#[cfg(test)]
mod tests;

use askama::Template;
use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use domain::page::PageRequest;
use jiff::Timestamp;
use serde::Deserialize;
use service::Principal;

use crate::problem::Problem;
use crate::state::AppState;

pub use problem::problem_pages;
pub use report::report_file;

/// Items in one part of a list of the console.
pub const PAGE_ITEMS: u32 = 100;

/// Names of clients that a form offers at most.
const CLIENTS_OFFERED: u32 = 300;

/// The pages; each must stand in `router::ROUTES`.
#[rustfmt::skip]
pub fn routes() -> Router<AppState> {
    Router::new()
        .route("/", get(overview::show))
        .route("/devices", get(device::list))
        .route("/devices/{device}", get(device::show))
        .route("/devices/{device}/why", get(why::show))
        .route("/devices/{device}/mode", get(device::mode::mode_ask).post(device::mode::mode_set))
        .route("/patches", get(patch::list))
        .route("/patches/devices", get(patch::devices::show))
        .route("/decisions/new", get(decision::new))
        .route("/decisions", get(decision::list::list).post(decision::save))
        .route("/decisions/{decision}/edit", get(decision::edit::form).post(decision::edit::save))
        .route("/decisions/{decision}/end", get(decision::end::end_ask).post(decision::end::end))
        .route("/windows", get(window::list))
        .route("/windows/new", get(window::new).post(window::save))
        .route("/windows/{window}/edit", get(window::edit_ask).post(window::edit_save))
        .route("/windows/{window}/end", get(window::end_ask).post(window::end))
        .route("/freezes", get(freeze::list))
        .route("/freezes/new", get(freeze::new).post(freeze::save))
        .route("/freezes/{freeze}/edit", get(freeze::edit_ask).post(freeze::edit_save))
        .route("/freezes/{freeze}/end", get(freeze::end_ask).post(freeze::end))
        .route("/policy", get(policy::list::list))
        .route("/policy/objects/{object}", get(policy::object::show))
        .route("/policy/plan", get(policy::plan::ask).post(policy::plan::plan))
        .route("/policy/rehearse", get(policy::rehearse::ask).post(policy::rehearse::rehearse))
        .route("/policy/apply", axum::routing::post(policy::plan::apply))
        .route("/policy/document", get(policy::document::show))
        .route("/policy/document/file", get(policy::document::file))
        .route("/calendar", get(calendar::show))
        .route("/policy/history", get(policy::history::list))
        .route("/policy/history/{version}", get(policy::history::show))
        .route("/tickets", get(ticket::list))
        .route("/coverage", get(coverage::list))
        .route("/events", get(event::list))
        .route("/feeds", get(feed::list))
        .route("/reports/clients/{client}", get(report::show))
        .route("/sign-in", get(session::sign_in_page).post(session::sign_in))
        .route("/sign-in/{secret}", get(session::sign_in_link))
        .route("/sign-out", axum::routing::post(session::sign_out))
        .route("/assets/{file}", get(assets::show))
}

/// The pages of the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Area {
    Overview,
    Devices,
    Patches,
    Policy,
    Calendar,
    Tickets,
    Events,
    Feeds,
    /// A page that is in no menu.
    None,
}

/// One entry of the menu.
struct MenuEntry {
    name: &'static str,
    href: &'static str,
    here: bool,
}

/// What the frame around every page shows.
struct Shell {
    title: String,
    area: Area,
    person: Option<String>,
    said: Option<&'static str>,
    now_iso: String,
    now_text: String,
    style: &'static str,
    icon: &'static str,
    version: &'static str,
}

impl Shell {
    fn new(title: impl Into<String>, area: Area, who: Option<&Principal>, now: Timestamp) -> Self {
        Self {
            title: title.into(),
            area,
            person: who.map(|who| who.name.clone()),
            said: None,
            now_iso: now.to_string(),
            now_text: format!("{} UTC", parts::minute(now)),
            style: assets::style(),
            icon: assets::icon(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// Says what the form before did.
    fn saying(mut self, done: Option<Done>) -> Self {
        self.said = done.map(Done::sentence);
        self
    }

    fn menu(&self) -> Vec<MenuEntry> {
        [
            ("Overview", "/", Area::Overview),
            ("Devices", "/devices", Area::Devices),
            ("Patches", "/patches", Area::Patches),
            ("Policy", "/policy", Area::Policy),
            ("Calendar", "/calendar", Area::Calendar),
            ("Tickets", "/tickets", Area::Tickets),
            ("Events", "/events", Area::Events),
            ("Feeds", "/feeds", Area::Feeds),
        ]
        .into_iter()
        .map(|(name, href, area)| MenuEntry {
            name,
            href,
            here: area == self.area,
        })
        .collect()
    }
}

/// What a form did, said on the page that follows it. A closed list: an address cannot make the
/// console say anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Done {
    Decided,
    Ended,
    Mode,
    Applied,
    Window,
    WindowEnded,
    Freeze,
    FreezeEnded,
}

impl Done {
    fn sentence(self) -> &'static str {
        match self {
            Self::Decided => "The decision is saved and holds from now on.",
            Self::Ended => "The decision has ended. What is installed stays installed.",
            Self::Applied => "The policy is applied and holds from now on.",
            Self::Mode => "The device's mode is changed.",
            Self::Window => "The change window is saved and holds from now on.",
            Self::WindowEnded => "The change window has ended.",
            Self::Freeze => "The freeze is saved and holds from now on.",
            Self::FreezeEnded => "The freeze has ended.",
        }
    }
}

/// What a list is asked for.
#[derive(Debug, Clone, Default, Deserialize)]
struct ListAsked {
    #[serde(default)]
    q: Option<String>,
    #[serde(default)]
    cursor: Option<String>,
    #[serde(default)]
    done: Option<Done>,
}

impl ListAsked {
    /// The filter without blanks around it.
    fn q(&self) -> &str {
        self.q.as_deref().unwrap_or_default().trim()
    }

    fn page(&self, limit: u32) -> PageRequest {
        PageRequest {
            cursor: self.cursor.clone(),
            limit,
        }
    }
}

/// A page, or the problem that takes its place.
type Rendered = Result<Response, Problem>;

/// Renders a page.
fn page(template: &impl Template) -> Rendered {
    let html = template
        .render()
        .map_err(|defect| Problem::internal(&defect))?;
    Ok(([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response())
}

/// An address with its query string, both escaped as addresses need it.
fn address(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut text = path.to_owned();
    for (at, (name, value)) in pairs.iter().enumerate() {
        text.push(if at == 0 { '?' } else { '&' });
        text.push_str(name);
        text.push('=');
        text.push_str(&escaped(value));
    }
    text
}

/// Escapes what has a meaning in an address (RFC 3986: all but the unreserved characters).
fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("a String takes every write");
        }
    }
    out
}

/// The names of clients that a form offers, as many as fit.
fn client_names(service: &service::Service, who: &Principal) -> service::Result<Vec<String>> {
    let request = PageRequest {
        cursor: None,
        limit: CLIENTS_OFFERED,
    };
    let clients = service.client_list(who, &request)?.items.into_iter();
    let mut names: Vec<String> = clients.map(|client| client.name).collect();
    names.sort_by_key(|name| name.to_lowercase());
    Ok(names)
}

/// `one device`, `3 devices`.
fn counted(number: usize, one: &str, many: &str) -> String {
    match number {
        0 => format!("no {one}"),
        1 => format!("one {one}"),
        _ => format!("{number} {many}"),
    }
}
