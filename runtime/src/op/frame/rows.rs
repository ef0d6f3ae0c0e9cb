//! `window sliding N rows`: the last N rows of the key. Each key keeps what aggregates look at of these.

use super::running::Times;
use super::{Frames, Groups, times_of};
use crate::accumulate::arena::Slot;
use crate::accumulate::result::Misfit;
use crate::accumulate::side::Row;
use crate::message::{EventTime, Watermark};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::batch::{Batch, Origin, RowPlace};
use millstream_ir::column::{Column, ColumnBuilder};
use millstream_ir::flow::Keep;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::collections::VecDeque;
use std::sync::Arc;

pub struct Rows {
    n_rows: usize,
    times: Times,
    /// Of each key, by number.
    kept: Vec<VecDeque<Kept>>,
}

/// A row in a frame.
struct Kept {
    place: RowPlace,
    time: EventTime,
    /// Of the columns that are looked at.
    values: Box<[Value]>,
}

impl Rows {
    pub fn new(n_rows: usize, keep: Keep) -> Rows {
        Rows { n_rows: n_rows.max(1), times: Times::new(keep), kept: vec![] }
    }

    fn resize(&mut self, n: usize) {
        self.times.resize(n);
        self.kept.resize_with(n.max(self.kept.len()), VecDeque::new);
    }
}

/// Rows on their way out of frames, as a batch again.
struct Leaving {
    columns: Vec<ColumnBuilder>,
    places: Vec<RowPlace>,
}

impl Leaving {
    fn new(types: &[Type]) -> Leaving {
        Leaving { columns: types.iter().map(ColumnBuilder::new).collect(), places: vec![] }
    }

    /// The number that the row gets.
    fn push(&mut self, row: &Kept) -> usize {
        self.columns.iter_mut().zip(&row.values).for_each(|(column, value)| column.push(value));
        self.places.push(row.place);
        self.places.len() - 1
    }

    fn finish(self) -> Batch {
        let columns = self.columns.into_iter().map(|c| Arc::new(c.finish())).collect();
        let origin = Origin::of_places(&self.places);
        Batch { columns, n_rows: self.places.len(), origin, late: vec![] }
    }
}

/// What a row does to the frame of its key.
struct Step {
    slot: Slot,
    /// Whether the rows before it are forgotten.
    is_first: bool,
    /// The row that leaves.
    leaves: Option<usize>,
    /// The time of the first row of the frame.
    first: EventTime,
}

impl Frames for Rows {
    fn take(
        &mut self,
        groups: &mut Groups,
        batch: Batch,
        numbers: &[u32],
        misfits: &mut Vec<Misfit>,
        mut bounds: Option<&mut Vec<EventTime>>,
    ) -> Vec<Column> {
        let mut results = groups.arena().results();
        self.resize(groups.index.n_numbers());
        let times = times_of(&batch, groups.time);
        let mut leaving = Leaving::new(&groups.types);
        let mut steps = vec![];
        for (row, number) in numbers.iter().enumerate() {
            let is_first = self.times.touch(*number, times[row]);
            let kept = &mut self.kept[*number as usize];
            if is_first {
                kept.clear();
            }
            let leaves = if kept.len() == self.n_rows { kept.pop_front() } else { None };
            let leaves = leaves.map(|row| leaving.push(&row));
            let values = batch.columns.iter().zip(&groups.types).map(|(c, ty)| c.value(row, ty));
            kept.push_back(Kept {
                place: batch.origin.place(row),
                time: times[row],
                values: values.collect(),
            });
            let first = kept.front().map_or(times[row], |kept| kept.time);
            steps.push(Step { slot: Slot(*number), is_first, leaves, first });
        }
        let left = leaving.finish();
        let time = groups.time;
        let arena = groups.arena();
        let left_times = times_of(&left, time);
        for (row, step) in steps.iter().enumerate() {
            if step.is_first {
                arena.clear(step.slot);
            }
            if let Some(number) = step.leaves {
                arena.remove(step.slot, Row { batch: &left, times: left_times, number });
            }
            arena.add(step.slot, Row { batch: &batch, times, number: row });
            arena.record(step.slot, &mut results);
            if let Some(firsts) = &mut bounds {
                firsts.push(step.first);
            }
        }
        arena.columns(results, misfits)
    }

    fn advance(&mut self, groups: &mut Groups, watermark: Watermark) {
        let kept = &mut self.kept;
        let moved = self.times.advance(groups, watermark, |number| kept[number as usize] = VecDeque::new());
        if let Some(old) = moved {
            let of_old = |number: &u32| std::mem::take(&mut self.kept[*number as usize]);
            self.kept = old.iter().map(of_old).collect();
        }
    }

    fn bytes(&self) -> usize {
        let of_row = |row: &Kept| {
            let texts =
                row.values.iter().map(|value| if let Value::String(text) = value { text.len() } else { 0 });
            size_of_val(&row.values[..]) + texts.sum::<usize>()
        };
        let of_key = |rows: &VecDeque<Kept>| {
            rows.capacity() * size_of::<Kept>() + rows.iter().map(of_row).sum::<usize>()
        };
        let kept: usize = self.kept.iter().map(of_key).sum();
        self.times.bytes() + self.kept.capacity() * size_of::<VecDeque<Kept>>() + kept
    }

    fn snapshot(&self, groups: &Groups, writer: &mut SnapshotWriter) {
        writer.sequence(groups.live().into_iter(), |writer, number| {
            groups.index.snapshot(number, writer);
            self.times.snapshot(number, writer);
            let mut rows = Leaving::new(&groups.types);
            self.kept[number as usize].iter().for_each(|row| {
                rows.push(row);
            });
            writer.batch(&rows.finish(), &groups.types);
        });
    }

    fn restore(&mut self, groups: &mut Groups, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        for _ in 0..reader.count()? {
            let number = groups.index.restore(reader)?;
            self.resize(groups.index.n_numbers());
            self.times.restore(number, reader)?;
            let batch = reader.batch(&groups.types)?;
            let times = times_of(&batch, groups.time);
            for row in 0..batch.n_rows {
                groups.arena().add(Slot(number), Row { batch: &batch, times, number: row });
                let values = batch.columns.iter().zip(&groups.types).map(|(c, ty)| c.value(row, ty));
                let (place, values) = (batch.origin.place(row), values.collect());
                self.kept[number as usize].push_back(Kept { place, time: times[row], values });
            }
        }
        Ok(())
    }
}
