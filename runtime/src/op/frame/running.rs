//! `window running`: all rows of the key, until it is forgotten.

use super::{Frames, Groups, times_of};
use crate::accumulate::arena::Slot;
use crate::accumulate::keyed::Added;
use crate::accumulate::result::Misfit;
use crate::accumulate::side::Row;
use crate::kernel::prefetch::prefetch;
use crate::message::{EventTime, Watermark};
use crate::op::sweep::Sweep;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::batch::Batch;
use millstream_ir::column::Column;
use millstream_ir::flow::Keep;

pub struct Running {
    times: Times,
}

/// When keys had rows, and when they are forgotten.
pub struct Times {
    keep: Keep,
    /// Of each key, by number: the times of its first and its last row. Only the last is looked at for each row.
    firsts: Vec<EventTime>,
    lasts: Vec<EventTime>,
    sweep: Sweep,
}

/// How far ahead keys are requested.
const AHEAD: usize = 24;
/// The time of the last row of a key that has none.
const NEVER: EventTime = EventTime::MIN;

impl Times {
    pub fn new(keep: Keep) -> Times {
        Times { keep, firsts: vec![], lasts: vec![], sweep: Sweep::default() }
    }

    pub fn resize(&mut self, n: usize) {
        let n = n.max(self.lasts.len());
        self.firsts.resize(n, NEVER);
        self.lasts.resize(n, NEVER);
    }

    fn is_due(&self, number: u32, now: EventTime) -> bool {
        let last = self.lasts[number as usize];
        matches!(self.keep, Keep::Expire(after) if now.saturating_sub(last) >= after)
    }

    /// Asks the processor for the key of a row that comes soon after this one.
    fn request(&self, numbers: &[u32], row: usize) {
        if let Some(number) = numbers.get(row + AHEAD) {
            prefetch(self.lasts.as_ptr().wrapping_add(*number as usize) as *const u8);
        }
    }

    /// A key has a row: whether its earlier ones are forgotten.
    pub fn touch(&mut self, number: u32, now: EventTime) -> bool {
        let is_due = self.is_due(number, now);
        let last = &mut self.lasts[number as usize];
        if is_due || *last == NEVER {
            self.firsts[number as usize] = now;
        }
        *last = now;
        is_due
    }

    /// The time of the first row of a key.
    pub fn first(&self, number: u32) -> EventTime {
        self.firsts[number as usize]
    }

    /// Forgets keys that are due; if that has moved others, their old numbers.
    pub fn advance(
        &mut self,
        groups: &mut Groups,
        watermark: Watermark,
        mut forget: impl FnMut(u32),
    ) -> Option<Vec<u32>> {
        let Keep::Expire(after) = self.keep else { return None };
        let (turn, ends) = self.sweep.advance(watermark, after, groups.index.n_numbers());
        for number in turn {
            if groups.index.is_live(number) && self.is_due(number, watermark.0) {
                groups.forget(number);
                self.lasts[number as usize] = NEVER;
                forget(number);
            }
        }
        if !ends {
            return None;
        }
        let kept = groups.shrink()?;
        self.firsts = kept.iter().map(|number| self.firsts[*number as usize]).collect();
        self.lasts = kept.iter().map(|number| self.lasts[*number as usize]).collect();
        Some(kept)
    }

    pub fn bytes(&self) -> usize {
        (self.firsts.capacity() + self.lasts.capacity()) * size_of::<EventTime>()
    }

    pub fn snapshot(&self, number: u32, writer: &mut SnapshotWriter) {
        writer.i64(self.firsts[number as usize]);
        writer.i64(self.lasts[number as usize]);
    }

    pub fn restore(&mut self, number: u32, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.firsts[number as usize] = reader.i64()?;
        self.lasts[number as usize] = reader.i64()?;
        Ok(())
    }
}

impl Running {
    pub fn new(keep: Keep) -> Running {
        Running { times: Times::new(keep) }
    }
}

impl Frames for Running {
    fn take(
        &mut self,
        groups: &mut Groups,
        batch: Batch,
        numbers: &[u32],
        misfits: &mut Vec<Misfit>,
        mut bounds: Option<&mut Vec<EventTime>>,
    ) -> Vec<Column> {
        self.times.resize(groups.index.n_numbers());
        let times = times_of(&batch, groups.time);
        // Nobody asks for the times of keys that are kept for ever.
        let is_timed = bounds.is_some() || self.times.keep != Keep::Forever;
        let mut are_first: Vec<bool> = vec![];
        if is_timed {
            for (row, (number, time)) in numbers.iter().zip(times).enumerate() {
                self.times.request(numbers, row);
                are_first.push(self.times.touch(*number, *time));
                if let Some(firsts) = &mut bounds {
                    firsts.push(self.times.first(*number));
                }
            }
        }
        let restarts = are_first.contains(&true).then_some(&are_first[..]);
        groups.arena.reach(groups.index.n_numbers());
        if let Some(narrow) = groups.arena.narrow_for(&batch) {
            return narrow.add_each::<false>(Added { batch: &batch, first: 0, numbers, restarts });
        }
        let arena = groups.arena();
        let mut results = arena.results();
        let slots: Vec<Slot> = numbers.iter().map(|number| Slot(*number)).collect();
        if arena.is_plain() && restarts.is_none() {
            arena.add_each::<false>(&slots, &batch, 0, &mut results, |_, _| ());
            return arena.columns(results, misfits);
        }
        for (row, slot) in slots.into_iter().enumerate() {
            if restarts.is_some_and(|restarts| restarts[row]) {
                arena.clear(slot);
            }
            arena.add(slot, Row { batch: &batch, times, number: row });
            arena.record(slot, &mut results);
        }
        arena.columns(results, misfits)
    }

    fn advance(&mut self, groups: &mut Groups, watermark: Watermark) {
        self.times.advance(groups, watermark, |_| ());
    }

    fn bytes(&self) -> usize {
        self.times.bytes()
    }

    fn snapshot(&self, groups: &Groups, writer: &mut SnapshotWriter) {
        writer.sequence(groups.live().into_iter(), |writer, number| {
            groups.index.snapshot(number, writer);
            self.times.snapshot(number, writer);
            groups.arena.write(number, writer);
        });
    }

    fn restore(&mut self, groups: &mut Groups, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        for _ in 0..reader.count()? {
            let number = groups.index.restore(reader)?;
            self.times.resize(groups.index.n_numbers());
            self.times.restore(number, reader)?;
            groups.arena.restore(number, reader)?;
        }
        Ok(())
    }
}
