//! What look-ups gave the rows of an updating stream that stand: a row that is withdrawn withdraws just that,
//! whatever the table holds by then.
//!
//! Partners are copied out of the table, one behind the other, as the table may forget them. A row is found again
//! by its columns; of several that are the same, the one that came last goes first.

use crate::kernel::key_index::{KeyIndex, NO_STATE};
use crate::op::table::{KeptColumn, NO_ROW};
use crate::seed;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::batch::{Batch, Origin};
use millstream_ir::column::ColumnRef;
use millstream_ir::flow::Schema;
use millstream_ir::types::Type;
use std::sync::Arc;

/// So few rows that are gone are not worth a move.
const FEW: usize = 64;

pub struct Given {
    /// The columns of the left by which a row is found again.
    left: Vec<usize>,
    leaving: Vec<Type>,
    rows: KeyIndex,
    /// Of each row its last look-up.
    heads: Vec<u32>,
    look_ups: Vec<LookUp>,
    partners: Vec<KeptColumn>,
    n_partners: usize,
    /// Of these, how many are of rows that have been withdrawn.
    n_gone: [usize; 2],
    numbers: Vec<u32>,
}

/// What a row was given when it was added.
#[derive(Clone, Copy)]
struct LookUp {
    /// The row; none once it has been withdrawn.
    row: u32,
    /// The one before it of the same row.
    before: u32,
    /// The first of its partners; without any, what left was the row alone.
    first: u32,
    /// So many rows left.
    n: u32,
}

/// Rows that leave: those of a batch of the left, each with the place of its partner or [`NO_ROW`].
#[derive(Default)]
pub struct Leaving {
    pub rows: Vec<u32>,
    pub partners: Vec<u32>,
}

impl Leaving {
    fn push(&mut self, row: u32, look_up: &LookUp) {
        for number in 0..look_up.n {
            self.rows.push(row);
            self.partners.push(if look_up.first == NO_ROW { NO_ROW } else { look_up.first + number });
        }
    }
}

impl Given {
    /// `leaving`: the types of the columns of the table that leave.
    pub fn new(left: &Schema, leaving: &[Type]) -> Given {
        let columns = left.values();
        let types_of_left: Vec<Type> =
            columns.iter().filter_map(|c| left.columns.get(*c)).map(|c| c.ty.clone()).collect();
        Given {
            left: columns,
            rows: KeyIndex::new(&types_of_left, seed::drawn()),
            partners: leaving.iter().map(KeptColumn::new).collect(),
            leaving: leaving.into(),
            heads: vec![],
            look_ups: vec![],
            n_partners: 0,
            n_gone: [0; 2],
            numbers: vec![],
        }
    }

    pub fn partners(&self) -> &[KeptColumn] {
        &self.partners
    }

    /// Takes a batch of changes: `signs` says of each row whether it is added. Those that are, counted among
    /// themselves, were given what `added` says, each with a row of the
    /// table's columns that leave.
    pub fn take(&mut self, batch: &Batch, signs: &[i64], added: &Leaving, table: &[&ColumnRef]) -> Leaving {
        let columns: Vec<&ColumnRef> = self.left.iter().map(|column| &batch.columns[*column]).collect();
        let mut numbers = std::mem::take(&mut self.numbers);
        self.rows.find_all(&columns, batch.n_rows, &mut numbers);
        self.heads.resize(self.rows.n_numbers(), NO_ROW);
        let mut next_partner = self.n_partners as u32;
        let found: Vec<u32> = added.partners.iter().copied().filter(|partner| *partner != NO_ROW).collect();
        self.append(table, &found);
        let mut leaving = Leaving::default();
        let (mut n_added, mut at) = (0, 0);
        for row in 0..batch.n_rows as u32 {
            let number = numbers[row as usize];
            if signs[row as usize] < 0 {
                if let Some(look_up) = self.withdraw(number) {
                    leaving.push(row, &look_up);
                }
                continue;
            }
            let n = added.rows[at..].iter().take_while(|added| **added == n_added).count();
            let is_alone = added.partners.get(at).is_none_or(|partner| *partner == NO_ROW);
            let first = if is_alone { NO_ROW } else { next_partner };
            next_partner += if is_alone { 0 } else { n as u32 };
            (n_added, at) = (n_added + 1, at + n);
            let look_up = LookUp { row: number, before: self.heads[number as usize], first, n: n as u32 };
            self.push(look_up);
            leaving.push(row, &look_up);
        }
        // A number is used again, so that rows are forgotten only now.
        for number in &numbers {
            if self.heads[*number as usize] == NO_ROW {
                self.rows.remove(*number);
            }
        }
        self.numbers = numbers;
        leaving
    }

    fn push(&mut self, look_up: LookUp) {
        self.heads[look_up.row as usize] = self.look_ups.len() as u32;
        self.look_ups.push(look_up);
    }

    /// Appends these rows of the table's columns.
    fn append(&mut self, columns: &[&ColumnRef], rows: &[u32]) {
        self.partners.iter_mut().zip(columns).for_each(|(kept, column)| kept.append(column, rows));
        self.n_partners += rows.len();
    }

    /// What the row's last look-up gave, which is over.
    fn withdraw(&mut self, number: u32) -> Option<LookUp> {
        let head = &mut self.heads[number as usize];
        let look_up = self.look_ups.get_mut(*head as usize)?;
        *head = look_up.before;
        let was = *look_up;
        look_up.row = NO_STATE;
        let n_partners = if was.first == NO_ROW { 0 } else { was.n as usize };
        self.n_gone = [self.n_gone[0] + 1, self.n_gone[1] + n_partners];
        Some(was)
    }

    /// Drops what is over, if that is most of all; places of partners change.
    pub fn compact_if_due(&mut self) {
        let [look_ups, partners] = self.n_gone;
        let is_most = |n: usize, of: usize| n > FEW && n * 2 > of;
        if !is_most(look_ups, self.look_ups.len()) && !is_most(partners, self.n_partners) {
            return;
        }
        let places = places(self.look_ups.iter().filter(|look_up| look_up.row != NO_STATE));
        let before =
            std::mem::replace(&mut self.partners, self.leaving.iter().map(KeptColumn::new).collect());
        let columns: Vec<&ColumnRef> = before.iter().map(KeptColumn::column).collect();
        self.n_partners = 0;
        self.append(&columns, &places);
        self.heads.fill(NO_ROW);
        let mut first = 0;
        for look_up in std::mem::take(&mut self.look_ups) {
            if look_up.row != NO_STATE {
                self.push_again(look_up, &mut first);
            }
        }
        self.n_gone = [0; 2];
        if let Some(kept) = self.rows.shrink() {
            let mut new = vec![NO_STATE; self.heads.len()];
            (0..).zip(&kept).for_each(|(number, old)| new[*old as usize] = number);
            self.heads = kept.iter().map(|old| self.heads[*old as usize]).collect();
            self.look_ups.iter_mut().for_each(|look_up| look_up.row = new[look_up.row as usize]);
        }
    }

    /// Adds one whose partners stand from `first` on now.
    fn push_again(&mut self, look_up: LookUp, first: &mut u32) {
        let is_alone = look_up.first == NO_ROW;
        let place = if is_alone { NO_ROW } else { *first };
        *first += if is_alone { 0 } else { look_up.n };
        self.push(LookUp { before: self.heads[look_up.row as usize], first: place, ..look_up });
    }

    pub fn bytes(&self) -> usize {
        let partners: usize = self.partners.iter().map(KeptColumn::bytes).sum();
        let look_ups = self.look_ups.capacity() * size_of::<LookUp>() + self.heads.capacity() * 4;
        self.rows.bytes() + partners + look_ups
    }

    /// Writes of each row that stands what its look-ups gave.
    pub fn snapshot(&self, writer: &mut SnapshotWriter) {
        let rows = (0..self.heads.len() as u32).filter(|row| self.heads[*row as usize] != NO_ROW);
        let rows: Vec<(u32, Vec<&LookUp>)> = rows.map(|row| (row, self.look_ups_of(row))).collect();
        writer.sequence(rows.iter(), |writer, (row, look_ups)| {
            self.rows.snapshot(*row, writer);
            writer.sequence(look_ups.iter(), |writer, look_up| {
                writer.bool(look_up.first == NO_ROW);
                writer.u32(look_up.n);
            });
        });
        let places = places(rows.iter().flat_map(|(_, look_ups)| look_ups.iter().copied()));
        let columns = self.partners.iter().map(|column| Arc::new(column.gather(&places))).collect();
        let batch = Batch { columns, n_rows: places.len(), origin: Origin::default(), late: vec![] };
        writer.batch(&batch, &self.leaving);
    }

    /// In the order in which they were made.
    fn look_ups_of(&self, row: u32) -> Vec<&LookUp> {
        let at = |place: u32| self.look_ups.get(place as usize);
        let head = self.heads.get(row as usize).and_then(|head| at(*head));
        let mut look_ups: Vec<&LookUp> = std::iter::successors(head, |next| at(next.before)).collect();
        look_ups.reverse();
        look_ups
    }

    /// What [`Given::snapshot`] wrote.
    pub fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        let mut first: u32 = 0;
        for _ in 0..reader.count()? {
            let row = self.rows.restore(reader)?;
            self.heads.resize(self.rows.n_numbers(), NO_ROW);
            for _ in 0..reader.count()? {
                let (is_alone, n) = (reader.bool()?, reader.u32()?);
                if is_alone && n > 1 || first.checked_add(n).is_none() {
                    return Err(Corrupt);
                }
                let place = if is_alone { NO_ROW } else { 0 };
                self.push_again(LookUp { row, before: NO_ROW, first: place, n }, &mut first);
            }
        }
        let batch = reader.batch(&self.leaving)?;
        if batch.n_rows != first as usize {
            return Err(Corrupt);
        }
        let rows: Vec<u32> = (0..first).collect();
        self.append(&batch.columns.iter().collect::<Vec<_>>(), &rows);
        Ok(())
    }
}

/// Where the partners of these stand.
fn places<'l>(look_ups: impl Iterator<Item = &'l LookUp>) -> Vec<u32> {
    let with_partners = look_ups.filter(|look_up| look_up.first != NO_ROW);
    with_partners.flat_map(|look_up| look_up.first..look_up.first + look_up.n).collect()
}
