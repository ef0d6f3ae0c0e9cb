//! Texts, lists and records of a table's first rows, for which memory had no room: they stand in files, and are read
//! for the rows that find a partner. The rows behind them have theirs in memory.

use super::columns::{KeptColumn, NO_ROW};
use crate::op::interleave::{Pick, interleave};
use crate::op::left_behind::LeftBehind;
use crate::spill::{Spill, SpillFiles};
use millstream_ir::batch::{Batch, Origin};
use millstream_ir::column::ColumnRef;
use millstream_ir::types::Type;
use std::io;

/// Bytes of a file.
const LONG: u64 = 64 << 20;
/// So many rows go at a time.
const ROWS: u32 = 4096;

pub struct LeftRows {
    /// The columns that can stand in files, by their numbers, and their types.
    columns: Vec<usize>,
    types: Vec<Type>,
    behind: LeftBehind,
    /// Where each of the first rows is.
    places: Vec<u64>,
    files: SpillFiles,
}

impl LeftRows {
    /// Of these columns, with their types.
    pub fn new(columns: Vec<(usize, Type)>) -> LeftRows {
        let (columns, types): (Vec<usize>, Vec<Type>) = columns.into_iter().unzip();
        let behind = LeftBehind::new(types.clone());
        LeftRows { columns, types, behind, places: vec![], files: SpillFiles::new(LONG) }
    }

    /// Whether some values of a column stand in files.
    pub fn has(&self, column: usize) -> bool {
        !self.places.is_empty() && self.columns.contains(&column)
    }

    /// How many rows there are.
    pub fn n_rows(&self) -> usize {
        self.places.len()
    }

    /// Writes what columns have of the rows behind those that are there, if that is worth it.
    pub fn take(&mut self, columns: &mut [KeptColumn], n_rows: usize, spill: &Spill) -> io::Result<()> {
        let bytes = self.columns.iter().map(|number| columns[*number].bytes()).sum();
        let n_new = (n_rows - self.places.len()) as u32;
        if self.columns.is_empty() || n_new == 0 || !spill.is_worth(bytes) {
            return Ok(());
        }
        spill.timed(|| {
            for first in (0..n_new).step_by(ROWS as usize) {
                let rows: Vec<u32> = (first..n_new.min(first + ROWS)).collect();
                let gathered = self.columns.iter().map(|number| columns[*number].gather(&rows).into());
                self.places.extend(self.behind.add(gathered.collect(), rows.len()));
                self.behind.spill(self.files.writer(spill)?)?;
            }
            io::Result::Ok(())
        })?;
        for (number, ty) in self.columns.iter().zip(&self.types) {
            columns[*number] = KeptColumn::new(ty);
        }
        Ok(())
    }

    /// Keeps these rows, ascending, as the first ones; others that are not there are behind them.
    pub fn keep(&mut self, live: &[u32]) {
        let n_kept = live.partition_point(|row| (*row as usize) < self.places.len());
        let mut is_live = vec![false; self.places.len()];
        live[..n_kept].iter().for_each(|row| is_live[*row as usize] = true);
        let dead = self.places.iter().zip(&is_live).filter(|(_, is_live)| !**is_live);
        dead.for_each(|(place, _)| self.behind.forget(*place));
        self.places = live[..n_kept].iter().map(|row| self.places[*row as usize]).collect();
    }

    /// These of the columns that [may be here](LeftRows::has), of the rows with these numbers; null for [`NO_ROW`]. What
    /// is not here stands in `kept`.
    pub fn gather(&self, numbers: &[usize], rows: &[u32], kept: &[KeptColumn]) -> Vec<ColumnRef> {
        let places: Vec<usize> =
            numbers.iter().filter_map(|number| self.columns.iter().position(|c| c == number)).collect();
        let types: Vec<Type> = places.iter().map(|place| self.types[*place].clone().or_null(true)).collect();
        let place = |row: &u32| self.places.get(*row as usize).copied();
        let n_left = self.places.len() as u32;
        let behind = |row: &u32| if *row == NO_ROW { NO_ROW } else { row.wrapping_sub(n_left) };
        let in_memory: Vec<u32> =
            rows.iter().map(|row| if place(row).is_some() { NO_ROW } else { behind(row) }).collect();
        let batch = |columns: Vec<ColumnRef>| Batch {
            columns,
            n_rows: rows.len(),
            origin: Origin::default(),
            late: vec![],
        };
        let read = batch(self.behind.columns(rows.iter().map(place), &places));
        let in_memory = numbers.iter().map(|number| kept[*number].gather(&in_memory).into());
        let in_memory = batch(in_memory.collect());
        let picks: Vec<Pick> =
            (0..).zip(rows).map(|(i, row)| (if place(row).is_some() { 0 } else { 1 }, i)).collect();
        interleave(&[&read, &in_memory], &types, &picks)
    }

    /// Why what was read is wrong, if it is.
    pub fn take_fault(&self) -> Option<io::Error> {
        self.behind.take_fault()
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        self.behind.bytes() + self.places.capacity() * 8
    }
}
