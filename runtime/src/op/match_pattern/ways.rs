//! The ways of a run: where each stands, what it has taken, and which have the same future.

use super::pattern::Pattern;
use crate::message::EventTime;
use millstream_ir::pattern::{Edge, Guards, MatchMode, ReadPart};
use std::collections::HashSet;
use std::sync::Arc;

/// Where a way of a run stands.
#[derive(Clone)]
pub struct Way {
    pub state: usize,
    /// The guards that are broken, of those that are watched for here.
    pub broken: Guards,
    /// When the clocks of its state have run down; [`SPENT`] if that has been and gone.
    pub deadlines: Vec<EventTime>,
    /// When it went on last: the time of its last event or clock.
    pub since: EventTime,
    /// Whether that was a clock.
    pub is_by_clock: bool,
    /// The furthest in the pattern that it has been.
    pub rank: u32,
    pub taken: Option<Arc<Taken>>,
}

/// The deadline of a clock along which a way did not go.
pub const SPENT: EventTime = EventTime::MIN;

/// The events of a way, last first; ways share their beginnings.
pub struct Taken {
    pub step: usize,
    pub event: u64,
    pub before: Option<Arc<Taken>>,
}

/// A long chain is taken apart link by link, not on the stack.
impl Drop for Taken {
    fn drop(&mut self) {
        let mut before = self.before.take();
        while let Some(link) = before {
            match Arc::try_unwrap(link) {
                Ok(mut link) => before = link.before.take(),
                Err(_) => break,
            }
        }
    }
}

impl Way {
    /// A way before any event.
    pub fn nowhere() -> Way {
        let (since, deadlines) = (EventTime::MIN, vec![]);
        Way { state: 0, broken: 0, deadlines, since, is_by_clock: false, rank: 0, taken: None }
    }

    /// Whether nothing that rules an edge out has happened.
    pub fn is_open(&self, edge: &Edge) -> bool {
        edge.guards & self.broken == 0
    }

    /// When a clock of its state has run down.
    pub fn deadline(&self, pattern: &Pattern, clock: usize) -> EventTime {
        let place = pattern.state(self.state).clocks.iter().position(|c| *c == clock);
        place.map_or(SPENT, |place| self.deadlines[place])
    }

    /// Whether the limits of an edge allow an event of this time.
    pub fn is_in_time(&self, pattern: &Pattern, edge: &Edge, time: EventTime) -> bool {
        edge.limits.iter().all(|clock| self.deadline(pattern, *clock) >= time)
    }

    /// The events that it took in a step, last first.
    pub fn events_of(&self, step: usize) -> impl Iterator<Item = u64> {
        self.events().filter(move |t| t.step == step).map(|t| t.event)
    }

    pub fn events(&self) -> impl Iterator<Item = &Taken> {
        std::iter::successors(self.taken.as_deref(), |t| t.before.as_deref())
    }

    /// What it has taken: steps and events, last first.
    pub fn choice(&self) -> Vec<(usize, u64)> {
        self.events().map(|taken| (taken.step, taken.event)).collect()
    }
}

/// Of ways with the same future, keeps the first.
pub fn keep_preferred(pattern: &Pattern, ways: &mut Vec<Way>) {
    if pattern.has_one_way {
        // Whatever would complete another completes the first.
        ways.truncate(1);
    }
    if ways.len() < 2 {
        return;
    }
    let mut seen = HashSet::new();
    ways.retain(|way| {
        let future = match pattern.spec.mode {
            // Each choice of events counts.
            MatchMode::All => {
                way.choice().into_iter().flat_map(|(step, event)| [step as u64, event]).collect()
            }
            _ => looked_at(pattern, way),
        };
        let rank = if pattern.spec.or_timeout { way.rank } else { 0 };
        seen.insert((way.state, way.broken, way.deadlines.clone(), rank, future))
    });
}

/// The events that conditions still to come look at.
fn looked_at(pattern: &Pattern, way: &Way) -> Vec<u64> {
    let mut events_read = vec![];
    for read in &pattern.still_read[way.state] {
        let mut events = way.events_of(read.step);
        match read.part {
            ReadPart::First => events_read.push(events.last().unwrap_or(u64::MAX)),
            ReadPart::Last => events_read.push(events.next().unwrap_or(u64::MAX)),
            ReadPart::Count => events_read.push(events.count() as u64),
            ReadPart::All => {
                events_read.extend(events);
                events_read.push(u64::MAX);
            }
        }
    }
    events_read
}
