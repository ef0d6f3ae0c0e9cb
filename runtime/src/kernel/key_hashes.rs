//! Hashes of keys alone: which worker has a key. Those of tables have seeds of their own, so that the keys of
//! a worker do not crowd its table.

use super::kept_keys::KeptKeys;
use super::key::Keys;
use super::table::CHUNK;
use millstream_ir::aggregate::SlotLayout;
use millstream_ir::column::ColumnRef;
use millstream_ir::types::Type;

pub struct KeyHashes {
    layout: SlotLayout,
    /// Empty; knows which words of a key are text.
    keys: KeptKeys,
    seed: u64,
}

impl KeyHashes {
    /// `types` are those of the key columns.
    pub fn new(types: &[Type], seed: u64) -> KeyHashes {
        let layout = KeptKeys::layout(types);
        KeyHashes { keys: KeptKeys::new(&layout), layout, seed }
    }

    /// The hash of each of `n_rows` keys; equal keys have equal ones, however their columns hold them.
    pub fn of(&self, columns: &[&ColumnRef], n_rows: usize) -> Vec<u64> {
        let rows: Vec<u32> = (0..n_rows as u32).collect();
        let mut hashes = Vec::with_capacity(n_rows);
        let mut keys = Keys::default();
        for rows in rows.chunks(CHUNK) {
            keys.fill(&self.layout, columns, rows);
            let words = keys.words.chunks_exact(keys.words_per_key);
            hashes.extend(words.map(|key| self.keys.hash_of(key, self.seed)));
        }
        hashes
    }
}
