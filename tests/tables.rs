//! Joins with tables against a look at all rows of the table, one after the other.

mod support;

use proptest::prelude::*;
use support::Folder;
use support::random::{Numbered, On, Row, WHERE, check, in_time, json, lines, rows, standing, write_rows};

/// The same rows: as they were at a time, as a query keeps them, and as they were read last.
const TABLES: &str = r#"
source a: { id: int, k: string?, v: int?, at: timestamp as epoch_s } from file("a.ndjson") time at disorder 3s
source b: { id: int, k: string?, v: int?, at: timestamp as epoch_s } from file("b.ndjson") time at disorder 1s
table versions: { id: int, k: string?, v: int?, at: timestamp as epoch_s } key k
  from file("b.ndjson") time at disorder 1s
table kept key k delete when v == 0 = from b select id, k, v
table both key k, v = from b select id, k, v
table loaded: { id: int, k: string?, v: int?, at: timestamp as epoch_s } key k from file("b.ndjson")
source latest: { id: int, k: string?, v: int?, at: timestamp as epoch_s } key k from file("a.ndjson") time at disorder 3s
stream sums = from a group by k forever select k, count() as n, max(id) as id, sum(v) as v
stream last = from a dedupe by k keep last forever
"#;

/// A row of the table since and until when it stands.
#[derive(Clone, Debug)]
struct Version<'r> {
    row: Numbered<'r>,
    since: i64,
    until: i64,
}

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
    /// `a`, or a stream of changes of its rows.
    left: &'static str,
    kind: &'static str,
    table: &'static str,
    on: usize,
    /// One of [`WHERE`].
    filter: usize,
    /// How much later than its own time a row asks for, and how old the version may be, in seconds.
    as_of: Option<(i64, Option<i64>)>,
}

fn shape() -> impl Strategy<Value = Shape> {
    let lefts = prop_oneof![3 => Just("a"), 1 => Just("latest"), 1 => Just("sums"), 1 => Just("last")];
    let kinds = vec!["join", "left join", "semi join", "anti join", "in", "not in"];
    let tables = vec!["versions", "kept", "both", "loaded"];
    let as_of = prop::option::of((-3i64..4, prop::option::of(1i64..6)));
    let numbers = (0..ON.len(), 0..WHERE.len());
    (lefts, prop::sample::select(kinds), prop::sample::select(tables), numbers, as_of).prop_map(
        |(left, kind, table, (on, filter), as_of)| {
            let asks = kind == "in" || kind == "not in";
            let has_one_side = asks || kind == "semi join" || kind == "anti join";
            let filter = if WHERE[filter].1 && has_one_side || asks { 0 } else { filter };
            let as_of = as_of.filter(|_| table != "loaded" && !asks && left == "a");
            Shape { left, kind, table, on, filter, as_of }
        },
    )
}

impl Shape {
    fn program(&self, name: &str) -> String {
        let Shape { left, table, kind, .. } = self;
        let changes = if self.is_updating() { " format json(changes: retract)" } else { "" };
        let sink = format!("sink {name} from {name} to file(\"{name}.ndjson\"){changes}\n");
        if self.asks() {
            let key = if *table == "both" { "[k, v]" } else { "k" };
            return format!(
                "stream {name} = from {left} where {key} {kind} {table} select id as l, id as r\n{sink}"
            );
        }
        let as_of = self.as_of.map_or(String::new(), |(ahead, max_age)| {
            let age = max_age.map_or(String::new(), |age| format!(" within {age}s"));
            let sign = if ahead < 0 { '-' } else { '+' };
            format!(" as of x.at {sign} {}s{age}", ahead.abs())
        });
        let columns = match *kind {
            "semi join" | "anti join" => "x.id as l, x.id as r",
            _ => "x.id as l, y.id as r",
        };
        let (on, filter) = (ON[self.on].0, WHERE[self.filter].0);
        format!(
            "stream {name} = from {left} as x {kind} {table} as y on {on}{as_of}{filter} select {columns}\n{sink}"
        )
    }

    fn is_updating(&self) -> bool {
        self.left != "a"
    }

    fn asks(&self) -> bool {
        self.kind == "in" || self.kind == "not in"
    }

    /// The rows on the left that stand in the end.
    fn standing(&self, rows: &[Row]) -> Vec<(usize, Row)> {
        // What is read as it stands is not closed by time, unless the changes are.
        let is_timed = self.table != "loaded" || self.left == "last";
        let mut rows = in_time(rows, if is_timed { 3 } else { 1000 });
        if is_timed && self.is_updating() {
            rows.sort_by_key(|(id, row)| (row.at, *id));
        }
        if !self.is_updating() {
            return rows.into_iter().map(|(id, row)| (id, row.clone())).collect();
        }
        let mut standing: Vec<(usize, Row)> = vec![];
        for (id, row) in rows {
            let before = standing.iter().position(|(_, other)| other.k == row.k);
            let before = before.map(|place| standing.remove(place));
            standing.push(match before {
                // It is named by its greatest number, and asks at the time of its last change.
                Some((last, sum)) if self.left == "sums" => {
                    let v = row.v.map_or(sum.v, |v| Some(v + sum.v.unwrap_or(0)));
                    (last.max(id), Row { v, ..row.clone() })
                }
                _ => (id, row.clone()),
            });
        }
        standing
    }

    fn pairs(&self, left: &[Row], versions: &[Version]) -> Vec<(usize, Option<usize>)> {
        let mut pairs = vec![];
        for (l, x) in self.standing(left) {
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
            let is_pair = |y: &Row| if self.asks() { key_is(y) } else { ON[self.on].1(&x, y) };
            let partners = versions.iter().filter(stands).filter(|version| is_pair(version.row.1));
            let partners: Vec<Numbered> = partners.map(|version| version.row).collect();
            let passes = |y: Option<&Row>| WHERE[self.filter].2(Some(&x), y);
            let has_null = x.k.is_none() || self.table == "both" && x.v.is_none();
            match self.kind {
                "semi join" if !partners.is_empty() && passes(None) => pairs.push((l, Some(l))),
                "anti join" if partners.is_empty() && passes(None) => pairs.push((l, Some(l))),
                "in" if !has_null && !partners.is_empty() => pairs.push((l, Some(l))),
                "not in" if !has_null && partners.is_empty() => pairs.push((l, Some(l))),
                "semi join" | "anti join" | "in" | "not in" => {}
                "left join" if partners.is_empty() => pairs.extend(passes(None).then_some((l, None))),
                _ => {
                    let passing = partners.iter().filter(|(_, y)| passes(Some(*y)));
                    pairs.extend(passing.map(|(r, _)| (l, Some(*r))));
                }
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
    let shapes = prop::collection::vec(shape(), 1..6);
    check(1000, &(rows(0..3, 20), rows(0..3, 20), shapes), |(left, right, shapes)| {
        let found = run(&left, &right, &shapes);
        for (found, shape) in found.iter().zip(&shapes) {
            let pairs = shape.pairs(&left, &versions(shape.table, &right));
            let pair = |(l, r): &_| format!("{{\"l\":{l},\"r\":{}}}", json(*r));
            let mut pairs: Vec<String> = pairs.iter().map(pair).collect();
            let mut found = found.clone();
            pairs.sort();
            found.sort();
            prop_assert_eq!(&found, &pairs, "{:#?}", shape);
        }
        Ok(())
    });
}

/// The lines that each stream wrote; of an updating one the rows that stand.
fn run(left: &[Row], right: &[Row], shapes: &[Shape]) -> Vec<Vec<String>> {
    let folder = Folder::new();
    write_rows(&folder, "a.ndjson", left);
    write_rows(&folder, "b.ndjson", right);
    let named = || shapes.iter().enumerate().map(|(number, shape)| (format!("s{number}"), shape));
    let streams: String = named().map(|(name, shape)| shape.program(&name)).collect();
    support::random::run(&folder, &format!("{TABLES}{streams}"));
    let of = |(name, shape): (String, &Shape)| {
        let lines = lines(&folder, &format!("{name}.ndjson"));
        if shape.is_updating() { standing(&lines) } else { lines }
    };
    named().map(of).collect()
}
