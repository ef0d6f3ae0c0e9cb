//! The rows of a table: of each key those that stand, and those that stood as long as somebody can ask for them.
//!
//! Every row is kept once, with the time from which it stands and that from which it does no longer. The rows of a
//! key are a chain from the last to the first, with links that jump over others as in a skew-binary list (Myers: An
//! applicative random-access stack, 1983), so that what stood long ago is found in the logarithm of the key's rows.
//! Rows that nobody can ask for stay until they are more than half of all; then the others move together.

use super::columns::{KeptColumn, NO_ROW};
use super::index::ColumnIndex;
use super::left::LeftRows;
use crate::contents::{Contents, time};
use crate::kernel::key_index::{KeyIndex, NO_STATE};
use crate::kernel::prefetch::prefetch;
use crate::message::EventTime;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::spill::Spill;
use millstream_ir::batch::Batch;
use millstream_ir::column::{Column, ColumnData, ColumnRef};
use millstream_ir::flow::{Reading, Schema};
use millstream_ir::types::{Layout, Type};
use millstream_ir::value::{Value, canonical_float};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::Arc;

/// So few rows are not worth a move.
const FEW: usize = 64;
/// How far ahead versions are requested.
const AHEAD: usize = 16;
/// So many rows are moved at once.
const MOVED: usize = 4096;

/// What tables of one node have in common.
#[derive(Clone)]
pub struct Shape {
    pub types: Vec<Type>,
    pub key: Vec<usize>,
    /// Of each column whether anybody reads it: the others are not kept.
    pub is_read: Vec<bool>,
    /// Whether it is looked at for each row that asks, so that it stays in memory.
    pub is_looked_at: Vec<bool>,
    /// What readers look rows up by, other than the key.
    pub indices: Vec<Vec<usize>>,
    pub seed: u64,
}

pub struct Versions {
    shape: Shape,
    /// Those that stand in files of the first rows, from the others on.
    columns: Vec<KeptColumn>,
    left: LeftRows,
    /// Of each row.
    versions: Vec<Version>,
    keys: KeyIndex,
    /// Of each key its last row; of a table without times, only if that stands.
    heads: Vec<u32>,
    indices: Vec<ColumnIndex>,
    /// When rows ended that somebody can still ask for, ascending.
    ended: VecDeque<EventTime>,
    n_dead: usize,
    /// The least time that somebody can ask for.
    least: EventTime,
    numbers: Vec<u32>,
}

/// When a row stands, and its place among those of its key.
#[derive(Clone, Copy)]
struct Version {
    from: EventTime,
    until: EventTime,
    key: u32,
    /// The one before it.
    back: u32,
    /// One further back, or the same.
    jump: u32,
    /// How many there are before it, counted from one that is gone perhaps.
    depth: u32,
}

/// When a row ends that stands.
const OPEN: EventTime = EventTime::MAX;
/// When one has ended of a table without times.
const GONE: EventTime = EventTime::MIN;

/// When a row of the left side wants its partners to stand.
#[derive(Clone, Copy)]
pub enum Moment {
    Now,
    At { time: EventTime, max_age: Option<i64> },
}

/// The same of all rows of a batch.
#[derive(Clone, Copy)]
pub enum Asked<'a> {
    Now,
    /// At the times in this column.
    At(&'a Column, Option<i64>),
}

impl Asked<'_> {
    /// None: the time is not known.
    pub fn of(self, row: u32) -> Option<Moment> {
        match self {
            Asked::Now => Some(Moment::Now),
            Asked::At(column, max_age) => match &column.data {
                ColumnData::I64(times) if column.is_valid(row as usize) => {
                    Some(Moment::At { time: times[row as usize], max_age })
                }
                _ => None,
            },
        }
    }
}

impl Version {
    fn stands(&self, moment: Moment) -> bool {
        match moment {
            Moment::Now => self.until == OPEN,
            Moment::At { time, max_age } => {
                self.from <= time
                    && (time < self.until || self.until == OPEN)
                    && max_age.is_none_or(|age| time.saturating_sub(self.from) <= age)
            }
        }
    }

    fn is_dead(&self, least: EventTime) -> bool {
        self.until != OPEN && self.until <= least
    }
}

impl Versions {
    pub fn new(shape: Shape) -> Versions {
        let types = |columns: &[usize]| -> Vec<Type> {
            columns.iter().filter_map(|column| shape.types.get(*column)).cloned().collect()
        };
        let indices = shape.indices.iter();
        let can_leave = |(number, ty): &(usize, Type)| {
            let is_needed = shape.is_looked_at[*number]
                || shape.key.contains(number)
                || shape.indices.iter().any(|index| index.contains(number));
            shape.is_read[*number] && !is_needed && matches!(ty.layout(), Layout::View | Layout::Boxed)
        };
        let leaving = shape.types.iter().cloned().enumerate().filter(can_leave);
        Versions {
            left: LeftRows::new(leaving.collect()),
            columns: shape.types.iter().map(KeptColumn::new).collect(),
            versions: vec![],
            keys: KeyIndex::new(&types(&shape.key), shape.seed),
            heads: vec![],
            indices: indices.map(|columns| ColumnIndex::new(columns, &types(columns), shape.seed)).collect(),
            ended: VecDeque::new(),
            n_dead: 0,
            least: EventTime::MIN,
            numbers: vec![],
            shape,
        }
    }

    pub fn n_columns(&self) -> usize {
        self.columns.len()
    }

    /// A column that is looked at for each row that asks.
    pub fn looked_at(&self, number: usize) -> &ColumnRef {
        self.columns[number].column()
    }

    /// These columns of the rows with these numbers; null for [`NO_ROW`].
    pub fn gather(&self, numbers: &[usize], rows: &[u32]) -> Vec<ColumnRef> {
        let from_files: Vec<usize> =
            numbers.iter().copied().filter(|number| self.left.has(*number)).collect();
        let mut read = match from_files.is_empty() {
            true => vec![],
            false => self.left.gather(&from_files, rows, &self.columns),
        }
        .into_iter();
        let mut column = |number: usize| match self.left.has(number) {
            true => read.next(),
            false => Some(Arc::new(self.columns[number].gather(rows))),
        };
        numbers.iter().filter_map(|number| column(*number)).collect()
    }

    /// Why rows that were gathered are wrong, if they are.
    pub fn take_fault(&self) -> Option<io::Error> {
        self.left.take_fault()
    }

    /// Writes what need not be in memory to files.
    pub fn spill(&mut self, spill: &Spill) -> io::Result<()> {
        self.left.take(&mut self.columns, self.versions.len(), spill)
    }

    /// Takes rows, each in the place of the one of its key, from their `times` on; a row is an end alone where
    /// `change` is -1. How many were in the place of another is the answer.
    pub fn put(&mut self, batch: &Batch, change: Option<usize>, times: Option<&[EventTime]>) -> u64 {
        let keys: Vec<&ColumnRef> = self.shape.key.iter().map(|key| &batch.columns[*key]).collect();
        let mut numbers = std::mem::take(&mut self.numbers);
        self.keys.find_all(&keys, batch.n_rows, &mut numbers);
        self.heads.resize(self.keys.n_numbers(), NO_ROW);
        let is_end = |row: u32| match change.map(|change| &batch.columns[change].data) {
            Some(ColumnData::I64(signs)) => signs[row as usize] < 0,
            _ => false,
        };
        let mut n_replaced = 0;
        let mut added = Vec::with_capacity(batch.n_rows);
        for (row, key) in (0..).zip(numbers.iter().copied()) {
            let time = times.map(|times| times[row as usize]);
            n_replaced += self.end(key, time) as u64;
            if !is_end(row) {
                self.push_version(key, time.unwrap_or(EventTime::MIN), OPEN);
                added.push(row);
            }
        }
        self.append(&batch.columns, &added);
        self.numbers = numbers;
        self.compact_if_due();
        n_replaced
    }

    /// The row of a key that stands does no longer; whether there was one.
    fn end(&mut self, key: u32, time: Option<EventTime>) -> bool {
        let head = &mut self.heads[key as usize];
        let Some(version) = self.versions.get_mut(*head as usize).filter(|last| last.until == OPEN) else {
            return false;
        };
        match time {
            Some(time) => {
                version.until = time;
                self.ended.push_back(time);
            }
            None => {
                version.until = GONE;
                *head = NO_ROW;
                self.n_dead += 1;
            }
        }
        true
    }

    fn push_version(&mut self, key: u32, from: EventTime, until: EventTime) {
        let number = self.versions.len() as u32;
        let back = std::mem::replace(&mut self.heads[key as usize], number);
        let at = |number: u32| self.versions.get(number as usize);
        let (mut jump, mut depth) = (back, 0);
        if let Some(before) = at(back) {
            depth = before.depth + 1;
            if let Some(further) = at(before.jump)
                && let Some(furthest) = at(further.jump)
                && before.depth - further.depth == further.depth - furthest.depth
            {
                jump = further.jump;
            }
        }
        self.versions.push(Version { from, until, key, back, jump, depth });
    }

    /// Adds the columns of the versions that were pushed last.
    fn append(&mut self, columns: &[ColumnRef], rows: &[u32]) {
        let first = (self.versions.len() - rows.len()) as u32;
        for ((kept, column), is_read) in self.columns.iter_mut().zip(columns).zip(&self.shape.is_read) {
            if *is_read {
                kept.append(column, rows);
            }
        }
        for index in &mut self.indices {
            index.append(columns, rows, first);
        }
    }

    /// Nobody will ask for an earlier time.
    pub fn forget(&mut self, least: EventTime) {
        self.least = self.least.max(least);
        while self.ended.front().is_some_and(|until| *until <= self.least) {
            self.ended.pop_front();
            self.n_dead += 1;
        }
        self.compact_if_due();
    }

    /// Of each row of these columns, or of `rows` alone, the row of its key that stands when it is asked for, or
    /// [`NO_ROW`].
    pub fn find(
        &mut self,
        columns: &[&ColumnRef],
        rows: Option<&[u32]>,
        n_rows: usize,
        asked: Asked,
        found: &mut Vec<u32>,
    ) {
        match rows {
            Some(rows) => self.keys.look_up(columns, rows, found),
            None => self.keys.look_up_all(columns, n_rows, found),
        }
        let last_of = |number: u32| self.heads.get(number as usize).copied().unwrap_or(NO_ROW);
        found.iter_mut().for_each(|number| *number = last_of(*number));
        if let Asked::Now = asked {
            return;
        }
        for i in 0..found.len() {
            if let Some(later) = found.get(i + AHEAD) {
                prefetch(self.versions.as_ptr().wrapping_add(*later as usize) as *const u8);
            }
            found[i] = match asked.of(rows.map_or(i as u32, |rows| rows[i])) {
                Some(moment @ Moment::At { time, .. }) => self.standing_at(found[i], time, moment),
                _ => NO_ROW,
            };
        }
    }

    /// Of a key's rows the one that stands at a time.
    fn standing_at(&self, last: u32, time: EventTime, moment: Moment) -> u32 {
        let mut number = last;
        while let Some(version) = self.versions.get(number as usize) {
            if version.from <= time {
                return if version.stands(moment) { number } else { NO_ROW };
            }
            let jumps = self.versions.get(version.jump as usize).is_some_and(|far| far.from > time);
            number = if jumps { version.jump } else { version.back };
        }
        NO_ROW
    }

    /// The numbers by which an index finds the rows that have the values of these columns: of all rows, or of
    /// `rows` alone.
    pub fn look_up(
        &mut self,
        index: usize,
        columns: &[&ColumnRef],
        rows: Option<&[u32]>,
        n_rows: usize,
        numbers: &mut Vec<u32>,
    ) {
        if let Some(index) = self.indices.get_mut(index) {
            index.look_up(columns, rows, n_rows, numbers);
        }
    }

    /// The rows with a number of an index that stand, in the order in which they came, are appended.
    pub fn standing(&self, index: usize, number: u32, moment: Moment, found: &mut Vec<u32>) {
        let first = found.len();
        let rows = self.indices.get(index).into_iter().flat_map(|index| index.rows(number));
        found.extend(rows.filter(|row| self.versions[*row as usize].stands(moment)));
        found[first..].reverse();
    }

    fn compact_if_due(&mut self) {
        let most_are_dead = self.n_dead > FEW && self.n_dead * 2 > self.versions.len();
        // Keys of which only ends came.
        let few_keys_have_rows = self.keys.n_numbers() > 2 * self.versions.len() + FEW;
        if most_are_dead || few_keys_have_rows && !self.shape.key.is_empty() {
            self.compact();
        }
    }

    /// Drops what nobody can ask for.
    fn compact(&mut self) {
        let least = self.least;
        let live = (0..self.versions.len() as u32).filter(|row| !self.versions[*row as usize].is_dead(least));
        let live: Vec<u32> = live.collect();
        let n_left = self.left.n_rows() as u32;
        let behind: Vec<u32> = live.iter().filter_map(|row| row.checked_sub(n_left)).collect();
        let read = self.columns.iter_mut().zip(&self.shape.types).zip(&self.shape.is_read).enumerate();
        for (number, ((column, ty), _)) in read.filter(|(_, (_, is_read))| **is_read) {
            let rows = if self.left.has(number) { &behind } else { &live };
            let mut moved = KeptColumn::new(ty);
            rows.chunks(MOVED).for_each(|rows| moved.append(column.column(), rows));
            *column = moved;
        }
        self.left.keep(&live);
        let mut new_keys = vec![NO_STATE; self.keys.n_numbers()];
        live.iter().for_each(|row| new_keys[self.versions[*row as usize].key as usize] = 0);
        let kept: Vec<u32> =
            (0..new_keys.len() as u32).filter(|key| new_keys[*key as usize] != NO_STATE).collect();
        (0..).zip(&kept).for_each(|(new, old)| new_keys[*old as usize] = new);
        if !self.shape.key.is_empty() {
            self.keys.renumber(&kept);
        }
        self.heads = vec![NO_ROW; self.keys.n_numbers()];
        let before = std::mem::take(&mut self.versions);
        for Version { from, until, key, .. } in live.iter().map(|row| before[*row as usize]) {
            self.push_version(new_keys[key as usize], from, until);
        }
        self.n_dead = 0;
        let columns: Vec<ColumnRef> = self.columns.iter().map(|column| column.column().clone()).collect();
        for index in &mut self.indices {
            index.clear();
            let rows: Vec<u32> = (0..live.len() as u32).collect();
            rows.chunks(MOVED).for_each(|rows| index.append(&columns, rows, rows[0]));
        }
    }

    pub fn bytes(&self) -> usize {
        let columns: usize = self.columns.iter().map(KeptColumn::bytes).sum();
        let indices: usize = self.indices.iter().map(ColumnIndex::bytes).sum();
        let versions = self.versions.capacity() * size_of::<Version>() + self.heads.capacity() * 4;
        let left = self.left.bytes();
        columns + left + indices + versions + self.keys.bytes() + self.ended.len() * 8
    }

    /// The rows that somebody can ask for.
    fn live(&self) -> Vec<u32> {
        let live = |row: &u32| !self.versions[*row as usize].is_dead(self.least);
        (0..self.versions.len() as u32).filter(live).collect()
    }

    pub fn n_live(&self) -> usize {
        self.versions.iter().filter(|version| !version.is_dead(self.least)).count()
    }

    /// These rows, as far as they are kept, with the times between which they stand where a table has such.
    pub fn contents(&self, what: &str, schema: &Schema, reading: Reading) -> Contents {
        let live = self.live();
        let all: Vec<usize> = (0..self.columns.len()).collect();
        let columns = self.gather(&all, &live);
        let value = |row: usize, number: usize, ty: &Type| match self.shape.is_read[number] {
            true => columns[number].value(row, ty),
            false => Value::Null,
        };
        let row = |row: usize| {
            self.shape.types.iter().enumerate().map(|(number, ty)| value(row, number, ty)).collect()
        };
        let mut shown = schema.clone();
        let of_schema = shown.columns.iter_mut().zip(&self.shape.is_read);
        // What nobody reads is not kept.
        of_schema.for_each(|(column, is_read)| column.hidden |= !is_read);
        let held = Contents::rows_of(what, &shown, (0..live.len()).map(row));
        let spans = || live.iter().map(|row| self.versions[*row as usize]);
        match reading {
            Reading::AsItStands => held,
            Reading::AsOf => held
                .with("from", Type::TIMESTAMP.nullable(), spans().map(|version| time(version.from)))
                .with("until", Type::TIMESTAMP.nullable(), spans().map(|version| time(version.until))),
        }
    }

    /// Writes the rows that somebody can ask for.
    pub fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.i64(self.least);
        let live = self.live();
        writer.sequence(live.iter(), |writer, row| {
            writer.i64(self.versions[*row as usize].from);
            writer.i64(self.versions[*row as usize].until);
        });
        // A copy of a large table would take as much memory as the table.
        writer.batch_in_parts(live.len(), &self.shape.types, |column, rows| {
            let mut gathered = self.gather(&[column], &live[rows]);
            let fault = self.take_fault().map_or(Ok(()), Err);
            fault.and(gathered.pop().ok_or(ErrorKind::InvalidData.into()))
        });
    }

    /// What [`Versions::snapshot`] wrote.
    pub fn restore(shape: Shape, reader: &mut SnapshotReader) -> Result<Versions, Corrupt> {
        let mut restored = Versions::new(shape);
        restored.least = reader.i64()?;
        let spans = reader.sequence(|reader| Ok((reader.i64()?, reader.i64()?)))?;
        let batch = reader.batch(&restored.shape.types)?;
        if batch.n_rows != spans.len() {
            return Err(Corrupt);
        }
        let rows: Vec<u32> = (0..batch.n_rows as u32).collect();
        let keys: Vec<&ColumnRef> = restored.shape.key.iter().map(|key| &batch.columns[*key]).collect();
        let mut numbers = vec![];
        restored.keys.find(&keys, &rows, &mut numbers);
        restored.heads.resize(restored.keys.n_numbers(), NO_ROW);
        for (key, (from, until)) in numbers.into_iter().zip(&spans) {
            restored.push_version(key, *from, *until);
        }
        restored.append(&batch.columns, &rows);
        let mut ended: Vec<EventTime> =
            spans.iter().map(|(_, until)| *until).filter(|until| *until != OPEN).collect();
        ended.sort_unstable();
        restored.ended = ended.into();
        Ok(restored)
    }
}

/// Whether two values are one key.
pub fn are_equal(a: (&Column, u32), b: (&Column, u32)) -> bool {
    let ((left, a), (right, b)) = ((a.0, a.1 as usize), (b.0, b.1 as usize));
    if !left.is_valid(a) || !right.is_valid(b) {
        return false;
    }
    match (&left.data, &right.data) {
        (ColumnData::Bool(left), ColumnData::Bool(right)) => left[a] == right[b],
        (ColumnData::I64(left), ColumnData::I64(right)) => left[a] == right[b],
        (ColumnData::I128(left), ColumnData::I128(right)) => left[a] == right[b],
        (ColumnData::I64(left), ColumnData::I128(right)) => left[a] as i128 == right[b],
        (ColumnData::I128(left), ColumnData::I64(right)) => left[a] == right[b] as i128,
        (ColumnData::F64(left), ColumnData::F64(right)) => {
            canonical_float(left[a]).to_bits() == canonical_float(right[b]).to_bits()
        }
        (ColumnData::Text(left), ColumnData::Text(right)) => left.bytes(a) == right.bytes(b),
        (ColumnData::Boxed(left), ColumnData::Boxed(right)) => left[a] == right[b],
        _ => false,
    }
}
