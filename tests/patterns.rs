//! Patterns under input that is made to make them hold much: what they hold grows with the events of their time, as
//! `explain` says, and not with what has been; and they find what is there.

mod support;

use millstream_ir::engine::Engine;
use millstream_ir::flow::{NodeKind, SourceSpec};
use millstream_ir::value::Value;
use millstream_jit::Jit;
use millstream_runtime::simulate::{Record, Simulation};
use millstream_runtime::source::Pace;
use millstream_runtime::workers::Workers;
use support::Folder;
use support::compiled::compiled;

const MILLISECOND: i64 = 1_000;
/// 2023-11-14T22:00:00Z, a whole hour.
const START: i64 = 1_699_999_200 * 1_000_000;

/// Debug builds take a tenth of the events.
const MILLION: i64 = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };

/// An event per millisecond: its key, its kind, and its number, which `n` is.
type Event = fn(i64) -> (i64, &'static str);

struct Case {
    pattern: &'static str,
    event: Event,
    n_events: i64,
    /// At most so many bytes are held, at any time.
    most_bytes: usize,
    /// Matches are this many, and events for which something failed.
    n_matches: i64,
    n_failures: i64,
}

fn one_key(_: i64) -> (i64, &'static str) {
    (0, "a")
}

fn key_each(number: i64) -> (i64, &'static str) {
    (number, "a")
}

fn thousand_keys(number: i64) -> (i64, &'static str) {
    (number % 1000, "a")
}

fn ten_keys(number: i64) -> (i64, &'static str) {
    (number % 10, "a")
}

fn every_thousandth_ends(number: i64) -> (i64, &'static str) {
    (0, if number % 1000 == 499 { "z" } else { "a" })
}

fn the_second_half_ends(number: i64) -> (i64, &'static str) {
    (0, if number % 100_000 < 50_000 { "a" } else { "b" })
}

#[test]
fn what_is_held_does_not_grow_with_what_has_been() {
    let million = MILLION;
    let cases = [
        // All runs of a key in one: the events of a second.
        Case {
            pattern: r#"by k a: events[kind == "a"] then z: events[kind == "z"] within 1s"#,
            event: one_key,
            n_events: million,
            most_bytes: 400_000,
            n_matches: 0,
            n_failures: 0,
        },
        Case {
            pattern: r#"by k a: events[kind == "a"]+ then z: events[kind == "z"] within 1s"#,
            event: every_thousandth_ends,
            n_events: million,
            most_bytes: 400_000,
            n_matches: million / 1000,
            n_failures: 0,
        },
        Case {
            pattern: r#"by k a: events[kind == "a"] then b: events[kind == "a"] within 1s"#,
            event: one_key,
            n_events: million,
            // The table of keys makes room for as many new ones as come at once.
            most_bytes: 20_000,
            n_matches: million / 2,
            n_failures: 0,
        },
        // A key has one event, and is forgotten when its time is over.
        Case {
            pattern: r#"by k a: events[kind == "a"] then z: events[kind == "z"] within 1s"#,
            event: key_each,
            n_events: million,
            most_bytes: 1_000_000,
            n_matches: 0,
            n_failures: 0,
        },
        Case {
            pattern: r#"by k a: events[kind == "a"] then not z: events[kind == "z"] for 1s"#,
            event: key_each,
            n_events: million,
            most_bytes: 2_000_000,
            n_matches: million,
            n_failures: 0,
        },
        Case {
            pattern: r#"once per 1s by k a: events[kind == "a"]"#,
            event: key_each,
            n_events: million,
            most_bytes: 1_000_000,
            n_matches: million,
            n_failures: 0,
        },
        // Each match ends one of very many runs.
        Case {
            pattern: r#"by k a: events[kind == "a"] then b: events[kind == "b"] within 1h"#,
            event: the_second_half_ends,
            n_events: 100_000,
            most_bytes: 12_000_000,
            n_matches: 50_000,
            n_failures: 0,
        },
        // Each event begins a run of its own, of five of its key that live.
        Case {
            pattern: r#"overlapping by k a: events[kind == "a"] then z: events[n < a.n] within 5s"#,
            event: thousand_keys,
            n_events: million / 4,
            most_bytes: 6_000_000,
            n_matches: 0,
            n_failures: 0,
        },
        // Exponentially many ways for a matcher that does not merge them: a hundred runs of each key live, each with a
        // way for each state.
        Case {
            pattern: r#"overlapping by k (a: events[kind == "a"]?){8} then b: events[kind == "a"]{8} within 1s"#,
            event: ten_keys,
            n_events: 10_000,
            most_bytes: 2_000_000,
            n_matches: 10_000 - 10 * 7,
            n_failures: 0,
        },
        Case {
            pattern: r#"by k (a: events[kind == "a"]?){8} greedy then b: events[kind == "b"]{8} within 1s"#,
            event: ten_keys,
            n_events: 2_000,
            most_bytes: 2_000_000,
            n_matches: 0,
            n_failures: 0,
        },
    ];
    for case in cases {
        let (most_bytes, n_matches, n_failures) = run(&case);
        let found = (n_matches, n_failures);
        println!("{most_bytes} bytes, {found:?}: {}", case.pattern);
        assert_eq!(found, (case.n_matches, case.n_failures), "matches and failures of {}", case.pattern);
        assert!(most_bytes <= case.most_bytes, "{most_bytes} bytes are held by {}", case.pattern);
    }
}

#[test]
fn a_pattern_may_have_more_steps_than_a_word_has_bits() {
    let branches: Vec<String> = (0..70).map(|n| format!("b{n}: s[k == \"b{n}\"]")).collect();
    let program = format!(
        "source s: {{ k: string, at: timestamp as epoch_s }} from file(\"s.ndjson\") format json time at\n\
         stream m = match a: s[k == \"a\"] then ({}) within 20s select match.start as begun, match.end as ended\n\
         sink out from m to stdout format csv\n",
        branches.join(" or ")
    );
    let folder = Folder::new();
    folder.write("s.ndjson", "{\"k\":\"a\",\"at\":1}\n{\"k\":\"b69\",\"at\":3}\n");
    let ran = folder.write("p.stream", program).run("run p.stream").code(0);
    assert_eq!(ran.stdout, "begun,ended\n1970-01-01T00:00:01Z,1970-01-01T00:00:03Z\n");
}

/// What was held at most, and how many matches and failures there were.
fn run(case: &Case) -> (usize, i64, i64) {
    let (files, _, flow) = compiled(&program(case.pattern));
    let code = Jit.compile(&flow).expect("it compiles");
    let one = |name: &str, _: &SourceSpec| vec![(name.to_string(), Pace::default())];
    let mut simulation = Simulation::new(&flow, &*code, &files, START, &Workers::alone(), one);
    let sinks: Vec<_> = flow.ids().filter(|id| matches!(flow.node(*id).kind, NodeKind::Sink(_))).collect();
    let source = simulation.source("events").expect("the source is read");
    let spec = flow.nodes.iter().find_map(|node| match &node.kind {
        NodeKind::Source(spec) => Some(spec),
        _ => None,
    });
    let spec = spec.expect("the source");
    let record = |number: i64| {
        let (key, kind) = (case.event)(number);
        let value = |column: &usize| match &*spec.fields[*column].name {
            "k" => Value::Int(key),
            "kind" => Value::string(kind),
            "n" => Value::Int(number),
            _ => Value::Timestamp(START + number * MILLISECOND),
        };
        Record::Row(spec.columns.iter().map(value).collect())
    };
    let mut n_rows = vec![0; sinks.len()];
    let mut most_bytes = 0;
    for first in (0..case.n_events).step_by(1000) {
        let records: Vec<Record> = (first..first + 1000).map(record).collect();
        simulation.arrive(source, 0, &records).expect("no row fails");
        for (n_rows, sink) in n_rows.iter_mut().zip(&sinks) {
            *n_rows += simulation.take_rows(*sink).len() as i64;
        }
        if first % 10_000 == 0 {
            most_bytes = most_bytes.max(simulation.state_bytes());
        }
    }
    simulation.end().expect("the end fails nothing");
    for (n_rows, sink) in n_rows.iter_mut().zip(&sinks) {
        *n_rows += simulation.take_rows(*sink).len() as i64;
    }
    (most_bytes, n_rows[0], n_rows[1])
}

fn program(pattern: &str) -> String {
    format!(
        "source events: {{ k: int, kind: string, n: int, at: timestamp }} from file(\"-\") format json time at\n\
         stream found = match {pattern} select match.end as ended\n\
         sink out from found to stdout\n\
         sink failed from errors(found) to stdout format json",
    )
}
