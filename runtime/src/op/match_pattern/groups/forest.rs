//! What runs have taken: a run is a leaf with its first event, the nodes above are the events that it took since,
//! each of them together with all runs that took it then.
//!
//! The runs of a group are a heap of their own, the earliest on top: a match takes it and leaves the others where they
//! are (a pairing heap: Fredman, Sedgewick, Sleator, Tarjan, "The pairing heap", Algorithmica 1986).

use super::super::arena::{Arena, NONE};
use super::super::event_log::{EventId, EventLog};
use crate::message::EventTime;
use std::cmp::Ordering;

#[derive(Clone, Copy)]
pub struct Run {
    pub began: EventTime,
    /// Its first event.
    pub event: EventId,
    pub above: u32,
    /// The next of those below the same one in the heap of its group.
    pub next: u32,
    /// The first of those below it.
    pub below: u32,
    pub step: u16,
    /// Whether its first event may have been taken by other runs too.
    pub is_shared: bool,
}

/// An event that the runs below took, or where runs met that took different ones.
#[derive(Clone, Copy)]
pub struct Node {
    pub event: EventId,
    pub above: u32,
    /// How many nodes and runs are right below it.
    pub n_below: u32,
    pub step: u16,
    /// Whether its event may have been taken elsewhere too.
    pub is_shared: bool,
}

/// The event of a node where runs met.
pub const NO_EVENT: EventId = EventId::MAX;

/// The runs of a group, of which the first is the earliest, and the node above all of them; without one they are one
/// run.
#[derive(Clone, Copy)]
pub struct Tree {
    pub root: u32,
    pub first: u32,
}

/// An event that is taken.
#[derive(Clone, Copy)]
pub struct Taken {
    pub event: EventId,
    pub step: u16,
    /// Whether by more than those below it.
    pub is_shared: bool,
}

/// Trees have no nodes where nobody looks at what runs took behind their first event.
#[derive(Default)]
pub struct Forest {
    pub runs: Arena<Run>,
    pub nodes: Arena<Node>,
}

impl Forest {
    /// A run that begins with an event.
    pub fn plant(&mut self, taken: Taken, began: EventTime, log: &mut EventLog) -> Tree {
        let Taken { event, step, is_shared } = taken;
        log.use_one(event);
        let run = Run { began, event, step, is_shared, above: NONE, next: NONE, below: NONE };
        Tree { root: NONE, first: self.runs.add(run) }
    }

    /// A node above nothing yet.
    pub fn node(&mut self, taken: Taken, log: &mut EventLog) -> u32 {
        let Taken { event, step, is_shared } = taken;
        if event != NO_EVENT {
            log.use_one(event);
        }
        self.nodes.add(Node { event, above: NONE, n_below: 0, step, is_shared })
    }

    /// A node above a tree, for an event that its runs take.
    pub fn above(&mut self, tree: &Tree, taken: Taken, log: &mut EventLog) -> u32 {
        let node = self.node(taken, log);
        self.hang(tree, node);
        node
    }

    /// Whether the last event of a tree was taken in a step.
    pub fn has_taken(&self, tree: &Tree, step: u16) -> bool {
        self.nodes[tree.root].step == step
    }

    /// Puts a tree below a node.
    pub fn hang(&mut self, tree: &Tree, above: u32) {
        match tree.root {
            NONE => self.runs[tree.first].above = above,
            root => self.nodes[root].above = above,
        }
        self.nodes[above].n_below += 1;
    }

    /// Adds the runs of a tree to those of another; they hang already where they belong.
    pub fn join(&mut self, to: &mut Tree, tree: &Tree, log: &EventLog) {
        to.first = self.meld(to.first, tree.first, log);
    }

    /// Puts two trees, which took different events last, below one node.
    pub fn meet(&mut self, to: &mut Tree, tree: &Tree, log: &mut EventLog) {
        let is_joint = to.root != NONE && self.nodes[to.root].event == NO_EVENT;
        if !is_joint {
            let joint = self.node(Taken { event: NO_EVENT, step: 0, is_shared: false }, log);
            self.hang(to, joint);
            to.root = joint;
        }
        self.hang(tree, to.root);
    }

    /// Makes one heap of two; its first run.
    fn meld(&mut self, a: u32, b: u32, log: &EventLog) -> u32 {
        let (first, other) = if self.is_before(b, a, log) { (b, a) } else { (a, b) };
        self.runs[other].next = self.runs[first].below;
        self.runs[first].below = other;
        first
    }

    /// Whether a run begins before another in the total order.
    pub fn is_before(&self, a: u32, b: u32, log: &EventLog) -> bool {
        let (a, b) = (&self.runs[a], &self.runs[b]);
        match a.began.cmp(&b.began) {
            Ordering::Equal => log.get(a.event).place() < log.get(b.event).place(),
            order => order.is_lt(),
        }
    }

    /// Drops the first run of a tree.
    pub fn drop_first(&mut self, tree: &mut Tree, log: &mut EventLog) {
        let first = tree.first;
        tree.first = self.meld_all(self.runs[first].below, log);
        self.drop_run(first, log);
    }

    /// Makes one of these heaps, each of which knows the next: in pairs, and these from behind.
    fn meld_all(&mut self, first: u32, log: &EventLog) -> u32 {
        let (mut pairs, mut at) = (NONE, first);
        while at != NONE {
            let other = std::mem::replace(&mut self.runs[at].next, NONE);
            let mut pair = at;
            at = NONE;
            if other != NONE {
                at = std::mem::replace(&mut self.runs[other].next, NONE);
                pair = self.meld(pair, other, log);
            }
            self.runs[pair].next = std::mem::replace(&mut pairs, pair);
        }
        let mut all = NONE;
        while pairs != NONE {
            let pair = pairs;
            pairs = std::mem::replace(&mut self.runs[pair].next, NONE);
            all = if all == NONE { pair } else { self.meld(all, pair, log) };
        }
        all
    }

    /// Drops all runs of a tree; how many there were.
    pub fn drop_all(&mut self, tree: &Tree, log: &mut EventLog) -> u32 {
        let mut walk = Walk { at: tree.first, rest: vec![] };
        let mut n = 0;
        while let Some(run) = walk.next(&self.runs) {
            self.drop_run(run, log);
            n += 1;
        }
        n
    }

    fn drop_run(&mut self, run: u32, log: &mut EventLog) {
        let Run { event, above, .. } = self.runs[run];
        log.give_back(event);
        self.runs.free(run);
        let mut node = above;
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

    /// The runs of a tree, with their numbers in the arena.
    pub fn runs_of<'f>(&'f self, tree: &Tree) -> impl Iterator<Item = (u32, &'f Run)> + use<'f> {
        let mut walk = Walk { at: tree.first, rest: vec![] };
        std::iter::from_fn(move || walk.next(&self.runs).map(|run| (run, &self.runs[run])))
    }

    /// Whether nobody else can have taken what a run took.
    pub fn is_alone(&self, run: &Run) -> bool {
        let (mut is_alone, mut next) = (!run.is_shared, run.above);
        let mut is_own = true;
        while is_alone && next != NONE {
            let node = &self.nodes[next];
            is_own &= node.n_below == 1;
            is_alone = node.event == NO_EVENT || is_own && !node.is_shared;
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
            Some((node.step as usize, node.event))
        });
        all.filter(|(_, event)| *event != NO_EVENT)
    }
}

/// A way through the runs of a heap.
struct Walk {
    at: u32,
    /// Where it goes on, the last first.
    rest: Vec<u32>,
}

impl Walk {
    fn next(&mut self, runs: &Arena<Run>) -> Option<u32> {
        let at = if self.at == NONE { self.rest.pop()? } else { self.at };
        let Run { next, below, .. } = runs[at];
        self.at = if below == NONE { next } else { below };
        if below != NONE && next != NONE {
            self.rest.push(next);
        }
        Some(at)
    }
}
