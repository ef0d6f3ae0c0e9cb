//! `millstream preview`: a program over a sample of its inputs, clause by clause.

use crate::WRONG_PROGRAM;
use crate::cli::{Bindings, Preview};
use crate::command_line::said;
use crate::preview::{Asked, preview as rows};
use crate::program::{Program, show};

pub fn preview(arguments: Preview) -> u8 {
    let program = match Program::read("preview", &arguments.file) {
        Ok(program) => program,
        Err(refused) => return refused.tell(),
    };
    let folder = program.base.clone();
    let replaced = arguments.source.iter().map(|(name, _)| name.clone()).collect();
    let bindings = Bindings { set: arguments.set, source: arguments.source, ..Bindings::default() };
    let mut compiled = program.compile_to_run(&bindings);
    show(&compiled.files, &compiled.compilation.diagnostics);
    if compiled.compilation.flow.is_none() {
        return compiled.wrong().unwrap_or(WRONG_PROGRAM);
    }
    if let Some(fault) = compiled.without_rows() {
        show(&compiled.files, &[fault]);
        return WRONG_PROGRAM;
    }
    let named = arguments.stream.as_deref();
    let file = arguments.file.display().to_string();
    let stream = named.and_then(|name| said(&["preview", &file, name], &mut compiled.files).pop());
    rows(&mut compiled, &Asked { stream, n_rows: arguments.rows as usize, replaced, folder })
}
