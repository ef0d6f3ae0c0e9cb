//! What `why` tells of random events and patterns are the matches that the operator finds.

use super::{Event, Pattern, Row, events, flow, of_inputs, pattern, run, run_flow, sorted};
use crate::message::Watermark;
use crate::report::thousands;
use crate::why::{self, Automaton, Question, Replay, Told, Words};
use millstream_base::SourceMap;
use millstream_ir::batch::RowPlace;
use millstream_ir::flow::{Flow, NodeKind};
use millstream_ir::testing::cases;
use millstream_ir::value::Value;
use proptest::prelude::*;
use std::sync::Arc;

/// The matches that are told of.
fn told(flow: &Flow, pattern: &Pattern, events: &[Event]) -> Vec<Row> {
    let NodeKind::Match(spec) = &flow.nodes[pattern.n_inputs].kind else { unreachable!() };
    let automaton = Automaton::new(spec);
    let mut events = events.to_vec();
    events.sort_by_key(|event| (event.time, event.input));
    let mut rows = vec![];
    for key in 0..2 {
        let own: Vec<&Event> = events.iter().filter(|event| event.key == key).collect();
        let replayed: Vec<why::Event> = own.iter().map(|event| replayed(pattern, event)).collect();
        let values = [Value::Int(key)];
        let mut visit = |told: Told| {
            for found in &told.matches {
                let ids = |events: &Vec<usize>| events.iter().map(|event| own[*event].id).collect();
                rows.push((key, found.steps.iter().map(ids).collect(), found.end, found.is_timeout));
            }
        };
        Replay::new(&automaton, &values, &replayed).run(&|_, _| true, &mut visit);
    }
    rows
}

fn replayed(pattern: &Pattern, event: &Event) -> why::Event {
    let values = [event.key, event.value, event.id].map(Value::Int).into_iter();
    let said = pattern.tested().into_iter().map(|values| Value::Bool(values.contains(&event.value)));
    let row = values.chain([Value::Timestamp(event.time)]).chain(said).collect();
    let place = RowPlace { source: event.input as u32, offset: event.id as u64, ..RowPlace::default() };
    why::Event { time: event.time, input: event.input, place, row }
}

/// The matches that the operator finds where a key may hold so many ways.
fn limited(pattern: &Pattern, events: &[Event], limit: usize) -> (Flow, Vec<Row>) {
    let mut flow = flow(pattern);
    if let NodeKind::Match(spec) = &mut flow.nodes[pattern.n_inputs].kind {
        Arc::make_mut(spec).limit = limit;
    }
    let (found, _) = run_flow(&flow, pattern, &[(events.to_vec(), Watermark::END)]);
    (flow, found)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(5_000) as u32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_told_is_what_is_reported((pattern, events) in (pattern(), events()).prop_map(of_inputs)) {
        let reported = run(&pattern, &[(events.clone(), Watermark::END)]);
        prop_assert_eq!(sorted(told(&flow(&pattern), &pattern, &events)), sorted(reported));
    }

    #[test]
    fn it_is_so_where_ways_are_given_up(
        (pattern, events) in (pattern(), events()).prop_map(of_inputs),
        limit in 1usize..4,
    ) {
        let (flow, reported) = limited(&pattern, &events, limit);
        prop_assert_eq!(sorted(told(&flow, &pattern, &events)), sorted(reported));
    }

    /// Whatever is asked, there is an answer, and it counts the matches.
    #[test]
    fn every_question_is_answered(
        (pattern, mut events) in (pattern(), events()).prop_map(of_inputs),
        at in proptest::option::of(-1i64..20),
        limit in 0usize..12,
    ) {
        let flow = flow(&pattern);
        let NodeKind::Match(spec) = &flow.nodes[pattern.n_inputs].kind else { unreachable!() };
        events.sort_by_key(|event| (event.time, event.input));
        let own: Vec<why::Event> =
            events.iter().filter(|event| event.key == 0).map(|event| replayed(&pattern, event)).collect();
        let n_matches = told(&flow, &pattern, &events).iter().filter(|(key, ..)| *key == 0).count();
        let files = SourceMap::default();
        let answer = why::answer(&Question {
            title: "p".to_string(),
            words: Words { spec, inputs: flow.nodes[..pattern.n_inputs].iter().map(|node| &node.schema).collect(), files: &files },
            key: &[Value::Int(0)],
            events: &own,
            at,
            limit,
            notes: vec![],
            behind: &|_| String::new(),
            decided: &|_| String::new(),
        });
        let counted = match n_matches {
            0 => "p: no match in".to_string(),
            1 => "p: 1 match in".to_string(),
            n => format!("p: {} matches in", thousands(n as u64)),
        };
        prop_assert!(answer.starts_with(&counted), "{counted}\n{answer}");
        let n_told = answer.lines().filter(|line| line.starts_with("1970") || line.starts_with("end of")).count();
        prop_assert!(n_told <= limit, "{answer}");
    }
}
