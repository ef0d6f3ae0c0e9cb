//! Choices as bytes, and back.

use super::chains::{Chains, Link, LinkNumber, NONE, Place};
use super::{Choices, Slot};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};

/// What is written beside the step of a link that repeats.
const REPEATS: u32 = 1 << 31;

impl Choices {
    pub(super) fn write(&self, writer: &mut SnapshotWriter) {
        writer.i64(self.swept);
        writer.count(self.n_swept);
        self.reporting.snapshot_log(&self.ground.log, writer);
        self.chains.snapshot(writer);
        let n_slots = self.n_slots();
        let mut live: Vec<u32> =
            (0..self.ground.keys.n_numbers() as u32).filter(|n| self.ground.keys.is_live(*n)).collect();
        live.sort_by(|a, b| self.ground.keys.compare(*a, *b));
        writer.sequence(live.into_iter(), |writer, number| {
            self.ground.keys.snapshot(number, writer);
            for slot in &self.slots[number as usize * n_slots..][..n_slots] {
                self.chains.snapshot_place(slot.place, writer);
                writer.i64(slot.latest);
            }
        });
    }

    /// Takes over what was written of the same pattern; nothing has been taken before.
    pub(super) fn read(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.swept = reader.i64()?;
        self.n_swept = reader.total()? as usize;
        self.ground.log = self.reporting.restore_log(reader)?;
        self.restore_chains(reader)?;
        let n_slots = self.n_slots();
        for _ in 0..reader.count()? {
            let first = self.ground.keys.restore(reader)? as usize * n_slots;
            self.add_partitions();
            for slot in 0..n_slots {
                let place = self.chains.restore_place(reader)?;
                self.slots[first + slot] = Slot { place, latest: reader.i64()? };
            }
        }
        Ok(())
    }

    fn restore_chains(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        for _ in 0..reader.count()? {
            let (event, latest) = (reader.u64()?, reader.i64()?);
            let before = self.chains.restore_place(reader)?;
            let (previous, step) = (self.chains.restore_number(reader)?, reader.u32()?);
            let repeats = step & REPEATS != 0;
            let step = u16::try_from(step & !REPEATS).map_err(|_| Corrupt)?;
            if !self.ground.log.has(event) || usize::from(step) >= self.tables.leads.len() {
                return Err(Corrupt);
            }
            self.chains.add(Link { event, latest, before, previous, step, repeats }, &mut self.ground.log);
        }
        Ok(())
    }
}

impl Chains {
    fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.sequence(self.links.iter(), |writer, link| {
            writer.u64(link.event);
            writer.i64(link.latest);
            self.snapshot_place(link.before, writer);
            self.snapshot_number(link.previous, writer);
            writer.u32(u32::from(link.step) | if link.repeats { REPEATS } else { 0 });
        });
    }

    fn snapshot_place(&self, place: Place, writer: &mut SnapshotWriter) {
        self.snapshot_number(place.link, writer);
        self.snapshot_number(place.floor, writer);
    }

    /// A link that is gone is like none.
    fn snapshot_number(&self, number: LinkNumber, writer: &mut SnapshotWriter) {
        writer.u32(self.links.age(number).unwrap_or(NONE));
    }

    fn restore_place(&self, reader: &mut SnapshotReader) -> Result<Place, Corrupt> {
        Ok(Place { link: self.restore_number(reader)?, floor: self.restore_number(reader)? })
    }

    /// The number of a link that has been restored before.
    fn restore_number(&self, reader: &mut SnapshotReader) -> Result<LinkNumber, Corrupt> {
        let number = reader.u32()?;
        if number == NONE || (number as usize) < self.links.len() { Ok(number) } else { Err(Corrupt) }
    }
}
