//! Tables in files that change between two loads; what a stream finds in them, and when.

use super::*;
use crate::interp::ReferenceEngine;
use crate::simulate::{Record, Simulation};
use crate::time::ManualClock;
use crate::workers::WorkerThreads;
use millstream_base::{SourceMap, Span};
use millstream_ir::engine::Engine;
use millstream_ir::flow::*;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::path::Path;

const MINUTE: i64 = 60_000_000;

/// Keeps the name in each row of the join.
#[derive(Default)]
struct Names(Vec<Value>);

impl Outlet for Names {
    fn write(&mut self, _sink: NodeId, batch: &Batch) -> Result<(), Stop> {
        let name = |row| batch.columns[3].value(row, &Type::STRING.nullable());
        self.0.extend((0..batch.n_rows).map(name));
        Ok(())
    }
}

/// `table customers: { id: int, name: string } key id from file("customers*.ndjson") refresh 5m`, and a left join
/// of events `{ customer: int }` with it.
fn flow(path: &str) -> Flow {
    let column = |name: &str, ty| Column { name: name.into(), ty, hidden: false };
    let field = |name: &str, ty| FieldSpec {
        name: name.into(),
        input: name.into(),
        ty,
        encoding: Encoding::Plain,
        default: None,
    };
    let connector = |path: &str| ConnectorSpec {
        name: "file".into(),
        options: [("path".into(), Value::string(path))].into(),
        span: Span::default(),
    };
    let source = |ordinal, path: &str, fields: Vec<FieldSpec>, load| {
        NodeKind::Source(Arc::new(SourceSpec {
            ordinal,
            connector: connector(path),
            format: None,
            columns: (0..fields.len()).collect(),
            fields: fields.into(),
            time: None,
            key: vec![],
            load,
        }))
    };
    let customers =
        vec![column("id", Type::INT), column("name", Type::STRING), column("time", Type::TIMESTAMP)];
    let events = vec![column("customer", Type::INT), column("time", Type::TIMESTAMP)];
    let joined = [&events[..], &customers, &[column("time", Type::TIMESTAMP)]].concat();
    let node = |name: &str, inputs: &[u32], columns: &[Column], kind| Node {
        name: name.into(),
        span: Span::default(),
        inputs: inputs.iter().copied().map(NodeId).collect(),
        schema: Schema::append_only(columns.into(), columns.len() - 1),
        kind,
        shared_with: vec![],
        on_error: OnError::Keep,
    };
    let load = Load { refresh: Some(5 * MINUTE) };
    let table = Table { key: vec![0], change: None, reading: Reading::AsItStands, takes_changes: false };
    let join = Join {
        kind: JoinKind::Left,
        keys: vec![(0, 0)],
        partners: Partners::Table(Version::AsItStands),
        condition: None,
        leaving: [None, None],
    };
    let sink = SinkSpec { connector: connector("-"), format: None, ordered: false };
    let fields = vec![field("id", Type::INT), field("name", Type::STRING)];
    Flow {
        nodes: vec![
            node("customers", &[], &customers, source(0, path, fields, Some(load))),
            node("customers", &[0], &customers, NodeKind::Breaker(Arc::new(Breaker::Table(table)))),
            node("events", &[], &events, source(1, "-", vec![field("customer", Type::INT)], None)),
            node("joined", &[2, 1], &joined, NodeKind::Join(Arc::new(join))),
            node("out", &[3], &joined, NodeKind::Sink(Arc::new(sink))),
        ],
    }
}

/// A run of which time and events are given by hand.
struct Run<'a> {
    tables: Tables,
    graph: Graph<'a, Names>,
    clock: ManualClock,
    threads: WorkerThreads,
}

impl<'a> Run<'a> {
    fn open(flow: &'a Flow, files: &'a SourceMap, folder: &Path) -> Result<Run<'a>, Box<Diagnostic>> {
        let around = Surroundings { base: folder.into(), stop: Arc::default(), inputs: vec![] };
        let threads = WorkerThreads::start(1);
        let compiled = ReferenceEngine.compile(flow).expect("a flow of no code");
        let mut graph = Graph::new(flow, &*compiled, files, threads.workers(), Names::default());
        let tables = Tables::open(flow, &around, &Progress::default(), 0, &mut None)?;
        graph.tell_changes(&|id| tables.changes(id));
        Ok(Run { tables, graph, clock: ManualClock::at(0), threads })
    }

    fn load(&mut self) -> Result<(), Stop> {
        let progress = Progress::default();
        self.tables.load(&mut self.graph, self.threads.workers(), &self.clock, &progress, &mut |_| {})
    }

    /// The names that customers 1, 2 and 3 have.
    fn names(&mut self) -> String {
        let column = |values: [i64; 3]| {
            let data = millstream_ir::column::ColumnData::I64(values.into_iter().collect());
            Arc::new(millstream_ir::column::Column { data, validity: None })
        };
        let columns = vec![column([1, 2, 3]), column([self.clock.now(); 3])];
        let batch = Batch { columns, n_rows: 3, origin: Origin::default(), late: vec![] };
        self.graph.deliver_of_source(NodeId(2), Message::Batch(batch)).expect("nothing stops it");
        self.found()
    }

    fn found(&mut self) -> String {
        let name = |value: &Value| match value {
            Value::String(name) => name.to_string(),
            _ => "-".to_string(),
        };
        std::mem::take(&mut self.graph.outlet.0).iter().map(name).collect::<Vec<_>>().join(" ")
    }

    /// Time goes on, and what is due then is read to its end but not given yet.
    fn advance(&mut self, minutes: i64) {
        self.clock.advance(minutes * MINUTE);
        self.tables.poll(&mut self.graph, self.clock.now(), &|_| ()).expect("nothing stops it");
    }

    /// Gives what is being read.
    fn refresh(&mut self) {
        while self.tables.is_reading() {
            self.tables.poll(&mut self.graph, self.clock.now(), &|_| ()).expect("nothing stops it");
            std::thread::yield_now();
        }
    }

    fn loads(&self) -> (u64, u64, String) {
        let (_, report) = self.tables.reports().next().expect("a table");
        let loads = report.loads.expect("of a table");
        let reasons: Vec<String> = loads.failed.examples.into_iter().map(|kind| kind.reason).collect();
        (loads.done, loads.failed.rows, reasons.join("; "))
    }
}

fn write(folder: &Path, file: &str, rows: &[(i64, &str)]) {
    let lines: String =
        rows.iter().map(|(id, name)| format!("{{\"id\":{id},\"name\":\"{name}\"}}\n")).collect();
    std::fs::write(folder.join(file), lines).expect("written");
}

/// In a tokio runtime, in a folder with customers 1 and 2.
fn in_folder(path: &str, test: impl FnOnce(&Path, Run)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
    let _inside = runtime.enter();
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "customers.ndjson", &[(1, "ann"), (2, "bob")]);
    let (flow, files) = (flow(path), SourceMap::default());
    let run = Run::open(&flow, &files, folder.path()).expect("it opens");
    test(folder.path(), run);
}

#[test]
fn rows_wait_until_the_table_is_loaded() {
    in_folder("customers.ndjson", |_, mut run| {
        assert_eq!(run.names(), "");
        run.load().expect("loaded");
        assert_eq!(run.found(), "ann bob -");
        assert_eq!(run.names(), "ann bob -");
        assert_eq!(run.loads(), (1, 0, String::new()));
    });
}

#[test]
fn a_refresh_takes_the_place_of_all_rows_at_once() {
    in_folder("customers.ndjson", |folder, mut run| {
        run.load().expect("loaded");
        let many: Vec<(i64, &str)> = (4..100_000).map(|id| (id, "somebody")).collect();
        write(folder, "customers.ndjson", &[&[(3, "cat"), (2, "bert")], &many[..], &[(1, "amy")]].concat());
        run.advance(4);
        assert!(!run.tables.is_reading());
        run.advance(5);
        assert!(run.tables.is_reading());
        // While it is read, and it may have been by now, nothing of it is seen.
        assert_eq!(run.names(), "ann bob -");
        run.refresh();
        assert_eq!(run.names(), "amy bert cat");
        write(folder, "customers.ndjson", &[]);
        run.advance(10);
        run.refresh();
        assert_eq!(run.names(), "- - -");
        assert_eq!(run.loads(), (3, 0, String::new()));
    });
}

#[test]
fn a_table_that_cannot_be_read_again_stays_as_it_is() {
    in_folder("customers.ndjson", |folder, mut run| {
        run.load().expect("loaded");
        std::fs::remove_file(folder.join("customers.ndjson")).expect("removed");
        run.advance(5);
        run.refresh();
        assert_eq!(run.names(), "ann bob -");
        let (done, failed, reason) = run.loads();
        assert_eq!((done, failed), (1, 1));
        assert!(reason.contains("customers.ndjson") && reason.contains("no such file"), "{reason}");
        write(folder, "customers.ndjson", &[(3, "cat")]);
        run.advance(10);
        run.refresh();
        assert_eq!(run.names(), "- - cat");
        assert_eq!((run.loads().0, run.loads().1), (2, 1));
    });
}

#[test]
fn a_load_of_which_no_record_can_be_read_takes_no_place() {
    in_folder("customers.ndjson", |folder, mut run| {
        run.load().expect("loaded");
        let texts = ["<html>502 Bad Gateway</html>\n", "{\"id\":\"x\"}\n", "oops\n"];
        for (minutes, text) in [5, 10, 15].into_iter().zip(texts) {
            std::fs::write(folder.join("customers.ndjson"), text).expect("written");
            run.advance(minutes);
            run.refresh();
            assert_eq!(run.names(), "ann bob -");
        }
        let (done, failed, reasons) = run.loads();
        assert_eq!((done, failed), (1, 3));
        let told = "no record of `customers.ndjson` can be read: ";
        assert_eq!(reasons.matches(told).count(), 2, "those of one kind are told once: {reasons}");
        // Some of them are a load.
        std::fs::write(folder.join("customers.ndjson"), "oops\n{\"id\":3,\"name\":\"cat\"}\n")
            .expect("written");
        run.advance(20);
        run.refresh();
        assert_eq!(run.names(), "- - cat");
    });
}

#[test]
fn an_empty_file_that_should_name_its_columns_is_no_load() {
    in_folder("customers.ndjson", |folder, _| {
        let write = |text: &str| std::fs::write(folder.join("customers.csv"), text).expect("written");
        write("id,name\n1,ann\n2,bob\n");
        let (flow, files) = (flow("customers.csv"), SourceMap::default());
        let mut run = Run::open(&flow, &files, folder).expect("it opens");
        run.load().expect("loaded");
        for (minutes, text) in [(5, ""), (10, "\n\n")] {
            write(text);
            run.advance(minutes);
            run.refresh();
            assert_eq!(run.names(), "ann bob -");
        }
        let reason = "no record of `customers.csv` can be read: expected a line with the names of the columns, \
                      found nothing";
        assert_eq!(run.loads(), (1, 2, reason.to_string()));
        // With that line it is a table without rows.
        write("id,name\n");
        run.advance(15);
        run.refresh();
        assert_eq!(run.names(), "- - -");
    });
}

#[test]
fn a_load_that_takes_longer_than_the_time_to_the_next_is_told_once() {
    in_folder("customers.ndjson", |folder, mut run| {
        run.load().expect("loaded");
        let path = folder.join("customers.ndjson");
        std::fs::remove_file(&path).expect("removed");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().expect("it runs").success());
        let warned = std::cell::RefCell::new(vec![]);
        for minutes in [5, 10, 15] {
            run.clock.advance(minutes * MINUTE);
            let warn = |line: &str| warned.borrow_mut().push(line.to_string());
            run.tables.poll(&mut run.graph, run.clock.now(), &warn).expect("nothing stops it");
        }
        assert_eq!(
            *warned.borrow(),
            ["customers is not refreshed: the load that was begun before is still being read\n"]
        );
        assert_eq!((run.loads().0, run.loads().1), (1, 2));
        // Somebody writes at last.
        write(folder, "customers.ndjson", &[(3, "cat")]);
        run.refresh();
        assert_eq!(run.names(), "- - cat");
    });
}

#[test]
fn half_of_a_packed_file_does_not_take_the_place_of_a_whole_one() {
    in_folder("customers*", |folder, mut run| {
        run.load().expect("loaded");
        let mut packed = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
        std::io::Write::write_all(&mut packed, "{\"id\":3,\"name\":\"cat\"}\n".repeat(99_999).as_bytes())
            .expect("packed");
        let packed = packed.finish().expect("packed");
        std::fs::write(folder.join("customers-2.ndjson.gz"), &packed[..packed.len() / 2]).expect("written");
        run.advance(5);
        run.refresh();
        assert_eq!(run.names(), "ann bob -");
        assert_eq!(run.loads().1, 1);
    });
}

#[test]
fn a_first_load_of_which_no_record_can_be_read_breaks_the_run() {
    in_folder("customers.ndjson", |folder, mut run| {
        std::fs::write(folder.join("customers.ndjson"), "<html>502 Bad Gateway</html>\n").expect("written");
        let Err(Stop::Broken(diagnostic)) = run.load() else { panic!("it should break") };
        assert!(
            diagnostic.headline.starts_with("no record of `customers.ndjson` can be read: "),
            "{}",
            diagnostic.headline
        );
    });
}

#[test]
fn files_that_come_later_are_part_of_the_next_load() {
    in_folder("customers*.ndjson", |folder, mut run| {
        run.load().expect("loaded");
        write(folder, "customers-3.ndjson", &[(3, "cat"), (1, "amy")]);
        run.advance(5);
        run.refresh();
        // Of rows of one key the last stands: that of the last file, by name.
        assert_eq!(run.names(), "ann bob cat");
        assert_eq!(run.graph.reports()[0].replaced, 1);
    });
}

#[test]
fn a_first_load_that_fails_breaks_the_run() {
    in_folder("customers*", |folder, _| {
        std::fs::write(folder.join("customers.ndjson.gz"), b"not packed").expect("written");
        let (flow, files) = (flow("customers.ndjson.gz"), SourceMap::default());
        let mut run = Run::open(&flow, &files, folder).expect("it opens");
        let Err(Stop::Broken(diagnostic)) = run.load() else { panic!("it should break") };
        assert!(diagnostic.headline.contains("customers.ndjson.gz"), "{}", diagnostic.headline);
    });
}

#[test]
fn rows_of_a_pipe_are_changes_once_it_has_been_quiet() {
    in_folder("customers.ndjson", |folder, _| {
        // A followed file stands for a pipe: it is live as well.
        let mut flow = flow("customers.ndjson");
        let NodeKind::Source(spec) = &mut flow.nodes[0].kind else { panic!("a source") };
        let options = &mut Arc::make_mut(spec).connector.options;
        options.insert("follow".into(), Value::Bool(true));
        let files = SourceMap::default();
        let mut run = Run::open(&flow, &files, folder).expect("it opens");
        run.load().expect("loaded");
        assert_eq!(run.names(), "ann bob -");
        let mut file =
            std::fs::OpenOptions::new().append(true).open(folder.join("customers.ndjson")).expect("a file");
        std::io::Write::write_all(&mut file, b"{\"id\":3,\"name\":\"cat\"}\n{\"id\":1,\"name\":\"amy\"}\n")
            .expect("written");
        let mut names = run.names();
        while names == "ann bob -" {
            run.tables.poll(&mut run.graph, run.clock.now(), &|_| ()).expect("nothing stops it");
            names = run.names();
        }
        assert_eq!(names, "amy bob cat");
        run.tables.around.stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn rows_of_a_table_that_a_script_gives_are_a_load_until_a_stream_has_rows() {
    let (flow, files) = (flow("customers.ndjson"), SourceMap::default());
    let compiled = ReferenceEngine.compile(&flow).expect("a flow of no code");
    let one = |_: &str, _: &SourceSpec| vec![("a".to_string(), Pace::default())];
    let workers = Workers::alone();
    let mut simulation = Simulation::new(&flow, &*compiled, &files, 0, &workers, one);
    let customer = |id, name: &str| Record::Row(vec![Value::Int(id), Value::string(name)]);
    let event = Record::Row(vec![Value::Int(1)]);
    let mut names = vec![];
    let mut ask = |simulation: &mut Simulation| {
        simulation.arrive(1, 0, std::slice::from_ref(&event)).expect("nothing stops it");
        names.extend(simulation.take_rows(NodeId(4)).into_iter().map(|row| row[3].clone()));
    };
    ask(&mut simulation);
    simulation.arrive(0, 0, &[customer(1, "ann")]).expect("nothing stops it");
    simulation.restore().expect("its own snapshot");
    simulation.arrive(0, 0, &[customer(2, "bob")]).expect("nothing stops it");
    ask(&mut simulation);
    simulation.arrive(0, 0, &[customer(2, "bert")]).expect("nothing stops it");
    simulation.advance(MINUTE).expect("nothing stops it");
    ask(&mut simulation);
    simulation.end().expect("nothing stops it");
    assert_eq!(names, [Value::Null, Value::string("ann"), Value::Null]);
}
