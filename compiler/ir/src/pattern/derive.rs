//! From a pattern to its automaton: a state is what is left of the pattern, and an edge leads to what is left behind an
//! event. These are the partial derivatives of Antimirov ("Partial derivatives of regular expressions and
//! finite automaton constructions", 1996), kept in the order of preference, as in a backtracking matcher.
//! `and` makes the product of what is left of its parts.

use super::automaton::{Automaton, Edge, Event, Guards, MOST_STATES, MOST_TERMS, State, TooLarge};
use super::{Link, Pattern};
use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Deref;
use std::rc::Rc;

/// A term that others share. It knows its hash, so that comparing what is left costs no walk through all of it.
#[derive(Clone, Debug)]
struct Shared {
    hash: u64,
    term: Rc<Term>,
}

/// What is left of a pattern.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Term {
    Step(usize),
    Sequence(Vec<Item>),
    Repeat { of: Shared, min: u32, max: Option<u32>, adjacent: bool, greedy: bool },
    All { parts: Vec<Part>, begun: bool, adjacent: bool },
    Any(Rc<[Term]>),
    Absent(usize),
    Quiet { absence: usize, clock: usize },
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Item {
    /// Whether events may lie between what stands before it and its first event.
    gap: bool,
    /// Whether it has taken something. Only the first of a sequence can have.
    begun: bool,
    within: Option<usize>,
    term: Shared,
}

/// A part of `and`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Part {
    begun: bool,
    /// The guard that any event breaks which lies between those of this part.
    touch: usize,
    term: Shared,
}

/// A way on from what is left.
#[derive(Clone, Debug)]
struct Alternative {
    /// What leads there; nothing if it is complete without.
    on: Option<Event>,
    rest: Term,
    guards: Guards,
    limits: Vec<usize>,
    quiet: Vec<(usize, usize)>,
    carried_guards: Guards,
    carried_clocks: BTreeSet<usize>,
}

/// What surrounds a term.
#[derive(Clone, Copy)]
struct Surroundings<'d> {
    /// Whether events may lie before its first.
    gap: bool,
    /// The guard that they break if not.
    touch: usize,
    /// Whether no event has been taken at all.
    is_start: bool,
    /// How many more terms may be looked at.
    budget: &'d Cell<usize>,
    /// In how many others this one is looked at.
    depth: usize,
}

/// Terms in terms, and parts that can be left out in a row: a walk through them takes stack.
const MOST_DEPTH: usize = 1000;

impl Surroundings<'_> {
    /// Those of a part; nothing if there have been too many.
    fn inside(self) -> Option<Self> {
        if self.budget.get() == 0 || self.depth == MOST_DEPTH {
            self.budget.set(0);
            return None;
        }
        self.budget.set(self.budget.get() - 1);
        Some(Surroundings { depth: self.depth + 1, ..self })
    }
}

pub struct Deriving {
    n_guards: usize,
    n_absences: usize,
}

impl Shared {
    fn new(term: Term) -> Shared {
        let mut hasher = DefaultHasher::new();
        term.hash(&mut hasher);
        Shared { hash: hasher.finish(), term: Rc::new(term) }
    }
}

impl Deref for Shared {
    type Target = Term;

    fn deref(&self) -> &Term {
        &self.term
    }
}

impl PartialEq for Shared {
    fn eq(&self, other: &Shared) -> bool {
        self.hash == other.hash && (Rc::ptr_eq(&self.term, &other.term) || self.term == other.term)
    }
}

impl Eq for Shared {}

impl Hash for Shared {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

const EMPTY: Term = Term::Sequence(vec![]);

impl Deriving {
    pub fn new(n_absences: usize) -> Deriving {
        Deriving { n_guards: n_absences + 1, n_absences }
    }

    pub fn automaton(mut self, pattern: &Pattern) -> Result<Automaton, TooLarge> {
        let pattern = self.term(pattern)?;
        if self.n_guards > Guards::BITS as usize {
            return Err(TooLarge::Guards);
        }
        let start = (true, pattern);
        let mut numbers: HashMap<(bool, Term), usize> = HashMap::from([(start.clone(), 0)]);
        let mut terms = vec![start];
        let mut states: Vec<State> = vec![];
        let budget = Cell::new(MOST_TERMS);
        while let Some((is_start, term)) = terms.get(states.len()).cloned() {
            let around =
                Surroundings { gap: is_start, touch: self.n_absences, is_start, budget: &budget, depth: 0 };
            let mut state = State::default();
            for alternative in alternatives(&term, around) {
                let Some(on) = alternative.on else {
                    state.accepts = state.accepts.or(Some(state.edges.len()));
                    continue;
                };
                let n_terms = terms.len();
                let rest = (false, alternative.rest);
                let to = *numbers.entry(rest.clone()).or_insert(n_terms);
                if to == n_terms {
                    terms.push(rest);
                }
                if terms.len() > MOST_STATES {
                    return Err(TooLarge::States);
                }
                let edge = Edge {
                    on,
                    to,
                    guards: alternative.guards,
                    limits: alternative.limits,
                    quiet: alternative.quiet,
                    carried_guards: alternative.carried_guards,
                    carried_clocks: alternative.carried_clocks.into_iter().collect(),
                };
                // The same from a branch that is less preferred leads to nothing new.
                if !state.edges.contains(&edge) {
                    state.edges.push(edge);
                }
            }
            state.guards = state.edges.iter().fold(0, |guards, edge| guards | edge.guards);
            let clocks = state.edges.iter().flat_map(|edge| match edge.on {
                Event::Clock(clock) => edge.limits.iter().copied().chain([clock]).collect::<Vec<_>>(),
                Event::Step(_) => edge.limits.clone(),
            });
            state.clocks = clocks.collect::<BTreeSet<_>>().into_iter().collect();
            if state.clocks.last().is_some_and(|clock| *clock >= Guards::BITS as usize) {
                return Err(TooLarge::Guards);
            }
            if budget.get() == 0 {
                return Err(TooLarge::Terms);
            }
            states.push(state);
        }
        Ok(Automaton { states, n_absences: self.n_absences })
    }

    fn term(&mut self, pattern: &Pattern) -> Result<Term, TooLarge> {
        Ok(match pattern {
            Pattern::Step(step) => Term::Step(*step),
            Pattern::Sequence(links) => {
                let item = |(number, link): (usize, &Link)| {
                    let term = Shared::new(self.term(&link.pattern)?);
                    // How a group is joined to what stands before it is said outside.
                    Ok(Item { gap: number > 0 && !link.next, begun: false, within: link.within, term })
                };
                Term::Sequence(links.iter().enumerate().map(item).collect::<Result<_, _>>()?)
            }
            Pattern::Repeat { of, min, max, adjacent, greedy } => Term::Repeat {
                of: Shared::new(self.term(of)?),
                min: *min,
                max: *max,
                adjacent: *adjacent,
                greedy: *greedy,
            },
            Pattern::All { parts, adjacent } => {
                let part = |part: &Pattern| {
                    let touch = self.n_guards;
                    self.n_guards += 1;
                    Ok(Part { begun: false, touch, term: Shared::new(self.term(part)?) })
                };
                let parts = parts.iter().map(part).collect::<Result<_, _>>()?;
                Term::All { parts, begun: false, adjacent: *adjacent }
            }
            Pattern::Any(parts) => {
                Term::Any(parts.iter().map(|part| self.term(part)).collect::<Result<_, _>>()?)
            }
            Pattern::Absent(absence) => Term::Absent(*absence),
            Pattern::Quiet { absence, clock } => Term::Quiet { absence: *absence, clock: *clock },
        })
    }
}

impl Alternative {
    fn take(on: Event, guards: Guards) -> Alternative {
        Alternative { on: Some(on), guards, ..Alternative::through() }
    }

    /// Nothing is taken.
    fn through() -> Alternative {
        Alternative {
            on: None,
            rest: EMPTY,
            guards: 0,
            limits: vec![],
            quiet: vec![],
            carried_guards: 0,
            carried_clocks: BTreeSet::new(),
        }
    }

    fn then(self, rest: Term) -> Alternative {
        Alternative { rest, ..self }
    }

    /// This one, behind another that takes nothing.
    fn behind(mut self, through: &Alternative) -> Alternative {
        self.guards |= through.guards;
        self.quiet = through.quiet.iter().copied().chain(self.quiet).collect();
        self
    }
}

/// The ways on from a term, the preferred first.
fn alternatives(term: &Term, around: Surroundings) -> Vec<Alternative> {
    let Some(around) = around.inside() else { return vec![] };
    match term {
        Term::Step(step) => {
            let guards = if around.gap { 0 } else { 1 << around.touch };
            vec![Alternative::take(Event::Step(*step), guards)]
        }
        Term::Sequence(items) => of_sequence(items, around),
        Term::Repeat { of, min, max, adjacent, greedy } => {
            let repeat = (of, *min, *max, *adjacent);
            of_repeat(repeat, *greedy, around)
        }
        Term::All { parts, begun, adjacent } => of_all(parts, *begun, *adjacent, around),
        Term::Any(parts) => parts.iter().flat_map(|part| alternatives(part, around)).collect(),
        Term::Absent(absence) => {
            vec![Alternative { guards: 1 << absence, ..Alternative::through() }]
        }
        Term::Quiet { absence, clock } if around.is_start => {
            vec![Alternative { quiet: vec![(*absence, *clock)], ..Alternative::through() }]
        }
        Term::Quiet { absence, clock } => vec![Alternative::take(Event::Clock(*clock), 1 << absence)],
    }
}

fn of_sequence(items: &[Item], around: Surroundings) -> Vec<Alternative> {
    let Some((first, others)) = items.split_first() else { return vec![Alternative::through()] };
    let Some(around) = around.inside() else { return vec![] };
    // Where something was taken, it was taken last, and only that counts.
    let gap = if first.begun { false } else { around.gap || first.gap };
    let mut found = vec![];
    for alternative in alternatives(&first.term, Surroundings { gap, ..around }) {
        match alternative.on {
            Some(on) => {
                // Before the first event there is nothing to count from.
                let limit = first.within.filter(|_| !around.is_start);
                // The limit is one for the first event: it goes on over the clocks in front of that.
                let left = limit.filter(|_| matches!(on, Event::Clock(_)) && alternative.rest != EMPTY);
                let rest = sequence(&alternative.rest, left, others);
                let mut alternative = alternative.then(rest);
                match on {
                    Event::Step(_) => alternative.limits.extend(limit),
                    Event::Clock(_) => {
                        alternative.limits.extend(left);
                        alternative.carried_clocks.extend(left);
                    }
                }
                found.push(alternative);
            }
            None => {
                let behind = of_sequence(others, Surroundings { gap, ..around });
                found.extend(behind.into_iter().map(|other| other.behind(&alternative)));
            }
        }
    }
    found
}

/// What is left of a sequence whose first item took something; `within` what it must still take its first event.
fn sequence(rest: &Term, within: Option<usize>, others: &[Item]) -> Term {
    if *rest == EMPTY {
        return Term::Sequence(others.to_vec());
    }
    if others.is_empty() && within.is_none() {
        return rest.clone();
    }
    let first = Item { gap: false, begun: true, within, term: Shared::new(rest.clone()) };
    Term::Sequence([&[first], others].concat())
}

fn of_repeat(
    (of, min, max, adjacent): (&Shared, u32, Option<u32>, bool),
    greedy: bool,
    around: Surroundings,
) -> Vec<Alternative> {
    if max == Some(0) {
        return vec![Alternative::through()];
    }
    let others = Term::Repeat {
        of: of.clone(),
        min: min.saturating_sub(1),
        max: max.map(|max| max - 1),
        adjacent,
        greedy,
    };
    let again = match &others {
        Term::Repeat { max: Some(0), .. } => vec![],
        _ => vec![Item { gap: !adjacent, begun: false, within: None, term: Shared::new(others) }],
    };
    let (mut found, mut empty) = (vec![], vec![]);
    for alternative in alternatives(of, around) {
        if alternative.on.is_some() {
            let rest = sequence(&alternative.rest, None, &again);
            found.push(alternative.then(rest));
        } else if min > 0 {
            // An iteration may take nothing, if nothing rules that out; then so may all that are left.
            if greedy { empty.push(alternative) } else { found.push(alternative) }
        }
    }
    match (min, greedy) {
        (0, false) => found.insert(0, Alternative::through()),
        (0, true) => found.push(Alternative::through()),
        _ => found.extend(empty),
    }
    found
}

fn of_all(parts: &[Part], begun: bool, adjacent: bool, around: Surroundings) -> Vec<Alternative> {
    let of_part = |part: &Part| match part.begun {
        true => alternatives(&part.term, Surroundings { gap: false, touch: part.touch, ..around }),
        false => {
            let gap = if begun { !adjacent } else { around.gap };
            alternatives(&part.term, Surroundings { gap, ..around })
        }
    };
    let of_parts: Vec<Vec<Alternative>> = parts.iter().map(of_part).collect();
    let mut found = vec![];
    for (number, alternatives) in of_parts.iter().enumerate() {
        for alternative in alternatives.iter().filter(|alternative| alternative.on.is_some()) {
            let mut alternative = alternative.clone();
            for (other, _) in
                of_parts.iter().zip(parts).enumerate().filter(|(other, _)| *other != number).map(|(_, of)| of)
            {
                for watched in other {
                    alternative.carried_guards |= watched.guards & !(1 << around.touch);
                    alternative.carried_clocks.extend(&watched.limits);
                    if let Some(Event::Clock(clock)) = watched.on {
                        alternative.carried_clocks.insert(clock);
                    }
                }
            }
            let rest = all(parts, number, &alternative.rest, adjacent);
            found.push(alternative.then(rest));
        }
    }
    // All of them are complete, or can be left out.
    let empty: Option<Vec<&Alternative>> =
        of_parts.iter().map(|alternatives| alternatives.iter().find(|a| a.on.is_none())).collect();
    if let Some(empty) = empty {
        let through = empty.into_iter().fold(Alternative::through(), |all, one| all.behind(one));
        let is_preferred = of_parts.iter().all(|a| a.first().is_none_or(|first| first.on.is_none()));
        let place = if is_preferred { 0 } else { found.len() };
        found.insert(place, through);
    }
    found
}

/// What is left of `and` when a part took something.
fn all(parts: &[Part], number: usize, rest: &Term, adjacent: bool) -> Term {
    let mut left = parts.to_vec();
    if *rest == EMPTY {
        left.remove(number);
    } else {
        left[number] = Part { begun: true, touch: parts[number].touch, term: Shared::new(rest.clone()) };
    }
    if left.is_empty() {
        return EMPTY;
    }
    Term::All { parts: left, begun: true, adjacent }
}
