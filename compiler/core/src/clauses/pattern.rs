//! `match …` as the head of a query: the tree of its pattern in [`tree`], what its conditions see in [`sight`] and
//! what they say in [`conditions`], here what surrounds them.

mod conditions;
pub(crate) mod contradiction;
mod reads;
mod shape;
mod sight;
mod tree;

use super::rows::RowColumn;
use super::{Rows, Surroundings, select};
use crate::check::Checker;
use crate::errors::patterns as errors;
use crate::facts::{DefinitionKind, Wanted};
use crate::hir;
use crate::scope::{Events, Lookup};
use millstream_base::{Diagnostics, Span};
use millstream_ir::expr::Expr;
use millstream_ir::flow::Column;
use millstream_ir::pattern::{Automaton, Edge, Event, MatchInput, MatchMode, MatchSpec, Pattern};
use millstream_ir::types::{Type, TypeKind};
use millstream_syntax::ast;
use sight::{Presence, Seen};
use std::collections::BTreeMap;
use tree::{Parts, Place, Step, has_names};

/// What `limit` is where a pattern does not say.
const WAYS_PER_PARTITION: usize = 10_000;

/// The typed pattern and its rows; none if something in it is wrong, which has been reported.
pub(super) fn check_match(
    around: Surroundings,
    query: &ast::Match,
    diagnostics: &mut Diagnostics,
) -> Option<(hir::Match, Rows)> {
    let mut checker = PatternChecker { around, diagnostics, inputs: vec![], is_right: true };
    let mode = checker.mode(query);
    for fault in shape::faults(query) {
        checker.fault(fault);
    }
    let within = checker.bound(query);
    let or_timeout = matches!(query.bound, Some(ast::MatchBound::Within { or_timeout: true, .. }));
    let is_fixed =
        matches!(&query.bound, Some(ast::MatchBound::Within { duration, .. }) if !has_names(duration));
    let mut parts = Parts { within: within.filter(|_| is_fixed), ..Parts::default() };
    let mut seen = vec![];
    let pattern = checker.tree(&query.pattern, Place::default(), &mut seen, &mut parts);
    let first = pattern.first_step();
    let of_first: Vec<Seen> =
        first.map(|step| Seen { at_most: None, ..Seen::once(step) }).into_iter().collect();
    let without = query.without.as_ref().map(|without| checker.absence(without, &of_first, &mut parts));
    checker.reuse(query, mode, &mut parts);
    let keys = checker.keys(&query.by);
    if or_timeout {
        // A run that ran out of time may have taken its first event only.
        seen.iter_mut().filter(|seen| Some(seen.step) != first).for_each(|seen| seen.at_least = 0);
    }
    let (rows, first_variable) = checker.rows(keys, &query.by, &parts, &seen, or_timeout);
    let steps = checker.checked_steps(&parts, &rows, first_variable);
    let absences = checker.checked_absences(&parts, &rows, first_variable);
    let clocks = checker.checked_clocks(&parts, &rows, first_variable);
    let automaton = checker.automaton(&pattern, absences.len(), query, &parts)?;
    let described = checker.inputs.iter().map(|input| MatchInput {
        name: input.name.as_str().into(),
        // They become columns when the pattern is lowered.
        keys: vec![0; input.keys.len()],
        fields: input.columns.visible().map(|(number, _)| Some(number)).collect(),
        computed: vec![],
    });
    let bindings: Vec<Column> = rows.schema().columns.into_iter().take(rows.time).collect();
    let outputs = (0..bindings.len()).map(|i| rows.column_expr(i, query.pattern.span)).collect();
    let mut spec = MatchSpec {
        inputs: described.collect(),
        steps,
        absences,
        clocks,
        pattern,
        automaton,
        mode,
        within,
        or_timeout,
        without,
        limit: WAYS_PER_PARTITION,
        span: query.pattern.span,
        bindings,
        outputs,
    };
    checker.limit(query, &mut spec);
    if !checker.is_right {
        return None;
    }
    let inputs = checker.inputs.into_iter().map(|input| hir::MatchInput {
        rows: input.rows,
        schema: input.columns.schema(),
        keys: input.keys,
    });
    Some((hir::Match { inputs: inputs.collect(), spec }, rows))
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

    /// What becomes of events and runs at a match.
    fn mode(&mut self, query: &ast::Match) -> MatchMode {
        match &query.mode {
            ast::MatchMode::Consume => MatchMode::UseUp,
            ast::MatchMode::Overlapping => MatchMode::Overlapping,
            ast::MatchMode::All => MatchMode::All,
            ast::MatchMode::OncePer(duration) => {
                let time = self.checker().check_positive_duration(duration);
                self.is_right &= time.is_some();
                MatchMode::Once(time)
            }
            ast::MatchMode::OnceForever => MatchMode::Once(None),
        }
    }

    /// Marks the steps whose events are free for other matches.
    fn reuse(&mut self, query: &ast::Match, mode: MatchMode, parts: &mut Parts) {
        for name in &query.reuse {
            let is_named = |step: &&mut Step| step.variable.is_some_and(|v| v.text == name.text);
            let Some(step) = parts.steps.iter_mut().find(is_named) else {
                let known: Vec<&str> =
                    parts.steps.iter().filter_map(|step| step.variable).map(|v| v.text.as_str()).collect();
                self.around
                    .names
                    .facts
                    .misses(name.span, || Wanted::Word(known.iter().map(|name| (*name).into()).collect()));
                self.fault(errors::reuse_of_unknown(name.span, &name.text, &known));
                continue;
            };
            step.reuse = true;
            self.around.names.facts.stands_for(name.span, step.variable.map(|v| v.span));
            if mode != MatchMode::UseUp {
                self.fault(errors::needless_reuse(name.span, &mode.text()));
            }
        }
    }

    /// The time that a match may take, in microseconds; none if it has no bound, or a wrong one.
    fn bound(&mut self, query: &ast::Match) -> Option<i64> {
        match &query.bound {
            Some(ast::MatchBound::Within { duration, .. }) => {
                let within = self.checker().check_positive_duration(duration);
                self.is_right &= within.is_some();
                within
            }
            Some(ast::MatchBound::Forever) => None,
            // Whether it needs one is seen when there is an automaton.
            None => None,
        }
    }

    fn automaton(
        &mut self,
        pattern: &Pattern,
        n_absences: usize,
        query: &ast::Match,
        parts: &Parts,
    ) -> Option<Automaton> {
        let automaton = match Automaton::new(pattern, n_absences) {
            Ok(automaton) => automaton,
            Err(too_large) => {
                self.fault(errors::too_large(query.pattern.span, too_large));
                return None;
            }
        };
        let is_short = || shape::has_fixed_extent(&query.pattern) || automaton.touches_throughout();
        if query.bound.is_none() && !is_short() {
            self.fault(errors::unbounded(query.pattern.span));
        }
        // What a complete match would rather take, and nothing surely ends the wait for it.
        let waits_on = |edge: &Edge| {
            let touches = edge.guards >> n_absences != 0;
            matches!(edge.on, Event::Step(_)) && !touches && edge.limits.is_empty()
        };
        let mut complete = automaton.states.iter().filter(|state| state.accepts.is_some());
        if matches!(query.bound, Some(ast::MatchBound::Forever))
            && query.mode != ast::MatchMode::All
            && complete.any(|state| state.preferred().iter().any(waits_on))
            && let Some(word) = shape::words_of_greed(&query.pattern).last()
        {
            self.fault(errors::greedy_for_ever(*word));
        }
        let is_bounded = matches!(query.bound, Some(ast::MatchBound::Within { .. }));
        if automaton.has_endless_clocks(is_bounded, query.mode == ast::MatchMode::All) {
            self.fault(errors::endless_timer(query.pattern.span));
        }
        if self.is_right {
            let taken = automaton.steps_taken(query.mode == ast::MatchMode::All);
            for (_, step) in parts.steps.iter().enumerate().filter(|(number, _)| !taken.contains(number)) {
                self.fault(errors::never_taken(step.span));
            }
        }
        Some(automaton)
    }

    /// How many ways a partition may hold, where some are kept apart.
    fn limit(&mut self, query: &ast::Match, spec: &mut MatchSpec) {
        let Some(limit) = &query.limit else { return };
        let count = self.checker().check_count(limit);
        self.is_right &= count.is_some();
        if spec.merges_ways() && self.is_right {
            self.fault(errors::needless_limit(limit.span));
        }
        spec.limit = count.and_then(|count| usize::try_from(count).ok()).unwrap_or(spec.limit);
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
                self.around.names.facts.misses(name.span, || scope.wanted());
                self.fault(errors::no_key(name.span, &name.text, &input.name, input.rows.span));
                return None;
            }
        }
        let key = self.checker().check_expr(&scope, expr, None);
        self.is_right &= !key.ty.is_error();
        Some(key)
    }

    /// The record that a variable is: the visible columns of its stream.
    fn event_type(&self, columns: &Rows) -> Type {
        let ty = Type::record(columns.visible().map(|(_, c)| (c.name.clone(), c.ty.clone())));
        if let TypeKind::Record(record) = &ty.kind {
            let fields = columns.visible().map(|(_, c)| c.defined).collect();
            self.around.names.facts.define_record(record, fields);
        }
        ty
    }

    /// The rows of the match, and the number of the first variable among them. `seen` is what is known behind the
    /// pattern.
    fn rows(
        &mut self,
        keys: Vec<Key>,
        by: &[ast::Expr],
        parts: &Parts,
        seen: &[Seen],
        or_timeout: bool,
    ) -> (Rows, usize) {
        let mut columns: Vec<RowColumn> = vec![];
        for key in keys {
            let name = key.name.as_deref().unwrap_or("key");
            let column = RowColumn::new(name, key.ty, key.span);
            columns.push(RowColumn { hidden: key.name.is_none(), ..column });
        }
        let presence: BTreeMap<usize, Presence> =
            seen.iter().map(|seen| (seen.step, seen.presence())).collect();
        for (number, step) in parts.steps.iter().enumerate() {
            let event = match self.inputs.get(step.test.input) {
                Some(input) => self.event_type(&input.columns),
                None => Type::ERROR,
            };
            let is_sure = presence.get(&number) == Some(&Presence::Surely);
            let (ty, events) = match step.repeats {
                true => (Type::list(event), Some(if is_sure { Events::Some } else { Events::SoFar })),
                false => (event.or_null(!is_sure), Some(Events::One)),
            };
            let (name, span) = match step.variable {
                Some(name) => (name.text.as_str(), name.span),
                None => ("event", step.span),
            };
            if let Some(variable) = step.variable {
                self.around.names.facts.define(variable, DefinitionKind::Variable, Some(&ty));
            }
            columns.push(RowColumn {
                hidden: step.variable.is_none(),
                events,
                ..RowColumn::new(name, ty, span)
            });
        }
        for (number, column) in columns.iter().enumerate().filter(|(_, c)| !c.hidden) {
            let first = columns.iter().take(number).find(|c| !c.hidden && c.name == column.name);
            if let Some(first) = first {
                self.fault(errors::variable_twice(column.span, &column.name, first.span));
            }
        }
        for name in &parts.unbound {
            self.around.names.facts.define(name, DefinitionKind::Variable, None);
            if let Some(first) = columns.iter().find(|c| !c.hidden && *c.name == *name.text) {
                self.fault(errors::variable_twice(name.span, &name.text, first.span));
            }
        }
        let of_match = [("start", Type::TIMESTAMP), ("end", Type::TIMESTAMP), ("timeout", Type::BOOL)];
        for (name, ty) in of_match {
            columns.push(RowColumn {
                hidden: true,
                qualifier: Some("match".into()),
                qualified_only: name != "timeout" || or_timeout,
                ..RowColumn::new(name, ty, Span::default())
            });
        }
        columns.push(RowColumn { hidden: true, ..RowColumn::new("time", Type::TIMESTAMP, Span::default()) });
        let time = columns.len() - 1;
        let unbound = parts.unbound.iter().map(|name| (name.text.as_str().into(), name.span)).collect();
        let rows = Rows {
            columns,
            time,
            same_time: vec![],
            updating: None,
            carried: vec![],
            proved: Default::default(),
            unbound,
            asked: vec![],
            known: true,
        };
        (rows, by.len())
    }
}

/// The variables of steps that an expression names.
fn variables_in<'s>(expr: &'s ast::Expr, steps: &'s [Step]) -> impl Iterator<Item = &'s ast::Name> {
    let mut names = vec![];
    select::bare_names(expr, &mut names);
    names.into_iter().filter(|name| steps.iter().any(|s| s.variable.is_some_and(|v| v.text == name.text)))
}
