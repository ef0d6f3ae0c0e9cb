//! The layer of each box, and lanes for the lines that pass layers.

use super::{Edge, Item, Layered, Net};
use std::collections::{BTreeMap, BTreeSet};

pub fn layered(n: usize, edges: &[Edge]) -> Layered {
    let layer = layer_of_each(n, edges);
    let n_layers = layer.iter().max().map_or(0, |last| last + 1);
    let mut layers: Vec<BTreeSet<(usize, Item)>> = vec![BTreeSet::new(); n_layers];
    let mut nets: Vec<BTreeMap<(Item, usize), BTreeSet<Item>>> = vec![BTreeMap::new(); n_layers];
    for (number, layer) in layer.iter().enumerate() {
        layers[*layer].insert((number, Item::Box(number)));
    }
    for edge in edges {
        let mut item = Item::Box(edge.from);
        for below in layer[edge.from] + 1..=layer[edge.to] {
            let next = match below == layer[edge.to] {
                true => Item::Box(edge.to),
                false => Item::Lane(edge.from, edge.port, below),
            };
            // As the boxes were named: a lane beside those of the box that it comes from.
            let named = if next == Item::Box(edge.to) { edge.to } else { edge.from };
            layers[below].insert((named, next));
            nets[below - 1].entry((item, edge.port)).or_default().insert(next);
            item = next;
        }
    }
    let layers = layers.into_iter().map(|layer| layer.into_iter().map(|(_, item)| item).collect());
    let nets = nets.into_iter().map(|nets| {
        let net = |((from, port), to): ((Item, usize), BTreeSet<Item>)| Net {
            from,
            port,
            to: to.into_iter().collect(),
        };
        nets.into_iter().map(net).collect()
    });
    Layered { layers: layers.collect(), nets: nets.collect() }
}

/// A layer below the lowest of those that it reads; what reads nothing stands directly above its first reader.
fn layer_of_each(n: usize, edges: &[Edge]) -> Vec<usize> {
    let mut layer = vec![0; n];
    // The longest way has fewer edges than there are boxes.
    for _ in 0..n {
        for edge in edges {
            layer[edge.to] = layer[edge.to].max(layer[edge.from] + 1);
        }
    }
    for number in 0..n {
        let reads = edges.iter().any(|edge| edge.to == number);
        let readers = edges.iter().filter(|edge| edge.from == number).map(|edge| layer[edge.to]);
        if let (false, Some(first)) = (reads, readers.min()) {
            layer[number] = first - 1;
        }
    }
    layer
}
