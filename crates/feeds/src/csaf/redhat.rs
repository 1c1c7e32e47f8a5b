//! Red Hat's products: which package of which system.
//!
//! A product is `platform:package`; the platform's CPE names the system. Streams with their own
//! support (EUS, AUS, TUS, E4S, ELS) are systems of their own, other products too, so that what is
//! said of OpenShift never matches a plain server. Packages of a module carry module and stream;
//! where the release says `.module+` and no module is named, the product is left out, not guessed.

use domain::advisory::SystemId;

use super::component::{Component, architecture, nevra, nvr, with_epoch};
use super::purl::{Cpe, Purl};
use super::tree::Product;

/// The package that a product is, given its parts from component to platform.
pub fn component(parts: &[&Product<'_>]) -> Option<Component> {
    let [first, .., _] = parts else {
        // A platform or product alone is no package.
        return None;
    };
    let system = parts[1..].iter().rev().find_map(|part| {
        let helper = part.is.product_identification_helper.as_ref()?;
        system(helper.cpe.as_deref()?)
    })?;
    let helper = first.is.product_identification_helper.as_ref();
    let purl = helper.and_then(|helper| helper.purl.as_deref());
    let purl = match purl.map(Purl::read) {
        // Containers, Java archives, modules as a whole: no rpm.
        Some(Some(purl)) if purl.kind != "rpm" => return None,
        Some(Some(purl)) => Some(purl),
        Some(None) | None => None,
    };
    let label = Label::read(&first.is.product_id);
    let named = nevra(label.package);
    let (name, epoch, version, arch) = match (&purl, named) {
        (Some(purl), named) => {
            let epoch = purl.qualifier("epoch");
            let epoch = epoch.or(named.and_then(|n| n.epoch)).map(str::to_owned);
            let arch = purl.qualifier("arch").map(str::to_owned);
            let arch = arch.or(named.map(|n| n.architecture.to_owned()));
            (purl.name.clone(), epoch, purl.version.clone(), arch)
        }
        (None, Some(n)) => (
            n.name.to_owned(),
            n.epoch.map(str::to_owned),
            Some(n.version.to_owned()),
            Some(n.architecture.to_owned()),
        ),
        (None, None) => {
            let (name, arch) = match label.package.strip_suffix(".src") {
                Some(name) => (name, Some("src".to_owned())),
                None => (label.package, None),
            };
            // `io.quarkus/quarkus-vertx-http`, image digests: no rpm.
            if name.contains(['/', '@', ':']) {
                return None;
            }
            (name.to_owned(), None, None, arch)
        }
    };
    let arch = match arch {
        None if label.package.ends_with(".src") => "src".to_owned(),
        arch => arch.unwrap_or_default(),
    };
    let module = module(&parts[1..], purl.as_ref(), &label);
    let in_module = version.as_ref().is_some_and(|v| v.contains(".module+"));
    if in_module && module.is_none() {
        return None;
    }
    let version = match version {
        Some(version) => Some(with_epoch(epoch.as_deref(), &version)?),
        None => None,
    };
    Some(Component {
        systems: vec![system],
        name: name.parse().ok()?,
        source: arch == "src" || arch == "nosrc",
        architecture: architecture(&arch),
        version,
        module,
        subscription: None,
    })
}

/// The source package that a product is in Red Hat's CVRF, which names no other packages.
pub fn source_component(parts: &[&Product<'_>]) -> Option<Component> {
    let [first, .., platform] = parts else {
        return None;
    };
    let helper = platform.is.product_identification_helper.as_ref()?;
    let system = system(helper.cpe.as_deref()?)?;
    let package = nvr(&first.is.product_id)?;
    // A module's build, and the module is not named.
    if package.version.contains(".module+") {
        return None;
    }
    Some(Component {
        systems: vec![system],
        name: package.name.parse().ok()?,
        source: true,
        architecture: None,
        version: Some(with_epoch(package.epoch, package.version)?),
        module: None,
        subscription: None,
    })
}

/// A product id without the marks of its module.
struct Label<'a> {
    package: &'a str,
    module: Option<String>,
}

impl<'a> Label<'a> {
    /// Reads `name-v-r.arch.rpm-ruby:2.7`, `name-v-r.arch::ruby:2.7` and `ruby:2.7/name`.
    fn read(id: &'a str) -> Self {
        if let Some((package, module)) = id.split_once("::") {
            let package = package.strip_suffix(".rpm").unwrap_or(package);
            return Self {
                package,
                module: stream(module),
            };
        }
        if let Some((package, module)) = id.split_once(".rpm-") {
            return Self {
                package,
                module: stream(module),
            };
        }
        if let Some((module, package)) = id.split_once('/')
            && let Some(module) = stream(module)
        {
            return Self {
                package,
                module: Some(module),
            };
        }
        Self {
            package: id.strip_suffix(".rpm").unwrap_or(id),
            module: None,
        }
    }
}

/// Name and stream of `ruby:2.7:8080020230427102918:63b34585`.
pub fn stream(text: &str) -> Option<String> {
    let mut parts = text.split(':');
    let (name, stream) = (parts.next()?, parts.next()?);
    let plain = |part: &str| {
        !part.is_empty()
            && part.len() <= 64
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'+'))
    };
    (plain(name) && plain(stream)).then(|| format!("{name}:{stream}"))
}

fn module(above: &[&Product<'_>], purl: Option<&Purl>, label: &Label<'_>) -> Option<String> {
    let from_purl = purl.and_then(|purl| stream(purl.qualifier("rpmmod")?));
    // Older documents put the package into the module and the module into the platform.
    let from_parts = || {
        above.iter().find_map(|part| {
            let helper = part.is.product_identification_helper.as_ref();
            if helper.is_some_and(|helper| helper.cpe.is_some()) {
                return None;
            }
            let purl = helper.and_then(|helper| Purl::read(helper.purl.as_deref()?));
            match purl {
                Some(purl) if purl.kind == "rpmmod" => {
                    let version = purl.version.as_deref().unwrap_or_default();
                    let text = format!("{}:{version}", purl.name);
                    stream(&text)
                }
                _ => stream(&part.is.product_id),
            }
        })
    };
    from_purl
        .or_else(|| label.module.clone())
        .or_else(from_parts)
}

/// The system of a platform's CPE; `None`: not Red Hat's.
pub fn system(cpe: &str) -> Option<SystemId> {
    let cpe = Cpe::read(cpe)?;
    if cpe.vendor != "redhat" {
        return None;
    }
    let major = cpe.version.split('.').next().unwrap_or_default();
    let system = match cpe.product {
        "enterprise_linux" => SystemId::new("rhel", major),
        "rhel_eus" | "enterprise_linux_eus" => SystemId::new("rhel-eus", cpe.version),
        "rhel_aus" => SystemId::new("rhel-aus", cpe.version),
        "rhel_tus" => SystemId::new("rhel-tus", cpe.version),
        "rhel_e4s" => SystemId::new("rhel-e4s", cpe.version),
        "rhel_els" => SystemId::new("rhel-els", cpe.version),
        other => SystemId::new(other, cpe.version),
    };
    Some(system)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;

    #[test]
    fn a_platform_names_its_system() {
        let system = |cpe: &str| system(cpe).map(|system| system.to_string());
        for (cpe, expected) in [
            ("cpe:/o:redhat:enterprise_linux:8::baseos", "rhel:8"),
            ("cpe:/a:redhat:enterprise_linux:8::appstream", "rhel:8"),
            ("cpe:/o:redhat:enterprise_linux:10.1", "rhel:10"),
            ("cpe:/o:redhat:rhel_eus:8.6::baseos", "rhel-eus:8.6"),
            ("cpe:/a:redhat:rhel_e4s:8.2::appstream", "rhel-e4s:8.2"),
            ("cpe:/a:redhat:openshift:4.12::el8", "openshift:4.12"),
            ("cpe:/a:redhat:jbosseapxp", "jbosseapxp"),
        ] {
            assert_eq!(system(cpe).as_deref(), Some(expected), "{cpe}");
        }
        assert_eq!(system("cpe:/o:suse:sles:12"), None);
    }

    #[test]
    fn a_label_gives_package_and_module_in_each_spelling() {
        for (id, package, module) in [
            (
                "a-1-2.module+el8.x86_64.rpm-ruby:2.7",
                "a-1-2.module+el8.x86_64",
                Some("ruby:2.7"),
            ),
            (
                "a-0:1-2.x86_64::nodejs:18",
                "a-0:1-2.x86_64",
                Some("nodejs:18"),
            ),
            ("php:7.2/php-fpm", "php-fpm", Some("php:7.2")),
            ("a-0:1-2.x86_64", "a-0:1-2.x86_64", None),
            ("io.quarkus/quarkus", "io.quarkus/quarkus", None),
        ] {
            let label = Label::read(id);
            assert_eq!((label.package, label.module.as_deref()), (package, module));
        }
        assert_eq!(stream("php:7.2:80100:ab").as_deref(), Some("php:7.2"));
    }
}
