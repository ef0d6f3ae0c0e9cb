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

    /// Asks for what is kept beside a partition that has come from memory.
    #[inline(always)]
    pub(super) fn request_beside(&self, partition: u32) {
        if let Some(partition) = self.store.partitions.get(partition as usize)
            && partition.beside != NONE
        {
            self.beside.request(partition.beside);
        }
    }

    /// Asks for the first of the events that are kept of a partition, when what is kept beside it has come.
    #[inline(always)]
    pub(super) fn request_kept(&self, partition: u32) {
        if let Some(partition) = self.store.partitions.get(partition as usize)
            && partition.beside != NONE
        {
            self.kept.request(self.beside[partition.beside].chain.first);
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
