//! The rows of sessions and of windows of rows, window by window, when each is over; its start, its end, its
//! number and its time become their last columns. For clauses that close the scope of such a window.
//!
//! Rows come in the total order, and leave in that order within their window. Where a window of rows is not
//! full at the end of the input, or when its key expires, its time is long gone: so the watermark that is
//! passed on waits for the oldest.

use crate::message::{Message, Watermark};
use crate::op::changes::plain;
use crate::op::interleave::{Pick, interleave};
use crate::op::scope::{Ended, Windows};
use crate::operator::{Operator, Output};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::waiting::Waiting;
use millstream_ir::batch::{BATCH_ROWS, Batch, Origin};
use millstream_ir::column::ColumnRef;
use millstream_ir::flow::{GatherWindows, Schema};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::collections::{BTreeMap, VecDeque};

/// Batches that leave at once when windows close.
const BATCHES_AT_ONCE: usize = 8;

pub struct GatherWindowsOperator {
    windows: Windows,
    /// The columns of the keys that have windows of their own.
    keys: Vec<usize>,
    /// Of the input.
    types: Vec<Type>,
    held: HeldRows,
    /// By the number of the window, its rows.
    rows: BTreeMap<u64, Vec<Pick>>,
    /// Windows that leave, with the rows that have not.
    leaving: VecDeque<(Ended, Vec<Pick>)>,
    ended: Vec<Ended>,
    found: Vec<u64>,
    watermark: Watermark,
    /// The last watermark that was passed on.
    passed: Watermark,
    source: Option<u32>,
    n_rows_out: u64,
}

/// Batches of which some rows are in windows that are not over.
#[derive(Default)]
struct HeldRows {
    batches: Vec<Option<(Batch, usize)>>,
    free: Vec<u32>,
    n_rows: usize,
    n_live: usize,
}

impl GatherWindowsOperator {
    /// None for windows that a time alone decides on. `seed` is that of the hash table, and changes nothing
    /// that can be seen.
    pub fn new(spec: &GatherWindows, input: &Schema, seed: u64) -> Option<GatherWindowsOperator> {
        Some(GatherWindowsOperator {
            windows: Windows::new(&spec.window, &spec.keys, input, seed)?,
            keys: spec.keys.clone(),
            types: input.types(),
            held: HeldRows::default(),
            rows: BTreeMap::new(),
            leaving: VecDeque::new(),
            ended: vec![],
            found: vec![],
            watermark: Watermark::START,
            passed: Watermark::START,
            source: None,
            n_rows_out: 0,
        })
    }

    fn take(&mut self, batch: Batch) {
        let source = batch.origin.source;
        self.source = Some(self.source.map_or(source, |known| known.min(source)));
        self.windows.find(&batch, &mut self.found, &mut self.ended);
        let number = self.held.push(batch);
        for (row, window) in (0..).zip(&self.found) {
            self.rows.entry(*window).or_default().push((number, row));
        }
        self.end_windows();
    }

    fn end_windows(&mut self) {
        for ended in std::mem::take(&mut self.ended) {
            self.leaving.extend(self.rows.remove(&ended.number).map(|rows| (ended, rows)));
        }
    }

    /// Windows that end at once stand in the order of their keys.
    fn order_by_keys(&mut self) {
        let key = |ended: &Ended| -> Vec<Value> {
            let first = self.rows.get(&ended.number).and_then(|rows| rows.first());
            let batch = first.and_then(|(batch, row)| Some((self.held.batch(*batch)?, *row as usize)));
            let Some((batch, row)) = batch else { return vec![] };
            self.keys.iter().map(|key| batch.columns[*key].value(row, &self.types[*key])).collect()
        };
        let mut keyed: Vec<(Vec<Value>, Ended)> = self.ended.iter().map(|e| (key(e), *e)).collect();
        keyed.sort_by(|(a_key, a), (b_key, b)| {
            (a.end, a.start).cmp(&(b.end, b.start)).then_with(|| a_key.cmp(b_key))
        });
        self.ended = keyed.into_iter().map(|(_, ended)| ended).collect();
    }

    /// Puts some of the windows that leave into the output, and the watermark behind the last if there is a
    /// new one.
    fn give(&mut self, output: &mut Output) {
        for _ in 0..BATCHES_AT_ONCE {
            if self.leaving.is_empty() {
                self.compact();
                return self.pass_watermark(output);
            }
            self.give_batch(output);
        }
        output.more = true;
    }

    fn pass_watermark(&mut self, output: &mut Output) {
        let oldest = self.windows.oldest();
        let passed = oldest.map_or(self.watermark, |oldest| self.watermark.min(Watermark(oldest)));
        if passed > self.passed {
            self.passed = passed;
            output.messages.push(Message::Watermark(passed));
        }
    }

    fn give_batch(&mut self, output: &mut Output) {
        let (mut picks, mut windows): (Vec<Pick>, Vec<Ended>) = (vec![], vec![]);
        while picks.len() < BATCH_ROWS
            && let Some((ended, mut rows)) = self.leaving.pop_front()
        {
            let left = rows.split_off(rows.len().min(BATCH_ROWS - picks.len()));
            windows.resize(windows.len() + rows.len(), ended);
            picks.extend(rows);
            if !left.is_empty() {
                self.leaving.push_front((ended, left));
            }
        }
        let mut columns = self.held.interleave(&self.types, &picks);
        columns.push(plain(windows.iter().map(|window| window.start)));
        columns.push(plain(windows.iter().map(|window| window.end)));
        columns.push(plain(windows.iter().map(|window| window.number as i64)));
        columns.push(plain(windows.iter().map(|window| window.time)));
        let origin = Origin { source: self.source.unwrap_or(0), first: self.n_rows_out, ..Origin::default() };
        self.n_rows_out += picks.len() as u64;
        picks.iter().for_each(|pick| self.held.let_go(pick.0));
        output.messages.push(Message::Batch(Batch { columns, n_rows: picks.len(), origin, late: vec![] }));
    }

    /// Where few rows of many batches are left, brings them together: each row takes the memory of itself.
    fn compact(&mut self) {
        if self.held.n_rows < self.held.n_live * 4 + 4 * BATCH_ROWS {
            return;
        }
        let old = std::mem::take(&mut self.held);
        let picks: Vec<(Pick, u64)> =
            self.rows.iter().flat_map(|(window, rows)| rows.iter().map(|row| (*row, *window))).collect();
        // Window by window: its rows stay in their order, whatever the numbers of their batches are.
        self.rows.values_mut().for_each(Vec::clear);
        for part in picks.chunks(BATCH_ROWS) {
            let rows: Vec<Pick> = part.iter().map(|(row, _)| *row).collect();
            let columns = old.interleave(&self.types, &rows);
            let origin = Origin::default();
            let number = self.held.push(Batch { columns, n_rows: rows.len(), origin, late: vec![] });
            for (row, (_, window)) in (0..).zip(part) {
                self.rows.entry(*window).or_default().push((number, row));
            }
        }
    }
}

impl HeldRows {
    fn push(&mut self, batch: Batch) -> u32 {
        (self.n_rows, self.n_live) = (self.n_rows + batch.n_rows, self.n_live + batch.n_rows);
        let n_rows = batch.n_rows;
        let number = self.free.pop().unwrap_or_else(|| {
            self.batches.push(None);
            self.batches.len() as u32 - 1
        });
        self.batches[number as usize] = Some((batch, n_rows));
        number
    }

    fn batch(&self, number: u32) -> Option<&Batch> {
        self.batches.get(number as usize)?.as_ref().map(|(batch, _)| batch)
    }

    /// One of its rows has left.
    fn let_go(&mut self, number: u32) {
        let Some(Some((batch, n_live))) = self.batches.get_mut(number as usize) else { return };
        *n_live -= 1;
        self.n_live -= 1;
        if *n_live == 0 {
            self.n_rows -= batch.n_rows;
            self.batches[number as usize] = None;
            self.free.push(number);
        }
    }

    fn interleave(&self, types: &[Type], picks: &[Pick]) -> Vec<ColumnRef> {
        let mut numbers: Vec<u32> = picks.iter().map(|pick| pick.0).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let batches: Vec<&Batch> = numbers.iter().filter_map(|number| self.batch(*number)).collect();
        let place = |number: u32| numbers.binary_search(&number).unwrap_or_default() as u32;
        let picks: Vec<Pick> = picks.iter().map(|(batch, row)| (place(*batch), *row)).collect();
        interleave(&batches, types, &picks)
    }

    fn bytes(&self) -> usize {
        self.batches.iter().flatten().map(|(batch, _)| batch.bytes()).sum()
    }
}

impl Operator for GatherWindowsOperator {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => self.take(batch),
            Message::Watermark(watermark) => {
                self.watermark = watermark;
                self.windows.advance(watermark, true, &mut self.ended);
                // Sessions: windows of rows stand in the order in which they ended.
                if self.windows.end_by_time() {
                    self.order_by_keys();
                }
                self.end_windows();
            }
        }
        self.give(output);
    }

    fn resume(&mut self, output: &mut Output) {
        self.give(output);
    }

    fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.i64(self.watermark.0);
        writer.i64(self.passed.0);
        writer.u64(self.n_rows_out);
        writer.u64(self.source.map_or(u64::MAX, u64::from));
        self.windows.snapshot(writer);
        writer.sequence(self.rows.iter(), |writer, (window, rows)| {
            writer.u64(*window);
            let (columns, origin) = (self.held.interleave(&self.types, rows), Origin::default());
            let batch = Batch { columns, n_rows: rows.len(), origin, late: vec![] };
            writer.batch(&batch, &self.types);
        });
    }

    fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.watermark = Watermark(reader.i64()?);
        self.passed = Watermark(reader.i64()?);
        self.n_rows_out = reader.total()?;
        self.source = u32::try_from(reader.u64()?).ok();
        self.windows.restore(reader)?;
        for _ in 0..reader.count()? {
            let window = reader.total()?;
            let batch = reader.batch(&self.types)?;
            let n_rows = batch.n_rows as u32;
            let number = self.held.push(batch);
            self.rows.insert(window, (0..n_rows).map(|row| (number, row)).collect());
        }
        Ok(())
    }

    fn waiting(&self) -> Option<Waiting> {
        let until = self.windows.first_end()?;
        Some(Waiting { what: "windows", n: Some(self.rows.len()), until })
    }

    fn state_bytes(&self) -> usize {
        let picks: usize = self.rows.values().map(|rows| rows.capacity() * size_of::<Pick>()).sum();
        self.held.bytes() + self.windows.bytes() + picks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::testing::{show_batch, types};
    use millstream_ir::column::ColumnBuilder;
    use millstream_ir::flow::{Column, Keep, WindowAssigner};
    use std::sync::Arc;

    fn operator(window: WindowAssigner) -> GatherWindowsOperator {
        let column = |ty| Column { name: "x".into(), ty, hidden: false };
        let input = Schema::append_only(types().into_iter().map(column).collect(), 1);
        GatherWindowsOperator::new(&GatherWindows { window, keys: vec![0] }, &input, 1)
            .expect("windows of keys")
    }

    fn batch(rows: impl Iterator<Item = (i64, i64)>) -> Batch {
        let mut columns: Vec<ColumnBuilder> = types().iter().map(ColumnBuilder::new).collect();
        for (key, time) in rows {
            columns[0].push(&Value::Int(key));
            columns[1].push(&Value::Timestamp(time));
        }
        let n_rows = columns[0].len();
        let columns = columns.into_iter().map(|c| Arc::new(c.finish())).collect();
        Batch { columns, n_rows, origin: Origin::default(), late: vec![] }
    }

    /// One key comes for ever, with one row in each batch of rows of others that are soon over.
    #[test]
    fn a_long_window_keeps_its_rows_alone() {
        let mut operator = operator(WindowAssigner::Session { gap: 3, max: None, by: vec![0] });
        let (mut output, mut most) = (Output::default(), 0);
        for second in 0..300 {
            let others = (1..200).map(|n| (second * 1000 + n, second));
            operator.step_to_end(0, Message::Batch(batch(others.chain([(0, second)]))), &mut output);
            operator.step_to_end(0, Message::Watermark(Watermark(second)), &mut output);
            most = most.max(operator.state_bytes());
        }
        // Of 60,000 rows about 900 are in windows at any time; at most four times as many are held, and four batches.
        assert!(most < 1_200_000, "{most}");
        operator.step_to_end(0, Message::Watermark(Watermark::END), &mut output);
        let of_first = |message: &Message| match message {
            Message::Batch(batch) => show_batch(batch).split(' ').filter(|row| row.starts_with("0@")).count(),
            Message::Watermark(_) => 0,
        };
        assert_eq!(output.messages.iter().map(of_first).sum::<usize>(), 300);
        let last = output.messages.iter().rev().find_map(|message| match message {
            Message::Batch(batch) => Some(show_batch(batch)),
            Message::Watermark(_) => None,
        });
        let last = last.expect("the long window");
        let of_long = last.split(' ').filter_map(|row| row.strip_prefix("0@")?.split('@').next());
        let times: Vec<&str> = of_long.collect();
        assert!(times.is_sorted_by_key(|time| time.parse::<i64>().unwrap_or(-1)), "{times:?}");
        assert_eq!(operator.rows.len() + operator.held.n_rows, 0);
    }

    #[test]
    fn windows_of_rows_leave_with_their_last_row() {
        let keep = Keep::Expire(10);
        let mut operator = operator(WindowAssigner::Rows { count: 2, keep, by: vec![0] });
        let said = crate::op::testing::script(
            &mut operator,
            "0: 1@0 2@1 1@2 1@3\n0: ~4\n0: 2@5\n0: ~6\n0: 3@7\n0: ~13\n0: ~end",
        );
        insta::assert_snapshot!(said, @r"
        0: 1@0 2@1 1@2 1@3 | 1@0@0@2@1@2 1@2@0@2@1@2
        0: ~4 | ~1
        0: 2@5 | 2@1@1@5@2@5 2@5@1@5@2@5 ; ~3
        0: ~6 | (nothing)
        0: 3@7 | (nothing)
        0: ~13 | 1@3@3@3@3@3 ; ~7
        0: ~end | 3@7@7@7@4@7 ; ~end
        ");
    }
}
