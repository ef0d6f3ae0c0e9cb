//! Sides of joins, and tables, that fall silent: how long results are held, and what is said of it. Inputs are live and
//! come when the script says so, by a clock that stands until it is moved.

mod support;

use millstream_ir::engine::Engine;
use millstream_ir::flow::{NodeKind, SourceSpec};
use millstream_ir::types::TypeKind;
use millstream_ir::value::Value;
use millstream_runtime::interp::ReferenceEngine;
use millstream_runtime::simulate::{Record, Simulation};
use millstream_runtime::source::Pace;
use millstream_runtime::workers::Workers;
use std::fmt::Write;
use support::compiled::compiled;

const SECOND: i64 = 1_000_000;
/// When scripts begin, by the clock and in their rows: 2001-09-09T01:46:40Z.
const START: i64 = 1_000_000_000 * SECOND;

const SOURCES: &str = "\
source a: { n: int, at: timestamp } from file(\"a\", follow: true) format json time at
source b: { n: int, at: timestamp } from file(\"b\", follow: true) format json time at idle 30s
stream sums = from a group by n forever select n, count() as times
table rates: { n: int, at: timestamp } key n from file(\"r\", follow: true) format json time at idle 30s
";

/// Runs a script against a stream; what it gives is told behind each line:
/// - `a 1@5 2@6`: rows of these numbers and times, in seconds, arrive at a source;
/// - `clock 60`: the clock goes on to 60 s;
/// - `why`: what is waited for.
fn play(stream: &str, script: &str) -> String {
    let (files, _, flow) = &compiled(&format!("{SOURCES}stream s = {stream}\n"));
    let code = ReferenceEngine.compile(flow).expect("it compiles");
    let live = |name: &str, spec: &SourceSpec| vec![(name.to_string(), Pace::of(spec.time.as_ref(), true))];
    let mut simulation = Simulation::new(flow, &*code, files, START, &Workers::alone(), live);
    let sink = flow.ids().find(|id| matches!(flow.node(*id).kind, NodeKind::Sink(_))).expect("a sink");
    let shown = &flow.node(sink).schema;
    let mut out = String::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split(' ').collect();
        let seconds = |word: &str| START + word.parse::<i64>().expect("seconds") * SECOND;
        match words[0] {
            "why" => {
                let lines: String = simulation.held_back().iter().map(|held_back| held_back.text()).collect();
                let _ = writeln!(out, "why\n{}", lines.trim_end());
                continue;
            }
            "clock" => simulation.wait_until(seconds(words[1])).expect("nothing stops it"),
            name => {
                let source = simulation.source(name).expect("it is read");
                let spec = flow.nodes.iter().find_map(|node| match &node.kind {
                    NodeKind::Source(spec) if *node.name == *name => Some(spec),
                    _ => None,
                });
                let columns = &spec.expect("a source").columns;
                let record = |word: &&str| {
                    let (n, at) = word.split_once('@').expect("number@time");
                    let n = Value::Int(n.parse().expect("a number"));
                    let value = |column: &usize| [n.clone(), Value::Timestamp(seconds(at))][*column].clone();
                    Record::Row(columns.iter().map(value).collect())
                };
                let records: Vec<Record> = words[1..].iter().map(record).collect();
                simulation.arrive(source, 0, &records).expect("nothing stops it");
            }
        }
        let told = simulation.take_rows(sink).into_iter().map(|row| {
            let values = shown.columns.iter().zip(&row);
            let sign = shown.sign.map_or("", |sign| if row[sign] == Value::Int(-1) { "-" } else { "+" });
            let values = values.filter(|(column, _)| !column.hidden && column.ty.kind != TypeKind::Timestamp);
            let values: Vec<String> = values
                .map(|(_, value)| match value {
                    Value::Int(i) => i.to_string(),
                    _ => "null".to_string(),
                })
                .collect();
            format!("{sign}{}", values.join("/"))
        });
        let told: Vec<String> = told.collect();
        let _ = writeln!(out, "{}", format!("{line} | {}", told.join(" ")).trim_end());
    }
    out
}

#[test]
fn a_silent_table_holds_rows_until_it_is_idle() {
    insta::assert_snapshot!(play(
        "from a as x left join rates as r on r.n == x.n select x.n, r.n as found",
        "rates 1@0
         a 1@1 2@2
         why
         clock 29
         why
         clock 33
         a 1@40
         rates 2@35
         a 2@41
         clock 75
         clock 110",
    ), @r#"
rates 1@0 |
a 1@1 2@2 |
why
waiting for rates: the watermark of rates is 2001-09-09T01:46:40Z, for 0s
               2 rows of s, the first until 2001-09-09T01:46:41Z
clock 29 |
why
waiting for rates: the watermark of rates is 2001-09-09T01:46:40Z, for 29s
               2 rows of s, the first until 2001-09-09T01:46:41Z
clock 33 | 1/1 2/null
a 1@40 |
rates 2@35 |
a 2@41 |
clock 75 | 1/1 2/2
clock 110 |
"#);
}

#[test]
fn a_table_that_never_has_rows_is_not_waited_for_for_ever() {
    insta::assert_snapshot!(play(
        "from a as x anti join rates as r on r.n == x.n",
        "a 1@1
         why
         clock 31
         clock 32
         a 2@33",
    ), @r#"
a 1@1 |
why
waiting for rates: no row of rates has come for 0s
               1 row of s, the first until 2001-09-09T01:46:41Z
clock 31 |
clock 32 | 1
a 2@33 |
"#);
}

#[test]
fn changes_wait_for_a_silent_table_too() {
    insta::assert_snapshot!(play(
        "from sums as x left join rates as r on r.n == x.n select x.n, x.times, r.n as found",
        "rates 1@0
         a 1@1 1@2
         why
         clock 33",
    ), @r#"
rates 1@0 |
a 1@1 1@2 |
why
waiting for rates: the watermark of rates is 2001-09-09T01:46:40Z, for 0s
               3 rows of s, the first until 2001-09-09T01:46:41Z
clock 33 | +1/1/1 -1/1/1 +1/2/1
"#);
}

#[test]
fn a_silent_side_of_a_join_holds_rows_without_partners_until_it_is_idle() {
    insta::assert_snapshot!(play(
        "from a as x left join b as y on y.n == x.n within 5s select x.n, y.n as found",
        "b 1@0
         a 1@1 2@2
         why
         clock 30
         clock 38
         b 2@3
         a 2@38",
    ), @r#"
b 1@0 |
a 1@1 2@2 | 1/1
why
waiting for b: the watermark of b is 2001-09-09T01:46:40Z, for 0s
               1 row of s, the first until 2001-09-09T01:46:47Z
clock 30 |
clock 38 | 2/null
b 2@3 |
a 2@38 |
"#);
}
