//! The product tree, resolved: every product by its id, with what it is a component of.
//!
//! Errors: ids that are defined twice, references to what is not defined, and relationships in a
//! circle are found here once (tests 6.1.1 to 6.1.5 of the standard) and make the tree unusable.

use std::collections::{HashMap, HashSet};

use super::model::{Branch, BranchCategory, FullProductName, ProductTree};

/// Deepest chain of relationships.
const CHAIN_MAX: usize = 16;

/// A product of the tree.
#[derive(Debug, Clone, Copy)]
pub struct Product<'a> {
    /// Its definition.
    pub is: &'a FullProductName,
    /// The branch that defines it, its category and name.
    pub branch: Option<(BranchCategory, &'a str)>,
    /// The name of the nearest `product_name` branch that holds it.
    pub product_name: Option<&'a str>,
    /// What it is made of, where a relationship defines it: component and platform.
    pub relation: Option<(&'a str, &'a str)>,
}

/// All products and groups by id.
#[derive(Debug, Default)]
pub struct Tree<'a> {
    products: HashMap<&'a str, Product<'a>>,
    groups: HashMap<&'a str, &'a [String]>,
    /// How many definitions repeat an earlier one word for word.
    pub repeated: u64,
}

/// A fault that makes the tree unusable: the standard's test, where, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// `6.1.1`.
    pub test: &'static str,
    /// Where.
    pub place: String,
    /// What is wrong.
    pub why: String,
}

impl<'a> Tree<'a> {
    /// Resolves the tree, or says what is wrong with it.
    pub fn new(tree: &'a ProductTree) -> Result<Self, Fault> {
        let mut resolved = Self::default();
        for name in &tree.full_product_names {
            resolved.define(name, None, None, None)?;
        }
        // Branches are walked with a stack of our own: depth comes from outside.
        let mut open: Vec<(&Branch, Option<&str>)> =
            tree.branches.iter().map(|branch| (branch, None)).collect();
        while let Some((branch, product_name)) = open.pop() {
            let product_name = match branch.category {
                BranchCategory::ProductName => Some(branch.name.as_str()),
                _ => product_name,
            };
            if let Some(name) = &branch.product {
                let place = Some((branch.category, branch.name.as_str()));
                resolved.define(name, place, product_name, None)?;
            }
            open.extend(branch.branches.iter().map(|inner| (inner, product_name)));
        }
        for relationship in &tree.relationships {
            let relation = (
                relationship.product_reference.as_str(),
                relationship.relates_to_product_reference.as_str(),
            );
            resolved.define(&relationship.full_product_name, None, None, Some(relation))?;
        }
        resolved.references()?;
        resolved.circles()?;
        resolved.define_groups(tree)?;
        Ok(resolved)
    }

    fn define(
        &mut self,
        is: &'a FullProductName,
        branch: Option<(BranchCategory, &'a str)>,
        product_name: Option<&'a str>,
        relation: Option<(&'a str, &'a str)>,
    ) -> Result<(), Fault> {
        let product = Product {
            is,
            branch,
            product_name,
            relation,
        };
        let Some(first) = self.products.get(is.product_id.as_str()) else {
            self.products.insert(&is.product_id, product);
            return Ok(());
        };
        // Red Hat repeats a package in several branches: the same twice contradicts nothing.
        if first.is == is && first.relation == relation {
            self.repeated += 1;
            return Ok(());
        }
        Err(Fault {
            test: "6.1.2",
            place: "product_tree".to_owned(),
            why: format!(
                "the product id `{}` is defined more than once",
                short(&is.product_id)
            ),
        })
    }

    fn references(&self) -> Result<(), Fault> {
        for (id, product) in &self.products {
            let Some((component, platform)) = product.relation else {
                continue;
            };
            for reference in [component, platform] {
                if !self.products.contains_key(reference) {
                    return Err(undefined(
                        &format!("product_tree/relationships `{}`", short(id)),
                        reference,
                    ));
                }
            }
        }
        Ok(())
    }

    /// Takes away relationships whose parts are no open relationships, until none is left.
    fn circles(&self) -> Result<(), Fault> {
        let mut open: HashMap<&str, usize> = HashMap::new();
        let mut used_by: HashMap<&str, Vec<&str>> = HashMap::new();
        for (id, product) in &self.products {
            let Some((component, platform)) = product.relation else {
                continue;
            };
            let mut parts = 0;
            for part in [component, platform] {
                if self
                    .products
                    .get(part)
                    .is_some_and(|p| p.relation.is_some())
                {
                    parts += 1;
                    used_by.entry(part).or_default().push(id);
                }
            }
            open.insert(id, parts);
        }
        let mut ready: Vec<&str> = open
            .iter()
            .filter(|(_, parts)| **parts == 0)
            .map(|(id, _)| *id)
            .collect();
        while let Some(id) = ready.pop() {
            open.remove(id);
            for user in used_by.get(id).into_iter().flatten() {
                if let Some(parts) = open.get_mut(user) {
                    *parts = parts.saturating_sub(1);
                    if *parts == 0 {
                        ready.push(user);
                    }
                }
            }
        }
        match open.keys().min() {
            None => Ok(()),
            Some(id) => Err(Fault {
                test: "6.1.3",
                place: "product_tree/relationships".to_owned(),
                why: format!("the product `{}` is defined by itself", short(id)),
            }),
        }
    }

    fn define_groups(&mut self, tree: &'a ProductTree) -> Result<(), Fault> {
        for group in &tree.product_groups {
            let place = || format!("product_tree/product_groups `{}`", short(&group.group_id));
            if let Some(id) = group.product_ids.iter().find(|id| !self.defines(id)) {
                return Err(undefined(&place(), id));
            }
            if self
                .groups
                .insert(&group.group_id, &group.product_ids)
                .is_some()
            {
                return Err(Fault {
                    test: "6.1.5",
                    place: place(),
                    why: "the group id is defined more than once".to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Whether the id is a product's.
    pub fn defines(&self, id: &str) -> bool {
        self.products.contains_key(id)
    }

    /// The products of a group.
    pub fn group(&self, id: &str) -> Option<&'a [String]> {
        self.groups.get(id).copied()
    }

    /// A product.
    pub fn product(&self, id: &str) -> Option<&Product<'a>> {
        self.products.get(id)
    }

    /// All products, in no order.
    pub fn products(&self) -> impl Iterator<Item = &Product<'a>> {
        self.products.values()
    }

    /// The products that a list of ids and groups names.
    pub fn named<'b>(&self, ids: &'b [String], groups: &[String]) -> HashSet<&'b str>
    where
        'a: 'b,
    {
        let mut all: HashSet<&'b str> = ids.iter().map(String::as_str).collect();
        for group in groups {
            all.extend(self.group(group).into_iter().flatten().map(String::as_str));
        }
        all
    }

    /// What a product is made of: the innermost component first, its platform last. A product
    /// without relationships is alone.
    pub fn parts(&self, id: &str) -> Vec<&Product<'a>> {
        let mut parts = Vec::new();
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            let Some(product) = self.products.get(id) else {
                continue;
            };
            match product.relation {
                Some((component, platform)) if parts.len() + open.len() < CHAIN_MAX => {
                    open.push(platform);
                    open.push(component);
                }
                _ => parts.push(product),
            }
        }
        parts
    }
}

/// The fault of a reference to a product that is not defined.
pub fn undefined(place: &str, id: &str) -> Fault {
    Fault {
        test: "6.1.1",
        place: place.to_owned(),
        why: format!("the product id `{}` is not defined", short(id)),
    }
}

/// A text from outside, cut short and without control characters, for messages.
pub fn short(text: &str) -> String {
    text.chars()
        .filter(|c| domain::name::printable(*c))
        .take(100)
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot be")]
mod tests {
    use super::*;

    fn tree(json: &str) -> ProductTree {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_component_of_a_component_is_taken_apart() {
        let tree = tree(
            r#"{"full_product_names":[{"name":"p","product_id":"p"},{"name":"m","product_id":"m"},
            {"name":"c","product_id":"c"}],"relationships":[
            {"category":"default_component_of","full_product_name":{"name":"","product_id":"pmc"},
             "product_reference":"c","relates_to_product_reference":"pm"},
            {"category":"default_component_of","full_product_name":{"name":"","product_id":"pm"},
             "product_reference":"m","relates_to_product_reference":"p"}]}"#,
        );
        let tree = Tree::new(&tree).unwrap();
        let parts: Vec<_> = tree
            .parts("pmc")
            .iter()
            .map(|p| p.is.name.as_str())
            .collect();
        assert_eq!(parts, ["c", "m", "p"]);
        assert_eq!(tree.parts("p").len(), 1);
    }

    #[test]
    fn relationships_in_a_circle_are_found() {
        let tree = tree(
            r#"{"full_product_names":[{"name":"p","product_id":"p"}],"relationships":[
            {"category":"installed_on","full_product_name":{"name":"","product_id":"a"},
             "product_reference":"p","relates_to_product_reference":"b"},
            {"category":"installed_on","full_product_name":{"name":"","product_id":"b"},
             "product_reference":"p","relates_to_product_reference":"a"}]}"#,
        );
        let fault = Tree::new(&tree).unwrap_err();
        assert_eq!((fault.test, fault.why.contains("`a`")), ("6.1.3", true));
    }
}
