//! The ways of the lines: where they leave and reach boxes, and on which row between two layers they go sideways.

use super::{Edge, Item, Layered, Line, Net, Picture, Size, height, width};
use std::collections::BTreeMap;

/// A line in the room between two layers.
struct Routed {
    net: Net,
    /// Where it comes from above, and where it goes to below.
    from: i32,
    to: Vec<i32>,
    /// The row on which it goes sideways.
    track: i32,
}

impl Routed {
    fn is_straight(&self) -> bool {
        self.to.iter().all(|to| *to == self.from)
    }

    /// The columns that it takes on its track.
    fn columns(&self) -> (i32, i32) {
        let all = self.to.iter().chain([&self.from]);
        (all.clone().min().copied().unwrap_or(0), all.max().copied().unwrap_or(0))
    }
}

/// A layer with the room below it.
struct Room {
    /// The first row of the layer, and the first behind it.
    top: i32,
    bottom: i32,
    /// The first row of the next layer.
    next: i32,
    nets: Vec<Routed>,
}

pub fn routed(layered: &Layered, sizes: &[Size], edges: &[Edge], centers: &BTreeMap<Item, i32>) -> Picture {
    let mut picture = Picture { corners: vec![(0, 0); sizes.len()], ..Picture::default() };
    let mut rooms: Vec<Room> = vec![];
    let mut layer_of = vec![0; sizes.len()];
    for (layer, nets) in layered.layers.iter().zip(&layered.nets) {
        let top = rooms.last().map_or(0, |room| room.next);
        let bottom = top + layer.iter().map(|item| height(*item, sizes)).max().unwrap_or(0);
        for item in layer {
            let Item::Box(number) = item else { continue };
            let left = centers.get(item).copied().unwrap_or(0) - width(*item, sizes) / 2;
            picture.corners[*number] = (left, top);
            layer_of[*number] = rooms.len();
            picture.width = picture.width.max(left + width(*item, sizes));
        }
        let mut nets = ports(nets, sizes, centers);
        let n_tracks = tracks(&mut nets);
        picture.width = nets.iter().map(|net| net.columns().1 + 1).fold(picture.width, i32::max);
        picture.height = bottom;
        // A row above the tracks, and one below them for the arrows.
        rooms.push(Room { top, bottom, next: bottom + n_tracks + 2, nets });
    }
    let line = |edge: &Edge| {
        let below = rooms.get(layer_of[edge.from]..layer_of[edge.to]).unwrap_or_default();
        let mut item = Item::Box(edge.from);
        let mut way = vec![];
        for (number, room) in below.iter().enumerate() {
            let next = match number + 1 == below.len() {
                true => Item::Box(edge.to),
                false => Item::Lane(edge.from, edge.port, layer_of[edge.from] + number + 1),
            };
            let net = room.nets.iter().find(|net| net.net.from == item && net.net.port == edge.port);
            let to =
                net.and_then(|net| net.net.to.iter().position(|to| *to == next).map(|place| net.to[place]));
            if let (Some(net), Some(to)) = (net, to) {
                let start = room.top + height(item, sizes);
                let track = room.bottom + 1 + net.track;
                way.extend([(net.from, start), (net.from, track), (to, track), (to, room.next - 1)]);
            }
            item = next;
        }
        Line { edge: *edge, corners: corners(&way) }
    };
    picture.lines = edges.iter().map(line).collect();
    picture
}

/// Without the points between which the way goes straight on.
fn corners(way: &[(i32, i32)]) -> Vec<(i32, i32)> {
    let mut corners: Vec<(i32, i32)> = vec![];
    for point in way {
        if corners.last() == Some(point) {
            continue;
        }
        if let [.., before, last] = &corners[..]
            && (before.0 == last.0 && last.0 == point.0 || before.1 == last.1 && last.1 == point.1)
        {
            corners.pop();
        }
        corners.push(*point);
    }
    corners
}

/// The columns at which lines leave and reach boxes.
fn ports(nets: &[Net], sizes: &[Size], centers: &BTreeMap<Item, i32>) -> Vec<Routed> {
    let center = |item: &Item| centers.get(item).copied().unwrap_or(0);
    let mean = |net: &Net| net.to.iter().map(center).sum::<i32>() / net.to.len().max(1) as i32;
    let mut routed: Vec<Routed> = vec![];
    for net in nets {
        // The lines that leave the same box, by where they go.
        let mut beside: Vec<&Net> = nets.iter().filter(|other| other.from == net.from).collect();
        beside.sort_by_key(|other| mean(other));
        let place = beside.iter().position(|other| *other == net).unwrap_or(0);
        let from = shared(net.from, place, beside.len(), sizes, centers);
        let to = net.to.iter().map(|item| {
            let mut beside: Vec<&Net> = nets.iter().filter(|other| other.to.contains(item)).collect();
            beside.sort_by_key(|other| (center(&other.from), mean(other)));
            let place = beside.iter().position(|other| *other == net).unwrap_or(0);
            shared(*item, place, beside.len(), sizes, centers)
        });
        routed.push(Routed { net: net.clone(), from, to: to.collect(), track: 0 });
    }
    straighten(&mut routed, sizes, centers);
    routed
}

/// The column of one of several lines at a box.
fn shared(item: Item, place: usize, n: usize, sizes: &[Size], centers: &BTreeMap<Item, i32>) -> i32 {
    let (first, last) = range(item, sizes, centers);
    match n {
        0 | 1 => centers.get(&item).copied().unwrap_or(0),
        n => first + (last - first) * (place as i32 + 1) / (n as i32 + 1),
    }
}

/// The columns at which a line can meet a box.
fn range(item: Item, sizes: &[Size], centers: &BTreeMap<Item, i32>) -> (i32, i32) {
    let (center, width) = (centers.get(&item).copied().unwrap_or(0), width(item, sizes));
    match item {
        Item::Box(_) => (center - width / 2 + 1, center - width / 2 + width - 2),
        Item::Lane(..) => (center, center),
    }
}

/// Moves ends of lines at which nothing else meets the box, so that the lines go straight down; and such that lie on
/// another line.
fn straighten(nets: &mut [Routed], sizes: &[Size], centers: &BTreeMap<Item, i32>) {
    let n_from = |item: Item, nets: &[Routed]| nets.iter().filter(|net| net.net.from == item).count();
    let n_to = |item: &Item, nets: &[Routed]| nets.iter().filter(|net| net.net.to.contains(item)).count();
    for number in 0..nets.len() {
        let from = nets[number].net.from;
        if let ([to], 1) = (&nets[number].net.to[..], n_from(from, nets)) {
            let (mut first, mut last) = range(from, sizes, centers);
            if n_to(to, nets) == 1 {
                let (other_first, other_last) = range(*to, sizes, centers);
                if first.max(other_first) <= last.min(other_last) {
                    (first, last) = (first.max(other_first), last.min(other_last));
                }
            }
            let wanted = nets[number].to.first().copied().unwrap_or(first);
            if (first..=last).contains(&wanted) {
                nets[number].from = wanted;
            } else if n_to(to, nets) == 1 && (first, last) != range(from, sizes, centers) {
                nets[number].from = wanted.clamp(first, last);
            }
        }
        for place in 0..nets[number].to.len() {
            let to = nets[number].net.to[place];
            let (first, last) = range(to, sizes, centers);
            if n_to(&to, nets) == 1 && (first..=last).contains(&nets[number].from) {
                nets[number].to[place] = nets[number].from;
            }
        }
    }
    for number in 0..nets.len() {
        for place in 0..nets[number].to.len() {
            let (first, last) = range(nets[number].net.to[place], sizes, centers);
            let is_taken = |column: i32, nets: &[Routed]| {
                let other = |(other, net): (usize, &Routed)| {
                    other != number && (net.from == column || net.to.contains(&column))
                };
                nets.iter().enumerate().any(other)
            };
            let now = nets[number].to[place];
            let aside = [0, 1, -1, 2, -2, 3, -3].into_iter().map(|aside| now + aside);
            let free = aside
                .filter(|column| (first..=last).contains(column))
                .find(|column| !is_taken(*column, nets));
            nets[number].to[place] = free.unwrap_or(now);
        }
    }
}

/// Gives each line that is not straight a row such that none lies on another, and few cross; how many rows.
fn tracks(nets: &mut [Routed]) -> i32 {
    // Of those that go to the right, the rightmost first: the others pass below it. The others the other way round.
    let key = |net: &Routed| {
        let (first, last) = net.columns();
        if net.from - first > last - net.from { (0, first) } else { (1, -net.from) }
    };
    let mut order: Vec<usize> = (0..nets.len()).filter(|number| !nets[*number].is_straight()).collect();
    order.sort_by_key(|number| key(&nets[*number]));
    let mut taken: Vec<Vec<(i32, i32)>> = vec![];
    for number in order {
        let (first, last) = nets[number].columns();
        let is_free =
            |track: &Vec<(i32, i32)>| track.iter().all(|(from, to)| last + 1 < *from || *to + 1 < first);
        // Below all that it would cross.
        let track = taken.iter().rposition(|track| !is_free(track)).map_or(0, |below| below + 1);
        if track == taken.len() {
            taken.push(vec![]);
        }
        taken[track].push((first, last));
        nets[number].track = track as i32;
    }
    taken.len() as i32
}
