//! `millstream check`: all that is wrong with programs.

use crate::cli::{Check, Face};
use crate::program::Program;
use crate::{FINE, terminal};
use millstream_base::{Diagnostic, SourceMap, render};

pub fn check(arguments: Check) -> u8 {
    let mut worst = FINE;
    for path in &arguments.files {
        let code = match Program::read(path) {
            Ok(program) => {
                let compiled = program.compile(&arguments.bindings);
                let found = &compiled.compilation.diagnostics;
                let shown = show(&compiled.files, found, arguments.format);
                compiled.wrong().unwrap_or(shown)
            }
            Err(problem) => problem.tell(),
        };
        worst = worst.max(code);
    }
    worst
}

/// Findings for people go to standard error, for programs to standard output.
fn show(files: &SourceMap, diagnostics: &[Diagnostic], face: Face) -> u8 {
    match face {
        Face::Full => terminal::err(render::full(files, diagnostics, terminal::color())),
        Face::Concise => terminal::err(render::concise(files, diagnostics)),
        Face::Json => return terminal::out(render::json(files, diagnostics)),
    }
    FINE
}
