//! What runs have taken: a run is a leaf with its first event, the nodes above are the events that it took since,
//! each of them together with all runs that took it then.

use super::super::arena::{Arena, NONE};
use super::super::event_log::{EventId, EventLog};
use crate::message::EventTime;

#[derive(Clone, Copy)]
pub struct Run {
    pub began: EventTime,
    /// Its first event.
    pub event: EventId,
    pub step: u32,
    pub above: u32,
    /// The next of its group.
    pub next: u32,
}

/// An event that the runs below took, or where runs met that took different ones.
#[derive(Clone, Copy)]
pub struct Node {
    pub event: EventId,
    pub above: u32,
    /// How many nodes and runs are right below it.
    pub n_below: u32,
    pub step: u32,
}

/// The event of a node where runs met.
pub const NO_EVENT: EventId = EventId::MAX;

/// The runs of a group, each knows the next, and the node above all of them; without one they are one run.
#[derive(Clone, Copy)]
pub struct Tree {
    pub root: u32,
    pub first: u32,
    pub last: u32,
}

pub struct Forest {
    /// Whether what runs take behind their first event is kept: not if nobody looks at it.
    keeps_paths: bool,
    pub runs: Arena<Run>,
    pub nodes: Arena<Node>,
}

impl Forest {
    pub fn new(keeps_paths: bool) -> Forest {
        Forest { keeps_paths, runs: Arena::default(), nodes: Arena::default() }
    }

    /// A run that begins with an event.
    pub fn plant(&mut self, event: EventId, step: usize, began: EventTime, log: &mut EventLog) -> Tree {
        log.use_one(event);
        let run = self.runs.add(Run { began, event, step: step as u32, above: NONE, next: NONE });
        Tree { root: NONE, first: run, last: run }
    }

    /// A node above nothing yet.
    pub fn node(&mut self, event: EventId, step: usize, log: &mut EventLog) -> u32 {
        if event != NO_EVENT {
            log.use_one(event);
        }
        self.nodes.add(Node { event, above: NONE, n_below: 0, step: step as u32 })
    }

    /// A node above a tree, for an event that its runs take; none if paths are not kept.
    pub fn above(&mut self, tree: &Tree, event: EventId, step: usize, log: &mut EventLog) -> u32 {
        if !self.keeps_paths {
            return NONE;
        }
        let node = self.node(event, step, log);
        self.hang(tree, node);
        node
    }

    /// Whether the last event of a tree was taken in a step, as far as that matters.
    pub fn has_taken(&self, tree: &Tree, step: usize) -> bool {
        !self.keeps_paths || self.nodes[tree.root].step == step as u32
    }

    /// Puts a tree below a node.
    pub fn hang(&mut self, tree: &Tree, above: u32) {
        if !self.keeps_paths {
            return;
        }
        match tree.root {
            NONE => self.runs[tree.first].above = above,
            root => self.nodes[root].above = above,
        }
        self.nodes[above].n_below += 1;
    }

    /// Adds the runs of a tree to those of another; they hang already where they belong.
    pub fn join(&mut self, to: &mut Tree, tree: &Tree) {
        self.runs[to.last].next = tree.first;
        to.last = tree.last;
    }

    /// Makes one of two trees which took different events last.
    pub fn meet(&mut self, to: &mut Tree, tree: &Tree, log: &mut EventLog) {
        let is_joint = to.root != NONE && self.nodes[to.root].event == NO_EVENT;
        if self.keeps_paths && !is_joint {
            let joint = self.node(NO_EVENT, 0, log);
            self.hang(to, joint);
            to.root = joint;
        }
        self.hang(tree, to.root);
        self.join(to, tree);
    }

    /// Drops a run; the number of the one behind it in its group.
    pub fn drop_run(&mut self, run: u32, log: &mut EventLog) -> u32 {
        let Run { event, above, next, .. } = self.runs[run];
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
        next
    }

    /// The runs of a tree, with their numbers in the arena.
    pub fn runs_of(&self, tree: &Tree) -> impl Iterator<Item = (u32, &Run)> {
        let mut next = tree.first;
        std::iter::from_fn(move || {
            let run = (next != NONE).then(|| (next, &self.runs[next]))?;
            next = run.1.next;
            Some(run)
        })
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
