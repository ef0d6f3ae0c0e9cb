//! `prev`, `lag` and `row_number`: a column behind the row for each.

use super::{Kind, States, times_of};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::batch::Batch;
use millstream_ir::buffer::Buffer;
use millstream_ir::column::{Bitmap, Column, ColumnBuilder, ColumnData};
use millstream_ir::flow::HistoryFunction;
use millstream_ir::types::{Layout, Type};
use millstream_ir::value::Value;
use std::sync::Arc;

pub struct Functions {
    /// The column of the event time.
    time: usize,
    functions: Vec<Function>,
    /// Of each row, whether it is the first of its state.
    is_first: Vec<bool>,
}

enum Function {
    Lag(Lag),
    RowNumber(Vec<i64>),
}

/// A column's values in the last rows of each state.
struct Lag {
    column: usize,
    ty: Type,
    n_rows: usize,
    /// Of each state `n_rows` values, in turns.
    values: Values,
    /// Of each state, which of them is the oldest; not kept where there is one.
    oldest: Vec<u32>,
}

enum Values {
    /// Ints, times, floats, booleans as they stand in a column, and whether each is not null.
    Words(Vec<u64>, Vec<bool>),
    Any(Vec<Value>),
}

impl Functions {
    pub fn new(time: usize, functions: &[HistoryFunction]) -> Functions {
        let function = |function: &HistoryFunction| match function {
            HistoryFunction::Lag { column, n_rows, ty } => Some(Function::Lag(Lag {
                column: *column,
                ty: ty.clone(),
                n_rows: (*n_rows).max(1),
                values: Values::new(ty),
                oldest: vec![],
            })),
            HistoryFunction::RowNumber => Some(Function::RowNumber(vec![])),
            // Has an operator of its own.
            HistoryFunction::Lead { .. } => None,
        };
        Functions { time, functions: functions.iter().filter_map(function).collect(), is_first: vec![] }
    }
}

impl Kind for Functions {
    fn resize(&mut self, n: usize) {
        for function in &mut self.functions {
            match function {
                Function::Lag(lag) => lag.resize(n),
                Function::RowNumber(counts) => counts.resize(n, 0),
            }
        }
    }

    fn take(&mut self, states: &mut States, batch: Batch, numbers: &[u32]) -> Batch {
        self.is_first.clear();
        for (row, (number, now)) in numbers.iter().zip(times_of(&batch, self.time)).enumerate() {
            states.request(numbers, row);
            self.is_first.push(states.is_due(*number, *now));
            states.times[*number as usize] = *now;
        }
        let mut batch = batch;
        for function in &mut self.functions {
            let column = match function {
                Function::Lag(lag) => lag.take(&batch, numbers, &self.is_first),
                Function::RowNumber(counts) => {
                    let count = |(number, is_first): (&u32, &bool)| {
                        let count = &mut counts[*number as usize];
                        *count = if *is_first { 1 } else { *count + 1 };
                        *count
                    };
                    let counts = numbers.iter().zip(&self.is_first).map(count).collect();
                    Column { data: ColumnData::I64(counts), validity: None }
                }
            };
            batch.columns.push(Arc::new(column));
        }
        batch
    }

    fn clear(&mut self, number: u32) {
        for function in &mut self.functions {
            match function {
                Function::Lag(lag) => lag.clear(number),
                Function::RowNumber(counts) => counts[number as usize] = 0,
            }
        }
    }

    fn renumber(&mut self, kept: &[u32]) {
        for function in &mut self.functions {
            match function {
                Function::Lag(lag) => lag.renumber(kept),
                Function::RowNumber(counts) => {
                    *counts = kept.iter().map(|number| counts[*number as usize]).collect();
                }
            }
        }
    }

    fn bytes(&self) -> usize {
        let of = |function: &Function| match function {
            Function::Lag(lag) => lag.bytes(),
            Function::RowNumber(counts) => counts.capacity() * 8,
        };
        self.functions.iter().map(of).sum()
    }

    fn snapshot(&self, number: u32, writer: &mut SnapshotWriter) {
        for function in &self.functions {
            match function {
                Function::Lag(lag) => lag.snapshot(number, writer),
                Function::RowNumber(counts) => writer.i64(counts[number as usize]),
            }
        }
    }

    fn restore(&mut self, number: u32, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        for function in &mut self.functions {
            match function {
                Function::Lag(lag) => lag.restore(number, reader)?,
                Function::RowNumber(counts) => counts[number as usize] = reader.i64()?,
            }
        }
        Ok(())
    }
}

impl Lag {
    fn resize(&mut self, n: usize) {
        match &mut self.values {
            Values::Words(words, valid) => {
                words.resize(n * self.n_rows, 0);
                valid.resize(n * self.n_rows, false);
            }
            Values::Any(values) => values.resize(n * self.n_rows, Value::Null),
        }
        if self.n_rows > 1 {
            self.oldest.resize(n, 0);
        }
    }

    /// The column of what the values were, for rows whose values are kept in turn.
    fn take(&mut self, batch: &Batch, numbers: &[u32], is_first: &[bool]) -> Column {
        let column = batch.columns[self.column].clone();
        let validity = column.validity.as_ref();
        let is_valid = |row: usize| validity.is_none_or(|validity| validity.get(row));
        match &column.data {
            ColumnData::I64(values) if self.ty.layout() == Layout::I64 => {
                let (words, validity) =
                    self.take_words(numbers, is_first, |row| values[row] as u64, is_valid);
                Column { data: ColumnData::I64(words.iter().map(|word| *word as i64).collect()), validity }
            }
            ColumnData::F64(values) => {
                let (words, validity) =
                    self.take_words(numbers, is_first, |row| values[row].to_bits(), is_valid);
                Column {
                    data: ColumnData::F64(words.iter().map(|word| f64::from_bits(*word)).collect()),
                    validity,
                }
            }
            ColumnData::Bool(values) => {
                let (words, validity) =
                    self.take_words(numbers, is_first, |row| values[row] as u64, is_valid);
                Column { data: ColumnData::Bool(words.iter().map(|word| *word as u8).collect()), validity }
            }
            _ => {
                let mut before = ColumnBuilder::new(&self.ty.clone().nullable());
                for (row, number) in numbers.iter().enumerate() {
                    if is_first[row] {
                        self.clear(*number);
                    }
                    let place = self.place(*number);
                    if let Values::Any(values) = &mut self.values {
                        let value = std::mem::replace(&mut values[place], column.value(row, &self.ty));
                        before.push(&value);
                    }
                }
                before.finish()
            }
        }
    }

    fn take_words(
        &mut self,
        numbers: &[u32],
        is_first: &[bool],
        value: impl Fn(usize) -> u64,
        is_valid: impl Fn(usize) -> bool,
    ) -> (Buffer<u64>, Option<Bitmap>) {
        let mut before: Buffer<u64> = Buffer::with_capacity(numbers.len());
        let mut validity = Bitmap::default();
        for (row, number) in numbers.iter().enumerate() {
            if is_first[row] {
                self.clear(*number);
            }
            let place = self.place(*number);
            if let Values::Words(words, valid) = &mut self.values {
                let word = if is_valid(row) { value(row) } else { 0 };
                before.push(std::mem::replace(&mut words[place], word));
                validity.push(std::mem::replace(&mut valid[place], is_valid(row)));
            }
        }
        let validity = Some(validity).filter(|validity| !validity.all_valid());
        (before, validity)
    }

    /// Where a state's oldest value stands, which the next one replaces.
    fn place(&mut self, number: u32) -> usize {
        let first = number as usize * self.n_rows;
        let Some(oldest) = self.oldest.get_mut(number as usize) else { return first };
        let place = first + *oldest as usize;
        *oldest = if *oldest as usize + 1 == self.n_rows { 0 } else { *oldest + 1 };
        place
    }

    fn clear(&mut self, number: u32) {
        let places = number as usize * self.n_rows..(number as usize + 1) * self.n_rows;
        match &mut self.values {
            Values::Words(words, valid) => {
                words[places.clone()].fill(0);
                valid[places].fill(false);
            }
            Values::Any(values) => values[places].fill(Value::Null),
        }
    }

    fn renumber(&mut self, kept: &[u32]) {
        let n_rows = self.n_rows;
        let places = || kept.iter().flat_map(|n| *n as usize * n_rows..(*n as usize + 1) * n_rows);
        match &mut self.values {
            Values::Words(words, valid) => {
                *words = places().map(|place| words[place]).collect();
                *valid = places().map(|place| valid[place]).collect();
            }
            Values::Any(values) => *values = places().map(|place| values[place].clone()).collect(),
        }
        if n_rows > 1 {
            self.oldest = kept.iter().map(|number| self.oldest[*number as usize]).collect();
        }
    }

    fn bytes(&self) -> usize {
        let values = match &self.values {
            Values::Words(words, valid) => words.capacity() * 8 + valid.capacity(),
            Values::Any(values) => {
                let beside: usize = values.iter().map(bytes_beside).sum();
                values.capacity() * size_of::<Value>() + beside
            }
        };
        values + self.oldest.capacity() * 4
    }

    /// The places of a state's values, the oldest first.
    fn places(&self, number: u32) -> impl Iterator<Item = usize> + use<> {
        let (first, n_rows) = (number as usize * self.n_rows, self.n_rows);
        let oldest = self.oldest.get(number as usize).map_or(0, |oldest| *oldest as usize);
        (0..n_rows).map(move |i| first + (oldest + i) % n_rows)
    }

    fn snapshot(&self, number: u32, writer: &mut SnapshotWriter) {
        for place in self.places(number) {
            match &self.values {
                Values::Words(words, valid) => {
                    writer.u64(words[place]);
                    writer.bool(valid[place]);
                }
                Values::Any(values) => writer.value(&values[place]),
            }
        }
    }

    fn restore(&mut self, number: u32, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        for place in self.places(number) {
            match &mut self.values {
                Values::Words(words, valid) => {
                    words[place] = reader.u64()?;
                    valid[place] = reader.bool()?;
                }
                Values::Any(values) => values[place] = reader.value()?,
            }
        }
        Ok(())
    }
}

impl Values {
    fn new(ty: &Type) -> Values {
        match ty.layout() {
            Layout::I64 | Layout::F64 | Layout::Bool => Values::Words(vec![], vec![]),
            Layout::Decimal | Layout::View | Layout::Boxed => Values::Any(vec![]),
        }
    }
}

/// What a value keeps beside itself, if that is a text.
fn bytes_beside(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        _ => 0,
    }
}
