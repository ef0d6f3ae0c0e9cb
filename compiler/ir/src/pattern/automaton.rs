//! The automaton of a pattern: where a way of a run can stand, and what leads on from there.
//!
//! A way stands in a state. The edges of a state come in the order of preference; an event, or a clock that has
//! run down, leads along those that it fits. What can happen meanwhile and rules an edge out is a
//! *guard*: an event that must not come, or any event at all where nothing may lie in between.

use super::Pattern;
use super::derive::Deriving;

/// States are meant by their numbers; a run begins in the first.
#[derive(Clone, Default, Debug)]
pub struct Automaton {
    pub states: Vec<State>,
    /// How many absences the pattern has: the guards with these numbers are those, the others are broken by any
    /// event.
    pub n_absences: usize,
}

#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct State {
    /// The preferred first.
    pub edges: Vec<Edge>,
    /// Where the pattern is complete: how many of the edges are preferred to leaving it at that.
    pub accepts: Option<usize>,
    /// What is watched for while a way stands here: the guards of its edges.
    pub guards: Guards,
    /// The clocks that run here, sorted.
    pub clocks: Vec<usize>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edge {
    pub on: Event,
    pub to: usize,
    /// What must not have happened since they began to be watched for.
    pub guards: Guards,
    /// Clocks that must not have run down before the event.
    pub limits: Vec<usize>,
    /// From the first state: the absences, each with its clock, of which none may have come for so long
    /// before the event.
    pub quiet: Vec<(usize, usize)>,
    /// The guards that are watched for already where the edge begins, and further where it leads.
    pub carried_guards: Guards,
    /// The clocks that do not start again.
    pub carried_clocks: Vec<usize>,
}

/// What leads along an edge.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Event {
    /// An event that is taken as this step.
    Step(usize),
    /// This clock has run down.
    Clock(usize),
}

/// A set of guards, as bits.
pub type Guards = u64;

/// A pattern with more states, or guards, than an automaton may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooLarge;

/// As many as make sense: each costs memory, and time while a program is compiled.
pub const MOST_STATES: usize = 4096;

impl Automaton {
    /// Builds the automaton of a pattern with these absences.
    ///
    /// # Errors
    /// If it would have more than [`MOST_STATES`] states, or more guards or clocks than [`Guards`] has bits.
    pub fn new(pattern: &Pattern, n_absences: usize) -> Result<Automaton, TooLarge> {
        Deriving::new(n_absences).automaton(pattern)
    }

    /// How many different places there are for a run that is not complete.
    pub fn n_waiting_states(&self) -> usize {
        self.states.iter().skip(1).filter(|state| state.accepts != Some(0)).count()
    }

    /// Whether clocks alone lead in a circle that nothing ends: if runs are not `bounded` in time, or if they go
    /// on beyond a match, as with `all`, or from a state where the pattern is complete.
    pub fn has_endless_clocks(&self, bounded: bool, all: bool) -> bool {
        let n_states = self.states.len();
        let matters = |state: &usize| !bounded || all || self.states[*state].accepts.is_some();
        let by_clocks = |state: usize| {
            let state = &self.states[state];
            let edges = if all { &state.edges } else { state.preferred() };
            edges.iter().filter(|edge| matches!(edge.on, Event::Clock(_))).map(|edge| edge.to)
        };
        (0..n_states).filter(matters).any(|start| {
            let mut reached = vec![false; n_states];
            let mut open: Vec<usize> = by_clocks(start).collect();
            while let Some(state) = open.pop() {
                if !std::mem::replace(&mut reached[state], true) {
                    open.extend(by_clocks(state));
                }
            }
            reached[start]
        })
    }

    /// Whether a complete match may wait whether it can take more.
    pub fn waits(&self) -> bool {
        self.states.iter().any(|state| state.accepts.is_some_and(|preferred| preferred > 0))
    }
}

impl State {
    /// The edges that a way along which a run completes would rather go on.
    pub fn preferred(&self) -> &[Edge] {
        &self.edges[..self.accepts.unwrap_or(self.edges.len())]
    }
}
