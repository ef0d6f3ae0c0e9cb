//! What operators hold is what `explain` says: each is driven until it holds what is known, and its bytes
//! are compared with the formula, within a factor of two.

mod support;

use millstream_base::SourceMap;
use millstream_core::explain::explain;
use millstream_ir::engine::Engine;
use millstream_ir::flow::{Flow, NodeKind, SourceSpec};
use millstream_ir::value::Value;
use millstream_jit::Jit;
use millstream_runtime::simulate::{Record, Simulation};
use millstream_runtime::source::Pace;
use millstream_runtime::workers::Workers;
use std::fmt::Write;
use support::compiled::compiled;

const SECOND: i64 = 1_000_000;
/// 2023-11-14T22:00:00Z, a whole hour.
const START: i64 = 1_699_999_200 * SECOND;

/// How many rows come, of how many keys in turn, within how long; the stream; and how many there are then of
/// the things that a line of what it keeps is about, which is found by some of its words. The sources are in
/// order and `a` has a disorder of 10 s, so where order counts, the rows of the last 10 s wait.
const CASES: &str = "\
40000 rows, 10000 keys, 3000 s: from a window tumbling 1h group by k select k, count() as n, sum(v) as s | open window: 10000
40000 rows, 5000 keys, 55 s: from a window tumbling 1m group by k select k, count() as n, avg(x) as s | open window: 5000
60000 rows, 1000 keys, 3600 s: from a window hopping 1h every 1m group by k select k, count() as n, sum(v) as s | slices of a window: 1000
60000 rows, 10000 keys, 3500 s: from a window cumulative 1h every 10m group by k select k, count() as n, sum(v) as s | sum of all: 10000
40000 rows, 10000 keys, 3000 s: from a window session 1h group by k select k, count() as n, sum(v) as s | session: 10000
40000 rows, 10000 keys, 3000 s: from a window tumbling 10 rows by k forever group by k select k, count() as n, sum(v) as s | unfinished window: 10000
40000 rows, 10000 keys, 3000 s: from a group by k until at + 2h select k, count() as n, sum(v) as s | passes its end: 10000
40000 rows, 10000 keys, 3000 s: from a group by k forever select k, count() as n, sum(v) as s | bytes per k: 10000
40000 rows, 10000 keys, 3000 s: from a group by k expire 1h select k, count() as n, sum(v) as s | bytes per k: 10000, has not passed: 133
40000 rows, 10000 keys, 3000 s: from s group by id expire 1h select id, sum(v) as s | the row of each id: 10000, bytes per id: 10000, row of these: 10000
40000 rows, 10000 keys, 3000 s: from a window tumbling 1h group by k select k, count() as n emit on change | open window: 10000
40000 rows, 10000 keys, 5000 s: from a window tumbling 1h lateness 1h group by k select k, count() as n | open window: 20000
40000 rows, 10000 keys, 5000 s: from a window tumbling 1h fill 0 for 1d group by k select k, count() as n | open window: 10000, last results: 10000
40000 rows, 10000 keys, 3000 s: from a window sliding 1h by k select k, max(v) as s | rows of the last: 40000, bytes per key: 10000
80000 rows, 5000 keys, 3000 s: from a window sliding 8 rows by k forever select k, sum(v) as s | the last 8 rows: 40000
40000 rows, 10000 keys, 3000 s: from a window running by k forever select k, sum(v) as s | bytes per key: 10000
40000 rows, 1000 keys, 3000 s: from a top 10 by v desc per k forever | 10 rows per k: 10000
40000 rows, 1000 keys, 3000 s: from a top 1000 by v desc forever | 1000 rows: 1000
40000 rows, 4000 keys, 5000 s: from a window tumbling 1h lateness 1h top 1 by v desc per k | one row per k: 8000
40000 rows, 4000 keys, 3000 s: from a window session 1h lateness 1h by k top 1 by v desc | one row: 4000
40000 rows, 1000 keys, 3000 s: from a window session 1h by k group by k, v % 10 as m select k, m, count() as n top 3 by n desc emit on change | session: 10000, all rows that stand: 10000
40000 rows, 10000 keys, 3000 s: from a dedupe by k keep last forever | one row per k: 10000
40000 rows, 10000 keys, 3000 s: from s select id, v | the row of each id: 10000
40000 rows, 1000 keys, 3000 s: from a window tumbling 1h group by k select k, count() as n emit every 1h | open window: 1000, last multiple: 40000
40000 rows, 10 keys, 3000 s: from a window sliding 1h by k select k, sum(v) as s | rows of the last: 40000
40000 rows, 1000 keys, 3000 s: from a window tumbling 1h order by v desc | rows of each open window: 40000
40000 rows, 10000 keys, 3000 s: from a dedupe by k within 1h | bytes per key: 10000, has not passed: 133
40000 rows, 10000 keys, 3000 s: from a changes of v by k forever | bytes per key: 10000, has not passed: 133
40000 rows, 10000 keys, 3000 s: from a select k, v, prev(v, by: k, forever: true) as p | bytes per key: 10000, has not passed: 133
40000 rows, 10000 keys, 3000 s: from a throttle 2 per 1h by k | bytes per key: 10000, has not passed: 133
40000 rows, 10000 keys, 3000 s: from a select k, row_number(by: k, forever: true) as n | bytes per key: 10000, has not passed: 133
40000 rows, 10000 keys, 3000 s: from a window tumbling 1h select k, v, prev(v, by: k) as p | bytes per key and open window: 10000, has not passed: 133
40000 rows, 10000 keys, 3000 s: from a window session 1h by k changes of v by k | open window: 10000, has not passed: 133
40000 rows, 100 keys, 3000 s: from a window tumbling 1h select k, v, lead(v, 50000) as p | wait for those behind: 40000
40000 rows, 100 keys, 3000 s: from a window session 1h by k order by v desc | rows of each open window: 40000
40000 rows, 10000 keys, 3000 s: from a window session 1h by k group by k select k, sum(v) as s emit on change | session: 10000
40000 rows, 10000 keys, 3 s: from a dedupe by k within 1ms | has not passed: 40000
40000 rows, 10000 keys, 3000 s: from a join kept as t on t.k == a.k select a.v, t.v as w | the row of each k: 10000
40000 rows, 10000 keys, 3000 s: from a left join loaded as t on t.code == a.k select a.v, t.w | the row of each code: 10000
40000 rows, 10000 keys, 3000 s: from a left join loaded as t on t.w == a.k select a.v, t.w | the row of each code: 10000
40000 rows, 10000 keys, 3000 s: from a join late as t on t.number == a.k select a.v, t.v as w | passes the time: 40000, has passed them: 40000
40000 rows, 10000 keys, 3000 s: from s left join kept as t on t.k == s.id select s.v, t.v as w | the row of each k: 10000, the row of each id: 10000, that stands: 10000, bytes per row found: 10000
40000 rows, 10000 keys, 3000 s: from s join refreshed as t on t.w == s.v select s.v, t.w | the row of each code: 10000, the row of each id: 10000, that stands: 10000, bytes per row found: 10000
40000 rows, 10000 keys, 3000 s: from a as l join a as r on l.k == r.k within 1h select l.v, r.v as w | joined with a: 40000, rows of a: 40000
40000 rows, 10000 keys, 3000 s: from a as l full join a as r on l.k == r.k within 1h select l.v, r.v as w | joined with a: 40000, rows of a: 40000
40000 rows, 10000 keys, 3000 s: from a as l window tumbling 1h join a as r on l.k == r.k select l.v, r.v as w | joined with a: 40000, rows of a: 40000
40000 rows, 10000 keys, 500 s: from a as l window hopping 1h every 10m join a as r on l.k == r.k select l.v, r.v as w | joined with a: 240000, rows of a: 240000
40000 rows, 10000 keys, 3000 s: from s as l join a as r on l.id == r.k forever select l.v, r.v as w | joined with a: 10000, rows of a: 40000, the row of each id: 10000
40000 rows, 10000 keys, 3000 s: from a as l semi join a as r on l.k == r.k forever select l.v | first row of a: 10000
40000 rows, 10000 keys, 3000 s: from a as l anti join a as r on l.k == r.v forever select l.v | first row of a: 10000
40000 rows, 10000 keys, 3000 s: from a as l left join a as r on l.k == r.k and l.v < r.v forever select l.v, r.v as w | joined with a: 40000, rows of a: 40000
";

struct Case<'a> {
    stream: &'a str,
    n_rows: i64,
    n_keys: i64,
    seconds: i64,
    kept: Vec<(&'a str, i64)>,
}

impl Case<'_> {
    fn of(line: &str) -> Case<'_> {
        let (of_rows, rest) = line.split_once(": ").expect("rows: stream");
        let (stream, kept) = rest.split_once(" | ").expect("stream | what is kept");
        let mut numbers = of_rows.split([' ', ',']).filter_map(|word| word.parse().ok());
        let mut number = || numbers.next().expect("rows, keys and seconds");
        fn part(part: &str) -> (&str, i64) {
            let (words, n) = part.split_once(": ").expect("words: number");
            (words, n.parse().expect("a number"))
        }
        let kept = kept.split(", ").map(part).collect();
        Case { stream, n_rows: number(), n_keys: number(), seconds: number(), kept }
    }
}

#[test]
fn operators_hold_what_explain_says() {
    let mut wrong = String::new();
    for case in CASES.lines().map(Case::of) {
        let (said, held, lines) = said_and_held(&case);
        let ratio = held as f64 / said as f64;
        if !(0.5..=2.0).contains(&ratio) {
            let _ = writeln!(wrong, "{ratio:.2} = {held} of {said} bytes: {}\n{lines}", case.stream);
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// The bytes that the formula gives, those that are held, and the formula.
fn said_and_held(case: &Case) -> (i64, i64, String) {
    let program = format!(
        "source a: {{ k: int, v: int, x: float, at: timestamp }} from file(\"-\") format json time at disorder 10s\n\
         source s: {{ id: int, v: int, at: timestamp }} key id from file(\"s\") format json time at\n\
         table kept key k = from a select k, v\n\
         table loaded: {{ code: int, w: int }} key code from file(\"t\") format json\n\
         table refreshed: {{ code: int, w: int }} key code from file(\"r\") format json refresh 5m\n\
         table late: {{ number: int, v: int, at: timestamp }} key number from file(\"l\") format json time at disorder 2h\n\
         stream held = {}\n\
         sink out from held to stdout",
        case.stream
    );
    let (files, compilation, flow) = compiled(&program);
    let lines = explain(&compilation.program, &flow);
    let lines: Vec<&str> = lines.lines().filter(|line| line.starts_with("  keeps ")).collect();
    let said = |(words, n): &(&str, i64)| {
        let line = lines.iter().find(|line| line.contains(words));
        let line = line.unwrap_or_else(|| panic!("{}: `{words}` is not in {lines:?}", case.stream));
        n * bytes_in(line, words) * slots_in(line)
    };
    let said = case.kept.iter().map(said).sum();
    (said, held(case, &flow, &files), lines.join("\n"))
}

/// The first number in front of `bytes`; the one in front of the words where these say of what the bytes are.
fn bytes_in(line: &str, words: &str) -> i64 {
    let wanted = if words.starts_with("bytes") { words } else { "bytes" };
    let before = line.split(&format!(" {wanted}")).next().unwrap_or_default();
    before.rsplit(' ').next().and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("no bytes: {line}"))
}

/// `at most 63 slots`, or one.
fn slots_in(line: &str) -> i64 {
    let before = line.split(" slots of ").next().filter(|before| before.len() < line.len());
    before.and_then(|before| before.rsplit(' ').next()?.parse().ok()).unwrap_or(1)
}

fn held(case: &Case, flow: &Flow, files: &SourceMap) -> i64 {
    let compiled = Jit.compile(flow).expect("it compiles");
    let one = |name: &str, _: &SourceSpec| vec![(name.to_string(), Pace::default())];
    let mut simulation = Simulation::new(flow, &*compiled, files, START, &Workers::alone(), one);
    let sinks: Vec<_> = flow.ids().filter(|id| matches!(flow.node(*id).kind, NodeKind::Sink(_))).collect();
    let mut sources: Vec<(&str, &SourceSpec)> = vec![];
    for node in &flow.nodes {
        if let NodeKind::Source(spec) = &node.kind {
            sources.push((&*node.name, spec));
        }
    }
    // Tables come first.
    sources.sort_by_key(|(name, _)| *name == "a");
    for (name, spec) in sources {
        let number = simulation.source(name).expect("the source is read");
        for first in (0..case.n_rows).step_by(1000) {
            let rows = first..case.n_rows.min(first + 1000);
            let records: Vec<Record> = rows.map(|row| record(case, spec, row)).collect();
            simulation.arrive(number, 0, &records).expect("no row fails");
            sinks.iter().for_each(|sink| drop(simulation.take_rows(*sink)));
        }
    }
    simulation.state_bytes() as i64
}

fn record(case: &Case, spec: &SourceSpec, row: i64) -> Record {
    let value = |column: &usize| match &*spec.fields[*column].name {
        "k" | "id" | "code" | "number" => Value::Int(row % case.n_keys),
        "v" | "w" => Value::Int(row * 7919 % 10_007),
        "x" => Value::Float(row as f64),
        _ => Value::Timestamp(START + row * case.seconds * SECOND / case.n_rows),
    };
    Record::Row(spec.columns.iter().map(value).collect())
}
