//! Each row once for each window that holds it, by the windows' ends; the window's start and end become
//! last columns. For clauses that look at the window of a row.
//!
//! A row leaves at once, with its own time, so watermarks pass.

use crate::message::{EventTime, Message};
use crate::operator::{Operator, Output};
use millstream_ir::batch::{BATCH_ROWS, Batch};
use millstream_ir::column::{Column, ColumnData, ColumnRef};
use millstream_ir::window::{TimeWindows, Window};
use std::sync::Arc;

/// Batches that leave at once.
const BATCHES_AT_ONCE: usize = 8;

pub struct AssignWindows {
    windows: TimeWindows,
    /// The column of the event time.
    time: usize,
    waiting: Option<Waiting>,
}

/// A batch of which not all rows have left in all windows.
struct Waiting {
    batch: Batch,
    row: usize,
    /// The window that the row left in last.
    window: Option<Window>,
}

impl AssignWindows {
    pub fn new(windows: TimeWindows, time: usize) -> AssignWindows {
        AssignWindows { windows, time, waiting: None }
    }

    /// The next rows with their windows; none when all have left.
    fn part(&mut self) -> Option<Batch> {
        let Waiting { batch, row, window } = self.waiting.as_mut()?;
        let ColumnData::I64(times) = &batch.columns[self.time].data else { return None };
        let mut rows = vec![];
        let mut bounds: Vec<Window> = vec![];
        while *row < batch.n_rows && rows.len() < BATCH_ROWS {
            let time: EventTime = times[*row];
            let next = match (&*window, bounds.last()) {
                // Nearly always a row lies in the window of the row before.
                (None, Some(last)) if self.windows.is_sliced_by_window() && last.contains(time) => {
                    Some(*last)
                }
                (last, _) => {
                    self.windows.first_ending_after(time, last.map_or(EventTime::MIN, |last| last.end))
                }
            };
            match next {
                Some(next) => {
                    rows.push(*row as u32);
                    bounds.push(next);
                    *window = Some(next);
                    if self.windows.is_sliced_by_window() {
                        (*row, *window) = (*row + 1, None);
                    }
                }
                None => (*row, *window) = (*row + 1, None),
            }
        }
        if rows.is_empty() {
            return None;
        }
        let is_whole =
            rows.len() == batch.n_rows && rows.iter().enumerate().all(|(i, row)| i == *row as usize);
        let mut part = if is_whole { batch.clone() } else { batch.gather(&rows) };
        part.columns.push(times_column(bounds.iter().map(|w| w.start)));
        part.columns.push(times_column(bounds.iter().map(|w| w.end)));
        Some(part)
    }
}

impl Operator for AssignWindows {
    fn step(&mut self, _input: usize, message: Message, output: &mut Output) {
        match message {
            Message::Batch(batch) => {
                self.waiting = Some(Waiting { batch, row: 0, window: None });
                self.resume(output);
            }
            watermark => output.messages.push(watermark),
        }
    }

    fn resume(&mut self, output: &mut Output) {
        for _ in 0..BATCHES_AT_ONCE {
            match self.part() {
                Some(part) => output.messages.push(Message::Batch(part)),
                None => {
                    self.waiting = None;
                    return;
                }
            }
        }
        output.more = true;
    }
}

fn times_column(times: impl Iterator<Item = EventTime>) -> ColumnRef {
    Arc::new(Column { data: ColumnData::I64(times.collect()), validity: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::testing::script;
    use millstream_ir::flow::WindowAssigner;

    fn operator(assigner: WindowAssigner) -> AssignWindows {
        AssignWindows::new(TimeWindows::new(&assigner).expect("time decides"), 1)
    }

    #[test]
    fn a_row_leaves_once_per_window_and_at_once() {
        let hopping = WindowAssigner::Hopping { size: 10, every: 5, offset: 0 };
        let answers = script(&mut operator(hopping), "0: 1@4 2@7!9\n0: ~6\n0: 3@10");
        insta::assert_snapshot!(answers, @r"
        0: 1@4 2@7!9 | 1@4@-5@5 1@4@0@10 2@7@0@10!9 2@7@5@15!9
        0: ~6 | ~6
        0: 3@10 | 3@10@5@15 3@10@10@20
        ");
        let apart = WindowAssigner::Hopping { size: 2, every: 5, offset: 0 };
        let answers = script(&mut operator(apart), "0: 1@1 2@3 3@5 4@2\n0: 5@4");
        insta::assert_snapshot!(answers, @r"
        0: 1@1 2@3 3@5 4@2 | 1@1@0@2 3@5@5@7
        0: 5@4 | (nothing)
        ");
        let tumbling = WindowAssigner::Tumbling { size: 5, offset: 1 };
        let answers = script(&mut operator(tumbling), "0: 1@0 2@1 3@5 4@6");
        insta::assert_snapshot!(answers, @"0: 1@0 2@1 3@5 4@6 | 1@0@-4@1 2@1@1@6 3@5@1@6 4@6@6@11");
    }

    #[test]
    fn long_answers_come_in_parts() {
        let hopping = WindowAssigner::Hopping { size: 100_000, every: 1, offset: 0 };
        let mut operator = operator(hopping);
        let answer = script(&mut operator, "0: 7@0 8@1");
        let batches: Vec<&str> = answer.split(" ; ").collect();
        // The first has what was fed in front of it.
        assert!(batches.iter().all(|batch| batch.matches('@').count() <= 3 * BATCH_ROWS + 2));
        assert_eq!(answer.matches("7@0@").count(), 100_000);
        assert!(answer.contains("7@0@-99999@1 ") && answer.trim_end().ends_with("8@1@1@100001"));
    }
}
