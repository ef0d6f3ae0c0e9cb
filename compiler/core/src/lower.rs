//! From the typed tree to the logical plan: clauses become operators, streams that several read one node.

mod clauses;
mod columns;
mod in_order;
mod join;
mod patterns;

use crate::hir::{self, Feed, Head, Input, InputId, Rows, Side};
use crate::plan::{Node, Operator, Plan, PlanId};
use columns::column_expr;
use millstream_base::Span;
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::flow::{self, Breaker, Column, LatestOfKey, OnError, Schema};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The plan that feeds these sinks; `whole_rows` is the [plan's](Plan::whole_rows).
pub fn lower(program: &hir::Program, sinks: &[hir::Sink], whole_rows: bool) -> Plan {
    let plan = Plan { whole_rows, ..Plan::default() };
    let mut lowering = Lowering { program, plan, tails: HashMap::new(), ordered: HashMap::new() };
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
        if let Some(query) = program.input(id).and_then(Input::query) {
            open.extend(query.reads().iter().map(|rows| rows.of));
        }
    }
    read
}

struct Lowering<'a> {
    program: &'a hir::Program,
    plan: Plan,
    /// What has been lowered already.
    tails: HashMap<(InputId, Side), PlanId>,
    /// Of nodes, what yields the same in the total order.
    ordered: HashMap<PlanId, PlanId>,
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
        self.plan.add(Node { name, shared_with: vec![], span, inputs, schema, operator, on_error })
    }

    /// The node that yields these rows; none if the program is wrong there, which has been reported.
    fn rows(&mut self, rows: Rows) -> Option<PlanId> {
        if let Some(tail) = self.tails.get(&(rows.of, rows.side)) {
            return Some(*tail);
        }
        let program = self.program;
        let tail = match (program.input(rows.of)?, rows.side) {
            (Input::Source(source), Side::Main) => self.source(source),
            (Input::Table(table), Side::Main) => self.table(table)?,
            (Input::Stream(stream), Side::Main) => self.query(&stream.name, &stream.query)?,
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

    fn source(&mut self, source: &Arc<hir::Source>) -> PlanId {
        let scan = self.scan(source);
        let Some(key) = &source.key else { return scan };
        let owner = Owner { name: source.name.clone(), on_error: source.on_error.clone() };
        let spec = LatestOfKey { keys: key.fields.clone(), change: key.change };
        let latest = Operator::Breaker(Box::new(Breaker::LatestOfKey(spec)));
        self.add(&owner, key.span, vec![scan], source.schema.clone(), latest)
    }

    /// The rows that are read.
    fn scan(&mut self, source: &Arc<hir::Source>) -> PlanId {
        let owner = Owner { name: source.name.clone(), on_error: source.on_error.clone() };
        let columns = (0..source.fields.len()).collect();
        let operator = Operator::Scan { source: source.clone(), columns };
        self.add(&owner, source.span, vec![], source.read.clone(), operator)
    }

    /// The late rows of a source, or of the `time` clauses of a stream.
    fn late(&mut self, rows: Rows, input: &Input) -> Option<PlanId> {
        let tail = self.rows(Rows { side: Side::Main, ..rows })?;
        let from = match input {
            // Where rows replace each other, what is read stands one further up.
            Input::Source(source) if source.key.is_some() => *self.plan.node(tail).inputs.first()?,
            Input::Source(_) => tail,
            Input::Table(_) => *self.plan.node(tail).inputs.first()?,
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

    /// The rows of a table, which joins look up.
    fn table(&mut self, table: &hir::Table) -> Option<PlanId> {
        let (mut tail, on_error) = match &table.feed {
            Feed::Source(source) => (self.scan(source), source.on_error.clone()),
            Feed::Query { query, .. } => {
                let tail = self.query(&table.name, query)?;
                (self.changes_in_order(tail), query.on_error.clone())
            }
        };
        let owner = Owner { name: table.name.clone(), on_error };
        if let Feed::Query { delete_when: Some(condition), .. } = &table.feed {
            let before = &self.plan.node(tail).schema;
            let change = change_of(condition, before);
            let columns = table.schema.columns.clone();
            let schema = Schema { columns, ..before.clone() };
            tail = self.add(&owner, condition.span, vec![tail], schema, Operator::Let(vec![change]));
        }
        let takes_changes = self.plan.node(tail).schema.sign.is_some();
        let (key, change, reading) = (table.key.clone(), table.change, table.reading);
        let spec = flow::Table { key, change, reading, takes_changes };
        let operator = Operator::Breaker(Box::new(Breaker::Table(spec)));
        Some(self.add(&owner, table.key_span, vec![tail], table.schema.clone(), operator))
    }

    fn query(&mut self, name: &Arc<str>, query: &hir::Query) -> Option<PlanId> {
        let owner = Owner { name: name.clone(), on_error: query.on_error.clone() };
        let mut tail = match &query.head {
            Head::Rows(rows) => self.rows(*rows)?,
            Head::Match(pattern) => self.pattern(&owner, pattern, &query.schema)?,
        };
        for clause in &query.clauses {
            tail = self.clause(&owner, tail, clause)?;
        }
        // A stream without clauses is its input under another name.
        Some(tail)
    }
}

/// -1 for a row that deletes that of its key, or takes itself back, else 1.
fn change_of(delete_when: &Expr, rows: &Schema) -> Expr {
    let span = delete_when.span;
    let number = |number: i64| Expr::literal(Value::Int(number), Type::INT, span);
    let stands = rows.sign.map_or_else(|| number(1), |sign| column_expr(rows, sign, span));
    let kind = ExprKind::If {
        condition: Box::new(delete_when.clone()),
        then: Box::new(number(-1)),
        otherwise: Box::new(stands),
    };
    Expr::new(kind, Type::INT, span)
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
