//! What belongs to rows that come and leave in order, by the numbers of the rows: row after row in a ring.

/// Below this it is not worth giving memory back.
const SMALLEST: usize = 1 << 10;

#[derive(Default)]
pub struct Ring<T> {
    /// A power of two, or none.
    items: Vec<T>,
}

impl<T: Copy + Default> Ring<T> {
    /// Makes room for the rows from `first` up to before `end`; there are those up to before `known`.
    pub fn reserve(&mut self, first: u64, known: u64, end: u64) {
        let needed = (end - first) as usize;
        if needed > self.items.len() {
            self.resize(first, known, needed.next_power_of_two().max(SMALLEST));
        }
    }

    /// Gives memory back that the rows from `first` up to before `end` do not need.
    pub fn shrink(&mut self, first: u64, end: u64) {
        let enough = ((end - first) as usize * 2).next_power_of_two().max(SMALLEST);
        if enough * 4 <= self.items.len() {
            self.resize(first, end, enough);
        }
    }

    fn resize(&mut self, first: u64, known: u64, n: usize) {
        let mut items = vec![T::default(); n];
        if !self.items.is_empty() {
            (first..known).for_each(|row| items[row as usize & (n - 1)] = self.get(row));
        }
        self.items = items;
    }

    #[inline(always)]
    pub fn get(&self, row: u64) -> T {
        self.items[row as usize & (self.items.len() - 1)]
    }

    #[inline(always)]
    pub fn get_mut(&mut self, row: u64) -> &mut T {
        let mask = self.items.len() - 1;
        &mut self.items[row as usize & mask]
    }

    /// Where the row's item stands, to request it.
    pub fn address(&self, row: u64) -> *const u8 {
        self.items.as_ptr().wrapping_add(row as usize & self.items.len().wrapping_sub(1)) as *const u8
    }

    pub fn bytes(&self) -> usize {
        self.items.capacity() * size_of::<T>()
    }
}
