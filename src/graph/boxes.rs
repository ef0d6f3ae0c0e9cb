//! What a dataflow is made of: a box for each source, table, stream and sink, with what it does, holds and how late it
//! is, and a line for each that reads another.

use super::layout::Edge;
use super::text::width_of;
use crate::program::Compiled;
use crate::written::{group_of, written};
use millstream_base::{SourceMap, Span};
use millstream_core::explain;
use millstream_core::hir::{Feed, Input, InputId, Program, Query, Rows, Side, Sink, Source};
use millstream_ir::flow::{ConnectorSpec, Flow, FormatSpec};
use millstream_ir::text::format_duration;
use millstream_ir::value::Value;

/// The longest line of a box, and how many lines a clause may take.
const WIDTH: usize = 46;
const MOST_LINES: usize = 5;

pub struct Dataflow {
    pub nodes: Vec<Node>,
    pub edges: Vec<Edge>,
}

pub struct Node {
    pub kind: Kind,
    pub title: String,
    /// What the program says of it.
    pub says: Vec<String>,
    /// What follows: what it holds, and how late it is.
    pub facts: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Source,
    Table,
    Stream,
    Sink,
}

impl Node {
    fn new(kind: Kind, title: String, says: &[String], facts: &[String]) -> Node {
        let lines = |texts: &[String]| texts.iter().flat_map(|text| wrapped(text)).collect();
        Node { kind, title, says: lines(says), facts: lines(facts) }
    }

    pub fn lines(&self) -> impl Iterator<Item = &str> {
        let below = self.says.iter().chain(&self.facts);
        [self.title.as_str()].into_iter().chain(below.map(String::as_str))
    }
}

pub fn dataflow(compiled: &Compiled, flow: &Flow) -> Dataflow {
    let program = &compiled.compilation.program;
    let mut dataflow = Dataflow { nodes: vec![], edges: vec![] };
    let mut number_of = vec![None; program.inputs.len()];
    for (id, input) in program.inputs.iter().enumerate() {
        let Some(input) = input else { continue };
        number_of[id] = Some(dataflow.nodes.len());
        dataflow.nodes.push(node(compiled, flow, InputId(id), input));
    }
    for (id, input) in program.inputs.iter().enumerate() {
        let (Some(to), Some(query)) = (number_of[id], input.as_ref().and_then(Input::query)) else {
            continue;
        };
        for rows in query.reads() {
            dataflow.edges.extend(edge(program, &number_of, rows, to));
        }
    }
    for sink in &program.sinks {
        dataflow.edges.extend(edge(program, &number_of, sink.from, dataflow.nodes.len()));
        dataflow.nodes.push(sink_node(sink, program));
    }
    dataflow.edges.sort();
    dataflow.edges.dedup();
    dataflow
}

/// The rows themselves leave at one port, side streams and what tables hold at others.
fn edge(program: &Program, number_of: &[Option<usize>], rows: Rows, to: usize) -> Option<Edge> {
    let from = number_of.get(rows.of.0).copied().flatten()?;
    let is_table = matches!(program.input(rows.of), Some(Input::Table(_)));
    let port = match rows.side {
        Side::Main if !is_table => 0,
        Side::Main => 1,
        Side::Late => 2,
        Side::Errors => 3,
    };
    Some(Edge { from, port, to })
}

fn node(compiled: &Compiled, flow: &Flow, id: InputId, input: &Input) -> Node {
    let program = &compiled.compilation.program;
    match input {
        Input::Source(source) => {
            Node::new(Kind::Source, format!("source {}", source.name), &of_source(source), &[])
        }
        Input::Table(table) => {
            let says = match &table.feed {
                Feed::Source(source) => of_source(source),
                Feed::Query { query, .. } => clauses(&compiled.files, query),
            };
            let holds = explain::kept_of_table(table, flow);
            let holds: Vec<String> = holds.iter().map(|words| format!("holds {words}")).collect();
            Node::new(Kind::Table, format!("table {}", table.name), &says, &holds)
        }
        Input::Stream(stream) => {
            let account = explain::account(program, Some(flow), id);
            let facts = account.into_iter().flat_map(|account| {
                let holds: Vec<String> = account.state.iter().map(|words| format!("holds {words}")).collect();
                holds.into_iter().chain([format!("delay: {}", account.greatest_delay)])
            });
            let says = clauses(&compiled.files, &stream.query);
            Node::new(Kind::Stream, format!("stream {}", stream.name), &says, &facts.collect::<Vec<_>>())
        }
    }
}

fn of_source(source: &Source) -> Vec<String> {
    let mut lines = vec![connector(&source.connector, source.format.as_ref())];
    match &source.time {
        Some(time) => {
            let field = source.fields.get(time.field).map_or("?", |field| &field.name);
            let disorder = match time.disorder {
                0 => String::new(),
                disorder => format!(", disorder {}", format_duration(disorder)),
            };
            lines.push(format!("time {field}{disorder}"));
        }
        None if source.load.is_some() => {}
        None => lines.push("timed by arrival".to_string()),
    }
    lines
}

fn sink_node(sink: &Sink, program: &Program) -> Node {
    let mut lines = vec![connector(&sink.spec.connector, sink.spec.format.as_ref())];
    if sink.from.side != Side::Main {
        lines.insert(0, program.rows_text(sink.from));
    }
    Node::new(Kind::Sink, format!("sink {}", sink.name), &lines, &[])
}

/// `file payments.ndjson, json`. Options beside the path may be secret.
fn connector(connector: &ConnectorSpec, format: Option<&FormatSpec>) -> String {
    let path = match connector.options.get("path") {
        Some(Value::String(path)) => format!(" {path}"),
        _ => String::new(),
    };
    let format = format.map_or(String::new(), |format| format!(", {}", format.name));
    format!("{}{path}{format}", connector.name)
}

/// What the program says of a query, clause by clause.
fn clauses(files: &SourceMap, query: &Query) -> Vec<String> {
    let mut at = query.span.start;
    let mut spans = vec![];
    for (number, clause) in query.clauses.iter().enumerate() {
        let group = group_of(files, query, number);
        let start = group.map_or(clause.span.start, |group| group.start);
        // The head, or what belongs to the clause before, as `emit` does.
        spans.push(Span { start: at, end: start.max(at), ..query.span });
        spans.extend(group.into_iter().chain([clause.span]));
        at = at.max(clause.span.end);
    }
    spans.push(Span { start: at, end: query.span.end.max(at), ..query.span });
    let mut lines: Vec<String> = spans.into_iter().map(|span| written(files, span)).collect();
    lines.retain(|line| !line.is_empty());
    lines.dedup();
    lines
}

/// A line on as many as it takes, up to some.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = vec![];
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && width_of(&line) + 1 + width_of(word) > WIDTH {
            lines.push(std::mem::take(&mut line));
            line.push(' ');
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line += word;
    }
    lines.push(line);
    if lines.len() > MOST_LINES {
        lines.truncate(MOST_LINES);
        if let Some(last) = lines.last_mut() {
            *last += " …";
        }
    }
    lines
}
