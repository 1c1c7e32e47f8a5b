use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use domain::advisory::{Advisory, AfterInstall, Remedy, RemedyKind};
use domain::definitions::{Definitions, Sourced};
use domain::package::Kb;

use super::super::{Answer, KbGraph, NotKnown};

/// A graph of one product from (kb, replaced) pairs; KBs without a pair as (kb, kb).
fn graph(edges: &[(u32, u32)]) -> KbGraph {
    graph_of(&[("1", edges)])
}

fn graph_of(products: &[(&str, &[(u32, u32)])]) -> KbGraph {
    let mut definitions = Definitions::default();
    for (product_id, edges) in products {
        for (kb, older) in *edges {
            let mut advisory = Advisory::new("CVE-2026-0001");
            advisory.remedies = vec![Remedy {
                product_id: (*product_id).to_owned(),
                product: "Windows".to_owned(),
                kb: Kb(*kb),
                kind: RemedyKind::Cumulative,
                sub_type: String::new(),
                fixed_build: None,
                replaces: vec![Kb(*older)],
                after: AfterInstall::Unknown,
                rating: None,
            }];
            definitions.advisories.push(Sourced {
                document: 0,
                value: advisory,
            });
        }
    }
    KbGraph::build(&definitions)
}

fn yes(graph: &KbGraph, kb: u32, other: u32) -> bool {
    graph.supersedes("1", Kb(kb), Kb(other)) == Answer::Yes
}

#[test]
fn replacement_goes_in_steps_and_one_way() {
    let graph = graph(&[(4, 3), (3, 2), (2, 1), (9, 9)]);
    assert!(yes(&graph, 4, 3) && yes(&graph, 4, 1) && yes(&graph, 3, 1));
    for (kb, other) in [(1, 4), (3, 4), (2, 2), (9, 1), (4, 9)] {
        assert_eq!(
            graph.supersedes("1", Kb(kb), Kb(other)),
            Answer::No,
            "{kb} {other}"
        );
    }
    assert_eq!(graph.superseded_by(Kb(2), "1"), [Kb(3), Kb(4)]);
    assert_eq!(graph.newest("1"), [Kb(4), Kb(9)]);
    assert_eq!(graph.edge_count(), 3);
}

#[test]
fn what_replaces_each_other_replaces_neither() {
    let graph = graph(&[(1, 2), (2, 1), (3, 1), (5, 6), (6, 7), (7, 5), (7, 4)]);
    assert!(!yes(&graph, 1, 2) && !yes(&graph, 2, 1));
    assert!(yes(&graph, 3, 2), "into the circle");
    assert!(!yes(&graph, 5, 7) && !yes(&graph, 7, 5), "a longer circle");
    assert!(yes(&graph, 5, 4), "out of the circle");
    assert_eq!(graph.superseded_by(Kb(1), "1"), [Kb(3)]);
    assert_eq!(graph.newest("1"), [Kb(3), Kb(5), Kb(6), Kb(7)]);
}

#[test]
fn what_no_document_names_is_unknown_and_named() {
    let graph = graph_of(&[("1", &[(2, 1)]), ("2", &[(5, 4)])]);
    assert!(yes(&graph, 2, 1));
    let words = |answer: Answer| match answer {
        Answer::Unknown(what) => what.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        words(graph.supersedes("3", Kb(2), Kb(1))),
        "product 3 has no update in any document at hand"
    );
    // An update is known where it occurs, not for every product.
    assert_eq!(
        words(graph.supersedes("2", Kb(5), Kb(1))),
        "KB1 occurs in no document at hand for product 2"
    );
    assert_eq!(
        graph.supersedes("2", Kb(2), Kb(1)),
        Answer::Unknown(NotKnown::Kbs {
            product_id: "2".to_owned(),
            kbs: vec![Kb(2), Kb(1)]
        })
    );
}

#[test]
fn a_chain_of_300_000_is_no_danger() {
    let edges: Vec<(u32, u32)> = (1..300_000).map(|kb| (kb + 1, kb)).collect();
    let graph = graph(&edges);
    assert!(yes(&graph, 300_000, 1));
    assert!(!yes(&graph, 1, 300_000));
    assert_eq!(graph.newest("1"), [Kb(300_000)]);
}

/// Reachability by the definition: close the relation until nothing is added.
fn closure(edges: &[(u32, u32)]) -> BTreeSet<(u32, u32)> {
    let mut all: BTreeSet<(u32, u32)> = edges.iter().copied().collect();
    loop {
        let mut more = all.clone();
        for &(a, b) in &all {
            for &(c, d) in &all {
                if b == c {
                    more.insert((a, d));
                }
            }
        }
        if more.len() == all.len() {
            return all;
        }
        all = more;
    }
}

proptest! {
    #[test]
    fn answers_are_those_of_the_closed_relation(
        edges in prop::collection::vec((1_u32..12, 1_u32..12), 1..30)
    ) {
        let graph = graph(&edges);
        let closed = closure(&edges);
        let known: BTreeSet<u32> = edges.iter().flat_map(|&(a, b)| [a, b]).collect();
        for kb in 1..12 {
            for other in 1..12 {
                let expected = if kb == other {
                    Answer::No
                } else if !known.contains(&kb) || !known.contains(&other) {
                    let kbs = [kb, other].into_iter().filter(|kb| !known.contains(kb));
                    Answer::Unknown(NotKnown::Kbs {
                        product_id: "1".to_owned(),
                        kbs: kbs.map(Kb).collect(),
                    })
                } else if closed.contains(&(kb, other)) && !closed.contains(&(other, kb)) {
                    Answer::Yes
                } else {
                    Answer::No
                };
                prop_assert_eq!(graph.supersedes("1", Kb(kb), Kb(other)), expected);
            }
            let newer: Vec<Kb> = (1..12)
                .filter(|&newer| closed.contains(&(newer, kb)) && !closed.contains(&(kb, newer)))
                .map(Kb)
                .collect();
            prop_assert_eq!(graph.superseded_by(Kb(kb), "1"), newer);
        }
    }

    #[test]
    fn the_order_of_documents_changes_no_answer(
        edges in prop::collection::vec((1_u32..9, 1_u32..9), 1..20),
        swap in any::<prop::sample::Index>()
    ) {
        let mut other = edges.clone();
        other.rotate_left(swap.index(edges.len()));
        other.reverse();
        let (one, two) = (graph(&edges), graph(&other));
        let mut answers: BTreeMap<(u32, u32), Answer> = BTreeMap::new();
        for kb in 1..9 {
            for older in 1..9 {
                answers.insert((kb, older), one.supersedes("1", Kb(kb), Kb(older)));
                prop_assert_eq!(
                    two.supersedes("1", Kb(kb), Kb(older)),
                    answers[&(kb, older)].clone()
                );
            }
        }
    }
}
