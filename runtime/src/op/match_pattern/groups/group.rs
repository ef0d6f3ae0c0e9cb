//! Runs with one future.

use super::super::arena::NONE;
use super::super::course;
use super::super::event_log::EventId;
use crate::message::EventTime;
use std::num::NonZeroU8;

/// Runs with one future, and so many words that they remember. What the earliest of them began with stands here, so
/// that a group of one run, as most are, is all that there is of it; the others stand below it in the forest.
#[derive(Clone, Copy)]
pub struct Group<const N: usize> {
    /// The values and clocks that it remembers; and the guards that are broken, if the rule keeps any.
    pub words: [i64; N],
    /// When its earliest run began.
    pub began: EventTime,
    /// With which event: [`NO_EVENT`] if there is no run left.
    pub event: EventId,
    /// When the last of its runs began.
    pub latest: EventTime,
    /// The node right above the earliest.
    pub above: u32,
    /// The first of the runs right below it in their heap.
    pub below: u32,
    /// The node above all of them; without one they are one run, or nobody looks at what they took.
    pub root: u32,
    pub place: u16,
    /// Of its words, as bits: those of which the value is null, then those that are the event that has it.
    pub nulls_and_far: u8,
    /// How the earliest took its event.
    pub how: How,
}

/// The event of what has none.
pub const NO_EVENT: EventId = EventId::MAX;

/// A run: what it began with, and the node right above it.
#[derive(Clone, Copy)]
pub struct Run {
    pub began: EventTime,
    pub event: EventId,
    pub above: u32,
    pub how: How,
}

/// As which step an event was taken, and whether it may have been taken elsewhere too. A rule has fewer tests than this
/// has bits left.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct How(NonZeroU8);

const SHARED: u8 = 1 << 7;

impl How {
    pub fn new(step: usize, is_shared: bool) -> How {
        How(NonZeroU8::MIN.saturating_add(step as u8) | if is_shared { SHARED } else { 0 })
    }

    pub fn step(self) -> usize {
        usize::from((self.0.get() & !SHARED) - 1)
    }

    pub fn is_shared(self) -> bool {
        self.0.get() & SHARED != 0
    }
}

/// So many of the words can be null, or an event: those that a course has at most.
const VALUES: usize = course::MOST_WORDS;

/// The words that groups of any rule have at most: behind those of its course the guards that are broken.
pub const MOST_WORDS: usize = VALUES + 1;

impl<const N: usize> Group<N> {
    /// No run, before the first event.
    pub const NOTHING: Group<N> = Group {
        words: [0; N],
        began: 0,
        event: NO_EVENT,
        latest: 0,
        above: NONE,
        below: NONE,
        root: NONE,
        place: 0,
        nulls_and_far: 0,
        how: How(NonZeroU8::MIN),
    };

    /// Its earliest run.
    pub fn run(&self) -> Run {
        Run { began: self.began, event: self.event, above: self.above, how: self.how }
    }

    pub fn set_run(&mut self, run: Run) {
        let Run { began, event, above, how } = run;
        (self.began, self.event, self.above, self.how) = (began, event, above, how);
    }

    pub fn has_runs(&self) -> bool {
        self.event != NO_EVENT
    }

    pub fn is_null(&self, word: usize) -> bool {
        self.nulls_and_far >> word & 1 == 1
    }

    pub fn is_far(&self, word: usize) -> bool {
        self.nulls_and_far >> (VALUES + word) & 1 == 1
    }

    /// Whether a word has the value itself.
    pub fn is_plain(&self, word: usize) -> bool {
        (self.nulls_and_far | self.nulls_and_far >> VALUES) >> word & 1 == 0
    }

    pub fn set_null(&mut self, word: usize) {
        self.nulls_and_far |= 1 << word;
    }

    pub fn set_far(&mut self, word: usize) {
        self.nulls_and_far |= 1 << (VALUES + word);
    }

    pub fn set_nulls_and_far(&mut self, nulls: u8, far: u8) {
        self.nulls_and_far = nulls & ((1 << VALUES) - 1) | far << VALUES;
    }

    pub fn nulls(&self) -> u8 {
        self.nulls_and_far & ((1 << VALUES) - 1)
    }

    pub fn far(&self) -> u8 {
        self.nulls_and_far >> VALUES
    }

    /// Whether whatever comes does the same to both.
    #[inline]
    pub fn has_future_of(&self, other: &Group<N>) -> bool {
        let same_words = || self.words.iter().zip(&other.words).fold(true, |same, (a, b)| same & (a == b));
        (self.place, self.nulls_and_far) == (other.place, other.nulls_and_far) && same_words()
    }
}
