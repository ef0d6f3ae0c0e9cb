//! `approx_top`: the most frequent values with about how often each came.
//!
//! The counts of Misra and Gries (1982), purged many at a time as Anderson et al. do (IMC 2017): where there
//! is no room for another value, the median of all counts is taken off each, and those with nothing left go.
//! A count is then too small by no more than all that was taken off. As long as all values have room, all
//! counts are exact and do not depend on the order of rows; after that they do, so the rows come in the
//! total order. Where rows are taken out again, all values have room.

use crate::accumulate::element::{Element, FoldHash};
use crate::accumulate::side::{Row, State};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use std::collections::HashMap;

pub struct Spec {
    pub argument: (usize, Type),
    pub k: usize,
    pub removable: bool,
}

impl Spec {
    /// How many values have room.
    fn capacity(&self) -> usize {
        if self.removable { usize::MAX } else { self.k.saturating_mul(16).max(1024) }
    }
}

#[derive(Clone)]
pub struct Frequent {
    counts: HashMap<Value, u64, FoldHash>,
    /// What has been taken off each count.
    taken_off: u64,
}

impl Frequent {
    fn count(&mut self, spec: &Spec, value: Value, n: u64) {
        *self.counts.entry(value).or_default() += n;
        if self.counts.len() > spec.capacity() {
            let mut counts: Vec<u64> = self.counts.values().copied().collect();
            let middle = counts.len() / 2;
            let median = *counts.select_nth_unstable(middle).1;
            self.counts.retain(|_, count| {
                *count = count.saturating_sub(median);
                *count > 0
            });
            self.taken_off += median;
        }
    }
}

impl State for Frequent {
    type Spec = Spec;

    fn new(_: &Spec) -> Frequent {
        Frequent { counts: HashMap::default(), taken_off: 0 }
    }

    fn add(&mut self, spec: &Spec, row: Row) {
        self.count(spec, row.element(&spec.argument), 1);
    }

    fn remove(&mut self, spec: &Spec, row: Row) {
        let value: Value = row.element(&spec.argument);
        if let Some(n) = self.counts.get_mut(&value) {
            *n = n.saturating_sub(1);
            if *n == 0 {
                self.counts.remove(&value);
            }
        }
    }

    fn merge(&mut self, spec: &Spec, from: &Frequent) {
        // In the order of values, so that where there is no room the answer is always the same.
        let mut others: Vec<(&Value, &u64)> = from.counts.iter().collect();
        others.sort_unstable();
        others.into_iter().for_each(|(value, n)| self.count(spec, value.clone(), *n));
        self.taken_off += from.taken_off;
    }

    fn result(&self, spec: &Spec) -> Result<Value, String> {
        if self.counts.is_empty() {
            return Ok(Value::Null);
        }
        let mut counts: Vec<(u64, &Value)> = self.counts.iter().map(|(value, n)| (*n, value)).collect();
        counts.sort_unstable_by(|(n, a), (m, b)| m.cmp(n).then(a.cmp(b)));
        let record = |(n, value): (u64, &Value)| {
            Value::Record([value.clone(), Value::Int((n + self.taken_off) as i64)].into())
        };
        Ok(Value::List(counts.into_iter().take(spec.k).map(record).collect()))
    }

    fn owned_bytes(&self, _: &Spec) -> usize {
        let values: usize = self.counts.keys().map(Element::owned_bytes).sum();
        values + self.counts.capacity() * (size_of::<(Value, u64)>() + 1)
    }

    fn write(&self, _: &Spec, out: &mut SnapshotWriter) {
        out.u64(self.taken_off);
        out.sequence(self.counts.iter(), |out, (value, n)| {
            out.value(value);
            out.u64(*n);
        });
    }

    fn restore(_: &Spec, from: &mut SnapshotReader) -> Result<Frequent, Corrupt> {
        let taken_off = from.total()?;
        let counts = from.sequence(|from| Ok((from.value()?, from.total()?)))?;
        Ok(Frequent { counts: counts.into_iter().collect(), taken_off })
    }
}
