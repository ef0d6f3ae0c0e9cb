//! What memory has no room for goes to files, and the same rows come out in the same order; also where a snapshot is
//! taken over meanwhile.

mod support;

use millstream_base::SourceMap;
use millstream_ir::engine::Engine;
use millstream_ir::flow::{Flow, NodeKind, SourceSpec};
use millstream_ir::value::Value;
use millstream_jit::Jit;
use millstream_runtime::simulate::{Record, Row, Simulation};
use millstream_runtime::source::Pace;
use millstream_runtime::spill::Spill;
use millstream_runtime::workers::WorkerThreads;
use proptest::prelude::*;
use support::compiled::compiled;

const SECOND: i64 = 1_000_000;

const STREAMS: &[&str] = &[
    "from a window tumbling 10s group by k, t select k, t, count() as n, sum(v) as s, max(v) as m",
    "from a window tumbling 10s group by t select t, count(distinct k) as ks, collect(v) as vs, first(v) as f",
    "from a window tumbling 10s group by () select count() as n, median(v) as m",
    "from a window hopping 3s every 7s group by k select k, window.start as w, count() as n",
    "from a window hopping 9s every 2s group by k, t select k, t, window.start as w, count() as n, sum(v) as s, max(v) as m",
    "from a window hopping 14s every 1s group by t select t, count(distinct k) as ks, collect(v) as vs, first(v) as f",
    "from a window hopping 40s every 1s group by k select k, count() as n, median(v) as m",
    "from a window hopping 8s every 3s group by () select count() as n, min(v) as m",
    "from a window cumulative 1m every 2s group by k select k, window.end as w, count() as n, sum(v) as s",
    "from a window cumulative 13s every 4s group by t, k select t, k, window.end as w, collect(v) as vs, last(v) as l",
    "from a window session 3s group by v select v, window.start as w, window.end as e, count() as n, sum(k) as s",
    "from a window session 9s group by k, t select k, t, collect(v) as vs, count(distinct v) as d, median(v) as m",
    "from a window session 5s by v group by v, t select v, t, window.start as w, first(k) as f, max(k) as m",
    "from a window session 20s group by k, t, v select k, t, v, window.end as w, count() as n",
    "from a window tumbling 10s group by k select k, kept(v) as l",
    "from a window session 4s group by v, k select v, k, window.end as w, kept(v) as l",
    "from a window tumbling hour in \"Europe/Paris\" group by t, k select t, k, avg(v) as m",
    "from a window tumbling 6s dedupe by k within 2s group by t select t, count() as n, min(v) as m",
    "from a window tumbling 3 rows by k, t expire 9s group by k, t select k, t, window.start as s, window.end as e, count() as n, collect(v) as vs",
    "from a window tumbling 5 rows by k forever group by k, t select k, t, window.start as w, count() as n, last(v) as l, kept(v) as m",
    "from a window tumbling 2 rows by t, v expire 2s group by t, v select t, v, window.start as s, sum(k) as n, median(v) as m",
    "from a select k, t, v, prev(v, by: k, forever: true) as p",
    "from a dedupe by t within 4s",
    "from a as x join b as y on x.k == y.k within 5s select x.t, y.t as u, x.v, y.v as w",
    "from a as x left join b as y on x.t == y.t and x.v < y.v within -2s..4s select x.k, x.t, y.t as u, y.v",
    "from a as x full join b as y on x.k == y.k within 3s select x.t, x.v, y.t as u, y.v as w",
    "from a as x anti join b as y on x.t == y.t within 6s select x.t, x.k, x.v",
    "from a as x join a as y on x.k == y.k and x.v < y.v within 4s select x.t, y.t as u",
    "from a as x left join known as y on x.k == y.k as of x.at select x.k, x.v, y.t as u, y.v as w",
    "from a as x join known as y on x.k == y.k as of x.at - 2s within 4s where y.t > \"a\" select x.t, y.t as u",
    "from a as x left join known as y on x.k == y.k and x.t == y.t select x.v, y.t as u, y.v as w",
    "from a as x left join known as y on x.k == y.k and x.t <= y.t select x.v, y.t as u, y.v as w",
    "from a as x join known as y on x.v == y.v as of x.at select x.t, y.t as u",
    "from a as x left join loaded as y on x.k == y.k select x.v, y.t as u",
    "from a as x window tumbling 5s join b as y on x.k == y.k select x.t, y.t as u, window.start as w",
];

/// Of a row: whether it is of `b`, the key (null if 0), a text, a value, how long after the row before it.
type Drawn = (bool, u8, u8, i64, i64);

fn rows() -> impl Strategy<Value = Vec<Drawn>> {
    let value = prop_oneof![6 => -5i64..5, 1 => Just(i64::MAX), 1 => Just(i64::MIN)];
    prop::collection::vec((any::<bool>(), 0u8..6, 0u8..4, value, -3i64..5), 0..80)
}

/// What comes out of each sink. Behind each batch everything is spilled, or everything but what came since every third,
/// where a snapshot is taken over.
fn run(
    flow: &Flow,
    files: &SourceMap,
    drawn: &[Drawn],
    (workers, spill): (usize, Option<&Spill>),
    batch: usize,
) -> Vec<Vec<Row>> {
    let compiled = Jit.compile(flow).expect("it compiles");
    let threads = WorkerThreads::start_eager(workers);
    let one = |name: &str, _: &SourceSpec| vec![(name.to_string(), Pace::default())];
    let simulation = Simulation::new(flow, &*compiled, files, 0, threads.workers(), one);
    let mut simulation = if spill.is_some() { simulation.may_spill() } else { simulation };
    let mut now = 0;
    for (number, part) in drawn.chunks(batch).enumerate() {
        for name in ["a", "b", "loaded"] {
            let node = flow.nodes.iter().find_map(|node| match &node.kind {
                NodeKind::Source(spec) if *node.name == *name => Some(spec),
                _ => None,
            });
            let (Some(spec), Some(source)) = (node, simulation.source(name)) else { continue };
            let mut time = now;
            let mut record = |(_, key, text, value, step): &Drawn| {
                time += step * SECOND;
                let long = "a text that is longer than a view, 1234";
                let of = |column: &usize| match &*spec.fields[*column].name {
                    "k" if *key == 0 => Value::Null,
                    "k" => Value::Int(*key as i64),
                    "t" => Value::string(long.split_at(*text as usize * 12).0),
                    "v" => Value::Int(*value),
                    _ => Value::Timestamp(time),
                };
                Record::Row(spec.columns.iter().map(of).collect())
            };
            let records: Vec<(bool, Record)> = part.iter().map(|drawn| (drawn.0, record(drawn))).collect();
            let records: Vec<Record> =
                records.into_iter().filter(|(is_b, _)| *is_b == (name != "a")).map(|(_, row)| row).collect();
            simulation.arrive(source, 0, &records).expect("failed rows are kept");
        }
        now += part.iter().map(|drawn| drawn.4 * SECOND).sum::<i64>();
        if let Some(spill) = spill {
            simulation.spill(spill).expect("there is room");
            if number % 3 == 2 {
                simulation.restore().expect("its own snapshot");
            }
        }
    }
    simulation.end().expect("failed rows are kept");
    let sinks = flow.ids().filter(|id| matches!(flow.node(*id).kind, NodeKind::Sink(_)));
    sinks.map(|sink| simulation.take_rows(sink)).collect()
}

fn program(stream: &str) -> (SourceMap, Flow) {
    let program = format!(
        "source a: {{ k: int?, t: string, v: int, at: timestamp }} from file(\"a\") format json time at disorder 5s\n\
         source b: {{ k: int?, t: string, v: int, at: timestamp }} from file(\"b\") format json time at disorder 4s\n\
         table known key k = from b select k, t, v\n\
         table loaded: {{ k: int, t: string, v: int }} key k from file(\"c\") format json refresh 1h\n\
         aggregate kept(x: int) -> int {{ state last: int = 0 add last = x result last }}\n\
         stream held = {stream}\n\
         sink out from held to stdout format json\n\
         stream failed = from errors(held) select row, reason, place\n\
         sink told from failed to stdout"
    );
    let (files, _, flow) = compiled(&program);
    (files, flow)
}

#[test]
fn each_of_them_spills_and_reads_again() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let row = |i: i64| (i % 2 == 1, (1 + i % 3) as u8, (i % 4) as u8, i % 7, 1);
    let drawn: Vec<Drawn> = (0..40).map(row).collect();
    for stream in STREAMS {
        let (files, flow) = program(stream);
        let spill = Spill::new(folder.path(), 0);
        run(&flow, &files, &drawn, (1, Some(&spill)), 4);
        assert!(spill.spilled().is_some_and(|spilled| spilled.read > 0), "{stream}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_spilled_changes_no_answer(drawn in rows(), batch in 1usize..30) {
        let folder = tempfile::tempdir().expect("a folder can be made");
        for stream in STREAMS {
            let (files, flow) = program(stream);
            let in_memory = run(&flow, &files, &drawn, (1, None), batch);
            for workers in [1, 3] {
                let spill = Spill::new(folder.path(), 0);
                let spilled = run(&flow, &files, &drawn, (workers, Some(&spill)), batch);
                prop_assert_eq!(&in_memory, &spilled, "{} workers: {}", workers, stream);
                prop_assert!(spill.files().is_empty(), "{}", stream);
            }
        }
    }
}
