//! The caching proxy in the root namespace: the sites' only way to the mirror.
//!
//! nginx on a unix socket. Devices see the mirror under a name of the lab's own, so that neither
//! the real mirror's name nor its scheme or path shows up in anything a device reports.
//!
//! If this machine's apt itself goes through a proxy, nginx cannot: it speaks to origin servers
//! only. Then the sites reach that proxy directly and devices use the mirror's real address.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::command::{command, wait_until};
use super::core::Core;
use super::sources::{Mirror, RELEASE};

/// Port of the proxy on each site's gateway.
pub(crate) const PROXY_PORT: u16 = 3142;
/// Port of the own repository, when [`PROXY_PORT`] leads to this machine's apt proxy.
const OWN_PORT_BESIDE_APT_PROXY: u16 = 3143;
/// How long nginx may take to listen; it looks up the mirror's name first.
const START_LIMIT: Duration = Duration::from_secs(20);
/// The mirror's name as devices see it.
const MIRROR_ALIAS: &str = "http://mirror.example";

/// The running proxy.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) socket: PathBuf,
    pub(crate) mirror: Mirror,
    /// What is served under `/own/`.
    pub(crate) own: PathBuf,
}

impl Proxy {
    /// Starts nginx and waits until it answers.
    pub(crate) fn start(core: &Core, mirror: Mirror) -> Result<Self> {
        let folder = core.folder.join("proxy");
        let own = core.folder.join("own");
        std::fs::create_dir_all(&folder)?;
        std::fs::create_dir_all(&own)?;
        let socket = core.sockets.join("proxy.sock");
        let text = configuration(&mirror, &folder, &own, &socket)?;
        let file = folder.join("nginx.conf");
        std::fs::write(&file, text)?;
        let errors = folder.join("error.log");
        let mut nginx = command(&["nginx"]);
        nginx
            .arg("-p")
            .arg(&folder)
            .arg("-c")
            .arg(&file)
            .arg("-e")
            .arg(&errors);
        let process = core.start("proxy", &mut nginx)?;
        let mut answers = false;
        wait_until(START_LIMIT, "the proxy", || {
            answers = UnixStream::connect(&socket).is_ok();
            answers || !process.is_alive()
        })?;
        if !answers {
            let log = std::fs::read_to_string(&errors).unwrap_or_default();
            anyhow::bail!("nginx did not start:\n{}\n{log}", core.log_tail("proxy"));
        }
        Ok(Self {
            socket,
            mirror,
            own,
        })
    }

    /// Port on the gateway under which the own repository is served.
    pub(crate) fn own_port(&self) -> u16 {
        if self.mirror.apt_proxy.is_some() {
            OWN_PORT_BESIDE_APT_PROXY
        } else {
            PROXY_PORT
        }
    }

    /// `NAME:PORT` of this machine's apt proxy.
    pub(crate) fn apt_proxy_address(&self) -> Option<Result<String>> {
        let proxy = self.mirror.apt_proxy.as_deref()?;
        let address = || {
            let rest = proxy
                .strip_prefix("http://")
                .context("not an http:// address")?;
            anyhow::ensure!(
                !rest.contains('@'),
                "the lab cannot hand a password to its devices"
            );
            let rest = rest.trim_end_matches('/');
            Ok(if rest.contains(':') {
                rest.to_owned()
            } else {
                format!("{rest}:80")
            })
        };
        Some(address().with_context(|| format!("the apt proxy of this machine, {proxy}")))
    }

    /// The mirror's address of the release as devices write it.
    pub(crate) fn main_uri(&self) -> String {
        match self.mirror.apt_proxy {
            None => format!("{MIRROR_ALIAS}/debian"),
            Some(_) => self.mirror.main.clone(),
        }
    }

    fn security_uri(&self) -> String {
        match self.mirror.apt_proxy {
            None => format!("{MIRROR_ALIAS}/debian-security"),
            Some(_) => self.mirror.security.clone(),
        }
    }

    /// apt's sources on a device, with security and updates.
    pub(crate) fn device_sources(&self) -> String {
        let keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
        let (main, security) = (self.main_uri(), self.security_uri());
        format!(
            "Types: deb\nURIs: {main}\nSuites: {RELEASE} {RELEASE}-updates\nComponents: main\n\
             Signed-By: {keyring}\n\n\
             Types: deb\nURIs: {security}\nSuites: {RELEASE}-security\nComponents: main\n\
             Signed-By: {keyring}\n"
        )
    }
}

/// Writes nginx's configuration.
///
/// The rest of the address is passed on as it came, by `map`: a path that nginx decodes and encodes
/// again loses the `%2b` that some mirrors insist on. Without `proxy_http_version 1.1` and an empty
/// `Connection` some mirrors answer 426.
fn configuration(mirror: &Mirror, folder: &Path, own: &Path, socket: &Path) -> Result<String> {
    let (folder, own, socket) = (folder.display(), own.display(), socket.display());
    let upstreams = match mirror.apt_proxy {
        Some(_) => (String::new(), String::new()),
        None => {
            let main = Upstream::of("debian", &mirror.main)?;
            let security = Upstream::of("debian-security", &mirror.security)?;
            let outside = format!("{}{}", main.outside(), security.outside());
            (
                outside,
                format!("{}{}", main.location(), security.location()),
            )
        }
    };
    let (outside, locations) = upstreams;
    Ok(format!(
        "user root; worker_processes 1; pid {folder}/nginx.pid; daemon off;\n\
         error_log {folder}/error.log;\n\
         events {{ worker_connections 512; }}\n\
         http {{\n\
         access_log {folder}/access.log;\n\
         proxy_cache_path {folder}/cache levels=1:2 keys_zone=apt:10m max_size=5g inactive=30d \
         use_temp_path=off;\n\
         proxy_temp_path {folder}/t1; client_body_temp_path {folder}/t2;\n\
         fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;\n\
         proxy_http_version 1.1; proxy_ssl_server_name on;\n\
         proxy_cache apt; proxy_cache_valid 200 30d; proxy_cache_lock on;\n\
         proxy_cache_lock_timeout 120s; proxy_cache_lock_age 120s;\n\
         proxy_ignore_headers Cache-Control Expires Set-Cookie Vary;\n\
         {outside}\
         server {{ listen unix:{socket};\n\
         {locations}\
         location /own/ {{ alias {own}/; if_modified_since off; etag off; }}\n\
         }} }}\n"
    ))
}

/// One tree of the mirror, as nginx is told of it.
struct Upstream<'a> {
    /// First part of the path on our side.
    name: &'a str,
    scheme: &'a str,
    /// Name and port.
    authority: &'a str,
    path: &'a str,
}

impl<'a> Upstream<'a> {
    fn of(name: &'a str, uri: &'a str) -> Result<Self> {
        let (scheme, rest) = uri.split_once("://").context("a mirror without a scheme")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let fine = |c: char| c.is_ascii_alphanumeric() || "-._~/:[]".contains(c);
        anyhow::ensure!(
            matches!(scheme, "http" | "https") && uri.chars().all(fine),
            "the mirror `{uri}` has an address the lab's proxy cannot be told of"
        );
        Ok(Self {
            name,
            scheme,
            authority,
            path,
        })
    }

    fn server(&self) -> String {
        let last = self.authority.rsplit(':').next().unwrap_or_default();
        let has_port = self.authority.contains(':') && !last.ends_with(']');
        match (has_port, self.scheme) {
            (true, _) => self.authority.to_owned(),
            (false, "https") => format!("{}:443", self.authority),
            (false, _) => format!("{}:80", self.authority),
        }
    }

    fn variable(&self) -> String {
        format!("rest_of_{}", self.name.replace('-', "_"))
    }

    fn outside(&self) -> String {
        let (name, server, variable) = (self.name, self.server(), self.variable());
        format!(
            "upstream {name} {{ server {server}; keepalive 8; }}\n\
             map $request_uri ${variable} {{ ~^/{name}/(?<found_{variable}>.*)$ $found_{variable}; }}\n"
        )
    }

    fn location(&self) -> String {
        let Self {
            name,
            scheme,
            authority,
            path,
        } = self;
        let variable = self.variable();
        let slash = if path.is_empty() { "" } else { "/" };
        let bare = authority.split(':').next().unwrap_or_default();
        format!(
            "location /{name}/ {{ proxy_pass {scheme}://{name}/{path}{slash}${variable}; \
             proxy_set_header Host {authority}; proxy_set_header Connection \"\"; \
             proxy_ssl_name {bare}; }}\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(main: &str, security: &str) -> Result<String> {
        let mirror = Mirror {
            main: main.into(),
            security: security.into(),
            apt_proxy: None,
        };
        configuration(&mirror, Path::new("/f"), Path::new("/o"), Path::new("/s"))
    }

    #[test]
    fn scheme_port_and_path_of_the_mirror_are_kept() {
        let text = text("https://a.example/pub/debian", "http://b.example:8080").unwrap();
        assert!(text.contains("server a.example:443;"), "{text}");
        assert!(
            text.contains("proxy_pass https://debian/pub/debian/$rest_of_debian;"),
            "{text}"
        );
        assert!(text.contains("server b.example:8080;"), "{text}");
        assert!(
            text.contains("proxy_pass http://debian-security/$rest_of_debian_security;"),
            "{text}"
        );
        assert!(
            text.contains("proxy_set_header Host b.example:8080;"),
            "{text}"
        );
    }

    #[test]
    fn an_address_that_would_break_the_configuration_is_refused() {
        assert!(text("http://a.example/debian; evil on", "http://b.example").is_err());
        assert!(text("ftp://a.example/debian", "http://b.example").is_err());
    }
}
