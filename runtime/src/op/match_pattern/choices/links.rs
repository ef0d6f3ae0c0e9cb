//! Links by their numbers, in a ring: those of the longest time that ever stood there have room, in huge pages where
//! they are many.

use super::chains::{Link, Place};
use crate::kernel::huge_vec::HugeVec;
use crate::message::EventTime;

/// Links are numbered one by one, after the last number from the first again: they do not live so long.
pub type LinkNumber = u32;

/// What stands for no link; numbers have one bit less.
pub const NONE: LinkNumber = u32::MAX;
const NUMBERS: u32 = u32::MAX >> 1;

/// As many places at first, and always a power of two: so the place of a number is its last bits.
const SMALLEST: usize = if cfg!(test) { 2 } else { 1 << 10 };

#[derive(Default)]
pub struct Links {
    places: HugeVec<Link>,
    /// The number of the first, and how many there are.
    first: LinkNumber,
    len: u32,
}

const FREE: Link = Link {
    event: 0,
    latest: EventTime::MIN,
    before: Place::NOWHERE,
    previous: NONE,
    step: 0,
    repeats: false,
};

impl Links {
    pub fn len(&self) -> usize {
        self.len as usize
    }

    fn place(&self, number: LinkNumber) -> usize {
        number as usize & (self.places.len() - 1)
    }

    pub fn push(&mut self, link: Link) -> LinkNumber {
        if self.len() == self.places.len() {
            self.grow();
        }
        let number = self.first.wrapping_add(self.len) & NUMBERS;
        let place = self.place(number);
        self.places[place] = link;
        self.len += 1;
        number
    }

    /// Doubles the room: half of the links have one bit more, and move as far as there was room.
    fn grow(&mut self) {
        let n = self.places.len();
        self.places.grow_with((2 * n).max(SMALLEST), || FREE);
        for at in 0..self.len {
            let place = self.place(self.first.wrapping_add(at) & NUMBERS);
            if place >= n {
                self.places[place] = self.places[place - n];
            }
        }
    }

    pub fn first(&self) -> Option<&Link> {
        self.get(self.first)
    }

    pub fn drop_first(&mut self) {
        self.first = self.first.wrapping_add(1) & NUMBERS;
        self.len = self.len.saturating_sub(1);
    }

    /// Where a link stands among those that there are; none if it is gone.
    pub fn age(&self, number: LinkNumber) -> Option<u32> {
        let age = number.wrapping_sub(self.first) & NUMBERS;
        (number != NONE && age < self.len).then_some(age)
    }

    pub fn get(&self, number: LinkNumber) -> Option<&Link> {
        self.age(number).map(|_| &self.places[self.place(number)])
    }

    pub fn get_mut(&mut self, number: LinkNumber) -> Option<&mut Link> {
        let place = self.age(number).map(|_| self.place(number))?;
        Some(&mut self.places[place])
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Link> {
        (0..self.len).map(|at| &self.places[self.place(self.first.wrapping_add(at) & NUMBERS)])
    }
}
