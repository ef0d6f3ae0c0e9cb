//! `millstream graph`: the dataflow of a program as a picture.

use crate::cli::Graph;
use crate::command_line::{cannot_create, said};
use crate::graph::{Drawing, graph as picture};
use crate::program::{Program, show};
use crate::{FINE, WRONG_PROGRAM, WRONG_USAGE, terminal};
use millstream_base::{Diagnostic, Span, codes};
use std::path::Path;

pub fn graph(arguments: Graph) -> u8 {
    let program = match Program::read("graph", &arguments.file) {
        Ok(program) => program,
        Err(refused) => return refused.tell(),
    };
    let mut compiled = program.compile(&arguments.bindings);
    show(&compiled.files, &compiled.compilation.diagnostics);
    let Some(flow) = compiled.compilation.flow.take() else {
        return compiled.wrong().unwrap_or(WRONG_PROGRAM);
    };
    if let Some(fault) = compiled.without_rows() {
        show(&compiled.files, &[fault]);
        return WRONG_PROGRAM;
    }
    let Some(path) = &arguments.svg else { return terminal::out(picture(&compiled, &flow, Drawing::Text)) };
    let drawn = picture(&compiled, &flow, Drawing::Svg);
    if path == "-" {
        return terminal::out(drawn);
    }
    let said = said(&["--svg", path], &mut compiled.files);
    let fault = match path.ends_with(".svg") {
        false => Some(no_picture(said[1].span, path)),
        true => std::fs::write(path, drawn)
            .err()
            .map(|error| cannot_create(said[1].span, Path::new(path), &error)),
    };
    match fault {
        None => FINE,
        Some(fault) => {
            show(&compiled.files, &[fault]);
            WRONG_USAGE
        }
    }
}

/// A name that is not that of a picture may be that of the program.
fn no_picture(span: Span, path: &str) -> Diagnostic {
    let stem = path.rsplit_once('.').map_or(path, |(stem, _)| stem);
    Diagnostic::new(codes::E0964, span, format!("`{path}` is no name of a picture"))
        .label("expected `.svg` at its end")
        .fix("write the picture to a file of its own", span, format!("{stem}.svg"))
}
