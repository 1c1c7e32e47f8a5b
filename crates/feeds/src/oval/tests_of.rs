//! Tests, objects, states and variables of an OVAL document, by their ids.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::platform::{self, Platform};
use crate::refusal::Refusal;
use crate::xml::{Element, Event, Xml};

/// Everything that definitions point to.
#[derive(Debug, Default)]
pub(super) struct Library {
    tests: HashMap<String, Test>,
    objects: HashMap<String, Object>,
    states: HashMap<String, State>,
    variables: HashMap<String, Vec<String>>,
    items: usize,
    /// Platforms by name: a document names few, again and again.
    platforms: RefCell<HashMap<String, Option<Platform>>>,
}

/// Most tests, objects, states and values of one document.
const ITEMS_MAX: usize = 1_000_000;
/// Most names of platforms that are remembered.
const PLATFORMS_MAX: usize = 10_000;

/// A test: an object, and the states that it has to be in.
#[derive(Debug, Default)]
struct Test {
    /// It asks that nothing be there.
    none: bool,
    object: Option<String>,
    states: Vec<String>,
}

#[derive(Debug)]
enum Object {
    /// A package, by name.
    Named(String),
    /// Packages, by the values of a variable.
    Variable(String),
}

/// What a state says of a version.
#[derive(Debug, Default)]
struct State {
    /// Operation and version of `evr`, or of what a pattern cuts out of a manifest.
    evr: Option<(String, String)>,
    /// Operation and value of `version`.
    version: Option<(String, String)>,
    architecture: Option<String>,
}

/// What a test says, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resolved<'a> {
    /// It asks that nothing be there.
    pub none: bool,
    /// The packages that it is about.
    pub names: Vec<String>,
    pub bound: Bound<'a>,
    pub architecture: Option<&'a str>,
}

/// How a test bounds the versions of its packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound<'a> {
    /// Any version: the package has to be installed.
    Any,
    /// Versions before this one.
    Before(&'a str),
    /// Every version: SUSE writes "greater than 0" for what is affected and not fixed.
    AboveZero,
    /// The version 0, which no package has: SUSE's way to say "not affected".
    Zero,
    /// Something else.
    Other,
}

impl Library {
    /// The system that a name in words means.
    pub fn platform(&self, name: &str) -> Option<Platform> {
        if let Some(known) = self.platforms.borrow().get(name) {
            return known.clone();
        }
        let named = platform::named(name);
        let mut known = self.platforms.borrow_mut();
        if known.len() < PLATFORMS_MAX {
            known.insert(name.to_owned(), named.clone());
        }
        named
    }

    /// Counts one more item.
    fn count(&mut self) -> Result<(), Refusal> {
        self.items += 1;
        if self.items > ITEMS_MAX {
            return Err(Refusal::TooMany {
                what: "tests, objects and states",
                limit: ITEMS_MAX as u64,
            });
        }
        Ok(())
    }

    /// What a test says; `None`: it does not stand in the document.
    pub fn resolve(&self, id: &str) -> Option<Resolved<'_>> {
        let test = self.tests.get(id)?;
        let object = test.object.as_ref().and_then(|id| self.objects.get(id));
        let names = match object {
            Some(Object::Named(name)) => vec![name.clone()],
            Some(Object::Variable(id)) => {
                let values = self.variables.get(id).map_or(&[][..], Vec::as_slice);
                values
                    .iter()
                    .filter_map(|value| package_of(value))
                    .collect()
            }
            None => Vec::new(),
        };
        let states: Vec<&State> = test
            .states
            .iter()
            .filter_map(|id| self.states.get(id))
            .collect();
        let architecture = states
            .iter()
            .find_map(|state| state.architecture.as_deref());
        Some(Resolved {
            none: test.none,
            names,
            bound: bound(test, &states),
            architecture,
        })
    }

    pub fn tests(&mut self, xml: &mut Xml<'_>) -> Result<(), Refusal> {
        each_child(xml, &mut |xml, element| {
            let id = element.attribute("id").unwrap_or_default();
            self.count()?;
            let check = element.attribute("check").unwrap_or_default();
            let existence = element.attribute("check_existence").unwrap_or_default();
            let mut test = Test {
                none: check == "none satisfy" || existence == "none_exist",
                ..Test::default()
            };
            each_child(xml, &mut |xml, element| {
                match element.name() {
                    "object" => test.object = element.attribute("object_ref"),
                    "state" => test.states.extend(element.attribute("state_ref")),
                    _ => {}
                }
                xml.skip()
            })?;
            self.tests.insert(id, test);
            Ok(())
        })
    }

    pub fn objects(&mut self, xml: &mut Xml<'_>) -> Result<(), Refusal> {
        each_child(xml, &mut |xml, element| {
            let id = element.attribute("id").unwrap_or_default();
            self.count()?;
            let is_package = matches!(element.name(), "rpminfo_object" | "dpkginfo_object");
            let mut object = None;
            each_child(xml, &mut |xml, element| {
                let names = match element.name() {
                    "name" => is_package,
                    // Ubuntu's form for container images looks a manifest through.
                    "pattern" => true,
                    _ => false,
                };
                if !names {
                    return xml.skip();
                }
                object = match element.attribute("var_ref") {
                    Some(variable) => {
                        xml.skip()?;
                        Some(Object::Variable(variable))
                    }
                    None if is_package => Some(Object::Named(xml.text()?)),
                    None => {
                        xml.skip()?;
                        None
                    }
                };
                Ok(())
            })?;
            self.objects.extend(object.map(|object| (id, object)));
            Ok(())
        })
    }

    pub fn states(&mut self, xml: &mut Xml<'_>) -> Result<(), Refusal> {
        each_child(xml, &mut |xml, element| {
            let id = element.attribute("id").unwrap_or_default();
            self.count()?;
            let mut state = State::default();
            each_child(xml, &mut |xml, element| {
                let operation = element.attribute("operation").unwrap_or_default();
                match element.name() {
                    "evr" => state.evr = Some((operation, xml.text()?)),
                    "subexpression" => {
                        let kind = element.attribute("datatype").unwrap_or_default();
                        let text = xml.text()?;
                        if kind.ends_with("evr_string") {
                            state.evr = Some((operation, text));
                        }
                    }
                    "version" => state.version = Some((operation, xml.text()?)),
                    "arch" => state.architecture = Some(xml.text()?),
                    _ => xml.skip()?,
                }
                Ok(())
            })?;
            self.states.insert(id, state);
            Ok(())
        })
    }

    pub fn variables(&mut self, xml: &mut Xml<'_>) -> Result<(), Refusal> {
        each_child(xml, &mut |xml, element| {
            let id = element.attribute("id").unwrap_or_default();
            let constant = element.name() == "constant_variable";
            let mut values = Vec::new();
            each_child(xml, &mut |xml, element| {
                match constant && element.name() == "value" {
                    true => {
                        self.count()?;
                        values.push(xml.text()?);
                    }
                    false => xml.skip()?,
                }
                Ok(())
            })?;
            if constant {
                self.variables.insert(id, values);
            }
            Ok(())
        })
    }
}

fn bound<'a>(test: &Test, states: &[&'a State]) -> Bound<'a> {
    if test.states.is_empty() {
        return Bound::Any;
    }
    let evr = states.iter().find_map(|state| state.evr.as_ref());
    if let Some((operation, version)) = evr {
        return match operation.as_str() {
            "less than" => Bound::Before(version),
            "greater than" if is_zero(version) => Bound::AboveZero,
            "equals" if is_zero(version) => Bound::Zero,
            _ => Bound::Other,
        };
    }
    let version = states.iter().find_map(|state| state.version.as_ref());
    match version {
        Some((operation, version)) if operation == "equals" && version == "0" => Bound::Zero,
        _ => Bound::Other,
    }
}

/// `0`, `0:0`, `0:0-0`.
fn is_zero(version: &str) -> bool {
    !version.is_empty() && version.bytes().all(|byte| b"0:-".contains(&byte))
}

/// The package in a value such as `openssh-client` or `^libstdc\+\+6(?::\w+|)\s+(.*)$`.
fn package_of(value: &str) -> Option<String> {
    let value = value.trim().trim_start_matches('^');
    let name = value.split(['(', '$']).next().unwrap_or_default();
    let name = name.replace('\\', "");
    let plain = |c: char| c.is_ascii_alphanumeric() || "+-._~:".contains(c);
    (!name.is_empty() && name.chars().all(plain)).then_some(name)
}

/// Hands each child of the element that just began to `take`, which reads up to the child's end.
pub(super) fn each_child<'a>(
    xml: &mut Xml<'a>,
    take: &mut dyn FnMut(&mut Xml<'a>, &Element<'_>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let outside = xml.depth().saturating_sub(1);
    while xml.depth() > outside {
        match xml.next()? {
            Event::Start(element) => take(xml, &element)?,
            Event::End | Event::Text(_) => {}
            Event::Done => break,
        }
    }
    Ok(())
}
