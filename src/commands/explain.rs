//! `millstream explain`: a program in plain words, or what an error code means.

use crate::cli::Explain;
use crate::program::{Program, show};
use crate::terminal;
use crate::{FINE, WRONG_PROGRAM, WRONG_USAGE};
use millstream_base::explain as codes;
use std::path::Path;

pub fn explain(arguments: Explain) -> u8 {
    if arguments.list {
        return if arguments.json {
            terminal::out(format_args!("{}\n", codes::registry_json()))
        } else {
            terminal::out(codes::list())
        };
    }
    let subject = arguments.subject.unwrap_or_default();
    // A code has no extension and no folder; everything else is a program.
    let is_path = subject == "-" || subject.contains(['.', '/']) || Path::new(&subject).exists();
    if !is_path {
        return match codes::page(&subject) {
            Ok(page) => terminal::out(page),
            Err(unknown) => {
                terminal::err(format_args!("error: {unknown}\n"));
                WRONG_USAGE
            }
        };
    }
    let program = match Program::read("explain", Path::new(&subject)) {
        Ok(program) => program,
        Err(refused) => return refused.tell(),
    };
    let compiled = program.compile(&arguments.bindings);
    show(&compiled.files, &compiled.compilation.diagnostics);
    if let Some(code) = compiled.wrong() {
        return code;
    }
    if let Some(fault) = compiled.without_rows() {
        show(&compiled.files, &[fault]);
        return WRONG_PROGRAM;
    }
    let compilation = &compiled.compilation;
    match &compilation.flow {
        Some(flow) => terminal::out(millstream_core::explain::explain(&compilation.program, flow)),
        None => FINE,
    }
}
