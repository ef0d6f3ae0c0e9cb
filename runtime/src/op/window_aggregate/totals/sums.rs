//! Accumulators of groups by their numbers, and what is done with those of a whole slice at once.

use super::{CHUNK, Own, Slice};
use crate::accumulate::side::SideStates;
use crate::kernel::accumulate::{ManyPairs, merge_pairs};
use crate::kernel::groups::{NumberedGroups, Sides};
use crate::kernel::key::copy_words;
use crate::kernel::prefetch::prefetch;
use crate::kernel::table::widen_accumulators;
use crate::snapshot::{Corrupt, MOST, SnapshotReader, SnapshotWriter};
use millstream_ir::aggregate::SlotLayout;

/// Slots without keys, one per number.
pub struct Sums {
    pub words: Vec<u64>,
    pub sides: Sides,
}

impl Sums {
    /// Asks the processor for a slot of so many words.
    pub fn request(&self, number: u32, n_words: usize) {
        prefetch(self.words.as_ptr().wrapping_add(number as usize * n_words) as *const u8);
    }

    pub fn slot(&self, number: u32, n_words: usize) -> &[u64] {
        &self.words[number as usize * n_words..][..n_words]
    }

    /// Adds groups to those of the same numbers.
    pub fn add(&mut self, groups: &NumberedGroups, layout: &SlotLayout) {
        let n_words = layout.size / 8;
        let chunks = groups.numbers.chunks(CHUNK).zip(groups.words.chunks(CHUNK * n_words));
        for (numbers, words) in chunks {
            numbers.iter().for_each(|number| self.request(*number, n_words));
            for (number, added) in numbers.iter().zip(words.chunks_exact(n_words)) {
                self.words[*number as usize * n_words] += added[0];
            }
            self.merge(numbers, words, layout);
            let Sums { words: sums, sides } = self;
            for (at, states, added) in paired(layout, sides, &groups.sides) {
                for (number, from) in numbers.iter().zip(words.chunks_exact(n_words)) {
                    let word = &mut sums[*number as usize * n_words + at];
                    if *word == 0 {
                        *word = states.make();
                    }
                    states.merge_from(*word, added, from[at]);
                }
            }
        }
    }

    /// Adds groups to those of the same numbers, and puts what was there before into their place: states
    /// outside of it stay where they are.
    pub fn put_under(&mut self, groups: &mut NumberedGroups, layout: &SlotLayout) {
        let n_words = layout.size / 8;
        let chunks = groups.numbers.chunks(CHUNK).zip(groups.words.chunks_mut(CHUNK * n_words));
        for (numbers, words) in chunks {
            numbers.iter().for_each(|number| self.request(*number, n_words));
            for (number, before) in numbers.iter().zip(words.chunks_exact_mut(n_words)) {
                let slot = &mut self.words[*number as usize * n_words..][..n_words];
                slot.swap_with_slice(before);
                slot[0] += before[0];
            }
            self.merge(numbers, words, layout);
            let Sums { words: sums, sides } = self;
            for (at, states, added) in paired(layout, sides, &groups.sides) {
                for (number, before) in numbers.iter().zip(words.chunks_exact(n_words)) {
                    let word = &mut sums[*number as usize * n_words + at];
                    let made = states.make();
                    states.merge_from(made, added, *word);
                    states.merge(made, before[at]);
                    *word = made;
                }
            }
        }
    }

    /// Puts back what was there before [`Sums::put_under`].
    pub fn put_back(&mut self, before: &NumberedGroups, layout: &SlotLayout) {
        let n_words = layout.size / 8;
        for (field, states) in layout.accumulators.iter().zip(&mut self.sides) {
            if let Some(states) = states {
                let words =
                    before.numbers.iter().map(|n| self.words[*n as usize * n_words + field.offset / 8]);
                words.for_each(|word| states.free(word));
            }
        }
        let chunks = before.numbers.chunks(CHUNK).zip(before.words.chunks(CHUNK * n_words));
        for (numbers, words) in chunks {
            numbers.iter().for_each(|number| self.request(*number, n_words));
            for (number, before) in numbers.iter().zip(words.chunks_exact(n_words)) {
                copy_words(before, &mut self.words[*number as usize * n_words..][..n_words]);
            }
        }
    }

    fn merge(&mut self, numbers: &[u32], words: &[u64], layout: &SlotLayout) {
        let n_words = layout.size / 8;
        let mut pairs = ManyPairs {
            n: numbers.len(),
            into: &mut self.words,
            into_at: |i| numbers[i] as usize * n_words,
            from: words,
            from_at: |i| i * n_words,
        };
        merge_pairs(layout, &mut pairs);
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        self.words.capacity() * 8 + bytes_of(&self.sides)
    }

    pub fn write(&self, layout: &SlotLayout, writer: &mut SnapshotWriter) {
        write(&self.words, &self.sides, layout, writer);
    }

    pub fn restore(
        &mut self,
        n: usize,
        layout: &SlotLayout,
        reader: &mut SnapshotReader,
    ) -> Result<(), Corrupt> {
        self.words = read(n, &mut self.sides, layout, reader)?;
        Ok(())
    }
}

impl NumberedGroups {
    pub fn widen(&mut self, narrow: &SlotLayout, wide: &SlotLayout) {
        self.words = widened(&self.words, narrow, wide);
        self.is_wide = true;
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        self.numbers.capacity() * 4 + self.words.capacity() * 8 + bytes_of(&self.sides)
    }
}

impl Slice {
    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        let of_own = |own: &Own| own.words.capacity() * 8 + bytes_of(&own.sides);
        self.groups.bytes() + self.own.as_ref().map_or(0, of_own)
    }

    /// `states` are those that its words count.
    pub fn write(&self, states: &Sides, layout: &SlotLayout, writer: &mut SnapshotWriter) {
        writer.i64(self.start);
        writer.sequence(self.groups.bounds.iter(), |writer, bound| writer.i128(*bound as i128));
        writer.sequence(self.groups.numbers.iter(), |writer, number| writer.u32(*number));
        write(&self.groups.words, states, layout, writer);
    }

    /// What was written, of keys with lower numbers than `n_keys`; its states go to `states`.
    pub fn read(
        n_keys: usize,
        states: &mut Sides,
        (layout, is_wide): (&SlotLayout, bool),
        reader: &mut SnapshotReader,
    ) -> Result<Slice, Corrupt> {
        let start = reader.i64()?;
        let bounds = reader.sequence(|reader| Ok(reader.i128()? as u128))?;
        let numbers = reader.sequence(SnapshotReader::u32)?;
        if numbers.iter().any(|number| *number as usize >= n_keys)
            || bounds.len() != layout.accumulators.len()
        {
            return Err(Corrupt);
        }
        let words = read(numbers.len(), states, layout, reader)?;
        let groups = NumberedGroups { numbers, words, sides: vec![], is_wide, bounds };
        Ok(Slice { start, groups, own: None })
    }
}

/// Narrow slots as wide ones.
pub fn widened(slots: &[u64], narrow: &SlotLayout, wide: &SlotLayout) -> Vec<u64> {
    let fresh = wide.fresh();
    let slots = slots.chunks_exact(narrow.size / 8);
    let mut words = Vec::with_capacity(slots.len() * fresh.len());
    for slot in slots {
        let start = words.len();
        words.extend_from_slice(&fresh);
        words[start] = slot[0];
        widen_accumulators((slot, narrow), (&mut words[start..], wide));
    }
    words
}

/// Of each aggregate whose states stand outside: where in a slot their number is, and both lists of states.
fn paired<'a>(
    layout: &'a SlotLayout,
    into: &'a mut Sides,
    from: &'a Sides,
) -> impl Iterator<Item = (usize, &'a mut Box<dyn SideStates>, &'a dyn SideStates)> {
    let fields = layout.accumulators.iter().zip(into).zip(from);
    fields.filter_map(|((field, into), from)| Some((field.offset / 8, into.as_mut()?, &**from.as_ref()?)))
}

fn bytes_of(sides: &Sides) -> usize {
    sides.iter().flatten().map(|states| states.bytes()).sum()
}

/// The words of slots, and the states that they count.
fn write(words: &[u64], states: &Sides, layout: &SlotLayout, writer: &mut SnapshotWriter) {
    writer.words(words);
    for slot in words.chunks_exact(layout.size / 8) {
        for (field, states) in layout.accumulators.iter().zip(states) {
            if let Some(states) = states
                && slot[field.offset / 8] != 0
            {
                states.write(slot[field.offset / 8], writer);
            }
        }
    }
}

fn read(
    n: usize,
    states: &mut Sides,
    layout: &SlotLayout,
    reader: &mut SnapshotReader,
) -> Result<Vec<u64>, Corrupt> {
    let mut words = reader.words()?;
    if words.len() != n * layout.size / 8 {
        return Err(Corrupt);
    }
    for slot in words.chunks_exact_mut(layout.size / 8) {
        if slot[0] >= MOST {
            return Err(Corrupt);
        }
        for (field, states) in layout.accumulators.iter().zip(&mut *states) {
            if let Some(states) = states
                && slot[field.offset / 8] != 0
            {
                slot[field.offset / 8] = states.restore(reader)?;
            }
        }
    }
    Ok(words)
}
