//! Package URLs and CPEs, as far as product trees use them.
//!
//! Errors: a text that is neither is `None`. Sources: package-url specification; CPE 2.2 URI and
//! 2.3 formatted string, NIST IR 7695.

/// A package URL, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purl {
    /// `rpm`, `oci`, `maven`.
    pub kind: String,
    /// `redhat`; may be empty.
    pub namespace: String,
    /// The package.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    qualifiers: Vec<(String, String)>,
}

impl Purl {
    /// Reads one; `None`: it is none.
    pub fn read(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("pkg:")?.trim_start_matches('/');
        let rest = rest.split('#').next().unwrap_or_default();
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (path, version) = match path.rsplit_once('@') {
            // `pkg:npm/@scope/name`: an at sign at the start of a part is no version.
            Some((before, version)) if !before.ends_with('/') && !version.contains('/') => {
                (before, Some(decode(version)))
            }
            _ => (path, None),
        };
        let (kind, path) = path.split_once('/')?;
        let (namespace, name) = path.rsplit_once('/').unwrap_or(("", path));
        if kind.is_empty() || name.is_empty() || name.starts_with('@') {
            return None;
        }
        let qualifiers = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_ascii_lowercase(), decode(value)))
            .collect();
        Some(Self {
            kind: kind.to_ascii_lowercase(),
            namespace: decode(namespace),
            name: decode(name),
            version: version.filter(|version| !version.is_empty()),
            qualifiers,
        })
    }

    /// A qualifier's value.
    pub fn qualifier(&self, key: &str) -> Option<&str> {
        self.qualifiers
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }
}

/// A text with `%2B` and the like decoded; what is no UTF-8 is replaced.
fn decode(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let pair = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let value = pair
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match value {
            Some(value) => {
                out.push(value);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// What is read of a CPE: vendor, product and version; empty parts are empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cpe<'a> {
    /// `o`, `a` or `h`.
    pub part: &'a str,
    /// `redhat`.
    pub vendor: &'a str,
    /// `enterprise_linux`.
    pub product: &'a str,
    /// `8`; `*` and `-` are given as empty.
    pub version: &'a str,
    /// `sp5`.
    pub update: &'a str,
}

impl<'a> Cpe<'a> {
    /// Reads either form; `None`: it is none.
    pub fn read(text: &'a str) -> Option<Self> {
        let rest = text
            .strip_prefix("cpe:/")
            .or_else(|| text.strip_prefix("cpe:2.3:"))?;
        let mut parts = rest.split(':').map(|part| match part {
            "*" | "-" => "",
            other => other,
        });
        let mut next = || parts.next().unwrap_or_default();
        let cpe = Self {
            part: next(),
            vendor: next(),
            product: next(),
            version: next(),
            update: next(),
        };
        (!cpe.vendor.is_empty() && !cpe.product.is_empty()).then_some(cpe)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;

    #[test]
    fn a_package_url_is_taken_apart() {
        let purl = Purl::read(
            "pkg:rpm/redhat/ruby@2.7.8-139.module%2Bel8.8.0?arch=aarch64&rpmmod=ruby:2.7:80:63",
        )
        .unwrap();
        assert_eq!((purl.kind.as_str(), purl.name.as_str()), ("rpm", "ruby"));
        assert_eq!(purl.version.as_deref(), Some("2.7.8-139.module+el8.8.0"));
        assert_eq!(purl.qualifier("arch"), Some("aarch64"));
        assert_eq!(purl.qualifier("rpmmod"), Some("ruby:2.7:80:63"));
        assert_eq!(purl.qualifier("epoch"), None);
        assert!(Purl::read("pkg:maven/@1.3.4").is_none());
        assert!(Purl::read("pkg:rpm/").is_none());
        assert!(Purl::read("ruby").is_none());
        assert_eq!(Purl::read("pkg:rpm/a/b%zz%").unwrap().name, "b%zz%");
    }

    #[test]
    fn both_forms_of_a_cpe_are_read() {
        let cpe = Cpe::read("cpe:/o:redhat:rhel_eus:8.6::baseos").unwrap();
        assert_eq!(
            (cpe.vendor, cpe.product, cpe.version),
            ("redhat", "rhel_eus", "8.6")
        );
        let cpe = Cpe::read("cpe:2.3:o:suse:sles:15:sp5:*:*:*:*:*:*").unwrap();
        assert_eq!(
            (cpe.product, cpe.version, cpe.update),
            ("sles", "15", "sp5")
        );
        assert!(Cpe::read("cpe:/a").is_none());
    }
}
