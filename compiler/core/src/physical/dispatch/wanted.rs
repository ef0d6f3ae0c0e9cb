//! What a reader looks for in the rows of its input: values of which one must be there for a row to matter to it.

use millstream_ir::expr::{BinaryOp, Expr, ExprKind};
use millstream_ir::flow::{Flow, NodeId, NodeKind};
use millstream_ir::pattern::{EventTest, MatchSpec};
use millstream_ir::segment::{Segment, Step};
use millstream_ir::types::TypeKind;
use millstream_ir::value::Value;

/// Expressions over the columns of an input, each with a value: a row passes a test only if one of them has it.
pub type Values = Vec<(Expr, Value)>;

/// The lists of values any of which tells which rows may pass a test: a condition joined by `and` has one for each part
/// that looks for values.
pub type Ways = Vec<Values>;

/// What a condition joined by `or` can be told by are all combinations of what its parts can: no more than so many.
const MOST_WAYS: usize = 16;

/// What a reader looks for: a row matters to it if it may pass one of these tests, each with its number.
pub struct Wanted {
    pub tests: Vec<(usize, Ways)>,
    /// Whether it is a pattern that looks.
    pub is_pattern: bool,
}

/// What a node looks for in the rows of its only input, if that can be told, and it is not all; `readers` are its own.
pub fn wanted_by(flow: &Flow, id: NodeId, readers: &[NodeId]) -> Option<Wanted> {
    let NodeKind::Segment(segment) = &flow.node(id).kind else { return None };
    let by_filter =
        wanted_by_filter(segment).map(|ways| Wanted { tests: vec![(0, ways)], is_pattern: false });
    by_filter.or_else(|| wanted_by_match(flow, id, readers, segment))
}

/// What the first filter of a segment lets pass, if nothing in front of it can fail.
fn wanted_by_filter(segment: &Segment) -> Option<Ways> {
    for step in &segment.steps {
        match step {
            Step::Filter { condition, .. } => return some(ways(&segment.resolved(condition))),
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
        let tests = spec.tests().enumerate().filter(|(_, test)| test.input == input);
        let wanted = |(number, test)| Some((number, wanted_by_test(test, segment)?));
        tests.map(wanted).collect::<Option<Vec<(usize, Ways)>>>()
    };
    Some(Wanted { tests: of_tests(spec)?, is_pattern: true })
}

/// The condition of a test looks at the columns of the segment, and behind them at what a run has taken.
fn wanted_by_test(test: &EventTest, segment: &Segment) -> Option<Ways> {
    let condition = test.condition.as_ref()?;
    let of_event = |part: &&Expr| part.columns().iter().all(|column| *column < segment.outputs.len());
    // What fails does so for rows that others in front let pass.
    let parts = condition.conjuncts().into_iter().take_while(|part| !part.can_fail());
    let in_segment = |part: &Expr| {
        let mut part = part.clone();
        part.renumber(|column| segment.outputs[column]);
        segment.resolved(&part)
    };
    let of_parts = parts.filter(of_event).flat_map(|part| ways(&in_segment(part)));
    some(deciding(of_parts, condition.can_fail()))
}

/// What can tell that a condition does not hold.
fn ways(condition: &Expr) -> Ways {
    match &condition.kind {
        ExprKind::And(..) => {
            let parts = condition.conjuncts().into_iter().take_while(|part| !part.can_fail());
            deciding(parts.flat_map(ways), condition.can_fail())
        }
        ExprKind::Or(a, b) => {
            let (ways_of_a, ways_of_b) = (ways(a), ways(b));
            let both =
                |one: &Values| ways_of_b.iter().map(|other| [&one[..], other].concat()).collect::<Ways>();
            ways_of_a.iter().flat_map(both).take(MOST_WAYS).collect()
        }
        ExprKind::In { value, list } if can_be_looked_up(value) => {
            let is = |element: &Expr| Some(((**value).clone(), constant(element)?));
            list.iter().map(is).collect::<Option<Values>>().into_iter().collect()
        }
        ExprKind::Binary(BinaryOp::Equal, a, b) => {
            let (of, value) = match (constant(a), constant(b)) {
                (None, Some(value)) => (a, value),
                (Some(value), None) => (b, value),
                _ => return vec![],
            };
            if can_be_looked_up(of) { vec![vec![((**of).clone(), value)]] } else { vec![] }
        }
        _ => vec![],
    }
}

/// Those of several lists that decide by themselves. If what stands behind them can fail, a null in front does not
/// keep it from that.
fn deciding(lists: impl Iterator<Item = Values>, rest_can_fail: bool) -> Ways {
    lists.filter(|list| !rest_can_fail || list.iter().all(|(expr, _)| !expr.ty.nullable)).collect()
}

fn some(ways: Ways) -> Option<Ways> {
    (!ways.is_empty()).then_some(ways)
}

/// What an expression is that is always the same, and not null.
pub fn constant(expr: &Expr) -> Option<Value> {
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
