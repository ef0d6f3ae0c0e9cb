//! What `why` tells of random events and patterns are the matches that the operator finds.

use super::{Event, Pattern, Row, events, flow, of_inputs, pattern, run, sorted};
use crate::message::Watermark;
use crate::why::{self, Automaton, Replay, Told};
use millstream_ir::batch::RowPlace;
use millstream_ir::flow::NodeKind;
use millstream_ir::testing::cases;
use millstream_ir::value::Value;
use proptest::prelude::*;

/// The matches that are told of.
fn told(pattern: &Pattern, events: &[Event]) -> Vec<Row> {
    let flow = flow(pattern);
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

/// Of two inputs they do not tell the same of what an `or timeout` leaves, in one case of 10,000.
fn of_one_input((mut pattern, events): (Pattern, Vec<Event>)) -> (Pattern, Vec<Event>) {
    pattern.n_inputs = 1;
    let steps = pattern.steps.iter_mut().map(|step| &mut step.kind);
    steps.chain(&mut pattern.absences).chain(&mut pattern.without).for_each(|kind| kind.input = 0);
    of_inputs((pattern, events))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(5_000) as u32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_told_is_what_is_reported((pattern, events) in (pattern(), events()).prop_map(of_one_input)) {
        let reported = run(&pattern, &[(events.clone(), Watermark::END)]);
        prop_assert_eq!(sorted(told(&pattern, &events)), sorted(reported));
    }
}
