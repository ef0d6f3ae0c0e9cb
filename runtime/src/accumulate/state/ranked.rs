//! `arg_min` and `arg_max`: a value of the row in which another is least (greatest); of several such rows,
//! of the first in the total order.

use crate::accumulate::element::Element;
use crate::accumulate::side::{Position, Row, State};
use crate::accumulate::sorted::Sorted;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::cmp::{Ordering, Reverse};

pub struct Spec {
    pub value: (usize, Type),
    pub by: (usize, Type),
    /// `arg_max`
    pub greatest: bool,
}

/// In one state all are of one kind; the best is the least.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Rank {
    Least(Value),
    Greatest(Reverse<Value>),
}

/// A row that takes part, in the order of its rank and then of its position.
#[derive(Clone, Debug)]
struct Ranked {
    rank: Rank,
    position: Position,
    value: Value,
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Ranked) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Ranked) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Ranked) -> Ordering {
        self.rank.cmp(&other.rank).then(self.position.cmp(&other.position))
    }
}

impl Ranked {
    fn of(spec: &Spec, row: Row) -> Ranked {
        let by: Value = row.element(&spec.by);
        let rank = if spec.greatest { Rank::Greatest(Reverse(by)) } else { Rank::Least(by) };
        Ranked { rank, position: row.position(), value: row.element(&spec.value) }
    }

    fn by(&self) -> &Value {
        match &self.rank {
            Rank::Least(by) | Rank::Greatest(Reverse(by)) => by,
        }
    }

    fn owned_bytes(&self) -> usize {
        self.by().owned_bytes() + self.value.owned_bytes()
    }

    fn write(&self, out: &mut SnapshotWriter) {
        out.value(self.by());
        self.position.write(out);
        out.value(&self.value);
    }

    fn restore(spec: &Spec, from: &mut SnapshotReader) -> Result<Ranked, Corrupt> {
        let by = from.value()?;
        let rank = if spec.greatest { Rank::Greatest(Reverse(by)) } else { Rank::Least(by) };
        Ok(Ranked { rank, position: Position::restore(from)?, value: from.value()? })
    }
}

/// The best row so far.
#[derive(Clone)]
pub struct Best(Option<Ranked>);

impl Best {
    fn take(&mut self, other: Ranked) {
        if self.0.as_ref().is_none_or(|best| other < *best) {
            self.0 = Some(other);
        }
    }
}

impl State for Best {
    type Spec = Spec;

    fn new(_: &Spec) -> Best {
        Best(None)
    }

    fn add(&mut self, spec: &Spec, row: Row) {
        self.take(Ranked::of(spec, row));
    }

    fn remove(&mut self, _: &Spec, _: Row) {
        debug_assert!(false, "rows are taken out of `Kept`");
    }

    fn merge(&mut self, _: &Spec, from: &Best) {
        from.0.iter().for_each(|other| self.take(other.clone()));
    }

    fn result(&self, _: &Spec) -> Result<Value, String> {
        Ok(self.0.as_ref().map_or(Value::Null, |best| best.value.clone()))
    }

    fn owned_bytes(&self, _: &Spec) -> usize {
        self.0.as_ref().map_or(0, Ranked::owned_bytes)
    }

    fn write(&self, _: &Spec, out: &mut SnapshotWriter) {
        out.sequence(self.0.iter(), |out, best| best.write(out));
    }

    fn restore(spec: &Spec, from: &mut SnapshotReader) -> Result<Best, Corrupt> {
        Ok(Best(from.sequence(|from| Ranked::restore(spec, from))?.pop()))
    }
}

/// All rows.
#[derive(Clone)]
pub struct Kept(Sorted<Ranked>);

impl State for Kept {
    type Spec = Spec;

    fn new(_: &Spec) -> Kept {
        Kept(Sorted::default())
    }

    fn add(&mut self, spec: &Spec, row: Row) {
        self.0.insert(Ranked::of(spec, row));
    }

    fn remove(&mut self, spec: &Spec, row: Row) {
        let row = Ranked::of(spec, row);
        let is_same = |other: &Ranked| other.value == row.value;
        // As of `placed::remove`: a row that withdraws one stands elsewhere in the order.
        if self.0.remove(|other| other.cmp(&row), is_same).is_none() {
            self.0.remove(|other| other.rank.cmp(&row.rank), is_same);
        }
    }

    fn merge(&mut self, _: &Spec, from: &Kept) {
        from.0.iter().for_each(|row| self.0.insert(row.clone()));
    }

    fn result(&self, _: &Spec) -> Result<Value, String> {
        Ok(self.0.first().map_or(Value::Null, |best| best.value.clone()))
    }

    fn owned_bytes(&self, _: &Spec) -> usize {
        self.0.bytes() + self.0.iter().map(Ranked::owned_bytes).sum::<usize>()
    }

    fn write(&self, _: &Spec, out: &mut SnapshotWriter) {
        out.count(self.0.len());
        self.0.iter().for_each(|row| row.write(out));
    }

    fn restore(spec: &Spec, from: &mut SnapshotReader) -> Result<Kept, Corrupt> {
        Ok(Kept(from.sequence(|from| Ranked::restore(spec, from))?.into_iter().collect()))
    }
}
