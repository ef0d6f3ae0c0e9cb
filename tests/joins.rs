//! Joins of two streams against nested loops over all rows.

mod support;

use proptest::prelude::*;
use std::collections::BTreeMap;
use support::Folder;
use support::random::{Numbered, On, Row, WHERE, check, in_time, json, lines, rows, standing, write_rows};

const SOURCES: &str = r#"
source a: { id: int, k: string?, v: int?, at: timestamp as epoch_s } from file("a.ndjson") time at disorder 3s
source b: { id: int, k: string?, v: int?, at: timestamp as epoch_s } from file("b.ndjson") time at disorder 1s
"#;

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
    /// One of [`WHERE`].
    filter: usize,
    /// Whether both sides are `a`.
    is_self_join: bool,
}

fn shape() -> impl Strategy<Value = Shape> {
    let bound = prop_oneof![
        4 => (-6i64..6, 0i64..8).prop_map(|(low, size)| Bound::Within(low, low + size)),
        1 => Just(Bound::Window(4, 4)),
        1 => Just(Bound::Window(6, 2)),
        1 => Just(Bound::Forever),
    ];
    let kinds = vec!["join", "left join", "right join", "full join", "semi join", "anti join"];
    let numbers = (0..ON.len(), 0..WHERE.len());
    (prop::sample::select(kinds), bound, numbers, prop::bool::weighted(0.2)).prop_map(
        |(kind, bound, (on, filter), is_self_join)| {
            let has_one_side = kind == "semi join" || kind == "anti join";
            let filter = if WHERE[filter].1 && has_one_side { 0 } else { filter };
            Shape { kind, bound, on, filter, is_self_join }
        },
    )
}

impl Shape {
    /// Whether rows without a partner leave at once and are withdrawn when one comes.
    fn is_updating(&self) -> bool {
        matches!(self.bound, Bound::Forever) && !matches!(self.kind, "join" | "semi join")
    }

    /// Two streams: the pairs, and how many of them there are at which times.
    fn program(&self, name: &str) -> String {
        let right = if self.is_self_join { "a" } else { "b" };
        let (on, filter) = (ON[self.on].0, WHERE[self.filter].0);
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
            "stream {name} = from a as x {window}{} {right} as y on {on}{bound}{filter} select {columns}\n",
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
        let row = |rows: &[Numbered], id: Option<usize>| {
            id.and_then(|id| rows.iter().find(|(other, _)| *other == id)).map(|(_, row)| (*row).clone())
        };
        let left_only = matches!(self.kind, "semi join" | "anti join");
        pairs.retain(|(l, r, _)| {
            let y = if left_only { None } else { row(right, *r) };
            WHERE[self.filter].2(row(left, *l).as_ref(), y.as_ref())
        });
        pairs
    }
}

#[test]
fn joins_give_what_nested_loops_give() {
    let shapes = prop::collection::vec(shape(), 1..6);
    check(1000, &(rows(0..3, 20), rows(0..3, 20), shapes), |(left, right, shapes)| {
        let found = run(&left, &right, &shapes);
        for (number, shape) in shapes.iter().enumerate() {
            // What is kept for ever is not closed by time.
            let is_timed = !matches!(shape.bound, Bound::Forever);
            let left = in_time(&left, if is_timed { 3 } else { 1000 });
            let right = in_time(&right, if is_timed { 1 } else { 1000 });
            let pairs = shape.pairs(&left, if shape.is_self_join { &left } else { &right });
            let mut times: BTreeMap<i64, usize> = BTreeMap::new();
            pairs.iter().for_each(|(_, _, at)| *times.entry(*at).or_default() += 1);
            let pair = |(l, r, _): &_| format!("{{\"l\":{},\"r\":{}}}", json(*l), json(*r));
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
    });
}

/// The lines that each stream wrote; of an updating one the rows that stand.
fn run(left: &[Row], right: &[Row], shapes: &[Shape]) -> BTreeMap<String, Vec<String>> {
    let folder = Folder::new();
    write_rows(&folder, "a.ndjson", left);
    write_rows(&folder, "b.ndjson", right);
    let mut program = SOURCES.to_string();
    let mut names = vec![];
    for (number, shape) in shapes.iter().enumerate() {
        program += &shape.program(&format!("s{number}"));
        names.push((format!("s{number}"), shape.is_updating()));
        names.extend((!shape.is_updating()).then(|| (format!("s{number}_times"), false)));
    }
    support::random::run(&folder, &program);
    let all = |(name, is_updating): &(String, bool)| {
        let lines = lines(&folder, &format!("{name}.ndjson"));
        if *is_updating { standing(&lines) } else { lines }
    };
    names.iter().map(|named| (named.0.clone(), all(named))).collect()
}
