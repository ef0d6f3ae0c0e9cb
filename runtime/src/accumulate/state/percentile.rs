//! `median` and `percentile`: between the two values that lie around a place of the sorted rows.

use crate::accumulate::element::{Element, Float};
use crate::accumulate::side::{Row, State};
use crate::accumulate::sorted::Sorted;
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::types::{Type, TypeKind};
use millstream_ir::value::Value;

pub struct Spec {
    pub argument: (usize, Type),
    /// From 0, the least value, to 1, the greatest.
    pub p: f64,
    pub result: Type,
}

/// Numbers of a column between which there are others.
pub trait Between: Element {
    /// What lies `part` of the way (less than 1) from one number to a greater one.
    fn between(low: &Self, high: &Self, part: f64, spec: &Spec) -> Result<Value, String>;
}

impl Between for i64 {
    fn between(low: &i64, high: &i64, part: f64, spec: &Spec) -> Result<Value, String> {
        let (low, distance) = (*low as i128, *high as i128 - *low as i128);
        // Of times, to the nearest microsecond.
        let half = 1 << (PART_BITS - 1);
        let time = || (low + ((distance * whole_part(part) + half) >> PART_BITS)) as i64;
        Ok(match spec.result.kind {
            TypeKind::Timestamp => Value::Timestamp(time()),
            TypeKind::Duration => Value::Duration(time()),
            _ if part == 0.5 => Value::Float((2 * low + distance) as f64 / 2.0),
            _ => Value::Float(low as f64 + distance as f64 * part),
        })
    }
}

impl Between for Float {
    fn between(low: &Float, high: &Float, part: f64, _: &Spec) -> Result<Value, String> {
        let (low, distance) = (low.0, high.0 - low.0);
        Ok(Value::Float(match distance {
            _ if part == 0.0 || low == high.0 => low,
            // Of two finite numbers, this may be too great for a float.
            f64::INFINITY => low * (1.0 - part) + high.0 * part,
            _ => low + distance * part,
        }))
    }
}

impl Between for i128 {
    fn between(low: &i128, high: &i128, part: f64, spec: &Spec) -> Result<Value, String> {
        let scale = |ty: &Type| if let TypeKind::Decimal(scale) = ty.kind { scale as u32 } else { 0 };
        let unit = 10i128.checked_pow(scale(&spec.result).saturating_sub(scale(&spec.argument.1)));
        let value = unit.and_then(|unit| {
            let low_scaled = low.checked_mul(unit)?;
            let distance = high.checked_sub(*low)?.checked_mul(unit)?;
            let half = |n: i128| n.checked_mul(whole_part(part));
            // In two halves, so that a distance of more than 96 bits has room.
            let (above, below) = (distance >> PART_BITS, distance & ((1 << PART_BITS) - 1));
            let rounded = half_even(half(below)?);
            low_scaled.checked_add(half(above)?.checked_add(rounded)?)
        });
        value
            .filter(|value| value.unsigned_abs() < 10u128.pow(38))
            .map(Value::Decimal)
            .ok_or_else(|| "the percentile does not fit 38 digits".to_string())
    }
}

/// Parts are counted in units of 2^-52.
const PART_BITS: u32 = 52;

fn whole_part(part: f64) -> i128 {
    (part * (1u64 << PART_BITS) as f64) as i128
}

/// Without the lowest bits of a number that is not negative, rounded half to even.
fn half_even(n: i128) -> i128 {
    let (whole, rest) = (n >> PART_BITS, n & ((1 << PART_BITS) - 1));
    let half = 1 << (PART_BITS - 1);
    whole + (rest > half || rest == half && whole % 2 == 1) as i128
}

/// The place of the value among `n`, at least one: how many lie before it, and how far it is to the next.
fn place(n: usize, p: f64) -> (usize, f64) {
    let place = p * (n - 1) as f64;
    let before = (place as usize).min(n - 1);
    (before, if before + 1 < n { place - before as f64 } else { 0.0 })
}

/// The values in their order.
#[derive(Clone)]
pub struct Ordered<E>(Sorted<E>);

impl<E: Between> State for Ordered<E> {
    type Spec = Spec;

    fn new(_: &Spec) -> Ordered<E> {
        Ordered(Sorted::default())
    }

    fn add(&mut self, spec: &Spec, row: Row) {
        self.0.insert(row.element(&spec.argument));
    }

    fn remove(&mut self, spec: &Spec, row: Row) {
        let value: E = row.element(&spec.argument);
        self.0.remove(|other| other.cmp(&value), |_| true);
    }

    fn merge(&mut self, _: &Spec, from: &Ordered<E>) {
        from.0.iter().for_each(|value| self.0.insert(value.clone()));
    }

    fn result(&self, spec: &Spec) -> Result<Value, String> {
        if self.0.is_empty() {
            return Ok(Value::Null);
        }
        let (before, part) = place(self.0.len(), spec.p);
        let Some(low) = self.0.get(before) else { return Ok(Value::Null) };
        E::between(low, self.0.get(before + 1).unwrap_or(low), part, spec)
    }

    fn owned_bytes(&self, _: &Spec) -> usize {
        self.0.bytes()
    }

    fn write(&self, _: &Spec, out: &mut SnapshotWriter) {
        out.count(self.0.len());
        self.0.iter().for_each(|value| value.write(out));
    }

    fn restore(_: &Spec, from: &mut SnapshotReader) -> Result<Ordered<E>, Corrupt> {
        Ok(Ordered(from.sequence(E::restore)?.into_iter().collect()))
    }
}
