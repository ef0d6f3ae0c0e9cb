//! A job from files to files, through the runtime's own door: flows are made by hand.

use millstream_base::{SourceMap, Span};
use millstream_ir::engine::Engine;
use millstream_ir::flow::*;
use millstream_ir::testing::{Generator, cases};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use millstream_runtime::checkpoint::store::Store;
use millstream_runtime::connector::Surroundings;
use millstream_runtime::interp::ReferenceEngine;
use millstream_runtime::job::{Options, State, run};
use millstream_runtime::report::{Progress, Report};
use millstream_runtime::time::Clock;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

/// Always the same time, though time goes by: an hour whenever somebody looks.
struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> i64 {
        0
    }

    fn elapsed(&self) -> i64 {
        static HOURS: AtomicI64 = AtomicI64::new(0);
        HOURS.fetch_add(1, Ordering::Relaxed) * 3_600_000_000
    }
}

fn connector(path: &str) -> ConnectorSpec {
    let options = [("path".into(), Value::string(path))].into();
    ConnectorSpec { name: "file".into(), options, span: Span::default() }
}

fn field(name: &str, ty: Type) -> FieldSpec {
    FieldSpec { name: name.into(), input: name.into(), ty, encoding: Encoding::Plain, default: None }
}

/// `{ id: int, at: timestamp }` from a path, timed by `at`, and a sink that writes it to `out.ndjson`.
fn copy(path: &str, on_error: OnError) -> Flow {
    let column = |name: &str, ty| Column { name: name.into(), ty, hidden: false };
    let schema = Schema::append_only(vec![column("id", Type::INT), column("at", Type::TIMESTAMP)], 1);
    let source = SourceSpec {
        ordinal: 0,
        connector: connector(path),
        format: None,
        fields: [field("id", Type::INT), field("at", Type::TIMESTAMP)].into(),
        columns: vec![0, 1],
        time: Some(TimeSpec { field: 1, disorder: 0, idle: None, ahead: None }),
        key: vec![],
        load: None,
    };
    let sink = SinkSpec { connector: connector("out.ndjson"), format: None, ordered: false };
    let node = |name: &str, inputs, kind, on_error| Node {
        name: name.into(),
        span: Span::default(),
        inputs,
        schema: schema.clone(),
        kind,
        shared_with: vec![],
        on_error,
    };
    Flow {
        nodes: vec![
            node("events", vec![], NodeKind::Source(Arc::new(source)), on_error),
            node("out", vec![NodeId(0)], NodeKind::Sink(Arc::new(sink)), OnError::Keep),
        ],
    }
}

fn run_in(folder: &Path, flow: &Flow, limit: Option<u64>, until: Option<i64>) -> Result<Report, String> {
    run_by(1, folder, flow, limit, until)
}

fn run_by(
    workers: usize,
    folder: &Path,
    flow: &Flow,
    limit: Option<u64>,
    until: Option<i64>,
) -> Result<Report, String> {
    run_from(None, (workers, limit, until), folder, flow)
}

fn run_from(
    state: Option<State>,
    (workers, limit, until): (usize, Option<u64>, Option<i64>),
    folder: &Path,
    flow: &Flow,
) -> Result<Report, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
    let _inside = runtime.enter();
    let compiled = ReferenceEngine.compile(flow).expect("a flow of no code");
    let mut files = SourceMap::default();
    files.add("p.stream", "");
    let options = Options {
        around: Surroundings { base: folder.into(), stop: Arc::default(), inputs: vec![] },
        limit,
        until,
        terminal_width: None,
        progress: Arc::new(Progress::default()),
        clock: Box::new(StoppedClock),
        why: None,
        warn: Box::new(|_| ()),
        workers,
        memory: None,
        ends_process: false,
        state,
    };
    run(flow, &*compiled, &files, options).map_err(|b| b.diagnostic.headline.clone())
}

fn ids(folder: &Path) -> Vec<u32> {
    let text = std::fs::read_to_string(folder.join("out.ndjson")).expect("the sink's file");
    text.lines().filter_map(|l| l.split([':', ',']).nth(1)?.parse().ok()).collect()
}

/// Rows `id` at second `id`, one line each.
fn rows(ids: impl IntoIterator<Item = u32>) -> String {
    let line = |i| format!("{{\"id\":{i},\"at\":\"1970-01-01T00:{:02}:{:02}Z\"}}\n", i / 60, i % 60);
    ids.into_iter().map(line).collect()
}

#[test]
fn files_of_a_pattern_are_read_from_the_one_furthest_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("in-a.ndjson"), rows([1, 2])).expect("written");
    std::fs::write(folder.path().join("in-b.ndjson"), rows([0, 3])).expect("written");
    let report = run_in(folder.path(), &copy("in-*.ndjson", OnError::Keep), None, None).expect("runs");
    assert_eq!(ids(folder.path()), [1, 2, 0, 3]);
    assert_eq!((report.sources[0].rows, report.sources[0].late, report.sinks[0].rows), (4, 0, 4));
}

#[test]
fn a_limit_stops_after_so_many_rows_of_output() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("in.ndjson"), rows(0..1000)).expect("written");
    let report = run_in(folder.path(), &copy("in.ndjson", OnError::Keep), Some(3), None).expect("runs");
    assert_eq!(ids(folder.path()), [0, 1, 2]);
    assert_eq!(report.stopped, Some("the limit of rows is reached"));
}

#[test]
fn until_leaves_out_rows_from_that_time_on() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("in.ndjson"), rows(0..100)).expect("written");
    run_in(folder.path(), &copy("in.ndjson", OnError::Keep), None, Some(5_000_000)).expect("runs");
    assert_eq!(ids(folder.path()), [0, 1, 2, 3, 4]);
}

#[test]
fn unreadable_rows_are_counted_kept_aside_or_stop_the_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!("{}nonsense\n{}", rows([1]), rows([2]));
    std::fs::write(folder.path().join("in.ndjson"), text).expect("written");
    let report = run_in(folder.path(), &copy("in.ndjson", OnError::Keep), None, None).expect("runs");
    assert_eq!(ids(folder.path()), [1, 2]);
    assert_eq!(report.sources[0].failed.rows, 1);

    let sideline = OnError::Sideline(connector("rejected.ndjson"));
    run_in(folder.path(), &copy("in.ndjson", sideline), None, None).expect("runs");
    let rejected = std::fs::read_to_string(folder.path().join("rejected.ndjson")).expect("written");
    assert!(rejected.starts_with("{\"row\":\"nonsense\","), "{rejected}");

    let failed = run_in(folder.path(), &copy("in.ndjson", OnError::Fail), None, None);
    assert!(failed.is_err_and(|m| m.starts_with("a row of `events` cannot be read")));
}

/// What a run wrote, what it put aside, and what it counted.
fn result_of(workers: usize, folder: &Path, flow: &Flow, limit: Option<u64>) -> [String; 3] {
    let report = run_by(workers, folder, flow, limit, None);
    let told = report.map(|report| {
        let (source, sink) = (&report.sources[0], &report.sinks[0]);
        format!("{:?} {} {} {:?} {}", report.stopped, source.rows, source.bytes, source.failed, sink.rows)
    });
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    // With a limit, how much had been read by then depends on nothing but the order of the rows.
    [format!("{told:?}"), read("out.ndjson"), read("rejected.ndjson")]
}

#[test]
fn no_number_of_workers_changes_what_is_read_and_written() {
    let folder = tempfile::tempdir().expect("a folder");
    // Many blocks: of JSON with records that cannot be read; of CSV with a header and records that go over
    // several lines.
    let json: String = (0..40_000)
        .map(|i| match i % 997 {
            0 => "nonsense\n".to_string(),
            _ => format!(
                "{{\"id\":{i},\"at\":\"1970-01-01T00:00:00Z\",\"note\":\"{}\"}}\n",
                "x".repeat(i % 50)
            ),
        })
        .collect();
    let csv: String = (0..40_000)
        .map(|i| match i % 997 {
            0 => "\"no\n\nid\",1970-01-01T00:00:00Z,\n".to_string(),
            _ => format!("{i},1970-01-01T00:00:00Z,\"a\n{}\"\n", "x".repeat(i % 50)),
        })
        .collect();
    for (name, input) in [("in.ndjson", json), ("in.csv", format!("id,at,note\n{csv}"))] {
        std::fs::write(folder.path().join(name), input).expect("written");
        for on_error in [OnError::Keep, OnError::Sideline(connector("rejected.ndjson")), OnError::Fail] {
            let flow = copy(name, on_error);
            for limit in [None, Some(20_011)] {
                let by_one = result_of(1, folder.path(), &flow, limit);
                for workers in [2, 3, 8] {
                    let by_several = result_of(workers, folder.path(), &flow, limit);
                    assert!(by_one == by_several, "{name}, {workers} workers, limit {limit:?}");
                }
            }
        }
    }
}

#[test]
fn all_bytes_are_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let long = format!("{{\"id\":7,\"at\":\"1970-01-01T00:00:07Z\",\"note\":\"{}\"}}\n", "x".repeat(1 << 20));
    let blank = "\n".repeat(1 << 20);
    let input = rows([1, 2]) + &long + &rows([8]) + &blank;
    std::fs::write(folder.path().join("in.ndjson"), &input).expect("written");
    let report = run_in(folder.path(), &copy("in.ndjson", OnError::Keep), None, None).expect("runs");
    assert_eq!(ids(folder.path()), [1, 2, 7, 8]);
    assert_eq!(report.sources[0].bytes, input.len() as u64);
}

#[test]
fn a_missing_file_is_told_before_anything_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let failed = run_in(folder.path(), &copy("in.ndjson", OnError::Keep), None, None);
    assert!(failed.is_err_and(|m| m.contains("no such file")));
    assert!(!folder.path().join("out.ndjson").exists());
}

/// A store in memory, to which writing fails now and then: nothing, a part, or all of it is there then.
struct Faulty {
    pieces: Mutex<BTreeMap<String, Vec<u8>>>,
    random: Mutex<Generator>,
}

impl Store for Faulty {
    fn place(&self) -> String {
        "memory".into()
    }

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.pieces.lock().unwrap().keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.pieces.lock().unwrap().get(name).cloned().ok_or(io::ErrorKind::NotFound.into())
    }

    fn put(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        let mut random = self.random.lock().unwrap();
        let mut bytes = parts.concat();
        let fault = random.below(6);
        if fault == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if fault == 1 {
            bytes.truncate(random.below(bytes.len()));
        }
        self.pieces.lock().unwrap().insert(name.into(), bytes);
        if fault <= 2 { Err(io::ErrorKind::Other.into()) } else { Ok(()) }
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.pieces.lock().unwrap().remove(name);
        Ok(())
    }
}

#[test]
fn a_run_that_breaks_off_anywhere_on_a_disk_that_fails_loses_and_doubles_nothing() {
    const ROWS: u32 = 30_000;
    let folder = tempfile::tempdir().expect("a folder");
    let row = |id| format!("{{\"id\":{id},\"at\":\"1970-01-01T00:00:00Z\"}}\n");
    std::fs::write(folder.path().join("in.ndjson"), (0..ROWS).map(row).collect::<String>()).expect("written");
    let flow = copy("in.ndjson", OnError::Keep);
    for seed in 0..cases(20) as u64 {
        let mut random = Generator::new(seed);
        let (pieces, faults) = (Mutex::default(), Mutex::new(Generator::new(seed + 1)));
        let store: Arc<Faulty> = Arc::new(Faulty { pieces, random: faults });
        let mut n_runs = 0;
        loop {
            n_runs += 1;
            // What a limit stops has made no checkpoint at its end, as if it had been killed there.
            let limit = (random.below(4) > 0).then(|| 1 + random.below(ROWS as usize) as u64);
            let state = State { store: store.clone(), every: 0, dropped: vec![], has_whole_rows: false };
            match run_from(Some(state), (1 + random.below(3), limit, None), folder.path(), &flow) {
                // It is over, or an earlier one was that could not say so.
                Ok(report) if report.stopped.is_none_or(|why| why.contains("the end of all inputs")) => break,
                Ok(_) => {}
                Err(headline) if headline.starts_with("cannot write a checkpoint") => {}
                // All that there are were written in part: nobody was told that one of them is there.
                Err(headline) if headline.starts_with("no checkpoint") => {
                    store.pieces.lock().unwrap().clear();
                }
                Err(headline) => panic!("seed {seed}: {headline}"),
            }
            assert!(n_runs < 1000, "seed {seed}: it comes to no end");
        }
        assert!(ids(folder.path()).into_iter().eq(0..ROWS), "seed {seed}, after {n_runs} runs");
    }
}
