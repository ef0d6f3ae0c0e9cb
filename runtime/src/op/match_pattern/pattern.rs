//! A pattern, with what can be known of it before any event.

use super::merged::States;
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::pattern::{Clock, Edge, Event, EventTest, Guards, MatchMode, MatchRead, MatchSpec, State};
use millstream_ir::types::Type;
use std::collections::{BTreeSet, HashSet};
use std::ops::Range;
use std::sync::Arc;

/// How it is known whether an event passes a test.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Every event of its input does.
    Always,
    /// A column of the event says so: it was computed for whole batches.
    Column(usize),
    /// Its condition is asked for each event.
    Asked,
    /// It depends on what a way has taken.
    OfWay,
}

impl Known {
    fn of(test: &EventTest) -> Known {
        match &test.condition {
            None => Known::Always,
            Some(_) if !test.reads.is_empty() => Known::OfWay,
            Some(Expr { kind: ExprKind::Column(column), .. }) => Known::Column(*column),
            Some(_) => Known::Asked,
        }
    }
}

/// What is no longer possible.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Ruled {
    /// Guards that are broken.
    pub broken: Guards,
    /// Clocks that have run down, as bits.
    pub run_down: u64,
}

pub struct Pattern {
    pub spec: Arc<MatchSpec>,
    /// Per state: what conditions and clocks may look at from there on.
    pub still_read: Vec<Vec<MatchRead>>,
    /// Per state: whether it can be complete from there without an event.
    pub by_clocks: Vec<bool>,
    /// Per test, those of steps first.
    pub known: Vec<Known>,
    /// The tests that an event must pass, or may pass, to begin something in a partition of which nothing is kept.
    pub begins: Vec<usize>,
    /// Whether each run is one way.
    pub has_one_way: bool,
    /// Whether conditions that look at nothing but their event are asked for each.
    pub asks_alone: bool,
    /// Whether something may be asked of each event, or said of it where it fails.
    pub asks: bool,
    /// Whether any event matters where something is kept.
    pub minds_all: bool,
    /// Per absence: where its tests stand among all.
    pub tests: Vec<Range<usize>>,
    /// Per absence: for how long before an event that begins a run none may have come, if that is asked.
    pub quiet: Vec<Option<i64>>,
    /// Per step, then per clock: how far in the pattern it stands.
    ranks: Vec<u32>,
    /// The guards that any event breaks.
    pub touches: Guards,
    /// Ways that a partition may hold.
    pub limit: usize,
    /// Whether something happens when a run is out of time.
    pub minds_expiry: bool,
    /// What runs can reach, where they can be merged.
    pub states: Option<States>,
}

impl Pattern {
    pub fn new(spec: Arc<MatchSpec>) -> Pattern {
        let automaton = &spec.automaton;
        let can_merge = spec.merges_ways();
        let mut at = spec.steps.len();
        let tests = spec.absences.iter().map(|absence| {
            let first = at;
            at += absence.tests.len();
            first..at
        });
        let mut quiet = vec![None; spec.absences.len()];
        for (absence, clock) in automaton.states.iter().flat_map(|s| &s.edges).flat_map(|e| &e.quiet) {
            if let Clock::Fixed(duration) = spec.clocks[*clock] {
                quiet[*absence] = quiet[*absence].max(Some(duration));
            }
        }
        let tests: Vec<Range<usize>> = tests.collect();
        let known: Vec<Known> = spec.tests().map(Known::of).collect();
        let first_steps = automaton.states[0].edges.iter().filter_map(|edge| match edge.on {
            Event::Step(step) => Some(step),
            Event::Clock(_) => None,
        });
        let looked_back_for = (0..quiet.len()).filter(|absence| quiet[*absence].is_some());
        let begins = first_steps.chain(looked_back_for.flat_map(|absence| tests[absence].clone())).collect();
        let touches = automaton.touches();
        let is_asked = |known: &Known| matches!(known, Known::Asked | Known::OfWay);
        Pattern {
            asks_alone: known.contains(&Known::Asked),
            has_one_way: spec.has_one_way(),
            asks: !can_merge || known.iter().any(is_asked),
            minds_all: spec.minds_all_events(),
            begins,
            known,
            still_read: still_read(&spec),
            by_clocks: by_clocks(&automaton.states),
            tests,
            quiet,
            ranks: ranks(&spec),
            touches,
            limit: if can_merge { usize::MAX } else { spec.limit },
            minds_expiry: spec.or_timeout || automaton.waits(),
            states: States::of(&spec),
            spec,
        }
    }

    /// The types of the columns of a key.
    pub fn key_types(&self) -> Vec<Type> {
        let n_keys = self.spec.key_names().len();
        self.spec.bindings[..n_keys].iter().map(|key| key.ty.clone()).collect()
    }

    pub fn state(&self, number: usize) -> &State {
        &self.spec.automaton.states[number]
    }

    /// The edges that a way may go along from a state.
    pub fn edges(&self, state: usize) -> &[Edge] {
        match self.spec.mode {
            MatchMode::All => &self.state(state).edges,
            _ => self.state(state).preferred(),
        }
    }

    pub fn is_complete(&self, state: usize) -> bool {
        self.state(state).accepts.is_some()
    }

    /// How far in the pattern a step or clock stands.
    pub fn rank(&self, on: Event) -> u32 {
        match on {
            Event::Step(step) => self.ranks[step],
            Event::Clock(clock) => self.ranks[self.spec.steps.len() + clock],
        }
    }

    /// Whether a way can yet be complete from a state, or take more.
    pub fn can_end(&self, state: usize, ruled: Ruled, takes_events: bool) -> bool {
        let mut known = HashSet::new();
        self.finds_end(state, ruled, takes_events, &mut known)
    }

    fn finds_end(
        &self,
        state: usize,
        ruled: Ruled,
        takes_events: bool,
        known: &mut HashSet<(usize, Ruled)>,
    ) -> bool {
        known.insert((state, ruled))
            && self.edges(state).iter().any(|edge| {
                let has_run_down = |clock: &usize| ruled.run_down >> clock & 1 == 1;
                let may_go = match edge.on {
                    Event::Step(_) => takes_events && !edge.limits.iter().any(has_run_down),
                    Event::Clock(clock) => !has_run_down(&clock),
                };
                let carried = edge.carried_clocks.iter().fold(0, |all, clock| all | 1 << clock);
                let next = Ruled {
                    broken: ruled.broken & edge.carried_guards & self.state(edge.to).guards,
                    run_down: ruled.run_down & carried,
                };
                may_go
                    && edge.guards & ruled.broken == 0
                    && (self.is_complete(edge.to)
                        || takes_events && next == Ruled::default()
                        || self.finds_end(edge.to, next, takes_events, known))
            })
    }

    /// How long something is kept of a partition at most, if that is known.
    pub fn lasts(&self) -> Option<i64> {
        let clocks = self.spec.clocks.iter().map(|clock| match clock {
            Clock::Fixed(duration) => *duration,
            Clock::Computed { most, .. } => *most,
        });
        let clocks = clocks.fold(0, i64::saturating_add);
        match (self.spec.within, self.spec.mode) {
            (_, MatchMode::Once(None)) => None,
            (within, MatchMode::Once(Some(time))) => Some(within?.saturating_add(clocks).max(time)),
            (within, _) => within.map(|within| within.saturating_add(clocks)),
        }
    }
}

/// What may be looked at by the edges from each state, and from those that they lead to.
fn still_read(spec: &MatchSpec) -> Vec<Vec<MatchRead>> {
    let states = &spec.automaton.states;
    let of_clock = |clock: usize| match &spec.clocks[clock] {
        Clock::Fixed(_) => &[][..],
        Clock::Computed { reads, .. } => reads,
    };
    let without = spec.without.into_iter();
    let of_edge = |edge: &Edge| {
        let taken = match edge.on {
            Event::Step(step) => &spec.steps[step].test.reads[..],
            Event::Clock(_) => &[],
        };
        let absences = (0..spec.absences.len()).filter(|i| edge.guards >> i & 1 == 1).chain(without.clone());
        let watched = absences.flat_map(|i| &spec.absences[i].tests).flat_map(|test| &test.reads);
        let started = states[edge.to].clocks.iter().flat_map(|clock| of_clock(*clock));
        taken.iter().chain(watched).chain(started).copied().collect::<BTreeSet<_>>()
    };
    let mut read: Vec<BTreeSet<MatchRead>> =
        states.iter().map(|state| state.edges.iter().flat_map(of_edge).collect()).collect();
    // Until nothing more comes from behind.
    let mut is_growing = true;
    while std::mem::take(&mut is_growing) {
        for number in (0..states.len()).rev() {
            let behind: BTreeSet<MatchRead> =
                states[number].edges.iter().flat_map(|edge| read[edge.to].iter().copied()).collect();
            let before = read[number].len();
            read[number].extend(behind);
            is_growing |= read[number].len() > before;
        }
    }
    read.into_iter().map(|reads| reads.into_iter().collect()).collect()
}

fn by_clocks(states: &[State]) -> Vec<bool> {
    let mut known = vec![false; states.len()];
    let mut is_growing = true;
    while std::mem::take(&mut is_growing) {
        for (number, state) in states.iter().enumerate().rev() {
            let leads = |edge: &Edge| {
                matches!(edge.on, Event::Clock(_)) && (states[edge.to].accepts.is_some() || known[edge.to])
            };
            let is_new = !known[number] && state.edges.iter().any(leads);
            known[number] |= is_new;
            is_growing |= is_new;
        }
    }
    known
}

/// The order in which steps and clocks are written.
fn ranks(spec: &MatchSpec) -> Vec<u32> {
    let mut ranks = vec![0; spec.steps.len() + spec.clocks.len()];
    let mut next = 0;
    rank(&spec.pattern, &mut |place| {
        let number = match place {
            Event::Step(step) => step,
            Event::Clock(clock) => spec.steps.len() + clock,
        };
        ranks[number] = next;
        next += 1;
    });
    ranks
}

fn rank(pattern: &millstream_ir::pattern::Pattern, visit: &mut dyn FnMut(Event)) {
    use millstream_ir::pattern::Pattern;
    match pattern {
        Pattern::Step(step) => visit(Event::Step(*step)),
        Pattern::Sequence(links) => links.iter().for_each(|link| rank(&link.pattern, visit)),
        Pattern::Repeat { of, .. } => rank(of, visit),
        Pattern::All { parts, .. } | Pattern::Any(parts) => parts.iter().for_each(|part| rank(part, visit)),
        Pattern::Absent(_) => {}
        Pattern::Quiet { clock, .. } => visit(Event::Clock(*clock)),
    }
}
