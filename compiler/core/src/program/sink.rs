//! `sink` items, and the sink that a program without any gets.

use super::CommandLine;
use super::source::replaced_format;
use crate::clauses::{Known, Surroundings, check_reference, updating_because};
use crate::connectors::Options;
use crate::errors::{clauses as errors, connectors as connector_errors};
use crate::facts::Role;
use crate::hir::{Because, InputId, Rows, Side, Sink};
use crate::names::{InputKind, Names};
use millstream_base::{Diagnostics, FileId};
use millstream_ir::flow::{ConnectorSpec, FormatSpec, OnError, SinkSpec};
use millstream_ir::value::Value;
use millstream_syntax::ast;
use std::collections::BTreeSet;
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
    let mut ordered = None;
    let mut on_error = OnError::Keep;
    for option in &sink.options {
        match &option.kind {
            ast::SinkOptionKind::Format(written) => {
                format = around.options.check_format(around, written, Role::Sink, diagnostics);
            }
            ast::SinkOptionKind::Ordered => ordered = Some(option.span),
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
    let schema = schema?;
    match schema.sign {
        Some(_) => {
            let because = updating_because(around, from);
            if let Some(span) = ordered {
                diagnostics.push(errors::needs_append_only(span, "ordered", because));
            }
            check_changes(sink, connector.as_ref(), format.as_ref(), path.is_some(), because, diagnostics);
        }
        None => {
            if let Some(format) = &format
                && let Some(Value::String(changes)) = format.options.get("changes")
            {
                let option = format!("changes: {changes}");
                diagnostics.push(connector_errors::updating_format(format.span, &option));
            }
        }
    }
    if let Some(format) = &format
        && let Some(Value::String(id)) = format.options.get("id")
        && let Some(column) = schema.columns.iter().find(|column| !column.hidden && column.name == *id)
    {
        diagnostics.push(connector_errors::id_is_a_column(format.span, &column.name));
    }
    let ordered = ordered.is_some();
    let spec = Arc::new(SinkSpec { connector: connector?, format, ordered });
    Some(Sink { name: sink.name.text.as_str().into(), doc: None, span: sink.name.span, from, spec, on_error })
}

/// A sink of an updating stream has to say how changes are written, unless it is a terminal or the command
/// line has put a file in its place.
fn check_changes(
    sink: &ast::Sink,
    connector: Option<&ConnectorSpec>,
    format: Option<&FormatSpec>,
    is_replaced: bool,
    because: Because,
    diagnostics: &mut Diagnostics,
) {
    // What could not be read may be what says it.
    let is_unread = |option: &ast::SinkOption| match option.kind {
        ast::SinkOptionKind::Error => true,
        ast::SinkOptionKind::Format(_) => format.is_none(),
        _ => false,
    };
    if sink.options.iter().any(is_unread) {
        return;
    }
    let (name, written) = match (format, connector) {
        (Some(format), _) if format.options.contains_key("changes") => return,
        (Some(format), _) if is_replaced && &*format.name == "json" => return,
        (Some(format), _) => (&*format.name, Some(format.span)),
        (None, Some(connector)) if &*connector.name != "stdout" => ("json", None),
        _ => return,
    };
    let (name_span, to) = (sink.name.span, sink.to.span);
    diagnostics.push(errors::changes_in_plain_format(written, name_span, to, name, because.span));
}

/// A program without sinks prints its last stream that nothing else reads; this sink has the stream's name.
fn default_sink(around: Surroundings, command_line: &CommandLine) -> Option<Sink> {
    let mut read: BTreeSet<usize> = BTreeSet::new();
    for known in around.inputs {
        if let Known::Input(input) = known
            && let Some(query) = input.query()
        {
            read.extend(query.reads().iter().map(|rows| rows.of.0));
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
