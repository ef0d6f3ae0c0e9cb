//! From the typed tree to the logical plan: clauses become operators, streams that several read one node.

use crate::hir::{self, ClauseKind, Grouping, Head, Input, InputId, Rows, Side};
use crate::plan::{Node, Operator, Plan, PlanId};
use millstream_base::Span;
use millstream_ir::aggregate::AggregateCall;
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::flow::{
    Breaker, Column, FillWindows, Frame, FrameAggregate, HistoryKind, KeyHistory, LatestOfKey, MatchInput,
    MatchSpec, OnError, Schema, SortKey, SortWindow, Top, UpdatingAggregate, WindowAggregate,
};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The plan that feeds these sinks.
pub fn lower(program: &hir::Program, sinks: &[hir::Sink]) -> Plan {
    let mut lowering = Lowering { program, plan: Plan::default(), tails: HashMap::new() };
    // In the order in which they read each other, so that none waits for another on the stack.
    let read = read_by(program, sinks);
    for id in program.order.iter().filter(|id| read.contains(id)) {
        lowering.rows(Rows { of: *id, side: Side::Main, span: Span::default() });
    }
    for sink in sinks {
        lowering.sink(sink);
    }
    lowering.plan
}

/// The sources and streams that these sinks depend on.
fn read_by(program: &hir::Program, sinks: &[hir::Sink]) -> BTreeSet<InputId> {
    let mut read = BTreeSet::new();
    let mut open: Vec<InputId> = sinks.iter().map(|s| s.from.of).collect();
    while let Some(id) = open.pop() {
        if !read.insert(id) {
            continue;
        }
        if let Some(Input::Stream(stream)) = program.input(id) {
            open.extend(stream.query.reads().iter().map(|rows| rows.of));
        }
    }
    read
}

struct Lowering<'a> {
    program: &'a hir::Program,
    plan: Plan,
    /// What has been lowered already.
    tails: HashMap<(InputId, Side), PlanId>,
}

/// Where the nodes of an item belong.
#[derive(Clone)]
struct Owner {
    name: Arc<str>,
    on_error: OnError,
}

impl Lowering<'_> {
    fn sink(&mut self, sink: &hir::Sink) {
        let Some(input) = self.rows(sink.from) else { return };
        let schema = self.plan.node(input).schema.clone();
        let owner = Owner { name: sink.name.clone(), on_error: sink.on_error.clone() };
        let operator = Operator::Sink(sink.spec.clone());
        let root = self.add(&owner, sink.span, vec![input], schema, operator);
        self.plan.roots.push(root);
    }

    fn add(
        &mut self,
        owner: &Owner,
        span: Span,
        inputs: Vec<PlanId>,
        schema: Schema,
        operator: Operator,
    ) -> PlanId {
        let Owner { name, on_error } = owner.clone();
        self.plan.add(Node { name, span, inputs, schema, operator, on_error })
    }

    /// The node that yields these rows; none if the program is wrong there, which has been reported.
    fn rows(&mut self, rows: Rows) -> Option<PlanId> {
        if let Some(tail) = self.tails.get(&(rows.of, rows.side)) {
            return Some(*tail);
        }
        let program = self.program;
        let tail = match (program.input(rows.of)?, rows.side) {
            (Input::Source(source), Side::Main) => self.scan(source),
            (Input::Stream(stream), Side::Main) => self.stream(stream)?,
            (input, Side::Late) => self.late(rows, input)?,
            (input, Side::Errors) => {
                let tail = self.rows(Rows { side: Side::Main, ..rows })?;
                let owner = Owner { name: input.name().clone(), on_error: OnError::Keep };
                self.add(&owner, rows.span, vec![tail], errors_schema(), Operator::Errors)
            }
        };
        self.tails.insert((rows.of, rows.side), tail);
        Some(tail)
    }

    fn scan(&mut self, source: &Arc<hir::Source>) -> PlanId {
        let owner = Owner { name: source.name.clone(), on_error: source.on_error.clone() };
        let columns = (0..source.fields.len()).collect();
        let operator = Operator::Scan { source: source.clone(), columns };
        let scan = self.add(&owner, source.span, vec![], source.read.clone(), operator);
        let Some(key) = &source.key else { return scan };
        let spec = LatestOfKey { keys: key.fields.clone(), change: key.change };
        let latest = Operator::Breaker(Box::new(Breaker::LatestOfKey(spec)));
        self.add(&owner, key.span, vec![scan], source.schema.clone(), latest)
    }

    /// The late rows of a source, or of the `time` clauses of a stream.
    fn late(&mut self, rows: Rows, input: &Input) -> Option<PlanId> {
        let tail = self.rows(Rows { side: Side::Main, ..rows })?;
        let from = match input {
            // Where rows replace each other, what is read stands one further up.
            Input::Source(source) if source.key.is_some() => *self.plan.node(tail).inputs.first()?,
            Input::Source(_) => tail,
            Input::Stream(stream) => self.assign_time_of(tail, &stream.name)?,
        };
        let owner = Owner { name: input.name().clone(), on_error: OnError::Keep };
        let schema = late_schema(&self.plan.node(from).schema);
        Some(self.add(&owner, rows.span, vec![from], schema, Operator::Late))
    }

    /// The last `time` clause of a stream.
    fn assign_time_of(&self, tail: PlanId, stream: &str) -> Option<PlanId> {
        let mut id = tail;
        loop {
            let node = self.plan.node(id);
            if *node.name != *stream {
                return None;
            }
            if matches!(node.operator, Operator::AssignTime { .. }) {
                return Some(id);
            }
            id = *node.inputs.first()?;
        }
    }

    fn stream(&mut self, stream: &hir::Stream) -> Option<PlanId> {
        let owner = Owner { name: stream.name.clone(), on_error: stream.query.on_error.clone() };
        let mut tail = match &stream.query.head {
            Head::Rows(rows) => self.rows(*rows)?,
            Head::Match(pattern) => self.pattern(&owner, pattern, &stream.query.schema)?,
        };
        for clause in &stream.query.clauses {
            tail = self.clause(&owner, tail, clause)?;
        }
        // A stream without clauses is its input under another name.
        Some(tail)
    }

    /// A match whose outputs are its bindings: `rows` without the time.
    fn pattern(&mut self, owner: &Owner, pattern: &hir::Match, rows: &Schema) -> Option<PlanId> {
        let (mut inputs, mut described) = (vec![], vec![]);
        for input in &pattern.inputs {
            let mut id = self.rows(input.rows)?;
            let mut keys = vec![];
            for (key, column) in input.keys.iter().zip(&rows.columns) {
                let (with_key, number) = self.column_of(owner, key.span, id, key, &column.name);
                id = with_key;
                keys.push(number);
            }
            let fields = input.schema.visible().map(|(number, _)| Some(number)).collect();
            let name = self.program.rows_text(input.rows).into();
            described.push(MatchInput { name, keys, fields });
            inputs.push(id);
        }
        let bindings: Vec<Column> = rows
            .columns
            .iter()
            .enumerate()
            .filter(|(i, _)| *i != rows.time)
            .map(|(_, c)| c.clone())
            .collect();
        let outputs = (0..bindings.len()).map(|i| column_expr(rows, i, pattern.span)).collect();
        let mut steps = pattern.steps.clone();
        for step in &mut steps {
            // Computed keys are columns of the events too.
            let (from, to) = (
                pattern.inputs.get(step.input)?.schema.columns.len(),
                self.plan.node(*inputs.get(step.input)?).schema.columns.len(),
            );
            step.condition
                .iter_mut()
                .for_each(|c| c.renumber(|column| if column < from { column } else { column - from + to }));
        }
        let spec = MatchSpec {
            inputs: described,
            steps,
            within: pattern.within,
            limit: pattern.limit,
            span: pattern.span,
            bindings,
            outputs,
        };
        Some(self.add(owner, pattern.span, inputs, rows.clone(), Operator::Match(Box::new(spec))))
    }

    fn clause(&mut self, owner: &Owner, input: PlanId, clause: &hir::Clause) -> Option<PlanId> {
        let (span, schema) = (clause.span, clause.schema.clone());
        Some(match &clause.kind {
            ClauseKind::Where(condition) => {
                self.add(owner, span, vec![input], schema, Operator::Filter(condition.clone()))
            }
            ClauseKind::Let(values) => {
                self.add(owner, span, vec![input], schema, Operator::Let(values.clone()))
            }
            ClauseKind::Select(values) => {
                self.add(owner, span, vec![input], schema, Operator::Project(values.clone()))
            }
            ClauseKind::Unnest(list) => self.unnest(owner, input, list, clause),
            ClauseKind::Union(others) => {
                let mut inputs = vec![input];
                for other in others {
                    let other_input = self.rows(*other)?;
                    inputs.push(self.align(owner, span, other_input, &schema));
                }
                inputs[0] = self.align(owner, span, input, &schema);
                self.add(owner, span, inputs, schema, Operator::Union)
            }
            ClauseKind::Window { assigner, assigns: true } => self.add(
                owner,
                span,
                vec![input],
                schema,
                Operator::Breaker(Box::new(Breaker::AssignWindows(assigner.clone()))),
            ),
            ClauseKind::Window { .. } => input,
            ClauseKind::Time { time, disorder } => {
                let assign = Operator::AssignTime { disorder: *disorder };
                if matches!(time.kind, ExprKind::Column(_)) {
                    return Some(self.add(owner, span, vec![input], schema, assign));
                }
                let operator = Operator::Let(vec![time.clone()]);
                let before = self.plan.node(input).schema.time;
                let with_old_time = Schema { time: before, ..schema.clone() };
                let with_time = self.add(owner, span, vec![input], with_old_time, operator);
                self.add(owner, span, vec![with_time], schema, assign)
            }
            ClauseKind::SortWindow(sort) => self.sort_window(owner, input, sort, clause),
            ClauseKind::Top(top) => self.top(owner, input, top, clause),
            ClauseKind::Aggregate(aggregate) => self.aggregate(owner, input, aggregate, clause),
            ClauseKind::History(history) => self.history(owner, input, history, clause),
            ClauseKind::Frame(frame) => self.frame(owner, input, frame, clause),
        })
    }

    /// The list in a column of its own, then a row per element, then without the list.
    fn unnest(&mut self, owner: &Owner, input: PlanId, list: &Expr, clause: &hir::Clause) -> PlanId {
        let (input, column) = self.column_of(owner, clause.span, input, list, "list");
        let with_list = self.plan.node(input).schema.clone();
        let n_before = clause.schema.columns.len().saturating_sub(1);
        let added = with_list.columns.len() > n_before;
        let mut schema = with_list;
        schema.columns.extend(clause.schema.columns.last().cloned());
        let element = schema.columns.len() - 1;
        let unnest =
            self.add(owner, clause.span, vec![input], schema.clone(), Operator::Unnest { list: column });
        if !added {
            return unnest;
        }
        let kept = (0..n_before).chain([element]);
        let kept = kept.map(|c| column_expr(&schema, c, clause.span)).collect();
        self.add(owner, clause.span, vec![unnest], clause.schema.clone(), Operator::Project(kept))
    }

    /// What it sorts and parts by as columns, then the rows in order, then without what was added.
    fn sort_window(
        &mut self,
        owner: &Owner,
        input: PlanId,
        sort: &hir::SortWindow,
        clause: &hir::Clause,
    ) -> PlanId {
        let n_before = self.plan.node(input).schema.columns.len();
        let mut input = input;
        let mut column = |expr: &Expr, name: &str| {
            let (with_column, number) = self.column_of(owner, clause.span, input, expr, name);
            input = with_column;
            number
        };
        let per = sort.per.iter().map(|key| column(key, "per")).collect();
        let by = sort
            .by
            .iter()
            .map(|(value, descending)| SortKey { column: column(value, "rank"), descending: *descending });
        let by = by.collect();
        let bound = |number: usize| sort.window.get(number).copied().unwrap_or_default();
        let spec = SortWindow {
            start: bound(0),
            end: bound(1),
            of: sort.window.iter().skip(2).copied().collect(),
            is_timed_by_window: sort.is_timed_by_window,
            per,
            by,
            limit: sort.limit,
        };
        let mut schema = self.plan.node(input).schema.clone();
        let time = schema.columns.len();
        schema.columns.push(Column { name: "time".into(), ty: Type::TIMESTAMP, hidden: true });
        schema.time = time;
        let operator = Operator::Breaker(Box::new(Breaker::SortWindow(spec)));
        let sorted = self.add(owner, clause.span, vec![input], schema.clone(), operator);
        if time == n_before {
            return sorted;
        }
        let kept = (0..n_before).chain([time]).map(|c| column_expr(&schema, c, clause.span)).collect();
        self.add(owner, clause.span, vec![sorted], clause.schema.clone(), Operator::Project(kept))
    }

    /// What it ranks and parts by as columns, then the best rows, then without what was added.
    fn top(&mut self, owner: &Owner, input: PlanId, top: &hir::Top, clause: &hir::Clause) -> PlanId {
        let before = self.plan.node(input).schema.clone();
        let mut input = input;
        let mut column = |expr: &Expr, name: &str| {
            let (with_column, number) = self.column_of(owner, clause.span, input, expr, name);
            input = with_column;
            number
        };
        let per = top.per.iter().map(|key| column(key, "per")).collect();
        let by = top
            .by
            .iter()
            .map(|(value, descending)| SortKey { column: column(value, "rank"), descending: *descending });
        let by = by.collect();
        let spec = Top {
            per,
            by,
            among_equals: top.among_equals,
            limit: top.limit,
            keep: top.keep,
            sign: before.sign,
        };
        let mut schema = self.plan.node(input).schema.clone();
        let n_columns = schema.columns.len();
        if before.sign.is_none() {
            let hidden = |name: &str, ty| Column { name: name.into(), ty, hidden: true };
            schema.columns.extend([hidden("time", Type::TIMESTAMP), hidden("sign", Type::INT)]);
            (schema.time, schema.sign) = (n_columns, Some(n_columns + 1));
        }
        schema.key = clause.schema.key.clone();
        let operator = Operator::Breaker(Box::new(Breaker::Top(spec)));
        let best = self.add(owner, clause.span, vec![input], schema.clone(), operator);
        if schema.columns.len() == clause.schema.columns.len() {
            return best;
        }
        let kept = (0..before.columns.len()).chain(n_columns..schema.columns.len());
        let kept = kept.map(|c| column_expr(&schema, c, clause.span)).collect();
        self.add(owner, clause.span, vec![best], clause.schema.clone(), Operator::Project(kept))
    }

    /// The number of a column that holds this expression, which is added if there is none.
    fn column_of(
        &mut self,
        owner: &Owner,
        span: Span,
        input: PlanId,
        expr: &Expr,
        name: &str,
    ) -> (PlanId, usize) {
        if let ExprKind::Column(column) = expr.kind {
            return (input, column);
        }
        let mut schema = self.plan.node(input).schema.clone();
        schema.columns.push(Column { name: name.into(), ty: expr.ty.clone(), hidden: true });
        let column = schema.columns.len() - 1;
        (self.add(owner, span, vec![input], schema, Operator::Let(vec![expr.clone()])), column)
    }

    /// Keys and arguments as columns; the history; then without those columns again.
    fn history(
        &mut self,
        owner: &Owner,
        input: PlanId,
        history: &hir::History,
        clause: &hir::Clause,
    ) -> PlanId {
        let mut columns = Columns::of(&self.plan.node(input).schema);
        let keys = history.keys.iter().map(|key| columns.column(key, "key")).collect();
        let mut column = |expr: &Expr| columns.column(expr, "argument");
        let kind = match &history.kind {
            hir::HistoryKind::Throttle { count, per } => HistoryKind::Throttle { count: *count, per: *per },
            hir::HistoryKind::Changes { of, expire } => {
                HistoryKind::Changes { of: of.iter().map(column).collect(), expire: *expire }
            }
            hir::HistoryKind::Functions { functions, expire } => {
                let functions = functions.iter().map(|function| function.of_column(&mut column)).collect();
                HistoryKind::Functions { functions, expire: *expire }
            }
        };
        let breaker = Breaker::History(KeyHistory { keys, kind });
        self.adding_columns(owner, input, columns, breaker, clause)
    }

    /// Keys, arguments and filters as columns; the aggregates of each row; then without those columns again.
    fn frame(&mut self, owner: &Owner, input: PlanId, frame: &hir::Frame, clause: &hir::Clause) -> PlanId {
        let mut columns = Columns::of(&self.plan.node(input).schema);
        let keys = frame.keys.iter().map(|key| columns.column(key, "key")).collect();
        let is_removable = !matches!(frame.frame, Frame::Running(_));
        let calls = frame.calls.iter().map(|call| AggregateCall {
            function: call.function,
            user: call.user.clone(),
            arguments: call.arguments.iter().map(|a| (columns.column(a, "argument"), a.ty.clone())).collect(),
            parameter: call.parameter.clone(),
            filter: call.filter.as_ref().map(|f| columns.column(f, "filter")),
            ignore_null: call.ignore_null,
            result: call.result.clone(),
            removable: is_removable,
        });
        let aggregates = calls.collect();
        let (frame, has_bounds) = (frame.frame, frame.has_bounds);
        let breaker = Breaker::Frame(FrameAggregate { frame, keys, aggregates, has_bounds });
        self.adding_columns(owner, input, columns, breaker, clause)
    }

    /// A breaker that adds the clause's columns to its rows, over an input with further columns.
    fn adding_columns(
        &mut self,
        owner: &Owner,
        input: PlanId,
        columns: Columns,
        breaker: Breaker,
        clause: &hir::Clause,
    ) -> PlanId {
        let (n_before, n_added) = (columns.n_before, columns.added.len());
        let input = self.with_columns(owner, clause.span, input, columns);
        let mut schema = self.plan.node(input).schema.clone();
        schema.columns.extend(clause.schema.columns.iter().skip(n_before).cloned());
        let n_columns = schema.columns.len();
        let operator = Operator::Breaker(Box::new(breaker));
        let added = self.add(owner, clause.span, vec![input], schema.clone(), operator);
        if n_added == 0 {
            return added;
        }
        let kept = (0..n_before).chain(n_before + n_added..n_columns);
        let kept = kept.map(|c| column_expr(&schema, c, clause.span)).collect();
        self.add(owner, clause.span, vec![added], clause.schema.clone(), Operator::Project(kept))
    }

    /// The rows with these columns added.
    fn with_columns(&mut self, owner: &Owner, span: Span, input: PlanId, columns: Columns) -> PlanId {
        if columns.added.is_empty() {
            return input;
        }
        self.add(owner, span, vec![input], columns.schema, Operator::Let(columns.added))
    }

    /// The columns that a union takes, by name and in its order.
    fn align(&mut self, owner: &Owner, span: Span, input: PlanId, to: &Schema) -> PlanId {
        let from = self.plan.node(input).schema.clone();
        let column = |(i, column): (usize, &Column)| {
            if i == to.time && column.hidden {
                return column_expr(&from, from.time, span);
            }
            if Some(i) == to.sign {
                let added = Expr::literal(Value::Int(1), Type::INT, span);
                return from.sign.map_or(added, |sign| column_expr(&from, sign, span));
            }
            let named = from.visible().find(|(_, c)| c.name == column.name);
            column_expr(&from, named.map_or(from.time, |(number, _)| number), span)
        };
        let exprs: Vec<Expr> = to.columns.iter().enumerate().map(column).collect();
        let unchanged = |(i, expr): (usize, &Expr)| matches!(expr.kind, ExprKind::Column(c) if c == i);
        if exprs.len() == from.columns.len()
            && exprs.iter().enumerate().all(unchanged)
            && (from.time, from.sign) == (to.time, to.sign)
        {
            return input;
        }
        self.add(owner, span, vec![input], to.clone(), Operator::Project(exprs))
    }

    /// Keys, arguments and filters as columns; the groups; then what is selected of them.
    fn aggregate(
        &mut self,
        owner: &Owner,
        input: PlanId,
        aggregate: &hir::Aggregate,
        clause: &hir::Clause,
    ) -> PlanId {
        let before = self.plan.node(input).schema.clone();
        let mut schema = before.clone();
        let mut lets: Vec<Expr> = vec![];
        let mut column = |expr: &Expr, name: &str| -> usize {
            if let ExprKind::Column(column) = expr.kind {
                return column;
            }
            if let Some(same) = lets.iter().position(|l| l.same(expr)) {
                return before.columns.len() + same;
            }
            schema.columns.push(Column { name: name.into(), ty: expr.ty.clone(), hidden: true });
            lets.push(expr.clone());
            schema.columns.len() - 1
        };
        let key_names = aggregate.grouped.columns.iter().map(|c| c.name.clone());
        let keys = aggregate.keys.iter().zip(key_names).map(|(key, name)| column(key, &name)).collect();
        let calls = aggregate.calls.iter().map(|call| AggregateCall {
            function: call.function,
            user: call.user.clone(),
            arguments: call.arguments.iter().map(|a| (column(a, "argument"), a.ty.clone())).collect(),
            parameter: call.parameter.clone(),
            filter: call.filter.as_ref().map(|f| column(f, "filter")),
            ignore_null: call.ignore_null,
            result: call.result.clone(),
            removable: false,
        });
        let mut aggregates: Vec<AggregateCall> = calls.collect();
        let input = if lets.is_empty() {
            input
        } else {
            self.add(owner, clause.span, vec![input], schema, Operator::Let(lets))
        };
        let breaker = match &aggregate.grouping {
            Grouping::Window(window) => {
                Breaker::WindowAggregate(WindowAggregate { window: window.clone(), keys, aggregates })
            }
            Grouping::Updating(scope, emission) => {
                let sign = self.plan.node(input).schema.sign;
                aggregates.iter_mut().for_each(|call| call.removable = sign.is_some());
                let (scope, emission) = (*scope, *emission);
                Breaker::UpdatingAggregate(UpdatingAggregate { keys, aggregates, scope, emission, sign })
            }
        };
        let operator = Operator::Breaker(Box::new(breaker));
        let n_keys = aggregate.keys.len();
        let mut of_groups = aggregate.grouped.clone();
        if aggregate.fill.is_some() {
            of_groups.columns.truncate(of_groups.columns.len().saturating_sub(FillWindows::N_ADDED));
        }
        let mut grouped = self.add(owner, aggregate.group_span, vec![input], of_groups, operator);
        if let Some(fill) = &aggregate.fill {
            let spec = FillWindows {
                window: fill.window.clone(),
                keys: (0..n_keys).collect(),
                results: (n_keys..n_keys + aggregate.calls.len()).collect(),
                duration: fill.duration,
            };
            let operator = Operator::Breaker(Box::new(Breaker::FillWindows(spec)));
            let schema = aggregate.grouped.clone();
            grouped = self.add(owner, aggregate.group_span, vec![grouped], schema, operator);
        }
        let select = Operator::Project(aggregate.select.clone());
        self.add(owner, clause.span, vec![grouped], clause.schema.clone(), select)
    }
}

/// Expressions as columns: those that rows have, and hidden ones behind them.
struct Columns {
    schema: Schema,
    n_before: usize,
    added: Vec<Expr>,
}

impl Columns {
    fn of(schema: &Schema) -> Columns {
        Columns { schema: schema.clone(), n_before: schema.columns.len(), added: vec![] }
    }

    /// The number of the column that holds this expression, which is added if there is none.
    fn column(&mut self, expr: &Expr, name: &str) -> usize {
        if let ExprKind::Column(column) = expr.kind {
            return column;
        }
        if let Some(same) = self.added.iter().position(|added| added.same(expr)) {
            return self.n_before + same;
        }
        self.schema.columns.push(Column { name: name.into(), ty: expr.ty.clone(), hidden: true });
        self.added.push(expr.clone());
        self.schema.columns.len() - 1
    }
}

fn column_expr(schema: &Schema, number: usize, span: Span) -> Expr {
    let ty = schema.columns.get(number).map_or(Type::ERROR, |c| c.ty.clone());
    Expr::column(number, ty, span)
}

/// What the rows of `errors(NAME)` look like.
pub fn errors_schema() -> Schema {
    let visible =
        [("row", Type::JSON), ("reason", Type::STRING), ("place", Type::STRING), ("at", Type::TIMESTAMP)];
    let column = |name: &str, ty, hidden| Column { name: name.into(), ty, hidden };
    let mut columns: Vec<Column> = visible.into_iter().map(|(name, ty)| column(name, ty, false)).collect();
    columns.push(column("time", Type::TIMESTAMP, true));
    Schema::append_only(columns, 4)
}

/// What the rows of `late(NAME)` look like: those of NAME, with another time.
pub fn late_schema(of: &Schema) -> Schema {
    let mut columns = of.columns.clone();
    columns.push(Column { name: "time".into(), ty: Type::TIMESTAMP, hidden: true });
    let time = columns.len() - 1;
    Schema::append_only(columns, time)
}
