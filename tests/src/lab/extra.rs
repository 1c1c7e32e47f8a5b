//! Packages that one test makes up for the own repository, beside those that every lab has.

use anyhow::{Context, Result, ensure};

use super::command::{checked, command};
use super::core::place;
use super::repository::{OwnRepo, VERSIONS};

/// A package that is made up as a test needs it; without scripts it only holds a file that names its
/// version.
#[derive(Debug, Clone)]
pub struct ExtraPackage {
    name: String,
    version: &'static str,
    fields: String,
    conffiles: String,
    /// Path, content, mode.
    files: Vec<(String, Vec<u8>, u32)>,
}

impl ExtraPackage {
    /// A package of this version, `1.0` or `2.0`.
    pub fn new(name: &str, version: &'static str) -> Self {
        Self {
            name: name.to_owned(),
            version,
            fields: String::new(),
            conffiles: String::new(),
            files: vec![(
                format!("/usr/share/{name}/version"),
                version.as_bytes().to_vec(),
                0o644,
            )],
        }
    }

    /// Adds a field of the control file, such as `Depends`.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push_str(&format!("{name}: {value}\n"));
        self
    }

    /// Adds a script of dpkg's, such as `postinst`; it runs in a shell that stops at the first error.
    #[must_use]
    pub fn script(mut self, name: &str, text: &str) -> Self {
        let text = format!("#!/bin/sh\nset -e\n{text}");
        self.files
            .push((format!("/DEBIAN/{name}"), text.into_bytes(), 0o755));
        self
    }

    /// Adds a file.
    #[must_use]
    pub fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((path.to_owned(), content.into(), 0o644));
        self
    }

    /// Adds a configuration file, which dpkg keeps when it was changed on the device.
    #[must_use]
    pub fn conffile(mut self, path: &str, content: &str) -> Self {
        self.conffiles.push_str(&format!("{path}\n"));
        self.file(path, content)
    }
}

impl OwnRepo {
    /// Adds a package, or replaces the one of the same name and version. Devices see it after
    /// [`Lab::publish`](super::Lab::publish) and an `apt-get update`.
    pub fn add(&self, package: &ExtraPackage) -> Result<()> {
        let (name, version) = (&package.name, package.version);
        ensure!(
            VERSIONS.contains(&version),
            "the own repository offers no {version}"
        );
        let root = tempfile::tempdir()?;
        let root = root.path().join("package");
        let control = format!(
            "Package: {name}\nVersion: {version}\nArchitecture: all\nSection: misc\n\
             Priority: optional\nMaintainer: Patchloop lab <lab@patchloop.example>\n{}\
             Description: package of the lab\n",
            package.fields
        );
        place(&root, "/DEBIAN/control", control.as_bytes(), 0o644)?;
        if !package.conffiles.is_empty() {
            place(
                &root,
                "/DEBIAN/conffiles",
                package.conffiles.as_bytes(),
                0o644,
            )?;
        }
        for (path, content, mode) in &package.files {
            place(&root, path, content, *mode)?;
        }
        let pool = self.folder().join("pool").join(version);
        let target = pool.join(format!("{name}_{version}_all.deb"));
        let mut build = command(&["dpkg-deb", "--root-owner-group", "-Zgzip", "-b"]);
        checked(build.arg(&root).arg(&target)).with_context(|| format!("cannot build {name}"))?;
        Ok(())
    }
}
