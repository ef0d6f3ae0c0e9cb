//! `approx_distinct`: a HyperLogLog sketch of 4096 registers.
//!
//! Of the crate's two estimates we take the one that depends on the registers alone, and so neither on the
//! order of rows nor on how they were split. Its standard error is 1.6 %.

use crate::accumulate::side::{Row, State};
use crate::accumulate::state::distinct::Counted;
use crate::kernel::key::encode;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use datasketches::hash::value::raw_bytes;
use datasketches::hll::{Coupon, HllSketch, HllType, HllUnion};
use millstream_ir::column::ColumnData;
use millstream_ir::types::Type;
use millstream_ir::value::Value;

const LOG_REGISTERS: u8 = 12;

/// None before the first row, and where the crate refuses the number of registers, which it does not.
#[derive(Clone)]
pub struct Cardinality(Option<Box<HllSketch>>);

fn coupon(row: Row, argument: &(usize, Type)) -> Coupon {
    match &row.column(argument.0).data {
        ColumnData::I64(numbers) => Coupon::from_value(numbers[row.number]),
        ColumnData::Text(texts) => Coupon::from_value(raw_bytes::from_slice(texts.bytes(row.number))),
        // A decimal has the same bytes in a narrow column and in a wide one.
        _ => {
            let mut bytes = vec![];
            encode(&row.element::<Value>(argument), &mut bytes);
            Coupon::from_value(raw_bytes::from_slice(&bytes))
        }
    }
}

impl State for Cardinality {
    type Spec = (usize, Type);

    fn new(_: &Self::Spec) -> Cardinality {
        Cardinality(None)
    }

    fn add(&mut self, argument: &Self::Spec, row: Row) {
        if self.0.is_none() {
            self.0 = HllSketch::new(LOG_REGISTERS, HllType::Hll8).ok().map(Box::new);
        }
        if let Some(sketch) = &mut self.0 {
            sketch.update_with_coupon(coupon(row, argument));
        }
    }

    fn remove(&mut self, _: &Self::Spec, _: Row) {
        debug_assert!(false, "the checker refuses `approx_distinct` where rows leave");
    }

    fn merge(&mut self, _: &Self::Spec, from: &Cardinality) {
        let Some(other) = &from.0 else { return };
        let union = self.0.as_ref().and_then(|sketch| {
            let mut union = HllUnion::new(LOG_REGISTERS).ok()?;
            union.update(sketch);
            union.update(other);
            Some(Box::new(union.to_sketch(HllType::Hll8)))
        });
        self.0 = union.or_else(|| Some(other.clone()));
    }

    fn result(&self, _: &Self::Spec) -> Result<Value, String> {
        let estimate = self.0.as_ref().map(|sketch| sketch.composite_estimate());
        Ok(estimate.map_or(Value::Null, |estimate| Value::Int(libm::round(estimate) as i64)))
    }

    fn owned_bytes(&self, _: &Self::Spec) -> usize {
        self.0.as_ref().map_or(0, |sketch| size_of::<HllSketch>() + sketch.serialize().len())
    }

    fn write(&self, _: &Self::Spec, out: &mut SnapshotWriter) {
        out.sequence(self.0.iter(), |out, sketch| out.bytes(&sketch.serialize()));
    }

    fn restore(_: &Self::Spec, from: &mut SnapshotReader) -> Result<Cardinality, Corrupt> {
        let sketch = |from: &mut SnapshotReader| HllSketch::deserialize(from.bytes()?).map_err(|_| Corrupt);
        Ok(Cardinality(from.sequence(sketch)?.pop().map(Box::new)))
    }
}

/// How many distinct values there are, where rows are taken out again: no sketch can do that. Where rows leave one
/// by one they are kept, and a count of each value is not much beside them.
#[derive(Clone)]
pub struct Exact(Counted<Value>);

impl State for Exact {
    type Spec = (usize, Type);

    fn new(argument: &Self::Spec) -> Exact {
        Exact(Counted::new(argument))
    }

    fn add(&mut self, argument: &Self::Spec, row: Row) {
        self.0.add(argument, row);
    }

    fn remove(&mut self, argument: &Self::Spec, row: Row) {
        self.0.remove(argument, row);
    }

    fn merge(&mut self, argument: &Self::Spec, from: &Exact) {
        self.0.merge(argument, &from.0);
    }

    fn result(&self, argument: &Self::Spec) -> Result<Value, String> {
        let count = self.0.result(argument)?;
        Ok(if count == Value::Int(0) { Value::Null } else { count })
    }

    fn owned_bytes(&self, argument: &Self::Spec) -> usize {
        self.0.owned_bytes(argument)
    }

    fn write(&self, argument: &Self::Spec, out: &mut SnapshotWriter) {
        self.0.write(argument, out);
    }

    fn restore(argument: &Self::Spec, from: &mut SnapshotReader) -> Result<Exact, Corrupt> {
        Counted::restore(argument, from).map(Exact)
    }
}
