//! What a job writes to: its sinks, and the files beside that take failed rows.

use crate::connector::{self, Surroundings, is_standard_output};
use crate::errors;
use crate::format;
use crate::graph::{Outlet, Stop};
use crate::op;
use crate::report::SinkReport;
use crate::sink::Sink;
use crate::workers::Workers;
use crate::write_behind::WriteBehind;
use millstream_base::Diagnostic;
use millstream_ir::batch::Batch;
use millstream_ir::flow::{ConnectorSpec, Flow, Node, NodeId, NodeKind, OnError, SinkSpec};
use std::collections::BTreeMap;
use std::io;

pub struct Writers {
    sinks: BTreeMap<NodeId, Writer>,
    /// Where failed rows are also written.
    sidelines: BTreeMap<NodeId, Writer>,
    /// Rows written by all sinks.
    n_written: u64,
    /// Stop after this many of them.
    limit: u64,
}

struct Writer {
    connector: ConnectorSpec,
    sink: WriteBehind,
}

impl Writers {
    /// `terminal_width` is that of the terminal that `stdout` is, if it is one.
    pub fn open(
        flow: &Flow,
        around: &Surroundings,
        limit: Option<u64>,
        terminal_width: Option<usize>,
        workers: &Workers,
    ) -> Result<Writers, Box<Diagnostic>> {
        let limit = limit.unwrap_or(u64::MAX);
        let mut writers = Writers { sinks: BTreeMap::new(), sidelines: BTreeMap::new(), n_written: 0, limit };
        for id in flow.ids() {
            let node = flow.node(id);
            if let NodeKind::Sink(spec) = &node.kind {
                writers.sinks.insert(id, open_sink(node, spec, around, (terminal_width, workers))?);
            }
            if let OnError::Sideline(connector) = &node.on_error {
                writers.sidelines.insert(id, open_sideline(connector, around, workers)?);
            }
        }
        Ok(writers)
    }
}

impl Outlet for Writers {
    fn write(&mut self, sink: NodeId, batch: &Batch) -> Result<(), Stop> {
        let room = (self.limit - self.n_written.min(self.limit)) as usize;
        let Some(writer) = self.sinks.get_mut(&sink) else { return Ok(()) };
        let written = if batch.n_rows > room {
            let rows: Vec<u32> = (0..room as u32).collect();
            writer.sink.write(&batch.gather(&rows))
        } else {
            writer.sink.write(batch)
        };
        written.map_err(|e| writer.stop(&e))?;
        self.n_written += batch.n_rows.min(room) as u64;
        if self.n_written >= self.limit { Err(Stop::Limit) } else { Ok(()) }
    }

    fn write_failed(&mut self, node: NodeId, batch: &Batch) -> Result<(), Stop> {
        let Some(writer) = self.sidelines.get_mut(&node) else { return Ok(()) };
        writer.sink.write(batch).map_err(|e| writer.stop(&e))
    }

    fn flush(&mut self) -> Result<(), Stop> {
        let mut all = self.sinks.values_mut().chain(self.sidelines.values_mut());
        all.try_for_each(|writer| writer.sink.flush().map_err(|e| writer.stop(&e)))
    }

    /// Whatever becomes of the others, each output is ended; the first fault.
    fn finish(&mut self) -> Result<(), Stop> {
        let all = self.sinks.values_mut().chain(self.sidelines.values_mut());
        let mut ended = Ok(());
        for writer in all {
            ended = ended.and(writer.sink.finish().map_err(|e| writer.stop(&e)));
        }
        ended
    }

    fn reports(&self) -> Vec<SinkReport> {
        self.sinks.values().map(|writer| writer.sink.report()).collect()
    }
}

impl Writer {
    fn stop(&self, error: &io::Error) -> Stop {
        if error.kind() == io::ErrorKind::BrokenPipe && is_standard_output(&self.connector) {
            return Stop::OutputClosed;
        }
        Stop::Broken(Box::new(errors::write_failed(&self.connector, error)))
    }
}

fn open_sink(
    node: &Node,
    spec: &SinkSpec,
    around: &Surroundings,
    (terminal_width, workers): (Option<usize>, &Workers),
) -> Result<Writer, Box<Diagnostic>> {
    let format = spec.format.clone().or_else(|| format::of_connector(&spec.connector));
    let effective = SinkSpec { format, ..spec.clone() };
    let width = terminal_width.filter(|_| is_standard_output(&spec.connector));
    let encoder = format::encoder(&node.schema, &effective, width).map_err(errors::format)?;
    let output = connector::writer(&spec.connector, &node.name, around)?;
    let sink = Sink::new(encoder, output, SinkReport { name: node.name.clone(), rows: 0 });
    Ok(Writer { connector: spec.connector.clone(), sink: WriteBehind::new(sink, workers.clone()) })
}

fn open_sideline(
    connector: &ConnectorSpec,
    around: &Surroundings,
    workers: &Workers,
) -> Result<Writer, Box<Diagnostic>> {
    let schema = op::errors::error_schema();
    let spec = SinkSpec { connector: connector.clone(), format: None, ordered: false };
    let encoder = format::encoder(&schema, &spec, None).map_err(errors::format)?;
    let output = connector::writer(connector, "", around)?;
    let sink = Sink::new(encoder, output, SinkReport::default());
    Ok(Writer { connector: connector.clone(), sink: WriteBehind::new(sink, workers.clone()) })
}
