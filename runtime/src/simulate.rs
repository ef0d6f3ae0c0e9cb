//! Runs a flow as a loop, without threads, files or a clock of its own: what arrives, when, and how it is
//! cut into batches is said from outside.
//!
//! The same sources, operators and order of events as in a [job](crate::job); the inputs are records in
//! memory, the clock stands until it is moved, and what the sinks get is kept.

use crate::format::{Decoded, DecodedRows, Unreadable};
use crate::graph::{Graph, Outlet, Stop};
use crate::message::{EventTime, Message, Watermark};
use crate::reader::{Block, Reached};
use crate::report::SourceReport;
use crate::snapshot::Corrupt;
use crate::source::{Pace, Source};
use crate::spill::Spill;
use crate::time::{Clock, ManualClock};
use crate::waiting::{HeldBack, held_back};
use crate::workers::Workers;
use millstream_base::{Diagnostic, SourceMap};
use millstream_ir::batch::{BATCH_ROWS, Batch};
use millstream_ir::column::ColumnBuilder;
use millstream_ir::engine::Compiled;
use millstream_ir::flow::{Flow, NodeId, NodeKind, SourceSpec};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::collections::BTreeMap;

/// What a partition of a source yields.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// A value for each field that the source reads, in the order of its columns.
    Row(Vec<Value>),
    Unreadable {
        text: String,
        reason: String,
    },
}

/// A row that a sink got: a value for each column of its node, hidden ones too.
pub type Row = Vec<Value>;

pub struct Simulation<'a> {
    flow: &'a Flow,
    compiled: &'a dyn Compiled,
    files: &'a SourceMap,
    workers: Workers,
    graph: Graph<'a, Collected>,
    sources: Vec<SimulatedSource>,
    clock: ManualClock,
    may_spill: bool,
}

struct SimulatedSource {
    source: Source,
    /// The types of the columns that its records have.
    types: Vec<Type>,
    /// How many records each partition has yielded.
    n_records: Vec<u64>,
    /// Of a table that comes in loads.
    load: Option<Load>,
}

/// What has come of a table.
struct Load {
    /// Rows that take the place of all others when a row of a stream comes, or time passes; at first, perhaps none.
    is_open: bool,
    /// The watermark that was given last.
    given: Watermark,
}

/// The rows that sinks got and nobody has taken yet.
struct Collected {
    types: BTreeMap<NodeId, Vec<Type>>,
    rows: BTreeMap<NodeId, Vec<Row>>,
}

/// A source that asks to stop at a row that fails.
pub type Failed = Box<Diagnostic>;

impl<'a> Simulation<'a> {
    /// At time `now` of the clock, with the names of each source's partitions and how they come.
    pub fn new(
        flow: &'a Flow,
        compiled: &'a dyn Compiled,
        files: &'a SourceMap,
        now: EventTime,
        workers: &Workers,
        partitions: impl Fn(&str, &SourceSpec) -> Vec<(String, Pace)>,
    ) -> Simulation<'a> {
        let sources = flow.ids().filter_map(|id| {
            let node = flow.node(id);
            let NodeKind::Source(spec) = &node.kind else { return None };
            let partitions = partitions(&node.name, spec);
            Some(SimulatedSource {
                n_records: vec![0; partitions.len()],
                load: spec.load.map(|_| Load { is_open: true, given: Watermark::START }),
                types: spec
                    .columns
                    .iter()
                    .filter_map(|c| spec.fields.get(*c))
                    .map(|f| f.ty.clone())
                    .collect(),
                source: match Source::new(id, node, spec, partitions, None, now) {
                    source if flow.corrects_windows() => source.with_late_rows_apart(),
                    source => source,
                },
            })
        });
        let sinks = flow.ids().filter(|id| matches!(flow.node(*id).kind, NodeKind::Sink(_)));
        let types = sinks.map(|id| (id, flow.node(id).schema.types())).collect();
        let sources: Vec<SimulatedSource> = sources.collect();
        let mut graph =
            Graph::new(flow, compiled, files, workers, Collected { types, rows: BTreeMap::new() });
        tell_partitions(&mut graph, &sources);
        Simulation {
            flow,
            compiled,
            files,
            workers: workers.clone(),
            graph,
            sources,
            clock: ManualClock::at(now),
            may_spill: false,
        }
    }

    /// Operators may be asked to [spill](Simulation::spill); before the first record.
    pub fn may_spill(mut self) -> Simulation<'a> {
        self.graph.tell_may_spill();
        self.may_spill = true;
        self
    }

    /// The number of the source with this name; none if the flow does not read it.
    pub fn source(&self, name: &str) -> Option<usize> {
        self.sources.iter().position(|s| *self.flow.node(s.source.node).name == *name)
    }

    /// Records arrive together at a partition of a source. Those that arrive of a table that is loaded are one load
    /// until a stream has records, or time passes.
    pub fn arrive(&mut self, source: usize, partition: usize, records: &[Record]) -> Result<(), Failed> {
        if self.sources.get(source).is_some_and(|to| to.load.is_none()) {
            self.end_loads()?;
        }
        let Some(to) = self.sources.get_mut(source) else { return Ok(()) };
        let Some(n_records) = to.n_records.get_mut(partition) else { return Ok(()) };
        let block = Block {
            decoded: decoded(records, &to.types),
            first_record: *n_records,
            n_bytes: 0,
            reached: Reached::default(),
        };
        *n_records += records.len() as u64;
        let mut arrived = to.source.take(partition, block, self.clock.now());
        let node = to.source.node;
        if let Some(load) = &mut to.load {
            load.is_open = true;
            arrived.messages.retain(|message| matches!(message, Message::Batch(_)));
        }
        broken(self.graph.take(node, arrived))
    }

    /// What has come of tables takes the place of what came before, and they go on with the clock.
    fn end_loads(&mut self) -> Result<(), Failed> {
        let now = Watermark(self.clock.now());
        for source in &mut self.sources {
            if let Some(load) = &mut source.load
                && (std::mem::take(&mut load.is_open) || now > load.given)
            {
                load.given = load.given.max(now);
                let message = Message::Watermark(load.given);
                broken(self.graph.deliver_of_source(source.source.node, message))?;
            }
        }
        Ok(())
    }

    /// Moves the watermark of every partition, and the clock, to a time. What is there already stays.
    pub fn advance(&mut self, to: EventTime) -> Result<(), Failed> {
        self.end_loads()?;
        self.clock.advance(to);
        self.end_loads()?;
        let now = self.clock.now();
        self.promise(|source, partition| source.promise(partition, Watermark(to), now))
    }

    /// The clock goes on to a time. Partitions may become idle by it.
    pub fn wait_until(&mut self, now: EventTime) -> Result<(), Failed> {
        self.end_loads()?;
        self.clock.advance(now);
        self.end_loads()?;
        for source in self.sources.iter_mut().filter(|source| source.load.is_none()) {
            if let Some(message) = source.source.tick(now) {
                broken(self.graph.deliver_of_source(source.source.node, message))?;
            }
        }
        Ok(())
    }

    /// Operators write what they can to files.
    pub fn spill(&mut self, spill: &Spill) -> Result<(), Failed> {
        broken(self.graph.spill(spill, 0))
    }

    /// About how many bytes the operators hold.
    pub fn state_bytes(&self) -> usize {
        self.graph.state_bytes().iter().map(|(_, bytes)| bytes).sum()
    }

    /// A partition ends.
    pub fn end_partition(&mut self, source: usize, partition: usize) -> Result<(), Failed> {
        self.end_loads()?;
        let now = self.clock.now();
        let Some(source) = self.sources.get_mut(source) else { return Ok(()) };
        match source.source.end(partition, now) {
            Some(Message::Watermark(watermark)) if source.load.is_some() && watermark < Watermark::END => {
                Ok(())
            }
            Some(message) => broken(self.graph.deliver_of_source(source.source.node, message)),
            None => Ok(()),
        }
    }

    /// Every partition ends.
    pub fn end(&mut self) -> Result<(), Failed> {
        self.end_loads()?;
        let now = self.clock.now();
        self.promise(|source, partition| source.end(partition, now))
    }

    fn promise(&mut self, promise: impl Fn(&mut Source, usize) -> Option<Message>) -> Result<(), Failed> {
        for source in &mut self.sources {
            for partition in 0..source.n_records.len() {
                let message = promise(&mut source.source, partition);
                let counts = |message: &Message| {
                    source.load.is_none() || matches!(message, Message::Watermark(Watermark::END))
                };
                if let Some(message) = message.filter(counts) {
                    broken(self.graph.deliver_of_source(source.source.node, message))?;
                }
            }
        }
        Ok(())
    }

    /// The rows that a sink got since they were last taken.
    pub fn take_rows(&mut self, sink: NodeId) -> Vec<Row> {
        self.graph.outlet.rows.remove(&sink).unwrap_or_default()
    }

    /// Goes on with new operators that take over the state of the old ones from their snapshots.
    pub fn restore(&mut self) -> Result<(), Corrupt> {
        self.restore_by(&self.workers.clone())
    }

    /// The same, with other workers.
    pub fn restore_by(&mut self, workers: &Workers) -> Result<(), Corrupt> {
        self.workers = workers.clone();
        let snapshots: Vec<(NodeId, Vec<u8>)> = self.graph.snapshots().collect();
        let collected = Collected {
            types: std::mem::take(&mut self.graph.outlet.types),
            rows: std::mem::take(&mut self.graph.outlet.rows),
        };
        self.graph = Graph::new(self.flow, self.compiled, self.files, &self.workers, collected);
        tell_partitions(&mut self.graph, &self.sources);
        if self.may_spill {
            self.graph.tell_may_spill();
        }
        snapshots.iter().try_for_each(|(id, snapshot)| self.graph.restore(*id, snapshot))
    }

    /// The sources that something waits for.
    pub fn held_back(&self) -> Vec<HeldBack> {
        let sources: Vec<&Source> = self.sources.iter().map(|source| &source.source).collect();
        held_back(self.flow, &self.graph, &sources, self.clock.now())
    }

    pub fn reports(&self) -> Vec<SourceReport> {
        self.sources.iter().map(|s| s.source.report.clone()).collect()
    }
}

fn tell_partitions(graph: &mut Graph<Collected>, sources: &[SimulatedSource]) {
    graph.tell_partitions(&|id| {
        let source = sources.iter().find(|source| source.source.node == id);
        source.map_or(0, |source| source.n_records.len())
    });
}

/// Nothing but a failing row stops a simulation: nobody interrupts it, and its sinks take everything.
fn broken(ended: Result<(), Stop>) -> Result<(), Failed> {
    match ended {
        Err(Stop::Broken(diagnostic)) => Err(diagnostic),
        _ => Ok(()),
    }
}

/// The records as a decoder would leave them.
fn decoded(records: &[Record], types: &[Type]) -> Decoded {
    let mut decoded = Decoded { n_records: records.len() as u64, ..Decoded::default() };
    let mut rows: Vec<(u32, &[Value])> = vec![];
    for (number, record) in records.iter().enumerate() {
        match record {
            Record::Row(values) => rows.push((number as u32, values)),
            Record::Unreadable { text, reason } => decoded.unreadable.push(Unreadable {
                record: number as u64,
                text: text.clone(),
                reason: reason.clone(),
            }),
        }
    }
    for part in rows.chunks(BATCH_ROWS) {
        let columns = types.iter().enumerate().map(|(number, ty)| {
            let mut column = ColumnBuilder::new(ty);
            part.iter().for_each(|(_, values)| column.push(values.get(number).unwrap_or(&Value::Null)));
            column.finish()
        });
        let numbers = part.iter().map(|(number, _)| *number).collect();
        decoded.batches.push(DecodedRows::new(columns.collect(), numbers));
    }
    decoded
}

/// What a decoder left as records of columns with these types.
pub fn records(decoded: &Decoded, types: &[Type]) -> Vec<Record> {
    let mut numbered: Vec<(u64, Record)> = vec![];
    for rows in &decoded.batches {
        for row in 0..rows.n_rows {
            let number = rows.offsets.as_ref().map_or(rows.first + row as u64, |o| o[row] as u64);
            let values = rows.columns.iter().zip(types).map(|(column, ty)| column.value(row, ty));
            numbered.push((number, Record::Row(values.collect())));
        }
    }
    numbered.extend(
        decoded.unreadable.iter().map(|bad| {
            (bad.record, Record::Unreadable { text: bad.text.clone(), reason: bad.reason.clone() })
        }),
    );
    numbered.sort_by_key(|(number, _)| *number);
    numbered.into_iter().map(|(_, record)| record).collect()
}

impl Outlet for Collected {
    fn write(&mut self, sink: NodeId, batch: &Batch) -> Result<(), Stop> {
        let Some(types) = self.types.get(&sink) else { return Ok(()) };
        let row = |row| batch.columns.iter().zip(types).map(|(column, ty)| column.value(row, ty)).collect();
        self.rows.entry(sink).or_default().extend((0..batch.n_rows).map(row));
        Ok(())
    }
}
