//! The worker's side of a source: blocks become batches with a place in the order of rows, times,
//! lateness and a watermark.

use crate::format::{DecodedRows, Unreadable};
use crate::message::{EventTime, Message, Watermark};
use crate::operator::{Failure, Place};
use crate::reader::Block;
use crate::report::SourceReport;
use crate::time::Clock;
use crate::watermark::{WatermarkGenerator, WatermarkTracker};
use millstream_ir::batch::{Batch, Origin};
use millstream_ir::buffer::Buffer;
use millstream_ir::column::{Column, ColumnData};
use millstream_ir::flow::{Node, NodeId, SourceSpec};
use std::sync::Arc;

/// 0001-01-01T00:00:00Z, the least time that can be written: before its first row a source has promised
/// nothing, and this stands for that.
const FIRST_TIME: Watermark = Watermark(-62_135_596_800_000_000);

pub struct Source {
    pub node: NodeId,
    spec: Arc<SourceSpec>,
    /// The column of the event time.
    time: usize,
    partitions: Vec<PartitionState>,
    tracker: WatermarkTracker,
    /// Rows from this time on are not wanted.
    until: Option<EventTime>,
    pub report: SourceReport,
}

struct PartitionState {
    name: String,
    generator: WatermarkGenerator,
    ended: bool,
}

/// What a block turned into.
#[derive(Default)]
pub struct Arrived {
    pub messages: Vec<Message>,
    pub failures: Vec<Failure>,
}

impl Source {
    pub fn new(
        id: NodeId,
        node: &Node,
        spec: &Arc<SourceSpec>,
        names: Vec<String>,
        until: Option<EventTime>,
    ) -> Source {
        let disorder = spec.time.as_ref().map_or(0, |t| t.disorder);
        let state =
            |name| PartitionState { name, generator: WatermarkGenerator::new(disorder), ended: false };
        let tracker = WatermarkTracker::new(names.len());
        Source {
            node: id,
            spec: spec.clone(),
            time: node.schema.time,
            partitions: names.into_iter().map(state).collect(),
            tracker,
            until,
            report: SourceReport { name: node.name.clone(), ..SourceReport::default() },
        }
    }

    pub fn n_partitions(&self) -> usize {
        self.partitions.len()
    }

    pub fn partition_name(&self, partition: usize) -> &str {
        &self.partitions[partition].name
    }

    /// How far a partition has got in event time: replay goes on with the one furthest behind.
    pub fn position(&self, partition: usize) -> EventTime {
        self.partitions[partition].generator.watermark().0
    }

    /// Whether nothing that is wanted can come from the partition any more.
    pub fn is_past_until(&self, partition: usize) -> bool {
        self.until.is_some_and(|until| self.position(partition) >= until)
    }

    pub fn take(&mut self, partition: usize, block: Block, clock: &dyn Clock) -> Arrived {
        let mut arrived = Arrived::default();
        self.report.bytes += block.n_bytes as u64;
        let mut unreadable = block.decoded.unreadable.into_iter().peekable();
        let first_record = block.first_record;
        for rows in block.decoded.batches {
            let mut batch = self.batch(partition, first_record, rows, clock);
            self.judge(partition, &mut batch, |this, until_record| {
                // A record is set aside at the watermark of the rows before it, however rows are batched.
                while let Some(bad) = unreadable.next_if(|bad| first_record + bad.record < until_record) {
                    arrived.failures.push(this.set_aside(partition, first_record, bad));
                }
            });
            if let Some(until) = self.until {
                batch = before(batch, self.time, until);
            }
            self.report.rows += batch.n_rows as u64;
            self.report.late += batch.late.len() as u64;
            arrived.messages.push(Message::Batch(batch));
            let watermark = self.partitions[partition].generator.watermark();
            arrived.messages.extend(self.tracker.advance(partition, watermark).map(Message::Watermark));
        }
        for bad in unreadable {
            arrived.failures.push(self.set_aside(partition, first_record, bad));
        }
        arrived
    }

    fn set_aside(&mut self, partition: usize, first_record: u64, bad: Unreadable) -> Failure {
        let state = &self.partitions[partition];
        let place = format!("{} record {}", state.name, first_record + bad.record + 1);
        self.report.failed.add(&bad.reason, &place, &bad.text);
        let row = serde_json::Value::String(bad.text).to_string();
        let at = state.generator.watermark().max(FIRST_TIME).0;
        Failure { row, reason: bad.reason, place: Place::Input(place), at, time: at }
    }

    /// Nothing earlier will come of a partition, it has been said; the source's new watermark, if that lets
    /// it rise.
    pub fn promise(&mut self, partition: usize, watermark: Watermark) -> Option<Message> {
        self.partitions[partition].generator.promise(watermark);
        self.tracker.advance(partition, watermark).map(Message::Watermark)
    }

    /// A partition has ended; the source's new watermark, if that lets it rise.
    pub fn end(&mut self, partition: usize) -> Option<Message> {
        self.partitions[partition].ended = true;
        self.tracker.advance(partition, Watermark::END).map(Message::Watermark)
    }

    pub fn has_ended(&self, partition: usize) -> bool {
        self.partitions[partition].ended
    }

    fn batch(&self, partition: usize, first: u64, rows: DecodedRows, clock: &dyn Clock) -> Batch {
        let n_rows = rows.n_rows;
        let mut columns: Vec<_> = rows.columns.into_iter().map(Arc::new).collect();
        if self.spec.time.is_none() {
            // Arrival times never go back, whatever the clock does.
            let now = clock.now().max(self.position(partition));
            let times = ColumnData::I64(Buffer::filled(now, n_rows));
            columns.push(Arc::new(Column { data: times, validity: None }));
        }
        let origin = Origin {
            source: self.spec.ordinal,
            partition: partition as u32,
            first: first + rows.first,
            offsets: rows.offsets.map(Into::into),
            ..Origin::default()
        };
        Batch { columns, n_rows, origin, late: vec![] }
    }

    /// Finds the late rows and moves the partition's watermark. Calls `before` with the number of each
    /// record that the watermark has come to, and is about to pass.
    fn judge(&mut self, partition: usize, batch: &mut Batch, mut before: impl FnMut(&mut Source, u64)) {
        let Some(column) = batch.columns.get(self.time).cloned() else { return };
        let ColumnData::I64(times) = &column.data else { return };
        if batch.origin.offsets.is_none() {
            before(self, batch.origin.first);
            self.partitions[partition].generator.observe(times, 0, &mut batch.late);
            return;
        }
        // Where records are missing between the rows, the watermark stops at each gap.
        let mut from = 0;
        for row in 0..batch.n_rows {
            let is_gap = row > 0 && batch.origin.offset(row) != batch.origin.offset(row - 1) + 1;
            if is_gap {
                self.partitions[partition].generator.observe(&times[from..row], from, &mut batch.late);
                from = row;
            }
            if is_gap || row == 0 {
                before(self, batch.origin.offset(row));
            }
        }
        self.partitions[partition].generator.observe(&times[from..], from, &mut batch.late);
    }
}

/// The rows of a batch that are earlier than `until`.
fn before(batch: Batch, time: usize, until: EventTime) -> Batch {
    let Some(ColumnData::I64(times)) = batch.columns.get(time).map(|c| &c.data) else { return batch };
    if times.iter().all(|t| *t < until) {
        return batch;
    }
    let rows: Vec<u32> = (0..batch.n_rows as u32).filter(|r| times[*r as usize] < until).collect();
    batch.gather(&rows)
}
