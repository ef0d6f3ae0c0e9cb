//! Aggregates of each group of each window of time: tumbling, hopping, cumulative, of the calendar.
//!
//! Rows go to the table of their slice of time ([`panes`]); when the watermark reaches a window's end, its
//! groups leave, by window and then by key, nulls first. Nearly always all rows of a batch lie in one
//! slice, which its least and greatest time show; only a batch that straddles slices is split row by row.
//!
//! A row that leaves has the time of its window's end less a microsecond. That is not before the
//! watermark that releases it minus one, and no open window ends at or before the watermark, so the
//! input's watermark is passed on behind the rows.

mod panes;
mod shares;
mod spilled;
mod totals;

use crate::accumulate::order::{KeyReader, Order};
use crate::accumulate::result::{Misfit, key_column, result_column};
use crate::contents::Count;
use crate::kernel::extent::range;
use crate::kernel::groups::{Accumulation, Groups};
use crate::message::{EventTime, Message, Watermark};
use crate::op::failed_rows::FailedRows;
use crate::op::segment::json_row;
use crate::operator::{Failure, Operator, Output, Place};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::spill::Spill;
use crate::waiting::Waiting;
use crate::workers::Workers;
use millstream_base::Span;
use millstream_ir::aggregate::AggregateCall;
use millstream_ir::batch::{BATCH_ROWS, Batch, Origin};
use millstream_ir::column::{Column, ColumnData, ColumnRef, Heap};
use millstream_ir::engine::AccumulateKernel;
use millstream_ir::flow::{Node, NodeKind, Schema, WindowAggregate, WindowAssigner};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use millstream_ir::window::{TimeWindows, Window};
use panes::{Panes, WindowGroups};
use shares::{Shares, Slice};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::sync::Arc;
use totals::Totals;

/// Batches that leave at once when windows close.
const BATCHES_AT_ONCE: usize = 8;

pub struct WindowAggregateOperator {
    assignment: Assignment,
    key_names: Vec<Arc<str>>,
    key_types: Vec<Type>,
    aggregates: Vec<AggregateCall>,
    place: Span,
    /// The input column of the event time.
    time: usize,
    accumulation: Accumulation,
    panes: Panes,
    shares: Shares,
    closing: Option<Closing>,
    /// Of the window that closed last: memory for the next.
    order: Order,
    /// The slots of a batch that leaves.
    rows: Vec<u64>,
    failed_rows: FailedRows,
    watermark: Watermark,
    all_rows: AllRows,
    /// The first source behind the rows.
    source: Option<u32>,
    n_rows_out: u64,
}

impl WindowAggregateOperator {
    /// `input` is the schema of the node's input; `compiled` updates accumulators by machine code;
    /// `seed` is that of the hash tables, and changes nothing that can be seen.
    pub fn new(
        node: &Node,
        spec: &WindowAggregate,
        input: &Schema,
        compiled: &dyn Fn() -> Option<Box<dyn AccumulateKernel>>,
        (seed, workers): (u64, &Workers),
    ) -> WindowAggregateOperator {
        let key_types: Vec<Type> = spec.keys.iter().map(|k| input.columns[*k].ty.clone()).collect();
        let assignment = Assignment::new(&spec.window);
        let totals = |drops| Totals::new(&key_types, &spec.aggregates, seed, drops);
        let panes = Panes::new(assignment.windows(), totals);
        let accumulation = || {
            let keys = (spec.keys.clone(), &key_types[..]);
            Accumulation::new(keys, spec.aggregates.clone(), input.time, compiled(), seed)
        };
        let is_shared = matches!(&node.kind, NodeKind::Breaker(breaker) if breaker.sharing().is_some());
        let make: Option<&dyn Fn() -> Accumulation> = is_shared.then_some(&accumulation);
        let shares = Shares::new(workers.clone(), make);
        WindowAggregateOperator {
            assignment,
            accumulation: accumulation(),
            shares,
            key_names: node.schema.columns.iter().take(key_types.len()).map(|c| c.name.clone()).collect(),
            key_types,
            aggregates: spec.aggregates.clone(),
            place: node.span,
            time: input.time,
            panes,
            closing: None,
            order: Order::default(),
            rows: vec![],
            failed_rows: FailedRows::of(input),
            watermark: Watermark::START,
            all_rows: AllRows::default(),
            source: None,
            n_rows_out: 0,
        }
    }

    fn take_rows(&mut self, batch: &Batch, output: &mut Output) {
        let ColumnData::I64(times) = &batch.columns[self.time].data else { return };
        let source = batch.origin.source;
        self.source = Some(self.source.map_or(source, |known| known.min(source)));
        let in_time = batch.late.is_empty().then(|| range(times)).flatten();
        if let Some((least, greatest)) = in_time
            && least >= self.watermark.0
        {
            let rows = std::mem::take(&mut self.all_rows).up_to(batch.n_rows);
            self.route(batch, times, &rows.0[..batch.n_rows], (least, greatest));
            self.all_rows = rows;
            return;
        }
        // No source sends a row behind the watermark unmarked; it would open a window that is gone.
        let is_late =
            |row: &u32| times[*row as usize] < self.watermark.0 || batch.late(*row as usize).is_some();
        let rows: Vec<u32> = (0..batch.n_rows as u32).filter(|row| !is_late(row)).collect();
        output.n_late_left_out += (batch.n_rows - rows.len()) as u64;
        let rows_times: Vec<EventTime> = rows.iter().map(|row| times[*row as usize]).collect();
        if let Some(range) = range(&rows_times) {
            self.route(batch, times, &rows, range);
        }
    }

    /// Adds rows to their windows; `range` is that of their times.
    fn route(
        &mut self,
        batch: &Batch,
        times: &[EventTime],
        rows: &[u32],
        (least, greatest): (EventTime, EventTime),
    ) {
        let parts = match &self.assignment {
            Assignment::ByTime(windows) => {
                let first = windows.slice(least);
                if first.bounds.contains(greatest) {
                    if first.in_window {
                        self.add(first.bounds, batch, rows);
                    }
                    return;
                }
                split(
                    rows,
                    |row| times[row],
                    |time, part| part.contains(*time),
                    |time| {
                        let slice = windows.slice(*time);
                        (slice.bounds, slice.in_window)
                    },
                )
            }
            Assignment::ByColumns { start, end } => {
                let (ColumnData::I64(starts), ColumnData::I64(ends)) =
                    (&batch.columns[*start].data, &batch.columns[*end].data)
                else {
                    return;
                };
                let bounds = |row| Window { start: starts[row], end: ends[row] };
                split(rows, bounds, |bounds, part| *bounds == part, |bounds| (*bounds, true))
            }
        };
        for (bounds, rows) in parts {
            self.add(bounds, batch, &rows);
        }
    }

    /// Adds rows to a slice.
    fn add(&mut self, slice: Window, batch: &Batch, rows: &[u32]) {
        let key = (slice.end, slice.start);
        let n_groups = self.panes.slices.get(&key).map_or(0, |groups| groups.table.n_groups());
        if self.shares.take(key, batch, rows, n_groups) {
            return;
        }
        let groups = self.panes.slices.entry(key).or_insert_with(|| self.accumulation.open());
        self.accumulation.add(groups, batch, rows);
    }

    /// A slice that was written, if it can be one.
    fn known(&self, (end, start): Slice) -> Result<Slice, Corrupt> {
        let is_one = match &self.assignment {
            Assignment::ByTime(windows) => windows.slice(start).bounds == Window { start, end },
            Assignment::ByColumns { .. } => start <= end,
        };
        if is_one { Ok((end, start)) } else { Err(Corrupt) }
    }

    /// Takes over what other workers have of slices that the watermark has passed.
    fn gather(&mut self) {
        for (share, slice, groups) in self.shares.give(self.watermark.0) {
            if let Some(merged) = self.take_over(slice, groups) {
                self.shares.take_back(share, merged);
            }
        }
        let slices = &self.panes.slices;
        let n_groups = |slice: &Slice| slices.get(slice).map_or(0, |groups| groups.table.n_groups());
        self.shares.end(self.watermark.0, n_groups);
    }

    /// The groups, if they have been merged into others.
    fn take_over(&mut self, slice: Slice, groups: Groups) -> Option<Groups> {
        match self.panes.slices.entry(slice) {
            Entry::Vacant(free) => {
                free.insert(groups);
                None
            }
            Entry::Occupied(mut known) => {
                self.accumulation.merge(known.get_mut(), &groups);
                Some(groups)
            }
        }
    }

    /// Puts some rows of the windows that the watermark closes into the output, and the watermark
    /// behind the last.
    fn close(&mut self, output: &mut Output) {
        for _ in 0..BATCHES_AT_ONCE {
            let closing = match self.closing.take() {
                Some(closing) => Ok(Some(closing)),
                None => self.next_to_close(),
            };
            let mut closing = match closing {
                Ok(Some(closing)) => closing,
                Ok(None) => return output.messages.push(Message::Watermark(self.watermark)),
                Err(error) => return output.fault = Some(error),
            };
            self.close_part(&mut closing, output);
            let n_groups = match &closing.groups {
                Leaving::Slice { order, .. } => order.n_groups(),
                Leaving::Totals => self.panes.totals().map_or(0, |totals| totals.n_groups()),
            };
            if n_groups > closing.n_closed {
                self.closing = Some(closing);
            } else if let Leaving::Slice { groups, order, .. } = closing.groups {
                self.accumulation.close(*groups);
                self.order = order;
            }
        }
        output.more = true;
    }

    fn next_to_close(&mut self) -> io::Result<Option<Closing>> {
        let Some((window, groups)) = self.panes.close(self.watermark.0, &mut self.accumulation)? else {
            return Ok(None);
        };
        let groups = match groups {
            WindowGroups::Totals => Leaving::Totals,
            WindowGroups::Slice(mut groups) => {
                let heaps = groups.table.take_heaps();
                let layout = self.accumulation.layout(&groups);
                let keys = KeyReader { layout, types: &self.key_types, heaps: &heaps };
                let mut order = std::mem::take(&mut self.order);
                order.sort(&groups.table, &keys);
                Leaving::Slice { groups: Box::new(groups), heaps, order }
            }
        };
        Ok(Some(Closing { window, groups, n_closed: 0, times: None }))
    }

    /// Puts a batch of a window's rows into the output.
    fn close_part(&mut self, closing: &mut Closing, output: &mut Output) {
        let Closing { window, groups, n_closed, times } = closing;
        let (layout, n_words, sides, keys) = match groups {
            Leaving::Slice { groups, heaps, order } => {
                let places = *n_closed..order.n_groups().min(*n_closed + BATCH_ROWS);
                let part: Vec<u32> = order.groups(places).collect();
                *n_closed += part.len();
                let n_words = groups.table.take(&part, &mut self.rows);
                let layout = self.accumulation.layout(groups);
                let slots: Vec<&[u64]> = self.rows.chunks_exact(n_words).collect();
                let keys = KeyReader { layout, types: &self.key_types, heaps };
                let columns = (0..self.key_types.len()).map(|key| key_column(&keys, key, &slots));
                (layout, n_words, &groups.sides, columns.collect())
            }
            Leaving::Totals => match self.panes.totals() {
                Some(totals) => {
                    totals.give(BATCH_ROWS, n_closed, &mut self.rows);
                    let layout = totals.layout();
                    (layout, layout.size / 8, totals.states(), totals.keys())
                }
                None => return,
            },
        };
        let slots: Vec<&[u64]> = self.rows.chunks_exact(n_words).collect();
        let mut misfits = vec![];
        let mut columns: Vec<Column> = keys;
        let calls = self.aggregates.iter().zip(&layout.accumulators).zip(sides);
        for ((call, field), states) in calls {
            columns.push(result_column(call, field, states.as_deref(), &slots, &mut misfits));
        }
        let times = match times {
            Some(times) if times[0].len() == slots.len() => times,
            times => times.insert(times_of(*window, slots.len())),
        };
        let columns = columns.into_iter().map(Arc::new).chain(times.iter().cloned());
        let source = self.source.unwrap_or(0);
        let batch = Batch {
            columns: columns.collect(),
            n_rows: slots.len(),
            origin: Origin { source, first: self.n_rows_out, ..Origin::default() },
            late: vec![],
        };
        self.n_rows_out += slots.len() as u64;
        let batch = self.without_misfits(batch, misfits, *window, output);
        if batch.n_rows > 0 {
            output.messages.push(Message::Batch(batch));
        }
    }

    /// Takes out the rows in which a result does not fit, with the keys of their groups as reports.
    fn without_misfits(
        &self,
        batch: Batch,
        misfits: Vec<Misfit>,
        window: Window,
        output: &mut Output,
    ) -> Batch {
        if misfits.is_empty() {
            return batch;
        }
        // One report a row: that of its first aggregate that does not fit.
        let mut reasons = BTreeMap::new();
        for misfit in misfits {
            reasons.entry(misfit.group).or_insert(misfit.reason);
        }
        let fitting: Vec<u32> =
            (0..batch.n_rows as u32).filter(|row| !reasons.contains_key(&(*row as usize))).collect();
        for (group, reason) in reasons {
            output.failures.push(Failure {
                row: self.key_row(&batch, group),
                reason,
                place: Place::Program(self.place),
                at: window.time(),
                time: window.time(),
            });
        }
        batch.gather(&fitting)
    }

    /// The keys of a row that leaves as a JSON object.
    fn key_row(&self, batch: &Batch, row: usize) -> String {
        let keys = batch.columns.iter().zip(&self.key_types);
        let values: Vec<Value> = keys.map(|(column, ty)| column.value(row, ty)).collect();
        let names = self.key_names.iter().map(|name| &**name);
        json_row(names.zip(&values).zip(&self.key_types).map(|((name, value), ty)| (name, value, ty)))
    }
}

impl Operator for WindowAggregateOperator {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => {
                self.take_rows(&batch, output);
                let failed = self.accumulation.take_failed();
                self.failed_rows.report(&batch, failed, self.watermark, output);
            }
            Message::Watermark(watermark) => {
                self.watermark = watermark;
                self.gather();
                self.close(output);
            }
        }
    }

    fn resume(&mut self, output: &mut Output) {
        self.close(output);
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.i64(self.watermark.0);
        writer.sequence(self.source.iter(), |writer, source| writer.u32(*source));
        writer.u64(self.n_rows_out);
        self.panes.snapshot(&self.accumulation, writer);
        self.shares.snapshot(self.panes.n_others(), writer);
        let write = |slice, groups: &[u8]| shares::write(slice, groups, writer);
        if let Err(error) = self.panes.write_others(&self.accumulation, write) {
            writer.fail(error);
        }
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.watermark = Watermark(reader.i64()?);
        self.source = reader.sequence(SnapshotReader::u32)?.pop();
        self.n_rows_out = reader.total()?;
        self.panes.restore(&mut self.accumulation, reader)?;
        self.panes.slices.keys().try_for_each(|slice| self.known(*slice).map(drop))?;
        for _ in 0..reader.count()? {
            let slice = self.known((reader.i64()?, reader.i64()?))?;
            let mut written = SnapshotReader::new(reader.bytes()?);
            let groups = self.accumulation.restore(&mut written)?;
            written.finish()?;
            drop(self.take_over(slice, groups));
        }
        Ok(())
    }

    fn may_spill(&mut self) {
        self.panes.may_spill();
    }

    fn spill(&mut self, spill: &Spill) -> io::Result<()> {
        // What was written and what comes later could not become one.
        if self.aggregates.iter().any(AggregateCall::needs_order) {
            return Ok(());
        }
        // What other workers have comes along.
        for (_, slice, groups) in self.shares.give(EventTime::MAX) {
            drop(self.take_over(slice, groups));
        }
        self.panes.spill(spill, &self.key_types, &mut self.accumulation)
    }

    fn amount(&self) -> Option<Count> {
        // Which of them are parts of one is known when they are put together.
        let what = if self.panes.are_in_parts() { "parts of groups" } else { "groups" };
        Some(Count::of(self.panes.n_groups() + self.shares.n_groups(), what))
    }

    fn waiting(&self) -> Option<Waiting> {
        self.panes.waiting().or_else(|| {
            let (until, n) = self.shares.open()?;
            Some(Waiting { what: "windows", n: Some(n), until })
        })
    }

    fn n_workers(&self) -> usize {
        self.shares.n_workers()
    }

    fn state_bytes(&self) -> usize {
        self.panes.bytes() + self.shares.bytes()
    }
}

/// A window whose rows are leaving.
struct Closing {
    window: Window,
    groups: Leaving,
    /// How many of the groups have left.
    n_closed: usize,
    /// The columns of the window's times; nearly all batches are full and share them.
    times: Option<[ColumnRef; 3]>,
}

/// The groups that leave.
enum Leaving {
    Slice {
        groups: Box<Groups>,
        /// Of the table of groups.
        heaps: Vec<Heap>,
        order: Order,
    },
    /// What the slices add up to.
    Totals,
}

/// The numbers 0, 1, 2 …, for batches all of whose rows take part.
#[derive(Default)]
struct AllRows(Vec<u32>);

impl AllRows {
    fn up_to(mut self, n: usize) -> AllRows {
        self.0.extend(self.0.len() as u32..n as u32);
        self
    }
}

/// What says in which slice a row lies.
enum Assignment {
    ByTime(TimeWindows),
    /// These columns hold the bounds of the row's window.
    ByColumns {
        start: usize,
        end: usize,
    },
}

impl Assignment {
    fn new(assigner: &WindowAssigner) -> Assignment {
        match (TimeWindows::new(assigner), assigner) {
            (Some(windows), _) => Assignment::ByTime(windows),
            (None, WindowAssigner::Assigned { start, end }) => {
                Assignment::ByColumns { start: *start, end: *end }
            }
            // The zone is one that the checker has found.
            (None, _) => Assignment::ByTime(TimeWindows::Even { size: 1, every: 1, offset: 0 }),
        }
    }

    fn windows(&self) -> Option<&TimeWindows> {
        match self {
            Assignment::ByTime(windows) => Some(windows),
            Assignment::ByColumns { .. } => None,
        }
    }
}

/// The rows of each slice, slices in the order of their first rows. `of_row` is what decides on a row's
/// slice, `slice` finds it, and says whether any window holds it.
fn split<T>(
    rows: &[u32],
    of_row: impl Fn(usize) -> T,
    is_in: impl Fn(&T, Window) -> bool,
    slice: impl Fn(&T) -> (Window, bool),
) -> Vec<(Window, Vec<u32>)> {
    let mut parts: Vec<(Window, bool, Vec<u32>)> = vec![];
    let mut current = 0;
    for row in rows {
        let of_row = of_row(*row as usize);
        if !parts.get(current).is_some_and(|(bounds, ..)| is_in(&of_row, *bounds)) {
            current = parts.iter().position(|(bounds, ..)| is_in(&of_row, *bounds)).unwrap_or_else(|| {
                let (bounds, in_window) = slice(&of_row);
                parts.push((bounds, in_window, vec![]));
                parts.len() - 1
            });
        }
        parts[current].2.push(*row);
    }
    let in_window = |(bounds, in_window, rows)| if in_window { Some((bounds, rows)) } else { None };
    parts.into_iter().filter_map(in_window).collect()
}

/// Columns of a window's start, its end and the time of its rows.
fn times_of(window: Window, n_rows: usize) -> [ColumnRef; 3] {
    [window.start, window.end, window.time()].map(|time| constant(time, n_rows))
}

fn constant(time: EventTime, n_rows: usize) -> ColumnRef {
    let times = std::iter::repeat_n(time, n_rows).collect();
    Arc::new(Column { data: ColumnData::I64(times), validity: None })
}

#[cfg(test)]
mod tests;
