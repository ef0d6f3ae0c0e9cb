//! Sequence patterns: the typed pattern as it was written ([`Pattern`]), the [`Automaton`] that finds it, and
//! what an operator must know to run that ([`MatchSpec`]).

mod automaton;
mod automaton_text;
mod compared;
mod derive;
mod one_way;
mod text;
pub mod transitions;

use crate::expr::Expr;
use crate::flow::Column;
pub use automaton::{Automaton, Edge, Event, Guards, State, TooLarge};
pub use compared::Tester;
use millstream_base::Span;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// A pattern over one or more input streams.
///
/// A condition sees the columns of its event and behind them the [`MatchSpec::bindings`]; the duration of a
/// clock and an output see the bindings alone.
/// Output columns: the outputs, then the hidden event time of the match.
#[derive(Clone, Debug)]
pub struct MatchSpec {
    /// One per input of the node.
    pub inputs: Vec<MatchInput>,
    /// What can be taken, one per variable, in the order in which they are written.
    pub steps: Vec<MatchStep>,
    /// What must not come.
    pub absences: Vec<Absence>,
    /// The times that are waited for, or not exceeded.
    pub clocks: Vec<Clock>,
    pub pattern: Pattern,
    pub automaton: Automaton,
    pub mode: MatchMode,
    /// The greatest time from first to last event, in microseconds, if there is one.
    pub within: Option<i64>,
    /// Whether a run that exceeds `within` is reported as far as it came.
    pub or_timeout: bool,
    /// The absence that holds from the first event to the last.
    pub without: Option<usize>,
    /// Ways that a partition may hold at once where they cannot be merged; the event with which
    /// there are more is a row error.
    pub limit: usize,
    /// The pattern in the program.
    pub span: Span,
    /// The key columns, one variable per step (a record, or a list of records where the step repeats;
    /// hidden if it has no name), `match.start`, `match.end`, `match.timeout`.
    pub bindings: Vec<Column>,
    pub outputs: Vec<Expr>,
}

/// What becomes of the events and the runs of a partition when there is a match.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MatchMode {
    /// An event takes part in at most one match, but those of steps that give theirs free.
    UseUp,
    /// Each run is reported on its own.
    Overlapping,
    /// Every choice of events that fits is reported.
    All,
    /// All runs end, and none begins for so many microseconds after the match's end; none ever begins if
    /// it is not said for how many.
    Once(Option<i64>),
}

/// Why the choices of an `all` are kept one by one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChoicesApart {
    /// Conditions look at events taken before.
    Conditions,
    /// There are times that run from one event to the next.
    Times,
    Timeout,
    /// Nothing bounds them in time.
    NoEnd,
    /// Something must not come over several events.
    LongGuard,
    /// An event can be taken as one step in two ways.
    SameStep,
}

#[derive(Clone, Debug)]
pub struct MatchInput {
    /// The stream, as the pattern calls it.
    pub name: Arc<str>,
    /// The columns of the partition key.
    pub keys: Vec<usize>,
    /// The columns that make the record of a variable, in the order of its fields; none for a field that
    /// nothing reads.
    pub fields: Vec<Option<usize>>,
    /// The columns that have been computed for conditions, in the order of these. They are known by their places: what
    /// is asked there may be edited while runs go on.
    pub computed: Vec<usize>,
}

/// What an event must be.
#[derive(Clone, Debug)]
pub struct EventTest {
    /// Which input it comes from.
    pub input: usize,
    pub condition: Option<Expr>,
    /// What the condition looks at of variables; sorted.
    pub reads: Vec<MatchRead>,
}

/// An event that can be taken.
#[derive(Clone, Debug)]
pub struct MatchStep {
    pub test: EventTest,
    /// Whether its variable is a list.
    pub repeats: bool,
    /// Whether its events are free for other matches.
    pub reuse: bool,
}

/// Events of which none may come.
#[derive(Clone, Debug)]
pub struct Absence {
    pub tests: Vec<EventTest>,
}

#[derive(Clone, Debug)]
pub enum Clock {
    /// Microseconds.
    Fixed(i64),
    /// As the variables say, at most `most` microseconds.
    Computed { duration: Expr, reads: Vec<MatchRead>, most: i64 },
}

/// A pattern. Steps, absences and clocks are meant by their numbers in the [`MatchSpec`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Pattern {
    Step(usize),
    /// One behind the other; without links it is complete at once.
    Sequence(Vec<Link>),
    Repeat {
        of: Box<Pattern>,
        min: u32,
        max: Option<u32>,
        /// Whether nothing may lie between the iterations.
        adjacent: bool,
        greedy: bool,
    },
    /// All of them, in any order; `adjacent` if nothing may lie between one and the next.
    All {
        parts: Vec<Pattern>,
        adjacent: bool,
    },
    /// One of them, the first preferred.
    Any(Vec<Pattern>),
    /// No such event between what stands before it in a sequence and what stands behind.
    Absent(usize),
    /// No such event until the clock, which starts where what stands before it ends, has run down; at the
    /// start of a pattern: for so long before what stands behind.
    Quiet {
        absence: usize,
        clock: usize,
    },
}

/// A part of a sequence.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Link {
    /// Whether nothing may lie between the part before and this one.
    pub next: bool,
    /// The clock by which its first event must have come.
    pub within: Option<usize>,
    pub pattern: Pattern,
}

/// What a condition looks at of the events that a step took.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MatchRead {
    pub step: usize,
    pub part: ReadPart,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ReadPart {
    /// `first(a)`
    First,
    /// `last(a)`
    Last,
    /// `count(a)`
    Count,
    All,
}

impl Pattern {
    /// Its steps and clocks, as they are written.
    pub fn in_order(&self) -> Vec<Event> {
        match self {
            Pattern::Step(step) => vec![Event::Step(*step)],
            Pattern::Quiet { clock, .. } => vec![Event::Clock(*clock)],
            Pattern::Sequence(links) => links.iter().flat_map(|link| link.pattern.in_order()).collect(),
            Pattern::Repeat { of, .. } => of.in_order(),
            Pattern::All { parts, .. } | Pattern::Any(parts) => {
                parts.iter().flat_map(Pattern::in_order).collect()
            }
            Pattern::Absent(_) => vec![],
        }
    }

    /// The number of the step that every match begins with, and with nothing else, if there is one.
    pub fn first_step(&self) -> Option<usize> {
        match self {
            Pattern::Step(step) => Some(*step),
            Pattern::Sequence(links) => {
                let is_event = |part: &&Pattern| !matches!(part, Pattern::Quiet { .. });
                links.iter().map(|link| &link.pattern).find(is_event)?.first_step()
            }
            Pattern::Repeat { of, min: 1.., .. } => of.first_step(),
            _ => None,
        }
    }
}

impl MatchSpec {
    /// What conditions and clocks look at that the ways of a run may have different: what keeps them apart.
    pub fn keeping_apart(&self) -> BTreeSet<MatchRead> {
        keeping_apart(&self.pattern, &self.steps, &self.absences, &self.clocks)
    }

    /// Whether a run has one way, or the ways of a run that stand in one state have the same future, so that there is no
    /// more than one of them for each.
    pub fn merges_ways(&self) -> bool {
        let are_equal = || self.keeping_apart().is_empty() && self.automaton.clocks_apart().is_empty();
        self.has_one_way() || self.mode != MatchMode::All && are_equal()
    }

    /// How many ways of a run can be kept at once, where [`MatchSpec::merges_ways`]: one for each state, for each choice of
    /// what may be ruled out there while something else is open, and, where a run may be reported as far as
    /// it came, for each step that may be the furthest.
    pub fn most_ways(&self) -> usize {
        if self.has_one_way() {
            return 1;
        }
        let states = &self.automaton.states;
        let mut furthest: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); states.len()];
        furthest[0].insert(0);
        let mut is_growing = self.or_timeout;
        let order = self.pattern.in_order();
        while std::mem::take(&mut is_growing) {
            for number in 0..states.len() {
                for edge in &states[number].edges {
                    let rank = order.iter().position(|on| *on == edge.on).unwrap_or(0);
                    for before in furthest[number].clone() {
                        is_growing |= furthest[edge.to].insert(before.max(rank));
                    }
                }
            }
        }
        let of_state = |(number, state): (usize, &State)| {
            let guards: Vec<Guards> =
                (0..Guards::BITS).map(|bit| 1 << bit).filter(|bit| state.guards & bit != 0).collect();
            let n_open = if guards.len() > 10 {
                1 << guards.len().min(40)
            } else {
                let subset = |chosen: usize| {
                    guards
                        .iter()
                        .enumerate()
                        .filter(|(i, _)| chosen >> i & 1 == 1)
                        .fold(0, |all, (_, g)| all | g)
                };
                let is_open = |chosen: &usize| state.edges.iter().any(|e| e.guards & subset(*chosen) == 0);
                (0..1usize << guards.len()).filter(is_open).count()
            };
            n_open.saturating_mul(furthest[number].len().max(1))
        };
        let waiting = states.iter().enumerate().skip(1).filter(|(_, state)| state.accepts != Some(0));
        waiting.map(of_state).fold(0, usize::saturating_add)
    }

    /// Whether any event may matter, also one that passes no test: nothing may lie between some steps.
    pub fn minds_all_events(&self) -> bool {
        let touches = self.automaton.touches();
        self.automaton.states.iter().any(|state| state.guards & touches != 0)
    }

    /// Whether a test is the same for all ways of a run: it looks at the event, and at the first of the run.
    pub fn is_shared(&self, test: &EventTest) -> bool {
        test.reads.iter().all(|read| is_of_first_event(read, &self.pattern, &self.steps))
    }

    /// Whether the runs of a partition can be merged into one, whatever they have taken: only the earliest start
    /// of those in each state counts.
    pub fn is_constant(&self) -> bool {
        let is_plain = |edge: &Edge| matches!(edge.on, Event::Step(_)) && edge.guards == 0;
        let states = &self.automaton.states;
        self.mode == MatchMode::UseUp
            && self.tests().all(|test| test.reads.is_empty())
            && self.absences.is_empty()
            && self.clocks.is_empty()
            && !self.or_timeout
            && !self.steps.iter().any(|step| step.reuse)
            && !self.automaton.waits()
            && states.first().is_some_and(|first| first.edges.len() == 1)
            && states.len() <= u64::BITS as usize
            && states.iter().flat_map(|state| &state.edges).all(is_plain)
    }

    /// What keeps the choices of an `all` from being kept in a compact form: one link for each event and edge that it leads
    /// along, whatever choices there are in front of it.
    pub fn keeps_choices_apart(&self) -> Vec<ChoicesApart> {
        let states = &self.automaton.states;
        let edges = || states.iter().flat_map(|state| &state.edges);
        let has_two_edges = |state: &State| {
            let mut seen = HashSet::new();
            !state.edges.iter().all(|edge| seen.insert(edge.on))
        };
        let found = [
            (ChoicesApart::Times, !self.clocks.is_empty()),
            (ChoicesApart::Timeout, self.or_timeout),
            (ChoicesApart::NoEnd, self.within.is_none()),
            (ChoicesApart::LongGuard, edges().any(|edge| edge.carried_guards != 0)),
            (ChoicesApart::SameStep, states.iter().any(has_two_edges)),
            (ChoicesApart::Conditions, self.tests().any(|test| !test.reads.is_empty())),
        ];
        found.into_iter().filter(|(_, is_so)| *is_so).map(|(reason, _)| reason).collect()
    }

    /// Whether each choice of events is a match, and they are kept in a compact form.
    pub fn has_compact_choices(&self) -> bool {
        self.mode == MatchMode::All && !self.has_one_way() && self.keeps_choices_apart().is_empty()
    }

    /// Everything that an event is tested for.
    pub fn tests(&self) -> impl Iterator<Item = &EventTest> {
        self.steps.iter().map(|step| &step.test).chain(self.absences.iter().flat_map(|a| &a.tests))
    }

    pub fn tests_mut(&mut self) -> impl Iterator<Item = &mut EventTest> {
        let of_absences = self.absences.iter_mut().flat_map(|a| &mut a.tests);
        self.steps.iter_mut().map(|step| &mut step.test).chain(of_absences)
    }

    /// The names of the partition key.
    pub fn key_names(&self) -> Vec<&str> {
        let n_keys = self.inputs.first().map_or(0, |i| i.keys.len());
        self.bindings.iter().take(n_keys).map(|b| &*b.name).collect()
    }
}

/// What keeps the ways of a run apart, because conditions or clocks look at it. All ways of a run have its
/// first event.
pub fn keeping_apart(
    pattern: &Pattern,
    steps: &[MatchStep],
    absences: &[Absence],
    clocks: &[Clock],
) -> BTreeSet<MatchRead> {
    let of_clocks = clocks.iter().flat_map(|clock| match clock {
        Clock::Fixed(_) => &[][..],
        Clock::Computed { reads, .. } => reads,
    });
    let of_absences = absences.iter().flat_map(|a| &a.tests).flat_map(|test| &test.reads);
    let reads = steps.iter().flat_map(|s| &s.test.reads).chain(of_absences).chain(of_clocks);
    reads.copied().filter(|read| !is_of_first_event(read, pattern, steps)).collect()
}

/// Whether all ways of a run have what is looked at: it is of the first event.
fn is_of_first_event(read: &MatchRead, pattern: &Pattern, steps: &[MatchStep]) -> bool {
    let repeats = steps.get(read.step).is_some_and(|step| step.repeats);
    pattern.first_step() == Some(read.step) && (read.part == ReadPart::First || !repeats)
}
