//! Package rows: everything that an assessment asks of an installed package, once for the fleet.

use std::collections::HashMap;

use domain::judgement::{JudgedPackage, WindowsState};
use domain::package::Ecosystem;

use super::statement::{has_epoch, is_for_all, is_module_build, plain, stream_of};
use super::text::{NONE, Texts};
use crate::assess::judge::one_spelling;

/// The number of a package row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageId(pub u32);

/// A package row; texts are numbers of [`Texts`], [`NONE`] where nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Package {
    pub(super) ecosystem: Ecosystem,
    pub(super) name: u32,
    pub(super) version: u32,
    pub(super) architecture: u32,
    /// A package that names no source is its own.
    pub(super) source: u32,
    pub(super) source_version: u32,
    /// Module and stream that it is labelled with.
    pub(super) stream: u32,
    /// Labelled, or its version is that of a module build.
    pub(super) is_module: bool,
    /// Its source's version is another than its own and names no epoch, although rpm has epochs.
    pub(super) source_epoch_untold: bool,
    /// Its architecture is "all".
    pub(super) is_for_all: bool,
}

/// All package rows. The level of a Windows system (product, build, KBs) is a row too.
#[derive(Debug, Clone, Default)]
pub(super) struct Packages {
    ids: HashMap<Package, u32>,
    all: Vec<Package>,
    levels: HashMap<u32, WindowsState>,
}

impl Packages {
    pub(super) fn intern(&mut self, texts: &mut Texts, package: &JudgedPackage) -> PackageId {
        let name = texts.intern(package.name.as_str());
        let own = package.version.as_str();
        let version = texts.intern(own);
        let source = package.source.as_ref();
        // The source version of an rpm has no epoch: where it is the row's own build, so is its epoch.
        let build = plain(package.ecosystem, own);
        let build = build.split_once(':').map_or(build, |(_, build)| build);
        let source_version = package.source_version.as_ref();
        let source_version = source_version
            .map(|version| version.as_str())
            .filter(|text| package.ecosystem != Ecosystem::Rpm || *text != build);
        let architecture = package.architecture.as_ref().map(|a| a.as_str());
        let label = package.module.as_deref();
        self.keep(Package {
            ecosystem: package.ecosystem,
            name,
            version,
            architecture: texts.intern_some(architecture.map(one_spelling)),
            source: source.map_or(name, |source| texts.intern(source.as_str())),
            source_version: source_version.map_or(version, |text| texts.intern(text)),
            source_epoch_untold: package.ecosystem == Ecosystem::Rpm
                && source_version.is_some_and(|text| !has_epoch(text)),
            stream: texts.intern_some(label.map(stream_of)),
            is_module: label.is_some() || is_module_build(own),
            is_for_all: architecture.is_some_and(is_for_all),
        })
    }

    /// The row of a Windows system's level; the order of its KBs does not count.
    pub(super) fn intern_level(&mut self, texts: &mut Texts, level: &WindowsState) -> PackageId {
        let mut level = level.clone();
        level.kbs.sort_unstable();
        level.kbs.dedup();
        let kbs: Vec<String> = level.kbs.iter().map(|kb| kb.0.to_string()).collect();
        let product = level.product_id.as_deref().unwrap_or("?");
        let name = texts.intern(&format!("{product}\n{}", kbs.join(" ")));
        let version = texts.intern_some(level.build.as_ref().map(|build| build.as_str()));
        let id = self.keep(Package {
            ecosystem: Ecosystem::Windows,
            name,
            version,
            architecture: NONE,
            source: NONE,
            source_version: NONE,
            stream: NONE,
            is_module: false,
            source_epoch_untold: false,
            is_for_all: false,
        });
        self.levels.entry(id.0).or_insert(level);
        id
    }

    pub(super) fn keep(&mut self, package: Package) -> PackageId {
        let next = u32::try_from(self.all.len()).expect("fewer than 2^32 rows fit into memory");
        let id = *self.ids.entry(package).or_insert(next);
        if id == next {
            self.all.push(package);
        }
        PackageId(id)
    }

    pub(super) fn get(&self, id: u32) -> &Package {
        &self.all[id as usize]
    }

    pub(super) fn level(&self, id: u32) -> Option<&WindowsState> {
        self.levels.get(&id)
    }

    pub(super) fn all(&self) -> &[Package] {
        &self.all
    }
}
