//! Azure Linux (before: CBL-Mariner) inside Microsoft's month documents.
//!
//! Products are named `azl3 kernel 6.6.57.1-7 on Azure Linux 3.0`, `cbl2 vim 9.0.2121-4 on CBL
//! Mariner 2.0`, or only `CBL Mariner 2.0 x64`, where the package is the remedy's description. A
//! statement is made only where a fixed version is given; the version in the product's name is not
//! one. Names are those of source packages. Epochs are not part of these versions in the documents.

use domain::advisory::{Says, Statement, SystemId, Target};
use domain::name::{Architecture, PackageName, Version};

/// A product of Azure Linux.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// `azurelinux:3`, `mariner:2`.
    pub system: SystemId,
    /// The package that the name holds; `None`: the remedy's description names it.
    pub package: Option<PackageName>,
    /// The only architecture, where the name has one.
    pub architecture: Option<Architecture>,
}

/// Reads a product's name; `None`: not Azure Linux.
pub fn product(name: &str) -> Option<Product> {
    let (before, system, rest) = ["CBL Mariner ", "CBL-Mariner ", "Azure Linux "]
        .iter()
        .find_map(|words| {
            let at = name.rfind(words)?;
            let distribution = if words.starts_with("CBL") {
                "mariner"
            } else {
                "azurelinux"
            };
            Some((&name[..at], distribution, &name[at + words.len()..]))
        })?;
    let mut words = rest.split_whitespace();
    let major = words.next()?.split('.').next()?;
    if major.is_empty() || !major.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let architecture = match words.next() {
        None => None,
        Some("x64") => Some("x86_64".parse().ok()?),
        Some("ARM" | "ARM64") => Some("aarch64".parse().ok()?),
        Some(_) => return None,
    };
    let package = match before.trim_end().strip_suffix(" on") {
        // `azl3 kernel 6.6.57.1-7`: system, package, version.
        Some(long) => {
            let mut words = long.split_whitespace();
            let (_, package, version, None) =
                (words.next()?, words.next()?, words.next()?, words.next())
            else {
                return None;
            };
            version
                .bytes()
                .any(|byte| byte.is_ascii_digit())
                .then_some(())?;
            Some(package.parse().ok()?)
        }
        None if before.trim().is_empty() => None,
        None => return None,
    };
    Some(Product {
        system: SystemId::new(system, major),
        package,
        architecture,
    })
}

/// The statement of one remedy for one product; `None`: no package or no fixed version is named.
pub fn statement(product: &Product, description: &str, fixed: &str) -> Option<Statement> {
    let package = match &product.package {
        Some(package) => package.clone(),
        None => named(description)?,
    };
    Some(Statement {
        system: product.system.clone(),
        target: Target::Source(package),
        architectures: product.architecture.iter().cloned().collect(),
        module: None,
        cves: None,
        subscription: None,
        says: Says::FixedIn {
            introduced: None,
            fixed: version(fixed)?,
        },
    })
}

/// A package's name in a description; `CBL-Mariner Releases` and the like are none.
fn named(description: &str) -> Option<PackageName> {
    let name = description.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+');
    if !name.chars().all(plain) || matches!(name, "CBL-Mariner" | "Mariner") {
        return None;
    }
    name.parse().ok()
}

/// A version as rpm writes them: begins with a digit and has no blanks.
fn version(text: &str) -> Option<Version> {
    let text = text.trim();
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '~' | '^' | ':');
    (text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(plain))
        .then(|| text.parse().ok())
        .flatten()
}
