//! Which windows a time lies in.
//!
//! The bounds of all windows of one clause cut time into *slices*: between two neighbouring bounds every
//! time lies in the same windows. So a row is added to one slice, and a window is made of whole slices,
//! however many windows overlap. All arithmetic is in 128 bits; at the ends of time windows are cut off.

mod calendar;

use crate::flow::WindowAssigner;
use crate::text::pattern::time_zone;
pub use calendar::{Calendar, CalendarUnit};

/// Half-open; at the ends of time cut off.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Window {
    pub start: i64,
    pub end: i64,
}

impl Window {
    fn of(start: i128, end: i128) -> Window {
        Window { start: clamp(start), end: clamp(end) }
    }

    pub fn contains(self, time: i64) -> bool {
        // The very last window has no time that is not in it.
        self.start <= time && (time < self.end || self.end == i64::MAX)
    }

    /// The event time of the window's rows.
    pub fn time(self) -> i64 {
        self.end - 1
    }
}

/// The part of time between two neighbouring bounds of windows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slice {
    pub bounds: Window,
    /// Whether any window holds it: between hopping windows that lie apart there are gaps.
    pub in_window: bool,
}

/// Windows that a time alone decides on.
#[derive(Clone, Debug)]
pub enum TimeWindows {
    /// One begins at each multiple of `every` (plus the offset) and is `size` long.
    Even {
        size: i64,
        every: i64,
        offset: i64,
    },
    /// From each multiple of `size` (plus the offset), one to each multiple of `every` behind it.
    Cumulative {
        size: i64,
        every: i64,
        offset: i64,
    },
    Calendar(Calendar),
}

impl TimeWindows {
    /// None for windows that depend on more than a row's time.
    pub fn new(assigner: &WindowAssigner) -> Option<TimeWindows> {
        Some(match assigner {
            WindowAssigner::Tumbling { size, offset } => {
                TimeWindows::Even { size: (*size).max(1), every: (*size).max(1), offset: *offset }
            }
            WindowAssigner::Hopping { size, every, offset } => {
                TimeWindows::Even { size: (*size).max(1), every: (*every).max(1), offset: *offset }
            }
            WindowAssigner::Cumulative { size, every, offset } => {
                let size = (*size).max(1);
                TimeWindows::Cumulative { size, every: (*every).clamp(1, size), offset: *offset }
            }
            WindowAssigner::Calendar { unit, zone, offset } => {
                TimeWindows::Calendar(Calendar::new(*unit, time_zone(zone)?, *offset))
            }
            WindowAssigner::Assigned { .. }
            | WindowAssigner::Session { .. }
            | WindowAssigner::Rows { .. }
            | WindowAssigner::Until { .. } => return None,
        })
    }

    /// Whether each slice is a window of its own.
    pub fn is_sliced_by_window(&self) -> bool {
        match self {
            TimeWindows::Even { size, every, .. } => size <= every,
            TimeWindows::Cumulative { size, every, .. } => size == every,
            TimeWindows::Calendar(_) => true,
        }
    }

    /// The slice that a time lies in.
    pub fn slice(&self, time: i64) -> Slice {
        match self {
            TimeWindows::Even { size, every, offset } => {
                let (size, every) = (*size as i128, *every as i128);
                let start = last_multiple(time as i128, every, *offset);
                // Between two starts at most one window ends: so far behind the first.
                let cut = if size < every { size } else { size % every };
                let bounds = if time as i128 - start < cut {
                    Window::of(start, start + cut)
                } else {
                    Window::of(start + cut, start + every)
                };
                Slice { bounds, in_window: size >= every || time as i128 - start < size }
            }
            TimeWindows::Cumulative { size, every, offset } => {
                let (size, every) = (*size as i128, *every as i128);
                let first = last_multiple(time as i128, size, *offset);
                let start = first + (time as i128 - first) / every * every;
                Slice { bounds: Window::of(start, (start + every).min(first + size)), in_window: true }
            }
            TimeWindows::Calendar(calendar) => Slice { bounds: calendar.window(time), in_window: true },
        }
    }

    /// Of the windows that hold a time, the first that ends after another time.
    pub fn first_ending_after(&self, time: i64, after: i64) -> Option<Window> {
        let (time, last) = (time as i128, after.max(time) as i128);
        let window = match self {
            TimeWindows::Even { size, every, offset } => {
                let (size, every) = (*size as i128, *every as i128);
                let start = last_multiple(last - size, every, *offset) + every;
                (start <= time).then(|| Window::of(start, start + size))?
            }
            TimeWindows::Cumulative { size, every, offset } => {
                let (size, every) = (*size as i128, *every as i128);
                let start = last_multiple(time, size, *offset);
                let end = (start + ((last - start) / every + 1) * every).min(start + size);
                (end > last).then(|| Window::of(start, end))?
            }
            TimeWindows::Calendar(calendar) => calendar.window(clamp(time)),
        };
        // Ends that are cut off are all the same.
        (window.end > after).then_some(window)
    }

    /// The window that ends next after another; none at the end of time.
    pub fn next(&self, window: Window) -> Option<Window> {
        let (start, end) = (window.start as i128, window.end as i128);
        let next = match self {
            TimeWindows::Even { every, .. } => Window::of(start + *every as i128, end + *every as i128),
            TimeWindows::Cumulative { size, every, .. } => {
                let (size, every) = (*size as i128, *every as i128);
                let start = if end - start < size { start } else { end };
                Window::of(start, (end + every).min(start + size))
            }
            TimeWindows::Calendar(calendar) => calendar.window(window.end),
        };
        (next.end > window.end).then_some(next)
    }

    /// Whether this is one of them.
    pub fn has(&self, window: Window) -> bool {
        window.end > window.start && self.first_ending_after(window.start, window.end - 1) == Some(window)
    }

    /// All windows that hold a time, by their ends.
    pub fn of_time(&self, time: i64) -> impl Iterator<Item = Window> + '_ {
        let first = self.first_ending_after(time, i64::MIN);
        std::iter::successors(first, move |window| self.first_ending_after(time, window.end))
    }
}

/// The greatest multiple of `step`, moved by an offset, that is not above `time`.
fn last_multiple(time: i128, step: i128, offset: i64) -> i128 {
    time - (time - offset as i128).rem_euclid(step)
}

fn clamp(time: i128) -> i64 {
    time.clamp(i64::MIN as i128, i64::MAX as i128) as i64
}

#[cfg(test)]
mod tests;
