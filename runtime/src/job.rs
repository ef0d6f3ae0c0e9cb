//! Runs a flow on one worker: takes what the intake offers, calls operators down the graph,
//! writes sinks, routes side rows, counts.

use crate::connector::{self, Partition, Surroundings, is_standard_output};
use crate::errors;
use crate::format;
use crate::intake::{Address, Intake, Next};
use crate::message::{EventTime, Message};
use crate::op;
use crate::op::ordered::Ordered;
use crate::operator::{Failure, Operator, Output, Place};
use crate::reader::PartitionReader;
use crate::report::{Progress, Report, SinkReport, StreamReport};
use crate::sink::Sink;
use crate::source::Source;
use crate::time::Clock;
use millstream_base::{Diagnostic, SourceMap};
use millstream_ir::batch::Batch;
use millstream_ir::engine::Compiled;
use millstream_ir::flow::{ConnectorSpec, Flow, FormatSpec, NodeId, NodeKind, OnError, SinkSpec, SourceSpec};
use millstream_ir::value::Value;
use std::io;
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
}

/// A run that broke off, with what it had counted by then.
pub struct Broken {
    pub diagnostic: Box<Diagnostic>,
    pub report: Report,
}

/// Runs a flow to the end of its inputs. Must be called within a tokio runtime, on a thread that may block.
pub fn run(
    flow: &Flow,
    compiled: &dyn Compiled,
    files: &SourceMap,
    options: Options,
) -> Result<Report, Broken> {
    let started = options.clock.now();
    let broken = |diagnostic| Broken { diagnostic, report: Report::default() };
    let (mut job, mut intake) = Job::open(flow, compiled, files, options).map_err(broken)?;
    let ended = job.work(&mut intake);
    // However the run ends: what was read has been worked on and is to be seen.
    let finished = job.finish();
    let stopped = match (ended, finished) {
        (Err(Stop::Broken(diagnostic)), _) | (_, Err(Stop::Broken(diagnostic))) => {
            let report = job.report(started);
            return Err(Broken { diagnostic, report });
        }
        (Err(Stop::OutputClosed), _) | (_, Err(Stop::OutputClosed)) => Some("the output was closed"),
        (Err(Stop::Asked), _) => Some("interrupted; windows still open are not reported"),
        (Err(Stop::Limit), _) => Some("the limit of rows is reached"),
        (Ok(()), _) => None,
    };
    Ok(Report { stopped, ..job.report(started) })
}

/// Why a job ends before its inputs do.
enum Stop {
    Asked,
    Limit,
    /// The reader of standard output went away, as `head` does.
    OutputClosed,
    Broken(Box<Diagnostic>),
}

struct Job<'a> {
    flow: &'a Flow,
    files: &'a SourceMap,
    nodes: Vec<Running>,
    sources: Vec<Source>,
    /// Rows written by all sinks.
    n_written: u64,
    options: Options,
}

/// A node at work.
struct Running {
    task: Task,
    /// In front of a sink that writes the total order.
    ordered: Option<Ordered>,
    /// Who reads its rows, and on which input.
    readers: Vec<(NodeId, usize)>,
    /// The side streams of its failed rows.
    error_streams: Vec<(NodeId, usize)>,
    sideline: Option<Sideline>,
    /// Failed rows of it that were handed on.
    n_failed: u64,
    report: StreamReport,
}

/// Where failed rows are also written.
struct Sideline {
    connector: ConnectorSpec,
    sink: Sink,
}

impl Sideline {
    fn stop(&self, error: &io::Error) -> Stop {
        Stop::Broken(Box::new(errors::write_failed(&self.connector, error)))
    }
}

enum Task {
    /// Its work is done by the intake and `Job::sources`.
    Source,
    Operator(Box<dyn Operator>),
    Sink(Sink),
}

impl<'a> Job<'a> {
    fn open(
        flow: &'a Flow,
        compiled: &dyn Compiled,
        files: &'a SourceMap,
        options: Options,
    ) -> Result<(Job<'a>, Intake), Box<Diagnostic>> {
        let mut job = Job { flow, files, nodes: vec![], sources: vec![], n_written: 0, options };
        let mut partitions = vec![];
        for id in flow.ids() {
            if let NodeKind::Source(spec) = &flow.node(id).kind
                && &*spec.connector.name == "file"
            {
                let inputs = connector::file::inputs(&spec.connector, &job.options.around);
                job.options.around.inputs.extend(inputs);
            }
        }
        for id in flow.ids() {
            let node = flow.node(id);
            let task = match &node.kind {
                NodeKind::Source(spec) => {
                    job.open_source(id, spec, &mut partitions)?;
                    Task::Source
                }
                NodeKind::Sink(spec) => Task::Sink(job.open_sink(id, spec)?),
                _ => op::build(flow, id, compiled).map_or(Task::Source, Task::Operator),
            };
            let ordered = match &node.kind {
                NodeKind::Sink(spec) if spec.ordered => {
                    Some(Ordered::new(node.schema.types(), node.schema.time, node.inputs.len()))
                }
                _ => None,
            };
            let sideline = job.open_sideline(id)?;
            let report = StreamReport { name: node.name.clone(), ..StreamReport::default() };
            job.nodes.push(Running {
                task,
                ordered,
                readers: vec![],
                error_streams: vec![],
                sideline,
                n_failed: 0,
                report,
            });
        }
        for id in flow.ids() {
            for (input, from) in flow.node(id).inputs.iter().enumerate() {
                job.nodes[from.0 as usize].readers.push((id, input));
            }
            if let NodeKind::Errors { of } = &flow.node(id).kind {
                for (input, from) in of.iter().enumerate() {
                    job.nodes[from.0 as usize].error_streams.push((id, input));
                }
            }
        }
        let intake = Intake::start(partitions, job.options.around.stop.clone());
        Ok((job, intake))
    }

    fn open_source(
        &mut self,
        id: NodeId,
        spec: &Arc<SourceSpec>,
        readers: &mut Vec<(Address, bool, PartitionReader)>,
    ) -> Result<(), Box<Diagnostic>> {
        let partitions =
            connector::partitions(&spec.connector, &self.flow.node(id).name, &self.options.around)?;
        let effective = Arc::new(SourceSpec {
            format: spec.format.clone().or_else(|| format_of(&spec.connector)),
            ..SourceSpec::clone(spec)
        });
        let max_line = match spec.connector.options.get("max_line") {
            Some(Value::Int(n)) => (*n).max(1) as usize,
            _ => format::MAX_LINE,
        };
        let names = partitions.iter().map(|p| p.name.clone()).collect();
        let source = self.sources.len();
        for (number, partition) in partitions.into_iter().enumerate() {
            let decoder = format::decoder(&effective, max_line).map_err(errors::format)?;
            self.options.progress.bytes_total.fetch_add(partition.size.unwrap_or(0), Ordering::Relaxed);
            let Partition { live, .. } = partition;
            let stop = self.options.around.stop.clone();
            let reader = PartitionReader::new(partition, decoder, max_line, stop);
            readers.push((Address { source, partition: number }, live, reader));
        }
        self.sources.push(Source::new(id, self.flow.node(id), spec, names, self.options.until));
        Ok(())
    }

    fn open_sink(&self, id: NodeId, spec: &SinkSpec) -> Result<Sink, Box<Diagnostic>> {
        let node = self.flow.node(id);
        let format = spec.format.clone().or_else(|| format_of(&spec.connector));
        let effective = SinkSpec { format, ..spec.clone() };
        let width = self.options.terminal_width.filter(|_| is_standard_output(&spec.connector));
        let encoder = format::encoder(&node.schema, &effective, width).map_err(errors::format)?;
        let writer = connector::writer(&spec.connector, &node.name, &self.options.around)?;
        Ok(Sink::new(encoder, writer, SinkReport { name: node.name.clone(), rows: 0 }))
    }

    fn open_sideline(&self, id: NodeId) -> Result<Option<Sideline>, Box<Diagnostic>> {
        let OnError::Sideline(connector) = &self.flow.node(id).on_error else { return Ok(None) };
        let schema = op::errors::error_schema();
        let spec = SinkSpec { connector: connector.clone(), format: None, ordered: false };
        let encoder = format::encoder(&schema, &spec, None).map_err(errors::format)?;
        let writer = connector::writer(connector, "", &self.options.around)?;
        let sink = Sink::new(encoder, writer, SinkReport::default());
        Ok(Some(Sideline { connector: connector.clone(), sink }))
    }

    fn work(&mut self, intake: &mut Intake) -> Result<(), Stop> {
        let mut waited = false;
        loop {
            let next = intake.next(&self.sources, waited);
            waited = matches!(next, Next::Waiting);
            match next {
                Next::Rows(at, block) => {
                    let (before, n_bytes) = (self.sources[at.source].report.rows, block.n_bytes as u64);
                    let arrived = self.sources[at.source].take(at.partition, block, &*self.options.clock);
                    let node = self.sources[at.source].node;
                    self.options.progress.add(self.sources[at.source].report.rows - before, n_bytes);
                    self.fail(node, arrived.failures)?;
                    arrived.messages.into_iter().try_for_each(|m| self.deliver_of_source(node, m))?;
                }
                Next::End(at) => {
                    let node = self.sources[at.source].node;
                    if let Some(message) = self.sources[at.source].end(at.partition) {
                        self.deliver_of_source(node, message)?;
                    }
                }
                Next::Failed(at, error) => {
                    let node = self.flow.node(self.sources[at.source].node);
                    let NodeKind::Source(spec) = &node.kind else { continue };
                    let name = self.sources[at.source].partition_name(at.partition);
                    let diagnostic = errors::read_failed(&spec.connector, name, &error);
                    return Err(Stop::Broken(Box::new(diagnostic)));
                }
                Next::Waiting => self.flush()?,
                Next::Done => return Ok(()),
                Next::Stopped => return Err(Stop::Asked),
            }
        }
    }

    /// Hands a message of a source to all who read it, and then on what they held back for each other.
    fn deliver_of_source(&mut self, source: NodeId, message: Message) -> Result<(), Stop> {
        self.deliver(source, message)?;
        // Inputs stand before their readers: what one of these hands on is held by those to come.
        for id in self.flow.ids() {
            if let Task::Operator(operator) = &mut self.nodes[id.0 as usize].task {
                let mut output = Output::default();
                operator.settle(&mut output);
                self.follow(id, output)?;
            }
        }
        Ok(())
    }

    /// Hands a message of a node to all who read it.
    fn deliver(&mut self, from: NodeId, message: Message) -> Result<(), Stop> {
        if let Message::Watermark(_) = message {
            self.tell_error_streams(from, &message)?;
        }
        for i in 0..self.nodes[from.0 as usize].readers.len() {
            let (to, input) = self.nodes[from.0 as usize].readers[i];
            self.step(to, input, message.clone())?;
        }
        Ok(())
    }

    fn step(&mut self, to: NodeId, input: usize, message: Message) -> Result<(), Stop> {
        if let Some(ordered) = &mut self.nodes[to.0 as usize].ordered {
            let mut output = Output::default();
            ordered.step(input, message, &mut output);
            return output.messages.iter().try_for_each(|message| match message {
                Message::Batch(batch) => self.write(to, batch),
                Message::Watermark(_) => Ok(()),
            });
        }
        match &mut self.nodes[to.0 as usize].task {
            Task::Operator(operator) => {
                let mut output = Output::default();
                operator.step(input, message, &mut output);
                while output.more {
                    self.follow(to, output)?;
                    output = Output::default();
                    if let Task::Operator(operator) = &mut self.nodes[to.0 as usize].task {
                        operator.resume(&mut output);
                    }
                }
                self.follow(to, output)
            }
            Task::Sink(_) => match message {
                Message::Batch(batch) => self.write(to, &batch),
                Message::Watermark(_) => Ok(()),
            },
            Task::Source => Ok(()),
        }
    }

    /// Hands on what a step produced: side rows first, since what they say happened before.
    fn follow(&mut self, from: NodeId, output: Output) -> Result<(), Stop> {
        self.nodes[from.0 as usize].report.late_left_out += output.n_late_left_out;
        self.fail_in_program(from, output.failures)?;
        for batch in output.late {
            self.set_aside(from, batch)?;
        }
        output.messages.into_iter().try_for_each(|m| self.deliver(from, m))
    }

    /// Rows that left a node because they are late: only `late(…)` reads them.
    fn set_aside(&mut self, from: NodeId, batch: Batch) -> Result<(), Stop> {
        self.nodes[from.0 as usize].report.late_left_out += batch.n_rows as u64;
        for i in 0..self.nodes[from.0 as usize].readers.len() {
            let (to, input) = self.nodes[from.0 as usize].readers[i];
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
            self.nodes[from.0 as usize].report.failed.add(&failure.reason, &place, &failure.row);
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
        let running = &mut self.nodes[from.0 as usize];
        let files = self.files;
        let batch = op::errors::error_batch(&failures, running.n_failed, |p| place_text(files, p));
        running.n_failed += failures.len() as u64;
        if let Some(sideline) = &mut running.sideline {
            sideline.sink.write(&batch).map_err(|e| sideline.stop(&e))?;
        }
        self.tell_error_streams(from, &Message::Batch(batch))
    }

    /// Hands a batch of failed rows, or the watermark of the node they failed in, to `errors(…)`.
    fn tell_error_streams(&mut self, from: NodeId, message: &Message) -> Result<(), Stop> {
        for i in 0..self.nodes[from.0 as usize].error_streams.len() {
            let (to, input) = self.nodes[from.0 as usize].error_streams[i];
            self.step(to, input, message.clone())?;
        }
        Ok(())
    }

    fn write(&mut self, to: NodeId, batch: &Batch) -> Result<(), Stop> {
        let limit = self.options.limit.unwrap_or(u64::MAX);
        let room = (limit - self.n_written.min(limit)) as usize;
        let Task::Sink(sink) = &mut self.nodes[to.0 as usize].task else { return Ok(()) };
        let written = if batch.n_rows > room {
            let rows: Vec<u32> = (0..room as u32).collect();
            sink.write(&batch.gather(&rows))
        } else {
            sink.write(batch)
        };
        written.map_err(|e| stop_of(self.flow, to, &e))?;
        self.n_written += batch.n_rows.min(room) as u64;
        if self.n_written >= limit { Err(Stop::Limit) } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Stop> {
        for (id, node) in self.flow.ids().zip(&mut self.nodes) {
            if let Task::Sink(sink) = &mut node.task {
                sink.flush().map_err(|e| stop_of(self.flow, id, &e))?;
            }
            if let Some(sideline) = &mut node.sideline {
                sideline.sink.flush().map_err(|e| sideline.stop(&e))?;
            }
        }
        Ok(())
    }

    /// Ends every output, whatever becomes of the others; the first fault.
    fn finish(&mut self) -> Result<(), Stop> {
        let mut ended = Ok(());
        for (id, node) in self.flow.ids().zip(&mut self.nodes) {
            if let Task::Sink(sink) = &mut node.task {
                ended = ended.and(sink.finish().map_err(|e| stop_of(self.flow, id, &e)));
            }
            if let Some(sideline) = &mut node.sideline {
                ended = ended.and(sideline.sink.finish().map_err(|e| sideline.stop(&e)));
            }
        }
        ended
    }

    /// What has been counted since a time of the clock.
    fn report(&self, started: i64) -> Report {
        let elapsed = self.options.clock.now().saturating_sub(started);
        let mut report = Report { wall: Duration::from_micros(elapsed.max(0) as u64), ..Report::default() };
        report.sources = self.sources.iter().map(|s| s.report.clone()).collect();
        for node in &self.nodes {
            match &node.task {
                Task::Sink(sink) => report.sinks.push(sink.report.clone()),
                _ if node.report.failed.rows > 0 || node.report.late_left_out > 0 => {
                    report.streams.push(node.report.clone());
                }
                _ => {}
            }
        }
        report
    }
}

fn place_text(files: &SourceMap, place: &Place) -> String {
    match place {
        Place::Program(span) => files.place(*span),
        Place::Input(text) => text.clone(),
    }
}

fn stop_of(flow: &Flow, sink: NodeId, error: &io::Error) -> Stop {
    let NodeKind::Sink(spec) = &flow.node(sink).kind else { return Stop::OutputClosed };
    if error.kind() == io::ErrorKind::BrokenPipe && is_standard_output(&spec.connector) {
        return Stop::OutputClosed;
    }
    Stop::Broken(Box::new(errors::write_failed(&spec.connector, error)))
}

/// The format that a connector's path stands for.
fn format_of(connector: &ConnectorSpec) -> Option<FormatSpec> {
    let name = format::of_path(connector::text_option(connector, "path"))?;
    Some(FormatSpec { name: name.into(), options: Default::default(), span: connector.span })
}
