//! Joins with tables against a look at all rows of the table, one after the other.

mod support;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeMap;
use support::{Folder, cases};

/// The same rows: as they were at a time, as a query keeps them, and as they were read last.
const TABLES: &str = r#"
source a: { id: int, k: string?, v: int?, at: timestamp as epoch_s } from file("a.ndjson") time at disorder 3s
source b: { id: int, k: string?, v: int?, at: timestamp as epoch_s } from file("b.ndjson") time at disorder 1s
table versions: { id: int, k: string?, v: int?, at: timestamp as epoch_s } key k
  from file("b.ndjson") time at disorder 1s
table kept key k delete when v == 0 = from b select id, k, v
table both key k, v = from b select id, k, v
table loaded: { id: int, k: string?, v: int?, at: timestamp as epoch_s } key k from file("b.ndjson")
"#;

#[derive(Clone, Debug)]
struct Row {
    k: Option<&'static str>,
    v: Option<i64>,
    /// Seconds.
    at: i64,
}

/// A row with its number.
type Numbered<'r> = (usize, &'r Row);

/// A row of the table since and until when it stands.
#[derive(Clone, Debug)]
struct Version<'r> {
    row: Numbered<'r>,
    since: i64,
    until: i64,
}

type On = (&'static str, fn(&Row, &Row) -> bool);

const ON: [On; 6] = [
    ("x.k == y.k", |x, y| x.k.is_some() && x.k == y.k),
    ("x.k == y.k and x.v == y.v", |x, y| x.k.is_some() && x.k == y.k && x.v.is_some() && x.v == y.v),
    ("x.k == y.k and x.v < y.v", |x, y| x.k.is_some() && x.k == y.k && x.v < y.v && x.v.is_some()),
    ("x.v == y.v", |x, y| x.v.is_some() && x.v == y.v),
    ("y.v + 1 == x.v or x.v is null", |x, y| x.v.is_none() || y.v.map(|v| v + 1) == x.v),
    ("lower(x.k ?? \"\") == y.k", |x, y| Some(x.k.unwrap_or("")) == y.k),
];

#[derive(Clone, Debug)]
struct Shape {
    kind: &'static str,
    table: &'static str,
    on: usize,
    /// How much later than its own time a row asks for, and how old the version may be, in seconds.
    as_of: Option<(i64, Option<i64>)>,
}

fn row() -> impl Strategy<Value = Row> {
    let k = prop::option::weighted(0.8, prop::sample::select(vec!["a", "b", "a longer key than fits"]));
    let v = prop::option::weighted(0.8, 0i64..3);
    // Mostly forward: some steps back are within the disorder, some rows are late.
    (k, v, prop_oneof![6 => 0i64..3, 2 => -3i64..1, 1 => -9i64..0]).prop_map(|(k, v, at)| Row { k, v, at })
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec(row(), 0..20).prop_map(|mut rows| {
        let mut at = -6;
        for row in &mut rows {
            (row.at, at) = (at + row.at, at.max(at + row.at));
        }
        rows
    })
}

fn shape() -> impl Strategy<Value = Shape> {
    let kinds = vec!["join", "left join", "semi join", "anti join", "in", "not in"];
    let tables = vec!["versions", "kept", "both", "loaded"];
    let as_of = prop::option::of((-3i64..4, prop::option::of(1i64..6)));
    (prop::sample::select(kinds), prop::sample::select(tables), 0..ON.len(), as_of).prop_map(
        |(kind, table, on, as_of)| {
            let asks = kind == "in" || kind == "not in";
            let as_of = as_of.filter(|_| table != "loaded" && !asks);
            Shape { kind, table, on, as_of }
        },
    )
}

impl Shape {
    fn program(&self, name: &str) -> String {
        let (table, kind) = (self.table, self.kind);
        if kind == "in" || kind == "not in" {
            let key = if table == "both" { "[k, v]" } else { "k" };
            return format!("stream {name} = from a where {key} {kind} {table} select id as l, id as r\n");
        }
        let as_of = self.as_of.map_or(String::new(), |(ahead, max_age)| {
            let age = max_age.map_or(String::new(), |age| format!(" within {age}s"));
            let sign = if ahead < 0 { '-' } else { '+' };
            format!(" as of x.at {sign} {}s{age}", ahead.abs())
        });
        let columns = match kind {
            "semi join" | "anti join" => "x.id as l, x.id as r",
            _ => "x.id as l, y.id as r",
        };
        let on = ON[self.on].0;
        format!("stream {name} = from a as x {kind} {table} as y on {on}{as_of} select {columns}\n")
    }

    fn pairs(&self, left: &[Row], versions: &[Version]) -> Vec<(usize, Option<usize>)> {
        // What is read as it stands is not closed by time.
        let left = in_time(left, if self.table == "loaded" { 1000 } else { 3 });
        let mut pairs = vec![];
        for (l, x) in left {
            let (ahead, max_age) = self.as_of.unwrap_or((0, None));
            let at = x.at + ahead;
            let stands = |version: &&Version| {
                self.table == "loaded" && version.until == i64::MAX
                    || self.table != "loaded"
                        && version.since <= at
                        && at < version.until
                        && max_age.is_none_or(|age| at - version.since <= age)
            };
            let key_is = |y: &Row| x.k == y.k && (self.table != "both" || x.v == y.v);
            let asks = self.kind == "in" || self.kind == "not in";
            let is_pair = |y: &Row| if asks { key_is(y) } else { ON[self.on].1(x, y) };
            let partners = versions.iter().filter(stands).filter(|version| is_pair(version.row.1));
            let partners: Vec<usize> = partners.map(|version| version.row.0).collect();
            let has_null = x.k.is_none() || self.table == "both" && x.v.is_none();
            match self.kind {
                "semi join" if !partners.is_empty() => pairs.push((l, Some(l))),
                "anti join" if partners.is_empty() => pairs.push((l, Some(l))),
                "in" if !has_null && !partners.is_empty() => pairs.push((l, Some(l))),
                "not in" if !has_null && partners.is_empty() => pairs.push((l, Some(l))),
                "semi join" | "anti join" | "in" | "not in" => {}
                "left join" if partners.is_empty() => pairs.push((l, None)),
                _ => pairs.extend(partners.iter().map(|r| (l, Some(*r)))),
            }
        }
        pairs
    }
}

/// The rows of a table as they replace each other.
fn versions<'r>(table: &str, rows: &'r [Row]) -> Vec<Version<'r>> {
    let is_loaded = table == "loaded";
    let mut rows = in_time(rows, if is_loaded { 1000 } else { 1 });
    if !is_loaded {
        rows.sort_by_key(|(id, row)| (row.at, *id));
    }
    let mut versions: Vec<Version> = vec![];
    for (id, row) in rows {
        let same_key = |y: &Row| y.k == row.k && (table != "both" || y.v == row.v);
        let before = versions.iter_mut().find(|v| v.until == i64::MAX && same_key(v.row.1));
        before.into_iter().for_each(|version| version.until = if is_loaded { i64::MIN } else { row.at });
        if table != "kept" || row.v != Some(0) {
            versions.push(Version { row: (id, row), since: row.at, until: i64::MAX });
        }
    }
    versions
}

#[test]
fn joins_with_tables_give_what_a_look_at_all_rows_gives() {
    let config = Config { cases: cases(1000) as u32, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&(rows(), rows(), prop::collection::vec(shape(), 1..6)), |(left, right, shapes)| {
            let found = run(&left, &right, &shapes);
            for (number, shape) in shapes.iter().enumerate() {
                let pairs = shape.pairs(&left, &versions(shape.table, &right));
                let id = |id: Option<usize>| id.map_or("null".to_string(), |id| id.to_string());
                let pair = |(l, r): &_| format!("{{\"l\":{l},\"r\":{}}}", id(*r));
                let mut pairs: Vec<String> = pairs.iter().map(pair).collect();
                let mut found = found[&format!("s{number}")].clone();
                pairs.sort();
                found.sort();
                prop_assert_eq!(&found, &pairs, "{:#?}", shape);
            }
            Ok(())
        })
        .unwrap_or_else(|fault| panic!("{fault}"));
}

/// The rows that are not late, with their numbers.
fn in_time(rows: &[Row], disorder: i64) -> Vec<Numbered<'_>> {
    let mut watermark = i64::MIN;
    let mut in_time = vec![];
    for (id, row) in rows.iter().enumerate() {
        if row.at >= watermark {
            in_time.push((id, row));
        }
        watermark = watermark.max(row.at - disorder);
    }
    in_time
}

/// The lines that each stream wrote.
fn run(left: &[Row], right: &[Row], shapes: &[Shape]) -> BTreeMap<String, Vec<String>> {
    let folder = Folder::new();
    let text = |text: Option<&str>| text.map_or("null".to_string(), |text| format!("\"{text}\""));
    let number = |number: Option<i64>| number.map_or("null".to_string(), |number| number.to_string());
    let line = |(id, row): (usize, &Row)| {
        format!("{{\"id\":{id},\"k\":{},\"v\":{},\"at\":{}}}\n", text(row.k), number(row.v), row.at)
    };
    folder.write("a.ndjson", left.iter().enumerate().map(line).collect::<String>());
    folder.write("b.ndjson", right.iter().enumerate().map(line).collect::<String>());
    let mut program = TABLES.to_string();
    let names: Vec<String> = (0..shapes.len()).map(|number| format!("s{number}")).collect();
    for (name, shape) in names.iter().zip(shapes) {
        program += &shape.program(name);
        program += &format!("sink {name} from {name} to file(\"{name}.ndjson\")\n");
    }
    folder.write("p.stream", &program);
    let ran = folder.run("run p.stream -q");
    assert_eq!(ran.code, 0, "{}\n{program}", ran.stderr);
    let lines = |name: &String| folder.read(&format!("{name}.ndjson")).lines().map(str::to_string).collect();
    names.iter().map(|name| (name.clone(), lines(name))).collect()
}
