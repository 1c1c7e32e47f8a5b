//! One file of a winget manifest: version, installer, locale or singleton.

use domain::advisory::{ApplicationVersion, InstalledAs};
use domain::feed::Feed;
use serde_json::Value;

use super::{application, is_no_version, some_line};
use crate::format::{Parsed, Record, Sink};
use crate::refusal::Refusal;
use crate::{words, yaml};

/// Most ways in which an installed copy may show itself.
const INSTALLED_AS_MAX: usize = 1000;

/// The types of files. Source: `ManifestType` in the schemas.
const TYPES: &[&str] = &[
    "version",
    "installer",
    "locale",
    "defaultLocale",
    "singleton",
    "merged",
];

/// Reads a file.
pub(super) fn parse(bytes: &[u8], sink: &mut dyn Sink) -> Result<Parsed, Refusal> {
    let manifest = yaml::value(bytes)?;
    let mut parsed = Parsed::new(Feed::Winget);
    let text = |key: &str| manifest.get(key).and_then(yaml::text);
    for key in ["ManifestType", "ManifestVersion"] {
        // Both stand at the end of every file.
        text(key).ok_or_else(|| Refusal::Missing {
            place: "the manifest".to_owned(),
            what: key.to_owned(),
        })?;
    }
    let kind = text("ManifestType").unwrap_or_default();
    if !TYPES.contains(&kind.as_ref()) {
        return Err(Refusal::Invalid {
            place: "ManifestType".to_owned(),
            why: format!("{:?} is no type of manifest", words::line(&kind)),
        });
    }
    let id = text("PackageIdentifier").unwrap_or_default();
    let version = text("PackageVersion").unwrap_or_default();
    match application(&id, &version) {
        Ok(mut application) => {
            let noted = is_no_version(&application.version);
            if noted {
                let version = &application.version;
                parsed.notes.push(format!("`{version}` is no version"));
            }
            parsed.document = words::id(&format!("{id} {version} {kind}")).ok();
            describe(&manifest, &mut application);
            parsed.records = 1;
            sink.record(Record::Application(Box::new(application)));
        }
        Err(why) => sink.broken(&words::line(&id), &why),
    }
    Ok(parsed)
}

fn describe(manifest: &Value, application: &mut ApplicationVersion) {
    let line = |key: &str| manifest.get(key).and_then(yaml::text);
    application.name = line("PackageName").and_then(|text| some_line(&text));
    application.publisher = line("Publisher").and_then(|text| some_line(&text));
    application.released = line("ReleaseDate").and_then(|text| text.get(..10)?.parse().ok());
    let mut found = Vec::new();
    installed_as(manifest, &mut found);
    let installers = manifest.get("Installers").and_then(Value::as_array);
    for installer in installers.into_iter().flatten() {
        installed_as(installer, &mut found);
        if application.released.is_none() {
            let date = installer.get("ReleaseDate").and_then(yaml::text);
            application.released = date.and_then(|text| text.get(..10)?.parse().ok());
        }
    }
    application.installed_as = found;
}

/// How copies show themselves, as the manifest or one of its installers says.
fn installed_as(of: &Value, found: &mut Vec<InstalledAs>) {
    let text = |of: &Value, key: &str| {
        let text = of.get(key).and_then(yaml::text)?;
        some_line(&text)
    };
    let mut add = |one: InstalledAs| {
        let known = one == InstalledAs::default() || found.contains(&one);
        if !known && found.len() < INSTALLED_AS_MAX {
            found.push(one);
        }
    };
    let entries = of.get("AppsAndFeaturesEntries").and_then(Value::as_array);
    let product_code = text(of, "ProductCode");
    let mut named = false;
    for entry in entries.into_iter().flatten() {
        let one = InstalledAs {
            display_name: text(entry, "DisplayName"),
            publisher: text(entry, "Publisher"),
            display_version: text(entry, "DisplayVersion"),
            product_code: text(entry, "ProductCode"),
            upgrade_code: text(entry, "UpgradeCode"),
        };
        named |= one.product_code.is_some() && one.product_code == product_code;
        add(one);
    }
    let upgrade_code = text(of, "UpgradeCode");
    if !named && (product_code.is_some() || upgrade_code.is_some()) {
        add(InstalledAs {
            product_code,
            upgrade_code,
            ..InstalledAs::default()
        });
    }
    // A packaged application is known by its family name, which takes the place of a product code.
    add(InstalledAs {
        product_code: text(of, "PackageFamilyName"),
        ..InstalledAs::default()
    });
}
