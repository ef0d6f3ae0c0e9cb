//! `lead(x, n)` inside of windows: a column behind the row for each, with the value that `x` has `n` rows of
//! the key further on in the window.
//!
//! Rows wait until the rows that they look at have come, or cannot come any more because the window is over,
//! and leave in the order in which they came. So the watermark that is passed on waits for the first of them.

use super::inside::Inside;
use super::times_of;
use crate::kernel::key_index::KeyIndex;
use crate::message::{EventTime, Message, Watermark};
use crate::op::scope::Windows;
use crate::operator::{Operator, Output};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::waiting::Waiting;
use millstream_ir::batch::Batch;
use millstream_ir::column::{Column, ColumnBuilder, ColumnRef};
use millstream_ir::flow::{HistoryFunction, KeyHistory, Schema};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::collections::VecDeque;
use std::sync::Arc;

/// The row that is looked at, where there is none, or none yet.
const NONE: u64 = u64::MAX;

pub struct LeadOperator {
    functions: Vec<Lead>,
    /// Of the input.
    types: Vec<Type>,
    keys: Vec<usize>,
    time: usize,
    inside: Inside,
    index: KeyIndex,
    /// By the number of the state, its last rows, as far as one of them still waits.
    last_rows: Vec<VecDeque<u64>>,
    /// Rows in the order in which they came, of which some wait. They are counted from the first of all.
    held: VecDeque<Held>,
    n_rows: u64,
    watermark: Watermark,
    /// The last watermark that was passed on.
    passed: Watermark,
    rows: Vec<u32>,
    numbers: Vec<u32>,
}

struct Lead {
    column: usize,
    n_rows: usize,
    ty: Type,
}

struct Held {
    /// The number of the first row.
    first: u64,
    batch: Batch,
    /// By function and row, the row that it looks at.
    targets: Vec<Vec<u64>>,
    is_done: Vec<bool>,
    n_left: usize,
}

impl LeadOperator {
    /// None without functions that look ahead in a window. `seed` is that of the hash tables, and changes
    /// nothing that can be seen.
    pub fn new(spec: &KeyHistory, input: &Schema, seed: u64) -> Option<LeadOperator> {
        let of_windows = spec.keys_of_windows();
        let windows = Windows::new(spec.window.as_ref()?, of_windows, input, seed)?;
        let function = |function: &HistoryFunction| match function {
            HistoryFunction::Lead { column, n_rows, ty } => {
                Some(Lead { column: *column, n_rows: (*n_rows).max(1), ty: ty.clone() })
            }
            _ => None,
        };
        let functions: Vec<Lead> = spec.functions().iter().map(function).collect::<Option<_>>()?;
        if functions.is_empty() {
            return None;
        }
        let keys = spec.keys[of_windows.len()..].to_vec();
        let types = input.types();
        let key_types: Vec<Type> =
            [Type::INT].into_iter().chain(keys.iter().map(|key| types[*key].clone())).collect();
        Some(LeadOperator {
            functions,
            types,
            keys,
            time: input.time,
            inside: Inside::new(windows),
            index: KeyIndex::new(&key_types, seed),
            last_rows: vec![],
            held: VecDeque::new(),
            n_rows: 0,
            watermark: Watermark::START,
            passed: Watermark::START,
            rows: vec![],
            numbers: vec![],
        })
    }

    fn take(&mut self, batch: Batch) {
        self.rows.clear();
        self.rows.extend(0..batch.n_rows as u32);
        let window = self.inside.find(&batch);
        let keys = self.keys.iter().map(|key| &batch.columns[*key]);
        let keys: Vec<&ColumnRef> = std::iter::once(&window).chain(keys).collect();
        self.index.find(&keys, &self.rows, &mut self.numbers);
        self.last_rows.resize(self.index.n_numbers().max(self.last_rows.len()), VecDeque::new());
        self.inside.keep(&self.numbers);
        let first = self.n_rows;
        self.n_rows += batch.n_rows as u64;
        let targets = vec![vec![NONE; batch.n_rows]; self.functions.len()];
        let is_done = vec![false; batch.n_rows];
        self.held.push_back(Held { first, batch, targets, is_done, n_left: 0 });
        let furthest = self.functions.iter().map(|function| function.n_rows).max().unwrap_or(1);
        for (row, number) in (first..).zip(&self.numbers) {
            let last_rows = &mut self.last_rows[*number as usize];
            for (position, function) in self.functions.iter().enumerate() {
                let looking = last_rows.len().checked_sub(function.n_rows).and_then(|at| last_rows.get(at));
                if let Some(looking) = looking
                    && let Some((held, at)) = find(&mut self.held, *looking)
                {
                    held.targets[position][at] = row;
                }
            }
            last_rows.push_back(row);
            if last_rows.len() > furthest
                && let Some(done) = last_rows.pop_front()
            {
                set_done(&mut self.held, done);
            }
        }
        self.end_windows();
    }

    /// No rows come any more to windows that are over.
    fn end_windows(&mut self) {
        for number in self.inside.take_ended() {
            self.index.remove(number);
            std::mem::take(&mut self.last_rows[number as usize])
                .into_iter()
                .for_each(|row| set_done(&mut self.held, row));
        }
        if let Some(kept) = self.index.shrink() {
            self.inside.renumber(&kept);
            let of_old = |number: &u32| std::mem::take(&mut self.last_rows[*number as usize]);
            self.last_rows = kept.iter().map(of_old).collect();
        }
    }

    /// Gives the rows in front of the first one that waits, and the watermark if there is a new one.
    fn give(&mut self, output: &mut Output) {
        while let Some(held) = self.held.front() {
            let waiting = held.is_done.iter().skip(held.n_left).position(|is_done| !is_done);
            let end = waiting.map_or(held.batch.n_rows, |waiting| held.n_left + waiting);
            if end > held.n_left {
                let rows: Vec<u32> = (held.n_left as u32..end as u32).collect();
                let ahead = (0..self.functions.len()).map(|position| self.ahead(position, held, &rows));
                let ahead: Vec<ColumnRef> = ahead.map(Arc::new).collect();
                let is_whole = rows.len() == held.batch.n_rows;
                let mut batch = if is_whole { held.batch.clone() } else { held.batch.gather(&rows) };
                batch.columns.extend(ahead);
                output.messages.push(Message::Batch(batch));
            }
            if waiting.is_some() {
                self.held[0].n_left = end;
                break;
            }
            self.held.pop_front();
        }
        let passed = self.oldest().map_or(self.watermark, |time| self.watermark.min(Watermark(time)));
        if passed > self.passed {
            self.passed = passed;
            output.messages.push(Message::Watermark(passed));
        }
    }

    /// What a function says of these rows.
    fn ahead(&self, position: usize, held: &Held, rows: &[u32]) -> Column {
        let Lead { column, ty, .. } = &self.functions[position];
        let mut values = ColumnBuilder::new(&ty.clone().nullable());
        for row in rows {
            let target = held.targets[position][*row as usize];
            let place = self.held.partition_point(|held| held.first <= target).checked_sub(1);
            match place.and_then(|place| self.held.get(place)).filter(|_| target != NONE) {
                Some(there) => {
                    let row = (target - there.first) as usize;
                    values.push(&there.batch.columns[*column].value(row, ty));
                }
                None => values.push(&Value::Null),
            }
        }
        values.finish()
    }

    /// Whether the rows that are held are all from the first of them on, and look at each other.
    fn is_without_gaps(&self) -> bool {
        let Some(first) = self.held.front().map(|held| held.first) else { return true };
        let mut next = first;
        for held in &self.held {
            if held.first != next {
                return false;
            }
            next += held.batch.n_rows as u64;
        }
        let mut targets = self.held.iter().flat_map(|held| &held.targets).flatten();
        next == self.n_rows && targets.all(|target| *target == NONE || (first..next).contains(target))
    }

    /// The time of the first row that waits.
    fn oldest(&self) -> Option<EventTime> {
        let held = self.held.front()?;
        times_of(&held.batch, self.time).get(held.n_left).copied()
    }
}

/// The batch in which a row is held, and its number there.
fn find(held: &mut VecDeque<Held>, row: u64) -> Option<(&mut Held, usize)> {
    let place = held.partition_point(|held| held.first <= row).checked_sub(1)?;
    let held = held.get_mut(place)?;
    let at = (row - held.first) as usize;
    (at < held.batch.n_rows).then_some((held, at))
}

fn set_done(held: &mut VecDeque<Held>, row: u64) {
    if let Some((held, at)) = find(held, row) {
        held.is_done[at] = true;
    }
}

impl Operator for LeadOperator {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => self.take(batch),
            Message::Watermark(watermark) => {
                self.watermark = watermark;
                self.inside.windows.advance(watermark, true, &mut self.inside.ended);
                self.end_windows();
            }
        }
        self.give(output);
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.i64(self.watermark.0);
        writer.i64(self.passed.0);
        writer.u64(self.n_rows);
        writer.sequence(self.held.iter(), |writer, held| {
            let rows: Vec<u32> = (held.n_left as u32..held.batch.n_rows as u32).collect();
            writer.u64(held.first + held.n_left as u64);
            writer.batch(&held.batch.gather(&rows), &self.types);
            held.targets.iter().for_each(|targets| writer.words(&targets[held.n_left..]));
            held.is_done[held.n_left..].iter().for_each(|is_done| writer.bool(*is_done));
        });
        self.inside.windows.snapshot(writer);
        let live = (0..self.index.n_numbers() as u32).filter(|number| self.index.is_live(*number));
        writer.sequence(live.collect::<Vec<u32>>().into_iter(), |writer, number| {
            self.index.snapshot(number, writer);
            writer.u64(self.inside.window_of(number));
            let rows: Vec<u64> = self.last_rows[number as usize].iter().copied().collect();
            writer.words(&rows);
        });
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.watermark = Watermark(reader.i64()?);
        self.passed = Watermark(reader.i64()?);
        self.n_rows = reader.total()?;
        for _ in 0..reader.count()? {
            let first = reader.total()?;
            let batch = reader.batch(&self.types)?;
            let targets: Vec<Vec<u64>> =
                (0..self.functions.len()).map(|_| reader.words()).collect::<Result<_, Corrupt>>()?;
            let is_done = (0..batch.n_rows).map(|_| reader.bool()).collect::<Result<Vec<bool>, Corrupt>>()?;
            if targets.iter().any(|targets| targets.len() != batch.n_rows) {
                return Err(Corrupt);
            }
            self.held.push_back(Held { first, batch, targets, is_done, n_left: 0 });
        }
        if !self.is_without_gaps() {
            return Err(Corrupt);
        }
        self.inside.windows.restore(reader)?;
        for _ in 0..reader.count()? {
            let number = self.index.restore(reader)?;
            self.last_rows.resize(self.index.n_numbers().max(self.last_rows.len()), VecDeque::new());
            self.inside.keep_one(number, reader.total()?);
            self.last_rows[number as usize] = reader.words()?.into();
        }
        Ok(())
    }

    fn waiting(&self) -> Option<Waiting> {
        let until = self.oldest()?;
        let n_rows = self.held.iter().map(|held| held.batch.n_rows - held.n_left).sum();
        Some(Waiting { what: "rows", n: Some(n_rows), until })
    }

    fn state_bytes(&self) -> usize {
        let of_held = |held: &Held| held.batch.bytes() + held.batch.n_rows * (1 + 8 * self.functions.len());
        let rows: usize =
            self.last_rows.iter().map(|rows| size_of::<VecDeque<u64>>() + rows.capacity() * 8).sum();
        self.held.iter().map(of_held).sum::<usize>() + self.index.bytes() + self.inside.bytes() + rows
    }
}
