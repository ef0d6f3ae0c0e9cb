//! Values with the positions of their rows.

use crate::accumulate::element::Element;
use crate::accumulate::side::{Position, Row};
use crate::accumulate::sorted::Sorted;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::cmp::Ordering;

/// Ordered by position alone; the elements of one list of one row share theirs, and came in their order.
#[derive(Clone, Debug)]
pub struct Placed {
    pub position: Position,
    pub value: Value,
}

impl PartialEq for Placed {
    fn eq(&self, other: &Placed) -> bool {
        self.position == other.position
    }
}

impl Eq for Placed {}

impl PartialOrd for Placed {
    fn partial_cmp(&self, other: &Placed) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Placed {
    fn cmp(&self, other: &Placed) -> Ordering {
        self.position.cmp(&other.position)
    }
}

impl Placed {
    pub fn of(row: Row, argument: &(usize, Type)) -> Placed {
        Placed { position: row.position(), value: row.element(argument) }
    }

    pub fn write(&self, out: &mut SnapshotWriter) {
        self.position.write(out);
        out.value(&self.value);
    }

    pub fn restore(from: &mut SnapshotReader) -> Result<Placed, Corrupt> {
        Ok(Placed { position: Position::restore(from)?, value: from.value()? })
    }
}

/// Takes out the row that was added at this position. The row that withdraws one from an updating stream
/// stands elsewhere in the order: then it is the first of that value.
pub fn remove(all: &mut Sorted<Placed>, row: &Placed) {
    let is_same = |other: &Placed| other.value == row.value;
    if all.remove(|other| other.cmp(row), is_same).is_none() {
        all.remove(|_| Ordering::Equal, is_same);
    }
}

pub fn bytes(all: &Sorted<Placed>) -> usize {
    all.bytes() + all.iter().map(|placed| placed.value.owned_bytes()).sum::<usize>()
}

pub fn write(all: &Sorted<Placed>, out: &mut SnapshotWriter) {
    out.count(all.len());
    all.iter().for_each(|placed| placed.write(out));
}

pub fn restore(from: &mut SnapshotReader) -> Result<Sorted<Placed>, Corrupt> {
    Ok(from.sequence(Placed::restore)?.into_iter().collect())
}
