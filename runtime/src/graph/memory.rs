//! How much memory operators may take: measured between blocks of input, and between the parts of what one of them hands
//! on, which may be far more than a block was.

use super::{Graph, Outlet, Stop, Task};
use crate::errors::{self, Held};
use crate::spill::Spill;
use crate::time::{Clock, WallClock};
use millstream_ir::flow::NodeId;
use std::cmp::Reverse;

/// So many times longer than measuring took nothing is measured.
const REST: i64 = 20;

pub struct Memory {
    /// Bytes.
    limit: u64,
    /// Where operators may write what there is no room for.
    spill: Option<Spill>,
    /// When it is to be measured again between blocks, and on the way of what is handed on.
    between_blocks: i64,
    on_the_way: i64,
}

impl Memory {
    pub fn new(limit: u64, spill: Option<Spill>) -> Memory {
        Memory { limit, spill, between_blocks: i64::MIN, on_the_way: i64::MIN }
    }

    pub fn spill(&self) -> Option<&Spill> {
        self.spill.as_ref()
    }

    /// What comes next is looked at, however long measuring took.
    pub fn look_soon(&mut self) {
        self.between_blocks = i64::MIN;
    }
}

impl<O: Outlet> Graph<'_, O> {
    /// Makes room when the state has outgrown what it may take, and stops the run where that cannot be.
    pub fn check_memory(&mut self) -> Result<(), Stop> {
        self.check(|memory| &mut memory.between_blocks)
    }

    /// The same in the middle of what operators hand on. What these hold does not count: it is on its way out, and looked
    /// at when that is done.
    pub(super) fn check_on_the_way(&mut self) -> Result<(), Stop> {
        self.check(|memory| &mut memory.on_the_way)
    }

    fn check(&mut self, next: fn(&mut Memory) -> &mut i64) -> Result<(), Stop> {
        let Some(memory) = &mut self.memory else { return Ok(()) };
        let now = WallClock.elapsed();
        if now < *next(memory) {
            return Ok(());
        }
        let (limit, spill) = (memory.limit, memory.spill.clone());
        let mut state = self.bytes_at_rest();
        let after = WallClock.elapsed();
        if let Some(memory) = &mut self.memory {
            *next(memory) = after.saturating_add(after.saturating_sub(now).saturating_mul(REST));
        }
        if total(&state) <= limit {
            return Ok(());
        }
        if let Some(spill) = spill {
            // Some room is left for what comes, so that not every block finds too little.
            self.spill(&spill, (limit / 2) as usize)?;
            state = self.bytes_at_rest();
            if total(&state) <= limit {
                return Ok(());
            }
        }
        let parts: Vec<Held> = state
            .into_iter()
            .map(|(id, bytes)| Held { by: self.flow.node(id), bytes, amount: self.amount(id) })
            .collect();
        Err(Stop::Broken(Box::new(errors::state_too_large(parts, limit))))
    }

    /// Lets operators write what they hold to files, those with most of it first, until what they hold in memory is no
    /// more than so many bytes, or none can. Those in the middle of handing on are left alone.
    pub fn spill(&mut self, spill: &Spill, bytes: usize) -> Result<(), Stop> {
        let mut held = self.bytes_at_rest();
        held.sort_by_key(|(_, bytes)| Reverse(*bytes));
        let mut total: usize = held.iter().map(|(_, bytes)| *bytes).sum();
        for (id, of_node) in held {
            if total <= bytes {
                break;
            }
            if let Task::Operator(operator) = &mut self.stations[id.0 as usize].task {
                operator.spill(spill).map_err(|error| {
                    let diagnostic = errors::state_not_spilled(self.flow.node(id), spill.folder(), &error);
                    Stop::Broken(Box::new(diagnostic))
                })?;
                total = total - of_node.min(total) + operator.state_bytes();
            }
        }
        Ok(())
    }

    /// About how many bytes each operator and sink holds.
    pub fn state_bytes(&self) -> Vec<(NodeId, usize)> {
        let bytes = |task: &Task| match task {
            Task::Operator(operator) | Task::PreparedSink(operator) => operator.state_bytes(),
            Task::Source | Task::Sink => 0,
        };
        self.flow.ids().zip(self.stations.iter().map(|station| bytes(&station.task))).collect()
    }

    /// The same of those that are not in the middle of handing on.
    fn bytes_at_rest(&self) -> Vec<(NodeId, usize)> {
        let mut bytes = self.state_bytes();
        bytes.retain(|(id, _)| !self.handing_on.contains(id));
        bytes
    }
}

fn total(state: &[(NodeId, usize)]) -> u64 {
    state.iter().map(|(_, bytes)| *bytes as u64).sum()
}
