//! However many workers share the rows, and wherever others take over from a snapshot, the same rows come out
//! in the same order, and the same rows fail.

mod support;

use millstream_base::SourceMap;
use millstream_ir::engine::Engine;
use millstream_ir::flow::{Flow, NodeKind, SourceSpec};
use millstream_ir::value::Value;
use millstream_jit::Jit;
use millstream_runtime::simulate::{Record, Row, Simulation};
use millstream_runtime::source::Pace;
use millstream_runtime::workers::WorkerThreads;
use proptest::prelude::*;
use support::compiled::compiled;

const SECOND: i64 = 1_000_000;

/// What is done by key. `v` comes near the ends of its range, so that sums fail.
const STREAMS: &[&str] = &[
    "from a window sliding 10s by k select k, t, sum(v) as s, max(v) as m",
    "from a window sliding 3 rows by k, t forever select k, v, sum(v) as s, count() as n",
    "from a window running by k expire 20s select k, sum(v) as s, min(t) as m",
    "from a dedupe by k within 5s",
    "from a throttle 2 per 10s by t",
    "from a changes of v by k forever",
    "from a select k, v, prev(v, by: k, forever: true) as p, row_number(by: k, forever: true) as n",
    "from a group by k forever select k, count() as n, sum(v) as s",
    "from a group by t expire 20s select t, count() as n, max(v) as m",
    "from a top 2 by v desc per t forever",
    "from a unnest [v, 1] as u window hopping 8s every 3s group by k select k, max(u) as m, count() as n emit on change top 1 by n desc, m per k",
    "from a dedupe by k keep last forever",
    "from s group by v forever select v, count() as n",
    "from a window tumbling 10s group by k, t select k, t, count() as n, max(v) as m",
    "from a window session 5s group by k select k, count() as n, max(v) as m",
];

/// Of a row: key (null if 0), a text, a value, how long after the row before it (or before it).
type Drawn = (u8, u8, i64, i64);

fn rows() -> impl Strategy<Value = Vec<Drawn>> {
    let value = prop_oneof![6 => -5i64..5, 1 => Just(i64::MAX), 1 => Just(i64::MIN)];
    prop::collection::vec((0u8..6, 0u8..4, value, -3i64..5), 0..60)
}

/// What comes out of each sink.
fn run(
    flow: &Flow,
    files: &SourceMap,
    drawn: &[Drawn],
    (workers, restores): (&[usize], bool),
    batch: usize,
) -> Vec<Vec<Row>> {
    let compiled = Jit.compile(flow).expect("it compiles");
    let threads: Vec<WorkerThreads> = workers.iter().map(|n| WorkerThreads::start_eager(*n)).collect();
    let one = |name: &str, _: &SourceSpec| vec![(name.to_string(), Pace::default())];
    let mut simulation = Simulation::new(flow, &*compiled, files, 0, threads[0].workers(), one);
    let source = flow.nodes.iter().find_map(|node| match &node.kind {
        NodeKind::Source(spec) => Some((&*node.name, spec)),
        _ => None,
    });
    let (name, spec) = source.expect("the stream reads a source");
    let number = simulation.source(name).expect("the source is read");
    let mut now = 0;
    let record = |(key, text, value, step): &Drawn| {
        now += step * SECOND;
        let of = |column: &usize| match &*spec.fields[*column].name {
            "k" if *key == 0 => Value::Null,
            "k" | "id" => Value::Int(*key as i64),
            "t" => Value::string("a text that is longer than a view, 1234".split_at(*text as usize * 12).0),
            "v" => Value::Int(*value),
            _ => Value::Timestamp(now),
        };
        Record::Row(spec.columns.iter().map(of).collect())
    };
    let records: Vec<Record> = drawn.iter().map(record).collect();
    for (i, part) in records.chunks(batch).enumerate() {
        simulation.arrive(number, 0, part).expect("failed rows are kept");
        if restores {
            let next = &threads[(i + 1) % threads.len()];
            simulation.restore_by(next.workers()).expect("its own snapshot");
        }
    }
    simulation.end().expect("failed rows are kept");
    let sinks = flow.ids().filter(|id| matches!(flow.node(*id).kind, NodeKind::Sink(_)));
    sinks.map(|sink| simulation.take_rows(sink)).collect()
}

fn program(stream: &str) -> (SourceMap, Flow) {
    let program = format!(
        "source a: {{ k: int?, t: string, v: int, at: timestamp }} from file(\"a\") format json time at disorder 5s\n\
         source s: {{ id: int, v: int, at: timestamp }} key id from file(\"s\") format json time at disorder 5s\n\
         stream held = {stream}\n\
         sink out from held to stdout format json(changes: retract)\n\
         stream failed = from errors(held) select row, reason, place
         sink told from failed to stdout"
    );
    let is_updating = ["a group by", "a top", "keep last", "from s", "on change"]
        .iter()
        .any(|words| stream.contains(words));
    let program = if is_updating { program } else { program.replace("(changes: retract)", "") };
    let (files, _, flow) = compiled(&program);
    (files, flow)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_number_of_workers_gives_the_rows_of_one(drawn in rows(), batch in 1usize..30) {
        for stream in STREAMS {
            let (files, flow) = program(stream);
            let by_one = run(&flow, &files, &drawn, (&[1], false), batch);
            for workers in [2, 3, 8] {
                let by_several = run(&flow, &files, &drawn, (&[workers], false), batch);
                prop_assert_eq!(&by_one, &by_several, "{} workers: {}", workers, stream);
            }
            let in_turn = run(&flow, &files, &drawn, (&[1, 3, 2], true), batch);
            let restored = run(&flow, &files, &drawn, (&[1], true), batch);
            prop_assert_eq!(&restored, &in_turn, "1, 3 and 2 workers in turn: {}", stream);
        }
    }
}
