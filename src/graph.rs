//! The dataflow of a program as a picture: what reads what, what each holds and how late it is.
//!
//! [`boxes`] makes boxes and lines of a program, [`layout`] says where they stand, [`text`] and [`svg`] draw them.

mod boxes;
mod layout;
mod svg;
mod text;

use crate::program::Compiled;
use crate::terminal;
use layout::{Size, lay_out};
use millstream_ir::flow::Flow;

/// The width of a picture that is drawn on no terminal, in cells.
const PAGE: usize = 120;

/// How the picture is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Drawing {
    Text,
    Svg,
}

/// The picture of a program without errors, and of the dataflow that it became.
pub fn graph(compiled: &Compiled, flow: &Flow, drawing: Drawing) -> String {
    let dataflow = boxes::dataflow(compiled, flow);
    let size = match drawing {
        Drawing::Text => text::size,
        Drawing::Svg => svg::size,
    };
    let sizes: Vec<Size> = dataflow.nodes.iter().map(size).collect();
    let widest = match drawing {
        Drawing::Text => Some(terminal::stdout_width().unwrap_or(PAGE) as i32),
        Drawing::Svg => None,
    };
    let picture = lay_out(&sizes, &dataflow.edges, widest);
    match drawing {
        Drawing::Text => text::text(&dataflow, &picture),
        Drawing::Svg => svg::svg(&dataflow, &picture),
    }
}
