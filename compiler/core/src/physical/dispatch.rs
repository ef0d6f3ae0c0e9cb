//! Many readers of one node that each look at few of its rows: what they look for is looked up once for all of them,
//! instead of asking each about every row.

use millstream_ir::expr::{BinaryOp, Expr, ExprKind};
use millstream_ir::flow::{Column, Dispatch, Flow, Lookup, Node, NodeId, NodeKind};
use millstream_ir::pattern::{EventTest, MatchSpec};
use millstream_ir::segment::{Clause, Segment, Step};
use millstream_ir::types::TypeKind;
use millstream_ir::value::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// From so many readers on: each costs a copy of its rows.
const ENOUGH: usize = 8;

/// So many readers must look for values of an expression before it is worth computing for all rows.
const SHARED: usize = 4;

/// Puts a [`Dispatch`] between nodes and their readers where that pays.
pub fn dispatch(flow: &mut Flow) {
    let mut readers_of: Vec<Vec<NodeId>> = vec![vec![]; flow.nodes.len()];
    for id in flow.ids() {
        flow.node(id).inputs.iter().for_each(|input| readers_of[input.0 as usize].push(id));
    }
    let tables = flow.ids().zip(&readers_of).map(|(input, readers)| {
        let wanted = |id: &NodeId| Some((*id, wanted_by(flow, *id, &readers_of[id.0 as usize])?));
        let looking: Vec<(NodeId, Wanted)> = match readers.len() {
            ..ENOUGH => vec![],
            _ => readers.iter().filter_map(wanted).collect(),
        };
        (input, Table::of(looking))
    });
    let tables: Vec<(NodeId, Table)> = tables.filter(|(_, table)| table.readers.len() >= ENOUGH).collect();
    // From behind, so that the numbers of what is still to come stay as they are.
    tables.into_iter().rev().for_each(|(input, table)| insert(flow, input, table));
}

/// What a reader looks for: a row matters to it only if one of these expressions over the columns of its input has the
/// value beside it.
type Wanted = Vec<(Expr, Value)>;

/// What a node looks for in the rows of its only input, if that can be told, and it is not all.
fn wanted_by(flow: &Flow, id: NodeId, readers: &[NodeId]) -> Option<Wanted> {
    let NodeKind::Segment(segment) = &flow.node(id).kind else { return None };
    wanted_by_filter(segment).or_else(|| wanted_by_match(flow, id, readers, segment))
}

/// What the first filter of a segment lets pass, if nothing in front of it can fail.
fn wanted_by_filter(segment: &Segment) -> Option<Wanted> {
    for step in &segment.steps {
        match step {
            Step::Filter { condition, .. } => return wanted(&resolved(condition, segment)),
            Step::Let { value, .. } if value.can_fail() => return None,
            Step::Let { .. } => {}
        }
    }
    None
}

/// What the pattern that alone reads a segment looks for.
fn wanted_by_match(flow: &Flow, id: NodeId, readers: &[NodeId], segment: &Segment) -> Option<Wanted> {
    let [reader] = readers else { return None };
    let reader = flow.node(*reader);
    let NodeKind::Match(spec) = &reader.kind else { return None };
    if spec.minds_all_events() || segment.steps.iter().any(|step| step.expr().can_fail()) {
        return None;
    }
    let input = reader.inputs.iter().position(|input| *input == id)?;
    let of_tests = |spec: &MatchSpec| {
        let tests = spec.tests().filter(|test| test.input == input);
        tests.map(|test| wanted_by_test(test, segment)).collect::<Option<Vec<Wanted>>>()
    };
    Some(of_tests(spec)?.concat())
}

/// The condition of a test looks at the columns of the segment, and behind them at what a run has taken.
fn wanted_by_test(test: &EventTest, segment: &Segment) -> Option<Wanted> {
    let condition = test.condition.as_ref()?;
    let of_event = |part: &&Expr| part.columns().iter().all(|column| *column < segment.outputs.len());
    // What fails does so for rows that others in front let pass.
    let parts = condition.conjuncts().into_iter().take_while(|part| !part.can_fail());
    let in_segment = |part: &Expr| {
        let mut part = part.clone();
        part.renumber(|column| segment.outputs[column]);
        resolved(&part, segment)
    };
    least(parts.filter(of_event).filter_map(|part| wanted(&in_segment(part))), condition.can_fail())
}

/// An expression over the columns of a segment as one over its inputs.
fn resolved(expr: &Expr, segment: &Segment) -> Expr {
    let lets: Vec<&Expr> = segment.steps.iter().filter_map(let_value).collect();
    let mut expr = expr.clone();
    expr.rewrite(&mut |part| {
        if let ExprKind::Column(number) = part.kind
            && let Some(value) = number.checked_sub(segment.inputs.len()).and_then(|added| lets.get(added))
        {
            *part = resolved(value, segment);
        }
    });
    expr
}

fn let_value(step: &Step) -> Option<&Expr> {
    match step {
        Step::Let { value, .. } => Some(value),
        Step::Filter { .. } => None,
    }
}

/// The values of which one must be there for a condition to hold, if that can be told.
fn wanted(condition: &Expr) -> Option<Wanted> {
    match &condition.kind {
        ExprKind::And(..) => {
            let parts = condition.conjuncts().into_iter().take_while(|part| !part.can_fail());
            least(parts.filter_map(wanted), condition.can_fail())
        }
        ExprKind::Or(a, b) => Some([wanted(a)?, wanted(b)?].concat()),
        ExprKind::In { value, list } if can_be_looked_up(value) => {
            let is = |element: &Expr| Some(((**value).clone(), constant(element)?));
            list.iter().map(is).collect()
        }
        ExprKind::Binary(BinaryOp::Equal, a, b) => {
            let (of, value) = match (constant(a), constant(b)) {
                (None, Some(value)) => (a, value),
                (Some(value), None) => (b, value),
                _ => return None,
            };
            can_be_looked_up(of).then(|| vec![((**of).clone(), value)])
        }
        _ => None,
    }
}

/// The shortest of several lists, each of which would do. If what stands behind them can fail, a null in front does not
/// keep it from that.
fn least(lists: impl Iterator<Item = Wanted>, rest_can_fail: bool) -> Option<Wanted> {
    let decides = |list: &Wanted| !rest_can_fail || list.iter().all(|(expr, _)| !expr.ty.nullable);
    lists.filter(decides).min_by_key(Vec::len)
}

fn constant(expr: &Expr) -> Option<Value> {
    match &expr.kind {
        ExprKind::Literal(value) if *value != Value::Null => Some(value.clone()),
        _ => None,
    }
}

/// Whether values of an expression are equal just if they are the same.
fn can_be_looked_up(expr: &Expr) -> bool {
    let by_value = matches!(
        expr.ty.kind,
        TypeKind::Int | TypeKind::String | TypeKind::OneOf(_) | TypeKind::Timestamp | TypeKind::Duration
    );
    by_value && !expr.can_fail()
}

/// Who looks for what, by expression.
struct Table {
    readers: Vec<NodeId>,
    /// For each value the readers, as they are counted.
    lookups: Vec<(Expr, BTreeMap<Value, Vec<u32>>)>,
}

impl Table {
    /// Of those readers that look for values of expressions for which enough others look too.
    fn of(readers: Vec<(NodeId, Wanted)>) -> Table {
        let mut exprs: Vec<(&Expr, usize)> = vec![];
        let place = |exprs: &[(&Expr, usize)], of: &Expr| exprs.iter().position(|(expr, _)| expr.same(of));
        for (of, _) in readers.iter().flat_map(|(_, wanted)| distinct(wanted)) {
            match place(&exprs, of) {
                Some(known) => exprs[known].1 += 1,
                None => exprs.push((of, 1)),
            }
        }
        exprs.retain(|(_, n_readers)| *n_readers >= SHARED);
        let mut lookups: Vec<(Expr, BTreeMap<Value, Vec<u32>>)> =
            exprs.iter().map(|(expr, _)| ((*expr).clone(), BTreeMap::new())).collect();
        let mut kept = vec![];
        for (id, wanted) in &readers {
            let places = wanted.iter().map(|(of, _)| place(&exprs, of)).collect::<Option<Vec<usize>>>();
            let Some(places) = places else { continue };
            for (place, (_, value)) in places.into_iter().zip(wanted) {
                let readers = lookups[place].1.entry(value.clone()).or_default();
                let number = kept.len() as u32;
                if readers.last() != Some(&number) {
                    readers.push(number);
                }
            }
            kept.push(*id);
        }
        lookups.retain(|(_, values)| !values.is_empty());
        Table { readers: kept, lookups }
    }
}

/// What a reader looks for, each expression once.
fn distinct(wanted: &Wanted) -> impl Iterator<Item = &(Expr, Value)> {
    let is_first = |at: &usize| !wanted[..*at].iter().any(|(known, _)| known.same(&wanted[*at].0));
    (0..wanted.len()).filter(is_first).map(|at| &wanted[at])
}

/// Puts what looks up, and what it looks at, between a node and these of its readers.
fn insert(flow: &mut Flow, input: NodeId, table: Table) {
    let looked_at = flow.node(input);
    let schema = looked_at.schema.clone();
    let mut segment =
        Segment { inputs: schema.types(), steps: vec![], outputs: (0..schema.columns.len()).collect() };
    let mut with_values = schema.clone();
    let clause = Arc::new(Clause { span: looked_at.span, row: vec![] });
    let mut lookups = vec![];
    for (expr, readers) in table.lookups {
        let column = match expr.kind {
            ExprKind::Column(column) => column,
            _ => {
                let column = with_values.columns.len();
                with_values.columns.push(Column {
                    name: "looked up".into(),
                    ty: expr.ty.clone(),
                    hidden: true,
                });
                segment.outputs.push(column);
                segment.steps.push(Step::Let { value: expr, clause: clause.clone() });
                column
            }
        };
        lookups.push(Lookup { column, readers });
    }
    let beside = |schema, kind| Node {
        name: looked_at.name.clone(),
        span: looked_at.span,
        inputs: vec![input],
        schema,
        kind,
        on_error: looked_at.on_error.clone(),
    };
    let n_readers = table.readers.len();
    let dispatch = NodeKind::Dispatch(Arc::new(Dispatch { lookups, n_readers }));
    let mut nodes = vec![beside(schema, dispatch)];
    if !segment.steps.is_empty() {
        nodes.insert(0, beside(with_values, NodeKind::Segment(Arc::new(segment))));
    }
    let first = input.0 + 1;
    for (number, node) in (first..).zip(&mut nodes).skip(1) {
        node.inputs = vec![NodeId(number - 1)];
    }
    let last = NodeId(input.0 + nodes.len() as u32);
    flow.insert(input, nodes);
    for reader in table.readers {
        let moved = NodeId(reader.0 + last.0 - input.0);
        flow.nodes[moved.0 as usize].inputs = vec![last];
    }
}
