//! Which queries read which: the order in which they can be checked, and circles, which are errors.

use crate::clauses::{asked_in, values_of};
use crate::errors::names as errors;
use crate::names::{Input, InputKind, Names};
use millstream_base::{Diagnostics, FileId, Span};
use millstream_syntax::ast;
use std::collections::BTreeSet;

/// What each query reads, by numbers, and where it says so; none for what is no query.
type Reads = Vec<Option<Vec<(usize, Span)>>>;

/// Fills [`Names::query_order`]; reports each circle once, at the stream that closes it.
pub(crate) fn order_queries(names: &mut Names, diagnostics: &mut Diagnostics) {
    let reads = reads(names);
    let mut search =
        Search { names, reads: &reads, states: vec![State::New; reads.len()], order: vec![], diagnostics };
    for i in 0..reads.len() {
        search.visit(i);
    }
    let order = search.order;
    names.query_order = order;
}

/// Leaves away what one item of a file does not need, if it is one: queries that it does not read, outputs, tests.
pub(crate) fn keep_needed(names: &mut Names, file: FileId, item: Option<&ast::Item>) {
    let is_it = |found: FileId, name: Span| {
        found == file && item.is_some_and(|item| item.span.contains(name.start as usize))
    };
    names.sinks.retain(|sink| is_it(sink.file, sink.sink.name.span));
    names.tests.retain(|(found, test)| is_it(*found, test.name.span));
    let around = names.inputs.iter().position(|input| is_it(input.file, input.name.span));
    let written = names.sinks.iter().map(|sink| &sink.sink.from);
    let tested = names.tests.iter().flat_map(|(_, test)| &test.steps).filter_map(|step| match &step.kind {
        ast::TestStepKind::Given { stream, .. } | ast::TestStepKind::Expect { stream, .. } => Some(stream),
        ast::TestStepKind::Advance { .. } | ast::TestStepKind::Error => None,
    });
    let referred = written.chain(tested).filter_map(|rows| Some(names.input(file, &name_of(rows).text)?.0));
    let mut waiting: Vec<usize> = around.into_iter().chain(referred).collect();
    let reads = reads(names);
    let mut needed = BTreeSet::new();
    while let Some(number) = waiting.pop() {
        if needed.insert(number) {
            waiting.extend(reads.get(number).into_iter().flatten().flatten().map(|(read, _)| *read));
        }
    }
    names.query_order.retain(|number| needed.contains(number));
}

/// What a stream sets aside comes from it all the same.
fn name_of(rows: &ast::StreamRef) -> &ast::Name {
    match rows {
        ast::StreamRef::Named(name) | ast::StreamRef::Late(name) | ast::StreamRef::Errors(name) => name,
    }
}

fn reads(names: &Names) -> Reads {
    let has_tables = names.has_tables();
    names
        .inputs
        .iter()
        .map(|input| {
            let query = match &input.kind {
                InputKind::Stream(stream) => &stream.query,
                InputKind::Table {
                    table: ast::Table { kind: ast::TableKind::Kept { query, .. }, .. },
                    ..
                } => query,
                _ => return None,
            };
            let mut found = vec![];
            reads_of(query, &mut found);
            let numbered = found.iter().filter_map(|rows| {
                let name = name_of(rows);
                Some((names.input(input.file, &name.text)?.0, name.span))
            });
            let is_table = |input: &Input| matches!(input.kind, InputKind::Table { .. });
            let asked = if has_tables { asked_tables(query) } else { vec![] };
            let tables = asked.into_iter().filter_map(|name| {
                let (number, table) = names.input(input.file, &name.text)?;
                is_table(table).then_some((number, name.span))
            });
            Some(numbered.chain(tables).collect())
        })
        .collect()
}

struct Search<'s, 'a> {
    names: &'s Names<'a>,
    reads: &'s Reads,
    states: Vec<State>,
    order: Vec<usize>,
    diagnostics: &'s mut Diagnostics,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    Open,
    Done,
    /// Reads from a circle, or is part of one.
    Broken,
}

impl Search<'_, '_> {
    fn visit(&mut self, i: usize) -> State {
        if self.states[i] != State::New {
            return self.states[i];
        }
        let Some(reads) = &self.reads[i] else {
            self.states[i] = State::Done;
            return State::Done;
        };
        self.states[i] = State::Open;
        let mut broken = false;
        for (read, span) in reads {
            match self.visit(*read) {
                State::Open => {
                    let (from, to) = (&self.names.inputs[i], &self.names.inputs[*read]);
                    self.diagnostics.push(errors::stream_cycle(
                        *span,
                        &from.name.text,
                        &to.name.text,
                        to.name.span,
                    ));
                    broken = true;
                }
                State::Broken => broken = true,
                State::New | State::Done => {}
            }
        }
        self.states[i] = if broken { State::Broken } else { State::Done };
        if !broken {
            self.order.push(i);
        }
        self.states[i]
    }
}

/// The streams that a query reads: in its head, joins, unions and patterns.
fn reads_of<'q>(query: &'q ast::Query, found: &mut Vec<&'q ast::StreamRef>) {
    match &query.head.kind {
        ast::QueryHeadKind::From(from) => found.push(&from.stream),
        ast::QueryHeadKind::Match(query) => {
            pattern_reads(&query.pattern, found);
            found.extend(query.without.iter().flat_map(|w| &w.events).map(|e| &e.stream));
        }
        ast::QueryHeadKind::Error => {}
    }
    for clause in &query.clauses {
        match &clause.kind {
            ast::ClauseKind::Join(join) => found.push(&join.stream),
            ast::ClauseKind::Union(streams) => found.extend(streams),
            _ => {}
        }
    }
}

/// What stands behind `in` as a table does.
fn asked_tables(query: &ast::Query) -> Vec<&ast::Name> {
    let mut exprs = vec![];
    for clause in &query.clauses {
        match &clause.kind {
            ast::ClauseKind::Where(condition) => exprs.push(condition),
            ast::ClauseKind::Let(bindings) => exprs.extend(bindings.iter().map(|binding| &binding.value)),
            ast::ClauseKind::Select(items) => exprs.extend(items.iter().flat_map(values_of)),
            _ => {}
        }
    }
    exprs.into_iter().flat_map(asked_in).map(|(_, _, name)| name).collect()
}

fn pattern_reads<'q>(pattern: &'q ast::Pattern, found: &mut Vec<&'q ast::StreamRef>) {
    match &pattern.kind {
        ast::PatternKind::Event(event) => found.push(&event.stream),
        ast::PatternKind::Sequence { first, rest } => {
            pattern_reads(first, found);
            rest.iter().for_each(|link| pattern_reads(&link.pattern, found));
        }
        ast::PatternKind::Repeat { of, .. } | ast::PatternKind::Group(of) => pattern_reads(of, found),
        ast::PatternKind::All(parts) | ast::PatternKind::Any(parts) => {
            parts.iter().for_each(|p| pattern_reads(p, found));
        }
        ast::PatternKind::Absent { of, .. } => found.extend(of.events.iter().map(|e| &e.stream)),
        ast::PatternKind::Error => {}
    }
}
