//! `changes [of C, …] by K`: the rows that differ in C from the key's row before; the first of a key does.

use super::{Kind, States, chosen, times_of};
use crate::kernel::kept_keys::KeptRows;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::batch::Batch;
use millstream_ir::column::ColumnRef;
use millstream_ir::types::Type;

pub struct Changes {
    /// The column of the event time.
    time: usize,
    /// The columns that are compared.
    of: Vec<usize>,
    /// What they were in the last row of each state.
    last: KeptRows,
}

impl Changes {
    /// `types` are those of the columns `of`.
    pub fn new(time: usize, of: Vec<usize>, types: &[Type]) -> Changes {
        Changes { time, of, last: KeptRows::new(types) }
    }
}

impl Kind for Changes {
    fn resize(&mut self, n: usize) {
        self.last.resize(n);
    }

    fn take(&mut self, states: &mut States, batch: Batch, numbers: &[u32]) -> Batch {
        let times = times_of(&batch, self.time);
        let columns: Vec<&ColumnRef> = self.of.iter().map(|column| &batch.columns[*column]).collect();
        let rows: Vec<u32> = (0..batch.n_rows as u32).collect();
        let mut passing = vec![];
        self.last.compare(&columns, &rows, |row, differs| {
            states.request(numbers, row);
            let (number, now) = (numbers[row], times[row]);
            let is_first = states.is_due(number, now);
            states.times[number as usize] = now;
            // The row replaces the one before in any case.
            if differs(number) | is_first {
                passing.push(row as u32);
            }
        });
        chosen(batch, passing)
    }

    fn clear(&mut self, number: u32) {
        self.last.clear(number);
    }

    fn renumber(&mut self, kept: &[u32]) {
        self.last.renumber(kept);
    }

    fn bytes(&self) -> usize {
        self.last.bytes()
    }

    fn snapshot(&self, number: u32, writer: &mut SnapshotWriter) {
        self.last.snapshot(number, writer);
    }

    fn restore(&mut self, number: u32, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.last.restore(number, reader)
    }
}
