//! A row for each key and window without rows, as [`fill_windows`](super::fill_windows) gives, of results that
//! are replaced as rows come.
//!
//! A window is filled when its rows have been counted: at its end, or where results appear at the multiples of
//! some time, at the first one not before that. When a row of the window comes after all, the filled row is
//! withdrawn in front of it; what repeats a result that changes is replaced behind the change. So the rows that
//! stand are at any time those that filling all results so far would give.
//!
//! What is late for a window by more than `lateness` finds it as it is: results that nothing can change any more
//! are dropped, but for each key's last.

use crate::message::{EventTime, Message, Watermark};
use crate::op::changes::late_of;
use crate::operator::{Operator, Output};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::batch::{BATCH_ROWS, Batch, LateRow, Origin};
use millstream_ir::column::{ColumnBuilder, ColumnData};
use millstream_ir::flow::{Corrected, Emission, FillWindows, Schema};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use millstream_ir::window::{TimeWindows, Window};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub struct FillUpdatingOperator {
    windows: TimeWindows,
    spec: FillWindows,
    corrected: Corrected,
    /// Of the rows that leave.
    types: Vec<Type>,
    keys: BTreeMap<Key, Kept>,
    /// Keys by when the next window without rows of theirs is filled.
    due: BTreeMap<EventTime, BTreeSet<Key>>,
    /// Windows that are filled at it have been.
    watermark: Watermark,
}

type Key = Vec<Value>;

/// A window by its end, then by its start.
type Place = (EventTime, EventTime);

#[derive(Default)]
struct Kept {
    /// The results of windows with rows.
    results: BTreeMap<Place, Vec<Value>>,
    /// The windows that have been filled, each with the one whose results it repeats and these.
    filled: BTreeMap<Place, (Place, Vec<Value>)>,
    /// The next window to be filled, unless rows of it come.
    next: Option<Window>,
}

/// Rows that leave; of those that a row of a batch caused, its number.
struct Rows {
    columns: Vec<ColumnBuilder>,
    causes: Vec<u32>,
}

fn place(window: Window) -> Place {
    (window.end, window.start)
}

fn window((end, start): Place) -> Window {
    Window { start, end }
}

impl FillUpdatingOperator {
    /// None for windows that a time alone does not decide on, and for results that are final. `schema` is that of
    /// the rows that leave.
    pub fn new(spec: &FillWindows, schema: &Schema) -> Option<FillUpdatingOperator> {
        Some(FillUpdatingOperator {
            windows: TimeWindows::new(&spec.window)?,
            corrected: spec.corrected?,
            types: schema.types(),
            keys: BTreeMap::new(),
            due: BTreeMap::new(),
            watermark: Watermark::START,
            spec: spec.clone(),
        })
    }

    fn rows(&self) -> Rows {
        Rows { columns: self.types.iter().map(ColumnBuilder::new).collect(), causes: vec![] }
    }

    /// When a window is filled.
    fn filled_at(&self, window: Window) -> EventTime {
        counted_at(window.end, self.corrected.emission)
    }

    fn take_rows(&mut self, batch: &Batch, output: &mut Output) {
        let n_keys = self.spec.keys.len();
        let first_bound = n_keys + self.spec.results.len();
        let numbers = |column: usize| match &batch.columns[column].data {
            ColumnData::I64(numbers) => &numbers[..],
            _ => &[],
        };
        let (starts, ends) = (numbers(first_bound), numbers(first_bound + 1));
        let (times, signs) = (numbers(first_bound + 2), numbers(first_bound + 3));
        let mut rows = self.rows();
        for row in 0..batch.n_rows {
            let value = |column: usize| batch.columns[column].value(row, &self.types[column]);
            let all: Vec<Value> = (0..batch.columns.len()).map(value).collect();
            let (key, results) = (all[..n_keys].to_vec(), all[n_keys..first_bound].to_vec());
            let at = (ends[row], starts[row]);
            let cause = row as u32;
            if !self.windows.has(window(at)) {
                // A group came back from a damaged checkpoint with other bounds.
                rows.pass(&all, at, cause);
                continue;
            }
            // What is released by the watermark comes in the order of its times.
            let is_released = batch.late.is_empty() && self.corrected.emission != Emission::OnChange;
            if is_released && self.due.first_key_value().is_some_and(|(due, _)| *due <= times[row]) {
                std::mem::replace(&mut rows, self.rows()).give(Some(batch), output);
                self.fill_until(times[row], output);
            }
            if signs[row] < 0 {
                self.keys.entry(key).or_default().results.remove(&at);
                rows.pass(&all, at, cause);
                continue;
            }
            let kept = self.keys.entry(key.clone()).or_default();
            if let Some((of, results)) = kept.filled.remove(&at) {
                rows.fill((&key, &results), (at, of), (times[row], -1), cause);
            }
            kept.results.insert(at, results);
            rows.pass(&all, at, cause);
            self.correct(&key, at, (times[row], cause), &mut rows);
            // A row that is withdrawn and the one in its place stay together.
            if rows.causes.len() >= BATCH_ROWS {
                std::mem::replace(&mut rows, self.rows()).give(Some(batch), output);
            }
        }
        rows.give(Some(batch), output);
    }

    /// Brings the windows behind one up to date, as far as they repeat its results.
    fn correct(&mut self, key: &Key, at: Place, (time, cause): (EventTime, u32), rows: &mut Rows) {
        let Some(mut kept) = self.keys.remove(key) else { return };
        let Some(results) = kept.results.get(&at).cloned() else { return };
        let last = last_time(&results, at);
        let mut next = self.windows.next(window(at));
        while let Some(window) = next
            && !kept.results.contains_key(&place(window))
        {
            let is_filled = window.start < last.saturating_add(self.spec.duration);
            if self.filled_at(window) > self.watermark.0 {
                let is_sooner = kept.next.is_none_or(|known| place(window) < place(known));
                if is_filled && is_sooner {
                    kept.next = Some(window);
                    self.due.entry(self.filled_at(window)).or_default().insert(key.clone());
                }
                break;
            }
            let old = kept.filled.remove(&place(window));
            let says_the_same =
                |old: &(Place, Vec<Value>)| !self.corrected.repeats || old.0 == at && old.1 == results;
            let is_same = is_filled && old.as_ref().is_some_and(says_the_same);
            if let Some((of, results)) = old.as_ref().filter(|_| !is_same) {
                rows.fill((key, results), (place(window), *of), (time, -1), cause);
            }
            if is_filled {
                if !is_same {
                    rows.fill((key, &results), (place(window), at), (time, 1), cause);
                }
                let now = old.filter(|_| is_same).unwrap_or_else(|| (at, results.clone()));
                kept.filled.insert(place(window), now);
            } else if old.is_none() {
                // Nor is anything behind it.
                break;
            }
            next = self.windows.next(window);
        }
        self.keys.insert(key.clone(), kept);
    }

    /// Fills the windows that are due at or before a time.
    fn fill_until(&mut self, until: EventTime, output: &mut Output) {
        self.watermark = self.watermark.max(Watermark(until));
        let mut rows = self.rows();
        while let Some(entry) = self.due.first_entry()
            && *entry.key() <= until
        {
            let (due, keys) = entry.remove_entry();
            for key in keys {
                self.fill_next(&key, due, &mut rows);
            }
            if rows.causes.len() >= BATCH_ROWS {
                std::mem::replace(&mut rows, self.rows()).give(None, output);
            }
        }
        rows.give(None, output);
    }

    fn fill_next(&mut self, key: &Key, due: EventTime, rows: &mut Rows) {
        let Some(mut kept) = self.keys.remove(key) else { return };
        while let Some(window) = kept.next
            && self.filled_at(window) <= due
        {
            let at = place(window);
            let before = kept.results.range(..=at).next_back();
            let known = before.map(|(of, results)| (*of, results.clone()));
            let Some((of, results)) = known else {
                kept.next = None;
                break;
            };
            let is_filled = window.start < last_time(&results, of).saturating_add(self.spec.duration);
            if of != at && is_filled && !kept.filled.contains_key(&at) {
                rows.fill((key, &results), (at, of), (due - 1, 1), 0);
                kept.filled.insert(at, (of, results));
            }
            kept.next = match of == at || is_filled {
                true => self.windows.next(window),
                // Until it comes again.
                false => kept.results.range(at..).next().map(|(later, _)| self::window(*later)),
            };
        }
        if let Some(next) = kept.next {
            self.due.entry(self.filled_at(next)).or_default().insert(key.clone());
        }
        self.keys.insert(key.clone(), kept);
    }

    /// Drops what nothing can change any more.
    fn forget(&mut self) {
        let (watermark, lateness) = (self.watermark.0, self.corrected.lateness);
        let emission = self.corrected.emission;
        let is_settled = |(end, _): Place| counted_at(end.saturating_add(lateness), emission) <= watermark;
        self.keys.retain(|_, kept| {
            while let Some((first, _)) = kept.filled.first_key_value()
                && is_settled(*first)
            {
                kept.filled.pop_first();
            }
            while let Some(second) = kept.results.keys().nth(1).copied()
                && is_settled(second)
            {
                kept.results.pop_first();
            }
            let only = kept.results.len() <= 1 && kept.results.keys().all(|at| is_settled(*at));
            !(only && kept.next.is_none() && kept.filled.is_empty())
        });
    }
}

/// The watermark at which all rows have been counted that come before a time.
fn counted_at(time: EventTime, emission: Emission) -> EventTime {
    match emission {
        Emission::Every(every) => {
            time.saturating_sub(1).div_euclid(every).saturating_add(1).saturating_mul(every)
        }
        Emission::Final | Emission::OnChange => time,
    }
}

/// The time of the last row of a window, the last of its results. It lies in the window even if what was restored
/// says otherwise: windows are filled up to some time behind it.
fn last_time(results: &[Value], (end, start): Place) -> EventTime {
    match results.last() {
        Some(Value::Timestamp(time)) => (*time).min(end - 1).max(start),
        _ => start,
    }
}

impl Rows {
    fn push(&mut self, values: impl Iterator<Item = Value>, cause: u32) {
        self.columns.iter_mut().zip(values).for_each(|(column, value)| column.push(&value));
        self.causes.push(cause);
    }

    /// A row of the input, which is not filled.
    fn pass(&mut self, row: &[Value], (end, start): Place, cause: u32) {
        let added = [Value::Timestamp(start), Value::Timestamp(end), Value::Bool(false)];
        self.push(row.iter().cloned().chain(added), cause);
    }

    /// The row of a window without rows, which repeats the results of another.
    fn fill(
        &mut self,
        (key, results): (&Key, &[Value]),
        ((end, start), (of_end, of_start)): (Place, Place),
        (time, sign): (EventTime, i64),
        cause: u32,
    ) {
        let times = [start, end, time].map(Value::Timestamp);
        let repeated = [of_start, of_end].map(Value::Timestamp);
        let values = key.iter().chain(results).cloned().chain(times).chain([Value::Int(sign)]);
        self.push(values.chain(repeated).chain([Value::Bool(true)]), cause);
    }

    fn give(self, batch: Option<&Batch>, output: &mut Output) {
        let n_rows = self.causes.len();
        if n_rows == 0 {
            return;
        }
        let (origin, late): (Origin, Vec<LateRow>) = match batch {
            Some(batch) => (batch.origin.gather(&self.causes), late_of(&batch.late, &self.causes)),
            None => (Origin::default(), vec![]),
        };
        let columns = self.columns.into_iter().map(|column| Arc::new(column.finish())).collect();
        output.messages.push(Message::Batch(Batch { columns, n_rows, origin, late }));
    }
}

impl Operator for FillUpdatingOperator {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => self.take_rows(&batch, output),
            Message::Watermark(watermark) => {
                self.fill_until(watermark.0, output);
                self.forget();
                output.messages.push(message);
            }
        }
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        let values = |writer: &mut SnapshotWriter, values: &[Value]| {
            values.iter().for_each(|value| writer.value(value));
        };
        let place = |writer: &mut SnapshotWriter, (end, start): Place| {
            writer.i64(end);
            writer.i64(start);
        };
        writer.i64(self.watermark.0);
        writer.sequence(self.keys.iter(), |writer, (key, kept)| {
            values(writer, key);
            writer.sequence(kept.results.iter(), |writer, (at, results)| {
                place(writer, *at);
                values(writer, results);
            });
            writer.sequence(kept.filled.iter(), |writer, (at, (of, results))| {
                place(writer, *at);
                place(writer, *of);
                values(writer, results);
            });
            writer.sequence(kept.next.iter(), |writer, next| place(writer, self::place(*next)));
        });
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        let (n_keys, n_results) = (self.spec.keys.len(), self.spec.results.len());
        let values = |reader: &mut SnapshotReader, n: usize| -> Result<Vec<Value>, Corrupt> {
            (0..n).map(|_| reader.value()).collect()
        };
        let place =
            |reader: &mut SnapshotReader| -> Result<Place, Corrupt> { Ok((reader.i64()?, reader.i64()?)) };
        self.watermark = Watermark(reader.i64()?);
        for _ in 0..reader.count()? {
            let key = values(reader, n_keys)?;
            let results: Vec<(Place, Vec<Value>)> =
                reader.sequence(|reader| Ok((place(reader)?, values(reader, n_results)?)))?;
            let filled: Vec<(Place, (Place, Vec<Value>))> = reader
                .sequence(|reader| Ok((place(reader)?, (place(reader)?, values(reader, n_results)?))))?;
            let next = reader.sequence(place)?.pop();
            let of_filled = filled.iter().flat_map(|(at, (of, _))| [*at, *of]);
            let mut places = results.iter().map(|(at, _)| *at).chain(of_filled).chain(next);
            if !places.all(|at| self.windows.has(window(at))) {
                return Err(Corrupt);
            }
            let next = next.map(window);
            if let Some(next) = next {
                self.due.entry(self.filled_at(next)).or_default().insert(key.clone());
            }
            let kept =
                Kept { results: results.into_iter().collect(), filled: filled.into_iter().collect(), next };
            self.keys.insert(key, kept);
        }
        Ok(())
    }

    fn state_bytes(&self) -> usize {
        let of_row = (self.spec.keys.len() + self.spec.results.len()) * size_of::<Value>() + 64;
        let rows: usize = self.keys.values().map(|kept| kept.results.len() + kept.filled.len()).sum();
        rows * of_row + self.keys.len() * self.spec.keys.len() * size_of::<Value>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use millstream_ir::column::Column;
    use millstream_ir::flow::{self, WindowAssigner};

    /// Rows of an aggregation: the last time in a window, its bounds, the time of the change and the sign.
    fn operator(size: i64, duration: i64) -> FillUpdatingOperator {
        let spec = FillWindows {
            window: WindowAssigner::Tumbling { size, offset: 0 },
            keys: vec![],
            results: vec![0],
            duration,
            corrected: Some(Corrected { emission: Emission::OnChange, lateness: 0, repeats: true }),
        };
        let time = Type::TIMESTAMP;
        let of_input = std::iter::repeat_n(time.clone(), 4).chain([Type::INT]);
        let column = |ty: Type| flow::Column { name: "c".into(), ty, hidden: false };
        let columns = of_input.chain([time.clone(), time, Type::BOOL]).map(column).collect();
        FillUpdatingOperator::new(&spec, &Schema::append_only(columns, 3)).expect("time decides")
    }

    /// How many rows leave for one of a window.
    fn n_rows_of(row: [i64; 5]) -> usize {
        let column = |n: i64| Column { data: ColumnData::I64([n].into_iter().collect()), validity: None };
        let columns = row.into_iter().map(column).map(Arc::new).collect();
        let mut operator = operator(10, 20);
        let mut output = Output::default();
        operator.step(0, Message::Watermark(Watermark(1_000)), &mut output);
        let batch = Batch { columns, n_rows: 1, origin: Origin::default(), late: vec![] };
        operator.step(0, Message::Batch(batch), &mut output);
        let batches = output.messages.iter().map(|message| match message {
            Message::Batch(batch) => batch.n_rows,
            Message::Watermark(_) => 0,
        });
        batches.sum()
    }

    #[test]
    fn what_a_damaged_state_says_fills_no_more_windows() {
        assert_eq!(n_rows_of([9, 0, 10, 9, 1]), 3);
        assert_eq!(n_rows_of([900, 0, 10, 9, 1]), 3);
        assert_eq!(n_rows_of([-900, 0, 10, 9, 1]), 2);
        assert_eq!(n_rows_of([9, -900, 10, 9, 1]), 1);
        assert_eq!(n_rows_of([9, 10, 0, 9, 1]), 1);
    }
}
