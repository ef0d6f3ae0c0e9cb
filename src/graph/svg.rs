//! The dataflow as a drawing in SVG, laid out in the cells of a terminal.

use super::boxes::{Dataflow, Kind, Node};
use super::layout::{Line, Picture, Size};
use super::text::width_of;
use std::fmt::Write;

/// A cell in pixels: as wide as a letter of the font, as high as a line.
const CELL: (f64, f64) = (7.83, 19.0);
const MARGIN: f64 = 16.0;
const RADIUS: f64 = 6.0;

const STYLE: &str = "text { font: 13px 'DejaVu Sans Mono', Menlo, Consolas, monospace; fill: #1f2430; }
.fact { fill: #5b6478; }
.title { font-weight: bold; }
.box { fill: #ffffff; stroke-width: 1.3; }
.line { fill: none; stroke: #5b6478; stroke-width: 1.5; }
.aside { stroke-dasharray: 5 4; }
.source { stroke: #2f7d4f; } .source-bar { fill: #e3f4e9; }
.table { stroke: #8a6d1f; } .table-bar { fill: #faf1d6; }
.stream { stroke: #2b5fa8; } .stream-bar { fill: #e4eefb; }
.sink { stroke: #8b3a62; } .sink-bar { fill: #fae6ef; }
";

/// How much of its height a box has for its title, in lines.
const TITLE: f64 = 1.6;

/// How large a box is: its title, its lines, and room above and below them.
pub fn size(node: &Node) -> Size {
    let width = node.lines().map(width_of).max().unwrap_or(0) as i32 + 4;
    let n = (node.says.len() + node.facts.len()) as i32;
    Size { width, height: if n == 0 { 2 } else { n + 3 } }
}

pub fn svg(flow: &Dataflow, picture: &Picture) -> String {
    let width = f64::from(picture.width) * CELL.0 + 2.0 * MARGIN;
    let height = f64::from(picture.height) * CELL.1 + 2.0 * MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\">
<style>
{STYLE}</style>
<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#5b6478\"/></marker></defs>
<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>
"
    );
    picture.lines.iter().for_each(|line| draw_line(&mut out, line));
    for (node, corner) in flow.nodes.iter().zip(&picture.corners) {
        draw_box(&mut out, node, *corner);
    }
    out + "</svg>\n"
}

/// The left upper corner of a cell.
fn point((x, y): (i32, i32)) -> (f64, f64) {
    (MARGIN + f64::from(x) * CELL.0, MARGIN + f64::from(y) * CELL.1)
}

fn draw_box(out: &mut String, node: &Node, corner: (i32, i32)) {
    let ((x, y), size) = (point(corner), size(node));
    let (width, height) = (f64::from(size.width) * CELL.0, f64::from(size.height) * CELL.1);
    let kind = match node.kind {
        Kind::Source => "source",
        Kind::Table => "table",
        Kind::Stream => "stream",
        Kind::Sink => "sink",
    };
    let _ = writeln!(
        out,
        "<g>\n<rect class=\"box {kind}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"{RADIUS}\"/>"
    );
    // Inside of the frame, with its round corners above.
    let (left, top, right, end) = (x + 0.7, y + 0.7, x + width - 0.7, y + TITLE * CELL.1);
    let round = RADIUS - 0.7;
    let _ = writeln!(
        out,
        "<path class=\"{kind}-bar\" d=\"M{left:.1} {:.1}a{round:.1} {round:.1} 0 0 1 {round:.1} -{round:.1}H{:.1}a{round:.1} {round:.1} 0 0 1 {round:.1} {round:.1}V{end:.1}H{left:.1}z\"/>",
        top + round,
        right - round,
    );
    let mut text = |class: &str, line: f64, text: &str| {
        let indent = text.chars().take_while(|c| *c == ' ').count();
        let (x, y) = (x + (2.0 + indent as f64) * CELL.0, y + line * CELL.1);
        let _ = writeln!(
            out,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
            escaped(text.trim_start())
        );
    };
    text("title", TITLE / 2.0 + 0.23, &node.title);
    let lines =
        node.says.iter().map(|line| ("said", line)).chain(node.facts.iter().map(|line| ("fact", line)));
    for (number, (class, line)) in lines.enumerate() {
        text(class, TITLE + 1.15 + number as f64, line);
    }
    let _ = writeln!(out, "</g>");
}

/// A line with round corners, from the lower edge of one box to the upper one of another.
fn draw_line(out: &mut String, line: &Line) {
    let n = line.corners.len();
    let points: Vec<(f64, f64)> = line
        .corners
        .iter()
        .enumerate()
        .map(|(number, corner)| {
            let (x, y) = point(*corner);
            let y = match number {
                0 => y,
                number if number + 1 == n => y + CELL.1 - 1.0,
                _ => y + CELL.1 / 2.0,
            };
            (x + CELL.0 / 2.0, y)
        })
        .collect();
    let Some((first, rest)) = points.split_first() else { return };
    let mut path = format!("M{:.1} {:.1}", first.0, first.1);
    let mut at = *first;
    for (number, point) in rest.iter().enumerate() {
        match rest.get(number + 1) {
            None => path += &format!("L{:.1} {:.1}", point.0, point.1),
            Some(next) => {
                let radius = RADIUS.min(distance(at, *point) / 2.0).min(distance(*point, *next) / 2.0);
                let (before, behind) = (towards(*point, at, radius), towards(*point, *next, radius));
                path += &format!(
                    "L{:.1} {:.1}Q{:.1} {:.1} {:.1} {:.1}",
                    before.0, before.1, point.0, point.1, behind.0, behind.1
                );
            }
        }
        at = *point;
    }
    let aside = if line.edge.port > 0 { " aside" } else { "" };
    let _ = writeln!(out, "<path class=\"line{aside}\" d=\"{path}\" marker-end=\"url(#arrow)\"/>");
}

fn distance(a: (f64, f64), b: (f64, f64)) -> f64 {
    (a.0 - b.0).abs() + (a.1 - b.1).abs()
}

/// The point so far from one on the way to another, straight across or down.
fn towards(from: (f64, f64), to: (f64, f64), by: f64) -> (f64, f64) {
    let way = distance(from, to).max(1e-9);
    (from.0 + (to.0 - from.0) / way * by, from.1 + (to.1 - from.1) / way * by)
}

fn escaped(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars()
        .map(plain)
        .collect::<String>()
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
