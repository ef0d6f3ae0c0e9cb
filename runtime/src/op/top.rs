//! The best rows of each partition so far, as changes: a row that comes in among the best pushes out the
//! last of them.
//!
//! Of an append-only input only the best are kept, since what has once been pushed out never comes back.
//! Of an updating input all rows are, so that the next best takes the place of one that is withdrawn.
//! A change has the time of the row that caused it, and is late if that is. With `emit every D` rows wait for
//! the first multiple of D behind them; what they come to together is told there. With `emit final` the best are
//! told at the end of their window, and late rows correct them after that. Of an updating input, rows wait for it.

mod changes;
pub mod of_sessions;
mod partition;
mod ranked;
mod row;

use crate::accumulate::side::Position;
use crate::contents::{Around, Contents, Count};
use crate::kernel::key_index::KeyIndex;
use crate::kernel::prefetch::prefetch;
use crate::message::{EventTime, Message, Watermark};
use crate::op::multiples::{Pending, counted_until, defer, rising};
use crate::op::scope::{Ended, Windows};
use crate::op::sweep::Sweep;
use crate::operator::{Operator, Output};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use changes::{Changes, Describe};
use millstream_ir::batch::Batch;
use millstream_ir::column::{ColumnData, ColumnRef};
use millstream_ir::flow::{AmongEquals, Emission, Keep, Schema, Top, TopScope};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use partition::Partition;
use ranked::Ranked;
use row::{Row, RowLayout};
use std::collections::BTreeMap;

pub struct TopOperator {
    spec: Top,
    types: Vec<Type>,
    describe: Describe,
    /// The column of the event time.
    time: usize,
    /// From what rows are parted by to the numbers of partitions.
    index: KeyIndex,
    /// By number; none where nothing has the number.
    partitions: Vec<Option<Partition>>,
    sweep: Sweep,
    /// Of windows the numbers of partitions, by the time after which nothing changes theirs.
    to_forget: BTreeMap<EventTime, Vec<u32>>,
    /// Of windows that are told when they are over the numbers of partitions, by that time.
    to_tell: BTreeMap<EventTime, Vec<u32>>,
    /// Where keys have windows of their own.
    windows: Option<OpenWindows>,
    /// Rows by the watermark at which they are to be counted.
    pending: Pending,
    /// Of an updating input that waits: the greatest time of a change.
    latest: EventTime,
    watermark: Watermark,
}

/// The open windows of keys, with the numbers of their partitions.
struct OpenWindows {
    windows: Windows,
    partitions: BTreeMap<u64, Vec<u32>>,
    /// Of the rows of a batch.
    found: Vec<u64>,
    ended: Vec<Ended>,
}

/// How many rows ahead what they lead to is requested; of rows so many lines.
const PARTITIONS_AHEAD: usize = 24;
const RANKS_AHEAD: usize = 16;
const ROWS_AHEAD: usize = 8;
const LINES_AHEAD: usize = 4;

impl TopOperator {
    /// `seed` is that of the hash table, and changes nothing that can be seen.
    pub fn new(spec: &Top, input: &Schema, seed: u64) -> TopOperator {
        let key_types: Vec<Type> = spec.per.iter().map(|c| input.columns[*c].ty.clone()).collect();
        let windows = match &spec.scope {
            TopScope::OfKeys { window, .. } => Windows::new(window, spec.keys_of_windows(), input, seed),
            TopScope::All(_) | TopScope::Window { .. } | TopScope::Numbered { .. } => None,
        };
        TopOperator {
            types: input.types(),
            describe: Describe::new(spec, input),
            time: input.time,
            index: KeyIndex::new(&key_types, seed),
            partitions: vec![],
            sweep: Sweep::default(),
            to_forget: BTreeMap::new(),
            to_tell: BTreeMap::new(),
            windows: windows.map(|windows| OpenWindows {
                windows,
                partitions: BTreeMap::new(),
                found: vec![],
                ended: vec![],
            }),
            pending: Pending::new(),
            latest: EventTime::MIN,
            watermark: Watermark::START,
            spec: spec.clone(),
        }
    }

    fn take_rows(&mut self, batch: &Batch, output: &mut Output) {
        let ColumnData::I64(times) = &batch.columns[self.time].data else { return };
        match self.spec.emission {
            Emission::Every(every) if self.spec.sign.is_some() => {
                defer(batch, &rising(batch, times, &mut self.latest), every, &mut self.pending);
            }
            Emission::Every(every) => defer(batch, times, every, &mut self.pending),
            Emission::Final => {
                let (open, over) = self.parted_by_end(batch);
                self.wait_for_end(open, output);
                let ColumnData::I64(times) = &over.columns[self.time].data else { return };
                self.change_at_rows(&over, times, output);
            }
            Emission::OnChange => self.change_at_rows(batch, times, output),
        }
    }

    fn change_at_rows(&mut self, batch: &Batch, times: &[EventTime], output: &mut Output) {
        let mut changes = Changes::with_room_for(batch.n_rows);
        self.rank_rows(batch, times, &mut changes, output);
        changes.give_at_rows(&self.describe, batch, times, output);
    }

    /// The rows of windows that are not over, by the times at which they are, and the others.
    fn parted_by_end(&self, batch: &Batch) -> (BTreeMap<EventTime, Batch>, Batch) {
        let end = match self.spec.scope {
            TopScope::Window { .. } => self.spec.per.get(1).map(|end| (&batch.columns[*end].data, 0)),
            // Results come with the time of their window.
            _ => Some((&batch.columns[self.time].data, 1)),
        };
        let Some((ColumnData::I64(ends), behind)) = end else { return (BTreeMap::new(), batch.clone()) };
        let end = |row: u32| ends[row as usize].saturating_add(behind);
        let (open, over): (Vec<u32>, Vec<u32>) =
            (0..batch.n_rows as u32).partition(|row| end(*row) > self.watermark.0);
        let mut of_ends: BTreeMap<EventTime, Vec<u32>> = BTreeMap::new();
        open.into_iter().for_each(|row| of_ends.entry(end(row)).or_default().push(row));
        let open = of_ends.into_iter().map(|(end, rows)| (end, batch.gather(&rows))).collect();
        (open, batch.gather(&over))
    }

    /// Takes rows of windows that are not over. Of an updating input they wait for that.
    fn wait_for_end(&mut self, of_ends: BTreeMap<EventTime, Batch>, output: &mut Output) {
        for (end, batch) in of_ends {
            if self.spec.sign.is_some() {
                self.pending.entry(end).or_default().push(batch);
            } else if let ColumnData::I64(times) = &batch.columns[self.time].data {
                self.rank_rows(&batch, times, &mut Changes::default(), output);
            }
        }
    }

    /// Brings rows in among the others, or takes them out.
    fn rank_rows(&mut self, batch: &Batch, times: &[EventTime], changes: &mut Changes, output: &mut Output) {
        let signs = self.spec.sign.map(|sign| &batch.columns[sign].data);
        let keys: Vec<&ColumnRef> = self.spec.per.iter().map(|column| &batch.columns[*column]).collect();
        let tells_ends = self.tells_ends();
        let (rows, mut numbers): (Vec<u32>, _) = ((0..batch.n_rows as u32).collect(), vec![]);
        self.index.find(&keys, &rows, &mut numbers);
        self.partitions.resize_with(self.index.n_numbers(), || None);
        if let Some(open) = &mut self.windows {
            open.windows.find(batch, &mut open.found, &mut open.ended);
        }
        let (describe, mut row) = (&self.describe, vec![]);
        for (number, found) in numbers.iter().copied().enumerate() {
            self.request(&numbers[number..]);
            let late = batch.late(number);
            if late.is_some() && self.spec.among_equals == AmongEquals::Latest {
                output.n_late_left_out += 1;
                continue;
            }
            describe.layout.pack(batch, number, Position::of_row(batch, times, number), &mut row);
            let window_end = end_of_window(&self.spec, &describe.layout, &row);
            if late.is_some_and(|late| is_too_late(&self.spec, window_end, late.watermark)) {
                output.n_late_left_out += 1;
                continue;
            }
            let is_added = !matches!(signs, Some(ColumnData::I64(signs)) if signs[number] < 0);
            let now = late.map_or(times[number], |late| late.watermark);
            let window = self.windows.as_ref().and_then(|open| open.found.get(number)).copied().unwrap_or(0);
            let place = &mut self.partitions[found as usize];
            let is_over = |known: &Partition| match self.spec.scope {
                TopScope::All(keep) => keep.is_over(known.last, now),
                TopScope::Window { .. } | TopScope::Numbered { .. } => false,
                TopScope::OfKeys { .. } => known.window != window,
            };
            if place.as_ref().is_some_and(is_over) {
                *place = None;
            }
            if place.is_none() {
                if let Some((end, lateness)) = window_end {
                    self.to_forget.entry(end.saturating_add(lateness)).or_default().push(found);
                    if tells_ends && end > self.watermark.0 {
                        self.to_tell.entry(end).or_default().push(found);
                    }
                }
                if let Some(open) = &mut self.windows {
                    open.partitions.entry(window).or_default().push(found);
                }
            }
            let partition = place.get_or_insert_with(|| Partition::new(times[number], window));
            partition.last = partition.last.max(times[number]);
            if let TopScope::Numbered { over } = self.spec.scope
                && let Some(over) = describe.layout.int(&row, over)
                && is_added
            {
                partition.over = over;
                if over < partition.due {
                    partition.due = over;
                    self.to_forget.entry(over).or_default().push(found);
                }
            }
            let changed = |(sign, row)| changes.push(sign, row, number, found);
            match is_added {
                true => partition.add(&row, describe.rules(), changed),
                false => partition.remove(&row, describe.rules(), changed),
            }
        }
    }

    /// Asks for what later rows lead to: their partitions and, when these have come, the worst of the best rows,
    /// with which they are compared.
    #[inline]
    fn request(&self, numbers: &[u32]) {
        if let Some(later) = numbers.get(PARTITIONS_AHEAD) {
            prefetch(self.partitions.as_ptr().wrapping_add(*later as usize) as *const u8);
        }
        let partition = |ahead: usize| self.partitions.get(*numbers.get(ahead)? as usize)?.as_ref();
        if let Some(later) = partition(RANKS_AHEAD) {
            later.best.request();
        }
        if let Some(worst) = partition(ROWS_AHEAD).and_then(|later| later.best.last()) {
            worst.chunks(64).take(LINES_AHEAD).for_each(|line| prefetch(line.as_ptr()));
        }
    }

    fn advance(&mut self, watermark: Watermark, output: &mut Output) {
        self.watermark = watermark;
        while let Some(entry) = self.pending.first_entry()
            && *entry.key() <= watermark.0
        {
            let (multiple, batches) = entry.remove_entry();
            let mut changes = Changes::default();
            for batch in &batches {
                let ColumnData::I64(times) = &batch.columns[self.time].data else { continue };
                self.rank_rows(batch, times, &mut changes, output);
            }
            changes.give_together(&self.describe, multiple - 1, output);
        }
        while let Some(entry) = self.to_tell.first_entry()
            && *entry.key() <= watermark.0
        {
            let (end, numbers) = entry.remove_entry();
            let mut changes = Changes::default();
            for number in numbers {
                let best = self.partitions[number as usize].iter().flat_map(|known| known.best.iter());
                best.for_each(|row| changes.push(1, row.clone(), 0, number));
            }
            changes.give_together(&self.describe, end - 1, output);
        }
        self.forget(counted_until(self.spec.emission, watermark));
    }

    /// Forgets partitions that no row can reach any more.
    fn forget(&mut self, watermark: Watermark) {
        let is_numbered = matches!(self.spec.scope, TopScope::Numbered { .. });
        while let Some((over, numbers)) = self.to_forget.pop_first() {
            if over > watermark.0 {
                self.to_forget.insert(over, numbers);
                break;
            }
            for number in numbers {
                let place = &mut self.partitions[number as usize];
                // It may have been seen to earlier, or to end later since.
                if is_numbered && place.as_ref().is_none_or(|known| known.due != over) {
                    continue;
                }
                if let Some(known) = place.as_mut().filter(|known| is_numbered && known.over > over) {
                    known.due = known.over;
                    self.to_forget.entry(known.due).or_default().push(number);
                    continue;
                }
                *place = None;
                self.index.remove(number);
            }
        }
        self.forget_windows_of_keys(watermark);
        let TopScope::All(keep @ Keep::Expire(expire)) = self.spec.scope else { return };
        let (turn, ends) = self.sweep.advance(watermark, expire, self.index.n_numbers());
        for number in turn {
            // Late rows that were left out may have been all of its rows.
            let place = &mut self.partitions[number as usize];
            if place.as_ref().is_none_or(|known| keep.is_over(known.last, watermark.0)) {
                *place = None;
                self.index.remove(number);
            }
        }
        if ends && let Some(kept) = self.index.shrink() {
            self.partitions = kept.iter().map(|number| self.partitions[*number as usize].take()).collect();
        }
    }

    fn forget_windows_of_keys(&mut self, watermark: Watermark) {
        let Some(open) = &mut self.windows else { return };
        open.windows.advance(watermark, true, &mut open.ended);
        for ended in open.ended.drain(..) {
            for number in open.partitions.remove(&ended.number).unwrap_or_default() {
                // The key may be in another window by now.
                let place = &mut self.partitions[number as usize];
                if place.as_ref().is_some_and(|partition| partition.window == ended.number) {
                    *place = None;
                    self.index.remove(number);
                }
            }
        }
    }

    /// Whether the best of a window are told when it is over; late rows correct them.
    fn tells_ends(&self) -> bool {
        self.spec.emission == Emission::Final && self.spec.sign.is_none()
    }
}

/// The end of a row's window, if it is one of time, and for how long it can be changed behind that.
fn end_of_window(spec: &Top, layout: &RowLayout, row: &[u8]) -> Option<(EventTime, i64)> {
    let TopScope::Window { lateness } = spec.scope else { return None };
    Some((layout.int(row, *spec.per.get(1)?)?, lateness))
}

/// Whether a row that came behind this watermark can no longer correct its window.
fn is_too_late(spec: &Top, window: Option<(EventTime, i64)>, watermark: EventTime) -> bool {
    let window = window.filter(|_| spec.sign.is_none());
    window.is_some_and(|(end, lateness)| lateness == 0 || end.saturating_add(lateness) <= watermark)
}

impl Operator for TopOperator {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => self.take_rows(&batch, output),
            Message::Watermark(watermark) => {
                self.advance(watermark, output);
                output.messages.push(message);
            }
        }
    }

    fn contents(&mut self, around: &Around) -> Option<Vec<Contents>> {
        let input = &around.inputs.first()?.schema;
        let layout = &self.describe.layout;
        let row = |row: &Row| (0..layout.n_columns()).map(|column| layout.value(row, column)).collect();
        let known = || self.partitions.iter().flatten();
        let best = known().flat_map(|partition| partition.best.iter()).map(row);
        let rest: Vec<Vec<Value>> = known()
            .flat_map(|partition| partition.rest.iter().flat_map(|rest| rest.iter()))
            .map(row)
            .collect();
        let mut all = vec![Contents::rows_of("best rows", input, best)];
        if !rest.is_empty() {
            all.push(Contents::rows_of("rows behind the best", input, rest.into_iter()));
        }
        Some(all)
    }

    fn amount(&self) -> Option<Count> {
        let rows = self
            .partitions
            .iter()
            .flatten()
            .map(|partition| partition.best.len() + partition.rest.as_ref().map_or(0, |rest| rest.len()));
        Some(Count::of(rows.sum(), "rows"))
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.i64(self.watermark.0);
        let known: Vec<(u32, &Partition)> = (0..)
            .zip(&self.partitions)
            .filter_map(|(number, place)| Some((number, place.as_ref()?)))
            .collect();
        writer.sequence(known.into_iter(), |writer, (number, partition)| {
            self.index.snapshot(number, writer);
            writer.i64(partition.last);
            writer.u64(partition.window);
            writer.i64(partition.over);
            partition.best.snapshot(writer);
            partition.rest.as_deref().unwrap_or(&Ranked::default()).snapshot(writer);
        });
        writer.sequence(self.pending.iter(), |writer, (multiple, batches)| {
            writer.i64(*multiple);
            writer.sequence(batches.iter(), |writer, batch| writer.batch(batch, &self.types));
        });
        writer.i64(self.latest);
        if let Some(open) = &self.windows {
            open.windows.snapshot(writer);
        }
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.watermark = Watermark(reader.i64()?);
        for _ in 0..reader.count()? {
            let number = self.index.restore(reader)?;
            let (last, window, over) = (reader.i64()?, reader.u64()?, reader.i64()?);
            let best = Ranked::restore(&self.describe.layout, reader)?;
            let rest = Some(Ranked::restore(&self.describe.layout, reader)?).filter(|rest| rest.len() > 0);
            let end =
                best.iter().next().and_then(|row| end_of_window(&self.spec, &self.describe.layout, row));
            let partition = Partition { best, rest: rest.map(Box::new), last, window, over, due: over };
            if let Some((end, lateness)) = end {
                self.to_forget.entry(end.saturating_add(lateness)).or_default().push(number);
                if self.tells_ends() && end > self.watermark.0 {
                    self.to_tell.entry(end).or_default().push(number);
                }
            }
            if let TopScope::Numbered { .. } = self.spec.scope {
                self.to_forget.entry(over).or_default().push(number);
            }
            if let Some(open) = &mut self.windows {
                open.partitions.entry(window).or_default().push(number);
            }
            self.partitions.resize_with(self.index.n_numbers(), || None);
            self.partitions[number as usize] = Some(partition);
        }
        for _ in 0..reader.count()? {
            let multiple = reader.i64()?;
            let batches = reader.sequence(|reader| reader.batch(&self.types))?;
            self.pending.insert(multiple, batches);
        }
        self.latest = reader.i64()?;
        match &mut self.windows {
            Some(open) => open.windows.restore(reader),
            None => Ok(()),
        }
    }

    fn state_bytes(&self) -> usize {
        let rows: usize = self.partitions.iter().flatten().map(Partition::bytes).sum();
        let partitions = self.partitions.capacity() * size_of::<Option<Partition>>();
        let pending: usize = self.pending.values().flatten().map(Batch::bytes).sum();
        self.index.bytes()
            + partitions
            + rows
            + self.windows.as_ref().map_or(0, |open| open.windows.bytes())
            + pending
    }
}
