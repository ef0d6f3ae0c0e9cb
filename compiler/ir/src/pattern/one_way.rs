//! Which patterns have runs that never need more than one way.
//!
//! At an event that fits, a way both goes on and stays where it is, since what comes later may decide that it should
//! not have gone on. Often nothing that comes later can: whatever completes the way that stayed completes the
//! one that went on, at the same event, and that is the preferred one. Then a run is the way that
//! always goes on. A state that stands for another in this sense *simulates* it (Milner, "An algebraic
//! definition of simulation between programs", 1971; with steps that may be left out): each edge of the other leads
//! to a state that is simulated again, by a state that the same event leads to from here or, where that
//! event does not complete the other, by staying.

use super::{Automaton, Clock, Edge, Event as On, MatchMode, MatchSpec, State};

/// More states than this are not looked at: the comparison of all pairs would be felt.
const MOST_STATES: usize = 64;

impl MatchSpec {
    /// Whether each run can be one way: the one that always goes on.
    pub fn has_one_way(&self) -> bool {
        let automaton = &self.automaton;
        let edges = || automaton.states.iter().flat_map(|state| state.preferred());
        let n_steps = edges().filter(|edge| matches!(edge.on, On::Step(_))).count();
        let has_clocks = automaton.states.iter().any(|state| !state.clocks.is_empty());
        self.mode != MatchMode::All
            && !self.or_timeout
            && !automaton.waits()
            && automaton.states.len() <= MOST_STATES
            && edges().all(|edge| edge.limits.is_empty() && edge.quiet.is_empty())
            && self.clocks.iter().all(|clock| matches!(clock, Clock::Fixed(_)))
            && !self.steps.iter().any(|step| step.reuse)
            && (self.within.is_some() || n_steps == 1)
            // A match that takes events from other runs must not turn back the clocks of these.
            && (!has_clocks || n_steps == 1 || self.mode != MatchMode::UseUp)
            && self.without.is_none_or(|without| self.absences[without].tests.iter().all(|test| self.is_shared(test)))
            && leads_one_way(self)
    }
}

fn leads_one_way(spec: &MatchSpec) -> bool {
    let automaton = &spec.automaton;
    let simulates = Simulation::of(spec);
    let accepts = |edge: &Edge| automaton.states[edge.to].accepts.is_some();
    automaton.states.iter().enumerate().all(|(number, state)| {
        let edges = state.preferred();
        let is_clock = |edge: &&Edge| matches!(edge.on, On::Clock(_));
        // Where a clock is waited for, and nothing else, nothing is left to stay for when it has run down.
        if edges.iter().any(|edge| is_clock(&edge)) {
            return number > 0 && edges.len() == 1;
        }
        // Where any event rules out all that a way waits for, none stays.
        let stays = number > 0 && !edges.iter().all(|edge| edge.guards & automaton.touches() != 0);
        edges.iter().enumerate().all(|(place, edge)| {
            let is_beaten = |other: usize| accepts(edge) || simulates.holds(other, edge.to);
            (number > 0 || !accepts(edge))
                && (!stays || is_beaten(number))
                && edges[place + 1..]
                    .iter()
                    .all(|later| accepts(edge) || !accepts(later) && is_beaten(later.to))
        })
    })
}

/// Which states simulate which others.
struct Simulation {
    /// Per state, the states that simulate it, as bits.
    by: Vec<u64>,
}

impl Simulation {
    /// The greatest relation of which the definition holds, found from above.
    fn of(spec: &MatchSpec) -> Simulation {
        let automaton = &spec.automaton;
        let is_plain =
            |state: &State| state.clocks.is_empty() && state.preferred().iter().all(|edge| edge.guards == 0);
        // What ends runs altogether spares the way that goes on.
        let may_stay = spec.without.is_none();
        let plain = automaton.states.iter().map(|state| may_stay && is_plain(state));
        let plain = plain.enumerate().fold(0, |all, (number, plain)| all | u64::from(plain) << number);
        let by = (0..automaton.states.len()).map(|state| if plain >> state & 1 == 1 { plain } else { 0 });
        let mut simulation = Simulation { by: by.collect() };
        let mut is_shrinking = true;
        while std::mem::take(&mut is_shrinking) {
            for of in 0..automaton.states.len() {
                for by in (0..automaton.states.len())
                    .filter(|by| simulation.by[of] >> by & 1 == 1)
                    .collect::<Vec<_>>()
                {
                    if !simulation.is_consistent(spec, automaton, of, by) {
                        simulation.by[of] &= !(1 << by);
                        is_shrinking = true;
                    }
                }
            }
        }
        simulation
    }

    /// Whether the second state simulates the first.
    fn holds(&self, of: usize, by: usize) -> bool {
        self.by[of] >> by & 1 == 1
    }

    fn is_consistent(&self, spec: &MatchSpec, automaton: &Automaton, of: usize, by: usize) -> bool {
        let accepts = |state: usize| automaton.states[state].accepts.is_some();
        automaton.states[of].preferred().iter().all(|edge| {
            let goes_along = |other: &Edge| {
                other.on == edge.on
                    && matches!(edge.on, On::Step(step) if spec.is_shared(&spec.steps[step].test))
                    && (accepts(other.to) || !accepts(edge.to) && self.holds(edge.to, other.to))
            };
            !accepts(edge.to) && self.holds(edge.to, by)
                || automaton.states[by].preferred().iter().any(goes_along)
        })
    }
}
