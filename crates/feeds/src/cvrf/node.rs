//! A part of an XML document as a small tree, bounded.

use crate::refusal::Refusal;
use crate::xml::{Element, Event, Xml};

/// Most elements of one part of a document.
const NODES_MAX: u64 = 1_000_000;

/// Attributes that CVRF uses.
const ATTRIBUTES: &[&str] = &[
    "Type",
    "Name",
    "ProductID",
    "CPE",
    "GroupID",
    "ProductReference",
    "RelatesToProductReference",
];

/// An element with what is in it.
#[derive(Debug, Default)]
pub struct Node {
    /// Its local name.
    pub name: String,
    attributes: Vec<(&'static str, String)>,
    /// Its own text.
    pub text: String,
    /// Its children.
    pub children: Vec<Node>,
}

impl Node {
    fn new(element: &Element<'_>) -> Self {
        let attributes = ATTRIBUTES
            .iter()
            .filter_map(|name| Some((*name, element.attribute(name)?)))
            .collect();
        Self {
            name: element.name().to_owned(),
            attributes,
            ..Self::default()
        }
    }

    /// Reads the element that just began, up to its end.
    pub fn read(element: &Element<'_>, xml: &mut Xml<'_>) -> Result<Self, Refusal> {
        let mut open = vec![Self::new(element)];
        let mut count = 0_u64;
        loop {
            match xml.next()? {
                Event::Start(element) => {
                    count += 1;
                    if count > NODES_MAX {
                        return Err(Refusal::TooMany {
                            what: "elements in one part",
                            limit: NODES_MAX,
                        });
                    }
                    open.push(Self::new(&element));
                }
                Event::Text(text) => {
                    if let Some(node) = open.last_mut() {
                        node.text.push_str(&text);
                    }
                }
                Event::End => {
                    let Some(mut node) = open.pop() else { break };
                    node.text = node.text.trim().to_owned();
                    match open.last_mut() {
                        Some(parent) => parent.children.push(node),
                        None => return Ok(node),
                    }
                }
                Event::Done => break,
            }
        }
        Err(Refusal::Truncated { place: xml.place() })
    }

    /// An attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(known, _)| *known == name)?;
        Some(&found.1)
    }

    /// The children of this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Node> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the first child of this name, where it has any.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        let child = self.children.iter().find(|child| child.name == name)?;
        (!child.text.is_empty()).then_some(child.text.as_str())
    }

    /// The first child of this name.
    pub fn child(&self, name: &str) -> Option<&Node> {
        self.children.iter().find(|child| child.name == name)
    }
}
