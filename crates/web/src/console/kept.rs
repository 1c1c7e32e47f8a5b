//! Lists of what is kept with its history: windows, freezes, decisions. What has ended is shown when
//! it is asked for; a list is filtered part by part as it is read.

use askama::Template;
use askama::filters::HtmlSafe;
use domain::page::{PAGE_ITEMS_MAX, Page, PageRequest};
use serde::Deserialize;

use super::{Done, PAGE_ITEMS, address};

/// How many parts of a list are read for one page of it at most.
const PARTS_MAX: usize = 40;

/// What such a list is asked for.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct KeptAsked {
    /// A word in it.
    #[serde(default)]
    pub(super) q: String,
    /// Only what is limited to this client.
    #[serde(default)]
    pub(super) client: String,
    /// `all`: what has ended too.
    #[serde(default)]
    pub(super) show: String,
    /// Only this word of a decision.
    #[serde(default)]
    pub(super) word: String,
    #[serde(default)]
    pub(super) cursor: String,
    #[serde(default)]
    pub(super) done: Option<Done>,
}

impl KeptAsked {
    /// Whether something is wanted that stands or not, of a client, with texts to look in.
    pub fn wants(&self, stands: bool, client: Option<&str>, texts: &[&String]) -> bool {
        let own = self.client.trim();
        let q = self.q.trim().to_lowercase();
        (stands || self.show == "all")
            && (own.is_empty() || client.is_some_and(|name| name.eq_ignore_ascii_case(own)))
            && (q.is_empty() || texts.iter().any(|text| text.to_lowercase().contains(&q)))
    }

    fn pairs(&self) -> Vec<(&str, &str)> {
        let all = [
            ("q", self.q.trim()),
            ("client", self.client.trim()),
            ("word", self.word.as_str()),
            ("show", self.show.as_str()),
        ];
        all.into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect()
    }
}

/// What of a list is wanted, and where it goes on.
#[derive(Debug, Clone)]
pub struct Kept<T> {
    /// The things.
    pub items: Vec<T>,
    /// The cursor of the next part.
    pub next: Option<String>,
}

impl<T> Kept<T> {
    /// Reads on until a page is full or the list ends.
    pub fn collect(
        asked: &KeptAsked,
        mut read: impl FnMut(&PageRequest) -> service::Result<Page<T>>,
        wants: impl Fn(&T) -> bool,
    ) -> service::Result<Self> {
        let mut request = PageRequest {
            cursor: Some(asked.cursor.clone()).filter(|cursor| !cursor.is_empty()),
            limit: PAGE_ITEMS.min(PAGE_ITEMS_MAX),
        };
        let mut items = Vec::new();
        for _ in 0..PARTS_MAX {
            let found = read(&request)?;
            items.extend(found.items.into_iter().filter(&wants));
            request.cursor = found.next;
            if request.cursor.is_none() || items.len() >= PAGE_ITEMS as usize {
                break;
            }
        }
        Ok(Self {
            items,
            next: request.cursor,
        })
    }
}

/// The filter above such a list, and the links to its other parts.
#[derive(Debug, Clone, Template)]
#[template(path = "parts/kept.html")]
pub struct Shown {
    path: &'static str,
    q: String,
    client: String,
    all: bool,
    words: Vec<(&'static str, bool)>,
    filtered: bool,
    next: Option<String>,
    first: Option<String>,
    shown: usize,
}
// A template of its own, that escapes what it shows.
impl HtmlSafe for Shown {}

impl Shown {
    /// The filter of the list at `path`.
    pub fn new(path: &'static str, asked: &KeptAsked, next: Option<&str>, shown: usize) -> Self {
        let pairs = asked.pairs();
        let part = |cursor: Option<&str>| {
            let mut pairs = pairs.clone();
            pairs.extend(cursor.map(|cursor| ("cursor", cursor)));
            address(path, &pairs)
        };
        Self {
            path,
            q: asked.q.clone(),
            client: asked.client.clone(),
            all: asked.show == "all",
            words: Vec::new(),
            filtered: !pairs.is_empty(),
            next: next.map(|cursor| part(Some(cursor))),
            first: (!asked.cursor.is_empty()).then(|| part(None)),
            shown,
        }
    }

    /// With a choice of words of decisions.
    pub fn with_words(mut self, words: Vec<(&'static str, bool)>) -> Self {
        self.words = words;
        self
    }

    /// Whether the list is a part of all that stands.
    pub fn is_filtered(&self) -> bool {
        self.filtered
    }

    /// The first part of the list, where this is another.
    pub fn first(&self) -> Option<&String> {
        self.first.as_ref()
    }

    /// The next part of the list.
    pub fn next(&self) -> Option<&String> {
        self.next.as_ref()
    }

    /// How many things are shown.
    pub fn shown(&self) -> usize {
        self.shown
    }
}
