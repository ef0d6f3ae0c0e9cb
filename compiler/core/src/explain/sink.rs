//! What is said of sinks: what each writes, and what becomes of rows on the way to it when a run is killed.

use crate::hir::{Program, Sink};
use crate::program::is_live;
use millstream_ir::flow::{ConnectorSpec, Flow, NodeId, NodeKind, SourceSpec};
use millstream_ir::value::Value;
use std::collections::BTreeSet;
use std::fmt::Write;

pub fn explain_sink(program: &Program, flow: &Flow, sink: &Sink) -> String {
    let to = &sink.spec.connector.name;
    let mut text = format!("sink {} writes {} to {to}\n", sink.name, program.rows_text(sink.from));
    let node = flow
        .ids()
        .find(|id| matches!(flow.node(*id).kind, NodeKind::Sink(_)) && *flow.node(*id).name == *sink.name);
    for (name, source) in node.map(|node| sources_behind(flow, node)).unwrap_or_default() {
        let _ =
            writeln!(text, "  from {name}, when killed and run on with --state: {}", guarantee(source, sink));
    }
    text + "\n"
}

/// How often a row of a source counts in what the sink writes, and why not once.
fn guarantee(source: &SourceSpec, sink: &Sink) -> String {
    let sink = &sink.spec.connector;
    match (cannot_be_read_again(&source.connector), cannot_be_cut_off(sink)) {
        (None, None) => "exactly once".to_string(),
        (None, Some(output)) => {
            format!("at least once, as {output} cannot be cut off at the last checkpoint")
        }
        (Some(input), _) => {
            format!("at most once, as {input} cannot be read again from the last checkpoint on")
        }
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
        "file" => None,
        "stdout" => Some("standard output"),
        other => Some(other),
    }
}

fn is_dash(connector: &ConnectorSpec) -> bool {
    matches!(connector.options.get("path"), Some(Value::String(path)) if &**path == "-")
}

/// The sources whose rows come to a node, by name; those of tables are not, as they are loaded.
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
        NodeKind::Source(spec) if spec.load.is_none() => Some((&*flow.node(*id).name, &**spec)),
        _ => None,
    };
    reached.iter().filter_map(source).collect()
}
