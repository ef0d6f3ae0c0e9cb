//! What follows from the steps of a pattern: how they print, and how many ways a run can go.

use super::{MatchRead, MatchSpec, MatchStep, ReadPart, Schema};
use std::collections::BTreeSet;

impl MatchStep {
    /// What stands behind it: `{2,5}`.
    pub fn quantifier(&self) -> String {
        match (self.min, self.max) {
            _ if !self.repeats => String::new(),
            (1, None) => "+".to_string(),
            (min, None) => format!("{{{min},}}"),
            (min, Some(max)) if min == max => format!("{{{min}}}"),
            (min, Some(max)) => format!("{{{min},{max}}}"),
        }
    }
}

/// What keeps the ways of a run apart, because conditions look at it. All ways of a run have its first
/// event.
pub fn keeping_apart(steps: &[MatchStep]) -> BTreeSet<MatchRead> {
    let repeats = |step: usize| steps.get(step).is_some_and(|s| s.repeats);
    let is_first_event = |read: &MatchRead| match read.part {
        ReadPart::First => read.step == 0,
        _ => read.step == 0 && !repeats(0),
    };
    steps.iter().flat_map(|s| &s.reads).copied().filter(|read| !is_first_event(read)).collect()
}

/// The most ways of one run, not counting those that conditions keep apart: one per step and count.
pub fn ways_of_run(steps: &[MatchStep]) -> u64 {
    let counts = |(number, step): (usize, &MatchStep)| match step.max {
        // A last step that has enough completes the match.
        _ if number + 1 == steps.len() => u64::from(step.min) - 1,
        Some(max) => u64::from(max),
        None => u64::from(step.min),
    };
    steps.iter().enumerate().map(counts).sum()
}

impl MatchSpec {
    /// A step over events of these columns: `probe: payments[amount < 5.00]{3,}`.
    pub fn step_text(&self, number: usize, events: &Schema) -> String {
        let Some(step) = self.steps.get(number) else { return String::new() };
        let n_keys = self.inputs.first().map_or(0, |i| i.keys.len());
        let column = |c: usize| {
            let bound = self.bindings.get(c.wrapping_sub(events.columns.len()));
            events.columns.get(c).or(bound).map_or("?".to_string(), |c| c.name.to_string())
        };
        let condition = step.condition.as_ref().map_or(String::new(), |c| format!("[{}]", c.text(&column)));
        let variable = match self.bindings.get(n_keys + number) {
            Some(binding) if !binding.hidden => format!("{}: ", binding.name),
            _ => String::new(),
        };
        let stream = self.inputs.get(step.input).map_or("?", |i| &i.name);
        format!("{variable}{stream}{condition}{}", step.quantifier())
    }

    /// The names of the partition key.
    pub fn key_names(&self) -> Vec<&str> {
        let n_keys = self.inputs.first().map_or(0, |i| i.keys.len());
        self.bindings.iter().take(n_keys).map(|b| &*b.name).collect()
    }
}
