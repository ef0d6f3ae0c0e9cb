//! The ids of rows: each row has one of its own, and the same in every run.

use super::support::Folder;
use std::collections::BTreeSet;

/// The ids that lines of rows hold under `row_id`, in JSON or as the last field.
pub fn ids(rows: &str) -> Vec<&str> {
    fn id(line: &str) -> Option<&str> {
        let behind =
            line.split_once("\"row_id\":\"").or_else(|| line.rsplit_once(',')).map(|(_, behind)| behind);
        behind.and_then(|behind| behind.split('"').next())
    }
    rows.lines().filter_map(id).filter(|id| *id != "row_id").collect()
}

/// A program with every kind of operator.
fn folder() -> Folder {
    let from = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/durable/checkpoints/format-2");
    let folder = Folder::new();
    let read = |name: &str| std::fs::read_to_string(format!("{from}/{name}")).expect("it is there");
    for name in ["a.ndjson", "b.ndjson", "c.ndjson"] {
        folder.write(name, read(name));
    }
    let with_ids = |line: &str| match line.strip_prefix("sink ") {
        Some(_) if line.contains("(changes: retract)") => {
            line.replace("(changes: retract)", "(changes: retract, id: \"row_id\")")
        }
        Some(_) => line.replace("format json", "format json(id: \"row_id\")"),
        None => line.to_string(),
    };
    let program: Vec<String> = read("p.stream").lines().map(with_ids).collect();
    folder.write("p.stream", program.join("\n"));
    folder
}

#[test]
fn rows_have_ids_of_their_own_that_workers_do_not_change() {
    let folder = folder();
    let rows = |workers: usize| folder.run(&format!("run -q p.stream --workers {workers}")).code(0).stdout;
    let alone = rows(1);
    let known = ids(&alone);
    assert!(known.len() > 1000 && known.len() == alone.lines().count(), "{} ids", known.len());
    let mut seen = BTreeSet::new();
    let twice = known.iter().find(|id| !seen.insert(**id));
    assert_eq!(
        twice,
        None,
        "{}",
        alone.lines().filter(|line| line.contains(twice.unwrap_or(&""))).collect::<Vec<_>>().join("\n")
    );
    for workers in [2, 3] {
        let shared = rows(workers);
        let shared: BTreeSet<&str> = shared.lines().collect();
        let alone: BTreeSet<&str> = alone.lines().collect();
        let others: Vec<_> = alone.symmetric_difference(&shared).collect();
        assert!(others.is_empty(), "{workers} workers: {others:#?}");
    }
}

/// Whoever has kept ids knows them again after an update of Millstream.
#[test]
fn ids_stay_what_they_are() {
    let folder = Folder::new();
    folder.write(
        "p.stream",
        "source clicks: { user: string, tags: list<string>, at: timestamp } from file(\"clicks.ndjson\") format json time at\n\
         stream tagged = from clicks unnest tags as tag select user, tag\n\
         sink out from tagged to stdout format csv(id: \"row_id\")\n",
    );
    folder.write(
        "clicks.ndjson",
        "{\"user\":\"ann\",\"tags\":[\"a\",\"a\",\"b\"],\"at\":\"2024-05-01T10:00:00Z\"}\n\
         {\"user\":\"ann\",\"tags\":[\"a\"],\"at\":\"2024-05-01T10:00:00Z\"}\n",
    );
    insta::assert_snapshot!(folder.run("run -q p.stream").code(0).stdout);
}
