//! The groups of open windows, by slices of time, and how windows are made of slices.
//!
//! A row is added to the one slice that it lies in, so its cost does not grow with the number of windows
//! that hold it. Where windows overlap, a window is the sum of its slices, which [`Totals`] keeps while
//! windows go by.

use super::shares::Slice;
use super::spilled::{SortedRuns, SpilledSlices};
use super::totals::Totals;
use crate::kernel::groups::{Accumulation, Groups};
use crate::message::EventTime;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use crate::spill::Spill;
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
    /// While something is there that memory was too small for.
    spilled: Option<SpilledSlices>,
}

/// Windows that are made of more than one slice.
struct Overlapping {
    windows: TimeWindows,
    totals: Totals,
    /// The end of the last window that closed.
    closed: EventTime,
    /// The window that leaves, if it stands in files, as far as it has not left.
    leaving: Option<(Window, SortedRuns)>,
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
                leaving: None,
            });
        Panes { slices: BTreeMap::new(), overlapping, spilled: None }
    }

    /// What the slices add up to of the window that was closed last.
    pub fn totals(&mut self) -> Option<&mut Totals> {
        self.overlapping.as_mut().map(|overlapping| &mut overlapping.totals)
    }

    /// Keeps what is needed to write out of memory what slices add up to.
    pub fn may_spill(&mut self) {
        if let Some(overlapping) = &mut self.overlapping {
            overlapping.totals.keep_slices();
        }
    }

    /// Writes the groups of slices out of memory, if all of them together are worth it.
    pub fn spill(
        &mut self,
        spill: &Spill,
        key_types: &[Type],
        accumulation: &mut Accumulation,
    ) -> io::Result<()> {
        accumulation.forget_spare();
        let totals = self.overlapping.as_ref().map(|overlapping| &overlapping.totals);
        let n_held = totals.map_or(0, Totals::n_groups);
        let bytes = self.slices.values().map(Groups::bytes).sum::<usize>() + totals.map_or(0, Totals::bytes);
        if (self.slices.is_empty() && n_held == 0) || !spill.is_worth(bytes) {
            return Ok(());
        }
        // What was read from a checkpoint as sums goes by with its windows.
        if totals.is_some_and(|totals| !totals.has_slices()) {
            return Ok(());
        }
        let drops = totals.is_none_or(Totals::drops);
        let spilled = self.spilled.get_or_insert_with(|| SpilledSlices::new(spill, key_types, drops));
        if let Some(Overlapping { windows, totals, .. }) = &mut self.overlapping {
            totals.give_slices(accumulation, |start, part| {
                let slice = slice_of(windows, start);
                spilled.add_part(slice, &part, accumulation)
            })?;
            totals.clear();
        }
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
            return match self.spilled.take() {
                Some(spilled) => self.close_spilled(until, spilled, accumulation),
                None => Ok(self.close_overlapping(until, accumulation)),
            };
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

    /// The same where windows overlap and some of their slices stand in files: then all go there that a closed window has
    /// held, and windows are read from there.
    fn close_spilled(
        &mut self,
        until: EventTime,
        mut spilled: SpilledSlices,
        accumulation: &mut Accumulation,
    ) -> io::Result<Option<(Window, WindowGroups)>> {
        let Some(Overlapping { windows, closed, leaving, .. }) = &mut self.overlapping else {
            return Ok(None);
        };
        loop {
            if let Some((window, runs)) = leaving.as_mut().filter(|(_, runs)| !runs.is_empty()) {
                let part = spilled.next_of_window(runs, accumulation)?;
                let window = *window;
                self.spilled = Some(spilled);
                return Ok(Some((window, WindowGroups::Slice(part))));
            }
            *leaving = None;
            let first_open = |spilled: &SpilledSlices, slices: &BTreeMap<Slice, Groups>| {
                slices.keys().next().copied().into_iter().chain(spilled.first()).min()
            };
            let open = first_open(&spilled, &self.slices);
            let Some(oldest) = spilled.first_held().into_iter().chain(open.as_ref().map(start_of)).min()
            else {
                return Ok(None);
            };
            match windows.first_ending_after(oldest, *closed) {
                Some(window) if window.end > until => {
                    self.spilled = Some(spilled);
                    return Ok(None);
                }
                Some(window) => {
                    *closed = window.end;
                    while let Some(slice) =
                        first_open(&spilled, &self.slices).filter(|(_, start)| *start < window.end)
                    {
                        let in_memory = self.slices.remove(&slice).map(|groups| (slice, groups));
                        spilled.add(in_memory.into_iter(), accumulation)?;
                        spilled.pass(slice, accumulation)?;
                    }
                    *leaving = Some((window, spilled.of_window()));
                }
                // No window that is open holds it any more.
                None => {
                    spilled.forget_before(oldest.saturating_add(1));
                    if let Some(slice) = open.filter(|(_, start)| *start == oldest) {
                        spilled.remove(slice);
                        self.slices.remove(&slice).into_iter().for_each(|groups| accumulation.close(groups));
                    }
                }
            }
        }
    }

    fn close_overlapping(
        &mut self,
        until: EventTime,
        accumulation: &mut Accumulation,
    ) -> Option<(Window, WindowGroups)> {
        let Overlapping { windows, totals, closed, .. } = self.overlapping.as_mut()?;
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
        let Some(Overlapping { windows: known, totals, closed, .. }) = &self.overlapping else {
            let spilled = self.spilled.as_ref();
            let n_spilled =
                spilled.map_or(0, |spilled| spilled.n_slices(|slice| self.slices.contains_key(slice)));
            let firsts = self.slices.keys().next().copied().into_iter();
            let (end, _) = firsts.chain(spilled.and_then(SpilledSlices::first)).min()?;
            return Some(windows(Some(self.slices.len() + n_spilled), end));
        };
        let oldest = totals.starts().map(|(oldest, _)| oldest);
        let spilled = self.spilled.iter().flat_map(SpilledSlices::starts);
        let starts = oldest.into_iter().chain(self.slices.keys().map(start_of)).chain(spilled);
        let ends = starts.filter_map(|start| Some(known.first_ending_after(start, *closed)?.end));
        Some(windows(None, ends.min()?))
    }

    /// Of what is in memory, but for what is [written apart](Panes::write_others).
    pub fn snapshot(&self, accumulation: &Accumulation, writer: &mut SnapshotWriter) {
        writer.sequence(self.slices.iter(), |writer, ((end, start), groups)| {
            writer.i64(*end);
            writer.i64(*start);
            accumulation.write(groups, writer);
        });
        if let Some(overlapping) = &self.overlapping {
            writer.i64(overlapping.closed);
            match overlapping.totals.has_slices() {
                true => overlapping.totals.snapshot_of_none(writer),
                false => overlapping.totals.snapshot(writer),
            }
        }
    }

    /// How many parts of slices are written apart: what stands in files, and what has been added up but can be had
    /// slice by slice.
    pub fn n_others(&self) -> usize {
        let totals = self.overlapping.as_ref().map(|overlapping| &overlapping.totals);
        let n_held = totals.filter(|totals| totals.has_slices()).map_or(0, Totals::n_parts);
        n_held + self.spilled.iter().flat_map(SpilledSlices::blocks).count()
    }

    pub fn write_others(
        &self,
        accumulation: &Accumulation,
        mut write: impl FnMut(Slice, &[u8]),
    ) -> io::Result<()> {
        if let Some(Overlapping { windows, totals, .. }) = &self.overlapping
            && totals.has_slices()
        {
            totals.give_slices(accumulation, |start, part| {
                let mut written = SnapshotWriter::default();
                accumulation.write(&part, &mut written);
                write(slice_of(windows, start), &written.finish());
                Ok(())
            })?;
        }
        let mut spilled = self.spilled.iter().flat_map(SpilledSlices::blocks);
        spilled.try_for_each(|(slice, block)| {
            write(slice, &block.read()?);
            Ok(())
        })
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

fn slice_of(windows: &TimeWindows, start: EventTime) -> Slice {
    let bounds = windows.slice(start).bounds;
    (bounds.end, bounds.start)
}

fn start_of(key: &(EventTime, EventTime)) -> EventTime {
    key.1
}
