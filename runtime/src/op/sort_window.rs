//! The rows of each window in an order, perhaps only the best of them; they leave when the window is over.
//!
//! Rows that an aggregation made of a window have its time, and all of them have come when the watermark
//! has passed that. Other rows of a window have times of their own; what leaves is timed a microsecond
//! before the window's end, as all rows that windows make. No watermark has passed that before.

use crate::accumulate::side::Position;
use crate::message::{EventTime, Message, Watermark};
use crate::op::changes::plain;
use crate::op::interleave::interleave;
use crate::operator::{Operator, Output};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::waiting::Waiting;
use millstream_ir::batch::{BATCH_ROWS, Batch, Origin};
use millstream_ir::column::ColumnData;
use millstream_ir::flow::{Schema, SortKey, SortWindow};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::cmp::Ordering;
use std::collections::BTreeMap;

pub struct SortWindowOperator {
    spec: SortWindow,
    types: Vec<Type>,
    /// The column of the event time.
    time: usize,
    /// By the watermark at which all their rows have come, then by start, then by whose they are.
    windows: BTreeMap<WindowOf, Vec<Batch>>,
    /// How many rows have left: their places in the total order follow each other.
    n_rows_out: u64,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct WindowOf {
    over_at: EventTime,
    start: EventTime,
    end: EventTime,
    of: Vec<Value>,
}

impl SortWindowOperator {
    pub fn new(spec: &SortWindow, input: &Schema) -> SortWindowOperator {
        SortWindowOperator {
            spec: spec.clone(),
            types: input.types(),
            time: input.time,
            windows: BTreeMap::new(),
            n_rows_out: 0,
        }
    }

    fn take_rows(&mut self, batch: &Batch, output: &mut Output) {
        output.n_late_left_out += batch.late.len() as u64;
        let mut parts: Vec<(WindowOf, Vec<u32>)> = vec![];
        for row in 0..batch.n_rows {
            if !batch.late.is_empty() && batch.late(row).is_some() {
                continue;
            }
            let Some(window) = self.window_of(batch, row) else { return };
            // Rows of one window come together, nearly always.
            match parts.last_mut().filter(|(last, _)| *last == window) {
                Some((_, rows)) => rows.push(row as u32),
                None => parts.push((window, vec![row as u32])),
            }
        }
        for (window, rows) in parts {
            let part = if rows.len() == batch.n_rows { batch.clone() } else { batch.gather(&rows) };
            self.windows.entry(window).or_default().push(part);
        }
    }

    fn window_of(&self, batch: &Batch, row: usize) -> Option<WindowOf> {
        let time = |column: usize| match &batch.columns[column].data {
            ColumnData::I64(times) => Some(times[row]),
            _ => None,
        };
        let end = time(self.spec.end)?;
        let over_at = if self.spec.is_timed_by_window { time(self.time)?.saturating_add(1) } else { end };
        let of = self.spec.of.iter().map(|column| batch.columns[*column].value(row, &self.types[*column]));
        Some(WindowOf { over_at, start: time(self.spec.start)?, end, of: of.collect() })
    }

    fn release(&mut self, watermark: Watermark, output: &mut Output) {
        while let Some(entry) = self.windows.first_entry()
            && entry.key().over_at <= watermark.0
        {
            let (window, batches) = entry.remove_entry();
            let picks = self.sorted(&batches);
            for part in picks.chunks(BATCH_ROWS) {
                let mut columns = interleave(&batches.iter().collect::<Vec<_>>(), &self.types, part);
                columns.push(plain(part.iter().map(|_| window.over_at - 1)));
                let n_rows = part.len();
                let origin = Origin { first: self.n_rows_out, ..Origin::default() };
                self.n_rows_out += n_rows as u64;
                output.messages.push(Message::Batch(Batch { columns, n_rows, origin, late: vec![] }));
            }
        }
    }

    /// The rows that leave, in their order, by batch and number.
    fn sorted(&self, batches: &[Batch]) -> Vec<(u32, u32)> {
        let numbered = (0..).zip(batches);
        let mut picks: Vec<(u32, u32)> = numbered
            .flat_map(|(number, batch)| (0..batch.n_rows as u32).map(move |row| (number, row)))
            .collect();
        let per = self.spec.per.iter().map(|column| SortKey { column: *column, descending: false });
        let keys: Vec<Sorted> =
            per.chain(self.spec.by.iter().copied()).map(|key| self.sorted_by(key, batches)).collect();
        let starts: Vec<usize> = batches
            .iter()
            .scan(0, |start, batch| {
                *start += batch.n_rows;
                Some(*start - batch.n_rows)
            })
            .collect();
        let place = |pick: &(u32, u32)| starts[pick.0 as usize] + pick.1 as usize;
        let position = |pick: &(u32, u32)| self.position(&batches[pick.0 as usize], pick.1 as usize);
        let compare = |a: &(u32, u32), b: &(u32, u32)| {
            let by = keys.iter().map(|key| key.compare(place(a), place(b)));
            by.fold(Ordering::Equal, Ordering::then)
                .then_with(|| position(a).cmp(&position(b)))
                .then_with(|| a.cmp(b))
        };
        let n_per = self.spec.per.len();
        match self.spec.limit {
            None => picks.sort_unstable_by(compare),
            Some(limit) if n_per == 0 => {
                if limit < picks.len() {
                    picks.select_nth_unstable_by(limit, compare);
                    picks.truncate(limit);
                }
                picks.sort_unstable_by(compare);
            }
            Some(limit) => {
                picks.sort_unstable_by(compare);
                let same = |a: &(u32, u32), b: &(u32, u32)| {
                    keys[..n_per].iter().all(|key| key.compare(place(a), place(b)) == Ordering::Equal)
                };
                picks =
                    picks.chunk_by(same).flat_map(|part| &part[..part.len().min(limit)]).copied().collect();
            }
        }
        picks
    }

    fn position(&self, batch: &Batch, row: usize) -> Option<Position> {
        match &batch.columns[self.time].data {
            ColumnData::I64(times) => Some(Position::of_row(batch, times, row)),
            _ => None,
        }
    }

    /// A column of all rows, in a form that compares fast.
    fn sorted_by(&self, key: SortKey, batches: &[Batch]) -> Sorted {
        let columns = || batches.iter().map(|batch| &batch.columns[key.column]);
        let ints = columns().map(|column| match &column.data {
            ColumnData::I64(values) if column.validity.is_none() => Some(&values[..]),
            _ => None,
        });
        let values = match ints.collect::<Option<Vec<_>>>() {
            Some(ints) => Values::Ints(ints.concat()),
            None => {
                let ty = &self.types[key.column];
                let all = columns().flat_map(|column| (0..column.len()).map(|row| column.value(row, ty)));
                Values::Any(all.collect())
            }
        };
        Sorted { values, descending: key.descending }
    }
}

/// What rows are sorted by.
struct Sorted {
    values: Values,
    descending: bool,
}

enum Values {
    Ints(Vec<i64>),
    Any(Vec<Value>),
}

impl Sorted {
    fn compare(&self, a: usize, b: usize) -> Ordering {
        let order = match &self.values {
            Values::Ints(values) => values[a].cmp(&values[b]),
            Values::Any(values) => values[a].cmp(&values[b]),
        };
        if self.descending { order.reverse() } else { order }
    }
}

impl Operator for SortWindowOperator {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => self.take_rows(&batch, output),
            Message::Watermark(watermark) => {
                self.release(watermark, output);
                output.messages.push(message);
            }
        }
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.u64(self.n_rows_out);
        writer.sequence(self.windows.values().flatten().collect::<Vec<_>>().into_iter(), |writer, batch| {
            writer.batch(batch, &self.types);
        });
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.n_rows_out = reader.total()?;
        for batch in reader.sequence(|reader| reader.batch(&self.types))? {
            // All its rows are of one window.
            let window = self.window_of(&batch, 0).ok_or(Corrupt)?;
            self.windows.entry(window).or_default().push(batch);
        }
        Ok(())
    }

    fn waiting(&self) -> Option<Waiting> {
        let (next, _) = self.windows.first_key_value()?;
        Some(Waiting { what: "windows", n: Some(self.windows.len()), until: next.over_at })
    }

    fn state_bytes(&self) -> usize {
        let n_rows: usize = self.windows.values().flatten().map(|batch| batch.n_rows).sum();
        n_rows * 16 * self.types.len()
    }
}
