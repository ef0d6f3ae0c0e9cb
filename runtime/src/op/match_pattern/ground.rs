//! What everything stands on that is kept of keys: their numbers, and the events that are looked back to.

use super::event_log::EventLog;
use crate::kernel::key_index::KeyIndex;
use millstream_ir::types::Type;

pub struct Ground {
    pub keys: KeyIndex,
    pub log: EventLog,
}

impl Ground {
    /// `key_types` are those of the columns of a key.
    pub fn new(key_types: &[Type]) -> Ground {
        Ground { keys: KeyIndex::new(key_types, 0), log: EventLog::default() }
    }

    pub fn bytes(&self) -> usize {
        self.keys.bytes() + self.log.bytes()
    }
}
