//! Matches of random events and patterns agree with a matcher that tries every way.

use super::MatchPattern;
use crate::message::{Message, Watermark};
use crate::operator::{Operator, Output};
use crate::snapshot::{SnapshotReader, SnapshotWriter};
use millstream_ir::batch::{Batch, Origin};
use millstream_ir::catalog::ScalarFunction;
use millstream_ir::column::ColumnBuilder;
use millstream_ir::expr::{BinaryOp, Expr, ExprKind};
use millstream_ir::flow::{
    Column, Flow, MatchInput, MatchMode, MatchRead, MatchSpec, MatchStep, Node, NodeId, NodeKind, OnError,
    ReadPart, Schema,
};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use proptest::prelude::*;
use std::sync::Arc;

#[derive(Clone, Debug)]
struct Event {
    key: i64,
    value: i64,
    time: i64,
    id: i64,
}

/// A step that takes events with one of these values and, if it looks at a step, a value above that of
/// the step's last event.
#[derive(Clone, Debug)]
struct Step {
    values: Vec<i64>,
    above: Option<usize>,
    /// Whether the condition is said to look at all events of that step, and not just at the last.
    looks_at_all: bool,
    repeats: bool,
    min: u32,
    max: Option<u32>,
    next: bool,
    adjacent: bool,
    reuse: bool,
}

#[derive(Clone, Debug)]
struct Pattern {
    steps: Vec<Step>,
    mode: MatchMode,
    within: Option<i64>,
}

/// A match: per step, the numbers of its events.
type Match = Vec<Vec<usize>>;

/// The matches of one partition, straight from the definition: at each event each run, the earliest first, goes every
/// way, the preferred first.
fn matches_of(pattern: &Pattern, events: &[Event]) -> Vec<Match> {
    let mut used = vec![false; events.len()];
    let mut is_over = vec![false; events.len()];
    let mut quiet_until = i64::MIN;
    let mut found: Vec<Match> = vec![];
    for last in 0..events.len() {
        is_over[last] = events[last].time < quiet_until;
        for start in 0..=last {
            let lasts = events[last].time - events[start].time;
            let mut way = vec![vec![]; pattern.steps.len()];
            let may_be =
                !used[start] && !is_over[start] && pattern.within.is_none_or(|within| lasts <= within);
            if !may_be || !fits(pattern, events, &way, 0, start) {
                continue;
            }
            way[0].push(start);
            let Some(complete) = preferred(pattern, events, &used, way, 0, start, last) else { continue };
            is_over[start] = true;
            match pattern.mode {
                MatchMode::UseUp => {
                    let steps = complete.iter().zip(&pattern.steps).filter(|(_, step)| !step.reuse);
                    steps.flat_map(|(events, _)| events).for_each(|event| used[*event] = true);
                }
                MatchMode::Overlapping => {}
                MatchMode::Once(time) => {
                    is_over[..=last].fill(true);
                    quiet_until = time.map_or(i64::MAX, |time| events[last].time + time);
                }
            }
            found.push(complete);
        }
    }
    found
}

/// The preferred way on from `at`, where a way has reached `step`, that is complete at `last`.
fn preferred(
    pattern: &Pattern,
    events: &[Event],
    used: &[bool],
    way: Match,
    step: usize,
    at: usize,
    last: usize,
) -> Option<Match> {
    let (this, count) = (&pattern.steps[step], way[step].len() as u32);
    if at == last {
        let takes_it = way[step].last() == Some(&last);
        return (takes_it && step + 1 == pattern.steps.len() && count >= this.min).then_some(way);
    }
    let next = at + 1;
    let onto = |step: usize| {
        let mut longer = way.clone();
        longer[step].push(next);
        preferred(pattern, events, used, longer, step, next, last)
    };
    let may_use = |step: usize| !used[next] && fits(pattern, events, &way, step, next);
    // Whether no event has come since it took one.
    let touches = way.iter().flatten().max() == Some(&at);
    if step + 1 < pattern.steps.len()
        && count >= this.min
        && (touches || !pattern.steps[step + 1].next)
        && may_use(step + 1)
        && let Some(found) = onto(step + 1)
    {
        return Some(found);
    }
    if this.max.is_none_or(|max| count < max)
        && (touches || !this.adjacent)
        && may_use(step)
        && let Some(found) = onto(step)
    {
        return Some(found);
    }
    preferred(pattern, events, used, way, step, next, last)
}

fn fits(pattern: &Pattern, events: &[Event], way: &Match, step: usize, event: usize) -> bool {
    let (step, event) = (&pattern.steps[step], &events[event]);
    let beyond = step.above.and_then(|above| way[above].last()).map_or(-1, |e| events[*e].value);
    step.values.contains(&event.value) && (step.above.is_none() || event.value > beyond)
}

/// The value of the last event of a list, or -1.
static LAST: ScalarFunction = ScalarFunction {
    name: "last",
    strict: false,
    can_fail: false,
    evaluate: |_, values| {
        let last = match &values[0] {
            Value::List(events) => events.last().cloned(),
            event => Some(event.clone()),
        };
        Ok(match last {
            Some(Value::Record(fields)) => fields[0].clone(),
            _ => Value::Int(-1),
        })
    },
};

/// Events are rows of key, value, id, time; a variable's record is value and id.
fn flow(pattern: &Pattern) -> Flow {
    let column = |name: &str, ty: Type| Column { name: name.into(), ty, hidden: false };
    let record = Type::record([("value", Type::INT), ("id", Type::INT)]);
    let mut bindings = vec![column("key", Type::INT)];
    bindings.extend(pattern.steps.iter().map(|step| {
        column("variable", if step.repeats { Type::list(record.clone()) } else { record.clone() })
    }));
    bindings.extend(["start", "end"].map(|name| column(name, Type::TIMESTAMP)));
    let numbered = |number: usize, ty: &Type| Expr::column(number, ty.clone(), Default::default());
    let n_columns = 4;
    let steps = pattern.steps.iter().map(|step| {
        let value = Box::new(numbered(1, &Type::INT));
        let list = step.values.iter().map(|v| Expr::literal(Value::Int(*v), Type::INT, Default::default()));
        let boolean = |kind| Expr::new(kind, Type::BOOL, Default::default());
        let mut condition = boolean(ExprKind::In { value: value.clone(), list: list.collect() });
        if let Some(above) = step.above {
            let events = numbered(n_columns + 1 + above, &bindings[1 + above].ty);
            let last = ExprKind::Call { function: &LAST, arguments: vec![events] };
            let last = Expr::new(last, Type::INT, Default::default());
            let above = boolean(ExprKind::Binary(BinaryOp::Greater, value, Box::new(last)));
            condition = boolean(ExprKind::And(Box::new(condition), Box::new(above)));
        }
        let part = if step.looks_at_all { ReadPart::All } else { ReadPart::Last };
        MatchStep {
            input: 0,
            condition: Some(condition),
            reads: step.above.into_iter().map(|step| MatchRead { step, part }).collect(),
            min: step.min,
            max: step.max,
            repeats: step.repeats,
            next: step.next,
            adjacent: step.adjacent,
            reuse: step.reuse,
        }
    });
    let spec = MatchSpec {
        inputs: vec![MatchInput { name: "events".into(), keys: vec![0], fields: vec![Some(1), Some(2)] }],
        steps: steps.collect(),
        mode: pattern.mode,
        within: pattern.within,
        limit: usize::MAX,
        span: Default::default(),
        outputs: bindings.iter().enumerate().map(|(i, b)| numbered(i, &b.ty)).collect(),
        bindings: bindings.clone(),
    };
    let node = |inputs, columns: Vec<Column>, kind| Node {
        name: "n".into(),
        span: Default::default(),
        inputs,
        schema: {
            let time = columns.len() - 1;
            Schema::append_only(columns, time)
        },
        kind,
        on_error: OnError::Keep,
    };
    let input = ["key", "value", "id"].map(|name| column(name, Type::INT));
    let input = input.into_iter().chain([column("time", Type::TIMESTAMP)]).collect();
    let output = bindings.into_iter().chain([column("time", Type::TIMESTAMP)]).collect();
    Flow {
        nodes: vec![
            node(vec![], input, NodeKind::Union),
            node(vec![NodeId(0)], output, NodeKind::Match(Arc::new(spec))),
        ],
    }
}

/// The matches that the operator finds, in its order: key and the ids of the events. Each batch is taken
/// by a new operator with the state of the one before it.
fn run(pattern: &Pattern, batches: &[(Vec<Event>, Watermark)]) -> Vec<(i64, Vec<Vec<i64>>)> {
    let flow = flow(pattern);
    let NodeKind::Match(spec) = &flow.nodes[1].kind else { unreachable!() };
    let mut operator = MatchPattern::new(&flow, NodeId(1), spec.clone());
    let types = flow.nodes[0].schema.types();
    let mut output = Output::default();
    let mut first = 0;
    for (events, watermark) in batches {
        let mut writer = SnapshotWriter::default();
        operator.snapshot(&mut writer);
        let snapshot = writer.finish();
        operator = MatchPattern::new(&flow, NodeId(1), spec.clone());
        let mut reader = SnapshotReader::new(&snapshot);
        assert_eq!(operator.restore(&mut reader), Ok(()));
        assert_eq!(reader.finish(), Ok(()));
        let mut columns: Vec<ColumnBuilder> = types.iter().map(ColumnBuilder::new).collect();
        for event in events {
            let row = [event.key, event.value, event.id].map(Value::Int);
            columns.iter_mut().zip(row).for_each(|(column, value)| column.push(&value));
            columns[3].push(&Value::Timestamp(event.time));
        }
        let columns = columns.into_iter().map(|c| Arc::new(c.finish())).collect();
        let origin = Origin { first, ..Origin::default() };
        let batch = Batch { columns, n_rows: events.len(), origin, late: vec![] };
        first += events.len() as u64;
        operator.step(0, Message::Batch(batch), &mut output);
        operator.step(0, Message::Watermark(*watermark), &mut output);
    }
    assert!(output.failures.is_empty());
    let types = flow.nodes[1].schema.types();
    let mut found = vec![];
    for message in &output.messages {
        let Message::Batch(batch) = message else { continue };
        for row in 0..batch.n_rows {
            let value = |column: usize| batch.columns[column].value(row, &types[column]);
            let Value::Int(key) = value(0) else { unreachable!() };
            let ids = (0..pattern.steps.len()).map(|step| ids_of(&value(1 + step)));
            found.push((key, ids.collect()));
        }
    }
    found
}

fn ids_of(variable: &Value) -> Vec<i64> {
    match variable {
        Value::List(events) => events.iter().flat_map(ids_of).collect(),
        Value::Record(fields) => match fields[1] {
            Value::Int(id) => vec![id],
            _ => vec![],
        },
        _ => vec![],
    }
}

/// What the definition says, sorted; `events` in the total order.
fn expected(pattern: &Pattern, events: &[Event]) -> Vec<(i64, Vec<Vec<i64>>)> {
    let mut expected = vec![];
    for key in 0..2 {
        let own: Vec<Event> = events.iter().filter(|e| e.key == key).cloned().collect();
        for found in matches_of(pattern, &own) {
            let ids = found.iter().map(|step| step.iter().map(|e| own[*e].id).collect());
            expected.push((key, ids.collect()));
        }
    }
    expected.sort();
    expected
}

fn sorted<T: Ord>(mut rows: Vec<T>) -> Vec<T> {
    rows.sort();
    rows
}

fn step(number: usize) -> impl Strategy<Value = Step> {
    let values = proptest::sample::subsequence(vec![0, 1, 2, 3], 1..=4);
    let counts = prop_oneof![
        3 => Just((false, 1, Some(1))),
        2 => (1u32..4).prop_map(|min| (true, min, None)),
        2 => (1u32..3, 0u32..3).prop_map(|(min, more)| (true, min, Some(min + more))),
    ];
    // Most join as plain patterns do, which are carried out for less.
    let joined = || proptest::bool::weighted(0.15);
    let joined = (joined(), joined(), joined());
    (values, counts, proptest::option::weighted(0.25, 0..=number), any::<bool>(), joined).prop_map(
        move |(values, (repeats, min, max), above, looks_at_all, (next, adjacent, reuse))| {
            // Only a repetition has events of its own before it is complete.
            let above = above.filter(|above| *above < number || repeats);
            let next = next && number > 0;
            Step { values, above, looks_at_all, repeats, min, max, next, adjacent, reuse }
        },
    )
}

fn pattern() -> impl Strategy<Value = Pattern> {
    let steps = (1usize..4).prop_flat_map(|n| (0..n).map(step).collect::<Vec<_>>());
    let mode = prop_oneof![
        3 => Just(MatchMode::UseUp),
        1 => Just(MatchMode::Overlapping),
        1 => proptest::option::weighted(0.8, 1i64..9).prop_map(MatchMode::Once),
    ];
    let within = proptest::option::weighted(0.9, 0i64..14);
    (steps, mode, within).prop_map(|(steps, mode, within)| Pattern { steps, mode, within })
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = (0i64..5, 0i64..4, 0i64..3);
    proptest::collection::vec(event, 0..16).prop_map(|events| {
        let mut now = 0;
        let number = |(id, (key, value, gap)): (usize, _)| {
            now += gap;
            // One partition holds most.
            Event { key: i64::from(key == 0), value, time: now, id: id as i64 }
        };
        events.into_iter().enumerate().map(number).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn matches_are_those_of_the_definition(pattern in pattern(), events in events(), size in 1usize..5) {
        let mut batches: Vec<_> = events
            .chunks(size)
            .map(|chunk| (chunk.to_vec(), Watermark(chunk[chunk.len() - 1].time)))
            .collect();
        batches.push((vec![], Watermark::END));
        prop_assert_eq!(sorted(run(&pattern, &batches)), expected(&pattern, &events));
    }

    #[test]
    fn the_order_of_arrival_does_not_matter(
        pattern in pattern(),
        events in events().prop_shuffle(),
    ) {
        // Among events of one time, the one that arrived first comes first.
        let mut in_order = events.clone();
        in_order.sort_by_key(|e| e.time);
        let found = run(&pattern, &[(events, Watermark::END)]);
        prop_assert_eq!(sorted(found), expected(&pattern, &in_order));
    }
}
