//! The rows of one input of a join that may still find a partner.
//!
//! Rows of a key stand together, with all of their columns that are words. A row is forgotten with its chunk: some
//! time after the watermark of the other side has passed its partners, but never before it has left, if it leaves
//! without one.

use super::keys::JoinKeys;
use super::places::Places;
use super::row::{PLACE, RowLayout, RowWords, TIME};
use crate::contents::rows_of_columns;
use crate::kernel::row_lists::{EMPTY, RowLists, UNSWEPT, ZEROS};
use crate::message::{EventTime, Watermark};
use crate::op::interleave::{Pick, interleave};
use crate::op::spilled_rows::SpilledRows;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::spill::SpillWriter;
use millstream_ir::batch::{BATCH_ROWS, Batch, Origin};
use millstream_ir::column::{ColumnBuilder, ColumnRef};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::sync::Arc;

/// What stands for the key of a row that equals no other.
pub const NO_KEY: u32 = u32::MAX;

pub struct Side {
    types: Vec<Type>,
    pub layout: RowLayout,
    pub lists: RowLists,
    /// Rows that equal no other and wait to leave without a partner.
    lonely: u32,
    /// Rows that are forgotten when the batch that they came in is done.
    passing: u32,
    /// The columns that are not words of rows, by batch; free where no row is left.
    batches: Vec<LeftBehind>,
    free: Vec<u32>,
    /// Of rows that leave if they find no partner, when that is certain.
    unmatched: Option<BinaryHeap<Reverse<(EventTime, u64)>>>,
    /// Why something was taken for null that stands in a file.
    fault: Cell<Option<io::Error>>,
}

#[derive(Default)]
struct LeftBehind {
    values: Values,
    n_rows: usize,
    bytes: usize,
    /// How many rows are kept, or will be.
    n_live: usize,
}

/// Where they are.
enum Values {
    Columns(Vec<ColumnRef>),
    Spilled(SpilledRows),
}

impl Default for Values {
    fn default() -> Values {
        Values::Columns(vec![])
    }
}

impl Side {
    /// `yields_unmatched`: whether rows leave that find no partner.
    pub fn new(types: &[Type], layout: RowLayout, yields_unmatched: bool) -> Side {
        Side {
            types: types.to_vec(),
            lists: RowLists::new(layout.width, layout.pick),
            layout,
            lonely: EMPTY,
            passing: EMPTY,
            batches: vec![],
            free: vec![],
            unmatched: yields_unmatched.then(BinaryHeap::new),
            fault: Cell::new(None),
        }
    }

    /// The words of a batch of which rows may be [pushed](Side::push), each of which is then forgotten by itself;
    /// those that are not have to be [let go](Side::let_go).
    pub fn words_of(&mut self, batch: &Batch, places: &mut Places) -> Vec<RowWords> {
        let picks = self.layout.pick.map(|_| {
            let columns: Vec<ColumnRef> =
                self.layout.left_behind.iter().map(|(number, _)| batch.columns[*number].clone()).collect();
            let bytes = columns.iter().map(|column| column.bytes()).sum();
            let values = Values::Columns(columns);
            let kept = LeftBehind { values, n_rows: batch.n_rows, bytes, n_live: batch.n_rows };
            let number = match self.free.pop() {
                Some(free) => {
                    self.batches[free as usize] = kept;
                    free
                }
                None => {
                    self.batches.push(kept);
                    self.batches.len() as u32 - 1
                }
            };
            (0..batch.n_rows as u64).map(|row| (number as u64) << 32 | row).collect()
        });
        self.layout.words_of(batch, places.words(&batch.origin, batch.n_rows), picks)
    }

    /// A row that is not kept.
    pub fn let_go(&mut self, words: &[&[u64]], row: usize) {
        if let Some(pick) = self.layout.pick {
            self.forget(words[pick][row]);
        }
    }

    fn forget(&mut self, pick: u64) {
        let number = (pick >> 32) as u32;
        let batch = &mut self.batches[number as usize];
        batch.n_live -= 1;
        if batch.n_live == 0 {
            *batch = LeftBehind::default();
            self.free.push(number);
        }
    }

    /// Lets go of the batches of rows that have been cut off.
    fn forget_cut_off(&mut self) {
        for pick in std::mem::take(&mut self.lists.cut_off) {
            self.forget(pick);
        }
    }

    /// Adds a row to the list of the key with this number. Where it stands.
    #[inline]
    pub fn push(
        &mut self,
        (list, number): (&mut u32, u32),
        words: &[&[u64]],
        row: usize,
        until: EventTime,
        other: Watermark,
    ) -> u64 {
        let at = self.lists.push(list, number, until, |until| is_over(until, other));
        self.lists.row_mut(at).iter_mut().zip(words).for_each(|(to, from)| *to = from[row]);
        at
    }

    /// Adds a row that is forgotten when its batch is done.
    pub fn push_passing(&mut self, words: &[&[u64]], row: usize) -> u64 {
        let mut passing = self.passing;
        let at = self.push((&mut passing, UNSWEPT), words, row, EventTime::MAX, Watermark::START);
        self.passing = passing;
        at
    }

    /// Adds a row that equals no other and waits.
    pub fn push_lonely(&mut self, words: &[&[u64]], row: usize, until: EventTime, other: Watermark) -> u64 {
        let mut lonely = self.lonely;
        let at = self.push((&mut lonely, UNSWEPT), words, row, until, other);
        self.lonely = lonely;
        at
    }

    /// A row will leave if it finds no partner.
    pub fn wait(&mut self, row: u64, until: EventTime) {
        if let Some(unmatched) = &mut self.unmatched {
            unmatched.push(Reverse((until, row)));
        }
    }

    /// Notes that a row has a partner; whether it had none before.
    pub fn mark(&mut self, row: u64) -> bool {
        let place = &mut self.lists.row_mut(row)[PLACE];
        let had_none = *place & 1 == 0;
        *place |= 1;
        had_none
    }

    pub fn is_marked(&self, row: u64) -> bool {
        self.place(row) & 1 == 1
    }

    pub fn time(&self, row: u64) -> EventTime {
        self.lists.row(row)[TIME] as EventTime
    }

    pub fn place(&self, row: u64) -> u64 {
        self.lists.row(row)[PLACE]
    }

    /// Takes the rows for which it is now certain that they have no partner, in the order of their times.
    pub fn take_unmatched(&mut self, other: Watermark, places: &Places) -> Vec<u64> {
        let mut taken = vec![];
        while let Some(Reverse((until, row))) =
            self.unmatched.as_ref().and_then(|waiting| waiting.peek()).copied()
            && is_over(until, other)
        {
            self.unmatched.as_mut().map(BinaryHeap::pop);
            taken.extend(self.mark(row).then_some(row));
        }
        taken.sort_by_cached_key(|row| (self.time(*row), places.place(self.place(*row))));
        taken
    }

    /// Forgets all rows of a key.
    pub fn forget_list(&mut self, list: &mut u32) {
        self.lists.cut(list, |_| true);
        self.forget_cut_off();
    }

    /// Forgets the rows that are [passing](Side::push_passing).
    pub fn clear_passing(&mut self) {
        self.lists.cut(&mut self.passing, |_| true);
        self.forget_cut_off();
    }

    /// Forgets rows that can find no partner any more; what leaves without one has to be taken before. `lists` are
    /// those of the keys, of both sides; those with rows are noted.
    pub fn expire(&mut self, lists: &mut [[u32; 2]], side: usize, other: Watermark, occupied: &mut [bool]) {
        let over = |until| is_over(until, other);
        self.lists.sweep(lists, |lists| &mut lists[side], over, |list, has_rows| occupied[list] |= has_rows);
        self.lists.cut(&mut self.lonely, |until| is_over(until, other));
        self.forget_cut_off();
    }

    /// Whether it holds more than when rows were forgotten last, beside what it could use again.
    pub fn has_grown(&self) -> bool {
        self.lists.has_grown() || self.layout.pick.is_some()
    }

    /// How many rows wait to be found without a partner, and the watermark that decides the first.
    pub fn waiting(&self) -> Option<(usize, EventTime)> {
        let unmatched = self.unmatched.as_ref()?;
        let Reverse((until, _)) = unmatched.peek()?;
        Some((unmatched.len(), *until))
    }

    pub fn bytes(&self) -> usize {
        let batches: usize = self.batches.iter().map(|batch| batch.bytes).sum();
        self.lists.bytes() + batches + self.unmatched.as_ref().map_or(0, |heap| heap.len() * 16)
    }

    /// Columns with these numbers of these rows, null where there is none ([`ZEROS`]). `keys` are the values of their
    /// keys, as far as the rows have them from there.
    pub fn columns(&self, rows: &[u64], keys: &[Option<ColumnRef>], wanted: &[usize]) -> Vec<ColumnRef> {
        let columns = self.layout.columns(&self.lists, rows, keys, wanted);
        let is_wanted =
            |(place, (number, _)): (usize, &(usize, Type))| wanted.contains(number).then_some(place);
        let places: Vec<usize> = self.layout.left_behind.iter().enumerate().filter_map(is_wanted).collect();
        let mut left_behind = match self.layout.pick {
            Some(pick) if !places.is_empty() => self.left_behind(rows, pick, &places).into_iter(),
            _ => vec![].into_iter(),
        };
        columns.into_iter().filter_map(|column| column.or_else(|| left_behind.next())).collect()
    }

    /// All columns of its rows.
    pub fn all_columns(&self, rows: &[u64], keys: &[Option<ColumnRef>]) -> Vec<ColumnRef> {
        self.columns(rows, keys, &(0..self.types.len()).collect::<Vec<_>>())
    }

    /// Of the columns that stay in batches those at these places.
    fn left_behind(&self, rows: &[u64], pick: usize, places: &[usize]) -> Vec<ColumnRef> {
        let types: Vec<Type> = places.iter().map(|place| self.layout.left_behind[*place].1.clone()).collect();
        // Of each batch that is looked at, its number among these.
        let mut numbers: Vec<u32> = vec![u32::MAX; self.batches.len()];
        let mut batches: Vec<Batch> = vec![];
        let batch = |columns, n_rows| Batch { columns, n_rows, origin: Origin::default(), late: vec![] };
        let mut nothing = None;
        // The rows that are read from files, as a batch of their own.
        let mut read: Option<(u32, Vec<ColumnBuilder>)> = None;
        let mut pick_of = |row: &u64| -> Pick {
            if *row == ZEROS {
                let number = *nothing.get_or_insert_with(|| {
                    batches.push(batch(types.iter().map(null).collect(), 1));
                    batches.len() as u32 - 1
                });
                return (number, 0);
            }
            let word = self.lists.row(*row)[pick];
            let number = &mut numbers[(word >> 32) as usize];
            if *number == u32::MAX {
                let of = &self.batches[(word >> 32) as usize];
                *number = match &of.values {
                    Values::Columns(columns) => {
                        let columns = places.iter().map(|place| columns[*place].clone()).collect();
                        batches.push(batch(columns, of.n_rows));
                        batches.len() as u32 - 1
                    }
                    Values::Spilled(_) => {
                        let (number, _) = read.get_or_insert_with(|| {
                            batches.push(batch(vec![], 0));
                            let new = |ty: &Type| ColumnBuilder::new(&ty.clone().or_null(true));
                            (batches.len() as u32 - 1, types.iter().map(new).collect())
                        });
                        *number
                    }
                };
            }
            if let Some((of_read, columns)) = &mut read
                && of_read == number
            {
                return (*number, self.read_row(word, places, columns));
            }
            (*number, word as u32)
        };
        let picks: Vec<Pick> = rows.iter().map(&mut pick_of).collect();
        if let Some((number, columns)) = read {
            let n_rows = columns.first().map_or(0, ColumnBuilder::len);
            let columns = columns.into_iter().map(|column| Arc::new(column.finish())).collect();
            batches[number as usize] = batch(columns, n_rows);
        }
        if let [one] = &batches[..] {
            let rows: Vec<u32> = picks.iter().map(|(_, row)| *row).collect();
            return one.columns.iter().map(|column| Arc::new(column.gather(&rows))).collect();
        }
        let types: Vec<Type> = types.into_iter().map(|ty| ty.or_null(true)).collect();
        interleave(&batches.iter().collect::<Vec<_>>(), &types, &picks)
    }

    /// Adds a row that stands in a file to the columns at these places. Its number there.
    fn read_row(&self, word: u64, places: &[usize], columns: &mut [ColumnBuilder]) -> u32 {
        let n_before = columns.first().map_or(0, ColumnBuilder::len);
        let read = match &self.batches[(word >> 32) as usize].values {
            Values::Spilled(rows) => rows.row(word as u32 as usize),
            Values::Columns(_) => Err(io::ErrorKind::NotFound.into()),
        };
        let values = read.unwrap_or_else(|error| {
            self.fault.set(Some(error));
            vec![]
        });
        for (column, place) in columns.iter_mut().zip(places) {
            column.push(values.get(*place).unwrap_or(&Value::Null));
        }
        n_before as u32
    }

    /// Bytes of what could be written to a file, and is not.
    pub fn can_spill(&self) -> usize {
        let in_memory = |of: &&LeftBehind| matches!(of.values, Values::Columns(_));
        self.batches.iter().filter(in_memory).map(|of| of.bytes).sum()
    }

    /// Writes what need not be looked at to find partners to a file.
    pub fn spill(&mut self, writer: &mut SpillWriter) -> io::Result<()> {
        let types: Vec<Type> = self.layout.left_behind.iter().map(|(_, ty)| ty.clone()).collect();
        for of in self.batches.iter_mut().filter(|of| of.n_live > 0) {
            if let Values::Columns(columns) = &of.values {
                let rows = SpilledRows::write(columns, &types, of.n_rows, writer)?;
                of.bytes = rows.bytes();
                of.values = Values::Spilled(rows);
            }
        }
        Ok(())
    }

    /// Why what it gave is wrong, if it is.
    pub fn take_fault(&self) -> Option<io::Error> {
        self.fault.take()
    }

    /// The rows that are kept, those of a key in their order, and the number of the key of each.
    fn kept(&self, keys: &JoinKeys, side: usize) -> (Vec<u64>, Vec<u32>) {
        let (mut rows, mut numbers) = (vec![], vec![]);
        let all = (EventTime::MIN, EventTime::MAX);
        let lists = (0..).zip(&keys.lists).map(|(number, lists)| (number, lists[side]));
        for (number, list) in lists.chain([self.lonely, self.passing].map(|list| (NO_KEY, list))) {
            self.lists.walk(list, EventTime::MIN, all, |row, _| rows.push(row));
            numbers.resize(rows.len(), number);
        }
        (rows, numbers)
    }

    /// The same as values, each with whether it has had a partner.
    pub fn contents(&self, keys: &JoinKeys, side: usize) -> Vec<(Vec<Value>, bool)> {
        let (rows, numbers) = self.kept(keys, side);
        let mut held = vec![];
        for (rows, numbers) in rows.chunks(BATCH_ROWS).zip(numbers.chunks(BATCH_ROWS)) {
            let of_keys = if self.layout.has_keys() { keys.columns(numbers) } else { vec![] };
            let columns = self.all_columns(rows, &of_keys);
            let columns: Vec<_> = columns.iter().map(|column| &**column).zip(&self.types).collect();
            let marks = rows.iter().map(|row| self.is_marked(*row));
            held.extend(rows_of_columns(&columns, rows.len()).into_iter().zip(marks));
        }
        held
    }

    /// Writes the rows that are kept, those of a key in their order, each with whether it has had a partner.
    /// `lists` are those of the keys.
    pub fn snapshot(&self, keys: &JoinKeys, side: usize, places: &Places, writer: &mut SnapshotWriter) {
        let (rows, numbers) = self.kept(keys, side);
        writer.sequence(
            rows.chunks(BATCH_ROWS).zip(numbers.chunks(BATCH_ROWS)),
            |writer, (rows, numbers)| {
                let origin = places.origin(&rows.iter().map(|row| self.place(*row)).collect::<Vec<_>>());
                let keys = match self.layout.has_keys() {
                    true => keys.columns(numbers),
                    false => vec![],
                };
                let batch = Batch {
                    columns: self.all_columns(rows, &keys),
                    n_rows: rows.len(),
                    origin,
                    late: vec![],
                };
                writer.batch(&batch, &self.types);
                writer.sequence(rows.iter(), |writer, row| writer.bool(self.is_marked(*row)));
            },
        );
    }

    /// What [`Side::snapshot`] wrote.
    pub fn read(&self, reader: &mut SnapshotReader) -> Result<Vec<(Batch, Vec<bool>)>, Corrupt> {
        reader.sequence(|reader| {
            let batch = reader.batch(&self.types)?;
            let matched = reader.sequence(|reader| reader.bool())?;
            if matched.len() != batch.n_rows {
                return Err(Corrupt);
            }
            Ok((batch, matched))
        })
    }
}

fn null(ty: &Type) -> ColumnRef {
    let mut column = ColumnBuilder::new(&ty.clone().or_null(true));
    column.push(&Value::Null);
    Arc::new(column.finish())
}

/// Whether no partner can come any more.
#[inline]
pub fn is_over(until: EventTime, other: Watermark) -> bool {
    until < other.0 || other == Watermark::END
}
