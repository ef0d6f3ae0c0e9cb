//! Live input in scripts: partitions of which rows arrive when the script says, and a clock that stands
//! until it is moved. An `ordered` sink shows how far the watermark has come.

use millstream_base::{SourceMap, Span};
use millstream_ir::engine::{Compiled, Engine};
use millstream_ir::flow::*;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use millstream_runtime::interp::ReferenceEngine;
use millstream_runtime::op::errors::error_schema;
use millstream_runtime::simulate::{Record, Simulation};
use millstream_runtime::source::Pace;
use millstream_runtime::workers::Workers;
use std::fmt::Write;
use std::sync::Arc;

const SECOND: i64 = 1_000_000;

/// When scripts begin, by the clock and in their rows.
const START: i64 = 1_000_000 * SECOND;

const LIVE: TimeSpec = TimeSpec { field: 0, disorder: 2 * SECOND, idle: None, ahead: None };

/// `{ at: timestamp }` timed as `time` says (if at all, else by arrival), its late rows and its failed ones.
fn flow(time: Option<TimeSpec>) -> Flow {
    let column = |name: &str, hidden| Column { name: name.into(), ty: Type::TIMESTAMP, hidden };
    let field = FieldSpec {
        name: "at".into(),
        input: "at".into(),
        ty: Type::TIMESTAMP,
        encoding: Encoding::Plain,
        default: None,
    };
    let connector = || ConnectorSpec { name: "script".into(), options: [].into(), span: Span::default() };
    let by_arrival = time.is_none();
    let source = SourceSpec {
        ordinal: 0,
        connector: connector(),
        format: None,
        fields: [field].into(),
        columns: vec![0],
        time,
        key: vec![],
        load: None,
    };
    let rows = match by_arrival {
        true => Schema::append_only(vec![column("at", false), column("time", true)], 1),
        false => Schema::append_only(vec![column("at", false)], 0),
    };
    let late_time = rows.columns.len();
    let late = Schema::append_only([rows.columns.clone(), vec![column("time", true)]].concat(), late_time);
    let sink = |ordered| NodeKind::Sink(Arc::new(SinkSpec { connector: connector(), format: None, ordered }));
    let node = |name: &str, inputs: Vec<u32>, schema: &Schema, kind| Node {
        name: name.into(),
        span: Span::default(),
        inputs: inputs.into_iter().map(NodeId).collect(),
        schema: schema.clone(),
        kind,
        shared_with: vec![],
        on_error: OnError::Keep,
    };
    let errors = error_schema();
    Flow {
        nodes: vec![
            node("events", vec![], &rows, NodeKind::Source(Arc::new(source))),
            node("rows", vec![0], &rows, sink(true)),
            node("events", vec![0], &late, NodeKind::Late),
            node("late", vec![2], &late, sink(false)),
            node("events", vec![], &errors, NodeKind::Errors { of: vec![NodeId(0)] }),
            node("errors", vec![4], &errors, sink(false)),
        ],
    }
}

/// Runs a script over partitions `a`, `b`, … of which each comes live or not, and says what comes out of
/// each line:
/// - `a 5 7 x`: rows of 5 s and 7 s and a record that cannot be read arrive at partition `a`;
/// - `clock 60`: the clock goes on to 60 s;
/// - `end a`: the partition ends;
/// - `why`: what is waited for.
fn play(time: Option<TimeSpec>, live: &[bool], script: &str) -> String {
    let flow = flow(time.clone());
    let compiled: Box<dyn Compiled> = ReferenceEngine.compile(&flow).expect("a flow of no code");
    let files = SourceMap::default();
    let partition = |(number, live): (usize, &bool)| {
        let name = char::from(b'a' + number as u8).to_string();
        (name, Pace::of(time.as_ref(), *live))
    };
    let partitions = |_: &str, _: &SourceSpec| live.iter().enumerate().map(partition).collect();
    let mut simulation = Simulation::new(&flow, &*compiled, &files, START, &Workers::alone(), partitions);
    let mut out = String::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split(' ').collect();
        let seconds = |word: &str| START + word.parse::<i64>().expect("seconds") * SECOND;
        let number = |word: &str| (word.as_bytes()[0] - b'a') as usize;
        let record = |word: &&str| match *word {
            "x" => Record::Unreadable { text: "x".into(), reason: "nonsense".into() },
            time => Record::Row(vec![Value::Timestamp(seconds(time))]),
        };
        match words[0] {
            "clock" => simulation.wait_until(seconds(words[1])),
            "why" => {
                let lines: String = simulation.held_back().iter().map(|held_back| held_back.text()).collect();
                let _ = writeln!(out, "why\n{}", lines.trim_end());
                continue;
            }
            "end" => simulation.end_partition(0, number(words[1])),
            partition => {
                let records: Vec<Record> = words[1..].iter().map(record).collect();
                simulation.arrive(0, number(partition), &records)
            }
        }
        .expect("nothing stops it");
        let shown = |value: &Value| match value {
            Value::Timestamp(time) => ((time - START) as f64 / SECOND as f64).to_string(),
            other => format!("{other:?}"),
        };
        let mut told = vec![];
        for (sink, name) in [(1, ""), (3, "late"), (5, "errors")] {
            for row in simulation.take_rows(NodeId(sink)) {
                told.push(match name {
                    "" => shown(&row[row.len() - 1]),
                    "late" => format!("late {} behind {}", shown(&row[0]), shown(&row[row.len() - 1])),
                    _ => {
                        let Value::String(place) = &row[2] else { unreachable!("a place is text") };
                        let Value::String(reason) = &row[1] else { unreachable!("a reason is text") };
                        format!("[{place} of {} at {}: {reason}]", shown(&row[3]), shown(&row[4]))
                    }
                });
            }
        }
        let _ = writeln!(out, "{}", format!("{line} | {}", told.join(" ")).trim_end());
    }
    out
}

#[test]
fn the_watermark_is_that_of_the_partition_furthest_behind() {
    insta::assert_snapshot!(play(Some(LIVE), &[true, true], "
        a 5 10
        b 4
        b 9
        end a
        end b
    "), @"
    a 5 10 |
    b 4 |
    b 9 | 4 5
    end a |
    end b | 9 10
    ");
}

#[test]
fn a_partition_that_is_silent_for_a_minute_is_no_longer_waited_for() {
    insta::assert_snapshot!(play(Some(LIVE), &[true, true], "
        a 5 10
        b 3
        clock 59
        a 60
        clock 60
    "), @"
    a 5 10 |
    b 3 |
    clock 59 |
    a 60 |
    clock 60 | 3 5 10
    ");
}

#[test]
fn a_source_says_how_long_it_waits() {
    let time = TimeSpec { idle: Some(10 * SECOND), ..LIVE };
    insta::assert_snapshot!(play(Some(time), &[true, true], "
        clock 5
        a 5 9
        clock 9
        clock 10
        clock 15
    "), @"
    clock 5 |
    a 5 9 |
    clock 9 |
    clock 10 | 5
    clock 15 |
    ");
}

#[test]
fn a_partition_that_returns_takes_over_the_watermark_of_its_source() {
    insta::assert_snapshot!(play(Some(LIVE), &[true, true], "
        a 5
        b 4
        clock 50
        a 50
        clock 60
        b 47 48 49
        a 52
        b 53
    "), @"
    a 5 |
    b 4 |
    clock 50 |
    a 50 |
    clock 60 | 4 5
    b 47 48 49 | late 47 behind 48
    a 52 |
    b 53 | 48 49
    ");
}

#[test]
fn where_all_are_silent_the_watermark_follows_the_clock() {
    insta::assert_snapshot!(play(Some(LIVE), &[true, true], "
        a 5
        b 4
        clock 60
        clock 66
        clock 67
        clock 100
        a 37 38
        clock 101
    "), @"
    a 5 |
    b 4 |
    clock 60 |
    clock 66 |
    clock 67 | 4
    clock 100 | 5
    a 37 38 | late 37 behind 38
    clock 101 |
    ");
}

#[test]
fn the_watermark_never_falls_behind_that_of_the_silent() {
    // Rows that are ahead of the clock have moved it further than silence does.
    insta::assert_snapshot!(play(Some(LIVE), &[true], "
        a 300
        clock 60
        a 297 298
        clock 400
    "), @"
    a 300 |
    clock 60 |
    a 297 298 | 298 late 297 behind 298
    clock 400 | 300
    ");
}

#[test]
fn rows_too_far_in_the_future_do_not_count() {
    let time = TimeSpec { ahead: Some(10 * SECOND), ..LIVE };
    insta::assert_snapshot!(play(Some(time), &[true], "
        a 1 10 500 11 9
        a x 600 x
        clock 600
        a 610 611
    "), @"
    a 1 10 500 11 9 | 1 [a record 3 of 500 at 8: its time is more than 10s in the future] [a record 4 of 11 at 8: its time is more than 10s in the future]
    a x 600 x | [a record 6 of 8 at 8: nonsense] [a record 7 of 600 at 8: its time is more than 10s in the future] [a record 8 of 8 at 8: nonsense]
    clock 600 | 9 10
    a 610 611 | [a record 10 of 611 at 608: its time is more than 10s in the future]
    ");
}

#[test]
fn a_live_source_takes_an_hour_for_too_far() {
    insta::assert_snapshot!(play(Some(LIVE), &[true], "
        a 3600 3601
    "), @"a 3600 3601 | [a record 2 of 3601 at 3598: its time is more than 1h in the future]");
}

#[test]
fn a_finite_partition_is_never_silent_and_knows_no_future() {
    insta::assert_snapshot!(play(Some(LIVE), &[false, true], "
        a 5
        b 3600 99999
        clock 999
        a 100000
        end a
    "), @"
    a 5 |
    b 3600 99999 | [b record 2 of 99999 at 3598: its time is more than 1h in the future]
    clock 999 |
    a 100000 | 5 3600
    end a |
    ");
}

#[test]
fn what_cannot_be_read_breaks_the_silence() {
    insta::assert_snapshot!(play(Some(LIVE), &[true, true], "
        a 5 9
        b 4
        clock 50
        a 20
        b x
        clock 60
        clock 109
        clock 110
    "), @"
    a 5 9 |
    b 4 |
    clock 50 |
    a 20 |
    b x | [b record 2 of 2 at 2: nonsense]
    clock 60 |
    clock 109 |
    clock 110 | 4 5 9 20
    ");
}

#[test]
fn rows_timed_by_arrival_wait_for_nothing_and_are_never_late() {
    insta::assert_snapshot!(play(None, &[true, true], "
        a 1
        clock 3
        b 1
        clock 5
        clock 6
        a 1 1
        clock 7
    "), @"
    a 1 |
    clock 3 | 0
    b 1 |
    clock 5 | 3
    clock 6 |
    a 1 1 |
    clock 7 | 6 6
    ");
}

#[test]
fn the_partition_that_holds_rows_back_is_known() {
    insta::assert_snapshot!(play(Some(LIVE), &[true, true], "
        why
        a 5 10
        clock 20
        why
        b 4
        clock 25
        b 4
        clock 35
        why
        b 20
        why
        clock 95
        why
    "), @r#"
    why

    a 5 10 |
    clock 20 |
    why
    waiting for events: no row of b has come for 20s
                   2 rows of rows, the first until 1970-01-12T13:46:45Z
    b 4 |
    clock 25 |
    b 4 |
    clock 35 |
    why
    waiting for events: the watermark of b is 1970-01-12T13:46:42Z, for 15s
                   4 rows of rows, the first until 1970-01-12T13:46:44Z
    b 20 | 4 4 5
    why
    waiting for events: the watermark of a is 1970-01-12T13:46:48Z, for 35s
                   2 rows of rows, the first until 1970-01-12T13:46:50Z
    clock 95 | 10 20
    why
    "#);
}
