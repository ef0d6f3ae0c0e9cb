//! What rules keep of a partition beside its groups, where they keep more.

use super::super::arena::NONE;
use super::Groups;
use super::kept::{Chain, NO_EVENTS};
use crate::message::EventTime;

pub struct Beside {
    pub chain: Chain,
    /// No event before this time begins a run.
    pub quiet_until: EventTime,
}

pub const NOTHING: Beside = Beside { chain: NO_EVENTS, quiet_until: EventTime::MIN };

impl<const N: usize> Groups<N> {
    pub(super) fn beside(&self, partition: u32) -> &Beside {
        match self.partition(partition).beside {
            NONE => &NOTHING,
            beside => &self.beside[beside],
        }
    }

    /// Makes it, if there is nothing yet.
    pub(super) fn beside_mut(&mut self, partition: u32) -> &mut Beside {
        let beside = &mut self.store.partitions[partition as usize].beside;
        if *beside == NONE {
            *beside = self.beside.add(NOTHING);
        }
        &mut self.beside[*beside]
    }
}
