//! Runs a flow: what the intake offers goes through the sources into the graph, and from there to the sinks.
//! One thread does this; other workers read ahead, write behind, and take part in what operators do.

pub(crate) mod durable;

use self::durable::{Before, Durable};
use crate::checkpoint::Manifest;
use crate::checkpoint::store::Store;
use crate::connector::{self, Surroundings};
use crate::errors;
use crate::graph::{Graph, Memory, Outlet, Stop};
use crate::intake::{Address, Intake, Next};
use crate::message::EventTime;
use crate::reader::PartitionReader;
use crate::report::{Progress, Report, Resumed, SourceReport};
use crate::source::{Pace, Source};
use crate::spill::Spill;
use crate::tables::Tables;
use crate::time::Clock;
use crate::waiting::{HeldBack, held_back};
use crate::workers::{WorkerThreads, Workers};
use crate::writers::Writers;
use millstream_base::{Diagnostic, SourceMap};
use millstream_ir::batch::Batch;
use millstream_ir::effort::Interrupt;
use millstream_ir::engine::Compiled;
use millstream_ir::flow::{Flow, Node, NodeId, NodeKind, SourceSpec};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What a run is told beside its program.
pub struct Options {
    pub around: Surroundings,
    /// Stop after this many rows have been written.
    pub limit: Option<u64>,
    /// Read only rows before this time, in microseconds since 1970 UTC.
    pub until: Option<EventTime>,
    /// The width of the terminal that `stdout` is, if it is one.
    pub terminal_width: Option<usize>,
    pub progress: Arc<Progress>,
    pub clock: Box<dyn Clock>,
    pub why: Option<Why>,
    /// Takes what goes wrong without ending the run, when it does: lines.
    pub warn: Box<dyn Fn(&str)>,
    /// Threads that share the work.
    pub workers: usize,
    /// Bytes that the state of all operators may take.
    pub memory: Option<u64>,
    /// Whether the process ends behind the run, so that what it holds need not be given back.
    pub ends_process: bool,
    /// Where a later run finds what it needs to go on from this one.
    pub state: Option<State>,
}

/// Where checkpoints are kept, and how often they are made, in microseconds.
pub struct State {
    pub store: Arc<dyn Store>,
    pub every: i64,
    /// Items of which state may be lost.
    pub dropped: Vec<String>,
    /// Whether the program has been compiled so that operators keep rows with all columns that anybody reads of their
    /// input.
    pub has_whole_rows: bool,
}

/// Whoever wants to know, while live input is read, what is waited for.
pub struct Why {
    /// How often, in microseconds.
    pub every: i64,
    pub tell: Box<dyn Fn(&str)>,
}

/// A run that broke off, with what it had counted by then.
pub struct Broken {
    pub diagnostic: Box<Diagnostic>,
    pub report: Report,
}

/// How an observed run ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// As its inputs do.
    OfInputs,
    /// It stands still as it stood when no row from `until` on had come.
    StandingStill,
}

/// Runs a flow to the end of its inputs. Must be called within a tokio runtime, on a thread that may block.
pub fn run(
    flow: &Flow,
    compiled: &dyn Compiled,
    files: &SourceMap,
    options: Options,
) -> Result<Report, Box<Broken>> {
    let open = |options: &Options, workers: &Workers, before: Option<&Manifest>| {
        Writers::open(flow, &options.around, options.limit, options.terminal_width, workers, before)
    };
    run_into(flow, compiled, files, (options, None), open).map(|(report, _)| report)
}

/// Runs a flow as [`run`] does, but that rows for its sinks go to an outlet of the caller's.
pub fn run_to(
    flow: &Flow,
    compiled: &dyn Compiled,
    files: &SourceMap,
    options: Options,
    outlet: impl Outlet,
) -> Result<Report, Box<Broken>> {
    run_into(flow, compiled, files, (options, None), |_, _, _| Ok(outlet)).map(|(report, _)| report)
}

/// Runs a flow as [`run`] does, but that rows for its sinks are shown to `seen` and not written. Also tells what was
/// waited for when all rows had been read, before the input ended.
pub fn observe(
    flow: &Flow,
    compiled: &dyn Compiled,
    files: &SourceMap,
    (options, ending): (Options, Ending),
    seen: &mut dyn FnMut(NodeId, &Batch),
) -> Result<(Report, Vec<HeldBack>), Box<Broken>> {
    run_into(flow, compiled, files, (options, Some(ending)), |_, _, _| Ok(Observer(seen)))
}

struct Observer<'s>(&'s mut dyn FnMut(NodeId, &Batch));

impl Outlet for Observer<'_> {
    fn write(&mut self, sink: NodeId, batch: &Batch) -> Result<(), Stop> {
        (self.0)(sink, batch);
        Ok(())
    }
}

fn run_into<O: Outlet>(
    flow: &Flow,
    compiled: &dyn Compiled,
    files: &SourceMap,
    (options, ending): (Options, Option<Ending>),
    open: impl FnOnce(&Options, &Workers, Option<&Manifest>) -> Result<O, Box<Diagnostic>>,
) -> Result<(Report, Vec<HeldBack>), Box<Broken>> {
    let started = options.clock.now();
    let broken = |diagnostic| Box::new(Broken { diagnostic, report: Report::default() });
    let durable = options.state.as_ref().map(|state| Durable::open(state, flow, &options.warn)).transpose();
    let durable = durable.map_err(broken)?;
    if durable.as_ref().is_some_and(Durable::has_ended) {
        let report =
            Report { stopped: Some("an earlier run has come to the end of all inputs"), ..Report::default() };
        return Ok((report, vec![]));
    }
    let threads = WorkerThreads::start(options.workers);
    let (mut job, mut intake) =
        Job::open(flow, compiled, files, (options, ending), (threads.workers(), durable), open)
            .map_err(broken)?;
    job.graph.outlet.begin(job.is_live);
    let interrupt = Arc::new(Interrupt::on(job.options.around.stop.clone()));
    let ended = interrupt.watch(|| job.begin(threads.workers()).and_then(|()| job.work(&mut intake)));
    // However the run ends: what was read has been worked on and is to be seen.
    let finished = job.graph.outlet.finish();
    let finished = match ended {
        Ok(()) => finished.and_then(|()| job.keep_now(true)),
        Err(_) => finished,
    };
    let stopped = match (ended, finished) {
        (Err(Stop::Broken(diagnostic)), _) | (_, Err(Stop::Broken(diagnostic))) => {
            let report = job.report(started);
            return Err(Box::new(Broken { diagnostic, report }));
        }
        (Err(Stop::OutputClosed), _) | (_, Err(Stop::OutputClosed)) => Some("the output was closed"),
        (Err(Stop::Asked), _) if job.durable.is_some() => Some("interrupted; the next run goes on from here"),
        (Err(Stop::Asked), _) => Some("interrupted; windows still open are not reported"),
        (Err(Stop::BrokenOff), _) if job.durable.is_some() => Some(
            "interrupted at a row that takes long; the next run goes on from the last checkpoint before it",
        ),
        (Err(Stop::BrokenOff), _) => {
            Some("interrupted at a row that takes long; windows still open are not reported")
        }
        (Err(Stop::Limit), _) => Some("the limit of rows is reached"),
        (Ok(()), _) => None,
    };
    let report = Report { stopped, ..job.report(started) };
    if job.options.ends_process {
        job.graph.leave_state();
    }
    Ok((report, job.waited_for))
}

/// How often sources are told the time, in microseconds.
const TICK: i64 = 50_000;

struct Job<'a, O> {
    flow: &'a Flow,
    graph: Graph<'a, O>,
    sources: Vec<Source>,
    /// The sources that are loaded.
    tables: Tables,
    /// Whether a source may have rows at any time.
    is_live: bool,
    workers: Workers,
    /// The time that the sources were last told, and when that was.
    ticked: i64,
    ticked_at: i64,
    /// When it was last told what is waited for.
    told: i64,
    /// Of a run that is observed.
    ending: Option<Ending>,
    /// What was waited for when all rows had been read.
    waited_for: Vec<HeldBack>,
    /// Of a run that a later one can go on from.
    durable: Option<Durable>,
    resumed: Option<Resumed>,
    options: Options,
}

impl<'a, O: Outlet> Job<'a, O> {
    fn open(
        flow: &'a Flow,
        compiled: &dyn Compiled,
        files: &'a SourceMap,
        (mut options, ending): (Options, Option<Ending>),
        (workers, mut durable): (&Workers, Option<Durable>),
        open: impl FnOnce(&Options, &Workers, Option<&Manifest>) -> Result<O, Box<Diagnostic>>,
    ) -> Result<(Job<'a, O>, Intake), Box<Diagnostic>> {
        let mut partitions = vec![];
        let mut sources = vec![];
        for id in flow.ids() {
            if let NodeKind::Source(spec) = &flow.node(id).kind
                && &*spec.connector.name == "file"
            {
                let inputs = connector::file::inputs(&spec.connector, &options.around);
                options.around.inputs.extend(inputs);
            }
        }
        for id in flow.ids() {
            if let NodeKind::Source(spec) = &flow.node(id).kind
                && spec.load.is_none()
            {
                let number = sources.len();
                let source = open_source(
                    (number, id),
                    flow.node(id),
                    spec,
                    &options,
                    (&mut durable, &mut partitions),
                )?;
                let is_cut = flow.corrects_windows();
                let source = if is_cut { source.with_late_rows_apart() } else { source };
                let stands_still = ending == Some(Ending::StandingStill);
                sources.push(if stands_still { source.standing_still() } else { source });
            }
        }
        let tables =
            Tables::open(flow, &options.around, &options.progress, options.clock.now(), &mut durable)?;
        let outlet = open(&options, workers, durable.as_ref().and_then(Durable::manifest))?;
        let mut graph = Graph::new(flow, compiled, files, workers, outlet);
        graph.tell_partitions(&|id| {
            sources.iter().find(|source: &&Source| source.node == id).map_or(0, Source::n_partitions)
        });
        graph.tell_changes(&|id| tables.changes(id));
        graph.tell_loads(&|id| tables.comes_in_one_load(id));
        let folder = options.state.as_ref().and_then(|state| state.store.folder());
        graph.memory = options.memory.map(|memory| {
            let spill = folder.map(|folder| Spill::new(folder, memory));
            Memory::new(memory, spill)
        });
        if graph.memory.as_ref().is_some_and(|memory| memory.spill().is_some()) {
            graph.tell_may_spill();
        }
        durable.as_mut().map_or(Ok(()), |durable| durable.restore(flow, &mut graph))?;
        let resumed = durable.as_mut().and_then(Durable::resumed);
        let told = options.clock.now();
        let is_live = partitions.iter().any(|(_, reader)| reader.is_live());
        let intake = Intake::start(partitions, workers, options.around.stop.clone());
        Ok((
            Job {
                flow,
                graph,
                sources,
                tables,
                is_live,
                workers: workers.clone(),
                ticked: i64::MIN,
                ticked_at: i64::MIN,
                told,
                ending,
                waited_for: vec![],
                durable,
                resumed,
                options,
            },
            intake,
        ))
    }

    /// Makes the checkpoint from which another run begins as this one, if it comes to no other, and loads the tables.
    fn begin(&mut self, workers: &Workers) -> Result<(), Stop> {
        if self.resumed.is_none() {
            self.keep_now(false)?;
        }
        self.load(workers)
    }

    /// Loads the tables.
    fn load(&mut self, workers: &Workers) -> Result<(), Stop> {
        let Options { clock, progress, why, .. } = &self.options;
        let mut tell = |held_back: HeldBack| {
            let now = clock.now();
            if let Some(why) = why.as_ref().filter(|why| now.saturating_sub(self.told) >= why.every) {
                self.told = now;
                (why.tell)(&held_back.text());
            }
        };
        self.tables.load(&mut self.graph, workers, &**clock, progress, &mut tell)?;
        let now = clock.now();
        self.sources.iter_mut().for_each(|source| source.begin(now));
        self.graph.check_memory()?;
        // What the first rows bring is looked at, however long that took.
        self.graph.memory.iter_mut().for_each(Memory::look_soon);
        Ok(())
    }

    fn work(&mut self, intake: &mut Intake) -> Result<(), Stop> {
        let mut waited = false;
        loop {
            self.keep_if_due()?;
            let next = intake.next(&self.sources, waited);
            waited = matches!(next, Next::Waiting);
            self.tables.poll(&mut self.graph, self.options.clock.now(), &self.options.warn)?;
            // Where some partitions always have something, others may still fall silent.
            if self.is_live && self.options.clock.elapsed().saturating_sub(self.ticked_at) >= TICK {
                self.tick()?;
            }
            match next {
                Next::Rows(at, block) => {
                    let (before, n_bytes) = (self.sources[at.source].report.rows, block.n_bytes as u64);
                    let arrived = self.sources[at.source].take(at.partition, block, self.options.clock.now());
                    let node = self.sources[at.source].node;
                    self.options.progress.add(self.sources[at.source].report.rows - before, n_bytes);
                    self.graph.take(node, arrived)?;
                    self.graph.check_memory()?;
                }
                Next::End(at) if self.is_left_open(at) => self.sources[at.source].leave_open(at.partition),
                Next::End(at) => self.end(at)?,
                Next::Failed(at, error) => {
                    let node = self.flow.node(self.sources[at.source].node);
                    let NodeKind::Source(spec) = &node.kind else { continue };
                    let name = self.sources[at.source].partition_name(at.partition);
                    let diagnostic = errors::read_failed(&spec.connector, name, &error);
                    return Err(Stop::Broken(Box::new(diagnostic)));
                }
                Next::Waiting => {
                    self.tick()?;
                    self.graph.outlet.flush()?;
                }
                Next::Done => return self.end_all(),
                Next::Stopped => {
                    self.keep_now(false)?;
                    return Err(Stop::Asked);
                }
            }
        }
    }

    /// Whether a partition stays open that has ended: where a run is observed, until it is known what is waited for.
    fn is_left_open(&self, at: Address) -> bool {
        let has_ended = |other: Address| self.sources[other.source].has_ended(other.partition);
        let is_last = || self.partitions().all(|other| other == at || has_ended(other));
        self.ending.is_some() && (self.sources[at.source].is_cut(at.partition) || is_last())
    }

    fn partitions(&self) -> impl Iterator<Item = Address> {
        let of_source = |(source, of): (usize, &Source)| {
            (0..of.n_partitions()).map(move |partition| Address { source, partition }).collect::<Vec<_>>()
        };
        self.sources.iter().enumerate().flat_map(of_source)
    }

    fn end(&mut self, at: Address) -> Result<(), Stop> {
        let source = &mut self.sources[at.source];
        match source.end(at.partition, self.options.clock.now()) {
            Some(message) => self.graph.deliver_of_source(source.node, message),
            None => Ok(()),
        }
    }

    /// All has been read.
    fn end_all(&mut self) -> Result<(), Stop> {
        if self.ending.is_some() {
            self.waited_for = self.held_back();
        }
        match self.ending {
            Some(Ending::StandingStill) => return Ok(()),
            Some(Ending::OfInputs) => {
                self.partitions().collect::<Vec<_>>().into_iter().try_for_each(|open| self.end(open))?;
            }
            None => {}
        }
        self.tables.end(&mut self.graph)
    }

    /// Time has passed for the sources.
    fn tick(&mut self) -> Result<(), Stop> {
        (self.ticked, self.ticked_at) = (self.options.clock.now(), self.options.clock.elapsed());
        for source in &mut self.sources {
            if let Some(message) = source.tick(self.ticked) {
                self.graph.deliver_of_source(source.node, message)?;
            }
        }
        self.tables.tick(&mut self.graph, self.ticked)?;
        self.tell_why();
        Ok(())
    }

    /// Where operators may write what memory has no room for.
    fn spill(&self) -> Option<&Spill> {
        self.graph.memory.as_ref()?.spill()
    }

    fn held_back(&self) -> Vec<HeldBack> {
        let sources: Vec<&Source> = self.sources.iter().collect();
        let now = self.options.clock.now();
        let waiting = held_back(self.flow, &self.graph, &sources, now);
        self.tables.held_back(now).into_iter().chain(waiting).collect()
    }

    /// Tells what is waited for, each time that is due.
    fn tell_why(&mut self) {
        let Some(why) = &self.options.why else { return };
        if self.ticked.saturating_sub(self.told) < why.every {
            return;
        }
        self.told = self.ticked;
        let lines: String = self.held_back().iter().map(HeldBack::text).collect();
        if !lines.is_empty() {
            (why.tell)(&lines);
        }
    }

    /// What has been counted since a time of the clock.
    fn report(&self, started: i64) -> Report {
        let elapsed = self.options.clock.now().saturating_sub(started);
        let mut report = Report { wall: Duration::from_micros(elapsed.max(0) as u64), ..Report::default() };
        let streams = self.sources.iter().map(|source| (source.node, source.report.clone()));
        let mut sources: Vec<(NodeId, SourceReport)> = streams.chain(self.tables.reports()).collect();
        sources.sort_by_key(|(node, _)| *node);
        report.sources = sources.into_iter().map(|(_, report)| report).collect();
        report.workers = self.workers.n();
        report.shared = self.graph.shared();
        report.streams = self.graph.reports();
        report.sinks = self.graph.outlet.reports();
        report.held_back = self.held_back();
        report.resumed = self.resumed.clone();
        report.spilled = self.spill().and_then(Spill::spilled);
        report.checkpoints = self.durable.as_ref().map(|durable| durable.report);
        report
    }
}

fn open_source(
    (number, id): (usize, NodeId),
    node: &Node,
    spec: &Arc<SourceSpec>,
    options: &Options,
    (durable, readers): (&mut Option<Durable>, &mut Vec<(Address, PartitionReader)>),
) -> Result<Source, Box<Diagnostic>> {
    let before = Before::new(durable.as_ref(), &options.around);
    let partitions = connector::partitions(&spec.connector, &node.name, &options.around)?;
    let partitions = before.arrange(node, &spec.connector, partitions)?;
    let paces = partitions.iter().map(|p| (p.name.clone(), Pace::of(spec.time.as_ref(), p.live))).collect();
    let bytes =
        partitions.iter().filter(|partition| !partition.live).filter_map(|partition| partition.size).sum();
    options.progress.bytes_total.fetch_add(bytes, Ordering::Relaxed);
    let mut source = Source::new(id, node, spec, paces, options.until, options.clock.now());
    before.source(&node.name).inspect(|before| source.resume(before));
    let files = partitions.iter().map(|partition| partition.file.clone()).collect();
    let of_source = PartitionReader::of_source(spec, partitions, &options.around)?.into_iter().enumerate();
    let open = of_source.filter(|(partition, _)| !source.has_ended(*partition));
    readers.extend(open.map(|(partition, reader)| {
        (Address { source: number, partition }, reader.resume(source.reached(partition)))
    }));
    if let Some(durable) = durable {
        durable.add_files(&node.name, files);
    }
    Ok(source)
}
