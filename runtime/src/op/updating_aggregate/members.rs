//! The rows of each group, where groups are forgotten while rows of theirs can still be withdrawn: only what a
//! group has can be taken out of it.

use crate::accumulate::side::Row;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::flow::Schema;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::collections::BTreeMap;

/// What rows are told apart by: all that the aggregates are made of.
type Known = Vec<Value>;

pub struct Members {
    columns: Vec<usize>,
    types: Vec<Type>,
    /// By the number of its group: how often that has each row.
    rows: BTreeMap<(u32, Known), u32>,
}

impl Members {
    /// Of groups over rows of which this column says whether they come or go.
    pub fn new(input: &Schema, sign: usize) -> Members {
        let columns = (0..input.columns.len()).filter(|column| ![input.time, sign].contains(column));
        Members { columns: columns.collect(), types: input.types(), rows: BTreeMap::new() }
    }

    pub fn add(&mut self, group: u32, row: Row) {
        *self.rows.entry((group, self.known(row))).or_default() += 1;
    }

    /// Takes a row out; false if the group does not have it.
    pub fn remove(&mut self, group: u32, row: Row) -> bool {
        let of_group = (group, self.known(row));
        let Some(n) = self.rows.get_mut(&of_group) else { return false };
        *n -= 1;
        if *n == 0 {
            self.rows.remove(&of_group);
        }
        true
    }

    pub fn clear(&mut self, group: u32) {
        let of_group = (group, vec![])..(group.saturating_add(1), vec![]);
        self.rows.extract_if(of_group, |_, _| true).for_each(drop);
    }

    /// The groups that had these numbers have their places in this list now.
    pub fn renumber(&mut self, kept: &[u32]) {
        let new: BTreeMap<u32, u32> = kept.iter().copied().zip(0..).collect();
        let rows = std::mem::take(&mut self.rows).into_iter();
        self.rows = rows.filter_map(|((group, known), n)| Some(((*new.get(&group)?, known), n))).collect();
    }

    pub fn snapshot(&self, group: u32, writer: &mut SnapshotWriter) {
        let of_group = self.rows.range((group, vec![])..(group.saturating_add(1), vec![]));
        let rows: Vec<(&Known, u32)> = of_group.map(|((_, known), n)| (known, *n)).collect();
        writer.sequence(rows.into_iter(), |writer, (known, n)| {
            writer.sequence(known.iter(), |writer, value| writer.value(value));
            writer.i64(i64::from(n));
        });
    }

    pub fn restore(&mut self, group: u32, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        let rows = reader.sequence(|reader| {
            let known = reader.sequence(SnapshotReader::value)?;
            let n = u32::try_from(reader.i64()?).map_err(|_| Corrupt)?;
            // A row that a group has no time is not in its list.
            if n == 0 { Err(Corrupt) } else { Ok(((group, known), n)) }
        })?;
        self.rows.extend(rows);
        Ok(())
    }

    pub fn bytes(&self) -> usize {
        self.rows.len() * bytes_of_row(self.columns.len())
    }

    fn known(&self, row: Row) -> Known {
        let value = |column: &usize| row.batch.columns[*column].value(row.number, &self.types[*column]);
        self.columns.iter().map(value).collect()
    }
}

/// What a row of so many columns takes, with its share of the tree.
fn bytes_of_row(n_columns: usize) -> usize {
    n_columns * size_of::<Value>() + 2 * size_of::<(u32, Known)>()
}
