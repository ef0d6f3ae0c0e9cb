//! Windows of rows that memory had no room for: they wait in files until a row of their key comes, or the key expires.
//!
//! They stand in the order in which their keys had rows last. All that is in memory goes at once, so that what is there
//! afterwards has had rows later than anything in files.

use super::KeyedWindows;
use super::head::IDLE;
use super::oldest::Oldest;
use super::state::{KeyState, Kind, Open};
use super::{Due, KEYS_AT_LEAST};
use crate::message::{EventTime, Watermark};
use crate::op::spilled_parts::SpilledParts;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::spill::{Spill, SpillFiles};
use millstream_ir::batch::BATCH_ROWS;
use millstream_ir::flow::Keep;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};

/// Bytes of a file.
const LONG: u64 = 64 << 20;

pub struct Unfilled {
    spill: Spill,
    files: SpillFiles,
    /// By their order; of none all windows are gone.
    blocks: BTreeMap<u64, SpilledBlock>,
    n_blocks: u64,
    /// The hash of each key, with the block and the place in it.
    places: BTreeSet<(u64, u64, usize)>,
}

struct SpilledBlock {
    parts: SpilledParts,
    /// Of each that has not been taken out.
    windows: Vec<Option<Leaver>>,
    n_left: usize,
}

/// A window that is in a file: the hash of its key, the time of its last row.
#[derive(Clone, Copy)]
struct Leaver {
    hash: u64,
    last: EventTime,
}

impl Unfilled {
    fn new(spill: &Spill) -> Unfilled {
        Unfilled {
            spill: spill.clone(),
            files: SpillFiles::new(LONG),
            blocks: BTreeMap::new(),
            n_blocks: 0,
            places: BTreeSet::new(),
        }
    }

    /// Adds windows that have had rows later than all that are there.
    fn add(&mut self, windows: impl Iterator<Item = (Leaver, Vec<u8>)>) -> io::Result<()> {
        self.close_gaps()?;
        let mut windows = windows.peekable();
        while windows.peek().is_some() {
            let (mut bytes, mut block) = (0, vec![]);
            while bytes < self.spill.block_bytes()
                && let Some((leaver, part)) = windows.next()
            {
                bytes += part.len();
                block.push((leaver, part));
            }
            self.put(self.n_blocks, block)?;
            self.n_blocks += 1;
        }
        Ok(())
    }

    fn put(&mut self, number: u64, windows: Vec<(Leaver, Vec<u8>)>) -> io::Result<()> {
        let (windows, parts): (Vec<_>, Vec<_>) = windows.into_iter().map(|(w, part)| (Some(w), part)).unzip();
        let parts = SpilledParts::write(parts.into_iter(), self.files.writer(&self.spill)?)?;
        let hashes = windows.iter().flatten().map(|window| window.hash).enumerate();
        self.places.extend(hashes.map(|(place, hash)| (hash, number, place)));
        self.blocks.insert(number, SpilledBlock { parts, n_left: windows.len(), windows });
        Ok(())
    }

    /// Writes blocks anew of which most windows are gone, so that files end.
    fn close_gaps(&mut self) -> io::Result<()> {
        let has_gaps = |block: &SpilledBlock| block.n_left * 2 < block.windows.len();
        let blocks: Vec<(u64, SpilledBlock)> =
            self.blocks.extract_if(.., |_, block| has_gaps(block)).collect();
        for (number, block) in blocks {
            for (place, window) in block.windows.iter().enumerate() {
                if let Some(window) = window {
                    self.places.remove(&(window.hash, number, place));
                }
            }
            self.put(number, block.left()?)?;
        }
        Ok(())
    }

    /// Takes out the window of a key, which is written in front of it.
    fn take(&mut self, hash: u64, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        let of_hash: Vec<_> =
            self.places.range((hash, 0, 0)..=(hash, u64::MAX, usize::MAX)).copied().collect();
        for (hash, number, place) in of_hash {
            let Some(block) = self.blocks.get(&number) else { continue };
            let written = block.parts.part(place)?;
            if written.starts_with(key) {
                self.remove(hash, number, place);
                return Ok(Some(written));
            }
        }
        Ok(None)
    }

    fn remove(&mut self, hash: u64, number: u64, place: usize) {
        self.places.remove(&(hash, number, place));
        let Some(block) = self.blocks.get_mut(&number) else { return };
        block.windows[place] = None;
        block.n_left -= 1;
        if block.n_left == 0 {
            self.blocks.remove(&number);
        }
    }

    fn first_place(&self) -> Option<(u64, usize, Leaver)> {
        let (number, block) = self.blocks.first_key_value()?;
        let mut windows = block.windows.iter().enumerate();
        windows.find_map(|(place, window)| Some((*number, place, (*window)?)))
    }

    /// The time of the last row of the first.
    pub fn first(&self) -> Option<EventTime> {
        self.first_place().map(|(.., window)| window.last)
    }

    fn take_first(&mut self) -> io::Result<Vec<u8>> {
        let Some((number, place, window)) = self.first_place() else { return Ok(vec![]) };
        let written = self.blocks[&number].parts.part(place)?;
        self.remove(window.hash, number, place);
        Ok(written)
    }

    /// What was written of them, block by block.
    pub fn written(&self) -> impl Iterator<Item = io::Result<Vec<u8>>> {
        self.blocks.values().map(|block| Ok(block.left()?.into_iter().flat_map(|(_, part)| part).collect()))
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Bytes of memory, about.
    pub fn bytes(&self) -> usize {
        let of_place = size_of::<(u64, u64, usize)>() * 3 / 2 + size_of::<Option<Leaver>>();
        let of_blocks = self.blocks.values().map(|block| block.parts.bytes() + 2 * size_of::<SpilledBlock>());
        self.places.len() * of_place + of_blocks.sum::<usize>()
    }
}

impl SpilledBlock {
    /// What is left, with what was written of it.
    fn left(&self) -> io::Result<Vec<(Leaver, Vec<u8>)>> {
        let windows = self.windows.iter().zip(self.parts.parts()?);
        Ok(windows.filter_map(|(window, part)| Some(((*window)?, part))).collect())
    }
}

impl KeyedWindows {
    /// Writes the windows of all keys to files, and forgets the keys.
    pub(super) fn spill_unfilled(&mut self, spill: &Spill) -> io::Result<()> {
        if self.oldest.first().is_none() || !spill.is_worth(self.state_bytes_in_memory()) {
            return Ok(());
        }
        let mut unfilled = self.unfilled.take().unwrap_or_else(|| Unfilled::new(spill));
        let added = unfilled.add(self.oldest.keys().map(|number| {
            let last = self.keys[number as usize].last().map_or(EventTime::MIN, |window| window.last);
            let mut written = SnapshotWriter::default();
            self.write_key(number, &mut written);
            (Leaver { hash: self.index.hash(number), last }, written.finish())
        }));
        self.unfilled = Some(unfilled);
        added?;
        self.index = self.index.emptied();
        self.arena = self.arena.emptied(IDLE);
        self.keys = vec![];
        self.oldest = Oldest::default();
        self.due = Due::new(self.kind.granule());
        self.n_keys_at_most = KEYS_AT_LEAST;
        Ok(())
    }

    /// Takes back the window of a key that has none in memory.
    pub(super) fn take_unfilled(&mut self, number: u32) -> io::Result<()> {
        let Some(unfilled) = self.unfilled.as_mut().filter(|unfilled| unfilled.len() > 0) else {
            return Ok(());
        };
        let mut key = SnapshotWriter::default();
        self.index.snapshot(number, &mut key);
        let key = key.finish();
        let (spill, hash) = (unfilled.spill.clone(), self.index.hash(number));
        let Some(written) = spill.timed(|| unfilled.take(hash, &key))? else { return Ok(()) };
        let mut reader = SnapshotReader::new(&written[key.len()..]);
        let restore = |reader: &mut _| Open::restore(self.others.len(), &mut self.arena, reader);
        self.keys[number as usize] = KeyState::of(reader.sequence(restore).map_err(invalid)?);
        Ok(())
    }

    /// Takes back, as the oldest, the windows of keys that are forgotten up to a time.
    pub(super) fn take_expiring(&mut self, now: EventTime) -> io::Result<()> {
        let mut expiring = vec![];
        while let Some(unfilled) = &mut self.unfilled
            && let Kind::Rows { keep, .. } = self.kind
            && unfilled.first().is_some_and(|last| is_forgotten(keep, last, now))
        {
            expiring.push(unfilled.take_first()?);
        }
        for written in expiring.iter().rev() {
            let number = self.take_key(&mut SnapshotReader::new(written)).map_err(invalid)?;
            self.oldest.touch_first(number);
        }
        Ok(())
    }

    /// Ends windows of rows that the watermark ends, the oldest first, and no more than fit a batch. Whether there may be
    /// others.
    pub(super) fn end_some_rows(&mut self, keep: Keep) -> io::Result<bool> {
        let now = self.watermark;
        let is_over = |last: EventTime| now == Watermark::END || is_forgotten(keep, last, now.0);
        for _ in 0..BATCH_ROWS {
            let in_memory = self.oldest.first();
            let last = match (&self.unfilled, in_memory) {
                (Some(unfilled), _) if unfilled.len() > 0 => unfilled.first(),
                (_, number) => number.and_then(|number| self.keys[number as usize].last()).map(|w| w.last),
            };
            if !last.is_some_and(is_over) {
                return Ok(false);
            }
            let number = match self.unfilled.as_mut().filter(|unfilled| unfilled.len() > 0) {
                Some(unfilled) => {
                    let written = unfilled.take_first()?;
                    Some(self.take_key(&mut SnapshotReader::new(&written)).map_err(invalid)?)
                }
                None => in_memory,
            };
            number.into_iter().for_each(|number| self.end_rows(number));
        }
        Ok(true)
    }
}

/// Whether a key whose last row is of a time is forgotten by now.
pub fn is_forgotten(keep: Keep, last: EventTime, now: EventTime) -> bool {
    matches!(keep, Keep::Expire(duration) if last.saturating_add(duration) <= now)
}

fn invalid(_: Corrupt) -> io::Error {
    ErrorKind::InvalidData.into()
}
