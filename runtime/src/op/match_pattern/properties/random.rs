//! Random patterns that the checker would let pass, and random events.

use super::{Event, Kind, Look, Pattern, Step};
use millstream_ir::pattern::{Automaton, Link, MatchMode, Pattern as Tree};
use proptest::prelude::*;

/// The form of a pattern, in which steps, absences and clocks have no numbers yet.
fn tree() -> impl Strategy<Value = Tree> {
    let step = Just(Tree::Step(0)).boxed();
    let tree = step.clone().prop_recursive(2, 5, 3, |inner| {
        let link = |pattern: BoxedStrategy<Tree>| {
            let joined = (proptest::bool::weighted(0.15), proptest::bool::weighted(0.15));
            (joined, pattern).prop_map(|((next, within), pattern)| Link {
                next,
                within: (within && !next).then_some(0),
                pattern,
            })
        };
        let in_turn = (proptest::collection::vec(link(inner.clone().boxed()), 1..4), before())
            .prop_map(|(links, before)| sequence(links, before));
        let counts = prop_oneof![
            3 => (0u32..3).prop_map(|min| (min, None)),
            3 => (0u32..3, 0u32..3).prop_map(|(min, more)| (min, Some((min + more).max(1)))),
        ];
        let repeat = (inner.clone(), counts, any::<bool>(), any::<bool>()).prop_map(
            |(of, (min, max), adjacent, greedy)| {
                // A clock over and over never ends.
                let greedy = greedy && !has_clock(&of);
                // The parts of `and` come in so many orders that a few are enough.
                let min = if has_all(&of) { min.min(1) } else { min };
                Tree::Repeat { of: Box::new(of), min, max, adjacent, greedy }
            },
        );
        let parts = || proptest::collection::vec(inner.clone(), 2..4);
        let any_of = parts().prop_map(Tree::Any);
        // What may be left out, or would rather go on, says nothing clear among others.
        let plain =
            proptest::collection::vec(Just(Tree::Step(0)), 1..3).prop_map(|steps| match steps.len() {
                1 => Tree::Step(0),
                _ => sequence(
                    steps.into_iter().map(|pattern| Link { next: false, within: None, pattern }).collect(),
                    0,
                ),
            });
        let all = (proptest::collection::vec(plain, 2..4), proptest::bool::weighted(0.2))
            .prop_map(|(parts, adjacent)| Tree::All { parts, adjacent });
        prop_oneof![4 => in_turn, 3 => repeat, 2 => any_of, 2 => all]
    });
    // A pattern begins with an event, or with the time before one.
    (tree, proptest::bool::weighted(0.1)).prop_map(|(tree, quiet)| {
        let quiet = quiet.then_some(Tree::Quiet { absence: 0, clock: 0 });
        let links = quiet.into_iter().chain([tree]);
        Tree::Sequence(links.map(|pattern| Link { next: false, within: None, pattern }).collect())
    })
}

/// What to put before the last of a sequence: nothing, an absence, a clock, a clock or an event.
fn before() -> impl Strategy<Value = u32> {
    prop_oneof![6 => Just(0u32), 2 => Just(1), 2 => Just(2), 1 => Just(3), 1 => Just(4), 1 => Just(5)]
}

fn sequence(mut links: Vec<Link>, before: u32) -> Tree {
    let then = |pattern| Link { next: false, within: None, pattern };
    let (absent, quiet) = (Tree::Absent(0), Tree::Quiet { absence: 0, clock: 0 });
    let put = match before {
        1 => Some(absent),
        2 | 5 => Some(quiet),
        3 => Some(Tree::Any(vec![Tree::Step(0), quiet])),
        4 => Some(Tree::All { parts: vec![Tree::Step(0), quiet], adjacent: false }),
        _ => None,
    };
    let n = links.len();
    links[0].within = None;
    if let Some(put) = put.filter(|_| n > 1) {
        if before == 5 {
            links.push(then(put));
        } else {
            links[n - 1].next = false;
            links.insert(n - 1, then(put));
        }
    }
    Tree::Sequence(links)
}

fn has_clock(tree: &Tree) -> bool {
    match tree {
        Tree::Quiet { .. } => true,
        Tree::Sequence(links) => links.iter().any(|link| has_clock(&link.pattern)),
        Tree::Repeat { of, .. } => has_clock(of),
        Tree::All { parts, .. } | Tree::Any(parts) => parts.iter().any(has_clock),
        Tree::Step(_) | Tree::Absent(_) => false,
    }
}

/// Gives steps, absences and clocks their numbers.
fn number(tree: &mut Tree, numbers: &mut [usize; 3]) {
    let mut next = |kind: usize| {
        numbers[kind] += 1;
        numbers[kind] - 1
    };
    match tree {
        Tree::Step(step) => *step = next(0),
        Tree::Absent(absence) => *absence = next(1),
        Tree::Quiet { absence, clock } => (*absence, *clock) = (next(1), next(2)),
        Tree::Sequence(links) => {
            for link in links {
                if let Some(clock) = &mut link.within {
                    numbers[2] += 1;
                    *clock = numbers[2] - 1;
                }
                number(&mut link.pattern, numbers);
            }
        }
        Tree::Repeat { of, .. } => number(of, numbers),
        Tree::All { parts, .. } | Tree::Any(parts) => parts.iter_mut().for_each(|part| number(part, numbers)),
    }
}

fn kind() -> impl Strategy<Value = Kind> {
    let values = proptest::sample::subsequence(vec![0, 1, 2, 3], 1..=4);
    let look = prop_oneof![Just(Look::First), Just(Look::Last), Just(Look::All), Just(Look::Count)];
    let above = proptest::option::weighted(0.25, (0usize..4, look));
    (0usize..2, values, above).prop_map(|(input, values, above)| Kind { input, values, above })
}

fn step() -> impl Strategy<Value = Step> {
    (kind(), proptest::bool::weighted(0.1)).prop_map(|(kind, reuse)| Step { kind, reuse })
}

/// Which steps, of those behind a number, each of them and each absence may look at: those written before it but
/// for other parts of the same `and`, which may come later. Steps first; a step may look at itself.
fn seen(
    tree: &Tree,
    seen_before: &mut Vec<usize>,
    of_steps: &mut Vec<Vec<usize>>,
    of_absences: &mut Vec<Vec<usize>>,
) {
    match tree {
        Tree::Step(step) => {
            seen_before.push(*step);
            of_steps.push(seen_before.clone());
        }
        Tree::Absent(_) | Tree::Quiet { .. } => of_absences.push(seen_before.clone()),
        Tree::Sequence(links) => {
            links.iter().for_each(|link| seen(&link.pattern, seen_before, of_steps, of_absences));
        }
        Tree::Repeat { of, .. } => seen(of, seen_before, of_steps, of_absences),
        Tree::Any(parts) => parts.iter().for_each(|part| seen(part, seen_before, of_steps, of_absences)),
        Tree::All { parts, .. } => {
            let before = seen_before.clone();
            for part in parts {
                let mut inside = before.clone();
                seen(part, &mut inside, of_steps, of_absences);
                seen_before.extend(&inside[before.len()..]);
            }
        }
    }
}

fn has_all(tree: &Tree) -> bool {
    match tree {
        Tree::All { .. } => true,
        Tree::Sequence(links) => links.iter().any(|link| has_all(&link.pattern)),
        Tree::Repeat { of, .. } => has_all(of),
        Tree::Any(parts) => parts.iter().any(has_all),
        _ => false,
    }
}

/// Whether an `and` may come first of which a part is a clock, which has nothing to run from there.
fn begins_with_clock_of_all(tree: &Tree) -> bool {
    match tree {
        Tree::All { .. } => has_clock(tree),
        Tree::Sequence(links) => {
            let n_empty = links.iter().take_while(|link| may_be_empty(&link.pattern)).count();
            links.iter().take(n_empty + 1).any(|link| begins_with_clock_of_all(&link.pattern))
        }
        Tree::Repeat { of, .. } => begins_with_clock_of_all(of),
        Tree::Any(parts) => parts.iter().any(begins_with_clock_of_all),
        Tree::Step(_) | Tree::Absent(_) | Tree::Quiet { .. } => false,
    }
}

/// Whether a clock may be the last before a `next`, which is refused.
fn has_next_behind_clock(tree: &Tree) -> bool {
    match tree {
        Tree::Sequence(links) => {
            let is_behind_clock = |pair: &[Link]| pair[1].next && ends_with_clock(&pair[0].pattern);
            links.windows(2).any(is_behind_clock)
                || links.iter().any(|link| has_next_behind_clock(&link.pattern))
        }
        Tree::Repeat { of, adjacent, .. } => *adjacent && ends_with_clock(of) || has_next_behind_clock(of),
        Tree::All { parts, .. } | Tree::Any(parts) => parts.iter().any(has_next_behind_clock),
        Tree::Step(_) | Tree::Absent(_) | Tree::Quiet { .. } => false,
    }
}

fn ends_with_clock(tree: &Tree) -> bool {
    match tree {
        Tree::Quiet { .. } => true,
        Tree::Sequence(links) => {
            let n_empty = links.iter().rev().take_while(|link| may_be_empty(&link.pattern)).count();
            links.iter().rev().take(n_empty + 1).any(|link| ends_with_clock(&link.pattern))
        }
        Tree::Repeat { of, .. } => ends_with_clock(of),
        Tree::All { parts, .. } | Tree::Any(parts) => parts.iter().any(ends_with_clock),
        Tree::Step(_) | Tree::Absent(_) => false,
    }
}

/// Whether nothing need be taken; at the start of a pattern a clock takes nothing.
fn may_be_empty(tree: &Tree) -> bool {
    match tree {
        Tree::Step(_) => false,
        Tree::Absent(_) | Tree::Quiet { .. } => true,
        Tree::Sequence(links) => links.iter().all(|link| may_be_empty(&link.pattern)),
        Tree::Repeat { of, min, .. } => *min == 0 || may_be_empty(of),
        Tree::All { parts, .. } => parts.iter().all(may_be_empty),
        Tree::Any(parts) => parts.iter().any(may_be_empty),
    }
}

fn has_greedy(tree: &Tree) -> bool {
    match tree {
        Tree::Repeat { of, greedy, .. } => *greedy || has_greedy(of),
        Tree::Sequence(links) => links.iter().any(|link| has_greedy(&link.pattern)),
        Tree::All { parts, .. } | Tree::Any(parts) => parts.iter().any(has_greedy),
        _ => false,
    }
}

pub fn pattern() -> impl Strategy<Value = Pattern> {
    let mode = prop_oneof![
        4 => Just(MatchMode::UseUp),
        1 => Just(MatchMode::Overlapping),
        1 => Just(MatchMode::All),
        1 => proptest::option::weighted(0.8, 1i64..9).prop_map(MatchMode::Once),
    ];
    let within = proptest::option::weighted(0.9, 0i64..14);
    let ruled_out = || {
        (kind(), proptest::sample::subsequence(vec![0, 1, 2, 3], 1..=2))
            .prop_map(|(kind, values)| Kind { values, ..kind })
    };
    let without = proptest::option::weighted(0.1, ruled_out());
    let n_inputs = prop_oneof![Just(1usize), Just(2)];
    let rest = (mode, within, proptest::bool::weighted(0.15), without, any::<bool>(), n_inputs);
    let numbered = tree().prop_map(|mut tree| {
        let mut numbers = [0; 3];
        number(&mut tree, &mut numbers);
        (tree, numbers)
    });
    let is_sensible = |(tree, numbers): &(Tree, [usize; 3])| {
        let automaton = Automaton::new(tree, numbers[1] + 1).expect("a small pattern");
        numbers[0] <= 4
            && !begins_with_clock_of_all(tree)
            && !has_next_behind_clock(tree)
            && automaton.states[0].accepts.is_none()
    };
    let numbered = numbered.prop_filter("takes an event", is_sensible);
    let all = numbered.prop_flat_map(move |(tree, [n_steps, n_absences, n_clocks])| {
        let steps = proptest::collection::vec(step(), n_steps);
        let absences = proptest::collection::vec(ruled_out(), n_absences);
        let clocks = proptest::collection::vec(1i64..6, n_clocks);
        (Just(tree), steps, absences, clocks)
    });
    (all, rest).prop_map(
        |(
            (tree, mut steps, mut absences, clocks),
            (mode, within, or_timeout, mut without, has_columns, n_inputs),
        )| {
            let (mut of_steps, mut of_absences) = (vec![], vec![]);
            seen(&tree, &mut vec![], &mut of_steps, &mut of_absences);
            // Before the first event there is nothing to look at.
            let automaton = Automaton::new(&tree, absences.len() + 1).expect("a small pattern");
            for (absence, _) in automaton.states[0].edges.iter().flat_map(|edge| &edge.quiet) {
                of_absences[*absence].clear();
            }
            let steps_seen = steps.iter_mut().map(|step| &mut step.kind).zip(of_steps);
            let nothing = without.iter_mut().map(|kind| (kind, vec![]));
            for (kind, seen) in steps_seen.chain(absences.iter_mut().zip(of_absences)).chain(nothing) {
                kind.above = kind.above.filter(|(step, _)| seen.contains(step));
                kind.input = kind.input.min(n_inputs - 1);
            }
            let or_timeout = or_timeout && within.is_some();
            let (has_all, has_greedy) = (has_all(&tree), has_greedy(&tree));
            Pattern {
                tree,
                n_inputs,
                steps,
                absences,
                clocks,
                mode,
                within,
                or_timeout,
                without,
                has_all,
                has_greedy,
                has_columns,
            }
        },
    )
}

pub fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = (0i64..5, 0i64..4, 0i64..3, prop_oneof![2 => Just(0usize), 1 => Just(1)]);
    proptest::collection::vec(event, 0..9).prop_map(|events| {
        let mut now = 0;
        let number = |(id, (key, value, gap, input)): (usize, _)| {
            now += gap;
            // One partition holds most.
            Event { input, key: i64::from(key == 0), value, time: now, id: id as i64 }
        };
        events.into_iter().enumerate().map(number).collect()
    })
}

/// Where a pattern has one input, all events are of that.
pub fn of_inputs((pattern, mut events): (Pattern, Vec<Event>)) -> (Pattern, Vec<Event>) {
    events.iter_mut().for_each(|event| event.input = event.input.min(pattern.n_inputs - 1));
    (pattern, events)
}
