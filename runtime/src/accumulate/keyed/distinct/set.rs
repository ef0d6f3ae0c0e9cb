//! A set of words, each with a bit for each of the aggregates that have counted it. Large sets are found in memory
//! and not in a cache, so a place is a word as long as value and bits fit there.

use crate::kernel::prefetch::prefetch;

/// A place of a set: a value that at least one aggregate has counted, or free.
pub trait Entry: Copy + Default {
    fn new(value: u64, counted: u64) -> Self;
    fn value(self) -> u64;
    /// The aggregates that have counted the value; none where the place is free.
    fn counted(self) -> u64;
}

/// Values of 56 bits with their sign, for as many aggregates as are left of the word.
#[derive(Clone, Copy, Default)]
pub struct Short(u64);

impl Short {
    /// Numbers whose magnitude takes no more bits.
    pub const MAGNITUDE: u32 = 55;
    pub const AGGREGATES: u32 = 8;
}

impl Entry for Short {
    #[inline(always)]
    fn new(value: u64, counted: u64) -> Short {
        Short(value << Short::AGGREGATES | counted)
    }

    #[inline(always)]
    fn value(self) -> u64 {
        (self.0 as i64 >> Short::AGGREGATES) as u64
    }

    #[inline(always)]
    fn counted(self) -> u64 {
        self.0 & ((1 << Short::AGGREGATES) - 1)
    }
}

/// Any values, for 64 aggregates.
#[derive(Clone, Copy, Default)]
pub struct Long {
    value: u64,
    counted: u64,
}

impl Entry for Long {
    #[inline(always)]
    fn new(value: u64, counted: u64) -> Long {
        Long { value, counted }
    }

    #[inline(always)]
    fn value(self) -> u64 {
        self.value
    }

    #[inline(always)]
    fn counted(self) -> u64 {
        self.counted
    }
}

pub struct Set<E> {
    /// A power of two of places, of which a quarter at least is free; none before the first value.
    places: Box<[E]>,
    n: usize,
}

impl<E> Default for Set<E> {
    fn default() -> Set<E> {
        Set { places: Box::default(), n: 0 }
    }
}

impl<E: Entry> Set<E> {
    /// Which of the aggregates had not counted the value.
    #[inline(always)]
    pub fn add(&mut self, value: u64, seed: u64, counted: u64) -> u64 {
        if (self.n + 1) * 4 > self.places.len() * 3 {
            self.grow(seed);
        }
        let last = self.places.len() - 1;
        let mut at = hash(value, seed) & last;
        loop {
            let place = &mut self.places[at];
            if place.counted() == 0 {
                *place = E::new(value, counted);
                self.n += 1;
                return counted;
            }
            if place.value() == value {
                let before = place.counted();
                *place = E::new(value, before | counted);
                return counted & !before;
            }
            at = (at + 1) & last;
        }
    }

    #[inline(never)]
    fn grow(&mut self, seed: u64) {
        let n_places = (self.places.len() * 2).max(4);
        let old = std::mem::replace(&mut self.places, vec![E::default(); n_places].into());
        self.n = 0;
        for entry in old.iter().filter(|entry| entry.counted() != 0) {
            self.add(entry.value(), seed, entry.counted());
        }
    }

    #[inline(always)]
    pub fn request(&self, value: u64, seed: u64) {
        let at = hash(value, seed) & self.places.len().wrapping_sub(1);
        prefetch(self.places.as_ptr().wrapping_add(at) as *const u8);
    }

    pub fn entries(&self) -> impl Iterator<Item = E> {
        self.places.iter().copied().filter(|entry| entry.counted() != 0)
    }

    /// The same in places of another kind, which has to have room for them.
    pub fn converted<F: Entry>(&self, seed: u64) -> Set<F> {
        let mut set = Set::default();
        self.entries().for_each(|entry| {
            set.add(entry.value(), seed, entry.counted());
        });
        set
    }

    pub fn bytes(&self) -> usize {
        self.places.len() * size_of::<E>()
    }
}

#[inline(always)]
fn hash(value: u64, seed: u64) -> usize {
    let product = (value ^ seed) as u128 * 0x9E37_79B9_7F4A_7C15;
    (product as u64 ^ (product >> 64) as u64) as usize
}
