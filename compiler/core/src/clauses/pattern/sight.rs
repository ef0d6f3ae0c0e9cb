//! What the conditions of a pattern can see of its variables, as far as its form says it.

use millstream_syntax::ast;
use std::ops::Range;

/// What a condition, or a computed time, can see.
#[derive(Clone, Default, Debug)]
pub(super) struct Sight {
    pub seen: Vec<Seen>,
    /// Steps that stand beside it.
    pub beside: Vec<(usize, Beside)>,
}

/// A variable, as it is known at some place: how many events it can hold there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub step: usize,
    pub at_least: u32,
    pub at_most: Option<u32>,
    /// Whether these are so many with any values of the parameters.
    pub is_fixed: bool,
}

impl Seen {
    pub fn once(step: usize) -> Seen {
        Seen { step, at_least: 1, at_most: Some(1), is_fixed: true }
    }

    pub fn presence(&self) -> Presence {
        if self.at_least > 0 { Presence::Surely } else { Presence::Perhaps }
    }

    /// Behind so many iterations like the one that it has been seen in.
    pub fn repeat(&mut self, min: u32, max: Option<u32>) {
        self.at_least = self.at_least.saturating_mul(min);
        self.at_most = self.most_in(max);
    }

    /// How many events it holds at most in so many iterations.
    fn most_in(&self, n_iterations: Option<u32>) -> Option<u32> {
        self.at_most?.checked_mul(n_iterations?)
    }
}

/// Whether a step has taken an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Presence {
    Surely,
    Perhaps,
}

/// What keeps a condition from seeing a variable that is not simply a later one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Beside {
    /// Another part of the same `and`.
    And,
    /// Another branch of the same `or`.
    Or,
}

/// An event as it is tested, its condition not yet checked.
#[derive(Clone, Debug)]
pub(super) struct Test<'q> {
    /// What the event is called, for others than itself.
    pub variable: Option<&'q ast::Name>,
    pub input: usize,
    pub condition: Option<&'q ast::Expr>,
    /// The number of what it sees.
    pub sight: usize,
}

/// The sights of a pattern, by number, in the order in which what they belong to is written.
#[derive(Default, Debug)]
pub(super) struct Sights(pub Vec<Sight>);

impl Sights {
    pub fn add(&mut self, seen: &[Seen]) -> usize {
        self.0.push(Sight { seen: seen.to_vec(), beside: vec![] });
        self.0.len() - 1
    }

    pub fn get(&self, number: usize) -> Option<&Sight> {
        self.0.get(number)
    }

    /// In a group that is repeated, earlier iterations have taken events of all its steps, perhaps: as many each as
    /// `of_one` tells.
    pub fn repeat(&mut self, sights: Range<usize>, of_one: &[Seen], max: Option<u32>) {
        for sight in self.0.get_mut(sights).into_iter().flatten() {
            for step in of_one {
                let at_most = step.most_in(max);
                match sight.seen.iter_mut().find(|seen| seen.step == step.step) {
                    Some(seen) => *seen = Seen { at_most, is_fixed: step.is_fixed, ..*seen },
                    None => sight.seen.push(Seen { at_least: 0, at_most, ..*step }),
                }
            }
        }
    }

    /// What belongs to one part of an `and` or `or` does not see the steps of the others.
    pub fn set_beside(&mut self, parts: &[(Range<usize>, Range<usize>)], how: Beside) {
        for (number, (sights, _)) in parts.iter().enumerate() {
            let others = parts.iter().enumerate().filter(|(other, _)| *other != number);
            let others: Vec<_> = others.flat_map(|(_, (_, steps))| steps.clone()).map(|s| (s, how)).collect();
            for sight in self.0.get_mut(sights.clone()).into_iter().flatten() {
                sight.beside.extend(&others);
            }
        }
    }
}

/// What is seen behind a part that may have been left out, which the steps of this range are in.
pub(super) fn perhaps(seen: &mut [Seen], steps: &Range<usize>) {
    for one in seen.iter_mut().filter(|seen| steps.contains(&seen.step)) {
        one.at_least = 0;
    }
}
