//! The automaton of a pattern: where a way of a run can stand, and what leads on from there.
//!
//! A way stands in a state. The edges of a state come in the order of preference; an event, or a clock that has
//! run down, leads along those that it fits. What can happen meanwhile and rules an edge out is a
//! *guard*: an event that must not come, or any event at all where nothing may lie in between.

use super::Pattern;
use super::derive::Deriving;
use std::collections::BTreeSet;

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

/// What a pattern has more of than an automaton may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TooLarge {
    /// [`MOST_STATES`]
    States,
    /// What must not come, or times: as many as [`Guards`] has bits.
    Guards,
    /// Ways from each state on: [`MOST_TERMS`] in all.
    Terms,
}

/// As many as make sense: each costs memory, and time while a program is compiled.
pub const MOST_STATES: usize = 4096;

/// How many terms are looked at while an automaton is built. Where much can be left out, each state has as many edges
/// as there are states, and each takes a walk through what is left.
pub const MOST_TERMS: usize = 300_000;

impl Automaton {
    /// Builds the automaton of a pattern with these absences.
    ///
    /// # Errors
    /// If it would have more than it may of one of [`TooLarge`].
    pub fn new(pattern: &Pattern, n_absences: usize) -> Result<Automaton, TooLarge> {
        Deriving::new(n_absences).automaton(pattern)
    }

    /// The guards that any event breaks.
    pub fn touches(&self) -> Guards {
        Guards::MAX.checked_shl(self.n_absences as u32).unwrap_or(0)
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

    /// Whether each event touches the one before it, and there are no more than so many: then nothing waits for an
    /// event for longer than until the next one comes.
    pub fn touches_throughout(&self) -> bool {
        let touches = |edge: &Edge| matches!(edge.on, Event::Step(_)) && edge.guards >> self.n_absences != 0;
        if !self.states.iter().skip(1).flat_map(|state| &state.edges).all(touches) {
            return false;
        }
        // States that nothing leads to any more, until none is left, or a circle.
        let mut n_into = vec![0; self.states.len()];
        self.states.iter().flat_map(|state| &state.edges).for_each(|edge| n_into[edge.to] += 1);
        let mut free: Vec<usize> = (0..n_into.len()).filter(|state| n_into[*state] == 0).collect();
        let mut n_free = 0;
        while let Some(state) = free.pop() {
            n_free += 1;
            for edge in &self.states[state].edges {
                n_into[edge.to] -= 1;
                if n_into[edge.to] == 0 {
                    free.push(edge.to);
                }
            }
        }
        n_free == self.states.len()
    }

    /// The steps that a run can take, as it goes on only as far as it is complete; with `all` further.
    pub fn steps_taken(&self, all: bool) -> BTreeSet<usize> {
        let (mut steps, mut reached, mut open) = (BTreeSet::new(), BTreeSet::from([0]), vec![0]);
        while let Some(state) = open.pop() {
            let state = &self.states[state];
            for edge in if all { &state.edges } else { state.preferred() } {
                if let Event::Step(step) = edge.on {
                    steps.insert(step);
                }
                if reached.insert(edge.to) {
                    open.push(edge.to);
                }
            }
        }
        steps
    }

    /// The clocks that may have started at different times in two ways of a run that stand in one state: one of them
    /// may come in time where the other does not.
    pub fn clocks_apart(&self) -> BTreeSet<usize> {
        let into = |state: usize| {
            let edges =
                self.states.iter().enumerate().flat_map(|(from, s)| s.edges.iter().map(move |e| (from, e)));
            edges.filter(move |(_, edge)| edge.to == state)
        };
        let n_states = self.states.len();
        // States that all ways of a run reach at the same moment: with its first event, or with the next.
        let mut at_once = vec![false; n_states];
        for state in 1..n_states {
            let mut edges = into(state).peekable();
            let Some((from, edge)) = edges.peek().copied() else { continue };
            let follows = matches!(edge.on, Event::Clock(_)) || edge.guards >> self.n_absences != 0;
            at_once[state] =
                into(state).all(|(from, _)| from == 0) || at_once[from] && follows && edges.count() == 1;
        }
        let mut apart: BTreeSet<(usize, usize)> = BTreeSet::new();
        loop {
            let n_apart = apart.len();
            for (number, state) in self.states.iter().enumerate() {
                for clock in &state.clocks {
                    let differs = |(from, edge): (usize, &Edge)| match edge.carried_clocks.contains(clock) {
                        true => apart.contains(&(from, *clock)),
                        false => !at_once[number],
                    };
                    if into(number).any(differs) {
                        apart.insert((number, *clock));
                    }
                }
            }
            if apart.len() == n_apart {
                return apart.into_iter().map(|(_, clock)| clock).collect();
            }
        }
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
