//! Which update replaces which, per product.

use std::collections::HashMap;
use std::fmt;

use domain::advisory::Remedy;
use domain::cve::CveId;
use domain::definitions::Definitions;
use domain::package::Kb;

use super::facts::{self, Update};
use super::order::{Edges, groups};

/// The supersedence of all products, and what is known of their updates.
#[derive(Debug, Default)]
pub struct KbGraph {
    products: HashMap<String, Product>,
}

/// One product.
#[derive(Debug)]
pub struct Product {
    /// Its name, as the newest document spells it.
    pub name: String,
    /// All KBs that occur for it, as a remedy or as replaced, sorted: the nodes.
    pub kbs: Vec<Kb>,
    /// From each KB to those that it replaces directly.
    pub replaces: Edges,
    /// From each KB to those that replace it directly.
    pub replaced_by: Edges,
    /// The group of each KB: [`groups`].
    pub group: Vec<u32>,
    /// Its updates, sorted by KB.
    pub updates: Vec<Update>,
    /// The node of each update.
    pub node: Vec<u32>,
}

/// Whether one KB replaces another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It does, directly or in steps.
    Yes,
    /// It does not; nor do two that replace each other, nor a KB itself.
    No,
    /// Cannot be said.
    Unknown(NotKnown),
}

/// What no document at hand names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotKnown {
    /// The product.
    Product {
        /// Its id.
        product_id: String,
    },
    /// One or both KBs, for the product.
    Kbs {
        /// The product's id.
        product_id: String,
        /// Which.
        kbs: Vec<Kb>,
    },
}

impl fmt::Display for NotKnown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Product { product_id } => {
                write!(
                    f,
                    "product {product_id} has no update in any document at hand"
                )
            }
            Self::Kbs { product_id, kbs } => {
                let names: Vec<String> = kbs.iter().map(Kb::to_string).collect();
                let verb = if kbs.len() == 1 { "occurs" } else { "occur" };
                write!(
                    f,
                    "{} {verb} in no document at hand for product {product_id}",
                    names.join(" and ")
                )
            }
        }
    }
}

impl KbGraph {
    /// Builds the graph from every remedy of every document. Nothing that one document says is taken
    /// away because another does not say it.
    pub fn build(definitions: &Definitions) -> Self {
        let documents: Vec<OfDocument> = definitions
            .documents
            .iter()
            .map(|document| OfDocument {
                dated: document.dated.map_or(i64::MIN, |dated| dated.as_second()),
                month: facts::month(&document.document),
            })
            .collect();
        let mut gathered: HashMap<&str, Gathered<'_>> = HashMap::new();
        for advisory in &definitions.advisories {
            let document = documents
                .get(advisory.document as usize)
                .copied()
                .unwrap_or_default();
            for remedy in &advisory.value.remedies {
                let entry = gathered.entry(&remedy.product_id).or_default();
                entry.edges(remedy);
                if !advisory.value.withdrawn {
                    let rating = remedy.rating.as_ref().or(advisory.value.rating.as_ref());
                    let at = (advisory.document, document);
                    entry.update(remedy, rating, &advisory.value.cves, at);
                }
            }
        }
        let products = gathered
            .into_iter()
            .map(|(id, gathered)| (id.to_owned(), gathered.product()))
            .collect();
        Self { products }
    }

    /// Whether `kb` replaces `other` for a product, directly or in steps.
    pub fn supersedes(&self, product_id: &str, kb: Kb, other: Kb) -> Answer {
        if kb == other {
            return Answer::No;
        }
        let Some(product) = self.products.get(product_id) else {
            return Answer::Unknown(NotKnown::Product {
                product_id: product_id.to_owned(),
            });
        };
        match (product.node_of(kb), product.node_of(other)) {
            (Some(from), Some(to)) => {
                if product.replaces(from, to) {
                    Answer::Yes
                } else {
                    Answer::No
                }
            }
            (from, to) => Answer::Unknown(NotKnown::Kbs {
                product_id: product_id.to_owned(),
                kbs: [(from, kb), (to, other)]
                    .into_iter()
                    .filter(|(node, _)| node.is_none())
                    .map(|(_, kb)| kb)
                    .collect(),
            }),
        }
    }

    /// The KBs that replace `kb` for a product, directly or in steps, sorted. Empty also where the
    /// product or the KB is not known.
    pub fn superseded_by(&self, kb: Kb, product_id: &str) -> Vec<Kb> {
        let Some(product) = self.products.get(product_id) else {
            return Vec::new();
        };
        let Some(node) = product.node_of(kb) else {
            return Vec::new();
        };
        let own = product.group[node as usize];
        reached(&product.replaced_by, product.kbs.len(), node)
            .into_iter()
            .filter(|&newer| product.group[newer as usize] != own)
            .map(|newer| product.kbs[newer as usize])
            .collect()
    }

    /// The newest updates of a product: those that no other KB replaces, sorted.
    pub fn newest(&self, product_id: &str) -> Vec<Kb> {
        let Some(product) = self.products.get(product_id) else {
            return Vec::new();
        };
        let outside = |node: u32| {
            let own = product.group[node as usize];
            let mut newer = product.replaced_by.of(node).iter();
            newer.any(|&newer| product.group[newer as usize] != own)
        };
        let mut replaced: Vec<u32> = (0..product.kbs.len() as u32)
            .filter(|&node| outside(node))
            .map(|node| product.group[node as usize])
            .collect();
        replaced.sort_unstable();
        let updates = product.updates.iter().zip(&product.node);
        updates
            .filter(|(_, node)| {
                replaced
                    .binary_search(&product.group[**node as usize])
                    .is_err()
            })
            .map(|(update, _)| update.kb)
            .collect()
    }

    /// The name of a product, as the newest document spells it.
    pub fn product_name(&self, product_id: &str) -> Option<&str> {
        Some(&self.products.get(product_id)?.name)
    }

    /// How many edges there are, over all products.
    pub fn edge_count(&self) -> usize {
        let edges = |product: &Product| {
            (0..product.kbs.len() as u32)
                .map(|node| product.replaces.of(node).len())
                .sum::<usize>()
        };
        self.products.values().map(edges).sum()
    }

    /// A product that has an update of its own.
    pub(super) fn product(&self, product_id: &str) -> Option<&Product> {
        let product = self.products.get(product_id)?;
        (!product.updates.is_empty()).then_some(product)
    }
}

impl Product {
    /// The node of a KB.
    pub fn node_of(&self, kb: Kb) -> Option<u32> {
        let at = self.kbs.binary_search(&kb).ok()?;
        u32::try_from(at).ok()
    }

    /// Whether one replaces the other and not the other way round too.
    fn replaces(&self, from: u32, to: u32) -> bool {
        let group = |node: u32| self.group[node as usize];
        // Edges lead to groups with lower numbers only.
        if group(to) >= group(from) {
            return false;
        }
        let mut seen = vec![false; self.kbs.len()];
        let mut open = vec![from];
        while let Some(node) = open.pop() {
            for &next in self.replaces.of(node) {
                if next == to {
                    return true;
                }
                if group(next) >= group(to) && !seen[next as usize] {
                    seen[next as usize] = true;
                    open.push(next);
                }
            }
        }
        false
    }
}

/// All nodes that can be reached from a node by an edge or more, sorted.
fn reached(edges: &Edges, nodes: usize, from: u32) -> Vec<u32> {
    let mut seen = vec![false; nodes];
    let mut open = vec![from];
    while let Some(node) = open.pop() {
        for &next in edges.of(node) {
            if !std::mem::replace(&mut seen[next as usize], true) {
                open.push(next);
            }
        }
    }
    (0..nodes as u32)
        .filter(|&node| seen[node as usize])
        .collect()
}

/// What is needed of a document.
#[derive(Debug, Clone, Copy, Default)]
struct OfDocument {
    dated: i64,
    month: Option<u32>,
}

/// One product while documents are gathered.
#[derive(Default)]
struct Gathered<'d> {
    name: &'d str,
    named_at: i64,
    edges: Vec<(Kb, Kb)>,
    updates: HashMap<Kb, (Update, i64)>,
    kbs: Vec<Kb>,
}

impl<'d> Gathered<'d> {
    fn edges(&mut self, remedy: &'d Remedy) {
        if !self.updates.contains_key(&remedy.kb) {
            self.kbs.push(remedy.kb);
        }
        for older in &remedy.replaces {
            let edge = (remedy.kb, *older);
            // One KB comes with each of its CVEs; most repeats follow each other.
            if *older != remedy.kb && self.edges.last() != Some(&edge) {
                self.edges.push(edge);
            }
        }
    }

    fn update(
        &mut self,
        remedy: &'d Remedy,
        rating: Option<&domain::advisory::Rating>,
        cves: &[CveId],
        (at, document): (u32, OfDocument),
    ) {
        if self.name.is_empty() || document.dated > self.named_at {
            self.name = &remedy.product;
            self.named_at = document.dated;
        }
        let (update, dated) = self.updates.entry(remedy.kb).or_insert_with(|| {
            let update = Update {
                kb: remedy.kb,
                kind: remedy.kind,
                builds: Vec::new(),
                cves: Vec::new(),
                rating: None,
                document: at,
                months: None,
                twin: None,
            };
            (update, document.dated)
        });
        update.kind = facts::more_telling(update.kind, remedy.kind);
        if let Some(build) = remedy.fixed_build.as_ref().and_then(facts::build)
            && !update.builds.contains(&build)
        {
            update.builds.push(build);
        }
        for cve in cves {
            if update.cves.last() != Some(cve) {
                update.cves.push(*cve);
            }
        }
        update.rating = facts::higher(update.rating.take(), rating);
        if document.dated > *dated {
            *dated = document.dated;
            update.document = at;
        }
        if let Some(month) = document.month {
            let (first, last) = update.months.unwrap_or((month, month));
            update.months = Some((first.min(month), last.max(month)));
        }
    }

    fn product(mut self) -> Product {
        self.edges.sort_unstable();
        self.edges.dedup();
        let mut kbs = self.kbs;
        kbs.extend(self.edges.iter().map(|(_, older)| *older));
        kbs.sort_unstable();
        kbs.dedup();
        let node = |kb: &Kb| kbs.binary_search(kb).unwrap_or_default() as u32;
        let mut forward: Vec<(u32, u32)> = self
            .edges
            .iter()
            .map(|(newer, older)| (node(newer), node(older)))
            .collect();
        let mut backward: Vec<(u32, u32)> = forward.iter().map(|&(a, b)| (b, a)).collect();
        let replaces = Edges::new(kbs.len(), &mut forward);
        let replaced_by = Edges::new(kbs.len(), &mut backward);
        let mut updates: Vec<Update> = self
            .updates
            .into_values()
            .map(|(mut update, _)| {
                update.builds.sort_unstable();
                update.cves.sort_unstable();
                update.cves.dedup();
                update
            })
            .collect();
        updates.sort_unstable_by_key(|update| update.kb);
        facts::find_twins(&mut updates);
        Product {
            name: self.name.to_owned(),
            group: groups(kbs.len(), &replaces),
            node: updates.iter().map(|update| node(&update.kb)).collect(),
            replaces,
            replaced_by,
            updates,
            kbs,
        }
    }
}
