//! What a match takes from other runs: the events of a partition since its first run began. When some of them are used
//! up, the runs begin again over those that are left: that is where they would be had they never taken the others.

use super::super::arena::{Arena, NONE};
use super::super::event_log::{EventId, Kept};
use super::super::pattern::Pattern;
use super::{Event, Groups};

/// The events of a partition; each knows the next.
#[derive(Clone, Copy)]
pub struct Chain {
    pub first: u32,
    pub last: u32,
    pub n: u32,
    /// So many were left when those before the first run were last dropped.
    pub n_needed: u32,
}

pub const NO_EVENTS: Chain = Chain { first: NONE, last: NONE, n: 0, n_needed: 0 };

#[derive(Clone, Copy)]
pub struct KeptEvent {
    pub event: EventId,
    pub next: u32,
    pub is_used: bool,
}

/// So many may be kept that nothing looks back to, beside as many as are needed.
const FEW: u32 = 8;

impl Groups {
    pub(super) fn keep(&mut self, event: EventId, is_used: bool, partition: u32) {
        self.log.use_one(event);
        let kept = self.kept.add(KeptEvent { event, next: NONE, is_used });
        let chain = &mut self.partitions[partition as usize].chain;
        match chain.last {
            NONE => chain.first = kept,
            last => self.kept[last].next = kept,
        }
        chain.last = kept;
        chain.n += 1;
    }

    /// Marks events of a partition, in their order, as used up.
    pub(super) fn use_up(&mut self, events: impl Iterator<Item = EventId>, partition: u32) {
        let mut events = events.peekable();
        let mut at = self.partitions[partition as usize].chain.first;
        while at != NONE {
            let kept = &mut self.kept[at];
            kept.is_used |= events.next_if_eq(&kept.event).is_some();
            at = kept.next;
        }
    }

    /// Lets the runs of a partition that has none begin again.
    pub(super) fn replay(&mut self, pattern: &Pattern, partition: u32) {
        let mut at = self.partitions[partition as usize].chain.first;
        while at != NONE {
            let KeptEvent { event: id, next, is_used } = self.kept[at];
            at = next;
            let kept = self.log.get(id);
            let Kept { input, batch, row } = kept;
            let (columns, time) = (batch.columns.clone(), kept.int(self.times[input]));
            let passes = self.course.passes_of(input, &columns, row);
            let mut event = Event { input, columns: &columns, row, time, passes, chunk: 0, id: Some(id) };
            self.advance(pattern, &event, partition, is_used);
            // None is complete earlier with fewer events; should one be, it would have been reported then.
            for (group, _) in std::mem::take(&mut self.memory.complete) {
                self.drop_group(&group, partition);
            }
            self.arrive(pattern, &mut event, partition);
            if !is_used && passes & self.course.begins != 0 {
                self.begin(pattern, &mut event, partition);
            }
        }
    }

    /// Drops what is kept of a partition that nothing looks back to, if that may be much.
    pub(super) fn settle(&mut self, partition: u32) {
        let Chain { n, n_needed, .. } = self.partitions[partition as usize].chain;
        if self.partitions[partition as usize].groups.is_empty() || n > 2 * n_needed + FEW {
            self.forget_before_runs(partition);
        }
    }

    /// Drops the events of a partition before the first of its runs.
    pub(super) fn forget_before_runs(&mut self, partition: u32) {
        if self.partitions[partition as usize].chain.first == NONE {
            return;
        }
        let groups = &self.partitions[partition as usize].groups;
        let runs = groups.iter().flat_map(|group| self.forest.runs_of(&group.tree));
        let first = runs.map(|(_, run)| (self.start_of(run), run.event)).min().map(|(_, event)| event);
        let chain = &mut self.partitions[partition as usize].chain;
        while chain.first != NONE && Some(self.kept[chain.first].event) != first {
            let KeptEvent { event, next, .. } = self.kept[chain.first];
            self.log.give_back(event);
            self.kept.free(chain.first);
            chain.first = next;
            chain.n -= 1;
        }
        if chain.first == NONE {
            chain.last = NONE;
        }
        chain.n_needed = chain.n;
    }
}

/// The events of all chains.
pub type KeptEvents = Arena<KeptEvent>;
