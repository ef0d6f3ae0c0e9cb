//! What rules keep of a partition beside its groups, where they keep more.

use super::super::arena::NONE;
use super::Groups;
use super::kept::{Chain, NO_EVENTS};
use crate::message::EventTime;

pub struct Beside {
    pub chain: Chain,
    /// No event before this time begins a run.
    pub quiet_until: EventTime,
    /// Up to this row runs have begun with all events that patterns begin with in common.
    pub begun_to: u64,
}

pub const NOTHING: Beside = Beside { chain: NO_EVENTS, quiet_until: EventTime::MIN, begun_to: 0 };

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

    /// Up to which row runs have begun in a partition with all events that patterns begin with in common.
    pub fn begun_to(&self, partition: u32) -> u64 {
        self.beside(partition).begun_to
    }

    pub fn has_begun_to(&mut self, partition: u32, row: u64) {
        self.beside_mut(partition).begun_to = row;
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
