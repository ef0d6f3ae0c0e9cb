//! The hash of a key in words, and the long texts that its words point to.

use millstream_ir::column::View;

/// The hash of a key; `text` gives the bytes of a long text from its two words.
pub(super) fn hash_key<'a>(
    key: &[u64],
    is_text: &[bool],
    seed: u64,
    text: impl Fn(u64, u64) -> &'a [u8],
) -> u64 {
    let mut hash = seed;
    let mut hashed_as_text = false;
    for (i, word) in key.iter().enumerate() {
        if std::mem::take(&mut hashed_as_text) {
            continue;
        }
        hash = hash_word(*word, hash);
        if is_text[i] && is_long(*word) {
            hash = hash_bytes(text(*word, key[i + 1]), hash);
            hashed_as_text = true;
        }
    }
    hash
}

/// Multiplies and folds. A chosen set of keys that collide under one seed does not under another.
#[inline(always)]
pub(super) fn hash_word(word: u64, seed: u64) -> u64 {
    let product = (word ^ seed) as u128 * 0x9E37_79B9_7F4A_7C15;
    product as u64 ^ (product >> 64) as u64
}

fn hash_bytes(bytes: &[u8], seed: u64) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let hash = words.iter().fold(seed, |hash, word| hash_word(u64::from_le_bytes(*word), hash));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    hash_word(u64::from_le_bytes(last), hash)
}

/// The length of a text, of the first word of its view.
pub(super) fn text_len(view: u64) -> usize {
    View(view as u128).len()
}

pub(super) fn is_long(view: u64) -> bool {
    text_len(view) > View::INLINE
}

/// The bytes of a long text in [`Keys`](super::key::Keys).
pub(super) fn address_of<'a>(view: u64, address: u64) -> &'a [u8] {
    // SAFETY: `Keys` took the address and the length from a slice that is borrowed while it is used.
    unsafe { std::slice::from_raw_parts(std::ptr::with_exposed_provenance(address as usize), text_len(view)) }
}
