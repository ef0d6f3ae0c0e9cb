//! The ways of a run: where each stands, what it has taken, and which have the same future.

use super::Pattern;
use millstream_ir::flow::{MatchSpec, ReadPart};
use std::collections::HashSet;
use std::sync::Arc;

/// Where a way of a run stands.
#[derive(Clone)]
pub struct Way {
    pub step: usize,
    pub count: u32,
    /// Whether an event has come since it took one, where that matters.
    pub has_missed: bool,
    pub taken: Option<Arc<Taken>>,
}

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
    pub fn grown(&self, step: usize, count: u32, event: u64) -> Way {
        let taken = Taken { step, event, before: self.taken.clone() };
        Way { step, count, has_missed: false, taken: Some(Arc::new(taken)) }
    }

    /// That of a run that begins with an event.
    pub fn first(event: u64) -> Way {
        Way { step: 0, count: 0, has_missed: false, taken: None }.grown(0, 1, event)
    }

    /// Whether an event that fits the next step leads on to it.
    pub fn may_advance(&self, pattern: &Pattern) -> bool {
        let next = pattern.spec.steps.get(self.step + 1);
        self.count >= pattern.spec.steps[self.step].min
            && next.is_some_and(|next| !(self.has_missed && next.next))
    }

    /// Whether it takes an event that fits its step.
    pub fn may_take(&self, pattern: &Pattern) -> bool {
        let step = &pattern.spec.steps[self.step];
        step.max.is_none_or(|max| self.count < max) && !(self.has_missed && step.adjacent)
    }

    /// What it is when an event lies in between; nothing if it can take no more then.
    pub fn skipped(&self, pattern: &Pattern) -> Option<Way> {
        let steps = &pattern.spec.steps;
        let matters = steps[self.step].adjacent || steps.get(self.step + 1).is_some_and(|next| next.next);
        let way = Way { has_missed: matters, ..self.clone() };
        (!matters || way.may_advance(pattern) || way.may_take(pattern)).then_some(way)
    }

    pub fn is_complete(&self, spec: &MatchSpec) -> bool {
        self.step + 1 == spec.steps.len() && self.count >= spec.steps[self.step].min
    }

    /// The events that it took in a step, last first.
    pub fn events_of(&self, step: usize) -> impl Iterator<Item = u64> {
        let until = self.events().skip_while(move |t| t.step > step);
        until.take_while(move |t| t.step == step).map(|t| t.event)
    }

    pub fn events(&self) -> impl Iterator<Item = &Taken> {
        std::iter::successors(self.taken.as_deref(), |t| t.before.as_deref())
    }
}

/// What ways are when an event lies in between.
pub fn skipped(pattern: &Pattern, ways: &[Way]) -> Vec<Way> {
    let mut skipped = ways.iter().filter_map(|way| way.skipped(pattern)).collect();
    keep_preferred(pattern, &mut skipped);
    skipped
}

/// Of ways with the same future, keeps the first.
pub fn keep_preferred(pattern: &Pattern, ways: &mut Vec<Way>) {
    let mut seen = HashSet::new();
    ways.retain(|way| {
        let step = &pattern.spec.steps[way.step];
        // Above the minimum of an unbounded repetition, all counts are the same.
        let count = if step.max.is_none() { way.count.min(step.min) } else { way.count };
        let read = &pattern.still_read[way.step];
        let mut looked_at: Vec<u64> = vec![];
        for read in read {
            let mut events = way.events_of(read.step);
            match read.part {
                ReadPart::First => looked_at.push(events.last().unwrap_or(u64::MAX)),
                ReadPart::Last => looked_at.push(events.next().unwrap_or(u64::MAX)),
                ReadPart::Count => looked_at.push(events.count() as u64),
                ReadPart::All => {
                    looked_at.extend(events);
                    looked_at.push(u64::MAX);
                }
            }
        }
        seen.insert((way.step, count, way.has_missed, looked_at))
    });
}
