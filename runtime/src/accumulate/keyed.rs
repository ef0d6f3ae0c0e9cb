//! Accumulators of groups that have the numbers of their keys: what running and updating aggregates hold.
//!
//! ```text
//! arena.reach(n);                               // groups for all numbers below
//! arena.clear(number);                          // a group of no rows again
//! if let Some(narrow) = arena.narrow_for(&batch) {
//!     let columns = narrow.add_each(…);         // many rows, with the results behind each
//! } else {
//!     arena.wide().add(Slot(number), row);      // as with any arena
//! }
//! ```
//!
//! Groups begin [narrow](Narrow) where all that their aggregates know are words of 64 bits; when something comes
//! that those cannot hold, they move into slots of an [`Arena`], and stay there.

mod distinct;
mod narrow;
#[cfg(test)]
mod tests;
mod texts;

use super::arena::{Arena, Slot};
use super::side::FailedRow;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::aggregate::AggregateCall;
use millstream_ir::batch::Batch;
pub use narrow::{Added, Narrow};

pub struct KeyedArena {
    calls: Vec<AggregateCall>,
    /// Without groups while they are narrow.
    arena: Arena,
    narrow: Option<Narrow>,
    n_groups: usize,
}

impl KeyedArena {
    /// For rows that are added many at once.
    pub fn new(calls: &[AggregateCall]) -> KeyedArena {
        KeyedArena { narrow: Narrow::new(calls), ..KeyedArena::new_wide(calls) }
    }

    /// For rows that are added, and perhaps taken out, one by one.
    pub fn new_wide(calls: &[AggregateCall]) -> KeyedArena {
        KeyedArena { calls: calls.to_vec(), arena: Arena::new(calls), narrow: None, n_groups: 0 }
    }

    /// Makes groups without rows for all numbers below `n` that have none.
    pub fn reach(&mut self, n: usize) {
        if n <= self.n_groups {
            return;
        }
        match &mut self.narrow {
            Some(narrow) => narrow.reach(n),
            None => (self.n_groups..n).for_each(|_| {
                self.arena.make();
            }),
        }
        self.n_groups = n;
    }

    /// Makes it a group of no rows.
    pub fn clear(&mut self, number: u32) {
        match &mut self.narrow {
            _ if number as usize >= self.n_groups => {}
            Some(narrow) => narrow.clear(number),
            None => self.arena.clear(Slot(number)),
        }
    }

    /// How many rows are in it.
    pub fn n_rows(&self, number: u32) -> u64 {
        match &self.narrow {
            _ if number as usize >= self.n_groups => 0,
            Some(narrow) => narrow.n_rows(number),
            None => self.arena.n_rows(Slot(number)),
        }
    }

    /// The groups, if they are narrow and stay so when the rows of this batch are added.
    pub fn narrow_for(&mut self, batch: &Batch) -> Option<&mut Narrow> {
        if !self.narrow.as_ref().is_some_and(|narrow| narrow.accepts(batch)) {
            self.widen();
        }
        self.narrow.as_mut()
    }

    /// Rows that failed since this was asked last, as [`Arena::take_failed`] gives them.
    pub fn take_failed(&mut self) -> Vec<FailedRow> {
        self.arena.take_failed()
    }

    /// The groups in their slots, each of which has the number of its key.
    pub fn wide(&mut self) -> &mut Arena {
        self.widen();
        &mut self.arena
    }

    /// The groups, if they are narrow.
    pub fn narrow(&mut self) -> Option<&mut Narrow> {
        self.narrow.as_mut()
    }

    /// The same, where they have been asked for before, or have been wide from the start.
    pub fn as_wide(&self) -> &Arena {
        debug_assert!(self.narrow.is_none());
        &self.arena
    }

    fn widen(&mut self) {
        let Some(narrow) = self.narrow.take() else { return };
        for number in 0..self.n_groups as u32 {
            if narrow.is_plain() {
                let slot = self.arena.make();
                self.arena.set_words(slot, &narrow.widened(number));
                continue;
            }
            let mut writer = SnapshotWriter::default();
            narrow.write(number, &mut writer);
            let restored = self.arena.restore(&mut SnapshotReader::new(&writer.finish()));
            debug_assert!(restored.is_ok(), "both write the same");
        }
    }

    /// Keeps the groups with these numbers, under new ones from 0 on.
    pub fn renumber(&mut self, kept: &[u32]) {
        let n_kept = kept.iter().take_while(|number| (**number as usize) < self.n_groups).count();
        if let Some(narrow) = &mut self.narrow {
            narrow.renumber(&kept[..n_kept]);
        } else if let Ok(arena) = self.moved(&kept[..n_kept]) {
            self.arena = arena;
        }
        self.n_groups = n_kept;
    }

    /// Groups in an arena that has room for these alone.
    fn moved(&self, kept: &[u32]) -> Result<Arena, Corrupt> {
        let mut arena = Arena::new(&self.calls);
        for number in kept {
            let mut writer = SnapshotWriter::default();
            self.arena.write(Slot(*number), &mut writer);
            arena.restore(&mut SnapshotReader::new(&writer.finish()))?;
        }
        Ok(arena)
    }

    /// Bytes of memory, about.
    pub fn bytes(&self) -> usize {
        self.arena.bytes() + self.narrow.as_ref().map_or(0, Narrow::bytes)
    }

    /// Writes all of a group, the same whether it is narrow or not.
    pub fn write(&self, number: u32, out: &mut SnapshotWriter) {
        match &self.narrow {
            Some(narrow) => narrow.write(number, out),
            None => self.arena.write(Slot(number), out),
        }
    }

    /// Makes the next group of what [`KeyedArena::write`] wrote.
    pub fn restore(&mut self, number: u32, from: &mut SnapshotReader) -> Result<(), Corrupt> {
        if number as usize != self.n_groups {
            return Err(Corrupt);
        }
        let too_wide = match &mut self.narrow {
            Some(narrow) => narrow.restore(from)?,
            None => {
                self.arena.restore(from)?;
                None
            }
        };
        if let Some(group) = too_wide {
            self.wide().restore(&mut SnapshotReader::new(&group))?;
        }
        self.n_groups += 1;
        Ok(())
    }
}
