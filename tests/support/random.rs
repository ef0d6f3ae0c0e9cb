//! Random rows of the sources of property tests, `{ id: int, k: string?, v: int?, at: timestamp as epoch_s }`, and
//! what programs make of them.

use super::{Folder, cases};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseResult, TestRunner};
use std::fmt::Debug;
use std::ops::Range;

#[derive(Clone, Debug)]
pub struct Row {
    pub k: Option<&'static str>,
    pub v: Option<i64>,
    /// Seconds.
    pub at: i64,
}

/// A row with its number.
pub type Numbered<'r> = (usize, &'r Row);

/// What else holds of a pair than its times, as the language writes it and as Rust does.
pub type On = (&'static str, fn(&Row, &Row) -> bool);

/// What is asked of a pair behind a join, of which either row may be missing; whether it looks at the right one.
pub type Where = (&'static str, bool, fn(Option<&Row>, Option<&Row>) -> bool);

pub const WHERE: [Where; 5] = [
    ("", false, |_, _| true),
    (" where x.v > 0", false, |x, _| x.and_then(|x| x.v) > Some(0)),
    (" where x.v < 2 and x.k != \"b\"", false, |x, _| {
        x.is_some_and(|x| x.v.is_some_and(|v| v < 2) && x.k.is_some_and(|k| k != "b"))
    }),
    (" where y.v is null and x.v > 0", true, |x, y| {
        x.and_then(|x| x.v) > Some(0) && y.is_none_or(|y| y.v.is_none())
    }),
    (" where y.v > 0 and x.k != \"a\" and y.k != x.k", true, |x, y| {
        let (x, y) = (x.and_then(|x| x.k), y.filter(|y| y.v > Some(0)).and_then(|y| y.k));
        x.is_some_and(|x| x != "a" && y.is_some_and(|y| x != y))
    }),
];

fn row(values: Range<i64>) -> impl Strategy<Value = Row> {
    let k = prop::option::weighted(0.8, prop::sample::select(vec!["a", "b", "a longer key than fits"]));
    let v = prop::option::weighted(0.8, values);
    // Mostly forward: some steps back are within the disorder, some rows are late.
    (k, v, prop_oneof![6 => 0i64..3, 2 => -3i64..1, 1 => -9i64..0]).prop_map(|(k, v, at)| Row { k, v, at })
}

/// Fewer than `n` rows with ties, nulls, disorder and late ones.
pub fn rows(values: Range<i64>, n: usize) -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec(row(values), 0..n).prop_map(|mut rows| {
        let mut at = -6;
        for row in &mut rows {
            (row.at, at) = (at + row.at, at.max(at + row.at));
        }
        rows
    })
}

/// The rows that are not late, with their numbers.
pub fn in_time(rows: &[Row], disorder: i64) -> Vec<Numbered<'_>> {
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

/// Runs random cases, a tenth of `full` unless all are asked for.
pub fn check<S: Strategy>(full: usize, strategy: &S, test: impl Fn(S::Value) -> TestCaseResult)
where
    S::Value: Debug,
{
    let config = Config { cases: cases(full) as u32, failure_persistence: None, ..Config::default() };
    TestRunner::new(config).run(strategy, test).unwrap_or_else(|fault| panic!("{fault}"));
}

/// A value of JSON.
pub fn json<T: ToString>(value: Option<T>) -> String {
    value.map_or("null".to_string(), |value| value.to_string())
}

pub fn quoted(text: Option<&str>) -> String {
    json(text.map(|text| format!("\"{text}\"")))
}

/// Writes the rows as lines of JSON, numbered by `id`.
pub fn write_rows(folder: &Folder, name: &str, rows: &[Row]) {
    let line = |(id, row): (usize, &Row)| {
        let (k, v) = (quoted(row.k), json(row.v));
        format!("{{\"id\":{id},\"k\":{k},\"v\":{v},\"at\":{}}}\n", row.at)
    };
    folder.write(name, rows.iter().enumerate().map(line).collect::<String>());
}

/// Runs a program in a folder, which is to succeed.
#[track_caller]
pub fn run(folder: &Folder, program: &str) {
    folder.write("p.stream", program);
    let ran = folder.run("run p.stream -q");
    assert_eq!(ran.code, 0, "{}\n{program}", ran.stderr);
}

/// The lines of a file.
pub fn lines(folder: &Folder, name: &str) -> Vec<String> {
    folder.read(name).lines().map(str::to_string).collect()
}

/// The rows that are left of changes, as `changes: retract` writes them.
///
/// # Panics
/// If a row is withdrawn that does not stand.
pub fn standing(changes: &[String]) -> Vec<String> {
    let mut rows: Vec<String> = vec![];
    for change in changes {
        let (sign, row) = change.split_once(",\"row\":").expect("a change");
        let row = row.strip_suffix('}').expect("a change");
        if sign.ends_with("\"+\"") {
            rows.push(row.to_string());
        } else {
            let withdrawn = rows.iter().position(|other| other == row);
            rows.remove(withdrawn.unwrap_or_else(|| panic!("{row} does not stand: {changes:#?}")));
        }
    }
    rows
}
