//! Where boxes and lanes stand in their layers: in the middle of their neighbors, as far as the others leave room.

use super::{Item, Layered, Size, width};
use std::collections::BTreeMap;

/// Cells between two boxes.
pub const GAP: f64 = 3.0;
/// Ways down or up.
const SWEEPS: usize = 24;
/// A bent lane is worse than a box that stands a little aside.
const WEIGHT_OF_LANE: f64 = 8.0;

/// The column of the middle of each; the least left side is 0. Layers that are no wider than what is said stand in it.
pub fn centers(layered: &Layered, sizes: &[Size], widest: Option<i32>) -> BTreeMap<Item, i32> {
    let mut centers: BTreeMap<Item, f64> = BTreeMap::new();
    let mut neighbors: BTreeMap<Item, [Vec<Item>; 2]> = BTreeMap::new();
    for net in layered.nets.iter().flatten() {
        for to in &net.to {
            neighbors.entry(*to).or_default()[0].push(net.from);
            neighbors.entry(net.from).or_default()[1].push(*to);
        }
    }
    let n = layered.layers.len();
    for sweep in 0..=SWEEPS {
        for step in 0..n {
            let down = sweep % 2 == 0;
            let layer = &layered.layers[if down { step } else { n - 1 - step }];
            let wanted: Vec<(f64, f64)> = layer
                .iter()
                .map(|item| {
                    // At last both count.
                    let sides = if sweep == SWEEPS { 0..2 } else { !down as usize..!down as usize + 1 };
                    let of_item = neighbors.get(item).map_or(&[][..], |both| &both[sides]);
                    let places: Vec<f64> = of_item
                        .iter()
                        .flatten()
                        .filter_map(|neighbor| centers.get(neighbor))
                        .copied()
                        .collect();
                    let weight = if matches!(item, Item::Lane(..)) { WEIGHT_OF_LANE } else { 1.0 };
                    match places.len() {
                        0 => (centers.get(item).copied().unwrap_or(0.0), weight / 4.0),
                        n => (places.iter().sum::<f64>() / n as f64, weight),
                    }
                })
                .collect();
            let placed: Vec<(Item, f64)> =
                layer.iter().copied().zip(apart(layer, &wanted, sizes, widest)).collect();
            centers.extend(placed);
        }
    }
    let whole: BTreeMap<Item, i32> =
        centers.into_iter().map(|(item, center)| (item, center.round() as i32)).collect();
    let least = whole.iter().map(|(item, center)| center - width(*item, sizes) / 2).min().unwrap_or(0);
    whole.into_iter().map(|(item, center)| (item, center - least)).collect()
}

/// The places next to those that are wanted, in the least sum of squares by weight, at which none stands too near to
/// the one before it: an isotonic regression, by pooling adjacent violators. That between bounds is the same, bounded.
fn apart(layer: &[Item], wanted: &[(f64, f64)], sizes: &[Size], widest: Option<i32>) -> Vec<f64> {
    let half = |item: &Item| f64::from(width(*item, sizes)) / 2.0;
    let mut offsets = vec![0.0];
    for pair in layer.windows(2) {
        let last = offsets.last().copied().unwrap_or(0.0);
        offsets.push(last + half(&pair[0]) + GAP + half(&pair[1]));
    }
    // Sum of weighted places, weight, and how many.
    let mut blocks: Vec<(f64, f64, usize)> = vec![];
    for ((place, weight), offset) in wanted.iter().zip(&offsets) {
        let mut block = ((place - offset) * weight, *weight, 1);
        while let Some(before) = blocks.pop_if(|before| before.0 / before.1 > block.0 / block.1) {
            block = (block.0 + before.0, block.1 + before.1, block.2 + before.2);
        }
        blocks.push(block);
    }
    let means = blocks.iter().flat_map(|(sum, weight, n)| std::iter::repeat_n(sum / weight, *n));
    let (least, greatest) = match (widest, layer.first(), layer.last(), offsets.last()) {
        (Some(widest), Some(first), Some(last), Some(offset)) => {
            // Middles are rounded.
            let greatest = f64::from(widest - 1) - offset - half(last);
            (half(first), greatest.max(half(first)))
        }
        _ => (f64::NEG_INFINITY, f64::INFINITY),
    };
    means.zip(&offsets).map(|(mean, offset)| mean.clamp(least, greatest) + offset).collect()
}
