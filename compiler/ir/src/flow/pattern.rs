//! What follows from the steps of a pattern: how they print, and how many ways a run can go.

use super::{MatchMode, MatchRead, MatchSpec, MatchStep, ReadPart, Schema};
use crate::text::format_duration;
use std::collections::BTreeSet;

impl MatchStep {
    /// What stands behind it: `{2,5} adjacent`.
    pub fn quantifier(&self) -> String {
        let counts = match (self.min, self.max) {
            _ if !self.repeats => String::new(),
            (1, None) => "+".to_string(),
            (min, None) => format!("{{{min},}}"),
            (min, Some(max)) if min == max => format!("{{{min}}}"),
            (min, Some(max)) => format!("{{{min},{max}}}"),
        };
        let adjacent = if self.repeats && self.adjacent { " adjacent" } else { "" };
        let reuse = if self.reuse { " reuse" } else { "" };
        format!("{counts}{adjacent}{reuse}")
    }

    /// How it is joined to the step before.
    pub fn joined(&self) -> &'static str {
        if self.next { "next" } else { "then" }
    }
}

impl MatchMode {
    /// As a pattern says it; nothing where events are used up.
    pub fn text(self) -> String {
        match self {
            MatchMode::UseUp => String::new(),
            MatchMode::Overlapping => "overlapping".to_string(),
            MatchMode::Once(Some(time)) => format!("once per {}", format_duration(time)),
            MatchMode::Once(None) => "once forever".to_string(),
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

/// The most ways of one run, not counting those that conditions keep apart: one per step and count, and two where
/// it matters whether an event has lain in between since.
pub fn ways_of_run(steps: &[MatchStep]) -> u64 {
    let kinds = if steps.iter().any(|step| step.next || step.adjacent) { 2 } else { 1 };
    let counts = |(number, step): (usize, &MatchStep)| match step.max {
        // A last step that has enough completes the match.
        _ if number + 1 == steps.len() => u64::from(step.min) - 1,
        Some(max) => u64::from(max),
        None => u64::from(step.min),
    };
    steps.iter().enumerate().map(counts).sum::<u64>() * kinds
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
