//! What runs have taken: a run is a leaf with its first event, the nodes above are the events that it took since,
//! each of them together with all runs that took it then.
//!
//! The runs of a group are a heap of their own, the earliest on top: a match takes it and leaves the others where they
//! are (a pairing heap: Fredman, Sedgewick, Sleator, Tarjan, "The pairing heap", Algorithmica 1986). The earliest stands in
//! the group itself: so two groups become one without a look at any other run.

use super::super::arena::{Arena, NONE};
use super::super::event_log::{EventId, EventLog};
use super::group::{Group, How, NO_EVENT, Run};
use crate::message::EventTime;
use std::cmp::Ordering;
use std::collections::VecDeque;

/// A run that is not the earliest of its group.
#[derive(Clone, Copy)]
pub struct Later {
    run: Run,
    /// The next of those below the same one in the heap of its group.
    next: u32,
    /// The first of those below it.
    below: u32,
}

/// An event that the runs below took, or where runs met that took different ones.
#[derive(Clone, Copy)]
pub struct Node {
    pub event: EventId,
    pub above: u32,
    /// How many nodes and runs are right below it.
    pub n_below: u32,
    pub how: How,
}

/// An event that is taken, and how.
#[derive(Clone, Copy)]
pub struct Taken {
    pub event: EventId,
    pub how: How,
}

/// Trees have no nodes where nobody looks at what runs took behind their first event.
#[derive(Default)]
pub struct Forest {
    pub later: Arena<Later>,
    pub nodes: Arena<Node>,
    /// Runs of groups that are gone, each with those next to it and below it: as all stand far from each other, they have
    /// been requested, and it is their turn when others have had theirs.
    gone: VecDeque<u32>,
    /// Where a way through a heap goes on, in the same manner: its memory is used again.
    ahead: VecDeque<u32>,
}

impl Forest {
    /// Makes a group that has none one run, which begins with an event.
    pub fn plant<const N: usize>(
        &self,
        group: &mut Group<N>,
        taken: Taken,
        began: EventTime,
        log: &mut EventLog,
    ) {
        let Taken { event, how } = taken;
        log.use_one(event);
        group.set_run(Run { began, event, above: NONE, how });
        group.latest = began;
    }

    /// A node above nothing yet.
    pub fn node(&mut self, taken: Taken, log: &mut EventLog) -> u32 {
        let Taken { event, how } = taken;
        if event != NO_EVENT {
            log.use_one(event);
        }
        self.nodes.add(Node { event, above: NONE, n_below: 0, how })
    }

    /// Puts the runs of a group below a new node, for an event that they take.
    pub fn take<const N: usize>(&mut self, group: &mut Group<N>, taken: Taken, log: &mut EventLog) {
        let node = self.node(taken, log);
        self.hang(group, node);
        group.root = node;
    }

    /// Whether the last event of a group was taken in a step.
    pub fn has_taken<const N: usize>(&self, group: &Group<N>, step: usize) -> bool {
        self.nodes[group.root].how.step() == step
    }

    /// Puts the runs of a group below a node.
    pub fn hang<const N: usize>(&mut self, group: &mut Group<N>, above: u32) {
        match group.root {
            NONE => group.above = above,
            root => self.nodes[root].above = above,
        }
        self.nodes[above].n_below += 1;
    }

    /// Adds the runs of a group to those of another; they hang already where they belong.
    #[inline]
    pub fn join<const N: usize>(&mut self, to: &mut Group<N>, group: &Group<N>, log: &EventLog) {
        to.latest = to.latest.max(group.latest);
        let (run, below) = match is_before(&group.run(), &to.run(), log) {
            true => {
                let own = (to.run(), to.below);
                to.set_run(group.run());
                to.below = group.below;
                own
            }
            false => (group.run(), group.below),
        };
        to.below = self.later.add(Later { run, below, next: to.below });
    }

    /// Puts two groups, which took different events last, below one node.
    pub fn meet<const N: usize>(&mut self, to: &mut Group<N>, group: &mut Group<N>, log: &mut EventLog) {
        let is_joint = to.root != NONE && self.nodes[to.root].event == NO_EVENT;
        if !is_joint {
            let joint = self.node(Taken { event: NO_EVENT, how: How::new(0, false) }, log);
            self.hang(to, joint);
            to.root = joint;
        }
        self.hang(group, to.root);
    }

    /// Makes one heap of two; its first run.
    fn meld(&mut self, a: u32, b: u32, log: &EventLog) -> u32 {
        let is_first = is_before(&self.later[b].run, &self.later[a].run, log);
        let (first, other) = if is_first { (b, a) } else { (a, b) };
        self.later[other].next = self.later[first].below;
        self.later[first].below = other;
        first
    }

    /// Drops the first run of a group; whether there is another.
    pub fn drop_first<const N: usize>(&mut self, group: &mut Group<N>, log: &mut EventLog) -> bool {
        self.give_back(group.run(), log);
        self.lead_with_first_of(group.below, group, log)
    }

    /// Makes the runs of these heaps, each of which knows the next, those of a group; whether there is any.
    fn lead_with_first_of<const N: usize>(
        &mut self,
        heaps: u32,
        group: &mut Group<N>,
        log: &EventLog,
    ) -> bool {
        let first = self.meld_all(heaps, log);
        if first == NONE {
            (group.event, group.below) = (NO_EVENT, NONE);
            return false;
        }
        group.set_run(self.later[first].run);
        group.below = self.later[first].below;
        self.later.free(first);
        true
    }

    /// Makes one of these heaps, each of which knows the next: in pairs, and these from behind.
    fn meld_all(&mut self, first: u32, log: &EventLog) -> u32 {
        let (mut pairs, mut at) = (NONE, first);
        while at != NONE {
            let other = std::mem::replace(&mut self.later[at].next, NONE);
            let mut pair = at;
            at = NONE;
            if other != NONE {
                at = std::mem::replace(&mut self.later[other].next, NONE);
                pair = self.meld(pair, other, log);
            }
            self.later[pair].next = std::mem::replace(&mut pairs, pair);
        }
        let mut all = NONE;
        while pairs != NONE {
            let pair = pairs;
            pairs = std::mem::replace(&mut self.later[pair].next, NONE);
            all = if all == NONE { pair } else { self.meld(all, pair, log) };
        }
        all
    }

    /// Drops those runs of a group that began before a time; whether any is left. They are the top of the heap: what hangs
    /// below them becomes one again when all of them are gone.
    pub fn drop_before<const N: usize>(
        &mut self,
        group: &mut Group<N>,
        oldest: EventTime,
        log: &mut EventLog,
    ) -> bool {
        if !group.has_runs() || group.began >= oldest {
            return group.has_runs();
        }
        self.give_back(group.run(), log);
        let (mut left, mut ahead) = (NONE, std::mem::take(&mut self.ahead));
        self.later.request_into(&mut ahead, group.below);
        while let Some(at) = ahead.pop_front() {
            let Later { run, next, below } = self.later[at];
            self.later.request_into(&mut ahead, next);
            if run.began < oldest {
                self.later.request_into(&mut ahead, below);
                self.give_back(run, log);
                self.later.free(at);
            } else {
                self.later[at].next = std::mem::replace(&mut left, at);
            }
        }
        self.ahead = ahead;
        self.lead_with_first_of(left, group, log)
    }

    /// Drops all runs of a group; what they looked back to is given back by [`Forest::clear`] at last.
    pub fn drop_all<const N: usize>(&mut self, group: &Group<N>, log: &mut EventLog) {
        if group.has_runs() {
            self.give_back(group.run(), log);
            self.later.request_into(&mut self.gone, group.below);
        }
    }

    /// Gives back what the runs of groups that are gone looked back to: to be called before the log is to forget events.
    pub fn clear(&mut self, log: &mut EventLog) {
        while let Some(at) = self.gone.pop_front() {
            let Later { run, next, below } = self.later[at];
            self.later.request_into(&mut self.gone, next);
            self.later.request_into(&mut self.gone, below);
            self.give_back(run, log);
            self.later.free(at);
        }
    }

    /// What a run took has one less who looks back to it.
    fn give_back(&mut self, run: Run, log: &mut EventLog) {
        log.give_back(run.event);
        let mut node = run.above;
        while node != NONE {
            let at = &mut self.nodes[node];
            at.n_below -= 1;
            if at.n_below > 0 {
                break;
            }
            let Node { event, above, .. } = *at;
            if event != NO_EVENT {
                log.give_back(event);
            }
            self.nodes.free(node);
            node = above;
        }
    }

    /// The runs of a group, the earliest first.
    pub fn runs_of<'f, const N: usize>(&'f self, group: &Group<N>) -> impl Iterator<Item = Run> + use<'f, N> {
        let first = group.has_runs().then(|| group.run());
        let mut walk = Walk { at: group.below, rest: vec![] };
        let others = std::iter::from_fn(move || walk.next(&self.later).map(|later| self.later[later].run));
        first.into_iter().chain(others)
    }

    /// Whether nobody else can have taken what a run took.
    pub fn is_alone(&self, run: &Run) -> bool {
        let (mut is_alone, mut next) = (!run.how.is_shared(), run.above);
        let mut is_own = true;
        while is_alone && next != NONE {
            let node = &self.nodes[next];
            is_own &= node.n_below == 1;
            is_alone = node.event == NO_EVENT || is_own && !node.how.is_shared();
            next = node.above;
        }
        is_alone
    }

    /// The steps and events that a run took behind its first, in their order.
    pub fn taken_by(&self, run: &Run) -> impl Iterator<Item = (usize, EventId)> {
        let mut next = run.above;
        let all = std::iter::from_fn(move || {
            let node = (next != NONE).then(|| &self.nodes[next])?;
            next = node.above;
            Some((node.how.step(), node.event))
        });
        all.filter(|(_, event)| *event != NO_EVENT)
    }
}

/// Whether a run begins before another in the total order: of two that begin at one time, it is looked at where their
/// events stand, which have to come from memory.
#[inline]
pub fn is_before(a: &Run, b: &Run, log: &EventLog) -> bool {
    match a.began.cmp(&b.began) {
        Ordering::Equal => log.get(a.event).place() < log.get(b.event).place(),
        order => order.is_lt(),
    }
}

/// A way through the runs of a heap.
struct Walk {
    at: u32,
    /// Where it goes on, the last first.
    rest: Vec<u32>,
}

impl Walk {
    fn next(&mut self, runs: &Arena<Later>) -> Option<u32> {
        let at = if self.at == NONE { self.rest.pop()? } else { self.at };
        let Later { next, below, .. } = runs[at];
        self.at = if below == NONE { next } else { below };
        if below != NONE && next != NONE {
            self.rest.push(next);
        }
        Some(at)
    }
}
