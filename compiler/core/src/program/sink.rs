//! `sink` items, and the sink that a program without any gets.

use super::CommandLine;
use super::source::replaced_format;
use crate::clauses::{Known, Surroundings, check_reference};
use crate::connectors::{Options, Role};
use crate::errors::connectors as errors;
use crate::hir::{InputId, Rows, Side, Sink};
use crate::names::{InputKind, Names};
use millstream_base::{Diagnostics, FileId, Span};
use millstream_ir::flow::{ConnectorSpec, OnError, SinkSpec};
use millstream_ir::value::Value;
use millstream_syntax::ast;
use std::collections::BTreeSet;
use std::path::{Component, Path};
use std::sync::Arc;

pub(super) fn check_sinks(
    names: &Names,
    options: &Options,
    inputs: &[Known],
    command_line: &CommandLine,
    main: FileId,
    diagnostics: &mut Diagnostics,
) -> Vec<Sink> {
    let mut sinks: Vec<Sink> = vec![];
    for found in &names.sinks {
        let around = Surroundings { names, options, file: found.file, inputs };
        let path = command_line.sink(&found.sink.name.text);
        let Some(mut sink) = check_sink(around, found.sink, path, diagnostics) else { continue };
        sink.doc = found.doc.map(str::to_string);
        sink.span = found.span;
        if let Some((path, first)) = same_output(&sinks, &sink) {
            diagnostics.push(errors::same_output(sink.spec.connector.span, path, first));
        }
        sinks.push(sink);
    }
    if names.sinks.is_empty() {
        let around = Surroundings { names, options, file: main, inputs };
        sinks.extend(default_sink(around, command_line));
    }
    let written = names.sinks.iter().map(|s| s.sink.name.text.as_str());
    let printed = sinks.iter().filter(|_| names.sinks.is_empty()).map(|s| &*s.name);
    let replaceable: Vec<&str> = written.chain(printed).collect();
    command_line.check(names, &replaceable, diagnostics);
    sinks
}

fn check_sink(
    around: Surroundings,
    sink: &ast::Sink,
    path: Option<&str>,
    diagnostics: &mut Diagnostics,
) -> Option<Sink> {
    let (from, schema) = check_reference(around, &sink.from, diagnostics);
    let mut connector = around.options.check_connector(around, &sink.to, Role::Sink, diagnostics);
    let mut format = None;
    let mut ordered = false;
    let mut on_error = OnError::Keep;
    for option in &sink.options {
        match &option.kind {
            ast::SinkOptionKind::Format(written) => {
                format = around.options.check_format(around, written, Role::Sink, diagnostics);
            }
            ast::SinkOptionKind::Ordered => ordered = true,
            ast::SinkOptionKind::OnError(policy) => {
                on_error = around.options.check_policy(around, policy, diagnostics);
            }
            ast::SinkOptionKind::Error => {}
        }
    }
    if let Some(path) = path {
        format = replaced_format(around, path, format, Role::Sink);
        connector = Some(around.options.file(path, Role::Sink, sink.to.span));
    }
    schema?;
    let spec = Arc::new(SinkSpec { connector: connector?, format, ordered });
    Some(Sink { name: sink.name.text.as_str().into(), doc: None, span: sink.name.span, from, spec, on_error })
}

/// The path that this sink shares with an earlier one, and where that stands.
fn same_output<'s>(sinks: &[Sink], sink: &'s Sink) -> Option<(&'s str, Span)> {
    let path = file_path(sink)?;
    let first = sinks.iter().find(|s| file_path(s).is_some_and(|p| plain(p).eq(plain(path))))?;
    Some((path, first.spec.connector.span))
}

/// The steps of a path without those that stay where they are.
fn plain(path: &str) -> impl Iterator<Item = Component<'_>> {
    Path::new(path).components().filter(|c| *c != Component::CurDir)
}

fn file_path(sink: &Sink) -> Option<&str> {
    match sink.spec.connector.options.get("path") {
        Some(Value::String(path)) if &*sink.spec.connector.name == "file" && &**path != "-" => Some(path),
        _ => None,
    }
}

/// A program without sinks prints its last stream that nothing else reads; this sink has the stream's name.
fn default_sink(around: Surroundings, command_line: &CommandLine) -> Option<Sink> {
    let mut read: BTreeSet<usize> = BTreeSet::new();
    for known in around.inputs {
        if let Known::Input(crate::hir::Input::Stream(stream)) = known {
            read.extend(stream.query.reads().iter().map(|rows| rows.of.0));
        }
    }
    let streams = around.names.inputs.iter().enumerate();
    let last = streams
        .rev()
        .find(|(number, input)| matches!(input.kind, InputKind::Stream(_)) && !read.contains(number));
    let (number, input) = last?;
    let name: Arc<str> = input.name.text.as_str().into();
    let span = input.name.span;
    let (connector, format) = match command_line.sink(&name) {
        Some(path) => {
            (around.options.file(path, Role::Sink, span), replaced_format(around, path, None, Role::Sink))
        }
        None => (ConnectorSpec { name: "stdout".into(), options: Default::default(), span }, None),
    };
    let spec = Arc::new(SinkSpec { connector, format, ordered: false });
    let from = Rows { of: InputId(number), side: Side::Main, span };
    Some(Sink { name, doc: None, span, from, spec, on_error: OnError::Keep })
}
