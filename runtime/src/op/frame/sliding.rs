//! `window sliding D`: the rows of the key in (t-D, t]. A row leaves the frame when a row comes that is D
//! later, of whatever key: all rows stand in one log, in the order of time.

use super::{Frames, Groups, times_of};
use crate::accumulate::arena::Results;
use crate::accumulate::side::Row;
use crate::message::{EventTime, Watermark};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::batch::Batch;
use std::collections::VecDeque;

pub struct Sliding {
    size: i64,
    log: VecDeque<Logged>,
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

impl Sliding {
    pub fn new(size: i64) -> Sliding {
        Sliding { size, log: VecDeque::new(), emptied: vec![] }
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
        results: &mut Results,
        mut bounds: Option<&mut Vec<EventTime>>,
    ) {
        self.log.push_back(Logged { batch: batch.clone(), numbers: numbers.to_vec(), n_left: 0 });
        let times = times_of(&batch, groups.time);
        for (row, number) in numbers.iter().enumerate() {
            // Nothing of this batch from here on leaves: it is later than this.
            let limit = times[row].saturating_sub(self.size);
            self.evict(groups, limit);
            let slot = groups.slot(*number);
            groups.arena.add(slot, Row { batch: &batch, times, number: row });
            groups.arena.record(slot, results);
            if let Some(firsts) = &mut bounds {
                firsts.push(limit);
            }
        }
    }

    fn advance(&mut self, groups: &mut Groups, watermark: Watermark) {
        self.evict(groups, watermark.0.saturating_sub(self.size));
        for number in std::mem::take(&mut self.emptied) {
            let slot = groups.slots[number as usize];
            if slot.is_some_and(|slot| groups.arena.n_rows(slot) == 0) {
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
        }
    }

    fn bytes(&self) -> usize {
        let bytes = |logged: &Logged| logged.batch.bytes() + logged.numbers.capacity() * 4;
        self.log.iter().map(bytes).sum::<usize>() + self.emptied.capacity() * 4
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
        for logged in &log {
            let times = times_of(&logged.batch, groups.time);
            for (row, number) in logged.numbers.iter().enumerate() {
                let slot = groups.slot(*number);
                groups.arena.add(slot, Row { batch: &logged.batch, times, number: row });
            }
        }
        // Those without rows are looked at by the next watermark.
        self.emptied = keys;
        self.log = log.into();
        Ok(())
    }
}
