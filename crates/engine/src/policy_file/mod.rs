//! Policies as files: TOML texts read into one [`Policy`], and printed from it.
//!
//! Reading tells every mistake with its file, line and column and what to write instead, and goes
//! on; a policy comes out only where there is none. Each object keeps the text it was read from with
//! the comments above it, so that an export writes them back. Limits: [`FILE_BYTES_MAX`],
//! [`OBJECTS_MAX`].

mod check;
mod fields;
mod keys;
mod objects;
mod openings;
mod print;
mod problem;
mod schema;
mod segment;
mod source;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests;

use domain::policy::{Policy, PolicyKind};
use serde::Serialize;
use toml::de::{DeTable, DeValue};

use fields::{Fields, Problems};
use problem::{nearest, one_of, shown};
use source::Source;

pub use objects::{DECIDED_BY_THE_POLICY, OWNER_OF_NO_NAME};
pub use openings::{Listing, OpeningsOf, WindowOpening, freezes_of, openings};
pub use print::{Object, quoted, to_toml};
pub use problem::{Place, Problem, Weight};
pub use schema::schema;

/// The largest file that is read, in bytes.
pub const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The most objects of all files together.
pub const OBJECTS_MAX: usize = 10_000;

/// What the written policy says about itself: the table `[policy]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Head {
    /// Its title.
    pub title: Option<String>,
    /// Who looks after the devices.
    pub provider: Option<String>,
    /// For whom it is written.
    pub client: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// From which day this version holds.
    pub date: Option<jiff::civil::Date>,
    /// Whom to ask.
    pub contact: Option<String>,
    /// In which zone the document shows times.
    pub zone: Option<String>,
    /// What stands at its beginning.
    pub introduction: Option<String>,
}

/// One object as it stands in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileObject {
    /// Its kind.
    pub kind: PolicyKind,
    /// Its name; for a decision without one `decision 3`, counted over all files.
    pub name: String,
    /// Its index in the list of its kind in the policy.
    pub index: usize,
    /// Where it begins.
    pub place: Place,
    /// Its text with the comments above it.
    pub source: String,
}

/// Policy files, read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PolicyFiles {
    /// What they say.
    pub policy: Policy,
    /// What they say about the document.
    pub head: Head,
    /// What is probably not meant; no errors.
    pub warnings: Vec<Problem>,
    /// What stands above the first object of each file: file and text.
    preambles: Vec<(String, String)>,
    objects: Vec<FileObject>,
}

impl PolicyFiles {
    /// Every object in the order of the files.
    pub fn objects(&self) -> &[FileObject] {
        &self.objects
    }

    /// What stands in each file above its first object.
    pub fn preambles(&self) -> &[(String, String)] {
        &self.preambles
    }

    /// The object at an index of its kind's list.
    pub fn object(&self, kind: PolicyKind, index: usize) -> Option<&FileObject> {
        self.objects
            .iter()
            .find(|object| object.kind == kind && object.index == index)
    }

    /// Where an object begins.
    pub fn place(&self, kind: PolicyKind, index: usize) -> Option<&Place> {
        self.object(kind, index).map(|object| &object.place)
    }
}

/// Reads policy files, each a name and a text. Refuses them with every mistake, in the order of the
/// files; warnings are among them.
pub fn read(files: &[(String, String)]) -> Result<PolicyFiles, Vec<Problem>> {
    let mut reading = Reading::default();
    for (file, text) in files {
        let mut source = Source::new(file, text);
        if text.len() > FILE_BYTES_MAX {
            let what = format!(
                "the file has {} bytes, more than {FILE_BYTES_MAX}",
                text.len()
            );
            let hint = Some("write several files".to_owned());
            reading.problems.tell(Weight::Error, &source, 0, what, hint);
            continue;
        }
        let table = reading.parse(&mut source);
        reading.file(&source, &table);
    }
    check::names(&mut reading);
    let Reading {
        files: mut read,
        problems,
        ..
    } = reading;
    let mut told = problems.told;
    sort(&mut told, files);
    if problems.errors > 0 {
        return Err(told);
    }
    read.warnings = told;
    Ok(read)
}

fn sort(problems: &mut [Problem], files: &[(String, String)]) {
    let order = |file: &str| files.iter().position(|(name, _)| name == file);
    problems.sort_by_cached_key(|problem| {
        let place = &problem.place;
        (
            order(&place.file),
            place.line,
            place.column,
            problem.what.clone(),
        )
    });
}

/// A name that an object has or asks for, and where.
#[derive(Debug)]
struct Named {
    kind: PolicyKind,
    name: String,
    place: Place,
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    files: PolicyFiles,
    problems: Problems,
    objects: usize,
    /// Where a file is no TOML, objects may be missing that others name.
    incomplete: bool,
    given: Vec<Named>,
    wanted: Vec<Named>,
    head_at: Option<Place>,
}

impl Reading {
    /// Parses a text as far as that goes, and tells what is no TOML.
    fn parse<'a>(&mut self, source: &mut Source<'a>) -> DeTable<'a> {
        let (table, errors) = DeTable::parse_recoverable(source.text);
        let offsets: Vec<usize> = errors
            .iter()
            .map(|error| error.span().map_or(source.text.len(), |span| span.start))
            .collect();
        for (error, offset) in errors.iter().zip(&offsets) {
            let hint = hint_for_toml(source, *offset);
            let what = error.message().replace('\n', ", ");
            self.problems
                .tell(Weight::Error, source, *offset, what, hint);
        }
        for offset in offsets {
            source.break_line(offset);
            self.incomplete = true;
        }
        table.into_inner()
    }

    fn file<'a>(&mut self, source: &Source<'a>, table: &DeTable<'a>) {
        let first = self.files.objects.len();
        let mut spans = Vec::new();
        for (key, value) in table.iter() {
            let kind = key.get_ref().parse::<PolicyKind>();
            match (kind, value.get_ref()) {
                (Ok(kind), DeValue::Array(items)) => {
                    for item in items.iter() {
                        match item.get_ref() {
                            DeValue::Table(table) => {
                                spans.push(self.object(source, kind, table, item.span()));
                            }
                            _ => self.no_table(source, kind, item.span().start),
                        }
                    }
                }
                (Ok(kind), _) => self.no_table(source, kind, key.span().start),
                (Err(_), DeValue::Table(head)) if key.get_ref() == keys::HEAD.name => {
                    self.head(source, head, value.span());
                    spans.push(segment::Span::of(value.span(), head, None));
                }
                (Err(_), _) => self.unknown(source, key.get_ref(), key.span().start),
            }
        }
        segment::cut(
            source,
            &mut spans,
            &mut self.files.objects[first..],
            &mut self.files.preambles,
        );
        for object in &mut self.files.objects[first..] {
            if object.source.is_empty() {
                object.source = Object::of(&self.files.policy, object.kind, object.index)
                    .map(to_toml)
                    .unwrap_or_default();
            }
        }
        self.files.objects[first..].sort_by_key(|object| (object.place.line, object.place.column));
    }

    fn no_table(&mut self, source: &Source<'_>, kind: PolicyKind, at: usize) {
        self.problems.tell(
            Weight::Error,
            source,
            at,
            format!("`{kind}` is not a list of tables"),
            Some(format!("begin each {kind} with [[{kind}]]")),
        );
    }

    fn unknown(&mut self, source: &Source<'_>, key: &str, at: usize) {
        let kinds = || {
            PolicyKind::ALL
                .iter()
                .map(|kind| kind.word())
                .chain([keys::HEAD.name])
        };
        let hint = nearest(key, kinds()).map_or_else(
            || format!("a policy has {}", one_of(kinds())),
            |near| match near.parse::<PolicyKind>() {
                Ok(kind) => format!("did you mean [[{kind}]]?"),
                Err(_) => format!("did you mean [{near}]?"),
            },
        );
        let what = format!("a policy has no `{}`", shown(key));
        self.problems
            .tell(Weight::Error, source, at, what, Some(hint));
    }

    fn head<'a>(&mut self, source: &Source<'a>, table: &DeTable<'a>, at: std::ops::Range<usize>) {
        let place = source.place(at.start);
        if let Some(other) = self.head_at.replace(place) {
            let what = format!("there is a [policy] already, at {other}");
            let hint = Some("keep one of them".to_owned());
            self.problems
                .tell(Weight::Error, source, at.start, what, hint);
        }
        let mut fields = Fields::open(source, table, &keys::HEAD, at, &mut self.problems);
        self.files.head = Head {
            title: fields.text("title"),
            provider: fields.text("provider"),
            client: fields.text("client"),
            version: fields.text("version"),
            date: fields.date("date"),
            contact: fields.text("contact"),
            zone: fields.named_zone("zone").map(|(name, _)| name),
            introduction: fields.text("introduction"),
        };
    }

    fn object<'a>(
        &mut self,
        source: &Source<'a>,
        kind: PolicyKind,
        table: &DeTable<'a>,
        at: std::ops::Range<usize>,
    ) -> segment::Span {
        self.objects += 1;
        if self.objects > OBJECTS_MAX {
            if self.objects == OBJECTS_MAX + 1 {
                let what = format!("there are more than {OBJECTS_MAX} objects");
                self.problems
                    .tell(Weight::Error, source, at.start, what, None);
            }
            return segment::Span::of(at, table, None);
        }
        self.remember_names(source, kind, table);
        let row = keys::row(kind);
        let errors = self.problems.errors;
        let mut fields = Fields::open(source, table, row, at.clone(), &mut self.problems);
        let policy = &mut self.files.policy;
        let index = match kind {
            PolicyKind::Group => put(&mut policy.groups, objects::group(&mut fields)),
            PolicyKind::Window => put(&mut policy.windows, objects::window(&mut fields)),
            PolicyKind::Freeze => put(&mut policy.freezes, objects::freeze(&mut fields)),
            PolicyKind::Rule => put(&mut policy.rules, objects::rule(&mut fields)),
            PolicyKind::Decision => put(&mut policy.decisions, objects::decision(&mut fields)),
            PolicyKind::Reboot => put(&mut policy.reboots, objects::reboot(&mut fields)),
            PolicyKind::Rings => put(&mut policy.rings, objects::rings(&mut fields)),
            PolicyKind::Exclude => put(&mut policy.exclusions, objects::exclusion(&mut fields)),
        };
        let Some(index) = index.filter(|_| self.problems.errors == errors) else {
            return segment::Span::of(at, table, None);
        };
        let name = text_of(table, "name");
        self.files.objects.push(FileObject {
            kind,
            name: name.unwrap_or_else(|| format!("{kind} {}", index + 1)),
            index,
            place: source.place(at.start),
            source: String::new(),
        });
        segment::Span::of(at, table, Some((kind, index)))
    }

    fn remember_names(&mut self, source: &Source<'_>, kind: PolicyKind, table: &DeTable<'_>) {
        let named = |kind, value: &toml::Spanned<DeValue<'_>>| {
            Some(Named {
                kind,
                name: value.get_ref().as_str()?.to_owned(),
                place: source.place(value.span().start),
            })
        };
        self.given
            .extend(table.get("name").and_then(|name| named(kind, name)));
        let wanted: &[(&str, PolicyKind)] = match kind {
            PolicyKind::Rule => &[
                ("windows", PolicyKind::Window),
                ("rings", PolicyKind::Rings),
            ],
            PolicyKind::Reboot => &[("window", PolicyKind::Window)],
            _ => &[],
        };
        for (key, kind) in wanted {
            match table.get(*key).map(|value| (value, value.get_ref())) {
                Some((_, DeValue::Array(items))) => self
                    .wanted
                    .extend(items.iter().filter_map(|item| named(*kind, item))),
                Some((value, _)) => self.wanted.extend(named(*kind, value)),
                None => {}
            }
        }
    }
}

fn put<T>(list: &mut Vec<T>, object: Option<T>) -> Option<usize> {
    list.push(object?);
    Some(list.len() - 1)
}

fn text_of(table: &DeTable<'_>, key: &str) -> Option<String> {
    table.get(key)?.get_ref().as_str().map(str::to_owned)
}

/// What to do about a line that is no TOML, where that can be guessed.
fn hint_for_toml(source: &Source<'_>, offset: usize) -> Option<String> {
    let start = source.line_start(offset);
    let line = source.text.get(start..)?.lines().next()?.trim();
    let (key, value) = line.split_once('=')?;
    let value = value.trim();
    let bare = !value.is_empty() && !value.starts_with(['"', '\'', '[', '{']);
    bare.then(|| format!("write {} = \"{}\"", key.trim(), shown(value)))
}
