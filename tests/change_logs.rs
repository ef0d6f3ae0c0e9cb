//! Change logs against a look at their records one after the other: what stands in the end.

mod support;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::{BTreeMap, BTreeSet};
use support::{Folder, cases};

/// The log as a table with versions, as a table that a query keeps, and as a stream of changes.
const PROGRAM: &str = r#"
table versions: { id: int, v: int, at: timestamp as epoch_s } key id
  from file("log.ndjson") format json(changes: debezium) time at disorder 5s
source latest: { id: int, v: int, at: timestamp as epoch_s } key id
  from file("log.ndjson") format json(changes: debezium) time at disorder 5s
table kept key id = from latest
source asks: { id: int, at: timestamp as epoch_s } from file("asks.ndjson") time at
stream of_versions = from asks join versions as t on t.id == asks.id select t.id as id, t.v as v
stream of_kept = from asks join kept as t on t.id == asks.id select t.id as id, t.v as v
stream changes = from latest select id, v
sink s1 from of_versions to file("versions.ndjson")
sink s2 from of_kept to file("kept.ndjson")
sink s3 from changes to file("changes.ndjson") format json(changes: retract)
"#;

const IDS: i64 = 4;

/// A record of the log. How much of the row before it tells: its key, its time too, or all.
#[derive(Clone, Debug)]
enum Record {
    Put { id: i64, step: i64 },
    Delete { id: i64, told: Option<i64>, of_before: u8 },
    Move { id: i64, to: i64, step: i64, of_before: u8 },
}

fn record() -> impl Strategy<Value = Record> {
    let step = prop_oneof![5 => 0i64..4, 2 => -4i64..0];
    prop_oneof![
        4 => (0..IDS, step.clone()).prop_map(|(id, step)| Record::Put { id, step }),
        2 => (0..IDS, prop::option::of(-3i64..6), 0u8..3)
            .prop_map(|(id, told, of_before)| Record::Delete { id, told, of_before }),
        1 => (0..IDS, 0..IDS, step, 0u8..3)
            .prop_map(|(id, to, step, of_before)| Record::Move { id, to, step, of_before }),
    ]
}

/// The lines of the log, and the rows that stand behind it. A row that a key has again is never earlier than
/// it was, as in a database: versions stand in the order of their times.
fn log(records: &[Record]) -> (String, BTreeMap<i64, i64>) {
    let (mut lines, mut standing, mut greatest) = (String::new(), BTreeMap::<i64, (i64, i64)>::new(), 100);
    let mut gone: BTreeMap<i64, i64> = BTreeMap::new();
    let before = |standing: &BTreeMap<i64, (i64, i64)>, id: i64, of_before: u8| match standing.get(&id) {
        Some((_, at)) if of_before == 1 => format!("{{\"id\":{id},\"at\":{at}}}"),
        Some((v, at)) if of_before == 2 => format!("{{\"id\":{id},\"v\":{v},\"at\":{at}}}"),
        _ => format!("{{\"id\":{id}}}"),
    };
    for (v, record) in (0i64..).zip(records) {
        let since = |standing: &BTreeMap<i64, (i64, i64)>, gone: &BTreeMap<i64, i64>, id: i64| {
            standing.get(&id).map(|(_, at)| *at).max(gone.get(&id).copied()).unwrap_or(0)
        };
        match record {
            Record::Put { id, step } => {
                let at = (greatest + step).max(since(&standing, &gone, *id));
                lines += &format!("{{\"after\":{{\"id\":{id},\"v\":{v},\"at\":{at}}}}}\n");
                standing.insert(*id, (v, at));
                greatest = greatest.max(at);
            }
            Record::Delete { id, told, of_before } => {
                let told_ms = told.map_or(String::new(), |told| format!(",\"ts_ms\":{}000", greatest + told));
                lines += &format!(
                    "{{\"before\":{},\"after\":null{told_ms}}}\n",
                    before(&standing, *id, *of_before)
                );
                standing.remove(id);
                greatest = greatest.max(told.map_or(0, |told| greatest + told));
                gone.insert(*id, greatest);
            }
            Record::Move { id, to, step, of_before } => {
                let at =
                    (greatest + step).max(since(&standing, &gone, *to)).max(since(&standing, &gone, *id));
                let before = before(&standing, *id, *of_before);
                lines +=
                    &format!("{{\"before\":{before},\"after\":{{\"id\":{to},\"v\":{v},\"at\":{at}}}}}\n");
                standing.remove(id);
                greatest = greatest.max(at);
                gone.insert(*id, greatest);
                standing.insert(*to, (v, at));
            }
        }
    }
    (lines, standing.into_iter().map(|(id, (v, _))| (id, v)).collect())
}

/// What stands behind changes, each `{"change":"+","row":{…}}`.
fn standing(changes: &str) -> BTreeSet<String> {
    let mut standing = BTreeSet::new();
    for line in changes.lines() {
        let row = line.split_once("\"row\":").and_then(|(_, row)| row.strip_suffix('}')).expect("a change");
        match line.starts_with("{\"change\":\"+\"") {
            true => assert!(standing.insert(row.to_string()), "{row} comes twice"),
            false => assert!(standing.remove(row), "{row} goes and is not there"),
        }
    }
    standing
}

#[test]
fn what_stands_behind_a_log_is_what_its_records_leave() {
    let folder = Folder::new();
    folder.write("p.stream", PROGRAM);
    let asks: String = (0..IDS).map(|id| format!("{{\"id\":{id},\"at\":100000}}\n")).collect();
    folder.write("asks.ndjson", asks);
    let config = Config { cases: cases(600) as u32, failure_persistence: None, ..Config::default() };
    let records = prop::collection::vec(record(), 0..14);
    let checked = TestRunner::new(config).run(&records, |records| {
        let (lines, left) = log(&records);
        folder.write("log.ndjson", &lines).run("run -q p.stream").code(0);
        let expected: BTreeSet<String> =
            left.iter().map(|(id, v)| format!("{{\"id\":{id},\"v\":{v}}}")).collect();
        for table in ["versions.ndjson", "kept.ndjson"] {
            let found: BTreeSet<String> = folder.read(table).lines().map(str::to_string).collect();
            prop_assert_eq!(&found, &expected, "{} of\n{}", table, lines);
        }
        prop_assert_eq!(standing(&folder.read("changes.ndjson")), expected, "changes of\n{}", lines);
        Ok(())
    });
    checked.unwrap_or_else(|failure| panic!("{failure}"));
}
