//! The order of boxes and lanes in their layers, with few crossings of lines.

use super::{Item, Layered, Net};
use std::collections::BTreeMap;

/// Ways down or up.
const MOST_SWEEPS: usize = 24;

pub fn order(layered: &mut Layered) {
    let mut best = layered.layers.clone();
    let mut fewest = crossings(&layered.layers, &layered.nets);
    let n = layered.layers.len();
    for sweep in 0..MOST_SWEEPS {
        if fewest == 0 {
            break;
        }
        for number in 1..n {
            match sweep % 2 {
                0 => sort(&mut layered.layers, number, number - 1, &layered.nets[number - 1]),
                _ => sort(&mut layered.layers, n - 1 - number, n - number, &layered.nets[n - 1 - number]),
            }
        }
        let now = crossings(&layered.layers, &layered.nets);
        if now < fewest {
            (best, fewest) = (layered.layers.clone(), now);
        }
    }
    layered.layers = best;
}

/// Sorts a layer by the mean place of the neighbors in another; what has none stays beside those before it.
fn sort(layers: &mut [Vec<Item>], layer: usize, other: usize, nets: &[Net]) {
    let places: BTreeMap<Item, usize> =
        layers[other].iter().enumerate().map(|(place, item)| (*item, place)).collect();
    let mut means: BTreeMap<Item, (usize, usize)> = BTreeMap::new();
    for net in nets {
        for to in &net.to {
            let (item, neighbor) = if other < layer { (*to, net.from) } else { (net.from, *to) };
            let mean = means.entry(item).or_default();
            *mean = (mean.0 + places.get(&neighbor).copied().unwrap_or(0), mean.1 + 1);
        }
    }
    let mut last = 0.0;
    let place = |item: &Item| {
        last = means.get(item).map_or(last, |(sum, n)| *sum as f64 / *n as f64);
        (last, *item)
    };
    let mut placed: Vec<(f64, Item)> = layers[layer].iter().map(place).collect();
    placed.sort_by(|a, b| a.0.total_cmp(&b.0));
    layers[layer] = placed.into_iter().map(|(_, item)| item).collect();
}

/// How many pairs of lines cross.
fn crossings(layers: &[Vec<Item>], nets: &[Vec<Net>]) -> usize {
    let mut n = 0;
    for (pair, nets) in layers.windows(2).zip(nets) {
        let place = |layer: &[Item], item: Item| layer.iter().position(|other| *other == item);
        let ends = nets.iter().flat_map(|net| {
            let from = place(&pair[0], net.from);
            net.to.iter().map(move |to| (from, place(&pair[1], *to)))
        });
        let ends: Vec<_> = ends.collect();
        for (number, a) in ends.iter().enumerate() {
            let crosses = |b: &&(_, _)| a.0 < b.0 && a.1 > b.1 || a.0 > b.0 && a.1 < b.1;
            n += ends[number + 1..].iter().filter(crosses).count();
        }
    }
    n
}
