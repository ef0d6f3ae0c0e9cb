//! Aggregates whose results are replaced as rows come: over all rows so far, or over those of a window, at
//! each row, at each multiple of some time, or when a window ends and at late rows after that.
//!
//! Each change of a result withdraws the row of its group and adds the new one; what alters no result gives
//! none. A change that a row caused has the row's time, and is late if that is; one that the watermark
//! released is timed just before what released it, which no watermark has passed yet. A group without rows
//! has no row. A result that does not fit fails its row; the group goes on.

mod changes;
mod members;

use crate::accumulate::arena::Slot;
use crate::accumulate::keyed::{Added, KeyedArena};
use crate::accumulate::side::Row;
use crate::contents::{Around, Contents, Count, rows_of_batch, rows_of_columns, time};
use crate::kernel::key_index::KeyIndex;
use crate::kernel::prefetch::prefetch;
use crate::message::{EventTime, Message, Watermark};
use crate::op::changes::that_alter;
use crate::op::failed_rows::FailedRows;
use crate::op::multiples::{Pending, counted_until, defer, next_multiple, rising};
use crate::op::sweep::Sweep;
use crate::operator::{Operator, Output};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use changes::{Changes, Describe};
use members::Members;
use millstream_ir::batch::{BATCH_ROWS, Batch};
use millstream_ir::column::{ColumnData, ColumnRef};
use millstream_ir::flow::{Emission, Keep, Node, Schema, UpdatingAggregate, UpdatingScope};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::collections::{BTreeMap, BTreeSet};

pub struct UpdatingAggregateOperator {
    spec: UpdatingAggregate,
    input_types: Vec<Type>,
    describe: Describe,
    /// The input column of the event time.
    time: usize,
    /// The input columns that tell groups apart: the keys, of a window its bounds too.
    group_columns: Vec<usize>,
    /// From the group columns to the numbers of groups.
    index: KeyIndex,
    /// By number; none where no key has the number.
    groups: Vec<Option<Group>>,
    /// By number, too; and the greatest event time of each group, [`NEVER`] where there is none.
    arena: KeyedArena,
    lasts: Vec<EventTime>,
    failed_rows: FailedRows,
    /// Where groups expire whose rows can be withdrawn.
    members: Option<Members>,
    /// How long groups over all rows are kept, and whose turn it is to be looked at.
    keep: Keep,
    sweep: Sweep,
    /// Groups by the watermark at which their first result appears.
    to_release: BTreeMap<EventTime, Vec<u32>>,
    /// Groups of windows by the watermark at which nothing can alter them any more.
    to_forget: BTreeMap<EventTime, Vec<u32>>,
    /// Rows by the watermark at which they are to be counted.
    pending: Pending,
    /// Of an updating input whose changes wait: their greatest time.
    latest: EventTime,
    watermark: Watermark,
}

/// How far ahead groups are requested.
const AHEAD: usize = 16;

/// The last event of a group that has none.
const NEVER: EventTime = EventTime::MIN;

/// The values of the group columns.
type Key = Vec<Value>;

struct Group {
    /// Of a window its end; of all rows the end of time.
    end: EventTime,
    /// Nothing where results appear at the rows, which have it.
    key: Key,
}

impl UpdatingAggregateOperator {
    pub fn new(
        node: &Node,
        spec: &UpdatingAggregate,
        input: &Schema,
        seed: u64,
    ) -> UpdatingAggregateOperator {
        let (bounds, keep) = match spec.scope {
            UpdatingScope::All(keep) => (vec![], keep),
            UpdatingScope::Window { start, end, .. } => (vec![start, end], Keep::Forever),
        };
        let group_columns = [spec.keys.clone(), bounds].concat();
        let group_types: Vec<Type> = group_columns.iter().map(|c| input.columns[*c].ty.clone()).collect();
        UpdatingAggregateOperator {
            describe: Describe::new(node, spec, &group_columns, input),
            input_types: input.types(),
            time: input.time,
            group_columns,
            index: KeyIndex::new(&group_types, seed),
            groups: vec![],
            lasts: vec![],
            arena: match (spec.emission, spec.sign) {
                (Emission::OnChange, None) => KeyedArena::new(&spec.aggregates),
                _ => KeyedArena::new_wide(&spec.aggregates),
            },
            failed_rows: FailedRows::of(input),
            members: match (spec.sign, keep) {
                (Some(sign), Keep::Expire(_)) => Some(Members::new(input, sign)),
                _ => None,
            },
            keep,
            sweep: Sweep::default(),
            to_release: BTreeMap::new(),
            to_forget: BTreeMap::new(),
            pending: Pending::new(),
            latest: EventTime::MIN,
            watermark: Watermark::START,
            spec: spec.clone(),
        }
    }

    fn take_rows(&mut self, batch: Batch, output: &mut Output) {
        let batch = self.without_rows_too_late(batch, output);
        match self.spec.emission {
            Emission::Every(every) => self.defer(&batch, every),
            Emission::Final | Emission::OnChange => self.change_at_each_row(&batch, output),
        }
    }

    /// Leaves out late rows of windows that they cannot correct any more.
    fn without_rows_too_late(&self, batch: Batch, output: &mut Output) -> Batch {
        let UpdatingScope::Window { end, lateness, .. } = self.spec.scope else { return batch };
        let ColumnData::I64(ends) = &batch.columns[end].data else { return batch };
        if batch.late.is_empty() {
            return batch;
        }
        let is_in_time = |row: &u32| {
            let late = batch.late(*row as usize);
            late.is_none_or(|late| {
                lateness > 0 && ends[*row as usize].saturating_add(lateness) > late.watermark
            })
        };
        let rows: Vec<u32> = (0..batch.n_rows as u32).filter(is_in_time).collect();
        output.n_late_left_out += (batch.n_rows - rows.len()) as u64;
        batch.gather(&rows)
    }

    fn change_at_each_row(&mut self, batch: &Batch, output: &mut Output) {
        let ColumnData::I64(times) = &batch.columns[self.time].data else { return };
        let numbers = self.numbers(batch);
        if self.spec.emission == Emission::OnChange
            && self.spec.sign.is_none()
            && self.arena.narrow_for(batch).is_some()
        {
            return self.add_each(batch, times, &numbers, output);
        }
        // Groups that expire are emptied between rows.
        let is_plain =
            self.arena.wide().is_plain() && !matches!(self.spec.scope, UpdatingScope::All(Keep::Expire(_)));
        if is_plain && self.spec.sign.is_none() && self.spec.emission == Emission::OnChange {
            return self.add_each_wide(batch, times, &numbers, output);
        }
        let mut changes = Changes::new(self.arena.as_wide());
        for (number, group) in numbers.iter().copied().enumerate() {
            let row = Row { batch, times, number };
            if self.is_forgotten(group, row) {
                continue;
            }
            let (slot, end) = self.group(group, row);
            let is_shown = self.spec.emission == Emission::OnChange || end <= self.watermark.0;
            if is_shown && self.arena.n_rows(group) > 0 {
                changes.record(self.arena.as_wide(), slot, -1, number);
            }
            self.count(slot, row);
            if is_shown && self.arena.n_rows(group) > 0 {
                changes.record(self.arena.as_wide(), slot, 1, number);
            }
            self.end_if_empty(group);
            // A row that is withdrawn and the one in its place stay together.
            if changes.are_many() {
                let full = std::mem::replace(&mut changes, Changes::new(self.arena.as_wide()));
                full.give(self.arena.as_wide(), &self.describe, batch, times, output);
            }
        }
        changes.give(self.arena.as_wide(), &self.describe, batch, times, output);
        self.failed_rows.report(batch, self.arena.take_failed(), self.watermark, output);
        self.forget_empty(numbers);
    }

    /// Adds all rows, and shows each.
    fn add_each(&mut self, batch: &Batch, times: &[EventTime], numbers: &[u32], output: &mut Output) {
        let restarts = self.restarts(batch, times, numbers);
        // A row gives two changes.
        for first in (0..numbers.len()).step_by(BATCH_ROWS / 2) {
            let numbers = &numbers[first..numbers.len().min(first + BATCH_ROWS / 2)];
            let restarts = restarts.as_ref().map(|restarts| &restarts[first..]);
            let Some(narrow) = self.arena.narrow() else { return };
            let columns = narrow.add_each::<true>(Added { batch, first, numbers, restarts });
            changes::give_each(columns, narrow.starts(), first, &self.describe, batch, times, output);
            let starts = numbers.iter().zip(narrow.starts()).zip(first..);
            let new =
                starts.filter(|((number, starts), _)| **starts && self.groups[**number as usize].is_none());
            let new: Vec<(u32, usize)> = new.map(|((number, _), row)| (*number, row)).collect();
            new.into_iter().for_each(|(group, number)| {
                self.group(group, Row { batch, times, number });
            });
        }
    }

    /// Where groups are forgotten: whether those of rows are by then, if any is.
    fn restarts(&mut self, batch: &Batch, times: &[EventTime], numbers: &[u32]) -> Option<Vec<bool>> {
        if self.keep == Keep::Forever {
            return None;
        }
        let mut restarts = vec![false; numbers.len()];
        let is_late = !batch.late.is_empty();
        for (number, group) in numbers.iter().enumerate() {
            if let Some(later) = numbers.get(number + AHEAD) {
                prefetch(self.lasts.as_ptr().wrapping_add(*later as usize) as *const u8);
            }
            let (time, last) = (times[number], &mut self.lasts[*group as usize]);
            if is_late || *last == NEVER {
                restarts[number] = self.touch(*group, Row { batch, times, number });
                continue;
            }
            restarts[number] = self.keep.is_over(*last, time);
            *last = if restarts[number] { time } else { time.max(*last) };
        }
        restarts.contains(&true).then_some(restarts)
    }

    /// The same in their slots.
    fn add_each_wide(&mut self, batch: &Batch, times: &[EventTime], numbers: &[u32], output: &mut Output) {
        let mut slots = vec![];
        for (number, group) in numbers.iter().enumerate() {
            if let Some(later) = numbers.get(number + AHEAD) {
                prefetch(self.groups.as_ptr().wrapping_add(*later as usize) as *const u8);
            }
            slots.push(self.group(*group, Row { batch, times, number }).0);
        }
        // A row gives two changes.
        for (slots, first) in slots.chunks(BATCH_ROWS / 2).zip((0..).step_by(BATCH_ROWS / 2)) {
            let mut changes = Changes::new(self.arena.as_wide());
            changes.record_each(self.arena.wide(), slots, batch, first);
            changes.give(self.arena.as_wide(), &self.describe, batch, times, output);
        }
    }

    /// The groups of a batch's rows.
    fn numbers(&mut self, batch: &Batch) -> Vec<u32> {
        let columns: Vec<&ColumnRef> = self.group_columns.iter().map(|c| &batch.columns[*c]).collect();
        let mut numbers = vec![];
        self.index.find_all(&columns, batch.n_rows, &mut numbers);
        self.resize();
        self.arena.reach(self.index.n_numbers());
        numbers
    }

    /// Makes room for the groups that the index knows.
    fn resize(&mut self) {
        let n = self.index.n_numbers();
        self.groups.resize_with(n, || None);
        self.lasts.resize(n, NEVER);
    }

    fn key(&self, batch: &Batch, row: usize) -> Key {
        let value = |column: &usize| batch.columns[*column].value(row, &self.input_types[*column]);
        self.group_columns.iter().map(value).collect()
    }

    /// An event has come to a group: whether what it had before is forgotten by then.
    fn touch(&mut self, number: u32, row: Row) -> bool {
        let (time, last) = (row.times[row.number], self.lasts[number as usize]);
        if last == NEVER {
            self.begin(number, row);
            return false;
        }
        let now = row.batch.late(row.number).map_or(time, |late| late.watermark);
        let is_over = self.keep.is_over(last, now);
        self.lasts[number as usize] = if is_over { time } else { last.max(time) };
        is_over
    }

    /// The slot of a group and the end of its window, for an event.
    fn group(&mut self, number: u32, row: Row) -> (Slot, EventTime) {
        if self.touch(number, row) {
            self.clear(number);
        }
        let end = self.groups[number as usize].as_ref().map_or(EventTime::MAX, |group| group.end);
        (Slot(number), end)
    }

    fn begin(&mut self, number: u32, row: Row) {
        let end = match self.spec.scope {
            UpdatingScope::All(_) => EventTime::MAX,
            UpdatingScope::Window { end, .. } => match &row.column(end).data {
                ColumnData::I64(ends) => ends[row.number],
                _ => EventTime::MAX,
            },
        };
        let key = match self.spec.emission {
            Emission::OnChange => vec![],
            Emission::Final | Emission::Every(_) => self.key(row.batch, row.number),
        };
        self.watch(number, end);
        self.groups[number as usize] = Some(Group { end, key });
        self.lasts[number as usize] = row.times[row.number];
    }

    /// The slot and key of a group that is forgotten before an event comes to it.
    fn over_before(&self, number: u32, row: Row) -> Option<(Slot, Key)> {
        let group = self.groups[number as usize].as_ref()?;
        let time = row.times[row.number];
        let now = row.batch.late(row.number).map_or(time, |late| late.watermark);
        let is_over = self.keep.is_over(self.lasts[number as usize], now) && self.arena.n_rows(number) > 0;
        is_over.then(|| (Slot(number), group.key.clone()))
    }

    /// Notes when a new group is to be shown and forgotten.
    fn watch(&mut self, number: u32, end: EventTime) {
        let UpdatingScope::Window { lateness, .. } = self.spec.scope else { return };
        if self.spec.emission == Emission::Final && end > self.watermark.0 {
            self.to_release.entry(end).or_default().push(number);
        }
        let last = end.saturating_add(lateness);
        let last = match self.spec.emission {
            // The rows before that are counted at a multiple not before it.
            Emission::Every(every) => next_multiple(last.saturating_sub(1), every),
            Emission::Final | Emission::OnChange => last,
        };
        self.to_forget.entry(last).or_default().push(number);
    }

    fn count(&mut self, slot: Slot, row: Row) {
        if self.is_withdrawn(row) {
            return self.arena.wide().remove(slot, row);
        }
        self.members.iter_mut().for_each(|members| members.add(slot.0, row));
        self.arena.wide().add(slot, row);
    }

    fn is_withdrawn(&self, row: Row) -> bool {
        let sign = self.spec.sign.map(|sign| &row.batch.columns[sign].data);
        matches!(sign, Some(ColumnData::I64(signs)) if signs[row.number] < 0)
    }

    /// Whether a row is withdrawn that went with what its key had before: the result of that stands. One that
    /// the group has goes from its members.
    fn is_forgotten(&mut self, number: u32, row: Row) -> bool {
        if self.members.is_none() || !self.is_withdrawn(row) {
            return false;
        }
        let last = self.lasts[number as usize];
        let now = row.batch.late(row.number).map_or(row.times[row.number], |late| late.watermark);
        let is_there = last != NEVER && !self.keep.is_over(last, now);
        !(is_there && self.members.as_mut().is_none_or(|members| members.remove(number, row)))
    }

    /// Where groups expire: one whose rows have all been withdrawn has no last event, whatever comes behind.
    fn end_if_empty(&mut self, number: u32) {
        if self.members.is_some() && self.arena.n_rows(number) == 0 {
            self.clear(number);
            self.lasts[number as usize] = NEVER;
        }
    }

    fn clear(&mut self, number: u32) {
        self.arena.clear(number);
        self.members.iter_mut().for_each(|members| members.clear(number));
    }

    /// Forgets those of the groups whose rows have all been withdrawn.
    fn forget_empty(&mut self, numbers: Vec<u32>) {
        if self.spec.sign.is_none() {
            return;
        }
        for number in numbers {
            if self.groups[number as usize].is_some() && self.arena.n_rows(number) == 0 {
                self.remove(number);
            }
        }
    }

    fn remove(&mut self, number: u32) {
        if self.groups.get_mut(number as usize).and_then(Option::take).is_some() {
            self.clear(number);
            self.lasts[number as usize] = NEVER;
            self.index.remove(number);
        }
    }

    /// Keeps rows for the first multiple of `every` behind them.
    fn defer(&mut self, batch: &Batch, every: i64) {
        let ColumnData::I64(times) = &batch.columns[self.time].data else { return };
        match self.spec.sign {
            Some(_) => defer(batch, &rising(batch, times, &mut self.latest), every, &mut self.pending),
            None => defer(batch, times, every, &mut self.pending),
        }
    }

    fn advance(&mut self, watermark: Watermark, output: &mut Output) {
        self.watermark = watermark;
        while let Some(entry) = self.pending.first_entry()
            && *entry.key() <= watermark.0
        {
            let (multiple, batches) = entry.remove_entry();
            self.change_at(multiple, &batches, output);
        }
        while let Some(entry) = self.to_release.first_entry()
            && *entry.key() <= watermark.0
        {
            let (end, keys) = entry.remove_entry();
            self.release(end, keys, output);
        }
        self.forget(watermark);
    }

    /// The changes that rows together cause at a multiple of the time between results.
    fn change_at(&mut self, multiple: EventTime, batches: &[Batch], output: &mut Output) {
        let (mut before, mut after) =
            (Changes::new(self.arena.as_wide()), Changes::new(self.arena.as_wide()));
        // Of each changed group the number of its result before, if it had one.
        let mut shown: BTreeMap<u32, Option<usize>> = BTreeMap::new();
        let mut pairs = vec![];
        for batch in batches {
            let ColumnData::I64(times) = &batch.columns[self.time].data else { continue };
            for (number, group) in self.numbers(batch).into_iter().enumerate() {
                let row = Row { batch, times, number };
                if self.is_forgotten(group, row) {
                    continue;
                }
                if let Some((slot, key)) = self.over_before(group, row) {
                    // The last result of what the key had before stands, and is shown if it has not been.
                    if let Some(old) = shown.insert(group, None) {
                        after.record(self.arena.as_wide(), slot, 1, 0);
                        pairs.push((old, Some(after.len() - 1), key));
                    }
                }
                let (slot, _) = self.group(group, row);
                shown.entry(group).or_insert_with(|| {
                    (self.arena.n_rows(group) > 0).then(|| {
                        before.record(self.arena.as_wide(), slot, -1, number);
                        before.len() - 1
                    })
                });
                self.count(slot, row);
                self.end_if_empty(group);
            }
            self.failed_rows.report(batch, self.arena.take_failed(), self.watermark, output);
        }
        for (number, key) in self.in_order(shown.keys().copied()) {
            let new = (self.arena.n_rows(number) > 0).then(|| {
                after.record(self.arena.as_wide(), Slot(number), 1, 0);
                after.len() - 1
            });
            pairs.push((shown.get(&number).copied().flatten(), new, key));
        }
        if self.keep != Keep::Forever {
            // What was over before stands in front of what its key has now.
            pairs.sort_by(|(.., a), (.., b)| a.cmp(b));
        }
        changes::give_pairs(
            self.arena.as_wide(),
            &self.describe,
            before,
            after,
            &pairs,
            multiple - 1,
            output,
        );
        self.forget_empty(shown.into_keys().collect());
    }

    /// The first results of windows that end.
    fn release(&mut self, end: EventTime, numbers: Vec<u32>, output: &mut Output) {
        let (mut results, mut pairs) = (Changes::new(self.arena.as_wide()), vec![]);
        // A number can have come to another window since.
        let of_end = |number: &u32| self.groups[*number as usize].as_ref().is_some_and(|g| g.end == end);
        let numbers: BTreeSet<u32> = numbers.into_iter().filter(of_end).collect();
        for (number, key) in self.in_order(numbers) {
            if self.arena.n_rows(number) > 0 {
                results.record(self.arena.as_wide(), Slot(number), 1, 0);
                pairs.push((None, Some(results.len() - 1), key));
            }
        }
        let none = Changes::new(self.arena.as_wide());
        changes::give_pairs(self.arena.as_wide(), &self.describe, none, results, &pairs, end - 1, output);
    }

    /// Groups and their keys; those whose results appear together come by window, then by key.
    fn in_order(&self, numbers: impl IntoIterator<Item = u32>) -> Vec<(u32, Key)> {
        let n_bounds = self.group_columns.len() - self.spec.keys.len();
        let known = numbers.into_iter().filter_map(|number| {
            let mut key = self.groups[number as usize].as_ref()?.key.clone();
            key.rotate_right(n_bounds);
            Some((key, number))
        });
        let mut known: Vec<(Key, u32)> = known.collect();
        known.sort();
        known.iter_mut().for_each(|(key, _)| key.rotate_left(n_bounds));
        known.into_iter().map(|(key, number)| (number, key)).collect()
    }

    fn forget(&mut self, watermark: Watermark) {
        if let Keep::Expire(expire) = self.keep {
            self.forget_expired(watermark, expire);
        }
        let mut over = vec![];
        while let Some(entry) = self.to_forget.first_entry()
            && *entry.key() <= watermark.0
        {
            // A number can have come to another, later window since.
            let UpdatingScope::Window { lateness, .. } = self.spec.scope else { break };
            over.extend(entry.remove().into_iter().filter(|number| {
                let group = self.groups[*number as usize].as_ref();
                group.is_some_and(|group| group.end.saturating_add(lateness) <= watermark.0)
            }));
        }
        over.into_iter().for_each(|number| self.remove(number));
    }

    /// Forgets groups over all rows that no row can reach any more.
    fn forget_expired(&mut self, watermark: Watermark, expire: i64) {
        let (turn, ends) = self.sweep.advance(watermark, expire, self.index.n_numbers());
        // Of the rows behind the last multiple a group may have some that have not been counted yet.
        let counted = counted_until(self.spec.emission, watermark).0;
        for number in turn {
            let last = self.lasts[number as usize];
            if last != NEVER && self.keep.is_over(last, counted) {
                self.remove(number);
            }
        }
        if ends && let Some(kept) = self.index.shrink() {
            self.groups = kept.iter().map(|number| self.groups[*number as usize].take()).collect();
            self.lasts = kept.iter().map(|number| self.lasts[*number as usize]).collect();
            self.arena.renumber(&kept);
            self.members.iter_mut().for_each(|members| members.renumber(&kept));
        }
    }
}

/// Leaves out what a row that replaces another does not change of the results.
fn leave_out_idle(message: &mut Message) {
    if let Message::Batch(batch) = message {
        let n_columns = batch.columns.len();
        let changes = std::mem::replace(batch, Batch { columns: vec![], n_rows: 0, ..batch.clone() });
        *batch = that_alter(changes, n_columns - 2, n_columns - 1);
    }
}

impl Operator for UpdatingAggregateOperator {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => {
                self.take_rows(batch, output);
                if self.spec.sign.is_some() {
                    output.messages.iter_mut().for_each(leave_out_idle);
                }
            }
            Message::Watermark(watermark) => {
                self.advance(watermark, output);
                output.messages.push(message);
            }
        }
    }

    fn contents(&mut self, around: &Around) -> Option<Vec<Contents>> {
        let live: Vec<u32> =
            (0..self.groups.len() as u32).filter(|group| self.groups[*group as usize].is_some()).collect();
        let (arena, types) = (&*self.arena.wide(), around.node.schema.types());
        let mut results = arena.results();
        live.iter().for_each(|group| arena.record(Slot(*group), &mut results));
        let results = arena.columns(results, &mut vec![]);
        let groups = self.index.columns(&live);
        let (keys, bounds) = groups.split_at(self.spec.keys.len().min(groups.len()));
        let columns: Vec<_> = keys.iter().chain(&results).chain(bounds).zip(&types).collect();
        let rows = rows_of_columns(&columns, live.len());
        let last = live.iter().map(|group| time(self.lasts[*group as usize]));
        let mut all = vec![Contents::rows_of("groups", &around.node.schema, rows.into_iter()).with(
            "last_event",
            Type::TIMESTAMP.nullable(),
            last,
        )];
        let pending =
            self.pending.values().flatten().flat_map(|batch| rows_of_batch(batch, &self.input_types));
        let pending: Vec<Vec<Value>> = pending.collect();
        if let (false, Some(input)) = (pending.is_empty(), around.inputs.first()) {
            all.push(Contents::rows_of(
                "rows that are yet to be counted",
                &input.schema,
                pending.into_iter(),
            ));
        }
        Some(all)
    }

    fn amount(&self) -> Option<Count> {
        Some(Count::of(self.groups.iter().flatten().count(), "groups"))
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.i64(self.watermark.0);
        writer.i64(self.latest);
        let known: Vec<(u32, &Group)> =
            (0..).zip(&self.groups).filter_map(|(number, group)| Some((number, group.as_ref()?))).collect();
        writer.sequence(known.into_iter(), |writer, (number, group)| {
            self.index.snapshot(number, writer);
            writer.sequence(group.key.iter(), |writer, value| writer.value(value));
            writer.i64(self.lasts[number as usize]);
            writer.i64(group.end);
            self.arena.write(number, writer);
            self.members.iter().for_each(|members| members.snapshot(number, writer));
        });
        writer.sequence(self.pending.iter(), |writer, (multiple, batches)| {
            writer.i64(*multiple);
            writer.sequence(batches.iter(), |writer, batch| writer.batch(batch, &self.input_types));
        });
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.watermark = Watermark(reader.i64()?);
        self.latest = reader.i64()?;
        for _ in 0..reader.count()? {
            let number = self.index.restore(reader)?;
            let key = reader.sequence(SnapshotReader::value)?;
            let (last, end) = (reader.i64()?, reader.i64()?);
            self.arena.restore(number, reader)?;
            if let Some(members) = &mut self.members {
                members.restore(number, reader)?;
            }
            self.watch(number, end);
            self.resize();
            self.groups[number as usize] = Some(Group { end, key });
            self.lasts[number as usize] = last;
        }
        for _ in 0..reader.count()? {
            let multiple = reader.i64()?;
            let batches = reader.sequence(|reader| reader.batch(&self.input_types))?;
            self.pending.insert(multiple, batches);
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        let n_pending: usize = self.pending.values().flatten().map(|batch| batch.n_rows).sum();
        let key = match self.spec.emission {
            Emission::OnChange => 0,
            Emission::Final | Emission::Every(_) => size_of::<Value>() * self.group_columns.len(),
        };
        self.arena.bytes()
            + self.members.as_ref().map_or(0, Members::bytes)
            + self.index.bytes()
            + self.groups.capacity() * (size_of::<Option<Group>>() + key)
            + self.lasts.capacity() * size_of::<EventTime>()
            + n_pending * 16 * self.input_types.len()
    }
}
