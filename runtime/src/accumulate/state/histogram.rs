//! `approx_percentile`: counts in buckets whose bounds grow by a constant factor.
//!
//! This is the DDSketch of Masson, Rim and Lee (VLDB 2019) with all of its buckets: what it answers is at
//! most [`ERROR`] of a value away from the exact one. Counts are kept per bucket, so it depends neither on
//! the order of rows nor on how they were split, and rows can be taken out again. The crates that have it give
//! buckets up as the range of values grows, and can't forget; so this is our own.

use crate::accumulate::side::{Row, State};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::column::ColumnData;
use millstream_ir::types::{Type, TypeKind};
use millstream_ir::value::Value;
use std::collections::BTreeMap;

/// The greatest distance from the exact value, as a part of it.
const ERROR: f64 = 0.01;

pub struct Spec {
    pub argument: (usize, Type),
    pub p: f64,
    pub result: Type,
}

/// Where a number belongs, in the order of numbers. Bucket i of a sign holds magnitudes from
/// g^(i - 1) to g^i, where g is (1 + ERROR) / (1 - ERROR).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Bucket {
    NegativeInfinity,
    /// The number of the bucket with its sign changed, so that greater magnitudes come first.
    Negative(i32),
    Zero,
    Positive(i32),
    PositiveInfinity,
    Nan,
}

fn log_factor() -> f64 {
    libm::log((1.0 + ERROR) / (1.0 - ERROR))
}

impl Bucket {
    fn of(x: f64) -> Bucket {
        let number = |magnitude: f64| libm::ceil(libm::log(magnitude) / log_factor()) as i32;
        match x {
            _ if x.is_nan() => Bucket::Nan,
            0.0 => Bucket::Zero,
            f64::INFINITY => Bucket::PositiveInfinity,
            f64::NEG_INFINITY => Bucket::NegativeInfinity,
            _ if x > 0.0 => Bucket::Positive(number(x)),
            _ => Bucket::Negative(-number(-x)),
        }
    }

    /// The number that is nearest to all of the bucket's, as a part of each.
    fn value(self) -> f64 {
        let middle = |number: i32| libm::exp(number as f64 * log_factor()) * (1.0 - ERROR);
        match self {
            Bucket::NegativeInfinity => f64::NEG_INFINITY,
            Bucket::Negative(number) => -middle(-number),
            Bucket::Zero => 0.0,
            Bucket::Positive(number) => middle(number),
            Bucket::PositiveInfinity => f64::INFINITY,
            Bucket::Nan => f64::NAN,
        }
    }

    fn code(self) -> i64 {
        // Numbers of buckets are below 2^16 in magnitude.
        match self {
            Bucket::NegativeInfinity => -(1 << 40),
            Bucket::Negative(number) => number as i64 - (1 << 20),
            Bucket::Zero => 0,
            Bucket::Positive(number) => number as i64 + (1 << 20),
            Bucket::PositiveInfinity => 1 << 40,
            Bucket::Nan => 1 << 41,
        }
    }

    fn of_code(code: i64) -> Result<Bucket, Corrupt> {
        let number = |code: i64| i32::try_from(code).ok().filter(|n| n.abs() < 1 << 19).ok_or(Corrupt);
        Ok(match code {
            0 => Bucket::Zero,
            _ if code == -(1 << 40) => Bucket::NegativeInfinity,
            _ if code == 1 << 40 => Bucket::PositiveInfinity,
            _ if code == 1 << 41 => Bucket::Nan,
            _ if code > 0 => Bucket::Positive(number(code - (1 << 20))?),
            _ => Bucket::Negative(number(code + (1 << 20))?),
        })
    }
}

#[derive(Clone)]
pub struct Histogram {
    n_rows: u64,
    counts: BTreeMap<Bucket, u64>,
}

fn number(spec: &Spec, row: Row) -> f64 {
    let (column, ty) = &spec.argument;
    match (&row.column(*column).data, &ty.kind) {
        (ColumnData::F64(numbers), _) => numbers[row.number],
        (ColumnData::I64(numbers), TypeKind::Decimal(_)) => numbers[row.number] as f64,
        (ColumnData::I64(numbers), _) => numbers[row.number] as f64,
        (ColumnData::I128(numbers), _) => numbers[row.number] as f64,
        _ => f64::NAN,
    }
}

impl State for Histogram {
    type Spec = Spec;

    fn new(_: &Spec) -> Histogram {
        Histogram { n_rows: 0, counts: BTreeMap::new() }
    }

    fn add(&mut self, spec: &Spec, row: Row) {
        self.n_rows += 1;
        *self.counts.entry(Bucket::of(number(spec, row))).or_default() += 1;
    }

    fn remove(&mut self, spec: &Spec, row: Row) {
        let bucket = Bucket::of(number(spec, row));
        if let Some(count) = self.counts.get_mut(&bucket) {
            self.n_rows -= 1;
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&bucket);
            }
        }
    }

    fn merge(&mut self, _: &Spec, from: &Histogram) {
        self.n_rows += from.n_rows;
        for (bucket, count) in &from.counts {
            *self.counts.entry(*bucket).or_default() += count;
        }
    }

    fn result(&self, spec: &Spec) -> Result<Value, String> {
        let Some(last) = self.n_rows.checked_sub(1) else { return Ok(Value::Null) };
        let place = (spec.p * last as f64) as u64;
        let mut before = 0;
        let found = self.counts.iter().find(|(_, count)| {
            before += **count;
            before > place
        });
        let value = found.map_or(f64::NAN, |(bucket, _)| bucket.value());
        Ok(match (&spec.result.kind, &spec.argument.1.kind) {
            (TypeKind::Duration, _) => Value::Duration(libm::round(value) as i64),
            // Decimals were counted in units of their last digit.
            (_, TypeKind::Decimal(scale)) => Value::Float(value / libm::pow(10.0, *scale as f64)),
            _ => Value::Float(value),
        })
    }

    fn owned_bytes(&self, _: &Spec) -> usize {
        // About, of a tree whose nodes are two thirds full.
        self.counts.len() * 3 * size_of::<(Bucket, u64)>() / 2
    }

    fn write(&self, _: &Spec, out: &mut SnapshotWriter) {
        out.sequence(self.counts.iter(), |out, (bucket, count)| {
            out.i64(bucket.code());
            out.u64(*count);
        });
    }

    fn restore(_: &Spec, from: &mut SnapshotReader) -> Result<Histogram, Corrupt> {
        let counts = from.sequence(|from| Ok((Bucket::of_code(from.i64()?)?, from.total()?)))?;
        let n_rows = counts.iter().try_fold(0u64, |n, (_, more)| n.checked_add(*more)).ok_or(Corrupt)?;
        Ok(Histogram { n_rows, counts: counts.into_iter().collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_bucket_is_near_its_numbers(bits in any::<u64>()) {
            let x = f64::from_bits(bits);
            let bucket = Bucket::of(x);
            prop_assert_eq!(Bucket::of_code(bucket.code()), Ok(bucket));
            let near = bucket.value();
            // Subnormal numbers have too few digits to be near anything.
            if x.is_normal() && near.is_normal() {
                prop_assert!((near - x).abs() <= ERROR * 1.000001 * x.abs(), "{} for {}", near, x);
            } else if !x.is_finite() {
                prop_assert_eq!(Value::Float(near), Value::Float(x));
            }
        }

        #[test]
        fn buckets_are_in_the_order_of_numbers(a in any::<f64>(), b in any::<f64>()) {
            if a < b {
                prop_assert!(Bucket::of(a) <= Bucket::of(b));
            }
        }
    }
}
