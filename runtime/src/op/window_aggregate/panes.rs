//! The groups of open windows, by slices of time, and how windows are made of slices.
//!
//! A row is added to the one slice that it lies in, so its cost does not grow with the number of windows
//! that hold it. Where windows overlap, a window is the sum of its slices, which [`Totals`] keeps while
//! windows go by.

use super::spilled::SpilledSlices;
use super::totals::Totals;
use crate::kernel::groups::{Accumulation, Groups};
use crate::message::EventTime;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::spill::{Block, Spill};
use crate::waiting::Waiting;
use millstream_ir::types::Type;
use millstream_ir::window::{TimeWindows, Window};
use std::collections::BTreeMap;
use std::io;

pub struct Panes {
    /// By end, then start. Of slices that no closed window holds; those of windows that cut time up on
    /// their own (each row says in which it is) are windows.
    pub slices: BTreeMap<(EventTime, EventTime), Groups>,
    overlapping: Option<Overlapping>,
    /// Once memory was too small for some.
    spilled: Option<SpilledSlices>,
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
        Panes { slices: BTreeMap::new(), overlapping, spilled: None }
    }

    /// What the slices add up to of the window that was closed last.
    pub fn totals(&mut self) -> Option<&mut Totals> {
        self.overlapping.as_mut().map(|overlapping| &mut overlapping.totals)
    }

    /// Writes the groups of slices that are windows out of memory, if all of them together are worth it.
    pub fn spill(
        &mut self,
        spill: &Spill,
        key_types: &[Type],
        accumulation: &mut Accumulation,
    ) -> io::Result<()> {
        if self.overlapping.is_some() {
            return Ok(());
        }
        accumulation.forget_spare();
        let bytes: usize = self.slices.values().map(Groups::bytes).sum();
        if self.slices.is_empty() || !spill.is_worth(bytes) {
            return Ok(());
        }
        let spilled = self.spilled.get_or_insert_with(|| SpilledSlices::new(spill, key_types));
        spilled.add(std::mem::take(&mut self.slices).into_iter(), accumulation)
    }

    /// The next window that ends at or before a time, or, where memory was too small for it, the next groups of it by
    /// their keys. Windows come by their ends.
    pub fn close(
        &mut self,
        until: EventTime,
        accumulation: &mut Accumulation,
    ) -> io::Result<Option<(Window, WindowGroups)>> {
        if self.overlapping.is_some() {
            return Ok(self.close_overlapping(until, accumulation));
        }
        let first = self.slices.keys().next().copied();
        let first_spilled = self.spilled.as_ref().and_then(SpilledSlices::first);
        let Some(slice) = first.into_iter().chain(first_spilled).min().filter(|(end, _)| *end <= until)
        else {
            return Ok(None);
        };
        let in_memory = self.slices.remove(&slice);
        let groups = match (&mut self.spilled, in_memory) {
            (Some(spilled), in_memory) if spilled.has(slice) => {
                if let Some(groups) = in_memory {
                    spilled.add([(slice, groups)].into_iter(), accumulation)?;
                }
                spilled.next_part(slice, accumulation)?
            }
            (_, in_memory) => in_memory.unwrap_or_else(|| accumulation.open()),
        };
        let (end, start) = slice;
        Ok(Some((Window { start, end }, WindowGroups::Slice(groups))))
    }

    fn close_overlapping(
        &mut self,
        until: EventTime,
        accumulation: &mut Accumulation,
    ) -> Option<(Window, WindowGroups)> {
        let Overlapping { windows, totals, closed } = self.overlapping.as_mut()?;
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
        let of_spilled = self.spilled.as_ref().map_or(0, SpilledSlices::n_groups);
        self.slices.values().map(|groups| groups.table.n_groups()).sum::<usize>() + of_totals + of_spilled
    }

    /// Whether some groups may stand in several places.
    pub fn are_in_parts(&self) -> bool {
        let is_in_memory = |slice: &(EventTime, EventTime)| self.slices.contains_key(slice);
        self.spilled.as_ref().is_some_and(|spilled| spilled.are_in_parts(is_in_memory))
    }

    /// About how many bytes its groups take.
    pub fn bytes(&self) -> usize {
        let of_totals = self.overlapping.as_ref().map_or(0, |overlapping| overlapping.totals.bytes());
        let of_spilled = self.spilled.as_ref().map_or(0, SpilledSlices::bytes);
        self.slices.values().map(Groups::bytes).sum::<usize>() + of_totals + of_spilled
    }

    /// The windows that are open.
    pub fn waiting(&self) -> Option<Waiting> {
        let windows = |n, until| Waiting { what: "windows", n, until };
        let Some(Overlapping { windows: known, totals, closed }) = &self.overlapping else {
            let spilled = self.spilled.as_ref();
            let n_spilled =
                spilled.map_or(0, |spilled| spilled.n_slices(|slice| self.slices.contains_key(slice)));
            let firsts = self.slices.keys().next().copied().into_iter();
            let (end, _) = firsts.chain(spilled.and_then(SpilledSlices::first)).min()?;
            return Some(windows(Some(self.slices.len() + n_spilled), end));
        };
        let oldest = totals.starts().map(|(oldest, _)| oldest);
        let mut starts = oldest.into_iter().chain(self.slices.keys().map(start_of));
        Some(windows(None, starts.find_map(|start| known.first_ending_after(start, *closed))?.end))
    }

    /// What of slices stands in files.
    pub fn spilled(&self) -> impl Iterator<Item = ((EventTime, EventTime), &Block)> {
        self.spilled.iter().flat_map(SpilledSlices::blocks)
    }

    /// Of what is in memory.
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
