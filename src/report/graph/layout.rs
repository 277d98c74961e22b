//! Where nodes and edges of a drawing are: callers left of the called, layer by layer.
//!
//! The usual steps of a layered drawing, each in its simplest form: turn back edges of cycles around, put each node
//! right of all its callers, give edges that cross a layer a place in it, and order each layer by its neighbours.

use std::collections::{BTreeMap, BTreeSet};

/// A node's place: its layer, and its position in it.
pub(super) type Place = (usize, usize);

/// A drawing of nodes `0..n`.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// By node.
    pub nodes: Vec<Place>,
    /// By edge: the places that it passes, its ends included, from source to destination.
    pub edges: Vec<Vec<Place>>,
    /// How many places each layer has.
    pub sizes: Vec<usize>,
}

/// Lays out nodes `0..count` and edges between them.
pub(super) fn layout(count: usize, edges: &[(usize, usize)]) -> Layout {
    let forward = forward(count, edges);
    let layers = layers(count, &forward);
    let mut order: Vec<Vec<usize>> = vec![Vec::new(); layers.iter().max().map_or(0, |last| last + 1)];
    for (node, layer) in layers.iter().enumerate() {
        order[*layer].push(node);
    }
    // Edges that cross layers get a place in each, as if there were a node.
    let (mut next, mut chains) = (count, Vec::new());
    for &(from, to) in &forward {
        let mut chain = vec![from];
        for layer in order.iter_mut().take(layers[to]).skip(layers[from] + 1) {
            layer.push(next);
            chain.push(next);
            next += 1;
        }
        chain.push(to);
        chains.push(chain);
    }
    sort(&mut order, &chains, next);
    let mut places = vec![(0, 0); next];
    for (layer, nodes) in order.iter().enumerate() {
        nodes.iter().enumerate().for_each(|(position, node)| places[*node] = (layer, position));
    }
    let path = |(chain, edge): (&Vec<usize>, &(usize, usize))| {
        let path: Vec<Place> = chain.iter().map(|node| places[*node]).collect();
        if chain.first() == Some(&edge.0) { path } else { path.into_iter().rev().collect() }
    };
    Layout {
        nodes: places[..count].to_vec(),
        edges: chains.iter().zip(edges).map(path).collect(),
        sizes: order.iter().map(Vec::len).collect(),
    }
}

/// The edges, those turned around that would close a cycle.
fn forward(count: usize, edges: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut reached: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); count];
    let mut turned = Vec::new();
    for &(from, to) in edges {
        let closes = from == to || reaches(&reached, to, from);
        let (from, to) = if closes { (to, from) } else { (from, to) };
        if from != to {
            reached[from].insert(to);
        }
        turned.push((from, to));
    }
    turned
}

fn reaches(successors: &[BTreeSet<usize>], from: usize, to: usize) -> bool {
    let (mut open, mut seen) = (vec![from], BTreeSet::new());
    while let Some(node) = open.pop() {
        if node == to {
            return true;
        }
        if seen.insert(node) {
            open.extend(&successors[node]);
        }
    }
    false
}

/// Puts each node right of all its callers.
fn layers(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut layers = vec![0; count];
    // Without cycles a path has fewer edges than there are nodes.
    for _ in 0..count {
        let before = layers.clone();
        for &(from, to) in edges.iter().filter(|(from, to)| from != to) {
            layers[to] = layers[to].max(layers[from] + 1);
        }
        if layers == before {
            break;
        }
    }
    layers
}

/// Orders each layer by the middle of its neighbours in the layer before, then back, a few times.
fn sort(order: &mut [Vec<usize>], chains: &[Vec<usize>], count: usize) {
    const SWEEPS: usize = 6;
    let (mut before, mut after) = (vec![Vec::new(); count], vec![Vec::new(); count]);
    for pair in chains.iter().flat_map(|chain| chain.windows(2)) {
        after[pair[0]].push(pair[1]);
        before[pair[1]].push(pair[0]);
    }
    for sweep in 0..SWEEPS {
        let neighbours = if sweep % 2 == 0 { &before } else { &after };
        let positions: BTreeMap<usize, f64> = order
            .iter()
            .flat_map(|layer| {
                let size = layer.len() as f64;
                layer.iter().enumerate().map(move |(position, node)| (*node, (position as f64 + 0.5) / size))
            })
            .collect();
        for layer in order.iter_mut() {
            let middle = |node: &usize| {
                let near = &neighbours[*node];
                let sum: f64 = near.iter().map(|other| positions[other]).sum();
                if near.is_empty() { positions[node] } else { sum / near.len() as f64 }
            };
            layer.sort_by(|one, other| middle(one).total_cmp(&middle(other)).then(one.cmp(other)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_are_left_of_the_called() {
        // 0 calls 1 and 3, 1 calls 2, 2 calls 3: the edge from 0 to 3 passes two layers.
        let drawn = layout(4, &[(0, 1), (1, 2), (2, 3), (0, 3)]);
        let layers: Vec<usize> = drawn.nodes.iter().map(|(layer, _)| *layer).collect();
        assert_eq!(layers, [0, 1, 2, 3]);
        assert_eq!(drawn.edges[3].len(), 4);
        assert_eq!(drawn.sizes, [1, 2, 2, 1]);
    }

    #[test]
    fn cycles_and_loops_are_drawn_too() {
        let drawn = layout(2, &[(0, 1), (1, 0), (1, 1)]);
        assert_eq!(drawn.nodes, [(0, 0), (1, 0)]);
        assert_eq!(drawn.edges, [vec![(0, 0), (1, 0)], vec![(1, 0), (0, 0)], vec![(1, 0), (1, 0)]]);
    }

    #[test]
    fn layers_are_ordered_so_that_edges_do_not_cross_without_need() {
        let drawn = layout(4, &[(0, 3), (1, 2)]);
        assert!(drawn.nodes[3].1 < drawn.nodes[2].1, "{drawn:?}");
    }
}
