//! What is said of sinks: what each writes, and what becomes of rows on the way to it when a run is killed.

use crate::hir::{Program, Sink};
use crate::program::is_live;
use millstream_ir::flow::{ConnectorSpec, Flow, NodeId, NodeKind, SourceSpec};
use millstream_ir::text::format_duration;
use millstream_ir::value::Value;
use std::collections::BTreeSet;
use std::fmt::Write;

pub fn explain_sink(program: &Program, flow: &Flow, sink: &Sink) -> String {
    let to = &sink.spec.connector.name;
    let mut text = format!("sink {} writes {} to {to}\n", sink.name, program.rows_text(sink.from));
    let node = flow
        .ids()
        .find(|id| matches!(flow.node(*id).kind, NodeKind::Sink(_)) && *flow.node(*id).name == *sink.name);
    let _ = writeln!(text, "  is {}", declared(sink));
    let sources = node.map(|node| sources_behind(flow, node)).unwrap_or_default();
    for (name, source) in sources.iter().filter(|(_, source)| source.load.is_none()) {
        let _ =
            writeln!(text, "  from {name}, when killed and run on with --state: {}", guarantee(source, sink));
    }
    for (name, why) in sources.iter().filter_map(|(name, source)| Some((name, not_repeatable(source)?))) {
        let _ = writeln!(
            text,
            "  what is computed again since the last checkpoint may be other rows, as {name} {why}"
        );
    }
    text + "\n"
}

/// What a sink gives whoever reads what it writes.
fn declared(sink: &Sink) -> String {
    match (cannot_be_cut_off(&sink.spec.connector), sink.spec.id()) {
        (None, _) => "transactional: what stands behind the last checkpoint is cut off".to_string(),
        (Some(_), Some(id)) => {
            format!("idempotent by `{id}`: a row that comes again has the one that it had")
        }
        (Some(_), None) => {
            "at least once: a row that comes again looks like another, unless its format says `id`"
                .to_string()
        }
    }
}

/// How often a row of a source counts in what the sink writes, and why not once.
fn guarantee(source: &SourceSpec, sink: &Sink) -> String {
    let to = &sink.spec.connector;
    match (cannot_be_read_again(&source.connector), cannot_be_cut_off(to)) {
        (None, None) => "exactly once".to_string(),
        (None, Some(output)) => {
            let once = sink.spec.id().map(|id| format!("; once for each `{id}`")).unwrap_or_default();
            format!("at least once, as {output} cannot be cut off at the last checkpoint{once}")
        }
        (Some(input), _) => {
            format!("at most once, as {input} cannot be read again from the last checkpoint on")
        }
    }
}

/// Why the same rows need not come of a source again.
fn not_repeatable(source: &SourceSpec) -> Option<String> {
    match (source.load, &source.time) {
        (Some(load), _) => {
            load.refresh.map(|every| format!("is loaded anew every {}", format_duration(every)))
        }
        (None, None) => Some("is timed by arrival".to_string()),
        (None, Some(_)) => None,
    }
}

fn cannot_be_read_again(connector: &ConnectorSpec) -> Option<&str> {
    match &*connector.name {
        "file" if is_dash(connector) => Some("standard input"),
        "file" | "nexmark" => None,
        other => is_live(connector).then_some(other),
    }
}

fn cannot_be_cut_off(connector: &ConnectorSpec) -> Option<&str> {
    match &*connector.name {
        "file" if is_dash(connector) => Some("standard output"),
        "file" if path_of(connector).is_some_and(|path| path.starts_with("/dev/")) => Some("a device"),
        "file" => None,
        "stdout" => Some("standard output"),
        other => Some(other),
    }
}

fn is_dash(connector: &ConnectorSpec) -> bool {
    path_of(connector) == Some("-")
}

fn path_of(connector: &ConnectorSpec) -> Option<&str> {
    match connector.options.get("path") {
        Some(Value::String(path)) => Some(path),
        _ => None,
    }
}

/// The sources whose rows come to a node, or to a table that it reads, by name.
fn sources_behind(flow: &Flow, node: NodeId) -> Vec<(&str, &SourceSpec)> {
    let (mut reached, mut waiting) = (BTreeSet::from([node]), vec![node]);
    while let Some(id) = waiting.pop() {
        let inputs = match &flow.node(id).kind {
            NodeKind::Errors { of } => of,
            _ => &flow.node(id).inputs,
        };
        waiting.extend(inputs.iter().copied().filter(|input| reached.insert(*input)));
    }
    let source = |id: &NodeId| match &flow.node(*id).kind {
        NodeKind::Source(spec) => Some((&*flow.node(*id).name, &**spec)),
        _ => None,
    };
    reached.iter().filter_map(source).collect()
}
