//! Operators and the edges between them: hands messages down the graph, routes side rows, counts.
//!
//! Knows no files, threads or clock, but for [how much memory](memory) it takes: rows come from whoever drives it, and
//! leave through an [`Outlet`].

mod memory;

use crate::checkpoint::OutputProgress;
use crate::contents::{self, Around, Contents, Count};
use crate::errors;
use crate::message::Message;
use crate::op;
use crate::op::identify::Identify;
use crate::op::order::{self, Order};
use crate::op::table::{self, store::Stores};
use crate::operator::{Failure, Operator, Output, Place};
use crate::report::{SinkReport, StreamReport};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::source::Arrived;
use crate::waiting::Waiting;
use crate::workers::Workers;
pub use memory::Memory;
use millstream_base::{Diagnostic, SourceMap};
use millstream_ir::batch::Batch;
use millstream_ir::effort;
use millstream_ir::engine::Compiled;
use millstream_ir::flow::{Flow, Node, NodeId, NodeKind, OnError, SinkSpec};
use std::fs::File;
use std::sync::Arc;

/// What a graph writes to.
pub trait Outlet {
    /// Work begins. `is_live`: more rows may come at any time.
    fn begin(&mut self, is_live: bool) {
        let _ = is_live;
    }

    /// Rows for a sink.
    fn write(&mut self, sink: NodeId, batch: &Batch) -> Result<(), Stop>;

    /// So many rows have failed in a node.
    fn count_failed(&mut self, node: NodeId, n_rows: usize) {
        let _ = (node, n_rows);
    }

    /// Rows that failed in a node, for its sideline, if it has one.
    fn write_failed(&mut self, node: NodeId, batch: &Batch) -> Result<(), Stop> {
        let _ = (node, batch);
        Ok(())
    }

    /// Lets everything be seen that has been written.
    fn flush(&mut self) -> Result<(), Stop> {
        Ok(())
    }

    /// Nothing more will be written.
    fn finish(&mut self) -> Result<(), Stop> {
        Ok(())
    }

    /// Hands on all that has been written, so that a checkpoint can be made; up to where each output stands.
    fn reach(&mut self) -> Result<Vec<Written>, Stop> {
        self.flush().map(|()| vec![])
    }

    fn reports(&self) -> Vec<SinkReport> {
        vec![]
    }
}

/// How far an output has been written.
pub struct Written {
    pub progress: OutputProgress,
    /// What must outlast the loss of power before that counts.
    pub file: Option<File>,
}

/// Why work ends before the inputs do.
#[derive(Debug)]
pub enum Stop {
    Asked,
    /// As it was asked, in the middle of a message: operators are in no state that anything could go on from.
    BrokenOff,
    Limit,
    /// The reader of standard output went away, as `head` does.
    OutputClosed,
    Broken(Box<Diagnostic>),
}

pub struct Graph<'a, O> {
    flow: &'a Flow,
    files: &'a SourceMap,
    stations: Vec<Station>,
    /// The operators that hold back what [`Operator::settle`] lets go of.
    settling: Vec<NodeId>,
    /// The operators that are in the middle of what they hand on.
    handing_on: Vec<NodeId>,
    /// Of a run that may take only so much.
    pub memory: Option<Memory>,
    pub outlet: O,
}

/// A node at work.
struct Station {
    task: Task,
    /// Who reads its rows, and on which input.
    readers: Vec<(NodeId, usize)>,
    /// The side streams of its failed rows.
    error_streams: Vec<(NodeId, usize)>,
    /// Whether anything follows from how far its input has come.
    minds_watermarks: bool,
    /// Failed rows of it that were handed on.
    n_failed: u64,
    report: StreamReport,
}

enum Task {
    /// Its rows come from outside.
    Source,
    Operator(Box<dyn Operator>),
    Sink,
    /// A sink, and what brings its rows into the total order or gives them ids.
    PreparedSink(Box<dyn Operator>),
}

impl<'a, O: Outlet> Graph<'a, O> {
    pub fn new(
        flow: &'a Flow,
        compiled: &dyn Compiled,
        files: &'a SourceMap,
        workers: &Workers,
        outlet: O,
    ) -> Graph<'a, O> {
        let mut stores = Stores::default();
        let station = |id| {
            let node = flow.node(id);
            let task = match &node.kind {
                NodeKind::Sink(spec) => sink_task(flow, node, spec),
                _ => op::build(flow, id, compiled, workers, &mut stores).map_or(Task::Source, Task::Operator),
            };
            let report = StreamReport { name: node.name.clone(), ..StreamReport::default() };
            let (readers, error_streams) = (vec![], vec![]);
            Station { task, readers, error_streams, minds_watermarks: true, n_failed: 0, report }
        };
        let mut stations: Vec<Station> = flow.ids().map(station).collect();
        for id in flow.ids() {
            for (input, from) in flow.node(id).inputs.iter().enumerate() {
                stations[from.0 as usize].readers.push((id, input));
            }
            if let NodeKind::Errors { of } = &flow.node(id).kind {
                for (input, from) in of.iter().enumerate() {
                    stations[from.0 as usize].error_streams.push((id, input));
                }
            }
        }
        let settles =
            |station: &Station| matches!(&station.task, Task::Operator(operator) if operator.settles());
        let settling = flow.ids().zip(&stations).filter(|(_, station)| settles(station)).map(|(id, _)| id);
        let settling = settling.collect();
        let mut graph = Graph { flow, files, stations, settling, handing_on: vec![], memory: None, outlet };
        graph.find_who_minds(flow.nodes.len());
        graph
    }

    /// Finds, of the first so many nodes, which mind watermarks. Readers stand behind what they read.
    fn find_who_minds(&mut self, n_nodes: usize) {
        for number in (0..n_nodes).rev() {
            self.stations[number].minds_watermarks = self.minds_watermarks(number);
        }
    }

    /// Whether anything follows, in a node or behind it, from how far its input has come.
    fn minds_watermarks(&self, number: usize) -> bool {
        let station = &self.stations[number];
        match &self.flow.nodes[number].kind {
            NodeKind::Sink(spec) => spec.ordered || spec.id().is_some(),
            NodeKind::Segment(_) | NodeKind::Unnest { .. } => self.readers_mind(station),
            _ => match &station.task {
                Task::Operator(operator) => operator.minds_watermarks() || self.readers_mind(station),
                _ => true,
            },
        }
    }

    fn readers_mind(&self, station: &Station) -> bool {
        let mut readers = station.readers.iter().chain(&station.error_streams);
        readers.any(|(reader, _)| self.stations[reader.0 as usize].minds_watermarks)
    }

    /// Tells operators, before the first message, what follows from how many partitions sources have.
    pub fn tell_partitions(&mut self, n_partitions: &dyn Fn(NodeId) -> usize) {
        let in_order = order::reads_in_order(self.flow, n_partitions);
        for (station, _) in self.stations.iter_mut().zip(in_order).filter(|(_, in_order)| *in_order) {
            match &mut station.task {
                Task::Operator(operator) | Task::PreparedSink(operator) => operator.reads_in_order(),
                Task::Source | Task::Sink => {}
            }
        }
    }

    /// Tells operators, before the first message, that they may be asked to write what they hold to files.
    pub fn tell_may_spill(&mut self) {
        for station in &mut self.stations {
            if let Task::Operator(operator) = &mut station.task {
                operator.may_spill();
            }
        }
    }

    /// Tells tables, before the first message, whether the rows of their sources come as changes.
    pub fn tell_changes(&mut self, come_as_changes: &dyn Fn(NodeId) -> bool) {
        for id in self.flow.ids() {
            if let Task::Operator(operator) = &mut self.stations[id.0 as usize].task
                && table::source_of(self.flow, id).is_some_and(come_as_changes)
            {
                operator.reads_changes();
            }
        }
    }

    /// Tells tables, before the first message, whether the rows of their sources come in one load alone.
    pub fn tell_loads(&mut self, come_in_one: &dyn Fn(NodeId) -> bool) {
        for id in self.flow.ids() {
            if let Task::Operator(operator) = &mut self.stations[id.0 as usize].task
                && table::source_of(self.flow, id).is_some_and(come_in_one)
            {
                operator.reads_one_load();
            }
        }
    }

    /// Takes what came of a block of a source.
    pub fn take(&mut self, source: NodeId, arrived: Arrived) -> Result<(), Stop> {
        self.fail(source, arrived.failures)?;
        arrived.messages.into_iter().try_for_each(|message| self.deliver_of_source(source, message))
    }

    /// Hands a message of a source to all who read it, and then on what they held back for each other.
    pub fn deliver_of_source(&mut self, source: NodeId, message: Message) -> Result<(), Stop> {
        self.deliver(source, message)?;
        // Inputs stand before their readers: what one of these hands on is held by those to come.
        for at in 0..self.settling.len() {
            let id = self.settling[at];
            if let Task::Operator(operator) = &mut self.stations[id.0 as usize].task {
                let mut output = Output::default();
                operator.settle(&mut output);
                self.follow(id, output)?;
            }
        }
        Ok(())
    }

    /// Hands a message of a node to all who read it.
    fn deliver(&mut self, from: NodeId, message: Message) -> Result<(), Stop> {
        let is_watermark = matches!(message, Message::Watermark(_));
        if is_watermark {
            self.tell_error_streams(from, &message)?;
        }
        for i in 0..self.stations[from.0 as usize].readers.len() {
            let (to, input) = self.stations[from.0 as usize].readers[i];
            if !is_watermark || self.stations[to.0 as usize].minds_watermarks {
                self.step(to, input, message.clone())?;
            }
        }
        Ok(())
    }

    fn step(&mut self, to: NodeId, input: usize, message: Message) -> Result<(), Stop> {
        match &mut self.stations[to.0 as usize].task {
            Task::Operator(operator) => {
                let mut output = Output::default();
                operator.step(input, message, &mut output);
                self.follow_to_end(to, output)
            }
            Task::PreparedSink(prepared) => {
                let mut output = Output::default();
                prepared.step(input, message, &mut output);
                self.stations[to.0 as usize].report.late_left_out += output.n_late_left_out;
                output.messages.iter().try_for_each(|message| self.write(to, message))
            }
            Task::Sink => self.write(to, &message),
            Task::Source => Ok(()),
        }
    }

    /// As [`Graph::step`], with some rows of a batch.
    fn step_rows(&mut self, to: NodeId, input: usize, batch: &Batch, rows: &[u32]) -> Result<(), Stop> {
        match &mut self.stations[to.0 as usize].task {
            Task::Operator(operator) => {
                let mut output = Output::default();
                operator.step_rows(input, batch, rows, &mut output);
                self.follow_to_end(to, output)
            }
            _ => self.step(to, input, Message::Batch(batch.gather(rows))),
        }
    }

    /// Hands on what a step produced, and the rest of it when there is more.
    fn follow_to_end(&mut self, from: NodeId, mut output: Output) -> Result<(), Stop> {
        while output.more {
            self.follow(from, output)?;
            output = Output::default();
            if let Task::Operator(operator) = &mut self.stations[from.0 as usize].task {
                operator.resume(&mut output);
            }
        }
        self.follow(from, output)
    }

    fn write(&mut self, to: NodeId, message: &Message) -> Result<(), Stop> {
        match message {
            Message::Batch(batch) => self.outlet.write(to, batch),
            Message::Watermark(_) => Ok(()),
        }
    }

    /// Hands on what a step produced: side rows first, since what they say happened before.
    fn follow(&mut self, from: NodeId, output: Output) -> Result<(), Stop> {
        if effort::has_broken_off() {
            return Err(Stop::BrokenOff);
        }
        if let Some(error) = &output.fault {
            let diagnostic = errors::spilled_state_unreadable(self.flow.node(from), error);
            return Err(Stop::Broken(Box::new(diagnostic)));
        }
        self.stations[from.0 as usize].report.late_left_out += output.n_late_left_out;
        self.stations[from.0 as usize].report.replaced += output.n_replaced;
        self.fail_in_program(from, output.failures)?;
        for batch in output.late {
            self.set_aside(from, batch)?;
        }
        if let Some(handed) = &output.handed {
            for (reader, rows) in handed.parts() {
                let (to, input) = self.stations[from.0 as usize].readers[reader];
                self.step_rows(to, input, &handed.batch, rows)?;
            }
        }
        output.of_others.into_iter().try_for_each(|(node, output)| self.follow(node, output))?;
        self.handing_on.push(from);
        for message in output.messages {
            self.deliver(from, message)?;
            self.check_on_the_way()?;
        }
        self.handing_on.pop();
        Ok(())
    }

    /// Rows that left a node because they are late: only `late(…)` reads them.
    fn set_aside(&mut self, from: NodeId, batch: Batch) -> Result<(), Stop> {
        self.stations[from.0 as usize].report.late_left_out += batch.n_rows as u64;
        for i in 0..self.stations[from.0 as usize].readers.len() {
            let (to, input) = self.stations[from.0 as usize].readers[i];
            if matches!(self.flow.node(to).kind, NodeKind::Late) {
                self.step(to, input, Message::Batch(batch.clone()))?;
            }
        }
        Ok(())
    }

    fn fail_in_program(&mut self, from: NodeId, failures: Vec<Failure>) -> Result<(), Stop> {
        let files = self.files;
        for failure in &failures {
            let place = place_text(files, &failure.place);
            self.stations[from.0 as usize].report.failed.add(&failure.reason, &place, &failure.row);
        }
        self.fail(from, failures)
    }

    /// Hands failed rows to `errors(…)`, to the sideline, or stops.
    fn fail(&mut self, from: NodeId, failures: Vec<Failure>) -> Result<(), Stop> {
        let Some(first) = failures.first() else { return Ok(()) };
        let node = self.flow.node(from);
        if matches!(node.on_error, OnError::Fail) {
            let diagnostic = errors::row_failed(node.span, &node.name, first);
            return Err(Stop::Broken(Box::new(diagnostic)));
        }
        let station = &mut self.stations[from.0 as usize];
        let n_before = station.n_failed;
        station.n_failed += failures.len() as u64;
        self.outlet.count_failed(from, failures.len());
        if station.error_streams.is_empty() && !matches!(node.on_error, OnError::Sideline(_)) {
            // They are counted; nobody reads them.
            return Ok(());
        }
        let files = self.files;
        let batch = op::errors::error_batch(&failures, n_before, |p| place_text(files, p));
        self.outlet.write_failed(from, &batch)?;
        self.tell_error_streams(from, &Message::Batch(batch))
    }

    /// Hands a batch of failed rows, or the watermark of the node they failed in, to `errors(…)`.
    fn tell_error_streams(&mut self, from: NodeId, message: &Message) -> Result<(), Stop> {
        for i in 0..self.stations[from.0 as usize].error_streams.len() {
            let (to, input) = self.stations[from.0 as usize].error_streams[i];
            self.step(to, input, message.clone())?;
        }
        Ok(())
    }

    /// What operators and sinks hold until the watermark has come further: that of their rows, or of the node that
    /// stands beside what is held.
    pub fn waiting(&self) -> Vec<(NodeId, NodeId, Waiting)> {
        let waiting = |(id, station): (NodeId, &Station)| {
            let (waiting, input) = match &station.task {
                Task::Operator(operator) => (operator.waiting(), operator.waits_for()),
                Task::PreparedSink(prepared) => (prepared.waiting(), None),
                Task::Source | Task::Sink => (None, None),
            };
            let of = input.and_then(|input| self.flow.node(id).inputs.get(input)).copied();
            Some((id, of.unwrap_or(id), waiting?))
        };
        self.flow.ids().zip(&self.stations).filter_map(waiting).collect()
    }

    /// Leaves what operators hold to the end of the process, which takes it all at once: to give millions of rows
    /// back one by one is a tenth of some runs. Nothing may come after that.
    pub fn leave_state(&mut self) {
        for station in &mut self.stations {
            if let Task::Operator(operator) = std::mem::replace(&mut station.task, Task::Source) {
                std::mem::forget(operator);
            }
        }
    }

    /// The state of each node that has any; taken between two messages of sources, when nothing is under way.
    pub fn snapshots(&self) -> impl Iterator<Item = (NodeId, Vec<u8>)> {
        self.flow.ids().filter_map(|id| {
            let mut writer = SnapshotWriter::default();
            self.snapshot(id, &mut writer).then(|| (id, writer.finish()))
        })
    }

    /// The same of one node; whether it has a state.
    pub fn snapshot(&self, id: NodeId, writer: &mut SnapshotWriter) -> bool {
        let station = &self.stations[id.0 as usize];
        match &station.task {
            Task::Operator(operator) | Task::PreparedSink(operator) => operator.snapshot(writer),
            Task::Source | Task::Sink => {}
        }
        let has_state = !writer.is_empty() || station.n_failed > 0;
        writer.u64(station.n_failed);
        has_state
    }

    /// How much a node holds, if it says so.
    pub fn amount(&self, id: NodeId) -> Option<Count> {
        match &self.stations[id.0 as usize].task {
            Task::Operator(operator) | Task::PreparedSink(operator) => {
                operator.amount().or_else(|| waiting_count(operator.waiting()?))
            }
            Task::Source | Task::Sink => None,
        }
    }

    /// What a node holds, as rows; it is of no use afterwards.
    pub fn contents(&mut self, id: NodeId) -> Vec<Contents> {
        let around = Around::new(self.flow, id);
        match &mut self.stations[id.0 as usize].task {
            Task::Operator(operator) | Task::PreparedSink(operator) => {
                contents::of_operator(&mut **operator, &around)
            }
            Task::Source | Task::Sink => vec![],
        }
    }

    /// Takes over what [`Graph::snapshots`] gave of a node; before the first message.
    pub fn restore(&mut self, id: NodeId, snapshot: &[u8]) -> Result<(), Corrupt> {
        let mut reader = SnapshotReader::new(snapshot);
        let station = &mut self.stations[id.0 as usize];
        match &mut station.task {
            Task::Operator(operator) => {
                let minded = operator.minds_watermarks();
                operator.restore(&mut reader)?;
                if operator.minds_watermarks() != minded {
                    self.find_who_minds(id.0 as usize + 1);
                }
            }
            Task::PreparedSink(prepared) => prepared.restore(&mut reader)?,
            Task::Source | Task::Sink => {}
        }
        self.stations[id.0 as usize].n_failed = reader.total()?;
        reader.finish()
    }

    /// The streams of which several workers have shared the rows, and how many.
    pub fn shared(&self) -> Vec<(Arc<str>, usize)> {
        let workers = |station: &Station| match &station.task {
            Task::Operator(operator) => operator.n_workers(),
            Task::Source | Task::Sink | Task::PreparedSink(_) => 1,
        };
        let named = self.stations.iter().map(|station| (station.report.name.clone(), workers(station)));
        named.filter(|(_, n)| *n > 1).collect()
    }

    /// What streams have counted, where there is something to tell.
    pub fn reports(&self) -> Vec<StreamReport> {
        let counted = |report: &&StreamReport| {
            report.failed.rows > 0 || report.late_left_out > 0 || report.replaced > 0
        };
        self.stations.iter().map(|station| &station.report).filter(counted).cloned().collect()
    }
}

fn sink_task(flow: &Flow, node: &Node, spec: &SinkSpec) -> Task {
    let order = spec.ordered.then(|| Order::new(node.schema.types(), node.schema.time));
    match (spec.id(), order) {
        (Some(_), order) => Task::PreparedSink(Box::new(Identify::new(flow, node, order))),
        (None, Some(order)) => Task::PreparedSink(Box::new(order)),
        (None, None) => Task::Sink,
    }
}

fn waiting_count(waiting: Waiting) -> Option<Count> {
    Some(Count::of(waiting.n?, waiting.what))
}

fn place_text(files: &SourceMap, place: &Place) -> String {
    match place {
        Place::Program(span) => files.place(*span),
        Place::Input(text) => text.clone(),
    }
}
