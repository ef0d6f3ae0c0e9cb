//! Tables that are read as they stand: loads them before the first row of any stream, and loads them anew while the
//! run goes on.
//!
//! A table of finite inputs comes in loads: each is read to its end, then given to the graph in one go, so that
//! nobody sees half of it. One that cannot be read leaves the rows before it where they are, unless it is the
//! first. A followed file, and a change log that comes by a pipe, are loaded when what stood there at first has been
//! read, or when nothing comes; what comes later are changes. Any other pipe is read to its end, however slow its
//! writer is. No table keeps a run alive.

#[cfg(test)]
mod tests;

use crate::checkpoint::SourceProgress;
use crate::connector::{self, Partition, Surroundings};
use crate::errors;
use crate::format::Decoded;
use crate::graph::{Graph, Outlet, Stop};
use crate::job::durable::{Before, Durable};
use crate::message::{Message, Watermark};
use crate::read_ahead::{Arrival, ReadAhead, read_live};
use crate::reader::{Block, Numbering, PartitionReader};
use crate::report::{Loads, Progress, SourceReport};
use crate::source::{Pace, ProcessingTime, Source};
use crate::time::Clock;
use crate::waiting::{HeldBack, Loading, readers_of_table};
use crate::workers::Workers;
use millstream_base::Diagnostic;
use millstream_ir::batch::{Batch, Origin};
use millstream_ir::column::ColumnBuilder;
use millstream_ir::flow::{Flow, Load, Node, NodeId, NodeKind, SourceSpec};
use millstream_ir::value::Value;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

/// A live input has nothing to read when nothing has come for so long; for so many times as long before all has that
/// is known to come, or anything: whoever writes into a pipe may still be starting.
const QUIET: Duration = Duration::from_millis(100);
const STARTING: usize = 10;

/// So many blocks of a live input are taken between two of other sources.
const MOST_AT_ONCE: usize = 4;

pub struct Tables {
    tables: Vec<LoadedTable>,
    around: Surroundings,
}

struct LoadedTable {
    node: Node,
    /// The streams that look it up.
    readers: Vec<Arc<str>>,
    /// When its first load began, until that has ended.
    began: Option<ProcessingTime>,
    spec: Arc<SourceSpec>,
    source: Source,
    /// The watermark that was given last.
    given: Watermark,
    input: Input,
}

enum Input {
    /// Comes in loads.
    Finite {
        /// What the first load is read from.
        first: Vec<PartitionReader>,
        refresh: Option<Refresh>,
    },
    /// Comes by threads of its own.
    Live { arrivals: Receiver<Arrival>, numbering: Vec<Numbering>, n_open: usize, load: LiveLoad },
}

/// What the first load of a live input has.
#[derive(Clone, Copy)]
struct LiveLoad {
    /// So many bytes stand there already.
    standing: u64,
    /// Whether it is all there is: the input ends some time.
    is_all: bool,
}

struct Refresh {
    every: i64,
    /// When the next load is due, by the clock.
    due: ProcessingTime,
    /// One that is being read.
    reading: Option<Receiver<Result<Whole, Box<Diagnostic>>>>,
    /// Why the last did not come to pass: that is told once.
    failure: Option<String>,
}

impl Refresh {
    /// One has failed; whether that is news.
    fn fail(&mut self, reason: &str, loads: &mut Loads) -> bool {
        loads.failed.add(reason, "", "");
        self.failure.replace(reason.to_string()).as_deref() != Some(reason)
    }
}

/// A reader may wait for ever, as for the writer of a pipe.
const STILL_READING: &str = "the load that was begun before is still being read";

/// All of a table: its partitions, with the blocks of each.
struct Whole {
    partitions: Vec<(String, Pace)>,
    blocks: Vec<Vec<Block>>,
}

impl Whole {
    fn decoded(&self) -> impl Iterator<Item = &Decoded> {
        self.blocks.iter().flatten().map(|block| &block.decoded)
    }

    fn has_rows(&self) -> bool {
        self.decoded().flat_map(|decoded| &decoded.batches).any(|batch| batch.n_rows > 0)
    }

    /// Why the first record that cannot be read cannot be.
    fn first_unreadable(&self) -> Option<&str> {
        self.decoded().flat_map(|decoded| &decoded.unreadable).map(|record| &*record.reason).next()
    }
}

impl Tables {
    /// Opens the tables of a flow that come in loads.
    pub fn open(
        flow: &Flow,
        around: &Surroundings,
        progress: &Progress,
        now: ProcessingTime,
        durable: &mut Option<Durable>,
    ) -> Result<Tables, Box<Diagnostic>> {
        let mut tables = vec![];
        for id in flow.ids() {
            let node = flow.node(id);
            if let NodeKind::Source(spec) = &node.kind
                && let Some(load) = spec.load
            {
                let readers = readers_of_table(flow, id);
                let before = Before::new(durable.as_ref(), around);
                let partitions = connector::partitions(&spec.connector, &node.name, around)?;
                let partitions = before.arrange(node, &spec.connector, partitions)?;
                let bytes = partitions
                    .iter()
                    .filter(|partition| !partition.live)
                    .filter_map(|partition| partition.size)
                    .sum();
                progress.bytes_total.fetch_add(bytes, Ordering::Relaxed);
                let files = partitions.iter().map(|partition| partition.file.clone()).collect();
                let read = (partitions, before.source(&node.name));
                tables.push(LoadedTable::open((id, node), (spec, load), readers, read, around, now)?);
                if let Some(durable) = durable {
                    durable.add_files(&node.name, files);
                }
            }
        }
        Ok(Tables { tables, around: around.clone() })
    }

    /// Whether rows of a table come as changes.
    pub fn changes(&self, source: NodeId) -> bool {
        self.tables
            .iter()
            .any(|table| table.source.node == source && matches!(table.input, Input::Live { .. }))
    }

    /// Whether a table is loaded once.
    pub fn comes_in_one_load(&self, source: NodeId) -> bool {
        self.tables.iter().any(|table| {
            table.source.node == source && matches!(table.input, Input::Finite { refresh: None, .. })
        })
    }

    /// The first load of each. `tell` is told, again and again, what is waited for.
    pub fn load<O: Outlet>(
        &mut self,
        graph: &mut Graph<O>,
        workers: &Workers,
        clock: &dyn Clock,
        progress: &Progress,
        tell: &mut dyn FnMut(HeldBack),
    ) -> Result<(), Stop> {
        for table in &mut self.tables {
            let before = (table.source.report.rows, table.source.report.bytes);
            table.load_first(graph, workers, clock, &self.around, tell)?;
            let SourceReport { rows, bytes, .. } = table.source.report;
            progress.add(rows - before.0, bytes - before.1);
        }
        Ok(())
    }

    /// Gives the graph what has come since, and begins loads that are due. `warn` is told of those that fail.
    pub fn poll<O: Outlet>(
        &mut self,
        graph: &mut Graph<O>,
        now: ProcessingTime,
        warn: &dyn Fn(&str),
    ) -> Result<(), Stop> {
        self.tables.iter_mut().try_for_each(|table| table.poll(graph, now, &self.around, warn))
    }

    /// Time has passed: what reads side streams of tables need not wait.
    pub fn tick<O: Outlet>(&mut self, graph: &mut Graph<O>, now: ProcessingTime) -> Result<(), Stop> {
        self.tables.iter_mut().try_for_each(|table| table.rise(graph, Watermark(now)))
    }

    /// All streams have ended, and tables with them.
    pub fn end<O: Outlet>(&mut self, graph: &mut Graph<O>) -> Result<(), Stop> {
        self.tables.iter_mut().try_for_each(|table| table.rise(graph, Watermark::END))
    }

    /// The table whose first load has not ended, if there is one.
    pub fn held_back(&self, now: ProcessingTime) -> Option<HeldBack> {
        self.tables.iter().find_map(|table| table.held_back(now))
    }

    /// How far each has come.
    pub fn progress(&self) -> impl Iterator<Item = SourceProgress> {
        self.tables.iter().map(|table| {
            let loaded = (table.given > Watermark::START).then_some(table.given.0);
            SourceProgress { loaded, ..table.source.progress() }
        })
    }

    pub fn reports(&self) -> impl Iterator<Item = (NodeId, SourceReport)> {
        self.tables.iter().map(|table| (table.source.node, table.source.report.clone()))
    }

    /// Whether a load is being read.
    #[cfg(test)]
    fn is_reading(&self) -> bool {
        self.tables.iter().any(|table| {
            matches!(&table.input, Input::Finite { refresh: Some(Refresh { reading: Some(_), .. }), .. })
        })
    }
}

impl LoadedTable {
    fn open(
        (id, node): (NodeId, &Node),
        (spec, load): (&Arc<SourceSpec>, Load),
        readers: Vec<Arc<str>>,
        (partitions, before): (Vec<Partition>, Option<&SourceProgress>),
        around: &Surroundings,
        now: ProcessingTime,
    ) -> Result<LoadedTable, Box<Diagnostic>> {
        let is_live = partitions.iter().any(|partition| partition.live);
        let standing = partitions.iter().filter_map(|partition| partition.size).sum();
        let paces = paces(&partitions);
        let mut source = Source::new(id, node, spec, paces, None, now);
        let before = before.filter(|before| before.loaded.is_some());
        before.inspect(|before| source.resume(before));
        let readers_of_all = PartitionReader::of_source(spec, partitions, around)?.into_iter().enumerate();
        let partitions =
            readers_of_all.map(|(number, reader)| reader.resume(source.reached(number))).collect();
        let refresh = load.refresh.map(|every| Refresh {
            every,
            due: ProcessingTime::MAX,
            reading: None,
            failure: None,
        });
        let input = match is_live {
            true => Input::live(partitions, LiveLoad { standing, is_all: !goes_on(spec) }),
            false => Input::Finite { first: partitions, refresh },
        };
        Ok(LoadedTable {
            source,
            node: node.clone(),
            readers,
            began: None,
            spec: spec.clone(),
            given: before.and_then(|before| before.loaded).map_or(Watermark::START, Watermark),
            input,
        })
    }

    fn load_first<O: Outlet>(
        &mut self,
        graph: &mut Graph<O>,
        workers: &Workers,
        clock: &dyn Clock,
        around: &Surroundings,
        tell: &mut dyn FnMut(HeldBack),
    ) -> Result<(), Stop> {
        if self.given > Watermark::START {
            // By an earlier run; what it left off with is in the state of the table.
            self.refresh_later(clock.now());
            return Ok(());
        }
        self.began = Some(clock.now());
        match &mut self.input {
            Input::Finite { first, .. } => {
                for (partition, reader) in std::mem::take(first).into_iter().enumerate() {
                    let mut numbering = Numbering::default();
                    let mut blocks = ReadAhead::start(reader, workers.clone(), 1 + workers.n());
                    while let Some(mut block) = blocks.next_block().map_err(|e| self.broken(partition, &e))? {
                        numbering.number(&mut block);
                        self.give(graph, partition, block, clock.now())?;
                        self.held_back(clock.now()).into_iter().for_each(&mut *tell);
                    }
                }
                // A reader that was told to stop has not reached its end.
                if around.stop.load(Ordering::Relaxed) {
                    return Err(Stop::Asked);
                }
                let read = &self.source.report;
                if let Some(first) = read.failed.examples.first().filter(|_| read.rows == 0) {
                    let fault = errors::nothing_readable(&self.spec.connector, &first.reason);
                    return Err(Stop::Broken(Box::new(fault)));
                }
            }
            Input::Live { load, .. } => {
                let (load, mut has_come, mut n_quiet) = (*load, false, 0);
                while self.is_open() {
                    if around.stop.load(Ordering::Relaxed) {
                        return Err(Stop::Asked);
                    }
                    self.held_back(clock.now()).into_iter().for_each(&mut *tell);
                    if self.take_arrival(graph, clock.now(), QUIET)? {
                        (has_come, n_quiet) = (true, 0);
                        continue;
                    }
                    n_quiet += 1;
                    let has_all = has_come && self.source.report.bytes >= load.standing;
                    if !load.is_all && (has_all || n_quiet >= STARTING) {
                        break;
                    }
                }
            }
        }
        let now = clock.now();
        self.began = None;
        self.refresh_later(now);
        self.source.report.loads.get_or_insert_default().done += 1;
        self.end_load(graph, now)
    }

    fn refresh_later(&mut self, now: ProcessingTime) {
        if let Input::Finite { refresh: Some(refresh), .. } = &mut self.input {
            refresh.due = now.saturating_add(refresh.every);
        }
    }

    fn held_back(&self, now: ProcessingTime) -> Option<HeldBack> {
        let began = self.began?;
        let loading = Loading { n_rows: self.source.report.rows, streams: self.readers.clone() };
        let stood = now.saturating_sub(began);
        Some(HeldBack { stood, loading: Some(loading), ..self.source.held_back(now, vec![]) })
    }

    fn poll<O: Outlet>(
        &mut self,
        graph: &mut Graph<O>,
        now: ProcessingTime,
        around: &Surroundings,
        warn: &dyn Fn(&str),
    ) -> Result<(), Stop> {
        if let Input::Live { .. } = self.input {
            // Not for ever, however much comes.
            for _ in 0..MOST_AT_ONCE {
                if !self.take_arrival(graph, now, Duration::ZERO)? {
                    break;
                }
            }
            return Ok(());
        }
        let Input::Finite { refresh: Some(refresh), .. } = &mut self.input else { return Ok(()) };
        match &refresh.reading {
            None if now >= refresh.due => {
                refresh.due = now.saturating_add(refresh.every);
                refresh.reading = Some(read_anew(self.spec.clone(), self.node.name.clone(), around.clone()));
            }
            None => {}
            Some(reading) => match reading.try_recv() {
                Ok(whole) => {
                    refresh.reading = None;
                    return self.refresh(graph, whole, now, warn);
                }
                Err(TryRecvError::Empty) if now >= refresh.due => {
                    refresh.due = now.saturating_add(refresh.every);
                    let loads = self.source.report.loads.get_or_insert_default();
                    if refresh.fail(STILL_READING, loads) {
                        warn(&not_refreshed(&self.node.name, STILL_READING));
                    }
                }
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => refresh.reading = None,
            },
        }
        Ok(())
    }

    fn refresh<O: Outlet>(
        &mut self,
        graph: &mut Graph<O>,
        whole: Result<Whole, Box<Diagnostic>>,
        now: ProcessingTime,
        warn: &dyn Fn(&str),
    ) -> Result<(), Stop> {
        let Input::Finite { refresh: Some(refresh), .. } = &mut self.input else { return Ok(()) };
        let loads = self.source.report.loads.get_or_insert_default();
        let whole = match whole {
            Ok(whole) => whole,
            Err(reason) => {
                if refresh.fail(&reason.headline, loads) {
                    warn(&not_refreshed(&self.node.name, &reason.headline));
                }
                return Ok(());
            }
        };
        refresh.failure = None;
        loads.done += 1;
        let report = std::mem::take(&mut self.source.report);
        self.source = Source::new(self.source.node, &self.node, &self.spec, whole.partitions, None, now);
        self.source.report = report;
        // Begins the load, also if it has no rows.
        graph.deliver_of_source(self.source.node, Message::Batch(self.no_rows()))?;
        for (partition, blocks) in whole.blocks.into_iter().enumerate() {
            for block in blocks {
                self.give(graph, partition, block, now)?;
            }
        }
        self.end_load(graph, now)
    }

    /// Takes the next rows of a live input, if they come in time; whether they did.
    fn take_arrival<O: Outlet>(
        &mut self,
        graph: &mut Graph<O>,
        now: ProcessingTime,
        within: Duration,
    ) -> Result<bool, Stop> {
        let Input::Live { arrivals, numbering, n_open, .. } = &mut self.input else { return Ok(false) };
        match arrivals.recv_timeout(within) {
            Ok((partition, Ok(Some(mut block)))) => {
                numbering[partition].number(&mut block);
                self.give(graph, partition, block, now)?;
                Ok(true)
            }
            Ok((partition, Err(error))) => Err(self.broken(partition, &error)),
            Ok((_, Ok(None))) => {
                *n_open -= 1;
                Ok(true)
            }
            Err(RecvTimeoutError::Timeout) => Ok(false),
            Err(RecvTimeoutError::Disconnected) => {
                *n_open = 0;
                Ok(false)
            }
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.input, Input::Live { n_open: 1.., .. })
    }

    /// Gives the graph rows; the watermark rises when all have come.
    fn give<O: Outlet>(
        &mut self,
        graph: &mut Graph<O>,
        partition: usize,
        block: Block,
        now: ProcessingTime,
    ) -> Result<(), Stop> {
        let mut arrived = self.source.take(partition, block, now);
        arrived.messages.retain(|message| matches!(message, Message::Batch(_)));
        graph.take(self.source.node, arrived)?;
        // A load is many blocks, between which nobody else looks.
        graph.check_memory()
    }

    fn end_load<O: Outlet>(&mut self, graph: &mut Graph<O>, now: ProcessingTime) -> Result<(), Stop> {
        self.given = self.given.max(Watermark(now));
        graph.deliver_of_source(self.source.node, Message::Watermark(self.given))
    }

    fn rise<O: Outlet>(&mut self, graph: &mut Graph<O>, to: Watermark) -> Result<(), Stop> {
        if to <= self.given {
            return Ok(());
        }
        self.given = to;
        graph.deliver_of_source(self.source.node, Message::Watermark(to))
    }

    fn no_rows(&self) -> Batch {
        let types = self.node.schema.types();
        let columns = types.iter().map(|ty| Arc::new(ColumnBuilder::new(ty).finish())).collect();
        let origin = Origin { source: self.spec.ordinal, ..Origin::default() };
        Batch { columns, n_rows: 0, origin, late: vec![] }
    }

    fn broken(&self, partition: usize, error: &io::Error) -> Stop {
        let name = self.source.partition_name(partition);
        Stop::Broken(Box::new(errors::read_failed(&self.spec.connector, name, error)))
    }
}

fn not_refreshed(table: &str, reason: &str) -> String {
    format!("{table} is not refreshed: {reason}\n")
}

impl Input {
    fn live(readers: Vec<PartitionReader>, load: LiveLoad) -> Input {
        let (sender, arrivals): (SyncSender<Arrival>, _) = sync_channel(4);
        let n_open = readers.len();
        let numbering = readers.iter().map(PartitionReader::numbering).collect();
        for (partition, reader) in readers.into_iter().enumerate() {
            read_live(partition, reader, sender.clone());
        }
        Input::Live { arrivals, numbering, n_open, load }
    }
}

/// Whether rows of an input that is live are meant to come as long as the run goes on.
fn goes_on(spec: &SourceSpec) -> bool {
    let is_log = spec.format.as_ref().is_some_and(|format| format.options.contains_key("changes"));
    is_log || spec.connector.options.get("follow") == Some(&Value::Bool(true))
}

/// Reads all of a table by a thread of its own.
fn read_anew(
    spec: Arc<SourceSpec>,
    name: Arc<str>,
    around: Surroundings,
) -> Receiver<Result<Whole, Box<Diagnostic>>> {
    let (sender, receiver) = sync_channel(1);
    tokio::task::spawn_blocking(move || {
        let whole = read_whole(&spec, &name, &around);
        // One that was told to stop has not come to the end; the run ends without it.
        if !around.stop.load(Ordering::Relaxed) {
            // Nobody waits for it when the run has ended.
            let _ = sender.send(whole);
        }
    });
    receiver
}

fn read_whole(spec: &SourceSpec, name: &str, around: &Surroundings) -> Result<Whole, Box<Diagnostic>> {
    let partitions = connector::partitions(&spec.connector, name, around)?;
    let paces = paces(&partitions);
    let mut blocks = vec![];
    for (reader, (name, _)) in PartitionReader::of_source(spec, partitions, around)?.iter_mut().zip(&paces) {
        let mut numbering = Numbering::default();
        let mut of_partition = vec![];
        let failed = |error| Box::new(errors::read_failed(&spec.connector, name, &error));
        while let Some(mut block) = reader.next_block().map_err(failed)? {
            numbering.number(&mut block);
            of_partition.push(block);
        }
        blocks.push(of_partition);
    }
    let whole = Whole { partitions: paces, blocks };
    match whole.first_unreadable() {
        Some(reason) if !whole.has_rows() => Err(Box::new(errors::nothing_readable(&spec.connector, reason))),
        _ => Ok(whole),
    }
}

fn paces(partitions: &[Partition]) -> Vec<(String, Pace)> {
    partitions.iter().map(|partition| (partition.name.clone(), Pace::of(None, partition.live))).collect()
}
