//! How a pattern prints: as it can be written.

use super::automaton_text::AutomatonText;
use super::{Absence, Clock, EventTest, Link, MatchMode, MatchSpec, Pattern};
use crate::expr::Expr;
use crate::flow::Schema;
use crate::text::format_duration;

impl MatchMode {
    /// As a pattern says it; nothing where events are used up.
    pub fn text(self) -> String {
        match self {
            MatchMode::UseUp => String::new(),
            MatchMode::Overlapping => "overlapping".to_string(),
            MatchMode::All => "all".to_string(),
            MatchMode::Once(Some(time)) => format!("once per {}", format_duration(time)),
            MatchMode::Once(None) => "once forever".to_string(),
        }
    }
}

impl MatchSpec {
    /// The pattern, of events of these schemas: `probe: payments[amount < 5.00]{3,} then big: payments`.
    pub fn pattern_text(&self, inputs: &[&Schema]) -> String {
        let without =
            self.without.map_or(String::new(), |w| format!(" without {}", self.absence_text(w, inputs)));
        self.text_of(&self.pattern, inputs) + &without
    }

    /// The automaton, one line per state and edge.
    pub fn automaton_text(&self, inputs: &[&Schema]) -> String {
        self.with_automaton(inputs, |automaton| automaton.to_string())
    }

    /// The automaton as a graph, in graphviz's language.
    pub fn automaton_dot(&self, name: &str, inputs: &[&Schema]) -> String {
        self.with_automaton(inputs, |automaton| automaton.dot(name))
    }

    fn with_automaton(&self, inputs: &[&Schema], text: impl Fn(AutomatonText) -> String) -> String {
        let (step, absence) = (|n| self.step_text(n, inputs), |n| self.absence_text(n, inputs));
        let clock = |n| self.clock_text(n);
        text(AutomatonText { spec: self, step: &step, absence: &absence, clock: &clock })
    }

    /// A step: `probe: payments[amount < 5.00]`.
    pub fn step_text(&self, number: usize, inputs: &[&Schema]) -> String {
        let Some(step) = self.steps.get(number) else { return "?".to_string() };
        let n_keys = self.inputs.first().map_or(0, |i| i.keys.len());
        let variable = match self.bindings.get(n_keys + number) {
            Some(binding) if !binding.hidden => format!("{}: ", binding.name),
            _ => String::new(),
        };
        let reuse = if step.reuse { " reuse" } else { "" };
        format!("{variable}{}{reuse}", self.test_text(&step.test, inputs))
    }

    pub fn absence_text(&self, number: usize, inputs: &[&Schema]) -> String {
        let tests = |absence: &Absence| {
            absence.tests.iter().map(|test| self.test_text(test, inputs)).collect::<Vec<_>>()
        };
        match self.absences.get(number).map(tests).as_deref() {
            Some([one]) => one.clone(),
            Some(several) => format!("({})", several.join(" or ")),
            None => "?".to_string(),
        }
    }

    pub fn test_text(&self, test: &EventTest, inputs: &[&Schema]) -> String {
        let columns = inputs.get(test.input).map_or(&[][..], |schema| &schema.columns);
        let column = |c: usize| {
            let bound = self.bindings.get(c.wrapping_sub(columns.len()));
            columns.get(c).or(bound).map_or("?".to_string(), |c| c.name.to_string())
        };
        let is_events = |c: usize| c.checked_sub(columns.len()).is_some_and(|c| self.is_list(c));
        let text = |c: &Expr| format!("[{}]", c.text_of_pattern(&column, &is_events));
        let condition = test.condition.as_ref().map_or(String::new(), text);
        let stream = self.inputs.get(test.input).map_or("?", |i| &i.name);
        format!("{stream}{condition}")
    }

    pub fn clock_text(&self, number: usize) -> String {
        let name = |c: usize| self.bindings.get(c).map_or("?".to_string(), |b| b.name.to_string());
        match self.clocks.get(number) {
            Some(Clock::Fixed(duration)) => format_duration(*duration),
            Some(Clock::Computed { duration, most, .. }) => {
                let is_events = |c| self.is_list(c);
                let duration = duration.text_of_pattern(&name, &is_events);
                format!("({duration}) max {}", format_duration(*most))
            }
            None => "?".to_string(),
        }
    }

    /// Whether a binding is a list of events.
    fn is_list(&self, binding: usize) -> bool {
        let n_keys = self.inputs.first().map_or(0, |i| i.keys.len());
        let step = binding.checked_sub(n_keys).and_then(|step| self.steps.get(step));
        step.is_some_and(|step| step.repeats)
    }

    fn text_of(&self, pattern: &Pattern, inputs: &[&Schema]) -> String {
        let part = |part: &Pattern| match part {
            Pattern::Sequence(_) => format!("({})", self.text_of(part, inputs)),
            _ => self.text_of(part, inputs),
        };
        let joined = |parts: &[Pattern], word: &str| {
            let parts: Vec<String> = parts.iter().map(part).collect();
            format!("({})", parts.join(word))
        };
        match pattern {
            Pattern::Step(step) => self.step_text(*step, inputs),
            Pattern::Sequence(links) => {
                let link = |(number, link): (usize, &Link)| {
                    let joined = match link {
                        _ if number == 0 => String::new(),
                        Link { within: Some(clock), .. } => {
                            format!(" then within {} ", self.clock_text(*clock))
                        }
                        Link { next: true, .. } => " next ".to_string(),
                        Link { next: false, .. } => " then ".to_string(),
                    };
                    joined + &part(&link.pattern)
                };
                links.iter().enumerate().map(link).collect()
            }
            Pattern::Repeat { of, min, max, adjacent, greedy } => {
                let of = match &**of {
                    Pattern::Repeat { .. } => format!("({})", self.text_of(of, inputs)),
                    of => part(of),
                };
                let adjacent = if *adjacent { " adjacent" } else { "" };
                let greedy = if *greedy { " greedy" } else { "" };
                format!("{of}{}{adjacent}{greedy}", quantifier(*min, *max))
            }
            Pattern::All { parts, .. } => joined(parts, " and "),
            Pattern::Any(parts) => joined(parts, " or "),
            Pattern::Absent(absence) => format!("not {}", self.absence_text(*absence, inputs)),
            Pattern::Quiet { absence, clock } => {
                format!("not {} for {}", self.absence_text(*absence, inputs), self.clock_text(*clock))
            }
        }
    }
}

/// `{2,5}`
fn quantifier(min: u32, max: Option<u32>) -> String {
    match (min, max) {
        (0, None) => "*".to_string(),
        (1, None) => "+".to_string(),
        (0, Some(1)) => "?".to_string(),
        (min, None) => format!("{{{min},}}"),
        (min, Some(max)) if min == max => format!("{{{min}}}"),
        (min, Some(max)) => format!("{{{min},{max}}}"),
    }
}
