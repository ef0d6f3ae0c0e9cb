//! Places with small numbers for things that come and go.

use crate::kernel::huge_vec::HugeVec;
use crate::kernel::prefetch::prefetch;
use std::collections::VecDeque;

/// What stands for no number.
pub const NONE: u32 = u32::MAX;

/// Numbers are used again.
pub struct Arena<T> {
    places: HugeVec<T>,
    free: Vec<u32>,
}

impl<T> Default for Arena<T> {
    fn default() -> Arena<T> {
        Arena { places: HugeVec::default(), free: vec![] }
    }
}

impl<T> Arena<T> {
    pub fn add(&mut self, thing: T) -> u32 {
        match self.free.pop() {
            Some(number) => {
                self.places[number as usize] = thing;
                number
            }
            None => {
                self.places.push(thing);
                self.places.len() as u32 - 1
            }
        }
    }

    pub fn free(&mut self, number: u32) {
        self.free.push(number);
    }

    /// Asks the processor for a thing.
    #[inline(always)]
    pub fn request(&self, number: u32) {
        prefetch(self.places.as_ptr().wrapping_add(number as usize).cast());
    }

    /// Asks the processor for a thing, if there is one, and puts it last in a row of those that are looked at when others
    /// have been.
    #[inline(always)]
    pub fn request_into(&self, row: &mut VecDeque<u32>, number: u32) {
        if number != NONE {
            self.request(number);
            row.push_back(number);
        }
    }

    /// How many things there are.
    pub fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub fn bytes(&self) -> usize {
        self.len() * size_of::<T>()
    }
}

impl<T> std::ops::Index<u32> for Arena<T> {
    type Output = T;

    fn index(&self, number: u32) -> &T {
        &self.places[number as usize]
    }
}

impl<T> std::ops::IndexMut<u32> for Arena<T> {
    fn index_mut(&mut self, number: u32) -> &mut T {
        &mut self.places[number as usize]
    }
}
