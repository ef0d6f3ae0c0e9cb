//! How automata print: as lines, and as a graph for graphviz.

use super::MatchSpec;
use super::automaton::{Edge, Event};
use std::fmt::{self, Display, Formatter};

/// One line per state and edge.
pub struct AutomatonText<'a> {
    pub spec: &'a MatchSpec,
    /// What steps, absences and clocks are called.
    pub step: &'a dyn Fn(usize) -> String,
    pub absence: &'a dyn Fn(usize) -> String,
    pub clock: &'a dyn Fn(usize) -> String,
}

impl AutomatonText<'_> {
    /// The same as a graph in graphviz's language: states where the pattern is complete have two rings, edges that
    /// only `all` follows are dashed.
    pub fn dot(&self, name: &str) -> String {
        let automaton = &self.spec.automaton;
        let mut text = format!("digraph {} {{\n  rankdir=LR;\n  node [shape=circle];\n", quoted(name));
        for (number, state) in automaton.states.iter().enumerate() {
            if state.accepts.is_some() {
                text += &format!("  {number} [shape=doublecircle];\n");
            }
            for (place, edge) in state.edges.iter().enumerate() {
                let is_cut = state.accepts.is_some_and(|preferred| place >= preferred);
                let dashed = if is_cut { ", style=dashed" } else { "" };
                let label = self.on(edge) + &self.conditions(edge).replace(", ", "\n");
                text += &format!("  {number} -> {} [label={}{dashed}];\n", edge.to, quoted(&label));
            }
        }
        text + "}\n"
    }

    fn on(&self, edge: &Edge) -> String {
        match edge.on {
            Event::Step(step) => (self.step)(step),
            Event::Clock(clock) => format!("after {}", (self.clock)(clock)),
        }
    }

    fn conditions(&self, edge: &Edge) -> String {
        let n_absences = self.spec.automaton.n_absences;
        let mut text = String::new();
        for absence in (0..n_absences).filter(|i| edge.guards >> i & 1 == 1) {
            text += &format!(", no {}", (self.absence)(absence));
        }
        if edge.guards >> n_absences != 0 {
            text += ", nothing in between";
        }
        for limit in &edge.limits {
            text += &format!(", within {}", (self.clock)(*limit));
        }
        for (absence, clock) in &edge.quiet {
            text += &format!(", no {} for {} before", (self.absence)(*absence), (self.clock)(*clock));
        }
        text
    }
}

impl Display for AutomatonText<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let automaton = &self.spec.automaton;
        for (number, state) in automaton.states.iter().enumerate() {
            let accepts = if state.accepts.is_some() { " complete" } else { "" };
            writeln!(f, "state {number}{accepts}")?;
            for (place, edge) in state.edges.iter().enumerate() {
                write!(f, "  {} -> {}{}", self.on(edge), edge.to, self.conditions(edge))?;
                let is_cut = state.accepts.is_some_and(|preferred| place >= preferred);
                writeln!(f, "{}", if is_cut { " (only with `all`)" } else { "" })?;
            }
        }
        Ok(())
    }
}

/// As graphviz reads a text.
fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{text}\"")
}
