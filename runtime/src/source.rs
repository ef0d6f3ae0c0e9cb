//! The worker's side of a source: blocks become batches with a place in the order of rows, times,
//! lateness and a watermark.

#[cfg(test)]
mod properties;

use crate::checkpoint::{PartitionProgress, SourceProgress};
use crate::format::{DELETED, DecodedRows};
use crate::message::{EventTime, Message, Watermark};
use crate::operator::{Failure, Place};
use crate::reader::{Block, Reached};
use crate::report::SourceReport;
use crate::waiting::{HeldBack, Waiting};
use crate::watermark::WatermarkGenerator;
use millstream_ir::batch::{Batch, Origin};
use millstream_ir::buffer::Buffer;
use millstream_ir::column::{Column, ColumnData};
use millstream_ir::flow::{Node, NodeId, Schema, SourceSpec, TimeSpec};
use millstream_ir::text::{format_duration, quote, write_json};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// 0001-01-01T00:00:00Z, the least time that can be written: before its first row a source has promised
/// nothing, and this stands for that.
const FIRST_TIME: Watermark = Watermark(-62_135_596_800_000_000);

/// Times of processing, from the clock, in microseconds since 1970 UTC.
pub type ProcessingTime = i64;

/// What a source's partition has to do with the wall clock; durations in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pace {
    /// Rows may come at any time: a pipe, a followed file, a broker.
    pub live: bool,
    /// After so long a silence the source no longer waits for the partition.
    pub idle: Option<i64>,
    /// Rows further than this in the future do not count.
    pub ahead: Option<i64>,
}

impl Pace {
    /// A finite partition is never silent: it is read as fast as there is room for its rows.
    pub fn of(time: Option<&TimeSpec>, live: bool) -> Pace {
        let Some(time) = time else { return Pace { live, ..Pace::default() } };
        match live {
            true => Pace {
                live,
                idle: Some(time.idle.unwrap_or(TimeSpec::LIVE_IDLE)),
                ahead: Some(time.ahead.unwrap_or(TimeSpec::LIVE_AHEAD)),
            },
            false => Pace { live, idle: None, ahead: time.ahead },
        }
    }
}

pub struct Source {
    pub node: NodeId,
    spec: Arc<SourceSpec>,
    schema: Schema,
    partitions: Vec<PartitionState>,
    /// Never falls.
    watermark: Watermark,
    /// Rows from this time on are not wanted.
    until: Option<EventTime>,
    late_rows_apart: bool,
    /// Rows that are not wanted count as not come, and not just as not wanted.
    stands_still: bool,
    /// Of a change log the column that tells a row from the deletion of one.
    change: Option<usize>,
    pub report: SourceReport,
}

struct PartitionState {
    name: String,
    pace: Pace,
    generator: WatermarkGenerator,
    /// When its last record came; before the first, when the source was opened.
    last_record: ProcessingTime,
    /// When its watermark last rose; before that, when the source was opened.
    moved: ProcessingTime,
    standing: Standing,
    /// How far it has been read.
    reached: Reached,
    /// Whether rows have been left out as if they had not come.
    is_cut: bool,
}

/// Where a partition is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    Active,
    /// It has been silent for too long.
    Idle,
    /// Nothing more is read of it, as if it were not known that it has ended.
    Open,
    Ended,
}

/// What a block turned into.
#[derive(Default)]
pub struct Arrived {
    pub messages: Vec<Message>,
    pub failures: Vec<Failure>,
}

/// A record that does not go on with the others.
struct SetAside {
    /// Its number in its partition.
    record: u64,
    /// The record as JSON.
    row: String,
    reason: String,
    /// Its own time, if it has one.
    at: Option<EventTime>,
}

impl PartitionState {
    /// Whether the source waits for it.
    fn counts(&self) -> bool {
        matches!(self.standing, Standing::Active | Standing::Open)
    }
}

impl Source {
    /// `partitions`: their names and how they come. Opened at time `now`.
    pub fn new(
        id: NodeId,
        node: &Node,
        spec: &Arc<SourceSpec>,
        partitions: Vec<(String, Pace)>,
        until: Option<EventTime>,
        now: ProcessingTime,
    ) -> Source {
        let disorder = spec.time.as_ref().map_or(0, |t| t.disorder);
        let state = |(name, pace)| PartitionState {
            name,
            pace,
            generator: WatermarkGenerator::new(disorder),
            last_record: now,
            moved: now,
            standing: Standing::Active,
            reached: Reached::default(),
            is_cut: false,
        };
        Source {
            node: id,
            spec: spec.clone(),
            schema: node.schema.clone(),
            partitions: partitions.into_iter().map(state).collect(),
            watermark: Watermark::START,
            until,
            late_rows_apart: false,
            stands_still: false,
            change: change_of(spec),
            report: SourceReport { name: node.name.clone(), ..SourceReport::default() },
        }
    }

    /// Cuts batches in front of each late row, so that the watermark rises before it as it did when that row
    /// was read, however rows are batched.
    pub fn with_late_rows_apart(self) -> Source {
        Source { late_rows_apart: true, ..self }
    }

    /// Stands, when all has been read, as it stood when nothing from `until` on had come.
    pub fn standing_still(self) -> Source {
        Source { stands_still: true, ..self }
    }

    /// How far it has come.
    pub fn progress(&self) -> SourceProgress {
        let partition = |partition: &PartitionState| PartitionProgress {
            name: partition.name.clone(),
            reached: partition.reached,
            watermark: partition.generator.watermark().0,
            standing: partition.standing,
            mark: None,
        };
        SourceProgress {
            name: self.report.name.to_string(),
            watermark: self.watermark.0,
            loaded: None,
            partitions: self.partitions.iter().map(partition).collect(),
        }
    }

    /// Goes on from where an earlier run has come, which had numbered the partitions alike. Those behind have been waited for by nobody:
    /// what they have from before the watermark is late.
    pub fn resume(&mut self, progress: &SourceProgress) {
        self.watermark = Watermark(progress.watermark);
        for (number, partition) in self.partitions.iter_mut().enumerate() {
            let known = progress.partitions.get(number);
            if let Some(known) = known {
                partition.reached = known.reached;
                partition.standing = known.standing;
            }
            let watermark = known.map_or(progress.watermark, |known| known.watermark);
            partition.generator.promise(Watermark(watermark));
        }
    }

    /// How far a partition has been read.
    pub fn reached(&self, partition: usize) -> Reached {
        self.partitions[partition].reached
    }

    /// Reading begins now: that nothing came before is no silence.
    pub fn begin(&mut self, now: ProcessingTime) {
        for partition in &mut self.partitions {
            (partition.last_record, partition.moved) = (now, now);
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

    /// Whether nothing more is read of a partition.
    pub fn has_ended(&self, partition: usize) -> bool {
        matches!(self.partitions[partition].standing, Standing::Ended | Standing::Open)
    }

    /// Whether rows of it count as not come.
    pub fn is_cut(&self, partition: usize) -> bool {
        self.partitions[partition].is_cut
    }

    /// A partition has no more rows, and yet its watermark stays as it is, until it is said to have ended.
    pub fn leave_open(&mut self, partition: usize) {
        self.partitions[partition].standing = Standing::Open;
    }

    pub fn take(&mut self, partition: usize, block: Block, now: ProcessingTime) -> Arrived {
        let mut arrived = Arrived::default();
        self.report.bytes += block.n_bytes as u64;
        self.partitions[partition].reached = block.reached;
        if block.decoded.n_records > 0 {
            self.wake(partition, now);
        }
        let first_record = block.first_record;
        let mut set_aside: Vec<SetAside> = vec![];
        for bad in block.decoded.unreadable {
            let record = first_record + bad.record;
            let place = self.place(partition, record);
            self.report.failed.add(&bad.reason, &place, &bad.text);
            set_aside.push(SetAside { record, row: quote(&bad.text), reason: bad.reason, at: None });
        }
        let batches = block.decoded.batches.into_iter().map(|rows| {
            let batch = self.batch(partition, first_record, rows, now);
            let batch = self.leave_out_unborn(partition, batch);
            self.leave_out_ahead(partition, batch, now, &mut set_aside)
        });
        let batches: Vec<Batch> = batches.collect();
        set_aside.sort_by_key(|record| record.record);
        let mut set_aside = set_aside.into_iter().peekable();
        let watermark = self.partitions[partition].generator.watermark();
        for mut batch in batches {
            let generator = self.partitions[partition].generator.clone();
            if let Some(change) = self.change {
                time_deletions(&mut batch, self.schema.time, change, generator.clone());
            }
            self.judge(partition, &mut batch, |this, until_record| {
                // A record is set aside at the watermark of the rows before it, however rows are batched.
                while let Some(record) = set_aside.next_if(|record| record.record < until_record) {
                    arrived.failures.push(this.failure(partition, record));
                }
            });
            let parts = match self.late_rows_apart {
                true => cut_at_late_rows(&batch),
                false => vec![],
            };
            if parts.is_empty() {
                self.give(batch, now, &mut arrived);
                continue;
            }
            // Once more, in parts.
            self.partitions[partition].generator = generator;
            for mut part in parts {
                self.judge(partition, &mut part, |_, _| {});
                self.give(part, now, &mut arrived);
            }
        }
        if self.partitions[partition].generator.watermark() > watermark {
            self.partitions[partition].moved = now;
        }
        for record in set_aside {
            arrived.failures.push(self.failure(partition, record));
        }
        arrived
    }

    fn give(&mut self, mut batch: Batch, now: ProcessingTime, arrived: &mut Arrived) {
        if let Some(until) = self.until {
            batch = before(batch, self.schema.time, until);
        }
        self.report.rows += batch.n_rows as u64;
        self.report.late += batch.late.len() as u64;
        arrived.messages.extend((batch.n_rows > 0).then_some(Message::Batch(batch)));
        arrived.messages.extend(self.rise(now));
    }

    /// Time has passed: partitions may have become idle; the source's new watermark, if that lets it rise.
    pub fn tick(&mut self, now: ProcessingTime) -> Option<Message> {
        if self.spec.time.is_none() {
            let live = self.partitions.iter_mut().filter(|p| p.pace.live && p.standing == Standing::Active);
            live.for_each(|partition| partition.generator.promise(Watermark(now)));
        }
        let mut risen = None;
        // One after the other as they fell silent, however long ago that was looked at last: a partition
        // whose turn comes later still counts until then.
        while let Some((idle_at, partition)) = self.next_idle().filter(|(idle_at, _)| *idle_at <= now) {
            self.partitions[partition].standing = Standing::Idle;
            risen = self.rise(idle_at).or(risen);
        }
        self.rise(now).or(risen)
    }

    /// The active partition that becomes idle first, and when.
    fn next_idle(&self) -> Option<(ProcessingTime, usize)> {
        let active = self.partitions.iter().enumerate().filter(|(_, p)| p.standing == Standing::Active);
        active.filter_map(|(number, p)| Some((p.last_record.saturating_add(p.pace.idle?), number))).min()
    }

    /// Nothing earlier will come of a partition, it has been said; the source's new watermark, if that lets
    /// it rise.
    pub fn promise(
        &mut self,
        partition: usize,
        watermark: Watermark,
        now: ProcessingTime,
    ) -> Option<Message> {
        self.partitions[partition].generator.promise(watermark);
        self.rise(now)
    }

    /// A partition has ended; the source's new watermark, if that lets it rise.
    pub fn end(&mut self, partition: usize, now: ProcessingTime) -> Option<Message> {
        self.partitions[partition].standing = Standing::Ended;
        self.rise(now)
    }

    /// Something came of a partition. If it was idle, the source has gone on without it: what it has from
    /// before is late.
    fn wake(&mut self, partition: usize, now: ProcessingTime) {
        let watermark = self.watermark;
        let partition = &mut self.partitions[partition];
        partition.last_record = now;
        if partition.standing == Standing::Idle {
            partition.standing = Standing::Active;
            partition.generator.promise(watermark);
        }
    }

    /// The source's new watermark, if it rises: the least of its active partitions; where none is, but some
    /// are idle, what the clock says.
    fn rise(&mut self, now: ProcessingTime) -> Option<Message> {
        let active = self.partitions.iter().filter(|p| p.counts());
        let least = active.map(|partition| partition.generator.watermark()).min();
        let watermark = least.unwrap_or_else(|| self.without_active(now));
        if watermark <= self.watermark {
            return None;
        }
        self.watermark = watermark;
        Some(Message::Watermark(watermark))
    }

    fn without_active(&self, now: ProcessingTime) -> Watermark {
        let disorder = self.spec.time.as_ref().map_or(0, |time| time.disorder);
        let idle = self.partitions.iter().filter(|p| p.standing == Standing::Idle);
        let by_clock = idle.map(|partition| {
            let idle = partition.pace.idle.unwrap_or(0);
            Watermark(now.saturating_sub(disorder).saturating_sub(idle))
        });
        by_clock.min().unwrap_or(Watermark::END)
    }

    pub fn watermark(&self) -> Watermark {
        self.watermark
    }

    /// Which partition holds the source's watermark back, for those that wait for it.
    pub fn held_back(&self, now: ProcessingTime, waiting: Vec<(Arc<str>, Waiting)>) -> HeldBack {
        let active = self.partitions.iter().filter(|p| p.counts());
        let last = active.min_by_key(|partition| partition.generator.watermark());
        HeldBack {
            source: self.report.name.clone(),
            partition: last.map(|partition| partition.name.clone()),
            watermark: last.map_or(self.watermark, |partition| partition.generator.watermark()),
            stood: last.map_or(0, |partition| now.saturating_sub(partition.moved)),
            waiting,
            loading: None,
        }
    }

    fn place(&self, partition: usize, record: u64) -> String {
        format!("{} record {}", self.partitions[partition].name, record + 1)
    }

    fn failure(&self, partition: usize, record: SetAside) -> Failure {
        let time = self.partitions[partition].generator.watermark().max(FIRST_TIME).0;
        Failure {
            row: record.row,
            reason: record.reason,
            place: Place::Input(self.place(partition, record.record)),
            at: record.at.unwrap_or(time),
            time,
        }
    }

    fn batch(&self, partition: usize, first: u64, rows: DecodedRows, now: ProcessingTime) -> Batch {
        let n_rows = rows.n_rows;
        let mut columns: Vec<_> = rows.columns.into_iter().map(Arc::new).collect();
        if self.spec.time.is_none() {
            // Arrival times never go back, whatever the clock does.
            let now = now.max(self.position(partition));
            let times = ColumnData::I64(Buffer::filled(now, n_rows));
            columns.push(Arc::new(Column { data: times, validity: None }));
        }
        let origin = Origin {
            source: self.spec.ordinal,
            partition: partition as u32,
            first: first + rows.first,
            offsets: rows.offsets.map(|offsets| Arc::new(Buffer::from(&offsets[..]))),
            ..Origin::default()
        };
        Batch { columns, n_rows, origin, late: vec![] }
    }

    /// The batch without the rows that count as not come.
    fn leave_out_unborn(&mut self, partition: usize, batch: Batch) -> Batch {
        let Some(until) = self.until.filter(|_| self.stands_still) else { return batch };
        let n_rows = batch.n_rows;
        let batch = before(batch, self.schema.time, until);
        self.partitions[partition].is_cut |= batch.n_rows < n_rows;
        batch
    }

    /// The batch without the rows that are too far in the future.
    fn leave_out_ahead(
        &mut self,
        partition: usize,
        batch: Batch,
        now: ProcessingTime,
        set_aside: &mut Vec<SetAside>,
    ) -> Batch {
        let Some(ahead) = self.partitions[partition].pace.ahead else { return batch };
        let Some(column) = batch.columns.get(self.schema.time).cloned() else { return batch };
        let ColumnData::I64(times) = &column.data else { return batch };
        let latest = now.saturating_add(ahead);
        if times.iter().all(|time| *time <= latest) {
            return batch;
        }
        let mut kept = vec![];
        for (row, time) in times.iter().enumerate() {
            if *time <= latest {
                kept.push(row as u32);
                continue;
            }
            self.report.ahead += 1;
            set_aside.push(SetAside {
                record: batch.origin.offset(row),
                row: self.row_text(&batch, row),
                reason: format!("its time is more than {} in the future", format_duration(ahead)),
                at: Some(*time),
            });
        }
        batch.gather(&kept)
    }

    /// A row as JSON.
    fn row_text(&self, batch: &Batch, row: usize) -> String {
        let shown = || self.schema.visible();
        let record = Type::record(shown().map(|(_, column)| (column.name.clone(), column.ty.clone())));
        let values = shown().map(|(number, column)| batch.columns[number].value(row, &column.ty));
        let mut text = vec![];
        write_json(&mut text, &Value::Record(values.collect()), &record);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Finds the late rows and moves the partition's watermark. Calls `before` with the number of each
    /// record that the watermark has come to, and is about to pass.
    fn judge(&mut self, partition: usize, batch: &mut Batch, mut before: impl FnMut(&mut Source, u64)) {
        if batch.n_rows == 0 {
            return;
        }
        let Some(column) = batch.columns.get(self.schema.time).cloned() else { return };
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

/// Of a change log the column of the field that is not read from the input by a name.
fn change_of(spec: &SourceSpec) -> Option<usize> {
    spec.format.as_ref().filter(|format| format.options.contains_key("changes"))?;
    let is_nameless = |column: &usize| spec.fields.get(*column).is_some_and(|field| field.input.is_empty());
    spec.columns.iter().position(is_nameless)
}

/// A deletion happens when it says, but behind all that came before it in the log: else it could come before the row
/// that it deletes, of which the log need not tell the time. It is never late but with a row that takes the place of
/// what it deletes (of one record).
fn time_deletions(batch: &mut Batch, time: usize, change: usize, mut generator: WatermarkGenerator) {
    let (Some(times), Some(changes)) = (batch.columns.get(time), batch.columns.get(change)) else { return };
    let (ColumnData::I64(times), ColumnData::I64(changes)) = (&times.data, &changes.data) else { return };
    if changes.iter().all(|change| *change != DELETED) {
        return;
    }
    let place = |row: usize| batch.origin.place(row);
    let makes_room =
        |row: usize| row + 1 < batch.n_rows && changes[row + 1] != DELETED && place(row) == place(row + 1);
    let known = (0..batch.n_rows).map(|row| {
        let least = generator.watermark().max(FIRST_TIME).0;
        let known = match changes[row] {
            DELETED if makes_room(row) && times[row + 1] < least => times[row + 1],
            DELETED => times[row].max(generator.greatest()).max(least),
            _ => times[row],
        };
        generator.observe(&[known], 0, &mut vec![]);
        known
    });
    let known: Buffer<EventTime> = known.collect();
    batch.columns[time] = Arc::new(Column { data: ColumnData::I64(known), validity: None });
}

/// The parts of a batch that begin at its late rows, none of them marked any more; none if none is late.
fn cut_at_late_rows(batch: &Batch) -> Vec<Batch> {
    let starts: Vec<u32> = batch.late.iter().map(|late| late.row).filter(|row| *row > 0).collect();
    if batch.late.is_empty() {
        return vec![];
    }
    let ends = starts.iter().copied().chain([batch.n_rows as u32]);
    let parts = [0].iter().chain(&starts).zip(ends);
    let part = |(start, end): (&u32, u32)| {
        let rows: Vec<u32> = (*start..end).collect();
        Batch { late: vec![], ..batch.gather(&rows) }
    };
    parts.map(part).collect()
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
