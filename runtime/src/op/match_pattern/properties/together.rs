//! Random patterns that are held together find what each finds alone, whether their states come from such or go to such.

use super::super::together::{Held, SharedTogether, hold};
use super::{
    Event, Flow, Kind, Look, MatchPattern, Message, Node, NodeId, NodeKind, OnError, Operator, Output,
    Pattern, Row, Schema, SnapshotReader, SnapshotWriter, Step, Type, Value, Watermark, batch_of, cases,
    flow, rows_of, run,
};
use crate::op::dispatch::DispatchOperator;
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::flow::{Column, Dispatch, Lookup, Seeker};
use millstream_ir::pattern::{Link, MatchMode, Pattern as Tree};
use millstream_ir::segment::{Clause, Segment, Step as SegmentStep};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Patterns over one stream, behind a dispatch that hands each the values that it tests for. What the first of them
/// tests is computed in front of all.
fn behind_dispatch(patterns: &[Pattern]) -> Flow {
    let events = flow(&patterns[0]).nodes[0].schema.clone();
    let own = |pattern: &Pattern| pattern.tested().iter().map(|values| values.to_vec()).collect::<Vec<_>>();
    let node = |inputs: &[u32], schema: Schema, kind| Node {
        name: "n".into(),
        span: Default::default(),
        inputs: inputs.iter().map(|input| NodeId(*input)).collect(),
        schema,
        kind,
        shared_with: vec![],
        on_error: OnError::Keep,
    };
    let mut tests_of: BTreeMap<Value, BTreeMap<u32, u64>> = BTreeMap::new();
    for (number, pattern) in (0..).zip(patterns) {
        for (test, values) in own(pattern).into_iter().enumerate() {
            for value in values {
                *tests_of.entry(Value::Int(value)).or_default().entry(number).or_default() |= 1 << test;
            }
        }
    }
    let seekers = |tests: BTreeMap<u32, u64>| {
        tests.into_iter().map(|(reader, tests)| Seeker { reader, tests }).collect::<Vec<_>>()
    };
    let seekers = tests_of.into_iter().map(|(value, tests)| (value, seekers(tests)));
    let lookup = Lookup { column: 1, seekers: seekers.collect() };
    let dispatch = Dispatch { lookups: vec![lookup], n_readers: patterns.len() };
    let mut nodes = vec![
        node(&[], events.clone(), NodeKind::Order),
        node(&[0], events.clone(), NodeKind::Dispatch(Arc::new(dispatch))),
    ];
    for pattern in patterns {
        let said = Column { name: "fits".into(), ty: Type::BOOL, hidden: false };
        let mut schema = events.clone();
        schema.columns.truncate(4);
        schema.columns.extend(pattern.tested().iter().map(|_| said.clone()));
        nodes.push(node(
            &[1],
            schema,
            NodeKind::Segment(Arc::new(segment(&events, own(pattern), &own(&patterns[0])))),
        ));
        let found = flow(pattern).nodes[1].clone();
        nodes.push(Node { inputs: vec![NodeId(nodes.len() as u32 - 1)], ..found });
    }
    Flow { nodes }
}

/// What says of events which of these tests they pass, where those of the first pattern stand among their columns.
fn segment(events: &Schema, tested: Vec<Vec<i64>>, in_front: &[Vec<i64>]) -> Segment {
    let clause = Arc::new(Clause { span: Default::default(), row: vec![] });
    let mut segment = Segment { inputs: events.types(), steps: vec![], outputs: (0..4).collect() };
    for values in tested {
        let value = match in_front.iter().position(|others| *others == values) {
            Some(column) => Expr::column(4 + column, Type::BOOL, Default::default()),
            None => {
                let int = |value| Expr::literal(Value::Int(value), Type::INT, Default::default());
                let value = Box::new(Expr::column(1, Type::INT, Default::default()));
                let list = values.into_iter().map(int).collect();
                Expr::new(ExprKind::In { value, list }, Type::BOOL, Default::default())
            }
        };
        segment.outputs.push(segment.inputs.len() + segment.steps.len());
        segment.steps.push(SegmentStep::Let { value, clause: clause.clone() });
    }
    segment
}

/// The dispatch, and the operators of patterns, which are held together as far as that is possible.
struct Running<'f> {
    flow: &'f Flow,
    dispatch: DispatchOperator,
    /// Each with its node.
    patterns: Vec<(NodeId, MatchPattern)>,
}

impl Running<'_> {
    fn new(flow: &Flow) -> Running<'_> {
        let NodeKind::Dispatch(spec) = &flow.nodes[1].kind else { unreachable!() };
        let together: Vec<SharedTogether> = hold(flow, NodeId(1));
        let mut held: BTreeMap<NodeId, Held> = together.iter().flat_map(Held::all).collect();
        let schema = &flow.nodes[1].schema;
        let mut operator = |number: usize| {
            let id = NodeId(number as u32);
            let NodeKind::Match(spec) = &flow.node(id).kind else { unreachable!() };
            let operator = match held.remove(&id) {
                Some(held) => MatchPattern::held(flow, id, spec.clone(), held),
                None => MatchPattern::new(flow, id, spec.clone(), None),
            };
            (id, operator)
        };
        let patterns = (3..flow.nodes.len()).step_by(2).map(&mut operator).collect();
        let dispatch = DispatchOperator::new(spec, schema, schema).holding(together);
        Running { flow, dispatch, patterns }
    }

    /// The states of all, as written by those that are held, or as written by the same patterns alone that took them over.
    fn states(&self, by_themselves: bool) -> Vec<Vec<u8>> {
        let state = |(id, operator): &(NodeId, MatchPattern)| {
            let held = written(operator);
            if !by_themselves {
                return held;
            }
            let NodeKind::Match(spec) = &self.flow.node(*id).kind else { unreachable!() };
            let mut alone = MatchPattern::new(self.flow, *id, spec.clone(), None);
            restore(&mut alone, &held);
            written(&alone)
        };
        self.patterns.iter().map(state).collect()
    }
}

fn written(operator: &MatchPattern) -> Vec<u8> {
    let mut writer = SnapshotWriter::default();
    operator.snapshot(&mut writer);
    writer.finish()
}

fn restore(operator: &mut MatchPattern, state: &[u8]) {
    let mut reader = SnapshotReader::new(state);
    assert_eq!(operator.restore(&mut reader), Ok(()));
    assert_eq!(reader.finish(), Ok(()));
}

/// What the patterns find that are held; none of one that is not. Every so many batches their states are read, and but for
/// every third time there are new operators that have them, every second time by way of patterns alone.
fn found_together(
    patterns: &[Pattern],
    batches: &[(Vec<Event>, Watermark)],
    lasts: usize,
) -> Vec<Option<Vec<Row>>> {
    let flow = behind_dispatch(patterns);
    let tested = patterns[0].tested();
    let mut running = Running::new(&flow);
    let mut messages: Vec<Vec<Message>> = vec![vec![]; patterns.len()];
    let mut n_read = 0;
    for (number, (events, watermark)) in batches.iter().enumerate() {
        if number % lasts == 0 {
            let states = running.states(number / lasts % 2 == 1);
            if number / lasts % 3 != 2 {
                running = Running::new(&flow);
                for ((_, operator), state) in running.patterns.iter_mut().zip(&states) {
                    restore(operator, state);
                }
            }
        }
        let batch = batch_of(&events.iter().collect::<Vec<_>>(), &tested, n_read);
        n_read += events.len() as u64;
        for message in [Message::Batch(batch), Message::Watermark(*watermark)] {
            let mut output = Output::default();
            running.dispatch.step(0, message, &mut output);
            for (node, own) in output.of_others {
                assert_eq!(own.failures, vec![]);
                messages[(node.0 as usize - 3) / 2].extend(own.messages);
            }
        }
    }
    let is_held = |operator: &MatchPattern| !operator.minds_watermarks();
    let all = patterns.iter().zip(&messages).zip(&running.patterns);
    all.map(|((pattern, messages), (_, operator))| is_held(operator).then(|| rows_of(pattern, messages)))
        .collect()
}

/// Steps behind each other, each with values of its own and perhaps above those of the first: runs that can stand in
/// groups.
fn held_pattern() -> impl Strategy<Value = Pattern> {
    let modes = [MatchMode::UseUp, MatchMode::Overlapping, MatchMode::Once(Some(4))];
    let step = (0i64..4, any::<bool>(), any::<bool>());
    let steps = proptest::collection::vec(step, 2..4);
    (steps, proptest::sample::select(modes.to_vec()), 2i64..12)
        .prop_map(|(steps, mode, within)| pattern_of(&steps, mode, within))
}

/// Steps behind each other: of each its value, whether it repeats, and whether it is above the first.
fn pattern_of(steps: &[(i64, bool, bool)], mode: MatchMode, within: i64) -> Pattern {
    let n = steps.len();
    let link = |number: usize, repeats: bool| {
        let of = Tree::Step(number);
        let pattern = match repeats && number + 1 < n {
            true => Tree::Repeat { of: Box::new(of), min: 1, max: None, adjacent: false, greedy: false },
            false => of,
        };
        Link { next: false, within: None, pattern }
    };
    let links = steps.iter().enumerate().map(|(number, (_, repeats, _))| link(number, *repeats)).collect();
    let kind = |(number, (value, _, is_above)): (usize, &(i64, bool, bool))| {
        let above = (*is_above && number > 0).then_some((0, Look::First));
        let values = if above.is_some() { vec![*value, value + 1] } else { vec![*value] };
        Step { kind: Kind { input: 0, values, above }, reuse: false }
    };
    Pattern {
        tree: Tree::Sequence(links),
        steps: steps.iter().enumerate().map(kind).collect(),
        n_inputs: 1,
        absences: vec![],
        clocks: vec![],
        mode,
        within: Some(within),
        or_timeout: false,
        without: None,
        has_all: false,
        has_greedy: false,
        has_columns: true,
    }
}

/// Events of a while, most of one partition.
fn events_of_a_while() -> impl Strategy<Value = Vec<Event>> {
    let event = (0i64..5, 0i64..5, prop_oneof![4 => 0i64..3, 1 => 3i64..15]);
    proptest::collection::vec(event, 0..30).prop_map(|events| {
        let mut now = 0;
        let number = |(id, (key, value, gap)): (usize, (i64, i64, i64))| {
            now += gap;
            Event { input: 0, key: i64::from(key == 0), value, time: now, id: id as i64 }
        };
        events.into_iter().enumerate().map(number).collect()
    })
}

/// Each in a batch of its own, with the watermark at its time.
fn one_by_one(events: &[Event]) -> Vec<(Vec<Event>, Watermark)> {
    let each = events.iter().map(|event| (vec![event.clone()], Watermark(event.time)));
    each.chain([(vec![], Watermark::END)]).collect()
}

#[test]
fn what_waits_of_the_rest_of_a_pattern_begins_nothing_when_the_rest_is_forgotten() {
    let (rests, steps) = (MatchMode::Once(Some(4)), |last| [(0, false, false), (last, false, false)]);
    let patterns = [pattern_of(&steps(1), rests, 10), pattern_of(&steps(2), rests, 10)];
    let events = [(1, 4, 0), (0, 0, 1), (0, 1, 10), (0, 0, 13), (1, 4, 21), (0, 1, 22)];
    let event = |(id, (key, value, time))| Event { input: 0, key, value, time, id };
    let events: Vec<Event> = (0..).zip(events).map(event).collect();
    let batches = one_by_one(&events);
    for (pattern, together) in patterns.iter().zip(found_together(&patterns, &batches, usize::MAX)) {
        assert_eq!(together, Some(run(pattern, &batches)), "{pattern:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(1_000) as u32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn patterns_find_together_what_they_find_alone(
        patterns in proptest::collection::vec(held_pattern(), 2..6),
        events in events_of_a_while(),
        size in 1usize..5,
        lasts in 1usize..8,
    ) {
        let mut batches: Vec<_> = events
            .chunks(size)
            .map(|chunk| (chunk.to_vec(), Watermark(chunk[chunk.len() - 1].time)))
            .collect();
        batches.push((vec![], Watermark::END));
        for (pattern, together) in patterns.iter().zip(found_together(&patterns, &batches, lasts)) {
            if let Some(together) = together {
                prop_assert_eq!(together, run(pattern, &batches), "{:?}", pattern);
            }
        }
    }
}
