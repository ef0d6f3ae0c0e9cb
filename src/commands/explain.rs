//! `millstream explain`: a program in plain words, or what an error code means.

use super::errors::unknown_code;
use crate::cli::Explain;
use crate::command_line::said;
use crate::program::{Compiled, Program, show};
use crate::why::errors::unknown_input;
use crate::{FINE, WRONG_PROGRAM, WRONG_USAGE, terminal};
use millstream_base::{SourceMap, explain as codes};
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
    // A code has no extension and no folder; everything else is a program, and a program alone has streams.
    let is_path = subject == "-" || subject.contains(['.', '/']) || Path::new(&subject).exists();
    if !is_path && arguments.stream.is_none() {
        return explain_code(&subject);
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
    explain_program(compiled, arguments.stream.as_deref())
}

fn explain_code(named: &str) -> u8 {
    match codes::page(named) {
        Ok(page) => terminal::out_words(&page),
        Err(unknown) => {
            let mut files = SourceMap::default();
            let said = said(&["explain", named], &mut files);
            show(&files, &[unknown_code(&said[1], &unknown.near)]);
            WRONG_USAGE
        }
    }
}

/// All of it, or what is said of one of its streams.
fn explain_program(mut compiled: Compiled, stream: Option<&str>) -> u8 {
    let compilation = &compiled.compilation;
    let Some(flow) = &compilation.flow else { return FINE };
    let told = millstream_core::explain::explain(&compilation.program, flow);
    let Some(name) = stream else { return terminal::out(told) };
    if compilation.program.find(name).is_some() {
        return terminal::out(part_about(&told, name));
    }
    let said = said(&["explain", name], &mut compiled.files);
    show(&compiled.files, &[unknown_input(&compiled.compilation.program, &said[1])]);
    WRONG_USAGE
}

/// The heading about a source, table or stream, and what is indented below it.
pub fn part_about(told: &str, name: &str) -> String {
    let is_about = |line: &str| {
        let named = ["source ", "table ", "stream "].iter().find_map(|kind| line.strip_prefix(kind));
        let behind = named.and_then(|named| named.strip_prefix(name));
        behind.is_some_and(|behind| behind.is_empty() || behind.starts_with([' ', ':']))
    };
    let mut lines = told.lines().skip_while(|line| !is_about(line));
    let heading = lines.next();
    let part = heading.into_iter().chain(lines.take_while(|line| line.starts_with(' ')));
    part.map(|line| format!("{line}\n")).collect()
}
