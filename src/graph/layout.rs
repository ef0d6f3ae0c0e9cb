//! Where the boxes of a dataflow stand, and which way its lines take: in layers from top to bottom, after Sugiyama,
//! Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System Structures" (1981).
//!
//! 1. A box stands a layer below the lowest of those that it reads ([`layers`]). A line that passes layers has a
//!    lane in each of them, which all lines from one box share.
//! 2. The boxes and lanes of a layer are ordered by the mean place of their neighbors, up and down, as long as fewer
//!    lines cross ([`order`]).
//! 3. Each is moved to the mean of its neighbors as far as the others leave room ([`places`]).
//! 4. Between two layers, each line has a track on which it goes sideways ([`routes`]).
//!
//! All in whole cells, as a terminal has them; nothing depends on chance.

mod layers;
mod order;
mod places;
mod routes;

/// The size of a box in cells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Size {
    pub width: i32,
    pub height: i32,
}

/// What a line carries; lines of one box that carry the same begin as one.
pub type Port = usize;

/// A line between two boxes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Edge {
    pub from: usize,
    pub port: Port,
    pub to: usize,
}

/// A picture in cells; the rows grow downwards.
#[derive(Debug, Default)]
pub struct Picture {
    /// The upper left corners of the boxes.
    pub corners: Vec<(i32, i32)>,
    pub lines: Vec<Line>,
    pub width: i32,
    pub height: i32,
}

/// The way of an edge: the corners of a line, from below one box to above the other.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    pub edge: Edge,
    pub corners: Vec<(i32, i32)>,
}

/// What stands in a layer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Item {
    Box(usize),
    /// Lines from a box to layers further down, in this layer.
    Lane(usize, Port, usize),
}

/// A box or lane whose lines go to some of the next layer.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Net {
    from: Item,
    port: Port,
    to: Vec<Item>,
}

/// The layers, and between each two of them the lines.
struct Layered {
    layers: Vec<Vec<Item>>,
    nets: Vec<Vec<Net>>,
}

/// Lays out boxes of these sizes, if it can be in a picture that is no wider than this. No edge may lead back to where it
/// comes from.
pub fn lay_out(sizes: &[Size], edges: &[Edge], widest: Option<i32>) -> Picture {
    let layer = layers::layer_of_each(sizes.len(), edges);
    let mut best = in_layers(&layer, sizes, edges, None);
    let Some(widest) = widest.filter(|widest| best.width > *widest) else { return best };
    let widest_box = sizes.iter().map(|size| size.width).max().unwrap_or(0);
    let mut room = widest.max(widest_box);
    loop {
        let narrower = in_layers(&layers::narrow_layers(sizes, edges, room), sizes, edges, Some(widest));
        let is_enough = narrower.width <= widest || room == widest_box;
        if narrower.width < best.width {
            best = narrower;
        }
        if is_enough {
            return best;
        }
        // How much room lines take beside boxes is seen when they are drawn.
        room = (room - STEP).max(widest_box);
    }
}

/// By how many cells less is tried where layers were too wide.
const STEP: i32 = 4;

/// The boxes in these layers.
fn in_layers(layer: &[usize], sizes: &[Size], edges: &[Edge], widest: Option<i32>) -> Picture {
    let mut layered = layers::layered(layer, edges);
    order::order(&mut layered);
    let centers = places::centers(&layered, sizes, widest);
    routes::routed(&layered, sizes, edges, &centers)
}

fn width(item: Item, sizes: &[Size]) -> i32 {
    match item {
        Item::Box(number) => sizes.get(number).map_or(1, |size| size.width),
        Item::Lane(..) => 1,
    }
}

fn height(item: Item, sizes: &[Size]) -> i32 {
    match item {
        Item::Box(number) => sizes.get(number).map_or(0, |size| size.height),
        Item::Lane(..) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(from: usize, to: usize) -> Edge {
        Edge { from, port: 0, to }
    }

    fn laid_out(n: usize, edges: &[Edge]) -> Picture {
        lay_out(&vec![Size { width: 9, height: 3 }; n], edges, None)
    }

    /// No two boxes overlap, and all lines go down from one to the other without passing a box.
    fn assert_sound(picture: &Picture, edges: &[Edge]) {
        let covers = |(left, top): (i32, i32), (x, y): (i32, i32)| {
            (left..left + 9).contains(&x) && (top..top + 3).contains(&y)
        };
        for (number, corner) in picture.corners.iter().enumerate() {
            let apart = |other: &(i32, i32)| (other.0 - corner.0).abs() > 9 || (other.1 - corner.1).abs() > 3;
            assert!(picture.corners[number + 1..].iter().all(apart), "{picture:?}");
        }
        assert_eq!(picture.lines.len(), edges.len());
        for line in &picture.lines {
            let (first, last) = (line.corners[0], line.corners[line.corners.len() - 1]);
            let (from, to) = (picture.corners[line.edge.from], picture.corners[line.edge.to]);
            assert!(covers(from, (first.0, first.1 - 1)) && covers(to, (last.0, last.1 + 1)), "{line:?}");
            for pair in line.corners.windows(2) {
                let ((x, y), (to_x, to_y)) = (pair[0], pair[1]);
                assert!(x == to_x && y <= to_y || y == to_y, "{line:?}");
                for row in y..=to_y {
                    for column in x.min(to_x)..=x.max(to_x) {
                        let is_free = |corner: &(i32, i32)| !covers(*corner, (column, row));
                        assert!(picture.corners.iter().all(is_free), "{line:?} in {picture:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_chain_is_a_straight_line() {
        let picture = laid_out(3, &[edge(0, 1), edge(1, 2)]);
        assert_sound(&picture, &[edge(0, 1), edge(1, 2)]);
        assert!(
            picture.lines.iter().all(|line| line.corners.iter().all(|corner| corner.0 == 4)),
            "{picture:?}"
        );
    }

    #[test]
    fn lines_past_a_layer_go_around_its_boxes() {
        let edges = [edge(0, 1), edge(1, 2), edge(0, 2), edge(3, 2), edge(2, 4), edge(0, 4)];
        assert_sound(&laid_out(5, &edges), &edges);
    }

    #[test]
    fn wide_layers_are_cut_to_fit() {
        // One feeds many, which are joined in twos.
        let edges: Vec<Edge> = (1..9).map(|n| edge(0, n)).chain((1..9).map(|n| edge(n, 9 + n / 2))).collect();
        let sizes = vec![Size { width: 9, height: 3 }; 14];
        let whole = lay_out(&sizes, &edges, None);
        assert!(whole.width > 90, "{whole:?}");
        for (widest, width) in [(200, whole.width), (90, 90), (60, 60), (40, 40), (1, 60)] {
            let narrow = lay_out(&sizes, &edges, Some(widest));
            assert_sound(&narrow, &edges);
            assert!(narrow.width <= width, "{} of {widest}", narrow.width);
        }
    }

    #[test]
    fn any_dataflow_is_laid_out() {
        // Every edge leads to a greater number, and which ones there are is told by a generator of numbers.
        let mut state = 1u64;
        let mut draw = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for n in 1..30 {
            let mut edges = vec![];
            for to in 1..n {
                for _ in 0..draw(4) {
                    edges.push(Edge { from: draw(to as u64) as usize, port: draw(2) as usize, to });
                }
            }
            edges.sort();
            edges.dedup();
            assert_sound(&laid_out(n, &edges), &edges);
            let sizes = vec![Size { width: 9, height: 3 }; n];
            assert_sound(&lay_out(&sizes, &edges, Some(40)), &edges);
        }
    }
}
