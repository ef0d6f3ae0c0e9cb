//! Rows in the order of their ranks; of equal ones those that came first stand first.

use super::row::{Row, RowLayout};
use crate::kernel::prefetch::prefetch;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use std::cmp::Ordering;

pub enum Ranked {
    Few(Vec<Row>),
    Many(Box<Lists>),
}

/// Lists of which none is empty, each behind the one before.
pub struct Lists {
    lists: Vec<Vec<Row>>,
    n_rows: usize,
}

/// No list has more rows.
const MOST: usize = 256;

impl Default for Ranked {
    fn default() -> Ranked {
        Ranked::Few(vec![])
    }
}

impl Ranked {
    fn lists(&self) -> &[Vec<Row>] {
        match self {
            Ranked::Few(rows) => std::slice::from_ref(rows),
            Ranked::Many(many) => &many.lists,
        }
    }

    fn lists_mut(&mut self) -> &mut [Vec<Row>] {
        match self {
            Ranked::Few(rows) => std::slice::from_mut(rows),
            Ranked::Many(many) => &mut many.lists,
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Ranked::Few(rows) => rows.len(),
            Ranked::Many(many) => many.n_rows,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Row> {
        self.lists().iter().flatten()
    }

    /// Bytes of memory, about: beside what it is a row has two counts and its place in a list.
    pub fn bytes(&self) -> usize {
        self.iter().map(|row| row.len() + 2 * size_of::<usize>() + size_of::<Row>()).sum()
    }

    pub fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.count(self.len());
        self.iter().for_each(|row| writer.bytes(row));
    }

    pub fn restore(layout: &RowLayout, reader: &mut SnapshotReader) -> Result<Ranked, Corrupt> {
        let mut ranked = Ranked::default();
        reader.sequence(|reader| layout.restore(reader))?.into_iter().for_each(|row| ranked.push(row));
        Ok(ranked)
    }

    pub fn last(&self) -> Option<&Row> {
        self.lists().last()?.last()
    }

    /// Asks for what leads to the last row.
    #[inline]
    pub fn request(&self) {
        if let Some(rows) = self.lists().last() {
            prefetch(rows.as_ptr().wrapping_add(rows.len().saturating_sub(1)) as *const u8);
        }
    }

    /// The list and the place in it of the first row that is greater.
    fn behind(&self, order: impl Fn(&Row) -> Ordering) -> (usize, usize) {
        let is_in_front = |row: &Row| order(row) != Ordering::Greater;
        let lists = self.lists();
        let starts_in_front = |list: &Vec<Row>| list.first().is_some_and(is_in_front);
        let list = match lists.len() {
            1 => 0,
            _ => lists.partition_point(starts_in_front).saturating_sub(1),
        };
        (list, lists.get(list).map_or(0, |list| list.partition_point(is_in_front)))
    }

    /// Adds a row behind those that are equal. `order` is that of others to it.
    pub fn insert(&mut self, row: Row, order: impl Fn(&Row) -> Ordering) {
        let (list, place) = self.behind(order);
        let Some(rows) = self.lists_mut().get_mut(list) else { return };
        if rows.is_empty() {
            // Most groups that have one row never have another.
            rows.reserve_exact(1);
        }
        rows.insert(place, row);
        let upper = (rows.len() > MOST).then(|| rows.split_off(MOST / 2));
        match (&mut *self, upper) {
            (Ranked::Few(_), None) => {}
            (Ranked::Few(lower), Some(upper)) => {
                let lists = vec![std::mem::take(lower), upper];
                *self = Ranked::Many(Box::new(Lists { lists, n_rows: MOST + 1 }));
            }
            (Ranked::Many(many), upper) => {
                many.n_rows += 1;
                many.lists.splice(list + 1..list + 1, upper);
            }
        }
    }

    /// Adds a row behind all.
    pub fn push(&mut self, row: Row) {
        self.insert(row, |_| Ordering::Less);
    }

    /// Takes the last of those that are equal out.
    pub fn remove(&mut self, order: impl Fn(&Row) -> Ordering) -> Option<Row> {
        let (list, place) = self.behind(&order);
        let place = place.checked_sub(1)?;
        let found = self.lists().get(list)?.get(place)?;
        (order(found) == Ordering::Equal).then(|| self.take(list, place))?
    }

    pub fn pop_first(&mut self) -> Option<Row> {
        self.take(0, 0)
    }

    pub fn pop_last(&mut self) -> Option<Row> {
        let list = self.lists().len().checked_sub(1)?;
        self.take(list, self.lists()[list].len().checked_sub(1)?)
    }

    fn take(&mut self, list: usize, place: usize) -> Option<Row> {
        let rows = self.lists_mut().get_mut(list)?;
        let row = (place < rows.len()).then(|| rows.remove(place))?;
        let is_empty = rows.is_empty();
        if let Ranked::Many(many) = self {
            many.n_rows -= 1;
            if is_empty {
                many.lists.remove(list);
            }
            if many.lists.is_empty() {
                *self = Ranked::default();
            }
        }
        Some(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;

    proptest! {
           #[test]
           fn rows_are_those_of_a_sorted_list(
               steps in prop::collection::vec((0u8..8, 0u8..60), 0..3000),
           ) {
               let (mut ranked, mut expected) = (Ranked::default(), Vec::<[u8; 2]>::new());
               for (number, (step, rank)) in steps.into_iter().enumerate() {
                   let order = |row: &Row| row[0].cmp(&rank);
                   match step {
                       0..=4 => {
                           let row = [rank, number as u8];
                           ranked.insert(Arc::from(row), order);
                           expected.insert(expected.partition_point(|known| known[0] <= rank), row);
                       }
                       5 => {
                           let found = expected.iter().rposition(|known| known[0] == rank);
                           let removed = found.map(|place| expected.remove(place));
                           let taken = ranked.remove(order);
    prop_assert_eq!(taken.as_deref(), removed.as_ref().map(|row| &row[..]));
                       }
                       6 => {
                           let first = (!expected.is_empty()).then(|| expected.remove(0));
                           let taken = ranked.pop_first();
    prop_assert_eq!(taken.as_deref(), first.as_ref().map(|row| &row[..]));
                       }
                       _ => {
                           let last = expected.pop();
                           let taken = ranked.pop_last();
    prop_assert_eq!(taken.as_deref(), last.as_ref().map(|row| &row[..]));
                       }
                   }
                   prop_assert_eq!(ranked.last().map(|row| &row[..]), expected.last().map(|row| &row[..]));
               }
               let rows: Vec<&[u8]> = ranked.iter().map(|row| &row[..]).collect();
               prop_assert_eq!(rows, expected.iter().map(|row| &row[..]).collect::<Vec<_>>());
               prop_assert_eq!(ranked.len(), expected.len());
           }
       }
}
