//! The best rows of each partition so far, as changes: a row that comes in among the best pushes out the
//! last of them.
//!
//! Of an append-only input only the best are kept, since what has once been pushed out never comes back.
//! Of an updating input all rows are, so that the next best takes the place of one that is withdrawn.
//! A change has the time of the row that caused it, and is late if that is.

use crate::accumulate::side::Position;
use crate::kernel::key_index::KeyIndex;
use crate::message::{EventTime, Message, Watermark};
use crate::op::changes::{late_of, plain};
use crate::op::sweep::Sweep;
use crate::operator::{Operator, Output};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::batch::{BATCH_ROWS, Batch, RowPlace};
use millstream_ir::column::{ColumnBuilder, ColumnData, ColumnRef};
use millstream_ir::flow::{AmongEquals, Keep, Schema, Top};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

pub struct TopOperator {
    spec: Top,
    types: Vec<Type>,
    /// The column of the event time.
    time: usize,
    /// Which columns sort in reverse.
    descending: Arc<[bool]>,
    /// From what rows are parted by to the numbers of partitions.
    index: KeyIndex,
    /// By number; none where nothing has the number.
    partitions: Vec<Option<Partition>>,
    sweep: Sweep,
    /// Of windows the numbers of partitions, by the end of theirs.
    to_forget: BTreeMap<EventTime, Vec<u32>>,
}

type Row = Vec<Value>;

struct Partition {
    best: BTreeMap<Rank, Row>,
    /// Of an updating input the rows that are not among the best now.
    rest: BTreeMap<Rank, Row>,
    /// The greatest event time.
    last: EventTime,
}

/// Where a row stands among the others; no two rows of a partition share a rank.
#[derive(Clone, PartialEq, Eq)]
struct Rank {
    by: Vec<Value>,
    descending: Arc<[bool]>,
    tie: Tie,
    /// Tells apart rows that nothing else does: of one position, or with equal columns.
    copy: u64,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Tie {
    Position(Position),
    Columns(Vec<Value>),
    Latest(std::cmp::Reverse<Position>),
}

impl Tie {
    /// The position of the row; any will do for one that ranks by its columns.
    fn position(&self) -> Position {
        match self {
            Tie::Position(position) | Tie::Latest(std::cmp::Reverse(position)) => *position,
            Tie::Columns(_) => Position { time: 0, place: RowPlace::default() },
        }
    }
}

impl Ord for Rank {
    fn cmp(&self, other: &Rank) -> Ordering {
        let pairs = self.by.iter().zip(&other.by).zip(&*self.descending);
        let by = pairs.map(|((a, b), descending)| if *descending { b.cmp(a) } else { a.cmp(b) });
        by.fold(Ordering::Equal, Ordering::then)
            .then_with(|| self.tie.cmp(&other.tie))
            .then_with(|| self.copy.cmp(&other.copy))
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Rank) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A row that is added (1) or withdrawn (-1).
type Changed = (i64, Row);

impl Partition {
    fn new(first: EventTime) -> Partition {
        Partition { best: BTreeMap::new(), rest: BTreeMap::new(), last: first }
    }

    fn add(&mut self, mut rank: Rank, row: Row, limit: usize, keeps_all: bool) -> Vec<Changed> {
        while self.best.contains_key(&rank) || self.rest.contains_key(&rank) {
            rank.copy += 1;
        }
        let worst = match self.best.last_key_value() {
            Some((worst, _)) if self.best.len() >= limit => worst,
            _ => {
                self.best.insert(rank, row.clone());
                return vec![(1, row)];
            }
        };
        if rank > *worst {
            if keeps_all {
                self.rest.insert(rank, row);
            }
            return vec![];
        }
        let Some((worst, pushed_out)) = self.best.pop_last() else { return vec![] };
        if keeps_all {
            self.rest.insert(worst, pushed_out.clone());
        }
        self.best.insert(rank, row.clone());
        vec![(-1, pushed_out), (1, row)]
    }

    /// Takes out a row equal to one that was added.
    fn remove(&mut self, mut rank: Rank) -> Vec<Changed> {
        // Of equal rows the last copy goes.
        let is_known = |p: &Partition, rank: &Rank| p.best.contains_key(rank) || p.rest.contains_key(rank);
        while is_known(self, &Rank { copy: rank.copy + 1, ..rank.clone() }) {
            rank.copy += 1;
        }
        if self.rest.remove(&rank).is_some() {
            return vec![];
        }
        let Some(row) = self.best.remove(&rank) else { return vec![] };
        let mut changes = vec![(-1, row)];
        if let Some((rank, next)) = self.rest.pop_first() {
            self.best.insert(rank, next.clone());
            changes.push((1, next));
        }
        changes
    }
}

impl TopOperator {
    /// `seed` is that of the hash table, and changes nothing that can be seen.
    pub fn new(spec: &Top, input: &Schema, seed: u64) -> TopOperator {
        let key_types: Vec<Type> = spec.per.iter().map(|c| input.columns[*c].ty.clone()).collect();
        TopOperator {
            types: input.types(),
            time: input.time,
            descending: spec.by.iter().map(|key| key.descending).collect(),
            index: KeyIndex::new(&key_types, seed),
            partitions: vec![],
            sweep: Sweep::default(),
            to_forget: BTreeMap::new(),
            spec: spec.clone(),
        }
    }

    fn take_rows(&mut self, batch: &Batch, output: &mut Output) {
        let ColumnData::I64(times) = &batch.columns[self.time].data else { return };
        let signs = self.spec.sign.map(|sign| &batch.columns[sign].data);
        let mut changes = Changes::default();
        let keys: Vec<&ColumnRef> = self.spec.per.iter().map(|column| &batch.columns[*column]).collect();
        let (rows, mut numbers): (Vec<u32>, _) = ((0..batch.n_rows as u32).collect(), vec![]);
        self.index.find(&keys, &rows, &mut numbers);
        self.partitions.resize_with(self.index.n_numbers(), || None);
        for number in 0..batch.n_rows {
            let late = batch.late(number);
            if late.is_some() && self.spec.among_equals == AmongEquals::Latest {
                output.n_late_left_out += 1;
                continue;
            }
            let row: Row = batch.columns.iter().zip(&self.types).map(|(c, ty)| c.value(number, ty)).collect();
            let is_added = !matches!(signs, Some(ColumnData::I64(signs)) if signs[number] < 0);
            let rank = self.rank(&row, Position::of_row(batch, times, number));
            let now = late.map_or(times[number], |late| late.watermark);
            let place = &mut self.partitions[numbers[number] as usize];
            if place.as_ref().is_some_and(|known| self.spec.keep.is_over(known.last, now)) {
                *place = None;
            }
            if place.is_none()
                && let Some(end) = end_of_window(&self.spec, &row)
            {
                self.to_forget.entry(end).or_default().push(numbers[number]);
            }
            let partition = place.get_or_insert_with(|| Partition::new(times[number]));
            partition.last = partition.last.max(times[number]);
            let caused = match is_added {
                true => partition.add(rank, row, self.spec.limit, self.spec.sign.is_some()),
                false => partition.remove(rank),
            };
            caused.into_iter().for_each(|(sign, row)| changes.push(sign, row, number));
        }
        changes.finish(self, batch, times, output);
    }

    /// Forgets partitions that no row can reach any more.
    fn forget(&mut self, watermark: Watermark) {
        while let Some(over) = self.to_forget.first_entry()
            && *over.key() <= watermark.0
        {
            for number in over.remove() {
                self.partitions[number as usize] = None;
                self.index.remove(number);
            }
        }
        let keep = self.spec.keep;
        let Keep::Expire(expire) = keep else { return };
        let (turn, ends) = self.sweep.advance(watermark, expire, self.index.n_numbers());
        for number in turn {
            // Late rows that were left out may have been all of its rows.
            let place = &mut self.partitions[number as usize];
            if place.as_ref().is_none_or(|known| keep.is_over(known.last, watermark.0)) {
                *place = None;
                self.index.remove(number);
            }
        }
        if ends && let Some(kept) = self.index.shrink() {
            self.partitions = kept.iter().map(|number| self.partitions[*number as usize].take()).collect();
        }
    }

    fn rank(&self, row: &Row, position: Position) -> Rank {
        let tie = match (self.spec.among_equals, self.spec.sign) {
            (AmongEquals::Latest, _) => Tie::Latest(std::cmp::Reverse(position)),
            (AmongEquals::Earliest, None) => Tie::Position(position),
            // When a row came that stands for a result depends on the order of arrival.
            (AmongEquals::Earliest, Some(sign)) => {
                let told_apart = row.iter().enumerate().filter(|(c, _)| *c != sign && *c != self.time);
                Tie::Columns(told_apart.map(|(_, value)| value.clone()).collect())
            }
        };
        let by = self.spec.by.iter().map(|key| row[key.column].clone()).collect();
        Rank { by, descending: self.descending.clone(), tie, copy: 0 }
    }
}

/// When the window of a row is over, if it is of one.
fn end_of_window(spec: &Top, row: &Row) -> Option<EventTime> {
    let end = spec.per.get(1).filter(|_| spec.is_of_window)?;
    if let Value::Timestamp(end) = row[*end] { Some(end) } else { None }
}

/// The changes that the rows of a batch cause.
#[derive(Default)]
struct Changes {
    rows: Vec<Changed>,
    /// Of each, the row of the batch that caused it.
    causes: Vec<u32>,
}

impl Changes {
    fn push(&mut self, sign: i64, row: Row, cause: usize) {
        self.rows.push((sign, row));
        self.causes.push(cause as u32);
    }

    /// Puts them into the output in batches; a row that is withdrawn and the one in its place stay together.
    fn finish(self, operator: &TopOperator, batch: &Batch, times: &[EventTime], output: &mut Output) {
        let mut from = 0;
        while from < self.rows.len() {
            let mut to = self.rows.len().min(from + BATCH_ROWS);
            if to < self.rows.len() && self.causes[to] == self.causes[to - 1] {
                to += 1;
            }
            let part = self.batch(operator, batch, times, from..to);
            output.messages.push(Message::Batch(part));
            from = to;
        }
    }

    fn batch(&self, operator: &TopOperator, batch: &Batch, times: &[EventTime], part: Range<usize>) -> Batch {
        let (rows, causes) = (&self.rows[part.clone()], &self.causes[part]);
        let mut columns: Vec<ColumnRef> = vec![];
        let times = plain(causes.iter().map(|cause| times[*cause as usize]));
        let signs = plain(rows.iter().map(|(sign, _)| *sign));
        for (number, ty) in operator.types.iter().enumerate() {
            match operator.spec.sign {
                Some(sign) if number == sign => columns.push(signs.clone()),
                Some(_) if number == operator.time => columns.push(times.clone()),
                _ => {
                    let mut column = ColumnBuilder::new(ty);
                    rows.iter().for_each(|(_, row)| column.push(&row[number]));
                    columns.push(Arc::new(column.finish()));
                }
            }
        }
        if operator.spec.sign.is_none() {
            columns.extend([times, signs]);
        }
        let origin = batch.origin.gather(causes);
        Batch { columns, n_rows: rows.len(), origin, late: late_of(&batch.late, causes) }
    }
}

impl Operator for TopOperator {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => self.take_rows(&batch, output),
            Message::Watermark(watermark) => {
                self.forget(watermark);
                output.messages.push(message);
            }
        }
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        let known: Vec<(u32, &Partition)> = (0..)
            .zip(&self.partitions)
            .filter_map(|(number, place)| Some((number, place.as_ref()?)))
            .collect();
        writer.sequence(known.into_iter(), |writer, (number, partition)| {
            self.index.snapshot(number, writer);
            writer.i64(partition.last);
            for rows in [&partition.best, &partition.rest] {
                writer.sequence(rows.iter(), |writer, (rank, row)| {
                    row.iter().for_each(|value| writer.value(value));
                    rank.tie.position().write(writer);
                    writer.u64(rank.copy);
                });
            }
        });
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        for _ in 0..reader.count()? {
            let number = self.index.restore(reader)?;
            let last = reader.i64()?;
            let mut ranked = || {
                let rows = reader.sequence(|reader| {
                    let row: Row = self.types.iter().map(|_| reader.value()).collect::<Result<_, _>>()?;
                    let rank = self.rank(&row, Position::restore(reader)?);
                    Ok((Rank { copy: reader.u64()?, ..rank }, row))
                })?;
                Ok(rows.into_iter().collect::<BTreeMap<Rank, Row>>())
            };
            let partition = Partition { best: ranked()?, rest: ranked()?, last };
            let end = partition.best.values().next().and_then(|row| end_of_window(&self.spec, row));
            if let Some(end) = end {
                self.to_forget.entry(end).or_default().push(number);
            }
            self.partitions.resize_with(self.index.n_numbers(), || None);
            self.partitions[number as usize] = Some(partition);
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        let n_rows: usize = self.partitions.iter().flatten().map(|p| p.best.len() + p.rest.len()).sum();
        let partitions = self.partitions.capacity() * size_of::<Option<Partition>>();
        self.index.bytes()
            + partitions
            + n_rows * (size_of::<Rank>() + self.types.len() * 2 * size_of::<Value>())
    }
}
