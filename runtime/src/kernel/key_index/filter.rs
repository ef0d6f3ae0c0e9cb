//! Which hashes may be those of keys that have a state (Bloom, "Space/time trade-offs in hash coding with allowable
//! errors", CACM 1970, with one hash): where most keys have none, a bit that is nearly always the same says so, where
//! slots of a table are as often taken as not.

use super::FREE;
use crate::kernel::prefetch::prefetch;
use crate::kernel::table::CHUNK;
use crate::kernel::words::Words;

pub struct Filter {
    bits: Vec<u64>,
    /// How far a hash is shifted to be the number of a bit.
    shift: u32,
    /// So many keys may be forgotten, whose bits stay, until it is made anew.
    n_to_lose: usize,
}

/// Keys of a chunk that have to be looked up: a bit for each.
pub struct Candidates([u64; CHUNK / u64::BITS as usize]);

impl Candidates {
    #[inline(always)]
    pub fn each(&self, mut visit: impl FnMut(usize)) {
        for (word, bits) in self.0.iter().enumerate() {
            let mut rest = *bits;
            while rest != 0 {
                visit(word * u64::BITS as usize + rest.trailing_zeros() as usize);
                rest &= rest - 1;
            }
        }
    }
}

/// Bits per slot, by which some of the keys that have no state are looked up.
const BITS: usize = 8;
/// While all bits take no more than a part of the first-level cache, so that hardly a key is.
const BITS_IN_CACHE: usize = 1 << 17;
const MOST_BITS: usize = 64;

impl Filter {
    /// That of the keys in these slots, each of so many words, of which the first begins with the hash.
    pub fn of(slots: &Words, stride: usize) -> Filter {
        let n_slots = slots.len() / stride;
        let n_bits = (n_slots * MOST_BITS).min(BITS_IN_CACHE).max(n_slots * BITS);
        let mut filter = Filter {
            bits: vec![0; n_bits / u64::BITS as usize],
            shift: u64::BITS - n_bits.trailing_zeros(),
            n_to_lose: n_slots / 4,
        };
        let hashes = slots.chunks_exact(stride).map(|slot| slot[0]).filter(|hash| *hash != FREE);
        hashes.for_each(|hash| filter.add(hash));
        filter
    }

    pub fn add(&mut self, hash: u64) {
        let bit = hash >> self.shift;
        self.bits[(bit >> 6) as usize] |= 1 << (bit & 63);
    }

    /// Asks the processor for the bit of a hash.
    #[inline(always)]
    pub fn request(&self, hash: u64) {
        prefetch(self.bits.as_ptr().wrapping_add((hash >> self.shift >> 6) as usize).cast());
    }

    #[inline(always)]
    fn may_have(&self, hash: u64) -> bool {
        let bit = hash >> self.shift;
        self.bits[(bit >> 6) as usize] >> (bit & 63) & 1 == 1
    }

    /// Those of so many hashes, of a chunk at most, that may be among them.
    #[inline(always)]
    pub fn candidates(&self, n: usize, hash: impl Fn(usize) -> u64) -> Candidates {
        let mut candidates = Candidates([0; CHUNK / u64::BITS as usize]);
        for (word, bits) in candidates.0.iter_mut().enumerate() {
            let first = word * u64::BITS as usize;
            let hashes = first..n.min(first + u64::BITS as usize);
            *bits = hashes.fold(0, |bits, at| bits | u64::from(self.may_have(hash(at))) << (at - first));
        }
        candidates
    }

    pub fn bytes(&self) -> usize {
        size_of_val(&self.bits[..])
    }

    /// Notes that a key has been forgotten; whether that are many.
    pub fn has_lost_much(&mut self) -> bool {
        self.n_to_lose = self.n_to_lose.saturating_sub(1);
        self.n_to_lose == 0
    }
}
