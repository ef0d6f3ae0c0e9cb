//! What looks at a row together with the rows of its key before it: `dedupe … within`, `throttle`,
//! `changes`, `prev`, `lag`, `row_number`. Its input comes in the total order.
//!
//! Each key has a state with a number. A state that is due is as good as none, whether or not it has been
//! dropped: rows see that by their own time. Watermarks drop states in turns: while one advances by a quarter
//! of the time that a state lives, all states are looked at once, a few per watermark.
//! Inside of windows each window has states of its own, which are dropped when it is over.

mod changes;
mod functions;
mod inside;
pub mod lead;
#[cfg(test)]
mod properties;
mod throttle;

use crate::contents::{Around, Contents, Count, rows_of_columns, time};
use crate::kernel::key_index::KeyIndex;
use crate::kernel::prefetch::prefetch;
use crate::message::{EventTime, Message, Watermark};
use crate::op::scope::Windows;
use crate::op::sweep::Sweep;
use crate::operator::{Operator, Output};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use inside::Inside;
use millstream_ir::batch::Batch;
use millstream_ir::column::{ColumnData, ColumnRef};
use millstream_ir::flow::{HistoryKind, KeyHistory, Schema};
use millstream_ir::types::Type;
use std::sync::Arc;

/// How far ahead states are requested.
const AHEAD: usize = 24;
/// The time of a state that no row has come to.
const FRESH: EventTime = EventTime::MIN;

pub struct History {
    /// Columns of the input; inside of windows stands in front of them the number of the window.
    keys: Vec<usize>,
    /// The column of the event time.
    time: usize,
    inside: Option<Inside>,
    index: KeyIndex,
    states: States,
    kind: Box<dyn Kind>,
    sweep: Sweep,
    numbers: Vec<u32>,
}

/// The times of states, by number: of the last row, or for a throttle of the first that was let through.
struct States {
    times: Vec<EventTime>,
    /// How long after its time a state is due.
    expire: Option<i64>,
}

impl States {
    fn is_due(&self, number: u32, now: EventTime) -> bool {
        let time = self.times[number as usize];
        // Whether it is cannot be guessed, so nothing depends on a guess.
        let is_over = self.expire.is_some() & (now.saturating_sub(time) >= self.expire.unwrap_or(0));
        (time == FRESH) | is_over
    }

    /// Asks the processor for the state of a row that comes soon after this one.
    fn request(&self, numbers: &[u32], row: usize) {
        if let Some(number) = numbers.get(row + AHEAD) {
            prefetch(self.times.as_ptr().wrapping_add(*number as usize) as *const u8);
        }
    }
}

/// What is kept of each key, and what becomes of its rows.
trait Kind: Send {
    /// Makes room for `n` states; new ones are empty.
    fn resize(&mut self, n: usize);

    /// What becomes of a batch of rows at these times, each with the number of its key's state.
    fn take(&mut self, states: &mut States, batch: Batch, numbers: &[u32]) -> Batch;

    /// Empties a state.
    fn clear(&mut self, number: u32);

    /// Keeps the states with these numbers, under new ones from 0 on.
    fn renumber(&mut self, kept: &[u32]);

    fn bytes(&self) -> usize;

    fn snapshot(&self, number: u32, writer: &mut SnapshotWriter);

    /// Takes over what [`Kind::snapshot`] wrote as an empty state.
    fn restore(&mut self, number: u32, reader: &mut SnapshotReader) -> Result<(), Corrupt>;
}

impl History {
    /// `input` is the schema of the rows; `seed` is that of the hash table, and changes nothing that can be seen.
    pub fn new(spec: &KeyHistory, input: &Schema, seed: u64) -> History {
        let ty = |column: &usize| input.columns[*column].ty.clone();
        let kind: Box<dyn Kind> = match &spec.kind {
            HistoryKind::Throttle { count, .. } => Box::new(throttle::Throttle::new(input.time, *count)),
            HistoryKind::Changes { of, .. } => {
                let types: Vec<Type> = of.iter().map(ty).collect();
                Box::new(changes::Changes::new(input.time, of.clone(), &types))
            }
            HistoryKind::Functions { functions, .. } => {
                Box::new(functions::Functions::new(input.time, functions))
            }
        };
        let of_windows = spec.keys_of_windows();
        let windows = spec.window.as_ref().and_then(|window| Windows::new(window, of_windows, input, seed));
        // The number of a window says its keys.
        let keys = spec.keys[of_windows.len()..].to_vec();
        let number = windows.iter().map(|_| Type::INT);
        let key_types: Vec<Type> = number.chain(keys.iter().map(ty)).collect();
        History {
            keys,
            time: input.time,
            inside: windows.map(Inside::new),
            index: KeyIndex::new(&key_types, seed),
            states: States { times: vec![], expire: spec.expire() },
            kind,
            sweep: Sweep::default(),
            numbers: vec![],
        }
    }

    fn take(&mut self, batch: Batch) -> Batch {
        let window = self.inside.as_mut().map(|inside| inside.find(&batch));
        let keys = self.keys.iter().map(|key| &batch.columns[*key]);
        let keys: Vec<&ColumnRef> = window.iter().chain(keys).collect();
        self.index.find_all(&keys, batch.n_rows, &mut self.numbers);
        self.resize();
        if let Some(inside) = &mut self.inside {
            inside.keep(&self.numbers);
        }
        let batch = self.kind.take(&mut self.states, batch, &self.numbers);
        self.drop_ended();
        batch
    }

    /// Drops the states of windows that are over.
    fn drop_ended(&mut self) {
        let Some(inside) = &mut self.inside else { return };
        for number in inside.take_ended() {
            self.index.remove(number);
            self.states.times[number as usize] = FRESH;
            self.kind.clear(number);
        }
        if let Some(kept) = self.index.shrink() {
            inside.renumber(&kept);
            self.renumber(&kept);
        }
    }

    /// Keeps the states with these numbers, under new ones from 0 on.
    fn renumber(&mut self, kept: &[u32]) {
        self.states.times = kept.iter().map(|number| self.states.times[*number as usize]).collect();
        self.kind.renumber(kept);
    }

    /// Makes room for the states that the index knows.
    fn resize(&mut self) {
        let n = self.index.n_numbers();
        if n > self.states.times.len() {
            self.states.times.resize(n, FRESH);
            self.kind.resize(n);
        }
    }

    fn live(&self) -> Vec<u32> {
        (0..self.index.n_numbers() as u32).filter(|number| self.index.is_live(*number)).collect()
    }

    /// Drops states that are due.
    fn sweep(&mut self, watermark: Watermark) {
        if let Some(inside) = &mut self.inside {
            inside.windows.advance(watermark, false, &mut inside.ended);
            return self.drop_ended();
        }
        let Some(expire) = self.states.expire else { return };
        let n = self.index.n_numbers();
        let (turn, ends) = self.sweep.advance(watermark, expire, n);
        for number in turn {
            if self.index.is_live(number) && self.states.is_due(number, watermark.0) {
                self.index.remove(number);
                self.states.times[number as usize] = FRESH;
                self.kind.clear(number);
            }
        }
        if ends && let Some(kept) = self.index.shrink() {
            self.renumber(&kept);
        }
    }
}

impl Operator for History {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => {
                debug_assert!(matches!(batch.columns[self.time].data, ColumnData::I64(_)));
                let batch = self.take(batch);
                output.messages.extend((batch.n_rows > 0).then_some(Message::Batch(batch)));
            }
            Message::Watermark(watermark) => {
                self.sweep(watermark);
                output.messages.push(message);
            }
        }
    }

    fn contents(&mut self, around: &Around) -> Option<Vec<Contents>> {
        let live = self.live();
        let keys = self.index.columns(&live);
        // In front of them stands the number of the window, which says nothing.
        let keys = &keys[keys.len().saturating_sub(self.keys.len())..];
        let columns: Vec<(Arc<str>, Type)> = self.keys.iter().map(|key| around.input_column(*key)).collect();
        let typed: Vec<_> = keys.iter().zip(columns.iter().map(|(_, ty)| ty)).collect();
        let rows = rows_of_columns(&typed, live.len());
        let last = live.iter().map(|number| time(self.states.times[*number as usize]));
        Some(vec![Contents { what: "keys".into(), columns, rows }.with(
            "last_row",
            Type::TIMESTAMP.nullable(),
            last,
        )])
    }

    fn amount(&self) -> Option<Count> {
        Some(Count::of(self.index.n_live(), "keys"))
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        if let Some(inside) = &self.inside {
            inside.windows.snapshot(writer);
        }
        writer.sequence(self.live().into_iter(), |writer, number| {
            self.index.snapshot(number, writer);
            writer.i64(self.states.times[number as usize]);
            if let Some(inside) = &self.inside {
                writer.u64(inside.window_of(number));
            }
            self.kind.snapshot(number, writer);
        });
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        if let Some(inside) = &mut self.inside {
            inside.windows.restore(reader)?;
        }
        for _ in 0..reader.count()? {
            let number = self.index.restore(reader)?;
            self.resize();
            self.states.times[number as usize] = reader.i64()?;
            if let Some(inside) = &mut self.inside {
                inside.keep_one(number, reader.total()?);
            }
            self.kind.restore(number, reader)?;
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        let inside = self.inside.as_ref().map_or(0, Inside::bytes);
        self.index.bytes() + self.states.times.capacity() * 8 + self.kind.bytes() + inside
    }
}

/// The times of a batch.
fn times_of(batch: &Batch, column: usize) -> &[EventTime] {
    match &batch.columns[column].data {
        ColumnData::I64(times) => times,
        _ => &[],
    }
}

/// The numbers of the rows for which `passes`, which is asked of each in order.
fn passing(n_rows: usize, mut passes: impl FnMut(usize) -> bool) -> Vec<u32> {
    let (mut rows, mut n) = (vec![0; n_rows], 0);
    for row in 0..n_rows {
        rows[n] = row as u32;
        n += passes(row) as usize;
    }
    rows.truncate(n);
    rows
}

/// These rows; the batch as it is if they are all.
fn chosen(batch: Batch, rows: Vec<u32>) -> Batch {
    if rows.len() == batch.n_rows { batch } else { batch.gather(&rows) }
}
