//! A stream taken apart: a stream of its own for each of its clauses, and what has to be looked at of them.

use crate::command_line::Said;
use crate::program::Compiled;
use crate::replay::{Observed, add_stream, read_by_run, rows_of};
use crate::why::errors::unknown_input;
use crate::why::keys::Part;
use crate::written::group_of;
use millstream_base::{Diagnostic, SourceMap, Span};
use millstream_core::hir::{Clause, ClauseKind, Head, Input, InputId, JoinBound, Program, Query};
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::flow::{Column, Schema};
use millstream_ir::types::{Type, TypeKind};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A stream taken apart: what it reads, and then a stream of its own for each of its clauses.
pub struct Stages {
    pub name: Arc<str>,
    pub of: InputId,
    /// Whether it begins with `match`.
    is_of_pattern: bool,
    pub stages: Vec<Stage>,
}

pub struct Stage {
    pub of: InputId,
    /// What it is called where its rows are counted.
    pub name: Arc<str>,
    /// None for what the stream reads.
    pub clause: Option<Clause>,
    /// The `group by` that belongs to the clause.
    pub group: Option<Span>,
}

/// Which columns are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Looked {
    /// What the stream needs if all its columns are read; of a source that is asked for itself, what a run reads:
    /// what makes a record unreadable in a run, and nothing else does.
    WhatRunReads,
    /// What the stream needs if all its columns are read.
    WhatIsNeeded,
    All,
}

/// The stream, source or table that is called so.
pub fn input_named(program: &Program, name: &Said) -> Result<InputId, Box<Diagnostic>> {
    let known = program.find(&name.text).filter(|of| program.input(*of).is_some());
    known.ok_or_else(|| Box::new(unknown_input(program, name)))
}

impl Stages {
    /// As [`Stages::of`], of what is called so.
    pub fn named(program: &mut Program, files: &SourceMap, name: &Said) -> Result<Stages, Box<Diagnostic>> {
        let of = input_named(program, name)?;
        Ok(Stages::of(program, files, of))
    }

    /// Adds the parts of a stream to its program, each as a stream.
    pub fn of(program: &mut Program, files: &SourceMap, of: InputId) -> Stages {
        let input = program.input(of);
        let full = input.map_or_else(|| "?".into(), |input| input.name().clone());
        let query = input.and_then(Input::query).cloned();
        let mut stages = Stages { name: full.clone(), of, is_of_pattern: false, stages: vec![] };
        let Some(query) = query else {
            stages.stages.push(Stage { of, name: full, clause: None, group: None });
            return stages;
        };
        let groups: Vec<Option<Span>> =
            (0..query.clauses.len()).map(|number| group_of(files, &query, number)).collect();
        let Query { head, schema, clauses, on_error, span } = query;
        let called = |number: usize| -> Arc<str> { format!("{full} ({number})").into() };
        let mut last = match &head {
            Head::Rows(rows) => *rows,
            Head::Match(_) => {
                stages.is_of_pattern = true;
                let head =
                    Query { head, schema: schema.clone(), clauses: vec![], on_error: on_error.clone(), span };
                rows_of(add_stream(program, called(0), head))
            }
        };
        let name_of_head = match program.input(last.of) {
            Some(input) if !stages.is_of_pattern => input.name().clone(),
            _ => called(0),
        };
        let first = Query {
            head: Head::Rows(last),
            schema: schema.clone(),
            clauses: vec![],
            on_error: on_error.clone(),
            span,
        };
        let id = add_stream(program, called(0), first);
        stages.stages.push(Stage { of: id, name: name_of_head, clause: None, group: None });
        last = rows_of(id);
        let mut before = schema;
        for (number, (clause, group)) in clauses.into_iter().zip(groups).enumerate() {
            let (name, after) = (called(number + 1), clause.schema.clone());
            let clauses = vec![clause.clone()];
            let query =
                Query { head: Head::Rows(last), schema: before, clauses, on_error: on_error.clone(), span };
            let id = add_stream(program, name.clone(), query);
            stages.stages.push(Stage { of: id, name, clause: Some(clause), group });
            (last, before) = (rows_of(id), after);
        }
        stages
    }

    /// What is looked at of each part, with the key.
    pub fn observed(
        &self,
        compiled: &Compiled,
        program: &Program,
        key: &[Part],
        looked: Looked,
    ) -> Vec<Observed> {
        let mut observed = vec![];
        let mut needed: Option<BTreeSet<usize>> = None;
        for (number, stage) in self.stages.iter().enumerate().rev() {
            let schema = program.input(stage.of).map_or(Schema::default(), |input| input.schema().clone());
            let after = self.stages.get(number + 1).and_then(|stage| stage.clause.as_ref());
            needed = match after {
                _ if looked == Looked::All => None,
                Some(clause) => needed_before(&clause.kind, needed.as_ref(), &schema),
                None if stage.clause.is_none()
                    && looked == Looked::WhatRunReads
                    && program.input(stage.of).and_then(Input::source).is_some() =>
                {
                    // Of what no run reads, all is looked at.
                    Some(read_by_run(compiled, &stage.name)).filter(|columns| !columns.is_empty())
                }
                None => None,
            };
            // The whole of an event is more than a pattern looks at.
            let is_event = |column: &usize| {
                schema.columns.get(*column).is_some_and(|column| is_event(&column.ty)) && self.is_of_pattern
            };
            let all = || (0..schema.columns.len()).collect();
            let is_key = |column: &Column| !column.hidden && key.iter().any(|part| part.name == *column.name);
            let of_key = (0..schema.columns.len()).filter(|number| is_key(&schema.columns[*number]));
            let columns = needed
                .clone()
                .unwrap_or_else(all)
                .into_iter()
                .filter(|column| !is_event(column))
                .chain(of_key);
            observed.push(Observed { rows: rows_of(stage.of), columns: Some(columns.collect()), schema });
        }
        observed.reverse();
        observed
    }

    /// What a key of the stream is: that of the first clause that has one made of columns.
    pub fn key(&self, program: &Program) -> Option<Vec<Part>> {
        let mut before: Option<&Schema> = None;
        for stage in &self.stages {
            if let (Some(clause), Some(before)) = (&stage.clause, before) {
                let keys = keys_of(&clause.kind);
                let part = |key: &Expr| {
                    let ExprKind::Column(column) = key.kind else { return None };
                    let column = before.columns.get(column).filter(|column| !column.hidden)?;
                    Some(Part { name: column.name.to_string(), ty: column.ty.clone() })
                };
                let parts: Option<Vec<Part>> = keys.iter().map(part).collect();
                if let Some(parts) = parts.filter(|parts| !parts.is_empty()) {
                    return Some(parts);
                }
            }
            before = program.input(stage.of).map(Input::schema);
        }
        None
    }
}

/// Whether it is an event that a pattern took, or a list of such.
fn is_event(ty: &Type) -> bool {
    match &ty.kind {
        TypeKind::Record(_) => true,
        TypeKind::List(element) => is_event(element),
        _ => false,
    }
}

/// The columns that are needed in front of a clause for those behind it; none if all are.
fn needed_before(
    clause: &ClauseKind,
    behind: Option<&BTreeSet<usize>>,
    before: &Schema,
) -> Option<BTreeSet<usize>> {
    let n_before = before.columns.len();
    let is_needed = |column: usize| behind.is_none_or(|behind| behind.contains(&column));
    let passed = || (0..n_before).filter(|column| is_needed(*column));
    let hidden =
        before.columns.iter().enumerate().filter(|(_, column)| column.hidden).map(|(number, _)| number);
    let mut needed: BTreeSet<usize> = match clause {
        ClauseKind::Where(condition) => passed().chain(condition.columns()).collect(),
        ClauseKind::Let(values) => {
            let mut needed: BTreeSet<usize> = passed().collect();
            let mut added: BTreeSet<usize> =
                (n_before..n_before + values.len()).filter(|c| is_needed(*c)).collect();
            for (number, value) in values.iter().enumerate().rev() {
                if added.contains(&(n_before + number)) || value.can_fail() {
                    added.extend(value.columns());
                }
            }
            needed.extend(added.into_iter().filter(|column| *column < n_before));
            needed
        }
        ClauseKind::Select(values) => {
            let read =
                values.iter().enumerate().filter(|(number, value)| is_needed(*number) || value.can_fail());
            read.flat_map(|(_, value)| value.columns()).collect()
        }
        ClauseKind::Window { .. } | ClauseKind::LeaveOutLate => passed().collect(),
        ClauseKind::Time { time, .. } => passed().chain(time.columns()).collect(),
        ClauseKind::Aggregate(aggregate) => {
            let of_calls = aggregate.calls.iter().flat_map(|call| call.arguments.iter().chain(&call.filter));
            aggregate.keys.iter().chain(of_calls).flat_map(Expr::columns).collect()
        }
        ClauseKind::Join(join) => {
            let at = match &join.bound {
                JoinBound::AsOf { at, .. } => Some(at),
                _ => None,
            };
            let asked = join.keys.iter().map(|(left, _)| left).chain(&join.condition).chain(at);
            passed().chain(asked.flat_map(Expr::columns).filter(|column| *column < n_before)).collect()
        }
        _ => return None,
    };
    needed.extend(hidden);
    Some(needed)
}

fn keys_of(clause: &ClauseKind) -> Vec<Expr> {
    match clause {
        ClauseKind::Aggregate(aggregate) => aggregate.keys.clone(),
        ClauseKind::Join(join) => join.keys.iter().map(|(left, _)| left.clone()).collect(),
        ClauseKind::Top(top) => top.per.clone(),
        ClauseKind::History(history) => history.keys.clone(),
        ClauseKind::Frame(frame) => frame.keys.clone(),
        ClauseKind::GatherWindows { keys, .. } => keys.clone(),
        _ => vec![],
    }
}
