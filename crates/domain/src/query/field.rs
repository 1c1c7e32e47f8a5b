//! The table of fields: what can stand before `:`, for which subjects, with which values.
//!
//! A new field is one variant and one row; parser, printer, evaluator, errors and completions read
//! the table. A field with values of a new shape also needs a [`ValueKind`].

/// What a query selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SubjectKind {
    /// Devices: `--for`, groups, windows.
    Device,
    /// Patches: `--patches`.
    Patch,
    /// Pairs of a device and a patch (findings, orders): every field applies.
    Finding,
}

impl SubjectKind {
    /// Returns the plural, as sentences need it.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Device => "devices",
            Self::Patch => "patches",
            Self::Finding => "findings",
        }
    }
}

/// A field of the query language. [`FIELDS`] says the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the table below describes each of them")]
pub enum Field {
    Client,
    Site,
    Device,
    Tag,
    Group,
    Zone,
    Mode,
    Os,
    Seen,
    Missing,
    Package,
    Product,
    Patch,
    Severity,
    Class,
    Fix,
    Cve,
    Kev,
    Origin,
    State,
    Age,
    Released,
}

/// One value of a field with a closed list of values.
#[derive(Debug, PartialEq, Eq)]
pub struct Choice {
    /// How it is written; always lower case.
    pub name: &'static str,
    /// Its place in the order, higher is more; `None` for a value that no `<` or `>` ever meets.
    pub rank: Option<u8>,
    /// One line for completions.
    pub help: &'static str,
}

/// Whether `A` and `a` are the same in a field's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterCase {
    /// They are: names that people type.
    Ignored,
    /// They are not: ids of patches, because versions may differ in case alone.
    Kept,
}

/// What the values of a field look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// Words, with `*` standing for any run of characters.
    Text(LetterCase),
    /// One of a closed list.
    Choice(&'static [Choice]),
    /// Time since an instant, compared with a duration: `<7d`.
    Elapsed,
    /// An operating system by id or codename, and its version: `debian>=12`.
    Os,
    /// A package by name, and its version as its ecosystem orders it: `openssl<3.0.17`.
    Package,
}

/// One row of the table of fields.
#[derive(Debug, PartialEq, Eq)]
pub struct FieldRow {
    /// The field.
    pub field: Field,
    /// How it is written; always lower case.
    pub name: &'static str,
    /// Whether devices have it.
    pub of_devices: bool,
    /// Whether patches have it.
    pub of_patches: bool,
    /// What its values look like.
    pub values: ValueKind,
    /// One line for help and completions.
    pub help: &'static str,
}

const SEVERITIES: &[Choice] = &[
    choice("critical", Some(4), "the highest rating"),
    choice("important", Some(3), "the second highest rating"),
    choice("moderate", Some(2), "the second lowest rating"),
    choice("low", Some(1), "the lowest rating"),
    choice("unrated", None, "rated by nobody; no < or > ever meets it"),
];

const YES_NO: &[Choice] = &[
    choice("yes", None, "it is"),
    choice("no", None, "it is not"),
];

const STATES: &[Choice] = &[
    choice("missing", None, "affected, and a fix can be installed"),
    choice("no-fix", None, "affected, and no fix is offered"),
    choice(
        "old-code-running",
        None,
        "fixed on disk, restart or reboot due",
    ),
    choice("fixed", None, "fixed and proven"),
    choice("not-affected", None, "not affected"),
    choice("superseded", None, "a newer patch replaces it"),
    choice("unknown", None, "could not be assessed"),
];

const CLASSES: &[Choice] = &[
    choice("security", None, "a fix for security"),
    choice("hotfix", None, "a fix that is not for security"),
    choice("roll-up", None, "many fixes in one"),
    choice(
        "service-pack",
        None,
        "a service pack, or a point release of a distribution",
    ),
    choice("definition", None, "definitions of a scanner"),
    choice("driver", None, "a driver"),
    choice("feature", None, "new function"),
    choice(
        "third-party",
        None,
        "an application or archive that is not the system vendor's",
    ),
];

const MODES: &[Choice] = &[
    choice("observe", None, "looked at only"),
    choice("managed", None, "changed by policy"),
];

const NAME: ValueKind = ValueKind::Text(LetterCase::Ignored);

/// Every field, in the order of [`Field`].
pub static FIELDS: &[FieldRow] = &[
    device(Field::Client, "client", NAME, "the client, by name or id"),
    device(
        Field::Site,
        "site",
        NAME,
        "the site, by name, CLIENT/SITE or id",
    ),
    device(
        Field::Device,
        "device",
        NAME,
        "the device itself, by name or id",
    ),
    device(Field::Tag, "tag", NAME, "a tag on the device"),
    device(
        Field::Group,
        "group",
        NAME,
        "a group that the device is in, by name",
    ),
    device(
        Field::Zone,
        "zone",
        NAME,
        "the device's time zone: Europe/Berlin, Europe/*",
    ),
    device(
        Field::Mode,
        "mode",
        ValueKind::Choice(MODES),
        "what may be done to the device",
    ),
    device(
        Field::Os,
        "os",
        ValueKind::Os,
        "the operating system: debian, bookworm, debian>=12",
    ),
    device(
        Field::Seen,
        "seen",
        ValueKind::Elapsed,
        "time since the last contact: seen<7d",
    ),
    device(
        Field::Missing,
        "missing",
        ValueKind::Choice(SEVERITIES),
        "the severity of a patch that is missing on the device",
    ),
    FieldRow {
        field: Field::Package,
        name: "package",
        of_devices: true,
        of_patches: true,
        values: ValueKind::Package,
        help: "a package, installed on the device or touched by the patch: openssl<3.0.17",
    },
    patch(
        Field::Product,
        "product",
        NAME,
        "what the patch is for: openssl, linux",
    ),
    patch(
        Field::Patch,
        "patch",
        ValueKind::Text(LetterCase::Kept),
        "the patch itself, by id; a newer version is another patch",
    ),
    patch(
        Field::Severity,
        "severity",
        ValueKind::Choice(SEVERITIES),
        "how severe the patch is",
    ),
    patch(
        Field::Class,
        "class",
        ValueKind::Choice(CLASSES),
        "what kind of patch it is",
    ),
    patch(
        Field::Fix,
        "fix",
        NAME,
        "the fix that the patch carries, the same for all its revisions",
    ),
    FieldRow {
        field: Field::Cve,
        name: "cve",
        of_devices: true,
        of_patches: true,
        values: NAME,
        help: "a CVE: open on the device, or fixed by the patch",
    },
    FieldRow {
        field: Field::Kev,
        name: "kev",
        of_devices: true,
        of_patches: true,
        values: ValueKind::Choice(YES_NO),
        help: "whether a CVE known to be exploited is open on the device, or fixed by the patch",
    },
    patch(
        Field::Origin,
        "origin",
        NAME,
        "where the patch comes from: Debian-Security",
    ),
    patch(
        Field::State,
        "state",
        ValueKind::Choice(STATES),
        "the state of the finding",
    ),
    patch(
        Field::Age,
        "age",
        ValueKind::Elapsed,
        "time since the patch was released or, where that is not known, first seen",
    ),
    patch(
        Field::Released,
        "released",
        ValueKind::Elapsed,
        "time since the vendor released the patch: released>14d",
    ),
];

const fn choice(name: &'static str, rank: Option<u8>, help: &'static str) -> Choice {
    Choice { name, rank, help }
}

const fn device(
    field: Field,
    name: &'static str,
    values: ValueKind,
    help: &'static str,
) -> FieldRow {
    FieldRow {
        field,
        name,
        of_devices: true,
        of_patches: false,
        values,
        help,
    }
}

const fn patch(
    field: Field,
    name: &'static str,
    values: ValueKind,
    help: &'static str,
) -> FieldRow {
    FieldRow {
        field,
        name,
        of_devices: false,
        of_patches: true,
        values,
        help,
    }
}

impl Field {
    /// Returns the field's row of the table.
    pub fn row(self) -> &'static FieldRow {
        &FIELDS[self as usize]
    }

    /// Returns how the field is written.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Finds a field by its name, in any letter case.
    pub fn named(name: &str) -> Option<Self> {
        FIELDS
            .iter()
            .find(|row| row.name.eq_ignore_ascii_case(name))
            .map(|row| row.field)
    }

    /// Tells whether subjects of this kind have the field.
    pub fn applies_to(self, kind: SubjectKind) -> bool {
        let row = self.row();
        match kind {
            SubjectKind::Device => row.of_devices,
            SubjectKind::Patch => row.of_patches,
            SubjectKind::Finding => true,
        }
    }

    /// Lists the fields that subjects of this kind have.
    pub fn all_of(kind: SubjectKind) -> impl Iterator<Item = Self> {
        FIELDS
            .iter()
            .map(|row| row.field)
            .filter(move |field| field.applies_to(kind))
    }

    /// Returns the values of a field with a closed list; empty for any other.
    pub fn choices(self) -> &'static [Choice] {
        match self.row().values {
            ValueKind::Choice(choices) => choices,
            ValueKind::Text(_) | ValueKind::Elapsed | ValueKind::Os | ValueKind::Package => &[],
        }
    }

    /// Tells whether `A` and `a` are the same in the field's values.
    pub fn letter_case(self) -> LetterCase {
        match self.row().values {
            ValueKind::Text(letter_case) => letter_case,
            ValueKind::Choice(_) | ValueKind::Elapsed | ValueKind::Os | ValueKind::Package => {
                LetterCase::Ignored
            }
        }
    }
}
