//! What a job writes to: its sinks, and the files beside that take failed rows.

use crate::checkpoint::{Manifest, OutputProgress, Role};
use crate::connector::{self, Surroundings, is_standard_output};
use crate::errors;
use crate::format::{self, Encoder};
use crate::graph::{Outlet, Stop, Written};
use crate::op;
use crate::report::SinkReport;
use crate::sink::Sink;
use crate::workers::Workers;
use crate::write_behind::WriteBehind;
use millstream_base::Diagnostic;
use millstream_ir::batch::Batch;
use millstream_ir::flow::{Column, ConnectorSpec, Flow, Node, NodeId, NodeKind, OnError, Schema, SinkSpec};
use millstream_ir::types::Type;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

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
    name: String,
    role: Role,
    /// Where its file is, if it has one.
    path: String,
    sink: WriteBehind,
}

impl Writers {
    /// `terminal_width` is that of the terminal that `stdout` is, if it is one. `before`: how far an earlier run has
    /// come, from which this one goes on.
    pub fn open(
        flow: &Flow,
        around: &Surroundings,
        limit: Option<u64>,
        terminal_width: Option<usize>,
        workers: &Workers,
        before: Option<&Manifest>,
    ) -> Result<Writers, Box<Diagnostic>> {
        let opening = Opening { around, workers, before };
        let limit = limit.unwrap_or(u64::MAX);
        let mut writers = Writers { sinks: BTreeMap::new(), sidelines: BTreeMap::new(), n_written: 0, limit };
        for id in flow.ids() {
            let node = flow.node(id);
            if let NodeKind::Sink(spec) = &node.kind {
                writers.sinks.insert(id, opening.sink(node, spec, terminal_width)?);
            }
            if let OnError::Sideline(connector) = &node.on_error {
                writers.sidelines.insert(id, opening.sideline(node, connector)?);
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

    fn reach(&mut self) -> Result<Vec<Written>, Stop> {
        let all = self.sinks.values_mut().chain(self.sidelines.values_mut());
        all.map(Writer::reach).collect()
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

    fn reach(&mut self) -> Result<Written, Stop> {
        let (length, file) = self.sink.reach().map_err(|e| self.stop(&e))?.unzip();
        let file_progress = length.map(|length| (self.path.clone(), length));
        let progress = OutputProgress { name: self.name.clone(), role: self.role, file: file_progress };
        Ok(Written { progress, file })
    }
}

/// The columns that come to a sink: behind those of its node the ids of rows, where it writes these.
fn with_ids(schema: &Schema, spec: &SinkSpec) -> Schema {
    let mut schema = schema.clone();
    let id = |name: &Arc<str>| Column { name: name.clone(), ty: Type::STRING, hidden: false };
    schema.columns.extend(spec.id().map(id));
    schema
}

/// What outputs are opened with.
struct Opening<'a> {
    around: &'a Surroundings,
    workers: &'a Workers,
    before: Option<&'a Manifest>,
}

impl Opening<'_> {
    fn sink(
        &self,
        node: &Node,
        spec: &SinkSpec,
        terminal_width: Option<usize>,
    ) -> Result<Writer, Box<Diagnostic>> {
        let format = spec.format.clone().or_else(|| format::of_connector(&spec.connector));
        let effective = SinkSpec { format, ..spec.clone() };
        let width = terminal_width.filter(|_| is_standard_output(&spec.connector));
        let schema = with_ids(&node.schema, &effective);
        let encoder = format::encoder(&schema, &effective, width).map_err(errors::format)?;
        self.writer(node, (Role::Sink, &spec.connector), encoder)
    }

    fn sideline(&self, node: &Node, connector: &ConnectorSpec) -> Result<Writer, Box<Diagnostic>> {
        let spec = SinkSpec { connector: connector.clone(), format: None, ordered: false };
        let encoder = format::encoder(&op::errors::error_schema(), &spec, None).map_err(errors::format)?;
        self.writer(node, (Role::Sideline, connector), encoder)
    }

    fn writer(
        &self,
        node: &Node,
        (role, connector): (Role, &ConnectorSpec),
        encoder: Box<dyn Encoder>,
    ) -> Result<Writer, Box<Diagnostic>> {
        let path = connector::file::written(connector, self.around);
        let before = self.before.and_then(|before| before.output(&node.name, role));
        // What was written to another file than now stays as it is.
        let from = before.and_then(|before| before.file.as_ref()).filter(|(before, _)| *before == path);
        let (called, report) = match role {
            Role::Sink => (&*node.name, SinkReport { name: node.name.clone(), rows: 0 }),
            Role::Sideline => ("", SinkReport::default()),
        };
        let output = connector::writer(connector, called, self.around, from.map(|(_, length)| *length))?;
        let sink = WriteBehind::new(Sink::new(encoder, output, report), self.workers.clone());
        Ok(Writer { connector: connector.clone(), name: node.name.to_string(), role, path, sink })
    }
}
