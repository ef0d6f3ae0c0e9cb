//! The dataflow as text: boxes and arrows on a grid of characters.

use super::boxes::{Dataflow, Node};
use super::layout::{Line, Picture, Size};
use unicode_width::UnicodeWidthChar;

/// From which sides lines come to a cell, and of which line.
#[derive(Clone, Copy, Default)]
struct Crossed {
    sides: u8,
    line: usize,
}

const UP: u8 = 1;
const DOWN: u8 = 2;
const LEFT: u8 = 4;
const RIGHT: u8 = 8;

/// How large a box is: a frame around its parts, with a rule between each two.
pub fn size(node: &Node) -> Size {
    let width = node.lines().map(width_of).max().unwrap_or(0) as i32 + 4;
    let part = |lines: &[String]| if lines.is_empty() { 0 } else { lines.len() as i32 + 1 };
    Size { width, height: 3 + part(&node.says) + part(&node.facts) }
}

pub fn width_of(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

pub fn text(flow: &Dataflow, picture: &Picture) -> String {
    let mut grid = Grid::new(picture);
    for (number, line) in picture.lines.iter().enumerate() {
        // Lines that begin as one are one.
        let is_same = |other: &Line| (other.edge.from, other.edge.port) == (line.edge.from, line.edge.port);
        let first = picture.lines.iter().position(is_same).unwrap_or(number);
        line.corners.windows(2).for_each(|ends| grid.draw_line(ends[0], ends[1], first + 1));
    }
    grid.draw_lines();
    for (node, corner) in flow.nodes.iter().zip(&picture.corners) {
        grid.draw_box(node, *corner);
    }
    for line in &picture.lines {
        if let (Some(first), Some(last)) = (line.corners.first(), line.corners.last()) {
            grid.put((first.0, first.1 - 1), '┬');
            grid.put(*last, '▼');
        }
    }
    grid.text()
}

struct Grid {
    width: usize,
    cells: Vec<Option<char>>,
    crossed: Vec<Crossed>,
}

impl Grid {
    fn new(picture: &Picture) -> Grid {
        let (width, height) = (picture.width.max(0) as usize, picture.height.max(0) as usize);
        Grid {
            width,
            cells: vec![Some(' '); width * height],
            crossed: vec![Crossed::default(); width * height],
        }
    }

    fn place(&self, (x, y): (i32, i32)) -> Option<usize> {
        let (x, y) = (usize::try_from(x).ok()?, usize::try_from(y).ok()?);
        (x < self.width).then(|| y * self.width + x).filter(|place| *place < self.cells.len())
    }

    fn put(&mut self, at: (i32, i32), c: char) {
        if let Some(place) = self.place(at) {
            self.cells[place] = Some(c);
        }
    }

    fn draw_line(&mut self, from: (i32, i32), to: (i32, i32), line: usize) {
        let step = ((to.0 - from.0).signum(), (to.1 - from.1).signum());
        let (ahead, behind) = match step {
            (1, _) => (RIGHT, LEFT),
            (-1, _) => (LEFT, RIGHT),
            (_, -1) => (UP, DOWN),
            _ => (DOWN, UP),
        };
        let mut at = from;
        loop {
            let sides = if at == from { 0 } else { behind } | if at == to { 0 } else { ahead };
            if let Some(place) = self.place(at) {
                let cell = &mut self.crossed[place];
                if cell.line == line || cell.line == 0 {
                    *cell = Crossed { sides: cell.sides | sides, line };
                } else if sides & (UP | DOWN) != 0 {
                    // Of two lines that cross, the one that goes down is drawn.
                    *cell = Crossed { sides, line };
                }
            }
            if at == to {
                break;
            }
            at = (at.0 + step.0, at.1 + step.1);
        }
    }

    fn draw_lines(&mut self) {
        for (cell, crossed) in self.cells.iter_mut().zip(&self.crossed) {
            let drawn = match crossed.sides {
                0 => continue,
                s if s == UP | RIGHT => '└',
                s if s == UP | LEFT => '┘',
                s if s == DOWN | RIGHT => '┌',
                s if s == DOWN | LEFT => '┐',
                s if s == UP | DOWN | RIGHT => '├',
                s if s == UP | DOWN | LEFT => '┤',
                s if s == DOWN | LEFT | RIGHT => '┬',
                s if s == UP | LEFT | RIGHT => '┴',
                s if s == UP | DOWN | LEFT | RIGHT => '┼',
                s if s & (UP | DOWN) != 0 => '│',
                _ => '─',
            };
            *cell = Some(drawn);
        }
    }

    fn draw_box(&mut self, node: &Node, (left, top): (i32, i32)) {
        let Size { width, height } = size(node);
        let bar = |ends: [char; 2]| {
            let inside = "─".repeat((width - 2).max(0) as usize);
            format!("{}{inside}{}", ends[0], ends[1])
        };
        let line = |text: &str| {
            let blanks = (width as usize).saturating_sub(4 + width_of(text));
            format!("│ {text}{} │", " ".repeat(blanks))
        };
        let mut rows = vec![bar(['┌', '┐']), line(&node.title)];
        for part in [&node.says, &node.facts] {
            if !part.is_empty() {
                rows.push(bar(['├', '┤']));
            }
            rows.extend(part.iter().map(|text| line(text)));
        }
        rows.push(bar(['└', '┘']));
        debug_assert_eq!(rows.len() as i32, height);
        for (row, text) in (top..).zip(&rows) {
            let mut column = left;
            for c in text.chars() {
                self.put((column, row), c);
                // The second cell of a wide character.
                for second in 1..c.width().unwrap_or(1) as i32 {
                    if let Some(place) = self.place((column + second, row)) {
                        self.cells[place] = None;
                    }
                }
                column += c.width().unwrap_or(0) as i32;
            }
        }
    }

    fn text(&self) -> String {
        let rows = self.cells.chunks(self.width.max(1));
        rows.map(|row| row.iter().flatten().collect::<String>().trim_end().to_string() + "\n").collect()
    }
}
