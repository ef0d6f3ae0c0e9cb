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
use crate::op::left_behind::LeftBehind;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::batch::{BATCH_ROWS, Batch};
use millstream_ir::column::ColumnRef;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

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
    /// The columns that are not words of rows.
    pub left_behind: LeftBehind,
    /// Of rows that leave if they find no partner, when that is certain.
    unmatched: Option<BinaryHeap<Reverse<(EventTime, u64)>>>,
}

impl Side {
    /// `yields_unmatched`: whether rows leave that find no partner.
    pub fn new(types: &[Type], layout: RowLayout, yields_unmatched: bool) -> Side {
        Side {
            types: types.to_vec(),
            lists: RowLists::new(layout.width, layout.pick),
            left_behind: LeftBehind::new(layout.left_behind.iter().map(|(_, ty)| ty.clone()).collect()),
            layout,
            lonely: EMPTY,
            passing: EMPTY,
            unmatched: yields_unmatched.then(BinaryHeap::new),
        }
    }

    /// The words of a batch of which rows may be [pushed](Side::push), each of which is then forgotten by itself;
    /// those that are not have to be [let go](Side::let_go).
    pub fn words_of(&mut self, batch: &Batch, places: &mut Places) -> Vec<RowWords> {
        let picks = self.layout.pick.map(|_| {
            let columns = self.layout.left_behind.iter().map(|(number, _)| batch.columns[*number].clone());
            self.left_behind.add(columns.collect(), batch.n_rows)
        });
        self.layout.words_of(batch, places.words(&batch.origin, batch.n_rows), picks)
    }

    /// A row that is not kept.
    pub fn let_go(&mut self, words: &[&[u64]], row: usize) {
        if let Some(pick) = self.layout.pick {
            self.left_behind.forget(words[pick][row]);
        }
    }

    /// Lets go of the batches of rows that have been cut off.
    fn forget_cut_off(&mut self) {
        for pick in std::mem::take(&mut self.lists.cut_off) {
            self.left_behind.forget(pick);
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
        self.lists.bytes()
            + self.left_behind.bytes()
            + self.unmatched.as_ref().map_or(0, |heap| heap.len() * 16)
    }

    /// Columns with these numbers of these rows, null where there is none ([`ZEROS`]). `keys` are the values of their
    /// keys, as far as the rows have them from there.
    pub fn columns(&self, rows: &[u64], keys: &[Option<ColumnRef>], wanted: &[usize]) -> Vec<ColumnRef> {
        let columns = self.layout.columns(&self.lists, rows, keys, wanted);
        let is_wanted =
            |(place, (number, _)): (usize, &(usize, Type))| wanted.contains(number).then_some(place);
        let places: Vec<usize> = self.layout.left_behind.iter().enumerate().filter_map(is_wanted).collect();
        let mut left_behind = match self.layout.pick {
            Some(pick) if !places.is_empty() => {
                let words = rows.iter().map(|row| (*row != ZEROS).then(|| self.lists.row(*row)[pick]));
                self.left_behind.columns(words, &places).into_iter()
            }
            _ => vec![].into_iter(),
        };
        columns.into_iter().filter_map(|column| column.or_else(|| left_behind.next())).collect()
    }

    /// All columns of its rows.
    pub fn all_columns(&self, rows: &[u64], keys: &[Option<ColumnRef>]) -> Vec<ColumnRef> {
        self.columns(rows, keys, &(0..self.types.len()).collect::<Vec<_>>())
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

/// Whether no partner can come any more.
#[inline]
pub fn is_over(until: EventTime, other: Watermark) -> bool {
    until < other.0 || other == Watermark::END
}
