//! Values of several columns in an order of their own. What is picked is looked at once, for all columns of the
//! same batches, so that the loop over each asks nothing.

use millstream_ir::buffer::{Buffer, Plain};

/// A row: the number of its batch, its number there.
pub type Pick = (u32, u32);

/// Picks of rows that are there.
pub struct Picks<'a> {
    picks: &'a [Pick],
    /// Of each batch, how many rows it has.
    n_rows: Vec<usize>,
}

impl<'a> Picks<'a> {
    /// Of batches with so many rows each.
    ///
    /// # Panics
    /// If one of the picks is none of these.
    pub fn new(picks: &'a [Pick], n_rows: Vec<usize>) -> Picks<'a> {
        let is_there =
            |(batch, row): &Pick| n_rows.get(*batch as usize).is_some_and(|n| (*row as usize) < *n);
        assert!(picks.iter().all(is_there), "a row is picked that is not there");
        Picks { picks, n_rows }
    }

    pub fn len(&self) -> usize {
        self.picks.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = (usize, usize)> {
        self.picks.iter().map(|(batch, row)| (*batch as usize, *row as usize))
    }

    /// Of the offsets of batches, which are counted from these starts.
    ///
    /// # Panics
    /// As [`Picks::of`].
    pub fn offsets_of(&self, offsets: &[(u32, &[u32])]) -> Buffer<u32> {
        let columns: Vec<&[u32]> = offsets.iter().map(|(_, offsets)| *offsets).collect();
        let mut picked = self.of(&columns);
        let starts = self.picks.iter().map(|(batch, _)| offsets[*batch as usize].0);
        picked.iter_mut().zip(starts).for_each(|(offset, start)| *offset += start);
        picked
    }

    /// What is picked of these columns, one per batch.
    ///
    /// # Panics
    /// If there are not as many columns as batches, or one has fewer values than its batch has rows.
    pub fn of<T: Plain>(&self, columns: &[&[T]]) -> Buffer<T> {
        assert_eq!(columns.len(), self.n_rows.len());
        assert!(columns.iter().zip(&self.n_rows).all(|(column, n_rows)| column.len() >= *n_rows));
        let mut values = Buffer::<T>::with_capacity(self.picks.len());
        let (to, from) = (values.as_mut_ptr(), columns.as_ptr());
        for (number, (batch, row)) in self.picks.iter().enumerate() {
            // SAFETY: `new` saw that there is such a batch and that it has such a row, and above it was seen that each
            // batch has a column with as many values. There is room for as many as are picked.
            unsafe { to.add(number).write(*(*from.add(*batch as usize)).as_ptr().add(*row as usize)) };
        }
        // SAFETY: as many have been written.
        unsafe { values.set_len(self.picks.len()) };
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_as_they_are_picked() {
        let (a, b) = ([1i64, 2, 3], [10i64]);
        let picks = [(1, 0), (0, 2), (0, 0), (1, 0), (0, 1)];
        let picks = Picks::new(&picks, vec![3, 1]);
        assert_eq!(picks.of(&[&a, &b])[..], [10, 3, 1, 10, 2]);
        assert_eq!(Picks::new(&[], vec![]).of::<u8>(&[]).len(), 0);
    }

    #[test]
    #[should_panic(expected = "not there")]
    fn a_row_behind_the_last_is_refused() {
        Picks::new(&[(0, 3)], vec![3]);
    }

    #[test]
    #[should_panic(expected = "not there")]
    fn a_batch_behind_the_last_is_refused() {
        Picks::new(&[(1, 0)], vec![3]);
    }

    #[test]
    #[should_panic(expected = "n_rows")]
    fn a_column_that_is_too_short_is_refused() {
        Picks::new(&[(0, 2)], vec![3]).of(&[&[1u8, 2]]);
    }
}
