//! `match …` as the head of a query: its steps and what they read in [`steps`], here what surrounds them.
//! What this version does not carry out is rejected by name.

mod reads;
mod shape;
mod steps;

use super::rows::RowColumn;
use super::{Rows, Surroundings, select};
use crate::check::Checker;
use crate::errors::{patterns as errors, patterns_not_yet as not_yet};
use crate::hir;
use crate::scope::Lookup;
use millstream_base::{Diagnostics, Span};
use millstream_ir::expr::Expr;
use millstream_ir::flow::{MatchMode, MatchStep, keeping_apart};
use millstream_ir::types::Type;
use millstream_syntax::ast;
use steps::{Joined, Step};

/// What `limit` is where a pattern does not say.
const WAYS_PER_PARTITION: usize = 10_000;

/// The typed pattern and its rows; none if something in it is wrong, which has been reported.
pub(super) fn check_match(
    around: Surroundings,
    query: &ast::Match,
    span: Span,
    diagnostics: &mut Diagnostics,
) -> Option<(hir::Match, Rows)> {
    let mut checker = PatternChecker { around, diagnostics, inputs: vec![], is_right: true };
    let mode = checker.mode(query, span);
    for fault in shape::faults(&query.pattern) {
        checker.fault(fault);
    }
    let within = checker.bound(query);
    let mut steps = vec![];
    checker.steps_of(&query.pattern, Joined::default(), &mut steps);
    checker.reuse(query, mode, &mut steps);
    let keys = checker.keys(&query.by);
    let (rows, first_variable) = checker.rows(keys, &query.by, &steps);
    let steps = checker.conditions(&steps, &rows, first_variable);
    let limit = checker.limit(query, &steps);
    if !checker.is_right {
        return None;
    }
    let inputs = checker.inputs.into_iter().map(|input| hir::MatchInput {
        rows: input.rows,
        schema: input.columns.schema(),
        keys: input.keys,
    });
    Some((
        hir::Match { inputs: inputs.collect(), steps, mode, within, limit, span: query.pattern.span },
        rows,
    ))
}

struct PatternChecker<'q> {
    around: Surroundings<'q>,
    diagnostics: &'q mut Diagnostics,
    inputs: Vec<Input>,
    /// Whether all of it can be carried out.
    is_right: bool,
}

/// A stream of the pattern.
struct Input {
    name: String,
    rows: hir::Rows,
    columns: Rows,
    keys: Vec<Expr>,
}

/// A key as the match's rows have it.
struct Key {
    name: Option<String>,
    ty: Type,
    span: Span,
}

impl PatternChecker<'_> {
    fn fault(&mut self, fault: millstream_base::Diagnostic) {
        self.is_right = false;
        self.diagnostics.push(fault);
    }

    fn checker(&mut self) -> Checker<'_> {
        Checker::new(self.around.names, self.around.file, self.diagnostics)
    }

    /// What becomes of events and runs at a match; and refuses what is not carried out around the pattern.
    fn mode(&mut self, query: &ast::Match, span: Span) -> MatchMode {
        if let Some(without) = &query.without {
            self.fault(not_yet::without(without.span));
            without.events.iter().for_each(|e| self.stream_of(e));
        }
        match &query.mode {
            ast::MatchMode::Consume => MatchMode::UseUp,
            ast::MatchMode::Overlapping => MatchMode::Overlapping,
            ast::MatchMode::All => {
                let end = query.by.first().map_or(query.pattern.span, |key| key.span);
                self.fault(not_yet::mode(span.at_start().to(end.at_start()), "all"));
                MatchMode::Overlapping
            }
            ast::MatchMode::OncePer(duration) => {
                let time = self.checker().check_positive_duration(duration);
                self.is_right &= time.is_some();
                MatchMode::Once(time)
            }
            ast::MatchMode::OnceForever => MatchMode::Once(None),
        }
    }

    /// Marks the steps whose events are free for other matches.
    fn reuse(&mut self, query: &ast::Match, mode: MatchMode, steps: &mut [Step]) {
        for name in &query.reuse {
            let is_named = |step: &&mut Step| step.variable.is_some_and(|v| v.text == name.text);
            let Some(step) = steps.iter_mut().find(is_named) else {
                let known: Vec<&str> =
                    steps.iter().filter_map(|step| step.variable).map(|v| v.text.as_str()).collect();
                self.fault(errors::reuse_of_unknown(name.span, &name.text, &known));
                continue;
            };
            step.reuse = true;
            if mode != MatchMode::UseUp {
                self.fault(errors::needless_reuse(name.span, &mode.text()));
            }
        }
    }

    /// The time that a match may take, in microseconds; none if it has no bound, or a wrong one.
    fn bound(&mut self, query: &ast::Match) -> Option<i64> {
        match &query.bound {
            Some(ast::MatchBound::Within { duration, or_timeout }) => {
                let within = self.checker().check_positive_duration(duration);
                self.is_right &= within.is_some();
                if *or_timeout {
                    self.fault(not_yet::or_timeout(duration.span));
                }
                within
            }
            Some(ast::MatchBound::Forever) => None,
            None if shape::has_fixed_extent(&query.pattern) => None,
            None => {
                self.fault(errors::unbounded(query.pattern.span));
                None
            }
        }
    }

    /// How many ways a partition may hold, where some are kept apart.
    fn limit(&mut self, query: &ast::Match, steps: &[MatchStep]) -> usize {
        let Some(limit) = &query.limit else { return WAYS_PER_PARTITION };
        let count = self.checker().check_count(limit);
        let merged = keeping_apart(steps).is_empty();
        if merged && self.is_right {
            self.fault(errors::needless_limit(limit.span));
        }
        count.and_then(|count| usize::try_from(count).ok()).unwrap_or(WAYS_PER_PARTITION)
    }

    /// Checks the partition key in each stream of the pattern.
    fn keys(&mut self, by: &[ast::Expr]) -> Vec<Key> {
        let mut keys: Vec<Key> = vec![];
        let mut inputs = std::mem::take(&mut self.inputs);
        for expr in by {
            let mut found: Option<(Type, String)> = None;
            for input in &mut inputs {
                let Some(key) = self.key(expr, input) else { continue };
                match &mut found {
                    None => found = Some((key.ty.clone(), input.name.clone())),
                    Some((ty, first)) if ty.kind != key.ty.kind => {
                        self.fault(errors::key_types_differ(expr.span, (first, ty), (&input.name, &key.ty)));
                    }
                    Some((ty, _)) => ty.nullable |= key.ty.nullable,
                }
                input.keys.push(key);
            }
            let ty = found.map_or(Type::ERROR, |(ty, _)| ty);
            keys.push(Key { name: select::last_name(expr).map(str::to_string), ty, span: expr.span });
        }
        self.inputs = inputs;
        keys
    }

    fn key(&mut self, expr: &ast::Expr, input: &Input) -> Option<Expr> {
        let scope = input.columns.scope();
        let mut names = vec![];
        select::bare_names(expr, &mut names);
        for name in names {
            let is_param = self.around.names.param(self.around.file, &name.text).is_some();
            if matches!(scope.lookup(&name.text), Lookup::Missing) && !is_param {
                self.fault(errors::no_key(name.span, &name.text, &input.name, input.rows.span));
                return None;
            }
        }
        let key = self.checker().check_expr(&scope, expr, None);
        self.is_right &= !key.ty.is_error();
        Some(key)
    }

    /// The rows of the match, and the number of the first variable among them.
    fn rows(&mut self, keys: Vec<Key>, by: &[ast::Expr], steps: &[Step]) -> (Rows, usize) {
        let mut columns: Vec<RowColumn> = vec![];
        for key in keys {
            let name = key.name.as_deref().unwrap_or("key");
            let column = RowColumn::new(name, key.ty, key.span);
            columns.push(RowColumn { hidden: key.name.is_none(), ..column });
        }
        for step in steps {
            let event = match self.inputs.get(step.input) {
                Some(input) => event_type(&input.columns),
                None => Type::ERROR,
            };
            let ty = if step.repeats { Type::list(event) } else { event };
            let (name, span) = match step.variable {
                Some(name) => (name.text.as_str(), name.span),
                None => ("event", step.span),
            };
            columns.push(RowColumn {
                hidden: step.variable.is_none(),
                events: step.repeats,
                ..RowColumn::new(name, ty, span)
            });
        }
        for (number, column) in columns.iter().enumerate().filter(|(_, c)| !c.hidden) {
            let first = columns.iter().take(number).find(|c| !c.hidden && c.name == column.name);
            if let Some(first) = first {
                self.fault(errors::variable_twice(column.span, &column.name, first.span));
            }
        }
        for name in ["start", "end"] {
            columns.push(RowColumn {
                hidden: true,
                qualifier: Some("match".into()),
                qualified_only: true,
                ..RowColumn::new(name, Type::TIMESTAMP, Span::default())
            });
        }
        columns.push(RowColumn { hidden: true, ..RowColumn::new("time", Type::TIMESTAMP, Span::default()) });
        let time = columns.len() - 1;
        (
            Rows { columns, time, updating: None, carried: vec![], facts: Default::default(), known: true },
            by.len(),
        )
    }
}

/// The record that a variable is: the visible columns of its stream.
fn event_type(columns: &Rows) -> Type {
    Type::record(columns.visible().map(|(_, c)| (c.name.clone(), c.ty.clone())))
}
