//! The groups of open windows, by slices of time, and how windows are made of slices.
//!
//! A row is added to the one slice that it lies in, so its cost does not grow with the number of windows
//! that hold it. Where windows overlap, a window is the sum of its slices, which [`Totals`] keeps while
//! windows go by.

use super::totals::Totals;
use crate::kernel::groups::{Accumulation, Groups};
use crate::message::EventTime;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::waiting::Waiting;
use millstream_ir::window::{TimeWindows, Window};
use std::collections::BTreeMap;

pub struct Panes {
    /// By end, then start. Of slices that no closed window holds; those of windows that cut time up on
    /// their own (each row says in which it is) are windows.
    pub slices: BTreeMap<(EventTime, EventTime), Groups>,
    overlapping: Option<Overlapping>,
}

/// Windows that are made of more than one slice.
struct Overlapping {
    windows: TimeWindows,
    totals: Totals,
    /// The end of the last window that closed.
    closed: EventTime,
}

/// The groups of a window that closes.
pub enum WindowGroups {
    Slice(Groups),
    /// Those of [`Panes::totals`].
    Totals,
}

impl Panes {
    /// `windows` are none where each row says which one it is in. `totals` makes what windows of many slices
    /// need, and is told whether slices leave one by one.
    pub fn new(windows: Option<&TimeWindows>, totals: impl FnOnce(bool) -> Totals) -> Panes {
        let overlapping =
            windows.filter(|windows| !windows.is_sliced_by_window()).map(|windows| Overlapping {
                windows: windows.clone(),
                totals: totals(!matches!(windows, TimeWindows::Cumulative { .. })),
                closed: EventTime::MIN,
            });
        Panes { slices: BTreeMap::new(), overlapping }
    }

    /// What the slices add up to of the window that was closed last.
    pub fn totals(&mut self) -> Option<&mut Totals> {
        self.overlapping.as_mut().map(|overlapping| &mut overlapping.totals)
    }

    /// The next window that ends at or before a time. Windows come by their ends.
    pub fn close(
        &mut self,
        until: EventTime,
        accumulation: &mut Accumulation,
    ) -> Option<(Window, WindowGroups)> {
        let Some(Overlapping { windows, totals, closed }) = &mut self.overlapping else {
            let entry = self.slices.first_entry()?;
            let (end, start) = *entry.key();
            return (end <= until).then(|| (Window { start, end }, WindowGroups::Slice(entry.remove())));
        };
        loop {
            let slices = totals.starts();
            let oldest =
                slices.map(|(oldest, _)| oldest).or_else(|| self.slices.keys().next().map(start_of))?;
            match (windows.first_ending_after(oldest, *closed), slices) {
                (Some(window), _) if window.end > until => return None,
                (Some(window), _) => {
                    *closed = window.end;
                    while let Some(slice) = self.slices.first_entry()
                        && slice.key().1 < window.end
                    {
                        totals.push(slice.key().1, slice.remove(), accumulation);
                    }
                    return Some((window, WindowGroups::Totals));
                }
                // No window that is open holds it any more.
                (None, Some((_, newest))) if windows.first_ending_after(newest, *closed).is_some() => {
                    totals.pop()
                }
                (None, Some(_)) => totals.clear(),
                (None, None) => {
                    if let Some((_, groups)) = self.slices.pop_first() {
                        accumulation.close(groups);
                    }
                }
            }
        }
    }

    /// How many groups there are of slices, and of what slices add up to.
    pub fn n_groups(&self) -> usize {
        let of_totals = self.overlapping.as_ref().map_or(0, |overlapping| overlapping.totals.n_groups());
        self.slices.values().map(|groups| groups.table.n_groups()).sum::<usize>() + of_totals
    }

    /// About how many bytes its groups take.
    pub fn bytes(&self) -> usize {
        let of_totals = self.overlapping.as_ref().map_or(0, |overlapping| overlapping.totals.bytes());
        self.slices.values().map(Groups::bytes).sum::<usize>() + of_totals
    }

    /// The windows that are open.
    pub fn waiting(&self) -> Option<Waiting> {
        let windows = |n, until| Waiting { what: "windows", n, until };
        let Some(Overlapping { windows: known, totals, closed }) = &self.overlapping else {
            return Some(windows(Some(self.slices.len()), self.slices.keys().next()?.0));
        };
        let oldest = totals.starts().map(|(oldest, _)| oldest);
        let mut starts = oldest.into_iter().chain(self.slices.keys().map(start_of));
        Some(windows(None, starts.find_map(|start| known.first_ending_after(start, *closed))?.end))
    }

    pub fn snapshot(&self, accumulation: &Accumulation, writer: &mut SnapshotWriter) {
        writer.sequence(self.slices.iter(), |writer, ((end, start), groups)| {
            writer.i64(*end);
            writer.i64(*start);
            accumulation.write(groups, writer);
        });
        if let Some(overlapping) = &self.overlapping {
            writer.i64(overlapping.closed);
            overlapping.totals.snapshot(writer);
        }
    }

    pub fn restore(
        &mut self,
        accumulation: &mut Accumulation,
        reader: &mut SnapshotReader,
    ) -> Result<(), Corrupt> {
        let slices = reader.sequence(|r| Ok(((r.i64()?, r.i64()?), accumulation.restore(r)?)))?;
        self.slices = slices.into_iter().collect();
        if let Some(overlapping) = &mut self.overlapping {
            overlapping.closed = reader.i64()?;
            overlapping.totals.restore(reader)?;
        }
        Ok(())
    }
}

fn start_of(key: &(EventTime, EventTime)) -> EventTime {
    key.1
}
