//! A pattern, its events and what becomes of them in the words of its program.

use super::condition::{Row, Unfulfilled, shortened, source_text, unfulfilled, value_text, written};
use super::event::Event;
use super::note::Refusal;
use super::replay::{Ending, MOST_CHOICES};
use crate::message::EventTime;
use millstream_base::SourceMap;
use millstream_ir::flow::Schema;
use millstream_ir::pattern::{Clock, Event as On, EventTest, MatchSpec, Pattern};
use millstream_ir::text::{format_duration, format_timestamp};
use millstream_ir::value::Value;

pub struct Words<'w> {
    pub spec: &'w MatchSpec,
    /// The columns of the events, per input.
    pub inputs: Vec<&'w Schema>,
    pub files: &'w SourceMap,
}

/// An event is shown on one line.
const WIDTH: usize = 100;

impl Words<'_> {
    /// The pattern as it is written, on one line.
    pub fn pattern(&self) -> String {
        let written = written(self.files, self.spec.span);
        if written.is_empty() { self.spec.pattern_text(&self.inputs) } else { written }
    }

    /// The whole of `match`: `once per 1d by user a: events then b: events within 10m`.
    pub fn whole(&self) -> String {
        let spec = self.spec;
        let keys: Vec<String> = spec
            .bindings
            .iter()
            .take(self.n_keys())
            .map(|key| if key.hidden { "(…)".into() } else { key.name.to_string() })
            .collect();
        let by = if keys.is_empty() { String::new() } else { format!("by {}", keys.join(", ")) };
        let without = spec.without.map_or(String::new(), |absence| self.absence(absence));
        let timeout = if spec.or_timeout { " or timeout" } else { "" };
        let within =
            spec.within.map_or(String::new(), |time| format!("within {}{timeout}", format_duration(time)));
        let parts = [spec.mode.text(), by, self.pattern(), without, within];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// What a step is called; one without a name by its stream.
    pub fn step(&self, step: usize) -> String {
        match self.spec.bindings.get(self.n_keys() + step) {
            Some(variable) if !variable.hidden => variable.name.to_string(),
            _ => self.spec.steps.get(step).map_or("?".to_string(), |step| self.test(&step.test)),
        }
    }

    pub fn n_keys(&self) -> usize {
        self.spec.inputs.first().map_or(0, |input| input.keys.len())
    }

    /// `payments[amount < 5.00]`
    fn test(&self, test: &EventTest) -> String {
        let name = |column: usize| self.column(test.input, column);
        let row = Row { column: &|_| Value::Null, name: &name, files: self.files };
        let condition =
            test.condition.as_ref().map_or(String::new(), |c| format!("[{}]", source_text(c, &row)));
        format!("{}{condition}", self.stream(test.input))
    }

    pub fn stream(&self, input: usize) -> &str {
        self.spec.inputs.get(input).map_or("?", |input| &input.name)
    }

    /// The stream whose events a step takes.
    pub fn stream_of(&self, step: usize) -> &str {
        self.spec.steps.get(step).map_or("?", |step| self.stream(step.test.input))
    }

    fn column(&self, input: usize, column: usize) -> String {
        let columns = self.inputs.get(input).map_or(&[][..], |schema| &schema.columns);
        let bound = || self.spec.bindings.get(column.checked_sub(columns.len())?);
        columns.get(column).or_else(bound).map_or("?".to_string(), |c| c.name.to_string())
    }

    /// `not payments[amount < 0]`
    pub fn absence(&self, absence: usize) -> String {
        let tests = self.spec.absences.get(absence).map_or(&[][..], |absence| &absence.tests);
        let tests: Vec<String> = tests.iter().map(|test| self.test(test)).collect();
        let word = if self.spec.without == Some(absence) { "without" } else { "not" };
        match &tests[..] {
            [one] => format!("{word} {one}"),
            several => format!("{word} ({})", several.join(" or ")),
        }
    }

    /// `then within 5s`, or the timer that it is: `not payments for 5m`.
    pub fn clock(&self, clock: usize) -> String {
        let time = match self.spec.clocks.get(clock) {
            Some(Clock::Fixed(time)) => format_duration(*time),
            Some(Clock::Computed { duration, most, .. }) => {
                let name =
                    |c: usize| self.spec.bindings.get(c).map_or("?".to_string(), |b| b.name.to_string());
                let row = Row { column: &|_| Value::Null, name: &name, files: self.files };
                let duration = source_text(duration, &row);
                let duration = duration.trim_start_matches('(').trim_end_matches(')');
                format!("({duration}) max {}", format_duration(*most))
            }
            None => "?".to_string(),
        };
        match timed(&self.spec.pattern, clock) {
            Some(absence) => format!("{} for {time}", self.absence(absence)),
            None => format!("then within {time}"),
        }
    }

    /// What is waited for: `burst, or probe until 2024-05-01T12:00:05Z`.
    pub fn waits(&self, waits: &[(On, Option<EventTime>)]) -> String {
        let one = |(on, until): &(On, Option<EventTime>)| {
            let until = until.map_or(String::new(), |until| format!(" until {}", format_timestamp(until)));
            match on {
                On::Step(step) => format!("{}{until}", self.step(*step)),
                On::Clock(clock) => format!("`{}`{until}", self.clock(*clock)),
            }
        };
        waits.iter().map(one).collect::<Vec<_>>().join(", or ")
    }

    /// The event, without what every event of the key shares: `payments { amount: 20.00, merchant: "q" }`.
    pub fn event(&self, event: &Event) -> String {
        let Some(schema) = self.inputs.get(event.input) else { return String::new() };
        let keys = self.spec.bindings.iter().take(self.n_keys()).map(|key| &*key.name);
        let keys: Vec<&str> = keys.collect();
        let fields: Vec<String> = schema
            .visible()
            .filter(|(number, column)| *number != schema.time && !keys.contains(&&*column.name))
            .filter_map(|(number, column)| {
                let value = event.row.get(number)?;
                Some(format!("{}: {}", column.name, value_text(value, &column.ty)))
            })
            .collect();
        match fields.is_empty() {
            true => self.stream(event.input).to_string(),
            false => shortened(&format!("{} {{ {} }}", self.stream(event.input), fields.join(", ")), WIDTH),
        }
    }

    /// The parts of a step's condition that an event does not fulfil.
    pub fn unfulfilled(&self, step: usize, event: &Event, bindings: &[Value]) -> Vec<Unfulfilled> {
        let Some(condition) = self.spec.steps.get(step).and_then(|step| step.test.condition.as_ref()) else {
            return vec![];
        };
        let column = |column: usize| event.column(column, bindings);
        let name = |column: usize| self.column(event.input, column);
        unfulfilled(condition, &Row { column: &column, name: &name, files: self.files })
    }

    /// Why an event was not taken as a step; nothing where it is of another stream.
    pub fn refusal(
        &self,
        step: usize,
        refusal: &Refusal,
        event: &Event,
        with_values: bool,
    ) -> Option<String> {
        Some(match refusal {
            Refusal::Stream => return None,
            Refusal::Condition(bindings) => {
                let parts = self.unfulfilled(step, event, bindings);
                let text = |part: &Unfulfilled| match with_values {
                    true => part.text(),
                    false => format!("`{}`", part.condition),
                };
                parts.iter().map(text).collect::<Vec<_>>().join(" and ")
            }
            Refusal::Parted => "something else came in between, where nothing may".to_string(),
            Refusal::Absence(absence) => format!("an event of `{}` had come", self.absence(*absence)),
            Refusal::Limit(clock) => format!("its `{}` had passed", self.clock(*clock)),
            Refusal::OutOfTime(over) => {
                format!("{} had passed at {}", self.within(), format_timestamp(*over))
            }
            Refusal::NotQuiet { absence, clock } => {
                format!("an event of `{}` came less than its time before", self.quiet(*absence, *clock))
            }
        })
    }

    fn quiet(&self, absence: usize, clock: usize) -> String {
        match self.spec.clocks.get(clock) {
            Some(Clock::Fixed(time)) => format!("{} for {}", self.absence(absence), format_duration(*time)),
            _ => self.absence(absence),
        }
    }

    pub fn within(&self) -> String {
        self.spec
            .within
            .map_or("its time".to_string(), |within| format!("`within {}`", format_duration(within)))
    }

    /// Why a run ended; `run` names others.
    pub fn ending(&self, ending: Ending, run: &dyn Fn(usize) -> String) -> String {
        match ending {
            Ending::OutOfTime(over) => {
                format!("ended: {} had passed at {}", self.within(), format_timestamp(over))
            }
            Ending::Absence(absence) => {
                format!("ended: this event must not come, by `{}`", self.absence(absence))
            }
            Ending::Limit(at) => {
                format!("ended: the time for its next step had passed at {}", format_timestamp(at))
            }
            Ending::Parted => "ended: the next event had to follow directly, and this is another".to_string(),
            Ending::Used(by) => format!("ended: its events were used up by the match of {}", run(by)),
            Ending::Once(by) => {
                format!("ended: {} was a match, and with `once` all others end", run(by))
            }
            Ending::TooMany if self.spec.has_compact_choices() => {
                format!(
                    "not followed: the key has more than {MOST_CHOICES} choices at once, which are reported all the same"
                )
            }
            Ending::TooMany => {
                format!("given up: the key holds more than {} ways, its `limit`", self.spec.limit)
            }
        }
    }

    /// What a run has taken: `probe ×3, burst`.
    pub fn taken(&self, taken: &[Vec<usize>]) -> String {
        let of_step =
            taken.iter().enumerate().filter(|(_, events)| !events.is_empty()).map(|(step, events)| {
                match events.len() {
                    1 => self.step(step),
                    n => format!("{} ×{n}", self.step(step)),
                }
            });
        of_step.collect::<Vec<_>>().join(", ")
    }
}

/// The absence that a clock times, if it is a timer.
fn timed(pattern: &Pattern, clock: usize) -> Option<usize> {
    match pattern {
        Pattern::Quiet { absence, clock: other } => (*other == clock).then_some(*absence),
        Pattern::Sequence(links) => links.iter().find_map(|link| timed(&link.pattern, clock)),
        Pattern::Repeat { of, .. } => timed(of, clock),
        Pattern::All { parts, .. } | Pattern::Any(parts) => parts.iter().find_map(|part| timed(part, clock)),
        Pattern::Step(_) | Pattern::Absent(_) => None,
    }
}
