//! `window sliding D`: the rows of the key in (t-D, t]. A row leaves the frame when a row comes that is D
//! later, of whatever key: all rows stand in one log, in the order of time. Common aggregates are computed
//! [by columns](super::columns), as long as the values allow that, others row by row in groups.

use super::columns::Columns;
use super::log::Log;
use super::{Frames, Groups, times_of};
use crate::accumulate::arena::Slot;
use crate::accumulate::result::Misfit;
use crate::accumulate::side::Row;
use crate::message::{EventTime, Watermark};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::batch::Batch;
use millstream_ir::column::Column;

pub struct Sliding {
    size: i64,
    log: Log,
    /// None where aggregates are computed row by row.
    columns: Option<Columns>,
    /// Keys whose frames may have become empty.
    emptied: Vec<u32>,
}

impl Sliding {
    /// `time` is the column of the event time.
    pub fn new(size: i64, time: usize, columns: Option<Columns>) -> Sliding {
        Sliding { size, log: Log::new(time), columns, emptied: vec![] }
    }

    /// Whether the rows of a batch are computed by columns. If not, none will be any more.
    fn by_columns(&mut self, groups: &mut Groups, batch: &Batch) -> bool {
        let n_rows = self.log.n_rows();
        let accepts = self.columns.as_mut().is_some_and(|columns| columns.accepts(batch, n_rows));
        if !accepts && self.columns.take().is_some() {
            let time = groups.time;
            let arena = groups.arena();
            for part in self.log.parts() {
                let times = times_of(&part.batch, time);
                for row in part.n_left..part.batch.n_rows {
                    arena.add(Slot(part.number(row)), Row { batch: &part.batch, times, number: row });
                }
            }
        }
        accepts
    }

    /// Takes the rows out of their groups that are no later than `limit`.
    fn evict(&mut self, groups: &mut Groups, limit: EventTime) {
        let (arena, emptied) = (groups.arena(), &mut self.emptied);
        self.log.leave_until(limit, |part, times, row| {
            let number = part.number(row);
            arena.remove(Slot(number), Row { batch: &part.batch, times, number: row });
            if arena.n_rows(Slot(number)) == 0 {
                emptied.push(number);
            }
        });
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
        if self.by_columns(groups, &batch)
            && let Some(columns) = &mut self.columns
        {
            columns.resize(groups.index.n_numbers());
            return columns.take(&mut self.log, self.size, &batch, times, numbers, &mut self.emptied);
        }
        self.log.push(batch.clone(), numbers.to_vec());
        let mut results = groups.arena().results();
        for (row, number) in numbers.iter().enumerate() {
            // Nothing of this batch from here on leaves: it is later than this.
            self.evict(groups, times[row].saturating_sub(self.size));
            let arena = groups.arena();
            arena.add(Slot(*number), Row { batch: &batch, times, number: row });
            arena.record(Slot(*number), &mut results);
        }
        groups.arena().columns(results, misfits)
    }

    fn advance(&mut self, groups: &mut Groups, watermark: Watermark) {
        let limit = watermark.0.saturating_sub(self.size);
        match &mut self.columns {
            Some(columns) => columns.leave(&mut self.log, limit, &mut self.emptied),
            None => self.evict(groups, limit),
        }
        for number in std::mem::take(&mut self.emptied) {
            let is_empty = match &self.columns {
                Some(columns) => columns.is_empty(number),
                None => groups.arena.n_rows(number) == 0,
            };
            if is_empty && groups.index.is_live(number) {
                groups.forget(number);
            }
        }
        let n_before = groups.index.n_numbers();
        if let Some(kept) = groups.shrink() {
            let mut new = vec![0; n_before];
            (0..).zip(&kept).for_each(|(number, old)| new[*old as usize] = number);
            self.log.renumber(&new);
            if let Some(columns) = &mut self.columns {
                columns.renumber(&kept);
            }
        }
    }

    fn bytes(&self) -> usize {
        let columns = self.columns.as_ref().map_or(0, Columns::bytes);
        self.log.bytes() + self.emptied.capacity() * 4 + columns
    }

    fn snapshot(&self, groups: &Groups, writer: &mut SnapshotWriter) {
        let live = groups.live();
        let mut place = vec![0; groups.index.n_numbers()];
        (0..).zip(&live).for_each(|(number, old)| place[*old as usize] = number);
        writer.sequence(live.into_iter(), |writer, number| groups.index.snapshot(number, writer));
        writer.sequence(self.log.parts().collect::<Vec<_>>().into_iter(), |writer, part| {
            writer.batch(&part.in_frames(), &groups.types);
            (part.n_left..part.batch.n_rows).for_each(|row| writer.u32(place[part.number(row) as usize]));
        });
    }

    fn restore(&mut self, groups: &mut Groups, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        let keys = reader.sequence(|reader| groups.index.restore(reader))?;
        let types = groups.types.clone();
        let log = reader.sequence(|reader| {
            let batch = reader.batch(&types)?;
            let number =
                |reader: &mut SnapshotReader| keys.get(reader.u32()? as usize).copied().ok_or(Corrupt);
            let numbers = (0..batch.n_rows).map(|_| number(reader)).collect::<Result<Vec<u32>, Corrupt>>()?;
            Ok((batch, numbers))
        })?;
        for (batch, numbers) in log {
            let times = times_of(&batch, groups.time);
            if self.by_columns(groups, &batch)
                && let Some(columns) = &mut self.columns
            {
                columns.resize(groups.index.n_numbers());
                // None of them leaves for another.
                columns.take(&mut self.log, i64::MAX, &batch, times, &numbers, &mut vec![]);
                continue;
            }
            for (row, number) in numbers.iter().enumerate() {
                groups.arena().add(Slot(*number), Row { batch: &batch, times, number: row });
            }
            self.log.push(batch, numbers);
        }
        // Those without rows are looked at by the next watermark.
        self.emptied = keys;
        Ok(())
    }
}
