//! Files and streams of bytes that two parts of a program would tear apart: two writers of one file, two
//! readers of standard input.

use super::{CommandLine, Flag};
use crate::errors::connectors as errors;
use crate::hir::Program;
use millstream_base::{Diagnostics, Span};
use millstream_ir::flow::{ConnectorSpec, OnError};
use millstream_ir::value::Value;
use std::path::{Component, Path, PathBuf};

/// What writes to a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Writer {
    Sink,
    Sideline,
}

struct Output {
    writer: Writer,
    path: String,
    place: Span,
}

/// Reports outputs that share a file with an earlier one. Paths that are not absolute start in `folder`.
pub(super) fn check_outputs(
    program: &Program,
    command_line: &CommandLine,
    folder: &Path,
    diagnostics: &mut Diagnostics,
) {
    let mut seen: Vec<(PathBuf, Output)> = vec![];
    for output in outputs(program, command_line) {
        let file = plain(&folder.join(&output.path));
        // Devices take what many write.
        if file.starts_with("/dev") && !file.starts_with("/dev/shm") {
            continue;
        }
        match seen.iter().find(|(f, _)| *f == file) {
            Some((_, first)) => diagnostics.push(errors::same_output(
                (output.writer, output.place),
                (first.writer, first.place),
                &output.path,
            )),
            None => seen.push((file, output)),
        }
    }
}

fn outputs(program: &Program, command_line: &CommandLine) -> Vec<Output> {
    let mut outputs = vec![];
    let mut sidelines = vec![];
    for input in program.inputs.iter().flatten() {
        sidelines.extend(input.source().map(|source| &source.on_error));
        sidelines.extend(input.query().map(|query| &query.on_error));
    }
    for sink in &program.sinks {
        if let Some(path) = file_path(&sink.spec.connector) {
            let place = command_line.place(Flag::Sink, &sink.name).unwrap_or(sink.spec.connector.span);
            outputs.push(Output { writer: Writer::Sink, path: path.into(), place });
        }
        sidelines.push(&sink.on_error);
    }
    for policy in sidelines {
        if let OnError::Sideline(spec) = policy
            && let Some(path) = file_path(spec)
        {
            outputs.push(Output { writer: Writer::Sideline, path: path.into(), place: spec.span });
        }
    }
    // What the command line adds to the program is what is wrong.
    outputs.sort_by_key(|o| (Some(o.place.file) == command_line.file, o.place.file, o.place.start));
    outputs
}

/// The path of a file, or `-`.
fn path_of(connector: &ConnectorSpec) -> Option<&str> {
    match connector.options.get("path") {
        Some(Value::String(path)) if &*connector.name == "file" => Some(path),
        _ => None,
    }
}

fn file_path(connector: &ConnectorSpec) -> Option<&str> {
    path_of(connector).filter(|path| *path != "-")
}

/// A path without steps that stay where they are or go back.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for step in path.components() {
        match step {
            Component::CurDir => {}
            Component::ParentDir => match plain.components().next_back() {
                Some(Component::Normal(_)) => {
                    plain.pop();
                }
                // Above the root is the root.
                Some(Component::RootDir | Component::Prefix(_)) => {}
                _ => plain.push(step),
            },
            _ => plain.push(step),
        }
    }
    plain
}

/// Reports all readers of standard input but one; `program_is_read` if that one is the compiler.
pub(super) fn check_standard_input(
    program: &Program,
    command_line: &CommandLine,
    program_is_read: bool,
    diagnostics: &mut Diagnostics,
) {
    let mut readers: Vec<(&str, Span)> = vec![];
    for input in program.inputs.iter().flatten() {
        let Some(source) = input.source() else { continue };
        if path_of(&source.connector) == Some("-") {
            let place = command_line.place(Flag::Source, &source.name).unwrap_or(source.connector.span);
            readers.push((&source.name, place));
        }
    }
    readers.sort_by_key(|(_, place)| (Some(place.file) == command_line.file, place.file, place.start));
    let mut readers = readers.into_iter();
    let first = if program_is_read { None } else { readers.next() };
    if first.is_none() && !program_is_read {
        return;
    }
    for (name, place) in readers {
        diagnostics.push(errors::standard_input_twice(place, name, first));
    }
}
