//! `throttle N per D`, and with N = 1 `dedupe … within D`: of each key at most N rows within D of the first
//! one let through. A row exactly D behind it is the first again.

use super::{Kind, States, chosen, passing, times_of};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::batch::Batch;

pub struct Throttle {
    /// The column of the event time.
    time: usize,
    count: u64,
    /// Of each state, how many rows have been let through since its time; not kept where one is all.
    passed: Vec<u64>,
}

impl Throttle {
    pub fn new(time: usize, count: u64) -> Throttle {
        Throttle { time, count, passed: vec![] }
    }
}

impl Kind for Throttle {
    fn resize(&mut self, n: usize) {
        if self.count > 1 {
            self.passed.resize(n, 0);
        }
    }

    fn take(&mut self, states: &mut States, batch: Batch, numbers: &[u32]) -> Batch {
        let times = times_of(&batch, self.time);
        let passes = |row: usize| {
            let (number, now) = (numbers[row], times[row]);
            states.request(numbers, row);
            let is_first = states.is_due(number, now);
            let time = &mut states.times[number as usize];
            *time = if is_first { now } else { *time };
            let Some(passed) = self.passed.get_mut(number as usize) else { return is_first };
            if is_first {
                *passed = 0;
            }
            let passes = *passed < self.count;
            *passed += passes as u64;
            passes
        };
        let rows = passing(batch.n_rows, passes);
        chosen(batch, rows)
    }

    fn clear(&mut self, _number: u32) {}

    fn renumber(&mut self, kept: &[u32]) {
        if self.count > 1 {
            self.passed = kept.iter().map(|number| self.passed[*number as usize]).collect();
        }
    }

    fn bytes(&self) -> usize {
        self.passed.capacity() * 8
    }

    fn snapshot(&self, number: u32, writer: &mut SnapshotWriter) {
        writer.u64(self.passed.get(number as usize).copied().unwrap_or(1));
    }

    fn restore(&mut self, number: u32, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        let passed = reader.total()?;
        if let Some(kept) = self.passed.get_mut(number as usize) {
            *kept = passed;
        }
        Ok(())
    }
}
