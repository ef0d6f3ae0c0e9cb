//! `millstream why`: why there is a match, or none; what the clauses of a stream dropped, and what it waits for.

use crate::cli::{Bindings, Why};
use crate::command_line::said;
use crate::program::{Program, show};
use crate::why::{Asked, why_match, why_stream};
use crate::{WRONG_PROGRAM, WRONG_USAGE, terminal};
use millstream_ir::text::parse_timestamp;

pub fn why(arguments: Why) -> u8 {
    let at = match arguments.at.as_deref().map(|text| parse_timestamp(text.as_bytes()).ok_or(text)) {
        None => None,
        Some(Ok(at)) => Some(at),
        Some(Err(text)) => {
            terminal::err(format_args!(
                "error: --at {text}: expected a time such as 2024-05-01 or 2024-05-01T12:00:00Z\n"
            ));
            return WRONG_USAGE;
        }
    };
    let program = match Program::read("why", &arguments.file) {
        Ok(program) => program,
        Err(refused) => return refused.tell(),
    };
    let folder = program.base.clone();
    let bindings =
        Bindings { set: arguments.set.clone(), source: arguments.source.clone(), ..Bindings::default() };
    let mut compiled = program.compile_to_run(&bindings);
    show(&compiled.files, &compiled.compilation.diagnostics);
    if compiled.compilation.flow.is_none() {
        return compiled.wrong().unwrap_or(WRONG_PROGRAM);
    }
    let (flag, name) = match (&arguments.of_match, &arguments.stream) {
        (Some(name), _) => ("--match", name),
        (None, Some(name)) => ("--stream", name),
        (None, None) => return WRONG_USAGE,
    };
    let keys = arguments.key.iter().flat_map(|key| ["--key", key.as_str()]);
    let words: Vec<&str> = [flag, name.as_str()].into_iter().chain(keys).collect();
    // Each flag stands in front of its value.
    let mut said = said(&words, &mut compiled.files).into_iter().skip(1).step_by(2);
    let Some(name) = said.next() else { return WRONG_USAGE };
    let asked = Asked { arguments: &arguments, name, keys: said.collect(), at, folder };
    match flag {
        "--match" => why_match(&mut compiled, &asked),
        _ => why_stream(&mut compiled, &asked),
    }
}
