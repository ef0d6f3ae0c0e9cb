//! A row for each key and window without rows, from the key's first row until some time after its last.
//!
//! The rows of windows come by their ends, so a window is complete when a row of a later one comes, or the
//! watermark. Then each key that is kept and has no row in it gets one, behind those that there are, in the order
//! of keys, nulls first. It is filled if it starts less than the duration after the key's last row; else the key
//! is forgotten, until it comes again. A filled row has the window's time, which is not before any watermark
//! that was passed on, as a window is complete before that which ends it.

use crate::message::{EventTime, Message, Watermark};
use crate::operator::{Operator, Output};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::batch::{BATCH_ROWS, Batch, Origin};
use millstream_ir::column::{Column, ColumnBuilder, ColumnData, ColumnRef};
use millstream_ir::flow::{FillWindows, Schema};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use millstream_ir::window::{TimeWindows, Window};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rows that leave at once; more only if a window has more keys.
const ROWS_AT_ONCE: usize = 8 * BATCH_ROWS;

pub struct FillWindowsOperator {
    windows: TimeWindows,
    spec: FillWindows,
    /// Of the rows that leave.
    types: Vec<Type>,
    /// The input columns of the window's start, end and the rows' time.
    bounds: [usize; 3],
    keys: BTreeMap<Vec<Value>, Kept>,
    /// The window whose rows come, or that came last.
    current: Option<Window>,
    watermark: Watermark,
    rows: Rows,
    source: u32,
    n_rows_out: u64,
}

/// What is kept of a key.
struct Kept {
    /// The time of its last row.
    last: EventTime,
    /// Its last window with rows, and what it gave.
    window: Window,
    results: Vec<Value>,
}

/// Rows that are about to leave.
struct Rows {
    columns: Vec<ColumnBuilder>,
    n_rows: usize,
}

impl Rows {
    fn new(types: &[Type]) -> Rows {
        Rows { columns: types.iter().map(ColumnBuilder::new).collect(), n_rows: 0 }
    }
}

impl FillWindowsOperator {
    /// None for windows that a time alone does not decide on. `schema` is that of the rows that leave.
    pub fn new(spec: &FillWindows, schema: &Schema) -> Option<FillWindowsOperator> {
        let types = schema.types();
        let first_bound = spec.keys.len() + spec.results.len();
        Some(FillWindowsOperator {
            windows: TimeWindows::new(&spec.window)?,
            bounds: [first_bound, first_bound + 1, first_bound + 2],
            keys: BTreeMap::new(),
            current: None,
            watermark: Watermark::START,
            rows: Rows::new(&types),
            source: 0,
            n_rows_out: 0,
            types,
            spec: spec.clone(),
        })
    }

    fn take_rows(&mut self, batch: &Batch, output: &mut Output) {
        self.source = batch.origin.source;
        let [start, end, _] = self.bounds;
        let (ColumnData::I64(starts), ColumnData::I64(ends)) =
            (&batch.columns[start].data, &batch.columns[end].data)
        else {
            return;
        };
        let window = |row: usize| Window { start: starts[row], end: ends[row] };
        let mut first = 0;
        while first < batch.n_rows {
            let window = window(first);
            let n_rows = (first..batch.n_rows)
                .take_while(|row| starts[*row] == window.start && ends[*row] == window.end)
                .count();
            // Also through windows in which no key has rows.
            while self.current.is_some_and(|current| current != window) {
                self.complete(output);
            }
            self.give_filled(output);
            self.current = Some(window);
            self.keep(batch, first..first + n_rows, window);
            self.pass(batch, first, n_rows, output);
            first += n_rows;
        }
    }

    /// Keeps what rows of a window say of their keys.
    fn keep(&mut self, batch: &Batch, rows: std::ops::Range<usize>, window: Window) {
        let value = |column: usize, row: usize| batch.columns[column].value(row, &self.types[column]);
        for row in rows {
            let key = self.spec.keys.iter().map(|column| value(*column, row)).collect();
            let results: Vec<Value> = self.spec.results.iter().map(|column| value(*column, row)).collect();
            let last = match results.last() {
                // In the window even if a damaged checkpoint says otherwise: windows are filled up to some time behind it.
                Some(Value::Timestamp(time)) => (*time).min(window.end - 1).max(window.start),
                _ => window.start,
            };
            self.keys.insert(key, Kept { last, window, results });
        }
    }

    /// Gives rows of the input, which are not filled.
    fn pass(&mut self, batch: &Batch, first: usize, n_rows: usize, output: &mut Output) {
        let part = if n_rows == batch.n_rows {
            batch.clone()
        } else {
            batch.gather(&(first as u32..(first + n_rows) as u32).collect::<Vec<u32>>())
        };
        let [start, end, _] = self.bounds;
        let is_filled = ColumnData::Bool(std::iter::repeat_n(0, n_rows).collect());
        let added = [
            part.columns[start].clone(),
            part.columns[end].clone(),
            Arc::new(Column { data: is_filled, validity: None }),
        ];
        self.push(part.columns.into_iter().chain(added).collect(), n_rows, output);
    }

    fn push(&mut self, columns: Vec<ColumnRef>, n_rows: usize, output: &mut Output) {
        let origin = Origin { source: self.source, first: self.n_rows_out, ..Origin::default() };
        self.n_rows_out += n_rows as u64;
        output.messages.push(Message::Batch(Batch { columns, n_rows, origin, late: vec![] }));
    }

    /// Fills the current window and goes on to the next; to none if no key is left to fill.
    fn complete(&mut self, output: &mut Output) {
        let Some(window) = self.current else { return };
        let mut keys = std::mem::take(&mut self.keys);
        keys.retain(|key, kept| {
            if kept.window == window {
                return true;
            }
            let stays = window.start < kept.last.saturating_add(self.spec.duration);
            if stays {
                self.fill(key, kept, window, output);
            }
            stays
        });
        self.keys = keys;
        self.current = if self.keys.is_empty() { None } else { self.windows.next(window) };
    }

    /// Makes the row of a key in a window without rows.
    fn fill(&mut self, key: &[Value], kept: &Kept, window: Window, output: &mut Output) {
        let times = [window.start, window.end, window.time(), kept.window.start, kept.window.end];
        let times = times.map(Value::Timestamp);
        let values = key.iter().chain(&kept.results).chain(&times).chain([&Value::Bool(true)]);
        self.rows.columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
        self.rows.n_rows += 1;
        if self.rows.n_rows == BATCH_ROWS {
            self.give_filled(output);
        }
    }

    fn give_filled(&mut self, output: &mut Output) {
        if self.rows.n_rows == 0 {
            return;
        }
        let rows = std::mem::replace(&mut self.rows, Rows::new(&self.types));
        let columns = rows.columns.into_iter().map(|column| Arc::new(column.finish())).collect();
        self.push(columns, rows.n_rows, output);
    }

    /// Completes windows that the watermark has ended, and puts it behind the last.
    fn advance(&mut self, output: &mut Output) {
        let before = self.n_rows_out;
        while self.current.is_some_and(|window| window.end <= self.watermark.0) {
            self.complete(output);
            if self.n_rows_out - before >= ROWS_AT_ONCE as u64 {
                output.more = true;
                return;
            }
        }
        self.give_filled(output);
        output.messages.push(Message::Watermark(self.watermark));
    }
}

impl Operator for FillWindowsOperator {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => self.take_rows(&batch, output),
            Message::Watermark(watermark) => {
                self.watermark = watermark;
                self.advance(output);
            }
        }
    }

    fn resume(&mut self, output: &mut Output) {
        self.advance(output);
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        let window = |writer: &mut SnapshotWriter, window: &Window| {
            writer.i64(window.start);
            writer.i64(window.end);
        };
        writer.i64(self.watermark.0);
        writer.u32(self.source);
        writer.u64(self.n_rows_out);
        writer.sequence(self.current.iter(), window);
        writer.sequence(self.keys.iter(), |writer, (key, kept)| {
            key.iter().chain(&kept.results).for_each(|value| writer.value(value));
            writer.i64(kept.last);
            window(writer, &kept.window);
        });
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        let window = |reader: &mut SnapshotReader| Ok(Window { start: reader.i64()?, end: reader.i64()? });
        self.watermark = Watermark(reader.i64()?);
        self.source = reader.u32()?;
        self.n_rows_out = reader.total()?;
        self.current = reader.sequence(window)?.pop();
        let (n_keys, n_results) = (self.spec.keys.len(), self.spec.results.len());
        let keys = reader.sequence(|reader| {
            let values = |reader: &mut SnapshotReader, n| {
                (0..n).map(|_| reader.value()).collect::<Result<Vec<Value>, Corrupt>>()
            };
            let (key, results) = (values(reader, n_keys)?, values(reader, n_results)?);
            Ok((key, Kept { last: reader.i64()?, window: window(reader)?, results }))
        })?;
        self.keys = keys.into_iter().collect();
        // From the current window on, windows are filled up to some time behind the last rows of keys.
        let is_near = |Kept { last, window, .. }: &Kept| {
            let is_known = self.windows.has(*window) && window.contains(*last);
            is_known && self.current.is_none_or(|current| window.start <= current.start)
        };
        let is_known = self.current.is_none_or(|current| self.windows.has(current));
        if is_known && self.keys.values().all(is_near) { Ok(()) } else { Err(Corrupt) }
    }

    fn state_bytes(&self) -> usize {
        let values = self.spec.keys.len() + self.spec.results.len();
        self.keys.len() * (values * size_of::<Value>() + size_of::<Kept>() + 64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use millstream_ir::flow::WindowAssigner;
    use proptest::prelude::*;

    /// Rows of windows as an aggregation gives them: the key, the count, the last time, the bounds, the time.
    fn types() -> Vec<Type> {
        let time = Type::TIMESTAMP;
        vec![Type::INT, Type::INT, time.clone(), time.clone(), time.clone(), time]
    }

    fn operator(assigner: &WindowAssigner, duration: i64) -> FillWindowsOperator {
        let spec = FillWindows {
            window: assigner.clone(),
            keys: vec![0],
            results: vec![1, 2],
            duration,
            corrected: None,
        };
        let added = [Type::TIMESTAMP, Type::TIMESTAMP, Type::BOOL];
        let column = |ty: Type| millstream_ir::flow::Column { name: "c".into(), ty, hidden: false };
        let columns = types().into_iter().chain(added).map(column).collect();
        FillWindowsOperator::new(&spec, &Schema::append_only(columns, 5)).expect("time decides")
    }

    /// Key, window, count, and whether it is filled.
    type Row = (i64, (i64, i64), i64, bool);

    /// What the rows of an aggregation are, window by window, with the greatest time of each.
    fn aggregated(rows: &[(i64, i64)], windows: &TimeWindows) -> BTreeMap<(i64, i64, i64), (i64, i64)> {
        let mut groups = BTreeMap::new();
        for (key, time) in rows {
            for window in windows.of_time(*time) {
                let group = groups.entry((window.end, window.start, *key)).or_insert((0, i64::MIN));
                *group = (group.0 + 1, group.1.max(*time));
            }
        }
        groups
    }

    /// From the definition, over all windows from the first to the last that any key could fill.
    fn expected(rows: &[(i64, i64)], windows: &TimeWindows, duration: i64) -> Vec<Row> {
        let groups = aggregated(rows, windows);
        let Some((end, start, _)) = groups.keys().next().copied() else { return vec![] };
        let last = rows.iter().map(|(_, time)| *time).max().unwrap_or(0) + duration;
        let all = std::iter::successors(Some(Window { start, end }), |w| windows.next(*w));
        let mut output = vec![];
        for window in all.take_while(|w| w.start <= last) {
            let mut filled = vec![];
            for key in 0..5 {
                if let Some((n, _)) = groups.get(&(window.end, window.start, key)) {
                    output.push((key, (window.start, window.end), *n, false));
                    continue;
                }
                let of_key = rows.iter().filter(|(k, time)| *k == key && *time < window.end);
                let Some(last) = of_key.map(|(_, time)| *time).max() else { continue };
                if window.start < last + duration {
                    let mut known = groups.iter().filter(|((end, _, k), _)| *k == key && *end <= window.end);
                    let Some((_, (n, _))) = known.next_back() else { continue };
                    filled.push((key, (window.start, window.end), *n, true));
                }
            }
            output.append(&mut filled);
        }
        output
    }

    proptest! {
        #[test]
        fn windows_without_rows_are_filled_as_defined(
            mut rows in prop::collection::vec((0i64..5, -60i64..60), 1..30),
            (size, every, duration, kind) in (1i64..20, 1i64..20, 1i64..60, 0..3),
            (cut, restores) in (1usize..8, any::<bool>()),
        ) {
            let assigner = match kind {
                0 => WindowAssigner::Tumbling { size, offset: 0 },
                1 => WindowAssigner::Hopping { size, every, offset: 0 },
                _ => WindowAssigner::Cumulative { size, every: every.min(size), offset: 0 },
            };
            let windows = TimeWindows::new(&assigner).expect("time decides");
            // Rows in the gaps between windows are in none, and so none of a key's rows.
            rows.retain(|(_, time)| windows.slice(*time).in_window);
            let groups: Vec<_> = aggregated(&rows, &windows).into_iter().collect();
            let mut operator = operator(&assigner, duration);
            let mut output = Output::default();
            for part in groups.chunks(cut) {
                let mut columns: Vec<ColumnBuilder> = types().iter().map(ColumnBuilder::new).collect();
                for ((end, start, key), (n, last)) in part {
                    let values = [*key, *n, *last, *start, *end, *end - 1];
                    for (i, (column, value)) in columns.iter_mut().zip(values).enumerate() {
                        column.push(&if i < 2 { Value::Int(value) } else { Value::Timestamp(value) });
                    }
                }
                let columns = columns.into_iter().map(|c| Arc::new(c.finish())).collect();
                let batch = Batch { columns, n_rows: part.len(), origin: Origin::default(), late: vec![] };
                operator.step_to_end(0, Message::Batch(batch), &mut output);
                // A watermark may follow that has not ended the last window's rows.
                let watermark = part.last().map_or(i64::MIN, |((end, ..), _)| end - 1);
                operator.step_to_end(0, Message::Watermark(Watermark(watermark)), &mut output);
                if restores {
                    let mut writer = SnapshotWriter::default();
                    operator.snapshot(&mut writer);
                    let bytes = writer.finish();
                    operator = self::operator(&assigner, duration);
                    let mut reader = SnapshotReader::new(&bytes);
                    operator.restore(&mut reader).expect("its own snapshot");
                    reader.finish().expect("all of it is read");
                }
            }
            operator.step_to_end(0, Message::Watermark(Watermark::END), &mut output);
            let (mut found, mut watermark) = (vec![], i64::MIN);
            for message in &output.messages {
                match message {
                    Message::Watermark(next) => watermark = next.0,
                    Message::Batch(batch) => found.extend((0..batch.n_rows).map(|row| {
                        let number = |column: usize| match batch.columns[column].value(row, &Type::INT) {
                            Value::Int(i) => i,
                            _ => panic!("no number"),
                        };
                        assert!(number(5) >= watermark, "behind the watermark");
                        let is_filled = batch.columns[8].value(row, &Type::BOOL) == Value::Bool(true);
                        (number(0), (number(3), number(4)), number(1), is_filled)
                    })),
                }
            }
            prop_assert_eq!(found, expected(&rows, &windows, duration));
        }
    }
}
