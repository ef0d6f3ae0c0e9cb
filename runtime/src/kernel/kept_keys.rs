//! Keys kept by number, as the rows of words that [`Keys`] makes of them; long texts in boxes of their own,
//! so that a key that is forgotten leaves nothing behind.

use super::hash::{address_of, hash_key, is_long, text_len};
use super::key::{Keys, copy_words, key_words};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::aggregate::{KeyKind, SlotLayout};
use millstream_ir::column::ColumnRef;
use millstream_ir::types::Type;

pub(super) struct KeptKeys {
    /// Which words of a key begin a text.
    is_text: Box<[bool]>,
    words: Vec<u64>,
    /// What the second word of a long text counts.
    texts: Vec<Box<[u8]>>,
    free_texts: Vec<u32>,
}

impl KeptKeys {
    pub fn new(layout: &SlotLayout) -> KeptKeys {
        let key = key_words(layout);
        let mut is_text = vec![false; key.len()];
        for field in layout.keys.iter().filter(|k| k.kind == KeyKind::Text) {
            is_text[field.offset / 8 - key.start] = true;
        }
        KeptKeys { is_text: is_text.into(), words: vec![], texts: vec![], free_texts: vec![] }
    }

    /// The layout of keys of these types, without a word in front that counts rows.
    pub fn layout(types: &[Type]) -> SlotLayout {
        let mut layout = SlotLayout::narrow(types, &[]);
        layout.size -= 8;
        layout.key_nulls.iter_mut().for_each(|nulls| *nulls -= 8);
        layout.keys.iter_mut().for_each(|key| key.offset -= 8);
        layout
    }

    /// How many words a key has.
    pub fn width(&self) -> usize {
        self.is_text.len()
    }

    /// Makes room for `n` keys; new ones are all zero.
    pub fn resize(&mut self, n: usize) {
        self.words.resize(n * self.width(), 0);
    }

    pub fn start_of(&self, number: u32) -> *const u64 {
        self.words.as_ptr().wrapping_add(number as usize * self.width())
    }

    /// The words of a key; of a long text the second is its number in [`KeptKeys::texts`].
    pub fn key(&self, number: u32) -> &[u64] {
        &self.words[number as usize * self.width()..][..self.width()]
    }

    pub fn texts(&self) -> &[Box<[u8]>] {
        &self.texts
    }

    /// Copies a key; its long texts are appended to a heap, the first of those that its views are into.
    pub fn copy(&self, number: u32, words: &mut [u64], heap: &mut Vec<u8>) {
        let key = self.key(number);
        copy_words(key, words);
        for (i, _) in self.is_text.iter().enumerate().filter(|(_, is_text)| **is_text) {
            if is_long(key[i]) {
                words[i + 1] = (heap.len() as u64) << 32;
                heap.extend_from_slice(&self.texts[key[i + 1] as usize]);
            }
        }
    }

    /// Whether a kept key equals one whose long texts are given by address.
    #[inline]
    pub fn is(&self, number: u32, key: &[u64], has_long_text: bool) -> bool {
        let kept = self.key(number);
        kept.iter().zip(key).all(|(a, b)| a == b) || has_long_text && self.is_same_text(kept, key)
    }

    #[cold]
    fn is_same_text(&self, kept: &[u64], key: &[u64]) -> bool {
        (0..key.len()).all(|i| {
            let text = i.wrapping_sub(1);
            match self.is_text.get(text) {
                Some(true) if is_long(key[text]) => {
                    kept[text] == key[text] && *self.texts[kept[i] as usize] == *address_of(key[text], key[i])
                }
                _ => kept[i] == key[i],
            }
        })
    }

    /// Puts a key, whose long texts are given by address, in the place of another.
    pub fn set(&mut self, number: u32, key: &[u64]) {
        self.clear(number);
        let start = number as usize * self.width();
        self.words[start..start + key.len()].copy_from_slice(key);
        for i in 0..key.len() {
            if self.is_text[i] && is_long(key[i]) {
                self.words[start + i + 1] = self.keep_text(address_of(key[i], key[i + 1]).into());
            }
        }
    }

    fn keep_text(&mut self, text: Box<[u8]>) -> u64 {
        match self.free_texts.pop() {
            Some(place) => {
                self.texts[place as usize] = text;
                place as u64
            }
            None => {
                self.texts.push(text);
                self.texts.len() as u64 - 1
            }
        }
    }

    /// Forgets a key: it is all zero.
    pub fn clear(&mut self, number: u32) {
        let start = number as usize * self.width();
        for i in 0..self.width() {
            if self.is_text[i] && is_long(self.words[start + i]) {
                let place = self.words[start + i + 1];
                self.texts[place as usize] = Box::default();
                self.free_texts.push(place as u32);
            }
        }
        self.words[start..start + self.is_text.len()].fill(0);
    }

    pub fn hash(&self, number: u32, seed: u64) -> u64 {
        hash_key(self.key(number), &self.is_text, seed, |_, place| &self.texts[place as usize])
    }

    /// The hash of a key whose long texts are given by address.
    pub fn hash_of(&self, key: &[u64], seed: u64) -> u64 {
        hash_key(key, &self.is_text, seed, address_of)
    }

    /// Keeps the keys with these numbers, under new ones from 0 on.
    pub fn renumber(&mut self, kept: &[u32]) {
        let width = self.width();
        let mut words = Vec::with_capacity(kept.len() * width);
        let mut texts = vec![];
        for number in kept {
            let start = words.len();
            words.extend_from_slice(self.key(*number));
            for i in 0..width {
                if self.is_text[i] && is_long(words[start + i]) {
                    texts.push(std::mem::take(&mut self.texts[words[start + i + 1] as usize]));
                    words[start + i + 1] = texts.len() as u64 - 1;
                }
            }
        }
        (self.words, self.texts, self.free_texts) = (words, texts, vec![]);
    }

    pub fn bytes(&self) -> usize {
        let texts: usize = self.texts.iter().map(|text| size_of::<Box<[u8]>>() + text.len()).sum();
        self.words.capacity() * 8 + texts
    }

    pub fn snapshot(&self, number: u32, writer: &mut SnapshotWriter) {
        let key = self.key(number);
        for (i, word) in key.iter().enumerate() {
            match i.checked_sub(1) {
                Some(text) if self.is_text[text] && is_long(key[text]) => {
                    writer.bytes(&self.texts[*word as usize]);
                }
                _ => writer.u64(*word),
            }
        }
    }

    /// Takes over what [`KeptKeys::snapshot`] wrote, under a number for which there is room.
    pub fn restore(&mut self, number: u32, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        let start = number as usize * self.width();
        for i in 0..self.width() {
            let begins_text = i.checked_sub(1).filter(|text| self.is_text[*text]);
            let view = begins_text.map(|text| self.words[start + text]).filter(|view| is_long(*view));
            self.words[start + i] = match view {
                Some(view) => {
                    let text = reader.bytes()?;
                    if text.len() != text_len(view) {
                        return Err(Corrupt);
                    }
                    self.keep_text(text.into())
                }
                None => reader.u64()?,
            };
        }
        Ok(())
    }
}

/// Some columns of a row, one row per number, to compare others with. Values are equal as keys are.
pub struct KeptRows {
    layout: SlotLayout,
    kept: KeptKeys,
    rows: Keys,
}

// SAFETY: the addresses in `rows` are used while the columns are borrowed that they point into, in
// `compare`, and otherwise left over.
unsafe impl Send for KeptRows {}

impl KeptRows {
    /// `types` are those of the columns.
    pub fn new(types: &[Type]) -> KeptRows {
        let layout = KeptKeys::layout(types);
        KeptRows { kept: KeptKeys::new(&layout), layout, rows: Keys::default() }
    }

    /// Makes room for `n` rows; new ones are all null.
    pub fn resize(&mut self, n: usize) {
        self.kept.resize(n);
    }

    /// Calls `take` with each of `rows` and what tells whether that row differs from the kept one of a number,
    /// which it replaces.
    pub fn compare(
        &mut self,
        columns: &[&ColumnRef],
        rows: &[u32],
        mut take: impl FnMut(usize, &mut dyn FnMut(u32) -> bool),
    ) {
        self.rows.fill(&self.layout, columns, rows);
        let width = self.kept.width();
        for i in 0..rows.len() {
            let row = &self.rows.words[i * width..][..width];
            let has_long_text = self.rows.has_long_text;
            take(i, &mut |number| {
                let differs = !self.kept.is(number, row, has_long_text);
                if differs {
                    self.kept.set(number, row);
                }
                differs
            });
        }
    }

    pub fn clear(&mut self, number: u32) {
        self.kept.clear(number);
    }

    /// Keeps the rows with these numbers, under new ones from 0 on.
    pub fn renumber(&mut self, kept: &[u32]) {
        self.kept.renumber(kept);
    }

    pub fn bytes(&self) -> usize {
        self.kept.bytes()
    }

    pub fn snapshot(&self, number: u32, writer: &mut SnapshotWriter) {
        self.kept.snapshot(number, writer);
    }

    /// Takes over what [`KeptRows::snapshot`] wrote, under a number for which there is room.
    pub fn restore(&mut self, number: u32, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.kept.restore(number, reader)
    }
}
