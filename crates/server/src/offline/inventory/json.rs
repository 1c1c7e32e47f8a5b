//! Our own inventory, JSON:
//!
//! ```json
//! {"v":1,"device":"web-1",
//!  "os":{"id":"debian","version":"12","codename":"bookworm","architecture":"amd64","kernel":"6.1.0-18-amd64"},
//!  "packages":[{"ecosystem":"deb","name":"libcurl4","version":"7.88.1-10","architecture":"amd64",
//!               "source":"curl","source_version":"7.88.1-10","module":null}],
//!  "windows":{"product_id":"11923","build":"10.0.20348.2700","kbs":["5044285"]},
//!  "applications":[{"ecosystem":"winget","id":"Mozilla.Firefox","version":"127.0"}]}
//! ```
//!
//! Every field may be absent or null, except what names a package or application and its version;
//! unknown fields are refused with their path. A package without architecture has the device's; one
//! without ecosystem has its system's.

use domain::judgement::{JudgedApplication, JudgedDevice, JudgedPackage, WindowsState};
use domain::package::{Ecosystem, Kb};
use serde_json::{Map, Value};

use super::listing::stream;
use super::os_release::OsRelease;
use super::{PACKAGES_MAX, Refused};

/// The version of the form.
const VERSION: u64 = 1;

/// Reads an inventory.
pub fn read(
    name: &str,
    text: &str,
    os_release: Option<&OsRelease>,
) -> Result<JudgedDevice, Refused> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let place = format!("line {} column {}", error.line(), error.column());
        let why = error.to_string();
        let why = why.split(" at line ").next().unwrap_or(&why).to_owned();
        Refused::at(place, format!("it is no JSON: {why}"))
    })?;
    let whole = Object::new(&value, String::new())?;
    whole.only(&["v", "device", "os", "packages", "windows", "applications"])?;
    match whole.value("v") {
        None => {}
        Some(v) if v.as_u64() == Some(VERSION) => {}
        Some(v) => return Err(whole.refuse("v", format!("{v} is not version {VERSION}"))),
    }
    let mut device = JudgedDevice {
        name: whole.text("device")?.unwrap_or(name).to_owned(),
        ..JudgedDevice::default()
    };
    let architecture = system(&whole, os_release, &mut device)?;
    device.packages = packages(&whole, &device, architecture)?;
    device.windows = windows(&whole)?;
    device.applications = applications(&whole)?;
    Ok(device)
}

/// Fills in the system; returns the device's architecture.
fn system<'a>(
    whole: &Object<'a>,
    os_release: Option<&OsRelease>,
    device: &mut JudgedDevice,
) -> Result<Option<&'a str>, Refused> {
    let os = whole.object("os")?;
    let mut said = None;
    let mut architecture = None;
    if let Some(os) = &os {
        os.only(&["id", "version", "codename", "architecture", "kernel"])?;
        device.kernel = os.text("kernel")?.map(str::to_owned);
        architecture = os.text("architecture")?;
        if let Some(id) = os.text("id")? {
            said = Some(OsRelease {
                id: id.to_owned(),
                version: os.text("version")?.unwrap_or_default().to_owned(),
                codename: os.text("codename")?.map(str::to_owned),
            });
        }
        os.text("version")?;
        os.text("codename")?;
    }
    if let Some(release) = said.as_ref().or(os_release) {
        release.describe(device);
    }
    Ok(architecture)
}

fn packages(
    whole: &Object<'_>,
    device: &JudgedDevice,
    architecture: Option<&str>,
) -> Result<Vec<JudgedPackage>, Refused> {
    let list = whole.list("packages")?;
    if list.len() > PACKAGES_MAX {
        return Err(whole.refuse("packages", format!("more than {PACKAGES_MAX}")));
    }
    let mut packages = Vec::with_capacity(list.len());
    for (at, value) in list.iter().enumerate() {
        let package = Object::new(value, format!("packages[{at}]"))?;
        package.only(&[
            "ecosystem",
            "name",
            "version",
            "architecture",
            "source",
            "source_version",
            "module",
        ])?;
        let ecosystem = match package.parsed::<Ecosystem>("ecosystem")? {
            Some(Ecosystem::Windows) => {
                let why = "updates of Windows stand in `windows.kbs`, not among the packages";
                return Err(package.refuse("ecosystem", why));
            }
            Some(ecosystem) => ecosystem,
            None => by_system(device).ok_or_else(|| {
                package.refuse("ecosystem", "it is absent, and the system does not tell it")
            })?,
        };
        let architecture = match package.text("architecture")? {
            Some(own) => Some(own),
            None => architecture,
        };
        let architecture = architecture.map(str::parse).transpose().map_err(
            |error: domain::name::InvalidName| package.refuse("architecture", error.to_string()),
        )?;
        packages.push(JudgedPackage {
            ecosystem,
            name: package.needed("name")?,
            version: package.needed("version")?,
            architecture,
            source: package.parsed("source")?,
            source_version: package.parsed("source_version")?,
            module: package
                .text("module")?
                .filter(|module| *module != "(none)")
                .map(stream),
        });
    }
    Ok(packages)
}

/// The ecosystem of a system's own packages.
fn by_system(device: &JudgedDevice) -> Option<Ecosystem> {
    match device.systems.first()?.distribution() {
        "debian" | "ubuntu" => Some(Ecosystem::Deb),
        "rhel"
        | "centos"
        | "almalinux"
        | "rocky"
        | "ol"
        | "fedora"
        | "amzn"
        | "mariner"
        | "azurelinux"
        | "sles"
        | "sle-micro"
        | "opensuse-leap"
        | "opensuse-tumbleweed" => Some(Ecosystem::Rpm),
        "alpine" | "wolfi" | "chainguard" => Some(Ecosystem::Apk),
        "arch" | "archarm" => Some(Ecosystem::Pacman),
        _ => None,
    }
}

fn windows(whole: &Object<'_>) -> Result<Option<WindowsState>, Refused> {
    let Some(windows) = whole.object("windows")? else {
        return Ok(None);
    };
    windows.only(&["product_id", "build", "kbs"])?;
    let mut kbs = Vec::new();
    for (at, value) in windows.list("kbs")?.iter().enumerate() {
        let kb = match value {
            Value::String(text) => text.parse::<Kb>().ok(),
            Value::Number(number) => number
                .as_u64()
                .and_then(|number| u32::try_from(number).ok())
                .map(Kb),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        let place = format!("kbs[{at}]");
        kbs.push(kb.ok_or_else(|| windows.refuse(&place, "expected the number of a KB"))?);
    }
    kbs.sort_unstable();
    kbs.dedup();
    Ok(Some(WindowsState {
        product_id: windows.text("product_id")?.map(str::to_owned),
        build: windows.parsed("build")?,
        kbs,
    }))
}

fn applications(whole: &Object<'_>) -> Result<Vec<JudgedApplication>, Refused> {
    let list = whole.list("applications")?;
    if list.len() > PACKAGES_MAX {
        return Err(whole.refuse("applications", format!("more than {PACKAGES_MAX}")));
    }
    let mut applications = Vec::with_capacity(list.len());
    for (at, value) in list.iter().enumerate() {
        let application = Object::new(value, format!("applications[{at}]"))?;
        application.only(&["ecosystem", "id", "version"])?;
        match application.text("ecosystem")? {
            None | Some("winget") => {}
            Some(other) => {
                let why = format!("`{other}` is not a known ecosystem: expected winget");
                return Err(application.refuse("ecosystem", why));
            }
        }
        applications.push(JudgedApplication {
            id: application.needed("id")?,
            version: application.needed("version")?,
        });
    }
    Ok(applications)
}

/// An object and its path.
struct Object<'a> {
    members: &'a Map<String, Value>,
    path: String,
}

impl<'a> Object<'a> {
    fn new(value: &'a Value, path: String) -> Result<Self, Refused> {
        match value.as_object() {
            Some(members) => Ok(Self { members, path }),
            None => Err(Refused::at(path, "expected an object")),
        }
    }

    fn path(&self, key: &str) -> String {
        let key = crate::table::clean(&key.chars().take(60).collect::<String>());
        if self.path.is_empty() {
            key
        } else {
            format!("{}.{key}", self.path)
        }
    }

    fn refuse(&self, key: &str, why: impl Into<String>) -> Refused {
        Refused::at(self.path(key), why)
    }

    fn only(&self, known: &[&str]) -> Result<(), Refused> {
        match self
            .members
            .keys()
            .find(|key| !known.contains(&key.as_str()))
        {
            Some(key) => Err(self.refuse(
                key,
                format!("unknown field; known are {}", known.join(", ")),
            )),
            None => Ok(()),
        }
    }

    fn value(&self, key: &str) -> Option<&'a Value> {
        self.members.get(key).filter(|value| !value.is_null())
    }

    /// A text that is not empty.
    fn text(&self, key: &str) -> Result<Option<&'a str>, Refused> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(self.refuse(key, "expected a text")),
        }
    }

    fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        key: &str,
    ) -> Result<Option<T>, Refused> {
        self.text(key)?
            .map(|text| {
                text.parse()
                    .map_err(|error: T::Err| self.refuse(key, error.to_string()))
            })
            .transpose()
    }

    fn needed<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        key: &str,
    ) -> Result<T, Refused> {
        self.parsed(key)?
            .ok_or_else(|| self.refuse(key, "it is absent"))
    }

    fn object(&self, key: &str) -> Result<Option<Object<'a>>, Refused> {
        self.value(key)
            .map(|value| Object::new(value, self.path(key)))
            .transpose()
    }

    fn list(&self, key: &str) -> Result<&'a [Value], Refused> {
        match self.value(key) {
            None => Ok(&[]),
            Some(Value::Array(list)) => Ok(list),
            Some(_) => Err(self.refuse(key, "expected a list")),
        }
    }
}
