//! The layer of each box, and lanes for the lines that pass layers.

use super::places::GAP;
use super::{Edge, Item, Layered, Net, Size};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// What stands in the layers of these boxes, and the lines between them.
pub fn layered(layer: &[usize], edges: &[Edge]) -> Layered {
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
pub fn layer_of_each(n: usize, edges: &[Edge]) -> Vec<usize> {
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

/// Layers that are no wider than this, if that can be: from above, each takes what stands close to those that it reads,
/// as long as there is room beside the lines that pass.
pub fn narrow_layers(sizes: &[Size], edges: &[Edge], widest: i32) -> Vec<usize> {
    let mut layer: Vec<Option<usize>> = vec![None; sizes.len()];
    let reads = |number: usize| edges.iter().filter(move |edge| edge.to == number).map(|edge| edge.from);
    for current in 0..sizes.len() {
        let is_above =
            |layer: &[Option<usize>], number: usize| layer[number].is_some_and(|above| above < current);
        let is_open =
            |number: &usize| layer[*number].is_none() && reads(*number).all(|from| is_above(&layer, from));
        let mut open: Vec<usize> = (0..sizes.len()).filter(is_open).collect();
        // What has been read last goes on at once, so that few lines pass.
        open.sort_by_key(|number| {
            Reverse(reads(*number).filter_map(|from| layer[from]).max().map(|at| at + 1))
        });
        let mut width = 0;
        for number in open {
            layer[number] = Some(current);
            let with_it = width + sizes[number].width + GAP as i32;
            let passing = edges.iter().filter(|edge| layer[edge.to].is_none() && is_above(&layer, edge.from));
            let passing: BTreeSet<(usize, usize)> = passing.map(|edge| (edge.from, edge.port)).collect();
            if width == 0 || with_it + passing.len() as i32 * (1 + GAP as i32) <= widest {
                width = with_it;
            } else {
                layer[number] = None;
            }
        }
    }
    layer.into_iter().map(Option::unwrap_or_default).collect()
}
