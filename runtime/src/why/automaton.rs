//! What can be said of a pattern's automaton before any event: what leads to an end, and what conditions may
//! still look at.

use millstream_ir::expr::ExprKind;
use millstream_ir::pattern::{
    Clock, Edge, Event as On, EventTest, Guards, MatchMode, MatchRead, MatchSpec, Pattern, State,
};
use std::collections::{BTreeMap, BTreeSet};

pub struct Automaton<'s> {
    pub spec: &'s MatchSpec,
    /// Per state: what conditions and clocks on any way from there look at.
    still_read: Vec<BTreeSet<MatchRead>>,
    /// Steps and clocks in the order in which they are written.
    written: Vec<On>,
}

/// What no longer leads on: broken guards, and clocks that have run down.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Closed {
    pub broken: Guards,
    pub run_down: BTreeSet<usize>,
}

impl<'s> Automaton<'s> {
    pub fn new(spec: &'s MatchSpec) -> Automaton<'s> {
        let mut written = vec![];
        list_written(&spec.pattern, &mut written);
        Automaton { spec, still_read: still_read(spec), written }
    }

    pub fn state(&self, number: usize) -> &'s State {
        &self.spec.automaton.states[number]
    }

    /// Where a way may go from a state, the preferred first.
    pub fn edges(&self, state: usize) -> &'s [Edge] {
        let state = self.state(state);
        if self.spec.mode == MatchMode::All { &state.edges } else { state.preferred() }
    }

    pub fn is_complete(&self, state: usize) -> bool {
        self.state(state).accepts.is_some()
    }

    /// The guards that any event breaks, as nothing may lie in between.
    pub fn touch_guards(&self) -> Guards {
        Guards::MAX.checked_shl(self.spec.automaton.n_absences as u32).unwrap_or(0)
    }

    pub fn still_read(&self, state: usize) -> &BTreeSet<MatchRead> {
        &self.still_read[state]
    }

    /// How far in the pattern a step or clock stands.
    pub fn rank(&self, on: On) -> usize {
        self.written.iter().position(|other| *other == on).unwrap_or(0)
    }

    /// Whether ways with the same future are merged into the preferred one, so that no limit is needed.
    pub fn merges_ways(&self) -> bool {
        self.spec.merges_ways()
    }

    /// Whether the operator keeps choices in a compact form, so that it gives none up before it is complete.
    pub fn has_compact_choices(&self) -> bool {
        let is_column = |test: &EventTest| {
            test.condition.as_ref().is_none_or(|condition| matches!(condition.kind, ExprKind::Column(_)))
        };
        self.spec.has_compact_choices() && self.spec.tests().all(is_column)
    }

    /// Where a choice stands among those of the same last event: by its events from the last to the first, then by their
    /// steps, then by the states that these lead from.
    pub fn order_of(&self, taken: &[(usize, usize)]) -> Vec<(usize, usize, usize)> {
        let mut state = 0;
        let placed = taken.iter().map(|(step, event)| {
            let from = state;
            let mut edges = self.edges(state).iter();
            state = edges.find(|edge| edge.on == On::Step(*step)).map_or(from, |edge| edge.to);
            (*event, *step, from)
        });
        let mut order: Vec<_> = placed.collect();
        order.reverse();
        order
    }

    /// Whether something becomes of a run when its time for events is over.
    pub fn minds_expiry(&self) -> bool {
        self.spec.or_timeout || self.spec.automaton.waits()
    }

    /// Whether a way that stands in a state can yet be complete, or take more.
    pub fn can_end(&self, state: usize, closed: &Closed, takes_events: bool) -> bool {
        let mut looked_at = BTreeSet::from([(state, closed.clone())]);
        let mut open = vec![(state, closed.clone())];
        while let Some((state, closed)) = open.pop() {
            for edge in self.edges(state) {
                let may_go = match edge.on {
                    On::Step(_) => {
                        takes_events && !edge.limits.iter().any(|clock| closed.run_down.contains(clock))
                    }
                    On::Clock(clock) => !closed.run_down.contains(&clock),
                };
                if !may_go || edge.guards & closed.broken != 0 {
                    continue;
                }
                if self.is_complete(edge.to) {
                    return true;
                }
                let broken = closed.broken & edge.carried_guards & self.state(edge.to).guards;
                let is_carried = |clock: &&usize| edge.carried_clocks.contains(clock);
                let run_down = closed.run_down.iter().filter(is_carried).copied().collect();
                let next = (edge.to, Closed { broken, run_down });
                if looked_at.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
        false
    }

    /// Whether clocks alone lead from a state to an end.
    pub fn ends_by_clocks(&self, state: usize) -> bool {
        let mut looked_at = BTreeSet::from([state]);
        let mut open = vec![state];
        while let Some(state) = open.pop() {
            for edge in self.state(state).edges.iter().filter(|edge| matches!(edge.on, On::Clock(_))) {
                if self.is_complete(edge.to) {
                    return true;
                }
                if looked_at.insert(edge.to) {
                    open.push(edge.to);
                }
            }
        }
        false
    }

    /// The absences that are asked for before a first event, each with the longest time for which.
    pub fn quiet_before(&self) -> BTreeMap<usize, i64> {
        let mut quiet = BTreeMap::new();
        for (absence, clock) in
            self.spec.automaton.states.iter().flat_map(|s| &s.edges).flat_map(|edge| &edge.quiet)
        {
            if let Clock::Fixed(time) = self.spec.clocks[*clock] {
                let longest = quiet.entry(*absence).or_insert(time);
                *longest = time.max(*longest);
            }
        }
        quiet
    }
}

fn still_read(spec: &MatchSpec) -> Vec<BTreeSet<MatchRead>> {
    let states = &spec.automaton.states;
    let of_clock = |clock: &usize| match &spec.clocks[*clock] {
        Clock::Fixed(_) => vec![],
        Clock::Computed { reads, .. } => reads.clone(),
    };
    let of_edge = |edge: &Edge| {
        let mut reads = match edge.on {
            On::Step(step) => spec.steps[step].test.reads.clone(),
            On::Clock(_) => vec![],
        };
        let watched = (0..spec.absences.len()).filter(|absence| edge.guards >> absence & 1 == 1);
        for absence in watched.chain(spec.without) {
            reads.extend(spec.absences[absence].tests.iter().flat_map(|test| &test.reads).copied());
        }
        reads.extend(states[edge.to].clocks.iter().flat_map(of_clock));
        reads
    };
    let mut read: Vec<BTreeSet<MatchRead>> =
        states.iter().map(|state| state.edges.iter().flat_map(of_edge).collect()).collect();
    // What is read behind an edge is read from where it begins: until nothing is added any more.
    loop {
        let before = read.clone();
        for (number, state) in states.iter().enumerate() {
            for edge in &state.edges {
                let behind = read[edge.to].clone();
                read[number].extend(behind);
            }
        }
        if read == before {
            return read;
        }
    }
}

fn list_written(pattern: &Pattern, written: &mut Vec<On>) {
    match pattern {
        Pattern::Step(step) => written.push(On::Step(*step)),
        Pattern::Sequence(links) => links.iter().for_each(|link| list_written(&link.pattern, written)),
        Pattern::Repeat { of, .. } => list_written(of, written),
        Pattern::All { parts, .. } | Pattern::Any(parts) => {
            parts.iter().for_each(|part| list_written(part, written));
        }
        Pattern::Absent(_) => {}
        Pattern::Quiet { clock, .. } => written.push(On::Clock(*clock)),
    }
}
