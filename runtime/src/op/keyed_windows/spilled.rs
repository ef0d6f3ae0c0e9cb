//! Sessions that memory had no room for: they wait in files until one of them may end.
//!
//! Only sessions go there to which no row can come that is not behind all of theirs. Rows of their keys that come
//! later begin sessions of their own, which end no earlier; so it is enough that a session is there again, and becomes
//! one with those that it touches, when it would end by itself. Of a key of which something is in files already, the
//! next goes where that comes back no later: so whatever a session that ends may touch has been read before. Which
//! keys these are is known by what [stretches] of time hold of their hashes; one that is taken for such a key comes back
//! early, which changes nothing.

mod stretches;

use super::due::Due;
use super::head::IDLE;
use super::state::{KeyState, Open};
use super::{KEYS_AT_LEAST, KeyedWindows, Kind};
use crate::message::EventTime;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::spill::{Block, Spill, SpillFiles};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use stretches::Stretches;

/// The gap of sessions is so many stretches.
const STRETCHES: i64 = 64;

/// Bytes of a file.
const LONG: u64 = 64 << 20;

pub struct SpilledSessions {
    spill: Spill,
    files: SpillFiles,
    /// How long a stretch is.
    length: i64,
    /// By when they are to come back, the number of their stretch and their own.
    blocks: BTreeMap<(EventTime, i64, u64), SpilledBlock>,
    n_blocks: u64,
    /// Those that have blocks.
    stretches: Stretches,
}

struct SpilledBlock {
    n_keys: usize,
    block: Block,
}

/// A key that may go to a file: when it is to come back, its hash, its number.
pub type Leaver = (EventTime, u64, u32);

impl SpilledSessions {
    /// Of sessions that such a gap ends.
    pub fn new(spill: &Spill, gap: i64) -> SpilledSessions {
        SpilledSessions {
            spill: spill.clone(),
            files: SpillFiles::new(LONG),
            length: (gap / STRETCHES).max(1),
            blocks: BTreeMap::new(),
            n_blocks: 0,
            stretches: Stretches::default(),
        }
    }

    /// When a key is to come back whose next session would end at some time.
    pub fn comes_back(&self, hash: u64, end: EventTime) -> EventTime {
        let holds = self.stretches.first_of(hash);
        holds.map_or(end, |number| end.min(number.saturating_mul(self.length)))
    }

    /// Writes what there is of keys.
    pub fn add(
        &mut self,
        mut keys: Vec<Leaver>,
        bytes_of_key: usize,
        write: impl Fn(u32, &mut SnapshotWriter),
    ) -> io::Result<()> {
        keys.sort_unstable();
        let n_of_block = (self.spill.block_bytes() / bytes_of_key.max(1)).max(1);
        let stretch = |key: &Leaver| key.0.div_euclid(self.length);
        let parts = keys.chunk_by(|a, b| stretch(a) == stretch(b)).flat_map(|keys| keys.chunks(n_of_block));
        let parts: Vec<&[Leaver]> = parts.collect();
        parts.into_iter().try_for_each(|keys| self.add_block(keys, &write))
    }

    /// Of one stretch.
    fn add_block(&mut self, keys: &[Leaver], write: &impl Fn(u32, &mut SnapshotWriter)) -> io::Result<()> {
        let Some((back, ..)) = keys.first() else { return Ok(()) };
        let mut written = SnapshotWriter::default();
        keys.iter().for_each(|(_, _, number)| write(*number, &mut written));
        let block = self.files.writer(&self.spill)?.put(&written.finish())?;
        let number = back.div_euclid(self.length);
        self.stretches.add(number, keys.iter().map(|(_, hash, _)| *hash));
        self.blocks.insert((*back, number, self.n_blocks), SpilledBlock { n_keys: keys.len(), block });
        self.n_blocks += 1;
        Ok(())
    }

    /// When the first of them are to come back.
    pub fn first(&self) -> Option<EventTime> {
        self.blocks.first_key_value().map(|((back, ..), _)| *back)
    }

    /// Takes out the keys that come back first: how many they are, and what was written of them.
    pub fn take_first(&mut self) -> io::Result<(usize, Vec<u8>)> {
        let Some(((_, number, _), SpilledBlock { n_keys, block })) = self.blocks.pop_first() else {
            return Ok((0, vec![]));
        };
        self.stretches.remove(number);
        Ok((n_keys, self.spill.timed(|| block.read())?))
    }

    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.blocks.values().map(|block| &block.block)
    }

    /// How many keys there are, one of which may be there several times.
    pub fn n_keys(&self) -> usize {
        self.blocks.values().map(|block| block.n_keys).sum()
    }

    /// Bytes of memory, about.
    pub fn bytes(&self) -> usize {
        let of_block = 2 * size_of::<((EventTime, i64, u64), SpilledBlock)>();
        self.blocks.len() * of_block + self.stretches.bytes()
    }
}

impl KeyedWindows {
    /// Writes the sessions of keys to files, as far as all that comes later begins behind them.
    pub(super) fn spill_sessions(&mut self, spill: &Spill) -> io::Result<()> {
        let until = self.watermark.0;
        let mut spilled = self.spilled.take().unwrap_or_else(|| SpilledSessions::new(spill, self.kind.gap()));
        let (mut leavers, mut kept) = (vec![], vec![]);
        for number in (0..self.index.n_numbers() as u32).filter(|number| self.n_windows(*number) > 0) {
            let (mut last, mut first_end) = (EventTime::MIN, EventTime::MAX);
            self.each_window(number, |window| {
                (last, first_end) = (last.max(window.last), first_end.min(window.end));
            });
            let hash = self.index.hash(number);
            match (last <= until).then(|| spilled.comes_back(hash, first_end)).filter(|back| *back > until) {
                Some(back) => leavers.push((back, hash, number)),
                None => kept.push(number),
            }
        }
        let n_keys = leavers.len() + kept.len();
        let bytes_of_key = self.state_bytes_in_memory() / n_keys.max(1);
        if leavers.is_empty() || !spill.is_worth(bytes_of_key * leavers.len()) {
            self.spilled = Some(spilled);
            return Ok(());
        }
        spilled.add(leavers, bytes_of_key, |number, writer| self.write_key(number, writer))?;
        self.spilled = Some(spilled);
        self.keep_only(&kept)
    }

    /// Begins anew with these keys, so that the memory of all others is given back.
    fn keep_only(&mut self, kept: &[u32]) -> io::Result<()> {
        let mut written = SnapshotWriter::default();
        kept.iter().for_each(|number| self.write_key(*number, &mut written));
        self.index = self.index.emptied();
        self.arena = self.arena.emptied(IDLE);
        self.keys = vec![];
        self.due = Due::new(self.kind.granule());
        self.n_keys_at_most = KEYS_AT_LEAST;
        self.take_keys(kept.len(), &written.finish())
    }

    /// Takes back from files what is to come back first.
    pub(super) fn take_back(&mut self) -> io::Result<()> {
        let Some(spilled) = &mut self.spilled else { return Ok(()) };
        let (n_keys, written) = spilled.take_first()?;
        let spill = spilled.spill.clone();
        spill.timed(|| self.take_keys(n_keys, &written))
    }

    fn take_keys(&mut self, n_keys: usize, written: &[u8]) -> io::Result<()> {
        let mut reader = SnapshotReader::new(written);
        let taken = (0..n_keys).try_for_each(|_| self.take_key(&mut reader).map(drop));
        taken.and_then(|()| reader.finish()).map_err(|_| ErrorKind::InvalidData.into())
    }

    /// Writes a key and its windows.
    pub(super) fn write_key(&self, number: u32, writer: &mut SnapshotWriter) {
        self.index.snapshot(number, writer);
        writer.count(self.n_windows(number));
        self.each_window(number, |window| window.snapshot(&self.arena, writer));
    }

    /// Takes over a key and its windows. Of sessions, others of the key may be there already. The number of
    /// the key.
    pub(super) fn take_key(&mut self, reader: &mut SnapshotReader) -> Result<u32, Corrupt> {
        let number = match self.can_join {
            true => self.index.restore_known(reader)?,
            false => self.index.restore(reader)?,
        };
        let restore = |reader: &mut _| Open::restore(self.others.len(), &mut self.arena, reader);
        let windows = reader.sequence(restore)?;
        self.arena.grow(self.index.n_numbers());
        self.take_from_head(number);
        self.state(number);
        let (kind, state) = (self.kind, &mut self.keys[number as usize]);
        match self.can_join {
            true => windows.into_iter().for_each(|window| state.join(&kind, window, &mut self.arena)),
            false => *state = KeyState::of(windows),
        }
        let end = state.first_end();
        self.give_to_head(number, &mut []);
        match (kind, end) {
            (Kind::Rows { .. }, _) => self.oldest.touch(number),
            (_, Some(end)) => self.watch(number, end),
            (_, None) => return Err(Corrupt),
        }
        Ok(number)
    }

    /// The session of a key's head and the windows of its state.
    fn each_window(&self, number: u32, mut visit: impl FnMut(&Open)) {
        let session = self.head(number).session(number, self.kind.gap());
        session.iter().for_each(&mut visit);
        self.keys.get(number as usize).into_iter().flat_map(KeyState::windows).for_each(visit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spilled(folder: &tempfile::TempDir) -> SpilledSessions {
        SpilledSessions::new(&Spill::new(folder.path(), 0), 6400)
    }

    fn hash(key: u64) -> u64 {
        (key + 1).wrapping_mul(0xd6e8_feb8_6659_fd93)
    }

    #[test]
    fn what_may_be_one_comes_back_together() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mut spilled = spilled(&folder);
        let write = |number: u32, writer: &mut SnapshotWriter| writer.u32(number);
        spilled.add(vec![(1234, hash(1), 1), (900, hash(2), 2)], 1 << 20, write).expect("there is room");
        // Later ones of these keys come back in the stretches of the first, others when they end.
        assert_eq!([1, 2, 3].map(|key| spilled.comes_back(hash(key), 5000)), [1200, 900, 5000]);
        assert_eq!(spilled.comes_back(hash(1), 1210), 1200);
        spilled.add(vec![(1200, hash(1), 3)], 1 << 20, write).expect("there is room");
        let mut come = vec![];
        while let Some(first) = spilled.first() {
            let (n, bytes) = spilled.take_first().expect("it can be read");
            assert_eq!(n, 1);
            come.push((first, bytes[0]));
        }
        assert_eq!(come, [(900, 2), (1200, 3), (1234, 1)]);
        assert_eq!(spilled.comes_back(hash(1), 5000), 5000);
        assert_eq!(spilled.bytes(), 0);
    }
}
