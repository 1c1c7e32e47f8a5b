//! The order of replacement among the KBs of one product: groups of KBs that replace each other in a
//! circle, and who replaces whom between groups.

/// Edges of a graph, from each node to others.
#[derive(Debug, Clone, Default)]
pub struct Edges {
    starts: Vec<u32>,
    to: Vec<u32>,
}

impl Edges {
    /// Takes pairs (from, to) of nodes below `nodes`, in any order; each edge is kept once.
    pub fn new(nodes: usize, pairs: &mut Vec<(u32, u32)>) -> Self {
        pairs.sort_unstable();
        pairs.dedup();
        let mut starts = vec![0_u32; nodes + 1];
        for (from, _) in pairs.iter() {
            starts[*from as usize + 1] += 1;
        }
        for node in 0..nodes {
            starts[node + 1] += starts[node];
        }
        Self {
            starts,
            to: pairs.iter().map(|(_, to)| *to).collect(),
        }
    }

    /// Where the edges of a node lead.
    pub fn of(&self, node: u32) -> &[u32] {
        let node = node as usize;
        let (start, end) = (self.starts[node] as usize, self.starts[node + 1] as usize);
        &self.to[start..end]
    }
}

/// Gives each node the number of its group: two nodes have the same when each can be reached from the
/// other. Where edges lead from one group to another, the other has the lower number. Tarjan's
/// algorithm, with a stack of our own because chains may be long.
pub fn groups(nodes: usize, edges: &Edges) -> Vec<u32> {
    const UNSEEN: u32 = u32::MAX;
    let mut group = vec![UNSEEN; nodes];
    let mut number = vec![UNSEEN; nodes];
    let mut low = vec![0_u32; nodes];
    let mut open: Vec<u32> = Vec::new();
    let mut calls: Vec<(u32, usize)> = Vec::new();
    let (mut next_number, mut next_group) = (0_u32, 0_u32);
    for root in 0..nodes {
        if number[root] != UNSEEN {
            continue;
        }
        calls.push((root as u32, 0));
        while let Some((node, edge)) = calls.pop() {
            let at = node as usize;
            if edge == 0 {
                number[at] = next_number;
                low[at] = next_number;
                next_number += 1;
                open.push(node);
            }
            if let Some(&to) = edges.of(node).get(edge) {
                calls.push((node, edge + 1));
                if number[to as usize] == UNSEEN {
                    calls.push((to, 0));
                } else if group[to as usize] == UNSEEN {
                    low[at] = low[at].min(number[to as usize]);
                }
                continue;
            }
            if low[at] == number[at] {
                while let Some(member) = open.pop() {
                    group[member as usize] = next_group;
                    if member == node {
                        break;
                    }
                }
                next_group += 1;
            }
            if let Some(&(parent, _)) = calls.last() {
                let parent = parent as usize;
                low[parent] = low[parent].min(low[at]);
            }
        }
    }
    group
}
