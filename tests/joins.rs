//! Joins of two streams against nested loops over all rows.

mod support;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeMap;
use support::{Folder, cases};

const SOURCES: &str = r#"
source a: { id: int, k: string?, v: int?, at: timestamp as epoch_s } from file("a.ndjson") time at disorder 3s
source b: { id: int, k: string?, v: int?, at: timestamp as epoch_s } from file("b.ndjson") time at disorder 1s
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

/// What else holds of a pair than its times, as the language writes it and as Rust does.
type On = (&'static str, fn(&Row, &Row) -> bool);

const ON: [On; 6] = [
    ("x.k == y.k", |x, y| x.k.is_some() && x.k == y.k),
    ("x.k == y.k and x.v == y.v", |x, y| x.k.is_some() && x.k == y.k && x.v.is_some() && x.v == y.v),
    ("x.k == y.k and x.v < y.v", |x, y| x.k.is_some() && x.k == y.k && x.v < y.v && x.v.is_some()),
    ("y.v + 1 == x.v or x.v is null", |x, y| x.v.is_none() || y.v.map(|v| v + 1) == x.v),
    ("x.v > y.v", |x, y| x.v > y.v && y.v.is_some()),
    ("lower(x.k ?? \"\") == y.k and 1 == 1", |x, y| Some(x.k.unwrap_or("")) == y.k),
];

#[derive(Clone, Copy, Debug)]
enum Bound {
    /// Seconds.
    Within(i64, i64),
    /// Size and step in seconds.
    Window(i64, i64),
    Forever,
}

#[derive(Clone, Debug)]
struct Shape {
    kind: &'static str,
    bound: Bound,
    on: usize,
    /// Whether both sides are `a`.
    is_self_join: bool,
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
    let bound = prop_oneof![
        4 => (-6i64..6, 0i64..8).prop_map(|(low, size)| Bound::Within(low, low + size)),
        1 => Just(Bound::Window(4, 4)),
        1 => Just(Bound::Window(6, 2)),
        1 => Just(Bound::Forever),
    ];
    let kinds = vec!["join", "left join", "right join", "full join", "semi join", "anti join"];
    (prop::sample::select(kinds), bound, 0..ON.len(), prop::bool::weighted(0.2))
        .prop_map(|(kind, bound, on, is_self_join)| Shape { kind, bound, on, is_self_join })
}

impl Shape {
    /// Whether rows without a partner leave at once and are withdrawn when one comes.
    fn is_updating(&self) -> bool {
        matches!(self.bound, Bound::Forever) && !matches!(self.kind, "join" | "semi join")
    }

    /// Two streams: the pairs, and how many of them there are at which times.
    fn program(&self, name: &str) -> String {
        let right = if self.is_self_join { "a" } else { "b" };
        let on = ON[self.on].0;
        let (window, bound) = match self.bound {
            Bound::Within(low, high) => (String::new(), format!(" within {low}s..{high}s")),
            Bound::Window(size, step) if size == step => (format!("window tumbling {size}s "), String::new()),
            Bound::Window(size, step) => (format!("window hopping {size}s every {step}s "), String::new()),
            Bound::Forever => (String::new(), " forever".to_string()),
        };
        let columns = match self.kind {
            "semi join" | "anti join" => "x.id as l, x.id as r",
            _ => "x.id as l, y.id as r",
        };
        let pairs = format!(
            "stream {name} = from a as x {window}{} {right} as y on {on}{bound} select {columns}\n",
            self.kind
        );
        if self.is_updating() {
            let sink =
                format!("sink {name} from {name} to file(\"{name}.ndjson\") format json(changes: retract)\n");
            return pairs + &sink;
        }
        format!(
            "{pairs}stream {name}_times = from {name} window tumbling 1s group by () select int(window.start) as t, count() as n\n\
             sink {name} from {name} to file(\"{name}.ndjson\")\n\
             sink {name}_times from {name}_times to file(\"{name}_times.ndjson\")\n"
        )
    }

    /// The rows as left number, right number and time.
    fn pairs(&self, left: &[Numbered], right: &[Numbered]) -> Vec<(Option<usize>, Option<usize>, i64)> {
        let mut pairs = vec![];
        // Each row once for each window that it lies in; one window of everything where there are none.
        let windows = |at: i64| -> Vec<i64> {
            let Bound::Window(size, step) = self.bound else { return vec![0] };
            let last = at.div_euclid(step) * step;
            (0..).map(|n| last - n * step).take_while(|start| at < start + size).collect()
        };
        let is_pair = |x: &Row, y: &Row| {
            let is_near = match self.bound {
                Bound::Within(low, high) => (low..=high).contains(&(y.at - x.at)),
                _ => true,
            };
            is_near && ON[self.on].1(x, y)
        };
        let mut matched_right: Vec<(usize, i64)> = vec![];
        for (l, x) in left {
            for window in windows(x.at) {
                let of_window = |y: &&Numbered| windows(y.1.at).contains(&window) && is_pair(x, y.1);
                let partners: Vec<&Numbered> = right.iter().filter(of_window).collect();
                matched_right.extend(partners.iter().map(|(r, _)| (*r, window)));
                let has_partner = !partners.is_empty();
                match self.kind {
                    "semi join" if has_partner => pairs.push((Some(*l), Some(*l), x.at)),
                    "anti join" if !has_partner => pairs.push((Some(*l), Some(*l), x.at)),
                    "semi join" | "anti join" => {}
                    _ => pairs.extend(partners.iter().map(|(r, y)| (Some(*l), Some(*r), x.at.max(y.at)))),
                }
                if matches!(self.kind, "left join" | "full join") && !has_partner {
                    pairs.push((Some(*l), None, x.at));
                }
            }
        }
        if matches!(self.kind, "right join" | "full join") {
            for (r, y) in right {
                for window in windows(y.at) {
                    if !matched_right.contains(&(*r, window)) {
                        pairs.push((None, Some(*r), y.at));
                    }
                }
            }
        }
        pairs
    }
}

#[test]
fn joins_give_what_nested_loops_give() {
    let config = Config { cases: cases(1000) as u32, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&(rows(), rows(), prop::collection::vec(shape(), 1..6)), |(left, right, shapes)| {
            let found = run(&left, &right, &shapes);
            for (number, shape) in shapes.iter().enumerate() {
                // What is kept for ever is not closed by time.
                let is_timed = !matches!(shape.bound, Bound::Forever);
                let left = in_time(&left, if is_timed { 3 } else { 1000 });
                let right = in_time(&right, if is_timed { 1 } else { 1000 });
                let pairs = shape.pairs(&left, if shape.is_self_join { &left } else { &right });
                let mut times: BTreeMap<i64, usize> = BTreeMap::new();
                pairs.iter().for_each(|(_, _, at)| *times.entry(*at).or_default() += 1);
                let id = |id: Option<usize>| id.map_or("null".to_string(), |id| id.to_string());
                let pair = |(l, r, _): &_| format!("{{\"l\":{},\"r\":{}}}", id(*l), id(*r));
                let mut pairs: Vec<String> = pairs.iter().map(pair).collect();
                let time = |(at, n): (&i64, &usize)| format!("{{\"t\":{},\"n\":{n}}}", at * 1_000_000);
                let times: Vec<String> = times.iter().map(time).collect();
                let mut found_pairs = found[&format!("s{number}")].clone();
                pairs.sort();
                found_pairs.sort();
                prop_assert_eq!(&found_pairs, &pairs, "pairs of {:#?}", shape);
                if is_timed {
                    prop_assert_eq!(&found[&format!("s{number}_times")], &times, "times of {:#?}", shape);
                }
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
    let mut program = SOURCES.to_string();
    let mut names = vec![];
    for (number, shape) in shapes.iter().enumerate() {
        program += &shape.program(&format!("s{number}"));
        names.push((format!("s{number}"), shape.is_updating()));
        names.extend((!shape.is_updating()).then(|| (format!("s{number}_times"), false)));
    }
    folder.write("p.stream", &program);
    let ran = folder.run("run p.stream -q");
    assert_eq!(ran.code, 0, "{}\n{program}", ran.stderr);
    let lines = |name: &str| folder.read(&format!("{name}.ndjson")).lines().map(str::to_string).collect();
    let all = |(name, is_updating): &(String, bool)| match is_updating {
        true => standing(lines(name)),
        false => lines(name),
    };
    names.iter().map(|named| (named.0.clone(), all(named))).collect()
}

/// The rows that are left of changes. None may be withdrawn that is not there.
fn standing(changes: Vec<String>) -> Vec<String> {
    let mut rows = vec![];
    for change in changes {
        let (sign, row) = change.split_once(",\"row\":").expect("a change");
        let row = row.strip_suffix('}').expect("a change").to_string();
        if sign.ends_with("\"+\"") {
            rows.push(row);
        } else {
            let withdrawn = rows.iter().position(|other| *other == row).expect("a row that is there");
            rows.remove(withdrawn);
        }
    }
    rows
}
