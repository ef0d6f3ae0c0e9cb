//! The groups of open windows, by slices of time, and how windows are made of slices.
//!
//! A row is added to the one slice that it lies in, so its cost does not grow with the number of windows
//! that hold it. Where windows overlap, a window is the sum of its slices. Adding all of them up for each
//! window would cost the size over the step; instead two stacks are kept (Hirzel, Schneider, Tangwongsan:
//! Sliding-Window Aggregation Algorithms, DEBS 2017):
//!
//! ```text
//! slices   1    2    3  │  4    5    6
//! front    123  23   3  │                what the window still holds of the older ones
//! back                  │  456           all of the newer ones
//! ```
//!
//! The window from 2 to 6 is `23` and `456`. When the front is used up, the newer slices become the front.
//! So each slice is added twice, however many windows it is in.

use crate::kernel::groups::{Accumulation, Groups};
use crate::message::EventTime;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::waiting::Waiting;
use millstream_ir::window::{TimeWindows, Window};
use std::collections::{BTreeMap, VecDeque};

pub struct Panes {
    /// By end, then start. Of slices that no closed window holds; those of windows that cut time up on
    /// their own (each row says in which it is) are windows.
    pub slices: BTreeMap<(EventTime, EventTime), Groups>,
    sums: Sums,
}

/// How windows are made of slices.
enum Sums {
    /// Each slice is a window.
    None,
    Overlapping(TimeWindows, TwoStacks),
    /// The last window that closed, while there are longer ones of its start.
    Growing(TimeWindows, Option<(Window, Groups)>),
}

impl Panes {
    /// `windows` are none where each row says which one it is in.
    pub fn new(windows: Option<&TimeWindows>) -> Panes {
        let sums = match windows {
            Some(windows) if !windows.is_sliced_by_window() => match windows {
                TimeWindows::Cumulative { .. } => Sums::Growing(windows.clone(), None),
                _ => Sums::Overlapping(windows.clone(), TwoStacks::default()),
            },
            _ => Sums::None,
        };
        Panes { slices: BTreeMap::new(), sums }
    }

    /// The groups of the next window that ends at or before a time. Windows come by their ends.
    pub fn close(&mut self, until: EventTime, accumulation: &mut Accumulation) -> Option<(Window, Groups)> {
        match &mut self.sums {
            Sums::None => {
                let entry = self.slices.first_entry()?;
                let (end, start) = *entry.key();
                (end <= until).then(|| (Window { start, end }, entry.remove()))
            }
            Sums::Overlapping(windows, stacks) => {
                loop {
                    let oldest = stacks.oldest().or_else(|| self.slices.keys().next().map(start_of))?;
                    match windows.first_ending_after(oldest, stacks.closed) {
                        Some(window) if window.end > until => return None,
                        Some(window) => {
                            stacks.closed = window.end;
                            while let Some(slice) = self.slices.first_entry()
                                && slice.key().1 < window.end
                            {
                                stacks.push(slice.key().1, slice.remove(), accumulation);
                            }
                            let keeps_oldest = windows.first_ending_after(oldest, window.end).is_some();
                            return Some((window, stacks.sum(keeps_oldest, accumulation)));
                        }
                        // No window that is open holds it any more.
                        None if stacks.oldest().is_some() => stacks.pop(accumulation),
                        None => drop(self.slices.pop_first()),
                    }
                }
            }
            Sums::Growing(windows, sum) => {
                let next = match sum {
                    Some((window, _)) => windows.first_ending_after(window.start, window.end),
                    None => windows.first_ending_after(start_of(self.slices.keys().next()?), EventTime::MIN),
                };
                let next = next.filter(|window| window.end <= until)?;
                let mut groups = match sum.take() {
                    Some((_, groups)) => groups,
                    None => accumulation.open(),
                };
                if let Some(slice) = self.slices.first_entry()
                    && slice.key().1 < next.end
                {
                    let slice = slice.remove();
                    accumulation.merge(&mut groups, &slice);
                    accumulation.close(slice);
                }
                if windows.first_ending_after(next.start, next.end).is_some() {
                    let mut kept = accumulation.open();
                    accumulation.merge(&mut kept, &groups);
                    *sum = Some((next, kept));
                }
                Some((next, groups))
            }
        }
    }
}

impl Panes {
    /// About how many bytes its groups take.
    pub fn bytes(&self) -> usize {
        let of_sums: usize = match &self.sums {
            Sums::None => 0,
            Sums::Overlapping(_, stacks) => stacks.groups().map(Groups::bytes).sum(),
            Sums::Growing(_, sum) => sum.iter().map(|(_, groups)| groups.bytes()).sum(),
        };
        self.slices.values().map(Groups::bytes).sum::<usize>() + of_sums
    }

    /// The windows that are open.
    pub fn waiting(&self) -> Option<Waiting> {
        let windows = |n, until| Waiting { what: "windows", n, until };
        match &self.sums {
            Sums::None => Some(windows(Some(self.slices.len()), self.slices.keys().next()?.0)),
            Sums::Overlapping(known, stacks) => {
                let mut oldest = stacks.oldest().into_iter().chain(self.slices.keys().map(start_of));
                let next = oldest.find_map(|start| known.first_ending_after(start, stacks.closed))?;
                Some(windows(None, next.end))
            }
            Sums::Growing(known, sum) => {
                let next = sum.as_ref().and_then(|(last, _)| known.first_ending_after(last.start, last.end));
                let first = || known.first_ending_after(start_of(self.slices.keys().next()?), EventTime::MIN);
                Some(windows(None, next.or_else(first)?.end))
            }
        }
    }

    pub fn snapshot(&self, accumulation: &Accumulation, writer: &mut SnapshotWriter) {
        writer.sequence(self.slices.iter(), |writer, ((end, start), groups)| {
            writer.i64(*end);
            writer.i64(*start);
            accumulation.write(groups, writer);
        });
        match &self.sums {
            Sums::None => {}
            Sums::Overlapping(_, stacks) => {
                let slice = |writer: &mut SnapshotWriter, (start, groups): &(EventTime, Groups)| {
                    writer.i64(*start);
                    accumulation.write(groups, writer);
                };
                writer.i64(stacks.closed);
                writer.sequence(stacks.front.iter(), slice);
                writer.sequence(stacks.back.iter(), slice);
            }
            Sums::Growing(_, sum) => writer.sequence(sum.iter(), |writer, (window, groups)| {
                writer.i64(window.start);
                writer.i64(window.end);
                accumulation.write(groups, writer);
            }),
        }
    }

    pub fn restore(
        &mut self,
        accumulation: &mut Accumulation,
        reader: &mut SnapshotReader,
    ) -> Result<(), Corrupt> {
        let slices = reader.sequence(|r| Ok(((r.i64()?, r.i64()?), accumulation.restore(r)?)))?;
        self.slices = slices.into_iter().collect();
        match &mut self.sums {
            Sums::None => {}
            Sums::Overlapping(_, stacks) => {
                stacks.closed = reader.i64()?;
                stacks.front = reader.sequence(|r| Ok((r.i64()?, accumulation.restore(r)?)))?;
                for (start, groups) in reader.sequence(|r| Ok((r.i64()?, accumulation.restore(r)?)))? {
                    stacks.push(start, groups, accumulation);
                }
            }
            Sums::Growing(_, sum) => {
                let read = |r: &mut SnapshotReader| {
                    let window = Window { start: r.i64()?, end: r.i64()? };
                    Ok((window, accumulation.restore(r)?))
                };
                *sum = reader.sequence(read)?.pop();
            }
        }
        Ok(())
    }
}

fn start_of(key: &(EventTime, EventTime)) -> EventTime {
    key.1
}

struct TwoStacks {
    /// The oldest last: what it and all after it in the front add up to.
    front: Vec<(EventTime, Groups)>,
    /// The oldest first.
    back: VecDeque<(EventTime, Groups)>,
    back_sum: Option<Groups>,
    /// The end of the last window that closed.
    closed: EventTime,
}

impl Default for TwoStacks {
    fn default() -> TwoStacks {
        TwoStacks { front: vec![], back: VecDeque::new(), back_sum: None, closed: EventTime::MIN }
    }
}

impl TwoStacks {
    fn groups(&self) -> impl Iterator<Item = &Groups> {
        let slices = self.front.iter().chain(&self.back).map(|(_, groups)| groups);
        slices.chain(&self.back_sum)
    }

    /// The start of the oldest slice.
    fn oldest(&self) -> Option<EventTime> {
        self.front.last().or(self.back.front()).map(|(start, _)| *start)
    }

    fn push(&mut self, start: EventTime, groups: Groups, accumulation: &mut Accumulation) {
        let sum = self.back_sum.get_or_insert_with(|| accumulation.open());
        accumulation.merge(sum, &groups);
        self.back.push_back((start, groups));
    }

    /// Drops the oldest slice.
    fn pop(&mut self, accumulation: &mut Accumulation) {
        if self.front.is_empty() {
            self.turn(accumulation);
        }
        if let Some((_, groups)) = self.front.pop() {
            accumulation.close(groups);
        }
    }

    /// What all slices add up to; the oldest is dropped unless it is kept for another window.
    fn sum(&mut self, keeps_oldest: bool, accumulation: &mut Accumulation) -> Groups {
        if self.front.is_empty() {
            self.turn(accumulation);
        }
        let mut sum = match self.front.last() {
            Some((_, front)) if keeps_oldest => {
                let mut sum = accumulation.open();
                accumulation.merge(&mut sum, front);
                sum
            }
            _ => self.front.pop().map_or_else(|| accumulation.open(), |(_, front)| front),
        };
        if let Some(back) = &self.back_sum {
            accumulation.merge(&mut sum, back);
        }
        sum
    }

    /// Makes the back the front.
    fn turn(&mut self, accumulation: &mut Accumulation) {
        while let Some((start, mut groups)) = self.back.pop_back() {
            if let Some((_, newer)) = self.front.last() {
                accumulation.merge(&mut groups, newer);
            }
            self.front.push((start, groups));
        }
        if let Some(sum) = self.back_sum.take() {
            accumulation.close(sum);
        }
    }
}
