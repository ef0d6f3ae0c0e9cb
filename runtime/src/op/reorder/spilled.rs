//! Batches that memory had no room for, by the times of their first rows: they are read again when the watermark has
//! come there.

use crate::message::EventTime;
use crate::snapshot::{SnapshotReader, SnapshotWriter};
use crate::spill::{Block, SpillFiles};
use millstream_ir::batch::Batch;
use millstream_ir::types::Type;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};

/// Bytes of a file. Batches leave soon after they have come.
const LONG: u64 = 64 << 20;

pub struct SpilledBatches {
    /// By the time of their first row and the number of their arrival.
    batches: BTreeMap<(EventTime, u64), SpilledBatch>,
    pub files: SpillFiles,
}

impl Default for SpilledBatches {
    fn default() -> SpilledBatches {
        SpilledBatches { batches: BTreeMap::new(), files: SpillFiles::new(LONG) }
    }
}

pub struct SpilledBatch {
    pub input: usize,
    pub are_stragglers: bool,
    pub n_rows: usize,
    /// The batch as in a snapshot, its rows in their order.
    pub block: Block,
}

impl SpilledBatches {
    pub fn add(&mut self, first: EventTime, arrival: u64, batch: SpilledBatch) {
        self.batches.insert((first, arrival), batch);
    }

    /// The time of the first row.
    pub fn first(&self) -> Option<EventTime> {
        self.batches.first_key_value().map(|((first, _), _)| *first)
    }

    /// Takes out the batch whose first row is the first of all, with the number of its arrival.
    pub fn take_first(&mut self) -> Option<(u64, SpilledBatch)> {
        self.batches.pop_first().map(|((_, arrival), batch)| (arrival, batch))
    }

    /// With the numbers of their arrivals.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &SpilledBatch)> {
        self.batches.iter().map(|((_, arrival), batch)| (*arrival, batch))
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        self.batches.len() * 2 * size_of::<((EventTime, u64), SpilledBatch)>()
    }
}

impl SpilledBatch {
    /// As a batch that waits, as far as it can be had.
    pub fn snapshot(&self, writer: &mut SnapshotWriter) {
        match self.block.read() {
            Ok(batch) => {
                writer.count(self.input);
                writer.written(&batch);
            }
            Err(error) => writer.fail(error),
        }
    }

    pub fn read(&self, types: &[Type]) -> io::Result<Batch> {
        let bytes = self.block.read()?;
        SnapshotReader::new(&bytes).batch(types).map_err(|_| ErrorKind::InvalidData.into())
    }
}
