//! What is said of mistakes that people make who know other query languages, in full; and that each proposed
//! edit makes the program right.

use crate::helper::compile_with;
use insta::assert_snapshot;
use millstream_base::diagnostic::Fix;
use millstream_base::render;
use millstream_core::Overrides;
use std::fmt::Write;

const SOURCES: &str = r#"type E = { k: string, v: int, f: float, at: timestamp, ends: timestamp }
source s: E from file("s.ndjson") format json time at
source u: E key k from file("u.ndjson") format json time at
"#;

/// The findings of the stream that each query makes.
fn queries(queries: &[&str]) -> String {
    let text = |query: &&str| said(&format!("{SOURCES}stream x =\n  {query}\n"));
    queries.iter().map(text).collect()
}

fn programs(programs: &[&str]) -> String {
    programs.iter().map(|program| said(&format!("{SOURCES}{program}\n"))).collect()
}

fn said(program: &str) -> String {
    let (sources, compilation) = compile_with(program, Overrides::default());
    assert!(compilation.has_errors(), "nothing is said of\n{program}");
    for finding in &compilation.diagnostics {
        for fix in &finding.fixes {
            let fixed = applied(program, fix);
            let (sources, after) = compile_with(&fixed, Overrides::default());
            let said = render::concise(&sources, &after.diagnostics);
            assert!(!after.has_errors(), "{}:\n{fixed}\n{said}", fix.title);
        }
    }
    let mut text = String::new();
    for line in render::full(&sources, &compilation.diagnostics, render::Color::Off, None).lines() {
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text + "\n"
}

fn applied(program: &str, fix: &Fix) -> String {
    let mut edits = fix.edits.clone();
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.span.start));
    let mut fixed = program.to_string();
    for edit in edits {
        fixed.replace_range(edit.span.range(), &edit.text);
    }
    fixed
}

#[test]
fn sides_of_joins_that_are_withdrawn() {
    assert_snapshot!(queries(&[
        "from s join u on u.k == s.k within 5m select s.v",
        "from u left join s on u.k == s.k within 5m select u.v",
    ]));
}

#[test]
fn joins_and_tables() {
    const TABLES: &str = "
table t: { k: string, name: string } key k from file(\"t.csv\")
table n: { k: int, amount: decimal(2), name: string } key k from file(\"n.csv\")
table r: { k: string, rate: int, since: timestamp } key k from file(\"r.ndjson\") format json time since
";
    let streams = [
        "from s as a join s as b on a.k == b.k select a.v",
        "from s as a join s as b on a.k == b.v within 5m select a.f",
        "from s as a join s as b on a.k == b.k within 5m select v",
        "from s as a join s as b on a.k == b.k within 5m select *",
        "from s as a join s as b on a.k == b.k within 5m",
        "from s as `my a` join s as `select` on `my a`.k == `select`.k within 5m where `my a`.v > 1",
        "from s as a join s as b on a.k == b.at within 5m select a.v",
        "from s as a join s as b on a.v == b.at within 5m select a.v",
        "from s as a join s as b on a.k == b.k within 5m..1m select a.v",
        "from s as a join s as b on a.k == b.k within 5m as of a.at select a.v",
        "from s as a join t as b on b.k == a.v select a.v",
        "from s as a join n as b on b.k == a.k select a.v",
        "from s as a join n as b on b.k == a.v and b.amount == a.f select a.v",
        "from s where k in n select v",
        "from s where f in n select v",
        "from s where int(k) in n select v",
        "from s as a join t as b on b.k == a.k as of a.at select a.v",
        "from s as a join t as b on b.k == a.k as of a.at within 5m select a.v",
        "from s as a join r as b on b.k == a.k as of a.ends select a.v",
        "from s as a join r as b on b.k == a.k as of timestamp(a.v) select a.v",
        "from s as a join r as b on b.k == a.k as of b.since select a.v",
        "from s as a join r as b on b.k == a.k as of @2024-05-01 select a.v",
        "from u as a join r as b on b.k == a.k as of a.at within 1h select a.v",
        "from s as a right join t as b on b.k == a.k select a.v",
        "from s as a full join t as b on b.k == a.k select a.v",
        "from s as a join t as b on b.k == a.k within 5m select a.v",
        "from s as a join r as b on b.k == a.k within 5m select a.v",
        "from s as a join r as b on b.k == a.k forever select a.v",
        "from s as a join r as b on b.k == a.k as of a.at within 1m..5m select a.v",
    ];
    let of_streams: String =
        streams.iter().map(|stream| said(&format!("{SOURCES}{TABLES}stream x =\n  {stream}\n"))).collect();
    let tables = programs(&[
        "table x key v = from s group by k forever select k, sum(v) as v",
        "table x key kk = from s",
        "table x: { id: int } key ids from file(\"x.csv\")",
        "table x: { id: int } key id, id from file(\"x.csv\")",
        "table x key v, k, v = from s",
    ]);
    assert_snapshot!(of_streams + &tables);
}

#[test]
fn kinds_and_options_of_windows() {
    assert_snapshot!(queries(&[
        "from s window 5m group by k select k, count() as n",
        "from s window 5m every 1m group by k select k, count() as n",
        "from s window tumble 5m group by k select k, count() as n",
        "from s window hop 5m every 1m group by k select k, count() as n",
        "from s window hopping 5m slide by 1m group by k select k, count() as n",
        "from s window hopping 5m group by k select k, count() as n",
        "from s window hopping 5 rows group by k select k, count() as n",
        "from s window hopping 10 rows every 2 rows by k forever group by k select k, count() as n",
        "from s window session 30m grace 1m group by k select k, count() as n",
        "from s window session gap 5m group by k select k, count() as n",
        "from s window session 5m partition by k group by k select k, count() as n",
        "from s window tumbling 5m grace period 1m group by k select k, count() as n",
        "from s window tumbling 5m allowed lateness 1m group by k select k, count() as n",
        "from s window tumbling 5m partition by k select k, count() as n",
        "from s window sliding 5m partition by k select k, count() as n",
        "from s window tumbling 60 group by k select k, count() as n",
        "from s window tumbling 5 minutes group by k select k, count() as n",
        "from s window tumbling weeks group by k select k, count() as n",
        "from s window tumbling 1M group by k select k, count() as n",
        "from s window tumbling 2 months group by k select k, count() as n",
        "from s window tumbling 1d in \"Europe/Paris\" group by k select k, count() as n",
        "from s window tumbling 7d in \"Europe/Paris\" group by k select k, count() as n",
        "from s window tumbling 5m in \"Europe/Paris\" group by k select k, count() as n",
        "from s window tumbling v group by k select k, count() as n",
        "from s window running select k, count() as n",
        "from s window running by k select k, count() as n",
    ]));
}

#[test]
fn what_a_window_and_its_results_are() {
    assert_snapshot!(queries(&[
        "from s window tumbling 7s group by k select k, window_start, count() as n",
        "from s window tumbling 7s group by k select k, window.size as z, count() as n",
        "from s window tumbling 7s top 3 by v desc select k, window.start",
        "from s window tumbling 7s group by k select k, count() as n select n, window.start as w",
        "from s window tumbling 5m top 3 by v group by k select k, count() as n",
        "from s window tumbling 5m top 3 by v select count() as n",
        "from s window tumbling 7s group by k select k, count() as n where count() > 3",
        "from s window tumbling 7s group by k select k, sum(v) order by sum(v)",
        "from s window tumbling 7s group by k select k, sum(v) as total where sum(f) > 1.0",
        "from s group by k until ends select k, ends, count() as n",
        "from s group by k until ends select k, count() as n emit on change",
        "from s group by k until ends select k, count() as n emit final",
        "from s group by k, k forever select k, count() as n",
    ]));
}

#[test]
fn what_is_updating_and_how_it_becomes_final() {
    assert_snapshot!(queries(&[
        "from s window tumbling 5m lateness 1h group by k select k, count() as n emit final",
        "from s window session 5m lateness 1h group by k select k, count() as n emit final",
        "from u window tumbling 1m group by k select k, count() as n",
        "from u group by k forever select k, count() as n emit final",
        "from u group by v forever select v, count() as n window tumbling 1m select count() as m",
        "from s group by k forever select k, count() as n emit final",
        "from s group by k forever select k, count() as n window tumbling 1h select sum(n) as n",
        "from s window tumbling 1m lateness 1h group by k select k, count() as n window tumbling 1h select sum(n) as n",
        "from s window tumbling 1m group by k select k, count() as n emit on change window tumbling 1h select sum(n) as n",
        "from s window tumbling 1m group by k select k, count() as n emit every 10s changes of n by k expire 1h",
        "from s window tumbling 1m lateness 1h group by k select k, count() as n emit on change window tumbling 1h select sum(n) as n",
        "from s top 3 by v forever window tumbling 1h group by k select k, count() as n",
        "from s dedupe by k keep last forever window tumbling 1h group by k select k, count() as n",
        "from s window session 5m by k top 5 by v emit on change top 1 by v",
        "from s window tumbling 5m group by k select k, count() as n emit on change order by n",
        "from u top 1 by v",
    ]));
}

#[test]
fn aggregates_that_cannot_forget() {
    let longest = |more: &str, from: &str| {
        format!(
            "aggregate longest(x: int) -> int {{\n  state n: int = 0\n  add n = greatest(n, x)\n{more}  result n\n}}
fn greatest(a: int, b: int) -> int = if a > b then a else b
stream x = from {from} group by v forever select v, longest(v) as n"
        )
    };
    let merge = "  merge a, b n = greatest(a.n, b.n)\n";
    let remove = "  remove n = n - 1\n";
    let of_top = longest("", "s top 9 by v forever");
    assert_snapshot!(programs(&[&longest("", "u"), &longest(merge, "u"), &longest(remove, "u"), &of_top,]));
}

#[test]
fn clauses_in_other_words() {
    assert_snapshot!(queries(&[
        "from s window tumbling 1m group by k select k, count() as n emit changes",
        "from s window tumbling 1m group by k select k, count() as n emit on update",
        "from s window tumbling 1m group by k select k, count() as n emit on close",
        "from s dedupe k within 5m",
        "from s dedupe by k",
        "from s dedupe by k select k",
        "from s dedupe by k for 5m",
        "from s dedupe by k keep first",
        "from s dedupe by k keep first within 5m",
        "from s throttle 2 by k per 5m",
        "from s throttle 2 by k, v per 5m select k",
        "from s changes v by k forever",
        "from s window tumbling 1m group by k select k, count() filter (v > 1) as n",
        "from s window tumbling 1m group by k select k, count() filter where v > 1 as n",
        "from s window tumbling 1m group by k select count() filter where (v > 1) and f > 0.5 as n, k",
        "from s window tumbling 1m group by k select k, last(v) ignore nulls as n",
        "from s window tumbling 1m group by k select k, sum(v) IGNORE NULLS as n",
        "from s let p = lag(v, v, by: k, forever: true) select p",
        "from s top v by k forever",
        "from s time at lateness 5s",
    ]));
}

#[test]
fn sources_and_tests() {
    assert_snapshot!(programs(&[
        "source t: E from file(\"t.ndjson\") format json time at lateness 5s",
        "source t: E from file(\"t.ndjson\") format json time at disorder 5",
        "param n: int = 5\nsource t: E from file(\"t.ndjson\") format json time at disorder n",
        "stream x = from s window tumbling (60) select count() as n",
        "fn least(a: duration, b: duration) -> duration = if a < b then a else b\nstream x = from s select least(ends - at, v + 1) as w",
        "source t: E from stdin format json",
        "sink o from s to console format json",
        "source t: { v: int? } from file(\"t.ndjson\") format json time v",
        "source t: { v: timestamp? } from file(\"t.ndjson\") format json time v",
        "test \"t\" { given s [{ k: \"a\", v: 1, f: 1.0, at: 3s, ends: +4s }] expect s count 1 }",
        "test \"t\" { given s [] advance to 10s expect s empty }",
        "test \"t\" { expect s [{ v: \"x\" }] }",
        "test \"t\" { expect s [{ v: \"5\" }] }",
        "param v: string = \"5\"\ntest \"t\" { expect s [{ v: v }] }",
        "test \"t\" { given s [] }",
        "test \"t\" { expect s empty }\ntest \"t\" { expect s empty }",
    ]));
}

#[test]
fn rows_that_are_not_here() {
    assert_snapshot!(programs(&[
        "stream x = from s semi join u on u.k == s.k forever select u.v",
        "stream x = from s anti join u as w on w.k == s.k forever select w.v",
        "stream x = from s select u.v",
        "stream x = from s where k == u",
        "stream x = from s where late(s)",
        "table t key k = from s\nstream x = from s where v == t.v",
        "table t key k = from s\nstream x = from s where t",
    ]));
}

#[test]
fn tables_that_are_asked_in_other_places() {
    let tables = "table t key k = from s\ntable t2 key k, v = from s\nstream x = from s ";
    let programs: Vec<String> = [
        "where [v, k] in t",
        "where k in t2",
        "window tumbling 1m group by k in t as y select y, count() as n",
        "window tumbling 1m group by k select k, count() filter (where [k, v] in t2) as n",
        "join t on t.k == s.k as of s.at within 0s select s.k",
        "join s as r on r.k == s.k as of s.at select s.k",
    ]
    .map(|query| format!("{tables}{query}"))
    .into();
    let programs: Vec<&str> = programs.iter().map(String::as_str).collect();
    assert_snapshot!(self::programs(&programs));
}

#[test]
fn a_table_with_a_wrong_key_is_reported_once() {
    assert_snapshot!(programs(&[
        "table t key foo = from s\nstream x = from s join t on t.k == s.k select s.k",
        "table t: E key foo from file(\"t.csv\") format csv\nstream x = from s where k in t",
    ]));
}

#[test]
fn times_of_tables() {
    assert_snapshot!(programs(&[
        "table t: { k: string, ts: timestamp } key k from file(\"t.csv\") format csv time at",
        "table t: E key k from file(\"t.csv\") format csv time happened",
        "table t: { k: string } key k from file(\"t.csv\") format csv time at",
    ]));
}

#[test]
fn aggregates_of_single_events() {
    assert_snapshot!(programs(&[
        "stream x = match a: s then b: s within 5m select sum(a.v) as total",
        "stream x = match a: s then b: s within 5m select count(a.v) + 1 as n",
    ]));
}
