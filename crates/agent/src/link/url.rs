//! The address of a server: `https://NAME[:PORT]`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The port when none is named.
const PORT_DEFAULT: u16 = 443;

/// Where the server listens for agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServerUrl {
    host: String,
    port: u16,
}

/// A text that is not the address of a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not the address of a server: expected `https://NAME:PORT`")]
pub struct InvalidUrl {
    /// What was given, shortened.
    pub text: String,
}

impl ServerUrl {
    /// The name or address, without brackets.
    pub fn host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }
    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
    /// As it stands in the `host` header.
    pub fn authority(&self) -> String {
        if self.port == PORT_DEFAULT {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for ServerUrl {
    type Err = InvalidUrl;
    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        let refuse = || InvalidUrl {
            text: text.chars().take(200).collect(),
        };
        let rest = text.strip_prefix("https://").ok_or_else(refuse)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match rest.rfind(':') {
            // A colon inside brackets belongs to the address.
            Some(at) if !rest[at..].contains(']') => {
                let port = rest[at + 1..].parse().map_err(|_| refuse())?;
                (&rest[..at], port)
            }
            Some(_) | None => (rest, PORT_DEFAULT),
        };
        let bracketed = host.starts_with('[') && host.ends_with(']');
        let allowed = |c: char| {
            c.is_ascii_alphanumeric()
                || matches!(c, '-' | '.' | '_')
                || (bracketed && ":[]".contains(c))
        };
        if host.is_empty() || host.len() > 253 || !host.chars().all(allowed) || port == 0 {
            return Err(refuse());
        }
        Ok(Self {
            host: host.to_ascii_lowercase(),
            port,
        })
    }
}
impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}", self.authority())
    }
}
impl TryFrom<String> for ServerUrl {
    type Error = InvalidUrl;
    fn try_from(text: String) -> Result<Self, InvalidUrl> {
        text.parse()
    }
}
impl From<ServerUrl> for String {
    fn from(url: ServerUrl) -> Self {
        url.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_and_addresses_and_refuses_the_rest() {
        for (text, host, port) in [
            ("https://patch.example:8443", "patch.example", 8443),
            ("https://patch.example/", "patch.example", 443),
            ("https://127.0.0.1:1", "127.0.0.1", 1),
            ("https://[::1]:8443", "::1", 8443),
            ("https://[2001:db8::1]", "2001:db8::1", 443),
        ] {
            let url: ServerUrl = text.parse().unwrap();
            assert_eq!((url.host(), url.port()), (host, port), "{text}");
            assert_eq!(url.to_string().parse(), Ok(url));
        }
        for bad in [
            "",
            "http://a",
            "https://",
            "https://a b",
            "https://a:0",
            "https://a:70000",
            "https://a/b",
            "https://u@a",
            "https://a\r\nx: y",
            "https://::1",
        ] {
            assert!(bad.parse::<ServerUrl>().is_err(), "{bad:?}");
        }
    }
}
