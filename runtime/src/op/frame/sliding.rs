//! `window sliding D`: the rows of the key in (t-D, t]. A row leaves the frame when a row comes that is D
//! later, of whatever key: all rows stand in one log, in the order of time. Common aggregates are computed
//! [by columns](super::columns), as long as the values allow that, others row by row in groups.

use super::columns::{Columns, Leaving};
use super::{Frames, Groups, times_of};
use crate::accumulate::result::Misfit;
use crate::accumulate::side::Row;
use crate::message::{EventTime, Watermark};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::batch::Batch;
use millstream_ir::column::{Column, ColumnData};
use std::collections::VecDeque;

pub struct Sliding {
    size: i64,
    log: VecDeque<Logged>,
    /// None where aggregates are computed row by row.
    columns: Option<Columns>,
    /// Keys whose frames may have become empty.
    emptied: Vec<u32>,
}

/// A batch of which rows are in frames.
struct Logged {
    batch: Batch,
    /// Of each row, the number of its key.
    numbers: Vec<u32>,
    /// How many of its rows have left.
    n_left: usize,
}

impl Logged {
    /// Adds the rows that have not left to the groups of their keys.
    fn add_to_groups(&self, groups: &mut Groups) {
        let times = times_of(&self.batch, groups.time);
        for (row, number) in self.numbers.iter().enumerate().skip(self.n_left) {
            let slot = groups.slot(*number);
            groups.arena.add(slot, Row { batch: &self.batch, times, number: row });
        }
    }
}

impl Sliding {
    pub fn new(size: i64, columns: Option<Columns>) -> Sliding {
        Sliding { size, log: VecDeque::new(), columns, emptied: vec![] }
    }

    /// Whether the rows of a batch are computed by columns. If not, none will be any more.
    fn by_columns(&mut self, groups: &mut Groups, batch: &Batch) -> bool {
        let accepts = self.columns.as_mut().is_some_and(|columns| columns.accepts(batch));
        if !accepts && self.columns.take().is_some() {
            self.log.iter().for_each(|logged| logged.add_to_groups(groups));
        }
        accepts
    }

    /// Takes the rows out of the log that are no later than a row of `times` less the size.
    fn leaving(
        &mut self,
        groups: &Groups,
        columns: &[usize],
        limits: impl Iterator<Item = EventTime>,
    ) -> Leaving {
        let mut leaving =
            Leaving { before: vec![], numbers: vec![], values: vec![vec![]; groups.types.len()] };
        let mut n_before = 0;
        // The oldest batch, and how many of its rows have left.
        let mut at = 0;
        let mut n_left = self.log.front().map_or(0, |logged| logged.n_left);
        for limit in limits {
            while let Some(logged) = self.log.get(at) {
                let times = times_of(&logged.batch, groups.time);
                let from = n_left;
                while n_left < times.len() && times[n_left] <= limit {
                    n_left += 1;
                }
                n_before += n_left - from;
                if n_left < times.len() {
                    break;
                }
                (at, n_left) = (at + 1, self.log.get(at + 1).map_or(0, |logged| logged.n_left));
            }
            leaving.before.push(n_before as u32);
        }
        for number in 0..=at {
            let Some(logged) = self.log.get_mut(number) else { break };
            let rows = logged.n_left..if number < at { logged.numbers.len() } else { n_left };
            leaving.numbers.extend_from_slice(&logged.numbers[rows.clone()]);
            for column in columns {
                if let ColumnData::I64(values) = &logged.batch.columns[*column].data
                    && leaving.values[*column].len() < leaving.numbers.len()
                {
                    leaving.values[*column].extend_from_slice(&values[rows.clone()]);
                }
            }
            logged.n_left = rows.end;
        }
        self.log.drain(..at.min(self.log.len()));
        leaving
    }

    fn take_by_columns(&mut self, groups: &Groups, batch: &Batch, numbers: &[u32]) -> Vec<Column> {
        let size = self.size;
        let summed = self.columns.as_ref().map_or(vec![], |columns| columns.summed().collect());
        let limits = times_of(batch, groups.time).iter().map(|time| time.saturating_sub(size));
        let leaving = self.leaving(groups, &summed, limits);
        let Some(columns) = &mut self.columns else { return vec![] };
        columns.resize(groups.slots.len());
        columns.take(batch, numbers, &leaving, &mut self.emptied)
    }

    /// Takes the rows out of their groups that are no later than `limit`.
    fn evict(&mut self, groups: &mut Groups, limit: EventTime) {
        while let Some(oldest) = self.log.front_mut() {
            let times = times_of(&oldest.batch, groups.time);
            while oldest.n_left < times.len() && times[oldest.n_left] <= limit {
                let number = oldest.numbers[oldest.n_left];
                if let Some(slot) = groups.slots[number as usize] {
                    let row = Row { batch: &oldest.batch, times, number: oldest.n_left };
                    groups.arena.remove(slot, row);
                    if groups.arena.n_rows(slot) == 0 {
                        self.emptied.push(number);
                    }
                }
                oldest.n_left += 1;
            }
            if oldest.n_left < times.len() {
                return;
            }
            self.log.pop_front();
        }
    }
}

impl Frames for Sliding {
    fn take(
        &mut self,
        groups: &mut Groups,
        batch: Batch,
        numbers: &[u32],
        misfits: &mut Vec<Misfit>,
        bounds: Option<&mut Vec<EventTime>>,
    ) -> Vec<Column> {
        let times = times_of(&batch, groups.time);
        if let Some(firsts) = bounds {
            firsts.extend(times.iter().map(|time| time.saturating_sub(self.size)));
        }
        let by_columns = self.by_columns(groups, &batch);
        self.log.push_back(Logged { batch: batch.clone(), numbers: numbers.to_vec(), n_left: 0 });
        if by_columns {
            return self.take_by_columns(groups, &batch, numbers);
        }
        let mut results = groups.arena.results();
        for (row, number) in numbers.iter().enumerate() {
            // Nothing of this batch from here on leaves: it is later than this.
            self.evict(groups, times[row].saturating_sub(self.size));
            let slot = groups.slot(*number);
            groups.arena.add(slot, Row { batch: &batch, times, number: row });
            groups.arena.record(slot, &mut results);
        }
        groups.arena.columns(results, misfits)
    }

    fn advance(&mut self, groups: &mut Groups, watermark: Watermark) {
        let limit = watermark.0.saturating_sub(self.size);
        if self.columns.is_some() {
            let summed = self.columns.as_ref().map_or(vec![], |columns| columns.summed().collect());
            let mut leaving = self.leaving(groups, &summed, [limit].into_iter());
            leaving.before.clear();
            if let Some(columns) = &mut self.columns
                && !leaving.numbers.is_empty()
            {
                columns.leave(&leaving, &mut self.emptied);
            }
        } else {
            self.evict(groups, limit);
        }
        for number in std::mem::take(&mut self.emptied) {
            let is_empty = match (&self.columns, groups.slots[number as usize]) {
                (Some(columns), _) => groups.index.is_live(number) && columns.n_rows(number) == 0,
                (None, slot) => {
                    groups.index.is_live(number) && slot.is_none_or(|slot| groups.arena.n_rows(slot) == 0)
                }
            };
            if is_empty {
                groups.forget(number);
            }
        }
        let n_before = groups.slots.len();
        if let Some(kept) = groups.shrink() {
            let mut new = vec![0; n_before];
            (0..).zip(&kept).for_each(|(number, old)| new[*old as usize] = number);
            let numbers =
                self.log.iter_mut().flat_map(|logged| logged.numbers.iter_mut().skip(logged.n_left));
            numbers.for_each(|number| *number = new[*number as usize]);
            if let Some(columns) = &mut self.columns {
                columns.renumber(&kept);
            }
        }
    }

    fn bytes(&self) -> usize {
        let bytes = |logged: &Logged| logged.batch.bytes() + logged.numbers.capacity() * 4;
        let columns = self.columns.as_ref().map_or(0, Columns::bytes);
        self.log.iter().map(bytes).sum::<usize>() + self.emptied.capacity() * 4 + columns
    }

    fn snapshot(&self, groups: &Groups, writer: &mut SnapshotWriter) {
        let live = groups.live();
        let mut place = vec![0; groups.index.n_numbers()];
        (0..).zip(&live).for_each(|(number, old)| place[*old as usize] = number);
        writer.sequence(live.into_iter(), |writer, number| groups.index.snapshot(number, writer));
        writer.sequence(self.log.iter(), |writer, logged| {
            let rows: Vec<u32> = (logged.n_left as u32..logged.batch.n_rows as u32).collect();
            writer.batch(&logged.batch.gather(&rows), &groups.types);
            logged.numbers[logged.n_left..].iter().for_each(|number| writer.u32(place[*number as usize]));
        });
    }

    fn restore(&mut self, groups: &mut Groups, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        let keys = reader.sequence(|reader| groups.index.restore(reader))?;
        groups.resize();
        let types = groups.types.clone();
        let log = reader.sequence(|reader| {
            let batch = reader.batch(&types)?;
            let number =
                |reader: &mut SnapshotReader| keys.get(reader.u32()? as usize).copied().ok_or(Corrupt);
            let numbers = (0..batch.n_rows).map(|_| number(reader)).collect::<Result<Vec<u32>, Corrupt>>()?;
            Ok(Logged { batch, numbers, n_left: 0 })
        })?;
        for logged in log {
            if self.by_columns(groups, &logged.batch)
                && let Some(columns) = &mut self.columns
            {
                columns.resize(groups.slots.len());
                columns.come(&logged.batch, &logged.numbers);
            } else {
                logged.add_to_groups(groups);
            }
            self.log.push_back(logged);
        }
        // Those without rows are looked at by the next watermark.
        self.emptied = keys;
        Ok(())
    }
}
