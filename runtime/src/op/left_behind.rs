//! The columns of rows that are no words: they stay in the batches in which the rows came, or go to files where memory has
//! no room for them. A row is told by the number of its batch and its own in it, as one word.

use crate::op::interleave::{Pick, interleave};
use crate::op::spilled_rows::SpilledRows;
use crate::spill::SpillWriter;
use millstream_ir::batch::{Batch, Origin};
use millstream_ir::column::{ColumnBuilder, ColumnRef};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::sync::Arc;

pub struct LeftBehind {
    types: Vec<Type>,
    /// Free where no row is left.
    batches: Vec<Part>,
    free: Vec<u32>,
    /// Why something was taken for null that stands in a file.
    fault: Cell<Option<io::Error>>,
}

/// What stays of a batch.
#[derive(Default)]
struct Part {
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

fn batch_of(row: u64) -> usize {
    (row >> 32) as usize
}

impl LeftBehind {
    pub fn new(types: Vec<Type>) -> LeftBehind {
        LeftBehind { types, batches: vec![], free: vec![], fault: Cell::new(None) }
    }

    /// The rows of a batch with these columns, each of which is then forgotten by itself.
    pub fn add(&mut self, columns: Vec<ColumnRef>, n_rows: usize) -> Vec<u64> {
        let bytes = columns.iter().map(|column| column.bytes()).sum();
        let part = Part { values: Values::Columns(columns), n_rows, bytes, n_live: n_rows };
        let number = match self.free.pop() {
            Some(free) => {
                self.batches[free as usize] = part;
                free
            }
            None => {
                self.batches.push(part);
                self.batches.len() as u32 - 1
            }
        };
        (0..n_rows as u64).map(|row| (number as u64) << 32 | row).collect()
    }

    pub fn forget(&mut self, row: u64) {
        let part = &mut self.batches[batch_of(row)];
        part.n_live -= 1;
        if part.n_live == 0 {
            *part = Part::default();
            self.free.push(batch_of(row) as u32);
        }
    }

    pub fn bytes(&self) -> usize {
        self.batches.iter().map(|part| part.bytes).sum()
    }

    /// Bytes of what could be written to a file, and is not.
    pub fn can_spill(&self) -> usize {
        let in_memory = |part: &&Part| matches!(part.values, Values::Columns(_));
        self.batches.iter().filter(in_memory).map(|part| part.bytes).sum()
    }

    pub fn spill(&mut self, writer: &mut SpillWriter) -> io::Result<()> {
        for part in self.batches.iter_mut().filter(|part| part.n_live > 0) {
            if let Values::Columns(columns) = &part.values {
                let rows = SpilledRows::write(columns, &self.types, part.n_rows, writer)?;
                part.bytes = rows.bytes();
                part.values = Values::Spilled(rows);
            }
        }
        Ok(())
    }

    /// Why what it gave is wrong, if it is.
    pub fn take_fault(&self) -> Option<io::Error> {
        self.fault.take()
    }

    /// The columns at these places of rows, null where there is none.
    pub fn columns(&self, rows: impl Iterator<Item = Option<u64>>, places: &[usize]) -> Vec<ColumnRef> {
        let mut gathering = Gathering {
            of: self,
            places,
            types: places.iter().map(|place| self.types[*place].clone().or_null(true)).collect(),
            numbers: vec![u32::MAX; self.batches.len()],
            batches: vec![],
            nothing: None,
            read: None,
        };
        let picks: Vec<Pick> = rows.map(|row| gathering.pick(row)).collect();
        gathering.finish(&picks)
    }

    /// The values of a row that stands in a file.
    fn read(&self, row: u64) -> Vec<Value> {
        let read = match &self.batches[batch_of(row)].values {
            Values::Spilled(rows) => rows.row(row as u32 as usize),
            Values::Columns(_) => Err(ErrorKind::NotFound.into()),
        };
        read.unwrap_or_else(|error| {
            self.fault.set(Some(error));
            vec![]
        })
    }
}

/// Columns that are put together of those of several batches.
struct Gathering<'a> {
    of: &'a LeftBehind,
    places: &'a [usize],
    /// Of these columns, which may be null.
    types: Vec<Type>,
    batches: Vec<Batch>,
    /// Of each batch that is there its number among these.
    numbers: Vec<u32>,
    /// That of one with a row of nulls.
    nothing: Option<u32>,
    /// That of one with the rows that are read from files.
    read: Option<(u32, Vec<ColumnBuilder>)>,
}

impl Gathering<'_> {
    fn add(&mut self, columns: Vec<ColumnRef>, n_rows: usize) -> u32 {
        self.batches.push(Batch { columns, n_rows, origin: Origin::default(), late: vec![] });
        self.batches.len() as u32 - 1
    }

    fn pick(&mut self, row: Option<u64>) -> Pick {
        let Some(row) = row else { return (self.nothing(), 0) };
        let known = self.numbers[batch_of(row)];
        if known != u32::MAX {
            return (known, row as u32);
        }
        let part = &self.of.batches[batch_of(row)];
        match &part.values {
            Values::Columns(columns) => {
                let columns = self.places.iter().map(|place| columns[*place].clone()).collect();
                let number = self.add(columns, part.n_rows);
                self.numbers[batch_of(row)] = number;
                (number, row as u32)
            }
            Values::Spilled(_) => self.pick_read(row),
        }
    }

    fn nothing(&mut self) -> u32 {
        if let Some(number) = self.nothing {
            return number;
        }
        let null = |ty: &Type| {
            let mut column = ColumnBuilder::new(ty);
            column.push(&Value::Null);
            Arc::new(column.finish())
        };
        let number = self.add(self.types.iter().map(null).collect(), 1);
        *self.nothing.insert(number)
    }

    fn pick_read(&mut self, row: u64) -> Pick {
        let (number, mut columns) = match self.read.take() {
            Some(read) => read,
            None => (self.add(vec![], 0), self.types.iter().map(ColumnBuilder::new).collect()),
        };
        let n_before = columns.first().map_or(0, ColumnBuilder::len);
        let values = self.of.read(row);
        for (column, place) in columns.iter_mut().zip(self.places) {
            column.push(values.get(*place).unwrap_or(&Value::Null));
        }
        self.read = Some((number, columns));
        (number, n_before as u32)
    }

    fn finish(mut self, picks: &[Pick]) -> Vec<ColumnRef> {
        if let Some((number, columns)) = self.read.take() {
            let read = &mut self.batches[number as usize];
            read.n_rows = columns.first().map_or(0, ColumnBuilder::len);
            read.columns = columns.into_iter().map(|column| Arc::new(column.finish())).collect();
        }
        if let [one] = &self.batches[..] {
            let rows: Vec<u32> = picks.iter().map(|(_, row)| *row).collect();
            return one.columns.iter().map(|column| Arc::new(column.gather(&rows))).collect();
        }
        interleave(&self.batches.iter().collect::<Vec<_>>(), &self.types, picks)
    }
}
