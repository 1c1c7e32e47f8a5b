//! The commands' HTTP client: speaks `/api/v1` and nothing else.
//!
//! Plain HTTP to this computer only; elsewhere TLS 1.2 or 1.3 against the system's certificates or
//! `--ca FILE`. Lists are fetched part by part, up to `--limit` or to their end. Errors: what the
//! server refuses keeps its words (problem documents), with its hint; a query that cannot be read is
//! shown with its place.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use domain::page::{PAGE_ITEMS_MAX, Page};
use domain::query::Query;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Body, http};

use crate::cli::Global;
use crate::failure::Failure;

/// How long one request may take, in seconds.
const REQUEST_SECONDS: u64 = 60;
/// Most bytes of one answer.
const ANSWER_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// A server and the right to ask it.
pub struct Api {
    agent: Agent,
    base: String,
    token: String,
}

impl Api {
    /// Prepares to speak with the server that the options name. Errors: no token; an address that
    /// would send it in the clear.
    pub fn new(global: &Global) -> Result<Self, Failure> {
        let base = global.url.trim_end_matches('/').to_owned();
        let uri: http::Uri = base.parse().map_err(|_| {
            Failure::wrong_use(anyhow!("`{base}` is not the address of a server"))
                .hint("expected such as https://patchloop.example:8480: --url or PATCHLOOP_URL")
        })?;
        let host = uri.host().unwrap_or_default();
        let mut config = Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(REQUEST_SECONDS)))
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("patchloop/", env!("CARGO_PKG_VERSION")));
        match uri.scheme_str() {
            Some("http") if is_loopback(host) => {}
            Some("http") => {
                return Err(Failure::wrong_use(anyhow!(
                    "`{base}` would send the token in the clear: plain HTTP is for this computer only"
                ))
                .hint("use https://, or run the command on the server's own computer"));
            }
            Some("https") => config = config.tls_config(tls(global.ca.as_deref())?),
            Some(_) | None => {
                return Err(Failure::wrong_use(anyhow!(
                    "`{base}` is not the address of a server: expected http:// or https://"
                ))
                .hint("say which server: --url or PATCHLOOP_URL"));
            }
        }
        let token = global.token.clone().filter(|token| !token.is_empty()).ok_or_else(|| {
            Failure::wrong_use(anyhow!("no API token for {base}")).hint(
                "set PATCHLOOP_TOKEN or --token; `patchloop owner create NAME` on the server prints one",
            )
        })?;
        Ok(Self {
            agent: config.build().new_agent(),
            base,
            token,
        })
    }

    /// Gets one thing.
    pub fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, Failure> {
        let text = self.get_as(path, query, "application/json")?;
        self.read(path, &text)
    }

    /// Gets one thing as text of this type.
    pub fn get_as(
        &self,
        path: &str,
        query: &[(&str, &str)],
        accept: &str,
    ) -> Result<String, Failure> {
        let request = self
            .agent
            .get(self.address(path))
            .query_pairs(query.iter().copied())
            .header("Authorization", self.bearer())
            .header("Accept", accept);
        self.take(path, request.call())
    }

    /// Makes something, or ends it.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let request = self
            .agent
            .post(self.address(path))
            .header("Authorization", self.bearer());
        let text = self.take(path, request.send_json(body))?;
        self.read(path, &text)
    }

    /// Sends a file as it is.
    pub fn send_file(
        &self,
        path: &str,
        query: &[(&str, &str)],
        file: std::fs::File,
    ) -> Result<Value, Failure> {
        let request = self
            .agent
            .post(self.address(path))
            .query_pairs(query.iter().copied())
            .header("Authorization", self.bearer())
            .header("Content-Type", "application/octet-stream");
        let text = self.take(path, request.send(file))?;
        self.read(path, &text)
    }

    /// Gets bytes as they are.
    pub fn get_bytes(&self, path: &str, into: &mut impl std::io::Write) -> Result<(), Failure> {
        let request = self
            .agent
            .get(self.address(path))
            .header("Authorization", self.bearer());
        let answer = request.call().map_err(|error| self.unreachable(error))?;
        if !answer.status().is_success() {
            return self.take(path, Ok(answer)).map(|_| ());
        }
        let mut body = answer
            .into_body()
            .into_with_config()
            .limit(u64::MAX)
            .reader();
        std::io::copy(&mut body, into).context("the answer cannot be written down")?;
        Ok(())
    }

    /// Sets something.
    pub fn put(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let request = self
            .agent
            .put(self.address(path))
            .header("Authorization", self.bearer());
        let text = self.take(path, request.send_json(body))?;
        self.read(path, &text)
    }

    /// Gets a list, part by part, to its end or to `limit` items.
    pub fn list(
        &self,
        path: &str,
        query: &[(&str, &str)],
        limit: Option<u32>,
    ) -> Result<Page<Value>, Failure> {
        let mut all = Page {
            items: Vec::new(),
            next: None,
        };
        loop {
            let wanted = limit.map_or(PAGE_ITEMS_MAX, |limit| {
                let left = u64::from(limit).saturating_sub(all.items.len() as u64);
                PAGE_ITEMS_MAX.min(u32::try_from(left).unwrap_or(PAGE_ITEMS_MAX))
            });
            if wanted == 0 {
                return Ok(all);
            }
            let wanted = wanted.to_string();
            let mut asked = query.to_vec();
            asked.push(("limit", &wanted));
            if let Some(cursor) = &all.next {
                asked.push(("cursor", cursor));
            }
            let part: Page<Value> = typed(self.get(path, &asked)?)?;
            let stuck = part.items.is_empty();
            all.items.extend(part.items);
            all.next = part.next;
            if all.next.is_none() || stuck {
                return Ok(all);
            }
        }
    }

    fn address(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.base)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    fn take(
        &self,
        path: &str,
        answer: Result<http::Response<Body>, ureq::Error>,
    ) -> Result<String, Failure> {
        let mut answer = answer.map_err(|error| self.unreachable(error))?;
        let status = answer.status();
        let text = answer
            .body_mut()
            .with_config()
            .limit(ANSWER_BYTES_MAX)
            .read_to_string()
            .map_err(|error| self.unreachable(error))?;
        if status.is_success() {
            return Ok(text);
        }
        Err(match serde_json::from_str::<Value>(&text) {
            Ok(problem) if problem.get("detail").is_some() => refusal(&problem),
            Ok(_) | Err(_) => Failure::failed(anyhow!(
                "{} answered {path} with {status} and no explanation",
                self.base
            ))
            .hint("is this the console's address of a Patchloop server?"),
        })
    }

    fn unreachable(&self, error: ureq::Error) -> Failure {
        let context = format!("cannot speak with {}", self.base);
        Failure::unreachable(anyhow::Error::new(error).context(context))
            .hint("is the server running (`patchloop serve`), and is --url or PATCHLOOP_URL its console's address?")
    }

    fn read(&self, path: &str, text: &str) -> Result<Value, Failure> {
        serde_json::from_str(text)
            .with_context(|| {
                format!(
                    "{} answered {path} with something that is not JSON",
                    self.base
                )
            })
            .map_err(Failure::failed)
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn tls(ca: Option<&Path>) -> Result<TlsConfig, Failure> {
    let roots = match ca {
        Some(file) => of_file(file)?,
        None => of_the_system()?,
    };
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .build())
}

/// The certificates of a PEM file.
fn of_file(file: &Path) -> Result<Vec<Certificate<'static>>, Failure> {
    let pem = std::fs::read(file)
        .with_context(|| format!("cannot read the trusted certificates in {}", file.display()))
        .map_err(|error| {
            Failure::failed(error).hint("name a file of certificates (PEM) to trust: --ca FILE")
        })?;
    let roots: Vec<Certificate<'static>> = ureq::tls::parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            Ok(_) | Err(_) => None,
        })
        .collect();
    if roots.is_empty() {
        return Err(
            Failure::wrong_use(anyhow!("{} holds no certificate", file.display()))
                .hint("expected PEM: -----BEGIN CERTIFICATE-----"),
        );
    }
    Ok(roots)
}

/// The certificates that this system trusts.
fn of_the_system() -> Result<Vec<Certificate<'static>>, Failure> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let why = found
            .errors
            .first()
            .map_or_else(String::new, |error| format!(": {error}"));
        return Err(
            Failure::failed(anyhow!("this system has no trusted certificates{why}"))
                .hint("name a file of certificates (PEM) to trust: --ca FILE"),
        );
    }
    Ok(found
        .certs
        .iter()
        .map(|der| Certificate::from_der(der).to_owned())
        .collect())
}

/// A problem document as a failure: its words, the place in a query, its hint.
fn refusal(problem: &Value) -> Failure {
    let text = |name: &str| problem.get(name).and_then(Value::as_str);
    let mut message = text("detail").unwrap_or("refused").to_owned();
    if let Some(query) = text("query")
        && let Err(mistake) = Query::parse(query)
    {
        for line in mistake.pointer(query).lines() {
            message.push_str("\n  ");
            message.push_str(line);
        }
    }
    for one in problem
        .get("problems")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let part = |name: &str| match &one[name] {
            Value::String(text) => crate::table::clean(text),
            other => other.to_string(),
        };
        let (file, line, column) = (part("file"), part("line"), part("column"));
        message.push_str(&format!(
            "\n  {file}:{line}:{column}: {}: {}",
            part("weight"),
            part("what")
        ));
        if one["hint"].is_string() {
            message.push_str(&format!("\n    hint: {}", part("hint")));
        }
    }
    let kind = text("type")
        .and_then(|kind| kind.rsplit(':').next())
        .unwrap_or_default();
    let failure = match kind {
        "query" | "invalid" | "unreadable" => Failure::wrong_use(anyhow!(message)),
        _ => Failure::failed(anyhow!(message)),
    };
    match (text("hint"), kind) {
        (_, "signed-out") => failure
            .hint("check PATCHLOOP_TOKEN or --token; it must be a token of the server at --url"),
        (Some(hint), _) => failure.hint(hint),
        (None, "not-found") => failure.hint("`list` shows what there is; names and ids both work"),
        (None, "query") => {
            failure.hint("a blank means and, a comma or, `-` not: severity>=important -tag:test")
        }
        (None, "invalid" | "unreadable") => {
            failure.hint("nothing was changed; `--help` says what each option takes")
        }
        (None, "conflict") => failure.hint("nothing was changed; `list` shows what there is"),
        (None, "ambiguous") => failure.hint("use one of those names, or an id"),
        (None, "denied") => failure.hint("ask an owner for a token that may do this"),
        (None, _) => failure,
    }
}

/// What the server said, as one of our views. Errors: a server of another version.
pub fn typed<T: DeserializeOwned>(value: Value) -> Result<T, Failure> {
    serde_json::from_value(value)
        .context("the server's answer is not what this version of patchloop expects")
        .map_err(|error| {
            Failure::failed(error).hint("compare `patchloop --version` here and on the server; --json prints answers as they are")
        })
}

/// A part of a path, escaped as addresses need it.
pub fn escaped(text: &str) -> String {
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

/// A list as one JSON document.
pub fn list_json(list: &Page<Value>) -> Value {
    json!({ "items": list.items, "next": list.next })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn global(url: &str, token: Option<&str>) -> Global {
        Global {
            json: false,
            url: url.to_owned(),
            token: token.map(str::to_owned),
            ca: None,
        }
    }

    #[test]
    fn a_token_is_never_sent_in_the_clear() {
        for url in [
            "http://127.0.0.1:8480",
            "http://localhost:1/",
            "http://[::1]:8480",
        ] {
            assert!(Api::new(&global(url, Some("t"))).is_ok(), "{url}");
        }
        for url in [
            "http://10.0.0.1:8480",
            "http://localhost.evil.example",
            "ftp://127.0.0.1",
            "127.0.0.1",
            "",
        ] {
            let failure = Api::new(&global(url, Some("t"))).err().expect(url);
            assert_eq!(failure.code(), 2, "{url}: {failure}");
        }
    }

    #[test]
    fn a_missing_token_says_where_to_get_one() {
        let failure = Api::new(&global("http://127.0.0.1:8480", None))
            .err()
            .unwrap();
        insta::assert_snapshot!(failure, @r"
        error: no API token for http://127.0.0.1:8480
        hint: set PATCHLOOP_TOKEN or --token; `patchloop owner create NAME` on the server prints one
        ");
    }

    #[test]
    fn a_server_that_is_not_there_is_exit_code_3() {
        // Port 1 of this computer: bound by nobody, refused at once.
        let api = Api::new(&global("http://127.0.0.1:1", Some("t"))).unwrap();
        let failure = api.get("devices", &[]).unwrap_err();
        assert_eq!(failure.code(), 3);
        assert!(
            failure
                .to_string()
                .starts_with("error: cannot speak with http://127.0.0.1:1: ")
        );
    }

    #[test]
    fn a_query_that_cannot_be_read_is_shown_with_its_place() {
        let failure = refusal(&json!({
            "type": "urn:patchloop:problem:query", "status": 400, "title": "The query cannot be read",
            "detail": "patches: unknown field `sevrity` at column 5: did you mean `severity`?",
            "query": "web sevrity:low",
        }));
        assert_eq!(failure.code(), 2);
        insta::assert_snapshot!(failure, @r"
        error: patches: unknown field `sevrity` at column 5: did you mean `severity`?
          web sevrity:low
              ^^^^^^^
        hint: a blank means and, a comma or, `-` not: severity>=important -tag:test
        ");
    }

    #[test]
    fn a_slash_in_a_name_stays_inside_its_part_of_the_path() {
        assert_eq!(escaped("acme/web 1"), "acme%2Fweb%201");
        assert_eq!(escaped("../x?y#z"), "..%2Fx%3Fy%23z");
    }
}
