//! Everything installed on one device, its digest, its text, and the difference between two.
//!
//! The text is one line an item: `ecosystem TAB name TAB architecture TAB version TAB state`, then
//! three more columns (source, source version, origin; `-` where there is none), lines sorted. The
//! digest is SHA-256 over the sorted lines of the first five columns, each with LF. Limits: 20,000
//! items, 8 MiB of text. Errors name the line and the column.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::name::{Architecture, InvalidName, PackageName, Version};
use crate::package::{Ecosystem, Item, Kb, Package, PackageState, SourcePackage, UnknownWord};

/// Most items in one inventory.
pub const ITEMS_MAX: usize = 20_000;
/// Most bytes in one inventory's text.
pub const TEXT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// SHA-256 of an inventory's sorted lines.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Takes the bytes as the store keeps them.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
    /// The bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
    /// The digest of any bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a digest has 64 hexadecimal digits")]
pub struct InvalidDigest;

impl std::str::FromStr for Digest {
    type Err = InvalidDigest;
    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(InvalidDigest);
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| InvalidDigest)?;
        }
        Ok(Self(bytes))
    }
}
impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Why a text is not an inventory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidInventory {
    /// More items than allowed.
    #[error("an inventory has at most {ITEMS_MAX} items, this one has more")]
    TooMany,
    /// More text than allowed.
    #[error("an inventory's text has at most {TEXT_BYTES_MAX} bytes, this one has {length_bytes}")]
    TooLong {
        /// What was given.
        length_bytes: usize,
    },
    /// A line without its eight columns.
    #[error("line {line}: expected 8 columns, found {found}")]
    Columns {
        /// Counted from 1.
        line: usize,
        /// Columns found.
        found: usize,
    },
    /// A column that is not what it should be.
    #[error("line {line}: {reason}")]
    Name {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        reason: InvalidName,
    },
    /// A word that is not known.
    #[error("line {line}: {reason}")]
    Word {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        reason: UnknownWord,
    },
    /// Lines out of order, or one twice.
    #[error("line {line}: lines are sorted and stand once")]
    Order {
        /// Counted from 1.
        line: usize,
    },
}

/// Everything installed on one device, sorted, each item once. A clone shares the items.
#[derive(Clone, Default)]
pub struct Inventory {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    items: Vec<Item>,
    /// Computed when it is first asked for.
    digest: OnceLock<Digest>,
}

impl PartialEq for Inventory {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared) || self.items() == other.items()
    }
}
impl Eq for Inventory {}

impl fmt::Debug for Inventory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inventory")
            .field("items", &self.shared.items)
            .finish()
    }
}

impl Inventory {
    fn sorted(items: Vec<Item>) -> Self {
        let digest = OnceLock::new();
        Self {
            shared: Arc::new(Shared { items, digest }),
        }
    }

    /// Takes items in any order; an item that stands twice is kept once.
    pub fn new(mut items: Vec<Item>) -> Self {
        items.sort_by_cached_key(sort_line);
        items.dedup_by(|a, b| sort_line(a) == sort_line(b));
        Self::sorted(items)
    }

    /// The items, sorted by their lines.
    pub fn items(&self) -> &[Item] {
        &self.shared.items
    }

    /// The packages among the items.
    pub fn packages(&self) -> impl Iterator<Item = &Package> {
        self.items().iter().filter_map(Item::package)
    }

    /// How many items are installed and in order (dpkg `ii`); held ones are not counted.
    pub fn installed_count(&self) -> usize {
        self.items()
            .iter()
            .filter(|item| item.state() == PackageState::Installed)
            .count()
    }

    /// SHA-256 over the sorted five-column lines, each with LF. Computed once.
    pub fn digest(&self) -> Digest {
        *self.shared.digest.get_or_init(|| self.computed_digest())
    }

    fn computed_digest(&self) -> Digest {
        let mut hasher = Sha256::new();
        let mut line = String::with_capacity(96);
        for item in self.items() {
            line.clear();
            item.push_line(&mut line);
            line.push('\n');
            hasher.update(line.as_bytes());
        }
        Digest(hasher.finalize().into())
    }

    /// The text that travels: eight columns an item.
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(self.items().len() * 96);
        for item in self.items() {
            push_full_line(item, &mut text);
        }
        text
    }

    /// Reads the text that travels.
    pub fn from_text(text: &str) -> Result<Self, InvalidInventory> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(InvalidInventory::TooLong {
                length_bytes: text.len(),
            });
        }
        let mut items = Vec::with_capacity(text.len() / 64);
        let mut before = Cow::Borrowed("");
        for (at, line) in text.split_terminator('\n').enumerate() {
            if at >= ITEMS_MAX {
                return Err(InvalidInventory::TooMany);
            }
            let item = item_from_line(line, at + 1)?;
            let own = match &item {
                // What a package is read from is what it is written as.
                Item::Package(_) => Cow::Borrowed(five_columns(line)),
                Item::Update { .. } | Item::Application { .. } => Cow::Owned(sort_line(&item)),
            };
            if at > 0 && own <= before {
                return Err(InvalidInventory::Order { line: at + 1 });
            }
            before = own;
            items.push(item);
        }
        Ok(Self::sorted(items))
    }

    /// What turns `self` into `after`.
    pub fn delta_to(&self, after: &Self) -> Delta {
        let old: BTreeMap<String, &Item> = self.items().iter().map(|i| (full_line(i), i)).collect();
        let new: BTreeMap<String, &Item> =
            after.items().iter().map(|i| (full_line(i), i)).collect();
        let only = |a: &BTreeMap<String, &Item>, b: &BTreeMap<String, &Item>| {
            a.keys()
                .filter(|key| !b.contains_key(*key))
                .cloned()
                .collect::<String>()
        };
        Delta {
            from: self.digest(),
            to: after.digest(),
            removed: only(&old, &new),
            added: only(&new, &old),
        }
    }

    /// Applies a difference; refuses one that starts from another inventory or does not lead where
    /// it says.
    pub fn apply(&self, delta: &Delta) -> Result<Self, DeltaRefused> {
        if self.digest() != delta.from {
            return Err(DeltaRefused::OtherBase);
        }
        let removed = Self::from_text(&delta.removed)?;
        let added = Self::from_text(&delta.added)?;
        let mut lines: BTreeMap<String, Item> = self
            .items()
            .iter()
            .map(|item| (full_line(item), item.clone()))
            .collect();
        for item in removed.items() {
            lines.remove(&full_line(item));
        }
        for item in added.items() {
            lines.insert(full_line(item), item.clone());
        }
        if lines.len() > ITEMS_MAX {
            return Err(InvalidInventory::TooMany.into());
        }
        let after = Self::new(lines.into_values().collect());
        if after.digest() == delta.to {
            Ok(after)
        } else {
            Err(DeltaRefused::WrongResult)
        }
    }
}

/// The difference between two inventories of one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delta {
    /// The digest it starts from.
    pub from: Digest,
    /// The digest it leads to.
    pub to: Digest,
    /// Full lines that are gone.
    pub removed: String,
    /// Full lines that are new.
    pub added: String,
}

/// Why a difference was not applied. The answer is always to ask for the full report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeltaRefused {
    /// The server holds another inventory.
    #[error("the difference starts from another inventory")]
    OtherBase,
    /// The lines do not give the digest it promised.
    #[error("the difference does not lead to the digest it names")]
    WrongResult,
    /// A line is not an item.
    #[error("the difference has a bad line")]
    Line(#[from] InvalidInventory),
}

/// A full line up to the end of its fifth column.
fn five_columns(line: &str) -> &str {
    match line.match_indices('\t').nth(4) {
        Some((end, _)) => &line[..end],
        None => line,
    }
}

fn sort_line(item: &Item) -> String {
    let mut line = String::new();
    item.push_line(&mut line);
    line
}

fn full_line(item: &Item) -> String {
    let mut line = String::new();
    push_full_line(item, &mut line);
    line
}

fn push_full_line(item: &Item, out: &mut String) {
    item.push_line(out);
    let (source, version, origin) = match item {
        Item::Package(p) => (
            p.source.as_ref().map(|s| s.name.as_str()),
            p.source.as_ref().map(|s| s.version.as_str()),
            p.origin.as_deref(),
        ),
        Item::Update { .. } | Item::Application { .. } => (None, None, None),
    };
    for part in [source, version, origin] {
        out.push('\t');
        out.push_str(part.unwrap_or("-"));
    }
    out.push('\n');
}

fn item_from_line(text: &str, line: usize) -> Result<Item, InvalidInventory> {
    let name = |reason| InvalidInventory::Name { line, reason };
    let word = |reason| InvalidInventory::Word { line, reason };
    let mut columns = [""; 8];
    let mut found = 0;
    for part in text.split('\t') {
        if found < 8 {
            columns[found] = part;
        }
        found += 1;
    }
    if found != 8 {
        return Err(InvalidInventory::Columns { line, found });
    }
    let [
        ecosystem,
        own_name,
        architecture,
        version,
        state,
        source,
        source_version,
        origin,
    ] = columns;
    let state: PackageState = state.parse().map_err(word)?;
    match ecosystem.parse::<Ecosystem>().map_err(word)? {
        Ecosystem::Windows => Ok(Item::Update {
            kb: own_name.parse::<Kb>().map_err(word)?,
            state,
        }),
        Ecosystem::Winget => Ok(Item::Application {
            id: own_name.parse::<PackageName>().map_err(name)?,
            version: version.parse::<Version>().map_err(name)?,
        }),
        ecosystem @ (Ecosystem::Deb | Ecosystem::Rpm | Ecosystem::Apk | Ecosystem::Pacman) => {
            let source = match source {
                "-" => None,
                source => Some(SourcePackage {
                    name: source.parse().map_err(name)?,
                    version: source_version.parse().map_err(name)?,
                }),
            };
            let origin = match origin {
                "-" => None,
                origin => Some(origin.parse::<Version>().map_err(name)?.into()),
            };
            Ok(Item::Package(Package {
                ecosystem,
                name: own_name.parse().map_err(name)?,
                architecture: architecture.parse::<Architecture>().map_err(name)?,
                version: version.parse().map_err(name)?,
                state,
                source,
                origin,
            }))
        }
    }
}

#[cfg(test)]
mod tests;
